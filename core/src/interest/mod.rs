//! Who wants what: the subscription index of one account, and each shard's cache of its answers.
//!
//! A published subject comes here from the router and leaves as a [`Plan`]: the own shard's
//! subscribers, the other shards that have some, and the queue groups. The way of a look-up:
//!
//! 1. [`MatchCache::plan`]: one atomic load says whether anything changed since the last look-up,
//!    one hash look-up finds the plan. No lock, no allocation. This is the usual case.
//! 2. If something changed, the cache takes the changed subjects over from a bounded log and
//!    forgets exactly the plans that they touch, so that request-reply by SUB and UNSUB of fresh
//!    inboxes costs two look-ups that find nothing, and flushes nothing.
//! 3. On a miss, [`Interest`] is read under its lock: subjects without wildcards by one hash
//!    look-up, patterns by a walk through a trie of tokens.
//!
//! [`Interest`] is shared by all shards of a server. Its subscribers are whatever a [`SubId`]
//! names: a client's subscription, or the interest that a route, leaf or gateway connection has
//! announced, with the number of members behind it as weight.
//!
//! Hash tables are seeded by the process, against peers that choose colliding subjects. No result
//! depends on the seeds: nothing here ever walks a table in its order.

mod cache;
mod cached_subjects;
mod changes;
mod chunked;
mod literals;
mod matches;
mod octets;
mod patterns;
mod places;
mod roster;
mod subscribers;
#[cfg(test)]
mod tests;
mod vocabulary;

use core::hash::{BuildHasher, Hasher};
use core::ops::ControlFlow;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::{DefaultHashBuilder, HashTable};

pub use cache::{Awaited, CacheStats, DEFAULT_CAPACITY, MatchCache, Plan};
pub use matches::{Matches, Member, QueueGroup};

use crate::SubId;
use crate::subject::{self, Kind};
use changes::{ChangeLog, Changes};
use literals::Literals;
use matches::Frontier;
use patterns::Patterns;
use roster::Put;
use subscribers::{QueueNames, Subscribers};

/// In place of an index into some array: nothing.
const NONE: u32 = u32::MAX;

/// The subscription index of one account.
///
/// Shared by all shards: readers come on a cache miss, writers with every SUB and UNSUB, and both
/// stay shortly. A change is seen by every look-up that starts after the change has returned, on
/// any thread.
#[derive(Default)]
pub struct Interest {
    generation: OwnCacheLine,
    state: RwLock<State>,
}

/// Read by every publish on every shard, so it must not share its cache line with the lock, which
/// is written by every reader.
#[derive(Default)]
#[repr(align(128))]
struct OwnCacheLine(AtomicU64);

#[derive(Default)]
struct State {
    literals: Literals,
    patterns: Patterns,
    names: QueueNames,
    changes: ChangeLog,
    stats: InterestStats,
}

/// Counters of one index, as `/subsz` names them (config and operations 4.7).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct InterestStats {
    /// Subscriptions in the index.
    pub num_subs: u64,
    /// Subscriptions ever added.
    pub num_inserts: u64,
    /// Subscriptions ever removed.
    pub num_removes: u64,
}

impl core::fmt::Debug for Interest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Interest").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

impl Interest {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a subscription, or changes the weight of one that is there already.
    ///
    /// `weight` is the number of members behind a queue subscription (1 for a client's) and means
    /// nothing without a queue. A subject that SUB refuses is not stored: nothing could match it.
    pub fn insert(&self, subject: &[u8], queue: Option<&[u8]>, id: SubId, weight: u32) {
        let kind = subject::kind(subject);
        if kind == Kind::Invalid {
            return;
        }
        let mut guard = self.write();
        let state = &mut *guard;
        let name = queue.map(|queue| state.names.acquire(queue));
        let put = |subscribers: &mut Subscribers| match &name {
            None => subscribers.put_plain(id),
            Some(name) => subscribers.put_member(name, Member { id, weight }),
        };
        let put = match kind {
            Kind::Literal => state.literals.change(subject, put),
            _ => state.patterns.insert(subject, put).unwrap_or(Put::Same),
        };
        if put == Put::Added {
            state.stats.num_subs += 1;
            state.stats.num_inserts += 1;
        } else if let Some(name) = &name {
            state.names.release(name);
        }
        if put != Put::Same {
            self.publish(state, subject);
        }
    }

