//! A sealed bundle through the command: collected, checked by tools that are not ours, imported, and asked. It must
//! answer exactly as the files it was made of.
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
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use common::{Case, Lab, Ran, Tree};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn collect<P: AsRef<OsStr>>(paths: &[P], out: &Path, flags: &[&str]) -> Ran {
    let mut command = common::command();
    command.args(["collect", "files"]).args(paths).arg("--out").arg(out).args(flags);
    common::finish(&mut command)
}

fn verify(bundle: &Path) -> Ran {
    common::run([OsStr::new("verify"), bundle.as_os_str()])
}

/// A copy of the recorded evidence, with times of its own.
fn evidence(lab: &Lab) -> PathBuf {
    let root = lab.path("evidence");
    for (i, part) in ["audit", "snapshots/T0-before", "snapshots/T2-after"].iter().enumerate() {
        for (j, file) in common::files_in(&common::incident(part)).iter().enumerate() {
            let to = root.join(part).join(file.file_name().unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(file, &to).unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000 + 1000 * i as u64 + j as u64);
            fs::File::options().write(true).open(&to).unwrap().set_modified(time).unwrap();
        }
    }
    root
}

/// Bytes and times of all files below a folder.
fn state(root: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let time = |name: &str| fs::metadata(root.join(name)).unwrap().modified().unwrap();
    common::tree(root).into_iter().map(|(name, bytes)| (name.clone(), (bytes, time(&name)))).collect()
}

/// What a case says, without where its records lie: that differs between a bundle and plain files.
fn answers(case: &Case) -> Vec<String> {
    let mut said = Vec::new();
    for moment in common::MOMENTS {
        said.extend(case.review(&(common::oracle(moment).lines.join("\n") + "\n"), 0));
    }
    for at in ["2026-11-24T00:41:20.5Z", "2026-11-24T00:41:45Z", "2026-11-24T00:42:00Z"] {
        said.push(case.run(["who-can", "get", "secrets", "-A", "--at", at, "-o", "json"]).expect(0).text().to_owned());
        said.push(case.run(["rights", "ci:deployer", "--at", at, "-o", "json"]).expect(0).text().to_owned());
    }
    for mut row in case.run(["who-did", "-o", "json"]).expect(0).rows() {
        row.as_object_mut().unwrap().remove("source");
        said.push(row.to_string());
    }
    said
}

#[test]
fn a_bundle_answers_as_the_files_it_was_made_of() {
    let lab = Lab::new();
    let root = evidence(&lab);
    let parts = [root.join("audit"), root.join("snapshots")];
    let plain = lab.case("plain");
    plain.import(&parts, &[]);
    let expected = answers(&plain);
    let before = state(&root);
    for name in ["bag", "bag.tar"] {
        let bag = lab.path(name);
        let ran = collect(&parts, &bag, &["--cluster", "lab-a", "--note", "for the test"]).expect(0);
        assert!(ran.err.contains("sealed") && ran.err.contains("30 files"), "{}", ran.err);
        verify(&bag).expect(0);
        let case = lab.case(&format!("case-of-{name}"));
        case.import([&bag], &[]);
        assert!(answers(&case) == expected, "{name} answers otherwise");
        let count = |c: &Case| c.sources().iter().map(|s| s["records"].as_u64().unwrap()).sum::<u64>();
        assert_eq!(count(&case), count(&plain));
        // What a case already has of the plain files, a bundle of them does not add again.
        let again = case.import(&parts, &["--cluster", "lab-a"]);
        assert!(again.err.contains("nothing new"), "{}", again.err);
    }
    assert!(state(&root) == before, "the originals were touched");
    let folder = common::tree(&lab.path("bag"));
    assert_eq!(
        folder.keys().filter(|n| !n.starts_with("data/")).collect::<Vec<_>>(),
        ["bag-info.txt", "bagit.txt", "collection.json", "manifest-sha256.txt", "tagmanifest-sha256.txt"]
    );
}

#[test]
fn show_prints_the_original_from_a_bundle_when_the_originals_are_gone() {
    let lab = Lab::new();
    let root = evidence(&lab);
    let (folder, tar) = (lab.path("bag"), lab.path("bag.tar"));
    for bag in [&folder, &tar] {
        collect(&[&root], bag, &["--cluster", "lab-a"]).expect(0);
    }
    fs::remove_dir_all(&root).unwrap();
    let (_, line) = common::audit_lines().into_iter().find(|(_, l)| l.contains("system:node-proxier-sync")).unwrap();
    let event: Value = serde_json::from_str(&line).unwrap();
    for bag in [&folder, &tar] {
        let case = lab.case("case");
        case.import([bag], &[]);
        let ran = case.run(["show", event["auditID"].as_str().unwrap()]).expect(0);
        assert!(ran.text().lines().any(|l| l == line), "{}", ran.text());
        // A bundle that changed since the import is not shown from.
        fs::remove_dir_all(&case.dir).unwrap();
    }
    let case = lab.case("case");
    case.import([&folder], &[]);
    let payload = common::files_in(&folder).into_iter().find(|f| f.ends_with("audit.log.zst")).unwrap();
    let changed =
        String::from_utf8(common::read_plain(&payload)).unwrap().replacen("\"verb\":\"get\"", "\"verb\":\"put\"", 1);
    fs::write(&payload, zstd::encode_all(changed.as_bytes(), 3).unwrap()).unwrap();
    let source = case.sources().into_iter().find(|s| s["path"].as_str().unwrap().ends_with("audit/audit.log")).unwrap();
    case.run(["show", &format!("{}:1", source["source_id"].as_str().unwrap())]).refused(&["changed"]);
}

