//! Units that lie in the input in one piece: the way nearly every unit takes.
//!
//! Nothing is copied and nothing allocated here. Whatever is incomplete, unusual or wrong is left
//! to the parser's slow path by answering `None`; so this module may refuse anything, but what it
//! accepts has to be what the slow path would have made of the same octets.

use super::args::{Announced, delivery_limit, operation};
use super::number;
use super::op::{Body, Op, Publish, Verbatim};
use super::parser::ParseRules;
use super::verb::{LONGEST, Recognised, Tail, Verb, recognise};
use crate::limits::{MAX_SIZE_DIGITS, SHARED_PAYLOAD};

const fn word(octets: [u8; 4]) -> u32 {
    u32::from_be_bytes(octets)
}

/// Sets the case bit of the first three octets. The fourth stays, for it may be a blank, which
/// NUL would otherwise become as well.
const FOLD_THREE: u32 = word([0x20, 0x20, 0x20, 0]);
/// Sets the case bit of four octets, all of which have to be letters.
const FOLD_FOUR: u32 = word([0x20; 4]);

const PUB_SPACE: u32 = word(*b"pub ");
const PUB_TAB: u32 = word(*b"pub\t");
const SUB_SPACE: u32 = word(*b"sub ");
const SUB_TAB: u32 = word(*b"sub\t");
const HPUB: u32 = word(*b"hpub");
const UNSU: u32 = word(*b"unsu");
const PING: u32 = word(*b"ping");
const PONG: u32 = word(*b"pong");

/// Takes the unit at the front of `input` off it, when it is complete and valid.
#[inline]
pub(super) fn unit<'a>(input: &mut &'a [u8], rules: &ParseRules) -> Option<Op<'a>> {
    let head = word(*input.first_chunk::<4>()?);
    if rules.connect_only {
        return rare(input, rules);
    }
    match head | FOLD_THREE {
        PUB_SPACE | PUB_TAB => return publish::<false>(input, rules),
        SUB_SPACE | SUB_TAB => return subscribe(input, rules),
        _ => {}
    }
    match head | FOLD_FOUR {
        HPUB if rules.headers && is_blank(input.get(4)) => publish::<true>(input, rules),
        UNSU if is_blank(input.get(5)) => unsubscribe(input, rules),
        PING => skip(input, Op::Ping),
        PONG => skip(input, Op::Pong),
        _ => rare(input, rules),
    }
}

#[inline]
const fn is_blank(octet: Option<&u8>) -> bool {
    matches!(octet, Some(b' ' | b'\t'))
}

/// Everything that is not sent again and again.
#[cold]
fn rare<'a>(input: &mut &'a [u8], rules: &ParseRules) -> Option<Op<'a>> {
    if rules.connect_only && !input.first()?.eq_ignore_ascii_case(&b'C') {
        return None;
    }
    for len in 1..=LONGEST.min(input.len()) {
        match recognise(&input[..len]) {
            Recognised::Prefix => {}
            Recognised::Unknown => return None,
            Recognised::Verb(Verb::Pub | Verb::Hpub, _) => return None,
            Recognised::Verb(verb, Tail::Ignored) => {
                return skip(input, operation(verb, b"").ok()?);
            }
            Recognised::Verb(verb, Tail::Arguments | Tail::BlankThenArguments) => {
                return line(input, len, verb, rules);
            }
        }
    }
    None
}

/// A unit whose octets up to LF mean nothing.
#[inline]
fn skip<'a>(input: &mut &[u8], op: Op<'a>) -> Option<Op<'a>> {
    let end = if input.get(4..6) == Some(b"\r\n") { 5 } else { memchr::memchr(b'\n', input)? };
    *input = &input[end + 1..];
    Some(op)
}

/// A unit of one control line, whose arguments begin after the verb and the blanks at `after`.
fn line<'a>(input: &mut &'a [u8], after: usize, verb: Verb, rules: &ParseRules) -> Option<Op<'a>> {
    let rest = input.get(after..)?;
    let blanks = rest.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
    let rest = &rest[blanks..];
    let end = memchr::memchr(b'\n', rest)?;
    let arguments = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
    if arguments.len() > rules.max_control_line {
        return None;
    }
    let op = operation(verb, arguments).ok()?;
    *input = &rest[end + 1..];
    Some(op)
}

