//! `suggest-role`: each suggestion goes back through `import` and is asked about what was done.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::support::{Lab, Run, event, incident, text};

fn suggest(lab: &Lab, args: &[&str]) -> Run {
    let mut all = vec!["suggest-role"];
    all.extend(args);
    lab.run(&all)
}

/// The objects of a YAML suggestion.
fn objects(run: &Run) -> Vec<Value> {
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    let documents = run.out.split("---\n").skip(1);
    documents.map(|d| serde_saphyr::from_str(d).unwrap_or_else(|e| panic!("{e}: {d}"))).collect()
}

/// Rules by namespace, `""` for the cluster.
fn rules(run: &Run) -> BTreeMap<String, Vec<Value>> {
    let role = |o: &Value| text(o, "kind").ends_with("Role");
    let place = |o: &Value| text(&o["metadata"], "namespace").to_owned();
    objects(run).iter().filter(|o| role(o)).map(|o| (place(o), o["rules"].as_array().unwrap().clone())).collect()
}

fn get(at: &str, user: &str, uri: &str) -> Value {
    event(at, user, "get", uri, json!({}))
}

#[test]
fn a_role_for_each_namespace_and_a_clusterrole_for_the_rest() {
    let lab = Lab::new(
        "",
        &[
            get("10:00:01", "ann", "/api/v1/namespaces/web/pods/p"),
            event("10:00:02", "ann", "list", "/api/v1/namespaces/web/pods?limit=5", json!({})),
            event("10:00:03", "ann", "list", "/api/v1/namespaces/web/services", json!({})),
            event("10:00:04", "ann", "create", "/apis/apps/v1/namespaces/ci/deployments", json!({"code": 201})),
            event("10:00:05", "ann", "list", "/api/v1/nodes", json!({})),
            get("10:00:06", "ann", "/healthz"),
            get("10:00:07", "bob", "/api/v1/namespaces/web/secrets/s"),
            event(
                "10:00:08",
                "ann",
                "delete",
                "/api/v1/namespaces/web/secrets/s",
                json!({"decision": "forbid", "code": 403}),
            ),
        ],
    );
    let run = suggest(&lab, &["ann"]);
    let rules = rules(&run);
    assert_eq!(
        rules.get("").unwrap(),
        &[
            json!({"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}),
            json!({"nonResourceURLs": ["/healthz"], "verbs": ["get"]}),
        ]
    );
    assert_eq!(rules["ci"], [json!({"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"]})]);
    assert_eq!(
        rules["web"],
        [
            json!({"apiGroups": [""], "resources": ["pods"], "resourceNames": ["p"], "verbs": ["get"]}),
            json!({"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["list"]}),
        ]
    );
    let all = objects(&run);
    assert_eq!(all.len(), 6);
    assert_eq!(
        all[1]["roleRef"],
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "suggested-ann"})
    );
    assert_eq!(all[1]["subjects"], json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ann"}]));
    assert!(run.out.contains("# denied, and so not covered: 1 requests\n"), "{}", run.out);
    let list = lab.run(&["-o", "json", "suggest-role", "ann"]).json();
    assert_eq!(list["items"].as_array().unwrap(), &all, "-o json gives the same objects");
    assert_eq!(lab.run(&["-o", "csv", "suggest-role", "ann"]).code, 2);
}

#[test]
fn few_names_are_listed_and_many_are_not_unless_asked_for() {
    let events: Vec<Value> =
        (0..6).map(|i| get(&format!("10:00:0{i}"), "ann", &format!("/api/v1/namespaces/web/secrets/s{i}"))).collect();
    let lab = Lab::new("", &events);
    let many = suggest(&lab, &["ann"]);
    assert_eq!(rules(&many)["web"], [json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]})]);
    assert!(many.out.contains("6 names were used, the rule allows all"), "{}", many.out);
    let listed = suggest(&lab, &["ann", "--names", "6"]);
    assert_eq!(rules(&listed)["web"][0]["resourceNames"].as_array().unwrap().len(), 6);
    let few = Lab::new("", &events[..5]);
    assert_eq!(rules(&suggest(&few, &["ann"]))["web"][0]["resourceNames"], json!(["s0", "s1", "s2", "s3", "s4"]));
    assert!(rules(&suggest(&few, &["ann", "--names", "0"]))["web"][0].get("resourceNames").is_none());
}

