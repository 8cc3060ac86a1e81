//! `authorization` blocks and users (reference section 2.3).
//!
//! Users with passwords are obeyed. Whatever this version cannot check makes its user
//! [`User::unenforceable`] or all of authentication fail closed, and says so.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use nervure_core::auth::Permissions;
use nkeys::{KeyPair, KeyPairType};

use super::super::value::{Node, Value};
use super::permissions;
use super::{Block, Decoder, Entry, Kind, later, now};
use crate::options::{AuthOptions, User};

/// Connection types a user may be restricted to.
const CONNECTION_TYPES: [&str; 7] =
    ["STANDARD", "WEBSOCKET", "LEAFNODE", "LEAFNODE_WS", "MQTT", "MQTT_WS", "IN_PROCESS"];

/// Characters of a public key; nothing else is worth decoding.
const KEY_LENGTH: usize = 56;

/// An `authorization` block.
#[derive(Default)]
pub(super) struct Authorization {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) token: String,
    pub(super) timeout: Option<Duration>,
    pub(super) users: Users,
    /// Of users without permissions of their own.
    default_permissions: Option<Arc<Permissions>>,
    pub(super) permissions: bool,
    pub(super) responses: bool,
    callout: bool,
    proxy_required: bool,
}

/// The entries of a `users` list.
#[derive(Default)]
pub(super) struct Users {
    pub(super) named: Vec<Named>,
    /// Public keys.
    pub(super) nkeys: Vec<String>,
}

/// A user with a name.
pub(super) struct Named {
    user: User,
}

pub(super) const BLOCK: Block<Authorization> = Block::new(&[
    now(&["user", "username"], Kind::String(|a, text| a.user = text)),
    now(&["pass", "password"], Kind::String(|a, text| a.password = text)),
    now(&["token"], Kind::String(|a, text| a.token = text)),
    now(
        &["timeout"],
        Kind::Custom(|decoder, a, entry| {
            a.timeout = decoder.auth_timeout("error parsing authorization config", entry);
        }),
    ),
    now(&["users"], Kind::Custom(|decoder, a, entry| a.users = decoder.users(entry.node))),
    now(
        &["default_permissions", "default_permission", "permissions"],
        Kind::Custom(|decoder, a, entry| {
            let rules = decoder.permissions(entry.node);
            a.permissions = true;
            a.responses |= rules.responses.is_some();
            a.default_permissions = decoder.compiled(&rules);
        }),
    ),
    later(
        &["auth_callout", "auth_hook"],
        Kind::Custom(|decoder, a, entry| {
            decoder.callout(entry);
            a.callout = true;
        }),
    ),
    later(&["proxy_required"], Kind::Bool(|a, on| a.proxy_required = on)),
]);

impl Authorization {
    /// What clients must show. `None` if nothing.
    pub(super) fn options(self) -> Option<AuthOptions> {
        let mut auth = AuthOptions {
            fail_closed: self.callout || self.proxy_required || !self.users.nkeys.is_empty(),
            ..AuthOptions::default()
        };
        auth.single_user = self.users.named.is_empty();
        auth.users.extend(self.users.named.into_iter().map(|named| User {
            // A user with a block of his own gets nothing from the defaults.
            permissions: named.user.permissions.or_else(|| self.default_permissions.clone()),
            ..named.user
        }));
        if !self.user.is_empty() || !self.password.is_empty() {
            auth.users.push(User {
                name: self.user,
                password: self.password,
                unenforceable: false,
                // nats-server gives default permissions to listed users only.
                permissions: None,
            });
        }
        auth.single_user &= !auth.users.is_empty();
        auth.token = (!self.token.is_empty()).then_some(self.token);
        let any = auth.fail_closed || auth.token.is_some() || !auth.users.is_empty();
        any.then_some(auth)
    }

    /// Which of the ways in exclude each other, in nats-server's words.
    pub(super) fn conflict(&self) -> Option<String> {
        let single = !self.user.is_empty() || !self.password.is_empty();
        let token = !self.token.is_empty();
        let list = !self.users.named.is_empty() || !self.users.nkeys.is_empty();
        if single && token {
            return Some("Cannot have a user/pass and token".to_owned());
        }
        if single && list {
            return Some("Can not have a single user/pass and a users array".to_owned());
        }
        if token && list {
            return Some("Can not have a token and a users array".to_owned());
        }
        None
    }
}

