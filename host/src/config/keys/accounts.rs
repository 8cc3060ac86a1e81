//! `accounts` (reference section 2.4, security 7). The core holds imports against the exports of
//! other accounts. Users of accounts are collected
//! for the ways in, with those of `authorization`.

mod exports;
mod imports;
mod trace;

use std::collections::HashSet;
use std::sync::Arc;

use nervure_core::auth::{Permissions, PublicKey, Role};
use nervure_core::shard::Shared;
use nervure_core::subject::is_valid_literal;

use super::super::value::{Node, Pos, Value};
use super::authorization::Users;
use super::permissions::valid_subject;
use super::{Block, Decoder, Effect, Entry, Key, Kind, jetstream, later, now};
use crate::options::{AccountLimitOptions, AccountOptions, Options};

pub(super) use exports::check as check_exports;

/// What `accounts` means for everything else.
#[derive(Default)]
pub(super) struct Accounts {
    /// All that are declared.
    pub(super) list: Vec<AccountOptions>,
    /// Who can log in to them.
    pub(super) users: Users,
    /// Names and keys taken by all users of the file.
    pub(super) taken: HashSet<String>,
    /// The text for users when there is a single way in already.
    pub(super) conflict: Option<&'static str>,
    /// The account that is being read.
    current: Draft,
}

/// An account while it is read.
#[derive(Default)]
struct Draft {
    options: AccountOptions,
    users: Users,
    /// Of users without permissions of their own.
    default_permissions: Option<Arc<Permissions>>,
}

const ACCOUNT: Block<Accounts> = Block::new(&[
    now(&["nkey"], Kind::Custom(nkey)),
    now(&["users"], Kind::Custom(users)),
    now(
        &["default_permissions"],
        Kind::Custom(|decoder, a, entry| {
            let rules = decoder.permissions(entry.node);
            a.current.default_permissions = decoder.compiled(&rules);
        }),
    ),
    now(&["imports"], Kind::Custom(|d, a, entry| imports::read(d, &mut a.current.options, entry))),
    now(&["exports"], Kind::Custom(|d, a, entry| exports::read(d, &mut a.current.options, entry))),
    Key {
        names: &["jetstream"],
        kind: Kind::Custom(|decoder, _, entry| jetstream::of_account(decoder, entry)),
        effect: Effect::LaterEvenEmpty,
    },
    now(
        &["mappings", "maps"],
        Kind::Custom(|decoder, a, entry| {
            a.current.options.mappings.extend(decoder.mappings(entry.node));
        }),
    ),
    now(
        &["sender_identity"],
        Kind::Custom(|decoder, a, entry| {
            a.current.options.sender_identity = Some(decoder.sender_identity(entry));
        }),
    ),
    now(
        &["limits"],
        Kind::Custom(|decoder, a, entry| match entry.value() {
            Value::Map(map) => decoder.walk(&LIMITS, &mut a.current.options.limits, map),
            other => decoder.error(
                entry.pos(),
                format!("Expected account limits to be a map/struct, got {other}"),
            ),
        }),
    ),
    later(
        &["msg_trace", "trace_dest"],
        Kind::Custom(|decoder, a, entry| {
            a.current.options.msg_trace = trace::destination(decoder, entry);
        }),
    ),
]);

const LIMITS: Block<AccountLimitOptions> = Block {
    keys: &[
        now(
            &["max_connections", "max_conn"],
            Kind::Int(|limits, n| limits.max_connections = limit(n)),
        ),
        now(
            &["max_subscriptions", "max_subs"],
            Kind::Int(|limits, n| limits.max_subscriptions = limit(n)),
        ),
        now(&["max_payload", "max_pay"], Kind::Int(|limits, n| limits.max_payload = limit(n))),
        now(
            &["max_leafnodes", "max_leafs"],
            Kind::Custom(|decoder, limits, entry| match entry.value() {
                Value::Int(n) => {
                    limits.max_leafnodes = limit(*n);
                    if limits.max_leafnodes.is_some() {
                        decoder.later(entry);
                    }
                }
                _ => decoder.wrong_type(entry.node, "int64"),
            }),
        ),
    ],
    unknown: |name| format!("Unknown field {name:?} parsing account limits"),
};

