//! The recorded incident with less of its evidence: no answer may be wrong, and "cannot tell" only where it is so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/incident-a").join(path)
}

fn text(path: &Path) -> String {
    let mut text = String::new();
    match path.extension().and_then(|x| x.to_str()) {
        Some("gz") => MultiGzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap(),
        _ => File::open(path).unwrap().read_to_string(&mut text).unwrap(),
    };
    text
}

fn sorted(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(data(folder)).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

/// Writes the audit log with every event changed, or left out.
fn write_log(to: &Path, change: impl Fn(&mut Value) -> bool) {
    let mut out = File::create(to).unwrap();
    for file in sorted("audit") {
        for line in text(&file).lines() {
            let mut event: Value = serde_json::from_str(line).unwrap();
            if change(&mut event) {
                writeln!(out, "{event}").unwrap();
            }
        }
    }
}

#[derive(Debug, Default)]
struct Outcome {
    code: i32,
    asked: usize,
    wrong: usize,
    unknown: usize,
    bases: BTreeMap<String, usize>,
    reasons: Vec<String>,
}

/// Imports, asks all recorded questions, and compares.
fn ask(work: &Path, evidence: &[PathBuf]) -> Outcome {
    let program = env!("CARGO_BIN_EXE_kubesleuth");
    let case = work.join("case");
    let import = Command::new(program)
        .args(["import", "-q", "--cluster", "lab", "--case"])
        .arg(&case)
        .args(evidence)
        .output()
        .unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    let questions: String = sorted("oracle").iter().map(|f| text(f)).collect();
    let file = work.join("reviews.jsonl");
    fs::write(&file, &questions).unwrap();
    let answered = Command::new(program)
        .args(["can", "--case"])
        .arg(&case)
        .arg("--reviews")
        .arg(&file)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let mut outcome = Outcome { code: answered.status.code().unwrap(), ..Outcome::default() };
    let answers = String::from_utf8(answered.stdout).unwrap();
    for (question, answer) in questions.lines().zip(answers.lines()) {
        let (question, answer): (Value, Value) =
            (serde_json::from_str(question).unwrap(), serde_json::from_str(answer).unwrap());
        outcome.asked += 1;
        *outcome.bases.entry(answer["basis"].as_str().unwrap().to_owned()).or_default() += 1;
        match &answer["allowed"] {
            Value::Null => {
                outcome.unknown += 1;
                outcome.reasons.push(answer["reason"].as_str().unwrap().to_owned());
            }
            told => outcome.wrong += usize::from(told != &question["allowed"]),
        }
    }
    assert_eq!(outcome.asked, 9_000);
    outcome
}

fn is_rbac(event: &Value) -> bool {
    event["objectRef"]["apiGroup"] == "rbac.authorization.k8s.io"
}

fn to_request_level(event: &mut Value) -> bool {
    event.as_object_mut().unwrap().remove("responseObject");
    if event["level"] == "RequestResponse" {
        event["level"] = "Request".into();
    }
    true
}

#[test]
fn at_request_level_all_answers_agree_and_patched_states_are_derived() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.log");
    write_log(&log, to_request_level);
    let with_snapshots = ask(dir.path(), &[log.clone(), data("snapshots")]);
    assert_eq!((with_snapshots.code, with_snapshots.wrong, with_snapshots.unknown), (0, 0, 0));
    let other = tempfile::tempdir().unwrap();
    let alone = ask(other.path(), &[log]);
    assert_eq!((alone.code, alone.wrong, alone.unknown), (0, 0, 0));
    assert!(alone.bases["derived"] > 0, "{:?}", alone.bases);
}

