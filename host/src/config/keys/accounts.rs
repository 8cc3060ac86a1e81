//! `accounts` (reference section 2.4): checked, not acted upon yet, except that users in accounts
//! close the server to everybody else.

use std::collections::HashSet;

use nkeys::KeyPairType;

use super::super::duration::parse_duration;
use super::super::value::{Node, Value};
use super::authorization::is_public_key;
use super::mappings::trace_destination;
use super::{Block, Decoder, Entry, Kind, jetstream, now, permissions, skip};

/// What `accounts` means for everything else.
#[derive(Default)]
pub(super) struct Accounts {
    /// Someone can log in to an account.
    pub(super) has_users: bool,
    /// Names and keys taken by all users of the file.
    pub(super) taken: HashSet<String>,
    /// The text for users when there is a single way in already.
    pub(super) conflict: Option<&'static str>,
}

const ACCOUNT: Block<Accounts> = Block::new(&[
    now(
        &["nkey"],
        Kind::Custom(|decoder, _, entry| match entry.value() {
            Value::String(key) if is_public_key(key, KeyPairType::Account) => {}
            Value::String(key) => decoder
                .error(entry.pos(), format!("Not a valid public nkey for an account: {key:?}")),
            _ => decoder.wrong_type(entry.node, "string"),
        }),
    ),
    now(&["users"], Kind::Custom(users)),
    permissions::checked(&["default_permissions"]),
    now(&["imports"], Kind::Custom(|decoder, _, entry| items(decoder, entry, "Import", &IMPORT))),
    now(&["exports"], Kind::Custom(|decoder, _, entry| items(decoder, entry, "Export", &EXPORT))),
    now(&["jetstream"], Kind::Custom(|decoder, _, entry| jetstream::of_account(decoder, entry))),
    now(
        &["mappings", "maps"],
        Kind::Custom(|decoder, _, entry| drop(decoder.mappings(entry.node))),
    ),
    now(
        &["limits"],
        Kind::Custom(|decoder, _, entry| match entry.value() {
            Value::Map(map) => decoder.walk(&LIMITS, &mut (), map),
            other => decoder.error(
                entry.pos(),
                format!("Expected account limits to be a map/struct, got {other}"),
            ),
        }),
    ),
    now(&["msg_trace", "trace_dest"], Kind::Custom(trace_destination)),
]);

const LIMITS: Block<()> = Block {
    keys: &[
        now(&["max_connections", "max_conn"], Kind::Int(skip)),
        now(&["max_subscriptions", "max_subs"], Kind::Int(skip)),
        now(&["max_payload", "max_pay"], Kind::Int(skip)),
        now(&["max_leafnodes", "max_leafs"], Kind::Int(skip)),
    ],
    unknown: |name| format!("Unknown field {name:?} parsing account limits"),
};

const EXPORT: Block<()> = Block::new(&[
    now(&["stream"], Kind::Custom(|d, (), e| exported(d, e, "stream"))),
    now(&["service"], Kind::Custom(|d, (), e| exported(d, e, "service"))),
    now(&["accounts"], Kind::Custom(|decoder, (), entry| drop(decoder.strings(entry.node)))),
    now(&["account_token_position"], Kind::Int(skip)),
    now(
        &["response_type", "response"],
        Kind::Custom(|decoder, (), entry| match entry.value() {
            Value::String(text) => {
                let known = ["single", "singleton", "stream", "chunk", "chunked"];
                if !known.iter().any(|known| known.eq_ignore_ascii_case(text)) {
                    decoder.error(entry.pos(), format!("Unknown response type: {text:?}"));
                }
            }
            _ => decoder.wrong_type(entry.node, "string"),
        }),
    ),
    now(
        &["threshold", "response_threshold", "response_max_time", "response_time"],
        Kind::Custom(|decoder, (), entry| {
            let shown = match entry.value() {
                Value::String(text) if parse_duration(text).is_ok() => return,
                Value::String(text) => format!("{text:?}"),
                other => other.type_name().to_owned(),
            };
            decoder.error(
                entry.pos(),
                format!("Expected response threshold to be a parseable time duration, got {shown}"),
            );
        }),
    ),
    now(&["latency"], Kind::Custom(latency)),
    now(&["allow_trace"], Kind::Bool(skip)),
]);

const IMPORT: Block<()> = Block::new(&[
    now(&["stream"], Kind::Custom(|d, (), e| imported(d, e, "Stream"))),
    now(&["service"], Kind::Custom(|d, (), e| imported(d, e, "Service"))),
    now(&["prefix"], Kind::String(skip)),
    now(&["to"], Kind::String(skip)),
    now(&["share"], Kind::Bool(skip)),
    now(&["allow_trace"], Kind::Bool(skip)),
]);

