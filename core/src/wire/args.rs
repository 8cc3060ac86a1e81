//! The arguments of one complete control line.
//!
//! Everything here is given the argument part alone: from the first octet after the verb that is
//! not a blank, up to and without the line's end. Limits that depend on the link are not looked
//! at, except in [`Announced::check`].

use super::op::{Body, Op, Publish, Verbatim};
use super::parser::ParseRules;
use super::verb::Verb;
use super::{WireError, number};

/// Most arguments any verb takes, and one more to notice the excess.
const MOST: usize = 5;

/// Splits `line` at runs of octets for which `separates` holds. Returns the arguments and how many
/// there are; an excess is cut off at [`MOST`].
fn split(line: &[u8], separates: fn(&u8) -> bool) -> ([&[u8]; MOST], usize) {
    let mut found: [&[u8]; MOST] = [b""; MOST];
    let mut count = 0;
    let words = line.split(separates).filter(|word| !word.is_empty());
    for (slot, word) in found.iter_mut().zip(words) {
        *slot = word;
        count += 1;
    }
    (found, count)
}

/// What the control line of a PUB or HPUB says about the message that follows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Announced<'a> {
    pub(super) subject: &'a [u8],
    pub(super) reply: Option<&'a [u8]>,
    pub(super) size: &'a [u8],
    pub(super) header_size: Option<&'a [u8]>,
    pub(super) header_len: usize,
    /// Octets of header and payload together.
    pub(super) len: usize,
}

impl<'a> Announced<'a> {
    /// Reads the arguments of a PUB (`subject [reply] size`) or, with `headers`, of an HPUB
    /// (`subject [reply] header-size size`).
    ///
    /// A CR is refused: nats-server takes it for a part of the subject, and would forward it into
    /// the middle of a line that other clients have to read.
    pub(super) fn parse(line: &'a [u8], headers: bool) -> Result<Self, WireError> {
        if memchr::memchr(b'\r', line).is_some() {
            return Err(WireError::BadArguments);
        }
        let (words, count) = split(line, |octet| matches!(octet, b' ' | b'\t'));
        let (subject, reply, header_size, size) = match (headers, count, words) {
            (false, 2, [subject, size, ..]) => (subject, None, None, size),
            (false, 3, [subject, reply, size, ..]) => (subject, Some(reply), None, size),
            (true, 3, [subject, header, size, ..]) => (subject, None, Some(header), size),
            (true, 4, [subject, reply, header, size, ..]) => {
                (subject, Some(reply), Some(header), size)
            }
            _ => return Err(WireError::BadArguments),
        };
        let len = number::parse_size(size).ok_or(WireError::BadArguments)?;
        let header_len = match header_size {
            Some(digits) => number::parse_size(digits).ok_or(WireError::BadArguments)?,
            None => 0,
        };
        if header_len > len {
            return Err(WireError::BadArguments);
        }
        Ok(Self { subject, reply, size, header_size, header_len, len })
    }

    /// Holds the announcement against the link's limit.
    #[inline]
    pub(super) const fn check(&self, rules: &ParseRules) -> Result<(), WireError> {
        if self.len > rules.max_payload {
            return Err(WireError::PayloadTooLarge { size: self.len, limit: rules.max_payload });
        }
        Ok(())
    }

    /// The message, once its octets are here.
    #[inline]
    pub(super) const fn with(self, body: Body<'a>, verbatim: Option<Verbatim<'a>>) -> Publish<'a> {
        let Self { subject, reply, size, header_size, header_len, len: _ } = self;
        Publish { subject, reply, size, header_size, header_len, body, verbatim }
    }
}

/// The operation of a verb that has no payload.
pub(super) fn operation(verb: Verb, line: &[u8]) -> Result<Op<'_>, WireError> {
    Ok(match verb {
        Verb::Connect => Op::Connect(line),
        Verb::Info => Op::Info(line),
        Verb::Ping => Op::Ping,
        Verb::Pong => Op::Pong,
        Verb::Ok => Op::Ok,
        Verb::Err => Op::Err(line),
        Verb::Sub => subscribe(line)?,
        Verb::Unsub => unsubscribe(line)?,
        // A control line alone is no message. The parser never asks.
        Verb::Pub | Verb::Hpub => return Err(WireError::BadArguments),
    })
}

/// In the arguments of SUB and UNSUB a CR that does not end the line separates like a blank
/// (client-protocol 1.3).
fn is_blank_or_cr(octet: &u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r')
}

fn subscribe(line: &[u8]) -> Result<Op<'_>, WireError> {
    match split(line, is_blank_or_cr) {
        ([subject, sid, ..], 2) => Ok(Op::Sub { subject, queue: None, sid }),
        ([subject, queue, sid, ..], 3) => Ok(Op::Sub { subject, queue: Some(queue), sid }),
        _ => Err(WireError::BadArguments),
    }
}

fn unsubscribe(line: &[u8]) -> Result<Op<'_>, WireError> {
    let (sid, max) = match split(line, is_blank_or_cr) {
        ([sid, ..], 1) => (sid, b"".as_slice()),
        ([sid, max, ..], 2) => (sid, max),
        _ => return Err(WireError::BadArguments),
    };
    Ok(Op::Unsub { sid, max: delivery_limit(max) })
}

/// The second argument of UNSUB; `None` when it is missing (empty), invalid or zero.
#[inline]
pub(super) fn delivery_limit(digits: &[u8]) -> Option<u32> {
    // A size has nine digits at most, so it always fits.
    number::parse_size(digits).and_then(|max| u32::try_from(max).ok()).filter(|&max| max != 0)
}
