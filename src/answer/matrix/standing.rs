//! A subject at an instant: whom the authorizer is asked about, and the rules it holds, for what a single
//! answer does not tell (which names, which further verbs).

use std::collections::BTreeSet;

use super::resources::Line;
use super::{Cell, VERBS};
use crate::answer::can;
use crate::authz::matching::{matched_entries, names_allow};
use crate::authz::{Authorizer, OwnRules, Unknown};
use crate::model::basis::Basis;
use crate::model::rbac::PolicyRule;
use crate::model::review::{AccessReview, Action, ResourceTarget, Target};
use crate::model::time::Timestamp;

/// A subject at an instant.
pub(super) struct Standing<'a> {
    authorizer: &'a Authorizer,
    pub(super) user: String,
    pub(super) groups: Vec<String>,
    namespace: String,
    at: Timestamp,
    /// The rules that count cluster-wide.
    wide: OwnRules,
    /// The rules that count in the namespace, those included.
    inside: OwnRules,
}

impl<'a> Standing<'a> {
    pub(super) fn new(
        authorizer: &'a Authorizer,
        user: String,
        groups: Vec<String>,
        namespace: Option<&str>,
        at: Timestamp,
    ) -> Self {
        let namespace = namespace.unwrap_or_default().to_owned();
        let wide = authorizer.rules_for(&user, &groups, "", at);
        let inside = authorizer.rules_for(&user, &groups, &namespace, at);
        Self { authorizer, user, groups, namespace, at, wide, inside }
    }

    /// Whether it is a kubelet, for whom another authorizer is asked as well.
    pub(super) fn is_node(&self) -> bool {
        self.user.starts_with("system:node:") && self.groups.iter().any(|g| g == "system:nodes")
    }

    /// All rules that count.
    pub(super) fn rules(&self) -> impl Iterator<Item = &PolicyRule> {
        self.inside.known()
    }

    /// What could add to the rules.
    pub(super) fn unknown(&self) -> &[Unknown] {
        &self.inside.unknown
    }

    /// The namespace that a request for a line carries.
    pub(super) fn namespace(&self, line: &Line) -> &str {
        if line.namespaced == Some(false) { "" } else { &self.namespace }
    }

    fn rules_of(&self, line: &Line) -> &OwnRules {
        if self.namespace(line).is_empty() { &self.wide } else { &self.inside }
    }

    fn action(&self, line: &Line, verb: &str) -> Action {
        let target = ResourceTarget {
            group: line.group.clone(),
            resource: line.resource.clone(),
            subresource: line.subresource.clone(),
            namespace: self.namespace(line).to_owned(),
            name: String::new(),
        };
        Action { verb: verb.to_owned(), target: Target::Resource(target) }
    }

    fn allowed(&self, action: Action, basis: &mut Option<Basis>) -> Option<bool> {
        let review = AccessReview { user: self.user.clone(), groups: self.groups.clone(), action };
        let decision = can::decide(self.authorizer, &review, self.at);
        *basis = Some(basis.map_or(decision.basis, |b| b.weakest(decision.basis)));
        decision.allowed
    }

    /// What a cell says.
    pub(super) fn cell(&self, line: &Line, verb: &str, basis: &mut Option<Basis>) -> Cell {
        if !line.verbs.is_empty() && !line.verbs.iter().any(|v| v == verb) {
            return Cell::NotServed;
        }
        match self.allowed(self.action(line, verb), basis) {
            Some(true) => Cell::Yes,
            _ if self.by_name(line, verb) || self.own_namespace(line, verb, basis) => Cell::NamesOnly,
            Some(false) => Cell::No,
            None => Cell::Unknown,
        }
    }

    /// Whether single named objects are in reach. A plain create carries a name only where it comes as an update
    /// or patch of a missing object, and a deletecollection never.
    fn by_name(&self, line: &Line, verb: &str) -> bool {
        let names = self.names_for(line, verb);
        match verb {
            _ if names.is_empty() => false,
            "deletecollection" => false,
            "create" if line.subresource.is_empty() => ["update", "patch"].iter().any(|written| {
                self.matching(line, written)
                    .any(|r| r.resource_names.is_empty() || r.resource_names.iter().any(|n| names.contains(n.as_str())))
            }),
            _ => true,
        }
    }

    /// A request for one Namespace object carries its name as its namespace, so that a RoleBinding in it counts.
    fn own_namespace(&self, line: &Line, verb: &str, basis: &mut Option<Basis>) -> bool {
        let single = matches!(verb, "get" | "update" | "patch" | "delete")
            && matches!(line.subresource.as_str(), "" | "status" | "finalize");
        if !single || self.namespace.is_empty() || !line.group.is_empty() || line.resource != "namespaces" {
            return false;
        }
        let mut action = self.action(line, verb);
        if let Target::Resource(target) = &mut action.target {
            target.namespace.clone_from(&self.namespace);
            target.name.clone_from(&self.namespace);
        }
        self.allowed(action, basis) == Some(true)
    }

    /// The rules that allow a verb on a line, perhaps only for some names.
    fn matching(&self, line: &Line, verb: &str) -> impl Iterator<Item = &PolicyRule> {
        let action = self.action(line, verb);
        self.rules_of(line).known().filter(move |rule| matched_entries(rule, &action).is_some())
    }

    fn names_for(&self, line: &Line, verb: &str) -> BTreeSet<&str> {
        let action = self.action(line, verb);
        let named = self.matching(line, verb).filter(|rule| !names_allow(rule, &action));
        named.flat_map(|rule| rule.resource_names.iter().map(String::as_str)).filter(|n| !n.is_empty()).collect()
    }

    /// All names that rules for a line are limited to.
    pub(super) fn names(&self, line: &Line) -> BTreeSet<&str> {
        VERBS.iter().flat_map(|verb| self.names_for(line, verb)).collect()
    }

    /// Verbs beside the usual ones that rules give on a line.
    pub(super) fn other_verbs(&self, line: &Line) -> Vec<String> {
        let mut found: BTreeSet<(&str, bool)> = BTreeSet::new();
        for rule in self.rules_of(line).known() {
            for verb in rule.verbs.iter().filter(|v| !VERBS.contains(&v.as_str())) {
                let action = self.action(line, verb);
                if matched_entries(rule, &action).is_some() {
                    found.insert((verb, !names_allow(rule, &action)));
                }
            }
        }
        let whole: BTreeSet<&str> = found.iter().filter(|(_, named)| !named).map(|(verb, _)| *verb).collect();
        let shown = found.into_iter().filter(|(verb, named)| !(*named && whole.contains(verb)));
        shown.map(|(verb, named)| if named { format!("{verb} (names only)") } else { verb.to_owned() }).collect()
    }
}
