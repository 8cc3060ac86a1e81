//! What the keys of a configuration file mean (config-and-operations.md section 2).

use std::path::PathBuf;
use std::time::Duration;

use super::blocks::{tls, websocket};
use super::value::{Kind, Position, Value};
use crate::options::{Listen, Options, User};

/// Everything that is wrong, in the order of the file.
type Errors = Vec<(Position, String)>;

/// Keys of nats-server that change nothing yet but harm nobody when they are left out.
const HARMLESS: &[&str] = &[
    "connect_error_reports",
    "disable_sublist_cache",
    "feature_flags",
    "https",
    "https_port",
    "max_closed_clients",
    "no_sublist_cache",
    "no_sys_acc",
    "no_system",
    "no_system_account",
    "prof_block_rate",
    "prof_port",
    "reconnect_error_reports",
    "remote_syslog",
    "server_metadata",
    "syslog",
    "write_timeout",
];

/// Keys of nats-server whose absence would let somebody in, or lose what is entrusted to them.
const ESSENTIAL: &[&str] = &[
    "account_resolver",
    "accounts",
    "accounts_resolver",
    "cluster",
    "default_js_domain",
    "default_sentinel",
    "gateway",
    "jetstream",
    "leaf",
    "leafnodes",
    "mappings",
    "maps",
    "mqtt",
    "ocsp",
    "ocsp_cache",
    "operator",
    "operators",
    "proxies",
    "proxy_protocol",
    "resolver",
    "resolver_pinned_accounts",
    "resolver_preload",
    "resolver_tls",
    "root",
    "root_operator",
    "root_operators",
    "roots",
    "store_dir",
    "storedir",
    "system",
    "system_account",
    "trusted",
    "trusted_keys",
];

