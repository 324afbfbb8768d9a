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
use polars::prelude::{col, lit};

use super::ImportError;
use super::event_rows::EventRows;
use super::source_rows::SourceRow;
use super::ticks::{self, MINUTE, Ticks};
use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::history::evidence::Listing;
use crate::model::finding::{Finding, Severity};
use crate::model::time::{Interval, Timestamp};
use crate::tables::build::{Cell, TableBuilder};
use crate::tables::coverage::TABLE;

use levels::LevelNotes;
pub(super) use levels::add_to_key;
use log::FilterNotes;
use removed::RemovedNotes;
use seconds::Series;

pub use collected::{KindsSeen, NOT_COLLECTED};
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

/// What is noted of the log, event by event.
#[derive(Default)]
pub struct LogNotes {
    minutes: Ticks,
    series: Series,
    levels: LevelNotes,
    filters: FilterNotes,
    removed: RemovedNotes,
}

impl LogNotes {
    /// Notes the event of a row.
    pub fn take(&mut self, rows: &EventRows<'_>, row: usize) {
        if rows.tells_what_was_done(row) {
            let times = [rows.stage_timestamp.get(row), rows.request_received_timestamp.get(row)];
            times.into_iter().flatten().for_each(|t| self.minutes.add(t.as_micros(), MINUTE));
        }
        self.series.take(rows, row);
        self.levels.take(rows, row);
        self.filters.take(rows, row);
        self.removed.take(rows, row);
    }

    /// What the notes tell once all events are seen.
    pub fn finish(self, sources: &[SourceRow]) -> Logged {
        let series = self.series.by_writer();
        let stretches = ticks::stretches(&self.minutes.into_ordered(MINUTE));
        let gaps = rotation::gaps(&series, sources);
        let (of_servers, of_levels) = rayon::join(|| servers::rows(&series, sources), || self.levels.rows());
        let mut rows = log::rows(&stretches);
        rows.extend(rotation::rows(&gaps));
        rows.extend(of_servers);
        rows.extend(of_levels);
        rows.extend(self.filters.rows());
        rows.extend(self.removed.rows());
        Logged { stretches, gaps, rows }
    }
}

/// What the log tells of itself.
pub struct Logged {
    /// The stretches in which any server logged.
    pub stretches: Vec<Interval>,
    /// Where logs rotated away.
    pub gaps: Vec<Gap>,
    rows: Vec<Row>,
}

impl Logged {
    /// The stretches without the holes that rotation left: a hole in one server's log may hide a change as well as
    /// one in all of them.
    pub fn whole(&self) -> Vec<Interval> {
        without(&self.stretches, self.gaps.iter().filter(|g| g.between).map(|g| g.held))
    }
}

/// What the rows are made from besides the log.
pub struct Input<'i> {
    /// All sources of the cluster.
    pub sources: &'i [SourceRow],
    /// What snapshots show: kinds by time.
    pub seen: &'i KindsSeen,
    /// Lists as they were read, before it was judged which are whole.
    pub listings: &'i [Listing],
    /// What bundles list as not collected, as findings.
    pub findings: &'i [Finding],
}

/// The stretches in which the log of a cluster runs: without its gaps, and without the holes that
/// rotation left in one server's.
///
/// # Errors
/// When a table cannot be read.
pub fn log_stretches(case: &Case, cluster: &str) -> Result<Vec<Interval>, CaseError> {
    let rows = case
        .table(&TABLE, Some(cluster))?
        .filter(col("about").eq(lit(log::LOG)).or(col("about").eq(lit(rotation::HOLE))));
    let frame = Frame::collect(rows, TABLE.name)?;
    let (about, from, to) = (frame.text("about")?, frame.time("time_from")?, frame.time("time_to")?);
    let held = |wanted: &'static str| {
        (0..frame.height())
            .filter(move |row| about.get(*row) == Some(wanted))
            .filter_map(|row| Some(Interval::new(from.get(row)?, to.get(row)?)))
    };
    let mut stretches: Vec<Interval> = held(log::LOG).collect();
    stretches.sort_unstable();
    Ok(without(&stretches, held(rotation::HOLE)))
}

/// The rows, in the order in which they are shown, and findings where one limits answers.
pub fn rows(logged: Logged, input: &Input<'_>) -> (Vec<Row>, Vec<Finding>) {
    let mut rows = logged.rows;
    rows.extend(collected::rows(input));
    rows.extend(files::rows(input.sources));
    let mut findings = rotation::findings(&logged.gaps);
    findings.extend(servers::findings(&rows));
    findings.extend(collected::findings(&rows));
    (rows, findings)
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
