//! `rights`.

use serde_json::{Value, json};

use super::support::{Lab, event, incident, text};

const OBJECTS: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: viewer}
rules:
- {apiGroups: ["", apps], resources: [pods, deployments], verbs: [get, list]}
- {nonResourceURLs: [/metrics], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: secret-reader, namespace: web}
rules: [{apiGroups: [""], resources: [secrets], resourceNames: [db], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: empty, namespace: web}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: wide}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: viewer}
subjects:
- {kind: User, name: ann}
- {kind: Group, name: devs}
- {kind: ServiceAccount, name: lost}
- {kind: Group, name: "system:serviceaccounts:ci"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: read, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: secret-reader}
subjects:
- {kind: User, name: annabel}
- {kind: ServiceAccount, name: app}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: hollow, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: empty}
subjects: [{kind: User, name: ann}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: dangling, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: gone}
subjects: [{kind: User, name: ann}]
"#;

fn lab() -> Lab {
    let get = |at: &str, user: &str| {
        event(at, user, "get", "/api/v1/namespaces/web/pods/p", json!({"groups": ["devs", "system:authenticated"]}))
    };
    Lab::new(OBJECTS, &[get("10:00:01", "bob"), get("10:00:02", "ann")])
}

fn subjects(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|r| text(r, "subject").to_owned()).collect()
}

#[test]
fn names_match_in_part_exactly_or_as_a_regular_expression() {
    let lab = lab();
    let asked = |args: &[&str]| {
        let mut all = vec!["rights", "--roles"];
        all.extend(args);
        let mut found = subjects(&lab.ask(&all).rows());
        found.dedup();
        found
    };
    assert_eq!(asked(&["nnab"]), ["User/annabel"]);
    assert_eq!(asked(&["ann"]), ["User/ann"], "a name that some binding has is that name");
    assert_eq!(asked(&["an", "--kind", "user"]), ["User/ann", "User/annabel"]);
    assert_eq!(asked(&["an", "--exact"]), Vec::<String>::new());
    assert_eq!(asked(&["^(dev|app)", "--regex"]), ["Group/devs", "ServiceAccount/web:app"]);
    assert_eq!(asked(&["^web:app$", "--regex"]), ["ServiceAccount/web:app"]);
    assert_eq!(asked(&["--all", "--kind", "ServiceAccount"]), ["ServiceAccount/:lost", "ServiceAccount/web:app"]);
}

#[test]
fn exit_codes_tell_found_none_and_nonsense() {
    let lab = lab();
    for (args, code) in [
        (&["rights", "ann"][..], 0),
        (&["rights", "nobody"], 1),
        (&["rights", "user/zoe"], 1),
        (&["rights", "user/zoe", "--as-group", "system:masters"], 0),
        (&["rights", "(", "--regex"], 2),
        (&["rights", "robot/x"], 2),
        (&["rights"], 2),
        (&["rights", "ann", "--all"], 2),
        (&["rights", "ann", "--exact", "--regex"], 2),
    ] {
        assert_eq!(lab.run(args).code, code, "{args:?}");
    }
}

#[test]
fn rules_are_shown_with_verbs_scope_group_resource_names_urls_and_origin() {
    let rows = lab().ask(&["rights", "annabel"]).rows();
    assert_eq!(rows.len(), 1);
    let expected = json!({
        "subject_kind": "User", "subject_namespace": null, "subject_name": "annabel", "scope": "web",
        "role": "secret-reader", "verbs": ["get"], "api_groups": ["\"\""], "resources": ["secrets"],
        "resource_names": ["db"], "non_resource_urls": [], "gives": "rule", "role_kind": "Role",
        "role_namespace": "web", "binding_kind": "RoleBinding", "binding_namespace": "web", "binding": "read",
        "rule_index": 0, "members_seen": null,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(rows[0][key], *value, "{key}");
    }
}

#[test]
fn trap_dangling_and_empty_roles_are_listed_as_granting_nothing() {
    let rows = lab().ask(&["rights", "ann", "--exact", "--roles"]).rows();
    let gives: Vec<(&str, &str)> = rows.iter().map(|r| (text(r, "source"), text(r, "gives"))).collect();
    assert_eq!(
        gives,
        [
            ("ClusterRoleBinding/wide", "2 rules"),
            ("RoleBinding/dangling", "nothing: there is no such role"),
            ("RoleBinding/hollow", "nothing: the role has no rules"),
        ]
    );
}

#[test]
fn trap_an_account_without_namespace_in_a_clusterrolebinding_is_nobody() {
    let rows = lab().ask(&["rights", "lost"]).rows();
    assert_eq!(rows.len(), 1);
    assert_eq!(text(&rows[0], "gives"), "nothing: the subject stands for nobody");
}

#[test]
fn trap_an_account_without_namespace_in_a_rolebinding_takes_the_bindings() {
    assert_eq!(subjects(&lab().ask(&["rights", "web:app", "--roles"]).rows()), ["ServiceAccount/web:app"]);
}

#[test]
fn groups_come_with_the_members_that_events_show_and_stay_groups() {
    let lab = lab();
    let run = lab.ask(&["rights", "group/devs", "--roles"]);
    assert_eq!(run.rows()[0]["members_seen"], json!(["ann", "bob"]));
    let bob = lab.ask(&["rights", "user/bob"]);
    assert_eq!(bob.code, 1, "no binding names bob, nor a group that comes with the name");
    assert!(bob.notes().contains("events show `bob` in groups devs"), "{}", bob.notes());
    let added = lab.ask(&["rights", "user/bob", "--as-group", "devs", "--roles"]);
    assert_eq!(subjects(&added.rows()), ["Group/devs"]);
}

#[test]
fn trap_implied_groups_of_an_account_are_its_own() {
    let rows = lab().ask(&["rights", "ci:runner", "--roles"]);
    assert_eq!(subjects(&rows.rows()), ["Group/system:serviceaccounts:ci"]);
    assert!(rows.notes().contains("every service account of namespace `ci`"));
    assert_eq!(lab().run(&["rights", "web:runner"]).code, 1);
}

#[test]
fn masters_need_no_binding() {
    let run = lab().ask(&["rights", "user/root", "--as-group", "system:masters"]);
    assert!(run.rows().is_empty() && run.notes().contains("allowed everything before RBAC is asked"));
}

#[test]
fn without_a_binding_list_a_missing_right_cannot_be_told() {
    let only_role: String = OBJECTS.split("---").take(1).collect();
    let lab = Lab::new(&only_role, &[event("12:00:00", "x", "get", "/version", json!({}))]);
    // Long before anything was seen, nothing tells what was bound.
    let run = lab.ask(&["rights", "zoe", "--at", "2020-01-01"]);
    assert_eq!((run.code, run.rows().len()), (3, 0), "{}", run.notes());
    assert!(run.notes().contains("the list may be incomplete"));
}

#[test]
fn rights_at_a_moment_are_those_of_that_moment() {
    let during = incident().ask(&["rights", "kube-system:metrics-sync", "--roles", "--at", "2026-11-24T00:41:44Z"]);
    assert!(during.rows().iter().any(|r| text(r, "source") == "ClusterRoleBinding/system:node-proxier-sync"));
    let after = incident().ask(&["rights", "kube-system:metrics-sync", "--roles"]);
    assert!(!after.rows().iter().any(|r| text(r, "subject").starts_with("ServiceAccount/")));
}
