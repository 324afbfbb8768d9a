//! Where a roleRef leads. The kind is compared to the letter, a Role is looked up in the binding's
//! namespace, and the reference's `apiGroup` is not read.
//!
//! Source: `GetRoleReferenceRules` in `pkg/registry/rbac/validation/rule.go`; the wording of a missing
//! role in `staging/src/k8s.io/client-go/listers/rbac/v1/`.

use std::sync::Arc;

use crate::model::rbac::{RBAC_GROUP, RbacKind, RoleRef};

use super::objects::ObjectRef;
use super::quote::go_quote;

/// What a roleRef leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum RoleTarget {
    /// Place of the role.
    Role(usize),
    /// A reference that no role can ever satisfy.
    Never(Arc<NeverResolves>),
}

/// A reference that no role can ever satisfy, with the authorizer's error about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NeverResolves {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) error: String,
}

/// The API server's error about a role that is not there.
pub(super) fn not_found(kind: RbacKind, name: &str) -> String {
    format!("{}.{RBAC_GROUP} {} not found", kind.as_str().to_lowercase(), go_quote(name))
}

/// The role that a roleRef means, or the authorizer's error. A Role is looked up in the binding's
/// namespace; a ClusterRoleBinding has none, so its reference to a Role never resolves.
pub(super) fn role_object(binding: RbacKind, namespace: &Arc<str>, role_ref: &RoleRef) -> Result<ObjectRef, String> {
    let kind = match RbacKind::from_kind(&role_ref.kind) {
        Some(RbacKind::ClusterRole) => RbacKind::ClusterRole,
        Some(RbacKind::Role) if binding == RbacKind::RoleBinding => RbacKind::Role,
        Some(RbacKind::Role) => return Err(not_found(RbacKind::Role, &role_ref.name)),
        _ => return Err(format!("unsupported role reference kind: {}", go_quote(&role_ref.kind))),
    };
    Ok(ObjectRef::new(kind, Arc::clone(namespace), Arc::from(role_ref.name.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(binding: RbacKind, kind: &str) -> Result<String, String> {
        let role_ref = RoleRef { kind: kind.to_owned(), name: "a\"b".to_owned(), ..RoleRef::default() };
        role_object(binding, &Arc::from("ns"), &role_ref).map(|object| object.to_string())
    }

    #[test]
    fn only_the_two_exact_kinds_resolve_and_a_role_only_in_a_namespace() {
        use RbacKind::{ClusterRoleBinding, RoleBinding};
        assert_eq!(resolve(RoleBinding, "Role"), Ok("Role `ns/a\"b`".to_owned()));
        assert_eq!(resolve(RoleBinding, "ClusterRole"), Ok("ClusterRole `a\"b`".to_owned()));
        assert_eq!(resolve(ClusterRoleBinding, "ClusterRole"), Ok("ClusterRole `a\"b`".to_owned()));
        let missing = r#"role.rbac.authorization.k8s.io "a\"b" not found"#;
        assert_eq!(resolve(ClusterRoleBinding, "Role"), Err(missing.to_owned()));
        for kind in ["role", "", "RoleBinding"] {
            assert_eq!(resolve(RoleBinding, kind), Err(format!("unsupported role reference kind: \"{kind}\"")));
        }
    }
}
