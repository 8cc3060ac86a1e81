//! Monitoring over HTTP: what operators, dashboards and harnesses poll (reference,
//! config-and-operations.md 4).
//!
//! Beside a message's way: a request asks [`StatusSource`] for a snapshot and writes it out.
//!
//! The protocol is HTTP/1.1 without bodies worth reading, so it is written by hand over
//! `httparse` (module `http`); hyper and what it needs would add some 400 KB to the binary. The
//! connection is any stream, so that it does not know of TLS.
//!
//! So far there are the index, `/varz` and `/healthz`. nats-server's other endpoints (`/connz`,
//! `/subsz`, `/jsz` ...) belong to later versions and answer 404, as every unknown path does; the
//! index lists what exists.

mod health;
mod http;
pub(crate) mod json;
#[cfg(test)]
mod tests;
mod varz;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

pub use health::Health;
use http::{Connection, Request, Response};
pub use varz::{
    CalloutBucket, CalloutVarz, DiskIoWaitStats, Empty, PerLinkKind, Timestamp, Varz,
    WebsocketVarz, uptime_text,
};

use crate::cli::NATS_VERSION;
use crate::log::Logger;
use crate::net::https::{self, ConnStream};
use crate::net::listen::canonical;
use crate::net::tls::{TlsAcceptError, TlsServer};

/// Connections served at once; more wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 512;

/// How long a TLS handshake may take (observed on nats-server 2.15.1).
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the numbers come from.
pub trait StatusSource: Send + Sync + 'static {
    /// The server as it is now. [`Varz::http_req_stats`] is filled in by the monitor.
    fn varz(&self) -> Varz;
    /// Whether the server does what it is configured to do.
    fn health(&self) -> Health;
}

/// The endpoints.
#[derive(Clone, Copy)]
enum Endpoint {
    Index,
    Varz,
    Healthz,
}

impl Endpoint {
    const ALL: [Self; 3] = [Self::Index, Self::Varz, Self::Healthz];

    /// The path without the base prefix, as `http_req_stats` shows it.
    const fn path(self) -> &'static str {
        match self {
            Self::Index => "/",
            Self::Varz => "/varz",
            Self::Healthz => "/healthz",
        }
    }

    /// What the index calls it.
    const fn title(self) -> &'static str {
        match self {
            Self::Index => "Index",
            Self::Varz => "General",
            Self::Healthz => "Health Probe",
        }
    }
}

/// The monitoring server. One serves any number of listeners and connections.
pub struct Monitor {
    source: Arc<dyn StatusSource>,
    logger: Logger,
    /// Prefix of all paths: empty, or with a leading slash and no trailing one.
    base: String,
    /// Requests by endpoint, in the order of [`Endpoint::ALL`].
    requests: [AtomicU64; Endpoint::ALL.len()],
    connections: Arc<Semaphore>,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Monitor {
    /// Serves snapshots of `source` below `base_path`, which is `http_base_path` as configured.
    pub fn new(source: Arc<dyn StatusSource>, base_path: &str, logger: Logger) -> Self {
        Self {
            source,
            logger,
            base: http::clean_base(base_path),
            requests: Default::default(),
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        }
    }

    /// Accepts and serves connections, over TLS as `tls` has it at the time, until the future is dropped.
    /// Connections that are served by then go on in tasks of their own until their peers leave or
    /// the runtime ends.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        tls: Option<watch::Receiver<Arc<TlsServer>>>,
    ) {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let monitor = Arc::clone(&self);
                    let tls = tls.as_ref().map(|tls| Arc::clone(&tls.borrow()));
                    tokio::spawn(async move {
                        // How a monitoring connection ends is nobody's concern.
                        let _ = match tls {
                            None => monitor.serve_connection(stream).await,
                            Some(tls) => monitor.serve_secure(stream, canonical(peer), &tls).await,
                        };
                        drop(permit);
                    });
                }
                // Out of descriptors, usually. Trying again at once would spin.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    async fn serve_secure(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: &TlsServer,
    ) -> io::Result<()> {
        let accepted = tokio::time::timeout(HANDSHAKE_TIMEOUT, https::accept(stream, tls)).await;
        match accepted.unwrap_or(Err(TlsAcceptError::Timeout.into())) {
            Ok(conn) => self.serve_connection(ConnStream::new(conn)).await,
            Err(error) => {
                let text = format_args!("monitoring: TLS handshake error from {peer}: {error}");
                self.logger.error(text);
                Ok(())
            }
        }
    }

    /// Serves one connection until either side ends it.
    ///
    /// # Errors
    /// Those of the stream.
    pub async fn serve_connection<S>(&self, stream: S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut connection = Connection::new(stream);
        loop {
            let outcome = connection.next_request().await?;
            let (response, keep_open) = match &outcome {
                http::Next::End => return connection.stream.shutdown().await,
                http::Next::Refused(refusal) => (refusal.to_bytes(), false),
                http::Next::Request(request) => {
                    (self.answer(request).to_bytes(request), request.keep_open)
                }
            };
            connection.write(&response).await?;
            if !keep_open {
                return connection.hang_up().await;
            }
        }
    }

    fn answer(&self, request: &Request) -> Response {
        if request.is_server_wide() {
            return Response::nothing();
        }
        let Some(endpoint) = self.endpoint(&request.path) else {
            return Response::not_found();
        };
        if let Some(counter) = self.requests.get(endpoint as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        match endpoint {
            Endpoint::Index => Response::html(self.index()),
            Endpoint::Varz => {
                let varz = Varz { http_req_stats: self.request_counts(), ..self.source.varz() };
                Response::json(200, json::pretty(&varz))
            }
            Endpoint::Healthz => health::answer(&*self.source, &request.query, &self.logger),
        }
    }

    /// The endpoint at a path: exact, with the base prefix and without a trailing slash.
    fn endpoint(&self, path: &str) -> Option<Endpoint> {
        let rest = path.strip_prefix(&self.base)?;
        Endpoint::ALL.into_iter().find(|endpoint| match endpoint {
            // "/base" is the index of a base, "/base/" is nothing.
            Endpoint::Index => rest == if self.base.is_empty() { "/" } else { "" },
            _ => rest == endpoint.path(),
        })
    }

    /// How often each endpoint was asked for, those that never were left out.
    fn request_counts(&self) -> BTreeMap<String, u64> {
        Endpoint::ALL
            .iter()
            .zip(&self.requests)
            .map(|(endpoint, count)| (endpoint.path().to_owned(), count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    fn index(&self) -> String {
        // Relative to the page, so that the links survive a proxy that adds a prefix. The page
        // of a base path is named by its last segment, which links must repeat.
        let parent = self.base.rsplit('/').next().filter(|segment| !segment.is_empty());
        let mut links = String::new();
        for endpoint in &Endpoint::ALL[1..] {
            let path = endpoint.path();
            let parent = parent.map(|segment| format!("/{segment}")).unwrap_or_default();
            let title = endpoint.title();
            links.push_str(&format!("    <li><a href=\".{parent}{path}\">{title}</a></li>\n"));
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n  <head><title>Nervure</title></head>\n  <body>\n    \
             <h1>Nervure</h1>\n    <p>v{NATS_VERSION}</p>\n    <ul>\n{links}    </ul>\n  </body>\n\
             </html>\n"
        )
    }
}
