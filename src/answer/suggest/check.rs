//! Puts a suggestion to the authorizer, as if it were the only RBAC of a cluster: it must allow what it is made
//! for and nothing that was denied.

use std::sync::Arc;

use super::needs::{Need, Needs};
use super::objects::SuggestedRole;
use crate::authz::Authorizer;
use crate::history::state::{BindingState, BindingVersion, KnownSet, RbacTimeline, RoleState, RoleVersion};
use crate::model::basis::Basis;
use crate::model::identity::service_account_user;
use crate::model::rbac::{RBAC_GROUP, RbacKind, RoleRef, Subject};
use crate::model::review::AccessReview;
use crate::model::time::{Interval, Timestamp};

/// Checks; `denied_too` where requests both denied and allowed were to be covered.
pub(super) fn check(roles: &[SuggestedRole], subject: &Subject, needs: &Needs, denied_too: bool) -> Result<(), String> {
    let authorizer = Authorizer::new(timeline(roles, subject));
    let (user, groups) = match subject.kind.as_str() {
        "Group" => ("\0".to_owned(), vec![subject.name.clone()]),
        "ServiceAccount" => (service_account_user(&subject.namespace, &subject.name), Vec::new()),
        _ => (subject.name.clone(), Vec::new()),
    };
    let allowed = |need: &Need| {
        let review = AccessReview { user: user.clone(), groups: groups.clone(), action: need.action() };
        authorizer.review(&review, Timestamp::from_micros(0)).allowed
    };
    if let Some(need) = needs.allowed.keys().find(|need| allowed(need) != Some(true)) {
        return Err(format!("it does not allow {need:?}"));
    }
    if let Some(need) = needs.denied.keys().find(|need| !denied_too && allowed(need) != Some(false)) {
        return Err(format!("it allows {need:?}, which was denied"));
    }
    Ok(())
}

fn timeline(roles: &[SuggestedRole], subject: &Subject) -> RbacTimeline {
    let set = |kind| KnownSet { kind, namespace: None, held: Interval::ALWAYS, basis: Basis::Observed };
    RbacTimeline {
        roles: roles.iter().map(role).collect(),
        bindings: roles.iter().map(|one| binding(one, subject)).collect(),
        known_sets: RbacKind::ALL.into_iter().map(set).collect(),
    }
}

fn role(role: &SuggestedRole) -> RoleVersion {
    RoleVersion {
        kind: role.kinds().0,
        namespace: Arc::from(role.namespace.as_str()),
        name: Arc::from(role.name.as_str()),
        held: Interval::ALWAYS,
        basis: Basis::Observed,
        state: RoleState::Rules(role.rules.clone().into()),
    }
}

fn binding(role: &SuggestedRole, subject: &Subject) -> BindingVersion {
    let role_ref =
        RoleRef { api_group: RBAC_GROUP.to_owned(), kind: role.kinds().0.as_str().to_owned(), name: role.name.clone() };
    BindingVersion {
        kind: role.kinds().1,
        namespace: Arc::from(role.namespace.as_str()),
        name: Arc::from(role.name.as_str()),
        held: Interval::ALWAYS,
        basis: Basis::Observed,
        state: BindingState::Known { role_ref, subjects: vec![subject.clone()].into() },
    }
}
