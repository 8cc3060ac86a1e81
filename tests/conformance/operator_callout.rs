//! Auth callout of an operator's account (reference security 10; checklist items 162 to 178), with
//! the test as the service.

use harness::callout::{Answer, Request, Service, service_curve};
use harness::operator::{credentials, key_pair, unix_now};
use harness::{Launch, OperatorMode, Server, Session};
use nervure::auth::xkey::CurvePublicKey;
use nervure_core::auth::jwt::{
    CalloutAuthorization, Scope, SigningKey, SubjectLists, UserClaims, UserLimits, UserPermissions,
};
use nervure_core::auth::{Role, Signer};
use serde_json::{Value, json};

use crate::operator::Credentials;
use crate::table::UNAUTHORIZED;

/// The user that the service logs in as.
const SERVICE: u8 = 10;
/// One about whom the service is asked.
const SENTINEL: u8 = 11;

const VIOLATION: &str = "-ERR 'Permissions Violation for Publish to \"$SYS.REQ.USER.AUTH\"'\r\n";

fn account(number: u8) -> Signer {
    key_pair(Role::Account, number)
}

/// A signing key of the service's account, one of `OTHER`, and one of that with a scope.
const OWN_SIGNING: u8 = 30;
const OTHER: u8 = 31;
const OTHER_SIGNING: u8 = 32;
const OTHER_SCOPED: u8 = 33;
/// An account that is not allowed.
const FOREIGN: u8 = 34;

/// `ACC` has a service, which may put users into `OTHER` too.
fn world() -> OperatorMode {
    let mut mode = OperatorMode::new();
    let plain = |number: u8| SigningKey::Plain(account(number).public().to_string());
    mode.account.nats.signing_keys = vec![plain(OWN_SIGNING)];
    mode.account.nats.authorization = CalloutAuthorization {
        auth_users: vec![key_pair(Role::User, SERVICE).public().to_string()],
        allowed_accounts: vec![account(OTHER).public().to_string()],
        xkey: String::new(),
    };
    let mut other = OperatorMode::account("OTHER", &account(OTHER));
    let allow = Some(vec!["{{name()}}.>".to_owned()]);
    let publish = SubjectLists { allow, deny: None };
    let template = UserLimits {
        permissions: UserPermissions { publish, ..UserPermissions::default() },
        subs: -1,
        data: -1,
        payload: -1,
        ..UserLimits::default()
    };
    let key = account(OTHER_SCOPED).public().to_string();
    let scope = Scope { key, template, ..Scope::default() };
    other.nats.signing_keys = vec![plain(OTHER_SIGNING), SigningKey::Scoped(Box::new(scope))];
    mode.others = vec![other, OperatorMode::account("FOREIGN", &account(FOREIGN))];
    mode
}

fn start(mode: &OperatorMode) -> (Server, Service) {
    let text = mode.config() + "authorization { timeout: 20 }\n";
    let server = Launch::new().config(text).start();
    let token = mode.user(SERVICE).encode(&mode.account_key).expect("a user's claims");
    let mut session = server.session();
    let members = credentials(&session, &token, &key_pair(Role::User, SERVICE));
    session.hello(&format!("{members},\"headers\":true"));
    session.send("SUB $SYS.REQ.USER.AUTH A\r\n").expect_open();
    (server, Service { session })
}

/// A bearer of a token that is good for nothing.
fn sentinel(mode: &OperatorMode) -> UserClaims {
    let mut user = mode.user(SENTINEL);
    user.name = "sentinel".to_owned();
    let limits = &mut user.nats.limits;
    limits.bearer_token = true;
    limits.permissions.publish.deny = Some(vec![">".to_owned()]);
    limits.permissions.subscribe.deny = Some(vec![">".to_owned()]);
    user
}

/// Comes with the sentinel, and a name and password.
fn alice(server: &Server, mode: &OperatorMode) -> (Session, String) {
    let token = sentinel(mode).encode(&mode.account_key).expect("a user's claims");
    let mut session = server.session();
    let options = json!({
        "verbose": false, "pedantic": false, "protocol": 1, "lang": "py", "version": "1",
        "jwt": token, "user": "alice", "pass": "w",
    });
    session.send(format!("CONNECT {options}\r\nPING\r\n"));
    (session, token)
}

fn is_in(session: &mut Session) -> Value {
    session.expect("PONG\r\n").read_info()
}

fn is_refused(session: &mut Session) {
    session.expect(UNAUTHORIZED).expect_closed();
}

/// The answer of a service that puts its users into its own account.
fn placing(mode: &OperatorMode, request: &Request) -> Answer {
    Answer {
        signer: mode.account_key.clone(),
        user_signer: mode.account_key.clone(),
        ..Answer::placing(request, "")
    }
}

fn serve(service: &mut Service, mode: &OperatorMode, change: impl FnOnce(&mut Answer)) -> Request {
    let request = service.request();
    let mut answer = placing(mode, &request);
    change(&mut answer);
    service.answer(&request, &answer);
    request
}

