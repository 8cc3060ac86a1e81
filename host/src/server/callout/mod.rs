//! Auth callout: a service in an account decides who may come in (reference security 10).
//!
//! A shard asks; [`AuthService::request`] makes the signed request, the shard publishes it, and
//! [`AuthService::judge`] makes sure of what comes back. Signing, sealing and verifying take far too
//! long for a shard, so the workers do it; `shard_loop::callouts` carries things between the two.

mod cache;
mod request;
mod response;
mod stats;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nervure_core::account::{AccountId, GLOBAL};
use nervure_core::auth::jwt::ServerId;
use nervure_core::auth::{Answer, User};
use nervure_core::settings::Settings;
use nervure_core::wire::ServerInfo;

pub(super) use self::cache::Cache;
pub(super) use self::request::{Request, TlsFacts};
use self::stats::Outcome;
pub(super) use self::stats::Stats;
use super::keys::Keys;
use crate::auth::xkey::CurvePublicKey;
use crate::log::Logger;
use crate::options::{CalloutOptions, Options};

/// The service as the options in force name it, and what it takes to speak with it.
pub(super) struct AuthService {
    account: String,
    issuer: String,
    /// With one, requests are sealed for it.
    xkey: Option<CurvePublicKey>,
    server: ServerId,
    keys: Arc<Keys>,
    /// Certificates of authorities, in DER, one of whom ends each client's chain.
    authorities: Vec<Vec<u8>>,
    /// How long it may take to answer.
    timeout: Duration,
    /// The accounts that there are.
    settings: Arc<Settings>,
    cache: Option<Arc<Cache>>,
    stats: Arc<Stats>,
    log: Logger,
}

/// What a service needs beside its options.
pub(super) struct Around<'a> {
    pub(super) info: &'a ServerInfo,
    pub(super) settings: &'a Arc<Settings>,
    pub(super) keys: &'a Arc<Keys>,
    pub(super) stats: &'a Arc<Stats>,
    pub(super) log: &'a Logger,
}

impl AuthService {
    /// The one that `options` name, if they name one. It keeps what `before` remembered unless
    /// its block is another one.
    pub(super) fn new(
        options: &Options,
        around: &Around<'_>,
        before: Option<(&CalloutOptions, Option<Arc<Cache>>)>,
    ) -> Option<Self> {
        let callout = options.auth.callout.as_ref()?;
        let xkey = callout.xkey.as_deref().and_then(|text| CurvePublicKey::parse(text).ok());
        let kept = before.and_then(|(old, cache)| cache.filter(|_| old == callout));
        let fresh = || callout.cache.and_then(Cache::new).map(Arc::new);
        let info = around.info;
        Some(Self {
            account: callout.account.clone().unwrap_or_else(|| GLOBAL.to_owned()),
            issuer: callout.issuer.to_string(),
            server: ServerId {
                name: info.server_name.clone(),
                host: info.host.clone(),
                id: info.server_id.clone(),
                version: info.version.clone(),
                cluster: options.cluster_name.clone().unwrap_or_default(),
                tags: options.tags.clone(),
                xkey: xkey.as_ref().map(|_| around.keys.curve.public_key()).unwrap_or_default(),
            },
            xkey,
            keys: around.keys.clone(),
            authorities: request::authorities(options),
            timeout: options.limits.auth_timeout,
            settings: around.settings.clone(),
            cache: kept.or_else(fresh),
            stats: around.stats.clone(),
            log: around.log.clone(),
        })
    }

    /// The account in which it runs.
    pub(super) fn account(&self) -> &str {
        &self.account
    }

    /// ... if it is there.
    pub(super) fn account_id(&self) -> Option<AccountId> {
        self.settings.accounts.named(&self.account)
    }

    /// What it has said before.
    pub(super) fn cache(&self) -> Option<Arc<Cache>> {
        self.cache.clone()
    }

    pub(super) fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The service has answered: what that comes to for the client.
    pub(super) fn answer(&self, request: &Request, payload: &[u8], began: Instant) -> Answer {
        let took = began.elapsed();
        let judged = self.judge(request, payload, unix_now());
        let remembered = self.cache.as_deref().zip(request.key());
        match judged {
            Ok(user) => {
                let user = Arc::new(user);
                if let Some((cache, key)) = remembered {
                    cache.remember(*key, &user, Instant::now());
                }
                self.stats.record(Outcome::Granted, took);
                Answer::Admit(user)
            }
            Err(why) => {
                if let Some((cache, key)) = remembered {
                    cache.forget(key);
                }
                self.stats.record(Outcome::Refused, took);
                self.refuse(why)
            }
        }
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
        let account = &self.account;
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
    fn judge(&self, request: &Request, payload: &[u8], now: Duration) -> Result<User, String> {
        let claims = self.response(request, payload, seconds(now))?;
        self.user(request, &claims, seconds(now))
    }
}

/// The time since the start of 1970.
pub(super) fn unix_now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
