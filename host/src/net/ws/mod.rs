//! The WebSocket transport, server side (reference leafnode-websocket part B).
//!
//! [`upgrade`] decides about the HTTP request, [`accept()`] drives it on a connection; from then on
//! a [`super::Conn`] wraps pending bytes into frames and unwraps frames inside the scratch
//! buffer.
//!
//! Frames are our own and not tungstenite's. Of the version looked at (0.30), only
//! `FrameHeader::parse` and `format` are free of its stream model; they leave the peer's
//! violations (masking, reserved bits, control frames, fragmentation) to the stream half, read
//! through a `Cursor` byte by byte with log calls, and the crate has no permessage-deflate, which
//! needs RSV1 and continuation frames under our control. What would be left to take from it is
//! fifty lines, for the price of `http`, `rand` and `log` in the binary.

mod accept;
pub mod decode;
mod deflate;
mod encode;
mod frame;
pub mod origin;
#[cfg(test)]
pub(super) mod tests;
pub mod upgrade;
#[cfg(test)]
mod upgrade_tests;

use std::io::{self, IoSlice};
use std::ops::Range;

use nervure_core::CloseReason;

pub use accept::{WsAcceptError, accept};
pub use frame::WsError;
pub use upgrade::{Credentials, PathKind, RefusalReason, UpgradeInfo, WsRules};

use super::conn::{ReadError, Written};
use super::lower::Sink;
use decode::{Control, End, FrameReader, ReadTerms};
use encode::{FrameWriter, WriteTerms};

/// The close frame that belongs to a reason; `None` means that the connection ends without one
/// (reference B.10).
pub fn close_code(reason: CloseReason) -> Option<(u16, &'static str)> {
    let code = match reason {
        CloseReason::ClientClosed => 1000,
        CloseReason::ServerShutdown | CloseReason::StaleConnection => 1001,
        CloseReason::ProtocolViolation
        | CloseReason::ParseError
        | CloseReason::BadClientProtocolVersion => 1002,
        CloseReason::AuthenticationFailure
        | CloseReason::AuthenticationExpired
        | CloseReason::CredentialsRevoked
        | CloseReason::ProxyNotTrusted
        | CloseReason::ProxyRequired
        | CloseReason::AuthenticationTimeout
        | CloseReason::MaxConnectionsExceeded
        | CloseReason::MaxAccountConnectionsExceeded
        | CloseReason::MaxSubscriptionsExceeded
        | CloseReason::MaxControlLineExceeded => 1008,
        CloseReason::MaxPayloadExceeded => 1009,
        CloseReason::NoRespondersRequiresHeaders => 1011,
        CloseReason::TlsHandshakeError
        | CloseReason::ReadError
        | CloseReason::WriteError
        | CloseReason::SlowConsumerPendingBytes
        | CloseReason::SlowConsumerWriteDeadline => return None,
    };
    Some((code, reason.text()))
}

/// The frame layer of one connection.
#[derive(Debug)]
pub(super) struct WsCodec {
    reader: FrameReader,
    writer: FrameWriter,
}

impl WsCodec {
    fn new(read: ReadTerms, write: WriteTerms) -> Self {
        Self { reader: FrameReader::new(read), writer: FrameWriter::new(write) }
    }

    /// The codec on the terms that the upgrade agreed on.
    pub(super) fn agreed(info: &UpgradeInfo, max_payload: usize) -> Self {
        let browser = info.browser && info.kind == PathKind::Client;
        Self::new(
            ReadTerms {
                masked: !info.no_masking,
                deflate: info.compression,
                max_inflated: max_payload,
            },
            WriteTerms { browser, whole_compressed: info.safari, deflate: info.compression },
        )
    }

    /// Whether reading is over, and how.
    pub(super) fn end(&self) -> Option<Result<(), ReadError>> {
        self.reader.end().map(|end| match end {
            End::Closed => Ok(()),
            End::Error(error) => Err(error.clone().into()),
        })
    }

    pub(super) fn has_backlog(&self) -> bool {
        self.reader.has_backlog()
    }

    pub(super) fn resume(&mut self, scratch: &mut [u8]) -> Range<usize> {
        let Self { reader, writer } = self;
        let out = reader.resume(scratch, |control| answer(writer, control));
        self.tell_error();
        out
    }

    pub(super) fn decode(&mut self, scratch: &mut [u8], raw: Range<usize>) -> Range<usize> {
        let Self { reader, writer } = self;
        let out = reader.decode(scratch, raw, |control| answer(writer, control));
        self.tell_error();
        out
    }

    /// See [`FrameWriter::write`].
    pub(super) fn write(
        &mut self,
        pending: &[IoSlice<'_>],
        last: bool,
        sink: &mut impl Sink,
    ) -> io::Result<Written> {
        self.writer.write(pending, last, sink)
    }

    pub(super) fn wants_write(&self) -> bool {
        self.writer.wants_write()
    }

    pub(super) fn close(&mut self, code: u16, reason: &str) {
        self.writer.close(frame::close_payload(code, reason));
    }

    /// Queues the close frame that names the peer's error. nats-server means to do so as well;
    /// its frame is seen only for some errors.
    fn tell_error(&mut self) {
        if let Some(End::Error(error)) = self.reader.end() {
            self.writer.close(frame::close_payload(error.close_code(), &error.to_string()));
        }
    }
}

fn answer(writer: &mut FrameWriter, control: Control<'_>) {
    match control {
        Control::Ping(payload) => writer.pong(payload),
        Control::Close(payload) => writer.close(payload.to_vec()),
    }
}
