//! The subscriptions with wildcards: a trie of tokens.
//!
//! Nodes are 40 bytes in one arena; their edges are one hash table for the whole trie, keyed by
//! parent and token, so that a node with one child costs no table of its own. A look-up walks
//! level by level with all nodes that still match, resolves each published token to its number at
//! most once, and stops when no node is left.

use core::hash::BuildHasher;
use core::ops::ControlFlow;

use hashbrown::DefaultHashBuilder;

use super::NONE;
use super::chunked::Chunked;
use super::matches::Frontier;
use super::places::Places;
use super::subscribers::Subscribers;
use super::vocabulary::Vocabulary;
use crate::subject::tokens;

/// The node at which every walk starts.
const ROOT: u32 = 0;

/// In place of a token's number: the edge `*`.
const ANY_ONE: u32 = NONE - 1;
/// In place of a token's number: the edge `>`.
const ANY_REST: u32 = NONE - 2;
/// In place of a token's number: the node is unused.
const UNUSED: u32 = NONE - 3;

pub(super) struct Patterns {
    hasher: DefaultHashBuilder,
    words: Vocabulary,
    nodes: Chunked<Node>,
    /// Children reached by an ordinary token. Keyed by what the child says about itself.
    edges: Places,
    /// Head of the list of unused nodes, linked by `parent`.
    free: u32,
    unused: usize,
}

struct Node {
    parent: u32,
    /// What leads here from the parent.
    token: u32,
    /// The child by `*`.
    any_one: u32,
    /// The child by `>`.
    any_rest: u32,
    /// How many children are reached by an ordinary token.
    children: u32,
    subscribers: Subscribers,
}

impl Node {
    const fn new(parent: u32, token: u32) -> Self {
        let subscribers = Subscribers::None;
        Self { parent, token, any_one: NONE, any_rest: NONE, children: 0, subscribers }
    }

    fn is_bare(&self) -> bool {
        self.subscribers.is_empty()
            && self.children == 0
            && self.any_one == NONE
            && self.any_rest == NONE
    }
}

impl Default for Patterns {
    fn default() -> Self {
        let mut nodes = Chunked::default();
        nodes.push(Node::new(NONE, NONE));
        Self {
            hasher: DefaultHashBuilder::default(),
            words: Vocabulary::default(),
            nodes,
            edges: Places::default(),
            free: NONE,
            unused: 0,
        }
    }
}

impl Patterns {
    fn hash(&self, parent: u32, token: u32) -> u32 {
        self.hasher.hash_one(u64::from(parent) << 32 | u64::from(token)) as u32
    }

    fn child(&self, parent: u32, token: u32) -> Option<u32> {
        self.edges.find(self.hash(parent, token), |child| {
            self.nodes.get(child).is_some_and(|node| node.parent == parent && node.token == token)
        })
    }

