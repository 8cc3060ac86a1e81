//! What a peer can do wrong on the wire, and what it is told.

use thiserror::Error;

use crate::CloseReason;

/// Who or what ended a link.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    /// The peer broke the protocol.
    Misbehaved,
    /// The peer ran into a limit.
    Limit,
    /// The peer was refused.
    Refused,
}

/// Why a stream of bytes cannot be parsed any further. Each of them closes the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum WireError {
    /// An octet that fits no verb, or a payload that is not followed by CR LF.
    #[error("octets that are no operation")]
    UnknownOperation,
    /// A known verb with a wrong number of arguments or an invalid size.
    #[error("a verb with bad arguments")]
    BadArguments,
    /// HPUB on a connection that has not negotiated headers.
    #[error("HPUB without negotiated headers")]
    HeadersNotNegotiated,
    /// The arguments of a control line are longer than allowed.
    #[error("a control line of more than {limit} bytes")]
    ControlLineTooLong {
        /// The limit in force, in bytes.
        limit: usize,
    },
    /// The announced payload is larger than allowed.
    #[error("a payload of {size} bytes where {limit} are allowed")]
    PayloadTooLarge {
        /// What was announced, headers included, in bytes.
        size: usize,
        /// The limit in force, in bytes.
        limit: usize,
    },
    /// Something else than CONNECT while the peer has to authenticate.
    #[error("an operation before authentication")]
    AuthorizationViolation,
}

impl WireError {
    /// The text of the `-ERR` the peer gets, without quotes; `None` means that the link is closed
    /// without a word (client-protocol 8).
    pub const fn text(&self) -> Option<&'static str> {
        match self {
            Self::UnknownOperation => Some("Unknown Protocol Operation"),
            Self::BadArguments | Self::HeadersNotNegotiated => None,
            Self::ControlLineTooLong { .. } => Some("maximum control line exceeded"),
            Self::PayloadTooLarge { .. } => Some("Maximum Payload Violation"),
            Self::AuthorizationViolation => Some("Authorization Violation"),
        }
    }

    /// What monitoring shows for a link that ended this way.
    pub const fn reason(&self) -> CloseReason {
        match self {
            Self::UnknownOperation | Self::BadArguments | Self::HeadersNotNegotiated => {
                CloseReason::ProtocolViolation
            }
            Self::ControlLineTooLong { .. } => CloseReason::MaxControlLineExceeded,
            Self::PayloadTooLarge { .. } => CloseReason::MaxPayloadExceeded,
            Self::AuthorizationViolation => CloseReason::AuthenticationFailure,
        }
    }

    /// Whose fault it was. Never ours: every error of the parser is caused by its input.
    pub const fn fault(&self) -> Fault {
        match self {
            Self::UnknownOperation | Self::BadArguments | Self::HeadersNotNegotiated => {
                Fault::Misbehaved
            }
            Self::ControlLineTooLong { .. } | Self::PayloadTooLarge { .. } => Fault::Limit,
            Self::AuthorizationViolation => Fault::Refused,
        }
    }
}
