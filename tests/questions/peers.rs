//! The same questions as other tools answered on the live cluster at the end of the recorded intrusion.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::support::{incident, text};

fn recorded(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/questions/peers").join(name)).unwrap()
}

/// Rows of a table with left-aligned columns, each as its cells.
fn cells(table: &str) -> Vec<Vec<String>> {
    let mut places: Vec<usize> = Vec::new();
    let mut rows = Vec::new();
    for line in table.lines().filter(|l| !l.trim().is_empty() && !l.starts_with("No ")) {
        if line.split_whitespace().all(|w| w.chars().all(|c| c.is_ascii_uppercase() || c == '-')) {
            let starts = |(i, c): (usize, char)| (c != ' ' && (i == 0 || line.as_bytes()[i - 1] == b' ')).then_some(i);
            places = line.char_indices().filter_map(starts).collect();
            continue;
        }
        let end = |i: usize| places.get(i + 1).copied().unwrap_or(line.len()).min(line.len());
        let cell = |(i, from): (usize, &usize)| line[(*from).min(line.len())..end(i)].trim().to_owned();
        rows.push(places.iter().enumerate().map(cell).collect());
    }
    rows
}

#[test]
fn rights_of_all_subjects_are_those_that_rbac_lookup_lists() {
    let theirs: BTreeSet<Vec<String>> = cells(&recorded("rbac-lookup_all.txt")).into_iter().collect();
    assert_eq!(theirs.len(), 84);
    for ask in [vec!["rights", "--all", "--roles"], vec!["rights", ".", "--regex", "--roles"]] {
        let ours: BTreeSet<Vec<String>> = incident()
            .ask(&ask)
            .rows()
            .iter()
            .map(|row| ["subject", "scope", "role", "source"].iter().map(|key| text(row, key).to_owned()).collect())
            .collect();
        assert_eq!(ours, theirs);
    }
}

type Grant = (String, String, String, String, String, String);

/// Binding kind, namespace and name; subject kind, name and namespace.
fn grant(parts: [&str; 6]) -> Grant {
    let [a, b, c, d, e, f] = parts.map(str::to_owned);
    (a, b, c, d, e, f)
}

fn who_can(args: &[&str]) -> BTreeSet<Grant> {
    let mut all = vec!["who-can"];
    all.extend(args);
    let run = incident().ask(&all);
    assert_eq!(run.code, 0);
    let bound = run.rows().into_iter().filter(|row| row["binding"].is_string());
    bound
        .map(|row| {
            grant(
                ["binding_kind", "binding_namespace", "binding", "subject_kind", "subject_name", "subject_namespace"]
                    .map(|k| text(&row, k)),
            )
        })
        .collect()
}

/// Two tables, one of RoleBindings and one of ClusterRoleBindings.
fn from_tables(printed: &str) -> BTreeSet<Grant> {
    let (roles, clusters) = printed.split_once("\nCLUSTERROLEBINDING").unwrap();
    let in_namespace = cells(roles).into_iter().map(|c| grant(["RoleBinding", &c[1], &c[0], &c[3], &c[2], &c[4]]));
    let wide = cells(&format!("CLUSTERROLEBINDING{clusters}"));
    let wide = wide.into_iter().map(|c| grant(["ClusterRoleBinding", "", &c[0], &c[2], &c[1], &c[3]]));
    in_namespace.chain(wide).collect()
}

fn from_json(printed: &str) -> BTreeSet<Grant> {
    let document: Value = serde_json::from_str(printed).unwrap();
    let mut all = BTreeSet::new();
    for (key, kind) in [("roleBindings", "RoleBinding"), ("clusterRoleBindings", "ClusterRoleBinding")] {
        for binding in document[key].as_array().into_iter().flatten() {
            for subject in binding["subjects"].as_array().unwrap() {
                let (namespace, name) = (text(binding, "namespace"), text(binding, "name"));
                all.insert(grant([
                    kind,
                    namespace,
                    name,
                    text(subject, "kind"),
                    text(subject, "name"),
                    text(subject, "namespace"),
                ]));
            }
        }
    }
    all
}

#[test]
fn who_can_in_a_namespace_names_the_bindings_that_kubectl_who_can_names() {
    for (verb, resource) in [("create", "pods"), ("delete", "deployments.apps"), ("get", "secrets")] {
        for namespace in ["ci", "kube-system", "payments", "web"] {
            let theirs = from_tables(&recorded(&format!("who-can_{verb}_{resource}_{namespace}.txt")));
            assert!(theirs.len() >= 4, "{verb} {resource} {namespace}");
            assert_eq!(who_can(&[verb, resource, "-n", namespace]), theirs, "{verb} {resource} in {namespace}");
        }
    }
}

#[test]
fn who_can_cluster_wide_names_the_bindings_that_kubectl_who_can_names() {
    for (verb, resource) in
        [("create", "clusterrolebindings"), ("create", "pods"), ("get", "pods"), ("get", "secrets"), ("list", "nodes")]
    {
        let theirs = from_json(&recorded(&format!("who-can_{verb}_{resource}.json")));
        assert_eq!(who_can(&[verb, resource]), theirs, "{verb} {resource}");
    }
}

/// kubectl-who-can compares URLs letter by letter, so it misses whoever holds the URL `*`: section "URL paths" of the
/// RBAC documentation lets a trailing star stand for anything, and cluster-admin's rule is just that.
#[test]
fn who_can_get_a_url_names_cluster_admin_too_which_kubectl_who_can_misses() {
    let mut theirs = from_json(&recorded("who-can_get_-metrics.json"));
    let missed = grant(["ClusterRoleBinding", "", "cluster-admin", "Group", "system:masters", ""]);
    assert!(theirs.insert(missed));
    assert_eq!(who_can(&["get", "/metrics"]), theirs);
}

/// It was asked about all namespaces, and left out every RoleBinding.
#[test]
fn who_can_in_all_namespaces_lists_the_rolebindings_that_kubectl_who_can_drops() {
    let theirs = from_json(&recorded("who-can_get_secrets.json"));
    let ours = who_can(&["get", "secrets", "-A"]);
    assert!(ours.is_superset(&theirs));
    let more: BTreeSet<&Grant> = ours.difference(&theirs).collect();
    assert!(more.iter().all(|g| g.0 == "RoleBinding"));
    for (namespace, binding) in [
        ("ci", "core-ci"),
        ("payments", "alice-admin"),
        ("web", "web-edit"),
        ("kube-system", "system:controller:token-cleaner"),
    ] {
        assert!(more.iter().any(|g| g.1 == namespace && g.2 == binding), "{namespace}/{binding}");
    }
    assert!(!ours.iter().any(|g| g.2 == "devs-creds"), "its rule names two secrets only");
}
