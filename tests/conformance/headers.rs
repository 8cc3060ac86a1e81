//! Items 160 to 164: what becomes of a header block on its way.

use crate::table::Opening::Hello;
use crate::table::{HEADERS, PLAIN, table};

/// HPUB to `foo` from a client with headers to one with and one without.
fn both(header: &str, payload: &str, reply: &str) -> (harness::Message, harness::Message) {
    let server = PLAIN.lock();
    let mut knowing = server.client(HEADERS);
    knowing.send("SUB foo 1\r\n").expect_open();
    let mut plain = server.client("");
    plain.send("SUB foo 1\r\n").expect_open();
    let (size, total) = (header.len(), header.len() + payload.len());
    let mut publisher = server.client(HEADERS);
    publisher.send(format!("HPUB foo{reply} {size} {total}\r\n{header}{payload}\r\n"));
    publisher.expect_open();
    let messages = (knowing.read_message(), plain.read_message());
    knowing.expect_open();
    plain.expect_open();
    messages
}

#[test]
fn c160_receivers_without_headers_get_the_payload_alone() {
    let header = "NATS/1.0\r\nA: b\r\n\r\n";
    let (knowing, plain) = both(header, "hi", " r");
    assert_eq!(knowing.header, header.as_bytes());
    assert_eq!(plain.header, b"");
    for message in [knowing, plain] {
        assert_eq!(message.payload, b"hi");
        assert_eq!(message.reply.as_deref(), Some(b"r".as_slice()));
    }
}

#[test]
fn c161_a_header_alone_becomes_an_empty_message() {
    let (knowing, plain) = both("NATS/1.0\r\nA: b\r\n\r\n", "", "");
    assert_eq!((knowing.payload, plain.payload), (vec![], vec![]));
    assert_eq!(plain.header, b"");
}

#[test]
fn c162_names_and_values_stay_as_they_are() {
    let header =
        "NATS/1.0\r\ncOnTeNt-TyPe:  text/plain \r\ncontent-type:x\r\nCONTENT-TYPE:\r\n\r\n";
    let (knowing, _) = both(header, "x", "");
    assert_eq!(knowing.header, header.as_bytes());
}

/// A subscription to `foo` and an HPUB to it.
fn published(header: &str) -> String {
    let size = header.len();
    format!("SUB foo 1\r\nHPUB foo {size} {}\r\n{header}hi\r\n", size + 2)
}

/// What arrives of it.
fn received(header: &str) -> String {
    let size = header.len();
    format!("HMSG foo 1 {size} {}\r\n{header}hi\r\n", size + 2)
}

const TRACED: &str = "NATS/1.0\r\nNats-Trace-Dest: t\r\n\r\n";
const TRACE_ONLY: &str = "NATS/1.0\r\nNats-Trace-Dest: t\r\nNats-Trace-Only: true\r\n\r\n";
const ONLY_ALONE: &str = "NATS/1.0\r\nNats-Trace-Only: true\r\n\r\n";

table!(PLAIN, Hello(HEADERS), {
    c163_a_trace_destination_does_not_prevent_delivery:
        published(TRACED) => received(TRACED), Open;
    c163_trace_only_is_not_delivered: published(TRACE_ONLY) => "", Open;
    c164_trace_only_without_a_destination_is_delivered:
        published(ONLY_ALONE) => received(ONLY_ALONE), Open;
});
