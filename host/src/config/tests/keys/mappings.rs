//! Texts for subject mappings.

use super::super::{loaded, refused};
use super::Table;

pub(super) const TEXTS: Table = &[
    (
        "mappings: 5",
        "s.conf:1:0: interface conversion: interface {} is int64, not map[string]interface {}",
    ),
    (
        "mappings: []",
        "s.conf:1:0: interface conversion: interface {} is []interface {}, not map[string]interface {}",
    ),
    ("mappings: {foo: 5}", "s.conf:1:11: Expected an entry for the mapping destination"),
    ("mappings: {foo: {}}", r#"s.conf:1:11: Missing weight for mapping destination """#),
    ("mappings: {foo: {dest: a}}", r#"s.conf:1:11: Missing weight for mapping destination "a""#),
    (
        r#"mappings: {foo: {dest: a, weight: "50 %"}}"#,
        r#"s.conf:1:26: Invalid weight "50 " for mapping destination"#,
    ),
    (
        r#"mappings: {foo: {dest: a, weight: " 50%"}}"#,
        r#"s.conf:1:26: Invalid weight " 50" for mapping destination"#,
    ),
    (
        r#"mappings: {foo: {dest: a, weight: "-1"}}"#,
        "s.conf:1:26: Invalid weight -1 for mapping destination",
    ),
    (
        r#"mappings: {foo: {dest: a, weight: "50%%"}}"#,
        r#"s.conf:1:26: Invalid weight "50%" for mapping destination"#,
    ),
    (
        "mappings: {foo: {dest: a, weight: 101%}}",
        "s.conf:1:26: Invalid weight 101 for mapping destination",
    ),
    (
        "mappings: {foo: {dest: a, weight: x}}",
        r#"s.conf:1:26: Invalid weight "x" for mapping destination"#,
    ),
    (
        r#"mappings: {foo: {dest: a, weight: ""}}"#,
        r#"s.conf:1:26: Invalid weight "" for mapping destination"#,
    ),
    (
        "mappings: {foo: {dest: a, weight: 1.5}}",
        "s.conf:1:26: Unknown entry type for weight of 1.5",
    ),
    (
        "mappings: {foo: {dest: a, weight: true}}",
        "s.conf:1:26: Unknown entry type for weight of true",
    ),
    (
        "mappings: {foo: {dest: a, weight: 99999999999}}",
        "s.conf:1:26: Invalid weight 99999999999 for mapping destination",
    ),
    ("mappings: {foo: {dest: a, weight: +5}}", ""),
    ("mappings: {foo: {dest: a, weight: 100%}}", ""),
    ("mappings: {foo: {destination: a, dest: b, weight: 0}}", ""),
    ("mappings: {foo: {DEST: a, Weight: 5, CLUSTER: x}}", ""),
    (
        "mappings: {foo: {dest: a, bogus: 1, weight: 5}}",
        r#"s.conf:1:26: Unknown field "bogus" for mapping destination"#,
    ),
    (
        "mappings: {foo: {bogus: 1}}",
        r#"s.conf:1:17: Unknown field "bogus" for mapping destination"#,
    ),
    (
        "mappings: {foo: {dest: a..b, weight: 5}}",
        r#"s.conf:1:11: Error adding mapping for "foo" : invalid mapping destination: invalid transform"#,
    ),
    (
        r#"mappings: {foo: {dest: "$1", weight: 5}}"#,
        r#"s.conf:1:11: Error adding mapping for "foo" : invalid mapping destination: wildcard index out of range in $1"#,
    ),
    ("mappings: {foo: []}", ""),
    (
        "mappings: {foo: [a,b]}",
        "s.conf:1:17: Expected an entry for the mapping destination\ns.conf:1:19: Expected an entry for the mapping destination",
    ),
    // nats-server places this one behind the brace: at column 26.
    (
        "mappings: {foo: [{dest: a},{dest: b, weight: 150}]}",
        "s.conf:1:18: Missing weight for mapping destination \"a\"\ns.conf:1:37: Invalid weight 150 for mapping destination",
    ),
    (
        "mappings: {foo: [{dest: a, weight: 50},{dest: a, weight: 5}]}",
        r#"s.conf:1:11: Error adding mapping for "foo" : duplicate entry for "a""#,
    ),
    (
        "mappings: {foo: [{dest: a, weight: 50, cluster: X},{dest: a, weight: 5, cluster: Y}]}",
        r#"s.conf:1:11: Error adding mapping for "foo" : duplicate entry for "a""#,
    ),
    (
        "mappings: {foo: [{dest: a, weight: 60},{dest: b, weight: 50}]}",
        r#"s.conf:1:11: Error adding mapping for "foo" : total weight needs to be <= 100"#,
    ),
    ("mappings: {foo: [{dest: a, weight: 60, cluster: X},{dest: b, weight: 50, cluster: Y}]}", ""),
    (
        "mappings: {foo: [{dest: a, weight: 60, cluster: X},{dest: b, weight: 50, cluster: X}]}",
        r#"s.conf:1:11: Error adding mapping for "foo" : total weight needs to be <= 100"#,
    ),
    (
        "mappings: {foo: [{dest: a..b, weight: 60},{dest: b, weight: 50}]}",
        r#"s.conf:1:11: Error adding mapping for "foo" : invalid mapping destination: invalid transform"#,
    ),
    (
        "mappings: {foo: [{dest: a, bogus: 1}, {dest: b..c, weight: 4}]}",
        "s.conf:1:27: Unknown field \"bogus\" for mapping destination\ns.conf:1:11: Error adding mapping for \"foo\" : invalid mapping destination: invalid transform",
    ),
    ("mappings: {foo: [{dest: foo, weight: 50}]}", ""),
    (
        "mappings: {foo: [[], {bogus: 1}]}",
        "s.conf:1:19: Expected an entry for the mapping destination\ns.conf:1:22: Unknown field \"bogus\" for mapping destination",
    ),
    (r#"mappings: {"a..b": x}"#, r#"s.conf:1:0: Subject "a..b" is not a valid subject"#),
    (r#"mappings: {"a b": x}"#, r#"s.conf:1:0: Subject "a b" is not a valid subject"#),
    (r#"mappings: {"": x}"#, r#"s.conf:1:0: Subject "" is not a valid subject"#),
    (r#"mappings: {"a.>.b": x}"#, r#"s.conf:1:0: Subject "a.>.b" is not a valid subject"#),
    (
        r#"mappings: {a: "b..c"}"#,
        r#"s.conf:1:11: Error adding mapping for "a" to "b..c" : invalid mapping destination: invalid transform"#,
    ),
    (
        r#"mappings: {">": x}"#,
        r#"s.conf:1:12: Error adding mapping for ">" to "x" : invalid subject"#,
    ),
    (
        r#"mappings: {"x.*": "x.*"}"#,
        r#"s.conf:1:12: Error adding mapping for "x.*" to "x.*" : invalid subject"#,
    ),
    (
        r#"mappings: {"x.*": "y.>.z"}"#,
        r#"s.conf:1:12: Error adding mapping for "x.*" to "y.>.z" : invalid mapping destination: invalid transform in z"#,
    ),
    (
        r#"mappings: {x: "$1"}"#,
        r#"s.conf:1:11: Error adding mapping for "x" to "$1" : invalid mapping destination: wildcard index out of range in $1"#,
    ),
    (
        r#"mappings: {"x.*": "$2"}"#,
        r#"s.conf:1:12: Error adding mapping for "x.*" to "$2" : invalid mapping destination: wildcard index out of range in $2: [2]"#,
    ),
    (
        r#"mappings: {"x.*": "{{foo(1)}}"}"#,
        r#"s.conf:1:12: Error adding mapping for "x.*" to "{{foo(1)}}" : invalid mapping destination: unknown function in {{foo(1)}}"#,
    ),
    (
        r#"mappings: {"x.*": "{{left(1)}}"}"#,
        r#"s.conf:1:12: Error adding mapping for "x.*" to "{{left(1)}}" : invalid mapping destination: not enough arguments passed to the function in {{left(1)}}"#,
    ),
    (
        r#"mappings: {"x.*": "{{wildcard(1,2)}}"}"#,
        r#"s.conf:1:12: Error adding mapping for "x.*" to "{{wildcard(1,2)}}" : invalid mapping destination: too many arguments passed to the function in {{wildcard(1,2)}}"#,
    ),
    (
        r#"mappings: {"x.*": "{{partition(a)}}"}"#,
        r#"s.conf:1:12: Error adding mapping for "x.*" to "{{partition(a)}}" : invalid mapping destination: function argument is invalid or in the wrong format in {{partition(a)}}"#,
    ),
    (
        r#"maps: {x: "$1", y: "a..b"}"#,
        "s.conf:1:7: Error adding mapping for \"x\" to \"$1\" : invalid mapping destination: wildcard index out of range in $1\ns.conf:1:16: Error adding mapping for \"y\" to \"a..b\" : invalid mapping destination: invalid transform",
    ),
    (
        "mappings {\n foo: [\n {dest: a, weight: 60}\n {dest: b, weight: 70}\n ]\n}",
        r#"s.conf:2:2: Error adding mapping for "foo" : total weight needs to be <= 100"#,
    ),
    (
        "mappings {\n foo: {dest: b..c, weight: 7}\n}",
        r#"s.conf:2:2: Error adding mapping for "foo" : invalid mapping destination: invalid transform"#,
    ),
    (
        "mappings {\n foo: {\n dest: b\n}\n}",
        r#"s.conf:2:2: Missing weight for mapping destination "b""#,
    ),
    (
        r#"accounts: {A: {mappings: {x: "$1"}}}"#,
        r#"s.conf:1:26: Error adding mapping for "x" to "$1" : invalid mapping destination: wildcard index out of range in $1"#,
    ),
];

#[test]
fn an_empty_destination_is_refused() {
    // nats-server takes it and ends with the first message that it would map.
    for (text, shown) in [
        ("mappings: {a: \"\"}", " to \"\""),
        ("mappings: {a: {weight: 5}}", ""),
        ("mappings: {a: [{dest: \"\", weight: 5}]}", ""),
    ] {
        let expected = format!(
            "s.conf:1:11: Error adding mapping for \"a\"{shown} : invalid mapping destination: \
             invalid transform\n"
        );
        assert_eq!(refused(text), expected);
    }
}

#[test]
fn mappings_of_all_blocks_are_kept_in_their_order() {
    let text = "mappings {b: x, a: y}\nmaps {c: {dest: z, weight: 5%}, d: []}\ncluster {name: C1}";
    let options = loaded(text).options;
    let sources: Vec<&str> = options.mappings.iter().map(|mapping| mapping.source()).collect();
    assert_eq!(sources, ["b", "a", "c", "d"]);
    assert_eq!(options.cluster_name.as_deref(), Some("C1"));
    assert!(options.not_yet.iter().all(|line| !line.contains("map")), "{:?}", options.not_yet);
}
