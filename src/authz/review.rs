//! One access review as of one instant, three-valued. "Yes" needs one known chain. "No" needs that
//! nothing unknown could have allowed it. Everything else is unknown, and says why.
//!
//! Source: `VisitRulesFor` in `pkg/registry/rbac/validation/rule.go`; the privileged group in
//! `pkg/kubeapiserver/authorizer/reload.go`.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::identity::MASTERS;
use crate::model::rbac::RbacKind;
use crate::model::review::AccessReview;
use crate::model::time::{Interval, Timestamp};

use super::decision::{Chain, Decision};
use super::index::{Binding, Given, Version};
use super::lookup::Hit;
use super::objects::RuleRef;
use super::role_ref::not_found;
use super::sieve::Probe;
use super::timeline::{Authorizer, RoleAt};
use super::unknown::{Missing, SPELLED_OUT, Unknown, reason};
use super::when::When;

/// What has been found while looking at the matching bindings. Stays free of allocation as long as
/// all is known and nothing allows.
#[derive(Default)]
struct Tally {
    /// Known chains: the binding version and subject, the rule, and the role's stretch.
    allowing: Vec<(Hit, usize)>,
    dangling: Vec<(usize, String)>,
    unknown: Vec<Unknown>,
    /// Binding versions of which nothing is known.
    opaque: Vec<usize>,
    /// What was looked at and did not allow, for the weakest basis among it.
    weakest: Option<Basis>,
}

impl Tally {
    fn rest_on(&mut self, basis: Basis) {
        self.weakest = self.weakest.max(Some(basis));
    }
}

impl Authorizer {
    /// RBAC's own answer. User and groups are taken to the letter; `system:masters` is a group like any other.
    pub fn review(&self, review: &AccessReview, at: Timestamp) -> Decision {
        let AccessReview { user, groups, action } = review;
        let (namespace, window, probe) = (action.namespace(), When::At(at).window(), Probe::new(action));
        let mut tally = Tally::default();
        self.lookup.matching(user, groups, namespace, window, |hit| {
            self.weigh(hit.version, Some(hit), &probe, window.from, &mut tally);
        });
        if !tally.allowing.is_empty() {
            return Decision::allowed_by(self.chains(tally.allowing, window.from));
        }
        self.lookup.open(namespace, window, |place| self.weigh(place, None, &probe, window.from, &mut tally));
        let sets = self.unseen_bindings(namespace, window, &mut tally.unknown);
        if !tally.unknown.is_empty() || !tally.opaque.is_empty() {
            return Decision::unknown(self.unknown_reason(tally.unknown, tally.opaque));
        }
        tally.dangling.sort_unstable();
        let errors: Vec<String> = tally.dangling.into_iter().map(|(_, error)| error).collect();
        Decision::refused(tally.weakest.unwrap_or(sets).weakest(sets), &errors)
    }

    /// The API server's answer, as far as it is made of the privileged group and RBAC: members of
    /// `system:masters` are let through before any RBAC object is read.
    pub fn review_api_server(&self, review: &AccessReview, at: Timestamp) -> Decision {
        if review.groups.iter().any(|group| group == MASTERS) {
            return Decision::privileged();
        }
        self.review(review, at)
    }

    /// Looks at one binding version that speaks of the user, or (without a hit) may speak of anybody.
    fn weigh(&self, place: usize, hit: Option<Hit>, probe: &Probe<'_>, at: Timestamp, tally: &mut Tally) {
        let Some((binding, version)) = self.version(place) else { return };
        let Given::Role { role, doubt, .. } = &version.state else {
            return tally.opaque.push(place);
        };
        let Some(role) = self.role_at(role, at) else { return };
        let certain = hit.filter(|_| doubt.is_none());
        let allowing = match &role {
            RoleAt::Rules { rules, sieves, .. } => probe.allowing_rule(sieves, rules),
            _ => None,
        };
        match (&role, allowing) {
            (RoleAt::Rules { doubt: None, .. }, Some(rule)) if certain.is_some() => {
                tally.allowing.extend(certain.map(|hit| (hit, rule)));
            }
            (RoleAt::Rules { basis, .. }, None) | (RoleAt::Absent { basis, .. }, _) => {
                tally.rest_on(version.basis.weakest(*basis));
            }
            (RoleAt::Never(_), _) => tally.rest_on(version.basis),
            _ => doubts(binding, version, &role, at, |unknown| tally.unknown.push(unknown)),
        }
        if certain.is_some()
            && let Some(error) = resolution_error(&role)
        {
            tally.dangling.push((place, error));
        }
    }

