//! Nervure's native host: sockets, files, signals and the clock around [`nervure_core`].

pub mod auth;
pub mod cli;
pub mod config;
pub mod log;
pub mod monitor;
pub mod net;
pub mod options;
pub mod process;
pub mod resolver;
pub mod server;

/// The example that README shows, run by the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
