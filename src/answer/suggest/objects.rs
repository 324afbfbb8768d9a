//! The suggestion as Kubernetes objects: a ClusterRole with its binding, then a Role with its binding for each
//! namespace.

use serde_json::{Value, json};

use super::SuggestError;
use super::plan::Plan;
use crate::model::rbac::{PolicyRule, RBAC_GROUP, RbacKind, Subject};

/// Longest name made from a subject's.
const LONGEST: usize = 60;

/// One role to be.
#[derive(Clone, Debug)]
pub(super) struct SuggestedRole {
    /// Its namespace, `""` for a ClusterRole.
    pub(super) namespace: String,
    /// Its name and its binding's.
    pub(super) name: String,
    /// Its rules.
    pub(super) rules: Vec<PolicyRule>,
}

impl SuggestedRole {
    /// Kind of the role, and of its binding.
    pub(super) fn kinds(&self) -> (RbacKind, RbacKind) {
        match self.namespace.is_empty() {
            true => (RbacKind::ClusterRole, RbacKind::ClusterRoleBinding),
            false => (RbacKind::Role, RbacKind::RoleBinding),
        }
    }
}

/// The name asked for, or one made from the subject's.
pub(super) fn role_name(wanted: Option<&str>, subject: &Subject) -> Result<String, SuggestError> {
    if let Some(name) = wanted {
        let good = !name.is_empty()
            && name != "."
            && name != ".."
            && !name.contains(['/', '%'])
            && !name.chars().any(char::is_control);
        return if good { Ok(name.to_owned()) } else { Err(SuggestError::RoleName(name.to_owned())) };
    }
    let mut slug = String::new();
    let full = if subject.namespace.is_empty() {
        subject.name.clone()
    } else {
        format!("{}-{}", subject.namespace, subject.name)
    };
    for c in full.chars().take(LONGEST) {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    Ok(format!("suggested-{}", slug.trim_matches('-')).trim_end_matches('-').to_owned())
}

/// The roles of a plan.
pub(super) fn roles(plan: &Plan, name: &str) -> Vec<SuggestedRole> {
    let role = |namespace: &str| SuggestedRole {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        rules: plan.rules(namespace),
    };
    plan.namespaces().into_iter().map(role).collect()
}

/// The objects of roles that are given to a subject.
pub(super) fn objects(roles: &[SuggestedRole], subject: &Subject) -> Vec<Value> {
    roles.iter().flat_map(|role| [role_object(role), binding_object(role, subject)]).collect()
}

fn metadata(role: &SuggestedRole) -> Value {
    match role.namespace.is_empty() {
        true => json!({"name": role.name}),
        false => json!({"name": role.name, "namespace": role.namespace}),
    }
}

fn role_object(role: &SuggestedRole) -> Value {
    json!({
        "apiVersion": format!("{RBAC_GROUP}/v1"),
        "kind": role.kinds().0.as_str(),
        "metadata": metadata(role),
        "rules": role.rules,
    })
}

fn binding_object(role: &SuggestedRole, subject: &Subject) -> Value {
    json!({
        "apiVersion": format!("{RBAC_GROUP}/v1"),
        "kind": role.kinds().1.as_str(),
        "metadata": metadata(role),
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": role.kinds().0.as_str(), "name": role.name},
        "subjects": [subject],
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn names_made_from_subjects_can_always_be_applied() {
        let user = |name: &str| Subject { kind: "User".into(), name: name.into(), ..Subject::default() };
        for (name, expected) in [
            ("alice@example.com", "suggested-alice-example-com"),
            ("../%2F\u{202e}x\n", "suggested-2f-x"),
            ("---", "suggested"),
            ("", "suggested"),
        ] {
            assert_eq!(role_name(None, &user(name)).unwrap(), expected, "{name:?}");
        }
        assert!(role_name(None, &user(&"x".repeat(500))).unwrap().len() <= 80);
        for bad in ["", ".", "..", "a/b", "a%b", "a\nb"] {
            assert!(role_name(Some(bad), &user("x")).is_err(), "{bad:?}");
        }
        assert_eq!(role_name(Some("ops:reader"), &user("x")).unwrap(), "ops:reader");
    }
}
