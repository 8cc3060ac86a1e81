//! Operator mode (reference security 13, items 81 to 107): tokens that our encoder writes.

use std::time::Duration;

use harness::operator::{credentials, key_pair, unix_now};
use harness::{Launch, OperatorMode, Server, Session, websocket};
use nervure_core::auth::jwt::{
    Revocations, Scope, SigningKey, SubjectLists, TimeRange, UserClaims, UserLimits,
    UserPermissions,
};
use nervure_core::auth::{Role, Signer};
use serde_json::Value;

use crate::authentication::websocket_port;
use crate::table::UNAUTHORIZED;

pub(crate) fn start(mode: &OperatorMode) -> Server {
    Launch::new().config(mode.config()).start()
}

/// The token of a user and his key.
pub(crate) struct Credentials {
    pub(crate) token: String,
    pub(crate) key: Signer,
}

impl Credentials {
    pub(crate) fn new(number: u8, claims: &UserClaims, by: &Signer) -> Self {
        let token = claims.encode(by).expect("a user's claims");
        Self { token, key: key_pair(Role::User, number) }
    }

    /// Logs in; gives the session and the INFO that tells who one has become.
    pub(crate) fn log_in(&self, server: &Server) -> (Session, Value) {
        let mut session = server.session();
        let members = credentials(&session, &self.token, &self.key);
        let info = session.hello(&members);
        (session, info)
    }

    /// Shows another token than his.
    fn is_refused_with(&self, server: &Server, token: &str) {
        Self { token: token.to_owned(), key: self.key.clone() }.is_refused(server);
    }

    pub(crate) fn is_refused(&self, server: &Server) {
        let mut session = server.session();
        let members = credentials(&session, &self.token, &self.key);
        session.send(format!("CONNECT {{\"verbose\":false,{members}}}\r\nPING\r\n"));
        session.expect(UNAUTHORIZED).expect_closed();
    }
}

#[test]
fn s081_a_user_signs_the_nonce_and_is_in_his_account() {
    let mode = OperatorMode::new();
    let server = start(&mode);
    let user = Credentials::new(10, &mode.user(10), &mode.account_key);
    let (mut session, info) = user.log_in(&server);
    assert_eq!(info["remote_account"], mode.account.sub, "{info:#}");
    assert!(info.get("acc_is_sys").is_none(), "{info:#}");
    session.send("SUB a 1\r\nPUB a 2\r\nhi\r\n").expect("MSG a 1 2\r\nhi\r\n");
    let system = Credentials::new(11, &mode.user(11), &mode.system_key);
    let (_, info) = system.log_in(&server);
    assert_eq!(info["acc_is_sys"], true, "{info:#}");
}

#[test]
fn s081_s090_whom_the_chain_does_not_reach_is_refused() {
    let mode = OperatorMode::new();
    let server = start(&mode);
    let good = Credentials::new(10, &mode.user(10), &mode.account_key);
    let key = key_pair(Role::User, 11);
    Credentials { key, token: good.token.clone() }.is_refused(&server);
    let stranger = key_pair(Role::Account, 99);
    Credentials::new(10, &mode.user(10), &stranger).is_refused(&server);
    let mut expired = mode.user(10);
    expired.exp = unix_now() - 5;
    Credentials::new(10, &expired, &mode.account_key).is_refused(&server);
    // One octet of the claims, and one of the signature.
    let (claims, signature) = (60, good.token.len() - 10);
    for at in [claims, signature] {
        let mut token = good.token.clone().into_bytes();
        token[at] = if token[at] == b'A' { b'B' } else { b'A' };
        let token = String::from_utf8(token).expect("still a text");
        Credentials { key: good.key.clone(), token }.is_refused(&server);
    }
    good.log_in(&server);
}

