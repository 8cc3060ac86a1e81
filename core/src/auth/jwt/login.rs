//! A user's login by token, step by step in nats-server's order (reference security 5.2).
//!
//! A [`Candidate`] is a token that is good by itself. It names an account, which whoever drives
//! the login looks up, wherever accounts come from, and makes sure of with [`Trust::account`].
//! [`Candidate::admit`] holds the one against the other: a [`Grant`], or a [`Denial`] for the log
//! (all denials look the same on the wire).

mod account;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;

pub use self::account::{AccountError, Trust, TrustedAccount};
use super::error::DecodeError;
use super::network::InvalidNetwork;
use super::scope::Scope;
use super::template::{Names, TemplateError, expand};
use super::times::{InvalidTimes, Zones};
use super::user::{Stay, UserClaims, UserLimits};
use super::validation::{Class, Issue, blocker};
use crate::auth::nkey::{PublicKey, Role, signature};
use crate::auth::permissions::{InvalidRule, Permissions, Rules};
use crate::auth::users::ConnectionType;

/// What a peer shows, and what is known of him.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The token of CONNECT, or what stands in for it.
    pub jwt: &'a str,
    /// The signature of CONNECT.
    pub sig: &'a str,
    /// What it should be of: the nonce as it stands in INFO.
    pub nonce: &'a [u8],
    /// How he comes.
    pub kind: ConnectionType,
    /// Where from.
    pub address: IpAddr,
    /// A trusted proxy says so.
    pub proxied: bool,
}

