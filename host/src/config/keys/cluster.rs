//! `cluster` and `gateway` (reference sections 2.5 and 2.6): checked, not acted upon yet.

use std::collections::HashSet;

use super::super::duration::parse_duration;
use super::super::value::Value;
use super::authorization::of_servers;
use super::permissions::NO_CLUSTER_RESPONSES;
use super::top::write_timeout;
use super::{Block, Decoder, Entry, Kind, now, skip, skip_address};
use crate::options::TlsOptions;

/// Pings between routes are at most this far apart, in nanoseconds.
const MAX_ROUTE_PING: i64 = 30_000_000_000;

const CLUSTER: Block<Option<String>> = Block::new(&[
    now(&["name"], Kind::Custom(|d, found, e| *found = name(d, e, "cluster"))),
    now(&["listen"], Kind::HostPort(skip_address)),
    now(&["host", "net"], Kind::String(skip)),
    now(&["port"], Kind::Int(skip)),
    now(
        &["authorization"],
        Kind::Custom(|decoder, _, entry| of_servers(decoder, "Cluster", entry)),
    ),
    now(
        &["permissions"],
        Kind::Custom(|decoder, _, entry| {
            if decoder.permissions(entry.node).responses.is_some() {
                decoder.error(entry.pos(), NO_CLUSTER_RESPONSES);
            }
        }),
    ),
    now(&["routes"], Kind::Custom(|decoder, _, entry| decoder.urls("route", entry))),
    now(&["tls"], Kind::Custom(|decoder, _, entry| drop(decoder.quiet_tls(entry)))),
    now(&["cluster_advertise", "advertise"], Kind::String(skip)),
    now(&["no_advertise"], Kind::Bool(skip)),
    now(&["connect_retries"], Kind::Int(skip)),
    now(&["connect_backoff"], Kind::Bool(skip)),
    now(&["pool_size"], Kind::Int(skip)),
    now(
        &["accounts"],
        Kind::Custom(|decoder, _, entry| drop(decoder.string_list("accounts", entry.node))),
    ),
    now(&["compression"], Kind::Custom(|decoder, _, entry| compression(decoder, entry))),
    now(
        &["ping_interval"],
        Kind::Custom(|decoder, _, entry| {
            if decoder.interval(entry).is_some_and(|value| value > MAX_ROUTE_PING) {
                let pos = entry.pos();
                decoder.warnings.push(format!(
                    "{pos}: Cluster 'ping_interval' will reset to 30s which is the max for routes"
                ));
            }
        }),
    ),
    now(&["ping_max"], Kind::Int(skip)),
    now(&["write_deadline"], Kind::Interval(skip)),
    now(
        &["write_timeout"],
        Kind::Custom(|decoder, _, entry| {
            write_timeout(decoder, entry);
        }),
    ),
]);

const GATEWAY: Block<()> = Block::new(&[
    now(&["name"], Kind::Custom(|d, (), e| drop(name(d, e, "gateway")))),
    now(&["listen"], Kind::HostPort(skip_address)),
    now(&["host", "net"], Kind::String(skip)),
    now(&["port"], Kind::Int(skip)),
    now(
        &["authorization"],
        Kind::Custom(|decoder, (), entry| of_servers(decoder, "Gateway", entry)),
    ),
    now(&["tls"], Kind::Custom(|decoder, (), entry| drop(decoder.quiet_tls(entry)))),
    now(&["advertise"], Kind::String(skip)),
    now(&["connect_retries"], Kind::Int(skip)),
    now(&["connect_backoff"], Kind::Bool(skip)),
    now(&["reject_unknown_cluster", "reject_unknown"], Kind::Bool(skip)),
    now(&["write_deadline"], Kind::Interval(skip)),
    now(
        &["write_timeout"],
        Kind::Custom(|decoder, (), entry| {
            write_timeout(decoder, entry);
        }),
    ),
    now(
        &["gateways"],
        Kind::Custom(|decoder, (), entry| {
            if !matches!(entry.value(), Value::Array(_)) {
                let kind = entry.value().type_name();
                decoder.bare_error(format!("Expected gateways field to be an array, got {kind}"));
                return;
            }
            decoder.maps(
                entry.node,
                |_| String::new(),
                |value| format!("Expected gateway entry to be a map/struct, got {value}"),
                &mut (),
                |decoder, (), item| {
                    decoder.walk_node(&REMOTE, &mut (), item);
                },
            );
        }),
    ),
]);

