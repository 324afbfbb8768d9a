//! RBAC in plain words, for answers that tell what changed.

use crate::model::rbac::{PolicyRule, RoleRef, Subject};

/// The entry of rules that stands for everything.
const ALL: &str = "*";

/// A rule: `get, list on pods, deployments.apps named web`.
pub(super) fn rule(rule: &PolicyRule) -> String {
    let verbs = if has_all(&rule.verbs) { "any verb".to_owned() } else { list(&rule.verbs) };
    let mut on = Vec::new();
    if !rule.resources.is_empty() || !rule.api_groups.is_empty() {
        on.push(resources(rule));
    }
    if !rule.non_resource_urls.is_empty() {
        on.push(format!("URL {}", list(&rule.non_resource_urls)));
    }
    match (verbs.is_empty(), on.is_empty()) {
        (false, false) => format!("{verbs} on {}", on.join(" and ")),
        _ => "a rule that grants nothing".to_owned(),
    }
}

fn resources(rule: &PolicyRule) -> String {
    let (groups, kinds) = (&rule.api_groups, &rule.resources);
    let group = |g: &String| if g.is_empty() { "the core group".to_owned() } else { g.clone() };
    let what = match (has_all(groups), has_all(kinds)) {
        (true, true) => "any resource".to_owned(),
        (false, true) if !groups.is_empty() => format!("any resource of {}", joined(groups.iter().map(group))),
        (true, false) if !kinds.is_empty() => format!("{} of any group", list(kinds)),
        _ => match (groups.as_slice(), kinds.is_empty()) {
            ([], _) | (_, true) => return "nothing".to_owned(),
            ([one], _) if one.is_empty() => list(kinds),
            ([one], _) => joined(kinds.iter().map(|k| format!("{k}.{one}"))),
            (many, _) => format!("{} of {}", list(kinds), joined(many.iter().map(group))),
        },
    };
    if rule.resource_names.is_empty() { what } else { format!("{what} named {}", list(&rule.resource_names)) }
}

fn has_all(entries: &[String]) -> bool {
    entries.iter().any(|e| e == ALL)
}

fn list(entries: &[String]) -> String {
    joined(entries.iter().map(|e| if e.is_empty() { "\"\"".to_owned() } else { e.clone() }))
}

fn joined(entries: impl Iterator<Item = String>) -> String {
    entries.collect::<Vec<_>>().join(", ")
}

/// A subject as its binding writes it: `ServiceAccount ci/deployer`, `User alice`.
pub(super) fn subject(subject: &Subject) -> String {
    match subject.kind.as_str() {
        "ServiceAccount" if !subject.namespace.is_empty() => {
            format!("ServiceAccount {}/{}", subject.namespace, subject.name)
        }
        kind => format!("{kind} {}", subject.name),
    }
}

/// A role reference: `ClusterRole view`.
pub(super) fn role_ref(role: &RoleRef) -> String {
    format!("{} {}", role.kind, role.name)
}

/// At most `most` of the items, the rest counted.
pub(super) fn some(items: &[String], most: usize, separator: &str) -> String {
    let mut text = items.iter().take(most).cloned().collect::<Vec<_>>().join(separator);
    if items.len() > most {
        text.push_str(&format!("{separator}and {} more", items.len().saturating_sub(most)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str], urls: &[&str]) -> String {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        rule(&PolicyRule {
            verbs: own(verbs),
            api_groups: own(groups),
            resources: own(resources),
            resource_names: own(names),
            non_resource_urls: own(urls),
        })
    }

    #[test]
    fn rules_read_like_sentences() {
        assert_eq!(words(&["*"], &["*"], &["*"], &[], &[]), "any verb on any resource");
        assert_eq!(words(&["get", "list"], &[""], &["pods", "pods/log"], &[], &[]), "get, list on pods, pods/log");
        assert_eq!(words(&["get"], &["apps"], &["deployments"], &["web"], &[]), "get on deployments.apps named web");
        assert_eq!(words(&["get"], &["", "apps"], &["*"], &[], &[]), "get on any resource of the core group, apps");
        assert_eq!(words(&["get"], &["", "apps"], &["pods"], &[], &[]), "get on pods of the core group, apps");
        assert_eq!(words(&["get"], &["*"], &["*/scale"], &[], &[]), "get on */scale of any group");
        assert_eq!(words(&["get"], &[], &[], &[], &["/metrics", "/x/*"]), "get on URL /metrics, /x/*");
    }

    #[test]
    fn what_grants_nothing_is_said_to() {
        assert_eq!(words(&[], &[""], &["pods"], &[], &[]), "a rule that grants nothing");
        assert_eq!(words(&["get"], &[], &[], &[], &[]), "a rule that grants nothing");
        assert_eq!(words(&["get"], &[], &["pods"], &[], &[]), "get on nothing");
    }

    #[test]
    fn subjects_name_the_namespace_first() {
        let account =
            Subject { kind: "ServiceAccount".into(), namespace: "ci".into(), name: "bot".into(), ..Subject::default() };
        assert_eq!(subject(&account), "ServiceAccount ci/bot");
    }
}