impl Users {
    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.nkeys.is_empty()
    }

    /// The first name or key that is taken already; all are added to `taken`.
    pub(super) fn duplicate(&self, taken: &mut HashSet<String>) -> Option<String> {
        let named = self.named.iter().map(|named| ("user", &named.user.name));
        let mut found = None;
        for (kind, name) in named.chain(self.nkeys.iter().map(|key| ("nkey", key))) {
            // Names and keys are separate spaces.
            if !taken.insert(format!("{kind} {name}")) && found.is_none() {
                found = Some(format!("Duplicate {kind} {name:?} detected"));
            }
        }
        found
    }
}

/// A user entry while it is read.
#[derive(Default)]
struct Draft {
    name: String,
    password: String,
    nkey: Option<String>,
    permissions: Option<Arc<Permissions>>,
    unenforceable: bool,
    wrong: bool,
}

const USER: Block<Draft> = Block::new(&[
    now(&["user", "username"], Kind::Custom(|d, u, e| u.name = u.text(d, e))),
    now(&["pass", "password"], Kind::Custom(|d, u, e| u.password = u.text(d, e))),
    later(
        &["nkey"],
        Kind::Custom(|d, u, e| {
            let text = u.text(d, e);
            u.nkey = (!text.is_empty()).then_some(text);
        }),
    ),
    now(
        &["permissions", "permission", "authorization"],
        Kind::Custom(|decoder, user, entry| {
            let rules = decoder.permissions(entry.node);
            user.permissions = decoder.compiled(&rules);
        }),
    ),
    later(
        &["allowed_connection_types", "connection_types", "clients"],
        Kind::Custom(|decoder, user, entry| {
            user.unenforceable |= decoder.connection_types(entry);
        }),
    ),
    later(&["proxy_required"], Kind::Bool(|user, on| user.unenforceable |= on)),
]);

impl Draft {
    fn text(&mut self, decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> String {
        if let Value::String(text) = entry.value() {
            return text.clone();
        }
        decoder.wrong_type(entry.node, "string");
        self.wrong = true;
        String::new()
    }
}

/// Whether this is a public key of a kind.
pub(super) fn is_public_key(text: &str, kind: KeyPairType) -> bool {
    text.len() == KEY_LENGTH
        && KeyPair::from_public_key(text).is_ok_and(|pair| pair.key_pair_type() == kind)
}

impl Decoder<'_> {
    /// A `users` list.
    pub(super) fn users(&mut self, node: &Node) -> Users {
        let mut users = Users::default();
        self.maps(
            node,
            |value| format!("Expected users field to be an array, got {value}"),
            |value| format!("Expected user entry to be a map/struct, got {value}"),
            &mut users,
            |decoder, users, item| decoder.user(users, item),
        );
        users
    }

    fn user(&mut self, users: &mut Users, item: &Node) {
        let mut draft = Draft::default();
        self.walk_node(&USER, &mut draft, item);
        match draft.nkey {
            _ if draft.wrong => {}
            None if draft.name.is_empty() => self.error(&item.pos, "User entry requires a user"),
            None => users.named.push(Named {
                user: User {
                    name: draft.name,
                    password: draft.password,
                    unenforceable: draft.unenforceable,
                    permissions: draft.permissions,
                },
            }),
            Some(key) if !is_public_key(&key, KeyPairType::User) => {
                self.error(&item.pos, "Not a valid public nkey for a user");
            }
            Some(_) if !draft.name.is_empty() || !draft.password.is_empty() => {
                self.error(&item.pos, "Nkey users do not take usernames or passwords");
            }
            Some(key) => users.nkeys.push(key),
        }
    }

    /// Checks a user's connection types; says whether there are any.
    fn connection_types(&mut self, entry: &Entry<'_>) -> bool {
        let Some(types) = self.string_list("allowed connection types", entry.node) else {
            return false;
        };
        let unknown: Vec<String> = types
            .iter()
            .filter(|name| !CONNECTION_TYPES.iter().any(|known| known.eq_ignore_ascii_case(name)))
            .map(|name| format!("{:?}", name.to_ascii_uppercase()))
            .collect();
        if !unknown.is_empty() {
            let list = unknown.join(" ");
            self.error(entry.pos(), format!("invalid connection types [{list}]"));
        }
        !types.is_empty()
    }

