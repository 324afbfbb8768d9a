//! Which time a question is about, and how an answer speaks of stretches of time.

use std::fmt;

use crate::model::time::{Interval, Timestamp};

/// The time a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// As of one instant.
    At(Timestamp),
    /// At any instant of a stretch.
    During(Interval),
}

impl When {
    /// The stretch asked about; for an instant, that instant alone.
    pub fn window(self) -> Interval {
        match self {
            Self::At(at) => {
                let at = instant(at);
                Interval::new(at, at.plus_micros(1))
            }
            Self::During(window) => window,
        }
    }
}

/// The latest instant stands for "now and on": the last one that open stretches hold.
pub(super) fn instant(at: Timestamp) -> Timestamp {
    at.min(Timestamp::MAX.plus_micros(-1))
}

/// A stretch in words: `at T`, `since T`, `before T`, `from T to T`.
pub(super) struct Spoken(pub(super) Interval);

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interval { from, to } = self.0;
        match (from == Timestamp::MIN, to == Timestamp::MAX) {
            (true, true) => f.write_str("at any time"),
            (true, false) => write!(f, "before {to}"),
            (false, true) => write!(f, "since {from}"),
            (false, false) if from.plus_micros(1) == to => write!(f, "at {from}"),
            (false, false) => write!(f, "from {from} to {to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_instant_is_inside_open_stretches() {
        let window = When::At(Timestamp::MAX).window();
        assert!(window.overlaps(Interval::ALWAYS));
        assert!(Interval::ALWAYS.contains(instant(Timestamp::MAX)));
    }

    #[test]
    fn stretches_read_like_sentences() {
        let t = |s: i64| Timestamp::from_micros(s * 1_000_000);
        assert_eq!(Spoken(Interval::new(t(0), t(60))).to_string(), "from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z");
        assert_eq!(Spoken(Interval::new(t(0), Timestamp::MAX)).to_string(), "since 1970-01-01T00:00:00Z");
        assert_eq!(Spoken(Interval::new(Timestamp::MIN, t(0))).to_string(), "before 1970-01-01T00:00:00Z");
        assert_eq!(Spoken(When::At(t(0)).window()).to_string(), "at 1970-01-01T00:00:00Z");
        assert_eq!(Spoken(Interval::ALWAYS).to_string(), "at any time");
    }
}
