//! Auth callout in config mode (reference security 10; checklist items 162 to 178), with the test
//! as the service.

use std::time::Duration;

use harness::callout::{Answer, Request, Service, config, issuer, service_curve};
use harness::operator::{key_pair, unix_now};
use harness::tls::Certificates;
use harness::{Launch, Server, Session, websocket};
use nervure::auth::xkey::{CurveKey, CurvePublicKey};
use nervure_core::auth::jwt::{SubjectLists, TimeRange};
use nervure_core::auth::{Role, Seed, signature_text};
use rcgen::CertificateParams;
use serde_json::{Value, json};

use crate::table::UNAUTHORIZED;

/// Long enough for any machine.
const TIMEOUT: u32 = 20;

const ALICE: &str = r#""user":"alice","pass":"wonder","name":"cli","lang":"py","version":"1""#;

fn start(more: &str) -> Server {
    Launch::new().config(config(TIMEOUT, more)).start()
}

/// Sends CONNECT without waiting for what comes of it.
fn connect(mut session: Session, members: &str) -> Session {
    let options = format!("\"verbose\":false,\"pedantic\":false,\"protocol\":1,{members}");
    session.send(format!("CONNECT {{{options}}}\r\nPING\r\n"));
    session
}

fn is_in(session: &mut Session) -> Value {
    session.expect("PONG\r\n").read_info()
}

fn is_refused(session: &mut Session) {
    session.expect(UNAUTHORIZED).expect_closed();
}

/// A client of `alice` that is let in with what `change` makes of the answer.
fn alice(server: &Server, service: &mut Service, change: impl FnOnce(&mut Answer)) -> Session {
    let session = connect(server.session(), ALICE);
    service.serve(change);
    session
}

/// What is particular to a request: client, CONNECT and TLS.
fn particular(request: &Request) -> Value {
    let mut nats = request.json["nats"].clone();
    assert!(nats["client_info"]["id"].as_u64().is_some_and(|id| id > 0), "{nats:#}");
    assert_eq!(nats["client_info"]["host"], "127.0.0.1");
    for common in ["id", "host"] {
        nats["client_info"].as_object_mut().expect("an object").remove(common);
    }
    for common in ["server_id", "user_nkey", "type", "version"] {
        nats.as_object_mut().expect("an object").remove(common);
    }
    nats
}

#[test]
fn s162_s163_a_request_is_signed_by_the_server_and_has_all_members() {
    let text = format!("{}server_name: S1\nserver_tags: [\"az:1\"]\n", config(2, ""));
    let server = Launch::new().config(text).start();
    let mut service = Service::start(&server);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let _client = connect(server.session(), ALICE);
        let request = service.request();
        let claims = &request.claims;
        let id = server.session().info()["server_id"].clone();
        assert_eq!(claims.iss, id);
        assert_eq!(claims.sub, issuer().public().to_string());
        assert_eq!(claims.aud, "nats-authorization-request");
        assert!((2..=3).contains(&(claims.exp - claims.iat)), "{claims:?}");
        assert!((claims.iat - unix_now()).abs() < 60);
        let nats = &request.json["nats"];
        let expected = json!({
            "name": "S1", "host": "127.0.0.1", "id": id, "version": "2.15.1", "tags": ["az:1"],
        });
        assert_eq!(nats["server_id"], expected);
        assert_eq!((&nats["type"], &nats["version"]), (&json!("authorization_request"), &json!(2)));
        let top: Vec<&String> = request.json.as_object().expect("an object").keys().collect();
        assert_eq!(top, ["aud", "exp", "iat", "iss", "jti", "nats", "sub"]);
        assert_eq!(request.message.header, b"");
        let reply =
            String::from_utf8(request.message.reply.clone().expect("a reply")).expect("text");
        let parts: Vec<usize> = reply.split('.').map(str::len).collect();
        assert!(reply.starts_with("$SYS._INBOX.") && parts.len() == 4, "{reply}");
        seen.push(claims.nats.user_nkey.clone());
    }
    assert!(seen[0].starts_with('U') && seen[0] != seen[1]);
}

