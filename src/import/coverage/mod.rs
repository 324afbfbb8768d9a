//! What the evidence can and cannot show, as rows of `coverage`: one file for each kind of statement.
//! Rows state facts ("no events from … to …"); whether somebody tampered is for a person to say.

mod collected;
mod files;
mod levels;
mod log;
mod removed;
mod rotation;
mod seconds;
mod servers;

use arrow::array::RecordBatch;
use polars::prelude::{LazyFrame, col, lit};

use super::ImportError;
use super::source_rows::SourceRow;
use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::history::evidence::{Evidence, Listing};
use crate::model::finding::{Finding, Severity};
use crate::model::time::{Interval, Timestamp};
use crate::tables::build::{Cell, TableBuilder};
use crate::tables::coverage::TABLE;
use crate::tables::events;

pub use collected::NOT_COLLECTED;
pub use rotation::{Gap, without};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What kind of statement it is.
    pub about: &'static str,
    /// How far it limits answers.
    pub severity: Severity,
    /// What it speaks of.
    pub what: String,
    /// Limited to a namespace.
    pub namespace: Option<String>,
    /// Audit level.
    pub level: Option<String>,
    /// Verbs.
    pub verbs: Vec<String>,
    /// Verbs seen at no higher level.
    pub only_at_metadata: Vec<String>,
    /// The stretch begins.
    pub from: Option<Timestamp>,
    /// The stretch has ended.
    pub to: Option<Timestamp>,
    /// Events.
    pub events: Option<i64>,
    /// Events refused.
    pub refused: Option<i64>,
    /// Events without bodies.
    pub truncated: Option<i64>,
    /// Sources.
    pub sources: Vec<String>,
    /// In words.
    pub details: String,
}

impl Row {
    /// A row that says nothing yet.
    fn new(about: &'static str, severity: Severity, what: impl Into<String>) -> Self {
        Self {
            about,
            severity,
            what: what.into(),
            namespace: None,
            level: None,
            verbs: Vec::new(),
            only_at_metadata: Vec::new(),
            from: None,
            to: None,
            events: None,
            refused: None,
            truncated: None,
            sources: Vec::new(),
            details: String::new(),
        }
    }

    fn over(mut self, held: Interval) -> Self {
        let bound = |t: Timestamp| Some(t).filter(|t| *t != Timestamp::MIN && *t != Timestamp::MAX);
        (self.from, self.to) = (bound(held.from), bound(held.to));
        self
    }
}

/// What the rows are made from.
pub struct Input<'i> {
    /// `events`.
    pub events: LazyFrame,
    /// All sources of the cluster.
    pub sources: &'i [SourceRow],
    /// The stretches in which any server logged.
    pub log: &'i [Interval],
    /// Snapshots.
    pub evidence: &'i Evidence,
    /// Lists as they were read, before it was judged which are whole.
    pub listings: &'i [Listing],
    /// Where logs rotated away.
    pub gaps: &'i [Gap],
    /// What bundles list as not collected, as findings.
    pub findings: &'i [Finding],
}

/// Where rotated log files leave holes.
///
/// # Errors
/// When `events` cannot be read.
pub fn rotation_gaps(events: &LazyFrame, sources: &[SourceRow]) -> Result<Vec<Gap>, CaseError> {
    rotation::gaps(events, sources)
}

/// The stretches in which the log of a cluster runs: without its gaps, and without the holes that
/// rotation left in one server's.
///
/// # Errors
/// When a table cannot be read.
pub fn log_stretches(case: &Case, cluster: &str) -> Result<Vec<Interval>, CaseError> {
    let stretches = super::evidence::log_stretches(case.table(&events::TABLE, Some(cluster))?)?;
    let holes = case.table(&TABLE, Some(cluster))?.filter(col("about").eq(lit(rotation::HOLE)));
    let frame = Frame::collect(holes, TABLE.name)?;
    let (from, to) = (frame.time("time_from")?, frame.time("time_to")?);
    let holes = (0..frame.height()).filter_map(|row| Some(Interval::new(from.get(row)?, to.get(row)?)));
    Ok(without(&stretches, holes))
}

/// The rows, in the order in which they are shown, and findings where one limits answers.
///
/// # Errors
/// When a table cannot be read.
pub fn rows(input: &Input<'_>) -> Result<(Vec<Row>, Vec<Finding>), CaseError> {
    let mut rows = log::rows(input.log);
    rows.extend(rotation::rows(input.gaps));
    rows.extend(servers::rows(&input.events, input.sources)?);
    rows.extend(levels::rows(&input.events)?);
    rows.extend(log::filters(&input.events)?);
    rows.extend(removed::rows(&input.events)?);
    rows.extend(collected::rows(input));
    rows.extend(files::rows(input.sources));
    let mut findings = rotation::findings(input.gaps);
    findings.extend(servers::findings(&rows));
    findings.extend(collected::findings(&rows));
    Ok((rows, findings))
}

/// Rows as a batch of the table.
///
/// # Errors
/// When the table's description is broken.
pub fn batch(rows: &[Row]) -> Result<RecordBatch, ImportError> {
    let mut table = TableBuilder::new(&TABLE);
    let count = |n: Option<i64>| n.map_or(Cell::Null, Cell::Int);
    for r in rows {
        table.push([
            Cell::Text(r.about),
            Cell::Text(r.severity.as_str()),
            Cell::Text(&r.what),
            Cell::text(r.namespace.as_deref()),
            Cell::text(r.level.as_deref()),
            Cell::List(&r.verbs),
            Cell::List(&r.only_at_metadata),
            Cell::time(r.from),
            Cell::time(r.to),
            count(r.events),
            count(r.refused),
            count(r.truncated),
            Cell::List(&r.sources),
            Cell::Text(&r.details),
        ])?;
    }
    Ok(table.finish()?)
}
