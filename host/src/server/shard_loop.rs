//! One thread a shard: the page that carries bytes between sockets and the core.
//!
//! A connection that is getting in, or saying goodbye, has a task of its own for that, with all the
//! room it takes. In between it has a small one ([`Service`](connection::Service)): most connections
//! are idle most of the time, and what a server of many thousand of them weighs is what an idle one
//! holds.

mod bytes;
mod callouts;
mod connection;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nervure_core::account::AccountId;
use nervure_core::auth::{Answer, Ask, CallId, Question};
use nervure_core::link::Endpoint;
use nervure_core::notice::{Event, Notice};
use nervure_core::settings::Settings;
use nervure_core::shard::{Called, Output, OwnMessage, OwnResponse, Shard, Shared};
use nervure_core::{CloseReason, LinkId, ShardId, Time};
use tokio::net::TcpStream;

use tokio::sync::{Notify, mpsc, oneshot};

use self::callouts::{Callout, Callouts};
use self::connection::{Connection, Direction, Place, Service, State, find};
use super::callout::AuthService;
use super::gate::{Entry, Gate, Rejected};
use super::in_force::LookUp;
use super::passwords::Passwords;
use super::system::{EventQueue, Look, OwnRequest, OwnRequests, Publication, Services};
use super::workers::Workers;
use crate::log::{Level, Logger};
use crate::net::Conn;
use crate::net::tls::{TlsServer, peer_certificate};
use crate::process::memory;

/// Bytes read from a socket at once, into the one buffer that all of a shard's links share.
const SCRATCH: usize = 64 << 10;

/// Reads in a row from a socket that fills the whole buffer each time.
const READS: usize = 16;

/// Slices given to one vectored write.
const SLICES: usize = 64;

/// How long a closing connection may take for its last bytes.
const LAST_FLUSH: Duration = Duration::from_secs(2);

/// Connections of a shard from which on memory is given back when most have gone.
const CROWD: usize = 256;

/// What the rest of the server tells a shard.
pub(super) enum Command {
    /// A client was accepted.
    Connection { socket: std::net::TcpStream, peer: SocketAddr, gate: Arc<Gate> },
    /// A sibling left a batch.
    Wake,
    /// What the shard asked is found out.
    Answer(CallId, Answer),
    /// A request to the service that decides about a client is made.
    Callout(Box<Callout>),
    /// The account that a service's response names is in force, if there is one.
    LookedUp(Box<Callout>, Box<OwnResponse>),
    /// Another configuration is in force. With `pins`, TLS clients must have one of its pinned
    /// certificates.
    Reconfigure {
        settings: Arc<Settings>,
        service: Option<Arc<AuthService>>,
        pins: Option<Arc<TlsServer>>,
        done: oneshot::Sender<()>,
    },
    /// Somebody wants to see something.
    Look(Look),
    /// The server itself says something.
    Publish(Publication),
    /// The server itself asks something.
    Request(OwnRequest),
    /// Some accounts are not what they were, and nothing else has changed.
    Accounts { settings: Arc<Settings>, changed: Arc<[AccountId]>, done: oneshot::Sender<()> },
    /// Clients are to leave.
    LameDuck { grace: Duration, total: Duration },
    /// The server stops.
    Shutdown,
}

/// A running shard.
#[derive(Debug)]
pub(super) struct ShardHandle {
    sender: mpsc::UnboundedSender<Command>,
    runtime: tokio::runtime::RuntimeMetrics,
    thread: std::thread::JoinHandle<()>,
}

impl ShardHandle {
    pub(super) fn send(&self, command: Command) {
        // A shard that has ended needs no commands.
        let _ = self.sender.send(command);
    }

    pub(super) fn sender(&self) -> mpsc::UnboundedSender<Command> {
        self.sender.clone()
    }

    /// How its thread spends its time.
    pub(super) fn runtime(&self) -> tokio::runtime::RuntimeMetrics {
        self.runtime.clone()
    }

    pub(super) fn join(self) {
        drop(self.sender);
        let _ = self.thread.join();
    }
}

