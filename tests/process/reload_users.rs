//! Reloads that change who may connect (section 3.11). nats-server also closes clients of a
//! single user at every reload, and keeps a list of users in force that was replaced by another
//! way in; neither is relied on here.

use harness::{Launch, Session};

const VIOLATION: &str = "-ERR 'Authorization Violation'\r\n";

fn users(users: &[(&str, &str)]) -> String {
    let users: Vec<String> = users
        .iter()
        .map(|(user, password)| format!("{{ user: {user}, password: '{password}' }}"))
        .collect();
    format!("authorization {{ users: [ {} ] }}\n", users.join(", "))
}

fn member(user: &str, password: &str) -> String {
    format!("\"user\":\"{user}\",\"pass\":\"{password}\"")
}

#[test]
fn a_user_that_is_gone_is_closed_without_a_word() {
    let server = Launch::new().config(users(&[("a", "1"), ("b", "2")])).start();
    let mut gone = server.client(&member("a", "1"));
    let mut stays = server.client(&member("b", "2"));
    server.reload(&users(&[("b", "2")]));
    gone.expect_closed();
    stays.expect_open();
    server.session().send("CONNECT {\"user\":\"a\",\"pass\":\"1\"}\r\n").expect(VIOLATION);
}

#[test]
fn another_password_is_an_authorization_violation() {
    let server = Launch::new().config(users(&[("a", "1"), ("b", "2")])).start();
    let mut changed = server.client(&member("a", "1"));
    let mut stays = server.client(&member("b", "2"));
    server.reload(&users(&[("a", "9"), ("b", "2")]));
    changed.expect(VIOLATION).expect_closed();
    stays.expect_open();
    server.expect_log(" - \"$G/user:a\" - authentication error - User \"a\"");
    server.client(&member("a", "9")).expect_open();
}

#[test]
fn another_token_is_an_authorization_violation() {
    let server = Launch::new().config("authorization { token: one }\n").start();
    let mut before = server.client("\"auth_token\":\"one\"");
    server.reload("authorization { token: two }\n");
    before.expect(VIOLATION).expect_closed();
    server.client("\"auth_token\":\"two\"").expect_open();
}

#[test]
fn authentication_that_is_introduced_keeps_who_can_authenticate() {
    let server = Launch::new().config("port: -1\n").start();
    let mut nobody = server.client("");
    let mut silent: Session = server.session();
    silent.send("SUB silent 1\r\n");
    let mut known = server.client(&member("a", "1"));
    server.reload(&users(&[("a", "1")]));
    nobody.expect(VIOLATION).expect_closed();
    let said = silent.read_until_closed();
    assert!(said.ends_with(VIOLATION.as_bytes()), "{}", said.escape_ascii());
    known.expect_open();
    assert_eq!(server.session().info()["auth_required"], true);
}

#[test]
fn a_reload_of_something_else_disturbs_no_user() {
    let server = Launch::new().config(users(&[("a", "1")])).start();
    let mut client = server.client(&member("a", "1"));
    client.send("SUB foo 1\r\n").expect_open();
    server.reload(&format!("{}ping_max: 5\n", users(&[("a", "1")])));
    client.send("PUB foo 1\r\nx\r\n").expect("MSG foo 1 1\r\nx\r\n").expect_open();
}
