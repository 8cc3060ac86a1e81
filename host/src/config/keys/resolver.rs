//! Operators, account resolvers, proxies and OCSP (reference sections 2.2, 2.12, 2.13).

use std::path::Path;

use nervure_core::auth::PublicKey;
use nervure_core::auth::jwt::{AccountClaims, DecodeError, OperatorClaims};
use nkeys::KeyPairType;

use super::super::duration::parse_duration;
use super::super::value::Value;
use super::authorization::is_public_key;
use crate::auth::creds;
use crate::options::ResolverOptions;

use super::{Block, Decoder, Entry, Kind, now, skip};

/// How every JWT starts.
const JWT_START: &str = "eyJ";

/// nats-server's text for a resolver it does not understand, two spaces included.
const BAD_RESOLVER: &str = "error parsing account resolver, should be MEM or  URL(\"url\") or a \
                            map containing dir and type state=[FULL|CACHE])";

/// Operators, as JWTs or files that hold one.
pub(super) fn operators(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Vec<OperatorClaims> {
    let texts = decoder.string_list("operators", entry.node).unwrap_or_default();
    let mut operators = Vec::new();
    for text in texts {
        match operator(decoder, text) {
            Ok(claims) => operators.push(claims),
            Err(why) => {
                decoder.error(entry.pos(), format!("error parsing operator JWT: {why}"));
            }
        }
    }
    operators
}

/// An operator's claims, from his token or a file with it, decorated or bare.
fn operator(decoder: &Decoder<'_>, text: String) -> Result<OperatorClaims, String> {
    let text = match text.starts_with(JWT_START) {
        true => text,
        false => String::from_utf8_lossy(&decoder.file(Path::new(&text))?).into_owned(),
    };
    let token = creds::jwt(&text).unwrap_or(&text).trim();
    OperatorClaims::decode(token).map_err(|error| match error {
        DecodeError::Kind { .. } => "not operator claim".to_owned(),
        error => error.to_string(),
    })
}

/// Public keys of trusted operators.
pub(super) fn trusted(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Vec<String> {
    let bad =
        |text: &str| format!("trust key {text:?} required to be a valid public operator nkey");
    let fits = |text: &str| is_public_key(text, KeyPairType::Operator);
    let mut keys = Vec::new();
    match entry.value() {
        Value::String(text) if !fits(text) => decoder.error(entry.pos(), bad(text)),
        Value::Array(items) => {
            for item in items {
                match &*item.value {
                    Value::String(text) if fits(text) => keys.push(text.clone()),
                    Value::String(text) => decoder.error(&item.pos, bad(text)),
                    _ => decoder.wrong_type(item, "string"),
                }
            }
        }
        _ => keys = decoder.string_list(entry.name, entry.node).unwrap_or_default(),
    }
    keys
}

#[derive(Default)]
struct Resolver {
    kind: String,
    dir: String,
}

const RESOLVER: &[super::Key<Resolver>] = &[
    now(&["type"], Kind::String(|r, text| r.kind = text.to_ascii_lowercase())),
    now(&["dir"], Kind::String(|r, text| r.dir = text)),
    now(&["allow_delete"], Kind::Bool(skip)),
    now(&["hard_delete"], Kind::Bool(skip)),
    now(&["limit"], Kind::Int(skip)),
    now(&["ttl"], Kind::Custom(interval)),
    now(&["interval"], Kind::Custom(interval)),
    now(&["timeout"], Kind::Custom(interval)),
];

fn interval(decoder: &mut Decoder<'_>, _: &mut Resolver, entry: &Entry<'_>) {
    match entry.value() {
        Value::String(text) => {
            if let Err(reason) = parse_duration(text) {
                decoder.error(entry.pos(), reason);
            }
        }
        _ => decoder.wrong_type(entry.node, "string"),
    }
}

/// The account resolver.
pub(super) fn resolver(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Option<ResolverOptions> {
    match entry.value() {
        Value::String(text) => {
            let upper = text.to_ascii_uppercase();
            if upper.trim_start().starts_with("URL(") && upper.trim_end().ends_with(')') {
                return Some(ResolverOptions::Other("URL".to_owned()));
            }
            if upper.contains("MEM") {
                return Some(ResolverOptions::Memory);
            }
            decoder.error(entry.pos(), BAD_RESOLVER);
        }
        Value::Map(map) => {
            let mut found = Resolver::default();
            // Other keys of this map are free.
            for (name, node) in map.iter() {
                let known = RESOLVER
                    .iter()
                    .find(|key| key.names.iter().any(|key| key.eq_ignore_ascii_case(name)));
                if let Some(key) = known {
                    decoder.apply(key, &mut found, &Entry { name, node });
                }
            }
            match found.kind.as_str() {
                "full" | "cache" if found.dir.is_empty() => {
                    decoder.error(entry.pos(), "dir has no value and needs to point to a directory")
                }
                "full" | "cache" => return Some(ResolverOptions::Other(found.kind)),
                "mem" | "memory" => return Some(ResolverOptions::Memory),
                _ => decoder.error(entry.pos(), BAD_RESOLVER),
            }
        }
        other => {
            let kind = other.type_name();
            decoder
                .error(entry.pos(), format!("error parsing operator resolver, wrong type {kind}"));
        }
    }
    None
}

/// JWTs by account.
pub(super) fn preload(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Vec<(String, String)> {
    let mut tokens = Vec::new();
    let Value::Map(map) = entry.value() else {
        decoder.error(entry.pos(), "preload should be a map of account_public_key:account_jwt");
        return tokens;
    };
    for (name, node) in map.iter() {
        match &*node.value {
            Value::String(text) if AccountClaims::decode(text).is_ok() => {
                tokens.push((name.to_owned(), text.clone()));
            }
            Value::String(_) => decoder.error(&node.pos, "invalid account JWT"),
            _ => decoder.error(&node.pos, "preload map value should be a string JWT"),
        }
    }
    tokens
}

const PROXIES: Block<Vec<PublicKey>> = Block::new(&[now(
    &["trusted"],
    Kind::Custom(|decoder, keys, entry| {
        decoder.maps(
            entry.node,
            |v| format!("expected proxies' trusted field to be an array, got {}", v.type_name()),
            |v| {
                format!("expected proxies' trusted entry to be a map/struct, got {}", v.type_name())
            },
            keys,
            |decoder, keys, item| {
                decoder.walk_node(&PROXY, keys, item);
            },
        );
    }),
)]);

const PROXY: Block<Vec<PublicKey>> = Block::new(&[now(
    &["key", "public_key"],
    Kind::Custom(|decoder, keys, entry| match entry.value() {
        Value::String(text) => match PublicKey::parse(text) {
            Ok(key) => keys.push(key),
            Err(_) => decoder.error(entry.pos(), format!("invalid proxy key {text:?}")),
        },
        _ => decoder.wrong_type(entry.node, "string"),
    }),
)]);

/// Proxies whose word counts.
pub(super) fn proxies(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Vec<PublicKey> {
    let mut keys = Vec::new();
    match entry.value() {
        Value::Map(map) => decoder.walk(&PROXIES, &mut keys, map),
        other => {
            let kind = other.type_name();
            decoder.error(entry.pos(), format!("expected proxies to be a map/struct, got {kind}"));
        }
    }
    keys
}

/// Domains by account.
pub(super) fn default_domains(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    match entry.value() {
        Value::Map(map) => {
            for (_, node) in map.iter() {
                if !matches!(&*node.value, Value::String(_)) {
                    let text = super::conversion(&node.value, "string");
                    decoder.error(entry.pos(), text);
                }
            }
        }
        other => {
            let kind = other.type_name();
            decoder.error(
                entry.pos(),
                format!("error default_js_domain config: unsupported type {kind}"),
            );
        }
    }
}

/// Stapling of the server's own certificates.
pub(super) fn ocsp(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    let map = match entry.value() {
        Value::Bool(_) => return,
        Value::Map(map) => map,
        other => {
            let kind = other.type_name();
            return decoder
                .error(entry.pos(), format!("error parsing ocsp config: unsupported type {kind}"));
        }
    };
    for (name, node) in map.iter() {
        let inner = Entry { name, node };
        match (name.to_ascii_lowercase().as_str(), &*node.value) {
            ("mode", Value::String(mode)) => {
                let known = ["always", "must", "never", "auto"];
                if !known.iter().any(|known| known.eq_ignore_ascii_case(mode)) {
                    decoder.error(
                        &node.pos,
                        format!("error parsing ocsp config: unsupported ocsp mode {mode:?}"),
                    );
                }
            }
            ("mode" | "url", other) => {
                if !matches!(other, Value::String(_)) {
                    decoder.wrong_type(node, "string");
                }
            }
            ("urls", _) => drop(decoder.string_list("ocsp config", node)),
            _ => decoder.unknown(&inner, |name| {
                format!("error parsing ocsp config: unsupported field {name:?}")
            }),
        }
    }
}

/// Cache of other parties' OCSP answers.
pub(super) fn ocsp_cache(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    let map = match entry.value() {
        Value::Bool(_) => return,
        Value::Map(map) => map,
        other => {
            let kind = other.type_name();
            return decoder
                .error(entry.pos(), format!("error parsing tags: unsupported type {kind}"));
        }
    };
    for (name, node) in map.iter() {
        match (name.to_ascii_lowercase().as_str(), &*node.value) {
            ("type", Value::String(kind)) => {
                if !["none", "local"].iter().any(|known| known.eq_ignore_ascii_case(kind)) {
                    decoder.error(
                        &node.pos,
                        format!("error parsing OCSP peer cache config, unknown type [{kind}]"),
                    );
                }
            }
            ("local_store", Value::String(_))
            | ("preserve_revoked", Value::Bool(_))
            | ("save_interval", Value::Int(_) | Value::Float(_)) => {}
            ("save_interval", Value::String(text)) => {
                if let Err(reason) = parse_duration(text) {
                    decoder.error(
                        &node.pos,
                        format!("error parsing tls peer config, conversion error: {reason}"),
                    );
                }
            }
            _ => decoder.unknown(&Entry { name, node }, |name| {
                format!("error parsing OCSP peer cache config, unknown field [{name:?}]")
            }),
        }
    }
}
