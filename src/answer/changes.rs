//! What differs between two states of an object, in words: for RBAC objects rules, subjects and role; for all others
//! the fields of their JSON. Bookkeeping of the API server (managedFields, resourceVersion, ...) is left out, and so are
//! the values of Secrets: the body is where those are read.
//!
//! Traded away: a field's whole history of values. What is said is where to look; the bodies are in the answer too.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::model::rbac::{AggregationRule, PolicyRule, RBAC_GROUP, RbacKind, RoleRef, Subject};

use super::words;

/// Differences below one top-level field that are told one by one; of more, the number is told.
const MOST_IN_FIELD: usize = 12;
/// Lines of a text that are told.
const MOST_LINES: usize = 8;
/// Bytes of a value that are shown.
const MOST_SHOWN: usize = 80;
/// Rules or subjects of a new object that are told one by one.
const MOST_LISTED: usize = 4;

/// Fields that change without anybody meaning it.
const BOOKKEEPING: [&[&str]; 9] = [
    &["apiVersion"],
    &["kind"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
    &["metadata", "generation"],
    &["metadata", "uid"],
    &["metadata", "selfLink"],
    &["metadata", "creationTimestamp"],
    &["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"],
];

/// The fields of RBAC objects that are told in words of their own.
const RBAC_FIELDS: [&str; 4] = ["rules", "subjects", "roleRef", "aggregationRule"];

/// The parts of an RBAC body; a part that does not decode is not told.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RbacBody {
    rules: Option<Vec<PolicyRule>>,
    subjects: Option<Vec<Subject>>,
    role_ref: Option<RoleRef>,
    aggregation_rule: Option<AggregationRule>,
}

fn is_rbac(group: &str, kind: &str) -> bool {
    group == RBAC_GROUP && RbacKind::from_kind(kind).is_some()
}

/// What a new object of the kind gives; nothing for kinds other than those of RBAC.
pub(super) fn of_new(group: &str, kind: &str, body: &str) -> Vec<String> {
    let Some(rbac) = RbacKind::from_kind(kind).filter(|_| group == RBAC_GROUP) else { return Vec::new() };
    let Ok(body) = serde_json::from_str::<RbacBody>(body) else { return vec![UNREADABLE.to_owned()] };
    let mut told = Vec::new();
    if matches!(rbac, RbacKind::Role | RbacKind::ClusterRole) {
        let rules: Vec<String> = body.rules.iter().flatten().map(words::rule).collect();
        told.push(match rules.len() {
            0 => "no rules".to_owned(),
            n if n <= MOST_LISTED => format!("rules: {}", rules.join("; ")),
            n => format!("{n} rules"),
        });
        if body.aggregation_rule.is_some() {
            told.push("gathers its rules from other ClusterRoles".to_owned());
        }
    } else {
        let subjects: Vec<String> = body.subjects.iter().flatten().map(words::subject).collect();
        let to = if subjects.is_empty() { "nobody".to_owned() } else { words::some(&subjects, MOST_LISTED, ", ") };
        told.push(format!(
            "gives {} to {to}",
            body.role_ref.as_ref().map_or_else(|| "no role".to_owned(), words::role_ref)
        ));
    }
    told
}

const UNREADABLE: &str = "its body cannot be read as an object of its kind";

/// What differs between two states of one object. `whole`: both bodies hold the whole object; otherwise only RBAC fields
/// that both have are compared.
pub(super) fn between(group: &str, kind: &str, old: &str, new: &str, whole: bool) -> Vec<String> {
    let mut told = Vec::new();
    let rbac = is_rbac(group, kind);
    if rbac {
        match (serde_json::from_str::<RbacBody>(old), serde_json::from_str::<RbacBody>(new)) {
            (Ok(old), Ok(new)) => rbac_changes(&old, &new, whole, &mut told),
            _ => told.push(UNREADABLE.to_owned()),
        }
    }
    if whole {
        match (serde_json::from_str::<Json>(old), serde_json::from_str::<Json>(new)) {
            (Ok(Json::Object(old)), Ok(Json::Object(new))) => {
                let mut walk = Walk { secret: group.is_empty() && kind == "Secret", found: Vec::new() };
                let skip = |field: &str| rbac && RBAC_FIELDS.contains(&field);
                walk.fields(&old, &new, &mut Vec::new(), &skip);
                told.extend(walk.summed_up());
            }
            _ if rbac => {}
            _ => told.push(UNREADABLE.to_owned()),
        }
    }
    told
}

