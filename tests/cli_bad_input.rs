//! Wrong, damaged and hostile input: each is told with the next step and exit code 2, and nothing is half-written,
//! not even when the process is killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Case, Lab, Tree};
use serde_json::{Value, json};

/// A small case, and all of its bytes.
fn small_case(lab: &Lab) -> (Case, Tree) {
    let objects = lab.write("small/objects.json", common::lines(common::role_and_binding("reader", &["get"], "alice")));
    let log =
        lab.write("small/audit.log", common::lines((0..5).map(|i| common::event(&format!("e{i}"), "alice", "get", i))));
    let case = lab.case("case");
    case.import([objects, log], &["--cluster", "c", "--observed-at", "2026-03-01"]);
    let files = case.files();
    (case, files)
}

/// Imports what must be refused, into a case that exists and into one that does not: neither changes, no litter.
#[track_caller]
fn refused<P: AsRef<OsStr>>(paths: &[P], words: &[&str]) {
    let lab = Lab::new();
    let (case, before) = small_case(&lab);
    let beside = common::names_in(lab.dir.path());
    let import = |case: &Case| {
        let mut args: Vec<&OsStr> = vec!["import".as_ref()];
        args.extend(paths.iter().map(AsRef::as_ref));
        case.run(args)
    };
    import(&case).refused(words);
    common::assert_same(&before, &case.files(), "the case");
    import(&lab.case("new")).refused(words);
    import(&lab.case("deep/er/new")).refused(words);
    assert_eq!(common::names_in(lab.dir.path()), beside, "litter beside the case");
    let empty = lab.path("empty");
    fs::create_dir(&empty).unwrap();
    import(&Case { dir: empty.clone() }).refused(words);
    assert_eq!(common::names_in(&empty), [""; 0]);
}

#[test]
fn a_missing_path() {
    refused(&["/no/such/evidence"], &["no such file or folder", "`/no/such/evidence`", "check the spelling"]);
    // One good path beside it does not help: half an import would be taken for a whole one.
    let good = common::incident("audit");
    refused(&[good.as_os_str(), OsStr::new("/no/such"), OsStr::new("/nor/this")], &["`/no/such`", "`/nor/this`"]);
}

#[test]
fn an_empty_folder() {
    let lab = Lab::new();
    fs::create_dir_all(lab.path("evidence/within")).unwrap();
    let path = lab.path("evidence");
    refused(&[&path], &["nothing to import", path.to_str().unwrap(), "name the folder"]);
}

#[test]
fn a_folder_of_unrelated_files() {
    let lab = Lab::new();
    lab.write("other/thesis.txt", "Dear reader,\nthis is no evidence.\n");
    lab.write("other/picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\0\0\0\x01\0\x08\x06");
    lab.write("other/package.json", "{\n  \"name\": \"x\",\n  \"version\": \"1.0.0\"\n}\n");
    lab.write("other/numbers.json", "[1, 2, 3]\n");
    lab.write("other/log.jsonl", "{\"level\":\"info\",\"msg\":\"hello\"}\n{\"level\":\"warn\",\"msg\":\"bye\"}\n");
    lab.write("other/compose.yaml", "services:\n  web:\n    image: nginx\n");
    lab.write("other/empty", "");
    let path = lab.path("other");
    refused(&[&path], &["none of the 7 files", path.to_str().unwrap(), "expected Kubernetes audit logs"]);
    refused(&[lab.path("other/empty")], &["none of the 1 files"]);
}

#[test]
fn unrelated_files_beside_evidence_are_named_and_change_nothing() {
    let lab = Lab::new();
    lab.write("in/audit.log", common::lines([common::event("a", "alice", "get", 1)]));
    lab.write("in/notes.txt", "Dear reader,\n");
    let case = lab.case("case");
    let ran = case.import([lab.path("in")], &["--cluster", "c"]);
    assert!(ran.err.contains("notes.txt"), "{}", ran.err);
    let sources = case.sources();
    assert_eq!(sources.len(), 2);
    let notes = sources.iter().find(|s| s["path"].as_str().unwrap().ends_with("notes.txt")).unwrap();
    assert_eq!((notes["format"].as_str(), notes["records"].as_u64()), (Some("unrecognised"), Some(0)));
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let lab = Lab::new();
    let good = lab.write("in/audit.log", common::lines([common::event("a", "alice", "get", 1)]));
    if common::reads_everything() {
        // The superuser reads every file; this one gives an error to everybody.
        let odd = Path::new("/proc/self/mem");
        if odd.exists() {
            refused(&[good.as_path(), odd], &["cannot read", "/proc/self/mem", "nothing was imported", "leave it out"]);
        }
        return;
    }
    let locked = lab.write("in/locked.log", "x");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    refused(&[lab.path("in")], &["cannot read", "locked.log", "nothing was imported", "leave it out"]);
}

