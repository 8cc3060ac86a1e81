//! What the keys that are obeyed do to the options.

use std::path::Path;
use std::time::Duration;

use nervure_core::Limits;
use nervure_core::auth::{
    ConnectionType, ConnectionTypes, Lists, Permissions, PublicKey, Responses, Rules, Step,
};

use super::super::validate;
use super::{Memory, loaded};
use crate::options::{
    AuthOptions, CalloutCacheOptions, Deletion, DirectoryKind, DirectoryOptions, FETCH_TIMEOUT,
    HandshakeFirst, Listen, LogOptions, Options, ResolverOptions, SYNC_INTERVAL,
};

fn listen(host: &str, port: u16) -> Listen {
    Listen { host: host.to_owned(), port }
}

fn auth(text: &str) -> AuthOptions {
    loaded(text).options.auth
}

#[test]
fn an_empty_file_gives_the_defaults_and_a_warning() {
    let loaded = loaded("# nothing\n");
    assert_eq!(loaded.warnings, ["s.conf: config has no values or is empty"]);
    let digest = loaded.options.config_digest.clone();
    let expected =
        Options { config_file: Some("s.conf".into()), config_digest: digest, ..Options::default() };
    assert_eq!(loaded.options, expected);
}

#[test]
fn ports_minus_one_and_zero_mean_any_and_default() {
    for (text, expected) in [
        ("port: -1", listen("0.0.0.0", 0)),
        ("port: 0", listen("0.0.0.0", 4222)),
        ("listen: \"127.0.0.1:-1\"", listen("127.0.0.1", 0)),
        ("host: h, listen: 5", listen("h", 5)),
        ("listen: \":4333\"", listen("0.0.0.0", 4333)),
        ("listen: \"[::1]:4333\"", listen("::1", 4333)),
        ("net: a\nPORT: 7", listen("a", 7)),
        ("port: 1, listen: 2", listen("0.0.0.0", 2)),
        ("listen: 2, port: 1", listen("0.0.0.0", 1)),
    ] {
        assert_eq!(loaded(text).options.listen, expected, "{text:?}");
    }
}

#[test]
fn monitoring_listens_where_clients_do_unless_told() {
    let text = "host: h, http_port: -1, https: 'x:8443', http_base_path: /a";
    let options = loaded(text).options;
    assert_eq!(options.http, Some(listen("x", 0)));
    assert_eq!(options.https, Some(listen("x", 8443)));
    assert_eq!(options.http_base_path, "/a");
    assert_eq!(loaded("host: h, http: 8222").options.http, Some(listen("h", 8222)));
    assert_eq!(loaded("http_port: 0").options.http, None);
}

#[test]
fn limits_and_times_are_taken() {
    let text = "max_conn: -1, max_subs: 5, max_sub_tokens: 9, max_control_line: 2kb, \
                max_payload: 8MB, max_pending: 9MB, max_closed_clients: 3, ping_interval: 20s, \
                ping_max: 4, write_deadline: \"1.5s\", write_timeout: RETRY, \
                no_fast_producer_stall: true, lame_duck_duration: 1m30s, \
                lame_duck_grace_period: 1s, no_header_support: true, proxy_protocol: on";
    let options = loaded(text).options;
    let expected = Limits {
        max_control_line: 2048,
        max_payload: 8 << 20,
        max_pending: 9 << 20,
        max_connections: 0,
        max_subscriptions: 5,
        max_sub_tokens: 9,
        ping_interval: Duration::from_secs(20),
        ping_max: 4,
        write_deadline: Duration::from_millis(1500),
        no_fast_producer_stall: true,
        ..Limits::default()
    };
    assert_eq!(options.limits, expected);
    assert_eq!(options.max_closed_clients, 3);
    assert!(options.write_timeout_retry && options.no_header_support && options.proxy_protocol);
    assert_eq!(options.lame_duck_duration, Duration::from_secs(90));
    assert_eq!(options.lame_duck_grace_period, Duration::from_secs(1));
}

#[test]
fn zero_limits_keep_their_defaults() {
    let text = "max_payload: 0, max_pending: 0, max_control_line: 0, ping_interval: \"0\", \
                ping_max: 0, write_deadline: \"0\", authorization {timeout: 0}";
    assert_eq!(loaded(text).options.limits, Limits::default());
}