/// Starts `count` shard threads.
pub(super) fn spawn(
    count: usize,
    (shared, settings): (&Arc<Shared>, &Arc<Settings>),
    service: Option<&Arc<AuthService>>,
    (services, events, look_ups): (&Arc<Services>, &EventQueue, &mpsc::UnboundedSender<LookUp>),
    start: Instant,
    log: &Logger,
) -> std::io::Result<Vec<ShardHandle>> {
    let (workers, passwords) = (Arc::<Workers>::default(), Arc::<Passwords>::default());
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..count).map(|_| mpsc::unbounded_channel()).unzip();
    let mut handles = Vec::with_capacity(count);
    let entropy = ring::rand::SystemRandom::new();
    for (number, commands) in receivers.into_iter().enumerate() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (shared, settings, log) = (shared.clone(), settings.clone(), log.clone());
        let around = Around {
            id: ShardId(number as u16),
            siblings: senders.clone(),
            workers: workers.clone(),
            passwords: passwords.clone(),
            services: services.clone(),
            events: events.clone(),
            look_ups: look_ups.clone(),
            start,
            log,
        };
        let service = service.cloned();
        let metrics = runtime.metrics();
        let seed = u64::from_ne_bytes(
            ring::rand::generate(&entropy)
                .map_err(|_| std::io::Error::other("no entropy"))?
                .expose(),
        );
        let thread =
            std::thread::Builder::new().name(format!("shard-{number}")).spawn(move || {
                let shard = Shard::new(around.id, shared, settings, seed);
                let local = tokio::task::LocalSet::new();
                // A task beside the others: what is blocked on is polled whenever any of them is.
                let run = async {
                    tokio::task::spawn_local(Driver::new(shard, around, service).run(commands))
                        .await
                };
                // It neither panics nor is cancelled.
                let _ = local.block_on(&runtime, run);
            })?;
        handles.push(ShardHandle { sender: senders[number].clone(), runtime: metrics, thread });
    }
    Ok(handles)
}

/// What a shard has beside itself.
struct Around {
    /// Which one it is.
    id: ShardId,
    /// All shards, this one included.
    siblings: Vec<mpsc::UnboundedSender<Command>>,
    workers: Arc<Workers>,
    passwords: Arc<Passwords>,
    services: Arc<Services>,
    events: EventQueue,
    /// Who finds accounts.
    look_ups: mpsc::UnboundedSender<LookUp>,
    start: Instant,
    log: Logger,
}

struct Driver {
    shard: RefCell<Shard>,
    /// By the slot of their link, with the link they belong to.
    connections: RefCell<Vec<Place>>,
    scratch: RefCell<Box<[u8]>>,
    around: Around,
    requests: RefCell<OwnRequests>,
    callouts: Callouts,
    deadline: RefCell<Option<Time>>,
    /// The deadline moved.
    timer: Notify,
}

impl Driver {
    fn new(shard: Shard, around: Around, service: Option<Arc<AuthService>>) -> Rc<Self> {
        Rc::new(Self {
            shard: RefCell::new(shard),
            connections: RefCell::default(),
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
            around,
            requests: RefCell::default(),
            callouts: Callouts::of(service),
            deadline: RefCell::default(),
            timer: Notify::new(),
        })
    }

    fn now(&self) -> Time {
        Time::ZERO.after(self.around.start.elapsed())
    }

