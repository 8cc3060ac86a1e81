//! Keys an account has given away to sign users with, some with a scope (reference security 4.5).

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::user::{UserLimits, unlimited_where_omitted};

/// A key that may sign users of an account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SigningKey {
    /// Any user: the public key.
    Plain(String),
    /// Users who all get the same.
    Scoped(Box<Scope>),
}

impl SigningKey {
    /// The public key.
    pub fn key(&self) -> &str {
        match self {
            Self::Plain(key) => key,
            Self::Scoped(scope) => &scope.key,
        }
    }
}

/// What users get whom one key has signed, whatever their claims say.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Scope {
    /// Always a user's. A token with another kind cannot be read.
    pub kind: ScopeKind,
    /// The public key.
    pub key: String,
    /// What the users are for.
    pub role: String,
    /// What they get, with functions for what differs between them: see
    /// [`expand`](super::expand). Limits that are not there are -1.
    #[serde(deserialize_with = "template")]
    pub template: UserLimits,
    /// For people.
    pub description: String,
}

/// Kinds of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum ScopeKind {
    /// For users.
    #[default]
    #[serde(rename = "user_scope")]
    User,
}

fn template<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UserLimits, D::Error> {
    let mut members = Map::deserialize(deserializer)?;
    unlimited_where_omitted(&mut members);
    serde_json::from_value(Value::Object(members)).map_err(serde::de::Error::custom)
}
