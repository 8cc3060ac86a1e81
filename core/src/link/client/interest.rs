//! What a client wants: SUB and UNSUB (client-protocol.md 1.7, 3.5, 3.6).

use core::hash::BuildHasher as _;
use core::time::Duration;

use crate::auth::link_permissions::LinkPermissions;
use crate::link::Expiring;
use crate::notice::Way;
use crate::shard::Shard;
use crate::subject;
use crate::wire::encode;

/// How long a link with too many subscriptions may stay.
const TOO_MANY_GRACE: Duration = Duration::from_millis(20);

impl Shard {
    /// SUB. The first failing check decides, in nats-server's order.
    pub(crate) fn subscribe(
        &mut self,
        slot: u32,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
    ) {
        let Some(link) = self.links.at(slot) else { return };
        let (id, verbose, live) = (link.id, link.flags.verbose, link.sids.len());
        let limits = &self.settings.limits;
        let allowed =
            |permissions: &LinkPermissions| permissions.rules().may_subscribe(subject, queue);
        if queue == Some(b"_sys_") || !link.permissions.as_deref().is_none_or(allowed) {
            return self.subscription_violation(slot, subject, queue, sid);
        }
        if limits.max_sub_tokens > 0 && subject::token_count(subject) > limits.max_sub_tokens {
            return self.too_many_tokens(slot, subject, sid);
        }
        if live >= link.max_subscriptions(&self.settings) {
            return self.send_err(slot, "maximum subscriptions exceeded");
        }
        let account = link.account;
        if self.find_sid(slot, sid).is_none() {
            if !subject::is_valid_subscribe(subject) {
                return self.send_error(slot, "Invalid Subject");
            }
            let Some(sub) = self.subs.insert(id, subject, queue, sid) else {
                return self.send_err(slot, "maximum subscriptions exceeded");
            };
            let hash = self.hasher.hash_one(sid);
            let (links, subs, hasher) = (&mut self.links, &self.subs, &self.hasher);
            if let Some(link) = links.at_mut(slot) {
                link.sids.insert_unique(hash, sub.slot, |&other| {
                    subs.at(other).map_or(0, |sub| hasher.hash_one(sub.sid.as_slice()))
                });
            }
            if let Some(view) = self.views.get(account) {
                view.account.interest.insert(subject, queue, sub, 1);
            }
            self.import_streams(sub.slot, account);
            self.counters().subscriptions.add(1);
        }
        if verbose {
            self.send_word(slot, encode::OK);
        }
    }

    /// A link that has more subscriptions than its account and its user allow, or may not have
    /// any, ends soon (reference security 1.6).
    pub(crate) fn limit_subscriptions(&mut self, slot: u32) {
        let soon = self.now.after(TOO_MANY_GRACE);
        let Some(link) = self.links.at_mut(slot) else { return };
        if link.max_subscriptions == 0 || link.sids.len() > link.max_subscriptions {
            link.expires = Some((soon, Expiring::Subscriptions));
            self.schedule(slot);
        }
    }

    /// UNSUB: now, or after `max` deliveries counted from the SUB.
    pub(crate) fn unsubscribe(&mut self, slot: u32, sid: &[u8], max: Option<u32>) {
        if self.links.at(slot).is_some_and(|link| link.flags.verbose) {
            self.send_word(slot, encode::OK);
        }
        if let Some(sub_slot) = self.find_sid(slot, sid) {
            match (max, self.subs.at_mut(sub_slot)) {
                (Some(max), Some(sub)) if u64::from(max) > sub.delivered => sub.max = max,
                _ => self.end_subscription(sub_slot),
            }
        }
    }

    /// Drops every subscription of a link.
    pub(crate) fn unsubscribe_all(&mut self, slot: u32) {
        let Some(link) = self.links.at_mut(slot) else { return };
        let mut subs: Vec<u32> = std::mem::take(&mut link.sids).into_iter().collect();
        // Hash tables have no order worth keeping; slots have one that replays.
        subs.sort_unstable();
        for sub in subs {
            self.forget_subscription(sub);
        }
    }

    /// Ends one subscription: out of its link, out of the index.
    pub(crate) fn end_subscription(&mut self, sub_slot: u32) {
        let Some(sub) = self.subs.at(sub_slot) else { return };
        let hash = self.hasher.hash_one(sub.sid.as_slice());
        if let Some(link) = self.links.at_mut(sub.link)
            && let Ok(entry) = link.sids.find_entry(hash, |&slot| slot == sub_slot)
        {
            entry.remove();
        }
        self.forget_subscription(sub_slot);
    }

    fn forget_subscription(&mut self, sub_slot: u32) {
        let Some(id) = self.subs.id(sub_slot) else { return };
        if let Some(sub) = self.subs.remove(sub_slot) {
            if self.settings.trace.is_some() {
                let sid = String::from_utf8_lossy(sub.sid.as_slice());
                self.trace(sub.link, Way::Within, &format!("DELSUB {sid}"));
            }
            let account = self.links.at(sub.link).map(|link| link.account);
            if let Some(view) = account.and_then(|account| self.views.get(account)) {
                view.account.interest.remove(sub.subject(), sub.queue(), id);
            }
            self.drop_streams(sub_slot, sub.queue());
            self.counters().subscriptions.sub(1);
        }
    }

    fn find_sid(&self, slot: u32, sid: &[u8]) -> Option<u32> {
        let link = self.links.at(slot)?;
        let hash = self.hasher.hash_one(sid);
        let same = |&sub: &u32| self.subs.at(sub).is_some_and(|sub| sub.sid.as_slice() == sid);
        link.sids.find(hash, same).copied()
    }
}
