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

use super::latency::{Measurements, is_measured};
use super::request_info::RequestInfo;
use super::{NOBODY, Way};
use crate::account::{AccountId, Accounts, ResponseKind, ServiceImport};
use crate::id::{Standing, SubId};
use crate::interest::Awaited;
use crate::shard::{Output, Shard};
use crate::time::Time;
use crate::wire::number::Decimal;
use crate::wire::{Body, Publish};

/// What the reply subjects of requests from other accounts start with.
pub(super) const MAPPED: &[u8] = b"_R_.";

/// ... and those of the server's own requests.
const OWN: &[u8] = b"$SYS._INBOX.";

/// Characters of a prefix, and of a request's own part.
const TOKEN: usize = 6;

/// The most accounts that a request goes through. Imports cannot form circles, but a chain may be
/// long.
const MAX_HOPS: u8 = 32;

/// Responses are looked through for late ones this often, at most.
const SWEEP_PAUSE: Duration = Duration::from_millis(250);

/// Requests that may wait on one shard. One more has to do without an answer.
const MAX_WAITING: usize = 1 << 20;

pub(super) type Token = [u8; TOKEN];

/// A request on its way through accounts.
pub(crate) struct Request {
    info: RequestInfo,
    hops: u8,
}

/// The requests of one shard that wait for responses.
#[derive(Default)]
pub(crate) struct Responses {
    pub(super) waiting: HashMap<Token, Waiting>,
    /// By account and what comes before.
    prefixes: HashMap<(AccountId, &'static [u8]), Token>,
    sweep: Option<Time>,
    pub(super) measured: Measurements,
}

pub(super) struct Waiting {
    exporter: AccountId,
    pub(super) wanted: Wanted,
    /// What the request came through; nothing for the server's own.
    through: Option<Through>,
    kind: ResponseKind,
    threshold: Duration,
    pub(super) until: Time,
}

/// A service import, and whose it is.
#[derive(Clone)]
pub(super) struct Through {
    importer: AccountId,
    import: Arc<ServiceImport>,
}

/// Who wants a response.
#[derive(Clone)]
pub(super) enum Wanted {
    /// A requester in this account, on this subject.
    In(AccountId, Arc<[u8]>),
    /// The server itself, by this number.
    Own(u64),
}

impl Responses {
    /// When to look for late ones.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.sweep.into_iter().chain(self.measured.deadline()).min()
    }

    /// Forgets the requests whose imports are there no more: their responses have no way back.
    pub(crate) fn keep_imported(&mut self, accounts: &Accounts) {
        self.waiting.retain(|_, waiting| {
            waiting.through.as_ref().is_none_or(|Through { importer, import }| {
                accounts.rules(*importer).is_some_and(|rules| rules.imports_service(import))
            })
        });
    }

    /// Forgets what has waited for too long, and returns what of it the server itself waits for.
    fn sweep(&mut self, now: Time) -> Vec<u64> {
        let mut late = Vec::new();
        if self.sweep.is_none_or(|at| at > now) {
            return late;
        }
        self.waiting.retain(|_, waiting| {
            if let Wanted::Own(number) = waiting.wanted
                && waiting.until <= now
            {
                late.push(number);
            }
            waiting.until > now
        });
        // A hash table has no order worth keeping.
        late.sort_unstable();
        let next = self.waiting.values().map(|waiting| waiting.until).min();
        self.sweep = next.map(|at| at.max(now.after(SWEEP_PAUSE)));
        if self.waiting.len() < self.waiting.capacity() / 8 {
            self.waiting.shrink_to(self.waiting.len() * 2);
        }
        late
    }
}

impl Shard {
    /// Gives up what has waited for a response for too long.
    pub(crate) fn give_up_requests(&mut self) {
        for number in self.responses.sweep(self.now) {
            self.outputs.push_back(Output::Response(number, None));
        }
        self.give_up_measurements();
    }

