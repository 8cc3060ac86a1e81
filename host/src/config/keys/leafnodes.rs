//! `leafnodes` (reference section 2.7): checked, not acted upon yet.

use std::collections::HashSet;

use nkeys::{KeyPair, KeyPairType};

use super::super::value::{Node, Value};
use super::authorization::is_public_key;
use super::cluster::{compression, is_url};
use super::top::write_timeout;
use super::{Block, Decoder, Entry, Kind, now, skip, skip_address};

/// Characters of a seed.
const SEED_LENGTH: usize = 58;

const LEAFNODES: Block<()> = Block::new(&[
    now(&["listen"], Kind::HostPort(skip_address)),
    now(&["host", "net"], Kind::String(skip)),
    now(&["port"], Kind::Int(skip)),
    now(&["authorization"], Kind::Custom(|decoder, (), entry| authorization(decoder, entry))),
    now(&["tls"], Kind::Custom(|decoder, (), entry| drop(decoder.quiet_tls(entry)))),
    now(&["advertise", "leafnode_advertise"], Kind::String(skip)),
    now(&["no_advertise"], Kind::Bool(skip)),
    now(&["min_version", "minimum_version"], Kind::Custom(min_version)),
    now(&["compression"], Kind::Custom(|decoder, (), entry| compression(decoder, entry))),
    now(&["isolate_leafnode_interest", "isolate"], Kind::Bool(skip)),
    now(&["reconnect", "reconnect_delay", "reconnect_interval"], Kind::Interval(skip)),
    now(&["dial_timeout"], Kind::Interval(skip)),
    now(&["write_deadline"], Kind::Interval(skip)),
    now(
        &["write_timeout"],
        Kind::Custom(|decoder, (), entry| {
            write_timeout(decoder, entry);
        }),
    ),
    now(&["remotes"], Kind::Custom(|decoder, (), entry| remotes(decoder, entry))),
]);

#[derive(Default)]
struct Authorization {
    user: bool,
    users: Vec<String>,
    list: bool,
}

const AUTHORIZATION: Block<Authorization> = Block::new(&[
    now(&["user", "username"], Kind::String(|a, text| a.user = !text.is_empty())),
    now(&["pass", "password"], Kind::String(skip)),
    now(
        &["nkey"],
        Kind::Custom(|decoder, _, entry| match entry.value() {
            Value::String(key) if is_public_key(key, KeyPairType::User) => {}
            Value::String(_) => {
                decoder.error(entry.pos(), "Not a valid public nkey for leafnode authorization")
            }
            _ => decoder.wrong_type(entry.node, "string"),
        }),
    ),
    now(&["account"], Kind::String(skip)),
    now(&["proxy_required"], Kind::Bool(skip)),
    now(
        &["timeout"],
        Kind::Custom(|decoder, _, entry| {
            decoder.auth_timeout("error parsing leafnode authorization config", entry);
        }),
    ),
    now(
        &["users"],
        Kind::Custom(|decoder, a, entry| {
            decoder.maps(
                entry.node,
                |value| format!("Expected users field to be an array, got {value}"),
                |value| format!("Expected user entry to be a map/struct, got {value}"),
                a,
                |decoder, a, item| {
                    let mut name = String::new();
                    decoder.walk_node(&USER, &mut name, item);
                    a.list = true;
                    a.users.push(name);
                },
            );
        }),
    ),
]);

const USER: Block<String> = Block::new(&[
    now(&["user", "username"], Kind::String(|name, text| *name = text)),
    now(&["pass", "password"], Kind::String(skip)),
    now(&["account"], Kind::String(skip)),
    now(&["proxy_required"], Kind::Bool(skip)),
]);

fn authorization(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    let mut found = Authorization::default();
    decoder.walk_node(&AUTHORIZATION, &mut found, entry.node);
    if found.user && found.list {
        decoder.error(entry.pos(), "can not have a single user/pass and a users array");
        return;
    }
    let mut seen = HashSet::new();
    for name in &found.users {
        if !seen.insert(name) {
            decoder.error(
                entry.pos(),
                format!("duplicate user {name:?} detected in leafnode authorization"),
            );
        }
    }
}

fn min_version(decoder: &mut Decoder<'_>, (): &mut (), entry: &Entry<'_>) {
    let Value::String(text) = entry.value() else {
        return decoder.wrong_type(entry.node, "string");
    };
    let numbers: Option<Vec<u32>> = text
        .trim_start_matches('v')
        .split(['-', '+'])
        .next()
        .map(|core| core.split('.').map(|part| part.parse().ok()).collect())
        .unwrap_or_default();
    match numbers.as_deref() {
        Some([major, minor, _]) if (*major, *minor) >= (2, 8) => {}
        Some([_, _, _]) => {
            decoder.error(entry.pos(), "the minimum version should be at least 2.8.0");
        }
        _ => decoder.error(entry.pos(), "invalid leafnode's minimum version: invalid semver"),
    }
}

#[derive(Default)]
struct Remote {
    urls: Vec<String>,
    account: Option<String>,
    credentials: String,
    seed: String,
}

