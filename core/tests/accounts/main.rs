//! Accounts on two shards: what stays inside, and what imports and exports let through.

#![allow(clippy::unwrap_used, reason = "a test says no by panicking")]

#[path = "../counting/mod.rs"]
mod counting;
mod latency;
mod sender_identity;
mod world;

use std::time::Duration;

use nervure_core::account::{
    AccountLimits, Accounts, Declaration, Export, ExportKind, OwnService, Reach, ResponseKind,
};
use nervure_core::shard::{OwnMessage, Shared};

use world::{World, account, export, reply_of, service, service_import, stream_import};

#[test]
fn what_is_said_in_one_account_is_not_heard_in_another() {
    let mut world = World::new(&[account("A", vec![], vec![]), account("B", vec![], vec![])]);
    let (a, a2, b) = (world.client(0, "a"), world.client(1, "a"), world.client(0, "b"));
    for client in [a, a2, b] {
        world.say(client, "SUB > 1\r\n");
    }
    world.say(a, "PUB x 1\r\nA\r\n");
    assert_eq!(world.heard(a), "MSG x 1 1\r\nA\r\n");
    assert_eq!(world.heard(a2), "MSG x 1 1\r\nA\r\n");
    assert_eq!(world.heard(b), "");
}

#[test]
fn a_stream_import_brings_messages_under_its_local_name() {
    let exports = vec![export("w.*.*", ExportKind::Stream)];
    let imports = vec![stream_import("A", "w.*.*", Some("mine.$2.$1"))];
    let mut world = World::new(&[account("A", exports, vec![]), account("B", vec![], imports)]);
    for shard in [0, 1] {
        let (a, b) = (world.client(0, "a"), world.client(shard, "b"));
        world.say(b, "SUB mine.> 1\r\nSUB mine.y.* 2\r\nSUB mine.x.y 3\r\nSUB w.> 4\r\n");
        world.say(a, "PUB w.x.y r 1\r\nm\r\n");
        let mut heard: Vec<String> =
            world.heard(b).split_inclusive("m\r\n").map(str::to_owned).collect();
        heard.sort_unstable();
        assert_eq!(heard, ["MSG mine.y.x 1 r 1\r\nm\r\n", "MSG mine.y.x 2 r 1\r\nm\r\n"]);
        world.say(b, "UNSUB 1\r\nUNSUB 2 2\r\n");
        world.say(a, "PUB w.x.y 1\r\nm\r\nPUB w.x.y 1\r\nm\r\n");
        assert_eq!(world.heard(b), "MSG mine.y.x 2 1\r\nm\r\n");
        world.say(b, "UNSUB 3\r\nUNSUB 4\r\n");
    }
    let left = world.shared.account("A").subscriptions();
    assert_eq!(left, 0, "shadows go with what casts them");
}

#[test]
fn queue_groups_span_accounts() {
    let exports = vec![export("s.>", ExportKind::Stream)];
    let imports = vec![stream_import("A", "s.>", None)];
    let mut world = World::new(&[account("A", exports, vec![]), account("B", vec![], imports)]);
    let (a, a2, b) = (world.client(0, "a"), world.client(1, "a"), world.client(1, "b"));
    world.say(a2, "SUB s.x q 1\r\n");
    world.say(b, "SUB s.* q 1\r\n");
    for _ in 0..100 {
        world.say(a, "PUB s.x 1\r\nm\r\n");
    }
    let count = |heard: String| heard.matches("MSG").count();
    let (there, here) = (count(world.heard(a2)), count(world.heard(b)));
    assert_eq!(there + here, 100);
    assert!(there > 20 && here > 20, "{there} and {here}");
}

