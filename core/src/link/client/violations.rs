//! What permissions refuse, and how a client and the log are told (reference security 2.2, 2.3;
//! log texts observed on nats-server 2.15.1).

use core::fmt::Write as _;

use crate::auth::Identity;
use crate::notice::{Event, Notice};
use crate::shard::{Output, Shard};
use crate::wire::quote;

impl Shard {
    /// Whether permissions allow this link, which has some, to publish to `subject`.
    #[inline(never)]
    pub(crate) fn may_publish(&mut self, slot: u32, subject: &[u8]) -> bool {
        let (now, hasher) = (self.now, &self.hasher);
        let permissions = self.links.at_mut(slot).and_then(|link| link.permissions.as_deref_mut());
        permissions.is_none_or(|permissions| permissions.may_publish(subject, now, hasher))
    }

    /// A publication is refused because of its subject.
    #[cold]
    pub(crate) fn publish_violation(&mut self, slot: u32, subject: &[u8]) {
        let subject = quote(subject);
        self.send_error(slot, &format!("Permissions Violation for Publish to {subject}"));
        self.misbehaved(slot, || format!("Publish Violation - Subject {subject}"));
    }

    /// A publication is refused because of where replies are to go.
    #[cold]
    pub(crate) fn reply_violation(&mut self, slot: u32, reply: &[u8]) {
        let reply = quote(reply);
        self.send_error(slot, &format!("Permissions Violation for Publish with Reply of {reply}"));
        self.misbehaved(slot, || format!("Publish Violation - Reply {reply}"));
    }

    /// A subscription is refused.
    #[cold]
    pub(crate) fn subscription_violation(
        &mut self,
        slot: u32,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
    ) {
        let wanted = wanted(subject, queue);
        self.send_error(slot, &format!("Permissions Violation for Subscription to {wanted}"));
        self.misbehaved(slot, || {
            let queue =
                queue.map_or_else(String::new, |queue| format!(", Queue: {}", quote(queue)));
            let sid = String::from_utf8_lossy(sid);
            format!("Subscription Violation - Subject {}{queue}, SID {sid}", quote(subject))
        });
    }

    /// A subscription is refused because its subject is too long.
    #[cold]
    pub(crate) fn too_many_tokens(&mut self, slot: u32, subject: &[u8], sid: &[u8]) {
        let (subject, sid) = (quote(subject), String::from_utf8_lossy(sid));
        let error = format!("Permissions Violation for Subscription to {subject}, too many tokens");
        self.send_error(slot, &error);
        self.misbehaved(slot, || {
            format!("Subscription Violation Too Many Tokens - Subject {subject}, SID {sid}")
        });
    }

    /// Drops the subscriptions of a link that its permissions, which are new, do not allow any
    /// more, and tells the client (reference security 1.13).
    pub(crate) fn drop_forbidden(&mut self, slot: u32) {
        let Some(link) = self.links.at(slot) else { return };
        let Some(permissions) = link.permissions.as_deref() else { return };
        let user = match &link.identity {
            Identity::User(user) => quote(user.name().as_bytes()),
            Identity::Anonymous | Identity::Token(_) => quote(b""),
        };
        let mut forbidden: Vec<u32> = link.sids.iter().copied().collect();
        forbidden.retain(|&sub| {
            self.subs
                .at(sub)
                .is_some_and(|sub| !permissions.rules().may_subscribe(sub.subject(), sub.queue()))
        });
        // Hash tables have no order worth keeping; slots have one that replays.
        forbidden.sort_unstable();
        for sub_slot in forbidden {
            let Some(sub) = self.subs.at(sub_slot) else { continue };
            let mut wanted = wanted(sub.subject(), sub.queue());
            // Writing to a String cannot fail.
            let _ = write!(wanted, " (sid {})", quote(sub.sid.as_slice()));
            self.end_subscription(sub_slot);
            self.send_error(slot, &format!("Permissions Violation for Subscription to {wanted}"));
            let text = format!("Removed sub {wanted} for User {user} - not authorized");
            let notice = Notice { label: String::new(), event: Event::Unsubscribed(text) };
            self.outputs.push_back(Output::Notice(notice));
        }
    }
}

/// A subscription in nats-server's words.
fn wanted(subject: &[u8], queue: Option<&[u8]>) -> String {
    let subject = quote(subject);
    match queue {
        None => subject,
        Some(queue) => format!("{subject} using queue {}", quote(queue)),
    }
}
