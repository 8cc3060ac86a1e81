//! A connection's transport: TCP, TLS, WebSocket, or WebSocket over TLS, behind two calls that
//! never wait.
//!
//! [`Conn::try_read`] is the first thing that happens to a message and [`Conn::try_write`] the
//! last. The plain TCP path is `try_read` and `try_write_vectored` of the socket and nothing
//! else; what TLS and WebSocket need lives in a box that plain connections do not have.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::time::Duration;

use nervure_core::CloseReason;
use rustls::ServerConnection;
use socket2::SockRef;
use thiserror::Error;
use tokio::net::TcpStream;

use super::lower::{self, RawError, RawRead, Sink, TLS_HEADROOM, TlsSink};
use super::tls::TlsInfo;
use super::ws::{WsCodec, WsError};

/// Smallest scratch buffer that [`Conn::try_read`] works with on a TLS connection, in bytes.
pub const MIN_TLS_SCRATCH: usize = TLS_HEADROOM + (16 << 10);

/// Most bytes that [`Conn::linger`] reads before it gives up on the peer.
const MAX_LINGER: usize = 1 << 20;

/// What one read brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'s> {
    /// NATS bytes, never empty.
    Bytes(&'s [u8]),
    /// Progress without NATS bytes: half a frame or TLS record, or a control frame.
    Nothing,
    /// The socket has nothing; await its readiness.
    WouldBlock,
    /// The peer ended the stream in an orderly way.
    Closed,
}

/// Why reading failed. The texts are fit for nats-server's `read error: ...` log line.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The socket failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The peer's TLS records are broken; an alert was sent if the socket took it.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
    /// The peer's frames are broken; a close frame is queued and goes out after
    /// [`Conn::begin_close`].
    #[error("{0}")]
    Ws(#[from] WsError),
}

impl ReadError {
    /// The reason that monitoring shows: `Read Error` for all of them (observed on nats-server
    /// 2.15.1).
    pub fn close_reason(&self) -> CloseReason {
        CloseReason::ReadError
    }
}

/// What one write achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes of `pending` that need not be offered again. At most 64 KiB of them (TLS) or one
    /// compressed message (WebSocket) wait inside the transport.
    pub consumed: usize,
    /// The socket is full: await its writability and call again. When false, all of `pending` is
    /// consumed and nothing waits inside the transport.
    pub blocked: bool,
}

/// The transport of one connection.
#[derive(Debug)]
pub struct Conn {
    socket: TcpStream,
    layers: Option<Box<Layers>>,
}

/// What lies between the socket and the NATS bytes.
#[derive(Debug)]
struct Layers {
    tls: Option<Box<ServerConnection>>,
    ws: Option<WsCodec>,
    closing: Closing,
}

/// How far the orderly end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Open,
    Asked,
    NotifiedTls,
}

impl Conn {
    /// Plain NATS over TCP.
    pub fn tcp(socket: TcpStream) -> Self {
        Self { socket, layers: None }
    }

    /// NATS over TLS whose handshake is done ([`super::tls::accept_tls`]).
    pub fn tls(socket: TcpStream, tls: Box<ServerConnection>) -> Self {
        let layers = Layers { tls: Some(tls), ws: None, closing: Closing::Open };
        Self { socket, layers: Some(Box::new(layers)) }
    }

    /// Adds the WebSocket layer, from the first byte after the upgrade on.
    pub(super) fn into_ws(mut self, codec: WsCodec) -> Self {
        self.layers
            .get_or_insert_with(|| Box::new(Layers { tls: None, ws: None, closing: Closing::Open }))
            .ws = Some(codec);
        self
    }

    /// The socket, whose readiness the driver awaits.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// The socket again, if it is a bare one (STARTTLS after a plain INFO).
    ///
    /// # Errors
    ///
    /// The connection itself, if it has layers.
    pub fn into_socket(self) -> Result<TcpStream, Self> {
        match self.layers {
            None => Ok(self.socket),
            Some(_) => Err(self),
        }
    }

