//! Names of things inside one server: shards, links, subscriptions.
//!
//! Links and subscriptions live in slots that are used again; a generation beside the slot tells
//! a live one from its predecessor, so that a stale name finds nothing instead of a stranger.

/// One of the server's shards, counted from zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardId(pub u16);

/// One peer's connection, within the shard that owns it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LinkId {
    /// Index into the shard's links.
    pub slot: u32,
    /// Which occupant of the slot.
    pub generation: u32,
}

/// In place of a shard: whichever shard asks.
const ANY_SHARD: ShardId = ShardId(u16::MAX);

/// Slots from here on are those of a shard's imported subscriptions.
pub(crate) const FIRST_IMPORTED: u32 = 1 << 31;

/// The slot of a shard that waits for responses.
const RESPONSES: u32 = u32::MAX;

/// One subscription, anywhere on this server. Eight bytes, because an index of a million
/// subscriptions holds a million of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SubId {
    /// The shard that owns the subscription's link.
    pub shard: ShardId,
    /// Which occupant of the slot.
    pub generation: u16,
    /// Index into that shard's subscriptions.
    pub slot: u32,
}

impl SubId {
    /// The entry of a service import in its account's index: the shard of the requester sees to
    /// it, whichever that is.
    pub(crate) const fn service(number: u32) -> Self {
        Self { shard: ANY_SHARD, generation: 0, slot: number }
    }

    /// The number of the service import that this is the entry of.
    pub(crate) fn as_service(self) -> Option<u32> {
        (self.shard == ANY_SHARD).then_some(self.slot)
    }

    /// The entry of a shard that waits for responses.
    pub(crate) const fn responses(shard: ShardId) -> Self {
        Self { shard, generation: 0, slot: RESPONSES }
    }
}
