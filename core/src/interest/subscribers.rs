//! Who wants one subject or pattern, compactly.

use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::matches::Member;
use super::roster::{Put, Roster};
use super::{give_back, seeded_hash};
use crate::SubId;

/// The subscribers of one subject: 16 bytes while there is but one plain subscriber, as with most
/// subjects of a large index.
#[derive(Default)]
pub(super) enum Subscribers {
    #[default]
    None,
    One(SubId),
    Many(Box<Many>),
}

/// Several subscribers, or members of queues.
pub(super) struct Many {
    plain: Roster<SubId>,
    queues: Vec<Queue>,
}

/// The members of one queue on one subject.
pub(super) struct Queue {
    pub(super) name: Arc<[u8]>,
    pub(super) members: Roster<Member>,
}

impl Subscribers {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::None)
    }

    #[inline]
    pub(super) fn plain(&self) -> &[SubId] {
        match self {
            Self::None => &[],
            Self::One(id) => core::slice::from_ref(id),
            Self::Many(many) => many.plain.as_slice(),
        }
    }

    #[inline]
    pub(super) fn queues(&self) -> &[Queue] {
        match self {
            Self::None | Self::One(_) => &[],
            Self::Many(many) => &many.queues,
        }
    }

    /// Adds a plain subscriber.
    pub(super) fn put_plain(&mut self, id: SubId) -> Put {
        match self {
            Self::None => {
                *self = Self::One(id);
                Put::Added
            }
            Self::One(known) if *known == id => Put::Same,
            Self::One(known) => {
                let mut plain = Roster::of(*known);
                let put = plain.put(id);
                *self = Self::Many(Box::new(Many { plain, queues: Vec::new() }));
                put
            }
            Self::Many(many) => many.plain.put(id),
        }
    }

    /// Adds a member of a queue, or changes its weight. `name` is the index's own copy.
    pub(super) fn put_member(&mut self, name: &Arc<[u8]>, member: Member) -> Put {
        let plain = match self {
            Self::Many(many) => return many.put_member(name, member),
            Self::One(id) => Roster::of(*id),
            Self::None => Roster::new(),
        };
        let queues = vec![Queue { name: Arc::clone(name), members: Roster::of(member) }];
        *self = Self::Many(Box::new(Many { plain, queues }));
        Put::Added
    }

    /// Removes a plain subscriber; says whether it was there.
    pub(super) fn remove_plain(&mut self, id: SubId) -> bool {
        match self {
            Self::None => false,
            Self::One(known) if *known == id => {
                *self = Self::None;
                true
            }
            Self::One(_) => false,
            Self::Many(many) => {
                let removed = many.plain.remove(id);
                self.fold();
                removed
            }
        }
    }

    /// Removes a member of a queue; says whether it was there.
    pub(super) fn remove_member(&mut self, name: &Arc<[u8]>, id: SubId) -> bool {
        let Self::Many(many) = self else { return false };
        let Some(at) = many.queues.iter().position(|queue| Arc::ptr_eq(&queue.name, name)) else {
            return false;
        };
        let Some(queue) = many.queues.get_mut(at) else { return false };
        let removed = queue.members.remove(id);
        if queue.members.as_slice().is_empty() {
            many.queues.swap_remove(at);
        }
        self.fold();
        removed
    }

    /// Goes back to the compact form where that is possible.
    fn fold(&mut self) {
        let Self::Many(many) = self else { return };
        if !many.queues.is_empty() {
            return;
        }
        match many.plain.as_slice() {
            [] => *self = Self::None,
            [id] => *self = Self::One(*id),
            _ => {}
        }
    }
}

impl Many {
    fn put_member(&mut self, name: &Arc<[u8]>, member: Member) -> Put {
        if let Some(queue) = self.queues.iter_mut().find(|queue| Arc::ptr_eq(&queue.name, name)) {
            return queue.members.put(member);
        }
        self.queues.push(Queue { name: Arc::clone(name), members: Roster::of(member) });
        Put::Added
    }
}

/// The queue names of one index, each stored once: a name is usually shared by many members, and
/// groups are formed by comparing names.
#[derive(Default)]
pub(super) struct QueueNames {
    hasher: DefaultHashBuilder,
    names: HashTable<Name>,
}

struct Name {
    text: Arc<[u8]>,
    /// Memberships that use the name. Not the count of the `Arc`, which match caches hold too.
    members: u64,
}

impl QueueNames {
    /// The index's copy of `name`, if any member uses it.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Arc<[u8]>> {
        let hash = seeded_hash(&self.hasher, name);
        self.names.find(hash, |known| *known.text == *name).map(|known| &known.text)
    }

    /// The index's copy of `name`, made on demand, for one more member; [`Self::release`] takes
    /// the member back.
    pub(super) fn acquire(&mut self, name: &[u8]) -> Arc<[u8]> {
        let hash = seeded_hash(&self.hasher, name);
        if let Some(known) = self.names.find_mut(hash, |known| *known.text == *name) {
            known.members += 1;
            return Arc::clone(&known.text);
        }
        let text: Arc<[u8]> = name.into();
        let hasher = &self.hasher;
        self.names.insert_unique(hash, Name { text: Arc::clone(&text), members: 1 }, |known| {
            seeded_hash(hasher, &known.text)
        });
        text
    }

    /// Notes one member less of queue `name`; the last one takes the name along.
    pub(super) fn release(&mut self, name: &[u8]) {
        let hash = seeded_hash(&self.hasher, name);
        let Ok(mut slot) = self.names.find_entry(hash, |known| *known.text == *name) else {
            return;
        };
        let known = slot.get_mut();
        known.members = known.members.saturating_sub(1);
        if known.members == 0 {
            slot.remove();
            let hasher = &self.hasher;
            give_back(&mut self.names, |known| seeded_hash(hasher, &known.text));
        }
    }
}
