//! `api_resources` of all parts. Its rows do not name their source, but they lie in the order of the sources of their
//! part, and each source counts its rows: those that are neither events, objects nor identities are resources.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Array, RecordBatch};
use arrow::compute::{concat_batches, interleave};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::MergeError;
use super::columns::{conform, replace};
use super::numbering::{Numbered, Place, Places};
use super::parts::Part;
use crate::case::{CaseError, parquet_file, partition};
use crate::import::source_rows::SourceRow;
use crate::import::staged::Staged;
use crate::tables::api_resources::TABLE;

/// How many resources each source of a part gave, in the order of the sources. `others` counts their rows of other
/// tables.
pub(super) fn shares(rows: &[SourceRow], others: &[&BTreeMap<String, u64>]) -> Vec<(String, u64)> {
    let share = |s: &SourceRow| {
        let other: u64 = others.iter().filter_map(|counts| counts.get(&s.source_id)).sum();
        // Objects whose time is not known are counted and have no rows.
        let untold = s.observed.is_none() && s.format.contains("objects");
        (s.source_id.clone(), if untold { 0 } else { s.rows.saturating_sub(other) })
    };
    rows.iter().map(share).collect()
}

/// Writes the table, and gives the path of its file; and how many rows were left out of sources that stay but show
/// nothing, by their number.
pub(super) fn write(
    staged: &mut Staged<'_>,
    parts: &[(&Part, &str)],
    numbered: &Numbered,
    shares: &[Vec<(String, u64)>],
) -> Result<(PathBuf, BTreeMap<usize, u64>), MergeError> {
    let mut tables = Vec::new();
    let mut order: Vec<(usize, (usize, usize))> = Vec::new();
    let mut hidden = BTreeMap::new();
    for (part, ((from, own), shares)) in parts.iter().zip(shares).enumerate() {
        let table = read(from, own)?;
        let known = numbered.places.get(part);
        let places: Vec<Place> =
            rows_of(shares, table.num_rows(), known).filter_map(|id| known?.get(id).copied()).collect();
        for (row, place) in places.iter().enumerate() {
            if place.shows {
                order.push((place.number, (part, row)));
            } else if place.keeps {
                *hidden.entry(place.number).or_default() += 1;
            }
        }
        tables.push(table);
    }
    order.sort_by_key(|(number, _)| *number);
    let rows: Vec<(usize, usize)> = order.into_iter().map(|(_, row)| row).collect();
    let relative = Path::new(TABLE.name).join(partition("cluster", staged.cluster)).join("part-00001.parquet");
    let path = staged.staging.create(&relative)?;
    parquet_file::write(&path, TABLE.schema(), &[gathered(&tables, &rows)?])?;
    Ok((relative, hidden))
}

fn read(part: &Part, own: &str) -> Result<RecordBatch, MergeError> {
    let mut batches = Vec::new();
    for file in part.files(&TABLE, own)? {
        let open = File::open(&file).map_err(|e| CaseError::io(&file, e))?;
        for batch in ParquetRecordBatchReaderBuilder::try_new(open)?.build()? {
            batches.push(conform(&batch?, &TABLE, &file)?);
        }
    }
    Ok(concat_batches(&TABLE.schema(), &batches)?)
}

/// The source of each row. Where the counts do not add up, all rows are taken for those of the first source that shows
/// anything: they say the same of the cluster then, in an order of their own.
fn rows_of<'s>(
    shares: &'s [(String, u64)],
    rows: usize,
    known: Option<&Places>,
) -> Box<dyn Iterator<Item = &'s str> + 's> {
    let size = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let total = shares.iter().fold(0_usize, |sum, (_, n)| sum.saturating_add(size(*n)));
    if total == rows {
        return Box::new(shares.iter().flat_map(move |(id, n)| std::iter::repeat_n(id.as_str(), size(*n))));
    }
    let shows = |(id, _): &&(String, u64)| known.and_then(|k| k.get(id)).is_some_and(|p| p.shows);
    Box::new(shares.iter().find(shows).into_iter().flat_map(move |(id, _)| std::iter::repeat_n(id.as_str(), rows)))
}

fn gathered(tables: &[RecordBatch], rows: &[(usize, usize)]) -> Result<RecordBatch, MergeError> {
    let column = |n: usize| {
        let arrays: Vec<&dyn Array> = tables.iter().map(|t| t.column(n).as_ref()).collect();
        interleave(&arrays, rows)
    };
    if tables.is_empty() {
        return Ok(RecordBatch::new_empty(TABLE.schema()));
    }
    let columns = (0..TABLE.columns.len()).map(column).collect::<Result<Vec<ArrayRef>, _>>()?;
    let batch = RecordBatch::try_new(TABLE.schema(), columns)?;
    let positions: Int32Array = (0_i32..).take(rows.len()).collect();
    replace(&batch, "position", Arc::new(positions))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::model::object::ObservedAt;
    use crate::model::time::Timestamp;

    fn source(id: &str, format: &str, rows: u64, observed: bool) -> SourceRow {
        let at = ObservedAt { from: Timestamp::from_micros(1), to: Timestamp::from_micros(1) };
        SourceRow {
            source_id: id.to_owned(),
            format: format.to_owned(),
            rows,
            observed: observed.then_some(at),
            ..SourceRow::default()
        }
    }

    #[test]
    fn rows_that_no_other_table_has_are_resources() {
        let rows = [
            source("s1", "native-jsonl", 9, false),
            source("s2", "discovery", 3, false),
            source("s3", "native-jsonl+objects", 7, true),
            source("s4", "objects-json", 5, false),
        ];
        let events = BTreeMap::from([("s1".to_owned(), 9), ("s3".to_owned(), 2)]);
        let seen = BTreeMap::from([("s3".to_owned(), 4)]);
        let told: Vec<u64> = shares(&rows, &[&events, &seen]).into_iter().map(|(_, n)| n).collect();
        assert_eq!(told, [0, 3, 1, 0]);
    }

    #[test]
    fn rows_whose_counts_do_not_add_up_stay_all_the_same() {
        let shares = [("s1".to_owned(), 2), ("s2".to_owned(), 1)];
        let known = |id: &str, shows| (id.to_owned(), Place { number: 0, keeps: shows, shows });
        let places = Places::from([known("s1", false), known("s2", true)]);
        assert_eq!(rows_of(&shares, 3, Some(&places)).collect::<Vec<_>>(), ["s1", "s1", "s2"]);
        assert_eq!(rows_of(&shares, 2, Some(&places)).collect::<Vec<_>>(), ["s2", "s2"]);
    }
}
