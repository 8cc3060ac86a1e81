//! What the system account is told about clients: items 181 to 188 of the security checklist, but
//! for the heartbeat, which takes half a minute (182).
//!
//! Messages are compared as text, so that the order of the members counts; what differs each time
//! is blanked out. Where Nervure tells more (`nervure`), that is taken out and looked at.

use std::time::Duration;

use harness::{Message, Server, Session};
use serde_json::Value;

use crate::parties::{join, publish, subscribe, user};
use crate::table::{Shared, UNAUTHORIZED};

static SERVERS: Shared = Shared::new(
    r#"
server_name: S1
accounts {
  A { users: [{ user: a, password: p }] }
  SYS { users: [{ user: s, password: p }] }
}
system_account: SYS
authorization {
  timeout: 0.5
  users: [{ user: global, password: p }]
}
"#,
);

const CLIENT: &str = r#""client":{"start":_,"host":"127.0.0.1","id":_,"acc":"#;
const NONE: &str = r#"{"msgs":0,"bytes":0}"#;

/// A client of the system account that listens to everything that is said of clients.
fn listener(server: &Server) -> Session {
    let subjects = [
        "$SYS.ACCOUNT.*.CONNECT 1",
        "$SYS.ACCOUNT.*.DISCONNECT 2",
        "$SYS.SERVER.ACCOUNT.*.CONNS 3",
        "$SYS.ACCOUNT.*.SERVER.CONNS 4",
        "$SYS.SERVER.*.CLIENT.AUTH.ERR 5",
        "$SYS.ACCOUNT.CLIENT.AUTH.ERR 6",
    ];
    let mut session = join(server, "s", "");
    session.send(subscribe(&subjects));
    // Its own arrival, which may come at any time, and what is left of clients of other tests.
    session.read_until_silent(Duration::from_millis(300));
    session
}

/// Puts `_` in the place of the values of these members, and leaves `feature_flags` out.
fn blank(text: &str, members: &[&str]) -> String {
    let mut text = text.to_owned();
    for member in members {
        let name = format!("\"{member}\":");
        let mut blanked = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(&name) {
            let quoted = after.strip_prefix('"').and_then(|value| value.find('"')).map(|at| at + 2);
            let end = quoted.or_else(|| after.find([',', '}'])).unwrap_or(after.len());
            blanked += &format!("{before}{name}_");
            rest = &after[end..];
        }
        text = blanked + rest;
    }
    if let Some((before, after)) = text.split_once("\"feature_flags\":{")
        && let Some((_, after)) = after.split_once("},")
    {
        text = format!("{before}{after}");
    }
    text
}

/// The next event: its subject and its text. It has an empty reply (item 186).
fn event(session: &mut Session) -> (String, String) {
    let Message { subject, reply, payload, .. } = session.read_message();
    assert_eq!(reply.as_deref(), Some(&b""[..]), "a reply that is not empty");
    let text = String::from_utf8(payload).expect("an event is text");
    let json: Value = serde_json::from_str(&text).expect("an event is JSON");
    let id = json["id"].as_str().unwrap_or_default();
    assert!(id.len() == 22 && id.bytes().all(|octet| octet.is_ascii_alphanumeric()), "{text}");
    assert!(json["server"]["seq"].as_u64() > Some(0), "{text}");
    let text = blank(&text, &["id", "timestamp", "time", "seq", "start", "stop", "rtt"]);
    (String::from_utf8(subject).expect("a subject is text"), text)
}

/// An event of this kind with these members behind the envelope.
fn expected(kind: &str, rest: &str) -> String {
    format!(
        "{{\"type\":\"io.nats.server.advisory.v1.{kind}\",\"id\":_,\"timestamp\":_,\"server\":\
         {{\"name\":\"S1\",\"host\":\"127.0.0.1\",\"id\":_,\"ver\":\"2.15.1\",\"jetstream\":false,\
         \"flags\":0,\"seq\":_,\"time\":_}},{rest}}}"
    )
}

/// The number of connections of account A, with what its clients have sent and been given.
fn count(conns: u32, sent: &str, received: &str) -> String {
    let links = |of: &str| {
        let of = of.trim_end_matches('}');
        format!("{of},\"gateways\":{NONE},\"routes\":{NONE},\"leafs\":{NONE}}}")
    };
    let (sent, received) = (links(sent), links(received));
    expected(
        "account_connections",
        &format!(
            "\"acc\":\"A\",\"name\":\"A\",\"conns\":{conns},\"leafnodes\":0,\"total_conns\":{conns},\
             \"num_subscriptions\":4,\"sent\":{sent},\"received\":{received},\"slow_consumers\":0"
        ),
    )
}

