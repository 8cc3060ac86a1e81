//! The table of loads, and what each of them sends.

use crate::error::Result;
use crate::flow::{BATCH, Batch, Flow, Publisher, Subscriber};
use crate::meter::Times;
use crate::peer::{Door, Peer, Transport};
use crate::sample::{Metric, Sample};
use crate::servers::{Contestant, World};
use crate::stream::{Counter, Repeating};
use crate::{accounts, exchange, footprint, interest, paced};

/// Deliveries of one batch at most, so that a batch to many does not fill their queues.
const BATCH_DELIVERIES: usize = 65_536;

/// A load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Its name; loads are chosen by its beginning.
    pub(crate) name: &'static str,
    /// How the bytes travel.
    pub(crate) transport: Transport,
    /// Whether the forwarder can serve it.
    pub(crate) by_limit: bool,
    /// What is done.
    pub(crate) work: Work,
}

/// What a load does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Work {
    /// Publishers and subscribers, see [`crate::flow`].
    Flow(Shape),
    /// One request at a time, see [`exchange::ping_pong`].
    PingPong,
    /// Fifty requests at a time, see [`exchange::requests`].
    Requests {
        /// With a fresh inbox each.
        old_style: bool,
    },
    /// Many subscriptions of one client, see [`interest::subscriptions`].
    Subscriptions {
        /// How many.
        count: u32,
        /// Others come and go, as with [`Shape`].
        churn: bool,
    },
    /// So many receiving connections, see [`interest::connections`].
    Connections(u32),
    /// So many percent of nats-server's maximum, see [`paced`].
    Paced(u32),
    /// Idle connections, see [`footprint::idle`].
    Idle(usize),
    /// So many accounts, see [`accounts::accounts`].
    Accounts(usize),
    /// Starts, see [`footprint::start`].
    Start,
    /// Size of the program file.
    Program,
}

/// Publishers and subscribers of one flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    publishers: usize,
    subscribers: usize,
    /// Bytes of a payload.
    size: usize,
    audience: Audience,
    headers: bool,
    /// Another connection subscribes and unsubscribes a fresh subject for every ten messages.
    churn: bool,
}

/// Who receives a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Every subscriber.
    All,
    /// One of them: they are a queue group.
    One,
    /// The publisher's own.
    Own,
}

const fn flow(publishers: usize, subscribers: usize, size: usize) -> Shape {
    let audience = Audience::All;
    Shape { publishers, subscribers, size, audience, headers: false, churn: false }
}

const fn subscriptions(count: u32) -> Work {
    Work::Subscriptions { count, churn: false }
}

const fn load(name: &'static str, work: Work) -> Load {
    Load { name, transport: Transport::Plain, by_limit: true, work }
}

/// A load that the forwarder cannot serve.
const fn beyond_limit(name: &'static str, work: Work) -> Load {
    Load { by_limit: false, ..load(name, work) }
}

const fn over(transport: Transport, name: &'static str, work: Work) -> Load {
    Load { transport, ..beyond_limit(name, work) }
}

/// All loads, in the order of the report.
pub(crate) const LOADS: &[Load] = &[
    beyond_limit("start", Work::Start),
    beyond_limit("program", Work::Program),
    load("1to1-16B", Work::Flow(flow(1, 1, 16))),
    load("1to1-128B", Work::Flow(flow(1, 1, 128))),
    load("1to1-4KiB", Work::Flow(flow(1, 1, 4 << 10))),
    load("1to1-64KiB", Work::Flow(flow(1, 1, 64 << 10))),
    load("1to1-1MiB", Work::Flow(flow(1, 1, 1 << 20))),
    load("fanout-4", Work::Flow(flow(1, 4, 16))),
    load("fanout-100", Work::Flow(flow(1, 100, 16))),
    load("fanout-1000", Work::Flow(flow(1, 1000, 16))),
    load("fanin-8", Work::Flow(flow(8, 1, 16))),
    load("8to8", Work::Flow(Shape { audience: Audience::Own, ..flow(8, 8, 16) })),
    beyond_limit("queue-4", Work::Flow(Shape { audience: Audience::One, ..flow(1, 4, 16) })),
    load("pingpong", Work::PingPong),
    load("requests-50", Work::Requests { old_style: false }),
    beyond_limit("requests-old", Work::Requests { old_style: true }),
    beyond_limit("headers", Work::Flow(Shape { headers: true, ..flow(1, 1, 128) })),
    beyond_limit("churn", Work::Flow(Shape { churn: true, ..flow(1, 1, 16) })),
    over(Transport::Tls, "tls-128B", Work::Flow(flow(1, 1, 128))),
    over(Transport::WebSocket, "websocket-128B", Work::Flow(flow(1, 1, 128))),
    load("latency-10%", Work::Paced(10)),
    load("latency-50%", Work::Paced(50)),
    load("latency-80%", Work::Paced(80)),
    beyond_limit("subs-1000", subscriptions(1_000)),
    beyond_limit("subs-10000", subscriptions(10_000)),
    beyond_limit("subs-100000", subscriptions(100_000)),
    beyond_limit("subs-1000000", subscriptions(1_000_000)),
    beyond_limit("churn-1000000", Work::Subscriptions { count: 1_000_000, churn: true }),
    beyond_limit("conns-10", Work::Connections(10)),
    beyond_limit("conns-1000", Work::Connections(1_000)),
    beyond_limit("conns-10000", Work::Connections(10_000)),
    beyond_limit("idle-10000", Work::Idle(10_000)),
    beyond_limit("accounts-100", Work::Accounts(100)),
    beyond_limit("accounts-10000", Work::Accounts(10_000)),
];

