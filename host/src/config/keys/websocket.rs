//! The `websocket` block (reference section 2.8).

use std::time::Duration;

use super::super::duration::parse_duration;
use super::super::value::Value;
use super::authorization::{Authorization, SIMPLE};
use super::scalar::nanos;
use super::{Block, Decoder, Entry, Kind, now};
use crate::options::{AuthOptions, Cookies, TlsOptions, WebsocketOptions};

/// The block while it is read.
#[derive(Default)]
pub(super) struct Draft {
    host: Option<String>,
    port: i64,
    advertise: String,
    no_tls: bool,
    tls: Option<TlsOptions>,
    same_origin: bool,
    allowed_origins: Vec<String>,
    compression: bool,
    handshake_timeout: Option<Duration>,
    headers: Vec<(String, String)>,
    cookies: Cookies,
    authorization: Authorization,
    no_auth_user: String,
    ping_interval: Option<Duration>,
}

const BLOCK: Block<Draft> = Block::new(&[
    now(
        &["listen"],
        Kind::HostPort(|w, host, port| {
            w.host = host.or(w.host.take());
            w.port = port;
        }),
    ),
    now(&["host", "net"], Kind::String(|w, text| w.host = Some(text))),
    now(&["port"], Kind::Int(|w, port| w.port = port)),
    now(&["advertise"], Kind::String(|w, text| w.advertise = text)),
    now(&["no_tls"], Kind::Bool(|w, on| w.no_tls = on)),
    now(
        &["tls"],
        Kind::Custom(|decoder, w, entry| {
            w.tls = decoder.tls(entry.node, false).or(w.tls.take());
        }),
    ),
    now(&["same_origin"], Kind::Bool(|w, on| w.same_origin = on)),
    now(
        &[
            "allowed_origins",
            "allowed_origin",
            "allow_origins",
            "allow_origin",
            "origins",
            "origin",
        ],
        Kind::Custom(|decoder, w, entry| {
            if let Some(list) = decoder.string_list("allowed origins", entry.node) {
                w.allowed_origins = list;
            }
        }),
    ),
    now(&["compression", "compress"], Kind::Bool(|w, on| w.compression = on)),
    now(&["handshake_timeout"], Kind::Custom(handshake_timeout)),
    now(
        &["authorization", "authentication"],
        Kind::Custom(|decoder, w, entry| {
            decoder.walk_node(&SIMPLE, &mut w.authorization, entry.node);
        }),
    ),
    now(&["jwt_cookie"], Kind::String(|w, text| w.cookies.jwt = name(text))),
    now(&["user_cookie"], Kind::String(|w, text| w.cookies.user = name(text))),
    now(&["pass_cookie"], Kind::String(|w, text| w.cookies.pass = name(text))),
    now(&["token_cookie"], Kind::String(|w, text| w.cookies.token = name(text))),
    now(&["no_auth_user"], Kind::String(|w, text| w.no_auth_user = text)),
    now(&["headers"], Kind::Custom(headers)),
    now(&["ping_interval"], Kind::Interval(|w, value| w.ping_interval = Some(nanos(value)))),
]);

fn name(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn handshake_timeout(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    let value = match entry.value() {
        Value::Int(seconds) => seconds.saturating_mul(1_000_000_000),
        Value::String(text) => match parse_duration(text) {
            Ok(value) => value,
            Err(reason) => return decoder.error(entry.pos(), reason),
        },
        other => {
            let kind = other.type_name();
            return decoder.error(
                entry.pos(),
                format!("error parsing handshake timeout: unsupported type {kind}"),
            );
        }
    };
    out.handshake_timeout = (value > 0).then(|| nanos(value));
}

fn headers(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    let Value::Map(map) = entry.value() else {
        let kind = entry.value().type_name();
        return decoder
            .error(entry.pos(), format!("error parsing headers: unsupported type {kind}"));
    };
    out.headers.clear();
    for (key, node) in map.iter() {
        match &*node.value {
            Value::String(text) => out.headers.push((key.to_owned(), text.clone())),
            other => {
                let kind = other.type_name();
                decoder.error(
                    &node.pos,
                    format!("error parsing header key {key}: unsupported type {kind}"),
                );
            }
        }
    }
}

/// The key of the top level.
pub(super) const KEYS: &[&str] = &["websocket", "ws"];

/// Reads the block.
pub(super) fn read(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Option<Draft> {
    let Value::Map(map) = entry.value() else {
        let kind = entry.value().type_name();
        decoder.error(entry.pos(), format!("Expected websocket to be a map, got {kind}"));
        return None;
    };
    let mut draft = Draft::default();
    decoder.walk(&BLOCK, &mut draft, map);
    Some(draft)
}

impl Draft {
    /// The listener, if the block asks for one. `server` is what clients of the main port must
    /// show.
    pub(super) fn finish(
        mut self,
        decoder: &mut Decoder<'_>,
        server: &AuthOptions,
    ) -> Option<WebsocketOptions> {
        let host = self.host.filter(|host| !host.is_empty()).unwrap_or("0.0.0.0".to_owned());
        let listen = decoder.listen(&host, self.port)?;
        let auth_timeout = self.authorization.timeout;
        let mut auth = std::mem::take(&mut self.authorization).options();
        if !self.no_auth_user.is_empty() {
            // Without a way in of its own the listener takes the server's with another user.
            auth.get_or_insert_with(|| server.clone()).no_auth_user = Some(self.no_auth_user);
        }
        // A `tls` block wins over `no_tls`. Neither is told by a block without certificates, which
        // validation refuses.
        let tls = match self.tls {
            None if !self.no_tls => Some(TlsOptions::default()),
            tls => tls,
        };
        Some(WebsocketOptions {
            listen,
            advertise: decoder.advertise("websocket advertise", &self.advertise),
            tls,
            same_origin: self.same_origin,
            allowed_origins: self.allowed_origins,
            compression: self.compression,
            handshake_timeout: self.handshake_timeout,
            headers: self.headers,
            cookies: self.cookies,
            auth,
            auth_timeout,
            ping_interval: self.ping_interval,
        })
    }
}
