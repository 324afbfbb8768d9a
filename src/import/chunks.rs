//! Collects event rows and writes them in part files: sorted by time, cut by date.
//!
//! A chunk is closed after a fixed number of rows or bytes of evidence, never by time or by thread, so
//! the same evidence gives the same files. Rows are sorted within a part, not across parts: that would
//! need all of them in memory. A chunk is written while the next one is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::interleave;
use arrow::error::ArrowError;

use super::ImportError;
use super::notes::Notes;
use crate::case::commit::Staging;
use crate::case::parquet_columns::write_columns;
use crate::case::partition;
use crate::model::time::Timestamp;
use crate::tables::events;

/// Rows of a chunk.
const CHUNK_ROWS: usize = 262_144;
/// What a row takes besides its texts: views and numbers of all columns.
const ROW_BYTES: usize = 1024;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// What the columns of a batch take, however few rows it has.
const BATCH_BYTES: usize = 16 << 10;
/// The partition of events without any time, as Hive names a missing value.
const NO_DATE: &str = "__HIVE_DEFAULT_PARTITION__";

/// Where a row lies: which batch, and which row of it.
type At = (usize, usize);

/// Event rows on their way to disk.
pub struct Chunks<'c> {
    staging: &'c mut Staging,
    cluster: &'c str,
    import: u32,
    /// Bytes of evidence in a chunk.
    size: usize,
    next: u32,
    batches: Vec<RecordBatch>,
    filed: Vec<(Option<Timestamp>, At)>,
    bytes: usize,
    parts: Vec<PathBuf>,
    /// What was noted of the rows; the chunk that is being written has it.
    notes: Option<Notes>,
    /// The chunk that is being written.
    writing: Option<JoinHandle<Result<Notes, ImportError>>>,
}

impl<'c> Chunks<'c> {
    /// No rows yet; a chunk is closed once it holds `size` bytes.
    pub fn new(staging: &'c mut Staging, cluster: &'c str, import: u32, size: usize) -> Self {
        let (batches, filed, parts) = Default::default();
        let notes = Some(Notes::new(staging.dir()));
        Self { staging, cluster, import, size, next: 0, batches, filed, bytes: 0, parts, notes, writing: None }
    }

    /// Adds the rows of `batch` that `keep` marks; `filed` gives the time of each row, `held` the bytes that
    /// the batch keeps in memory.
    ///
    /// # Errors
    /// When a full chunk cannot be written.
    pub fn push(
        &mut self,
        batch: RecordBatch,
        filed: &[Option<Timestamp>],
        keep: &[bool],
        held: usize,
    ) -> Result<(), ImportError> {
        let number = self.batches.len();
        let before = self.filed.len();
        let kept = filed.iter().zip(keep).enumerate().filter(|(_, (_, keep))| **keep);
        self.filed.extend(kept.map(|(row, (time, _))| (*time, (number, row))));
        if self.filed.len() == before {
            return Ok(());
        }
        // A long line is written alone, with nothing else at hand: it takes some times its length.
        let long = held >= self.size / 2;
        if long {
            let earlier: Vec<_> = self.filed.drain(before..).collect();
            self.flush()?;
            self.rest()?;
            self.filed = earlier.into_iter().map(|(time, (_, row))| (time, (0, row))).collect();
        }
        let rows = batch.num_rows().saturating_mul(ROW_BYTES);
        self.bytes = self.bytes.saturating_add(held).saturating_add(rows).saturating_add(BATCH_BYTES);
        self.batches.push(batch);
        if long || self.filed.len() >= CHUNK_ROWS || self.bytes >= self.size {
            self.flush()?;
        }
        if long { self.rest() } else { Ok(()) }
    }

    /// Waits until nothing is being written.
    fn rest(&mut self) -> Result<(), ImportError> {
        self.notes = Some(self.wait()?);
        Ok(())
    }

    /// Writes what is left; gives all parts, as paths inside the case, and what was noted of their rows.
    ///
    /// # Errors
    /// When a part cannot be written.
    pub fn finish(mut self) -> Result<(Vec<PathBuf>, Notes), ImportError> {
        self.flush()?;
        let notes = self.wait()?;
        Ok((std::mem::take(&mut self.parts), notes))
    }

