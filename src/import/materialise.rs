//! Rebuilds history from all evidence of a cluster and writes the tables that follow from it, so that
//! SQL, notebooks and other engines get the same answers as the command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use polars::prelude::LazyFrame;

use super::coverage::NOT_COLLECTED;
use super::evidence::{judge_listings, listings, take_sightings};
use super::history_rows::{binding_subject_rows, known_set_rows, role_rule_rows, write_grants};
use super::notes::{Memberships, Notes};
use super::rebuild::{Rebuilt, rebuild};
use super::same_bytes::SAME_BYTES;
use super::source_rows::SourceRow;
use super::{ImportError, coverage};
use crate::case::commit::Staging;
use crate::case::frame::Frame;
use crate::case::{CaseError, parquet_file, partition};
use crate::formats::warnings::MEMBER_REFUSED;
use crate::history::evidence::Evidence;
use crate::model::finding::Finding;
use crate::model::object::Provenance;
use crate::model::resource::Catalogue;
use crate::model::time::Timestamp;
use crate::tables;
use crate::tables::build::{Cell, TableBuilder};
use crate::tables::schema::Table;
use crate::tables::{
    binding_subjects, findings, grants, identities, known_sets, memberships, object_versions, role_rules,
};

/// All evidence of one cluster.
pub struct Tables {
    /// What was noted of its events.
    pub notes: Notes,
    /// `object_sightings`, file by file.
    pub sightings: Vec<LazyFrame>,
    /// `listings`.
    pub listings: LazyFrame,
    /// Bytes of evidence whose history is rebuilt at one time.
    pub share: usize,
}

/// Writes all tables that follow from the evidence, and returns every finding.
///
/// # Errors
/// When a table cannot be read or written.
pub fn materialise(
    staging: &mut Staging,
    cluster: &str,
    tables: Tables,
    catalogue: &Catalogue,
    sources: &[SourceRow],
    mut findings: Vec<Finding>,
) -> Result<Vec<Finding>, ImportError> {
    let mut notes = tables.notes;
    let listings = listings(tables.listings)?;
    let seen = take_sightings(tables.sightings, &mut notes)?;
    let logged = std::mem::take(&mut notes.log).finish(sources);
    let named_elsewhere = notes.named();
    let memberships = membership_rows(notes.memberships)?;
    let shares = notes.aside.shares(tables.share);
    let mut core = Evidence {
        sightings: seen.core,
        listings: listings.clone(),
        changes: Vec::new(),
        log: logged.whole(),
        named_elsewhere,
    };
    judge_listings(&mut core, &notes.beyond);
    let path = staging.create(&whole_file(&object_versions::TABLE, cluster))?;
    let Rebuilt { timeline, mappings, findings: found } = rebuild(core, notes.beyond, &shares, catalogue, &path)?;
    // Taking a large file from the disk takes its time, and nothing waits for it.
    let done = std::thread::spawn(move || drop(shares));
    findings.extend(found);
    let (mappings, malformed) = super::identities::of_versions(&mappings)?;
    findings.extend(malformed);
    let input = coverage::Input { sources, seen: &seen.kinds, listings: &listings, findings: &findings };
    let (covered, limits) = coverage::rows(logged, &input);
    findings.extend(limits);
    findings.sort_by(|a, b| (b.severity, a.code, a.at, &a.message).cmp(&(a.severity, b.code, b.at, &b.message)));
    findings.dedup();
    write(staging, cluster, &tables::coverage::TABLE, coverage::batch(&covered)?)?;
    write(staging, cluster, &known_sets::TABLE, known_set_rows(&timeline)?)?;
    let mut path = |table: &Table| staging.create(&whole_file(table, cluster));
    let (roles, subjects) = (path(&role_rules::TABLE)?, path(&binding_subjects::TABLE)?);
    let (roles, subjects) = rayon::join(
        || write_to(&roles, &role_rules::TABLE, role_rule_rows(&timeline)?),
        || write_to(&subjects, &binding_subjects::TABLE, binding_subject_rows(&timeline)?),
    );
    roles.and(subjects)?;
    write(staging, cluster, &identities::TABLE, mappings)?;
    write_grants(&staging.create(&whole_file(&grants::TABLE, cluster))?, timeline)?;
    write(staging, cluster, &memberships::TABLE, memberships)?;
    write(staging, cluster, &findings::TABLE, finding_rows(&findings)?)?;
    // A panic in there has been told.
    let _ = done.join();
    Ok(findings)
}

