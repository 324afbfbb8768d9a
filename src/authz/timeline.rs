//! The authorizer through time. No state is built for an instant: the index holds every version with
//! its stretch, and a question touches only the versions that speak of its subject at its instant.

use std::sync::Arc;

use crate::history::state::RbacTimeline;
use crate::model::basis::Basis;
use crate::model::rbac::{PolicyRule, RbacKind};
use crate::model::time::{Interval, Timestamp};

use super::index::{Binding, Content, Index, Role, Version};
use super::known::KnownSets;
use super::lookup::Lookup;
use super::objects::ObjectRef;
use super::role_ref::{NeverResolves, RoleTarget};
use super::sieve::Sieve;

/// Answers what RBAC allowed, at any instant, for one cluster.
#[derive(Clone, Debug, Default)]
pub struct Authorizer {
    pub(super) index: Index,
    pub(super) lookup: Lookup,
    pub(super) sets: KnownSets,
}

/// What a roleRef led to at an instant.
pub(super) enum RoleAt<'a> {
    /// These rules, for sure unless there is a doubt that the role existed.
    Rules {
        role: &'a Role,
        rules: &'a Arc<[PolicyRule]>,
        sieves: &'a [Sieve],
        doubt: Option<&'a Arc<str>>,
        held: Interval,
        basis: Basis,
    },
    /// A role whose rules cannot be told.
    Unknown { role: &'a Role, held: Interval, why: &'a Arc<str> },
    /// No role, and that is known.
    Absent { role: &'a Role, basis: Basis },
    /// No role was seen, but there may have been one.
    Unseen { role: &'a Role },
    /// Nothing, ever.
    Never(&'a NeverResolves),
}

impl Authorizer {
    /// Builds the index, in O(n log n) of all versions. The versions of one object must not overlap,
    /// as [`RbacTimeline`] promises.
    pub fn new(timeline: RbacTimeline) -> Self {
        let RbacTimeline { roles, bindings, known_sets } = timeline;
        let index = Index::new(roles, bindings);
        Self { lookup: Lookup::new(&index), sets: KnownSets::new(&known_sets), index }
    }

    /// The role behind a reference at an instant.
    pub(super) fn role_at<'a>(&'a self, target: &'a RoleTarget, at: Timestamp) -> Option<RoleAt<'a>> {
        let role = match target {
            RoleTarget::Role(place) => self.index.roles.get(*place)?,
            RoleTarget::Never(never) => return Some(RoleAt::Never(never)),
        };
        Some(match role.at(at) {
            Some(stretch) => match &stretch.state {
                Content::Rules { rules, sieves, doubt } => RoleAt::Rules {
                    role,
                    rules,
                    sieves,
                    doubt: doubt.as_ref(),
                    held: stretch.held,
                    basis: stretch.basis,
                },
                Content::Unknown(why) => RoleAt::Unknown { role, held: stretch.held, why },
            },
            None => match self.sets.at(role.object.kind, &role.object.namespace, at) {
                Some(basis) => RoleAt::Absent { role, basis },
                None => RoleAt::Unseen { role },
            },
        })
    }

    /// A binding version with its binding.
    pub(super) fn version(&self, place: usize) -> Option<(&Binding, &Version)> {
        let version = self.index.versions.get(place)?;
        Some((self.index.bindings.get(version.binding)?, version))
    }

    /// The namespaces that ever held a RoleBinding, sorted.
    pub fn bound_namespaces(&self) -> Vec<Arc<str>> {
        let bound = self.index.bindings.iter().filter(|b| b.object.kind == RbacKind::RoleBinding);
        let mut namespaces: Vec<_> = bound.map(|b| Arc::clone(&b.object.namespace)).collect();
        namespaces.dedup();
        namespaces
    }

    /// Every binding that was ever seen, ClusterRoleBindings first, then by namespace and name.
    pub fn bindings(&self) -> impl Iterator<Item = &ObjectRef> {
        self.index.bindings.iter().map(|b| &b.object)
    }
}
