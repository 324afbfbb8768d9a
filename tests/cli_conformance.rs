//! Every known answer of the Kubernetes authorizer, asked through the binary: objects are imported from a file, then the
//! access review is asked. Once as a JSON list, once as YAML documents, and some of them one object to a line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::Lab;
use serde_json::{Value, json};

const OBSERVED: &str = "2026-03-01T12:00:00Z";

fn cases() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/conformance/rbac/cases.jsonl");
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn objects(case: &Value) -> Vec<Value> {
    let of = |key: &str| case[key].as_array().unwrap().clone();
    let all = [of("roles"), of("bindings")].concat();
    // A file without any object is no evidence: it gets a role that nobody is bound to.
    if all.is_empty() { common::role_and_binding("unbound", &["get"], "nobody")[..1].to_vec() } else { all }
}

fn review(request: &Value) -> Value {
    let mut spec = json!({"user": request["user"], "groups": request["groups"]});
    if request["path"].is_string() {
        spec["nonResourceAttributes"] = json!({"verb": request["verb"], "path": request["path"]});
    } else {
        spec["resourceAttributes"] = json!({
            "verb": request["verb"], "group": request["group"], "resource": request["resource"],
            "subresource": request["subresource"], "namespace": request["namespace"], "name": request["name"],
        });
    }
    json!({"spec": spec, "at": OBSERVED})
}

/// A value as block YAML, every text quoted: what `kubectl get -o yaml` could print.
fn yaml(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                out.push_str(&format!("\n{indent}{}:", json!(key)));
                yaml(value, depth + 1, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("\n{indent}-"));
                yaml(item, depth + 1, out);
            }
        }
        other => out.push_str(&format!(" {other}")),
    }
}

fn as_list(objects: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": objects}).to_string()
}

fn as_yaml(objects: &[Value]) -> String {
    let document = |object: &Value| {
        let mut text = String::new();
        yaml(object, 0, &mut text);
        // `kubectl` writes the keys of an object bare.
        format!("---{}\n", text.replace("\n\"apiVersion\":", "\napiVersion:").replace("\n\"kind\":", "\nkind:"))
    };
    objects.iter().map(document).collect()
}

fn as_lines(objects: &[Value]) -> String {
    common::lines(objects.to_vec())
}

/// Asks every case in cases of their own, on as many threads as there are processors.
fn all_agree(write: fn(&[Value]) -> String, step: usize) {
    let all: Vec<Value> = cases().into_iter().step_by(step).collect();
    assert_eq!(all.len(), 378_usize.div_ceil(step));
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Some(problem) = ask(case, write) {
                        wrong.lock().unwrap().push(problem);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

/// What is wrong with the answer to one case.
fn ask(case: &Value, write: fn(&[Value]) -> String) -> Option<String> {
    let lab = Lab::in_memory();
    let objects = lab.write("objects", write(&objects(case)));
    let dir = lab.case("case");
    dir.import([&objects], &["--cluster", "c", "--observed-at", OBSERVED, "--threads", "1", "-q"]);
    let args = ["can", "--reviews", "-", "--case", dir.dir.to_str().unwrap()];
    let ran = common::run_with_input(args, format!("{}\n", review(&case["request"])).into_bytes());
    let answer: Value = serde_json::from_slice(&ran.out).unwrap_or_default();
    let expected = case.get("apiserver_allowed").unwrap_or(&case["allowed"]);
    (answer["allowed"] != *expected || ran.code != Some(0))
        .then(|| format!("{}: expected {expected}: {answer} {}", case["id"], ran.err))
}

#[test]
fn all_cases_agree_as_a_json_list() {
    all_agree(as_list, 1);
}

#[test]
fn all_cases_agree_as_yaml_documents() {
    all_agree(as_yaml, 1);
}

#[test]
fn every_fifth_case_agrees_as_json_lines() {
    all_agree(as_lines, 5);
}
