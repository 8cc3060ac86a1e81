//! What `accounts` does to the options.

use std::time::Duration;

use nervure_core::auth::{ConnectionType, ConnectionTypes, PublicKey};

use super::{Memory, loaded};
use crate::options::{
    AccountLimitOptions, AccountOptions, ExportKind, ExportOptions, ImportKind, ImportOptions,
    LatencyOptions, Response, Sampling, ServiceOptions, TraceOptions,
};

const ACCOUNT: &str = "AC5AFDPZTC276Z2ELVARV335XE5CK63AJFWZ2SG5QZAQ76FDF577H3J5";
const USER: &str = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";

fn accounts(text: &str) -> Vec<AccountOptions> {
    loaded(text).options.accounts
}

/// The only export of a text's first account.
fn export(text: &str) -> ExportOptions {
    let text = format!("accounts {{A: {{exports: [{{{text}}}]}}, B: {{}}}}");
    let [export] = accounts(&text).swap_remove(0).exports.try_into().unwrap();
    export
}

/// What the first account imports by a text.
fn import(text: &str) -> ImportOptions {
    let exports = "[{stream: 'x.*'}, {service: 'x.*'}, {service: s}]";
    let text = format!("accounts {{A: {{imports: [{{{text}}}]}}, B: {{exports: {exports}}}}}");
    let [import] = accounts(&text).swap_remove(0).imports.try_into().unwrap();
    import
}

#[test]
fn accounts_are_kept_in_their_order() {
    for text in [
        "accounts: [B, A, '$SYS']",
        "ACCOUNTS {B: {}, A: {}, \"$SYS\": {}}",
        "accounts: [B]\nAccounts {A: {}, \"$SYS\": {}}",
        "b: {}\naccounts {unused: 1, B: $b, A: {}, \"$SYS\": {limits: {max_conn: $unused}}}",
    ] {
        let names: Vec<String> = accounts(text).into_iter().map(|it| it.name).collect();
        assert_eq!(names, ["B", "A", "$SYS"], "{text:?}");
    }
    for text in ["accounts {}", "accounts: []", "accounts: 5", ""] {
        assert_eq!(accounts(text), [], "{text:?}");
    }
    let options = loaded("system: A, no_system: true, accounts: [A]").options;
    assert_eq!(options.system_account.as_deref(), Some("A"));
    assert!(options.no_system_account);
}

#[test]
fn an_account_knows_its_place_key_limits_mappings_and_traces() {
    let text = format!(
        "port: 1\naccounts {{A: {{nkey: {ACCOUNT}, mappings: {{a: b}}, maps: {{c: d}}, trace_dest: t,\n\
         limits: {{max_conn: 3, max_subs: 0, max_pay: -1, max_leafnodes: -7}}}},\n\
         B: {{limits: {{max_payload: 1K, max_connections: -1}}, msg_trace: {{dest: t, sampling: 5%}}}}}}"
    );
    let mut all = accounts(&text).into_iter();
    let a = all.next().unwrap();
    assert_eq!(a.pos.to_string(), "s.conf:2:1");
    assert_eq!(a.nkey, Some(PublicKey::parse(ACCOUNT).unwrap()));
    let sources: Vec<&str> = a.mappings.iter().map(|mapping| mapping.source()).collect();
    assert_eq!(sources, ["a", "c"]);
    assert_eq!(a.msg_trace, Some(TraceOptions { destination: "t".to_owned(), sampling: 100 }));
    let expected = AccountLimitOptions {
        max_connections: Some(3),
        max_subscriptions: Some(0),
        max_payload: None,
        max_leafnodes: Some(0),
    };
    assert_eq!(a.limits, expected);
    let b = all.next().unwrap();
    assert_eq!(b.nkey, None);
    assert_eq!(b.msg_trace.map(|trace| trace.sampling), Some(5));
    let expected =
        AccountLimitOptions { max_payload: Some(1000), ..AccountLimitOptions::default() };
    assert_eq!(b.limits, expected);
}

