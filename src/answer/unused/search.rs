//! From a grant to the requests that it would have allowed.

use std::collections::HashMap;

use super::Question;
use crate::answer::rights::gives;
use crate::answer::uses::{Moment, Outcome, Requests, Shape, UseIndex, Uses};
use crate::authz::matching::{ALL, matched_entries, resource_matches, rule_allows, url_matches};
use crate::authz::{GrantScope, Right, SubjectKind};
use crate::model::identity::service_account_user;
use crate::model::rbac::PolicyRule;
use crate::model::review::{Action, Target};
use crate::model::time::Interval;

/// How long an authorizer may still act on a state that has ended: it reads RBAC objects through a cache.
const CACHE_LAG: i64 = 10_000_000;

/// What the log shows of one grant.
#[derive(Clone, Debug, Default)]
pub(super) struct Use {
    /// Requests.
    pub(super) requests: usize,
    /// The last of them.
    pub(super) last: Option<Moment>,
    /// Which entries of `verbs` were of use.
    pub(super) verbs: Vec<bool>,
    /// Which of what the rule is about.
    pub(super) whats: Vec<bool>,
}

/// Finds the use of grants.
pub(super) struct Search<'a> {
    uses: &'a Uses,
    index: UseIndex<'a>,
    /// For a question about one identity: its user name. Others' use of the same groups does not count.
    pub(super) only: Option<String>,
    within: Interval,
    shapes: Vec<Action>,
    logged: HashMap<PolicyRule, bool>,
}

impl<'a> Search<'a> {
    pub(super) fn new(question: &Question<'_>, uses: &'a Uses) -> Self {
        let index = uses.index(|requests, identity| requests.outcome == Outcome::Allowed && !identity.is_master());
        Self {
            uses,
            index,
            only: question.wanted.full_identity().map(|(user, _)| user),
            within: question.within,
            shapes: uses.shapes().iter().map(Shape::action).collect(),
            logged: HashMap::new(),
        }
    }

    /// The requests of those that a right's subject stands for, where the right counts.
    fn requests(&self, right: &Right) -> impl Iterator<Item = &'a Requests> {
        let name = &right.subject.name;
        let namespace = match &right.scope {
            GrantScope::Cluster => None,
            GrantScope::Namespace(namespace) => Some(&**namespace),
        };
        let places = match right.subject.kind {
            SubjectKind::User => self.index.of_user(name, namespace),
            SubjectKind::ServiceAccount => {
                self.index.of_user(&service_account_user(&right.subject.namespace, name), namespace)
            }
            SubjectKind::Group => self.index.of_group(name, namespace),
            SubjectKind::Other(_) => &[],
        };
        let uses = self.uses;
        let mine = |r: &&Requests| match &self.only {
            Some(user) => uses.identity(r).is_some_and(|i| i.user == *user),
            None => true,
        };
        places.iter().filter_map(|place| uses.requests.get(*place)).filter(mine)
    }

    /// What use the log shows of a grant; `bound` is all that its binding ever gave its subject.
    pub(super) fn of(&self, right: &Right, rule: &PolicyRule, bound: &[Right]) -> Use {
        let mut used =
            Use { verbs: vec![false; rule.verbs.len()], whats: vec![false; whats(rule).len()], ..Use::default() };
        let held = right.held.intersect(self.within);
        for requests in self.requests(right) {
            if !reaches(&right.scope, &requests.action) || !rule_allows(rule, &requests.action) {
                continue;
            }
            let mut count = requests.moments.count_within(held);
            let mut last = requests.moments.last_within(held);
            if names(right, requests) {
                let late = late(requests, held, bound);
                count = count.saturating_add(late.len());
                last = last.max(late.first().copied());
            }
            if count > 0 {
                used.requests = used.requests.saturating_add(count);
                used.last = used.last.max(last.cloned());
                used.mark(rule, &requests.action);
            }
        }
        used
    }

    /// Whether the log shows any request at all of the kind that a rule allows, by anybody, whatever came of it.
    pub(super) fn logged(&mut self, rule: &PolicyRule) -> bool {
        if let Some(known) = self.logged.get(rule) {
            return *known;
        }
        let seen = self.shapes.iter().any(|shape| matched_entries(rule, shape).is_some());
        self.logged.insert(rule.clone(), seen);
        seen
    }
}

impl Use {
    /// Marks the entries of the rule that match an action which the rule allows. Each list is matched for itself.
    fn mark(&mut self, rule: &PolicyRule, action: &Action) {
        for (verb, used) in rule.verbs.iter().zip(&mut self.verbs) {
            *used |= verb == ALL || *verb == action.verb;
        }
        for (what, used) in whats(rule).iter().zip(&mut self.whats) {
            *used |= match &action.target {
                Target::Resource(target) => resource_matches(what, target),
                Target::NonResource { path } => rule.resources.is_empty() && url_matches(what, path),
            };
        }
    }
}

/// What a rule is about: resources, or URLs.
pub(super) fn whats(rule: &PolicyRule) -> &[String] {
    if rule.resources.is_empty() { &rule.non_resource_urls } else { &rule.resources }
}

/// Whether a grant of this scope can allow the action at all.
fn reaches(scope: &GrantScope, action: &Action) -> bool {
    match scope {
        GrantScope::Cluster => true,
        GrantScope::Namespace(namespace) => {
            matches!(action.target, Target::Resource(_)) && action.namespace() == &**namespace
        }
    }
}

/// Whether the API server named this very binding and role.
fn names(right: &Right, requests: &Requests) -> bool {
    requests.named.as_ref().is_some_and(|named| {
        named.binding_kind == right.binding.kind
            && *named.binding == *right.binding.name
            && *named.binding_namespace == *right.binding.namespace
            && *named.role == *right.role.name
    })
}

/// Requests that the API server allowed by a grant shortly before or after it held, the last first. They count
/// only where nothing that the same binding gave at that moment explains them.
fn late<'r>(requests: &'r Requests, held: Interval, bound: &[Right]) -> Vec<&'r Moment> {
    let lagging = Interval::new(held.from.plus_micros(-CACHE_LAG), held.to.plus_micros(CACHE_LAG));
    if held.is_empty() || requests.moments.count_within(lagging) == requests.moments.count_within(held) {
        return Vec::new();
    }
    let allows = |right: &&Right| gives(right).1.is_some_and(|rule| rule_allows(rule, &requests.action));
    let explained = |m: &Moment| bound.iter().filter(allows).any(|right| m.may_lie_in(right.held));
    requests.moments.within(lagging).filter(|m| !explained(m)).collect()
}
