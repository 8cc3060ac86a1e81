//! Messages on one subject in a row, given to each of many receivers together.
//!
//! What a delivery costs is less its bytes than the memory it has to find for them: the
//! subscription, the link, the end of what waits for it. With a thousand receivers none of that is
//! in the processor's cache any more when the next message comes. So such a message waits for
//! those that follow it in the same read, or the same batch of a sibling, and each receiver is
//! looked up once for all of them. Receivers that call their subscription by the same sid get the
//! same bytes, which are put together once.
//!
//! Nobody can tell, apart from the time: a run ends before anything else happens that could be
//! heard by anybody, and no run has two receivers on one link, which would get the messages in
//! another order.

use crate::id::{ShardId, SubId};
use crate::interest::Plan;
use crate::router::deliver::{Delivery, Means};
use crate::router::mail::{Batch, Origin};
use crate::router::{Way, takes_part};
use crate::subject::is_valid_literal;
use crate::subscription::Sid;
use crate::wire::{Body, Publish, Verbatim, encode};

/// Receivers from which on waiting pays.
pub(crate) const RECEIVERS: usize = 3;

/// Bytes of messages from which on a run takes no more: it had better stay in the nearest cache.
const BYTES: usize = 12 << 10;

/// A run of messages; empty unless one is under way.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// How the messages come; `None` when no run is under way.
    way: Option<Way>,
    /// What all messages begin with, as their publisher wrote it: verb, subject, blank.
    line: Vec<u8>,
    /// What follows the sid in each of them.
    rests: Vec<u8>,
    parts: Vec<Part>,
    /// Bytes of all bodies.
    body: usize,
    receivers: Vec<SubId>,
    shards: Vec<ShardId>,
    /// The messages as those get them who call their subscription by this sid.
    text: Vec<u8>,
    sid: Option<Sid>,
    /// Room for the links of receivers.
    links: Vec<u32>,
}

/// One message of a run.
#[derive(Debug)]
struct Part {
    /// Digits of its size.
    digits: u8,
    /// Length of what follows the sid.
    rest: u32,
}

/// A message that may wait has no reply, which might have to be answered, and no headers, which
/// some must not see; and it is forwarded as it came.
#[inline]
fn fits<'a>(message: &Publish<'a>) -> Option<Verbatim<'a>> {
    message.verbatim.filter(|_| message.reply.is_none() && message.header_size.is_none())
}

impl Run {
    /// Bytes that come to wait for links when the run ends; zero if none is under way.
    #[inline]
    pub(crate) fn owed(&self) -> u64 {
        (self.body * self.receivers.len()) as u64
    }

    /// Who publishes, if a run is under way.
    #[inline]
    pub(crate) fn from(&self) -> Option<Origin> {
        self.way.map(|way| way.from)
    }

    /// Begins with `message` if it may wait and its receivers are links of their own, in its own
    /// account. `shards` are to get it as well.
    pub(super) fn begin(
        &mut self,
        way: Way,
        plan: &Plan,
        shards: &[ShardId],
        delivery: &Delivery<'_>,
        message: &Publish<'_>,
    ) -> bool {
        // A pedantic publisher is told about each of the others.
        let alone = is_valid_literal(message.subject) && plan.queues.is_empty() && !plan.is_left();
        let Some(verbatim) = fits(message).filter(|_| way.patient && alone) else { return false };
        let links = &mut self.links;
        let are_apart = || {
            links.clear();
            links.extend(delivery.links_of(&plan.local));
            links.sort_unstable();
            links.len() == plan.local.len() && links.is_sorted_by(|one, next| one < next)
        };
        if delivery.is_traced() || !*plan.apart.get_or_init(are_apart) {
            return false;
        }
        self.way = Some(way);
        self.line.extend_from_slice(verbatim.line);
        self.receivers.extend_from_slice(&plan.local);
        self.shards.extend_from_slice(shards);
        self.add(message, verbatim.rest);
        true
    }