/// A PUB with single blanks and a small payload, which is what nearly every PUB is.
#[inline]
pub(super) fn plain_publish<'a>(input: &mut &'a [u8], rules: &ParseRules) -> Option<Publish<'a>> {
    let unit = *input;
    if word(*unit.first_chunk::<4>()?) | FOLD_THREE != PUB_SPACE || rules.connect_only {
        return None;
    }
    let line = unit.get(4..)?;
    let (subject, after) = line.split_at_checked(word_end(line)?)?;
    let mut announced = after.strip_prefix(b" ")?;
    let mut reply = None;
    let mut number = leading_size(announced);
    if number.is_none() {
        let (word, after) = announced.split_at_checked(word_end(announced)?)?;
        reply = Some(word);
        announced = after.strip_prefix(b" ")?;
        number = leading_size(announced);
    }
    let (len, digits) = number?;
    let (size, rest) = announced.split_at_checked(digits)?;
    let (octets, after) = after_line_end(rest)?.split_at_checked(len)?;
    let after = after_line_end(after)?;
    let arguments = line.len() - rest.len();
    if subject.is_empty()
        || arguments > rules.max_control_line
        || len > rules.max_payload
        || len >= SHARED_PAYLOAD
    {
        return None;
    }
    let (line, rest) = unit.split_at_checked(4 + subject.len() + 1)?;
    let verbatim = Some(Verbatim { line, rest: rest.get(..rest.len() - after.len())? });
    *input = after;
    let body = Body::Slice(octets);
    Some(Publish { subject, reply, size, header_size: None, header_len: 0, body, verbatim })
}

/// A size at the front of `text`, and how many digits it has. `None` unless a CR ends it.
#[inline(always)]
fn leading_size(text: &[u8]) -> Option<(usize, usize)> {
    let (mut value, mut digits) = (0, 0);
    loop {
        let octet = *text.get(digits)?;
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return (octet == b'\r' && digits > 0).then_some((value, digits));
        }
        value = value * 10 + usize::from(digit);
        digits += 1;
        if digits > MAX_SIZE_DIGITS {
            return None;
        }
    }
}

/// What follows CR LF. (`strip_prefix` compares by a call.)
#[inline]
fn after_line_end(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'\r', b'\n', rest @ ..] => Some(rest),
        _ => None,
    }
}

/// A PUB or HPUB.
#[inline(never)]
fn publish<'a, const HEADERS: bool>(input: &mut &'a [u8], rules: &ParseRules) -> Option<Op<'a>> {
    let verb = if HEADERS { 4 } else { 3 };
    let unit = *input;
    let (mut words, subject) = Words::after(unit, verb)?;
    let after_subject = words.rest;
    let second = words.next()?;
    let third = words.next()?;
    let (reply, header_size, size) = if HEADERS {
        let fourth = words.next()?;
        if fourth.is_empty() {
            (None, Some(second), third)
        } else {
            (Some(second), Some(third), fourth)
        }
    } else if third.is_empty() {
        (None, None, second)
    } else {
        (Some(second), None, third)
    };
    let single = words.single;
    let (end, rest) = words.end(rules)?;
    // Too few words leave an empty one here, which is no number.
    let len = number::parse_size(size)?;
    let header_len = match header_size {
        Some(digits) => number::parse_size(digits)?,
        None => 0,
    };
    if header_len > len || len > rules.max_payload {
        return None;
    }
    let (octets, after) = rest.split_at_checked(len)?;
    *input = after_line_end(after)?;
    let headers = header_len > 0;
    let verbatim = if single && end == End::CrLf && headers == HEADERS && len < SHARED_PAYLOAD {
        let line = unit.get(..verb + subject.len() + 2);
        let rest = after_subject.get(1..after_subject.len() - input.len());
        line.zip(rest).map(|(line, rest)| Verbatim { line, rest })
    } else {
        None
    };
    let announced = Announced { subject, reply, size, header_size, header_len, len };
    Some(Op::Pub(announced.with(Body::Slice(octets), verbatim)))
}

#[inline]
fn subscribe<'a>(input: &mut &'a [u8], rules: &ParseRules) -> Option<Op<'a>> {
    let (mut words, subject) = Words::after(input, 3)?;
    let second = words.next()?;
    let third = words.next()?;
    let (_, rest) = words.end(rules)?;
    if second.is_empty() {
        return None;
    }
    *input = rest;
    Some(if third.is_empty() {
        Op::Sub { subject, queue: None, sid: second }
    } else {
        Op::Sub { subject, queue: Some(second), sid: third }
    })
}

