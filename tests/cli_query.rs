//! The queries of `queries/`: each is documented, runs, and tells what stands in the raw log. What is expected is counted
//! here from the log's own lines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use common::{Case, Lab, column, names_in};
use serde_json::Value;

/// Queries without rows on the recorded intrusion, with the reason.
const NOT_IN_SAMPLE: [(&str, &str); 6] = [
    ("admission-changes", "nobody changed admission control"),
    ("certificate-requests", "nobody asked for a certificate"),
    ("node-workloads", "no daemon set, cron job or job was made"),
    ("proxy-access", "nobody went through the API server to a node"),
    ("rejected-records", "every record could be read"),
    ("reused-audit-ids", "every request has an audit ID of its own"),
];

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The shipped sample as `lab-a`, the made-up log as `007`, and the sample alone; made once, never changed.
fn cases() -> &'static (Case, Case) {
    static SHARED: LazyLock<(Lab, (Case, Case))> = LazyLock::new(|| {
        let lab = Lab::new();
        let (both, sample) = (lab.case("both"), lab.case("sample"));
        for case in [&both, &sample] {
            case.import([root("samples/intrusion/bundle")], &[]);
        }
        both.import([root("tests/data/queries/audit.jsonl")], &["--cluster", "007"]);
        (lab, (both, sample))
    });
    &SHARED.1
}

fn both() -> &'static Case {
    &cases().0
}

fn sample() -> &'static Case {
    &cases().1
}

/// The names of all files in `queries/`.
fn names() -> Vec<String> {
    let files = names_in(&root("queries"));
    files.iter().map(|f| f.strip_suffix(".sql").expect("only SQL lies there").to_owned()).collect()
}

fn text(name: &str) -> String {
    fs::read_to_string(root(&format!("queries/{name}.sql"))).unwrap()
}

/// The entries of a header with this key, long ones joined.
fn entries(name: &str, key: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = false;
    for line in text(name).lines().take_while(|l| l.starts_with("--")) {
        if let Some(more) = line.strip_prefix("--     ").filter(|_| open) {
            found.last_mut().unwrap().push_str(&format!(" {more}"));
        } else if !line.starts_with("--    ") {
            open = line.starts_with(&format!("-- {key}: "));
            found.extend(line.strip_prefix(&format!("-- {key}: ")).map(str::to_owned));
        }
    }
    found
}

/// The words of the command line that give a query its required parameters, with the values of the file.
fn required(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for entry in entries(name, "parameter") {
        let head: Vec<&str> = entry.split(" | ").next().unwrap().split(' ').collect();
        if head.get(2) == Some(&"required") {
            let sql = text(name);
            let after = sql.split_once(&format!("/*:{}*/ '", head[0])).unwrap().1;
            words.extend(["--param".to_owned(), format!("{}={}", head[0], after.split('\'').next().unwrap())]);
        }
    }
    words
}

#[track_caller]
fn ask(case: &Case, name: &str, params: &[&str]) -> Vec<Value> {
    let mut words = vec!["query", name, "-o", "json"];
    for param in params {
        words.extend(["--param", param]);
    }
    let ran = case.run(words);
    assert!(matches!(ran.code, Some(0 | 1)), "{name}: {}", ran.err);
    assert_eq!(ran.code == Some(1), ran.rows().is_empty(), "{name}: the exit code says whether there are rows");
    ran.rows()
}

/// The audit events of the sample, which logs one stage of most requests, by request.
fn logged() -> &'static Vec<Value> {
    static LOGGED: LazyLock<Vec<Value>> = LazyLock::new(|| {
        let mut requests: BTreeMap<String, Value> = BTreeMap::new();
        for (_, line) in common::audit_lines() {
            let event: Value = serde_json::from_str(&line).unwrap();
            let key =
                format!("{}{}{}{}", event["auditID"], event["user"]["username"], event["verb"], event["requestURI"]);
            let rank = |e: &Value| e["stage"] != "ResponseStarted";
            if requests.get(&key).is_none_or(|kept| rank(kept) <= rank(&event)) {
                requests.insert(key, event);
            }
        }
        requests.into_values().collect()
    });
    &LOGGED
}

fn of<'a>(event: &'a Value, path: &str) -> &'a str {
    path.split('.').fold(event, |v, key| &v[key]).as_str().unwrap_or_default()
}

fn decision(event: &Value) -> &str {
    event["annotations"]["authorization.k8s.io/decision"].as_str().unwrap_or_default()
}

