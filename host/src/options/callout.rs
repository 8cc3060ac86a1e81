//! The service that decides who may come in (reference security 10.1).

use std::time::Duration;

use nervure_core::auth::PublicKey;

/// An `auth_callout` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalloutOptions {
    /// The account key that signs responses and users.
    pub issuer: PublicKey,
    /// The account in which the service runs; `None` is the global one.
    pub account: Option<String>,
    /// Names and keys of users that the server decides about itself.
    pub auth_users: Vec<String>,
    /// The service's public curve key; with one, requests are sealed.
    pub xkey: Option<String>,
    /// Accounts whose users are delegated; empty is all.
    pub allowed_accounts: Vec<String>,
    /// What the service said last is good for a while when it is down. nats-server does not know
    /// this.
    pub cache: Option<CalloutCacheOptions>,
}

/// How long and for how many what a service said is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalloutCacheOptions {
    /// From the moment the service said it.
    pub max_age: Duration,
    /// Clients; the one asked about longest ago makes room.
    pub max_entries: usize,
}

impl Default for CalloutCacheOptions {
    fn default() -> Self {
        Self { max_age: Duration::from_secs(600), max_entries: 10_000 }
    }
}
