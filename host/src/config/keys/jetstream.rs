//! `jetstream` of the server and of an account (reference sections 2.10 and 2.4): checked, not
//! acted upon yet.

use super::super::value::Value;
use super::{Block, Decoder, Entry, Kind, now, skip};

/// Most and least file operations at once.
const CONCURRENT_IO: std::ops::RangeInclusive<i64> = 4..=8192;

/// The block while it is read: whether it names a store directory.
#[derive(Default)]
pub(super) struct JetStream {
    pub(super) store_dir: bool,
}

const SERVER: Block<JetStream> = Block::new(&[
    now(&["enabled", "enable"], Kind::Bool(skip)),
    now(
        &["store_dir", "storedir", "store"],
        Kind::String(|js, text| js.store_dir = !text.is_empty()),
    ),
    now(
        &["max_memory_store", "max_mem_store", "max_mem"],
        Kind::Custom(|d, _, e| size(d, e, "max_mem_store")),
    ),
    now(&["max_file_store", "max_file"], Kind::Custom(|d, _, e| size(d, e, "max_file_store"))),
    now(&["domain"], Kind::String(skip)),
    now(
        &["strict"],
        Kind::Custom(|decoder, _, entry| {
            if !matches!(entry.value(), Value::Bool(_)) {
                let value = entry.value();
                decoder.error(
                    entry.pos(),
                    format!("Expected 'true' or 'false' for bool value, got '{value}'"),
                );
            }
        }),
    ),
    now(
        &["sync_interval", "sync"],
        Kind::Custom(|decoder, _, entry| {
            let always = matches!(entry.value(), Value::String(text)
                if text.eq_ignore_ascii_case("always"));
            if !always {
                decoder.interval(entry);
            }
        }),
    ),
    now(&["encryption_key", "ek", "key"], Kind::String(skip)),
    now(&["prev_encryption_key", "prev_ek", "prev_key"], Kind::String(skip)),
    now(&["cipher"], Kind::Custom(|decoder, _, entry| cipher(decoder, entry))),
    now(&["extension_hint"], Kind::String(skip)),
    now(&["unique_tag"], Kind::String(skip)),
    now(
        &["max_outstanding_catchup"],
        Kind::Custom(|d, _, e| size(d, e, "max_outstanding_catchup")),
    ),
    now(&["max_buffered_size"], Kind::Custom(|d, _, e| size(d, e, "max_buffered_size"))),
    now(&["max_buffered_msgs"], Kind::Custom(number)),
    now(&["request_queue_limit"], Kind::Custom(number)),
    now(&["info_queue_limit"], Kind::Custom(number)),
    now(
        &["meta_compact"],
        Kind::Custom(|decoder, _, entry| match entry.value() {
            Value::Int(0..) => {}
            other => {
                let name = entry.name;
                decoder.error(
                    entry.pos(),
                    format!("Expected an absolute size for {name:?}, got {other}"),
                );
            }
        }),
    ),
    now(&["meta_compact_size"], Kind::Custom(|d, _, e| size(d, e, "meta_compact_size"))),
    now(&["meta_compact_sync"], Kind::Bool(skip)),
    now(
        &["max_concurrent_io"],
        Kind::Custom(|decoder, _, entry| match entry.value() {
            Value::Int(value) if CONCURRENT_IO.contains(value) => {}
            other => {
                let name = entry.name;
                decoder.error(
                    entry.pos(),
                    format!(
                        "Expected an absolute size for {name:?} between 4 and 8192, got {other}"
                    ),
                );
            }
        }),
    ),
    now(
        &["limits"],
        Kind::Custom(|d, _, e| inner(d, e, &LIMITS, "Expected a map to define JetStreamLimits")),
    ),
    now(
        &["tpm"],
        Kind::Custom(|d, _, e| inner(d, e, &TPM, "Expected a map to define JetStreamLimits")),
    ),
]);

const LIMITS: Block<()> = Block::new(&[
    now(&["max_ack_pending"], Kind::Int(skip)),
    now(&["max_ha_assets"], Kind::Int(skip)),
    now(&["max_request_batch"], Kind::Int(skip)),
    now(&["default_max_consumers"], Kind::Int(skip)),
    now(&["duplicate_window"], Kind::Duration(skip)),
    now(
        &["batch"],
        Kind::Custom(|d, (), e| inner(d, e, &BATCH, "Expected a map to define batch limits")),
    ),
]);

const BATCH: Block<()> = Block::new(&[
    now(&["max_inflight_per_stream"], Kind::Int(skip)),
    now(&["max_inflight_total"], Kind::Int(skip)),
    now(&["max_msgs"], Kind::Int(skip)),
    now(&["timeout"], Kind::Duration(skip)),
]);

const TPM: Block<()> = Block::new(&[
    now(&["keys_file"], Kind::String(skip)),
    now(&["encryption_password"], Kind::String(skip)),
    now(&["srk_password"], Kind::String(skip)),
    now(&["pcr"], Kind::Int(skip)),
    now(&["cipher"], Kind::Custom(|decoder, (), entry| cipher(decoder, entry))),
]);

