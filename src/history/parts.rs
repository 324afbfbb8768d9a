//! What RBAC reads of an object, part by part, because often only some of it is known.

use std::sync::Arc;

use crate::formats::members::members;
use crate::model::rbac::{PolicyRule, RbacKind, RoleRef, Subject};

use super::body::Body;

/// Whether a kind holds rules; the others hold subjects and a roleRef.
pub(super) const fn is_role(kind: RbacKind) -> bool {
    matches!(kind, RbacKind::Role | RbacKind::ClusterRole)
}

/// What the authorizer reads of an object.
#[derive(Debug, PartialEq)]
pub(super) enum Reads {
    Rules(Vec<PolicyRule>),
    /// Role kind and name, and each subject's kind, name and namespace: `apiGroup` is not read.
    Gives((String, String), Vec<(String, String, String)>),
}

/// The parts of an object that RBAC reads, as JSON texts; a part that is missing is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) rules: Option<Arc<str>>,
    pub(super) role_ref: Option<Arc<str>>,
    pub(super) subjects: Option<Arc<str>>,
}

impl Parts {
    /// All parts of a whole body; what is absent is known to be empty. Nothing when it cannot be decoded.
    pub(super) fn of(body: &Body) -> Option<Self> {
        let kind = body.rbac?;
        let [rules, role_ref, subjects] = members(&body.text, ["rules", "roleRef", "subjects"])?;
        let part = |raw: Option<&str>, empty| Some(Arc::from(raw.unwrap_or(empty)));
        Some(match kind {
            RbacKind::Role | RbacKind::ClusterRole => Self { rules: part(rules, "[]"), ..Self::default() },
            RbacKind::RoleBinding | RbacKind::ClusterRoleBinding => {
                Self { rules: None, role_ref: part(role_ref, "{}"), subjects: part(subjects, "[]") }
            }
        })
    }

    /// Only what cannot change while the object lives.
    pub(super) fn immutable(&self) -> Self {
        Self { role_ref: self.role_ref.clone(), ..Self::default() }
    }

    /// Whether all that RBAC reads of the kind is known.
    pub(super) fn complete(&self, kind: RbacKind) -> bool {
        if is_role(kind) { self.rules.is_some() } else { self.role_ref.is_some() && self.subjects.is_some() }
    }

    /// What RBAC reads, when complete and decodable.
    pub(super) fn reads(&self, kind: RbacKind) -> Option<Reads> {
        if is_role(kind) {
            return self.rules().map(Reads::Rules);
        }
        let subjects = self.subjects()?.into_iter().map(|s| (s.kind, s.name, s.namespace)).collect();
        Some(Reads::Gives(self.given()?, subjects))
    }

    fn rules(&self) -> Option<Vec<PolicyRule>> {
        serde_json::from_str::<Option<Vec<PolicyRule>>>(self.rules.as_ref()?).ok().map(Option::unwrap_or_default)
    }

    fn subjects(&self) -> Option<Vec<Subject>> {
        serde_json::from_str::<Option<Vec<Subject>>>(self.subjects.as_ref()?).ok().map(Option::unwrap_or_default)
    }

    /// Kind and name of the role given, when known and decodable.
    pub(super) fn given(&self) -> Option<(String, String)> {
        let role: RoleRef = serde_json::from_str(self.role_ref.as_ref()?).ok()?;
        Some((role.kind, role.name))
    }
}
