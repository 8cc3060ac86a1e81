//! Items 25 to 43: PUB and HPUB.

use crate::table::Opening::{Hello, Silent};
use crate::table::{HEADERS, PAYLOAD_TOO_LONG, PLAIN, UNKNOWN, table};

/// `-ERR` for a subject nobody may publish to; `shown` is the subject as it is quoted.
fn refused(shown: &str) -> String {
    format!("-ERR 'Permissions Violation for Publish to \"{shown}\"'\r\n")
}

/// `-ERR` for a reply nobody may give.
fn refused_reply(reply: &str) -> String {
    format!("-ERR 'Permissions Violation for Publish with Reply of \"{reply}\"'\r\n")
}

table!(PLAIN, Hello(HEADERS), {
    c025_two_arguments_are_subject_and_size:
        "SUB foo 1\r\nPUB foo 2\r\nhi\r\n" => "MSG foo 1 2\r\nhi\r\n", Open;
    c025_the_middle_one_of_three_is_the_reply:
        "SUB foo 1\r\nPUB foo bar 2\r\nhi\r\n" => "MSG foo 1 bar 2\r\nhi\r\n", Open;
    c025_hpub_with_reply:
        "SUB foo 1\r\nHPUB foo bar 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"
        => "HMSG foo 1 bar 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", Open;
    c026_pub_with_one_argument: "PUB foo\r\n" => "", Closed;
    c026_pub_with_four_arguments: "PUB foo bar 2 3\r\nhi\r\n" => "", Closed;
    c026_hpub_with_two_arguments: "HPUB foo 2\r\n" => "", Closed;
    c026_hpub_with_five_arguments: "HPUB foo a b 2 2\r\n" => "", Closed;

    c027_negative_size: "PUB foo -1\r\n\r\n" => "", Closed;
    c027_size_with_plus: "PUB foo +2\r\nhi\r\n" => "", Closed;
    c027_size_with_a_letter: "PUB foo 2x\r\nhi\r\n" => "", Closed;
    c027_hexadecimal_size: "PUB foo 0x2\r\nhi\r\n" => "", Closed;
    c027_size_of_ten_digits: "PUB foo 0000000002\r\nhi\r\n" => "", Closed;
    c027_size_with_cr: "PUB foo 2\r\r\nhi\r\n" => "", Closed;
    c027_hpub_with_negative_header_size: "HPUB foo -1 2\r\n" => "", Closed;
    c027_hpub_with_header_size_that_is_no_number: "HPUB foo x 2\r\n" => "", Closed;
    c027_hpub_with_total_size_that_is_no_number: "HPUB foo 12 x\r\n" => "", Closed;

    c028_leading_zeros_of_a_size_are_echoed:
        "SUB foo 1\r\nPUB foo 0002\r\nhi\r\n" => "MSG foo 1 0002\r\nhi\r\n", Open;
    c028_nine_digits_are_echoed:
        "SUB foo 1\r\nPUB foo 000000002\r\nhi\r\n" => "MSG foo 1 000000002\r\nhi\r\n", Open;
    c028_leading_zeros_of_both_sizes_are_echoed:
        "SUB foo 1\r\nHPUB foo 0012 0014\r\nNATS/1.0\r\n\r\nhi\r\n"
        => "HMSG foo 1 0012 0014\r\nNATS/1.0\r\n\r\nhi\r\n", Open;
    c029_size_zero: "SUB foo 1\r\nPUB foo 0\r\n\r\n" => "MSG foo 1 0\r\n\r\n", Open;

    c030_crlf_and_verbs_within_a_payload:
        "SUB foo 1\r\nPUB foo 6\r\nPING\r\n\r\n" => "MSG foo 1 6\r\nPING\r\n\r\n", Open;
    c030_every_octet_within_a_payload:
        every_octet("SUB foo 1\r\nPUB foo 256\r\n") => every_octet("MSG foo 1 256\r\n"), Open;
    c031_payload_longer_than_its_size: "PUB foo 2\r\nhiho\r\n" => UNKNOWN, Closed;
    c031_payload_shorter_than_its_size:
        "SUB foo 1\r\nPUB foo 5\r\nhi\r\nPING\r\n" => UNKNOWN, Closed;

    c032_size_above_the_limit: "PUB foo 1048577\r\n" => PAYLOAD_TOO_LONG, Closed;
    c032_largest_size_there_is: "PUB foo 999999999\r\n" => PAYLOAD_TOO_LONG, Closed;
    c033_size_at_the_limit:
        largest("SUB foo 1\r\nPUB foo 1048576\r\n") => largest("MSG foo 1 1048576\r\n"), Open;
    c034_header_counts_against_the_limit: "HPUB foo 12 1048577\r\n" => PAYLOAD_TOO_LONG, Closed;
    c035_header_larger_than_the_total:
        "HPUB foo 20 19\r\nNATS/1.0\r\nA: b\r\n\r\nx\r\n" => "", Closed;
    c036_header_of_size_zero:
        "SUB foo 1\r\nHPUB foo 0 2\r\nhi\r\n" => "MSG foo 1 2\r\nhi\r\n", Open;
    c037_header_that_is_none:
        "SUB foo 1\r\nHPUB foo 4 6\r\nxxxxhi\r\n" => "HMSG foo 1 4 6\r\nxxxxhi\r\n", Open;
    c037_header_of_another_protocol:
        "SUB foo 1\r\nHPUB foo 12 14\r\nHTTP/1.0\r\n\r\nhi\r\n"
        => "HMSG foo 1 12 14\r\nHTTP/1.0\r\n\r\nhi\r\n", Open;
    c037_header_without_blank_line:
        "SUB foo 1\r\nHPUB foo 10 12\r\nNATS/1.0\r\nhi\r\n"
        => "HMSG foo 1 10 12\r\nNATS/1.0\r\nhi\r\n", Open;
    c037_header_with_a_status:
        "SUB foo 1\r\nHPUB foo 24 26\r\nNATS/1.0 100 Idle  X\r\n\r\nhi\r\n"
        => "HMSG foo 1 24 26\r\nNATS/1.0 100 Idle  X\r\n\r\nhi\r\n", Open;

    c039_service_import_reply: "PUB foo _R_.x 1\r\na\r\n" => refused_reply("_R_.x"), Open;
    c039_service_import_prefix_as_reply: "PUB foo _R_. 1\r\na\r\n" => refused_reply("_R_."), Open;
    c039_ack_reply: "PUB foo $JS.ACK.x 1\r\nb\r\n" => refused_reply("$JS.ACK.x"), Open;
    c039_gateway_reply: "PUB foo _GR_.x 1\r\na\r\n" => refused_reply("_GR_.x"), Open;
    c039_old_gateway_reply: "PUB foo $GR.x 1\r\na\r\n" => refused_reply("$GR.x"), Open;
    c039_a_refused_message_is_not_delivered:
        "SUB foo 1\r\nPUB foo _R_.x 1\r\na\r\n" => refused_reply("_R_.x"), Open;
    c039_replies_that_only_look_reserved_pass:
        "SUB foo 1\r\nPUB foo _R_ 0\r\n\r\nPUB foo _R_x 0\r\n\r\nPUB foo $JS.ACK 0\r\n\r\n\
         PUB foo $JS.ACK. 0\r\n\r\nPUB foo _GR_. 0\r\n\r\nPUB foo $GR. 0\r\n\r\n"
        => "MSG foo 1 _R_ 0\r\n\r\nMSG foo 1 _R_x 0\r\n\r\nMSG foo 1 $JS.ACK 0\r\n\r\n\
            MSG foo 1 $JS.ACK. 0\r\n\r\nMSG foo 1 _GR_. 0\r\n\r\nMSG foo 1 $GR. 0\r\n\r\n", Open;
    c040_gateway_subject:
        "PUB _GR_.abc.def.foo 1\r\nx\r\n" => refused("_GR_.abc.def.foo"), Open;
    c040_old_gateway_subject: "PUB $GR.x 1\r\nx\r\n" => refused("$GR.x"), Open;
    c040_gateway_prefix_alone_passes: "PUB _GR_. 1\r\nx\r\n" => "", Open;
    c040_a_quote_is_escaped: "PUB _GR_.a\"b 0\r\n\r\n" => refused(r#"_GR_.a\"b"#), Open;
    c040_a_backslash_is_escaped: "PUB _GR_.a\\b 0\r\n\r\n" => refused(r"_GR_.a\\b"), Open;
    c040_a_control_octet_is_escaped: "PUB _GR_.a\x7fb\x07 0\r\n\r\n" => refused(r"_GR_.a\x7fb\a"), Open;
    c040_what_is_not_utf8_is_escaped:
        b"PUB _GR_.\xff 0\r\n\r\n" => refused(r"_GR_.\xff"), Open;
    c040_what_cannot_be_printed_is_escaped:
        "PUB _GR_.\u{2028} 0\r\n\r\n" => refused(r"_GR_.\u2028"), Open;
    c040_printable_letters_stay: "PUB _GR_.ü'😀 0\r\n\r\n" => refused("_GR_.ü'😀"), Open;
    c041_raft_subject: "PUB $NRG.x 1\r\nx\r\n" => refused("$NRG.x"), Open;

    c042_reply_with_an_empty_token:
        "SUB foo 1\r\nPUB foo r..x 2\r\nhi\r\n" => "MSG foo 1 r..x 2\r\nhi\r\n", Open;
    c042_reply_with_wildcards:
        "SUB foo 1\r\nPUB foo *.> 2\r\nhi\r\n" => "MSG foo 1 *.> 2\r\nhi\r\n", Open;
    c043_subjects_with_an_empty_token_vanish:
        "SUB > 1\r\nPUB foo..bar 2\r\nhi\r\nPUB .foo 2\r\nhi\r\nPUB foo. 2\r\nhi\r\n" => "", Open;
});

table!(PLAIN, Hello(""), {
    c038_hpub_when_connect_did_not_ask_for_headers:
        "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n" => "", Closed;
});

table!(PLAIN, Silent, {
    c038_hpub_before_connect: "HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n" => "", Closed;
});

/// `line`, a payload of all 256 octets, CRLF.
fn every_octet(line: &str) -> Vec<u8> {
    line.bytes().chain(0..=255).chain(*b"\r\n").collect()
}

/// `line`, a payload of 1 MiB, CRLF.
fn largest(line: &str) -> Vec<u8> {
    line.bytes().chain(std::iter::repeat_n(b'x', 1 << 20)).chain(*b"\r\n").collect()
}
