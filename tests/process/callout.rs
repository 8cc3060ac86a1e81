//! What nervure adds to auth callout: warnings, what is remembered while the service is down, and
//! what monitoring shows.

use harness::callout::{Service, config};
use harness::{Launch, Server, Session};
use serde_json::Value;

fn start(more: &str) -> Server {
    Launch::new().config(config(20, more)).monitoring().start()
}

fn connect(server: &Server, pass: &str) -> Session {
    let mut session = server.session();
    let options = format!("\"verbose\":false,\"user\":\"alice\",\"pass\":\"{pass}\"");
    session.send(format!("CONNECT {{{options}}}\r\nPING\r\n"));
    session
}

fn is_refused(server: &Server, pass: &str) {
    connect(server, pass).expect("-ERR 'Authorization Violation'\r\n").expect_closed();
}

#[test]
fn what_the_service_said_last_is_good_while_it_is_down() {
    let server = start("cache { max_age: \"10m\", max_entries: 1 }");
    let mut service = Service::start(&server);
    let mut session = connect(&server, "one");
    service.serve(|answer| answer.user.name = "bob".to_owned());
    session.expect("PONG\r\n");
    service.session.finish();
    connect(&server, "one").expect("PONG\r\n").expect_open();
    is_refused(&server, "two");
    let mut service = Service::start(&server);
    let mut session = connect(&server, "one");
    service.serve(|answer| {
        (answer.response.nats.error, answer.has_user) = ("no".to_owned(), false);
    });
    session.expect("-ERR 'Authorization Violation'\r\n").expect_closed();
    service.session.finish();
    is_refused(&server, "one");
    let callout = &server.varz()["nervure_auth_callout"];
    for (name, count) in
        [("count", 5), ("granted", 1), ("refused", 1), ("from_cache", 1), ("unanswered", 2)]
    {
        assert_eq!(callout[name], count, "{name}: {callout:#}");
    }
    assert_eq!(callout["cache_entries"], 0);
    let buckets = callout["histogram"].as_array().expect("buckets");
    let counts: u64 = buckets.iter().filter_map(|bucket| bucket["count"].as_u64()).sum();
    assert_eq!((buckets.len(), counts), (12, 5));
    assert_eq!(buckets[0]["up_to"], 1_000_000);
    let (sum, max) = (callout["time_sum"].as_u64(), callout["time_max"].as_u64());
    assert!(max > Some(0) && sum >= max, "{callout:#}");
}

#[test]
fn without_a_cache_nobody_gets_in_while_the_service_is_down() {
    let server = start("");
    let mut service = Service::start(&server);
    let mut session = connect(&server, "one");
    service.serve(|_| {});
    session.expect("PONG\r\n");
    service.session.finish();
    is_refused(&server, "one");
}

#[test]
fn a_server_without_a_service_shows_nothing_of_it() {
    let server = Launch::new().monitoring().start();
    assert_eq!(server.varz().get("nervure_auth_callout"), None::<&Value>);
}

#[test]
fn names_that_nobody_has_are_warned_of() {
    let text = config(20, "").replace("account: AUTH", "account: NOWHERE");
    let server = Launch::new().config(text.replace("[auth]", "[auth, nobody]")).start();
    server.expect_log("auth_callout account \"NOWHERE\" is not declared");
    server.expect_log("auth_callout auth user \"nobody\" is not a configured user");
    is_refused(&server, "one");
    server.expect_log("No valid account \"NOWHERE\" for auth callout request: account missing");
}

/// A reload keeps what is remembered, unless the block is another one; who is in by the service's
/// word and is no configured user goes when the ways in change, as with nats-server.
#[test]
fn a_reload_keeps_what_is_remembered_unless_the_block_changes() {
    let cached = "cache {}";
    let server = start(cached);
    let mut service = Service::start(&server);
    let mut session = connect(&server, "one");
    service.serve(|_| {});
    session.expect("PONG\r\n");
    service.session.finish();
    server.reload(&(config(20, cached) + "max_payload: 1000\n"));
    connect(&server, "one").expect("PONG\r\n").expect_open();
    server.reload(&config(20, "cache {}, allowed_accounts: [APP]"));
    session.expect_closed();
    is_refused(&server, "one");
}
