//! The users of the configuration, found by name or by key.

use core::time::Duration;
use std::sync::Arc;

use hashbrown::HashMap;

use super::dn::DistinguishedName;
use super::nkey::PublicKey;
use super::permissions::Permissions;
use super::secret::Secret;
use crate::account::GLOBAL;

/// How a connection comes in, as `allowed_connection_types` names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are the configuration's")]
pub enum ConnectionType {
    Standard,
    WebSocket,
    Leafnode,
    LeafnodeWebSocket,
    Mqtt,
    MqttWebSocket,
    InProcess,
}

impl ConnectionType {
    /// The names, in configuration and in user claims.
    const NAMES: [(&'static str, Self); 7] = [
        ("STANDARD", Self::Standard),
        ("WEBSOCKET", Self::WebSocket),
        ("LEAFNODE", Self::Leafnode),
        ("LEAFNODE_WS", Self::LeafnodeWebSocket),
        ("MQTT", Self::Mqtt),
        ("MQTT_WS", Self::MqttWebSocket),
        ("IN_PROCESS", Self::InProcess),
    ];

    /// The one with this name, in any letter case (reference security 1.11).
    pub fn named(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.iter();
        names.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
    }
}

/// How a user may come in; nothing in particular means any way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConnectionTypes(u8);

impl ConnectionTypes {
    /// This way, too.
    #[must_use]
    pub const fn with(self, kind: ConnectionType) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// Whether this way is open.
    pub const fn allow(self, kind: ConnectionType) -> bool {
        self.0 == 0 || self.0 & (1 << kind as u8) != 0
    }
}

/// Somebody who may log in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// What proves that it is he.
    pub login: Login,
    /// How he may come in.
    pub types: ConnectionTypes,
    /// He has to come through a trusted proxy.
    pub proxy_required: bool,
    /// What he may do, if it is not everything.
    pub permissions: Option<Arc<Permissions>>,
    /// The name of the account he belongs to.
    pub account: Arc<str>,
    /// What he may have of his own.
    pub limits: UserLimits,
    /// When he has to leave, since the start of 1970.
    pub expires: Option<Duration>,
}

/// What one user's connections may have each. `None` is what all may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UserLimits {
    /// Subscriptions at once.
    pub subscriptions: Option<usize>,
    /// Bytes of a payload.
    pub payload: Option<usize>,
}

/// A user's name and what proves it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Login {
    /// A name and a password. An empty one is no secret, but it has to match.
    Password {
        /// The name.
        name: Box<str>,
        /// The password.
        password: Secret,
    },
    /// A key, which is the name as well.
    Nkey {
        /// Its text form.
        text: Box<str>,
        /// The key.
        key: PublicKey,
    },
    /// A signed statement about him, of the server's operator or of an auth callout service.
    Statement {
        /// His public key.
        key: Box<str>,
        /// What he is called; the key unless the statement says otherwise.
        name: Box<str>,
        /// When it was made, in seconds since the start of 1970.
        issued: i64,
        /// What it hangs on, if it is an operator's account that vouches for him.
        vouched: Option<Box<Vouched>>,
    },
}

/// What an update of an account may take away from its users (reference security 5.7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vouched {
    /// The key that signed the user's token; `None` if it was for an auth callout service to say
    /// which key that may be (reference security 10.8).
    pub issuer: Option<Box<str>>,
    /// What the account is called beside its key; empty if it is not.
    pub account_name: Box<str>,
    /// He has signed nothing.
    pub bearer: bool,
    /// His permissions are the account's default.
    pub by_default: bool,
}

impl User {
    /// A user with a password, who may come in any way.
    pub fn with_password(name: &str, password: Secret) -> Self {
        Self::new(Login::Password { name: name.into(), password })
    }

    /// A user with a key, who may come in any way.
    pub fn with_nkey(key: PublicKey) -> Self {
        Self::new(Login::Nkey { text: key.to_string().into(), key })
    }

    fn new(login: Login) -> Self {
        Self {
            login,
            types: ConnectionTypes::default(),
            proxy_required: false,
            permissions: None,
            account: GLOBAL.into(),
            limits: UserLimits::default(),
            expires: None,
        }
    }

    /// The name, or the public key.
    pub fn name(&self) -> &str {
        match &self.login {
            Login::Password { name, .. } => name,
            Login::Nkey { text, .. } => text,
            Login::Statement { name, .. } => name,
        }
    }
}

/// All users of a server. Names and keys are separate spaces.
#[derive(Clone, Debug, Default)]
pub struct Users {
    named: HashMap<Box<str>, Arc<User>>,
    nkeys: HashMap<Box<str>, Arc<User>>,
    /// Those whose names are distinguished names, in the configuration's order.
    distinguished: Vec<(DistinguishedName, Arc<User>)>,
}

impl PartialEq for Users {
    fn eq(&self, other: &Self) -> bool {
        self.named == other.named && self.nkeys == other.nkeys
    }
}

impl Users {
    /// These. Of several with one name the last stays.
    pub fn new(users: impl IntoIterator<Item = User>) -> Self {
        let mut all = Self::default();
        for user in users {
            let user = Arc::new(user);
            let name: Box<str> = user.name().into();
            if let Login::Nkey { .. } | Login::Statement { .. } = user.login {
                all.nkeys.insert(name, user);
                continue;
            }
            if let Some(parsed) = DistinguishedName::parse(&name) {
                all.distinguished.push((parsed, user.clone()));
            }
            all.named.insert(name, user);
        }
        all
    }

    /// The user with this name.
    pub fn named(&self, name: &str) -> Option<Arc<User>> {
        self.named.get(name).cloned()
    }

    /// The user with this public key.
    pub fn nkey(&self, key: &str) -> Option<Arc<User>> {
        self.nkeys.get(key).cloned()
    }

    /// Whether there are users with names.
    pub fn has_named(&self) -> bool {
        !self.named.is_empty()
    }

    /// Whether there are users with keys.
    pub fn has_nkeys(&self) -> bool {
        !self.nkeys.is_empty()
    }

    /// The users whose names are distinguished names.
    pub(super) fn distinguished(&self) -> impl Iterator<Item = &(DistinguishedName, Arc<User>)> {
        self.distinguished.iter()
    }
}
