//! The server as a process among others: its pid and ports files, the signals it listens to and
//! sends, what it costs (reference, config-and-operations.md 3.6, 3.8 and 6).
//!
//! No message comes through here; operators, supervisors and test harnesses do.

mod files;
mod interfaces;
pub(crate) mod memory;
mod send;
mod signals;
#[cfg(test)]
mod tests;
mod usage;

use std::io;

pub use files::{Address, Ports, PortsFile, write_pid_file};
pub use interfaces::local_addresses;
pub use send::{SignalError, send_signal};
pub use signals::{Signal, Signals};
pub use usage::{CpuMeter, cpu_time, resident_bytes};

/// An operating system's error as nats-server words it: lower case and without number, so that
/// `open x: no such file or directory` reads the same from both.
pub fn os_error(err: &io::Error) -> String {
    let text = err.to_string();
    if err.raw_os_error().is_none() {
        return text;
    }
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // "No such file", but not "I/O error".
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}
