//! The top level (reference section 2.2), and what only the whole file tells.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::duration::format_duration;
use super::super::value::{Pos, Value};
use super::accounts::{self, Accounts};
use super::authorization::{Authorization, BLOCK as AUTHORIZATION};
use super::jetstream::{self, JetStream};
use super::scalar::{count, nanos, path};
use super::tls::DEFAULT_TIMEOUT;
use super::{Block, Decoder, Effect, Entry, Key, Kind, later, now, skip};
use super::{cluster, leafnodes, mqtt, resolver, websocket};
use crate::options::{Listen, MAX_SHARDS, Options};

/// Lame duck mode must leave clients this long, in nanoseconds.
const MIN_LAME_DUCK: i64 = 30_000_000_000;

/// Most subject tokens that can be a limit.
const MAX_SUB_TOKENS: i64 = 255;

/// The port clients expect.
const DEFAULT_PORT: i64 = 4222;

/// A client that must authenticate has this much longer than TLS may take.
const AUTH_AFTER_TLS: Duration = Duration::from_secs(1);

/// The file while it is read.
#[derive(Default)]
pub(super) struct Draft {
    options: Options,
    host: Option<String>,
    port: i64,
    client_advertise: String,
    http_host: Option<String>,
    http_port: i64,
    https_port: i64,
    authorization: Authorization,
    authorization_block: bool,
    no_auth_user: String,
    accounts: Accounts,
    websocket: Option<websocket::Draft>,
    /// Limit without which payloads are bounded by what may wait for a link.
    unlimited_payload: bool,
    store_dir: bool,
}

pub(super) const BLOCK: Block<Draft> = Block::new(KEYS);

