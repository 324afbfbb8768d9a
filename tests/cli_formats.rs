//! Every export format through the command: each folder is imported into a case of its own, and the case holds
//! what is known to be in the folder. The reading alone is tested with the formats; here it is what a user gets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod common;
mod formats_support;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use common::{Case, Lab};
use formats_support::{Folder, folders};
use serde_json::Value;

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(|v| v.as_str().unwrap().to_owned()).collect()
}

fn sum(sources: &[Value], column: &str) -> u64 {
    sources.iter().map(|s| s[column].as_u64().unwrap()).sum()
}

fn union(sources: &[Value], column: &str) -> BTreeSet<String> {
    sources.iter().flat_map(|s| texts(&s[column])).collect()
}

/// Writes a folder as it was collected, without the list of what is in it.
fn unpack(lab: &Lab, name: &str, folder: &Folder) -> PathBuf {
    for (path, bytes) in folder.iter().filter(|(path, _)| *path != "expected.json") {
        lab.write(&format!("{name}/{path}"), bytes);
    }
    lab.path(name)
}

/// What differs between the case and the list.
fn differences(case: &Case, expected: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let mut check = |what: &str, found: Value, wanted: Value| {
        if found != wanted {
            out.push(format!("{what}: found {found}, expected {wanted}"));
        }
    };
    let sources = case.sources();
    // The two servers of a must-gather wrote one event each under ids that the list counts once.
    let same_id = expected["same_id_two_components"].as_array().map_or(0, |ids| ids.len() as u64);
    let unique = expected.get("unique_by_auditid_stage_content").unwrap_or(&expected["unique_by_auditid_stage"]);
    let (unique, events) = (unique.as_u64().unwrap() + same_id, expected["events"].as_u64().unwrap());
    // A count over nothing may give no row.
    let rows = case.sql("SELECT COUNT(*) AS n FROM events").first().map_or(0, |r| r["n"].as_u64().unwrap());
    check("rows", rows.into(), unique.into());
    check("duplicates", sum(&sources, "duplicates").into(), (events - unique).into());
    check("rejects", (case.sql("SELECT source_id FROM rejects").len() as u64).into(), expected["rejected"].clone());
    check("skipped", sum(&sources, "skipped").into(), expected["skipped"].clone());
    // Records of the authenticator are rows of a table of their own.
    let identities = case.sql("SELECT source_id FROM identities WHERE origin = 'authenticator-log'");
    check("identities", (identities.len() as u64).into(), expected["records"].as_u64().unwrap_or_default().into());
    for s in &sources {
        let number = |name: &str| s[name].as_u64().unwrap();
        check("sum", number("records").into(), (number("rows") + number("duplicates") + number("rejects")).into());
    }
    let ids = case.sql("SELECT DISTINCT audit_id FROM events WHERE audit_id IS NOT NULL");
    let ids: BTreeSet<String> = ids.iter().map(|r| r["audit_id"].as_str().unwrap().to_owned()).collect();
    let mut wanted = texts(&expected["audit_ids"]);
    // Formats without an id have no value, not an empty one.
    wanted.remove("");
    check("ids", ids.into_iter().collect(), wanted.into_iter().collect());
    let mut warnings = union(&sources, "warnings");
    if !case.sql("SELECT code FROM findings WHERE code = 'audit-id-collision'").is_empty() {
        warnings.insert("audit-id-collision".to_owned());
    }
    check("warnings", warnings.into_iter().collect(), texts(&expected["warnings"]).into_iter().collect());
    for file in expected["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let source = sources.iter().find(|s| s["path"].as_str().unwrap().ends_with(&format!("/{path}")));
        let source = source.unwrap_or_else(|| panic!("{path} is no source"));
        let others = identities.iter().filter(|i| i["source_id"] == source["source_id"]).count() as u64;
        let events = source["records"].as_u64().unwrap() - source["rejects"].as_u64().unwrap() - others;
        check(path, events.into(), file["events"].clone());
    }
    // These two name what is in the evidence, not how it is written.
    if !matches!(expected["format"].as_str(), Some("duplicates" | "hostile-values")) {
        let read = sources.iter().map(|s| s["format"].as_str().unwrap()).filter(|f| *f != "unrecognised");
        let names: BTreeSet<&str> = read.filter(|f| *f != "must-gather-listing").collect();
        check("format", names.into_iter().collect(), Value::from(vec![expected["format"].clone()]));
    }
    out
}

