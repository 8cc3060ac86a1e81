//! The subscriptions without wildcards: one hash look-up by the whole subject.
//!
//! Nine of ten subscriptions of a large index are here, so this is where its memory goes: 9 bytes
//! of hash table and 40 of entry a subject, plus the subject itself when it is longer than 22
//! octets. The table holds hashes and places, not entries, because a hash table is up to half
//! empty; with the hashes at hand it also grows without reading a million subjects under the lock.

use hashbrown::{DefaultHashBuilder, HashTable};

use super::chunked::Chunked;
use super::octets::Octets;
use super::subscribers::Subscribers;
use super::{give_back, seeded_hash, spread};

#[derive(Default)]
pub(super) struct Literals {
    hasher: DefaultHashBuilder,
    slots: HashTable<Slot>,
    /// Dense: the last entry moves into a hole.
    entries: Chunked<Entry>,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    at: u32,
}

struct Entry {
    subject: Octets,
    subscribers: Subscribers,
}

impl Literals {
    fn hash(&self, subject: &[u8]) -> u32 {
        seeded_hash(&self.hasher, subject) as u32
    }

    fn place(&self, hash: u32, subject: &[u8]) -> Option<u32> {
        let found = self.slots.find(spread(hash), |slot| {
            slot.hash == hash
                && self.entries.get(slot.at).is_some_and(|it| it.subject.as_slice() == subject)
        });
        found.map(|slot| slot.at)
    }

    /// Who wants exactly `subject`.
    pub(super) fn get(&self, subject: &[u8]) -> Option<&Subscribers> {
        let at = self.place(self.hash(subject), subject)?;
        self.entries.get(at).map(|entry| &entry.subscribers)
    }

    /// Changes the subscribers of `subject`, which start and may end as nobody.
    pub(super) fn change<R>(
        &mut self,
        subject: &[u8],
        change: impl FnOnce(&mut Subscribers) -> R,
    ) -> R {
        let hash = self.hash(subject);
        let known = self.place(hash, subject);
        let entry = known.and_then(|at| Some((at, self.entries.get_mut(at)?)));
        if let Some((at, entry)) = entry {
            let result = change(&mut entry.subscribers);
            if entry.subscribers.is_empty() {
                self.drop_entry(hash, at);
            }
            return result;
        }
        let mut subscribers = Subscribers::None;
        let result = change(&mut subscribers);
        if !subscribers.is_empty() {
            let at = self.entries.push(Entry { subject: Octets::new(subject), subscribers });
            self.slots.insert_unique(spread(hash), Slot { hash, at }, |slot| spread(slot.hash));
        }
        result
    }

    fn drop_entry(&mut self, hash: u32, at: u32) {
        if let Ok(slot) = self.slots.find_entry(spread(hash), |slot| slot.at == at) {
            slot.remove();
        }
        self.entries.swap_remove(at);
        let last = self.entries.len() as u32;
        if let Some(moved) = self.entries.get(at) {
            let hash = self.hash(moved.subject.as_slice());
            if let Some(slot) = self.slots.find_mut(spread(hash), |slot| slot.at == last) {
                slot.at = at;
            }
        }
        give_back(&mut self.slots, |slot| spread(slot.hash));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ShardId, SubId};

    #[test]
    fn an_entry_costs_what_the_module_says() {
        assert_eq!((size_of::<Slot>(), size_of::<Entry>()), (8, 40));
    }

    #[test]
    fn entries_survive_the_removal_of_others() {
        let id = |slot| SubId { shard: ShardId(0), generation: 0, slot };
        let name = |slot: u32| format!("a.subject.of.some.length.{slot}");
        let mut literals = Literals::default();
        for slot in 0..5000 {
            literals.change(name(slot).as_bytes(), |it| it.put_plain(id(slot)));
        }
        for slot in (0..5000).filter(|slot| slot % 3 != 0) {
            assert!(literals.change(name(slot).as_bytes(), |it| it.remove_plain(id(slot))));
        }
        for slot in 0..5000 {
            let found = literals.get(name(slot).as_bytes()).map(|it| it.plain().to_vec());
            assert_eq!(found, (slot % 3 == 0).then(|| vec![id(slot)]));
        }
        for slot in (0..5000).step_by(3) {
            assert!(literals.change(name(slot).as_bytes(), |it| it.remove_plain(id(slot))));
        }
        assert_eq!((literals.slots.len(), literals.entries.len()), (0, 0));
        assert!(literals.slots.capacity() < 100);
    }
}
