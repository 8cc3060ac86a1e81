//! `mqtt` (reference section 2.9): checked, not acted upon yet.

use super::super::value::Value;
use super::authorization::{Authorization, SIMPLE};
use super::{Block, Decoder, Entry, Kind, now, skip, skip_address};

const BLOCK: Block<()> = Block::new(&[
    now(&["listen"], Kind::HostPort(skip_address)),
    now(&["host", "net"], Kind::String(skip)),
    now(&["port"], Kind::Int(skip)),
    now(
        &["tls"],
        Kind::Custom(|decoder, (), entry| {
            decoder.quietly(|decoder| drop(decoder.tls(entry.node, false)));
        }),
    ),
    now(
        &["authorization", "authentication"],
        Kind::Custom(|decoder, (), entry| {
            decoder.walk_node(&SIMPLE, &mut Authorization::default(), entry.node);
        }),
    ),
    now(&["no_auth_user"], Kind::String(skip)),
    now(&["ack_wait", "ackwait"], Kind::Interval(skip)),
    now(&["js_api_timeout", "api_timeout"], Kind::Interval(skip)),
    now(
        &["max_ack_pending", "max_pending", "max_inflight"],
        Kind::Custom(|decoder, (), entry| match entry.value() {
            Value::Int(0..=0xffff) => {}
            Value::Int(value) => decoder
                .error(entry.pos(), format!("invalid value {value}, should in [0..65535] range")),
            _ => decoder.wrong_type(entry.node, "int64"),
        }),
    ),
    now(&["js_domain"], Kind::String(skip)),
    now(&["stream_replicas"], Kind::Int(skip)),
    now(
        &["consumer_replicas"],
        Kind::Custom(|decoder, (), entry| {
            decoder.warn(entry, "consumer replicas setting ignored in this server version");
        }),
    ),
    now(&["consumer_memory_storage"], Kind::Bool(skip)),
    now(&["consumer_inactive_threshold", "consumer_auto_cleanup"], Kind::Interval(skip)),
    now(&["reject_qos2_publish"], Kind::Bool(skip)),
    now(&["downgrade_qos2_subscribe"], Kind::Bool(skip)),
]);

/// Checks an `mqtt` block.
pub(super) fn mqtt(decoder: &mut Decoder<'_>, entry: &Entry<'_>) {
    match entry.value() {
        Value::Map(map) => decoder.walk(&BLOCK, &mut (), map),
        other => {
            let kind = other.type_name();
            decoder.error(entry.pos(), format!("Expected mqtt to be a map, got {kind}"));
        }
    }
}
