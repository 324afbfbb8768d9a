//! The custody log through the command: what is recorded, where, and what a change of it shows.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::common::{self, Lab};
use crate::support::{evidence, files_of, kubesleuth, make_key, public, ssh_keygen, verify, verify_alone};

fn lines(log: &Path) -> Vec<Value> {
    fs::read_to_string(log).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn actions(log: &Path) -> Vec<String> {
    common::column(&lines(log), "action")
}

fn collect(lab: &Lab, name: &str) -> PathBuf {
    let bundle = lab.path(name);
    kubesleuth(&[&"collect", &"files", &evidence(lab), &"--out", &bundle]).expect(0);
    bundle
}

/// The chain checked as `docs/bundle-format.md` tells a reviewer without kubesleuth to: by the bytes.
fn follow(log: &Path) -> usize {
    let text = fs::read_to_string(log).unwrap();
    let mut previous = Value::Null;
    for line in text.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let body = format!("{}}}", line.split_once(",\"hash\":").unwrap().0);
        let hash: String = Sha256::digest(body).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!((value["previous"].clone(), value["hash"].as_str().unwrap()), (previous, hash.as_str()));
        previous = hash.into();
    }
    text.lines().count()
}

#[test]
fn collect_sign_copy_and_import_are_recorded_at_every_place() {
    for suffix in ["", ".tar"] {
        let lab = Lab::new();
        let key = make_key(&lab, "key", "ed25519", "");
        let bag = collect(&lab, &format!("bag{suffix}"));
        let log = lab.path(&format!("bag{suffix}.custody.jsonl"));
        assert_eq!(actions(&log), ["collect", "seal"]);
        kubesleuth(&[&"sign", &bag, &"--key", &key]).expect(0);
        let copy = lab.path(&format!("copy{suffix}"));
        kubesleuth(&[&"copy", &bag, &copy]).expect(0);
        assert_eq!(files_of(&copy), files_of(&bag));
        let copy_log = lab.path(&format!("copy{suffix}.custody.jsonl"));
        assert_eq!(fs::read(&copy_log).unwrap(), fs::read(&log).unwrap(), "both ends say the same");
        let signatures = |name: &str| {
            let prefix = format!("{name}{suffix}.signed-");
            common::names_in(lab.dir.path()).into_iter().filter(|n| n.starts_with(&prefix)).count()
        };
        assert_eq!((signatures("bag"), signatures("copy")), (1, 1));
        let allowed = lab.write("allowed", format!("k {}\n", public(&key)));
        verify(&copy, &allowed, &["--signer", "k"]).is_good("the copy");
        let case = lab.case("case");
        case.import([&copy], &[]);
        assert_eq!(actions(&copy_log), ["collect", "seal", "sign", "copy", "import"]);
        assert_eq!(actions(&log).len(), 4, "the source knows nothing of its copy's import");
        let case_log = lines(&case.dir.join("custody.jsonl"));
        let last = lines(&copy_log).pop().unwrap();
        assert_eq!(case_log.len(), 1);
        assert_eq!((&case_log[0]["continues"], &case_log[0]["seal"]), (&last["hash"], &last["seal"]));
        // The same again changes nothing and records nothing; other evidence is recorded.
        case.import([&copy], &[]);
        case.import([evidence(&lab)], &[]);
        assert_eq!(lines(&case.dir.join("custody.jsonl")).len(), 1);
        lab.write("more/audit.log", common::lines([common::event("b", "bob", "get", 2)]));
        case.import([lab.path("more")], &[]);
        let case_log = lines(&case.dir.join("custody.jsonl"));
        assert_eq!((case_log.len(), &case_log[1]["seal"]), (2, &Value::Null));
        assert!(case_log[1]["from"][0].as_str().unwrap().ends_with("/more"));
        for log in [&log, &copy_log, &case.dir.join("custody.jsonl")] {
            assert!(follow(log) > 1);
            kubesleuth(&[&"custody", log]).expect(0);
        }
        let shown = kubesleuth(&[&"custody", &copy, &"-o", &"json"]).expect(0);
        assert_eq!(common::column(&shown.rows(), "action"), ["collect", "seal", "sign", "copy", "import"]);
        let facts = ["user", "host", "tool", "at", "result"];
        assert!(lines(&copy_log).iter().all(|l| facts.iter().all(|f| l[f].is_string())), "who, when and what");
    }
}

