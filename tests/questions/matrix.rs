//! `matrix`.

use serde_json::{Value, json};

use super::support::{Lab, Run, event, incident, text};

const VERBS: [&str; 8] = ["list", "create", "update", "patch", "delete", "deletecollection", "get", "watch"];

const OBJECTS: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: named, namespace: web}
rules:
- {apiGroups: [""], resources: [secrets], resourceNames: [db], verbs: [get, list, create, deletecollection]}
- {apiGroups: [""], resources: [configmaps], resourceNames: [app], verbs: [create, patch]}
- {apiGroups: [""], resources: ["serviceaccounts/token"], resourceNames: [bot], verbs: [create]}
- {apiGroups: [""], resources: [namespaces], verbs: [get, list]}
- {apiGroups: [shop.example.com], resources: [carts, carts/checkout], verbs: ["*"]}
- {apiGroups: [""], resources: [pods], verbs: [get, list, watch, dance]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: named, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: named}
subjects: [{kind: User, name: ann}, {kind: Group, name: devs}]
"#;

fn lab() -> Lab {
    let blur = event(
        "10:05:00",
        "root",
        "update",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/web/roles/named",
        json!({"groups": ["system:masters"]}),
    );
    Lab::new(OBJECTS, &[event("10:00:00", "root", "get", "/version", json!({})), blur])
}

fn line(run: &Run, resource: &str) -> Value {
    let rows = run.rows();
    rows.iter().find(|r| text(r, "resource") == resource).unwrap_or_else(|| panic!("no line {resource}")).clone()
}

#[test]
fn cells_say_yes_no_or_names_only() {
    let run = lab().ask(&["matrix", "ann", "-n", "web", "--at", "2026-03-01T10:01:00Z"]);
    assert_eq!(run.code, 0);
    let pods = line(&run, "pods");
    assert_eq!((text(&pods, "get"), text(&pods, "list"), text(&pods, "delete")), ("yes", "yes", "no"));
    assert_eq!(pods["other"], json!(["dance"]));
    let secrets = line(&run, "secrets");
    assert_eq!(
        (text(&secrets, "get"), text(&secrets, "list"), text(&secrets, "watch")),
        ("names only", "names only", "no")
    );
    assert_eq!(secrets["names"], json!(["db"]));
}

/// A plain create carries no name, so a rule with names does not let it through; one that comes as a patch does.
#[test]
fn trap_resource_names_on_create_and_deletecollection() {
    let run = lab().ask(&["matrix", "ann", "-n", "web", "--at", "2026-03-01T10:01:00Z"]);
    let secrets = line(&run, "secrets");
    assert_eq!((text(&secrets, "create"), text(&secrets, "deletecollection")), ("no", "no"));
    assert_eq!(text(&line(&run, "configmaps"), "create"), "names only");
    assert_eq!(text(&line(&run, "serviceaccounts/token"), "create"), "names only");
}

#[test]
fn trap_a_rolebinding_reaches_its_own_namespace_object_and_no_other_cluster_scoped_one() {
    let run = lab().ask(&["matrix", "ann", "-n", "web", "--at", "2026-03-01T10:01:00Z"]);
    let namespaces = line(&run, "namespaces");
    assert_eq!((text(&namespaces, "get"), text(&namespaces, "list")), ("names only", "no"));
    let wide = lab().ask(&["matrix", "ann", "--at", "2026-03-01T10:01:00Z"]);
    assert_eq!((text(&line(&wide, "namespaces"), "get"), wide.code), ("no", 1));
}

#[test]
fn resources_that_only_rules_name_have_lines_too() {
    let run = lab().ask(&["matrix", "ann", "-n", "web", "--at", "2026-03-01T10:01:00Z", "--granted"]);
    let carts = line(&run, "carts.shop.example.com");
    assert_eq!(
        (text(&carts, "deletecollection"), &carts["other"], &carts["known"]),
        ("yes", &json!(["*"]), &json!(false))
    );
    line(&run, "carts.shop.example.com/checkout");
    assert!(run.rows().iter().all(|r| text(r, "resource") != "nodes"), "--granted leaves out what is all no");
}

