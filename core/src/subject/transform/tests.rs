//! Subjects and error texts were observed on nats-server 2.15.1.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says no by panicking")]

use super::{FUNCTIONS, Transform};

/// What becomes of `subject`; `None` when it does not match.
fn transformed(source: &str, destination: &str, subject: &[u8]) -> Option<Vec<u8>> {
    let transform = match Transform::new(source, destination) {
        Ok(transform) => transform,
        Err(error) => panic!("{source} -> {destination}: {error}"),
    };
    let (mut out, mut rng) = (b"kept ".to_vec(), fastrand::Rng::with_seed(1));
    let matches = transform.apply(subject, &mut out, &mut rng);
    let out = out.strip_prefix(b"kept ").unwrap().to_vec();
    assert!(matches || out.is_empty());
    matches.then_some(out)
}

#[track_caller]
fn check(source: &str, destination: &str, vectors: &[(&str, &str)]) {
    for (subject, expected) in vectors {
        let found = transformed(source, destination, subject.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&found), *expected, "{destination} of {subject}");
    }
}

#[test]
fn the_documentation_lists_the_functions_of_the_table() {
    let row = |function: &super::Function| {
        let super::Function { name, arguments, result, .. } = function;
        format!("//! | `{{{{{name}({arguments})}}}}` | {result} |")
    };
    let expected: Vec<String> = FUNCTIONS.iter().map(row).collect();
    let rows = include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | `{{"));
    assert_eq!(rows.collect::<Vec<_>>(), expected);
}

#[test]
fn every_function_is_known_by_its_name_and_by_no_other() {
    for function in FUNCTIONS {
        let upper = function.name[..1].to_uppercase() + &function.name[1..];
        let lower = function.name.to_lowercase();
        for name in [function.name, &upper, &lower] {
            let one = Transform::new("*", &format!("{{{{{name}(1)}}}}"));
            let two = Transform::new("*", &format!("{{{{{name}(1,1)}}}}"));
            assert!(one.is_ok() || two.is_ok(), "{name}");
        }
        for name in [function.name.to_uppercase(), format!("x{lower}"), format!("{lower}x")] {
            let error = Transform::new("*", &format!("{{{{{name}(1)}}}}")).unwrap_err();
            assert!(error.to_string().contains("unknown function"), "{name}: {error}");
        }
    }
}

#[test]
fn wildcards_are_used_in_any_order_and_number() {
    for place in ["$1", "{{wildcard(1)}}", "{{Wildcard(1)}}", "{{ wildcard ( 1 ) }}", "$+1", "$01"]
    {
        check("foo.*", &format!("bar.{place}"), &[("foo.a", "bar.a")]);
    }
    check("*.*", "$2.x.$1.$2", &[("a.b", "b.x.a.b")]);
    check("*.*", "x", &[("a.b", "x")]);
    check("*.*", "{{wildcard(0)}}.$-1.{{left(0,1)}}", &[("ab.c", "ab.ab.a")]);
    check("a.*.>", "z.$1.>", &[("a.b.c.d", "z.b.c.d"), ("a.b.>", "z.b.>")]);
    check(">", "p.>", &[("a", "p.a"), (">", "p.>"), ("a.b", "p.a.b")]);
}

#[test]
fn only_a_whole_token_is_a_placeholder() {
    let literals = "$1x.$.$x.a$1.{wildcard(1)}.x{{wildcard(1)}}.{{wildcard(1)}}x.{{}}.{{a.a}}";
    check("*", literals, &[("t", literals)]);
    check("*", "{{split(1,.)}}", &[("t", "{{split(1,.)}}")]);
    check("*", "$99999999999999999999", &[("t", "$99999999999999999999")]);
}

#[test]
fn sources_match_like_subscriptions_but_for_a_published_full_wildcard() {
    for (source, subject, expected) in [
        ("a.*", "a.x", true),
        ("a.*", "a.*", true),
        ("a.*", "a.>", false),
        ("a.*", "a", false),
        ("a.*", "a.b.c", false),
        ("a.*", "a.", false),
        ("a.*", "b.c", false),
        ("a", "a", true),
        ("a", "A", false),
        ("*", "", false),
    ] {
        assert_eq!(transformed(source, "x", subject.as_bytes()).is_some(), expected, "{subject}");
    }
    for (subject, expected) in
        [("a.b.>", true), ("a.>.c", false), ("*.*.c", true), ("a.b", false), ("a.b.", false)]
    {
        let found = transformed("*.*.>", "x.>", subject.as_bytes());
        assert_eq!(found.is_some(), expected, "{subject}");
    }
}

#[test]
fn partitions_are_those_of_nats_server() {
    type Row = (&'static str, [&'static str; 8]);
    let rows: [Row; 7] = [
        ("t.a.b", ["0", "7", "6", "8", "2", "327", "0", "335077"]),
        ("t.orders.42", ["0", "1", "6", "0", "0", "813", "1", "835011"]),
        ("t.foo.bar", ["3", "2", "0", "2", "8", "9", "0", "736602"]),
        ("t.customer-1.eu", ["3", "3", "5", "9", "3", "377", "0", "692303"]),
        ("t.é.0", ["7", "3", "7", "3", "5", "541", "2", "22063"]),
        ("t.ab.c", ["6", "8", "1", "5", "7", "913", "0", "557458"]),
        ("t.a.bc", ["0", "6", "1", "7", "7", "327", "0", "48946"]),
    ];
    let arguments = ["10,1", "10,2", "10,1,2", "10, 2, 1", " 10 ", "1000,1,1", "3", "1000000 , 2"];
    for (subject, expected) in rows {
        for (arguments, expected) in arguments.iter().zip(expected) {
            check("t.*.*", &format!("{{{{partition({arguments})}}}}"), &[(subject, expected)]);
        }
    }
    check("g.>", "gout.{{partition(7)}}.>", &[("g.a", "gout.6.a"), ("g.a.b.c", "gout.3.a.b.c")]);
    check("*.*", "{{partition(0)}}", &[("a.b", "0")]);
    check("*.*", "{{partition(2147483647)}}", &[("foo.bar", "1268002549")]);
    check("*.*", "{{partition(-1)}}", &[("a.b", "277607692"), ("foo.bar", "3415486196")]);
    check("*.*", "{{partition(10,0)}}.{{partition(10,1,0)}}", &[("a.b", "0.7")]);
    // nats-server hashes nothing at all here, sometimes.
    check("foo", "{{partition(10)}}.{{partition(10,7)}}", &[("foo", "3.3")]);
}

#[test]
fn tokens_are_cut_in_octets() {
    let calls = [
        ("splitFromLeft", 1, "a.bcdefghij"),
        ("splitFromLeft", 3, "abc.defghij"),
        ("splitFromLeft", 9, "abcdefghi.j"),
        ("splitFromRight", 1, "abcdefghi.j"),
        ("splitFromRight", 3, "abcdefg.hij"),
        ("splitFromRight", 9, "a.bcdefghij"),
        ("sliceFromLeft", 1, "a.b.c.d.e.f.g.h.i.j"),
        ("sliceFromLeft", 3, "abc.def.ghi.j"),
        ("sliceFromLeft", 4, "abcd.efgh.ij"),
        ("sliceFromLeft", 5, "abcde.fghij"),
        ("sliceFromRight", 1, "a.b.c.d.e.f.g.h.i.j"),
        ("sliceFromRight", 3, "a.bcd.efg.hij"),
        ("sliceFromRight", 4, "ab.cdef.ghij"),
        ("sliceFromRight", 5, "abcde.fghij"),
        ("left", 1, "a"),
        ("left", 9, "abcdefghi"),
        ("right", 1, "j"),
        ("right", 9, "bcdefghij"),
    ];
    for (name, length, expected) in calls {
        let call = format!("x.{{{{{name}(1,{length})}}}}.y");
        check("*", &call, &[("abcdefghij", &format!("x.{expected}.y"))]);
    }
    for name in ["splitFromLeft", "splitFromRight", "sliceFromLeft", "sliceFromRight", "left"] {
        for length in ["-2147483648", "-1", "0", "10", "11", "2147483647"] {
            let call = format!("{{{{{name}(1,{length})}}}}");
            check("*", &call, &[("abcdefghij", "abcdefghij")]);
        }
    }
    let found = transformed("*", "{{sliceFromLeft(1,1)}}", "aé".as_bytes());
    assert_eq!(found.unwrap(), b"a.\xc3.\xa9");
}

#[test]
fn splitting_leaves_out_what_is_empty_but_for_the_beginning() {
    let dash = [
        ("a-b-c", "a.b.c"),
        ("-a-b-", "a.b"),
        ("a--b", "a.b"),
        ("abc", "abc"),
        ("--a--b--", ".a.b"),
        ("-", ""),
        ("---", ""),
        ("a-", "a"),
        ("-a", "a"),
        ("--a", ".a"),
        ("a---b", "a.b"),
        ("-a--b", "a.b"),
        ("-a-b--c-", "a.b.c"),
    ];
    check("*", "{{split(1,-)}}", &dash);
    check("*", "x.{{split(1,-)}}.y", &[("a-b", "x.a.b.y"), ("-", "x..y")]);
    let double = [
        ("a--b--c", "a.b.c"),
        ("a-b", "a-b"),
        ("--a", "a"),
        ("a----b", "a.b"),
        ("-a--b---c", "-a.b.-c"),
    ];
    check("*", "{{split(1,--)}}", &double);
    check("*", "{{split(1,ab)}}", &[("abcdefghij", "cdefghij"), ("xaby", "x.y"), ("abab", "")]);
    check("*", "{{split(1,>)}}", &[("a>c", "a.c")]);
    check("*", "{{split(1,*)}}", &[("a*c", "a.c")]);
    check("*", "{{split(1,}})}}", &[("a}}c", "a.c")]);
    let letters = [("abc", "a.b.c"), ("aéb", "a.é.b"), ("x", "x")];
    check("*", "{{split(1,)}}", &letters);
    check("*", "{{split(1, )}}", &letters);
    let found = transformed("*", "{{split(1,)}}", b"\xe2\x82a\xff");
    assert_eq!(found.unwrap(), b"\xe2.\x82.a.\xff");
}

#[test]
fn random_numbers_stay_below_their_bound() {
    for (bound, below) in [("-5", 5), ("0", 1), ("1", 1), ("3", 3)] {
        let transform = Transform::new("foo", &format!("{{{{random({bound})}}}}")).unwrap();
        let mut rng = fastrand::Rng::with_seed(7);
        let mut seen = vec![0; below];
        for _ in 0..1000 {
            let mut out = Vec::new();
            assert!(transform.apply(b"foo", &mut out, &mut rng));
            seen[String::from_utf8(out).unwrap().parse::<usize>().unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| *count > 100), "{bound}: {seen:?}");
    }
}

#[test]
fn errors_have_nats_servers_texts() {
    let invalid = "invalid mapping destination: invalid transform";
    for (source, destination, expected) in [
        ("x.*", "", invalid),
        ("x.*", ".", invalid),
        ("x.*", "a..b", invalid),
        ("x.*", "a.", invalid),
        ("x.*", ".a", invalid),
        ("x.*", "x y", invalid),
        ("x.*", "> .a", invalid),
        ("x.*", "{{wildcard(1)}} ", invalid),
        ("x.*", "{{left(1, 2)", invalid),
        ("x.*", "y.>.z", "invalid mapping destination: invalid transform in z"),
        ("x.*", ">.{{foo}}", "invalid mapping destination: invalid transform in {{foo}}"),
        ("x.>", ">.a b", "invalid mapping destination: invalid transform in a b"),
        ("x.*", "*", "invalid subject"),
        ("x.*", "x.*", "invalid subject"),
        ("x.*", ">", "invalid subject"),
        ("x.*", "$5.>", "invalid subject"),
        ("x.>", "$5", "invalid subject"),
        ("x.*", "*.{{left(1)}}", "invalid subject"),
        ("x..y", "a", "invalid subject"),
        ("x.*", "*.{{foo}}", "invalid mapping destination: unknown function in {{foo}}"),
        ("x.*", "$5.{{foo}}", "invalid mapping destination: unknown function in {{foo}}"),
        ("foo", "$1", "invalid mapping destination: wildcard index out of range in $1"),
        ("foo", "$0", "invalid mapping destination: wildcard index out of range in $0"),
        ("x.*", "$2", "invalid mapping destination: wildcard index out of range in $2: [2]"),
        ("a.>", "$1.>", "invalid mapping destination: wildcard index out of range in $1: [1]"),
    ] {
        let error = Transform::new(source, destination).unwrap_err();
        assert_eq!(error.to_string(), expected, "{source} -> {destination}");
    }
}

#[test]
fn errors_of_placeholders_have_nats_servers_texts() {
    let (unknown, few) = ("unknown function", "not enough arguments passed to the function");
    let many = "too many arguments passed to the function";
    let wrong = "function argument is invalid or in the wrong format";
    let range = "wildcard index out of range";
    for (reason, tokens) in [
        (unknown, "{{ }} {{a}} {{foo(1)}} {{WILDCARD(1)}} {{wildCard(1)}} {{wildcard}} {{(1)}}"),
        (unknown, "{{wildcard(1)x}} {{xwildcard(1)}} {{)wildcard(1)(}} {{(}} {{)}} {{x}}}"),
        (few, "{{wildcard()}} {{split()}} {{split(1)}} {{left()}} {{right(1)}} {{random(1,2)}}"),
        (few, "{{splitFromLeft()}} {{splitFromRight(1)}} {{sliceFromLeft(a)}} {{random(5,)}}"),
        (
            many,
            "{{wildcard(1,2)}} {{wildcard(1,)}} {{wildcard(,)}} {{split(1,-,-)}} {{split(1,,)}}",
        ),
        (many, "{{left(1,2,3)}} {{sliceFromRight(1,2,3)}} {{wildcard(1)}}-{{left(1,1)}}"),
        (wrong, "{{wildcard(a)}} {{wildcard(99999999999999999999)}} {{wildcard(1))}}"),
        (wrong, "{{wildcard((1)}} {{wildcard(1)}}{{wildcard(1)}} {{wildcard(1_0)}} {{random()}}"),
        (wrong, "{{partition()}} {{partition(a)}} {{partition(5,a)}} {{partition(5,)}}"),
        (
            wrong,
            "{{partition(5,,1)}} {{partition(2147483648)}} {{random(a)}} {{random(2147483648)}}",
        ),
        (wrong, "{{left(a,1)}} {{left(1,a)}} {{left(1,)}} {{left(,1)}} {{right(1,2147483648)}}"),
        (wrong, "{{left(1,-2147483649)}} {{split(a,-)}}"),
    ] {
        for token in tokens.split(' ').filter(|token| *token != "{{" && *token != "}}") {
            let error = Transform::new("x.*", token).unwrap_err().to_string();
            assert_eq!(error, format!("invalid mapping destination: {reason} in {token}"));
        }
    }
    for token in ["{{split(1,- -)}}", "{{split(1,-  )}}", "{{split( 1 , - )}}", "{{wildcard( )}}"] {
        let error = Transform::new("x.*", token).unwrap_err().to_string();
        assert_eq!(error, format!("invalid mapping destination: {wrong} in {token}"));
    }
    for token in ["{{wildcard(2)}}", "{{left(2,1)}}", "{{split(2,-)}}", "{{partition(5,1,2)}}"] {
        let error = Transform::new("x.*", token).unwrap_err().to_string();
        assert_eq!(error, format!("invalid mapping destination: {range} in {token}: [2]"));
        if !token.contains("partition") {
            let error = Transform::new("x", token).unwrap_err().to_string();
            assert_eq!(error, format!("invalid mapping destination: {range} in {token}"));
        }
    }
}
