//! Accounts that cannot be loaded, and what is said of them: items 132, 135 and 137 of the security
//! checklist.

use harness::{Launch, Program};

/// Checks a configuration and expects this error behind the name of the file.
fn refused(config: &str, text: &str) {
    let ended = Launch::bare().flags(["-t"]).config(format!("{config}\n")).run();
    assert_eq!(ended.code, Some(1), "{config}: {ended:?}");
    let said = says(&ended.stderr, text);
    assert!(said, "{config}\n expected {text}\n got {}", ended.stderr);
}

/// Whether this error is reported with its place. Where nats-server knows no better than the
/// beginning of the block, any place will do.
fn says(stderr: &str, text: &str) -> bool {
    stderr.lines().any(|line| {
        let Some((_, said)) = line.split_once("server.conf:") else { return false };
        match (text.strip_prefix("1:0: "), said.split_once(": ")) {
            (Some(text), Some((_, said))) => said == text,
            _ => said == text,
        }
    })
}

fn accepted(config: &str) {
    let ended = Launch::bare().flags(["-t"]).config(format!("{config}\n")).run();
    assert_eq!(ended.code, Some(0), "{config}: {ended:?}");
}

/// `accounts { A { exports: [..] } B { imports: [..] } }` with an account C of nothing.
fn between(exports: &str, imports: &str) -> String {
    format!("accounts {{ A {{ exports: [{exports}] }}, C {{}}, B {{ imports: [{imports}] }} }}")
}

/// Rows, each a test of its own: `name: configuration => what is said;`.
macro_rules! refusals {
    ($($name:ident: $config:expr => $text:expr;)+) => {
        $(#[test]
        fn $name() {
            refused(AsRef::<str>::as_ref(&$config), AsRef::<str>::as_ref(&$text));
        })+
    };
}

/// An error of an import between the accounts of [`between`].
fn import_error(kind: &str, subject: &str, why: &str) -> String {
    format!("1:0: Error adding {kind} import \"{subject}\": {why}")
}

/// A mapping of an import that cannot be made.
fn transform_error(
    kind: &str,
    subject: &str,
    source: &str,
    destination: &str,
    why: &str,
) -> String {
    let why = format!(
        "failed to create mapping transform for {kind} import subject from \"{source}\" to \
         \"{destination}\": {why}"
    );
    import_error(kind, subject, &why)
}

const STREAM_NOT_AUTHORIZED: &str = "stream import not authorized";
const SERVICE_NOT_AUTHORIZED: &str = "service import not authorized";

refusals! {
    s132_the_global_account_is_reserved:
        "accounts { \"$G\" { users: [{ user: a, password: p }] } }" => "1:12: \"$G\" is a Reserved Account";
    s132_the_global_account_is_reserved_in_a_list:
        "accounts: [A, \"$G\"]" => "1:15: \"$G\" is a Reserved Account";
    s135_an_account_twice: "accounts: [A, B, A]" => "1:17: Duplicate Account Entry: A";
    s135_an_unknown_key: "accounts { A { foo: 1 } }" => "1:15: unknown field \"foo\"";
    s135_an_unknown_limit:
        "accounts { A { limits { max_foo: 1 } } }" => "1:24: Unknown field \"max_foo\" parsing account limits";
    s135_a_limit_that_is_no_number:
        "accounts { A { limits { max_conn: \"x\" } } }"
        => "1:24: interface conversion: interface {} is string, not int64";
    s135_an_account_that_is_no_map: "accounts { A: 1 }" => "1:11: Expected map entries for accounts";
    s135_a_key_that_is_none: "accounts { A { nkey: foo } }"
        => "1:15: Not a valid public nkey for an account: \"foo\"";
    s135_a_mapping_of_an_account:
        "accounts { A { mappings { \"foo.*\": \"bar.$2\" } } }"
        => "1:27: Error adding mapping for \"foo.*\" to \"bar.$2\" : invalid mapping destination: \
            wildcard index out of range in $2: [2]";
}

