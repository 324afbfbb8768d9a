//! The rules a user holds in a namespace at an instant, as the escalation check and
//! `kubectl auth can-i --list` see them.
//!
//! Source: `RulesFor` in `pkg/registry/rbac/validation/rule.go`.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::rbac::PolicyRule;
use crate::model::time::Timestamp;

use super::decision::Chain;
use super::index::Given;
use super::objects::RuleRef;
use super::review::{doubts, resolution_error};
use super::timeline::{Authorizer, RoleAt};
use super::unknown::Unknown;
use super::when::When;

/// The rules a user holds in a namespace at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRules {
    /// Every known rule with its chain: ClusterRoleBindings first, then by name, then in the role's order.
    pub rules: Vec<Chain>,
    /// Rules that are held if an object existed that may not have.
    pub possible: Vec<RuleRef>,
    /// Why the possible rules are only possible.
    pub doubts: Vec<Unknown>,
    /// What could add any rules, but the evidence cannot tell.
    pub unknown: Vec<Unknown>,
    /// Errors of dangling role references, in the API server's words, each once.
    pub errors: Vec<String>,
    /// The weakest thing that the list as a whole rests on; [`Basis::Unknown`] exactly when anything is possible or
    /// unknown.
    pub basis: Basis,
    /// The weakest known thing that the list rests on, doubts left aside.
    pub(super) rests_on: Basis,
}

impl OwnRules {
    /// The known rules.
    pub fn known(&self) -> impl Iterator<Item = &PolicyRule> {
        self.rules.iter().map(|chain| chain.rule.rule())
    }
}

impl Authorizer {
    /// The rules that user and groups, taken to the letter, hold cluster-wide and in `namespace` (`""`: only
    /// cluster-wide).
    pub fn rules_for(&self, user: &str, groups: &[String], namespace: &str, at: Timestamp) -> OwnRules {
        let window = When::At(at).window();
        let mut places = Vec::new();
        self.lookup.matching(user, groups, namespace, window, |hit| places.push((hit.version, Some(hit.subject))));
        self.lookup.open(namespace, window, |place| places.push((place, None)));
        places.sort_unstable();
        places.dedup_by_key(|(version, _)| *version);
        let mut own = OwnRules {
            rules: Vec::new(),
            possible: Vec::new(),
            doubts: Vec::new(),
            unknown: Vec::new(),
            errors: Vec::new(),
            basis: Basis::Unknown,
            rests_on: Basis::Observed,
        };
        for (version, subject) in places {
            self.collect_rules(version, subject, window.from, &mut own);
        }
        let sets = self.unseen_bindings(namespace, window, &mut own.unknown);
        for list in [&mut own.doubts, &mut own.unknown] {
            list.sort_unstable();
            list.dedup();
        }
        own.rests_on = own.rests_on.weakest(sets);
        if own.unknown.is_empty() && own.possible.is_empty() {
            own.basis = own.rests_on;
        }
        own
    }

    fn collect_rules(&self, place: usize, subject: Option<usize>, at: Timestamp, own: &mut OwnRules) {
        let Some((binding, version)) = self.version(place) else { return };
        let Given::Role { role, subjects, doubt } = &version.state else {
            return own.unknown.extend(self.unknown_version(place));
        };
        let Some(target) = self.role_at(role, at) else { return };
        let certain =
            subjects.as_deref().zip(subject).and_then(|(all, place)| all.get(place)).filter(|_| doubt.is_none());
        match &target {
            RoleAt::Rules { role, rules, doubt: None, held, basis, .. } if certain.is_some() => {
                own.rests_on = own.rests_on.weakest(version.basis).weakest(*basis);
                own.rules.extend((0..rules.len()).zip(certain.into_iter().cycle()).map(|(index, subject)| Chain {
                    binding: binding.object.clone(),
                    role: role.object.clone(),
                    subject: subject.clone(),
                    rule: RuleRef::new(Arc::clone(rules), index),
                    held: version.held.intersect(*held),
                    basis: version.basis.weakest(*basis),
                }));
            }
            RoleAt::Rules { rules, .. } => {
                own.possible.extend((0..rules.len()).map(|index| RuleRef::new(Arc::clone(rules), index)));
                doubts(binding, version, &target, at, |unknown| own.doubts.push(unknown));
            }
            RoleAt::Unknown { .. } | RoleAt::Unseen { .. } => {
                doubts(binding, version, &target, at, |unknown| own.unknown.push(unknown));
            }
            RoleAt::Absent { basis, .. } => own.rests_on = own.rests_on.weakest(version.basis).weakest(*basis),
            RoleAt::Never(_) => own.rests_on = own.rests_on.weakest(version.basis),
        }
        let error = certain.and_then(|_| resolution_error(&target));
        if let Some(error) = error.filter(|error| !own.errors.contains(error)) {
            own.errors.push(error);
        }
    }
}
