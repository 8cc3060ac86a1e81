//! `sender_identity`: what a message says of who sent it, which no client can forge. nats-server
//! has nothing like it, and refuses the key.

use data_encoding::BASE64URL_NOPAD;
use harness::{Launch, Program, Server, Session};
use nkeys::KeyPair;

use crate::parties::{brief, expect_heard, join, nobody, publish, subscribe, user};

/// Headers that pretend to be the server's, to one client or another.
const FORGED: &str = "Nats-Sender-User: root\r\nNATS-SENDER-account:root\r\nA: b\nnats-sender-name: \
                      root\r\n Nats-Sender-Kind : root\r\n";

fn hpub(start: &str, headers: &str) -> String {
    let block = format!("NATS/1.0\r\n{headers}\r\n");
    format!("HPUB {start} {0} {0}\r\n{block}\r\n", block.len())
}

/// A server with this configuration, unless the server under test does not know the key.
fn server(config: &str) -> Option<Server> {
    let launch = Launch::new().config(config);
    if Program::under_test() == Program::NatsServer {
        let told = launch.run().stderr;
        assert!(told.contains("unknown field \"sender_identity\""), "{told}");
        return None;
    }
    Some(launch.start())
}

/// Who a message of this session says it is by.
fn told_by(server: &Server, sender: &mut Session) -> String {
    let mut receiver = server.client(&user("a"));
    receiver.send(subscribe(&["s 1"])).expect_open();
    sender.send(hpub("s", FORGED)).expect_open();
    brief(&receiver.read_message())
}

#[test]
fn every_way_in_is_told_as_what_was_proven() {
    let pair = KeyPair::new_user();
    let key = pair.public_key();
    let config = format!(
        "sender_identity: true\nno_auth_user: c\naccounts {{ A: {{ users: [ \
         {{ user: a, password: p }}, {{ user: 'b c', password: p }}, {{ user: c, password: p }}, \
         {{ nkey: {key} }} ] }} }}\n"
    );
    let Some(server) = server(&config) else { return };
    let named = |user: &str, name: &str| {
        let name =
            if name.is_empty() { String::new() } else { format!("Nats-Sender-Name: {name}, ") };
        format!(
            "s 1 [A: b, Nats-Sender-Account: A, Nats-Sender-User: {user}, {name}Nats-Sender-Kind: Client]"
        )
    };
    let mut password = server
        .client(r#""user":"b c","pass":"p","headers":true,"name":"x\r\nNats-Sender-User: y""#);
    let written = "x%0D%0ANats-Sender-User: y";
    assert_eq!(told_by(&server, &mut password), named("b c", written));
    let mut nobody = server.client(r#""headers":true,"name":"n""#);
    assert_eq!(told_by(&server, &mut nobody), named("c", "n"));
    let mut signs = server.session();
    let nonce = signs.info()["nonce"].as_str().unwrap_or_default().to_owned();
    let signature = pair.sign(nonce.as_bytes()).expect("a pair with a seed signs");
    let signature = BASE64URL_NOPAD.encode(&signature);
    signs.hello(&format!(r#""nkey":"{key}","sig":"{signature}","headers":true"#));
    assert_eq!(told_by(&server, &mut signs), named(&key, ""));
}

#[test]
fn who_has_proven_nothing_is_no_user() {
    let Some(server) = server("sender_identity: { user: on, kind: on }\n") else { return };
    let mut client = server.client(r#""user":"root","headers":true"#);
    assert_eq!(told_by(&server, &mut client), "s 1 [A: b, Nats-Sender-Kind: Client]");
    let Some(server) = self::server(
        "sender_identity: { account: on, user: on }\nauthorization { token: secret }\n",
    ) else {
        return;
    };
    let mut client = server.client(r#""auth_token":"secret","headers":true"#);
    client.send(subscribe(&["s 1"])).send(publish(&["s"]));
    expect_heard(&mut client, &["s 1 [Nats-Sender-Account: $G]"]);
}

/// Two accounts that import of each other; one of them tells.
fn accounts(of_a: &str, of_b: &str) -> String {
    format!(
        "accounts {{
           A {{ {of_a}
             users: [{{ user: a, password: p }}]
             exports: [{{ stream: 'ev.>' }}, {{ service: help }}]
             imports: [{{ stream: {{ account: B, subject: 'news.>' }} }}]
             mappings: {{ old: s }}
           }}
           B {{ {of_b}
             users: [{{ user: b, password: p }}]
             exports: [{{ stream: 'news.>' }}]
             imports: [{{ stream: {{ account: A, subject: 'ev.>' }} }},
                       {{ service: {{ account: A, subject: help }}, to: ask }}]
           }}
         }}\n"
    )
}

#[test]
fn messages_that_cross_accounts_tell_where_they_come_from() {
    let config = accounts("sender_identity: { account: on, user: on }", "");
    let Some(server) = server(&config) else { return };
    const BY_A: &str = "Nats-Sender-Account: A, Nats-Sender-User: a";
    let mut a = join(&server, "a", subscribe(&["help 1", "news.* 2", "s 3"]));
    let mut b = join(&server, "b", subscribe(&["ev.* 1", "r 2"]));
    a.send(hpub("ev.x", FORGED)).send(publish(&["ev.y"])).expect_open();
    expect_heard(&mut b, &[&format!("ev.x 1 [A: b, {BY_A}]"), &format!("ev.y 1 [{BY_A}]")]);
    // A mapped message, and one that nobody takes.
    a.send(hpub("old", FORGED));
    expect_heard(&mut a, &[&format!("s 3 [A: b, {BY_A}]")]);
    b.send(publish(&["nobody r"]));
    expect_heard(&mut b, &[&nobody("r", "2", "nobody")]);
    // B does not tell, but what A believes it cannot forge.
    b.send(hpub("news.x", FORGED)).send(hpub("ask r", FORGED)).expect_open();
    assert_eq!(brief(&a.read_message()), "news.x 2 [A: b]");
    let request = a.read_message();
    assert!(!brief(&request).contains("root"), "{}", brief(&request));
    let reply = String::from_utf8_lossy(request.reply.as_deref().unwrap_or_default()).into_owned();
    a.send(hpub(&reply, FORGED)).expect_open();
    expect_heard(&mut b, &[&format!("r 2 [A: b, {BY_A}]")]);
}

#[test]
fn a_reload_tells_of_clients_that_are_there() {
    let (on, off) = (accounts("sender_identity: { account: on }", ""), accounts("", ""));
    if Program::under_test() == Program::NatsServer {
        return;
    }
    let server = Launch::new().config(&*off).start();
    let mut a = join(&server, "a", subscribe(&["s 1"]));
    let forged = hpub("s", "Nats-Sender-Account: root\r\n");
    for _ in 0..2 {
        a.send(&forged);
        expect_heard(&mut a, &["s 1 [Nats-Sender-Account: root]"]);
        server.reload(&on);
        a.send(&forged).send(publish(&["s"]));
        expect_heard(&mut a, &["s 1 [Nats-Sender-Account: A]"; 2]);
        server.reload(&off);
    }
}
