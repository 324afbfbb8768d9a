//! Small shared words of all authorizer answers: which object, which rule, which scope. Cheap to
//! clone, because answers repeat them a hundred thousand times.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::model::rbac::{PolicyRule, RbacKind};

/// One of the four RBAC objects.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// The kind.
    pub kind: RbacKind,
    /// The namespace, `""` for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl ObjectRef {
    /// A reference; cluster-scoped kinds lose a namespace they cannot have.
    pub fn new(kind: RbacKind, namespace: Arc<str>, name: Arc<str>) -> Self {
        let namespace = if kind.namespaced() || namespace.is_empty() { namespace } else { Arc::from("") };
        Self { kind, namespace, name }
    }
}

impl fmt::Display for ObjectRef {
    /// ``Kind `namespace/name` ``.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} `{}`", self.kind, self.name)
        } else {
            write!(f, "{} `{}/{}`", self.kind, self.namespace, self.name)
        }
    }
}

/// A role as a binding names it; the kind may be one that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoleName {
    /// `Role`, `ClusterRole`, or whatever the roleRef says.
    pub kind: Arc<str>,
    /// The namespace of a Role, else `""`.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

/// How far a grant reaches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GrantScope {
    /// The whole cluster: every namespace, cluster-scoped objects, URLs.
    Cluster,
    /// Resources of one namespace.
    Namespace(Arc<str>),
}

impl GrantScope {
    /// The namespace, `""` for the whole cluster.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Cluster => "",
            Self::Namespace(namespace) => namespace,
        }
    }

    /// How far a binding reaches.
    pub(super) fn of(binding: &ObjectRef) -> Self {
        match binding.kind {
            RbacKind::RoleBinding => Self::Namespace(Arc::clone(&binding.namespace)),
            _ => Self::Cluster,
        }
    }
}

/// One rule of a role version, by its place in the role's list. Reads like the rule itself.
#[derive(Clone, Debug)]
pub struct RuleRef {
    rules: Arc<[PolicyRule]>,
    index: usize,
}

static NO_RULE: PolicyRule = PolicyRule {
    verbs: Vec::new(),
    api_groups: Vec::new(),
    resources: Vec::new(),
    resource_names: Vec::new(),
    non_resource_urls: Vec::new(),
};

impl RuleRef {
    /// The rule at a place; a place past the end reads as a rule that grants nothing.
    pub fn new(rules: Arc<[PolicyRule]>, index: usize) -> Self {
        Self { rules, index }
    }

    /// The rule's place in the role, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The rule.
    pub fn rule(&self) -> &PolicyRule {
        self.rules.get(self.index).unwrap_or(&NO_RULE)
    }
}

impl Deref for RuleRef {
    type Target = PolicyRule;

    fn deref(&self) -> &PolicyRule {
        self.rule()
    }
}

impl PartialEq for RuleRef {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && (Arc::ptr_eq(&self.rules, &other.rules) || self.rule() == other.rule())
    }
}

impl Eq for RuleRef {}

impl PartialOrd for RuleRef {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RuleRef {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let rules = || match Arc::ptr_eq(&self.rules, &other.rules) {
            true => std::cmp::Ordering::Equal,
            false => self.rule().cmp(other.rule()),
        };
        self.index.cmp(&other.index).then_with(rules)
    }
}
