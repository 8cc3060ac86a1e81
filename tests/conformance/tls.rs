//! Items 86 and 110 to 113: TLS on the client port.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use harness::tls::{Certificates, dial};
use harness::{Launch, Server, Session};

static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(Certificates::new);

fn server(tls: &str, more: &str) -> Server {
    Launch::new().config(format!("{}{more}\n", CERTIFICATES.block(tls))).start()
}

#[test]
fn c086_tls_is_required_as_configured_and_works_after_the_upgrade() {
    let server = server("", "");
    let info = server.session().info().clone();
    assert_eq!(info["tls_required"], true);
    assert!(info.get("tls_available").is_none(), "{info:#}");
    assert!(info.get("tls_verify").is_none(), "{info:#}");
    let mut session = CERTIFICATES.upgrade(server.port(), false);
    session.hello(r#""tls_required":true"#);
    session.send("SUB foo 1\r\nPUB foo 2\r\nhi\r\n").expect("MSG foo 1 2\r\nhi\r\n").expect_open();
}

#[test]
fn c086_tls_verify_wants_a_client_certificate() {
    let server = server("verify: true", "");
    let info = server.session().info().clone();
    assert_eq!((&info["tls_required"], &info["tls_verify"]), (&true.into(), &true.into()));
    let mut session = CERTIFICATES.upgrade(server.port(), true);
    session.hello("");
    session.expect_open();
    let mut nobody = CERTIFICATES.upgrade(server.port(), false);
    // The handshake may fail while sending or while waiting for the answer.
    let _ = nobody.try_send("CONNECT {}\r\nPING\r\n");
    nobody.expect_closed();
}

#[test]
fn c110_plain_text_to_a_tls_port_gets_nothing_but_info() {
    let server = server("", "");
    let mut session = server.session();
    session.send("CONNECT {}\r\nPING\r\n").expect_closed();
}

#[test]
fn c110_a_handshake_that_does_not_come_is_closed_after_its_timeout() {
    let server = server("timeout: 0.5", "");
    let start = Instant::now();
    server.session().expect_closed();
    let took = start.elapsed();
    assert!((400..2000).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn c111_handshake_first_says_nothing_before_tls() {
    let server = server("handshake_first: true", "");
    let mut silent = Session::open(server.port());
    silent.expect_silence(Duration::from_millis(300));
    let mut session = CERTIFICATES.secure(dial(server.port()), false);
    let info = session.read_info();
    assert_eq!(info["tls_required"], true, "{info:#}");
    session.hello("");
    session.expect_open();
}

#[test]
fn c112_handshake_first_auto_falls_back_to_a_plain_info() {
    let server = server("handshake_first: auto", "");
    let start = Instant::now();
    let session = server.session();
    let took = start.elapsed();
    assert!((40..1000).contains(&took.as_millis()), "{took:?}");
    assert_eq!(session.info()["tls_required"], true);
    CERTIFICATES.upgrade(server.port(), false).hello("");
    let mut early = CERTIFICATES.secure(dial(server.port()), false);
    early.read_info();
    early.hello("");
    early.expect_open();
}

#[test]
fn c112_handshake_first_with_a_delay_of_ones_own() {
    let server = server("handshake_first: \"400ms\"", "");
    let start = Instant::now();
    let _session = server.session();
    let took = start.elapsed();
    assert!((350..1500).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn c086_c113_allow_non_tls_serves_both_on_one_port() {
    let server = server("", "allow_non_tls: true");
    let mut plain = server.session();
    assert_eq!(plain.info()["tls_available"], true);
    assert!(plain.info().get("tls_required").is_none(), "{:#}", plain.info());
    plain.hello("");
    plain.send("SUB foo 1\r\n").expect_open();
    let mut secure = CERTIFICATES.upgrade(server.port(), false);
    secure.hello("");
    secure.send("PUB foo 2\r\nhi\r\n").expect_open();
    plain.expect("MSG foo 1 2\r\nhi\r\n").expect_open();
}
