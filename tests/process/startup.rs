//! How a server is known to be ready, and what its log looks like (sections 3.3, 3.4, 6.3).

use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use harness::{Launch, PATIENCE, Program, Session, eventually, monitoring};

/// Whether a line is `[PID] YYYY/MM/DD hh:mm:ss.uuuuuu [LVL] text`.
fn is_stamped(line: &str, pid: u32) -> bool {
    let Some(rest) = line.strip_prefix(&format!("[{pid}] ")) else { return false };
    let shape: String =
        rest.chars().take(27).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000/00/00 00:00:00.000000 " && rest.get(27..).is_some_and(has_level)
}

fn has_level(text: &str) -> bool {
    let levels = ["[INF] ", "[DBG] ", "[WRN] ", "[ERR] ", "[FTL] ", "[TRC] "];
    levels.iter().any(|level| text.starts_with(level))
}

#[test]
fn lines_come_in_order_and_only_on_standard_error() {
    let server = Launch::new().monitoring().flags(["-n", "s1"]).config("debug: false\n").start();
    let (pid, log) = (server.pid(), server.log());
    let mut place = 0;
    for text in [
        "[INF] Starting ",
        "[INF]   Version:  ",
        "[INF]   Name:     s1",
        "[INF]   ID:       N",
        "[INF] Using configuration file: ",
        "[INF] Starting http monitor on 127.0.0.1:",
        "[INF] Listening for client connections on 127.0.0.1:",
        "[INF] Server is ready",
    ] {
        let found = log.get(place..).and_then(|rest| rest.find(text));
        let found = found.unwrap_or_else(|| panic!("no {text:?} in its place:\n{log}"));
        place += found + text.len();
    }
    for line in log.lines() {
        assert!(is_stamped(line, pid), "{line:?}");
    }
    server.signal(libc::SIGTERM);
    assert_eq!(server.finish(PATIENCE).stdout, "");
}

#[test]
fn without_logtime_only_the_time_is_missing() {
    let server = Launch::new().flags(["-T=false"]).start();
    let prefix = format!("[{}] ", server.pid());
    for line in server.log().lines() {
        assert!(line.strip_prefix(&prefix).is_some_and(has_level), "{line:?}");
    }
}

#[test]
fn the_port_accepts_when_its_line_is_there() {
    for _ in 0..5 {
        let server = Launch::new().start_unready();
        let line = server.expect_log("Listening for client connections on ");
        let port = line.rsplit_once(':').and_then(|(_, port)| port.trim().parse().ok());
        let port = port.unwrap_or_else(|| panic!("no port in {line:?}"));
        assert_eq!(Session::connect(port).info()["port"], port);
    }
}

#[test]
fn the_client_port_is_open_as_soon_as_monitoring_answers() {
    // The port is chosen here, since only the log would tell one chosen by the server.
    let port = free_port().to_string();
    let server = Launch::bare().flags(["-a", "127.0.0.1", "-m", "-1", "-p", &port]).start_unready();
    let line = server.expect_log("Starting http monitor on ");
    let monitor = line.rsplit_once(':').and_then(|(_, port)| port.trim().parse().ok());
    let monitor = monitor.unwrap_or_else(|| panic!("no port in {line:?}"));
    eventually("varz answers", || (monitoring::get(monitor, "/varz").0 == 200).then_some(()));
    // "... or within a millisecond or two".
    std::thread::sleep(Duration::from_millis(5));
    Session::connect(port.parse().expect("a port is a number")).expect_open();
}

#[test]
fn a_start_is_quick() {
    let start = Instant::now();
    let _server = Launch::new().start();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn the_default_host_is_every_interface_of_both_families() {
    let server = Launch::bare().flags(["-p", "-1"]).start();
    server.expect_log(&format!("Listening for client connections on 0.0.0.0:{}", server.port()));
    server.client("").expect_open();
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("this machine has no IPv6");
        return;
    }
    let stream = TcpStream::connect((Ipv6Addr::LOCALHOST, server.port()));
    let mut session = Session::over(stream.expect("IPv6 is accepted as well"));
    assert_eq!(session.read_info()["client_ip"], "::1");
    session.expect_open();
}

#[test]
fn a_server_can_be_restarted_on_its_port_directly_after_being_killed() {
    let mut port = "-1".to_owned();
    for _ in 0..3 {
        let server = Launch::bare().flags(["-a", "127.0.0.1", "-p", &port]).start();
        port = server.port().to_string();
        let mut sessions: Vec<Session> = (0..10).map(|_| server.client("")).collect();
        server.signal(libc::SIGKILL);
        assert_eq!(server.finish(PATIENCE).code, None);
        sessions.iter_mut().for_each(Session::expect_closed);
    }
}

#[test]
fn trace_shows_the_protocol_and_no_secret() {
    let server = Launch::new().flags(["-DV", "--user", "u", "--pass", "topsecret"]).start();
    let mut session = server.client(r#""user":"u","pass":"topsecret","name":"n","lang":"l""#);
    session.send("SUB foo 1\r\nSUB bar q 2\r\nPUB foo 2\r\nhi\r\n").expect("MSG foo 1 2\r\nhi\r\n");
    session.send("FOO\r\n").expect("-ERR 'Unknown Protocol Operation'\r\n").expect_closed();
    for text in [
        "<<- [CONNECT {",
        "<<- [PING]",
        "->> [PONG]",
        "<<- [SUB foo 1]",
        "<<- [SUB bar q 2]",
        "<<- [PUB foo 2]",
        "<<- MSG_PAYLOAD: [\"hi\"]",
        "->> [MSG foo 1 2]",
        "->> [-ERR Unknown Protocol Operation]",
        "Client connection closed: Protocol Violation",
    ] {
        server.expect_log(text);
    }
    let log = server.log();
    assert!(log.contains("[REDACTED]") && !log.contains("topsecret"), "{log}");
    assert!(log.contains(" - cid:") && log.contains("[TRC] 127.0.0.1:"), "{log}");
}

#[test]
fn a_log_that_nobody_reads_any_more_does_not_stop_the_server() {
    // It stops nats-server, which is no part of what anybody relies on.
    if Program::under_test() == Program::NatsServer {
        return;
    }
    for closed in [true, false] {
        let server = Launch::new().flags(["-DV"]).start();
        server.abandon_log(closed);
        let mut session = server.client("");
        // Several times what a pipe holds.
        for _ in 0..50 {
            session.send("PUB foo 2\r\nhi\r\n".repeat(50)).expect_open();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port");
    listener.local_addr().expect("a listener has an address").port()
}
