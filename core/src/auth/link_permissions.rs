//! One link's permissions at work: its user's rules, what was decided about the subjects it
//! publishes to, and the replies it may send.

use core::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::permissions::Permissions;
use super::response_grants::ResponseGrants;
use crate::time::Time;

/// Decisions that one link remembers in each direction. A power of two.
const DECISIONS: usize = 128;

/// Longest subject about which a decision is remembered, in bytes.
const MAX_REMEMBERED: usize = 256;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct LinkPermissions {
    rules: Arc<Permissions>,
    published: Decisions,
    received: Decisions,
    grants: ResponseGrants,
}

/// What the lists say about the subjects that came by last, one place a hash. Empty until the
/// first comes by.
#[derive(Debug, Default)]
struct Decisions(Vec<Decision>);

/// Whether the lists allow a subject; an empty one marks a free place.
#[derive(Clone, Debug, Default)]
struct Decision {
    subject: Vec<u8>,
    allowed: bool,
}

impl Decisions {
    /// One look-up when the subject was asked about before, else what `decide` says.
    fn recall(
        &mut self,
        subject: &[u8],
        hasher: &FixedState,
        decide: impl FnOnce() -> bool,
    ) -> bool {
        if subject.is_empty() || subject.len() > MAX_REMEMBERED {
            return decide();
        }
        if self.0.is_empty() {
            self.0.resize(DECISIONS, Decision::default());
        }
        let place = hasher.hash_one(subject) as usize % DECISIONS;
        let Some(decision) = self.0.get_mut(place) else { return decide() };
        if decision.subject != subject {
            decision.allowed = decide();
            decision.subject.clear();
            decision.subject.extend_from_slice(subject);
        }
        decision.allowed
    }
}

impl LinkPermissions {
    pub(crate) fn new(rules: Arc<Permissions>) -> Self {
        let (published, received) = (Decisions::default(), Decisions::default());
        Self { rules, published, received, grants: ResponseGrants::default() }
    }

    pub(crate) fn rules(&self) -> &Arc<Permissions> {
        &self.rules
    }

    /// Whether the link may publish to `subject` now; a reply that was granted is used up by
    /// asking.
    pub(crate) fn may_publish(&mut self, subject: &[u8], now: Time, hasher: &FixedState) -> bool {
        self.published.recall(subject, hasher, || self.rules.may_publish(subject))
            || self.rules.responses().is_some_and(|responses| {
                self.grants.redeem(subject, hasher.hash_one(subject), now, responses)
            })
    }

    /// Whether a message to `subject` may go to one of the link's subscriptions.
    pub(crate) fn may_receive(
        &mut self,
        subject: &[u8],
        queue: Option<&[u8]>,
        hasher: &FixedState,
    ) -> bool {
        let rules = &self.rules;
        if !rules.filters_deliveries() {
            return true;
        }
        if queue.is_some() && rules.filters_queues() {
            return rules.may_receive(subject, queue);
        }
        self.received.recall(subject, hasher, || rules.may_receive(subject, None))
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
