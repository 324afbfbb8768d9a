//! Imports in parts: cases that are merged equal the case of a single import, row by row and answer by answer.
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
mod table_rows;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use common::{Case, Lab, files_in, gzip, incident, names_in, read_plain};
use formats_support::folders;
use kubesleuth::import::{MergeOptions, merge};
use kubesleuth::model::progress::Silent;
use table_rows::assert_equal;

fn merged(lab: &Lab, name: &str, parts: &[&Case]) -> Case {
    let case = lab.case(name);
    let mut args = vec!["case".to_owned(), "merge".to_owned()];
    args.extend(parts.iter().map(|p| p.dir.display().to_string()));
    case.run(args).expect(0);
    case
}

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// Files that belong together: a folder with its `snapshot.json`, any other file alone.
fn units(root: &Path) -> Vec<Vec<PathBuf>> {
    let mut units: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for file in files_in(root) {
        let folder = file.parent().unwrap();
        let whole = folder.join("snapshot.json").is_file();
        units.entry(if whole { folder.to_owned() } else { file.clone() }).or_default().push(file);
    }
    units.into_values().collect()
}

/// Imports all files at once and in random parts, and compares.
fn split_at_random(root: &Path, seeds: std::ops::Range<u64>) {
    let lab = Lab::in_memory();
    let single = lab.case("single");
    single.import([root], &["--cluster", "lab"]);
    for seed in seeds {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1);
        let count = 2 + random.below(3);
        let mut parts: Vec<Vec<PathBuf>> = vec![Vec::new(); count];
        for unit in units(root) {
            parts[random.below(count)].extend(unit);
        }
        let mut cases = Vec::new();
        for (n, files) in parts.iter().enumerate().filter(|(_, files)| !files.is_empty()) {
            let case = lab.case(&format!("part-{seed}-{n}"));
            case.import(files, &["--cluster", "lab"]);
            cases.insert(random.below(cases.len() + 1), case);
        }
        let whole = merged(&lab, &format!("merged-{seed}"), &cases.iter().collect::<Vec<_>>());
        assert_equal(&whole, &single, &format!("seed {seed}: {parts:?}"));
    }
}

#[test]
fn an_incident_in_random_parts() {
    let lab = Lab::new();
    copy_tree(&incident("audit"), &lab.path("e/audit"));
    copy_tree(&incident("snapshots"), &lab.path("e/snapshots"));
    split_at_random(&lab.path("e"), 0..6);
}

/// Every format, many of them holding the same events: copies over parts, pages, listings, categories, lines of the
/// authenticator. Left out is the legacy text: it says so little that a record of it agrees with several of the events
/// that were forged under one audit ID, and which of them it is counted a copy of follows from what it was read with.
#[test]
fn every_format_in_random_parts() {
    let lab = Lab::new();
    for (folder, files) in folders().into_iter().filter(|(name, _)| !name.starts_with("legacy-text")) {
        for (path, bytes) in files {
            lab.write(&format!("e/{folder}/{path}"), bytes);
        }
    }
    split_at_random(&lab.path("e"), 0..4);
}

fn copy_tree(from: &Path, to: &Path) {
    for file in files_in(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, &target).unwrap();
    }
}

/// A tar of plain files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, bytes) in files {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].copy_from_slice(b"        ");
        let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(header);
        out.extend(*bytes);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// A log with rotated files, in which every record is an event of its own. Its servers take turns.
fn event(n: u64, verb: &str, user: &str) -> String {
    let (second, micro) = (n / 10, n % 10 * 100_000);
    let at = format!("2026-03-04T{:02}:{:02}:{:02}.{micro:06}Z", second / 3600, second / 60 % 60, second % 60);
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{n:08x}-0000-4000-8000-000000000000","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/shop/secrets/s{}","verb":"{verb}","user":{{"username":"{user}","groups":["system:authenticated"]}},"sourceIPs":["10.0.0.9"],"userAgent":"curl/8","objectRef":{{"resource":"secrets","namespace":"shop","name":"s{}","apiVersion":"v1"}},"responseStatus":{{"code":200}},"requestReceivedTimestamp":"{at}","stageTimestamp":"{at}"}}"#,
        n % 50,
        n % 50
    )
}

