//! What this process costs, as varz shows it (`mem`, `cpu`).
//!
//! Read from `/proc`; on systems without it everything is zero.

use std::fs;
use std::time::{Duration, Instant};

/// Resident memory, in bytes.
pub fn resident_bytes() -> u64 {
    fs::read_to_string("/proc/self/status").ok().and_then(|text| resident(&text)).unwrap_or(0)
}

fn resident(status: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = rest.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Processor time of all threads so far, in user and kernel.
pub fn cpu_time() -> Duration {
    fs::read_to_string("/proc/self/stat").ok().and_then(|text| spent(&text)).unwrap_or_default()
}

fn spent(stat: &str) -> Option<Duration> {
    // Linux shows times to programs in hundredths of a second on every architecture.
    const TICK: Duration = Duration::from_millis(10);
    // The name, in parentheses, may hold anything; state is the first field after it, and times
    // in user and kernel are the twelfth and thirteenth.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let kernel: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user.checked_add(kernel)?)
}

/// Processor use over the last while, in percent of one processor.
#[derive(Debug)]
pub struct CpuMeter {
    at: Instant,
    spent: Duration,
    percent: f64,
}

impl CpuMeter {
    /// Shorter spans are not measured: the system counts in steps of 10 ms.
    const SPAN: Duration = Duration::from_secs(1);

    /// Starts to measure; `spent` is [`cpu_time`].
    pub const fn new(now: Instant, spent: Duration) -> Self {
        Self { at: now, spent, percent: 0.0 }
    }

    /// The use since the sample before, if that is a second ago or more, else what was told
    /// then; to a tenth of a percent, as nats-server shows it.
    pub fn sample(&mut self, now: Instant, spent: Duration) -> f64 {
        let span = now.saturating_duration_since(self.at);
        if span >= Self::SPAN {
            let used = spent.saturating_sub(self.spent);
            self.percent = (used.as_secs_f64() / span.as_secs_f64() * 1000.0).round() / 10.0;
            self.at = now;
            self.spent = spent;
        }
        self.percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_kibibytes() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t   18324 kB\nVmX: 1 kB\n"), Some(18324 * 1024));
        assert_eq!(resident("Name:\tx\n"), None);
        assert!(resident_bytes() > 100_000, "this process has some");
    }

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 99";
        assert_eq!(spent(stat), Some(Duration::from_secs(2)));
        assert_eq!(spent("7 (a) S 1"), None);
        assert_eq!(spent(""), None);
    }

    #[test]
    fn processor_use_is_percent_of_one_processor_to_a_tenth() {
        let start = Instant::now();
        let seconds = Duration::from_secs_f64;
        let mut meter = CpuMeter::new(start, seconds(1.0));
        assert_eq!(meter.sample(start + seconds(0.5), seconds(1.5)), 0.0, "too soon");
        assert_eq!(meter.sample(start + seconds(2.0), seconds(2.0)), 50.0);
        assert_eq!(meter.sample(start + seconds(2.1), seconds(2.1)), 50.0, "too soon");
        assert_eq!(meter.sample(start + seconds(5.0), seconds(2.01)), 0.3);
        assert_eq!(meter.sample(start + seconds(6.0), seconds(4.01)), 200.0);
    }
}
