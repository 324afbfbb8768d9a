//! What questions need from a case: the authorizer through time, the catalogue of resources, the end of
//! the evidence, and who was seen in which group. Read from the tables, without any object body.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Array as _, Int32Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use polars::prelude::col;

use crate::authz::{Authorizer, ObjectRef, SubjectRef};
use crate::case::frame::Frame;
use crate::case::rows::{Batch, list_at, text_at, time_at};
use crate::case::{Case, CaseError};
use crate::history::rows::{self, BindingSubject, Known, RoleRule, VersionOf};
use crate::history::state::{KnownSet, RbacTimeline};
use crate::import::coverage::log_stretches;
use crate::import::staged;
use crate::model::basis::Basis;
use crate::model::rbac::{PolicyRule, RbacKind, RoleRef, Subject};
use crate::model::resource::Catalogue;
use crate::model::time::{Interval, Timestamp};
use crate::tables;

/// The authorizer of one cluster, through all of time.
///
/// # Errors
/// When a table cannot be read.
pub fn authorizer(case: &Case, cluster: &str) -> Result<Authorizer, CaseError> {
    Ok(Authorizer::new(timeline(case, cluster)?))
}

/// The authorizer at one instant, with how long each rule and subject stood around it.
pub struct Moment {
    /// Knows the versions that hold at the instant, and no others.
    pub authorizer: Authorizer,
    /// How long rules and subjects stood.
    pub standing: Standing,
}

/// The authorizer of one cluster at one instant: far less to read than all of time.
///
/// # Errors
/// When a table cannot be read.
pub fn moment(case: &Case, cluster: &str, at: Timestamp) -> Result<Moment, CaseError> {
    let (timeline, standing) = load(case, cluster, Some(at))?;
    Ok(Moment { authorizer: Authorizer::new(timeline), standing })
}

fn load(case: &Case, cluster: &str, at: Option<Timestamp>) -> Result<(RbacTimeline, Standing), CaseError> {
    let (rules, subjects) = rayon::join(
        || case.rows(&tables::role_rules::TABLE, cluster, at),
        || case.rows(&tables::binding_subjects::TABLE, cluster, at),
    );
    let mut names = Names::default();
    let mut standing = Standing::default();
    let rules = role_rules(&rules?, &mut names, &mut standing)?;
    let subjects = binding_subjects(&subjects?, &mut names, &mut standing)?;
    let sets = known_sets(case, cluster)?;
    Ok((rows::from_rows(rules, subjects, sets), standing))
}

/// All that the evidence says about the RBAC objects of one cluster.
///
/// # Errors
/// When a table cannot be read.
pub fn timeline(case: &Case, cluster: &str) -> Result<RbacTimeline, CaseError> {
    Ok(load(case, cluster, None)?.0)
}

/// How long rules stood in their roles, and subjects in their bindings, without a break.
#[derive(Default)]
pub struct Standing {
    rules: HashMap<(ObjectRef, u32), Interval>,
    subjects: HashMap<(ObjectRef, SubjectRef), Interval>,
}

impl Standing {
    /// How long a subject had a rule through a binding and a role.
    pub fn reach(&self, binding: &ObjectRef, subject: &SubjectRef, role: &ObjectRef, rule: usize) -> Option<Interval> {
        let rule = self.rules.get(&(role.clone(), u32::try_from(rule).ok()?))?;
        let subject = self.subjects.get(&(binding.clone(), subject.clone()))?;
        Some(rule.intersect(*subject))
    }

    /// How long a binding named a subject.
    pub fn named(&self, binding: &ObjectRef, subject: &SubjectRef) -> Option<Interval> {
        self.subjects.get(&(binding.clone(), subject.clone())).copied()
    }
}

/// Names that are repeated in many rows, once each.
#[derive(Default)]
struct Names(HashSet<Arc<str>>);