#[test]
fn integer_seconds_work_with_a_warning() {
    let loaded = loaded("\nping_interval: 120");
    assert_eq!(
        loaded.warnings,
        ["s.conf:2:1: invalid use of field \"ping_interval\": ping_interval should be converted \
          to a duration"]
    );
    assert_eq!(loaded.options.limits.ping_interval, Duration::from_secs(120));
}

#[test]
fn logging_and_files_are_taken() {
    let text = "debug: true, trace_verbose: true, trace_headers: true, max_traced_msg_len: 10, \
                logtime: false, logtime_utc: true, logfile: a.log, log_size_limit: 1MB, \
                log_max_num: 3, pidfile: p, ports_file_dir: d";
    let options = loaded(text).options;
    let expected = LogOptions {
        debug: true,
        trace: true,
        trace_verbose: true,
        trace_headers: true,
        max_traced_msg_len: 10,
        logtime: false,
        logtime_utc: true,
        file: Some("a.log".into()),
        size_limit: 1 << 20,
        max_num: 3,
    };
    assert_eq!(options.log, expected);
    assert_eq!(options.pid_file.as_deref(), Some(Path::new("p")));
    assert_eq!(options.ports_file_dir.as_deref(), Some(Path::new("d")));
}

#[test]
fn identity_is_taken() {
    let text = "server_name: s, server_tags: [\" A:b \", c], server_metadata {k: v}, \
                feature_flags {x: true}, client_advertise: 'a:1'";
    let options = loaded(text).options;
    assert_eq!(options.server_name.as_deref(), Some("s"));
    assert_eq!(options.tags, ["a:b", "c"]);
    assert_eq!(options.metadata.get("k").map(String::as_str), Some("v"));
    assert_eq!(options.feature_flags.get("x"), Some(&true));
    assert_eq!(options.client_advertise, Some(listen("a", 1)));
    assert_eq!(loaded("client_advertise: a").options.client_advertise, Some(listen("a", 0)));
    assert_eq!(loaded("shards: 3").options.shards, 3);
}

#[test]
fn ways_in_are_taken() {
    let single = auth("authorization {user: a, password: $2a$11$x}");
    assert!(single.single_user);
    assert_eq!((&*single.users[0].name, &*single.users[0].password), ("a", "$2a$11$x"));
    assert_eq!(auth("authorization {token: t}").token.as_deref(), Some("t"));
    let list = auth("authorization {users: [{user: a, password: x}, {username: b}]}");
    let names: Vec<_> = list.users.iter().map(|user| &*user.name).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(!list.single_user);
    let empty = AuthOptions { block: true, ..AuthOptions::default() };
    assert_eq!(auth("authorization {}"), empty);
}

/// The permissions of the first user, whose block has these members.
fn permissions(members: &str) -> Permissions {
    let text = format!("authorization {{users: [{{user: a, permissions: {{{members}}}}}]}}");
    let loaded = loaded(&text);
    assert!(loaded.options.not_yet.is_empty());
    let permissions = loaded.options.auth.users[0].permissions.clone();
    (*permissions.expect("a block makes permissions")).clone()
}

#[test]
fn permissions_are_taken() {
    let made = |publish: [&[&str]; 2], subscribe: [&[&str]; 2], responses| {
        let lists = |[allow, deny]: [&[&str]; 2]| {
            let owned = |list: &[&str]| list.iter().map(|&entry| entry.to_owned()).collect();
            Lists { allow: owned(allow), deny: owned(deny) }
        };
        let (publish, subscribe) = (lists(publish), lists(subscribe));
        Permissions::new(&Rules { publish, subscribe, responses }).expect("proper rules")
    };
    let none: [&[&str]; 2] = [&[], &[]];
    for text in ["", "pub: []", "pub: {}", "pub: {allow: []}", "allow_responses: false"] {
        assert!(permissions(text).is_unrestricted(), "{text}");
    }
    assert_eq!(permissions("pub: x"), made([&["x"], &[]], none, None));
    assert_eq!(permissions("publish: {deny: [x, y.>]}"), made([&[], &["x", "y.>"]], none, None));
    assert_eq!(permissions("sub: [a, \"b q.*\"]"), made(none, [&["a", "b q.*"], &[]], None));
    let both = "export: {allow: a, deny: b}, import: c";
    assert_eq!(permissions(both), made([&["c"], &[]], [&["a"], &["b"]], None));
    let responses = |text: &str| permissions(text).responses();
    assert_eq!(responses("allow_responses: true"), Some(Responses::default()));
    let (max, expires) = (Some(5), Some(Duration::from_millis(500)));
    let found = responses("publish_allow_responses: {max_msgs: 5, ttl: \"500ms\"}");
    assert_eq!(found, Some(Responses { max, expires }));
    let found = responses("allow_responses: {max: -1, expires: \"-1s\"}");
    assert_eq!(found, Some(Responses { max: None, expires: None }));
    assert_eq!(responses("allow_responses: {}"), Some(Responses::default()));
}