const REMOTE: Block<()> = Block::new(&[
    now(&["name"], Kind::String(skip)),
    now(&["tls"], Kind::Custom(|decoder, (), entry| drop(decoder.quiet_tls(entry)))),
    now(
        &["url"],
        Kind::Custom(|decoder, (), entry| match entry.value() {
            Value::String(text) => decoder.url("gateway", text, entry),
            _ => decoder.wrong_type(entry.node, "string"),
        }),
    ),
    now(&["urls"], Kind::Custom(|decoder, (), entry| decoder.urls("gateway", entry))),
]);

const COMPRESSION: Block<()> = Block::new(&[
    now(&["mode"], Kind::String(skip)),
    now(
        &["rtt_thresholds", "thresholds", "rtts", "rtt"],
        Kind::Custom(|decoder, (), entry| {
            let Value::Array(items) = entry.value() else {
                return decoder.wrong_type(entry.node, "[]interface {}");
            };
            for item in items {
                match &*item.value {
                    Value::String(text) => {
                        if let Err(reason) = parse_duration(text) {
                            decoder.error(&item.pos, reason);
                        }
                    }
                    _ => decoder.wrong_type(item, "string"),
                }
            }
        }),
    ),
]);

/// Compression of links between servers; modes are validated later.
pub(super) fn compression(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    match entry.value() {
        Value::String(_) | Value::Bool(_) => {}
        Value::Map(map) => decoder.walk(&COMPRESSION, &mut (), map),
        other => {
            let (name, kind) = (entry.name, other.type_name());
            decoder.error(
                entry.pos(),
                format!("field {name:?} should be a boolean or a structure, got {kind}"),
            );
        }
    }
}

fn name(decoder: &mut Decoder<'_>, entry: &Entry<'_>, what: &str) -> Option<String> {
    match entry.value() {
        Value::String(text) if text.contains(' ') => {
            decoder.error(entry.pos(), format!("{what} name cannot contain spaces"));
            None
        }
        Value::String(text) => Some(text.clone()),
        _ => {
            decoder.wrong_type(entry.node, "string");
            None
        }
    }
}

/// Checks a `cluster` block; the cluster's name.
pub(super) fn cluster(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Option<String> {
    let mut name = None;
    match entry.value() {
        Value::Map(map) => decoder.walk(&CLUSTER, &mut name, map),
        other => {
            let kind = other.type_name();
            decoder.error(entry.pos(), format!("Expected map to define cluster, got {kind}"));
        }
    }
    name
}

/// Checks a `gateway` block.
pub(super) fn gateway(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    match entry.value() {
        Value::Map(map) => decoder.walk(&GATEWAY, &mut (), map),
        other => {
            let kind = other.type_name();
            decoder.error(entry.pos(), format!("Expected gateway to be a map, got {kind}"));
        }
    }
}

/// Whether this can be the URL of a server.
pub(super) fn is_url(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let escapes = rest.split('%').skip(1).all(|after| {
        after.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    escapes
        && !text.starts_with(':')
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

impl Decoder<'_> {
    /// The `tls` block of a listener that is not started yet.
    pub(super) fn quiet_tls(&mut self, entry: &Entry<'_>) -> Option<TlsOptions> {
        self.quietly(|decoder| decoder.tls(entry.node, true))
    }

    fn url(&mut self, what: &str, text: &str, entry: &Entry<'_>) {
        if !is_url(text) {
            self.error(entry.pos(), format!("error parsing {what} url [{text:?}]"));
        }
    }

    /// A list of URLs of servers.
    pub(super) fn urls(&mut self, what: &str, entry: &Entry<'_>) {
        let Value::Array(items) = entry.value() else {
            return self.wrong_type(entry.node, "[]interface {}");
        };
        let mut seen = HashSet::new();
        for item in items {
            match &*item.value {
                Value::String(text) => {
                    let place = Entry { name: text, node: item };
                    self.url(what, text, &place);
                    if !seen.insert(text) {
                        self.warn(&place, format!("Duplicate {what} entry detected"));
                    }
                }
                _ => self.wrong_type(item, "string"),
            }
        }
    }
}
