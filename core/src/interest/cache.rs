//! A shard's memory of what [`Interest`] answered.

use core::cell::OnceCell;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::cached_subjects::CachedSubjects;
use super::changes::Changes;
use super::matches::{KEPT_CAPACITY, Matches, QueueGroup};
use super::{Interest, NONE, seeded_hash, spread};
use crate::id::Standing;
use crate::subject::{has_empty_token, is_literal, matches, token_count};
use crate::{ShardId, SubId};

/// A good number of plans for a cache to hold.
pub const DEFAULT_CAPACITY: usize = 8192;

/// The longest subject that is cached, in octets.
const MAX_SUBJECT: usize = 512;

/// The most tokens of a subject that is cached: each may cost a node of the reverse trie.
const MAX_TOKENS: usize = 32;

/// How many subscriptions the plans of a cache may hold altogether, per plan of its capacity:
/// crowded subjects displace more than one other.
const SUBSCRIPTIONS_PER_PLAN: usize = 64;

/// Which shards wait for messages as responses to requests from other accounts.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Awaited {
    /// The own one.
    pub here: bool,
    /// Others.
    pub elsewhere: bool,
}

/// Who gets the messages on one subject, from the point of view of one shard.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Plan {
    /// The own shard's plain subscriptions; each gets a copy.
    pub local: Vec<SubId>,
    /// The other shards with plain subscriptions, each once.
    pub shards: Vec<ShardId>,
    /// The queue groups with their members on all shards; one member of each gets a copy.
    pub queues: Vec<QueueGroup>,
    /// What takes messages out of the account or to the server itself, if there is anything.
    pub services: Option<Arc<[Standing]>>,
    /// Who waits for such messages: they are responses.
    pub responses: Awaited,
    /// There is more than `local`.
    more: bool,
    /// Whether no link has two of the own shard's plain subscriptions, once the router, which
    /// knows links, has found out.
    pub(crate) apart: OnceCell<bool>,
}

impl Plan {
    /// Whether nobody gets a copy.
    pub fn is_empty(&self) -> bool {
        self.local.is_empty() && !self.more
    }

    /// Whether at most the own shard's plain subscriptions get a copy: the usual case.
    #[inline]
    pub(crate) fn is_local_only(&self) -> bool {
        !self.more
    }

    /// Whether messages may leave the account, as requests or as responses.
    #[inline]
    pub(crate) fn is_left(&self) -> bool {
        self.responses != Awaited::default() || self.services.is_some()
    }

    /// Subscriptions that the plan holds in memory.
    fn size(&self) -> usize {
        self.local.len() + self.queues.iter().map(|group| group.members.len()).sum::<usize>()
    }

    /// Takes over what was found.
    fn fill(&mut self, own: ShardId, found: &mut Matches) {
        if found.plain.iter().any(|id| id.stands_for().is_some()) {
            self.services = Some(found.plain.iter().filter_map(|id| id.stands_for()).collect());
        }
        for &id in found.plain.iter().filter(|id| id.stands_for().is_none()) {
            if id == SubId::responses(own) {
                self.responses.here = true;
            } else if id.shard == own {
                self.local.push(id);
            } else {
                self.responses.elsewhere |= id == SubId::responses(id.shard);
                if !self.shards.contains(&id.shard) {
                    self.shards.push(id.shard);
                }
            }
        }
        self.queues.append(&mut found.queues);
        self.more = !(self.shards.is_empty() && self.queues.is_empty())
            || self.services.is_some()
            || self.responses.here;
    }

    /// Forgets everything and keeps the memory, within bounds.
    fn recycle(&mut self, into: &mut Matches) {
        self.local.clear();
        self.local.shrink_to(KEPT_CAPACITY);
        self.shards.clear();
        self.services = None;
        self.responses = Awaited::default();
        self.more = false;
        self.apart.take();
        into.recycle(&mut self.queues);
        self.queues.shrink_to(KEPT_CAPACITY);
    }
}

/// Counters of one cache, from which `/subsz` makes its own (config and operations 4.7):
/// `num_matches` is `hits + misses`, `cache_hit_rate` is `hits / num_matches`, `avg_fanout` is
/// `total_fanout / entries`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CacheStats {
    /// Subjects in the cache (`num_cache`).
    pub entries: u64,
    /// Look-ups that the cache answered.
    pub hits: u64,
    /// Look-ups for which the index was read, or that could not match anything.
    pub misses: u64,
    /// Plans forgotten because a change touched them.
    pub invalidated: u64,
    /// Plans forgotten to make room.
    pub displaced: u64,
    /// Times that everything was forgotten, because the cache fell behind the log of changes.
    pub flushes: u64,
    /// The most plain subscriptions and queue groups of a cached subject (`max_fanout`).
    pub max_fanout: u64,
    /// The plain subscriptions and queue groups of all cached subjects.
    pub total_fanout: u64,
}

