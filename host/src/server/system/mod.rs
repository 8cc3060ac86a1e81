//! What the server itself answers: the table of its services, and the way of an answer.
//!
//! A service is a subject in the system account, in every other account, or in both. The core
//! hands a message for one to the driver of the shard that it came to, which [calls](Services::call)
//! its handler there; what the handler says goes out through the same shard. A handler that cannot
//! answer at once takes its [`Reply`] along, to any thread, and answers later.
//!
//! To add a service: [`Services::add`] with its subject, its reach and its handler.

mod account_requests;
mod connz;
mod envelope;
mod events;
mod server_requests;
mod statz;
mod survey;
mod user_info;

use std::sync::Arc;

use nervure_core::account::{AccountId, OwnService, Reach};
use nervure_core::shard::{Called, Shard, Shared};
use tokio::sync::mpsc;

pub(super) use self::envelope::Speaker;
pub(super) use self::events::{EventQueue, queue, say_goodbye};
pub(super) use self::survey::Look;
use super::shard_loop::Command;

/// How a request is answered. Runs on a shard's thread, which waits for it: whatever takes longer
/// than a look at what is at hand belongs elsewhere.
pub(super) type Handler = Box<dyn Fn(Call<'_>) + Send + Sync>;

/// The services of a server, in the order of their numbers.
pub(super) struct Services {
    services: Vec<OwnService>,
    handlers: Vec<Handler>,
    speaker: Arc<Speaker>,
}

/// A message to a service.
pub(super) struct Call<'a> {
    /// The message.
    pub(super) message: &'a Called,
    /// The shard that it came to.
    pub(super) shard: &'a Shard,
    /// All of them, that one included.
    pub(super) shards: &'a [mpsc::UnboundedSender<Command>],
    /// Where the answer goes; `None` when none is wanted.
    pub(super) reply: Option<Reply>,
}

/// Where an answer goes. Can be taken to other threads.
#[derive(Debug)]
pub(super) struct Reply {
    account: AccountId,
    subject: Box<[u8]>,
    shard: mpsc::UnboundedSender<Command>,
}

/// A message of the server's own, on its way to the shard that publishes it.
#[derive(Debug)]
pub(super) struct Publication {
    /// The account in which it is published.
    pub(super) account: AccountId,
    /// The subject.
    pub(super) subject: Box<[u8]>,
    /// A header block, or nothing.
    pub(super) header: Vec<u8>,
    /// What follows it.
    pub(super) payload: Vec<u8>,
}

impl Reply {
    /// Answers with this payload.
    pub(super) fn send(self, payload: Vec<u8>) {
        self.send_with(Vec::new(), payload);
    }

    /// Answers with a header block.
    pub(super) fn send_with(self, header: Vec<u8>, payload: Vec<u8>) {
        let Self { account, subject, shard } = self;
        // A shard that has ended publishes nothing.
        let _ = shard.send(Command::Publish(Publication { account, subject, header, payload }));
    }
}

impl Services {
    /// Those that every server has.
    pub(super) fn new(speaker: &Arc<Speaker>) -> Self {
        let mut services =
            Self { services: Vec::new(), handlers: Vec::new(), speaker: speaker.clone() };
        server_requests::add_to(&mut services, speaker);
        account_requests::add_to(&mut services, speaker);
        services
    }

    /// Adds a service on `subject`, which may have wildcards.
    pub(super) fn add(
        &mut self,
        subject: &str,
        reach: Reach,
        handler: impl Fn(Call<'_>) + Send + Sync + 'static,
    ) {
        let number = u32::try_from(self.services.len()).unwrap_or(u32::MAX);
        self.services.push(OwnService { subject: subject.into(), reach, number });
        self.handlers.push(Box::new(handler));
    }

    /// Has them answer in the accounts that `shared` is told of from now on.
    pub(super) fn provide(self, shared: &Shared) -> Arc<Self> {
        shared.provide(self.services.clone());
        Arc::new(self)
    }

    /// A message came to the shard with this `number`.
    pub(super) fn call(
        &self,
        message: &Called,
        shard: &Shard,
        number: usize,
        shards: &[mpsc::UnboundedSender<Command>],
    ) {
        let (Some(handler), Some(own)) =
            (self.handlers.get(message.service as usize), shards.get(number))
        else {
            return;
        };
        // A server that is about to leave answers no more.
        if self.speaker.is_silent() {
            return;
        }
        let reply = message.reply.clone().map(|subject| Reply {
            account: message.account,
            subject,
            shard: own.clone(),
        });
        handler(Call { message, shard, shards, reply });
    }
}
