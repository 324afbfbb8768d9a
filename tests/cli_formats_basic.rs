//! Native audit logs and Kubernetes objects in every form people have them, recognised by what they hold.
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
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::{Case, Lab};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const AT: &str = "2026-03-01T12:00:00Z";
const FLAGS: [&str; 4] = ["--cluster", "c", "--observed-at", AT];

/// A ClusterRole, its binding, a Role with its binding, and objects around them.
fn objects() -> Vec<Value> {
    let rbac = "rbac.authorization.k8s.io/v1";
    let subject = json!({"kind": "ServiceAccount", "name": "bot", "namespace": "web"});
    let [role, binding] = common::role_and_binding("reader", &["get", "list"], "alice");
    vec![
        role,
        binding,
        json!({"apiVersion": rbac, "kind": "Role", "metadata": {"name": "writer", "namespace": "web", "uid": "u-1", "resourceVersion": "7"},
               "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["update"]}]}),
        json!({"apiVersion": rbac, "kind": "RoleBinding", "metadata": {"name": "bots", "namespace": "web"},
               "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "writer"}, "subjects": [subject]}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bot", "namespace": "web"}}),
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "web", "labels": {"colon": "a: b # not a comment"}}}),
    ]
}

/// The answers that these objects must give, however they were written down.
#[track_caller]
fn assert_answers(case: &Case, what: &str) {
    let ask = |verb: &str, resource: &str, user: &str, namespace: &str| {
        let args = ["can", verb, resource, "--as", user, "-n", namespace, "--at", AT, "-o", "json"];
        case.run(args).rows()[0]["allowed"].as_bool()
    };
    let bot = "system:serviceaccount:web:bot";
    assert_eq!(ask("get", "secrets", "alice", "any"), Some(true), "{what}");
    assert_eq!(ask("delete", "secrets", "alice", "any"), Some(false), "{what}");
    assert_eq!(ask("update", "configmaps", bot, "web"), Some(true), "{what}");
    assert_eq!(ask("update", "configmaps", bot, "other"), Some(false), "{what}");
    let kinds = case.sql("SELECT kind, COUNT(*) AS n FROM object_sightings GROUP BY kind ORDER BY kind");
    let kinds: Vec<(&str, u64)> =
        kinds.iter().map(|r| (r["kind"].as_str().unwrap(), r["n"].as_u64().unwrap())).collect();
    let expected =
        ["ClusterRole", "ClusterRoleBinding", "Namespace", "Role", "RoleBinding", "ServiceAccount"].map(|k| (k, 1));
    assert_eq!(kinds, expected, "{what}");
    let counts = case.sources().iter().fold((0, 0), |(records, rows), s| {
        (records + s["records"].as_u64().unwrap(), rows + s["rows"].as_u64().unwrap())
    });
    assert_eq!(counts.0, counts.1, "{what}");
}

#[track_caller]
fn imports(what: &str, files: &[(&str, String)]) -> (Lab, Case) {
    let lab = Lab::new();
    for (name, text) in files {
        lab.write(&format!("in/{name}"), text);
    }
    let case = lab.case("case");
    case.import([lab.path("in")], &FLAGS);
    assert_answers(&case, what);
    (lab, case)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

/// YAML as `kubectl` prints it, for the shapes these objects have.
fn yaml(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .map(|(key, value)| match value {
                Value::Object(m) if !m.is_empty() => format!("{indent}{key}:\n{}", yaml(value, depth + 1)),
                Value::Array(items) if !items.is_empty() => format!("{indent}{key}:\n{}", yaml(value, depth)),
                other => format!("{indent}{key}: {}\n", scalar(other)),
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::Object(_) => format!("{indent}- {}", yaml(item, depth + 1).trim_start()),
                other => format!("{indent}- {}\n", scalar(other)),
            })
            .collect(),
        other => format!("{indent}{}\n", scalar(other)),
    }
}

fn scalar(value: &Value) -> String {
    match value.as_str() {
        Some(text) if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphabetic() || "./-".contains(c)) => {
            text.to_owned()
        }
        _ => value.to_string(),
    }
}

