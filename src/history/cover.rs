//! Where the audit log runs without a gap, asked in logarithmic time.

use crate::model::time::{Interval, Timestamp};

/// Stretches of the log: sorted, not overlapping, not touching.
#[derive(Clone, Debug, Default)]
pub(super) struct Cover(Vec<Interval>);

impl Cover {
    /// From stretches in any order; overlapping and touching ones are joined.
    pub(super) fn new(stretches: &[Interval]) -> Self {
        let mut sorted: Vec<Interval> = stretches.iter().copied().filter(|s| !s.is_empty()).collect();
        sorted.sort_unstable();
        let mut joined: Vec<Interval> = Vec::with_capacity(sorted.len());
        for stretch in sorted {
            match joined.last_mut() {
                Some(last) if stretch.from <= last.to => last.to = last.to.max(stretch.to),
                _ => joined.push(stretch),
            }
        }
        Self(joined)
    }

    /// All stretches, by time.
    pub(super) fn stretches(&self) -> impl Iterator<Item = Interval> {
        self.0.iter().copied()
    }

    /// The stretch that holds `t`, its end included: an event at the very end is still part of it.
    pub(super) fn around(&self, t: Timestamp) -> Option<Interval> {
        let after = self.0.partition_point(|s| s.from <= t);
        self.0.get(after.checked_sub(1)?).copied().filter(|s| t <= s.to)
    }

    /// How far from `t` on nothing can have happened unlogged; `t` itself when not covered.
    pub(super) fn onwards(&self, t: Timestamp) -> Timestamp {
        self.around(t).map_or(t, |s| s.to)
    }

    /// How far back from `t` nothing can have happened unlogged; `t` itself when not covered.
    pub(super) fn backwards(&self, t: Timestamp) -> Timestamp {
        self.around(t).map_or(t, |s| s.from)
    }

    /// Whether any of the log lies between the two, both included.
    pub(super) fn touches(&self, from: Timestamp, to: Timestamp) -> bool {
        let after = self.0.partition_point(|s| s.from <= to);
        after.checked_sub(1).and_then(|i| self.0.get(i)).is_some_and(|s| s.to >= from)
    }

    /// Whether nothing can have happened unlogged between the two.
    pub(super) fn full(&self, from: Timestamp, to: Timestamp) -> bool {
        self.around(from).is_some_and(|s| to <= s.to)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn t(n: i64) -> Timestamp {
        Timestamp::from_micros(n)
    }

    #[test]
    fn touching_stretches_are_one() {
        let cover = Cover::new(&[Interval::new(t(5), t(9)), Interval::new(t(0), t(5)), Interval::new(t(20), t(30))]);
        assert!(cover.full(t(0), t(9)));
        assert!(!cover.full(t(0), t(10)) && !cover.full(t(8), t(21)) && !cover.full(t(-1), t(1)));
        assert_eq!((cover.onwards(t(3)), cover.backwards(t(3))), (t(9), t(0)));
        assert_eq!((cover.onwards(t(12)), cover.backwards(t(12))), (t(12), t(12)));
        assert!(cover.full(t(30), t(30)), "the last event lies at the end of its stretch");
        assert!(!cover.full(t(31), t(31)));
    }

    #[test]
    fn nothing_is_covered_without_a_log() {
        assert!(!Cover::default().full(t(0), t(0)));
    }
}
