//! The state machine a driver drives: it owns links, timers and outbound buffers, and shares the
//! interest index with its siblings.
//!
//! A shard is to a server what a server is to a cluster. It is single-threaded; a server runs one
//! a core, a browser one. The driver calls in with bytes and facts, then drains [`Shard::poll`]
//! until it says [`Output::Idle`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use foldhash::fast::FixedState;

use crate::auth::{Ask, Denial, PeerCertificate};
use crate::counters::{Counters, Totals};
use crate::id::{LinkId, ShardId, SubId};
use crate::interest::{DEFAULT_CAPACITY, Interest, MatchCache, Matches};
use crate::link::{Endpoint, Link, Origin, Phase, Verdict, ping_interval};
use crate::notice::{Event, Notice, SlowConsumer, Way};
use crate::outbound::{BufferPool, Outbound};
use crate::reason::CloseReason;
use crate::router::deliver::Effects;
use crate::router::mail::{Batch, Mailbox};
use crate::router::takes_part;
use crate::settings::Settings;
use crate::slab::Slab;
use crate::subscription::Subscriptions;
use crate::time::Time;
use crate::wire::{WireError, encode};

/// Longest a producer is kept waiting for slow consumers after one read, in milliseconds.
const MAX_STALL_MILLIS: u64 = 10;

/// Bytes for links that one call may produce before the driver writes them: they had better fit
/// into the processor's cache, and memory, when one message goes to a thousand links.
const FLUSH_AT: u64 = 512 << 10;

/// ... unless that makes fewer bytes than this for each link: writing has its price too.
const FLUSH_AT_EACH: u64 = 4 << 10;

/// Connection ids start above those that nats-server uses for itself.
const FIRST_CID: u64 = 5;

/// What the shards of one server have in common.
pub struct Shared {
    pub(crate) interest: Interest,
    pub(crate) mailboxes: Box<[Mailbox]>,
    counters: Box<[Counters]>,
    last_cid: AtomicU64,
    /// Clients that are open.
    pub(crate) clients: AtomicUsize,
    /// Clients that have to leave because a reload allows fewer.
    pub(crate) surplus: AtomicUsize,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shared").field("shards", &self.mailboxes.len()).finish_non_exhaustive()
    }
}

impl Shared {
    /// For a server of `shards` shards (at least one).
    pub fn new(shards: usize) -> Arc<Self> {
        let shards = shards.max(1);
        Arc::new(Self {
            interest: Interest::new(),
            mailboxes: (0..shards).map(|_| Mailbox::default()).collect(),
            counters: (0..shards).map(|_| Counters::default()).collect(),
            last_cid: AtomicU64::new(FIRST_CID),
            clients: AtomicUsize::new(0),
            surplus: AtomicUsize::new(0),
        })
    }

    /// Client connections that a shard serves now; zero for one that does not exist.
    pub fn connections(&self, shard: ShardId) -> u64 {
        self.counters.get(usize::from(shard.0)).map_or(0, |counters| counters.connections.get())
    }

    /// Counters of all shards added up.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.counters.iter().for_each(|shard| totals.add(shard));
        totals
    }
}

/// What a driver has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Write what waits for this link ([`Shard::outbound`], [`Shard::written`]).
    Flush(LinkId),
    /// Write what waits if the reason [says so](CloseReason::flushes), close, then call
    /// [`Shard::closed`].
    Close(LinkId, CloseReason),
    /// Stop reading this link until [`Output::Resume`].
    Pause(LinkId),
    /// Read this link again, beginning with what it has not taken.
    Resume(LinkId),
    /// Find this out and call [`Shard::resolve`]. Until [`Output::Resume`] the link is not to be
    /// read, and what it has not taken is kept.
    Ask(Box<Ask>),
    /// Have the driver of this shard, which may be this very one, call [`Shard::wake`] soon.
    Wake(ShardId),
    /// For the log.
    Notice(Notice),
    /// Drained. Call [`Shard::timeout`] at this time at the latest.
    Idle(Option<Time>),
}

/// Sums of one call, added to the counters at its end.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    pub(crate) in_msgs: u64,
    pub(crate) in_bytes: u64,
    pub(crate) out_msgs: u64,
    pub(crate) out_bytes: u64,
    pub(crate) stall_millis: u64,
    /// The link that is being read: the one to slow down.
    pub(crate) publisher: Option<LinkId>,
}

