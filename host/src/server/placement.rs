//! Which shard a new connection goes to.
//!
//! Two links of one shard exchange a message for half the cost of two links of different shards,
//! and a machine that has little to do should do it on one core. So shards are filled one after
//! the other while there is room, and a shard that is busy gets no more connections as long as
//! another one is not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nervure_core::ShardId;
use nervure_core::shard::Shared;
use tokio::runtime::RuntimeMetrics;

/// Connections that a shard may have more than the emptiest one.
const AHEAD: u64 = 16;

/// Part of its time from which on a shard counts as busy.
const BUSY: f64 = 0.5;

/// Time over which a shard's work is averaged, at least.
const SAMPLE: Duration = Duration::from_millis(50);

/// What is known about one shard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Load {
    /// Part of the time that it worked lately, 0 to 1.
    pub(super) busy: f64,
    /// Connections that it serves.
    pub(super) connections: u64,
}

/// The shard that gets the next connection; 0 when there are none.
pub(super) fn choose(loads: &[Load]) -> usize {
    let fewest = loads.iter().map(|load| load.connections).min().unwrap_or(0);
    let has_room = |load: &Load| load.busy < BUSY && load.connections < fewest + AHEAD;
    loads.iter().position(has_room).unwrap_or_else(|| {
        let order =
            |a: &Load, b: &Load| a.busy.total_cmp(&b.busy).then(a.connections.cmp(&b.connections));
        let least = loads.iter().enumerate().min_by(|(_, a), (_, b)| order(a, b));
        least.map_or(0, |(shard, _)| shard)
    })
}

/// Places connections; one for all listeners of a server.
pub(super) struct Placement {
    shared: Arc<Shared>,
    shards: Vec<Watched>,
    sampled: Instant,
}

struct Watched {
    runtime: RuntimeMetrics,
    /// Time that the shard's thread had worked when it was last looked at.
    worked: Duration,
    busy: f64,
    /// Connections handed over since then, of which its counters may not know yet.
    fresh: u64,
}

impl Placement {
    /// For the shards of `shared`, in their order, each on a current-thread runtime.
    pub(super) fn new(
        shared: Arc<Shared>,
        runtimes: impl IntoIterator<Item = RuntimeMetrics>,
        now: Instant,
    ) -> Self {
        let watched = |runtime: RuntimeMetrics| Watched {
            worked: runtime.worker_total_busy_duration(0),
            runtime,
            busy: 0.0,
            fresh: 0,
        };
        Self { shared, shards: runtimes.into_iter().map(watched).collect(), sampled: now }
    }

    /// The shard that gets the next connection.
    pub(super) fn next(&mut self, now: Instant) -> usize {
        let passed = now.saturating_duration_since(self.sampled);
        if passed >= SAMPLE {
            self.sampled = now;
            for shard in &mut self.shards {
                let worked = shard.runtime.worker_total_busy_duration(0);
                let lately = worked.saturating_sub(shard.worked);
                shard.worked = worked;
                shard.busy = lately.as_secs_f64() / passed.as_secs_f64();
                shard.fresh = 0;
            }
        }
        let load = |(id, shard): (ShardId, &Watched)| Load {
            busy: shard.busy,
            connections: self.shared.connections(id) + shard.fresh,
        };
        let loads: Vec<Load> = (0..).map(ShardId).zip(&self.shards).map(load).collect();
        let chosen = choose(&loads);
        if let Some(shard) = self.shards.get_mut(chosen) {
            shard.fresh += 1;
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(connections: u64) -> Load {
        Load { busy: 0.1, connections }
    }

    fn busy(busy: f64, connections: u64) -> Load {
        Load { busy, connections }
    }

    #[test]
    fn few_connections_stay_together_and_many_spread_evenly() {
        let mut loads = [idle(0); 4];
        let mut first = Vec::new();
        for _ in 0..400 {
            let shard = choose(&loads);
            loads[shard].connections += 1;
            first.push(shard);
        }
        assert!(first[..16].iter().all(|&shard| shard == 0));
        assert!(first[16..32].iter().all(|&shard| shard == 1));
        let counts = loads.map(|load| load.connections);
        assert_eq!(counts.iter().sum::<u64>(), 400);
        assert!(counts.iter().max() <= counts.iter().min().map(|least| least + AHEAD).as_ref());
    }

    #[test]
    fn a_busy_shard_is_spared_while_another_is_not() {
        assert_eq!(choose(&[busy(0.9, 1), idle(5)]), 1);
        assert_eq!(choose(&[busy(0.9, 1), idle(500)]), 1);
        assert_eq!(choose(&[busy(0.9, 1), busy(0.7, 5)]), 1);
        assert_eq!(choose(&[busy(0.9, 7), busy(0.9, 5)]), 1);
        assert_eq!(choose(&[]), 0);
    }

    #[test]
    fn a_thread_that_works_is_seen_to_work() {
        let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (worker, sleeper) = (runtime(), runtime());
        let runtimes = [worker.metrics(), sleeper.metrics()];
        let start = Instant::now();
        let mut placement = Placement::new(Shared::new(2), runtimes, start);
        assert_eq!(placement.next(start), 0);
        worker.block_on(async {
            let spin = Instant::now();
            while spin.elapsed() < 2 * SAMPLE {}
            // Work is counted when the thread looks for more of it.
            for _ in 0..200 {
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(placement.next(start + 2 * SAMPLE), 1);
    }
}
