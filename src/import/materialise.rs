//! Rebuilds history from all evidence of a cluster and writes the tables that follow from it, so that
//! SQL, notebooks and other engines get the same answers as the command line.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use polars::prelude::*;

use super::evidence::{Tables, gather};
use super::source_rows::SourceRow;
use super::{ImportError, coverage};
use crate::authz::{Authorizer, Grant};
use crate::case::commit::Staging;
use crate::case::frame::Frame;
use crate::case::{CaseError, parquet_file, partition};
use crate::history::state::RbacTimeline;
use crate::history::version::{History, ObjectVersion, Presence};
use crate::history::{self, rows};
use crate::model::finding::Finding;
use crate::model::object::Provenance;
use crate::model::rbac::RbacKind;
use crate::model::resource::Catalogue;
use crate::model::time::Interval;
use crate::tables;
use crate::tables::build::{Cell, TableBuilder};
use crate::tables::schema::Table;
use crate::tables::{
    binding_subjects, findings, grants, identities, known_sets, memberships, object_versions, role_rules,
};

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
    let events = tables.events.clone();
    let listings = super::evidence::listings(tables.listings.clone())?;
    let mut evidence = gather(tables)?;
    let gaps = coverage::rotation_gaps(&events, sources)?;
    let log = evidence.log.clone();
    // A hole in one server's log may hide a change as well as one in all of them.
    evidence.log = coverage::without(&log, gaps.iter().filter(|g| g.between).map(|g| g.held));
    let history = history::rebuild(&evidence, catalogue);
    let timeline = history::rbac::timeline(&history);
    findings.extend(history.findings.iter().cloned());
    let (mappings, malformed) = super::identities::of_versions(&history.versions)?;
    findings.extend(malformed);
    let input = coverage::Input {
        events: events.clone(),
        sources,
        log: &log,
        evidence: &evidence,
        listings: &listings,
        gaps: &gaps,
        findings: &findings,
    };
    let (covered, limits) = coverage::rows(&input)?;
    findings.extend(limits);
    write(staging, cluster, &tables::coverage::TABLE, coverage::batch(&covered)?)?;
    findings.sort_by(|a, b| (b.severity, a.code, a.at, &a.message).cmp(&(a.severity, b.code, b.at, &b.message)));
    findings.dedup();
    drop(evidence);
    let versions = staging.create(&whole_file(&object_versions::TABLE, cluster))?;
    let rest = || {
        write(staging, cluster, &known_sets::TABLE, known_set_rows(&history)?)?;
        write(staging, cluster, &role_rules::TABLE, role_rule_rows(&timeline)?)?;
        write(staging, cluster, &binding_subjects::TABLE, binding_subject_rows(&timeline)?)?;
        write(staging, cluster, &identities::TABLE, mappings)?;
        write_grants(staging, cluster, timeline)?;
        write(staging, cluster, &memberships::TABLE, membership_rows(events)?)?;
        write(staging, cluster, &findings::TABLE, finding_rows(&findings)?)
    };
    let (written, others) = rayon::join(|| write_object_versions(&versions, &history), rest);
    written.and(others)?;
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
    let path = staging.create(&whole_file(table, cluster))?;
    Ok(parquet_file::write(&path, table.schema(), &[batch])?)
}

/// Writes `object_versions` some rows at a time: it holds a body of every state of every object.
fn write_object_versions(path: &Path, history: &History) -> Result<(), ImportError> {
    const AT_ONCE: usize = 8192;
    let mut writer = parquet_file::PartWriter::create(path, object_versions::TABLE.schema())?;
    for versions in history.versions.chunks(AT_ONCE) {
        let mut table = TableBuilder::new(&object_versions::TABLE);
        versions.iter().try_for_each(|v| push_version(&mut table, v))?;
        writer.write(&table.finish()?)?;
    }
    Ok(writer.close()?)
}

fn push_version(table: &mut TableBuilder, v: &ObjectVersion) -> Result<(), ImportError> {
    let (presence, body, why) = match &v.presence {
        Presence::Present(body) => ("present", Some(&**body), None),
        Presence::Partial { existed: true, known, reason } => ("partial", Some(&**known), Some(&**reason)),
        Presence::Partial { existed: false, known, reason } => ("maybe", Some(&**known), Some(&**reason)),
        Presence::Unknown(why) => ("unknown", None, Some(&**why)),
    };
    table.push([
        Cell::Text(&v.key.group),
        Cell::Text(&v.key.kind),
        Cell::Text(&v.key.namespace),
        Cell::Text(&v.key.name),
        Cell::text(v.uid.as_deref()),
        Cell::text(v.resource_version.as_deref()),
        Cell::bound(v.held.from),
        Cell::bound(v.held.to),
        Cell::Text(v.basis.as_str()),
        Cell::Text(presence),
        Cell::text(why),
        Cell::Text(&v.began_with),
        Cell::text(v.actor.as_deref()),
        Cell::text(v.audit_id.as_deref()),
        Cell::text(v.ended_by.as_ref().map(|e| e.0.as_str())),
        Cell::text(v.ended_by.as_ref().map(|e| e.1.as_str())),
        Cell::text(body),
        Cell::Text(&v.from.source_id),
        Cell::count(v.from.offset),
        Cell::count(v.from.line),
    ])?;
    Ok(())
}

