//! The `tls` and `websocket` blocks (config-and-operations.md 2.8, 2.11).

use std::path::PathBuf;
use std::time::Duration;

use super::keys::{advertise, boolean, duration, integer, listen, mismatch, port, seconds, text};
use super::value::{Kind, Value};
use crate::options::{Cookies, HandshakeFirst, Listen, TlsOptions, WebsocketOptions};

/// Silence after which `handshake_first: auto` falls back to a plain INFO.
const AUTO_FALLBACK: Duration = Duration::from_millis(50);

fn entries(value: &Value) -> Result<&[(String, Value)], String> {
    match &value.kind {
        Kind::Map(entries) => Ok(entries),
        other => Err(mismatch(other, "map[string]interface {}")),
    }
}

/// A string or a list of strings.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    match &value.kind {
        Kind::Array(elements) => elements.iter().map(text).collect(),
        _ => Ok(vec![text(value)?]),
    }
}

/// Reads a `tls` block.
pub(super) fn tls(value: &Value) -> Result<TlsOptions, String> {
    let mut options = TlsOptions::default();
    let (mut cert, mut key_file) = (None, None);
    for (key, value) in entries(value)? {
        match key.to_ascii_lowercase().as_str() {
            "cert_file" => cert = Some(PathBuf::from(text(value)?)),
            "key_file" => key_file = Some(PathBuf::from(text(value)?)),
            "ca_file" => options.ca_file = Some(PathBuf::from(text(value)?)),
            "verify" => options.verify = boolean(value)?,
            "timeout" => options.timeout = Some(seconds(key, value)?),
            "handshake_first" | "first" | "immediate" => {
                options.handshake_first = handshake_first(key, value)?;
            }
            "cipher_suites" => options.cipher_suites = texts(value)?,
            "curve_preferences" => options.curve_preferences = texts(value)?,
            "pinned_certs" => {
                let pins = texts(value)?.into_iter();
                options.pinned_certs = pins.map(|pin| pin.to_ascii_lowercase()).collect();
            }
            "min_version" => {
                options.min_tls13 = match text(value)?.as_str() {
                    "1.2" => false,
                    "1.3" => true,
                    other => return Err(format!("unsupported TLS version: TLS {other}")),
                }
            }
            _ if value.referenced => {}
            _ => return Err(format!("error parsing tls config, unknown field {key:?}")),
        }
    }
    match (cert, key_file) {
        (Some(cert), Some(key)) => options.certs.push((cert, key)),
        (Some(_), None) => return Err("missing 'key_file' in TLS configuration".to_owned()),
        (None, Some(_)) => return Err("missing 'cert_file' in TLS configuration".to_owned()),
        (None, None) => {}
    }
    Ok(options)
}

fn handshake_first(key: &str, value: &Value) -> Result<HandshakeFirst, String> {
    let of = |on| if on { HandshakeFirst::Yes } else { HandshakeFirst::No };
    match &value.kind {
        Kind::Boolean(on) => Ok(of(*on)),
        Kind::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "on" => Ok(of(true)),
            "false" | "off" => Ok(of(false)),
            "auto" | "auto_fallback" => Ok(HandshakeFirst::Auto(AUTO_FALLBACK)),
            _ => duration(key, value).map(HandshakeFirst::Auto),
        },
        other => Err(mismatch(other, "string")),
    }
}

/// Reads a `websocket` block; without a port there is no listener.
pub(super) fn websocket(value: &Value) -> Result<Option<WebsocketOptions>, String> {
    let mut options = WebsocketOptions {
        listen: Listen { host: "0.0.0.0".to_owned(), port: 0 },
        advertise: None,
        tls: None,
        same_origin: false,
        allowed_origins: Vec::new(),
        compression: false,
        handshake_timeout: None,
        headers: Vec::new(),
        cookies: Cookies::default(),
        auth: None,
        auth_timeout: None,
        ping_interval: None,
    };
    let (mut listens, mut no_tls) = (false, false);
    for (key, value) in entries(value)? {
        match key.to_ascii_lowercase().as_str() {
            "listen" => {
                options.listen = listen(value, &options.listen)?;
                listens = true;
            }
            "host" | "net" => options.listen.host = text(value)?,
            "port" => {
                options.listen.port = port(integer(value)?, 0)?;
                listens = integer(value)? != 0;
            }
            "advertise" => options.advertise = Some(advertise(&text(value)?)?),
            "no_tls" => no_tls = boolean(value)?,
            "tls" => options.tls = Some(tls(value)?),
            "same_origin" => options.same_origin = boolean(value)?,
            "allowed_origins" | "allowed_origin" | "allow_origins" | "allow_origin" | "origins"
            | "origin" => options.allowed_origins = texts(value)?,
            "compression" | "compress" => options.compression = boolean(value)?,
            "handshake_timeout" => options.handshake_timeout = Some(duration(key, value)?),
            "headers" => {
                for (name, value) in entries(value)? {
                    options.headers.push((name.clone(), text(value)?));
                }
            }
            "user_cookie" => options.cookies.user = Some(text(value)?),
            "pass_cookie" => options.cookies.pass = Some(text(value)?),
            "token_cookie" => options.cookies.token = Some(text(value)?),
            "ping_interval" => options.ping_interval = Some(duration(key, value)?),
            "jwt_cookie" | "authorization" | "authentication" | "no_auth_user" => {
                return Err(format!("websocket {key:?} is not supported by this version"));
            }
            _ if value.referenced => {}
            _ => return Err(format!("unknown field {key:?}")),
        }
    }
    if listens && options.tls.is_none() && !no_tls {
        return Err("websocket requires TLS configuration".to_owned());
    }
    Ok(listens.then_some(options))
}
