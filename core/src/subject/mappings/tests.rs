//! Shares and texts were observed on nats-server 2.15.1.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says no by panicking")]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::index::Index;
use super::{Destination, Mapping, MappingError, Mappings};
use crate::subject::{matches, tokens};

fn destination(text: &str) -> Destination {
    let mut words = text.split(' ');
    let subject = words.next().unwrap().to_owned();
    let weight = words.next().unwrap_or("100").parse().unwrap();
    Destination { subject, weight, cluster: words.next().unwrap_or_default().to_owned() }
}

/// `source: subject weight cluster, subject weight cluster`
fn mapping(text: &str) -> Result<Mapping, MappingError> {
    let (source, destinations) = text.split_once(": ").unwrap();
    Mapping::new(source, destinations.split(", ").filter(|it| !it.is_empty()).map(destination))
}

fn table(texts: &[&str], cluster: &str) -> Mappings {
    let mappings: Vec<Mapping> = texts.iter().map(|text| mapping(text).unwrap()).collect();
    Mappings::new(&mappings, cluster)
}

/// Where 1000 messages on `foo` go.
fn shares(text: &str, cluster: &str) -> BTreeMap<String, usize> {
    let (table, mut rng) = (table(&[text], cluster), fastrand::Rng::with_seed(3));
    let mut shares = BTreeMap::new();
    for _ in 0..1000 {
        let mut out = Vec::new();
        if !table.apply(b"foo", &mut out, &mut rng) {
            out = b"(stays)".to_vec();
        }
        *shares.entry(String::from_utf8(out).unwrap()).or_default() += 1;
    }
    shares
}

#[track_caller]
fn check_shares(text: &str, cluster: &str, expected: &[(&str, usize)]) {
    let found = shares(text, cluster);
    assert!(found.keys().eq(expected.iter().map(|(subject, _)| subject)), "{text}: {found:?}");
    for (subject, percent) in expected {
        assert!(found[*subject].abs_diff(percent * 10) < 50, "{text}: {found:?}");
    }
}

#[test]
fn messages_go_where_the_weights_say() {
    check_shares("foo: a 100", "", &[("a", 100)]);
    check_shares("foo: a 30, b 70", "", &[("a", 30), ("b", 70)]);
    check_shares("foo: a 70, b 30", "", &[("a", 70), ("b", 30)]);
}

#[test]
fn the_rest_stays_or_is_lost_when_the_source_is_listed() {
    check_shares("foo: a 25", "", &[("(stays)", 75), ("a", 25)]);
    check_shares("foo: a 0", "", &[("(stays)", 100)]);
    check_shares("foo: ", "", &[("(stays)", 100)]);
    check_shares("foo: foo 40, b 20", "", &[("", 40), ("b", 20), ("foo", 40)]);
    check_shares("foo: foo 0", "", &[("", 100)]);
    check_shares("foo: foo 0, b 100", "", &[("b", 100)]);
    // A wildcard cannot be listed as itself, and its like does not count.
    check_shares("*: $1 50", "", &[("(stays)", 50), ("foo", 50)]);
    check_shares(">: > 50", "", &[("", 50), ("foo", 50)]);
}

#[test]
fn destinations_of_the_cluster_replace_the_others() {
    let text = "foo: a 100 C1, b 100";
    check_shares(text, "C1", &[("a", 100)]);
    check_shares(text, "C2", &[("b", 100)]);
    check_shares(text, "c1", &[("b", 100)]);
    check_shares(text, "", &[("b", 100)]);
    check_shares("foo: a 50 C1", "", &[("(stays)", 100)]);
    check_shares("foo: a 50 C1", "C1", &[("(stays)", 50), ("a", 50)]);
    check_shares("foo: a 0 C1, b 100", "C1", &[("(stays)", 100)]);
    // Wherever the source is listed, the rest is lost everywhere.
    check_shares("foo: a 50 C1, foo 50", "C1", &[("", 50), ("a", 50)]);
    check_shares("foo: foo 50 C1, b 50", "", &[("", 50), ("b", 50)]);
}

