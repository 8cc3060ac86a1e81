//! Items 129 to 134: how a server goes.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use harness::{Launch, PATIENCE};

const GRACE: &str = "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"3s\"\n";

#[test]
fn c092_c098_c129_c130_c131_c133_lame_duck_tells_those_who_understand_and_closes_all() {
    let server = Launch::new().config(GRACE).start();
    let port = server.port();
    let mut modern = server.session();
    modern.hello(r#""protocol":1"#);
    let mut old = server.client(r#""protocol":0"#);
    let mut early = server.session();
    early.send("CONNECT {\"verbose\":false,\"protocol\":1}\r\nSUB foo 1\r\nPUB foo 0\r\n\r\n");
    early.expect("MSG foo 1 0\r\n\r\n");

    let start = Instant::now();
    server.signal(libc::SIGUSR2);
    let info = modern.read_info();
    assert!(start.elapsed() < Duration::from_millis(2900), "{:?}", start.elapsed());
    assert_eq!(info["ldm"], true, "{info:#}");
    for key in ["connect_urls", "connect_info", "remote_account"] {
        assert!(info.get(key).is_none(), "{key} must be absent: {info:#}");
    }
    harness::eventually("new connections are refused", || {
        TcpStream::connect(("127.0.0.1", port)).is_err().then_some(())
    });
    // Before the grace period is over everybody is served, and the others hear nothing.
    old.expect_open();
    early.send("PUB foo 0\r\n\r\n").expect("MSG foo 1 0\r\n\r\n");
    modern.expect_silence(Duration::from_millis(1500).saturating_sub(start.elapsed()));

    for session in [&mut modern, &mut old, &mut early] {
        // They live long enough for the server's first PING, and hear nothing else.
        let said = session.read_until_closed();
        assert!(said == b"" || said == b"PING\r\n", "{}", said.escape_ascii());
    }
    assert!(start.elapsed() >= Duration::from_millis(2950), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(server.finish(PATIENCE).code, Some(0));
}

#[test]
fn c131_without_clients_lame_duck_ends_at_once() {
    let server = Launch::new().config(GRACE).start();
    server.signal(libc::SIGUSR2);
    assert_eq!(server.finish(PATIENCE).code, Some(0));
}

#[test]
fn c133_a_shutdown_closes_without_a_word() {
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let server = Launch::new().start();
        let mut session = server.session();
        session.hello(r#""protocol":1"#);
        server.signal(signal);
        session.expect_closed();
        assert_eq!(server.finish(PATIENCE).code, Some(0), "signal {signal}");
    }
}

#[test]
fn c133_what_was_published_before_a_shutdown_is_delivered() {
    let server = Launch::new().start();
    let mut subscriber = server.client("");
    subscriber.send("SUB foo 1\r\n").expect_open();
    let mut publisher = server.client("");
    publisher.send("PUB foo 1\r\na\r\n".repeat(1000)).expect_open();
    server.signal(libc::SIGTERM);
    assert_eq!(subscriber.read_until_closed(), "MSG foo 1 1\r\na\r\n".repeat(1000).as_bytes());
}