const KEYS: &[Key<Draft>] = &[
    // Listeners and identity.
    now(
        &["listen"],
        Kind::HostPort(|d, host, port| {
            d.host = host.or(d.host.take());
            d.port = port;
        }),
    ),
    now(&["host", "net"], Kind::String(|d, text| d.host = Some(text))),
    now(&["port"], Kind::Int(|d, port| d.port = port)),
    now(&["client_advertise"], Kind::String(|d, text| d.client_advertise = text)),
    now(&["server_name"], Kind::Custom(server_name)),
    now(&["server_tags"], Kind::Custom(server_tags)),
    now(&["server_metadata"], Kind::Custom(server_metadata)),
    now(&["feature_flags"], Kind::Custom(feature_flags)),
    now(&["proxy_protocol"], Kind::Bool(|d, on| d.options.proxy_protocol = on)),
    now(&["no_header_support"], Kind::Bool(|d, on| d.options.no_header_support = on)),
    // nats-server does not know this one.
    now(&["shards"], Kind::Custom(shards)),
    now(&["allow_non_tls"], Kind::Bool(|d, on| d.options.allow_non_tls = on)),
    now(
        &["tls"],
        Kind::Custom(|decoder, d, entry| {
            d.options.tls = decoder.tls(entry.node, false).or(d.options.tls.take());
        }),
    ),
    now(
        websocket::KEYS,
        Kind::Custom(|decoder, d, entry| d.websocket = websocket::read(decoder, entry)),
    ),
    // Logging and files.
    now(&["debug"], Kind::Bool(|d, on| d.options.log.debug = on)),
    now(&["trace"], Kind::Bool(|d, on| d.options.log.trace = on)),
    now(
        &["trace_verbose"],
        Kind::Bool(|d, on| {
            d.options.log.trace_verbose = on;
            d.options.log.trace = on;
        }),
    ),
    now(
        &["trace_headers"],
        Kind::Bool(|d, on| {
            d.options.log.trace_headers = on;
            d.options.log.trace = on;
        }),
    ),
    now(&["max_traced_msg_len"], Kind::Int(|d, n| d.options.log.max_traced_msg_len = count(n))),
    now(&["logtime"], Kind::Bool(|d, on| d.options.log.logtime = on)),
    now(&["logtime_utc"], Kind::Bool(|d, on| d.options.log.logtime_utc = on)),
    now(&["log_file", "logfile"], Kind::String(|d, text| d.options.log.file = path(text))),
    now(
        &["log_size_limit", "logfile_size_limit"],
        Kind::Int(|d, n| d.options.log.size_limit = u64::try_from(n).unwrap_or(0)),
    ),
    now(&["log_max_num", "logfile_max_num"], Kind::Int(|d, n| d.options.log.max_num = count(n))),
    later(&["syslog"], Kind::Bool(skip)),
    later(&["remote_syslog"], Kind::String(skip)),
    now(&["pid_file", "pidfile"], Kind::String(|d, text| d.options.pid_file = path(text))),
    now(&["ports_file_dir"], Kind::String(|d, text| d.options.ports_file_dir = path(text))),
    later(&["prof_port"], Kind::Int(skip)),
    later(&["prof_block_rate"], Kind::Int(skip)),
    // Monitoring.
    now(
        &["http"],
        Kind::HostPort(|d, host, port| {
            d.http_host = host.or(d.http_host.take());
            d.http_port = port;
        }),
    ),
    now(
        &["https"],
        Kind::HostPort(|d, host, port| {
            d.http_host = host.or(d.http_host.take());
            d.https_port = port;
        }),
    ),
    now(&["http_port", "monitor_port"], Kind::Int(|d, port| d.http_port = port)),
    now(&["https_port"], Kind::Int(|d, port| d.https_port = port)),
    now(&["http_base_path"], Kind::String(|d, text| d.options.http_base_path = text)),
    // Who may connect.
    now(&["authorization"], Kind::Custom(authorization)),
    now(
        &["accounts"],
        Kind::Custom(|decoder, d, entry| accounts::read(decoder, &mut d.accounts, entry)),
    ),
    now(&["no_auth_user"], Kind::String(|d, text| d.no_auth_user = text)),
    now(
        &["system_account", "system"],
        Kind::StringElse("system account name must be a string", |d, text| {
            d.options.system_account = (!text.is_empty()).then_some(text);
        }),
    ),
    now(
        &["no_system_account", "no_system", "no_sys_acc"],
        Kind::Bool(|d, on| d.options.no_system_account = on),
    ),
    now(
        &["default_sentinel"],
        Kind::String(|d, text| {
            d.options.operators.sentinel = Some(text).filter(|text| !text.is_empty());
        }),
    ),
    now(
        &["mappings", "maps"],
        Kind::Custom(|decoder, d, e| d.options.mappings.extend(decoder.mappings(e.node))),
    ),
    now(
        &["sender_identity"],
        Kind::Custom(|decoder, d, e| d.options.sender_identity = decoder.sender_identity(e)),
    ),
    later(&["default_js_domain"], Kind::Custom(|d, _, e| resolver::default_domains(d, e))),
    now(
        &["proxies"],
        Kind::Custom(|decoder, d, e| d.options.trusted_proxies = resolver::proxies(decoder, e)),
    ),
    now(
        &["operator", "operators", "root", "roots", "root_operator", "root_operators"],
        Kind::Custom(|decoder, d, entry| {
            d.options.operators.operators = resolver::operators(decoder, entry);
        }),
    ),
    now(
        &["trusted", "trusted_keys"],
        Kind::Custom(|decoder, d, entry| {
            d.options.operators.trusted_keys = resolver::trusted(decoder, entry);
        }),
    ),
    now(
        &["resolver", "account_resolver", "accounts_resolver"],
        Kind::Custom(|decoder, d, entry| {
            d.options.operators.resolver = resolver::resolver(decoder, entry);
        }),
    ),
    now(
        &["resolver_tls"],
        Kind::Custom(|decoder, d, e| d.options.operators.resolver_tls = decoder.quiet_tls(e)),
    ),
    now(
        &["resolver_preload"],
        Kind::Custom(|decoder, d, entry| {
            d.options.operators.preload = resolver::preload(decoder, entry);
        }),
    ),
    now(
        &["resolver_pinned_accounts"],
        Kind::Custom(|decoder, d, entry| {
            let pinned = decoder.string_list("resolver_pinned_accounts", entry.node);
            d.options.operators.pinned = pinned.unwrap_or_default();
        }),
    ),
    later(&["ocsp"], Kind::Custom(|decoder, _, entry| resolver::ocsp(decoder, entry))),
    later(&["ocsp_cache"], Kind::Custom(|decoder, _, e| resolver::ocsp_cache(decoder, e))),
    // Other kinds of links, and storage.
    later(
        &["cluster"],
        Kind::Custom(|decoder, d, entry| {
            d.options.cluster_name = cluster::cluster(decoder, entry);
        }),
    ),
    later(&["gateway"], Kind::Custom(|decoder, _, entry| cluster::gateway(decoder, entry))),
    later(
        &["leafnodes", "leaf"],
        Kind::Custom(|decoder, _, entry| leafnodes::leafnodes(decoder, entry)),
    ),
    later(&["mqtt"], Kind::Custom(|decoder, _, entry| mqtt::mqtt(decoder, entry))),
    Key {
        names: &["jetstream"],
        kind: Kind::Custom(|decoder, d, entry| {
            let mut found = JetStream::default();
            jetstream::of_server(decoder, &mut found, entry);
            if found.store_dir {
                store_dir(decoder, d, entry.pos());
            }
        }),
        effect: Effect::LaterEvenEmpty,
    },
    now(
        &["store_dir", "storedir"],
        Kind::Custom(|decoder, d, entry| match entry.value() {
            Value::String(_) => store_dir(decoder, d, entry.pos()),
            _ => decoder.wrong_type(entry.node, "string"),
        }),
    ),
    later(&["connect_error_reports"], Kind::Int(skip)),
    later(&["reconnect_error_reports"], Kind::Int(skip)),
    // Limits and times.
    now(
        &["max_connections", "max_conn"],
        Kind::Int(|d, n| d.options.limits.max_connections = count(n)),
    ),
    now(
        &["max_subscriptions", "max_subs"],
        Kind::Int(|d, n| d.options.limits.max_subscriptions = count(n)),
    ),
    now(&["max_sub_tokens", "max_subscription_tokens"], Kind::Custom(max_sub_tokens)),
    now(&["max_control_line"], Kind::Custom(max_control_line)),
    now(&["max_payload"], Kind::Custom(max_payload)),
    now(
        &["max_pending"],
        Kind::Int(|d, n| {
            if n != 0 {
                d.options.limits.max_pending = count(n);
            }
        }),
    ),
    later(
        &["max_closed_clients"],
        Kind::Int(|d, n| {
            if n != 0 {
                d.options.max_closed_clients = count(n);
            }
        }),
    ),
    now(
        &["ping_interval"],
        Kind::Interval(|d, n| set_time(&mut d.options.limits.ping_interval, n)),
    ),
    now(
        &["ping_max"],
        Kind::Int(|d, n| {
            if n != 0 {
                d.options.limits.ping_max = u32::try_from(n.max(0)).unwrap_or(u32::MAX);
            }
        }),
    ),
    now(
        &["write_deadline"],
        Kind::Interval(|d, n| set_time(&mut d.options.limits.write_deadline, n)),
    ),
    later(
        &["write_timeout"],
        Kind::Custom(|decoder, d, entry| {
            if let Some(retry) = write_timeout(decoder, entry) {
                d.options.write_timeout_retry = retry;
            }
        }),
    ),
    now(
        &["no_fast_producer_stall"],
        Kind::Bool(|d, on| d.options.limits.no_fast_producer_stall = on),
    ),
    now(&["lame_duck_duration"], Kind::Custom(lame_duck_duration)),
    now(&["lame_duck_grace_period"], Kind::Custom(lame_duck_grace_period)),
    later(&["disable_sublist_cache", "no_sublist_cache"], Kind::Bool(skip)),
];

