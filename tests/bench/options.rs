//! The benchmark's own command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::{BenchError, Result};
use crate::meter::Times;

/// What `--help` says.
pub(crate) const USAGE: &str = "\
Compares nervure with nats-server 2.15.1 on this machine.

usage: bench [OPTIONS] [LOAD...]
  LOAD                  names of loads or their beginnings (default: all)

  --list                show the names of all loads
  --rounds N            runs of each load and server, alternating; medians count (default: 5)
  --seconds S           measured time of a run (default: 3)
  --quick               the same as --rounds 1 --seconds 0.5
  --nats-server PATH    the nats-server (default: fetched by tests/fetch-nats-server)
  --nervure PATH        the nervure (default: built by cargo build --release)
  --shards N,N          nervure once with each of these numbers of shards; 0 leaves the number to
                        nervure (default: 0)
  --only NAME,NAME      only these of nats-server, nervure, forwarder
  --json FILE           write all figures
  --chart FILE          draw the comparison as SVG
  --growth-chart FILE   draw the loads that grow (subs, conns) as SVG
";

/// What is to be run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// Beginnings of names of loads; none is all.
    pub(crate) loads: Vec<String>,
    /// Show the names only.
    pub(crate) list: bool,
    /// Runs of each load and server.
    pub(crate) rounds: usize,
    /// How long a run lasts.
    pub(crate) times: Times,
    /// Given programs.
    pub(crate) nats_server: Option<PathBuf>,
    /// Given programs.
    pub(crate) nervure: Option<PathBuf>,
    /// Numbers of shards.
    pub(crate) shards: Vec<usize>,
    /// Who takes part; none is all.
    pub(crate) only: Vec<String>,
    /// Where figures go.
    pub(crate) json: Option<PathBuf>,
    /// Where the chart goes.
    pub(crate) chart: Option<PathBuf>,
    /// Where the chart of growing loads goes.
    pub(crate) growth_chart: Option<PathBuf>,
    /// `--help`.
    pub(crate) help: bool,
}

fn times(seconds: f64) -> Times {
    Times {
        warm: Duration::from_secs_f64((seconds / 5.0).clamp(0.1, 1.0)),
        measure: Duration::from_secs_f64(seconds),
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            loads: Vec::new(),
            list: false,
            rounds: 5,
            times: times(3.0),
            nats_server: None,
            nervure: None,
            shards: vec![0],
            only: Vec::new(),
            json: None,
            chart: None,
            growth_chart: None,
            help: false,
        }
    }
}

impl Options {
    /// Reads the words behind the program's name.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let mut value =
                || words.next().ok_or_else(|| BenchError::Usage(format!("{word} needs a value")));
            match word.as_str() {
                "--help" | "-h" => options.help = true,
                "--list" => options.list = true,
                "--quick" => (options.rounds, options.times) = (1, times(0.5)),
                "--rounds" => options.rounds = number(&value()?, 1, 1000)?,
                "--seconds" => options.times = times(number(&value()?, 0.1, 600.0)?),
                "--nats-server" => options.nats_server = Some(value()?.into()),
                "--nervure" => options.nervure = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                "--chart" => options.chart = Some(value()?.into()),
                "--growth-chart" => options.growth_chart = Some(value()?.into()),
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--shards" => {
                    let value = value()?;
                    let counts = value.split(',').map(|count| number(count, 0, 1024));
                    options.shards = counts.collect::<Result<Vec<usize>>>()?;
                }
                flag if flag.starts_with('-') => {
                    return Err(BenchError::Usage(format!("no option {flag}; see --help")));
                }
                load => options.loads.push(load.to_owned()),
            }
        }
        Ok(options)
    }

    /// Whether a load of this name was chosen.
    pub(crate) fn wants(&self, load: &str) -> bool {
        self.loads.is_empty() || self.loads.iter().any(|chosen| load.starts_with(chosen.as_str()))
    }

    /// Whether this contestant takes part; `nervure/2` does as `nervure`.
    pub(crate) fn invites(&self, contestant: &str) -> bool {
        let name = contestant.split('/').next().unwrap_or(contestant);
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

/// A number within bounds.
fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display>(
    text: &str,
    least: T,
    most: T,
) -> Result<T> {
    let number = text.parse().ok().filter(|number| (&least..=&most).contains(&number));
    number.ok_or_else(|| BenchError::Usage(format!("{text:?} is no number from {least} to {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read_and_loads_chosen_by_their_beginning() {
        let options = parse("1to1 --rounds 3 --seconds 2 pingpong --shards 1,2 --only nervure");
        let options = options.unwrap();
        assert_eq!((options.rounds, options.times.measure.as_secs()), (3, 2));
        assert_eq!(options.shards, [1, 2]);
        assert!(options.wants("1to1-16B") && options.wants("pingpong") && !options.wants("8to8"));
        assert!(options.invites("nervure/2") && !options.invites("forwarder"));
        assert!(parse("").unwrap().wants("8to8"));
    }

    #[test]
    fn what_cannot_be_obeyed_is_refused() {
        for line in ["--rounds", "--rounds 0", "--seconds x", "--shards 1,a", "--nonsense"] {
            assert!(matches!(parse(line), Err(BenchError::Usage(_))), "{line}");
        }
    }
}
