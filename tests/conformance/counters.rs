//! Items 186 to 191: what is counted, as `/varz` tells it.

use harness::{Launch, Server};

use crate::table::{HEADERS, PAYLOAD_TOO_LONG};

fn counting() -> Server {
    Launch::new().monitoring().start()
}

#[test]
fn c186_refused_and_unroutable_publishes_are_counted_in() {
    let server = counting();
    let mut session = server.client("");
    session.send("PUB a..b 3\r\nabc\r\nPUB nobody 4\r\nabcd\r\n").expect_open();
    session.send("PUB _GR_.x 5\r\nabcde\r\n");
    session.expect("-ERR 'Permissions Violation for Publish to \"_GR_.x\"'\r\n").expect_open();
    for counter in ["/in_msgs", "/in_client_msgs"] {
        server.expect_varz(counter, 3);
    }
    server.expect_varz("/in_bytes", 12);
    server.expect_varz("/out_msgs", 0);
}

#[test]
fn c187_in_bytes_are_header_and_payload() {
    let server = counting();
    let mut session = server.client(HEADERS);
    session.send("PUB some.long.subject and.reply 5\r\nhello\r\n").expect_open();
    server.expect_varz("/in_bytes", 5);
    session.send("HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n").expect_open();
    server.expect_varz("/in_bytes", 19);
    server.expect_varz("/in_client_bytes", 19);
}

#[test]
fn c188_payloads_above_the_limit_are_not_counted() {
    let server = counting();
    let mut session = server.client("");
    session.send("PUB foo 1048577\r\n").expect(PAYLOAD_TOO_LONG).expect_closed();
    let mut other = server.client("");
    other.send("PUB foo 1\r\nx\r\n").expect_open();
    server.expect_varz("/in_msgs", 1);
    server.expect_varz("/in_bytes", 1);
}

#[test]
fn c189_every_copy_is_counted_out() {
    let server = counting();
    let mut session = server.client("");
    session.send("SUB foo 1\r\nSUB foo 2\r\nSUB > 3\r\nSUB foo q 4\r\nSUB foo q 5\r\n");
    session.send("PUB foo 10\r\n0123456789\r\n");
    for _ in 0..4 {
        session.read_message();
    }
    session.expect_open();
    server.expect_varz("/in_msgs", 1);
    for (counter, value) in [("/out_msgs", 4), ("/out_client_msgs", 4), ("/out_bytes", 40)] {
        server.expect_varz(counter, value);
    }
}

#[test]
fn c190_the_server_counts_stripped_deliveries_in_full() {
    let server = counting();
    let mut plain = server.client("");
    plain.send("SUB foo 1\r\n").expect_open();
    let mut publisher = server.client(HEADERS);
    publisher.send("HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n").expect_open();
    plain.expect("MSG foo 1 2\r\nhi\r\n");
    server.expect_varz("/out_bytes", 14);
}

#[test]
fn c191_total_connections_count_the_refused() {
    let server = Launch::new().monitoring().config("max_connections: 1\n").start();
    let first = server.client("");
    server.session().expect("-ERR 'maximum connections exceeded'\r\n").expect_closed();
    server.expect_varz("/total_connections", 2);
    server.expect_varz("/connections", 1);
    first.finish();
    server.expect_varz("/connections", 0);
    server.expect_varz("/total_connections", 2);
}