/// Zero keeps the default, as in nats-server.
fn set_time(slot: &mut Duration, value: i64) {
    if value != 0 {
        *slot = nanos(value);
    }
}

fn server_name(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    match entry.value() {
        Value::String(text) if text.contains(' ') => {
            decoder.error(entry.pos(), "server name cannot contain spaces");
        }
        Value::String(text) => {
            out.options.server_name = (!text.is_empty()).then(|| text.clone());
        }
        _ => decoder.wrong_type(entry.node, "string"),
    }
}

fn server_tags(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    if let Value::Array(items) = entry.value()
        && items.iter().any(|item| !matches!(&*item.value, Value::String(_)))
    {
        return decoder.error(
            entry.pos(),
            "error parsing tags: unsupported type *conf.token where string is expected",
        );
    }
    if let Some(tags) = decoder.string_list("tags", entry.node) {
        let tags = tags.into_iter().map(|tag| tag.trim().to_lowercase());
        out.options.tags = tags.filter(|tag| !tag.is_empty()).collect();
    }
}

fn server_metadata(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    let Value::Map(map) = entry.value() else {
        let kind = entry.value().type_name();
        return decoder
            .error(entry.pos(), format!("error parsing metadata: unsupported type {kind}"));
    };
    let mut metadata = BTreeMap::new();
    for (key, node) in map.iter() {
        match &*node.value {
            Value::String(text) => drop(metadata.insert(key.to_owned(), text.clone())),
            _ => decoder.wrong_type(node, "string"),
        }
    }
    out.options.metadata = metadata;
}

