//! The operations that are counted, each a function that does so many of them.

use std::fmt::Write;
use std::hint::black_box;
use std::io::IoSlice;
use std::sync::Arc;

use nervure_core::auth::{Auth, Lists, Permissions, Rules, Secret, User, Users};
use nervure_core::interest::{Interest, MatchCache};
use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Output, Shard, Shared};
use nervure_core::wire::{ParseRules, Parser, encode};
use nervure_core::{LinkId, ShardId, SubId, Time};

/// Does something so many times.
type Operation = fn(u64);

/// All of them, by name.
pub(crate) const OPERATIONS: &[(&str, Operation)] = &[
    ("parse-pub-16B", |count| parse("PUB bench.0 16\r\n0123456789abcdef\r\n", count)),
    ("parse-hpub-16B", |count| {
        parse("HPUB bench.0 12 28\r\nNATS/1.0\r\n\r\n0123456789abcdef\r\n", count)
    }),
    ("match-same", |count| matching(8192, 1, count)),
    ("match-hit", |count| matching(8192, 1000, count)),
    ("match-miss", |count| matching(16, 1000, count)),
    ("churn", churn),
    ("encode-msg", encode_msg),
    ("receive-1to1-16B", |count| receive(World::new(), &["SUB bench.0 1\r\n"], 16, count)),
    ("receive-1to1-128B", |count| receive(World::new(), &["SUB bench.0 1\r\n"], 128, count)),
    ("receive-1to100-16B", |count| receive(World::new(), &["SUB bench.0 1\r\n"; 100], 16, count)),
    ("receive-queue-16B", |count| receive(World::new(), &["SUB bench.0 q 1\r\n"; 4], 16, count)),
    ("receive-permitted-16B", |count| {
        receive(World::permitted(), &["SUB bench.0 1\r\n"], 16, count);
    }),
    ("receive-request-old", receive_old_requests),
];

/// Messages of one read.
const CHUNK: u64 = 100;

/// Takes `unit` off a stream.
fn parse(unit: &str, count: u64) {
    let chunk = unit.repeat(CHUNK as usize);
    let rules = ParseRules {
        max_control_line: 4096,
        max_payload: 1 << 20,
        headers: true,
        connect_only: false,
    };
    let mut parser = Parser::default();
    for _ in 0..count / CHUNK {
        let mut input = chunk.as_bytes();
        let mut taken = 0;
        while let Ok(Some(op)) = parser.next(&mut input, &rules) {
            black_box(&op);
            taken += 1;
        }
        assert_eq!(taken, CHUNK);
    }
}

fn sub(slot: u32) -> SubId {
    SubId { shard: ShardId(0), generation: 0, slot }
}

/// An index of some thousand subscriptions, one of ten with a wildcard.
fn filled() -> Interest {
    let interest = Interest::new();
    for slot in 0..5_000 {
        let subject = match slot % 20 {
            3 => format!("plant.{}.*.{slot}.temperature", slot % 97),
            13 => format!("plant.{}.line{slot}.>", slot % 97),
            _ => format!("plant.{}.line{}.sensor.{slot}", slot % 97, slot % 1009),
        };
        interest.insert(subject.as_bytes(), None, sub(slot), 1);
    }
    interest
}

/// Looks up so many subjects in turn, in a cache that holds all of them or too few.
fn matching(capacity: usize, subjects: usize, count: u64) {
    let interest = filled();
    let mut cache = MatchCache::new(ShardId(0), capacity);
    let subject = |slot: usize| format!("plant.{}.line{}.sensor.{slot}", slot % 97, slot % 1009);
    let subjects: Vec<String> = (0..subjects).map(subject).collect();
    for subject in subjects.iter().cycle().take(subjects.len() + count as usize) {
        black_box(cache.plan(&interest, subject.as_bytes()));
    }
}

/// SUB and UNSUB of a fresh inbox, and a publish to another subject after each.
fn churn(count: u64) {
    let interest = filled();
    let mut cache = MatchCache::new(ShardId(0), 8192);
    let mut inbox = String::new();
    for number in 0..count {
        inbox.clear();
        write!(inbox, "_INBOX.{number:022}").unwrap();
        interest.insert(inbox.as_bytes(), None, sub(10_000), 1);
        black_box(cache.plan(&interest, b"plant.1.line1.sensor.1"));
        assert!(interest.remove(inbox.as_bytes(), None, sub(10_000)));
        black_box(cache.plan(&interest, b"plant.1.line1.sensor.1"));
    }
}

