//! One message into one receiver's outbound buffer.

use bytes::Bytes;
use foldhash::fast::FixedState;

use crate::id::SubId;
use crate::limits::{Limits, SHARED_PAYLOAD};
use crate::link::client::trace::Tracer;
use crate::link::{Flags, Link};
use crate::outbound::{BufferPool, Outbound};
use crate::router::takes_part;
use crate::slab::Slab;
use crate::subscription::{Subscription, Subscriptions};
use crate::time::Time;
use crate::wire::number::Decimal;
use crate::wire::{Body, Publish, Verbatim, encode};

/// Longest a producer waits for one delivery to a consumer that lags behind, in milliseconds.
const STALL_MILLIS: u64 = 2;

/// ... and to one whose queue is full.
const FULL_STALL_MILLIS: u64 = 5;

/// Room for a short sid as it is written.
const SHORT_SID: usize = 16;

/// The slot that no link has.
pub(crate) const NOBODY: u32 = u32::MAX;

/// What deliveries leave to be done once the match plan is no longer borrowed.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Subscriptions that reached their limit.
    pub(crate) ended: Vec<u32>,
    /// Links whose queue would exceed `max_pending`.
    pub(crate) overfull: Vec<u32>,
    /// Links the producer should wait for.
    pub(crate) lagging: Vec<u32>,
    /// How long, in milliseconds.
    pub(crate) stall_millis: u64,
    pub(crate) out_msgs: u64,
    pub(crate) out_bytes: u64,
}

impl Effects {
    /// Whether nothing but counting is left to do.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.ended.is_empty() && self.overfull.is_empty() && self.stall_millis == 0
    }
}

/// One message on its way to this shard's links.
pub(crate) struct Delivery<'a> {
    links: &'a mut Slab<Link>,
    subs: &'a mut Subscriptions,
    pool: &'a mut BufferPool,
    effects: &'a mut Effects,
    /// The slot of a publisher that is not to hear itself, or [`NOBODY`].
    deaf: u32,
    /// Pending bytes above which a receiver lags behind, and above which it is cut off.
    high: usize,
    max: usize,
    drop_when_lagging: bool,
    message: &'a Publish<'a>,
    body: usize,
    headers: bool,
    /// A large body, stored once for all receivers.
    shared: Option<Bytes>,
    /// Subscriptions of other accounts do not get it.
    inside: bool,
    now: Time,
    hasher: &'a FixedState,
    tracer: Option<Box<Tracer<'a>>>,
}

/// Where deliveries go and what they use on the way.
pub(crate) struct Means<'a> {
    pub(crate) links: &'a mut Slab<Link>,
    pub(crate) subs: &'a mut Subscriptions,
    pub(crate) pool: &'a mut BufferPool,
    pub(crate) effects: &'a mut Effects,
    pub(crate) limits: &'a Limits,
    /// For the replies that receivers may send.
    pub(crate) now: Time,
    pub(crate) hasher: &'a FixedState,
    /// Where deliveries are noted, if they are.
    pub(crate) tracer: Option<Box<Tracer<'a>>>,
}

impl Means<'_> {
    /// The same, for a while. Nothing is noted.
    pub(crate) fn again(&mut self) -> Means<'_> {
        Means {
            links: self.links,
            subs: self.subs,
            pool: self.pool,
            effects: self.effects,
            limits: self.limits,
            now: self.now,
            hasher: self.hasher,
            tracer: None,
        }
    }
}

impl<'a> Delivery<'a> {
    /// `deaf` is the slot of a publisher that is not to hear itself, or [`NOBODY`].
    #[inline]
    pub(crate) fn new(means: Means<'a>, deaf: u32, message: &'a Publish<'a>) -> Self {
        let Means { links, subs, pool, effects, limits, now, hasher, tracer } = means;
        let body = message.body.as_slice().len();
        Self {
            links,
            subs,
            pool,
            effects,
            deaf,
            high: limits.lagging(),
            max: limits.max_pending,
            drop_when_lagging: limits.no_fast_producer_stall,
            message,
            body,
            headers: message.header_len > 0,
            shared: None,
            inside: false,
            now,
            hasher,
            tracer,
        }
    }