fn feature_flags(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    let Value::Map(map) = entry.value() else {
        let kind = entry.value().type_name();
        return decoder
            .error(entry.pos(), format!("error parsing feature flags: unsupported type {kind}"));
    };
    let mut flags = BTreeMap::new();
    for (key, node) in map.iter() {
        match &*node.value {
            Value::Bool(on) => drop(flags.insert(key.to_owned(), *on)),
            other => {
                let kind = other.type_name();
                decoder.error(
                    &node.pos,
                    format!("error parsing feature flag {key:?}: expected bool, got {kind}"),
                );
            }
        }
    }
    out.options.feature_flags = flags;
}

fn max_sub_tokens(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    let name = entry.name;
    match entry.value() {
        Value::Int(n) if *n > MAX_SUB_TOKENS => {
            decoder.error(entry.pos(), format!("{name} value is too big"));
        }
        Value::Int(n) if *n <= 0 => {
            decoder.error(entry.pos(), format!("{name} value can not be negative"));
        }
        Value::Int(n) => out.options.limits.max_sub_tokens = count(*n),
        _ => decoder.wrong_type(entry.node, "int64"),
    }
}

fn shards(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    let Value::Int(n) = entry.value() else { return decoder.wrong_type(entry.node, "int64") };
    match usize::try_from(*n) {
        Ok(n @ ..=MAX_SHARDS) => out.options.shards = n,
        _ => decoder.error(entry.pos(), format!("shards must be between 0 and {MAX_SHARDS}")),
    }
}

