//! Instants. The case stores UTC microseconds, so that is what the whole program counts in;
//! finer fractions in the evidence are truncated, never rounded into the future.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

/// An instant in UTC, in microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// A text that is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time: expected RFC 3339 (2026-11-24T00:41:20Z) or `YYYY-MM-DD[ HH:MM[:SS]]` in UTC")]
pub struct ParseTimestampError(String);

impl Timestamp {
    /// The earliest instant; stands for "before all evidence".
    pub const MIN: Self = Self(i64::MIN);
    /// The latest instant; stands for "after all evidence".
    pub const MAX: Self = Self(i64::MAX);

    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The instant `micros` later, stopping at the ends of the range.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The day as `YYYY-MM-DD`, the name of a date partition.
    pub fn date(self) -> String {
        // A day of four digits is written at once: every event is filed under one.
        match self.to_chrono().map(|t| (t.year(), t.month(), t.day(), t)) {
            Some((year @ 0..=9999, month, day, _)) => format!("{year:04}-{month:02}-{day:02}"),
            Some((.., t)) => t.format("%Y-%m-%d").to_string(),
            None => "unknown".to_owned(),
        }
    }

    /// Reads RFC 3339 only, as the Kubernetes API writes it. Fast path for the fixed layout.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        if let Some(t) = parse_fixed(text.as_bytes()) {
            return Some(t);
        }
        let parsed = DateTime::parse_from_rfc3339(text).ok()?;
        Some(Self(parsed.timestamp_micros()))
    }

    fn to_chrono(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0)
    }
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, the only layout the API server writes.
fn parse_fixed(b: &[u8]) -> Option<Timestamp> {
    let (fixed, rest) = b.split_at_checked(19)?;
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1] = fixed else {
        return None;
    };
    let digit = |c: u8| c.is_ascii_digit().then(|| i64::from(c - b'0'));
    let two = |a: u8, b: u8| Some(digit(a)? * 10 + digit(b)?);
    let year = two(y0, y1)? * 100 + two(y2, y3)?;
    let (month, day) = (two(m0, m1)?, two(d0, d1)?);
    let (hour, minute, second) = (two(h0, h1)?, two(i0, i1)?, two(s0, s1)?);
    let micros = parse_fraction(rest)?;
    let date =
        NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = i64::from(date.to_epoch_days());
    Some(Timestamp(((days * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + micros))
}

/// `Z` or `.digitsZ`, in microseconds; digits beyond the sixth are dropped.
fn parse_fraction(rest: &[u8]) -> Option<i64> {
    match rest {
        [b'Z'] => Some(0),
        [b'.', digits @ .., b'Z'] if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            let mut micros = 0_i64;
            for place in 0..6 {
                micros = micros * 10 + digits.get(place).map_or(0, |d| i64::from(d - b'0'));
            }
            Some(micros)
        }
        _ => None,
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let trimmed = text.trim();
        if let Some(t) = Self::parse_rfc3339(trimmed) {
            return Ok(t);
        }
        for layout in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"] {
            if let Ok(t) = NaiveDateTime::parse_from_str(trimmed, layout) {
                return Ok(Self(t.and_utc().timestamp_micros()));
            }
        }
        NaiveDate::parse_from_str(trimmed, "%Y-%m-%d")
            .ok()
            .and_then(|d| d.and_hms_opt(0, 0, 0))
            .map(|t| Self(t.and_utc().timestamp_micros()))
            .ok_or_else(|| ParseTimestampError(text.to_owned()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_chrono() {
            Some(t) => f.write_str(&t.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => f.write_str(if self.0 < 0 { "before all time" } else { "after all time" }),
        }
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A half-open stretch of time, `[from, to)`. An open end is [`Timestamp::MIN`] or [`Timestamp::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// First instant inside.
    pub from: Timestamp,
    /// First instant after.
    pub to: Timestamp,
}

impl Interval {
    /// All of time.
    pub const ALWAYS: Self = Self { from: Timestamp::MIN, to: Timestamp::MAX };

    /// `[from, to)`.
    pub const fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to }
    }

    /// Whether `t` lies inside.
    pub fn contains(self, t: Timestamp) -> bool {
        self.from <= t && t < self.to
    }

    /// Whether no instant lies inside.
    pub fn is_empty(self) -> bool {
        self.from >= self.to
    }

    /// What both share; possibly empty.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), to: self.to.min(other.to) }
    }

    /// Whether the two share an instant.
    pub fn overlaps(self, other: Self) -> bool {
        !self.intersect(other).is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_layouts_people_type_mean_the_same_instant() {
        let t: Timestamp = "2026-11-24T00:41:00Z".parse().unwrap();
        assert_eq!(t.as_micros(), 1_795_480_860_000_000);
        for text in ["2026-11-24 00:41", "2026-11-24 00:41:00", "2026-11-24T01:41:00+01:00", "2026-11-24T00:41:00.000Z"]
        {
            assert_eq!(text.parse::<Timestamp>().unwrap(), t, "{text}");
        }
        assert_eq!("2026-11-24".parse::<Timestamp>().unwrap().to_string(), "2026-11-24T00:00:00Z");
    }

    #[test]
    fn nonsense_is_refused_with_the_text_in_the_message() {
        for text in ["", "yesterday", "2026-13-01", "2026-11-24T25:00:00Z", "2026-11-24T00:41:00.Z"] {
            let err = text.parse::<Timestamp>().unwrap_err();
            assert!(err.to_string().contains(&format!("`{text}`")));
        }
    }

    #[test]
    fn fractions_are_cut_to_microseconds() {
        let t = Timestamp::parse_rfc3339("2026-11-24T00:41:20.123456789Z").unwrap();
        assert_eq!(t.to_string(), "2026-11-24T00:41:20.123456Z");
    }

    proptest! {
        #[test]
        fn the_fast_path_agrees_with_chrono(micros in -62_135_596_800_000_000_i64..253_402_300_799_999_999) {
            let text = DateTime::from_timestamp_micros(micros).unwrap().to_rfc3339_opts(SecondsFormat::Micros, true);
            prop_assert_eq!(parse_fixed(text.as_bytes()), Some(Timestamp(micros)));
        }
    }
}
