//! RBAC object versions taken apart into flat rows, and put together again: what the tables `role_rules` and
//! `binding_subjects` hold. Nothing is lost, so the authorizer can start from the tables without any body.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::rbac::{PolicyRule, RbacKind, RoleRef, Subject};
use crate::model::time::Interval;

use super::state::{BindingState, BindingVersion, KnownSet, RbacTimeline, RoleState, RoleVersion};

/// How much of a version is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Known {
    /// It existed, with this content.
    Yes,
    /// It may have existed, with this content.
    Maybe,
    /// It may have existed, with content that cannot be told.
    No,
}

impl Known {
    /// The word used in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::Maybe => "maybe",
            Self::No => "no",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Yes, Self::Maybe, Self::No].into_iter().find(|k| k.as_str() == word)
    }
}

/// What all rows of one version share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionOf {
    /// The kind.
    pub kind: RbacKind,
    /// Namespace, `""` for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// When the version held.
    pub held: Interval,
    /// How it is known.
    pub basis: Basis,
    /// How much of it is known.
    pub known: Known,
    /// What cannot be told; `None` where all is known.
    pub reason: Option<Arc<str>>,
}

/// One rule of a role version; a version without rules, or with unknown ones, has one row without a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRule {
    /// The version.
    pub of: VersionOf,
    /// The rule's place in the role, from 0.
    pub index: Option<u32>,
    /// The rule.
    pub rule: Option<PolicyRule>,
}

/// One subject of a binding version; a version without subjects, or with unknown ones, has one row without a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingSubject {
    /// The version.
    pub of: VersionOf,
    /// The role given; `None` when not known.
    pub role_ref: Option<RoleRef>,
    /// Whether the list of subjects is known. False in the single row of a version whose subjects are not.
    pub subjects_known: bool,
    /// The subject's place in the binding, from 0.
    pub index: Option<u32>,
    /// The subject.
    pub subject: Option<Subject>,
}

/// The rows of all role versions, in the timeline's order.
pub fn role_rules(timeline: &RbacTimeline) -> Vec<RoleRule> {
    let mut rows = Vec::new();
    for version in &timeline.roles {
        let (known, reason, rules): (_, _, &[PolicyRule]) = match &version.state {
            RoleState::Rules(rules) => (Known::Yes, None, rules),
            RoleState::Maybe { rules, reason } => (Known::Maybe, Some(reason), rules),
            RoleState::Unknown(reason) => (Known::No, Some(reason), &[]),
        };
        let of = VersionOf {
            kind: version.kind,
            namespace: Arc::clone(&version.namespace),
            name: Arc::clone(&version.name),
            held: version.held,
            basis: version.basis,
            known,
            reason: reason.cloned(),
        };
        if rules.is_empty() {
            rows.push(RoleRule { of, index: None, rule: None });
            continue;
        }
        for (index, rule) in (0..).zip(rules) {
            rows.push(RoleRule { of: of.clone(), index: Some(index), rule: Some(rule.clone()) });
        }
    }
    rows
}

/// The rows of all binding versions, in the timeline's order.
pub fn binding_subjects(timeline: &RbacTimeline) -> Vec<BindingSubject> {
    let mut rows = Vec::new();
    for version in &timeline.bindings {
        let (known, reason, role_ref, subjects) = match &version.state {
            BindingState::Known { role_ref, subjects } => (Known::Yes, None, Some(role_ref), Some(subjects)),
            BindingState::Maybe { role_ref, subjects, reason } => {
                (Known::Maybe, Some(reason), Some(role_ref), subjects.as_ref())
            }
            BindingState::Unknown(reason) => (Known::No, Some(reason), None, None),
        };
        let of = VersionOf {
            kind: version.kind,
            namespace: Arc::clone(&version.namespace),
            name: Arc::clone(&version.name),
            held: version.held,
            basis: version.basis,
            known,
            reason: reason.cloned(),
        };
        let row = BindingSubject {
            of,
            role_ref: role_ref.cloned(),
            subjects_known: subjects.is_some(),
            index: None,
            subject: None,
        };
        match subjects {
            Some(subjects) if !subjects.is_empty() => {
                rows.extend((0..).zip(subjects.iter()).map(|(i, s)| BindingSubject {
                    index: Some(i),
                    subject: Some(s.clone()),
                    ..row.clone()
                }))
            }
            _ => rows.push(row),
        }
    }
    rows
}

/// The timeline that rows were made from. The order of rows does not matter.
pub fn from_rows(roles: Vec<RoleRule>, bindings: Vec<BindingSubject>, known_sets: Vec<KnownSet>) -> RbacTimeline {
    let mut timeline = RbacTimeline { known_sets, ..RbacTimeline::default() };
    for group in versions(roles, |r| &r.of, |r| r.index) {
        let Some(first) = group.first() else { continue };
        let rules = group.iter().filter_map(|r| r.rule.clone()).collect();
        let reason = first.of.reason.clone().unwrap_or_else(|| Arc::from(""));
        let state = match first.of.known {
            Known::Yes => RoleState::Rules(rules),
            Known::Maybe => RoleState::Maybe { rules, reason },
            Known::No => RoleState::Unknown(reason),
        };
        let of = first.of.clone();
        let VersionOf { kind, namespace, name, held, basis, .. } = of;
        timeline.roles.push(RoleVersion { kind, namespace, name, held, basis, state });
    }
    for group in versions(bindings, |r| &r.of, |r| r.index) {
        let Some(first) = group.first() else { continue };
        let subjects: Arc<[Subject]> = group.iter().filter_map(|r| r.subject.clone()).collect();
        let reason = first.of.reason.clone().unwrap_or_else(|| Arc::from(""));
        let state = match (first.of.known, first.role_ref.clone()) {
            (Known::Yes, Some(role_ref)) => BindingState::Known { role_ref, subjects },
            (Known::Maybe, Some(role_ref)) => {
                BindingState::Maybe { role_ref, subjects: first.subjects_known.then_some(subjects), reason }
            }
            _ => BindingState::Unknown(reason),
        };
        let VersionOf { kind, namespace, name, held, basis, .. } = first.of.clone();
        timeline.bindings.push(BindingVersion { kind, namespace, name, held, basis, state });
    }
    timeline
}

/// Rows grouped by version, groups and rows in order.
fn versions<R>(mut rows: Vec<R>, of: impl Fn(&R) -> &VersionOf, index: impl Fn(&R) -> Option<u32>) -> Vec<Vec<R>> {
    let place = |v: &VersionOf| (v.kind.as_str(), Arc::clone(&v.namespace), Arc::clone(&v.name), v.held);
    rows.sort_by_cached_key(|r| (place(of(r)), index(r)));
    let mut groups: Vec<Vec<R>> = Vec::new();
    for row in rows {
        match groups.last_mut() {
            Some(group) if group.first().is_some_and(|f| place(of(f)) == place(of(&row))) => group.push(row),
            _ => groups.push(vec![row]),
        }
    }
    groups
}
