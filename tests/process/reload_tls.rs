//! Reloads that meet other certificates (section 3.11).

use harness::tls::{Certificates, dial};
use harness::{Launch, Server, Session};

fn websocket_port(server: &Server) -> u16 {
    let line = server.expect_log("Listening for websocket clients on wss://");
    line.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("the line ends in a port")
}

/// A WebSocket upgrade over TLS, which fails when the server shows the wrong certificate.
fn upgrade(certificates: &Certificates, port: u16) {
    let mut session: Session = certificates.secure(dial(port), false);
    session.send(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    assert_eq!(session.read_line(), b"HTTP/1.1 101 Switching Protocols");
}

#[test]
fn certificates_are_read_again_though_the_text_is_the_same() {
    let (files, new) = (Certificates::new(), Certificates::new());
    let websocket = format!("websocket {{ port: -1\n{}\n}}\n", files.block(""));
    let config = format!("{}{websocket}", files.block(""));
    let server = Launch::new().config(config.clone()).start();
    let port = websocket_port(&server);
    let mut old = files.upgrade(server.port(), false);
    old.hello("");
    upgrade(&files, port);
    files.replace(&new);
    server.reload(&config);
    new.upgrade(server.port(), false).hello("");
    upgrade(&new, port);
    old.expect_open();
}

#[test]
fn a_certificate_that_cannot_be_used_refuses_the_reload() {
    let (files, other) = (Certificates::new(), Certificates::new());
    let config = files.block("");
    let server = Launch::new().config(format!("{config}max_payload: 1000\n")).start();
    let config = format!("{config}max_payload: 2000\n");
    let mut told = 0;
    let mut refused = || {
        std::fs::write(server.directory().join("server.conf"), &config).expect("can be written");
        server.signal(libc::SIGHUP);
        told += 1;
        harness::eventually("the reload is refused", || {
            let log = server.log();
            let lines = log.matches("error parsing X509 certificate/key pair: ").count();
            (lines == told).then_some(())
        });
        let mut session = files.upgrade(server.port(), false);
        let info = session.hello(r#""protocol":1"#);
        assert_eq!(info["max_payload"], 1000, "the old configuration and certificate serve");
    };
    std::fs::copy(&other.server_key, &files.server_key).expect("files can be copied");
    refused();
    std::fs::write(&files.server_cert, "broken").expect("files can be written");
    refused();
    std::fs::remove_file(&files.server_cert).expect("files can be removed");
    refused();
    server.expect_log("tls: private key does not match public key");
    server.expect_log("tls: failed to find any PEM data in certificate input");
    server.expect_log("no such file or directory");
}

#[test]
fn tls_can_be_switched_on_and_off() {
    let certificates = Certificates::new();
    let server = Launch::new().config("port: -1\n").start();
    let mut plain = server.client("");
    server.reload(&certificates.block(""));
    server.expect_log("Reloaded: tls = enabled");
    assert_eq!(server.session().info()["tls_required"], true);
    let mut secure = certificates.upgrade(server.port(), false);
    secure.hello("");
    plain.expect_open();
    server.reload("port: -1\n");
    server.expect_log("Reloaded: tls = disabled");
    server.client("").expect_open();
    secure.expect_open();
}

#[test]
fn client_certificates_that_are_not_pinned_any_more_are_turned_out() {
    let certificates = Certificates::new();
    let verify = "verify: true\n";
    let server = Launch::new().config(certificates.block(verify)).start();
    let mut client = certificates.upgrade(server.port(), true);
    client.hello("");
    let pins = format!("{verify}pinned_certs: [\"{}\"]\n", "a".repeat(64));
    server.reload(&certificates.block(&pins));
    client.expect_closed();
    server.expect_log("[INF] Disconnect 1 clients due to pinned certs reload");
}

#[test]
fn a_websocket_listener_takes_other_tls_files_but_no_other_options() {
    let (files, other) = (Certificates::new(), Certificates::new());
    let websocket = |certificates: &Certificates, more: &str| {
        format!("websocket {{ port: -1\n{more}{}\n}}\n", certificates.block(""))
    };
    let server = Launch::new().config(websocket(&files, "")).start();
    let port = websocket_port(&server);
    server.reload(&websocket(&other, ""));
    upgrade(&other, port);
    let file = server.directory().join("server.conf");
    std::fs::write(file, websocket(&files, "compression: true\n")).expect("can be written");
    server.signal(libc::SIGHUP);
    server.expect_log("config reload not supported for Websocket: old={0.0.0.0 ");
    upgrade(&other, port);
}
