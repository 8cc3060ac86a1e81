//! What a shard counts. Each shard writes its own set; monitoring adds them up.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Counters of one shard. Only that shard writes them, so a store is enough; and they
        /// share no cache line with a sibling's.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)+
        }

        /// The counters of several shards added up.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Totals {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl Totals {
            /// Adds one shard's counters.
            pub fn add(&mut self, shard: &Counters) {
                $(self.$name += shard.$name.get();)+
            }
        }
    };
}

counters! {
    /// Messages that came in from clients (client-protocol.md 7.1).
    in_msgs,
    /// Their bytes: headers and payload.
    in_bytes,
    /// Messages delivered to clients, one per copy.
    out_msgs,
    /// Their bytes, headers included even where they were stripped.
    out_bytes,
    /// Client connections that are open.
    connections,
    /// Client connections that were ever accepted, refused ones included.
    total_connections,
    /// Live subscriptions of clients.
    subscriptions,
    /// Clients closed because they did not read.
    slow_consumers,
    /// Clients closed because they did not answer.
    stale_connections,
    /// Times a producer waited for a consumer.
    stalled_clients,
}

/// A number with one writer and any number of readers.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds; only the owning shard may call this.
    pub(crate) fn add(&self, by: u64) {
        self.0.store(self.get().wrapping_add(by), Ordering::Relaxed);
    }

    /// Subtracts; only the owning shard may call this.
    pub(crate) fn sub(&self, by: u64) {
        self.0.store(self.get().wrapping_sub(by), Ordering::Relaxed);
    }
}
