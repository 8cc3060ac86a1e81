//! From a published subject to the most specific source that matches it.

use crate::subject::{ANY_ONE, ANY_REST, Tokens, tokens};

/// The node at which every walk starts.
const ROOT: usize = 0;

/// A trie of sources. Unlike the interest index it never changes once it is filled and is read
/// without a lock.
pub(super) struct Index {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    /// By token, sorted by length first: most comparisons are of two numbers.
    children: Vec<(Box<[u8]>, usize)>,
    any_one: Option<usize>,
    /// The source that ends here.
    here: Option<usize>,
    /// The source that ends here with `>`.
    rest: Option<usize>,
}

impl Default for Index {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl Index {
    /// Adds a valid source, or gives a known one another value.
    pub(super) fn insert(&mut self, source: &[u8], value: usize) {
        let mut at = ROOT;
        for token in tokens(source) {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            let child = match token {
                ANY_REST => {
                    node.rest = Some(value);
                    return;
                }
                ANY_ONE => *node.any_one.get_or_insert(next),
                _ => match node.find(token) {
                    Ok(child) => child,
                    Err(place) => {
                        node.children.insert(place, (token.into(), next));
                        next
                    }
                },
            };
            if child == next {
                self.nodes.push(Node::default());
            }
            at = child;
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.here = Some(value);
        }
    }

    /// The value of the first source that matches: at each token a literal before `*` before `>`.
    /// No node is looked at twice.
    pub(super) fn find(&self, subject: &[u8]) -> Option<usize> {
        self.walk(ROOT, tokens(subject))
    }

    fn walk(&self, mut at: usize, mut rest: Tokens<'_>) -> Option<usize> {
        loop {
            let node = self.nodes.get(at)?;
            let left = rest.clone();
            let Some(token) = rest.next() else { return node.here };
            let literal = node.find(token).ok();
            // A published `>` is no token that `*` stands for (see `Transform::apply`).
            let any_one = node.any_one.filter(|_| !token.is_empty() && token != ANY_REST);
            let mut ways = literal.into_iter().chain(any_one);
            let Some(first) = ways.next() else { return node.rest.filter(|_| left.all_filled()) };
            let second = ways.next();
            if second.is_none() && node.rest.is_none() {
                // Nothing to come back to.
                at = first;
                continue;
            }
            let found = self.walk(first, rest.clone());
            return found
                .or_else(|| self.walk(second?, rest))
                .or_else(|| node.rest.filter(|_| left.all_filled()));
        }
    }
}

impl Node {
    /// The child for a literal token, or its place among the children.
    fn find(&self, token: &[u8]) -> Result<usize, usize> {
        self.children
            .binary_search_by(|(known, _)| (known.len(), &**known).cmp(&(token.len(), token)))
            .map(|place| self.children.get(place).map_or(ROOT, |(_, child)| *child))
    }
}