refusals! {
    s135_exports_that_are_no_list: "accounts { A { exports: 1 } }" => "1:15: Exports should be an array, got int64";
    s135_an_export_that_is_no_map:
        "accounts { A { exports: [ 1 ] } }" => "1:26: Export Items should be a map with type entry, got int64";
    s135_an_export_of_an_unknown_kind:
        "accounts { A { exports: [ { foo: 1 } ] } }" => "1:28: unknown field \"foo\"";
    s135_a_stream_with_responses:
        "accounts { A { exports: [ { stream: a, response_type: single } ] } }"
        => "1:39: Detected response directive on non-service";
    s135_an_unknown_response_type:
        "accounts { A { exports: [ { service: a, response_type: foo } ] } }"
        => "1:40: Unknown response type: \"foo\"";
    s135_a_threshold_that_is_a_number:
        "accounts { A { exports: [ { service: a, threshold: 1 } ] } }"
        => "1:40: Expected response threshold to be a parseable time duration, got int64";
    s135_a_threshold_that_is_no_duration:
        "accounts { A { exports: [ { service: a, threshold: \"x\" } ] } }"
        => "1:40: Expected response threshold to be a parseable time duration, got \"x\"";
    s135_a_service_for_an_unknown_account:
        "accounts { A { exports: [ { service: a, accounts: [Z] } ] } }"
        => "1:0: \"Z\" account not defined for service export";
    s135_a_stream_for_an_unknown_account:
        "accounts { A { exports: [ { stream: a, accounts: [Z] } ] } }"
        => "1:0: \"Z\" account not defined for stream export";
    s137_the_position_of_a_name_in_a_service:
        "accounts { A { exports: [ { service: \"a.b\", account_token_position: 2 } ] } }"
        => "1:0: Error adding service export \"a.b\": sublist: invalid subject";
    s137_the_position_of_a_name_in_a_stream:
        "accounts { A { exports: [ { stream: \"a.b\", account_token_position: 2 } ] } }"
        => "1:0: Error adding stream export \"a.b\": sublist: invalid subject";
    s137_the_position_of_a_name_behind_the_end:
        "accounts { A { exports: [ { service: \"a.*\", account_token_position: 5 } ] } }"
        => "1:0: Error adding service export \"a.*\": sublist: invalid subject";
}

refusals! {
    s158_a_stream_is_not_measured:
        "accounts { A { exports: [ { stream: a, latency: l } ] } }"
        => "1:39: Detected latency directive on non-service";
    s158_many_answers_are_not_measured:
        "accounts { SYS {}, A { exports: [{ service: a, response_type: stream, latency: l }] } }\nsystem_account: SYS"
        => "1:0: Error adding service latency sampling for \"a\" on subject \"l\": bad service response type";
    s158_a_wildcard_for_measurements:
        "accounts { A { exports: [ { service: a, latency: \"l.*\" } ] } }"
        => "1:0: Error adding service latency sampling for \"a\" on subject \"l.*\": invalid publish subject";
    s158_no_subject_for_measurements:
        "accounts { A { exports: [ { service: a, latency: { sampling: 100 } } ] } }"
        => "1:40: Latency subject required, but missing";
    s158_no_share: "accounts { A { exports: [ { service: a, latency: { subject: l, sampling: 0 } } ] } }"
        => "1:63: bad sampling percentage, should be 1-100";
    s158_more_than_all: "accounts { A { exports: [ { service: a, latency: { subject: l, sampling: 101 } } ] } }"
        => "1:63: bad sampling percentage, should be 1-100";
    s158_a_share_that_is_no_number:
        "accounts { A { exports: [ { service: a, latency: { subject: l, sampling: \"x\" } } ] } }"
        => "1:63: Failed to parse latency sample: strconv.Atoi: parsing \"x\": invalid syntax";
}