#[test]
fn objects_as_json_in_every_shape() {
    let all = objects();
    let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": all});
    imports("one list", &[("a", list.to_string())]);
    imports("one list, pretty", &[("a", pretty(&list))]);
    imports(
        "single objects, a file each",
        &all.iter().enumerate().map(|(i, o)| (["a", "b", "c", "d", "e", "f"][i], pretty(o))).collect::<Vec<_>>(),
    );
    imports("single objects, one file", &[("a", all.iter().map(pretty).collect())]);
    imports("single objects, one line each", &[("a", common::lines(all.clone()))]);
    imports("objects side by side on one line", &[("a", all.iter().map(Value::to_string).collect())]);
    imports("with a byte order mark and CRLF", &[("a", format!("\u{feff}{}", pretty(&list).replace('\n', "\r\n")))]);
}

/// Items of a typed list carry no kind of their own when the API server answers with the list.
#[test]
fn typed_lists_as_the_api_answers_them() {
    let lists = objects().into_iter().map(|mut object| {
        let fields = object.as_object_mut().unwrap();
        let (kind, version) = (fields.remove("kind").unwrap(), fields.remove("apiVersion").unwrap());
        json!({"kind": format!("{}List", kind.as_str().unwrap()), "apiVersion": version, "metadata": {"resourceVersion": "9"}, "items": [object]})
    });
    let lists: Vec<Value> = lists.collect();
    imports(
        "a file each",
        &lists.iter().enumerate().map(|(i, l)| (["a", "b", "c", "d", "e", "f"][i], l.to_string())).collect::<Vec<_>>(),
    );
    imports("all in one file", &[("a", common::lines(lists))]);
}

#[test]
fn objects_as_yaml() {
    let all = objects();
    let documents: String = all.iter().map(|o| format!("---\n{}", yaml(o, 0))).collect();
    imports("documents", &[("a", documents.clone())]);
    imports(
        "documents with comments and an end",
        &[("a", format!("# kubectl get -A\n{documents}...\n---\n# nothing more\n"))],
    );
    let list = json!({"apiVersion": "v1", "items": all, "kind": "List", "metadata": {"resourceVersion": ""}});
    imports("a list", &[("a", yaml(&list, 0))]);
    imports(
        "a file each",
        &all.iter().enumerate().map(|(i, o)| (["a", "b", "c", "d", "e", "f"][i], yaml(o, 0))).collect::<Vec<_>>(),
    );
}

#[test]
fn one_file_may_hold_events_and_objects() {
    let events: Vec<Value> = (0..3).map(|i| common::event(&format!("e{i}"), "alice", "get", i)).collect();
    let mut mixed = objects();
    mixed.splice(2..2, events);
    let (_lab, case) = imports("mixed", &[("a", common::lines(mixed))]);
    assert_eq!(case.count("SELECT COUNT(*) FROM events"), 3);
    let source = &case.sources()[0];
    assert_eq!((source["records"].as_u64(), source["rejects"].as_u64()), (Some(9), Some(0)));
}

#[test]
fn every_object_leads_back_to_its_bytes() {
    let all = objects();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": all});
    let documents: Vec<String> = all.iter().map(|o| yaml(o, 0)).collect();
    let cases = [
        imports("list", &[("a", pretty(&list))]),
        imports("lines", &[("a", common::lines(all.clone()))]),
        imports("yaml", &[("a", documents.join("---\n"))]),
    ];
    for (lab, case) in cases {
        let text = fs::read_to_string(lab.path("in/a")).unwrap();
        for row in case.sql("SELECT kind, name, source_id, \"offset\", line, length FROM object_sightings") {
            let number = |name: &str| usize::try_from(row[name].as_u64().unwrap()).unwrap();
            let (offset, length) = (number("offset"), number("length"));
            let part = &text[offset..offset + length];
            assert!(
                part.contains(row["kind"].as_str().unwrap()) && part.contains(row["name"].as_str().unwrap()),
                "{row}: {part}"
            );
            assert_eq!(text[..offset].matches('\n').count() + 1, number("line"), "{row}");
            let place = format!("{}:{}", row["source_id"].as_str().unwrap(), number("line"));
            assert!(case.run(["show", &place]).expect(0).text().contains(part), "{place}");
        }
    }
}