/// One shard's cache of the plans for one [`Interest`]; always to be asked about the same one.
pub struct MatchCache {
    own: ShardId,
    capacity: usize,
    hasher: DefaultHashBuilder,
    slots: HashTable<Slot>,
    entries: Vec<Entry>,
    /// Unused entries.
    free: Vec<u32>,
    /// Where the search for a plan to displace goes on: the second-chance clock.
    hand: u32,
    /// The entry that was asked for last, if it is still live.
    last: u32,
    /// Subscriptions in all plans.
    size: usize,
    /// The generation of the index that the plans are right for.
    seen: u64,
    subjects: CachedSubjects,
    /// Entries that `subjects` does not know yet. They are shown to it when a pattern changes, so
    /// that a cache that is never asked by pattern never pays for the answer.
    unindexed: Vec<u32>,
    /// Hashes of subjects that were not kept, once the cache is full.
    seen_once: Vec<u32>,
    found: Matches,
    changes: Changes,
    touched: Vec<u32>,
    /// The plan of a subject that is not cached.
    passing: Plan,
    stats: CacheStats,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    at: u32,
}

#[derive(Default)]
struct Entry {
    plan: Plan,
    subject: Vec<u8>,
    hash: u32,
    /// Place in `subjects`, or `NONE`.
    node: u32,
    fanout: u32,
    live: bool,
    /// Whether the place is noted in `unindexed`, if perhaps for an earlier subject.
    unindexed: bool,
    /// Asked for since the hand came by.
    recent: bool,
}

impl MatchCache {
    /// An empty cache of shard `own` for at most `capacity` subjects, at least one.
    pub fn new(own: ShardId, capacity: usize) -> Self {
        Self {
            own,
            capacity: capacity.max(1),
            hasher: DefaultHashBuilder::default(),
            slots: HashTable::new(),
            entries: Vec::new(),
            free: Vec::new(),
            hand: 0,
            last: 0,
            size: 0,
            seen: 0,
            subjects: CachedSubjects::default(),
            unindexed: Vec::new(),
            seen_once: Vec::new(),
            found: Matches::new(),
            changes: Changes::default(),
            touched: Vec::new(),
            passing: Plan::default(),
            stats: CacheStats::default(),
        }
    }

    /// Who gets a message on `subject`, right for every change of `interest` that returned before
    /// this call.
    #[inline]
    pub fn plan(&mut self, interest: &Interest, subject: &[u8]) -> &Plan {
        if interest.generation() != self.seen {
            self.catch_up(interest);
        }
        // Publishers stay with a subject for a while: the last one needs no hashing.
        if self.entries.get(self.last as usize).is_none_or(|it| !it.live || it.subject != subject) {
            let hash = seeded_hash(&self.hasher, subject) as u32;
            let Some(at) = self.place(hash, subject) else {
                return self.miss(interest, hash, subject);
            };
            self.last = at;
        }
        let Some(entry) = self.entries.get_mut(self.last as usize) else { return &self.passing };
        self.stats.hits += 1;
        entry.recent = true;
        &entry.plan
    }

    #[inline]
    fn place(&self, hash: u32, subject: &[u8]) -> Option<u32> {
        let found = self.slots.find(spread(hash), |slot| {
            slot.hash == hash
                && self.entries.get(slot.at as usize).is_some_and(|it| it.subject == subject)
        });
        found.map(|slot| slot.at)
    }

    #[cold]
    fn miss(&mut self, interest: &Interest, hash: u32, subject: &[u8]) -> &Plan {
        self.stats.misses += 1;
        self.passing.recycle(&mut self.found);
        if has_empty_token(subject) {
            return &self.passing;
        }
        interest.find_since(subject, &mut self.found, &mut self.seen, &mut self.changes);
        self.forget_changed();
        if subject.len() > MAX_SUBJECT || token_count(subject) > MAX_TOKENS {
            self.passing.fill(self.own, &mut self.found);
            return &self.passing;
        }
        if self.is_stranger(hash) {
            self.passing.fill(self.own, &mut self.found);
            return &self.passing;
        }
        let fanout = self.found.plain.len() + self.found.queues.len();
        self.passing.fill(self.own, &mut self.found);
        let size = self.passing.size();
        self.make_room(size);
        let at = self.free.pop().unwrap_or(self.entries.len() as u32);
        if at as usize == self.entries.len() {
            self.entries.push(Entry::default());
        }
        let Some(entry) = self.entries.get_mut(at as usize) else { return &self.passing };
        entry.subject.clear();
        entry.subject.extend_from_slice(subject);
        core::mem::swap(&mut entry.plan, &mut self.passing);
        entry.hash = hash;
        entry.node = NONE;
        entry.fanout = fanout as u32;
        entry.live = true;
        // Not recent yet: a subject that is published once is the first to go.
        entry.recent = false;
        if !core::mem::replace(&mut entry.unindexed, true) {
            self.unindexed.push(at);
        }
        self.size += size;
        self.slots.insert_unique(spread(hash), Slot { hash, at }, |slot| spread(slot.hash));
        &entry.plan
    }