#[test]
fn default_permissions_are_for_listed_users_without_a_block() {
    let text = "authorization {default_permissions: {pub: x}, \
                users: [{user: a}, {user: b, permissions: {}}]}";
    let users = auth(text).users;
    let restricted = |at: usize| {
        let permissions = users[at].permissions.as_ref();
        permissions.is_some_and(|permissions| !permissions.is_unrestricted())
    };
    assert!(restricted(0) && !restricted(1));
    let single = auth("authorization {user: a, password: b, default_permissions: {pub: x}}");
    assert_eq!(single.users[0].permissions, None);
}

#[test]
fn users_and_keys_are_taken_with_their_conditions() {
    let key = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
    let text = format!(
        "authorization {{proxy_required: true, order: [Users, nkeys], users: [\
         {{user: a, connection_types: websocket, proxy_required: true}}, \
         {{nkey: {key}, clients: [standard, MQTT_WS]}}]}}\n\
         proxies {{trusted: [{{key: {key}}}]}}\nno_auth_user: {key}\n\
         tls {{verify_and_map: true}}"
    );
    let options = loaded(&text).options;
    assert_eq!(options.not_yet, Vec::<String>::new());
    assert_eq!(validate(&options), Ok(()));
    let key = PublicKey::parse(key).unwrap();
    assert_eq!(options.trusted_proxies, [key]);
    assert!(options.tls.is_some_and(|tls| tls.verify && tls.verify_and_map));
    let auth = options.auth;
    assert!(auth.proxy_required && !auth.single_user);
    assert_eq!(auth.order, [Step::Users, Step::Nkeys]);
    let types = ConnectionTypes::default();
    let (user, nkey) = (&auth.users[0], &auth.nkeys[0]);
    assert_eq!(user.types, types.with(ConnectionType::WebSocket));
    assert!(user.proxy_required && !nkey.proxy_required && nkey.key == key);
    let both = types.with(ConnectionType::Standard).with(ConnectionType::MqttWebSocket);
    assert_eq!(nkey.types, both);
    let shown = format!("{:?}", loaded("authorization {token: hush}").options);
    assert!(!shown.contains("hush"), "{shown}");
    for (text, error) in [
        (
            "authorization {order: [ldap]}",
            "s.conf:1:15: unknown step \"ldap\" in authorization order, known are jwt, nkeys, \
             users, token, user, callout",
        ),
        (
            "authorization {order: [callout, user]}",
            "s.conf:1:15: authorization order: \"callout\" can only be the last step",
        ),
        (
            "authorization {order: [user, user]}",
            "s.conf:1:15: authorization order names \"user\" twice",
        ),
    ] {
        assert_eq!(super::refused(text).trim_end(), error);
    }
}

#[test]
fn the_login_timeout_follows_tls() {
    for (text, millis) in [
        ("", 2000),
        ("tls {}", 3000),
        ("tls {timeout: 0.5}", 1500),
        ("tls {timeout: \"5s\"}", 6000),
        ("tls {}, authorization {timeout: 1.5}", 1500),
        ("authorization {timeout: \"300ms\"}", 300),
    ] {
        let expected = Duration::from_millis(millis);
        assert_eq!(loaded(text).options.limits.auth_timeout, expected, "{text:?}");
    }
}