#[test]
fn s181_s186_a_client_comes_and_goes() {
    // A server of its own: the numbers of an account are those of all its clients so far.
    let config = "server_name: S1\naccounts { A { users: [{ user: a, password: p }] }\n\
                  SYS { users: [{ user: s, password: p }] } }\nsystem_account: SYS";
    let server = harness::Launch::new().config(config).start();
    let mut listener = listener(&server);
    let mut client = join(&server, "a", subscribe(&["x 1"]));
    let counts = ["$SYS.SERVER.ACCOUNT.A.CONNS", "$SYS.ACCOUNT.A.SERVER.CONNS"];
    for subject in counts {
        let (heard, text) = event(&mut listener);
        // The subscription may be counted by then.
        let text = text.replace("\"num_subscriptions\":5", "\"num_subscriptions\":4");
        assert_eq!((heard.as_str(), text), (subject, count(1, NONE, NONE)));
    }
    let who = r#""A","user":"a","#;
    let tail = r#""name_tag":"A","kind":"Client","client_type":"nats"}"#;
    let connect = expected("client_connect", &format!("{CLIENT}{who}{tail}"));
    assert_eq!(event(&mut listener), ("$SYS.ACCOUNT.A.CONNECT".to_owned(), connect));

    client.send("PUB x 2\r\nhi\r\n").expect("MSG x 1 2\r\nhi\r\n").expect_open();
    client.finish();
    let traffic = r#"{"msgs":1,"bytes":2}"#;
    for subject in counts {
        assert_eq!(event(&mut listener), (subject.to_owned(), count(0, traffic, traffic)));
    }
    let rest = format!(
        "{CLIENT}{who}\"rtt\":_,\"stop\":_,{tail},\"sent\":{traffic},\"received\":{traffic},\
         \"reason\":\"Client Closed\""
    );
    let disconnect = expected("client_disconnect", &rest);
    assert_eq!(event(&mut listener), ("$SYS.ACCOUNT.A.DISCONNECT".to_owned(), disconnect));
}

/// What is said of a client that is refused. With `who` it has said CONNECT.
fn refusal(who: &str, reason: &str) -> String {
    let connected = if who.is_empty() { "" } else { "\"rtt\":_," };
    let rest = format!(
        "{CLIENT}\"$G\",{who}{connected}\"stop\":_,\"name_tag\":\"$G\",\"kind\":\"Client\",\
         \"client_type\":\"nats\"}},\"sent\":{NONE},\"received\":{NONE},\"reason\":\"{reason}\""
    );
    expected("client_disconnect", &rest)
}

/// The text without what Nervure tells beyond nats-server, and that.
fn without_why(text: &str) -> (String, Option<String>) {
    match text.split_once(",\"nervure\":") {
        Some((text, why)) => (format!("{text}}}"), why.strip_suffix('}').map(str::to_owned)),
        None => (text.to_owned(), None),
    }
}

