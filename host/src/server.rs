//! The server: listeners, and one thread a shard that carries bytes between sockets and the core.
//!
//! Each shard thread runs a current-thread tokio runtime with one task per connection. All reads
//! of a shard go through one scratch buffer; after each read chunk every link that has something
//! to say is flushed from whatever task is running. A task that finds its socket full waits for
//! room on its own.

mod gate;
mod passwords;
mod shard_loop;
mod status;
mod ways;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use nervure_core::counters::Totals;
use nervure_core::settings::{Settings, TraceRules};
use nervure_core::shard::Shared;
use nervure_core::wire::ServerInfo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use self::gate::{Gate, GateKind};
use self::shard_loop::{Command, ShardHandle};
use self::status::{Changing, Status};
pub use self::ways::warnings;
use crate::cli::NATS_VERSION;
use crate::log::Logger;
use crate::monitor::Monitor;
use crate::net::listen::{self, ListenError, canonical, prepare};
use crate::net::tls::{TlsConfigError, TlsServer};
use crate::net::ws::WsRules;
use crate::options::{HandshakeFirst, Listen, Options, WebsocketOptions};
use crate::process::{CpuMeter, cpu_time};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port cannot be listened on.
    #[error("Error listening on port: {host}:{port}, \"{error}\"")]
    Listen {
        /// Host as configured.
        host: String,
        /// Port as configured.
        port: u16,
        /// What the system said.
        error: ListenError,
    },
    /// A `tls` block cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsConfigError),
    /// An allowed origin is not an absolute http or https URL.
    #[error(
        "unable to parse allowed origin {0:?}: allowed origins must be absolute URLs with http or https scheme"
    )]
    Origin(String),
    /// The system refused a thread, a runtime or entropy.
    #[error("the system refused a resource: {0}")]
    System(#[from] std::io::Error),
    /// Options ask for something this version cannot do.
    #[error("{0}")]
    Unsupported(&'static str),
}

/// Makes a server out of [`Options`].
#[derive(Debug, Default)]
pub struct Builder {
    options: Options,
    log: Option<Logger>,
}

/// A running server. Dropping it stops it without waiting; [`Server::shutdown`] waits.
pub struct Server {
    address: SocketAddr,
    websocket_address: Option<SocketAddr>,
    http_address: Option<SocketAddr>,
    info: ServerInfo,
    shared: Arc<Shared>,
    shards: Vec<ShardHandle>,
    acceptors: Vec<tokio::task::JoinHandle<()>>,
    monitor: Option<tokio::task::JoinHandle<()>>,
    status: Arc<Status>,
}

impl Server {
    /// Starts with defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The client listener's address, its port resolved.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The WebSocket listener's address, where there is one.
    pub fn websocket_address(&self) -> Option<SocketAddr> {
        self.websocket_address
    }

    /// The monitoring listener's address, where there is one.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http_address
    }

    /// Puts limits, ways in and trace of `options` into force; listeners stay as they are.
    pub fn reconfigure(&self, options: &Options) {
        self.status.change(|changing| {
            changing.options = options.clone();
            changing.loaded = SystemTime::now();
        });
        let settings = Arc::new(settings(options));
        for shard in &self.shards {
            shard.send(Command::Reconfigure(settings.clone()));
        }
    }

    /// What the server says of itself.
    pub fn info(&self) -> &ServerInfo {
        &self.info
    }

    /// Counters of all shards.
    pub fn totals(&self) -> Totals {
        self.shared.totals()
    }

    /// Tells clients to leave and closes them between `grace` and `total` from now. Returns when
    /// the last one is gone.
    pub async fn lame_duck(&mut self, grace: Duration, total: Duration) {
        // Who hears that we leave must not get in again.
        for acceptor in self.acceptors.drain(..) {
            acceptor.abort();
            let _ = acceptor.await;
        }
        self.status.change(|changing| changing.leaving = true);
        for shard in &self.shards {
            shard.send(Command::LameDuck { grace, total });
        }
        while self.totals().connections > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops accepting, closes every connection after what waits for it is written, and ends the
    /// shards' threads.
    pub async fn shutdown(mut self) {
        self.acceptors.iter().for_each(tokio::task::JoinHandle::abort);
        for shard in &self.shards {
            shard.send(Command::Shutdown);
        }
        let shards = std::mem::take(&mut self.shards);
        // The threads end by themselves within the time a last flush may take.
        let _ = tokio::task::spawn_blocking(move || shards.into_iter().for_each(ShardHandle::join))
            .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.monitor.iter().for_each(tokio::task::JoinHandle::abort);
        self.acceptors.iter().for_each(tokio::task::JoinHandle::abort);
        for shard in &self.shards {
            shard.send(Command::Shutdown);
        }
    }
}

impl Builder {
    /// Obeys these options.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Tells this log what happens.
    #[must_use]
    pub fn log(mut self, log: Logger) -> Self {
        self.log = Some(log);
        self
    }

    /// Starts listening and serving. Must be called within a tokio runtime, which accepts
    /// connections; the shards bring their own threads.
    ///
    /// # Errors
    ///
    /// When the port cannot be listened on, or the system refuses threads or entropy.
    pub async fn start(self) -> Result<Server, StartError> {
        let options = self.options;
        let log = self.log.unwrap_or_else(Logger::discard);
        if options.https.is_some() {
            return Err(StartError::Unsupported("https monitoring is not served yet: use http"));
        }
        let tls = options.tls.as_ref().map(TlsServer::from_options).transpose()?;
        let listener = bind(&options.listen)?;
        let address = listener.local_addr()?;
        let count = match options.shards {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        let shared = Shared::new(count);
        let settings = Arc::new(settings(&options));
        let shards = shard_loop::spawn(count, &shared, &settings, Instant::now(), &log)?;
        let senders: Vec<_> = shards.iter().map(ShardHandle::sender).collect();
        let info = server_info(&options, address.port());
        let mut acceptors = Vec::new();
        let mut websocket_address = None;
        if let Some(websocket) = &options.websocket {
            let listener = bind(&websocket.listen)?;
            websocket_address = Some(listener.local_addr()?);
            let port = listener.local_addr()?.port();
            let gate = websocket_gate(&options, websocket, &info, port, &log)?;
            acceptors.push(tokio::spawn(accept(listener, senders.clone(), Arc::new(gate))));
        }
        let tcp = options.tls.as_ref();
        let gate = Gate {
            info: Arc::new(ServerInfo {
                tls_required: tls.is_some() && !options.allow_non_tls,
                tls_available: tls.is_some() && options.allow_non_tls,
                tls_verify: tcp.is_some_and(|tls| tls.verify),
                ..info.clone()
            }),
            tls,
            kind: GateKind::Tcp {
                handshake_first: tcp.map_or(HandshakeFirst::No, |tls| tls.handshake_first),
                allow_non_tls: options.allow_non_tls,
                proxied: options.proxy_protocol,
            },
            log: log.clone(),
        };
        acceptors.push(tokio::spawn(accept(listener, senders, Arc::new(gate))));
        let (mut http_address, mut http_port, mut http) = (None, 0, None);
        if let Some(listen) = &options.http {
            let listener = bind(listen)?;
            let address = listener.local_addr()?;
            http_address = Some(address);
            http_port = address.port();
            http = Some(listener);
        }
        let now = Instant::now();
        let status = Arc::new(Status {
            shared: shared.clone(),
            info: info.clone(),
            http_port,
            shards: count,
            started: (now, SystemTime::now()),
            changing: Mutex::new(Changing {
                options: options.clone(),
                loaded: SystemTime::now(),
                leaving: false,
                cpu: CpuMeter::new(now, cpu_time()),
            }),
        });
        let monitor = http.map(|listener| {
            let monitor = Monitor::new(status.clone(), &options.http_base_path, log.clone());
            tokio::spawn(Arc::new(monitor).serve(listener))
        });
        Ok(Server {
            address,
            websocket_address,
            http_address,
            info,
            shared,
            shards,
            acceptors,
            monitor,
            status,
        })
    }
}

fn websocket_gate(
    options: &Options,
    websocket: &WebsocketOptions,
    info: &ServerInfo,
    port: u16,
    log: &Logger,
) -> Result<Gate, StartError> {
    let tls = websocket.tls.as_ref().map(TlsServer::from_options).transpose()?;
    let rules = WsRules::from_options(websocket, false, options.limits.max_payload)
        .map_err(|error| StartError::Origin(error.0))?;
    let info = ServerInfo {
        host: websocket.listen.host.clone(),
        port,
        tls_required: tls.is_some(),
        tls_available: tls.is_some(),
        ..info.clone()
    };
    let kind = GateKind::WebSocket { rules, timeout: websocket.handshake_timeout };
    Ok(Gate { info: Arc::new(info), tls, kind, log: log.clone() })
}

fn bind(listen: &Listen) -> Result<TcpListener, StartError> {
    let bound = listen::bind(listen).map_err(|error| StartError::Listen {
        host: listen.host.clone(),
        port: listen.port,
        error,
    })?;
    Ok(TcpListener::from_std(bound)?)
}

/// Hands connections to the shards in turn.
async fn accept(
    listener: TcpListener,
    shards: Vec<mpsc::UnboundedSender<Command>>,
    gate: Arc<Gate>,
) {
    let mut next = 0;
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                // Batching is ours; the kernel's would only add delay.
                let _ = prepare(&socket);
                let peer = canonical(peer);
                let Ok(socket) = socket.into_std() else { continue };
                next = (next + 1) % shards.len().max(1);
                if let Some(shard) = shards.get(next) {
                    let gate = gate.clone();
                    let _ = shard.send(Command::Connection { socket, peer, gate });
                }
            }
            // Out of descriptors, most likely: let some close.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// What the core has to obey.
fn settings(options: &Options) -> Settings {
    let websocket = options.websocket.as_ref();
    let (auth, websocket_auth) = ways::ways(options);
    Settings {
        limits: options.limits.clone(),
        auth,
        websocket_auth,
        websocket_auth_timeout: websocket.and_then(|ws| ws.auth_timeout),
        websocket_ping_interval: websocket.and_then(|ws| ws.ping_interval),
        no_headers: options.no_header_support,
        trace: options.log.trace.then_some(TraceRules {
            headers_only: options.log.trace_headers,
            max_payload: options.log.max_traced_msg_len,
        }),
    }
}

fn server_info(options: &Options, port: u16) -> ServerInfo {
    let id = nkeys::KeyPair::new_server().public_key();
    let (host, port) = match &options.client_advertise {
        Some(advertise) => {
            (advertise.host.clone(), if advertise.port == 0 { port } else { advertise.port })
        }
        None => (options.listen.host.clone(), port),
    };
    ServerInfo {
        server_name: options.server_name.clone().unwrap_or_else(|| id.clone()),
        server_id: id,
        version: NATS_VERSION.to_owned(),
        go: format!("nervure {}", env!("CARGO_PKG_VERSION")),
        host,
        port,
        headers: !options.no_header_support,
        xkey: nkeys::XKey::new().public_key(),
        ..ServerInfo::default()
    }
}