/// Puts what `tree` says into `options`.
pub(super) fn apply(tree: &Value, options: &mut Options) -> Result<(), Errors> {
    let mut errors = Errors::new();
    for (key, value) in entries(tree, &mut errors) {
        if let Err(text) = top_level(key, value, options) {
            errors.push((value.at.clone(), text));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn entries<'v>(value: &'v Value, errors: &mut Errors) -> &'v [(String, Value)] {
    match &value.kind {
        Kind::Map(entries) => entries,
        other => {
            errors.push((value.at.clone(), mismatch(other, "map[string]interface {}")));
            &[]
        }
    }
}

fn top_level(key: &str, value: &Value, options: &mut Options) -> Result<(), String> {
    let limits = &mut options.limits;
    match key.to_ascii_lowercase().as_str() {
        "listen" => options.listen = listen(value, &options.listen)?,
        "host" | "net" => options.listen.host = text(value)?,
        "port" => options.listen.port = port(integer(value)?, 4222)?,
        "client_advertise" => options.client_advertise = Some(advertise(&text(value)?)?),
        "server_name" => options.server_name = Some(text(value)?),
        "debug" => options.log.debug = boolean(value)?,
        "trace" => options.log.trace = boolean(value)?,
        "logtime" => options.log.logtime = boolean(value)?,
        "trace_verbose" => options.log.trace_verbose = boolean(value)?,
        "trace_headers" => options.log.trace_headers = boolean(value)?,
        "max_traced_msg_len" => options.log.max_traced_msg_len = size(value)?,
        "logtime_utc" => options.log.logtime_utc = boolean(value)?,
        "log_file" | "logfile" => options.log.file = Some(PathBuf::from(text(value)?)),
        "log_size_limit" | "logfile_size_limit" => {
            options.log.size_limit = u64::try_from(integer(value)?).unwrap_or(0);
        }
        "log_max_num" | "logfile_max_num" => options.log.max_num = size(value)?,
        "ports_file_dir" => options.ports_file_dir = Some(PathBuf::from(text(value)?)),
        "server_tags" => options.tags = tags(value)?,
        "pid_file" | "pidfile" => options.pid_file = Some(PathBuf::from(text(value)?)),
        "http" => options.http = Some(listen(value, &options.listen)?),
        "http_port" | "monitor_port" => {
            let port = port(integer(value)?, 0)?;
            let on = integer(value)? != 0;
            options.http = on.then(|| Listen { host: String::new(), port });
        }
        "http_base_path" => options.http_base_path = text(value)?,
        "max_connections" | "max_conn" => {
            limits.max_connections = usize::try_from(integer(value)?).unwrap_or(0);
        }
        "max_subscriptions" | "max_subs" => limits.max_subscriptions = size(value)?,
        "max_sub_tokens" | "max_subscription_tokens" => {
            limits.max_sub_tokens = match integer(value)? {
                tokens if tokens <= 0 => return Err(format!("{key} value can not be negative")),
                tokens => {
                    u8::try_from(tokens).map_err(|_| format!("{key} value is too big"))?.into()
                }
            }
        }
        "max_control_line" => limits.max_control_line = size(value)?,
        "max_payload" => limits.max_payload = size(value)?,
        "max_pending" => limits.max_pending = size(value)?,
        "ping_interval" => limits.ping_interval = duration(key, value)?,
        "ping_max" => limits.ping_max = u32::try_from(integer(value)?).unwrap_or(0),
        "write_deadline" => limits.write_deadline = duration(key, value)?,
        "no_fast_producer_stall" => limits.no_fast_producer_stall = boolean(value)?,
        "no_header_support" => options.no_header_support = boolean(value)?,
        "lame_duck_duration" => {
            let wanted = duration(key, value)?;
            if wanted < Duration::from_secs(30) {
                return Err(format!(
                    "invalid lame_duck_duration of {wanted:?}, minimum is 30 seconds"
                ));
            }
            options.lame_duck_duration = wanted;
        }
        "lame_duck_grace_period" => options.lame_duck_grace_period = duration(key, value)?,
        "no_auth_user" => options.auth.no_auth_user = Some(text(value)?),
        "authorization" => authorization(value, options)?,
        "tls" => options.tls = Some(tls(value)?),
        "allow_non_tls" => options.allow_non_tls = boolean(value)?,
        "websocket" | "ws" => options.websocket = websocket(value)?,
        "jetstream" if value.kind == Kind::Boolean(false) => {}
        known if HARMLESS.contains(&known) => {
            options
                .not_yet
                .push(format!("{}: {key:?} is accepted but not yet acted upon", value.at));
        }
        known if ESSENTIAL.contains(&known) => {
            return Err(format!(
                "{key:?} is not supported by this version: remove it, or use a later one"
            ));
        }
        _ if value.referenced => {}
        _ => return Err(format!("unknown field {key:?}")),
    }
    Ok(())
}

/// A string or a list of them, trimmed and in lower case.
fn tags(value: &Value) -> Result<Vec<String>, String> {
    let tag = |value| text(value).map(|tag| tag.trim().to_lowercase());
    match &value.kind {
        Kind::Array(elements) => elements.iter().map(tag).collect(),
        _ => Ok(vec![tag(value)?]),
    }
}

fn authorization(value: &Value, options: &mut Options) -> Result<(), String> {
    let Kind::Map(entries) = &value.kind else {
        return Err(mismatch(&value.kind, "map[string]interface {}"));
    };
    let (mut user, mut pass, mut listed) = (None, None, false);
    for (key, value) in entries {
        match key.to_ascii_lowercase().as_str() {
            "user" | "username" => user = Some(text(value)?),
            "pass" | "password" => pass = Some(text(value)?),
            "token" => options.auth.token = Some(text(value)?),
            "timeout" => options.limits.auth_timeout = seconds(key, value)?,
            "users" => {
                listed = true;
                let Kind::Array(users) = &value.kind else {
                    return Err("Expected users field to be an array".to_owned());
                };
                options.auth.users = users.iter().map(user_entry).collect::<Result<_, _>>()?;
            }
            _ if value.referenced => {}
            "default_permissions"
            | "default_permission"
            | "permissions"
            | "auth_callout"
            | "auth_hook"
            | "proxy_required" => {
                return Err(format!("{key:?} is not supported by this version"));
            }
            _ => return Err(format!("unknown field {key:?}")),
        }
    }
    let token = options.auth.token.is_some();
    match (user, token, listed) {
        (Some(_), true, _) => Err("Cannot have a user/pass and token".to_owned()),
        (Some(_), _, true) => Err("Can not have a single user/pass and a users array".to_owned()),
        (_, true, true) => Err("Can not have a token and a users array".to_owned()),
        (Some(name), ..) => {
            let password = plain(pass.unwrap_or_default())?;
            options.auth.users = vec![User { name, password, unenforceable: false }];
            Ok(())
        }
        _ => Ok(()),
    }
}

fn user_entry(value: &Value) -> Result<User, String> {
    let Kind::Map(entries) = &value.kind else {
        return Err("Expected user entry to be a map/struct".to_owned());
    };
    let (mut name, mut password) = (None, String::new());
    for (key, value) in entries {
        match key.to_ascii_lowercase().as_str() {
            "user" | "username" => name = Some(text(value)?),
            "pass" | "password" => password = plain(text(value)?)?,
            _ if value.referenced => {}
            _ => return Err(format!("{key:?} of a user is not supported by this version")),
        }
    }
    let name = name.ok_or("User entry requires a user")?;
    Ok(User { name, password, unenforceable: false })
}

/// Hashed passwords cannot be checked yet; taking the hash for the password would be worse.
fn plain(password: String) -> Result<String, String> {
    let hashed = ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|mark| password.starts_with(mark));
    if hashed {
        return Err("bcrypt passwords are not supported by this version".to_owned());
    }
    Ok(password)
}

