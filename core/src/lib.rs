//! Nervure's core: the NATS protocol and the router as a pure function of its inputs.
//!
//! # The three rules
//!
//! 1. **No I/O.** Nothing here opens, reads or writes. Bytes and facts come in as calls on
//!    [`shard::Shard`]; bytes and requests go out through polls.
//! 2. **No clock.** Every call that needs time takes `now: `[`Time`].
//! 3. **No hidden randomness.** One seeded generator, given at construction.
//!
//! # A message's way through the crate
//!
//! [`Shard::receive`](shard::Shard::receive) → [`wire`] (bytes to operations) → [`link`] (who may say what) →
//! `router` (match, choose queue members, deliver) with [`interest`] (who wants what) and
//! [`subject`] (what a subject is and what mappings make of it) → [`outbound`] (what waits to be
//! written). [`auth`] is asked on the way about users who may not do everything.

#![forbid(unsafe_code)]

pub mod account;
pub mod auth;
pub mod counters;
pub mod explain;
pub mod id;
pub mod interest;
pub mod limits;
pub mod link;
pub mod notice;
pub mod outbound;
pub mod reason;
mod reload;
mod router;
pub mod settings;
pub mod shard;
mod slab;
pub mod subject;
mod subscription;
pub mod time;
pub mod wire;

pub use id::{LinkId, ShardId, SubId};
pub use limits::Limits;
pub use reason::CloseReason;
pub use time::Time;
