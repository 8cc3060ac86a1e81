//! One server in simulation, driven from a seed: slow readers, vanishing clients, reads that end
//! anywhere, late wakes and deadlines. See `claims` for what must be true all the same.
//!
//! A failure names its seed. `NERVURE_SEED=17 cargo test -p nervure-core --test simulation` plays
//! that one alone; `NERVURE_SEEDS=5000` plays more than the usual number.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says no by panicking"
)]

mod accounts;
mod claims;
mod client;
#[path = "../counting/mod.rs"]
mod counting;
mod denied;
mod play;
mod world;

use counting::live;
use play::{Seen, leave, play, wave};
use world::World;

/// Seeds that are played when nothing else is asked for.
const SEEDS: u64 = 24;

/// Says how to see a failure again.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seed {0} fails; play it alone with NERVURE_SEED={0}", self.0);
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, it is {text:?}")))
}

/// What is played.
fn seeds() -> Vec<u64> {
    match number("NERVURE_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("NERVURE_SEEDS").unwrap_or(SEEDS)).collect(),
    }
}

#[test]
fn whatever_the_clients_do() {
    let seeds = seeds();
    let mut total = Seen::default();
    for &seed in &seeds {
        let replay = Replay(seed);
        let (_, seen) = play(seed);
        total.overfull += seen.overfull;
        total.blocked += seen.blocked;
        total.vanished += seen.vanished;
        total.refused += seen.refused;
        total.paused += seen.paused;
        total.heard += seen.heard;
        total.unanswered += seen.unanswered;
        drop(replay);
    }
    println!("{total:?}");
    if seeds.len() as u64 >= SEEDS {
        let Seen { overfull, blocked, vanished, refused, paused, heard, unanswered } = total;
        let rare =
            [overfull, blocked, vanished, refused, paused, heard, unanswered].into_iter().min();
        assert!(rare > Some(3), "the scenario has become tame: {total:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_outputs_octet_for_octet() {
    for seed in [1, 2, 3] {
        let _replay = Replay(seed);
        let (first, second) = (play(seed).0.outputs(), play(seed).0.outputs());
        assert_eq!(first, second);
    }
}

/// Crowds come and go, and what the server holds does not grow with them.
#[test]
fn memory_returns_to_its_base() {
    let mut held = Vec::new();
    let mut world = World::new(3, 1);
    world.small = true;
    for _ in 0..80 {
        // The same crowd each time, so that buffers kept for reuse soon have their size.
        world.rng = fastrand::Rng::with_seed(1);
        wave(&mut world);
        leave(&mut world);
        world.clients = Vec::new();
        held.push(live());
    }
    println!("{held:?}");
    let (early, late) = held.split_at(40);
    let growth = late.iter().max().unwrap() - early.iter().max().unwrap();
    assert!(growth < 20_000, "{growth} octets more after every wave has left: {held:?}");
}

/// Two shards, and a client with headers and without echo on each.
fn pair() -> World {
    let mut world = World::new(2, 9);
    for shard in 0..2 {
        world.connect_as(shard, true, true, false);
    }
    world
}

fn read_all(world: &mut World, client: usize) {
    while world.read(client) {}
}

#[test]
fn after_a_pong_every_publisher_on_the_server_sees_the_subscription() {
    let mut world = pair();
    for round in 0..5 {
        world.clients[0].subscribe("s.*", None, None);
        read_all(&mut world, 0);
        world.clients[1].publish("s.0".to_owned(), None, 1);
        read_all(&mut world, 1);
        // No wake: the subscriber's own next operation has to be enough.
        world.clients[0].publish("nobody".to_owned(), None, 1);
        read_all(&mut world, 0);
        assert_eq!(world.clients[0].heard.len(), (round + 1) * (round + 2) / 2);
    }
}

#[test]
fn a_producer_waits_when_another_shard_does_not_keep_up() {
    let mut world = pair();
    world.clients[0].subscribe("big", None, None);
    read_all(&mut world, 0);
    for _ in 0..400 {
        world.clients[1].publish("big".to_owned(), None, 100_000);
    }
    read_all(&mut world, 1);
    assert!(world.clients[1].paused, "40 MB lie in the mailbox and nobody was slowed down");
}

#[test]
fn a_queue_message_that_comes_back_to_a_publisher_without_echo_is_not_its_own() {
    let mut world = pair();
    for client in 0..2 {
        world.clients[client].subscribe("s.*", Some("q"), None);
        read_all(&mut world, client);
    }
    for _ in 0..20 {
        world.clients[0].publish("s.0".to_owned(), None, 1);
    }
    read_all(&mut world, 0);
    // The member that was chosen leaves while they are on their way.
    world.vanish(1);
    world.settle();
    assert!(world.clients[0].heard.is_empty(), "it hears itself, against its CONNECT");
}
