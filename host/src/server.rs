//! The server: listeners, and one thread a shard that carries bytes between sockets and the core.
//!
//! Each shard thread runs a current-thread tokio runtime with one task per connection. All reads
//! of a shard go through one scratch buffer; after each read chunk every link that has something
//! to say is flushed from whatever task is running. A task that finds its socket full waits for
//! room on its own.

mod callout;
mod gate;
mod in_force;
mod keys;
mod monitoring;
mod passwords;
mod placement;
mod reload;
mod shard_loop;
mod status;
mod system;
mod ways;
mod workers;
mod zones;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use nervure_core::account::AccountError;
use nervure_core::counters::Totals;
use nervure_core::id::ServerHash;
use nervure_core::settings::{Settings, TraceRules};
use nervure_core::shard::Shared;
use nervure_core::wire::ServerInfo;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use self::callout::{Around, AuthService, Stats};
use self::gate::Gate;
use self::in_force::InForce;
pub use self::in_force::{AccountRefusal, OperatorError, Taken};
use self::keys::Keys;
use self::monitoring::Monitoring;
pub use self::monitoring::MonitoringError;
use self::placement::Placement;
pub use self::reload::ReloadError;
use self::shard_loop::{Command, ShardHandle};
use self::status::{Changing, Status};
use self::system::claims::Attendant;
use self::system::{Services, Speaker};
pub use self::ways::warnings;
use crate::cli::NATS_VERSION;
use crate::log::Logger;
use crate::monitor::Monitor;
use crate::net::listen::{self, ListenError, canonical, prepare};
use crate::net::tls::{TlsConfigError, TlsServer};
use crate::options::{Listen, Options};
use crate::process::{CpuMeter, cpu_time};
use crate::resolver::Resolver;

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
    /// A WebSocket port cannot be listened on.
    #[error("Unable to listen for websocket connections: {0}")]
    Websocket(ListenError),
    /// Monitoring cannot be served.
    #[error("Can't start monitoring: {0}")]
    Monitoring(#[from] MonitoringError),
    /// A `tls` block cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsConfigError),
    /// An allowed origin is not an absolute http or https URL.
    #[error(
        "unable to parse allowed origin {0:?}: allowed origins must be absolute URLs with http or https scheme"
    )]
    Origin(String),
    /// Imports and exports of accounts do not fit together.
    #[error(transparent)]
    Accounts(#[from] AccountError),
    /// Operator mode cannot begin.
    #[error(transparent)]
    Operators(#[from] OperatorError),
    /// The system refused a thread, a runtime or entropy.
    #[error("the system refused a resource: {0}")]
    System(#[from] std::io::Error),
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
    shared: Arc<Shared>,
    in_force: Arc<InForce>,
    /// When the shards' time began, since the start of 1970.
    epoch: Duration,
    shards: Vec<ShardHandle>,
    /// What the listeners ask of connections; a reload replaces it.
    tcp_gate: watch::Sender<Arc<Gate>>,
    websocket_gate: Option<watch::Sender<Arc<Gate>>>,
    log: Logger,
    acceptors: Vec<tokio::task::JoinHandle<()>>,
    /// Answer links that wait for accounts, and what the system account asks about them.
    helpers: Vec<tokio::task::JoinHandle<()>>,
    /// The monitoring listener's certificate; a reload replaces it.
    monitoring_tls: Option<watch::Sender<Arc<TlsServer>>>,
    monitor: Option<tokio::task::JoinHandle<()>>,
    status: Arc<Status>,
    keys: Arc<Keys>,
    /// What the server says in the system account, and who does.
    speaker: Arc<Speaker>,
    reporter: Option<tokio::task::JoinHandle<()>>,
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

    /// What the server says of itself.
    pub fn info(&self) -> Arc<ServerInfo> {
        self.status.info()
    }

    /// Counters of all shards.
    pub fn totals(&self) -> Totals {
        self.shared.totals()
    }

    /// Takes the token of account `id` into force, if the account is in use, with all that means
    /// for its connections (reference security 5.7). Returns when every shard obeys.
    ///
    /// # Errors
    /// When the token is not to be used; what was in force stays.
    pub async fn take_account(&self, id: &str, token: &str) -> Result<Taken, AccountRefusal> {
        self.in_force.take(id, token).await
    }

    /// Takes account `id` out of force. Its clients are told that it has ended.
    pub async fn drop_account(&self, id: &str) {
        self.in_force.drop_account(id).await;
    }

    /// Tells clients to leave and closes them between `grace` and `total` from now. Returns when
    /// the last one is gone.
    pub async fn lame_duck(&mut self, grace: Duration, total: Duration) {
        // Who hears that we leave must not get in again.
        for acceptor in self.acceptors.drain(..) {
            acceptor.abort();
            let _ = acceptor.await;
        }
        self.say_goodbye("LAMEDUCK").await;
        self.status.change(|changing| changing.leaving = true);
        for shard in &self.shards {
            shard.send(Command::LameDuck { grace, total });
        }
        while self.totals().connections > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Tells the system account that the server leaves it. It says nothing more there.
    async fn say_goodbye(&self, what: &str) {
        let shard = self.shards.first().map(ShardHandle::sender);
        system::say_goodbye(&self.speaker, shard, what).await;
    }

    /// Stops accepting, closes every connection after what waits for it is written, and ends the
    /// shards' threads.
    pub async fn shutdown(mut self) {
        self.acceptors.iter().for_each(tokio::task::JoinHandle::abort);
        self.say_goodbye("SHUTDOWN").await;
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
        self.reporter.iter().for_each(tokio::task::JoinHandle::abort);
        self.helpers.iter().for_each(tokio::task::JoinHandle::abort);
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
        let mut options = self.options;
        let log = self.log.unwrap_or_else(Logger::discard);
        // The first that fails is named, so the order is nats-server's.
        let monitoring = Monitoring::bind(&options)?;
        let (listener, websocket) = bind_all(&mut options)?;
        let address = listener.local_addr()?;
        let websocket_address = websocket.as_ref().map(TcpListener::local_addr).transpose()?;
        let keys = Arc::new(Keys::generate()?);
        let info = describe(&identity(&options, &keys), &options, address.port());
        let (tcp_gate, gate) = watch::channel(Arc::new(Gate::tcp(&options, &info, &log)?));
        let websocket_gates = match &options.websocket {
            Some(ws) => Some(watch::channel(Arc::new(Gate::websocket(&options, ws, &info, &log)?))),
            None => None,
        };
        let count = shards(&options);
        let shared = Shared::new(count);
        let (start, epoch) = (Instant::now(), SystemTime::now());
        let epoch = epoch.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let settings = Arc::new(settings(&shared, &options, &info, epoch)?);
        let callout_stats = Arc::<Stats>::default();
        let stats = &callout_stats;
        let around = Around { info: &info, keys: &keys, stats, log: &log };
        let service = AuthService::new(&options, &around, None).map(Arc::new);
        let http_address = monitoring.as_ref().map(|monitoring| monitoring.address);
        let now = Instant::now();
        let status = Arc::new(Status {
            shared: shared.clone(),
            monitoring_port: http_address.map_or(0, |address| address.port()),
            shards: count,
            started: (now, SystemTime::now()),
            callout_stats,
            changing: Mutex::new(Changing {
                options: options.clone(),
                info: Arc::new(info),
                loaded: SystemTime::now(),
                leaving: false,
                callout_cache: service.as_ref().and_then(|service| service.cache()),
                cpu: CpuMeter::new(now, cpu_time()),
            }),
        });
        let speaker = Speaker::new(&status, &chance()?);
        let resolver = open_resolver(&options, &log).await?;
        let mut services = Services::new(&speaker);
        let attendant = resolver
            .clone()
            .map(|resolver| Attendant::add_to(&mut services, resolver, &speaker, &log));
        let services = services.provide(&shared);
        let (events, reporter) = system::queue(&speaker, &log);
        let in_force =
            InForce::begin(shared.clone(), settings, &options, resolver, log.clone()).await?;
        let in_force = Arc::new(in_force);
        let (look_ups, asked) = mpsc::unbounded_channel();
        let settings = in_force.settings();
        let around = (&services, &events, &look_ups);
        let shards =
            shard_loop::spawn(count, (&shared, &settings), service.as_ref(), around, start, &log)?;
        let senders: Vec<_> = shards.iter().map(ShardHandle::sender).collect();
        in_force.serve(senders.clone());
        let mut helpers = vec![tokio::spawn(in_force.clone().answer(asked))];
        helpers.extend(attendant.into_iter().flat_map(|it| it.attend(&in_force, &senders)));
        let reporter = senders.first().cloned().map(|shard| tokio::spawn(reporter.run(shard)));
        let runtimes = shards.iter().map(ShardHandle::runtime);
        let placement = Placement::new(shared.clone(), runtimes, Instant::now());
        let placement = Arc::new(Mutex::new(placement));
        let place = (senders, placement);
        let mut acceptors = vec![tokio::spawn(accept(listener, place.clone(), gate))];
        let mut websocket_gate = None;
        if let (Some(listener), Some((sender, gate))) = (websocket, websocket_gates) {
            acceptors.push(tokio::spawn(accept(listener, place, gate)));
            websocket_gate = Some(sender);
        }
        let monitoring_tls = monitoring.as_ref().and_then(|monitoring| monitoring.tls.clone());
        let monitor = monitoring.map(|monitoring| {
            let source = status.clone();
            monitoring.serve(Monitor::new(source, &options.http_base_path, log.clone()))
        });
        Ok(Server {
            address,
            websocket_address,
            http_address,
            shared,
            in_force,
            epoch,
            shards,
            tcp_gate,
            websocket_gate,
            log,
            acceptors,
            helpers,
            monitoring_tls,
            monitor,
            status,
            keys,
            speaker,
            reporter,
        })
    }
}

/// Binds the ports of clients, and tells the options which ones those became that were left to the
/// system.
fn bind_all(options: &mut Options) -> Result<(TcpListener, Option<TcpListener>), StartError> {
    let websocket = options.websocket.as_ref().map(|ws| bind_websocket(&ws.listen)).transpose()?;
    let listener = bind(&options.listen)?;
    options.listen.port = listener.local_addr()?.port();
    if let (Some(options), Some(websocket)) = (&mut options.websocket, &websocket) {
        options.listen.port = websocket.local_addr()?.port();
    }
    Ok((listener, websocket))
}

/// How many shards there are to be.
fn shards(options: &Options) -> usize {
    match options.shards {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}

/// Fresh from the system's entropy.
fn chance() -> std::io::Result<[u8; 22]> {
    let random = ring::rand::generate(&ring::rand::SystemRandom::new());
    Ok(random.map_err(|_| std::io::Error::other("no entropy"))?.expose())
}

/// In operator mode, what has the accounts.
async fn open_resolver(
    options: &Options,
    log: &Logger,
) -> Result<Option<Arc<Resolver>>, OperatorError> {
    match options.operators.is_active() {
        true => Ok(Some(Arc::new(Resolver::open(&options.operators, log).await?))),
        false => Ok(None),
    }
}

fn bind(listen: &Listen) -> Result<TcpListener, StartError> {
    let bound = listen::bind(listen).map_err(|error| StartError::Listen {
        host: listen.host.clone(),
        port: listen.port,
        error,
    })?;
    Ok(TcpListener::from_std(bound)?)
}

fn bind_websocket(listen: &Listen) -> Result<TcpListener, StartError> {
    Ok(TcpListener::from_std(listen::bind(listen).map_err(StartError::Websocket)?)?)
}

/// Hands connections to shards.
async fn accept(
    listener: TcpListener,
    (shards, placement): (Vec<mpsc::UnboundedSender<Command>>, Arc<Mutex<Placement>>),
    gate: watch::Receiver<Arc<Gate>>,
) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                // Batching is ours; the kernel's would only add delay.
                let _ = prepare(&socket);
                let peer = canonical(peer);
                let Ok(socket) = socket.into_std() else { continue };
                let mut placement = placement.lock().unwrap_or_else(PoisonError::into_inner);
                let shard = placement.next(Instant::now());
                drop(placement);
                if let Some(shard) = shards.get(shard) {
                    let gate = gate.borrow().clone();
                    let _ = shard.send(Command::Connection { socket, peer, gate });
                }
            }
            // Out of descriptors, most likely: let some close.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// What the core has to obey. `epoch` is when its time began.
pub(crate) fn settings(
    shared: &Shared,
    options: &Options,
    info: &ServerInfo,
    epoch: Duration,
) -> Result<Settings, AccountError> {
    let websocket = options.websocket.as_ref();
    let (auth, websocket_auth) = ways::ways(options);
    Ok(Settings {
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
        cluster: options.cluster_name.as_deref().unwrap_or_default().into(),
        epoch,
        server_hash: ServerHash::new(&Sha256::digest(&info.server_name).into()),
        accounts: Arc::new(options.build_accounts(shared)?),
    })
}

/// What stays the same while the server runs.
fn identity(options: &Options, keys: &Keys) -> ServerInfo {
    let id = keys.signer.public().to_string();
    ServerInfo {
        server_name: options.server_name.clone().unwrap_or_else(|| id.clone()),
        server_id: id,
        version: NATS_VERSION.to_owned(),
        go: format!("nervure {}", env!("CARGO_PKG_VERSION")),
        xkey: keys.curve.public_key(),
        ..ServerInfo::default()
    }
}

/// What the server says of itself under these options, its client listener being on `port`.
fn describe(identity: &ServerInfo, options: &Options, port: u16) -> ServerInfo {
    let (host, port) = match &options.client_advertise {
        Some(advertise) => {
            (advertise.host.clone(), if advertise.port == 0 { port } else { advertise.port })
        }
        None => (options.listen.host.clone(), port),
    };
    ServerInfo { host, port, headers: !options.no_header_support, ..identity.clone() }
}
