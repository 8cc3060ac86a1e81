//! Items 44 to 52 and 62 to 64: SUB.

use crate::table::Opening::{Hello, Silent};
use crate::table::{HEADERS, INVALID_SUBJECT, PLAIN, Shared, VERBOSE, table};

static TWO_SUBSCRIPTIONS: Shared = Shared::new("max_subscriptions: 2\n");
static THREE_TOKENS: Shared = Shared::new("max_sub_tokens: 3\n");

/// The answer to one subscription too many.
const TOO_MANY: &str = "-ERR 'maximum subscriptions exceeded'\r\n";

table!(PLAIN, Hello(HEADERS), {
    c044_sub_with_two_arguments:
        "SUB foo 1\r\nPUB foo 1\r\na\r\n" => "MSG foo 1 1\r\na\r\n", Open;
    c044_sub_with_three_arguments:
        "SUB foo q 1\r\nPUB foo 1\r\na\r\n" => "MSG foo 1 1\r\na\r\n", Open;
    c044_sub_with_one_argument: "SUB foo\r\n" => "", Closed;
    c044_sub_with_four_arguments: "SUB foo q 1 2\r\n" => "", Closed;
    c044_sub_with_five_arguments: "SUB foo q 1 2 3\r\n" => "", Closed;

    c045_empty_token_in_the_middle: "SUB foo..bar 1\r\n" => INVALID_SUBJECT, Open;
    c045_empty_token_at_the_start: "SUB .foo 1\r\n" => INVALID_SUBJECT, Open;
    c045_empty_token_at_the_end: "SUB foo. 1\r\n" => INVALID_SUBJECT, Open;
    c045_only_a_dot: "SUB . 1\r\n" => INVALID_SUBJECT, Open;
    c045_full_wildcard_in_the_middle: "SUB foo.>.bar 1\r\n" => INVALID_SUBJECT, Open;

    c046_wildcards_within_a_token_are_letters:
        "SUB foo* 1\r\nPUB foo* 1\r\na\r\nPUB foox 1\r\nb\r\nPUB foo 1\r\nc\r\n"
        => "MSG foo* 1 1\r\na\r\n", Open;
    c046_a_star_before_letters: "SUB *foo 1\r\nPUB xfoo 1\r\na\r\nPUB *foo 1\r\nb\r\n"
        => "MSG *foo 1 1\r\nb\r\n", Open;
    c046_two_stars: "SUB ** 1\r\nPUB xx 1\r\na\r\nPUB ** 1\r\nb\r\n" => "MSG ** 1 1\r\nb\r\n", Open;
    c046_two_full_wildcards:
        "SUB >> 1\r\nPUB x.y 1\r\na\r\nPUB >> 1\r\nb\r\n" => "MSG >> 1 1\r\nb\r\n", Open;
    c046_letters_before_a_full_wildcard:
        "SUB foo> 1\r\nPUB foo.x 1\r\na\r\nPUB foo> 1\r\nb\r\n" => "MSG foo> 1 1\r\nb\r\n", Open;

    c047_a_live_sid_keeps_its_first_subject:
        "SUB foo 1\r\nSUB bar 1\r\nPUB foo 1\r\na\r\nPUB bar 1\r\nb\r\n"
        => "MSG foo 1 1\r\na\r\n", Open;
    c047_a_live_sid_gets_one_copy:
        "SUB foo 1\r\nSUB foo 1\r\nSUB foo q 1\r\nPUB foo 1\r\na\r\n"
        => "MSG foo 1 1\r\na\r\n", Open;
    c049_the_sid_of_a_failed_sub_is_free:
        "SUB foo..x 1\r\nSUB foo 1\r\nPUB foo 1\r\na\r\n"
        => format!("{INVALID_SUBJECT}MSG foo 1 1\r\na\r\n"), Open;
    c051_sid_of_letters_and_signs:
        "SUB foo abc-._%$\r\nPUB foo 1\r\na\r\n" => "MSG foo abc-._%$ 1\r\na\r\n", Open;
    c051_sid_that_is_not_utf8:
        b"SUB foo \xff\r\nPUB foo 1\r\na\r\n" => b"MSG foo \xff 1\r\na\r\n", Open;
    c051_sids_are_compared_octet_by_octet:
        "SUB foo 1\r\nSUB bar 01\r\nPUB bar 1\r\na\r\nUNSUB 001\r\nPUB bar 1\r\nb\r\n"
        => "MSG bar 01 1\r\na\r\nMSG bar 01 1\r\nb\r\n", Open;
    c052_the_queue_of_the_system:
        "SUB foo _sys_ 1\r\n"
        => "-ERR 'Permissions Violation for Subscription to \"foo\" using queue \"_sys_\"'\r\n",
        Open;
});

table!(PLAIN, Hello(VERBOSE), {
    c048_reusing_a_live_sid_is_ok: "SUB foo 1\r\nSUB bar 1\r\n" => "+OK\r\n+OK\r\n", Open;
});

table!(THREE_TOKENS, Hello(HEADERS), {
    c062_too_many_tokens: "SUB a.b.c.d 4\r\n"
        => "-ERR 'Permissions Violation for Subscription to \"a.b.c.d\", too many tokens'\r\n",
        Open;
    c062_just_enough_tokens:
        "SUB a.b.> 1\r\nPUB a.b.c.d 1\r\nx\r\n" => "MSG a.b.c.d 1 1\r\nx\r\n", Open;
});

table!(TWO_SUBSCRIPTIONS, Hello(HEADERS), {
    c063_a_subscription_too_many_leaves_the_others_working:
        "SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nPUB a 1\r\nx\r\nPUB b 1\r\ny\r\nPUB c 1\r\nz\r\n"
        => format!("{TOO_MANY}MSG a 1 1\r\nx\r\nMSG b 2 1\r\ny\r\n"), Open;
    c063_at_the_limit_a_live_sid_is_refused_too:
        "SUB a 1\r\nSUB b 2\r\nSUB a 1\r\n" => TOO_MANY, Open;
    c064_an_unsub_makes_room:
        "SUB a 1\r\nSUB b 2\r\nUNSUB 1\r\nSUB c 3\r\nPUB c 1\r\nz\r\n" => "MSG c 3 1\r\nz\r\n", Open;
});

table!(TWO_SUBSCRIPTIONS, Silent, {
    c063_verbose_has_no_ok_for_one_too_many:
        "SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n" => format!("+OK\r\n+OK\r\n{TOO_MANY}"), Open;
});

#[test]
fn c050_two_sids_on_one_subject_give_two_copies() {
    let server = PLAIN.lock();
    let mut session = server.client("");
    session.send("SUB foo 1\r\nSUB foo 2\r\nPUB foo 1\r\na\r\n");
    let mut sids = [session.read_message().sid, session.read_message().sid];
    sids.sort();
    assert_eq!(sids, [b"1", b"2"]);
    session.expect_open();
}
