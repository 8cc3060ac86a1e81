//! Another configuration comes into force while links are open: who may not stay leaves, who
//! waited for a way in that is gone gets in (reference config-and-operations 3.11).
//!
//! Beside a message's way: a shard calls this once a reload, between two reads. Limits need
//! nothing here, because everything that obeys them looks at the settings in force.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::link::Phase;
use crate::reason::CloseReason;
use crate::settings::{Identity, Settings};
use crate::shard::{Shard, Shared};
use crate::time::Time;
use crate::wire::ConnectOptions;

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
        self.settings = settings;
        let slots: Vec<u32> = self.links.slots().collect();
        for slot in slots {
            let closing =
                |shard: &Self| shard.links.at(slot).is_none_or(|link| link.phase == Phase::Closing);
            if !closing(self) && self.shared.take_surplus() {
                let reason = CloseReason::MaxConnectionsExceeded;
                let _ = self.refuse(slot, reason, "maximum connections exceeded");
            }
            self.authenticate_again(slot);
            self.schedule(slot);
        }
        self.settle();
    }

    /// Holds what a client has shown at CONNECT against the ways in that are open now.
    fn authenticate_again(&mut self, slot: u32) {
        let settings = self.settings.clone();
        let Some(link) = self.links.at_mut(slot) else { return };
        let auth = link.auth(&settings);
        match link.phase {
            Phase::Open => {}
            // Nobody has to say who he is any more.
            Phase::AwaitConnect(_) if !auth.required => {
                link.phase = Phase::Open;
                return;
            }
            // It is judged when it says who it is.
            Phase::AwaitConnect(_) | Phase::Entering | Phase::Closing => return,
        }
        // A client that never said CONNECT has shown nothing.
        let shown = link.options.take();
        let nothing = ConnectOptions::default();
        let passed = self.login(slot, shown.as_deref().unwrap_or(&nothing)).is_some();
        if let Some(link) = self.links.at_mut(slot) {
            link.options = shown;
        }
        if !passed {
            self.turn_out(slot);
        }
    }

    /// Closes a client whose credentials have become wrong. One whose user is gone is closed
    /// without a word (observed on nats-server 2.15.1).
    fn turn_out(&mut self, slot: u32) {
        let Some(link) = self.links.at(slot) else { return };
        let options = link.options.clone().unwrap_or_default();
        let user = match &link.identity {
            Identity::User(name) => name.as_str(),
            Identity::Anonymous | Identity::Token => &*options.user,
        };
        let users = &link.auth(&self.settings).users;
        if !user.is_empty() && users.iter().all(|(name, _)| name != user) {
            return self.close(slot, CloseReason::ClientClosed);
        }
        self.refused(slot, &options);
        let reason = CloseReason::AuthenticationFailure;
        let _ = self.refuse(slot, reason, "Authorization Violation");
    }
}