/// One shard. See the module's documentation.
pub struct Shard {
    pub(crate) id: ShardId,
    pub(crate) shared: Arc<Shared>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) links: Slab<Link>,
    pub(crate) subs: Subscriptions,
    pub(crate) cache: MatchCache,
    pub(crate) found: Matches,
    pub(crate) pool: BufferPool,
    pub(crate) effects: Effects,
    pub(crate) outboxes: Box<[Batch]>,
    /// Room for the members of other shards that one message's queue groups chose: the member and
    /// its group's place in the plan.
    pub(crate) picks: Vec<(SubId, usize)>,
    /// Room for the verb and the new subject of a message that is mapped.
    pub(crate) renamed: Vec<u8>,
    pub(crate) rng: fastrand::Rng,
    pub(crate) hasher: FixedState,
    pub(crate) pass: Pass,
    pub(crate) now: Time,
    /// The current call's link did something that counts as a sign of life.
    pub(crate) active: bool,
    /// Batches of siblings, and the first of them that is not delivered.
    pub(crate) inbox: Vec<Batch>,
    pub(crate) inbox_next: usize,
    /// Bytes that came to wait since [`Shard::poll`] was drained.
    unwritten: u64,
    /// A read waits for what siblings had left when it came.
    fetched: bool,
    pub(crate) outputs: VecDeque<Output>,
    timers: BinaryHeap<Reverse<(Time, u32, u32)>>,
}

impl Shard {
    /// Shard number `id` of the server behind `shared`, which must be one of those it was made
    /// for. All the shard's chance comes from `seed`.
    pub fn new(id: ShardId, shared: Arc<Shared>, settings: Arc<Settings>, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let hasher = FixedState::with_seed(rng.u64(..));
        let outboxes = shared.mailboxes.iter().map(|_| Batch::default()).collect();
        Self {
            id,
            shared,
            settings,
            links: Slab::default(),
            subs: Subscriptions::new(id),
            cache: MatchCache::new(id, DEFAULT_CAPACITY),
            found: Matches::new(),
            pool: BufferPool::default(),
            effects: Effects::default(),
            outboxes,
            picks: Vec::new(),
            renamed: Vec::new(),
            rng,
            hasher,
            pass: Pass::default(),
            now: Time::ZERO,
            active: false,
            inbox: Vec::new(),
            inbox_next: 0,
            unwritten: 0,
            fetched: false,
            outputs: VecDeque::new(),
            timers: BinaryHeap::new(),
        }
    }

    /// A peer connected. Its INFO (and, when the server is full, the refusal) waits to be written.
    /// `None` only when four billion links exist.
    pub fn open(&mut self, now: Time, endpoint: Endpoint) -> Option<LinkId> {
        self.now = now;
        let cid = self.shared.last_cid.fetch_add(1, Ordering::Relaxed) + 1;
        let settings = self.settings.clone();
        let (slot, generation) = self.links.insert(|slot, generation| {
            Link::new(LinkId { slot, generation }, cid, now, endpoint, &settings)
        })?;
        let counters = self.counters();
        counters.connections.add(1);
        counters.total_connections.add(1);
        let clients = self.shared.clients.fetch_add(1, Ordering::Relaxed);
        self.notice(slot, || Event::Opened);
        self.send_first_info(slot);
        if clients >= settings.limits.max_connections {
            let reason = CloseReason::MaxConnectionsExceeded;
            let _ = self.refuse(slot, reason, "maximum connections exceeded");
        }
        self.schedule(slot);
        Some(LinkId { slot, generation })
    }

    /// What an [`Endpoint`] announced to follow the INFO is done, and `origin` and the certificate
    /// are known.
    pub fn admitted(
        &mut self,
        now: Time,
        id: LinkId,
        origin: Origin,
        certificate: Option<Box<PeerCertificate>>,
    ) {
        self.now = now;
        let settings = self.settings.clone();
        if let Some(link) = self.link_mut(id).filter(|link| link.phase == Phase::Entering) {
            link.endpoint.origin = origin;
            link.endpoint.certificate = certificate;
            link.greeted(now, &settings);
            self.schedule(id.slot);
        }
    }