    /// Whether a subject has to be asked for a second time before it may displace another one.
    /// Without this, publishing to a million subjects would fill the cache in vain.
    fn is_stranger(&mut self, hash: u32) -> bool {
        if self.slots.len() < self.capacity {
            return false;
        }
        // A hash of zero is never a stranger, which does no harm.
        self.seen_once.resize(self.capacity, 0);
        let place = hash as usize % self.capacity;
        let stranger = |seen: &mut u32| core::mem::replace(seen, hash) != hash;
        self.seen_once.get_mut(place).is_some_and(stranger)
    }

    /// Displaces plans until one more of `size` subscriptions fits; one that is larger than the
    /// whole budget has the cache to itself.
    fn make_room(&mut self, size: usize) {
        let budget = self.capacity.saturating_mul(SUBSCRIPTIONS_PER_PLAN);
        while !self.slots.is_empty()
            && (self.slots.len() >= self.capacity || self.size.saturating_add(size) > budget)
        {
            let at = self.hand;
            self.hand = if at as usize + 1 < self.entries.len() { at + 1 } else { 0 };
            let Some(entry) = self.entries.get_mut(at as usize) else { continue };
            if entry.live && !core::mem::take(&mut entry.recent) {
                self.stats.displaced += 1;
                self.forget(at);
            }
        }
    }

    /// Forgets what changed since the last look-up.
    #[cold]
    fn catch_up(&mut self, interest: &Interest) {
        if self.slots.is_empty() {
            // Nothing to forget; whatever is read from here on is at least this new.
            self.seen = interest.generation();
            return;
        }
        interest.changes_since(&mut self.seen, &mut self.changes);
        self.forget_changed();
    }

    fn forget_changed(&mut self) {
        if self.changes.everything {
            self.changes.clear();
            if !self.slots.is_empty() {
                self.stats.flushes += 1;
                self.flush();
            }
            return;
        }
        let changes = core::mem::take(&mut self.changes);
        for pattern in changes.iter() {
            if self.slots.is_empty() {
                break;
            }
            if is_literal(pattern) {
                let hash = seeded_hash(&self.hasher, pattern) as u32;
                if let Some(at) = self.place(hash, pattern) {
                    self.stats.invalidated += 1;
                    self.forget(at);
                }
            } else {
                self.forget_matched(pattern);
            }
        }
        self.changes = changes;
    }

    fn forget_matched(&mut self, pattern: &[u8]) {
        self.index();
        let mut touched = core::mem::take(&mut self.touched);
        touched.clear();
        self.subjects.collect(pattern, &mut touched);
        for &at in &touched {
            let entry = self.entries.get(at as usize);
            if entry.is_some_and(|entry| entry.live && matches(pattern, &entry.subject)) {
                self.stats.invalidated += 1;
                self.forget(at);
            }
        }
        self.touched = touched;
    }

    /// Shows the new entries to the reverse trie.
    fn index(&mut self) {
        while let Some(at) = self.unindexed.pop() {
            let Some(entry) = self.entries.get_mut(at as usize) else { continue };
            entry.unindexed = false;
            if !entry.live || entry.node != NONE {
                continue;
            }
            match self.subjects.insert(&entry.subject, at) {
                Some(node) => entry.node = node,
                None => self.forget(at),
            }
        }
    }

    fn forget(&mut self, at: u32) {
        let Some(entry) = self.entries.get_mut(at as usize).filter(|entry| entry.live) else {
            return;
        };
        if let Ok(slot) = self.slots.find_entry(spread(entry.hash), |slot| slot.at == at) {
            slot.remove();
        }
        if entry.node != NONE {
            self.subjects.remove(entry.node);
            entry.node = NONE;
        }
        self.size -= entry.plan.size();
        entry.plan.recycle(&mut self.found);
        entry.live = false;
        self.free.push(at);
    }

    fn flush(&mut self) {
        self.slots.clear();
        self.subjects.clear();
        self.unindexed.clear();
        self.free.clear();
        self.size = 0;
        for (at, entry) in (0..).zip(&mut self.entries) {
            entry.plan.recycle(&mut self.found);
            entry.live = false;
            entry.unindexed = false;
            entry.node = NONE;
            self.free.push(at);
        }
    }

    /// The counters. Walks over the cache for the fan-out; meant for monitoring.
    pub fn stats(&self) -> CacheStats {
        let mut stats = CacheStats { entries: self.slots.len() as u64, ..self.stats };
        for entry in self.entries.iter().filter(|entry| entry.live) {
            stats.max_fanout = stats.max_fanout.max(u64::from(entry.fanout));
            stats.total_fanout += u64::from(entry.fanout);
        }
        stats
    }
}
