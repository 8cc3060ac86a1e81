//! Items 53 to 61: UNSUB, and what a limit of deliveries means.

use crate::table::Opening::Hello;
use crate::table::{HEADERS, NO_RESPONDERS, PLAIN, VERBOSE, table};

/// Sends `script` with every `P` standing for a message on `foo`, and counts what arrives.
fn delivered(script: &str) -> usize {
    let server = PLAIN.lock();
    let mut session = server.client("");
    for word in script.split(", ") {
        session.send(if word == "P" { "PUB foo 1\r\nx\r\n".into() } else { format!("{word}\r\n") });
    }
    session.send("PING\r\n");
    let mut count = 0;
    while session.read_line() != b"PONG" {
        session.expect("x\r\n");
        count += 1;
    }
    session.finish();
    count
}

#[test]
fn c054_max_counts_the_deliveries_since_sub() {
    assert_eq!(delivered("SUB foo 1, UNSUB 1 2, P, P, P, P"), 2);
    assert_eq!(delivered("SUB foo 1, P, UNSUB 1 2, P, P"), 2);
    assert_eq!(delivered("SUB foo 1, UNSUB 1 999999999, P"), 1);
}

#[test]
fn c055_max_already_reached_removes_at_once() {
    assert_eq!(delivered("SUB foo 1, P, UNSUB 1 1, P"), 1);
    assert_eq!(delivered("SUB foo 1, P, P, P, UNSUB 1 2, P"), 3);
}

#[test]
fn c056_max_that_is_none_removes_at_once() {
    for max in ["abc", "0", "-1", "1000000000", "0x5", "1.5"] {
        assert_eq!(delivered(&format!("SUB foo 1, UNSUB 1 {max}, P")), 0, "max {max}");
    }
}

#[test]
fn c057_max_can_be_raised_lowered_and_reached_by_lowering() {
    assert_eq!(delivered("SUB foo 1, UNSUB 1 1, UNSUB 1 3, P, P, P, P, P"), 3);
    assert_eq!(delivered("SUB foo 1, UNSUB 1 5, UNSUB 1 2, P, P, P, P"), 2);
    assert_eq!(delivered("SUB foo 1, UNSUB 1 5, P, P, UNSUB 1 1, P"), 2);
    assert_eq!(delivered("SUB foo 1, UNSUB 1 5, P, UNSUB 1, P"), 1);
}

#[test]
fn c058_a_sid_starts_afresh_after_its_max() {
    assert_eq!(delivered("SUB foo 1, UNSUB 1 1, P, P, SUB foo 1, P, P"), 3);
    assert_eq!(delivered("SUB foo 1, UNSUB 1 1, P, SUB foo 1, UNSUB 1 2, P, P, P"), 3);
}

#[test]
fn c059_sub_on_a_pending_sid_keeps_its_max() {
    assert_eq!(delivered("SUB foo 1, UNSUB 1 2, SUB foo 1, P, P, P, P"), 2);
}

table!(PLAIN, Hello(HEADERS), {
    c053_unknown_sid: "UNSUB 99\r\n" => "", Open;
    c053_unknown_sid_with_max: "UNSUB 99 5\r\n" => "", Open;
    c053_unsub_with_three_arguments: "UNSUB 1 2 3\r\n" => "", Closed;
    c055_an_unsub_with_max_on_one_sid_leaves_the_other:
        "SUB foo 1\r\nUNSUB 1 1\r\nPUB foo 0\r\n\r\nSUB foo 2\r\nPUB foo 0\r\n\r\n"
        => "MSG foo 1 0\r\n\r\nMSG foo 2 0\r\n\r\n", Open;
});

table!(PLAIN, Hello(VERBOSE), {
    c053_verbose_unknown_sid_is_ok: "UNSUB 77\r\n" => "+OK\r\n", Open;
});

table!(PLAIN, Hello(NO_RESPONDERS), {
    c060_status_messages_do_not_count_toward_max:
        "SUB _INBOX.x 7\r\nUNSUB 7 1\r\nPUB nobody _INBOX.x 0\r\n\r\nPUB nobody _INBOX.x 0\r\n\r\n\
         PUB _INBOX.x 0\r\n\r\nPUB _INBOX.x 0\r\n\r\n"
        => "HMSG _INBOX.x 7 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n\
            HMSG _INBOX.x 7 38 38\r\nNATS/1.0 503\r\nNats-Subject: nobody\r\n\r\n\r\n\
            MSG _INBOX.x 7 0\r\n\r\n", Open;
});

#[test]
fn c061_a_queue_member_that_leaves_by_max_leaves_the_others_working() {
    let server = PLAIN.lock();
    let mut session = server.client("");
    session.send("SUB foo by-max 1\r\nSUB foo by-max 2\r\nUNSUB 1 5\r\n");
    session.send("PUB foo 0\r\n\r\n".repeat(100));
    let mut first = 0;
    for _ in 0..100 {
        first += usize::from(session.read_message().sid == b"1");
    }
    session.expect_open();
    assert_eq!(first, 5, "100 messages, of which member 1 may have 5");
}
