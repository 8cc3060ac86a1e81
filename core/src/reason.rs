//! Why a connection ended: nats-server's reasons, as monitoring and logs show them.

/// Why a link was closed. The text is the one nats-server shows in monitoring and events
/// (observed on nats-server 2.15.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CloseReason {
    /// Orderly end of stream from the peer.
    ClientClosed,
    /// No CONNECT in time.
    AuthenticationTimeout,
    /// Refused credentials, or traffic before a CONNECT that is required.
    AuthenticationFailure,
    /// The time that credentials are good for is over.
    AuthenticationExpired,
    /// Credentials were taken back.
    CredentialsRevoked,
    /// A proxy's signature is no trusted one's.
    ProxyNotTrusted,
    /// The client has to come through a trusted proxy.
    ProxyRequired,
    /// The TLS handshake failed or took too long.
    TlsHandshakeError,
    /// Too many bytes waiting to be written.
    SlowConsumerPendingBytes,
    /// A write stayed blocked for too long.
    SlowConsumerWriteDeadline,
    /// Writing to the socket failed.
    WriteError,
    /// Reading from the socket failed.
    ReadError,
    /// The peer sent `-ERR`.
    ParseError,
    /// Pings stayed unanswered.
    StaleConnection,
    /// The peer broke the protocol.
    ProtocolViolation,
    /// CONNECT named a protocol level that does not exist.
    BadClientProtocolVersion,
    /// The server is full.
    MaxConnectionsExceeded,
    /// The account is full.
    MaxAccountConnectionsExceeded,
    /// A payload above the limit was announced.
    MaxPayloadExceeded,
    /// A control line above the limit.
    MaxControlLineExceeded,
    /// More subscriptions than a lowered limit allows.
    MaxSubscriptionsExceeded,
    /// The server stops.
    ServerShutdown,
    /// no_responders was asked for without headers.
    NoRespondersRequiresHeaders,
}

impl CloseReason {
    /// nats-server's text for this reason.
    pub const fn text(self) -> &'static str {
        match self {
            Self::ClientClosed => "Client Closed",
            Self::AuthenticationTimeout => "Authentication Timeout",
            Self::AuthenticationFailure => "Authentication Failure",
            Self::AuthenticationExpired => "Authentication Expired",
            Self::CredentialsRevoked => "Credentials Revoked",
            Self::ProxyNotTrusted => "Proxy Not Trusted",
            Self::ProxyRequired => "Proxy Required",
            Self::TlsHandshakeError => "TLS Handshake Failure",
            Self::SlowConsumerPendingBytes => "Slow Consumer (Pending Bytes)",
            Self::SlowConsumerWriteDeadline => "Slow Consumer (Write Deadline)",
            Self::WriteError => "Write Error",
            Self::ReadError => "Read Error",
            Self::ParseError => "Parse Error",
            Self::StaleConnection => "Stale Connection",
            Self::ProtocolViolation => "Protocol Violation",
            Self::BadClientProtocolVersion => "Bad Client Protocol Version",
            Self::MaxConnectionsExceeded => "Maximum Connections Exceeded",
            Self::MaxAccountConnectionsExceeded => "Maximum Account Connections Exceeded",
            Self::MaxPayloadExceeded => "Maximum Message Payload Exceeded",
            Self::MaxControlLineExceeded => "Maximum Control Line Exceeded",
            Self::MaxSubscriptionsExceeded => "Maximum Subscriptions Exceeded",
            Self::ServerShutdown => "Server Shutdown",
            Self::NoRespondersRequiresHeaders => "No Responders Requires Headers",
        }
    }

    /// Whether what is pending is still written before the close.
    pub const fn flushes(self) -> bool {
        !matches!(
            self,
            Self::ReadError
                | Self::WriteError
                | Self::SlowConsumerPendingBytes
                | Self::SlowConsumerWriteDeadline
                | Self::TlsHandshakeError
        )
    }
}