const SOURCE: Block<(String, String)> = Block::new(&[
    now(&["account"], Kind::String(|s, text| s.0 = text)),
    now(&["subject"], Kind::String(|s, text| s.1 = text)),
]);

const LATENCY: Block<()> = Block::new(&[
    now(&["subject"], Kind::String(skip)),
    now(
        &["sampling"],
        Kind::Custom(|decoder, (), entry| {
            let rate = match entry.value() {
                Value::Int(rate) => Some(*rate),
                Value::String(text) if text.eq_ignore_ascii_case("headers") => return,
                Value::String(text) => text.strip_suffix('%').unwrap_or(text).trim().parse().ok(),
                _ => None,
            };
            if !rate.is_some_and(|rate| (0..=100).contains(&rate)) {
                decoder.error(
                    entry.pos(),
                    "Expected latency sampling to be a percentage or 'headers'",
                );
            }
        }),
    ),
]);

fn latency(decoder: &mut Decoder<'_>, (): &mut (), entry: &Entry<'_>) {
    match entry.value() {
        Value::String(_) => {}
        Value::Map(map) => decoder.walk(&LATENCY, &mut (), map),
        other => {
            let kind = other.type_name();
            decoder.error(
                entry.pos(),
                format!("Expected latency entry to be a map/struct or string, got {kind}"),
            );
        }
    }
}

fn exported(decoder: &mut Decoder<'_>, entry: &Entry<'_>, what: &str) {
    if !matches!(entry.value(), Value::String(_)) {
        let kind = entry.value().type_name();
        decoder.error(entry.pos(), format!("Expected {what} name to be string, got {kind}"));
    }
}

fn imported(decoder: &mut Decoder<'_>, entry: &Entry<'_>, what: &str) {
    let Value::Map(map) = entry.value() else {
        let kind = entry.value().type_name();
        return decoder
            .error(entry.pos(), format!("{what} entry should be an account map, got {kind}"));
    };
    let mut source = (String::new(), String::new());
    decoder.walk(&SOURCE, &mut source, map);
    if source.0.is_empty() || source.1.is_empty() {
        decoder.error(entry.pos(), "Expect an account name and a subject");
    }
}

/// A list of imports or exports.
fn items(decoder: &mut Decoder<'_>, entry: &Entry<'_>, what: &str, block: &Block<()>) {
    decoder.maps(
        entry.node,
        |value| format!("{what}s should be an array, got {}", value.type_name()),
        |value| format!("{what} Items should be a map with type entry, got {}", value.type_name()),
        &mut (),
        |decoder, (), item| {
            decoder.walk_node(block, &mut (), item);
        },
    );
}

fn users(decoder: &mut Decoder<'_>, out: &mut Accounts, entry: &Entry<'_>) {
    let users = decoder.users(entry.node);
    if users.is_empty() {
        return;
    }
    out.has_users = true;
    if let Some(text) = out.conflict {
        decoder.error(entry.pos(), text);
    } else if let Some(text) = users.duplicate(&mut out.taken) {
        decoder.error(entry.pos(), text);
    }
}

/// Reads `accounts`.
pub(super) fn read(decoder: &mut Decoder<'_>, out: &mut Accounts, entry: &Entry<'_>) {
    match entry.value() {
        Value::Array(items) => listed(decoder, items),
        Value::Map(map) => {
            for (name, node) in map.iter() {
                if node.used_as_variable {
                    continue;
                }
                if name == "$G" {
                    decoder.error(&node.pos, format!("{name:?} is a Reserved Account"));
                } else if let Value::Map(account) = &*node.value {
                    decoder.quietly(|decoder| decoder.walk(&ACCOUNT, out, account));
                } else {
                    decoder.error(&node.pos, "Expected map entries for accounts");
                }
            }
        }
        // As in nats-server, anything else means no accounts.
        _ => {}
    }
}

fn listed(decoder: &mut Decoder<'_>, items: &[Node]) {
    let mut seen = HashSet::new();
    for item in items {
        match &*item.value {
            Value::String(name) if name == "$G" => {
                decoder.error(&item.pos, format!("{name:?} is a Reserved Account"));
            }
            Value::String(name) => {
                if !seen.insert(name) {
                    decoder.error(&item.pos, format!("Duplicate Account Entry: {name}"));
                }
            }
            _ => decoder.wrong_type(item, "string"),
        }
    }
}
