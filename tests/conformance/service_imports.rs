//! Requests of one account to another: numbers behind `s` are those of the security checklist (143
//! to 157), the others those of the client protocol's.

use harness::{Launch, Server, Session};

use crate::parties::{
    ask, expect_heard, hear, join, nobody, plain_request, publish, subscribe, until_pong,
};
use crate::table::Shared;

/// A and A2 serve, B asks, C asks through B, D hears what A exports as a stream.
static SERVICES: Shared = Shared::new(
    r#"
accounts {
  A {
    users: [
      { user: a, password: p }
      { user: answers, password: p, permissions: { subscribe: "svc", allow_responses: true } }
      { user: mute, password: p, permissions: { publish: other } }
    ]
    exports: [
      { service: svc }
      { service: "swap.*.*" }
      { service: "order.*.*" }
      { service: "rest.>" }
      { service: "sub.*" }
      { service: "map.x" }
      { service: "named.*", account_token_position: 2 }
      { service: "private", accounts: [B] }
      { service: "everybody", accounts: [] }
      { service: two }
      { service: chain }
      { stream: svc }
    ]
    mappings: { "map.x": "map.y", "map.y": "map.z", "unmapped": "svc" }
  }
  A2 { users: [{ user: a2, password: p }], exports: [{ service: two }] }
  B {
    users: [
      { user: b, password: p }
      { user: bp, password: p, permissions: { publish: ["svc", "old"], subscribe: "_INBOX.>" } }
    ]
    imports: [
      { service: { account: A, subject: svc } }
      { service: { account: A, subject: "swap.*.*" }, to: "swapped.$2.$1" }
      { service: { account: A, subject: "order.*.*" }, to: "ordered.*.x.{{wildcard(2)}}" }
      { service: { account: A, subject: "rest.>" }, to: "all.>" }
      { service: { account: A, subject: "sub.one" }, to: "subset" }
      { service: { account: A, subject: "map.x" } }
      { service: { account: A, subject: "named.B" }, to: "mine" }
      { service: { account: A, subject: "private" } }
      { service: { account: A, subject: "everybody" } }
      { service: { account: A, subject: two } }
      { service: { account: A2, subject: two } }
      { service: { account: A, subject: chain }, to: link }
      { service: { account: A, subject: sub.over }, to: "all.over" }
    ]
    exports: [{ service: link }]
    mappings: { old: svc, new: nowhere, "map.old": "map.x", "b.link": "link" }
  }
  C { users: [{ user: c, password: p }], imports: [{ service: { account: B, subject: link }, to: last }] }
  D { users: [{ user: d, password: p }], imports: [{ stream: { account: A, subject: svc } }] }
}
"#,
);

const INFO: &str = r#"Nats-Request-Info: {"acc":"B"}"#;

/// What A hears, subscribed like this, when `user` sends these octets, in free order.
fn check(user: &str, subscriptions: &[&str], sent: &str, heard: &[&str]) {
    let server = SERVICES.lock();
    let mut exporter = join(&server, "a", subscribe(subscriptions));
    let mut importer = join(&server, user, sent);
    let mut found: Vec<String> =
        hear(&mut exporter, heard.len()).iter().map(|message| plain_request(message)).collect();
    let mut heard: Vec<String> = heard.iter().map(|text| text.replace("INFO", INFO)).collect();
    found.sort();
    heard.sort();
    assert_eq!(found, heard);
    importer.expect_open();
    importer.finish();
    exporter.finish();
}

/// Rows, each a test of its own: `name: user, subscriptions of A, published => heard by A;`.
macro_rules! requests {
    ($($name:ident: $user:expr, $subscriptions:expr, $published:expr => $heard:expr;)+) => {
        $(#[test]
        fn $name() {
            check($user, &$subscriptions, &publish(&$published), &$heard);
        })+
    };
}

