//! Items 107, 108 and 128: how many may come, and limits that contradict each other.

use harness::Launch;

const TOO_MANY: &str = "-ERR 'maximum connections exceeded'\r\n";

#[test]
fn c107_a_connection_too_many_gets_info_the_reason_and_a_close() {
    let server = Launch::new().config("max_connections: 2\n").start();
    let mut first = server.client("");
    let second = server.client("");
    server.session().expect(TOO_MANY).expect_closed();
    first.expect_open();
    second.finish();
    harness::eventually("a place is free again", || {
        let mut third = server.session();
        third.try_send("PING\r\n").ok()?;
        let line = third.read_line();
        (line == b"PONG").then_some(())
    });
    first.expect_open();
}

#[test]
fn c108_a_limit_of_no_connections_refuses_everyone() {
    for limit in ["0", "-1"] {
        let server = Launch::new().config(format!("max_connections: {limit}\n")).start();
        server.session().expect(TOO_MANY).expect_closed();
    }
}

#[test]
fn c128_max_payload_above_max_pending_is_refused_at_the_start() {
    let ended = Launch::new().config("max_payload: 2000\nmax_pending: 1000\n").run();
    let expected = "max_payload (2000) cannot be higher than max_pending (1000)";
    assert!(ended.stderr.contains(expected), "{ended:?}");
    assert_eq!(ended.code, Some(1));
}
