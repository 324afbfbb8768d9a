//! The rows of a who-can answer.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::time::Interval;

use super::chains::{Held, Reaching};
use super::matching::ALL;
use super::objects::{GrantScope, ObjectRef, RuleRef};
use super::subjects::SubjectRef;
use super::unknown::Unknown;

/// Where a question is asked. The namespace of the action itself is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In one namespace: cluster-wide grants and that namespace's.
    Namespace(String),
    /// With namespace `""`: only cluster-wide grants count.
    Cluster,
    /// In any namespace: cluster-wide grants, once, and each namespace's own.
    All,
}

/// One way in which one subject can do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Who.
    pub subject: SubjectRef,
    /// How far the grant reaches.
    pub scope: GrantScope,
    /// By what.
    pub source: Source,
    /// The entry of the rule's `verbs` that matched, such as `*`.
    pub verb: Arc<str>,
    /// The entry of `apiGroups` that matched; `""` for core, and for URLs.
    pub api_group: Arc<str>,
    /// The entry of `resources` that matched, such as `*` or `*/scale`, or of `nonResourceURLs`.
    pub resource: Arc<str>,
    /// How the weaker of binding and role is known.
    pub basis: Basis,
    /// When it held and was known so well, also beyond the time asked about.
    pub held: Interval,
    /// When it held without a break, however well that is known.
    pub reach: Interval,
}

/// What a row rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The group `system:masters`, which needs no RBAC object and cannot be taken away by deleting one.
    PrivilegedGroup,
    /// A binding and a rule of its role.
    Binding {
        /// The binding.
        binding: ObjectRef,
        /// The role.
        role: ObjectRef,
        /// The rule.
        rule: RuleRef,
    },
}

impl Row {
    /// The `resourceNames` of the rule; empty is any.
    pub fn resource_names(&self) -> &[String] {
        match &self.source {
            Source::PrivilegedGroup => &[],
            Source::Binding { rule, .. } => &rule.rule().resource_names,
        }
    }

    pub(super) fn privileged() -> Self {
        let all: Arc<str> = Arc::from(ALL);
        Self {
            subject: SubjectRef::masters(),
            scope: GrantScope::Cluster,
            source: Source::PrivilegedGroup,
            verb: Arc::clone(&all),
            api_group: Arc::clone(&all),
            resource: all,
            basis: Basis::Observed,
            held: Interval::ALWAYS,
            reach: Interval::ALWAYS,
        }
    }
}

impl Reaching for Row {
    fn reach(&mut self) -> &mut Interval {
        &mut self.reach
    }

    fn same_but_for_basis(&self, other: &Self) -> bool {
        (&self.source, &self.subject, &self.scope) == (&other.source, &other.subject, &other.scope)
            && (&self.verb, &self.api_group, &self.resource) == (&other.verb, &other.api_group, &other.resource)
    }
}

impl Held for Row {
    fn held(&mut self) -> &mut Interval {
        &mut self.held
    }

    fn held_ref(&self) -> &Interval {
        &self.held
    }

    fn same_but_for_time(&self, other: &Self) -> bool {
        self.basis == other.basis
            && (&self.source, &self.subject, &self.scope) == (&other.source, &other.subject, &other.scope)
            && (&self.verb, &self.api_group, &self.resource) == (&other.verb, &other.api_group, &other.resource)
    }
}

/// The answer to "who can".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhoCan {
    /// Who can. The privileged group first, then by subject, scope, binding, role, rule and time.
    pub rows: Vec<Row>,
    /// For a question without an object name: who can do it to single named objects only (the rule's
    /// `resourceNames`; for Namespace objects through a RoleBinding, the row's own namespace).
    pub named_only: Vec<Row>,
    /// What could add to `rows`, but the evidence cannot tell.
    pub unknown: Vec<Unknown>,
    /// What could add to `named_only` beyond what `unknown` lists.
    pub named_unknown: Vec<Unknown>,
    /// The weakest thing that `rows` as a whole rests on; [`Basis::Unknown`] exactly when `unknown` is not empty.
    pub basis: Basis,
}