/// -1 is no limit, other negative numbers let nothing through.
fn limit(number: i64) -> Option<usize> {
    (number != -1).then(|| super::scalar::count(number))
}

/// Whether the server can publish there; blanks, which PUB could not send, included.
fn is_publishable(subject: &str) -> bool {
    valid_subject(subject) && is_valid_literal(subject.as_bytes())
}

fn nkey(decoder: &mut Decoder<'_>, out: &mut Accounts, entry: &Entry<'_>) {
    let Value::String(text) = entry.value() else {
        return decoder.wrong_type(entry.node, "string");
    };
    match PublicKey::parse(text) {
        Ok(key) if key.role() == Some(Role::Account) => out.current.options.nkey = Some(key),
        _ => {
            decoder.error(entry.pos(), format!("Not a valid public nkey for an account: {text:?}"))
        }
    }
}

fn users(decoder: &mut Decoder<'_>, out: &mut Accounts, entry: &Entry<'_>) {
    if !matches!(entry.value(), Value::Array(_)) {
        // Without its place, unlike the same error in `authorization`.
        let value = entry.value();
        return decoder.bare_error(format!("Expected users field to be an array, got {value}"));
    }
    let users = decoder.users(entry.node);
    if users.is_empty() {
        return;
    }
    if let Some(text) = out.conflict {
        decoder.error(entry.pos(), text);
    }
    for text in users.duplicates(&mut out.taken) {
        decoder.error(entry.pos(), text);
    }
    out.current.users.append(users);
}

/// Reads `accounts`.
pub(super) fn read(decoder: &mut Decoder<'_>, out: &mut Accounts, entry: &Entry<'_>) {
    match entry.value() {
        Value::Array(items) => listed(decoder, out, entry.pos(), items),
        Value::Map(map) => {
            for (name, node) in map.iter().filter(|(_, node)| !node.used_as_variable) {
                if name == "$G" {
                    decoder.error(&node.pos, format!("{name:?} is a Reserved Account"));
                } else if let Value::Map(account) = &*node.value {
                    decoder.walk(&ACCOUNT, out, account);
                    out.finish(name, entry.pos());
                } else {
                    decoder.error(&node.pos, "Expected map entries for accounts");
                }
            }
        }
        // As in nats-server, anything else means no accounts.
        _ => {}
    }
}

fn listed(decoder: &mut Decoder<'_>, out: &mut Accounts, pos: &Pos, items: &[Node]) {
    let mut seen = HashSet::new();
    for item in items {
        match &*item.value {
            Value::String(name) if name == "$G" => {
                decoder.error(&item.pos, format!("{name:?} is a Reserved Account"));
            }
            Value::String(name) => {
                if seen.insert(name) {
                    out.finish(name, pos);
                } else {
                    decoder.error(&item.pos, format!("Duplicate Account Entry: {name}"));
                }
            }
            _ => decoder.wrong_type(item, "string"),
        }
    }
}

impl Accounts {
    /// Takes the account that has been read.
    fn finish(&mut self, name: &str, pos: &Pos) {
        let Draft { mut options, mut users, default_permissions } =
            std::mem::take(&mut self.current);
        users.apply_defaults(default_permissions.as_ref());
        users.belong_to(name);
        self.users.append(users);
        (options.name, options.pos) = (name.to_owned(), pos.clone());
        self.list.push(options);
    }
}

/// Holds imports against exports.
pub(super) fn check_together(decoder: &mut Decoder<'_>, options: &Options) {
    if !decoder.errors.is_empty() {
        return;
    }
    let Err(error) = options.build_accounts(&Shared::new(1)) else { return };
    let account = options.accounts.iter().find(|account| account.name == error.account);
    if let Some(account) = account {
        // Where nats-server reports it.
        decoder.error(&account.pos, error.to_string());
    }
}