#[test]
fn s087_s103_a_scope_and_its_template() {
    let mut mode = OperatorMode::new();
    let key = key_pair(Role::Account, 5);
    let publish = SubjectLists {
        allow: Some(vec!["{{name()}}.{{tag(team)}}.{{account-name()}}".to_owned()]),
        deny: None,
    };
    let template = UserLimits {
        permissions: UserPermissions { publish, ..UserPermissions::default() },
        subs: 5,
        data: -1,
        payload: 100,
        ..UserLimits::default()
    };
    let scope = Scope { key: key.public().to_string(), template, ..Scope::default() };
    mode.account.nats.signing_keys = vec![SigningKey::Scoped(Box::new(scope))];
    let server = start(&mode);
    let mut bob = mode.user(10);
    bob.name = "bob".to_owned();
    bob.tags = vec!["team:a".to_owned(), "team:b".to_owned()];
    bob.nats.issuer_account = mode.account.sub.clone();
    Credentials::new(10, &bob, &key).is_refused(&server);
    bob.nats.limits = UserLimits::default();
    let (mut session, info) = Credentials::new(10, &bob, &key).log_in(&server);
    assert_eq!(info["max_payload"], 100, "{info:#}");
    session.send("SUB > 1\r\nPUB bob.b.ACC 1\r\nx\r\n").expect("MSG bob.b.ACC 1 1\r\nx\r\n");
    session.send("PUB bob.c.ACC 1\r\nx\r\n");
    session.expect("-ERR 'Permissions Violation for Publish to \"bob.c.ACC\"'\r\n").expect_open();
}

#[test]
fn s105_a_revoked_user() {
    let mut mode = OperatorMode::new();
    let user = mode.user(10);
    let revoked = [(user.sub.clone(), user.iat)];
    mode.account.nats.revocations = Revocations(revoked.into());
    let server = start(&mode);
    Credentials::new(10, &user, &mode.account_key).is_refused(&server);
    let newer = UserClaims { iat: user.iat + 1, ..user };
    Credentials::new(10, &newer, &mode.account_key).log_in(&server);
}

/// A range of seconds of the day as claims have it.
fn range(start: i64, end: i64) -> TimeRange {
    let text =
        |second: i64| format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    TimeRange { start: text(start), end: text(end) }
}

#[test]
fn s096_times_of_day() {
    const LAST: i64 = 24 * 60 * 60 - 1;
    let mode = OperatorMode::new();
    let server = start(&mode);
    // Not so near to midnight that it comes in between.
    let second = harness::eventually_within(Duration::from_secs(30), "a time of day", || {
        Some(unix_now().rem_euclid(LAST + 1)).filter(|it| (10..LAST - 10).contains(it))
    });
    let credentials = |range| {
        let mut user = mode.user(10);
        user.nats.limits.times = Some(vec![range]);
        user.nats.limits.times_location = "UTC".to_owned();
        Credentials::new(10, &user, &mode.account_key)
    };
    let (before, after) = ((second - 3600).max(1), (second + 3600).min(LAST - 1));
    credentials(range(before, after)).log_in(&server);
    // Over midnight, the evening before it.
    credentials(range(before, before - 1)).log_in(&server);
    credentials(range(0, before)).is_refused(&server);
    credentials(range(after, LAST)).is_refused(&server);
    // And the morning after.
    credentials(range(after + 1, after)).log_in(&server);
}

#[test]
fn s090_s094_s095_bearers_connection_types_and_networks() {
    let mut mode = OperatorMode::new();
    let server = start(&mode);
    let stranger = key_pair(Role::User, 99);
    let mut user = mode.user(10);
    user.nats.limits.bearer_token = true;
    let token = user.encode(&mode.account_key).expect("a user's claims");
    Credentials { token: token.clone(), key: stranger.clone() }.log_in(&server);
    mode.account.nats.limits.disallow_bearer = true;
    Credentials { token, key: stranger }.is_refused(&start(&mode));

    let with = |change: &dyn Fn(&mut UserLimits)| {
        let mut user = mode.user(10);
        change(&mut user.nats.limits);
        Credentials::new(10, &user, &mode.account_key)
    };
    let types = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        with(&|limits| limits.allowed_connection_types = Some(names.clone()))
    };
    types(&["standard", "NEW"]).log_in(&server);
    types(&["WEBSOCKET"]).is_refused(&server);
    types(&["NEW"]).is_refused(&server);
    let networks = |text: &str| with(&|limits| limits.src = Some(vec![text.to_owned()]));
    networks("127.0.0.0/8").log_in(&server);
    networks("::ffff:127.0.0.0/104").log_in(&server);
    networks("128.0.0.0/8").is_refused(&server);
    networks("127.0.0.1").is_refused(&server);
}