    /// Takes a message out of its account: as a request by service imports, as a response to
    /// where it was asked for. Returns how many took it.
    #[cold]
    #[inline(never)]
    pub(super) fn cross(
        &mut self,
        way: Way,
        services: Option<&[Standing]>,
        responses: Awaited,
        message: &Publish<'_>,
        request: Option<&Request>,
    ) -> usize {
        let mut taken = 0;
        if responses.elsewhere {
            self.introduce_responder(way.from, message.subject);
        }
        for service in services.unwrap_or_default() {
            taken += match *service {
                Standing::Import(number) => self.serve(way, number, message, request),
                Standing::Own(number) => self.call(way, number, message),
            };
        }
        if responses.here {
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
        let link = self.links.at(way.from.1.slot).filter(|link| link.id == way.from.1);
        let Some(link) = link.filter(|_| way.from.0 == self.id) else { return 0 };
        let next = match request {
            Some(Request { hops: MAX_HOPS, .. }) => return 0,
            Some(Request { info, hops }) => {
                let info = info.through(link, &rules.name, &import, &self.settings);
                Request { info, hops: hops + 1 }
            }
            None => {
                let info = RequestInfo::new(link, &rules.name, &import, &self.settings);
                Request { info, hops: 1 }
            }
        };
        let measured = self.measure(&import, &next.info, message.header());
        let subject = self.name_there(&import, message.subject);
        let mut body = Vec::with_capacity(message.body.as_slice().len() + 256);
        next.info.write(message.header(), &mut body);
        let header_len = body.len();
        body.extend_from_slice(message.payload());
        let mut waiting = message.reply.filter(|reply| !reply.is_empty()).and_then(|reply| {
            let wanted = Wanted::In(way.account, reply.into());
            let through = Through { importer: way.account, import: import.clone() };
            let (kind, threshold) = (import.terms.response, import.terms.threshold);
            self.expect(import.exporter, wanted, Some(through), kind, threshold)
        });
        let mut reply = waiting.map(|token| self.reply_subject(import.exporter, token));
        // A response that ends several measurements shows it all the way.
        if let Some(reply) = &mut reply
            && (measured.is_some() || message.reply.is_some_and(is_measured))
        {
            self.mark_measured(reply);
        }
        let (size, header_size) = (Decimal::from(body.len()), Decimal::from(header_len));
        let request = Publish {
            subject: &subject,
            reply: reply.as_deref(),
            size: size.as_bytes(),
            header_size: Some(header_size.as_bytes()),
            header_len,
            body: Body::Slice(&body),
            verbatim: None,
        };
        let there =
            Way { account: import.exporter, deaf: NOBODY, crossed: true, patient: false, ..way };
        let taken = self.route_on(there, &request, Some(&next));
        if taken == 0
            && let Some(token) = waiting.take()
        {
            self.unexpect(token);
        }
        if let Some(measured) = measured {
            self.watch(measured, message.reply.is_some(), waiting);
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

    /// Waits for responses to one more request, unless too many are waited for.
    pub(super) fn expect(
        &mut self,
        exporter: AccountId,
        wanted: Wanted,
        through: Option<Through>,
        kind: ResponseKind,
        threshold: Duration,
    ) -> Option<Token> {
        if self.responses.waiting.len() >= MAX_WAITING {
            return None;
        }
        let mut token = random_token(&mut self.rng);
        while self.responses.waiting.contains_key(&token) {
            token = random_token(&mut self.rng);
        }
        let until = self.now.after(threshold);
        let waiting = Waiting { exporter, wanted, through, kind, threshold, until };
        self.responses.waiting.insert(token, waiting);
        let sweep = self.responses.sweep.get_or_insert(until);
        *sweep = until.min(*sweep);
        Some(token)
    }

    /// Where responses to a request have to go in the exporter's account.
    pub(super) fn reply_subject(&mut self, exporter: AccountId, token: Token) -> Vec<u8> {
        let waiting = self.responses.waiting.get(&token);
        let own = waiting.is_some_and(|waiting| matches!(waiting.wanted, Wanted::Own(_)));
        let start = if own { OWN } else { MAPPED };
        let prefix = match self.responses.prefixes.get(&(exporter, start)) {
            Some(prefix) => *prefix,
            None => self.subscribe_to_responses(exporter, start),
        };
        [start, &prefix, b".", &token].concat()
    }

    /// Chooses this shard's prefix in an account.
    fn subscribe_to_responses(&mut self, exporter: AccountId, start: &'static [u8]) -> Token {
        let prefix = random_token(&mut self.rng);
        if let Some(account) = self.shared.accounts.get(exporter) {
            let pattern = [start, &prefix, b".>"].concat();
            account.interest.insert(&pattern, None, SubId::responses(self.id), 1);
        }
        self.responses.prefixes.insert((exporter, start), prefix);
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
        let (wanted, threshold) = (waiting.wanted.clone(), waiting.threshold);
        let through = waiting.through.clone();
        if last {
            self.responses.waiting.remove(&token);
        }
        match wanted {
            Wanted::Own(number) => self.answered(number, message),
            Wanted::In(account, reply) => {
                // A response may want one itself.
                let again = message.reply.filter(|reply| !reply.is_empty()).and_then(|reply| {
                    let wanted = Wanted::In(way.account, reply.into());
                    self.expect(account, wanted, through, ResponseKind::Singleton, threshold)
                });
                let again = again.map(|token| self.reply_subject(account, token));
                let there = Way { account, deaf: NOBODY, crossed: true, patient: false, ..way };
                let response = Publish {
                    subject: &reply,
                    reply: again.as_deref(),
                    verbatim: None,
                    ..message.clone()
                };
                let taken = self.route_on(there, &response, None);
                if taken == 0 {
                    self.responses.waiting.remove(&token);
                }
                self.measured_response(token, way.from, taken > 0);
            }
        }
    }

    /// Forgets a request that nobody took.
    pub(super) fn unexpect(&mut self, token: Token) {
        self.responses.waiting.remove(&token);
    }
}

/// A request's own part of a mapped reply subject.
fn own_part(subject: &[u8]) -> Option<Token> {
    let rest = subject.strip_prefix(MAPPED).or_else(|| subject.strip_prefix(OWN))?;
    rest.get(TOKEN + 1..)?.first_chunk().copied()
}

/// Characters by chance.
fn random_token(rng: &mut fastrand::Rng) -> Token {
    core::array::from_fn(|_| rng.alphanumeric() as u8)
}
