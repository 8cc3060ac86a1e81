//! What a message says of who sent it: only the truth, wherever it goes.

use nervure_core::account::{Declaration, ExportKind, ResponseKind, SenderIdentity};

use crate::counting::allocations;
use crate::world::{World, account, export, reply_of, service, service_import, stream_import};

const ACCOUNT_AND_USER: SenderIdentity =
    SenderIdentity { account: true, user: true, name: false, kind: false };

fn told(declared: Declaration) -> Declaration {
    Declaration { sender_identity: ACCOUNT_AND_USER, ..declared }
}

/// One account that tells.
fn alone() -> World {
    World::new(&[told(account("A", vec![], vec![]))])
}

/// A message as somebody hears it who takes headers.
fn hmsg(start: &str, headers: &str, payload: &str) -> String {
    let header = format!("NATS/1.0\r\n{headers}\r\n");
    let (size, total) = (header.len(), header.len() + payload.len());
    format!("HMSG {start} {size} {total}\r\n{header}{payload}\r\n")
}

fn hpub(start: &str, headers: &str, payload: &str) -> String {
    hmsg(start, headers, payload).replacen("HMSG", "HPUB", 1)
}

const BY_A: &str = "Nats-Sender-Account: A\r\nNats-Sender-User: a\r\n";
const BY_B: &str = "Nats-Sender-Account: B\r\nNats-Sender-User: b\r\n";

/// In names and values that different clients might take for the server's.
const FORGED: &str = "Nats-Sender-User: x\r\nnats-sender-account: x\r\nNATS-SENDER-NAME : x\r\n\
                      A: b\n Nats-Sender-Kind:x\r\n\tNats-Sender-User: x\r\n";

#[test]
fn a_message_says_who_sent_it_and_nothing_forged() {
    let mut world = alone();
    let (near, far, sender) = (world.client(0, "a"), world.client(1, "a"), world.client(0, "a"));
    let (plain, queued) = (world.client(1, "a"), world.client(1, "a"));
    world.say(plain, "CONNECT {\"headers\":false,\"no_responders\":false}\r\nSUB s.> 2\r\n");
    for receiver in [near, far] {
        world.say(receiver, "SUB s.> 1\r\n");
    }
    world.say(queued, "SUB s.> q 1\r\n");
    world.heard(plain);
    let kept = "NATS/1.0\r\nA: b\r\n";
    let large = "x".repeat(20_000);
    for (said, heard, without) in [
        ("PUB s.x 0002\r\nhi\r\n", hmsg("s.x 1", BY_A, "hi"), "MSG s.x 2 2\r\nhi\r\n".to_owned()),
        ("PUB s.x r 0\r\n\r\n", hmsg("s.x 1 r", BY_A, ""), "MSG s.x 2 r 0\r\n\r\n".to_owned()),
        (
            &*hpub("s.x", "A: b\r\n", "hi"),
            hmsg("s.x 1", &format!("A: b\r\n{BY_A}"), "hi"),
            "MSG s.x 2 2\r\nhi\r\n".to_owned(),
        ),
        (
            &*hpub("s.x r", FORGED, "hi"),
            hmsg("s.x 1 r", &format!("{}{BY_A}", &kept[10..]), "hi"),
            "MSG s.x 2 r 2\r\nhi\r\n".to_owned(),
        ),
        (
            &*format!("PUB s.x 20000\r\n{large}\r\n"),
            hmsg("s.x 1", BY_A, &large),
            format!("MSG s.x 2 20000\r\n{large}\r\n"),
        ),
        (
            &*hpub("s.x", FORGED, &large),
            hmsg("s.x 1", &format!("A: b\r\n{BY_A}"), &large),
            format!("MSG s.x 2 20000\r\n{large}\r\n"),
        ),
        ("HPUB s.x 0 2\r\nhi\r\n", hmsg("s.x 1", BY_A, "hi"), "MSG s.x 2 2\r\nhi\r\n".to_owned()),
    ] {
        world.say(sender, said);
        for receiver in [near, far, queued] {
            assert_eq!(world.heard(receiver), heard);
        }
        assert_eq!(world.heard(plain), without);
        assert_eq!(world.heard(sender), "");
    }
}

#[test]
fn many_messages_to_many_receivers_all_say_it() {
    let mut world = alone();
    let receivers: Vec<usize> = (0..10).map(|at| world.client(at % 2, "a")).collect();
    for &receiver in &receivers {
        world.say(receiver, "SUB s 1\r\n");
    }
    let sender = world.client(0, "a");
    world.say(sender, &("PUB s 1\r\nm\r\n".repeat(5) + &hpub("s", FORGED, "m")));
    let one = hmsg("s 1", BY_A, "m");
    let expected = one.repeat(5) + &hmsg("s 1", &format!("A: b\r\n{BY_A}"), "m");
    for receiver in receivers {
        assert_eq!(world.heard(receiver), expected);
    }
}

