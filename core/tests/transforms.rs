//! Transforms against a plain implementation, and what mappings cost.
//!
//! The time a message takes is printed by
//! `cargo test --release -p nervure-core --test transforms -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says no by panicking")]

mod counting;
#[path = "naive/transform.rs"]
mod naive;

use std::sync::Arc;
use std::time::Instant;

use counting::allocations;
use nervure_core::account::{Accounts, Declaration, GLOBAL};
use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Output, Shard, Shared};
use nervure_core::subject::mappings::{Destination, Mapping, Mappings};
use nervure_core::subject::matches;
use nervure_core::subject::transform::Transform;
use nervure_core::{LinkId, ShardId, Time};
use proptest::prelude::*;

/// A token of a destination: mostly calls, with arguments that are mostly right.
fn token() -> impl Strategy<Value = String> {
    let cut = "\\{\\{(splitFromLeft|SplitFromRight|slicefromleft|sliceFromRight|left|Right)\
               \\([0-3] ?, ?[0-6]\\)\\}\\}";
    prop_oneof![
        "[a-c]{1,3}|\\$|\\$x|\\{\\{\\}\\}|x\\{\\{left\\(1,1\\)\\}\\}",
        "\\$[0-3]|\\{\\{ ?wildcard ?\\([0-3]\\) ?\\}\\}",
        cut,
        "\\{\\{split\\([1-3],(-|--|a|ab|)\\)\\}\\}",
        "\\{\\{partition\\((-3|0|7|1000)(, ?[0-3]){0,3}\\)\\}\\}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn transforms_do_what_the_plain_ones_do(
        pairs in prop::collection::vec(("[a-c]|\\*", "[ab-]{1,8}|[aé\u{10348}-]{1,4}"), 1..5),
        rest in prop::option::of("[ab]{1,2}(\\.[ab]){0,2}"),
        tokens in prop::collection::vec(token(), 1..5),
    ) {
        let literal = |(source, given): &(String, String)| {
            if source == "*" { given.clone() } else { source.clone() }
        };
        let mut source: Vec<String> = pairs.iter().map(|(source, _)| source.clone()).collect();
        let mut subject: Vec<String> = pairs.iter().map(literal).collect();
        let mut destination = tokens;
        if let Some(rest) = rest {
            source.push(">".to_owned());
            subject.push(rest);
            destination.push(">".to_owned());
        }
        let (source, destination) = (source.join("."), destination.join("."));
        let subject = subject.join(".").into_bytes();
        prop_assert!(matches(source.as_bytes(), &subject));
        // Calls for wildcards that are not there are refused, which other tests look at.
        if let Ok(transform) = Transform::new(&source, &destination) {
            let mut out = Vec::new();
            prop_assert!(transform.apply(&subject, &mut out, &mut fastrand::Rng::with_seed(1)));
            let expected = naive::transformed(&source, &destination, &subject);
            prop_assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
        }
    }
}

fn mapping(source: &str, destinations: &[(&str, u8)]) -> Mapping {
    let destinations = destinations.iter().map(|(subject, weight)| Destination {
        subject: (*subject).to_owned(),
        weight: *weight,
        cluster: String::new(),
    });
    Mapping::new(source, destinations).unwrap()
}

/// All functions, weights, loss, and a thousand sources that do not match.
fn mappings() -> Arc<Mappings> {
    let all = "{{split(1,-)}}.{{partition(9,1,2)}}.{{splitFromLeft(2,1)}}.{{sliceFromRight(2,2)}}.\
               {{partition(5)}}.{{left(1,2)}}.{{right(1,2)}}.{{random(9)}}.{{split(2,)}}.>";
    let mut mappings = vec![
        mapping("all.*.*.>", &[(all, 100)]),
        mapping("half.*", &[("one.$1", 50), ("two.$1", 40)]),
        mapping("lossy", &[("lossy", 50)]),
        mapping("orders.*.*", &[("to.$2.{{partition(10,1)}}", 100)]),
    ];
    mappings.extend((0..1000).map(|n| mapping(&format!("some.{n}.*"), &[("other.$1", 100)])));
    Arc::new(Mappings::new(&mappings, ""))
}

