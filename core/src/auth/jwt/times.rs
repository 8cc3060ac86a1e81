//! Times of day in which users may be connected (reference security 4.7: `times`).

use serde::{Deserialize, Serialize};

const DAY: i64 = 24 * 60 * 60;

/// From one time of day to another, `HH:MM:SS` each; over midnight if the end is the earlier one.
/// Neither bound belongs to it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TimeRange {
    /// Where it begins.
    pub start: String,
    /// Where it ends.
    pub end: String,
}

/// Ranges or a time zone that nobody can make sense of.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidTimes {
    /// Not `HH:MM:SS`.
    #[error("{0:?} is not a time of day (HH:MM:SS)")]
    Time(String),
    /// A time zone that [`Zones`] does not have.
    #[error("unknown time zone {0:?}")]
    Zone(String),
}

/// What time it is elsewhere.
///
/// The core has neither a table of time zones nor files to read one from, so the host brings one.
/// It needs the system's zone files (`/usr/share/zoneinfo`) or a table of its own, and the
/// server's local zone for claims that name none.
pub trait Zones {
    /// Seconds that clocks there are ahead of UTC at unix second `at`. `location` is an IANA name
    /// such as `Europe/Berlin`, or empty for the server's local zone. `None` if there is no such
    /// zone.
    fn offset(&self, location: &str, at: i64) -> Option<i32>;
}

/// For servers that know no zone but UTC, which is the local one as well.
#[derive(Clone, Copy, Debug)]
pub struct Utc;

impl Zones for Utc {
    fn offset(&self, location: &str, _at: i64) -> Option<i32> {
        matches!(location, "" | "UTC" | "Etc/UTC" | "Local").then_some(0)
    }
}

impl TimeRange {
    /// Seconds since midnight of both bounds.
    fn bounds(&self) -> Result<(i64, i64), InvalidTimes> {
        let parse =
            |text: &str| seconds_of_day(text).ok_or_else(|| InvalidTimes::Time(text.to_owned()));
        Ok((parse(&self.start)?, parse(&self.end)?))
    }

    /// How many seconds are left of it at `second` of the day.
    fn left(&self, second: i64) -> Result<Option<i64>, InvalidTimes> {
        let (start, end) = self.bounds()?;
        let over_midnight = start > end;
        Ok(if second > start && (over_midnight || second < end) {
            Some(end + if over_midnight { DAY } else { 0 } - second)
        } else if over_midnight && second < end {
            Some(end - second)
        } else {
            None
        })
    }
}

/// When the range that holds `now` ends, in unix seconds, by the clocks of `location`; of several
/// the last end counts. `None` outside of all.
///
/// A clock that is changed in between (daylight saving time) is not accounted for: what is
/// compared is the time of day of `now`.
///
/// # Errors
///
/// A bound that is no time of day, or a zone nobody knows.
pub fn window(
    ranges: &[TimeRange],
    location: &str,
    now: i64,
    zones: &dyn Zones,
) -> Result<Option<i64>, InvalidTimes> {
    let unknown = || InvalidTimes::Zone(location.to_owned());
    let offset = zones.offset(location, now).ok_or_else(unknown)?;
    let second = now.saturating_add(i64::from(offset)).rem_euclid(DAY);
    let mut longest = None;
    for range in ranges {
        longest = longest.max(range.left(second)?);
    }
    Ok(longest.map(|left| now.saturating_add(left)))
}

/// `HH:MM:SS`; the hour may have one digit.
fn seconds_of_day(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |digits: &str, least: usize, below: i64| {
        let fits = (least..=2).contains(&digits.len());
        let digits =
            Some(digits).filter(|it| fits && it.bytes().all(|octet| octet.is_ascii_digit()));
        digits?.parse::<i64>().ok().filter(|number| *number < below)
    };
    let (hour, minute, second) =
        (number(hour, 1, 24)?, number(minute, 2, 60)?, number(second, 2, 60)?);
    parts.next().is_none().then_some((hour * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(pairs: &[(&str, &str)]) -> Vec<TimeRange> {
        let range = |(start, end): &(&str, &str)| TimeRange {
            start: (*start).to_owned(),
            end: (*end).to_owned(),
        };
        pairs.iter().map(range).collect()
    }

    /// Two hours ahead of UTC.
    struct Ahead;

    impl Zones for Ahead {
        fn offset(&self, location: &str, _at: i64) -> Option<i32> {
            (location == "Ahead").then_some(7200)
        }
    }

    #[test]
    fn neither_bound_belongs_to_a_range_and_the_longest_counts() {
        let midnight = 20_000 * DAY;
        let at = |text| midnight + seconds_of_day(text).unwrap();
        for (pairs, now, until) in [
            (&[("08:00:00", "17:00:00")][..], "12:00:00", Some(at("17:00:00"))),
            (&[("08:00:00", "17:00:00")], "08:00:00", None),
            (&[("08:00:00", "17:00:00")], "08:00:01", Some(at("17:00:00"))),
            (&[("08:00:00", "17:00:00")], "17:00:00", None),
            (&[("08:00:00", "17:00:00")], "16:59:59", Some(at("17:00:00"))),
            (&[("22:00:00", "06:00:00")], "23:00:00", Some(at("06:00:00") + DAY)),
            (&[("22:00:00", "06:00:00")], "05:59:59", Some(at("06:00:00"))),
            (&[("22:00:00", "06:00:00")], "06:00:00", None),
            (&[("22:00:00", "06:00:00")], "22:00:00", None),
            (&[("12:00:00", "12:00:00")], "12:00:00", None),
            (&[("12:00:00", "12:00:00")], "13:00:00", None),
            (
                &[("08:00:00", "10:00:00"), ("09:00:00", "11:00:00"), ("09:00:00", "09:45:00")],
                "09:30:00",
                Some(at("11:00:00")),
            ),
            (&[], "12:00:00", None),
        ] {
            let found = window(&ranges(pairs), "", at(now), &Utc);
            assert_eq!(found, Ok(until), "{pairs:?} at {now}");
        }
        let pairs = ranges(&[("08:00:00", "17:00:00")]);
        assert_eq!(window(&pairs, "Ahead", at("06:00:01"), &Ahead), Ok(Some(at("15:00:00"))));
        assert_eq!(window(&pairs, "Ahead", at("16:00:00"), &Ahead), Ok(None));
        let unknown = InvalidTimes::Zone("Nowhere".to_owned());
        assert_eq!(window(&pairs, "Nowhere", 0, &Utc), Err(unknown));
        for now in [i64::MIN, i64::MAX] {
            assert!(window(&pairs, "Ahead", now, &Ahead).is_ok());
        }
    }

    #[test]
    fn what_is_no_time_of_day_is_refused() {
        for good in ["00:00:00", "9:05:00", "23:59:59"] {
            assert!(seconds_of_day(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "24:00:00",
            "12:60:00",
            "12:00:60",
            "12:00",
            "12:00:00:00",
            "1:2:3",
            "12:0:00",
            "-1:00:00",
            "+1:00:00",
            "12:00:00 ",
            "ab:cd:ef",
            "012:00:00",
            ":00:00",
            "12:00:00.5",
        ] {
            assert_eq!(seconds_of_day(bad), None, "{bad:?}");
            let error = window(&ranges(&[("00:00:00", bad)]), "", 0, &Utc);
            assert_eq!(error, Err(InvalidTimes::Time(bad.to_owned())));
        }
    }
}