#[test]
fn a_request_goes_to_another_account_and_its_response_comes_back() {
    let exports = vec![export("svc.*", service(ResponseKind::Singleton))];
    let imports = vec![service_import("A", "svc.x", Some("q"))];
    let declarations = [account("A", exports, vec![]), account("B", vec![], imports)];
    for (shard, responder) in [(0, 0), (0, 1), (1, 0)] {
        let mut world = World::new(&declarations);
        let (a, b) = (world.client(responder, "a"), world.client(shard, "b"));
        world.say(b, "SUB inbox.* 1\r\n");
        world.say(b, "PUB q inbox.1 2\r\nhi\r\n");
        let none = "NATS/1.0 503\r\nNats-Subject: q\r\n\r\n";
        let len = none.len();
        assert_eq!(world.heard(b), format!("HMSG inbox.1 1 {len} {len}\r\n{none}\r\n"));
        world.say(a, "SUB svc.* 9\r\n");
        world.say(b, "PUB q inbox.2 2\r\nhi\r\n");
        let request = world.heard(a);
        let reply = reply_of(&request);
        let info = "NATS/1.0\r\nNats-Request-Info: {\"acc\":\"B\"}\r\n\r\n";
        let (header, all) = (info.len(), info.len() + 2);
        assert_eq!(request, format!("HMSG svc.x 9 {reply} {header} {all}\r\n{info}hi\r\n"));
        assert!(reply.starts_with("_R_.") && reply.len() == 17, "{reply}");
        world.say(a, &format!("PUB {reply} 2\r\nok\r\nPUB {reply} 2\r\nno\r\n"));
        assert_eq!(world.heard(b), "MSG inbox.2 1 2\r\nok\r\n");
        assert_eq!(world.heard(a), "", "the second response is dropped without a word");
    }
}

#[test]
fn a_stream_of_responses_ends_with_an_empty_one_or_silence() {
    let exports = vec![export("svc", service(ResponseKind::Stream))];
    let imports = vec![service_import("A", "svc", None)];
    let mut world = World::new(&[account("A", exports, vec![]), account("B", vec![], imports)]);
    let (a, b) = (world.client(0, "a"), world.client(1, "b"));
    world.say(a, "SUB svc 1\r\n");
    world.say(b, "SUB inbox 1\r\n");
    let ask = |world: &mut World| {
        world.say(b, "PUB svc inbox 0\r\n\r\n");
        let request = world.heard(a);
        reply_of(&request)
    };
    let reply = ask(&mut world);
    world.say(a, &format!("PUB {reply} 1\r\n1\r\nPUB {reply} 0\r\n\r\nPUB {reply} 1\r\n2\r\n"));
    assert_eq!(world.heard(b), "MSG inbox 1 1\r\n1\r\nMSG inbox 1 0\r\n\r\n");
    let reply = ask(&mut world);
    for _ in 0..3 {
        world.wait(Duration::from_millis(1500));
        world.say(a, &format!("PUB {reply} 1\r\n1\r\n"));
        assert_eq!(world.heard(b), "MSG inbox 1 1\r\n1\r\n");
    }
    world.wait(Duration::from_millis(2500));
    world.say(a, &format!("PUB {reply} 1\r\n1\r\n"));
    assert_eq!(world.heard(b), "");
}

#[test]
fn requests_go_through_several_accounts_and_clients_cannot_forge_who_they_are() {
    let declarations = [
        account("A", vec![export("deep", service(ResponseKind::Singleton))], vec![]),
        account(
            "B",
            vec![export("mid", service(ResponseKind::Singleton))],
            vec![service_import("A", "deep", Some("mid"))],
        ),
        account("C", vec![], vec![service_import("B", "mid", Some("top"))]),
    ];
    let mut world = World::new(&declarations);
    let (a, c) = (world.client(0, "a"), world.client(1, "c"));
    world.say(a, "SUB deep 1\r\n");
    world.say(c, "SUB inbox 1\r\n");
    let forged = "NATS/1.0\r\nNats-Request-Info: {\"acc\":\"X\"}\r\nK: v\r\n\r\n";
    let len = forged.len();
    world.say(c, &format!("HPUB top inbox {len} {len}\r\n{forged}\r\n"));
    let request = world.heard(a);
    let info = "NATS/1.0\r\nK: v\r\nNats-Request-Info: {\"acc\":\"C\",\"svc\":\"B\"}\r\n\r\n";
    assert!(request.ends_with(&format!("{info}\r\n")), "{request}");
    world.say(a, &format!("PUB {} 2\r\nok\r\n", reply_of(&request)));
    assert_eq!(world.heard(c), "MSG inbox 1 2\r\nok\r\n");
}

