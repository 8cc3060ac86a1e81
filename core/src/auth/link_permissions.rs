//! One link's permissions at work: its user's rules, what was decided about the subjects it
//! publishes to, and the replies it may send.

use core::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::permissions::Permissions;
use super::response_grants::ResponseGrants;
use crate::time::Time;

/// Decisions that one link remembers. A power of two.
const DECISIONS: usize = 128;

/// Longest subject about which a decision is remembered, in bytes.
const MAX_REMEMBERED: usize = 256;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct LinkPermissions {
    rules: Arc<Permissions>,
    /// One place a hash; empty until the link publishes.
    decisions: Vec<Decision>,
    grants: ResponseGrants,
}

/// Whether the lists allow publishing to a subject; an empty one marks a free place.
#[derive(Clone, Debug, Default)]
struct Decision {
    subject: Vec<u8>,
    allowed: bool,
}

impl LinkPermissions {
    pub(crate) fn new(rules: Arc<Permissions>) -> Self {
        Self { rules, decisions: Vec::new(), grants: ResponseGrants::default() }
    }

    pub(crate) fn rules(&self) -> &Arc<Permissions> {
        &self.rules
    }

    /// Whether the link may publish to `subject` now; a reply that was granted is used up by
    /// asking.
    pub(crate) fn may_publish(&mut self, subject: &[u8], now: Time, hasher: &FixedState) -> bool {
        self.lists_allow(subject, hasher)
            || self.rules.responses().is_some_and(|responses| {
                self.grants.redeem(subject, hasher.hash_one(subject), now, responses)
            })
    }

    /// What the lists say about publishing to `subject`: one look-up when it was asked before.
    fn lists_allow(&mut self, subject: &[u8], hasher: &FixedState) -> bool {
        if subject.is_empty() || subject.len() > MAX_REMEMBERED {
            return self.rules.may_publish(subject);
        }
        let place = hasher.hash_one(subject) as usize % DECISIONS;
        if self.decisions.is_empty() {
            self.decisions.resize(DECISIONS, Decision::default());
        }
        let Some(decision) = self.decisions.get_mut(place) else { return false };
        if decision.subject != subject {
            decision.allowed = self.rules.may_publish(subject);
            decision.subject.clear();
            decision.subject.extend_from_slice(subject);
        }
        decision.allowed
    }

    /// Whether a message to `subject` may go to one of the link's subscriptions.
    pub(crate) fn may_receive(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        self.rules.may_receive(subject, queue)
    }

    /// A message that asks for replies was delivered to the link: it may answer.
    ///
    /// nats-server counts another delivery of the same reply subject as a reply, so that a client
    /// with two subscriptions that fit a request cannot answer it at all; here each delivery
    /// starts the count anew.
    pub(crate) fn request_delivered(&mut self, reply: &[u8], now: Time, hasher: &FixedState) {
        if let Some(responses) = self.rules.responses()
            && !self.rules.may_publish(reply)
        {
            self.grants.grant(reply, hasher.hash_one(reply), now, responses);
        }
    }

    #[cfg(test)]
    pub(super) fn grants(&self) -> &ResponseGrants {
        &self.grants
    }
}
