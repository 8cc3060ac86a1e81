//! One thread a shard: the page that carries bytes between sockets and the core.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::log::Logger;
use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Output, Shard, Shared};
use nervure_core::wire::ServerInfo;
use nervure_core::{CloseReason, LinkId, ShardId, Time};
use tokio::net::TcpStream;

use tokio::sync::{Notify, mpsc};

/// Bytes read from a socket at once, into the one buffer that all of a shard's links share.
const SCRATCH: usize = 64 << 10;

/// Slices given to one vectored write.
const SLICES: usize = 64;

/// How long a closing connection may take for its last bytes.
const LAST_FLUSH: Duration = Duration::from_secs(2);

/// What the rest of the server tells a shard.
pub(super) enum Command {
    /// A client was accepted.
    Connection { socket: std::net::TcpStream, peer: SocketAddr, info: Arc<ServerInfo> },
    /// A sibling left a batch.
    Wake,
    /// Clients are to leave.
    LameDuck { grace: Duration, total: Duration },
    /// The server stops.
    Shutdown,
}

/// A running shard.
#[derive(Debug)]
pub(super) struct ShardHandle {
    sender: mpsc::UnboundedSender<Command>,
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

    pub(super) fn join(self) {
        drop(self.sender);
        let _ = self.thread.join();
    }
}

/// Starts `count` shard threads.
pub(super) fn spawn(
    count: usize,
    shared: &Arc<Shared>,
    settings: &Arc<Settings>,
    start: Instant,
    log: &Logger,
) -> std::io::Result<Vec<ShardHandle>> {
    let (senders, receivers): (Vec<_>, Vec<_>) =
        (0..count).map(|_| mpsc::unbounded_channel()).unzip();
    let mut handles = Vec::with_capacity(count);
    for (number, commands) in receivers.into_iter().enumerate() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (shared, settings, log) = (shared.clone(), settings.clone(), log.clone());
        let siblings = senders.clone();
        // The first bytes of a fresh secret key are as good a seed as any.
        let seed = nkeys::KeyPair::new_server().public_key();
        let seed = seed.bytes().fold(0u64, |sum, byte| sum.rotate_left(7) ^ u64::from(byte));
        let thread =
            std::thread::Builder::new().name(format!("shard-{number}")).spawn(move || {
                let shard = Shard::new(ShardId(number as u16), shared, settings, seed);
                let local = tokio::task::LocalSet::new();
                local.block_on(&runtime, Driver::new(shard, siblings, start, log).run(commands));
            })?;
        handles.push(ShardHandle { sender: senders[number].clone(), thread });
    }
    Ok(handles)
}

/// One connection as its task and the flushing tasks see it.
struct Connection {
    socket: TcpStream,
    /// Wakes the connection's task: there is something to write that did not fit, reading was
    /// paused or resumed, or it is to close.
    attention: Notify,
    state: RefCell<State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    blocked: bool,
    paused: bool,
    closing: Option<CloseReason>,
}

struct Driver {
    shard: RefCell<Shard>,
    connections: RefCell<HashMap<LinkId, Rc<Connection>>>,
    scratch: RefCell<Box<[u8]>>,
    siblings: Vec<mpsc::UnboundedSender<Command>>,
    start: Instant,
    log: Logger,
    deadline: RefCell<Option<Time>>,
    /// The deadline moved.
    timer: Notify,
}

impl Driver {
    fn new(
        shard: Shard,
        siblings: Vec<mpsc::UnboundedSender<Command>>,
        start: Instant,
        log: Logger,
    ) -> Rc<Self> {
        Rc::new(Self {
            shard: RefCell::new(shard),
            connections: RefCell::default(),
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
            siblings,
            start,
            log,
            deadline: RefCell::default(),
            timer: Notify::new(),
        })
    }

    fn now(&self) -> Time {
        Time::ZERO.after(self.start.elapsed())
    }