#[test]
fn users_of_accounts_are_among_the_others_and_know_their_account() {
    let text = format!(
        "accounts {{A: {{users: [{{user: a, password: b, clients: mqtt}}, {{nkey: {USER}}}], \
         Users: [{{user: c}}]}}, B: {{users: [{{user: d}}]}}}}\n\
         authorization {{users: [{{user: e}}]}}\nno_auth_user: d"
    );
    let options = loaded(&text).options;
    let auth = options.auth;
    let users: Vec<_> =
        auth.users.iter().map(|user| (user.name.as_str(), user.account.as_deref())).collect();
    assert_eq!(users, [("e", None), ("a", Some("A")), ("c", Some("A")), ("d", Some("B"))]);
    assert_eq!(auth.users[1].password, "b");
    assert_eq!(auth.users[1].types, ConnectionTypes::default().with(ConnectionType::Mqtt));
    assert_eq!(auth.nkeys[0].account.as_deref(), Some("A"));
    assert!(!auth.single_user);
    assert_eq!(auth.no_auth_user.as_deref(), Some("d"));
    // One user of an account alone is a list too.
    assert!(!loaded("accounts {A: {users: [{user: a}]}}").options.auth.single_user);
}

#[test]
fn default_permissions_are_for_the_users_of_their_account() {
    let text = format!(
        "accounts {{A: {{users: [{{user: a}}, {{user: b, permissions: {{}}}}, {{nkey: {USER}}}], \
         default_permissions: {{pub: x}}}}, B: {{users: [{{user: c}}]}}}}\n\
         authorization {{users: [{{user: d}}], default_permissions: {{pub: y}}}}"
    );
    let auth = loaded(&text).options.auth;
    let may = |user: &str, subject: &str| {
        let user = auth.users.iter().find(|it| it.name == user).unwrap();
        user.permissions.as_ref().is_none_or(|rules| rules.may_publish(subject.as_bytes()))
    };
    assert!(may("a", "x") && !may("a", "y"));
    assert!(may("b", "y") && may("c", "y"));
    assert!(may("d", "y") && !may("d", "x"));
    let nkey = auth.nkeys[0].permissions.as_ref().unwrap();
    assert!(nkey.may_publish(b"x") && !nkey.may_publish(b"y"));
}

#[test]
fn exports_are_taken() {
    let stream = export("stream: 'x.*', accounts: [B, A], account_token_position: 2");
    let expected = ExportOptions {
        kind: ExportKind::Stream,
        subject: "x.*".to_owned(),
        accounts: vec!["B".to_owned(), "A".to_owned()],
        account_token_position: Some(2),
    };
    assert_eq!(stream, expected);
    let ExportKind::Service(terms) =
        export("service: s, response_type: Singleton, latency: l, response_time: 2s").kind
    else {
        panic!("a service");
    };
    let latency = LatencyOptions { subject: "l".to_owned(), sampling: Sampling::Percent(100) };
    let expected = ServiceOptions {
        response: Response::Singleton,
        threshold: Some(Duration::from_secs(2)),
        latency: Some(latency),
        allow_trace: false,
    };
    assert_eq!(terms, expected);
    let public = export("service: s, accounts: [], account_token_position: 0");
    assert_eq!((public.accounts, public.account_token_position), (Vec::new(), None));
    assert_eq!(public.kind, ExportKind::Service(ServiceOptions::default()));
}

#[test]
fn the_terms_of_a_service_are_taken() {
    let terms = |text: &str| match export(&format!("{text}, service: s")).kind {
        ExportKind::Service(terms) => terms,
        ExportKind::Stream => panic!("{text}"),
    };
    for (text, expected) in [
        ("response: single", Response::Singleton),
        ("response: STREAM", Response::Stream),
        ("response: chunk", Response::Chunked),
        ("response_type: chunked", Response::Chunked),
    ] {
        assert_eq!(terms(text).response, expected, "{text}");
    }
    for (text, expected) in [
        ("50", Sampling::Percent(50)),
        ("'1%'", Sampling::Percent(1)),
        ("'100'", Sampling::Percent(100)),
        ("Headers", Sampling::Headers),
    ] {
        let latency =
            terms(&format!("latency: {{subject: l, sampling: {text}, other: 1}}")).latency;
        assert_eq!(latency.map(|it| it.sampling), Some(expected), "{text}");
    }
    for text in ["threshold: 0s", "threshold: '-1s'", "accounts: []"] {
        assert_eq!(terms(text).threshold, None, "{text}");
    }
    assert!(terms("allow_trace: true").allow_trace);
}

