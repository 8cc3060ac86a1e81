//! Monitoring over TLS (section 4.1).

use std::time::Duration;

use harness::tls::{Certificates, dial};
use harness::{Launch, Program, Server, Session};
use serde_json::Value;

fn server(certificates: &Certificates, tls: &str) -> Server {
    Launch::new().flags(["-ms", "-1"]).config(certificates.block(tls)).start()
}

/// Status line and body of a GET.
fn get(certificates: &Certificates, server: &Server, path: &str) -> (String, String) {
    let mut session = certificates.secure(dial(server.monitoring_port()), false);
    session.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    let answer = String::from_utf8(session.read_until_closed()).expect("pages are text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer has a head");
    (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
}

#[test]
fn the_pages_are_served_with_the_certificate_of_the_tls_block() {
    let certificates = Certificates::new();
    // Nobody is asked for a certificate here, whatever clients are.
    for tls in ["", "verify: true"] {
        let server = server(&certificates, tls);
        server.expect_log("[INF] Starting https monitor on 127.0.0.1:");
        let (status, body) = get(&certificates, &server, "/healthz");
        assert_eq!((&*status, &*body), ("HTTP/1.1 200 OK", "{\"status\":\"ok\"}"));
        let (status, body) = get(&certificates, &server, "/varz");
        assert_eq!(status, "HTTP/1.1 200 OK");
        let varz: Value = serde_json::from_str(&body).expect("varz is JSON");
        // nats-server shows the port that was asked for, which helps nobody to find it.
        let port = match Program::under_test() {
            Program::NatsServer => Value::from(-1),
            Program::Nervure => server.monitoring_port().into(),
        };
        assert_eq!(varz["https_port"], port);
        assert_eq!(varz["http_port"], 0);
        assert_eq!(varz["http_host"], "127.0.0.1");
    }
}

#[test]
fn a_reload_takes_the_new_certificate() {
    let (files, new) = (Certificates::new(), Certificates::new());
    let config = format!("{}https_port: -1\n", files.block(""));
    let server = Launch::new().config(config.clone()).start();
    get(&files, &server, "/healthz");
    files.replace(&new);
    server.reload(&config);
    assert_eq!(get(&new, &server, "/healthz").0, "HTTP/1.1 200 OK");
}

#[test]
fn one_connection_serves_several_requests() {
    let certificates = Certificates::new();
    let server = server(&certificates, "");
    let mut session = certificates.secure(dial(server.monitoring_port()), false);
    for _ in 0..3 {
        session.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        while !session.read_line().is_empty() {}
        session.expect("{\"status\":\"ok\"}");
    }
}

#[test]
fn who_forgets_tls_is_told() {
    let certificates = Certificates::new();
    let server = server(&certificates, "");
    let mut session = Session::open(server.monitoring_port());
    session.send("GET /varz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let text = "Client sent an HTTP request to an HTTPS server.\n";
    session.expect(format!("HTTP/1.0 400 Bad Request\r\n\r\n{text}")).expect_closed();
    let error = "[ERR] monitoring: TLS handshake error from 127.0.0.1:";
    let line = server.expect_log(error);
    assert!(line.ends_with(": client sent an HTTP request to an HTTPS server"), "{line}");
    let mut session = Session::open(server.monitoring_port());
    session.send("no http either\r\n").expect_closed();
    server.expect_log("tls: first record does not look like a TLS handshake");
    let mut silent = Session::open(server.monitoring_port());
    silent.expect_closed_within(Duration::from_secs(15));
    server.expect_log_where("a timeout", |line| {
        line.contains(error) && line.ends_with("i/o timeout")
    });
}

#[test]
fn the_ports_file_says_https() {
    let certificates = Certificates::new();
    let directory = harness::Scratch::new();
    let server = Launch::new()
        .flags(["-ms", "-1", "--ports_file_dir", &directory.path().to_string_lossy()])
        .config(certificates.block(""))
        .start();
    let found = harness::eventually("the ports file is whole", || {
        let file = std::fs::read_dir(directory.path()).ok()?.flatten().next()?;
        std::fs::read_to_string(file.path()).ok().filter(|text| text.ends_with('}'))
    });
    let expected = format!("\"monitoring\":[\"https://127.0.0.1:{}\"]", server.monitoring_port());
    assert!(found.contains(&expected), "{found}");
}
