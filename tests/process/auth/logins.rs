//! What the tool makes lets its owner in, and nobody else.

use data_encoding::BASE64URL_NOPAD;
use harness::{Launch, Session};
use nkeys::KeyPair;

use super::made;

const VIOLATION: &str = "-ERR 'Authorization Violation'\r\n";

/// Signs the server's nonce with a seed; the members of CONNECT.
fn signed(session: &Session, seed: &str, public: &str) -> String {
    let nonce = session.info()["nonce"].as_str().unwrap_or_default();
    let pair = KeyPair::from_seed(seed).expect("the tool makes seeds");
    let signature = pair.sign(nonce.as_bytes()).expect("a seed signs");
    let signature = BASE64URL_NOPAD.encode(&signature);
    format!(r#""nkey":"{public}","sig":"{signature}""#)
}

#[test]
fn a_hash_stands_for_its_password_in_the_configuration() {
    let hash = made(["password", "--cost", "4"], "not so hüsh, hüsh\n");
    let config = format!("authorization {{ users: [ {{ user: a, password: '{hash}' }} ] }}\n");
    let server = Launch::new().config(config).start();
    server.client(r#""user":"a","pass":"not so hüsh, hüsh""#).expect_open();
    for wrong in ["not so hüsh, hüsh\\n", "not so hüsh", &hash] {
        let mut session = server.session();
        session.send(format!("CONNECT {{\"user\":\"a\",\"pass\":\"{wrong}\"}}\r\n"));
        session.expect(VIOLATION).expect_closed();
    }
}

#[test]
fn a_hash_stands_for_its_token_too() {
    let hash = made(["password", "--cost=4"], "a token");
    let server = Launch::new().config(format!("authorization {{ token: '{hash}' }}\n")).start();
    server.client(r#""auth_token":"a token""#).expect_open();
    server.session().send("CONNECT {\"auth_token\":\"b\"}\r\n").expect(VIOLATION);
}

#[test]
fn the_owner_of_a_seed_gets_in_by_its_public_key() {
    let pair = made(["nkey", "user"], "");
    let (seed, public) = pair.split_once('\n').expect("two lines");
    let stranger = made(["nkey", "user"], "");
    let (stranger, _) = stranger.split_once('\n').expect("two lines");
    assert_eq!(made(["pubkey", "-"], seed), public);

    let config = format!("authorization {{ users: [ {{ nkey: {public} }} ] }}\n");
    let server = Launch::new().config(config).start();
    let mut session = server.session();
    let members = signed(&session, seed, public);
    session.hello(&members);
    session.expect_open();

    let mut session = server.session();
    let members = signed(&session, stranger, public);
    session.send(format!("CONNECT {{{members}}}\r\n")).expect(VIOLATION).expect_closed();
}
