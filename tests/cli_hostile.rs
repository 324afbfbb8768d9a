//! Evidence written by an attacker, through every subcommand and every format: nothing of it reaches a
//! terminal as anything but text, no spreadsheet runs it, and the JSON says it exactly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod common;

use std::io::Read as _;

use common::{Case, Lab, Ran, event, run_with_input};
use serde_json::{Value, json};

/// Names that a terminal obeys, a reader does not see, a spreadsheet runs, or a page takes for its own.
const EVIL: [&str; 9] = [
    "eve\u{1b}[2J\u{1b}]0;owned\u{7}",
    "admin\u{202e}nimda\u{2066}",
    "ad\u{200b}min\u{feff}\u{ad}",
    "\u{9b}31mred\u{85}",
    "=cmd|'/C calc'!A0",
    "+1\t@SUM(1)",
    "-2\r\n@x",
    "<script>alert(1)</script>",
    "line\nbreak\0zero",
];

fn evil(n: usize) -> &'static str {
    EVIL[n % EVIL.len()]
}

fn object(kind: &str, name: &str, rest: Value) -> Value {
    let mut object = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {
        "name": name, "uid": format!("uid-{name}"), "resourceVersion": "7", "labels": {name: name},
        "annotations": {name: format!("a {name}")}, "managedFields": [{"manager": name, "operation": "Update"}],
    }});
    object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    object
}

/// A case of evil values in every place an attacker can reach.
fn hostile(lab: &Lab) -> Case {
    let (mut log, mut objects) = (String::new(), Vec::new());
    for (n, name) in EVIL.iter().enumerate() {
        let role = object(
            "ClusterRole",
            name,
            json!({"rules": [
                {"verbs": [name, "get", "list"], "apiGroups": ["", name], "resources": ["secrets", name], "resourceNames": []},
                {"verbs": ["get"], "nonResourceURLs": [name]},
            ]}),
        );
        let subject = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name});
        let group = json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": evil(n + 1)});
        let binding = object(
            "ClusterRoleBinding",
            name,
            json!({
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
                "subjects": [subject, group],
            }),
        );
        let verbs = ["create", "update", "patch", "delete", "get"];
        for (m, verb) in verbs.iter().enumerate() {
            let mut e = event(&format!("id-{n}-{m}"), name, verb, u32::try_from(n * 5 + m).unwrap());
            let fields = json!({
                "level": "RequestResponse",
                "user": {"username": name, "uid": name, "groups": [evil(n + 1), "system:authenticated"], "extra": {*name: [name]}},
                "impersonatedUser": {"username": evil(n + 2), "groups": [name]},
                "userAgent": name,
                "sourceIPs": [name, "10.0.0.1"],
                "requestURI": format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{name}?fieldManager={name}"),
                "objectRef": {"resource": "clusterrolebindings", "name": name, "apiGroup": "rbac.authorization.k8s.io",
                    "apiVersion": "v1", "namespace": evil(n + 3)},
                "responseStatus": {"code": 200, "message": name, "reason": name, "status": name},
                "requestObject": binding, "responseObject": binding,
                "annotations": {
                    "authorization.k8s.io/decision": "allow",
                    "authorization.k8s.io/reason": format!("RBAC: allowed by ClusterRoleBinding \"{name}\" of ClusterRole \"{name}\" to User \"{name}\""),
                    *name: name,
                },
            });
            e.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            log.push_str(&format!("{e}\n"));
        }
        log.push_str(&format!("{{\"kind\":\"Event\",\"auditID\":\"broken {}\", {name}\n", name.replace('\n', " ")));
        objects.extend([role, binding]);
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let folder = "in/\u{1b}[31mfolder\u{202e}";
    lab.write(&format!("{folder}/au\u{9b}dit\n.log"), &log);
    lab.write(&format!("{folder}/=objects\u{200b}.json"), list.to_string());
    lab.write(&format!("{folder}/not\u{1b}evidence.txt"), "Dear all,");
    lab.write(
        &format!("{folder}/x.tar"),
        tar(&[("../up\u{1b}[1m", b'0'), ("link\u{202e}", b'2'), ("in\u{7}side", b'0')]),
    );
    let case = lab.case("case");
    let ran = case.import([lab.path("in")], &["--cluster", "c\u{1b}[5m"]);
    harmless("import", &ran);
    case
}

