//! How a connection gets in on one listener: TLS before or after INFO, WebSocket, or neither.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nervure_core::link::{CookieCredentials, Endpoint, Transport};
use nervure_core::wire::ServerInfo;
use tokio::net::TcpStream;

use super::StartError;
use crate::net::Conn;
use crate::net::tls::{TlsServer, accept_tls, peek_is_tls, speaks_first};
use crate::net::ws::{self, PathKind, WsRules};
use crate::options::{HandshakeFirst, Options, WebsocketOptions};

/// What one listener asks of its connections.
pub(super) struct Gate {
    pub(super) info: Arc<ServerInfo>,
    pub(super) tls: Option<Arc<TlsServer>>,
    pub(super) kind: GateKind,
}

pub(super) enum GateKind {
    Tcp { handshake_first: HandshakeFirst, allow_non_tls: bool },
    WebSocket { rules: WsRules, timeout: Option<Duration> },
}

/// A connection that is let in.
pub(super) enum Entry {
    /// Ready to speak NATS.
    Ready(Conn, Endpoint),
    /// INFO goes out in plain text first, then [`secure`] follows.
    InfoFirst(Conn, Endpoint, Arc<TlsServer>),
}

impl Gate {
    /// The client listener's. Reads the certificates.
    pub(super) fn tcp(options: &Options, info: &ServerInfo) -> Result<Self, StartError> {
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
            },
        })
    }

    /// The WebSocket listener's; its port is that of `websocket`. Reads the certificates.
    pub(super) fn websocket(
        options: &Options,
        websocket: &WebsocketOptions,
        info: &ServerInfo,
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
        Ok(Self { info: Arc::new(info), tls, kind })
    }

    fn endpoint(&self, peer: SocketAddr, transport: Transport) -> Endpoint {
        Endpoint {
            peer,
            forwarded_for: None,
            transport,
            info: self.info.clone(),
            tls_pending: false,
            cookies: None,
        }
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
                    ..self.endpoint(peer, Transport::WebSocket)
                };
                Some(Entry::Ready(conn, endpoint))
            }
            GateKind::Tcp { handshake_first, .. } => {
                let endpoint = self.endpoint(peer, Transport::Tcp);
                let Some(tls) = &self.tls else {
                    return Some(Entry::Ready(Conn::tcp(socket), endpoint));
                };
                let first = match handshake_first {
                    HandshakeFirst::No => false,
                    HandshakeFirst::Yes => true,
                    HandshakeFirst::Auto(wait) => speaks_first(&socket, *wait).await.ok()?,
                };
                if first {
                    let (socket, session) = accept_tls(socket, tls, None).await.ok()?;
                    return Some(Entry::Ready(Conn::tls(socket, session), endpoint));
                }
                let endpoint = Endpoint { tls_pending: true, ..endpoint };
                Some(Entry::InfoFirst(Conn::tcp(socket), endpoint, tls.clone()))
            }
        }
    }

    /// After the plain INFO: shakes hands, unless plain clients are welcome and this is one.
    pub(super) async fn secure(&self, conn: Conn, tls: &TlsServer) -> Option<Conn> {
        let socket = conn.into_socket().ok()?;
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
