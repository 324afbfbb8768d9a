//! The memory an import may take changes how its files are cut, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod common;
mod table_rows;

use common::{Lab, event, files_in, incident};
use serde_json::json;
use table_rows::assert_equal;

/// A log of some 40 MB: config maps that change, one of them a hundred times over.
fn log(lab: &Lab) -> std::path::PathBuf {
    let mut text = String::new();
    for n in 0..4000_u32 {
        let name = if n % 4 == 0 { "hot".to_owned() } else { format!("map-{}", n % 97) };
        let mut change = event(&format!("change-{n}"), "gardener", "update", n % 60);
        change["stageTimestamp"] = json!(format!("2026-11-24T{:02}:{:02}:01.{:06}Z", n / 600, n / 10 % 60, n));
        change["requestReceivedTimestamp"] = change["stageTimestamp"].clone();
        change["objectRef"] = json!({"resource": "configmaps", "namespace": "green", "name": name, "apiVersion": "v1"});
        change["responseStatus"] = json!({"code": 200});
        change["requestObject"] = json!({
            "kind": "ConfigMap", "metadata": {"name": name, "namespace": "green"},
            "data": {"n": n.to_string(), "text": "leaf ".repeat(2000)},
        });
        text.push_str(&format!("{change}\n"));
    }
    lab.write("audit.log", text)
}

#[test]
fn less_memory_cuts_files_smaller_and_gives_the_same_rows() {
    let lab = Lab::new();
    let log = log(&lab);
    let parts = |case: &common::Case| files_in(&case.dir.join("events")).len();
    let (large, small, other) = (lab.case("large"), lab.case("small"), lab.case("other"));
    large.import([log.clone(), incident("audit")], &["--cluster", "c"]).expect(0);
    small.import([log.clone(), incident("audit")], &["--cluster", "c", "--memory", "64MB"]).expect(0);
    other.import([log, incident("audit")], &["--cluster", "c", "--memory", "64MB", "--threads", "3"]).expect(0);
    assert_equal(&small, &large, "64 MB against 512 MB");
    assert!(parts(&small) > parts(&large), "{} files, {} files", parts(&small), parts(&large));
    common::assert_same(&small.tables(), &other.tables(), "whatever the threads");
    assert!(large.count("SELECT count(*) FROM object_versions WHERE name = 'hot'") >= 1000);
}

#[test]
fn too_little_memory_is_refused_in_words() {
    let lab = Lab::new();
    let audit = incident("audit").display().to_string();
    let ran = lab.case("case").run(["import", &audit, "--memory", "1MB"]);
    assert!(ran.err.contains("at least 64MB"), "{}", ran.err);
    ran.expect(2);
    assert!(!lab.path("case").exists());
}
