//! When the log runs, its gaps, and signs that a policy or an export filtered it.

use polars::prelude::*;

use super::Row;
use crate::case::CaseError;
use crate::case::frame::Frame;
use crate::model::finding::Severity;
use crate::model::time::Interval;

/// A log of fewer events may lack anything by chance.
const ENOUGH: i64 = 100;

pub(super) fn rows(stretches: &[Interval]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (place, held) in stretches.iter().enumerate() {
        if let Some(last) = place.checked_sub(1).and_then(|p| stretches.get(p)) {
            let gap = Row::new("log gap", Severity::Medium, "audit log").over(Interval::new(last.to, held.from));
            rows.push(Row { details: "no event: the log was off, or a part of it is missing".to_owned(), ..gap });
        }
        rows.push(Row::new("log", Severity::Info, "audit log").over(*held));
    }
    rows
}

/// What a log of some length always has, and this one lacks.
pub(super) fn filters(events: &LazyFrame) -> Result<Vec<Row>, CaseError> {
    let own = col("user_username").eq(lit("system:apiserver")).fill_null(lit(false));
    let lazy = events
        .clone()
        .group_by([col("stage")])
        .agg([len().cast(DataType::Int64).alias("events"), own.cast(DataType::Int64).sum().alias("own")]);
    let frame = Frame::collect(lazy, "events")?;
    let (stage, count, own) = (frame.text("stage")?, frame.int("events")?, frame.int("own")?);
    let mut stages: Vec<&str> = (0..frame.height()).filter_map(|row| stage.get(row)).collect();
    stages.sort_unstable();
    let sum = |c: &Int64Chunked| (0..frame.height()).filter_map(|row| c.get(row)).sum::<i64>();
    let (events, own) = (sum(count), sum(own));
    let mut rows = Vec::new();
    if events < ENOUGH {
        return Ok(rows);
    }
    let mut say = |what: &str, details: &str| {
        let row = Row::new("log filter", Severity::Info, what);
        rows.push(Row { events: Some(events), details: details.to_owned(), ..row });
    };
    if let [only] = stages.as_slice() {
        say(&format!("stage {only}"), "the only stage: other stages were left out by the policy or the export");
    }
    if own == 0 {
        say("system:apiserver", "no request of the API server itself: the policy or the export left out some users");
    }
    Ok(rows)
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