#[test]
fn tls_is_taken() {
    let pem = "-----BEGIN X-----\n";
    let pin = "AB".repeat(32);
    let text = format!(
        "tls {{ cert_file: c, key_file: k, ca_file: a, verify: true, timeout: 4, \
         handshake_first: 300ms, min_version: \"1.3\", connection_rate_limit: 7, \
         cipher_suites: [TLS_AES_128_GCM_SHA256], curve_preferences: [X25519], \
         pinned_certs: [\"{pin}\"] }}\nallow_non_tls: true"
    );
    let source = Memory::default().file("s", text).file("c", pem).file("k", pem).file("a", pem);
    let options = source.load("s").unwrap().options;
    assert!(options.allow_non_tls);
    let tls = options.tls.unwrap();
    assert_eq!(tls.certs, [("c".into(), "k".into())]);
    assert_eq!(tls.ca_file.as_deref(), Some(Path::new("a")));
    assert!(tls.verify && tls.min_tls13);
    assert_eq!(tls.timeout, Some(Duration::from_secs(4)));
    assert_eq!(tls.handshake_first, HandshakeFirst::Auto(Duration::from_millis(300)));
    assert_eq!(tls.connection_rate_limit, 7);
    assert_eq!(tls.cipher_suites, ["TLS_AES_128_GCM_SHA256"]);
    assert_eq!(tls.curve_preferences, ["X25519"]);
    assert_eq!(tls.pinned_certs, [pin.to_lowercase()]);
    let first = |text: &str| loaded(text).options.tls.unwrap().handshake_first;
    assert_eq!(first("tls {first: auto}"), HandshakeFirst::Auto(Duration::from_millis(50)));
    assert_eq!(first("tls {immediate: true}"), HandshakeFirst::Yes);
    assert_eq!(first("tls {handshake_first: \"off\"}"), HandshakeFirst::No);
}

#[test]
fn websocket_is_taken() {
    let text = "websocket\n{\n port: 8080, no_tls: true, advertise: 'a:443', same_origin: true, \
                origins: 'http://x', compress: true, handshake_timeout: 3, \
                headers {X-A: b}, user_cookie: u, ping_interval: 5s, \
                authentication {user: w, password: p, timeout: 9}, no_auth_user: w\n}";
    let websocket = loaded(text).options.websocket.unwrap();
    assert_eq!(websocket.listen, listen("0.0.0.0", 8080));
    assert_eq!(websocket.advertise, Some(listen("a", 443)));
    assert_eq!(websocket.tls, None);
    assert!(websocket.same_origin && websocket.compression);
    assert_eq!(websocket.allowed_origins, ["http://x"]);
    assert_eq!(websocket.handshake_timeout, Some(Duration::from_secs(3)));
    assert_eq!(websocket.headers, [("X-A".to_owned(), "b".to_owned())]);
    assert_eq!(websocket.cookies.user.as_deref(), Some("u"));
    assert_eq!(websocket.ping_interval, Some(Duration::from_secs(5)));
    assert_eq!(websocket.auth_timeout, Some(Duration::from_secs(9)));
    let auth = websocket.auth.unwrap();
    assert_eq!(auth.users[0].name, "w");
    assert_eq!(auth.no_auth_user.as_deref(), Some("w"));
}

#[test]
fn a_websocket_without_its_own_way_in_takes_the_servers() {
    let text = "authorization {users: [{user: a}]}\n\
                websocket {port: -1, no_tls: true, no_auth_user: a}";
    let options = loaded(text).options;
    let auth = options.websocket.clone().and_then(|websocket| websocket.auth).unwrap();
    assert_eq!(auth.users, options.auth.users);
    assert_eq!(auth.no_auth_user.as_deref(), Some("a"));
    assert_eq!(options.auth.no_auth_user, None);
    assert_eq!(validate(&options), Ok(()));
    assert_eq!(loaded("websocket {no_tls: true}").options.websocket, None);
}

#[test]
fn account_resolvers() {
    let resolver =
        |text: &str| loaded(&format!("resolver: {text}")).options.operators.resolver.unwrap();
    for text in ["MEMORY", "mem", "{type: MEMORY}"] {
        assert_eq!(resolver(text), ResolverOptions::Memory, "{text}");
    }
    for (text, url) in [
        ("URL(http://127.0.0.1:1/x)", "http://127.0.0.1:1/x/"),
        ("url(\"https://h/x/\")", "https://h/x/"),
        ("\"URL(http://h)\"", "http://h/"),
        ("URL()", "/"),
    ] {
        assert_eq!(resolver(text), ResolverOptions::Url(url.to_owned()), "{text}");
    }
    let directory = |kind, limit, timeout| {
        let dir = "d/e".into();
        ResolverOptions::Directory(DirectoryOptions { dir, kind, limit, timeout })
    };
    let full = |interval, deletion| DirectoryKind::Full { interval, deletion };
    let cache = |ttl| DirectoryKind::Cache { ttl };
    let second = Duration::from_secs(1);
    for (text, kind, limit, timeout) in [
        ("type: full", full(SYNC_INTERVAL, Deletion::Refused), None, FETCH_TIMEOUT),
        (
            "type: FULL, limit: 5, interval: \"1s\", allow_delete: true, timeout: \"1s\", foo: 5",
            full(second, Deletion::Rename),
            Some(5),
            second,
        ),
        (
            "type: full, limit: -1, interval: \"-1s\", allow_delete: true, hard_delete: true",
            full(SYNC_INTERVAL, Deletion::Remove),
            None,
            FETCH_TIMEOUT,
        ),
        ("type: cache", cache(None), Some(1000), FETCH_TIMEOUT),
        ("type: cache, limit: 2, ttl: \"1s\"", cache(Some(second)), Some(2), FETCH_TIMEOUT),
        ("type: cache, ttl: \"-1s\"", cache(None), Some(1000), FETCH_TIMEOUT),
    ] {
        let got = resolver(&format!("{{dir: \"d/e\", {text}}}"));
        assert_eq!(got, directory(kind, limit, timeout), "{text}");
    }
}