fn log(range: impl IntoIterator<Item = u64>) -> String {
    range.into_iter().map(|n| event(n, "get", &format!("user-{}", n % 7)) + "\n").collect()
}

/// The files of `groups` in parts of their own and at once.
fn compare(lab: &Lab, groups: &[Vec<PathBuf>]) -> (Case, Case) {
    let single = lab.case("single");
    single.import(groups.iter().flatten(), &["--cluster", "lab"]);
    let parts: Vec<Case> = (0..groups.len()).map(|n| lab.case(&format!("part-{n}"))).collect();
    for (case, files) in parts.iter().zip(groups) {
        case.import(files, &["--cluster", "lab"]);
    }
    let whole = merged(lab, "merged", &parts.iter().collect::<Vec<_>>());
    assert_equal(&whole, &single, "merged");
    let backwards = merged(lab, "backwards", &parts.iter().rev().collect::<Vec<_>>());
    assert_equal(&backwards, &single, "in the other order");
    (whole, single)
}

#[test]
fn a_copy_in_another_part_is_dropped_and_counted_where_a_single_import_counts_it() {
    let lab = Lab::new();
    let text = log(0..200);
    // The same events with their keys in another order, torn lines between.
    let reordered: String = text
        .lines()
        .skip(50)
        .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap().to_string() + "\n{\"torn\n")
        .collect();
    let a = lab.write("e/a.log", &text);
    let b = lab.write("e/b.log.gz", gzip(log(100..300).as_bytes()));
    let c = lab.write("e/c.log", &reordered);
    let d = lab.write("e/d.log", log((150..260).chain(10..20)));
    let z = lab.write("e/z.log", log(0..100));
    let (whole, _) = compare(&lab, &[vec![b, c, z], vec![a, d]]);
    assert_eq!(whole.count("SELECT COUNT(*) AS n FROM events"), 300);
    assert_eq!(whole.count("SELECT COUNT(*) AS n FROM rejects"), 150);
    let told = whole.sql("SELECT source_id, rows, duplicates, duplicate_of FROM sources ORDER BY path");
    let told: Vec<String> = told.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            r#"{"duplicate_of":[],"duplicates":0,"rows":200,"source_id":"s1"}"#,
            r#"{"duplicate_of":["s1"],"duplicates":100,"rows":100,"source_id":"s2"}"#,
            r#"{"duplicate_of":["s1"],"duplicates":150,"rows":0,"source_id":"s3"}"#,
            r#"{"duplicate_of":["s1","s2"],"duplicates":120,"rows":0,"source_id":"s4"}"#,
            r#"{"duplicate_of":["s1"],"duplicates":100,"rows":0,"source_id":"s5"}"#,
        ]
    );
    // A case that is merged alone is the same case.
    let alone = merged(&lab, "alone", &[&whole]);
    assert_equal(&alone, &whole, "alone");
    assert!(!names_in(&whole.dir).iter().any(|n| n.starts_with("copies-")), "nothing is left over");
}

#[test]
fn an_audit_id_that_is_used_twice_is_told_over_parts() {
    let lab = Lab::new();
    let forged = log(0..20) + &event(7, "delete", "eve") + "\n";
    let a = lab.write("e/a.log", log(0..10));
    let b = lab.write("e/b.log", forged);
    let c = lab.write("e/c.log", event(7, "delete", "eve") + "\n" + &event(8, "patch", "eve") + "\n");
    let (whole, _) = compare(&lab, &[vec![a], vec![b], vec![c]]);
    let told = whole.sql("SELECT message, witnesses FROM findings WHERE code = 'audit-id-collision' ORDER BY message");
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["witnesses"], serde_json::json!(["s1:8", "s2:21"]));
    assert_eq!(told[1]["witnesses"], serde_json::json!(["s1:9", "s3:2"]));
}

