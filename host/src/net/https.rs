//! TLS on listeners that speak HTTP, WebSocket upgrades and monitoring: an answer for clients that
//! forgot it, and an ordinary stream for who wants one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::conn::{Conn, Incoming, MIN_TLS_SCRATCH, ReadError};
use super::tls::{self, First, TlsAcceptError, TlsServer};

/// What a clear-text HTTP request to a TLS listener gets (observed on nats-server 2.15.1).
const PLAIN_HTTP: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// How long a peer may take to read a last answer before the socket is closed under it.
const LINGER: Duration = Duration::from_millis(500);

/// Why a connection did not get through TLS. The texts stand in nats-server's log behind
/// `TLS handshake error from PEER: `.
#[derive(Debug, Error)]
pub enum HttpsError {
    /// A clear-text HTTP request; its sender was told so.
    #[error("client sent an HTTP request to an HTTPS server")]
    PlainHttp,
    /// TLS failed.
    #[error("{0}")]
    Tls(#[from] TlsAcceptError),
    /// The socket failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Shakes hands, without a time limit.
///
/// # Errors
///
/// See [`HttpsError`]. The socket is closed then.
pub async fn accept(stream: TcpStream, server: &TlsServer) -> Result<Conn, HttpsError> {
    match tls::peek_first(&stream).await? {
        First::Other(octet) if octet.is_ascii_uppercase() => {
            let mut conn = Conn::tcp(stream);
            write_all(&mut conn, PLAIN_HTTP).await?;
            finish(conn).await;
            Err(HttpsError::PlainHttp)
        }
        _ => {
            let session = tls::handshake(&stream, server).await?;
            Ok(Conn::tls(stream, session))
        }
    }
}

/// Writes everything.
pub(super) async fn write_all(conn: &mut Conn, mut bytes: &[u8]) -> io::Result<()> {
    loop {
        let written = conn.try_write(&[IoSlice::new(bytes)])?;
        bytes = &bytes[written.consumed..];
        if !written.blocked {
            return Ok(());
        }
        conn.socket().writable().await?;
    }
}

/// Ends a connection so that the last answer arrives.
pub(super) async fn finish(mut conn: Conn) {
    conn.begin_close(None);
    let _nobody_left_to_tell = write_all(&mut conn, &[]).await;
    if conn.shutdown_write().is_ok() {
        conn.linger(LINGER).await;
    }
}

/// A connection as a stream that one task reads and writes.
#[derive(Debug)]
pub struct ConnStream {
    conn: Conn,
    /// Read from the transport, but not by the stream's owner.
    rest: Vec<u8>,
}

impl ConnStream {
    /// Makes a stream of a connection.
    pub fn new(conn: Conn) -> Self {
        Self { conn, rest: Vec::new() }
    }

    /// Takes what fits of `bytes`; gives back how much that is.
    fn give(bytes: &[u8], buf: &mut ReadBuf<'_>) -> usize {
        let count = bytes.len().min(buf.remaining());
        buf.put_slice(&bytes[..count]);
        count
    }

    fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.conn.try_write(&[])?.blocked {
            ready!(self.conn.socket().poll_write_ready(cx))?;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for ConnStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.rest.is_empty() {
            let count = Self::give(&this.rest, buf);
            this.rest.drain(..count);
            return Poll::Ready(Ok(()));
        }
        loop {
            ready!(this.conn.socket().poll_read_ready(cx))?;
            // It exists only while there is something to read, so that idle peers cost nothing.
            let mut scratch = vec![0; MIN_TLS_SCRATCH];
            match this.conn.try_read(&mut scratch) {
                Ok(Incoming::Bytes(bytes)) => {
                    let count = Self::give(bytes, buf);
                    this.rest.extend_from_slice(&bytes[count..]);
                    return Poll::Ready(Ok(()));
                }
                Ok(Incoming::Nothing | Incoming::WouldBlock) => {}
                Ok(Incoming::Closed) => return Poll::Ready(Ok(())),
                Err(ReadError::Io(error)) => return Poll::Ready(Err(error)),
                Err(error) => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
    }
}

impl AsyncWrite for ConnStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let written = self.conn.try_write(&[IoSlice::new(bytes)])?;
            if written.consumed > 0 || !written.blocked {
                return Poll::Ready(Ok(written.consumed));
            }
            ready!(self.conn.socket().poll_write_ready(cx))?;
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_all(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.conn.begin_close(None);
        ready!(self.poll_all(cx))?;
        Poll::Ready(self.conn.shutdown_write())
    }
}
