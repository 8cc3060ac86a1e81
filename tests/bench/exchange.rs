//! Requests and replies: what waits for an answer.
//!
//! - [`ping_pong`]: one request on its way, over blocking sockets. The latency is that of the whole
//!   way: requester, server, responder, server, requester.
//! - [`requests`]: fifty requesters with one request each, and one responder that answers all that
//!   a read brought with one write. A rate and latencies. In the old style each request subscribes
//!   to a fresh inbox, limits it to one message, and publishes.
//!
//! Every request must have its reply, and no other; a message is a round trip.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::epoll::Poller;
use crate::error::{BenchError, Doing, Result};
use crate::meter::{Meter, Times};
use crate::peer::{Door, PATIENCE, Peer, READ};
use crate::sample::Sample;
use crate::servers::Running;
use crate::stream::Messages;

/// Requesters of [`requests`].
const REQUESTERS: usize = 50;

/// What goes to and fro.
const PAYLOAD: &[u8; 16] = b"0123456789abcdef";

/// Nanoseconds since, at most four seconds.
fn nanos_since(start: Instant) -> u32 {
    u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX)
}

/// A peer whose messages are looked at.
struct Party {
    peer: Peer,
    stream: Messages,
}

impl Party {
    fn connect(door: &Door, says: &str) -> Result<Self> {
        let mut peer = Peer::connect(door)?;
        peer.command(says.as_bytes())?;
        Ok(Self { peer, stream: Messages::default() })
    }

    /// Reads once; `each` sees the reply subject of each message. Gives the number of messages.
    fn listen(&mut self, buffer: &mut [u8], mut each: impl FnMut(&[u8])) -> Result<u64> {
        let (mut messages, mut pings) = (0, 0);
        let stream = &mut self.stream;
        self.peer.read(buffer, |bytes| {
            let came = stream.take(bytes, |message| {
                if message.body != PAYLOAD {
                    let text = message.body.escape_ascii().to_string();
                    return Err(BenchError::Unexpected(text));
                }
                each(message.reply);
                Ok(())
            })?;
            messages += came.messages;
            pings += came.pings;
            Ok(())
        })?;
        for _ in 0..pings {
            self.peer.send(b"PONG\r\n")?;
        }
        Ok(messages)
    }

    /// Blocks until a message is here.
    fn await_message(&mut self, buffer: &mut [u8]) -> Result<()> {
        let start = Instant::now();
        while self.listen(buffer, |_| ())? == 0 {
            if start.elapsed() > PATIENCE {
                return Err(BenchError::Silent("waiting for a message"));
            }
        }
        Ok(())
    }
}

/// One request at a time.
pub(crate) fn ping_pong(server: &Running, door: &Door, times: Times) -> Result<Sample> {
    let mut responder = Party::connect(door, "SUB ping 1\r\n")?;
    let mut requester = Party::connect(door, "SUB pong 1\r\n")?;
    let request = [b"PUB ping pong 16\r\n".as_slice(), PAYLOAD, b"\r\n"].concat();
    let reply = [b"PUB pong 16\r\n".as_slice(), PAYLOAD, b"\r\n"].concat();
    requester.peer.block()?;
    responder.peer.block()?;
    let mut buffer = vec![0; READ];
    let mut latencies = Vec::with_capacity(1 << 20);
    let (mut meter, mut count) = (Meter::new(server, times), 0);
    while meter.goes_on(Instant::now(), count)? {
        let start = Instant::now();
        requester.peer.send(&request)?;
        responder.await_message(&mut buffer)?;
        responder.peer.send(&reply)?;
        requester.await_message(&mut buffer)?;
        count += 1;
        if meter.is_measuring() {
            latencies.push(nanos_since(start));
        }
    }
    let mut sample = meter.sample();
    sample.add_latencies(&mut latencies);
    Ok(sample)
}

/// One of many that ask.
struct Requester {
    party: Party,
    number: usize,
    /// Requests sent.
    asked: u64,
    since: Instant,
}

impl Requester {
    fn ask(&mut self, old_style: bool, text: &mut Vec<u8>) -> Result<()> {
        text.clear();
        self.asked += 1;
        let (number, asked) = (self.number, self.asked);
        if old_style {
            let sid = asked + 1;
            write!(
                text,
                "SUB _INBOX.{number:04}{asked:018} {sid}\r\nUNSUB {sid} 1\r\n\
                 PUB question _INBOX.{number:04}{asked:018} 16\r\n"
            )
        } else {
            write!(text, "PUB question _INBOX.{number:04} 16\r\n")
        }
        .doing("write a request")?;
        text.extend_from_slice(PAYLOAD);
        text.extend_from_slice(b"\r\n");
        self.since = Instant::now();
        self.party.peer.send(text)
    }
}

/// Fifty requests at a time.
pub(crate) fn requests(
    server: &Running,
    door: &Door,
    times: Times,
    old_style: bool,
) -> Result<Sample> {
    let mut poller = Poller::new().doing("make a poller")?;
    let mut responder = Party::connect(door, "SUB question 1\r\n")?;
    poller.add(responder.peer.fd(), REQUESTERS).doing("watch a socket")?;
    let mut requesters = Vec::new();
    for number in 0..REQUESTERS {
        let inbox = format!("SUB _INBOX.{number:04} 1\r\n");
        let party = Party::connect(door, if old_style { "" } else { &inbox })?;
        poller.add(party.peer.fd(), number).doing("watch a socket")?;
        requesters.push(Requester { party, number, asked: 0, since: Instant::now() });
    }
    let (mut buffer, mut text, mut replies) = (vec![0; READ], Vec::new(), Vec::new());
    for requester in &mut requesters {
        requester.ask(old_style, &mut text)?;
    }
    let mut latencies = Vec::with_capacity(1 << 22);
    let (mut meter, mut count, mut outstanding) = (Meter::new(server, times), 0, REQUESTERS);
    let (mut ready, mut heard) = (Vec::new(), Instant::now());
    while outstanding > 0 {
        let more = meter.goes_on(Instant::now(), count)?;
        poller.wait(Duration::from_millis(5), &mut ready).doing("wait for sockets")?;
        for event in &ready {
            let Some(requester) = requesters.get_mut(event.token) else {
                replies.clear();
                responder.listen(&mut buffer, |inbox| {
                    let pieces = [b"PUB ", inbox, b" 16\r\n", PAYLOAD.as_slice(), b"\r\n"];
                    pieces.iter().for_each(|piece| replies.extend_from_slice(piece));
                })?;
                responder.peer.send(&replies)?;
                continue;
            };
            match requester.party.listen(&mut buffer, |_| ())? {
                0 => continue,
                1 => {}
                _ => return Err(BenchError::Unexpected("two replies to one request".to_owned())),
            }
            heard = Instant::now();
            count += 1;
            if meter.is_measuring() {
                latencies.push(nanos_since(requester.since));
            }
            if more {
                requester.ask(old_style, &mut text)?;
            } else {
                outstanding -= 1;
            }
        }
        if heard.elapsed() > PATIENCE {
            return Err(BenchError::Silent("waiting for replies"));
        }
    }
    let mut sample = meter.sample();
    sample.add_latencies(&mut latencies);
    Ok(sample)
}
