use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod applied;
mod forms;
mod hostile;

const ROLE_URI: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles/r";
const POD_URI: &str = "/api/v1/namespaces/n/pods/p";

fn context<'a>(group: &'a str, kind: &'a str, request_uri: &'a str) -> PatchContext<'a> {
    PatchContext { group, kind, request_uri, user_agent: Some("curl/8.5.0") }
}

fn on_role(prior: &Value, patch: &Value, query: &str) -> Result<Patched, PatchError> {
    let uri = format!("{ROLE_URI}{query}");
    apply(prior, patch, &context("rbac.authorization.k8s.io", "ClusterRole", &uri))
}

fn on_pod(prior: &Value, patch: &Value, query: &str) -> Result<Patched, PatchError> {
    apply(prior, patch, &context("", "Pod", &format!("{POD_URI}{query}")))
}

fn role(rules: Value) -> Value {
    json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "r", "uid": "u", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z"}, "rules": rules})
}

fn pod(spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n", "resourceVersion": "7", "generation": 3},
        "spec": spec, "status": {"phase": "Running"}})
}

fn cases(text: &str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

/// Without null fields: decoding drops them.
fn no_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), no_nulls(v))).collect()
        }
        Value::Array(items) => items.iter().map(no_nulls).collect(),
        other => other.clone(),
    }
}

#[test]
fn json_patches_do_what_kubectl_makes_of_them() {
    for case in cases(include_str!("../../../tests/data/patch/json.jsonl")) {
        let mut object = case["prior"].clone();
        match json_patch::apply(&mut object, case["patch"].as_array().unwrap()) {
            Ok(()) => assert_eq!(object, case["result"], "{case}"),
            Err(error) => assert_eq!(case["refused"], true, "{error} {case}"),
        }
    }
}

#[test]
fn merge_patches_do_what_kubectl_makes_of_them() {
    for case in cases(include_str!("../../../tests/data/patch/merge.jsonl")) {
        let mut object = case["prior"].clone();
        merge::apply(&mut object, &case["patch"]);
        assert_eq!(object, case["result"], "{case}");
    }
}

#[test]
fn strategic_merge_patches_do_what_kubectl_makes_of_them() {
    for case in cases(include_str!("../../../tests/data/patch/strategic.jsonl")) {
        let mut object = case["prior"].clone();
        let text = |field: &str| case["prior"][field].as_str().unwrap();
        let (group, version) = split_api_version(text("apiVersion"));
        match strategic::apply(&mut object, &case["patch"], Spot::root(group, version, text("kind"))) {
            Ok(()) => assert_eq!(no_nulls(&object), no_nulls(&case["result"]), "{case}"),
            Err(error) => assert_eq!(case["refused"], true, "{error} {case}"),
        }
    }
}

/// Lists sorted, nulls and what is empty left out, from the inside out.
fn plain(value: &Value) -> Value {
    let empty = |v: &Value| v.is_null() || *v == json!([]) || *v == json!({});
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(k, v)| (k.clone(), plain(v)));
            fields.filter(|(_, v)| !empty(v)).collect()
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(plain).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        other => other.clone(),
    }
}

#[test]
fn runs_of_applies_and_updates_do_what_structured_merge_diff_makes_of_them() {
    for case in cases(include_str!("../../../tests/data/patch/apply.jsonl")) {
        let mut live = case["live"].clone();
        for step in case["steps"].as_array().unwrap() {
            let api_version = live["apiVersion"].as_str().unwrap().to_owned();
            let kind = live["kind"].as_str().unwrap().to_owned();
            let (group, version) = split_api_version(&api_version);
            let base = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{api_version}") };
            let manager = step["manager"].as_str().unwrap();
            let (patch, force) = match step["op"].as_str().unwrap() {
                "apply" => (step["object"].clone(), "&force=true"),
                _ => (json!([{"op": "replace", "path": "", "value": step["object"]}]), ""),
            };
            let uri = format!("{base}/things/n?fieldManager={manager}{force}");
            let patched = apply(&live, &patch, &context(group, &kind, &uri)).unwrap();
            assert!(patched.certain, "{step}");
            live = patched.object;
            let mut bare = live.clone();
            ownership::write(&mut bare, None);
            assert_eq!(plain(&bare), plain(&step["result"]), "{step}");
        }
    }
}
