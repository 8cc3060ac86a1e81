//! The clocks of one run: warm up, measure, stop.
//!
//! Rate and CPU are those of the interval between the end of the warm-up and the end of the
//! measurement, counted in what subscribers have received: three clocks (wall, server, generator)
//! and one count are read at either end.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::sample::{Metric, Sample, mib};
use crate::servers::{Running, own_cpu};

/// How long the parts of a run last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// Load before the measurement.
    pub(crate) warm: Duration,
    /// The measurement.
    pub(crate) measure: Duration,
}

#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    server: Duration,
    own: Duration,
    count: u64,
}

/// Takes the readings of one run.
pub(crate) struct Meter<'a> {
    server: &'a Running,
    times: Times,
    began: Instant,
    start: Option<Reading>,
    end: Option<Reading>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(server: &'a Running, times: Times) -> Self {
        Self { server, times, began: Instant::now(), start: None, end: None }
    }

    /// Looks at the clock; `count` is what has been received so far. False when the load has to
    /// stop.
    pub(crate) fn goes_on(&mut self, now: Instant, count: u64) -> Result<bool> {
        match &self.start {
            None if now >= self.began + self.times.warm => self.start = Some(self.read(count)?),
            Some(start) if self.end.is_none() && now >= start.at + self.times.measure => {
                self.end = Some(self.read(count)?);
            }
            _ => {}
        }
        Ok(self.end.is_none())
    }

    /// Whether the interval that counts has begun and not ended.
    pub(crate) fn is_measuring(&self) -> bool {
        self.start.is_some() && self.end.is_none()
    }

    fn read(&self, count: u64) -> Result<Reading> {
        Ok(Reading { at: Instant::now(), server: self.server.cpu()?, own: own_cpu()?, count })
    }

    /// The figures of the interval.
    pub(crate) fn sample(&self) -> Sample {
        let mut sample = Sample::default();
        if let (Some(start), Some(end)) = (self.start, self.end) {
            let count = (end.count - start.count).max(1) as f64;
            let per = |start: Duration, end: Duration| (end - start).as_nanos() as f64 / count;
            sample.add(Metric::Rate, count / (end.at - start.at).as_secs_f64());
            sample.add(Metric::ServerCpu, per(start.server, end.server));
            sample.add(Metric::GeneratorCpu, per(start.own, end.own));
        }
        sample.add(Metric::Resident, mib(self.server.resident()));
        sample
    }
}
