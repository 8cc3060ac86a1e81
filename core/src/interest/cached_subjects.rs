//! The reverse of the pattern trie: which cached subjects does a changed pattern match?

use core::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{NONE, seeded_hash};
use crate::subject::tokens;

/// The node at which every walk starts.
const ROOT: u32 = 0;

/// A trie of the subjects in a match cache.
///
/// Its nodes know tokens by their 64-bit hashes only. Two tokens with one hash would share a node,
/// so a collection may contain a subject that does not match; it never lacks one that does.
pub(super) struct CachedSubjects {
    hasher: DefaultHashBuilder,
    nodes: Vec<Node>,
    /// By parent and token; for walks by an ordinary token.
    edges: HashTable<u32>,
    /// Head of the list of unused nodes, linked by `next`.
    free: u32,
    now: Vec<u32>,
    ahead: Vec<u32>,
}

struct Node {
    token: u64,
    parent: u32,
    /// Children are a list, for walks by `*` and `>`.
    first_child: u32,
    next: u32,
    previous: u32,
    /// The cache entry whose subject ends here.
    entry: u32,
}

impl Node {
    const fn new(parent: u32, token: u64) -> Self {
        Self { token, parent, first_child: NONE, next: NONE, previous: NONE, entry: NONE }
    }
}

impl Default for CachedSubjects {
    fn default() -> Self {
        Self {
            hasher: DefaultHashBuilder::default(),
            nodes: vec![Node::new(NONE, 0)],
            edges: HashTable::new(),
            free: NONE,
            now: Vec::new(),
            ahead: Vec::new(),
        }
    }
}

impl CachedSubjects {
    fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    fn node_mut(&mut self, at: u32) -> Option<&mut Node> {
        self.nodes.get_mut(at as usize)
    }

    fn child(&self, parent: u32, token: u64) -> Option<u32> {
        let found = self.edges.find(edge_hash(&self.hasher, parent, token), |&child| {
            self.node(child).is_some_and(|node| node.parent == parent && node.token == token)
        });
        found.copied()
    }

    /// Adds the subject of cache entry `entry`; returns the place by which to remove it. `None`
    /// when a known subject has the same hashes: the two cannot be told apart, and the new one had
    /// better not be cached.
    pub(super) fn insert(&mut self, subject: &[u8], entry: u32) -> Option<u32> {
        let mut at = ROOT;
        for token in tokens(subject) {
            let token = seeded_hash(&self.hasher, token);
            at = match self.child(at, token) {
                Some(child) => child,
                None => self.add_child(at, token)?,
            };
        }
        let node = self.node_mut(at).filter(|node| node.entry == NONE)?;
        node.entry = entry;
        Some(at)
    }

