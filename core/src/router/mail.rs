//! What shards hand over to each other: one batch per read chunk and target, one wake.
//!
//! A batch is to a shard what a route's bytes are to a server, without the text: subjects and
//! small bodies lie in one buffer, large bodies are shared by reference count.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::Way;
use super::latency::Responder;
use crate::account::AccountId;
use crate::id::{LinkId, ShardId, SubId};
use crate::limits::SHARED_PAYLOAD;
use crate::wire::{Body, Publish, Verbatim, encode};

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
    Responder(Arc<Responder>),
    Message(Header),
}

/// Lengths of the words of a message, which lies in a batch's buffer as if it came from a
/// publisher: verb, subject, reply, sizes, CR LF and, unless it is shared, the body and CR LF.
#[derive(Debug)]
struct Header {
    from: Origin,
    account: AccountId,
    crossed: bool,
    handovers: u16,
    plain: bool,
    picks: u32,
    subject: u32,
    reply: Option<u32>,
    size: u8,
    header_size: Option<u8>,
    header_len: u32,
    /// Length of all of it.
    parts: u32,
    shared: Option<Bytes>,
}

/// Messages for one shard, in order.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    items: Vec<Item>,
    picks: Vec<(SubId, u32)>,
    data: Vec<u8>,
    shared: usize,
    read: Cursor,
}

/// How far the target has come.
#[derive(Debug, Default)]
struct Cursor {
    item: usize,
    data: usize,
    pick: usize,
}

/// One message as the target sees it.
pub(crate) struct Routed<'b> {
    pub(crate) from: Origin,
    /// The account that it is published in.
    pub(crate) account: AccountId,
    /// It comes from another account.
    pub(crate) crossed: bool,
    pub(crate) handovers: u16,
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
    /// Who sent the message that comes next.
    Responder(&'b Arc<Responder>),
    Message(Routed<'b>),
}

impl Batch {
    /// Adds a message, unless nobody there is to get it. Returns whether it was added.
    pub(super) fn push<'p>(
        &mut self,
        way: Way,
        handovers: u16,
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
        let before = self.data.len();
        let shared = self.put(message);
        if let Some(bytes) = &shared {
            self.shared += bytes.len();
        }
        self.items.push(Item::Message(Header {
            from: way.from,
            account: way.account,
            crossed: way.crossed,
            handovers,
            plain,
            picks,
            subject: message.subject.len() as u32,
            reply: message.reply.map(|reply| reply.len() as u32),
            // Sizes have at most nine digits.
            size: message.size.len() as u8,
            header_size: message.header_size.map(|digits| digits.len() as u8),
            header_len: message.header_len as u32,
            parts: (self.data.len() - before) as u32,
            shared,
        }));
        true
    }

    /// Writes a message as a publisher with good manners would, but for a body that is returned
    /// because it is better shared.
    fn put(&mut self, message: &Publish<'_>) -> Option<Bytes> {
        let data = &mut self.data;
        if let Some(Verbatim { line, rest }) = message.verbatim {
            data.extend_from_slice(line);
            data.extend_from_slice(rest);
            return None;
        }
        data.extend_from_slice(if message.header_size.is_some() { b"HPUB " } else { b"PUB " });
        let words = [Some(message.subject), message.reply, message.header_size];
        for word in words.into_iter().flatten() {
            data.extend_from_slice(word);
            data.push(b' ');
        }
        data.extend_from_slice(message.size);
        data.extend_from_slice(encode::CRLF);
        let slice = match &message.body {
            Body::Shared(bytes) => return Some(bytes.clone()),
            Body::Slice(slice) if slice.len() >= SHARED_PAYLOAD => {
                return Some(Bytes::copy_from_slice(slice));
            }
            Body::Slice(slice) => slice,
        };
        data.extend_from_slice(slice);
        data.extend_from_slice(encode::CRLF);
        None
    }

    /// Asks the target to slow one of its links down.
    pub(crate) fn push_stall(&mut self, link: LinkId) {
        self.items.push(Item::Stall(link));
    }

    /// Says who sent the message that was pushed last, if it is one of `from`.
    pub(crate) fn introduce(&mut self, from: Origin, responder: &Arc<Responder>) {
        if let Some(at) = self.items.len().checked_sub(1)
            && let Some(Item::Message(header)) = self.items.get(at)
            && header.from == from
        {
            self.items.insert(at, Item::Responder(responder.clone()));
        }
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
        self.read = Cursor::default();
    }

    /// What comes next, in order.
    pub(crate) fn next(&mut self) -> Option<Envelope<'_>> {
        let item = self.items.get(self.read.item)?;
        self.read.item += 1;
        Some(match item {
            Item::Stall(link) => Envelope::Stall(*link),
            Item::Responder(responder) => Envelope::Responder(responder),
            Item::Message(header) => {
                let mut data = self.data.get(self.read.data..).unwrap_or(&[]);
                let mut picks = self.picks.get(self.read.pick..).unwrap_or(&[]);
                let chosen = cut(&mut picks, header.picks as usize);
                let groups = chosen.iter().map(|(_, len)| *len as usize).sum();
                let groups = cut(&mut data, groups);
                let parts = cut(&mut data, header.parts as usize);
                self.read.pick += chosen.len();
                self.read.data += groups.len() + parts.len();
                Envelope::Message(Routed {
                    from: header.from,
                    account: header.account,
                    crossed: header.crossed,
                    handovers: header.handovers,
                    plain: header.plain,
                    picks: chosen,
                    groups,
                    header,
                    parts,
                })
            }
        })
    }
}

