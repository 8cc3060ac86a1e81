//! Claims that a server and an auth callout service send each other (reference security 10.4,
//! 10.5).

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::nkey::{PublicKey, Role};
use super::claims::{Body, Claims, Kind, known_members};
use super::validation::{Issue, times};

/// Whom requests are for: the `aud` of them all.
pub const REQUEST_AUDIENCE: &str = "nats-authorization-request";

/// What a server asks.
pub type AuthorizationRequestClaims = Claims<AuthorizationRequest>;

/// What a service answers.
pub type AuthorizationResponseClaims = Claims<AuthorizationResponse>;

/// See [`AuthorizationRequestClaims`].
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub server_id: ServerId,
    /// The key that answer and user have to be about, made for this one request.
    pub user_nkey: String,
    /// Who wants to come in, as the server sees him.
    pub client_info: ClientInformation,
    /// What he has sent.
    pub connect_opts: ConnectOptions,
    /// His TLS connection, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_tls: Option<ClientTls>,
    /// Nobody sends it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request_nonce: String,
}

/// A server.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of INFO")]
pub struct ServerId {
    pub name: String,
    pub host: String,
    pub id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cluster: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The key to seal the answer for, where the request was sealed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

/// A connection.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientInformation {
    /// Its address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Its number at the server.
    #[serde(skip_serializing_if = "is_no_id")]
    pub id: u64,
    /// Whom it claims to be: key, name, the key of its token, or `[REDACTED]` for a secret.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// What it calls itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Tags of its token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The name in its token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name_tag: String,
    /// `Client` or `Leafnode`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// `nats`, `websocket` or `mqtt`; nothing for leaf nodes.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub client_type: String,
    /// What it is called in MQTT.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mqtt_id: String,
    /// What it had to sign, if it sent a signature.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nonce: String,
}

fn is_no_id(id: &u64) -> bool {
    *id == 0
}

/// The credentials of a CONNECT. What is secret in them is left out of debug output.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are those of CONNECT")]
pub struct ConnectOptions {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub nkey: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sig: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub auth_token: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pass: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub lang: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    pub protocol: i64,
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nkey, user, name, lang, version, protocol, .. } = self;
        f.debug_struct("ConnectOptions")
            .field("nkey", nkey)
            .field("user", user)
            .field("name", name)
            .field("lang", lang)
            .field("version", version)
            .field("protocol", protocol)
            .finish_non_exhaustive()
    }
}

/// A TLS connection.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientTls {
    /// `1.2` or `1.3`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The IANA name of the cipher suite.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cipher: String,
    /// Certificates nobody has verified, in PEM.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub certs: Vec<String>,
    /// Certificates in PEM, from the client's own to the authority's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verified_chains: Vec<Vec<String>>,
}

/// See [`AuthorizationResponseClaims`].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationResponse {
    /// The user the client becomes: user claims in a token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    /// Why he does not come in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// The account of the service, where one of its signing keys is the issuer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub issuer_account: String,
}

impl Body for AuthorizationRequest {
    const KIND: Kind = Kind::AuthorizationRequest;

    fn from_members(members: Map<String, Value>, _kind: &str) -> serde_json::Result<Self> {
        known_members(members)
    }
}

impl Body for AuthorizationResponse {
    const KIND: Kind = Kind::AuthorizationResponse;

    fn from_members(members: Map<String, Value>, _kind: &str) -> serde_json::Result<Self> {
        known_members(members)
    }
}

impl Claims<AuthorizationRequest> {
    /// What is wrong with them.
    pub fn validate(&self, now: i64) -> Vec<Issue> {
        let mut issues = times(self, now);
        if PublicKey::parse_as(&self.nats.user_nkey, Role::User).is_err() {
            issues.push(Issue::blocking("User nkey is not a user public key"));
        }
        issues
    }
}

impl Claims<AuthorizationResponse> {
    /// What is wrong with them. The texts are nats-server's.
    pub fn validate(&self, now: i64) -> Vec<Issue> {
        let mut issues = times(self, now);
        if PublicKey::parse_as(&self.sub, Role::User).is_err() {
            issues.push(Issue::blocking("Subject must be a user public key"));
        }
        if PublicKey::parse_as(&self.aud, Role::Server).is_err() {
            issues.push(Issue::blocking("Audience must be a server public key"));
        }
        let AuthorizationResponse { jwt, error, issuer_account } = &self.nats;
        match (jwt.is_empty(), error.is_empty()) {
            (false, false) => issues.push(Issue::blocking("Only Error or Jwt can be set")),
            (true, true) => issues.push(Issue::blocking("Error or Jwt is required")),
            _ => {}
        }
        if !issuer_account.is_empty() && PublicKey::parse_as(issuer_account, Role::Account).is_err()
        {
            let text = format!("account_id {issuer_account:?} is not an account public key");
            issues.push(Issue::blocking(text));
        }
        issues
    }
}
