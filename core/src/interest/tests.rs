//! The index and its caches against a naive model, and across threads.

use core::sync::atomic::{AtomicU32, Ordering};
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ShardId;

fn id(shard: u16, slot: u32) -> SubId {
    SubId { shard: ShardId(shard), generation: 0, slot }
}

/// A list of subscriptions and the definition of matching.
#[derive(Default)]
struct Naive(BTreeMap<(String, Option<String>, SubId), u32>);

type Found = (Vec<SubId>, BTreeMap<Vec<u8>, Vec<Member>>);

impl Naive {
    fn find(&self, subject: &str) -> Found {
        let mut found = Found::default();
        for ((pattern, queue, id), &weight) in &self.0 {
            if !naive_match(pattern, subject) {
                continue;
            }
            match queue {
                None => found.0.push(*id),
                Some(queue) => {
                    let group = found.1.entry(queue.clone().into_bytes()).or_default();
                    group.push(Member { id: *id, weight });
                }
            }
        }
        sort(found)
    }
}

fn naive_match(pattern: &str, subject: &str) -> bool {
    let pattern: Vec<&str> = pattern.split('.').collect();
    let subject: Vec<&str> = subject.split('.').collect();
    if subject.contains(&"") {
        return false;
    }
    for (at, want) in pattern.iter().enumerate() {
        if *want == ">" {
            return subject.len() > at;
        }
        if subject.get(at).is_none_or(|token| *want != "*" && token != want) {
            return false;
        }
    }
    pattern.len() == subject.len()
}

fn sort((mut plain, mut queues): Found) -> Found {
    plain.sort_unstable();
    queues.values_mut().for_each(|members| members.sort_unstable());
    (plain, queues)
}

fn groups(queues: &[QueueGroup]) -> BTreeMap<Vec<u8>, Vec<Member>> {
    let mut named = BTreeMap::new();
    for group in queues {
        let weight: u64 = group.members.iter().map(|it| u64::from(it.weight)).sum();
        assert_eq!(group.total_weight, weight);
        let twin = named.insert(group.name.to_vec(), group.members.clone());
        assert!(twin.is_none(), "two groups of one name");
    }
    named
}

fn check_find(interest: &Interest, naive: &Naive, into: &mut Matches, subject: &str) {
    interest.find(subject.as_bytes(), into);
    let found = sort((into.plain.clone(), groups(&into.queues)));
    let expected = naive.find(subject);
    assert_eq!(found, expected, "find {subject:?}");
    let anybody = !(expected.0.is_empty() && expected.1.is_empty());
    assert_eq!(interest.has_interest(subject.as_bytes()), anybody, "has_interest {subject:?}");
}

fn check_plan(interest: &Interest, naive: &Naive, own: u16, cache: &mut MatchCache, subject: &str) {
    let plan = cache.plan(interest, subject.as_bytes());
    let (plain, queues) = naive.find(subject);
    let (local, far): (Vec<_>, Vec<_>) = plain.into_iter().partition(|it| it.shard.0 == own);
    let mut shards: Vec<ShardId> = far.into_iter().map(|it| it.shard).collect();
    shards.dedup();
    let mut plan_shards = plan.shards.clone();
    plan_shards.sort_unstable();
    let found = sort((plan.local.clone(), groups(&plan.queues)));
    assert_eq!((found, plan_shards), ((local, queues), shards), "plan {subject:?}");
}

