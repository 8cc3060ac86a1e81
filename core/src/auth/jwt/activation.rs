//! Claims that let one account import from another (reference security 4.6).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::nkey::{PublicKey, Role};
use super::claims::{Body, Claims, Kind, known_members, take_over};
use super::exports::ExportKind;
use super::validation::{Issue, subject_issue, times};

/// What an exporting account says of an importing one.
pub type ActivationClaims = Claims<Activation>;

/// See [`ActivationClaims`].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Activation {
    /// What may be imported.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// As what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ExportKind>,
    /// The exporting account, where one of its signing keys is the issuer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_account: String,
}

impl Body for Activation {
    const KIND: Kind = Kind::Activation;

    fn from_members(members: Map<String, Value>, _kind: &str) -> serde_json::Result<Self> {
        known_members(members)
    }

    fn upgrade(top: &Map<String, Value>, members: &mut Map<String, Value>) {
        take_over(top, members, "issuer_account");
        if let Some(kind) = members.get("type").cloned() {
            members.insert("kind".to_owned(), kind);
        }
    }
}

impl Claims<Activation> {
    /// The exporting account: `issuer_account`, or the issuer itself.
    pub fn exporter(&self) -> &str {
        let named = &self.nats.issuer_account;
        if named.is_empty() { &self.iss } else { named }
    }

    /// What is wrong with them. That the issuer is the exporter's is for the import to check.
    pub fn validate(&self, now: i64) -> Vec<Issue> {
        let mut issues = times(self, now);
        issues.extend(subject_issue("activation subject", &self.nats.subject));
        if self.nats.kind.is_none() {
            issues.push(Issue::blocking("an activation has to be for a stream or a service"));
        }
        let account = &self.nats.issuer_account;
        if !account.is_empty() && PublicKey::parse_as(account, Role::Account).is_err() {
            let text = format!("account_id {account:?} is not an account public key");
            issues.push(Issue::blocking(text));
        }
        issues
    }
}