    async fn run(self: Rc<Self>, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut stopping = false;
        let mut peak = 0;
        loop {
            peak = self.give_memory_back(peak);
            if stopping && self.shard.borrow().link_count() == 0 {
                return;
            }
            let deadline = *self.deadline.borrow();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Shutdown) | None => {
                        stopping = true;
                        self.shard.borrow_mut().shutdown(self.now());
                    }
                    Some(command) => self.obey(command),
                },
                () = self.sleep_until(deadline) => self.shard.borrow_mut().timeout(self.now()),
                () = self.timer.notified() => {}
            }
            self.drain();
        }
    }

    /// After a crowd has left, hands what it used back to the system. Returns the new peak.
    fn give_memory_back(&self, peak: usize) -> usize {
        let links = self.shard.borrow().link_count();
        if links * 4 > peak || peak < CROWD {
            return peak.max(links);
        }
        self.shard.borrow_mut().give_memory_back();
        let mut connections = self.connections.borrow_mut();
        while connections.pop_if(|last| last.is_none()).is_some() {}
        connections.shrink_to_fit();
        drop(connections);
        memory::give_back();
        links
    }

    async fn sleep_until(&self, deadline: Option<Time>) {
        match deadline {
            Some(at) => tokio::time::sleep(at.since(self.now())).await,
            None => std::future::pending().await,
        }
    }

    fn obey(self: &Rc<Self>, command: Command) {
        match command {
            Command::Wake => self.shard.borrow_mut().wake(self.now()),
            Command::Answer(call, answer) => {
                self.shard.borrow_mut().resolve(self.now(), call, answer);
            }
            Command::Callout(callout) => self.call_out(callout),
            Command::LookedUp(callout, response) => self.have_judged(callout, response, true),
            Command::Look(look) => look(&self.shard.borrow()),
            Command::Publish(Publication { account, subject, header, payload }) => {
                let (subject, header, payload) = (&*subject, &*header, &*payload);
                let message = OwnMessage { account, subject, header, payload };
                self.shard.borrow_mut().publish_own(self.now(), message);
            }
            Command::Request(OwnRequest { publication, timeout, done }) => {
                let Publication { account, subject, header, payload } = &publication;
                let message = OwnMessage { account: *account, subject, header, payload };
                let number = self.requests.borrow_mut().begin(done);
                self.shard.borrow_mut().request(self.now(), number, message, timeout);
            }
            Command::LameDuck { grace, total } => {
                self.shard.borrow_mut().lame_duck(self.now(), grace, total);
            }
            Command::Reconfigure { settings, service, pins, done } => {
                *self.callouts.service.borrow_mut() = service;
                if let Some(tls) = pins {
                    self.close_unpinned(&tls);
                }
                self.shard.borrow_mut().reconfigure(self.now(), settings);
                // Whoever asked may be gone.
                let _ = done.send(());
            }
            Command::Accounts { settings, changed, done } => {
                self.shard.borrow_mut().update(self.now(), settings, &changed);
                let _ = done.send(());
            }
            Command::Connection { socket, peer, gate } => {
                let Ok(socket) = TcpStream::from_std(socket) else { return };
                match gate.walk_in(socket, peer) {
                    Ok((conn, endpoint)) => self.begin(conn, endpoint),
                    Err(socket) => {
                        tokio::task::spawn_local(self.clone().enter(socket, peer, gate));
                    }
                }
            }
            Command::Shutdown => {}
        }
    }

    /// Closes TLS clients whose certificate is not pinned. WebSocket ones have pins of their own,
    /// which do not change.
    fn close_unpinned(&self, tls: &TlsServer) {
        let mut closed = 0;
        for (_, connection) in self.connections.borrow().iter().flatten() {
            let conn = connection.conn.borrow();
            let client = conn.as_ref().filter(|conn| !conn.is_websocket());
            if client.and_then(Conn::tls_session).is_some_and(|session| !tls.is_pinned(session)) {
                connection.change(|state| state.closing = Some(CloseReason::TlsHandshakeError));
                closed += 1;
            }
        }
        if closed > 0 {
            self.around
                .log
                .info(format_args!("Disconnect {closed} clients due to pinned certs reload"));
        }
    }

    /// Lets a connection in that has to show something first, and has it served.
    async fn enter(self: Rc<Self>, socket: TcpStream, peer: SocketAddr, gate: Arc<Gate>) {
        match gate.enter(socket, peer).await {
            None => {}
            Some(Entry::Ready(conn, endpoint)) => self.begin(conn, endpoint),
            Some(Entry::InfoFirst(conn, endpoint)) => {
                let Some((id, connection)) = self.open(conn, endpoint) else { return };
                // A fresh socket is not known to be writable yet; INFO comes before all else.
                while connection.state.get().blocked {
                    connection.ready(Direction::Write).await;
                    self.flush(id);
                }
                let conn = connection.conn.borrow_mut().take();
                let Some(conn) = conn else { return };
                if connection.state.get().closing.is_some() {
                    *connection.conn.borrow_mut() = Some(conn);
                } else {
                    let admitted = tokio::select! {
                        admitted = gate.admit(conn, peer) => admitted,
                        // A server that stops does not wait for it.
                        reason = connection.told_to_close() => Err(reason.into()),
                    };
                    match admitted {
                        Ok((conn, origin)) => {
                            let certificate = conn.tls_session().and_then(peer_certificate);
                            *connection.conn.borrow_mut() = Some(conn);
                            let now = self.now();
                            self.shard.borrow_mut().admitted(now, id, origin, certificate);
                        }
                        Err(Rejected { reason, tls }) => {
                            if let Some(error) = tls {
                                self.shard.borrow_mut().rejected(id, &error);
                            }
                            connection.change(|state| state.closing = Some(reason));
                        }
                    }
                }
                self.drain();
                self.serve(id, connection);
            }
        }
    }

    /// Opens a link for a connection that is in and has it served.
    fn begin(self: &Rc<Self>, conn: Conn, endpoint: Endpoint) {
        if let Some((id, connection)) = self.open(conn, endpoint) {
            self.serve(id, connection);
        }
    }

    /// Serves a connection from now on.
    fn serve(self: &Rc<Self>, id: LinkId, connection: Rc<Connection>) {
        let driver = self.clone();
        tokio::task::spawn_local(Service { driver, connection, id });
    }

    fn open(&self, conn: Conn, endpoint: Endpoint) -> Option<(LinkId, Rc<Connection>)> {
        let id = self.shard.borrow_mut().open(self.now(), endpoint)?;
        let connection = Rc::new(Connection {
            conn: RefCell::new(Some(conn)),
            state: Cell::default(),
            waiter: Cell::default(),
            held: Cell::default(),
        });
        let mut connections = self.connections.borrow_mut();
        let slot = id.slot as usize;
        if connections.len() <= slot {
            connections.resize_with(slot + 1, || None);
        }
        connections[slot] = Some((id, connection.clone()));
        drop(connections);
        self.drain();
        Some((id, connection))
    }

    /// Does everything the core asks for.
    fn drain(&self) {
        loop {
            let output = self.shard.borrow_mut().poll();
            match output {
                Output::Flush(id) => self.flush(id),
                Output::Close(id, reason) => self.change(id, |state| state.closing = Some(reason)),
                Output::Pause(id) => self.change(id, |state| state.paused = true),
                Output::Resume(id) => {
                    self.change(id, |state| (state.paused, state.asking) = (false, false));
                }
                Output::Ask(ask) => self.ask(*ask),
                Output::Wake(ShardId(sibling)) => {
                    if let Some(sibling) = self.around.siblings.get(usize::from(sibling)) {
                        let _ = sibling.send(Command::Wake);
                    }
                }
                Output::Called(called) => self.call(&called),
                Output::Response(number, response) => {
                    if let Some(response) = self.called_out(number, response) {
                        self.requests.borrow_mut().end(number, response);
                    }
                }
                Output::Advisory(advisory) => self.around.events.push(*advisory),
                Output::Notice(notice) => log_notice(&self.around.log, &notice),
                Output::Idle(deadline) => {
                    if self.deadline.replace(deadline) != deadline {
                        self.timer.notify_one();
                    }
                    return;
                }
            }
        }
    }

    /// Has something found out that takes longer than a shard may wait.
    fn ask(&self, ask: Ask) {
        let Ask { call, question, deadline } = ask;
        self.change(call.link, |state| state.asking = true);
        let deadline = self.around.start + Duration::from_nanos(deadline.as_nanos());
        let Some(to) = self.sender() else { return };
        let reply = move |answer| {
            // A shard that has ended needs no answers.
            let _ = to.send(Command::Answer(call, answer));
        };
        let Around { workers, passwords, look_ups, .. } = &self.around;
        match question {
            Question::Account(account) => {
                // Without anybody to answer the link's time runs out.
                let _ = look_ups.send(LookUp { account, reply: Box::new(reply) });
            }
            Question::Callout(delegated) => self.ask_service(call, *delegated, deadline),
            Question::Bcrypt { password, hash } => {
                if passwords.check(workers, (password, hash), deadline, reply).is_err() {
                    self.tell(Command::Answer(call, Answer::Overloaded));
                }
            }
        }
    }

    /// Has the server itself answer.
    fn call(&self, called: &Called) {
        let Around { id, siblings, services, .. } = &self.around;
        services.call(called, &self.shard.borrow(), usize::from(id.0), siblings);
    }

    fn change(&self, id: LinkId, change: impl FnOnce(&mut State)) {
        if let Some(connection) = find(&self.connections.borrow(), id) {
            connection.change(change);
        }
    }
}

/// Writes what the core noticed about a link, at the level nats-server gives it.
fn log_notice(log: &Logger, notice: &Notice) {
    let level = match &notice.event {
        Event::Opened | Event::Closed(_) => Level::Debug,
        Event::Misbehaved(_) | Event::Refused { .. } => Level::Error,
        Event::SlowConsumer(_) | Event::Unsubscribed(_) => Level::Info,
        Event::Traced(..) => Level::Trace,
    };
    if notice.label.is_empty() {
        return log.log(level, format_args!("{}", notice.event));
    }
    log.log(level, format_args!("{} - {}", notice.label, notice.event));
}