#[test]
fn imports_are_taken() {
    let stream = |prefix: Option<&str>, to: Option<&str>, allow_trace| {
        let (prefix, to) = (prefix.map(str::to_owned), to.map(str::to_owned));
        ImportKind::Stream { prefix, to, allow_trace }
    };
    let service =
        |to: Option<&str>, share| ImportKind::Service { to: to.map(str::to_owned), share };
    let source = "{account: B, subject: 'x.*'}";
    for (text, expected) in [
        ("stream: %", stream(None, None, false)),
        ("stream: %, prefix: p", stream(Some("p"), None, false)),
        ("prefix: '', to: 'y.$1', stream: %", stream(None, Some("y.$1"), false)),
        ("stream: %, share: true, allow_trace: true", stream(None, None, true)),
        ("service: %", service(None, false)),
        ("share: true, to: 'y.*', service: %", service(Some("y.*"), true)),
        ("service: %, prefix: p, to: ''", service(None, false)),
    ] {
        let import = import(&text.replace('%', source));
        assert_eq!((import.account.as_str(), import.subject.as_str()), ("B", "x.*"), "{text}");
        assert_eq!(import.kind, expected, "{text}");
    }
    assert_eq!(import("to: y, service: {account: B, subject: s}").pos.to_string(), "s.conf:1:32");
}

#[test]
fn what_imports_and_exports_nothing_is_left_out() {
    let text = "accounts {A: {exports: [{}, {accounts: [Z], latency: {subject: l}, threshold: 1s}], \
                imports: [{}, {to: x, prefix: y, share: true}]}}";
    let account = accounts(text).swap_remove(0);
    assert_eq!((account.exports, account.imports), (Vec::new(), Vec::new()));
}

#[test]
fn only_what_is_not_obeyed_is_told() {
    let told = |account: &str| loaded(&format!("accounts {{A: {{{account}}}}}")).options.not_yet;
    for account in [
        "users: [{user: a, permissions: {pub: x}}], default_permissions: {sub: y}",
        "exports: [{service: x, latency: l, threshold: 1s}], limits: {max_conn: 1, max_leafs: -1}",
        "exports: [], imports: [], mappings: {a: b}",
        "jetstream: disabled",
    ] {
        assert_eq!(told(account), Vec::<String>::new(), "{account}");
    }
    for (account, key) in [
        ("jetstream: enabled", "14: \"jetstream\""),
        ("jetstream: {}", "14: \"jetstream\""),
        ("trace_dest: x", "14: \"trace_dest\""),
        ("limits: {max_leafs: 0}", "23: \"max_leafs\""),
        ("exports: [{service: x, allow_trace: true}]", "37: \"allow_trace\""),
    ] {
        let expected = format!("s.conf:1:{key} is accepted but not yet acted upon");
        assert_eq!(told(account), [expected], "{account}");
    }
}

#[test]
fn included_accounts_know_their_file() {
    let files = Memory::default()
        .file(
            "s.conf",
            "port: 1\naccounts {A: {exports: [{stream: x}]}\ninclude b.conf\n}\ninclude c.conf",
        )
        .file("b.conf", "B: {imports: [{stream: {account: A, subject: x}}]}")
        .file("c.conf", "Accounts: [C]");
    let all = files.load("s.conf").unwrap().options.accounts;
    let places: Vec<_> = all.iter().map(|it| (it.name.as_str(), it.pos.to_string())).collect();
    let expected = [("A", "s.conf:2:1"), ("B", "s.conf:2:1"), ("C", "c.conf:1:0")];
    assert_eq!(places, expected.map(|(name, pos)| (name, pos.to_owned())));
    assert_eq!(all[1].imports[0].pos.to_string(), "b.conf:1:15");
}
