//! What a service measures of its requests: item 158 of the security checklist.

use std::time::Duration;

use harness::{Launch, Server, Session};
use serde_json::{Value, json};

use crate::parties::{expect_heard, join, nobody, publish, subscribe};
use crate::table::Shared;

static SERVICES: Shared = Shared::new(
    r#"
server_name: S1
accounts {
  A {
    users: [{ user: a, password: p }]
    exports: [
      { service: all, latency: measured.all }
      { service: shared, latency: { subject: measured.shared, sampling: "100%" } }
      { service: short, threshold: "200ms", latency: { subject: measured.short } }
      { service: traced, latency: { subject: measured.traced, sampling: headers } }
      { service: half, latency: { subject: measured.half, sampling: 50 } }
      { service: unmeasured }
    ]
  }
  B {
    users: [{ user: b, password: p }]
    imports: [
      { service: { account: A, subject: all }, to: every }
      { service: { account: A, subject: shared }, share: true }
      { service: { account: A, subject: short } }
      { service: { account: A, subject: traced } }
      { service: { account: A, subject: half } }
      { service: { account: A, subject: unmeasured } }
    ]
  }
  SYS {}
}
system_account: SYS
"#,
);

/// Who asks, who serves, and who hears what is measured.
struct Parties {
    importer: Session,
    exporter: Session,
    observer: Session,
}

impl Parties {
    fn join(server: &Server) -> Self {
        let services = ["all 1", "shared 2", "short 3", "traced 4", "half 5", "unmeasured 6"];
        Self {
            importer: join(server, "b", subscribe(&["in.> i"])),
            exporter: join(server, "a", subscribe(&services)),
            observer: join(server, "a", subscribe(&["measured.> m"])),
        }
    }

    /// Asks with these octets and gives the subject on which the answer is awaited.
    fn ask(&mut self, request: &str) -> String {
        self.importer.send(request).expect_open();
        let reply = self.exporter.read_message().reply.expect("a request with reply");
        String::from_utf8(reply).expect("a reply is text")
    }

    fn answer(&mut self, reply: &str) {
        self.exporter.send(publish(&[reply])).expect_open();
    }

    /// A request on `in.1` that is answered; gives the subject of the answer.
    fn serve(&mut self, request: &str) -> String {
        let reply = self.ask(request);
        self.answer(&reply);
        expect_heard(&mut self.importer, &["in.1 i"]);
        reply
    }

    /// The next measurement and its subject, without what differs each time, which is checked.
    fn measured(&mut self) -> (String, Value) {
        let message = self.observer.read_message();
        assert_eq!((&message.sid[..], &message.header[..]), (&b"m"[..], &b""[..]), "{message:?}");
        let mut value: Value = serde_json::from_slice(&message.payload).expect("JSON");
        let members = value.as_object_mut().expect("an object");
        let id = members.remove("id").unwrap_or_default();
        let id = id.as_str().unwrap_or_default();
        assert!(id.len() == 22 && id.bytes().all(|octet| octet.is_ascii_alphanumeric()), "{id:?}");
        for name in ["timestamp", "start"] {
            let time = members.remove(name).unwrap_or_default();
            let time = time.as_str().unwrap_or_default();
            assert!(time.get(10..11) == Some("T") && time.ends_with('Z'), "{name}: {time}");
        }
        for party in ["requestor", "responder"] {
            let Some(party) = members.get_mut(party).and_then(Value::as_object_mut) else {
                continue;
            };
            let rtt = party.remove("rtt").and_then(|rtt| rtt.as_u64());
            assert!(rtt.is_some_and(|rtt| rtt > 0), "{rtt:?}");
            party.remove("start");
        }
        (String::from_utf8_lossy(&message.subject).into_owned(), value)
    }

    /// Checks that the next measurement is one of a failure and is this.
    fn expect_failure(&mut self, subject: &str, status: u16, description: &str) {
        let (found, value) = self.measured();
        assert_eq!(found, subject);
        let expected = json!({
            "type": "io.nats.server.metric.v1.service_latency",
            "status": status, "description": description,
            "requestor": { "acc": "B" }, "service": 0, "system": 0, "total": 0,
        });
        assert_eq!(value, expected);
    }
}

/// A client as the long form tells of it.
fn detailed(account: &str, user: &str, session: &Session) -> Value {
    json!({
        "host": "127.0.0.1", "id": session.info()["client_id"], "acc": account, "user": user,
        "server": "S1", "kind": "Client", "client_type": "nats",
    })
}

/// Takes durations out of a measurement, checked against each other.
fn take_durations(value: &mut Value, at_least: Duration) {
    let mut number = |name: &str| {
        let number = value.as_object_mut().and_then(|members| members.remove(name));
        number.and_then(|number| number.as_u64()).unwrap_or_else(|| panic!("no {name}"))
    };
    let [service, system, total] = ["service", "system", "total"].map(&mut number);
    assert!(total >= service + system, "{service} {system} {total}");
    assert!(u128::from(total) >= at_least.as_nanos(), "{total}");
}

