//! `unused`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::{Lab, Run, event, incident, text};

const OBJECTS: &str = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: work, namespace: web}
rules:
- {apiGroups: [""], resources: [pods], verbs: [get, list, delete]}
- {apiGroups: [""], resources: [secrets], resourceNames: [db], verbs: [get]}
- {apiGroups: [""], resources: [configmaps], verbs: [delete]}
- {apiGroups: [""], resources: [services], resourceNames: [shop], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: work, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: work}
subjects:
- {kind: User, name: ann}
- {kind: Group, name: devs}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: wide}
rules:
- {apiGroups: [""], resources: [nodes], verbs: [list]}
- {nonResourceURLs: ["/metrics*"], verbs: [get]}
- {apiGroups: [""], resources: [users], resourceNames: [carol], verbs: [impersonate]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: wide}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: wide}
subjects: [{kind: Group, name: "system:serviceaccounts"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: carols, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: work}
subjects: [{kind: User, name: carol}]
"#;

const BOT: &str = "system:serviceaccount:ci:bot";

fn bot(at: &str, verb: &str, uri: &str, more: Value) -> Value {
    let mut more = more;
    more["groups"] = json!(["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"]);
    event(at, BOT, verb, uri, more)
}

fn devs(at: &str, verb: &str, uri: &str, more: Value) -> Value {
    let mut more = more;
    more["groups"] = json!(["devs", "system:authenticated"]);
    event(at, "bob", verb, uri, more)
}

/// Subject, rule, requests.
fn found(run: &Run) -> BTreeSet<(String, i64, Option<i64>)> {
    let row =
        |r: &Value| (text(r, "subject_name").to_owned(), r["rule_index"].as_i64().unwrap(), r["requests"].as_i64());
    run.rows().iter().map(row).collect()
}

fn used(lab: &Lab, args: &[&str]) -> Vec<(String, i64, i64)> {
    let mut all = vec!["unused", "--all"];
    all.extend(args);
    found(&lab.ask(&all)).into_iter().filter_map(|(s, i, n)| n.filter(|n| *n > 0).map(|n| (s, i, n))).collect()
}

fn one(subject: &str, rule: i64, requests: i64) -> (String, i64, i64) {
    (subject.to_owned(), rule, requests)
}

#[test]
fn a_grant_is_used_by_those_it_stands_for_and_only_by_what_it_allows() {
    let lab = Lab::new(
        OBJECTS,
        &[
            event("10:00:01", "ann", "get", "/api/v1/namespaces/web/pods/p", json!({})),
            event("10:00:02", "ann", "get", "/api/v1/namespaces/web/pods/q", json!({})),
            devs("10:00:03", "get", "/api/v1/namespaces/web/secrets/db", json!({"code": 404})),
            devs("10:00:04", "get", "/api/v1/namespaces/web/secrets/other", json!({"decision": "forbid", "code": 403})),
            devs(
                "10:00:05",
                "delete",
                "/api/v1/namespaces/web/configmaps/c",
                json!({"decision": "forbid", "code": 403}),
            ),
            devs("10:00:06", "list", "/api/v1/pods", json!({})),
            bot("10:00:07", "get", "/metrics/slis?x=1", json!({})),
        ],
    );
    assert_eq!(used(&lab, &[]), [one("ann", 0, 2), one("devs", 1, 1), one("system:serviceaccounts", 1, 1)]);
    let unused = lab.ask(&["unused"]);
    assert_eq!(unused.code, 0);
    assert_eq!(found(&unused).len(), 3 * 4 + 3 - 3);
    assert!(found(&unused).iter().all(|(.., requests)| *requests == Some(0)));
    let row = lab.ask(&["unused", "ann", "--all"]).rows();
    assert_eq!((text(&row[0], "last_used"), text(&row[0], "last_used_source")), ("2026-03-01T10:00:02Z", "s1:2"));
    assert_eq!(row[0]["unused_verbs"], json!(["list", "delete"]));
    assert_eq!(row[0]["unused_resources"], json!([]));
}

#[test]
fn trap_stages_of_one_request_are_one_use() {
    let watch = |stage: &str| {
        event("10:00:01", "ann", "list", "/api/v1/namespaces/web/pods?watch=0", json!({"stage": stage, "auditID": "w"}))
    };
    let received = json!({"stage": "RequestReceived", "auditID": "w", "annotations": {}, "responseStatus": null});
    let first = event("10:00:01", "ann", "list", "/api/v1/namespaces/web/pods?watch=0", received);
    let lab = Lab::new(OBJECTS, &[first, watch("ResponseStarted"), watch("ResponseComplete")]);
    assert_eq!(used(&lab, &[]), [one("ann", 0, 1)]);
}

#[test]
fn trap_the_name_in_the_record_of_a_create_was_not_authorized() {
    let mut create = event("10:00:01", "ann", "create", "/api/v1/namespaces/web/services", json!({"code": 201}));
    create["objectRef"]["name"] = json!("shop");
    assert_eq!(used(&Lab::new(OBJECTS, &[create]), &[]), []);
    // An update that makes the object is authorized again, as a create with the name.
    let put = event("10:00:01", "ann", "update", "/api/v1/namespaces/web/services/shop", json!({"code": 201}));
    assert_eq!(used(&Lab::new(OBJECTS, &[put]), &[]), [one("ann", 3, 1)]);
}

#[test]
fn trap_impersonated_requests_are_of_the_one_impersonated_and_use_the_right_to_impersonate() {
    let as_carol = bot(
        "10:00:01",
        "get",
        "/api/v1/namespaces/web/pods/p",
        json!({"impersonatedUser": {"username": "carol", "groups": ["system:authenticated"]}}),
    );
    let lab = Lab::new(OBJECTS, &[as_carol]);
    assert_eq!(used(&lab, &[]), [one("carol", 0, 1), one("system:serviceaccounts", 2, 1)]);
    assert_eq!(used(&lab, &["ci:bot"]), [one("system:serviceaccounts", 2, 1)]);
}

#[test]
fn trap_masters_use_no_grant() {
    let delete = event(
        "10:00:01",
        "ann",
        "delete",
        "/api/v1/namespaces/web/configmaps/c",
        json!({"groups": ["system:masters", "devs", "system:authenticated"]}),
    );
    let lab = Lab::new(OBJECTS, &[delete]);
    assert_eq!(used(&lab, &[]), []);
    assert!(lab.ask(&["unused"]).notes().contains("1 requests by members of system:masters used no grant"));
}

#[test]
fn use_of_an_identity_is_its_own_also_through_groups() {
    let lab = Lab::new(
        OBJECTS,
        &[
            devs("10:00:01", "get", "/api/v1/namespaces/web/secrets/db", json!({})),
            event("10:00:02", "eve", "list", "/api/v1/namespaces/web/pods", json!({"groups": ["devs"]})),
        ],
    );
    assert_eq!(used(&lab, &["user/bob", "--as-group", "devs"]), [one("devs", 1, 1)]);
    assert_eq!(used(&lab, &["group/devs"]), [one("devs", 0, 1), one("devs", 1, 1)]);
}

#[test]
fn only_use_while_the_grant_held_counts() {
    let binding = |name: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": "web", "uid": name, "resourceVersion": "7"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "work"},
            "subjects": [{"kind": "User", "name": "temp"}],
        })
    };
    let uri = "/apis/rbac.authorization.k8s.io/v1/namespaces/web/rolebindings";
    let change = |at: &str, verb: &str, code: i32| {
        let uri = if verb == "delete" { format!("{uri}/lent") } else { uri.to_owned() };
        let mut event = event(
            at,
            "root",
            verb,
            &uri,
            json!({
                "level": "RequestResponse", "code": code, "groups": ["system:masters"], "responseObject": binding("lent"),
            }),
        );
        event["objectRef"]["name"] = json!("lent");
        event
    };
    let get = |at: &str, decision: &str| {
        event(
            at,
            "temp",
            "get",
            "/api/v1/namespaces/web/pods/p",
            json!({"decision": decision, "code": if decision == "allow" { 200 } else { 403 }}),
        )
    };
    let lab = Lab::new(
        OBJECTS,
        &[
            get("10:00:10", "allow"),
            change("10:01:00", "create", 201),
            get("10:02:00", "allow"),
            get("10:03:00", "allow"),
            change("10:04:00", "delete", 200),
            get("10:05:00", "allow"),
        ],
    );
    assert_eq!(used(&lab, &["temp", "--exact"]), [one("temp", 0, 2)]);
    let from = ["temp", "--exact", "--from", "2026-03-01T10:02:30Z", "--to", "2026-03-01T10:03:30Z"];
    assert_eq!(used(&lab, &from), [one("temp", 0, 1)]);
    let none = ["unused", "temp", "--exact", "--from", "2026-03-01T10:04:30Z", "--to", "2026-03-01T10:05:30Z"];
    assert_eq!(lab.ask(&none).code, 1, "nothing was held any more");
}

