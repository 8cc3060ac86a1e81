//! One message into one receiver's outbound buffer.

use bytes::Bytes;

use crate::id::{LinkId, SubId};
use crate::limits::{Limits, SHARED_PAYLOAD};
use crate::link::client::trace::Tracer;
use crate::link::{Flags, Link};
use crate::outbound::{BufferPool, Outbound};
use crate::router::takes_part;
use crate::slab::Slab;
use crate::subscription::{Subscription, Subscriptions};
use crate::wire::number::Decimal;
use crate::wire::{Body, Publish, encode};

/// Longest a producer waits for one delivery to a consumer that lags behind, in milliseconds.
const STALL_MILLIS: u64 = 2;

/// ... and to one whose queue is full.
const FULL_STALL_MILLIS: u64 = 5;

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
    pub(crate) links: &'a mut Slab<Link>,
    pub(crate) subs: &'a mut Subscriptions,
    pub(crate) pool: &'a mut BufferPool,
    pub(crate) effects: &'a mut Effects,
    pub(crate) limits: &'a Limits,
    /// The link it came from, when that is one of this shard's.
    pub(crate) publisher: Option<LinkId>,
    pub(crate) message: &'a Publish<'a>,
    /// A large body, stored once for all receivers.
    pub(crate) shared: Option<Bytes>,
    /// Where deliveries are noted, if they are.
    pub(crate) tracer: Option<Tracer<'a>>,
}

impl Delivery<'_> {
    /// Gives the message to one subscription; returns whether it took it.
    #[inline]
    pub(crate) fn hand_over(&mut self, id: SubId) -> bool {
        let Some(sub) = self.subs.get_mut(id) else { return false };
        let Some(link) = self.links.at_mut(sub.link) else { return false };
        if !takes_part(link.phase) || (self.publisher == Some(link.id) && !link.flags.echo) {
            return false;
        }
        if sub.max > 0 {
            if sub.delivered >= u64::from(sub.max) {
                return false;
            }
            if sub.delivered + 1 == u64::from(sub.max) {
                self.effects.ended.push(id.slot);
            }
        }
        let body = self.message.body.as_slice().len();
        let seen = if link.flags.headers { body } else { body - self.message.header_len };
        sub.delivered += 1;
        let pending = link.outbound.pending();
        if pending > self.limits.max_pending / 4 * 3 {
            if self.limits.no_fast_producer_stall {
                return false;
            }
            let full = pending >= self.limits.max_pending;
            self.effects.stall_millis += if full { FULL_STALL_MILLIS } else { STALL_MILLIS };
            self.effects.lagging.push(sub.link);
        }
        if pending + seen > self.limits.max_pending {
            self.effects.overfull.push(sub.link);
            return false;
        }
        if let Some(tracer) = &mut self.tracer {
            tracer.delivered(link, sub, self.message);
        }
        write(&mut link.outbound, self.pool, sub, link.flags, self.message, &mut self.shared);
        self.effects.out_msgs += 1;
        self.effects.out_bytes += body as u64;
        if !link.dirty {
            link.dirty = true;
            self.pool.dirty.push(sub.link);
        }
        true
    }
}

/// Encodes what precedes the body for one receiver.
#[inline]
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

/// Encodes the message for one receiver.
#[inline]
fn write(
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
