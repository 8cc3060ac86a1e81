//! Items 19 to 24: how long the arguments of one unit may be.

use std::time::Duration;

use harness::Launch;

use crate::table::Opening::{Hello, Silent};
use crate::table::{HEADERS, LINE_TOO_LONG, PLAIN, Shared, table};

static SHORT_LINES: Shared = Shared::new("max_control_line: 64\n");

/// `length` octets of SUB arguments.
fn subscription(length: usize) -> String {
    format!("{} 1", "s".repeat(length - 2))
}

/// A CONNECT object of `length` octets.
fn connect(length: usize) -> String {
    let frame = r#"{"verbose":true,"name":""}"#;
    format!(r#"{{"verbose":true,"name":"{}"}}"#, "n".repeat(length - frame.len()))
}

table!(PLAIN, Hello(HEADERS), {
    c019_longest_sub: format!("SUB {}\r\n", subscription(4096)) => "", Open;
    c019_c020_sub_too_long: format!("SUB {}\r\n", subscription(4097)) => LINE_TOO_LONG, Closed;
    c019_longest_pub: format!("PUB {} 0\r\n\r\n", "s".repeat(4094)) => "", Open;
    c019_c020_pub_too_long: format!("PUB {} 0\r\n", "s".repeat(4095)) => LINE_TOO_LONG, Closed;
    c019_c020_unsub_too_long: format!("UNSUB {}\r\n", "1".repeat(4097)) => LINE_TOO_LONG, Closed;
    c019_c020_err_too_long: format!("-ERR {}\r\n", "x".repeat(5000)) => LINE_TOO_LONG, Closed;
    c021_sub_without_end: format!("SUB {}", "s".repeat(4097)) => LINE_TOO_LONG, Closed;
    c021_pub_without_end: format!("PUB {}", "s".repeat(4097)) => LINE_TOO_LONG, Closed;
    c023_blanks_before_the_arguments_do_not_count:
        format!("SUB {:10000}foo 1\r\nPUB foo 2\r\nhi\r\n", "") => "MSG foo 1 2\r\nhi\r\n", Open;
});

table!(PLAIN, Silent, {
    c022_longest_connect: format!("CONNECT {}\r\n", connect(4096)) => "+OK\r\n", Open;
    c022_connect_too_long: format!("CONNECT {}\r\n", connect(4097)) => LINE_TOO_LONG, Closed;
});

table!(SHORT_LINES, Silent, {
    c024_longest_sub_as_configured: format!("SUB {}\r\n", subscription(64)) => "+OK\r\n", Open;
    c024_sub_too_long_as_configured:
        format!("SUB {}\r\n", subscription(65)) => LINE_TOO_LONG, Closed;
});

#[test]
fn c021_the_longest_sub_may_wait_for_its_end() {
    let server = PLAIN.lock();
    let mut session = server.client("");
    session.send(format!("SUB {}", subscription(4096))).expect_silence(Duration::from_millis(50));
    session.send("\r\n").expect_open();
}

#[test]
fn c024_a_reload_changes_the_limit_of_existing_clients() {
    let server = Launch::new().config("max_control_line: 64\n").start();
    let mut session = server.client("");
    session.send(format!("SUB {}\r\n", subscription(64))).expect_open();
    server.reload("max_control_line: 128\n");
    session.send(format!("SUB {}\r\n", subscription(128))).expect_open();
    session.send(format!("SUB {}\r\n", subscription(129)));
    session.expect(LINE_TOO_LONG).expect_closed();
}
