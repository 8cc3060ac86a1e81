//! The subscriptions without wildcards: one hash look-up by the whole subject.
//!
//! Nine of ten subscriptions of a large index are here, so this is where its memory and its cache
//! misses go: some 12 bytes of hash table and 64 of entry a subject, one line of each a look-up. A
//! subject longer than 46 octets costs its own length and another line.

use hashbrown::DefaultHashBuilder;

use super::chunked::Chunked;
use super::octets::Octets;
use super::places::Places;
use super::seeded_hash;
use super::subscribers::Subscribers;

#[derive(Default)]
pub(super) struct Literals {
    hasher: DefaultHashBuilder,
    places: Places,
    /// Dense: the last entry moves into a hole.
    entries: Chunked<Entry>,
}

/// One cache line.
#[repr(align(64))]
struct Entry {
    subject: Octets<46>,
    subscribers: Subscribers,
}

impl Literals {
    fn hash(&self, subject: &[u8]) -> u32 {
        seeded_hash(&self.hasher, subject) as u32
    }

    fn place(&self, hash: u32, subject: &[u8]) -> Option<u32> {
        self.places.find(hash, |at| {
            self.entries.get(at).is_some_and(|it| it.subject.as_slice() == subject)
        })
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
            self.places.insert(hash, at);
        }
        result
    }

    fn drop_entry(&mut self, hash: u32, at: u32) {
        self.places.remove(hash, at);
        self.entries.swap_remove(at);
        if let Some(moved) = self.entries.get(at) {
            let hash = self.hash(moved.subject.as_slice());
            self.places.moved(hash, self.entries.len() as u32, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ShardId, SubId};

    #[test]
    fn an_entry_costs_what_the_module_says() {
        assert_eq!(size_of::<Entry>(), 64);
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
        assert_eq!((literals.places.iter().count(), literals.entries.len()), (0, 0));
    }
}
