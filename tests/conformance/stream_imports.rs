//! Messages of one account in another: numbers behind `s` are those of the security checklist (138
//! to 142).

use harness::{Launch, Program};

use crate::parties::{expect_heard, hear, join, nobody, publish, subscribe, until_pong};
use crate::table::Shared;

/// A exports, B imports, C imports from both.
static STREAMS: Shared = Shared::new(
    r#"
accounts {
  A {
    users: [{ user: a, password: p }]
    exports: [
      { stream: "pub.>" }
      { stream: "swap.*.*.x" }
      { stream: "cycle.*.*.*" }
      { stream: literal }
      { stream: "same.>" }
      { stream: "part.*.*" }
      { stream: "private.>", accounts: [B] }
      { stream: "named.*", account_token_position: 2 }
      { stream: "everybody", accounts: [] }
    ]
    mappings: { "unmapped": "pub.mapped" }
  }
  B {
    users: [
      { user: b, password: p }
      { user: bp, password: p, permissions: {
          subscribe: { allow: ["from.>", "same.>"], deny: ["from.pub.no", "same.no"] } } }
    ]
    imports: [
      { stream: { account: A, subject: "pub.>" }, prefix: from }
      { stream: { account: A, subject: "swap.*.*.x" }, to: "swapped.$2.$1" }
      { stream: { account: A, subject: "cycle.*.*.*" }, to: "cycled.$2.$3.$1" }
      { stream: { account: A, subject: literal }, to: local }
      { stream: { account: A, subject: "same.>" } }
      { stream: { account: A, subject: "part.one.*" }, to: "in.order.*" }
      { stream: { account: A, subject: "private.sub" } }
      { stream: { account: A, subject: "named.B" }, to: "mine" }
      { stream: { account: A, subject: everybody } }
    ]
    exports: [{ stream: "from.>" }, { stream: "same.>" }]
    mappings: { "from.pub.remapped": "elsewhere" }
  }
  C {
    users: [{ user: c, password: p }]
    imports: [
      { stream: { account: B, subject: "from.>" } }
      { stream: { account: A, subject: "pub.>" }, prefix: "deep.er" }
    ]
  }
}
"#,
);

/// What `user` hears with these subscriptions when A publishes these messages; nobody else does.
fn check(user: &str, subscriptions: &[&str], published: &[&str], heard: &[&str]) {
    let server = STREAMS.lock();
    let mut importer = join(&server, user, subscribe(subscriptions));
    let mut exporter = join(&server, "a", publish(published));
    expect_heard(&mut importer, heard);
    exporter.expect_open();
    importer.finish();
    exporter.finish();
}

/// Rows, each a test of its own: `name: user, subscriptions, published by A => heard;`.
macro_rules! imports {
    ($($name:ident: $user:expr, $subscriptions:expr, $published:expr => $heard:expr;)+) => {
        $(#[test]
        fn $name() {
            check($user, &$subscriptions, &$published, &$heard);
        })+
    };
}

