//! The configuration in force: an immutable snapshot that every shard holds and that is swapped
//! whole.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::auth::Permissions;
use crate::limits::Limits;
use crate::subject::mappings::Mappings;

/// What all shards of a server obey. A reload makes a new one.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Limits of client connections.
    pub limits: Limits,
    /// Who may connect over plain TCP and TLS.
    pub auth: Auth,
    /// Who may connect over WebSocket; `None` is as `auth`.
    pub websocket_auth: Option<Auth>,
    /// Authentication timeout and ping interval of WebSocket links where they differ.
    pub websocket_auth_timeout: Option<Duration>,
    /// Ping interval of WebSocket links; `None` is as `limits`.
    pub websocket_ping_interval: Option<Duration>,
    /// Headers are not supported at all: HPUB is refused.
    pub no_headers: bool,
    /// Protocol traces are wanted as notices.
    pub trace: Option<TraceRules>,
    /// What clients' publications change their subjects by; `None` is by nothing.
    pub mappings: Option<Arc<Mappings>>,
}

/// How much of a payload protocol traces show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceRules {
    /// Only the header block, and nothing of payloads without one.
    pub headers_only: bool,
    /// Bytes of a payload that are shown; 0 is no limit.
    pub max_payload: usize,
}

/// The static ways in.
#[derive(Clone, Default)]
pub struct Auth {
    /// A CONNECT with good credentials is required.
    pub required: bool,
    /// Users and their passwords.
    pub users: Vec<(String, String)>,
    /// The token.
    pub token: Option<String>,
    /// Who connections without credentials become.
    pub no_auth_user: Option<String>,
    /// What those may do who may not do everything.
    pub permissions: BTreeMap<Identity, Arc<Permissions>>,
}

impl core::fmt::Debug for Auth {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let users: Vec<&str> = self.users.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Auth")
            .field("required", &self.required)
            .field("users", &users)
            .field("token", &self.token.is_some())
            .field("no_auth_user", &self.no_auth_user)
            .field("permissions", &self.permissions)
            .finish()
    }
}

/// Who a connection turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Identity {
    /// Nobody in particular: authentication is not required.
    Anonymous,
    /// A user with a password, or the one that stands for missing credentials.
    User(String),
    /// Somebody who knows the token.
    Token,
}

impl Auth {
    /// Checks credentials in nats-server's order: token, then user and password, then
    /// `no_auth_user` for those who bring none. `None` is a refusal.
    ///
    /// All comparisons take the same time wherever the first difference is.
    pub fn check(
        &self,
        user: Option<&str>,
        pass: Option<&str>,
        token: Option<&str>,
    ) -> Option<Identity> {
        if !self.required {
            return Some(Identity::Anonymous);
        }
        let given = |value: Option<&str>| value.is_some_and(|v| !v.is_empty());
        if !given(user) && !given(pass) && !given(token) {
            return self.no_auth_user.clone().map(Identity::User);
        }
        if let Some(expected) = &self.token {
            let token = token.unwrap_or_default();
            return same(expected.as_bytes(), token.as_bytes()).then_some(Identity::Token);
        }
        let (user, pass) = (user?, pass.unwrap_or_default());
        let (name, password) = self.users.iter().find(|(name, _)| name == user)?;
        same(password.as_bytes(), pass.as_bytes()).then(|| Identity::User(name.clone()))
    }
}

/// Compares without stopping at the first difference; only the length of `given` shows.
fn same(expected: &[u8], given: &[u8]) -> bool {
    let mut difference = expected.len() ^ given.len();
    for (index, byte) in given.iter().enumerate() {
        let other = expected.get(index).copied().unwrap_or(0);
        difference |= usize::from(byte ^ other);
    }
    std::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_match_whole_or_not_at_all() {
        let auth = Auth {
            required: true,
            users: vec![("a".into(), "secret".into()), ("empty".into(), String::new())],
            ..Auth::default()
        };
        let check = |user, pass| auth.check(Some(user), Some(pass), None).is_some();
        assert!(check("a", "secret"));
        for wrong in ["", "secre", "secret1", "Secret", "secreT"] {
            assert!(!check("a", wrong), "{wrong}");
        }
        assert!(!check("b", "secret"));
        assert!(check("empty", ""));
        assert!(auth.check(None, None, None).is_none());
        assert!(auth.check(None, None, Some("secret")).is_none());
    }

    #[test]
    fn missing_credentials_become_the_no_auth_user_and_wrong_ones_do_not() {
        let auth = Auth {
            required: true,
            users: vec![("guest".into(), "x".into())],
            no_auth_user: Some("guest".into()),
            ..Auth::default()
        };
        assert_eq!(auth.check(None, None, None), Some(Identity::User("guest".into())));
        assert_eq!(auth.check(Some("guest"), Some("y"), None), None);
    }
}