impl Names {
    fn get(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(name);
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// The resources of one cluster.
///
/// # Errors
/// When the table cannot be read.
pub fn catalogue(case: &Case, cluster: &str) -> Result<Catalogue, CaseError> {
    staged::catalogue(case.table(&tables::api_resources::TABLE, Some(cluster))?)
}

/// The last moment the evidence of a cluster speaks of.
///
/// # Errors
/// When the table cannot be read, or no source has a time.
pub fn end_of_evidence(case: &Case, cluster: &str) -> Result<Timestamp, CaseError> {
    let lazy = case.table(&tables::sources::TABLE, Some(cluster))?.select([col("last_time").max()]);
    let frame = Frame::collect(lazy, "sources")?;
    frame
        .time("last_time")?
        .get(0)
        .ok_or_else(|| CaseError::Query("no source of the case has a time: name the moment with --at".to_owned()))
}

/// From the first moment the evidence of a cluster speaks of to the last, both inside.
///
/// # Errors
/// When the table cannot be read, or no source has a time.
pub fn span_of_evidence(case: &Case, cluster: &str) -> Result<Interval, CaseError> {
    let lazy =
        case.table(&tables::sources::TABLE, Some(cluster))?.select([col("first_time").min(), col("last_time").max()]);
    let frame = Frame::collect(lazy, "sources")?;
    match (frame.time("first_time")?.get(0), frame.time("last_time")?.get(0)) {
        (Some(first), Some(last)) => Ok(Interval::new(first, last.plus_micros(1))),
        _ => {
            Err(CaseError::Query("no source of the case has a time: name the stretch with --from and --to".to_owned()))
        }
    }
}

/// From the first moment of the audit log to the last, both inside; `None` when there is no log.
///
/// # Errors
/// When the table cannot be read.
pub fn span_of_log(case: &Case, cluster: &str) -> Result<Option<Interval>, CaseError> {
    let log = log_stretches(case, cluster)?;
    Ok(log.first().zip(log.last()).map(|(first, last)| Interval::new(first.from, last.to)))
}

/// For each group: the users that events show in it, sorted.
///
/// # Errors
/// When the table cannot be read.
pub fn members_seen(case: &Case, cluster: &str) -> Result<BTreeMap<String, Vec<String>>, CaseError> {
    let frame = Frame::collect(case.table(&tables::memberships::TABLE, Some(cluster))?, "memberships")?;
    let (user, group) = (frame.text("user_name")?, frame.text("group_name")?);
    let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (user, group) in user.into_iter().zip(group) {
        if let (Some(user), Some(group)) = (user, group) {
            members.entry(group.to_owned()).or_default().push(user.to_owned());
        }
    }
    Ok(members)
}

/// Columns that rows of one version share.
struct Versions<'b> {
    kind: &'b StringArray,
    namespace: &'b StringArray,
    name: &'b StringArray,
    from: &'b TimestampMicrosecondArray,
    to: &'b TimestampMicrosecondArray,
    since: &'b TimestampMicrosecondArray,
    until: &'b TimestampMicrosecondArray,
    basis: &'b StringArray,
    known: &'b StringArray,
    reason: &'b StringArray,
}

impl<'b> Versions<'b> {
    fn of(batch: &Batch<'b>) -> Result<Self, CaseError> {
        Ok(Self {
            kind: batch.text("kind")?,
            namespace: batch.text("namespace")?,
            name: batch.text("name")?,
            from: batch.time("valid_from")?,
            to: batch.time("valid_to")?,
            since: batch.time("stands_from")?,
            until: batch.time("stands_to")?,
            basis: batch.text("basis")?,
            known: batch.text("known")?,
            reason: batch.text("unknown_reason")?,
        })
    }

    fn get(&self, row: usize, names: &mut Names) -> Option<VersionOf> {
        Some(VersionOf {
            kind: RbacKind::from_kind(self.kind.value(row))?,
            namespace: names.get(self.namespace.value(row)),
            name: names.get(self.name.value(row)),
            held: interval(self.from, self.to, row),
            basis: basis(self.basis, row),
            known: Known::from_word(self.known.value(row))?,
            reason: text_at(self.reason, row).map(|r| names.get(r)),
        })
    }

