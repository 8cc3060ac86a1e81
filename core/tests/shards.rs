//! Several shards of one server in one thread, driven from a seed: wakes come late and in any
//! order, sockets take any part of what waits for them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says no by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::IoSlice;
use std::sync::Arc;

use nervure_core::link::{Endpoint, Origin, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Output, Shard, Shared};
use nervure_core::wire::ServerInfo;
use nervure_core::{LinkId, ShardId, Time};

/// A client as its socket sees it.
struct Client {
    shard: usize,
    link: LinkId,
    heard: Vec<u8>,
}

struct World {
    shards: Vec<Shard>,
    clients: Vec<Client>,
    /// Shards that were asked to wake and have not yet.
    asleep: BTreeSet<u16>,
    paused: usize,
    rng: fastrand::Rng,
    now: u64,
}

impl World {
    fn new(shards: u16, seed: u64) -> Self {
        let shared = Shared::new(usize::from(shards));
        let settings = Arc::new(Settings::default());
        let shard =
            |id| Shard::new(ShardId(id), shared.clone(), settings.clone(), seed ^ u64::from(id));
        Self {
            shards: (0..shards).map(shard).collect(),
            clients: Vec::new(),
            asleep: BTreeSet::new(),
            paused: 0,
            rng: fastrand::Rng::with_seed(seed),
            now: 0,
        }
    }

    fn tick(&mut self) -> Time {
        self.now += 1000;
        Time::from_nanos(self.now)
    }

