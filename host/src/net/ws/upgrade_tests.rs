//! The tables of reference B.2 to B.5, byte for byte as observed on nats-server 2.15.1.

use super::origin::{Origin, OriginRules};
use super::upgrade::{MAX_HEAD, Parsed, PathKind, RefusalReason, UpgradeInfo, WsRules, parse};
use crate::options::Cookies;

const DATE: &str = "Wed, 25 Nov 2026 08:51:41 GMT";
const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

/// A good request, of which tests change single lines.
fn request(line: &str, changes: &[(&str, &str)], extra: &str) -> String {
    let mut out = format!("{line}\r\n");
    let standard = [
        "Host: h:1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        KEY,
        "Sec-WebSocket-Version: 13",
    ];
    for header in standard {
        let change = changes.iter().find(|(name, _)| header.starts_with(name));
        let header = change.map_or(header, |(_, header)| header);
        if !header.is_empty() {
            out += &format!("{header}\r\n");
        }
    }
    out + extra + "\r\n"
}

fn rules() -> WsRules {
    WsRules { max_payload: 1 << 20, ..WsRules::default() }
}

fn granted(text: &str, rules: &WsRules) -> (UpgradeInfo, String) {
    match parse(text.as_bytes(), rules) {
        Parsed::Accepted { consumed, info, response } => {
            assert_eq!(consumed, text.len());
            (info, String::from_utf8(response).unwrap())
        }
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn a_good_request_is_granted_in_nats_servers_words() {
    let mut rules = rules();
    let plain = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                 Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let offer = "Sec-WebSocket-Extensions: foo, permessage-deflate; server_max_window_bits=9\r\n\
                 Nats-No-Masking: true\r\n";
    let (info, response) = granted(&request("GET / HTTP/1.1", &[], offer), &rules);
    assert_eq!(response, format!("{plain}Nats-No-Masking: true\r\n\r\n"));
    assert!(info.no_masking && !info.compression && !info.browser);

    rules.compression = true;
    rules.headers = vec![("X-One".to_owned(), "1".to_owned())];
    let (info, response) = granted(&request("GET / HTTP/1.1", &[], offer), &rules);
    let extension = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                     client_no_context_takeover\r\n";
    assert_eq!(response, format!("{plain}{extension}Nats-No-Masking: true\r\nX-One: 1\r\n\r\n"));
    assert!(info.compression);
}

#[test]
fn tolerated_spellings_are_granted() {
    for (line, changes) in [
        ("GET / HTTP/1.1", ("Upgrade", "Upgrade: foo, WebSocket")),
        ("GET / HTTP/1.1", ("Connection", "Connection: keep-alive, Upgrade")),
        ("GET / HTTP/1.1", ("Host", "host:   h:1   ")),
        ("GET / HTTP/1.1", ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13, 8")),
        (
            "GET / HTTP/1.1",
            ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Version: 13"),
        ),
        ("GET / HTTP/1.0", ("Host", "Host: h:1")),
        ("GET http://x/y HTTP/1.1", ("Host", "Host: h:1")),
    ] {
        let text = request(line, &[changes], "");
        granted(&text, &rules());
        granted(&text.replace("\r\n", "\n"), &rules());
    }
}

#[test]
fn the_path_decides_who_speaks() {
    for (path, kind) in [
        ("/", PathKind::Client),
        ("/foo", PathKind::Client),
        ("/leafnode/", PathKind::Client),
        ("/LEAFNODE", PathKind::Client),
        ("/xleafnode", PathKind::Client),
        ("/a%2Fleafnode", PathKind::Client),
        ("/?x=/leafnode", PathKind::Client),
        ("/leafnode", PathKind::Leaf),
        ("/a/b/leafnode", PathKind::Leaf),
        ("/leafnode?x=1", PathKind::Leaf),
        ("http://x/leafnode", PathKind::Leaf),
    ] {
        let (info, _) = granted(&request(&format!("GET {path} HTTP/1.1"), &[], ""), &rules());
        assert_eq!(info.kind, kind, "{path}");
    }
}

/// A polite refusal as nats-server words it.
fn polite(version: &str, status: &str, close: &str, body: bool) -> String {
    let text = status.split_once(' ').unwrap().1;
    format!(
        "HTTP/{version} {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Sec-Websocket-Version: 13\r\nX-Content-Type-Options: nosniff\r\nDate: {DATE}\r\n\
         Content-Length: {}\r\n{close}\r\n{}",
        text.len() + 1,
        if body { format!("{text}\n") } else { String::new() }
    )
}

fn fatal(status: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\
         \r\n{status}"
    )
}

fn refused(text: &str, rules: &WsRules) -> (String, String, bool) {
    match parse(text.as_bytes(), rules) {
        Parsed::Refused { consumed, refusal } => {
            assert_eq!(consumed, text.len(), "{text:?}");
            let response = String::from_utf8(refusal.response(DATE)).unwrap();
            (response, refusal.reason.to_string(), refusal.close)
        }
        other => panic!("{text:?}: {other:?}"),
    }
}

#[test]
fn every_refusal_reads_like_nats_servers_and_keeps_the_connection() {
    let origin = OriginRules { same: false, allowed: vec![Origin::parse("http://ok").unwrap()] };
    let rules = WsRules { origin, ..rules() };
    let get = "GET / HTTP/1.1";
    let not_listed = "origin not allowed: not in the allowed list";
    let null = "origin not allowed: parse \"null\": invalid URI for request";
    for (text, status, reason) in [
        (
            request("GET /a/mqtt HTTP/1.1", &[], ""),
            "404 Not Found",
            "mqtt websocket endpoint not enabled",
        ),
        (
            request("POST / HTTP/1.1", &[], ""),
            "405 Method Not Allowed",
            "request method must be GET",
        ),
        (request(get, &[("Host", "Host:")], ""), "400 Bad Request", "'Host' missing in request"),
        (
            request(get, &[("Upgrade", "")], ""),
            "400 Bad Request",
            "invalid value for header 'Upgrade'",
        ),
        (
            request(get, &[("Upgrade", "Upgrade: websockets")], ""),
            "400 Bad Request",
            "invalid value for header 'Upgrade'",
        ),
        (
            request(get, &[("Connection", "")], ""),
            "400 Bad Request",
            "invalid value for header 'Connection'",
        ),
        (request(get, &[("Sec-WebSocket-Key", "")], ""), "400 Bad Request", "key missing"),
        (
            request(get, &[("Sec-WebSocket-Key", "Sec-WebSocket-Key: abc")], ""),
            "400 Bad Request",
            "invalid websocket key",
        ),
        (
            request(get, &[("Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhl")], ""),
            "400 Bad Request",
            "invalid websocket key",
        ),
        (request(get, &[("Sec-WebSocket-Version", "")], ""), "400 Bad Request", "invalid version"),
        (request(get, &[], "Origin: http://evil\r\n"), "403 Forbidden", not_listed),
        (request(get, &[], "Sec-WebSocket-Origin: http://evil\r\n"), "403 Forbidden", not_listed),
        (request(get, &[], "Origin: null\r\n"), "403 Forbidden", null),
    ] {
        let (response, log, close) = refused(&text, &rules);
        assert_eq!(response, polite("1.1", status, "", true), "{text:?}");
        assert_eq!(log, reason, "{text:?}");
        assert!(!close, "{text:?}");
    }
    granted(&request(get, &[], "Origin: http://OK:80\r\n"), &rules);
}

#[test]
fn refusals_that_end_the_connection_say_so() {
    let no_upgrade = [("Upgrade", ""), ("Connection", "Connection: close")];
    let (response, _, close) = refused(&request("GET / HTTP/1.1", &no_upgrade, ""), &rules());
    assert_eq!(response, polite("1.1", "400 Bad Request", "Connection: close\r\n", true));
    assert!(close);
    let (response, _, close) =
        refused(&request("GET / HTTP/1.0", &[("Upgrade", "")], ""), &rules());
    assert_eq!(response, polite("1.0", "400 Bad Request", "", true));
    assert!(close);
    let (response, _, close) = refused(&request("HEAD / HTTP/1.1", &[], ""), &rules());
    assert_eq!(response, polite("1.1", "405 Method Not Allowed", "", false));
    assert!(!close);
    let body = request("POST / HTTP/1.1", &[], "Content-Length: 5\r\n");
    assert!(refused(&body, &rules()).2, "a body is not skipped, so it must end the connection");
}

#[test]
fn what_is_no_http_is_refused_by_the_http_layer() {
    let bad = "400 Bad Request";
    for (text, status) in [
        (
            request("GET / HTTP/1.1", &[("Host", "")], ""),
            "400 Bad Request: missing required Host header",
        ),
        (
            request("GET / HTTP/2.0", &[], ""),
            "505 HTTP Version Not Supported: unsupported protocol version",
        ),
        ("CONNECT {}\r\nPING\r\n".to_owned(), bad),
        ("hello\r\n\r\n".to_owned(), bad),
        (request("GET / HTTP/1.1", &[], "bad header\r\n"), bad),
        (request("GET / HTTP/1.1", &[], "X-A: \u{1}\r\n"), bad),
        (request("GET foo HTTP/1.1", &[], ""), bad),
        (request("GET / HTTP/1.1", &[("Host", "Host: a\r\nHost: b")], ""), bad),
        (
            request("GET / HTTP/1.1", &[], &format!("X-A: {}\r\n", "a".repeat(MAX_HEAD))),
            "431 Request Header Fields Too Large",
        ),
        (
            request("GET / HTTP/1.1", &[], &"X-A: b\r\n".repeat(200)),
            "431 Request Header Fields Too Large",
        ),
    ] {
        let (response, _, close) = refused(&text, &rules());
        assert_eq!(response, fatal(status), "{text:?}");
        assert!(close);
    }
}

#[test]
fn frames_or_a_body_along_with_the_request_close_without_an_answer() {
    let mut early = request("GET / HTTP/1.1", &[], "");
    early.push('\u{1}');
    for text in [early, request("GET / HTTP/1.1", &[], "Content-Length: 5\r\n")] {
        let (response, _, close) = refused(&text, &rules());
        assert_eq!(response, "");
        assert!(close);
        let Parsed::Refused { refusal, .. } = parse(text.as_bytes(), &rules()) else { panic!() };
        assert_eq!(refusal.reason, RefusalReason::EarlyData);
    }
}

#[test]
fn every_prefix_of_a_request_wants_more() {
    let text = request("GET /leafnode HTTP/1.1", &[], "Cookie: a=b\r\n");
    for end in 0..text.len() {
        assert_eq!(parse(&text.as_bytes()[..end], &rules()), Parsed::Incomplete, "{end}");
    }
    granted(&text, &rules());
}

#[test]
fn cookies_count_for_clients_only() {
    let name = |text: &str| Some(text.to_owned());
    let cookies = Cookies { jwt: name("j"), user: name("u"), pass: name("p"), token: name("t") };
    let rules = WsRules { cookies, ..rules() };
    let extra = "Cookie: x=1; u=derek; p=\"s=3cr3t\"\r\nCookie: j=ey; u=other\r\n";
    let (info, _) = granted(&request("GET / HTTP/1.1", &[], extra), &rules);
    assert_eq!(info.credentials.user.as_deref(), Some("derek"));
    assert_eq!(info.credentials.pass.as_deref(), Some("s=3cr3t"));
    assert_eq!(info.credentials.jwt.as_deref(), Some("ey"));
    assert_eq!(info.credentials.token, None);
    let (info, _) = granted(&request("GET /leafnode HTTP/1.1", &[], extra), &rules);
    assert_eq!(info.credentials, super::Credentials::default());
    let shown = format!("{:?}", granted(&request("GET / HTTP/1.1", &[], extra), &rules).0);
    assert!(!shown.contains("s=3cr3t") && !shown.contains("ey"), "{shown}");
}

#[test]
fn optional_headers_are_understood() {
    let info = |extra: &str| granted(&request("GET / HTTP/1.1", &[], extra), &rules()).0;
    let ip = |text: &str| text.parse().ok();
    assert_eq!(info("X-Forwarded-For: 1.2.3.4\r\n").forwarded_for, ip("1.2.3.4"));
    assert_eq!(info("X-Forwarded-For: 2001:db8::1\r\n").forwarded_for, ip("2001:db8::1"));
    assert_eq!(info("X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\n").forwarded_for, None);
    assert!(!info("Nats-No-Masking: TRUE\r\n").no_masking);
    let chrome = info("User-Agent: Mozilla/5.0 (X11) Chrome/156 Safari/537.36\r\n");
    assert!(chrome.browser && !chrome.safari);
    let safari = info("User-Agent: Mozilla/5.0 (Mac) Version/17.0 Safari/605\r\n");
    assert!(safari.browser && safari.safari);
    assert!(!info("User-Agent: Go-http-client/1.1 Mozilla/\r\n").browser);
}
