//! `msg_trace` of an account.

use super::super::super::value::{Map, Value};
use super::super::{Decoder, Entry};
use super::is_publishable;
use crate::options::TraceOptions;

/// Reads the destination: a subject or a map.
pub(super) fn destination(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Option<TraceOptions> {
    match entry.value() {
        Value::String(text) => {
            let destination = subject(decoder, entry, text)?;
            Some(TraceOptions { destination, sampling: 100 })
        }
        Value::Map(map) => destination_map(decoder, entry, map),
        other => {
            let (name, kind) = (entry.name, other.type_name());
            decoder.error(
                entry.pos(),
                format!(
                    "Expected account message trace {name:?} to be a string or a map/struct, got \
                     {kind}"
                ),
            );
            None
        }
    }
}

fn destination_map(
    decoder: &mut Decoder<'_>,
    entry: &Entry<'_>,
    map: &Map,
) -> Option<TraceOptions> {
    let (mut destination, mut sampling) = (None, None);
    for (name, node) in map.iter() {
        let item = Entry { name, node };
        if name.eq_ignore_ascii_case("dest") {
            let Value::String(text) = item.value() else {
                let kind = item.value().type_name();
                let text = format!("Field {name:?} should be a string, got {kind}");
                decoder.error(item.pos(), text);
                return None;
            };
            destination = Some(subject(decoder, &item, text)?);
        } else if name.eq_ignore_ascii_case("sampling") {
            sampling = Some(percent(decoder, &item)?);
        } else if !node.used_as_variable {
            let block = entry.name;
            let text = format!(
                "Unknown field {name:?} parsing account message trace map/struct {block:?}"
            );
            decoder.error(item.pos(), text);
        }
    }
    if sampling.is_some() && destination.is_none() {
        let pos = entry.pos();
        decoder.warnings.push(format!(
            "{pos}: Trace destination sampling ignored since no destination was set"
        ));
    }
    Some(TraceOptions { destination: destination?, sampling: sampling.unwrap_or(100) })
}

fn subject(decoder: &mut Decoder<'_>, entry: &Entry<'_>, text: &str) -> Option<String> {
    if is_publishable(text) {
        return Some(text.to_owned());
    }
    decoder.error(entry.pos(), format!("Trace destination {text:?} is not valid"));
    None
}

fn percent(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Option<u8> {
    let percent = match entry.value() {
        Value::Int(percent) => Ok(*percent),
        Value::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or(text);
            digits.parse().map_err(|_| format!("Invalid trace destination sampling value {text:?}"))
        }
        other => Err(format!(
            "Trace destination sampling field {:?} should be an integer or a percentage, got {}",
            entry.name,
            other.type_name()
        )),
    };
    let percent = percent.and_then(|percent: i64| {
        let fits = u8::try_from(percent).ok().filter(|percent| (1..=100).contains(percent));
        fits.ok_or_else(|| {
            // The first word is nats-server's.
            format!("Ttrace destination sampling value {percent} is invalid, needs to be [1..100]")
        })
    });
    percent.map_err(|text| decoder.error(entry.pos(), text)).ok()
}