#[test]
fn s162_s164_what_the_service_is_told_of_a_bearer() {
    let mode = world();
    let (server, mut service) = start(&mode);
    let (mut session, token) = alice(&server, &mode);
    let request = serve(&mut service, &mode, |_| {});
    assert_eq!(request.claims.sub, mode.account.sub);
    let (mut client, connect) =
        (request.json["nats"]["client_info"].clone(), &request.json["nats"]["connect_opts"]);
    client.as_object_mut().expect("an object").remove("id");
    let expected = json!({
        "host": "127.0.0.1", "user": "alice", "name_tag": "sentinel", "kind": "Client",
        "type": "nats",
    });
    assert_eq!(client, expected);
    let expected = json!({
        "jwt": token, "user": "alice", "pass": "w", "lang": "py", "version": "1", "protocol": 1,
    });
    assert_eq!(*connect, expected);
    assert_eq!(is_in(&mut session)["remote_account"], mode.account.sub);
}

#[test]
fn s162_s164_what_the_service_is_told_of_a_signer() {
    let mode = world();
    let (server, mut service) = start(&mode);
    let mut user = mode.user(SENTINEL);
    user.tags = vec!["a:b".to_owned()];
    let token = user.encode(&mode.account_key).expect("a user's claims");
    let mut session = server.session();
    let members = credentials(&session, &token, &key_pair(Role::User, SENTINEL));
    session.send(format!("CONNECT {{\"verbose\":false,{members}}}\r\nPING\r\n"));
    let request = serve(&mut service, &mode, |_| {});
    let nats = &request.claims.nats;
    let (client, connect) = (&nats.client_info, &nats.connect_opts);
    assert_eq!((&client.user, &client.name_tag), (&user.sub, &user.name));
    assert_eq!(client.tags, user.tags);
    assert_eq!(client.nonce, session.info()["nonce"]);
    assert_eq!((&connect.jwt, connect.sig.is_empty()), (&token, false));
    is_in(&mut session);
}

#[test]
fn s165_s174_auth_users_are_let_in_but_do_not_speak_for_the_server() {
    let mode = world();
    let (server, mut service) = start(&mode);
    service.session.send("PUB $SYS.REQ.USER.AUTH 1\r\nx\r\n").expect(VIOLATION).expect_open();
    let (mut placed, _) = alice(&server, &mode);
    serve(&mut service, &mode, |_| {});
    is_in(&mut placed);
    placed.send("PUB $SYS.REQ.USER.AUTH 1\r\nx\r\n").expect(VIOLATION).expect_open();
    // An account without a service has no part in it.
    let other = Credentials::new(12, &mode.user(12), &account(FOREIGN));
    let (_, info) = other.log_in(&server);
    assert_eq!(info["remote_account"], account(FOREIGN).public().to_string());
    service.session.expect_open();
}

#[test]
fn s165_a_token_that_is_no_good_reaches_no_service() {
    let mode = world();
    let (server, mut service) = start(&mode);
    let mut session = server.session();
    let token = sentinel(&mode).encode(&account(FOREIGN)).expect("a user's claims");
    session.send(format!("CONNECT {{\"verbose\":false,\"jwt\":\"{token}\"}}\r\n"));
    let mut unsigned = server.session();
    let token = mode.user(SENTINEL).encode(&mode.account_key).expect("a user's claims");
    unsigned.send(format!("CONNECT {{\"verbose\":false,\"jwt\":\"{token}\"}}\r\n"));
    service.session.expect_open();
}

/// Who signs the response, who signs the user, for which account, and where he is then.
#[test]
fn s167_s168_the_user_is_placed_by_issuer() {
    let mode = world();
    let own = mode.account_key.clone();
    let (id, other) = (mode.account.sub.as_str(), account(OTHER).public().to_string());
    let rows = [
        (own.clone(), own.clone(), "", id),
        (account(OWN_SIGNING), own.clone(), "", id),
        (own.clone(), account(OWN_SIGNING), id, id),
        (own.clone(), account(OTHER), "", other.as_str()),
        (own.clone(), account(OTHER_SIGNING), other.as_str(), other.as_str()),
    ];
    let (server, mut service) = start(&mode);
    for (signer, user_signer, issuer_account, place) in rows {
        let (mut session, _) = alice(&server, &mode);
        let permission = SubjectLists { allow: Some(vec!["app.>".to_owned()]), deny: None };
        serve(&mut service, &mode, |answer| {
            (answer.signer, answer.user_signer) = (signer, user_signer);
            answer.user.nats.issuer_account = issuer_account.to_owned();
            answer.user.nats.limits.permissions.publish = permission;
        });
        assert_eq!(is_in(&mut session)["remote_account"], place);
        session.send("PUB app.x 1\r\nx\r\nPUB other 1\r\nx\r\n");
        session.expect("-ERR 'Permissions Violation for Publish to \"other\"'\r\n").expect_open();
    }
}

