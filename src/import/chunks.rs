//! Collects event rows and writes them in part files: sorted by time, cut by date.
//!
//! A chunk is closed after a fixed number of rows or bytes of evidence, never by time or by thread, so
//! the same evidence gives the same files. Rows are sorted within a part, not across parts: that would
//! need all of them in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use rayon::prelude::*;

use super::ImportError;
use crate::case::commit::Staging;
use crate::case::{parquet_file, partition};
use crate::model::time::Timestamp;
use crate::tables::events;

/// Rows of a chunk.
const CHUNK_ROWS: usize = 262_144;
/// Bytes of record batches in a chunk; keeps every text column far below Arrow's 2 GiB.
const CHUNK_BYTES: usize = 128 << 20;
/// The partition of events without any time, as Hive names a missing value.
const NO_DATE: &str = "__HIVE_DEFAULT_PARTITION__";

/// Event rows on their way to disk.
pub struct Chunks<'c> {
    staging: &'c mut Staging,
    cluster: &'c str,
    import: u32,
    next: u32,
    batches: Vec<RecordBatch>,
    filed: Vec<Option<Timestamp>>,
    bytes: usize,
    parts: Vec<PathBuf>,
}

impl<'c> Chunks<'c> {
    /// No rows yet.
    pub fn new(staging: &'c mut Staging, cluster: &'c str, import: u32) -> Self {
        let (batches, filed, parts) = Default::default();
        Self { staging, cluster, import, next: 0, batches, filed, bytes: 0, parts }
    }

    /// Adds rows; `filed` gives the time of each.
    ///
    /// # Errors
    /// When a full chunk cannot be written.
    pub fn push(&mut self, batch: RecordBatch, filed: &[Option<Timestamp>]) -> Result<(), ImportError> {
        self.bytes = self.bytes.saturating_add(batch.get_array_memory_size());
        self.filed.extend_from_slice(filed);
        self.batches.push(batch);
        if self.filed.len() >= CHUNK_ROWS || self.bytes >= CHUNK_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes what is left and returns all parts, as paths inside the case.
    ///
    /// # Errors
    /// When a part cannot be written.
    pub fn finish(mut self) -> Result<Vec<PathBuf>, ImportError> {
        self.flush()?;
        Ok(self.parts)
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        if self.batches.is_empty() {
            return Ok(());
        }
        let schema = events::TABLE.schema();
        let all = concat_batches(&schema, &self.batches)?;
        self.batches.clear();
        self.bytes = 0;
        let filed = std::mem::take(&mut self.filed);
        let mut days: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (row, time) in filed.iter().enumerate() {
            let day = time.map_or_else(|| NO_DATE.to_owned(), Timestamp::date);
            days.entry(day).or_default().push(u32::try_from(row).unwrap_or(u32::MAX));
        }
        let mut jobs = Vec::new();
        for (day, mut rows) in days {
            // Stable: rows of one time stay in the order of source and offset.
            rows.sort_by_key(|row| filed.get(*row as usize).copied().flatten());
            let relative = PathBuf::from(events::TABLE.name)
                .join(partition("cluster", self.cluster))
                .join(format!("date={day}"))
                .join(format!("part-{:05}-{:05}.parquet", self.import, self.next));
            let path = self.staging.create(&relative)?;
            self.parts.push(relative);
            jobs.push((path, rows));
        }
        self.next += 1;
        jobs.into_par_iter().try_for_each(|(path, rows)| {
            let batch = take_record_batch(&all, &UInt32Array::from(rows))?;
            parquet_file::write(&path, events::TABLE.schema(), &[batch])?;
            Ok::<(), ImportError>(())
        })
    }
}
