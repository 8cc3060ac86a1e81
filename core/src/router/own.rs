//! Messages of the server itself: what it publishes, what it asks, and what it is asked.
//!
//! They take the way of every other message; only their beginnings and ends are at the driver
//! instead of at a link.

use core::time::Duration;

use super::services::Wanted;
use super::{NOBODY, Way};
use crate::account::{AccountId, ResponseKind};
use crate::id::LinkId;
use crate::shard::{Output, Shard};
use crate::time::Time;
use crate::wire::number::Decimal;
use crate::wire::{Body, Publish};

/// A link that nobody has.
const NO_LINK: LinkId = LinkId { slot: NOBODY, generation: 0 };

/// A message that the server publishes.
#[derive(Clone, Copy, Debug)]
pub struct OwnMessage<'a> {
    /// The account in which it is published.
    pub account: AccountId,
    /// The subject.
    pub subject: &'a [u8],
    /// A header block, or nothing.
    pub header: &'a [u8],
    /// What follows it.
    pub payload: &'a [u8],
}

/// A message to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// Which of its services is called.
    pub service: u32,
    /// In which account.
    pub account: AccountId,
    /// The client that calls, when it is one of this shard's.
    pub caller: Option<LinkId>,
    /// The subject.
    pub subject: Box<[u8]>,
    /// Where the response has to go, if one is wanted.
    pub reply: Option<Box<[u8]>>,
    /// The header block, if there is one.
    pub header: Box<[u8]>,
    /// What follows it.
    pub payload: Box<[u8]>,
}

/// The response to a request of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnResponse {
    /// The header block, if there is one.
    pub header: Box<[u8]>,
    /// What follows it.
    pub payload: Box<[u8]>,
}

impl Shard {
    /// Publishes a message of the server's own; returns whether anybody took it.
    pub fn publish_own(&mut self, now: Time, message: OwnMessage<'_>) -> bool {
        self.now = now;
        // An empty reply, as the server's own messages have it (observed on nats-server 2.15.1).
        let taken = self.send_out(message, Some(b""));
        self.settle();
        taken
    }

    /// Asks, in the server's own name. What comes of it is an [`Output::Response`] with `number`,
    /// at once when there is nobody to answer.
    pub fn request(&mut self, now: Time, number: u64, message: OwnMessage<'_>, timeout: Duration) {
        self.now = now;
        let (wanted, kind) = (Wanted::Own(number), ResponseKind::Singleton);
        let token = self.expect(message.account, wanted, None, kind, timeout);
        let reply = token.map(|token| self.reply_subject(message.account, token));
        if reply.is_none() || !self.send_out(message, reply.as_deref()) {
            if let Some(token) = token {
                self.unexpect(token);
            }
            self.outputs.push_back(Output::Response(number, None));
        }
        self.settle();
    }

    pub(super) fn send_out(&mut self, message: OwnMessage<'_>, reply: Option<&[u8]>) -> bool {
        let body = [message.header, message.payload].concat();
        let header_len = message.header.len();
        let (size, header_size) = (Decimal::from(body.len()), Decimal::from(header_len));
        let publish = Publish {
            subject: message.subject,
            reply,
            size: size.as_bytes(),
            header_size: (header_len > 0).then_some(header_size.as_bytes()),
            header_len,
            body: Body::Slice(&body),
            verbatim: None,
        };
        let way = Way {
            account: message.account,
            from: (self.id, NO_LINK),
            deaf: NOBODY,
            crossed: false,
            patient: false,
        };
        self.route_on(way, &publish, None) > 0
    }

    /// A message meets a service of the server's own.
    pub(super) fn call(&mut self, way: Way, number: u32, message: &Publish<'_>) -> usize {
        let (shard, link) = way.from;
        let called = Called {
            service: number,
            account: way.account,
            caller: (shard == self.id && link != NO_LINK).then_some(link),
            subject: message.subject.into(),
            reply: message.reply.map(Into::into),
            header: message.header().into(),
            payload: message.payload().into(),
        };
        self.outputs.push_back(Output::Called(Box::new(called)));
        1
    }

    /// A response to a request of the server's own.
    pub(super) fn answered(&mut self, number: u64, message: &Publish<'_>) {
        let (header, payload) = (message.header().into(), message.payload().into());
        let response = Box::new(OwnResponse { header, payload });
        self.outputs.push_back(Output::Response(number, Some(response)));
    }
}