imports! {
    s138_prefix_equal: "b", ["from.pub.> 1"], ["pub.a", "pub.a.b", "pub"]
        => ["from.pub.a 1", "from.pub.a.b 1"];
    s138_prefix_literal: "b", ["from.pub.a 1"], ["pub.a", "pub.b"] => ["from.pub.a 1"];
    s138_prefix_narrower: "b", ["from.pub.*.z 1", "from.pub.x.> 2"], ["pub.x.z", "pub.x", "pub.y.z"]
        => ["from.pub.x.z 1", "from.pub.x.z 2", "from.pub.y.z 1"];
    s138_prefix_broader: "b", ["from.> 1", "> 2"], ["pub.a"] => ["from.pub.a 1", "from.pub.a 2"];
    s138_prefix_partly: "b", ["*.pub.a 1", "from.*.b 2", "*.*.* 3", "*.> 4"], ["pub.a", "pub.b", "pub.c.d"]
        => ["from.pub.a 1", "from.pub.a 3", "from.pub.a 4", "from.pub.b 2", "from.pub.b 3",
            "from.pub.b 4", "from.pub.c.d 4"];
    s138_prefix_beside: "b", ["from 1", "from.pub 2", "from.other.> 3", "pub.a 4", "pub.> 5", "* 6", "*.* 7"],
        ["pub.a"] => [];
    s138_prefix_of_two_tokens: "c", ["deep.er.pub.a 1", "deep.> 2", "*.er.pub.* 3", "deep.pub.a 4"], ["pub.a"]
        => ["deep.er.pub.a 1", "deep.er.pub.a 2", "deep.er.pub.a 3"];
    s138_swapped_wildcards:
        "b", ["swapped.2.1 1", "swapped.*.* 2", "swapped.2.* 3", "swapped.*.1 4", "swapped.> 5",
              "swapped.*.> 6", "*.2.1 7", "swapped 8", "swapped.1.2 9", "swapped.*.2 10",
              "swapped.2.1.x 11"],
        ["swap.1.2.x", "swap.1.2.y", "swap.1.2"]
        => ["swapped.2.1 1", "swapped.2.1 2", "swapped.2.1 3", "swapped.2.1 4", "swapped.2.1 5",
            "swapped.2.1 6", "swapped.2.1 7"];
    s138_published_wildcards: "b", ["swapped.> 1"], ["swap.*.>.x"] => ["swapped.>.* 1"];
    s138_a_literal_import: "b", ["local 1", "> 2", "* 3", "local q 4", "literal 5"], ["literal"]
        => ["local 1", "local 2", "local 3", "local 4"];
    s138_unchanged: "b", ["same.> 1", "same.a 2", "same.* 3", "*.a 4", "same.b 5"], ["same.a"]
        => ["same.a 1", "same.a 2", "same.a 3", "same.a 4"];
    s138_a_subset_of_the_export: "b", ["in.order.> 1", "> 2", "in.*.x 3"], ["part.one.x", "part.two.x"]
        => ["in.order.x 1", "in.order.x 2", "in.order.x 3"];
    s138_a_private_export: "b", ["private.> 1", "private.sub 2"], ["private.sub", "private.other"]
        => ["private.sub 1", "private.sub 2"];
    s136_an_empty_list_of_accounts_is_public: "b", ["everybody 1"], ["everybody"] => ["everybody 1"];
    s137_the_export_of_an_own_name: "b", ["mine 1", "named.> 2"], ["named.B", "named.C"] => ["mine 1"];
    s138_all_imports_at_once:
        "b", ["> 1"], ["pub.a", "swap.1.2.x", "literal", "same.x", "cycle.a.b.c", "none", "part.one.z"]
        => ["from.pub.a 1", "swapped.2.1 1", "local 1", "same.x 1", "cycled.b.c.a 1", "in.order.z 1"];
    s138_the_same_subscription_twice: "b", ["from.pub.a 1", "from.pub.a 2"], ["pub.a"]
        => ["from.pub.a 1", "from.pub.a 2"];
    s138_a_mapping_of_the_exporter: "b", ["from.> 1", "unmapped 2"], ["unmapped"] => ["from.pub.mapped 1"];
    s138_no_mapping_of_the_importer: "b", ["from.> 1", "elsewhere 2"], ["pub.remapped"]
        => ["from.pub.remapped 1"];
    s138_impossible_subjects: "b", ["from.> 1"], ["pub..a", "pub.a."] => [];
    s139_replies_stay: "b", ["from.> 1", "same.* 2"], ["pub.a pub.reply", "same.x same.y"]
        => ["from.pub.a 1 pub.reply", "same.x 2 same.y"];
    s141_imports_do_not_chain: "c", ["from.> 1", "same.> 2", "> 3"], ["pub.a", "same.a"]
        => ["deep.er.pub.a 3"];
    s142_deliveries_are_filtered_by_local_subjects:
        "bp", ["from.> 1", "from.pub.a 2", "from.> q 3", "same.* q 4", "same.> 5"],
        ["pub.a", "pub.no", "same.no", "same.yes"]
        => ["from.pub.a 1", "from.pub.a 2", "from.pub.a 3", "same.yes 4", "same.yes 5"];
}

