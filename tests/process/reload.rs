//! SIGHUP (section 3.10).

use harness::tls::Certificates;
use harness::{Bystanders, Launch, Scratch, Server, Session, eventually};

/// The limit that new clients are told.
fn max_payload(server: &Server) -> u64 {
    let session: Session = server.session();
    session.info()["max_payload"].as_u64().unwrap_or_default()
}

/// Rewrites the file, signals, and waits for the refusal.
fn refused(server: &Server, config: &str) -> String {
    let file = server.directory().join("server.conf");
    std::fs::write(file, config).expect("a scratch file can be written");
    server.signal(libc::SIGHUP);
    server.expect_log("[ERR] Failed to reload server configuration: ")
}

#[test]
fn a_reload_says_what_it_changed() {
    let server = Launch::new().monitoring().config("max_payload: 1000\n").start();
    let before = server.varz();
    server.reload("max_payload: 2048\n");
    server.expect_log("Trapped \"hangup\" signal");
    server.expect_log("[INF] Reloaded: max_payload = 2048");
    server.expect_log("[INF] Reloaded server configuration (sha256:");
    assert_eq!(max_payload(&server), 2048);
    let after = server.varz();
    assert_eq!(after["max_payload"], 2048);
    assert_ne!(after["config_digest"], before["config_digest"]);
    assert_ne!(after["config_load_time"], before["config_load_time"]);
    assert_eq!(after["port"], server.port(), "a port chosen at the start stays");
}

#[test]
fn without_a_file_there_is_nothing_to_reload() {
    let server = Launch::new().start();
    server.signal(libc::SIGHUP);
    server.expect_log(
        "[ERR] Failed to reload server configuration: \
         can only reload config when a file is provided using -c or --config",
    );
    server.client("").expect_open();
}

#[test]
fn a_file_with_errors_leaves_everything_as_it_was() {
    for config in
        ["max_payload: 2000\nunheard_of: 1\n", "max_payload: 2000\nx: {", "max_payload: x\n"]
    {
        let server = Launch::new().monitoring().config("max_payload: 1000\n").start();
        let before = server.varz();
        refused(&server, config);
        assert_eq!(max_payload(&server), 1000, "{config:?}");
        assert_eq!(server.varz()["config_digest"], before["config_digest"], "{config:?}");
        server.reload("max_payload: 3000\n");
        assert_eq!(max_payload(&server), 3000, "and the next reload works");
    }
}

#[test]
fn a_change_that_cannot_be_reloaded_refuses_all() {
    let server = Launch::new().config("max_payload: 1000\n").start();
    let line = refused(&server, "max_payload: 2000\nmax_pending: 5000000\n");
    assert!(line.contains("config reload not supported for MaxPending: old="), "{line}");
    assert_eq!(max_payload(&server), 1000);
}

/// What cannot change, and the line that says so, in nats-server's order.
const FIXED: [(&str, &str); 21] = [
    ("server_name: x", "ServerName: old=, new=x"),
    ("host: \"127.0.0.2\"", "Host: old=127.0.0.1, new=127.0.0.2"),
    ("port: 1", "Port: old=PORT, new=1"),
    ("no_header_support: true", "NoHeaderSupport: old=false, new=true"),
    ("max_subs: 5", "MaxSubs: old=0, new=5"),
    ("max_sub_tokens: 5", "MaxSubTokens: old=0, new=5"),
    ("no_auth_user: a", "NoAuthUser: old=, new=a"),
    ("proxy_protocol: true", "ProxyProtocol: old=false, new=true"),
    ("http_port: 1", "HTTPPort: old=0, new=1"),
    ("http_base_path: \"/x\"", "HTTPBasePath: old=, new=/x"),
    ("https_port: -1", "HTTPSPort: old=0, new=-1"),
    ("max_pending: 5000000", "MaxPending: old=67108864, new=5000000"),
    (
        "websocket { port: 1, no_tls: true, same_origin: true, user_cookie: c }",
        "Websocket: old={ 0          0 false <nil> false map[] false [] false 0s 0s map[] <nil>}, \
         new={0.0.0.0 1    c      0 true <nil> false map[] true [] false 0s 0s map[] <nil>}",
    ),
    ("log_size_limit: 5000", "LogSizeLimit: old=0, new=5000"),
    ("log_max_num: 5", "LogMaxFiles: old=0, new=5"),
    ("allow_non_tls: true", "AllowNonTLS: old=false, new=true"),
    ("write_timeout: retry", "WriteTimeout: old=, new=retry"),
    ("max_closed_clients: 5", "MaxClosedClients: old=10000, new=5"),
    ("lame_duck_duration: \"40s\"", "LameDuckDuration: old=2m0s, new=40s"),
    ("lame_duck_grace_period: \"1500ms\"", "LameDuckGracePeriod: old=10s, new=1.5s"),
    ("feature_flags { b: true, a: false }", "FeatureFlags: old=map[], new=map[a:false b:true]"),
];

