//! TLS on the accepting side (reference config-and-operations 2.11, security 1.9).
//!
//! [`TlsServer`] is a `tls` block made ready; [`accept_tls`] runs one handshake; afterwards the
//! session belongs to a [`super::Conn`], which drives rustls itself.

mod config;
mod peer;
#[cfg(test)]
pub(super) mod tests;

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::server::ParsedCertificate;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::net::TcpStream;

use super::lower::{self, SocketIo};
pub use config::TlsConfigError;
pub(crate) use config::{PairError, authorities, pair};
pub use peer::peer_certificate;

/// How long a handshake may take when nothing is configured (observed on nats-server 2.15.1).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// First octet of every TLS connection: a handshake record.
const HANDSHAKE_RECORD: u8 = 0x16;

/// A `tls` block, with its files read.
#[derive(Debug)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
    pinned: Box<[[u8; 32]]>,
    timeout: Duration,
    /// Shared by all shards; taken once a handshake.
    rate: Mutex<HandshakeRate>,
}

impl TlsServer {
    /// What rustls is given.
    pub fn config(&self) -> &Arc<ServerConfig> {
        &self.config
    }

    /// How long a handshake may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether one more handshake may begin now.
    fn admits(&self) -> bool {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.admit(Instant::now())
    }

    /// Whether the peer's certificate is among the pinned ones. True if none are pinned; false
    /// for a peer without certificate if some are.
    pub fn is_pinned(&self, session: &ServerConnection) -> bool {
        if self.pinned.is_empty() {
            return true;
        }
        let first = session.peer_certificates().and_then(|certs| certs.first());
        let Some(cert) = first else { return false };
        let Ok(parsed) = ParsedCertificate::try_from(cert) else { return false };
        let digest: [u8; 32] = Sha256::digest(parsed.subject_public_key_info()).into();
        self.pinned.contains(&digest)
    }
}

/// Why a connection did not get through the TLS handshake. nats-server closes all of these
/// without a word, with the reason `TLS Handshake Failure`.
#[derive(Debug, Error)]
pub enum TlsAcceptError {
    /// The time was over.
    #[error("i/o timeout")]
    Timeout,
    /// The peer went away.
    #[error("EOF")]
    Closed,
    /// The first octet is not TLS'. Nothing was read and nothing is sent back.
    #[error("tls: first record does not look like a TLS handshake")]
    NotTls,
    /// More handshakes began within a second than the listener allows.
    #[error("connection rate limit exceeded")]
    Throttled,
    /// The peer's certificate is not pinned.
    #[error("certificate not pinned")]
    NotPinned,
    /// The handshake failed; the peer was told by an alert if the socket took it.
    #[error("tls: {0}")]
    Tls(#[from] rustls::Error),
    /// The socket failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Runs the handshake of one connection, within `timeout` (the block's own if `None`), and checks
/// pinned certificates.
///
/// # Errors
///
/// See [`TlsAcceptError`]. The socket is closed then.
pub async fn accept_tls(
    stream: TcpStream,
    server: &TlsServer,
    timeout: Option<Duration>,
) -> Result<(TcpStream, Box<ServerConnection>), TlsAcceptError> {
    let limit = timeout.unwrap_or(server.timeout);
    let session = tokio::time::timeout(limit, handshake(&stream, server))
        .await
        .map_err(|_elapsed| TlsAcceptError::Timeout)??;
    Ok((stream, session))
}

/// [`accept_tls`] without a time limit.
pub(super) async fn handshake(
    stream: &TcpStream,
    server: &TlsServer,
) -> Result<Box<ServerConnection>, TlsAcceptError> {
    match peek_first(stream).await? {
        First::Tls if !server.admits() => return Err(TlsAcceptError::Throttled),
        First::Tls => {}
        First::Other(_) => return Err(TlsAcceptError::NotTls),
        First::Closed => return Err(TlsAcceptError::Closed),
    }
    let mut session = Box::new(ServerConnection::new(Arc::clone(&server.config))?);
    loop {
        while !lower::flush_tls(stream, &mut session)? {
            stream.writable().await?;
        }
        if !session.is_handshaking() {
            break;
        }
        match session.read_tls(&mut SocketIo(stream)) {
            Ok(0) => return Err(TlsAcceptError::Closed),
            Ok(_) => {
                if let Err(error) = session.process_new_packets() {
                    // The alert is worth one try, not a wait.
                    let _may_fail = lower::flush_tls(stream, &mut session);
                    return Err(error.into());
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => stream.readable().await?,
            Err(error) => return Err(error.into()),
        }
    }
    if server.is_pinned(&session) { Ok(session) } else { Err(TlsAcceptError::NotPinned) }
}

/// What the first octet of a connection says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// A TLS handshake.
    Tls,
    /// Something else, beginning with this octet.
    Other(u8),
    /// The peer closed without one.
    Closed,
}

/// Waits for the first octet and leaves it where it is.
///
/// nats-server waits for six octets, which delays plain clients that say little at first
/// (reference client-protocol 2.1); one is enough to know.
///
/// # Errors
///
/// The socket failed.
pub async fn peek_first(stream: &TcpStream) -> io::Result<First> {
    let mut octet = [0];
    Ok(match stream.peek(&mut octet).await? {
        0 => First::Closed,
        _ if octet[0] == HANDSHAKE_RECORD => First::Tls,
        _ => First::Other(octet[0]),
    })
}

/// Whether a connection begins with TLS (`allow_non_tls`). Waits for its first octet.
///
/// # Errors
///
/// The socket failed.
pub async fn peek_is_tls(stream: &TcpStream) -> io::Result<bool> {
    Ok(peek_first(stream).await? == First::Tls)
}

/// Whether anything arrives within `wait` (`handshake_first: auto`): if so, TLS comes before
/// INFO.
///
/// # Errors
///
/// The socket failed.
pub async fn speaks_first(stream: &TcpStream, wait: Duration) -> io::Result<bool> {
    match tokio::time::timeout(wait, peek_first(stream)).await {
        Ok(first) => first.map(|_any| true),
        Err(_silent) => Ok(false),
    }
}

/// What monitoring shows about a TLS session (`tls_version`, `tls_cipher_suite`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// IANA name of the cipher suite.
    pub cipher_suite: &'static str,
}

impl TlsInfo {
    /// The facts about a session whose handshake is done.
    pub fn of(session: &ServerConnection) -> Self {
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            _ => "1.2",
        };
        let suite = session.negotiated_cipher_suite();
        Self { version, cipher_suite: suite.map_or("", |suite| config::iana_name(suite.suite())) }
    }
}

/// The bound on handshakes per second (`connection_rate_limit`): at most that many at once, and
/// that many more each second.
#[derive(Debug)]
pub struct HandshakeRate {
    per_second: u32,
    tokens: f64,
    last: Instant,
}

impl HandshakeRate {
    /// A full measure at `now`; zero means no limit.
    pub fn new(per_second: u32, now: Instant) -> Self {
        Self { per_second, tokens: f64::from(per_second), last: now }
    }

    /// Whether one more handshake may begin at `now`.
    pub fn admit(&mut self, now: Instant) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let full = f64::from(self.per_second);
        let gained = now.saturating_duration_since(self.last).as_secs_f64() * full;
        self.last = now;
        self.tokens = (self.tokens + gained).min(full);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}