/// Pipes and devices in a folder are no evidence; reading one would wait for ever.
#[cfg(unix)]
#[test]
fn a_pipe_in_a_folder_is_not_waited_for() {
    let lab = Lab::new();
    lab.write("in/audit.log", common::lines([common::event("a", "alice", "get", 1)]));
    let made = std::process::Command::new("mkfifo").arg(lab.path("in/pipe")).status();
    if !made.is_ok_and(|s| s.success()) {
        return;
    }
    std::os::unix::fs::symlink("/etc", lab.path("in/link")).unwrap();
    let case = lab.case("case");
    case.import([lab.path("in")], &["--cluster", "c"]);
    assert_eq!(case.sources().len(), 1);
}

/// Every subcommand that asks a case.
const QUESTIONS: [&[&str]; 9] = [
    &["who-can", "get", "secrets"],
    &["can", "get", "secrets", "--as", "alice"],
    &["can", "--reviews", "/dev/null"],
    &["rights", "alice"],
    &["who-did"],
    &["show", "e1"],
    &["sources"],
    &["tables"],
    &["sql", "SELECT 1"],
];

#[track_caller]
fn all_refuse(case: &Case, words: &[&str]) {
    let before = common::tree(&case.dir);
    for question in QUESTIONS {
        case.run(question).refused(words);
    }
    common::assert_same(&before, &common::tree(&case.dir), "the folder");
}

#[test]
fn a_case_that_is_not_there() {
    let lab = Lab::new();
    all_refuse(&lab.case("none"), &["no case at", "kubesleuth import", "--case"]);
    assert!(!lab.path("none").exists());
    fs::create_dir(lab.path("empty")).unwrap();
    all_refuse(&lab.case("empty"), &["no case at", "kubesleuth import"]);
}

#[test]
fn a_case_written_by_a_newer_version() {
    let lab = Lab::new();
    let (case, _) = small_case(&lab);
    // Of whatever shape the newer manifest is.
    for manifest in ["{\"schema_version\": 999, \"wonders\": [1, 2]}\n", "{\"schema_version\": 2}"] {
        fs::write(case.dir.join("case.json"), manifest).unwrap();
        let before = case.files();
        all_refuse(&case, &["schema version", "this program reads up to", "newer"]);
        case.run([OsStr::new("import"), common::incident("audit").as_os_str()]).refused(&["schema version", "newer"]);
        common::assert_same(&before, &case.files(), "the case");
    }
}

#[test]
fn a_damaged_case() {
    let lab = Lab::new();
    let (case, whole) = small_case(&lab);
    let manifest = String::from_utf8(whole["case.json"].clone()).unwrap();
    let broken_versions = manifest.replace("\"schema_version\": 1", "\"schema_version\": \"one\"");
    for text in ["", "[]", "nonsense", "{\"schema_version\": 1}", &manifest[..manifest.len() / 2], &broken_versions] {
        fs::write(case.dir.join("case.json"), text).unwrap();
        all_refuse(&case, &["case.json", "is damaged", "import the evidence again"]);
        case.run([OsStr::new("import"), common::incident("audit").as_os_str()]).refused(&["is damaged"]);
    }
    fs::write(case.dir.join("case.json"), &manifest).unwrap();
    // A table cut short, or overwritten: the questions that need it say which and what to do.
    for (table, question) in [
        ("events", &["who-did"][..]),
        ("role_rules", QUESTIONS[0]),
        ("binding_subjects", QUESTIONS[1]),
        ("sources", &["sources"]),
    ] {
        let name = whole.keys().find(|n| n.starts_with(&format!("{table}/"))).unwrap();
        for bytes in [&whole[name][..whole[name].len() - 7], b"PAR1 and nothing else"] {
            fs::write(case.dir.join(name), bytes).unwrap();
            case.run(question).refused(&[table, "damaged"]);
        }
        fs::write(case.dir.join(name), &whole[name]).unwrap();
    }
    common::assert_same(&whole, &case.files(), "the case, repaired");
}

