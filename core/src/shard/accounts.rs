//! Accounts as one shard sees them: what holds for them, what it remembers of their indexes, and
//! which of its links are in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Shard;
use crate::account::{Account, AccountId, Rules, Tally};
use crate::id::ShardId;
use crate::interest::{DEFAULT_CAPACITY, MatchCache};
use crate::settings::Settings;

/// One account.
pub(crate) struct View {
    pub(crate) account: Arc<Account>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) cache: MatchCache,
    /// What this shard's clients in it have sent and been given.
    pub(crate) tally: Arc<Tally>,
    /// Links of this shard that are logged in to it.
    links: usize,
}

/// The accounts that this shard has to do with.
pub(crate) struct Views {
    shard: ShardId,
    /// By the account's number.
    views: Vec<Option<Box<View>>>,
}

impl Views {
    pub(super) fn new(shard: ShardId) -> Self {
        Self { shard, views: Vec::new() }
    }

    #[inline]
    pub(crate) fn get(&self, id: AccountId) -> Option<&View> {
        self.views.get(id.index())?.as_deref()
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: AccountId) -> Option<&mut View> {
        self.views.get_mut(id.index())?.as_deref_mut()
    }

    fn put(&mut self, account: Arc<Account>, rules: Arc<Rules>) {
        let (at, cache) = (account.id.index(), MatchCache::new(self.shard, DEFAULT_CAPACITY));
        let tally = account.tally(self.shard);
        if self.views.len() <= at {
            self.views.resize_with(at + 1, || None);
        }
        if let Some(place) = self.views.get_mut(at) {
            *place = Some(Box::new(View { account, rules, cache, tally, links: 0 }));
        }
    }

    /// Forgets what the indexes answered.
    pub(super) fn release(&mut self) {
        let shard = self.shard;
        for view in self.views.iter_mut().flatten() {
            view.cache = MatchCache::new(shard, DEFAULT_CAPACITY);
        }
    }

    /// Forgets an account that no link is in, but for the one that nearly all are in.
    fn forget(&mut self, id: AccountId) {
        if let Some(place) = self.views.get_mut(id.index())
            && id != AccountId::GLOBAL
            && place.as_deref().is_some_and(|view| view.links == 0)
        {
            *place = None;
        }
    }
}

impl Shard {
    /// Sees to it that the shard has a view of an account.
    pub(crate) fn behold(&mut self, id: AccountId) {
        if self.views.get(id).is_none()
            && let Some(account) = self.shared.accounts.get(id)
        {
            let rules = rules(&self.settings, id);
            self.views.put(account, rules);
        }
    }

    /// Puts a link into an account; false when that is full.
    pub(crate) fn join(&mut self, slot: u32, id: AccountId) -> bool {
        self.leave(slot);
        self.behold(id);
        let (Some(link), Some(view)) = (self.links.at_mut(slot), self.views.get_mut(id)) else {
            return false;
        };
        if !view.account.enter(link.cid, view.rules.limits.connections) {
            return false;
        }
        view.links += 1;
        link.account = id;
        link.member = true;
        link.obey(&view.rules, self.settings.epoch);
        self.advise_count(id);
        true
    }

    /// Takes a link out of its account.
    pub(crate) fn leave(&mut self, slot: u32) {
        let Some(link) = self.links.at_mut(slot).filter(|link| link.member) else { return };
        link.member = false;
        let (id, cid) = (link.account, link.cid);
        let fresh = link.sent - std::mem::replace(&mut link.tallied, link.sent);
        if let Some(view) = self.views.get_mut(id) {
            view.tally.sent(fresh);
            view.account.leave(cid);
            view.links -= 1;
            self.views.forget(id);
            self.advise_count(id);
        }
    }

    /// Other rules may hold for any account. Returns what has changed.
    pub(crate) fn review(&mut self) -> Changes {
        self.responses.keep_imported(&self.settings.accounts);
        let ids: Vec<AccountId> =
            self.views.views.iter().flatten().map(|view| view.account.id).collect();
        ids.into_iter().filter_map(|id| Some((id, self.change_rules(id)?))).collect()
    }

    /// Other rules may hold for an account.
    pub(crate) fn review_one(&mut self, id: AccountId) -> Option<Change> {
        self.responses.keep_imported(&self.settings.accounts);
        self.change_rules(id)
    }

    fn change_rules(&mut self, id: AccountId) -> Option<Change> {
        let view = self.views.get_mut(id)?;
        let new = rules(&self.settings, id);
        if Arc::ptr_eq(&view.rules, &new) {
            return None;
        }
        let old = std::mem::replace(&mut view.rules, new);
        let surplus = view.rules.limits.connections.and_then(|limit| view.account.surplus(limit));
        let other_streams = !view.rules.has_streams_of(&old);
        Some(Change { old, surplus, other_streams })
    }
}

/// What has changed, by account.
pub(crate) type Changes = BTreeMap<AccountId, Change>;

/// What has changed for an account.
pub(crate) struct Change {
    /// What held before.
    pub(crate) old: Arc<Rules>,
    /// This client and all younger ones have to leave, because they are too many.
    pub(crate) surplus: Option<u64>,
    /// It imports other streams.
    pub(crate) other_streams: bool,
}

/// What holds for an account; for one that is there no more, nothing.
fn rules(settings: &Settings, id: AccountId) -> Arc<Rules> {
    settings.accounts.rules(id).cloned().unwrap_or_default()
}