fn known_set_rows(history: &History) -> Result<RecordBatch, ImportError> {
    let mut table = TableBuilder::new(&known_sets::TABLE);
    let mut sets: Vec<_> = history.known_sets.iter().collect();
    sets.sort_by(|a, b| (a.kind, &a.namespace, a.held, a.basis).cmp(&(b.kind, &b.namespace, b.held, b.basis)));
    for set in sets {
        table.push([
            Cell::Text(set.kind.as_str()),
            Cell::text(set.namespace.as_deref()),
            Cell::bound(set.held.from),
            Cell::bound(set.held.to),
            Cell::Text(set.basis.as_str()),
        ])?;
    }
    Ok(table.finish()?)
}

fn role_rule_rows(timeline: &RbacTimeline) -> Result<RecordBatch, ImportError> {
    let mut table = TableBuilder::new(&role_rules::TABLE);
    let all = rows::role_rules(timeline);
    let stands = standing(&all, |r| &r.of, |r| (r.of.known, r.rule.clone()));
    for (row, stands) in all.iter().zip(stands) {
        let lists = match &row.rule {
            None => [Cell::Null, Cell::Null, Cell::Null, Cell::Null, Cell::Null],
            Some(r) => {
                [&r.verbs, &r.api_groups, &r.resources, &r.resource_names, &r.non_resource_urls].map(|l| Cell::List(l))
            }
        };
        table.push(join::<11, 5, 16>(
            join::<10, 1, 11>(version_cells(&row.of, stands), [index_cell(row.index)]),
            lists,
        ))?;
    }
    Ok(table.finish()?)
}

/// For each row: how long its content stood without a break in versions of the object that follow one another.
fn standing<R, K: Hash + Eq>(
    all: &[R],
    of: impl Fn(&R) -> &rows::VersionOf,
    content: impl Fn(&R) -> K,
) -> Vec<Interval> {
    let mut runs: Vec<Interval> = Vec::new();
    let mut run_of = Vec::with_capacity(all.len());
    let mut before: HashMap<K, usize> = HashMap::new();
    let mut last: Option<&rows::VersionOf> = None;
    let object = |v: &rows::VersionOf| (v.kind, v.namespace.clone(), v.name.clone());
    for version in all.chunk_by(|a, b| object(of(a)) == object(of(b)) && of(a).held == of(b).held) {
        let Some(this) = version.first().map(&of) else { continue };
        let follows = last.is_some_and(|l| object(l) == object(this) && l.held.to == this.held.from);
        let mut here = HashMap::new();
        for row in version {
            let key = content(row);
            let run = match before.get(&key).filter(|_| follows) {
                Some(run) => *run,
                None => {
                    runs.push(this.held);
                    runs.len() - 1
                }
            };
            if let Some(run) = runs.get_mut(run) {
                run.to = this.held.to;
            }
            run_of.push(run);
            here.insert(key, run);
        }
        before = here;
        last = Some(this);
    }
    run_of.into_iter().map(|run| runs.get(run).copied().unwrap_or(Interval::ALWAYS)).collect()
}

fn version_cells(of: &rows::VersionOf, stands: Interval) -> [Cell<'_>; 10] {
    [
        Cell::Text(of.kind.as_str()),
        Cell::Text(&of.namespace),
        Cell::Text(&of.name),
        Cell::bound(of.held.from),
        Cell::bound(of.held.to),
        Cell::bound(stands.from),
        Cell::bound(stands.to),
        Cell::Text(of.basis.as_str()),
        Cell::Text(of.known.as_str()),
        Cell::text(of.reason.as_deref()),
    ]
}

fn index_cell(index: Option<u32>) -> Cell<'static> {
    index.map_or(Cell::Null, |i| Cell::count(u64::from(i)))
}

/// Two parts of a row as one.
fn join<'c, const A: usize, const B: usize, const N: usize>(a: [Cell<'c>; A], b: [Cell<'c>; B]) -> [Cell<'c>; N] {
    let mut cells = a.into_iter().chain(b);
    std::array::from_fn(|_| cells.next().unwrap_or(Cell::Null))
}