#[test]
fn s158_an_answer() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    let reply = parties.ask(&publish(&["every in.1"]));
    let served = Duration::from_millis(20);
    std::thread::sleep(served);
    parties.answer(&reply);
    let (subject, mut value) = parties.measured();
    take_durations(&mut value, served);
    let expected = json!({
        "type": "io.nats.server.metric.v1.service_latency", "status": 200,
        "requestor": { "acc": "B" }, "responder": detailed("A", "a", &parties.exporter),
    });
    assert_eq!((&subject[..], value), ("measured.all", expected));
    expect_heard(&mut parties.importer, &["in.1 i"]);
}

#[test]
fn s158_an_importer_that_shares_is_told_of() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    parties.serve(&publish(&["shared in.1"]));
    let (subject, mut value) = parties.measured();
    take_durations(&mut value, Duration::ZERO);
    let expected = json!({
        "type": "io.nats.server.metric.v1.service_latency", "status": 200,
        "requestor": detailed("B", "b", &parties.importer),
        "responder": detailed("A", "a", &parties.exporter),
    });
    assert_eq!((&subject[..], value), ("measured.shared", expected));
}

#[test]
fn s158_members_are_in_order() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    parties.serve(&publish(&["every in.1"]));
    let text = String::from_utf8(parties.observer.read_message().payload).expect("text");
    let mut place = 0;
    for member in [
        "{\"type\":\"io.nats.server.metric.v1.service_latency\",\"id\":\"",
        "\",\"timestamp\":\"",
        "\",\"status\":200,\"requestor\":{\"acc\":\"B\",\"rtt\":",
        "},\"responder\":{\"start\":\"",
        "},\"start\":\"",
        "\",\"service\":",
        ",\"system\":",
        ",\"total\":",
    ] {
        let found = text.get(place..).and_then(|rest| rest.find(member));
        place += found.unwrap_or_else(|| panic!("no {member} in its place: {text}"));
    }
}

#[test]
fn s158_a_request_without_reply() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    parties.importer.send(publish(&["every"])).expect_open();
    parties.expect_failure("measured.all", 400, "Bad Request");
    // It is delivered all the same.
    assert_eq!(parties.exporter.read_message().reply, None);
}

#[test]
fn s158_nobody_waits_any_more() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    for leaves in [false, true] {
        let mut importer = join(&server, "b", subscribe(&["out.1 1"]));
        importer.send(publish(&["every out.1"])).expect_open();
        let reply = parties.exporter.read_message().reply.expect("a request with reply");
        if leaves {
            importer.finish();
        } else {
            importer.send("UNSUB 1\r\n").expect_open();
        }
        parties.expect_failure("measured.all", 408, "Request Timeout");
        parties.answer(&String::from_utf8_lossy(&reply));
        expect_heard(&mut parties.observer, &[]);
    }
}

#[test]
fn s158_nobody_serves() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    parties.exporter.send("UNSUB 1\r\n").expect_open();
    parties.importer.send(publish(&["every in.1"]));
    expect_heard(&mut parties.importer, &[&nobody("in.1", "i", "every")]);
    parties.expect_failure("measured.all", 503, "Service Unavailable");
}

#[test]
fn s158_nobody_answers() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    let reply = parties.ask(&publish(&["short in.1"]));
    parties.expect_failure("measured.short", 504, "Service Timeout");
    parties.answer(&reply);
    expect_heard(&mut parties.importer, &[]);
    expect_heard(&mut parties.observer, &[]);
}

#[test]
fn s158_replies_of_measured_requests_say_so() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    let parts = |reply: &str| reply.split('.').map(str::to_owned).collect::<Vec<_>>();
    let measured = parts(&parties.ask(&publish(&["every in.1"])));
    assert_eq!(measured.len(), 5, "{measured:?}");
    // The third is of the server's name.
    assert_eq!([&measured[0], &measured[3], &measured[4]], ["_R_", "sQnRv29R", "T"]);
    let unmeasured = parts(&parties.ask(&publish(&["unmeasured in.1"])));
    assert_eq!(unmeasured.len(), 3, "{unmeasured:?}");
}

#[test]
fn s158_a_share_of_the_requests() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    let measured =
        (0..200).filter(|_| parties.serve(&publish(&["half in.1"])).ends_with(".T")).count();
    assert!((50..150).contains(&measured), "{measured}");
    for _ in 0..measured {
        assert_eq!(parties.measured().0, "measured.half");
    }
    expect_heard(&mut parties.observer, &[]);
}

/// A request on `traced` with these header lines.
fn traced(lines: &str) -> String {
    let header = format!("NATS/1.0\r\n{lines}\r\n");
    format!("HPUB traced in.1 {0} {0}\r\n{header}\r\n", header.len())
}