/// A rule that moves inside its role is still the same grant: its use before the move counts.
#[test]
fn trap_a_rule_that_moved_inside_its_role_is_one_grant() {
    let rule = |resource: &str| json!({"apiGroups": [""], "resources": [resource], "verbs": ["get"]});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "wide", "resourceVersion": "9"}, "rules": [rule("pods"), rule("nodes")],
    });
    let uri = "/apis/rbac.authorization.k8s.io/v1/clusterroles/wide";
    let more = json!({"level": "RequestResponse", "groups": ["system:masters"], "responseObject": role});
    let objects = OBJECTS.replace("resources: [nodes], verbs: [list]", "resources: [nodes], verbs: [get]");
    let lab = Lab::new(
        &objects,
        &[
            bot("10:00:01", "get", "/api/v1/nodes/n", json!({})),
            event("10:00:10", "root", "update", uri, more),
            bot("10:00:20", "get", "/healthz", json!({"decision": "forbid", "code": 403})),
        ],
    );
    let rows = lab.ask(&["unused", "group/system:serviceaccounts", "--all"]).rows();
    let nodes: Vec<&Value> = rows.iter().filter(|r| r["resources"] == json!(["nodes"])).collect();
    assert_eq!((nodes.len(), nodes[0]["requests"].as_i64()), (1, Some(1)));
}