/// Why a user does not come in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Denial {
    /// What was shown is not the token of a user.
    #[error("the user's token: {0}")]
    Token(#[from] DecodeError),
    /// The user has to come through a trusted proxy. Its close reason is another one.
    #[error("the connection does not come through a trusted proxy")]
    ProxyRequired,
    /// The claims are not valid, or not now.
    #[error("the user's claims: {0}")]
    Claims(String),
    /// The server has only certain accounts.
    #[error("account {0:?} is not among resolver_pinned_accounts")]
    NotPinned(String),
    /// There is no such account.
    #[error("account {0:?} is not known")]
    NoAccount(String),
    /// The account is not the one that the user's claims name.
    #[error("the user is of account {named:?}, not of {given:?}")]
    OtherAccount {
        /// By the claims.
        named: String,
        /// What was looked up.
        given: String,
    },
    /// The key that signed the user may not.
    #[error("{0:?} may not sign users of the account")]
    Issuer(String),
    /// A scope says everything, and the user's claims say something, too.
    #[error("a user whose key has a scope has permissions or limits of his own")]
    NotScoped,
    /// The template of the scope cannot be filled in.
    #[error("the scope's template: {0}")]
    Template(#[from] TemplateError),
    /// The account has ended.
    #[error("the account is expired")]
    AccountExpired,
    /// The account wants signatures.
    #[error("the account allows no bearer tokens")]
    BearerDisallowed,
    /// Not in this way.
    #[error("the user may not connect this way")]
    ConnectionType,
    /// `sub` is not a user's key, so that nothing can be signed with it.
    #[error("sub {0:?} is not a user public key")]
    Subject(String),
    /// There is no signature that could be read.
    #[error("the signature is missing or not in base64")]
    NoSignature,
    /// Signed by another key, or something else.
    #[error("the signature does not fit the nonce")]
    Signature,
    /// The account has taken the claims back.
    #[error("the user is revoked")]
    Revoked,
    /// The scope's networks are none.
    #[error("src: {0}")]
    Networks(#[from] InvalidNetwork),
    /// From elsewhere.
    #[error("the user may not connect from {0}")]
    Address(IpAddr),
    /// The scope's times are none.
    #[error("times: {0}")]
    Times(#[from] InvalidTimes),
    /// At another time of day.
    #[error("the user may not connect at this time of day")]
    Time,
    /// Permissions that cannot be made ready; what nothing could ever fit is left out before.
    #[error("permissions: {0}")]
    Rule(#[from] InvalidRule),
}

/// A user whose token is good by itself.
#[derive(Clone, Debug)]
pub struct Candidate {
    user: UserClaims,
}

/// What a user got.
#[derive(Clone, PartialEq, Debug)]
pub struct Grant {
    /// The public key of the account.
    pub account: String,
    /// The key that signed the user: the account's own, or one of its signing keys. An update of
    /// the account that takes the key away, or changes its scope, ends the connection.
    pub issuer: String,
    /// The user's public key.
    pub user: String,
    /// What the user is called.
    pub name: String,
    /// Words of the account about the user.
    pub tags: Vec<String>,
    /// When the claims were made, in unix seconds, for revocations to come.
    pub issued_at: i64,
    /// When the connection ends, in unix seconds.
    pub expires_at: Option<i64>,
    /// He has signed nothing. An update of the account may disallow that.
    pub bearer: bool,
    /// He has to come through a trusted proxy, and does.
    pub proxy_required: bool,
    /// What he may do: his own, his scope's or the account's default.
    pub rules: Rules,
    /// That, ready to be asked; `None` is everything.
    pub permissions: Option<Arc<Permissions>>,
    /// The rules are the account's default, so that an update of the account changes them.
    pub by_default: bool,
    /// Subscriptions of one connection; `None` is any number. The account and the server may have
    /// smaller ones.
    pub max_subscriptions: Option<u64>,
    /// Octets of one payload; `None` is any number. The account and the server may have smaller
    /// ones.
    pub max_payload: Option<u64>,
}

impl Candidate {
    /// Reads the token that was shown and looks at it alone.
    ///
    /// # Errors
    ///
    /// The first reason against it.
    pub fn read(shown: &Shown<'_>, now: i64, zones: &dyn Zones) -> Result<Self, Denial> {
        let user = UserClaims::decode(shown.jwt)?;
        if user.nats.limits.proxy_required && !shown.proxied {
            return Err(Denial::ProxyRequired);
        }
        match blocker(&user.validate(now, zones), Class::Time) {
            Some(Issue { text, .. }) => Err(Denial::Claims(text.clone())),
            None => Ok(Self { user }),
        }
    }

    /// The public key of the account to look up.
    pub fn account(&self) -> &str {
        self.user.account()
    }

    /// The claims.
    pub fn claims(&self) -> &UserClaims {
        &self.user
    }

    /// Decides about the user, with the account he named and what else he has shown.
    ///
    /// # Errors
    ///
    /// The first reason against it.
    pub fn admit(
        self,
        shown: &Shown<'_>,
        account: &TrustedAccount,
        now: i64,
        zones: &dyn Zones,
    ) -> Result<Grant, Denial> {
        let user = self.user;
        if user.account() != account.claims().sub {
            let (named, given) = (user.account().to_owned(), account.claims().sub.clone());
            return Err(Denial::OtherAccount { named, given });
        }
        let limits = limits(&user, account)?;
        if limits.proxy_required && !shown.proxied {
            return Err(Denial::ProxyRequired);
        }
        if account.claims().is_expired(now) {
            return Err(Denial::AccountExpired);
        }
        if limits.bearer_token && account.claims().nats.limits.disallow_bearer {
            return Err(Denial::BearerDisallowed);
        }
        if !limits.connection_types().is_some_and(|types| types.allow(shown.kind)) {
            return Err(Denial::ConnectionType);
        }
        if !limits.bearer_token {
            prove(&user.sub, shown)?;
        }
        if account.claims().nats.revocations.revoke(&user.sub, user.iat) {
            return Err(Denial::Revoked);
        }
        if !limits.allows_address(shown.address)? {
            return Err(Denial::Address(shown.address));
        }
        let window = match limits.window(now, zones)? {
            Stay::Always => None,
            Stay::Until(end) => Some(end),
            Stay::NotNow => return Err(Denial::Time),
        };
        let expires = Some(user.exp).filter(|exp| *exp > 0);
        let expires_at = expires.into_iter().chain(window).min();
        grant(user, &limits, account, expires_at)
    }
}

/// The limits that hold for a user of this account: his own, or those of the scope of the key that
/// signed him.
///
/// # Errors
///
/// [`Denial::Issuer`], [`Denial::NotScoped`] or [`Denial::Template`].
pub fn limits(user: &UserClaims, account: &TrustedAccount) -> Result<UserLimits, Denial> {
    match account.signer(&user.iss).ok_or_else(|| Denial::Issuer(user.iss.clone()))? {
        Some(scope) => scoped(user, scope, account),
        None => Ok(user.nats.limits.clone()),
    }
}

/// What the template of a scope comes to for a user (reference security 5.2, step 7).
fn scoped(
    user: &UserClaims,
    scope: &Scope,
    account: &TrustedAccount,
) -> Result<UserLimits, Denial> {
    if !user.nats.limits.is_empty() {
        return Err(Denial::NotScoped);
    }
    let names = Names {
        user: &user.name,
        user_key: &user.sub,
        user_tags: &user.tags,
        account: &account.claims().name,
        account_key: &user.nats.issuer_account,
        account_tags: &account.claims().tags,
    };
    let permissions = expand(&scope.template.permissions, &names)?;
    Ok(UserLimits { permissions, ..scope.template.clone() })
}

fn prove(key: &str, shown: &Shown<'_>) -> Result<(), Denial> {
    let subject = || Denial::Subject(key.to_owned());
    let key = PublicKey::parse_as(key, Role::User).map_err(|_| subject())?;
    let signature = signature(shown.sig).ok_or(Denial::NoSignature)?;
    if key.verifies(shown.nonce, &signature) { Ok(()) } else { Err(Denial::Signature) }
}

fn grant(
    user: UserClaims,
    limits: &UserLimits,
    account: &TrustedAccount,
    expires_at: Option<i64>,
) -> Result<Grant, Denial> {
    let of_account = &account.claims().nats;
    let by_default = limits.permissions.is_empty();
    let permissions =
        if by_default { &of_account.default_permissions } else { &limits.permissions };
    let rules = permissions.rules();
    let permissions = account.permissions(permissions)?;
    Ok(Grant {
        account: user.account().to_owned(),
        bearer: limits.bearer_token,
        proxy_required: limits.proxy_required,
        max_subscriptions: u64::try_from(limits.subs).ok(),
        max_payload: u64::try_from(limits.payload).ok(),
        issuer: user.iss,
        user: user.sub,
        name: user.name,
        tags: user.tags,
        issued_at: user.iat,
        expires_at,
        rules,
        permissions,
        by_default,
    })
}
