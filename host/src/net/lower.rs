//! What frames and plain NATS bytes are written to and read from: a socket, or TLS over one.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::ops::Range;

use rustls::ServerConnection;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Room kept in front of what is read from the socket, so that plaintext can be put there.
///
/// rustls may hold back most of one record (2^14 + 2048 + 5 bytes) between reads; when the rest
/// of it arrives, that much more plaintext than ciphertext comes out.
pub(super) const TLS_HEADROOM: usize = (16 << 10) + (2 << 10) + 64;

/// Most slices that one system call takes (`IOV_MAX` on Linux).
const MAX_SLICES: usize = 1024;

/// `std::io` over a non-blocking socket, for rustls.
#[derive(Debug)]
pub(super) struct SocketIo<'a>(pub(super) &'a TcpStream);

impl Read for SocketIo<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buf)
    }
}

impl Write for SocketIo<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Result of one raw read; the range is where the bytes lie in the scratch buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RawRead {
    Bytes(Range<usize>),
    /// TLS made progress that is not data.
    Nothing,
    WouldBlock,
    Eof,
}

/// Why a raw read failed.
#[derive(Debug)]
pub(super) enum RawError {
    Io(io::Error),
    Tls(rustls::Error),
}

/// Reads at most once from the socket.
pub(super) fn read_tcp(socket: &TcpStream, scratch: &mut [u8]) -> Result<RawRead, RawError> {
    loop {
        return match socket.try_read(scratch) {
            Ok(0) => Ok(RawRead::Eof),
            Ok(n) => Ok(RawRead::Bytes(0..n)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(RawRead::WouldBlock),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(RawError::Io(error)),
        };
    }
}

/// After a read that did not fill its buffer: the socket is empty, and says so when that changes.
/// Asking it once more before going to sleep would be a system call for nothing.
pub(super) fn forget_readiness(socket: &TcpStream) {
    let empty = || Err::<(), _>(ErrorKind::WouldBlock.into());
    // Answers what `empty` answered.
    let _ = socket.try_io(Interest::READABLE, empty);
}

/// Reads at most once from the socket, in one large piece, and decrypts it into the front of
/// `scratch`, behind which the ciphertext lies.
pub(super) fn read_tls(
    socket: &TcpStream,
    tls: &mut ServerConnection,
    scratch: &mut [u8],
) -> Result<RawRead, RawError> {
    match tls.reader().read(scratch) {
        Ok(0) => return Ok(RawRead::Eof),
        Ok(n) => return Ok(RawRead::Bytes(0..n)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(_no_close_notify) => return Ok(RawRead::Eof),
    }
    // A broken record that came behind good ones was kept for this call.
    tls.process_new_packets().map_err(RawError::Tls)?;
    let Some(room) = scratch.get_mut(TLS_HEADROOM..).filter(|room| !room.is_empty()) else {
        return Err(RawError::Io(io::Error::new(ErrorKind::InvalidInput, "scratch too small")));
    };
    let end = match read_tcp(socket, room)? {
        RawRead::Bytes(bytes) => TLS_HEADROOM + bytes.end,
        other => return Ok(other),
    };
    let (mut cipher, mut plain) = (TLS_HEADROOM, 0);
    while cipher < end {
        let taken = tls.read_tls(&mut &scratch[cipher..end]).map_err(RawError::Io)?;
        if taken == 0 {
            // After a close_notify, rustls takes nothing.
            break;
        }
        cipher += taken;
        let outcome = tls.process_new_packets();
        while plain < cipher {
            match tls.reader().read(&mut scratch[plain..cipher]) {
                Ok(n) if n > 0 => plain += n,
                _ => break,
            }
        }
        match outcome {
            Ok(_) => {}
            Err(_kept_by_rustls) if plain > 0 => break,
            Err(error) => {
                // Tell the peer which alert it is, if the socket takes it at once.
                let _may_fail = flush_tls(socket, tls);
                return Err(RawError::Tls(error));
            }
        }
    }
    let flushed = flush_tls(socket, tls);
    if plain == 0 {
        // Otherwise the next call meets the same failure, after the data.
        flushed.map_err(RawError::Io)?;
    }
    Ok(if plain > 0 { RawRead::Bytes(0..plain) } else { RawRead::Nothing })
}

/// Writes as much of rustls' output as the socket takes; says whether that was all.
pub(super) fn flush_tls(socket: &TcpStream, tls: &mut ServerConnection) -> io::Result<bool> {
    while tls.wants_write() {
        match tls.write_tls(&mut SocketIo(socket)) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Where bytes are written to.
pub(super) trait Sink {
    /// Takes bytes until it blocks: less than everything taken means blocked.
    fn put(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Whether bytes that were taken still wait inside.
    fn is_blocked(&self) -> bool;
}

/// A bare socket.
impl Sink for &TcpStream {
    fn put(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut total = 0;
        for batch in slices.chunks(MAX_SLICES) {
            let offered: usize = batch.iter().map(|slice| slice.len()).sum();
            if offered == 0 {
                continue;
            }
            let written = loop {
                let written = match batch {
                    // Most writes are this one, which is cheaper for the kernel.
                    [one] => self.try_write(one),
                    batch => self.try_write_vectored(batch),
                };
                match written {
                    Ok(n) => break n,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break 0,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            };
            total += written;
            if written < offered {
                break;
            }
        }
        Ok(total)
    }

    fn is_blocked(&self) -> bool {
        false
    }
}

/// TLS over a socket. Takes no new plaintext while ciphertext waits, so that at most rustls'
/// buffer limit (64 KiB) counts as written without being so.
#[derive(Debug)]
pub(super) struct TlsSink<'a> {
    pub(super) socket: &'a TcpStream,
    pub(super) tls: &'a mut ServerConnection,
}

impl Sink for TlsSink<'_> {
    fn put(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut total = 0;
        let mut rest = Cursor::new(slices);
        while flush_tls(self.socket, self.tls)? {
            let n = match rest.split() {
                ([], []) => break,
                ([], whole) => self.tls.writer().write_vectored(whole)?,
                (part, _) => self.tls.writer().write(part)?,
            };
            total += n;
            rest.advance(n);
        }
        Ok(total)
    }

    fn is_blocked(&self) -> bool {
        self.tls.wants_write()
    }
}

/// A position in a list of slices.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a, 'b> {
    slices: &'a [IoSlice<'b>],
    offset: usize,
}

impl<'a, 'b> Cursor<'a, 'b> {
    pub(super) fn new(slices: &'a [IoSlice<'b>]) -> Self {
        let mut cursor = Self { slices, offset: 0 };
        cursor.advance(0);
        cursor
    }

    /// The rest of a slice that was begun (else nothing), and the whole slices behind it.
    pub(super) fn split(&self) -> (&'a [u8], &'a [IoSlice<'b>]) {
        match self.slices.split_first() {
            Some((first, rest)) if self.offset > 0 => (&first[self.offset..], rest),
            _ => (&[], self.slices),
        }
    }

    /// Moves on by `n` bytes and past empty slices.
    pub(super) fn advance(&mut self, mut n: usize) {
        while let Some((first, rest)) = self.slices.split_first() {
            let left = first.len() - self.offset;
            if n < left {
                self.offset += n;
                return;
            }
            n -= left;
            self.offset = 0;
            self.slices = rest;
        }
    }

    /// Up to `max` bytes from here that lie in one piece; empty at the end.
    pub(super) fn piece(&self, max: usize) -> &'a [u8] {
        let piece = match self.slices.first() {
            Some(first) => &first[self.offset..],
            None => &[],
        };
        &piece[..piece.len().min(max)]
    }

    /// How many bytes are left.
    pub(super) fn len(&self) -> usize {
        self.slices.iter().map(|slice| slice.len()).sum::<usize>() - self.offset
    }
}