#[inline]
fn unsubscribe<'a>(input: &mut &'a [u8], rules: &ParseRules) -> Option<Op<'a>> {
    if !input.get(4)?.eq_ignore_ascii_case(&b'B') {
        return None;
    }
    let (mut words, sid) = Words::after(input, 5)?;
    let max = words.next()?;
    let (_, rest) = words.end(rules)?;
    if sid.is_empty() {
        return None;
    }
    *input = rest;
    Some(Op::Unsub { sid, max: delivery_limit(max) })
}

/// How a control line ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// With CR LF and nothing before it.
    CrLf,
    /// With blanks, or LF alone.
    Otherwise,
}

/// Walks over a control line once, word by word, without knowing its end beforehand.
struct Words<'a> {
    rest: &'a [u8],
    /// How long `rest` was at the first word.
    whole: usize,
    /// All words so far had exactly one blank before them, and no tab.
    single: bool,
}

impl<'a> Words<'a> {
    /// Begins `after` octets, with the blank that ends the verb. Takes the first word.
    #[inline]
    fn after(input: &'a [u8], after: usize) -> Option<(Self, &'a [u8])> {
        let mut words = Self { rest: input.get(after..)?, whole: 0, single: true };
        let first = words.next()?;
        words.whole = first.len() + words.rest.len();
        Some((words, first))
    }

    /// The next word, empty when there are no more. `None` when the input ends first.
    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        match self.rest {
            [b' ', word @ ..] if word.first().is_some_and(|octet| *octet > b' ') => {
                self.rest = word;
            }
            [b'\r', ..] => return Some(b""),
            _ => {
                if !self.skip_blanks()? {
                    return Some(b"");
                }
            }
        }
        let (word, rest) = self.rest.split_at_checked(word_end(self.rest)?)?;
        self.rest = rest;
        Some(word)
    }

    /// Passes unusual blanks over; returns whether a word follows. `None` when the input ends.
    #[cold]
    fn skip_blanks(&mut self) -> Option<bool> {
        self.single = false;
        loop {
            match self.rest {
                [octet, ..] if *octet > b' ' => return Some(true),
                [b' ' | b'\t', rest @ ..] => self.rest = rest,
                [] => return None,
                _ => return Some(false),
            }
        }
    }

    /// How the line ends and what follows it, provided that this is its end and it is not too
    /// long.
    #[inline]
    fn end(mut self, rules: &ParseRules) -> Option<(End, &'a [u8])> {
        // Another word, a control octet within one, or a CR within the line is not its end.
        let mut end = End::CrLf;
        let rest = loop {
            match self.rest {
                [b'\r', b'\n', rest @ ..] => break rest,
                [b'\n', rest @ ..] => {
                    end = End::Otherwise;
                    break rest;
                }
                [b' ' | b'\t', rest @ ..] => {
                    end = End::Otherwise;
                    self.rest = rest;
                }
                _ => return None,
            }
        };
        (self.whole - self.rest.len() <= rules.max_control_line).then_some((end, rest))
    }
}

/// Length of what lies before the first blank, line end or other octet up to 0x20.
#[inline]
fn word_end(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let mut rest = text;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        // Eight octets at once: subtracting 0x21 from each sets the high bit of those below it.
        // A borrow spoils only octets after the first such one, and the first is all we want.
        let octets = u64::from_le_bytes(*chunk);
        let low = octets.wrapping_sub(ONES * 0x21) & !octets & HIGH;
        if low != 0 {
            return Some(text.len() - rest.len() + (low.trailing_zeros() / 8) as usize);
        }
        rest = after;
    }
    let end = rest.iter().position(|&octet| octet <= b' ')?;
    Some(text.len() - rest.len() + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_end_agrees_with_a_plain_search_for_every_octet_at_every_place() {
        for octet in 0..=u8::MAX {
            for place in 0..24 {
                for filler in [b'!', b'a', 0x7f, 0x80, 0xff] {
                    let mut input = [filler; 24];
                    input[place] = octet;
                    for from in 0..=24 {
                        let plain = input[from..].iter().position(|&octet| octet <= b' ');
                        assert_eq!(word_end(&input[from..]), plain, "{octet} at {place}");
                    }
                }
            }
        }
    }
}
