//! One server of several shards over a simulated network, in one thread and driven from a seed.
//!
//! This is the driver of the core that a host would be, at its worst: wakes and deadlines come
//! late, reads end at any octet, sockets take any part of what waits, or nothing for a while.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Output, Shard, Shared};
use nervure_core::{CloseReason, Limits, LinkId, ShardId, Time};

use crate::client::{Client, Fate};

/// Bytes that may wait for one client: few, so that slow readers meet the limit.
pub(crate) const MAX_PENDING: usize = 256 << 10;

/// Most bytes that the server reads at once.
const READ: usize = 16 << 10;

/// Operations after which a wake comes at the latest.
const LATEST_WAKE: u64 = 10;

/// What the protocol may add to a queue that is full of messages.
const PROTOCOL_SLACK: usize = 8 << 10;

/// Subscriptions of one client.
pub(crate) const MAX_SUBSCRIPTIONS: usize = 6;

pub(crate) struct World {
    pub(crate) shared: Arc<Shared>,
    pub(crate) shards: Vec<Shard>,
    pub(crate) clients: Vec<Client>,
    pub(crate) rng: fastrand::Rng,
    /// Nobody leaves, unsubscribes or is cut off.
    pub(crate) calm: bool,
    /// Messages and reads are short, so that buffers kept for reuse are small.
    pub(crate) small: bool,
    /// Counts the operations that the server has carried out.
    pub(crate) order: u64,
    /// Times a client was not read because its consumers lagged.
    pub(crate) pauses: usize,
    by_link: HashMap<(usize, LinkId), usize>,
    /// Shards that were asked to wake and have not yet, and after which operation.
    asleep: BTreeMap<u16, u64>,
    deadlines: Vec<Option<Time>>,
    now: Time,
    /// Everything that came out of the server, in order.
    outputs: DefaultHasher,
}

impl World {
    pub(crate) fn new(shards: u16, seed: u64) -> Self {
        Self::with(Settings::default(), shards, seed)
    }

    /// A server with these settings but for its limits.
    pub(crate) fn with(settings: Settings, shards: u16, seed: u64) -> Self {
        let shared = Shared::new(usize::from(shards));
        let limits = Limits {
            max_pending: MAX_PENDING,
            max_subscriptions: MAX_SUBSCRIPTIONS,
            ..Limits::default()
        };
        let settings = Arc::new(Settings { limits, ..settings });
        let shard =
            |id| Shard::new(ShardId(id), shared.clone(), settings.clone(), seed ^ u64::from(id));
        Self {
            shards: (0..shards).map(shard).collect(),
            shared,
            clients: Vec::new(),
            rng: fastrand::Rng::with_seed(seed),
            calm: seed.is_multiple_of(4),
            small: false,
            order: 0,
            pauses: 0,
            by_link: HashMap::new(),
            asleep: BTreeMap::new(),
            deadlines: vec![None; usize::from(shards)],
            now: Time::ZERO,
            outputs: DefaultHasher::new(),
        }
    }

    /// A number that stands for everything that ever came out of the server.
    pub(crate) fn outputs(&self) -> u64 {
        self.outputs.finish()
    }

    fn tick(&mut self) -> Time {
        self.now = self.now.after(Duration::from_micros(1));
        self.now
    }

    /// A client that connects to `shard`; `steady` ones neither read slowly nor vanish.
    pub(crate) fn connect(&mut self, shard: usize, steady: bool) -> usize {
        let (headers, echo) = (self.rng.u8(..4) > 0, self.rng.u8(..4) > 0);
        self.connect_as(shard, steady, headers, echo)
    }

    /// [`Self::connect`] with what CONNECT says about headers and echo.
    pub(crate) fn connect_as(
        &mut self,
        shard: usize,
        steady: bool,
        headers: bool,
        echo: bool,
    ) -> usize {
        self.connect_user(shard, steady, (headers, echo), "")
    }

    /// [`Self::connect_as`] of a user without a password.
    pub(crate) fn connect_user(
        &mut self,
        shard: usize,
        steady: bool,
        (headers, echo): (bool, bool),
        user: &str,
    ) -> usize {
        let now = self.tick();
        let peer = ([127, 0, 0, 1], 1).into();
        let endpoint = Endpoint::new(peer, Transport::Tcp, Arc::default(), [b'0'; 15]);
        let link = self.shards[shard].open(now, endpoint).unwrap();
        let number = self.clients.len();
        self.by_link.insert((shard, link), number);
        let client = Client::new(number, (shard, link), steady, (headers, echo), user);
        self.clients.push(client);
        self.drain(shard);
        number
    }

    /// Other settings come into force.
    pub(crate) fn reconfigure(&mut self, settings: Settings) {
        let settings = Arc::new(settings);
        for shard in 0..self.shards.len() {
            let now = self.tick();
            self.shards[shard].reconfigure(now, settings.clone());
            self.drain(shard);
        }
    }

