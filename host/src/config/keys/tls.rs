//! `tls` blocks (reference section 2.11).

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::duration::parse_duration;
use super::super::value::{Node, Value};
use super::{Block, Decoder, Entry, Kind, later, now, skip};
use crate::options::{HandshakeFirst, TlsOptions};

/// How long `auto` waits for a client's TLS before it sends INFO.
const AUTO_FALLBACK: Duration = Duration::from_millis(50);

/// TLS handshakes may take this long unless configured otherwise.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// Cipher suites nats-server knows. Observed in the help text of 2.15.1.
const CIPHER_SUITES: [&str; 25] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA",
];

/// Curves nats-server knows.
const CURVES: [&str; 7] = [
    "X25519MLKEM768",
    "SecP384r1MLKEM1024",
    "SecP256r1MLKEM768",
    "X25519",
    "CurveP256",
    "CurveP384",
    "CurveP521",
];

/// A `tls` block while it is read.
#[derive(Default)]
struct Draft {
    tls: TlsOptions,
    cert: String,
    key: String,
    allow_insecure: bool,
    insecure: bool,
    /// The block belongs to a listener whose peers' URLs are known.
    known_urls: bool,
}

const BLOCK: Block<Draft> = Block {
    keys: &[
        now(
            &["cert_file"],
            Kind::StringElse(
                "error parsing tls config, expected 'cert_file' to be filename",
                |t, text| t.cert = text,
            ),
        ),
        now(
            &["key_file"],
            Kind::StringElse(
                "error parsing tls config, expected 'key_file' to be filename",
                |t, text| t.key = text,
            ),
        ),
        now(
            &["ca_file"],
            Kind::StringElse(
                "error parsing tls config, expected 'ca_file' to be filename",
                |t, text| t.tls.ca_file = super::scalar::path(text),
            ),
        ),
        now(&["certs", "certificates"], Kind::Custom(certs)),
        now(
            &["verify"],
            Kind::BoolElse(
                "error parsing tls config, expected 'verify' to be a boolean",
                |t, on| t.tls.verify |= on,
            ),
        ),
        now(
            &["verify_and_map"],
            Kind::BoolElse(
                "error parsing tls config, expected 'verify_and_map' to be a boolean",
                |t, on| t.tls.verify_and_map = on,
            ),
        ),
        later(
            &["verify_cert_and_check_known_urls"],
            Kind::Custom(|decoder, t, entry| match entry.value() {
                Value::Bool(true) if !t.known_urls => decoder.error(
                    entry.pos(),
                    "verify_cert_and_check_known_urls not supported in this context",
                ),
                Value::Bool(_) => {}
                _ => decoder.error(
                    entry.pos(),
                    "error parsing tls config, expected 'verify_cert_and_check_known_urls' to be \
                     a boolean",
                ),
            }),
        ),
        now(
            &["insecure"],
            Kind::BoolElse(
                "error parsing tls config, expected 'insecure' to be a boolean",
                |t, on| t.insecure = on,
            ),
        ),
        now(
            &["timeout"],
            Kind::Custom(|decoder, t, entry| {
                if let Some(seconds) = decoder.seconds("error parsing tls config", entry) {
                    t.tls.timeout =
                        Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero());
                }
            }),
        ),
        now(&["handshake_first", "first", "immediate"], Kind::Custom(handshake_first)),
        now(&["cipher_suites"], Kind::Custom(cipher_suites)),
        now(
            &["allow_insecure_cipher_suites"],
            Kind::BoolElse(
                "error parsing tls config, expected 'allow_insecure_cipher_suites' to be a boolean",
                |t, on| t.allow_insecure = on,
            ),
        ),
        now(&["curve_preferences"], Kind::Custom(curves)),
        now(&["min_version"], Kind::Custom(min_version)),
        now(&["pinned_certs"], Kind::Custom(pinned_certs)),
        now(&["connection_rate_limit"], Kind::Custom(rate_limit)),
        later(&["ocsp_peer"], Kind::Custom(ocsp_peer)),
        now(
            &["cert_store"],
            Kind::Custom(|d, _, e| store(d, e, "cert store type not implemented")),
        ),
        now(
            &["cert_match_by"],
            Kind::Custom(|d, _, e| store(d, e, "cert match by type not implemented")),
        ),
        now(&["cert_match"], Kind::Custom(|d, _, e| store(d, e, ""))),
        now(
            &["cert_match_skip_invalid"],
            Kind::BoolElse("expected 'cert_match_skip_invalid' to be a boolean", skip),
        ),
        now(
            &["ca_certs_match"],
            Kind::Custom(|decoder, _, entry| {
                drop(decoder.string_list("ca_certs_match", entry.node))
            }),
        ),
    ],
    unknown: |name| format!("error parsing tls config, unknown field {name:?}"),
};