#[test]
fn s183_s184_s188_a_client_is_refused() {
    let rows = [
        (r#""user":"nobody","pass":"p""#, r#""user":"nobody","#, "users", "no user has this name"),
        (r#""user":"a","pass":"x""#, r#""user":"a","#, "users", "the secret is wrong"),
        (
            r#""auth_token":"t""#,
            r#""user":"[REDACTED]","#,
            "end of chain",
            "nothing that any way in asks for was shown",
        ),
    ];
    let server = SERVERS.lock();
    let mut listener = listener(&server);
    let mut global = join(&server, "global", subscribe(&["$SYS.> 1"]));
    listener.read_until_silent(Duration::from_millis(300));
    for (members, who, step, why) in rows {
        let mut client = server.session();
        let id = client.info()["server_id"].as_str().unwrap_or_default().to_owned();
        client.send(format!("CONNECT {{{members}}}\r\n")).expect(UNAUTHORIZED).expect_closed();
        let expected = refusal(who, "Authentication Failure");
        // nats-server publishes the two from different threads.
        let mut heard = [event(&mut listener), event(&mut listener)];
        heard.sort();
        let [(disconnect, text), (refused, told)] = heard;
        assert_eq!((disconnect.as_str(), &text), ("$SYS.ACCOUNT.$G.DISCONNECT", &expected));
        let (told, reasons) = without_why(&told);
        assert_eq!((refused, &told), (format!("$SYS.SERVER.{id}.CLIENT.AUTH.ERR"), &expected));
        if let Some(reasons) = reasons {
            assert_eq!(reasons, format!("{{\"step\":\"{step}\",\"why\":\"{why}\"}}"));
        }
        let owner = event(&mut global);
        assert_eq!(owner, ("$SYS.ACCOUNT.CLIENT.AUTH.ERR".to_owned(), expected));
    }
    global.expect_open();
    listener.expect_open();
}

#[test]
fn s183_a_client_takes_too_long() {
    let server = SERVERS.lock();
    let mut listener = listener(&server);
    let mut client = server.session();
    client.expect("-ERR 'Authentication Timeout'\r\n").expect_closed();
    let expected = refusal("", "Authentication Timeout");
    assert_eq!(event(&mut listener), ("$SYS.ACCOUNT.$G.DISCONNECT".to_owned(), expected));
    listener.expect_open();
}

#[test]
fn s185_an_account_without_connections_says_nothing_of_them() {
    let server = SERVERS.lock();
    let mut system = join(&server, "s", subscribe(&["inbox.* 1"]));
    let none = publish(&["$SYS.REQ.ACCOUNT.A.CONNS inbox.1", "$SYS.REQ.ACCOUNT.Z.CONNS inbox.2"]);
    system.send(none).expect_silence(Duration::from_millis(200));
    let _client = server.client(&user("a"));
    system.send(publish(&["$SYS.REQ.ACCOUNT.A.CONNS inbox.3"]));
    let answer = system.read_message();
    let json: Value = serde_json::from_slice(&answer.payload).expect("an answer is JSON");
    assert_eq!(answer.subject, b"inbox.3");
    assert_eq!((&json["acc"], &json["conns"]), (&"A".into(), &1.into()), "{json}");
    assert_eq!(json["type"], "io.nats.server.advisory.v1.account_connections");
}

#[test]
fn s182_of_the_global_account_no_numbers_are_told() {
    let server = SERVERS.lock();
    let mut listener = listener(&server);
    let client = server.client(&user("global"));
    assert_eq!(event(&mut listener).0, "$SYS.ACCOUNT.$G.CONNECT");
    client.finish();
    assert_eq!(event(&mut listener).0, "$SYS.ACCOUNT.$G.DISCONNECT");
    listener.expect_open();
}

#[test]
fn s181_a_server_says_that_it_ends() {
    let server = harness::Launch::new()
        .config("server_name: S1\naccounts { SYS { users: [{ user: s, password: p }] } }\nsystem_account: SYS")
        .start();
    let mut listener = join(&server, "s", subscribe(&["$SYS.SERVER.*.SHUTDOWN 1"]));
    let id = listener.info()["server_id"].as_str().unwrap_or_default().to_owned();
    server.signal(libc::SIGTERM);
    let Message { subject, payload, .. } = listener.read_message();
    assert_eq!(subject, format!("$SYS.SERVER.{id}.SHUTDOWN").as_bytes());
    let json: Value = serde_json::from_slice(&payload).expect("an event is JSON");
    assert_eq!((&json["name"], &json["id"]), (&"S1".into(), &id.as_str().into()), "{json}");
}

#[test]
fn s181_the_server_tells_its_numbers() {
    let server = SERVERS.lock();
    let mut listener = join(&server, "s", subscribe(&["$SYS.SERVER.*.STATSZ 1", "inbox 2"]));
    listener.send(publish(&["$SYS.REQ.SERVER.PING inbox"]));
    let numbers = |message: Message| -> Vec<String> {
        let text = String::from_utf8(message.payload).expect("numbers are text");
        let (_, statsz) = text.split_once("\"statsz\":{").expect("numbers of the server");
        // What is in braces or numbers has no names of its own at the first level.
        let mut depth = 0;
        let names = statsz.split_inclusive([',', '{', '}']).filter_map(|part| {
            let name = part.split_once(':').filter(|_| depth == 0).map(|(name, _)| name);
            depth += match part.bytes().last() {
                Some(b'{') => 1,
                Some(b'}') => -1,
                _ => 0,
            };
            name.map(str::to_owned)
        });
        names.collect()
    };
    let expected = [
        "start",
        "mem",
        "cores",
        "cpu",
        "connections",
        "total_connections",
        "active_accounts",
        "subscriptions",
        "sent",
        "sent_to_clients",
        "received",
        "received_from_clients",
        "slow_consumers",
    ];
    let told = numbers(listener.read_message());
    let expected: Vec<String> = expected.iter().map(|name| format!("\"{name}\"")).collect();
    assert_eq!(told[..expected.len()], expected);
}
