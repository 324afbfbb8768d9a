#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use super::*;
use crate::model::finding::Severity;
use proptest::prelude::*;
use std::fs;
use std::path::Path;

fn deed(action: Action, second: i64, from: &str) -> Deed {
    Deed {
        at: Timestamp::from_micros(1_795_480_860_000_000 + second * 1_000_000),
        action,
        seal: Some(Sha256Digest::of(b"seal")),
        from: vec![from.into()],
        to: None,
        continues: None,
        key: None,
        result: "ok".into(),
    }
}

fn actor() -> Actor {
    Actor { user: Some("alice".into()), host: None, version: "1.2.3".into() }
}

/// A log of four entries.
fn log(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("bag.custody.jsonl");
    let first = [deed(Action::Collect, 0, "a"), deed(Action::Seal, 1, "b")];
    begin(&path, &first, &actor(), None).unwrap();
    append(&path, &deed(Action::Copy, 2, "c"), &actor(), None).unwrap();
    append(&path, &deed(Action::Import, 3, "d"), &actor(), None).unwrap();
    path
}

/// What is wrong with a log, code and line.
fn wrong(path: &Path) -> Vec<(&'static str, String)> {
    let found = check(path, Some(Sha256Digest::of(b"seal")), None).findings;
    found.into_iter().filter(|f| f.severity > Severity::Info).map(|f| (f.code, f.message)).collect()
}

#[test]
fn a_log_is_a_chain_that_anyone_can_follow() {
    let dir = tempfile::tempdir().unwrap();
    let path = log(dir.path());
    assert_eq!(wrong(&path), []);
    let text = fs::read_to_string(&path).unwrap();
    let mut previous = serde_json::Value::Null;
    for (number, line) in (1..).zip(text.lines()) {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&value["sequence"], &value["previous"]), (&number.into(), &previous));
        // As `sed 's/,"hash":.*$/}/' | sha256sum` does.
        let body = format!("{}}}", line.split(",\"hash\":").next().unwrap());
        previous = Sha256Digest::of(body.as_bytes()).to_string().into();
        assert_eq!(value["hash"], previous);
    }
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn every_byte_of_a_log_counts() {
    let dir = tempfile::tempdir().unwrap();
    let path = log(dir.path());
    let bytes = fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        for change in [1_u8, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            fs::write(&path, &changed).unwrap();
            let line = 1 + bytes[..at].iter().filter(|b| **b == b'\n').count();
            let found = wrong(&path);
            assert!(!found.is_empty(), "byte {at} changed by {change}");
            // The end of a line belongs to that line.
            let named = |n: usize| {
                found.iter().any(|(_, m)| {
                    m.contains(&format!("entry {n} ")) || m.contains(&format!("line {n} ")) || m.contains("cut off")
                })
            };
            assert!(named(line) || named(line + 1), "byte {at} of line {line}: {found:?}");
            assert!(state(&path).is_err(), "byte {at}: nothing is added to a damaged log");
        }
    }
}

#[test]
fn lines_taken_out_put_in_or_moved_break_the_chain_where_it_happened() {
    let dir = tempfile::tempdir().unwrap();
    let path = log(dir.path());
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let broken = |order: &[usize]| {
        fs::write(&path, order.iter().map(|i| format!("{}\n", lines[*i])).collect::<String>()).unwrap();
        let found = wrong(&path);
        assert!(found.iter().all(|(code, _)| *code == "custody-chain-broken"), "{found:?}");
        let line = |m: &str| m.split("line ").nth(1).unwrap().split(' ').next().unwrap().parse::<usize>().unwrap();
        found.iter().map(|(_, m)| line(m)).collect::<Vec<_>>()
    };
    assert_eq!(broken(&[1, 2, 3]), [1]);
    assert_eq!(broken(&[0, 2, 3]), [2]);
    assert_eq!(broken(&[0, 1, 3]), [3]);
    assert_eq!(broken(&[0, 2, 1, 3]), [2, 3, 4]);
    assert_eq!(broken(&[0, 1, 1, 2, 3]), [3]);
    assert_eq!(broken(&[0, 0, 1, 2, 3]), [2]);
    // The end cut off cannot be told by the chain alone.
    assert_eq!(broken(&[0, 1, 2]), [0_usize; 0]);
}

#[test]
fn an_entry_written_anew_with_its_hash_does_not_fit_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = log(dir.path());
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut forged: Entry = Line::parse(lines[1].as_bytes()).unwrap().entry;
    forged.user = Some("bob".into());
    lines[1] = forged.render(None).unwrap().0.trim_end().to_owned();
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let found = wrong(&path);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0 == "custody-chain-broken" && found[0].1.contains("line 3 should be entry 3"), "{found:?}");
}

#[test]
fn the_log_of_another_bundle_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = log(dir.path());
    let other = Some(Sha256Digest::of(b"other"));
    let found = check(&path, other, None).findings;
    assert!(found.iter().any(|f| f.code == "custody-other-bundle" && f.message.contains("entry 1 ")), "{found:?}");
    assert!(matches!(state_of_bundle(&path, other), Err(CustodyError::OtherBundle { .. })));
    assert!(matches!(begin(&path, &[], &actor(), None), Err(CustodyError::Exists(_))));
}

#[test]
fn hostile_files_in_place_of_a_log_are_findings() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    for bytes in
        [&b""[..], b"\n", b"{}", b"{}\n", b"\xff\n", &[b'['; 100_000], b",\"hash\":\"", b"{\"a\":1,\"hash\":\"x\"}\n"]
    {
        fs::write(&path, bytes).unwrap();
        assert!(!wrong(&path).is_empty(), "{}", String::from_utf8_lossy(bytes));
        assert!(append(&path, &deed(Action::Copy, 1, "x"), &actor(), None).is_err());
        assert_eq!(fs::read(&path).unwrap(), bytes, "nothing was written");
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(wrong(&path)[0].0, "custody-log-unreadable");
}

proptest! {
    #[test]
    fn whatever_names_hold_they_come_back(user in ".*", from in proptest::collection::vec(any::<u8>(), 0..40)) {
        let path = SourcePath::from(String::from_utf8_lossy(&from).as_ref());
        let deed = Deed { from: vec![path], result: user.clone(), ..deed(Action::Copy, 0, "") };
        let actor = Actor { user: Some(user), host: Some(",\"hash\":\"".into()), version: "1".into() };
        let (text, line) = Entry::after(None, &deed, &actor).render(None).unwrap();
        prop_assert_eq!(text.matches('\n').count(), 1);
        prop_assert_eq!(Line::parse(text.trim_end_matches('\n').as_bytes()).unwrap(), line);
    }
}
