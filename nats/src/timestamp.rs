//! Points in time as the contract writes them: RFC 3339, UTC, milliseconds.

use std::fmt;
use std::ops::{Add, Range, Sub};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The first and the last millisecond that RFC 3339 can write: years have four digits.
const WRITABLE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// The text is no RFC 3339 time, or one outside the years 0 to 9999 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time of the years 0 to 9999 UTC")]
pub struct InvalidTime;

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The present time by the system's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock; callers pass the value on")]
    pub fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down (JWT `NumericDate`).
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long until `later`; zero when it is past.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }

    /// Parses RFC 3339 with any offset; what is finer than a millisecond is dropped.
    ///
    /// # Errors
    /// [`InvalidTime`]
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        let parsed = Self::from(OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTime)?);
        // An offset can carry a time of the first or the last year out of what can be written in UTC.
        if WRITABLE.contains(&parsed.0) { Ok(parsed) } else { Err(InvalidTime) }
    }
}

impl From<OffsetDateTime> for Timestamp {
    /// What is finer than a millisecond is dropped.
    fn from(date: OffsetDateTime) -> Self {
        Self(i64::try_from(date.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A time beyond what RFC 3339 can write is written as the nearest that it can.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = Self(self.0.clamp(*WRITABLE.start(), *WRITABLE.end()));
        let date = OffsetDateTime::from_unix_timestamp(written.as_secs()).map_err(|_| fmt::Error)?;
        let (hour, minute, second) = date.to_hms();
        // By hand: an event has several of them, and a formatter takes longer than all else that is in it.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        put(&mut text, 0..4, date.year().unsigned_abs());
        put(&mut text, 5..7, u32::from(u8::from(date.month())));
        put(&mut text, 8..10, u32::from(date.day()));
        put(&mut text, 11..13, u32::from(hour));
        put(&mut text, 14..16, u32::from(minute));
        put(&mut text, 17..19, u32::from(second));
        put(&mut text, 20..23, u32::try_from(written.0.rem_euclid(1000)).unwrap_or(0));
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// A number in decimal digits, as many as there are places.
fn put(text: &mut [u8], places: Range<usize>, mut number: u32) {
    for place in text.get_mut(places).into_iter().flatten().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
