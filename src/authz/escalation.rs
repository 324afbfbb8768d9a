//! May this user write this RBAC object? Beyond the plain right to create or change it, Kubernetes
//! refuses to let anybody hand out more than they hold, unless they may `escalate` or `bind`.
//!
//! Source: `pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased/storage.go`,
//! `pkg/registry/rbac/escalation_check.go`, `ConfirmNoEscalation` in `pkg/registry/rbac/validation/rule.go`.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::identity::MASTERS;
use crate::model::rbac::{PolicyRule, RBAC_GROUP, RbacKind, RoleRef};
use crate::model::review::{AccessReview, Action, ResourceTarget, Target};
use crate::model::time::Timestamp;

use super::covers::{TooLarge, uncovered};
use super::decision::Decision;
use super::index::Content;
use super::matching::ALL;
use super::objects::RuleRef;
use super::own_rules::OwnRules;
use super::role_ref::{not_found, role_object};
use super::timeline::Authorizer;
use super::unknown::{Missing, Unknown, reason};
use super::when::{When, instant};
use super::writes::{RbacWrite, WriteVerb, Written};

/// Whether a write was possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteVerdict {
    /// Yes, no, or unknown: plain right and escalation check together.
    pub allowed: Option<bool>,
    /// How well that is known.
    pub basis: Basis,
    /// The plain right to the request.
    pub plain: Decision,
    /// The check against handing out more than one holds.
    pub check: EscalationCheck,
}

/// The check against handing out more than one holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscalationCheck {
    /// Whether it is passed.
    pub passed: Option<bool>,
    /// How well that is known.
    pub basis: Basis,
    /// The first way that passes it, in the API server's order.
    pub by: Option<Pass>,
    /// What would be handed out that the user's known rules do not cover, one tuple each, in breakdown order.
    pub uncovered: Vec<PolicyRule>,
    /// Why it is not passed, or cannot be told; empty when passed.
    pub reason: String,
}

/// The ways to pass the escalation check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Membership in `system:masters`.
    PrivilegedGroup,
    /// Nothing that is granted changes.
    Housekeeping,
    /// The verb `escalate` on the role, or `bind` on the role referred to.
    Verb,
    /// The user holds all that is handed out.
    Cover,
}

impl Authorizer {
    /// Whether the write was possible at an instant, by RBAC and the privileged group. Deleting needs only the
    /// plain right: ask [`Authorizer::review_api_server`]. A create by `PUT` or apply is first an update or
    /// patch, then a create with the name; ask the plain right to the latter too.
    pub fn may_write(&self, write: &RbacWrite<'_>, at: Timestamp) -> WriteVerdict {
        let (kind, namespace, name) = write.object.place();
        let named = if write.verb == WriteVerb::Create { "" } else { name };
        let plain = self.ask(write, write.verb.as_str(), kind, namespace, named, at);
        let check = self.escalation(write, at);
        let (allowed, basis) = match (plain.allowed, check.passed) {
            (Some(true), Some(true)) => (Some(true), plain.basis.weakest(check.basis)),
            // One known refusal settles it; two are as good as the better known.
            (Some(false), Some(false)) => (Some(false), plain.basis.min(check.basis)),
            (Some(false), _) => (Some(false), plain.basis),
            (_, Some(false)) => (Some(false), check.basis),
            _ => (None, Basis::Unknown),
        };
        WriteVerdict { allowed, basis, plain, check }
    }

    fn ask(
        &self,
        write: &RbacWrite<'_>,
        verb: &str,
        kind: RbacKind,
        namespace: &str,
        name: &str,
        at: Timestamp,
    ) -> Decision {
        let target = Target::Resource(ResourceTarget {
            group: RBAC_GROUP.to_owned(),
            resource: kind.resource().to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            subresource: String::new(),
        });
        let action = Action { verb: verb.to_owned(), target };
        self.review_api_server(&AccessReview { user: write.user.to_owned(), groups: write.groups.to_vec(), action }, at)
    }

    fn escalation(&self, write: &RbacWrite<'_>, at: Timestamp) -> EscalationCheck {
        if write.groups.iter().any(|group| group == MASTERS) {
            return EscalationCheck::passed(Pass::PrivilegedGroup, Basis::Observed);
        }
        if write.housekeeping && write.verb != WriteVerb::Create {
            return EscalationCheck::passed(Pass::Housekeeping, Basis::Observed);
        }
        let (verb, decision) = self.override_verb(write, at);
        let mut check = self.cover(write, at);
        if decision.allowed == Some(true) {
            // Where both ways are open, the better known one counts.
            let basis = if check.passed == Some(true) { check.basis.min(decision.basis) } else { decision.basis };
            return EscalationCheck::passed(Pass::Verb, basis);
        }
        if check.passed == Some(false) && decision.allowed.is_none() {
            check.passed = None;
            check.basis = Basis::Unknown;
            check.reason = format!("whether `{}` may `{verb}` is unknown: {}", write.user, decision.reason);
        } else if check.passed == Some(false) {
            check.basis = check.basis.weakest(decision.basis);
        }
        check
    }