fn certs(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    let unsupported = |value: &Value| {
        let kind = value.type_name();
        format!("error parsing certificates config: unsupported type {kind}")
    };
    decoder.maps(
        entry.node,
        unsupported,
        unsupported,
        &mut out.tls.certs,
        |decoder, pairs, item| {
            let Value::Map(map) = &*item.value else { return };
            let (mut cert, mut key) = (None, None);
            for (name, node) in map.iter() {
                let slot = match name {
                    "cert_file" => &mut cert,
                    "key_file" => &mut key,
                    _ => {
                        decoder.unknown(&Entry { name, node }, |name| {
                            format!("error parsing tls certs config, unknown field {name:?}")
                        });
                        return;
                    }
                };
                let Value::String(text) = &*node.value else {
                    decoder.error(&node.pos, unsupported(&node.value));
                    return;
                };
                *slot = Some(PathBuf::from(text));
            }
            match (cert, key) {
            (Some(cert), Some(key)) => pairs.push((cert, key)),
            _ => decoder.error(
                &item.pos,
                "error parsing certificates config: both 'cert_file' and 'cert_key' options are \
                 required",
            ),
        }
        },
    );
}

fn handshake_first(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    let name = entry.name;
    let first = match entry.value() {
        Value::Bool(on) => Ok(if *on { HandshakeFirst::Yes } else { HandshakeFirst::No }),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "on" => Ok(HandshakeFirst::Yes),
            "false" | "off" => Ok(HandshakeFirst::No),
            "auto" | "auto_fallback" => Ok(HandshakeFirst::Auto(AUTO_FALLBACK)),
            other => match parse_duration(other) {
                Ok(nanos) => Ok(HandshakeFirst::Auto(super::scalar::nanos(nanos))),
                Err(_) => Err(format!("field {name:?}'s value {text:?} is invalid")),
            },
        },
        other => {
            let kind = other.type_name();
            Err(format!("field {name:?} should be a boolean or a string, got {kind}"))
        }
    };
    match first {
        Ok(first) => out.tls.handshake_first = first,
        Err(text) => decoder.error(entry.pos(), text),
    }
}

/// A list of names that must be in a table; the text starts the error about others.
fn known(decoder: &mut Decoder<'_>, entry: &Entry<'_>, table: &[&str], text: &str) -> Vec<String> {
    let Value::Array(items) = entry.value() else {
        decoder.wrong_type(entry.node, "[]interface {}");
        return Vec::new();
    };
    if items.is_empty() {
        let name = entry.name;
        decoder.error(entry.pos(), format!("error parsing tls config, '{name}' cannot be empty"));
    }
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        match &*item.value {
            Value::String(name) if table.contains(&name.as_str()) => out.push(name.clone()),
            Value::String(name) => decoder.error(&item.pos, format!("{text} {name}")),
            _ => decoder.wrong_type(item, "string"),
        }
    }
    out
}

fn cipher_suites(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    out.tls.cipher_suites = known(decoder, entry, &CIPHER_SUITES, "unrecognized cipher");
}

fn curves(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    out.tls.curve_preferences = known(decoder, entry, &CURVES, "unrecognized curve preference");
}

fn min_version(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    match entry.value() {
        Value::String(text) => match text.as_str() {
            "1.2" => out.tls.min_tls13 = false,
            "1.3" => out.tls.min_tls13 = true,
            "1.0" | "1.1" => decoder.error(
                entry.pos(),
                format!("error parsing tls config: unsupported TLS version: TLS {text}"),
            ),
            _ => decoder.error(
                entry.pos(),
                format!("error parsing tls config: unknown TLS version: {text}"),
            ),
        },
        other => decoder.error(
            entry.pos(),
            format!("error parsing tls config: 'min_version' wrong type: {other}"),
        ),
    }
}

fn pinned_certs(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    let Value::Array(items) = entry.value() else {
        decoder.error(
            entry.pos(),
            "error parsing tls config, expected 'pinned_certs' to be a list of hex-encoded sha256 \
             of DER encoded SubjectPublicKeyInfo",
        );
        return;
    };
    for item in items {
        let Value::String(text) = &*item.value else {
            decoder.wrong_type(item, "string");
            continue;
        };
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            out.tls.pinned_certs.push(text.to_ascii_lowercase());
        } else {
            decoder.error(
                &item.pos,
                format!(
                    "error parsing tls config, 'pinned_certs' key {text} does not look like \
                     hex-encoded sha256 of DER encoded SubjectPublicKeyInfo"
                ),
            );
        }
    }
}

fn rate_limit(decoder: &mut Decoder<'_>, out: &mut Draft, entry: &Entry<'_>) {
    match entry.value() {
        Value::Int(number) => {
            out.tls.connection_rate_limit = u32::try_from((*number).max(0)).unwrap_or(u32::MAX);
        }
        _ => decoder
            .error(entry.pos(), "error parsing tls config, 'connection_rate_limit' wrong type"),
    }
}

