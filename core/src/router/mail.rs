//! What shards hand over to each other: one batch per read chunk and target, one wake.
//!
//! A batch is to a shard what a route's bytes are to a server, without the text: subjects and
//! small bodies lie in one buffer, large bodies are shared by reference count.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use crate::id::{LinkId, ShardId, SubId};
use crate::limits::SHARED_PAYLOAD;
use crate::wire::{Body, Publish};

/// Bytes waiting in one mailbox above which producers are slowed down.
const CROWDED: usize = 16 << 20;

/// Empty batches kept for reuse beside a mailbox.
const SPARES: usize = 8;

/// Largest buffer kept for reuse.
const SPARE_BYTES: usize = 256 << 10;

/// Who published: the shard, and the link within it.
pub(crate) type Origin = (ShardId, LinkId);

/// A queue member of the target shard that was chosen.
pub(crate) struct Pick<'a> {
    pub(crate) sub: SubId,
    pub(crate) group: &'a [u8],
}

#[derive(Debug)]
enum Item {
    Stall(LinkId),
    Message(Header),
}

/// Lengths of the parts that lie one after the other in a batch's buffer.
#[derive(Debug)]
struct Header {
    from: Origin,
    handovers: u8,
    plain: bool,
    picks: u32,
    subject: u32,
    reply: Option<u32>,
    size: u8,
    header_size: Option<u8>,
    header_len: u32,
    body: Stored,
}

#[derive(Debug)]
enum Stored {
    Inline(u32),
    Shared(Bytes),
}

/// Messages for one shard, in order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    items: Vec<Item>,
    picks: Vec<(SubId, u32)>,
    data: Vec<u8>,
    shared: usize,
}

/// One message as the target sees it.
pub(crate) struct Routed<'b> {
    pub(crate) from: Origin,
    pub(crate) handovers: u8,
    /// The target's plain subscriptions are to get it.
    pub(crate) plain: bool,
    picks: &'b [(SubId, u32)],
    groups: &'b [u8],
    header: &'b Header,
    parts: &'b [u8],
}

pub(crate) enum Envelope<'b> {
    /// A consumer of this link's messages lags behind.
    Stall(LinkId),
    Message(Routed<'b>),
}

impl Batch {
    /// Adds a message, unless nobody there is to get it. Returns whether it was added.
    pub(crate) fn push<'p>(
        &mut self,
        from: Origin,
        handovers: u8,
        plain: bool,
        picks: impl Iterator<Item = Pick<'p>>,
        message: &Publish<'_>,
    ) -> bool {
        let before = self.picks.len();
        for pick in picks {
            self.data.extend_from_slice(pick.group);
            self.picks.push((pick.sub, pick.group.len() as u32));
        }
        let picks = (self.picks.len() - before) as u32;
        if !plain && picks == 0 {
            return false;
        }
        let data = &mut self.data;
        let mut put = |part: &[u8]| {
            data.extend_from_slice(part);
            part.len() as u32
        };
        let subject = put(message.subject);
        let reply = message.reply.map(&mut put);
        // Sizes have at most nine digits.
        let size = put(message.size) as u8;
        let header_size = message.header_size.map(|part| put(part) as u8);
        let body = match &message.body {
            Body::Shared(bytes) => Stored::Shared(bytes.clone()),
            Body::Slice(slice) if slice.len() >= SHARED_PAYLOAD => {
                Stored::Shared(Bytes::copy_from_slice(slice))
            }
            Body::Slice(slice) => Stored::Inline(put(slice)),
        };
        if let Stored::Shared(bytes) = &body {
            self.shared += bytes.len();
        }
        let header_len = message.header_len as u32;
        self.items.push(Item::Message(Header {
            from,
            handovers,
            plain,
            picks,
            subject,
            reply,
            size,
            header_size,
            header_len,
            body,
        }));
        true
    }

    /// Asks the target to slow one of its links down.
    pub(crate) fn push_stall(&mut self, link: LinkId) {
        self.items.push(Item::Stall(link));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn bytes(&self) -> usize {
        self.data.len() + self.shared
    }

    fn clear(&mut self) {
        self.items.clear();
        self.picks.clear();
        self.data.clear();
        self.shared = 0;
    }

    /// The contents, in order.
    pub(crate) fn envelopes(&self) -> impl Iterator<Item = Envelope<'_>> {
        let (mut data, mut picks) = (self.data.as_slice(), self.picks.as_slice());
        self.items.iter().map(move |item| match item {
            Item::Stall(link) => Envelope::Stall(*link),
            Item::Message(header) => {
                let chosen = cut(&mut picks, header.picks as usize);
                let groups = chosen.iter().map(|(_, len)| *len as usize).sum();
                Envelope::Message(Routed {
                    from: header.from,
                    handovers: header.handovers,
                    plain: header.plain,
                    picks: chosen,
                    groups: cut(&mut data, groups),
                    header,
                    parts: cut(&mut data, header.parts()),
                })
            }
        })
    }
}