#[derive(Clone, Debug)]
enum Step {
    Insert(String, Option<String>, SubId, u32),
    /// Of the subscription with this index, if there are so many.
    Remove(prop::sample::Index),
    RemoveUnknown(String, Option<String>, SubId),
    Plan(usize, String),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let token = prop_oneof![
        6 => "[abc]",
        2 => Just("*".to_owned()),
        1 => Just(">".to_owned()),
        1 => prop_oneof![Just("a*"), Just(">>"), Just("a-token-of-more-than-22-octets")]
            .prop_map(str::to_owned),
    ];
    let tokens = prop::collection::vec(token, 1..5).prop_map(|tokens| tokens.join("."));
    let subject = prop_oneof![
        9 => tokens.clone(),
        1 => "[a.]{0,4}",
    ];
    let queue = prop_oneof![3 => Just(None), 1 => "[pq*]".prop_map(Some)];
    let id = (0..3u16, 0..6u32).prop_map(|(shard, slot)| id(shard, slot));
    let step = prop_oneof![
        4 => (tokens, queue.clone(), id.clone(), 0..4u32)
            .prop_map(|(subject, queue, id, weight)| Step::Insert(subject, queue, id, weight)),
        3 => any::<prop::sample::Index>().prop_map(Step::Remove),
        1 => (subject.clone(), queue, id)
            .prop_map(|(subject, queue, id)| Step::RemoveUnknown(subject, queue, id)),
        8 => (0..3usize, subject).prop_map(|(cache, subject)| Step::Plan(cache, subject)),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Whatever comes and goes, every cache answers like the naive matcher: a small one that
    /// displaces all the time, one that is seldom asked, and one on another shard.
    #[test]
    fn plans_equal_the_naive_matchers(steps in steps()) {
        let interest = Interest::new();
        let mut naive = Naive::default();
        let mut into = Matches::new();
        let mut caches = [
            (0, MatchCache::new(ShardId(0), 3)),
            (1, MatchCache::new(ShardId(1), 100)),
            (9, MatchCache::new(ShardId(9), 100)),
        ];
        let mut planned: Vec<String> = Vec::new();
        for step in steps {
            let before = interest.generation();
            match step {
                Step::Insert(subject, queue, id, weight) => {
                    let queue_name = queue.as_ref().map(String::as_bytes);
                    interest.insert(subject.as_bytes(), queue_name, id, weight);
                    let valid = subject::is_valid_subscribe(subject.as_bytes());
                    // A plain subscription has no weight to change.
                    let weight = if queue.is_some() { weight } else { 1 };
                    let changed =
                        valid && naive.0.insert((subject, queue, id), weight) != Some(weight);
                    prop_assert_eq!(interest.generation(), before + u64::from(changed));
                }
                Step::Remove(index) if !naive.0.is_empty() => {
                    let key = index.get(&naive.0.keys().cloned().collect::<Vec<_>>()).clone();
                    naive.0.remove(&key);
                    let queue = key.1.as_ref().map(String::as_bytes);
                    prop_assert!(interest.remove(key.0.as_bytes(), queue, key.2));
                    prop_assert_eq!(interest.generation(), before + 1);
                }
                Step::Remove(_) => {}
                Step::RemoveUnknown(subject, queue, id) => {
                    let key = (subject, queue, id);
                    if !naive.0.contains_key(&key) {
                        let queue = key.1.as_ref().map(String::as_bytes);
                        prop_assert!(!interest.remove(key.0.as_bytes(), queue, id));
                        prop_assert_eq!(interest.generation(), before);
                    }
                }
                Step::Plan(which, subject) => {
                    let (own, cache) = &mut caches[which];
                    check_plan(&interest, &naive, *own, cache, &subject);
                    check_find(&interest, &naive, &mut into, &subject);
                    planned.push(subject);
                }
            }
            prop_assert_eq!(interest.stats().num_subs, naive.0.len() as u64);
            // What was asked for before must have been forgotten if it changed.
            for subject in planned.iter().rev().take(8) {
                let (own, cache) = &mut caches[1];
                check_plan(&interest, &naive, *own, cache, subject);
            }
        }
        for (subject, queue, id) in naive.0.keys() {
            let queue = queue.as_ref().map(String::as_bytes);
            prop_assert!(interest.remove(subject.as_bytes(), queue, *id));
        }
        naive.0.clear();
        for subject in &planned {
            for (own, cache) in &mut caches {
                check_plan(&interest, &naive, *own, cache, subject);
            }
        }
        let stats = interest.stats();
        prop_assert_eq!((stats.num_subs, stats.num_inserts), (0, stats.num_removes));
    }
}

#[test]
fn groups_form_by_queue_name_across_patterns() {
    let interest = Interest::new();
    interest.insert(b"foo.*", Some(b"q"), id(0, 1), 1);
    interest.insert(b"foo.bar", Some(b"q"), id(1, 2), 1);
    interest.insert(b">", Some(b"q"), id(2, 3), 5);
    interest.insert(b"foo.bar", Some(b"other"), id(0, 4), 1);
    let mut cache = MatchCache::new(ShardId(0), 10);
    let plan = cache.plan(&interest, b"foo.bar");
    let named = groups(&plan.queues);
    let slots = |name: &[u8]| {
        let mut slots: Vec<u32> = named[name].iter().map(|it| it.id.slot).collect();
        slots.sort_unstable();
        slots
    };
    assert_eq!((slots(b"q"), slots(b"other"), named.len()), (vec![1, 2, 3], vec![4], 2));
    assert_eq!(plan.queues.iter().find(|it| *it.name == *b"q").unwrap().total_weight, 7);
}

#[test]
fn a_change_forgets_exactly_what_it_touches() {
    let interest = Interest::new();
    let mut cache = MatchCache::new(ShardId(0), 1000);
    let subjects: Vec<String> = (0..100).map(|it| format!("dev.{it}.temp")).collect();
    let mut ask_all = || {
        for subject in &subjects {
            cache.plan(&interest, subject.as_bytes());
        }
        let stats = cache.stats();
        (stats.misses, stats.invalidated, stats.flushes)
    };
    assert_eq!(ask_all(), (100, 0, 0));
    for round in 0..10 {
        let inbox = format!("_INBOX.{round}");
        interest.insert(inbox.as_bytes(), None, id(0, round), 1);
        interest.insert(format!("{inbox}.*").as_bytes(), None, id(0, round), 1);
        assert_eq!(ask_all(), (100, 0, 0));
        assert!(interest.remove(inbox.as_bytes(), None, id(0, round)));
    }
    assert_eq!(ask_all(), (100, 0, 0));
    interest.insert(b"dev.7.temp", None, id(0, 1), 1);
    assert_eq!(ask_all(), (101, 1, 0));
    interest.insert(b"dev.*.temp.x", None, id(0, 1), 1);
    interest.insert(b"dev.8.*", None, id(0, 1), 1);
    assert_eq!(ask_all(), (102, 2, 0));
    interest.insert(b"dev.>", None, id(0, 2), 1);
    assert_eq!(ask_all(), (202, 102, 0));
}

#[test]
fn a_cache_that_fell_behind_starts_over() {
    let interest = Interest::new();
    let mut cache = MatchCache::new(ShardId(0), 1000);
    assert!(cache.plan(&interest, b"a.b").is_empty());
    interest.insert(b"a.*", None, id(0, 1), 1);
    for round in 0..10_000 {
        interest.insert(format!("x.{round}").as_bytes(), None, id(0, round), 1);
    }
    assert_eq!(cache.plan(&interest, b"a.b").local, [id(0, 1)]);
    assert_eq!((cache.stats().flushes, cache.stats().hits), (1, 0));
}

#[test]
fn a_cache_keeps_to_its_capacity_and_keeps_what_is_asked_for() {
    let interest = Interest::new();
    interest.insert(b"hot", None, id(0, 1), 1);
    let mut cache = MatchCache::new(ShardId(0), 16);
    for round in 0..1000 {
        cache.plan(&interest, format!("cold.{round}").as_bytes());
        assert_eq!(cache.plan(&interest, b"hot").local, [id(0, 1)]);
        assert!(cache.stats().entries <= 16);
    }
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.misses, stats.displaced), (16, 1001, 0));
    for _ in 0..3 {
        cache.plan(&interest, b"warm");
    }
    let stats = cache.stats();
    assert_eq!((stats.entries, stats.misses, stats.displaced), (16, 1003, 1));
}

