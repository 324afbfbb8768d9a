//! What `sources` says of one file, while it is being counted and afterwards.

use crate::model::object::ObservedAt;
use crate::model::time::Timestamp;
use crate::tables::build::{Cell, TableBuilder};

use arrow::error::ArrowError;

/// One row of `sources`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceRow {
    /// Id inside the case.
    pub source_id: String,
    /// Where it was read.
    pub path: String,
    /// The bundle it came in.
    pub bundle: Option<String>,
    /// SHA-256, hex.
    pub sha256: String,
    /// Bytes as collected.
    pub size: u64,
    /// Recognised format.
    pub format: String,
    /// Compression.
    pub compression: String,
    /// Records read.
    pub records: u64,
    /// Records that became rows.
    pub rows: u64,
    /// Copies.
    pub duplicates: u64,
    /// Unreadable.
    pub rejects: u64,
    /// Of other kinds.
    pub skipped: u64,
    /// Earliest time.
    pub first_time: Option<Timestamp>,
    /// Latest time.
    pub last_time: Option<Timestamp>,
    /// Snapshots: when.
    pub observed: Option<ObservedAt>,
    /// Snapshots: how that is known.
    pub observed_basis: Option<String>,
    /// Columns the format cannot carry.
    pub absent_fields: Vec<String>,
    /// Signs of incompleteness.
    pub warnings: Vec<String>,
    /// Sources of the rows kept in place of duplicates.
    pub duplicate_of: Vec<String>,
    /// Clusters it names.
    pub clusters: Vec<String>,
    /// Cloud accounts it names.
    pub accounts: Vec<String>,
    /// What it says of its own completeness.
    pub completeness: Vec<String>,
}

impl SourceRow {
    /// Widens the time span.
    pub fn saw(&mut self, time: Timestamp) {
        self.first_time = Some(self.first_time.map_or(time, |t| t.min(time)));
        self.last_time = Some(self.last_time.map_or(time, |t| t.max(time)));
    }

    /// Names a source whose row was kept in place of one of this.
    pub fn duplicate(&mut self, of: &str) {
        self.duplicates += 1;
        if !self.duplicate_of.iter().any(|s| s == of) {
            self.duplicate_of.push(of.to_owned());
            self.duplicate_of.sort();
        }
    }

    /// Adds it to the table.
    ///
    /// # Errors
    /// When the table's description is broken.
    pub fn push(&self, table: &mut TableBuilder) -> Result<(), ArrowError> {
        table.push([
            Cell::Text(&self.source_id),
            Cell::Text(&self.path),
            Cell::text(self.bundle.as_deref()),
            Cell::Text(&self.sha256),
            Cell::count(self.size),
            Cell::Text(&self.format),
            Cell::Text(&self.compression),
            Cell::count(self.records),
            Cell::count(self.rows),
            Cell::count(self.duplicates),
            Cell::count(self.rejects),
            Cell::count(self.skipped),
            Cell::time(self.first_time),
            Cell::time(self.last_time),
            Cell::time(self.observed.map(|o| o.from)),
            Cell::time(self.observed.map(|o| o.to)),
            Cell::text(self.observed_basis.as_deref()),
            Cell::List(&self.absent_fields),
            Cell::List(&self.warnings),
            Cell::List(&self.duplicate_of),
            Cell::List(&self.clusters),
            Cell::List(&self.accounts),
            Cell::List(&self.completeness),
        ])
    }
}
