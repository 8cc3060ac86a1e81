//! Claims of users (reference security 4.7).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::nkey::{PublicKey, Role};
use super::super::permissions::{Lists, Responses, Rules, parse_entry};
use super::super::users::{ConnectionType, ConnectionTypes};
use super::claims::{Body, Claims, Kind, known_members, take_over};
use super::network::{InvalidNetwork, Network, list_or_text};
use super::times::{InvalidTimes, TimeRange, Zones, window};
use super::validation::{Issue, times};
use crate::subject;

/// What an account says of one of its users.
pub type UserClaims = Claims<User>;

/// See [`UserClaims`].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct User {
    /// What the user may do, and from where, when and how.
    #[serde(flatten)]
    pub limits: UserLimits,
    /// The public key of the account, where one of its signing keys is the issuer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_account: String,
}

/// What a user may do, and from where, when and how: his own, or the template of a scope.
///
/// A list that is there and empty is not the same as none: a user of a scope must not have it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UserLimits {
    /// Subjects.
    #[serde(flatten)]
    pub permissions: UserPermissions,
    /// Networks he has to come from, in CIDR notation.
    #[serde(deserialize_with = "list_or_text", skip_serializing_if = "Option::is_none")]
    pub src: Option<Vec<String>>,
    /// Times of day in which he may be connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<Vec<TimeRange>>,
    /// The IANA name of the zone these are in; empty is the server's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub times_location: String,
    /// Subscriptions of one connection; -1 is any number.
    pub subs: i64,
    /// Octets; nobody counts them. -1 is any number.
    pub data: i64,
    /// Octets of one payload; -1 is any number.
    pub payload: i64,
    /// The token alone proves who he is.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub bearer_token: bool,
    /// He has to come through a trusted proxy.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub proxy_required: bool,
    /// How he may come in, by the names of reference security 1.11.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_connection_types: Option<Vec<String>>,
}

/// Subjects that may be published and subscribed to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UserPermissions {
    /// To publish to.
    #[serde(rename = "pub")]
    pub publish: SubjectLists,
    /// To subscribe to. An entry may be a subject and a queue with a blank between them.
    #[serde(rename = "sub")]
    pub subscribe: SubjectLists,
    /// Replies to received requests may be published whatever the lists say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resp: Option<ResponsePermission>,
}

/// Allowed and denied subjects.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SubjectLists {
    /// What is allowed; nothing or an empty list is everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Vec<String>>,
    /// What is taken away from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<Vec<String>>,
}

/// How much may be published to the reply subject of a request; 0 is the default (1 message, 2
/// minutes), what is negative is without limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponsePermission {
    /// Messages.
    pub max: i64,
    /// Nanoseconds.
    pub ttl: i64,
}

impl Body for User {
    const KIND: Kind = Kind::User;

    fn from_members(members: Map<String, Value>, _kind: &str) -> serde_json::Result<Self> {
        known_members(members)
    }

    fn upgrade(top: &Map<String, Value>, members: &mut Map<String, Value>) {
        take_over(top, members, "issuer_account");
        unlimited_where_omitted(members);
    }
}

/// In version 1 and in templates, what is not said is -1. (Elsewhere it is 0.)
pub(super) fn unlimited_where_omitted(members: &mut Map<String, Value>) {
    for name in ["subs", "data", "payload"] {
        let mut known = members.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        if known.all(|(_, value)| value.is_null()) {
            members.insert(name.to_owned(), Value::from(-1));
        }
    }
}

impl Claims<User> {
    /// The account: `issuer_account`, or the issuer itself.
    pub fn account(&self) -> &str {
        let named = &self.nats.issuer_account;
        if named.is_empty() { &self.iss } else { named }
    }

    /// What is wrong with them.
    pub fn validate(&self, now: i64, zones: &dyn Zones) -> Vec<Issue> {
        let mut issues = times(self, now);
        let limits = &self.nats.limits;
        limits.permissions.validate(&mut issues);
        if let Err(error) = limits.networks() {
            issues.push(Issue::blocking(error.to_string()));
        }
        if let Err(error) = limits.window(now, zones) {
            issues.push(Issue::blocking(error.to_string()));
        }
        let account = &self.nats.issuer_account;
        if !account.is_empty() && PublicKey::parse_as(account, Role::Account).is_err() {
            let text = format!("account_id {account:?} is not an account public key");
            issues.push(Issue::blocking(text));
        }
        issues
    }
}