#[test]
fn a_folder_that_is_something_else_is_never_taken_for_a_case() {
    let lab = Lab::new();
    lab.write("home/thesis.txt", "do not touch");
    let home = lab.case("home");
    all_refuse(&home, &["is not a case", "--case"]);
    home.run([OsStr::new("import"), common::incident("audit").as_os_str()]).refused(&["is not a case", "--case"]);
    assert_eq!(common::names_in(&home.dir), ["thesis.txt"]);
    let file = Case { dir: lab.write("file", "x") };
    for question in QUESTIONS {
        file.run(question).refused(&["is a file", "--case"]);
    }
    file.run([OsStr::new("import"), common::incident("audit").as_os_str()]).refused(&["is a file", "--case"]);
    assert_eq!(fs::read(&file.dir).unwrap(), b"x");
    assert_eq!(common::names_in(lab.dir.path()), ["file", "home"]);
}

#[test]
fn wrong_usage_is_told_with_what_was_expected() {
    let lab = Lab::new();
    let (case, before) = small_case(&lab);
    let wrong: [(&[&str], &[&str]); 19] = [
        (&[], &["Usage"]),
        (&["who-could"], &["unrecognized subcommand"]),
        (&["who-can"], &["required"]),
        (&["who-can", "get"], &["required"]),
        (&["who-can", "get", "pods", "--at", "yesterday"], &["`yesterday` is not a time", "RFC 3339"]),
        (&["who-can", "get", "pods", "-n", "web", "-A"], &["-n", "-A"]),
        (&["who-can", "get", "/healthz", "-n", "web"], &["URL path"]),
        (&["who-can", "get", "pods/a", "--name", "b"], &["already names"]),
        (&["can", "get", "pods"], &["--as"]),
        (&["can", "--reviews", "/no/such"], &["cannot read `/no/such`"]),
        (&["can", "get", "pods", "--as", "a", "--reviews", "-"], &["cannot be used with"]),
        (&["rights", "a(", "--regex"], &["a("]),
        (&["rights", "robot/alice"], &["robot"]),
        (&["who-did", "--code", "abc"], &["abc"]),
        (&["who-did", "--from", "2026-03-02", "--to", "2026-03-01"], &["must lie after --from"]),
        (&["sql", "SELEKT"], &["the query failed", "kubesleuth tables"]),
        (&["sql", "SELECT nothing FROM events"], &["the query failed", "nothing"]),
        (&["sources", "-o", "xml"], &["xml", "json"]),
        (&["who-can", "get", "pods", "--cluster", "prod"], &["no cluster `prod`", "it has c"]),
    ];
    for (args, words) in wrong {
        let ran = case.run(args);
        ran.refused(words);
    }
    common::run::<&str>([]).refused(&["Usage"]);
    common::run(["collect", "files", "/no/such", "--out", lab.path("bag").to_str().unwrap()])
        .refused(&["there is no `/no/such`"]);
    common::run(["verify", "/no/such"]).refused(&["/no/such"]);
    common::assert_same(&before, &case.files(), "the case");
    assert!(!lab.path("bag").exists());
}

#[test]
fn broken_reviews_are_answered_with_null_and_the_rest_is_answered() {
    let lab = Lab::new();
    let (case, _) = small_case(&lab);
    let good = json!({"spec": {"user": "alice", "groups": [], "resourceAttributes": {"verb": "get", "resource": "secrets"}}, "at": "2026-03-01T00:00:00Z"});
    let input =
        format!("{good}\nnot json\n{{\"spec\":{{\"user\":\"a\"}}}}\n\n{{\"spec\":{{}},\"at\":\"noon\"}}\n{good}\n");
    let args = ["can", "--reviews", "-", "--case", case.dir.to_str().unwrap()];
    let ran = common::run_with_input(args, input.into_bytes()).expect(2);
    let answers: Vec<Value> = ran.text().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let allowed: Vec<&Value> = answers.iter().map(|a| &a["allowed"]).collect();
    assert_eq!(
        allowed,
        [&json!(true), &json!(null), &json!(null), &json!(null), &json!(true)],
        "one answer for each question, in order"
    );
    for (answer, line) in answers[1..4].iter().zip(["line 2", "line 3", "line 5"]) {
        assert!(answer["reason"].as_str().unwrap().contains(line), "{answer}");
    }
    assert!(ran.err.contains("3 lines are no access reviews"), "{}", ran.err);
}

