//! `sender_identity`, of the server and of an account: which headers about its sender a message
//! gets. nats-server does not know it.

use nervure_core::account::SenderIdentity;

use super::super::value::Value;
use super::{Block, Decoder, Entry, Kind, now};

const PARTS: Block<SenderIdentity> = Block {
    keys: &[
        now(&["account"], Kind::Bool(|told, on| told.account = on)),
        now(&["user"], Kind::Bool(|told, on| told.user = on)),
        now(&["name"], Kind::Bool(|told, on| told.name = on)),
        now(&["kind"], Kind::Bool(|told, on| told.kind = on)),
    ],
    unknown: |name| format!("Unknown field {name:?} for sender_identity"),
};

impl Decoder<'_> {
    /// All or nothing, or a map of what is wanted.
    pub(super) fn sender_identity(&mut self, entry: &Entry<'_>) -> SenderIdentity {
        let mut told = SenderIdentity::default();
        match entry.value() {
            Value::Bool(true) => told = SenderIdentity::ALL,
            Value::Bool(false) => {}
            Value::Map(parts) => self.walk(&PARTS, &mut told, parts),
            other => self.error(
                entry.pos(),
                format!(
                    "Expected sender_identity to be a boolean, or a map of account, user, name and kind, got {other}"
                ),
            ),
        }
        told
    }
}