#[test]
fn a_copy_is_refused_where_it_would_vouch_for_too_much() {
    let lab = Lab::new();
    let bag = collect(&lab, "bag");
    let copy = |to: &str| kubesleuth(&[&"copy", &bag, &lab.path(to)]);
    fs::create_dir(lab.path("there")).unwrap();
    copy("there").refused(&["exists already"]);
    copy("bag/data/inside").refused(&["inside the bundle"]);
    copy("no/folder").refused(&["its folder does not exist"]);
    lab.write("taken.custody.jsonl", "x\n");
    copy("taken").refused(&["taken.custody.jsonl", "exists already"]);
    kubesleuth(&[&"collect", &"files", &lab.path("in"), &"--out", &lab.path("taken")])
        .refused(&["taken.custody.jsonl"]);
    let log = fs::read(lab.path("bag.custody.jsonl")).unwrap();
    // A damaged log is not continued, nor that of another bundle.
    fs::write(lab.path("bag.custody.jsonl"), &log[1..]).unwrap();
    copy("to").refused(&["custody log", "line 1"]);
    let other = collect(&lab, "other");
    fs::copy(lab.path("other.custody.jsonl"), lab.path("bag.custody.jsonl")).unwrap();
    copy("to").refused(&["of another bundle"]);
    verify_alone(&bag).must(
        "custody-other-bundle",
        &lab.path("bag.custody.jsonl").display().to_string(),
        &[],
        "swapped",
    );
    fs::write(lab.path("bag.custody.jsonl"), &log).unwrap();
    // A damaged source.
    let path = other.join("bagit.txt");
    fs::write(&path, fs::read_to_string(&path).unwrap() + "x").unwrap();
    kubesleuth(&[&"copy", &other, &lab.path("to")]).refused(&["was not copied", "not whole", "bagit.txt"]);
    assert_eq!(fs::read(lab.path("bag.custody.jsonl")).unwrap(), log, "nothing was recorded");
    let names = common::names_in(lab.dir.path());
    assert!(!names.iter().any(|n| n.starts_with("to") || n.contains("partial")), "{names:?}");
    // Without a log the copy's own begins with the copy, and says so.
    fs::remove_file(lab.path("bag.custody.jsonl")).unwrap();
    let ran = copy("to").expect(0);
    assert!(ran.err.contains("begins with this copy"), "{}", ran.err);
    assert_eq!(actions(&lab.path("to.custody.jsonl")), ["copy"]);
    let late = verify_alone(&lab.path("to"));
    late.is_good("a log that begins late");
    assert_eq!(late.of("custody-begins-late").len(), 1, "{late:?}");
    assert!(!lab.path("bag.custody.jsonl").exists());
}

#[test]
fn a_changed_log_is_named_with_its_entry_and_stops_no_import() {
    let lab = Lab::new();
    let key = make_key(&lab, "key", "ed25519", "");
    let (bag, log) = (lab.path("bag"), lab.path("bag.custody.jsonl"));
    kubesleuth(&[&"collect", &"files", &evidence(&lab), &"--out", &bag, &"--sign-key", &key]).expect(0);
    kubesleuth(&[&"copy", &bag, &lab.path("copy")]).expect(0);
    let text = fs::read_to_string(&log).unwrap();
    let name = log.display().to_string();
    let try_with = |text: String| {
        fs::write(&log, text).unwrap();
        verify_alone(&bag)
    };
    let lines: Vec<&str> = text.lines().collect();
    let join = |order: &[usize]| order.iter().map(|i| format!("{}\n", lines[*i])).collect::<String>();
    let edited =
        try_with(text.replacen("\"action\":\"collect\",\"user\":\"", "\"action\":\"collect\",\"user\":\"not-", 1));
    edited.must("custody-entry-changed", &name, &[], "edited");
    assert!(edited.of("custody-entry-changed")[0].contains("entry 1 (collect)"), "{edited:?}");
    let missing = ["signature-missing"];
    try_with(join(&[1, 2, 3])).must("custody-chain-broken", &name, &[], "the first removed");
    try_with(join(&[0, 2, 3])).must("custody-chain-broken", &name, &[], "one removed");
    try_with(join(&[0, 2, 1, 3])).must("custody-chain-broken", &name, &[], "moved");
    try_with(join(&[0, 1, 1, 2, 3])).must("custody-chain-broken", &name, &[], "put in");
    try_with(text[..text.len() - 40].to_owned()).must("custody-line-unreadable", &name, &[], "torn");
    try_with(format!("{text}x\n")).must("custody-line-unreadable", &name, &[], "garbage");
    let stripped = text.lines().map(|l| format!("{}\n", without_signature(l))).collect();
    try_with(stripped).must("custody-signature", &name, &missing, "signature of an entry stripped");
    // All written anew from the first entry on: the signature does not fit.
    let forged =
        try_with(forge(&text.replacen("\"result\":\"2 files, 0 not collected\"", "\"result\":\"1 files\"", 1)));
    forged.must("custody-signature", &name, &[], "written anew");
    assert!(forged.of("custody-signature")[0].contains("entry 3 (sign)"), "{forged:?}");
    // What a chain cannot show: its end cut off behind the last signature.
    try_with(join(&[0, 1, 2])).is_good("the end cut off");
    fs::remove_file(&log).unwrap();
    let none = verify_alone(&bag);
    none.is_good("no log");
    assert_eq!(none.of("custody-log-missing").len(), 1);
    // A damaged log is told of; the evidence itself is whole.
    fs::write(&log, join(&[0, 2])).unwrap();
    let before = fs::read(&log).unwrap();
    let case = lab.case("case");
    let ran = case.import([&bag], &[]);
    assert!(ran.err.contains("custody log") && ran.err.contains("damaged"), "{}", ran.err);
    assert_eq!(fs::read(&log).unwrap(), before);
    assert_eq!(actions(&case.dir.join("custody.jsonl")), ["import"]);
}