refusals! {
    s135_an_import_of_an_unknown_kind:
        "accounts { A { imports: [ { foo: 1 } ] } }" => "1:28: unknown field \"foo\"";
    s135_an_import_that_is_no_map:
        "accounts { A { imports: [ { stream: x } ] } }" => "1:28: Stream entry should be an account map, got string";
    s135_a_stream_without_subject:
        "accounts { A { imports: [ { stream: {account: A} } ] } }" => "1:28: Expect an account name and a subject";
    s135_a_stream_without_account:
        "accounts { A { imports: [ { stream: {subject: a} } ] } }" => "1:28: Expect an account name and a subject";
    s135_a_service_without_subject:
        "accounts { A { imports: [ { service: {account: A} } ] } }" => "1:28: Expect an account name and a subject";
    s135_a_service_without_account:
        "accounts { A { imports: [ { service: {subject: a} } ] } }" => "1:28: Expect an account name and a subject";
    s135_a_stream_of_an_unknown_account:
        between("", "{ stream: { account: Z, subject: x } }") => "1:0: \"Z\" account not defined for stream import";
    s135_a_service_of_an_unknown_account:
        between("", "{ service: { account: Z, subject: x } }") => "1:0: \"Z\" account not defined for service import";
    s135_a_stream_that_is_not_exported:
        between("{ service: x }", "{ stream: { account: A, subject: x } }")
        => import_error("stream", "x", STREAM_NOT_AUTHORIZED);
    s135_a_service_that_is_not_exported:
        between("{ stream: x }", "{ service: { account: A, subject: x } }")
        => import_error("service", "x", SERVICE_NOT_AUTHORIZED);
    s135_a_stream_for_others:
        between("{ stream: x, accounts: [C] }", "{ stream: { account: A, subject: x } }")
        => import_error("stream", "x", STREAM_NOT_AUTHORIZED);
    s135_a_service_for_others:
        between("{ service: x, accounts: [C] }", "{ service: { account: A, subject: x } }")
        => import_error("service", "x", SERVICE_NOT_AUTHORIZED);
    s135_more_of_a_stream_than_is_exported:
        between("{ stream: \"x.*\" }", "{ stream: { account: A, subject: \"x.>\" } }")
        => import_error("stream", "x.>", STREAM_NOT_AUTHORIZED);
    s135_more_of_a_service_than_is_exported:
        between("{ service: \"x.*\" }", "{ service: { account: A, subject: \"x.>\" } }")
        => import_error("service", "x.>", SERVICE_NOT_AUTHORIZED);
    s135_an_impossible_subject:
        between("{ stream: \">\" }", "{ stream: { account: A, subject: \"a..b\" } }")
        => import_error("stream", "a..b", STREAM_NOT_AUTHORIZED);
    s137_the_name_of_another_in_a_stream:
        between("{ stream: \"a.*\", account_token_position: 2 }", "{ stream: { account: A, subject: a.C } }")
        => import_error("stream", "a.C", STREAM_NOT_AUTHORIZED);
    s137_the_name_of_another_in_a_service:
        between("{ service: \"a.*\", account_token_position: 2 }", "{ service: { account: A, subject: a.C } }")
        => import_error("service", "a.C", SERVICE_NOT_AUTHORIZED);
    s137_all_names_of_a_stream:
        between("{ stream: \"a.*\", account_token_position: 2 }", "{ stream: { account: A, subject: \"a.*\" } }")
        => import_error("stream", "a.*", STREAM_NOT_AUTHORIZED);
    s137_all_names_of_a_service:
        between("{ service: \"a.*\", account_token_position: 2 }", "{ service: { account: A, subject: \"a.*\" } }")
        => import_error("service", "a.*", SERVICE_NOT_AUTHORIZED);
}

