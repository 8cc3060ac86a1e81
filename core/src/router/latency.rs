//! Latency of services: what an exporter is told about the requests of others (reference security
//! 9.5).
//!
//! A request that meets a service import is measured when the service says so, and its reply
//! subject shows it. The response ends the measurement, and so does everything that keeps one
//! away; the result is a message of the server's own in the exporter's account. Requests that are
//! not measured come by here once and leave at the first line.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::mail::Origin;
use super::own::OwnMessage;
use super::request_info::RequestInfo;
use super::services::{MAPPED, Token, Waiting, Wanted};
use super::tracing_headers::{self, Headers};
use crate::account::{Sampling, ServiceImport};
use crate::shard::Shard;
use crate::time::{Time, rfc3339};

/// What the results call themselves.
const TYPE: &str = "io.nats.server.metric.v1.service_latency";

/// The end of reply subjects of measured requests.
const MEASURED: &[u8] = b".T";

/// Characters of a result's `id`.
const ID: usize = 22;

/// Requests without a response are looked through this often for those that will have none.
const LOOK_PAUSE: Duration = Duration::from_millis(250);

/// The measurements of one shard's requests.
#[derive(Default)]
pub(super) struct Measurements {
    /// By the request's own part of the reply subject, in an order that replays.
    waiting: BTreeMap<Token, Box<Measurement>>,
    look: Option<Time>,
    /// Who sent the last response that came from another shard.
    responder: Option<Arc<Responder>>,
}

/// A request that is measured.
pub(super) struct Measurement {
    import: Arc<ServiceImport>,
    requestor: RequestInfo,
    /// The headers that asked for it.
    header: Headers,
    arrived: Time,
    /// Somebody wanted the response then. Where nobody did, nobody can leave either.
    wanted: bool,
}

/// Who sent a response, and when it came to the server.
#[derive(Debug)]
pub(crate) struct Responder {
    from: Origin,
    info: RequestInfo,
    at: Time,
}

/// What became of a request.
#[derive(Clone, Copy)]
struct Status {
    code: u16,
    description: &'static str,
}

const ANSWERED: Status = Status { code: 200, description: "" };
const NO_REPLY: Status = Status { code: 400, description: "Bad Request" };
const NOT_WANTED: Status = Status { code: 408, description: "Request Timeout" };
const NOBODY_SERVES: Status = Status { code: 503, description: "Service Unavailable" };
const LATE: Status = Status { code: 504, description: "Service Timeout" };

/// A result. Durations are in nanoseconds; the order of the fields is the order on the wire.
#[derive(Serialize)]
struct Metric<'a> {
    r#type: &'static str,
    id: String,
    timestamp: String,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'static str,
    requestor: &'a RequestInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    responder: Option<&'a RequestInfo>,
    #[serde(skip_serializing_if = "Headers::is_empty")]
    header: &'a Headers,
    start: String,
    #[serde(flatten)]
    durations: Durations,
}

#[derive(Clone, Copy, Default, Serialize)]
struct Durations {
    service: u64,
    system: u64,
    total: u64,
}

impl Measurements {
    /// When to look for requests that will have no response.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.look
    }
}

impl Measurement {
    /// What a response that `responder` sent shows. `service` is without the responder's own round
    /// trip, `system` is the way of the response between shards, `total` is with everything.
    fn durations(&self, responder: Option<&Responder>, now: Time) -> Durations {
        let at = responder.map_or(now, |it| it.at);
        let (taken, system) = (at.since(self.arrived), now.since(at));
        let away = responder.map_or(Duration::ZERO, |it| it.info.rtt());
        Durations {
            service: nanos(taken.saturating_sub(away)),
            system: nanos(system),
            total: nanos(taken + self.requestor.rtt() + system),
        }
    }
}

impl Shard {
    /// Begins to measure a request with this header block, if its service wants that.
    pub(super) fn measure(
        &mut self,
        import: &Arc<ServiceImport>,
        info: &RequestInfo,
        block: &[u8],
    ) -> Option<Box<Measurement>> {
        let latency = import.terms.latency.as_ref()?;
        let header = match latency.sampling {
            Sampling::Percent(share) if self.rng.u8(..100) < share => Headers::new(),
            Sampling::Percent(_) | Sampling::Headers => tracing_headers::wanted(block)?,
        };
        let (import, requestor, arrived) = (import.clone(), info.requestor(), self.now);
        Some(Box::new(Measurement { import, requestor, header, arrived, wanted: false }))
    }

    /// Has a reply subject say that its request is measured.
    pub(super) fn mark_measured(&self, reply: &mut Vec<u8>) {
        reply.push(b'.');
        reply.extend_from_slice(self.settings.server_hash.as_ref());
        reply.extend_from_slice(MEASURED);
    }

