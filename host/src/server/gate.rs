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

use super::StartError;
use crate::log::Logger;
use crate::net::Conn;
use crate::net::listen::canonical;
use crate::net::proxy::{self, read_preamble};
use crate::net::tls::{
    TlsAcceptError, TlsServer, accept_tls, peek_is_tls, peer_certificate, speaks_first,
};
use crate::net::ws::{self, PathKind, RefusalReason, UpgradeInfo, WsAcceptError, WsRules};
use crate::options::{HandshakeFirst, Options, WebsocketOptions};

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

/// Why a connection that has its INFO has to end.
pub(super) struct Rejected {
    pub(super) reason: CloseReason,
    /// What went wrong with TLS, for the log.
    pub(super) tls: Option<TlsAcceptError>,
}

impl From<CloseReason> for Rejected {
    fn from(reason: CloseReason) -> Self {
        Self { reason, tls: None }
    }
}

/// What a connection may have to sign. `None` without entropy: then nobody gets in, for who signs
/// something known lets others in.
fn fresh_nonce() -> Option<Nonce> {
    let mut random = [0; 11];
    SystemRandom::new().fill(&mut random).ok()?;
    Some(nonce(random))
}

impl Gate {
    /// The client listener's. Reads the certificates.
    pub(super) fn tcp(
        options: &Options,
        info: &ServerInfo,
        log: &Logger,
    ) -> Result<Self, StartError> {
        let tls = options.tls.as_ref();
        let (on, mixed) = (tls.is_some(), options.allow_non_tls);
        Ok(Self {
            info: Arc::new(ServerInfo {
                tls_required: on && !mixed,
                tls_available: on && mixed,
                tls_verify: tls.is_some_and(|tls| tls.verify),
                ..info.clone()
            }),
            tls: tls.map(TlsServer::from_options).transpose()?,
            kind: GateKind::Tcp {
                handshake_first: tls.map_or(HandshakeFirst::No, |tls| tls.handshake_first),
                allow_non_tls: mixed,
                proxied: options.proxy_protocol,
            },
            log: log.clone(),
        })
    }

    /// The WebSocket listener's; its port is that of `websocket`. Reads the certificates.
    pub(super) fn websocket(
        options: &Options,
        websocket: &WebsocketOptions,
        info: &ServerInfo,
        log: &Logger,
    ) -> Result<Self, StartError> {
        let tls = websocket.tls.as_ref().map(TlsServer::from_options).transpose()?;
        let rules = WsRules::from_options(websocket, false, options.limits.max_payload)
            .map_err(|error| StartError::Origin(error.0))?;
        let info = ServerInfo {
            host: websocket.listen.host.clone(),
            port: websocket.listen.port,
            tls_required: tls.is_some(),
            tls_available: tls.is_some(),
            ..info.clone()
        };
        let kind = GateKind::WebSocket { rules, timeout: websocket.handshake_timeout };
        Ok(Self { info: Arc::new(info), tls, kind, log: log.clone() })
    }

    fn endpoint(&self, peer: SocketAddr, transport: Transport) -> Option<Endpoint> {
        Some(Endpoint::new(peer, transport, self.info.clone(), fresh_nonce()?))
    }

    /// Lets a peer in at once that has nothing to show first.
    ///
    /// # Errors
    ///
    /// Its socket, which is for [`Self::enter`].
    pub(super) fn walk_in(
        &self,
        socket: TcpStream,
        peer: SocketAddr,
    ) -> Result<(Conn, Endpoint), TcpStream> {
        let open = matches!(self.kind, GateKind::Tcp { proxied: false, .. }) && self.tls.is_none();
        match self.endpoint(peer, Transport::Tcp).filter(|_| open) {
            Some(endpoint) => Ok((Conn::tcp(socket), endpoint)),
            None => Err(socket),
        }
    }

    /// Does what comes before the link exists. `None`: the peer did not get in; its socket is
    /// closed.
    pub(super) async fn enter(&self, socket: TcpStream, peer: SocketAddr) -> Option<Entry> {
        match &self.kind {
            GateKind::WebSocket { rules, timeout } => {
                let (conn, info) = self.upgrade(socket, peer, rules, *timeout).await?;
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
                        return match accept_tls(socket, tls, None).await {
                            Ok((socket, session)) => {
                                let certificate = peer_certificate(&session);
                                let endpoint = Endpoint { origin, certificate, ..endpoint };
                                Some(Entry::Ready(Conn::tls(socket, session), endpoint))
                            }
                            Err(error) => {
                                self.log
                                    .error(format_args!("{peer} - TLS handshake error: {error}"));
                                None
                            }
                        };
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
    ) -> Result<(Conn, Origin), Rejected> {
        let Ok(socket) = conn.into_socket() else {
            return Err(CloseReason::TlsHandshakeError.into());
        };
        let Some(origin) = self.origin(&socket, peer).await else {
            return Err(CloseReason::ProtocolViolation.into());
        };
        let Some(tls) = &self.tls else { return Ok((Conn::tcp(socket), origin)) };
        match self.secure(socket, tls).await {
            Ok(conn) => Ok((conn, origin)),
            // Clients that do not know of TLS are no news.
            Err(TlsAcceptError::NotTls) => Err(CloseReason::TlsHandshakeError.into()),
            Err(error) => {
                Err(Rejected { reason: CloseReason::TlsHandshakeError, tls: Some(error) })
            }
        }
    }

    /// TLS and upgrade of a WebSocket, with what the log says when they fail.
    async fn upgrade(
        &self,
        socket: TcpStream,
        peer: SocketAddr,
        rules: &WsRules,
        timeout: Option<Duration>,
    ) -> Option<(Conn, UpgradeInfo)> {
        let refused = |reason: &RefusalReason| {
            self.log.error(format_args!("{peer} - websocket handshake error: {reason}"));
        };
        match ws::accept(socket, self.tls.as_deref(), rules, timeout, refused).await {
            Ok(accepted) => Some(accepted),
            Err(WsAcceptError::Tls(error)) => {
                let text = format_args!("websocket: TLS handshake error from {peer}: {error}");
                self.log.error(text);
                None
            }
            Err(_told_or_gone) => None,
        }
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
    async fn secure(&self, socket: TcpStream, tls: &TlsServer) -> Result<Conn, TlsAcceptError> {
        let mixed = matches!(self.kind, GateKind::Tcp { allow_non_tls: true, .. });
        if mixed {
            let is_tls = tokio::time::timeout(tls.timeout(), peek_is_tls(&socket)).await;
            // Silence past the timeout is a plain client that has nothing to say yet.
            if !matches!(is_tls, Ok(Ok(true))) {
                return Ok(Conn::tcp(socket));
            }
        }
        let (socket, session) = accept_tls(socket, tls, None).await?;
        Ok(Conn::tls(socket, session))
    }
}