    /// The TLS handshake that was to follow the INFO failed. [`Self::closed`] is to come.
    pub fn rejected(&mut self, id: LinkId, error: &dyn core::fmt::Display) {
        if self.link_mut(id).is_some() {
            self.misbehaved(id.slot, || format!("TLS handshake error: {error}"));
        }
    }

    /// Bytes from a peer: everything complete in them is parsed and routed. Returns how many are
    /// taken. That is all of them, unless so much has come to wait that it should be written
    /// first: then drain [`Shard::poll`] and call again with the rest. A link that an
    /// [`Output::Ask`] is about takes nothing before its [`Output::Resume`].
    pub fn receive(&mut self, now: Time, id: LinkId, bytes: &[u8]) -> usize {
        self.now = now;
        // What was published before these bytes came must not meet their UNSUB.
        let mut fetched = self.fetched;
        let caught_up = self.collect(self.flush_at(FLUSH_AT), &mut fetched);
        self.fetched = fetched && !caught_up;
        if !caught_up {
            self.settle();
            return 0;
        }
        let settings = self.settings.clone();
        let Some(link) = self.link_mut(id).filter(|link| takes_part(link.phase)) else {
            self.settle();
            return bytes.len();
        };
        if matches!(link.phase, Phase::Deciding(_)) {
            self.settle();
            return 0;
        }
        let mut parser = std::mem::take(&mut link.parser);
        let mut rules = link.rules(&settings);
        let mut input = bytes;
        self.active = false;
        self.pass.publisher = Some(id);
        let (flush_at, flush_at_each) = (self.flush_at(FLUSH_AT), self.flush_at(FLUSH_AT_EACH));
        let flush_at = flush_at.saturating_sub(self.unwritten);
        let mut first = true;
        while std::mem::take(&mut first)
            || self.effects.out_bytes < flush_at
            || self.effects.out_bytes < self.pool.dirty.len() as u64 * flush_at_each
        {
            if settings.trace.is_none()
                && let Some(publish) = parser.next_publish(&mut input, &rules)
            {
                if self.publish_from_client(id.slot, &publish).is_break() {
                    break;
                }
                continue;
            }
            match parser.next(&mut input, &rules) {
                Ok(Some(op)) => {
                    let connect = matches!(op, crate::wire::Op::Connect(_));
                    if self.operate(id.slot, &op).is_break() {
                        break;
                    }
                    if connect && let Some(link) = self.links.at(id.slot) {
                        rules = link.rules(&settings);
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    self.unreadable(id.slot, error);
                    break;
                }
            }
        }
        let active = self.active;
        let mut taken = bytes.len();
        if let Some(link) = self.links.at_mut(id.slot) {
            link.parser = parser;
            if active {
                link.liveness.active(now);
            }
            if takes_part(link.phase) {
                taken -= input.len();
            }
        }
        self.settle();
        taken
    }

    /// What a peer says is against the grammar, or comes before a CONNECT that is required.
    #[cold]
    #[inline(never)]
    fn unreadable(&mut self, slot: u32, error: WireError) {
        if error == WireError::AuthorizationViolation {
            let _ = self.denied(slot, Box::default(), Denial::BEFORE_CONNECT);
            return;
        }
        if let Some(text) = error.text() {
            self.send_error(slot, text);
        }
        self.misbehaved(slot, || format!("Client parser ERROR: {error}"));
        self.close(slot, error.reason());
    }

    /// A sibling left something.
    pub fn wake(&mut self, now: Time) {
        self.now = now;
        self.collect(self.flush_at(FLUSH_AT), &mut false);
        self.settle();
    }

    /// The bytes waiting for a link.
    pub fn outbound(&self, id: LinkId) -> Option<&Outbound> {
        self.links.at(id.slot).filter(|link| link.id == id).map(|link| &link.outbound)
    }

    /// `count` of the bytes waiting for a link are written. Zero says that it takes none now.
    pub fn written(&mut self, now: Time, id: LinkId, count: usize) {
        self.now = now;
        let high = self.settings.limits.max_pending / 4 * 3;
        let Self { links, pool, .. } = self;
        let Some(link) = links.at_mut(id.slot).filter(|link| link.id == id) else { return };
        link.outbound.advance(count, pool);
        if link.outbound.is_empty() {
            link.blocked_since = None;
        } else if count > 0 || link.blocked_since.is_none() {
            link.blocked_since = Some(now);
        }
        if !link.waiting.is_empty() && link.outbound.pending() < high {
            for producer in std::mem::take(&mut link.waiting) {
                self.resume(producer);
            }
        }
        self.schedule(id.slot);
    }

    /// The connection is gone: the peer left, the driver could not go on, or an
    /// [`Output::Close`] is carried out (then its reason stands).
    pub fn closed(&mut self, now: Time, id: LinkId, reason: CloseReason) {
        self.now = now;
        if self.link_mut(id).is_none() {
            return;
        }
        self.detach(id.slot, reason);
        self.links.remove(id.slot);
        self.settle();
    }

    /// A deadline passed.
    pub fn timeout(&mut self, now: Time) {
        self.now = now;
        while let Some(&Reverse((at, slot, generation))) = self.timers.peek()
            && at <= now
        {
            self.timers.pop();
            let id = LinkId { slot, generation };
            let Some(link) = self.link_mut(id).filter(|link| link.scheduled == Some(at)) else {
                continue;
            };
            link.scheduled = None;
            self.fire(slot);
            self.schedule(slot);
        }
        if self.links.len() == 0 {
            self.pool.release();
        }
        self.settle();
    }

    /// Tells clients that this server is leaving, then closes them one by one between `grace` and
    /// `total` from now.
    pub fn lame_duck(&mut self, now: Time, grace: Duration, total: Duration) {
        self.now = now;
        let slots: Vec<u32> = self.links.slots().collect();
        let count = u32::try_from(slots.len()).unwrap_or(u32::MAX).max(1);
        let step = (total.saturating_sub(grace) / count).min(Duration::from_secs(1));
        let mut at = now.after(grace);
        for slot in slots {
            self.send_lame_duck_info(slot);
            if let Some(link) = self.links.at_mut(slot) {
                link.leave_at = Some(at);
            }
            at = at.after(step.mul_f64(0.5 + self.rng.f64() * 0.5));
            self.schedule(slot);
        }
    }

    /// Closes every link: the server stops.
    pub fn shutdown(&mut self, now: Time) {
        self.now = now;
        // What siblings have handed over was published before the end.
        self.collect(u64::MAX, &mut false);
        let slots: Vec<u32> = self.links.slots().collect();
        for slot in slots {
            self.close(slot, CloseReason::ServerShutdown);
        }
    }

    /// Links that are open or closing.
    pub fn link_count(&self) -> usize {
        self.links.len()
    }

    /// Live subscriptions of this shard's links.
    pub fn subscription_count(&self) -> usize {
        self.subs.len()
    }

    /// Whether writing pays by now. A driver that has more to read may put [`Shard::poll`] off
    /// until it does: thousands of links with a message each are better written to less often.
    pub fn is_worth_writing(&self) -> bool {
        let links = self.pool.dirty.len() as u64;
        self.unwritten >= (links * FLUSH_AT_EACH).max(FLUSH_AT / 2)
    }

    /// The next thing to do.
    #[must_use]
    pub fn poll(&mut self) -> Output {
        while let Some(slot) = self.pool.dirty.pop() {
            if let Some(link) = self.links.at_mut(slot)
                && std::mem::take(&mut link.dirty)
            {
                return Output::Flush(link.id);
            }
        }
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        self.unwritten = 0;
        Output::Idle(self.timers.peek().map(|Reverse((at, ..))| *at))
    }

    pub(crate) fn counters(&self) -> &Counters {
        // `new` made one per shard, and ids count them.
        &self.shared.counters[usize::from(self.id.0)]
    }

    fn link_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.at_mut(id.slot).filter(|link| link.id == id)
    }

