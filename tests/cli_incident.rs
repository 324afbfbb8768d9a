//! The main job on recorded evidence: a real control plane, driven through normal work and one intrusion, with the
//! answers its own authorizer gave before, during and after. The expected numbers are counted here from the raw
//! files, not taken from the program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use common::{Case, Lab, Oracle};
use serde_json::{Value, json};

const BACKDOOR: &str = "system:serviceaccount:kube-system:metrics-sync";

/// Moments before, while and after the intruder's binding existed.
const AT: [(&str, &str); 3] = [
    ("T0-before", "2026-11-24T00:41:20.5Z"),
    ("T1-during", "2026-11-24T00:41:45Z"),
    ("T2-after", "2026-11-24T00:42:00Z"),
];

/// The case of audit logs and both snapshots; made once, never changed.
fn shared() -> &'static Case {
    static SHARED: LazyLock<(Lab, Case)> = LazyLock::new(|| {
        let lab = Lab::new();
        let case = lab.case("case");
        case.import([common::incident("audit"), common::incident("snapshots")], &[]);
        (lab, case)
    });
    &SHARED.1
}

#[track_caller]
fn assert_agrees(case: &Case, moment: &str) {
    let Oracle { lines, allowed, reasons } = common::oracle(moment);
    let answers = case.review(&(lines.join("\n") + "\n"), 0);
    assert_eq!(answers.len(), allowed.len());
    for ((line, answer), (allowed, reason)) in lines.iter().zip(&answers).zip(allowed.iter().zip(&reasons)) {
        let (asked, answer): (Value, Value) =
            (serde_json::from_str(line).unwrap(), serde_json::from_str(answer).unwrap());
        assert_eq!(answer["allowed"].as_bool(), Some(*allowed), "{line}: {answer}");
        assert_eq!((&answer["spec"], &answer["at"]), (&asked["spec"], &asked["at"]), "the question is echoed");
        assert!(["observed", "derived", "assumed"].contains(&answer["basis"].as_str().unwrap()), "{answer}");
        let via = answer["via"].as_array().unwrap();
        assert_eq!(via.is_empty(), !*allowed, "an allowed request names what allowed it: {answer}");
        // Where the cluster says which binding allowed it, that binding is among those named here.
        if let Some(chain) = reason.strip_prefix("RBAC: allowed by ") {
            assert!(via.iter().any(|v| v == chain), "{chain} is not among {via:?}");
        }
    }
}

#[test]
fn all_recorded_answers_agree_before() {
    assert_agrees(shared(), "T0-before");
}

#[test]
fn all_recorded_answers_agree_during() {
    assert_agrees(shared(), "T1-during");
}

#[test]
fn all_recorded_answers_agree_after() {
    assert_agrees(shared(), "T2-after");
}

#[test]
fn there_are_nine_thousand_recorded_answers_of_both_kinds() {
    let all: Vec<bool> = common::MOMENTS.iter().flat_map(|m| common::oracle(m).allowed).collect();
    assert_eq!(all.len(), 9000);
    assert!(all.iter().filter(|a| **a).count() > 1000);
}

#[test]
fn the_backdoor_can_read_secrets_only_while_its_binding_exists() {
    for (moment, at) in AT {
        let ran = shared().run(["who-can", "get", "secrets", "-n", "payments", "--at", at, "-o", "json"]).expect(0);
        let found: Vec<Value> = ran.rows().into_iter().filter(|r| r["subject_name"] == "metrics-sync").collect();
        let shown = ran.json();
        assert_eq!(shown["as_of"], json!(at.replace(".5Z", ".500Z")), "{shown}");
        assert_eq!((&shown["question"]["verb"], &shown["question"]["resource"]), (&json!("get"), &json!("secrets")));
        if moment != "T1-during" {
            assert_eq!(found, Vec::<Value>::new(), "{moment}");
            continue;
        }
        let [row] = found.as_slice() else { panic!("{found:?}") };
        let got = ["subject_kind", "subject_namespace", "binding", "role", "scope", "verb", "resource"]
            .map(|c| row[c].as_str().unwrap());
        assert_eq!(
            got,
            ["ServiceAccount", "kube-system", "system:node-proxier-sync", "cluster-admin", "cluster-wide", "*", "*"]
        );
        let (from, to) = (row["valid_from"].as_str().unwrap(), row["valid_to"].as_str().unwrap());
        assert!(("2026-11-24T00:41:41".."2026-11-24T00:41:42").contains(&from), "{from}");
        assert!(("2026-11-24T00:41:57".."2026-11-24T00:41:58").contains(&to), "{to}");
        assert_eq!(row["basis"], "observed");
    }
}