fn without_signature(line: &str) -> String {
    line.split_once(",\"signature\":").map_or(line.to_owned(), |(open, _)| format!("{open}}}"))
}

/// Makes every hash of a log match again, as anyone can.
fn forge(text: &str) -> String {
    let mut previous = "null".to_owned();
    let mut out = String::new();
    for line in text.lines() {
        let (open, rest) = line.split_once(",\"hash\":\"").unwrap();
        let old = open.split_once("\"previous\":").unwrap().1.split_once(',').unwrap().0;
        let open = open.replacen(&format!("\"previous\":{old}"), &format!("\"previous\":{previous}"), 1);
        let hash: String = Sha256::digest(format!("{open}}}")).iter().map(|b| format!("{b:02x}")).collect();
        out.push_str(&format!("{open},\"hash\":\"{hash}{}\n", &rest[64..]));
        previous = format!("\"{hash}\"");
    }
    out
}

#[test]
fn the_signature_of_an_entry_is_one_that_ssh_keygen_accepts() {
    let lab = Lab::new();
    let key = make_key(&lab, "key", "ecdsa:256", "");
    let bag = lab.path("bag.tar");
    kubesleuth(&[&"collect", &"files", &evidence(&lab), &"--out", &bag, &"--sign-key", &key]).expect(0);
    let last = lines(&lab.path("bag.tar.custody.jsonl")).pop().unwrap();
    let allowed = lab.write("allowed", format!("k {}\n", public(&key)));
    let signature = lab.write("sig", last["signature"].as_str().unwrap());
    let path = |p: &Path| p.to_str().unwrap().to_owned();
    let args = ["-Y", "verify", "-I", "k", "-n", "kubesleuth-custody", "-f", &path(&allowed), "-s", &path(&signature)];
    let said = ssh_keygen(&args, last["hash"].as_str().unwrap().as_bytes());
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn custody_tells_what_it_was_asked_of() {
    let lab = Lab::new();
    let bag = collect(&lab, "bag");
    kubesleuth(&[&"custody", &lab.path("none")]).refused(&["none", "no such"]);
    fs::rename(lab.path("bag.custody.jsonl"), lab.path("log")).unwrap();
    let ran = kubesleuth(&[&"custody", &bag, &"-o", &"json"]).expect(1);
    assert!(ran.rows().is_empty() && ran.text().contains("custody-log-missing"), "{}", ran.text());
    kubesleuth(&[&"custody", &lab.path("log")]).expect(0);
    fs::write(lab.path("log"), "x\n").unwrap();
    assert!(kubesleuth(&[&"custody", &lab.path("log")]).expect(2).text().contains("line 1 cannot be read"));
}

#[test]
fn many_copies_at_once_tear_no_line() {
    let lab = Lab::new();
    let bag = collect(&lab, "bag");
    std::thread::scope(|scope| {
        for i in 0..12 {
            let (bag, to) = (&bag, lab.path(&format!("copy-{i}")));
            scope.spawn(move || kubesleuth(&[&"copy", bag, &to]).expect(0));
        }
    });
    assert_eq!(follow(&lab.path("bag.custody.jsonl")), 2 + 12);
    verify_alone(&bag).is_good("after twelve copies at once");
    for i in 0..12 {
        verify_alone(&lab.path(&format!("copy-{i}"))).is_good("a copy");
    }
}

/// A medium that cannot be written: the copy records itself, and so does the case.
#[cfg(unix)]
#[test]
fn a_log_that_cannot_be_written_stops_neither_copy_nor_import() {
    use std::os::unix::fs::PermissionsExt as _;
    if common::reads_everything() {
        // Nothing to see: this user writes whatever the modes say.
        return;
    }
    let lab = Lab::new();
    let bag = collect(&lab, "bag");
    let log = lab.path("bag.custody.jsonl");
    fs::set_permissions(&log, fs::Permissions::from_mode(0o400)).unwrap();
    let ran = kubesleuth(&[&"copy", &bag, &lab.path("copy")]).expect(0);
    assert!(ran.err.contains("info") && ran.err.contains("own custody log only"), "{}", ran.err);
    assert_eq!(actions(&lab.path("copy.custody.jsonl")), ["collect", "seal", "copy"]);
    let case = lab.case("case");
    let ran = case.import([&bag], &[]);
    assert!(ran.err.contains("case's custody log only"), "{}", ran.err);
    assert_eq!(lines(&case.dir.join("custody.jsonl"))[0]["continues"], lines(&log)[1]["hash"]);
    assert_eq!(actions(&log), ["collect", "seal"]);
}