/// The file of a table that is written whole at every import.
pub fn whole_file(table: &Table, cluster: &str) -> PathBuf {
    Path::new(table.name).join(partition("cluster", cluster)).join("part-00000.parquet")
}

/// Writes a table whole.
///
/// # Errors
/// When the file cannot be written.
pub fn write(
    staging: &mut Staging,
    cluster: &str,
    table: &'static Table,
    batch: RecordBatch,
) -> Result<(), ImportError> {
    write_to(&staging.create(&whole_file(table, cluster))?, table, batch)
}

fn write_to(path: &Path, table: &Table, batch: RecordBatch) -> Result<(), ImportError> {
    Ok(parquet_file::write(path, table.schema(), &[batch])?)
}

fn membership_rows(noted: Memberships) -> Result<RecordBatch, ImportError> {
    let mut members: BTreeMap<(String, String), (Timestamp, Timestamp, i64)> = BTreeMap::new();
    for seen in noted.seen {
        for group in seen.groups {
            let (first, last, events) = members.entry((group, seen.user.clone())).or_insert((seen.first, seen.last, 0));
            (*first, *last) = ((*first).min(seen.first), (*last).max(seen.last));
            *events += seen.events;
        }
    }
    let mut table = TableBuilder::new(&memberships::TABLE);
    for ((group, user), (first, last, events)) in &members {
        table.push([Cell::Text(user), Cell::Text(group), Cell::Time(*first), Cell::Time(*last), Cell::Int(*events)])?;
    }
    Ok(table.finish()?)
}

fn finding_rows(all: &[Finding]) -> Result<RecordBatch, ImportError> {
    let mut table = TableBuilder::new(&findings::TABLE);
    for f in all {
        let witnesses: Vec<String> = f.witnesses.iter().map(place).collect();
        table.push([
            Cell::Text(f.severity.as_str()),
            Cell::Text(f.code),
            Cell::Text(&f.message),
            Cell::time(f.at),
            Cell::List(&witnesses),
        ])?;
    }
    Ok(table.finish()?)
}

/// A place as `show` takes it.
pub fn place(p: &Provenance) -> String {
    format!("{}:{}", p.source_id, p.line)
}

/// Codes of findings that were made while evidence was read, which no rebuilding makes again.
pub const OF_READING: [&str; 5] = [SAME_BYTES, "bundle-damaged", "cluster-name-differs", MEMBER_REFUSED, NOT_COLLECTED];

/// Findings of earlier imports that no rebuilding finds again.
///
/// # Errors
/// When the table cannot be read.
pub fn earlier_findings(table: LazyFrame, codes: &[&'static str]) -> Result<Vec<Finding>, CaseError> {
    let frame = Frame::collect(table, "findings")?;
    let (code, message, at, severity) =
        (frame.text("code")?, frame.text("message")?, frame.time("at")?, frame.text("severity")?);
    let witnesses = frame.list("witnesses")?;
    let mut found = Vec::new();
    for row in 0..frame.height() {
        let Some(known) = codes.iter().find(|c| Some(**c) == code.get(row)) else { continue };
        found.push(Finding {
            severity: severity
                .get(row)
                .and_then(crate::model::finding::Severity::from_word)
                .unwrap_or(crate::model::finding::Severity::Info),
            code: known,
            message: message.get(row).unwrap_or_default().to_owned(),
            at: at.get(row),
            witnesses: witnesses.get(row).unwrap_or_default().iter().filter_map(|w| parse_place(w)).collect(),
        });
    }
    Ok(found)
}

fn parse_place(text: &str) -> Option<Provenance> {
    let (source, line) = text.rsplit_once(':')?;
    Some(Provenance { source_id: source.to_owned(), line: line.parse().ok()?, ..Default::default() })
}