#[test]
fn each_folder_gives_the_case_its_list_says() {
    let lab = Lab::new();
    let mut failures = Vec::new();
    let folders = folders();
    assert!(folders.len() >= 50, "{:?}", folders.keys());
    for (name, folder) in &folders {
        let expected: Value = serde_json::from_slice(&folder["expected.json"]).unwrap();
        let case = lab.case(&format!("case of {name}"));
        let ran = case.run(["import".as_ref(), unpack(&lab, name, folder).as_os_str()]);
        if ran.code != Some(0) {
            failures.push(format!("{name}: {:?} {}", ran.code, ran.err));
            continue;
        }
        failures.extend(differences(&case, &expected).into_iter().map(|d| format!("{name}: {d}")));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// A tar of the folder, its paths inside.
fn tar_of(folder: &Folder) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, bytes) in folder.iter().filter(|(path, _)| *path != "expected.json") {
        tar.extend(member(path, bytes, b'0'));
    }
    tar.extend([0; 1024]);
    tar
}

fn member(path: &str, bytes: &[u8], kind: u8) -> Vec<u8> {
    let mut header = [0_u8; 512];
    // The format has 100 bytes for a name, and 155 for the folders in front of it.
    let cut = if path.len() > 100 { path[path.len() - 101..].find('/').unwrap() + path.len() - 101 } else { 0 };
    let name = path[cut..].trim_start_matches('/');
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[345..345 + cut].copy_from_slice(&path.as_bytes()[..cut]);
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = header.to_vec();
    out.extend_from_slice(bytes);
    out.resize(out.len().div_ceil(512) * 512, 0);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn import(lab: &Lab, case: &str, path: &Path) -> Case {
    let case = lab.case(case);
    case.import([path], &[]);
    case
}

#[test]
fn members_of_an_archive_are_sources_and_lead_back_to_their_bytes() {
    let lab = Lab::new();
    let (folders, name) = (folders(), "openshift-must-gather");
    let folder = &folders[name];
    let expected: Value = serde_json::from_slice(&folder["expected.json"]).unwrap();
    let path = lab.write("mg.tar.gz", gzip(&tar_of(folder)));
    let case = import(&lab, "packed", &path);
    let plain = import(&lab, "plain", &unpack(&lab, name, folder));
    let count = |case: &Case| case.count("SELECT COUNT(*) FROM events");
    assert_eq!(count(&case), count(&plain));
    assert!(union(&case.sources(), "warnings").contains("listed-file-missing"));
    let sources = case.sources();
    let packed = path.to_str().unwrap();
    let own = sources.iter().find(|s| s["path"] == packed).expect("the archive is a source");
    assert_eq!((&own["format"], &own["compression"]), (&"tar".into(), &"gzip".into()));
    for file in expected["files"].as_array().unwrap() {
        let member = file["path"].as_str().unwrap();
        let source =
            sources.iter().find(|s| s["path"] == format!("{packed}!/{member}")).expect("each member is a source");
        assert_eq!(source["sha256"], sha256(&folder[member]), "{member}");
        assert_eq!(source["size"], folder[member].len());
    }
    let rows = case.sql("SELECT source_id, line, audit_id FROM events LIMIT 5");
    for row in rows {
        let place = format!("{}:{}", row["source_id"].as_str().unwrap(), row["line"]);
        let shown = case.run(["show", place.as_str()]).expect(0);
        assert!(shown.text().contains(row["audit_id"].as_str().unwrap()), "{place}");
    }
    let before = case.tables();
    case.import([&path], &[]);
    assert_eq!(case.tables(), before, "the same archive again adds nothing");
}

#[test]
fn a_member_that_leads_outside_is_a_finding_and_the_rest_is_read() {
    let lab = Lab::new();
    let log = &folders()["native-jsonl"]["audit.log"];
    let mut tar = member("../../etc/passwd", b"x", b'0');
    tar.extend(member("link", b"", b'2'));
    tar.extend(member("audit.log", log, b'0'));
    tar.extend([0; 1024]);
    let case = import(&lab, "case", &lab.write("a.tar", tar));
    assert_eq!(case.count("SELECT COUNT(*) FROM events"), 300);
    let refused = case.sql("SELECT severity, message FROM findings WHERE code = 'archive-member-refused'");
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused.iter().all(|f| f["severity"] == "medium"), "{refused:?}");
    assert!(union(&case.sources(), "warnings").contains("archive-member-refused"));
}

