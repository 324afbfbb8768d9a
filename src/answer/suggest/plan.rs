//! From single requests to rules. Requests are first gathered into what RBAC grants together (a verb on a
//! resource in a place, with or without names); then rules are merged only where the merged rule grants exactly
//! the same, so that compact never means wider.

use std::collections::{BTreeMap, BTreeSet};

use super::needs::{Need, Needs, What};
use crate::model::rbac::PolicyRule;

/// A verb on a resource or URL in a namespace (`""`: cluster-wide).
pub(super) type Key = (String, What, String);

/// Which objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Names {
    /// All, because requests without a name need it.
    Needed,
    /// All, because too many names were used to list them.
    Many(BTreeSet<String>),
    /// These.
    Only(BTreeSet<String>),
}

impl Names {
    fn allow(&self, name: &str) -> bool {
        match self {
            Self::Needed | Self::Many(_) => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

/// What is to be granted.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) grants: BTreeMap<Key, Names>,
}

/// Whether granting one request would grant the other too: the same in the same place, or cluster-wide.
pub(super) fn reaches(granted: &Need, other: &Need) -> bool {
    (granted.namespace == other.namespace || granted.namespace.is_empty())
        && (&granted.what, &granted.verb) == (&other.what, &other.verb)
        && (granted.name.is_empty() || granted.name == other.name)
}

impl Plan {
    /// Gathers; names are kept where there are at most `limit`.
    pub(super) fn new(needs: &Needs, limit: usize) -> Self {
        let mut names: BTreeMap<Key, (bool, BTreeSet<String>)> = BTreeMap::new();
        for need in needs.allowed.keys() {
            let key = (need.namespace.clone(), need.what.clone(), need.verb.clone());
            let (unnamed, names) = names.entry(key).or_default();
            match need.name.as_str() {
                "" => *unnamed = true,
                name => drop(names.insert(name.to_owned())),
            }
        }
        let judge = |(unnamed, names): (bool, BTreeSet<String>)| match unnamed {
            true => Names::Needed,
            false if names.len() > limit => Names::Many(names),
            false => Names::Only(names),
        };
        let mut plan = Self { grants: names.into_iter().map(|(key, one)| (key, judge(one))).collect() };
        plan.drop_covered();
        plan
    }

    /// What is granted cluster-wide needs no second grant inside a namespace.
    fn drop_covered(&mut self) {
        let wide: BTreeMap<(What, String), Names> = self
            .grants
            .iter()
            .filter(|((namespace, ..), _)| namespace.is_empty())
            .map(|((_, what, verb), names)| ((what.clone(), verb.clone()), names.clone()))
            .collect();
        self.grants.retain(|(namespace, what, verb), names| {
            let Some(cover) = wide.get(&(what.clone(), verb.clone())).filter(|_| !namespace.is_empty()) else {
                return true;
            };
            match (cover, names) {
                (Names::Only(_), Names::Needed) => true,
                (Names::Only(cover), Names::Many(names) | Names::Only(names)) => !names.is_subset(cover),
                _ => false,
            }
        });
    }

    /// Lists the names after all where leaving them out would grant something that was denied.
    pub(super) fn tighten(&mut self, needs: &Needs) {
        for denied in needs.denied.keys() {
            for namespace in [denied.namespace.as_str(), ""] {
                let key = (namespace.to_owned(), denied.what.clone(), denied.verb.clone());
                if let Some(names) = self.grants.get_mut(&key)
                    && let Names::Many(all) = names
                {
                    *names = Names::Only(all.clone());
                }
            }
        }
    }

    /// Whether the plan grants a request.
    pub(super) fn allows(&self, need: &Need) -> bool {
        [need.namespace.as_str(), ""].into_iter().any(|namespace| {
            let key = (namespace.to_owned(), need.what.clone(), need.verb.clone());
            self.grants.get(&key).is_some_and(|names| names.allow(&need.name))
        })
    }

    /// The namespaces that need a role, `""` for the cluster, which comes first.
    pub(super) fn namespaces(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.grants.keys().map(|(namespace, ..)| namespace.as_str()).collect();
        all.dedup();
        all
    }

    /// The rules of one namespace's role, in a fixed order.
    pub(super) fn rules(&self, namespace: &str) -> Vec<PolicyRule> {
        let mut resources: BTreeMap<(String, String, Vec<String>), BTreeSet<String>> = BTreeMap::new();
        let mut urls: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for ((_, what, verb), names) in self.grants.iter().filter(|((own, ..), _)| own == namespace) {
            let verbs = match what {
                What::Url(path) => urls.entry(path.clone()).or_default(),
                What::Resource { group, .. } => {
                    let names = match names {
                        Names::Only(names) => names.iter().cloned().collect(),
                        _ => Vec::new(),
                    };
                    resources.entry((group.clone(), what.entry(), names)).or_default()
                }
            };
            verbs.insert(verb.clone());
        }
        let mut rules = merge(resources);
        let mut by_verbs: BTreeMap<BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
        for (path, verbs) in urls {
            by_verbs.entry(verbs).or_default().insert(path);
        }
        rules.extend(by_verbs.into_iter().map(|(verbs, paths)| PolicyRule {
            verbs: sorted_verbs(verbs),
            non_resource_urls: paths.into_iter().collect(),
            ..PolicyRule::default()
        }));
        rules
    }
}

/// Resources of one group that share verbs and names become one rule, then groups that share all the rest.
fn merge(single: BTreeMap<(String, String, Vec<String>), BTreeSet<String>>) -> Vec<PolicyRule> {
    type Shared = (BTreeSet<String>, Vec<String>);
    let mut by_group: BTreeMap<(String, Shared), BTreeSet<String>> = BTreeMap::new();
    for ((group, resource, names), verbs) in single {
        by_group.entry((group, (verbs, names))).or_default().insert(resource);
    }
    let mut whole: BTreeMap<(BTreeSet<String>, Shared), BTreeSet<String>> = BTreeMap::new();
    for ((group, shared), resources) in by_group {
        whole.entry((resources, shared)).or_default().insert(group);
    }
    let mut rules: Vec<PolicyRule> = whole
        .into_iter()
        .map(|((resources, (verbs, resource_names)), groups)| PolicyRule {
            verbs: sorted_verbs(verbs),
            api_groups: groups.into_iter().collect(),
            resources: resources.into_iter().collect(),
            resource_names,
            non_resource_urls: Vec::new(),
        })
        .collect();
    rules.sort_by(|a, b| {
        let key =
            |r: &PolicyRule| (r.api_groups.clone(), r.resources.clone(), r.resource_names.clone(), r.verbs.clone());
        key(a).cmp(&key(b))
    });
    rules
}

/// Verbs in the order people write them, others behind by name.
fn sorted_verbs(verbs: BTreeSet<String>) -> Vec<String> {
    const ORDER: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
    let place = |verb: &String| ORDER.iter().position(|o| o == verb).unwrap_or(ORDER.len());
    let mut verbs: Vec<String> = verbs.into_iter().collect();
    verbs.sort_by_key(|verb| (place(verb), verb.clone()));
    verbs
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::super::needs::Seen;
    use super::*;
    use crate::authz::matching::rule_allows;
    use crate::model::time::Timestamp;
    use proptest::prelude::*;

    fn need(namespace: &str, group: &str, resource: &str, verb: &str, name: &str) -> Need {
        let what = What::Resource { group: group.into(), resource: resource.into(), subresource: String::new() };
        Need { namespace: namespace.into(), what, verb: verb.into(), name: name.into() }
    }

    fn seen() -> Seen {
        let t = Timestamp::from_micros(0);
        Seen { requests: 1, first: t, last: t, asked: true }
    }

    fn needs(allowed: &[Need], denied: &[Need]) -> Needs {
        let map = |list: &[Need]| list.iter().map(|n| (n.clone(), seen())).collect();
        Needs { allowed: map(allowed), denied: map(denied), inexpressible: BTreeMap::new() }
    }

    #[test]
    fn names_are_kept_while_they_are_few_and_lost_to_a_request_without_one() {
        let named: Vec<Need> = (0..3).map(|i| need("web", "", "secrets", "get", &format!("s{i}"))).collect();
        let rules = |needs: &Needs, limit| Plan::new(needs, limit).rules("web");
        assert_eq!(rules(&needs(&named, &[]), 3)[0].resource_names, ["s0", "s1", "s2"]);
        assert!(rules(&needs(&named, &[]), 2)[0].resource_names.is_empty());
        let mut mixed = named.clone();
        mixed.push(need("web", "", "secrets", "get", ""));
        assert!(rules(&needs(&mixed, &[]), 3)[0].resource_names.is_empty());
    }

    #[test]
    fn a_denied_name_brings_the_names_back() {
        let named: Vec<Need> = (0..9).map(|i| need("web", "", "secrets", "get", &format!("s{i}"))).collect();
        let needs = needs(&named, &[need("web", "", "secrets", "get", "other")]);
        let mut plan = Plan::new(&needs, 5);
        assert!(plan.allows(needs.denied.keys().next().unwrap()));
        plan.tighten(&needs);
        assert!(!plan.allows(needs.denied.keys().next().unwrap()));
        assert!(named.iter().all(|n| plan.allows(n)));
    }

    #[test]
    fn what_is_granted_cluster_wide_is_not_granted_again() {
        let needs = needs(
            &[
                need("", "", "pods", "list", ""),
                need("web", "", "pods", "list", ""),
                need("web", "", "pods", "get", "a"),
            ],
            &[],
        );
        let plan = Plan::new(&needs, 5);
        assert_eq!(plan.namespaces(), ["", "web"]);
        assert_eq!(plan.rules("web").len(), 1);
        assert_eq!(plan.rules("web")[0].verbs, ["get"]);
    }

    fn any_need() -> impl Strategy<Value = Need> {
        ("(|a|b)", "(|g|h)", "[pqr]", "(get|list|patch)", "(|x|y|z)")
            .prop_map(|(n, g, r, v, name)| need(&n, &g, &r, &v, &name))
    }

    proptest! {
        #[test]
        fn merged_rules_grant_exactly_what_was_planned(
            allowed in prop::collection::vec(any_need(), 0..25),
            asked in prop::collection::vec(any_need(), 0..40),
            limit in 0_usize..4,
        ) {
            let needs = needs(&allowed, &[]);
            let plan = Plan::new(&needs, limit);
            let by_rules = |n: &Need| {
                ["", n.namespace.as_str()].iter().any(|ns| plan.rules(ns).iter().any(|r| rule_allows(r, &n.action())))
            };
            for n in allowed.iter().chain(&asked) {
                prop_assert_eq!(by_rules(n), plan.allows(n), "{:?}", n);
            }
            prop_assert!(allowed.iter().all(|n| plan.allows(n)));
            // With no limit on names, nothing is granted but what was asked for.
            let least = Plan::new(&needs, usize::MAX);
            for n in &asked {
                prop_assert_eq!(least.allows(n), allowed.iter().any(|a| reaches(a, n)), "{:?}", n);
            }
        }
    }
}
