//! What the clients do: chance decides, out of one seed.

use std::time::Duration;

use nervure_core::CloseReason;

use crate::claims;
use crate::client::Fate;
use crate::world::World;

/// The queue group that always has a member, and members that nothing happens to.
pub(crate) const ANCHORED: &str = "anchored";

/// Where 503s go: this and the client's number.
pub(crate) const INBOX: &str = "inbox";

/// What every client subscribes to first. A 503 goes to whoever asked, and to nobody else.
const INBOXES: &str = "inbox.*";

const SUBJECTS: [&str; 6] = ["s.*", "s.>", "s.0", "s.1", "*.2", "s.3"];

const STEPS: usize = 700;

/// How often each thing was seen, so that a scenario that stops showing anything is noticed.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) overfull: usize,
    pub(crate) blocked: usize,
    pub(crate) vanished: usize,
    pub(crate) refused: usize,
    pub(crate) paused: usize,
    pub(crate) heard: usize,
    pub(crate) unanswered: usize,
}

/// Plays one scenario in a world of its own to its end.
pub(crate) fn play(seed: u64) -> (World, Seen) {
    let mut world = World::new(3, seed);
    let seen = wave(&mut world);
    leave(&mut world);
    (world, seen)
}

/// Clients come, do what they do, and are held to what must be true.
pub(crate) fn wave(world: &mut World) -> Seen {
    world.clients.clear();
    let anchor = world.connect(0, true);
    world.clients[anchor].subscribe(INBOXES, None, None);
    world.clients[anchor].subscribe("s.*", Some(ANCHORED), None);
    while world.read(anchor) {}
    for number in 0..12 {
        let client = world.connect(number % 3, world.calm || number < 5);
        begin(world, client);
    }
    for _ in 0..STEPS {
        step(world);
    }
    world.settle();
    claims::check(world);
    let count =
        |what: &dyn Fn(&crate::client::Client) -> usize| world.clients.iter().map(what).sum();
    let cut_off = |reason| count(&|it| usize::from(it.fate == Fate::CutOff(reason)));
    Seen {
        overfull: cut_off(CloseReason::SlowConsumerPendingBytes),
        blocked: cut_off(CloseReason::SlowConsumerWriteDeadline),
        vanished: count(&|it| usize::from(it.fate == Fate::Vanished)),
        refused: count(&|it| it.subs.iter().filter(|sub| sub.taken == Some(false)).count()),
        paused: world.pauses,
        heard: count(&|it| it.heard.len()),
        unanswered: count(&|it| it.requests),
    }
}

/// Everybody leaves, and time goes on until nothing is due any more.
pub(crate) fn leave(world: &mut World) {
    for number in 0..world.clients.len() {
        world.vanish(number);
    }
    world.settle();
    for _ in 0..20 {
        world.pass_time(Duration::from_secs(60));
    }
    let totals = world.shared.totals();
    assert_eq!((totals.connections, totals.subscriptions), (0, 0));
    for shard in &world.shards {
        assert_eq!((shard.link_count(), shard.subscription_count()), (0, 0));
    }
}

/// The first things a client says.
fn begin(world: &mut World, client: usize) {
    let World { clients, rng, .. } = world;
    let client = &mut clients[client];
    client.subscribe(INBOXES, None, None);
    if rng.bool() {
        let subject = *rng.choice(SUBJECTS.iter()).unwrap_or(&"s.*");
        client.subscribe(subject, None, None);
    }
}

fn step(world: &mut World) {
    let client = world.rng.usize(0..world.clients.len());
    if world.clients[client].fate != Fate::Alive {
        // Another one in its place, half of the times.
        if world.rng.bool() && world.clients.len() < 40 {
            let shard = world.rng.usize(0..world.shards.len());
            let newcomer = world.connect(shard, world.calm);
            begin(world, newcomer);
        }
        return;
    }
    match world.rng.u8(0..100) {
        0..28 => publish(world, client),
        28..38 => change_subscriptions(world, client),
        38..66 => {
            world.read(client);
            world.wake_late_ones();
        }
        66..82 => drop(world.wake_one()),
        82..86 => {
            let inbox = format!("{INBOX}.{client}");
            world.clients[client].request_nobody(&inbox);
        }
        86..92 => {
            let short = Duration::from_millis(world.rng.u64(0..20));
            let long = Duration::from_millis(world.rng.u64(0..12_000));
            let by = if world.rng.u8(..20) == 0 { long } else { short };
            world.pass_time(by);
        }
        92..98 if !world.clients[client].steady => {
            let slow = world.rng.u8(..8) > 0;
            world.clients[client].was_slow |= slow;
            world.set_slow(client, slow);
        }
        98.. if !world.clients[client].steady => world.vanish(client),
        _ => {}
    }
}

fn publish(world: &mut World, client: usize) {
    let World { clients, rng, small, .. } = world;
    for _ in 0..rng.usize(1..5) {
        let len = match rng.u8(0..20) {
            _ if *small => rng.usize(0..100),
            0 => rng.usize(16 << 10..18 << 10),
            1..9 => rng.usize(1 << 10..4 << 10),
            _ => rng.usize(0..100),
        };
        // The anchor alone may find nobody but itself.
        let reply = (client > 0 && rng.bool()).then(|| format!("{INBOX}.{client}"));
        clients[client].publish(format!("s.{}", rng.u8(0..4)), reply.as_deref(), len);
    }
}

fn change_subscriptions(world: &mut World, number: usize) {
    let World { clients, rng, calm, .. } = world;
    let client = &mut clients[number];
    let subject = *rng.choice(SUBJECTS.iter()).unwrap_or(&"s.*");
    let max = (!*calm && rng.bool()).then(|| rng.usize(1..6));
    match rng.u8(0..if *calm { 6 } else { 10 }) {
        0..3 => client.subscribe(subject, None, max),
        3..6 if client.steady => client.subscribe("s.*", Some(ANCHORED), max),
        3..6 => client.subscribe(subject, Some("wild"), max),
        _ => {
            // Inboxes stay, and so does the anchor.
            let kept = if number == 0 { 2 } else { 1 };
            let live: Vec<usize> =
                (kept..client.subs.len()).filter(|&sid| !client.subs[sid].left).collect();
            if let Some(&sid) = rng.choice(&live) {
                client.unsubscribe(sid);
            }
        }
    }
}
