//! Items 1 to 18: lines, verbs, blanks, and what is no protocol at all.

use std::time::Duration;

use crate::table::Opening::{Hello, Silent};
use crate::table::{HEADERS, PLAIN, UNKNOWN, table};

#[test]
fn c001_info_comes_before_the_client_speaks_and_nothing_follows_it() {
    let server = PLAIN.lock();
    let mut session = server.session();
    session.expect_silence(Duration::from_millis(200)).expect_open();
}

#[test]
fn c002_c003_every_line_ends_with_crlf() {
    let server = PLAIN.lock();
    let mut session = harness::Session::open(server.port());
    session.send("CONNECT {}\r\nPING\r\nSUB foo 1\r\nSUB a..b 2\r\nPUB foo 0\r\n\r\nX\r\n");
    let said = session.read_until_closed();
    assert!(said.starts_with(b"INFO {"), "{}", said.escape_ascii());
    assert!(said.ends_with(UNKNOWN.as_bytes()), "{}", said.escape_ascii());
    let lines: Vec<&[u8]> = said.split_inclusive(|octet| *octet == b'\n').collect();
    assert_eq!(lines.len(), 9, "INFO +OK PONG +OK -ERR +OK MSG payload -ERR: {lines:?}");
    for line in lines {
        assert!(line.ends_with(b"\r\n"), "{}", line.escape_ascii());
    }
}

