//! The table `identities` through the command: the authenticator's log, and the config map `aws-auth`.
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

use common::{Case, Lab, incident};
use formats_support::folders;
use serde_json::{Value, json};

fn text(row: &Value, key: &str) -> String {
    row[key].as_str().unwrap_or_default().to_owned()
}

fn log() -> (Vec<u8>, Value) {
    let folder = folders().remove("eks-authenticator").unwrap();
    let expected = serde_json::from_slice(&folder["expected.json"]).unwrap();
    let path = expected_path(&expected);
    (folder[&path].clone(), expected)
}

fn expected_path(expected: &Value) -> String {
    expected["files"][0]["path"].as_str().unwrap().to_owned()
}

const ALL: &str = "SELECT at, outcome, arn, canonical_arn, account, principal_id, access_key_id, session_name, username, \
                   groups, uid, reason, client FROM identities ORDER BY at, client, outcome";

#[test]
fn grants_carry_the_key_that_was_used_and_attempts_are_rows_too() {
    let lab = Lab::new();
    let (log, expected) = log();
    let case = lab.case("case");
    case.import([lab.write("a.log", &log)], &[]);
    let granted = case.sql("SELECT * FROM identities WHERE outcome = 'granted' ORDER BY offset");
    let back = &expected["backdoor"];
    let wanted: Vec<(String, String, String)> = expected["grants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|g| (text(g, "username"), text(g, "arn"), text(g, "accesskeyid")))
        .collect();
    let found: Vec<(String, String, String)> = granted
        .iter()
        .filter(|g| g["arn"] != back["arn"])
        .map(|g| (text(g, "username"), text(g, "arn"), text(g, "access_key_id")))
        .collect();
    assert_eq!(found, wanted);
    let door: Vec<&Value> = granted.iter().filter(|g| g["arn"] == back["arn"]).collect();
    assert_eq!(door.len(), 1);
    assert_eq!((&door[0]["access_key_id"], &door[0]["principal_id"]), (&back["accesskeyid"], &back["userid"]));
    assert!(granted.iter().all(|g| text(g, "joined_with").starts_with("s1:")));
    let denied = case.sql("SELECT arn, access_key_id, reason, at FROM identities WHERE outcome = 'denied' ORDER BY at");
    assert_eq!(denied.len(), 2);
    assert!(
        denied[0]["arn"].is_null() && denied[0]["access_key_id"].is_null(),
        "nothing is joined without an identity"
    );
    assert_eq!(denied[1]["access_key_id"], back["accesskeyid"]);
    assert_eq!(text(&denied[1], "reason"), "ARN is not mapped");
    for (message, count) in expected["by_msg"].as_object().unwrap() {
        let rows = case.count(&format!("SELECT COUNT(*) FROM identities WHERE message = '{message}'"));
        assert_eq!(rows, count.as_u64().unwrap(), "{message}");
    }
    let place = format!("{}:{}", text(door[0], "source_id"), door[0]["line"]);
    assert!(case.run(["show", &place]).expect(0).text().contains("access granted"));
}

fn sums(case: &Case) -> [u64; 4] {
    let mut all = [0; 4];
    for s in case.sources() {
        let n = ["records", "rows", "duplicates", "rejects"].map(|name| s[name].as_u64().unwrap());
        assert_eq!(n[0], n[1] + n[2] + n[3], "{s}");
        (0..4).for_each(|i| all[i] += n[i]);
    }
    all
}

#[test]
fn the_same_lines_in_another_wrapping_are_copies_and_later_ones_are_added() {
    let lab = Lab::new();
    let (log, _) = log();
    let lines: Vec<&str> = std::str::from_utf8(&log).unwrap().lines().collect();
    let whole = lab.case("whole");
    whole.import([lab.write("a.log", &log)], &[]);
    let half = lab.write("half.log", format!("{}\n", lines[..12].join("\n")));
    let events: Vec<Value> = lines[6..]
        .iter()
        .enumerate()
        .map(|(i, l)| json!({"logStreamName": "authenticator-1f", "timestamp": 1_795_480_862_000_u64 + i as u64, "message": l, "eventId": i.to_string()}))
        .collect();
    let wrapped = lab.write("page.json", json!({"events": events, "searchedLogStreams": []}).to_string());
    for (name, batches) in [
        ("together", vec![vec![half.clone(), wrapped.clone()]]),
        ("one after the other", vec![vec![half.clone()], vec![wrapped.clone()]]),
        ("the other way round", vec![vec![wrapped], vec![half]]),
    ] {
        let case = lab.case(name);
        batches.into_iter().for_each(|paths| {
            case.import(paths, &[]);
        });
        let shown = |c: &Case| {
            c.sql("SELECT at, outcome, arn, username, groups, uid, reason, client FROM identities ORDER BY at, client, outcome, arn")
        };
        assert_eq!(shown(&case), shown(&whole), "{name}");
        assert_eq!(sums(&case), [33, 27, 6, 0], "{name}");
    }
    assert_eq!(whole.sql(ALL).len(), 27);
}

#[test]
fn the_config_map_is_taken_apart_through_time() {
    let lab = Lab::new();
    let case = lab.case("case");
    case.import([incident("audit"), incident("snapshots")], &[]);
    let rows = case
        .sql("SELECT username, arn, groups, mapped, valid_from, valid_to FROM identities WHERE origin = 'aws-auth'");
    let at = |t: &str, username: &str| {
        let held = |r: &&Value| {
            text(r, "username") == username
                && r["valid_from"].as_str().is_none_or(|from| from <= t)
                && r["valid_to"].as_str().is_none_or(|to| to > t)
        };
        let held: Vec<&Value> = rows.iter().filter(held).collect();
        assert_eq!(held.len(), 1, "{rows:?}");
        held[0].clone()
    };
    let before = at("2026-11-24T00:41:40", "ops-user");
    let after = at("2026-11-24T00:41:42", "ops-user");
    assert_eq!(text(&before, "arn"), "arn:aws:iam::444455556666:user/ops-user");
    assert_eq!(text(&after, "arn"), "arn:aws:iam::444455556666:user/ops-user-backup");
    assert_eq!((&after["groups"], text(&after, "mapped")), (&json!(["system:masters"]), "user".to_owned()));
    let nodes = at("2026-11-24T00:41:42", "system:node:{{EC2PrivateDNSName}}");
    assert_eq!(text(&nodes, "mapped"), "role");
}

#[test]
fn a_mapping_that_cannot_be_read_is_a_finding_and_the_rest_is_kept() {
    let lab = Lab::new();
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "kube-system", "uid": "u", "resourceVersion": "7"},
        "data": {"mapRoles": "- rolearn: [\n", "mapUsers": "- userarn: arn:aws:iam::1:user/a\n  username: a\n", "mapAccounts": "- '012345678901'\n"}});
    let other = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aws-auth", "namespace": "default"}, "data": {"mapUsers": "- userarn: x\n"}});
    let case = lab.case("case");
    case.import([lab.write("cm.json", format!("{map}\n{other}\n"))], &["--observed-at", "2026-01-02T03:04:05Z"]);
    let found = case.sql("SELECT severity, message, witnesses FROM findings WHERE code = 'aws-auth-malformed'");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(text(&found[0], "message").contains("mapRoles"));
    let rows = case.sql("SELECT DISTINCT outcome, mapped, arn, account FROM identities WHERE outcome <> 'unknown' ORDER BY outcome, mapped");
    assert_eq!(
        rows.iter()
            .map(|r| (text(r, "outcome"), text(r, "mapped"), text(r, "arn"), text(r, "account")))
            .collect::<Vec<_>>(),
        [
            ("malformed", "", "", ""),
            ("mapping", "account", "", "012345678901"),
            ("mapping", "user", "arn:aws:iam::1:user/a", "1"),
        ]
        .map(|(a, b, c, d)| (a.to_owned(), b.to_owned(), c.to_owned(), d.to_owned()))
    );
}
