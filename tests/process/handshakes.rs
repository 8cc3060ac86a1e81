//! What the log says about connections that do not get in (section 3.4).

use harness::tls::Certificates;
use harness::{Launch, Server, Session};

/// The WebSocket port.
fn websocket_port(server: &Server) -> u16 {
    let line = server.expect_log("Listening for websocket clients on ");
    line.rsplit(':').next().and_then(|port| port.parse().ok()).expect("the line ends in a port")
}

#[test]
fn a_refused_websocket_upgrade_says_why() {
    let config = "websocket { listen: '127.0.0.1:-1', no_tls: true, same_origin: true }\n";
    let server = Launch::new().config(config).start();
    let port = websocket_port(&server);
    let upgrade = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (request, why) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), "invalid value for header 'Upgrade'"),
        (format!("{upgrade}Sec-WebSocket-Version: 12\r\n\r\n"), "invalid version"),
        (
            format!("{upgrade}Sec-WebSocket-Version: 13\r\nOrigin: http://evil\r\n\r\n"),
            "origin not allowed: not same origin",
        ),
    ] {
        let mut session = Session::open(port);
        session.send(request);
        session.read_line();
        let end = format!(" - websocket handshake error: {why}");
        let line = server.expect_log_where(why, |line| line.ends_with(&end));
        assert!(line.contains("[ERR] 127.0.0.1:"), "{line}");
    }
}

#[test]
fn a_failed_tls_handshake_says_why() {
    let certificates = Certificates::new();
    let block = certificates.block("verify: true");
    let config =
        format!("{block}websocket {{ listen: '127.0.0.1:-1', {} }}\n", certificates.block(""));
    let server = Launch::new().config(config).start();
    // The handshake may fail while sending or while waiting for the answer.
    let mut nobody = certificates.upgrade(server.port(), false);
    let _ = nobody.try_send("PING\r\n");
    nobody.expect_closed();
    let line = server.expect_log(" - TLS handshake error: tls: ");
    assert!(line.contains("[ERR] 127.0.0.1:") && line.contains(" - cid:"), "{line}");
    let mut session = Session::open(websocket_port(&server));
    session.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").read_line();
    let line = server.expect_log("[ERR] websocket: TLS handshake error from 127.0.0.1:");
    assert!(line.ends_with(": client sent an HTTP request to an HTTPS server"), "{line}");
}
