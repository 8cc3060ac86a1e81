//! All figures of a session, their medians, and the table for a person.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::sample::{Metric, Sample};
use crate::servers::NATS_SERVER;
use crate::stats::median;

/// What one contestant showed under one load.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    figures: BTreeMap<Metric, Vec<f64>>,
    /// Texts of runs that failed.
    pub(crate) failures: Vec<String>,
}

impl Entry {
    /// The median over all rounds.
    pub(crate) fn median(&self, metric: Metric) -> Option<f64> {
        median(self.figures.get(&metric)?)
    }

    /// All figures, by round.
    pub(crate) fn figures(&self) -> &BTreeMap<Metric, Vec<f64>> {
        &self.figures
    }
}

/// What all contestants showed under one load, in the order they were run.
#[derive(Debug)]
pub(crate) struct Block {
    /// The load.
    pub(crate) load: String,
    /// By name of the contestant.
    pub(crate) entries: Vec<(String, Entry)>,
}

impl Block {
    /// What this contestant showed.
    pub(crate) fn entry(&self, contestant: &str) -> Option<&Entry> {
        self.entries.iter().find(|(name, _)| name == contestant).map(|(_, entry)| entry)
    }

    /// How many times better than nats-server `entry` is.
    pub(crate) fn ratio(&self, entry: &Entry, metric: Metric) -> Option<f64> {
        let reference = self.entry(NATS_SERVER)?.median(metric)?;
        let own = entry.median(metric)?;
        let (above, below) = if metric.is_gain() { (own, reference) } else { (reference, own) };
        (below > 0.0).then(|| above / below)
    }
}

/// All of a session.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// By load.
    pub(crate) blocks: Vec<Block>,
}

/// The columns every load shares.
const COLUMNS: &[(Metric, &str, bool)] = &[
    (Metric::Rate, "msg/s", true),
    (Metric::ServerCpu, "CPU ns/msg", true),
    (Metric::GeneratorCpu, "gen ns/msg", false),
    (Metric::P50, "p50 us", true),
    (Metric::P99, "p99 us", true),
    (Metric::P999, "p99.9 us", false),
    (Metric::Resident, "RSS MiB", true),
];

impl Report {
    /// What this load showed.
    pub(crate) fn block(&self, load: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.load == load)
    }

    /// Adds what a run gave.
    pub(crate) fn add(&mut self, load: &str, contestant: &str, outcome: Result<Sample, String>) {
        if self.blocks.last().is_none_or(|block| block.load != load) {
            self.blocks.push(Block { load: load.to_owned(), entries: Vec::new() });
        }
        let Some(block) = self.blocks.last_mut() else { return };
        if block.entry(contestant).is_none() {
            block.entries.push((contestant.to_owned(), Entry::default()));
        }
        let found = block.entries.iter_mut().find(|(name, _)| name == contestant);
        let Some((_, entry)) = found else { return };
        match outcome {
            Ok(sample) => {
                for (metric, figure) in sample.figures() {
                    entry.figures.entry(*metric).or_default().push(*figure);
                }
            }
            Err(text) => entry.failures.push(text),
        }
    }

    /// Number of runs that failed.
    pub(crate) fn failures(&self) -> usize {
        let entries = self.blocks.iter().flat_map(|block| &block.entries);
        entries.map(|(_, entry)| entry.failures.len()).sum()
    }

    /// The heading of the table.
    pub(crate) fn heading() -> String {
        let mut line = format!("{:<16}{:<13}", "load", "server");
        for (_, title, with_ratio) in COLUMNS {
            let _ = write!(line, "{title:>11}{}", if *with_ratio { "  (ratio)" } else { "" });
        }
        line
    }
}

impl Block {
    /// The lines of the table. A ratio is "how many times better than nats-server".
    pub(crate) fn lines(&self) -> String {
        let mut text = String::new();
        for (name, entry) in &self.entries {
            let _ = write!(text, "{:<16}{name:<13}", self.load);
            for (metric, _, with_ratio) in COLUMNS {
                let figure = entry.median(*metric).map(short).unwrap_or_default();
                let _ = write!(text, "{figure:>11}");
                if *with_ratio {
                    let ratio = self.ratio(entry, *metric);
                    let ratio = ratio.map(|ratio| format!("({ratio:.2})")).unwrap_or_default();
                    let _ = write!(text, "{ratio:>9}");
                }
            }
            for metric in entry.figures.keys() {
                if COLUMNS.iter().any(|(column, ..)| column == metric) {
                    continue;
                }
                let figure = entry.median(*metric).map(short).unwrap_or_default();
                let _ = write!(text, "  {} {figure}", metric.name());
                if let Some(ratio) = self.ratio(entry, *metric) {
                    let _ = write!(text, " ({ratio:.2})");
                }
            }
            for failure in &entry.failures {
                let _ = write!(text, "  FAILED: {failure}");
            }
            text.push('\n');
        }
        text
    }
}

/// A figure with three digits, and k or M.
pub(crate) fn short(figure: f64) -> String {
    let (figure, unit) = match figure {
        figure if figure >= 999_500.0 => (figure / 1e6, " M"),
        figure if figure >= 9_995.0 => (figure / 1e3, " k"),
        figure => (figure, ""),
    };
    let digits = match figure {
        figure if figure >= 99.95 => 0,
        figure if figure >= 9.995 => 1,
        _ => 2,
    };
    format!("{figure:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        for (figure, expected) in [
            (1_234_567.0, "1.23 M"),
            (999_600.0, "1.00 M"),
            (999_400.0, "999 k"),
            (12_345.0, "12.3 k"),
            (1234.0, "1234"),
            (12.34, "12.3"),
            (0.5, "0.50"),
        ] {
            assert_eq!(short(figure), expected);
        }
    }

    #[test]
    fn a_ratio_says_how_many_times_better_whatever_the_metric() {
        let mut report = Report::default();
        for (name, rate, cpu) in [(NATS_SERVER, 1e6, 1000.0), ("nervure", 8e6, 100.0)] {
            let mut sample = Sample::default();
            sample.add(Metric::Rate, rate);
            sample.add(Metric::ServerCpu, cpu);
            report.add("x", name, Ok(sample));
        }
        let block = &report.blocks[0];
        let entry = block.entry("nervure").unwrap();
        assert_eq!(block.ratio(entry, Metric::Rate), Some(8.0));
        assert_eq!(block.ratio(entry, Metric::ServerCpu), Some(10.0));
        assert_eq!(block.ratio(entry, Metric::P50), None);
    }
}