/// The authorizer reads RBAC objects through a cache: it may act on a binding that has just been deleted.
#[test]
fn a_named_binding_counts_shortly_after_its_end_where_nothing_else_explains_it() {
    let uri = "/apis/rbac.authorization.k8s.io/v1/namespaces/web/rolebindings/carols";
    let reason = r#"RBAC: allowed by RoleBinding "carols/web" of Role "work" to User "carol""#;
    let lab = |named: &str| {
        Lab::new(
            OBJECTS,
            &[
                event("10:00:01", "root", "get", "/version", json!({})),
                event(
                    "10:00:30",
                    "root",
                    "delete",
                    uri,
                    json!({"level": "RequestResponse", "groups": ["system:masters"]}),
                ),
                event("10:00:31", "carol", "get", "/api/v1/namespaces/web/pods/p", json!({"reason": named})),
            ],
        )
    };
    assert_eq!(used(&lab(reason), &["carol"]), [one("carol", 0, 1)]);
    assert_eq!(used(&lab(""), &["carol"]), []);
}

#[test]
fn what_the_log_cannot_tell_is_said() {
    let lab = Lab::new(
        OBJECTS,
        &[
            event("10:00:01", "ann", "get", "/api/v1/namespaces/web/pods/p", json!({})),
            event(
                "10:00:02",
                "zoe",
                "get",
                "/api/v1/namespaces/web/secrets/x",
                json!({"decision": "forbid", "code": 403}),
            ),
            event("10:00:03", "zoe", "get", "/api/v1/namespaces/web/pods/x", json!({"annotations": {}, "code": 403})),
        ],
    );
    let run = lab.ask(&["unused", "ann"]);
    let logged: Vec<(i64, bool)> =
        run.rows().iter().map(|r| (r["rule_index"].as_i64().unwrap(), r["logged"].as_bool().unwrap())).collect();
    assert_eq!(
        logged,
        [(1, true), (2, false), (3, false)],
        "somebody's get of a secret is logged, no delete of a config map is"
    );
    let notes = run.notes();
    for part in [
        "no request at all with verb list, watch, create, update, patch, delete, deletecollection",
        "of 2 of 4 grants the log shows no use by anybody",
        "1 requests are left out: their records do not tell whether they were allowed",
        "level None",
    ] {
        assert!(notes.contains(part), "{part}\n{notes}");
    }
}

#[test]
fn without_a_log_in_the_stretch_nothing_can_be_told() {
    let lab = Lab::new(OBJECTS, &[event("10:00:01", "ann", "get", "/api/v1/namespaces/web/pods/p", json!({}))]);
    let run = lab.ask(&["unused", "ann", "--from", "2026-03-02", "--to", "2026-03-03"]);
    assert_eq!(run.code, 3);
    assert!(run.notes().contains("the audit log does not reach into this stretch"));
    assert!(run.rows().iter().all(|r| r["requests"].is_null() && r["logged"].is_null()));
    assert_eq!(Lab::new(OBJECTS, &[]).run(&["unused"]).code, 3, "there is no log at all");
    assert_eq!(lab.run(&["unused", "--from", "2026-03-03", "--to", "2026-03-02"]).code, 2);
}