#[test]
fn the_manifests_pass_sha256sum_and_the_record_keeps_the_originals() {
    let lab = Lab::new();
    let root = evidence(&lab);
    let bag = lab.path("bag");
    collect(&[&root], &bag, &["--cluster", "c", "--note", "first responder"]).expect(0);
    for manifest in ["manifest-sha256.txt", "tagmanifest-sha256.txt"] {
        match Command::new("sha256sum").args(["--strict", "--quiet", "-c", manifest]).current_dir(&bag).output() {
            Ok(run) => assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stdout)),
            // The tool is not everywhere; the digests are then computed here alone.
            Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::NotFound),
        }
    }
    let files = common::tree(&bag);
    let digest = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect::<String>();
    for manifest in ["manifest-sha256.txt", "tagmanifest-sha256.txt"] {
        for line in String::from_utf8(files[manifest].clone()).unwrap().lines() {
            let (hash, name) = line.split_once("  ").unwrap();
            assert_eq!(hash, digest(&files[name]), "{name}");
        }
    }
    let record: Value = serde_json::from_slice(&files["collection.json"]).unwrap();
    let originals = common::tree(&root);
    let entries = record["entries"].as_array().unwrap();
    assert_eq!(entries.len(), originals.len());
    for entry in entries {
        let text = |key: &str| entry[key].as_str().unwrap();
        let original = fs::read(text("original_path")).unwrap();
        assert_eq!(
            (text("original_sha256"), entry["original_size"].as_u64()),
            (digest(&original).as_str(), Some(original.len() as u64))
        );
        let stored = &files[text("stored_path")];
        let packed = text("original_path").ends_with(".gz");
        assert_eq!(text("encoding"), if packed { "verbatim" } else { "zstd" });
        if packed {
            assert!(*stored == original, "{}", text("stored_path"));
        } else {
            assert!(text("stored_path").ends_with(".zst") && zstd::decode_all(stored.as_slice()).unwrap() == original);
        }
    }
    let info = String::from_utf8(files["bag-info.txt"].clone()).unwrap();
    let args = "\"--note\",\"first responder\"";
    for part in [
        "Collector: collect files",
        "Collector-Version: ",
        "Collector-Host: ",
        "Cluster: c",
        "Collection-Started: ",
        "Collection-Ended: ",
        "first responder",
        args,
    ] {
        assert!(info.contains(part), "{part} in {info}");
    }
}

