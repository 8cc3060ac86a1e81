//! Publishers that send as fast as their window lets them, and subscribers that count.
//!
//! One thread drives all connections. Publishers write batches that were encoded beforehand; a
//! batch is begun while the deliveries on their way are fewer than the window, which is large
//! enough to keep a server busy and small enough that nobody becomes a slow consumer. When time is
//! up the begun batches are finished, everybody says PING, and the subscribers must have received
//! exactly what was sent: a message too few or too many fails the run.

use std::time::{Duration, Instant};

use crate::epoll::{Poller, Ready};
use crate::error::{BenchError, Doing, Result};
use crate::meter::{Meter, Times};
use crate::peer::{PATIENCE, Peer, READ};
use crate::sample::{Metric, Sample};
use crate::servers::Running;
use crate::stream::{Came, Counter, Messages};

/// Bytes of a batch, unless one message is larger.
pub(crate) const BATCH: usize = 64 << 10;

/// Bytes on their way to subscribers, unless a few batches are more.
const WINDOW: u64 = 2 << 20;

/// Something encoded that a publisher writes in one go.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// Framed for the transport.
    pub(crate) bytes: Vec<u8>,
    /// Messages, or pairs of SUB and UNSUB, within.
    pub(crate) messages: u64,
    /// How often subscribers receive one of its messages altogether.
    pub(crate) deliveries: u64,
}

/// One connection that sends.
pub(crate) struct Publisher {
    peer: Peer,
    batches: Vec<Batch>,
    /// Sends one message for so many that the others have sent, instead of as many as it can.
    one_in: Option<u64>,
    /// Batches begun.
    begun: usize,
    /// Octets of the current batch that are written; 0 between batches.
    written: usize,
    sent: u64,
    blocked: bool,
    pings: u32,
    heard: Messages,
}

impl Publisher {
    /// Sends these batches round and round.
    pub(crate) fn new(peer: Peer, batches: Vec<Batch>) -> Self {
        Self {
            peer,
            batches,
            one_in: None,
            begun: 0,
            written: 0,
            sent: 0,
            blocked: false,
            pings: 0,
            heard: Messages::default(),
        }
    }

    /// Sends one message for so many of the others'.
    pub(crate) fn one_in(mut self, others: u64) -> Self {
        self.one_in = Some(others);
        self
    }

    fn batch(&self) -> Option<&Batch> {
        self.batches.get(self.begun % self.batches.len().max(1))
    }

    /// Writes some of the current batch.
    fn write(&mut self) -> Result<()> {
        let Some(batch) = self.batches.get(self.begun % self.batches.len().max(1)) else {
            return Ok(());
        };
        let rest = batch.bytes.get(self.written..).unwrap_or_default();
        let count = self.peer.write(rest)?;
        self.written += count;
        if count == rest.len() {
            self.written = 0;
            self.begun += 1;
            for _ in 0..std::mem::take(&mut self.pings) {
                self.peer.send(b"PONG\r\n")?;
            }
        }
        self.blocked = count < rest.len() || !self.peer.flush()?;
        Ok(())
    }
}

/// One connection that counts.
pub(crate) struct Subscriber {
    /// The connection.
    pub(crate) peer: Peer,
    /// What it expects.
    pub(crate) counter: Counter,
}

/// A load of publishers and subscribers.
pub(crate) struct Flow {
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    /// Deliveries on their way at most.
    window: u64,
    poller: Poller,
    ready: Vec<Ready>,
    buffer: Vec<u8>,
    published: u64,
    expected: u64,
    received: u64,
    pongs: usize,
}

impl Flow {
    /// Tokens of the poller: subscribers first, then publishers.
    pub(crate) fn new(publishers: Vec<Publisher>, subscribers: Vec<Subscriber>) -> Result<Self> {
        let poller = Poller::new().doing("make a poller")?;
        let peers = subscribers.iter().map(|it| &it.peer);
        for (token, peer) in peers.chain(publishers.iter().map(|it| &it.peer)).enumerate() {
            poller.add(peer.fd(), token).doing("watch a socket")?;
        }
        let window = window(publishers.iter().flat_map(|it| &it.batches), publishers.len());
        Ok(Self {
            publishers,
            subscribers,
            window,
            poller,
            ready: Vec::new(),
            buffer: vec![0; READ],
            published: 0,
            expected: 0,
            received: 0,
            pongs: 0,
        })
    }

    /// Runs the load to its end.
    pub(crate) fn run(mut self, server: &Running, times: Times) -> Result<Sample> {
        let mut meter = Meter::new(server, times);
        let mut progress = (Instant::now(), 0);
        let (mut aside, mut subscribed) = (Instant::now(), 0);
        while meter.goes_on(Instant::now(), self.received)? {
            let busy = self.publish(true)?;
            self.listen(if busy { Duration::ZERO } else { Duration::from_millis(5) })?;
            self.watch_progress(&mut progress)?;
            if !meter.is_measuring() {
                (aside, subscribed) = (Instant::now(), self.aside());
            }
        }
        let pairs = (self.aside() - subscribed) as f64 / aside.elapsed().as_secs_f64();
        self.finish()?;
        let mut sample = meter.sample();
        if self.publishers.iter().any(|it| it.one_in.is_some()) {
            sample.add(Metric::Subscribing, pairs);
        }
        Ok(sample)
    }

    /// What those that go along with the others have sent.
    fn aside(&self) -> u64 {
        self.publishers.iter().filter(|it| it.one_in.is_some()).map(|it| it.sent).sum()
    }

