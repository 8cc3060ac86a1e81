//! Claims in tokens: who somebody is and what he may do, signed by somebody else (reference
//! security 4 and 5).
//!
//! Beside a message's way: in operator mode a link asks here once, at CONNECT. A token is read by
//! [`Claims::decode`], which checks its signature and nothing of its content;
//! [`Claims::validate`](Claims) lists what is wrong with the content; [`login`] goes through the
//! steps of a user's login and says what he got.
//!
//! Nothing here reads a clock. `now` is in seconds since 1970 UTC, as all times in claims are; so
//! are the times that come out. Times of day are held against a [`Zones`] that the host brings,
//! since the core has no table of time zones.

mod account;
mod account_validation;
mod activation;
mod authorization;
mod claims;
mod error;
mod exports;
pub mod login;
mod member_names;
mod network;
mod operator;
mod revocation;
mod scope;
mod template;
#[cfg(test)]
mod tests;
mod times;
mod token;
mod user;
mod validation;
#[cfg(test)]
mod vectors;

pub use self::account::{
    Account, AccountClaims, AccountLimits, CalloutAuthorization, ClusterTraffic, JetStreamLimits,
    Trace, WeightedMapping,
};
pub use self::activation::{Activation, ActivationClaims};
pub use self::authorization::{
    AuthorizationRequest, AuthorizationRequestClaims, AuthorizationResponse,
    AuthorizationResponseClaims, ClientInformation, ClientTls, ConnectOptions, REQUEST_AUDIENCE,
    ServerId,
};
pub use self::claims::{Body, Claims, Generic, GenericClaims, Kind};
pub use self::error::{DecodeError, EncodeError, Part};
pub use self::exports::{Export, ExportKind, Import, ResponseType, Sampling, ServiceLatency};
pub use self::network::{InvalidNetwork, Network};
pub use self::operator::{Operator, OperatorClaims};
pub use self::revocation::Revocations;
pub use self::scope::{Scope, ScopeKind, SigningKey};
pub use self::template::{Names, TemplateError, expand};
pub use self::times::{InvalidTimes, TimeRange, Utc, Zones, window};
pub use self::token::{MAX_LEN, is_token};
pub use self::user::{
    ResponsePermission, Stay, SubjectLists, User, UserClaims, UserLimits, UserPermissions,
};
pub use self::validation::{Class, Issue, blocker};
