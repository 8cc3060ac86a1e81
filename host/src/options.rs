//! What a running server is told: the result of defaults, configuration file and flags.
//!
//! [`crate::config`] fills it from a file, [`crate::cli`] overlays flags, [`crate::server`] obeys.
//! Nothing here knows how it was spelled.

mod accounts;
mod callout;
mod declarations;
mod operators;
mod resolver;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nervure_core::Limits;
use nervure_core::account::SenderIdentity;
use nervure_core::auth::{ConnectionTypes, Permissions, PublicKey, Step};
use nervure_core::subject::mappings::Mapping;

pub use callout::{CalloutCacheOptions, CalloutOptions};

pub use accounts::{
    AccountLimitOptions, AccountOptions, ExportKind, ExportOptions, ImportKind, ImportOptions,
    LatencyOptions, Response, Sampling, ServiceOptions, TraceOptions,
};
pub use resolver::{
    CACHE_LIMIT, Deletion, DirectoryKind, DirectoryOptions, FETCH_TIMEOUT, ResolverOptions,
    SYNC_INTERVAL,
};

pub use operators::OperatorOptions;

/// Most shards of a server: more threads than that help nowhere, and each costs memory.
pub const MAX_SHARDS: usize = 256;

/// Where to listen. Port 0 asks the system for a free one (`-1` in files and flags). In an address
/// that is advertised, port 0 stands for the listener's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Host text as configured; it is shown in log lines and INFO.
    pub host: String,
    /// Port; 0 is "any free one".
    pub port: u16,
}

/// Everything a server needs to know to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The file the options came from.
    pub config_file: Option<PathBuf>,
    /// `sha256:...` of the configuration tree; empty without a file.
    pub config_digest: String,
    /// The client listener.
    pub listen: Listen,
    /// `host[:port]` told to clients instead of the listener's.
    pub client_advertise: Option<Listen>,
    /// Configured name; the server id when absent.
    pub server_name: Option<String>,
    /// Tags for monitoring, lower case.
    pub tags: Vec<String>,
    /// Free metadata for monitoring.
    pub metadata: BTreeMap<String, String>,
    /// Feature flags as configured.
    pub feature_flags: BTreeMap<String, bool>,
    /// What clients may use.
    pub limits: Limits,
    /// INFO says `headers:false` and HPUB is refused.
    pub no_header_support: bool,
    /// Size of the ring of closed connections kept for monitoring.
    pub max_closed_clients: usize,
    /// What a write that times out does to a client: close (false) or retry (true).
    pub write_timeout_retry: bool,
    /// Name of the cluster that this server is to be part of; subject mappings may depend on it.
    pub cluster_name: Option<String>,
    /// Subject mappings of the global account; the last one of a source counts.
    pub mappings: Vec<Mapping>,
    /// What messages say of the clients that publish them, in accounts that do not say otherwise.
    pub sender_identity: SenderIdentity,
    /// The accounts that are declared, in file order. The global one never is.
    pub accounts: Vec<AccountOptions>,
    /// The system account by name; `None` is nats-server's choice (reference security 7.2).
    pub system_account: Option<String>,
    /// No system account is made up where none is named or declared.
    pub no_system_account: bool,
    /// Who may connect.
    pub auth: AuthOptions,
    /// Operator mode.
    pub operators: OperatorOptions,
    /// Keys of proxies whose signatures count.
    pub trusted_proxies: Vec<PublicKey>,
    /// TLS on the client port.
    pub tls: Option<TlsOptions>,
    /// Plain clients are welcome on the TLS port too.
    pub allow_non_tls: bool,
    /// A PROXY protocol preamble precedes every client connection.
    pub proxy_protocol: bool,
    /// The WebSocket listener.
    pub websocket: Option<WebsocketOptions>,
    /// The monitoring listener, plain.
    pub http: Option<Listen>,
    /// The monitoring listener, TLS.
    pub https: Option<Listen>,
    /// Prefix of all monitoring paths, as configured.
    pub http_base_path: String,
    /// What is logged and where.
    pub log: LogOptions,
    /// File to write the process id to.
    pub pid_file: Option<PathBuf>,
    /// Directory to write the ports file to.
    pub ports_file_dir: Option<PathBuf>,
    /// How long lame duck mode lasts in all.
    pub lame_duck_duration: Duration,
    /// How long lame duck mode waits before it closes the first client.
    pub lame_duck_grace_period: Duration,
    /// Shards to run, at most [`MAX_SHARDS`]; 0 means one per processor.
    pub shards: usize,
    /// Keys that were accepted but are not acted upon yet, each as a ready warning line.
    pub not_yet: Vec<String>,
}