/// The line of a delivery.
fn encode_msg(count: u64) {
    let mut out = Vec::with_capacity(64 << 10);
    for number in 0..count {
        if number % CHUNK == 0 {
            out.clear();
        }
        encode::msg(&mut out, black_box(b"bench.0"), black_box(b"1"), None, black_box(b"16"));
    }
    black_box(&out);
}

/// A shard with clients, whose sockets take everything.
struct World {
    shard: Shard,
    now: u64,
    written: u64,
}

impl World {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let shard = Shard::new(ShardId(0), Shared::new(1), Arc::new(settings), 1);
        Self { shard, now: 0, written: 0 }
    }

    /// All clients have permissions, with lists in both directions.
    fn permitted() -> Self {
        let lists = |allow: &str, deny: &str| Lists {
            allow: vec![allow.to_owned()],
            deny: vec![deny.to_owned(), format!("{deny}.>")],
        };
        let (publish, subscribe) = (lists("bench.>", "bench.no"), lists("bench.*", "bench.no"));
        let rules = Rules { publish, subscribe, responses: None };
        let permissions = Some(Arc::new(Permissions::new(&rules).unwrap()));
        let user = User { permissions, ..User::with_password("somebody", Secret::default()) };
        Self::with(Settings {
            auth: Auth {
                required: true,
                no_auth_user: Some(user.name().into()),
                users: Arc::new(Users::new([user])),
                ..Auth::default()
            },
            ..Settings::default()
        })
    }

    fn connect(&mut self, says: &str) -> LinkId {
        let peer = ([127, 0, 0, 1], 1).into();
        let endpoint = Endpoint::new(peer, Transport::Tcp, Arc::default(), [b'0'; 15]);
        let link = self.shard.open(Time::ZERO, endpoint).unwrap();
        self.receive(
            link,
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\nPING\r\n",
        );
        self.receive(link, says.as_bytes());
        link
    }

    /// One read, and the writes that follow it.
    fn receive(&mut self, link: LinkId, bytes: &[u8]) {
        self.now += 1000;
        let now = Time::from_nanos(self.now);
        self.shard.receive(now, link, bytes);
        loop {
            match self.shard.poll() {
                Output::Flush(link) => self.flush(now, link),
                Output::Idle(_) => return,
                Output::Notice(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn flush(&mut self, now: Time, link: LinkId) {
        let outbound = self.shard.outbound(link).unwrap();
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = outbound.slices(&mut slices);
        let count = slices[..filled].iter().map(|slice| slice.len()).sum();
        self.written += count as u64;
        self.shard.written(now, link, count);
    }
}

/// Messages from one client to those that say this, from read to written.
fn receive(mut world: World, subscribers: &[&str], size: usize, count: u64) {
    for says in subscribers {
        world.connect(says);
    }
    let publisher = world.connect("");
    let message = format!("PUB bench.0 {size}\r\n{}\r\n", "x".repeat(size));
    let chunk = message.repeat(CHUNK as usize);
    let before = world.written;
    for _ in 0..count / CHUNK {
        world.receive(publisher, chunk.as_bytes());
    }
    let delivered = format!("MSG bench.0 1 {size}\r\n").len() + size + 2;
    let receivers = if subscribers[0].contains(" q ") { 1 } else { subscribers.len() };
    assert_eq!(world.written - before, count * (delivered * receivers) as u64);
}

/// SUB of a fresh inbox, UNSUB after one message, PUB, and the reply: two deliveries.
fn receive_old_requests(count: u64) {
    let mut world = World::new();
    let responder = world.connect("SUB question 1\r\n");
    let requester = world.connect("");
    let mut text = String::new();
    for number in 0..count {
        text.clear();
        let sid = number + 1;
        write!(
            text,
            "SUB _INBOX.{number:022} {sid}\r\nUNSUB {sid} 1\r\n\
             PUB question _INBOX.{number:022} 2\r\nhi\r\n"
        )
        .unwrap();
        world.receive(requester, text.as_bytes());
        text.clear();
        write!(text, "PUB _INBOX.{number:022} 2\r\nhi\r\n").unwrap();
        world.receive(responder, text.as_bytes());
    }
    assert_eq!(world.shard.subscription_count(), 1);
}
