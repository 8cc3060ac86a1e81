//! What happens when time passes: deadlines of links, and links that are not read for a while.

use std::cmp::Reverse;
use std::time::Duration;

use super::{MAX_STALL_MILLIS, Output, Shard};
use crate::id::LinkId;
use crate::link::client::login::Waiting;
use crate::link::{Expiring, Phase, Verdict, ping_interval};
use crate::notice::{Event, SlowConsumer};
use crate::reason::CloseReason;
use crate::time::Time;
use crate::wire::encode;

impl Shard {
    /// A deadline passed.
    pub fn timeout(&mut self, now: Time) {
        self.now = now;
        while let Some(&Reverse((at, slot, generation))) = self.timers.peek()
            && at <= now
        {
            self.timers.pop();
            let id = LinkId { slot, generation };
            let Some(link) = self.link_mut(id).filter(|link| link.scheduled == Some(at)) else {
                continue;
            };
            link.scheduled = None;
            self.fire(slot);
            self.schedule(slot);
        }
        self.give_up_requests();
        // Links that closed leave theirs behind.
        if self.timers.len() < self.timers.capacity() / 4 {
            self.timers.shrink_to(self.timers.len() * 2);
        }
        self.settle();
    }

    /// Looks at a link again when it wants to be looked at.
    pub(crate) fn schedule(&mut self, slot: u32) {
        let Some(link) = self.links.at_mut(slot) else { return };
        let Some(at) = link.deadline(&self.settings) else { return };
        if link.scheduled.is_none_or(|scheduled| at < scheduled) {
            link.scheduled = Some(at);
            self.timers.push(Reverse((at, slot, link.id.generation)));
        }
    }

    /// A link's deadline passed: whichever it was.
    fn fire(&mut self, slot: u32) {
        let now = self.now;
        let settings = self.settings.clone();
        let Some(link) = self.links.at_mut(slot) else { return };
        let id = link.id;
        if link.paused_until.is_some_and(|until| until <= now) {
            self.resume(id);
        }
        let Some(link) = self.links.at_mut(slot) else { return };
        if link.leave_at.is_some_and(|at| at <= now) {
            link.leave_at = None;
            return self.close(slot, CloseReason::ServerShutdown);
        }
        if let Some((at, what)) = link.expires
            && at <= now
        {
            let (reason, text) = match what {
                Expiring::User => {
                    (CloseReason::AuthenticationExpired, "User Authentication Expired")
                }
                Expiring::Account => {
                    (CloseReason::AuthenticationExpired, "Account Authentication Expired")
                }
                Expiring::Subscriptions => {
                    (CloseReason::MaxSubscriptionsExceeded, "maximum subscriptions exceeded")
                }
            };
            let _ = self.refuse(slot, reason, text);
            return;
        }
        let deadline = settings.limits.write_deadline;
        if link.blocked_since.is_some_and(|since| now.since(since) >= deadline) {
            let pending = link.outbound.pending();
            let millis = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
            let event = Event::SlowConsumer(SlowConsumer::WriteDeadline(millis, pending));
            if !matches!(link.phase, Phase::AwaitConnect(_)) {
                self.counters().slow_consumers.add(1);
            }
            self.notice(slot, || event);
            return self.close(slot, CloseReason::SlowConsumerWriteDeadline);
        }
        if let Phase::AwaitConnect(until) | Phase::Deciding(until) = link.phase
            && until <= now
        {
            let _ = if link.awaited.as_deref().is_some_and(Waiting::is_for_service) {
                self.refuse(slot, CloseReason::AuthenticationFailure, "Authorization Violation")
            } else {
                self.refuse(slot, CloseReason::AuthenticationTimeout, "Authentication Timeout")
            };
            return;
        }
        if link.liveness.due() <= now && matches!(link.phase, Phase::AwaitConnect(_) | Phase::Open)
        {
            let interval = ping_interval(&settings, link.endpoint.transport);
            match link.liveness.fire(now, interval, settings.limits.ping_max) {
                Verdict::Quiet => {}
                Verdict::Ping => self.send_word(slot, encode::PING),
                Verdict::Stale => {
                    self.counters().stale_connections.add(1);
                    let _ = self.refuse(slot, CloseReason::StaleConnection, "Stale Connection");
                }
            }
        }
    }

    /// Stops reading a link for a while, because a consumer of its messages lags behind.
    pub(crate) fn stall_link(&mut self, id: LinkId) {
        self.pause(id, MAX_STALL_MILLIS);
    }

    pub(super) fn pause(&mut self, id: LinkId, millis: u64) {
        let until = self.now.after(Duration::from_millis(millis));
        let Some(link) = self.link_mut(id).filter(|link| link.phase != Phase::Closing) else {
            return;
        };
        if link.paused_until.replace(until).is_none() {
            self.outputs.push_back(Output::Pause(id));
        }
        self.schedule(id.slot);
    }

    pub(super) fn resume(&mut self, id: LinkId) {
        if let Some(link) = self.link_mut(id)
            && link.paused_until.take().is_some()
        {
            self.read_again(id.slot);
        }
    }

    /// Has a link read again, unless there is another reason not to.
    pub(crate) fn read_again(&mut self, slot: u32) {
        if let Some(link) = self.links.at(slot)
            && link.paused_until.is_none()
            && !matches!(link.phase, Phase::Deciding(_))
        {
            self.outputs.push_back(Output::Resume(link.id));
        }
    }
}
