//! What a look-up finds.

use std::sync::Arc;

use super::roster::Entry;
use super::subscribers::Subscribers;
use crate::SubId;

/// Vectors of members that are kept for the next look-up.
const SPARES: usize = 64;

/// The largest vector that is kept, in elements: one crowded subject must not leave its size
/// behind in everything that is used again.
pub(super) const KEPT_CAPACITY: usize = 64;

/// One candidate of a queue group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Member {
    /// The subscription.
    pub id: SubId,
    /// How many members stand behind it: 1 for a client, the announced count for a remote server.
    /// Zero is kept but never chosen (cluster protocol 11.1).
    pub weight: u32,
}

impl Entry for Member {
    fn id(&self) -> SubId {
        self.id
    }
}

/// All candidates of one queue name for one subject; exactly one of them gets the message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueueGroup {
    /// The queue's name; shared with the index, so that cloning it copies nothing.
    pub name: Arc<[u8]>,
    /// The candidates in ring order. A subscription that matches by two patterns has two ids and
    /// appears twice.
    pub members: Vec<Member>,
    /// The sum of the members' weights; zero means that nobody can be chosen.
    pub total_weight: u64,
    /// Whether every member weighs 1, the usual case, in which a start costs no walk.
    even: bool,
}

impl QueueGroup {
    fn new(name: Arc<[u8]>, members: Vec<Member>) -> Self {
        Self { name, members, total_weight: 0, even: true }
    }

    fn add(&mut self, members: &[Member]) {
        self.members.extend_from_slice(members);
        for member in members {
            self.total_weight += u64::from(member.weight);
            self.even &= member.weight == 1;
        }
    }

    /// Index of a random member, each with a chance in proportion to its weight, from where to
    /// walk the ring. 0 when [`Self::total_weight`] is zero: then nobody is to be chosen, and
    /// members of weight zero that a walk comes by are to be skipped.
    pub fn start(&self, rng: &mut fastrand::Rng) -> usize {
        if self.total_weight == 0 {
            return 0;
        }
        let mut ticket = rng.u64(..self.total_weight);
        if self.even {
            return ticket as usize;
        }
        let drawn = self.members.iter().position(|member| {
            let weight = u64::from(member.weight);
            let hit = ticket < weight;
            ticket = ticket.saturating_sub(weight);
            hit
        });
        drawn.unwrap_or(0)
    }
}

/// Everything that matches one subject. Reused from look-up to look-up it stops allocating.
#[derive(Default, Debug)]
pub struct Matches {
    /// The plain subscriptions; each gets a copy.
    pub plain: Vec<SubId>,
    /// The queue groups, by name across all matching patterns; one member of each gets a copy.
    pub queues: Vec<QueueGroup>,
    pub(super) frontier: Frontier,
    spare: Vec<Vec<Member>>,
}

/// Working memory of the walk over the wildcard patterns.
#[derive(Default, Debug)]
pub(super) struct Frontier {
    pub(super) now: Vec<u32>,
    pub(super) next: Vec<u32>,
}

impl Matches {
    /// An empty result.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing matched.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.queues.is_empty()
    }

    /// Forgets the result and keeps its memory.
    pub fn clear(&mut self) {
        self.plain.clear();
        let mut queues = core::mem::take(&mut self.queues);
        self.recycle(&mut queues);
        self.queues = queues;
    }

    /// Empties `queues` and keeps their vectors for later results.
    pub(super) fn recycle(&mut self, queues: &mut Vec<QueueGroup>) {
        for group in queues.drain(..) {
            let mut members = group.members;
            if self.spare.len() < SPARES && members.capacity() <= KEPT_CAPACITY {
                members.clear();
                self.spare.push(members);
            }
        }
    }

    pub(super) fn add(&mut self, subscribers: &Subscribers) {
        self.plain.extend_from_slice(subscribers.plain());
        // Names are distinct within one pattern, so only groups of earlier patterns can be met.
        let earlier = self.queues.len();
        for queue in subscribers.queues() {
            let known = self.queues.iter_mut().take(earlier);
            // Within one index equal names are the same allocation.
            match known.into_iter().find(|group| Arc::ptr_eq(&group.name, &queue.name)) {
                Some(group) => group.add(queue.members.as_slice()),
                None => {
                    let members = self.spare.pop().unwrap_or_default();
                    let mut group = QueueGroup::new(Arc::clone(&queue.name), members);
                    group.add(queue.members.as_slice());
                    self.queues.push(group);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ShardId;

    fn group(weights: &[u32]) -> QueueGroup {
        let members: Vec<Member> = weights
            .iter()
            .zip(0..)
            .map(|(&weight, slot)| Member {
                id: SubId { shard: ShardId(0), generation: 0, slot },
                weight,
            })
            .collect();
        let mut group = QueueGroup::new(b"q"[..].into(), Vec::new());
        group.add(&members);
        group
    }

    #[test]
    fn starts_follow_the_weights() {
        let mut rng = fastrand::Rng::with_seed(7);
        for weights in [&[1, 1, 1, 1][..], &[1, 0, 3, 4], &[5], &[0, 2], &[2, 0]] {
            let group = group(weights);
            let rounds = 1000 * group.total_weight;
            let mut seen = vec![0u64; weights.len()];
            for _ in 0..rounds {
                seen[group.start(&mut rng)] += 1;
            }
            for (&weight, seen) in weights.iter().zip(seen) {
                let expected = 1000 * u64::from(weight);
                assert!(seen.abs_diff(expected) <= expected / 6, "{weights:?}: {seen}");
            }
        }
    }

    #[test]
    fn a_group_without_weight_starts_at_its_first_member() {
        let mut rng = fastrand::Rng::with_seed(7);
        assert_eq!(group(&[0, 0]).start(&mut rng), 0);
        assert_eq!(group(&[]).start(&mut rng), 0);
        assert_eq!(group(&[1]).start(&mut rng), 0);
    }
}
