//! A case made of evidence that the test writes, and the binary run on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

/// What a run printed, and its exit code.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.out, self.err))
    }

    pub(crate) fn rows(&self) -> Vec<Value> {
        self.json()["rows"].as_array().cloned().unwrap_or_default()
    }

    /// All notes, as one text.
    pub(crate) fn notes(&self) -> String {
        self.json()["notes"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect::<Vec<_>>().join("\n")
    }
}

/// A folder with evidence and a case.
pub(crate) struct Lab {
    dir: TempDir,
}

impl Lab {
    /// Imports YAML objects seen at 10:00 and audit lines.
    pub(crate) fn new(objects: &str, events: &[Value]) -> Self {
        let lab = Self { dir: TempDir::new().unwrap() };
        let mut paths = Vec::new();
        if !objects.is_empty() {
            paths.push(lab.write("objects.yaml", objects));
        }
        if !events.is_empty() {
            let lines: String = events.iter().map(|e| format!("{e}\n")).collect();
            paths.push(lab.write("audit.log", &lines));
        }
        lab.import(&paths);
        lab
    }

    pub(crate) fn of(paths: &[PathBuf]) -> Self {
        let lab = Self { dir: TempDir::new().unwrap() };
        lab.import(paths);
        lab
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn import(&self, paths: &[PathBuf]) {
        let mut args = vec!["import", "--observed-at", "2026-03-01T10:00:00Z", "-q"];
        args.extend(paths.iter().map(|p| p.to_str().unwrap()));
        let run = self.run(&args);
        assert_eq!(run.code, 0, "{}", run.err);
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let case = self.dir.path().join("case");
        let output: Output =
            Command::new(env!("CARGO_BIN_EXE_kubesleuth")).arg("--case").arg(case).args(args).output().unwrap();
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The same with JSON output.
    pub(crate) fn ask(&self, args: &[&str]) -> Run {
        let mut all = vec!["-o", "json"];
        all.extend(args);
        self.run(&all)
    }

    /// Answers to access reviews, in their order.
    pub(crate) fn reviews(&self, specs: &[Value], at: Option<&str>) -> Vec<Option<bool>> {
        let lines: String = specs.iter().map(|s| format!("{}\n", json!({"spec": s}))).collect();
        let path = self.write("reviews.jsonl", &lines);
        let mut args = vec!["can", "--reviews", path.to_str().unwrap()];
        args.extend(at.into_iter().flat_map(|at| ["--at", at]));
        let run = self.run(&args);
        let answers: Vec<Option<bool>> =
            run.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["allowed"].as_bool()).collect();
        assert_eq!(answers.len(), specs.len(), "{}", run.err);
        answers
    }
}

/// The recorded intrusion, imported once.
pub(crate) fn incident() -> &'static Lab {
    static INCIDENT: OnceLock<Lab> = OnceLock::new();
    INCIDENT.get_or_init(|| Lab::of(&[Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/intrusion/bundle")]))
}

/// An audit event of an allowed request at a moment on 2026-03-01 (`10:00:05`); `more` overrides fields of the
/// record, and beside them `decision`, `reason`, `code` and `groups`.
pub(crate) fn event(at: &str, user: &str, verb: &str, uri: &str, more: Value) -> Value {
    let time = format!("2026-03-01T{at}.000000Z");
    let given = |key: &str, default: Value| more.get(key).cloned().unwrap_or(default);
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
        "auditID": format!("{at}-{user}-{verb}-{uri}"),
        "requestURI": uri, "verb": verb,
        "user": {"username": user, "groups": given("groups", json!(["system:authenticated"]))},
        "sourceIPs": ["10.0.0.1"], "userAgent": "test",
        "responseStatus": {"metadata": {}, "code": given("code", json!(200))},
        "requestReceivedTimestamp": time, "stageTimestamp": time,
        "annotations": {
            "authorization.k8s.io/decision": given("decision", json!("allow")),
            "authorization.k8s.io/reason": given("reason", json!("")),
        },
    });
    if let Some(reference) = object_ref(uri) {
        event["objectRef"] = reference;
    }
    for (key, value) in more.as_object().into_iter().flatten() {
        if !["groups", "code", "decision", "reason"].contains(&key.as_str()) {
            event[key] = value.clone();
        }
    }
    event
}

/// `objectRef` of a well-formed URI.
fn object_ref(uri: &str) -> Option<Value> {
    let path = uri.split('?').next().unwrap();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, version, mut rest) = match parts.as_slice() {
        ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
        _ => return None,
    };
    let mut reference = json!({"apiVersion": version});
    if !group.is_empty() {
        reference["apiGroup"] = json!(group);
    }
    if let ["namespaces", namespace, inner @ ..] = rest {
        reference["namespace"] = json!(namespace);
        if !inner.is_empty() {
            rest = inner;
        }
    }
    for (key, value) in ["resource", "name", "subresource"].iter().zip(rest) {
        reference[*key] = json!(value);
    }
    Some(reference)
}

/// One text of a row.
pub(crate) fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}
