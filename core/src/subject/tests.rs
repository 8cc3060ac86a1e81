use proptest::prelude::*;

use super::*;

#[test]
fn tokens_split_at_every_dot() {
    let split = |subject: &'static [u8]| tokens(subject).collect::<Vec<_>>();
    assert_eq!(split(b"foo.bar.baz"), [b"foo", b"bar", b"baz"]);
    assert_eq!(split(b"foo"), [b"foo"]);
    assert_eq!(split(b""), [b""]);
    assert_eq!(split(b".a."), [&b""[..], b"a", b""]);
    for subject in [&b""[..], b"a", b"a.b", b"..", b"a..b."] {
        assert_eq!(token_count(subject), tokens(subject).count());
    }
}

#[test]
fn empty_tokens_are_found_anywhere() {
    for subject in [&b""[..], b".", b".a", b"a.", b"a..b", b"a.b..", b"..a"] {
        assert!(has_empty_token(subject), "{}", subject.escape_ascii());
    }
    for subject in [&b"a"[..], b"a.b", b"*", b">", b" .\0"] {
        assert!(!has_empty_token(subject), "{}", subject.escape_ascii());
    }
}

#[test]
fn validity_follows_the_table_of_the_reference() {
    for subject in [&b"foo"[..], b"foo*", b"*bar", b">>", b"**", b"foo>", b"foo.>>.x", b"\xff\0"] {
        assert_eq!(kind(subject), Kind::Literal, "{}", subject.escape_ascii());
        assert!(is_valid_subscribe(subject) && is_valid_literal(subject) && is_literal(subject));
    }
    for subject in [&b"*"[..], b">", b"foo.*", b"foo.>", b"*.*.>", b"a.*.b"] {
        assert_eq!(kind(subject), Kind::Wildcard, "{}", subject.escape_ascii());
        assert!(is_valid_subscribe(subject) && !is_valid_literal(subject) && !is_literal(subject));
    }
    for subject in [&b""[..], b"a..b", b".a", b"a.", b">.a", b"a.>.b", b">.>", b"a.>."] {
        assert_eq!(kind(subject), Kind::Invalid, "{}", subject.escape_ascii());
        assert!(!is_valid_subscribe(subject) && !is_valid_literal(subject));
    }
    assert!(!is_literal(b"a.>.b") && is_literal(b"a..b"));
}

#[test]
fn matching_follows_the_examples_of_the_reference() {
    // Pattern, what it matches, what it does not.
    type Case = (&'static [u8], &'static [&'static [u8]], &'static [&'static [u8]]);
    let cases: [Case; 8] = [
        (
            b"foo.>",
            &[b"foo.b", b"foo.b.c", b"foo.*", b"foo.>"],
            &[b"foo", b"fo.b", b"foo.", b"x.b"],
        ),
        (b">", &[b"a", b"a.b", b"*", b">"], &[b"", b".", b"a..b", b".a", b"a."]),
        (b"*.*", &[b"foo.b", b"*.>"], &[b"foo", b"foo.b.c", b"foo.", b".b"]),
        (b"foo.*.baz", &[b"foo.bar.baz"], &[b"foo.baz", b"foo.a.b.baz", b"foo..baz"]),
        (b"foo.*", &[b"foo.*", b"foo.bar", b"foo.>"], &[b"foo.bar.baz", b"foo"]),
        (b"foo.bar", &[b"foo.bar"], &[b"foo.*", b"foo.>", b"Foo.bar", b"foo.bar."]),
        (b"foo*", &[b"foo*"], &[b"foox", b"foo"]),
        (b"a.>.b", &[], &[b"a.>.b", b"a.x.b", b"a.x"]),
    ];
    for (pattern, yes, no) in cases {
        for subject in yes {
            assert!(matches(pattern, subject), "{pattern:?} {subject:?}");
        }
        for subject in no {
            assert!(!matches(pattern, subject), "{pattern:?} {subject:?}");
        }
    }
}

#[test]
fn patterns_collide_when_a_subject_exists_for_both() {
    for (a, b) in [("a.*", "*.b"), ("a.>", "a.b.c"), (">", "*"), ("a.*.c", "a.b.>"), ("a", "a")] {
        assert!(collide(a.as_bytes(), b.as_bytes()), "{a} {b}");
        assert!(collide(b.as_bytes(), a.as_bytes()), "{b} {a}");
    }
    for (a, b) in [("a.*", "b.*"), ("a.>", "a"), ("*", "*.*"), ("a.*.c", "a.b.d"), ("a", "b")] {
        assert!(!collide(a.as_bytes(), b.as_bytes()), "{a} {b}");
        assert!(!collide(b.as_bytes(), a.as_bytes()), "{b} {a}");
    }
}

proptest! {
    /// A subject that two patterns share proves that they collide; two that collide share the
    /// subject made of their literal tokens.
    #[test]
    fn collision_agrees_with_matching(
        a in "(a|b|\\*)(\\.(a|b|\\*)){0,3}(\\.>)?",
        b in "(a|b|\\*)(\\.(a|b|\\*)){0,3}(\\.>)?",
    ) {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        let mut shared = false;
        for length in 1..=5u32 {
            for code in 0..2u32.pow(length) {
                let subject: Vec<&str> =
                    (0..length).map(|bit| if code >> bit & 1 == 0 { "a" } else { "b" }).collect();
                let subject = subject.join(".");
                shared |= matches(a, subject.as_bytes()) && matches(b, subject.as_bytes());
            }
        }
        prop_assert_eq!(collide(a, b), shared);
    }
}
