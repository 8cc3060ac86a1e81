//! Every option that a reload compares: whether it may change, and the line that says that it did.
//!
//! Names, lines and their order are nats-server's (observed on nats-server 2.15.1): the first row
//! that changed and may not is the one that is named. An option this version does not act upon
//! has no row unless it is kept in [`Options`].

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use super::ReloadError;
use crate::config::format_duration;
use crate::net::tls::DEFAULT_TIMEOUT;
use crate::options::{
    AuthOptions, HandshakeFirst, Listen, Options, TlsOptions, User, WebsocketOptions,
};

type Show = fn(&Options) -> String;
type Differ = fn(&Options, &Options) -> bool;

/// An option.
enum Row {
    /// Cannot change; two values are the same if they are shown the same.
    Fixed(&'static str, Show),
    /// Cannot change in what the function compares.
    FixedIn(&'static str, Differ, Show),
    /// May change; the line is `Reloaded: NAME = VALUE`.
    Value(&'static str, Show),
    /// May change; the line is this one.
    Line(Differ, Show),
}

use Row::{Fixed, FixedIn, Line, Value};

const TABLE: &[Row] = &[
    Fixed("ServerName", |o| o.server_name.clone().unwrap_or_default()),
    Fixed("Host", |o| o.listen.host.clone()),
    Fixed("Port", |o| port(Some(&o.listen))),
    Line(
        |a, b| a.client_advertise != b.client_advertise,
        // Not "Reloaded", in nats-server too.
        |o| format!("Reload: client_advertise = {}", address(o.client_advertise.as_ref())),
    ),
    Value("trace", |o| o.log.trace.to_string()),
    Value("debug", |o| o.log.debug.to_string()),
    Value("trace_verbose", |o| o.log.trace_verbose.to_string()),
    Value("trace_headers", |o| o.log.trace_headers.to_string()),
    Fixed("NoHeaderSupport", |o| o.no_header_support.to_string()),
    Value("logtime", |o| o.log.logtime.to_string()),
    Value("logtime_utc", |o| o.log.logtime_utc.to_string()),
    Value("max_connections", |o| o.limits.max_connections.to_string()),
    Fixed("MaxSubs", |o| o.limits.max_subscriptions.to_string()),
    Fixed("MaxSubTokens", |o| o.limits.max_sub_tokens.to_string()),
    Line(|_, _| true, |_| "Reloaded: authorization users".to_owned()),
    Line(|_, _| true, |_| "Reloaded: accounts".to_owned()),
    Fixed("NoAuthUser", |o| o.auth.no_auth_user.clone().unwrap_or_default()),
    Fixed("SystemAccount", |o| o.system_account.clone().unwrap_or_default()),
    Fixed("NoSystemAccount", |o| o.no_system_account.to_string()),
    Fixed("TrustedKeys", |o| format!("[{}]", o.operators.trusted_keys.join(" "))),
    FixedIn("TrustedOperators", |a, b| a.operators.operators != b.operators.operators, operators),
    // nats-server says it for the resolver as well.
    Line(|_, b| b.operators.resolver.is_some(), |_| "Reloaded: accounts".to_owned()),
    Line(
        |a, b| single(&a.auth).map(|user| &user.name) != single(&b.auth).map(|user| &user.name),
        |_| "Reloaded: authorization username".to_owned(),
    ),
    Line(
        |a, b| {
            let password = |o| single(o).map(|user| &user.password);
            password(&a.auth) != password(&b.auth)
        },
        |_| "Reloaded: authorization password".to_owned(),
    ),
    Fixed("ProxyProtocol", |o| o.proxy_protocol.to_string()),
    Line(|a, b| a.auth.token != b.auth.token, |_| "Reloaded: authorization token".to_owned()),
    Value("ping_interval", |o| time(o.limits.ping_interval)),
    Value("ping_max", |o| o.limits.ping_max.to_string()),
    Fixed("HTTPHost", |o| o.http.as_ref().or(o.https.as_ref()).unwrap_or(&o.listen).host.clone()),
    Fixed("HTTPPort", |o| port(o.http.as_ref())),
    Fixed("HTTPBasePath", |o| o.http_base_path.clone()),
    Fixed("HTTPSPort", |o| port(o.https.as_ref())),
    Value("authorization timeout", |o| o.limits.auth_timeout.as_secs_f64().to_string()),
    Value("max_control_line", |o| o.limits.max_control_line.to_string()),
    Value("max_payload", |o| o.limits.max_payload.to_string()),
    Fixed("MaxPending", |o| o.limits.max_pending.to_string()),
    Line(
        |a, b| a.limits.no_fast_producer_stall != b.limits.no_fast_producer_stall,
        |o| {
            let not = if o.limits.no_fast_producer_stall { "not " } else { "" };
            format!("Reloaded: fast producers will {not}be stalled")
        },
    ),
    FixedIn(
        "Websocket",
        |a, b| websocket(a) != websocket(b) || websocket_secrets(a) != websocket_secrets(b),
        websocket,
    ),
    Line(
        // One that is not written any more is not worth a line.
        |a, b| b.pid_file.is_some() && a.pid_file != b.pid_file,
        |o| format!("Reloaded: pid_file = {}", path(o.pid_file.as_deref())),
    ),
    Value("ports_file_dir", |o| path(o.ports_file_dir.as_deref())),
    Value("log_file", |o| path(o.log.file.as_deref())),
    Fixed("LogSizeLimit", |o| o.log.size_limit.to_string()),
    Fixed("LogMaxFiles", |o| o.log.max_num.to_string()),
    Value("tls timeout", |o| {
        let timeout = o.tls.as_ref().and_then(|tls| tls.timeout);
        timeout.unwrap_or(DEFAULT_TIMEOUT).as_secs_f64().to_string()
    }),
    Line(
        |a, b| a.tls.as_ref().map(tls_session) != b.tls.as_ref().map(tls_session),
        |o| {
            let state = if o.tls.is_some() { "enabled" } else { "disabled" };
            format!("Reloaded: tls = {state}")
        },
    ),
    Fixed("TLSRateLimit", |o| {
        o.tls.as_ref().map_or(0, |tls| tls.connection_rate_limit).to_string()
    }),
    Fixed("AllowNonTLS", |o| o.allow_non_tls.to_string()),
    Line(|a, b| pins(a) != pins(b), |o| format!("Reloaded: {} pinned_certs", pins(o).len())),
    Line(
        |a, b| handshake_first(a).0 != handshake_first(b).0,
        |o| format!("Reloaded: Client TLS handshake first: {}", handshake_first(o).0),
    ),
    Line(
        |a, b| handshake_first(a).1 != handshake_first(b).1,
        |o| {
            let delay = time(handshake_first(o).1);
            format!("Reloaded: Client TLS handshake first fallback delay: {delay}")
        },
    ),
    Value("write_deadline", |o| time(o.limits.write_deadline)),
    Fixed("WriteTimeout", |o| if o.write_timeout_retry { "retry" } else { "" }.to_owned()),
    Fixed("MaxClosedClients", |o| o.max_closed_clients.to_string()),
    Fixed("LameDuckDuration", |o| time(o.lame_duck_duration)),
    Fixed("LameDuckGracePeriod", |o| time(o.lame_duck_grace_period)),
    Value("max_traced_msg_len", |o| o.log.max_traced_msg_len.to_string()),
    Line(|a, b| a.tags != b.tags, |_| "Reloaded: tags".to_owned()),
    Line(|a, b| a.metadata != b.metadata, |_| "Reloaded: metadata".to_owned()),
    Fixed("FeatureFlags", |o| map(&o.feature_flags)),
    // Ours alone.
    Fixed("Shards", |o| o.shards.to_string()),
];

/// The first change that is not possible.
pub(super) fn refusal(old: &Options, new: &Options) -> Option<ReloadError> {
    TABLE.iter().find_map(|row| {
        let (name, show, differs) = match row {
            Fixed(name, show) => (name, show, show(old) != show(new)),
            FixedIn(name, differ, show) => (name, show, differ(old, new)),
            Value(..) | Line(..) => return None,
        };
        differs.then(|| ReloadError::Fixed { name, old: show(old), new: show(new) })
    })
}

/// What the log is told, a line each.
pub(super) fn lines(old: &Options, new: &Options) -> impl Iterator<Item = String> {
    TABLE.iter().filter_map(|row| match row {
        Fixed(..) | FixedIn(..) => None,
        Value(name, show) => {
            let value = show(new);
            (value != show(old)).then(|| format!("Reloaded: {name} = {value}"))
        }
        Line(differ, show) => differ(old, new).then(|| show(new)),
    })
}

fn time(duration: Duration) -> String {
    format_duration(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

fn path(path: Option<&Path>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

/// A listener's port as a file would have it: -1 is "any free one", 0 is none.
fn port(listen: Option<&Listen>) -> String {
    match listen.map(|listen| listen.port) {
        None => "0".to_owned(),
        Some(0) => "-1".to_owned(),
        Some(port) => port.to_string(),
    }
}

/// `host[:port]`.
fn address(address: Option<&Listen>) -> String {
    match address {
        None => String::new(),
        Some(Listen { host, port: 0 }) => host.clone(),
        Some(Listen { host, port }) if host.contains(':') => format!("[{host}]:{port}"),
        Some(Listen { host, port }) => format!("{host}:{port}"),
    }
}

/// A map as nats-server shows it.
fn map<'a, K: Display + 'a, V: Display + 'a>(
    entries: impl IntoIterator<Item = (&'a K, &'a V)>,
) -> String {
    let mut entries: Vec<String> =
        entries.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
    entries.sort();
    format!("map[{}]", entries.join(" "))
}

/// Operators by key, and their names.
fn operators(options: &Options) -> String {
    let operators = options.operators.operators.iter();
    map(operators.map(|operator| (&operator.sub, &operator.name)))
}

/// The single user.
fn single(auth: &AuthOptions) -> Option<&User> {
    auth.users.first().filter(|_| auth.single_user)
}

/// What a TLS session is made of; the rest has rows of its own.
fn tls_session(tls: &TlsOptions) -> TlsOptions {
    TlsOptions {
        timeout: None,
        handshake_first: HandshakeFirst::No,
        pinned_certs: Vec::new(),
        connection_rate_limit: 0,
        ..tls.clone()
    }
}

fn pins(options: &Options) -> &[String] {
    options.tls.as_ref().map_or(&[], |tls| &tls.pinned_certs)
}

/// Whether TLS comes before INFO, and after how much silence it does not.
fn handshake_first(options: &Options) -> (bool, Duration) {
    match options.tls.as_ref().map(|tls| tls.handshake_first) {
        None | Some(HandshakeFirst::No) => (false, Duration::ZERO),
        Some(HandshakeFirst::Yes) => (true, Duration::ZERO),
        Some(HandshakeFirst::Auto(delay)) => (true, delay),
    }
}

/// Ways in that the WebSocket listener has for itself. Those it takes over from the server may
/// change with them.
fn websocket_auth(options: &Options) -> Option<&AuthOptions> {
    let (auth, server) = (options.websocket.as_ref()?.auth.as_ref()?, &options.auth);
    (auth.users != server.users || auth.token != server.token).then_some(auth)
}

/// What [`websocket`] must not show.
fn websocket_secrets(options: &Options) -> Option<(&[User], Option<&str>)> {
    websocket_auth(options).map(|auth| (auth.users.as_slice(), auth.token.as_deref()))
}

/// The `websocket` block in the form of nats-server's line, but for its secrets. Of `tls` only
/// what cannot change is shown: whether it is there, and the pinned certificates.
fn websocket(options: &Options) -> String {
    let Some(ws) = &options.websocket else {
        return "{ 0          0 false <nil> false map[] false [] false 0s 0s map[] <nil>}"
            .to_owned();
    };
    let WebsocketOptions { cookies, tls, .. } = ws;
    let own = websocket_auth(options);
    let user = own.and_then(single);
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    let secret = |given: bool| if given { "[REDACTED]" } else { "" }.to_owned();
    let pinned = tls.iter().flat_map(|tls| &tls.pinned_certs).map(|pin| (pin, &"{}"));
    let tls = if tls.is_some() { "tls" } else { "<nil>" }.to_owned();
    let fields = [
        ws.listen.host.clone(),
        ws.listen.port.to_string(),
        address(ws.advertise.as_ref()),
        text(ws.auth.as_ref().and_then(|auth| auth.no_auth_user.as_ref())),
        text(cookies.jwt.as_ref()),
        text(cookies.user.as_ref()),
        text(cookies.pass.as_ref()),
        text(cookies.token.as_ref()),
        text(user.map(|user| &user.name)),
        secret(user.is_some_and(|user| !user.password.is_empty())),
        secret(own.is_some_and(|auth| auth.token.is_some())),
        ws.auth_timeout.unwrap_or_default().as_secs_f64().to_string(),
        ws.tls.is_none().to_string(),
        tls.clone(),
        ws.tls.as_ref().is_some_and(|tls| tls.verify_and_map).to_string(),
        map(pinned),
        ws.same_origin.to_string(),
        format!("[{}]", ws.allowed_origins.join(" ")),
        ws.compression.to_string(),
        time(ws.handshake_timeout.unwrap_or_default()),
        time(ws.ping_interval.unwrap_or_default()),
        map(ws.headers.iter().map(|(name, value)| (name, value))),
        tls,
    ];
    format!("{{{}}}", fields.join(" "))
}