/// A tar archive by hand: libraries refuse to write such names.
fn tar(members: &[(&str, u8)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind) in members {
        let content: &[u8] = if *kind == b'0' {
            b"{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"auditID\":\x1b\n"
        } else {
            b""
        };
        let mut block = [0_u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        block[156] = *kind;
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&block);
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

/// What a terminal obeys or a reader cannot see.
fn is_evil(c: char) -> bool {
    c.is_control() && c != '\n'
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn clean(what: &str, text: &str, allowed: &[char]) {
    if let Some(at) = text.char_indices().find(|(_, c)| is_evil(*c) && !allowed.contains(c)).map(|(at, _)| at) {
        let around: String = text[..at].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
        panic!("{what}: {:?} after {around:?}", text[at..].chars().next().unwrap());
    }
}

fn harmless(what: &str, ran: &Ran) {
    assert!(!ran.err.contains("panicked"), "{what}: {}", ran.err);
    clean(&format!("{what}, standard error"), &ran.err, &[]);
    clean(what, ran.text(), &[]);
}

/// No cell starts a formula, and none holds what a terminal obeys.
fn harmless_csv(what: &str, ran: &Ran) {
    clean(what, ran.text(), &['\t', '\r']);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&ran.out[..]);
    for cell in reader.records().flat_map(|r| r.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()) {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{what}: a cell is {cell:?}");
    }
}

/// Every subcommand that asks the case.
fn questions() -> Vec<Vec<String>> {
    let (from, to) = ("2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z");
    let mut all: Vec<Vec<&str>> = vec![
        vec!["sources"],
        vec!["coverage"],
        vec!["findings"],
        vec!["tables"],
        vec!["check"],
        vec!["who-did"],
        vec!["who-did", "--changes"],
        vec!["history", "clusterrolebindings"],
        vec!["history", "clusterroles"],
        vec!["diff", "--from", from, "--to", to],
        vec!["rights", "*"],
        vec!["rights"],
        vec!["unused", "--from", from, "--to", to],
        vec!["who-can", "get", "secrets", "-A"],
        vec!["who-can", "get", "/metrics"],
        vec!["sql", "SELECT * FROM events"],
        vec!["sql", "SELECT * FROM rejects"],
        vec!["sql", "SELECT * FROM sources"],
        vec!["sql", "SELECT * FROM object_versions"],
        vec!["sql", "SELECT * FROM grants"],
        vec!["sql", "SELECT user_username AS \"=a\u{1b}\", 'x' FROM events"],
    ];
    for name in EVIL.iter().filter(|n| !n.starts_with('-') && !n.contains('\0')) {
        all.extend([
            vec!["can", "get", "secrets", "--as", name],
            vec!["who-can", name, "secrets", "-A"],
            vec!["who-can", "get", name, "-n", name],
            vec!["rights", name],
            vec!["matrix", name],
            vec!["suggest-role", name, "--from", from, "--to", to],
            vec!["who-did", "--user", name],
            vec!["history", name],
            vec!["show", name],
            vec!["sql", name],
            vec!["diff", "--from", name, "--to", to],
            vec!["sources", "--cluster", name],
        ]);
    }
    all.into_iter().map(|q| q.into_iter().map(str::to_owned).collect()).collect()
}

#[test]
fn no_value_of_the_evidence_reaches_a_terminal_or_a_spreadsheet_as_it_is() {
    let lab = Lab::in_memory();
    let case = hostile(&lab);
    let (mut answered, mut refused) = (0, 0);
    for question in questions() {
        for format in ["table", "wide", "yaml", "json", "jsonl", "csv"] {
            let what = format!("{question:?} -o {format}");
            let ran = case.run(question.iter().map(String::as_str).chain(["-o", format]));
            if ran.out.is_empty() {
                refused += 1
            } else {
                answered += 1
            }
            if format == "csv" && question[0] != "suggest-role" {
                clean(&what, &ran.err, &[]);
                harmless_csv(&what, &ran);
            } else {
                harmless(&what, &ran);
            }
            if format == "json" && !ran.out.is_empty() {
                ran.json();
            }
        }
    }
    assert!(answered > 200 && refused > 20, "{answered} answers, {refused} refusals");
}

#[test]
fn json_says_every_value_exactly() {
    let lab = Lab::in_memory();
    let case = hostile(&lab);
    let rows = case
        .run([
            "sql",
            "SELECT user_username AS u, user_agent AS a, response_status_message AS m FROM events ORDER BY audit_id",
            "-o",
            "json",
        ])
        .expect(0)
        .rows();
    for name in EVIL {
        let wanted = json!({"u": name, "a": name, "m": name});
        assert_eq!(rows.iter().filter(|r| **r == wanted).count(), 5, "{name:?}");
    }
    let rows = case.run(["sql", "SELECT name FROM object_versions", "-o", "jsonl"]).expect(0);
    for name in EVIL {
        let line = |l: &str| serde_json::from_str::<Value>(l).unwrap()["name"] == *name;
        assert!(rows.text().lines().any(line), "{name:?}");
    }
    // An original record comes byte for byte, where nobody looks at it.
    let shown = case.run(["show", "id-0-0"]).expect(0);
    clean("show, standard error", &shown.err, &[]);
    assert_eq!(serde_json::from_slice::<Value>(&shown.out).unwrap()["user"]["username"], EVIL[0]);
}

#[test]
fn reviews_are_answered_whatever_they_hold() {
    let lab = Lab::in_memory();
    let case = hostile(&lab);
    let mut lines = String::new();
    for name in EVIL {
        lines.push_str(&format!(
            "{}\n",
            json!({"user": name, "groups": [name], "resourceAttributes": {"verb": "get", "resource": "secrets"}})
        ));
    }
    // No review: too deep, cut, not text.
    let deep = format!("{{\"user\":\"u\",\"extra\":{}{}}}\n", "[".repeat(100_000), "]".repeat(100_000));
    let input = [
        lines.as_bytes(),
        deep.as_bytes(),
        b"{\"user\":\n",
        b"\xff\xfe\n",
        "{\"a\":".repeat(100_000).as_bytes(),
        b"\n",
    ]
    .concat();
    let dir = case.dir.display().to_string();
    let ran = run_with_input(["can", "--reviews", "-", "--case", &dir], input);
    harmless("can --reviews", &ran);
    let answers: Vec<Value> = ran.text().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(answers.len(), EVIL.len() + 4);
    for (answer, name) in answers.iter().zip(EVIL) {
        assert_eq!((&answer["spec"]["user"], &answer["allowed"]), (&json!(name), &json!(true)), "{name:?}");
    }
}

#[test]
fn the_recorded_hostile_values_are_harmless_too() {
    let lab = Lab::in_memory();
    let archive = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/formats/all.tar.zst");
    let mut tar = tar::Archive::new(zstd::Decoder::new(std::fs::File::open(archive).unwrap()).unwrap());
    for member in tar.entries().unwrap() {
        let mut member = member.unwrap();
        let path = member.path().unwrap().display().to_string();
        if path.contains("hostile-values") && !path.ends_with('/') && !path.ends_with("expected.json") {
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).unwrap();
            lab.write(&format!("in/{path}"), bytes);
        }
    }
    let case = lab.case("case");
    harmless("import", &case.import([lab.path("in")], &[]));
    for question in [vec!["who-did"], vec!["sql", "SELECT * FROM events"], vec!["findings"], vec!["sources"]] {
        for format in ["table", "wide", "yaml", "json", "jsonl"] {
            harmless(&format!("{question:?} {format}"), &case.run(question.iter().chain(&["-o", format])));
        }
        harmless_csv(&format!("{question:?}"), &case.run(question.iter().chain(&["-o", "csv"])));
    }
}