requests! {
    s143_a_request_and_its_reply: "b", ["svc 1"], ["svc in.1"] => ["svc 1 _R_ [INFO]"];
    s148_a_request_without_reply: "b", ["svc 1"], ["svc"] => ["svc 1 [INFO]"];
    s143_every_subscription_hears: "b", ["svc 1", "svc 2", "> 3", "svc q 4"], ["svc in.1"]
        => ["svc 1 _R_ [INFO]", "svc 2 _R_ [INFO]", "svc 3 _R_ [INFO]", "svc 4 _R_ [INFO]"];
    s143_swapped_wildcards: "b", ["swap.y.x 1", "swap.*.x 2", "swapped.> 3"], ["swapped.x.y in.1", "swapped.x in.1"]
        => ["swap.y.x 1 _R_ [INFO]", "swap.y.x 2 _R_ [INFO]"];
    s143_wildcards_in_order: "b", ["order.> 1"], ["ordered.a.x.b in.1", "ordered.a.y.b in.1"]
        => ["order.a.b 1 _R_ [INFO]"];
    s143_the_rest: "b", ["rest.> 1"], ["all.x in.1", "all.x.y.z in.1", "all in.1"]
        => ["rest.x 1 _R_ [INFO]", "rest.x.y.z 1 _R_ [INFO]"];
    s143_published_wildcards: "b", ["> 1"], ["swapped.x.> in.1", "swapped.*.y in.1", "all.> in.1"]
        => ["swap.>.x 1 _R_ [INFO]", "swap.y.* 1 _R_ [INFO]", "rest.> 1 _R_ [INFO]"];
    s143_impossible_subjects: "b", ["> 1"], ["swapped.x. in.1", "swapped..x in.1", "all. in.1"] => [];
    s143_a_subset_of_the_export: "b", ["sub.> 1"], ["subset in.1", "sub.one in.1"]
        => ["sub.one 1 _R_ [INFO]"];
    s137_an_own_name: "b", ["named.> 1"], ["mine in.1", "named.B in.1"] => ["named.B 1 _R_ [INFO]"];
    s143_a_private_export: "b", ["private 1"], ["private in.1"] => ["private 1 _R_ [INFO]"];
    s136_an_empty_list_of_accounts_is_public: "b", ["everybody 1"], ["everybody in.1"]
        => ["everybody 1 _R_ [INFO]"];
    s155_a_mapping_of_the_importer: "b", ["svc 1"], ["old in.1", "new in.1"] => ["svc 1 _R_ [INFO]"];
    c181_s155_a_mapping_of_the_exporter_once: "b", ["map.> 1"], ["map.x in.1", "map.y in.1"]
        => ["map.y 1 _R_ [INFO]"];
    s155_mappings_of_both: "b", ["map.> 1"], ["map.old in.1"] => ["map.y 1 _R_ [INFO]"];
    s155_a_mapping_of_the_exporter_is_not_the_importers: "b", ["svc 1"], ["unmapped in.1"] => [];
    s152_overlapping_imports_of_one_account: "b", ["> 1"], ["all.over in.1"]
        => ["rest.over 1 _R_ [INFO]", "sub.over 1 _R_ [INFO]"];
    s156_requests_in_the_exporters_account: "a", ["svc 1", "map.* 2"], ["svc in.1", "map.x in.1"]
        => ["svc 1 in.1", "map.y 2 in.1"];
    s153_only_the_import_crosses: "b", ["> 1"], ["other in.1", "svc.x in.1", "sub.two in.1", "chain in.1"] => [];
    s151_the_second_hop_alone: "b", ["chain 1"], ["link in.1"] => ["chain 1 _R_ [INFO]"];
    s155_a_mapping_of_the_account_in_between: "b", ["chain 1"], ["b.link in.1"] => ["chain 1 _R_ [INFO]"];
    s151_chained: "c", ["chain 1", "link 2"], ["last in.1", "link in.1"]
        => [r#"chain 1 _R_ [Nats-Request-Info: {"acc":"C","svc":"B"}]"#];
}

/// B's client, with a subscription on `in.>` as `i`, and A's, with these subscriptions.
fn pair(server: &Server, subscriptions: &[&str]) -> (Session, Session) {
    (join(server, "b", subscribe(&["in.> i"])), join(server, "a", subscribe(subscriptions)))
}

#[test]
fn s144_the_answer_comes_on_the_original_reply_once() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &["svc 1"]);
    let reply = ask(&mut importer, &mut exporter, "svc in.1");
    let answer = format!("HPUB {reply} 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n");
    exporter.send(&answer).expect_open();
    expect_heard(&mut importer, &["in.1 i [A: b] = hi"]);
    exporter.send(answer + &publish(&[&reply])).expect_open();
    expect_heard(&mut importer, &[]);
}

