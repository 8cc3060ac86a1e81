//! The state machine a driver drives: it owns links, timers and outbound buffers, and shares the
//! interest index with its siblings.
//!
//! A shard is to a server what a server is to a cluster. It is single-threaded; a server runs one
//! a core, a browser one. The driver calls in with bytes and facts, then drains [`Shard::poll`]
//! until it says [`Output::Idle`].

pub(crate) mod accounts;
mod advisories;
mod clients;
mod deadlines;
mod ending;
mod shared;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use foldhash::fast::FixedState;

use self::accounts::Views;
pub use self::advisories::{Advisory, ClientEvent};
pub use self::clients::{Client, ClientSubscription, Rights, Traffic};
pub use self::shared::Shared;
pub use crate::router::own::{Called, OwnMessage, OwnResponse};

use crate::account::AccountId;
use crate::auth::{Ask, Denial, PeerCertificate};
use crate::counters::Counters;
use crate::id::{LinkId, ShardId, SubId};
use crate::interest::Matches;
use crate::link::client::identity::Identified;
use crate::link::{Endpoint, Link, Origin, Phase};
use crate::notice::{Event, Notice, Way};
use crate::outbound::{BufferPool, Outbound};
use crate::reason::CloseReason;
use crate::router::deliver::Effects;
use crate::router::mail::Batch;
use crate::router::run::Run;
use crate::router::services::Responses;
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

/// What a driver has to do.
#[derive(Debug, PartialEq)]
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
    /// A message for a service of the server's own ([`Shared::provide`]).
    Called(Box<Called>),
    /// What came of a request of the server's own ([`Shard::request`]): the first response, or
    /// nothing in time.
    Response(u64, Option<Box<OwnResponse>>),
    /// Something for the system account, which listens.
    Advisory(Box<Advisory>),
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
    pub(crate) views: Views,
    pub(crate) found: Matches,
    pub(crate) pool: BufferPool,
    pub(crate) effects: Effects,
    pub(crate) outboxes: Box<[Batch]>,
    /// Room for the members of other shards that one message's queue groups chose: the member and
    /// its group's place in the plan.
    pub(crate) picks: Vec<(SubId, usize)>,
    /// Messages that wait for the next one. Empty between calls.
    pub(crate) run: Run,
    /// Room for the verb and the new subject of a message that is mapped.
    pub(crate) renamed: Vec<u8>,
    /// Room for the headers and the text of a message that says who sent it.
    pub(crate) identified: Identified,
    /// Responses that requests to other accounts wait for.
    pub(crate) responses: Responses,
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
        let mut shard = Self {
            id,
            shared,
            settings,
            links: Slab::default(),
            subs: Subscriptions::new(id),
            views: Views::new(id),
            found: Matches::new(),
            pool: BufferPool::default(),
            effects: Effects::default(),
            outboxes,
            picks: Vec::new(),
            run: Run::default(),
            renamed: Vec::new(),
            identified: Identified::default(),
            responses: Responses::default(),
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
        };
        shard.behold(AccountId::GLOBAL);
        shard
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
        if let (Some(link), Some(view)) =
            (self.links.at_mut(slot), self.views.get(AccountId::GLOBAL))
        {
            link.obey(&view.rules, self.settings.epoch);
        }
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
        // At least one, however much waits.
        let flush_at = self.pass.out_bytes + flush_at.saturating_sub(self.unwritten).max(1);
        while !self.is_full(flush_at, flush_at_each) {
            if settings.trace.is_none()
                && let Some(publish) = parser.next_publish(&mut input, &rules)
            {
                if self.run.join((self.id, id), &publish) {
                    self.pass.in_msgs += 1;
                    self.pass.in_bytes += publish.body.as_slice().len() as u64;
                    continue;
                }
                self.end_run();
                if self.publish_from_client(id.slot, &publish).is_break() {
                    break;
                }
                continue;
            }
            self.end_run();
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
        self.end_run();
        let active = self.active;
        let mut taken = bytes.len();
        let Pass { in_msgs, in_bytes, .. } = self.pass;
        if let Some(link) = self.links.at_mut(id.slot) {
            link.parser = parser;
            link.received.add(in_msgs, in_bytes);
            if in_msgs > 0
                && let Some(view) = self.views.get(link.account)
            {
                view.tally.received(in_msgs, in_bytes);
            }
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
        let high = self.settings.limits.lagging();
        let Self { links, pool, views, .. } = self;
        let Some(link) = links.at_mut(id.slot).filter(|link| link.id == id) else { return };
        link.outbound.advance(count, pool);
        let fresh = link.sent - link.tallied;
        if fresh.msgs > 0
            && let Some(view) = views.get(link.account)
        {
            link.tallied = link.sent;
            view.tally.sent(fresh);
        }
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
        let timer = self.timers.peek().map(|Reverse((at, ..))| *at);
        let responses = self.responses.deadline();
        Output::Idle(timer.into_iter().chain(responses).min())
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

    /// Whether this call has made so many bytes wait, and so many for each link, that they should
    /// be written. Ends a run to find out.
    #[inline]
    pub(crate) fn is_full(&mut self, at: u64, at_each: u64) -> bool {
        let enough = |it: &Self| {
            let bytes = it.pass.out_bytes + it.effects.out_bytes + it.run.owed();
            bytes >= at && bytes >= it.pool.dirty.len() as u64 * at_each
        };
        enough(self) && {
            self.end_run();
            enough(self)
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
            self.deliver_inbox(limit, self.flush_at(FLUSH_AT_EACH));
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
