//! `exports` of an account.

use std::num::{IntErrorKind, ParseIntError};

use super::super::super::duration::parse_duration;
use super::super::super::value::{Map, Pos, Value};
use super::super::scalar::nanos;
use super::super::{Block, Decoder, Entry, Kind, later, now};
use super::is_publishable;
use crate::options::{
    AccountOptions, ExportKind, ExportOptions, LatencyOptions, Response, Sampling, ServiceOptions,
};

/// An export while it is read.
#[derive(Default)]
struct Draft {
    stream: Option<String>,
    service: Option<String>,
    terms: ServiceOptions,
    /// Keys that are for services only: what nats-server calls them, and their places.
    of_services: Vec<(&'static str, Pos)>,
    accounts: Vec<String>,
    account_token_position: Option<u32>,
}

const EXPORT: Block<Draft> = Block::new(&[
    now(
        &["stream"],
        Kind::Custom(|decoder, export, entry| {
            export.stream = subject(decoder, entry, "stream", ("service", &export.service));
        }),
    ),
    now(
        &["service"],
        Kind::Custom(|decoder, export, entry| {
            export.service = subject(decoder, entry, "service", ("stream", &export.stream));
        }),
    ),
    now(
        &["accounts"],
        Kind::Custom(|decoder, export, entry| {
            export.accounts = decoder.strings(entry.node).unwrap_or_default();
        }),
    ),
    now(
        &["account_token_position"],
        // One that no subject has is refused with the subject.
        Kind::Int(|export, at| {
            export.account_token_position =
                (at != 0).then(|| u32::try_from(at).unwrap_or(u32::MAX));
        }),
    ),
    now(&["response_type", "response"], Kind::Custom(response)),
    now(
        &["threshold", "response_threshold", "response_max_time", "response_time"],
        Kind::Custom(threshold),
    ),
    now(
        &["latency"],
        Kind::Custom(|decoder, export, entry| {
            export.of_services.push(("latency", entry.pos().clone()));
            export.terms.latency = latency(decoder, entry);
        }),
    ),
    later(
        &["allow_trace"],
        Kind::Custom(|decoder, export, entry| match entry.value() {
            Value::Bool(on) => {
                export.of_services.push(("allow_trace", entry.pos().clone()));
                export.terms.allow_trace = *on;
            }
            _ => decoder.wrong_type(entry.node, "bool"),
        }),
    ),
]);

/// Reads the list.
pub(super) fn read(decoder: &mut Decoder<'_>, out: &mut AccountOptions, entry: &Entry<'_>) {
    decoder.maps(
        entry.node,
        |value| format!("Exports should be an array, got {}", value.type_name()),
        |value| format!("Export Items should be a map with type entry, got {}", value.type_name()),
        &mut out.exports,
        |decoder, exports, item| {
            let mut draft = Draft::default();
            decoder.walk_node(&EXPORT, &mut draft, item);
            exports.extend(draft.finish(decoder));
        },
    );
}

impl Draft {
    /// The export; nats-server ignores one without a subject.
    fn finish(self, decoder: &mut Decoder<'_>) -> Option<ExportOptions> {
        let (kind, subject) = match (self.stream, self.service) {
            (Some(subject), _) => {
                for (directive, pos) in &self.of_services {
                    decoder.error(pos, format!("Detected {directive} directive on non-service"));
                }
                (ExportKind::Stream, subject)
            }
            (None, Some(subject)) => (ExportKind::Service(self.terms), subject),
            (None, None) => return None,
        };
        let Self { accounts, account_token_position, .. } = self;
        Some(ExportOptions { kind, subject, accounts, account_token_position })
    }
}

/// What is exported as a `what`, unless it is exported as something else already.
fn subject(
    decoder: &mut Decoder<'_>,
    entry: &Entry<'_>,
    what: &str,
    (other, seen): (&str, &Option<String>),
) -> Option<String> {
    match entry.value() {
        Value::String(text) if seen.is_some() => decoder
            .error(entry.pos(), format!("Detected {what} {text:?} but already saw a {other}")),
        Value::String(text) => return Some(text.clone()),
        value => {
            let kind = value.type_name();
            decoder.error(entry.pos(), format!("Expected {what} name to be string, got {kind}"));
        }
    }
    None
}

fn response(decoder: &mut Decoder<'_>, export: &mut Draft, entry: &Entry<'_>) {
    export.of_services.push(("response", entry.pos().clone()));
    let Value::String(text) = entry.value() else {
        let kind = entry.value().type_name();
        return decoder
            .error(entry.pos(), format!("Expected response type to be string, got {kind}"));
    };
    export.terms.response = match text.to_ascii_lowercase().as_str() {
        "single" | "singleton" => Response::Singleton,
        "stream" => Response::Stream,
        "chunk" | "chunked" => Response::Chunked,
        _ => return decoder.error(entry.pos(), format!("Unknown response type: {text:?}")),
    };
}

fn threshold(decoder: &mut Decoder<'_>, export: &mut Draft, entry: &Entry<'_>) {
    // nats-server's word for it here is the other one.
    export.of_services.push(("response", entry.pos().clone()));
    let shown = match entry.value() {
        Value::String(text) => match parse_duration(text) {
            Ok(value) => return export.terms.threshold = (value > 0).then(|| nanos(value)),
            Err(_) => format!("{text:?}"),
        },
        other => other.type_name().to_owned(),
    };
    decoder.error(
        entry.pos(),
        format!("Expected response threshold to be a parseable time duration, got {shown}"),
    );
}

fn latency(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Option<LatencyOptions> {
    match entry.value() {
        Value::String(subject) => {
            let (subject, sampling) = (subject.clone(), Sampling::Percent(100));
            Some(LatencyOptions { subject, sampling })
        }
        Value::Map(map) => latency_map(decoder, entry.pos(), map),
        other => {
            let kind = other.type_name();
            decoder.error(
                entry.pos(),
                format!("Expected latency entry to be a map/struct or string, got {kind}"),
            );
            None
        }
    }
}

/// Unlike elsewhere, other keys are ignored, and case counts (observed on nats-server 2.15.1).
fn latency_map(decoder: &mut Decoder<'_>, pos: &Pos, map: &Map) -> Option<LatencyOptions> {
    let sampling = match map.get("sampling") {
        None => Sampling::Percent(100),
        Some(node) => match sampling(&node.value) {
            Ok(sampling) => sampling,
            Err(text) => {
                decoder.error(&node.pos, text);
                return None;
            }
        },
    };
    let Some(node) = map.get("subject") else {
        decoder.error(pos, "Latency subject required, but missing");
        return None;
    };
    let Value::String(subject) = &*node.value else {
        // That is what nats-server says, whatever it got.
        decoder.error(&node.pos, "Expected latency subject to be a string, got string");
        return None;
    };
    Some(LatencyOptions { subject: subject.clone(), sampling })
}

fn sampling(value: &Value) -> Result<Sampling, String> {
    let percent = match value {
        Value::Int(percent) => *percent,
        Value::String(text) if text.eq_ignore_ascii_case("headers") => {
            return Ok(Sampling::Headers);
        }
        Value::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or(text);
            digits.parse().map_err(|error: ParseIntError| {
                let why = match error.kind() {
                    IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
                    _ => "invalid syntax",
                };
                format!("Failed to parse latency sample: strconv.Atoi: parsing {digits:?}: {why}")
            })?
        }
        other => {
            let kind = other.type_name();
            return Err(format!(
                "Expected latency sample to be a string or map/struct, got {kind}"
            ));
        }
    };
    let percent = u8::try_from(percent).ok().filter(|percent| (1..=100).contains(percent));
    percent
        .map(Sampling::Percent)
        .ok_or_else(|| "bad sampling percentage, should be 1-100".to_owned())
}

/// What nats-server looks at when nothing else is wrong with the file: whom exports are for, and
/// where services are measured. Streams come before services.
pub(in super::super) fn check(decoder: &mut Decoder<'_>, accounts: &[AccountOptions]) {
    if !decoder.errors.is_empty() {
        return;
    }
    let defined = |name: &String| accounts.iter().any(|account| account.name == *name);
    for kind in ["stream", "service"] {
        for account in accounts {
            for export in account.exports.iter().filter(|export| export.kind.name() == kind) {
                for name in export.accounts.iter().filter(|name| !defined(name)) {
                    let text = format!("{name:?} account not defined for {kind} export");
                    decoder.error(&account.pos, text);
                }
                if let Some(text) = latency_error(export) {
                    decoder.error(&account.pos, text);
                }
            }
        }
    }
}

fn latency_error(export: &ExportOptions) -> Option<String> {
    let ExportKind::Service(ServiceOptions { response, latency: Some(latency), .. }) = &export.kind
    else {
        return None;
    };
    let (service, subject) = (&export.subject, &latency.subject);
    let reason = if !is_publishable(subject) {
        "invalid publish subject"
    } else if *response != Response::Singleton {
        "bad service response type"
    } else {
        return None;
    };
    Some(format!(
        "Error adding service latency sampling for {service:?} on subject {subject:?}: {reason}"
    ))
}
