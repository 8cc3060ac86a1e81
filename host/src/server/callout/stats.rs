//! What monitoring shows of auth callouts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::monitor::{CalloutBucket, CalloutVarz};

/// Upper bounds of the histogram, in milliseconds; what takes longer is counted apart.
const BOUNDS: [u64; 11] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000];

/// How a callout ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Outcome {
    /// The service let the client in.
    Granted,
    /// The service, or what is wrong with its answer, kept the client out.
    Refused,
    /// Nobody answered in time.
    Unanswered,
    /// Nobody answered in time, but what the service had said before let the client in.
    FromCache,
}

/// Counters of all shards. They live as long as the server.
#[derive(Debug, Default)]
pub(in super::super) struct Stats {
    outcomes: [AtomicU64; 4],
    overloaded: AtomicU64,
    sum: AtomicU64,
    max: AtomicU64,
    buckets: [AtomicU64; BOUNDS.len() + 1],
}

impl Stats {
    /// A callout ended after this time.
    pub(super) fn record(&self, outcome: Outcome, took: Duration) {
        let add = |counter: &AtomicU64, number| {
            counter.fetch_add(number, Ordering::Relaxed);
        };
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let place = BOUNDS.partition_point(|bound| Duration::from_millis(*bound) < took);
        self.outcomes.get(outcome as usize).into_iter().for_each(|counter| add(counter, 1));
        self.buckets.get(place).into_iter().for_each(|counter| add(counter, 1));
        add(&self.sum, nanos);
        self.max.fetch_max(nanos, Ordering::Relaxed);
    }

    /// A client was turned away because too much waits already.
    pub(in super::super) fn overloaded(&self) {
        self.overloaded.fetch_add(1, Ordering::Relaxed);
    }

    /// The page, with `entries` in the cache.
    pub(in super::super) fn varz(&self, entries: usize) -> CalloutVarz {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let outcome = |outcome: Outcome| self.outcomes.get(outcome as usize).map_or(0, read);
        let bounds = BOUNDS.iter().map(|bound| Some(Duration::from_millis(*bound))).chain([None]);
        let bucket = |(up_to, count)| CalloutBucket { up_to, count: read(count) };
        CalloutVarz {
            granted: outcome(Outcome::Granted),
            refused: outcome(Outcome::Refused),
            unanswered: outcome(Outcome::Unanswered),
            from_cache: outcome(Outcome::FromCache),
            overloaded: read(&self.overloaded),
            cache_entries: entries,
            count: self.outcomes.iter().map(read).sum(),
            time_sum: Duration::from_nanos(read(&self.sum)),
            time_max: Duration::from_nanos(read(&self.max)),
            histogram: bounds.zip(&self.buckets).map(bucket).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_counted_up_to_its_bound_and_in_one_bucket() {
        let stats = Stats::default();
        for millis in [0, 1, 2, 3, 2000, 2001] {
            stats.record(Outcome::Granted, Duration::from_millis(millis));
        }
        stats.record(Outcome::Unanswered, Duration::from_micros(1001));
        let varz = stats.varz(3);
        let counts: Vec<u64> = varz.histogram.iter().map(|bucket| bucket.count).collect();
        assert_eq!(counts, [2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(varz.histogram[11].up_to, None);
        assert_eq!((varz.count, varz.granted, varz.unanswered, varz.refused), (7, 6, 1, 0));
        assert_eq!(varz.time_max, Duration::from_millis(2001));
        assert_eq!(varz.time_sum, Duration::from_micros(4_007_000 + 1001));
    }
}
