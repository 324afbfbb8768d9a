//! Method and URI give the attributes that the API server's own tests, and a real API server, gave.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use kubesleuth::model::request_info::RequestInfo;
use serde_json::Value;

#[test]
fn every_recorded_case_agrees() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/conformance/requestinfo.jsonl");
    let text = std::fs::read_to_string(path).expect("conformance cases are part of the repository");
    let mut failures = Vec::new();
    let mut read = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: Value = serde_json::from_str(line).expect("a case is one JSON object");
        let info = RequestInfo::new(case["method"].as_str().unwrap(), case["uri"].as_str().unwrap());
        let got = serde_json::json!({
            "verb": info.verb, "group": info.group, "version": info.version, "namespace": info.namespace,
            "resource": info.resource, "subresource": info.subresource, "name": info.name,
            "path": info.path, "is_resource": info.is_resource,
        });
        let error_expected = case["error"].as_bool().unwrap_or(false);
        if got != case["expect"] || info.error.is_some() != error_expected {
            failures.push(format!(
                "{}: expected {} error {error_expected}, got {got} {:?}",
                case["id"], case["expect"], info.error
            ));
        }
        read += 1;
    }
    assert!(failures.is_empty(), "{} of {read} differ:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(read, 83, "no case may be lost");
}