    fn connect(&mut self, shard: usize) -> usize {
        let now = self.tick();
        let endpoint = Endpoint {
            peer: ([127, 0, 0, 1], 1).into(),
            forwarded_for: None,
            transport: Transport::Tcp,
            info: Arc::new(ServerInfo::default()),
            info_first: false,
            origin: Origin::Peer,
            cookies: None,
            nonce: [b'0'; 15],
            certificate: None,
        };
        let link = self.shards[shard].open(now, endpoint).unwrap();
        self.clients.push(Client { shard, link, heard: Vec::new() });
        self.drain(shard);
        let client = self.clients.len() - 1;
        self.say(client, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
        client
    }

    fn say(&mut self, client: usize, text: &str) {
        let now = self.tick();
        let Client { shard, link, .. } = self.clients[client];
        self.shards[shard].receive(now, link, text.as_bytes());
        self.drain(shard);
    }

    /// Does what a shard asks for; wakes of siblings are only noted.
    fn drain(&mut self, shard: usize) {
        loop {
            let output = self.shards[shard].poll();
            match output {
                Output::Flush(link) => self.flush(shard, link),
                Output::Wake(ShardId(sibling)) => drop(self.asleep.insert(sibling)),
                Output::Pause(_) => self.paused += 1,
                Output::Close(link, reason) => panic!("{link:?} closed: {reason:?}"),
                Output::Resume(_) | Output::Notice(_) => {}
                Output::Ask(_) => unreachable!("nobody has a hashed password"),
                Output::Idle(_) => return,
            }
        }
    }

    fn flush(&mut self, shard: usize, link: LinkId) {
        let now = self.tick();
        let part = self.rng.usize(1..400);
        while let Some(outbound) = self.shards[shard].outbound(link).filter(|out| !out.is_empty()) {
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = outbound.slices(&mut slices);
            let mut bytes: Vec<u8> = slices[..filled].iter().flat_map(|s| s.to_vec()).collect();
            bytes.truncate(part);
            let client = self.clients.iter_mut().find(|c| c.shard == shard && c.link == link);
            client.unwrap().heard.extend_from_slice(&bytes);
            self.shards[shard].written(now, link, bytes.len());
        }
    }

    /// Wakes one of the shards that were asked to wake; false when none was.
    fn wake_one(&mut self) -> bool {
        let Some(&shard) = self.rng.choice(&self.asleep) else { return false };
        self.asleep.remove(&shard);
        let now = self.tick();
        self.shards[usize::from(shard)].wake(now);
        self.drain(usize::from(shard));
        true
    }

    /// What a client got: sid, and payload of `publisher:number` as text.
    fn messages(&self, client: usize) -> Vec<(String, String)> {
        let text = String::from_utf8_lossy(&self.clients[client].heard);
        let mut lines = text.split("\r\n");
        let mut messages = Vec::new();
        while let Some(line) = lines.next() {
            if let Some(rest) = line.strip_prefix("MSG ") {
                let sid = rest.split(' ').nth(1).unwrap_or_default().to_owned();
                messages.push((sid, lines.next().unwrap_or_default().to_owned()));
            }
        }
        messages
    }
}

/// Publishers, plain subscribers and a queue group with members that come and go, over three
/// shards. Returns everything every client heard.
fn play(seed: u64) -> Vec<Vec<u8>> {
    let mut world = World::new(3, seed);
    let plain: Vec<usize> = (0..3).map(|shard| world.connect(shard)).collect();
    let members: Vec<usize> = (0..6).map(|n| world.connect(n % 3)).collect();
    let publishers: Vec<usize> = (0..3).map(|shard| world.connect(shard)).collect();
    for &client in &plain {
        world.say(client, "SUB s.* p\r\nPING\r\n");
    }
    // One member stays for good, so that every message finds somebody.
    world.say(members[0], "SUB s.> q m\r\n");
    let mut sent = vec![0u32; publishers.len()];
    for _ in 0..400 {
        match world.rng.u8(0..10) {
            0..=4 => {
                let which = world.rng.usize(0..publishers.len());
                let mut text = String::new();
                for _ in 0..world.rng.usize(1..6) {
                    let body = format!("{which}:{}", sent[which]);
                    sent[which] += 1;
                    text += &format!("PUB s.{} {}\r\n{body}\r\n", world.rng.u8(0..3), body.len());
                }
                world.say(publishers[which], &text);
            }
            5 | 6 => {
                let member = members[1 + world.rng.usize(0..members.len() - 1)];
                let (text, max) = (world.rng.bool(), world.rng.u8(1..5));
                let leave = format!("UNSUB m {max}\r\n");
                world.say(member, if text { "SUB s.* q m\r\n" } else { &leave });
            }
            7 => {
                let member = members[1 + world.rng.usize(0..members.len() - 1)];
                world.say(member, "UNSUB m\r\n");
            }
            _ => drop(world.wake_one()),
        }
    }
    while world.wake_one() {}

    let everything: BTreeSet<String> = (0..publishers.len())
        .flat_map(|which| (0..sent[which]).map(move |number| format!("{which}:{number}")))
        .collect();
    for &client in &plain {
        let got = world.messages(client);
        let distinct: BTreeSet<String> = got.iter().map(|(_, body)| body.clone()).collect();
        assert_eq!(got.len(), everything.len(), "seed {seed}: copies");
        assert_eq!(distinct, everything, "seed {seed}: messages");
        let mut last = BTreeMap::new();
        for (_, body) in &got {
            let (publisher, number) = body.split_once(':').unwrap();
            let number: u32 = number.parse().unwrap();
            let before = last.insert(publisher.to_owned(), number);
            assert!(before.is_none_or(|before| before < number), "seed {seed}: order of {body}");
        }
    }
    let mut taken: Vec<String> =
        members.iter().flat_map(|&member| world.messages(member)).map(|(_, body)| body).collect();
    taken.sort_unstable();
    let mut expected: Vec<String> = everything.into_iter().collect();
    expected.sort_unstable();
    assert_eq!(taken, expected, "seed {seed}: every message to exactly one member");
    world.clients.into_iter().map(|client| client.heard).collect()
}

#[test]
fn nothing_is_lost_doubled_or_reordered_and_groups_take_each_message_once() {
    for seed in 0..300 {
        play(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for seed in [1, 2, 3] {
        assert_eq!(play(seed), play(seed), "seed {seed}");
    }
}

#[test]
fn after_a_pong_every_publisher_on_the_server_sees_the_subscription() {
    let mut world = World::new(2, 9);
    let (subscriber, publisher) = (world.connect(0), world.connect(1));
    for round in 0..50 {
        world.say(subscriber, &format!("SUB r.{round} {round}\r\nPING\r\n"));
        world.say(publisher, &format!("PUB r.{round} 1\r\nx\r\nPING\r\n"));
        // No wake: the subscriber's own PING has to be enough.
        world.say(subscriber, "PING\r\n");
        let heard = String::from_utf8_lossy(&world.clients[subscriber].heard).into_owned();
        let message = format!("MSG r.{round} {round} 1\r\nx\r\nPONG\r\n");
        assert!(heard.ends_with(&message), "round {round}: {heard}");
    }
}

#[test]
fn a_producer_waits_when_another_shard_does_not_keep_up() {
    let mut world = World::new(2, 4);
    let (subscriber, publisher) = (world.connect(0), world.connect(1));
    world.say(subscriber, "SUB big 1\r\n");
    let body = "x".repeat(100_000);
    let text = format!("PUB big {}\r\n{body}\r\n", body.len());
    for _ in 0..400 {
        world.say(publisher, &text);
    }
    assert!(world.paused > 0, "40 MB lie in the mailbox and nobody was slowed down");
}
