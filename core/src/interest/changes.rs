//! What changed lately, for caches that want to forget exactly that.

use std::collections::VecDeque;

/// Most changes that are remembered. A shard reads at most a few thousand operations between two
/// looks at the log; one that has not looked for longer has a cold cache anyway.
const MAX_CHANGES: usize = 2048;

/// Most octets of subjects that are remembered.
const MAX_OCTETS: usize = 64 << 10;

/// The latest changed subjects and patterns, numbered without gaps. The number of the last one is
/// the index's generation.
#[derive(Default)]
pub(super) struct ChangeLog {
    generation: u64,
    lengths: VecDeque<u32>,
    octets: VecDeque<u8>,
}

/// The changes that a cache has to catch up with; reused.
#[derive(Default)]
pub(super) struct Changes {
    /// The log no longer reaches back far enough: anything may have changed.
    pub(super) everything: bool,
    lengths: Vec<u32>,
    octets: Vec<u8>,
}

impl ChangeLog {
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Notes a change; returns its generation.
    pub(super) fn push(&mut self, pattern: &[u8]) -> u64 {
        self.lengths.push_back(pattern.len() as u32);
        self.octets.extend(pattern);
        while self.lengths.len() > MAX_CHANGES || self.octets.len() > MAX_OCTETS {
            let Some(length) = self.lengths.pop_front() else { break };
            self.octets.drain(..length as usize);
        }
        self.octets.shrink_to(2 * MAX_OCTETS);
        self.generation += 1;
        self.generation
    }

    /// Copies what changed after `generation` into `changes`.
    pub(super) fn since(&self, generation: u64, changes: &mut Changes) {
        let count = usize::try_from(self.generation.saturating_sub(generation));
        changes.clear();
        let Some(count) = count.ok().filter(|&count| count <= self.lengths.len()) else {
            changes.everything = true;
            return;
        };
        let known = self.lengths.len() - count;
        changes.lengths.extend(self.lengths.range(known..));
        let octets: usize = changes.lengths.iter().map(|&length| length as usize).sum();
        let (front, back) = self.octets.as_slices();
        let skip = self.octets.len() - octets;
        changes.octets.extend_from_slice(front.get(skip..).unwrap_or_default());
        changes
            .octets
            .extend_from_slice(back.get(skip.saturating_sub(front.len())..).unwrap_or(back));
    }
}

impl Changes {
    pub(super) fn clear(&mut self) {
        self.everything = false;
        self.lengths.clear();
        self.octets.clear();
    }

    /// The changed subjects and patterns, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.octets.as_slice();
        self.lengths.iter().map_while(move |&length| {
            let (pattern, after) = rest.split_at_checked(length as usize)?;
            rest = after;
            Some(pattern)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(log: &ChangeLog, generation: u64) -> Option<Vec<Vec<u8>>> {
        let mut changes = Changes::default();
        log.since(generation, &mut changes);
        (!changes.everything).then(|| changes.iter().map(<[u8]>::to_vec).collect())
    }

    #[test]
    fn a_reader_gets_exactly_what_it_missed_or_is_told_so() {
        let mut log = ChangeLog::default();
        let mut all: Vec<Vec<u8>> = Vec::new();
        assert_eq!(since(&log, 0), Some(vec![]));
        for number in 0..3 * MAX_CHANGES {
            let pattern = format!("subject.{number}").repeat(1 + number % 5).into_bytes();
            all.push(pattern);
            assert_eq!(log.push(&all[number]), number as u64 + 1);
            for behind in [0, 1, 2, 17] {
                if behind <= all.len() {
                    let missed = since(&log, (all.len() - behind) as u64);
                    assert_eq!(missed.as_deref(), Some(&all[all.len() - behind..]));
                }
            }
        }
        assert_eq!(since(&log, 0), None);
        let oldest = (all.len() - log.lengths.len()) as u64;
        assert_eq!(since(&log, oldest).map(|it| it.len()), Some(log.lengths.len()));
        assert_eq!(since(&log, oldest - 1), None);
    }

    #[test]
    fn a_subject_beyond_the_bound_leaves_no_trace_but_its_number() {
        let mut log = ChangeLog::default();
        log.push(b"before");
        log.push(&vec![b'x'; MAX_OCTETS + 1]);
        assert_eq!((since(&log, 0), since(&log, 1)), (None, None));
        log.push(b"after");
        assert_eq!(since(&log, 2), Some(vec![b"after".to_vec()]));
        assert!(log.octets.capacity() <= 2 * MAX_OCTETS);
    }
}
