//! What a request tells about who asks: items 149 to 151 of the security checklist.

use harness::{Launch, Server, Session};

use crate::parties::{expect_heard, hear, join, plain_request, publish, subscribe, user};
use crate::table::Shared;

const SHORT: &str = r#"Nats-Request-Info: {"acc":"B"}"#;

/// B imports `short` and shares itself with `shared`; C asks through B.
static SERVICES: Shared = Shared::new(
    r#"
server_name: S1
accounts {
  A {
    users: [{ user: a, password: p }]
    exports: [{ service: short }, { service: shared }, { service: "chain.>" }]
  }
  B {
    users: [{ user: b, password: p }]
    imports: [
      { service: { account: A, subject: short } }
      { service: { account: A, subject: shared }, share: true }
      { service: { account: A, subject: chain.plain } }
      { service: { account: A, subject: chain.first } }
      { service: { account: A, subject: chain.second }, share: true }
      { service: { account: SYS, subject: system }, to: system.short }
      { service: { account: SYS, subject: system.shared }, share: true }
    ]
    exports: [{ service: "chain.*" }]
  }
  C {
    users: [{ user: c, password: p }]
    imports: [
      { service: { account: B, subject: chain.plain } }
      { service: { account: B, subject: chain.first }, share: true }
      { service: { account: B, subject: chain.second } }
    ]
  }
  SYS {
    users: [{ user: s, password: p }]
    exports: [{ service: system }, { service: system.shared }]
  }
}
system_account: SYS
"#,
);

/// What A hears, on sid 1, when B sends this.
fn check(sent: &str, heard: &str) {
    let server = SERVICES.lock();
    let mut exporter = join(&server, "a", subscribe(&["short 1"]));
    let mut importer = join(&server, "b", sent);
    assert_eq!(plain_request(&hear(&mut exporter, 1)[0]), heard.replace("SHORT", SHORT));
    importer.expect_open();
}

/// HPUB with these header lines and a payload of two octets.
fn with_headers(lines: &str) -> String {
    let header = format!("NATS/1.0\r\n{lines}\r\n");
    format!("HPUB short in.1 {} {}\r\n{header}hi\r\n", header.len(), header.len() + 2)
}

#[test]
fn s149_the_short_form() {
    check("PUB short in.1 2\r\nhi\r\n", "short 1 _R_ [SHORT] = hi");
    check("PUB short 2\r\nhi\r\n", "short 1 [SHORT] = hi");
}

#[test]
fn s149_it_comes_after_the_other_headers() {
    let sent = with_headers("A: b\r\nC:d\r\nA:  e\r\n");
    check(&sent, "short 1 _R_ [A: b, C:d, A:  e, SHORT] = hi");
    check(&with_headers(""), "short 1 _R_ [SHORT] = hi");
}

#[test]
fn s149_what_the_client_says_itself_is_removed() {
    let spoofed = r#"Nats-Request-Info: {"acc":"Z","user":"admin"}"#;
    for lines in [
        format!("{spoofed}\r\n"),
        format!("{spoofed}\r\n{spoofed}\r\n"),
        "Nats-Request-Info:\r\n".to_owned(),
    ] {
        check(&with_headers(&lines), "short 1 _R_ [SHORT] = hi");
    }
    check(&with_headers(&format!("A: b\r\n{spoofed}\r\n")), "short 1 _R_ [A: b, SHORT] = hi");
    check(
        &with_headers(&format!("{spoofed}\r\nA: b\r\n{spoofed}\r\nC: d\r\n")),
        "short 1 _R_ [A: b, C: d, SHORT] = hi",
    );
}

#[test]
fn s149_only_the_very_name_is_removed() {
    check(
        &with_headers("Nats-Request-Infos: x\r\nX-Nats-Request-Info: y\r\n"),
        "short 1 _R_ [Nats-Request-Infos: x, X-Nats-Request-Info: y, SHORT] = hi",
    );
}

#[test]
fn s149_the_sizes_are_those_of_the_new_headers() {
    let server = SERVICES.lock();
    let mut exporter = join(&server, "a", subscribe(&["short 1"]));
    let mut importer = join(&server, "b", "PUB short in.1 2\r\nhi\r\n");
    let message = exporter.read_message();
    assert!(
        message.header.starts_with(b"NATS/1.0\r\nNats-Request-Info: {\"acc\":\"B\""),
        "{message:?}"
    );
    assert!(message.header.ends_with(b"}\r\n\r\n") && message.payload == b"hi", "{message:?}");
    importer.expect_open();
}