    /// Removes a subscription; says whether it was there.
    pub fn remove(&self, subject: &[u8], queue: Option<&[u8]>, id: SubId) -> bool {
        let mut guard = self.write();
        let state = &mut *guard;
        let name = match queue {
            None => None,
            Some(queue) => match state.names.get(queue) {
                None => return false,
                known => known.cloned(),
            },
        };
        let take = |subscribers: &mut Subscribers| match &name {
            None => subscribers.remove_plain(id),
            Some(name) => subscribers.remove_member(name, id),
        };
        let removed = match subject::kind(subject) {
            Kind::Invalid => false,
            Kind::Literal => state.literals.change(subject, take),
            Kind::Wildcard => state.patterns.remove(subject, take).unwrap_or(false),
        };
        if removed {
            if let Some(name) = &name {
                state.names.release(name);
            }
            state.stats.num_subs -= 1;
            state.stats.num_removes += 1;
            self.publish(state, subject);
        }
        removed
    }

    /// Makes a finished change known. Called under the write lock: whoever sees the new generation
    /// and then takes the lock finds the change in the index and in the log.
    fn publish(&self, state: &mut State, subject: &[u8]) {
        let generation = state.changes.push(subject);
        self.generation.0.store(generation, Ordering::Release);
    }

    /// The number of changes so far. A look-up remembered together with an older number may be
    /// out of date.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation.0.load(Ordering::Acquire)
    }

    /// Everything that matches `subject`, without a cache, in place of what `into` held. A subject
    /// with an empty token matches nothing; wildcards in it are ordinary tokens.
    pub fn find(&self, subject: &[u8], into: &mut Matches) {
        into.clear();
        if !subject::has_empty_token(subject) {
            self.read().find(subject, into);
        }
    }

    /// Whether anybody wants `subject`.
    pub fn has_interest(&self, subject: &[u8]) -> bool {
        if subject::has_empty_token(subject) {
            return false;
        }
        let state = self.read();
        let stop = |_: &Subscribers| ControlFlow::Break(());
        state.literals.get(subject).is_some()
            || state.patterns.visit(subject, &mut Frontier::default(), stop).is_break()
    }

    /// The counters.
    pub fn stats(&self) -> InterestStats {
        self.read().stats
    }

    /// Like [`Self::find`] for a subject that has no empty token; also hands over what changed
    /// since `generation`, which it brings up to the state that was searched.
    fn find_since(
        &self,
        subject: &[u8],
        into: &mut Matches,
        generation: &mut u64,
        changes: &mut Changes,
    ) {
        into.clear();
        let state = self.read();
        state.find(subject, into);
        state.changes.since(*generation, changes);
        *generation = state.changes.generation();
    }

    /// What changed since `generation`, which is brought up to date.
    fn changes_since(&self, generation: &mut u64, changes: &mut Changes) {
        let state = self.read();
        state.changes.since(*generation, changes);
        *generation = state.changes.generation();
    }

    // A panic under the lock would be our bug; the index is then as good as before, or misses one
    // change, and going on beats taking every shard down.

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&self, subject: &[u8], into: &mut Matches) {
        if let Some(subscribers) = self.literals.get(subject) {
            into.add(subscribers);
        }
        let mut frontier = core::mem::take(&mut into.frontier);
        let _ = self.patterns.visit(subject, &mut frontier, |subscribers| {
            into.add(subscribers);
            ControlFlow::Continue(())
        });
        into.frontier = frontier;
    }
}

/// Hashes octets without the length prefix that `Hash` for slices adds.
#[inline]
fn seeded_hash(hasher: &DefaultHashBuilder, octets: &[u8]) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(octets);
    hasher.finish()
}

/// Makes a hash table's 64 bits of a stored 32: the table uses the lowest and the highest.
#[inline]
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Shrinks a table that is mostly empty. Amortised: three quarters must have left since it was
/// last full.
fn give_back<T>(table: &mut HashTable<T>, hash: impl Fn(&T) -> u64) {
    if table.capacity() > 64 && table.len() < table.capacity() / 8 {
        table.shrink_to(table.len() * 2, hash);
    }
}
