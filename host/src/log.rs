//! Log lines in nats-server's form: `[PID] YYYY/MM/DD hh:mm:ss.uuuuuu [LVL] text`, on standard
//! error (config-and-operations.md 3.4). Times are UTC.

use std::fmt::Arguments;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use nervure_core::notice::{Event, Notice};

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something an operator expects.
    Info,
    /// Shown with `debug` only.
    Debug,
    /// Something an operator should look at.
    Warning,
    /// Something went wrong.
    Error,
    /// The server cannot go on.
    Fatal,
    /// Shown with `trace` only.
    Trace,
}

impl Level {
    const fn mark(self) -> &'static str {
        match self {
            Self::Info => "INF",
            Self::Debug => "DBG",
            Self::Warning => "WRN",
            Self::Error => "ERR",
            Self::Fatal => "FTL",
            Self::Trace => "TRC",
        }
    }
}

/// Writes log lines. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Logger {
    debug: bool,
    trace: bool,
    without_time: bool,
    silent: bool,
}

impl Logger {
    /// Shows what these options ask for.
    pub fn new(options: &crate::options::LogOptions) -> Self {
        Self {
            debug: options.debug,
            trace: options.trace,
            without_time: !options.logtime,
            silent: false,
        }
    }

    /// Shows nothing: for servers inside other programs.
    pub fn silent() -> Self {
        Self { silent: true, ..Self::default() }
    }

    /// Writes one line, if its level is shown. A line that cannot be written is dropped: the log
    /// must not stop the server.
    pub fn write(&self, level: Level, text: Arguments<'_>) {
        let hidden = match level {
            Level::Debug => !self.debug,
            Level::Trace => !self.trace,
            _ => false,
        };
        if self.silent || hidden {
            return;
        }
        let (pid, mark) = (std::process::id(), level.mark());
        let line = if self.without_time {
            format!("[{pid}] [{mark}] {text}\n")
        } else {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let stamp = stamp(since.as_secs(), since.subsec_micros());
            format!("[{pid}] {stamp} [{mark}] {text}\n")
        };
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    /// Writes an INF line.
    pub fn info(&self, text: Arguments<'_>) {
        self.write(Level::Info, text);
    }

    /// Writes what the core noticed about a link.
    pub fn notice(&self, notice: &Notice) {
        let level = match &notice.event {
            Event::Opened | Event::Closed(_) => Level::Debug,
            Event::Misbehaved(_) | Event::Refused(_) => Level::Error,
            Event::SlowConsumer(_) | Event::Stalled(_) => Level::Info,
            Event::Traced(..) => Level::Trace,
        };
        self.write(level, format_args!("{} - {}", notice.label, notice.event));
    }
}

/// `YYYY/MM/DD hh:mm:ss.uuuuuu` of a time in UTC.
fn stamp(seconds: u64, micros: u32) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days are counted from 0000-03-01, so that the leap day comes last in its year.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}")
}

#[cfg(test)]
mod tests {
    use super::stamp;

    #[test]
    fn stamps_are_right_around_leap_days_and_new_year() {
        assert_eq!(stamp(0, 0), "1970/01/01 00:00:00.000000");
        assert_eq!(stamp(951_782_400, 7), "2000/02/29 00:00:00.000007");
        assert_eq!(stamp(951_868_799, 999_999), "2000/02/29 23:59:59.999999");
        assert_eq!(stamp(1_704_067_199, 0), "2023/12/31 23:59:59.000000");
        assert_eq!(stamp(1_795_590_000, 123), "2026/11/25 07:00:00.000123");
    }
}
