//! Protocol traces (section 3.4), line by line.

use harness::{Launch, Server};

/// What stands behind the time of each TRC line about the connection with this id, the peer's
/// address left out, once `last` is among them.
fn traced(server: &Server, cid: u64, last: &str) -> Vec<String> {
    let cid = format!(" - cid:{cid} - ");
    server.expect_log_where(last, |line| line.contains(&cid) && line.ends_with(last));
    let log = server.log();
    let lines = log.lines().filter(|line| line.contains("[TRC] 127.0.0.1:"));
    lines.filter_map(|line| Some(line.split_once(&cid)?.1.to_owned())).collect()
}

fn cid(info: &serde_json::Value) -> u64 {
    info["client_id"].as_u64().expect("INFO has a client id")
}

#[test]
fn each_direction_is_shown_in_order_with_its_payload() {
    let server = Launch::new().flags(["-V"]).start();
    let mut session = server.session();
    let connect = r#"CONNECT {"verbose":true,"user":"u","pass":"hush","name":"n","headers":true}"#;
    session.send(format!("{connect}\r\nPING\r\n")).expect("+OK\r\nPONG\r\n");
    session.send("SUB foo 1\r\nSUB bar q 2\r\nPUB foo back 3\r\na\n\"\r\nUNSUB 1\r\n");
    session.expect("+OK\r\n+OK\r\n+OK\r\nMSG foo 1 back 3\r\na\n\"\r\n+OK\r\n");
    session.send("PUB foo 0\r\n\r\nHPUB bar 12 14\r\nNATS/1.0\r\n\r\nhi\r\nSUB x..y 9\r\n");
    session.expect(
        "+OK\r\n+OK\r\nHMSG bar 2 12 14\r\nNATS/1.0\r\n\r\nhi\r\n-ERR 'Invalid Subject'\r\n",
    );
    let found = traced(&server, cid(session.info()), "[-ERR Invalid Subject]");
    let connect = connect.replace("hush", "[REDACTED]");
    let mut expected = vec![format!("<<- [{connect}]")];
    expected.extend(
        [
            "->> [OK]",
            "<<- [PING]",
            "->> [PONG]",
            "<<- [SUB foo 1]",
            "->> [OK]",
            "<<- [SUB bar q 2]",
            "->> [OK]",
            "<<- [PUB foo back 3]",
            r#"<<- MSG_PAYLOAD: ["a\n\""]"#,
            "->> [OK]",
            "->> [MSG foo 1 back 3]",
            r#"->> MSG_PAYLOAD: ["a\n\""]"#,
            "<<- [UNSUB 1]",
            "->> [OK]",
            "<-> [DELSUB 1]",
            "<<- [PUB foo 0]",
            "->> [OK]",
            "<<- [HPUB bar 12 14]",
            r#"<<- MSG_PAYLOAD: ["NATS/1.0\r\n\r\nhi"]"#,
            "->> [OK]",
            "->> [HMSG bar 2 12 14]",
            r#"->> MSG_PAYLOAD: ["NATS/1.0\r\n\r\nhi"]"#,
            "<<- [SUB x..y 9]",
            "->> [-ERR Invalid Subject]",
        ]
        .map(|line| format!("\"n\" - \"$G/user:u\" - {line}")),
    );
    assert_eq!(found, expected);
}

#[test]
fn a_delivery_is_shown_with_its_receiver_and_what_that_one_gets() {
    let server = Launch::new().flags(["-V"]).start();
    let mut receiver = server.client(r#""name":"r""#);
    receiver.send("SUB foo 7\r\nUNSUB 7 1\r\n").expect_open();
    let mut sender = server.client(r#""headers":true"#);
    sender.send("HPUB foo 12 14\r\nNATS/1.0\r\n\r\nhi\r\n").expect_open();
    receiver.expect("MSG foo 7 2\r\nhi\r\n");
    let found = traced(&server, cid(receiver.info()), "[DELSUB 7]");
    let end: Vec<&str> = found.iter().rev().take(3).rev().map(String::as_str).collect();
    let expected = [
        "\"r\" - ->> [MSG foo 7 2]",
        "\"r\" - ->> MSG_PAYLOAD: [\"hi\"]",
        "\"r\" - <-> [DELSUB 7]",
    ];
    assert_eq!(end, expected, "{found:?}");
}

#[test]
fn what_a_client_calls_itself_cannot_break_out_of_its_line() {
    let server = Launch::new().flags(["-V"]).start();
    for (members, label) in [
        (
            r#""name":"a\nb\"c","lang":"l","version":"1","user":"x\ny""#,
            r#""v1:l:a\nb\"c" - "$G/user:x\ny""#,
        ),
        (r#""nkey":"U\n","user":"u""#, r#""$G/nkey:U\n""#),
        (r#""auth_token":"hush""#, r#""$G/token""#),
    ] {
        let session = server.client(members);
        let found = traced(&server, cid(session.info()), "[PONG]");
        assert_eq!(found.last(), Some(&format!("{label} - ->> [PONG]")));
    }
}

#[test]
fn payloads_are_cut_or_reduced_to_their_headers() {
    let hpub = "HPUB foo 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\nPUB foo 2\r\nhi\r\nPING\r\n";
    for (config, expected) in [
        ("max_traced_msg_len: 1\n", &[r#"["N..."]"#, r#"["h..."]"#][..]),
        ("trace_headers: true\n", &[r#"["NATS/1.0\r\nA: b"]"#]),
        ("trace_headers: true\nmax_traced_msg_len: 10\n", &[r#"["NATS/1.0\r\n..."]"#]),
    ] {
        let server = Launch::new().flags(["-V"]).config(config).start();
        let mut session = server.client(r#""headers":true"#);
        session.send("SUB foo 1\r\n").send(hpub);
        session.expect(
            "HMSG foo 1 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\nMSG foo 1 2\r\nhi\r\nPONG\r\n",
        );
        session.send("SUB last 2\r\n").expect_open();
        let lines = traced(&server, cid(session.info()), "[SUB last 2]");
        for way in ["<<-", "->>"] {
            let prefix = format!("{way} MSG_PAYLOAD: ");
            let found: Vec<&str> =
                lines.iter().filter_map(|line| line.strip_prefix(&prefix)).collect();
            assert_eq!(found, expected, "{config:?} {way}");
        }
    }
}