fn code(event: &Value) -> u64 {
    event["responseStatus"]["code"].as_u64().unwrap_or_default()
}

/// How often each key occurs.
fn tally<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

/// What rows count under a key; each key once, and no zeros.
fn counted(rows: &[Value], key: impl Fn(&Value) -> Vec<String>, count: &str) -> BTreeMap<Vec<String>, u64> {
    let counts: BTreeMap<_, _> = rows.iter().map(|r| (key(r), r[count].as_u64().unwrap())).collect();
    assert_eq!(counts.len(), rows.len(), "each has one row");
    counts.into_iter().filter(|(_, n)| *n > 0).collect()
}

fn cells(row: &Value, names: &[&str]) -> Vec<String> {
    names.iter().map(|n| row[*n].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn the_program_has_the_files_of_the_folder() {
    let rows = common::run(["query", "-o", "json"]).expect(0).rows();
    assert_eq!(column(&rows, "query"), names());
    assert!(rows.len() >= 25);
    for row in &rows {
        let name = row["query"].as_str().unwrap();
        assert_eq!(row["title"], entries(name, "title")[0].as_str());
        assert_eq!(row["parameters"].as_array().unwrap().len(), entries(name, "parameter").len(), "{name}");
        let shown = common::run(["query", name, "--show-sql"].map(str::to_owned).into_iter().chain(required(name)));
        assert_eq!(shown.expect(0).text(), text(name), "{name}: the file is what runs");
    }
}

#[test]
fn every_query_says_what_it_shows_and_what_it_cannot() {
    let technique = |t: &str| {
        let (id, name) = t.split_once(' ').unwrap_or_default();
        let digits = id.strip_prefix('T').unwrap_or_default().split('.').map(str::len).collect::<Vec<_>>();
        (digits == [4] || digits == [4, 3]) && name.len() > 5
    };
    for name in names() {
        for key in ["title", "shows", "limits", "attack"] {
            let found = entries(&name, key);
            assert!(found.len() == 1 && !found[0].is_empty(), "{name}: one `{key}`, found {found:?}");
        }
        let attack = &entries(&name, "attack")[0];
        assert!(attack == "none" || attack.split(", ").all(technique), "{name}: {attack}");
        let sql = text(&name);
        assert!(sql.is_ascii() && !sql.contains('\\') && sql.lines().all(|l| l.len() <= 120), "{name}: plain text");
        if sql.contains("FROM events") {
            assert!(entries(&name, "shows")[0].contains("counted once") || name == "reused-audit-ids", "{name}");
        }
        for parameter in ["from", "to"].into_iter().filter(|_| sql.contains("/*:from*/")) {
            assert!(
                entries(&name, "parameter").iter().any(|p| p.starts_with(&format!("{parameter} time | "))),
                "{name}"
            );
        }
    }
}

#[test]
fn every_query_gives_the_columns_of_its_header_and_rows() {
    let mut empty = Vec::new();
    for name in names() {
        let documented: Vec<String> =
            entries(&name, "column").iter().map(|c| c.split(' ').next().unwrap().to_owned()).collect();
        let words = |format: &str| {
            let fixed = ["query", &name, "-q", "-o", format].map(str::to_owned);
            fixed.into_iter().chain(required(&name)).collect::<Vec<_>>()
        };
        let ran = both().run(words("csv")).expect(0);
        assert_eq!(ran.text().lines().next().unwrap().split(',').collect::<Vec<_>>(), documented, "{name}");
        let json = both().run(words("json")).expect(0).json();
        assert_eq!(json["notes"][0].as_str().unwrap(), format!("limits: {}", entries(&name, "limits")[0]));
        assert_eq!(json["question"]["query"], name.as_str());
        if sample().run(words("json")).code != Some(0) {
            empty.push(name.clone());
        }
    }
    assert_eq!(empty, NOT_IN_SAMPLE.map(|(name, _)| name));
}

#[test]
fn the_documents_are_made_from_the_headers() {
    let page = fs::read_to_string(root("docs/queries.md")).unwrap();
    let made = common::run(["query", "--reference"]).expect(0);
    assert!(
        page == made.text(),
        "docs/queries.md is out of date: `cargo run --release -- query --reference > docs/queries.md`"
    );
    for name in names() {
        assert!(page.contains(&format!("\n### {name}\n")), "{name}");
        let told = common::run(["query", &name, "--describe"]).expect(0);
        for word in entries(&name, "title").iter().chain(&entries(&name, "shows")) {
            assert!(told.text().contains(word.as_str()), "{name}: {word}");
        }
        for entry in entries(&name, "parameter") {
            assert!(told.text().contains(&format!("--param {}=", entry.split(' ').next().unwrap())), "{name}: {entry}");
        }
    }
}

#[test]
fn users_are_counted_as_the_log_has_them() {
    let rows = ask(sample(), "users", &[]);
    let user = |e: &Value| vec![of(e, "user.username").to_owned()];
    let key = |r: &Value| cells(r, &["username"]);
    assert_eq!(counted(&rows, key, "requests"), tally(logged().iter().map(user)));
    assert_eq!(counted(&rows, key, "failed"), tally(logged().iter().filter(|e| code(e) >= 400).map(user)));
    assert_eq!(counted(&rows, key, "denied"), tally(logged().iter().filter(|e| decision(e) == "forbid").map(user)));
    let by_hour = ask(sample(), "requests-by-hour", &[]);
    assert_eq!(by_hour.iter().map(|r| r["requests"].as_u64().unwrap()).sum::<u64>(), logged().len() as u64);
    let denied = ask(sample(), "denied-requests", &[]);
    assert_eq!(counted(&denied, key, "denied"), tally(logged().iter().filter(|e| decision(e) == "forbid").map(user)));
    assert!(ask(sample(), "denied-requests", &["least=20"]).len() < denied.len());
}

#[test]
fn reads_of_secrets_are_counted_as_the_log_has_them() {
    let rows = ask(sample(), "secret-reads", &[]);
    let names = ["username", "impersonated_user", "verb", "namespace", "name"];
    let expected = tally(
        logged()
            .iter()
            .filter(|e| of(e, "objectRef.resource") == "secrets" && ["get", "list", "watch"].contains(&of(e, "verb")))
            .map(|e| {
                ["user.username", "impersonatedUser.username", "verb", "objectRef.namespace", "objectRef.name"]
                    .map(|p| of(e, p).to_owned())
                    .to_vec()
            }),
    );
    assert_eq!(counted(&rows, |r| cells(r, &names), "requests"), expected);
    assert!(expected.keys().any(|k| k[0].ends_with(":metrics-sync")), "the backdoor is among them");
}

#[test]
fn the_intruders_address_and_texts_are_found() {
    let ids = |rows: &[Value]| column(rows, "audit_id").into_iter().collect::<BTreeSet<_>>();
    let raw = |keep: &dyn Fn(&Value) -> bool| -> BTreeSet<String> {
        logged().iter().filter(|e| keep(e)).map(|e| of(e, "auditID").to_owned()).collect()
    };
    let from = ask(sample(), "requests-from-address", &["address=203.0.113.66"]);
    let wanted = raw(&|e| e["sourceIPs"].as_array().unwrap().iter().any(|ip| ip == "203.0.113.66"));
    assert!(wanted.len() > 20);
    assert_eq!(ids(&from), wanted);
    assert_eq!(ask(sample(), "requests-from-address", &["address=203.0.113.6"]), Vec::<Value>::new(), "no part of one");

    for word in ["hostPath", "it's", ".*", "(", "host.ath", "a|b", "[a-z]", "metrics-sync", "\"kind\":\"Role\""] {
        let found = ask(sample(), "requests-with-text", &[&format!("text={word}")]);
        let inside = |body: &Value| !body.is_null() && body.to_string().contains(word);
        // serde_json writes bodies in another order of keys, but each key and value alike.
        assert_eq!(ids(&found), raw(&|e| inside(&e["requestObject"]) || inside(&e["responseObject"])), "{word}");
    }

    let [pod] = ask(sample(), "host-pods", &[]).try_into().unwrap();
    assert_eq!(pod["username"], "system:serviceaccount:kube-system:metrics-sync");
    assert_eq!((&pod["privileged"], &pod["host_path"]), (&Value::Bool(true), &Value::Bool(true)));
    let shown = sample().run(["show", pod["record"].as_str().unwrap()]);
    assert!(shown.expect(0).text().contains(pod["audit_id"].as_str().unwrap()), "the row leads back to its record");
}

#[test]
fn a_stretch_of_time_holds_what_the_log_has_in_it() {
    let (from, to) = ("2026-11-24T00:41:41.001317Z", "2026-11-24T00:41:42.000000Z");
    let given = [format!("from={from}"), format!("to={to}")];
    let rows = ask(sample(), "requests-in-window", &[&given[0], &given[1]]);
    let within = |e: &&Value| (from..to).contains(&of(e, "stageTimestamp"));
    let wanted: BTreeSet<String> = logged().iter().filter(within).map(|e| of(e, "auditID").to_owned()).collect();
    assert!(wanted.len() > 20);
    assert_eq!(column(&rows, "audit_id").into_iter().collect::<BTreeSet<_>>(), wanted);
    let times = column(&rows, "time");
    assert!(times.is_sorted(), "in the order of time");
    let told = sample().run(["query", "requests-in-window", "-o", "json", "--param", &given[0]]).expect(0).json();
    assert!(told["as_of"].to_string().contains("2026-11-24T00:41:41.001317Z"), "{}", told["as_of"]);
}

#[test]
fn tokens_are_followed_to_where_they_were_used() {
    let rows = ask(sample(), "issued-tokens", &[]);
    const ISSUED: &str = "authentication.kubernetes.io/issued-credential-id";
    const USED: &str = "authentication.kubernetes.io/credential-id";
    let used =
        tally(logged().iter().filter_map(|e| e["user"]["extra"][USED][0].as_str()).map(|id| vec![id.to_owned()]));
    let issued: BTreeSet<Vec<String>> =
        logged().iter().filter_map(|e| e["annotations"][ISSUED].as_str()).map(|id| vec![id.to_owned()]).collect();
    let mut wanted = used;
    wanted.retain(|id, _| issued.contains(id));
    assert_eq!(counted(&rows, |r| cells(r, &["credential"]), "uses"), wanted);
    let minted =
        rows.iter().find(|r| r["username"] == "system:serviceaccount:ci:deployer").expect("the stolen token mints");
    assert_eq!(minted["name"], "clusterrole-aggregation-controller");
    assert!(minted["uses"].as_u64().unwrap() > 0);

    let spread = ask(sample(), "account-addresses", &[]);
    let users: BTreeSet<String> = column(&spread, "username").into_iter().collect();
    let mut lists: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for e in logged() {
        lists.entry(of(e, "user.username")).or_default().insert(e["sourceIPs"].to_string());
    }
    let several = lists.iter().filter(|(u, l)| u.starts_with("system:serviceaccount:") && l.len() > 1);
    assert_eq!(users, several.map(|(u, _)| (*u).to_owned()).collect());
}

#[test]
fn the_backdoor_is_named_with_who_began_and_ended_it() {
    let rows = ask(sample(), "bindings-to-role", &[]);
    let backdoor = rows.iter().find(|r| r["subject"] == "metrics-sync").expect("the backdoor");
    assert_eq!(
        cells(backdoor, &["binding", "role", "subject_namespace", "begun_by", "ended_by"]),
        [
            "system:node-proxier-sync",
            "cluster-admin",
            "kube-system",
            "system:serviceaccount:ci:deployer",
            "system:serviceaccount:kube-system:metrics-sync"
        ]
    );
    assert!(backdoor["stands_from"].as_str().unwrap().starts_with("2026-11-24T00:41:41.2"));
    assert!(backdoor["stands_to"].as_str().unwrap().starts_with("2026-11-24T00:41:57"));
    let wide = ask(sample(), "wildcard-grants", &["subject=metrics-sync"]);
    assert!(wide.iter().all(|r| r["role"] == "cluster-admin") && !wide.is_empty());
    let secrets = ask(sample(), "secret-grants", &[]);
    assert!(secrets.iter().any(|r| r["subject"] == "metrics-sync" && r["scope_namespace"].is_null()));
    let escalating = ask(sample(), "escalation-rules", &[]);
    let aggregation = |r: &&Value| r["name"] == "system:controller:clusterrole-aggregation-controller";
    assert!(escalating.iter().find(aggregation).is_some_and(|r| r["escalates"] == 1 && r["impersonates"] == 0));
}

#[test]
fn what_came_in_several_records_or_without_ids_is_counted_right() {
    let o_brien = ask(both(), "requests-by-user", &["user=o'brien"]);
    let watch: Vec<&Value> = o_brien.iter().filter(|r| r["verb"] == "watch").collect();
    assert_eq!(watch.len(), 1, "three stages are one request");
    assert_eq!(
        (&watch[0]["code"], &watch[0]["record"]),
        (&Value::from(200), &Value::from(watch[0]["record"].as_str().unwrap()))
    );
    let alice = ask(both(), "requests-by-user", &["user=alice@example.com"]);
    let nameless = alice.iter().filter(|r| r["cluster"] == "007" && r["audit_id"].is_null()).count();
    assert_eq!(nameless, 2, "without an audit ID every record stands for itself");
    let timeless = alice.iter().filter(|r| r["cluster"] == "007" && r["time"].is_null()).count();
    assert_eq!(timeless, 1, "and without a time it is still there");
    let [reused] = ask(both(), "reused-audit-ids", &[]).try_into().unwrap();
    assert_eq!((&reused["requests"], &reused["users"]), (&Value::from(2), &Value::from(2)));
    let refused = ask(both(), "denied-requests", &[]);
    assert!(refused.iter().any(|r| r["username"].is_null() && r["unauthenticated"] == 1));
    // A credential id of the other cluster is another credential.
    let [token] = ask(both(), "issued-tokens", &["from=2026-11-25"]).try_into().unwrap();
    assert_eq!((&token["uses"], &token["use_addresses"]), (&Value::from(2), &Value::from(2)));
    assert_eq!(ask(both(), "host-pods", &["user=o'brien"]).len(), 2);
    let counts = ask(both(), "source-counts", &[]);
    assert!(counts.iter().all(|r| r["unaccounted"] == 0) && counts.iter().any(|r| r["rejects"] == 1));
}

#[test]
fn a_cluster_can_be_asked_alone() {
    let only = |words: &[&str]| {
        let ran = both().run(words.iter().copied().chain(["-o", "json", "--cluster", "007"]));
        column(&ran.expect(0).rows(), "cluster").into_iter().collect::<BTreeSet<_>>()
    };
    assert_eq!(only(&["query", "users"]), BTreeSet::from(["007".to_owned()]));
    assert_eq!(only(&["sql", "SELECT cluster FROM events"]), BTreeSet::from(["007".to_owned()]));
    both().run(["query", "users", "--cluster", "8"]).refused(&["no cluster `8`", "007", "lab-a"]);
    both().run(["sql", "SELECT 1", "--cluster", "8"]).refused(&["no cluster `8`"]);
}

#[test]
fn hostile_values_stay_values() {
    for user in ["' OR '1'='1", "\\' OR 1=1 --", "x' UNION SELECT * FROM sources /*", "line\nbreak", "DOMAIN\\admin"] {
        let rows = ask(both(), "requests-by-user", &[&format!("user={user}")]);
        assert!(!rows.is_empty(), "{user}");
        assert!(rows.iter().all(|r| r["username"] == user), "{user}");
    }
    for nobody in ["'", "''", "x'; DROP TABLE events; --", "*/", "/*:from*/ '", "", "\\", "a=b"] {
        assert_eq!(ask(both(), "requests-by-user", &[&format!("user={nobody}")]), Vec::<Value>::new(), "{nobody}");
    }
}

#[test]
fn wrong_words_are_told_with_the_right_ones() {
    let case = sample();
    case.run(["query", "secret-read"]).refused(&[
        "no query `secret-read`",
        "did you mean `secret-reads`",
        "`kubesleuth query`",
    ]);
    case.run(["query", "users", "--param", "usr=x"]).refused(&[
        "no parameter `usr`",
        "`user`",
        "it takes user, from, to",
    ]);
    case.run(["query", "users", "--param", "user"]).refused(&["expected NAME=VALUE", "`user`"]);
    case.run(["query", "users", "--param", "user=a", "--param", "user=b"]).refused(&["`user` is given twice"]);
    case.run(["query", "users", "--param", "from=noon"]).refused(&["`from`", "expected a time", "`noon`"]);
    case.run(["query", "denied-requests", "--param", "least=1 OR 1"]).refused(&["expected a whole number", "`1 OR 1`"]);
    case.run(["query", "requests-by-user"]).refused(&["needs --param user=PATTERN"]);
    case.run(["query", "requests-with-text", "--show-sql"]).refused(&["needs --param text=TEXT"]);
    common::run(["query", "--describe"]).refused(&["NAME"]);
}

#[test]
fn files_of_ones_own_run_too() {
    let lab = Lab::new();
    let run = |content: &[u8], params: &[&str]| {
        let file = lab.write("mine.sql", content);
        let mut words = vec!["query", file.to_str().unwrap(), "-o", "json"];
        for param in params {
            words.extend(["--param", param]);
        }
        sample().run(words)
    };
    assert_eq!(run(b"SELECT COUNT(*) AS n FROM sources;\n", &[]).expect(0).rows()[0]["n"], 28);
    assert_eq!(
        run(b"-- only a remark\nSELECT path FROM sources WHERE size < 0", &[]).expect(1).rows(),
        Vec::<Value>::new()
    );
    let own = b"-- title: Mine\n-- parameter: most integer | size\nSELECT path FROM sources WHERE size < /*:most*/ 0";
    assert!(!run(own, &["most=2000"]).expect(0).rows().is_empty());
    run(own, &["least=1"]).refused(&["query `mine` has no parameter `least`", "it takes most"]);
    run(b"SELECT /*:x*/ 'a' AS x", &[]).refused(&[
        "query `mine`, line 1",
        "`x` is not described",
        "-- parameter: x KIND",
    ]);
    run(b"-- parameter: x word | y\nSELECT 1", &[]).refused(&["line 1", "expected `-- parameter:"]);
    run(b"SELEC 1", &[]).refused(&["the query failed"]);
    run(b"SELECT '\xff'", &[]).refused(&["UTF-8"]);
    run(&vec![b' '; (1 << 20) + 1], &[]).refused(&["longer than 1048576 bytes"]);
    sample().run(["query", lab.path("none.sql").to_str().unwrap()]).refused(&["none.sql"]);
    let told =
        common::run(["query", lab.write("e.sql", "-- title: \u{1b}[31mred\nSELECT 1").to_str().unwrap(), "--describe"]);
    assert!(!told.expect(0).text().contains('\u{1b}'), "a header cannot steer the terminal");
}

#[test]
fn sql_that_would_be_answered_wrongly_is_refused() {
    for (query, word) in [
        ("SELECT verb, COUNT(*) AS n FROM events GROUP BY verb HAVING COUNT(*) > 1", "HAVING cannot aggregate"),
        (
            "SELECT verb FROM events WHERE stage_timestamp > TIMESTAMP '2026-11-24 00:41:00'",
            "TIMESTAMP '…' has no time zone",
        ),
        ("SELECT verb, source_ips FROM events ORDER BY verb, source_ips", "`source_ips` holds lists"),
    ] {
        sample().run(["sql", query]).refused(&[word]);
    }
    let counted = "SELECT verb, COUNT(*) AS n FROM events GROUP BY verb HAVING n > 300 ORDER BY verb";
    let wanted = tally(
        common::audit_lines().iter().map(|(_, l)| of(&serde_json::from_str::<Value>(l).unwrap(), "verb").to_owned()),
    );
    let wanted: Vec<String> = wanted.into_iter().filter(|(_, n)| *n > 300).map(|(verb, _)| verb).collect();
    assert_eq!(column(&sample().sql(counted), "verb"), wanted);
    // A predicate over lists beside the partition column, in any order of columns.
    let rows = sample()
        .sql("SELECT cluster, subject_name, verbs FROM grants WHERE array_contains(verbs, '*') ORDER BY subject_name");
    assert!(rows.iter().any(|r| r["subject_name"] == "metrics-sync") && rows.iter().all(|r| r["cluster"] == "lab-a"));
}

#[test]
fn predicates_and_projections_reach_the_scan() {
    for (words, predicate) in [
        (["requests-by-user", "user=alice"], "(col(\"user_username\")) == (String(alice))"),
        (["requests-on-resource", "resource=secrets"], "(col(\"object_ref_resource\")) == (String(secrets))"),
        (["requests-by-hour", "to=2026-11-24 00:41:30"], "(col(\"stage_timestamp\")) < (String(2026-11-24T00:41:30)"),
    ] {
        let sql = common::run(["query", words[0], "--param", words[1], "--show-sql"]).expect(0);
        let plan = column(&sample().sql(&format!("EXPLAIN\n{}", sql.text())), "Logical Plan").join("\n");
        let scan = plan.split_once("Parquet SCAN").expect("one scan of the events").1;
        assert!(scan.contains("SELECTION: ") && scan.contains(predicate), "{plan}");
        let projected = scan.split_once("PROJECT ").and_then(|(_, rest)| rest.split_once('/')).unwrap().0;
        assert!((1..30).contains(&projected.parse::<u32>().unwrap()), "{plan}");
        // Records that share a time of arrival are told apart after they were counted.
        let left = plan.lines().filter(|l| l.contains("FILTER") && !l.contains("FILTER [(col(\"records\")"));
        assert_eq!(left.count(), 0, "nothing is left to filter after the scan: {plan}");
    }
}
