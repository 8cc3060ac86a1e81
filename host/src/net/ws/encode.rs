//! Frames to the peer (reference leafnode-websocket B.7, B.8).
//!
//! One frame a flush, holding all that is pending. The header is written beside the payload with
//! one vectored write, so an uncompressed payload is never copied. What a frame has announced
//! stays pending in the core until the socket takes it; only compressed output, control frames
//! and half a header ever wait in here.

use std::io::{self, IoSlice};

use super::deflate::{self, MIN_COMPRESSED};
use super::frame::{
    FIN, OP_BINARY, OP_CLOSE, OP_CONTINUATION, OP_PONG, RSV1, put_control, put_header,
};
use crate::net::conn::Written;
use crate::net::lower::{Cursor, Sink};

/// Largest payload of a frame to a browser client (B.7).
const BROWSER_FRAME: usize = 4096;

/// Plaintext of one compressed message. Bounds what waits in here, and is far below every peer's
/// own bound on a message.
const COMPRESS_CHUNK: usize = 64 << 10;

/// Pongs that may wait. Beyond it, a new one takes the place of the latest, which RFC 6455
/// section 5.5.3 allows.
const MAX_PONGS: usize = 4 << 10;

/// Frames put into one system call; more than two only when frames are limited in size.
const BATCH_FRAMES: usize = 16;

/// Slices put into one system call.
const BATCH_SLICES: usize = 96;

/// The terms that the upgrade fixed for frames to the peer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WriteTerms {
    /// Frames are limited to what browsers are sent.
    pub browser: bool,
    /// Compressed messages stay in one frame even so (Safari).
    pub whole_compressed: bool,
    /// Flushes above the minimum are compressed.
    pub deflate: bool,
}

/// A frame that is being written: what is left of its header and payload.
#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    header: [u8; 10],
    header_at: usize,
    header_len: usize,
    payload: usize,
}

impl Frame {
    fn new(payload: usize) -> Self {
        let mut header = [0; 10];
        let header_len = put_header(&mut header, FIN | OP_BINARY, payload);
        Self { header, header_at: 0, header_len, payload }
    }

    fn header(&self) -> &[u8] {
        &self.header[self.header_at..self.header_len]
    }

    fn is_done(&self) -> bool {
        self.header_at == self.header_len && self.payload == 0
    }
}

/// Wraps pending NATS bytes into frames.
#[derive(Debug, Default)]
pub(super) struct FrameWriter {
    terms: WriteTerms,
    /// The frame that a short write left unfinished.
    current: Frame,
    /// Complete frames: pongs, and compressed messages.
    ready: Vec<u8>,
    ready_at: usize,
    /// Where in `ready` the latest pong starts.
    last_pong: usize,
    /// Pongs that wait for the end of the current frame.
    pongs: Vec<u8>,
    /// Payload of the close frame that goes out last.
    close: Option<Vec<u8>>,
    closed: bool,
}

impl FrameWriter {
    pub(super) fn new(terms: WriteTerms) -> Self {
        Self { terms, ..Self::default() }
    }

    /// Queues the answer to a ping.
    pub(super) fn pong(&mut self, payload: &[u8]) {
        if self.pongs.len() > MAX_PONGS {
            self.pongs.truncate(self.last_pong);
        }
        self.last_pong = self.pongs.len();
        put_control(&mut self.pongs, OP_PONG, payload);
    }

    /// Queues a close frame behind everything pending. The first one counts: an answer to the
    /// peer's own close is not replaced by a later reason of ours.
    pub(super) fn close(&mut self, payload: Vec<u8>) {
        if !self.closed && self.close.is_none() {
            self.close = Some(payload);
        }
    }

    /// Something waits in here that needs no pending bytes to go out.
    pub(super) fn wants_write(&self) -> bool {
        self.ready_at < self.ready.len() || (self.current.is_done() && !self.pongs.is_empty())
    }