#[test]
fn gaps_of_the_log_are_named() {
    let get = |at: &str| event(at, "ann", "get", "/api/v1/namespaces/web/pods/p", json!({}));
    let mut events: Vec<Value> = (0..=120).map(|i| get(&format!("10:{:02}:{:02}", i / 60, i % 60))).collect();
    events.push(get("20:00:01"));
    let notes = Lab::new(OBJECTS, &events).ask(&["unused"]).notes();
    assert!(notes.contains("the log has a gap from 2026-03-01T10:02:00.000001Z to 2026-03-01T20:00:01Z"), "{notes}");
}

#[test]
fn all_used_is_exit_code_1_and_a_stranger_holds_nothing() {
    let objects = OBJECTS
        .split("---")
        .filter(|o| o.contains("name: wide") || o.contains("system:serviceaccounts"))
        .collect::<Vec<_>>()
        .join("---");
    let lab = Lab::new(
        &objects,
        &[
            bot("10:00:01", "list", "/api/v1/nodes", json!({})),
            bot("10:00:02", "get", "/metrics", json!({})),
            bot("10:00:03", "get", "/x", json!({"impersonatedUser": {"username": "carol", "groups": []}, "code": 404})),
        ],
    );
    let run = lab.ask(&["unused"]);
    assert_eq!((run.code, run.rows().len()), (1, 0));
    assert_eq!(lab.ask(&["unused", "stranger"]).code, 1);
}

#[test]
fn rows_beyond_the_limit_are_counted() {
    let lab = Lab::new(OBJECTS, &[event("10:00:01", "ann", "get", "/version", json!({}))]);
    let run = lab.ask(&["unused", "--limit", "4"]);
    assert_eq!(run.rows().len(), 4);
    assert!(run.notes().contains("11 more grants are not shown"), "{}", run.notes());
}

#[test]
fn groups_missing_from_records_are_said_to_be_missing() {
    let mut get = event("10:00:01", "bob", "get", "/api/v1/namespaces/web/pods/p", json!({}));
    get["user"].as_object_mut().unwrap().remove("groups");
    assert!(
        Lab::new(OBJECTS, &[get]).ask(&["unused"]).notes().contains("the groups of 1 users are not in their records")
    );
}

#[test]
fn the_recorded_intrusion_shows_who_never_used_what() {
    let run = incident().ask(&["unused"]);
    assert_eq!(run.code, 0);
    let rows = run.rows();
    let unused = |subject: &str, role: &str| {
        let own = rows.iter().filter(|r| text(r, "subject_name") == subject && text(r, "role") == role);
        own.map(|r| r["rule_index"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(unused("frontend", "exec-debug"), [0, 1], "nobody ran exec");
    assert_eq!(unused("bob@example.com", "impersonate-carol"), [0; 0], "bob impersonated carol");
    assert_eq!(unused("metrics-sync", "cluster-admin"), [1], "the backdoor was used while it stood, but not for URLs");
    let again = incident().ask(&["unused"]);
    assert_eq!(run.out, again.out, "the same question has the same answer");
}

/// Every allowed request by somebody bound has a grant that explains it: the sum over grants is no smaller.
#[test]
fn every_reason_in_the_log_names_a_grant_that_counts_as_used() {
    let query = "SELECT DISTINCT authorization_reason AS reason FROM events WHERE authorization_decision = 'allow'";
    let reasons = incident().ask(&["sql", query]).rows();
    let used: BTreeSet<(String, String)> = incident()
        .ask(&["unused", "--all"])
        .rows()
        .iter()
        .filter(|r| r["requests"].as_i64().unwrap() > 0)
        .map(|r| (text(r, "binding").to_owned(), text(r, "role").to_owned()))
        .collect();
    let mut checked = 0;
    for reason in reasons.iter().map(|r| text(r, "reason")).filter(|r| r.starts_with("RBAC: allowed by")) {
        let quoted: Vec<&str> = reason.split('"').skip(1).step_by(2).collect();
        let binding = quoted[0].split('/').next().unwrap();
        assert!(used.contains(&(binding.to_owned(), quoted[1].to_owned())), "{reason}");
        checked += 1;
    }
    assert!(checked > 20, "{checked}");
}
