//! The README's table: what Nervure promises beside what was measured.
//!
//! Ratios are those of [`crate::report`]: how many times better than nats-server. A row that covers
//! several loads shows its worst one. Rows whose loads were not run are left empty.

use std::fmt::Write;

use crate::report::{Report, short};
use crate::sample::Metric;
use crate::servers::LIMIT;

/// What a row measures.
#[derive(Clone, Copy)]
enum Measure {
    /// How many times better than nats-server, the worst of these loads.
    Ratio(Metric, &'static [&'static str]),
    /// CPU a message over the forwarder's.
    OverLimit(&'static str),
    /// A figure of its own.
    Figure(Metric, &'static str, &'static str),
}

struct Goal {
    work: &'static str,
    goal: &'static str,
    measures: &'static [Measure],
}

use Measure::{Figure, OverLimit, Ratio};

const GOALS: &[Goal] = &[
    Goal {
        work: "1 publisher, 1 subscriber, 16 B",
        goal: "at least 8 x; CPU at most 1.5 x the forwarder's",
        measures: &[
            Ratio(Metric::Rate, &["1to1-16B"]),
            Ratio(Metric::ServerCpu, &["1to1-16B"]),
            OverLimit("1to1-16B"),
        ],
    },
    Goal {
        work: "1 publisher, 1 subscriber, 128 B",
        goal: "at least 5 x; CPU at most 1.5 x the forwarder's",
        measures: &[
            Ratio(Metric::Rate, &["1to1-128B"]),
            Ratio(Metric::ServerCpu, &["1to1-128B"]),
            OverLimit("1to1-128B"),
        ],
    },
    Goal {
        work: "fan-out 1 to 4, 1 to 100, 1 to 1000",
        goal: "at least 6 x",
        measures: &[
            Ratio(Metric::Rate, &["fanout-4", "fanout-100", "fanout-1000"]),
            Ratio(Metric::ServerCpu, &["fanout-4", "fanout-100", "fanout-1000"]),
        ],
    },
    Goal {
        work: "fan-in, queue groups, many to many",
        goal: "at least 4 x",
        measures: &[
            Ratio(Metric::Rate, &["fanin-8", "queue-4", "8to8"]),
            Ratio(Metric::ServerCpu, &["fanin-8", "queue-4", "8to8"]),
        ],
    },
    Goal {
        work: "request-reply round trip",
        goal: "median and p99 at most half (at least 2 x)",
        measures: &[Ratio(Metric::P50, &["pingpong"]), Ratio(Metric::P99, &["pingpong"])],
    },
    Goal {
        work: "old-style request-reply",
        goal: "at least 4 x",
        measures: &[
            Ratio(Metric::Rate, &["requests-old"]),
            Ratio(Metric::ServerCpu, &["requests-old"]),
        ],
    },
    Goal {
        work: "1 M subscriptions, without and with churn",
        goal: "at least 4 x; memory at most 1/3 (at least 3 x)",
        measures: &[
            Ratio(Metric::Rate, &["subs-1000000", "churn-1000000"]),
            Ratio(Metric::ServerCpu, &["subs-1000000", "churn-1000000"]),
            Ratio(Metric::PerSubscription, &["subs-1000000"]),
        ],
    },
    Goal {
        work: "resident memory at rest; of an idle client",
        goal: "under 6 MiB; under 1 KiB",
        measures: &[
            Figure(Metric::Resident, "start", "MiB"),
            Figure(Metric::PerConnection, "idle-10000", "B"),
        ],
    },
    Goal {
        work: "start to first accepted connection",
        goal: "under 10 ms",
        measures: &[Figure(Metric::Start, "start", "ms")],
    },
    Goal {
        work: "release binary (plugins not yet in)",
        goal: "under 7 MiB",
        measures: &[Figure(Metric::Program, "program", "MiB")],
    },
];

/// The table for one contestant, in Markdown.
pub(crate) fn table(report: &Report, contestant: &str) -> String {
    let mut text = String::from("| work | goal | measured |\n|---|---|---|\n");
    for goal in GOALS {
        let measured: Vec<String> =
            goal.measures.iter().filter_map(|it| it.text(report, contestant)).collect();
        let _ = writeln!(text, "| {} | {} | {} |", goal.work, goal.goal, measured.join(", "));
    }
    text
}

impl Measure {
    fn text(self, report: &Report, contestant: &str) -> Option<String> {
        match self {
            Ratio(metric, loads) => {
                let ratios = loads.iter().filter_map(|load| {
                    let block = report.block(load)?;
                    block.ratio(block.entry(contestant)?, metric)
                });
                let worst = ratios.min_by(f64::total_cmp)?;
                Some(format!("{} {worst:.1} x", title(metric)))
            }
            OverLimit(load) => {
                let block = report.block(load)?;
                let own = block.entry(contestant)?.median(Metric::ServerCpu)?;
                let limit = block.entry(LIMIT)?.median(Metric::ServerCpu)?;
                Some(format!("{:.1} x the forwarder's", own / limit))
            }
            Figure(metric, load, unit) => {
                let own = report.block(load)?.entry(contestant)?.median(metric)?;
                Some(format!("{} {unit}", short(own)))
            }
        }
    }
}

fn title(metric: Metric) -> &'static str {
    match metric {
        Metric::Rate => "rate",
        Metric::ServerCpu => "CPU",
        Metric::P50 => "median",
        Metric::P99 => "p99",
        Metric::PerSubscription => "memory",
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loads::LOADS;
    use crate::sample::Sample;
    use crate::servers::{NATS_SERVER, NERVURE};

    #[test]
    fn every_load_of_the_table_exists() {
        let known = |load: &str| LOADS.iter().any(|it| it.name == load);
        for measure in GOALS.iter().flat_map(|goal| goal.measures) {
            match measure {
                Ratio(_, loads) => loads.iter().for_each(|load| assert!(known(load), "{load}")),
                OverLimit(load) | Figure(_, load, _) => assert!(known(load), "{load}"),
            }
        }
    }

    #[test]
    fn a_row_shows_its_worst_load_and_what_was_not_run_is_empty() {
        let mut report = Report::default();
        for (load, ours) in [("fanout-4", 9e6), ("fanout-100", 3e6)] {
            for (name, rate) in [(NATS_SERVER, 1e6), (NERVURE, ours)] {
                let mut sample = Sample::default();
                sample.add(Metric::Rate, rate);
                report.add(load, name, Ok(sample));
            }
        }
        let table = table(&report, NERVURE);
        assert!(table.contains("| at least 6 x | rate 3.0 x |\n"), "{table}");
        assert!(table.contains("| under 10 ms |  |\n"), "{table}");
    }
}