    /// Writes as much of `pending` as `sink` takes; with `last`, the close frame behind it.
    pub(super) fn write(
        &mut self,
        pending: &[IoSlice<'_>],
        last: bool,
        sink: &mut impl Sink,
    ) -> io::Result<Written> {
        let mut rest = Cursor::new(pending);
        let mut consumed = 0;
        loop {
            if !self.write_ready(sink)? {
                return Ok(Written { consumed, blocked: true });
            }
            let boundary = self.current.is_done();
            if boundary && !self.pongs.is_empty() {
                std::mem::swap(&mut self.ready, &mut self.pongs);
                continue;
            }
            let left = if self.closed { 0 } else { rest.len() };
            if left == 0 {
                // The frame that was announced cannot be completed: nothing may follow it.
                let cut = !boundary;
                if last
                    && !cut
                    && let Some(close) = self.close.take()
                {
                    put_control(&mut self.ready, OP_CLOSE, &close);
                    self.closed = true;
                    continue;
                }
                // What the sink took earlier may still wait inside.
                sink.put(&[])?;
                return Ok(Written { consumed, blocked: sink.is_blocked() });
            }
            if boundary && self.terms.deflate && left > MIN_COMPRESSED {
                let taken = self.compress(&rest)?;
                rest.advance(taken);
                consumed += taken;
                continue;
            }
            let (taken, blocked) = self.write_frames(&rest, sink)?;
            rest.advance(taken);
            consumed += taken;
            if blocked {
                return Ok(Written { consumed, blocked });
            }
        }
    }

    /// Writes complete frames that wait in here; says whether that was all of them.
    fn write_ready(&mut self, sink: &mut impl Sink) -> io::Result<bool> {
        if self.ready_at < self.ready.len() {
            self.ready_at += sink.put(&[IoSlice::new(&self.ready[self.ready_at..])])?;
            if self.ready_at < self.ready.len() {
                return Ok(false);
            }
        }
        if self.ready_at > 0 {
            self.ready = Vec::new();
            self.ready_at = 0;
        }
        Ok(true)
    }

    /// Writes frames around the bytes at `rest`. Returns how many of those went out, and whether
    /// the sink is full.
    fn write_frames(
        &mut self,
        rest: &Cursor<'_, '_>,
        sink: &mut impl Sink,
    ) -> io::Result<(usize, bool)> {
        let max = if self.terms.browser { BROWSER_FRAME } else { usize::MAX };
        let mut frames = [Frame::default(); BATCH_FRAMES];
        let mut used = 0;
        let mut left = rest.len();
        if !self.current.is_done() {
            frames[0] = self.current;
            left = left.saturating_sub(self.current.payload);
            used = 1;
        }
        // A pong that waits for the end of this frame goes before the next one.
        let only_current = used == 1 && !self.pongs.is_empty();
        while left > 0 && used < BATCH_FRAMES && !only_current {
            frames[used] = Frame::new(left.min(max));
            left -= frames[used].payload;
            used += 1;
        }

        let mut slices = [IoSlice::new(&[]); BATCH_SLICES];
        let mut filled = 0;
        let mut offered = 0;
        let mut cursor = rest.clone();
        'fill: for frame in &frames[..used] {
            if filled == BATCH_SLICES {
                break;
            }
            slices[filled] = IoSlice::new(frame.header());
            filled += 1;
            offered += frame.header().len();
            let mut payload = frame.payload;
            while payload > 0 {
                let piece = cursor.piece(payload);
                if piece.is_empty() || filled == BATCH_SLICES {
                    break 'fill;
                }
                slices[filled] = IoSlice::new(piece);
                filled += 1;
                offered += piece.len();
                payload -= piece.len();
                cursor.advance(piece.len());
            }
        }
        let written = sink.put(&slices[..filled])?;
        Ok((self.account(&frames[..used], written), written < offered))
    }

    /// Finds out which frames `written` bytes completed and how much payload that was.
    fn account(&mut self, frames: &[Frame], mut written: usize) -> usize {
        let mut consumed = 0;
        self.current = Frame::default();
        for frame in frames {
            let mut frame = *frame;
            let begun = frame.header_at > 0;
            if written == 0 && !begun {
                // Not a byte of it is out, so it may still grow.
                break;
            }
            let header = written.min(frame.header().len());
            frame.header_at += header;
            let payload = (written - header).min(frame.payload);
            frame.payload -= payload;
            written -= header + payload;
            consumed += payload;
            if !frame.is_done() {
                self.current = frame;
                break;
            }
        }
        consumed
    }

    /// Makes one compressed message of what comes next; returns how much that was.
    fn compress(&mut self, rest: &Cursor<'_, '_>) -> io::Result<usize> {
        let mut parts = Vec::new();
        let mut taken = 0;
        let mut cursor = rest.clone();
        while taken < COMPRESS_CHUNK {
            let piece = cursor.piece(COMPRESS_CHUNK - taken);
            if piece.is_empty() {
                break;
            }
            parts.push(IoSlice::new(piece));
            taken += piece.len();
            cursor.advance(piece.len());
        }
        let mut packed = Vec::new();
        deflate::deflate(&parts, &mut packed).map_err(io::Error::other)?;
        let max = if self.terms.browser && !self.terms.whole_compressed {
            BROWSER_FRAME
        } else {
            usize::MAX
        };
        let mut first = OP_BINARY | RSV1;
        let mut left = packed.as_slice();
        while !left.is_empty() {
            let (payload, more) = left.split_at(left.len().min(max));
            let fin = if more.is_empty() { FIN } else { 0 };
            let mut header = [0; 10];
            let n = put_header(&mut header, first | fin, payload.len());
            self.ready.extend_from_slice(&header[..n]);
            self.ready.extend_from_slice(payload);
            first = OP_CONTINUATION;
            left = more;
        }
        Ok(taken)
    }
}