/// Takes `count` elements off the front.
fn cut<'a, T>(rest: &mut &'a [T], count: usize) -> &'a [T] {
    let (front, back) = rest.split_at(count.min(rest.len()));
    *rest = back;
    front
}

impl<'b> Routed<'b> {
    /// How it came to the router.
    pub(super) fn way(&self, deaf: u32) -> Way {
        Way {
            account: self.account,
            from: self.from,
            deaf,
            crossed: self.crossed,
            patient: self.is_plain() && !self.crossed,
        }
    }

    pub(crate) fn message(&self) -> Publish<'b> {
        let header = self.header;
        let verb = if header.header_size.is_some() { 5 } else { 4 };
        let mut rest = self.parts;
        let line = cut(&mut rest, verb + header.subject as usize + 1);
        let subject = line.get(verb..line.len() - 1).unwrap_or(line);
        let mut words = rest;
        let mut word = |len: usize| {
            let word = cut(&mut words, len);
            cut(&mut words, 1);
            word
        };
        let reply = header.reply.map(|len| word(len as usize));
        let header_size = header.header_size.map(|len| word(usize::from(len)));
        let size = word(usize::from(header.size));
        let body = match &header.shared {
            Some(bytes) => Body::Shared(bytes.clone()),
            // After the LF that `word` left, and before the CR LF at the end.
            None => Body::Slice(words.get(1..words.len().saturating_sub(2)).unwrap_or(&[])),
        };
        let header_len = header.header_len as usize;
        let ready = header.shared.is_none() && (header_len > 0) == header_size.is_some();
        let verbatim = ready.then_some(Verbatim { line, rest });
        Publish { subject, reply, size, header_size, header_len, body, verbatim }
    }

    /// Whether it is for the target's plain subscriptions only.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain && self.picks.is_empty()
    }

    pub(crate) fn picks(&self) -> impl Iterator<Item = Pick<'b>> + use<'b> {
        let mut groups = self.groups;
        let pick =
            move |&(sub, len): &(SubId, u32)| Pick { sub, group: cut(&mut groups, len as usize) };
        self.picks.iter().map(pick)
    }
}

/// Where other shards leave batches for one shard, on cache lines of its own: every read of its
/// owner looks whether there is something.
#[derive(Debug, Default)]
#[repr(align(128))]
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

    /// Gives back what is kept for senders.
    pub(crate) fn release(&self) {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner).spare = Vec::new();
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
