//! Auth callout: a service in an account decides who may come in (reference security 10): the
//! one of the configuration, or in operator mode an account's own ([`party`]).
//!
//! A shard asks; [`AuthService::request`] makes the signed request, the shard publishes it, and
//! [`AuthService::judge`] makes sure of what comes back. Signing, sealing and verifying take far too
//! long for a shard, so the workers do it; `shard_loop::callouts` carries things between the two.

mod cache;
mod party;
mod request;
mod response;
mod stats;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nervure_core::account::Accounts;
use nervure_core::auth::jwt::ServerId;
use nervure_core::auth::{Answer, User};
use nervure_core::wire::ServerInfo;

pub(super) use self::cache::Cache;
use self::party::Party;
pub(super) use self::request::{Request, TlsFacts};
use self::stats::Outcome;
pub(super) use self::stats::Stats;
use super::keys::Keys;
use crate::log::Logger;
use crate::options::{CalloutOptions, Options};

/// What it takes to speak with services: the one that the options in force name, or in operator
/// mode those of the accounts.
pub(super) struct AuthService {
    /// The service that the options name.
    configured: Option<Arc<Party>>,
    server: ServerId,
    keys: Arc<Keys>,
    /// Certificates of authorities, in DER, one of whom ends each client's chain.
    authorities: Vec<Vec<u8>>,
    /// How long it may take to answer.
    timeout: Duration,
    cache: Option<Arc<Cache>>,
    stats: Arc<Stats>,
    log: Logger,
}

/// Where users can be put.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The accounts that are in force.
    pub(super) accounts: &'a Accounts,
    /// The one that is missing has been looked up: these are all there are.
    pub(super) looked_up: bool,
}

/// What a service's answer comes to.
#[derive(Debug)]
pub(super) enum Judged {
    /// This, for the client.
    Answer(Answer),
    /// That can be said when this account has been looked up.
    Unknown(Box<str>),
}

/// Why an answer makes no user.
#[derive(Debug, PartialEq)]
enum Refusal {
    /// In nats-server's words.
    Because(String),
    /// This account is not in force.
    Unknown(Box<str>),
}

impl From<String> for Refusal {
    fn from(why: String) -> Self {
        Self::Because(why)
    }
}

/// What a service needs beside its options.
pub(super) struct Around<'a> {
    pub(super) info: &'a ServerInfo,
    pub(super) keys: &'a Arc<Keys>,
    pub(super) stats: &'a Arc<Stats>,
    pub(super) log: &'a Logger,
}

impl AuthService {
    /// By `options`, if they have anybody asked. It keeps what `before` remembered unless
    /// its block is another one.
    pub(super) fn new(
        options: &Options,
        around: &Around<'_>,
        before: Option<(&CalloutOptions, Option<Arc<Cache>>)>,
    ) -> Option<Self> {
        let callout = options.auth.callout.as_ref();
        if callout.is_none() && !options.operators.is_active() {
            return None;
        }
        let kept = before.and_then(|(old, cache)| cache.filter(|_| callout == Some(old)));
        let fresh = || callout?.cache.and_then(Cache::new).map(Arc::new);
        let info = around.info;
        Some(Self {
            configured: callout.map(|callout| Arc::new(Party::configured(callout))),
            server: ServerId {
                name: info.server_name.clone(),
                host: info.host.clone(),
                id: info.server_id.clone(),
                version: info.version.clone(),
                cluster: options.cluster_name.clone().unwrap_or_default(),
                tags: options.tags.clone(),
                xkey: String::new(),
            },
            keys: around.keys.clone(),
            authorities: request::authorities(options),
            timeout: options.limits.auth_timeout,
            cache: kept.or_else(fresh),
            stats: around.stats.clone(),
            log: around.log.clone(),
        })
    }

    /// What it has said before.
    pub(super) fn cache(&self) -> Option<Arc<Cache>> {
        self.cache.clone()
    }

    pub(super) fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The service has answered: what that comes to for the client.
    pub(super) fn answer(
        &self,
        request: &Request,
        payload: &[u8],
        place: Place<'_>,
        began: Instant,
    ) -> Judged {
        let took = began.elapsed();
        let judged = self.judge(request, payload, place, unix_now());
        let remembered = self.cache.as_deref().zip(request.key());
        Judged::Answer(match judged {
            Err(Refusal::Unknown(account)) => return Judged::Unknown(account),
            Ok(user) => {
                let user = Arc::new(user);
                if let Some((cache, key)) = remembered {
                    cache.remember(*key, &user, Instant::now());
                }
                self.stats.record(Outcome::Granted, took);
                Answer::Admit(user)
            }
            Err(Refusal::Because(why)) => {
                if let Some((cache, key)) = remembered {
                    cache.forget(key);
                }
                self.stats.record(Outcome::Refused, took);
                self.refuse(why)
            }
        })
    }

    /// Nobody has answered in time, or nobody is there to: what it said before is what counts.
    pub(super) fn without_answer(&self, request: &Request, began: Instant) -> Answer {
        let took = began.elapsed();
        let remembered = self.cache.as_deref().zip(request.key());
        let user =
            remembered.and_then(|(cache, key)| cache.recall(key, Instant::now(), unix_now()));
        if let Some(user) = user {
            self.stats.record(Outcome::FromCache, took);
            return Answer::Admit(user);
        }
        self.stats.record(Outcome::Unanswered, took);
        let account = request.account();
        let why =
            format!("Authorization callout response not received in time on account {account:?}");
        self.log.debug(format_args!("{why}"));
        Answer::Refuse(why)
    }

    /// Says why somebody is turned away.
    pub(super) fn refuse(&self, why: String) -> Answer {
        self.log.warn(format_args!("{why}"));
        Answer::Refuse(why)
    }

    /// Who the client is by the service's word; or nats-server's text why he is nobody.
    fn judge(
        &self,
        request: &Request,
        payload: &[u8],
        place: Place<'_>,
        now: Duration,
    ) -> Result<User, Refusal> {
        let claims = self.response(request, payload, seconds(now))?;
        let account = claims.account();
        let missing = || party::in_force(place.accounts, account, seconds(now)).is_none();
        if !place.looked_up && request.party.may_vouch(account) && missing() {
            return Err(Refusal::Unknown(account.into()));
        }
        Ok(self.user(request, &claims, place.accounts, seconds(now))?)
    }
}

/// The time since the start of 1970.
pub(super) fn unix_now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