/// A setting of the Windows certificate store.
fn store(decoder: &mut Decoder<'_>, entry: &Entry<'_>, refusal: &str) {
    match entry.value() {
        Value::String(text) if !text.is_empty() => {
            if !refusal.is_empty() {
                decoder.error(entry.pos(), refusal);
            }
        }
        _ => decoder.error(
            entry.pos(),
            format!("expected '{}' to be a valid non-empty string", entry.name),
        ),
    }
}

const OCSP_PEER: [(&str, bool); 7] = [
    ("verify", true),
    ("warn_only", true),
    ("unknown_is_good", true),
    ("allow_when_ca_unreachable", true),
    ("ca_timeout", false),
    ("allowed_clockskew", false),
    ("cache_ttl_when_next_update_unset", false),
];

fn ocsp_peer(decoder: &mut Decoder<'_>, _: &mut Draft, entry: &Entry<'_>) {
    let map = match entry.value() {
        Value::Bool(_) => return,
        Value::Map(map) => map,
        _ => {
            // As the value of the whole block is named there.
            decoder.error(
                entry.pos(),
                "error parsing ocsp peer config: unsupported type map[string]interface {}",
            );
            return;
        }
    };
    for (name, node) in map.iter() {
        let boolean =
            OCSP_PEER.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|row| row.1);
        let reason = match (boolean, &*node.value) {
            (Some(true), Value::Bool(_)) | (Some(false), Value::Int(_) | Value::Float(_)) => {
                continue;
            }
            (Some(false), Value::String(text)) => match parse_duration(text) {
                Ok(_) => continue,
                Err(reason) => format!("conversion error: {reason}"),
            },
            (Some(false), other) => {
                format!("conversion error: unsupported type {}", other.type_name())
            }
            _ => format!("unknown field [{name:?}]"),
        };
        if boolean.is_some() || !node.used_as_variable {
            let pos = &node.pos;
            decoder.error(entry.pos(), format!("{pos}: error parsing tls peer config, {reason}"));
        }
    }
}

/// Suites that must be allowed explicitly.
fn is_insecure(suite: &str) -> bool {
    suite.contains("_RC4_")
        || suite.contains("_3DES_")
        || suite.ends_with("_CBC_SHA256")
        || suite.starts_with("TLS_RSA_")
}

/// Whether a file has PEM blocks at all; what is in them is TLS's business.
fn has_pem(contents: &[u8]) -> bool {
    memchr::memmem::find(contents, b"-----BEGIN ").is_some()
}

impl Decoder<'_> {
    /// A `tls` block; the files it names are looked at. `known_urls`: the listener is one whose
    /// peers' URLs are known.
    pub(super) fn tls(&mut self, node: &Node, known_urls: bool) -> Option<TlsOptions> {
        let before = self.errors.len();
        let mut draft = Draft { known_urls, ..Draft::default() };
        if !self.walk_node(&BLOCK, &mut draft, node) {
            return None;
        }
        if self.errors.len() == before
            && let Err(text) = self.tls_files(&mut draft)
        {
            self.error(&node.pos, text);
        }
        draft.tls.verify |= draft.tls.verify_and_map;
        Some(draft.tls)
    }

    fn tls_files(&self, draft: &mut Draft) -> Result<(), String> {
        let insecure: Vec<&str> = draft
            .tls
            .cipher_suites
            .iter()
            .map(String::as_str)
            .filter(|suite| is_insecure(suite))
            .collect();
        if !insecure.is_empty() && !draft.allow_insecure {
            let list = insecure.join(", ");
            return Err(format!(
                "insecure cipher suites configured without 'allow_insecure_cipher_suites' option \
                 set: {list}"
            ));
        }
        match (draft.cert.is_empty(), draft.key.is_empty()) {
            (true, true) => {}
            (false, true) => return Err("missing 'key_file' in TLS configuration".to_owned()),
            (true, false) => return Err("missing 'cert_file' in TLS configuration".to_owned()),
            (false, false) if !draft.tls.certs.is_empty() => {
                return Err("error parsing tls config, cannot combine 'cert_file' option with \
                            'certs' option"
                    .to_owned());
            }
            (false, false) => {
                let pair = (std::mem::take(&mut draft.cert), std::mem::take(&mut draft.key));
                draft.tls.certs.push((pair.0.into(), pair.1.into()));
            }
        }
        for (cert, key) in &draft.tls.certs {
            let wrap = |text| format!("error parsing X509 certificate/key pair: {text}");
            let read = |path: &Path| self.file(path).map_err(wrap);
            let (cert, key) = (read(cert)?, read(key)?);
            for (contents, input) in [(cert, "certificate"), (key, "key")] {
                if !has_pem(&contents) {
                    return Err(wrap(format!("tls: failed to find any PEM data in {input} input")));
                }
            }
        }
        if let Some(path) = &draft.tls.ca_file
            && !has_pem(&self.file(path)?)
        {
            return Err("failed to parse root ca certificate".to_owned());
        }
        Ok(())
    }
}