#[test]
fn s091_a_user_expires_while_he_is_connected() {
    let mode = OperatorMode::new();
    let server = start(&mode);
    let mut user = mode.user(10);
    user.exp = unix_now() + 2;
    let (mut session, _) = Credentials::new(10, &user, &mode.account_key).log_in(&server);
    session.expect("-ERR 'User Authentication Expired'\r\n").expect_closed();
    user.exp = 0;
    user.nbf = unix_now() + 60;
    Credentials::new(10, &user, &mode.account_key).is_refused(&server);
}

#[test]
fn s097_s098_s099_s100_limits_of_users_and_accounts() {
    let mut mode = OperatorMode::new();
    mode.account.nats.limits.conn = 2;
    let key = key_pair(Role::Account, 7);
    let mut nothing = OperatorMode::account("NOTHING", &key);
    nothing.nats.limits = Default::default();
    mode.others = vec![nothing];
    let server = start(&mode);
    let full = "-ERR 'maximum account active connections exceeded'\r\n";
    let too_many = |credentials: &Credentials| {
        let mut session = server.session();
        let members = credentials_of(&session, credentials);
        session.send(format!("CONNECT {{\"verbose\":false,{members}}}\r\n"));
        session.expect(full).expect_closed();
    };
    too_many(&Credentials::new(10, &mode.user(10), &key));
    let mut user = mode.user(10);
    user.nats.limits.payload = 10;
    user.nats.limits.subs = 2;
    let (mut one, info) = Credentials::new(10, &user, &mode.account_key).log_in(&server);
    assert_eq!(info["max_payload"], 10, "{info:#}");
    one.send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n");
    one.expect("-ERR 'maximum subscriptions exceeded'\r\n").expect_open();
    let other = Credentials::new(11, &mode.user(11), &mode.account_key);
    let (mut two, _) = other.log_in(&server);
    too_many(&other);
    one.send("PUB x 11\r\n").expect("-ERR 'Maximum Payload Violation'\r\n").expect_closed();
    two.expect_open();
    user.nats.limits.subs = 0;
    let none = Credentials::new(10, &user, &mode.account_key);
    let mut session = server.session();
    let members = credentials_of(&session, &none);
    session.send(format!("CONNECT {{\"verbose\":false,{members}}}\r\n"));
    session.expect("-ERR 'maximum subscriptions exceeded'\r\n").expect_closed();
}

fn credentials_of(session: &Session, of: &Credentials) -> String {
    credentials(session, &of.token, &of.key)
}

#[test]
fn s090_a_token_in_a_cookie_is_signed_for_in_connect() {
    let mode = OperatorMode::new();
    let websocket = "websocket { listen: '127.0.0.1:-1', no_tls: true, jwt_cookie: j }\n";
    let server = Launch::new().config(format!("{}{websocket}", mode.config())).start();
    let port = websocket_port(&server);
    let user = Credentials::new(10, &mode.user(10), &mode.account_key);
    let cookie = format!("Cookie: j={}\r\n", user.token);
    let mut session = websocket::connect(port, &cookie);
    let members = credentials(&session, "", &user.key);
    let info = session.hello(&members);
    assert_eq!(info["remote_account"], mode.account.sub, "{info:#}");
    let mut session = websocket::connect(port, &cookie);
    session.send("CONNECT {\"verbose\":false}\r\nPING\r\n");
    session.expect(UNAUTHORIZED).expect_closed();
}

#[test]
fn logs_say_whose_users_they_are() {
    let mode = OperatorMode::new();
    let server = Launch::new().config(format!("{}debug: true\n", mode.config())).start();
    server.expect_log("  Operator: \"OP\"");
    let user = Credentials::new(10, &mode.user(10), &mode.account_key);
    drop(user.log_in(&server));
    let key = key_pair(Role::User, 10).public();
    server
        .expect_log(&format!("\"{}/ACC/jwt:{key}\" - Client connection closed", mode.account.sub));
    user.is_refused_with(&server, "garbage");
    server.expect_log("authentication error");
}