    /// Appends to a link's outbound buffer and marks it for flushing.
    #[inline]
    pub(crate) fn send(&mut self, slot: u32, write: impl FnOnce(&mut Vec<u8>)) {
        let Self { links, pool, .. } = self;
        let Some(link) = links.at_mut(slot) else { return };
        if link.phase == Phase::Closing {
            return;
        }
        link.outbound.append(pool, write);
        if !link.dirty {
            link.dirty = true;
            pool.dirty.push(slot);
        }
    }

    /// Sends `PING`, `PONG` or `+OK`, with its line end.
    #[inline]
    pub(crate) fn send_word(&mut self, slot: u32, line: &'static [u8]) {
        if self.settings.trace.is_some() {
            let word = String::from_utf8_lossy(line);
            self.trace(slot, Way::Out, word.trim_start_matches('+').trim_end());
        }
        self.send(slot, |out| out.extend_from_slice(line));
    }

    /// Sends `-ERR 'text'`.
    pub(crate) fn send_error(&mut self, slot: u32, text: &str) {
        if self.settings.trace.is_some() {
            self.trace(slot, Way::Out, &format!("-ERR {text}"));
        }
        self.send(slot, |out| encode::error(out, text));
    }

    /// Looks at a link again when it wants to be looked at.
    pub(crate) fn schedule(&mut self, slot: u32) {
        let Some(link) = self.links.at_mut(slot) else { return };
        let Some(at) = link.deadline(&self.settings) else { return };
        if link.scheduled.is_none_or(|scheduled| at < scheduled) {
            link.scheduled = Some(at);
            self.timers.push(Reverse((at, slot, link.id.generation)));
        }
    }

