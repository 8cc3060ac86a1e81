//! How links end, from either side, and how all of them do.

use std::collections::BinaryHeap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Output, Shard};
use crate::id::LinkId;
use crate::link::Phase;
use crate::notice::{Event, SlowConsumer};
use crate::reason::CloseReason;
use crate::time::Time;

impl Shard {
    /// Tells clients that this server is leaving, then closes them one by one between `grace` and
    /// `total` from now.
    pub fn lame_duck(&mut self, now: Time, grace: Duration, total: Duration) {
        self.now = now;
        let slots: Vec<u32> = self.links.slots().collect();
        let count = u32::try_from(slots.len()).unwrap_or(u32::MAX).max(1);
        let step = (total.saturating_sub(grace) / count).min(Duration::from_secs(1));
        let mut at = now.after(grace);
        for slot in slots {
            self.send_lame_duck_info(slot);
            if let Some(link) = self.links.at_mut(slot) {
                link.leave_at = Some(at);
            }
            at = at.after(step.mul_f64(0.5 + self.rng.f64() * 0.5));
            self.schedule(slot);
        }
    }

    /// Closes every link: the server stops.
    pub fn shutdown(&mut self, now: Time) {
        self.now = now;
        // What siblings have handed over was published before the end.
        self.collect(u64::MAX, &mut false);
        let slots: Vec<u32> = self.links.slots().collect();
        for slot in slots {
            self.close(slot, CloseReason::ServerShutdown);
        }
    }

    /// The connection is gone: the peer left, the driver could not go on, or an
    /// [`Output::Close`] is carried out (then its reason stands).
    pub fn closed(&mut self, now: Time, id: LinkId, reason: CloseReason) {
        self.now = now;
        if self.link_mut(id).is_none() {
            return;
        }
        self.detach(id.slot, reason);
        self.links.remove(id.slot);
        self.settle();
        if self.links.len() == 0 {
            self.timers = BinaryHeap::new();
            self.give_memory_back();
        }
    }

    /// Gives back what is only kept to be faster next time: buffers, and what the indexes answered.
    /// Worth it when most links have left.
    pub fn give_memory_back(&mut self) {
        self.pool.release();
        self.views.release();
        self.outputs.shrink_to_fit();
        if let Some(mailbox) = self.shared.mailboxes.get(usize::from(self.id.0)) {
            mailbox.release();
        }
    }

    /// Starts the end of a link from our side.
    pub(crate) fn close(&mut self, slot: u32, reason: CloseReason) {
        let Some(link) = self.links.at_mut(slot) else { return };
        if link.phase == Phase::Closing {
            return;
        }
        let id = link.id;
        self.detach(slot, reason);
        self.outputs.push_back(Output::Close(id, reason));
    }

    /// Takes a link out of everything it takes part in. Done once, whoever ends it.
    pub(super) fn detach(&mut self, slot: u32, reason: CloseReason) {
        let Some(link) = self.links.at_mut(slot) else { return };
        if link.phase == Phase::Closing {
            return;
        }
        link.phase = Phase::Closing;
        if !reason.flushes() {
            link.outbound.clear();
        }
        let waiting = std::mem::take(&mut link.waiting);
        for producer in waiting {
            self.resume(producer);
        }
        self.counters().connections.sub(1);
        self.shared.clients.fetch_sub(1, Ordering::Relaxed);
        self.notice(slot, || Event::Closed(reason));
        self.unsubscribe_all(slot);
        self.leave(slot);
        self.advise_disconnected(slot, reason);
    }

    /// A link's queue would exceed the limit.
    pub(crate) fn overfull(&mut self, slot: u32) {
        if !self.links.at(slot).is_some_and(|link| link.phase != Phase::Closing) {
            return;
        }
        self.counters().slow_consumers.add(1);
        let limit = self.settings.limits.max_pending;
        self.notice(slot, || Event::SlowConsumer(SlowConsumer::MaxPending(limit)));
        self.close(slot, CloseReason::SlowConsumerPendingBytes);
    }
}
