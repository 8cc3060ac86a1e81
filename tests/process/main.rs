//! The server as a process: what operators, supervisors and other projects' test suites do to it.
//!
//! Sources: the reference's chapter on configuration and operations, sections 3 and 6, each
//! statement observed on nats-server 2.15.1, against which these tests pass as well.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "what is shared between tests fails them when it cannot do its part"
)]

mod auth;
mod callout;
mod check;
mod command_line;
mod files;
mod handshakes;
mod https;
mod lame_duck;
mod proxy;
mod reload;
mod reload_tls;
mod reload_users;
mod signals;
mod startup;
mod trace;