    /// Has subscriptions of other accounts not get the message.
    pub(crate) fn keep_inside(&mut self) {
        self.inside = true;
    }

    /// Gives the message to one subscription; returns whether it took it.
    #[inline]
    pub(crate) fn hand_over(&mut self, id: SubId) -> bool {
        self.give::<false>(id, self.message)
    }

    /// Gives the message to a subscription of another account, under the name that it has there.
    #[cold]
    fn hand_over_imported(&mut self, id: SubId) -> bool {
        if self.inside {
            return false;
        }
        let Some(imported) = self.subs.imported(id) else { return false };
        let parent = imported.parent;
        let Some(transform) = imported.import.renaming.here().cloned() else {
            return self.give::<false>(parent, self.message);
        };
        let mut line = std::mem::take(&mut self.subs.line);
        let verb: &[u8] = if self.headers { b"HPUB " } else { b"PUB " };
        line.clear();
        line.extend_from_slice(verb);
        transform.rename(self.message.subject, &mut line);
        line.push(b' ');
        let subject = line.get(verb.len()..line.len() - 1).unwrap_or_default();
        let taken = self.give::<false>(parent, &self.message.renamed(subject, &line));
        self.subs.line = line;
        taken
    }

    /// [`Delivery::hand_over`] to a link with permissions: what is denied does not pass, and what
    /// passes may be answered.
    #[cold]
    fn hand_over_restricted(&mut self, id: SubId, message: &Publish<'_>) -> bool {
        let Some(sub) = self.subs.get_mut(id) else { return false };
        let (slot, queue) = (sub.link, sub.queue());
        let link = self.links.at_mut(slot);
        let Some(permissions) = link.and_then(|link| link.permissions.as_deref_mut()) else {
            return false;
        };
        if !permissions.may_receive(message.subject, queue, self.hasher)
            || !self.give::<true>(id, message)
        {
            return false;
        }
        let link = self.links.at_mut(slot);
        if let Some(reply) = message.reply.filter(|reply| !reply.is_empty())
            && let Some(permissions) = link.and_then(|link| link.permissions.as_deref_mut())
        {
            permissions.request_delivered(reply, self.now, self.hasher);
        }
        true
    }

    /// With `PERMITTED` the receiver's permissions have been asked.
    #[inline]
    fn give<const PERMITTED: bool>(&mut self, id: SubId, message: &Publish<'_>) -> bool {
        let Some(sub) = self.subs.get_mut(id) else {
            return !PERMITTED && self.hand_over_imported(id);
        };
        let Some(link) = self.links.at_mut(sub.link) else { return false };
        if !takes_part(link.phase) || self.deaf == sub.link {
            return false;
        }
        if !PERMITTED && link.permissions.is_some() {
            return self.hand_over_restricted(id, message);
        }
        if sub.max > 0 {
            if sub.delivered >= u64::from(sub.max) {
                return false;
            }
            if sub.delivered + 1 == u64::from(sub.max) {
                self.effects.ended.push(id.slot);
            }
        }
        sub.delivered += 1;
        link.sent.add(1, self.body as u64);
        let pending = link.outbound.pending();
        if pending + self.body > self.high {
            let seen = if link.flags.headers { self.body } else { self.body - message.header_len };
            let lag = Lag { pending, seen, link: sub.link };
            if !lag.bear(self.high, self.max, self.drop_when_lagging, self.effects) {
                return false;
            }
        }
        match message.verbatim {
            Some(Verbatim { line, rest }) if !self.headers || link.flags.headers => {
                link.outbound.append(self.pool, |out| {
                    out.reserve(line.len() + rest.len() + SHORT_SID);
                    let verb = out.len();
                    out.extend_from_slice(line);
                    encode::replace_verb(out, verb, self.headers);
                    sub.sid.write(out);
                    out.extend_from_slice(rest);
                });
            }
            _ => compose(&mut link.outbound, self.pool, sub, link.flags, message, &mut self.shared),
        }
        if let Some(tracer) = &mut self.tracer {
            tracer.delivered(link, sub, message);
        }
        self.pool.mark(&mut link.dirty, sub.link);
        true
    }