/// What the server of the two tests below runs on.
const BASE: [&str; 3] =
    ["host: \"127.0.0.1\"", "port: -1", "authorization { users: [ { user: a, password: b } ] }"];

/// A file of [`BASE`] and `changes`. A key comes once, for nats-server takes any of several.
fn changed(changes: &[&str]) -> String {
    let key = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
    let kept = BASE.iter().filter(|line| changes.iter().all(|change| key(change) != key(line)));
    kept.chain(changes).map(|line| format!("{line}\n")).collect()
}

/// Waits for another line about this change.
fn expect_refusal(server: &Server, config: &str, said: &str) {
    let said = said.replace("PORT", &server.port().to_string());
    let line = format!("config reload not supported for {said}");
    let told = || server.log().lines().filter(|logged| logged.ends_with(&line)).count();
    let before = told();
    refused(server, config);
    eventually(&line, || (told() > before).then_some(()));
}

#[test]
fn what_cannot_change_is_named_with_both_values() {
    let server = Launch::bare().config(changed(&[])).start();
    for (change, said) in FIXED {
        expect_refusal(&server, &changed(&[change, "max_payload: 2000"]), said);
        assert_eq!(max_payload(&server), 1 << 20, "{change}");
    }
}

#[test]
fn the_first_that_cannot_change_is_named() {
    let server = Launch::bare().config(changed(&[])).start();
    for from in 0..FIXED.len() {
        let rest: Vec<&str> = FIXED[from..].iter().map(|(change, _)| *change).collect();
        expect_refusal(&server, &changed(&rest), FIXED[from].1);
    }
}

#[test]
fn every_change_has_its_line() {
    let server = Launch::new().config("port: -1\n").start();
    let files = server.directory().join("files");
    std::fs::create_dir(&files).expect("a scratch directory can be made");
    let files = files.display();
    let certificates = Certificates::new();
    let tls = certificates.block(
        "timeout: 4\n handshake_first: \"300ms\"\n min_version: \"1.3\"\n verify: true\n \
         pinned_certs: [\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]\n",
    );
    server.reload(&format!(
        "client_advertise: \"h:1\"\ndebug: true\ntrace_verbose: true\nlogtime_utc: true\n\
         max_connections: 7\nauthorization {{ user: a, password: b, timeout: 1.5 }}\n\
         ping_interval: \"90s\"\nping_max: 4\nmax_control_line: 512\nmax_payload: 2000\n\
         no_fast_producer_stall: true\npid_file: \"{files}/pid\"\nwrite_deadline: \"1500ms\"\n\
         server_tags: [a]\nserver_metadata {{ a: b }}\n{tls}"
    ));
    expect_lines(
        &server,
        &format!(
            "Reload: client_advertise = h:1|trace = true|debug = true|trace_verbose = true|\
             logtime_utc = true|max_connections = 7|authorization users|accounts|\
             authorization username|authorization password|ping_interval = 1m30s|ping_max = 4|\
             authorization timeout = 1.5|max_control_line = 512|max_payload = 2000|\
             fast producers will not be stalled|pid_file = {files}/pid|tls timeout = 4|\
             tls = enabled|1 pinned_certs|Client TLS handshake first: true|\
             Client TLS handshake first fallback delay: 300ms|write_deadline = 1.5s|tags|metadata"
        ),
    );
    let written = std::fs::read_to_string(format!("{files}/pid")).expect("there is a pid file");
    assert_eq!(written, server.pid().to_string());
}

