//! Latency at a fixed offered load.
//!
//! One publisher sends so many 16-byte messages a second, evenly, whether or not earlier ones have
//! arrived; each payload holds the time at which the message was due. Latency is arrival minus due
//! time, so a server that falls behind cannot hide it. The generator looks at its clock every
//! 50 µs, which is the grain of the figures.

use std::time::{Duration, Instant};

use crate::epoll::Poller;
use crate::error::{BenchError, Doing, Result};
use crate::meter::{Meter, Times};
use crate::peer::{Door, PATIENCE, Peer, READ};
use crate::sample::Sample;
use crate::servers::Running;
use crate::stream::Messages;

/// How often messages are sent.
const TICK: Duration = Duration::from_micros(50);

/// Encoded bytes that wait for room at most; what is due later is encoded later.
const BACKLOG: usize = 1 << 20;

/// One message before its payload's two numbers.
const LINE: &[u8] = b"PUB paced 16\r\n";

struct Paced {
    publisher: Peer,
    subscriber: Peer,
    stream: Messages,
    buffer: Vec<u8>,
    began: Instant,
    /// Messages a second.
    rate: f64,
    sent: u64,
    received: u64,
    out: Vec<u8>,
    latencies: Vec<u32>,
}

/// Sends `rate` messages a second.
pub(crate) fn paced(server: &Running, door: &Door, times: Times, rate: f64) -> Result<Sample> {
    let mut subscriber = Peer::connect(door)?;
    subscriber.command(b"SUB paced 1\r\n")?;
    let publisher = Peer::connect(door)?;
    let mut poller = Poller::new().doing("make a poller")?;
    poller.add(subscriber.fd(), 0).doing("watch a socket")?;
    poller.add(publisher.fd(), 1).doing("watch a socket")?;
    let mut paced = Paced {
        publisher,
        subscriber,
        stream: Messages::default(),
        buffer: vec![0; READ],
        began: Instant::now(),
        rate,
        sent: 0,
        received: 0,
        out: Vec::new(),
        latencies: Vec::with_capacity((rate * times.measure.as_secs_f64()) as usize + 1024),
    };
    let mut meter = Meter::new(server, times);
    let (mut ready, mut next) = (Vec::new(), Instant::now());
    let mut last = (Instant::now(), 0);
    loop {
        let now = Instant::now();
        let more = meter.goes_on(now, paced.received)?;
        if more {
            paced.encode(now);
        }
        paced.write()?;
        if !more && paced.out.is_empty() && paced.received >= paced.sent {
            break;
        }
        next = (next + TICK).max(now);
        poller.wait(next - now, &mut ready).doing("wait for sockets")?;
        for event in &ready {
            if event.token == 0 {
                paced.listen(meter.is_measuring())?;
            } else {
                paced.hear_publisher()?;
            }
        }
        if paced.received != last.1 || paced.received == paced.sent {
            last = (Instant::now(), paced.received);
        } else if last.0.elapsed() > PATIENCE {
            return Err(BenchError::Lost { expected: paced.sent, received: paced.received });
        }
    }
    if paced.received != paced.sent {
        return Err(BenchError::Lost { expected: paced.sent, received: paced.received });
    }
    let mut sample = meter.sample();
    sample.add_latencies(&mut paced.latencies);
    Ok(sample)
}

impl Paced {
    /// When message number `number` is due, in nanoseconds since the beginning.
    fn due(&self, number: u64) -> u64 {
        (number as f64 * 1e9 / self.rate) as u64
    }

    /// Encodes what is due.
    fn encode(&mut self, now: Instant) {
        let now = nanos(now - self.began);
        while self.out.len() < BACKLOG && self.due(self.sent) <= now {
            self.out.extend_from_slice(LINE);
            self.out.extend_from_slice(&self.due(self.sent).to_le_bytes());
            self.out.extend_from_slice(&self.sent.to_le_bytes());
            self.out.extend_from_slice(b"\r\n");
            self.sent += 1;
        }
    }

    fn write(&mut self) -> Result<()> {
        while !self.out.is_empty() {
            match self.publisher.write(&self.out)? {
                0 => break,
                count => drop(self.out.drain(..count)),
            }
        }
        Ok(())
    }

    /// Reads once, and takes the times of what came. Numbers must follow each other.
    fn listen(&mut self, measuring: bool) -> Result<()> {
        let Self { subscriber, stream, buffer, began, received, latencies, .. } = self;
        let mut pings = 0;
        subscriber.read(buffer, |bytes| {
            let now = nanos(began.elapsed());
            let came = stream.take(bytes, |message| {
                let (due, number) = numbers(message.body)
                    .filter(|(_, number)| number == received)
                    .ok_or_else(|| {
                        BenchError::Unexpected(format!("another message than number {received}"))
                    })?;
                debug_assert_eq!(number, *received);
                *received += 1;
                if measuring {
                    latencies.push(u32::try_from(now.saturating_sub(due)).unwrap_or(u32::MAX));
                }
                Ok(())
            })?;
            pings += came.pings;
            Ok(())
        })?;
        for _ in 0..pings {
            subscriber.send(b"PONG\r\n")?;
        }
        Ok(())
    }

    /// Answers a PING between messages: what is encoded ends with one.
    fn hear_publisher(&mut self) -> Result<()> {
        let mut pings = 0;
        self.publisher.read(&mut self.buffer, |bytes| {
            pings += memchr::memmem::find_iter(bytes, b"PING\r\n").count();
            match memchr::memmem::find(bytes, b"-ERR") {
                None => Ok(()),
                Some(_) => Err(BenchError::Unexpected(bytes.escape_ascii().to_string())),
            }
        })?;
        for _ in 0..pings {
            self.out.extend_from_slice(b"PONG\r\n");
        }
        Ok(())
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Due time and number.
fn numbers(body: &[u8]) -> Option<(u64, u64)> {
    let (due, rest) = body.split_first_chunk()?;
    let number = rest.try_into().ok()?;
    Some((u64::from_le_bytes(*due), u64::from_le_bytes(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_two_numbers() {
        let body = [7u64.to_le_bytes(), 9u64.to_le_bytes()].concat();
        assert_eq!(numbers(&body), Some((7, 9)));
        assert_eq!(numbers(&body[1..]), None);
    }
}
