//! Items 83 to 100: what INFO says, and when it is said again.

use std::time::Duration;

use harness::Launch;
use serde_json::Value;

use crate::table::{PAYLOAD_TOO_LONG, PLAIN};

fn text<'a>(info: &'a Value, key: &str) -> &'a str {
    info[key].as_str().unwrap_or_else(|| panic!("INFO has no text {key}: {info:#}"))
}

#[test]
fn c083_c084_c086_c087_c089_info_of_a_lone_plain_server() {
    let server = PLAIN.lock();
    let (first, second) = (server.session(), server.session());
    let info = first.info();
    let id = text(info, "server_id");
    assert!(id.len() == 56 && id.starts_with('N'), "{id}");
    assert_eq!(text(info, "server_name"), id, "without a name it is the id");
    assert!(text(info, "version").starts_with("2."), "clients gate features on it: {info:#}");
    text(info, "go");
    assert_eq!(info["proto"], 1);
    assert_eq!(info["host"], "127.0.0.1");
    assert_eq!(info["port"], server.port());
    assert_eq!(info["headers"], true);
    assert_eq!(info["max_payload"], 1_048_576);
    assert_eq!(info["client_ip"], "127.0.0.1");
    let (one, two) = (info["client_id"].as_u64(), second.info()["client_id"].as_u64());
    assert!(one.is_some() && one < two, "ids grow: {one:?}, {two:?}");
    let unset = ["auth_required", "tls_required", "tls_verify", "tls_available", "jetstream"];
    let never = ["domain", "connect_urls", "nonce", "cluster", "ldm", "connect_info", "ip"];
    for key in unset.into_iter().chain(never) {
        assert!(info.get(key).is_none(), "{key} must be absent: {info:#}");
    }
}

#[test]
fn c083_a_configured_name_is_told() {
    let server = Launch::new().flags(["-n", "edge-7"]).start();
    assert_eq!(server.session().info()["server_name"], "edge-7");
}

#[test]
fn c083_two_servers_have_different_ids() {
    let (one, two) = (Launch::new().start(), Launch::new().start());
    assert_ne!(one.session().info()["server_id"], two.session().info()["server_id"]);
}

#[test]
fn c084_auth_required_is_told_and_stays_after_login() {
    let server = Launch::new().flags(["--user", "a", "--pass", "b"]).start();
    let mut session = server.session();
    assert_eq!(session.info()["auth_required"], true);
    let later = session.hello(r#""user":"a","pass":"b","protocol":1"#);
    assert_eq!(later["auth_required"], true, "{later:#}");
}

#[test]
fn c088_client_advertise_replaces_host_and_port() {
    let server = Launch::new().flags(["--client_advertise", "example.com:9999"]).start();
    let session = server.session();
    assert_eq!(session.info()["host"], "example.com");
    assert_eq!(session.info()["port"], 9999);
}

#[test]
fn c090_protocol_1_gets_connect_info_directly_after_its_first_pong() {
    let server = PLAIN.lock();
    let mut session = server.session();
    let first = session.info().clone();
    // hello reads PONG and then INFO, in this order and with nothing between.
    let info = session.hello(r#""protocol":1"#);
    assert_eq!(info["connect_info"], true, "{info:#}");
    assert_eq!(info["remote_account"], "$G");
    assert!(info.get("acc_is_sys").is_none(), "{info:#}");
    for key in ["server_id", "client_id", "client_ip", "max_payload", "port", "headers", "proto"] {
        assert_eq!(info[key], first[key], "{key}");
    }
    session.expect_open();
}

#[test]
fn c091_connect_info_comes_once_even_after_a_second_connect() {
    let server = PLAIN.lock();
    let mut session = server.session();
    session.hello(r#""protocol":1"#);
    session.send("PING\r\n").expect("PONG\r\n").expect_open();
    session.send("CONNECT {\"protocol\":1}\r\nPING\r\n").expect("PONG\r\n").expect_open();
}

#[test]
fn c092_protocol_0_gets_no_connect_info() {
    let server = PLAIN.lock();
    let mut session = server.session();
    session.hello(r#""protocol":0"#);
    session.expect_open().expect_silence(Duration::from_millis(100));
}

#[test]
fn c093_a_ping_before_connect_neither_triggers_nor_uses_up_connect_info() {
    let server = PLAIN.lock();
    let mut session = server.session();
    session.expect_open().expect_open();
    let info = session.hello(r#""protocol":1"#);
    assert_eq!(info["connect_info"], true, "{info:#}");
}

#[test]
fn c099_a_reload_of_max_payload_is_silent_and_binds_existing_clients() {
    let server = Launch::new().config("max_payload: 1000\n").start();
    let mut session = server.session();
    assert_eq!(session.info()["max_payload"], 1000);
    session.hello(r#""protocol":1"#);
    server.reload("max_payload: 10\n");
    session.expect_silence(Duration::from_millis(200));
    assert_eq!(server.session().info()["max_payload"], 10, "new clients are told");
    session.send("PUB foo 10\r\n0123456789\r\n").expect_open();
    session.send("PUB foo 11\r\n").expect(PAYLOAD_TOO_LONG).expect_closed();
}

#[test]
fn c100_no_header_support_is_told_and_hpub_closes() {
    let server = Launch::new().config("no_header_support: true\n").start();
    let mut session = server.session();
    assert_eq!(session.info()["headers"], false);
    session.hello(r#""headers":true"#);
    session.send("HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n").expect_closed();
    let mut session = server.session();
    session.send("CONNECT {\"headers\":true,\"no_responders\":true}\r\n");
    session.expect("-ERR 'no responders requires headers support'\r\n").expect_closed();
}
