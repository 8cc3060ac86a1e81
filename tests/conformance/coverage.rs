//! Counts which numbers of the checklist are covered: by the names of the tests this very binary
//! would run, so that the count cannot go stale.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ops::RangeInclusive;
use std::process::Command;

/// The numbers of the checklist.
const CHECKLIST: RangeInclusive<u16> = 1..=197;

const NKEYS: &str = "nkeys";
const CLUSTER: &str = "clusters";
const LEAFS: &str = "leaf nodes";
const CONNZ: &str = "all of monitoring (/connz)";
const CLIENTS: &str = "tests/interop, which runs real clients";

/// Numbers that no test here covers yet, and what brings them.
const DEFERRED: &[(RangeInclusive<u16>, &str)] = &[
    (85..=85, NKEYS),
    (96..=97, CLUSTER),
    (132..=132, CLUSTER),
    (145..=145, CLUSTER),
    (146..=147, LEAFS),
    (157..=157, CLUSTER),
    (179..=180, LEAFS),
    (192..=194, CONNZ),
    (195..=196, CLIENTS),
];

/// Numbers that are covered but for a part, and what brings the part.
const PARTLY: &[(u16, &str, &str)] = &[
    (87, "present when configured", "JetStream"),
    (125, "`stalls` of the consumer", CONNZ),
    (190, "the size the connection counts", CONNZ),
];

/// The tests of each number, from `module::c010_c011_what_is_claimed`.
fn covered() -> BTreeMap<u16, Vec<String>> {
    let this = env::current_exe().expect("a test binary knows its own path");
    let list = Command::new(this).arg("--list").output().expect("a test binary lists its tests");
    let mut covered: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&list.stdout).lines() {
        let Some(path) = line.strip_suffix(": test") else { continue };
        let name = path.rsplit("::").next().unwrap_or(path);
        let numbers = name.split('_').map_while(|word| word.strip_prefix('c')?.parse().ok());
        for number in numbers {
            covered.entry(number).or_default().push(path.to_owned());
        }
    }
    covered
}

#[test]
fn coverage_is_counted() {
    let covered = covered();
    let deferred: BTreeMap<u16, &str> = DEFERRED
        .iter()
        .flat_map(|(numbers, until)| numbers.clone().map(move |number| (number, *until)))
        .collect();
    let tests: BTreeSet<&String> = covered.values().flatten().collect();
    println!("{} numbers covered by {} tests", covered.len(), tests.len());
    for (number, until) in &deferred {
        println!("{number:3} deferred: {until}");
    }
    for (number, part, until) in PARTLY {
        println!("{number:3} but for: {part}: {until}");
    }
    for number in CHECKLIST {
        let (is_covered, is_deferred) =
            (covered.contains_key(&number), deferred.contains_key(&number));
        assert!(is_covered || is_deferred, "{number} is neither covered nor deferred");
        assert!(
            !(is_covered && is_deferred),
            "{number} is deferred and yet {:?}",
            covered[&number]
        );
    }
    for (number, part, _) in PARTLY {
        assert!(covered.contains_key(number), "{number} is not covered at all, let alone {part}");
    }
    let last = covered.keys().next_back();
    assert!(last <= Some(CHECKLIST.end()), "there is no number {last:?}");
}