#[test]
fn s143_the_first_part_of_replies_is_that_of_the_account() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &["svc 1", "rest.> 2"]);
    let replies: Vec<String> = ["svc in.1", "svc in.1", "all.x in.2"]
        .map(|request| ask(&mut importer, &mut exporter, request))
        .to_vec();
    let mut parts: Vec<Vec<&str>> =
        replies.iter().map(|reply| reply.split('.').collect()).collect();
    for part in &parts {
        assert!(part.len() == 3 && part[0] == "_R_", "{replies:?}");
        for group in &part[1..] {
            let fits = group.len() == 6 && group.bytes().all(|octet| octet.is_ascii_alphanumeric());
            assert!(fits, "{replies:?}");
        }
        assert_eq!(part[1], parts[0][1]);
    }
    parts.dedup();
    assert_eq!(parts.len(), 3, "{replies:?}");
    let mut other = join(&server, "a2", subscribe(&["two 1"]));
    importer.send(publish(&["two in.3"])).expect_open();
    let reply = other.read_message().reply.expect("a request with reply");
    assert!(!String::from_utf8_lossy(&reply).starts_with(&replies[0][..10]));
}

#[test]
fn s144_the_queue_of_an_inbox_hears_the_answer() {
    let server = SERVICES.lock();
    let (_, mut exporter) = pair(&server, &["svc 1"]);
    let mut importer = join(&server, "b", subscribe(&["inbox q 7"]));
    let reply = ask(&mut importer, &mut exporter, "svc inbox");
    exporter.send(publish(&[&reply])).expect_open();
    expect_heard(&mut importer, &["inbox 7"]);
}

#[test]
fn s144_everybody_in_the_account_may_hear_the_answer() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &["svc 1"]);
    let mut other = join(&server, "b", subscribe(&["in.1 1", "> 2"]));
    let reply = ask(&mut importer, &mut exporter, "svc in.1");
    exporter.send(publish(&[&reply])).expect_open();
    expect_heard(&mut importer, &["in.1 i"]);
    expect_heard(&mut other, &["svc 2 in.1", "in.1 1", "in.1 2"]);
}

#[test]
fn s144_echo_is_about_the_connection() {
    let server = SERVICES.lock();
    let (_, mut exporter) = pair(&server, &["svc 1"]);
    let mut importer = server.client(r#""user":"b","pass":"p","echo":false"#);
    importer.send(subscribe(&["in.1 1"])).expect_open();
    let reply = ask(&mut importer, &mut exporter, "svc in.1");
    exporter.send(publish(&[&reply])).expect_open();
    expect_heard(&mut importer, &["in.1 1"]);
}

#[test]
fn s144_the_importers_account_does_not_know_the_mapped_reply() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &["svc 1"]);
    let reply = ask(&mut importer, &mut exporter, "svc in.1");
    importer.send(publish(&[&reply])).expect_open();
    expect_heard(&mut importer, &[]);
    exporter.send(publish(&[&reply])).expect_open();
    expect_heard(&mut importer, &["in.1 i"]);
}

#[test]
fn s157_a_subscription_to_everything_sees_the_answer() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &["svc 1"]);
    let mut curious = join(&server, "a", subscribe(&["> 9"]));
    let reply = ask(&mut importer, &mut exporter, "svc in.1");
    exporter.send(publish(&[&reply])).expect_open();
    let heard = hear(&mut curious, 2);
    assert_eq!(heard[1], format!("{reply} 9"));
    assert_eq!(plain_request(&heard[0]), format!("svc 9 _R_ [{INFO}]"));
}

#[test]
fn s144_anybody_in_the_exporters_account_may_answer() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &["svc 1"]);
    let reply = ask(&mut importer, &mut exporter, "svc in.1");
    join(&server, "a", publish(&[&reply])).finish();
    expect_heard(&mut importer, &["in.1 i"]);
}

