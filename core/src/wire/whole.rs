//! Units that lie in the input in one piece: the way nearly every unit takes.
//!
//! Nothing is copied and nothing allocated here. Whatever is incomplete, unusual or wrong is left
//! to the parser's slow path by answering `None`; so this module may refuse anything, but what it
//! accepts has to be what the slow path would have made of the same octets.

use super::args::{Announced, operation};
use super::number;
use super::op::{Body, Op};
use super::parser::ParseRules;
use super::verb::{LONGEST, Recognised, Tail, Verb, recognise};

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
const PING: u32 = word(*b"ping");
const PONG: u32 = word(*b"pong");

/// The unit at the front of `input` and its length, when it is complete and valid.
#[inline]
pub(super) fn unit<'a>(input: &'a [u8], rules: &ParseRules) -> Option<(Op<'a>, usize)> {
    let head = word(*input.first_chunk::<4>()?);
    if rules.connect_only {
        return rare(input, rules);
    }
    match head | FOLD_THREE {
        PUB_SPACE | PUB_TAB => return publish(input, 4, false, rules),
        SUB_SPACE | SUB_TAB => return line(input, 4, Verb::Sub, rules),
        _ => {}
    }
    match head | FOLD_FOUR {
        HPUB if rules.headers && matches!(input.get(4), Some(b' ' | b'\t')) => {
            publish(input, 5, true, rules)
        }
        PING => skip(input, Op::Ping),
        PONG => skip(input, Op::Pong),
        _ => rare(input, rules),
    }
}

/// Everything that is not sent for each message.
#[cold]
fn rare<'a>(input: &'a [u8], rules: &ParseRules) -> Option<(Op<'a>, usize)> {
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
fn skip<'a>(input: &[u8], op: Op<'a>) -> Option<(Op<'a>, usize)> {
    let end = memchr::memchr(b'\n', input)?;
    Some((op, end + 1))
}

/// A unit of one control line, whose arguments begin at or after `from`.
fn line<'a>(
    input: &'a [u8],
    from: usize,
    verb: Verb,
    rules: &ParseRules,
) -> Option<(Op<'a>, usize)> {
    let from = skip_blanks(input, from);
    let len = memchr::memchr(b'\n', input.get(from..)?)?;
    let arguments = &input[from..from + len];
    let arguments = arguments.strip_suffix(b"\r").unwrap_or(arguments);
    if arguments.len() > rules.max_control_line {
        return None;
    }
    Some((operation(verb, arguments).ok()?, from + len + 1))
}

/// A PUB or, with `headers`, an HPUB. One pass over the control line finds its arguments and its
/// end.
#[inline]
fn publish<'a>(
    input: &'a [u8],
    from: usize,
    headers: bool,
    rules: &ParseRules,
) -> Option<(Op<'a>, usize)> {
    let start = skip_blanks(input, from);
    let mut words: [&[u8]; 4] = [b""; 4];
    let mut count = 0;
    let mut at = start;
    let (line_end, body) = loop {
        let end = word_end(input, at)?;
        if end > at {
            *words.get_mut(count)? = &input[at..end];
            count += 1;
        }
        match input[end] {
            b' ' | b'\t' => at = skip_blanks(input, end + 1),
            b'\n' => break (end, end + 1),
            b'\r' if input.get(end + 1) == Some(&b'\n') => break (end, end + 2),
            // A control octet within a word, or a CR within the line.
            _ => return None,
        }
    };
    if line_end - start > rules.max_control_line {
        return None;
    }
    let (subject, reply, header_size, size) = match (headers, count, words) {
        (false, 2, [subject, size, ..]) => (subject, None, None, size),
        (false, 3, [subject, reply, size, ..]) => (subject, Some(reply), None, size),
        (true, 3, [subject, header, size, _]) => (subject, None, Some(header), size),
        (true, 4, [subject, reply, header, size]) => (subject, Some(reply), Some(header), size),
        _ => return None,
    };
    let len = number::parse_size(size)?;
    let header_len = match header_size {
        Some(digits) => number::parse_size(digits)?,
        None => 0,
    };
    if header_len > len || len > rules.max_payload {
        return None;
    }
    let (octets, after) = input[body..].split_at_checked(len)?;
    if !after.starts_with(b"\r\n") {
        return None;
    }
    let announced = Announced { subject, reply, size, header_size, header_len, len };
    Some((Op::Pub(announced.with(Body::Slice(octets))), body + len + 2))
}

/// The first index at or after `at` that holds no blank.
#[inline]
fn skip_blanks(input: &[u8], mut at: usize) -> usize {
    while matches!(input.get(at), Some(b' ' | b'\t')) {
        at += 1;
    }
    at
}

/// The first index at or after `at` that holds a blank, a line end or any other octet up to 0x20.
#[inline]
fn word_end(input: &[u8], mut at: usize) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    while let Some(chunk) = input.get(at..)?.first_chunk::<8>() {
        // Eight octets at once: subtracting 0x21 from each sets the high bit of those below it.
        // A borrow spoils only octets after the first such one, and the first is all we want.
        let octets = u64::from_le_bytes(*chunk);
        let low = octets.wrapping_sub(ONES * 0x21) & !octets & HIGH;
        if low != 0 {
            return Some(at + (low.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let rest = input.get(at..)?;
    rest.iter().position(|&octet| octet <= b' ').map(|index| at + index)
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
                        let plain = (from..24).find(|&i| input[i] <= b' ');
                        assert_eq!(word_end(&input, from), plain, "{octet} at {place}");
                    }
                }
            }
        }
    }
}
