//! The incremental parser: takes units off a stream that arrives in pieces.

use core::fmt;

use bytes::Bytes;

use super::args::{self, Announced};
use super::op::{Body, Op, Publish};
use super::verb::{Recognised, Tail, Verb, recognise};
use super::{WireError, whole};
use crate::limits::SHARED_PAYLOAD;

/// What the link allows its peer at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ParseRules {
    /// Longest argument part of a control line, in bytes (client-protocol 1.4).
    pub max_control_line: usize,
    /// Largest payload including headers, in bytes.
    pub max_payload: usize,
    /// Headers are negotiated: HPUB is allowed.
    pub headers: bool,
    /// The peer has yet to authenticate: each unit must begin with `C` or `c`
    /// (client-protocol 1.11).
    pub connect_only: bool,
}

/// Takes units off one link's stream of bytes.
///
/// A unit that lies in the input in one piece is borrowed from it. One that is split across reads
/// is collected in here, which takes memory only while such a unit is around: between units the
/// parser is one null pointer.
///
/// However a stream is split, the operations and the error at its end are the same. After an error
/// there is no way on: the link is to be closed. The exception is
/// [`WireError::AuthorizationViolation`], which takes nothing off the input, so that a link that
/// falls back to a default user can ask again by other rules.
///
/// Memory is bounded by what has arrived, `max_control_line` and `max_payload`: an announced size
/// alone reserves nothing.
#[derive(Default)]
pub struct Parser {
    carry: Option<Box<Carry>>,
}

impl Parser {
    /// Takes the next unit off the front of `input`, which is advanced past it. `None` when all of
    /// `input` is taken; a unit that has only begun is kept, and goes on with the next call.
    ///
    /// # Errors
    ///
    /// See [`WireError`]. An error is reported at the first octet that makes it certain, whether
    /// or not its line is complete.
    #[inline]
    pub fn next<'p, 'i: 'p>(
        &'p mut self,
        input: &mut &'i [u8],
        rules: &ParseRules,
    ) -> Result<Option<Op<'p>>, WireError> {
        if self.carry.as_ref().is_none_or(|carry| carry.stage == Stage::Done) {
            if let Some(op) = whole::unit(input, rules) {
                return Ok(Some(op));
            }
            if input.is_empty() {
                // Kept until now so that a stream of split units uses one allocation again and
                // again; an idle link holds none.
                self.carry = None;
                return Ok(None);
            }
        }
        self.next_split(input, rules)
    }

    /// Takes the next unit if it is a PUB that needs no second look. `None` says nothing: ask
    /// [`next`](Self::next), which gives the same message, only slower.
    #[inline]
    pub fn next_publish<'i>(
        &self,
        input: &mut &'i [u8],
        rules: &ParseRules,
    ) -> Option<Publish<'i>> {
        if self.is_inside_unit() { None } else { whole::plain_publish(input, rules) }
    }

    /// Whether a unit has begun and not ended.
    pub fn is_inside_unit(&self) -> bool {
        self.carry.as_ref().is_some_and(|carry| carry.stage != Stage::Done)
    }

    #[cold]
    fn next_split(
        &mut self,
        input: &mut &[u8],
        rules: &ParseRules,
    ) -> Result<Option<Op<'_>>, WireError> {
        let carry = self.carry.get_or_insert_default();
        if carry.advance(input, rules)? { carry.take().map(Some) } else { Ok(None) }
    }
}

/// Shows where it is, not what it holds.
impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = self.carry.as_ref().map(|carry| carry.stage);
        f.debug_struct("Parser").field("stage", &stage).finish_non_exhaustive()
    }
}

/// What the next octet of a split unit belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Stage {
    /// Nothing: the unit has been handed out, its octets are still borrowed.
    #[default]
    Done,
    /// The verb.
    Verb,
    /// Octets without meaning, up to LF.
    Ignored,
    /// Blanks before the arguments.
    Blanks,
    /// The arguments, up to LF.
    Arguments,
    /// Header and payload.
    Body,
    /// The CR after the payload.
    BodyCr,
    /// The LF after the payload.
    BodyLf,
}

/// A unit that is split across reads.
#[derive(Default)]
struct Carry {
    stage: Stage,
    /// Known from the end of [`Stage::Verb`] on.
    verb: Option<Verb>,
    /// First the verb's octets, then in their place the arguments, and behind them the body unless
    /// it is a large one.
    kept: Vec<u8>,
    /// Length of the arguments, known from [`Stage::Body`] on.
    line: usize,
    /// Length of the body, known from [`Stage::Body`] on.
    len: usize,
    /// A body of at least [`SHARED_PAYLOAD`] bytes.
    large: Vec<u8>,
}

