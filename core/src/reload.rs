//! Another configuration comes into force while links are open: who may not stay leaves, who
//! waited for a way in that is gone gets in (reference config-and-operations 3.11).
//!
//! Beside a message's way: a shard calls this once a reload, between two reads. Limits need
//! nothing here, because everything that obeys them looks at the settings in force.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::account::AccountId;
use crate::link::client::login::Moment;
use crate::link::{Phase, Transport};
use crate::reason::CloseReason;
use crate::settings::Settings;
use crate::shard::{Shard, Shared};
use crate::time::Time;

impl Shared {
    /// Tells how many clients are more than `max_connections`, and has that many leave when the
    /// shards are next [reconfigured](Shard::reconfigure).
    pub fn trim_clients(&self, max_connections: usize) -> usize {
        let surplus = self.clients.load(Ordering::Relaxed).saturating_sub(max_connections);
        self.surplus.store(surplus, Ordering::Relaxed);
        surplus
    }

    /// Whether one more client has to leave. Every yes is given once, whichever shard asks.
    fn take_surplus(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.surplus.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }
}

impl Shard {
    /// A new configuration is in force: clients that are too many or do not authenticate any more
    /// are told so and closed.
    pub fn reconfigure(&mut self, now: Time, settings: Arc<Settings>) {
        self.now = now;
        let old = std::mem::replace(&mut self.settings, settings);
        let new = self.settings.clone();
        let differs = |transport| old.auth_of(transport) != new.auth_of(transport);
        let (tcp, websocket) = (differs(Transport::Tcp), differs(Transport::WebSocket));
        let other_streams = self.review();
        let slots: Vec<u32> = self.links.slots().collect();
        for slot in slots {
            self.obey(slot, &other_streams);
            let Some(link) = self.links.at(slot) else { continue };
            let other_ways = match link.endpoint.transport {
                Transport::Tcp => tcp,
                Transport::WebSocket => websocket,
            };
            if link.phase != Phase::Closing && self.shared.take_surplus() {
                let reason = CloseReason::MaxConnectionsExceeded;
                let _ = self.refuse(slot, reason, "maximum connections exceeded");
            }
            if other_ways {
                self.authenticate_again(slot);
            }
            self.schedule(slot);
        }
        self.settle();
    }

    /// Has a link follow what holds for its account now.
    fn obey(&mut self, slot: u32, other_streams: &[AccountId]) {
        let Some(link) = self.links.at_mut(slot).filter(|link| link.phase != Phase::Closing) else {
            return;
        };
        let Some(view) = self.views.get(link.account) else { return };
        link.obey(&view.rules, self.settings.epoch);
        let limit = view.rules.limits.connections;
        if link.member && limit.is_some_and(|limit| view.account.connections() > limit) {
            let reason = CloseReason::MaxAccountConnectionsExceeded;
            let _ = self.refuse(slot, reason, "maximum account active connections exceeded");
            return;
        }
        self.limit_subscriptions(slot);
        let Some(link) = self.links.at(slot) else { return };
        if other_streams.contains(&link.account) {
            self.import_streams_again(slot);
        }
    }

    /// Holds what a client has shown at CONNECT against the ways in that are open now. One whose
    /// user is gone is closed without a word (observed on nats-server 2.15.1).
    fn authenticate_again(&mut self, slot: u32) {
        let settings = self.settings.clone();
        let Some(link) = self.links.at_mut(slot) else { return };
        let auth = link.auth(&settings);
        match link.phase {
            // Nobody has to say who he is any more.
            Phase::AwaitConnect(_) if !auth.required => link.phase = Phase::Open,
            // It is judged when it says who it is.
            Phase::AwaitConnect(_) | Phase::Entering | Phase::Closing => {}
            Phase::Open if link.user_is_gone(auth) => self.close(slot, CloseReason::ClientClosed),
            Phase::Open => {
                // A client that never said CONNECT has shown nothing.
                let options = link.options.take().unwrap_or_default();
                let _ = self.judge(slot, options, Moment::Reload);
            }
            Phase::Deciding(_) => self.judge_again(slot),
        }
    }
}