#[test]
fn a_cut_archive_gives_what_lies_before_the_cut_and_says_so() {
    let lab = Lab::new();
    let log = &folders()["native-jsonl"]["audit.log"];
    let mut tar = member("first.log", log, b'0');
    tar.extend(&member("second.log", log, b'0')[..2000]);
    let case = import(&lab, "case", &lab.write("cut.tar", tar));
    assert_eq!(case.count("SELECT COUNT(*) FROM events"), 300);
    let warnings = union(&case.sources(), "warnings");
    assert!(warnings.iter().any(|w| w.starts_with("archive-")), "{warnings:?}");
    assert!(!case.sql("SELECT source_id FROM rejects").is_empty());
}

/// A trap: one record that quotes many events gives all of them one place; dropping a copy drops that one alone.
#[test]
fn a_copy_among_events_of_one_record_takes_no_other_with_it() {
    let lab = Lab::new();
    let log = String::from_utf8(folders()["native-jsonl"]["audit.log"].clone()).unwrap();
    let lines: Vec<&str> = log.lines().take(3).collect();
    lab.write("in/a.log", format!("{}\n", lines[0]));
    // The first event once more, its keys in another order, quoted in one message together with two others.
    let again: Value = serde_json::from_str(lines[0]).unwrap();
    let mut keys: Vec<(String, Value)> = again.as_object().unwrap().clone().into_iter().collect();
    keys.reverse();
    let again: Vec<String> = keys.iter().map(|(k, v)| format!("{}:{v}", Value::from(k.as_str()))).collect();
    let message = format!("{{{}}}\n{}\n{}", again.join(","), lines[1], lines[2]);
    let envelope = serde_json::json!({"log": message, "stream": "stdout", "time": "2026-11-24T00:41:20Z"});
    lab.write("in/b.log", format!("{envelope}\n"));
    let case = import(&lab, "case", &lab.path("in"));
    assert_eq!(case.count("SELECT COUNT(*) FROM events"), 3, "{:?}", case.sources());
    assert_eq!(sum(&case.sources(), "duplicates"), 1);
}

#[test]
fn a_poorer_export_of_a_log_adds_no_event_and_no_finding() {
    let folders = folders();
    for name in [
        "legacy-text--1.7",
        "aks-log-analytics--csv",
        "aks-log-analytics--portal-csv",
        "elasticsearch--kubernetes-audit",
        "native-v1beta1",
    ] {
        // The poorer first and the poorer last: the fullest row is kept either way.
        for order in [["a", "b"], ["b", "a"]] {
            let lab = Lab::new();
            let [full, poor] = order.map(|folder| format!("evidence/{folder}"));
            unpack(&lab, &full, &folders["native-jsonl"]);
            unpack(&lab, &poor, &folders[name]);
            let case = import(&lab, "case", &lab.path("evidence"));
            let count = |query: &str| case.sql(query).len();
            assert_eq!(count("SELECT code FROM findings WHERE code = 'audit-id-collision'"), 0, "{name} {order:?}");
            assert_eq!(count("SELECT audit_id FROM events"), 300, "{name} {order:?}");
            assert_eq!(count("SELECT audit_id FROM events WHERE user_groups IS NULL"), 0, "{name} {order:?}");
            let sources = case.sources();
            let expected: Value = serde_json::from_slice(&folders[name]["expected.json"]).unwrap();
            assert_eq!(sum(&sources, "duplicates"), expected["events"].as_u64().unwrap(), "{name} {order:?}");
            let records = sum(&sources, "records");
            assert_eq!(records, sum(&sources, "rows") + sum(&sources, "duplicates") + sum(&sources, "rejects"));
        }
    }
}
