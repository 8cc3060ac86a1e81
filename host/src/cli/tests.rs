//! Checklist items 35 to 46 of the reference's chapter 7, as far as they need no running server.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::options::{Listen, Options, TlsOptions, User};

fn words(line: &[&str]) -> Vec<OsString> {
    line.iter().map(OsString::from).collect()
}

fn flags(line: &[&str]) -> Flags {
    match parse(words(line)) {
        Ok(Command::Run(flags)) => flags,
        other => panic!("{line:?}: {other:?}"),
    }
}

fn applied(line: &[&str], mut options: Options) -> Options {
    flags(line).apply(&mut options).unwrap();
    options
}

#[test]
fn bad_flags_are_told_in_nats_servers_words() {
    let rows: &[(&[&str], &str)] = &[
        (&["-bogus"], "flag provided but not defined: -bogus"),
        (&["--bogus=1"], "flag provided but not defined: -bogus"),
        (&["--js", "--nosuch"], "flag provided but not defined: -nosuch"),
        (&["-p", "abc"], r#"invalid value "abc" for flag -p: parse error"#),
        (&["--port=abc"], r#"invalid value "abc" for flag -port: parse error"#),
        (&["-p="], r#"invalid value "" for flag -p: parse error"#),
        (
            &["-p", "99999999999999999999"],
            r#"invalid value "99999999999999999999" for flag -p: value out of range"#,
        ),
        (&["-p"], "flag needs an argument: -p"),
        (&["--cluster"], "flag needs an argument: -cluster"),
        (&["-T=maybe"], r#"invalid boolean value "maybe" for -T: parse error"#),
        (&["-DV=x"], r#"invalid boolean value "x" for -DV: parse error"#),
        (&["---x"], "bad flag syntax: ---x"),
        (&["-=x"], "bad flag syntax: -=x"),
        // A wrong flag counts even behind one that would print and exit.
        (&["-v", "-p", "abc"], r#"invalid value "abc" for flag -p: parse error"#),
    ];
    for (line, text) in rows {
        assert_eq!(parse(words(line)), Err(CliError::Usage((*text).to_owned())), "{line:?}");
    }
}

#[test]
fn what_contradicts_itself_is_refused_in_nats_servers_words() {
    let rows: &[(&[&str], &str)] = &[
        (&["foo"], r#"unrecognized command: "foo""#),
        (&["-T", "maybe"], r#"unrecognized command: "maybe""#),
        (&["-js", "true"], r#"unrecognized command: "true""#),
        (&["--", "foo"], r#"unrecognized command: "foo""#),
        (&["-"], r#"unrecognized command: "-""#),
        (&["-v=false", "foo"], r#"unrecognized command: "foo""#),
        (&["-t"], "must specify [-c, --config] option to check configuration file syntax"),
        (&["-sl", "reload=1=2"], "invalid signal parameters: [2]"),
        (&["-n", "a b"], "server name cannot contain spaces"),
        (
            &["--cluster", "127.0.0.1:6222"],
            r#"parse "127.0.0.1:6222": first path segment in URL cannot contain colon"#,
        ),
        (&["--cluster", "nats://h"], "address h: missing port in address"),
        (&["--cluster", "nats://u@h:1"], "expected cluster password to be set"),
        (&["--cluster", "nats://h:abc"], r#"parse "nats://h:abc": invalid port ":abc" after host"#),
        (
            &["--routes", "nats://a:1"],
            "solicited routes require cluster capabilities, e.g. --cluster",
        ),
    ];
    for (line, text) in rows {
        assert_eq!(parse(words(line)), Err(CliError::Refused((*text).to_owned())), "{line:?}");
    }
}

#[test]
fn a_refused_cluster_url_does_not_show_its_password() {
    let error = parse(words(&["--cluster", "nats://u:secret@h:abc"])).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn words_pick_the_command() {
    let rows: &[(&[&str], Command)] = &[
        (&[], Command::Run(Flags::default())),
        (&["--version"], Command::Version),
        (&["-version"], Command::Version),
        (&["-v"], Command::Version),
        (&["version", "x"], Command::Version),
        (&["VERSION"], Command::Version),
        (&["-p", "5", "version"], Command::Version),
        (&["--", "version"], Command::Version),
        (&["-h"], Command::Help),
        (&["--help"], Command::Help),
        (&["Help", "-v"], Command::Help),
        (&["-v", "-h"], Command::Version),
        (&["--help_tls"], Command::HelpTls),
        (
            &["--signal", "ldm=12"],
            Command::Signal { command: "ldm".to_owned(), target: "12".to_owned() },
        ),
        (
            &["-sl=quit=a/b"],
            Command::Signal { command: "quit".to_owned(), target: "a/b".to_owned() },
        ),
        (
            &["-sl", "reload"],
            Command::Signal { command: "reload".to_owned(), target: String::new() },
        ),
        (&["-sl", ""], Command::Run(Flags::default())),
        (
            &["-t", "-c", "x.conf"],
            Command::CheckConfig(Flags {
                config: Some(PathBuf::from("x.conf")),
                ..Flags::default()
            }),
        ),
    ];
    for (line, command) in rows {
        assert_eq!(parse(words(line)).as_ref(), Ok(command), "{line:?}");
    }
}

#[test]
fn one_dash_is_two_dashes_and_equals_is_a_space_and_the_last_one_counts() {
    let expected = Flags { port: Some(4333), ..Flags::default() };
    for line in [
        &["-p", "4333"][..],
        &["--p", "4333"],
        &["-port=4333"],
        &["--port=4333"],
        &["-p", "1", "--port", "4333"],
        &["-p=4_333"],
    ] {
        assert_eq!(flags(line), expected, "{line:?}");
    }
    assert_eq!(flags(&["-user=a=b"]).user.as_deref(), Some("a=b"), "only the first = splits");
    assert_eq!(flags(&["-user", "-x"]).user.as_deref(), Some("-x"), "a value may look like a flag");
    assert_eq!(flags(&["--cluster_name", "\"a\""]).cluster_name.as_deref(), Some("\"a\""));
    for line in [&["-T=f"][..], &["--logtime=0"], &["-T", "-T=FALSE"]] {
        assert_eq!(flags(line).logtime, Some(false), "{line:?}");
    }
}

#[test]
fn file_names_may_be_any_bytes() {
    let name = OsString::from_vec(vec![b'x', 0xff]);
    let line = vec![OsString::from("-c"), name.clone()];
    let Ok(Command::Run(flags)) = parse(line) else { panic!("refused") };
    assert_eq!(flags.config, Some(PathBuf::from(name)));
}

#[test]
fn every_name_of_the_table_is_there_once_and_fills_a_slot_of_its_own() {
    let mut seen = std::collections::BTreeSet::new();
    let mut slots = std::collections::BTreeSet::new();
    for flag in table::FLAGS {
        for name in flag.names {
            assert!(seen.insert(*name), "{name} twice");
        }
        let mut before = Line::default();
        let value = match flag.slot {
            Slot::Bool(slot) => {
                *slot(&mut before) = Some(true);
                None
            }
            Slot::Int(_) => Some("1"),
            _ => Some("x"),
        };
        if let Some(value) = value {
            store(flag.slot, &mut before, value.into()).unwrap();
        }
        let filled = [
            before.check.is_some(),
            before.signal.is_some(),
            before.version.is_some(),
            before.help.is_some(),
            before.help_tls.is_some(),
            before.flags != Flags::default(),
        ];
        assert_eq!(filled.iter().filter(|filled| **filled).count(), 1, "{:?}", flag.names);
        let slot = format!("{filled:?} {:?}", before.flags);
        assert!(slots.insert(slot), "{:?} shares a slot", flag.names);
    }
    // The reference's list (3.1), aliases included.
    for name in "a addr net p port n name server_name P pid m http_port ms https_port c config t \
                 sl signal client_advertise ports_file_dir l log log_size_limit T logtime \
                 logtime_utc s syslog r remote_syslog D debug V trace VV DV DVV \
                 max_traced_msg_len js jetstream sd store_dir user pass auth tls tlscert tlskey \
                 tlsverify tlscacert routes cluster cluster_listen cluster_name cluster_advertise \
                 no_advertise connect_retries profile v version h help help_tls"
        .split_whitespace()
    {
        assert!(seen.remove(name), "{name} missing");
    }
    let seen: Vec<&str> = seen.into_iter().collect();
    assert_eq!(seen, ["shards"], "flags nats-server does not know");
}

#[test]
fn the_usage_has_all_sections_in_order_and_every_flag() {
    let usage = Program::NatsServer.usage();
    assert!(usage.starts_with("\nUsage: nats-server [options]\n\nServer Options:\n    -a, --addr"));
    let headings: Vec<&str> = usage.lines().filter(|line| line.ends_with("Options:")).collect();
    assert_eq!(
        headings,
        [
            "Server Options:",
            "Logging Options:",
            "JetStream Options:",
            "Authorization Options:",
            "TLS Options:",
            "Cluster Options:",
            "Profiling Options:",
            "Common Options:"
        ]
    );
    for flag in table::FLAGS {
        for name in flag.names {
            let short = name.len() <= 3;
            let shown = if short { format!("-{name}") } else { format!("--{name}") };
            assert!(usage.contains(&shown), "{shown}");
        }
    }
    assert!(usage.contains("\n    -p, --port <port>                Port to listen on"), "{usage}");
    assert!(Program::Nervure.usage().starts_with("\nUsage: nervure [options]\n"));
}

#[test]
fn the_tls_help_lists_suites_under_their_iana_names() {
    let text = Program::Nervure.tls_help();
    for name in ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "X25519"] {
        assert!(text.contains(&format!("\n    {name}\n")), "{name}: {text}");
    }
}

#[test]
fn the_invoked_name_decides_what_the_program_calls_itself() {
    for argv0 in ["nats-server", "./nats-server", "/usr/bin/nats-server"] {
        let program = Program::of(OsStr::new(argv0));
        assert_eq!(program.version_line(), "nats-server: v2.15.1\n", "{argv0}");
    }
    for argv0 in ["nervure", "/x/nats-server/nervure", "", "nats-server2"] {
        let line = Program::of(OsStr::new(argv0)).version_line();
        assert!(line.starts_with("nervure: v2.15.1 (nervure "), "{argv0}: {line}");
    }
}

#[test]
fn errors_are_reported_where_nats_server_reports_them() {
    let report = |error: CliError| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        error.report(Program::NatsServer, &mut out, &mut err).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    };
    let (out, err) = report(CliError::Usage("flag needs an argument: -p".to_owned()));
    assert_eq!(err, "flag needs an argument: -p\n");
    assert_eq!(out, Program::NatsServer.usage());
    let (out, err) = report(CliError::Refused("no".to_owned()));
    assert_eq!((out.as_str(), err.as_str()), ("", "nats-server: no\n"));
}

#[test]
fn given_flags_win_even_when_they_equal_the_default() {
    let mut file = Options::default();
    file.log.debug = true;
    file.log.logtime = false;
    file.listen = Listen { host: "10.0.0.1".to_owned(), port: 5000 };
    let same = applied(&[], file.clone());
    assert_eq!(same, file, "no flags change nothing");
    let options =
        applied(&["-D=false", "-T", "-p", "4222", "-a", "0.0.0.0", "-c", "x"], file.clone());
    assert_eq!(options.listen, Listen { host: "0.0.0.0".to_owned(), port: 4222 });
    assert!(!options.log.debug);
    assert!(options.log.logtime);
    assert_eq!(options.config_file, Some(PathBuf::from("x")));
}

#[test]
fn ports_mean_what_they_mean_to_nats_server() {
    let port = |line: &[&str]| applied(line, Options::default()).listen.port;
    assert_eq!(port(&["-p", "-1"]), 0, "any");
    assert_eq!(port(&["-p", "0"]), 4222, "the default");
    assert_eq!(port(&["-p", "65535"]), 65535);
    for number in ["70000", "-5"] {
        let error = flags(&["-p", number]).apply(&mut Options::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("listen tcp: address {number}: invalid port"));
    }
}

#[test]
fn shards_are_counted_within_bounds() {
    assert_eq!(applied(&["--shards", "3"], Options::default()).shards, 3);
    for number in ["-1", "257"] {
        let error = flags(&["--shards", number]).apply(&mut Options::default()).unwrap_err();
        let expected = format!("shards must be between 0 and 256, not {number}");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn the_monitoring_host_is_its_own_or_the_clients() {
    let http = |line: &[&str], http: Option<Listen>| {
        applied(line, Options { http, ..Options::default() }).http
    };
    let listen = |host: &str, port| Some(Listen { host: host.to_owned(), port });
    assert_eq!(http(&["-m", "8222"], None), listen("0.0.0.0", 8222));
    assert_eq!(http(&["-m", "-1", "-a", "h"], None), listen("h", 0));
    assert_eq!(http(&["-a", "h"], listen("", 8222)), listen("h", 8222));
    assert_eq!(http(&["-a", "h"], listen("m", 8222)), listen("m", 8222));
    assert_eq!(http(&["-m", "9"], listen("m", 8222)), listen("m", 9));
    assert_eq!(http(&["-m", "0"], listen("m", 8222)), None);
    assert_eq!(applied(&["-ms", "9"], Options::default()).https, listen("0.0.0.0", 9));
}

#[test]
fn log_flags_set_what_they_stand_for() {
    let log = |line: &[&str]| applied(line, Options::default()).log;
    let levels = |line: &[&str]| {
        let log = log(line);
        (log.debug, log.trace, log.trace_verbose)
    };
    assert_eq!(levels(&["-D"]), (true, false, false));
    assert_eq!(levels(&["-V"]), (false, true, false));
    assert_eq!(levels(&["-VV"]), (false, true, true));
    assert_eq!(levels(&["-DV"]), (true, true, false));
    assert_eq!(levels(&["-DVV"]), (true, true, true));
    let log = log(&[
        "-l",
        "x.log",
        "--log_size_limit",
        "100",
        "-logtime_utc",
        "-T=false",
        "--max_traced_msg_len=7",
    ]);
    assert_eq!(log.file, Some(PathBuf::from("x.log")));
    assert_eq!((log.size_limit, log.max_traced_msg_len), (100, 7));
    assert_eq!((log.logtime, log.logtime_utc), (false, true));
}

/// Rows: flags, user of the file, token of the file, expected users as name:password, token.
#[test]
fn credentials_of_flags_meet_those_of_the_file_as_observed() {
    type Row<'a> = (&'a [&'a str], &'a [&'a str], Option<&'a str>, &'a [&'a str], Option<&'a str>);
    let rows: &[Row<'_>] = &[
        (&["--user", "u", "--pass", "p"], &[], None, &["u:p"], None),
        (&["-user", "u"], &[], None, &["u:"], None),
        (&["--pass", "p"], &[], None, &[], None),
        (&["--auth", "t"], &[], None, &[], Some("t")),
        (&["--auth", "t", "--user", "u", "--pass", "p"], &[], None, &[], Some("t")),
        (&["--pass", "p"], &["a:b"], None, &["a:p"], None),
        (&["--user", "u"], &["a:b"], None, &["u:b"], None),
        (&["--user", ""], &["a:b"], None, &[], None),
        (&["--user", "u", "--pass", "p"], &["a:b", "c:d"], None, &["a:b", "c:d"], None),
        (&["--user", "u", "--pass", "p"], &[], Some("b"), &[], Some("b")),
        (&["--auth", ""], &["a:b"], Some("b"), &["a:b"], None),
    ];
    let user = |text: &&str| {
        let (name, password) = text.split_once(':').unwrap();
        User { name: name.to_owned(), password: password.to_owned(), ..User::default() }
    };
    for (line, users, token, want_users, want_token) in rows {
        let mut options = Options::default();
        options.auth.users = users.iter().map(user).collect();
        options.auth.token = token.map(str::to_owned);
        let auth = applied(line, options).auth;
        let got: Vec<String> =
            auth.users.iter().map(|user| format!("{}:{}", user.name, user.password)).collect();
        assert_eq!(got, *want_users, "{line:?}");
        assert_eq!(auth.token.as_deref(), *want_token, "{line:?}");
    }
}

#[test]
fn tls_flags_turn_tls_on_with_their_own_certificate() {
    let file = || Options {
        tls: Some(TlsOptions {
            certs: vec![(PathBuf::from("f"), PathBuf::from("g"))],
            timeout: Some(Duration::from_secs(7)),
            ..TlsOptions::default()
        }),
        ..Options::default()
    };
    let error = |line: &[&str], mut options| flags(line).apply(&mut options).unwrap_err();
    let no_cert = "TLS Server certificate must be present and valid";
    assert_eq!(error(&["--tls"], Options::default()).to_string(), no_cert);
    assert_eq!(error(&["--tlsverify=false"], Options::default()).to_string(), no_cert);
    assert_eq!(error(&["--tlsverify"], file()).to_string(), no_cert);
    assert_eq!(
        error(&["--tlscert", "x"], file()).to_string(),
        "TLS Server private key must be present and valid"
    );
    assert_eq!(applied(&["--tls=false"], file()).tls, None);
    assert_eq!(applied(&["--tls=false", "--tlscert", "x"], Options::default()).tls, None);
    let line = ["-tlscert", "c", "-tlskey", "k", "-tlscacert", "a", "--tlsverify"];
    assert_eq!(
        applied(&line, file()).tls,
        Some(TlsOptions {
            certs: vec![(PathBuf::from("c"), PathBuf::from("k"))],
            ca_file: Some(PathBuf::from("a")),
            verify: true,
            timeout: Some(Duration::from_secs(7)),
            ..TlsOptions::default()
        })
    );
}

#[test]
fn client_advertise_is_a_host_with_or_without_port() {
    let listen = |text: &str| {
        let advertise = applied(&["--client_advertise", text], Options::default()).client_advertise;
        advertise.map(|listen| (listen.host, listen.port))
    };
    let some = |host: &str, port| Some((host.to_owned(), port));
    assert_eq!(listen("h"), some("h", 0));
    assert_eq!(listen("h:5"), some("h", 5));
    assert_eq!(listen("h:-1"), some("h", 0));
    assert_eq!(listen("[::1]:5"), some("::1", 5));
    assert_eq!(listen("::1"), some("::1", 0));
    assert_eq!(listen(""), None);
    for text in ["a:b", "a:", "[::1", "[::1]x", "a:70000"] {
        let error =
            flags(&["--client_advertise", text]).apply(&mut Options::default()).unwrap_err();
        assert!(error.to_string().starts_with("invalid client_advertise"), "{text}: {error}");
    }
}

#[test]
fn flags_of_later_versions_warn_when_they_ask_for_something() {
    let warnings = |line: &[&str]| applied(line, Options::default()).not_yet;
    assert_eq!(warnings(&["-js"]), ["flag \"-js\" is accepted but not yet acted upon"]);
    assert_eq!(warnings(&["--store_dir", "x"]), [""; 0]);
    assert_eq!(warnings(&["-js=false", "--cluster", "", "--routes", ""]), [""; 0]);
    let line = ["--cluster", "nats://u:p@127.0.0.1:-1", "--routes", "nats://a:1,nats://b:2"];
    assert_eq!(
        warnings(&line),
        [
            "flag \"--routes\" is accepted but not yet acted upon",
            "flag \"--cluster\" is accepted but not yet acted upon"
        ]
    );
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let flags = flags(&[
        "--pass",
        "hunter2",
        "--auth",
        "hunter2",
        "--cluster",
        "nats://u:hunter2@h:1",
        "--routes",
        "nats://u:hunter2@h:1",
    ]);
    let shown = format!("{flags:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("[REDACTED]"));
}

#[test]
fn users_of_accounts_bear_no_flag_that_names_another_way_in() {
    let mut options = Options::default();
    let account = Some("A".to_owned());
    options.auth.users = vec![User { name: "a".to_owned(), account, ..User::default() }];
    let rows: &[(&[&str], Option<&str>)] = &[
        (&["--user", "x"], Some("Can not have a single user/pass and accounts")),
        (&["--auth", "t", "--user", "x"], Some("Can not have a single user/pass and accounts")),
        (&["--auth", "t"], Some("Can not have a token and accounts")),
        (&["--pass", "y"], None),
        (&[], None),
    ];
    for (line, expected) in rows {
        let mut applied = options.clone();
        let error = flags(line).apply(&mut applied).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), *expected, "{line:?}");
        assert_eq!(applied.auth.users, options.auth.users, "{line:?}");
    }
}
