//! The moments at which alike requests were made. The authorizer decided somewhere between the arrival of a
//! request and its first logged stage, so a moment is that short stretch, and a grant was in reach of it when
//! the two overlap.

use std::sync::Arc;

use crate::model::time::{Interval, Timestamp};

/// How long a request may wait for its decision: the default request timeout. A watch whose beginning was not
/// logged goes on for hours after it.
const LONGEST_WAIT: i64 = 60_000_000;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// When it arrived.
    pub received: Timestamp,
    /// When its first logged stage was reached, and so when it was decided at the latest.
    pub staged: Timestamp,
    /// The source of its first record.
    pub source: Arc<str>,
    /// The line of its first record.
    pub line: i64,
}

impl Moment {
    /// Whether it may have been decided within `held`.
    pub fn may_lie_in(&self, held: Interval) -> bool {
        !held.is_empty() && self.received < held.to && self.staged >= held.from
    }
}

/// Moments in order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    all: Vec<Moment>,
    /// The stage times alone, sorted, for counting.
    staged: Vec<Timestamp>,
}

impl Moments {
    /// From moments in any order.
    pub fn new(mut all: Vec<Moment>) -> Self {
        all.sort_unstable();
        // A stage before the arrival is a fault of a clock; the request was no less there.
        for moment in &mut all {
            moment.staged = moment.staged.min(moment.received.plus_micros(LONGEST_WAIT)).max(moment.received);
        }
        let mut staged: Vec<Timestamp> = all.iter().map(|m| m.staged).collect();
        staged.sort_unstable();
        Self { all, staged }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The first to arrive.
    pub fn first(&self) -> Option<&Moment> {
        self.all.first()
    }

    /// The last to arrive.
    pub fn last(&self) -> Option<&Moment> {
        self.all.last()
    }

    /// How many may have been decided within `held`.
    pub fn count_within(&self, held: Interval) -> usize {
        if held.is_empty() {
            return 0;
        }
        let arrived = self.all.partition_point(|m| m.received < held.to);
        // Every moment that was over before the stretch had arrived before it, so it is among the first ones.
        arrived.saturating_sub(self.staged.partition_point(|t| *t < held.from))
    }

    /// Those that may have been decided within `held`, the last first.
    pub fn within(&self, held: Interval) -> impl Iterator<Item = &Moment> {
        let arrived = if held.is_empty() { 0 } else { self.all.partition_point(|m| m.received < held.to) };
        self.all.iter().take(arrived).rev().filter(move |m| m.may_lie_in(held))
    }

    /// The last that may have been decided within `held`.
    pub fn last_within(&self, held: Interval) -> Option<&Moment> {
        self.within(held).next()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn moment(received: i64, took: i64) -> Moment {
        let at = Timestamp::from_micros;
        Moment { received: at(received), staged: at(received + took), source: Arc::from("s1"), line: received }
    }

    proptest! {
        #[test]
        fn counting_agrees_with_looking_at_each(
            raw in prop::collection::vec((0_i64..40, 0_i64..9), 0..20),
            from in 0_i64..40,
            length in 0_i64..30,
        ) {
            let held = Interval::new(Timestamp::from_micros(from), Timestamp::from_micros(from + length));
            let moments = Moments::new(raw.iter().map(|(r, t)| moment(*r, *t)).collect());
            let slow: Vec<_> = raw.iter().filter(|(r, t)| length > 0 && *r < from + length && r + t >= from).collect();
            prop_assert_eq!(moments.count_within(held), slow.len());
            let last = slow.iter().map(|(r, _)| *r).max();
            prop_assert_eq!(moments.within(held).count(), slow.len());
            prop_assert_eq!(moments.last_within(held).map(|m| m.received.as_micros()), last);
        }
    }

    #[test]
    fn a_stage_before_the_arrival_does_not_lose_the_request() {
        let moments = Moments::new(vec![moment(10, -5)]);
        assert_eq!(moments.count_within(Interval::new(Timestamp::from_micros(10), Timestamp::from_micros(11))), 1);
    }
}