#[test]
fn the_most_specific_source_counts_and_only_once() {
    let table = table(
        &["foo.*: one.$1", "foo.a: two", "foo.>: three.>", "two: four", "foo.*.c: five", "x: "],
        "",
    );
    let mut rng = fastrand::Rng::with_seed(1);
    for (subject, expected) in [
        ("foo.a", Some("two")),
        ("foo.b", Some("one.b")),
        ("foo.b.c", Some("five")),
        ("foo.a.c", Some("five")),
        ("foo.a.d", Some("three.a.d")),
        ("foo.>", Some("three.>")),
        ("foo", None),
        ("foo.", None),
        ("foo.a.", None),
        ("x", None),
        ("bar", None),
        ("", None),
    ] {
        let mut out = Vec::new();
        let mapped = table.apply(subject.as_bytes(), &mut out, &mut rng);
        let found = mapped.then(|| String::from_utf8(out).unwrap());
        assert_eq!(found.as_deref(), expected, "{subject}");
    }
}

#[test]
fn the_last_mapping_of_a_source_counts() {
    let table = table(&["foo.*: a", "foo.*: b"], "");
    let mut out = Vec::new();
    assert!(table.apply(b"foo.x", &mut out, &mut fastrand::Rng::with_seed(1)));
    assert_eq!(out, b"b");
}

#[test]
fn errors_have_nats_servers_texts() {
    let (weight, twice) = ("total weight needs to be <= 100", "duplicate entry for \"a\"");
    let invalid = "invalid mapping destination: invalid transform";
    for (text, expected) in [
        ("foo: a 60, b 50", weight),
        ("foo: a 101", weight),
        ("foo: a 60 X, b 50 X", weight),
        ("foo: a 60, c..d 50", weight),
        ("foo: a 50, a 5", twice),
        ("foo: a 60, a 50", twice),
        ("foo: a 50 X, a 5 Y", twice),
        ("foo: a..b 50", invalid),
        ("foo: a 60, c..d 5, a 100", invalid),
        ("foo.*: foo.* 50", "invalid subject"),
    ] {
        assert_eq!(mapping(text).unwrap_err().to_string(), expected, "{text}");
    }
    for text in ["foo: a 60 X, b 50 Y", "foo: a 60, b 50 X", "foo: a 60 x, b 50 X", "foo: "] {
        assert!(mapping(text).is_ok(), "{text}");
    }
}

/// What makes a source more specific than another, token by token.
fn rank(source: &str) -> Vec<u8> {
    let rank = |token: &[u8]| match token {
        b">" => 2,
        b"*" => 1,
        _ => 0,
    };
    tokens(source.as_bytes()).map(rank).collect()
}

proptest! {
    #[test]
    fn the_index_finds_what_a_walk_over_all_sources_finds(
        sources in prop::collection::vec("[ab*](\\.[ab*]){0,3}(\\.>)?|>", 0..12),
        subjects in prop::collection::vec("[abc*>]?(\\.[abc*>]?){0,4}", 1..12),
    ) {
        let mut index = Index::default();
        for (value, source) in sources.iter().enumerate() {
            index.insert(source.as_bytes(), value);
        }
        for subject in &subjects {
            let (subject, given) = (subject.as_bytes(), tokens(subject.as_bytes()));
            let fits = |source: &[u8]| {
                let mut pairs = tokens(source).zip(given.clone());
                matches(source, subject) && !pairs.any(|pair| pair == (b"*", b">"))
            };
            let fitting = sources.iter().enumerate().filter(|(_, source)| fits(source.as_bytes()));
            let expected = fitting.min_by_key(|(value, source)| {
                (rank(source), std::cmp::Reverse(*value))
            });
            prop_assert_eq!(index.find(subject), expected.map(|(value, _)| value));
        }
    }
}
