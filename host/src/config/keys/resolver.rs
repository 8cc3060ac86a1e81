//! Operators, account resolvers, proxies and OCSP (reference sections 2.2, 2.12, 2.13).

use std::path::{Path, PathBuf};
use std::time::Duration;

use nervure_core::auth::PublicKey;
use nervure_core::auth::jwt::{AccountClaims, DecodeError, OperatorClaims};
use nkeys::KeyPairType;

use super::super::duration::{format_duration, parse_duration};
use super::super::value::Value;
use super::authorization::is_public_key;
use super::{Block, Decoder, Entry, Kind, now};
use crate::auth::creds;
use crate::options::{
    CACHE_LIMIT, Deletion, DirectoryKind, DirectoryOptions, FETCH_TIMEOUT, ResolverOptions,
    SYNC_INTERVAL,
};

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

/// The map of a directory resolver while it is read.
#[derive(Default)]
struct Directory {
    kind: String,
    dir: String,
    limit: i64,
    allow_delete: Option<bool>,
    hard_delete: Option<bool>,
    ttl: Option<i64>,
    interval: Option<i64>,
    timeout: Option<i64>,
}

const DIRECTORY: &[super::Key<Directory>] = &[
    now(&["type"], Kind::String(|it, text| it.kind = text.to_ascii_lowercase())),
    now(&["dir"], Kind::String(|it, text| it.dir = text)),
    now(&["allow_delete"], Kind::Bool(|it, on| it.allow_delete = Some(on))),
    now(&["hard_delete"], Kind::Bool(|it, on| it.hard_delete = Some(on))),
    now(&["limit"], Kind::Int(|it, number| it.limit = number)),
    now(&["ttl"], Kind::Custom(|decoder, it, entry| it.ttl = interval(decoder, entry))),
    now(&["interval"], Kind::Custom(|decoder, it, entry| it.interval = interval(decoder, entry))),
    now(&["timeout"], Kind::Custom(|decoder, it, entry| it.timeout = interval(decoder, entry))),
];

fn interval(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Option<i64> {
    match entry.value() {
        Value::String(text) => match parse_duration(text) {
            Ok(nanos) => return Some(nanos),
            Err(reason) => decoder.error(entry.pos(), reason),
        },
        _ => decoder.wrong_type(entry.node, "string"),
    }
    None
}

/// The account resolver.
pub(super) fn resolver(decoder: &mut Decoder<'_>, entry: &Entry<'_>) -> Option<ResolverOptions> {
    match entry.value() {
        Value::String(text) => {
            let resolver = from_text(text.trim());
            if resolver.is_none() {
                decoder.error(entry.pos(), BAD_RESOLVER);
            }
            resolver
        }
        Value::Map(map) => {
            let mut found = Directory::default();
            // Other keys of this map are free.
            for (name, node) in map.iter() {
                let known = DIRECTORY
                    .iter()
                    .find(|key| key.names.iter().any(|key| key.eq_ignore_ascii_case(name)));
                if let Some(key) = known {
                    decoder.apply(key, &mut found, &Entry { name, node });
                }
            }
            match found.finish() {
                Ok(resolver) => Some(resolver),
                Err(texts) => {
                    texts.iter().for_each(|text| decoder.error(entry.pos(), text));
                    None
                }
            }
        }
        other => {
            let kind = other.type_name();
            decoder
                .error(entry.pos(), format!("error parsing operator resolver, wrong type {kind}"));
            None
        }
    }
}

/// `MEMORY` or `URL(address)`.
fn from_text(text: &str) -> Option<ResolverOptions> {
    let is_url = |text: &&str| {
        text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("url(")) && text.ends_with(')')
    };
    if let Some(text) = Some(text).filter(is_url) {
        let address = text[4..text.len() - 1].trim().trim_matches('"');
        let slash = if address.ends_with('/') { "" } else { "/" };
        return Some(ResolverOptions::Url(format!("{address}{slash}")));
    }
    text.to_ascii_uppercase().contains("MEM").then_some(ResolverOptions::Memory)
}

impl Directory {
    /// What it says, or what is wrong with it (texts observed on nats-server 2.15.1).
    fn finish(self) -> Result<ResolverOptions, Vec<String>> {
        let is_cache = match self.kind.as_str() {
            "mem" | "memory" => return Ok(ResolverOptions::Memory),
            "full" => false,
            "cache" => true,
            _ => return Err(vec![BAD_RESOLVER.to_owned()]),
        };
        let mut wrong = Vec::new();
        if self.dir.is_empty() {
            wrong.push("dir has no value and needs to point to a directory".to_owned());
        }
        let foreign = [
            ("FULL", !is_cache, "ttl", self.ttl.is_some()),
            ("CACHE", is_cache, "sync", self.interval.is_some()),
            ("CACHE", is_cache, "hard_delete", self.hard_delete.is_some()),
            ("CACHE", is_cache, "allow_delete", self.allow_delete.is_some()),
        ];
        // One of them is told.
        let told = foreign.iter().find(|(_, is_kind, _, is_there)| *is_kind && *is_there);
        wrong.extend(told.map(|(kind, _, name, _)| format!("{kind} does not accept {name}")));
        let deletion = match (self.allow_delete.unwrap_or_default(), self.hard_delete) {
            (false, Some(true)) if !is_cache => {
                wrong.push("hard_delete has no effect without delete".to_owned());
                Deletion::Refused
            }
            (false, _) => Deletion::Refused,
            (true, Some(true)) => Deletion::Remove,
            (true, _) => Deletion::Rename,
        };
        let timeout = match self.timeout {
            Some(nanos) if nanos <= 0 => {
                // The misspelling is nats-server's.
                wrong.push(format!("Fetch timeout {} is too smal", format_duration(nanos)));
                FETCH_TIMEOUT
            }
            nanos => positive(nanos).unwrap_or(FETCH_TIMEOUT),
        };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let limit = usize::try_from(self.limit).ok().filter(|limit| *limit > 0);
        let (kind, limit) = if is_cache {
            // nats-server fails on a negative one when it starts.
            (DirectoryKind::Cache { ttl: positive(self.ttl) }, limit.or(Some(CACHE_LIMIT)))
        } else {
            let interval = positive(self.interval).unwrap_or(SYNC_INTERVAL);
            (DirectoryKind::Full { interval, deletion }, limit)
        };
        let dir = PathBuf::from(self.dir);
        Ok(ResolverOptions::Directory(DirectoryOptions { dir, kind, limit, timeout }))
    }
}

/// A duration that is longer than nothing.
fn positive(nanos: Option<i64>) -> Option<Duration> {
    let nanos = u64::try_from(nanos?).ok()?;
    (nanos > 0).then(|| Duration::from_nanos(nanos))
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
