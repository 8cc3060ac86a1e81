//! Auth callout: whom a service decides about instead of the server, and what it is told of him
//! (reference security 10.2 and 10.4).
//!
//! Beside a message's way, the last link of the chain. What the service is asked leaves the shard
//! as a [`Question`](super::Question); the driver signs it, has it published, and makes sure of
//! what comes back.

use std::sync::Arc;

use super::chain::{Pending, Verdict};
use super::jwt::login::TrustedAccount;
use super::jwt::{ClientInformation, ConnectOptions};
use super::nkey::Nonce;
use super::{Identity, Login};
use crate::account::GLOBAL;

/// Where services listen. Nobody in their account but the server may publish to it.
pub const SUBJECT: &str = "$SYS.REQ.USER.AUTH";

/// Who is delegated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Callout {
    /// The account in which the service runs.
    pub account: Arc<str>,
    /// Names and keys of users that the server decides about itself, as it does without a service.
    pub auth_users: Vec<Box<str>>,
    /// Accounts whose users are delegated; empty is all. Who is not known is so in any case.
    pub allowed_accounts: Vec<Box<str>>,
}

impl Callout {
    /// Whether the server itself decides about the user with this name or key.
    pub(super) fn bypasses(&self, id: &str) -> bool {
        self.auth_users.iter().any(|user| **user == *id)
    }

    /// Whether the users of this account are delegated.
    fn concerns(&self, account: &str) -> bool {
        let listed = self.allowed_accounts.iter().any(|allowed| **allowed == *account);
        self.allowed_accounts.is_empty() || account == GLOBAL || listed
    }

    /// Whether what the steps say of the client is not what counts. `shown` is the name or key it
    /// gives.
    pub(super) fn takes_over(&self, verdict: &Verdict, shown: &str) -> bool {
        let identity = match verdict {
            Verdict::Grant(identity) => Some(identity),
            Verdict::Ask(_, Pending::Proof { identity, .. }) => Some(identity),
            Verdict::Ask(_, Pending::Account)
            | Verdict::Deny(_)
            | Verdict::Delegate(_)
            | Verdict::NotMine => None,
        };
        let id = identity.map_or(shown, Identity::name);
        !self.bypasses(id) && self.concerns(identity.map_or(GLOBAL, Identity::account))
    }
}

/// Somebody a service is to decide about.
#[derive(Clone, PartialEq, Debug)]
pub struct Delegation {
    /// A trusted proxy vouches for the connection.
    pub(crate) proxied: bool,
    /// Whom his certificate stands for, where certificates stand for users.
    pub(crate) mapped: Option<Box<str>>,
    /// What brought him to the service, in operator mode.
    pub(crate) sentinel: Option<Box<Sentinel>>,
}

/// A token of an account that has a service, good for nothing but to be asked about.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sentinel {
    /// The account.
    pub(crate) account: Arc<TrustedAccount>,
    /// The token.
    pub(crate) jwt: Box<str>,
    /// The key of its user.
    pub(crate) key: String,
    /// What he is called.
    pub(crate) name: String,
    /// Words of the account about him.
    pub(crate) tags: Vec<String>,
}

impl Delegation {
    /// Somebody of whom nothing else is known.
    pub(super) fn of_nobody(proxied: bool) -> Self {
        Self { proxied, mapped: None, sentinel: None }
    }

    pub(super) fn new(verdict: &Verdict, proxied: bool) -> Self {
        let mapped = match verdict {
            Verdict::Grant(Identity::User(user)) => match &user.login {
                Login::Password { name, .. } => Some(name.clone()),
                Login::Nkey { .. } | Login::Statement { .. } => None,
            },
            _ => None,
        };
        Self { mapped, ..Self::of_nobody(proxied) }
    }
}

/// What is known of somebody a service is to decide about.
#[derive(Clone, PartialEq, Debug)]
pub struct Delegated {
    /// The account in which the service runs.
    pub account: Arc<str>,
    /// By whose rules it decides: that account's, in operator mode; `None` is the configuration's.
    pub claims: Option<Arc<TrustedAccount>>,
    /// The connection.
    pub client: ClientInformation,
    /// What he has shown. In a server without operators the token is left out, as nats-server
    /// does.
    pub connect: ConnectOptions,
    /// What he was given to sign.
    pub nonce: Nonce,
    /// A trusted proxy vouches for the connection.
    pub proxied: bool,
}
