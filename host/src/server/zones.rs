//! What time of day it is elsewhere, by the system's table of time zones.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use nervure_core::auth::jwt::Zones;

/// The zones of the system (`/usr/share/zoneinfo`), and its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct SystemZones;

impl Zones for SystemZones {
    fn offset(&self, location: &str, at: i64) -> Option<i32> {
        let zone = match location {
            "" | "Local" => TimeZone::system(),
            "UTC" => TimeZone::UTC,
            name => TimeZone::get(name).ok()?,
        };
        let at = Timestamp::from_second(at).ok()?;
        Some(zone.to_offset(at).seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_those_of_the_system() {
        // The middle of January and of July 2025.
        let (winter, summer) = (1_736_899_200, 1_752_537_600);
        assert_eq!(SystemZones.offset("UTC", winter), Some(0));
        assert_eq!(SystemZones.offset("Nowhere/City", winter), None);
        // Where the system has a table at all.
        if let Some(offset) = SystemZones.offset("Europe/Berlin", winter) {
            assert_eq!(offset, 3600);
            assert_eq!(SystemZones.offset("Europe/Berlin", summer), Some(7200));
        }
        assert!(SystemZones.offset("", i64::MAX).is_none());
    }
}