const ACCOUNT: Block<()> = Block::new(&[
    now(&["max_memory", "max_mem", "mem", "memory"], Kind::Custom(number)),
    now(&["max_store", "max_file", "max_disk", "store", "disk"], Kind::Custom(number)),
    now(&["max_streams", "streams"], Kind::Custom(number)),
    now(&["max_consumers", "consumers"], Kind::Custom(number)),
    now(&["max_ack_pending"], Kind::Custom(number)),
    now(&["mem_max_stream_bytes", "memory_max_stream_bytes"], Kind::Custom(number)),
    now(&["disk_max_stream_bytes", "store_max_stream_bytes"], Kind::Custom(number)),
    now(
        &["max_bytes_required", "max_stream_bytes", "max_bytes"],
        Kind::Custom(|decoder, (), entry| {
            if !matches!(entry.value(), Value::Bool(_)) {
                let (name, value) = (entry.name, entry.value());
                decoder.error(
                    entry.pos(),
                    format!("Expected a parseable bool for {name:?}, got {value}"),
                );
            }
        }),
    ),
    now(
        &["cluster_traffic"],
        Kind::Custom(|decoder, (), entry| {
            let either = match entry.value() {
                Value::String(text) if text == "system" || text == "owner" => return,
                Value::String(_) => "",
                _ => "either ",
            };
            let (name, value) = (entry.name, entry.value());
            decoder.error(
                entry.pos(),
                format!(
                    "Expected {either}'system' or 'owner' string value for {name:?}, got {value}"
                ),
            );
        }),
    ),
]);

fn inner(decoder: &mut Decoder<'_>, entry: &Entry<'_>, block: &Block<()>, expected: &str) {
    match entry.value() {
        Value::Map(map) => decoder.walk(block, &mut (), map),
        other => {
            let kind = other.type_name();
            decoder.error(entry.pos(), format!("{expected}, got {kind}"));
        }
    }
}

/// A size: an integer, or a string that ends in K, M, G or T.
fn size(decoder: &mut Decoder<'_>, entry: &Entry<'_>, name: &str) {
    let reason = match entry.value() {
        Value::Int(_) => return,
        Value::String(text) => {
            let digits: String = text.chars().take(text.chars().count().max(1) - 1).collect();
            if text.is_empty()
                || (digits.parse::<i64>().is_ok() && text.ends_with(['K', 'M', 'G', 'T']))
            {
                return;
            }
            if digits.parse::<i64>().is_ok() {
                "sizes defined as strings must end in K, M, G, T".to_owned()
            } else {
                format!("strconv.ParseInt: parsing {digits:?}: invalid syntax")
            }
        }
        _ => "must be int64 or string".to_owned(),
    };
    decoder.error(entry.pos(), format!("{name} {reason}"));
}

fn number<T>(decoder: &mut Decoder<'_>, _: &mut T, entry: &Entry<'_>) {
    if !matches!(entry.value(), Value::Int(_)) {
        let (name, value) = (entry.name, entry.value());
        decoder.error(entry.pos(), format!("Expected a parseable size for {name:?}, got {value}"));
    }
}

fn cipher(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    match entry.value() {
        Value::String(text) => {
            if !["chacha", "chachapoly", "aes"].iter().any(|known| known.eq_ignore_ascii_case(text))
            {
                decoder.error(entry.pos(), format!("Unknown cipher type: {text:?}"));
            }
        }
        _ => decoder.wrong_type(entry.node, "string"),
    }
}

/// Whether it is a word that switches JetStream; else nats-server's text.
fn switch(value: &Value) -> Result<(), String> {
    match value {
        Value::Bool(_) => Ok(()),
        Value::String(text) => {
            let known = ["enabled", "enable", "disabled", "disable"];
            if known.iter().any(|known| known.eq_ignore_ascii_case(text)) {
                Ok(())
            } else {
                Err(format!("Expected 'enabled' or 'disabled' for string value, got '{text}'"))
            }
        }
        other => Err(format!(
            "Expected map, bool or string to define JetStream, got {}",
            other.type_name()
        )),
    }
}

/// Checks `jetstream` of the top level.
pub(super) fn of_server(decoder: &mut Decoder<'_>, out: &mut JetStream, entry: &Entry<'_>) {
    match entry.value() {
        Value::Map(map) => decoder.walk(&SERVER, out, map),
        value => {
            if let Err(text) = switch(value) {
                decoder.error(entry.pos(), text);
            }
        }
    }
}

/// Checks `jetstream` of an account.
pub(super) fn of_account(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    match entry.value() {
        Value::Map(map) => decoder.walk(&ACCOUNT, &mut (), map),
        value => {
            if let Err(text) = switch(value) {
                decoder.bare_error(text);
            }
        }
    }
}
