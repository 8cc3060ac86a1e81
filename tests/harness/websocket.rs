//! Sessions over WebSocket: a client that sends each write as one masked frame and takes frames
//! apart as they come.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::session::Wire;
use crate::tls::dial;
use crate::{PATIENCE, Session};

/// The answer to these is not checked: the tests are about what follows it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A client of a WebSocket listener without TLS that has read INFO; `headers` are whole lines of
/// the upgrade request.
///
/// # Panics
/// When there is no upgrade.
#[must_use]
pub fn connect(port: u16, headers: &str) -> Session {
    let mut stream = dial(port);
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    let request = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).expect("a fresh socket takes a request");
    let mut response = Vec::new();
    while !response.ends_with(b"\r\n\r\n") {
        let mut octet = [0; 1];
        stream.read_exact(&mut octet).expect("the upgrade is answered");
        response.extend(octet);
    }
    assert!(response.starts_with(b"HTTP/1.1 101"), "{}", response.escape_ascii());
    let mut session = Session::over(Framed { stream, raw: Vec::new(), payload: Vec::new() });
    session.read_first_info();
    session
}

struct Framed {
    stream: TcpStream,
    /// Read, not a whole frame yet.
    raw: Vec<u8>,
    /// Content of frames, not asked for yet.
    payload: Vec<u8>,
}

impl Framed {
    /// Takes the first frame off what was read; `None` when it is not whole. Close frames end the
    /// stream: `Some(false)`.
    fn unframe(&mut self) -> Option<bool> {
        let [first, length, ..] = *self.raw.as_slice() else { return None };
        let (start, length) = match length & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes([*self.raw.get(2)?, *self.raw.get(3)?]))),
            127 => (
                10,
                usize::try_from(u64::from_be_bytes(*self.raw.get(2..10)?.first_chunk()?)).ok()?,
            ),
            short => (2, usize::from(short)),
        };
        let content = self.raw.get(start..start + length)?.to_vec();
        self.raw.drain(..start + length);
        if first & 0x0f < 8 {
            self.payload.extend(content);
        }
        Some(first & 0x0f != 8)
    }
}

impl Read for Framed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.payload.is_empty() {
            match self.unframe() {
                Some(true) => {}
                Some(false) => return Ok(0),
                None => {
                    let mut chunk = [0; 4096];
                    let count = self.stream.read(&mut chunk)?;
                    if count == 0 {
                        return Ok(0);
                    }
                    self.raw.extend(chunk.iter().take(count));
                }
            }
        }
        let count = self.payload.len().min(into.len());
        for (place, octet) in into.iter_mut().zip(self.payload.drain(..count)) {
            *place = octet;
        }
        Ok(count)
    }
}

impl Write for Framed {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let Ok(length) = u16::try_from(octets.len()) else {
            return Err(io::Error::new(ErrorKind::InvalidInput, "tests send little at once"));
        };
        let mut frame = vec![0x82, 0x80 | 126];
        frame.extend(length.to_be_bytes());
        // Masked by zeroes, which leave everything as it is.
        frame.extend([0; 4]);
        frame.extend(octets);
        self.stream.write_all(&frame)?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Wire for Framed {
    fn socket(&self) -> &TcpStream {
        &self.stream
    }
}