#[test]
fn logs_plain_compressed_and_rotated_are_one_log() {
    let lines: Vec<String> =
        (0..90).map(|i| common::event(&format!("e{i}"), "alice", "get", i).to_string() + "\n").collect();
    let part = |from: usize, to: usize| lines[from..to].concat().into_bytes();
    let lab = Lab::new();
    lab.write("logs/audit.log", part(60, 90));
    lab.write("logs/audit-2026-03-01T00-00-30.000.log.gz", common::gzip(&part(0, 30)));
    // Two gzip members in one file, as appending rotators make them.
    let members = [common::gzip(&part(30, 40)), common::gzip(&part(40, 50))].concat();
    lab.write("logs/audit.log.2.gz", members);
    lab.write(
        "logs/audit.log.1.zst",
        [zstd::encode_all(part(50, 55).as_slice(), 3).unwrap(), zstd::encode_all(part(55, 60).as_slice(), 3).unwrap()]
            .concat(),
    );
    let case = lab.case("case");
    case.import([lab.path("logs")], &["--cluster", "c"]);
    assert_eq!(case.count("SELECT COUNT(*) FROM events"), 90);
    assert_eq!(case.count("SELECT COUNT(DISTINCT audit_id) FROM events"), 90);
    let sources = case.sources();
    let mut facts: Vec<(String, u64)> = sources
        .iter()
        .map(|s| (s["compression"].as_str().unwrap().to_owned(), s["records"].as_u64().unwrap()))
        .collect();
    facts.sort();
    assert_eq!(
        facts,
        [("gzip".to_owned(), 20), ("gzip".to_owned(), 30), ("none".to_owned(), 30), ("zstd".to_owned(), 10)]
    );
    // `show` peels the compression off.
    for i in [0, 35, 45, 52, 58, 89] {
        assert_eq!(case.run(["show", &format!("e{i}")]).expect(0).text(), lines[i]);
    }
    let span: Vec<&str> = ["first_time", "last_time"].map(|c| sources[0][c].as_str().unwrap()).to_vec();
    assert!(span[0] < span[1], "{span:?}");
}

#[test]
fn blank_lines_crlf_and_a_missing_last_line_end_are_no_damage() {
    let lines: Vec<String> = (0..4).map(|i| common::event(&format!("e{i}"), "alice", "get", i).to_string()).collect();
    let lab = Lab::new();
    let text = format!("\u{feff}{}\r\n\r\n{}\r\n   \n{}\n\n{}", lines[0], lines[1], lines[2], lines[3]);
    let log = lab.write("log", text);
    let case = lab.case("case");
    case.import([&log], &["--cluster", "c"]);
    let source = &case.sources()[0];
    assert_eq!(["records", "rows", "rejects"].map(|c| source[c].as_u64().unwrap()), [4, 4, 0]);
    for (i, line) in lines.iter().enumerate() {
        assert_eq!(case.run(["show", &format!("e{i}")]).expect(0).text(), format!("{line}\n"));
    }
}

/// All names taken away: the same evidence still gives the same answers.
#[test]
fn files_are_recognised_by_content_and_not_by_name() {
    let lab = Lab::new();
    let mut files = common::files_in(&common::incident("audit"));
    files.extend(common::files_in(&common::incident("snapshots/T0-before")));
    for (i, file) in files.iter().enumerate() {
        // Names that would mislead: pictures and texts.
        let name =
            format!("in/{:x}.{}", (i as u64 + 1) * 0x9e37_79b9, ["png", "txt", "yaml", "log", "exe", "gz"][i % 6]);
        lab.write(&name, fs::read(file).unwrap());
    }
    let case = lab.case("case");
    case.import([lab.path("in")], &["--cluster", "c", "--observed-at", "2026-11-24T00:41:20Z"]);
    assert_eq!(case.count("SELECT COUNT(*) FROM events"), common::audit_lines().len() as u64);
    for moment in ["T0-before", "T1-during"] {
        let oracle = common::oracle(moment);
        let answers = case.review(&(oracle.lines.join("\n") + "\n"), 0);
        for (answer, allowed) in answers.iter().zip(&oracle.allowed) {
            let answer: Value = serde_json::from_str(answer).unwrap();
            assert_eq!(answer["allowed"].as_bool(), Some(*allowed), "{answer}");
        }
    }
    let formats: std::collections::BTreeSet<String> =
        case.sources().iter().map(|s| s["format"].as_str().unwrap().to_owned()).collect();
    for format in ["native-jsonl", "objects-json", "api-resources"] {
        assert!(formats.contains(format), "{formats:?}");
    }
}

