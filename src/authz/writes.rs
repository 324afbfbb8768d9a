//! A write of an RBAC object, as the question that the escalation check answers.

use crate::model::rbac::{PolicyRule, RbacKind, RoleRef};

/// How the object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteVerb {
    /// `POST`: the request carries no name.
    Create,
    /// `PUT`.
    Update,
    /// `PATCH`, apply included.
    Patch,
}

impl WriteVerb {
    /// The verb as RBAC spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
        }
    }
}

/// The object as it would be after the write: the whole result is checked, not the difference.
#[derive(Clone, Copy, Debug)]
pub enum Written<'a> {
    /// A Role.
    Role {
        /// Its namespace.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
        /// Its rules.
        rules: &'a [PolicyRule],
    },
    /// A ClusterRole.
    ClusterRole {
        /// Its name.
        name: &'a str,
        /// Its rules.
        rules: &'a [PolicyRule],
        /// Whether it has selectors in its aggregationRule, now or before the update.
        aggregated: bool,
    },
    /// A RoleBinding.
    RoleBinding {
        /// Its namespace.
        namespace: &'a str,
        /// Its name.
        name: &'a str,
        /// What it gives.
        role_ref: &'a RoleRef,
    },
    /// A ClusterRoleBinding.
    ClusterRoleBinding {
        /// Its name.
        name: &'a str,
        /// What it gives.
        role_ref: &'a RoleRef,
    },
}

impl Written<'_> {
    /// Kind, namespace and name.
    pub(super) fn place(&self) -> (RbacKind, &str, &str) {
        match self {
            Self::Role { namespace, name, .. } => (RbacKind::Role, namespace, name),
            Self::ClusterRole { name, .. } => (RbacKind::ClusterRole, "", name),
            Self::RoleBinding { namespace, name, .. } => (RbacKind::RoleBinding, namespace, name),
            Self::ClusterRoleBinding { name, .. } => (RbacKind::ClusterRoleBinding, "", name),
        }
    }
}

/// Who writes, and what.
#[derive(Clone, Copy, Debug)]
pub struct RbacWrite<'a> {
    /// The user name.
    pub user: &'a str,
    /// All groups; nothing is added.
    pub groups: &'a [String],
    /// How.
    pub verb: WriteVerb,
    /// What.
    pub object: Written<'a>,
    /// An update that changes nothing but owner references, finalizers and managed fields.
    pub housekeeping: bool,
}
