//! Wall clock times as people read them.

use std::fmt;
use std::mem::MaybeUninit;
use std::time::{SystemTime, UNIX_EPOCH};

const NANOS_PER_SEC: i128 = 1_000_000_000;

/// A point in time, taken apart into date and time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year of the common era.
    pub year: i64,
    /// Month, from 1.
    pub month: u32,
    /// Day of the month, from 1.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute.
    pub minute: u32,
    /// Second.
    pub second: u32,
    /// Nanosecond within the second.
    pub nanos: u32,
    /// Day of the week, from Sunday as 0.
    pub weekday: u32,
}

/// Whole seconds since 1970 and the nanoseconds beyond.
fn split(time: SystemTime) -> (i64, u32) {
    let nanos = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    };
    // A SystemTime's seconds fit in 64 bits, and a remainder of 10^9 in 32.
    ((nanos.div_euclid(NANOS_PER_SEC)) as i64, nanos.rem_euclid(NANOS_PER_SEC) as u32)
}

impl Civil {
    /// In UTC.
    pub fn utc(time: SystemTime) -> Self {
        let (seconds, nanos) = split(time);
        let days = seconds.div_euclid(86_400);
        let of_day = seconds.rem_euclid(86_400) as u32;
        let (year, month, day) = date(days);
        Self {
            year,
            month,
            day,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            nanos,
            // 1 January 1970 was a Thursday.
            weekday: (days + 4).rem_euclid(7) as u32,
        }
    }

    /// In the zone of this process (`TZ`, else the system's); UTC for times the system cannot
    /// express.
    pub fn local(time: SystemTime) -> Self {
        let (seconds, nanos) = split(time);
        let Some(tm) = local_fields(seconds) else { return Self::utc(time) };
        let field = |value: i32| u32::try_from(value).unwrap_or(0);
        Self {
            year: i64::from(tm.tm_year) + 1900,
            month: field(tm.tm_mon) + 1,
            day: field(tm.tm_mday),
            hour: field(tm.tm_hour),
            minute: field(tm.tm_min),
            second: field(tm.tm_sec),
            nanos,
            weekday: field(tm.tm_wday),
        }
    }

    /// `YYYY/MM/DD hh:mm:ss`.
    pub fn date_time(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}")
    }

    /// `YYYY.MM.DD.hh.mm.ss.nnnnnnnnn`, the ending of a rotated log file.
    pub(super) fn backup_suffix(&self) -> String {
        let Self { year, month, day, hour, minute, second, nanos, .. } = self;
        format!("{year:04}.{month:02}.{day:02}.{hour:02}.{minute:02}.{second:02}.{nanos:09}")
    }

    /// RFC 3339 with as many fractional digits as are needed, up to nine, and `Z`. Of a time
    /// taken apart by [`Civil::utc`], that is.
    pub fn rfc3339(&self) -> String {
        let Self { year, month, day, hour, minute, second, nanos, .. } = self;
        let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if *nanos != 0 {
            let digits = format!("{nanos:09}");
            text.push('.');
            text.push_str(digits.trim_end_matches('0'));
        }
        text.push('Z');
        text
    }

    /// The form of HTTP's `Date` header. Of a time taken apart by [`Civil::utc`], that is.
    pub fn http_date(&self) -> String {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let Self { year, day, hour, minute, second, .. } = self;
        let weekday = DAYS[self.weekday as usize % 7];
        let month = MONTHS[self.month.saturating_sub(1) as usize % 12];
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }
}

/// Year, month and day of the day that many days after 1 January 1970, in the proleptic
/// Gregorian calendar.
///
/// Counted in years that start in March, so that the leap day is the last of its year and months
/// have a regular pattern of lengths.
fn date(days: i64) -> (i64, u32, u32) {
    const DAYS_PER_ERA: i64 = 146_097; // 400 years
    let since_march_0000 = days + 719_468;
    let era = since_march_0000.div_euclid(DAYS_PER_ERA);
    let of_era = since_march_0000.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March, and from August, are 153 days long.
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    // Both are small and positive by the arithmetic above.
    (year, month as u32, day as u32)
}

