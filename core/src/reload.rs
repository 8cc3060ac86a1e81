//! Another configuration comes into force while links are open: who may not stay leaves, who
//! waited for a way in that is gone gets in (reference config-and-operations 3.11).
//!
//! Beside a message's way: a shard calls this once a reload, between two reads. Limits need
//! nothing here, because everything that obeys them looks at the settings in force.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::account::{AccountId, Rules};
use crate::auth::{Identity, Login, User, Vouched};
use crate::link::client::login::Moment;
use crate::link::{Link, Phase, Transport};
use crate::reason::CloseReason;
use crate::settings::Settings;
use crate::shard::accounts::Changes;
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
        let changes = self.review();
        let slots: Vec<u32> = self.links.slots().collect();
        for slot in slots {
            self.follow(slot, &changes);
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

    /// Some accounts are not what they were, and nothing else has changed: clients for whom their
    /// account does not vouch any more, or of whom it has too many, are told so and closed
    /// (reference security 5.7). Costs nothing where no link is in these accounts.
    pub fn update(&mut self, now: Time, settings: Arc<Settings>, changed: &[AccountId]) {
        self.now = now;
        self.settings = settings;
        let changes: Changes =
            changed.iter().filter_map(|id| Some((*id, self.review_one(*id)?))).collect();
        if !changes.is_empty() {
            let slots: Vec<u32> = self.links.slots().collect();
            for slot in slots {
                self.follow(slot, &changes);
            }
        }
        self.settle();
    }

    /// Has a link follow what holds for its account now.
    fn follow(&mut self, slot: u32, changes: &Changes) {
        let Some(link) = self.links.at_mut(slot).filter(|link| link.phase != Phase::Closing) else {
            return;
        };
        let Some(change) = changes.get(&link.account) else { return };
        let Some(view) = self.views.get(link.account) else { return };
        let rules = view.rules.clone();
        link.obey(&rules, self.settings.epoch);
        if link.member && change.surplus.is_some_and(|surplus| link.cid >= surplus) {
            let reason = CloseReason::MaxAccountConnectionsExceeded;
            let _ = self.refuse(slot, reason, "maximum account active connections exceeded");
            return;
        }
        if let Some((reason, text)) = link.loses_voucher(&change.old, &rules) {
            match text {
                Some(text) => drop(self.refuse(slot, reason, text)),
                None => self.close(slot, reason),
            }
            return;
        }
        if link.takes_default_permissions(&change.old, &rules) && link.authorize() {
            self.drop_forbidden(slot);
        }
        self.limit_subscriptions(slot);
        if change.other_streams {
            self.import_streams_again(slot);
        }
        self.schedule(slot);
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

impl Link {
    /// Why the account's claims do not let a user stay that has come in by them, if they do not,
    /// and what he is told.
    fn loses_voucher(
        &self,
        old: &Rules,
        new: &Rules,
    ) -> Option<(CloseReason, Option<&'static str>)> {
        let Identity::User(user) = &self.identity else { return None };
        let Login::Statement { key, issued, vouched, .. } = &user.login else { return None };
        let Vouched { issuer, bearer, .. } = vouched.as_deref()?;
        let Some(claims) = &new.claims else {
            let text = "Authorization Violation";
            return Some((CloseReason::AuthenticationFailure, Some(text)));
        };
        let account = &claims.claims().nats;
        if account.revocations.revoke(key, *issued) {
            let text = "User Authentication Revoked";
            return Some((CloseReason::CredentialsRevoked, Some(text)));
        }
        if *bearer && account.limits.disallow_bearer {
            let text = "Authorization Violation";
            return Some((CloseReason::AuthenticationFailure, Some(text)));
        }
        let issuer = issuer.as_deref()?;
        let scope = claims.signer(issuer);
        let before = old.claims.as_ref().and_then(|claims| claims.signer(issuer));
        (scope.is_none() || scope != before).then_some((CloseReason::AuthenticationFailure, None))
    }

    /// Gives a user the account's default permissions if they are his and have changed.
    fn takes_default_permissions(&mut self, old: &Rules, new: &Rules) -> bool {
        let Identity::User(user) = &self.identity else { return false };
        let Login::Statement { vouched: Some(vouched), .. } = &user.login else { return false };
        if !vouched.by_default || old.default_permissions == new.default_permissions {
            return false;
        }
        let permissions = new.default_permissions.clone();
        self.identity = Identity::User(Arc::new(User { permissions, ..User::clone(user) }));
        true
    }
}