#[test]
fn a_reload_changes_imports_of_subscriptions_that_are_there() {
    let exports =
        || vec![export("s.>", ExportKind::Stream), export("q", service(ResponseKind::Singleton))];
    let without = [account("A", exports(), vec![]), account("B", vec![], vec![])];
    let imports = vec![stream_import("A", "s.>", None), service_import("A", "q", None)];
    let with = [account("A", exports(), vec![]), account("B", vec![], imports)];
    let mut world = World::new(&without);
    let (a, b) = (world.client(0, "a"), world.client(1, "b"));
    world.say(a, "SUB q 1\r\n");
    world.say(b, "SUB s.x 1\r\n");
    for (declarations, heard) in [(&with, true), (&without, false), (&with, true)] {
        world.reload(declarations);
        world.say(a, "PUB s.x 1\r\nm\r\n");
        world.say(b, "PUB q 1\r\nm\r\n");
        assert_eq!(world.heard(b) == "MSG s.x 1 1\r\nm\r\n", heard);
        assert_eq!(world.heard(a).starts_with("HMSG q 1 "), heard);
    }
}

#[test]
fn limits_of_an_account_hold() {
    let limits = AccountLimits {
        connections: Some(2),
        subscriptions: Some(1),
        payload: Some(3),
        ..AccountLimits::default()
    };
    let mut world = World::new(&[Declaration { limits, ..account("A", vec![], vec![]) }]);
    let (one, two) = (world.client(0, "a"), world.client(1, "a"));
    world.say(one, "SUB x 1\r\n");
    world.say(two, "SUB y 1\r\nSUB z 2\r\n");
    assert_eq!(world.heard(two), "-ERR 'maximum subscriptions exceeded'\r\n");
    world.say(two, "PUB x 3\r\nabc\r\nPUB x 4\r\nabcd\r\n");
    assert_eq!(world.heard(one), "MSG x 1 3\r\nabc\r\n");
    assert!(world.heard(two).ends_with("-ERR 'Maximum Payload Violation'\r\n"));
    assert_eq!(world.shared.account("A").connections(), 1);
    let (_, three) = (world.client(0, "a"), world.client(0, "a"));
    world.say(three, "PING\r\n");
    assert_eq!(world.shared.account("A").connections(), 2, "the third one is turned away");
}

#[test]
fn imports_that_do_not_fit_are_refused_in_nats_servers_words() {
    let stream = |subject| export(subject, ExportKind::Stream);
    let single = |subject| export(subject, service(ResponseKind::Singleton));
    let private = Export { accounts: vec!["C".to_owned()], ..stream("p.>") };
    let token = Export { account_token_position: Some(2), ..single("t.*") };
    let exports = vec![stream("s.*"), single("q.*"), private, token];
    let rows = [
        (stream_import("A", "s.x", None), None),
        (stream_import("A", "s.>", None), Some("stream import not authorized")),
        (stream_import("A", "p.x", None), Some("stream import not authorized")),
        (service_import("A", "t.B", None), None),
        (service_import("A", "t.C", None), Some("service import not authorized")),
        (service_import("A", "t.*", None), Some("service import not authorized")),
        (stream_import("A", "s.*", Some("y")), Some("not using all of the token wildcard(s)")),
        (service_import("Z", "q", None), Some("\"Z\" account not defined for service import")),
    ];
    for (import, expected) in rows {
        let declarations =
            [account("A", exports.clone(), vec![]), account("B", vec![], vec![import.clone()])];
        let built = Accounts::build(&Shared::new(1), &declarations, None);
        match (built, expected) {
            (Ok(_), None) => {}
            (Err(error), Some(text)) => assert!(error.to_string().contains(text), "{error}"),
            (built, expected) => panic!("{import:?}: {built:?}, expected {expected:?}"),
        }
    }
    let circle = [
        account("A", vec![single("x")], vec![service_import("B", "y", Some("x"))]),
        account("B", vec![single("y")], vec![service_import("A", "x", Some("y"))]),
    ];
    let error = Accounts::build(&Shared::new(1), &circle, None).unwrap_err();
    assert!(error.to_string().ends_with("import forms a cycle"), "{error}");
}

