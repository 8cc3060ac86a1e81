//! Frames from the peer, decoded inside the scratch buffer (reference leafnode-websocket B.6).
//!
//! Payloads are unmasked where they lie and moved together, so that the payloads of several
//! frames become one contiguous run of NATS bytes. Only two things are ever kept between reads:
//! a header that is split by the end of a read, and the parts of a compressed message, which can
//! only be inflated whole.

use std::ops::Range;

use super::deflate;
use super::frame::{
    FIN, MASK, MAX_CONTROL, MAX_HEADER, OP_BINARY, OP_CLOSE, OP_CONTINUATION, OP_PING, OP_PONG,
    OP_TEXT, RSV1, RSV23, WsError, valid_close_code,
};

/// Cap on the compressed size of one message, whatever the payload limit is (B.8).
const MAX_COMPRESSED: usize = 64 << 20;

/// The terms that the upgrade fixed for frames from the peer.
#[derive(Clone, Copy, Debug)]
pub struct ReadTerms {
    /// Frames must be masked; otherwise payloads are taken as they are.
    pub masked: bool,
    /// Compressed messages are welcome.
    pub deflate: bool,
    /// Most bytes that one compressed message may inflate to.
    pub max_inflated: usize,
}

/// A control frame that wants an answer, in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control<'a> {
    /// To be answered by a pong with the same payload.
    Ping(&'a [u8]),
    /// The peer is done. Answer with this payload, then end the connection.
    Close(&'a [u8]),
}

/// Why no more frames are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer closed in an orderly way.
    Closed,
    /// The peer broke the protocol.
    Error(WsError),
}

/// What the payload that is being read belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Compressed,
    Control(u8),
}

#[derive(Clone, Copy, Debug)]
enum State {
    Header,
    Payload { left: u64, mask: Option<[u8; 4]>, kind: Kind, fin: bool },
}

/// Turns frames into NATS bytes.
#[derive(Debug)]
pub struct FrameReader {
    terms: ReadTerms,
    state: State,
    header: [u8; MAX_HEADER],
    header_len: usize,
    /// Inside a fragmented message; whether that one is compressed.
    message: Option<bool>,
    control: Vec<u8>,
    compressed: Vec<u8>,
    /// Inflated bytes that found no room in the scratch buffer yet.
    inflated: Vec<u8>,
    /// How many of those were handed out.
    inflated_at: usize,
    /// Frames behind those, not decoded yet.
    backlog: Vec<u8>,
    end: Option<End>,
}

impl FrameReader {
    /// A reader before the first frame.
    pub fn new(terms: ReadTerms) -> Self {
        Self {
            terms,
            state: State::Header,
            header: [0; MAX_HEADER],
            header_len: 0,
            message: None,
            control: Vec::new(),
            compressed: Vec::new(),
            inflated: Vec::new(),
            inflated_at: 0,
            backlog: Vec::new(),
            end: None,
        }
    }