// Bundles.

fn bundle(lab: &Lab, name: &str) -> PathBuf {
    let out = lab.path(name);
    let evidence = [common::incident("audit/audit.log"), common::incident("snapshots/T0-before")];
    let args = ["collect", "files"].map(OsStr::new).into_iter().chain(evidence.iter().map(|p| p.as_os_str()));
    common::run(args.chain([OsStr::new("--out"), out.as_os_str()])).expect(0);
    out
}

#[test]
fn a_damaged_bundle_of_every_kind_is_refused() {
    let lab = Lab::new();
    let sealed = common::tree(&bundle(&lab, "bag"));
    let payload = "data/T0-before/roles.json.zst";
    assert!(sealed.contains_key(payload), "{:?}", sealed.keys());
    let flip = |files: &mut Tree, name: &str| {
        let bytes = files.get_mut(name).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    };
    type Damage<'d> = (&'d str, &'d str, &'d dyn Fn(&mut Tree));
    let kinds: [Damage<'_>; 13] = [
        ("a payload file changed", payload, &|f| flip(f, payload)),
        ("a payload file cut short", payload, &|f| f.get_mut(payload).unwrap().truncate(20)),
        ("a payload file gone", payload, &|f| drop(f.remove(payload))),
        ("a payload file too many", "data/added.json", &|f| drop(f.insert("data/added.json".into(), b"{}".to_vec()))),
        ("the manifest changed", "manifest-sha256.txt", &|f| flip(f, "manifest-sha256.txt")),
        ("the manifest gone", "manifest-sha256.txt", &|f| drop(f.remove("manifest-sha256.txt"))),
        ("the manifest cut short", "manifest-sha256.txt", &|f| f.get_mut("manifest-sha256.txt").unwrap().truncate(100)),
        ("the tag manifest changed", "tagmanifest-sha256.txt", &|f| flip(f, "tagmanifest-sha256.txt")),
        ("the tag manifest gone", "tagmanifest-sha256.txt", &|f| drop(f.remove("tagmanifest-sha256.txt"))),
        ("the collection record changed", "collection.json", &|f| {
            let text = String::from_utf8(f["collection.json"].clone()).unwrap().replace("2026", "2025");
            f.insert("collection.json".into(), text.into_bytes());
        }),
        ("the collection record cut short", "collection.json", &|f| {
            f.get_mut("collection.json").unwrap().truncate(200)
        }),
        ("the collection record gone", "collection.json", &|f| drop(f.remove("collection.json"))),
        ("the declaration gone", "bagit.txt", &|f| drop(f.remove("bagit.txt"))),
    ];
    for (i, (what, names, damage)) in kinds.iter().enumerate() {
        let mut files = sealed.clone();
        damage(&mut files);
        let dir = lab.path(&format!("damaged-{i}"));
        for (name, bytes) in &files {
            lab.write(&format!("damaged-{i}/{name}"), bytes);
        }
        let verified = common::run([OsStr::new("verify"), dir.as_os_str()]).expect(2);
        assert!(verified.text().contains(names), "{what}: {}", verified.text());
        refused(&[&dir], &[dir.to_str().unwrap(), "kubesleuth verify"]);
    }
}

#[test]
fn a_damaged_tar_bundle_is_refused() {
    let lab = Lab::new();
    let whole = fs::read(bundle(&lab, "bag.tar")).unwrap();
    let payload = whole.windows(9).position(|w| w == b"audit.log").unwrap() + 700;
    for (what, edit) in [
        ("cut", &(|b: &mut Vec<u8>| b.truncate(payload)) as &dyn Fn(&mut Vec<u8>)),
        ("changed", &|b| b[payload] ^= 1),
        ("without its end", &|b| b.truncate(b.len() - 1024)),
    ] {
        let mut bytes = whole.clone();
        edit(&mut bytes);
        let path = lab.write(&format!("{what}.tar"), bytes);
        common::run([OsStr::new("verify"), path.as_os_str()]).expect(2);
        refused(&[&path], &[path.to_str().unwrap(), "kubesleuth verify"]);
    }
}

