//! How long the answer to a request of another account is awaited: numbers behind `s` are those of
//! the security checklist (144 to 146).

use std::thread::sleep;
use std::time::{Duration, Instant};

use harness::{Server, Session};

use crate::parties::{
    ask, brief, expect_heard, hear, join, nobody, publish, subscribe, until_pong,
};
use crate::table::Shared;

/// Of the services with a threshold.
const THRESHOLD: Duration = Duration::from_millis(400);

static SERVICES: Shared = Shared::new(
    r#"
accounts {
  A {
    users: [{ user: a, password: p }]
    exports: [
      { service: single }
      { service: singleton, response_type: "Singleton" }
      { service: stream, response_type: stream }
      { service: chunk, response_type: Chunked }
      { service: short, threshold: "400ms" }
      { service: short.stream, response: stream, response_threshold: "400ms" }
      { service: chain }
    ]
  }
  B {
    users: [{ user: b, password: p }]
    imports: [
      { service: { account: A, subject: single } }
      { service: { account: A, subject: singleton } }
      { service: { account: A, subject: stream } }
      { service: { account: A, subject: chunk } }
      { service: { account: A, subject: short } }
      { service: { account: A, subject: short.stream } }
      { service: { account: A, subject: chain } }
    ]
    exports: [{ service: chain, response_type: stream }]
  }
  C { users: [{ user: c, password: p }], imports: [{ service: { account: B, subject: chain } }] }
}
"#,
);

/// B's client, with a subscription on `in.>` as `i`, and A's, which serves everything.
fn pair(server: &Server) -> (Session, Session) {
    let services =
        ["single 1", "singleton 2", "stream 3", "chunk 4", "short 5", "short.stream 6", "chain 7"];
    (join(server, "b", subscribe(&["in.> i"])), join(server, "a", subscribe(&services)))
}

/// An answer with this payload.
fn answer(reply: &str, payload: &str) -> String {
    format!("PUB {reply} {}\r\n{payload}\r\n", payload.len())
}

#[test]
fn s144_one_answer_of_a_singleton_even_an_empty_one() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server);
    for service in ["single", "singleton", "short"] {
        let reply = ask(&mut importer, &mut exporter, &format!("{service} in.1"));
        exporter.send(answer(&reply, "") + &answer(&reply, "late")).expect_open();
        expect_heard(&mut importer, &["in.1 i"]);
    }
}

#[test]
fn s145_answers_until_an_empty_one() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server);
    for service in ["stream", "chunk"] {
        let reply = ask(&mut importer, &mut exporter, &format!("{service} in.1"));
        let headers = format!("HPUB {reply} 12 12\r\nNATS/1.0\r\n\r\n\r\n");
        exporter.send(answer(&reply, "1") + &headers + &answer(&reply, "2")).expect_open();
        exporter.send(answer(&reply, "") + &answer(&reply, "late") + &headers).expect_open();
        assert_eq!(hear(&mut importer, 4), ["in.1 i = 1", "in.1 i []", "in.1 i = 2", "in.1 i"]);
    }
}

#[test]
fn s145_each_request_has_its_own_end() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server);
    let [first, second] =
        ["stream in.1", "stream in.1"].map(|request| ask(&mut importer, &mut exporter, request));
    exporter.send(answer(&first, "") + &answer(&first, "x") + &answer(&second, "y")).expect_open();
    assert_eq!(hear(&mut importer, 2), ["in.1 i", "in.1 i = y"]);
}

#[test]
fn s144_an_answer_to_what_is_over_is_no_request_without_responders() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server);
    let reply = ask(&mut importer, &mut exporter, "single in.1");
    exporter.send(subscribe(&["r 9"]) + &publish(&[&reply, &format!("{reply} r")]));
    expect_heard(&mut exporter, &[]);
    expect_heard(&mut importer, &["in.1 i"]);
}

#[test]
fn s146_an_answer_in_time() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server);
    let start = Instant::now();
    let reply = ask(&mut importer, &mut exporter, "short in.1");
    exporter.send(answer(&reply, "1")).expect_open();
    if start.elapsed() < THRESHOLD {
        expect_heard(&mut importer, &["in.1 i = 1"]);
    }
}

#[test]
fn s146_an_answer_after_the_threshold_is_dropped() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server);
    let replies = ["short in.1", "short.stream in.2"]
        .map(|request| ask(&mut importer, &mut exporter, request));
    // It is over after one to two times the threshold.
    sleep(THRESHOLD * 5 / 2);
    for reply in replies {
        exporter.send(answer(&reply, "late")).expect_open();
    }
    expect_heard(&mut importer, &[]);
}

#[test]
fn s146_every_answer_of_a_stream_begins_the_threshold_anew() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server);
    let reply = ask(&mut importer, &mut exporter, "short.stream in.1");
    let mut last = Instant::now();
    let mut in_time = true;
    for number in ["1", "2", "3", "4", "5", "6"] {
        sleep(THRESHOLD / 2);
        exporter.send(answer(&reply, number)).expect_open();
        in_time &= last.elapsed() < THRESHOLD;
        last = Instant::now();
    }
    if in_time {
        let expected: Vec<String> = (1..=6).map(|number| format!("in.1 i = {number}")).collect();
        assert_eq!(hear(&mut importer, 6), expected);
        sleep(THRESHOLD * 5 / 2);
        exporter.send(answer(&reply, "late")).expect_open();
        expect_heard(&mut importer, &[]);
    }
}

