//! The shape of a WebSocket frame (RFC 6455 section 5), shared by reader and writer.

use thiserror::Error;

/// Longest frame header: two bytes, eight of length, four of mask.
pub(super) const MAX_HEADER: usize = 14;

/// Longest payload of a control frame.
pub(super) const MAX_CONTROL: usize = 125;

/// Continuation of a fragmented message.
pub(super) const OP_CONTINUATION: u8 = 0;
/// Text; NATS treats it like binary.
pub(super) const OP_TEXT: u8 = 1;
/// Binary; all that we send.
pub(super) const OP_BINARY: u8 = 2;
/// Close.
pub(super) const OP_CLOSE: u8 = 8;
/// Ping.
pub(super) const OP_PING: u8 = 9;
/// Pong.
pub(super) const OP_PONG: u8 = 10;

/// First byte: last frame of its message.
pub(super) const FIN: u8 = 0x80;
/// First byte: the message is compressed.
pub(super) const RSV1: u8 = 0x40;
/// First byte: the bits that must be clear.
pub(super) const RSV23: u8 = 0x30;
/// Second byte: the payload is masked.
pub(super) const MASK: u8 = 0x80;

/// How a peer broke the WebSocket protocol or its bounds. The texts are nats-server's log lines
/// where it has one (observed on nats-server 2.15.1; reference leafnode-websocket B.6, B.8).
///
/// Monitoring shows all of them as `Read Error`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WsError {
    /// RSV2 or RSV3 is set.
    #[error("RSV2 and RSV3 must be clear")]
    ReservedBits,
    /// RSV1 where deflate was not negotiated, or on a frame that cannot carry it.
    #[error("compressed frame received without negotiated permessage-deflate")]
    UnexpectedCompression,
    /// A client's frame is not masked.
    #[error("mask bit missing")]
    MaskMissing,
    /// A control frame with a long payload.
    #[error("control frame length bigger than maximum allowed of 125 bytes")]
    ControlTooLong,
    /// A fragmented control frame.
    #[error("control frame does not have final bit set")]
    ControlFragmented,
    /// An opcode that does not exist.
    #[error("unknown opcode {0}")]
    UnknownOpcode(u8),
    /// A continuation without a message.
    #[error("invalid continuation frame")]
    InvalidContinuation,
    /// A new message inside a fragmented one.
    #[error("new message started before the final frame of the previous one")]
    MessageInterrupted,
    /// A 64-bit length with the top bit set.
    #[error("invalid 64-bit payload length")]
    InvalidLength,
    /// A close payload of one byte.
    #[error("close frame payload cannot be 1 byte")]
    ClosePayload,
    /// A close code that may not be sent.
    #[error("invalid close status code {0}")]
    CloseCode(u16),
    /// Deflate data that is none.
    #[error("flate: corrupt input")]
    CorruptDeflate,
    /// One message inflates to more than the bound (B.8).
    #[error("decompressed message exceeds the maximum of {0} bytes")]
    InflatedTooLong(usize),
    /// The compressed form of one message is longer than the bound (B.8).
    #[error("compressed message exceeds the maximum of {0} bytes")]
    CompressedTooLong(usize),
}

impl WsError {
    /// The close code that tells the peer about it.
    pub fn close_code(&self) -> u16 {
        match self {
            Self::CorruptDeflate => 1007,
            Self::InflatedTooLong(_) | Self::CompressedTooLong(_) => 1009,
            _ => 1002,
        }
    }
}

/// Writes the header of an unmasked frame into `out` and returns its length.
pub(super) fn put_header(out: &mut [u8; 10], first: u8, len: usize) -> usize {
    out[0] = first;
    if len < 126 {
        out[1] = len as u8;
        2
    } else if let Ok(len) = u16::try_from(len) {
        out[1] = 126;
        out[2..4].copy_from_slice(&len.to_be_bytes());
        4
    } else {
        out[1] = 127;
        out[2..10].copy_from_slice(&(len as u64).to_be_bytes());
        10
    }
}

/// Appends an unmasked control frame. Payloads above the control limit are cut.
pub(super) fn put_control(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    let payload = &payload[..payload.len().min(MAX_CONTROL)];
    out.extend_from_slice(&[FIN | opcode, payload.len() as u8]);
    out.extend_from_slice(payload);
}

/// The payload of a close frame, its reason cut at a character boundary so that it fits.
pub(super) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    let mut end = reason.len().min(MAX_CONTROL - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut out = Vec::with_capacity(2 + end);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&reason.as_bytes()[..end]);
    out
}

/// Whether a peer may send this close code (B.6).
pub(super) fn valid_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Removes (or applies) the mask, starting with `key[0]`. Eight bytes at a time, which the
/// compiler turns into vector instructions.
pub(super) fn unmask(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut words = bytes.chunks_exact_mut(8);
    for word in &mut words {
        let mut raw = [0; 8];
        raw.copy_from_slice(word);
        word.copy_from_slice(&(u64::from_ne_bytes(raw) ^ wide).to_ne_bytes());
    }
    for (byte, key) in words.into_remainder().iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}