/// The load whose rate on nats-server [`Work::Paced`] takes for its maximum.
const MAXIMUM: Load = load("maximum", Work::Flow(flow(1, 1, 16)));

/// How many 16-byte messages a second nats-server can, from one publisher to one subscriber.
pub(crate) fn maximum(nats_server: &Contestant, times: Times) -> Result<f64> {
    let sample = MAXIMUM.run(nats_server, times, 0.0)?;
    Ok(sample.figure(Metric::Rate).unwrap_or_default())
}

impl Load {
    /// Whether it needs nats-server's maximum.
    pub(crate) fn is_paced(&self) -> bool {
        matches!(self.work, Work::Paced(_))
    }

    /// Runs once against a fresh process of this contestant.
    ///
    /// `maximum` is how many messages a second nats-server can, for [`Work::Paced`].
    pub(crate) fn run(
        &self,
        contestant: &Contestant,
        times: Times,
        maximum: f64,
    ) -> Result<Sample> {
        match self.work {
            Work::Start => return footprint::start(contestant),
            Work::Program => return footprint::program(contestant),
            Work::Accounts(count) => return accounts::accounts(contestant, count),
            _ => {}
        }
        let world = World::of(self.transport);
        let server = contestant.start(&world)?;
        let door = server.door(self.transport);
        match self.work {
            Work::Flow(shape) => shape.flow(&door)?.run(&server, times),
            Work::PingPong => exchange::ping_pong(&server, &door, times),
            Work::Requests { old_style } => exchange::requests(&server, &door, times, old_style),
            Work::Subscriptions { count, churn } => {
                interest::subscriptions(&server, &door, times, count, churn)
            }
            Work::Connections(count) => interest::connections(&server, &door, times, count),
            Work::Paced(percent) => {
                paced::paced(&server, &door, times, maximum * f64::from(percent) / 100.0)
            }
            Work::Idle(connections) => footprint::idle(&server, &door, connections),
            Work::Start | Work::Program | Work::Accounts(_) => Ok(Sample::default()),
        }
    }
}

impl Shape {
    fn flow(&self, door: &Door) -> Result<Flow> {
        let mut subscribers = Vec::new();
        for number in 0..self.subscribers {
            subscribers.push(self.subscriber(door, number)?);
        }
        let mut publishers = Vec::new();
        for number in 0..self.publishers {
            let batch = self.batch(door.transport, number);
            publishers.push(Publisher::new(Peer::connect(door)?, vec![batch]));
        }
        if self.churn {
            publishers.push(churn(door)?);
        }
        // Subscriptions are in force for every publisher when they are confirmed, which
        // `subscriber` has waited for.
        Flow::new(publishers, subscribers)
    }

    /// The subject of the publisher or subscriber of this number.
    fn subject(&self, number: usize) -> String {
        let number = if self.audience == Audience::Own { number } else { 0 };
        format!("bench.{number}")
    }

    /// Headers and payload, with the sizes as PUB and MSG write them.
    fn body(&self) -> (String, Vec<u8>) {
        let header: &[u8] =
            if self.headers { b"NATS/1.0\r\nTrace-Id: 0123456789abcdef\r\n\r\n" } else { b"" };
        let total = header.len() + self.size;
        let sizes =
            if self.headers { format!("{} {total}", header.len()) } else { total.to_string() };
        let mut body = header.to_vec();
        body.extend((0..self.size).map(|at| b'a' + (at % 26) as u8));
        body.extend(b"\r\n");
        (sizes, body)
    }

