//! The RBAC state through time, as the authorizer needs it: versions of roles and bindings with the
//! stretch in which each held, and the stretches in which the *set* of objects is known.
//!
//! Three-valued on purpose. An object with no version at T is absent only where the set of its kind
//! is known at T; everywhere else its absence is unknown, and so is every "no" that rests on it.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::rbac::{PolicyRule, RbacKind, RoleRef, Subject};
use crate::model::time::{Interval, Timestamp};

/// What is known of a role in a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleState {
    /// It existed with these rules.
    Rules(Arc<[PolicyRule]>),
    /// It may have existed; if it did, then with these rules. Never a reason to say "yes", and a reason
    /// not to say "no" only to what these rules give.
    Maybe {
        /// The rules it had if it existed.
        rules: Arc<[PolicyRule]>,
        /// Why its existence cannot be told, naming the event or gap.
        reason: Arc<str>,
    },
    /// It may have existed; its rules cannot be told. The reason names the event or gap.
    Unknown(Arc<str>),
}

/// What is known of a binding in a stretch of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindingState {
    /// It existed and gave this role to these subjects.
    Known {
        /// The role given.
        role_ref: RoleRef,
        /// To whom, in the object's own order.
        subjects: Arc<[Subject]>,
    },
    /// It may have existed; if it did, it gave this role (a roleRef cannot be changed). Never a reason to
    /// say "yes", and a reason not to say "no" only to what this role gives to these subjects.
    Maybe {
        /// The role it gave if it existed.
        role_ref: RoleRef,
        /// To whom, if it existed; `None` when that cannot be told.
        subjects: Option<Arc<[Subject]>>,
        /// Why, naming the event or gap.
        reason: Arc<str>,
    },
    /// It may have existed; what it gave cannot be told. The reason names the event or gap.
    Unknown(Arc<str>),
}

/// One version of a Role or ClusterRole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleVersion {
    /// `Role` or `ClusterRole`.
    pub kind: RbacKind,
    /// Namespace of a Role, `""` for a ClusterRole.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// When it held.
    pub held: Interval,
    /// How it is known.
    pub basis: Basis,
    /// What is known.
    pub state: RoleState,
}

/// One version of a RoleBinding or ClusterRoleBinding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingVersion {
    /// `RoleBinding` or `ClusterRoleBinding`.
    pub kind: RbacKind,
    /// Namespace of a RoleBinding, `""` for a ClusterRoleBinding.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
    /// When it held.
    pub held: Interval,
    /// How it is known.
    pub basis: Basis,
    /// What is known.
    pub state: BindingState,
}

/// A stretch in which every object of a kind is known, so that a missing one did not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSet {
    /// The kind.
    pub kind: RbacKind,
    /// The namespace it is known for; `None` is the whole cluster.
    pub namespace: Option<Arc<str>>,
    /// When.
    pub held: Interval,
    /// `Observed` or `Derived` where evidence covers the stretch, `Assumed` where nothing contradicts it.
    pub basis: Basis,
}

/// All that the evidence says about RBAC objects of one cluster. Versions of one object do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RbacTimeline {
    /// Versions of Roles and ClusterRoles.
    pub roles: Vec<RoleVersion>,
    /// Versions of bindings.
    pub bindings: Vec<BindingVersion>,
    /// Where absence means absence. Stretches of the same kind and namespace may overlap; the strongest basis counts.
    pub known_sets: Vec<KnownSet>,
}

impl KnownSet {
    /// Whether this stretch speaks for objects of `kind` in `namespace` at `t`.
    pub fn covers(&self, kind: RbacKind, namespace: &str, t: Timestamp) -> bool {
        self.kind == kind && self.held.contains(t) && self.namespace.as_deref().is_none_or(|n| n == namespace)
    }
}