#[test]
fn s162_s164_what_clients_show_over_tcp() {
    // A user with a key, so that INFO has something to sign.
    let key = key_pair(Role::User, 30);
    let public = key.public();
    let text =
        config(TIMEOUT, "").replace("users [ {", &format!("users [ {{ nkey: {public} }}, {{"));
    let text = text.replacen(&format!("{{ nkey: {public} }}, "), "", 3);
    let server = Launch::new().config(text).start();
    let mut service = Service::start(&server);
    let client = |members: Value| {
        let mut all = json!({ "kind": "Client", "type": "nats" });
        merge(&mut all, &members);
        all
    };
    let opts = |members: Value| {
        let mut all = json!({ "lang": "py", "version": "1", "protocol": 1 });
        merge(&mut all, &members);
        all
    };
    let rows = [
        (
            r#""user":"alice","pass":"wonder","name":"cli""#,
            client(json!({ "user": "alice", "name": "cli" })),
            opts(json!({ "user": "alice", "pass": "wonder", "name": "cli" })),
        ),
        (
            r#""auth_token":"tok""#,
            client(json!({ "user": "[REDACTED]" })),
            opts(json!({ "auth_token": "tok" })),
        ),
        (
            r#""auth_token":"tok","user":"u""#,
            client(json!({ "user": "u" })),
            opts(json!({ "auth_token": "tok", "user": "u" })),
        ),
        (r#""name":"""#, client(json!({})), opts(json!({}))),
        (
            r#""jwt":"eyJ0eXAi.e30.x","user":"alice""#,
            client(json!({ "user": "alice" })),
            opts(json!({ "user": "alice" })),
        ),
    ];
    for (members, client_info, connect_opts) in rows {
        let members = format!("{members},\"lang\":\"py\",\"version\":\"1\"");
        let mut session = connect(server.session(), &members);
        let request = service.serve(|_| {});
        let expected = json!({ "client_info": client_info, "connect_opts": connect_opts });
        assert_eq!(particular(&request), expected, "{members}");
        is_in(&mut session);
    }
    let session = server.session();
    let nonce = session.info()["nonce"].as_str().expect("something to sign").to_owned();
    let sig = signature_text(&key_pair(Role::User, 31).sign(nonce.as_bytes()));
    let stranger = key_pair(Role::User, 31).public().to_string();
    let members = json!({ "nkey": stranger, "sig": sig, "lang": "py", "version": "1" }).to_string();
    let mut session = connect(session, members.trim_matches(['{', '}']));
    let request = service.serve(|_| {});
    let expected = json!({
        "client_info": client(json!({ "user": stranger, "nonce": nonce })),
        "connect_opts": opts(json!({ "nkey": stranger, "sig": sig })),
    });
    assert_eq!(particular(&request), expected);
    is_in(&mut session);
}

fn merge(all: &mut Value, more: &Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
}

#[test]
fn s162_what_clients_show_over_websocket() {
    let websocket = "websocket { listen: '127.0.0.1:-1', no_tls: true, \
                     user_cookie: u, pass_cookie: p, token_cookie: t }\n";
    let server = Launch::new().config(config(TIMEOUT, "") + websocket).start();
    let line = server.expect_log("Listening for websocket clients on");
    let port = line.rsplit(':').next().and_then(|port| port.trim().parse().ok()).expect("a port");
    let mut service = Service::start(&server);
    let rows = [
        ("", r#""user":"w","pass":"x""#, "w", json!({ "user": "w", "pass": "x", "protocol": 1 })),
        (
            "Cookie: u=cu; p=cp; t=ct\r\nX-Forwarded-For: 1.2.3.4\r\n",
            r#""name":"""#,
            "cu",
            json!({ "user": "cu", "pass": "cp", "auth_token": "ct", "protocol": 1 }),
        ),
    ];
    for (headers, members, user, connect_opts) in rows {
        let mut session = connect(websocket::connect(port, headers), members);
        let request = service.serve(|_| {});
        let client_info = json!({ "kind": "Client", "type": "websocket", "user": user });
        let expected = json!({ "client_info": client_info, "connect_opts": connect_opts });
        assert_eq!(particular(&request), expected);
        is_in(&mut session);
    }
}

#[test]
fn s162_what_clients_show_over_tls() {
    let certificates = Certificates::new();
    let client = certificates.issue(&CertificateParams::default());
    for (more, verified) in [("verify: true", true), ("", false)] {
        let text = certificates.block(more) + &config(TIMEOUT, "");
        let server = Launch::new().config(text).start();
        // The service comes without TLS where it cannot.
        let members = r#""user":"auth","pass":"right","headers":true"#;
        let mut session = certificates.upgrade_as(server.port(), &client);
        session.hello(members);
        session.send("SUB $SYS.REQ.USER.AUTH A\r\n").expect_open();
        let mut service = Service { session };
        let mut alice = connect(certificates.upgrade_as(server.port(), &client), ALICE);
        let request = service.serve(|_| {});
        let tls = &request.json["nats"]["client_tls"];
        assert_eq!(tls["version"], "1.3", "{tls:#}");
        assert!(tls["cipher"].as_str().is_some_and(|name| name.starts_with("TLS_")), "{tls:#}");
        assert!(tls.get("certs").is_none(), "{tls:#}");
        match tls.get("verified_chains").and_then(Value::as_array) {
            None => assert!(!verified, "{tls:#}"),
            Some(chains) => {
                assert!(verified && chains.len() == 1, "{tls:#}");
                let chain = chains[0].as_array().expect("a chain");
                assert_eq!(chain.len(), 2, "{tls:#}");
                for pem in chain {
                    let pem = pem.as_str().expect("text");
                    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\nMII"), "{pem}");
                    assert!(pem.ends_with("\n-----END CERTIFICATE-----\n"), "{pem}");
                    assert!(pem.lines().all(|line| line.len() <= 64), "{pem}");
                }
            }
        }
        is_in(&mut alice);
    }
}

#[test]
fn s165_auth_users_are_the_servers_own_affair() {
    let server = start("");
    let mut service = Service::start(&server);
    let mut right = connect(server.session(), r#""user":"auth","pass":"right""#);
    assert_eq!(is_in(&mut right)["remote_account"], "AUTH");
    is_refused(&mut connect(server.session(), r#""user":"auth","pass":"wrong""#));
    service.session.expect_open();
}

/// Who is delegated shows by being let in as somebody else: the service answers everybody.
#[test]
fn s166_whose_accounts_are_delegated() {
    let rows = [
        ("", "app", "right", true),
        ("", "app", "wrong", true),
        ("", "sys", "right", true),
        ("", "nobody", "x", true),
        ("allowed_accounts: [APP]", "app", "right", true),
        ("allowed_accounts: [APP]", "app", "wrong", true),
        ("allowed_accounts: [APP]", "other", "right", false),
        ("allowed_accounts: [APP]", "other", "wrong", true),
        ("allowed_accounts: [APP]", "sys", "right", false),
        ("allowed_accounts: [APP]", "nobody", "x", true),
    ];
    for more in ["", "allowed_accounts: [APP]"] {
        let server = start(more);
        let mut service = Service::start(&server);
        for (_, user, pass, delegated) in rows.iter().filter(|row| row.0 == more) {
            let members = format!("\"user\":\"{user}\",\"pass\":\"{pass}\"");
            let mut session = connect(server.session(), &members);
            if *delegated {
                service.serve(|answer| answer.user.aud = "$G".to_owned());
            }
            let account = if *delegated { "$G" } else { &user.to_uppercase() };
            assert_eq!(is_in(&mut session)["remote_account"], account, "{more} {user} {pass}");
        }
        service.session.expect_open();
    }
}

/// A hashed password of an account that is not delegated is checked; a wrong one is nobody's.
#[test]
fn s166_hashed_passwords_before_a_callout() {
    let hash = bcrypt::hash("right", 4).expect("a hash");
    let text = config(TIMEOUT, "allowed_accounts: [APP]");
    let text = text.replace("other, password: right", &format!("other, password: \"{hash}\""));
    let server = Launch::new().config(text).start();
    let mut service = Service::start(&server);
    let mut session = connect(server.session(), r#""user":"other","pass":"right""#);
    assert_eq!(is_in(&mut session)["remote_account"], "OTHER");
    let mut session = connect(server.session(), r#""user":"other","pass":"wrong""#);
    service.serve(|_| {});
    assert_eq!(is_in(&mut session)["remote_account"], "APP");
}

#[test]
fn s167_the_user_is_placed_by_audience() {
    let server = start("allowed_accounts: [APP]");
    let mut service = Service::start(&server);
    for account in ["APP", "OTHER", "$G", "SYS", "AUTH"] {
        let mut session =
            alice(&server, &mut service, |answer| answer.user.aud = account.to_owned());
        let info = is_in(&mut session);
        assert_eq!(info["remote_account"], account, "{info:#}");
        assert_eq!(info.get("acc_is_sys").is_some(), account == "SYS", "{info:#}");
    }
}

#[test]
fn s168_s169_s170_what_the_user_may_do() {
    let server = start("");
    let mut service = Service::start(&server);
    let mut session = alice(&server, &mut service, |answer| {
        answer.user.name = "bob".to_owned();
        let limits = &mut answer.user.nats.limits;
        limits.permissions.publish =
            SubjectLists { allow: Some(vec!["app.>".to_owned()]), deny: None };
        // None of these counts.
        limits.src = Some(vec!["10.0.0.0/8".to_owned()]);
        (limits.subs, limits.payload, limits.data) = (1, 1, 1);
        limits.allowed_connection_types = Some(vec!["WEBSOCKET".to_owned()]);
    });
    is_in(&mut session);
    session.send("SUB a 1\r\nSUB app.x 2\r\nPUB app.x 5\r\nhello\r\n");
    session.expect("MSG app.x 2 5\r\nhello\r\n").send("PUB other 1\r\nx\r\n");
    session.expect("-ERR 'Permissions Violation for Publish to \"other\"'\r\n").expect_open();
    server.expect_log_where("bob, who may not", |line| {
        line.contains("bob") && line.contains("Publish Violation")
    });
}

#[test]
fn s169_the_user_expires() {
    let server = start("");
    let mut service = Service::start(&server);
    let mut session = alice(&server, &mut service, |answer| answer.user.exp = unix_now() + 2);
    is_in(&mut session);
    let line = session.read_line_answering();
    assert_eq!(line, b"-ERR 'User Authentication Expired'");
    session.expect_closed();
}

#[test]
fn s174_nobody_else_speaks_to_the_service() {
    let server = start("");
    let mut service = Service::start(&server);
    let violation = "-ERR 'Permissions Violation for Publish to \"$SYS.REQ.USER.AUTH\"'\r\n";
    service.session.send("PUB $SYS.REQ.USER.AUTH 1\r\nx\r\n").expect(violation).expect_open();
    let mut placed = alice(&server, &mut service, |answer| answer.user.aud = "AUTH".to_owned());
    is_in(&mut placed);
    placed.send("PUB $SYS.REQ.USER.AUTH 1\r\nx\r\n").expect(violation).expect_open();
    let mut elsewhere = alice(&server, &mut service, |_| {});
    is_in(&mut elsewhere);
    elsewhere.send("PUB $SYS.REQ.USER.AUTH 1\r\nx\r\n").expect_open();
    service.session.expect_open();
}

/// What the service says, and what the log says to that.
type Failure = (fn(&mut Answer), &'static str);

fn other_key() -> String {
    key_pair(Role::User, 40).public().to_string()
}

const FAILURES: &[Failure] = &[
    (
        |a| (a.response.nats.error, a.has_user) = ("no, sir".to_owned(), false),
        "Auth callout service returned an error: no, sir",
    ),
    (
        |a| a.response.aud = key_pair(Role::Server, 41).public().to_string(),
        "Auth callout violation: auth callout response is not for server",
    ),
    (
        |a| a.response.aud = "somebody".to_owned(),
        "Authorization response had validation errors: Audience must be a server public key",
    ),
    (
        |a| a.response.sub = other_key(),
        "Auth callout violation: auth callout response is not for expected user",
    ),
    (
        |a| a.response.nats.error = "both".to_owned(),
        "Authorization response had validation errors: Only Error or Jwt can be set",
    ),
    (
        |a| a.has_user = false,
        "Authorization response had validation errors: Error or Jwt is required",
    ),
    (
        |a| a.response.exp = unix_now() - 10,
        "Authorization response had validation errors: claim is expired",
    ),
    (|a| a.signer = key_pair(Role::Account, 42), "Auth callout signing key is unknown"),
    (
        |a| {
            a.signer = key_pair(Role::Account, 42);
            a.response.nats.issuer_account = issuer().public().to_string();
        },
        "Auth callout signing key is unknown",
    ),
    (
        |a| {
            a.signer = key_pair(Role::Account, 42);
            (a.response.nats.error, a.has_user) = ("no, sir".to_owned(), false);
        },
        "Auth callout signing key is unknown",
    ),
    (
        |a| {
            a.signer = key_pair(Role::Account, 42);
            a.response.aud = key_pair(Role::Server, 41).public().to_string();
        },
        "Auth callout violation: auth callout response is not for server",
    ),
    (
        |a| {
            a.signer = key_pair(Role::Account, 42);
            a.response.exp = unix_now() - 10;
        },
        "Authorization response had validation errors: claim is expired",
    ),
    (
        |a| {
            a.response.sub = other_key();
            a.response.aud = key_pair(Role::Server, 41).public().to_string();
        },
        "Auth callout violation: auth callout response is not for expected user",
    ),
    (|a| a.user.exp = unix_now() - 10, "Error validating user JWT: claim is expired"),
    (|a| a.user.sub = other_key(), "Expected authorized user of \"U"),
    (
        |a| a.user_signer = key_pair(Role::Account, 42),
        "Wrong issuer for auth callout response on account \"AUTH\", expected \"A",
    ),
    (
        |a| a.user.nats.issuer_account = issuer().public().to_string(),
        "Error non operator mode account \"AUTH\": attempted to use issuer_account",
    ),
    (
        |a| a.user.nats.limits.allowed_connection_types = Some(vec!["NEW".to_owned()]),
        "Authorized user on account \"AUTH\" using invalid connection type",
    ),
    (
        |a| {
            // Bounds do not belong to a range.
            let never = TimeRange { start: "12:00:00".to_owned(), end: "12:00:00".to_owned() };
            a.user.nats.limits.times = Some(vec![never]);
        },
        "Authorized user on account \"AUTH\" outside of valid connect times",
    ),
    (
        |a| a.user.aud = "NOWHERE".to_owned(),
        "No valid account \"NOWHERE\" for auth callout response on account \"AUTH\": account missing",
    ),
    (
        |a| a.user.aud = String::new(),
        "No valid account \"\" for auth callout response on account \"AUTH\": account missing",
    ),
    (|a| a.user.nats.limits.proxy_required = true, "Proxy connection required"),
];

#[test]
fn s167_s169_s171_s172_bad_answers_are_refused_at_once() {
    let server = start("");
    let mut service = Service::start(&server);
    for (change, text) in FAILURES {
        let already = server.log().matches(text).count();
        let mut session = alice(&server, &mut service, change);
        is_refused(&mut session);
        harness::eventually(text, || (server.log().matches(text).count() > already).then_some(()));
    }
    for (octets, text) in [
        ("", "Auth callout violation: \"no reason supplied\" on account \"AUTH\""),
        ("junk", "Expected 3 chunks"),
    ] {
        let mut session = connect(server.session(), ALICE);
        let request = service.request();
        service.say(&request, octets.as_bytes());
        is_refused(&mut session);
        server.expect_log(text);
    }
    let mut session = connect(server.session(), ALICE);
    let request = service.request();
    let answer = Answer::placing(&request, "APP");
    let user = answer.user.encode(&issuer()).expect("a user's claims");
    service.say(&request, user.as_bytes());
    is_refused(&mut session);
    server.expect_log("Not an authorization request claim");
}

#[test]
fn s171_without_an_answer_the_client_is_refused_after_the_timeout() {
    let server = Launch::new().config(config(1, "")).start();
    let mut service = Service::start(&server);
    let mut session = connect(server.session(), ALICE);
    let request = service.request();
    session.expect_silence(Duration::from_millis(300));
    is_refused(&mut session);
    service.answer(&request, &Answer::placing(&request, "APP"));
    service.session.expect_open();
    // Another may come all the same.
    let mut session = alice(&server, &mut service, |_| {});
    is_in(&mut session);
}

/// nats-server waits for the timeout here; what the client hears is the same.
#[test]
fn s171_without_a_service_the_client_is_refused() {
    let server = Launch::new().config(config(1, "")).start();
    is_refused(&mut connect(server.session(), ALICE));
}

#[test]
fn s173_sealed_requests_and_answers() {
    let xkey = service_curve().public_key();
    let server = start(&format!("xkey: {xkey}"));
    let mut service = Service::start(&server);
    let stranger = CurveKey::new(&Seed::new(Role::Curve, [50; 32])).expect("a curve key");
    // Who can seal for the server is the service, whoever signs.
    let another = key_pair(Role::Account, 42);
    let rows = [
        (Some(service_curve()), issuer(), true),
        (Some(service_curve()), another.clone(), true),
        (Some(stranger), issuer(), false),
        (None, issuer(), true),
        (None, another, false),
    ];
    for (seal, signer, good) in rows {
        let mut session = connect(server.session(), ALICE);
        let request = service.sealed_request();
        let server_id = &request.json["nats"]["server_id"];
        let key = server_id["xkey"].as_str().expect("the server's key");
        assert_eq!(server.session().info()["xkey"], key);
        let key = CurvePublicKey::parse(key).expect("a curve key");
        let token = Answer { signer, ..Answer::placing(&request, "APP") }.token();
        let octets = match &seal {
            Some(curve) => curve.seal(token.as_bytes(), &key).expect("a sealed answer"),
            None => token.into_bytes(),
        };
        service.say(&request, &octets);
        if good {
            is_in(&mut session);
        } else {
            is_refused(&mut session);
        }
    }
    server.expect_log(
        "Error decrypting auth callout response on account \"AUTH\": \
         nkeys: could not decrypt input",
    );
}

#[test]
fn s177_the_user_without_credentials_is_delegated_by_name() {
    let server = Launch::new().config(config(TIMEOUT, "") + "no_auth_user: app\n").start();
    let mut service = Service::start(&server);
    let mut session = connect(server.session(), r#""name":"x""#);
    let request = service.serve(|answer| answer.user.aud = "OTHER".to_owned());
    assert_eq!(request.claims.nats.client_info.user, "app");
    assert_eq!(request.claims.nats.connect_opts.pass, "right");
    assert_eq!(is_in(&mut session)["remote_account"], "OTHER");
}

#[test]
fn s178_the_first_of_two_answers_counts() {
    let server = start("");
    let (mut one, mut two) = (Service::start(&server), Service::start(&server));
    let mut session = connect(server.session(), ALICE);
    let request = one.request();
    one.answer(&request, &Answer::placing(&request, "APP"));
    assert_eq!(is_in(&mut session)["remote_account"], "APP");
    let request = two.request();
    two.answer(&request, &Answer::placing(&request, "OTHER"));
    two.session.expect_open();
    session.expect_open();
}

/// Others go on while clients wait, and the waiting ones get in when the service comes to them.
#[test]
fn s162_traffic_goes_on_while_logins_wait() {
    let server = start("");
    let mut service = Service::start(&server);
    let mut busy = alice(&server, &mut service, |_| {});
    is_in(&mut busy);
    busy.send("SUB x 1\r\n").expect_open();
    let mut waiting: Vec<Session> = (0..50).map(|_| connect(server.session(), ALICE)).collect();
    for _ in 0..100 {
        busy.send("PUB x 2\r\nhi\r\n").expect("MSG x 1 2\r\nhi\r\n");
    }
    for _ in 0..50 {
        service.serve(|_| {});
    }
    waiting.iter_mut().for_each(|session| {
        is_in(session);
    });
}
