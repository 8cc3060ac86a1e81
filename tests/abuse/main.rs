//! What bad, broken and far too many peers do to a server, and that nobody else notices.
//!
//! In every test a pair of bystanders exchanges numbered messages all along ([`beside`]); not one
//! may be lost, and none may take long. Loads are bounded.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "what is shared between tests fails them when it cannot do its part"
)]

mod beside;
mod crowds;
mod input;
mod passwords;
mod readers;