#[test]
fn crowded_plans_share_one_budget() {
    let interest = Interest::new();
    for slot in 0..500 {
        interest.insert(b"crowd.*", None, id(0, slot), 1);
    }
    let mut cache = MatchCache::new(ShardId(0), 16);
    for round in 0..100 {
        let plan = cache.plan(&interest, format!("crowd.{round}").as_bytes());
        assert_eq!(plan.local.len(), 500);
    }
    assert_eq!(cache.stats().entries, 2);
    for slot in 500..5000 {
        interest.insert(b"crowd.*", None, id(0, slot), 1);
    }
    assert_eq!(cache.plan(&interest, b"crowd.1").local.len(), 5000);
    cache.plan(&interest, b"crowd.1");
    assert_eq!((cache.stats().entries, cache.stats().hits), (1, 1));
    assert_eq!((cache.stats().max_fanout, cache.stats().total_fanout), (5000, 5000));
}

#[test]
fn very_long_subjects_are_matched_but_not_cached() {
    let interest = Interest::new();
    interest.insert(b"long.>", Some(b"q"), id(0, 1), 1);
    let mut cache = MatchCache::new(ShardId(0), 16);
    for subject in [format!("long.{}", "x".repeat(600)), format!("long{}", ".x".repeat(100))] {
        for _ in 0..2 {
            assert_eq!(cache.plan(&interest, subject.as_bytes()).queues.len(), 1);
        }
    }
    assert_eq!((cache.stats().entries, cache.stats().misses), (0, 4));
}