#[test]
fn keys_of_later_versions_are_told() {
    for (text, key) in [
        ("cluster {port: 1}", "cluster"),
        ("gateway {name: a, port: 1}", "gateway"),
        ("leaf {port: 1}", "leaf"),
        ("mqtt {port: 1}", "mqtt"),
        ("jetstream {}", "jetstream"),
        ("jetstream: enabled", "jetstream"),
        ("syslog: true", "syslog"),
        ("prof_port: 1", "prof_port"),
        ("ocsp: true", "ocsp"),
        ("No_Sublist_Cache: true", "No_Sublist_Cache"),
    ] {
        let expected = format!("s.conf:1:0: \"{key}\" is accepted but not yet acted upon");
        assert_eq!(loaded(text).options.not_yet, [expected], "{text:?}");
    }
}

#[test]
fn keys_that_mean_off_are_not_told() {
    let text = "jetstream: false, syslog: false, prof_port: 0, cluster {}, leafnodes {}, \
                accounts {}, system_account: S, no_sys_acc: true, mappings {}, ocsp: off, \
                store_dir: x";
    assert_eq!(loaded(text).options.not_yet, Vec::<String>::new());
    assert!(loaded("jetstream: disabled").options.not_yet.is_empty());
}

#[test]
fn generated_configurations_of_test_harnesses_load() {
    let text = "server_tags [\n  id:ABC\n ]\nauthorization {\n  users [\n     {\n      user: a\n      \
                password: a\n      permissions {\n        subscribe {\n          deny: _INBOX.>\n\
                         }\n       }\n     }\n   ]\n }\n";
    let options = loaded(text).options;
    assert_eq!(options.tags, ["id:abc"]);
    assert!(!options.auth.users[0].permissions.as_ref().is_none_or(|it| it.is_unrestricted()));
    let text = "user_perms = { publish: [\"a\", \"b.>\"], subscribe = \"_INBOX.>\" }\n\
                authorization { users: [ {user: x, password: y, permissions: $user_perms} ] }\n\
                leafnodes { remotes [ { url: leaf://127.0.0.1:7422 } ] }\n\
                jetstream { domain:LEAF }\n";
    assert!(loaded(text).options.auth.users[0].permissions.is_some());
}

#[test]
fn an_auth_callout_is_taken() {
    let issuer = "ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP";
    let xkey = "XDZ4Z77KXTMU6SECVBCUGOI6IQTQ4AMWALAUDIPCP34DEERXBAJCK3SC";
    let text = |more: &str| {
        format!(
            "accounts {{A {{}}}}\nauthorization {{order: [users, callout], auth_callout {{\
             issuer: {issuer}, users: [a, b], acc: A, key: {xkey}, allowed_accounts: [A], {more}}}}}"
        )
    };
    let options = loaded(&text("")).options;
    assert_eq!(options.not_yet, Vec::<String>::new());
    assert_eq!(options.auth.order, [Step::Users, Step::Callout]);
    let callout = options.auth.callout.unwrap();
    assert_eq!((callout.issuer.to_string(), callout.cache), (issuer.to_owned(), None));
    assert_eq!((callout.account.as_deref(), callout.xkey.as_deref()), (Some("A"), Some(xkey)));
    assert_eq!(
        (callout.auth_users, callout.allowed_accounts),
        (vec!["a".into(), "b".into()], vec!["A".into()])
    );
    let cache = |text: &str| loaded(text).options.auth.callout.unwrap().cache.unwrap();
    assert_eq!(cache(&text("cache {}")), CalloutCacheOptions::default());
    let both = cache(&text("cache {max_age: '5m', max_entries: 7}"));
    assert_eq!((both.max_age, both.max_entries), (Duration::from_secs(300), 7));
}
