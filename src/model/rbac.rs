//! The RBAC objects as the authorizer reads them. Evidence may hold objects that API validation
//! would refuse; they load all the same, because the evaluator reads them too.
//!
//! Source: `rbac.authorization.k8s.io/v1`, `staging/src/k8s.io/api/rbac/v1/types.go`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// The API group of the RBAC objects.
pub const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// One PolicyRule: a set of verbs on resources, or on non-resource URLs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyRule {
    /// Verbs; `*` is all.
    #[serde(default, deserialize_with = "null_to_default", skip_serializing_if = "Vec::is_empty")]
    pub verbs: Vec<String>,
    /// API groups; `""` is core, `*` is all.
    #[serde(default, deserialize_with = "null_to_default", skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// `resource`, `resource/subresource`, `*/subresource` or `*`.
    #[serde(default, deserialize_with = "null_to_default", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Object names; empty is all.
    #[serde(default, deserialize_with = "null_to_default", skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// URL paths; a trailing `*` is a prefix.
    #[serde(
        default,
        rename = "nonResourceURLs",
        deserialize_with = "null_to_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub non_resource_urls: Vec<String>,
}

/// Whom a binding speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// `User`, `Group` or `ServiceAccount`; anything else never matches.
    #[serde(default, deserialize_with = "null_to_default")]
    pub kind: String,
    /// Not read by the authorizer.
    #[serde(default, deserialize_with = "null_to_default", skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    /// The name.
    #[serde(default, deserialize_with = "null_to_default")]
    pub name: String,
    /// Only read for service accounts; empty means the binding's own.
    #[serde(default, deserialize_with = "null_to_default", skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// Which role a binding gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleRef {
    /// Not read by the authorizer.
    #[serde(default, deserialize_with = "null_to_default")]
    pub api_group: String,
    /// `Role` or `ClusterRole`, case-sensitive; anything else does not resolve.
    #[serde(default, deserialize_with = "null_to_default")]
    pub kind: String,
    /// The role's name.
    #[serde(default, deserialize_with = "null_to_default")]
    pub name: String,
}

/// Which ClusterRoles an aggregated ClusterRole gathers its rules from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AggregationRule {
    /// A ClusterRole is gathered when any selector matches its labels.
    #[serde(default, deserialize_with = "null_to_default")]
    pub cluster_role_selectors: Vec<LabelSelector>,
}

/// A Kubernetes label selector: all parts must hold; the empty one selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must equal.
    #[serde(
        default,
        deserialize_with = "null_to_default",
        skip_serializing_if = "std::collections::BTreeMap::is_empty"
    )]
    pub match_labels: std::collections::BTreeMap<String, String>,
    /// Expressions that must hold.
    #[serde(default, deserialize_with = "null_to_default", skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// One expression of a label selector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelectorRequirement {
    /// The label.
    #[serde(default)]
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    #[serde(default)]
    pub operator: String,
    /// The values of `In` and `NotIn`.
    #[serde(default, deserialize_with = "null_to_default")]
    pub values: Vec<String>,
}

/// Kubernetes treats an explicit null as the field left out.
fn null_to_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

/// The four RBAC kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RbacKind {
    /// Rules inside one namespace.
    Role,
    /// Rules for the whole cluster, or to be bound in a namespace.
    ClusterRole,
    /// Gives a role inside its namespace.
    RoleBinding,
    /// Gives a ClusterRole cluster-wide.
    ClusterRoleBinding,
}

impl RbacKind {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Role, Self::ClusterRole, Self::RoleBinding, Self::ClusterRoleBinding];

    /// The kind as the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Role => "Role",
            Self::ClusterRole => "ClusterRole",
            Self::RoleBinding => "RoleBinding",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
        }
    }

    /// The plural resource name.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Role => "roles",
            Self::ClusterRole => "clusterroles",
            Self::RoleBinding => "rolebindings",
            Self::ClusterRoleBinding => "clusterrolebindings",
        }
    }

    /// Whether objects of the kind live in a namespace.
    pub const fn namespaced(self) -> bool {
        matches!(self, Self::Role | Self::RoleBinding)
    }

    /// From the kind's exact name.
    pub fn from_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.as_str() == kind)
    }

    /// From the plural resource name.
    pub fn from_resource(resource: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.resource() == resource)
    }
}

impl fmt::Display for RbacKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