#[test]
fn a_denied_name_brings_the_names_back() {
    let mut events: Vec<Value> =
        (0..6).map(|i| get(&format!("10:00:0{i}"), "ann", &format!("/api/v1/namespaces/web/secrets/s{i}"))).collect();
    events.push(event(
        "10:00:09",
        "ann",
        "get",
        "/api/v1/namespaces/web/secrets/crown",
        json!({"decision": "forbid", "code": 403}),
    ));
    let rules = rules(&suggest(&Lab::new("", &events), &["ann"]));
    assert_eq!(rules["web"][0]["resourceNames"].as_array().unwrap().len(), 6);
}

/// Only a request that carried a name gets one.
#[test]
fn trap_names_of_requests_that_carry_none() {
    let mut create = event("10:00:01", "ann", "create", "/api/v1/namespaces/web/pods", json!({"code": 201}));
    create["objectRef"]["name"] = json!("made-up");
    let mut selected = event(
        "10:00:03",
        "ann",
        "watch",
        "/api/v1/namespaces/web/secrets?fieldSelector=metadata.name%3Ddb&watch=1",
        json!({}),
    );
    selected["objectRef"]["name"] = json!("db");
    let lab = Lab::new(
        "",
        &[
            create,
            event("10:00:02", "ann", "deletecollection", "/api/v1/namespaces/web/pods?labelSelector=a", json!({})),
            selected,
            event(
                "10:00:04",
                "ann",
                "create",
                "/api/v1/namespaces/web/serviceaccounts/bot/token",
                json!({"code": 201}),
            ),
            event(
                "10:00:05",
                "ann",
                "patch",
                "/api/v1/namespaces/web/configmaps/app?fieldManager=x",
                json!({"code": 201}),
            ),
        ],
    );
    assert_eq!(
        rules(&suggest(&lab, &["ann"]))["web"],
        [
            json!({"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["app"], "verbs": ["create", "patch"]}),
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "deletecollection"]}),
            json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["db"], "verbs": ["watch"]}),
            json!({"apiGroups": [""], "resources": ["serviceaccounts/token"], "resourceNames": ["bot"], "verbs": ["create"]}),
        ]
    );
}

#[test]
fn what_was_denied_and_allowed_is_a_conflict_with_a_reason() {
    let denied = event(
        "10:00:01",
        "ann",
        "get",
        "/api/v1/namespaces/web/secrets/db",
        json!({"decision": "forbid", "code": 403}),
    );
    let lab = Lab::new(
        "",
        &[
            denied,
            get("10:00:02", "ann", "/api/v1/namespaces/web/secrets/db"),
            event("10:00:03", "ann", "list", "/api/v1/namespaces/web/pods", json!({"decision": "forbid", "code": 403})),
            event("10:00:04", "ann", "list", "/api/v1/pods", json!({})),
            get("10:00:05", "ann", "/version"),
        ],
    );
    let run = suggest(&lab, &["ann"]);
    assert_eq!((run.code, run.out.as_str()), (2, ""));
    for part in [
        "`get` secrets named `db`, in namespace `web` was denied (last at 2026-03-01T10:00:01Z) and allowed (last at 2026-03-01T10:00:02Z)",
        "`list` pods, in namespace `web` was denied (last at 2026-03-01T10:00:03Z), but `list` pods, cluster-wide was allowed",
        "--on-conflict",
    ] {
        assert!(run.err.contains(part), "{part}\n{}", run.err);
    }
    let covered = suggest(&lab, &["ann", "--on-conflict", "cover"]);
    assert_eq!((rules(&covered).len(), covered.out.matches("covered although it was also denied").count()), (2, 2));
    let left = suggest(&lab, &["ann", "--on-conflict", "leave-out"]);
    assert_eq!(
        rules(&left),
        BTreeMap::from([(String::new(), vec![json!({"nonResourceURLs": ["/version"], "verbs": ["get"]})])])
    );
    let later = suggest(&lab, &["ann", "--from", "2026-03-01T10:00:04Z", "--to", "2026-03-01T10:00:06Z"]);
    assert_eq!(rules(&later)[""].len(), 2);
}

/// A star in a path, resource or group that somebody asked for would become a wildcard in a rule.
#[test]
fn trap_literal_stars_never_become_wildcards() {
    let lab = Lab::new(
        "",
        &[
            event("10:00:01", "ann", "get", "/debug*", json!({"code": 404})),
            event("10:00:02", "ann", "list", "/api/v1/namespaces/web/*", json!({"code": 404})),
            event("10:00:03", "ann", "list", "/apis/*/v1/namespaces/web/pods", json!({"code": 404})),
            event("10:00:04", "ann", "list", "/api/v1/namespaces/NoSuch/pods", json!({})),
            get("10:00:05", "ann", "/a*b"),
        ],
    );
    let run = suggest(&lab, &["ann"]);
    assert_eq!(
        rules(&run),
        BTreeMap::from([(String::new(), vec![json!({"nonResourceURLs": ["/a*b"], "verbs": ["get"]})])])
    );
    assert_eq!(run.out.matches("# not covered:").count(), 4, "{}", run.out);
}