impl Carry {
    /// Moves octets from `input` into the unit. `true` when it is complete, `false` when the input
    /// has come to its end first.
    fn advance(&mut self, input: &mut &[u8], rules: &ParseRules) -> Result<bool, WireError> {
        loop {
            let Some(&octet) = input.first() else { return Ok(false) };
            match self.stage {
                Stage::Done => {
                    if rules.connect_only && !octet.eq_ignore_ascii_case(&b'C') {
                        return Err(WireError::AuthorizationViolation);
                    }
                    self.kept.clear();
                    self.stage = Stage::Verb;
                }
                Stage::Verb => {
                    self.kept.push(octet);
                    *input = &input[1..];
                    self.recognise()?;
                }
                Stage::Ignored => match memchr::memchr(b'\n', input) {
                    Some(end) => {
                        *input = &input[end + 1..];
                        self.stage = Stage::Done;
                        return Ok(true);
                    }
                    None => *input = &[],
                },
                Stage::Blanks => match octet {
                    b' ' | b'\t' => *input = &input[1..],
                    _ => self.stage = Stage::Arguments,
                },
                Stage::Arguments => {
                    if self.arguments(input, rules)? {
                        return Ok(true);
                    }
                }
                Stage::Body => self.body(input),
                Stage::BodyCr if octet == b'\r' => {
                    *input = &input[1..];
                    self.stage = Stage::BodyLf;
                }
                Stage::BodyLf if octet == b'\n' => {
                    *input = &input[1..];
                    self.stage = Stage::Done;
                    return Ok(true);
                }
                Stage::BodyCr | Stage::BodyLf => return Err(WireError::UnknownOperation),
            }
        }
    }

    fn recognise(&mut self) -> Result<(), WireError> {
        match recognise(&self.kept) {
            Recognised::Prefix => {}
            Recognised::Unknown => return Err(WireError::UnknownOperation),
            Recognised::Verb(verb, tail) => {
                self.kept.clear();
                self.verb = Some(verb);
                self.stage = match tail {
                    Tail::Ignored => Stage::Ignored,
                    Tail::Arguments | Tail::BlankThenArguments => Stage::Blanks,
                };
            }
        }
        Ok(())
    }

    /// Takes arguments up to LF. `true` when that completes the unit.
    fn arguments(&mut self, input: &mut &[u8], rules: &ParseRules) -> Result<bool, WireError> {
        let limit = rules.max_control_line;
        let too_long = WireError::ControlLineTooLong { limit };
        let end = memchr::memchr(b'\n', input);
        let (line, rest) = match end {
            Some(end) => (&input[..end], &input[end + 1..]),
            None => (*input, [].as_slice()),
        };
        // One CR at the end is not counted, wherever the end will turn out to be. Checked before
        // anything is kept, so a peer cannot make us keep more than the limit.
        let ends_with_cr = line.last().or(self.kept.last()) == Some(&b'\r');
        let len = self.kept.len() + line.len() - usize::from(ends_with_cr);
        if len > limit {
            return Err(too_long);
        }
        self.kept.extend_from_slice(line);
        *input = rest;
        if end.is_none() {
            return Ok(false);
        }
        self.kept.truncate(len);
        let headers = self.verb == Some(Verb::Hpub);
        if !headers && self.verb != Some(Verb::Pub) {
            self.stage = Stage::Done;
            return Ok(true);
        }
        if headers && !rules.headers {
            return Err(WireError::HeadersNotNegotiated);
        }
        let announced = Announced::parse(&self.kept, headers)?;
        announced.check(rules)?;
        self.len = announced.len;
        self.line = len;
        self.stage = if self.len == 0 { Stage::BodyCr } else { Stage::Body };
        Ok(false)
    }

    /// Takes what there is of the body.
    fn body(&mut self, input: &mut &[u8]) {
        let (body, before) =
            if self.is_large() { (&mut self.large, 0) } else { (&mut self.kept, self.line) };
        let missing = self.len - (body.len() - before);
        let (chunk, rest) = input.split_at(missing.min(input.len()));
        if body.capacity() - body.len() < chunk.len() {
            // Memory follows what has arrived, not what is announced. It grows in few steps, for
            // each may copy, and ends at the exact size, for a shared body may be kept for long.
            let arrived = body.len() - before + chunk.len();
            let wanted = arrived.saturating_mul(4).min(self.len) + before;
            body.reserve_exact(wanted - body.len());
        }
        body.extend_from_slice(chunk);
        *input = rest;
        if chunk.len() == missing {
            self.stage = Stage::BodyCr;
        }
    }

    const fn is_large(&self) -> bool {
        self.len >= SHARED_PAYLOAD
    }