impl UserLimits {
    /// Whether nothing is said, as it has to be where a scope says everything. That numbers are 0
    /// is nothing said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The networks the user has to come from; none is any.
    ///
    /// # Errors
    ///
    /// The first text that is no network.
    pub fn networks(&self) -> Result<Vec<Network>, InvalidNetwork> {
        self.src.iter().flatten().map(|text| text.parse()).collect()
    }

    /// Whether the user may come from this address.
    ///
    /// # Errors
    ///
    /// The first text that is no network.
    pub fn allows_address(&self, address: IpAddr) -> Result<bool, InvalidNetwork> {
        let networks = self.networks()?;
        Ok(networks.is_empty() || networks.iter().any(|network| network.contains(address)))
    }

    /// Until when, in unix seconds, the user may stay because of the time of day. See [`Stay`].
    ///
    /// # Errors
    ///
    /// See [`InvalidTimes`].
    pub fn window(&self, now: i64, zones: &dyn Zones) -> Result<Stay, InvalidTimes> {
        let ranges = self.times.as_deref().unwrap_or_default();
        if ranges.is_empty() && self.times_location.is_empty() {
            return Ok(Stay::Always);
        }
        let until = window(ranges, &self.times_location, now, zones)?;
        Ok(match until {
            _ if ranges.is_empty() => Stay::Always,
            Some(until) => Stay::Until(until),
            None => Stay::NotNow,
        })
    }

    /// How the user may come in. Names nobody knows are skipped; `None` if there are others of
    /// which nothing is left, so that no way is open (reference security 1.11).
    pub fn connection_types(&self) -> Option<ConnectionTypes> {
        let names = self.allowed_connection_types.as_deref().unwrap_or_default();
        let known: Vec<_> = names.iter().filter_map(|name| ConnectionType::named(name)).collect();
        if known.is_empty() && !names.is_empty() {
            return None;
        }
        Some(known.into_iter().fold(ConnectionTypes::default(), ConnectionTypes::with))
    }
}

/// How long the time of day lets somebody stay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stay {
    /// Times of day do not matter.
    Always,
    /// Until then, in unix seconds.
    Until(i64),
    /// Now is none of the times.
    NotNow,
}

impl SubjectLists {
    fn fitting(&self, queues: bool) -> Lists {
        let fitting = |list: &Option<Vec<String>>| -> Vec<String> {
            let entries = list.iter().flatten();
            entries.filter(|entry| parse_entry(entry, queues).is_ok()).cloned().collect()
        };
        let (allow, mut deny) = (fitting(&self.allow), fitting(&self.deny));
        if allow.is_empty() && self.allow.as_ref().is_some_and(|entries| !entries.is_empty()) {
            deny.push(">".to_owned());
        }
        Lists { allow, deny }
    }
}

impl UserPermissions {
    /// Whether they say nothing, so that the account's default ones apply.
    pub fn is_empty(&self) -> bool {
        let is_empty = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
        let side = |lists: &SubjectLists| is_empty(&lists.allow) && is_empty(&lists.deny);
        side(&self.publish) && side(&self.subscribe) && self.resp.is_none()
    }

    /// The same as a permission map. Entries that no subject could ever fit are left out (observed
    /// on nats-server 2.15.1), which may leave nothing that is allowed.
    pub fn rules(&self) -> Rules {
        Rules {
            publish: self.publish.fitting(false),
            subscribe: self.subscribe.fitting(true),
            responses: self.resp.map(|resp| Responses::from_signed(resp.max, resp.ttl)),
        }
    }

    pub(super) fn validate(&self, issues: &mut Vec<Issue>) {
        let sides = [(&self.publish, false), (&self.subscribe, true)];
        for (lists, queues) in sides {
            for entry in lists.allow.iter().chain(&lists.deny).flatten() {
                if let Some(wrong) = wrong_entry(entry, queues) {
                    issues.push(Issue::blocking(format!("permission subject {entry:?} {wrong}")));
                }
            }
        }
    }
}

/// What is wrong with an entry: a subject and, where `queues` allows one, a queue.
fn wrong_entry(entry: &str, queues: bool) -> Option<&'static str> {
    let most = if queues { 2 } else { 1 };
    let fields = entry.split(' ').count();
    if entry.is_empty() {
        Some("is empty")
    } else if fields > most || entry.split(' ').any(str::is_empty) {
        Some("has too many blanks")
    } else if entry.split(' ').any(|field| subject::has_empty_token(field.as_bytes())) {
        Some("begins or ends with a dot, or has two of them together")
    } else {
        None
    }
}
