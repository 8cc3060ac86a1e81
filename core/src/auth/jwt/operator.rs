//! Claims of operators (reference security 4.3).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::nkey::{PublicKey, Role};
use super::claims::{Body, Claims, Kind, known_members};
use super::validation::{Issue, times};

/// What an operator says of himself.
pub type OperatorClaims = Claims<Operator>;

/// See [`OperatorClaims`].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Operator {
    /// Public keys that may sign accounts in his place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<String>,
    /// Where a server may ask for accounts.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account_server_url: String,
    /// Where his servers are, for tools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operator_service_urls: Vec<String>,
    /// The public key of the system account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system_account: String,
    /// The version, `x.y.z`, that servers must have at least.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub assert_server_version: String,
    /// Identity keys of his and of his accounts must not sign (reference security 5.4).
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub strict_signing_key_usage: bool,
}

impl Body for Operator {
    const KIND: Kind = Kind::Operator;

    fn from_members(members: Map<String, Value>, _kind: &str) -> serde_json::Result<Self> {
        known_members(members)
    }
}

impl Claims<Operator> {
    /// What is wrong with them. A server heeds none of it at login: `exp` of an operator is not
    /// enforced (reference security 5.1).
    pub fn validate(&self, now: i64) -> Vec<Issue> {
        let mut issues = times(self, now);
        for key in &self.nats.signing_keys {
            if PublicKey::parse_as(key, Role::Operator).is_err() {
                issues.push(Issue::blocking(format!("{key:?} is not an operator public key")));
            }
        }
        let system = &self.nats.system_account;
        if !system.is_empty() && PublicKey::parse_as(system, Role::Account).is_err() {
            issues.push(Issue::blocking(format!(
                "system account {system:?} is not an account public key"
            )));
        }
        let url = &self.nats.account_server_url;
        if !url.is_empty() && !url.contains("://") {
            issues.push(Issue::blocking(format!("account server url {url:?} has no scheme")));
        }
        let asserted = &self.nats.assert_server_version;
        if !asserted.is_empty() && version(asserted).is_none() {
            issues.push(Issue::blocking(format!(
                "asserted server version {asserted:?} is not of the form x.y.z"
            )));
        }
        issues
    }

    /// The version that servers must have at least; `None` if they need not, or it is none.
    pub fn asserted_version(&self) -> Option<[u32; 3]> {
        version(&self.nats.assert_server_version)
    }
}

fn version(text: &str) -> Option<[u32; 3]> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(version)
}
