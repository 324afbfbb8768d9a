//! When a log has events, tick by tick: enough to see silence, and as small as the time it spans, however many events
//! there are.

use crate::model::time::{Interval, Timestamp};

/// A pause in the log up to which it is never taken for a gap.
const SHORT_PAUSE: i64 = 600_000_000;
/// A tick where only long pauses matter.
pub const MINUTE: i64 = 60_000_000;
/// A tick where short pauses matter too.
pub const SECOND: i64 = 1_000_000;

/// What one tick holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// First event, microseconds.
    pub first: i64,
    /// Last event, microseconds.
    pub last: i64,
    /// Events.
    pub events: i64,
}

/// The ticks in which there are events.
#[derive(Clone, Debug, Default)]
pub struct Ticks {
    ticks: Vec<Tick>,
    /// How many there were when they were last put in order.
    ordered: usize,
}

impl Ticks {
    /// Notes an event; all of one series with the same `width`, in microseconds.
    pub fn add(&mut self, at: i64, width: i64) {
        if let Some(last) = self.ticks.last_mut()
            && last.first.div_euclid(width) == at.div_euclid(width)
        {
            last.first = last.first.min(at);
            last.last = last.last.max(at);
            last.events = last.events.saturating_add(1);
            return;
        }
        self.ticks.push(Tick { first: at, last: at, events: 1 });
        if self.ticks.len() > self.ordered.saturating_mul(2).saturating_add(4096) {
            self.order(width);
        }
    }

    /// Puts the ticks in order, each once.
    pub fn order(&mut self, width: i64) {
        self.ticks.sort_unstable_by_key(|t| (t.first.div_euclid(width), t.first, t.last));
        self.ticks.dedup_by(|later, tick| {
            let same = tick.first.div_euclid(width) == later.first.div_euclid(width);
            if same {
                tick.first = tick.first.min(later.first);
                tick.last = tick.last.max(later.last);
                tick.events = tick.events.saturating_add(later.events);
            }
            same
        });
        self.ordered = self.ticks.len();
    }

    /// How many ticks are held.
    pub fn len(&self) -> usize {
        self.ticks.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.ticks.is_empty()
    }

    /// The ticks in order, each once.
    pub fn into_ordered(mut self, width: i64) -> Vec<Tick> {
        self.order(width);
        self.ticks
    }
}

/// The stretches in which a log runs without a gap, from its minutes in order. A pause is a gap when it is long, and
/// long for this log: exports of rare events have long pauses everywhere.
pub fn stretches(minutes: &[Tick]) -> Vec<Interval> {
    let longest = SHORT_PAUSE.max(usual_pause(minutes).saturating_mul(4));
    let mut found: Vec<Interval> = Vec::new();
    for tick in minutes {
        let after = Timestamp::from_micros(tick.last).plus_micros(1);
        match found.last_mut() {
            Some(last) if tick.first.saturating_sub(last.to.as_micros()) <= longest => last.to = after,
            _ => found.push(Interval::new(Timestamp::from_micros(tick.first), after)),
        }
    }
    found
}

/// The pause between two events that 99 of 100 do not exceed; 0 when it is shorter than the ticks.
fn usual_pause(minutes: &[Tick]) -> i64 {
    let events = minutes.iter().fold(0_i64, |sum, t| sum.saturating_add(t.events));
    let Ok(pauses) = usize::try_from(events.saturating_sub(1)) else { return 0 };
    let mut between: Vec<i64> =
        minutes.iter().zip(minutes.iter().skip(1)).map(|(a, b)| b.first.saturating_sub(a.last)).collect();
    between.sort_unstable();
    // Those inside a tick are shorter than it, so all longer ones stand at the end.
    let from_end = pauses.saturating_sub(pauses.saturating_mul(99) / 100);
    let usual = between.len().checked_sub(from_end).and_then(|place| between.get(place)).copied();
    usual.filter(|pause| *pause >= MINUTE).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rule told event by event.
    fn told_by_events(times: &[i64]) -> Vec<Interval> {
        let mut sorted = times.to_vec();
        sorted.sort_unstable();
        let mut pauses: Vec<i64> = sorted.iter().zip(sorted.iter().skip(1)).map(|(a, b)| b - a).collect();
        pauses.sort_unstable();
        let usual = pauses.get(pauses.len() * 99 / 100).or(pauses.last()).copied().unwrap_or(0);
        let longest = SHORT_PAUSE.max(usual * 4);
        let mut found: Vec<Interval> = Vec::new();
        for t in sorted {
            let (at, after) = (Timestamp::from_micros(t), Timestamp::from_micros(t).plus_micros(1));
            match found.last_mut() {
                Some(last) if t - last.to.as_micros() <= longest => last.to = after,
                _ => found.push(Interval::new(at, after)),
            }
        }
        found
    }

    fn told_by_minutes(times: &[i64]) -> Vec<Interval> {
        let mut ticks = Ticks::default();
        times.iter().for_each(|t| ticks.add(*t, MINUTE));
        stretches(&ticks.into_ordered(MINUTE))
    }

    proptest! {
        #[test]
        fn minutes_tell_the_same_gaps_as_events(
            times in proptest::collection::vec((0_i64..40, 0_i64..4, 0_i64..3_600_000_000), 0..300)
        ) {
            let times: Vec<i64> = times.into_iter().map(|(day, hour, t)| day * 86_400_000_000 + hour * 3_600_000_000 + t).collect();
            prop_assert_eq!(told_by_minutes(&times), told_by_events(&times));
        }
    }

    #[test]
    fn a_long_pause_is_a_gap_only_where_pauses_are_short() {
        let minute = 60_000_000;
        let busy: Vec<i64> = (0..1000).map(|i| i * minute).chain((0..1000).map(|i| (5000 + i) * minute)).collect();
        assert_eq!(told_by_minutes(&busy).len(), 2);
        let rare: Vec<i64> = (0..90).map(|i| i * 1440 * minute).collect();
        assert_eq!(told_by_minutes(&rare).len(), 1);
        assert!(told_by_minutes(&[]).is_empty());
    }

    #[test]
    fn ticks_are_few_however_many_events_come_in_whatever_order() {
        let mut ticks = Ticks::default();
        for round in 0..50_000_i64 {
            ticks.add((round * 7919) % 100 * SECOND + round % 1000, SECOND);
        }
        assert!(ticks.len() < 10_000);
        let ticks = ticks.into_ordered(SECOND);
        assert_eq!((ticks.len(), ticks.iter().map(|t| t.events).sum::<i64>()), (100, 50_000));
    }
}