#[test]
fn requesters_and_responders_of_other_accounts_stay_who_they_are() {
    let exports =
        vec![export("s.>", ExportKind::Stream), export("q", service(ResponseKind::Singleton))];
    let imports = vec![stream_import("A", "s.>", Some("t.>")), service_import("A", "q", None)];
    let declared = |a, b| -> Vec<Declaration> { vec![a, b] };
    let (a, b) = (account("A", exports, vec![]), account("B", vec![], imports));
    let mut world = World::new(&declared(told(a.clone()), told(b.clone())));
    let (a0, b1) = (world.client(0, "a"), world.client(1, "b"));
    world.say(a0, "SUB q 1\r\n");
    world.say(b1, "SUB t.> 1\r\nSUB r 2\r\n");
    world.say(a0, &hpub("s.x", FORGED, "m"));
    assert_eq!(world.heard(b1), hmsg("t.x 1", &format!("A: b\r\n{BY_A}"), "m"));
    world.say(b1, &hpub("q r", FORGED, "m"));
    let request = world.heard(a0);
    let info = "Nats-Request-Info: {\"acc\":\"B\"}\r\n\r\nm";
    assert!(request.contains(&format!("A: b\r\n{BY_B}{info}")), "{request}");
    assert!(!request.contains(": x") && !request.contains(":x"), "{request}");
    world.say(a0, &format!("PUB {} 2\r\nok\r\n", reply_of(&request)));
    assert_eq!(world.heard(b1), hmsg("r 2", BY_A, "ok"));

    // What one account believes, a client of another one that tells nothing may not forge either.
    world.reload(&declared(told(a.clone()), b.clone()));
    world.say(b1, &hpub("q r", FORGED, "m"));
    let request = world.heard(a0);
    assert!(request.contains(&format!("NATS/1.0\r\nA: b\r\n{info}")), "{request}");
    world.say(b1, "SUB own 3\r\nPUB own 1\r\nm\r\n");
    assert_eq!(world.heard(b1), "MSG own 3 1\r\nm\r\n");
}

#[test]
fn a_reload_switches_it_on_and_off() {
    let off = [account("A", vec![], vec![])];
    let mut world = World::new(&off);
    let (sender, receiver) = (world.client(0, "a"), world.client(1, "a"));
    world.say(receiver, "SUB s 1\r\n");
    let mine = hpub("s", "Nats-Sender-User: x\r\n", "m");
    for _ in 0..2 {
        world.say(sender, &mine);
        assert_eq!(world.heard(receiver), hmsg("s 1", "Nats-Sender-User: x\r\n", "m"), "off");
        world.reload(&[told(off[0].clone())]);
        world.say(sender, &mine);
        assert_eq!(world.heard(receiver), hmsg("s 1", BY_A, "m"));
        world.reload(&off);
    }
}

#[test]
fn what_a_client_calls_itself_is_one_short_line() {
    let declared =
        Declaration { sender_identity: SenderIdentity::ALL, ..account("A", vec![], vec![]) };
    let mut world = World::new(&[declared]);
    let client = world.client(0, "a");
    let connect = |name: &str| {
        format!(
            "CONNECT {{\"user\":\"a\",\"pass\":\"p\",\"verbose\":false,\"headers\":true,\
             \"name\":\"{name}\"}}\r\nSUB s 1\r\nPUB s 1\r\nm\r\n"
        )
    };
    let long = "é".repeat(200);
    for (name, written) in [
        ("", String::new()),
        ("me", "Nats-Sender-Name: me\r\n".to_owned()),
        (
            r"a\r\nNats-Sender-User: b",
            "Nats-Sender-Name: a%0D%0ANats-Sender-User: b\r\n".to_owned(),
        ),
        (&long, format!("Nats-Sender-Name: {}\r\n", "é".repeat(128))),
    ] {
        world.say(client, &connect(name));
        let expected = hmsg("s 1", &format!("{BY_A}{written}Nats-Sender-Kind: Client\r\n"), "m");
        assert_eq!(world.heard(client), expected);
    }
}

#[test]
fn it_is_said_without_an_allocation() {
    let mut world = alone();
    let (sender, receiver) = (world.client(0, "a"), world.client(0, "a"));
    world.say(receiver, "SUB s 1\r\n");
    let chunk =
        ("PUB s 16\r\n0123456789abcdef\r\n".to_owned() + &hpub("s", FORGED, "m")).repeat(50);
    let expected = 50
        * (hmsg("s 1", BY_A, "0123456789abcdef") + &hmsg("s 1", &format!("A: b\r\n{BY_A}"), "m"))
            .len();
    let mut allocated = 0;
    for round in 0..200 {
        let before = allocations();
        let octets = world.pass(sender, &chunk);
        if round >= 100 {
            allocated += allocations() - before;
        }
        assert_eq!(octets, expected);
    }
    assert_eq!(allocated, 0);
}
