//! Stream imports: subscriptions that get messages of other accounts (reference security 8).
//!
//! Such a subscription has a shadow in the exporter's index, under the exporter's name for what it
//! wants. Whoever publishes there finds the shadow in the match plan like any subscription, and
//! the delivery gives the message to the subscription that casts it, under its local name.

use crate::account::AccountId;
use crate::shard::Shard;

impl Shard {
    /// Gives a new subscription its shadows.
    #[inline]
    pub(crate) fn import_streams(&mut self, sub_slot: u32, account: AccountId) {
        if self.views.get(account).is_some_and(|view| !view.rules.streams.is_empty()) {
            self.cast_shadows(sub_slot, account);
        }
    }

    #[cold]
    fn cast_shadows(&mut self, sub_slot: u32, account: AccountId) {
        let Some(rules) = self.views.get(account).map(|view| view.rules.clone()) else { return };
        let mut there = Vec::new();
        for import in &rules.streams {
            let Some(sub) = self.subs.at(sub_slot) else { return };
            let Some(parent) = self.subs.id(sub_slot) else { return };
            there.clear();
            if !import.renaming.wanted(sub.subject(), &mut there) {
                continue;
            }
            let queue = sub.queue().map(<[u8]>::to_vec);
            if let Some(exporter) = self.shared.accounts.get(import.exporter)
                && let Some(id) = self.subs.import(parent, import, &there)
            {
                exporter.interest.insert(&there, queue.as_deref(), id, 1);
            }
        }
    }

    /// Takes a subscription's shadows away.
    pub(crate) fn drop_streams(&mut self, sub_slot: u32, queue: Option<&[u8]>) {
        for imported in self.subs.remove_imported(sub_slot) {
            if let Some(exporter) = self.shared.accounts.get(imported.import.exporter) {
                exporter.interest.remove(&imported.subject, queue, imported.id);
            }
        }
    }

    /// A link's account imports other streams now.
    pub(crate) fn import_streams_again(&mut self, slot: u32) {
        let Some(link) = self.links.at(slot) else { return };
        let account = link.account;
        let mut subs: Vec<u32> = link.sids.iter().copied().collect();
        // Hash tables have no order worth keeping; slots have one that replays.
        subs.sort_unstable();
        for sub in subs {
            let queue = self.subs.at(sub).and_then(|sub| sub.queue().map(<[u8]>::to_vec));
            self.drop_streams(sub, queue.as_deref());
            self.import_streams(sub, account);
        }
    }
}
