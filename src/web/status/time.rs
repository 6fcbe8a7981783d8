//! Times and durations, as data and as words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};

use crate::clock::Moment;

const RFC_3339: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const HOUR: StaticFormatDescription = format_description!("[hour]:[minute]");
const SECOND: StaticFormatDescription = format_description!("[hour]:[minute]:[second]");
const DAY: StaticFormatDescription = format_description!("[day padding:none] [month repr:short]");
const YEAR: StaticFormatDescription = format_description!("[day padding:none] [month repr:short] [year]");

/// A moment on the wall clock, in Unix milliseconds; written in RFC 3339, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(u64);

impl Time {
    pub(super) fn from_milliseconds(unix_milliseconds: u64) -> Self {
        Self(unix_milliseconds)
    }

    pub(super) fn from_seconds(unix_seconds: u64) -> Self {
        Self(unix_seconds.saturating_mul(1_000))
    }

    /// A time that the API told, which can be anything.
    pub(super) fn from_api(unix_seconds: i64) -> Option<Self> {
        u64::try_from(unix_seconds).ok().map(Self::from_seconds).filter(|time| time.date_time().is_some())
    }

    pub(super) fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    pub(super) fn unix_milliseconds(self) -> u64 {
        self.0
    }

    /// The time as RFC 3339 writes it.
    pub(super) fn rfc_3339(self) -> String {
        self.written(RFC_3339)
    }

    /// The time of day, with the date where it is another day than that of `now`: "13:05", "23 Nov 13:05".
    pub(super) fn short(self, now: Self) -> String {
        let date = |time: Self| time.date_time().map(OffsetDateTime::date);
        let hour = self.written(HOUR);
        match (date(self), date(now)) {
            (Some(date), Some(today)) if date == today => hour,
            (Some(date), Some(today)) if date.year() == today.year() => {
                format!("{} {hour}", self.written(DAY))
            }
            _ => format!("{} {hour}", self.written(YEAR)),
        }
    }

    /// The time of day to the second: "13:05:22".
    pub(super) fn to_the_second(self) -> String {
        self.written(SECOND)
    }

    fn date_time(self) -> Option<OffsetDateTime> {
        let system = UNIX_EPOCH.checked_add(Duration::from_millis(self.0))?;
        let latest = SystemTime::from(Date::MAX.midnight().assume_offset(UtcOffset::UTC));
        (system < latest).then(|| OffsetDateTime::from(system))
    }

    fn written(self, format: StaticFormatDescription) -> String {
        self.date_time().and_then(|time| time.format(format).ok()).unwrap_or_default()
    }
}

impl From<&Moment> for Time {
    fn from(moment: &Moment) -> Self {
        Self(moment.unix_milliseconds())
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc_3339())
    }
}

/// A time span in its largest unit: "4 s", "12 min", "3 h", "5 d". Halves of the smaller units are rounded down.
pub(super) fn about(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
    let whole = seconds as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3_600 => format!("{} min", whole / 60),
        3_600..86_400 => format!("{} h", whole / 3_600),
        _ => format!("{} d", whole / 86_400),
    }
}

/// A time span in its two largest units: "12 min 5 s", "3 h 20 min"; below a minute in fractions.
pub(super) fn exactly(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
    let whole = seconds as u64;
    let two = |large: u64, unit: &str, small: u64, smaller: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {smaller}"),
    };
    match whole {
        0..60 if seconds.fract() == 0.0 => format!("{whole} s"),
        0 if seconds < 0.1 => format!("{:.0} ms", (seconds * 1000.0).max(1.0)),
        0 => format!("{seconds:.2} s"),
        1..60 => format!("{seconds:.1} s"),
        60..3_600 => two(whole / 60, "min", whole % 60, "s"),
        3_600..86_400 => two(whole / 3_600, "h", whole % 3_600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3_600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        let time = Time::from_milliseconds(1_800_000_000_250);
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"2027-01-15T08:00:00.250Z\"");
        let now = Time::from_seconds(1_800_050_000);
        assert_eq!(time.short(now), "08:00");
        assert_eq!(Time::from_seconds(1_799_900_000).short(now), "14 Jan 04:13");
        assert_eq!(Time::from_seconds(1_700_000_000).short(now), "14 Nov 2023 22:13");
    }

    #[test]
    fn a_time_beyond_all_calendars_is_none() {
        assert_eq!(
            (Time::from_api(-1), Time::from_api(i64::MAX), Time::from_api(253_402_300_800)),
            (None, None, None)
        );
        assert_eq!(Time::from_api(0), Some(Time(0)));
        assert_eq!(Time::from_milliseconds(u64::MAX).rfc_3339(), "");
    }

    #[test]
    fn spans_are_told_in_units_that_fit() {
        for (seconds, short, long) in [
            (0.0, "0 s", "0 s"),
            (0.000_1, "0 s", "1 ms"),
            (0.046, "0 s", "46 ms"),
            (0.25, "0 s", "0.25 s"),
            (4.25, "4 s", "4.2 s"),
            (60.0, "1 min", "1 min"),
            (125.0, "2 min", "2 min 5 s"),
            (7_320.0, "2 h", "2 h 2 min"),
            (90_000.0, "1 d", "1 d 1 h"),
        ] {
            assert_eq!((&*about(seconds), &*exactly(seconds)), (short, long), "{seconds}");
        }
    }
}
