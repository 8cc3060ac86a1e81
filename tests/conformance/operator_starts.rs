//! How operator mode is configured, and what it does not go together with (reference security 5.1
//! and 13, items 106 to 110).

use harness::operator::key_pair;
use harness::{Launch, OperatorMode, Scratch};
use nervure_core::auth::Role;

use crate::operator::{Credentials, start};

/// The server says this and does not start.
fn refused(config: &str, text: &str) {
    let ended = Launch::new().config(config).run();
    assert_eq!(ended.code, Some(1), "{config}: {ended:?}");
    // Ours may give a reason more.
    let with_reason = format!("{text} (");
    let said = ended.stderr.lines().any(|line| line.ends_with(text) || line.contains(&with_reason));
    assert!(said, "expected {text}\n got {}", ended.stderr);
}

#[test]
fn s110_what_does_not_go_together() {
    let mode = OperatorMode::new();
    let good = mode.config();
    let operator = good.lines().next().expect("a line").to_owned();
    let stranger = key_pair(Role::Operator, 9);
    let foreign = mode.system.encode(&stranger).expect("an account's claims");
    let (user, account) = (mode.user(10), mode.account.sub.clone());
    let signing = user.encode(&mode.account_key).expect("a user's claims");
    let key = stranger.public().to_string();
    for (more, text) in [
        ("accounts { A {} }", "operators do not allow Accounts to be configured directly"),
        (
            "authorization { users: [{user: a, password: b}] }",
            "operators do not allow users to be configured directly",
        ),
        (
            &*format!("trusted_keys: {key}"),
            "conflicting options for 'TrustedKeys' and 'TrustedOperators'",
        ),
        (
            &*format!("system_account: {account}"),
            "system_account in config and operator JWT must be identical",
        ),
        ("no_auth_user: a", "no_auth_user not compatible with Trusted Operator"),
        ("default_sentinel: eyJ0", "default sentinel JWT not valid"),
        (&*format!("default_sentinel: {signing}"), "default sentinel must be a bearer token"),
        (
            "resolver_pinned_accounts: [foo]",
            "pinned account key \"foo\" is not a valid public account nkey",
        ),
    ] {
        refused(&format!("{good}{more}\n"), text);
    }
    refused(
        &operator,
        "could not fetch <\"/accounts/\">: Get \"/accounts/\": unsupported protocol scheme \"\"",
    );
    refused(
        &format!("{operator}\nresolver: MEMORY\n"),
        "error resolving system account: account missing",
    );
    refused(
        &format!(
            "{operator}\nresolver: MEMORY\nresolver_preload: {{ {}: {foreign} }}\n",
            mode.system.sub
        ),
        "error resolving system account: account validation failed",
    );
    refused("default_sentinel: x", "default sentinel requires operators and accounts");
    let mut newer = OperatorMode::new();
    for (version, part, ours) in
        [("2.99.0", "minor", 15), ("3.0.0", "major", 2), ("2.15.99", "update", 1)]
    {
        newer.operator.nats.assert_server_version = version.to_owned();
        let wanted = version.split('.').map(|it| it.parse::<u32>().expect("a number")).max();
        let wanted = wanted.expect("three numbers");
        let text = format!(
            "operator {} expected {part} version {wanted} > server {part} version {ours}",
            newer.operator.sub
        );
        refused(&newer.config(), &text);
    }
}