#[test]
fn a_deep_subject_costs_no_stack() {
    let interest = Interest::new();
    let deep = format!("a{}", ".a".repeat(200_000));
    let pattern = format!("{deep}.*");
    interest.insert(pattern.as_bytes(), None, id(0, 1), 1);
    assert!(interest.has_interest(format!("{deep}.b").as_bytes()));
    assert!(!interest.has_interest(deep.as_bytes()));
    assert!(interest.remove(pattern.as_bytes(), None, id(0, 1)));
}

/// How far a writer of the test below got, in rounds.
#[derive(Default)]
struct Progress {
    inserted: AtomicU32,
    about_to_remove: AtomicU32,
    removed: AtomicU32,
}

/// Each round of a writer has a subject of its own, so what is removed never comes back; readers
/// ask for it before, while and after it is there.
#[test]
fn a_finished_change_is_seen_by_every_later_plan_on_other_threads() {
    const ROUNDS: u32 = 3000;
    let interest = Interest::new();
    let progress: [Progress; 2] = Default::default();
    let finished = AtomicU32::new(0);
    let names = |writer: usize, round: u32| match round % 3 {
        0 => (format!("w{writer}.{round}"), format!("w{writer}.{round}")),
        1 => (format!("w{writer}.{round}.*"), format!("w{writer}.{round}.x")),
        _ => (format!("*.w{writer}.{round}.>"), format!("y.w{writer}.{round}.x.z")),
    };
    let write = |writer: usize| {
        let progress = &progress[writer];
        let id = id(writer as u16, 0);
        for round in 1..=ROUNDS {
            interest.insert(names(writer, round).0.as_bytes(), None, id, 1);
            progress.inserted.store(round, Ordering::Release);
            if round > 1 {
                progress.about_to_remove.store(round - 1, Ordering::Release);
                assert!(interest.remove(names(writer, round - 1).0.as_bytes(), None, id));
                progress.removed.store(round - 1, Ordering::Release);
            }
        }
        finished.fetch_add(1, Ordering::Release);
    };
    let read = |own: u16| {
        let mut cache = MatchCache::new(ShardId(own), 64);
        let (mut present, mut absent) = (0, 0);
        loop {
            let last = finished.load(Ordering::Acquire) == 2;
            for (writer, progress) in progress.iter().enumerate() {
                let mut wanted = |round: u32| {
                    !cache.plan(&interest, names(writer, round).1.as_bytes()).is_empty()
                };
                let inserted = progress.inserted.load(Ordering::Acquire);
                let found = wanted(inserted);
                if inserted > 0 && progress.about_to_remove.load(Ordering::Acquire) < inserted {
                    assert!(found, "round {inserted} of writer {writer} is missing");
                    present += 1;
                }
                let removed = progress.removed.load(Ordering::Acquire);
                if removed > 0 {
                    assert!(!wanted(removed), "round {removed} of writer {writer} is back");
                    absent += 1;
                }
                // Cached as unwanted now, and perhaps outdated in a moment.
                wanted(inserted + 1);
            }
            if last {
                break;
            }
        }
        assert!(present > 0 && absent > 0);
    };
    std::thread::scope(|scope| {
        for own in 0..2 {
            let (read, write) = (&read, &write);
            scope.spawn(move || read(own));
            scope.spawn(move || write(usize::from(own)));
        }
    });
    assert_eq!(interest.stats().num_subs, 2);
}
