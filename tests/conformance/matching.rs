//! Items 135 to 140, 148 and 150: which subscriptions a message reaches.

use harness::Launch;

use crate::table::Opening::Hello;
use crate::table::{HEADERS, PLAIN, table};

table!(PLAIN, Hello(HEADERS), {
    c135_a_full_wildcard_wants_at_least_one_token:
        "SUB foo.> 1\r\nPUB foo 0\r\n\r\nPUB foo.b 0\r\n\r\nPUB foo.b.c 0\r\n\r\n"
        => "MSG foo.b 1 0\r\n\r\nMSG foo.b.c 1 0\r\n\r\n", Open;
    c136_a_star_is_exactly_one_token:
        "SUB *.* 1\r\nPUB foo 0\r\n\r\nPUB foo.b 0\r\n\r\nPUB foo.b.c 0\r\n\r\n"
        => "MSG foo.b 1 0\r\n\r\n", Open;
    c136_a_star_in_the_middle:
        "SUB foo.*.baz 1\r\nPUB foo.bar.baz 0\r\n\r\nPUB foo.baz 0\r\n\r\n\
         PUB foo.a.b.baz 0\r\n\r\n" => "MSG foo.bar.baz 1 0\r\n\r\n", Open;
    c136_stars_before_a_full_wildcard:
        "SUB *.*.> 1\r\nPUB a.b 0\r\n\r\nPUB a.b.c 0\r\n\r\nPUB a.b.c.d 0\r\n\r\n"
        => "MSG a.b.c 1 0\r\n\r\nMSG a.b.c.d 1 0\r\n\r\n", Open;
    c137_letters_have_a_case:
        "SUB Foo 1\r\nPUB foo 0\r\n\r\nPUB FOO 0\r\n\r\nPUB Foo 0\r\n\r\n"
        => "MSG Foo 1 0\r\n\r\n", Open;
    c137_octets_that_are_no_utf8:
        b"SUB \xff\xfe 1\r\nPUB \xff\xff 0\r\n\r\nPUB \xff\xfe 0\r\n\r\n"
        => b"MSG \xff\xfe 1 0\r\n\r\n", Open;
    c137_nothing_is_normalised:
        "SUB e\u{301} 1\r\nPUB \u{e9} 0\r\n\r\nPUB e\u{301} 0\r\n\r\n"
        => "MSG e\u{301} 1 0\r\n\r\n", Open;
    c137_many_tokens:
        format!("SUB {0}.z 1\r\nPUB {0}.y 0\r\n\r\nPUB {0}.z 0\r\n\r\n", vec!["t"; 40].join("."))
        => format!("MSG {}.z 1 0\r\n\r\n", vec!["t"; 40].join(".")), Open;
    c138_an_empty_token_matches_nothing:
        "SUB > 1\r\nSUB *.*.* 2\r\nPUB a..b 0\r\n\r\nPUB .a 0\r\n\r\nPUB a. 0\r\n\r\nPUB . 0\r\n\r\n"
        => "", Open;
    c139_a_published_star_is_a_letter:
        "SUB foo.* 1\r\nSUB foo.bar 2\r\nPUB foo.* 2\r\nhi\r\n" => "MSG foo.* 1 2\r\nhi\r\n", Open;
    c139_a_published_star_matches_a_full_wildcard:
        "SUB > 1\r\nPUB foo.* 2\r\nhi\r\n" => "MSG foo.* 1 2\r\nhi\r\n", Open;
    c139_a_published_full_wildcard_is_a_letter:
        "SUB > 1\r\nSUB foo 2\r\nPUB > 2\r\nhi\r\n" => "MSG > 1 2\r\nhi\r\n", Open;
    c139_a_published_wildcard_does_not_reach_what_it_would_match_after_a_change:
        "SUB foo.bar 1\r\nPUB foo.bar 0\r\n\r\nPUB foo.* 0\r\n\r\nPUB foo.> 0\r\n\r\n\
         UNSUB 1\r\nPUB foo.bar 0\r\n\r\nSUB foo.* 2\r\nPUB foo.bar 0\r\n\r\n"
        => "MSG foo.bar 1 0\r\n\r\nMSG foo.bar 2 0\r\n\r\n", Open;
});

table!(PLAIN, Hello(r#""echo":false"#), {
    c148_own_messages_are_not_received:
        "SUB foo 1\r\nSUB foo q 2\r\nPUB foo 0\r\n\r\n" => "", Open;
});

#[test]
fn c140_every_matching_sid_gets_a_copy() {
    let server = PLAIN.lock();
    let mut session = server.client("");
    session.send("SUB a.b 1\r\nSUB a.* 2\r\nSUB a.> 3\r\nSUB > 4\r\nSUB *.b 5\r\nSUB a.c 6\r\n");
    session.send("PUB a.b 0\r\n\r\n");
    let mut sids: Vec<Vec<u8>> = (0..5).map(|_| session.read_message().sid).collect();
    sids.sort();
    assert_eq!(sids, [b"1", b"2", b"3", b"4", b"5"]);
    session.expect_open();
}

#[test]
fn c148_echo_off_leaves_the_messages_of_others() {
    let server = PLAIN.lock();
    let mut quiet = server.client(r#""echo":false"#);
    quiet.send("SUB foo 1\r\nPUB foo 1\r\na\r\n").expect_open();
    let mut other = server.client("");
    other.send("PUB foo 1\r\nb\r\n").expect_open();
    quiet.expect("MSG foo 1 1\r\nb\r\n").expect_open();
}

#[test]
fn c148_a_queue_gives_messages_of_a_member_without_echo_to_the_others() {
    let server = PLAIN.lock();
    let mut quiet = server.client(r#""echo":false"#);
    let mut other = server.client("");
    other.send("SUB foo echo-off 1\r\n").expect_open();
    quiet.send("SUB foo echo-off 1\r\n").send("PUB foo 0\r\n\r\n".repeat(500)).expect_open();
    other.expect("MSG foo 1 0\r\n\r\n".repeat(500)).expect_open();
}

#[test]
fn c150_messages_of_one_publisher_stay_in_order() {
    let server = Launch::new().start();
    let mut subscribers: Vec<_> = (0..3).map(|_| server.client("")).collect();
    for subscriber in &mut subscribers {
        subscriber.send("SUB order.> 1\r\n").expect_open();
    }
    let mut publisher = server.client("");
    let mut expected = String::new();
    for number in 0..5_000 {
        let size = number.to_string().len();
        publisher.send(format!("PUB order.{} {size}\r\n{number}\r\n", number % 7));
        expected.push_str(&format!("MSG order.{} 1 {size}\r\n{number}\r\n", number % 7));
    }
    for subscriber in &mut subscribers {
        subscriber.expect(&expected).expect_open();
    }
}
