//! The configuration in force: an immutable snapshot that every shard holds and that is swapped
//! whole.

use core::time::Duration;
use std::sync::Arc;

use crate::account::Accounts;
use crate::auth::Auth;
use crate::id::ServerHash;
use crate::limits::Limits;
use crate::link::Transport;

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
    /// The name of the cluster; empty without one.
    pub cluster: Box<str>,
    /// When [`Time::ZERO`](crate::Time::ZERO) was, since the start of 1970. Only shown.
    pub epoch: Duration,
    /// What other servers know this one by.
    pub server_hash: ServerHash,
    /// The accounts, with their mappings, imports and limits.
    pub accounts: Arc<Accounts>,
}

impl Settings {
    /// The ways in for links of this kind.
    pub fn auth_of(&self, transport: Transport) -> &Auth {
        match (transport, &self.websocket_auth) {
            (Transport::WebSocket, Some(auth)) => auth,
            _ => &self.auth,
        }
    }
}

/// How much of a payload protocol traces show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceRules {
    /// Only the header block, and nothing of payloads without one.
    pub headers_only: bool,
    /// Bytes of a payload that are shown; 0 is no limit.
    pub max_payload: usize,
}
