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

#[cfg(test)]
mod tests {
    use super::*;

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
