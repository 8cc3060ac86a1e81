//! The language: the samples of reference section 1.8, errors, includes and variables.

use super::super::{Value, canonical_json, parse_bytes, parse_str};
use super::{Memory, loaded, refused};

/// The tree of a text as JSON, or the error's text.
fn tree(text: &str) -> Result<String, String> {
    match parse_str(text) {
        Ok(Value::Map(map)) => Ok(canonical_json(&map)),
        Ok(_) => panic!("the root of {text:?} is no map"),
        Err(error) => Err(error.to_string()),
    }
}

/// Number in the reference, text, tree.
const TREES: &[(&str, &str, &str)] = &[
    ("1", "a = 1; b = 2, c: 3", r#"{"a":1,"b":2,"c":3}"#),
    ("2", "a 1\nb\t2", r#"{"a":1,"b":2}"#),
    ("3", "a\n  5", r#"{"a":5}"#),
    ("5", "m {a:\n1}", r#"{"m":{"a":1}}"#),
    ("6", "a { x 1 }", r#"{"a":{"x":1}}"#),
    ("7", "a { x: 1\n y: 2, z: 3; w: 4 }", r#"{"a":{"w":4,"x":1,"y":2,"z":3}}"#),
    ("9", r#"{ "a": 1, "b": [true, null] }"#, r#"{"a":1,"b":[true,"null"]}"#),
    // 2.15.1 does not see the end of this array.
    ("10", r#"{ "a": [1, 2, 3] }"#, r#"{"a":[1,2,3]}"#),
    ("11", "a: [1, 2, 3 ]", r#"{"a":[1,2,3]}"#),
    ("12", "a: [1,2,]", r#"{"a":[1,2]}"#),
    ("13", "a: [1k]", r#"{"a":["1k"]}"#),
    ("14a", "a: [-1]", r#"{"a":[-1]}"#),
    ("14b", "a: [1.5]", r#"{"a":[1.5]}"#),
    ("14c", "a: [true]", r#"{"a":[true]}"#),
    ("14d", "a: [10.0.0.1]", r#"{"a":["10.0.0.1"]}"#),
    ("15", "a: [x\ny\n]", r#"{"a":["x","y"]}"#),
    ("16", "a: [x,\n\ny]", r#"{"a":["x","y"]}"#),
    ("19", "a: [ {x: 1}\n{y: 2} ]", r#"{"a":[{"x":1},{"y":2}]}"#),
    ("21", "a: yes\nb: OFF\nc: True\nd: \"true\"", r#"{"a":true,"b":false,"c":true,"d":"true"}"#),
    (
        "22",
        "a: 10s\nb: 500ms\nc: 1m30s\nd: 2m\ne: 1h",
        r#"{"a":"10s","b":"500ms","c":"1m30s","d":2000000,"e":"1h"}"#,
    ),
    (
        "23",
        "a: 8k, b: 8kb, c: 8KiB, d: 1g, e: 1GB",
        r#"{"a":8000,"b":8192,"c":8192,"d":1000000000,"e":1073741824}"#,
    ),
    ("24", "a: 5%\nb: 1_000\nc: +5\nd: 007", r#"{"a":"5%","b":"1_000","c":"+5","d":7}"#),
    ("25", "a: -5k", r#"{"a":-5000}"#),
    ("26", "a: 1kbx", r#"{"a":"1kbx"}"#),
    ("27a", "a: 1e3", r#"{"a":"1e3"}"#),
    ("27b", "a: 1e", r#"{"a":1000000000000000000}"#),
    ("28a", "a: 0x10", r#"{"a":"0x10"}"#),
    ("28b", "a: null", r#"{"a":"null"}"#),
    ("30", "a: 1.2.3.4:5", r#"{"a":"1.2.3.4:5"}"#),
    ("35", "a: 2016-05-04T18:53:41Z", r#"{"a":"2016-05-04T18:53:41Z"}"#),
    ("36", "a: foo#bar # c\nb: http://x/y // c", r#"{"a":"foo#bar","b":"http://x/y"}"#),
    ("37a", "a: 5#c", r##"{"a":"5#c"}"##),
    ("37b", "a: \"x\"#c", r#"{"a":"x"}"#),
    ("38", "a: #x", r##"{"a":"#x"}"##),
    ("39", r#"a: "q\tx\x41\"""#, r#"{"a":"q\txA\""}"#),
    ("42", r#"a: 'raw \t "'"#, r#"{"a":"raw \\t \""}"#),
    ("43", r#"a: x"y"z"#, r#"{"a":"x\"y\"z"}"#),
    ("44a", r"a: x\ty", r#"{"a":"x\ty"}"#),
    ("44b", r"a: \x74rue", r#"{"a":"true"}"#),
    ("45a", "a: don'", r#"{"a":"don"}"#),
    ("46", "a: \"two\nlines\"", r#"{"a":"two\nlines"}"#),
    ("47", "a: (\n  line 1\n  line 2 )\n)\n", r#"{"a":"\n  line 1\n  line 2 )\n"}"#),
    ("49", "a: $2a$11$abc", r#"{"a":"$2a$11$abc"}"#),
    ("50", "x: 7\na: $x\nb: \"$x\"\nc: p$x", r#"{"a":7,"b":"$x","c":"p$x","x":7}"#),
    ("51", "x: 1\na { x: 2, b: $x }\nc: $x", r#"{"a":{"b":2,"x":2},"c":1,"x":1}"#),
    ("52", "m {x: 1}\nn: $m", r#"{"m":{"x":1},"n":{"x":1}}"#),
    ("54", "a: 1\na: 2", r#"{"a":2}"#),
    ("55", "a {x: 1}\na {y: 2}", r#"{"a":{"y":2}}"#),
    (
        "56",
        "\"a.b c\": 1\n'k=v': 2\nfoo.*: 3\n127.0.0.1: 4",
        r#"{"127.0.0.1":4,"a.b c":1,"foo.*":3,"k=v":2}"#,
    ),
    ("57", r#""a\tb": 1"#, r#"{"a\\tb":1}"#),
    ("58a", "a: ;", r#"{"a":""}"#),
    ("58b", "a: }", r#"{"a":""}"#),
    ("58c", "a:", r#"{"a":""}"#),
    ("59", "m {a: 1,,b: 2}", r#"{"m":{",b":2,"a":1}}"#),
    ("60", "a: 1 }", r#"{"a":1}"#),
    ("61a", "a: {x: 1}, b: 2", r#"{"a":{"x":1},"b":2}"#),
    ("68", "# nothing\n", "{}"),
    ("69", "handshake_first: 300ms", r#"{"handshake_first":"300ms"}"#),
    ("70", r#"v: 1, users = [{ u: "x", p: $v } ]"#, r#"{"users":[{"p":1,"u":"x"}],"v":1}"#),
    // Not in the reference's table.
    ("CR LF", "a: 1\r\nb {\r\n c: [\r\n 1\r\n 2\r\n ]\r\n}\r\n", r#"{"a":1,"b":{"c":[1,2]}}"#),
    ("words", "a: [1m30s, 5x, 2.5]", r#"{"a":["1m30s","5x",2.5]}"#),
    ("floats", "a: 0.0000001, b: -1.50, c: 1.0", r#"{"a":1e-7,"b":-1.5,"c":1}"#),
    ("escaped", "a: \"<&>\u{e9}\u{2028}\"", "{\"a\":\"\\u003c\\u0026\\u003e\u{e9}\\u2028\"}"),
];

/// Number in the reference, text, error.
const ERRORS: &[(&str, &str, &str)] = &[
    ("4", "a:\nb", "Parse error on line 2: 'Expected value but found new line'"),
    (
        "8",
        "a{ x: 1 }",
        "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or \
         EOF, but got '1' instead.'",
    ),
    (
        "17",
        "a: [a b]",
        "Parse error on line 1: 'Expected an array value terminator \",\" or an array terminator \
         \"]\", but got 'b' instead.'",
    ),
    (
        "18",
        "a: [x;y]",
        "Parse error on line 1: 'Expected an array value terminator \",\" or an array terminator \
         \"]\", but got ';' instead.'",
    ),
    (
        "20",
        "a: [ {x: 1} {y: 2} ]",
        "Parse error on line 1: 'Expected an array value terminator \",\" or an array terminator \
         \"]\", but got '{' instead.'",
    ),
    ("29a", "a: 9223372036854775808", "integer '9223372036854775808' is out of the range"),
    // The product wraps around in 2.15.1.
    ("29b", "a: 10e", "integer '10e' is out of the range"),
    (
        "31",
        "a: 3.",
        "Parse error on line 1: 'Floats must have a digit after the '.', but got '\0' instead.'",
    ),
    ("32", "a: .5", "Parse error on line 1: 'Floats must start with a digit'"),
    (
        "33a",
        "a: 1.5x",
        "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or \
         EOF, but got 'x' instead.'",
    ),
    (
        "33b",
        "a: -5x",
        "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or \
         EOF, but got 'x' instead.'",
    ),
    ("34", "a: 1-2", "Parse error on line 1: 'All ISO8601 dates must be in full Zulu form.'"),
    (
        "40",
        r#"a: "\q""#,
        "Parse error on line 1: 'Invalid escape character 'q'. Only the following escape \
         characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.'",
    ),
    (
        "41",
        r#"a: "\xZZ""#,
        "Parse error on line 1: 'Expected two hexadecimal digits after '\\x', but got 'ZZ''",
    ),
    (
        "45b",
        "a: don't",
        "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or \
         EOF, but got 't' instead.'",
    ),
    ("48", "a: (x)", "Parse error on line 1: 'Unexpected EOF processing block.'"),
    ("53", "a: $x\nx: 1", "variable reference for 'x' on line 1 can not be found"),
    (
        "61b",
        "a: {x 1} b: 2",
        "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or \
         EOF, but got 'b' instead.'",
    ),
    (
        "62",
        "a: b c",
        "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or \
         EOF, but got 'c' instead.'",
    ),
    ("63", "a", "config is invalid (config:1:1)"),
    ("64", "a: {", "Parse error on line 1: 'Unexpected EOF processing map.'"),
    ("65", "a: \"unterminated", "Parse error on line 1: 'Unexpected EOF.'"),
    ("66a", "/* c */", "Parse error on line 1: 'Unexpected EOF.'"),
    ("66b", "/", "Parse error on line 1: 'Unexpected EOF.'"),
    ("67", "port: 1;;", "config is invalid (config:1:9)"),
    // Not in the reference's table.
    ("size", "a: 1kbb", "Parse error on line 1: 'Unknown size suffix in '1kbb'.'"),
    ("minus", "a: -x", "Parse error on line 1: 'Expected a digit but got 'x'.'"),
    ("separator", "= 1", "Parse error on line 1: 'Unexpected key separator '=''"),
    ("separator", "m { : 1 }", "Parse error on line 1: 'Unexpected key separator ':'.'"),
    ("map", "m {]}", "Parse error on line 1: 'Unexpected array end ']' processing map.'"),
    ("comma", "m {a: ,b: 1}", "Parse error on line 1: 'Unexpected map value terminator \",\".'"),
    ("comma", "a: [,a]", "Parse error on line 1: 'Unexpected array value terminator ','.'"),
    ("comma", "a: [a,,b]", "Parse error on line 1: 'Unexpected array value terminator ','.'"),
    (
        "quote",
        "m { \"a",
        "Parse error on line 1: 'Unexpected EOF processing double quoted map key.'",
    ),
    (
        "date",
        "a: 2016-05-04T18:53:41X",
        "Parse error on line 1: 'Expected 'Z' in ISO8601 datetime, but found 'X' instead.'",
    ),
    (
        "calendar",
        "a: 2015-02-29T18:53:41Z",
        "expected Zulu formatted DateTime, but got '2015-02-29T18:53:41Z'",
    ),
    (
        "harness",
        r#"{ "port": : "x" }"#,
        "Parse error on line 1: 'Expected a block-level value to end with a new line, comment or \
         EOF, but got '\"' instead.'",
    ),
    (
        "include",
        "include [a]",
        "Parse error on line 1: 'Expected include value but found start of an array'",
    ),
    ("include", "include \"x", "Parse error on line 1: 'Unexpected EOF in double quoted include'"),
];

#[test]
fn samples_give_the_stated_trees() {
    for (number, text, expected) in TREES {
        assert_eq!(tree(text).as_deref(), Ok(*expected), "sample {number}: {text:?}");
    }
}

#[test]
fn samples_give_the_stated_errors() {
    for (number, text, expected) in ERRORS {
        assert_eq!(tree(text), Err((*expected).to_owned()), "sample {number}: {text:?}");
    }
}

#[test]
fn spelling_of_one_configuration_does_not_change_its_digest() {
    let texts = [
        "port: 4222",
        "port=4222",
        "port 4222",
        "\"port\": 4222,",
        "{ \"port\": 4222 }",
        "port\n4222 # c",
    ];
    for text in texts {
        assert_eq!(
            loaded(text).options.config_digest,
            "sha256:797533ebd0dfba7d34a0f9337ecf147e442871f48ddfd07ed751575a5737267e",
            "{text:?}"
        );
    }
}

#[test]
fn bytes_that_are_not_utf8_are_no_obstacle() {
    let Ok(Value::Map(map)) = parse_bytes(b"# caf\xe9\na: \"\xff\", b: \"\\xe9\"") else {
        panic!("refused")
    };
    assert_eq!(canonical_json(&map), "{\"a\":\"\u{fffd}\",\"b\":\"\u{fffd}\"}");
}

#[test]
fn the_environment_is_parsed_as_values() {
    let source = Memory::default()
        .file("s.conf", "port: $P\nserver_tags: $L\ntrace: $B\nserver_name: $N\nmax_payload: $S")
        .env("P", "4333")
        .env("L", "[a,b]")
        .env("B", "yes")
        .env("N", "$INNER")
        .env("INNER", "'a'")
        .env("S", "8k");
    let options = source.load("s.conf").unwrap().options;
    assert_eq!(options.listen.port, 4333);
    assert_eq!(options.tags, ["a", "b"]);
    assert!(options.log.trace);
    assert_eq!(options.server_name.as_deref(), Some("a"));
    assert_eq!(options.limits.max_payload, 8000);
}

#[test]
fn a_key_of_the_file_wins_over_the_environment() {
    let source = Memory::default().file("s.conf", "P: 1234\nport: $P").env("P", "4333");
    assert_eq!(source.load("s.conf").unwrap().options.listen.port, 1234);
}

#[test]
fn broken_environment_values_say_which_and_why() {
    let source = Memory::default()
        .file("cycle.conf", "a: 1\nport: $X")
        .file("bad.conf", "port: $Y")
        .env("X", "$Z")
        .env("Z", "$X")
        .env("Y", "a b");
    assert_eq!(
        source.load("cycle.conf").unwrap_err().to_string(),
        "variable reference for 'X' on line 2 could not be parsed: variable reference for 'Z' on \
         line 1 could not be parsed: variable reference cycle for 'X'"
    );
    assert_eq!(
        source.load("bad.conf").unwrap_err().to_string(),
        "variable reference for 'Y' on line 1 could not be parsed: Parse error on line 1: \
         'Expected a top-level value to end with a new line, comment or EOF, but got 'b' instead.'"
    );
}

#[test]
fn includes_are_relative_to_their_file_nest_and_override() {
    let source = Memory::default()
        .file("etc/a.conf", "port: 1\ninclude 'sub/b.conf'\nserver_name: $name")
        .file("etc/sub/b.conf", "port: 2; name: n\nINCLUDE ../c.conf\nwebsocket { include w }")
        .file("etc/c.conf", "debug: true")
        .file("etc/sub/w", "port: 8080, no_tls: true");
    let options = source.load("etc/a.conf").unwrap().options;
    assert_eq!(options.listen.port, 2);
    assert_eq!(options.server_name.as_deref(), Some("n"));
    assert!(options.log.debug);
    assert_eq!(options.websocket.map(|websocket| websocket.listen.port), Some(8080));
}

#[test]
fn an_absolute_include_is_still_relative() {
    let source = Memory::default()
        .file("/conf/a.conf", "include '/etc/x.conf'")
        .file("/etc/x.conf", "port: 1");
    assert_eq!(
        source.load("/conf/a.conf").unwrap_err().to_string(),
        "error parsing include file '/etc/x.conf', open /conf/etc/x.conf: no such file or directory"
    );
}

#[test]
fn the_keyword_needs_white_space_and_no_separator() {
    assert_eq!(refused("include: \"x\""), "s.conf:1:0: unknown field \"include\"\n");
    assert_eq!(
        refused("include = \"x\""),
        "error parsing include file '=', open =: no such file or directory"
    );
}

#[test]
fn errors_in_an_included_file_name_it() {
    let source = Memory::default()
        .file("d/a.conf", "include b.conf\ninclude c.conf")
        .file("d/b.conf", "\n bogus: 1")
        .file("d/c.conf", "port: \"x\"");
    assert_eq!(
        source.load("d/a.conf").unwrap_err().to_string(),
        "d/b.conf:2:2: unknown field \"bogus\"\n\
         d/c.conf:1:0: interface conversion: interface {} is string, not int64\n"
    );
    let broken = Memory::default().file("a", "include b").file("b", "\nx: {");
    assert_eq!(
        broken.load("a").unwrap_err().to_string(),
        "error parsing include file 'b', Parse error on line 2: 'Unexpected EOF processing map.'"
    );
}

#[test]
fn included_files_see_no_keys_of_their_includer() {
    let source = Memory::default().file("a", "x: 1\ninclude b").file("b", "port: $x");
    assert_eq!(
        source.load("a").unwrap_err().to_string(),
        "error parsing include file 'b', variable reference for 'x' on line 1 can not be found"
    );
}
