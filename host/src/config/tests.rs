//! The samples of config-and-operations.md 1.8, and what keys do with good and bad values.

use std::collections::BTreeMap;
use std::time::Duration;

use super::parse::{Source, parse};
use super::{ConfigError, json_of, load_from};
use crate::options::Options;

#[derive(Default)]
struct Fake(BTreeMap<&'static str, &'static str>);

impl Source for Fake {
    fn read(&self, path: &str) -> std::io::Result<String> {
        let text = self.0.get(path).map(|text| (*text).to_owned());
        text.ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(format!("${name}").as_str()).map(|text| (*text).to_owned())
    }
}

#[test]
fn samples_of_the_language_mean_what_nats_server_takes_them_for() {
    let samples = [
        ("a = 1; b = 2, c: 3", r#"{"a":1,"b":2,"c":3}"#),
        ("a 1\nb\t2", r#"{"a":1,"b":2}"#),
        ("a\n  5", r#"{"a":5}"#),
        ("m {a:\n1}", r#"{"m":{"a":1}}"#),
        ("a { x 1 }", r#"{"a":{"x":1}}"#),
        ("a { x: 1\n y: 2, z: 3; w: 4 }", r#"{"a":{"w":4,"x":1,"y":2,"z":3}}"#),
        (r#"{ "a": 1, "b": [true, null] }"#, r#"{"a":1,"b":[true,"null"]}"#),
        ("a: [1, 2, 3]", r#"{"a":[1,2,3]}"#),
        ("a: [1,2,]", r#"{"a":[1,2]}"#),
        ("a: [-1]", r#"{"a":[-1]}"#),
        ("a: [10.0.0.1]", r#"{"a":["10.0.0.1"]}"#),
        ("a: [x\ny\n]", r#"{"a":["x","y"]}"#),
        ("a: [ {x: 1}\n{y: 2} ]", r#"{"a":[{"x":1},{"y":2}]}"#),
        ("a: yes\nb: OFF\nc: True\nd: \"true\"", r#"{"a":true,"b":false,"c":true,"d":"true"}"#),
        (
            "a: 10s\nb: 500ms\nc: 1m30s\nd: 2m\ne: 1h",
            r#"{"a":"10s","b":"500ms","c":"1m30s","d":2000000,"e":"1h"}"#,
        ),
        (
            "a: 8k, b: 8kb, c: 8KiB, d: 1g, e: 1GB",
            r#"{"a":8000,"b":8192,"c":8192,"d":1000000000,"e":1073741824}"#,
        ),
        ("a: 5%\nb: 1_000\nc: +5\nd: 007", r#"{"a":"5%","b":"1_000","c":"+5","d":7}"#),
        ("a: -5k", r#"{"a":-5000}"#),
        ("a: 1kbx\nb: 1e3\nc: 0x10", r#"{"a":"1kbx","b":"1e3","c":"0x10"}"#),
        ("a: 1.2.3.4:5", r#"{"a":"1.2.3.4:5"}"#),
        ("a: foo#bar # c\nb: http://x/y // c", r#"{"a":"foo#bar","b":"http://x/y"}"#),
        ("a: \"q\\tx\\x41\\\"\"", r#"{"a":"q\txA\""}"#),
        ("a: 'raw \\t \"'", r#"{"a":"raw \\t \""}"#),
        ("a: x\"y\"z", r#"{"a":"x\"y\"z"}"#),
        ("a: don'", r#"{"a":"don"}"#),
        ("a: \"two\nlines\"", r#"{"a":"two\nlines"}"#),
        ("a: (\n  line 1\n  line 2 )\n)\n", r#"{"a":"\n  line 1\n  line 2 )\n"}"#),
        ("a: $2a$11$abc", r#"{"a":"$2a$11$abc"}"#),
        ("x: 7\na: $x\nb: \"$x\"\nc: p$x", r#"{"a":7,"b":"$x","c":"p$x","x":7}"#),
        ("x: 1\na { x: 2, b: $x }\nc: $x", r#"{"a":{"b":2,"x":2},"c":1,"x":1}"#),
        ("a: 1\na: 2", r#"{"a":2}"#),
        ("a {x: 1}\na {y: 2}", r#"{"a":{"y":2}}"#),
        ("\"a.b c\": 1\n'k=v': 2\nfoo.*: 3", r#"{"a.b c":1,"k=v":2,"foo.*":3}"#),
        ("a: ;", r#"{"a":""}"#),
        ("m {a: 1,,b: 2}", r#"{"m":{"a":1,",b":2}}"#),
        ("a: 1 }", r#"{"a":1}"#),
        ("", "{}"),
    ];
    for (text, expected) in samples {
        let value = parse(text, "f", &Fake::default()).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
        assert_eq!(json_of(&value), expected, "{text:?}");
    }
}

#[test]
fn mistakes_are_errors_with_their_line() {
    let samples = [
        ("a:\nb", 1, "Expected value but found new line"),
        ("a: [a b]", 1, "Expected an array value terminator"),
        ("a: [x;y]", 1, "Expected an array value terminator"),
        ("\na: 9223372036854775808", 2, "out of the range"),
        ("a: 3.", 1, "Floats must have a digit"),
        ("a: .5", 1, "Floats must start with a digit"),
        ("a: \"\\q\"", 1, "Invalid escape character 'q'"),
        ("a: \"\\xZZ\"", 1, "Expected two hexadecimal digits"),
        ("a: (x)", 1, "Unexpected EOF processing block."),
        ("a: $x\nx: 1", 1, "variable reference for 'x' on line 1 can not be found"),
        ("a: b c", 1, "Expected a top-level value to end"),
        ("a: {", 1, "Unexpected EOF processing map."),
        ("a: \"unterminated", 1, "Unexpected EOF."),
        ("a: {x 1} b: 2", 1, "but got 'b' instead"),
    ];
    for (text, line, message) in samples {
        let error = parse(text, "f", &Fake::default()).expect_err(text);
        assert!(error.message.contains(message), "{text:?}: {error}");
        assert!(line == 1 || error.line == line, "{text:?}: {error}");
    }
    let deep = "a: [".repeat(5000);
    assert!(parse(&deep, "f", &Fake::default()).is_err());
}

#[test]
fn includes_and_variables_come_from_the_source_and_do_not_run_in_circles() {
    let fake = Fake(BTreeMap::from([
        ("conf/main", "include \"part\"\nb: $a\nc: $ENV"),
        ("conf/part", "a: 5"),
        ("conf/self", "include self"),
        ("$ENV", "8k"),
        ("$LOOP", "$LOOP"),
    ]));
    let read = |path: &str| parse(&fake.read(path).unwrap(), path, &fake);
    let expected = serde_json::json!({"a": 5, "b": 5, "c": 8000});
    assert_eq!(json_of(&read("conf/main").unwrap()), expected);
    assert!(read("conf/self").unwrap_err().message.contains("include itself"));
    assert!(parse("a: $LOOP", "f", &fake).unwrap_err().message.contains("cycle"));
}

fn load(text: &'static str) -> Result<Options, ConfigError> {
    load_from("f", &Fake(BTreeMap::from([("f", text)])))
}

#[test]
fn keys_set_what_they_name() {
    let options = load(
        "listen: \"127.0.0.1:-1\"\nMax_Payload: 2kb\nping_interval: 1m30s\nwrite_deadline: 5\n\
         authorization { users: [ {user: a, password: b}, {user: c} ], timeout: 0.5 }",
    )
    .unwrap();
    assert_eq!((options.listen.host.as_str(), options.listen.port), ("127.0.0.1", 0));
    assert_eq!(options.limits.max_payload, 2048);
    assert_eq!(options.limits.ping_interval, Duration::from_secs(90));
    assert_eq!(options.limits.write_deadline, Duration::from_secs(5));
    assert_eq!(options.limits.auth_timeout, Duration::from_millis(500));
    assert_eq!(options.auth.users.len(), 2);
}

#[test]
fn wrong_keys_and_values_say_where_and_what() {
    let error = load("port: x\nbogus: 1\nauthorization { password: 1234, user: a }");
    let text = error.unwrap_err().to_string();
    assert_eq!(
        text,
        "f:1:0: interface conversion: interface {} is string, not int64\n\
         f:2:1: unknown field \"bogus\"\n\
         f:3:1: interface conversion: interface {} is int64, not string\n"
    );
    for refused in [
        "accounts { A {} }",
        "tls { cert_file: x }",
        "websocket { port: 80 }",
        "authorization { user: a, password: \"$2a$11$x\" }",
        "authorization { users [ {user: a, permissions: {}} ] }",
        "authorization { user: a, token: b }",
        "lame_duck_duration: 10s",
    ] {
        assert!(load(refused).is_err(), "{refused}");
    }
}