/// The JSON of what the next message tells.
fn told(exporter: &mut Session) -> String {
    let message = exporter.read_message();
    let text = String::from_utf8(message.header).expect("headers are text here");
    let line = text.lines().find_map(|line| line.strip_prefix("Nats-Request-Info: "));
    line.unwrap_or_else(|| panic!("no information in {text:?}")).to_owned()
}

/// The long form with `start` and `rtt`, which differ each time, checked and left out.
fn without_times(info: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(info).expect("information is JSON");
    let start = value["start"].as_str().unwrap_or_else(|| panic!("no start in {info}"));
    let digits = |range: std::ops::Range<usize>| {
        start.get(range).is_some_and(|text| text.bytes().all(|octet| octet.is_ascii_digit()))
    };
    let shaped = digits(0..4) && digits(5..7) && digits(8..10) && start.ends_with('Z');
    assert!(shaped && start.as_bytes().get(10) == Some(&b'T'), "{start}");
    let info = info.replace(&format!("\"start\":\"{start}\","), "");
    plain_request(&info)
}

#[test]
fn s149_the_long_form() {
    let server = SERVICES.lock();
    let mut exporter = join(&server, "a", subscribe(&["shared 1"]));
    let mut importer = server.session();
    let id = importer.info()["client_id"].clone();
    let members = r#""name":"the \"name\"","lang":"rust","version":"1.2""#;
    importer.hello(&format!("{},{members}", user("b")));
    importer.send(publish(&["shared in.1"])).expect_open();
    let expected = format!(
        r#"{{"host":"127.0.0.1","id":{id},"acc":"B","user":"b","name":"the \"name\"","lang":"rust","ver":"1.2","server":"S1","kind":"Client","client_type":"nats"}}"#
    );
    assert_eq!(without_times(&told(&mut exporter)), expected);
}

#[test]
fn s149_the_long_form_leaves_out_what_is_not_known() {
    let server = SERVICES.lock();
    let mut exporter = join(&server, "a", subscribe(&["shared 1"]));
    let mut importer = join(&server, "b", "");
    let id = importer.info()["client_id"].clone();
    importer.send(publish(&["shared"])).expect_open();
    let expected = format!(
        r#"{{"host":"127.0.0.1","id":{id},"acc":"B","user":"b","server":"S1","kind":"Client","client_type":"nats"}}"#
    );
    assert_eq!(without_times(&told(&mut exporter)), expected);
}

