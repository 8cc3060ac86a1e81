//! Measurements of requests whose parties are on different shards.

use nervure_core::account::{Latency, Sampling};
use serde_json::{Value, json};

use super::*;

const ALL: Sampling = Sampling::Percent(100);

fn measured(subject: &str) -> Export {
    let latency = Latency { subject: "measured".to_owned(), sampling: ALL };
    let threshold = Duration::from_secs(2);
    let terms = Service { response: ResponseKind::Singleton, threshold, latency: Some(latency) };
    export(subject, ExportKind::Service(terms))
}

/// Account A serves `svc` on one shard and hears what is measured; B asks on another.
struct Parties {
    world: World,
    exporter: usize,
    importer: usize,
}

impl Parties {
    fn new(exporter: usize, importer: usize) -> Self {
        let imports = vec![service_import("A", "svc", None)];
        let declarations =
            [account("A", vec![measured("svc")], vec![]), account("B", vec![], imports)];
        let mut world = World::new(&declarations);
        let (exporter, importer) = (world.client(exporter, "a"), world.client(importer, "b"));
        world.say(exporter, "SUB svc 1\r\n");
        Self { world, exporter, importer }
    }

    /// Asks and gives the subject of the response.
    fn ask(&mut self) -> String {
        self.world.say(self.importer, "PUB svc inbox 0\r\n\r\n");
        let reply = reply_of(&self.world.heard(self.exporter));
        assert!(reply.ends_with(".00000000.T"), "{reply}");
        // What is measured is heard from now on only, so that it does not mix with requests.
        self.world.say(self.exporter, "SUB measured 2\r\n");
        reply
    }

    /// What was measured since, without what differs each time.
    fn measured(&mut self) -> Vec<Value> {
        results(&self.world.heard(self.exporter))
    }
}

fn results(heard: &str) -> Vec<Value> {
    let payloads = heard.lines().filter(|line| line.starts_with('{'));
    let result = |payload| {
        let mut value: Value = serde_json::from_str(payload).unwrap();
        for name in ["type", "id", "timestamp", "start"] {
            assert!(value.as_object_mut().unwrap().remove(name).is_some(), "{name}");
        }
        value
    };
    payloads.map(result).collect()
}

fn failure(status: u16, description: &str) -> Value {
    json!({ "status": status, "description": description, "requestor": { "acc": "B" },
        "service": 0, "system": 0, "total": 0 })
}

#[test]
fn the_responder_is_told_of_wherever_it_is() {
    for (exporter, importer) in [(0, 0), (0, 1), (1, 0)] {
        let mut parties = Parties::new(exporter, importer);
        parties.world.say(parties.importer, "SUB inbox 1\r\n");
        let reply = parties.ask();
        parties.world.wait(Duration::from_nanos(700));
        let response = format!("PUB {reply} 0\r\n\r\n");
        let world = &mut parties.world;
        let (shard, link, _) = world.clients[parties.exporter];
        world.shards[shard].receive(world.now, link, response.as_bytes());
        // The other shard takes its time.
        world.now = world.now.after(Duration::from_nanos(50));
        world.run();
        assert_eq!(world.heard(parties.importer), "MSG inbox 1 0\r\n\r\n");
        let system = if exporter == importer { 0 } else { 50 };
        let responder = json!({ "start": "1970-01-01T00:00:00Z", "host": "127.0.0.1", "id": 6,
            "acc": "A", "user": "a", "kind": "Client", "client_type": "nats" });
        let expected = json!({ "status": 200, "requestor": { "acc": "B" }, "responder": responder,
            "service": 700, "system": system, "total": 700 + system });
        assert_eq!(parties.measured(), [expected], "{exporter} {importer}");
        parties.world.say(parties.exporter, &response);
        parties.world.wait(Duration::from_secs(5));
        assert_eq!(parties.measured(), [] as [Value; 0], "once is enough");
    }
}

#[test]
fn a_requester_that_is_no_longer_there_is_noticed_on_every_shard() {
    for answers in [false, true] {
        let mut parties = Parties::new(0, 0);
        let waiter = parties.world.client(1, "b");
        parties.world.say(waiter, "SUB inbox 1\r\n");
        let reply = parties.ask();
        parties.world.wait(Duration::from_millis(300));
        assert_eq!(parties.measured(), [] as [Value; 0]);
        parties.world.say(waiter, "UNSUB 1\r\n");
        if answers {
            parties.world.say(parties.exporter, &format!("PUB {reply} 0\r\n\r\n"));
        } else {
            parties.world.wait(Duration::from_millis(300));
        }
        assert_eq!(parties.measured(), [failure(408, "Request Timeout")]);
        parties.world.wait(Duration::from_secs(5));
        assert_eq!(parties.measured(), [] as [Value; 0], "once is enough");
    }
}

#[test]
fn a_requester_that_was_never_there_cannot_leave() {
    let mut parties = Parties::new(0, 1);
    let reply = parties.ask();
    parties.world.wait(Duration::from_millis(300));
    assert_eq!(parties.measured(), [] as [Value; 0]);
    parties.world.say(parties.exporter, &format!("PUB {reply} 0\r\n\r\n"));
    assert_eq!(parties.measured()[0]["status"], 200);
    parties.ask();
    parties.world.wait(Duration::from_secs(3));
    assert_eq!(parties.measured(), [failure(504, "Service Timeout")]);
}

#[test]
fn every_service_of_a_chain_that_wants_it_is_measured() {
    for (deep, count) in
        [(export("deep", service(ResponseKind::Singleton)), 0), (measured("deep"), 1)]
    {
        let mut world = World::new(&[
            account("A", vec![deep], vec![]),
            account("B", vec![measured("mid")], vec![service_import("A", "deep", Some("mid"))]),
            account("C", vec![], vec![service_import("B", "mid", Some("top"))]),
        ]);
        let clients = [(0, "a"), (0, "b"), (1, "a"), (1, "c")];
        let [a, b, hears, c] = clients.map(|(shard, user)| world.client(shard, user));
        world.say(a, "SUB deep 1\r\n");
        world.say(b, "SUB measured 1\r\n");
        world.say(hears, "SUB measured 1\r\n");
        world.say(c, "SUB inbox 1\r\nPUB top inbox 0\r\n\r\n");
        let reply = reply_of(&world.heard(a));
        world.say(a, &format!("PUB {reply} 0\r\n\r\n"));
        assert_eq!(world.heard(c), "MSG inbox 1 0\r\n\r\n");
        for (hears, count) in [(b, 1), (hears, count)] {
            let results = results(&world.heard(hears));
            assert_eq!(results.len(), count);
            for result in results {
                let parties = (&result["requestor"], &result["responder"]["user"]);
                assert_eq!(parties, (&json!({ "acc": "C" }), &json!("a")));
            }
        }
    }
}
