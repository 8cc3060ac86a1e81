//! `authorization` blocks and users (reference section 2.3).
//!
//! Users, keys, the auth callout and the order of steps are obeyed. What this version cannot check
//! makes all of authentication fail closed, and says so.
//!
//! One key is our own: `order: [users, nkeys]` names the steps of authentication (`nkeys`,
//! `users`, `token`, `user`) that are to come first, in this order. `callout` may only be the last.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use nervure_core::auth::{ConnectionType, ConnectionTypes, Permissions, PublicKey, Role, Step};
use nkeys::{KeyPair, KeyPairType};

use super::super::value::{Node, Value};
use super::permissions;
use super::{Block, Decoder, Entry, Kind, now};
use crate::options::{AuthOptions, CalloutOptions, NkeyUser, User};

/// Connection types a user may be restricted to.
const CONNECTION_TYPES: [(&str, ConnectionType); 7] = [
    ("STANDARD", ConnectionType::Standard),
    ("WEBSOCKET", ConnectionType::WebSocket),
    ("LEAFNODE", ConnectionType::Leafnode),
    ("LEAFNODE_WS", ConnectionType::LeafnodeWebSocket),
    ("MQTT", ConnectionType::Mqtt),
    ("MQTT_WS", ConnectionType::MqttWebSocket),
    ("IN_PROCESS", ConnectionType::InProcess),
];

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
    callout: Option<CalloutOptions>,
    has_callout: bool,
    proxy_required: bool,
    order: Vec<Step>,
}

/// The entries of a `users` list.
#[derive(Default)]
pub(super) struct Users {
    pub(super) named: Vec<User>,
    pub(super) nkeys: Vec<NkeyUser>,
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
    now(
        &["auth_callout", "auth_hook"],
        Kind::Custom(|decoder, a, entry| {
            a.callout = decoder.callout(entry);
            a.has_callout = true;
        }),
    ),
    now(&["proxy_required"], Kind::Bool(|a, on| a.proxy_required = on)),
    now(&["order"], Kind::Custom(|decoder, a, entry| a.order = decoder.order(entry))),
]);

impl Authorization {
    /// What clients must show. `None` if nothing.
    pub(super) fn options(self) -> Option<AuthOptions> {
        let mut auth = AuthOptions {
            callout: self.callout,
            proxy_required: self.proxy_required,
            order: self.order,
            ..AuthOptions::default()
        };
        auth.single_user = self.users.is_empty();
        let mut users = self.users;
        users.apply_defaults(self.default_permissions.as_ref());
        (auth.users, auth.nkeys) = (users.named, users.nkeys);
        if !self.user.is_empty() || !self.password.is_empty() {
            auth.users.push(User {
                name: self.user,
                password: self.password,
                // nats-server gives default permissions to listed users only.
                ..User::default()
            });
        }
        auth.single_user &= !auth.users.is_empty();
        auth.token = (!self.token.is_empty()).then_some(self.token);
        let any = auth.callout.is_some() || auth.token.is_some() || !auth.users.is_empty();
        (any || !auth.nkeys.is_empty()).then_some(auth)
    }

    /// Which of the ways in exclude each other, in nats-server's words. `listed` says whether
    /// accounts before this block have users.
    pub(super) fn conflict(&self, listed: bool) -> Option<&'static str> {
        let single = !self.user.is_empty() || !self.password.is_empty();
        let token = !self.token.is_empty();
        let list = listed || !self.users.is_empty();
        if single && token {
            return Some("Cannot have a user/pass and token");
        }
        if single && list {
            return Some("Can not have a single user/pass and a users array");
        }
        (token && list).then_some("Can not have a token and a users array")
    }
}

impl Users {
    pub(super) fn is_empty(&self) -> bool {
        self.named.is_empty() && self.nkeys.is_empty()
    }

    /// A text for each name or key that is taken already; all are added to `taken`.
    pub(super) fn duplicates(&self, taken: &mut HashSet<String>) -> Vec<String> {
        let named = self.named.iter().map(|named| ("user", named.name.clone()));
        let nkeys = self.nkeys.iter().map(|nkey| ("nkey", nkey.key.to_string()));
        // Names and keys are separate spaces.
        let known =
            named.chain(nkeys).filter(|(kind, name)| !taken.insert(format!("{kind} {name}")));
        known.map(|(kind, name)| format!("Duplicate {kind} {name:?} detected")).collect()
    }

