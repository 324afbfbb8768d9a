//! The tables of a case as they will be after the import: files of the case together with new ones in
//! the staging folder, read as one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use polars::prelude::*;

use super::ImportError;
use super::dedup::{Keying, Seen};
use super::materialise;
use super::parse::Parsed;
use super::source_rows::SourceRow;
use crate::case::commit::Staging;
use crate::case::frame::Frame;
use crate::case::read::damaged;
use crate::case::{Case, CaseError, parquet_file, partition};
use crate::formats::Reject;
use crate::model::object::ObservedAt;
use crate::model::resource::{ApiResource, Catalogue, Discovery};
use crate::tables::build::{Cell, TableBuilder};
use crate::tables::schema::Table;
use crate::tables::{api_resources, events, identities, rejects, sightings, sources};

/// The case and what is to be added to it.
pub struct Staged<'s> {
    /// The case, when there is one.
    pub case: Option<&'s Case>,
    /// The change being prepared.
    pub staging: &'s mut Staging,
    /// The cluster imported into.
    pub cluster: &'s str,
    /// New parts of `events`, as paths inside the case.
    pub parts: Vec<PathBuf>,
}

/// What snapshots give, as batches.
pub struct SnapshotRows {
    /// Rows of `object_sightings`.
    pub sightings: RecordBatch,
    /// Rows of `listings`.
    pub listings: RecordBatch,
    /// Rows of `api_resources`.
    pub discovery: RecordBatch,
}

impl Staged<'_> {
    /// Every file of `events` after the import.
    ///
    /// # Errors
    /// When the case cannot be listed.
    pub fn event_files(&self) -> Result<Vec<PathBuf>, CaseError> {
        self.files(&events::TABLE, &self.parts)
    }

    /// The files of `events` that earlier imports made.
    ///
    /// # Errors
    /// When the case cannot be listed.
    pub fn earlier_event_files(&self) -> Result<Vec<PathBuf>, CaseError> {
        self.case.map_or_else(|| Ok(Vec::new()), |case| case.files(&events::TABLE, Some(self.cluster)))
    }

    /// Files of the case that the staging folder does not replace, then the new ones.
    fn files(&self, table: &Table, new: &[PathBuf]) -> Result<Vec<PathBuf>, CaseError> {
        let mut files = match self.case {
            Some(case) => case.files(table, Some(self.cluster))?,
            None => Vec::new(),
        };
        let replaced: BTreeSet<PathBuf> = match self.case {
            Some(case) => new.iter().map(|p| case.dir().join(p)).collect(),
            None => BTreeSet::new(),
        };
        files.retain(|f| !replaced.contains(f));
        files.extend(new.iter().map(|p| self.staging.dir().join(p)));
        Ok(files)
    }

    /// Adds rows in a part of their own and gives the files of the table after the import.
    fn append(&mut self, table: &'static Table, batch: RecordBatch) -> Result<Vec<PathBuf>, ImportError> {
        let number = self.case.map_or(0, |c| c.manifest().imports.len()) + 1;
        let relative =
            Path::new(table.name).join(partition("cluster", self.cluster)).join(format!("part-{number:05}.parquet"));
        let mut new = Vec::new();
        if batch.num_rows() > 0 || number == 1 {
            let path = self.staging.create(&relative)?;
            parquet_file::write(&path, table.schema(), &[batch])?;
            new.push(relative);
        }
        Ok(self.files(table, &new)?)
    }

    /// A table after the import, with these new files, as paths inside the case.
    ///
    /// # Errors
    /// When the files cannot be scanned.
    pub fn with_files(&self, table: &'static Table, new: &[PathBuf]) -> Result<LazyFrame, CaseError> {
        scan(table, self.files(table, new)?)
    }

    /// Adds sightings; gives the table file by file.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn append_sightings(&mut self, batch: RecordBatch) -> Result<Vec<LazyFrame>, ImportError> {
        let files = self.append(&sightings::SIGHTINGS, batch)?;
        Ok(files.into_iter().map(|file| scan(&sightings::SIGHTINGS, vec![file])).collect::<Result<_, _>>()?)
    }

    /// Adds listings.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn append_listings(&mut self, batch: RecordBatch) -> Result<LazyFrame, ImportError> {
        let files = self.append(&sightings::LISTINGS, batch)?;
        Ok(scan(&sightings::LISTINGS, files)?)
    }

    /// Adds discovery data.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append_discovery(&mut self, batch: RecordBatch) -> Result<LazyFrame, ImportError> {
        let files = self.append(&api_resources::TABLE, batch)?;
        Ok(scan(&api_resources::TABLE, files)?)
    }

    /// Adds rows of the authenticator's log.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn append_identities(&mut self, batch: RecordBatch) -> Result<(), ImportError> {
        self.append(&identities::TABLE, batch).map(|_| ())
    }

    /// Adds rejects.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn append_rejects(&mut self, all: &[(String, Reject)]) -> Result<(), ImportError> {
        let mut table = TableBuilder::new(&rejects::TABLE);
        for (source, r) in all {
            table.push([
                Cell::Text(source),
                Cell::count(r.offset),
                Cell::count(r.line),
                Cell::count(r.length),
                Cell::Text(&r.reason),
                Cell::Text(&r.sha256),
                Cell::Text(&r.first_bytes),
            ])?;
        }
        self.append(&rejects::TABLE, table.finish()?).map(|_| ())
    }

    /// Writes `sources` whole: earlier rows may have changed their counts.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_sources(&mut self, rows: &[SourceRow]) -> Result<(), ImportError> {
        let mut table = TableBuilder::new(&sources::TABLE);
        for row in rows {
            row.push(&mut table)?;
        }
        materialise::write(self.staging, self.cluster, &sources::TABLE, table.finish()?)
    }

    /// The resources of the cluster: built-in, and what discovery data in the evidence says.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn catalogue(&self, discovery: LazyFrame) -> Result<Catalogue, CaseError> {
        catalogue(discovery)
    }
}

