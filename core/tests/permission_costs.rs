//! Permissions allocate nothing in the steady state. What they take in instructions is counted by
//! `cargo bench -p nervure-core --bench instructions`.

#![allow(clippy::unwrap_used, reason = "a test says no by panicking")]

mod counting;

use std::io::IoSlice;
use std::sync::Arc;

use counting::allocations;
use nervure_core::auth::{Auth, Lists, Permissions, Responses, Rules, Secret, User, Users};
use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Output, Shard, Shared};
use nervure_core::{LinkId, ShardId, Time};

/// A publisher and a subscriber, whose user is `restricted` or `free`.
struct Pair {
    shard: Shard,
    publisher: LinkId,
    subscriber: LinkId,
}

impl Pair {
    fn new(user: &str) -> Self {
        let lists = |allow: &[&str], deny: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|&entry| entry.to_owned()).collect();
            Lists { allow: owned(allow), deny: owned(deny) }
        };
        let rules = Rules {
            publish: lists(&["a.*.c", "s.>"], &["s.no"]),
            subscribe: lists(&[], &["s.no", "s.*.no"]),
            responses: Some(Responses::default()),
        };
        let permissions = Some(Arc::new(Permissions::new(&rules).unwrap()));
        let with = |name| User::with_password(name, Secret::default());
        let restricted = User { permissions, ..with("restricted") };
        let users = Arc::new(Users::new([restricted, with("free")]));
        let auth = Auth { required: true, users, ..Auth::default() };
        let settings = Arc::new(Settings { auth, ..Settings::default() });
        let mut shard = Shard::new(ShardId(0), Shared::new(1), settings, 1);
        let mut connect = || {
            let peer = ([127, 0, 0, 1], 1).into();
            let endpoint = Endpoint::new(peer, Transport::Tcp, Arc::default(), [b'0'; 15]);
            let link = shard.open(Time::ZERO, endpoint).unwrap();
            let connect = format!("CONNECT {{\"verbose\":false,\"user\":\"{user}\"}}\r\n");
            shard.receive(Time::ZERO, link, connect.as_bytes());
            link
        };
        let (publisher, subscriber) = (connect(), connect());
        shard.receive(Time::ZERO, subscriber, b"SUB s.> 1\r\n");
        let mut pair = Self { shard, publisher, subscriber };
        pair.drain();
        pair
    }

    /// Writes what waits; returns how many bytes that were.
    fn drain(&mut self) -> usize {
        let mut total = 0;
        loop {
            match self.shard.poll() {
                Output::Flush(link) => {
                    while let Some(out) = self.shard.outbound(link).filter(|out| !out.is_empty()) {
                        let mut slices = [IoSlice::new(&[]); 8];
                        let filled = out.slices(&mut slices);
                        let written = slices[..filled].iter().map(|slice| slice.len()).sum();
                        self.shard.written(Time::ZERO, link, written);
                        total += written;
                    }
                }
                Output::Idle(_) => return total,
                _ => {}
            }
        }
    }
}

/// Chunks of a hundred messages over ten subjects.
fn publish_many(pair: &mut Pair, chunk: &[u8], times: usize) -> usize {
    let mut bytes = 0;
    for _ in 0..times {
        pair.shard.receive(Time::ZERO, pair.publisher, chunk);
        bytes += pair.drain();
    }
    bytes
}

fn chunk() -> Vec<u8> {
    (0..100)
        .flat_map(|n| format!("PUB s.{} 16\r\n0123456789abcdef\r\n", n % 10).into_bytes())
        .collect()
}

#[test]
fn a_publish_with_permissions_allocates_nothing() {
    for user in ["restricted", "free"] {
        let mut pair = Pair::new(user);
        let chunk = chunk();
        let expected = publish_many(&mut pair, &chunk, 100);
        let before = allocations();
        assert_eq!(publish_many(&mut pair, &chunk, 100), expected, "all are delivered");
        assert_eq!(allocations() - before, 0, "{user}");
    }
}

#[test]
fn granting_and_taking_replies_allocates_nothing() {
    let mut pair = Pair::new("restricted");
    let mut rounds = |rounds: std::ops::Range<u32>| {
        let texts: Vec<(String, String)> = rounds
            .map(|n| {
                // Of one length, so that the buffers fit that are used again.
                let reply = format!("r.{n:08}");
                (format!("PUB s.ask {reply} 0\r\n\r\n"), format!("PUB {reply} 0\r\n\r\n"))
            })
            .collect();
        let before = allocations();
        for (request, reply) in &texts {
            pair.shard.receive(Time::ZERO, pair.publisher, request.as_bytes());
            let delivered = pair.drain();
            pair.shard.receive(Time::ZERO, pair.subscriber, reply.as_bytes());
            assert_eq!((delivered > 0, pair.drain()), (true, 0), "asked, and answered unrefused");
        }
        allocations() - before
    };
    // The cache of matches is as full as it gets after some rounds.
    rounds(0..20_000);
    assert_eq!(rounds(20_000..21_000), 0);
}
