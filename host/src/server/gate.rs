//! How a connection gets in on one listener: PROXY preamble, TLS before or after INFO, WebSocket,
//! or nothing of these.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nervure_core::CloseReason;
use nervure_core::auth::{Nonce, nonce};
use nervure_core::link::{CookieCredentials, Endpoint, Origin, Transport};
use nervure_core::wire::ServerInfo;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::net::TcpStream;

use crate::log::Logger;
use crate::net::Conn;
use crate::net::listen::canonical;
use crate::net::proxy::{self, read_preamble};
use crate::net::tls::{TlsServer, accept_tls, peek_is_tls, peer_certificate, speaks_first};
use crate::net::ws::{self, PathKind, WsRules};
use crate::options::HandshakeFirst;

/// What one listener asks of its connections.
pub(super) struct Gate {
    pub(super) info: Arc<ServerInfo>,
    pub(super) tls: Option<Arc<TlsServer>>,
    pub(super) kind: GateKind,
    pub(super) log: Logger,
}

pub(super) enum GateKind {
    Tcp { handshake_first: HandshakeFirst, allow_non_tls: bool, proxied: bool },
    WebSocket { rules: WsRules, timeout: Option<Duration> },
}

/// A connection that is let in.
pub(super) enum Entry {
    /// Ready to speak NATS.
    Ready(Conn, Endpoint),
    /// INFO goes out in plain text first, then [`Gate::admit`] follows.
    InfoFirst(Conn, Endpoint),
}

/// What a connection may have to sign. `None` without entropy: then nobody gets in, for who signs
/// something known lets others in.
fn fresh_nonce() -> Option<Nonce> {
    let mut random = [0; 11];
    SystemRandom::new().fill(&mut random).ok()?;
    Some(nonce(random))
}

impl Gate {
    fn endpoint(&self, peer: SocketAddr, transport: Transport) -> Option<Endpoint> {
        Some(Endpoint {
            peer,
            forwarded_for: None,
            transport,
            info: self.info.clone(),
            info_first: false,
            origin: Origin::Peer,
            cookies: None,
            nonce: fresh_nonce()?,
            certificate: None,
        })
    }

    /// Does what comes before the link exists. `None`: the peer did not get in; its socket is
    /// closed.
    pub(super) async fn enter(&self, socket: TcpStream, peer: SocketAddr) -> Option<Entry> {
        match &self.kind {
            GateKind::WebSocket { rules, timeout } => {
                let (conn, info) =
                    ws::accept(socket, self.tls.as_deref(), rules, *timeout, |_| {}).await.ok()?;
                if info.kind == PathKind::Leaf {
                    return None;
                }
                let cookies = info.credentials;
                let endpoint = Endpoint {
                    forwarded_for: info.forwarded_for.map(|ip| ip.to_string().into()),
                    cookies: Some(Box::new(CookieCredentials {
                        user: cookies.user,
                        pass: cookies.pass,
                        token: cookies.token,
                        jwt: cookies.jwt,
                    })),
                    certificate: conn.tls_session().and_then(peer_certificate),
                    ..self.endpoint(peer, Transport::WebSocket)?
                };
                Some(Entry::Ready(conn, endpoint))
            }
            GateKind::Tcp { handshake_first, proxied, .. } => {
                let endpoint = self.endpoint(peer, Transport::Tcp)?;
                if let Some(tls) = &self.tls {
                    let first = match handshake_first {
                        HandshakeFirst::No => false,
                        HandshakeFirst::Yes => true,
                        HandshakeFirst::Auto(wait) => speaks_first(&socket, *wait).await.ok()?,
                    };
                    if first {
                        let origin = self.origin(&socket, peer).await?;
                        let (socket, session) = accept_tls(socket, tls, None).await.ok()?;
                        let certificate = peer_certificate(&session);
                        let endpoint = Endpoint { origin, certificate, ..endpoint };
                        return Some(Entry::Ready(Conn::tls(socket, session), endpoint));
                    }
                } else if !proxied {
                    return Some(Entry::Ready(Conn::tcp(socket), endpoint));
                }
                let origin = if *proxied { Origin::Untold } else { Origin::Peer };
                let endpoint = Endpoint { info_first: true, origin, ..endpoint };
                Some(Entry::InfoFirst(Conn::tcp(socket), endpoint))
            }
        }
    }

    /// After the plain INFO: reads the PROXY preamble, then shakes hands, each where it is due.
    ///
    /// # Errors
    ///
    /// Why the connection has to end. Its socket is closed.
    pub(super) async fn admit(
        &self,
        conn: Conn,
        peer: SocketAddr,
    ) -> Result<(Conn, Origin), CloseReason> {
        let socket = conn.into_socket().map_err(|_layered| CloseReason::TlsHandshakeError)?;
        let origin = self.origin(&socket, peer).await.ok_or(CloseReason::ProtocolViolation)?;
        let conn = match &self.tls {
            Some(tls) => self.secure(socket, tls).await.ok_or(CloseReason::TlsHandshakeError)?,
            None => Conn::tcp(socket),
        };
        Ok((conn, origin))
    }

    /// Reads the PROXY preamble where one is expected. `None`: it is broken, and the log says how.
    async fn origin(&self, socket: &TcpStream, peer: SocketAddr) -> Option<Origin> {
        if !matches!(self.kind, GateKind::Tcp { proxied: true, .. }) {
            return Some(Origin::Peer);
        }
        match read_preamble(socket, proxy::TIMEOUT).await {
            Ok(None) => Some(Origin::Peer),
            Ok(Some(addresses)) => Some(Origin::Behind(canonical(addresses.source))),
            Err(error) => {
                self.log
                    .warn(format_args!("Error reading PROXY protocol header from {peer}: {error}"));
                None
            }
        }
    }

    /// Shakes hands, unless plain clients are welcome and this is one.
    async fn secure(&self, socket: TcpStream, tls: &TlsServer) -> Option<Conn> {
        let mixed = matches!(self.kind, GateKind::Tcp { allow_non_tls: true, .. });
        if mixed {
            let is_tls = tokio::time::timeout(tls.timeout(), peek_is_tls(&socket)).await;
            // Silence past the timeout is a plain client that has nothing to say yet.
            if !matches!(is_tls, Ok(Ok(true))) {
                return Some(Conn::tcp(socket));
            }
        }
        let (socket, session) = accept_tls(socket, tls, None).await.ok()?;
        Some(Conn::tls(socket, session))
    }
}