    /// A measured request is on its way. `replies` says that it wants a response, `waiting` under
    /// which name one is waited for, if it is.
    pub(super) fn watch(
        &mut self,
        mut measurement: Box<Measurement>,
        replies: bool,
        waiting: Option<Token>,
    ) {
        match waiting {
            Some(token) => {
                let waiting = self.responses.waiting.get(&token);
                measurement.wanted = waiting.is_some_and(|waiting| self.is_wanted(waiting));
                let measured = &mut self.responses.measured;
                measured.waiting.insert(token, measurement);
                measured.look.get_or_insert(self.now.after(LOOK_PAUSE));
            }
            None => self.fail(&measurement, if replies { NOBODY_SERVES } else { NO_REPLY }),
        }
    }

    /// A response came; `taken` says that somebody took it.
    pub(super) fn measured_response(&mut self, token: Token, from: Origin, taken: bool) {
        let measured = &mut self.responses.measured;
        let Some(measurement) = measured.waiting.remove(&token) else { return };
        let foreign = measured.responder.clone().filter(|it| it.from == from);
        if measurement.wanted && !taken {
            return self.fail(&measurement, NOT_WANTED);
        }
        let responder = foreign.or_else(|| self.responder(from));
        let durations = measurement.durations(responder.as_deref(), self.now);
        let responder = responder.as_deref().map(|it| &it.info);
        self.report(&measurement, ANSWERED, responder, durations);
    }

    /// Ends the measurements of requests that wait too long, or that nobody waits for any more.
    /// To be called when those that wait too long are no longer waited for.
    pub(super) fn give_up_measurements(&mut self) {
        let measured = &self.responses.measured;
        if measured.look.is_none_or(|at| at > self.now) {
            return;
        }
        let all = measured.waiting.iter();
        let over = all.filter_map(|(token, it)| Some((*token, self.failure(token, it)?)));
        for (token, status) in over.collect::<Vec<_>>() {
            if let Some(measurement) = self.responses.measured.waiting.remove(&token) {
                self.fail(&measurement, status);
            }
        }
        let measured = &mut self.responses.measured;
        measured.look = (!measured.waiting.is_empty()).then(|| self.now.after(LOOK_PAUSE));
    }

    /// Why there will be no response, if it is so.
    fn failure(&self, token: &Token, measurement: &Measurement) -> Option<Status> {
        match self.responses.waiting.get(token).filter(|waiting| waiting.until > self.now) {
            None => Some(LATE),
            Some(waiting) if measurement.wanted && !self.is_wanted(waiting) => Some(NOT_WANTED),
            Some(_) => None,
        }
    }

    /// Whether somebody would take a response.
    fn is_wanted(&self, waiting: &Waiting) -> bool {
        match &waiting.wanted {
            Wanted::In(account, reply) => {
                let account = self.shared.accounts.get(*account);
                account.is_some_and(|account| account.interest.has_interest(reply))
            }
            Wanted::Own(_) => true,
        }
    }

    /// The siblings that were just given a response do not know who sent it: tells them, if the
    /// request was measured.
    pub(super) fn introduce_responder(&mut self, from: Origin, subject: &[u8]) {
        if is_measured(subject)
            && let Some(responder) = self.responder(from)
        {
            for outbox in &mut self.outboxes {
                outbox.introduce(from, &responder);
            }
        }
    }

    /// A sibling says who sent the message that comes next.
    pub(super) fn meet_responder(&mut self, responder: Arc<Responder>) {
        self.responses.measured.responder = Some(responder);
    }

    /// A client of this shard that sent a response just now.
    fn responder(&self, (shard, id): Origin) -> Option<Arc<Responder>> {
        let link = self.links.at(id.slot).filter(|link| link.id == id && shard == self.id)?;
        let account = self.views.get(link.account)?.rules.name.clone();
        let info = RequestInfo::detailed(link, &account, &self.settings);
        Some(Arc::new(Responder { from: (shard, id), info, at: self.now }))
    }

    fn fail(&mut self, measurement: &Measurement, status: Status) {
        self.report(measurement, status, None, Durations::default());
    }

    /// Publishes what was measured.
    fn report(
        &mut self,
        measurement: &Measurement,
        status: Status,
        responder: Option<&RequestInfo>,
        durations: Durations,
    ) {
        let Some(latency) = measurement.import.terms.latency.as_ref() else { return };
        let id = core::iter::repeat_with(|| self.rng.alphanumeric()).take(ID).collect();
        let started = measurement.arrived.before(measurement.requestor.rtt());
        let metric = Metric {
            r#type: TYPE,
            id,
            timestamp: rfc3339(self.settings.epoch, self.now),
            status: status.code,
            description: status.description,
            requestor: &measurement.requestor,
            responder,
            header: &measurement.header,
            start: rfc3339(self.settings.epoch, started),
            durations,
        };
        // These types always have a JSON form.
        let Ok(payload) = serde_json::to_vec(&metric) else { return };
        let account = measurement.import.exporter;
        let subject = latency.subject.as_bytes();
        self.send_out(OwnMessage { account, subject, header: b"", payload: &payload }, None);
    }
}

/// Whether this is the reply subject of a measured request.
pub(super) fn is_measured(subject: &[u8]) -> bool {
    subject.starts_with(MAPPED) && subject.ends_with(MEASURED)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
