//! Reply subjects that a link may publish to because it was sent a request (reference security
//! 2.4).
//!
//! All grants of a link live equally long, so a list in the order of their making is also the
//! order in which they expire.

use hashbrown::HashTable;

use super::permissions::Responses;
use crate::time::Time;

/// Memory for one link's grants, in bytes. Beyond it the oldest ones go, whatever their age.
const MAX_BYTES: usize = 8 << 20;

/// What a grant takes beside its subject, in bytes.
const OVERHEAD: usize = size_of::<Grant>() + 8;

/// Places that are kept when the last grant has gone.
const KEPT: usize = 64;

/// In place of a grant's number: nothing.
const NONE: u32 = u32::MAX;

/// One link's grants. See the module's documentation.
#[derive(Debug)]
pub(crate) struct ResponseGrants {
    /// Grants and free places, which keep their room for a subject.
    places: Vec<Grant>,
    free: Vec<u32>,
    by_subject: HashTable<u32>,
    oldest: u32,
    newest: u32,
    bytes: usize,
}

#[derive(Debug)]
struct Grant {
    subject: Vec<u8>,
    hash: u64,
    at: Time,
    used: u32,
    older: u32,
    newer: u32,
}

impl Default for ResponseGrants {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            by_subject: HashTable::new(),
            oldest: NONE,
            newest: NONE,
            bytes: 0,
        }
    }
}

impl ResponseGrants {
    /// Grants replies to `subject` from now on; what was granted before is forgotten. `hash` is
    /// the subject's, here and at [`ResponseGrants::redeem`].
    pub(super) fn grant(&mut self, subject: &[u8], hash: u64, now: Time, responses: Responses) {
        if let Some(place) = self.find(subject, hash) {
            self.remove(place);
        }
        self.prune(now, responses);
        let place = self.free.pop().unwrap_or(self.places.len() as u32);
        if place as usize == self.places.len() {
            self.places.push(Grant {
                subject: Vec::new(),
                hash,
                at: now,
                used: 0,
                older: NONE,
                newer: NONE,
            });
        }
        let older = self.newest;
        let Some(grant) = self.places.get_mut(place as usize) else { return };
        grant.subject.clear();
        grant.subject.extend_from_slice(subject);
        (grant.hash, grant.at, grant.used) = (hash, now, 0);
        (grant.older, grant.newer) = (older, NONE);
        match self.places.get_mut(older as usize) {
            Some(older) => older.newer = place,
            None => self.oldest = place,
        }
        self.newest = place;
        self.bytes += subject.len() + OVERHEAD;
        let places = &self.places;
        let rehash = |&place: &u32| places.get(place as usize).map_or(0, |grant| grant.hash);
        self.by_subject.insert_unique(hash, place, rehash);
    }

    /// Uses one reply to `subject` up; says whether there was one.
    pub(super) fn redeem(
        &mut self,
        subject: &[u8],
        hash: u64,
        now: Time,
        responses: Responses,
    ) -> bool {
        let Some(place) = self.find(subject, hash) else { return false };
        let Some(grant) = self.places.get_mut(place as usize) else { return false };
        let granted = !is_over(grant, now, responses) && responses.max != Some(0);
        grant.used = grant.used.saturating_add(1);
        if !granted || responses.max.is_some_and(|max| grant.used >= max) {
            self.remove(place);
        }
        granted
    }

    /// Drops what has expired, and the oldest of what is too much.
    fn prune(&mut self, now: Time, responses: Responses) {
        while let Some(grant) = self.places.get(self.oldest as usize)
            && (is_over(grant, now, responses) || self.bytes > MAX_BYTES)
        {
            self.remove(self.oldest);
        }
    }

    fn find(&self, subject: &[u8], hash: u64) -> Option<u32> {
        let same =
            |&place: &u32| self.places.get(place as usize).is_some_and(|it| it.subject == subject);
        self.by_subject.find(hash, same).copied()
    }

    fn remove(&mut self, place: u32) {
        let Some(grant) = self.places.get(place as usize) else { return };
        let (hash, older, newer) = (grant.hash, grant.older, grant.newer);
        self.bytes -= grant.subject.len() + OVERHEAD;
        if let Ok(entry) = self.by_subject.find_entry(hash, |&other| other == place) {
            entry.remove();
        }
        match self.places.get_mut(older as usize) {
            Some(older) => older.newer = newer,
            None => self.oldest = newer,
        }
        match self.places.get_mut(newer as usize) {
            Some(newer) => newer.older = older,
            None => self.newest = older,
        }
        self.free.push(place);
        if self.by_subject.is_empty() && self.places.len() > KEPT {
            *self = Self::default();
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_subject.len()
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }
}

fn is_over(grant: &Grant, now: Time, responses: Responses) -> bool {
    responses.expires.is_some_and(|expires| now.since(grant.at) > expires)
}