    fn stands(&self, row: usize) -> Interval {
        interval(self.since, self.until, row)
    }
}

fn object(of: &VersionOf) -> ObjectRef {
    ObjectRef::new(of.kind, Arc::clone(&of.namespace), Arc::clone(&of.name))
}

fn interval(from: &TimestampMicrosecondArray, to: &TimestampMicrosecondArray, row: usize) -> Interval {
    Interval::new(time_at(from, row).unwrap_or(Timestamp::MIN), time_at(to, row).unwrap_or(Timestamp::MAX))
}

fn basis(column: &StringArray, row: usize) -> Basis {
    text_at(column, row).and_then(Basis::from_word).unwrap_or(Basis::Unknown)
}

fn index(column: &Int32Array, row: usize) -> Option<u32> {
    column.is_valid(row).then(|| u32::try_from(column.value(row)).ok()).flatten()
}

fn role_rules(batches: &[RecordBatch], names: &mut Names, standing: &mut Standing) -> Result<Vec<RoleRule>, CaseError> {
    let mut found = Vec::new();
    for batch in batches.iter().map(Batch) {
        let versions = Versions::of(&batch)?;
        let place = batch.int32("rule_index")?;
        let (verbs, groups, resources) = (batch.list("verbs")?, batch.list("api_groups")?, batch.list("resources")?);
        let (resource_names, urls) = (batch.list("resource_names")?, batch.list("non_resource_urls")?);
        for row in 0..batch.0.num_rows() {
            let Some(of) = versions.get(row, names) else { continue };
            let index = index(place, row);
            if let Some(index) = index {
                standing.rules.insert((object(&of), index), versions.stands(row));
            }
            let rule = index.map(|_| PolicyRule {
                verbs: list_at(verbs, row),
                api_groups: list_at(groups, row),
                resources: list_at(resources, row),
                resource_names: list_at(resource_names, row),
                non_resource_urls: list_at(urls, row),
            });
            found.push(RoleRule { of, index, rule });
        }
    }
    Ok(found)
}

fn binding_subjects(
    batches: &[RecordBatch],
    names: &mut Names,
    standing: &mut Standing,
) -> Result<Vec<BindingSubject>, CaseError> {
    let mut found = Vec::new();
    for batch in batches.iter().map(Batch) {
        let versions = Versions::of(&batch)?;
        let (place, all_known) = (batch.int32("subject_index")?, batch.flag("subjects_known")?);
        let (role_group, role_kind, role_name) =
            (batch.text("role_api_group")?, batch.text("role_kind")?, batch.text("role_name")?);
        let (kind, group) = (batch.text("subject_kind")?, batch.text("subject_api_group")?);
        let (namespace, name) = (batch.text("subject_namespace")?, batch.text("subject_name")?);
        let owned = |c: &StringArray, row: usize| text_at(c, row).unwrap_or_default().to_owned();
        for row in 0..batch.0.num_rows() {
            let Some(of) = versions.get(row, names) else { continue };
            let index = index(place, row);
            let role_ref = text_at(role_name, row).map(|n| RoleRef {
                api_group: owned(role_group, row),
                kind: owned(role_kind, row),
                name: n.to_owned(),
            });
            let subject = index.map(|_| Subject {
                kind: owned(kind, row),
                api_group: owned(group, row),
                name: owned(name, row),
                namespace: owned(namespace, row),
            });
            if let Some(subject) = &subject {
                standing.subjects.insert(
                    (object(&of), SubjectRef::resolve(subject, if of.kind.namespaced() { &of.namespace } else { "" })),
                    versions.stands(row),
                );
            }
            found.push(BindingSubject { subjects_known: all_known.value(row), of, role_ref, index, subject });
        }
    }
    Ok(found)
}

/// Where the set of RBAC objects of a kind is known.
///
/// # Errors
/// When the table cannot be read.
pub fn known_sets(case: &Case, cluster: &str) -> Result<Vec<KnownSet>, CaseError> {
    let mut found = Vec::new();
    for batch in case.rows(&tables::known_sets::TABLE, cluster, None)?.iter().map(Batch) {
        let (kind, namespace, how) = (batch.text("kind")?, batch.text("namespace")?, batch.text("basis")?);
        let (from, to) = (batch.time("valid_from")?, batch.time("valid_to")?);
        found.extend((0..batch.0.num_rows()).filter_map(|row| {
            Some(KnownSet {
                kind: RbacKind::from_kind(kind.value(row))?,
                namespace: text_at(namespace, row).map(Arc::from),
                held: interval(from, to, row),
                basis: basis(how, row),
            })
        }));
    }
    Ok(found)
}
