//! Nervure's native host: sockets, files, signals and the clock around [`nervure_core`].

pub mod cli;
pub mod config;
pub mod log;
pub mod monitor;
pub mod net;
pub mod options;
pub mod process;
pub mod server;
