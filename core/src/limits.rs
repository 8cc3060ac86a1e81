//! Every bound that a peer can run into, named in one place.
//!
//! Defaults are nats-server's (observed on nats-server 2.15.1).

use core::time::Duration;

/// The configurable limits of client connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Longest argument part of a control line, in bytes.
    pub max_control_line: usize,
    /// Largest payload including headers, in bytes.
    pub max_payload: usize,
    /// Bytes that may wait for one link before it counts as a slow consumer.
    pub max_pending: usize,
    /// Most client connections at once; zero refuses everybody.
    pub max_connections: usize,
    /// Most subscriptions of one connection; zero means no limit.
    pub max_subscriptions: usize,
    /// Most tokens in a subscription's subject; zero means no limit.
    pub max_sub_tokens: usize,
    /// How often an idle client is pinged.
    pub ping_interval: Duration,
    /// Unanswered pings that are tolerated.
    pub ping_max: u32,
    /// How long one write may stay blocked.
    pub write_deadline: Duration,
    /// How long a client that must authenticate may take to do so.
    pub auth_timeout: Duration,
    /// Drop messages for a lagging consumer instead of slowing their producer down.
    pub no_fast_producer_stall: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_control_line: 4096,
            max_payload: 1 << 20,
            max_pending: 64 << 20,
            max_connections: 65536,
            max_subscriptions: 0,
            max_sub_tokens: 0,
            ping_interval: Duration::from_secs(120),
            ping_max: 2,
            write_deadline: Duration::from_secs(10),
            auth_timeout: Duration::from_secs(2),
            no_fast_producer_stall: false,
        }
    }
}

impl Limits {
    /// Pending bytes above which a receiver lags behind.
    pub(crate) fn lagging(&self) -> usize {
        self.max_pending / 4 * 3
    }
}

/// Most digits of a size on the wire; larger sizes cannot be expressed.
pub const MAX_SIZE_DIGITS: usize = 9;

/// From this size on a payload is stored once and shared by all its receivers instead of being
/// copied into each outbound buffer.
pub const SHARED_PAYLOAD: usize = 16 << 10;