fn binding_subject_rows(timeline: &RbacTimeline) -> Result<RecordBatch, ImportError> {
    let mut table = TableBuilder::new(&binding_subjects::TABLE);
    let all = rows::binding_subjects(timeline);
    let stands = standing(&all, |r| &r.of, |r| (r.of.known, r.role_ref.clone(), r.subject.clone()));
    for (row, stands) in all.iter().zip(stands) {
        let (role, subject) = (row.role_ref.as_ref(), row.subject.as_ref());
        let content = [
            Cell::Bool(row.subjects_known),
            Cell::text(role.map(|r| r.api_group.as_str())),
            Cell::text(role.map(|r| r.kind.as_str())),
            Cell::text(role.map(|r| r.name.as_str())),
            index_cell(row.index),
            Cell::text(subject.map(|s| s.kind.as_str())),
            Cell::text(subject.map(|s| s.api_group.as_str())),
            Cell::text(subject.map(|s| s.namespace.as_str())),
            Cell::text(subject.map(|s| s.name.as_str())),
        ];
        table.push(join::<10, 9, 19>(version_cells(&row.of, stands), content))?;
    }
    Ok(table.finish()?)
}

/// Rows of `grants` built at a time: there may be millions.
const GRANTS_AT_ONCE: usize = 65_536;

fn write_grants(staging: &mut Staging, cluster: &str, timeline: RbacTimeline) -> Result<(), ImportError> {
    let authorizer = Authorizer::new(timeline);
    let path = staging.create(&whole_file(&grants::TABLE, cluster))?;
    let mut file = parquet_file::PartWriter::create(&path, grants::TABLE.schema())?;
    let mut table = TableBuilder::new(&grants::TABLE);
    for grant in authorizer.grants() {
        push_grant(&mut table, &grant)?;
        if table.len() >= GRANTS_AT_ONCE {
            file.write(&std::mem::replace(&mut table, TableBuilder::new(&grants::TABLE)).finish()?)?;
        }
    }
    file.write(&table.finish()?)?;
    Ok(file.close()?)
}

fn push_grant(table: &mut TableBuilder, g: &Grant) -> Result<(), ImportError> {
    let rule = g.rule.rule();
    let scope = (g.binding.kind == RbacKind::RoleBinding).then_some(&*g.binding.namespace);
    table.push([
        Cell::Text(g.subject.kind.as_str()),
        Cell::Text(&g.subject.namespace),
        Cell::Text(&g.subject.name),
        Cell::text(scope),
        Cell::Text(g.binding.kind.as_str()),
        Cell::Text(&g.binding.namespace),
        Cell::Text(&g.binding.name),
        Cell::Text(g.role.kind.as_str()),
        Cell::Text(&g.role.namespace),
        Cell::Text(&g.role.name),
        Cell::count(g.rule.index() as u64),
        Cell::List(&rule.verbs),
        Cell::List(&rule.api_groups),
        Cell::List(&rule.resources),
        Cell::List(&rule.resource_names),
        Cell::List(g.non_resource_urls()),
        Cell::bound(g.held.from),
        Cell::bound(g.held.to),
        Cell::Text(g.basis.as_str()),
    ])?;
    Ok(())
}

fn membership_rows(events: LazyFrame) -> Result<RecordBatch, ImportError> {
    let lazy = events
        .filter(col("user_username").is_not_null())
        .select([
            col("user_username"),
            col("user_groups"),
            col("stage_timestamp").fill_null(col("request_received_timestamp")).alias("at"),
        ])
        .filter(col("at").is_not_null())
        .explode([col("user_groups")])
        .filter(col("user_groups").is_not_null())
        .group_by([col("user_groups"), col("user_username")])
        .agg([
            col("at").min().alias("first"),
            col("at").max().alias("last"),
            len().cast(DataType::Int64).alias("events"),
        ])
        .sort(["user_groups", "user_username"], SortMultipleOptions::default());
    let frame = Frame::collect(lazy, "events")?;
    let (group, user) = (frame.text("user_groups")?, frame.text("user_username")?);
    let (first, last, count) = (frame.time("first")?, frame.time("last")?, frame.int("events")?);
    let mut table = TableBuilder::new(&memberships::TABLE);
    for row in 0..frame.height() {
        table.push([
            Cell::text(user.get(row)),
            Cell::text(group.get(row)),
            Cell::time(first.get(row)),
            Cell::time(last.get(row)),
            Cell::Int(count.get(row).unwrap_or_default()),
        ])?;
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
