//! Service imports: requests that go on in another account, and the responses that come back
//! (reference security 9).
//!
//! A request meets the import's entry in the match plan of its own account. It goes on in the
//! exporter's account under the exporter's name for it, with a reply subject `_R_.<shard's
//! prefix>.<request's own>` that only the requester's shard can make sense of: the shard
//! subscribes to its prefix in the exporter's account, so that a response finds its way back like
//! any message, from whatever shard or server it comes.

use core::time::Duration;
use std::sync::Arc;

use hashbrown::HashMap;

use super::request_info::{RequestInfo, digits};
use super::{NOBODY, Way};
use crate::account::{AccountId, ResponseKind, ServiceImport};
use crate::id::SubId;
use crate::shard::Shard;
use crate::time::Time;
use crate::wire::{Body, Publish};

/// What every mapped reply subject starts with.
pub(crate) const REPLY_PREFIX: &[u8] = b"_R_.";

/// Characters of a prefix, and of a request's own part.
const TOKEN: usize = 6;

/// The most accounts that a request goes through. Imports cannot form circles, but a chain may be
/// long.
const MAX_HOPS: u8 = 32;

/// Responses are looked through for late ones this often, at most.
const SWEEP_PAUSE: Duration = Duration::from_millis(250);

/// Requests that may wait on one shard. One more has to do without an answer.
const MAX_WAITING: usize = 1 << 20;

type Token = [u8; TOKEN];

/// A request on its way through accounts.
pub(crate) struct Request {
    info: RequestInfo,
    hops: u8,
}

/// The requests of one shard that wait for responses.
#[derive(Default)]
pub(crate) struct Responses {
    waiting: HashMap<Token, Waiting>,
    prefixes: HashMap<AccountId, Token>,
    sweep: Option<Time>,
}

struct Waiting {
    exporter: AccountId,
    /// The requester's account, and where it wants the response.
    importer: AccountId,
    reply: Box<[u8]>,
    kind: ResponseKind,
    threshold: Duration,
    until: Time,
}

impl Responses {
    /// When to look for late ones.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.sweep
    }

    /// Forgets what has waited for too long.
    pub(crate) fn sweep(&mut self, now: Time) {
        if self.sweep.is_none_or(|at| at > now) {
            return;
        }
        self.waiting.retain(|_, waiting| waiting.until > now);
        let next = self.waiting.values().map(|waiting| waiting.until).min();
        self.sweep = next.map(|at| at.max(now.after(SWEEP_PAUSE)));
        if self.waiting.len() < self.waiting.capacity() / 8 {
            self.waiting.shrink_to(self.waiting.len() * 2);
        }
    }
}

impl Shard {
    /// Takes a message out of its account: as a request by service imports, as a response to
    /// where it was asked for. Returns how many took it.
    #[cold]
    #[inline(never)]
    pub(super) fn cross(
        &mut self,
        way: Way,
        services: Option<&[u32]>,
        responses: bool,
        message: &Publish<'_>,
        request: Option<&Request>,
    ) -> usize {
        let mut taken = 0;
        for number in services.unwrap_or_default() {
            taken += self.serve(way, *number, message, request);
        }
        if responses {
            self.respond(way, message);
            taken += 1;
        }
        taken
    }

    /// A request meets a service import.
    fn serve(
        &mut self,
        way: Way,
        number: u32,
        message: &Publish<'_>,
        request: Option<&Request>,
    ) -> usize {
        let Some(rules) = self.views.get(way.account).map(|view| view.rules.clone()) else {
            return 0;
        };
        // An import that the configuration in force here does not know (any more).
        let Some(import) = rules.service(number).cloned() else { return 0 };
        let next = match request {
            Some(Request { hops: MAX_HOPS, .. }) => return 0,
            Some(request) => {
                Request { info: request.info.through(&rules.name), hops: request.hops + 1 }
            }
            None => {
                let link = self.links.at(way.from.1.slot).filter(|link| link.id == way.from.1);
                let Some(link) = link.filter(|_| way.from.0 == self.id) else { return 0 };
                let info = RequestInfo::new(link, &rules.name, &import, &self.settings);
                Request { info, hops: 1 }
            }
        };
        let subject = self.name_there(&import, message.subject);
        let mut body = Vec::with_capacity(message.body.as_slice().len() + 256);
        next.info.write(message.header(), &mut body);
        let header_len = body.len();
        body.extend_from_slice(message.payload());
        let waiting = message.reply.and_then(|reply| self.expect(&import, way.account, reply));
        let reply = waiting.map(|token| self.reply_subject(import.exporter, token));
        let (size, header_size) = (digits(body.len()), digits(header_len));
        let message = Publish {
            subject: &subject,
            reply: reply.as_deref(),
            size: size.as_bytes(),
            header_size: Some(header_size.as_bytes()),
            header_len,
            body: Body::Slice(&body),
            verbatim: None,
        };
        let there = Way { account: import.exporter, deaf: NOBODY, ..way };
        let taken = self.route_on(there, &message, Some(&next));
        if taken == 0
            && let Some(token) = waiting
        {
            self.responses.waiting.remove(&token);
        }
        taken
    }