    /// The operation that [`advance`](Self::advance) has completed.
    fn take(&mut self) -> Result<Op<'_>, WireError> {
        let headers = match self.verb {
            Some(Verb::Pub) => false,
            Some(Verb::Hpub) => true,
            Some(verb) => return args::operation(verb, &self.kept),
            None => return Err(WireError::UnknownOperation),
        };
        let large = self.is_large().then(|| Bytes::from(core::mem::take(&mut self.large)));
        let (line, small) = self.kept.split_at(self.line.min(self.kept.len()));
        let body = large.map_or(Body::Slice(small), Body::Shared);
        Ok(Op::Pub(Announced::parse(line, headers)?.with(body, None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: ParseRules = ParseRules {
        max_control_line: 4096,
        max_payload: 1 << 20,
        headers: true,
        connect_only: false,
    };

    /// Feeds one read and drops what comes out of it.
    fn feed(parser: &mut Parser, mut input: &[u8]) {
        while parser.next(&mut input, &RULES).unwrap().is_some() {}
        assert!(input.is_empty());
    }

    #[test]
    fn an_idle_parser_is_one_pointer() {
        assert_eq!(size_of::<Parser>(), size_of::<usize>());
    }

    #[test]
    fn units_in_one_piece_are_borrowed_from_the_input_in_any_case() {
        let session =
            b"PING\r\nsub a q 1\r\nPUB a 2\r\nhi\r\nhPub a r 1 2\nhi\r\nPONG\r\nUNSUB 1\r\n\
            CONNECT {}\r\nINFO {}\r\n+OK\r\n-ERR x\r\n";
        let mut input = &session[..];
        let mut parser = Parser::default();
        let mut count = 0;
        while parser.next(&mut input, &RULES).unwrap().is_some() {
            assert!(parser.carry.is_none());
            count += 1;
        }
        assert_eq!(count, 10);
    }

    #[test]
    fn a_split_unit_holds_memory_until_the_input_after_it_is_used_up() {
        let mut parser = Parser::default();
        feed(&mut parser, b"PUB a 2\r\nh");
        assert!(parser.is_inside_unit());
        feed(&mut parser, b"i\r\n");
        assert!(!parser.is_inside_unit());
        assert!(parser.carry.is_none());
    }

    #[test]
    fn blanks_and_ignored_tails_are_not_stored() {
        let mut parser = Parser::default();
        for start in ["SUB ", "PING", "+OK"] {
            feed(&mut parser, start.as_bytes());
            for _ in 0..100 {
                feed(&mut parser, &[b' '; 100]);
            }
            assert!(parser.carry.as_ref().unwrap().kept.capacity() <= 64, "{start}");
            feed(&mut parser, b"a 1\r\n");
        }
    }

    #[test]
    fn an_announced_size_alone_reserves_nothing() {
        let mut parser = Parser::default();
        feed(&mut parser, b"PUB a 1048576\r\n");
        assert_eq!(parser.carry.as_ref().unwrap().large.capacity(), 0);
        feed(&mut parser, &[b'x'; 1000]);
        assert!(parser.carry.as_ref().unwrap().large.capacity() <= 4000);
        feed(&mut parser, b"y");
        assert!(parser.carry.as_ref().unwrap().large.capacity() <= 4004);
        feed(&mut parser, &[b'x'; 1_047_575]);
        assert_eq!(parser.carry.as_ref().unwrap().large.capacity(), 1 << 20);
    }

    #[test]
    fn only_large_split_bodies_are_shared() {
        for (len, shared) in [(SHARED_PAYLOAD - 1, false), (SHARED_PAYLOAD, true)] {
            let body = vec![b'x'; len];
            let mut unit = format!("PUB a {len}\r\n").into_bytes();
            unit.extend_from_slice(&body);
            unit.extend_from_slice(b"\r\n");
            for (at, shared) in
                [(unit.len(), false), (5, shared), (20, shared), (unit.len() - 1, shared)]
            {
                let mut parser = Parser::default();
                let (mut first, mut second) = unit.split_at(at);
                let mut held = parser.next(&mut first, &RULES).unwrap();
                if held.is_none() {
                    held = parser.next(&mut second, &RULES).unwrap();
                }
                let Some(Op::Pub(publish)) = held else { panic!("no message at {at}") };
                assert_eq!(publish.body.as_slice(), body);
                assert_eq!(matches!(publish.body, Body::Shared(_)), shared, "{len} at {at}");
            }
        }
    }

    #[test]
    fn a_refused_first_octet_stays_in_the_input() {
        let mut parser = Parser::default();
        let mut input = &b"PING\r\n"[..];
        let pending = ParseRules { connect_only: true, ..RULES };
        assert_eq!(parser.next(&mut input, &pending), Err(WireError::AuthorizationViolation));
        assert_eq!(input, b"PING\r\n");
        assert_eq!(parser.next(&mut input, &RULES), Ok(Some(Op::Ping)));
    }
}