/// The static ways in.
#[derive(Clone, Default, PartialEq)]
pub struct AuthOptions {
    /// Users with passwords, those of accounts included. A single `user`/`password` pair is a list
    /// of one.
    pub users: Vec<User>,
    /// `users` holds the single `user`/`password` pair and not a list.
    pub single_user: bool,
    /// Users with keys, those of accounts included.
    pub nkeys: Vec<NkeyUser>,
    /// There is an `authorization` block, be it empty, or a flag that makes one.
    pub block: bool,
    /// The token, when that is the way in.
    pub token: Option<String>,
    /// The user, or key, that connections without credentials become.
    pub no_auth_user: Option<String>,
    /// Token and single user are good only behind a trusted proxy.
    pub proxy_required: bool,
    /// The steps of authentication that come first, in this order. Empty is nats-server's order.
    pub order: Vec<Step>,
    /// A service decides about most clients.
    pub callout: Option<CalloutOptions>,
}

impl std::fmt::Debug for AuthOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthOptions")
            .field("users", &self.users)
            .field("nkeys", &self.nkeys)
            .field("token", &self.token.as_ref().map(|_| "[REDACTED]"))
            .field("no_auth_user", &self.no_auth_user)
            .finish_non_exhaustive()
    }
}

/// A user with a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password, plain or bcrypt.
    pub password: String,
    /// How the user may come in.
    pub types: ConnectionTypes,
    /// The user has to come through a trusted proxy.
    pub proxy_required: bool,
    /// What the user may do, if it is not everything.
    pub permissions: Option<Arc<Permissions>>,
    /// The account that declares the user; `None` is the global one.
    pub account: Option<String>,
}

/// A user with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NkeyUser {
    /// The public key.
    pub key: PublicKey,
    /// How the user may come in.
    pub types: ConnectionTypes,
    /// The user has to come through a trusted proxy.
    pub proxy_required: bool,
    /// What the user may do, if it is not everything.
    pub permissions: Option<Arc<Permissions>>,
    /// The account that declares the user; `None` is the global one.
    pub account: Option<String>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A `tls` block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsOptions {
    /// Certificate and key file pairs (PEM), the first one preferred.
    pub certs: Vec<(PathBuf, PathBuf)>,
    /// Authorities for client certificates (PEM); the system's when absent.
    pub ca_file: Option<PathBuf>,
    /// Require and verify client certificates.
    pub verify: bool,
    /// Client certificates stand for users.
    pub verify_and_map: bool,
    /// How long the handshake may take.
    pub timeout: Option<Duration>,
    /// TLS before INFO.
    pub handshake_first: HandshakeFirst,
    /// Lowest protocol version is 1.3 instead of 1.2.
    pub min_tls13: bool,
    /// IANA names, in order of preference; empty means the library's.
    pub cipher_suites: Vec<String>,
    /// nats-server's curve names, in order of preference; empty means the library's.
    pub curve_preferences: Vec<String>,
    /// SHA-256 of acceptable peer SubjectPublicKeyInfos, lower-case hex; empty means any.
    pub pinned_certs: Vec<String>,
    /// Handshakes per second; 0 is no limit.
    pub connection_rate_limit: u32,
}

