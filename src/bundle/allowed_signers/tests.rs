#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use super::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";
const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";

/// A zone two hours east of Greenwich.
fn local(time: NaiveDateTime) -> Option<Timestamp> {
    Some(Timestamp::from_micros(time.and_utc().timestamp_micros() - 2 * 3_600_000_000))
}

fn list(text: &str) -> AllowedSigners {
    AllowedSigners::parse(text.as_bytes(), Path::new("allowed"), &local)
}

fn key() -> KeyData {
    parse_key(KEY).unwrap()
}

fn code(text: &str, principal: Option<&str>, at: Option<&str>) -> String {
    match list(text).standing(&key(), principal, "kubesleuth-bundle", at.map(|t| t.parse().unwrap())) {
        Standing::Allowed { line, .. } => format!("line {line}"),
        Standing::Refused { code, .. } => code.to_owned(),
        Standing::Unlisted => "unlisted".to_owned(),
    }
}

#[test]
fn comments_blank_lines_and_other_keys_allow_nobody() {
    let text = format!("# alice {KEY}\n\n  \t\nbob {OTHER}\n  alice   {KEY}   her laptop\r\n");
    assert_eq!(code(&text, None, None), "line 5");
    assert_eq!(code(&text, Some("alice"), None), "line 5");
    assert_eq!(code(&text, Some("bob"), None), "unlisted");
    assert_eq!(list(&text).unused(), []);
}

#[test]
fn principals_may_be_patterns_and_in_quotes() {
    let text = format!("\"*@example.com,!eve@example.com\" {KEY}");
    assert_eq!(code(&text, Some("alice@example.com"), None), "line 1");
    assert_eq!(code(&text, Some("eve@example.com"), None), "unlisted");
    assert_eq!(code(&text, Some("alice@example.org"), None), "unlisted");
}

#[test]
fn times_bound_a_key_at_both_ends_in_whole_seconds() {
    let text = format!("alice valid-after=\"20261124120000Z\",valid-before=\"202611241300UTC\" {KEY}");
    for (at, expected) in [
        ("2026-11-24T11:59:59.999999Z", "signer-key-not-valid"),
        ("2026-11-24T12:00:00Z", "line 1"),
        ("2026-11-24T13:00:00.999999Z", "line 1"),
        ("2026-11-24T13:00:01Z", "signer-key-not-valid"),
    ] {
        assert_eq!(code(&text, None, Some(at)), expected, "{at}");
    }
    assert_eq!(code(&text, None, None), "signer-key-not-valid", "a moment that is not known");
    let local = format!("alice valid-after=\"20261124\" {KEY}");
    assert_eq!(code(&local, None, Some("2026-11-23T22:00:00Z")), "line 1");
    assert_eq!(code(&local, None, Some("2026-11-23T21:59:59Z")), "signer-key-not-valid");
}

#[test]
fn namespaces_bound_what_a_key_may_sign() {
    assert_eq!(code(&format!("a namespaces=\"file,kubesleuth-*\" {KEY}"), None, None), "line 1");
    assert_eq!(code(&format!("a NAMESPACES=\"file\" {KEY}"), None, None), "signer-namespace-not-allowed");
    // A later line may allow what an earlier does not.
    assert_eq!(code(&format!("a namespaces=\"file\" {KEY}\na {KEY}"), None, None), "line 2");
}

#[test]
fn a_line_that_is_not_understood_allows_nobody_and_is_told_of() {
    let lines = [
        format!("alice cert-authority {KEY}"),
        format!("alice no-such-option {KEY}"),
        format!("alice no-such=\"x\" {KEY}"),
        format!("alice namespaces=file {KEY}"),
        format!("alice namespaces=\"a\"x {KEY}"),
        format!("alice namespaces=\"a\", {KEY}"),
        format!("alice namespaces=\"a\",namespaces=\"a\" {KEY}"),
        format!("alice namespaces=\"a {KEY}"),
        format!("alice valid-after=\"2026112\" {KEY}"),
        format!("alice valid-after=\"20261340\" {KEY}"),
        format!("alice valid-after=\"20300101\",valid-before=\"20300101\" {KEY}"),
        format!("\"alice {KEY}"),
        "alice".to_owned(),
        "alice ssh-ed25519 AAAA".to_owned(),
        "alice ssh-ed25519".to_owned(),
        KEY.to_owned(),
    ];
    let list = list(&lines.join("\n"));
    assert_eq!(list.unused().iter().map(|u| u.number).collect::<Vec<_>>(), (1..=lines.len()).collect::<Vec<_>>());
    assert_eq!(list.standing(&key(), None, "kubesleuth-bundle", None), Standing::Unlisted);
    let hostile = [b"alice \xff\xfe".to_vec(), vec![b'"'; 5000], vec![0; 100]].join(&b'\n');
    assert_eq!(AllowedSigners::parse(&hostile, Path::new("x"), &local).unused().len(), 3);
}