#[test]
fn c015_a_session_sent_octet_by_octet_reads_the_same() {
    let server = PLAIN.lock();
    let mut session = server.session();
    session
        .send_octet_by_octet("CONNECT {\"verbose\":false,\"headers\":true}\r\nPING\r\n")
        .expect("PONG\r\n")
        .send_octet_by_octet("SUB foo 1\r\nPUB foo bar 2\r\nhi\r\n")
        .expect("MSG foo 1 bar 2\r\nhi\r\n")
        .send_octet_by_octet("HPUB foo bar 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
        .expect("HMSG foo 1 bar 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
        .expect_open();
}

#[test]
fn c015_a_line_may_be_cut_between_cr_and_lf() {
    let server = PLAIN.lock();
    let mut session = server.client("");
    session.send("SUB foo 1\r").expect_silence(Duration::from_millis(50));
    session.send("\nPUB foo 2\r\nhi\r\n").expect("MSG foo 1 2\r\nhi\r\n").expect_open();
}

#[test]
fn c015_a_payload_may_be_cut_anywhere() {
    let server = PLAIN.lock();
    let mut session = server.client("");
    let payload = [b'x'; 100_000];
    let (one, two) = payload.split_at(61_803);
    session.send("SUB foo 1\r\nPUB foo 100000\r\n").send(one);
    session.expect_silence(Duration::from_millis(20)).send(two).send("\r\n");
    let message = session.read_message();
    assert!(message.payload == payload, "{} octets", message.payload.len());
    session.expect_open();
}

table!(PLAIN, Silent, {
    c004_bare_lf_ends_connect: "CONNECT {\"verbose\":true}\n" => "+OK\r\n", Open;
    c006_connect_in_lower_case: "connect {\"verbose\":true}\r\n" => "+OK\r\n", Open;
});

table!(PLAIN, Hello(HEADERS), {
    c004_bare_lf_ends_ping: "PING\n" => "PONG\r\n", Open;
    c004_bare_lf_ends_sub: "SUB foo 1\nPUB foo 2\r\nhi\r\n" => "MSG foo 1 2\r\nhi\r\n", Open;
    c004_bare_lf_ends_unsub: "SUB foo 1\r\nUNSUB 1\nPUB foo 2\r\nhi\r\n" => "", Open;
    c004_bare_lf_ends_the_line_of_pub:
        "SUB foo 1\r\nPUB foo 2\nhi\r\n" => "MSG foo 1 2\r\nhi\r\n", Open;
    c004_cr_within_a_line_that_ends_in_bare_lf:
        "SUB foo\r 12\nPUB foo 2\r\nhi\r\n" => "MSG foo 1 2\r\nhi\r\n", Open,
        nervure "MSG foo 12 2\r\nhi\r\n", Open;
    c005_bare_lf_after_a_payload: "PUB foo 2\r\nhi\n" => UNKNOWN, Closed;
    c005_cr_and_no_lf_after_a_payload: "PUB foo 2\r\nhi\rX" => UNKNOWN, Closed;

    c006_ping_in_lower_case: "ping\r\n" => "PONG\r\n", Open;
    c006_verbs_in_mixed_case:
        "sUb foo 1\r\npUb foo 2\r\nhi\r\nuNSuB 1\r\nPuB foo 2\r\nhi\r\n"
        => "MSG foo 1 2\r\nhi\r\n", Open;
    c006_hpub_in_lower_case:
        "sub foo 1\r\nhpub foo 12 12\r\nNATS/1.0\r\n\r\n\r\n"
        => "HMSG foo 1 12 12\r\nNATS/1.0\r\n\r\n\r\n", Open;

    c007_tabs_and_runs_of_blanks_separate:
        "sub\t foo\t\tq  1 \t\r\nPUB\t \tfoo  2 \t \r\nhi\r\n" => "MSG foo 1 2\r\nhi\r\n", Open;
    c007_blanks_after_a_size: "PUB foo 2 \r\nhi\r\n" => "", Open;
    c007_cr_separates_arguments_of_sub:
        "SUB foo\r 1\r\nPUB foo 2\r\nzz\r\n" => "MSG foo 1 2\r\nzz\r\n", Open;
    c007_a_second_cr_after_a_sid:
        "SUB foo 1\r\r\nPUB foo 2\r\nzz\r\n" => "MSG foo 1 2\r\nzz\r\n", Open;
    c007_cr_and_blank_after_a_sid:
        "SUB foo 1\r \r\nPUB foo 2\r\nzz\r\n" => "MSG foo 1 2\r\nzz\r\n", Open;

    c008_blank_before_a_verb: " PING\r\n" => UNKNOWN, Closed;
    c008_tab_before_a_verb: "\tPING\r\n" => UNKNOWN, Closed;
    c009_empty_line: "\r\n" => UNKNOWN, Closed;
    c009_empty_line_of_bare_lf: "\n" => UNKNOWN, Closed;

    c010_unknown_verb: "FOO bar\r\n" => UNKNOWN, Closed;
    c010_verb_with_a_tail: "PUBX foo 2\r\nhi\r\n" => UNKNOWN, Closed;
    c010_verb_cut_short: "SU\r\n" => UNKNOWN, Closed;
    c010_http: "GET / HTTP/1.1\r\n\r\n" => UNKNOWN, Closed;
    c010_tls_hello_on_a_plain_port: "\x16\x03\x01\x00\x05hello" => UNKNOWN, Closed;
    c010_lone_nul: "\0" => UNKNOWN, Closed;

    c011_msg: "MSG foo 1 2\r\nhi\r\n" => UNKNOWN, Closed;
    c011_hmsg: "HMSG foo 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n" => UNKNOWN, Closed;
    c011_rmsg: "RMSG $G foo 2\r\nhi\r\n" => UNKNOWN, Closed;
    c011_route_interest: "RS+ $G foo\r\n" => UNKNOWN, Closed;
    c011_leaf_interest: "LS+ foo\r\n" => UNKNOWN, Closed;
    c011_account_interest: "A+ foo\r\n" => UNKNOWN, Closed;

    c012_ok_is_ignored: "+OK\r\n" => "", Open;
    c012_ok_with_a_tail_is_ignored: "+OK foo\r\n" => "", Open;
    c012_ok_has_no_length_limit: format!("+OK{:10000}\r\n", "") => "", Open;
    c013_err_closes_without_a_word: "-ERR 'x'\r\n" => "", Closed;
    c013_err_without_argument: "-ERR\r\n" => UNKNOWN, Closed;
    c014_info_is_ignored: "INFO {}\r\n" => "", Open;
    c014_info_null_is_ignored: "INFO null\r\n" => "", Open;

    c016_units_before_a_bad_one_take_effect:
        "SUB foo 1\r\nPUB foo 2\r\nhi\r\nPING\r\nFOO\r\n"
        => format!("MSG foo 1 2\r\nhi\r\nPONG\r\n{UNKNOWN}"), Closed;
    c017_ping_with_arguments: "PING foo bar\r\n" => "PONG\r\n", Open;
    c017_ping_with_a_tail_is_one_ping: "PINGPING\r\n" => "PONG\r\n", Open;
    c017_ping_with_many_crs: "PING\r\r\r\n" => "PONG\r\n", Open;
    c017_ping_has_no_length_limit: format!("PING{:10000}\r\n", "") => "PONG\r\n", Open;
    c017_pong_nobody_asked_for: "PONG\r\nPONGfoo\r\n" => "", Open;

    c018_pub_without_blank: "PUB\r\n" => UNKNOWN, Closed;
    c018_sub_without_blank: "SUB\r\n" => UNKNOWN, Closed;
    c018_unsub_without_blank: "UNSUB\r\n" => UNKNOWN, Closed;
    c018_pub_with_a_blank_only: "PUB \r\n" => "", Closed;
    c018_sub_with_a_blank_only: "SUB \r\n" => "", Closed;
    c018_unsub_with_a_blank_only: "UNSUB \r\n" => "", Closed;
});