    fn add_child(&mut self, parent: u32, token: u64) -> Option<u32> {
        let first = self.node(parent)?.first_child;
        let node = Node { next: first, ..Node::new(parent, token) };
        let child = match self.nodes.get_mut(self.free as usize) {
            Some(unused) => {
                let next = unused.next;
                *unused = node;
                core::mem::replace(&mut self.free, next)
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        };
        if let Some(sibling) = self.node_mut(first) {
            sibling.previous = child;
        }
        self.node_mut(parent)?.first_child = child;
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.edges.insert_unique(edge_hash(hasher, parent, token), child, |&child| {
            nodes.get(child as usize).map_or(0, |it| edge_hash(hasher, it.parent, it.token))
        });
        Some(child)
    }

    /// Removes the subject that [`Self::insert`] put at `at`.
    pub(super) fn remove(&mut self, mut at: u32) {
        if let Some(node) = self.node_mut(at) {
            node.entry = NONE;
        }
        while at != ROOT
            && let Some(node) = self.node(at)
            && node.entry == NONE
            && node.first_child == NONE
        {
            let Node { token, parent, next, previous, .. } = *node;
            if let Some(sibling) = self.node_mut(next) {
                sibling.previous = previous;
            }
            if let Some(sibling) = self.node_mut(previous) {
                sibling.next = next;
            } else if let Some(parent) = self.node_mut(parent) {
                parent.first_child = next;
            }
            let hash = edge_hash(&self.hasher, parent, token);
            if let Ok(edge) = self.edges.find_entry(hash, |&child| child == at) {
                edge.remove();
            }
            let free = self.free;
            if let Some(node) = self.node_mut(at) {
                *node = Node { next: free, ..Node::new(NONE, 0) };
            }
            self.free = at;
            at = parent;
        }
    }

    /// Appends to `found` the entries of all subjects that the wildcard `pattern` may match.
    pub(super) fn collect(&mut self, pattern: &[u8], found: &mut Vec<u32>) {
        let mut now = core::mem::take(&mut self.now);
        let mut ahead = core::mem::take(&mut self.ahead);
        now.clear();
        now.push(ROOT);
        for token in tokens(pattern) {
            ahead.clear();
            if token == b">" {
                for &at in &now {
                    self.push_children(at, &mut ahead);
                }
                while let Some(node) = ahead.pop().and_then(|at| Some((at, self.node(at)?))) {
                    found.extend(Some(node.1.entry).filter(|&entry| entry != NONE));
                    self.push_children(node.0, &mut ahead);
                }
            } else if token == b"*" {
                for &at in &now {
                    self.push_children(at, &mut ahead);
                }
            } else {
                let token = seeded_hash(&self.hasher, token);
                ahead.extend(now.iter().filter_map(|&at| self.child(at, token)));
            }
            core::mem::swap(&mut now, &mut ahead);
        }
        let entries = now.iter().filter_map(|&at| self.node(at)).map(|node| node.entry);
        found.extend(entries.filter(|&entry| entry != NONE));
        self.now = now;
        self.ahead = ahead;
    }

    fn push_children(&self, parent: u32, into: &mut Vec<u32>) {
        let mut child = self.node(parent).map_or(NONE, |node| node.first_child);
        while let Some(node) = self.node(child) {
            into.push(child);
            child = node.next;
        }
    }

    /// Forgets all subjects and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.nodes.push(Node::new(NONE, 0));
        self.edges.clear();
        self.free = NONE;
    }
}

fn edge_hash(hasher: &DefaultHashBuilder, parent: u32, token: u64) -> u64 {
    hasher.hash_one(token ^ u64::from(parent).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::matches;

    #[test]
    fn a_pattern_collects_the_subjects_that_it_matches() {
        let subjects =
            ["a", "a.b", "a.b.c", "a.x.c", "b", "b.b.c", "*", "a.*", "a.>", "a.b.c.d", "b.x.y.z"];
        let patterns =
            [">", "*", "a.>", "a.*", "*.*.c", "*.b.>", "a.b.*", "x.>", "*.*.*.*", "a.b.c.>"];
        let mut trie = CachedSubjects::default();
        let mut places: Vec<u32> = Vec::new();
        for (entry, subject) in subjects.iter().enumerate() {
            places.push(trie.insert(subject.as_bytes(), entry as u32).unwrap());
            assert_eq!(trie.insert(subject.as_bytes(), 99), None);
        }
        for gone in 0..=subjects.len() {
            for pattern in patterns {
                let mut found = Vec::new();
                trie.collect(pattern.as_bytes(), &mut found);
                found.sort_unstable();
                let expected: Vec<u32> = (gone..subjects.len())
                    .filter(|&it| matches(pattern.as_bytes(), subjects[it].as_bytes()))
                    .map(|it| it as u32)
                    .collect();
                assert_eq!(found, expected, "{pattern} without the first {gone}");
            }
            if let Some(&place) = places.get(gone) {
                trie.remove(place);
            }
        }
        assert!(trie.edges.is_empty() && trie.nodes[0].first_child == NONE);
    }

    #[test]
    fn nodes_are_used_again() {
        let mut trie = CachedSubjects::default();
        for round in 0..1000 {
            let place = trie.insert(format!("inbox.{round}.x").as_bytes(), round).unwrap();
            trie.remove(place);
        }
        assert_eq!(trie.nodes.len(), 4);
    }
}