#[test]
fn s158_headers_that_want_a_measurement() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    let rows = [
        ("traceparent: 00-4bf9-00f0-01\r\n", json!({ "Traceparent": ["00-4bf9-00f0-01"] })),
        ("TRACEPARENT: 00-a-b-7f\r\nA: b\r\n", json!({ "Traceparent": ["00-a-b-7f"] })),
        ("X-B3-Sampled: 1\r\n", json!({ "X-B3-Sampled": ["1"] })),
        ("x-b3-sampled: 1\r\n", json!({ "X-B3-Sampled": ["1"] })),
        ("X-B3-TraceId: abc\r\n", json!({ "X-B3-Traceid": ["abc"] })),
        (
            "X-B3-TraceId: a\r\nX-B3-Sampled: 1\r\n",
            json!({ "X-B3-Traceid": ["a"], "X-B3-Sampled": ["1"] }),
        ),
        ("b3: a-b-1\r\n", json!({ "B3": ["a-b-1"] })),
        ("B3: a-b-1-c\r\n", json!({ "B3": ["a-b-1-c"] })),
        ("B3: a\r\n", json!({ "B3": ["a"] })),
        ("uber-trace-id: a:b:c:1\r\n", json!({ "Uber-Trace-Id": ["a:b:c:1"] })),
        ("Uber-Trace-Id: a:b:c:ff\r\n", json!({ "Uber-Trace-Id": ["a:b:c:ff"] })),
        // The first of them that is there decides, and is shown.
        (
            "traceparent: 00-a-b-00\r\nuber-trace-id: a:b:c:1\r\n",
            json!({ "Uber-Trace-Id": ["a:b:c:1"] }),
        ),
        (
            "traceparent: 00-a-b-00\r\nX-B3-Sampled: 1\r\nB3: 0\r\n",
            json!({ "X-B3-Sampled": ["1"] }),
        ),
        (
            "B3: x\r\ntraceparent: 00-a-b-01\r\nX-B3-TraceId: a\r\n",
            json!({ "X-B3-Traceid": ["a"] }),
        ),
    ];
    for (lines, header) in rows {
        let reply = parties.serve(&traced(lines));
        assert!(reply.ends_with(".T"), "{lines:?}: {reply}");
        let (subject, value) = parties.measured();
        assert_eq!((&subject[..], &value["header"]), ("measured.traced", &header), "{lines:?}");
    }
}

#[test]
fn s158_headers_that_want_none() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    let rows = [
        "",
        "A: b\r\n",
        "traceparent: 00-4bf9-00f0-00\r\n",
        "traceparent: 00-a-01\r\n",
        "tracestate: a=b\r\n",
        "X-B3-Sampled: 0\r\n",
        "X-B3-Sampled: x\r\n",
        "X-B3-TraceId: a\r\nX-B3-Sampled: 0\r\n",
        "B3: 0\r\n",
        "B3: a-b-0-c\r\n",
        "Uber-Trace-Id: a:b:c:2\r\n",
        "Uber-Trace-Id: a:b:1\r\n",
        "traceparent: 00-a-b-01\r\nuber-trace-id: a:b:c:0\r\n",
        "traceparent: 00-a-b-01\r\nX-B3-Sampled: 0\r\n",
        "traceparent: 00-a-b-01\r\nB3: 0\r\n",
    ];
    for lines in rows {
        let reply = parties.serve(&traced(lines));
        assert_eq!(reply.split('.').count(), 3, "{lines:?}: {reply}");
    }
    parties.serve(&publish(&["traced in.1"]));
    expect_heard(&mut parties.observer, &[]);
}

#[test]
fn s158_own_requests_are_not_measured() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    let mut own = join(&server, "a", subscribe(&["own 1"]));
    own.send(publish(&["all own"])).expect_open();
    expect_heard(&mut parties.exporter, &["all 1 own"]);
    parties.answer("own");
    expect_heard(&mut own, &["own 1"]);
    expect_heard(&mut parties.observer, &[]);
}

#[test]
fn s158_measurements_stay_in_the_exporters_account() {
    let server = SERVICES.lock();
    let mut parties = Parties::join(&server);
    let mut others = ["b"].map(|name| join(&server, name, subscribe(&["measured.> 1"])));
    parties.serve(&publish(&["every in.1"]));
    parties.measured();
    others.iter_mut().for_each(|session| expect_heard(session, &[]));
}

#[test]
fn s158_a_reload_may_begin_to_measure() {
    let config = |latency: &str| {
        format!(
            "accounts {{ A {{ users: [{{ user: a, password: p }}], \
             exports: [{{ service: all{latency} }}] }}\n\
             B {{ users: [{{ user: b, password: p }}], \
             imports: [{{ service: {{ account: A, subject: all }} }}] }}\nSYS {{}} }}\n\
             system_account: SYS\n"
        )
    };
    let server = Launch::new().config(config("")).start();
    let mut parties = Parties::join(&server);
    parties.serve(&publish(&["all in.1"]));
    expect_heard(&mut parties.observer, &[]);
    server.reload(&config(", latency: measured.all"));
    parties.serve(&publish(&["all in.1"]));
    assert_eq!(parties.measured().0, "measured.all");
}