impl Header {
    /// Bytes of all parts in the buffer.
    fn parts(&self) -> usize {
        let inline = match self.body {
            Stored::Inline(len) => len,
            Stored::Shared(_) => 0,
        };
        let sizes = u32::from(self.size) + u32::from(self.header_size.unwrap_or(0));
        (self.subject + self.reply.unwrap_or(0) + sizes + inline) as usize
    }
}

/// Takes `count` elements off the front.
fn cut<'a, T>(rest: &mut &'a [T], count: usize) -> &'a [T] {
    let (front, back) = rest.split_at(count.min(rest.len()));
    *rest = back;
    front
}

impl<'b> Routed<'b> {
    pub(crate) fn message(&self) -> Publish<'b> {
        let (header, mut parts) = (self.header, self.parts);
        let mut take = |len: usize| cut(&mut parts, len);
        Publish {
            subject: take(header.subject as usize),
            reply: header.reply.map(|len| take(len as usize)),
            size: take(usize::from(header.size)),
            header_size: header.header_size.map(|len| take(usize::from(len))),
            header_len: header.header_len as usize,
            body: match &header.body {
                Stored::Inline(len) => Body::Slice(take(*len as usize)),
                Stored::Shared(bytes) => Body::Shared(bytes.clone()),
            },
        }
    }

    pub(crate) fn picks(&self) -> impl Iterator<Item = Pick<'b>> + use<'b> {
        let mut groups = self.groups;
        let pick =
            move |&(sub, len): &(SubId, u32)| Pick { sub, group: cut(&mut groups, len as usize) };
        self.picks.iter().map(pick)
    }
}

/// Where other shards leave batches for one shard.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    full: AtomicBool,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    batches: Vec<Batch>,
    spare: Vec<Batch>,
    bytes: usize,
}

/// What became of a posted batch.
pub(crate) struct Posted {
    /// The owner has nothing that makes it look: wake it.
    pub(crate) wake: bool,
    /// The owner is behind.
    pub(crate) crowded: bool,
}

impl Mailbox {
    /// Leaves `batch` and puts an empty one in its place.
    pub(crate) fn post(&self, batch: &mut Batch) -> Posted {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = inside.spare.pop().unwrap_or_default();
        let batch = std::mem::replace(batch, empty);
        inside.bytes += batch.bytes();
        inside.batches.push(batch);
        let crowded = inside.bytes > CROWDED;
        drop(inside);
        Posted { wake: !self.full.swap(true, Ordering::AcqRel), crowded }
    }

    /// Whether nothing was left since the owner last looked: one atomic load.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !self.full.load(Ordering::Acquire)
    }

    /// Takes everything that was left, into `into`, which must be empty. Returns whether there
    /// was anything.
    pub(crate) fn collect(&self, into: &mut Vec<Batch>) -> bool {
        self.full.store(false, Ordering::Release);
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.bytes = 0;
        std::mem::swap(&mut inside.batches, into);
        !into.is_empty()
    }

    /// Gives emptied batches back to the senders.
    pub(crate) fn give_back(&self, batches: &mut Vec<Batch>) {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        for mut batch in batches.drain(..) {
            if inside.spare.len() < SPARES && batch.data.capacity() <= SPARE_BYTES {
                batch.clear();
                inside.spare.push(batch);
            }
        }
    }
}
