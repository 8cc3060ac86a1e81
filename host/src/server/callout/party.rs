//! The other side of a callout: which account's service it is, and what it may say (reference
//! security 10.1 and 10.5).

use std::borrow::Cow;
use std::sync::Arc;

use nervure_core::account::{Accounts, GLOBAL};
use nervure_core::auth::jwt::login::{TrustedAccount, limits};
use nervure_core::auth::jwt::{UserClaims, UserLimits};

use crate::auth::xkey::CurvePublicKey;
use crate::options::CalloutOptions;

/// A service.
pub(super) struct Party {
    /// The account in which it runs.
    pub(super) account: Arc<str>,
    /// Who signs, or on whose behalf.
    pub(super) issuer: String,
    /// With one, requests are sealed for it.
    pub(super) xkey: Option<CurvePublicKey>,
    /// The account's own rules, in operator mode.
    claims: Option<Arc<TrustedAccount>>,
}

/// The claims of an account that is in force.
pub(super) fn in_force<'a>(
    accounts: &'a Accounts,
    account: &str,
    now: i64,
) -> Option<&'a TrustedAccount> {
    let rules = accounts.rules(accounts.named(account)?)?;
    rules.claims.as_deref().filter(|_| !rules.is_expired(now))
}

/// Where a user is put.
pub(super) struct Placement<'a> {
    pub(super) account: &'a str,
    /// The account's claims, in operator mode.
    pub(super) claims: Option<&'a TrustedAccount>,
    /// The user's own limits, or those of the key that signed him.
    pub(super) limits: Cow<'a, UserLimits>,
}

impl Party {
    /// The service that the configuration names.
    pub(super) fn configured(options: &CalloutOptions) -> Self {
        Self {
            account: options.account.as_deref().unwrap_or(GLOBAL).into(),
            issuer: options.issuer.to_string(),
            xkey: options.xkey.as_deref().and_then(|text| CurvePublicKey::parse(text).ok()),
            claims: None,
        }
    }

    /// The service of an account whose operator vouches for it.
    ///
    /// # Errors
    /// Its curve key is none: a request must not leave unsealed then.
    pub(super) fn of_account(claims: Arc<TrustedAccount>) -> Result<Self, String> {
        let account = claims.claims();
        let xkey = match account.nats.authorization.xkey.as_str() {
            "" => None,
            text => Some(CurvePublicKey::parse(text).map_err(|error| {
                let account = &account.sub;
                format!("Auth callout request on account {account:?} cannot be made: xkey: {error}")
            })?),
        };
        let issuer = account.sub.clone();
        Ok(Self { account: issuer.as_str().into(), issuer, xkey, claims: Some(claims) })
    }

    /// Whether this key may sign responses.
    pub(super) fn signs(&self, key: &str) -> bool {
        match &self.claims {
            Some(claims) => claims.signer(key).is_some(),
            None => key == self.issuer,
        }
    }

    /// Whether this account may vouch for the service's users, and so get them.
    pub(super) fn may_vouch(&self, account: &str) -> bool {
        self.claims.as_ref().is_some_and(|claims| {
            let allowed = &claims.claims().nats.authorization.allowed_accounts;
            account == self.issuer || allowed.iter().any(|it| it == "*" || it == account)
        })
    }

    /// Where the configuration's service puts a user: where the audience says.
    pub(super) fn by_audience<'a>(
        &self,
        user: &'a UserClaims,
        accounts: &Accounts,
    ) -> Result<Placement<'a>, String> {
        let account = &self.account;
        if !user.nats.issuer_account.is_empty() {
            return Err(format!(
                "Error non operator mode account {account:?}: attempted to use issuer_account"
            ));
        }
        if user.iss != self.issuer {
            let (expected, got) = (&self.issuer, &user.iss);
            return Err(format!(
                "Wrong issuer for auth callout response on account {account:?}, \
                 expected {expected:?} got {got:?}"
            ));
        }
        if accounts.named(&user.aud).is_none() {
            return Err(self.nowhere(&user.aud));
        }
        let limits = Cow::Borrowed(&user.nats.limits);
        Ok(Placement { account: &user.aud, claims: None, limits })
    }

    /// Where an account's service puts a user: into the account that vouches for him.
    pub(super) fn by_issuer<'a>(
        &self,
        user: &'a UserClaims,
        accounts: &'a Accounts,
        now: i64,
    ) -> Result<Placement<'a>, String> {
        let (own, account) = (&self.account, user.account());
        if !self.may_vouch(account) {
            return Err(format!(
                "Account {account:?} not permitted as valid account option for auth callout \
                 for account {own:?}"
            ));
        }
        let Some(claims) = in_force(accounts, account, now) else {
            return Err(self.nowhere(account));
        };
        let limits = limits(user, claims)
            .map_err(|why| format!("Error validating user JWT: {why}"))
            .map(Cow::Owned)?;
        Ok(Placement { account, claims: Some(claims), limits })
    }

    /// Whether it is an account's service.
    pub(super) fn is_of_operator(&self) -> bool {
        self.claims.is_some()
    }

    fn nowhere(&self, place: &str) -> String {
        let account = &self.account;
        format!(
            "No valid account {place:?} for auth callout response on account {account:?}: \
             account missing"
        )
    }
}