/// Resources are given the way people type them; what the cluster served comes from its discovery data.
#[test]
fn discovery_data_names_the_resources_of_the_cluster() {
    let table = "NAME          SHORTNAMES   APIVERSION          NAMESPACED   KIND        VERBS                      CATEGORIES\n\
                 pods          po           v1                  true         Pod         create,delete,get,list     all\n\
                 secrets                    v1                  true         Secret      create,delete,get,list     \n\
                 gadgets       gd,gad       tools.example.com/v1   true      Gadget      get,list                   \n\
                 nodes         no           v1                  false        Node        get,list                   \n";
    let api = json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "tools.example.com/v1", "resources": [
        {"name": "gadgets", "singularName": "gadget", "namespaced": true, "kind": "Gadget", "verbs": ["get", "list"], "shortNames": ["gd", "gad"]},
        {"name": "gadgets/polish", "singularName": "", "namespaced": true, "kind": "Gadget", "verbs": ["create"]}]});
    for (what, discovery) in
        [("table", align(table)), ("API answer", pretty(&api)), ("API answer on a line", api.to_string())]
    {
        let lab = Lab::new();
        lab.write("in/a", discovery);
        lab.write("in/b", common::lines(objects()));
        let case = lab.case("case");
        case.import([lab.path("in")], &FLAGS);
        for typed in ["gadgets", "gadget", "Gadget", "gd", "gad", "gadgets.tools.example.com"] {
            let ran = case.run(["who-can", "get", typed, "--at", AT, "-o", "json"]);
            let question = &ran.json()["question"];
            assert_eq!(
                (&question["api_group"], &question["resource"]),
                (&json!("tools.example.com"), &json!("gadgets")),
                "{what}: {typed}"
            );
        }
        assert!(case.count("SELECT COUNT(*) FROM api_resources WHERE resource = 'gadgets'") == 1, "{what}");
    }
    // Without discovery data a built-in table serves.
    let (_lab, case) = imports("built-in", &[("a", common::lines(objects()))]);
    for (typed, group, resource, subresource) in [
        ("po", "", "pods", ""),
        ("deploy", "apps", "deployments", ""),
        ("crb", "rbac.authorization.k8s.io", "clusterrolebindings", ""),
        ("deployments.apps", "apps", "deployments", ""),
        ("Secret", "", "secrets", ""),
        ("pods/exec", "", "pods", "exec"),
    ] {
        let question =
            case.run(["who-can", "create", typed, "-A", "--at", AT, "-o", "json"]).json()["question"].clone();
        let got = ["api_group", "resource", "subresource"].map(|k| question[k].as_str().unwrap().to_owned());
        assert_eq!(got, [group, resource, subresource], "{typed}");
    }
    let flag =
        case.run(["who-can", "create", "po", "--subresource", "exec", "-n", "web", "--at", AT, "-o", "json"]).json();
    assert_eq!((&flag["question"]["subresource"], &flag["question"]["scope"]), (&json!("exec"), &json!("web")));
}

/// Puts a table's columns below their headings, as `kubectl` does.
fn align(table: &str) -> String {
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            // Short names and categories may be missing.
            [name, version, namespaced, kind, verbs] => vec![name, "", version, namespaced, kind, verbs, ""],
            [name, short, version, namespaced, kind, verbs] => vec![name, short, version, namespaced, kind, verbs, ""],
            whole => whole.to_vec(),
        })
        .map(|row| row.into_iter().map(|cell| cell.trim()).collect())
        .collect();
    let widths: Vec<usize> = (0..7).map(|i| rows.iter().map(|r| r[i].len()).max().unwrap()).collect();
    let line =
        |row: &Vec<&str>| row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}   ")).collect::<String>();
    rows.iter().map(|row| line(row).trim_end().to_owned() + "\n").collect()
}

// When a snapshot was taken.