#[test]
fn s168_a_scope_says_what_its_users_may_do() {
    let mode = world();
    let (server, mut service) = start(&mode);
    let (mut session, _) = alice(&server, &mode);
    serve(&mut service, &mode, |answer| {
        answer.user_signer = account(OTHER_SCOPED);
        answer.user.name = "bob".to_owned();
        answer.user.nats.issuer_account = account(OTHER).public().to_string();
        answer.user.nats.limits = UserLimits::default();
    });
    assert_eq!(is_in(&mut session)["remote_account"], account(OTHER).public().to_string());
    session.send("PUB bob.x 1\r\nx\r\nPUB other 1\r\nx\r\n");
    session.expect("-ERR 'Permissions Violation for Publish to \"other\"'\r\n").expect_open();
}

#[test]
fn s167_any_account_may_be_allowed() {
    let mut mode = world();
    mode.account.nats.authorization.allowed_accounts = vec!["*".to_owned()];
    let (server, mut service) = start(&mode);
    for (key, place) in
        [(account(FOREIGN), account(FOREIGN)), (mode.system_key.clone(), mode.system_key.clone())]
    {
        let (mut session, _) = alice(&server, &mode);
        serve(&mut service, &mode, |answer| answer.user_signer = key);
        assert_eq!(is_in(&mut session)["remote_account"], place.public().to_string());
    }
}

#[test]
fn s169_the_user_expires() {
    let mode = world();
    let (server, mut service) = start(&mode);
    let (mut session, _) = alice(&server, &mode);
    serve(&mut service, &mode, |answer| answer.user.exp = unix_now() + 2);
    is_in(&mut session);
    assert_eq!(session.read_line_answering(), b"-ERR 'User Authentication Expired'");
    session.expect_closed();
}

/// What the service says, and what the log says to that.
type Failure = (fn(&mut Answer), &'static str);

const FAILURES: &[Failure] = &[
    (|a| a.signer = account(OTHER), "Auth callout signing key is unknown"),
    (
        |a| a.user_signer = account(FOREIGN),
        "not permitted as valid account option for auth callout",
    ),
    (
        // A signing key, but it is not said whose.
        |a| a.user_signer = account(OTHER_SIGNING),
        "not permitted as valid account option for auth callout",
    ),
    (
        |a| {
            a.user_signer = account(OWN_SIGNING);
            a.user.nats.issuer_account = account(OTHER).public().to_string();
        },
        "",
    ),
    (
        |a| {
            a.user_signer = account(OTHER_SCOPED);
            a.user.nats.issuer_account = account(OTHER).public().to_string();
        },
        "",
    ),
    (
        |a| a.user.sub = key_pair(Role::User, 40).public().to_string(),
        "Expected authorized user of \"U",
    ),
    (|a| a.user.exp = unix_now() - 10, "Error validating user JWT: claim is expired"),
    (
        |a| (a.response.nats.error, a.has_user) = ("no, sir".to_owned(), false),
        "Auth callout service returned an error: no, sir",
    ),
];

#[test]
fn s167_s169_s172_bad_answers_are_refused_at_once() {
    let mode = world();
    let (server, mut service) = start(&mode);
    for (change, text) in FAILURES {
        let already = server.log().matches(text).count();
        let (mut session, _) = alice(&server, &mode);
        serve(&mut service, &mode, change);
        is_refused(&mut session);
        if !text.is_empty() {
            let more = || (server.log().matches(text).count() > already).then_some(());
            harness::eventually(text, more);
        }
    }
}

/// Allowed accounts are looked up when they are needed.
#[test]
fn s167_an_account_that_is_not_there() {
    let mut mode = world();
    let stranger = account(50);
    mode.account.nats.authorization.allowed_accounts = vec![stranger.public().to_string()];
    let (server, mut service) = start(&mode);
    let (mut session, _) = alice(&server, &mode);
    serve(&mut service, &mode, |answer| answer.user_signer = stranger);
    is_refused(&mut session);
}

#[test]
fn s173_sealed_requests_and_answers() {
    let mut mode = world();
    mode.account.nats.authorization.xkey = service_curve().public_key();
    let (server, mut service) = start(&mode);
    for (sealed, signer, good) in [
        (true, mode.account_key.clone(), true),
        (true, account(FOREIGN), true),
        (false, mode.account_key.clone(), true),
        (false, account(FOREIGN), false),
    ] {
        let (mut session, _) = alice(&server, &mode);
        let request = service.sealed_request();
        let key = request.json["nats"]["server_id"]["xkey"].as_str().expect("the server's key");
        let key = CurvePublicKey::parse(key).expect("a curve key");
        let token = Answer { signer, ..placing(&mode, &request) }.token();
        let octets = match sealed {
            true => service_curve().seal(token.as_bytes(), &key).expect("a sealed answer"),
            false => token.into_bytes(),
        };
        service.say(&request, &octets);
        if good {
            is_in(&mut session);
        } else {
            is_refused(&mut session);
        }
    }
}
