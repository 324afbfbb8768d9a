//! What must be true of a row, said so that a file can refute it before its rows are read: by the smallest and largest
//! values of a row group, and by its dictionaries.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use parquet::file::statistics::Statistics;

use super::CaseError;
use super::keyed::Texts;
use super::part::RowGroup;
use super::pattern::Pattern;
use crate::model::time::{Interval, Timestamp};

/// A condition: one of the tests must pass. A missing value passes no test, unless the test says so.
pub struct Condition(pub Vec<Test>);

/// A test of a row.
pub enum Test {
    /// The text of a column is one of these.
    Text {
        /// The column.
        column: &'static str,
        /// What it may be.
        one_of: Vec<Pattern>,
        /// Whether a row without text passes.
        or_missing: bool,
    },
    /// The list of a column holds this text.
    Item {
        /// The column.
        column: &'static str,
        /// The text.
        text: String,
    },
    /// The number of a column is one of these.
    Number {
        /// The column.
        column: &'static str,
        /// What it may be.
        one_of: Vec<i32>,
    },
    /// The instant of a column, or of a second one where the first has none, lies in a stretch of time.
    Time {
        /// The columns.
        columns: [&'static str; 2],
        /// The stretch; its open ends are true of every instant.
        within: Interval,
    },
}

impl Condition {
    /// Whether all rows of a group pass or none does; else the tests that its rows must be put to.
    pub(super) fn open(&self, group: &RowGroup) -> Result<Vec<&Test>, bool> {
        let mut open = Vec::new();
        for test in &self.0 {
            match test.known(group) {
                Some(true) => return Err(true),
                Some(false) => {}
                None => open.push(test),
            }
        }
        if open.is_empty() { Err(false) } else { Ok(open) }
    }
}

impl Test {
    /// The columns it needs.
    pub(super) fn columns(&self) -> Vec<&'static str> {
        match self {
            Self::Text { column, .. } | Self::Item { column, .. } | Self::Number { column, .. } => vec![column],
            Self::Time { columns, .. } => columns.to_vec(),
        }
    }

    /// Whether all rows of a group pass or none does; nothing where they must be looked at.
    fn known(&self, group: &RowGroup) -> Option<bool> {
        match self {
            Self::Text { column, one_of, or_missing } => {
                let statistics = group.statistics(column)?;
                let without_text = statistics.null_count_opt() == u64::try_from(group.rows()).ok();
                if without_text {
                    return Some(*or_missing);
                }
                let refuted = one_of.iter().all(|pattern| beyond(statistics, pattern));
                (refuted && !(*or_missing && group.may_lack(column))).then_some(false)
            }
            Self::Time { columns: [first, _], within } if !group.may_lack(first) => {
                let Some(Statistics::Int64(values)) = group.statistics(first) else { return None };
                let (least, most) =
                    (Timestamp::from_micros(*values.min_opt()?), Timestamp::from_micros(*values.max_opt()?));
                let before_end = |t: Timestamp| within.to == Timestamp::MAX || t < within.to;
                if most < within.from || !before_end(least) {
                    return Some(false);
                }
                (within.from <= least && before_end(most)).then_some(true)
            }
            Self::Time { .. } | Self::Item { .. } | Self::Number { .. } => None,
        }
    }

    /// Which rows pass.
    pub(super) fn holds(&self, batch: &RecordBatch) -> Result<BooleanBuffer, CaseError> {
        match self {
            Self::Text { column, one_of, or_missing } => {
                let texts = texts(batch, column)?;
                let found = texts.matching(|text| one_of.iter().any(|pattern| pattern.matches(text)));
                Ok(if *or_missing { &found | &texts.missing() } else { found })
            }
            Self::Item { column, text } => items(batch, column, text),
            Self::Number { column, one_of } => {
                let numbers = batch.column_by_name(column).and_then(|c| c.as_primitive_opt::<Int32Type>());
                let numbers = numbers.ok_or_else(|| misfit(column))?;
                Ok(BooleanBuffer::collect_bool(numbers.len(), |row| {
                    numbers.is_valid(row) && one_of.contains(&numbers.value(row))
                }))
            }
            Self::Time { columns: [first, second], within } => {
                let instants = |column: &&'static str| {
                    let found =
                        batch.column_by_name(column).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
                    found.ok_or_else(|| misfit(column))
                };
                let (first, second) = (instants(first)?, instants(second)?);
                let at = |row: usize| {
                    let column = if first.is_valid(row) { first } else { second };
                    column.is_valid(row).then(|| Timestamp::from_micros(column.value(row)))
                };
                Ok(BooleanBuffer::collect_bool(batch.num_rows(), |row| {
                    at(row).is_some_and(|t| within.from <= t && (within.to == Timestamp::MAX || t < within.to))
                }))
            }
        }
    }
}

/// Whether the smallest and largest text of a row group leave no room for a match.
fn beyond(statistics: &Statistics, pattern: &Pattern) -> bool {
    let Statistics::ByteArray(values) = statistics else { return false };
    // The old fields were in an order that is not that of bytes.
    if statistics.is_min_max_deprecated() {
        return false;
    }
    match (values.min_opt(), values.max_opt()) {
        (Some(least), Some(most)) => !pattern.may_lie(least.data(), most.data()),
        _ => false,
    }
}

fn texts<'b>(batch: &'b RecordBatch, column: &str) -> Result<Texts<'b>, CaseError> {
    batch.column_by_name(column).and_then(Texts::of).ok_or_else(|| misfit(column))
}

/// Which lists hold a text.
fn items(batch: &RecordBatch, column: &str, text: &str) -> Result<BooleanBuffer, CaseError> {
    let lists = batch.column_by_name(column).and_then(|c| c.as_list_opt::<i32>()).ok_or_else(|| misfit(column))?;
    let equal = Texts::of(lists.values()).ok_or_else(|| misfit(column))?.matching(|item| item == text);
    let mut bits = vec![false; lists.len()];
    // Each item that matches lies in the one list whose end is the first past it.
    let ends = lists.value_offsets().get(1..).unwrap_or_default();
    for at in equal.set_indices() {
        let row = ends.partition_point(|end| usize::try_from(*end).is_ok_and(|end| end <= at));
        if let Some(bit) = bits.get_mut(row) {
            *bit = lists.is_valid(row);
        }
    }
    Ok(bits.into_iter().collect())
}

fn misfit(column: &str) -> CaseError {
    CaseError::Table { table: format!("column `{column}`"), reason: "missing, or of another type".to_owned() }
}
