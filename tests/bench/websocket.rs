//! As much WebSocket as a benchmark needs: the upgrade, masked frames out, plain frames in.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::error::{BenchError, Doing, Result};

/// Any key masks; a fixed one lets batches be encoded once.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0x88];

/// Asks for the upgrade and reads the answer up to its end.
pub(crate) fn upgrade(mut socket: &TcpStream) -> Result<()> {
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    socket.write_all(request).doing("ask for a WebSocket")?;
    let (mut answer, mut octet) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut octet).doing("read the answer to a WebSocket upgrade")?;
        answer.extend(octet);
    }
    if answer.starts_with(b"HTTP/1.1 101") {
        return Ok(());
    }
    Err(BenchError::Unexpected(answer.escape_ascii().to_string()))
}

/// `bytes` as one masked binary frame.
pub(crate) fn masked(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82];
    match (u8::try_from(bytes.len()), u16::try_from(bytes.len())) {
        (Ok(short @ ..=125), _) => frame.push(0x80 | short),
        (_, Ok(middle)) => {
            frame.push(0x80 | 126);
            frame.extend(middle.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((bytes.len() as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(bytes.iter().zip(MASK.iter().cycle()).map(|(octet, mask)| octet ^ mask));
    frame
}

/// Takes the frames off a stream.
#[derive(Debug, Default)]
pub(crate) struct Deframer {
    header: Vec<u8>,
    /// Octets of the current frame's payload that are still to come.
    left: u64,
}

impl Deframer {
    /// Shows the payloads within the next bytes.
    pub(crate) fn take(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        while !bytes.is_empty() {
            if self.left == 0 {
                let (octet, rest) = bytes.split_at(1);
                self.header.extend_from_slice(octet);
                bytes = rest;
                self.left = self.length()?;
                continue;
            }
            let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            let (payload, rest) = bytes.split_at(count);
            self.left -= count as u64;
            bytes = rest;
            each(payload)?;
        }
        Ok(())
    }

    /// Length of the payload once the header is complete, which clears it; 0 before.
    fn length(&mut self) -> Result<u64> {
        let length = match self.header.as_slice() {
            [first, ..] if !matches!(first & 0x0f, 0..=2) => {
                let text = format!("WebSocket opcode {}", first & 0x0f);
                return Err(BenchError::Unexpected(text));
            }
            [_, length @ ..=125] => u64::from(*length),
            [_, 126, a, b] => u64::from(u16::from_be_bytes([*a, *b])),
            [_, 127, a, b, c, d, e, f, g, h] => {
                u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])
            }
            _ => return Ok(0),
        };
        self.header.clear();
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_off_however_they_are_split() {
        let mut stream = vec![0x82, 3, b'a', b'b', b'c', 0x82, 0, 0x02, 126, 1, 0];
        stream.extend([b'x'; 256]);
        stream.extend([0x80, 127, 0, 0, 0, 0, 0, 0, 0, 2, b'y', b'z']);
        let expected = [b"abc".as_slice(), &[b'x'; 256], b"yz"].concat();
        for size in 1..stream.len() {
            let (mut deframer, mut heard) = (Deframer::default(), Vec::new());
            for read in stream.chunks(size) {
                let done = deframer.take(read, |payload| {
                    heard.extend_from_slice(payload);
                    Ok(())
                });
                done.unwrap();
            }
            assert_eq!(heard, expected, "{size}");
        }
        assert!(Deframer::default().take(&[0x88, 0], |_| Ok(())).is_err());
    }

    #[test]
    fn a_masked_frame_unmasks_to_what_it_was() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let frame = masked(&vec![b'a'; length]);
            let header = frame.len() - length;
            assert_eq!(
                header,
                6 + [0, 2, 8][usize::from(length > 125) + usize::from(length > 65_535)]
            );
            let payload = frame[header..].iter().zip(MASK.iter().cycle());
            assert!(payload.map(|(octet, mask)| octet ^ mask).all(|octet| octet == b'a'));
        }
    }
}
