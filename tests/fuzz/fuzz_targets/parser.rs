//! Whatever a peer sends, and however it arrives: no panic, bounded slices, and the same
//! operations and the same end for every split.
//!
//! Input: one octet of rules, one octet that says how many split points follow, two octets for
//! each of those (little endian, modulo the length of the stream), then the stream.

#![cfg_attr(fuzzing, no_main)]

use std::fmt::Write;

use nervure_core::wire::{Op, ParseRules, Parser};

fn parse<'a>(reads: impl IntoIterator<Item = &'a [u8]>, rules: &ParseRules) -> String {
    let mut parser = Parser::default();
    let mut out = String::new();
    for mut read in reads {
        loop {
            match parser.next(&mut read, rules) {
                Ok(Some(op)) => trace(&op, rules, &mut out),
                Ok(None) => break,
                Err(error) => {
                    let _ = writeln!(out, "{error:?}");
                    return out;
                }
            }
        }
        assert!(read.is_empty(), "input left over");
    }
    out
}

fn trace(op: &Op<'_>, rules: &ParseRules, out: &mut String) {
    let octets = match op {
        Op::Connect(json) => json,
        Op::Pub(publish) => {
            let body = publish.body.as_slice();
            assert!(body.len() <= rules.max_payload);
            assert!(publish.header_len <= body.len());
            body
        }
        _ => &[],
    };
    // The debug form tells a shared body from a borrowed one, which does depend on the split.
    let debug = format!("{op:?}").replace("Shared", "Slice");
    let _ = writeln!(out, "{debug} {octets:?}");
}

pub(crate) fn run(data: &[u8]) {
    let [rules, splits, data @ ..] = data else { return };
    let rules = ParseRules {
        max_control_line: if rules & 1 == 0 { 4096 } else { 32 },
        max_payload: if rules & 2 == 0 { 1 << 20 } else { 64 },
        headers: rules & 4 == 0,
        connect_only: rules & 8 != 0,
    };
    let Some((places, stream)) = data.split_at_checked(2 * usize::from(*splits % 16)) else {
        return;
    };
    let mut places: Vec<usize> = places
        .chunks_exact(2)
        .map(|place| usize::from(u16::from_le_bytes([place[0], place[1]])) % (stream.len() + 1))
        .collect();
    places.sort_unstable();

    let whole = parse([stream], &rules);
    let mut from = 0;
    let reads: Vec<&[u8]> = places
        .into_iter()
        .chain([stream.len()])
        .map(|to| &stream[std::mem::replace(&mut from, to)..to])
        .collect();
    assert_eq!(parse(reads, &rules), whole, "the split changes the outcome");
    assert_eq!(parse(stream.chunks(1), &rules), whole, "single octets change the outcome");
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
