//! Operations: what the parser hands to a link.

use core::fmt;

use bytes::Bytes;

/// One unit of the stream. The slices live in the bytes that were read, or in the parser when the
/// unit was split across reads.
#[derive(Clone, PartialEq, Eq)]
pub enum Op<'a> {
    /// `CONNECT {json}`: the JSON text, unchecked.
    Connect(&'a [u8]),
    /// `INFO {json}`: the JSON text, unchecked.
    Info(&'a [u8]),
    /// `PING`.
    Ping,
    /// `PONG`.
    Pong,
    /// `+OK`.
    Ok,
    /// `-ERR text`: the text as it came, quotes included.
    Err(&'a [u8]),
    /// `PUB` or `HPUB`, with its payload.
    Pub(Publish<'a>),
    /// `SUB subject [queue] sid`. Nothing is known about the names but that they are not empty and
    /// hold no blanks, CR or LF.
    Sub {
        /// What to subscribe to.
        subject: &'a [u8],
        /// The queue group to join.
        queue: Option<&'a [u8]>,
        /// The client's name for the subscription.
        sid: &'a [u8],
    },
    /// `UNSUB sid [max]`.
    Unsub {
        /// The client's name for the subscription.
        sid: &'a [u8],
        /// After how many deliveries; `None`, that is missing, invalid or zero, means now
        /// (client-protocol 3.6).
        max: Option<u32>,
    },
}

/// A published message. Two are equal when they say the same, however they lie in memory.
#[derive(Clone)]
pub struct Publish<'a> {
    /// Where it is published to; not empty, without blanks, CR or LF, otherwise unchecked.
    pub subject: &'a [u8],
    /// Where replies shall go; as unchecked as the subject.
    pub reply: Option<&'a [u8]>,
    /// The digits of the total size as the publisher wrote them, because they are forwarded
    /// verbatim (client-protocol 1.5).
    pub size: &'a [u8],
    /// The digits of the header size as the publisher wrote them; `None` for PUB.
    pub header_size: Option<&'a [u8]>,
    /// How many octets of the body are the header block. Zero for PUB, and for HPUB with a header
    /// size of zero, which is delivered as a message without headers.
    pub header_len: usize,
    /// Header block and payload.
    pub body: Body<'a>,
    /// The same message as it lies in the input, when that is what a receiver gets.
    pub verbatim: Option<Verbatim<'a>>,
}

/// A message written with single blanks is forwarded as it came: only the verb and the sid are
/// the receiver's own. What a receiver gets is `line` with its verb replaced, the sid, a blank,
/// `rest`. Only for bodies below [`SHARED_PAYLOAD`](crate::limits::SHARED_PAYLOAD), and for HPUB
/// only with a header block.
#[derive(Clone, Copy)]
pub struct Verbatim<'a> {
    /// From the verb to the blank behind the subject.
    pub line: &'a [u8],
    /// From the reply, or else the first size, to the CR LF behind the payload.
    pub rest: &'a [u8],
}

/// The octets of a message, header block first, without the CR LF that ends them.
#[derive(Clone)]
pub enum Body<'a> {
    /// Borrowed: the octets are copied to whoever keeps them.
    Slice(&'a [u8]),
    /// Already stored for sharing: a payload of at least
    /// [`SHARED_PAYLOAD`](crate::limits::SHARED_PAYLOAD) bytes that came in several reads.
    Shared(Bytes),
}

impl Body<'_> {
    /// The octets.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Slice(slice) => slice,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// Bodies are equal when their octets are, however they are held.
impl PartialEq for Body<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Body<'_> {}

impl PartialEq for Publish<'_> {
    fn eq(&self, other: &Self) -> bool {
        let line = |it: &Self| (it.subject, it.reply, it.header_size, it.size, it.header_len);
        line(self) == line(other) && self.body == other.body
    }
}

impl Eq for Publish<'_> {}

impl Publish<'_> {
    /// The header block; empty when the message has none.
    #[inline]
    pub fn header(&self) -> &[u8] {
        self.body.as_slice().get(..self.header_len).unwrap_or(&[])
    }

    /// The same message on another subject. `line` is a verb as the message's own, a blank, the
    /// subject and a blank.
    pub(crate) fn renamed<'a>(&'a self, subject: &'a [u8], line: &'a [u8]) -> Publish<'a> {
        let verbatim = self.verbatim.map(|Verbatim { rest, .. }| Verbatim { line, rest });
        Publish { subject, verbatim, ..self.clone() }
    }

    /// What follows the header block.
    #[inline]
    pub fn payload(&self) -> &[u8] {
        self.body.as_slice().get(self.header_len..).unwrap_or(&[])
    }
}

/// Octets as escaped text.
struct Text<'a>(&'a [u8]);

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// The body shows as its length and CONNECT as nothing: neither belongs into a log.
impl fmt::Debug for Op<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(_) => f.write_str("Connect(..)"),
            Self::Info(json) => f.debug_tuple("Info").field(&Text(json)).finish(),
            Self::Ping => f.write_str("Ping"),
            Self::Pong => f.write_str("Pong"),
            Self::Ok => f.write_str("Ok"),
            Self::Err(text) => f.debug_tuple("Err").field(&Text(text)).finish(),
            Self::Pub(publish) => publish.fmt(f),
            Self::Sub { subject, queue, sid } => f
                .debug_struct("Sub")
                .field("subject", &Text(subject))
                .field("queue", &queue.map(Text))
                .field("sid", &Text(sid))
                .finish(),
            Self::Unsub { sid, max } => {
                f.debug_struct("Unsub").field("sid", &Text(sid)).field("max", max).finish()
            }
        }
    }
}

impl fmt::Debug for Publish<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("subject", &Text(self.subject))
            .field("reply", &self.reply.map(Text))
            .field("size", &Text(self.size))
            .field("header_size", &self.header_size.map(Text))
            .field("header_len", &self.header_len)
            .field("body", &self.body)
            .finish()
    }
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Slice(_) => "Slice",
            Self::Shared(_) => "Shared",
        };
        write!(f, "{name}({} bytes)", self.as_slice().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_no_credentials_and_no_payload() {
        let connect = format!("{:?}", Op::Connect(br#"{"pass":"hunter2"}"#));
        assert!(!connect.contains("hunter2"), "{connect}");
        let publish = Op::Pub(Publish {
            subject: b"a\xff",
            reply: None,
            size: b"6",
            header_size: None,
            header_len: 0,
            body: Body::Slice(b"secret"),
            verbatim: None,
        });
        let publish = format!("{publish:?}");
        assert!(!publish.contains("secret"), "{publish}");
        assert!(publish.contains(r#"subject: "a\xff""#), "{publish}");
    }
}