#[test]
fn trap_impersonated_requests_are_of_the_one_impersonated() {
    let groups = json!(["system:authenticated"]);
    let lab = Lab::new(
        "",
        &[event(
            "10:00:01",
            "bob",
            "get",
            "/api/v1/namespaces/web/pods/p",
            json!({"impersonatedUser": {"username": "carol", "groups": groups}}),
        )],
    );
    assert_eq!(rules(&suggest(&lab, &["carol"]))["web"][0]["resources"], json!(["pods"]));
    assert_eq!(
        rules(&suggest(&lab, &["bob"])),
        BTreeMap::from([(
            String::new(),
            vec![
                json!({"apiGroups": [""], "resources": ["users"], "resourceNames": ["carol"], "verbs": ["impersonate"]})
            ]
        )])
    );
}

#[test]
fn accounts_and_groups_are_bound_as_such() {
    let groups = json!(["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"]);
    let lab = Lab::new(
        "",
        &[event("10:00:01", "system:serviceaccount:ci:bot", "list", "/api/v1/nodes", json!({"groups": groups}))],
    );
    let account = json!([{"kind": "ServiceAccount", "name": "bot", "namespace": "ci"}]);
    for typed in ["ci:bot", "sa/ci:bot", "system:serviceaccount:ci:bot"] {
        assert_eq!(objects(&suggest(&lab, &[typed]))[1]["subjects"], account, "{typed}");
    }
    let group = objects(&suggest(&lab, &["group/system:serviceaccounts:ci", "--role-name", "ci:nodes"]));
    assert_eq!(group[1]["subjects"][0]["kind"], json!("Group"));
    assert_eq!(group[0]["metadata"]["name"], json!("ci:nodes"));
    assert_eq!(suggest(&lab, &["ci:bot", "--role-name", "a/b"]).code, 2);
}

#[test]
fn nothing_used_is_exit_code_1_and_no_log_is_3() {
    let lab = Lab::new("", &[get("10:00:01", "ann", "/version")]);
    let run = suggest(&lab, &["zoe"]);
    assert_eq!(run.code, 1);
    assert!(
        run.out.lines().all(|l| l.starts_with("# ")) && run.out.contains("no request of this subject"),
        "{}",
        run.out
    );
    assert_eq!(suggest(&lab, &["ann", "--from", "2027-01-01", "--to", "2027-01-02"]).code, 3);
}