#[test]
fn the_same_files_and_archives_in_two_parts_are_taken_once() {
    let lab = Lab::new();
    let (text, other) = (log(0..30), log(30..60));
    let roles = read_plain(&incident("snapshots/T0-before/roles.json"));
    let archive = tar(&[("m/audit.log", text.as_bytes()), ("m/roles.json", &roles), ("m/other.log", other.as_bytes())]);
    let old = fs::FileTimes::new()
        .set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_770_000_000));
    let write = |name: &str, bytes: &[u8]| {
        let path = lab.write(name, bytes);
        File::options().write(true).open(&path).unwrap().set_times(old).unwrap();
        path
    };
    let first = write("e/b/first.tar", &archive);
    let again = write("e/c/again.tar", &archive);
    let repacked = write("e/d/repacked.tar.gz", &gzip(&archive));
    let plain = write("e/a/plain.log", text.as_bytes());
    let late = write("e/f/late.log", other.as_bytes());
    let groups = [vec![again, late.clone()], vec![first.clone(), repacked], vec![plain, first.clone(), late]];
    let (whole, _) = compare(&lab, &groups);
    let paths: Vec<String> =
        whole.sources().iter().map(|s| s["path"].as_str().unwrap().rsplit_once("/e/").unwrap().1.to_owned()).collect();
    assert_eq!(
        paths,
        ["a/plain.log", "b/first.tar", "b/first.tar!/m/roles.json", "b/first.tar!/m/other.log", "d/repacked.tar.gz"]
    );
    assert_eq!(whole.count("SELECT COUNT(*) AS n FROM findings WHERE code = 'same-bytes'"), 6);
    assert_eq!(whole.count("SELECT COUNT(*) AS n FROM events"), 60);
}

#[test]
fn snapshots_and_the_log_between_them_may_come_in_parts_of_their_own() {
    let lab = Lab::new();
    let audit = files_in(&incident("audit"));
    let (early, late) = audit.split_at(3);
    let folder = |name: &str| files_in(&incident(&format!("snapshots/{name}")));
    let groups = [folder("T2-after"), early.to_vec(), folder("T0-before"), late.to_vec()];
    let (whole, single) = compare(&lab, &groups);
    for ask in [
        vec!["check", "-o", "json"],
        vec!["coverage", "-o", "json"],
        vec!["findings", "-o", "json"],
        vec!["who-can", "get", "secrets", "-A", "-o", "json"],
        vec!["who-did", "--verb", "create", "-o", "json"],
        vec!["history", "clusterroles", "-o", "json"],
    ] {
        let (one, other) = (whole.run(&ask), single.run(&ask));
        assert_eq!((one.code, one.text()), (other.code, other.text()), "{ask:?}");
    }
    let id = whole.sql("SELECT audit_id FROM events ORDER BY stage_timestamp LIMIT 1")[0]["audit_id"].clone();
    whole.run(["show", id.as_str().unwrap()]).expect(0);
}

/// Dumps of two moments, in part the same bytes, each file in a part at random: what no part could know is told by the
/// `snapshot.json` of another.
#[test]
fn snapshots_that_were_torn_apart_are_put_together() {
    let lab = Lab::in_memory();
    let single = lab.case("single");
    copy_tree(&incident("snapshots"), &lab.path("e"));
    copy_tree(&incident("snapshots/T0-before"), &lab.path("e/T1-same"));
    let said = lab.path("e/T1-same/snapshot.json");
    let text = fs::read_to_string(&said).unwrap().replace("T00:41:", "T00:40:");
    fs::write(&said, text).unwrap();
    single.import([lab.path("e")], &["--cluster", "lab"]);
    for seed in 0..4 {
        let mut random = Random(seed + 77);
        let mut parts: Vec<Vec<PathBuf>> = vec![Vec::new(); 2 + random.below(2)];
        for file in files_in(&lab.path("e")) {
            let part = random.below(parts.len());
            parts[part].push(file);
        }
        let cases: Vec<Case> = (0..parts.len()).map(|n| lab.case(&format!("part-{seed}-{n}"))).collect();
        for (case, files) in cases.iter().zip(&parts) {
            case.import(files, &["--cluster", "lab"]);
        }
        let whole = merged(&lab, &format!("merged-{seed}"), &cases.iter().collect::<Vec<_>>());
        assert_equal(&whole, &single, &format!("seed {seed}: {parts:?}"));
    }
}

