//! One state machine per kind of peer. Clients now; leafs, routes and gateways get a folder beside
//! `client` with the same file names, so that what differs lies side by side.
//!
//! A link is the second room of a message's way: the parser's operations are checked here against
//! what this peer may say, then go on to the router.

pub(crate) mod client;
mod liveness;

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use hashbrown::HashTable;

use self::client::login::Waiting;

pub(crate) use self::liveness::{Liveness, Verdict};
use crate::account::{AccountId, Rules};
use crate::auth::link_permissions::LinkPermissions;
use crate::auth::{Auth, ConnectionType, Identity, Login, Nonce, PeerCertificate, Vouched};
use crate::id::LinkId;
use crate::outbound::Outbound;
use crate::settings::Settings;
use crate::shard::Traffic;
use crate::time::Time;
use crate::wire::{ConnectOptions, ParseRules, Parser, ServerInfo, quote};

/// How a peer's bytes travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// TCP, with or without TLS.
    Tcp,
    /// WebSocket, with or without TLS.
    WebSocket,
}

impl Transport {
    /// What a user's `allowed_connection_types` call it.
    pub const fn connection_type(self) -> ConnectionType {
        match self {
            Self::Tcp => ConnectionType::Standard,
            Self::WebSocket => ConnectionType::WebSocket,
        }
    }
}

/// What the driver knows about a peer when it opens a link.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The peer's address.
    pub peer: SocketAddr,
    /// The address a trusted proxy names as the real one; shown in logs only.
    pub forwarded_for: Option<Box<str>>,
    /// How the bytes travel.
    pub transport: Transport,
    /// What the server says of itself on this listener.
    pub info: Arc<ServerInfo>,
    /// A PROXY preamble or a TLS handshake follows the INFO; the driver tells its end with
    /// [`Shard::admitted`](crate::shard::Shard::admitted).
    pub info_first: bool,
    /// Whose address clients and monitoring are shown.
    pub origin: Origin,
    /// Credentials found in cookies; they stand in for those missing in CONNECT.
    pub cookies: Option<Box<CookieCredentials>>,
    /// Fresh from the driver's entropy: what the peer signs if it logs in by key.
    pub nonce: Nonce,
    /// The peer's verified certificate, as far as it is known yet.
    pub certificate: Option<Box<PeerCertificate>>,
}

impl Endpoint {
    /// A peer that speaks for itself, of which nothing more is known.
    pub fn new(
        peer: SocketAddr,
        transport: Transport,
        info: Arc<ServerInfo>,
        nonce: Nonce,
    ) -> Self {
        Self {
            peer,
            forwarded_for: None,
            transport,
            info,
            info_first: false,
            origin: Origin::Peer,
            cookies: None,
            nonce,
            certificate: None,
        }
    }
}

/// Who speaks through a connection. Log lines show the peer all the same (observed on nats-server
/// 2.15.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The peer itself.
    Peer,
    /// A PROXY preamble that may tell is still to come.
    Untold,
    /// A client of the proxy that is our peer.
    Behind(SocketAddr),
}

/// Credentials from the cookies of a WebSocket upgrade.
#[derive(Clone, Default)]
pub struct CookieCredentials {
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub pass: Option<String>,
    /// Token.
    pub token: Option<String>,
    /// User JWT.
    pub jwt: Option<String>,
}

impl core::fmt::Debug for CookieCredentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("CookieCredentials").finish_non_exhaustive()
    }
}

/// Where a client link stands (client-protocol.md 2.13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// INFO is out; the driver reads a PROXY preamble or shakes hands. Nothing is read.
    Entering,
    /// Only CONNECT is welcome, until the deadline.
    AwaitConnect(Time),
    /// What the client has shown is being checked elsewhere, until the deadline. Nothing is read:
    /// what comes is left to the driver.
    Deciding(Time),
    /// Everything is welcome.
    Open,
    /// Finished; what is pending may still be written. Nothing is read.
    Closing,
}

/// Whose time is over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Expiring {
    User,
    Account,
    /// The patience with too many subscriptions.
    Subscriptions,
}

