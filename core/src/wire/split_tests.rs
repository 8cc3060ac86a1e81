//! However a stream is split over reads, its operations and its end are the same.

use core::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Op, ParseRules, Parser, Publish, Verbatim, WireError};
use crate::limits::SHARED_PAYLOAD;

/// Low limits, so that short sessions run into them.
const RULES: ParseRules =
    ParseRules { max_control_line: 24, max_payload: 40, headers: true, connect_only: false };

/// Everything observable about an operation, bodies and credentials included.
fn trace(op: &Op<'_>, out: &mut String) {
    let (octets, header): (&[u8], _) = match op {
        Op::Connect(json) => (json, 0),
        Op::Pub(publish) => (publish.body.as_slice(), publish.header_len),
        _ => (b"", 0),
    };
    if let Op::Pub(publish) = op {
        check_verbatim(publish);
    }
    // The debug form tells a shared body from a borrowed one, which does depend on the split.
    let debug = format!("{op:?}").replace("Shared", "Slice");
    writeln!(out, "{debug} {header} {}", octets.escape_ascii()).unwrap();
}

/// What is forwarded as it came is what would have been put together.
fn check_verbatim(publish: &Publish<'_>) {
    let Some(Verbatim { line, rest }) = publish.verbatim else { return };
    let words = [Some(publish.subject), publish.reply, publish.header_size, Some(publish.size)];
    let words: Vec<&[u8]> = words.into_iter().flatten().collect();
    let verb: &[u8] = if publish.header_size.is_some() { b"HPUB " } else { b"PUB " };
    let whole = [verb, &words.join(&b' '), b"\r\n", publish.body.as_slice(), b"\r\n"].concat();
    let (given, subject) = line.split_at(verb.len());
    assert!(given.eq_ignore_ascii_case(verb));
    assert_eq!([verb, subject, rest].concat(), whole);
    assert_eq!(subject, [publish.subject, b" "].concat());
    assert_eq!(publish.header_size.is_some(), publish.header_len > 0);
}

fn run<'a>(reads: impl IntoIterator<Item = &'a [u8]>, rules: &ParseRules) -> String {
    run_as(reads, rules, false)
}

fn run_as<'a>(reads: impl IntoIterator<Item = &'a [u8]>, rules: &ParseRules, fast: bool) -> String {
    let mut parser = Parser::default();
    let mut out = String::new();
    for mut read in reads {
        loop {
            if fast && let Some(publish) = parser.next_publish(&mut read, rules) {
                assert!(publish.verbatim.is_some());
                trace(&Op::Pub(publish), &mut out);
                continue;
            }
            match parser.next(&mut read, rules) {
                Ok(Some(op)) => trace(&op, &mut out),
                Ok(None) => break,
                Err(error) => {
                    writeln!(out, "{error:?}").unwrap();
                    return out;
                }
            }
        }
        assert!(read.is_empty());
    }
    out
}

/// The same octets, cut at the given places (taken modulo the length).
fn cut<'a>(octets: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (octets.len() + 1)).collect();
    places.sort_unstable();
    let mut from = 0;
    let mut reads = Vec::new();
    for place in places.into_iter().chain([octets.len()]) {
        reads.push(&octets[from..place]);
        from = place;
    }
    reads
}

/// Failures are to become named tests, not files beside the sources.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

/// A unit that is probably valid.
fn valid() -> impl Strategy<Value = Vec<u8>> {
    let blank = prop_oneof![4 => Just(" "), 1 => Just("\t"), 1 => Just(" \t ")];
    let name = "[a-z.*>]{1,9}";
    let end = prop_oneof![3 => Just("\r\n"), 1 => Just("\n"), 1 => Just(" \r\n")];
    let publish = (name, prop::option::of(name), vec(any::<u8>(), 0..45), 0..50_usize);
    let publish = (publish, blank.clone(), end.clone(), 0..3_usize, any::<bool>()).prop_map(
        |((subject, reply, body, header), blank, end, zeros, headers)| {
            let mut unit = String::from(if headers { "HPUB" } else { "pUB" });
            write!(unit, "{blank}{subject}{blank}").unwrap();
            if let Some(reply) = reply {
                write!(unit, "{reply}{blank}").unwrap();
            }
            if headers {
                write!(unit, "{header}{blank}").unwrap();
            }
            write!(unit, "{}{}{end}", "0".repeat(zeros), body.len()).unwrap();
            [unit.as_bytes(), &body, b"\r\n"].concat()
        },
    );
    let line = prop_oneof![
        (name, prop::option::of(name), "[0-9]{1,3}").prop_map(|(subject, queue, sid)| {
            format!("SUB {subject} {} {sid}", queue.unwrap_or_default())
        }),
        ("[0-9]{1,3}", "[0-9a]{0,10}").prop_map(|(sid, max)| format!("UNSUB {sid} {max}")),
        "CONNECT ?[{}\" a-z]{0,26}",
        "(PING|PONG|\\+OK|ping)[ a-z]{0,40}",
        "(INFO|-ERR) [ a-z]{0,30}",
    ];
    let line = (line, end).prop_map(|(line, end)| [line.as_bytes(), end.as_bytes()].concat());
    prop_oneof![publish, line]
}