#[test]
fn s138_a_cycle_of_three_wildcards() {
    // Known there: a literal is translated back in the wrong order.
    if Program::under_test() == Program::Nervure {
        check(
            "b",
            &["cycled.b.c.a 1", "cycled.b.> 2"],
            &["cycle.a.b.c"],
            &["cycled.b.c.a 1", "cycled.b.c.a 2"],
        );
    }
    check("b", &["cycled.*.*.* 2", "> 3"], &["cycle.a.b.c"], &["cycled.b.c.a 2", "cycled.b.c.a 3"]);
}

#[test]
fn s138_headers_and_payload_stay() {
    let server = STREAMS.lock();
    let mut importer = join(&server, "b", subscribe(&["from.> 1"]));
    let mut plain = server.client(r#""user":"b","pass":"p","headers":false"#);
    plain.send(subscribe(&["from.> 1"])).expect_open();
    let mut exporter = join(&server, "a", "");
    exporter.send("HPUB pub.a r 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n").expect_open();
    expect_heard(&mut importer, &["from.pub.a 1 r [A: b] = hi"]);
    expect_heard(&mut plain, &["from.pub.a 1 r = hi"]);
}

#[test]
fn s138_local_messages_come_as_well() {
    let server = STREAMS.lock();
    let mut importer = join(&server, "b", subscribe(&["same.a 1", "same.> 2"]));
    let mut exporter = join(&server, "a", subscribe(&["same.> 1"]));
    exporter.send("PUB same.a 1\r\na\r\n");
    expect_heard(&mut exporter, &["same.a 1 = a"]);
    expect_heard(&mut importer, &["same.a 1 = a", "same.a 2 = a"]);
    importer.send("PUB same.a 1\r\nb\r\n");
    expect_heard(&mut importer, &["same.a 1 = b", "same.a 2 = b"]);
    expect_heard(&mut exporter, &[]);
}

#[test]
fn s138_echo_is_about_the_connection() {
    let server = STREAMS.lock();
    let mut importer = server.client(r#""user":"b","pass":"p","echo":false"#);
    importer.send(subscribe(&["same.> 1"]) + &publish(&["same.b"])).expect_open();
    join(&server, "a", publish(&["same.a"])).finish();
    expect_heard(&mut importer, &["same.a 1"]);
}

#[test]
fn s141_what_an_account_says_itself_is_exported() {
    let server = STREAMS.lock();
    let mut c = join(&server, "c", subscribe(&["> 1"]));
    join(&server, "b", publish(&["from.b", "same.b"])).finish();
    expect_heard(&mut c, &["from.b 1"]);
}

#[test]
fn s142_denials_name_local_subjects() {
    let server = STREAMS.lock();
    let mut session = join(&server, "bp", "");
    session.send(subscribe(&["from.pub.no 1", "other 2", "> 3", "from.pub.no q 4", "pub.a 5"]));
    for text in
        ["\"from.pub.no\"", "\"other\"", "\">\"", "\"from.pub.no\" using queue \"q\"", "\"pub.a\""]
    {
        session.expect(format!("-ERR 'Permissions Violation for Subscription to {text}'\r\n"));
    }
    session.expect_open();
    join(&server, "a", publish(&["pub.no", "pub.a", "pub.b"])).finish();
    expect_heard(&mut session, &[]);
}

#[test]
fn s142_a_member_that_may_not_hear_is_passed_over() {
    let server = STREAMS.lock();
    let mut denied = join(&server, "bp", subscribe(&["from.pub.* q 1"]));
    let mut free = join(&server, "b", subscribe(&["from.pub.* q 1"]));
    join(&server, "a", publish(&["pub.no"; 30])).finish();
    expect_heard(&mut free, &["from.pub.no 1"; 30]);
    expect_heard(&mut denied, &[]);
}

#[test]
fn s138_unsubscribe_ends_it() {
    let server = STREAMS.lock();
    let mut importer = join(&server, "b", subscribe(&["from.> 1", "from.pub.a 2", "from.> q 3"]));
    let mut exporter = join(&server, "a", publish(&["pub.a"]));
    expect_heard(&mut importer, &["from.pub.a 1", "from.pub.a 2", "from.pub.a 3"]);
    importer.send("UNSUB 1\r\nUNSUB 3\r\n").expect_open();
    exporter.send(publish(&["pub.a"])).expect_open();
    expect_heard(&mut importer, &["from.pub.a 2"]);
    importer.send("UNSUB 2\r\n").expect_open();
    exporter.send(publish(&["pub.a"])).expect_open();
    expect_heard(&mut importer, &[]);
    importer.send(subscribe(&["from.pub.a 1"])).expect_open();
    exporter.send(publish(&["pub.a"])).expect_open();
    expect_heard(&mut importer, &["from.pub.a 1"]);
}

#[test]
fn s138_a_second_connect_forgets_them() {
    let server = STREAMS.lock();
    let mut importer = join(&server, "b", subscribe(&["from.> 1"]));
    importer.hello(&crate::parties::user("b"));
    let mut exporter = join(&server, "a", publish(&["pub.a"]));
    expect_heard(&mut importer, &[]);
    exporter.send(subscribe(&["r 1"]) + &publish(&["pub.a r"]));
    expect_heard(&mut exporter, &[&nobody("r", "1", "pub.a")]);
}

#[test]
fn s138_unsub_after_some_counts_what_comes_from_anywhere() {
    let server = STREAMS.lock();
    let mut importer = join(&server, "b", subscribe(&["same.> 1"]) + "UNSUB 1 3\r\n");
    let mut local = join(&server, "b", "");
    let mut exporter = join(&server, "a", publish(&["same.1", "same.2"]));
    expect_heard(&mut importer, &["same.1 1", "same.2 1"]);
    for subject in ["same.3", "same.4", "same.5", "same.6"] {
        local.send(publish(&[subject])).expect_open();
    }
    exporter.send(publish(&["same.7"])).expect_open();
    // Known there: what is imported is not counted, though the end is one of both.
    let rest: &[&str] = match Program::under_test() {
        Program::Nervure => &["same.3 1"],
        Program::NatsServer => &["same.3 1", "same.4 1", "same.5 1"],
    };
    expect_heard(&mut importer, rest);
    importer.finish();
}

#[test]
fn s138_who_imports_is_interest() {
    let server = STREAMS.lock();
    let mut exporter = join(&server, "a", subscribe(&["r 1"]));
    exporter.send(publish(&["pub.x r"]));
    expect_heard(&mut exporter, &[&nobody("r", "1", "pub.x")]);
    let mut importer = join(&server, "b", subscribe(&["from.pub.x 1"]));
    exporter.send(publish(&["pub.x r", "pub.y r"]));
    expect_heard(&mut exporter, &[&nobody("r", "1", "pub.y")]);
    expect_heard(&mut importer, &["from.pub.x 1 r"]);
    // It is none for whoever publishes at the importer.
    importer.send(subscribe(&["r 2"]) + &publish(&["pub.x r", "from.pub.y r", "from.pub.x r"]));
    let mut heard = hear(&mut importer, 3);
    heard.sort();
    assert_eq!(
        heard,
        ["from.pub.x 1 r", &nobody("r", "2", "from.pub.y"), &nobody("r", "2", "pub.x")]
    );
    importer.send("UNSUB 1\r\n").expect_open();
    exporter.send(publish(&["pub.x r"]));
    expect_heard(&mut exporter, &[&nobody("r", "1", "pub.x")]);
    importer.finish();
    let other = join(&server, "b", subscribe(&["from.pub.x 1"]));
    exporter.send(publish(&["pub.x r"]));
    expect_heard(&mut exporter, &[]);
    other.finish();
    harness::eventually("who has left is no interest", || {
        exporter.send(publish(&["pub.x r"]));
        until_pong(&mut exporter).first().map(|_| ())
    });
}

#[test]
fn s138_a_delivery_that_is_denied_is_no_interest() {
    let server = STREAMS.lock();
    let mut denied = join(&server, "bp", subscribe(&["from.> 1"]));
    let mut exporter = join(&server, "a", subscribe(&["r 1"]));
    exporter.send(publish(&["pub.no r", "pub.yes r"]));
    expect_heard(&mut exporter, &[&nobody("r", "1", "pub.no")]);
    expect_heard(&mut denied, &["from.pub.yes 1 r"]);
}

/// How many of 60 messages each of these clients gets; they are members of a group.
fn shares(members: &[(&str, &str)], subject: &str) -> Vec<usize> {
    let server = STREAMS.lock();
    let mut sessions: Vec<_> =
        members.iter().map(|(name, wanted)| join(&server, name, subscribe(&[wanted]))).collect();
    join(&server, "a", publish(&[subject; 60])).finish();
    sessions.iter_mut().map(|session| until_pong(session).len()).collect()
}

#[test]
fn s140_a_group_spans_accounts() {
    let members = [
        ("a", "pub.q g 1"),
        ("b", "from.pub.q g 1"),
        ("b", "from.pub.q g 1"),
        ("c", "deep.er.pub.q g 1"),
    ];
    let shares = shares(&members, "pub.q");
    assert_eq!(shares.iter().sum::<usize>(), 60, "{shares:?}");
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
}

#[test]
fn s140_other_names_are_other_groups() {
    let members = [
        ("a", "pub.q g 1"),
        ("b", "from.pub.q h 1"),
        ("c", "deep.er.pub.q i 1"),
        ("b", "from.pub.q 1"),
    ];
    assert_eq!(shares(&members, "pub.q"), [60; 4]);
}

#[test]
fn s140_members_with_wildcards() {
    let members =
        [("a", "pub.* g 1"), ("b", "from.pub.* g 1"), ("b", "from.pub.> g 1"), ("c", "> g 1")];
    let shares = shares(&members, "pub.q");
    assert_eq!(shares.iter().sum::<usize>(), 60, "{shares:?}");
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
}

#[test]
fn s142_a_reload_may_take_an_import_away() {
    let config = |import: &str| {
        format!(
            "accounts {{ A {{ users: [{{ user: a, password: p }}], exports: [{{ stream: \"x.>\" }}] }}\n\
             B {{ users: [{{ user: b, password: p }}], imports: [{import}] }} }}\n"
        )
    };
    let import = "{ stream: { account: A, subject: \"x.>\" }, prefix: y }";
    let server = Launch::new().config(config(import)).start();
    let mut importer = join(&server, "b", subscribe(&["y.> 1", "> 2"]));
    let mut exporter = join(&server, "a", publish(&["x.a"]));
    expect_heard(&mut importer, &["y.x.a 1", "y.x.a 2"]);
    server.reload(&config(""));
    exporter.send(publish(&["x.b"])).expect_open();
    expect_heard(&mut importer, &[]);
    importer.send(publish(&["y.b"]));
    expect_heard(&mut importer, &["y.b 1", "y.b 2"]);
    server.reload(&config(import));
    exporter.send(publish(&["x.c"])).expect_open();
    expect_heard(&mut importer, &["y.x.c 1", "y.x.c 2"]);
}
