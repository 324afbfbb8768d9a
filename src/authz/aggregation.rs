//! What the aggregation controller would write into an aggregated ClusterRole. Never part of a
//! decision (there only stored rules count); used to predict, and to explain changes nobody made.
//!
//! Source: `syncClusterRole` in
//! `pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go`.

use std::collections::{BTreeMap, HashSet};

use crate::model::rbac::{AggregationRule, PolicyRule};
use crate::model::selector::{SelectorError, matches};

/// A ClusterRole, as far as aggregation reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AggregatedRole {
    /// The name.
    pub name: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// The stored rules.
    pub rules: Vec<PolicyRule>,
    /// Present: the rules are the controller's.
    pub aggregation: Option<AggregationRule>,
}

/// The rules of `role` after one sync of the controller over the given ClusterRoles (which may hold the
/// role itself). `None`: the role has no aggregationRule and is left alone.
///
/// # Errors
/// When a selector is invalid; the controller then leaves the role as it was.
pub fn sync(role: &AggregatedRole, roles: &[AggregatedRole]) -> Result<Option<Vec<PolicyRule>>, SelectorError> {
    Ok(selected(role, roles)?.map(|places| gather(&places, roles)))
}

/// The places of the roles that `role` gathers from: selector by selector, each by name, without itself.
fn selected(role: &AggregatedRole, roles: &[AggregatedRole]) -> Result<Option<Vec<usize>>, SelectorError> {
    let Some(aggregation) = &role.aggregation else { return Ok(None) };
    let mut all = Vec::new();
    for selector in &aggregation.cluster_role_selectors {
        // An invalid selector is an error even where there is nothing to select.
        matches(selector, &BTreeMap::new())?;
        let mut found = Vec::new();
        for (place, other) in roles.iter().enumerate() {
            if other.name != role.name && matches(selector, &other.labels)? {
                found.push((other.name.as_str(), place));
            }
        }
        // The controller sorts by name, bytewise.
        found.sort_unstable();
        all.extend(found.into_iter().map(|(_, place)| place));
    }
    Ok(Some(all))
}

/// The rules of the selected roles, each where it first occurs.
fn gather(places: &[usize], roles: &[AggregatedRole]) -> Vec<PolicyRule> {
    let mut seen: HashSet<&PolicyRule> = HashSet::new();
    let rules = places.iter().filter_map(|place| roles.get(*place)).flat_map(|role| &role.rules);
    rules.filter(|rule| seen.insert(rule)).cloned().collect()
}

/// What came of repeating the controller's syncs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converged {
    /// The roles with their final rules, in the order given.
    pub roles: Vec<AggregatedRole>,
    /// Names of roles left as they were because of an invalid selector, with the error.
    pub refused: Vec<(String, SelectorError)>,
    /// Whether nothing changed any more at the end. Roles that gather from each other in a circle may
    /// rearrange their rules for ever.
    pub settled: bool,
}

/// Syncs all roles, in order of name, until nothing changes. Every round carries rules at least one level
/// further up; nesting deeper than [`MOST_ROUNDS`] is left unsettled.
pub fn converge(roles: &[AggregatedRole]) -> Converged {
    let mut plans = Vec::new();
    let mut refused = Vec::new();
    for (place, role) in roles.iter().enumerate() {
        // Labels do not change on the way, so who gathers from whom is settled beforehand.
        match selected(role, roles) {
            Ok(Some(sources)) => plans.push((role.name.as_str(), place, sources)),
            Ok(None) => {}
            Err(error) => refused.push((role.name.clone(), error)),
        }
    }
    plans.sort_unstable();
    let mut now = roles.to_vec();
    let settled = (0..MOST_ROUNDS).any(|_| !sync_all(&plans, &mut now));
    Converged { roles: now, refused, settled }
}

/// Rounds of syncs before [`converge`] gives up.
pub const MOST_ROUNDS: usize = 100;

/// One round; whether anything changed.
fn sync_all(plans: &[(&str, usize, Vec<usize>)], roles: &mut [AggregatedRole]) -> bool {
    let mut changed = false;
    for (_, place, sources) in plans {
        let rules = gather(sources, roles);
        if let Some(role) = roles.get_mut(*place)
            && role.rules != rules
        {
            role.rules = rules;
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn role(name: &str, label: &str, verbs: &[&str], takes: Option<&str>) -> AggregatedRole {
        let selector = takes.map(|key| serde_json::json!({"clusterRoleSelectors": [{"matchLabels": {key: "true"}}]}));
        let rule = |verb: &&str| PolicyRule { verbs: vec![(*verb).to_owned()], ..PolicyRule::default() };
        AggregatedRole {
            name: name.into(),
            labels: BTreeMap::from([(label.to_owned(), "true".to_owned())]),
            rules: verbs.iter().map(rule).collect(),
            aggregation: selector.map(|s| serde_json::from_value(s).unwrap()),
        }
    }

    #[test]
    fn a_chain_of_aggregates_settles_whatever_the_names() {
        let roles = [
            role("a", "to-none", &[], Some("to-a")),
            role("b", "to-a", &[], Some("to-b")),
            role("c", "to-b", &["get"], None),
        ];
        let done = converge(&roles);
        assert!(done.settled);
        assert_eq!(done.roles[0].rules, done.roles[2].rules);
        assert_eq!(done.roles[1].rules.len(), 1);
    }

    #[test]
    fn circles_end() {
        let roles = [
            role("a", "to-b", &["x", "y"], Some("to-a")),
            role("b", "to-a", &["y", "x", "z"], Some("to-b")),
            role("c", "to-a", &["w"], None),
        ];
        let done = converge(&roles);
        assert!(done.roles[0].rules.iter().any(|rule| rule.verbs == ["w"]));
    }

    #[test]
    fn an_invalid_selector_leaves_the_role_as_it_was() {
        let broken = role("a", "x", &["get"], Some("not a label"));
        let done = converge(std::slice::from_ref(&broken));
        assert_eq!(done.roles, [broken]);
        assert_eq!(done.refused.len(), 1);
    }
}