#[test]
fn what_cannot_be_told_is_a_question_mark_and_exit_code_3() {
    let run = lab().ask(&["matrix", "ann", "-n", "web", "--at", "2026-03-01T10:06:00Z"]);
    assert_eq!((run.code, text(&line(&run, "pods"), "get")), (3, "?"));
    assert!(run.notes().contains("the list may be incomplete"), "{}", run.notes());
    let stranger = lab().ask(&["matrix", "zoe", "-n", "web", "--at", "2026-03-01T10:06:00Z"]);
    assert_eq!((stranger.code, text(&line(&stranger, "pods"), "get")), (1, "no"));
}

#[test]
fn a_group_has_a_matrix_and_masters_can_all() {
    let run = lab().ask(&["matrix", "group/devs", "-n", "web", "--at", "2026-03-01T10:01:00Z"]);
    assert_eq!(text(&line(&run, "pods"), "get"), "yes");
    let masters = lab().ask(&["matrix", "root", "--as-group", "system:masters", "--at", "2026-03-01T10:01:00Z"]);
    assert_eq!(text(&line(&masters, "nodes"), "delete"), "yes");
    assert_eq!(lab().run(&["matrix", "robot:", "-n", "web"]).code, 1, "a user with an odd name");
    assert_eq!(lab().run(&["matrix", "sa/robot", "-n", "web"]).code, 2, "an account has a namespace");
}

#[test]
fn a_verb_that_the_resource_does_not_serve_has_no_answer() {
    let run = incident().ask(&["matrix", "alice@example.com", "-n", "payments"]);
    assert_eq!(line(&run, "bindings")["get"], Value::Null);
    assert_eq!(line(&run, "pods/exec")["list"], Value::Null);
    assert_eq!(text(&line(&run, "pods/exec"), "create"), "yes");
}

/// Every cell says what `can` says, at three moments, for people, accounts, groups and kubelets.
#[test]
fn every_cell_agrees_with_access_reviews() {
    let subjects = [
        ("alice@example.com", "alice@example.com", vec!["system:authenticated"]),
        ("bob@example.com", "bob@example.com", vec!["dev-payments", "system:authenticated"]),
        (
            "ci:deployer",
            "system:serviceaccount:ci:deployer",
            vec!["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"],
        ),
        (
            "kube-system:metrics-sync",
            "system:serviceaccount:kube-system:metrics-sync",
            vec!["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
        ),
        (
            "system:node:ip-10-0-1-17.ec2.internal",
            "system:node:ip-10-0-1-17.ec2.internal",
            vec!["system:nodes", "system:authenticated"],
        ),
    ];
    let mut asked = 0;
    for (typed, user, groups) in subjects {
        for namespace in ["", "payments", "ci"] {
            for at in ["2026-11-24T00:41:20.205Z", "2026-11-24T00:41:44Z", "2026-11-24T00:42:06Z"] {
                asked += agreement(typed, user, &groups, namespace, at);
            }
        }
    }
    assert!(asked > 10_000, "{asked}");
}

fn agreement(typed: &str, user: &str, groups: &[&str], namespace: &str, at: &str) -> usize {
    let mut args = vec!["matrix", typed, "-n", namespace, "--at", at];
    args.extend(groups.iter().filter(|g| **g == "dev-payments").flat_map(|g| ["--as-group", g]));
    let rows = incident().ask(&args).rows();
    let (mut specs, mut cells) = (Vec::new(), Vec::new());
    for row in &rows {
        let full = text(row, "resource");
        let (plural, sub) = full.split_once('/').unwrap_or((full, ""));
        let group = text(row, "api_group");
        let plural = plural.strip_suffix(&format!(".{group}")).unwrap_or(plural);
        for verb in VERBS.iter().filter(|v| row[**v].is_string()) {
            specs.push(json!({"user": user, "groups": groups, "resourceAttributes": {
                "verb": verb, "group": group, "resource": plural, "subresource": sub, "namespace": text(row, "namespace"),
            }}));
            cells.push((full.to_owned(), *verb, text(row, verb).to_owned()));
        }
    }
    for ((resource, verb, cell), allowed) in cells.iter().zip(incident().reviews(&specs, Some(at))) {
        let fits = match cell.as_str() {
            "yes" => allowed == Some(true),
            "no" => allowed == Some(false),
            "?" => allowed.is_none(),
            "names only" => allowed != Some(true),
            other => panic!("cell {other}"),
        };
        assert!(fits, "{typed} {verb} {resource} in `{namespace}` at {at}: {cell}, but {allowed:?}");
    }
    cells.len()
}