    /// A link's deadline passed: whichever it was.
    fn fire(&mut self, slot: u32) {
        let now = self.now;
        let settings = self.settings.clone();
        let Some(link) = self.links.at_mut(slot) else { return };
        let id = link.id;
        if link.paused_until.is_some_and(|until| until <= now) {
            self.resume(id);
        }
        let Some(link) = self.links.at_mut(slot) else { return };
        if link.leave_at.is_some_and(|at| at <= now) {
            link.leave_at = None;
            return self.close(slot, CloseReason::ServerShutdown);
        }
        let deadline = settings.limits.write_deadline;
        if link.blocked_since.is_some_and(|since| now.since(since) >= deadline) {
            let pending = link.outbound.pending();
            let millis = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
            let event = Event::SlowConsumer(SlowConsumer::WriteDeadline(millis, pending));
            if !matches!(link.phase, Phase::AwaitConnect(_)) {
                self.counters().slow_consumers.add(1);
            }
            self.notice(slot, || event);
            return self.close(slot, CloseReason::SlowConsumerWriteDeadline);
        }
        if let Phase::AwaitConnect(until) | Phase::Deciding(until) = link.phase
            && until <= now
        {
            let reason = CloseReason::AuthenticationTimeout;
            let _ = self.refuse(slot, reason, "Authentication Timeout");
            return;
        }
        if link.liveness.due() <= now && matches!(link.phase, Phase::AwaitConnect(_) | Phase::Open)
        {
            let interval = ping_interval(&settings, link.endpoint.transport);
            match link.liveness.fire(now, interval, settings.limits.ping_max) {
                Verdict::Quiet => {}
                Verdict::Ping => self.send_word(slot, encode::PING),
                Verdict::Stale => {
                    self.counters().stale_connections.add(1);
                    let _ = self.refuse(slot, CloseReason::StaleConnection, "Stale Connection");
                }
            }
        }
    }

    /// Starts the end of a link from our side.
    pub(crate) fn close(&mut self, slot: u32, reason: CloseReason) {
        let Some(link) = self.links.at_mut(slot) else { return };
        if link.phase == Phase::Closing {
            return;
        }
        let id = link.id;
        self.detach(slot, reason);
        self.outputs.push_back(Output::Close(id, reason));
    }

    /// Takes a link out of everything it takes part in. Done once, whoever ends it.
    fn detach(&mut self, slot: u32, reason: CloseReason) {
        let Some(link) = self.links.at_mut(slot) else { return };
        if link.phase == Phase::Closing {
            return;
        }
        link.phase = Phase::Closing;
        if !reason.flushes() {
            link.outbound.clear();
        }
        let waiting = std::mem::take(&mut link.waiting);
        for producer in waiting {
            self.resume(producer);
        }
        self.counters().connections.sub(1);
        self.shared.clients.fetch_sub(1, Ordering::Relaxed);
        self.notice(slot, || Event::Closed(reason));
        self.unsubscribe_all(slot);
    }