#[test]
fn s157_what_no_request_has_made_is_an_ordinary_subject() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &["_R_.x.y 1", "r 2"]);
    exporter.send(publish(&["_R_.x.y", "_R_.aaaaaa.bbbbbb r"]));
    expect_heard(&mut exporter, &["_R_.x.y 1", &nobody("r", "2", "_R_.aaaaaa.bbbbbb")]);
    expect_heard(&mut importer, &[]);
}

#[test]
fn c158_s147_nobody_serves() {
    let server = SERVICES.lock();
    let mut importer = join(&server, "b", subscribe(&["in.> i"]));
    let rows = [
        ("svc in.1", "in.1", "svc"),
        ("swapped.x.y in.2", "in.2", "swapped.x.y"),
        ("old in.3", "in.3", "svc"),
        ("map.x in.4", "in.4", "map.x"),
        ("two in.5", "in.5", "two"),
        ("link in.6", "in.6", "link"),
    ];
    for (request, reply, subject) in rows {
        importer.send(publish(&[request]));
        expect_heard(&mut importer, &[&nobody(reply, "i", subject)]);
    }
    importer.send(publish(&["svc elsewhere", "svc"]));
    expect_heard(&mut importer, &[]);
    let mut third = join(&server, "c", subscribe(&["in.> i"]));
    third.send(publish(&["last in.1"]));
    expect_heard(&mut third, &[&nobody("in.1", "i", "last")]);
    let mut silent = server.client(r#""user":"b","pass":"p","headers":true"#);
    silent.send(subscribe(&["in.1 i"]) + &publish(&["svc in.1"]));
    expect_heard(&mut silent, &[]);
}

#[test]
fn s147_one_of_two_is_enough() {
    let server = SERVICES.lock();
    for serving in ["a", "a2"] {
        let mut importer = join(&server, "b", subscribe(&["in.> i"]));
        let mut exporter = join(&server, serving, subscribe(&["two 1"]));
        let reply = ask(&mut importer, &mut exporter, "two in.1");
        expect_heard(&mut importer, &[]);
        exporter.send(publish(&[&reply])).expect_open();
        expect_heard(&mut importer, &["in.1 i"]);
        exporter.finish();
    }
}

#[test]
fn s147_whoever_leaves_serves_no_more() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &["svc 1"]);
    ask(&mut importer, &mut exporter, "svc in.1");
    exporter.send("UNSUB 1\r\n").expect_open();
    importer.send(publish(&["svc in.2"]));
    expect_heard(&mut importer, &[&nobody("in.2", "i", "svc")]);
}

#[test]
fn s152_two_accounts_answer_one_request() {
    let server = SERVICES.lock();
    let (mut importer, mut first) = pair(&server, &["two 1"]);
    let mut second = join(&server, "a2", subscribe(&["two 1"]));
    importer.send("PUB two in.1 2\r\nhi\r\n").expect_open();
    let mut answers = Vec::new();
    for exporter in [&mut first, &mut second] {
        let message = exporter.read_message();
        let reply = String::from_utf8(message.reply.expect("a reply")).expect("text");
        assert_eq!(message.payload, b"hi");
        exporter.send(publish(&[&reply, &reply])).expect_open();
        answers.push(reply);
    }
    assert_ne!(answers[0], answers[1]);
    expect_heard(&mut importer, &["in.1 i", "in.1 i"]);
}

#[test]
fn s153_local_subscribers_hear_the_original() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &[]);
    let mut local = join(&server, "b", subscribe(&["svc 1", "swapped.> 2"]));
    importer.send(publish(&["svc in.1"]));
    expect_heard(&mut importer, &[]);
    expect_heard(&mut local, &["svc 1 in.1"]);
    exporter.send(subscribe(&["svc 1", "swap.> 2"])).expect_open();
    importer.send("HPUB swapped.x.y in.1 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n").expect_open();
    expect_heard(&mut local, &["swapped.x.y 2 in.1 [A: b] = hi"]);
    let heard = hear(&mut exporter, 1);
    assert_eq!(plain_request(&heard[0]), format!("swap.y.x 2 _R_ [A: b, {INFO}] = hi"));
    local.finish();
}

