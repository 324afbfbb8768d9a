//! The grants that hold at some instant of a window, read from their table.

use crate::answer::net_grants::{Chain, Name, Piece};
use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::model::basis::Basis;
use crate::model::rbac::PolicyRule;
use crate::model::time::{Interval, Timestamp};
use crate::tables::grants;

use super::touches;

/// Reads them.
///
/// # Errors
/// When the table cannot be read.
pub(super) fn pieces(case: &Case, cluster: &str, window: Interval) -> Result<Vec<Piece>, CaseError> {
    let frame = Frame::collect(case.table(&grants::TABLE, Some(cluster))?.filter(touches(window)), "grants")?;
    let names = |kind: &str, namespace: &str, name: &str| -> Result<Vec<Name>, CaseError> {
        let own = |c: Option<&str>| c.unwrap_or_default().to_owned();
        let (kind, namespace, name) = (frame.text(kind)?, frame.text(namespace)?, frame.text(name)?);
        Ok((0..frame.height()).map(|row| (own(kind.get(row)), own(namespace.get(row)), own(name.get(row)))).collect())
    };
    let subjects = names("subject_kind", "subject_namespace", "subject_name")?;
    let bindings = names("binding_kind", "binding_namespace", "binding_name")?;
    let roles = names("role_kind", "role_namespace", "role_name")?;
    let (scope, basis) = (frame.text("scope_namespace")?, frame.text("basis")?);
    let (from, to) = (frame.time("valid_from")?, frame.time("valid_to")?);
    let (verbs, groups, resources) = (frame.list("verbs")?, frame.list("api_groups")?, frame.list("resources")?);
    let (object_names, urls) = (frame.list("resource_names")?, frame.list("non_resource_urls")?);
    let chains = subjects.into_iter().zip(bindings).zip(roles).enumerate();
    Ok(chains
        .map(|(row, ((subject, binding), role))| Piece {
            chain: Chain { subject, scope: scope.get(row).map(str::to_owned), binding, role },
            rule: PolicyRule {
                verbs: verbs.get(row).unwrap_or_default(),
                api_groups: groups.get(row).unwrap_or_default(),
                resources: resources.get(row).unwrap_or_default(),
                resource_names: object_names.get(row).unwrap_or_default(),
                non_resource_urls: urls.get(row).unwrap_or_default(),
            },
            held: Interval::new(from.get(row).unwrap_or(Timestamp::MIN), to.get(row).unwrap_or(Timestamp::MAX)),
            basis: basis.get(row).and_then(Basis::from_word).unwrap_or(Basis::Unknown),
        })
        .collect())
}
