//! Items 101 to 106: servers that want to know who is there.

use std::time::{Duration, Instant};

use harness::Launch;

use crate::table::Opening::Silent;
use crate::table::{Shared, UNAUTHORIZED, UNKNOWN, table};

const TIMEOUT: &str = "-ERR 'Authentication Timeout'\r\n";

static PASSWORD: Shared = Shared::new("authorization { user: a, password: b }\n");
static TOKEN: Shared = Shared::new("authorization { token: secret }\n");
static NO_AUTH_USER: Shared = Shared::new(
    "authorization { timeout: 1, users: [ { user: a, password: b }, { user: c, password: d } ] }\n\
     no_auth_user: a\n",
);

table!(PASSWORD, Silent, {
    c101_ping_before_connect: "PING\r\n" => UNAUTHORIZED, Closed;
    c101_sub_before_connect: "SUB foo 1\r\n" => UNAUTHORIZED, Closed;
    c101_garbage_before_connect: "XYZ\r\n" => UNAUTHORIZED, Closed;
    c101_only_the_first_octet_counts: "COMMIT\r\n" => UNKNOWN, Closed;
    c101_lower_case_connect:
        "connect {\"user\":\"a\",\"pass\":\"b\",\"verbose\":true}\r\n" => "+OK\r\n", Open;
    c104_good_credentials: "CONNECT {\"user\":\"a\",\"pass\":\"b\"}\r\n" => "+OK\r\n", Open;
    c104_no_credentials: "CONNECT {}\r\n" => UNAUTHORIZED, Closed;
    c104_wrong_password: "CONNECT {\"user\":\"a\",\"pass\":\"x\"}\r\n" => UNAUTHORIZED, Closed;
    c104_wrong_user: "CONNECT {\"user\":\"x\",\"pass\":\"b\"}\r\n" => UNAUTHORIZED, Closed;
    c104_token_instead_of_password: "CONNECT {\"auth_token\":\"b\"}\r\n" => UNAUTHORIZED, Closed;
    c104_what_follows_wrong_credentials_is_ignored:
        "CONNECT {\"user\":\"a\",\"pass\":\"x\"}\r\nPING\r\nSUB foo 1\r\nPUB foo 0\r\n\r\n"
        => UNAUTHORIZED, Closed;
    c104_a_second_connect_is_checked_again:
        "CONNECT {\"user\":\"a\",\"pass\":\"b\"}\r\nCONNECT {\"user\":\"a\",\"pass\":\"x\"}\r\n"
        => format!("+OK\r\n{UNAUTHORIZED}"), Closed;
    c104_credentials_come_before_the_protocol:
        "CONNECT {\"user\":\"a\",\"pass\":\"x\",\"protocol\":9}\r\n" => UNAUTHORIZED, Closed;
    c104_the_protocol_is_checked_after_them:
        "CONNECT {\"user\":\"a\",\"pass\":\"b\",\"protocol\":9}\r\n"
        => "-ERR 'invalid client protocol'\r\n", Closed;
});

table!(TOKEN, Silent, {
    c104_good_token: "CONNECT {\"auth_token\":\"secret\"}\r\n" => "+OK\r\n", Open;
    c104_wrong_token: "CONNECT {\"auth_token\":\"secre\"}\r\n" => UNAUTHORIZED, Closed;
    c104_no_token: "CONNECT {\"user\":\"secret\"}\r\n" => UNAUTHORIZED, Closed;
});

table!(NO_AUTH_USER, Silent, {
    c105_a_ping_logs_in: "PING\r\n" => "PONG\r\n", Open;
    c105_a_connect_without_credentials_logs_in: "CONNECT {}\r\n" => "+OK\r\n", Open;
    c105_traffic_logs_in_with_the_defaults:
        "SUB foo 1\r\nPUB foo 1\r\nb\r\n" => "+OK\r\n+OK\r\nMSG foo 1 1\r\nb\r\n", Open;
    c105_garbage_is_then_a_parse_error: "XYZ\r\n" => UNKNOWN, Closed;
    c106_wrong_credentials_fail: "CONNECT {\"user\":\"a\",\"pass\":\"x\"}\r\n" => UNAUTHORIZED, Closed;
    c106_another_user_may_log_in: "CONNECT {\"user\":\"c\",\"pass\":\"d\"}\r\n" => "+OK\r\n", Open;
});

#[test]
fn c084_no_auth_user_hides_auth_required() {
    let server = NO_AUTH_USER.lock();
    assert!(server.session().info().get("auth_required").is_none());
}

#[test]
fn c102_the_authentication_timeout_is_two_seconds_by_default() {
    let server = Launch::new().flags(["--auth", "secret"]).start();
    let start = Instant::now();
    let mut session = server.session();
    session.expect(TIMEOUT).expect_closed();
    let took = start.elapsed();
    assert!((1900..3500).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn c102_c103_half_a_connect_does_not_stop_the_configured_timeout() {
    let config = "authorization { user: a, password: b, timeout: 1 }\n";
    let server = Launch::new().config(config).start();
    let mut good = server.client(r#""user":"a","pass":"b""#);
    let start = Instant::now();
    let mut session = server.session();
    session.send("CONNECT {\"user\"").expect(TIMEOUT).expect_closed();
    let took = start.elapsed();
    assert!((900..2500).contains(&took.as_millis()), "{took:?}");
    good.expect_silence(Duration::from_millis(200)).expect_open();
}

#[test]
fn c102_the_timeout_may_be_a_fraction_of_a_second() {
    let config = "authorization { user: a, password: b, timeout: 0.25 }\n";
    let server = Launch::new().config(config).start();
    let start = Instant::now();
    server.session().expect(TIMEOUT).expect_closed();
    let took = start.elapsed();
    assert!((200..1000).contains(&took.as_millis()), "{took:?}");
}