#[cfg(unix)]
#[test]
fn what_cannot_be_collected_is_listed_with_the_reason_and_links_are_not_followed() {
    let lab = Lab::new();
    lab.write("in/audit.log", common::lines([common::event("a", "alice", "get", 1)]));
    lab.write("outside/secret.txt", "outside");
    std::os::unix::fs::symlink(lab.path("outside"), lab.path("in/folder-link")).unwrap();
    std::os::unix::fs::symlink(lab.path("outside/secret.txt"), lab.path("in/file-link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(lab.path("in/socket")).unwrap();
    let bag = lab.path("bag");
    let ran = collect(&[lab.path("in")], &bag, &[]).expect(0);
    let record: Value = serde_json::from_slice(&fs::read(bag.join("collection.json")).unwrap()).unwrap();
    assert_eq!(record["entries"].as_array().unwrap().len(), 1);
    let verified = verify(&bag).expect(0);
    let missing: Vec<String> = record["not_collected"].as_array().unwrap().iter().map(Value::to_string).collect();
    for name in ["folder-link", "file-link", "socket"] {
        assert!(missing.iter().any(|m| m.contains(name)), "{missing:?}");
        assert!(ran.err.contains(name), "{}", ran.err);
        assert!(verified.text().contains(name), "{}", verified.text());
    }
    assert!(!common::tree(&bag).values().any(|bytes| bytes == b"outside"));
}

#[test]
fn an_output_in_what_is_collected_is_refused() {
    let lab = Lab::new();
    lab.write("in/audit.log", "x");
    for out in ["in/bag", "in/bag.tar"] {
        collect(&[lab.path("in")], &lab.path(out), &[]).refused(&["lies inside", "choose an --out outside"]);
    }
    collect(&[lab.path("in")], &lab.path("no/such/folder/bag"), &[]).refused(&["its folder does not exist"]);
    fs::create_dir(lab.path("empty")).unwrap();
    collect(&[lab.path("empty")], &lab.path("bag"), &[]).refused(&["nothing to collect"]);
    assert_eq!(common::names_in(lab.dir.path()), ["empty", "in"]);
    assert_eq!(common::names_in(&lab.path("in")), ["audit.log"]);
}

#[test]
fn the_same_evidence_gives_the_same_payload() {
    let lab = Lab::new();
    let root = evidence(&lab);
    let payload = |name: &str| -> Tree {
        collect(&[&root], &lab.path(name), &[]).expect(0);
        common::tree(&lab.path(name))
            .into_iter()
            .filter(|(n, _)| n.starts_with("data/") || n == "manifest-sha256.txt")
            .collect()
    };
    common::assert_same(&payload("one"), &payload("two"), "two bundles");
}

/// A bundle keeps the times of its files: they date a snapshot that says nothing of itself.
#[test]
fn the_time_of_a_snapshot_survives_the_bundle() {
    let lab = Lab::new();
    let dump = lab.write("in/roles.json", common::lines(common::role_and_binding("reader", &["get"], "alice")));
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_323_200);
    fs::File::options().write(true).open(&dump).unwrap().set_modified(time).unwrap();
    collect(&[lab.path("in")], &lab.path("bag"), &["--cluster", "c"]).expect(0);
    let case = lab.case("case");
    case.import([lab.path("bag")], &[]);
    let source = &case.sources()[0];
    assert_eq!(
        (&source["observed_from"], &source["observed_basis"]),
        (&json!("2026-03-01T00:00:00Z"), &json!("modification time"))
    );
    assert_eq!(source["cluster"], "c", "the cluster's name comes from the bundle");
}

#[test]
fn evidence_of_several_clusters_is_not_mixed() {
    let lab = Lab::new();
    for name in ["east", "west"] {
        lab.write(&format!("{name}/audit.log"), common::lines([common::event(name, "alice", "get", 1)]));
        collect(&[lab.path(name)], &lab.path(&format!("{name}.tar")), &["--cluster", name]).expect(0);
    }
    let (east, west) = (lab.path("east.tar"), lab.path("west.tar"));
    let case = lab.case("case");
    case.run([OsStr::new("import"), east.as_os_str(), west.as_os_str()]).refused(&["east, west", "--cluster"]);
    assert!(!case.dir.exists());
    case.import([&east], &[]);
    case.import([&west], &[]);
    case.run(["who-did"]).refused(&["east, west", "--cluster"]);
    let rows = case.run(["who-did", "--cluster", "west", "-o", "json"]).expect(0).rows();
    assert_eq!(common::column(&rows, "audit_id"), ["west"]);
    assert_eq!(case.count("SELECT COUNT(*) FROM events"), 2);
    let ids: std::collections::BTreeSet<String> = case.sources().iter().map(|s| s["source_id"].to_string()).collect();
    assert_eq!(ids.len(), 2, "source ids are those of the whole case");
}

/// A bag that other tools made holds evidence all the same; so does a bundle in a folder that is imported.
#[test]
fn other_bags_and_bundles_in_folders_are_read_as_bundles() {
    let lab = Lab::new();
    let log = common::lines([common::event("a", "alice", "get", 1)]);
    let digest: String = Sha256::digest(&log).iter().map(|b| format!("{b:02x}")).collect();
    lab.write("shelf/foreign/bagit.txt", "BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n");
    lab.write("shelf/foreign/data/audit.log", &log);
    lab.write("shelf/foreign/manifest-sha256.txt", format!("{digest}  data/audit.log\n"));
    lab.write("shelf/README.txt", "what lies on this shelf\n");
    let dump = lab.write("in/roles.json", common::lines(common::role_and_binding("reader", &["get"], "alice")));
    collect(&[dump], &lab.path("shelf/ours.tar"), &[]).expect(0);
    let case = lab.case("case");
    case.import([lab.path("shelf")], &["--cluster", "c"]);
    let sources = case.sources();
    let bundles: Vec<Option<&str>> =
        sources.iter().map(|s| s["bundle"].as_str().map(|b| b.rsplit('/').next().unwrap())).collect();
    assert_eq!(sources.len(), 3, "{sources:?}");
    for bundle in [None, Some("foreign"), Some("ours.tar")] {
        assert!(bundles.contains(&bundle), "{bundles:?}");
    }
    assert_eq!(case.run(["show", "a"]).expect(0).text(), log);
    // Damage in one of them stops the import of the folder.
    fs::write(lab.path("shelf/foreign/data/audit.log"), format!("{log}{log}")).unwrap();
    let other = lab.case("other");
    other.run([OsStr::new("import"), lab.path("shelf").as_os_str()]).refused(&[
        "foreign",
        "is damaged",
        "kubesleuth verify",
    ]);
}
