//! Bytes to operations and back: the one wire grammar of all link kinds.
//!
//! A message passes here twice. On its way in, [`Parser`] cuts the bytes of one read into
//! [`Op`]s, which are slices of those bytes: nothing is copied unless a unit is split across
//! reads. The link decides what an operation may do; it reads CONNECT with [`ConnectOptions`].
//! On the way out, [`encode`] writes the lines of deliveries and errors into the receiver's
//! outbound buffer, and [`ServerInfo`] the INFO line.
//!
//! The grammar is that of the reference's client-protocol, sections 1 and 2; details it leaves
//! open were observed on nats-server 2.15.1.
//!
//! | modules | direction |
//! |---|---|
//! | `parser` (split units), `whole` (units in one piece), `verb`, `args`, `op` | in |
//! | `connect`, [`headers`] | in |
//! | [`encode`], `info`, `quote` | out |
//! | [`number`] | both |

mod args;
mod connect;
pub mod encode;
mod error;
pub mod headers;
mod info;
pub mod number;
mod op;
mod parser;
mod quote;
mod redact;
mod verb;
mod whole;

#[cfg(test)]
mod split_tests;
#[cfg(test)]
mod transcript_tests;

pub use connect::{ConnectError, ConnectOptions, Credentials};
pub use error::{Fault, WireError};
pub use info::{ClientInfo, PROTO, ServerInfo};
pub use op::{Body, Op, Publish, Verbatim};
pub use parser::{ParseRules, Parser};
pub use quote::quote;
pub use redact::redacted;
