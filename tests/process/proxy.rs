//! `proxy_protocol: true`: what a load balancer says before the client speaks (section 2.7).

use std::io::Write;
use std::time::Duration;

use harness::tls::{Certificates, dial};
use harness::{Launch, Server, Session};

const V1: &[u8] = b"PROXY TCP4 192.0.2.7 192.0.2.1 1111 4222\r\n";

/// A version 2 preamble; `command` 0x21 is PROXY, `family` 0x11 is TCP over IPv4.
fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let mut preamble = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    preamble.extend_from_slice(&[command, family]);
    preamble.extend_from_slice(&u16::try_from(body.len()).expect("a short body").to_be_bytes());
    preamble.extend_from_slice(body);
    preamble
}

const V2_ADDRESSES: [u8; 12] = [192, 0, 2, 7, 192, 0, 2, 1, 0x04, 0x57, 0x10, 0x7e];

fn server(tls: &str) -> Server {
    Launch::new().flags(["-D"]).config(format!("proxy_protocol: true\n{tls}")).start()
}

/// Who the server takes a client for that is in.
fn client_ip(session: &mut Session) -> String {
    let info = session.hello(r#""protocol":1"#);
    info["client_ip"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_start_says_so() {
    server("").expect_log("[INF] PROXY protocol enabled for client connections");
}

#[test]
fn the_client_is_who_the_preamble_names_or_else_the_peer() {
    let server = server("");
    let mut v6 = [0; 36];
    v6[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
    v6[15] = 9;
    let with_more = [&V2_ADDRESSES[..], b"\x04\0\x02ab"].concat();
    for (preamble, expected) in [
        (V1.to_vec(), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::9 ::1 1 2\r\n".to_vec(), "2001:db8::9"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (v2(0x21, 0x11, &V2_ADDRESSES), "192.0.2.7"),
        (v2(0x21, 0x11, &with_more), "192.0.2.7"),
        (v2(0x21, 0x21, &v6), "2001:db8::9"),
        (v2(0x20, 0, b""), "127.0.0.1"),
        (v2(0x20, 0x11, &V2_ADDRESSES), "127.0.0.1"),
        // Who sends none is served as well.
        (Vec::new(), "127.0.0.1"),
    ] {
        let mut session = server.session();
        let first = session.info().clone();
        assert!(first.get("client_ip").is_none(), "it is not known yet: {first:#}");
        session.send(&preamble);
        assert_eq!(client_ip(&mut session), expected, "{:?}", String::from_utf8_lossy(&preamble));
    }
}

#[test]
fn a_preamble_may_come_in_pieces_and_with_what_follows() {
    let server = server("");
    for preamble in [V1.to_vec(), v2(0x21, 0x11, &V2_ADDRESSES)] {
        let mut session = server.session();
        session.send_octet_by_octet(&preamble);
        assert_eq!(client_ip(&mut session), "192.0.2.7");
        let mut session = server.session();
        let connect = b"CONNECT {\"verbose\":false}\r\nPING\r\n";
        session.send([&preamble[..], connect].concat()).expect("PONG\r\n").expect_open();
    }
}

#[test]
fn a_broken_preamble_ends_the_connection_and_is_logged() {
    let server = server("");
    let invalid = "invalid PROXY protocol header: ";
    let unsupported = "unsupported PROXY protocol feature: ";
    for (preamble, text) in [
        (b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n".to_vec(), format!("{invalid}invalid protocol UDP4")),
        (b"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n".to_vec(), format!("{invalid}invalid address")),
        (
            b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\nPING\r\n".to_vec(),
            format!("{invalid}invalid v1 format"),
        ),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 99999 2\r\n".to_vec(), "invalid source port".to_owned()),
        (format!("PROXY {}", "x".repeat(120)).into(), format!("{invalid}v1 line too long")),
        (b"\r\n\r\n\0\r\nQUXX\n\x21\x11\0\0".to_vec(), format!("{invalid}invalid signature")),
        (v2(0x11, 0x11, &V2_ADDRESSES), format!("{invalid}invalid version 0x10")),
        (v2(0x22, 0x11, &V2_ADDRESSES), "unknown PROXY protocol command: 0x02".to_owned()),
        (v2(0x21, 0x12, &V2_ADDRESSES), format!("{unsupported}only STREAM protocol supported")),
        (v2(0x21, 0x31, &V2_ADDRESSES), format!("{unsupported}unsupported address family 0x30")),
        (v2(0x21, 0x11, &[1; 6]), "IPv4 address data too short: 6 bytes".to_owned()),
    ] {
        let mut session = server.session();
        let cid = session.info()["client_id"].clone();
        session.send(&preamble).expect_closed();
        let line = server.expect_log(&text);
        let prefix = "[WRN] Error reading PROXY protocol header from 127.0.0.1:";
        assert!(line.contains(prefix), "{line}");
        let closed = "Client connection closed: Protocol Violation";
        server.expect_log(&format!(" - cid:{cid} - {closed}"));
    }
}

#[test]
fn a_preamble_that_does_not_come_is_waited_for_five_seconds() {
    let server = server("");
    let mut waiting: Vec<Session> = [&b"PROXY TCP4"[..], b"\r\n\r\n\0\r\nQUIT\n\x21"]
        .map(|begun| {
            let mut session = server.session();
            session.send(begun);
            session
        })
        .into();
    waiting.iter_mut().for_each(|session| session.expect_closed_within(Duration::from_secs(15)));
    for missing in ["failed to read v1 line", "failed to read v2 header"] {
        let line = server.expect_log(missing);
        assert!(line.ends_with("i/o timeout"), "{line}");
    }
    // A peer that goes is not waited for.
    let mut session = server.session();
    session.send("PROXY TCP6 ::1");
    session.finish();
    server.expect_log_where("an EOF", |line| line.ends_with("failed to read v1 line: EOF"));
}

#[test]
fn with_tls_the_preamble_comes_before_the_handshake() {
    let certificates = Certificates::new();
    let server = server(&certificates.block(""));
    for (preamble, expected) in [(V1, "192.0.2.7"), (b"", "127.0.0.1")] {
        let mut session = certificates.upgrade_after(server.port(), preamble);
        assert_eq!(client_ip(&mut session), expected);
    }
}

#[test]
fn with_tls_first_the_preamble_comes_before_everything() {
    let certificates = Certificates::new();
    for handshake_first in ["true", "auto"] {
        let server = server(&certificates.block(&format!("handshake_first: {handshake_first}")));
        for (preamble, expected) in [(V1, "192.0.2.7"), (b"", "127.0.0.1")] {
            let mut stream = dial(server.port());
            stream.write_all(preamble).expect("a fresh socket takes a line");
            let mut session = certificates.secure(stream, false);
            assert_eq!(session.read_info()["client_ip"], expected);
            assert_eq!(client_ip(&mut session), expected);
        }
    }
    let server = server(&certificates.block("handshake_first: auto"));
    let mut session = certificates.upgrade_after(server.port(), V1);
    assert_eq!(client_ip(&mut session), "192.0.2.7");
}

#[test]
fn a_preamble_that_is_waited_for_does_not_delay_the_end() {
    let server = server("");
    let mut session = server.session();
    server.signal(libc::SIGTERM);
    session.expect_closed();
    let ended = server.finish(Duration::from_secs(4));
    assert!(ended.stderr.contains("Server Exiting.."), "{ended:?}");
}
