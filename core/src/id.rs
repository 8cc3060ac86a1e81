//! Names of things inside one server: shards, links, subscriptions.
//!
//! Links and subscriptions live in slots that are used again; a generation beside the slot tells
//! a live one from its predecessor, so that a stale name finds nothing instead of a stranger.

/// One of the server's shards, counted from zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ShardId(pub u16);

/// What servers know each other by where a name would be too long: eight characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerHash([u8; 8]);

impl ServerHash {
    /// Of the server whose name has this SHA-256 (reference security 6.7).
    pub fn new(digest: &[u8; 32]) -> Self {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut hash = Self::default();
        for (character, octet) in hash.0.iter_mut().zip(digest) {
            *character = DIGITS[usize::from(octet % 62)];
        }
        hash
    }
}

impl Default for ServerHash {
    /// Of a server without a name.
    fn default() -> Self {
        Self([b'0'; 8])
    }
}

impl AsRef<[u8]> for ServerHash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

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

/// What an entry of an index that is no link's stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Standing {
    /// The service import with this number.
    Import(u32),
    /// The service of the server itself with this number.
    Own(u32),
}

/// Generations of entries that are no link's.
const IMPORT: u16 = 0;
const OWN: u16 = 1;

impl SubId {
    /// The entry of something that the shard of the requester sees to, whichever that is.
    pub(crate) const fn standing(what: Standing) -> Self {
        let (generation, slot) = match what {
            Standing::Import(number) => (IMPORT, number),
            Standing::Own(number) => (OWN, number),
        };
        Self { shard: ANY_SHARD, generation, slot }
    }

    /// What this is the entry of, if it is no link's.
    pub(crate) const fn stands_for(self) -> Option<Standing> {
        match self {
            Self { shard: ANY_SHARD, generation: IMPORT, slot } => Some(Standing::Import(slot)),
            Self { shard: ANY_SHARD, slot, .. } => Some(Standing::Own(slot)),
            _ => None,
        }
    }

    /// The entry of a shard that waits for responses.
    pub(crate) const fn responses(shard: ShardId) -> Self {
        Self { shard, generation: 0, slot: RESPONSES }
    }
}