#[test]
fn a_snapshot_file_dates_what_lies_beside_it_in_another_part() {
    let lab = Lab::new();
    let files = files_in(&incident("snapshots/T0-before"));
    // Each file is a part, but what no import takes alone goes with another.
    let (tellers, others): (Vec<PathBuf>, Vec<PathBuf>) = files.into_iter().partition(|f| {
        ["snapshot.json", "version.json"].iter().any(|n| f.ends_with(n)) || f.extension().is_some_and(|x| x != "json")
    });
    let mut groups: Vec<Vec<PathBuf>> = others.into_iter().map(|f| vec![f]).collect();
    groups[0].extend(tellers);
    compare(&lab, &groups);
}

#[test]
fn files_of_one_folder_are_one_observation_over_parts() {
    let lab = Lab::new();
    let times = |file: &Path, s: u64| {
        let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_770_000_000 + s);
        File::options().write(true).open(file).unwrap().set_times(fs::FileTimes::new().set_modified(at)).unwrap();
    };
    let mut files = Vec::new();
    for (n, name) in ["roles", "rolebindings", "clusterroles", "clusterrolebindings"].iter().enumerate() {
        let bytes = read_plain(&incident(&format!("snapshots/T0-before/{name}.json")));
        let file = lab.write(&format!("dump/{name}.json"), bytes);
        times(&file, 10 * n as u64);
        files.push(file);
    }
    let groups: Vec<Vec<PathBuf>> = files.into_iter().map(|f| vec![f]).collect();
    let (whole, _) = compare(&lab, &groups);
    assert_eq!(whole.count("SELECT COUNT(DISTINCT observed_to) AS n FROM object_sightings"), 1);
}