/// Octets that stand a chance to get past the first one.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    vec(prop::sample::select(&b"PUBHSNICOTEGR+-K 019a\t\r\n\x00\xff"[..]), 0..12)
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let unit = prop_oneof![8 => valid(), 1 => noise()];
    (vec(unit, 0..8), vec((any::<prop::sample::Index>(), any::<u8>()), 0..2)).prop_map(
        |(units, damages)| {
            let mut octets = units.concat();
            for (place, octet) in damages {
                if !octets.is_empty() {
                    let place = place.index(octets.len());
                    octets[place] = octet;
                }
            }
            octets
        },
    )
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn any_split_gives_what_the_whole_gives(
        octets in stream(),
        places in vec(any::<usize>(), 0..6),
        headers in any::<bool>(),
        connect_only in prop::bool::weighted(0.1),
    ) {
        let rules = ParseRules { headers, connect_only, ..RULES };
        let whole = run([&octets[..]], &rules);
        prop_assert_eq!(&run(cut(&octets, &places), &rules), &whole);
        prop_assert_eq!(&run(octets.chunks(1), &rules), &whole);
        prop_assert_eq!(&run_as([&octets[..]], &rules, true), &whole);
        prop_assert_eq!(&run_as(cut(&octets, &places), &rules, true), &whole);
    }

    #[test]
    fn every_single_split_gives_what_the_whole_gives(octets in stream()) {
        let whole = run([&octets[..]], &RULES);
        for at in 0..=octets.len() {
            prop_assert_eq!(&run([&octets[..at], &octets[at..]], &RULES), &whole);
        }
    }
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn large_bodies_survive_any_split(
        len in SHARED_PAYLOAD - 2..3 * SHARED_PAYLOAD,
        places in vec(any::<usize>(), 0..6),
    ) {
        let rules = ParseRules { max_payload: 1 << 20, ..RULES };
        let body: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let unit = [format!("HPUB a 7 {len}\r\n").as_bytes(), &body, b"\r\n"].concat();
        let octets = [&unit[..], b"PING\r\n", &unit, b"PONG\r\n"].concat();
        prop_assert_eq!(run(cut(&octets, &places), &rules), run([&octets[..]], &rules));
    }
}

#[test]
fn the_generated_streams_reach_every_operation_and_error() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut seen = String::new();
    for round in 0..3000 {
        let octets = stream().new_tree(&mut runner).unwrap().current();
        let rules = ParseRules { headers: round % 2 == 0, connect_only: round % 10 == 0, ..RULES };
        seen.push_str(&run([&octets[..]], &rules));
    }
    for name in ["Connect(", "Info(", "Ping", "Pong", "Ok", "Err(", "Publish {", "Sub {", "Unsub {"]
    {
        assert!(seen.contains(name), "no {name}");
    }
    for name in ["header_size: Some", "reply: Some", "queue: Some", "max: Some", "max: None"] {
        assert!(seen.contains(name), "no {name}");
    }
    for error in [
        WireError::UnknownOperation,
        WireError::BadArguments,
        WireError::HeadersNotNegotiated,
        WireError::ControlLineTooLong { limit: RULES.max_control_line },
        WireError::AuthorizationViolation,
    ] {
        assert!(seen.contains(&format!("{error:?}")), "no {error:?}");
    }
    assert!(seen.contains("PayloadTooLarge"), "no large payload");
}
