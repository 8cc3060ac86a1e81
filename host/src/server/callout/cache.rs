//! What a service said last, for when it is down.
//!
//! It is bounded, and keyed by a digest of everything the service was shown of a client, under a
//! key that dies with the process: nothing in it tells a credential.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nervure_core::auth::User;
use ring::hmac;
use ring::rand::SystemRandom;

use crate::options::CalloutCacheOptions;

/// A digest of what a client has shown.
pub(super) type Key = [u8; 32];

/// See the module's documentation.
pub(in super::super) struct Cache {
    options: CalloutCacheOptions,
    secret: hmac::Key,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    grants: HashMap<Key, Grant>,
    /// By age: who was granted longest ago comes first.
    order: BTreeMap<u64, Key>,
    next: u64,
}

struct Grant {
    user: Arc<User>,
    at: Instant,
    place: u64,
}

impl Cache {
    /// `None` without entropy: then nothing is remembered.
    pub(super) fn new(options: CalloutCacheOptions) -> Option<Self> {
        let secret = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
        Some(Self { options, secret, known: Mutex::default() })
    }

    pub(super) fn key(&self, shown: &[u8]) -> Key {
        let mut key = [0; 32];
        key.copy_from_slice(hmac::sign(&self.secret, shown).as_ref());
        key
    }

    /// The service let this client in.
    pub(super) fn remember(&self, key: Key, user: &Arc<User>, now: Instant) {
        let mut known = self.lock();
        known.forget(&key);
        while known.grants.len() >= self.options.max_entries {
            let Some((_, oldest)) = known.order.pop_first() else { break };
            known.grants.remove(&oldest);
        }
        let place = known.next;
        known.next += 1;
        known.order.insert(place, key);
        known.grants.insert(key, Grant { user: user.clone(), at: now, place });
    }

    /// The service did not let this client in.
    pub(super) fn forget(&self, key: &Key) {
        self.lock().forget(key);
    }

    /// Whom the service let in, if that is not too long ago. `unix` is the time since 1970.
    pub(super) fn recall(&self, key: &Key, now: Instant, unix: Duration) -> Option<Arc<User>> {
        let mut known = self.lock();
        let grant = known.grants.get(key)?;
        let fresh = now.saturating_duration_since(grant.at) < self.options.max_age;
        if fresh && grant.user.expires.is_none_or(|expires| unix < expires) {
            return Some(grant.user.clone());
        }
        known.forget(key);
        None
    }

    pub(in super::super) fn len(&self) -> usize {
        self.lock().grants.len()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn forget(&mut self, key: &Key) {
        if let Some(grant) = self.grants.remove(key) {
            self.order.remove(&grant.place);
        }
    }
}

#[cfg(test)]
mod tests {
    use nervure_core::auth::Secret;

    use super::*;

    const UNIX: Duration = Duration::from_secs(1000);

    fn cache(max_entries: usize) -> Cache {
        Cache::new(CalloutCacheOptions { max_age: Duration::from_secs(60), max_entries }).unwrap()
    }

    fn user(expires: Option<Duration>) -> Arc<User> {
        Arc::new(User { expires, ..User::with_password("a", Secret::default()) })
    }

    #[test]
    fn a_grant_is_good_for_its_time_and_until_the_service_says_no() {
        let (cache, now) = (cache(10), Instant::now());
        let (a, b) = (cache.key(b"a"), cache.key(b"b"));
        cache.remember(a, &user(None), now);
        let at = |seconds| now + Duration::from_secs(seconds);
        assert!(cache.recall(&a, at(59), UNIX).is_some() && cache.recall(&b, now, UNIX).is_none());
        assert!(cache.recall(&a, at(60), UNIX).is_none());
        assert_eq!(cache.len(), 0);
        cache.remember(a, &user(None), now);
        cache.remember(b, &user(None), now);
        cache.forget(&a);
        assert!(cache.recall(&a, now, UNIX).is_none() && cache.recall(&b, now, UNIX).is_some());
        cache.remember(a, &user(Some(UNIX)), now);
        assert!(cache.recall(&a, now, UNIX - Duration::from_secs(1)).is_some());
        assert!(cache.recall(&a, now, UNIX).is_none());
    }

    #[test]
    fn it_is_bounded_and_whoever_was_granted_longest_ago_makes_room() {
        let (cache, now) = (cache(3), Instant::now());
        let keys: Vec<Key> = (0..5u8).map(|number| cache.key(&[number])).collect();
        for key in &keys[..3] {
            cache.remember(*key, &user(None), now);
        }
        // Granted again, so that it is not the oldest any more.
        cache.remember(keys[0], &user(None), now);
        cache.remember(keys[3], &user(None), now);
        cache.remember(keys[4], &user(None), now);
        let known = keys.iter().map(|key| cache.recall(key, now, UNIX).is_some());
        assert_eq!(known.collect::<Vec<_>>(), [true, false, false, true, true]);
        let known = cache.lock();
        assert_eq!((known.grants.len(), known.order.len()), (3, 3));
    }
}