#[test]
fn s144_nobody_waits_any_more() {
    let server = SERVICES.lock();
    let (_, mut exporter) = pair(&server);
    let mut importer = join(&server, "b", subscribe(&["out.1 1"]));
    let reply = ask(&mut importer, &mut exporter, "stream out.1");
    exporter.send(answer(&reply, "1")).expect_open();
    expect_heard(&mut importer, &["out.1 1 = 1"]);
    importer.send("UNSUB 1\r\n").expect_open();
    exporter.send(answer(&reply, "2")).expect_open();
    importer.send(subscribe(&["out.1 2"])).expect_open();
    exporter.send(answer(&reply, "3")).expect_open();
    expect_heard(&mut importer, &[]);
}

#[test]
fn s144_an_inbox_for_one_message() {
    let server = SERVICES.lock();
    let (_, mut exporter) = pair(&server);
    let mut importer = join(&server, "b", subscribe(&["out.1 1"]) + "UNSUB 1 1\r\n");
    let reply = ask(&mut importer, &mut exporter, "stream out.1");
    exporter.send(answer(&reply, "1") + &answer(&reply, "2")).expect_open();
    expect_heard(&mut importer, &["out.1 1 = 1"]);
}

#[test]
fn s144_an_inbox_subscribed_to_before_the_answer_is_early_enough() {
    let server = SERVICES.lock();
    let (_, mut exporter) = pair(&server);
    let mut importer = join(&server, "b", "");
    for service in ["single", "stream"] {
        let reply = ask(&mut importer, &mut exporter, &format!("{service} out.{service}"));
        importer.send(subscribe(&[&format!("out.{service} {service}")])).expect_open();
        exporter.send(answer(&reply, "1")).expect_open();
        expect_heard(&mut importer, &[&format!("out.{service} {service} = 1")]);
    }
}

#[test]
fn s144_an_answer_that_nobody_hears_ends_a_stream() {
    let server = SERVICES.lock();
    let (_, mut exporter) = pair(&server);
    let mut importer = join(&server, "b", "");
    let reply = ask(&mut importer, &mut exporter, "stream out.1");
    exporter.send(answer(&reply, "1")).expect_open();
    importer.send(subscribe(&["out.1 1"])).expect_open();
    exporter.send(answer(&reply, "2")).expect_open();
    expect_heard(&mut importer, &[]);
}

#[test]
fn s144_whoever_else_waits_hears_when_the_requester_has_left() {
    let server = SERVICES.lock();
    let (mut other, mut exporter) = pair(&server);
    let mut importer = join(&server, "b", subscribe(&["in.1 1"]));
    let reply = ask(&mut importer, &mut exporter, "stream in.1");
    importer.finish();
    exporter.send(answer(&reply, "1")).expect_open();
    expect_heard(&mut other, &["in.1 i = 1"]);
}

#[test]
fn s144_the_requester_has_left() {
    let server = SERVICES.lock();
    let (mut other, mut exporter) = pair(&server);
    let mut importer = join(&server, "b", subscribe(&["out.1 1"]));
    let reply = ask(&mut importer, &mut exporter, "stream out.1");
    importer.finish();
    // The end of a connection is dealt with in its own time.
    sleep(Duration::from_millis(50));
    exporter.send(answer(&reply, "1")).expect_open();
    other.send(subscribe(&["out.1 1"])).expect_open();
    exporter.send(answer(&reply, "2")).expect_open();
    expect_heard(&mut other, &[]);
}

#[test]
fn s144_the_answer_may_itself_be_a_request() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server);
    exporter.send(subscribe(&["back 9"])).expect_open();
    let reply = ask(&mut importer, &mut exporter, "single in.1");
    exporter.send(format!("PUB {reply} back 2\r\nhi\r\n")).expect_open();
    let message = importer.read_message();
    assert_eq!((&message.subject[..], &message.payload[..]), (&b"in.1"[..], &b"hi"[..]));
    let back = String::from_utf8(message.reply.expect("a way back")).expect("a reply is text");
    assert!(back.starts_with("_R_.") && back != reply, "{back}");
    importer.send(answer(&back, "ho")).expect_open();
    let heard = brief(&exporter.read_message());
    assert!(heard.starts_with("back 9") && heard.ends_with("= ho"), "{heard}");
    importer.send(answer(&back, "ho")).expect_open();
    expect_heard(&mut exporter, &[]);
}

#[test]
fn s145_s151_a_chain_is_over_when_one_hop_is() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server);
    let mut third = join(&server, "c", subscribe(&["in.1 1"]));
    let reply = ask(&mut third, &mut exporter, "chain in.1");
    exporter.send(answer(&reply, "1") + &answer(&reply, "2")).expect_open();
    expect_heard(&mut third, &["in.1 1 = 1"]);
    expect_heard(&mut importer, &[]);
}

#[test]
fn s147_a_second_request_on_the_same_inbox_after_the_first_has_ended() {
    let server = SERVICES.lock();
    let (mut importer, mut exporter) = pair(&server);
    for number in ["1", "2", "3"] {
        let reply = ask(&mut importer, &mut exporter, "single in.1");
        exporter.send(answer(&reply, number)).expect_open();
        expect_heard(&mut importer, &[&format!("in.1 i = {number}")]);
    }
    exporter.finish();
    harness::eventually("nobody serves", || {
        importer.send(publish(&["single in.1"]));
        until_pong(&mut importer).first().map(|_| ())
    });
    importer.send(publish(&["single in.2"]));
    expect_heard(&mut importer, &[&nobody("in.2", "i", "single")]);
}
