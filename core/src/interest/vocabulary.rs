//! The tokens that occur in wildcard patterns, each stored once and numbered.

use hashbrown::DefaultHashBuilder;

use super::chunked::Chunked;
use super::octets::Octets;
use super::places::Places;
use super::{NONE, seeded_hash};

/// Numbers for tokens. A device's name occurs in many patterns and at many nodes, so the trie
/// works with numbers; and a published token without a number ends a walk before it starts.
pub(super) struct Vocabulary {
    hasher: DefaultHashBuilder,
    places: Places,
    words: Chunked<Word>,
    /// Head of the list of unused words.
    free: u32,
    unused: usize,
}

struct Word {
    text: Octets<22>,
    /// Edges that carry the word; for an unused word, the next unused one.
    uses: u32,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            places: Places::default(),
            words: Chunked::default(),
            free: NONE,
            unused: 0,
        }
    }
}

impl Vocabulary {
    fn find(&self, hash: u32, token: &[u8]) -> Option<u32> {
        self.places
            .find(hash, |at| self.words.get(at).is_some_and(|word| word.text.as_slice() == token))
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
        self.places.insert(hash, at);
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
        self.places.remove(hash, at);
    }

    /// Whether most words are unused, so that rewriting gives memory back.
    pub(super) fn is_sparse(&self) -> bool {
        self.words.len() > 64 && self.unused > self.words.len() / 4 * 3
    }

    /// The same words without gaps, and the table from old numbers to new ones.
    pub(super) fn compacted(self) -> (Self, Vec<u32>) {
        let mut renumbered = vec![NONE; self.words.len()];
        let mut hashes = vec![None; self.words.len()];
        for (hash, at) in self.places.iter() {
            if let Some(known) = hashes.get_mut(at as usize) {
                *known = Some(hash);
            }
        }
        let mut compact = Self { hasher: self.hasher, ..Self::default() };
        for ((word, hash), number) in self.words.into_iter().zip(hashes).zip(&mut renumbered) {
            // Only words in use have a place.
            if let Some(hash) = hash {
                let at = compact.words.push(word);
                *number = at;
                compact.places.insert(hash, at);
            }
        }
        (compact, renumbered)
    }
}