refusals! {
    s135_a_prefix_with_wildcards:
        between("{ stream: \"x.*\" }", "{ stream: { account: A, subject: \"x.*\" }, prefix: \"a.*\" }")
        => import_error("stream", "x.*", "stream import prefix can not contain wildcard tokens");
    s135_a_stream_twice:
        between("{ stream: \"x.*\" }",
            "{ stream: { account: A, subject: \"x.*\" } }, { stream: { account: A, subject: \"x.*\" }, prefix: f }")
        => import_error("stream", "x.*", "stream import already exists");
    s135_a_local_subject_twice:
        "accounts { A { exports: [{ service: \"x.*\" }] }\nB { imports: [\n\
         { service: { account: A, subject: x.a }, to: y }\n{ service: { account: A, subject: x.b }, to: y }\n] } }"
        => "4:49: Duplicate service import subject \"y\", previously used in import for account \"A\", subject \"x.a\"";
    s135_a_stream_that_loses_a_wildcard:
        between("{ stream: \"x.*\" }", "{ stream: { account: A, subject: \"x.*\" }, to: y }")
        => transform_error("stream", "x.*", "x.*", "y",
            "invalid mapping destination: not using all of the token wildcard(s) in y");
    s135_a_service_that_loses_a_wildcard:
        between("{ service: \"x.*\" }", "{ service: { account: A, subject: \"x.*\" }, to: y }")
        => transform_error("service", "x.*", "y", "x.*",
            "invalid mapping destination: not using all of the token wildcard(s) in y");
    s135_a_wildcard_that_is_not_there:
        between("{ stream: \"x.*\" }", "{ stream: { account: A, subject: \"x.*\" }, to: \"y.$2\" }")
        => transform_error("stream", "x.*", "x.*", "y.$2",
            "invalid mapping destination: wildcard index out of range in $2: [2]");
    s135_a_function_of_mappings:
        between("{ stream: \"x.*\" }", "{ stream: { account: A, subject: \"x.*\" }, to: \"y.{{partition(3,1)}}\" }")
        => transform_error("stream", "x.*", "x.*", "y.{{partition(3,1)}}",
            "invalid mapping destination: the only mapping function allowed for import transforms is \
             {{Wildcard()}} in {{partition(3,1)}}");
    s135_a_stream_that_loses_the_rest:
        between("{ stream: \"x.>\" }", "{ stream: { account: A, subject: \"x.>\" }, to: y }")
        => transform_error("stream", "x.>", "x.>", "y", "invalid subject");
    s135_a_service_that_loses_the_rest:
        between("{ service: \"x.>\" }", "{ service: { account: A, subject: \"x.>\" }, to: y }")
        => transform_error("service", "x.>", "y", "x.>", "invalid subject");
}

/// nats-server looks at the members of a map in no defined order, and reports what it finds first.
#[test]
fn s135_what_is_found_first_is_said() {
    let beside = |authorization: &str| {
        format!(
            "authorization {{ {authorization} }}\n\
             accounts {{ B {{ users: [{{user: x, password: p}}] }} }}"
        )
    };
    let rows = [
        (
            beside("users: [{user: x, password: p}]"),
            ["2:16: Duplicate user \"x\" detected", "1:0: Duplicate user \"x\" detected"],
        ),
        (
            beside("user: x, password: p"),
            [
                "2:16: Can not have a single user/pass and accounts",
                "1:0: Can not have a single user/pass and a users array",
            ],
        ),
        (
            beside("token: x"),
            [
                "2:16: Can not have a token and accounts",
                "1:0: Can not have a token and a users array",
            ],
        ),
        (
            "accounts { A { users: [{user: x, password: p}] }, \
             B { users: [{user: x, password: p}] } }"
                .to_owned(),
            ["1:54: Duplicate user \"x\" detected", "1:15: Duplicate user \"x\" detected"],
        ),
        (
            "accounts { A { exports: [ { stream: a, service: b } ] } }".to_owned(),
            [
                "1:39: Detected service \"b\" but already saw a stream",
                "1:28: Detected stream \"a\" but already saw a service",
            ],
        ),
        (
            "accounts { A { imports: [ { stream: {account: A, subject: x}, \
             service: {account: A, subject: x} } ] } }"
                .to_owned(),
            [
                "1:62: Detected service but already saw a stream",
                "1:28: Detected stream but already saw a service",
            ],
        ),
    ];
    for (config, texts) in rows {
        let ended = Launch::bare().flags(["-t"]).config(&*config).run();
        assert_eq!(ended.code, Some(1), "{config}: {ended:?}");
        let found = texts.iter().any(|text| says(&ended.stderr, text));
        assert!(found, "{config}\n expected one of {texts:#?}\n got {}", ended.stderr);
    }
}

#[test]
fn s135_a_prefix_and_a_name() {
    let config =
        between("{ stream: x }", "{ stream: { account: A, subject: x }, prefix: a, to: b }");
    let ended = Launch::bare().flags(["-t"]).config(&*config).run();
    // It sees that only when it happens to look at `prefix` first.
    if Program::under_test() == Program::NatsServer && ended.code == Some(0) {
        return;
    }
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let text = "1:112: Stream import can not have a 'prefix' and a 'to' property";
    assert!(ended.stderr.contains(text), "{ended:?}");
}

