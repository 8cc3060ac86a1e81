//! Account resolvers: where a server in operator mode finds the JWTs of accounts (reference
//! security 6).
//!
//! Not in a message's way: a login asks for an account that is not in force yet, and the system
//! account pushes and asks. Nothing here is for a shard's thread, since it waits for files and for
//! the network.
//!
//! - [`mod@directory`]: `type: full` and `type: cache`
//! - [`mod@url`]: one behind an address
//! - [`mod@claims`]: the requests of the system account

pub mod claims;
pub mod directory;
pub mod url;
