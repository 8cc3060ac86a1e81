//! A set of subscriptions that is cheap to copy out of and cheap to change.

use hashbrown::HashTable;

use crate::SubId;

/// From this size on a roster looks its entries up instead of scanning for them: the last of ten
/// thousand subscribers must be able to leave as cheaply as the first.
const INDEXED_FROM: usize = 64;

/// Something a roster can hold.
pub(super) trait Entry: Copy + PartialEq {
    fn id(&self) -> SubId;
}

impl Entry for SubId {
    fn id(&self) -> SubId {
        *self
    }
}

/// What [`Roster::put`] and its callers did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Put {
    Added,
    /// The subscription was there already, with another weight.
    Replaced,
    /// Nothing changed.
    Same,
}

/// Entries without duplicates, in one dense array; a hash index beside it once it is large.
pub(super) struct Roster<T> {
    entries: Vec<T>,
    index: Option<Box<HashTable<u32>>>,
}

impl<T: Entry> Roster<T> {
    /// A roster of one, without slack: most stay that way.
    pub(super) fn of(entry: T) -> Self {
        Self { entries: vec![entry], index: None }
    }

    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), index: None }
    }

    pub(super) fn as_slice(&self) -> &[T] {
        &self.entries
    }

    fn position(&self, id: SubId) -> Option<usize> {
        match &self.index {
            None => self.entries.iter().position(|entry| entry.id() == id),
            Some(index) => {
                let found = index.find(hash(id), |&at| self.holds(at, id))?;
                Some(*found as usize)
            }
        }
    }

    fn holds(&self, at: u32, id: SubId) -> bool {
        self.entries.get(at as usize).is_some_and(|entry| entry.id() == id)
    }

    /// Adds `entry`, or replaces the one of the same subscription.
    pub(super) fn put(&mut self, entry: T) -> Put {
        if let Some(old) = self.position(entry.id()).and_then(|at| self.entries.get_mut(at)) {
            if *old == entry {
                return Put::Same;
            }
            *old = entry;
            return Put::Replaced;
        }
        self.entries.push(entry);
        let entries = &self.entries;
        let rehash = |&at: &u32| entries.get(at as usize).map_or(0, |entry| hash(entry.id()));
        if let Some(index) = &mut self.index {
            index.insert_unique(hash(entry.id()), entries.len() as u32 - 1, rehash);
        } else if entries.len() >= INDEXED_FROM {
            let mut index = HashTable::with_capacity(2 * entries.len());
            for at in 0..entries.len() as u32 {
                index.insert_unique(rehash(&at), at, rehash);
            }
            self.index = Some(Box::new(index));
        }
        Put::Added
    }

    /// Removes the entry of `id`; says whether there was one.
    pub(super) fn remove(&mut self, id: SubId) -> bool {
        let Some(at) = self.position(id) else { return false };
        if let Some(index) = &mut self.index {
            if let Ok(slot) = index.find_entry(hash(id), |&slot| slot as usize == at) {
                slot.remove();
            }
            let last = self.entries.len() - 1;
            if let Some(moved) = self.entries.last().filter(|_| last != at)
                && let Some(slot) = index.find_mut(hash(moved.id()), |&slot| slot as usize == last)
            {
                *slot = at as u32;
            }
        }
        self.entries.swap_remove(at);
        self.give_back();
        true
    }

    /// Returns memory that a former crowd needed; amortised, since half of what is kept must leave
    /// again before the next time.
    fn give_back(&mut self) {
        let len = self.entries.len();
        if len < INDEXED_FROM / 2 {
            self.index = None;
        }
        if len * 4 <= self.entries.capacity() && self.entries.capacity() > 8 {
            self.entries.shrink_to(len * 2);
            let entries = &self.entries;
            if let Some(index) = &mut self.index {
                index.shrink_to(len * 2, |&at| {
                    entries.get(at as usize).map_or(0, |entry| hash(entry.id()))
                });
            }
        }
    }
}

/// Spreads an id over 64 bits. Unseeded: peers do not choose their ids.
fn hash(id: SubId) -> u64 {
    let packed = u64::from(id.slot) | u64::from(id.shard.0) << 32 | u64::from(id.generation) << 48;
    let mixed = packed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ShardId;

    fn id(slot: u32) -> SubId {
        SubId { shard: ShardId(slot as u16 % 3), generation: 0, slot }
    }

    #[test]
    fn a_crowd_comes_and_goes_without_losing_anybody() {
        let mut roster = Roster::new();
        for slot in 0..1000 {
            assert_eq!(roster.put(id(slot)), Put::Added);
            assert_eq!(roster.put(id(slot / 2)), Put::Same);
        }
        assert!(roster.index.is_some());
        for slot in (0..1000).filter(|slot| slot % 7 != 0) {
            assert!(roster.remove(id(slot)));
            assert!(!roster.remove(id(slot)));
        }
        let mut left: Vec<u32> = roster.as_slice().iter().map(|id| id.slot).collect();
        left.sort_unstable();
        assert_eq!(left, (0..1000).step_by(7).collect::<Vec<_>>());
        for slot in left {
            assert!(roster.remove(id(slot)));
        }
        assert!(roster.index.is_none() && roster.entries.capacity() <= 8);
    }
}
