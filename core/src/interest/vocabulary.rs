//! The tokens that occur in wildcard patterns, each stored once and numbered.

use hashbrown::{DefaultHashBuilder, HashTable};

use super::chunked::Chunked;
use super::octets::Octets;
use super::{NONE, give_back, seeded_hash, spread};

/// Numbers for tokens. A device's name occurs in many patterns and at many nodes, so the trie
/// works with numbers; and a published token without a number ends a walk before it starts.
pub(super) struct Vocabulary {
    hasher: DefaultHashBuilder,
    slots: HashTable<Slot>,
    words: Chunked<Word>,
    /// Head of the list of unused words.
    free: u32,
    unused: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    at: u32,
}

struct Word {
    text: Octets,
    /// Edges that carry the word; for an unused word, the next unused one.
    uses: u32,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            slots: HashTable::new(),
            words: Chunked::default(),
            free: NONE,
            unused: 0,
        }
    }
}

impl Vocabulary {
    fn find(&self, hash: u32, token: &[u8]) -> Option<u32> {
        let found = self.slots.find(spread(hash), |slot| {
            slot.hash == hash
                && self.words.get(slot.at).is_some_and(|word| word.text.as_slice() == token)
        });
        found.map(|slot| slot.at)
    }

    /// The number of `token`, if it has one.
    pub(super) fn get(&self, token: &[u8]) -> Option<u32> {
        self.find(seeded_hash(&self.hasher, token) as u32, token)
    }

    /// The number of `token` for one more use; [`Self::release`] takes the use back.
    pub(super) fn acquire(&mut self, token: &[u8]) -> u32 {
        let hash = seeded_hash(&self.hasher, token) as u32;
        if let Some(at) = self.find(hash, token) {
            if let Some(word) = self.words.get_mut(at) {
                word.uses += 1;
            }
            return at;
        }
        let word = Word { text: Octets::new(token), uses: 1 };
        let at = match self.words.get_mut(self.free) {
            Some(unused) => {
                let next = unused.uses;
                *unused = word;
                self.unused -= 1;
                core::mem::replace(&mut self.free, next)
            }
            None => self.words.push(word),
        };
        self.slots.insert_unique(spread(hash), Slot { hash, at }, |slot| spread(slot.hash));
        at
    }

    /// Notes that word `at` is used once less; the last use takes the word along.
    pub(super) fn release(&mut self, at: u32) {
        let Some(word) = self.words.get_mut(at) else { return };
        if word.uses > 1 {
            word.uses -= 1;
            return;
        }
        let hash = seeded_hash(&self.hasher, word.text.as_slice()) as u32;
        *word = Word { text: Octets::new(b""), uses: self.free };
        self.free = at;
        self.unused += 1;
        if let Ok(slot) = self.slots.find_entry(spread(hash), |slot| slot.at == at) {
            slot.remove();
        }
        give_back(&mut self.slots, |slot| spread(slot.hash));
    }

    /// Whether most words are unused, so that rewriting gives memory back.
    pub(super) fn is_sparse(&self) -> bool {
        self.words.len() > 64 && self.unused > self.words.len() / 4 * 3
    }

    /// The same words without gaps, and the table from old numbers to new ones.
    pub(super) fn compacted(self) -> (Self, Vec<u32>) {
        let mut renumbered = vec![NONE; self.words.len()];
        let mut hashes = vec![None; self.words.len()];
        for slot in &self.slots {
            if let Some(hash) = hashes.get_mut(slot.at as usize) {
                *hash = Some(slot.hash);
            }
        }
        let mut compact = Self { hasher: self.hasher, ..Self::default() };
        for ((word, hash), number) in self.words.into_iter().zip(hashes).zip(&mut renumbered) {
            // Only words in use have a slot.
            if let Some(hash) = hash {
                let at = compact.words.push(word);
                *number = at;
                let slot = Slot { hash, at };
                compact.slots.insert_unique(spread(hash), slot, |slot| spread(slot.hash));
            }
        }
        (compact, renumbered)
    }
}
