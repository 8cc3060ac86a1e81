//! Operator mode: users who show a token of an account that a trusted operator has signed
//! (reference security 5.2).
//!
//! One step of the [`chain`](super::chain). It is done on the shard: two signatures are checked,
//! that of the token (measured with its JSON: 0.2 ms on a busy machine) and that of the nonce
//! (0.15 ms, what a login by key has always cost here). That is well below the millisecond from
//! which on a shard asks others, it is once a connection, and between two logins a shard serves
//! whoever else has something to say. What may really take long is an account that is not known
//! yet: that is asked for ([`Question::Account`]).

use core::fmt;
use std::sync::Arc;

use super::callout::{Delegation, Sentinel};
use super::chain::{Denial, Pending, Shown, Step, Verdict};
use super::jwt::login::{Candidate, Denial as Refusal, Grant, Shown as Statement, Trust};
use super::jwt::{Utc, Zones};
use super::users::{ConnectionTypes, Login, User, UserLimits, Vouched};
use super::{Identity, Question};
use crate::account::Accounts;
use crate::reason::CloseReason;
use crate::time::Time;

/// Who is trusted to say who users are.
#[derive(Clone)]
pub struct Operators {
    /// Whose accounts count.
    pub trust: Trust,
    /// The token of those who show none that can be read.
    pub sentinel: Option<Box<str>>,
    /// What time of day it is elsewhere.
    pub zones: Arc<dyn Zones + Send + Sync>,
}

impl Operators {
    /// Trusts these, in a world that knows no time zone but UTC.
    pub fn new(trust: Trust) -> Self {
        Self { trust, sentinel: None, zones: Arc::new(Utc) }
    }
}

impl PartialEq for Operators {
    fn eq(&self, other: &Self) -> bool {
        self.trust == other.trust && self.sentinel == other.sentinel
    }
}

impl fmt::Debug for Operators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operators").field("trust", &self.trust).finish_non_exhaustive()
    }
}

/// What a token is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ground<'a> {
    /// The accounts that are known.
    pub(crate) accounts: &'a Accounts,
    /// Unix seconds.
    pub(crate) now: i64,
    /// The account has been asked for: what is known now is all there is.
    pub(crate) looked_up: bool,
}

impl Ground<'_> {
    /// Unix seconds at `now`, if time began at `epoch` after 1970.
    pub(crate) fn unix(epoch: core::time::Duration, now: Time) -> i64 {
        let since = epoch.saturating_add(core::time::Duration::from_nanos(now.as_nanos()));
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    }
}

impl Operators {
    /// Finds out who shows a token.
    pub(super) fn decide(&self, shown: &Shown<'_>, proxied: bool, ground: &Ground<'_>) -> Verdict {
        match self.judge(shown, proxied, ground) {
            Ok(verdict) => verdict,
            Err(refusal) => Verdict::Deny(denial(&refusal)),
        }
    }

    fn judge(
        &self,
        shown: &Shown<'_>,
        proxied: bool,
        ground: &Ground<'_>,
    ) -> Result<Verdict, Refusal> {
        let zones: &dyn Zones = &*self.zones;
        let now = ground.now;
        let statement = |jwt| Statement {
            jwt,
            sig: shown.sig,
            nonce: shown.nonce,
            kind: shown.kind,
            address: shown.address,
            proxied,
        };
        let mut statement_shown = statement(shown.jwt);
        let candidate = match (Candidate::read(&statement_shown, now, zones), &self.sentinel) {
            (Err(Refusal::Token(_)), Some(sentinel)) => {
                statement_shown = statement(sentinel);
                Candidate::read(&statement_shown, now, zones)?
            }
            (candidate, _) => candidate?,
        };
        let name = candidate.account();
        self.trust.admits(name)?;
        let id = ground.accounts.named(name);
        let rules = id.and_then(|id| ground.accounts.rules(id));
        let ended = rules.is_some_and(|rules| rules.is_expired(now));
        let account = rules.and_then(|rules| rules.claims.as_ref());
        let account = match account {
            Some(account) if !ended => account,
            Some(_) if ground.looked_up => return Err(Refusal::AccountExpired),
            _ if ground.looked_up => return Err(Refusal::NoAccount(name.to_owned())),
            _ => {
                return Ok(Verdict::Ask(Question::Account(name.into()), Pending::Account));
            }
        };
        let grant = candidate.admit(&statement_shown, account, now, zones)?;
        if account.delegates(&grant.user) {
            let sentinel = Sentinel {
                account: account.clone(),
                jwt: statement_shown.jwt.into(),
                key: grant.user,
                name: grant.name,
                tags: grant.tags,
            };
            let sentinel = Some(Box::new(sentinel));
            let delegation = Delegation { sentinel, ..Delegation::of_nobody(proxied) };
            return Ok(Verdict::Delegate(delegation));
        }
        let account_name = account.claims().name.as_str().into();
        Ok(Verdict::Grant(Identity::User(Arc::new(user(grant, account_name)))))
    }
}

fn denial(refusal: &Refusal) -> Denial {
    let reason = match refusal {
        Refusal::ProxyRequired => CloseReason::ProxyRequired,
        _ => CloseReason::AuthenticationFailure,
    };
    let mut denial = Denial::told(Step::Jwt.name(), refusal.to_string());
    denial.reason = reason;
    denial
}

fn user(grant: Grant, account_name: Box<str>) -> User {
    let count =
        |limit: Option<u64>| limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let seconds = |at: i64| core::time::Duration::from_secs(u64::try_from(at).unwrap_or(0));
    let (issuer, bearer, by_default) = (Some(grant.issuer.into()), grant.bearer, grant.by_default);
    User {
        login: Login::Statement {
            key: grant.user.into(),
            name: grant.name.into(),
            issued: grant.issued_at,
            vouched: Some(Box::new(Vouched { issuer, account_name, bearer, by_default })),
        },
        types: ConnectionTypes::default(),
        proxy_required: grant.proxy_required,
        permissions: grant.permissions,
        account: grant.account.into(),
        limits: UserLimits {
            subscriptions: count(grant.max_subscriptions),
            payload: count(grant.max_payload),
        },
        expires: grant.expires_at.map(seconds),
    }
}