#[test]
fn nothing_changed_has_two_lines() {
    let config = "authorization { token: x }\nmax_payload: 1000\n";
    let server = Launch::new().config(config).start();
    server.reload(config);
    expect_lines(&server, "authorization users|accounts");
}

#[test]
fn what_is_left_out_goes_back_to_its_default() {
    let config = "authorization { token: x }\nno_fast_producer_stall: true\nping_max: 5\n\
                  client_advertise: \"h:1\"\n";
    let server = Launch::new().config(config).start();
    assert_eq!(server.session().info()["host"], "h");
    server.reload("port: -1\n");
    expect_lines(
        &server,
        "Reload: client_advertise = |authorization users|accounts|authorization token|\
         ping_max = 2|fast producers will be stalled",
    );
    let session = server.session();
    assert_eq!(session.info()["host"], "127.0.0.1");
    assert_eq!(session.info()["port"], server.port());
    assert!(session.info().get("auth_required").is_none());
}

/// Compares what the log tells of a reload; `Reloaded: ` is left out of `expected`.
fn expect_lines(server: &Server, expected: &str) {
    let log = server.log();
    let told: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once("[INF] ").map(|(_, text)| text))
        .filter(|text| text.starts_with("Reload") && !text.starts_with("Reloaded server"))
        .map(|text| text.strip_prefix("Reloaded: ").unwrap_or(text))
        .collect();
    assert_eq!(told.join("|"), expected, "{log}");
}

#[test]
fn a_log_file_that_changes_says_where_it_goes_on() {
    let server = Launch::new().config("port: -1\n").start();
    let file = server.directory().join("moved.log");
    let path = file.display();
    std::fs::write(server.directory().join("server.conf"), format!("log_file: \"{path}\"\n"))
        .expect("a scratch file can be written");
    server.signal(libc::SIGHUP);
    server.expect_log(&format!("Reloaded: log_file = {path}"));
    eventually("the rest is in the file", || {
        let text = std::fs::read_to_string(&file).ok()?;
        text.contains("Reloaded server configuration (sha256:").then_some(())
    });
    server.client("").expect_open();
}

#[test]
fn fewer_connections_close_the_surplus() {
    let server = Launch::new().monitoring().config("max_connections: 10\n").start();
    let mut sessions: Vec<Session> = (0..5).map(|_| server.client("")).collect();
    server.reload("max_connections: 2\n");
    server.expect_varz("/connections", 2);
    let mut closed = 0;
    for session in &mut sessions {
        session.send("PING\r\n");
        let line = session.read_line();
        if line == b"-ERR 'maximum connections exceeded'" {
            closed += 1;
        } else {
            assert_eq!(line, b"PONG");
        }
    }
    assert_eq!(closed, 3);
}

#[test]
fn messages_go_on_through_many_reloads() {
    let server = Launch::new().config("port: -1\n").start();
    let bystanders = Bystanders::start(server.port());
    for reload in 1..=20 {
        server.reload(&format!("max_payload: {}\nmax_connections: 2\n", 1000 + reload));
    }
    assert!(bystanders.stop().exchanged > 0);
    assert_eq!(max_payload(&server), 1020);
}

#[test]
fn the_ports_file_moves() {
    let (one, two) = (Scratch::new(), Scratch::new());
    let config = |to: &Scratch| format!("ports_file_dir: \"{}\"\n", to.path().display());
    let files = |of: &Scratch| std::fs::read_dir(of.path()).expect("it can be listed").count();
    let server = Launch::new().config(config(&one)).start();
    eventually("the ports file is there", || (files(&one) == 1).then_some(()));
    server.reload(&config(&two));
    eventually("it is in the other place", || (files(&two) == 1).then_some(()));
    assert_eq!(files(&one), 0);
    server.reload("port: -1\n");
    assert_eq!(files(&two), 0);
}

#[test]
fn logging_can_be_switched_while_running() {
    let server = Launch::new().config("trace: false\n").start();
    server.reload("trace: true\n");
    server.client("").send("SUB traced 1\r\n").expect_open();
    server.expect_log("<<- [SUB traced 1]");
}