fn rbac_changes(old: &RbacBody, new: &RbacBody, whole: bool, told: &mut Vec<String>) {
    if whole || old.role_ref.is_some() && new.role_ref.is_some() {
        let (was, is) = (old.role_ref.clone().unwrap_or_default(), new.role_ref.clone().unwrap_or_default());
        if (&was.kind, &was.name) != (&is.kind, &is.name) {
            told.push(format!("role changed from {} to {}", words::role_ref(&was), words::role_ref(&is)));
        }
    }
    lists(old.rules.as_deref(), new.rules.as_deref(), whole, ("rule", words::rule, settled), told);
    lists(old.subjects.as_deref(), new.subjects.as_deref(), whole, ("subject", words::subject, Subject::clone), told);
    if whole && old.aggregation_rule != new.aggregation_rule {
        told.push(match (&old.aggregation_rule, &new.aggregation_rule) {
            (None, _) => "now gathers its rules from other ClusterRoles".to_owned(),
            (_, None) => "no longer gathers its rules from other ClusterRoles".to_owned(),
            _ => "gathers its rules from other ClusterRoles than before".to_owned(),
        });
    }
}

/// A rule whose entries stand in order: the order means nothing to the authorizer.
fn settled(rule: &PolicyRule) -> PolicyRule {
    let mut rule = rule.clone();
    for list in [
        &mut rule.verbs,
        &mut rule.api_groups,
        &mut rule.resources,
        &mut rule.resource_names,
        &mut rule.non_resource_urls,
    ] {
        list.sort();
        list.dedup();
    }
    rule
}