    /// Takes `message` if it continues the run.
    #[inline]
    pub(crate) fn join(&mut self, from: Origin, message: &Publish<'_>) -> bool {
        if self.from() != Some(from) {
            return false;
        }
        match fits(message) {
            Some(Verbatim { line, rest }) if line == self.line && self.rests.len() < BYTES => {
                self.add(message, rest);
                true
            }
            _ => false,
        }
    }

    #[inline]
    fn add(&mut self, message: &Publish<'_>, rest: &[u8]) {
        self.rests.extend_from_slice(rest);
        self.parts.push(Part { digits: message.size.len() as u8, rest: rest.len() as u32 });
        self.body += message.body.as_slice().len();
    }

    /// The messages, as they came.
    fn messages(&self) -> impl Iterator<Item = Publish<'_>> {
        let subject = self.line.get(4..self.line.len() - 1).unwrap_or_default();
        self.rests().zip(&self.parts).map(move |(rest, part)| {
            let (size, body) = rest.split_at(usize::from(part.digits).min(rest.len()));
            Publish {
                subject,
                reply: None,
                size,
                header_size: None,
                header_len: 0,
                body: Body::Slice(body.get(2..body.len() - 2).unwrap_or_default()),
                verbatim: Some(Verbatim { line: &self.line, rest }),
            }
        })
    }

    fn rests(&self) -> impl Iterator<Item = &[u8]> {
        let mut rests = self.rests.as_slice();
        self.parts.iter().map_while(move |part| {
            let (rest, after) = rests.split_at_checked(part.rest as usize)?;
            rests = after;
            Some(rest)
        })
    }

    /// Ends the run: hands its messages to other shards and to links.
    pub(crate) fn deliver(&mut self, means: &mut Means<'_>, outboxes: &mut [Batch]) {
        let Some(way) = self.way.take() else { return };
        for shard in &self.shards {
            if let Some(outbox) = outboxes.get_mut(usize::from(shard.0)) {
                for message in self.messages() {
                    outbox.push(way, 0, true, std::iter::empty(), &message);
                }
            }
        }
        for at in 0..self.receivers.len() {
            if let Some(&id) = self.receivers.get(at)
                && !self.hand_over(id, way.deaf, means)
            {
                for message in self.messages() {
                    Delivery::new(means.again(), way.deaf, &message).hand_over_all(&[id]);
                }
            }
        }
        self.line.clear();
        self.rests.clear();
        self.parts.clear();
        self.body = 0;
        self.receivers.clear();
        self.shards.clear();
        self.sid = None;
    }

    /// Gives all messages to one subscription at once. False if they have to be looked at one by
    /// one.
    #[inline]
    fn hand_over(&mut self, id: SubId, deaf: u32, means: &mut Means<'_>) -> bool {
        let Some(sub) = means.subs.get_mut(id) else { return true };
        let Some(link) = means.links.at_mut(sub.link) else { return true };
        if !takes_part(link.phase) || deaf == sub.link {
            return true;
        }
        if link.permissions.is_some()
            || sub.max > 0
            || link.outbound.pending() + self.body > means.limits.lagging()
        {
            return false;
        }
        if self.sid.as_ref() != Some(&sub.sid) {
            self.write_for(&sub.sid);
        }
        let count = self.parts.len() as u64;
        sub.delivered += count;
        link.sent.add(count, self.body as u64);
        link.outbound.append(means.pool, |out| out.extend_from_slice(&self.text));
        means.pool.mark(&mut link.dirty, sub.link);
        means.effects.out_msgs += count;
        means.effects.out_bytes += self.body as u64;
        true
    }

    fn write_for(&mut self, sid: &Sid) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        for rest in self.rests() {
            let verb = text.len();
            text.extend_from_slice(&self.line);
            encode::replace_verb(&mut text, verb, false);
            sid.write(&mut text);
            text.extend_from_slice(rest);
        }
        self.text = text;
        self.sid = Some(sid.clone());
    }
}
