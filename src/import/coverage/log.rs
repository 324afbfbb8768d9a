//! When the log runs, its gaps, and signs that a policy or an export filtered it.

use super::Row;
use crate::import::event_rows::EventRows;
use crate::model::finding::Severity;
use crate::model::time::Interval;

/// What rows about stretches of log are called.
pub(super) const LOG: &str = "log";
/// A log of fewer events may lack anything by chance.
const ENOUGH: i64 = 100;

pub(super) fn rows(stretches: &[Interval]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (place, held) in stretches.iter().enumerate() {
        if let Some(last) = place.checked_sub(1).and_then(|p| stretches.get(p)) {
            let gap = Row::new("log gap", Severity::Medium, "audit log").over(Interval::new(last.to, held.from));
            rows.push(Row { details: "no event: the log was off, or a part of it is missing".to_owned(), ..gap });
        }
        rows.push(Row::new(LOG, Severity::Info, "audit log").over(*held));
    }
    rows
}

/// What tells of filters, noted event by event.
#[derive(Default)]
pub(super) struct FilterNotes {
    events: i64,
    /// Events of the API server itself.
    own: i64,
    /// Stages: the first that was seen, and whether there are others.
    stage: Option<String>,
    other_stages: bool,
}

impl FilterNotes {
    /// Notes the event of a row.
    pub(super) fn take(&mut self, rows: &EventRows<'_>, row: usize) {
        self.events += 1;
        self.own += i64::from(rows.user_username.get(row) == Some("system:apiserver"));
        match (rows.stage.get(row), &self.stage) {
            (Some(stage), Some(known)) => self.other_stages |= stage != known,
            (Some(stage), None) => self.stage = Some(stage.to_owned()),
            (None, _) => {}
        }
    }

    /// What a log of some length always has, and this one lacks.
    pub(super) fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        if self.events < ENOUGH {
            return rows;
        }
        let mut say = |what: &str, details: &str| {
            let row = Row::new("log filter", Severity::Info, what);
            rows.push(Row { events: Some(self.events), details: details.to_owned(), ..row });
        };
        if let Some(only) = self.stage.as_ref().filter(|_| !self.other_stages) {
            say(&format!("stage {only}"), "the only stage: other stages were left out by the policy or the export");
        }
        if self.own == 0 {
            say(
                "system:apiserver",
                "no request of the API server itself: the policy or the export left out some users",
            );
        }
        rows
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::model::time::Timestamp;

    #[test]
    fn gaps_lie_between_stretches() {
        let t = Timestamp::from_micros;
        let rows = rows(&[Interval::new(t(0), t(5)), Interval::new(t(9), t(12))]);
        let told: Vec<_> =
            rows.iter().map(|r| (r.about, r.from.unwrap().as_micros(), r.to.unwrap().as_micros())).collect();
        assert_eq!(told, [("log", 0, 5), ("log gap", 5, 9), ("log", 9, 12)]);
    }
}
