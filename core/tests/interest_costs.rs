//! What the interest index costs in memory and time.
//!
//! The allocation counts are claims and tested always. The figures of a large index are printed by
//! `cargo test --release -p nervure-core --test interest_costs -- --ignored --nocapture`.

mod counting;

use std::hint::black_box;
use std::time::Instant;

use counting::{allocations, live};
use nervure_core::interest::{DEFAULT_CAPACITY, Interest, MatchCache, Matches};
use nervure_core::{ShardId, SubId};

fn id(slot: u32) -> SubId {
    SubId { shard: ShardId(slot as u16 % 2), generation: 0, slot }
}

/// One of ten is a wildcard: half with `*` inside, half with `>` at the end.
fn pattern(slot: u32, into: &mut String) {
    use std::fmt::Write;
    into.clear();
    let written = match slot % 20 {
        3 => write!(into, "plant.{}.*.{}.temperature", slot % 97, slot),
        13 => write!(into, "plant.{}.line{}.>", slot % 97, slot),
        _ => write!(into, "plant.{}.line{}.sensor.{}", slot % 97, slot % 1009, slot),
    };
    assert!(written.is_ok());
}

/// A subject that the subscription of `slot` gets.
fn subject(slot: u32, into: &mut String) {
    use std::fmt::Write;
    into.clear();
    let written = match slot % 20 {
        3 => write!(into, "plant.{}.line7.{}.temperature", slot % 97, slot),
        13 => write!(into, "plant.{}.line{}.sensor.5", slot % 97, slot),
        _ => write!(into, "plant.{}.line{}.sensor.{}", slot % 97, slot % 1009, slot),
    };
    assert!(written.is_ok());
}

fn filled(count: u32) -> Interest {
    let interest = Interest::new();
    let mut name = String::new();
    for slot in 0..count {
        pattern(slot, &mut name);
        interest.insert(name.as_bytes(), None, id(slot), 1);
    }
    interest
}

#[test]
fn a_cache_hit_allocates_nothing() {
    let interest = filled(2000);
    interest.insert(b"plant.>", Some(b"q"), id(1), 1);
    let mut cache = MatchCache::new(ShardId(0), DEFAULT_CAPACITY);
    let mut subjects = Vec::new();
    for slot in 0..2000 {
        let mut name = String::new();
        subject(slot, &mut name);
        assert_eq!(cache.plan(&interest, name.as_bytes()).queues.len(), 1);
        subjects.push(name);
    }
    let before = (allocations(), cache.stats().hits);
    for name in &subjects {
        black_box(cache.plan(&interest, name.as_bytes()));
    }
    assert_eq!((allocations(), cache.stats().hits), (before.0, before.1 + 2000));
}

#[test]
fn a_warm_find_allocates_nothing() {
    let interest = filled(2000);
    interest.insert(b"plant.>", Some(b"q"), id(1), 1);
    let mut into = Matches::new();
    let mut name = String::with_capacity(100);
    let mut find_all = |into: &mut Matches| {
        for slot in 0..2000 {
            subject(slot, &mut name);
            interest.find(name.as_bytes(), into);
            assert!(!into.plain.is_empty() && into.queues.len() == 1);
        }
    };
    find_all(&mut into);
    let before = allocations();
    find_all(&mut into);
    assert_eq!(allocations(), before);
}

#[test]
fn request_reply_with_fresh_inboxes_settles_to_few_allocations() {
    let interest = filled(2000);
    let mut cache = MatchCache::new(ShardId(0), 64);
    let mut inbox = String::with_capacity(100);
    let mut round = |number: u32| {
        use std::fmt::Write;
        inbox.clear();
        write!(inbox, "_INBOX.{number:08}").unwrap();
        interest.insert(inbox.as_bytes(), None, id(number * 2), 1);
        assert_eq!(cache.plan(&interest, inbox.as_bytes()).local.len(), 1);
        assert!(interest.remove(inbox.as_bytes(), None, id(number * 2)));
        assert!(cache.plan(&interest, inbox.as_bytes()).is_empty());
    };
    (0..10_000).for_each(&mut round);
    let before = allocations();
    (10_000..20_000).for_each(&mut round);
    let grown = allocations() - before;
    assert!(grown <= 10, "{grown} allocations in 10000 rounds");
}