    /// Whether nothing lies between the socket and the NATS bytes.
    pub fn is_bare(&self) -> bool {
        self.layers.is_none()
    }

    /// The TLS session, for certificates.
    pub fn tls_session(&self) -> Option<&ServerConnection> {
        self.layers.as_ref()?.tls.as_deref()
    }

    /// TLS version and cipher suite as monitoring names them.
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.tls_session().map(TlsInfo::of)
    }

    /// Whether NATS travels in WebSocket frames.
    pub fn is_websocket(&self) -> bool {
        self.layers.as_ref().is_some_and(|layers| layers.ws.is_some())
    }

    /// Reads at most once from the socket; the NATS bytes come back as a part of `scratch`.
    ///
    /// What a layer had to keep back (for want of room in `scratch`) is handed out first, without
    /// touching the socket. The readiness of the socket is still set then, so a driver that
    /// awaits `readable()` before each call loses nothing.
    ///
    /// Pongs and TLS answers are written at once; what the socket did not take of them shows in
    /// [`Self::wants_write`].
    ///
    /// # Errors
    ///
    /// See [`ReadError`]. On TLS, a `scratch` below [`MIN_TLS_SCRATCH`] may be refused as
    /// [`io::ErrorKind::InvalidInput`].
    pub fn try_read<'s>(&mut self, scratch: &'s mut [u8]) -> Result<Incoming<'s>, ReadError> {
        let room = scratch.len();
        let range = match &mut self.layers {
            None => lower::read_tcp(&self.socket, scratch).inspect(|read| {
                if let RawRead::Bytes(range) = read
                    && range.end < room
                {
                    lower::forget_readiness(&self.socket);
                }
            }),
            Some(layers) => match layers.read(&self.socket, scratch) {
                Ok(raw) => Ok(raw),
                Err(error) => return Err(error),
            },
        };
        match range {
            Ok(RawRead::Bytes(range)) => Ok(Incoming::Bytes(&scratch[range])),
            Ok(RawRead::Nothing) => Ok(Incoming::Nothing),
            Ok(RawRead::WouldBlock) => Ok(Incoming::WouldBlock),
            Ok(RawRead::Eof) => Ok(Incoming::Closed),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes as much of `pending` as the socket takes now.
    ///
    /// Between two calls, `pending` may grow at its end but must not lose bytes other than the
    /// consumed ones: a WebSocket frame that was begun has announced them.
    ///
    /// # Errors
    ///
    /// The socket failed; the connection is of no more use.
    pub fn try_write(&mut self, pending: &[IoSlice<'_>]) -> io::Result<Written> {
        match &mut self.layers {
            None => write_tcp(&self.socket, pending),
            Some(layers) => layers.write(&self.socket, pending),
        }
    }

    /// Something waits inside the transport (a pong, a TLS record, half a compressed message):
    /// call [`Self::try_write`], with nothing pending if need be.
    pub fn wants_write(&self) -> bool {
        self.layers.as_ref().is_some_and(|layers| {
            layers.tls.as_ref().is_some_and(|tls| tls.wants_write())
                || layers.ws.as_ref().is_some_and(|ws| ws.wants_write())
        })
    }

    /// From now on, [`Self::try_write`] ends the layers once `pending` is written: WebSocket with
    /// a close frame (the answer to the peer's own close, else `ws_close`, see
    /// [`super::ws::close_code`]), TLS with close_notify.
    ///
    /// The orderly end is: `begin_close`, `try_write` until not blocked,
    /// [`Self::shutdown_write`], [`Self::linger`].
    pub fn begin_close(&mut self, ws_close: Option<(u16, &str)>) {
        let Some(layers) = &mut self.layers else { return };
        if layers.closing == Closing::Open {
            layers.closing = Closing::Asked;
        }
        if let (Some(ws), Some((code, reason))) = (&mut layers.ws, ws_close) {
            ws.close(code, reason);
        }
    }

    /// Sends FIN. Reading goes on.
    ///
    /// # Errors
    ///
    /// The socket is not connected any more.
    pub fn shutdown_write(&self) -> io::Result<()> {
        SockRef::from(&self.socket).shutdown(Shutdown::Write)
    }

    /// Reads and drops what the peer still sends, until it closes or `limit` is over.
    ///
    /// Closing a socket with unread input makes the kernel send RST, which can destroy an `-ERR`
    /// on its way (reference client-protocol 2.12). Call [`Self::shutdown_write`] first.
    pub async fn linger(self, limit: Duration) {
        let drained = async {
            let mut sink = vec![0; 4096];
            let mut total = 0;
            while total < MAX_LINGER && self.socket.readable().await.is_ok() {
                match self.socket.try_read(&mut sink) {
                    Ok(0) => return,
                    Ok(n) => total += n,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_gone) => return,
                }
            }
        };
        // A peer that neither closes nor stops sending is cut off here.
        let _either_way = tokio::time::timeout(limit, drained).await;
    }
}

