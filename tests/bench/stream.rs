//! Counting what a subscriber receives.
//!
//! Most loads send one subscriber the same message again and again. Its stream is compared with
//! that message octet for octet ([`Repeating`]): a few nanoseconds a kilobyte, and nothing wrong
//! goes by. Loads whose messages differ are cut into messages ([`Messages`]).

use memchr::memchr;

use crate::error::{BenchError, Result};

/// The comparison goes over this many octets of repeated messages at a time.
const STRIDE: usize = 64 << 10;

/// What came in some bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Came {
    /// Messages that are complete now.
    pub(crate) messages: u64,
    /// PINGs, each to be answered.
    pub(crate) pings: u32,
    /// PONGs.
    pub(crate) pongs: u32,
}

impl Came {
    /// A line that is no message.
    fn line(&mut self, line: &[u8]) -> Result<()> {
        match line {
            b"PING\r\n" => self.pings += 1,
            b"PONG\r\n" => self.pongs += 1,
            // The server may tell about itself at any time.
            line if line.starts_with(b"INFO ") => {}
            line => return Err(unexpected(line)),
        }
        Ok(())
    }
}

fn unexpected(bytes: &[u8]) -> BenchError {
    let shown = bytes.get(..80).unwrap_or(bytes);
    BenchError::Unexpected(shown.escape_ascii().to_string())
}

/// A stream of one message repeated.
#[derive(Debug)]
pub(crate) struct Repeating {
    /// The message, as often as fits the stride.
    expected: Vec<u8>,
    /// Length of one.
    length: usize,
    /// The next octet's place in `expected`.
    at: usize,
    /// Part of a line between messages.
    line: Vec<u8>,
}

impl Repeating {
    /// `message` is the whole of it: line, payload and CR LF.
    pub(crate) fn new(message: &[u8]) -> Self {
        Self::strided(message, STRIDE)
    }

    /// For one of very many streams, where a long stride would take too much memory.
    pub(crate) fn short(message: &[u8]) -> Self {
        Self::strided(message, 0)
    }

    fn strided(message: &[u8], stride: usize) -> Self {
        let times = (stride / message.len().max(1)).max(1);
        Self { expected: message.repeat(times), length: message.len(), at: 0, line: Vec::new() }
    }

    /// Counts the next bytes of the stream.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> Result<Came> {
        let mut came = Came::default();
        while !bytes.is_empty() {
            if !self.line.is_empty() {
                bytes = self.finish_line(bytes, &mut came)?;
                continue;
            }
            let expected = self.expected.get(self.at..).unwrap_or_default();
            let count = expected.len().min(bytes.len());
            let (now, later) = bytes.split_at(count);
            if expected.starts_with(now) {
                self.pass(count, &mut came);
                bytes = later;
                continue;
            }
            let same = expected.iter().zip(now).take_while(|(left, right)| left == right).count();
            if !(self.at + same).is_multiple_of(self.length) {
                return Err(unexpected(bytes.get(same..).unwrap_or_default()));
            }
            self.pass(same, &mut came);
            let (first, rest) = bytes.split_at(same + 1);
            self.line.extend(first.last());
            bytes = rest;
        }
        Ok(came)
    }

    fn pass(&mut self, count: usize, came: &mut Came) {
        let before = self.at / self.length;
        self.at += count;
        came.messages += (self.at / self.length - before) as u64;
        if self.at == self.expected.len() {
            self.at = 0;
        }
    }

    fn finish_line<'a>(&mut self, bytes: &'a [u8], came: &mut Came) -> Result<&'a [u8]> {
        let end = memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
        let (now, later) = bytes.split_at(end);
        self.line.extend_from_slice(now);
        if self.line.ends_with(b"\n") {
            came.line(&self.line)?;
            self.line.clear();
        }
        Ok(later)
    }
}

/// One message of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// Subject.
    pub(crate) subject: &'a [u8],
    /// Reply subject; empty when there is none.
    pub(crate) reply: &'a [u8],
    /// Headers and payload.
    pub(crate) body: &'a [u8],
}

/// A stream of whatever messages.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// Part of a message.
    kept: Vec<u8>,
}

impl Messages {
    /// Counts the next bytes of the stream and shows each message.
    pub(crate) fn take(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&Message<'_>) -> Result<()>,
    ) -> Result<Came> {
        let mut came = Came::default();
        if self.kept.is_empty() {
            let used = cut(bytes, &mut came, &mut each)?;
            self.kept.extend_from_slice(bytes.get(used..).unwrap_or_default());
        } else {
            self.kept.extend_from_slice(bytes);
            let used = cut(&self.kept, &mut came, &mut each)?;
            self.kept.drain(..used);
        }
        Ok(came)
    }
}