#[test]
fn s151_an_answer_travels_back_over_two_hops() {
    let server = SERVICES.lock();
    let mut importer = join(&server, "c", subscribe(&["in.> i"]));
    let mut between = join(&server, "b", subscribe(&["> 1"]));
    let mut exporter = join(&server, "a", subscribe(&["chain 1"]));
    let reply = ask(&mut importer, &mut exporter, "last in.1");
    exporter.send(format!("PUB {reply} 2\r\nhi\r\nPUB {reply} 2\r\nho\r\n")).expect_open();
    expect_heard(&mut importer, &["in.1 i = hi"]);
    // The account in between hears both ways.
    let heard = hear(&mut between, 2);
    let info = r#"Nats-Request-Info: {"acc":"C"}"#;
    assert_eq!(plain_request(&heard[0]), format!("link 1 _R_ [{info}]"));
    assert!(heard[1].starts_with("_R_.") && heard[1].ends_with(" 1 = hi"), "{heard:?}");
}

#[test]
fn s141_requests_are_not_exported_as_streams() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &["svc 1"]);
    let mut listener = join(&server, "d", subscribe(&["svc 1"]));
    ask(&mut importer, &mut exporter, "svc in.1");
    expect_heard(&mut listener, &[]);
    exporter.send(publish(&["svc"]));
    expect_heard(&mut exporter, &["svc 1"]);
    expect_heard(&mut listener, &["svc 1"]);
}

#[test]
fn s142_permissions_of_the_importer_are_about_local_subjects() {
    let server = SERVICES.lock();
    let (_, mut exporter) = pair(&server, &["svc 1", "rest.> 2"]);
    let mut importer = join(&server, "bp", subscribe(&["_INBOX.1 1"]));
    let refused =
        |subject: &str| format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n");
    importer.send(publish(&["all.x _INBOX.1", "new _INBOX.1", "private _INBOX.1"]));
    importer.expect(refused("all.x") + &refused("nowhere") + &refused("private"));
    expect_heard(&mut exporter, &[]);
    for request in ["svc _INBOX.1", "old _INBOX.1"] {
        let reply = ask(&mut importer, &mut exporter, request);
        exporter.send(publish(&[&reply])).expect_open();
        expect_heard(&mut importer, &["_INBOX.1 1"]);
    }
}

#[test]
fn s070_a_responder_may_answer_what_he_was_asked() {
    let server = SERVICES.lock();
    let mut importer = join(&server, "b", subscribe(&["in.> i"]));
    let mut exporter = join(&server, "answers", subscribe(&["svc 1"]));
    let reply = ask(&mut importer, &mut exporter, "svc in.1");
    let refused =
        |subject: &str| format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n");
    exporter.send(publish(&[&reply, &reply, "in.1", "_R_.x.y"]));
    exporter.expect(refused(&reply) + &refused("in.1") + &refused("_R_.x.y")).expect_open();
    expect_heard(&mut importer, &["in.1 i"]);
}

#[test]
fn s142_a_responder_needs_the_right_to_answer() {
    let server = SERVICES.lock();
    let mut importer = join(&server, "b", subscribe(&["in.> i"]));
    let mut exporter = join(&server, "mute", subscribe(&["svc 1"]));
    let reply = ask(&mut importer, &mut exporter, "svc in.1");
    let text = format!("-ERR 'Permissions Violation for Publish to \"{reply}\"'\r\n");
    exporter.send(publish(&[&reply])).expect(text).expect_open();
    expect_heard(&mut importer, &[]);
}

#[test]
fn s058_replies_of_servers_are_refused_before_the_import() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &["svc 1"]);
    for reply in ["_R_.a.b", "$JS.ACK.x"] {
        let text =
            format!("-ERR 'Permissions Violation for Publish with Reply of \"{reply}\"'\r\n");
        importer.send(publish(&[&format!("svc {reply}")])).expect(text);
    }
    expect_heard(&mut exporter, &[]);
}

#[test]
fn s154_a_group_of_responders_shares_the_requests() {
    let server = SERVICES.lock();
    let mut importer = join(&server, "b", subscribe(&["in.> i"]));
    let mut members: Vec<Session> =
        (0..3).map(|_| join(&server, "a", subscribe(&["svc workers 1"]))).collect();
    importer.send(publish(&["svc in.1"; 60])).expect_open();
    let mut shares = Vec::new();
    for member in &mut members {
        shares.push(until_pong(member).len());
    }
    assert_eq!(shares.iter().sum::<usize>(), 60, "{shares:?}");
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
}

