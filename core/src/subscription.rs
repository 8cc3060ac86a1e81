//! One subscription of one link, and the table of all of a shard's.

use std::collections::HashMap;
use std::sync::Arc;

use crate::account::StreamImport;
use crate::id::{FIRST_IMPORTED, LinkId, ShardId, SubId};
use crate::slab::Slab;

/// Octets that a short sid and the blank behind it take at most.
const SHORT: usize = 14;

/// A subscription identifier as the client wrote it, with a blank behind it as messages have it.
/// Nearly all are a few digits, so they live inside the subscription instead of behind a pointer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Sid {
    /// `len` is the identifier's alone.
    Short { len: u8, octets: [u8; SHORT] },
    /// Ends with the blank. Boxed twice, or every short one would be eight octets larger.
    Long(Box<Box<[u8]>>),
}

impl Sid {
    pub(crate) fn new(sid: &[u8]) -> Self {
        let mut octets = [b' '; SHORT];
        match octets.get_mut(..sid.len()) {
            Some(start) if sid.len() < SHORT => {
                start.copy_from_slice(sid);
                Self::Short { len: sid.len() as u8, octets }
            }
            _ => Self::Long(Box::new([sid, b" "].concat().into())),
        }
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Short { len, octets } => octets.get(..usize::from(*len)).unwrap_or(octets),
            Self::Long(octets) => octets.split_last().map_or(&[], |(_, sid)| sid),
        }
    }

    /// Appends the identifier and a blank.
    #[inline]
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Short { len, octets } => {
                // A copy of fixed size is two instructions; what is too much is cut off.
                let end = out.len() + usize::from(*len) + 1;
                out.extend_from_slice(octets);
                out.truncate(end);
            }
            Self::Long(octets) => out.extend_from_slice(octets),
        }
    }
}

/// One subscription. With its generation it takes 64 bytes of the table; the fields are in the
/// order in which deliveries need them, so that one touches a single cache line, even when the
/// table begins a few octets behind the start of one, as large allocations do.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Subscription {
    /// The slot of the link it belongs to. A link's subscriptions end with it, so the slot is
    /// enough.
    pub(crate) link: u32,
    /// Deliveries after which it ends; 0 is never.
    pub(crate) max: u32,
    /// Messages handed to it since SUB.
    pub(crate) delivered: u64,
    pub(crate) sid: Sid,
    subject_len: u32,
    /// The subject and, behind a blank, the name of the queue.
    names: Box<[u8]>,
}

impl Subscription {
    pub(crate) fn subject(&self) -> &[u8] {
        self.names.get(..self.subject_len as usize).unwrap_or_default()
    }

    pub(crate) fn queue(&self) -> Option<&[u8]> {
        self.names.get(self.subject_len as usize + 1..)
    }
}

/// What a subscription gets of another account: its shadow in that account's index.
#[derive(Clone, Debug)]
pub(crate) struct Imported {
    pub(crate) parent: SubId,
    pub(crate) import: Arc<StreamImport>,
    /// What it gets, in the exporter's words.
    pub(crate) subject: Arc<[u8]>,
    pub(crate) id: SubId,
}

/// The subscriptions of a shard's links.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    shard: ShardId,
    slab: Slab<Subscription>,
    imported: Slab<Imported>,
    /// The shadows of subscriptions that have some, by slot.
    shadows: HashMap<u32, Vec<u32>>,
    /// Room for the verb and the local subject of an imported message.
    pub(crate) line: Vec<u8>,
}

impl Subscriptions {
    pub(crate) fn new(shard: ShardId) -> Self {
        Self {
            shard,
            slab: Slab::default(),
            imported: Slab::default(),
            shadows: HashMap::new(),
            line: Vec::new(),
        }
    }

    pub(crate) fn insert(
        &mut self,
        link: LinkId,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
    ) -> Option<SubId> {
        let names = match queue {
            None => subject.into(),
            Some(queue) => [subject, b" ", queue].concat().into(),
        };
        let (slot, generation) = self.slab.insert(|_, _| Subscription {
            link: link.slot,
            max: 0,
            delivered: 0,
            sid: Sid::new(sid),
            subject_len: subject.len() as u32,
            names,
        })?;
        Some(self.name(slot, generation))
    }

    fn name(&self, slot: u32, generation: u32) -> SubId {
        SubId { shard: self.shard, generation: generation as u16, slot }
    }

    /// The name of the subscription in this slot.
    pub(crate) fn id(&self, slot: u32) -> Option<SubId> {
        self.slab.generation(slot).map(|generation| self.name(slot, generation))
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: SubId) -> Option<&mut Subscription> {
        self.slab.get_mut(id.slot, u32::from(id.generation), 0xffff)
    }

    pub(crate) fn at(&self, slot: u32) -> Option<&Subscription> {
        self.slab.at(slot)
    }

    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut Subscription> {
        self.slab.at_mut(slot)
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Subscription> {
        self.slab.remove(slot)
    }

    /// Gives a subscription a shadow.
    pub(crate) fn import(
        &mut self,
        parent: SubId,
        import: &Arc<StreamImport>,
        subject: &[u8],
    ) -> Option<SubId> {
        let shard = self.shard;
        let id = |slot: u32, generation: u32| SubId {
            shard,
            generation: generation as u16,
            slot: slot.wrapping_add(FIRST_IMPORTED),
        };
        let (slot, generation) = self.imported.insert(|slot, generation| Imported {
            parent,
            import: import.clone(),
            subject: subject.into(),
            id: id(slot, generation),
        })?;
        self.shadows.entry(parent.slot).or_default().push(slot);
        Some(id(slot, generation))
    }

    /// The shadow with this name, and whose it is.
    pub(crate) fn imported(&mut self, id: SubId) -> Option<&Imported> {
        let slot = id.slot.checked_sub(FIRST_IMPORTED)?;
        self.imported.get_mut(slot, u32::from(id.generation), 0xffff).map(|it| &*it)
    }

    /// Takes the shadows of a subscription away.
    pub(crate) fn remove_imported(&mut self, parent: u32) -> Vec<Imported> {
        if self.shadows.is_empty() {
            return Vec::new();
        }
        let slots = self.shadows.remove(&parent).unwrap_or_default();
        slots.into_iter().filter_map(|slot| self.imported.remove(slot)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_takes_a_cache_line_and_gives_its_names_back() {
        assert_eq!(Slab::<Subscription>::SLOT, 64);
        let mut subs = Subscriptions::new(ShardId(3));
        let link = LinkId { slot: 1, generation: 0 };
        for (subject, queue) in [("a", None), ("a.b", Some("q")), ("a b", Some("")), ("", None)] {
            let queue = queue.map(str::as_bytes);
            let id = subs.insert(link, subject.as_bytes(), queue, b"1").unwrap();
            assert_eq!(subs.id(id.slot), Some(id));
            let sub = subs.remove(id.slot).unwrap();
            assert_eq!((sub.subject(), sub.queue()), (subject.as_bytes(), queue));
            assert_eq!(subs.id(id.slot), None);
        }
    }
}