    /// Gives `defaults` to those who have no permissions of their own; a block of their own, be it
    /// empty, keeps everything of the defaults away (reference security 1.12).
    pub(super) fn apply_defaults(&mut self, defaults: Option<&Arc<Permissions>>) {
        let named = self.named.iter_mut().map(|user| &mut user.permissions);
        for permissions in named.chain(self.nkeys.iter_mut().map(|nkey| &mut nkey.permissions)) {
            *permissions = permissions.take().or_else(|| defaults.cloned());
        }
    }

    /// Puts all of them into an account.
    pub(super) fn belong_to(&mut self, account: &str) {
        let named = self.named.iter_mut().map(|user| &mut user.account);
        for slot in named.chain(self.nkeys.iter_mut().map(|nkey| &mut nkey.account)) {
            *slot = Some(account.to_owned());
        }
    }

    /// Takes all of `others`.
    pub(super) fn append(&mut self, mut others: Self) {
        self.named.append(&mut others.named);
        self.nkeys.append(&mut others.nkeys);
    }
}

/// A user entry while it is read.
#[derive(Default)]
struct Draft {
    name: String,
    password: String,
    nkey: Option<String>,
    types: ConnectionTypes,
    proxy_required: bool,
    permissions: Option<Arc<Permissions>>,
    wrong: bool,
}

const USER: Block<Draft> = Block::new(&[
    now(&["user", "username"], Kind::Custom(|d, u, e| u.name = u.text(d, e))),
    now(&["pass", "password"], Kind::Custom(|d, u, e| u.password = u.text(d, e))),
    now(
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
    now(
        &["allowed_connection_types", "connection_types", "clients"],
        Kind::Custom(|decoder, user, entry| user.types = decoder.connection_types(entry)),
    ),
    now(&["proxy_required"], Kind::Bool(|user, on| user.proxy_required = on)),
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
        let Draft { types, proxy_required, permissions, .. } = draft;
        match draft.nkey {
            _ if draft.wrong => {}
            None if draft.name.is_empty() => self.error(&item.pos, "User entry requires a user"),
            None => {
                let (name, password) = (draft.name, draft.password);
                users.named.push(User {
                    name,
                    password,
                    types,
                    proxy_required,
                    permissions,
                    account: None,
                });
            }
            Some(text) => match PublicKey::parse(&text) {
                Ok(key) if key.role() == Some(Role::User) => {
                    if !draft.name.is_empty() || !draft.password.is_empty() {
                        let text = "Nkey users do not take usernames or passwords";
                        return self.error(&item.pos, text);
                    }
                    users.nkeys.push(NkeyUser {
                        key,
                        types,
                        proxy_required,
                        permissions,
                        account: None,
                    });
                }
                _ => self.error(&item.pos, "Not a valid public nkey for a user"),
            },
        }
    }

    /// How a user may come in.
    fn connection_types(&mut self, entry: &Entry<'_>) -> ConnectionTypes {
        let mut types = ConnectionTypes::default();
        let mut unknown = Vec::new();
        let names = self.string_list("allowed connection types", entry.node).unwrap_or_default();
        for name in names {
            match CONNECTION_TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                Some((_, kind)) => types = types.with(*kind),
                None => unknown.push(format!("{:?}", name.to_ascii_uppercase())),
            }
        }
        if !unknown.is_empty() {
            let list = unknown.join(" ");
            self.error(entry.pos(), format!("invalid connection types [{list}]"));
        }
        types
    }

    /// The steps of authentication that come first.
    fn order(&mut self, entry: &Entry<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        for name in self.strings(entry.node).unwrap_or_default() {
            match Step::named(&name) {
                Some(step) if steps.contains(&step) => self.error(
                    entry.pos(),
                    format!("authorization order names {:?} twice", step.name()),
                ),
                Some(_) if steps.contains(&Step::Callout) => self.error(
                    entry.pos(),
                    "authorization order: \"callout\" can only be the last step",
                ),
                Some(step) => steps.push(step),
                None => {
                    let known = Step::DEFAULT_ORDER.map(Step::name).join(", ");
                    self.error(
                        entry.pos(),
                        format!("unknown step {name:?} in authorization order, known are {known}"),
                    );
                }
            }
        }
        steps
    }
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
    } else if found.has_callout {
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