/// The local zone's fields of a time.
#[allow(clippy::useless_conversion, reason = "a system's time may have 32 bits only")]
fn local_fields(seconds: i64) -> Option<libc::tm> {
    let seconds = seconds.try_into().ok()?;
    let mut fields = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are to live values of the right types for the length of the call;
    // localtime_r keeps neither. It may read `TZ` from the environment, which Rust code of this
    // process does not change while threads run (`set_var` is unsafe for that reason).
    let result = unsafe { libc::localtime_r(&seconds, fields.as_mut_ptr()) };
    if result.is_null() {
        return None;
    }
    // SAFETY: zeroed is a valid `tm` (integers and a nullable pointer), which the successful
    // call has filled.
    Some(unsafe { fields.assume_init() })
}

/// Writes the time of log lines, and looks the zone up once a second only.
pub(super) struct Stamp {
    utc: bool,
    second: Option<i64>,
    text: String,
}

impl Stamp {
    pub(super) const fn new(utc: bool) -> Self {
        Self { utc, second: None, text: String::new() }
    }

    /// `YYYY/MM/DD hh:mm:ss.uuuuuu` and a space.
    pub(super) fn write(&mut self, out: &mut impl fmt::Write, now: SystemTime) -> fmt::Result {
        let (second, nanos) = split(now);
        if self.second != Some(second) {
            let civil = if self.utc { Civil::utc(now) } else { Civil::local(now) };
            self.text = civil.date_time();
            self.second = Some(second);
        }
        write!(out, "{}.{:06} ", self.text, nanos / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: i64, nanos: u32) -> SystemTime {
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
        time + Duration::from_nanos(nanos.into())
    }

    #[test]
    fn dates_are_the_calendars() {
        // Known pairs, leap days and century years among them.
        let rows = [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (4_107_456_000, "2100-02-28T00:00:00Z"),
            (-2_203_891_200, "1900-03-01T00:00:00Z"),
        ];
        for (seconds, text) in rows {
            assert_eq!(Civil::utc(at(seconds, 0)).rfc3339(), text, "{seconds}");
        }
    }

    #[test]
    fn the_calendar_goes_on_by_one_day_through_four_hundred_years() {
        let mut before = date(-200_000);
        for days in -199_999..200_000 {
            let (year, month, day) = date(days);
            let leap = before.0 % 4 == 0 && (before.0 % 100 != 0 || before.0 % 400 == 0);
            let length = match before.1 {
                2 => 28 + u32::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let expected = match before {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, day) if day == length => (year, month + 1, 1),
                (year, month, day) => (year, month, day + 1),
            };
            assert_eq!((year, month, day), expected);
            before = (year, month, day);
        }
    }

    /// The zone is the process's, so a process of its own is asked.
    #[test]
    fn local_time_is_that_of_the_zone_in_the_environment() {
        const CHILD: &str = "NERVURE_TEST_ZONE";
        if std::env::var_os(CHILD).is_some() {
            let text = Civil::local(at(0, 0)).date_time();
            assert_eq!(text, "1969/12/31 20:30:00");
            return;
        }
        let name = "log::stamp::tests::local_time_is_that_of_the_zone_in_the_environment";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(CHILD, "1")
            .env("TZ", "XXX3:30")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    fn fractions_are_as_long_as_needed() {
        let rows =
            [(0, "Z"), (500_000_000, ".5Z"), (737_122_808, ".737122808Z"), (1000, ".000001Z")];
        for (nanos, end) in rows {
            let text = Civil::utc(at(1, nanos)).rfc3339();
            assert_eq!(text, format!("1970-01-01T00:00:01{end}"));
        }
    }

    #[test]
    fn http_dates_name_the_weekday() {
        assert_eq!(
            Civil::utc(at(1_795_593_693, 0)).http_date(),
            "Wed, 25 Nov 2026 08:01:33 GMT",
            "as nats-server printed it"
        );
        assert_eq!(Civil::utc(at(-86_400, 0)).http_date(), "Wed, 31 Dec 1969 00:00:00 GMT");
    }

    #[test]
    fn the_stamp_follows_the_seconds_and_keeps_microseconds() {
        let mut stamp = Stamp::new(true);
        let mut write = |time| {
            let mut text = String::new();
            stamp.write(&mut text, time).unwrap();
            text
        };
        assert_eq!(write(at(1, 2_999)), "1970/01/01 00:00:01.000002 ");
        assert_eq!(write(at(1, 999_999_999)), "1970/01/01 00:00:01.999999 ");
        assert_eq!(write(at(2, 0)), "1970/01/01 00:00:02.000000 ");
    }
}