/// Cuts whole units off the front and tells how many octets they had.
fn cut(
    bytes: &[u8],
    came: &mut Came,
    each: &mut impl FnMut(&Message<'_>) -> Result<()>,
) -> Result<usize> {
    let mut used = 0;
    loop {
        let rest = bytes.get(used..).unwrap_or_default();
        let Some(end) = memchr(b'\n', rest) else { return Ok(used) };
        let (line, after) = rest.split_at(end + 1);
        if !line.starts_with(b"MSG ") && !line.starts_with(b"HMSG ") {
            came.line(line)?;
            used += line.len();
            continue;
        }
        let (subject, reply, size) = arguments(line).ok_or_else(|| unexpected(line))?;
        let Some(body) = after.get(..size + 2) else { return Ok(used) };
        let Some(body) = body.strip_suffix(b"\r\n") else { return Err(unexpected(line)) };
        came.messages += 1;
        each(&Message { subject, reply, body })?;
        used += line.len() + size + 2;
    }
}

/// Subject, reply subject and size of everything behind the line of a MSG or HMSG.
fn arguments(line: &[u8]) -> Option<(&[u8], &[u8], usize)> {
    let mut words = [&line[..0]; 6];
    let mut count = 0;
    for word in line.trim_ascii_end().split(|octet| *octet == b' ') {
        *words.get_mut(count)? = word;
        count += 1;
    }
    let with_header = usize::from(words[0] == b"HMSG");
    let reply = match count.checked_sub(with_header)? {
        4 => &line[..0],
        5 => words[3],
        _ => return None,
    };
    let size = str::from_utf8(words.get(count - 1)?).ok()?.parse().ok()?;
    Some((words[1], reply, size))
}

/// Either kind of stream, when only the number counts.
#[derive(Debug)]
pub(crate) enum Counter {
    /// One message repeated.
    Repeating(Repeating),
    /// Whatever messages.
    Any(Messages),
}

impl Counter {
    /// Counts the next bytes of the stream.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<Came> {
        match self {
            Self::Repeating(stream) => stream.take(bytes),
            Self::Any(stream) => stream.take(bytes, |_| Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = b"MSG a 1 3\r\nabc\r\nPING\r\nMSG a 1 3\r\nabc\r\nPONG\r\nINFO {}\r\n\
        MSG a 1 3\r\nabc\r\n";

    /// Every way to cut the stream into two reads, and into single octets.
    fn splits(mut take: impl FnMut(&[&[u8]]) -> Came, stream: &[u8], expected: Came) {
        for at in 0..=stream.len() {
            assert_eq!(take(&[&stream[..at], &stream[at..]]), expected, "cut at {at}");
        }
        let octets: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(take(&octets), expected);
    }

    fn add(total: &mut Came, came: Came) {
        total.messages += came.messages;
        total.pings += came.pings;
        total.pongs += came.pongs;
    }

    #[test]
    fn a_repeated_message_is_counted_however_it_is_split() {
        let take = |reads: &[&[u8]]| {
            let (mut stream, mut total) =
                (Repeating::new(b"MSG a 1 3\r\nabc\r\n"), Came::default());
            reads.iter().for_each(|read| add(&mut total, stream.take(read).unwrap()));
            total
        };
        splits(take, STREAM, Came { messages: 3, pings: 1, pongs: 1 });
    }

    #[test]
    fn a_repeated_message_is_counted_beyond_the_stride() {
        let mut stream = Repeating::new(b"MSG a 1 3\r\nabc\r\n");
        let all = b"MSG a 1 3\r\nabc\r\n".repeat(3 * STRIDE);
        let came: Vec<Came> = all.chunks(99_991).map(|read| stream.take(read).unwrap()).collect();
        assert_eq!(came.iter().map(|came| came.messages).sum::<u64>(), 3 * STRIDE as u64);
        let long = [b"MSG a 1 99999\r\n".as_slice(), &[b'x'; 99_999], b"\r\n"].concat();
        let mut stream = Repeating::new(&long);
        assert_eq!(stream.take(&long.repeat(3)).unwrap().messages, 3);
    }

    #[test]
    fn a_wrong_octet_is_an_error() {
        for wrong in [
            "MSG a 1 3\r\nabd\r\n",
            "MSG b 1 3\r\nabc\r\n",
            "-ERR 'Slow Consumer'\r\n",
            "MSG a 1 3\r\nPING\r\n",
            "MSG a 1 3\r\nabc\r\n-ERR 'Stale Connection'\r\n",
        ] {
            let mut stream = Repeating::new(b"MSG a 1 3\r\nabc\r\n");
            assert!(stream.take(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(Messages::default().take(b"-ERR 'x'\r\n", |_| Ok(())).is_err());
        assert!(Messages::default().take(b"MSG a 1 3\r\nabcd\r\n", |_| Ok(())).is_err());
    }

    #[test]
    fn whatever_messages_are_cut_however_they_are_split() {
        let stream = b"MSG a 1 3\r\nabc\r\nPING\r\nMSG a.b 17 in.box 0\r\n\r\n\
            HMSG c 2 12 15\r\nNATS/1.0\r\n\r\nxyz\r\nHMSG c 2 re 12 12\r\nNATS/1.0\r\n\r\n\r\nPONG\r\n";
        let take = |reads: &[&[u8]]| {
            let (mut messages, mut total) = (Messages::default(), Came::default());
            let mut seen = Vec::new();
            for read in reads {
                let came = messages.take(read, |message| {
                    let Message { subject, reply, body } = message;
                    seen.push((subject.to_vec(), reply.to_vec(), body.len()));
                    Ok(())
                });
                add(&mut total, came.unwrap());
            }
            let expected = [("a", "", 3), ("a.b", "in.box", 0), ("c", "", 15), ("c", "re", 12)];
            for ((subject, reply, size), seen) in expected.iter().zip(&seen) {
                assert_eq!(*seen, (subject.as_bytes().to_vec(), reply.as_bytes().to_vec(), *size));
            }
            total
        };
        splits(take, stream, Came { messages: 4, pings: 1, pongs: 1 });
    }
}
