//! What is missing, through the command: holes of rotated logs, silent servers, levels, removed bodies, kinds that were
//! never collected or were refused, and pages that later imports answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::path::PathBuf;

use common::{Case, Lab, gzip, incident, run};
use serde_json::{Value, json};

fn text(row: &Value, key: &str) -> String {
    row[key].as_str().unwrap_or_default().to_owned()
}

/// An event at a second of 2026-03-01T10.
fn at(second: u32, verb: &str, level: &str) -> Value {
    let time = format!("2026-03-01T10:{:02}:{:02}.500000Z", second / 60, second % 60);
    json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": level, "auditID": format!("id-{second}-{verb}-{level}"),
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/a/secrets/s", "verb": verb,
        "user": {"username": "u", "groups": ["system:authenticated"]}, "sourceIPs": ["10.0.0.1"],
        "objectRef": {"resource": "secrets", "namespace": "a", "name": "s", "apiVersion": "v1"},
        "responseStatus": {"code": 200}, "requestReceivedTimestamp": time, "stageTimestamp": time})
}

fn log(seconds: impl Iterator<Item = u32>) -> Vec<u8> {
    log_of(seconds.map(|s| at(s, "get", "Metadata")))
}

fn log_of(events: impl Iterator<Item = Value>) -> Vec<u8> {
    events.map(|e| format!("{e}\n")).collect::<String>().into_bytes()
}

/// Rows of the table about something, by what they are about.
fn rows(case: &Case, about: &str) -> Vec<Value> {
    let table = case.sql(&format!("SELECT * FROM coverage WHERE about = '{about}'"));
    // The answer has them in every format.
    let answer: Vec<Value> =
        case.run(["coverage", "-o", "json"]).rows().into_iter().filter(|r| r["about"] == about).collect();
    assert_eq!(answer.len(), table.len(), "{about}");
    for (a, b) in answer.iter().zip(&table) {
        assert_eq!(
            (&a["what"], &a["from"], &a["to"], &a["severity"]),
            (&b["what"], &b["time_from"], &b["time_to"], &b["severity"])
        );
    }
    table
}

