//! Transports: what lies between a socket and the core's bytes.
//!
//! This is the first and the last station of a message's way: the driver awaits readiness on
//! [`Conn::socket`], [`Conn::try_read`] turns what arrived into NATS bytes inside the shard's
//! scratch buffer, and [`Conn::try_write`] takes what the core wants to say. Nothing here waits
//! except the handshakes ([`tls::accept_tls`], [`ws::accept()`], [`proxy::read_preamble`]) and
//! [`Conn::linger`].
//!
//! Transports are non-blocking objects and not `AsyncRead`/`AsyncWrite` streams, because a read
//! chunk of one connection is flushed to *other* connections from the task that read it, and a
//! task cannot poll a stream that another task owns. That is also why TLS is rustls' sans-IO
//! `ServerConnection` and not tokio-rustls.

pub mod conn;
#[cfg(test)]
mod conn_tests;
pub(crate) mod errno;
pub mod https;
pub mod listen;
mod lower;
pub mod proxy;
pub mod tls;
pub mod ws;

pub use conn::{Conn, Incoming, ReadError, Written};