    /// A link's queue would exceed the limit.
    pub(crate) fn overfull(&mut self, slot: u32) {
        if !self.links.at(slot).is_some_and(|link| link.phase != Phase::Closing) {
            return;
        }
        self.counters().slow_consumers.add(1);
        let limit = self.settings.limits.max_pending;
        self.notice(slot, || Event::SlowConsumer(SlowConsumer::MaxPending(limit)));
        self.close(slot, CloseReason::SlowConsumerPendingBytes);
    }

    /// Stops reading a link for a while, because a consumer of its messages lags behind.
    pub(crate) fn stall_link(&mut self, id: LinkId) {
        self.pause(id, MAX_STALL_MILLIS);
    }

    fn pause(&mut self, id: LinkId, millis: u64) {
        let until = self.now.after(Duration::from_millis(millis));
        let Some(link) = self.link_mut(id).filter(|link| link.phase != Phase::Closing) else {
            return;
        };
        if link.paused_until.replace(until).is_none() {
            self.outputs.push_back(Output::Pause(id));
        }
        self.schedule(id.slot);
    }

    fn resume(&mut self, id: LinkId) {
        if let Some(link) = self.link_mut(id)
            && link.paused_until.take().is_some()
        {
            self.read_again(id.slot);
        }
    }

    /// Has a link read again, unless there is another reason not to.
    pub(crate) fn read_again(&mut self, slot: u32) {
        if let Some(link) = self.links.at(slot)
            && link.paused_until.is_none()
            && !matches!(link.phase, Phase::Deciding(_))
        {
            self.outputs.push_back(Output::Resume(link.id));
        }
    }

    /// A link with a small limit must have its chance to be written before it is over it.
    fn flush_at(&self, at: u64) -> u64 {
        at.min((self.settings.limits.max_pending / 4) as u64 + 1)
    }

    /// Delivers what siblings have left by the time that `fetched` is false, up to `limit` bytes
    /// for this shard's links. Returns whether that was all.
    fn collect(&mut self, limit: u64, fetched: &mut bool) -> bool {
        loop {
            if self.inbox.is_empty() {
                let mailbox = &self.shared.mailboxes[usize::from(self.id.0)];
                if std::mem::replace(fetched, true)
                    || mailbox.is_empty()
                    || !mailbox.collect(&mut self.inbox)
                {
                    return true;
                }
            }
            self.deliver_inbox(limit);
            if !self.inbox.is_empty() {
                return false;
            }
        }
    }

    /// The end of a call: counters, batches to siblings, the producer's stall.
    pub(crate) fn settle(&mut self) {
        self.apply_effects(None);
        let pass = std::mem::take(&mut self.pass);
        self.unwritten += pass.out_bytes;
        let counters = self.counters();
        counters.in_msgs.add(pass.in_msgs);
        counters.in_bytes.add(pass.in_bytes);
        counters.out_msgs.add(pass.out_msgs);
        counters.out_bytes.add(pass.out_bytes);
        let mut stall = pass.stall_millis;
        if stall > 0 {
            counters.stalled_clients.add(1);
        }
        for target in 0..self.outboxes.len() {
            let outbox = &mut self.outboxes[target];
            if outbox.is_empty() {
                continue;
            }
            let posted = self.shared.mailboxes[target].post(outbox);
            if posted.wake {
                self.outputs.push_back(Output::Wake(ShardId(target as u16)));
            }
            if posted.crowded {
                stall = MAX_STALL_MILLIS;
            }
        }
        if !self.inbox.is_empty() {
            self.outputs.push_back(Output::Wake(self.id));
        }
        if stall > 0
            && let Some(publisher) = pass.publisher
        {
            self.pause(publisher, stall.min(MAX_STALL_MILLIS));
        }
    }

    /// Something for the log about a link.
    pub(crate) fn notice(&mut self, slot: u32, event: impl FnOnce() -> Event) {
        if let Some(link) = self.links.at(slot) {
            let notice = Notice { label: link.label(), event: event() };
            self.outputs.push_back(Output::Notice(notice));
        }
    }

    /// A peer broke a rule.
    pub(crate) fn misbehaved(&mut self, slot: u32, text: impl FnOnce() -> String) {
        self.notice(slot, || Event::Misbehaved(text()));
    }
}