const REMOTE: Block<Remote> = Block::new(&[
    now(&["url", "urls"], Kind::Custom(remote_urls)),
    now(&["account", "local"], Kind::String(|r, text| r.account = Some(text))),
    now(&["credentials", "creds"], Kind::String(|r, text| r.credentials = text)),
    now(
        &["nkey", "seed"],
        Kind::Custom(|decoder, remote, entry| match entry.value() {
            Value::String(seed) => {
                let valid = seed.len() == SEED_LENGTH
                    && KeyPair::from_seed(seed)
                        .is_ok_and(|pair| pair.key_pair_type() == KeyPairType::User);
                if !valid {
                    decoder.error(
                        entry.pos(),
                        format!("Remote leafnode nkey is not a valid seed: {seed:?}"),
                    );
                }
                remote.seed.clone_from(seed);
            }
            _ => decoder.wrong_type(entry.node, "string"),
        }),
    ),
    now(&["tls"], Kind::Custom(|decoder, _, entry| drop(decoder.quiet_tls(entry)))),
    now(&["hub"], Kind::Bool(skip)),
    now(&["no_randomize", "dont_randomize"], Kind::Bool(skip)),
    now(&["deny_imports", "deny_import"], Kind::Custom(denied)),
    now(&["deny_exports", "deny_export"], Kind::Custom(denied)),
    now(
        &["ws_compression", "ws_compress", "websocket_compress", "websocket_compression"],
        Kind::Bool(skip),
    ),
    now(&["ws_no_masking", "websocket_no_masking"], Kind::Bool(skip)),
    now(
        &["jetstream_cluster_migrate", "js_cluster_migrate"],
        Kind::Custom(|decoder, _, entry| match entry.value() {
            Value::Bool(_) => {}
            Value::Map(map) => {
                for (name, node) in map.iter() {
                    if name.eq_ignore_ascii_case("leader_migrate_delay") {
                        decoder.interval(&Entry { name, node });
                    }
                }
            }
            other => {
                let kind = other.type_name();
                decoder.bare_error(format!(
                    "Expected boolean or map for jetstream_cluster_migrate, got {kind}"
                ));
            }
        }),
    ),
    now(&["isolate_leafnode_interest", "isolate"], Kind::Bool(skip)),
    now(&["request_isolation"], Kind::Bool(skip)),
    now(&["compression"], Kind::Custom(|decoder, _, entry| compression(decoder, entry))),
    now(&["first_info_timeout"], Kind::Interval(skip)),
    now(&["dial_timeout"], Kind::Interval(skip)),
    now(&["disabled"], Kind::Bool(skip)),
    now(&["ignore_discovered_servers"], Kind::Bool(skip)),
    now(&["proxy"], Kind::Custom(|decoder, _, entry| proxy(decoder, entry))),
]);

fn denied(decoder: &mut Decoder<'_>, _: &mut Remote, entry: &Entry<'_>) {
    decoder.subjects(entry.node, false, Some(entry));
}

fn remote_urls(decoder: &mut Decoder<'_>, out: &mut Remote, entry: &Entry<'_>) {
    let mut add = |decoder: &mut Decoder<'_>, text: &String, node: &Node| {
        if is_url(text) {
            out.urls.push(text.clone());
        } else {
            decoder.error(&node.pos, format!("error parsing leafnode url [{text:?}]"));
        }
    };
    match entry.value() {
        Value::String(text) => add(decoder, text, entry.node),
        Value::Array(items) => {
            for item in items {
                match &*item.value {
                    Value::String(text) => add(decoder, text, item),
                    _ => decoder.wrong_type(item, "string"),
                }
            }
        }
        other => decoder.error(
            entry.pos(),
            format!("Expected remote leafnode url to be an array or string, got {other}"),
        ),
    }
}

const PROXY: Block<String> = Block::new(&[
    now(&["url"], Kind::String(|url, text| *url = text)),
    now(&["username"], Kind::String(skip)),
    now(&["password"], Kind::String(skip)),
    now(&["timeout"], Kind::Interval(skip)),
]);

fn proxy(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    let Value::Map(map) = entry.value() else {
        let kind = entry.value().type_name();
        return decoder.error(entry.pos(), format!("Expected proxy to be a map, got {kind}"));
    };
    let mut url = String::new();
    decoder.walk(&PROXY, &mut url, map);
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    if !url.is_empty() && scheme != "http" && scheme != "https" {
        decoder
            .error(entry.pos(), format!("proxy URL scheme must be http or https, got: {scheme}"));
    }
}

fn remotes(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    let mut seen = HashSet::new();
    decoder.maps(
        entry.node,
        |value| format!("Expected remotes field to be an array, got {}", value.type_name()),
        |value| format!("Expected remote leafnode entry to be a map/struct, got {value}"),
        &mut seen,
        |decoder, seen, item| {
            let mut remote = Remote::default();
            decoder.walk_node(&REMOTE, &mut remote, item);
            if !remote.credentials.is_empty() && !remote.seed.is_empty() {
                decoder.error(
                    &item.pos,
                    "remote leafnode cannot have both credentials and an nkey seed",
                );
            }
            let account = remote.account.unwrap_or("$G".to_owned());
            let urls: Vec<String> = remote.urls.iter().map(|url| format!("{url:?}")).collect();
            let urls = urls.join(" ");
            let identity = (urls.clone(), account.clone(), remote.credentials, remote.seed);
            if !remote.urls.is_empty() && !seen.insert(identity) {
                decoder.error(
                    &item.pos,
                    format!("duplicate remote urls=[{urls}], account={account:?}"),
                );
            }
        },
    );
}

/// Checks a `leafnodes` block.
pub(super) fn leafnodes(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    match entry.value() {
        Value::Map(map) => decoder.walk(&LEAFNODES, &mut (), map),
        other => {
            let kind = other.type_name();
            decoder.error(entry.pos(), format!("Expected map to define a leafnode, got {kind}"));
        }
    }
}