    fn batch(&self, transport: Transport, number: usize) -> Batch {
        let (verb, (sizes, body)) = (if self.headers { "HPUB" } else { "PUB" }, self.body());
        let line = format!("{verb} {} {sizes}\r\n", self.subject(number));
        let message = [line.as_bytes(), &body].concat();
        let audience = if self.audience == Audience::All { self.subscribers } else { 1 };
        let messages = (BATCH / message.len()).min(BATCH_DELIVERIES / audience).max(1);
        Batch {
            bytes: transport.frame(message.repeat(messages)),
            messages: messages as u64,
            deliveries: (messages * audience) as u64,
        }
    }

    fn subscriber(&self, door: &Door, number: usize) -> Result<Subscriber> {
        let subject = self.subject(number);
        let (verb, (sizes, body)) = (if self.headers { "HMSG" } else { "MSG" }, self.body());
        let line = format!("{verb} {subject} 1 {sizes}\r\n");
        let expected = [line.as_bytes(), &body].concat();
        let queue = if self.audience == Audience::One { "workers " } else { "" };
        let mut peer = Peer::connect(door)?;
        peer.command(format!("SUB {subject} {queue}1\r\n").as_bytes())?;
        Ok(Subscriber { peer, counter: Counter::Repeating(Repeating::new(&expected)) })
    }
}

/// Subscribes and unsubscribes a fresh subject for every ten messages of the others: a hundred
/// batches of a hundred subjects that nobody publishes to, one of ten a wildcard.
pub(crate) fn churn(door: &Door) -> Result<Publisher> {
    let batch = |batch: usize| {
        let pair = |pair: usize| {
            let number = batch * 100 + pair;
            let tail = if pair.is_multiple_of(10) { "*" } else { "x" };
            format!("SUB _INBOX.churn.{number:06}.{tail} {number}\r\nUNSUB {number}\r\n")
        };
        let bytes: String = (0..100).map(pair).collect();
        Batch { bytes: door.transport.frame(bytes.into_bytes()), messages: 100, deliveries: 0 }
    };
    Ok(Publisher::new(Peer::connect(door)?, (0..100).map(batch).collect()).one_in(10))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use harness::Program;

    use super::*;
    use crate::error::BenchError;

    const TIMES: Times =
        Times { warm: Duration::from_millis(20), measure: Duration::from_millis(50) };

    fn under_test() -> Contestant {
        Contestant::nats_server(Program::under_test().executable())
    }

    /// All that are quickly set up, over every transport.
    #[test]
    fn loads_lose_nothing_and_have_their_figures() {
        let heavy = [
            "churn-1000000",
            "subs-1000000",
            "subs-100000",
            "conns-10000",
            "idle-10000",
            "accounts-10000",
            "conns-1000",
        ];
        for load in LOADS.iter().filter(|load| !heavy.contains(&load.name)) {
            let sample = load.run(&under_test(), TIMES, 20_000.0);
            let sample = sample.unwrap_or_else(|error| panic!("{}: {error}", load.name));
            let cold = matches!(load.work, Work::Start | Work::Program | Work::Idle(_));
            let figure = if cold {
                sample.figures().first().map(|it| it.1)
            } else {
                sample.figure(Metric::Rate)
            };
            assert!(figure.is_some_and(|figure| figure > 0.0), "{}: {sample:?}", load.name);
        }
    }

    #[test]
    fn a_message_too_many_fails_the_run() {
        let server = under_test().start(&World::of(Transport::Plain)).unwrap();
        let door = server.door(Transport::Plain);
        let shape = flow(1, 1, 16);
        let batch = shape.batch(Transport::Plain, 0);
        // One delivery less is expected than there is.
        let batch = Batch { deliveries: batch.deliveries - 1, ..batch };
        let publisher = Publisher::new(Peer::connect(&door).unwrap(), vec![batch]);
        let subscriber = shape.subscriber(&door, 0).unwrap();
        let outcome = Flow::new(vec![publisher], vec![subscriber]).unwrap().run(&server, TIMES);
        assert!(matches!(outcome, Err(BenchError::Lost { .. })), "{outcome:?}");
    }
}
