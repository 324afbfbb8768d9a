//! What an import did, in numbers that add up.

use std::path::PathBuf;

use crate::model::time::Timestamp;

/// The outcome of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The cluster filed under.
    pub cluster: String,
    /// Evidence files read and added.
    pub sources: u64,
    /// Files whose bytes the case already had.
    pub already: u64,
    /// Files in which nothing was recognised.
    pub unrecognised: Vec<String>,
    /// Records read.
    pub records: u64,
    /// Rows made.
    pub rows: u64,
    /// Copies.
    pub duplicates: u64,
    /// Unreadable records.
    pub rejects: u64,
    /// Records of other kinds.
    pub skipped: u64,
    /// Earliest time.
    pub first_time: Option<Timestamp>,
    /// Latest time.
    pub last_time: Option<Timestamp>,
    /// Findings of the import, by severity word.
    pub findings: Vec<(String, u64)>,
    /// Whether the case was changed.
    pub changed: bool,
    /// Where the bundles lie that were imported.
    pub bundles: Vec<PathBuf>,
}

impl Summary {
    /// Adds one source's numbers.
    pub fn add(&mut self, source: &super::source_rows::SourceRow) {
        self.sources += 1;
        if source.format == "unrecognised" {
            self.unrecognised.push(source.path.clone());
        }
        self.records += source.records;
        self.rows += source.rows;
        self.duplicates += source.duplicates;
        self.rejects += source.rejects;
        self.skipped += source.skipped;
        let widen =
            |a: Option<Timestamp>, b: Option<Timestamp>, pick: fn(Timestamp, Timestamp) -> Timestamp| match (a, b) {
                (Some(a), Some(b)) => Some(pick(a, b)),
                (a, b) => a.or(b),
            };
        self.first_time = widen(self.first_time, source.first_time, Ord::min);
        self.last_time = widen(self.last_time, source.last_time, Ord::max);
    }

    /// Counts findings by severity, from the highest.
    pub fn count_findings(&mut self, findings: &[crate::model::finding::Finding]) {
        for f in findings {
            let word = f.severity.as_str();
            match self.findings.iter_mut().find(|(w, _)| w == word) {
                Some((_, n)) => *n += 1,
                None => self.findings.push((word.to_owned(), 1)),
            }
        }
    }
}