#[test]
fn what_groups_give_anyway_can_be_left_to_them() {
    let objects = r#"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:discovery"}
rules: [{nonResourceURLs: [/api, /apis], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "system:discovery"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:discovery"}
subjects: [{kind: Group, name: "system:authenticated"}]
"#;
    let lab = Lab::new(objects, &[get("10:00:01", "ann", "/api"), get("10:00:02", "ann", "/metrics")]);
    assert_eq!(rules(&suggest(&lab, &["ann"]))[""][0]["nonResourceURLs"], json!(["/api", "/metrics"]));
    assert_eq!(rules(&suggest(&lab, &["ann", "--leave-to-groups"]))[""][0]["nonResourceURLs"], json!(["/metrics"]));
}

#[test]
fn further_checks_that_leave_no_trace_are_remarked() {
    let lab = Lab::new(
        "",
        &[
            get("10:00:01", "ann", "/api/v1/namespaces/web/pods/p/exec?command=sh"),
            event(
                "10:00:02",
                "ann",
                "create",
                "/apis/rbac.authorization.k8s.io/v1/namespaces/web/rolebindings",
                json!({"code": 201}),
            ),
        ],
    );
    let out = suggest(&lab, &["ann"]).out;
    assert!(out.contains("also take `create` on the same") && out.contains("`escalate` and `bind`"), "{out}");
}

#[test]
fn hostile_names_cannot_change_the_document() {
    let user = "x\"\n---\nkind: ClusterRoleBinding\nmetadata: {name: evil}\n# \u{1b}[2J\u{202e}: *";
    let name = "a%22%0A%20-%20%22*";
    let mut get = get("10:00:01", user, &format!("/api/v1/namespaces/web/secrets/{name}"));
    get["objectRef"]["name"] = json!("a\"\n - \"*");
    let lab = Lab::new("", &[get, event("10:00:02", user, "get", "/p%0A-%20'*x", json!({}))]);
    let run = suggest(&lab, &[&format!("user/{user}")]);
    assert!(!run.out.contains(['\u{1b}', '\u{202e}']));
    let found = objects(&run);
    assert_eq!(found.len(), 4, "{}", run.out);
    for binding in [&found[1], &found[3]] {
        assert_eq!(binding["subjects"][0]["name"], json!(user));
    }
    assert_eq!(found[0]["rules"], json!([{"nonResourceURLs": ["/p\n- '*x"], "verbs": ["get"]}]));
    assert_eq!(found[2]["rules"][0]["resourceNames"], json!(["a\"\n - \"*"]));
    // and the importer reads the same out of it
    let back = Lab::of(&[lab.write("back.yaml", &run.out)]);
    let spec = |name: &str| json!({"user": user, "groups": [], "resourceAttributes": {"verb": "get", "resource": "secrets", "namespace": "web", "name": name}});
    assert_eq!(back.reviews(&[spec("a\"\n - \"*"), spec("other")], None), [Some(true), Some(false)]);
}

/// What a person or account asked for, as access reviews, by outcome.
fn asked(user: &str) -> (Vec<Value>, Vec<Value>) {
    let query = format!(
        "SELECT DISTINCT verb, object_ref_api_group g, object_ref_resource r, object_ref_subresource s, \
         object_ref_namespace ns, object_ref_name name, request_uri uri, authorization_decision d FROM events \
         WHERE COALESCE(impersonated_user_username, user_username) = '{user}' AND authorization_decision IS NOT NULL"
    );
    let mut sides = (Vec::new(), Vec::new());
    for row in incident().ask(&["sql", &query]).rows() {
        let spec = if row["r"].is_string() {
            let nameless = text(&row, "verb") == "create" && row["s"].is_null();
            json!({"user": user, "groups": [], "resourceAttributes": {
                "verb": row["verb"], "group": text(&row, "g"), "resource": row["r"], "subresource": text(&row, "s"),
                "namespace": text(&row, "ns"), "name": if nameless { "" } else { text(&row, "name") },
            }})
        } else {
            let path = text(&row, "uri").split('?').next().unwrap();
            json!({"user": user, "groups": [], "nonResourceAttributes": {"verb": row["verb"], "path": path}})
        };
        if text(&row, "d") == "allow" { sides.0.push(spec) } else { sides.1.push(spec) }
    }
    sides
}

#[test]
fn suggestions_for_everybody_in_the_recorded_intrusion_hold() {
    let query = "SELECT DISTINCT COALESCE(impersonated_user_username, user_username) AS u FROM events";
    let users: BTreeSet<String> =
        incident().ask(&["sql", query]).rows().iter().map(|r| text(r, "u").to_owned()).collect();
    let (mut suggested, mut conflicts, mut allowed_count, mut denied_count) = (0, 0, 0, 0);
    for user in &users {
        let typed = format!("user/{user}");
        let mut run = suggest(incident(), &[&typed]);
        let (mut allowed, denied) = asked(user);
        if run.code == 1 {
            assert!(allowed.is_empty(), "{user}");
            continue;
        }
        if run.code == 2 {
            let both = |one: &Value| denied.contains(one);
            assert!(allowed.iter().any(both), "{user} has a conflict: {}", run.err);
            run = suggest(incident(), &[&typed, "--on-conflict", "leave-out"]);
            allowed.retain(|one| !both(one));
            conflicts += 1;
        }
        assert_eq!(run.code, 0, "{user}: {}", run.err);
        let back = Lab::of(&[incident().write(&format!("{suggested}.yaml"), &run.out)]);
        suggested += 1;
        assert!(back.reviews(&allowed, None).iter().all(|a| *a == Some(true)), "{user}\n{}", run.out);
        assert!(back.reviews(&denied, None).iter().all(|a| *a == Some(false)), "{user}\n{}", run.out);
        allowed_count += allowed.len();
        denied_count += denied.len();
        let again = suggest(incident(), &[&typed, "--on-conflict", "leave-out"]);
        assert_eq!(run.out, again.out, "the same question, the same bytes");
    }
    assert_eq!(conflicts, 1, "the backdoor was denied once its binding was gone");
    assert!(suggested > 20 && allowed_count > 300 && denied_count > 3, "{suggested} {allowed_count} {denied_count}");
}

#[test]
fn the_leaked_token_would_have_needed_little_before_the_intrusion() {
    let run = suggest(incident(), &["ci:deployer", "--to", "2026-11-24T00:41:40Z"]);
    let rules = rules(&run);
    assert_eq!(rules.keys().collect::<Vec<_>>(), ["web"]);
    assert!(rules["web"].iter().all(|r| r["apiGroups"] == json!(["apps"]) && r["resources"] == json!(["deployments"])));
}