/// The plain table names the same subjects, in the columns people look for.
#[test]
fn the_table_for_people_names_the_backdoor_too() {
    let ran = shared().run(["who-can", "get", "secrets", "-n", "payments", "--at", AT[1].1]).expect(0);
    let row = ran.text().lines().find(|l| l.contains("metrics-sync")).expect("a row");
    for word in ["ServiceAccount", "kube-system", "cluster-wide", "system:node-proxier-sync", "cluster-admin"] {
        assert!(row.contains(word), "{row}");
    }
    let ran = shared().run(["who-can", "get", "secrets", "-n", "payments", "--at", AT[0].1]).expect(0);
    assert!(!ran.text().contains("metrics-sync"));
}

/// The rows end and begin at the very moments that the log gives for the writes.
#[test]
fn one_question_for_one_user_turns_with_the_binding() {
    for (moment, at) in AT {
        let args = ["can", "get", "secrets", "-n", "payments", "--as", BACKDOOR, "--at", at, "-o", "json"];
        let ran = shared().run(args).expect(if moment == "T1-during" { 0 } else { 1 });
        let row = &ran.rows()[0];
        assert_eq!(row["allowed"], json!(moment == "T1-during"));
        let notes = ran.json()["notes"].to_string();
        assert!(notes.contains("system:serviceaccounts:kube-system"), "implied groups are said: {notes}");
    }
}

/// Requests of a user, counted from the raw log: lines grouped by what the stages of one request share.
fn requests_of(user: &str) -> BTreeMap<(String, String), Vec<String>> {
    let mut requests: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (_, line) in common::audit_lines() {
        let event: Value = serde_json::from_str(&line).unwrap();
        if [&event["user"]["username"], &event["impersonatedUser"]["username"]].contains(&&json!(user)) {
            let id = event["auditID"].as_str().unwrap().to_owned();
            let received = event["requestReceivedTimestamp"].as_str().unwrap().to_owned();
            requests.entry((received, id)).or_default().push(line);
        }
    }
    requests
}