    /// Why reading is over, once everything before that was handed out.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref().filter(|_| self.inflated.is_empty())
    }

    /// Bytes wait inside the reader: call [`Self::resume`] before anything is read.
    pub fn has_backlog(&self) -> bool {
        !self.inflated.is_empty() || !self.backlog.is_empty()
    }

    /// Goes on with what [`Self::decode`] had to leave. The NATS bytes are in the returned part
    /// of `scratch`.
    pub fn resume(&mut self, scratch: &mut [u8], answer: impl FnMut(Control<'_>)) -> Range<usize> {
        if !self.inflated.is_empty() {
            let left = &self.inflated[self.inflated_at..];
            let n = left.len().min(scratch.len());
            scratch[..n].copy_from_slice(&left[..n]);
            self.inflated_at += n;
            if self.inflated_at == self.inflated.len() {
                self.inflated = Vec::new();
            }
            return 0..n;
        }
        let backlog = std::mem::take(&mut self.backlog);
        let n = backlog.len().min(scratch.len());
        scratch[..n].copy_from_slice(&backlog[..n]);
        let out = self.decode(scratch, 0..n, answer);
        // Only a scratch buffer smaller than the one before leaves something here.
        self.backlog.extend_from_slice(&backlog[n..]);
        out
    }

    /// Decodes the raw bytes in `raw` and returns the part of `scratch` where the NATS bytes are.
    pub fn decode(
        &mut self,
        scratch: &mut [u8],
        raw: Range<usize>,
        mut answer: impl FnMut(Control<'_>),
    ) -> Range<usize> {
        let Range { start: mut at, mut end } = raw;
        let mut out = at..at;
        while at < end && self.end.is_none() {
            let step = match self.state {
                State::Header => self.read_header(&scratch[at..end]).map(|n| at += n),
                State::Payload { left, mask, kind, .. } => {
                    let n = usize::try_from(left).unwrap_or(usize::MAX).min(end - at);
                    let part = at..at + n;
                    at += n;
                    self.read_payload(scratch, part, mask, kind, &mut out).map(|()| {
                        if let State::Payload { left, mask, .. } = &mut self.state {
                            *left -= n as u64;
                            if let Some(mask) = mask {
                                mask.rotate_left(n % 4);
                            }
                        }
                    })
                }
            };
            let step = step.and_then(|()| self.finish_frame(&mut answer));
            match step {
                Err(error) => self.end = Some(End::Error(error)),
                Ok(None) => {}
                Ok(Some(message)) => {
                    let rest = end - at;
                    let tail = scratch.len() - rest;
                    scratch.copy_within(at..end, tail);
                    (at, end) = (tail, scratch.len());
                    if self.place(scratch, message, &mut out, at) {
                        self.backlog.extend_from_slice(&scratch[at..end]);
                        return out;
                    }
                }
            }
        }
        out
    }

    /// Puts inflated bytes behind `out`, before `limit`. Returns whether some had to be kept.
    fn place(
        &mut self,
        scratch: &mut [u8],
        message: Vec<u8>,
        out: &mut Range<usize>,
        limit: usize,
    ) -> bool {
        if out.start == out.end {
            *out = 0..0;
        }
        let n = message.len().min(limit - out.end);
        scratch[out.end..out.end + n].copy_from_slice(&message[..n]);
        out.end += n;
        if n == message.len() {
            return false;
        }
        self.inflated = message;
        self.inflated_at = n;
        true
    }

    /// Collects header bytes; returns how many were taken.
    fn read_header(&mut self, bytes: &[u8]) -> Result<usize, WsError> {
        let mut taken = 0;
        loop {
            let need = self.header_need();
            if self.header_len == need {
                break;
            }
            let n = (need - self.header_len).min(bytes.len() - taken);
            if n == 0 {
                return Ok(taken);
            }
            self.header[self.header_len..self.header_len + n]
                .copy_from_slice(&bytes[taken..taken + n]);
            self.header_len += n;
            taken += n;
            if self.header_len == 2 {
                self.check_header()?;
            }
        }
        self.header_len = 0;
        self.state = self.parsed_header()?;
        Ok(taken)
    }

    /// Length of the header as far as its bytes tell.
    fn header_need(&self) -> usize {
        if self.header_len < 2 {
            return 2;
        }
        let length = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = if self.terms.masked { 4 } else { 0 };
        2 + length + mask
    }

    /// What the first two bytes alone can be wrong about.
    fn check_header(&self) -> Result<(), WsError> {
        let [first, second] = [self.header[0], self.header[1]];
        let opcode = first & 0x0f;
        if first & RSV23 != 0 {
            return Err(WsError::ReservedBits);
        }
        if first & RSV1 != 0 && !(self.terms.deflate && matches!(opcode, OP_TEXT | OP_BINARY)) {
            return Err(WsError::UnexpectedCompression);
        }
        if self.terms.masked && second & MASK == 0 {
            return Err(WsError::MaskMissing);
        }
        match opcode {
            OP_CONTINUATION if self.message.is_none() => Err(WsError::InvalidContinuation),
            OP_TEXT | OP_BINARY if self.message.is_some() => Err(WsError::MessageInterrupted),
            OP_CONTINUATION | OP_TEXT | OP_BINARY => Ok(()),
            OP_CLOSE | OP_PING | OP_PONG => {
                if usize::from(second & 0x7f) > MAX_CONTROL {
                    Err(WsError::ControlTooLong)
                } else if first & FIN == 0 {
                    Err(WsError::ControlFragmented)
                } else {
                    Ok(())
                }
            }
            _ => Err(WsError::UnknownOpcode(opcode)),
        }
    }

    /// The state that a complete header leads to.
    fn parsed_header(&mut self) -> Result<State, WsError> {
        let header = &self.header;
        let (left, mask_at) = match header[1] & 0x7f {
            126 => (u64::from(u16::from_be_bytes([header[2], header[3]])), 4),
            127 => {
                let mut wide = [0; 8];
                wide.copy_from_slice(&header[2..10]);
                (u64::from_be_bytes(wide), 10)
            }
            short => (u64::from(short), 2),
        };
        if left >> 63 != 0 {
            return Err(WsError::InvalidLength);
        }
        let mask = self.terms.masked.then(|| {
            [header[mask_at], header[mask_at + 1], header[mask_at + 2], header[mask_at + 3]]
        });
        let fin = header[0] & FIN != 0;
        let kind = match header[0] & 0x0f {
            opcode @ (OP_CLOSE | OP_PING | OP_PONG) => {
                self.control.clear();
                Kind::Control(opcode)
            }
            opcode => {
                let compressed = match self.message {
                    Some(compressed) if opcode == OP_CONTINUATION => compressed,
                    _ => header[0] & RSV1 != 0,
                };
                self.message = (!fin).then_some(compressed);
                if compressed { Kind::Compressed } else { Kind::Plain }
            }
        };
        Ok(State::Payload { left, mask, kind, fin })
    }

    /// Unmasks one part of a payload and puts it where it belongs.
    fn read_payload(
        &mut self,
        scratch: &mut [u8],
        part: Range<usize>,
        mask: Option<[u8; 4]>,
        kind: Kind,
        out: &mut Range<usize>,
    ) -> Result<(), WsError> {
        if let Some(key) = mask {
            super::frame::unmask(&mut scratch[part.clone()], key);
        }
        match kind {
            Kind::Plain if out.start == out.end => *out = part,
            Kind::Plain => {
                let n = part.len();
                scratch.copy_within(part, out.end);
                out.end += n;
            }
            Kind::Control(_) => self.control.extend_from_slice(&scratch[part]),
            Kind::Compressed => {
                let max = self.terms.max_inflated.saturating_mul(8).min(MAX_COMPRESSED);
                if self.compressed.len() + part.len() > max {
                    return Err(WsError::CompressedTooLong(max));
                }
                self.compressed.extend_from_slice(&scratch[part]);
            }
        }
        Ok(())
    }

    /// Acts on a frame whose last byte is in. Returns the inflated message if that ended one.
    fn finish_frame(
        &mut self,
        answer: &mut impl FnMut(Control<'_>),
    ) -> Result<Option<Vec<u8>>, WsError> {
        let State::Payload { left: 0, kind, fin, .. } = self.state else { return Ok(None) };
        self.state = State::Header;
        match kind {
            Kind::Compressed if fin => {
                let packed = std::mem::take(&mut self.compressed);
                return deflate::inflate(&packed, self.terms.max_inflated).map(Some);
            }
            Kind::Control(OP_PING) => answer(Control::Ping(&self.control)),
            Kind::Control(OP_CLOSE) => {
                self.finish_close(answer)?;
                self.end = Some(End::Closed);
            }
            Kind::Plain | Kind::Compressed | Kind::Control(_) => {}
        }
        Ok(None)
    }

    fn finish_close(&mut self, answer: &mut impl FnMut(Control<'_>)) -> Result<(), WsError> {
        match *self.control.as_slice() {
            [] => answer(Control::Close(&[])),
            [_] => return Err(WsError::ClosePayload),
            [high, low, ref reason @ ..] => {
                let code = u16::from_be_bytes([high, low]);
                if !valid_close_code(code) {
                    return Err(WsError::CloseCode(code));
                }
                if std::str::from_utf8(reason).is_ok() {
                    answer(Control::Close(&self.control));
                } else {
                    let text = "invalid utf8 body in close frame";
                    answer(Control::Close(&super::frame::close_payload(1007, text)));
                }
            }
        }
        Ok(())
    }
}
