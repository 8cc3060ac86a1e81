//! Items 73 to 82: what CONNECT may say.

use crate::table::Opening::Silent;
use crate::table::{INVALID_PUBLISH, PLAIN, UNAUTHORIZED, table};

const BAD_PROTOCOL: &str = "-ERR 'invalid client protocol'\r\n";

table!(PLAIN, Silent, {
    c073_keys_in_any_case:
        "CONNECT {\"VERBOSE\":false,\"Pedantic\":false}\r\nPUB a..b 0\r\n\r\n" => "", Open;
    c073_the_last_of_duplicate_keys_wins:
        "CONNECT {\"verbose\":true,\"verbose\":false}\r\n" => "", Open;
    c074_unknown_keys: "CONNECT {\"foo\":{\"x\":[1,2]},\"verbose\":true}\r\n" => "+OK\r\n", Open;
    c074_invalid_utf8_within_a_string:
        b"CONNECT {\"name\":\"\xff\xfe\",\"verbose\":true}\r\n" => "+OK\r\n", Open;
    c074_no_blank_before_the_object: "CONNECT{\"verbose\":true}\r\n" => "+OK\r\n", Open;
    c074_blanks_behind_the_object: "CONNECT {\"verbose\":false}  \t \r\n" => "", Open;

    c075_string_for_a_boolean: "CONNECT {\"verbose\":\"x\"}\r\n" => "", Closed;
    c075_string_for_a_number: "CONNECT {\"protocol\":\"1\"}\r\n" => "", Closed;
    c075_fraction_for_a_number: "CONNECT {\"protocol\":1.0}\r\n" => "", Closed;
    c075_array: "CONNECT []\r\n" => "", Closed;
    c075_syntax_error: "CONNECT {bad\r\n" => "", Closed;
    c075_trailing_text: "CONNECT {\"verbose\":false} x\r\n" => "", Closed;
    c075_no_argument: "CONNECT\r\n" => "", Closed;
    c075_blank_argument: "CONNECT \r\n" => "", Closed;
    c075_a_verb_with_a_tail: "CONNECTX{\"verbose\":true}\r\n" => "", Closed;
    c075_raw_tab_within_a_string: "CONNECT {\"name\":\"a\tb\"}\r\n" => "", Closed;
    c075_info_with_a_syntax_error: "INFO {x\r\n" => "", Closed;
    c075_info_without_argument: "INFO\r\n" => "", Closed;

    c076_null_for_a_value: "CONNECT {\"verbose\":null}\r\n" => "+OK\r\n", Open;
    c076_null_for_the_object: "CONNECT null\r\n" => "+OK\r\n", Open;
    c076_null_keeps_what_an_earlier_connect_said:
        "CONNECT {\"verbose\":false}\r\nCONNECT {\"verbose\":null}\r\n" => "", Open;

    c077_protocol_two: "CONNECT {\"protocol\":2}\r\n" => BAD_PROTOCOL, Closed;
    c077_protocol_below_zero: "CONNECT {\"protocol\":-1}\r\n" => BAD_PROTOCOL, Closed;
    c078_no_responders_without_headers:
        "CONNECT {\"no_responders\":true}\r\n"
        => "-ERR 'no responders requires headers support'\r\n", Closed;
    c079_account: "CONNECT {\"account\":\"A\"}\r\n" => UNAUTHORIZED, Closed;
    c079_new_account: "CONNECT {\"new_account\":true}\r\n" => UNAUTHORIZED, Closed;
    c079_empty_account:
        "CONNECT {\"account\":\"\",\"new_account\":false}\r\n" => "+OK\r\n", Open;

    c080_a_second_connect_drops_all_subscriptions:
        "CONNECT {\"verbose\":false}\r\nSUB foo 1\r\nCONNECT {\"verbose\":false}\r\n\
         PUB foo 2\r\nhi\r\n" => "", Open;
    c080_the_sids_are_free_again:
        "CONNECT {\"verbose\":false}\r\nSUB foo 1\r\nCONNECT {}\r\nSUB bar 1\r\n\
         PUB bar 2\r\nhi\r\n" => "MSG bar 1 2\r\nhi\r\n", Open;
    c081_a_second_connect_keeps_what_it_does_not_say:
        "CONNECT {\"verbose\":false,\"echo\":false,\"pedantic\":true}\r\nCONNECT {}\r\n\
         SUB foo 1\r\nPUB foo 0\r\n\r\nPUB a..b 0\r\n\r\n" => INVALID_PUBLISH, Open;
    c081_a_second_connect_changes_what_it_says:
        "CONNECT {\"verbose\":false,\"echo\":false}\r\nCONNECT {\"echo\":true}\r\n\
         SUB foo 1\r\nPUB foo 0\r\n\r\n" => "MSG foo 1 0\r\n\r\n", Open;
    c082_credentials_nobody_asked_for:
        "CONNECT {\"user\":\"a\",\"pass\":\"b\",\"jwt\":\"zzz\",\"nkey\":\"U\",\"sig\":\"s\",\
         \"auth_token\":\"t\"}\r\n" => "+OK\r\n", Open;
    c082_tls_required_on_a_plain_port: "CONNECT {\"tls_required\":true}\r\n" => "+OK\r\n", Open;
});
