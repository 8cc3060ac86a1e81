//! Claims of accounts (reference security 4.4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::claims::{Body, Claims, Kind, known_members};
use super::exports::{Export, Import};
use super::revocation::Revocations;
use super::scope::SigningKey;
use super::token::is_zero;
use super::user::UserPermissions;

/// What an operator says of an account.
pub type AccountClaims = Claims<Account>;

/// See [`AccountClaims`].
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// What it takes from others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<Import>,
    /// What others may take.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<Export>,
    /// How much it may have of everything.
    pub limits: AccountLimits,
    /// Keys that may sign its users in its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<SigningKey>,
    /// Users whose claims it has taken back.
    #[serde(skip_serializing_if = "Revocations::is_empty")]
    pub revocations: Revocations,
    /// For users that have no permissions of their own.
    pub default_permissions: UserPermissions,
    /// Subjects and what publications to them become.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub mappings: BTreeMap<String, Vec<WeightedMapping>>,
    /// Auth callout.
    pub authorization: CalloutAuthorization,
    /// Where traces of messages go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// In which account the cluster moves its messages.
    #[serde(skip_serializing_if = "ClusterTraffic::is_unsaid")]
    pub cluster_traffic: ClusterTraffic,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// More for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub info_url: String,
}

/// How much an account may have. -1 is any number, and 0 is none: what is not said is 0.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountLimits {
    /// Subscriptions of one connection.
    pub subs: i64,
    /// Octets; nobody counts them.
    pub data: i64,
    /// Octets of one payload.
    pub payload: i64,
    /// Imports.
    pub imports: i64,
    /// Exports.
    pub exports: i64,
    /// Exports may have wildcards.
    pub wildcards: bool,
    /// A token alone proves no user.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub disallow_bearer: bool,
    /// Connections of clients and leaf nodes in the whole cluster.
    pub conn: i64,
    /// Connections of leaf nodes in the whole cluster.
    pub leaf: i64,
    /// JetStream, where there are no tiers.
    #[serde(flatten)]
    pub jetstream: JetStreamLimits,
    /// JetStream by tier (`R1`, `R3`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tiered_limits: BTreeMap<String, JetStreamLimits>,
}

impl AccountLimits {
    /// Everything without limit but JetStream, of which there is nothing.
    pub fn unlimited() -> Self {
        Self {
            subs: -1,
            data: -1,
            payload: -1,
            imports: -1,
            exports: -1,
            wildcards: true,
            conn: -1,
            leaf: -1,
            ..Self::default()
        }
    }
}

/// How much of JetStream an account may have. -1 is any number; what is not said is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JetStreamLimits {
    /// Octets in memory.
    #[serde(skip_serializing_if = "is_zero")]
    pub mem_storage: i64,
    /// Octets in files.
    #[serde(skip_serializing_if = "is_zero")]
    pub disk_storage: i64,
    /// Streams.
    #[serde(skip_serializing_if = "is_zero")]
    pub streams: i64,
    /// Consumers.
    #[serde(skip_serializing_if = "is_zero")]
    pub consumer: i64,
    /// Messages of one consumer that wait for their acknowledgement.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_ack_pending: i64,
    /// Octets of one stream in memory.
    #[serde(skip_serializing_if = "is_zero")]
    pub mem_max_stream_bytes: i64,
    /// Octets of one stream in files.
    #[serde(skip_serializing_if = "is_zero")]
    pub disk_max_stream_bytes: i64,
    /// Every stream has to say how large it may grow.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub max_bytes_required: bool,
}

/// What a publication becomes, one of several.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WeightedMapping {
    /// The subject.
    pub subject: String,
    /// How often of a hundred times; 0 is always.
    #[serde(skip_serializing_if = "is_no_weight")]
    pub weight: u8,
    /// In which cluster; empty is in all that have none of their own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
}

fn is_no_weight(weight: &u8) -> bool {
    *weight == 0
}

/// Who decides by auth callout about an account's connections. Without `auth_users` nobody.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CalloutAuthorization {
    /// Users that come in without being asked about: the service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auth_users: Vec<String>,
    /// Accounts the service may put users into, or `*` alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_accounts: Vec<String>,
    /// The service's curve key, if requests are to be sealed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

/// Where traces of messages go.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Trace {
    /// The subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dest: String,
    /// How many of a hundred messages; 0 is all.
    #[serde(skip_serializing_if = "is_zero")]
    pub sampling: i64,
}

/// In which account the cluster moves an account's messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterTraffic {
    /// As the server likes.
    #[default]
    #[serde(rename = "")]
    Unsaid,
    /// In the system account.
    System,
    /// In the account itself.
    Owner,
}

impl ClusterTraffic {
    fn is_unsaid(&self) -> bool {
        *self == Self::Unsaid
    }
}

impl Body for Account {
    const KIND: Kind = Kind::Account;

    fn from_members(members: Map<String, Value>, _kind: &str) -> serde_json::Result<Self> {
        known_members(members)
    }
}