/// A catalogue from the table `api_resources`.
///
/// # Errors
/// When the table cannot be read.
pub fn catalogue(table: LazyFrame) -> Result<Catalogue, CaseError> {
    let frame = Frame::collect(
        table.sort(["position"], SortMultipleOptions::default().with_maintain_order(true)),
        "api_resources",
    )?;
    let (group, version, plural) = (frame.text("api_group")?, frame.text("api_version")?, frame.text("resource")?);
    let (singular, kind, namespaced) = (frame.text("singular")?, frame.text("kind")?, frame.flag("namespaced")?);
    let (short, verbs, all) = (frame.list("short_names")?, frame.list("verbs")?, frame.flag("lists_all_groups")?);
    let owned = |c: &StringChunked, row: usize| c.get(row).unwrap_or_default().to_owned();
    let mut discovery = Discovery::default();
    for row in 0..frame.height() {
        let group = owned(group, row);
        if !discovery.group_order.contains(&group) {
            discovery.group_order.push(group.clone());
        }
        discovery.lists_all_groups |= all.get(row).unwrap_or(false);
        discovery.resources.push(ApiResource {
            plural: owned(plural, row),
            singular: owned(singular, row),
            short_names: short.get(row).unwrap_or_default(),
            group,
            version: owned(version, row),
            namespaced: namespaced.get(row).unwrap_or(false),
            kind: owned(kind, row),
            verbs: verbs.get(row).unwrap_or_default(),
            categories: Vec::new(),
        });
    }
    discovery.listed_groups.clone_from(&discovery.group_order);
    let mut catalogue = Catalogue::new();
    catalogue.add(discovery);
    Ok(catalogue)
}

fn scan(table: &'static Table, files: Vec<PathBuf>) -> Result<LazyFrame, CaseError> {
    if files.is_empty() {
        return Ok(crate::case::read::empty(table));
    }
    let args = ScanArgsParquet { glob: false, ..Default::default() };
    LazyFrame::scan_parquet_files(files.into(), args).map_err(|e| damaged(table, &e))
}

impl SnapshotRows {
    /// Rows of everything that snapshots showed; `snapshots` names each source by its place in `sources`.
    ///
    /// # Errors
    /// When a table's description is broken.
    pub fn build(sources: &[SourceRow], snapshots: &[(usize, Parsed)]) -> Result<Self, ImportError> {
        let mut sightings = TableBuilder::new(&sightings::SIGHTINGS);
        let mut listings = TableBuilder::new(&sightings::LISTINGS);
        let mut discovery = TableBuilder::new(&api_resources::TABLE);
        for (number, parsed) in snapshots {
            let Some(source) = sources.get(*number) else { continue };
            if let Some(observed) = source.observed {
                push_objects(&mut sightings, source, observed, parsed)?;
                push_lists(&mut listings, source, observed, parsed)?;
            }
            parsed.discovery.iter().try_for_each(|d| push_discovery(&mut discovery, d))?;
        }
        Ok(Self { sightings: sightings.finish()?, listings: listings.finish()?, discovery: discovery.finish()? })
    }
}

fn push_objects(
    table: &mut TableBuilder,
    source: &SourceRow,
    at: ObservedAt,
    parsed: &Parsed,
) -> Result<(), ImportError> {
    for placed in &parsed.objects {
        let o = &placed.object;
        table.push([
            Cell::Text(&o.key.group),
            Cell::Text(&o.key.kind),
            Cell::Text(&o.key.namespace),
            Cell::Text(&o.key.name),
            Cell::text(o.uid.as_deref()),
            Cell::text(o.resource_version.as_deref()),
            Cell::Time(at.from),
            Cell::Time(at.to),
            Cell::Text(&o.body),
            Cell::Text(&source.source_id),
            Cell::count(placed.offset),
            Cell::count(placed.line),
            Cell::count(o.length as u64),
        ])?;
    }
    Ok(())
}