    /// The exporter's name for the subject of a request, after the exporter's mappings.
    fn name_there(&mut self, import: &ServiceImport, subject: &[u8]) -> Vec<u8> {
        let mut there = Vec::with_capacity(subject.len() + 32);
        import.renaming.to_exporter(subject, &mut there);
        let rules = self.settings.accounts.rules(import.exporter);
        let mut mapped = Vec::new();
        match rules.and_then(|rules| rules.mappings.as_ref()) {
            Some(mappings) if mappings.apply(&there, &mut mapped, &mut self.rng) => mapped,
            _ => there,
        }
    }

    /// Waits for responses to one more request.
    fn expect(
        &mut self,
        import: &ServiceImport,
        importer: AccountId,
        reply: &[u8],
    ) -> Option<Token> {
        if self.responses.waiting.len() >= MAX_WAITING {
            return None;
        }
        let mut token = random_token(&mut self.rng);
        while self.responses.waiting.contains_key(&token) {
            token = random_token(&mut self.rng);
        }
        let until = self.now.after(import.terms.threshold);
        let waiting = Waiting {
            exporter: import.exporter,
            importer,
            reply: reply.into(),
            kind: import.terms.response,
            threshold: import.terms.threshold,
            until,
        };
        self.responses.waiting.insert(token, waiting);
        let sweep = self.responses.sweep.get_or_insert(until);
        *sweep = until.min(*sweep);
        Some(token)
    }

    /// Where responses to a request have to go in the exporter's account.
    fn reply_subject(&mut self, exporter: AccountId, token: Token) -> Vec<u8> {
        let prefix = match self.responses.prefixes.get(&exporter) {
            Some(prefix) => *prefix,
            None => self.subscribe_to_responses(exporter),
        };
        [REPLY_PREFIX, &prefix, b".", &token].concat()
    }

    /// Chooses this shard's prefix in an account.
    fn subscribe_to_responses(&mut self, exporter: AccountId) -> Token {
        let prefix = random_token(&mut self.rng);
        if let Some(account) = self.shared.accounts.get(exporter) {
            let pattern = [REPLY_PREFIX, &prefix, b".>"].concat();
            account.interest.insert(&pattern, None, SubId::responses(self.id), 1);
        }
        self.responses.prefixes.insert(exporter, prefix);
        prefix
    }

    /// A response goes to where it was asked for, if it is still wanted.
    fn respond(&mut self, way: Way, message: &Publish<'_>) {
        let Some(token) = own_part(message.subject) else { return };
        let Some(waiting) = self.responses.waiting.get_mut(&token) else { return };
        if waiting.exporter != way.account || waiting.until <= self.now {
            return;
        }
        waiting.until = self.now.after(waiting.threshold);
        let last = match waiting.kind {
            ResponseKind::Singleton => true,
            ResponseKind::Stream => message.body.as_slice().is_empty(),
        };
        let there = Way { account: waiting.importer, deaf: NOBODY, ..way };
        let reply: Arc<[u8]> = waiting.reply.as_ref().into();
        if last {
            self.responses.waiting.remove(&token);
        }
        let response = Publish { subject: &reply, verbatim: None, ..message.clone() };
        if self.route_on(there, &response, None) == 0 {
            self.responses.waiting.remove(&token);
        }
    }
}

/// A request's own part of a mapped reply subject.
fn own_part(subject: &[u8]) -> Option<Token> {
    subject.get(REPLY_PREFIX.len() + TOKEN + 1..)?.first_chunk().copied()
}

/// Characters by chance.
fn random_token(rng: &mut fastrand::Rng) -> Token {
    core::array::from_fn(|_| rng.alphanumeric() as u8)
}
