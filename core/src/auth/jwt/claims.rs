//! What all claims have in common, and which kinds there are (reference security 4.2).

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::super::nkey::{PublicKey, Role};

/// Claims about a subject, by an issuer, as they stand in a token.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Claims<T> {
    /// Whom the token is for; only auth callout uses it.
    pub aud: String,
    /// When the claims end, in unix seconds; 0 is never.
    pub exp: i64,
    /// A digest of the common claims, which [`Claims::encode`] computes. Nobody has to check it.
    pub jti: String,
    /// When they were made, in unix seconds. Revocations compare it.
    pub iat: i64,
    /// The public key that signed them; [`Claims::encode`] puts the signer's.
    pub iss: String,
    /// What the subject is called.
    pub name: String,
    /// When they begin, in unix seconds; 0 is always.
    pub nbf: i64,
    /// The public key they are about.
    pub sub: String,
    /// Words of the issuer about the subject.
    pub tags: Vec<String>,
    /// The version they were read in: 2, or 1 of old ones. What is written is always 2.
    pub version: i64,
    /// What is particular to their kind.
    pub nats: T,
}

impl<T> Claims<T> {
    /// Whether they have ended. At the very second of `exp` they have not (observed on
    /// nats-server 2.15.1).
    pub const fn is_expired(&self, now: i64) -> bool {
        self.exp > 0 && now > self.exp
    }

    /// Whether they have not begun.
    pub const fn is_early(&self, now: i64) -> bool {
        self.nbf > now
    }
}

/// Kinds of claims.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are NATS' own")]
pub enum Kind {
    Operator,
    Account,
    User,
    Activation,
    AuthorizationRequest,
    AuthorizationResponse,
    /// Any other.
    Generic,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Operator,
        Self::Account,
        Self::User,
        Self::Activation,
        Self::AuthorizationRequest,
        Self::AuthorizationResponse,
        Self::Generic,
    ];

    /// The name in a token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Account => "account",
            Self::User => "user",
            Self::Activation => "activation",
            Self::AuthorizationRequest => "authorization_request",
            Self::AuthorizationResponse => "authorization_response",
            Self::Generic => "generic",
        }
    }

    /// The kind of this name; a name nobody knows is generic.
    pub(super) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::Generic)
    }

    /// Whether there are versions 1 and 2 and nothing else.
    pub(super) const fn is_versioned(self) -> bool {
        matches!(self, Self::Operator | Self::Account | Self::User | Self::Activation)
    }

    /// Who may sign (reference security 4.1).
    pub(super) const fn may_be_signed_by(self, role: Option<Role>) -> bool {
        match self {
            Self::Operator => matches!(role, Some(Role::Operator)),
            Self::Account | Self::Activation => {
                matches!(role, Some(Role::Operator | Role::Account))
            }
            Self::User | Self::AuthorizationResponse => matches!(role, Some(Role::Account)),
            Self::AuthorizationRequest => matches!(role, Some(Role::Server)),
            Self::Generic => !matches!(role, None | Some(Role::Curve)),
        }
    }

    /// Whom they may be about (reference security 4.1).
    pub(super) fn may_be_about(self, subject: &str) -> bool {
        let role = match self {
            Self::Operator => Role::Operator,
            Self::Account | Self::Activation => Role::Account,
            Self::User | Self::AuthorizationResponse => Role::User,
            Self::AuthorizationRequest | Self::Generic => return !subject.is_empty(),
        };
        PublicKey::parse_as(subject, role).is_ok()
    }
}

/// The member `nats` of one kind of claims, without `tags`, `type` and `version`.
pub trait Body: Sized + Serialize {
    /// The kind.
    const KIND: Kind;

    /// The `type` to write.
    fn kind(&self) -> &str {
        Self::KIND.name()
    }

    /// From the members of `nats` in claims of type `kind`.
    ///
    /// # Errors
    ///
    /// A member of another type than it should have.
    fn from_members(members: Map<String, Value>, kind: &str) -> serde_json::Result<Self>;

    /// Turns the members of version 1 into those of version 2. `top` are the claims around them.
    fn upgrade(_top: &Map<String, Value>, _members: &mut Map<String, Value>) {}
}

/// [`Body::from_members`] of kinds whose members are all known.
pub(super) fn known_members<T: DeserializeOwned>(
    members: Map<String, Value>,
) -> serde_json::Result<T> {
    serde_json::from_value(Value::Object(super::member_names::folded(members)))
}

/// Takes a string over from the claims around, where version 1 has it.
pub(super) fn take_over(top: &Map<String, Value>, members: &mut Map<String, Value>, name: &str) {
    if let Some(value) = top.get(name) {
        members.insert(name.to_owned(), value.clone());
    }
}

/// Claims of no particular kind.
pub type GenericClaims = Claims<Generic>;

/// Any members, under any type.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Generic {
    /// The type.
    pub kind: String,
    /// The members, with their names as they came. `tags`, `type` and `version` have other places
    /// and are not written from here.
    pub members: Map<String, Value>,
}

impl Generic {
    const ELSEWHERE: [&'static str; 3] = ["tags", "type", "version"];
}

impl Serialize for Generic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let here = |(name, _): &(&String, &Value)| !Self::ELSEWHERE.contains(&name.as_str());
        serializer.collect_map(self.members.iter().filter(here))
    }
}

impl Body for Generic {
    const KIND: Kind = Kind::Generic;

    fn kind(&self) -> &str {
        if self.kind.is_empty() { Self::KIND.name() } else { &self.kind }
    }

    fn from_members(members: Map<String, Value>, kind: &str) -> serde_json::Result<Self> {
        Ok(Self { kind: kind.to_owned(), members })
    }
}