/// Accounts of a circle: each exports `exported` and imports `imported` from the next.
fn circle(kind: &str, names: &[&str], exported: &str, imported: &str) -> String {
    let accounts = names.iter().zip(names.iter().cycle().skip(1)).map(|(name, next)| {
        format!(
            "{name} {{ exports: [{{ {kind}: \"{exported}\" }}], \
             imports: [{{ {kind}: {{ account: {next}, subject: \"{imported}\" }} }}] }}\n"
        )
    });
    format!("accounts {{ {} }}", accounts.collect::<String>())
}

refusals! {
    s135_a_circle_of_two_services:
        circle("service", &["A", "B"], "x", "x") => import_error("service", "x", "import forms a cycle");
    s135_a_circle_of_three_services:
        circle("service", &["A", "B", "C"], "x", "x") => import_error("service", "x", "import forms a cycle");
    s135_a_circle_of_overlapping_services:
        circle("service", &["A", "B"], "x.>", "x.*") => import_error("service", "x.*", "import forms a cycle");
    s135_a_circle_of_two_streams:
        circle("stream", &["A", "B"], "x", "x") => import_error("stream", "x", "import forms a cycle");
    s135_a_circle_of_three_streams:
        circle("stream", &["A", "B", "C"], "x.>", "x.*") => import_error("stream", "x.*", "import forms a cycle");
}

#[test]
fn s135_a_circle_under_other_names() {
    let config = "accounts {\n\
         A { exports: [{ service: x }], imports: [{ service: { account: B, subject: y }, to: x }] }\n\
         B { exports: [{ service: y }], imports: [{ service: { account: A, subject: x }, to: y }] } }\n";
    let ended = Launch::bare().flags(["-t"]).config(config).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    // Which of the two is found first is not defined.
    let found = ["x", "y"].iter().any(|subject| {
        says(&ended.stderr, &import_error("service", subject, "import forms a cycle"))
    });
    assert!(found, "{ended:?}");
}

#[test]
fn s135_what_looks_like_a_circle() {
    accepted(
        "accounts {\n\
         A { exports: [{ service: x }], imports: [{ service: { account: B, subject: y }, to: z }] }\n\
         B { exports: [{ service: y }], imports: [{ service: { account: A, subject: x }, to: w }] } }\n",
    );
}

#[test]
fn s135_what_is_allowed() {
    for config in [
        between("{ stream: \"x.>\" }", "{ stream: { account: A, subject: \"x.*.b\" } }"),
        between("{ service: x, accounts: [] }", "{ service: { account: A, subject: x } }"),
        between("{ service: \"a.*\", account_token_position: 2 }", "{ service: { account: A, subject: a.B } }"),
        between("{ stream: \"a.*\", account_token_position: 2 }", "{ stream: { account: A, subject: a.B } }"),
        between("{ service: x, response: chunk }", "{ service: { account: A, subject: x }, share: true }"),
        between("{ service: x, response_time: \"2s\" }, { stream: x }", "{ stream: { account: A, subject: x }, to: y }"),
        between("{ service: x.a }, { service: x.b }",
            "{ service: { account: A, subject: x.a } }, { service: { account: A, subject: x.b }, to: y }"),
        "accounts { A { exports: [{ service: x }] }, C { exports: [{ service: x }] }\n\
         B { imports: [{ service: { account: A, subject: x } }, { service: { account: C, subject: x } }] } }"
            .to_owned(),
        "accounts: [A, B]".to_owned(),
    ] {
        accepted(&config);
    }
}

#[test]
fn s135_nothing_of_it_starts_or_is_reloaded() {
    let wrong = between("", "{ stream: { account: A, subject: x } }");
    let ended = Launch::new().config(&*wrong).run();
    let text = import_error("stream", "x", STREAM_NOT_AUTHORIZED);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(says(&ended.stderr, &text), "{ended:?}");

    let server = Launch::new().config("accounts { A {} }\n").start();
    let mut session = server.client("");
    std::fs::write(server.directory().join("server.conf"), wrong).expect("a file can be written");
    server.signal(libc::SIGHUP);
    server.expect_log("Error adding stream import \"x\": stream import not authorized");
    session.expect_open();
    server.client("").expect_open();
}

#[test]
fn s132_a_system_account_that_is_not_there() {
    let ended = Launch::new().config("system_account: NOPE\naccounts { A {} }\n").run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let text = "error resolving system account: account missing";
    assert!(ended.stderr.contains(text), "{ended:?}");
}