/// How items of a list are compared: what they are called, how one is put in words, and what makes two the same.
type Told<T> = (&'static str, fn(&T) -> String, fn(&T) -> T);

/// What was added to a list and removed from it, however often an item stands in it.
fn lists<T: Ord>(
    old: Option<&[T]>,
    new: Option<&[T]>,
    whole: bool,
    (what, words, settle): Told<T>,
    told: &mut Vec<String>,
) {
    if !whole && (old.is_none() || new.is_none()) {
        return;
    }
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let mut counts: BTreeMap<T, i64> = BTreeMap::new();
    for item in old {
        *counts.entry(settle(item)).or_default() -= 1;
    }
    for item in new {
        *counts.entry(settle(item)).or_default() += 1;
    }
    for (item, count) in counts.iter().filter(|(_, count)| **count != 0) {
        let verb = if *count > 0 { "added" } else { "removed" };
        told.push(format!("{what} {verb}: {}", words(item)));
    }
}

/// Goes through two JSON trees and collects where they differ.
struct Walk {
    /// The object is a Secret: no values.
    secret: bool,
    /// Top-level field, and what is to be said.
    found: Vec<(String, String)>,
}

impl Walk {
    fn fields(
        &mut self,
        old: &serde_json::Map<String, Json>,
        new: &serde_json::Map<String, Json>,
        path: &mut Vec<String>,
        skip: &dyn Fn(&str) -> bool,
    ) {
        let mut keys: Vec<&String> = old.keys().chain(new.keys().filter(|k| !old.contains_key(*k))).collect();
        keys.sort();
        for key in keys {
            path.push(key.clone());
            let bookkeeping = BOOKKEEPING.iter().any(|b| b.iter().eq(path.iter()));
            let skipped = path.len() == 1 && skip(key);
            if !bookkeeping && !skipped {
                self.pair(old.get(key), new.get(key), path);
            }
            path.pop();
        }
    }

    fn pair(&mut self, old: Option<&Json>, new: Option<&Json>, path: &mut Vec<String>) {
        match (old, new) {
            (Some(Json::Object(a)), Some(Json::Object(b))) => self.fields(a, b, path, &|_| false),
            (Some(Json::Array(a)), Some(Json::Array(b))) => self.items(a, b, path),
            (a, b) if a == b => {}
            // An empty object is as good as none: go in, so that each field is told.
            (None, Some(Json::Object(b))) if !b.is_empty() && path.len() < 3 => {
                self.fields(&serde_json::Map::new(), b, path, &|_| false)
            }
            (Some(Json::Object(a)), None) if !a.is_empty() && path.len() < 3 => {
                self.fields(a, &serde_json::Map::new(), path, &|_| false)
            }
            (None, Some(b)) => self.say(path, &format!("added: {}", self.shown(b, path))),
            (Some(a), None) => self.say(path, &format!("removed: {}", self.shown(a, path))),
            (Some(_), Some(_)) if self.hides(path) => self.say(path, "changed"),
            (Some(Json::String(a)), Some(Json::String(b))) if a.contains('\n') || b.contains('\n') => {
                self.lines(a, b, path)
            }
            (Some(a), Some(b)) => {
                self.say(path, &format!("changed from {} to {}", self.shown(a, path), self.shown(b, path)))
            }
            (None, None) => {}
        }
    }

    fn items(&mut self, old: &[Json], new: &[Json], path: &mut Vec<String>) {
        if let (Some(a), Some(b)) = (by_name(old), by_name(new)) {
            for name in a.keys().chain(b.keys().filter(|n| !a.contains_key(*n))) {
                path.push((*name).to_owned());
                self.pair(a.get(name).copied(), b.get(name).copied(), path);
                path.pop();
            }
            return;
        }
        for place in 0..old.len().max(new.len()) {
            path.push(place.to_string());
            self.pair(old.get(place), new.get(place), path);
            path.pop();
        }
    }

    /// Texts of several lines, such as a file in a ConfigMap: the lines that came and went.
    fn lines(&mut self, old: &str, new: &str, path: &[String]) {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for (text, by) in [(old, -1), (new, 1)] {
            for line in text.lines() {
                *counts.entry(line).or_default() += by;
            }
        }
        let before = self.found.len();
        // Told in the order of the texts.
        for (text, sign, verb) in [(old, -1, "removed"), (new, 1, "added")] {
            let mut told: Vec<String> = Vec::new();
            for line in text.lines() {
                if let Some(count) = counts.get_mut(line).filter(|c| c.signum() == sign) {
                    *count -= sign;
                    told.push(self.shown(&Json::from(line.trim()), path));
                }
            }
            if !told.is_empty() {
                self.say(path, &format!("lines {verb}: {}", words::some(&told, MOST_LINES, " | ")));
            }
        }
        if self.found.len() == before {
            self.say(path, "changed in the order or the ends of its lines");
        }
    }

    fn hides(&self, path: &[String]) -> bool {
        self.secret && matches!(path.first().map(String::as_str), Some("data" | "stringData"))
    }

    fn shown(&self, value: &Json, path: &[String]) -> String {
        if self.hides(path) {
            return "a value".to_owned();
        }
        let text = match value {
            Json::String(s) if !s.is_empty() => s.clone(),
            other => other.to_string(),
        };
        match value {
            _ if text.len() <= MOST_SHOWN => text,
            Json::Array(items) => format!("{} items", items.len()),
            Json::Object(fields) => format!("{} fields", fields.len()),
            _ => format!("a text of {} bytes", text.len()),
        }
    }

    fn say(&mut self, path: &[String], what: &str) {
        let field = path.first().cloned().unwrap_or_default();
        self.found.push((field, format!("{} {what}", written(path))));
    }

    /// What was found; a field with many differences is only counted.
    fn summed_up(self) -> Vec<String> {
        let mut fields: BTreeMap<&str, usize> = BTreeMap::new();
        for (field, _) in &self.found {
            *fields.entry(field).or_default() += 1;
        }
        let many: Vec<(&str, usize)> = fields.into_iter().filter(|(_, n)| *n > MOST_IN_FIELD).collect();
        let counted = many.iter().map(|(field, n)| format!("{field}: {n} differences"));
        let told =
            self.found.iter().filter(|(field, _)| !many.iter().any(|(f, _)| f == field)).map(|(_, text)| text.clone());
        told.chain(counted).collect()
    }
}

/// Items of a list by their `name`, if each has one of its own.
fn by_name(items: &[Json]) -> Option<BTreeMap<&str, &Json>> {
    let named: BTreeMap<&str, &Json> =
        items.iter().filter_map(|item| Some((item.as_object()?.get("name")?.as_str()?, item))).collect();
    (named.len() == items.len()).then_some(named)
}

/// `spec.containers[web].image`; keys that are not plain words stand in brackets.
fn written(path: &[String]) -> String {
    let mut text = String::new();
    for key in path {
        let plain =
            key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !key.chars().all(|c| c.is_ascii_digit());
        match (plain, text.is_empty()) {
            (true, true) => text.push_str(key),
            (true, false) => text.push_str(&format!(".{key}")),
            (false, _) => text.push_str(&format!("[{key}]")),
        }
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn diff(group: &str, kind: &str, old: &Json, new: &Json) -> Vec<String> {
        between(group, kind, &old.to_string(), &new.to_string(), true)
    }

    #[test]
    fn a_role_tells_rules_added_and_removed_whatever_their_order() {
        let pods = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]});
        let again = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "get"]});
        let all = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]});
        let old = json!({"kind": "Role", "metadata": {"resourceVersion": "1", "managedFields": [1]}, "rules": [pods]});
        let new = json!({"kind": "Role", "metadata": {"resourceVersion": "2"}, "rules": [all, again]});
        assert_eq!(diff(RBAC_GROUP, "Role", &old, &new), ["rule added: any verb on any resource"]);
        assert_eq!(diff(RBAC_GROUP, "Role", &new, &old), ["rule removed: any verb on any resource"]);
    }

    #[test]
    fn a_binding_tells_subjects_and_role() {
        let old =
            json!({"roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": [{"kind": "User", "name": "ann"}]});
        let new = json!({"roleRef": {"kind": "ClusterRole", "name": "admin"}, "subjects": [
            {"kind": "User", "name": "bob"}, {"kind": "ServiceAccount", "namespace": "ci", "name": "bot"}]});
        assert_eq!(
            diff(RBAC_GROUP, "RoleBinding", &old, &new),
            [
                "role changed from ClusterRole view to ClusterRole admin",
                "subject added: ServiceAccount ci/bot",
                "subject removed: User ann",
                "subject added: User bob"
            ]
        );
        assert_eq!(
            of_new(RBAC_GROUP, "RoleBinding", &new.to_string()),
            ["gives ClusterRole admin to User bob, ServiceAccount ci/bot"]
        );
    }

    #[test]
    fn partly_known_bodies_are_only_compared_in_what_both_have() {
        let (old, new) =
            (r#"{"subjects": [{"kind": "User", "name": "ann"}]}"#, r#"{"roleRef": {"kind": "Role", "name": "r"}}"#);
        assert!(between(RBAC_GROUP, "RoleBinding", old, new, false).is_empty());
    }

    #[test]
    fn other_kinds_tell_their_fields_and_bookkeeping_is_silent() {
        let old = json!({"metadata": {"generation": 1, "labels": {"app": "web"}},
            "spec": {"replicas": 3, "containers": [{"name": "web", "image": "a"}, {"name": "side"}]}});
        let new = json!({"metadata": {"generation": 2, "labels": {"app": "web", "x.io/y": "1"}},
            "spec": {"replicas": 5, "containers": [{"name": "side"}, {"name": "web", "image": "b"}]}});
        assert_eq!(
            diff("apps", "Deployment", &old, &new),
            [
                "metadata.labels[x.io/y] added: 1",
                "spec.containers.web.image changed from a to b",
                "spec.replicas changed from 3 to 5"
            ]
        );
        assert!(diff("apps", "Deployment", &new, &new).is_empty());
    }

    #[test]
    fn values_of_secrets_are_never_told() {
        let old = json!({"data": {"a": "aHVudGVyMg==", "b": "eA=="}});
        let new = json!({"data": {"a": "b3RoZXI=", "c": "eQ=="}});
        let told = diff("", "Secret", &old, &new).join("\n");
        assert_eq!(told, "data.a changed\ndata.b removed: a value\ndata.c added: a value");
    }

    #[test]
    fn texts_of_several_lines_tell_the_lines() {
        let map = |users: &str| json!({"data": {"mapUsers": users}});
        assert_eq!(
            diff("", "ConfigMap", &map("- a: 1\n- b: 2\n"), &map("- b: 2\n- c: 3\n- c: 3\n")),
            ["data.mapUsers lines removed: - a: 1", "data.mapUsers lines added: - c: 3 | - c: 3"]
        );
        assert_eq!(
            diff("", "ConfigMap", &map("a\nb\n"), &map("b\na\n")),
            ["data.mapUsers changed in the order or the ends of its lines"]
        );
        assert_eq!(
            diff("", "ConfigMap", &map("a\nb\n"), &map("a\nb")),
            ["data.mapUsers changed in the order or the ends of its lines"]
        );
    }

    #[test]
    fn many_differences_in_one_field_are_counted() {
        let many = |n: u32| json!({"status": (0..40).map(|i| (format!("f{i}"), i * n)).collect::<BTreeMap<_, _>>(), "spec": {"a": n}});
        assert_eq!(diff("", "Pod", &many(1), &many(2)), ["spec.a changed from 1 to 2", "status: 39 differences"]);
    }

    #[test]
    fn hostile_bodies_are_told_not_followed() {
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(between("", "Pod", &deep, "{}", true), [UNREADABLE]);
        assert_eq!(between(RBAC_GROUP, "Role", "{\"rules\": 7}", "{}", true), [UNREADABLE]);
        assert_eq!(of_new(RBAC_GROUP, "Role", "nonsense"), [UNREADABLE]);
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            (0..4_i64).prop_map(Json::from),
            "[a-c]{0,2}".prop_map(Json::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map("[a-d]|name|metadata", inner, 0..4)
                    .prop_map(|m| Json::Object(m.into_iter().collect())),
            ]
        })
    }

    /// Names are set aside: lists keyed by name do not tell another order.
    fn has_name(value: &Json) -> bool {
        match value {
            Json::Object(fields) => fields.contains_key("name") || fields.values().any(has_name),
            Json::Array(items) => items.iter().any(has_name),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn something_is_told_exactly_when_something_differs(a in any_json(), b in any_json()) {
            prop_assume!(a.is_object() && b.is_object());
            let told = diff("", "Thing", &a, &b);
            if a == b {
                prop_assert!(told.is_empty());
            } else if !has_name(&a) && !has_name(&b) {
                prop_assert!(!told.is_empty(), "{} {}", a, b);
            }
        }
    }
}
