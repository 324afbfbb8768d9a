//! The answer to one access review, and the API server's own words for it.
//!
//! Source of the wording: `visit` and `Authorize` in `plugin/pkg/auth/authorizer/rbac/rbac.go`, the
//! describers in `pkg/registry/rbac/validation/rule.go`, and the error list of
//! `staging/src/k8s.io/apimachinery/pkg/util/errors/errors.go`.

use std::fmt;

use crate::model::basis::Basis;
use crate::model::rbac::RbacKind;
use crate::model::time::Interval;

use super::objects::{ObjectRef, RuleRef};
use super::quote::go_quote;
use super::subjects::SubjectRef;

/// The answer to one access review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// `Some(true)`: allowed. `Some(false)`: RBAC has no opinion, which the API server turns into a
    /// refusal. `None`: the evidence cannot tell.
    pub allowed: Option<bool>,
    /// How well the answer is known; [`Basis::Unknown`] exactly when `allowed` is `None`.
    pub basis: Basis,
    /// When allowed, the API server's reason, letter by letter, naming the first of `via`. When not,
    /// empty or its RBAC errors. When unknown, what is unknown and why.
    pub reason: String,
    /// Everything that allows it: ClusterRoleBindings first, then RoleBindings, each by name. The real
    /// authorizer names one of these; which, is not stable even there.
    pub via: Vec<Via>,
}

/// One way by which something is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// Membership in `system:masters`, which needs no RBAC object.
    PrivilegedGroup,
    /// A binding and its role.
    Chain(Chain),
}

/// A binding that gives a role whose rule allows the action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Chain {
    /// The binding.
    pub binding: ObjectRef,
    /// The role.
    pub role: ObjectRef,
    /// The binding's first subject that stands for the user.
    pub subject: SubjectRef,
    /// The role's first rule that allows the action.
    pub rule: RuleRef,
    /// When binding and role were both in this state.
    pub held: Interval,
    /// How the weaker of the two is known.
    pub basis: Basis,
}

impl fmt::Display for Chain {
    /// As the API server names it. In a RoleBinding's own quirk the name stands before the namespace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binding = match self.binding.kind {
            RbacKind::RoleBinding => go_quote(&format!("{}/{}", self.binding.name, self.binding.namespace)),
            _ => go_quote(&self.binding.name),
        };
        let role = go_quote(&self.role.name);
        write!(f, "{} {binding} of {} {role} to {}", self.binding.kind, self.role.kind, self.subject)
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrivilegedGroup => write!(f, "{}", SubjectRef::masters()),
            Self::Chain(chain) => chain.fmt(f),
        }
    }
}

impl Decision {
    /// Allowed by the privileged group, for which the API server gives no reason.
    pub(super) fn privileged() -> Self {
        let via = vec![Via::PrivilegedGroup];
        Self { allowed: Some(true), basis: Basis::Observed, reason: String::new(), via }
    }

    /// Allowed by chains, of which there must be one.
    pub(super) fn allowed_by(chains: Vec<Chain>) -> Self {
        let reason = chains.first().map(|chain| format!("RBAC: allowed by {chain}")).unwrap_or_default();
        let basis = chains.iter().map(|chain| chain.basis).min().unwrap_or(Basis::Unknown);
        Self { allowed: Some(true), basis, reason, via: chains.into_iter().map(Via::Chain).collect() }
    }

    /// Not allowed, with the errors met on the way.
    pub(super) fn refused(basis: Basis, errors: &[String]) -> Self {
        let reason = rbac_errors(errors);
        Self { allowed: Some(false), basis, reason, via: Vec::new() }
    }

    /// Cannot be told.
    pub(super) fn unknown(reason: String) -> Self {
        Self { allowed: None, basis: Basis::Unknown, reason, via: Vec::new() }
    }
}

/// `RBAC: e` for one distinct error, `RBAC: [e1, e2]` for several, nothing for none.
fn rbac_errors(errors: &[String]) -> String {
    let mut distinct: Vec<&str> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    distinct.extend(errors.iter().map(String::as_str).filter(|e| seen.insert(*e)));
    match distinct.as_slice() {
        [] => String::new(),
        [one] => format!("RBAC: {one}"),
        many => format!("RBAC: [{}]", many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_joined_as_the_api_server_does() {
        let errors = |list: &[&str]| rbac_errors(&list.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>());
        assert_eq!(errors(&[]), "");
        assert_eq!(errors(&["a", "a"]), "RBAC: a");
        assert_eq!(errors(&["b", "a", "b"]), "RBAC: [b, a]");
    }
}
