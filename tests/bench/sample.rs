//! What one run of one load gave.

/// A figure's name, unit and sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Metric {
    /// Deliveries, round trips or operations a second.
    Rate,
    /// CPU time of the server a message, in nanoseconds.
    ServerCpu,
    /// CPU time of the load generator a message, in nanoseconds.
    GeneratorCpu,
    /// Median latency in microseconds.
    P50,
    /// 99th percentile in microseconds.
    P99,
    /// 99.9th percentile in microseconds.
    P999,
    /// Resident memory in MiB at the end of the load.
    Resident,
    /// Resident memory in MiB before the load.
    ResidentAtStart,
    /// Subscriptions, or SUB and UNSUB pairs, a second.
    Subscribing,
    /// Resident memory that a subscription adds, in bytes.
    PerSubscription,
    /// Resident memory that an idle connection adds, in bytes.
    PerConnection,
    /// From the start of the process to the first accepted connection's INFO, in milliseconds.
    Start,
    /// Size of the program in MiB.
    Program,
}

impl Metric {
    /// Name and unit.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rate => "msgs_per_s",
            Self::ServerCpu => "server_cpu_ns_per_msg",
            Self::GeneratorCpu => "generator_cpu_ns_per_msg",
            Self::P50 => "p50_us",
            Self::P99 => "p99_us",
            Self::P999 => "p99_9_us",
            Self::Resident => "resident_mib",
            Self::ResidentAtStart => "resident_at_start_mib",
            Self::Subscribing => "subscribes_per_s",
            Self::PerSubscription => "bytes_per_subscription",
            Self::PerConnection => "bytes_per_connection",
            Self::Start => "start_ms",
            Self::Program => "program_mib",
        }
    }

    /// Whether more is better.
    pub(crate) fn is_gain(self) -> bool {
        matches!(self, Self::Rate | Self::Subscribing)
    }
}

/// The figures of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    figures: Vec<(Metric, f64)>,
}

impl Sample {
    /// Adds a figure.
    pub(crate) fn add(&mut self, metric: Metric, figure: f64) {
        self.figures.push((metric, figure));
    }

    /// All figures.
    pub(crate) fn figures(&self) -> &[(Metric, f64)] {
        &self.figures
    }

    /// One figure.
    pub(crate) fn figure(&self, metric: Metric) -> Option<f64> {
        self.figures.iter().find(|(name, _)| *name == metric).map(|(_, figure)| *figure)
    }

    /// Adds median, 99th and 99.9th percentile.
    pub(crate) fn add_latencies(&mut self, nanos: &mut [u32]) {
        if let Some([p50, p99, p999]) = crate::stats::percentiles(nanos) {
            self.add(Metric::P50, p50);
            self.add(Metric::P99, p99);
            self.add(Metric::P999, p999);
        }
    }
}

/// Bytes as MiB.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