    /// Waits until the last chunk is written.
    fn wait(&mut self) -> Result<Notes, ImportError> {
        let early = || ImportError::Write("a thread that wrote events ended early".to_owned());
        match self.writing.take().map(JoinHandle::join) {
            None => self.notes.take().ok_or_else(early),
            Some(Ok(written)) => written,
            Some(Err(_)) => Err(early()),
        }
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        let batches = std::mem::take(&mut self.batches);
        self.bytes = 0;
        // By number first, since a date takes long to write; some far days share a name.
        let mut numbers: BTreeMap<Option<i64>, Vec<(Option<Timestamp>, At)>> = BTreeMap::new();
        for row in std::mem::take(&mut self.filed) {
            numbers.entry(row.0.map(|time| time.as_micros().div_euclid(DAY))).or_default().push(row);
        }
        let mut days: BTreeMap<String, Vec<(Option<Timestamp>, At)>> = BTreeMap::new();
        for rows in numbers.into_values() {
            let time = rows.first().and_then(|(time, _)| *time);
            days.entry(time.map_or_else(|| NO_DATE.to_owned(), Timestamp::date)).or_default().extend(rows);
        }
        let mut files = Vec::new();
        for (day, mut rows) in days {
            // Stable: rows of one time stay in the order of source and offset.
            rows.sort_by_key(|(time, _)| *time);
            let rows: Vec<At> = rows.into_iter().map(|(_, at)| at).collect();
            let relative = PathBuf::from(events::TABLE.name)
                .join(partition("cluster", self.cluster))
                .join(format!("date={day}"))
                .join(format!("part-{:05}-{:05}.parquet", self.import, self.next));
            files.push((self.staging.create(&relative)?, rows));
            self.parts.push(relative);
        }
        self.next += 1;
        let mut notes = self.wait()?;
        self.writing = Some(std::thread::spawn(move || {
            let write = || files.iter().try_for_each(|(path, rows)| write(path, &batches, rows));
            let (noted, written) = rayon::join(|| note(&mut notes, &batches, &files), write);
            noted.and(written)?;
            Ok(notes)
        }));
        Ok(())
    }
}

/// Notes the rows of a chunk, in the order in which they were read.
fn note(notes: &mut Notes, batches: &[RecordBatch], files: &[(PathBuf, Vec<At>)]) -> Result<(), ImportError> {
    let mut kept: Vec<Vec<bool>> = batches.iter().map(|b| vec![false; b.num_rows()]).collect();
    for (batch, row) in files.iter().flat_map(|(_, rows)| rows) {
        if let Some(keep) = kept.get_mut(*batch).and_then(|k| k.get_mut(*row)) {
            *keep = true;
        }
    }
    for (batch, kept) in batches.iter().zip(kept) {
        notes.take(batch, kept.iter().enumerate().filter(|(_, keep)| **keep).map(|(row, _)| row))?;
    }
    Ok(())
}

impl Drop for Chunks<'_> {
    fn drop(&mut self) {
        // An import that ends early must not leave a writer behind in its folder; its own error is told already.
        let _ = self.wait();
    }
}

fn write(path: &Path, batches: &[RecordBatch], rows: &[At]) -> Result<(), ImportError> {
    let column = |column, range| gather(batches, column, rows.get(range).unwrap_or_default());
    Ok(write_columns(path, &events::TABLE, rows.len(), column)?)
}

/// The values of one column at these rows, in their order.
fn gather(batches: &[RecordBatch], column: usize, rows: &[At]) -> Result<ArrayRef, ArrowError> {
    let arrays: Vec<&dyn Array> = batches.iter().map(|b| b.column(column).as_ref()).collect();
    // Most columns hold nothing in most logs.
    match arrays.first() {
        Some(first) if arrays.iter().all(|a| a.null_count() == a.len()) => {
            Ok(new_null_array(first.data_type(), rows.len()))
        }
        _ => interleave(&arrays, rows),
    }
}
