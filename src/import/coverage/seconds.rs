//! When each server and file logged, second by second: enough to see silence. Very long logs are noted in longer ticks,
//! so that memory stays bounded.

use std::collections::{BTreeMap, HashMap};

use crate::import::event_rows::EventRows;
pub(super) use crate::import::ticks::Tick;
use crate::import::ticks::{SECOND, Ticks};
use crate::model::time::Timestamp;

/// Ticks held of all writers together: about 70 MB.
const HELD: usize = 3_000_000;

/// Who wrote events, as far as the evidence says.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Writer {
    /// `kube-apiserver`, ...
    pub(super) component: Option<String>,
    /// Pod, node or log stream.
    pub(super) instance: Option<String>,
    /// The source.
    pub(super) source: String,
}

/// The seconds in which each writer logged.
pub(super) struct Series {
    width: i64,
    held: usize,
    places: HashMap<Writer, usize>,
    writers: Vec<(Writer, Ticks)>,
    /// The writer of the last event.
    last: usize,
}

impl Default for Series {
    fn default() -> Self {
        Self::with_limit(HELD)
    }
}

impl Series {
    fn with_limit(held: usize) -> Self {
        Self { width: SECOND, held, places: HashMap::new(), writers: Vec::new(), last: 0 }
    }

    /// Notes the event of a row.
    pub(super) fn take(&mut self, rows: &EventRows<'_>, row: usize) {
        let Some(at) = rows.staged(row) else { return };
        let instance = rows.api_server.get(row).or_else(|| rows.node.get(row)).or_else(|| rows.log_stream.get(row));
        self.note(rows.component.get(row), instance, rows.source_id.get(row).unwrap_or_default(), at);
    }

    fn note(&mut self, component: Option<&str>, instance: Option<&str>, source: &str, at: Timestamp) {
        let same =
            |w: &Writer| w.source == source && w.component.as_deref() == component && w.instance.as_deref() == instance;
        if !self.writers.get(self.last).is_some_and(|(w, _)| same(w)) {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let writer = Writer { component: owned(component), instance: owned(instance), source: source.to_owned() };
            self.last = *self.places.entry(writer.clone()).or_insert(self.writers.len());
            if self.last == self.writers.len() {
                self.writers.push((writer, Ticks::default()));
            }
        }
        let Some((_, ticks)) = self.writers.get_mut(self.last) else { return };
        let before = ticks.len();
        ticks.add(at.as_micros(), self.width);
        // Looked at rarely: only when a writer's ticks were put in order.
        if ticks.len() < before && self.len() > self.held.saturating_mul(2) {
            self.fit();
        }
    }

    fn len(&self) -> usize {
        self.writers.iter().fold(0, |sum, (_, ticks)| sum.saturating_add(ticks.len()))
    }

    /// Puts all ticks in order, longer ones where there are too many.
    fn fit(&mut self) {
        self.order();
        while self.len() > self.held {
            self.width = self.width.saturating_mul(2);
            self.order();
        }
    }

    fn order(&mut self) {
        for (_, ticks) in &mut self.writers {
            ticks.order(self.width);
        }
    }

    /// The series, by writer and time.
    pub(super) fn by_writer(mut self) -> BTreeMap<Writer, Vec<Tick>> {
        self.fit();
        let width = self.width;
        self.writers.into_iter().map(|(writer, ticks)| (writer, ticks.into_ordered(width))).collect()
    }
}

/// Several series as one, by time; seconds that overlap are one.
pub(super) fn unite(parts: impl IntoIterator<Item = Tick>) -> Vec<Tick> {
    let mut all: Vec<Tick> = parts.into_iter().collect();
    all.sort_by_key(|s| (s.first, s.last));
    let mut united: Vec<Tick> = Vec::new();
    for s in all {
        match united.last_mut() {
            Some(last) if s.first <= last.last => {
                last.last = last.last.max(s.last);
                last.events = last.events.saturating_add(s.events);
            }
            _ => united.push(s),
        }
    }
    united
}

/// The pause that 99 of 100 do not exceed, in microseconds.
pub(super) fn usual_pause(series: &[Tick]) -> i64 {
    let mut pauses: Vec<i64> =
        series.iter().zip(series.iter().skip(1)).map(|(a, b)| b.first.saturating_sub(a.last)).collect();
    pauses.sort_unstable();
    pauses.get(pauses.len().saturating_mul(99) / 100).or(pauses.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_logs_are_noted_in_longer_ticks() {
        let told = |limit: usize, seconds: i64| {
            let mut series = Series::with_limit(limit);
            for s in (0..seconds).rev() {
                series.note(None, None, if s % 2 == 0 { "s1" } else { "s2" }, Timestamp::from_micros(s * SECOND));
            }
            series.by_writer()
        };
        let (exact, rough) = (told(100_000, 20_000), told(5_000, 20_000));
        let count = |all: &BTreeMap<Writer, Vec<Tick>>| all.values().map(Vec::len).sum::<usize>();
        let events = |all: &BTreeMap<Writer, Vec<Tick>>| all.values().flatten().map(|t| t.events).sum::<i64>();
        assert_eq!((count(&exact), events(&exact)), (20_000, 20_000));
        assert_eq!((count(&rough), events(&rough)), (5_000, 20_000));
    }
}
