//! Time as the core sees it: a number the driver hands in, never a clock that is read.

use core::num::NonZeroU64;
use core::time::Duration;

/// A point in time, in nanoseconds since an origin that the driver chooses (usually the start of
/// the process). Only differences mean anything to the core.
///
/// Stored as one more than that, so that "no point in time" takes no room beside it: every link has
/// half a dozen deadlines, most of which are not set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(NonZeroU64);

impl Time {
    /// The origin.
    pub const ZERO: Self = Self(NonZeroU64::MIN);

    /// The point `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }

    /// The point `by` earlier, but not before the origin.
    pub const fn before(self, by: Duration) -> Self {
        Self::from_nanos(self.since(Self::ZERO).saturating_sub(by).as_nanos() as u64)
    }

    /// The point `by` later; saturates at the end of time (584 years).
    pub const fn after(self, by: Duration) -> Self {
        let nanos = by.as_nanos();
        let nanos = if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 };
        Self(self.0.saturating_add(nanos))
    }
}

impl Default for Time {
    fn default() -> Self {
        Self::ZERO
    }
}

/// A point in time as RFC 3339 has it, in UTC, with as many digits of a second as it takes.
/// `epoch` is when [`Time::ZERO`] was, since the start of 1970.
pub fn rfc3339(epoch: Duration, at: Time) -> String {
    let since = epoch + Duration::from_nanos(at.as_nanos());
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Years that begin in March end in their leap day; 400 of them are 146,097 days.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, shift) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + shift;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if since.subsec_nanos() > 0 {
        let digits = format!(".{:09}", since.subsec_nanos());
        text.push_str(digits.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (951_782_399, 500_000_000, "2000-02-28T23:59:59.5Z"),
            (951_782_400, 0, "2000-02-29T00:00:00Z"),
            (1_704_067_199, 1, "2023-12-31T23:59:59.000000001Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_secs(seconds), Time::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn nanoseconds_come_out_as_they_went_in_and_time_ends_without_a_wrap() {
        for nanos in [0, 1, 1 << 40, u64::MAX - 1] {
            assert_eq!(Time::from_nanos(nanos).as_nanos(), nanos);
        }
        let (zero, end) = (Time::default(), Time::from_nanos(u64::MAX));
        assert_eq!((zero, end), (Time::ZERO, end.after(Duration::MAX)));
        assert_eq!(zero.since(end), Duration::ZERO);
        let later = zero.after(Duration::from_nanos(7));
        assert_eq!((later.since(zero).as_nanos(), later > zero), (7, true));
        assert_eq!(size_of::<Option<Time>>(), 8);
    }
}