    /// Whether the verb is held that lets one hand out what one does not hold.
    fn override_verb(&self, write: &RbacWrite<'_>, at: Timestamp) -> (&'static str, Decision) {
        let (kind, namespace, name) = write.object.place();
        match write.object {
            Written::Role { .. } | Written::ClusterRole { .. } => {
                let name = if write.verb == WriteVerb::Create { "" } else { name };
                ("escalate", self.ask(write, "escalate", kind, namespace, name, at))
            }
            Written::RoleBinding { role_ref, .. } | Written::ClusterRoleBinding { role_ref, .. } => {
                let role = RbacKind::from_kind(&role_ref.kind);
                let decision = match role.filter(|kind| matches!(kind, RbacKind::Role | RbacKind::ClusterRole)) {
                    Some(role) => self.ask(write, "bind", role, namespace, &role_ref.name, at),
                    None => Decision::refused(Basis::Observed, &[]),
                };
                ("bind", decision)
            }
        }
    }

    /// Whether the user's own rules cover what is handed out.
    fn cover(&self, write: &RbacWrite<'_>, at: Timestamp) -> EscalationCheck {
        let (kind, namespace, _) = write.object.place();
        let own = self.rules_for(write.user, write.groups, namespace, at);
        match write.object {
            Written::Role { rules, .. } => EscalationCheck::cover(&own, rules, Basis::Observed),
            Written::ClusterRole { rules, aggregated, .. } => {
                let full = if aggregated { full_authority() } else { Vec::new() };
                EscalationCheck::cover(&own, &[rules, &full].concat(), Basis::Observed)
            }
            Written::RoleBinding { role_ref, .. } | Written::ClusterRoleBinding { role_ref, .. } => {
                self.cover_referenced(&own, kind, namespace, role_ref, at)
            }
        }
    }

    /// Whether the rules are covered of the role that a binding would give.
    fn cover_referenced(
        &self,
        own: &OwnRules,
        binding: RbacKind,
        namespace: &str,
        role_ref: &RoleRef,
        at: Timestamp,
    ) -> EscalationCheck {
        let at = instant(at);
        let unknown =
            |what, held| EscalationCheck::failed(None, Basis::Unknown, reason(vec![Unknown { what, held }], 0));
        let role = match role_object(binding, &Arc::from(namespace), role_ref) {
            Ok(role) => role,
            Err(error) => return EscalationCheck::failed(Some(false), Basis::Observed, error),
        };
        let stored = self.index.places.get(&role).and_then(|place| self.index.roles.get(*place));
        let Some(stretch) = stored.and_then(|stored| stored.at(at)) else {
            return match self.sets.at(role.kind, &role.namespace, at) {
                Some(basis) => EscalationCheck::failed(Some(false), basis, not_found(role.kind, &role.name)),
                None => unknown(Missing::UnseenRole { role, given_by: None }, When::At(at).window()),
            };
        };
        match &stretch.state {
            Content::Rules { rules, doubt: None, .. } => EscalationCheck::cover(own, rules, stretch.basis),
            Content::Rules { rules, doubt: Some(why), .. } => match EscalationCheck::cover(own, rules, stretch.basis) {
                // Missing, it would be refused too.
                check if check.passed == Some(false) => check,
                _ => unknown(Missing::MaybeRole { role, given_by: None, why: Arc::clone(why) }, stretch.held),
            },
            Content::Unknown(why) => {
                unknown(Missing::Rules { role, given_by: None, why: Arc::clone(why) }, stretch.held)
            }
        }
    }
}

impl EscalationCheck {
    fn passed(by: Pass, basis: Basis) -> Self {
        Self { passed: Some(true), basis, by: Some(by), uncovered: Vec::new(), reason: String::new() }
    }

    fn failed(passed: Option<bool>, basis: Basis, reason: String) -> Self {
        Self { passed, basis, by: None, uncovered: Vec::new(), reason }
    }

    /// Compares what is held with what is handed out; `basis` is how well the latter is known.
    fn cover(own: &OwnRules, demanded: &[PolicyRule], basis: Basis) -> Self {
        Self::compare(own, demanded, basis).unwrap_or_else(|e| Self::failed(None, Basis::Unknown, e.to_string()))
    }

    fn compare(own: &OwnRules, demanded: &[PolicyRule], basis: Basis) -> Result<Self, TooLarge> {
        // The strongest basis whose rules suffice alone is the basis of the yes.
        for level in [Basis::Observed, Basis::Derived, Basis::Assumed] {
            let held: Vec<_> = own.rules.iter().filter(|c| c.basis <= level).map(|c| c.rule.rule()).collect();
            if uncovered(&held, demanded)?.is_empty() {
                return Ok(Self::passed(Pass::Cover, basis.weakest(level)));
            }
        }
        let known: Vec<_> = own.known().collect();
        let possible: Vec<_> = own.known().chain(own.possible.iter().map(RuleRef::rule)).collect();
        let left = uncovered(&known, demanded)?;
        let check = if !own.unknown.is_empty() {
            Self::failed(None, Basis::Unknown, reason(own.unknown.clone(), 0))
        } else if !own.possible.is_empty() && uncovered(&possible, demanded)?.is_empty() {
            Self::failed(None, Basis::Unknown, reason(own.doubts.clone(), 0))
        } else {
            let lacking = format!("{} of the permissions that would be handed out are not held", left.len());
            Self::failed(Some(false), basis.weakest(own.rests_on), lacking)
        };
        Ok(Self { uncovered: left, ..check })
    }
}

/// What an aggregationRule demands on top: everything.
fn full_authority() -> Vec<PolicyRule> {
    let all = || vec![ALL.to_owned()];
    vec![
        PolicyRule { verbs: all(), api_groups: all(), resources: all(), ..PolicyRule::default() },
        PolicyRule { verbs: all(), non_resource_urls: all(), ..PolicyRule::default() },
    ]
}
