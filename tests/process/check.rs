//! `-t`, and starting with files that are not quite right (sections 2.15 and 3.2).

use harness::{Finished, Launch};

fn check(config: &str) -> Finished {
    Launch::bare().flags(["-t"]).config(config).run()
}

#[test]
fn a_good_file_is_valid_with_its_digest_and_nothing_is_started() {
    let busy = Launch::new().start();
    let ended = check(&format!("listen: 127.0.0.1:{}\n", busy.port()));
    assert_eq!((ended.code, &*ended.stdout), (Some(0), ""), "{ended:?}");
    let line = ended.stderr.trim_end();
    let digest = line
        .strip_prefix("nats-server: configuration file ")
        .and_then(|rest| rest.split_once("server.conf is valid (sha256:"))
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .unwrap_or_else(|| panic!("{ended:?}"));
    assert!(
        digest.len() == 64 && digest.bytes().all(|octet| octet.is_ascii_hexdigit()),
        "{digest}"
    );
}

#[test]
fn the_digest_is_that_of_the_meaning() {
    let digest = |config: &str| {
        let said = check(config).stderr;
        said.rsplit_once("(sha256:").map(|(_, digest)| digest.to_owned())
    };
    let one = digest("port: 4333 # comment\nserver_name = 'a'\nmax_payload: 8kb\n");
    assert!(one.is_some());
    assert_eq!(one, digest("max_payload 8192\n// other\nserver_name: \"a\", port=4333\n"));
    assert_eq!(one, digest("{\"max_payload\": 8192, \"port\": 4333, \"server_name\": \"a\"}\n"));
    assert_ne!(one, digest("port: 4334\nserver_name = 'a'\nmax_payload: 8kb\n"));
}

#[test]
fn a_check_wants_a_file() {
    let ended = Launch::bare().flags(["-t"]).run();
    let expected =
        "nats-server: must specify [-c, --config] option to check configuration file syntax";
    assert_eq!((ended.code, ended.stderr.trim_end()), (Some(1), expected));
}

#[test]
fn a_missing_file_is_named() {
    for flags in [&["-c", "/nope.conf"][..], &["-t", "-c", "/nope.conf"]] {
        let ended = Launch::bare().flags(flags).run();
        let expected = "nats-server: open /nope.conf: no such file or directory";
        assert_eq!((ended.code, ended.stderr.trim_end()), (Some(1), expected), "{flags:?}");
    }
}

#[test]
fn an_unknown_key_is_named_with_its_place() {
    for launch in [Launch::bare().flags(["-t"]), Launch::new()] {
        let ended = launch.config("debug: false\nunheard_of: 1\n").run();
        let expected = "server.conf:2:1: unknown field \"unheard_of\"";
        assert!(ended.stderr.contains(expected), "{ended:?}");
        assert!(ended.stderr.starts_with("nats-server: "), "{ended:?}");
        assert_eq!(ended.code, Some(1), "{ended:?}");
    }
}

#[test]
fn all_errors_are_reported_in_one_run() {
    let ended = check("first_wrong: 1\nsecond_wrong: 2\nmax_payload: \"x\"\n");
    for place in ["1:0: unknown field", "2:1: unknown field", "3:1: interface conversion"] {
        assert!(ended.stderr.contains(&format!("server.conf:{place}")), "{place}: {ended:?}");
    }
    assert_eq!(ended.code, Some(1));
}

#[test]
fn a_warning_fails_a_check_but_not_a_start() {
    assert_eq!(check("").code, Some(1), "an empty file is a warning");
    let server = Launch::new().config("").start();
    server.client("").expect_open();
}

#[test]
fn what_only_a_start_can_know_passes_a_check() {
    let config = "max_pending: 1000\n";
    assert_eq!(check(config).code, Some(0));
    let ended = Launch::new().config(config).run();
    let expected = "nats-server: max_payload (1048576) cannot be higher than max_pending (1000)";
    assert_eq!((ended.code, ended.stderr.trim_end()), (Some(1), expected));
}

#[test]
fn a_short_lame_duck_is_refused() {
    let ended = check("lame_duck_duration: \"10s\"\n");
    let expected = "invalid lame_duck_duration of 10s, minimum is 30 seconds";
    assert!(ended.stderr.contains(expected), "{ended:?}");
    assert_eq!(ended.code, Some(1));
}
