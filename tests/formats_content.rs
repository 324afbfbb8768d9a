//! What an export carries is what the API server wrote: every value of every format is compared with the
//! native record of the same request and stage.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod formats_support;

use std::collections::{BTreeMap, BTreeSet};

use formats_support::{Kept, folders, read_folder};
use serde_json::{Map, Value};

/// Folders of other requests, or of requests with other users (their `expected.json` says so).
const OTHERS: [&str; 5] = ["duplicates", "hostile-values", "rancher-api-audit", "eks-authenticator", "openshift"];
/// Columns that come from the envelope.
const ENVELOPE: [&str; 8] =
    ["api_version", "grpc_code", "operation_part", "http_method", "node", "log_stream", "api_server", "envelope_time"];

#[test]
fn values_are_those_of_the_native_record() {
    let folders = folders();
    let mut native: BTreeMap<String, Vec<Kept>> = BTreeMap::new();
    for event in read_folder(&folders["native-jsonl"]).events() {
        native.entry(event.audit_id.clone()).or_default().push(event.clone());
    }
    let mut wrong = BTreeSet::new();
    for (name, folder) in folders.iter().filter(|(name, _)| !OTHERS.iter().any(|o| name.starts_with(o))) {
        let all = read_folder(folder);
        for event in all.events() {
            let same = &native[&event.audit_id];
            let best = same.iter().map(|n| differing(event, n, name)).min_by_key(Vec::len).unwrap();
            wrong.extend(best.into_iter().map(|d| format!("{name}: {d}")));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.into_iter().take(30).collect::<Vec<_>>().join("\n")
    );
}

/// Lossless formats must agree in everything; the others in what they say.
fn differing(found: &Kept, native: &Kept, folder: &str) -> Vec<String> {
    let eks = folder.starts_with("cloudwatch");
    let lossless = found.format.absent_fields().is_empty()
        || found.format.name().starts_with("cloudwatch")
        || found.format.name().starts_with("native");
    let mut out = Vec::new();
    let mut keys: BTreeSet<&String> = found.content.keys().collect();
    if lossless {
        keys.extend(native.content.keys());
    }
    if found.stage.is_some() && found.stage != native.stage {
        out.push(format!("stage {:?}", found.stage));
    }
    for key in keys.into_iter().filter(|k| !ENVELOPE.contains(&k.as_str())) {
        // The users of the EKS folders were rewritten to IAM.
        if eks && key.starts_with("user_") {
            continue;
        }
        if !agrees(key, &found.content, &native.content, found) {
            out.push(format!(
                "{} {key}: {:.80} and not {:.80}",
                found.audit_id,
                shown(&found.content, key),
                shown(&native.content, key)
            ));
        }
    }
    out
}

fn shown(content: &Map<String, Value>, key: &str) -> String {
    content.get(key).map_or("nothing".to_owned(), ToString::to_string)
}

fn agrees(key: &str, found: &Map<String, Value>, native: &Map<String, Value>, event: &Kept) -> bool {
    let (a, b) = (found.get(key), native.get(key));
    if a == b {
        return true;
    }
    let text = |v: Option<&Value>| v.and_then(Value::as_str).unwrap_or_default().to_owned();
    match (event.format.name(), key) {
        (_, "request_object" | "response_object") if text(a) == "skipped-too-big-size-object" => true,
        // Milliseconds of the same time.
        (_, "stage_timestamp" | "request_received_timestamp") => {
            let coarse = event.format.absent_fields().iter().any(|f| f.ends_with("(microseconds)"));
            // Pre-1.7 lines have nanoseconds of their own, and the response line's time.
            (coarse && text(b).starts_with(text(a).trim_end_matches('Z'))) || event.format.name() == "legacy-text"
        }
        ("elasticsearch", "annotations") => {
            b.and_then(Value::as_object).is_some_and(|b| b.iter().all(|(k, v)| a.and_then(|a| a.get(k)) == Some(v)))
        }
        // One address: the first, or before 1.7 the peer's.
        ("legacy-text" | "gke-cloud-logging", "source_ips") => {
            let (one, all) = (a.and_then(Value::as_array), b.and_then(Value::as_array));
            one.zip(all).is_some_and(|(one, all)| one.len() == 1 && all.contains(&one[0]))
        }
        // The log service words failures in its own way, and gives a denial a body.
        ("gke-cloud-logging", "response_status_message" | "response_object") => {
            event.content.get("grpc_code").is_some_and(|c| c != 0)
        }
        // A JSON Patch is a list; the log service holds objects.
        ("gke-cloud-logging", "request_object") => b.is_some_and(Value::is_array),
        _ => false,
    }
}

#[test]
fn envelopes_give_stream_node_and_time() {
    let folders = folders();
    for (folder, column) in [
        ("cloudwatch-filter-log-events", "log_stream"),
        ("cloudwatch-s3-export", "log_stream"),
        ("cloudwatch-subscription", "log_stream"),
        ("cloudwatch-insights--csv", "log_stream"),
        ("openshift-must-gather", "node"),
        ("fluent-bit--log-string", "node"),
        ("loki--query-range", "node"),
        ("journal", "node"),
        ("cri", "api_server"),
        ("aks-diagnostics--blob", "api_server"),
        ("gke-cloud-logging--array", "grpc_code"),
    ] {
        let all = read_folder(&folders[folder]);
        assert!(all.events().all(|e| e.content.contains_key(column)), "{folder} {column}");
        let timed = all.events().filter(|e| e.content.contains_key("envelope_time")).count();
        assert!(timed == all.events().count() || folder.starts_with("openshift"), "{folder}");
    }
    let about = |folder: &str| {
        read_folder(&folders[folder]).sources.iter().flat_map(|s| s.facts.clusters.clone()).collect::<BTreeSet<_>>()
    };
    assert_eq!(about("gke-cloud-logging--jsonl").len(), 1);
    assert_eq!(about("aks-diagnostics--blob").len(), 1);
    assert_eq!(about("loki--query-range").len(), 1);
}

#[test]
fn a_request_of_two_google_entries_stays_two_events() {
    let all = read_folder(&folders()["gke-cloud-logging--jsonl"]);
    let parts: Vec<_> = all.events().filter_map(|e| e.content.get("operation_part")).collect();
    assert!(!parts.is_empty() && all.remaining().len() == all.events().count());
}
