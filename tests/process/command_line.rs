//! Flags, words, and what is said about wrong ones (sections 3.1 and 3.2).

use harness::{Finished, Launch, PATIENCE, Program};

fn run(flags: &[&str]) -> Finished {
    Launch::bare().flags(flags).run()
}

#[test]
fn the_version_is_told_in_three_spellings_and_is_that_of_info() {
    let server = Launch::new().start();
    let session = server.session();
    let version = session.info()["version"].as_str().unwrap_or_default();
    let expected = format!("nats-server: v{version}\n");
    for spelling in ["--version", "-version", "-v", "--v", "version", "VERSION"] {
        let ended = run(&[spelling]);
        assert_eq!((ended.code, &*ended.stdout), (Some(0), &*expected), "{spelling}: {ended:?}");
        assert_eq!(ended.stderr, "", "{spelling}");
    }
}

#[test]
fn help_is_on_standard_output() {
    for spelling in ["--help", "-h", "help"] {
        let ended = run(&[spelling]);
        assert_eq!(ended.code, Some(0), "{spelling}: {ended:?}");
        assert!(ended.stdout.contains("Usage: nats-server [options]\n"), "{spelling}: {ended:?}");
        for section in ["Server Options:", "Logging Options:", "TLS Options:", "Common Options:"] {
            assert!(ended.stdout.contains(section), "{spelling}: no {section}");
        }
        for flag in ["--addr", "--port", "--config", "--signal", "--ports_file_dir", "--log"] {
            assert!(ended.stdout.contains(flag), "{spelling}: no {flag}");
        }
    }
}

#[test]
fn a_wrong_flag_is_named_on_standard_error_with_usage_on_standard_output() {
    for (flags, message) in [
        (&["-bogus"][..], "flag provided but not defined: -bogus"),
        (&["--bogus=1"], "flag provided but not defined: -bogus"),
        (&["-p", "abc"], "invalid value \"abc\" for flag -p: parse error"),
        (&["-p"], "flag needs an argument: -p"),
        (&["-T=maybe"], "invalid boolean value \"maybe\" for -T: parse error"),
    ] {
        let ended = run(flags);
        assert!(ended.stderr.starts_with(message), "{flags:?}: {ended:?}");
        assert!(ended.stdout.contains("Usage: nats-server [options]"), "{flags:?}: {ended:?}");
        // nats-server calls it a success; scripts are better off with the truth.
        let status = match Program::under_test() {
            Program::NatsServer => 0,
            Program::Nervure => 1,
        };
        assert_eq!(ended.code, Some(status), "{flags:?}: {ended:?}");
    }
}

#[test]
fn a_word_that_is_no_command_ends_with_status_1() {
    let ended = run(&["foo"]);
    assert_eq!(ended.stderr.trim_end(), "nats-server: unrecognized command: \"foo\"");
    assert_eq!(ended.code, Some(1));
}

#[test]
fn dashes_and_equals_signs_are_as_one_likes_and_the_last_wins() {
    let host = ["-a=127.0.0.1", "--p=1", "-port", "-1", "--name", "first", "-server_name=second"];
    let server = Launch::bare().flags(host).start();
    let session = server.session();
    assert_eq!(session.info()["server_name"], "second");
    assert_eq!(session.info()["host"], "127.0.0.1");
}

#[test]
fn flags_override_the_file_wherever_they_stand() {
    let launch = Launch::bare();
    let file = launch.directory().join("elsewhere.conf");
    let config = "port: 1\nhost: 192.0.2.1\nmax_payload: 77\ndebug: true\nlogtime: false\n";
    std::fs::write(&file, config).expect("a scratch file can be written");
    let file = file.to_string_lossy().into_owned();
    let flags = ["-p", "-1", "-c", &file, "-a", "127.0.0.1", "-D=false", "-T"];
    let server = launch.flags(flags).start();
    assert_eq!(server.session().info()["max_payload"], 77);
    let log = server.log();
    assert!(!log.contains("[DBG]"), "-D=false beats debug: true:\n{log}");
    let stamped = log.lines().all(|line| line.matches('/').count() >= 2);
    assert!(stamped, "-T beats logtime: false:\n{log}");
}

#[test]
fn credentials_as_flags() {
    let server = Launch::new().flags(["--user", "u", "--pass", "p"]).start();
    server.client(r#""user":"u","pass":"p""#).expect_open();
    let server = Launch::new().flags(["-auth", "t"]).start();
    server.client(r#""auth_token":"t""#).expect_open();
}

#[test]
fn a_busy_port_is_fatal() {
    let server = Launch::new().monitoring().start();
    let (port, monitoring) = (server.port().to_string(), server.monitoring_port().to_string());
    let ended = Launch::bare().flags(["-a", "127.0.0.1", "-p", &port]).run();
    let expected = format!("[FTL] Error listening on port: 127.0.0.1:{port}, \"listen tcp ");
    assert!(ended.stderr.contains(&expected), "{ended:?}");
    assert!(ended.stderr.contains("bind: address already in use"), "{ended:?}");
    assert_eq!(ended.code, Some(1));
    let ended = Launch::new().flags(["-m", &monitoring]).run();
    let expected = "[FTL] Can't start monitoring: can't listen to the monitor port: listen tcp ";
    assert!(ended.stderr.contains(expected), "{ended:?}");
    assert_eq!(ended.code, Some(1));
}

#[test]
fn two_monitoring_ports_are_fatal() {
    let ended = Launch::new().flags(["-m", "1", "-ms", "2"]).run();
    let expected = "[FTL] Can't start monitoring: can't specify both HTTP (1) and HTTPs (2) ports";
    assert!(ended.stderr.contains(expected), "{ended:?}");
    assert_eq!(ended.code, Some(1));
}

#[test]
fn a_busy_websocket_port_is_fatal() {
    let busy = Launch::new().start();
    let port = busy.port();
    let config = format!("websocket {{ listen: '127.0.0.1:{port}', no_tls: true }}\n");
    let ended = Launch::new().config(config).run();
    let expected = "[FTL] Unable to listen for websocket connections: listen tcp ";
    assert!(ended.stderr.contains(expected), "{ended:?}");
    assert_eq!(ended.code, Some(1));
}

#[test]
fn https_without_a_certificate_is_fatal() {
    let ended = Launch::new().flags(["-ms", "-1"]).run();
    let expected = "[FTL] Can't start monitoring: TLS cert and key required for HTTPS";
    assert!(ended.stderr.contains(expected), "{ended:?}");
    assert_eq!(ended.code, Some(1));
}

#[test]
fn a_failed_start_says_why_at_once() {
    let start = std::time::Instant::now();
    let ended = Launch::new().config("\"port\": : \"x\"\n").run();
    assert_ne!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.starts_with("nats-server: "), "{ended:?}");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}