#[test]
fn who_did_lists_every_request_of_the_backdoor() {
    let expected = requests_of(BACKDOOR);
    assert!(expected.len() >= 5, "{}", expected.len());
    let rows = shared().run(["who-did", "--user", BACKDOOR, "-o", "json"]).expect(0).rows();
    let listed: Vec<(String, String)> = rows
        .iter()
        .map(|r| (r["time"].as_str().unwrap().to_owned(), r["audit_id"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(listed, expected.keys().cloned().collect::<Vec<_>>(), "in the order of time");
    for (row, lines) in rows.iter().zip(expected.values()) {
        assert_eq!(row["stages"].as_u64().unwrap(), lines.len() as u64, "{row}");
        let last: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
        assert_eq!(row["verb"], last["verb"]);
        assert_eq!(row["user"], last["user"]["username"]);
        assert_eq!(row["code"], last["responseStatus"]["code"]);
        assert_eq!(row["request_uri"], last["requestURI"]);
        assert_eq!(row["user_agent"], last["userAgent"]);
    }
}

#[test]
fn who_did_counts_every_user_as_the_raw_log_does() {
    let mut expected: BTreeMap<String, std::collections::BTreeSet<(String, String, String, String)>> = BTreeMap::new();
    for (_, line) in common::audit_lines() {
        let event: Value = serde_json::from_str(&line).unwrap();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let key = (
            text(&event["auditID"]),
            text(&event["requestReceivedTimestamp"]),
            text(&event["verb"]),
            text(&event["requestURI"]),
        );
        expected.entry(text(&event["user"]["username"])).or_default().insert(key);
    }
    let rows = shared().run(["who-did", "-o", "json"]).expect(0).rows();
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for row in &rows {
        *counted.entry(row["user"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    let expected: BTreeMap<String, usize> = expected.into_iter().map(|(user, all)| (user, all.len())).collect();
    assert_eq!(counted, expected);
}

#[test]
fn show_prints_each_record_byte_for_byte() {
    for ((_, id), lines) in requests_of(BACKDOOR) {
        let ran = shared().run(["show", &id]).expect(0);
        let whole: String = lines.iter().map(|l| format!("{l}\n")).collect();
        assert_eq!(ran.text(), whole, "{id}");
        for word in ["offset", "line", "sha256"].iter().filter(|w| **w != "line") {
            assert!(ran.err.contains(word), "where it lies is said: {}", ran.err);
        }
    }
}

/// Every row of `events` leads to its line: offset, line number and length point at it exactly.
#[test]
fn every_event_row_leads_back_to_its_bytes() {
    let paths: BTreeMap<String, PathBuf> = shared()
        .sources()
        .iter()
        .map(|s| (s["source_id"].as_str().unwrap().to_owned(), PathBuf::from(s["path"].as_str().unwrap())))
        .collect();
    let mut plain: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let rows = shared().sql("SELECT source_id, \"offset\", line, length, audit_id, stage FROM events");
    assert_eq!(rows.len(), common::audit_lines().len());
    for row in rows {
        let id = row["source_id"].as_str().unwrap().to_owned();
        let bytes = plain.entry(id.clone()).or_insert_with(|| common::read_plain(&paths[&id]));
        let number = |name: &str| usize::try_from(row[name].as_u64().unwrap()).unwrap();
        let (offset, length) = (number("offset"), number("length"));
        let event: Value = serde_json::from_slice(&bytes[offset..offset + length]).unwrap();
        assert_eq!((&event["auditID"], &event["stage"]), (&row["audit_id"], &row["stage"]));
        assert_eq!(bytes[..offset].iter().filter(|b| **b == b'\n').count() + 1, number("line"));
    }
}

#[test]
fn show_refuses_a_file_that_has_changed_since() {
    let lab = Lab::new();
    let log = lab.write("log", common::lines([common::event("a", "alice", "get", 1)]));
    let case = lab.case("case");
    case.import([&log], &["--cluster", "c"]);
    assert_eq!(case.run(["show", "a"]).expect(0).out, fs::read(&log).unwrap());
    let moved = lab.path("elsewhere/log2");
    fs::create_dir_all(moved.parent().unwrap()).unwrap();
    fs::copy(&log, &moved).unwrap();
    fs::write(&log, common::lines([common::event("a", "mallory", "get", 1)])).unwrap();
    case.run(["show", "a"]).refused(&["has changed", "--evidence"]);
    fs::remove_file(&log).unwrap();
    case.run(["show", "a"]).refused(&["not there any more", "--evidence"]);
    let evidence = moved.parent().unwrap().to_str().unwrap();
    assert_eq!(case.run(["show", "a", "--evidence", evidence]).expect(0).out, fs::read(&moved).unwrap());
}

/// Records of one file, counted without the program: lines of logs, items of lists, rows of resource tables.
fn records_in(path: &Path) -> u64 {
    let plain = common::read_plain(path);
    let text = std::str::from_utf8(&plain).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    if name.starts_with("audit") {
        return text.lines().filter(|l| !l.trim().is_empty()).count() as u64;
    }
    if name == "api-resources.txt" {
        return text.lines().skip(1).filter(|l| !l.trim().is_empty()).count() as u64;
    }
    let value: Value = serde_json::from_str(text).unwrap();
    match &value["items"] {
        Value::Array(items) => items.len() as u64,
        _ => u64::from(value["metadata"]["name"].is_string()),
    }
}

#[test]
fn counts_add_up_for_every_source() {
    let sources = shared().sources();
    let mut counted = 0;
    for source in &sources {
        let number = |name: &str| source[name].as_u64().unwrap();
        assert_eq!(number("records"), number("rows") + number("duplicates") + number("rejects"), "{source}");
        let path = Path::new(source["path"].as_str().unwrap());
        assert_eq!(number("records"), records_in(path), "{source}");
        assert_eq!((number("duplicates"), number("rejects")), (0, 0), "{source}");
        assert_eq!(number("size"), fs::metadata(path).unwrap().len());
        counted += number("records");
    }
    let files =
        common::files_in(&common::incident("audit")).len() + common::files_in(&common::incident("snapshots")).len();
    // Two files of the second snapshot have the bytes of the first one's, with nothing in them that has a time.
    assert_eq!(sources.len(), files - 2);
    let rows = shared().count("SELECT COUNT(*) FROM events")
        + shared().count("SELECT COUNT(*) FROM object_sightings")
        + shared().count("SELECT COUNT(*) FROM api_resources");
    assert_eq!(counted, rows);
    assert_eq!(shared().count("SELECT COUNT(*) FROM events"), common::audit_lines().len() as u64);
}

#[test]
fn the_same_import_twice_gives_the_same_bytes() {
    let lab = Lab::new();
    let (one, two) = (lab.case("one"), lab.case("two"));
    for case in [&one, &two] {
        case.import([common::incident("snapshots"), common::incident("audit")], &[]);
    }
    assert!(one.tables().len() >= 13, "{:?}", one.tables().keys());
    common::assert_same(&one.tables(), &two.tables(), "two imports of the same evidence");
    // The order in which paths are named says nothing.
    common::assert_same(&one.tables(), &shared().tables(), "paths named the other way round");
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let lab = Lab::new();
    let cases: Vec<Case> = ["1", "2", "7"].iter().map(|n| lab.case(&format!("case-{n}"))).collect();
    for (case, threads) in cases.iter().zip(["1", "2", "7"]) {
        case.import([common::incident("audit"), common::incident("snapshots")], &["--threads", threads]);
        common::assert_same(&case.tables(), &shared().tables(), threads);
    }
}

#[test]
fn importing_again_changes_nothing_and_says_so() {
    let lab = Lab::new();
    let case = lab.case("case");
    let paths = || [common::incident("audit"), common::incident("snapshots")];
    let first = case.import(paths(), &[]);
    let files = case.files();
    let again = case.import(paths(), &[]);
    assert!(again.err.contains("nothing new"), "{}", again.err);
    assert!(!first.err.contains("nothing new"), "{}", first.err);
    common::assert_same(&files, &case.files(), "the case after a second import");
    // Part of it again, and under another order: still nothing.
    let again = case.import([common::incident("audit/audit.log")], &[]);
    assert!(again.err.contains("nothing new"), "{}", again.err);
    common::assert_same(&files, &case.files(), "the case after an import of a part");
    assert_eq!(common::names_in(lab.dir.path()), ["case"]);
}

#[test]
fn evidence_that_comes_later_counts_as_if_it_had_come_at_once() {
    let lab = Lab::new();
    let orders: [(&str, [&str; 3]); 3] = [
        ("logs first", ["audit", "snapshots/T0-before", "snapshots/T2-after"]),
        ("snapshots first", ["snapshots/T2-after", "snapshots/T0-before", "audit"]),
        ("log in the middle", ["snapshots/T0-before", "audit", "snapshots/T2-after"]),
    ];
    for (what, parts) in orders {
        let case = lab.case(&what.replace(' ', "-"));
        for part in parts {
            case.import([common::incident(part)], &["--cluster", "lab-a"]);
        }
        for moment in common::MOMENTS {
            assert_agrees(&case, moment);
        }
        for (_, at) in AT {
            for question in [
                vec!["who-can", "get", "secrets", "-n", "payments"],
                vec!["rights", "ci-deployer"],
                vec!["who-can", "*", "*.*", "-A"],
            ] {
                let asked = |case: &Case| case.run(question.iter().chain(&["--at", at, "-o", "json"]));
                let (late, at_once) = (asked(&case), asked(shared()));
                assert_eq!((late.code, late.text()), (at_once.code, at_once.text()), "{what}: {question:?}");
            }
        }
        let versions = "SELECT kind, namespace, name, valid_from, valid_to, basis, presence, body FROM object_versions ORDER BY kind, namespace, name, valid_from";
        assert!(case.sql(versions) == shared().sql(versions), "{what}: other object versions");
    }
}

#[test]
fn a_log_rotated_to_another_name_is_known_by_its_bytes() {
    let lab = Lab::new();
    let case = lab.case("case");
    case.import([common::incident("audit"), common::incident("snapshots")], &[]);
    let files = case.files();
    let renamed = lab.path("copy/audit-2026.log.7");
    fs::create_dir_all(renamed.parent().unwrap()).unwrap();
    fs::copy(common::incident("audit/audit.log"), &renamed).unwrap();
    let ran = case.import([&renamed], &["--cluster", "lab-a"]);
    assert!(ran.err.contains("nothing new"), "{}", ran.err);
    common::assert_same(&files, &case.files(), "the case");
}

/// The same events compressed are other bytes, so another source, and every record of it is a duplicate.
#[test]
fn a_log_that_was_compressed_meanwhile_adds_no_event() {
    let lab = Lab::new();
    let case = lab.case("case");
    case.import([common::incident("audit")], &["--cluster", "c"]);
    let before = case.count("SELECT COUNT(*) FROM events");
    let plain = common::read_plain(&common::incident("audit/audit.log"));
    let packed = lab.write("audit.log.1.gz", common::gzip(&plain));
    case.import([&packed], &["--cluster", "c"]);
    assert_eq!(case.count("SELECT COUNT(*) FROM events"), before);
    let sources = case.sources();
    let source = sources.iter().find(|s| s["path"] == packed.to_str().unwrap()).unwrap();
    let lines = plain.split(|b| *b == b'\n').filter(|l| !l.is_empty()).count() as u64;
    assert_eq!(
        (source["records"].as_u64(), source["rows"].as_u64(), source["duplicates"].as_u64()),
        (Some(lines), Some(0), Some(lines))
    );
    let twin = sources.iter().find(|s| s["path"].as_str().unwrap().ends_with("audit.log")).unwrap();
    assert_eq!(source["duplicate_of"], json!([twin["source_id"]]));
}

#[test]
fn overlapping_logs_give_each_event_once() {
    let lab = Lab::new();
    let lines: Vec<String> =
        (0..100).map(|i| common::event(&format!("id-{i}"), "alice", "get", i).to_string()).collect();
    lab.write("logs/a.log", lines[..60].join("\n") + "\n");
    lab.write("logs/b.log", lines[40..].join("\n") + "\n");
    for (what, threads) in [("at once", "1"), ("at once, parallel", "2")] {
        let case = lab.case(what);
        case.import([lab.path("logs")], &["--cluster", "c", "--threads", threads]);
        assert_overlap(&case, what);
    }
    let case = lab.case("one after the other");
    case.import([lab.path("logs/a.log")], &["--cluster", "c"]);
    case.import([lab.path("logs/b.log")], &["--cluster", "c"]);
    assert_overlap(&case, "one after the other");
}

#[track_caller]
fn assert_overlap(case: &Case, what: &str) {
    assert_eq!(case.count("SELECT COUNT(*) FROM events"), 100, "{what}");
    assert_eq!(case.count("SELECT COUNT(DISTINCT audit_id) FROM events"), 100, "{what}");
    let counts: Vec<[u64; 4]> = case
        .sources()
        .iter()
        .map(|s| ["records", "rows", "duplicates", "rejects"].map(|c| s[c].as_u64().unwrap()))
        .collect();
    assert_eq!(counts, [[60, 60, 0, 0], [60, 40, 20, 0]], "{what}");
}

/// A client chooses its `Audit-ID`, so equal ids prove nothing: what says different things is kept and reported.
#[test]
fn forged_audit_ids_hide_no_event_and_are_a_finding() {
    let lab = Lab::new();
    let log = lab.write(
        "forged.log",
        common::lines([
            common::event("same", "alice", "get", 1),
            common::event("same", "mallory", "delete", 2),
            common::event("same", "alice", "get", 1),
            common::event("other", "bob", "list", 3),
        ]),
    );
    let case = lab.case("case");
    let ran = case.import([&log], &["--cluster", "c"]);
    let source = &case.sources()[0];
    assert_eq!(
        ["records", "rows", "duplicates", "rejects"].map(|c| source[c].as_u64().unwrap()),
        [4, 3, 1, 0],
        "{}",
        ran.err
    );
    let rows = case.run(["who-did", "-o", "json"]).expect(0).rows();
    assert_eq!(common::column(&rows, "user"), ["alice", "mallory", "bob"]);
    let findings = case.sql("SELECT code, severity, message FROM findings");
    let found = findings.iter().find(|f| f["code"] == "audit-id-collision").expect("a finding");
    assert!(found["message"].as_str().unwrap().contains("same"), "{found}");
    assert!(ran.err.contains("findings"), "{}", ran.err);
    // In two imports it is the same finding.
    let parts = lab.case("parts");
    parts.import([lab.write("1.log", common::lines([common::event("same", "alice", "get", 1)]))], &["--cluster", "c"]);
    parts.import(
        [lab.write("2.log", common::lines([common::event("same", "mallory", "delete", 2)]))],
        &["--cluster", "c"],
    );
    assert_eq!(parts.count("SELECT COUNT(*) FROM events"), 2);
    assert_eq!(parts.count("SELECT COUNT(*) FROM findings WHERE code = 'audit-id-collision'"), 1);
    assert_eq!(
        common::column(&parts.run(["who-did", "--user", "mallory", "-o", "json"]).expect(0).rows(), "verb"),
        ["delete"]
    );
}

/// Reading is not writing: the evidence is as it was, to the last bit and the time of its last change.
#[test]
fn evidence_is_not_touched() {
    let lab = Lab::new();
    let evidence = lab.path("evidence");
    for part in ["audit", "snapshots/T0-before"] {
        for file in common::files_in(&common::incident(part)) {
            let to = evidence.join(part).join(file.file_name().unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(&file, &to).unwrap();
        }
    }
    let times =
        || common::files_in(&evidence).iter().map(|f| fs::metadata(f).unwrap().modified().unwrap()).collect::<Vec<_>>();
    let (before, then) = (common::tree(&evidence), times());
    let case = lab.case("case");
    case.import([&evidence], &[]);
    case.run(["show", "s1:1"]).expect(0);
    common::assert_same(&before, &common::tree(&evidence), "the evidence");
    assert_eq!(times(), then);
}

#[test]
fn the_summary_adds_up_and_names_its_case() {
    let lab = Lab::new();
    let case = lab.case("case");
    let ran = case.import([common::incident("audit"), common::incident("snapshots")], &[]);
    let number = |word: &str| -> u64 {
        let line = ran
            .err
            .lines()
            .find(|l| l.trim_start().starts_with(word))
            .unwrap_or_else(|| panic!("no `{word}` in {}", ran.err));
        line.split_whitespace().find_map(|w| w.parse().ok()).unwrap()
    };
    assert_eq!(number("records"), number("rows") + number("duplicates") + number("rejects"));
    assert_eq!(number("sources"), case.sources().len() as u64);
    assert!(ran.err.contains("2026-11-24T00:41:02.025568Z to 2026-11-24T00:44:18.528067Z"), "time span: {}", ran.err);
    assert!(ran.err.contains("elapsed") && ran.err.contains("lab-a"), "{}", ran.err);
    assert!(ran.out.is_empty(), "a summary is not an answer");
    let quiet = lab.case("quiet").import([common::incident("audit")], &["-q", "--cluster", "c"]);
    assert_eq!(quiet.err, "");
}