#[test]
fn at_metadata_level_nothing_is_wrong_and_each_null_names_the_event() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.log");
    write_log(&log, |event| {
        if is_rbac(event) {
            let fields = event.as_object_mut().unwrap();
            fields.remove("requestObject");
            fields.remove("responseObject");
            fields.insert("level".into(), "Metadata".into());
        }
        true
    });
    let outcome = ask(dir.path(), &[log, data("snapshots")]);
    assert_eq!((outcome.code, outcome.wrong), (3, 0));
    assert!(outcome.unknown > 0 && outcome.unknown < 3_000, "{}", outcome.unknown);
    assert!(outcome.reasons.iter().all(|r| r.contains("audit ID ")), "{:?}", outcome.reasons.first());
}

#[test]
fn with_the_log_alone_all_answers_agree() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = ask(dir.path(), &[data("audit")]);
    assert_eq!((outcome.code, outcome.wrong, outcome.unknown), (0, 0, 0));
}

#[test]
fn with_the_last_snapshot_and_the_log_after_the_first_nothing_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.log");
    let snapshot: Value = serde_json::from_str(&text(&data("snapshots/T0-before/snapshot.json"))).unwrap();
    let after = snapshot["observed_to"].as_str().unwrap().to_owned();
    write_log(&log, |event| event["stageTimestamp"].as_str().unwrap() > after.as_str());
    let outcome = ask(dir.path(), &[log, data("snapshots/T2-after")]);
    assert_eq!(outcome.wrong, 0);
    // Only what was changed in the stretch, and whose earlier state was never seen, is unknown.
    assert!(outcome.unknown < 200, "{}", outcome.unknown);
    assert!(outcome.reasons.iter().all(|r| r.contains("existed before the evidence")), "{:?}", outcome.reasons.first());
}

#[test]
fn events_without_an_object_reference_are_read_by_their_uri() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.log");
    write_log(&log, |event| {
        event.as_object_mut().unwrap().remove("objectRef");
        true
    });
    let outcome = ask(dir.path(), &[log, data("snapshots")]);
    assert_eq!((outcome.code, outcome.wrong, outcome.unknown), (0, 0, 0));
}

/// One event as the API server of 1.7 to 1.11 wrote it with `--audit-log-format=legacy`.
fn legacy_line(event: &Value) -> String {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str).unwrap_or("<none>");
    let groups: Vec<String> = event
        .pointer("/user/groups")
        .and_then(Value::as_array)
        .map(|g| g.iter().map(|g| format!("\\\"{}\\\"", g.as_str().unwrap())).collect())
        .unwrap_or_default();
    let code = event.pointer("/responseStatus/code").map_or_else(|| "<deferred>".to_owned(), Value::to_string);
    format!(
        "{} AUDIT: id=\"{}\" stage=\"{}\" ip=\"{}\" method=\"{}\" user={:?} groups=\"{}\" as=\"{}\" asgroups=\"<lookup>\" \
         user-agent={:?} namespace=\"{}\" uri={:?} response=\"{code}\"",
        text("/requestReceivedTimestamp"),
        text("/auditID"),
        text("/stage"),
        text("/sourceIPs/0"),
        text("/verb"),
        text("/user/username"),
        groups.join(","),
        event.pointer("/impersonatedUser/username").and_then(Value::as_str).unwrap_or("<self>"),
        text("/userAgent"),
        text("/objectRef/namespace"),
        text("/requestURI"),
    )
}

#[test]
fn beside_a_legacy_text_log_nothing_is_wrong_and_what_changed_unseen_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("audit.log");
    let mut out = File::create(&log).unwrap();
    for file in sorted("audit") {
        for line in text(&file).lines() {
            writeln!(out, "{}", legacy_line(&serde_json::from_str(line).unwrap())).unwrap();
        }
    }
    let outcome = ask(dir.path(), &[log, data("snapshots")]);
    assert_eq!(outcome.wrong, 0);
    // A creation without a name may have made any object: nothing is denied for certain after it.
    assert!(outcome.unknown > 0 && outcome.unknown < 6_000, "{}", outcome.unknown);
    let says_when = |r: &String| r.contains("audit ID ") || r.contains(" is unknown from ");
    assert!(outcome.reasons.iter().all(says_when), "{:?}", outcome.reasons.first());
}