#[test]
fn a_damaged_bundle_can_be_imported_knowingly_and_the_case_says_so() {
    let lab = Lab::new();
    let bag = bundle(&lab, "bag");
    fs::write(bag.join("data/added.json"), common::lines(common::role_and_binding("x", &["get"], "mallory"))).unwrap();
    let case = lab.case("case");
    let ran = case.import([&bag], &["--accept-damaged"]);
    assert!(ran.err.contains("findings"), "{}", ran.err);
    let found = case.sql("SELECT severity, message FROM findings WHERE code = 'bundle-damaged'");
    assert!(found.iter().any(|f| f["message"].as_str().unwrap().contains("added.json")), "{found:?}");
    assert!(found.iter().any(|f| f["severity"] == "high"), "{found:?}");
    // What the seal does not cover is not evidence.
    assert_eq!(case.count("SELECT COUNT(*) FROM object_sightings WHERE name = 'x'"), 0);
}

#[test]
fn an_existing_output_is_never_overwritten() {
    let lab = Lab::new();
    let bag = bundle(&lab, "bag");
    let before = common::tree(&bag);
    let log = common::incident("audit/audit.log");
    common::run([OsStr::new("collect"), OsStr::new("files"), log.as_os_str(), OsStr::new("--out"), bag.as_os_str()])
        .refused(&["exists already", "choose another name"]);
    common::assert_same(&before, &common::tree(&bag), "the bundle");
    assert_eq!(common::names_in(lab.dir.path()), ["bag", "bag.custody.jsonl"]);
}

// Killed imports.

/// A log that takes long enough to import that a kill hits it.
fn large_log(lab: &Lab, name: &str, events: u32) -> PathBuf {
    let mut text = String::new();
    for i in 0..events {
        let mut event = common::event(&format!("big-{i}"), &format!("user-{}", i % 97), "create", i % 80_000);
        event["requestObject"] = json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": format!("n{i}")}, "note": "x".repeat(i as usize % 400)});
        text.push_str(&event.to_string());
        text.push('\n');
    }
    lab.write(name, text)
}