    /// Lets every publisher write once; with `more`, batches may be begun. True when one of them
    /// could go on.
    fn publish(&mut self, more: bool) -> Result<bool> {
        let mut busy = false;
        let Self { publishers, published, expected, received, window, .. } = self;
        let watchers = self.subscribers.len();
        for (index, publisher) in publishers.iter_mut().enumerate() {
            if publisher.blocked {
                continue;
            }
            if publisher.written == 0 {
                let Some(batch) = publisher.batch() else { continue };
                let (messages, deliveries) = (batch.messages, batch.deliveries);
                let room = match publisher.one_in {
                    Some(others) => (publisher.sent + messages) * others <= *published,
                    None => *expected + deliveries <= *received + *window,
                };
                if !room || !more {
                    continue;
                }
                publisher.sent += messages;
                *expected += deliveries;
                if publisher.one_in.is_none() {
                    *published += messages;
                }
            }
            publisher.write()?;
            if publisher.blocked {
                let fd = publisher.peer.fd();
                self.poller.watch(fd, watchers + index, true).doing("watch a socket")?;
            } else {
                busy = true;
            }
        }
        Ok(busy)
    }

    /// Reads what is there.
    fn listen(&mut self, patience: Duration) -> Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        self.poller.wait(patience, &mut ready).doing("wait for sockets")?;
        for event in &ready {
            let watchers = self.subscribers.len();
            let came = match self.subscribers.get_mut(event.token) {
                Some(it) => it.listen(&mut self.buffer)?,
                None => {
                    let Some(publisher) = self.publishers.get_mut(event.token - watchers) else {
                        continue;
                    };
                    if event.writable && publisher.peer.flush()? {
                        publisher.blocked = false;
                        let fd = publisher.peer.fd();
                        self.poller.watch(fd, event.token, false).doing("watch a socket")?;
                    }
                    if event.readable { publisher.listen(&mut self.buffer)? } else { continue }
                }
            };
            self.received += came.messages;
            self.pongs += came.pongs as usize;
        }
        self.ready = ready;
        Ok(())
    }

    fn watch_progress(&self, last: &mut (Instant, u64)) -> Result<()> {
        if self.received != last.1 || self.expected == self.received {
            *last = (Instant::now(), self.received);
        } else if last.0.elapsed() > PATIENCE {
            return Err(self.lost());
        }
        Ok(())
    }

    fn lost(&self) -> BenchError {
        BenchError::Lost { expected: self.expected, received: self.received }
    }

    /// Finishes what is begun and counts everything.
    fn finish(&mut self) -> Result<()> {
        let mut progress = (Instant::now(), self.received);
        while self.publishers.iter().any(|it| it.written > 0 || it.blocked) {
            self.publish(false)?;
            self.listen(Duration::from_millis(1))?;
            self.watch_progress(&mut progress)?;
        }
        while self.received < self.expected {
            self.listen(Duration::from_millis(5))?;
            self.watch_progress(&mut progress)?;
        }
        let publishers = self.publishers.iter_mut().map(|it| &mut it.peer);
        let everybody = publishers.chain(self.subscribers.iter_mut().map(|it| &mut it.peer));
        everybody.map(|peer| peer.send(b"PING\r\n")).collect::<Result<Vec<()>>>()?;
        let asked = Instant::now();
        while self.pongs < self.publishers.len() + self.subscribers.len() {
            self.listen(Duration::from_millis(5))?;
            if asked.elapsed() > PATIENCE {
                return Err(BenchError::Silent("waiting for the last PONG"));
            }
        }
        if self.received == self.expected { Ok(()) } else { Err(self.lost()) }
    }
}

/// Deliveries that may be on their way: [`WINDOW`] bytes of them, or four batches of each
/// publisher if those are more.
fn window<'a>(batches: impl Iterator<Item = &'a Batch>, publishers: usize) -> u64 {
    let (mut most, mut bytes, mut messages) = (0, 0, 0);
    for batch in batches {
        most = most.max(batch.deliveries);
        bytes += batch.bytes.len() as u64;
        messages += batch.messages;
    }
    let each = (bytes / messages.max(1)).max(1);
    (WINDOW / each).max(most * 4 * publishers as u64)
}

impl Subscriber {
    /// Reads once.
    fn listen(&mut self, buffer: &mut [u8]) -> Result<Came> {
        let mut came = Came::default();
        let counter = &mut self.counter;
        self.peer.read(buffer, |bytes| {
            let more = counter.take(bytes)?;
            came.messages += more.messages;
            came.pings += more.pings;
            came.pongs += more.pongs;
            Ok(())
        })?;
        for _ in 0..came.pings {
            self.peer.send(b"PONG\r\n")?;
        }
        Ok(came)
    }
}

impl Publisher {
    /// Reads once. PINGs are answered between batches.
    fn listen(&mut self, buffer: &mut [u8]) -> Result<Came> {
        let mut came = Came::default();
        let heard = &mut self.heard;
        self.peer.read(buffer, |bytes| {
            let more = heard.take(bytes, |_| Ok(()))?;
            came.pings += more.pings;
            came.pongs += more.pongs;
            Ok(())
        })?;
        if self.written > 0 {
            self.pings += came.pings;
        } else {
            for _ in 0..came.pings {
                self.peer.send(b"PONG\r\n")?;
            }
        }
        Ok(came)
    }
}