/// What CONNECT switched on or off, before it arrives with the defaults of a silent client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    pub(crate) verbose: bool,
    pub(crate) pedantic: bool,
    pub(crate) echo: bool,
    /// Headers are in effect.
    pub(crate) headers: bool,
    pub(crate) no_responders: bool,
    /// Understands INFO at any time.
    pub(crate) async_info: bool,
    pub(crate) connected: bool,
    /// Its account has mappings.
    pub(crate) mapped: bool,
    /// Its publications say who it is, or at least nothing that it made up.
    pub(crate) stamped: bool,
    /// What it publishes may wait for the next: it is told nothing about each message, and nothing
    /// but its subject says what becomes of one.
    pub(crate) patient: bool,
    /// The PONG that follows CONNECT is out, and with it the one INFO that answers it.
    pub(crate) first_pong: bool,
}

/// One peer.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    /// The number clients see.
    pub(crate) cid: u64,
    pub(crate) opened: Time,
    pub(crate) phase: Phase,
    pub(crate) flags: Flags,
    pub(crate) parser: Parser,
    pub(crate) outbound: Outbound,
    /// Slots of this link's subscriptions, found by sid.
    pub(crate) sids: HashTable<u32>,
    pub(crate) endpoint: Box<Endpoint>,
    pub(crate) options: Option<Box<ConnectOptions>>,
    pub(crate) identity: Identity,
    /// The header block that its publications say who it is by; empty when they say nothing.
    pub(crate) stamp: Box<[u8]>,
    /// What [`Phase::Deciding`] waits for.
    pub(crate) awaited: Option<Box<Waiting>>,
    /// Questions asked about this link so far.
    pub(crate) calls: u32,
    /// What its user may not do; `None` for those who may do everything.
    pub(crate) permissions: Option<Box<LinkPermissions>>,
    pub(crate) liveness: Liveness,
    /// What came from it.
    pub(crate) received: Traffic,
    /// What was delivered to it.
    pub(crate) sent: Traffic,
    /// ... and is added to its account's by now.
    pub(crate) tallied: Traffic,
    /// The account it is in.
    pub(crate) account: AccountId,
    /// ... and counts in, which it does from its login on.
    pub(crate) member: bool,
    /// When its credentials end, or its account's.
    pub(crate) expires: Option<(Time, Expiring)>,
    /// Bytes of a payload that its account and its user allow.
    pub(crate) max_payload: usize,
    /// Subscriptions that they allow.
    pub(crate) max_subscriptions: usize,
    /// In the list of links to flush.
    pub(crate) dirty: bool,
    /// Since when the peer takes nothing of what waits for it.
    pub(crate) blocked_since: Option<Time>,
    /// Producers that wait until this link has caught up.
    pub(crate) waiting: Vec<LinkId>,
    /// This link is not read before then, because it was faster than its consumers.
    pub(crate) paused_until: Option<Time>,
    /// When the shard's timer queue looks at this link next.
    pub(crate) scheduled: Option<Time>,
    /// When a lame duck closes it.
    pub(crate) leave_at: Option<Time>,
}

impl Link {
    pub(crate) fn new(
        id: LinkId,
        cid: u64,
        now: Time,
        endpoint: Endpoint,
        settings: &Settings,
    ) -> Self {
        let interval = ping_interval(settings, endpoint.transport);
        let mut link = Self {
            id,
            cid,
            opened: now,
            phase: Phase::Entering,
            flags: Flags {
                verbose: true,
                pedantic: true,
                echo: true,
                headers: false,
                no_responders: false,
                async_info: false,
                connected: false,
                mapped: false,
                stamped: false,
                patient: false,
                first_pong: false,
            },
            parser: Parser::default(),
            outbound: Outbound::default(),
            sids: HashTable::new(),
            endpoint: Box::new(endpoint),
            options: None,
            identity: Identity::Anonymous,
            stamp: Box::default(),
            awaited: None,
            calls: 0,
            permissions: None,
            liveness: Liveness::new(now, interval),
            received: Traffic::default(),
            sent: Traffic::default(),
            tallied: Traffic::default(),
            account: AccountId::GLOBAL,
            member: false,
            expires: None,
            max_payload: usize::MAX,
            max_subscriptions: usize::MAX,
            dirty: false,
            blocked_since: None,
            waiting: Vec::new(),
            paused_until: None,
            scheduled: None,
            leave_at: None,
        };
        if !link.endpoint.info_first {
            link.greeted(now, settings);
        }
        link
    }

