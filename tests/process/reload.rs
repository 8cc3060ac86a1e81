//! SIGHUP (section 3.10).

use harness::{Launch, Server, Session};

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
fn logging_can_be_switched_while_running() {
    let server = Launch::new().config("trace: false\n").start();
    server.reload("trace: true\n");
    server.client("").send("SUB traced 1\r\n").expect_open();
    server.expect_log("<<- [SUB traced 1]");
}