    async fn run(self: Rc<Self>, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut stopping = false;
        loop {
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

    async fn sleep_until(&self, deadline: Option<Time>) {
        match deadline {
            Some(at) => tokio::time::sleep(at.since(self.now())).await,
            None => std::future::pending().await,
        }
    }

    fn obey(self: &Rc<Self>, command: Command) {
        match command {
            Command::Wake => self.shard.borrow_mut().wake(self.now()),
            Command::LameDuck { grace, total } => {
                self.shard.borrow_mut().lame_duck(self.now(), grace, total);
            }
            Command::Connection { socket, peer, info } => self.open(socket, peer, info),
            Command::Shutdown => {}
        }
    }

    fn open(self: &Rc<Self>, socket: std::net::TcpStream, peer: SocketAddr, info: Arc<ServerInfo>) {
        let Ok(socket) = TcpStream::from_std(socket) else { return };
        let endpoint = Endpoint {
            peer,
            forwarded_for: None,
            transport: Transport::Tcp,
            info,
            tls_pending: false,
            cookies: None,
        };
        let Some(id) = self.shard.borrow_mut().open(self.now(), endpoint) else { return };
        let connection =
            Rc::new(Connection { socket, attention: Notify::new(), state: RefCell::default() });
        self.connections.borrow_mut().insert(id, connection.clone());
        tokio::task::spawn_local(self.clone().serve(id, connection));
    }

    /// Does everything the core asks for.
    fn drain(&self) {
        loop {
            let output = self.shard.borrow_mut().poll();
            match output {
                Output::Flush(id) => self.flush(id),
                Output::Close(id, reason) => self.change(id, |state| state.closing = Some(reason)),
                Output::Pause(id) => self.change(id, |state| state.paused = true),
                Output::Resume(id) => self.change(id, |state| state.paused = false),
                Output::Wake(ShardId(sibling)) => {
                    if let Some(sibling) = self.siblings.get(usize::from(sibling)) {
                        let _ = sibling.send(Command::Wake);
                    }
                }
                Output::Notice(notice) => self.log.notice(&notice),
                Output::Idle(deadline) => {
                    if self.deadline.replace(deadline) != deadline {
                        self.timer.notify_one();
                    }
                    return;
                }
            }
        }
    }

    fn change(&self, id: LinkId, change: impl FnOnce(&mut State)) {
        if let Some(connection) = self.connections.borrow().get(&id) {
            change(&mut connection.state.borrow_mut());
            connection.attention.notify_one();
        }
    }

    /// Writes what waits for a link, as much as its socket takes now.
    fn flush(&self, id: LinkId) {
        let connection = self.connections.borrow().get(&id).cloned();
        let Some(connection) = connection else { return };
        loop {
            let result = {
                let shard = self.shard.borrow();
                let Some(outbound) = shard.outbound(id).filter(|out| !out.is_empty()) else {
                    connection.state.borrow_mut().blocked = false;
                    return;
                };
                let mut slices = [IoSlice::new(&[]); SLICES];
                let filled = outbound.slices(&mut slices);
                connection.socket.try_write_vectored(&slices[..filled])
            };
            match result {
                Ok(count) => self.shard.borrow_mut().written(self.now(), id, count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.shard.borrow_mut().written(self.now(), id, 0);
                    connection.state.borrow_mut().blocked = true;
                    connection.attention.notify_one();
                    return;
                }
                Err(_) => {
                    let mut state = connection.state.borrow_mut();
                    state.closing = state.closing.or(Some(CloseReason::WriteError));
                    drop(state);
                    self.shard.borrow_mut().closed(self.now(), id, CloseReason::WriteError);
                    connection.attention.notify_one();
                    return;
                }
            }
        }
    }

    /// One connection's task, from its first byte to its last.
    async fn serve(self: Rc<Self>, id: LinkId, connection: Rc<Connection>) {
        let reason = loop {
            let State { blocked, paused, closing } = *connection.state.borrow();
            if let Some(reason) = closing {
                break reason;
            }
            tokio::select! {
                () = connection.attention.notified() => {}
                _ = connection.socket.writable(), if blocked => {
                    self.flush(id);
                    self.drain();
                }
                _ = connection.socket.readable(), if !paused => {
                    let read = self.read(id, &connection);
                    self.drain();
                    if let Some(reason) = read {
                        break reason;
                    }
                }
            }
        };
        self.finish(id, &connection, reason).await;
    }

    /// Reads once; returns why the connection is over, if it is.
    fn read(&self, id: LinkId, connection: &Connection) -> Option<CloseReason> {
        let mut scratch = self.scratch.borrow_mut();
        match connection.socket.try_read(&mut scratch) {
            Ok(0) => Some(CloseReason::ClientClosed),
            Ok(count) => {
                self.shard.borrow_mut().receive(self.now(), id, &scratch[..count]);
                None
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(_) => Some(CloseReason::ReadError),
        }
    }

    /// The end: last bytes out where the reason allows, then the core forgets the link.
    async fn finish(&self, id: LinkId, connection: &Connection, reason: CloseReason) {
        if reason.flushes() {
            let last = async {
                loop {
                    self.flush(id);
                    let shard_empty =
                        self.shard.borrow().outbound(id).is_none_or(|out| out.is_empty());
                    if shard_empty || connection.socket.writable().await.is_err() {
                        return;
                    }
                }
            };
            let _ = tokio::time::timeout(LAST_FLUSH, last).await;
        }
        self.shard.borrow_mut().closed(self.now(), id, reason);
        self.connections.borrow_mut().remove(&id);
        self.drain();
        self.timer.notify_one();
        if reason.flushes() && reason != CloseReason::ClientClosed {
            self.linger(connection).await;
        }
    }

    /// Closing a socket with unread input makes the kernel send a reset, which can destroy the
    /// error in flight: say goodbye first and let the peer go.
    async fn linger(&self, connection: &Connection) {
        use std::os::fd::AsFd as _;
        let socket =
            socket2::SockRef::from(&connection.socket.as_fd()).shutdown(std::net::Shutdown::Write);
        if socket.is_err() {
            return;
        }
        let drained = async {
            while connection.socket.readable().await.is_ok() {
                let read = connection.socket.try_read(&mut self.scratch.borrow_mut());
                match read {
                    Ok(0) => return,
                    Err(error) if error.kind() != ErrorKind::WouldBlock => return,
                    _ => {}
                }
            }
        };
        let _ = tokio::time::timeout(LAST_FLUSH, drained).await;
    }
}