/// An integer that must fit 32 bits.
fn int32(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Option<i64> {
    match entry.value() {
        Value::Int(n) if *n > i64::from(i32::MAX) => {
            let name = entry.name;
            decoder.error(entry.pos(), format!("{name} value is too big"));
            None
        }
        Value::Int(n) => Some(*n),
        _ => {
            decoder.wrong_type(entry.node, "int64");
            None
        }
    }
}

fn max_control_line(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    if let Some(n) = int32(decoder, entry).filter(|n| *n != 0) {
        out.options.limits.max_control_line = count(n);
    }
}

fn max_payload(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    if let Some(n) = int32(decoder, entry).filter(|n| *n != 0) {
        out.unlimited_payload = n < 0;
        out.options.limits.max_payload = count(n);
    }
}

/// What a write that times out does: whether it is retried.
pub(super) fn write_timeout(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Option<bool> {
    match entry.value() {
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "default" | "close" => return Some(false),
            "retry" => return Some(true),
            _ => decoder.error(entry.pos(), "write_timeout must be 'default', 'close' or 'retry'"),
        },
        _ => decoder.wrong_type(entry.node, "string"),
    }
    None
}

fn lame_duck_duration(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    match decoder.duration(entry) {
        Some(value) if value < MIN_LAME_DUCK => {
            let value = format_duration(value);
            decoder.error(
                entry.pos(),
                format!("invalid lame_duck_duration of {value}, minimum is 30 seconds"),
            );
        }
        Some(value) => out.options.lame_duck_duration = nanos(value),
        None => {}
    }
}

fn lame_duck_grace_period(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    match decoder.duration(entry) {
        Some(value) if value < 0 => {
            decoder.error(entry.pos(), "invalid lame_duck_grace_period, needs to be positive");
        }
        Some(value) => set_time(&mut out.options.lame_duck_grace_period, value),
        None => {}
    }
}

fn store_dir(decoder: &mut Decoder<'_>, out: &mut Draft, pos: &Pos) {
    if out.store_dir {
        decoder.error(pos, "Duplicate 'store_dir' configuration");
    }
    out.store_dir = true;
}

fn authorization(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    let mut found = Authorization::default();
    if !decoder.walk_node(&AUTHORIZATION, &mut found, entry.node) {
        return;
    }
    if let Some(text) = found.conflict(!out.accounts.users.is_empty()) {
        decoder.error(entry.pos(), text);
    }
    // nats-server names the first only.
    if let Some(text) = found.users.duplicates(&mut out.accounts.taken).first() {
        decoder.error(entry.pos(), text);
    }
    if !found.token.is_empty() {
        out.accounts.conflict = Some("Can not have a token and accounts");
    } else if !found.user.is_empty() || !found.password.is_empty() {
        out.accounts.conflict = Some("Can not have a single user/pass and accounts");
    }
    out.authorization = found;
    out.authorization_block = true;
}

impl Draft {
    /// The options, from all that was read.
    pub(super) fn finish(self, decoder: &mut Decoder<'_>) -> Options {
        let mut options = self.options;
        let host = self.host.filter(|host| !host.is_empty());
        let host = host.unwrap_or_else(|| options.listen.host.clone());
        let port = if self.port == 0 { DEFAULT_PORT } else { self.port };
        if let Some(listen) = decoder.listen(&host, port) {
            options.listen = listen;
        }
        options.client_advertise = decoder.advertise("client_advertise", &self.client_advertise);
        let http_host = self.http_host.filter(|host| !host.is_empty()).unwrap_or(host);
        let mut monitor = |port| -> Option<Listen> { decoder.listen(&http_host, port) };
        options.http = monitor(self.http_port);
        options.https = monitor(self.https_port);

        options.limits.auth_timeout =
            self.authorization.timeout.unwrap_or_else(|| match &options.tls {
                Some(tls) => tls.timeout.unwrap_or(DEFAULT_TIMEOUT) + AUTH_AFTER_TLS,
                None => options.limits.auth_timeout,
            });
        if self.unlimited_payload {
            options.limits.max_payload = options.limits.max_pending;
        }
        options.auth = self.authorization.options().unwrap_or_default();
        options.auth.block = self.authorization_block;
        options.auth.users.extend(self.accounts.users.named);
        options.auth.nkeys.extend(self.accounts.users.nkeys);
        accounts::check_exports(decoder, &self.accounts.list);
        options.accounts = self.accounts.list;
        options.auth.no_auth_user = (!self.no_auth_user.is_empty()).then_some(self.no_auth_user);
        options.websocket =
            self.websocket.and_then(|websocket| websocket.finish(decoder, &options.auth));
        decoder.check_callout(&options);
        accounts::check_together(decoder, &options);
        options
    }
}