    /// Hands the subscribers of every pattern that matches `subject` to `visit`, until that
    /// breaks. `subject` has no empty token.
    pub(super) fn visit(
        &self,
        subject: &[u8],
        frontier: &mut Frontier,
        mut visit: impl FnMut(&Subscribers) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Frontier { now, next } = frontier;
        now.clear();
        now.push(ROOT);
        for token in tokens(subject) {
            next.clear();
            let mut word = None;
            for node in now.iter().filter_map(|&at| Some((at, self.nodes.get(at)?))) {
                let (at, node) = node;
                if let Some(rest) = self.nodes.get(node.any_rest) {
                    visit(&rest.subscribers)?;
                }
                if node.any_one != NONE {
                    next.push(node.any_one);
                }
                if node.children != 0
                    && let Some(word) = *word.get_or_insert_with(|| self.words.get(token))
                    && let Some(child) = self.child(at, word)
                {
                    next.push(child);
                }
            }
            core::mem::swap(now, next);
            if now.is_empty() {
                return ControlFlow::Continue(());
            }
        }
        for node in now.iter().filter_map(|&at| self.nodes.get(at)) {
            if !node.subscribers.is_empty() {
                visit(&node.subscribers)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Changes the subscribers of `pattern`, which start as nobody.
    pub(super) fn insert<R>(
        &mut self,
        pattern: &[u8],
        change: impl FnOnce(&mut Subscribers) -> R,
    ) -> Option<R> {
        let mut at = ROOT;
        for token in tokens(pattern) {
            at = self.descend(at, token);
        }
        self.nodes.get_mut(at).map(|node| change(&mut node.subscribers))
    }

    /// The child of `parent` by `token`, made on demand.
    fn descend(&mut self, parent: u32, token: &[u8]) -> u32 {
        let Some(node) = self.nodes.get(parent) else { return parent };
        match token {
            b"*" if node.any_one != NONE => return node.any_one,
            b">" if node.any_rest != NONE => return node.any_rest,
            b"*" | b">" => {}
            _ => {
                let known = self.words.get(token).and_then(|word| self.child(parent, word));
                if let Some(child) = known {
                    return child;
                }
            }
        }
        let token = match token {
            b"*" => ANY_ONE,
            b">" => ANY_REST,
            _ => self.words.acquire(token),
        };
        let child = self.allocate(Node::new(parent, token));
        let hash = self.hash(parent, token);
        let Some(node) = self.nodes.get_mut(parent) else { return child };
        match token {
            ANY_ONE => node.any_one = child,
            ANY_REST => node.any_rest = child,
            _ => {
                node.children += 1;
                self.edges.insert(hash, child);
            }
        }
        child
    }

    fn allocate(&mut self, node: Node) -> u32 {
        match self.nodes.get_mut(self.free) {
            Some(unused) => {
                let next = unused.parent;
                *unused = node;
                self.unused -= 1;
                core::mem::replace(&mut self.free, next)
            }
            None => self.nodes.push(node),
        }
    }

    /// Changes the subscribers of `pattern` if it is known, and prunes what becomes bare.
    pub(super) fn remove<R>(
        &mut self,
        pattern: &[u8],
        change: impl FnOnce(&mut Subscribers) -> R,
    ) -> Option<R> {
        let mut at = ROOT;
        for token in tokens(pattern) {
            let node = self.nodes.get(at)?;
            at = match token {
                b"*" => node.any_one,
                b">" => node.any_rest,
                _ => self.child(at, self.words.get(token)?)?,
            };
        }
        let result = change(&mut self.nodes.get_mut(at)?.subscribers);
        self.prune(at);
        Some(result)
    }

    /// Takes `at` and its ancestors away as far as nothing hangs on them.
    fn prune(&mut self, mut at: u32) {
        let mut pruned = false;
        while at != ROOT
            && let Some(node) = self.nodes.get(at).filter(|node| node.is_bare())
        {
            let (parent, token) = (node.parent, node.token);
            self.unlink(parent, token, at);
            if let Some(node) = self.nodes.get_mut(at) {
                *node = Node::new(self.free, UNUSED);
                self.free = at;
                self.unused += 1;
            }
            at = parent;
            pruned = true;
        }
        if pruned {
            self.give_back();
        }
    }

    fn unlink(&mut self, parent: u32, token: u32, child: u32) {
        let hash = self.hash(parent, token);
        let Some(node) = self.nodes.get_mut(parent) else { return };
        match token {
            ANY_ONE => node.any_one = NONE,
            ANY_REST => node.any_rest = NONE,
            _ => {
                node.children -= 1;
                self.edges.remove(hash, child);
                self.words.release(token);
            }
        }
    }

    /// Returns memory that former patterns needed. Amortised: three quarters must have left since
    /// the last time.
    fn give_back(&mut self) {
        let sparse = self.nodes.len() > 64 && self.unused > self.nodes.len() / 4 * 3;
        if sparse || self.words.is_sparse() {
            self.compact();
        }
    }

    /// Rewrites nodes and words without gaps.
    fn compact(&mut self) {
        let (words, word_now) = core::mem::take(&mut self.words).compacted();
        self.words = words;
        let old = core::mem::take(&mut self.nodes);
        let mut place_now = vec![NONE; old.len()];
        let mut place = 0;
        for at in 0..old.len() as u32 {
            let used = old.get(at).is_some_and(|node| node.token != UNUSED);
            if let Some(now) = place_now.get_mut(at as usize).filter(|_| used) {
                *now = place;
                place += 1;
            }
        }
        let moved = |table: &[u32], at: u32| table.get(at as usize).copied().unwrap_or(at);
        self.edges = Places::default();
        for mut node in old.into_iter().filter(|node| node.token != UNUSED) {
            node.parent = moved(&place_now, node.parent);
            node.any_one = moved(&place_now, node.any_one);
            node.any_rest = moved(&place_now, node.any_rest);
            // The stand-ins for tokens lie beyond every table and stay as they are.
            node.token = moved(&word_now, node.token);
            let (parent, token) = (node.parent, node.token);
            let at = self.nodes.push(node);
            if token < UNUSED {
                self.edges.insert(self.hash(parent, token), at);
            }
        }
        self.free = NONE;
        self.unused = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ShardId, SubId};

    fn id(slot: u32) -> SubId {
        SubId { shard: ShardId(0), generation: 0, slot }
    }

    fn found(patterns: &Patterns, subject: &str) -> Vec<u32> {
        let mut found = Vec::new();
        let _ = patterns.visit(subject.as_bytes(), &mut Frontier::default(), |it| {
            found.extend(it.plain().iter().map(|id| id.slot));
            ControlFlow::Continue(())
        });
        found.sort_unstable();
        found
    }

    #[test]
    fn patterns_survive_the_compaction_that_others_cause() {
        assert_eq!(size_of::<Node>(), 40);
        let mut patterns = Patterns::default();
        let name = |slot: u32| match slot % 3 {
            0 => format!("site.{slot}.*.temperature"),
            1 => format!("site.{slot}.>"),
            _ => format!("*.word{slot}.x.*"),
        };
        for slot in 0..6000 {
            patterns.insert(name(slot).as_bytes(), |it| it.put_plain(id(slot)));
        }
        let full = patterns.nodes.len();
        for slot in (0..6000).filter(|slot| slot % 100 >= 3) {
            let removed = patterns.remove(name(slot).as_bytes(), |it| it.remove_plain(id(slot)));
            assert_eq!(removed, Some(true));
        }
        assert!(patterns.nodes.len() < full / 2, "no compaction took place");
        for slot in 0..6000 {
            let subject = match slot % 3 {
                0 => format!("site.{slot}.x.temperature"),
                1 => format!("site.{slot}.a.b"),
                _ => format!("any.word{slot}.x.y"),
            };
            let expected = if slot % 100 < 3 { vec![slot] } else { vec![] };
            assert_eq!(found(&patterns, &subject), expected);
        }
        for slot in (0..6000).filter(|slot| slot % 100 < 3) {
            let removed = patterns.remove(name(slot).as_bytes(), |it| it.remove_plain(id(slot)));
            assert_eq!(removed, Some(true));
        }
        assert!(patterns.nodes.len() - patterns.unused == 1 && patterns.edges.iter().count() == 0);
        assert!(patterns.nodes.len() <= 65);
    }
}