    /// The peer has the INFO (and TLS, where it is used): from now on it may speak.
    pub(crate) fn greeted(&mut self, now: Time, settings: &Settings) {
        self.phase = if self.auth(settings).required {
            Phase::AwaitConnect(now.after(self.auth_timeout(settings)))
        } else {
            Phase::Open
        };
    }

    /// How long the peer may take to authenticate.
    pub(crate) fn auth_timeout(&self, settings: &Settings) -> Duration {
        let special = match self.endpoint.transport {
            Transport::Tcp => None,
            Transport::WebSocket => settings.websocket_auth_timeout,
        };
        special.unwrap_or(settings.limits.auth_timeout)
    }

    pub(crate) fn auth<'s>(&self, settings: &'s Settings) -> &'s Auth {
        settings.auth_of(self.endpoint.transport)
    }

    /// Gives the link the permissions of its identity; says whether they are others than before.
    pub(crate) fn authorize(&mut self) -> bool {
        let rules = match &self.identity {
            Identity::User(user) => user.permissions.clone(),
            Identity::Anonymous | Identity::Token(_) => None,
        };
        if self.permissions.as_deref().map(LinkPermissions::rules) == rules.as_ref() {
            return false;
        }
        self.permissions = rules.map(|rules| Box::new(LinkPermissions::new(rules)));
        self.judge_patience();
        true
    }

    /// To be called when anything changes that [`Flags::patient`] depends on.
    pub(crate) fn judge_patience(&mut self) {
        let Flags { verbose, mapped, .. } = self.flags;
        let counted = |it: &LinkPermissions| it.rules().responses().is_some();
        let counted = self.permissions.as_deref().is_some_and(counted);
        let told = !self.stamp.is_empty();
        self.flags.patient = !(verbose || mapped || counted || told);
    }

    /// What the parser must hold against this peer.
    pub(crate) fn rules(&self, settings: &Settings) -> ParseRules {
        let auth = self.auth(settings);
        ParseRules {
            max_control_line: settings.limits.max_control_line,
            max_payload: self.max_payload(settings),
            headers: self.flags.headers,
            connect_only: matches!(self.phase, Phase::AwaitConnect(_))
                && !auth.lets_silence_in(self.endpoint.transport.connection_type()),
        }
    }

    /// Bytes of a payload that it may send.
    pub(crate) fn max_payload(&self, settings: &Settings) -> usize {
        settings.limits.max_payload.min(self.max_payload)
    }

    /// Subscriptions that it may have.
    pub(crate) fn max_subscriptions(&self, settings: &Settings) -> usize {
        match settings.limits.max_subscriptions {
            0 => self.max_subscriptions,
            of_server => of_server.min(self.max_subscriptions),
        }
    }

    /// Takes over what holds for its account and its user. `epoch` is when time began.
    pub(crate) fn obey(&mut self, rules: &Rules, epoch: Duration) {
        self.flags.mapped = rules.mappings.is_some();
        self.identify(rules);
        let payload = [rules.limits.payload, self.identity.limits().payload];
        self.max_payload = payload.into_iter().flatten().min().unwrap_or(usize::MAX);
        let subscriptions = [rules.limits.subscriptions, self.identity.limits().subscriptions];
        self.max_subscriptions = subscriptions.into_iter().flatten().min().unwrap_or(usize::MAX);
        let user = match &self.identity {
            Identity::User(user) => user.expires.map(|at| (at, Expiring::User)),
            Identity::Anonymous | Identity::Token(_) => None,
        };
        let account = rules.expires.map(|at| (at, Expiring::Account));
        let first = user.into_iter().chain(account).min();
        self.expires = first.map(|(at, what)| (Time::ZERO.after(at.saturating_sub(epoch)), what));
    }

    /// When this link wants attention next.
    pub(crate) fn deadline(&self, settings: &Settings) -> Option<Time> {
        let phase = match self.phase {
            Phase::Entering | Phase::Closing => None,
            Phase::AwaitConnect(until) => Some(self.liveness.due().min(until)),
            Phase::Deciding(until) => Some(until),
            Phase::Open => Some(self.liveness.due()),
        };
        let write = match self.phase {
            Phase::Closing => None,
            _ => self.blocked_since.map(|since| since.after(settings.limits.write_deadline)),
        };
        let expires = self.expires.map(|(at, _)| at).filter(|_| self.phase == Phase::Open);
        [phase, write, self.paused_until, self.leave_at, expires].into_iter().flatten().min()
    }

    /// The client's IP address as INFO tells it; empty before it is known.
    pub(crate) fn client_ip(&self) -> String {
        match self.endpoint.origin {
            Origin::Peer => self.endpoint.peer.ip().to_string(),
            Origin::Untold => String::new(),
            Origin::Behind(client) => client.ip().to_string(),
        }
    }

    /// The link in nats-server's log form.
    pub(crate) fn label(&self) -> String {
        use core::fmt::Write as _;
        let mut label = String::new();
        let peer = self.endpoint.peer;
        // Writing to a String cannot fail.
        let _ = match &self.endpoint.forwarded_for {
            Some(real) => write!(label, "{}/{real}:{}", peer.ip(), peer.port()),
            None => write!(label, "{peer}"),
        };
        let kind = match self.endpoint.transport {
            Transport::Tcp => "cid",
            Transport::WebSocket => "wid",
        };
        let _ = write!(label, " - {kind}:{}", self.cid);
        if let Some(options) = self.options.as_deref().filter(|_| self.flags.connected) {
            let version = match &*options.version {
                "" => String::new(),
                version => format!("v{version}"),
            };
            let parts = [version.as_str(), &*options.lang, &*options.name];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            if !parts.is_empty() {
                let _ = write!(label, " - {}", quote(parts.join(":").as_bytes()));
            }
            let nkey = options.credential(|all| &all.nkey);
            let user = options.credential(|all| &all.user);
            let who = match &self.identity {
                Identity::User(user) => {
                    let account = &user.account;
                    match &user.login {
                        Login::Nkey { text, .. } => format!("{account}/nkey:{text}"),
                        Login::Password { name, .. } => format!("{account}/user:{name}"),
                        Login::Statement { key, name, vouched, .. } => match vouched.as_deref() {
                            Some(Vouched { issuer: Some(_), account_name, .. }) => {
                                match &**account_name {
                                    "" => format!("{account}/jwt:{key}"),
                                    called => format!("{account}/{called}/jwt:{key}"),
                                }
                            }
                            // By the word of an auth callout service.
                            _ => format!("{account}/user:{name}"),
                        },
                    }
                }
                Identity::Token(_) => "$G/token".to_owned(),
                // Nobody asked for it, but it tells connections apart.
                Identity::Anonymous if !nkey.is_empty() => format!("$G/nkey:{nkey}"),
                Identity::Anonymous if !user.is_empty() => format!("$G/user:{user}"),
                Identity::Anonymous if !options.credential(|all| &all.auth_token).is_empty() => {
                    "$G/token".to_owned()
                }
                Identity::Anonymous => return label,
            };
            let _ = write!(label, " - {}", quote(who.as_bytes()));
        }
        label
    }
}

/// How often a link of this kind is pinged.
pub(crate) fn ping_interval(settings: &Settings, transport: Transport) -> Duration {
    match (transport, settings.websocket_ping_interval) {
        (Transport::WebSocket, Some(interval)) => interval,
        _ => settings.limits.ping_interval,
    }
}