/// Lists, as far as they tell which namespaces were asked for. A list over one namespace is taken for
/// a list of that namespace alone; an empty one without a kind tells nothing.
fn push_lists(
    table: &mut TableBuilder,
    source: &SourceRow,
    at: ObservedAt,
    parsed: &Parsed,
) -> Result<(), ImportError> {
    for list in &parsed.lists {
        let cluster_scoped = list.namespaces.iter().all(String::is_empty) && list.items > 0;
        let mut names = list.namespaces.iter();
        let only = match (names.next(), names.next()) {
            (Some(one), None) if !cluster_scoped => Some(one.as_str()),
            _ => None,
        };
        table.push([
            Cell::Text(&list.kind.0),
            Cell::Text(&list.kind.1),
            Cell::text(only),
            Cell::Time(at.from),
            Cell::Time(at.to),
            Cell::Bool(list.whole),
            Cell::Bool(false),
            Cell::count(list.items),
            Cell::Text(&source.source_id),
        ])?;
    }
    Ok(())
}

fn push_discovery(table: &mut TableBuilder, found: &Discovery) -> Result<(), ImportError> {
    let first = table.len();
    for (i, r) in found.resources.iter().enumerate() {
        table.push([
            Cell::Text(&r.group),
            Cell::Text(&r.version),
            Cell::Text(&r.plural),
            Cell::Text(&r.singular),
            Cell::List(&r.short_names),
            Cell::Text(&r.kind),
            Cell::Bool(r.namespaced),
            Cell::List(&r.verbs),
            Cell::count((first + i) as u64),
            Cell::Bool(found.lists_all_groups),
        ])?;
    }
    Ok(())
}

/// The rows of `sources` of one cluster, as earlier imports left them, and how many the others have.
///
/// # Errors
/// When the table cannot be read.
pub fn read_sources(case: &Case, cluster: &str) -> Result<(Vec<SourceRow>, usize), CaseError> {
    let frame = Frame::collect(case.table(&sources::TABLE, None)?, "sources")?;
    let clusters = frame.text("cluster")?;
    let rows: Vec<usize> = (0..frame.height()).filter(|r| clusters.get(*r) == Some(cluster)).collect();
    let others = frame.height() - rows.len();
    let text = |name: &str, row: usize| Ok::<_, CaseError>(frame.text(name)?.get(row).unwrap_or_default().to_owned());
    let maybe = |name: &str, row: usize| Ok::<_, CaseError>(frame.text(name)?.get(row).map(str::to_owned));
    let count = |name: &str, row: usize| {
        Ok::<_, CaseError>(frame.int(name)?.get(row).and_then(|n| u64::try_from(n).ok()).unwrap_or_default())
    };
    let list = |name: &str, row: usize| Ok::<_, CaseError>(frame.list(name)?.get(row).unwrap_or_default());
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let observed = match (frame.time("observed_from")?.get(row), frame.time("observed_to")?.get(row)) {
            (Some(from), Some(to)) => Some(ObservedAt { from, to }),
            _ => None,
        };
        found.push(SourceRow {
            source_id: text("source_id", row)?,
            path: text("path", row)?,
            bundle: maybe("bundle", row)?,
            sha256: text("sha256", row)?,
            size: count("size", row)?,
            format: text("format", row)?,
            compression: text("compression", row)?,
            records: count("records", row)?,
            rows: count("rows", row)?,
            duplicates: count("duplicates", row)?,
            rejects: count("rejects", row)?,
            skipped: count("skipped", row)?,
            first_time: frame.time("first_time")?.get(row),
            last_time: frame.time("last_time")?.get(row),
            observed,
            observed_basis: maybe("observed_basis", row)?,
            absent_fields: list("absent_fields", row)?,
            warnings: list("warnings", row)?,
            duplicate_of: list("duplicate_of", row)?,
            clusters: list("clusters", row)?,
            accounts: list("accounts", row)?,
            // Cases of earlier versions do not have it.
            completeness: list("completeness", row).unwrap_or_default(),
        });
    }
    Ok((found, others))
}

/// Registers the events of earlier imports, so that new copies of them are noticed.
///
/// # Errors
/// When the table cannot be read.
pub fn register_earlier(case: &Case, cluster: &str, keying: &Keying, seen: &mut Seen) -> Result<(), ImportError> {
    for part in case.parts(&events::TABLE, Some(cluster))? {
        let frame =
            Frame::collect(part.select(["audit_id", "stage", "component", "operation_part"].map(col)), "events")?;
        let (id, stage) = (frame.text("audit_id")?, frame.text("stage")?);
        let (component, part) = (frame.text("component")?, frame.text("operation_part")?);
        for row in 0..frame.height() {
            if let Some(id) = id.get(row).filter(|i| !i.is_empty()) {
                let identity = keying.identity(component.get(row), id, stage.get(row), part.get(row));
                seen.earlier(identity).map_err(ImportError::aside)?;
            }
        }
    }
    Ok(())
}