fn stretches(rows: &[Value]) -> Vec<(String, String)> {
    let short = |t: String| t.get(11..).unwrap_or("-").to_owned();
    rows.iter().map(|r| (short(text(r, "time_from")), short(text(r, "time_to")))).collect()
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

#[test]
fn a_rotated_file_that_is_missing_is_a_hole_and_history_does_not_look_across() {
    let lab = Lab::new();
    let old = ("in/audit-2026-03-01T10-05-00.000.log.gz", gzip(&log(0..300)));
    let middle = ("in/audit-2026-03-01T10-10-00.000.log", log(300..600));
    let live = ("in/audit.log", log(600..900));
    for (path, bytes) in [&old, &middle, &live] {
        lab.write(path, bytes);
    }
    let whole = lab.case("whole");
    whole.import([lab.path("in")], &[]);
    assert!(rows(&whole, "rotation gap").is_empty());
    assert_eq!(stretches(&rows(&whole, "rotation start")), [pair("-", "10:00:00.500Z")]);
    std::fs::remove_file(lab.path(middle.0)).unwrap();
    let case = lab.case("case");
    case.import([lab.path("in")], &[]);
    let holes = rows(&case, "rotation gap");
    assert_eq!(stretches(&holes), [pair("10:05:00Z", "10:10:00.500Z")]);
    assert_eq!(holes[0]["severity"], "medium");
    assert_eq!(holes[0]["sources"].as_array().unwrap().len(), 2);
    let found = case.sql("SELECT at FROM findings WHERE code = 'rotation-gap'");
    assert_eq!(found.len(), 1);
    // The missing file comes later: the hole and the finding are gone.
    case.import([lab.write(middle.0, &middle.1)], &[]);
    assert!(
        rows(&case, "rotation gap").is_empty()
            && case.sql("SELECT at FROM findings WHERE code = 'rotation-gap'").is_empty()
    );
    // Without the live file the end is open.
    std::fs::remove_file(lab.path(live.0)).unwrap();
    let cut = lab.case("cut");
    cut.import([lab.path("in")], &[]);
    assert_eq!(stretches(&rows(&cut, "rotation gap")), [pair("10:10:00Z", "-")]);
}

#[test]
fn a_server_that_is_silent_while_others_log_is_told() {
    let lab = Lab::new();
    let folder = "mg/audit_logs/kube-apiserver";
    let busy = |server: u32| move |s: u32| s % 3 == server;
    lab.write(&format!("{folder}/m0-audit.log"), log((0..600).filter(|s| busy(0)(*s))));
    lab.write(&format!("{folder}/m1-audit.log"), log((0..600).filter(|s| busy(1)(*s) && !(200..320).contains(s))));
    lab.write(&format!("{folder}/m2-audit.log"), log((0..400).filter(|s| busy(2)(*s))));
    let case = lab.case("case");
    case.import([lab.path("mg")], &[]);
    let silent = rows(&case, "server silent");
    let told: Vec<_> = silent.iter().map(|r| text(r, "what")).zip(stretches(&silent)).collect();
    assert_eq!(
        told,
        [
            ("m1".to_owned(), pair("10:03:19.500001Z", "10:05:22.500Z")),
            ("m2".to_owned(), pair("10:06:38.500001Z", "10:09:58.500001Z")),
        ]
    );
    assert!(silent.iter().all(|r| r["severity"] == "medium" && r["events"].as_u64().unwrap() > 0), "{silent:?}");
    assert_eq!(case.sql("SELECT at FROM findings WHERE code = 'server-silent'").len(), 2);
    assert!(case.run(["coverage", "-o", "json"]).text().contains("an API server is silent while others log"));
}

#[test]
fn verbs_at_metadata_only_and_removed_bodies_are_told() {
    let lab = Lab::new();
    let mut cut = at(3, "update", "RequestResponse");
    cut["annotations"] = json!({"audit.k8s.io/truncated": "true"});
    let mut placeholder = at(4, "create", "RequestResponse");
    placeholder["requestObject"] = json!("skipped-too-big-size-object");
    let events = [at(1, "delete", "Metadata"), at(2, "update", "Metadata"), cut, placeholder, at(5, "get", "Metadata")];
    let case = lab.case("case");
    case.import([lab.write("audit.log", log_of(events.into_iter()))], &[]);
    let levels = rows(&case, "audit level");
    let metadata = levels.iter().find(|r| r["level"] == "Metadata").unwrap();
    assert_eq!(metadata["only_at_metadata"], json!(["delete", "get"]));
    assert_eq!((&metadata["severity"], &metadata["sources"]), (&json!("low"), &json!(["s1"])));
    let removed = rows(&case, "bodies removed");
    assert_eq!(
        stretches(&removed),
        [pair("10:00:03.500Z", "10:00:03.500001Z"), pair("10:00:04.500Z", "10:00:04.500001Z")]
    );
    assert!(
        text(&removed[0], "details").contains("API server") && text(&removed[1], "details").contains("placeholder")
    );
}

fn list(kind: &str, items: &Value) -> String {
    json!({"kind": format!("{kind}List"), "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"resourceVersion": "5"}, "items": items}).to_string()
}

#[test]
fn kinds_never_collected_and_requests_refused_are_told() {
    let lab = Lab::new();
    let role = json!([{"metadata": {"name": "r", "namespace": "a"}, "rules": []}]);
    lab.write("dump/roles.json", list("Role", &role));
    lab.write("dump/rolebindings.json", "Error from server (Forbidden): rolebindings.rbac.authorization.k8s.io is forbidden: User \"ir\" cannot list resource \"rolebindings\" in API group \"rbac.authorization.k8s.io\" in the namespace \"a\"\nError from server (Forbidden): secrets is forbidden: User \"ir\" cannot list resource \"secrets\" in API group \"\" at the cluster scope\n");
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": "clusterroles.rbac.authorization.k8s.io is forbidden: User \"ir\" cannot list resource \"clusterroles\" in API group \"rbac.authorization.k8s.io\" at the cluster scope",
        "details": {"group": "rbac.authorization.k8s.io", "kind": "clusterroles"}});
    lab.write("dump/clusterroles.json", serde_json::to_string_pretty(&status).unwrap());
    lab.write("dump/snapshot.json", r#"{"observed_from":"2026-03-01T10:00:00Z","observed_to":"2026-03-01T10:00:05Z"}"#);
    // Both outputs of one command in one file.
    lab.write(
        "dump/both.json",
        format!(
            "Error from server (NotFound): the server could not find the requested resource\n{}\n",
            serde_json::to_string_pretty(
                &serde_json::from_str::<Value>(&list("ClusterRoleBinding", &json!([]))).unwrap()
            )
            .unwrap()
        ),
    );
    let case = lab.case("case");
    case.import([lab.path("dump")], &[]);
    let never: Vec<String> = rows(&case, "never collected").iter().map(|r| text(r, "what")).collect();
    for kind in [
        "ClusterRole.rbac.authorization.k8s.io",
        "RoleBinding.rbac.authorization.k8s.io",
        "ServiceAccount",
        "Namespace",
    ] {
        assert!(never.iter().any(|n| n == kind), "{kind}: {never:?}");
    }
    for kind in ["Role.rbac.authorization.k8s.io", "ClusterRoleBinding.rbac.authorization.k8s.io"] {
        assert!(!never.iter().any(|n| n == kind), "{kind}: {never:?}");
    }
    let refused = rows(&case, "refused");
    let told: Vec<_> = refused.iter().map(|r| (text(r, "what"), text(r, "namespace"), text(r, "severity"))).collect();
    let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(told.len(), 3, "{told:?}");
    for wanted in [
        row("rolebindings.rbac.authorization.k8s.io", "a", "medium"),
        row("secrets", "", "low"),
        row("clusterroles.rbac.authorization.k8s.io", "", "medium"),
    ] {
        assert!(told.contains(&wanted), "{told:?}");
    }
    assert_eq!(rows(&case, "not collected").len(), 1);
    let found = case.sql("SELECT message, severity FROM findings WHERE code = 'collection-refused'");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(case.sources().iter().all(|s| s["rejects"] == 0 && s["format"] != "unrecognised"), "{:?}", case.sources());
    // What was refused stays told when more is imported.
    case.import([lab.write("more/audit.log", log(0..5))], &[]);
    assert_eq!(rows(&case, "refused").len(), 3);
}

#[test]
fn what_a_bundle_could_not_collect_is_told() {
    let lab = Lab::new();
    lab.write("in/audit.log", log(0..20));
    std::os::unix::fs::symlink("/nowhere/old.log", lab.path("in/link.log")).unwrap();
    let bundle = lab.path("bundle");
    run(["collect".as_ref(), "files".as_ref(), lab.path("in").as_os_str(), "--out".as_ref(), bundle.as_os_str()])
        .expect(0);
    let case = lab.case("case");
    case.import([&bundle], &[]);
    let told = rows(&case, "not collected");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(text(&told[0], "details").contains("link.log"));
    case.import([lab.write("more.log", log(30..40))], &[]);
    assert_eq!(rows(&case, "not collected").len(), 1, "also after another import");
}

fn warnings(case: &Case) -> Vec<String> {
    let mut all: Vec<String> = case
        .sources()
        .iter()
        .flat_map(|s| {
            s["warnings"].as_array().unwrap().iter().map(|w| w.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        })
        .collect();
    all.sort();
    all
}

fn page(lab: &Lab, name: &str, seconds: std::ops::Range<u32>, token: Option<&str>) -> PathBuf {
    let events: Vec<Value> = seconds
        .map(|s| json!({"logStreamName": "kube-apiserver-audit-1f", "timestamp": 1_772_359_200_000_u64 + u64::from(s) * 1000, "message": at(s, "get", "Metadata").to_string(), "eventId": s.to_string()}))
        .collect();
    let mut page = json!({"events": events, "searchedLogStreams": []});
    if let Some(token) = token {
        page["nextToken"] = token.into();
    }
    lab.write(name, page.to_string())
}

#[test]
fn a_page_of_a_later_import_answers_one_of_an_earlier() {
    let lab = Lab::new();
    let (a, b, c) = (
        page(&lab, "p/1.json", 0..10, Some("x")),
        page(&lab, "p/2.json", 10..20, Some("y")),
        page(&lab, "p/3.json", 20..30, None),
    );
    let orders = [[&a, &b, &c], [&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]];
    for (n, order) in orders.iter().enumerate() {
        let case = lab.case(&format!("case {n}"));
        for (i, path) in order.iter().enumerate() {
            case.import([path], &[]);
            if i == 0 && *path != &c {
                assert_eq!(warnings(&case), ["next-token-left"], "{order:?}");
            }
        }
        assert!(warnings(&case).is_empty(), "{order:?}: {:?}", warnings(&case));
    }
    // Without its last page the token is left.
    let case = lab.case("left");
    case.import([&a], &[]);
    case.import([&b], &[]);
    assert_eq!(warnings(&case), ["next-token-left"]);
    assert!(text(&case.sources()[1], "path").ends_with("2.json"));
}

#[test]
fn totals_categories_and_listings_are_matched_across_imports() {
    let lab = Lab::new();
    let hit = |s: u32| json!({"_source": {"message": at(s, "get", "Metadata").to_string()}});
    let hits = |range: std::ops::Range<u32>| {
        json!({"hits": {"total": {"value": 10}, "hits": range.map(hit).collect::<Vec<_>>()}}).to_string()
    };
    let case = lab.case("hits");
    case.import([lab.write("h/1.json", hits(0..6))], &[]);
    assert_eq!(warnings(&case), ["result-limit"]);
    case.import([lab.write("h/2.json", hits(6..10))], &[]);
    assert!(warnings(&case).is_empty(), "{:?}", warnings(&case));

    let record = |category: &str, s: u32| {
        json!({"time": "2026-03-01T10:00:00Z", "resourceId": "/SUBSCRIPTIONS/X", "category": category, "operationName": "x", "properties": {"log": at(s, "get", "Metadata").to_string(), "stream": "stdout", "pod": "p"}}).to_string()
    };
    let (admin, full) = (
        lab.write("aks/admin.json", record("kube-audit-admin", 1)),
        lab.write("aks/full.json", record("kube-audit", 2)),
    );
    for (n, order) in [[&admin, &full], [&full, &admin]].iter().enumerate() {
        let case = lab.case(&format!("aks {n}"));
        case.import([order[0]], &[]);
        assert_eq!(warnings(&case).len(), usize::from(n == 0));
        case.import([order[1]], &[]);
        assert!(warnings(&case).is_empty(), "{:?}", warnings(&case));
    }

    let listing = lab.write(
        "mg/audit_logs/kube-apiserver.audit_logs_listing",
        "m0 audit.log\nm0 audit-2026-03-01T10-00-00.000.log\nm0 .terminating\n",
    );
    let live = lab.write("mg/audit_logs/kube-apiserver/m0-audit.log.gz", gzip(&log(0..5)));
    let case = lab.case("listing");
    case.import([&listing, &live], &[]);
    assert_eq!(warnings(&case), ["listed-file-missing"]);
    assert!(rows(&case, "source").iter().any(|r| text(r, "details").contains("m0 audit-2026-03-01T10-00-00.000.log")));
    case.import([lab.write("mg/audit_logs/kube-apiserver/m0-audit-2026-03-01T10-00-00.000.log", log(100..105))], &[]);
    assert!(warnings(&case).is_empty(), "{:?}", warnings(&case));
}

#[test]
fn an_empty_list_is_evidence() {
    let lab = Lab::new();
    for (name, content, listed) in [
        (
            "plain.json",
            r#"{"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":""},"items":[]}"#.to_owned(),
            0,
        ),
        ("typed.json", list("RoleBinding", &json!([])), 1),
        ("plain.yaml", "apiVersion: v1\nitems: []\nkind: List\nmetadata:\n  resourceVersion: \"\"\n".to_owned(), 0),
    ] {
        let case = lab.case(name);
        case.import([lab.write(&format!("in/{name}"), content)], &[]);
        assert_eq!(case.sql("SELECT kind FROM listings WHERE items = 0").len(), listed, "{name}");
        let sources = case.sources();
        assert!(text(&sources[0], "format").starts_with("objects-"), "{sources:?}");
    }
}

#[test]
fn the_recorded_log_has_no_holes() {
    let lab = Lab::new();
    let case = lab.case("case");
    case.import([incident("audit"), incident("snapshots")], &[]);
    for about in ["rotation gap", "server silent", "refused", "log gap"] {
        assert!(rows(&case, about).is_empty(), "{about}: {:?}", rows(&case, about));
    }
    let never: Vec<String> = rows(&case, "never collected").iter().map(|r| text(r, "what")).collect();
    assert_eq!(never, ["Secret"]);
}