    /// An `auth_callout` block.
    fn callout(&mut self, entry: &Entry<'_>) {
        let Value::Map(map) = entry.value() else {
            let value = entry.value();
            self.error(
                entry.pos(),
                format!("Expected authorization callout to be a map/struct, got {value}"),
            );
            return;
        };
        let before = self.errors.len();
        let mut found = Callout::default();
        self.walk(&CALLOUT, &mut found, map);
        if self.errors.len() > before {
            return;
        }
        if !found.issuer {
            self.error(entry.pos(), "Authorization callouts require an issuer to be specified");
        } else if !found.users {
            self.error(
                entry.pos(),
                "Authorization callouts require authorized users to be specified",
            );
        }
    }
}

#[derive(Default)]
struct Callout {
    issuer: bool,
    users: bool,
}

const CALLOUT: Block<Callout> = Block {
    keys: &[
        now(
            &["issuer"],
            Kind::Custom(|decoder, found, entry| {
                found.issuer = true;
                match entry.value() {
                    Value::String(key) if is_public_key(key, KeyPairType::Account) => {}
                    Value::String(key) => decoder.error(
                        entry.pos(),
                        format!(
                            "Expected callout user to be a valid public account nkey, got {key:?}"
                        ),
                    ),
                    _ => decoder.wrong_type(entry.node, "string"),
                }
            }),
        ),
        now(&["account", "acc"], Kind::String(super::skip)),
        now(
            &["auth_users", "users"],
            Kind::Custom(|decoder, found, entry| {
                found.users = names(decoder, entry, "auth_users");
            }),
        ),
        now(
            &["xkey", "key"],
            Kind::Custom(|decoder, _, entry| match entry.value() {
                Value::String(key)
                    if key.len() == KEY_LENGTH && nkeys::XKey::from_public_key(key).is_ok() => {}
                Value::String(key) => decoder.error(
                    entry.pos(),
                    format!("Expected callout xkey to be a valid public xkey, got {key:?}"),
                ),
                _ => decoder.wrong_type(entry.node, "string"),
            }),
        ),
        now(
            &["allowed_accounts"],
            Kind::Custom(|decoder, _, entry| {
                names(decoder, entry, "allowed_accounts");
            }),
        ),
    ],
    unknown: |name| format!("Unknown field {name:?} parsing authorization callout"),
};

/// A list of names; says whether there are any.
fn names(decoder: &mut Decoder<'_>, entry: &Entry<'_>, what: &str) -> bool {
    if matches!(entry.value(), Value::Array(_)) {
        return decoder.strings(entry.node).is_some_and(|names| !names.is_empty());
    }
    let kind = entry.value().type_name();
    decoder.error(entry.pos(), format!("Expected {what} field to be an array, got {kind}"));
    false
}

/// An `authorization` block of a listener that takes no list of users: websocket, mqtt.
pub(super) const SIMPLE: Block<Authorization> = Block::new(&[
    now(&["user", "username"], Kind::String(|a, text| a.user = text)),
    now(&["pass", "password"], Kind::String(|a, text| a.password = text)),
    now(&["token"], Kind::String(|a, text| a.token = text)),
    now(
        &["timeout"],
        Kind::Custom(|decoder, a, entry| {
            a.timeout = decoder.auth_timeout("error parsing authorization config", entry);
        }),
    ),
]);

/// An `authorization` block of a listener for servers: one user. `who` starts the error texts.
pub(super) fn of_servers(decoder: &mut Decoder<'_>, who: &str, entry: &Entry<'_>) {
    let mut found = Authorization::default();
    decoder.quietly(|decoder| decoder.walk_node(&BLOCK, &mut found, entry.node));
    if !found.users.is_empty() {
        decoder.error(entry.pos(), format!("{who} authorization does not allow multiple users"));
    } else if !found.token.is_empty() {
        decoder.error(entry.pos(), format!("{who} authorization does not support tokens"));
    } else if found.callout {
        decoder.error(entry.pos(), format!("{who} authorization does not support callouts"));
    } else if found.permissions && who == "Cluster" {
        decoder.warn(
            entry,
            "setting \"permissions\" within cluster authorization block is deprecated",
        );
    }
    if found.responses && who == "Cluster" {
        decoder.error(entry.pos(), permissions::NO_CLUSTER_RESPONSES);
    }
}