    /// Gives the message to several subscriptions and counts who took it.
    #[inline(always)]
    pub(crate) fn hand_over_all(&mut self, ids: &[SubId]) -> usize {
        let mut taken = 0;
        for &id in ids {
            taken += usize::from(self.hand_over(id));
        }
        self.count(taken);
        taken
    }

    /// The links of these subscriptions.
    pub(crate) fn links_of(&self, ids: &[SubId]) -> impl Iterator<Item = u32> {
        ids.iter().filter_map(|id| self.subs.at(id.slot)).map(|sub| sub.link)
    }

    /// Whether deliveries are noted one by one.
    pub(crate) fn is_traced(&self) -> bool {
        self.tracer.is_some()
    }

    /// Counts `taken` deliveries.
    #[inline]
    pub(crate) fn count(&mut self, taken: usize) {
        self.effects.out_msgs += taken as u64;
        self.effects.out_bytes += (taken * self.body) as u64;
    }
}

/// A receiver with much waiting for it.
struct Lag {
    pending: usize,
    /// Bytes that one more message adds.
    seen: usize,
    link: u32,
}

impl Lag {
    /// Slows the producer down; returns whether the receiver gets the message all the same.
    #[cold]
    fn bear(self, high: usize, max: usize, drop: bool, effects: &mut Effects) -> bool {
        if self.pending > high {
            if drop {
                return false;
            }
            let full = self.pending >= max;
            effects.stall_millis += if full { FULL_STALL_MILLIS } else { STALL_MILLIS };
            effects.lagging.push(self.link);
        }
        if self.pending + self.seen > max {
            effects.overfull.push(self.link);
            return false;
        }
        true
    }
}

/// Puts together what precedes the body for one receiver.
pub(crate) fn head(out: &mut Vec<u8>, sub: &Subscription, flags: Flags, message: &Publish<'_>) {
    let (subject, sid, header_len) = (message.subject, sub.sid.as_slice(), message.header_len);
    match message.header_size {
        Some(size) if flags.headers && header_len > 0 => {
            encode::hmsg(out, subject, sid, message.reply, size, message.size);
        }
        // The server changed the message, so it writes the size itself.
        Some(_) if header_len > 0 => {
            let seen = message.body.as_slice().len() - header_len;
            let size = Decimal::new(seen as u64);
            encode::msg(out, subject, sid, message.reply, size.as_bytes());
        }
        _ => encode::msg(out, subject, sid, message.reply, message.size),
    }
}

/// Puts the message together for one receiver.
fn compose(
    outbound: &mut Outbound,
    pool: &mut BufferPool,
    sub: &Subscription,
    flags: Flags,
    message: &Publish<'_>,
    shared: &mut Option<Bytes>,
) {
    let body = message.body.as_slice();
    let body_start = if flags.headers { 0 } else { message.header_len };
    let seen = &body[body_start..];
    let large = seen.len() >= SHARED_PAYLOAD;
    outbound.append(pool, |out| {
        head(out, sub, flags, message);
        if !large {
            out.extend_from_slice(seen);
            out.extend_from_slice(encode::CRLF);
        }
    });
    if large {
        let whole = shared.get_or_insert_with(|| match &message.body {
            Body::Shared(bytes) => bytes.clone(),
            Body::Slice(slice) => Bytes::copy_from_slice(slice),
        });
        outbound.append_shared(pool, whole.slice(body_start..));
        outbound.append(pool, |out| out.extend_from_slice(encode::CRLF));
    }
}