#[test]
fn memory_returns_when_everybody_leaves() {
    let base = live();
    let interest = filled(100_000);
    let full = live() - base;
    let mut name = String::with_capacity(100);
    for slot in 0..100_000 {
        pattern(slot, &mut name);
        assert!(interest.remove(name.as_bytes(), None, id(slot)));
    }
    let left = live() - base;
    assert!(full > 5_000_000, "{full} bytes for 100000 subscriptions are too good to be true");
    // The log of changes may stay at its bound.
    assert!(left < 200_000, "{left} of {full} bytes stay");
}

/// Resident memory of this process, in bytes.
fn resident() -> i64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages.split(' ').nth(1).and_then(|it| it.parse::<i64>().ok());
    pages.unwrap_or(0) * 4096
}

#[test]
#[ignore = "a million subscriptions; prints figures for a person"]
fn figures_of_a_million_subscriptions() {
    const COUNT: u32 = 1_000_000;
    let (base, base_resident) = (live(), resident());
    let start = Instant::now();
    let interest = filled(COUNT);
    let per = |start: Instant, count: u32| start.elapsed().as_nanos() / u128::from(count);
    println!("insert: {} ns", per(start, COUNT));
    let bytes = (live() - base) as f64 / f64::from(COUNT);
    let resident = (resident() - base_resident) as f64 / f64::from(COUNT);
    println!("memory: {bytes:.1} bytes allocated, {resident:.1} resident, a subscription");

    let mut names = Vec::new();
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..200_000 {
        let mut name = String::new();
        subject(rng.u32(..COUNT), &mut name);
        names.push(name);
    }
    let mut into = Matches::new();
    let start = Instant::now();
    for name in &names {
        interest.find(name.as_bytes(), &mut into);
        assert!(!into.is_empty());
    }
    println!("find: {} ns", per(start, names.len() as u32));

    let mut cache = MatchCache::new(ShardId(0), DEFAULT_CAPACITY);
    let start = Instant::now();
    for name in &names {
        black_box(cache.plan(&interest, name.as_bytes()));
    }
    let stats = cache.stats();
    println!("plan, {} misses of {}: {} ns", stats.misses, names.len(), per(start, 200_000));

    for hot in [1, 1000, 6000] {
        for name in &names[..hot] {
            cache.plan(&interest, name.as_bytes());
        }
        let start = Instant::now();
        for round in 0..1_000_000 {
            black_box(cache.plan(&interest, names[round % hot].as_bytes()));
        }
        println!("plan, hits among {hot}: {} ns", per(start, 1_000_000));
    }

    // One change and four publishes among 6000 subjects, over and over; wildcards one of ten.
    let (mut name, before) = (String::new(), cache.stats());
    let mut changing = 0;
    let start = Instant::now();
    for round in 0..200_000_u32 {
        let slot = rng.u32(..COUNT);
        let began = Instant::now();
        pattern(slot, &mut name);
        if round % 2 == 0 {
            interest.insert(name.as_bytes(), None, id(COUNT + round), 1);
        } else {
            interest.remove(name.as_bytes(), None, id(slot));
        }
        changing += began.elapsed().as_nanos();
        for _ in 0..4 {
            black_box(cache.plan(&interest, names[rng.usize(..6000)].as_bytes()));
        }
    }
    let (total, stats) = (start.elapsed().as_nanos(), cache.stats());
    println!(
        "churn: {} ns a change, {} ns a publish; {} misses of 800000, {} flushes",
        changing / 200_000,
        (total - changing) / 800_000,
        stats.misses - before.misses,
        stats.flushes - before.flushes,
    );

    let start = Instant::now();
    for round in 0..500_000_u32 {
        use std::fmt::Write;
        name.clear();
        write!(name, "_INBOX.abcdefghijklmnopqrstuv.{round}").unwrap();
        interest.insert(name.as_bytes(), None, id(round), 1);
        black_box(cache.plan(&interest, names[0].as_bytes()));
        black_box(cache.plan(&interest, name.as_bytes()));
        interest.remove(name.as_bytes(), None, id(round));
    }
    println!("SUB, request, reply, UNSUB: {} ns", per(start, 500_000));
}