    /// The server reads some of what a client has sent, up to any octet; false if there is nothing
    /// or the server is not reading.
    pub(crate) fn read(&mut self, number: usize) -> bool {
        let now = self.tick();
        let client = &mut self.clients[number];
        if client.fate != Fate::Alive || client.paused || client.to_server.is_empty() {
            return false;
        }
        let all = client.to_server.len().min(if self.small { READ / 32 } else { READ });
        let count = if self.rng.bool() { all } else { self.rng.usize(1..=all) };
        let bytes: Vec<u8> = client.to_server.drain(..count).collect();
        let (shard, link) = (client.shard, client.link);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let taken = self.shards[shard].receive(now, link, rest);
            rest = &rest[taken..];
            self.clients[number].carried_out(taken, &mut self.order);
            self.drain(shard);
            // Closed by its own publications: where in the chunk cannot be seen from here.
            let client = &mut self.clients[number];
            if client.fate != Fate::Alive {
                client.doubt_last_read();
                break;
            }
        }
        true
    }

    /// The client is gone without a word, whatever was under way.
    pub(crate) fn vanish(&mut self, number: usize) {
        let now = self.tick();
        let Client { shard, link, fate, .. } = self.clients[number];
        if fate != Fate::Alive {
            return;
        }
        self.clients[number].fate = Fate::Vanished;
        self.by_link.remove(&(shard, link));
        self.shards[shard].closed(now, link, CloseReason::ClientClosed);
        self.drain(shard);
    }

    /// From now on a client reads, or does not.
    pub(crate) fn set_slow(&mut self, number: usize, slow: bool) {
        let Client { shard, link, fate, .. } = self.clients[number];
        if fate == Fate::Alive {
            self.clients[number].slow = slow;
            self.flush(shard, link);
            self.drain(shard);
        }
    }

    /// Time passes; deadlines that are over are met, late.
    pub(crate) fn pass_time(&mut self, by: Duration) {
        self.now = self.now.after(by);
        for shard in 0..self.shards.len() {
            let now = self.tick();
            if self.deadlines[shard].is_some_and(|at| at <= now) {
                self.shards[shard].timeout(now);
                self.drain(shard);
            }
        }
    }

    /// Wakes one of the shards that were asked to wake; false when none was.
    pub(crate) fn wake_one(&mut self) -> bool {
        let Some((&shard, _)) = self.rng.choice(&self.asleep) else { return false };
        self.wake(shard);
        true
    }

    fn wake(&mut self, shard: u16) {
        self.asleep.remove(&shard);
        let now = self.tick();
        self.shards[usize::from(shard)].wake(now);
        self.drain(usize::from(shard));
    }

    /// No shard sleeps so long that what it has to deliver at once is more than a queue holds.
    pub(crate) fn wake_late_ones(&mut self) {
        let late = |(_, asked): &(&u16, &u64)| self.order - **asked > LATEST_WAKE;
        let late: Vec<u16> = self.asleep.iter().filter(late).map(|(shard, _)| *shard).collect();
        late.into_iter().for_each(|shard| self.wake(shard));
    }

    /// Everybody reads, and everything that is under way arrives.
    pub(crate) fn settle(&mut self) {
        for number in 0..self.clients.len() {
            self.set_slow(number, false);
        }
        for _ in 0..20_000 {
            let mut busy = self.wake_one();
            for number in 0..self.clients.len() {
                busy |= self.read(number);
                self.wake_late_ones();
                let client = &self.clients[number];
                busy |= client.fate == Fate::Alive && client.paused;
            }
            if !busy {
                return;
            }
            self.pass_time(Duration::from_millis(1));
        }
        panic!("the world does not come to rest: a client stays paused, or a wake goes round");
    }

    /// Does what a shard asks for; wakes of siblings are only noted.
    fn drain(&mut self, shard: usize) {
        loop {
            let output = self.shards[shard].poll();
            (shard, format!("{output:?}")).hash(&mut self.outputs);
            match output {
                Output::Flush(link) => self.flush(shard, link),
                Output::Wake(ShardId(sibling)) => drop(self.asleep.insert(sibling, self.order)),
                Output::Pause(link) => self.set_paused(shard, link, true),
                Output::Resume(link) => self.set_paused(shard, link, false),
                Output::Close(link, reason) => self.cut_off(shard, link, reason),
                Output::Ask(_) => unreachable!("nobody has a hashed password"),
                Output::Called(_) | Output::Response(..) | Output::Advisory(_) => {
                    unreachable!("the server itself says nothing");
                }
                Output::Notice(_) => {}
                Output::Idle(until) => {
                    self.deadlines[shard] = until;
                    return;
                }
            }
        }
    }

    fn set_paused(&mut self, shard: usize, link: LinkId, paused: bool) {
        if let Some(&number) = self.by_link.get(&(shard, link)) {
            self.clients[number].paused = paused;
            self.pauses += usize::from(paused);
        }
    }

    fn cut_off(&mut self, shard: usize, link: LinkId, reason: CloseReason) {
        if reason.flushes() {
            self.flush(shard, link);
        }
        let now = self.tick();
        if let Some(number) = self.by_link.remove(&(shard, link)) {
            self.clients[number].fate = Fate::CutOff(reason);
        }
        self.shards[shard].closed(now, link, reason);
    }

    /// The socket takes what it has room for.
    fn flush(&mut self, shard: usize, link: LinkId) {
        let now = self.tick();
        let Some(&number) = self.by_link.get(&(shard, link)) else { return };
        let part = self.rng.usize(1..4000);
        while let Some(outbound) = self.shards[shard].outbound(link).filter(|out| !out.is_empty()) {
            let limit = MAX_PENDING + PROTOCOL_SLACK;
            assert!(outbound.pending() <= limit, "{} octets wait", outbound.pending());
            if self.clients[number].slow {
                self.shards[shard].written(now, link, 0);
                return;
            }
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = outbound.slices(&mut slices);
            let mut bytes =
                slices[..filled].iter().map(|slice| &**slice).collect::<Vec<_>>().concat();
            bytes.truncate(part);
            bytes.hash(&mut self.outputs);
            self.shards[shard].written(now, link, bytes.len());
            self.clients[number].hear(&bytes);
        }
    }
}
