//! Hostile files: depth, growth, cycles, noise.

use proptest::prelude::*;

use super::super::{MAX_DEPTH, SyntaxError, parse_bytes, parse_str};
use super::Memory;

#[test]
fn nesting_is_bounded_and_the_bound_is_reachable() {
    let nested = |levels: usize| format!("a: {}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse_str(&nested(MAX_DEPTH as usize)).is_ok());
    assert!(matches!(
        parse_str(&nested(MAX_DEPTH as usize + 1)),
        Err(SyntaxError::TooDeep(pos)) if pos.line == 1
    ));
    assert!(matches!(parse_str(&"a { ".repeat(100_000)), Err(SyntaxError::TooDeep(_))));
}

#[test]
fn nesting_by_variables_is_bounded() {
    let mut text = String::from("v0: [x]\n");
    for level in 1..=300 {
        text.push_str(&format!("v{level}: [$v{}]\n", level - 1));
    }
    assert!(matches!(parse_str(&text), Err(SyntaxError::TooDeep(_))));
}

#[test]
fn growth_by_variables_is_bounded() {
    let mut text = String::from("v0: [xxxxxxxxxxxxxxxx]\n");
    for level in 1..=40 {
        let before = level - 1;
        text.push_str(&format!("v{level}: [$v{before}, $v{before}]\n"));
    }
    assert!(matches!(parse_str(&text), Err(SyntaxError::TooLarge(_))));
}

#[test]
fn growth_by_the_environment_is_bounded() {
    let mut source = Memory::default().file("a", "port: $V0");
    for level in 0..60 {
        let next = level + 1;
        source = source.env(&format!("V{level}"), &format!("[$V{next}, $V{next}]"));
    }
    let source = source.env("V60", &"x".repeat(1 << 20));
    assert!(source.load("a").unwrap_err().to_string().contains("too large"));
}

#[test]
fn files_that_include_themselves_are_refused() {
    let source = Memory::default()
        .file("a.conf", "include a.conf")
        .file("b.conf", "include ./c.conf")
        .file("c.conf", "include b.conf");
    assert_eq!(
        source.load("a.conf").unwrap_err().to_string(),
        "error parsing include file 'a.conf', a.conf includes itself"
    );
    assert!(source.load("b.conf").unwrap_err().to_string().ends_with("b.conf includes itself"));
}

#[test]
fn chains_and_trees_of_includes_are_bounded() {
    let mut chain = Memory::default();
    let mut tree = Memory::default().file("t20", "x".repeat(1 << 20));
    for level in 0..40 {
        let next = level + 1;
        chain = chain.file(&format!("c{level}"), format!("include c{next}\n"));
        if level < 20 {
            tree = tree.file(&format!("t{level}"), format!("include t{next}\ninclude t{next}\n"));
        }
    }
    let tree = tree.file("t20", format!("# {}\n", "x".repeat(1 << 20)));
    assert!(chain.load("c0").unwrap_err().to_string().contains("nested too deeply"));
    assert!(tree.load("t0").unwrap_err().to_string().contains("too large"));
}

#[test]
fn many_reassignments_cost_no_more_than_many_keys() {
    let text: String = (0..200_000).map(|n| format!("a: {n}\n")).collect();
    assert!(parse_str(&text).is_ok());
}

/// Pieces that make up nearly valid texts.
const PIECES: &[&str] = &[
    "a",
    "b ",
    "\"k\" ",
    "'",
    "\"",
    ":",
    "=",
    " ",
    "\n",
    ",",
    ";",
    "{",
    "}",
    "[",
    "]",
    "1",
    "2kb",
    "10s",
    "1.5",
    ".",
    "-",
    "true",
    "$a",
    "\\x41",
    "\\",
    "#",
    "//",
    "(\n",
    "\n)\n",
    "2016-",
    "\t",
    "\r\n",
    "include ",
    "é",
    "\u{a0}",
    "port: ",
    "tls {",
    "users: [",
    "authorization {",
    "accounts {",
    "websocket {",
];

proptest! {
    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        let text = pieces.concat();
        let source = Memory::default().file("s", text.clone()).file("a", "x: 1").env("a", "[1]");
        let first = source.load("s").map(|loaded| loaded.options.config_digest);
        let second = source.load("s").map(|loaded| loaded.options.config_digest);
        prop_assert_eq!(first.ok(), second.ok());
        let _ = parse_str(&text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_bytes(&bytes);
    }
}