#[test]
fn s144_pipelined_requests_are_answered_in_any_order() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server, &["svc 1"]);
    let requests: String =
        (0..50).map(|number| format!("PUB svc in.{number} 2\r\n{number:02}\r\n")).collect();
    importer.send(requests).expect_open();
    let asked: Vec<_> = (0..50).map(|_| exporter.read_message()).collect();
    for request in asked.iter().rev() {
        let reply = String::from_utf8_lossy(request.reply.as_deref().unwrap_or_default());
        let payload = String::from_utf8_lossy(&request.payload);
        exporter.send(format!("PUB {reply} 2\r\n{payload}\r\n"));
    }
    let expected: Vec<String> =
        (0..50).rev().map(|number| format!("in.{number} i = {number:02}")).collect();
    assert_eq!(hear(&mut importer, 50), expected);
}

#[test]
fn s144_a_thousand_requests_of_many_clients() {
    const CLIENTS: usize = 25;
    const EACH: usize = 40;
    let server = SERVICES.lock();
    let mut exporters = [(); 2].map(|()| join(&server, "a", subscribe(&["svc workers 1"])));
    let mut importers: Vec<Session> = (0..CLIENTS)
        .map(|client| join(&server, "b", subscribe(&[&format!("own.{client} i")])))
        .collect();
    for round in 0..EACH {
        for (client, importer) in importers.iter_mut().enumerate() {
            importer.send(format!("PUB svc own.{client} 5\r\n{client:02}.{round:02}\r\n"));
        }
    }
    for importer in &mut importers {
        importer.expect_open();
    }
    let mut answered = 0;
    for exporter in &mut exporters {
        for request in until_pong(exporter) {
            let reply = String::from_utf8(request.reply.expect("a request with reply"));
            let payload = String::from_utf8(request.payload).expect("the payload is text");
            let reply = reply.expect("a reply is text");
            exporter.send(format!("PUB {reply} 5\r\n{payload}\r\n"));
            answered += 1;
        }
        exporter.expect_open();
    }
    assert_eq!(answered, CLIENTS * EACH);
    for (client, importer) in importers.iter_mut().enumerate() {
        let expected: Vec<String> =
            (0..EACH).map(|round| format!("own.{client} i = {client:02}.{round:02}")).collect();
        expect_heard(importer, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn s143_an_account_may_import_from_itself() {
    let config = "accounts { A { users: [{ user: a, password: p }]\n\
        exports: [{ service: svc }, { stream: news }]\n\
        imports: [{ service: { account: A, subject: svc }, to: other }\n\
        { stream: { account: A, subject: news }, to: olds }] } }\n";
    let server = Launch::new().config(config).start();
    let mut exporter = join(&server, "a", subscribe(&["svc 1"]));
    let mut importer = join(&server, "a", subscribe(&["in 1", "olds 2"]));
    let reply = ask(&mut importer, &mut exporter, "other in");
    assert!(reply.starts_with("_R_."), "{reply}");
    exporter.send(publish(&[&reply, "news"])).expect_open();
    expect_heard(&mut importer, &["in 1", "olds 2"]);
}

#[test]
fn s147_a_reload_may_take_an_import_away() {
    let config = |import: &str| {
        format!(
            "accounts {{ A {{ users: [{{ user: a, password: p }}], exports: [{{ service: svc }}] }}\n\
             B {{ users: [{{ user: b, password: p }}], imports: [{import}] }} }}\n"
        )
    };
    let import = "{ service: { account: A, subject: svc }, to: local }";
    let server = Launch::new().config(config(import)).start();
    let (mut importer, mut exporter) = pair(&server, &["svc 1"]);
    ask(&mut importer, &mut exporter, "local in.1");
    server.reload(&config(""));
    importer.send(publish(&["local in.2"]));
    expect_heard(&mut importer, &[&nobody("in.2", "i", "local")]);
    expect_heard(&mut exporter, &[]);
    server.reload(&config(import));
    let reply = ask(&mut importer, &mut exporter, "local in.3");
    exporter.send(publish(&[&reply])).expect_open();
    expect_heard(&mut importer, &["in.3 i"]);
}
