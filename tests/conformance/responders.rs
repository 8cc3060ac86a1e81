//! Items 151 to 156 and 159: a request that nobody hears.

use harness::Launch;

use crate::table::Opening::Hello;
use crate::table::{HEADERS, NO_RESPONDERS, PLAIN, table};

/// The whole 503 for a request on `nobody`.
fn none(reply: &str, sid: &str) -> String {
    format!("HMSG {reply} {sid} 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n")
}

table!(PLAIN, Hello(NO_RESPONDERS), {
    c151_the_octets_of_503:
        "SUB _INBOX.x 7\r\nPUB nobody _INBOX.x 2\r\nhi\r\n"
        => "HMSG _INBOX.x 7 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n", Open;
    c151_the_length_grows_with_the_subject:
        "SUB r 1\r\nPUB nobody.at.all r 0\r\n\r\n"
        => "HMSG r 1 45 45\r\nNATS/1.0 503\r\nNats-Subject: nobody.at.all\r\n\r\n\r\n", Open;
    c151_a_request_with_headers:
        "SUB r 1\r\nHPUB nobody r 12 12\r\nNATS/1.0\r\n\r\n\r\n" => none("r", "1"), Open;
    c151_a_subject_that_matches_nothing:
        "SUB r 1\r\nPUB a..b r 0\r\n\r\n"
        => "HMSG r 1 36 36\r\nNATS/1.0 503\r\nNats-Subject: a..b\r\n\r\n\r\n", Open;
    c151_in_order_with_everything_else:
        "SUB r 1\r\nPUB r 0\r\n\r\nPUB nobody r 0\r\n\r\nPING\r\nPUB r 0\r\n\r\n"
        => format!("MSG r 1 0\r\n\r\n{}PONG\r\nMSG r 1 0\r\n\r\n", none("r", "1")), Open;
    c152_none_without_reply: "SUB r 1\r\nPUB nobody 0\r\n\r\n" => "", Open;
    c152_none_without_a_subscription_on_the_reply: "PUB nobody r 0\r\n\r\n" => "", Open;
    c152_none_after_the_subscription_is_gone:
        "SUB r 1\r\nUNSUB 1\r\nPUB nobody r 0\r\n\r\n" => "", Open;
    c152_none_when_somebody_hears:
        "SUB r 1\r\nSUB heard 2\r\nPUB heard r 0\r\n\r\n" => "MSG heard 2 r 0\r\n\r\n", Open;
    c152_none_when_a_group_hears:
        "SUB r 1\r\nSUB heard workers 2\r\nPUB heard r 0\r\n\r\n" => "MSG heard 2 r 0\r\n\r\n", Open;
    c153_none_to_a_queue_subscription: "SUB r q 1\r\nPUB nobody r 0\r\n\r\n" => "", Open;
    c159_a_wildcard_subscription_gets_the_literal_reply:
        "SUB _INBOX.> 7\r\nPUB nobody _INBOX.a.b 0\r\n\r\n" => none("_INBOX.a.b", "7"), Open;
});

table!(PLAIN, Hello(HEADERS), {
    c152_none_when_connect_did_not_ask: "SUB r 1\r\nPUB nobody r 0\r\n\r\n" => "", Open;
});

table!(PLAIN, Hello(r#""headers":true,"no_responders":true,"echo":false"#), {
    c155_a_subscription_without_echo_does_not_hear:
        "SUB r 1\r\nSUB nobody 2\r\nPUB nobody r 0\r\n\r\n" => none("r", "1"), Open;
});

#[test]
fn c152_none_when_the_reply_is_anothers() {
    let server = PLAIN.lock();
    let mut other = server.client(NO_RESPONDERS);
    other.send("SUB r 1\r\n").expect_open();
    let mut session = server.client(NO_RESPONDERS);
    session.send("PUB nobody r 0\r\n\r\n").expect_open();
    other.expect_open();
}

#[test]
fn c154_one_503_however_many_subscriptions_match() {
    let server = PLAIN.lock();
    let mut session = server.client(NO_RESPONDERS);
    session.send("SUB r.a 1\r\nSUB r.* 2\r\nSUB r.> 3\r\nPUB nobody r.a 0\r\n\r\n");
    let message = session.read_message();
    assert_eq!(message.subject, b"r.a");
    assert_eq!(message.header, b"NATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n");
    session.expect_open();
}

#[test]
fn c156_a_503_is_not_counted() {
    let server = Launch::new().monitoring().start();
    let mut session = server.client(NO_RESPONDERS);
    session.send("SUB r 1\r\nPUB nobody r 0\r\n\r\n").expect(none("r", "1"));
    session.send("PUB r 0\r\n\r\n").expect("MSG r 1 0\r\n\r\n").expect_open();
    server.expect_varz("/in_msgs", 2);
    server.expect_varz("/out_msgs", 1);
    server.expect_varz("/out_bytes", 0);
}
