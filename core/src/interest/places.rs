//! A hash table from hashes to places in an array, of which a look-up reads one cache line.
//!
//! In an index of a million subscriptions nothing that a look-up reads is in the processor's
//! cache, so that its time is the number of lines it reads one after the other. A table that keeps
//! control octets apart from its slots needs two before it knows the place; this one is a single
//! array of 8-byte slots, sorted by hash and with gaps, and a hash says nearly where it is. Being
//! sorted, the array ends a search early and is copied front to back when it grows.

use super::NONE;

/// The fewest homes of a table that is not empty.
const FEWEST: usize = 8;

/// Slots behind the last home, for hashes that found theirs taken.
const BEHIND: usize = 32;

/// Places by hash. Several places may have the same hash.
#[derive(Default)]
pub(super) struct Places {
    /// In the order of their hashes, each at its home or later, with no gap between the two.
    slots: Vec<Slot>,
    homes: usize,
    len: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    hash: u32,
    at: u32,
}

/// Ends every search: no hash is above it.
const GAP: Slot = Slot { hash: u32::MAX, at: NONE };

impl Places {
    /// Where a hash is if nothing is in its way: grows with the hash.
    #[inline]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.homes as u64) >> 32) as usize
    }

    /// The place with this hash that is the right one.
    #[inline]
    pub(super) fn find(&self, hash: u32, mut is_right: impl FnMut(u32) -> bool) -> Option<u32> {
        let slots = self.slots.get(self.home(hash)..).unwrap_or_default().iter();
        slots
            .skip_while(|slot| slot.hash < hash)
            .take_while(|slot| slot.hash == hash && slot.at != NONE)
            .map(|slot| slot.at)
            .find(|&at| is_right(at))
    }

    /// Index of the first slot from the hash's home on that is not below it.
    fn first(&self, hash: u32) -> usize {
        let home = self.home(hash);
        let slots = self.slots.get(home..).unwrap_or_default();
        home + slots.iter().take_while(|slot| slot.hash < hash).count()
    }

    /// Adds a place that is not in the table.
    pub(super) fn insert(&mut self, hash: u32, at: u32) {
        if self.len >= self.homes / 5 * 4 {
            self.resize(self.homes + self.homes / 2);
        }
        let first = self.first(hash);
        let taken = self.slots.iter().skip(first).take_while(|slot| slot.at != NONE).count();
        if first + taken == self.slots.len() {
            self.slots.push(GAP);
        }
        self.slots.copy_within(first..first + taken, first + 1);
        if let Some(slot) = self.slots.get_mut(first) {
            *slot = Slot { hash, at };
            self.len += 1;
        }
    }

    /// Index of the slot with this hash and place.
    fn position(&self, hash: u32, at: u32) -> Option<usize> {
        let first = self.first(hash);
        let mut slots = self.slots.iter().skip(first).take_while(|slot| slot.hash == hash);
        slots.position(|slot| slot.at == at && at != NONE).map(|index| first + index)
    }

    /// Notes that what was at `at` is at `now`.
    pub(super) fn moved(&mut self, hash: u32, at: u32, now: u32) {
        if let Some(slot) = self.position(hash, at).and_then(|index| self.slots.get_mut(index)) {
            slot.at = now;
        }
    }

    /// Removes a place.
    pub(super) fn remove(&mut self, hash: u32, at: u32) {
        let Some(index) = self.position(hash, at) else { return };
        // Those behind it that are not at home yet come one closer.
        let behind = self.slots.iter().enumerate().skip(index + 1);
        let away = behind
            .take_while(|(index, slot)| slot.at != NONE && self.home(slot.hash) < *index)
            .count();
        self.slots.copy_within(index + 1..index + 1 + away, index);
        if let Some(slot) = self.slots.get_mut(index + away) {
            *slot = GAP;
            self.len -= 1;
        }
        // Amortised: three quarters must have left since the table was last full.
        if self.homes > 64 && self.len < self.homes / 8 {
            self.resize(self.len * 2);
        }
    }

    /// Copies everything into a table with so many homes.
    fn resize(&mut self, homes: usize) {
        self.homes = homes.max(FEWEST);
        let slots = self.homes + self.homes.min(BEHIND);
        let old = core::mem::replace(&mut self.slots, vec![GAP; slots]);
        let mut next = 0;
        for slot in old.into_iter().filter(|slot| slot.at != NONE) {
            next = next.max(self.home(slot.hash));
            if next == self.slots.len() {
                self.slots.push(GAP);
            }
            if let Some(free) = self.slots.get_mut(next) {
                *free = slot;
            }
            next += 1;
        }
    }

    /// All hashes and places, in the order of the hashes.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.slots.iter().filter(|slot| slot.at != NONE).map(|slot| (slot.hash, slot.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a search relies on.
    fn check(places: &Places) {
        let used = places.iter().collect::<Vec<_>>();
        assert!(used.is_sorted_by_key(|(hash, _)| *hash));
        assert_eq!(used.len(), places.len);
        for (index, slot) in places.slots.iter().enumerate().filter(|(_, it)| it.at != NONE) {
            let home = places.home(slot.hash);
            assert!(places.slots[home..=index].iter().all(|slot| slot.at != NONE), "a gap");
        }
    }

    #[test]
    fn every_place_is_found_whatever_comes_and_goes() {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut places = Places::default();
        let mut model: Vec<(u32, u32)> = Vec::new();
        for round in 0..20_000u32 {
            // Waves; a hash of four is at the end of the table or the same as others.
            if rng.f64() < if round / 4000 % 2 == 0 { 0.8 } else { 0.2 } {
                let hash = match rng.u32(..4) {
                    0 => u32::MAX - rng.u32(..3),
                    _ => rng.u32(..),
                };
                places.insert(hash, round);
                model.push((hash, round));
            } else if !model.is_empty() {
                let (hash, at) = model.swap_remove(rng.usize(..model.len()));
                places.remove(hash, at);
                assert_eq!(places.find(hash, |it| it == at), None);
            }
            if round % 500 == 0 {
                check(&places);
                for &(hash, at) in &model {
                    assert_eq!(places.find(hash, |it| it == at), Some(at));
                }
            }
        }
        for (hash, at) in model {
            places.moved(hash, at, at + 1_000_000);
            assert_eq!(places.find(hash, |it| it == at + 1_000_000), Some(at + 1_000_000));
            places.remove(hash, at + 1_000_000);
        }
        assert!(places.len == 0 && places.slots.capacity() < 200, "{}", places.slots.len());
    }

    #[test]
    fn an_empty_table_holds_no_memory_and_finds_nothing() {
        let places = Places::default();
        assert_eq!((places.slots.capacity(), places.find(u32::MAX, |_| true)), (0, None));
        assert_eq!(places.find(0, |_| true), None);
    }
}
