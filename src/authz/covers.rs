//! The escalation cover check: does everything that one set of rules grants already lie in another?
//! The covered side is broken down to single tuples, each of which one owner rule must cover alone.
//! This is not rule matching: an enumeration never covers `*`, and `*/sub` covers `x/sub`.
//!
//! Source: `staging/src/k8s.io/component-helpers/auth/rbac/validation/policy_comparator.go`.

use crate::model::rbac::PolicyRule;

use super::matching::{ALL, url_matches};

/// Comparisons that one check may cost. Real roles need thousands; rules made to hang a reader need more
/// than any machine has.
const MOST_WORK: usize = 2_000_000_000;

/// Rules too large to be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "comparing the rules takes {0} steps, more than the {MOST_WORK} this program spends: split the role to check it"
)]
pub struct TooLarge(usize);

/// What of `servant` no rule of `owner` covers, as rules of one tuple each, in breakdown order: by group,
/// resource, verb and name, then by URL and verb. Empty means covered.
///
/// # Errors
/// When the breakdown is too large to be worked through.
pub fn uncovered(owner: &[&PolicyRule], servant: &[PolicyRule]) -> Result<Vec<PolicyRule>, TooLarge> {
    let entries = |rule: &PolicyRule| {
        [&rule.verbs, &rule.api_groups, &rule.resources, &rule.resource_names, &rule.non_resource_urls]
            .iter()
            .fold(1_usize, |sum, list| sum.saturating_add(list.len()))
    };
    let owned = owner.iter().fold(1_usize, |sum, rule| sum.saturating_add(entries(rule)));
    let tuples = servant.iter().fold(0_usize, |sum, rule| sum.saturating_add(tuple_count(rule)));
    let work = tuples.saturating_mul(owned);
    if work > MOST_WORK {
        return Err(TooLarge(work));
    }
    let mut left = Vec::new();
    for rule in servant {
        each_tuple(rule, |tuple| {
            if !owner.iter().any(|own| covers(own, &tuple)) {
                left.push(tuple.to_rule());
            }
        });
    }
    Ok(left)
}

/// A rule taken apart: one group, resource, verb and perhaps name, or one URL and verb.
#[derive(Clone, Copy, Debug)]
enum Tuple<'a> {
    Resource { group: &'a str, resource: &'a str, verb: &'a str, name: Option<&'a str> },
    Url { url: &'a str, verb: &'a str },
}

impl Tuple<'_> {
    fn to_rule(self) -> PolicyRule {
        let one = |text: &str| vec![text.to_owned()];
        match self {
            Self::Resource { group, resource, verb, name } => PolicyRule {
                verbs: one(verb),
                api_groups: one(group),
                resources: one(resource),
                resource_names: name.map(one).unwrap_or_default(),
                non_resource_urls: Vec::new(),
            },
            Self::Url { url, verb } => {
                PolicyRule { verbs: one(verb), non_resource_urls: one(url), ..PolicyRule::default() }
            }
        }
    }
}

fn tuple_count(rule: &PolicyRule) -> usize {
    let verbs = rule.verbs.len();
    let named = rule.resource_names.len().max(1);
    let resources = [rule.resources.len(), verbs, named].into_iter().fold(rule.api_groups.len(), usize::saturating_mul);
    resources.saturating_add(rule.non_resource_urls.len().saturating_mul(verbs))
}

fn each_tuple<'a>(rule: &'a PolicyRule, mut f: impl FnMut(Tuple<'a>)) {
    for group in &rule.api_groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                if rule.resource_names.is_empty() {
                    f(Tuple::Resource { group, resource, verb, name: None });
                }
                for name in &rule.resource_names {
                    f(Tuple::Resource { group, resource, verb, name: Some(name) });
                }
            }
        }
    }
    for url in &rule.non_resource_urls {
        for verb in &rule.verbs {
            f(Tuple::Url { url, verb });
        }
    }
}

fn covers(owner: &PolicyRule, tuple: &Tuple<'_>) -> bool {
    match tuple {
        Tuple::Resource { group, resource, verb, name } => {
            has_or_all(&owner.verbs, verb)
                && has_or_all(&owner.api_groups, group)
                && owner.resources.iter().any(|entry| resource_covers(entry, resource))
                && (owner.resource_names.is_empty() || name.is_some_and(|name| has(&owner.resource_names, name)))
        }
        Tuple::Url { url, verb } => {
            // A URL tuple has no name either, so an owner rule with names does not cover it.
            owner.resource_names.is_empty()
                && has_or_all(&owner.verbs, verb)
                && owner.non_resource_urls.iter().any(|entry| url_covers(entry, url))
        }
    }
}

/// `*`, the same entry, or `*/sub` for `x/sub`, split at the first slash.
fn resource_covers(entry: &str, resource: &str) -> bool {
    let below_all = |sub: &str| entry.strip_prefix(ALL).and_then(|rest| rest.strip_prefix('/')) == Some(sub);
    entry == ALL || entry == resource || resource.split_once('/').is_some_and(|(_, sub)| below_all(sub))
}

/// As for a request, the covered URL being the path; its own star counts as a letter.
fn url_covers(entry: &str, url: &str) -> bool {
    url_matches(entry, url)
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|entry| entry == wanted)
}

fn has_or_all(list: &[String], wanted: &str) -> bool {
    list.iter().any(|entry| entry == ALL || entry == wanted)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn rules_made_to_hang_the_reader_are_refused_at_once() {
        let many: Vec<String> = (0..100_000).map(|n| n.to_string()).collect();
        let rule = PolicyRule {
            verbs: many.clone(),
            api_groups: many.clone(),
            resources: many.clone(),
            resource_names: many.clone(),
            non_resource_urls: many,
        };
        assert!(uncovered(&[&rule], std::slice::from_ref(&rule)).is_err());
    }

    #[test]
    fn a_url_owner_with_names_covers_no_url() {
        let url = |names: &[&str]| PolicyRule {
            verbs: vec!["get".into()],
            non_resource_urls: vec!["/x".into()],
            resource_names: names.iter().map(|n| (*n).to_owned()).collect(),
            ..PolicyRule::default()
        };
        assert!(uncovered(&[&url(&[])], &[url(&["a"])]).unwrap().is_empty());
        assert_eq!(uncovered(&[&url(&["a"])], &[url(&[])]).unwrap(), [url(&[])]);
    }
}
