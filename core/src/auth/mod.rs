//! Who may come in, and what they may do. Who may come in is found out by a chain of steps that each
//! say yes, no, or "not mine".
//!
//! Beside a message's way: a link asks once, at CONNECT, and again when a reload changes the ways
//! in. The steps stand in nats-server's order of decision (reference security 1.5) unless the
//! configuration says otherwise, and [`callout`] comes after them. Plugins will be further steps;
//! [`jwt`] has what the step for operators' users needs.
//!
//! The steps are a pure function of what the configuration wants and what the peer shows. What
//! takes long (bcrypt, a service) is answered elsewhere: see [`ask`].
//!
//! And what a peer may do once it is in: a link asks `link_permissions` before it hands a
//! publication to the router, and the router asks before it hands a message to a link. Links of
//! users without permissions never come here.

pub mod ask;
pub mod callout;
mod certificate;
mod chain;
mod dn;
pub mod jwt;
pub(crate) mod link_permissions;
mod nkey;
pub(crate) mod operators;
pub mod permissions;
mod response_grants;
mod secret;
mod signer;
#[cfg(test)]
mod tests;
mod users;

use std::sync::Arc;

use crate::account::GLOBAL;

pub use self::ask::{Answer, Ask, CallId, Question};
pub(crate) use self::callout::Delegation;
pub use self::callout::{Callout, Delegated};
pub use self::certificate::PeerCertificate;
pub use self::chain::Step;
pub(crate) use self::chain::{Denial, Pending, Shown, Verdict};
pub use self::dn::{Attribute, AttributeType, Component, DistinguishedName, attribute_type};
pub use self::nkey::{
    KeyError, NONCE_LEN, Nonce, PublicKey, Role, nonce, signature, signature_text, url_signature,
};
pub(crate) use self::operators::Ground;
pub use self::operators::Operators;
pub use self::permissions::{InvalidRule, Lists, Permissions, Responses, Rules, parse_entry};
pub use self::secret::Secret;
pub use self::signer::{Seed, SeedError, Signer};
pub use self::users::{ConnectionType, ConnectionTypes, Login, User, UserLimits, Users, Vouched};

/// The ways into one listener.
#[derive(Clone, PartialEq, Debug)]
pub struct Auth {
    /// A CONNECT with good credentials is required.
    pub required: bool,
    /// Which steps are asked, in this order.
    pub order: Vec<Step>,
    /// Whose tokens count, in operator mode.
    pub operators: Option<Arc<Operators>>,
    /// The users of the server, the same for all listeners.
    pub users: Arc<Users>,
    /// The one user of a server without a list.
    pub single_user: Option<Arc<User>>,
    /// The token.
    pub token: Option<Secret>,
    /// Who connections without credentials become: a user's name or public key.
    pub no_auth_user: Option<Box<str>>,
    /// Clients are the users their certificates stand for.
    pub map_certificates: bool,
    /// Connections that other listeners map by certificate. A user without a password who may
    /// come in that way is meant for it: here his name alone does not do.
    pub mapped_elsewhere: Vec<ConnectionType>,
    /// Token and single user are good only behind a trusted proxy.
    pub proxy_required: bool,
    /// The keys of trusted proxies.
    pub trusted_proxies: Vec<PublicKey>,
    /// A service decides about most clients.
    pub callout: Option<Arc<Callout>>,
    /// Who shows nothing at all is let in, although others have to show something.
    pub anonymous: bool,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            required: false,
            order: Step::DEFAULT_ORDER.to_vec(),
            operators: None,
            users: Arc::default(),
            single_user: None,
            token: None,
            no_auth_user: None,
            map_certificates: false,
            mapped_elsewhere: Vec::new(),
            proxy_required: false,
            trusted_proxies: Vec::new(),
            callout: None,
            anonymous: false,
        }
    }
}

impl Auth {
    /// Whether INFO gives clients something to sign.
    pub fn wants_nonce(&self) -> bool {
        self.operators.is_some() || self.users.has_nkeys() || !self.trusted_proxies.is_empty()
    }

    /// Whether traffic without any CONNECT is welcome.
    pub(crate) fn lets_silence_in(&self, kind: ConnectionType) -> bool {
        self.anonymous || self.silent_user(kind).is_some()
    }

    /// The user that traffic without any CONNECT logs in. A key does not do for that (observed on
    /// nats-server 2.15.1).
    fn silent_user(&self, kind: ConnectionType) -> Option<Arc<User>> {
        let user = self.users.named(self.no_auth_user.as_deref()?)?;
        (user.types.allow(kind) && !user.proxy_required).then_some(user)
    }
}

/// Who a connection turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Nobody in particular: authentication is not required.
    Anonymous,
    /// A user, by whatever proof, or the one that stands for missing credentials.
    User(Arc<User>),
    /// Somebody who knows this token.
    Token(Secret),
}

impl Identity {
    /// What it may have of its own.
    pub(crate) fn limits(&self) -> UserLimits {
        match self {
            Self::User(user) => user.limits,
            Self::Anonymous | Self::Token(_) => UserLimits::default(),
        }
    }

    /// The name or key of a user; empty for others.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::User(user) => user.name(),
            Self::Anonymous | Self::Token(_) => "",
        }
    }

    /// The name of the account it belongs to.
    pub fn account(&self) -> &str {
        match self {
            Self::User(user) => &user.account,
            Self::Anonymous | Self::Token(_) => GLOBAL,
        }
    }

    /// Whether what proves one of them proves the other.
    pub(crate) fn same_login(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User(one), Self::User(other)) => one.login == other.login,
            _ => self == other,
        }
    }
}
