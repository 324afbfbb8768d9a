//! Whether one rule allows one action: byte-exact comparisons, nothing folded, nothing inferred.
//! All parts must match inside the same rule. Kept free of allocation: this is the innermost loop.
//!
//! Source: `pkg/apis/rbac/v1/evaluation_helpers.go` and `RuleAllows` of
//! `plugin/pkg/auth/authorizer/rbac/rbac.go`.

use crate::model::rbac::PolicyRule;
use crate::model::review::{Action, ResourceTarget, Target};

/// The wildcard of verbs, groups, resources and URLs. In names it is a letter like any other.
pub const ALL: &str = "*";

/// The entries of a rule that matched an action: the first fitting one of each list, as the rule spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries<'r> {
    /// The entry of `verbs`.
    pub verb: &'r str,
    /// The entry of `apiGroups`; `""` when the action is on a URL.
    pub group: &'r str,
    /// The entry of `resources` or of `nonResourceURLs`.
    pub what: &'r str,
}

/// Whether the rule allows the action.
pub fn rule_allows(rule: &PolicyRule, action: &Action) -> bool {
    matched_entries(rule, action).is_some() && names_allow(rule, action)
}

/// What in the rule matches the action, `resourceNames` left aside.
pub fn matched_entries<'r>(rule: &'r PolicyRule, action: &Action) -> Option<Entries<'r>> {
    let verb = entry_or_all(&rule.verbs, &action.verb)?;
    match &action.target {
        Target::Resource(target) => {
            let group = entry_or_all(&rule.api_groups, &target.group)?;
            let what = first(&rule.resources, |entry| resource_matches(entry, target))?;
            Some(Entries { verb, group, what })
        }
        Target::NonResource { path } => {
            let what = first(&rule.non_resource_urls, |entry| url_matches(entry, path))?;
            Some(Entries { verb, group: "", what })
        }
    }
}

/// Whether the rule's `resourceNames` let the action's name through. URLs have no names.
pub fn names_allow(rule: &PolicyRule, action: &Action) -> bool {
    match &action.target {
        Target::Resource(target) => rule.resource_names.is_empty() || rule.resource_names.contains(&target.name),
        Target::NonResource { .. } => true,
    }
}

/// Whether an entry of `resources` covers the target: `*`, the same `resource[/subresource]`, or `*/subresource`.
pub fn resource_matches(entry: &str, target: &ResourceTarget) -> bool {
    if entry == ALL {
        return true;
    }
    if target.subresource.is_empty() {
        return entry == target.resource;
    }
    let below = |parent: &str| entry.strip_prefix(parent).and_then(|rest| rest.strip_prefix('/'));
    below(&target.resource) == Some(&target.subresource) || below(ALL) == Some(&target.subresource)
}

/// Whether an entry of `nonResourceURLs` covers the path: `*`, the path itself, or a prefix ending in `*`.
pub fn url_matches(entry: &str, path: &str) -> bool {
    // All trailing stars are cut, so that `*` and `**` are the empty prefix.
    entry == path || (entry.ends_with('*') && path.starts_with(entry.trim_end_matches('*')))
}

fn entry_or_all<'r>(entries: &'r [String], wanted: &str) -> Option<&'r str> {
    first(entries, |entry| entry == ALL || entry == wanted)
}

fn first(entries: &[String], fits: impl Fn(&str) -> bool) -> Option<&str> {
    entries.iter().map(String::as_str).find(|entry| fits(entry))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn target(resource: &str, subresource: &str) -> ResourceTarget {
        let (resource, subresource) = (resource.to_owned(), subresource.to_owned());
        ResourceTarget { resource, subresource, ..ResourceTarget::default() }
    }

    #[test]
    fn resource_entries_match_as_the_evaluator_does() {
        for (entry, resource, subresource, expected) in [
            ("*", "pods", "log", true),
            ("pods", "pods", "", true),
            ("pods", "pods", "log", false),
            ("pods/log", "pods", "", false),
            ("pods/log", "pods", "log", true),
            ("pods/*", "pods", "log", false),
            ("pods/*", "pods", "*", true),
            ("*/*", "pods", "log", false),
            ("*/*", "pods", "*", true),
            ("*/scale", "deployments", "scale", true),
            ("*/scale", "deployments", "", false),
            ("*/scale", "deployments", "upscale", false),
            ("*/b/c", "a", "b/c", true),
            ("*/c", "a", "b/c", false),
            ("pods/log", "pods/log", "", true),
            ("", "", "", true),
            ("Pods", "pods", "", false),
            ("é/x", "é", "x", true),
        ] {
            assert_eq!(
                resource_matches(entry, &target(resource, subresource)),
                expected,
                "{entry} {resource}/{subresource}"
            );
        }
    }

    #[test]
    fn url_entries_are_prefixes_only_with_a_trailing_star() {
        for (entry, path, expected) in [
            ("*", "", true),
            ("/*", "", false),
            ("/*", "/", true),
            ("/foo*", "/foo", true),
            ("/foo*", "/foobar", true),
            ("/foo/*", "/foo", false),
            ("/foo/*", "/foo/", true),
            ("/foo**", "/foox", true),
            ("/a/*/b", "/a/x/b", false),
            ("/a/*/b", "/a/*/b", true),
            ("/foo", "/foo/", false),
        ] {
            assert_eq!(url_matches(entry, path), expected, "{entry} {path}");
        }
    }

    #[test]
    fn the_entry_reported_is_the_rules_own() {
        let rule: PolicyRule =
            serde_json::from_str(r#"{"verbs":["list","*"],"apiGroups":["apps","*"],"resources":["*/scale","*"]}"#)
                .unwrap();
        let resource = ResourceTarget { group: "apps".into(), ..target("deployments", "scale") };
        let action = Action { verb: "patch".into(), target: Target::Resource(resource) };
        let entries = matched_entries(&rule, &action).unwrap();
        assert_eq!(entries, Entries { verb: "*", group: "apps", what: "*/scale" });
    }

    #[test]
    fn null_lists_load_and_match_nothing() {
        let rule: PolicyRule = serde_json::from_str(r#"{"verbs":null,"apiGroups":null,"resources":["*"]}"#).unwrap();
        let action = Action { verb: "get".into(), target: Target::Resource(target("pods", "")) };
        assert!(!rule_allows(&rule, &action));
        assert!(!rule_allows(&PolicyRule::default(), &action));
    }
}
