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