/// When the TLS handshake starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HandshakeFirst {
    /// After a plain INFO.
    #[default]
    No,
    /// Before INFO.
    Yes,
    /// Before INFO, falling back to a plain INFO after this much silence.
    Auto(Duration),
}

/// The `websocket` block.
#[derive(Clone, Debug, PartialEq)]
pub struct WebsocketOptions {
    /// The listener.
    pub listen: Listen,
    /// `host[:port]` told to clients instead.
    pub advertise: Option<Listen>,
    /// TLS; `None` is `no_tls: true`. A block without certificates was not configured at all and
    /// does not pass validation.
    pub tls: Option<TlsOptions>,
    /// Origins must equal the Host header.
    pub same_origin: bool,
    /// Origins that are welcome; empty means any.
    pub allowed_origins: Vec<String>,
    /// permessage-deflate is granted to who asks.
    pub compression: bool,
    /// Limit for TLS and upgrade together; none by default.
    pub handshake_timeout: Option<Duration>,
    /// Headers added to the 101 response.
    pub headers: Vec<(String, String)>,
    /// Cookie names for jwt, user, pass, token.
    pub cookies: Cookies,
    /// Overrides the server's ways in for WebSocket clients.
    pub auth: Option<AuthOptions>,
    /// Overrides the authentication timeout.
    pub auth_timeout: Option<Duration>,
    /// Overrides the ping interval.
    pub ping_interval: Option<Duration>,
}

/// Names of the cookies that carry credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookies {
    /// User JWT.
    pub jwt: Option<String>,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub pass: Option<String>,
    /// Token.
    pub token: Option<String>,
}

/// What is logged and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// DBG lines.
    pub debug: bool,
    /// TRC lines: the protocol of clients.
    pub trace: bool,
    /// TRC lines of the system account too.
    pub trace_verbose: bool,
    /// Traced payloads show only their headers.
    pub trace_headers: bool,
    /// Traced payloads are cut after this many bytes; 0 is no limit.
    pub max_traced_msg_len: usize,
    /// Lines carry date and time.
    pub logtime: bool,
    /// ... in UTC instead of local time.
    pub logtime_utc: bool,
    /// Log file; standard error when absent.
    pub file: Option<PathBuf>,
    /// Rotate the file above this size; 0 is never.
    pub size_limit: u64,
    /// Log files kept, the current one included; 0 is all.
    pub max_num: usize,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            debug: false,
            trace: false,
            trace_verbose: false,
            trace_headers: false,
            max_traced_msg_len: 0,
            logtime: true,
            logtime_utc: false,
            file: None,
            size_limit: 0,
            max_num: 0,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config_file: None,
            config_digest: String::new(),
            listen: Listen { host: "0.0.0.0".to_owned(), port: 4222 },
            client_advertise: None,
            server_name: None,
            tags: Vec::new(),
            metadata: BTreeMap::new(),
            feature_flags: BTreeMap::new(),
            limits: Limits::default(),
            no_header_support: false,
            max_closed_clients: 10_000,
            write_timeout_retry: false,
            cluster_name: None,
            mappings: Vec::new(),
            sender_identity: SenderIdentity::default(),
            accounts: Vec::new(),
            system_account: None,
            no_system_account: false,
            auth: AuthOptions::default(),
            operators: OperatorOptions::default(),
            trusted_proxies: Vec::new(),
            tls: None,
            allow_non_tls: false,
            proxy_protocol: false,
            websocket: None,
            http: None,
            https: None,
            http_base_path: String::new(),
            log: LogOptions::default(),
            pid_file: None,
            ports_file_dir: None,
            lame_duck_duration: Duration::from_secs(120),
            lame_duck_grace_period: Duration::from_secs(10),
            shards: 0,
            not_yet: Vec::new(),
        }
    }
}
