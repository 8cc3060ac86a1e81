//! Messages that come in one read are heard as if each had come alone.
//!
//! The router gives messages on one subject to many receivers together, unless it traces them. Two
//! servers get the same from a publisher, one in reads of many operations and one that traces in
//! reads of one, and every client of both has to hear the same octets.

#![allow(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::io::IoSlice;
use std::sync::Arc;

use nervure_core::auth::{Auth, Lists, Permissions, Rules, Secret, User, Users};
use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::{Settings, TraceRules};
use nervure_core::shard::{Output, Shard, Shared};
use nervure_core::{LinkId, ShardId, Time};

/// A server, and what its clients have heard.
struct World {
    shards: Vec<Shard>,
    heard: Vec<(usize, LinkId, Vec<u8>)>,
}

impl World {
    /// Of this many shards. Everybody may publish what they like, and nobody may hear `s0.no`.
    fn new(shards: u16, trace: Option<TraceRules>) -> Self {
        let lists = Lists { allow: Vec::new(), deny: vec!["s0.no".to_owned()] };
        let rules = Rules { publish: Lists::default(), subscribe: lists, responses: None };
        let permissions = Some(Arc::new(Permissions::new(&rules).unwrap()));
        let denied = User { permissions, ..User::with_password("denied", Secret::new("")) };
        let users = [denied, User::with_password("free", Secret::new(""))];
        let auth = Auth { required: true, users: Arc::new(Users::new(users)), ..Auth::default() };
        let (shared, settings) =
            (Shared::new(shards.into()), Settings { auth, trace, ..<_>::default() });
        let settings = Arc::new(settings);
        let shard = |id| Shard::new(ShardId(id), shared.clone(), settings.clone(), 1);
        Self { shards: (0..shards).map(shard).collect(), heard: Vec::new() }
    }

    fn client(&mut self, shard: usize, user: &str, options: &str, says: &str) -> usize {
        let peer = ([127, 0, 0, 1], 1).into();
        let endpoint = Endpoint::new(peer, Transport::Tcp, Arc::default(), [b'0'; 15]);
        let link = self.shards[shard].open(Time::ZERO, endpoint).unwrap();
        self.heard.push((shard, link, Vec::new()));
        let client = self.heard.len() - 1;
        let connect = format!("CONNECT {{\"user\":\"{user}\",\"pass\":\"\",{options}}}\r\n{says}");
        self.read(client, connect.as_bytes());
        client
    }

    /// One read from a client, and what comes of it on all shards.
    fn read(&mut self, client: usize, mut bytes: &[u8]) {
        let (shard, link, _) = self.heard[client];
        while !bytes.is_empty() {
            let taken = self.shards[shard].receive(Time::ZERO, link, bytes);
            bytes = &bytes[taken..];
            while (0..self.shards.len()).any(|shard| self.drain(shard)) {}
        }
    }

    /// Returns whether there was anything to do.
    fn drain(&mut self, at: usize) -> bool {
        let mut busy = false;
        loop {
            let shard = &mut self.shards[at];
            match shard.poll() {
                Output::Idle(_) => return busy,
                Output::Flush(link) => {
                    let mut slices = [IoSlice::new(&[]); 64];
                    let filled = shard.outbound(link).unwrap().slices(&mut slices);
                    let bytes: Vec<u8> =
                        slices[..filled].iter().flat_map(|it| it.to_vec()).collect();
                    shard.written(Time::ZERO, link, bytes.len());
                    let same = |it: &&mut (usize, LinkId, _)| (it.0, it.1) == (at, link);
                    self.heard.iter_mut().find(same).unwrap().2.extend(bytes);
                }
                Output::Wake(target) => self.shards[usize::from(target.0)].wake(Time::ZERO),
                _ => {}
            }
            busy = true;
        }
    }
}

/// Clients of all kinds, most of them with sids of their own; the first one publishes.
fn populated(shards: u16, trace: Option<TraceRules>, publisher: &str) -> World {
    let mut world = World::new(shards, trace);
    world.client(0, "free", publisher, "SUB answer 5\r\n");
    for number in 0..24usize {
        let shard = number % usize::from(shards);
        let sid = if number % 3 == 0 { number } else { 7 };
        let subscribe = |subject: &str| format!("SUB {subject} {sid}\r\n");
        let says = match number {
            // Both subscriptions of `s1` meet on this link.
            0 => subscribe("s1") + "SUB s1 other\r\n",
            1 => subscribe("s2") + "SUB s2 q 9\r\n",
            2 => "SUB s0 a-sid-that-is-longer-than-most\r\n".to_owned(),
            // Hear nothing of `s0.no`, which nobody else wants.
            _ if number % 5 == 4 => subscribe("s0.*"),
            3..8 => subscribe("s0") + &format!("UNSUB {sid} {}\r\n", 5 * number),
            8..14 => subscribe("s1"),
            14..18 => subscribe("s2"),
            _ => subscribe("s0"),
        };
        let user = if number % 5 == 4 { "denied" } else { "free" };
        let options = if number % 2 == 0 { "\"headers\":true" } else { "\"headers\":false" };
        world.client(shard, user, &format!("\"verbose\":false,{options}"), &says);
    }
    world
}

/// What the publisher does next.
fn operation(rng: &mut fastrand::Rng, subject: &mut usize) -> Vec<u8> {
    if rng.u8(0..6) == 0 {
        *subject = rng.usize(0..5);
    }
    let subject = ["s0", "s1", "s2", "s0.no", "s0.yes"][*subject];
    let body = "x".repeat(if rng.u8(0..20) == 0 { 5000 } else { rng.usize(0..40) });
    let size = body.len();
    let text = match rng.u8(0..60) {
        0 => "PING\r\n".to_owned(),
        1 => format!("SUB {subject} 1\r\n"),
        2 => "UNSUB 1\r\n".to_owned(),
        3 => format!("PUB {subject} answer {size}\r\n{body}\r\n"),
        4 => format!("HPUB {subject} 12 {}\r\nNATS/1.0\r\n\r\n{body}\r\n", size + 12),
        5 => format!("pub\t{subject}  {size}\r\n{body}\r\n"),
        _ => format!("PUB {subject} {size}\r\n{body}\r\n"),
    };
    text.into_bytes()
}

#[test]
fn what_comes_together_is_heard_as_if_it_came_alone() {
    for seed in 0..12 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let shards = rng.u16(1..4);
        let options = [
            "\"headers\":true",
            "\"headers\":true,\"verbose\":false",
            "\"headers\":true,\"verbose\":false,\"pedantic\":false,\"no_responders\":true",
            "\"headers\":true,\"verbose\":false,\"pedantic\":false,\"echo\":false",
        ];
        let options = options[seed as usize % options.len()];
        let traced = Some(TraceRules { headers_only: true, max_payload: 1 });
        let (mut alone, mut together) =
            (populated(shards, traced, options), populated(shards, None, options));
        let mut subject = 0;
        for _ in 0..25 {
            let count = rng.usize(1..40);
            let operations: Vec<_> =
                (0..count).map(|_| operation(&mut rng, &mut subject)).collect();
            operations.iter().for_each(|operation| alone.read(0, operation));
            together.read(0, &operations.concat());
        }
        for (client, (one, other)) in alone.heard.iter().zip(&together.heard).enumerate() {
            let (one, other) = (String::from_utf8_lossy(&one.2), String::from_utf8_lossy(&other.2));
            assert_eq!(one, other, "client {client} with seed {seed}");
        }
        let busy = alone.heard.iter().filter(|it| it.2.len() > 5000).count();
        assert!(busy > 8, "{busy} clients heard much with seed {seed}");
    }
}