pub(super) fn mismatch(found: &Kind, wanted: &str) -> String {
    format!("interface conversion: interface {{}} is {}, not {wanted}", found.name())
}

pub(super) fn text(value: &Value) -> Result<String, String> {
    match &value.kind {
        Kind::String(text) => Ok(text.clone()),
        other => Err(mismatch(other, "string")),
    }
}

pub(super) fn boolean(value: &Value) -> Result<bool, String> {
    match &value.kind {
        Kind::Boolean(on) => Ok(*on),
        other => Err(mismatch(other, "bool")),
    }
}

pub(super) fn integer(value: &Value) -> Result<i64, String> {
    match &value.kind {
        Kind::Integer(number) => Ok(*number),
        other => Err(mismatch(other, "int64")),
    }
}

fn size(value: &Value) -> Result<usize, String> {
    let number = integer(value)?;
    usize::try_from(number).map_err(|_| format!("{number} is out of range"))
}

/// A duration string, or whole seconds.
pub(super) fn duration(key: &str, value: &Value) -> Result<Duration, String> {
    match &value.kind {
        Kind::String(text) => {
            parse_duration(text).map_err(|error| format!("error parsing {key}: {error}"))
        }
        Kind::Integer(seconds) => Ok(Duration::from_secs(u64::try_from(*seconds).unwrap_or(0))),
        other => Err(mismatch(other, "string")),
    }
}

/// Seconds with or without a fraction, or a duration string.
pub(super) fn seconds(key: &str, value: &Value) -> Result<Duration, String> {
    match &value.kind {
        Kind::Float(seconds) => Ok(Duration::from_secs_f64(seconds.clamp(0.0, 1e9))),
        _ => duration(key, value),
    }
}

/// `1h2m3.5s`: numbers, each with a unit.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let amount: f64 = rest[..number].parse().map_err(|_| invalid())?;
        rest = &rest[number..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let seconds = match &rest[..unit] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" => return Err(format!("time: missing unit in duration {text:?}")),
            unknown => {
                return Err(format!("time: unknown unit {unknown:?} in duration {text:?}"));
            }
        };
        sum += amount * seconds;
        rest = &rest[unit..];
    }
    if text.is_empty() {
        return Err(invalid());
    }
    Duration::try_from_secs_f64(sum).map_err(|_| invalid())
}

/// `-1` is any free port and `0` the default.
pub(super) fn port(number: i64, default: u16) -> Result<u16, String> {
    match number {
        -1 => Ok(0),
        0 => Ok(default),
        number => u16::try_from(number).map_err(|_| format!("port {number} is out of range")),
    }
}

/// `host:port`, or a bare port.
pub(super) fn listen(value: &Value, current: &Listen) -> Result<Listen, String> {
    match &value.kind {
        Kind::Integer(number) => {
            Ok(Listen { host: current.host.clone(), port: port(*number, 4222)? })
        }
        Kind::String(text) => {
            let (host, number) = text
                .rsplit_once(':')
                .ok_or_else(|| format!("could not parse address string {text:?}"))?;
            let number = number.parse().map_err(|_| format!("could not parse port {number:?}"))?;
            let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let host = if host.is_empty() { "0.0.0.0".to_owned() } else { host };
            Ok(Listen { host, port: port(number, 4222)? })
        }
        other => Err(format!("expected port or host:port, got {}", other.name())),
    }
}

/// `host[:port]`; port 0 is the listener's.
pub(super) fn advertise(text: &str) -> Result<Listen, String> {
    match text.rsplit_once(':') {
        Some((host, number)) => {
            let port = number.parse().map_err(|_| format!("could not parse port {number:?}"))?;
            Ok(Listen { host: host.to_owned(), port })
        }
        None => Ok(Listen { host: text.to_owned(), port: 0 }),
    }
}