fn set_time(path: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

/// The time of the one snapshot of a case, and how it is known.
fn observed(case: &Case) -> [String; 3] {
    let sources = case.sources();
    let source = sources.iter().find(|s| s["observed_basis"].is_string()).expect("a snapshot");
    ["observed_from", "observed_to", "observed_basis"].map(|c| source[c].as_str().unwrap().to_owned())
}

fn seal_with_times(lab: &Lab, input: &Path, out: &str) -> PathBuf {
    let bag = lab.path(out);
    common::run([OsStr::new("collect"), OsStr::new("files"), input.as_os_str(), OsStr::new("--out"), bag.as_os_str()])
        .expect(0);
    // As a collector does that asks a live API server.
    let mut record: Value = serde_json::from_slice(&fs::read(bag.join("collection.json")).unwrap()).unwrap();
    for entry in record["entries"].as_array_mut().unwrap() {
        entry["observed_from"] = json!("2026-03-04T00:00:00Z");
        entry["observed_to"] = json!("2026-03-04T00:00:05Z");
    }
    fs::write(bag.join("collection.json"), serde_json::to_vec_pretty(&record).unwrap()).unwrap();
    let digest = |name: &str| {
        Sha256::digest(fs::read(bag.join(name)).unwrap()).iter().map(|b| format!("{b:02x}")).collect::<String>()
    };
    let tags = ["bag-info.txt", "bagit.txt", "collection.json", "manifest-sha256.txt"];
    let manifest: String = tags.iter().map(|name| format!("{}  {name}\n", digest(name))).collect();
    fs::write(bag.join("tagmanifest-sha256.txt"), manifest).unwrap();
    bag
}

#[test]
fn the_time_of_a_snapshot_comes_from_the_best_witness() {
    let lab = Lab::new();
    let dump = lab.write("in/dump", common::lines(objects()));
    set_time(&dump, 1_772_323_200);
    let import = |name: &str, input: &Path, flags: &[&str]| {
        let case = lab.case(name);
        case.import([input], &[&["--cluster", "c"], flags].concat());
        observed(&case)
    };
    let folder = lab.path("in");
    // Nothing but the file itself.
    assert_eq!(import("file", &folder, &[]), ["2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", "modification time"]);
    // A `snapshot.json` beside it.
    lab.write(
        "in/snapshot.json",
        r#"{"cluster": "c", "observed_from": "2026-03-02T00:00:00Z", "observed_to": "2026-03-02T00:00:09Z"}"#,
    );
    assert_eq!(import("beside", &folder, &[]), ["2026-03-02T00:00:00Z", "2026-03-02T00:00:09Z", "snapshot.json"]);
    // The person who imports knows better.
    let flag = ["--observed-at", "2026-03-03"];
    assert_eq!(import("flag", &folder, &flag), ["2026-03-03T00:00:00Z", "2026-03-03T00:00:00Z", "--observed-at"]);
    // A bundle keeps what lay beside the file.
    let plain = lab.path("plain-bag");
    common::run([
        OsStr::new("collect"),
        OsStr::new("files"),
        folder.as_os_str(),
        OsStr::new("--out"),
        plain.as_os_str(),
    ])
    .expect(0);
    assert_eq!(import("plain-bag-case", &plain, &[])[2], "snapshot.json");
    assert_eq!(import("plain-bag-flag", &plain, &flag)[2], "--observed-at");
    // Its collector was there when it was read: nothing counts more.
    let bag = seal_with_times(&lab, &folder, "bag");
    // Its log is that of the bundle it was made from.
    fs::remove_file(lab.path("bag.custody.jsonl")).unwrap();
    common::run([OsStr::new("verify"), bag.as_os_str()]).expect(0);
    for flags in [&[][..], &flag] {
        assert_eq!(
            import(&format!("bag-{}", flags.len()), &bag, flags),
            ["2026-03-04T00:00:00Z", "2026-03-04T00:00:05Z", "collector"]
        );
    }
}

/// The files of one export are one observation, though each was written a little later than the one before.
#[test]
fn file_times_of_one_folder_are_one_observation() {
    let lab = Lab::new();
    for (i, object) in objects().iter().enumerate() {
        let path = lab.write(&format!("in/{i}"), pretty(object));
        set_time(&path, 1_772_323_200 + i as u64);
    }
    let case = lab.case("case");
    case.import([lab.path("in")], &["--cluster", "c"]);
    for source in case.sources() {
        assert_eq!(
            (&source["observed_from"], &source["observed_to"]),
            (&json!("2026-03-01T00:00:00Z"), &json!("2026-03-01T00:00:05Z"))
        );
    }
}

/// The cluster's name comes from the evidence, and from the flag where somebody gives it.
#[test]
fn the_name_of_the_cluster_comes_from_the_evidence() {
    let lab = Lab::new();
    lab.write("in/dump", common::lines(objects()));
    lab.write(
        "in/snapshot.json",
        r#"{"cluster": "prod-eu", "observed_from": "2026-03-02T00:00:00Z", "observed_to": "2026-03-02T00:00:09Z"}"#,
    );
    for (flags, cluster) in [(&[][..], "prod-eu"), (&["--cluster", "other"], "other")] {
        let case = lab.case(cluster);
        case.import([lab.path("in")], flags);
        assert!(case.sources().iter().all(|s| s["cluster"] == cluster));
        assert!(
            case.tables().keys().all(|name| name.contains(&format!("cluster={cluster}/"))),
            "{:?}",
            case.tables().keys()
        );
    }
}
