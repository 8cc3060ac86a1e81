//! What users may do: the numbers behind `s` are those of the checklist of the security chapter
//! (54 to 77; 57 comes with subject mappings).

use std::time::Duration;

use harness::{Launch, Program, Session};

use crate::table::Opening::Hello;
use crate::table::{INVALID_PUBLISH, INVALID_SUBJECT, Shared, table};

/// CONNECT members of the users below; all have the same password.
macro_rules! user {
    ($name:literal) => {
        concat!(r#""pass":"p","headers":true,"user":""#, $name, r#"""#)
    };
    ($name:literal, $more:literal) => {
        concat!(r#""pass":"p","headers":true,"user":""#, $name, r#"","#, $more)
    };
}

const FREE: &str = user!("free");
const LISTS: &str = user!("lists");
const VERBOSE: &str = user!("lists", r#""verbose":true,"pedantic":true"#);
const EMPTY: &str = user!("empty");
const QUEUES: &str = user!("queues");
const DENIED: &str = user!("denied");
const ONE: &str = user!("one");
const TWO: &str = user!("two");
const UNLIMITED: &str = user!("unlimited");
const BOTH: &str = user!("both");
const DEFAULTS: &str = user!("defaults");

static USERS: Shared = Shared::new(
    r#"
max_subscription_tokens: 5
authorization {
  default_permissions: { publish: common, subscribe: "common.>" }
  users: [
    { user: free, password: p, permissions: {} }
    { user: defaults, password: p }
    { user: lists, password: p, permissions: {
        publish: { allow: ["foo", "a.*.c", "d.>", "reply.>"], deny: "d.x" }
        subscribe: { allow: ["foo", "sub.>", "a.*", "b.*.c"], deny: "sub.no" } } }
    { user: empty, password: p, permissions: { publish: [], subscribe: { allow: [] } } }
    { user: queues, password: p, permissions: {
        subscribe: ["b v1", "c", "c v1", "a.*", "d *.prod", "q v.>"] } }
    { user: denied, password: p, permissions: {
        subscribe: { deny: ["foo.bar", "priv.>", "b.c.>", "x.1 qq", "w.* *.z"] } } }
    { user: one, password: p, permissions: { subscribe: req, allow_responses: true } }
    { user: two, password: p, permissions: {
        subscribe: req, allow_responses: { max: 2, expires: "500ms" } } }
    { user: unlimited, password: p, permissions: {
        subscribe: req, allow_responses: { max: -1, ttl: "-1s" } } }
    { user: both, password: p, permissions: {
        publish: { allow: ["ok", "in.>"], deny: "in.no" }
        subscribe: req, allow_responses: true } }
  ]
}
"#,
);

fn publish(subject: &str) -> String {
    format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n")
}

fn reply(subject: &str) -> String {
    format!("-ERR 'Permissions Violation for Publish with Reply of \"{subject}\"'\r\n")
}

fn sub(subject: &str) -> String {
    format!("-ERR 'Permissions Violation for Subscription to \"{subject}\"'\r\n")
}

fn queue(subject: &str, queue: &str) -> String {
    format!(
        "-ERR 'Permissions Violation for Subscription to \"{subject}\" using queue \"{queue}\"'\r\n"
    )
}

table!(USERS, Hello(LISTS), {
    s054_a_refused_publish_is_named_and_dropped:
        "SUB foo 1\r\nPUB bar 3\r\nabc\r\nPUB foo 3\r\nabc\r\n"
        => format!("{}MSG foo 1 3\r\nabc\r\n", publish("bar")), Open;
    s054_wildcards_of_a_published_subject_are_text:
        "PUB a.*.c 0\r\n\r\nPUB a.> 0\r\n\r\nPUB d.> 0\r\n\r\n" => publish("a.>"), Open;
    s054_empty_tokens_fit_no_entry:
        "PUB d..y 0\r\n\r\nPUB d. 0\r\n\r\n" => publish("d..y") + &publish("d."), Open;
    s054_headers_are_dropped_with_the_message:
        "HPUB bar 12 14\r\nNATS/1.0\r\n\r\nhi\r\n" => publish("bar"), Open;
    s054_names_are_quoted: "PUB b\"r 0\r\n\r\n" => publish("b\\\"r"), Open;
    s056_deny_beats_allow_for_publish: "PUB d.x 0\r\n\r\nPUB d.y 0\r\n\r\n" => publish("d.x"), Open;
    s056_deny_beats_allow_for_subscribe: "SUB sub.no 1\r\nSUB sub.yes 2\r\n" => sub("sub.no"), Open;
    s058_replies_of_servers:
        "PUB foo _R_.x 0\r\n\r\nPUB foo $JS.ACK.x 0\r\n\r\nPUB foo _GR_.x 0\r\n\r\n"
        => reply("_R_.x") + &reply("$JS.ACK.x") + &reply("_GR_.x"), Open;
    s058_the_subject_comes_before_the_reply: "PUB bar _R_.x 0\r\n\r\n" => publish("bar"), Open;
    s058_other_replies_are_not_checked: "PUB foo anywhere 0\r\n\r\n" => "", Open;
    s059_subjects_of_servers:
        "PUB _GR_.aaaaaa.bbbbbb.x 0\r\n\r\nPUB $NRG.x 0\r\n\r\n"
        => publish("_GR_.aaaaaa.bbbbbb.x") + &publish("$NRG.x"), Open;
    s061_a_refused_subscription_is_named: "SUB bar 1\r\n" => sub("bar"), Open;
    s061_a_refused_member_is_named: "SUB bar q 1\r\n" => queue("bar", "q"), Open;
    s061_the_sid_is_not_taken:
        "SUB bar 1\r\nUNSUB 1\r\nSUB foo 1\r\nPUB foo 0\r\n\r\n"
        => sub("bar") + "MSG foo 1 0\r\n\r\n", Open;
    s061_permissions_come_before_validity:
        "SUB sub..x 1\r\nSUB sub.>.x 1\r\n" => sub("sub..x") + INVALID_SUBJECT, Open;
    s062_the_queue_of_the_server: "SUB foo _sys_ 1\r\n" => queue("foo", "_sys_"), Open;
    s063_too_many_tokens:
        "SUB sub.2.3.4.5 1\r\nSUB sub.2.3.4.5.6 q 2\r\n"
        => "-ERR 'Permissions Violation for Subscription to \"sub.2.3.4.5.6\", too many tokens'\r\n",
        Open;
    s063_permissions_come_before_the_count: "SUB 1.2.3.4.5.6 2\r\n" => sub("1.2.3.4.5.6"), Open;
    s065_wildcards_of_a_subscription_are_text:
        "SUB a.> 1\r\nSUB > 2\r\nSUB * 3\r\n" => sub(">") + &sub("*"), Open;
    s065_a_broader_subscription_is_refused:
        "SUB b.> 1\r\nSUB b.*.* 2\r\nSUB b.*.c 3\r\n" => sub("b.>") + &sub("b.*.*"), Open;
    s069_there_is_no_right_to_an_inbox: "SUB _INBOX.x 1\r\n" => sub("_INBOX.x"), Open;
});

table!(USERS, Hello(VERBOSE), {
    s076_an_error_replaces_ok:
        "PUB bar 0\r\n\r\nPUB foo 0\r\n\r\nSUB bar 1\r\nSUB foo 2\r\nUNSUB 1\r\n"
        => format!("{}+OK\r\n{}+OK\r\n+OK\r\n", publish("bar"), sub("bar")), Open;
    s076_pedantic_looks_at_the_subject_first:
        "PUB a.> 0\r\n\r\nPUB d.> 0\r\n\r\n"
        => format!("{INVALID_PUBLISH}{}{INVALID_PUBLISH}+OK\r\n", publish("a.>")), Open;
});

table!(USERS, Hello(EMPTY), {
    s055_empty_lists_allow_everything:
        "SUB any.thing 1\r\nPUB any.thing 0\r\n\r\n" => "MSG any.thing 1 0\r\n\r\n", Open;
});

table!(USERS, Hello(FREE), {
    s060_anybody_may_publish_to_service_replies:
        "SUB _R_.aaa 1\r\nPUB _R_.aaa 0\r\n\r\n" => "MSG _R_.aaa 1 0\r\n\r\n", Open;
});

table!(USERS, Hello(QUEUES), {
    s064_for_a_queue_only:
        "SUB b 1\r\nSUB b v1 2\r\nSUB b v2 3\r\n" => sub("b") + &queue("b", "v2"), Open;
    s064_queue_entries_replace_plain_ones:
        "SUB c 1\r\nSUB c v1 2\r\nSUB c v2 3\r\n" => queue("c", "v2"), Open;
    s064_plain_entries_are_for_all_queues: "SUB a.x 1\r\nSUB a.x v1 2\r\nSUB a.x v2 3\r\n" => "", Open;
    s064_patterns_of_queues:
        "SUB d 1\r\nSUB d x.prod 2\r\nSUB d *.prod 3\r\nSUB d prod 4\r\nSUB d >.prod 5\r\n"
        => sub("d") + &queue("d", "prod") + &queue("d", ">.prod"), Open;
    s064_patterns_of_queues_with_a_rest:
        "SUB q v.a 1\r\nSUB q v.> 2\r\nSUB q v..a 3\r\nSUB q v. 4\r\nSUB q v 5\r\n"
        => queue("q", "v"), Open;
});

table!(USERS, Hello(DENIED), {
    s066_what_is_denied_is_refused_with_and_without_a_queue:
        "SUB foo.bar 1\r\nSUB foo.bar q 2\r\n" => sub("foo.bar") + &queue("foo.bar", "q"), Open;
    s066_a_broader_subscription_is_filtered:
        "SUB foo.* 1\r\nPUB foo.bar 0\r\n\r\nPUB foo.baz 0\r\n\r\nUNSUB 1\r\nSUB > 2\r\n\
         PUB foo.bar 0\r\n\r\nPUB x 0\r\n\r\n"
        => "MSG foo.baz 1 0\r\n\r\nMSG x 2 0\r\n\r\n", Open;
    s066_members_are_filtered_too:
        "SUB foo.* q 1\r\nPUB foo.bar 0\r\n\r\nPUB foo.baz 0\r\n\r\n" => "MSG foo.baz 1 0\r\n\r\n", Open;
    s066_what_is_filtered_does_not_count_for_unsub:
        "SUB foo.* 1\r\nUNSUB 1 1\r\nPUB foo.bar 0\r\n\r\nPUB foo.a 0\r\n\r\nPUB foo.b 0\r\n\r\n"
        => "MSG foo.a 1 0\r\n\r\n", Open;
    s067_all_below_is_refused:
        "SUB priv.* 1\r\nSUB priv.> 2\r\nSUB priv 3\r\n" => sub("priv.*") + &sub("priv.>"), Open;
    s067_broader_than_what_is_denied:
        "SUB b.c.* 1\r\nSUB b.c.> 2\r\nSUB b.> 3\r\nSUB b.*.* 4\r\nSUB b.c 5\r\nSUB > 6\r\n"
        => sub("b.c.*") + &sub("b.c.>"), Open;
    s068_denied_to_one_queue:
        "SUB x.1 qq 1\r\nSUB x.1 2\r\nSUB x.1 rr 3\r\nPUB x.1 0\r\n\r\nUNSUB 2\r\nUNSUB 3\r\n\
         SUB x.* qq 4\r\nPUB x.1 0\r\n\r\nPUB x.2 0\r\n\r\n"
        => queue("x.1", "qq") + "MSG x.1 2 0\r\n\r\nMSG x.1 3 0\r\n\r\nMSG x.2 4 0\r\n\r\n", Open;
    s068_denied_to_a_pattern_of_queues:
        "SUB w.1 a.z 1\r\nSUB w.> a.z 2\r\nSUB w.1 a.y 3\r\n"
        => queue("w.1", "a.z") + &queue("w.>", "a.z"), Open;
});

table!(USERS, Hello(DEFAULTS), {
    s075_defaults_are_for_users_without_a_block:
        "PUB common 0\r\n\r\nPUB foo 0\r\n\r\nSUB common.x 1\r\nSUB foo 2\r\n"
        => publish("foo") + &sub("foo"), Open;
});

table!(USERS, Hello(ONE), {
    s075_a_block_of_his_own_switches_the_defaults_off: "SUB common.x 1\r\n" => sub("common.x"), Open;
    s070_without_a_request_there_is_nothing_to_reply: "PUB inbox.1 0\r\n\r\n" => publish("inbox.1"), Open;
});

#[test]
fn s068_the_other_member_gets_what_one_may_not_have() {
    let server = USERS.lock();
    let (mut denied, mut free) = (server.client(DENIED), server.client(FREE));
    denied.send("SUB x.* qq 1\r\n").expect_open();
    free.send("SUB x.* qq 1\r\n").expect_open();
    for _ in 0..50 {
        free.send("PUB x.1 0\r\n\r\n").expect("MSG x.1 1 0\r\n\r\n");
    }
    denied.expect_open();
    denied.finish();
    free.finish();
}

/// A responder of this user, and whoever asks it.
fn asked(members: &str, requests: &str, conversation: impl FnOnce(&mut Session, &mut Session)) {
    let server = USERS.lock();
    let (mut responder, mut requester) = (server.client(members), server.client(FREE));
    responder.send("SUB req 1\r\n").expect_open();
    requester.send(requests).expect_open();
    conversation(&mut responder, &mut requester);
    responder.finish();
    requester.finish();
}

#[test]
fn s070_one_reply_to_each_request() {
    let requests = "SUB inbox.* 9\r\nPUB req inbox.1 0\r\n\r\nPUB req inbox.2 0\r\n\r\n";
    asked(ONE, requests, |responder, requester| {
        responder.expect("MSG req 1 inbox.1 0\r\n\r\nMSG req 1 inbox.2 0\r\n\r\n");
        responder.send("PUB other 0\r\n\r\n").expect(publish("other"));
        for inbox in ["inbox.2", "inbox.1"] {
            responder.send(format!("PUB {inbox} 0\r\n\r\n")).expect_open();
            requester.expect(format!("MSG {inbox} 9 0\r\n\r\n"));
            responder.send(format!("PUB {inbox} 0\r\n\r\n")).expect(publish(inbox)).expect_open();
        }
        requester.expect_open();
    });
}

#[test]
fn s071_as_many_replies_as_configured() {
    asked(TWO, "PUB req r.1 0\r\n\r\n", |responder, _| {
        responder.expect("MSG req 1 r.1 0\r\n\r\n");
        responder.send("PUB r.1 0\r\n\r\nPUB r.1 0\r\n\r\n").expect_open();
        responder.send("PUB r.1 0\r\n\r\n").expect(publish("r.1")).expect_open();
    });
}

#[test]
fn s071_no_reply_after_its_time() {
    asked(TWO, "PUB req r.1 0\r\n\r\n", |responder, _| {
        responder.expect("MSG req 1 r.1 0\r\n\r\n");
        responder.expect_silence(Duration::from_millis(600));
        responder.send("PUB r.1 0\r\n\r\n").expect(publish("r.1")).expect_open();
    });
}

#[test]
fn s071_a_used_up_reply_subject_can_be_granted_again() {
    asked(TWO, "PUB req r.1 0\r\n\r\n", |responder, requester| {
        let twice = "PUB r.1 0\r\n\r\nPUB r.1 0\r\n\r\n";
        responder.expect("MSG req 1 r.1 0\r\n\r\n").send(twice).expect_open();
        requester.send("PUB req r.1 0\r\n\r\n").expect_open();
        responder.expect("MSG req 1 r.1 0\r\n\r\n").send(twice).expect_open();
        responder.send("PUB r.1 0\r\n\r\n").expect(publish("r.1")).expect_open();
    });
}

#[test]
fn s071_every_delivery_of_a_request_may_be_answered() {
    asked(ONE, "", |responder, requester| {
        responder.send("SUB req 2\r\n").expect_open();
        requester.send("PUB req r.1 0\r\n\r\n").expect_open();
        let mut sids = [responder.read_message().sid, responder.read_message().sid];
        sids.sort();
        assert_eq!(sids, [b"1", b"2"]);
        responder.send("PUB r.1 0\r\n\r\n");
        // There the second delivery counts as the one reply that is allowed.
        if Program::under_test() == Program::NatsServer {
            responder.expect(publish("r.1"));
        }
        responder.expect_open();
    });
}

#[test]
fn s072_negative_is_unlimited() {
    asked(UNLIMITED, "PUB req r.1 0\r\n\r\n", |responder, _| {
        responder.expect("MSG req 1 r.1 0\r\n\r\n");
        responder.send("PUB r.1 0\r\n\r\n".repeat(20)).expect_open();
        responder.send("PUB r.2 0\r\n\r\n").expect(publish("r.2")).expect_open();
    });
}

#[test]
fn s073_a_grant_beats_the_deny_list() {
    asked(BOTH, "PUB req in.no 0\r\n\r\n", |responder, _| {
        responder.expect("MSG req 1 in.no 0\r\n\r\n");
        responder.send("PUB in.no 0\r\n\r\n").expect_open();
        responder.send("PUB in.no 0\r\n\r\n").expect(publish("in.no")).expect_open();
    });
}

#[test]
fn s074_what_is_allowed_anyway_is_not_counted() {
    asked(BOTH, "PUB req in.yes 0\r\n\r\n", |responder, _| {
        responder.expect("MSG req 1 in.yes 0\r\n\r\n");
        responder.send("PUB in.yes 0\r\n\r\n".repeat(5)).expect_open();
        responder.send("PUB ok 0\r\n\r\nPUB else 0\r\n\r\n").expect(publish("else")).expect_open();
    });
}

#[test]
fn s070_a_second_connect_forgets_what_was_granted() {
    asked(ONE, "PUB req r.1 0\r\n\r\n", |responder, _| {
        responder.expect("MSG req 1 r.1 0\r\n\r\n");
        responder.hello(ONE);
        responder.send("PUB r.1 0\r\n\r\n").expect(publish("r.1")).expect_open();
    });
}

#[test]
fn violations_are_logged() {
    let config = "authorization { users: [ { user: u, password: p, permissions: \
                  { publish: a, subscribe: \"b.>\" } } ] }\nmax_subscription_tokens: 3\n";
    let server = Launch::new().config(config).start();
    let mut session = server.client(r#""user":"u","pass":"p""#);
    session.send("PUB c 0\r\n\r\nPUB a _R_.x 0\r\n\r\nSUB c 1\r\nSUB c q x\r\nSUB b.2.3.4 4\r\n");
    for text in [
        "Publish Violation - Subject \"c\"",
        "Publish Violation - Reply \"_R_.x\"",
        "Subscription Violation - Subject \"c\", SID 1",
        "Subscription Violation - Subject \"c\", Queue: \"q\", SID x",
        "Subscription Violation Too Many Tokens - Subject \"b.2.3.4\", SID 4",
    ] {
        let line = server.expect_log(text);
        assert!(line.contains("[ERR] ") && line.contains(" - \"$G/user:u\" - "), "{line}");
        assert!(line.trim_end().ends_with(text), "{line}");
    }
}

/// A configuration of one user, `u`, with these permissions, and one without.
fn with(permissions: &str) -> String {
    format!(
        "authorization {{ users: [ {{ user: free, password: p }}\n\
         {{ user: u, password: p{permissions} }} ] }}\nno_auth_user: u\n"
    )
}

#[test]
fn s077_a_reload_drops_what_is_no_longer_permitted() {
    let before = ", permissions: { publish: [a, b], subscribe: [foo, \"bar q\", baz, \"w.>\"] }";
    let after = ", permissions: { publish: b, subscribe: { allow: [baz, \"w.>\"], deny: w.1 } }";
    let server = Launch::new().config(with(before)).start();
    let mut session = server.client(r#""user":"u","pass":"p""#);
    let mut free = server.client(FREE);
    session
        .send("SUB foo 1\r\nSUB bar q 2\r\nSUB baz 3\r\nSUB w.> 4\r\nPUB a 0\r\n\r\n")
        .expect_open();
    server.reload(&with(after));
    let mut told = [session.read_line(), session.read_line()];
    told.sort();
    let violation = |text: &str| format!("-ERR 'Permissions Violation for Subscription to {text}'");
    let expected = ["\"bar\" using queue \"q\" (sid \"2\")", "\"foo\" (sid \"1\")"].map(violation);
    assert_eq!(told.map(|line| String::from_utf8_lossy(&line).into_owned()), expected);
    server.expect_log("[INF] Removed sub \"foo\" (sid \"1\") for User \"u\" - not authorized");
    server.expect_log(
        "[INF] Removed sub \"bar\" using queue \"q\" (sid \"2\") for User \"u\" - not authorized",
    );
    session.send("PUB a 0\r\n\r\nPUB b 0\r\n\r\n").expect(publish("a")).expect_open();
    free.send("PUB foo 0\r\n\r\nPUB bar 0\r\n\r\nPUB baz 0\r\n\r\nPUB w.1 0\r\n\r\n").expect_open();
    session.expect("MSG baz 3 0\r\n\r\n").expect_open();
    server.reload(&with(""));
    session.send("SUB foo 1\r\nPUB a 0\r\n\r\n").expect_open();
    free.send("PUB w.1 0\r\n\r\nPUB foo 0\r\n\r\n").expect_open();
    session.expect("MSG w.1 4 0\r\n\r\nMSG foo 1 0\r\n\r\n").expect_open();
}

#[test]
fn c105_s026_s028_no_auth_user_has_his_permissions_with_and_without_connect() {
    let server = Launch::new().config(with(", permissions: { publish: a, subscribe: b }")).start();
    for opening in ["PING\r\n", "CONNECT {\"verbose\":false}\r\nPING\r\n"] {
        let mut session = server.session();
        session.send(opening).expect("PONG\r\n");
        session.send("PUB x 0\r\n\r\n").expect(publish("x"));
        session.send("SUB x 1\r\n").expect(sub("x"));
        session.finish();
    }
    // Somebody else says so later: what the first one subscribed to is gone.
    let mut session = server.session();
    session.send("SUB b 1\r\nPING\r\n").expect("+OK\r\nPONG\r\n");
    session.hello(FREE);
    session
        .send("PUB b 0\r\n\r\nSUB x 2\r\nPUB x 0\r\n\r\n")
        .expect("MSG x 2 0\r\n\r\n")
        .expect_open();
}

#[test]
fn c186_publishes_that_permissions_refuse_are_counted_in() {
    let config = with(", permissions: { publish: a }");
    let server = Launch::new().monitoring().config(config).start();
    let mut session = server.client(r#""user":"u","pass":"p""#);
    session.send("PUB x 3\r\nabc\r\n").expect(publish("x")).expect_open();
    server.expect_varz("/in_msgs", 1);
    server.expect_varz("/in_bytes", 3);
}
