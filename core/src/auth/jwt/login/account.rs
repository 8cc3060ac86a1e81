//! Which operators are trusted, and accounts that they vouch for (reference security 5.1, 5.4).

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;

use super::Denial;
use crate::auth::callout::SUBJECT;
use crate::auth::jwt::account::{Account, AccountClaims, AccountLimits};
use crate::auth::jwt::error::DecodeError;
use crate::auth::jwt::operator::OperatorClaims;
use crate::auth::jwt::scope::{Scope, SigningKey};
use crate::auth::jwt::user::UserPermissions;
use crate::auth::jwt::validation::{Class, blocker};
use crate::auth::permissions::{InvalidRule, Permissions};

/// Why an account is not to be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AccountError {
    /// What was found is not the token of an account.
    #[error("the account's token: {0}")]
    Token(#[from] DecodeError),
    /// It is another account's.
    #[error("the token is that of account {found:?}, not of {expected:?}")]
    Subject {
        /// What was looked for.
        expected: String,
        /// What was found.
        found: String,
    },
    /// The key that signed it is no operator's we trust.
    #[error("the account is signed by {0:?}, which is not trusted")]
    Untrusted(String),
    /// The claims are not valid, or not now.
    #[error("the account's claims: {0}")]
    Claims(String),
}

/// Keys that may sign accounts, and the accounts that there may be.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Trust {
    /// By public key, whether its accounts have to be strict.
    keys: HashMap<String, bool>,
    pinned: Option<BTreeSet<String>>,
}

impl Trust {
    /// Trusts these operators: their signing keys, and their own keys unless they are strict.
    pub fn in_operators<'a>(operators: impl IntoIterator<Item = &'a OperatorClaims>) -> Self {
        let mut keys: HashMap<String, bool> = HashMap::new();
        for operator in operators {
            let strict = operator.nats.strict_signing_key_usage;
            let own = Some(&operator.sub).filter(|_| !strict);
            for key in own.into_iter().chain(&operator.nats.signing_keys) {
                *keys.entry(key.clone()).or_default() |= strict;
            }
        }
        Self { keys, pinned: None }
    }

    /// Trusts these public keys (`trusted_keys`).
    pub fn in_keys(keys: impl IntoIterator<Item = String>) -> Self {
        Self { keys: keys.into_iter().map(|key| (key, false)).collect(), pinned: None }
    }

    /// Takes users of these accounts only (`resolver_pinned_accounts`). The system account has to
    /// be among them if its users are to come in.
    #[must_use]
    pub fn pinned(self, accounts: impl IntoIterator<Item = String>) -> Self {
        Self { pinned: Some(accounts.into_iter().collect()), ..self }
    }

    /// Whether users of this account are taken at all, before it is looked up.
    ///
    /// # Errors
    ///
    /// [`Denial::NotPinned`].
    pub fn admits(&self, account: &str) -> Result<(), Denial> {
        match &self.pinned {
            Some(pinned) if !pinned.contains(account) => Err(Denial::NotPinned(account.to_owned())),
            _ => Ok(()),
        }
    }

    /// Reads the token that a look-up of account `id` has found.
    ///
    /// # Errors
    ///
    /// The first reason against it.
    pub fn account(&self, id: &str, token: &str, now: i64) -> Result<TrustedAccount, AccountError> {
        let claims = AccountClaims::decode(token)?;
        if claims.sub != id {
            let (expected, found) = (id.to_owned(), claims.sub);
            return Err(AccountError::Subject { expected, found });
        }
        if let Some(issue) = blocker(&claims.validate(now), Class::Time) {
            return Err(AccountError::Claims(issue.text.clone()));
        }
        let Some(strict) = self.keys.get(&claims.iss).copied() else {
            return Err(AccountError::Untrusted(claims.iss));
        };
        Ok(TrustedAccount { claims, strict })
    }
}

/// An account that a trusted operator has signed, and whose claims are valid.
#[derive(Clone, PartialEq, Debug)]
pub struct TrustedAccount {
    claims: AccountClaims,
    /// Its own key may not sign users.
    strict: bool,
}

impl TrustedAccount {
    /// A system account whose token cannot be had yet: its own key signs users, so that somebody
    /// can come in and push the token (reference security 6.4).
    pub fn provisional(id: &str) -> Self {
        let nats = Account { limits: AccountLimits::unlimited(), ..Account::default() };
        let claims = AccountClaims { sub: id.to_owned(), nats, ..AccountClaims::default() };
        Self { claims, strict: false }
    }

    /// The claims.
    pub fn claims(&self) -> &AccountClaims {
        &self.claims
    }

    /// When it ends, in unix seconds.
    pub fn expires_at(&self) -> Option<i64> {
        Some(self.claims.exp).filter(|exp| *exp > 0)
    }

    /// Whether a service decides about this user's connections (reference security 10.1).
    pub fn delegates(&self, user: &str) -> bool {
        let callout = &self.claims.nats.authorization;
        !callout.auth_users.is_empty() && !callout.auth_users.iter().any(|known| known == user)
    }

    /// What a user of the account with these permissions may do; `None` is everything. Where the
    /// account has an auth callout service, nobody but the server may speak to it (reference
    /// security 10.6).
    ///
    /// # Errors
    /// The first entry that is not a valid subject, or not a valid subject and queue.
    pub fn permissions(
        &self,
        given: &UserPermissions,
    ) -> Result<Option<Arc<Permissions>>, InvalidRule> {
        let mut permissions = Permissions::new(&given.rules())?;
        if !self.claims.nats.authorization.auth_users.is_empty() {
            permissions = permissions.without_publishing_to(SUBJECT);
        }
        Ok((!permissions.is_unrestricted()).then(|| Arc::new(permissions)))
    }

    /// Whether this key may sign users, and with what scope.
    pub fn signer(&self, key: &str) -> Option<Option<&Scope>> {
        if !self.strict && key == self.claims.sub {
            return Some(None);
        }
        let mut keys = self.claims.nats.signing_keys.iter();
        keys.find(|known| known.key() == key).map(|known| match known {
            SigningKey::Plain(_) => None,
            SigningKey::Scoped(scope) => Some(&**scope),
        })
    }
}
