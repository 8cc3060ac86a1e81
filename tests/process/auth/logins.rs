//! What the tool makes lets its owner in, and nobody else.

use harness::Launch;

use super::{VIOLATION, made, signature};

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
    session.hello(&format!(r#""nkey":"{public}","sig":"{}""#, signature(&session, seed)));
    session.expect_open();

    let mut session = server.session();
    let signature = signature(&session, stranger);
    session.send(format!("CONNECT {{\"nkey\":\"{public}\",\"sig\":\"{signature}\"}}\r\n"));
    session.expect(VIOLATION).expect_closed();
}
