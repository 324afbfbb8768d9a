//! What questions need from a case: the authorizer through time, the catalogue of resources, the end of
//! the evidence, and who was seen in which group. Read from the tables, without any object body.

use std::collections::BTreeMap;
use std::sync::Arc;

use polars::prelude::*;

use crate::authz::Authorizer;
use crate::case::frame::{Frame, TimeColumn};
use crate::case::{Case, CaseError};
use crate::history::rows::{self, BindingSubject, Known, RoleRule, VersionOf};
use crate::history::state::{KnownSet, RbacTimeline};
use crate::import::staged;
use crate::model::basis::Basis;
use crate::model::rbac::{PolicyRule, RbacKind, RoleRef, Subject};
use crate::model::resource::Catalogue;
use crate::model::time::{Interval, Timestamp};
use crate::tables;

/// The authorizer of one cluster.
///
/// # Errors
/// When a table cannot be read.
pub fn authorizer(case: &Case, cluster: &str) -> Result<Authorizer, CaseError> {
    Ok(Authorizer::new(timeline(case, cluster)?))
}

/// All that the evidence says about the RBAC objects of one cluster.
///
/// # Errors
/// When a table cannot be read.
pub fn timeline(case: &Case, cluster: &str) -> Result<RbacTimeline, CaseError> {
    let rules = role_rules(case, cluster)?;
    let subjects = binding_subjects(case, cluster)?;
    Ok(rows::from_rows(rules, subjects, known_sets(case, cluster)?))
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
struct Versions<'f> {
    kind: &'f StringChunked,
    namespace: &'f StringChunked,
    name: &'f StringChunked,
    from: TimeColumn<'f>,
    to: TimeColumn<'f>,
    basis: &'f StringChunked,
    known: &'f StringChunked,
    reason: &'f StringChunked,
}

impl<'f> Versions<'f> {
    fn of(frame: &'f Frame) -> Result<Self, CaseError> {
        Ok(Self {
            kind: frame.text("kind")?,
            namespace: frame.text("namespace")?,
            name: frame.text("name")?,
            from: frame.time("valid_from")?,
            to: frame.time("valid_to")?,
            basis: frame.text("basis")?,
            known: frame.text("known")?,
            reason: frame.text("unknown_reason")?,
        })
    }

    fn get(&self, row: usize) -> Option<VersionOf> {
        Some(VersionOf {
            kind: RbacKind::from_kind(self.kind.get(row)?)?,
            namespace: Arc::from(self.namespace.get(row)?),
            name: Arc::from(self.name.get(row)?),
            held: interval(self.from, self.to, row),
            basis: basis(self.basis, row),
            known: Known::from_word(self.known.get(row)?)?,
            reason: self.reason.get(row).map(Arc::from),
        })
    }
}

fn interval(from: TimeColumn<'_>, to: TimeColumn<'_>, row: usize) -> Interval {
    Interval::new(from.get(row).unwrap_or(Timestamp::MIN), to.get(row).unwrap_or(Timestamp::MAX))
}

fn basis(column: &StringChunked, row: usize) -> Basis {
    column.get(row).and_then(Basis::from_word).unwrap_or(Basis::Unknown)
}

fn index(column: &Int32Chunked, row: usize) -> Option<u32> {
    column.get(row).and_then(|i| u32::try_from(i).ok())
}

fn role_rules(case: &Case, cluster: &str) -> Result<Vec<RoleRule>, CaseError> {
    let frame = Frame::collect(case.table(&tables::role_rules::TABLE, Some(cluster))?, "role_rules")?;
    let versions = Versions::of(&frame)?;
    let place = frame.int32("rule_index")?;
    let (verbs, groups, resources) = (frame.list("verbs")?, frame.list("api_groups")?, frame.list("resources")?);
    let (names, urls) = (frame.list("resource_names")?, frame.list("non_resource_urls")?);
    Ok((0..frame.height())
        .filter_map(|row| {
            let index = index(place, row);
            let rule = index.map(|_| PolicyRule {
                verbs: verbs.get(row).unwrap_or_default(),
                api_groups: groups.get(row).unwrap_or_default(),
                resources: resources.get(row).unwrap_or_default(),
                resource_names: names.get(row).unwrap_or_default(),
                non_resource_urls: urls.get(row).unwrap_or_default(),
            });
            Some(RoleRule { of: versions.get(row)?, index, rule })
        })
        .collect())
}

fn binding_subjects(case: &Case, cluster: &str) -> Result<Vec<BindingSubject>, CaseError> {
    let frame = Frame::collect(case.table(&tables::binding_subjects::TABLE, Some(cluster))?, "binding_subjects")?;
    let versions = Versions::of(&frame)?;
    let (place, all_known) = (frame.int32("subject_index")?, frame.flag("subjects_known")?);
    let (role_group, role_kind, role_name) =
        (frame.text("role_api_group")?, frame.text("role_kind")?, frame.text("role_name")?);
    let (kind, group) = (frame.text("subject_kind")?, frame.text("subject_api_group")?);
    let (namespace, name) = (frame.text("subject_namespace")?, frame.text("subject_name")?);
    let owned = |c: &StringChunked, row: usize| c.get(row).unwrap_or_default().to_owned();
    Ok((0..frame.height())
        .filter_map(|row| {
            let index = index(place, row);
            let role_ref = role_name.get(row).map(|n| RoleRef {
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
            let subjects_known = all_known.get(row).unwrap_or(false);
            Some(BindingSubject { of: versions.get(row)?, role_ref, subjects_known, index, subject })
        })
        .collect())
}

/// Where the evidence of a cluster knows all RBAC objects of a kind.
///
/// # Errors
/// When the table cannot be read.
pub fn known_sets(case: &Case, cluster: &str) -> Result<Vec<KnownSet>, CaseError> {
    let frame = Frame::collect(case.table(&tables::known_sets::TABLE, Some(cluster))?, "known_sets")?;
    let (kind, namespace, how) = (frame.text("kind")?, frame.text("namespace")?, frame.text("basis")?);
    let (from, to) = (frame.time("valid_from")?, frame.time("valid_to")?);
    Ok((0..frame.height())
        .filter_map(|row| {
            Some(KnownSet {
                kind: RbacKind::from_kind(kind.get(row)?)?,
                namespace: namespace.get(row).map(Arc::from),
                held: interval(from, to, row),
                basis: basis(how, row),
            })
        })
        .collect())
}
