//! What the server writes, appended to a link's outbound buffer.
//!
//! Nothing here allocates but the buffer's own growth.

use super::number::Decimal;

/// A ping.
pub const PING: &[u8] = b"PING\r\n";
/// The answer to one.
pub const PONG: &[u8] = b"PONG\r\n";
/// What verbose clients get for each operation that succeeded.
pub const OK: &[u8] = b"+OK\r\n";
/// What ends a payload.
pub const CRLF: &[u8] = b"\r\n";

/// Appends several pieces with one reservation.
#[inline]
fn append<const N: usize>(out: &mut Vec<u8>, pieces: [&[u8]; N]) {
    out.reserve(pieces.iter().map(|piece| piece.len()).sum());
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

/// Appends `MSG subject sid [reply] size\r\n`. Payload and CR LF are to follow.
///
/// `size` is what the publisher wrote, or a [`Decimal`] when the server has changed the message.
#[inline]
pub fn msg(out: &mut Vec<u8>, subject: &[u8], sid: &[u8], reply: Option<&[u8]>, size: &[u8]) {
    match reply {
        None => append(out, [b"MSG ", subject, b" ", sid, b" ", size, CRLF]),
        Some(reply) => {
            append(out, [b"MSG ", subject, b" ", sid, b" ", reply, b" ", size, CRLF]);
        }
    }
}

/// Makes a delivery's verb out of the publication's that lies at `at`: PUB becomes MSG, and with
/// `headers` HPUB becomes HMSG.
#[inline]
pub(crate) fn replace_verb(out: &mut [u8], at: usize, headers: bool) {
    let Some(verb) = out.get_mut(at..) else { return };
    if headers {
        if let Some(verb) = verb.first_chunk_mut() {
            *verb = *b"HMSG";
        }
    } else if let Some(verb) = verb.first_chunk_mut() {
        *verb = *b"MSG";
    }
}

/// Appends `HMSG subject sid [reply] header-size size\r\n`. Header, payload and CR LF are to
/// follow. Sizes as in [`msg`].
#[inline]
pub fn hmsg(
    out: &mut Vec<u8>,
    subject: &[u8],
    sid: &[u8],
    reply: Option<&[u8]>,
    header_size: &[u8],
    size: &[u8],
) {
    append(out, [b"HMSG ", subject, b" ", sid, b" "]);
    if let Some(reply) = reply {
        append(out, [reply, b" "]);
    }
    append(out, [header_size, b" ", size, CRLF]);
}

/// Appends the whole message that tells a requester that nobody took its request
/// (client-protocol 4.2). `sid` is the requester's subscription to `reply`; `subject` is where the
/// request went after mapping, empty when the mapping discarded it.
pub fn no_responders(out: &mut Vec<u8>, reply: &[u8], sid: &[u8], subject: &[u8]) {
    const BEFORE: &[u8] = b"NATS/1.0 503\r\nNats-Subject: ";
    const AFTER: &[u8] = b"\r\n\r\n";
    let size = Decimal::from(BEFORE.len() + subject.len() + AFTER.len());
    hmsg(out, reply, sid, None, size.as_bytes(), size.as_bytes());
    append(out, [BEFORE, subject, AFTER, CRLF]);
}

/// Appends `-ERR 'text'\r\n`. Names within the text are quoted with [`quote`](super::quote()).
///
/// Clients take texts they do not know for fatal: only those of client-protocol 8 are to be sent.
pub fn error(out: &mut Vec<u8>, text: &str) {
    append(out, [b"-ERR '", text.as_bytes(), b"'\r\n"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"+OK\r\n".to_vec();
        write(&mut out);
        let text = String::from_utf8(out).unwrap();
        text.strip_prefix("+OK\r\n").unwrap().to_owned()
    }

    #[test]
    fn deliveries_have_their_lines() {
        assert_eq!(written(|out| msg(out, b"foo", b"1", None, b"0002")), "MSG foo 1 0002\r\n");
        assert_eq!(
            written(|out| msg(out, b"foo", b"s", Some(b"bar"), b"2")),
            "MSG foo s bar 2\r\n"
        );
        assert_eq!(
            written(|out| hmsg(out, b"foo", b"1", None, b"012", b"14")),
            "HMSG foo 1 012 14\r\n"
        );
        assert_eq!(
            written(|out| hmsg(out, b"foo", b"1", Some(b"bar"), b"12", b"14")),
            "HMSG foo 1 bar 12 14\r\n"
        );
    }

    #[test]
    fn the_503_is_the_one_of_nats_server() {
        assert_eq!(
            written(|out| no_responders(out, b"_INBOX.x", b"7", b"foo")),
            "HMSG _INBOX.x 7 35 35\r\nNATS/1.0 503\r\nNats-Subject: foo\r\n\r\n\r\n"
        );
        assert_eq!(
            written(|out| no_responders(out, b"r", b"7", b"")),
            "HMSG r 7 32 32\r\nNATS/1.0 503\r\nNats-Subject: \r\n\r\n\r\n"
        );
    }

    #[test]
    fn errors_are_in_single_quotes() {
        assert_eq!(written(|out| error(out, "Invalid Subject")), "-ERR 'Invalid Subject'\r\n");
    }
}