fn copy_tree(from: &Tree, to: &Path) {
    for (name, bytes) in from {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Starts an import and kills it after a while; `true` when it was killed before it ended by itself.
fn import_and_kill(case: &Case, log: &Path, after: Duration) -> bool {
    let mut child = case
        .command([OsStr::new("import"), log.as_os_str(), OsStr::new("--cluster"), OsStr::new("c")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

/// Where kills go: spread over the import, and close together around its end, where files are put in place.
fn kill_points(whole: Duration) -> Vec<Duration> {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed >> 11) as f64 / (1_u64 << 53) as f64
    };
    let early = (0..8).map(|i| (f64::from(i) / 8.0, 1.0 / 8.0)).collect::<Vec<_>>();
    let late = std::iter::repeat_n((0.85, 0.2), 12);
    early.into_iter().chain(late).map(|(from, width)| whole.mul_f64(from + width * random())).collect()
}

#[test]
fn a_killed_import_leaves_the_old_case_or_the_new_one() {
    let lab = Lab::new();
    let (case, old) = small_case(&lab);
    let log = large_log(&lab, "large.log", 30_000);
    let reference = Case { dir: lab.path("reference") };
    copy_tree(&old, &reference.dir);
    let began = Instant::now();
    reference.import([&log], &["--cluster", "c"]);
    let whole = began.elapsed();
    let new = reference.tables();
    let old_tables: Tree =
        old.iter().filter(|(n, _)| n.ends_with(".parquet")).map(|(n, b)| (n.clone(), b.clone())).collect();
    assert!(new != old_tables);
    let (mut killed, mut scale) = (0, 1.0);
    // A first import may take longer than later ones: what comes too late is tried again earlier.
    for (n, after) in kill_points(whole).into_iter().cycle().enumerate().take(80) {
        if n >= 20 && killed >= 8 {
            break;
        }
        let after = after.mul_f64(scale);
        fs::remove_dir_all(&case.dir).unwrap();
        copy_tree(&old, &case.dir);
        let hit = import_and_kill(&case, &log, after);
        killed += u32::from(hit);
        scale *= if hit { 1.0 } else { 0.9 };
        // Whoever asks first completes a change that was beyond its point of no return.
        let ran = case.run(["can", "get", "secrets", "--as", "alice", "--at", "2026-03-01"]).expect(0);
        assert_eq!(ran.err, "");
        let events = case.run(["who-did", "-o", "json"]).expect(0).rows().len();
        let mut left = case.tables();
        left.retain(|name, _| !name.starts_with(".staging-"));
        match events {
            5 => common::assert_same(&old_tables, &left, "the old case"),
            30_005 => common::assert_same(&new, &left, "the new case"),
            n => panic!("{n} requests: half a case"),
        }
        // The next import ends where an undisturbed one does, and sweeps up.
        case.import([&log], &["--cluster", "c"]);
        common::assert_same(&new, &case.tables(), "the case after the next import");
        let mut names = common::names_in(&case.dir);
        names.retain(|n| n.starts_with('.'));
        assert_eq!(names, [".lock"], "litter in the case");
    }
    assert!(killed >= 8, "only {killed} imports were hit");
    assert_eq!(common::names_in(lab.dir.path()), ["case", "large.log", "reference", "small"]);
}

#[test]
fn a_killed_first_import_leaves_nothing_or_the_case() {
    let lab = Lab::new();
    let log = large_log(&lab, "large.log", 15_000);
    let reference = lab.case("reference");
    let began = Instant::now();
    reference.import([&log], &["--cluster", "c"]);
    let whole = began.elapsed();
    for (i, after) in kill_points(whole).into_iter().enumerate() {
        let case = lab.case(if i % 2 == 0 { "new" } else { "given" });
        if i % 2 == 1 {
            fs::create_dir(&case.dir).unwrap();
        }
        import_and_kill(&case, &log, after);
        let ran = case.run(["who-did", "-o", "json"]);
        if ran.code == Some(2) {
            assert!(ran.err.contains("no case at"), "{}", ran.err);
        } else {
            assert_eq!(ran.expect(0).rows().len(), 15_000);
        }
        case.import([&log], &["--cluster", "c"]);
        common::assert_same(&reference.tables(), &case.tables(), "the case after the next import");
        let names = common::names_in(&case.dir);
        assert!(names.iter().all(|n| !n.starts_with('.') || n == ".lock"), "{names:?}");
        fs::remove_dir_all(&case.dir).unwrap();
        assert_eq!(common::names_in(lab.dir.path()), ["large.log", "reference"], "litter beside the case");
    }
}

#[test]
fn two_imports_at_once_give_a_whole_case_and_a_clear_message() {
    let lab = Lab::new();
    let (case, _) = small_case(&lab);
    let log = large_log(&lab, "large.log", 15_000);
    let start = |case: &Case| {
        let mut command =
            case.command([OsStr::new("import"), log.as_os_str(), OsStr::new("--cluster"), OsStr::new("c")]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for (case, events) in [(case, 15_005), (lab.case("new"), 15_000)] {
        let runs: Vec<_> = (0..3)
            .map(|_| start(&case))
            .collect::<Vec<_>>()
            .into_iter()
            .map(|c| c.wait_with_output().unwrap())
            .collect();
        assert!(runs.iter().any(|r| r.status.success()));
        for run in runs.iter().filter(|r| !r.status.success()) {
            let err = String::from_utf8_lossy(&run.stderr);
            assert_eq!(run.status.code(), Some(2), "{err}");
            assert!(err.contains("being changed by another import") && err.contains("try again"), "{err}");
        }
        assert_eq!(case.count("SELECT COUNT(*) FROM events"), events);
        assert_eq!(case.count("SELECT COUNT(DISTINCT audit_id) FROM events"), events);
    }
    assert_eq!(common::names_in(lab.dir.path()), ["case", "large.log", "new", "small"]);
}

// Where answers go.

/// Reads one line and closes the pipe, as `head -1` does.
#[test]
fn a_reader_that_stops_reading_is_no_failure() {
    let lab = Lab::new();
    let (case, _) = small_case(&lab);
    let log = large_log(&lab, "large.log", 3_000);
    case.import([&log], &["--cluster", "c"]);
    let questions = lab.path("reviews.jsonl");
    let review = json!({"spec": {"user": "alice", "resourceAttributes": {"verb": "get", "resource": "secrets"}}});
    fs::write(&questions, common::lines(std::iter::repeat_n(review, 5_000))).unwrap();
    let sql = ["sql", "SELECT * FROM events"];
    let mut asked: Vec<Vec<&str>> =
        ["table", "wide", "json", "jsonl", "csv"].map(|o| vec![sql[0], sql[1], "-o", o]).into();
    asked.push(vec!["who-did"]);
    asked.push(vec!["can", "--reviews", questions.to_str().unwrap()]);
    for args in asked {
        let mut child =
            case.command(&args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(!err.contains("pipe") && !err.contains("panicked"), "{args:?}: {err}");
        assert!(!first.is_empty());
    }
}

/// What an attacker may write into a log: it reaches no terminal, no spreadsheet.
#[test]
fn hostile_values_are_escaped_in_every_output() {
    const HOSTILE: &str = "evil\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\r\u{202e}txt\u{7f}\u{200b}";
    let lab = Lab::new();
    let mut event = common::event("hostile-1", HOSTILE, "get", 1);
    event["userAgent"] = json!(format!("=cmd|' /C calc'!A0{HOSTILE}"));
    event["objectRef"]["name"] = json!(HOSTILE);
    event["requestURI"] = json!(format!("/api/{HOSTILE}"));
    event["annotations"]["authorization.k8s.io/reason"] = json!(HOSTILE);
    let log = lab.write("logs/e\u{1b}[31mvil.log", common::lines([event]));
    let [role, mut binding] = common::role_and_binding(HOSTILE, &["get"], HOSTILE);
    binding["metadata"]["name"] = json!(HOSTILE);
    let objects = lab.write("objects.json", common::lines([role, binding]));
    let case = lab.case("case");
    let ran = case.import([&log, &objects], &["--cluster", "c", "--observed-at", "2026-03-01"]);
    assert_harmless(ran.err.as_bytes(), "the summary");
    let questions: [&[&str]; 8] = [
        &["who-did"],
        &["who-did", "--user", HOSTILE],
        &["who-can", "get", "secrets", "--at", "2026-03-01"],
        &["can", "get", "secrets", "--as", HOSTILE, "--at", "2026-03-01"],
        &["rights", "evil", "--at", "2026-03-01"],
        &["sources"],
        &["sql", "SELECT * FROM events"],
        &["sql", "SELECT message FROM findings UNION ALL SELECT user_username AS message FROM events"],
    ];
    for question in questions {
        for output in ["table", "wide", "json", "jsonl", "csv"] {
            let ran = case.run(question.iter().copied().chain(["-o", output])).expect(0);
            assert_harmless(&ran.out, &format!("{question:?} -o {output}"));
            assert_harmless(ran.err.as_bytes(), &format!("{question:?} -o {output}, stderr"));
        }
    }
    // The value itself is not changed: JSON gives it back as it was.
    let rows = case.run(["who-did", "-o", "json"]).expect(0).rows();
    assert_eq!((rows[0]["user"].as_str(), rows[0]["name"].as_str()), (Some(HOSTILE), Some(HOSTILE)));
    assert_eq!(case.sql("SELECT user_username FROM events")[0]["user_username"], HOSTILE);
    let csv = case.run(["who-did", "-o", "csv"]).expect(0);
    assert!(
        !csv.text().lines().any(|l| l.split(',').any(|cell| cell.trim_matches('"').starts_with('='))),
        "{}",
        csv.text()
    );
    let review = json!({"spec": {"user": HOSTILE, "resourceAttributes": {"verb": "get", "resource": "secrets"}}, "at": "2026-03-01T00:00:00Z"});
    let answer: Value = serde_json::from_str(&case.review(&format!("{review}\n"), 0)[0]).unwrap();
    assert_eq!(answer["allowed"], true);
    for path in [lab.path("no\u{1b}[31msuch"), lab.path("a\u{202e}b")] {
        let ran = case.run([OsStr::new("import"), path.as_os_str()]).expect(2);
        assert_harmless(ran.err.as_bytes(), "an error message");
    }
}

#[track_caller]
fn assert_harmless(bytes: &[u8], what: &str) {
    let text = std::str::from_utf8(bytes).unwrap();
    let text = text.replace("\r\n", "\n");
    let found = text.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202e}' | '\u{200b}'));
    assert!(found.is_none(), "{what}: {found:?} in {text:?}");
}

/// JSON nested a hundred thousand deep overflows no stack, and what follows is still read.
#[test]
fn deep_json_is_a_reject() {
    let lab = Lab::new();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let object = |n: usize| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
    let good = common::event("good", "alice", "get", 1);
    let mut bad = common::event("deep", "alice", "get", 2).to_string();
    bad.insert_str(bad.len() - 1, &format!(",\"requestObject\":{}", object(50_000)));
    let log = lab.write("audit.log", format!("{deep}\n{bad}\n{}\n{good}\n", object(100_000)));
    let objects = lab.write(
        "deep.yaml",
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {}\n", "[".repeat(50_000)),
    );
    let list = lab.write("deep.json", format!("{{\n\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":{deep}}}\n"));
    let case = lab.case("case");
    case.import([&log, &objects, &list], &["--cluster", "c"]);
    let rows = case.run(["who-did", "-o", "json"]).expect(0).rows();
    assert!(common::column(&rows, "audit_id").contains(&"good".to_owned()));
    for source in case.sources() {
        let number = |name: &str| source[name].as_u64().unwrap();
        assert_eq!(number("records"), number("rows") + number("duplicates") + number("rejects"), "{source}");
    }
    for question in QUESTIONS {
        assert!(case.run(question).code.is_some(), "{question:?} does not crash");
    }
}

/// Damage in the middle and at the end costs the damaged records alone; each is kept with its place and reason.
#[test]
fn damaged_logs_give_what_is_whole_and_a_reject_for_the_rest() {
    let lab = Lab::new();
    let lines: Vec<String> = (0..6).map(|i| common::event(&format!("id-{i}"), "alice", "get", i).to_string()).collect();
    let broken = format!("{}\n{}\n{}\n{}\n", lines[0], &lines[1][..40], lines[2], lines[3]);
    lab.write("in/a-middle.log", &broken);
    lab.write("in/b-tail.log", format!("{}\n{}", lines[4], &lines[5][..60]));
    lab.write(
        "in/c-utf8.log",
        [lines[5].as_bytes(), b"\n{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\"\xff\xfe\"}\n"]
            .concat(),
    );
    let long: String = (0..400).map(|i| common::event(&format!("z-{i}"), "bob", "get", i).to_string() + "\n").collect();
    let packed = common::gzip(long.as_bytes());
    lab.write("in/d-cut.log.gz", &packed[..packed.len() / 2]);
    let case = lab.case("case");
    case.import([lab.path("in")], &["--cluster", "c"]);
    let rejects = case.sql("SELECT source_id, \"offset\", line, reason FROM rejects ORDER BY source_id, \"offset\"");
    assert_eq!(rejects.len(), 4, "{rejects:?}");
    assert_eq!(
        (rejects[0]["line"].as_u64(), rejects[0]["offset"].as_u64()),
        (Some(2), Some(lines[0].len() as u64 + 1))
    );
    assert!(rejects[1]["reason"].as_str().unwrap().contains("cut off"), "{}", rejects[1]);
    assert!(rejects[3]["reason"].as_str().unwrap().contains("cut off"), "{}", rejects[3]);
    let sources = case.sources();
    let cut = sources.iter().find(|s| s["path"].as_str().unwrap().ends_with(".gz")).unwrap();
    assert!(cut["rows"].as_u64().unwrap() > 50, "what stands before the damage is read: {cut}");
    assert!(cut["warnings"].to_string().contains("truncated"), "{cut}");
    assert_eq!(case.count("SELECT COUNT(*) FROM events WHERE user_username = 'alice'"), 5);
    // A reject is shown like any record.
    assert_eq!(case.run(["show", "s1:2"]).expect(0).text(), format!("{}\n", &lines[1][..40]));
}
