//! Items 65 to 72: verbose and pedantic.

use crate::table::Opening::{Hello, Silent};
use crate::table::{INVALID_PUBLISH, INVALID_SUBJECT, PLAIN, VERBOSE, table};

const PEDANTIC: &str = r#""pedantic":true,"headers":true"#;
const BOTH: &str = r#""verbose":true,"pedantic":true,"headers":true"#;

table!(PLAIN, Silent, {
    c065_without_connect_verbose_is_on:
        "SUB foo 1\r\nPUB foo 2\r\nhi\r\n" => "+OK\r\n+OK\r\nMSG foo 1 2\r\nhi\r\n", Open;
    c065_without_connect_pedantic_is_on:
        "PUB foo.* 2\r\nhi\r\n" => format!("{INVALID_PUBLISH}+OK\r\n"), Open;
    c065_c066_an_empty_connect_keeps_both:
        "CONNECT {}\r\nPUB a..b 0\r\n\r\n" => format!("+OK\r\n{INVALID_PUBLISH}+OK\r\n"), Open;
    c065_a_ping_without_connect: "PING\r\n" => "PONG\r\n", Open;
    c067_ok_for_connect: "CONNECT {\"verbose\":true}\r\n" => "+OK\r\n", Open;
    c067_ok_for_a_repeated_connect:
        "CONNECT {\"verbose\":true}\r\nCONNECT {\"name\":\"x\"}\r\n" => "+OK\r\n+OK\r\n", Open;
    c067_no_ok_when_connect_turns_verbose_off: "CONNECT {\"verbose\":false}\r\n" => "", Open;
});

table!(PLAIN, Hello(VERBOSE), {
    c067_c068_ok_for_everything_but_ping_and_pong:
        "SUB foo 1\r\nPUB foo 2\r\nhi\r\nPING\r\nUNSUB 1\r\nUNSUB 77\r\n\
         HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\nSUB foo 1\r\nSUB foo 1\r\nPONG\r\n"
        => "+OK\r\n+OK\r\nMSG foo 1 2\r\nhi\r\nPONG\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n", Open;
    c067_no_ok_for_info_and_ok: "INFO {}\r\n+OK\r\n" => "", Open;
    c069_no_ok_for_invalid_subjects:
        "SUB foo..x 1\r\nSUB foo. 2\r\n" => format!("{INVALID_SUBJECT}{INVALID_SUBJECT}"), Open;
    c069_no_ok_for_a_refused_queue:
        "SUB foo _sys_ 1\r\n"
        => "-ERR 'Permissions Violation for Subscription to \"foo\" using queue \"_sys_\"'\r\n",
        Open;
    c069_no_ok_for_a_refused_publish:
        "PUB _GR_.x 0\r\n\r\n"
        => "-ERR 'Permissions Violation for Publish to \"_GR_.x\"'\r\n", Open;
});

table!(PLAIN, Hello(BOTH), {
    c070_wildcards_and_empty_tokens_are_named_and_then_ok:
        "PUB foo.* 2\r\nhi\r\nPUB a..b 2\r\nhi\r\nHPUB a.> 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
        => format!("{INVALID_PUBLISH}+OK\r\n").repeat(3), Open;
});

table!(PLAIN, Hello(PEDANTIC), {
    c070_a_lone_full_wildcard: "PUB > 0\r\n\r\n" => INVALID_PUBLISH, Open;
    c071_the_message_is_delivered_all_the_same:
        "SUB > 1\r\nPUB foo.* 2\r\nhi\r\n" => format!("{INVALID_PUBLISH}MSG foo.* 1 2\r\nhi\r\n"),
        Open;
    c071_only_empty_tokens_match_nothing:
        "SUB > 1\r\nPUB a..b 2\r\nhi\r\nPUB foo* 2\r\nhi\r\n"
        => format!("{INVALID_PUBLISH}MSG foo* 1 2\r\nhi\r\n"), Open;
    c072_the_reply_is_not_checked:
        "SUB ok 1\r\nPUB ok r..x 2\r\nhi\r\nPUB ok *.> 2\r\nhi\r\n"
        => "MSG ok 1 r..x 2\r\nhi\r\nMSG ok 1 *.> 2\r\nhi\r\n", Open;
});

#[test]
fn c070_the_error_comes_once_when_the_payload_comes_later() {
    // nats-server says it twice; that is an accident of its parser.
    let twice = harness::Program::under_test() == harness::Program::NatsServer;
    let server = PLAIN.lock();
    let mut session = server.client(PEDANTIC);
    session.send("PUB foo.* 2\r\n");
    std::thread::sleep(std::time::Duration::from_millis(50));
    session.send("hi\r\n").expect(INVALID_PUBLISH);
    if twice {
        session.expect(INVALID_PUBLISH);
    }
    session.expect_open();
}
