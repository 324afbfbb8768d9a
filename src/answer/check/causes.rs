//! Why a decision and the rebuilt RBAC may contradict each other, the most likely cause first. Causes are told from what
//! the evidence holds of the binding and role that the reason names; they are hints, not findings of their own.

use crate::authz::{ObjectRef, Via};
use crate::model::rbac::RbacKind;
use crate::model::reason::NamedGrant;
use crate::model::review::{AccessReview, Target};
use crate::model::time::Timestamp;

use super::judge::{Presence, Witness, is_named, objects};

/// Other versions of the named objects that are tried.
const MOST_TRIED: usize = 200;
/// A grant that began or ended this shortly before or after may have been decided by the other side of the change.
const CLOSE: i64 = 300_000_000;

const TAMPERED: &str = "tampered log: the record, or the evidence of the objects, was altered";

/// For what was allowed by a grant that the rebuilt RBAC does not show.
pub(super) fn of_allowed(witness: &Witness, review: &AccessReview, named: &NamedGrant, at: Timestamp) -> Vec<String> {
    let (binding, role) = objects(named);
    let mut causes = Vec::new();
    causes.extend(impossible(review, named));
    if let Some((when, before)) = granted_at(witness, review, named, at) {
        causes.push(format!(
            "changed between: the named grant held {} {}: a change is missing from the log or was filed late, or clocks differ",
            distance(when, at),
            if before { "before" } else { "after" },
        ));
    }
    for object in [&binding, &role] {
        let seen = !witness.versions(object).is_empty();
        match (witness.presence(object, at), seen) {
            (Presence::Present, _) => {}
            (_, false) => causes.push(format!("missing object: no snapshot and no event shows {object}")),
            (Presence::Absent, true) => {
                causes.push(format!(
                    "missing object: {object} was seen at other times, not then: an event or a snapshot lacks it"
                ));
            }
            (Presence::Unknown, true) => {
                causes.push(format!("missing object: the state of {object} cannot be told then"))
            }
        }
    }
    if causes.is_empty() {
        causes.push(format!("missing change: {binding} or {role} was changed and changed back without a trace"));
    }
    causes.push(TAMPERED.to_owned());
    causes
}

/// Why no API server can have given a reason.
fn impossible(review: &AccessReview, named: &NamedGrant) -> Option<String> {
    let in_namespace = named.binding_kind == RbacKind::RoleBinding;
    let why = match &review.action.target {
        Target::NonResource { .. } if in_namespace => "a RoleBinding grants no URL".to_owned(),
        Target::Resource(r) if in_namespace && r.namespace != named.binding_namespace => {
            format!("a RoleBinding in `{}` grants nothing outside of it", named.binding_namespace)
        }
        _ if !in_namespace && named.role_kind == RbacKind::Role => "a ClusterRoleBinding cannot give a Role".to_owned(),
        _ => return None,
    };
    Some(format!("impossible reason: {why}, so no API server wrote it"))
}

/// For what was forbidden although the rebuilt RBAC allows it.
pub(super) fn of_forbidden(witness: &Witness, review: &AccessReview, privileged: bool, at: Timestamp) -> Vec<String> {
    if privileged {
        return vec![
            "another authorizer: one that denies was asked before the privileged group was let through".to_owned(),
            TAMPERED.to_owned(),
        ];
    }
    let mut causes = Vec::new();
    let via = witness.authorizer.review(review, at).via;
    if let Some(Via::Chain(chain)) = via.first() {
        let close = |t: Timestamp| t.as_micros().abs_diff(at.as_micros()) <= CLOSE.unsigned_abs();
        if close(chain.held.from) {
            causes.push(format!(
                "changed between: the grant by {} began only {} before: clocks may differ",
                chain.binding,
                distance(chain.held.from, at)
            ));
        }
        if close(chain.held.to) {
            causes.push(format!(
                "changed between: the grant by {} ended {} after: clocks may differ",
                chain.binding,
                distance(chain.held.to, at)
            ));
        }
        causes.push(format!(
            "missing change: {} or {} was gone or narrower then (known as {})",
            chain.binding, chain.role, chain.basis
        ));
    }
    causes.push("another authorizer: one that denies, such as a webhook, was asked before RBAC".to_owned());
    causes.push(TAMPERED.to_owned());
    causes
}

/// The moment nearest to `at` at which the named grant did allow it, and whether it lies before.
fn granted_at(
    witness: &Witness,
    review: &AccessReview,
    named: &NamedGrant,
    at: Timestamp,
) -> Option<(Timestamp, bool)> {
    let (binding, role) = objects(named);
    let mut moments: Vec<Timestamp> = [&binding, &role].into_iter().flat_map(|object| ends(witness, object)).collect();
    moments.sort_by_key(|t| (t.as_micros().abs_diff(at.as_micros()), *t));
    moments.dedup();
    let holds = |t: &Timestamp| witness.authorizer.review(review, *t).via.iter().any(|via| is_named(via, named));
    moments.into_iter().take(MOST_TRIED).find(holds).map(|t| (t, t < at))
}

/// The first and last instants of an object's versions.
fn ends(witness: &Witness, object: &ObjectRef) -> impl Iterator<Item = Timestamp> {
    let versions = witness.versions(object).iter();
    versions.flat_map(|(held, _)| [held.from, held.to.plus_micros(-1)])
}

/// How far two moments lie apart, for people.
fn distance(a: Timestamp, b: Timestamp) -> String {
    let seconds = a.as_micros().abs_diff(b.as_micros()) / 1_000_000;
    match seconds {
        0 => "less than a second".to_owned(),
        1..=599 => format!("{seconds} s"),
        600..=35_999 => format!("{} min", seconds / 60),
        36_000..=863_999 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