#[test]
fn lines_of_the_authenticator_are_joined_and_told_apart_over_parts() {
    let lab = Lab::new();
    let folder = folders().remove("eks-authenticator").unwrap();
    let text =
        folder.iter().find(|(n, _)| n.ends_with(".log")).map(|(_, b)| String::from_utf8(b.clone()).unwrap()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let pick = |keep: &dyn Fn(usize) -> bool| -> String {
        lines.iter().enumerate().filter(|(n, _)| keep(*n)).map(|(_, l)| format!("{l}\n")).collect()
    };
    // Lines of one call lie in different files; lines of several files repeat.
    let odd = lab.write("e/a-odd.log", pick(&|n| n % 2 == 1));
    let even = lab.write("e/b-even.log", pick(&|n| n % 2 == 0));
    let twice = lab.write("e/c-twice.log", pick(&|n| n % 3 == 0).repeat(2));
    let thrice = lab.write("e/d-thrice.log", pick(&|n| n % 4 == 0).repeat(3));
    compare(&lab, &[vec![even.clone(), thrice.clone()], vec![odd.clone(), twice.clone()]]);
    let lab = Lab::new();
    compare(&lab, &[vec![odd], vec![twice, thrice], vec![even]]);
}

#[test]
fn resources_that_discovery_tells_keep_their_order() {
    let lab = Lab::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/discovery");
    let mut groups = vec![Vec::new(), Vec::new()];
    for (n, file) in files_in(&data).into_iter().enumerate() {
        groups[n % 2].push(file);
    }
    groups[1].extend(files_in(&incident("snapshots/T0-before")));
    let (whole, _) = compare(&lab, &groups);
    assert!(whole.count("SELECT COUNT(*) AS n FROM api_resources") > 60);
}

#[test]
fn rotated_files_of_a_larger_log_show_their_gaps_only_where_no_part_fills_them() {
    let lab = Lab::in_memory();
    let mut files = Vec::new();
    // Twelve files of some hundred kilobytes; the seventh is missing.
    for n in (0..12_u64).filter(|n| *n != 6) {
        let text = log(n * 900..(n + 1) * 900);
        let last = (n + 1) * 90;
        let name = format!("audit-2026-03-04T{:02}-{:02}-{:02}.000.log", last / 3600, last / 60 % 60, last % 60);
        files.push(match n % 3 {
            0 => lab.write(&format!("node/{name}.gz"), gzip(text.as_bytes())),
            _ => lab.write(&format!("node/{name}"), text),
        });
    }
    // A part of one file is there once more under another name.
    files.push(lab.write("node/copy.log", log(3000..5000)));
    let mut groups = vec![Vec::new(), Vec::new(), Vec::new()];
    for (n, file) in files.into_iter().enumerate() {
        groups[n % 3].push(file);
    }
    let (whole, _) = compare(&lab, &groups);
    assert_eq!(whole.count("SELECT COUNT(*) AS n FROM events"), 11 * 900);
    let gaps = whole.count("SELECT COUNT(*) AS n FROM coverage WHERE about = 'rotation gap' AND time_from IS NOT NULL AND time_to IS NOT NULL");
    assert_eq!(gaps, 1, "the parts alone have more");
}

#[test]
fn clusters_are_merged_each_for_itself_and_counted_through() {
    let lab = Lab::new();
    let files: Vec<PathBuf> = (0..4_u64).map(|n| lab.write(&format!("e/{n}.log"), log(n * 5..n * 5 + 8))).collect();
    let single = lab.case("single");
    single.import([&files[0], &files[2]], &["--cluster", "a"]);
    single.import([&files[1], &files[3]], &["--cluster", "b"]);
    let (one, two) = (lab.case("one"), lab.case("two"));
    one.import([&files[3]], &["--cluster", "b"]);
    one.import([&files[0]], &["--cluster", "a"]);
    two.import([&files[2]], &["--cluster", "a"]);
    two.import([&files[1]], &["--cluster", "b"]);
    let whole = merged(&lab, "whole", &[&one, &two]);
    assert_equal(&whole, &single, "two clusters");
    let ids = whole.sql("SELECT cluster, source_id FROM sources ORDER BY source_id");
    let ids: Vec<String> =
        ids.iter().map(|r| format!("{}{}", r["cluster"].as_str().unwrap(), r["source_id"].as_str().unwrap())).collect();
    assert_eq!(ids, ["as1", "as2", "bs3", "bs4"]);
    // One name for all is for parts that were imported without one.
    let args = ["case", "merge", one.dir.to_str().unwrap(), "--cluster", "x"];
    lab.case("named").run(args).refused(&["holds 2 clusters", "leave --cluster out"]);
    let plain = lab.case("plain");
    plain.import([&files[1]], &[]);
    lab.case("only-b").import([&files[0]], &["--cluster", "b"]);
    let two_names = lab.case("two-names");
    let ran = two_names.run(["case", "merge", plain.dir.to_str().unwrap(), lab.case("only-b").dir.to_str().unwrap()]);
    assert!(ran.err.contains("merge with --cluster b"), "{}", ran.err);
    let named = lab.case("named");
    named.run(["case", "merge", plain.dir.to_str().unwrap(), "--cluster", "x"]).expect(0);
    assert_eq!(named.sql("SELECT DISTINCT cluster FROM events")[0]["cluster"], "x");
}

#[test]
fn cases_may_be_merged_in_steps_and_imported_into_afterwards() {
    let lab = Lab::new();
    let files: Vec<PathBuf> = (0..5_u64).map(|n| lab.write(&format!("e/{n}.log"), log(n * 40..n * 40 + 70))).collect();
    let parts: Vec<Case> = (0..4).map(|n| lab.case(&format!("part-{n}"))).collect();
    for (case, file) in parts.iter().zip([&files[2], &files[0], &files[3], &files[1]]) {
        case.import([file], &["--cluster", "lab"]);
    }
    let all = merged(&lab, "all", &parts.iter().collect::<Vec<_>>());
    let left = merged(&lab, "left", &[&merged(&lab, "ab", &[&parts[0], &parts[1]]), &parts[2], &parts[3]]);
    let right = merged(&lab, "right", &[&parts[0], &merged(&lab, "bcd", &[&parts[1], &parts[2], &parts[3]])]);
    assert_equal(&left, &all, "first two first");
    assert_equal(&right, &all, "last three first");
    // The next import goes on: it knows the files, and counts sources and imports on.
    let single = lab.case("single");
    single.import(&files[..4], &["--cluster", "lab"]);
    for case in [&all, &left, &single] {
        case.import(&files, &["--cluster", "lab"]);
    }
    assert_equal(&all, &single, "after one more import");
    assert_equal(&left, &single, "after one more import");
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(all.dir.join("case.json")).unwrap()).unwrap();
    let told: Vec<String> = manifest["imports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| format!("{} {}", i["number"], i["source_ids"]))
        .collect();
    assert_eq!(told, [r#"1 ["s3"]"#, r#"2 ["s1"]"#, r#"3 ["s4"]"#, r#"4 ["s2"]"#, r#"5 ["s5"]"#]);
}

#[test]
fn the_custody_log_tells_of_every_part_and_keeps_theirs() {
    let lab = Lab::new();
    let (one, two) = (lab.case("one"), lab.case("two"));
    one.import([lab.write("a.log", log(0..5))], &[]);
    two.import([lab.write("b.log", log(5..9))], &[]);
    let whole = merged(&lab, "whole", &[&one, &two]);
    let path = whole.dir.display().to_string();
    let entries = common::run(["custody", &path, "-o", "json"]).expect(0).rows();
    assert_eq!(entries.len(), 2);
    for (entry, part) in entries.iter().zip([&one, &two]) {
        assert_eq!(entry["action"], "merge");
        assert!(entry["from"].to_string().contains(part.dir.to_str().unwrap()), "{entry}");
        let own = common::run(["custody", part.dir.to_str().unwrap(), "-o", "json"]).expect(0).rows();
        assert_eq!(entry["continues"], own.last().unwrap()["hash"]);
    }
    let kept = names_in(&whole.dir.join("custody"));
    assert_eq!(kept.len(), 2);
    for log in kept {
        common::run(["custody", whole.dir.join("custody").join(log).to_str().unwrap()]).expect(0);
    }
    // In steps, the logs of the first parts stay.
    let more = merged(&lab, "more", &[&whole, &lab.case("one")]);
    assert_eq!(names_in(&more.dir.join("custody")).len(), 3);
}

#[test]
fn what_cannot_be_merged_is_refused_and_nothing_is_left_behind() {
    let lab = Lab::new();
    let (one, two) = (lab.case("one"), lab.case("two"));
    one.import([lab.write("a.log", log(0..5))], &[]);
    two.import([lab.write("b.log", log(5..9))], &[]);
    let before = (one.files(), two.files());
    let out = lab.case("out");
    let ask = |case: &Case, parts: &[&str]| {
        let mut args = vec!["case", "merge"];
        args.extend(parts);
        case.run(args)
    };
    let (a, b) = (one.dir.to_str().unwrap(), two.dir.to_str().unwrap());
    ask(&out, &[a, &format!("{a}/../one/")]).refused(&["named twice", "once"]);
    ask(&out, &[a, lab.path("nothing").to_str().unwrap()]).refused(&["no case at", "nothing"]);
    ask(&out, &[a, lab.path("a.log").to_str().unwrap()]).refused(&["is a file"]);
    fs::create_dir(lab.path("blank")).unwrap();
    ask(&out, &[lab.path("blank").to_str().unwrap()]).refused(&["no case at"]);
    lab.write("else/thesis.txt", "mine");
    ask(&out, &[lab.path("else").to_str().unwrap()]).refused(&["is not a case"]);
    ask(&lab.case("else"), &[a, b]).refused(&["is not a case", "empty or new folder"]);
    ask(&one, &[a, b]).refused(&["lies in part"]);
    ask(&lab.case("one/inner"), &[a, b]).refused(&["lies in part"]);
    let done = merged(&lab, "done", &[&one]);
    ask(&done, &[a, b]).refused(&["is a case already", "new or empty folder"]);
    // One that is being written.
    let lock = File::options().write(true).open(one.dir.join(".lock")).unwrap();
    lock.lock().unwrap();
    ask(&out, &[a, b]).refused(&["is being changed by another import"]);
    drop(lock);
    // One that is damaged.
    let torn = lab.case("torn");
    torn.import([lab.write("c.log", log(9..12))], &[]);
    let events = files_in(&torn.dir.join("events")).remove(0);
    let whole = fs::read(&events).unwrap();
    fs::write(&events, &whole[..whole.len() / 2]).unwrap();
    let ran = ask(&out, &[a, torn.dir.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    // One of a newer program.
    let newer = lab.case("newer");
    newer.import([lab.write("d.log", log(12..14))], &[]);
    let manifest = newer.dir.join("case.json");
    let text = fs::read_to_string(&manifest).unwrap().replace("\"schema_version\": 1", "\"schema_version\": 99");
    fs::write(&manifest, text).unwrap();
    ask(&out, &[a, newer.dir.to_str().unwrap()]).refused(&["schema version 99", "newer one"]);
    assert!(!out.dir.exists());
    assert!(names_in(lab.dir.path()).iter().all(|n| !n.starts_with('.')), "{:?}", names_in(lab.dir.path()));
    assert_eq!((one.files(), two.files()), before, "parts are only read");
    // An empty folder is filled.
    fs::create_dir(&out.dir).unwrap();
    ask(&out, &[b, a]).expect(0);
    assert_eq!(out.count("SELECT COUNT(*) AS n FROM events"), 9);
}

/// Members that were refused, and bundles, are told with the ids that their sources have now.
#[test]
fn findings_of_the_parts_are_told_under_the_new_ids() {
    let lab = Lab::new();
    let mut archive = tar(&[("../../etc/passwd", b"x"), ("ok.log", log(0..5).as_bytes())]);
    archive.truncate(archive.len() - 1024);
    let hostile = lab.write("e/b` of archive `x` (s1) was not read: y.tar", &archive);
    let other = lab.write("e/c.tar", tar(&[("/abs/../../up.log", b"y"), ("m.log", log(5..9).as_bytes())]));
    let first = lab.write("e/a.log", log(9..12));
    let bundle = lab.path("bundle");
    let evidence = lab.write("f/d.log", log(12..15));
    common::run(["collect", "files", evidence.to_str().unwrap(), "--out", bundle.to_str().unwrap()]).expect(0);
    let (whole, _) = compare(&lab, &[vec![other, bundle], vec![hostile], vec![first]]);
    let told = whole.sql("SELECT message FROM findings WHERE code = 'archive-member-refused' ORDER BY message");
    assert!(!told.is_empty(), "members outside the archive are refused");
}

#[test]
fn the_library_says_what_it_did() {
    let lab = Lab::new();
    let (one, two) = (lab.case("one"), lab.case("two"));
    let text = log(0..50) + "{\"torn\n";
    let shared = lab.write("b.log", log(40..60));
    one.import([lab.write("a.log", text), shared.clone()], &["--cluster", "k"]);
    two.import([shared, lab.write("c.log", log(55..70))], &["--cluster", "k"]);
    let options = MergeOptions { case_dir: lab.path("m"), parts: vec![two.dir, one.dir], cluster: None };
    let done = merge(&options, &Silent).unwrap();
    assert_eq!((done.parts, done.sources, done.left_out), (2, 3, 1));
    assert_eq!((done.events, done.duplicates, done.rejects), (70, 15, 1));
    assert_eq!(done.clusters, ["k"]);
    assert_eq!(lab.case("m").count("SELECT COUNT(*) AS n FROM events"), 70);
}