#[test]
fn s109_operators_are_given_inline_in_files_and_as_several() {
    let mode = OperatorMode::new();
    let scratch = Scratch::new();
    let token = mode.operator.encode(&mode.operator_key).expect("an operator's claims");
    let decorated =
        format!("-----BEGIN NATS OPERATOR JWT-----\n{token}\n------END NATS OPERATOR JWT------\n");
    let other = key_pair(Role::Operator, 9);
    let mut claims = mode.operator.clone();
    claims.sub = other.public().to_string();
    let other = claims.encode(&other).expect("an operator's claims");
    let path = |name: &str, text: &str| {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).expect("a file can be written");
        path.to_string_lossy().into_owned()
    };
    let (_, rest) =
        mode.config().split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("lines");
    for operators in [
        format!("operator: \"{}\"", path("bare.jwt", &token)),
        format!("operator: \"{}\"", path("decorated.jwt", &decorated)),
        format!("operators: [{other}, {token}]\nsystem_account: {}", mode.system.sub),
    ] {
        let server = Launch::new().config(format!("{operators}\n{rest}")).start();
        let user = Credentials::new(10, &mode.user(10), &mode.account_key);
        user.log_in(&server).0.expect_open();
        let system = Credentials::new(11, &mode.user(11), &mode.system_key);
        assert_eq!(system.log_in(&server).1["acc_is_sys"], true, "{operators}");
    }
}

#[test]
fn s106_strict_operators_do_not_let_identity_keys_sign() {
    let mut mode = OperatorMode::new();
    mode.operator.nats.strict_signing_key_usage = true;
    let key = key_pair(Role::Account, 5);
    let signing = nervure_core::auth::jwt::SigningKey::Plain(key.public().to_string());
    mode.account.nats.signing_keys = vec![signing];
    let server = start(&mode);
    let mut user = mode.user(10);
    Credentials::new(10, &user, &mode.account_key).is_refused(&server);
    user.nats.issuer_account = mode.account.sub.clone();
    Credentials::new(10, &user, &key).log_in(&server).0.expect_open();
}

#[test]
fn s107_pinned_accounts_and_the_system_account() {
    let mut mode = OperatorMode::new();
    let other = key_pair(Role::Account, 5);
    mode.others = vec![OperatorMode::account("OTHER", &other)];
    let pinned = format!("{}resolver_pinned_accounts: [{}]\n", mode.config(), mode.account.sub);
    let server = Launch::new().config(pinned).start();
    let by = |key| Credentials::new(10, &mode.user(10), key);
    by(&mode.account_key).log_in(&server).0.expect_open();
    by(&mode.system_key).log_in(&server).0.expect_open();
    by(&other).is_refused(&server);
}

#[test]
fn s108_the_sentinel_stands_for_those_who_show_no_token() {
    let mode = OperatorMode::new();
    let mut user = mode.user(10);
    user.nats.limits.bearer_token = true;
    let token = user.encode(&mode.account_key).expect("a user's claims");
    let server =
        Launch::new().config(format!("{}default_sentinel: {token}\n", mode.config())).start();
    for members in
        ["\"protocol\":1", "\"protocol\":1,\"jwt\":\"garbage\"", "\"protocol\":1,\"user\":\"a\""]
    {
        let info = server.session().hello(members);
        assert_eq!(info["remote_account"], mode.account.sub, "{members}: {info:#}");
    }
}

#[test]
fn s093_an_account_under_anothers_key_or_by_anothers_operator_is_none() {
    let mut mode = OperatorMode::new();
    let (stranger, other) = (key_pair(Role::Operator, 9), key_pair(Role::Account, 5));
    let foreign = OperatorMode::account("FOREIGN", &other);
    let token = foreign.encode(&stranger).expect("an account's claims");
    mode.others.clear();
    let config = mode.config();
    let config = config.trim_end().trim_end_matches('}');
    let third = key_pair(Role::Account, 6).public().to_string();
    let own = mode.account.encode(&mode.signing_key).expect("an account's claims");
    let config = format!("{config}  {}: {token}\n  {third}: {own}\n}}\n", foreign.sub);
    let server = Launch::new().config(config).start();
    for key in [&other, &key_pair(Role::Account, 6), &key_pair(Role::Account, 7)] {
        Credentials::new(10, &mode.user(10), key).is_refused(&server);
    }
    Credentials::new(10, &mode.user(10), &mode.account_key).log_in(&server).0.expect_open();
}
