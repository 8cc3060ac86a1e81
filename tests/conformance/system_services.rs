//! What every account may ask the system account: item 160 of the security checklist.

use serde_json::{Value, json};

use crate::parties::{expect_heard, join, nobody, publish, subscribe};
use crate::table::Shared;

static SERVERS: Shared = Shared::new(
    r#"
server_name: S1
accounts {
  A {
    users: [
      { user: free, password: p }
      { user: lists, password: p, permissions: {
          publish: "$SYS.REQ.USER.INFO"
          subscribe: { allow: "_INBOX.>", deny: "_INBOX.* q" }
          allow_responses: { max: 3, ttl: "5s" } } }
      { user: barred, password: p, permissions: { publish: x } }
    ]
  }
  SYS { users: [{ user: s, password: p }] }
}
system_account: SYS
authorization { users: [{ user: global, password: p }] }
"#,
);

/// The answer to a request of this user.
fn ask(user: &str, service: &str) -> Value {
    let server = SERVERS.lock();
    let mut session = join(&server, user, subscribe(&["_INBOX.> 1"]));
    session.send(publish(&[&format!("{service} _INBOX.1")]));
    // The answer may come behind the PONG of a PING.
    let message = session.read_message();
    assert_eq!((&message.subject[..], &message.header[..]), (&b"_INBOX.1"[..], &b""[..]));
    let answer: Value = serde_json::from_slice(&message.payload).expect("an answer is JSON");
    assert_eq!(answer["server"]["name"], "S1", "{answer}");
    answer["data"].clone()
}

#[test]
fn s160_a_user_asks_who_he_is() {
    let info = |user| ask(user, "$SYS.REQ.USER.INFO");
    assert_eq!(info("free"), json!({ "user": "free", "account": "A", "account_name": "A" }));
    assert_eq!(info("global"), json!({ "user": "global", "account": "$G", "account_name": "$G" }));
    let permissions = json!({
        "publish": { "allow": ["$SYS.REQ.USER.INFO"] },
        "subscribe": { "allow": ["_INBOX.>"], "deny": ["_INBOX.* q"] },
        "responses": { "max": 3, "ttl": 5_000_000_000_u64 },
    });
    let expected =
        json!({ "user": "lists", "account": "A", "account_name": "A", "permissions": permissions });
    assert_eq!(info("lists"), expected);
}

#[test]
fn s160_a_right_is_needed_to_ask() {
    let server = SERVERS.lock();
    let mut session = join(&server, "barred", subscribe(&["_INBOX.> 1"]));
    let text = "-ERR 'Permissions Violation for Publish to \"$SYS.REQ.USER.INFO\"'\r\n";
    session.send(publish(&["$SYS.REQ.USER.INFO _INBOX.1"])).expect(text).expect_open();
}

#[test]
fn s160_an_account_asks_about_itself() {
    let statistics = ask("free", "$SYS.REQ.ACCOUNT.PING.STATZ");
    let accounts = statistics["account_statz"].as_array().cloned().unwrap_or_default();
    assert_eq!(accounts.len(), 1, "{statistics}");
    assert_eq!(accounts[0]["acc"], "A", "{statistics}");
    assert!(accounts[0]["conns"].as_u64() >= Some(1), "{statistics}");
    for service in ["$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.SERVER.PING.CONNZ"] {
        let connections = ask("free", service);
        let listed = connections["connections"].as_array().cloned().unwrap_or_default();
        assert!(!listed.is_empty(), "{connections}");
        assert_eq!(connections["total"].as_u64(), u64::try_from(listed.len()).ok());
    }
}

#[test]
fn s160_only_about_itself() {
    let server = SERVERS.lock();
    let other = join(&server, "global", "");
    let mut session = join(&server, "free", subscribe(&["_INBOX.> 1"]));
    session.send(publish(&["$SYS.REQ.ACCOUNT.PING.CONNZ _INBOX.1"]));
    let answer: Value = serde_json::from_slice(&session.read_message().payload).expect("JSON");
    let listed = answer["data"]["connections"].as_array().cloned().unwrap_or_default();
    let ids: Vec<&Value> = listed.iter().map(|connection| &connection["cid"]).collect();
    assert!(ids.contains(&&session.info()["client_id"]), "{answer}");
    assert!(!ids.contains(&&other.info()["client_id"]), "{answer}");
}

#[test]
fn s160_what_is_for_the_system_account_alone() {
    let server = SERVERS.lock();
    let mut session = join(&server, "free", subscribe(&["_INBOX.> 1"]));
    for service in [
        "$SYS.REQ.SERVER.PING.VARZ",
        "$SYS.REQ.SERVER.PING",
        "$SYS.REQ.ACCOUNT.A.CONNZ",
        "$SYS.REQ.ACCOUNT.SYS.CONNZ",
        "$SYS.REQ.ACCOUNT.PING.INFO",
        "$SYS.REQ.USER.free.INFO",
    ] {
        session.send(publish(&[&format!("{service} _INBOX.1")]));
        expect_heard(&mut session, &[&nobody("_INBOX.1", "1", service)]);
    }
}

#[test]
fn s160_an_accounts_own_listeners_hear_the_request_and_the_answer() {
    let server = SERVERS.lock();
    let mut listener = join(&server, "free", subscribe(&["> 1"]));
    let mut session = join(&server, "free", "");
    session.send(publish(&["$SYS.REQ.USER.INFO _INBOX.1"])).expect_open();
    let request = listener.read_message();
    assert_eq!(
        (&request.subject[..], &request.payload[..]),
        (&b"$SYS.REQ.USER.INFO"[..], &b""[..])
    );
    assert_eq!(listener.read_message().subject, b"_INBOX.1");
}