#[test]
fn s149_the_long_form_of_a_websocket() {
    let config = "websocket { listen: \"127.0.0.1:-1\", no_tls: true }\n\
        accounts { A { users: [{ user: a, password: p }], exports: [{ service: s }] }\n\
        B { users: [{ user: b, password: p }]\n\
        imports: [{ service: { account: A, subject: s }, share: true }] } }\n";
    let server = Launch::new().config(config).start();
    let mut exporter = join(&server, "a", subscribe(&["s 1"]));
    let line = server.expect_log("Listening for websocket clients on");
    let port = line.rsplit_once(':').and_then(|(_, port)| port.trim().parse().ok());
    let mut importer = harness::websocket::connect(port.expect("a port"), "");
    importer.hello(&user("b"));
    importer.send(publish(&["s"])).expect_open();
    let info = told(&mut exporter);
    assert!(info.ends_with(r#""kind":"Client","client_type":"websocket"}"#), "{info}");
}

#[test]
fn s149_the_cluster_is_named() {
    let config = "server_name: S1\ncluster { name: C1, listen: \"127.0.0.1:-1\" }\n\
        accounts { A { users: [{ user: a, password: p }], exports: [{ service: s }] }\n\
        B { users: [{ user: b, password: p }]\n\
        imports: [{ service: { account: A, subject: s }, share: true }] } }\n";
    let server = Launch::new().config(config).start();
    let mut exporter = join(&server, "a", subscribe(&["s 1"]));
    join(&server, "b", publish(&["s"])).finish();
    let info = told(&mut exporter);
    assert!(info.contains(r#""server":"S1","cluster":"C1","kind":"Client""#), "{info}");
}

#[test]
fn s149_the_round_trip_is_known_after_the_first_ping() {
    let server = SERVICES.lock();
    let mut exporter = join(&server, "a", subscribe(&["short 1"]));
    let mut importer = join(&server, "b", "");
    importer.send(publish(&["short"])).expect_open();
    let info: serde_json::Value = serde_json::from_str(&told(&mut exporter)).expect("JSON");
    assert!(info["rtt"].as_u64().is_some_and(|rtt| rtt > 0), "{info}");
}

#[test]
fn s149_the_system_account_is_told_the_server() {
    let server = SERVICES.lock();
    let mut exporter = join(&server, "s", subscribe(&["system 1", "system.shared 2"]));
    let mut importer = join(&server, "b", "");
    let id = importer.info()["client_id"].clone();
    importer.send(publish(&["system.short", "system.shared"])).expect_open();
    let info = plain_request(&told(&mut exporter));
    assert_eq!(info, r#"{"acc":"B","server":"S1"}"#);
    assert!(without_times(&told(&mut exporter)).contains(&format!(r#""id":{id},"acc":"B""#)));
}

/// C asks, A hears; gives what it is told, and the client's id.
fn through_b(server: &Server, subject: &str) -> (String, serde_json::Value) {
    let mut exporter = join(server, "a", subscribe(&["chain.> 1"]));
    let mut third = join(server, "c", "");
    let id = third.info()["client_id"].clone();
    third.send(publish(&[subject])).expect_open();
    (told(&mut exporter), id)
}

#[test]
fn s151_the_account_in_between_is_named() {
    let server = SERVICES.lock();
    let (info, _) = through_b(&server, "chain.plain");
    assert_eq!(plain_request(&info), r#"{"acc":"C","svc":"B"}"#);
    // The account in between shares what is its own: where it is.
    let (info, _) = through_b(&server, "chain.second");
    assert_eq!(plain_request(&info), r#"{"acc":"C","svc":"B","server":"S1"}"#);
}

#[test]
fn s151_the_first_import_decides_what_is_shared() {
    let server = SERVICES.lock();
    let (info, id) = through_b(&server, "chain.first");
    let expected = format!(
        r#"{{"host":"127.0.0.1","id":{id},"acc":"C","svc":"B","user":"c","server":"S1","kind":"Client","client_type":"nats"}}"#
    );
    assert_eq!(without_times(&info), expected);
}

#[test]
fn s149_s156_neither_answers_nor_own_requests_have_it() {
    let server = SERVICES.lock();
    let mut exporter = join(&server, "a", subscribe(&["short 1"]));
    let mut importer = join(&server, "b", subscribe(&["in.1 1"]));
    exporter.send(publish(&["short"]));
    expect_heard(&mut exporter, &["short 1"]);
    importer.send(publish(&["short in.1"])).expect_open();
    let reply = exporter.read_message().reply.expect("a request with reply");
    exporter.send(format!("PUB {} 0\r\n\r\n", String::from_utf8_lossy(&reply))).expect_open();
    expect_heard(&mut importer, &["in.1 1"]);
}

#[test]
fn s150_a_responder_without_headers_gets_none() {
    let server = SERVICES.lock();
    let mut exporter = server.client(r#""user":"a","pass":"p","headers":false"#);
    exporter.send(subscribe(&["short 1"])).expect_open();
    let mut importer = join(&server, "b", "PUB short in.1 2\r\nhi\r\n");
    importer.send(with_headers("A: b\r\n")).expect_open();
    let heard: Vec<String> =
        hear(&mut exporter, 2).iter().map(|message| plain_request(message)).collect();
    assert_eq!(heard, ["short 1 _R_ = hi", "short 1 _R_ = hi"]);
}

#[test]
fn s150_a_requester_without_headers_is_told_of_all_the_same() {
    let server = SERVICES.lock();
    let mut exporter = join(&server, "a", subscribe(&["short 1"]));
    let mut importer = server.client(r#""user":"b","pass":"p","headers":false"#);
    importer.send(subscribe(&["in.1 1"]) + &publish(&["short in.1"])).expect_open();
    let message = exporter.read_message();
    assert!(message.header.ends_with(b"}\r\n\r\n"), "{message:?}");
    let reply = String::from_utf8(message.reply.expect("a reply")).expect("text");
    exporter.send(format!("HPUB {reply} 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n")).expect_open();
    expect_heard(&mut importer, &["in.1 1 = hi"]);
}

#[test]
fn s149_requests_on_the_limit_of_payload_are_not_refused() {
    let config = "max_payload: 100\n\
        accounts { A { users: [{ user: a, password: p }], exports: [{ service: s }] }\n\
        B { users: [{ user: b, password: p }], imports: [{ service: { account: A, subject: s } }] } }\n";
    let server = Launch::new().config(config).start();
    let mut exporter = join(&server, "a", subscribe(&["s 1"]));
    let payload = "x".repeat(100);
    let mut importer = join(&server, "b", format!("PUB s in.1 100\r\n{payload}\r\n"));
    let message = exporter.read_message();
    assert_eq!(message.payload, payload.as_bytes());
    importer.expect_open();
}