    /// Names what is unknown; of many opaque bindings only as many as a reason spells out.
    fn unknown_reason(&self, mut unknown: Vec<Unknown>, mut opaque: Vec<usize>) -> String {
        opaque.sort_unstable();
        let (spelled, counted) = opaque.split_at(opaque.len().min(SPELLED_OUT));
        unknown.extend(spelled.iter().filter_map(|place| self.unknown_version(*place)));
        reason(unknown, counted.len())
    }

    /// The chains in the authorizer's order, one for each binding, its first matching subject named.
    fn chains(&self, mut allowing: Vec<(Hit, usize)>, at: Timestamp) -> Vec<Chain> {
        allowing.sort_unstable();
        allowing.dedup_by_key(|(hit, _)| hit.version);
        allowing.into_iter().filter_map(|(hit, rule)| self.chain(hit, rule, at)).collect()
    }

    fn chain(&self, hit: Hit, rule: usize, at: Timestamp) -> Option<Chain> {
        let (binding, version) = self.version(hit.version)?;
        let Given::Role { role, subjects: Some(subjects), .. } = &version.state else { return None };
        let RoleAt::Rules { role, rules, held, basis, .. } = self.role_at(role, at)? else { return None };
        Some(Chain {
            binding: binding.object.clone(),
            role: role.object.clone(),
            subject: subjects.get(hit.subject)?.clone(),
            rule: RuleRef::new(Arc::clone(rules), rule),
            held: version.held.intersect(held),
            basis: version.basis.weakest(basis),
        })
    }

    /// How well the sets of bindings in the request's reach are known; notes those that are not.
    pub(super) fn unseen_bindings(&self, namespace: &str, window: Interval, unknown: &mut Vec<Unknown>) -> Basis {
        let mut weakest = Basis::Observed;
        let mut rest_on = |kind: RbacKind, namespace: &str| match self.sets.at(kind, namespace, window.from) {
            Some(basis) => weakest = weakest.weakest(basis),
            None => unknown.push(Unknown {
                what: Missing::UnseenBindings { kind, namespace: kind.namespaced().then(|| namespace.into()) },
                held: window,
            }),
        };
        rest_on(RbacKind::ClusterRoleBinding, "");
        if !namespace.is_empty() {
            rest_on(RbacKind::RoleBinding, namespace);
        }
        weakest
    }

    /// What a binding version leaves open of which nothing is known.
    pub(super) fn unknown_version(&self, place: usize) -> Option<Unknown> {
        let (binding, version) = self.version(place)?;
        let Given::Unknown(why) = &version.state else { return None };
        let what = Missing::Binding { binding: binding.object.clone(), why: Arc::clone(why) };
        Some(Unknown { what, held: version.held })
    }
}

/// Says what keeps a binding and its role, as they were at an instant, from granting for sure.
pub(super) fn doubts(
    binding: &Binding,
    version: &Version,
    role: &RoleAt<'_>,
    at: Timestamp,
    mut f: impl FnMut(Unknown),
) {
    let given_by = Some(binding.object.clone());
    if let Given::Role { doubt: Some(why), .. } = &version.state {
        let what = Missing::MaybeBinding { binding: binding.object.clone(), why: Arc::clone(why) };
        f(Unknown { what, held: version.held });
    }
    match role {
        RoleAt::Rules { role, doubt: Some(why), held, .. } => {
            let what = Missing::MaybeRole { role: role.object.clone(), given_by, why: Arc::clone(why) };
            f(Unknown { what, held: *held });
        }
        RoleAt::Unknown { role, held, why } => {
            let what = Missing::Rules { role: role.object.clone(), given_by, why: Arc::clone(why) };
            f(Unknown { what, held: *held });
        }
        RoleAt::Unseen { role } => {
            let what = Missing::UnseenRole { role: role.object.clone(), given_by };
            f(Unknown { what, held: When::At(at).window() });
        }
        RoleAt::Rules { .. } | RoleAt::Absent { .. } | RoleAt::Never(_) => {}
    }
}

/// The authorizer's error about a role that it does not find.
pub(super) fn resolution_error(role: &RoleAt<'_>) -> Option<String> {
    match role {
        RoleAt::Absent { role, .. } => Some(not_found(role.object.kind, &role.object.name)),
        RoleAt::Never(never) => Some(never.error.clone()),
        RoleAt::Rules { .. } | RoleAt::Unknown { .. } | RoleAt::Unseen { .. } => None,
    }
}