#[test]
fn the_server_asks_and_is_asked_like_anybody() {
    let mut world = World::new(&[account("A", vec![], vec![])]);
    let service = OwnService { subject: "$SYS.X.*".into(), reach: Reach::Everywhere, number: 7 };
    world.shared.provide(vec![service]);
    let accounts = Accounts::build(&world.shared, &[account("A", vec![], vec![])], Some("A"));
    world.shared.announce(&accounts.unwrap());
    let client = world.client(1, "a");
    world.say(client, "SUB inbox 1\r\nPUB $SYS.X.y inbox 2\r\nhi\r\n");
    let called = world.called.pop().unwrap();
    assert_eq!(
        (called.service, &*called.subject, &*called.payload),
        (7, &b"$SYS.X.y"[..], &b"hi"[..])
    );
    assert_eq!(called.caller, Some(world.clients[client].1));
    let account = world.shared.account("A").id;
    let message =
        |subject: &'static [u8]| OwnMessage { account, subject, header: b"", payload: b"ok" };
    assert!(world.shards[1].publish_own(world.now, message(b"inbox")));
    world.run();
    assert_eq!(world.heard(client), "MSG inbox 1  2\r\nok\r\n");

    let timeout = Duration::from_secs(1);
    world.say(client, "SUB question 2\r\n");
    world.shards[0].request(world.now, 1, message(b"question"), timeout);
    world.shards[0].request(world.now, 2, message(b"question"), timeout);
    world.shards[0].request(world.now, 3, message(b"nobody"), timeout);
    world.run();
    assert_eq!(world.answers, [(3, None)]);
    let heard = world.heard(client);
    let reply = heard.split(' ').nth(3).unwrap();
    assert!(reply.starts_with("$SYS._INBOX."), "{reply}");
    world.say(client, &format!("PUB {reply} 3\r\nyes\r\nPUB {reply} 2\r\nno\r\n"));
    world.wait(2 * timeout);
    assert_eq!(world.answers[1..], [(1, Some("yes".to_owned())), (2, None)]);
}

#[test]
fn messages_that_wait_for_each_other_reach_every_account_and_no_other() {
    let exports =
        vec![export("s.>", ExportKind::Stream), export("q", service(ResponseKind::Stream))];
    let imports = vec![stream_import("A", "s.>", None), service_import("A", "q", None)];
    let mut world = World::new(&[account("A", exports, vec![]), account("B", vec![], imports)]);
    let a: Vec<usize> = (0..8).map(|at| world.client(at % 2, "a")).collect();
    let b: Vec<usize> = (0..8).map(|at| world.client(at % 2, "b")).collect();
    for client in a.iter().chain(&b) {
        world.say(*client, "SUB s.x 1\r\nSUB inbox 2\r\n");
    }
    world.say(a[0], &"PUB s.x 1\r\nm\r\n".repeat(3));
    for client in a.iter().chain(&b) {
        assert_eq!(world.heard(*client), "MSG s.x 1 1\r\nm\r\n".repeat(3));
    }
    // One link publishes on one subject in both accounts: its own, and the one that it answers to.
    world.say(a[1], "SUB q 3\r\n");
    world.say(b[0], "PUB q inbox 0\r\n\r\n");
    let request = world.heard(a[1]);
    let reply = reply_of(&request);
    let one = "PUB inbox 1\r\nA\r\n";
    world.say(a[1], &format!("{one}{one}PUB {reply} 1\r\nB\r\n{one}"));
    for client in &a {
        assert_eq!(world.heard(*client), "MSG inbox 2 1\r\nA\r\n".repeat(3));
    }
    for client in &b {
        assert_eq!(world.heard(*client), "MSG inbox 2 1\r\nB\r\n");
    }
}
