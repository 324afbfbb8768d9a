//! History as rows of the tables that follow from it.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::Path;

use arrow::array::RecordBatch;

use super::ImportError;
use crate::authz::{Authorizer, Grant};
use crate::case::parquet_file;
use crate::history::rows;
use crate::history::state::RbacTimeline;
use crate::history::version::{ObjectVersion, Presence};
use crate::model::rbac::RbacKind;
use crate::model::time::Interval;
use crate::tables::build::{Cell, TableBuilder};
use crate::tables::{binding_subjects, grants, known_sets, object_versions, role_rules};

/// Rows of `object_versions`.
///
/// # Errors
/// When the table's description is broken.
pub fn version_rows(versions: &[ObjectVersion]) -> Result<RecordBatch, ImportError> {
    let mut table = TableBuilder::new(&object_versions::TABLE);
    versions.iter().try_for_each(|v| push_version(&mut table, v))?;
    Ok(table.finish()?)
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

/// Rows of `known_sets`.
///
/// # Errors
/// When the table's description is broken.
pub fn known_set_rows(timeline: &RbacTimeline) -> Result<RecordBatch, ImportError> {
    let mut table = TableBuilder::new(&known_sets::TABLE);
    let mut sets: Vec<_> = timeline.known_sets.iter().collect();
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

/// Rows of `role_rules`.
///
/// # Errors
/// When the table's description is broken.
pub fn role_rule_rows(timeline: &RbacTimeline) -> Result<RecordBatch, ImportError> {
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

/// Rows of `binding_subjects`.
///
/// # Errors
/// When the table's description is broken.
pub fn binding_subject_rows(timeline: &RbacTimeline) -> Result<RecordBatch, ImportError> {
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

/// Writes `grants`.
///
/// # Errors
/// When the file cannot be written.
pub fn write_grants(path: &Path, timeline: RbacTimeline) -> Result<(), ImportError> {
    let authorizer = Authorizer::new(timeline);
    let mut file = parquet_file::PartWriter::create(path, grants::TABLE.schema())?;
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