impl Layers {
    fn read(&mut self, socket: &TcpStream, scratch: &mut [u8]) -> Result<RawRead, ReadError> {
        let Some(ws) = &mut self.ws else { return Ok(read_raw(&mut self.tls, socket, scratch)?) };
        if let Some(end) = ws.end() {
            return end.map(|()| RawRead::Eof);
        }
        let range = if ws.has_backlog() {
            ws.resume(scratch)
        } else {
            match read_raw(&mut self.tls, socket, scratch)? {
                RawRead::Bytes(raw) => ws.decode(scratch, raw),
                other => return Ok(other),
            }
        };
        if self.closing == Closing::Open && self.wants_pong() {
            self.write(socket, &[])?;
        }
        Ok(if range.is_empty() { RawRead::Nothing } else { RawRead::Bytes(range) })
    }

    fn wants_pong(&self) -> bool {
        self.ws.as_ref().is_some_and(|ws| ws.wants_write())
    }

    fn write(&mut self, socket: &TcpStream, pending: &[IoSlice<'_>]) -> io::Result<Written> {
        let last = self.closing != Closing::Open;
        let Some(tls) = &mut self.tls else {
            let mut sink = socket;
            return match &mut self.ws {
                Some(ws) => ws.write(pending, last, &mut sink),
                None => write_tcp(socket, pending),
            };
        };
        let mut sink = TlsSink { socket, tls };
        let written = match &mut self.ws {
            Some(ws) => ws.write(pending, last, &mut sink)?,
            None => {
                let consumed = sink.put(pending)?;
                Written { consumed, blocked: sink.is_blocked() }
            }
        };
        if self.closing == Closing::Asked && !written.blocked {
            tls.send_close_notify();
            self.closing = Closing::NotifiedTls;
            let blocked = !lower::flush_tls(socket, tls)?;
            return Ok(Written { blocked, ..written });
        }
        Ok(written)
    }
}

fn write_tcp(mut socket: &TcpStream, pending: &[IoSlice<'_>]) -> io::Result<Written> {
    let offered: usize = pending.iter().map(|slice| slice.len()).sum();
    let consumed = socket.put(pending)?;
    Ok(Written { consumed, blocked: consumed < offered })
}

fn read_raw(
    tls: &mut Option<Box<ServerConnection>>,
    socket: &TcpStream,
    scratch: &mut [u8],
) -> Result<RawRead, RawError> {
    match tls {
        Some(tls) => lower::read_tls(socket, tls, scratch),
        None => lower::read_tcp(socket, scratch),
    }
}

impl From<RawError> for ReadError {
    fn from(error: RawError) -> Self {
        match error {
            RawError::Io(error) => Self::Io(error),
            RawError::Tls(error) => Self::Tls(error),
        }
    }
}
