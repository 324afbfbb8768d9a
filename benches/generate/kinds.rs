//! Kinds of objects and subjects of bindings: their names in bodies, URLs and the authorizer's reasons.

use super::json::{Json, object};

/// The API group of roles and bindings.
pub(crate) const RBAC: &str = "rbac.authorization.k8s.io";
/// The kinds a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    ClusterRole,
    ClusterRoleBinding,
    Role,
    RoleBinding,
    ServiceAccount,
    Namespace,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::ClusterRole,
        Self::ClusterRoleBinding,
        Self::Role,
        Self::RoleBinding,
        Self::ServiceAccount,
        Self::Namespace,
    ];
    /// Those of RBAC.
    pub(crate) const RBAC: [Self; 4] = [Self::ClusterRole, Self::ClusterRoleBinding, Self::Role, Self::RoleBinding];

    /// As in `kind`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ClusterRole => "ClusterRole",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
            Self::Role => "Role",
            Self::RoleBinding => "RoleBinding",
            Self::ServiceAccount => "ServiceAccount",
            Self::Namespace => "Namespace",
        }
    }

    /// As in URLs.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::ClusterRole => "clusterroles",
            Self::ClusterRoleBinding => "clusterrolebindings",
            Self::Role => "roles",
            Self::RoleBinding => "rolebindings",
            Self::ServiceAccount => "serviceaccounts",
            Self::Namespace => "namespaces",
        }
    }

    /// The API group.
    pub(crate) fn group(self) -> &'static str {
        if matches!(self, Self::ServiceAccount | Self::Namespace) { "" } else { RBAC }
    }

    /// As in `apiVersion`.
    pub(crate) fn api_version(self) -> &'static str {
        if self.group().is_empty() { "v1" } else { "rbac.authorization.k8s.io/v1" }
    }

    /// Whether its objects lie in namespaces.
    pub(crate) fn namespaced(self) -> bool {
        matches!(self, Self::Role | Self::RoleBinding | Self::ServiceAccount)
    }

    /// Whether it is a ClusterRole or a Role.
    pub(crate) fn is_role(self) -> bool {
        matches!(self, Self::ClusterRole | Self::Role)
    }
}

/// Whom a binding names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// `User`, `Group` or `ServiceAccount`.
    pub(crate) kind: &'static str,
    /// Of a service account.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Subject {
    pub(crate) fn user(name: &str) -> Self {
        Self { kind: "User", namespace: String::new(), name: name.to_owned() }
    }

    pub(crate) fn group(name: &str) -> Self {
        Self { kind: "Group", namespace: String::new(), name: name.to_owned() }
    }

    pub(crate) fn account(namespace: &str, name: &str) -> Self {
        Self { kind: "ServiceAccount", namespace: namespace.to_owned(), name: name.to_owned() }
    }

    /// From `User/name`, `Group/name` or `ServiceAccount/namespace/name`.
    pub(crate) fn parse(text: &str) -> Self {
        match text.split_once('/') {
            Some(("User", name)) => Self::user(name),
            Some(("ServiceAccount", rest)) => {
                let (namespace, name) = rest.split_once('/').unwrap_or_default();
                Self::account(namespace, name)
            }
            Some((_, name)) => Self::group(name),
            None => Self::group(text),
        }
    }

    /// As JSON, in the order of the Go fields.
    pub(crate) fn json(&self) -> Json {
        let group = if self.kind == "ServiceAccount" { "" } else { RBAC };
        let start = object().with("kind", self.kind).text("apiGroup", group);
        start.with("name", self.name.as_str()).text("namespace", &self.namespace).done()
    }

    /// As the authorizer's reason names it.
    pub(crate) fn described(&self) -> String {
        match self.kind {
            "ServiceAccount" => format!("ServiceAccount {}", quoted(&format!("{}/{}", self.name, self.namespace))),
            kind => format!("{kind} {}", quoted(&self.name)),
        }
    }
}

/// Go's `%q`, for text without control characters.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