#[test]
fn a_mapping_allocates_nothing() {
    let table = mappings();
    let (mut out, mut rng) = (Vec::with_capacity(1000), fastrand::Rng::with_seed(1));
    let before = allocations();
    let mut mapped = 0;
    for _ in 0..100 {
        for subject in ["all.a-b-c.defg.x.y", "half.x", "lossy", "some.77.x", "none.x", "some.x"] {
            out.clear();
            mapped += usize::from(table.apply(subject.as_bytes(), &mut out, &mut rng));
        }
    }
    assert_eq!(allocations(), before);
    assert!((200..400).contains(&mapped), "{mapped}");
}

/// A shard with one client that hears itself.
struct World {
    shard: Shard,
    link: LinkId,
    heard: usize,
}

impl World {
    fn new(mappings: Option<Arc<Mappings>>) -> Self {
        let shared = Shared::new(1);
        let global = Declaration { name: GLOBAL.to_owned(), mappings, ..Declaration::default() };
        let accounts = Arc::new(Accounts::build(&shared, &[global], None).unwrap());
        let settings = Arc::new(Settings { accounts, ..Settings::default() });
        let mut shard = Shard::new(ShardId(0), shared, settings, 1);
        let peer = ([127, 0, 0, 1], 1).into();
        let endpoint = Endpoint::new(peer, Transport::Tcp, Arc::default(), [b'0'; 15]);
        let link = shard.open(Time::ZERO, endpoint).unwrap();
        let mut world = Self { shard, link, heard: 0 };
        world.say(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n");
        world
    }

    fn say(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            let taken = self.shard.receive(Time::ZERO, self.link, octets);
            octets = &octets[taken..];
            self.flush();
        }
    }

    fn flush(&mut self) {
        loop {
            match self.shard.poll() {
                Output::Flush(link) => {
                    let pending = self.shard.outbound(link).map_or(0, |out| out.pending());
                    self.heard += pending;
                    self.shard.written(Time::ZERO, link, pending);
                }
                Output::Idle(_) => return,
                Output::Close(_, reason) => panic!("{reason:?}"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_mapped_message_allocates_nothing_between_parser_and_buffer() {
    let mut world = World::new(Some(mappings()));
    world.say(b"SUB to.> 1\r\nSUB one.> 2\r\nSUB two.> 3\r\n");
    let octets = b"PUB orders.a.b 2\r\nhi\r\nHPUB orders.a.b r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n\
                   pub  orders.a.b  02\r\nhi\r\nPUB half.x 0\r\n\r\nPUB none 0\r\n\r\n"
        .repeat(100);
    (0..10).for_each(|_| world.say(&octets));
    let (before, heard) = (allocations(), world.heard);
    (0..10).for_each(|_| world.say(&octets));
    assert_eq!(allocations(), before);
    let expected = b"MSG to.b.0 1 2\r\nhi\r\nHMSG to.b.0 1 r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n\
                     MSG to.b.0 1 02\r\nhi\r\nMSG one.x 2 0\r\n\r\n";
    let expected = expected.len() * 1000;
    assert!((expected - 19_000..expected).contains(&(world.heard - heard)), "{}", world.heard);
}

/// A million messages, in chunks of a hundred.
fn figures(name: &str, mappings: Option<Arc<Mappings>>, subject: &str) {
    let mut world = World::new(mappings);
    world.say(b"SUB > 1\r\n");
    let octets = format!("PUB {subject} 16\r\n0123456789abcdef\r\n").repeat(100);
    let start = Instant::now();
    (0..10_000).for_each(|_| world.say(octets.as_bytes()));
    println!("{name}: {} ns a message", start.elapsed().as_nanos() / 1_000_000);
}

#[test]
#[ignore = "a million messages; prints figures for a person"]
fn figures_without_mappings() {
    figures("without mappings", None, "orders.alpha.77");
}

#[test]
#[ignore = "a million messages; prints figures for a person"]
fn figures_that_no_mapping_matches() {
    figures("no mapping matches", Some(mappings()), "others.alpha.77");
}

#[test]
#[ignore = "a million messages; prints figures for a person"]
fn figures_mapped() {
    let mapping = mapping("orders.*.*", &[("to.$2.$1", 100)]);
    figures("mapped", Some(Arc::new(Mappings::new([&mapping], ""))), "orders.alpha.77");
}

#[test]
#[ignore = "a million messages; prints figures for a person"]
fn figures_partitioned() {
    figures("partitioned among a thousand", Some(mappings()), "orders.alpha.77");
}
