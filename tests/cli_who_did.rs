//! `who-did --count-by`: its counts are those of the query in SQL and those of the rows that `who-did` lists, whatever
//! the log holds. Logs are made here, with known answers or from random numbers.
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
use std::path::Path;

use common::{Case, Lab};
use serde_json::{Value, json};

/// Requests, changes, failed, denied, users.
type Counts = [u64; 5];

const COLUMNS: [&str; 5] = ["requests", "changes", "failed", "denied", "users"];

fn counts_of(row: &Value) -> Counts {
    COLUMNS.map(|column| row[column].as_u64().unwrap_or_else(|| panic!("{column}: {row}")))
}

/// The counts by the start of an hour or day; `""` for what has no time.
fn by_time(rows: &[Value]) -> BTreeMap<String, Counts> {
    let found: Vec<(String, Counts)> =
        rows.iter().map(|row| (row["time"].as_str().unwrap_or_default().to_owned(), counts_of(row))).collect();
    assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0), "each once, in order: {found:?}");
    found.into_iter().collect()
}

#[track_caller]
fn counted(case: &Case, unit: &str, filters: &[&str]) -> BTreeMap<String, Counts> {
    let ran = case.run(["who-did", "--count-by", unit, "-o", "json"].iter().chain(filters));
    let rows = ran.json()["rows"].as_array().unwrap().clone();
    assert_eq!(ran.code, Some(i32::from(rows.is_empty())), "the exit code says whether there is any: {}", ran.err);
    by_time(&rows)
}

/// What the query in SQL says.
fn queried(case: &Case) -> BTreeMap<String, Counts> {
    let rows = case.run(["query", "requests-by-hour", "-o", "json"]).rows();
    let time = |row: &Value| match (row["day"].as_str(), row["hour"].as_u64()) {
        (Some(day), Some(hour)) => format!("{day}T{hour:02}:00:00Z"),
        _ => String::new(),
    };
    rows.iter().map(|row| (time(row), counts_of(row))).collect()
}

/// What the rows of `who-did` say. A request that failed or was denied shows it in its last stage.
fn listed(case: &Case, unit: &str, filters: &[&str]) -> BTreeMap<String, Counts> {
    let ran = case.run(["who-did", "-o", "json"].iter().chain(filters));
    let mut found: BTreeMap<String, (Counts, BTreeSet<String>)> = BTreeMap::new();
    for row in ran.rows() {
        let time = match (row["time"].as_str(), unit) {
            (None, _) => String::new(),
            (Some(time), "hour") => format!("{}:00:00Z", &time[..13]),
            (Some(time), _) => format!("{}T00:00:00Z", &time[..10]),
        };
        let changes =
            ["create", "update", "patch", "delete", "deletecollection"].map(Value::from).contains(&row["verb"]);
        let (counts, users) = found.entry(time).or_default();
        counts[0] += 1;
        counts[1] += u64::from(changes);
        counts[2] += u64::from(row["code"].as_i64().is_some_and(|code| code >= 400));
        counts[3] += u64::from(row["decision"] == "forbid");
        users.extend(row["user"].as_str().map(str::to_owned));
        counts[4] = users.len() as u64;
    }
    found.into_iter().map(|(time, (counts, _))| (time, counts)).collect()
}

/// An event with its times; a time may be missing.
fn event(id: &str, user: &str, verb: &str, stage: &str, arrived: &str, at: &str) -> Value {
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": id, "stage": stage,
        "requestURI": format!("/api/v1/namespaces/a/secrets/{verb}"), "verb": verb, "user": {"username": user},
        "sourceIPs": ["10.0.0.1"], "objectRef": {"resource": "secrets", "namespace": "a", "apiVersion": "v1"},
        "requestReceivedTimestamp": arrived, "stageTimestamp": at,
    });
    event.as_object_mut().unwrap().retain(|_, value| *value != "" && value["username"] != "");
    event
}

/// As [`event`], answered with a code, and denied where it is 403.
fn answered(mut event: Value, code: u64) -> Value {
    event["responseStatus"] = json!({"code": code});
    let decision = if code == 403 { "forbid" } else { "allow" };
    event["annotations"] = json!({"authorization.k8s.io/decision": decision});
    event
}

fn import(lab: &Lab, name: &str, logs: &[Vec<Value>]) -> Case {
    let case = lab.case(name);
    for (number, log) in logs.iter().enumerate() {
        let log = lab.write(&format!("{name}-{number}.log"), common::lines(log.iter().cloned()));
        case.import([log], &["--cluster", "c"]);
    }
    case
}

fn expected<const N: usize>(rows: [(&str, Counts); N]) -> BTreeMap<String, Counts> {
    rows.into_iter().map(|(time, counts)| (time.to_owned(), counts)).collect()
}

#[test]
fn the_sample_has_the_counts_that_the_query_and_the_list_have() {
    let lab = Lab::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [sample, made_up] = ["samples/intrusion/bundle", "tests/data/queries/audit.jsonl"].map(|from| {
        let case = lab.case(&from.replace('/', "-"));
        case.import([root.join(from)], if from.ends_with("jsonl") { &["--cluster", "c"] } else { &[] });
        case
    });
    let incident = lab.case("incident");
    incident.import([common::incident("audit")], &["--cluster", "c"]);
    for case in [&sample, &made_up, &incident] {
        let hours = counted(case, "hour", &[]);
        assert!(!hours.is_empty());
        assert_eq!(hours, queried(case));
        for unit in ["hour", "day"] {
            assert_eq!(counted(case, unit, &[]), listed(case, unit, &[]));
            for filter in
                [&["--changes"][..], &["--denied"], &["--user", "system:*"], &["--code", "404", "--code", "200"]]
            {
                assert_eq!(counted(case, unit, filter), listed(case, unit, filter), "{filter:?}");
            }
        }
    }
}

#[test]
fn requests_are_counted_once_when_they_arrived() {
    let lab = Lab::new();
    let (begun, done) = ("ResponseStarted", "ResponseComplete");
    // A watch that goes on past midnight.
    let watch = |stage, at| answered(event("1", "eve", "watch", stage, "2026-03-01T23:59:59.999999Z", at), 200);
    let first = vec![
        event("1", "eve", "watch", "RequestReceived", "2026-03-01T23:59:59.999999Z", "2026-03-01T23:59:59.999999Z"),
        watch(begun, "2026-03-02T00:00:00.000001Z"),
        // Another request of the same moment, one with the same ID of another user, and one of another URI.
        answered(event("2", "bob", "create", done, "2026-03-01T23:59:59.999999Z", "2026-03-02T00:00:00Z"), 403),
        answered(event("1", "bob", "watch", done, "2026-03-01T23:59:59.999999Z", "2026-03-02T00:00:00Z"), 404),
        answered(event("1", "eve", "get", done, "2026-03-01T23:59:59.999999Z", "2026-03-02T00:00:00Z"), 200),
        // A panic: what failed first failed.
        answered(event("3", "eve", "delete", done, "2026-03-02T00:10:00Z", "2026-03-02T00:10:01Z"), 500),
        answered(event("3", "eve", "delete", "Panic", "2026-03-02T00:10:00Z", "2026-03-02T00:10:02Z"), 200),
    ];
    // Its end lies in a later log.
    let second = vec![watch(done, "2026-03-02T01:30:00Z")];
    let case = import(&lab, "midnight", &[first, second]);
    let hours = expected([("2026-03-01T23:00:00Z", [4, 1, 2, 1, 2]), ("2026-03-02T00:00:00Z", [1, 1, 1, 0, 1])]);
    assert_eq!(counted(&case, "hour", &[]), hours);
    assert_eq!(queried(&case), hours);
    let days = expected([("2026-03-01T00:00:00Z", [4, 1, 2, 1, 2]), ("2026-03-02T00:00:00Z", [1, 1, 1, 0, 1])]);
    assert_eq!(counted(&case, "day", &[]), days);
    // Only stages in the stretch are asked about; the requests that they are of arrived before it.
    let late = counted(&case, "hour", &["--from", "2026-03-02 01:00:00"]);
    assert_eq!(late, expected([("2026-03-01T23:00:00Z", [1, 0, 0, 0, 1])]));
    let first = case.run(["who-did", "--count-by", "hour", "--limit", "1", "-o", "json"]).expect(0);
    assert_eq!(first.rows().len(), 1);
    assert_eq!(first.json()["notes"], json!(["2 hours; the first 1 are shown"]));
}

#[test]
fn without_ids_or_times_nothing_is_lost_or_counted_twice() {
    let lab = Lab::new();
    let (begun, done) = ("ResponseStarted", "ResponseComplete");
    let arrived = "2026-03-01T10:00:00Z";
    let log = vec![
        // No audit ID: each record stands for itself.
        event("", "eve", "get", begun, arrived, "2026-03-01T10:00:01Z"),
        event("", "eve", "get", done, arrived, "2026-03-01T10:00:02Z"),
        event("", "eve", "get", done, "", "2026-03-01T10:00:02Z"),
        // No arrival: one request of two stages, counted when the first was reached.
        event("7", "kim", "update", begun, "", "2026-03-01T10:59:59Z"),
        answered(event("7", "kim", "update", done, "", "2026-03-01T11:00:01Z"), 409),
        // Alone in the hour in which its later stage lies.
        answered(event("8", "zoe", "update", done, "", "2026-03-01T12:00:01Z"), 200),
        event("8", "zoe", "update", begun, "", "2026-03-01T11:59:59Z"),
        // No time at all, with and without stages in common.
        event("9", "kim", "list", begun, "", ""),
        event("9", "kim", "list", done, "", ""),
        event("10", "", "list", done, "", ""),
        // One stage has a time.
        event("11", "pat", "list", begun, "", ""),
        event("11", "pat", "list", done, "", "2026-03-01T13:00:00Z"),
        // Before 1970, and far from now.
        event("12", "old", "get", done, "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        event("13", "new", "get", done, "9998-12-31T23:59:59.999999Z", "9998-12-31T23:59:59.999999Z"),
    ];
    let case = import(&lab, "timeless", &[log]);
    let hours = expected([
        ("", [2, 0, 0, 0, 1]),
        ("1969-12-31T23:00:00Z", [1, 0, 0, 0, 1]),
        ("2026-03-01T10:00:00Z", [4, 1, 1, 0, 2]),
        ("2026-03-01T11:00:00Z", [1, 1, 0, 0, 1]),
        ("2026-03-01T13:00:00Z", [1, 0, 0, 0, 1]),
        ("9998-12-31T23:00:00Z", [1, 0, 0, 0, 1]),
    ]);
    assert_eq!(counted(&case, "hour", &[]), hours);
    assert_eq!(queried(&case), hours);
    let total: u64 = hours.values().map(|counts| counts[0]).sum();
    assert_eq!(case.run(["who-did", "-o", "json"]).expect(0).rows().len() as u64, total);
    assert_eq!(counted(&case, "day", &[]).values().map(|counts| counts[0]).sum::<u64>(), total);
}

/// Random numbers from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn of<'t>(&mut self, among: &[&'t str]) -> &'t str {
        among[usize::try_from(self.below(among.len() as u64)).unwrap()]
    }
}

const USERS: [&str; 6] = ["eve", "bob", "system:node:a", "system:serviceaccount:x:y", "ünï*cödé", "a\"b,c\n<d>"];
const VERBS: [&str; 6] = ["get", "list", "watch", "create", "delete", "patch"];

/// A log in which many requests share moments, IDs and users, and many things are missing.
fn random_log(seed: u64, requests: u64) -> Vec<Value> {
    let mut random = Random(seed);
    let mut log = Vec::new();
    for _ in 0..requests {
        let (hour, minute) = (20 + random.below(8), random.below(50));
        let (day, hour) = (1 + hour / 24, hour % 24);
        // Few different moments, so that many share theirs.
        let at = |second: u64| format!("2026-03-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        let arrived = if random.below(6) == 0 { String::new() } else { at(random.below(3)) };
        let id = match random.below(8) {
            0 => String::new(),
            // The list shows such a request when its last stage was reached: let that be in the same hour.
            n if arrived.is_empty() => format!("id-{n}-{day}-{hour}-{minute}"),
            _ => format!("id-{}", random.below(requests / 2)),
        };
        let (user, verb) = (random.of(&USERS), random.of(&VERBS));
        let code = [200, 201, 403, 404, 500][usize::try_from(random.below(5)).unwrap()];
        let stages = [
            &["ResponseComplete"][..],
            &["RequestReceived", "ResponseComplete"],
            &["ResponseStarted", "ResponseComplete"],
        ][usize::try_from(random.below(3)).unwrap()];
        for (number, stage) in stages.iter().enumerate() {
            let mut one = event(&id, user, verb, stage, &arrived, &at(10 + number as u64));
            one["userAgent"] = json!(format!("agent/{}", random.below(3)));
            log.push(if *stage == "RequestReceived" { one } else { answered(one, code) });
        }
    }
    // Stages of one request need not lie together.
    for place in 0..log.len() {
        let other = usize::try_from(random.below(log.len() as u64)).unwrap();
        log.swap(place, other);
    }
    log
}

/// The counts without what an earlier stage of a request may say otherwise than the last.
fn sure(counts: BTreeMap<String, Counts>) -> BTreeMap<String, [u64; 3]> {
    counts.into_iter().map(|(time, [requests, changes, _, _, users])| (time, [requests, changes, users])).collect()
}

#[test]
fn random_logs_have_the_counts_of_the_query_and_of_the_list() {
    let lab = Lab::new();
    for seed in 1..3 {
        let log = random_log(seed, 700);
        let half = log.len() / 2;
        let case = import(&lab, &format!("random-{seed}"), &[log[..half].to_vec(), log[half..].to_vec()]);
        let hours = counted(&case, "hour", &[]);
        assert_eq!(hours, queried(&case), "seed {seed}");
        assert!(hours.len() > 5);
        let mut random = Random(seed + 100);
        for _ in 0..10 {
            let (user, verb) = (random.of(&["*", "eve", "system:*", "*b*", "nobody"]), random.of(&VERBS));
            let from = format!("2026-03-{:02} {:02}:30:00", 1 + random.below(2), random.below(24));
            let mut filters = vec!["--user", user];
            for (chance, more) in [(3, vec!["--verb", verb]), (4, vec!["--from", &from]), (4, vec!["--changes"])] {
                if random.below(chance) == 0 {
                    filters.extend(more);
                }
            }
            for (chance, more) in
                [(4, vec!["--code", "403"]), (4, vec!["--user-agent", "agent/1"]), (4, vec!["--uri", "*t"])]
            {
                if random.below(chance) == 0 {
                    filters.extend(more);
                }
            }
            let unit = random.of(&["hour", "day"]);
            assert_eq!(sure(counted(&case, unit, &filters)), sure(listed(&case, unit, &filters)), "{seed} {filters:?}");
        }
    }
}

#[test]
fn every_format_gives_the_counts() {
    let lab = Lab::new();
    let arrived = "2026-03-01T10:00:00Z";
    let log = vec![answered(event("1", "eve", "create", "ResponseComplete", arrived, arrived), 403)];
    let case = import(&lab, "formats", &[log]);
    let show = |format: &str| case.run(["who-did", "--count-by", "hour", "-o", format]).expect(0);
    assert_eq!(show("csv").text(), "time,requests,changes,failed,denied,users\r\n2026-03-01T10:00:00Z,1,1,1,1,1\r\n");
    let row = json!({"time": arrived, "requests": 1, "changes": 1, "failed": 1, "denied": 1, "users": 1});
    assert_eq!(show("json").rows(), [row]);
    assert_eq!(show("json").json()["question"], json!({"count_by": "hour"}));
    for format in ["table", "wide"] {
        let shown = show(format);
        assert!(shown.text().starts_with("TIME"), "{}", shown.text());
        let cells: Vec<&str> = shown.text().lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(cells, [arrived, "1", "1", "1", "1", "1"]);
    }
    assert!(show("jsonl").text().lines().any(|line| line.contains("\"requests\":1")));
    assert!(show("parquet").out.starts_with(b"PAR1"));
    let ran = case.run(["who-did", "--count-by", "hour", "--user", "nobody"]).expect(1);
    assert!(ran.text().contains("no rows"), "{}", ran.text());
    case.run(["who-did", "--count-by", "week"]).refused(&["week", "hour", "day"]);
}

#[test]
fn a_case_without_events_has_none() {
    let lab = Lab::new();
    let case = lab.case("empty");
    let list = json!({"kind": "List", "apiVersion": "v1", "items": common::role_and_binding("r", &["get"], "eve")});
    let snapshot = lab.write("rbac.json", list.to_string());
    case.import([snapshot], &["--cluster", "c"]);
    for unit in ["hour", "day"] {
        assert!(counted(&case, unit, &[]).is_empty());
        assert!(counted(&case, unit, &["--user", "eve", "--text", "x"]).is_empty());
    }
    case.run(["who-did"]).expect(1);
}

#[test]
fn a_resource_that_no_discovery_data_names_is_found_under_its_group() {
    let lab = Lab::in_memory();
    let mut of_app =
        event("a", "jane", "create", "ResponseComplete", "2026-06-01T10:00:00.000001Z", "2026-06-01T10:00:00.000002Z");
    of_app["objectRef"] =
        json!({"resource": "applications", "apiGroup": "argoproj.io", "apiVersion": "v1", "name": "x"});
    let other =
        event("b", "jane", "create", "ResponseComplete", "2026-06-01T10:00:01.000001Z", "2026-06-01T10:00:01.000002Z");
    let case = import(&lab, "case", &[vec![of_app, other]]);
    let asked = |resource: &str| case.run(["who-did", "--resource", resource, "-o", "json"]).json();
    let found = asked("applications");
    assert_eq!((found["rows"].as_array().unwrap().len(), &found["rows"][0]["api_group"]), (1, &json!("argoproj.io")));
    assert!(found["notes"][0].as_str().unwrap().contains("in any API group"), "{found}");
    assert_eq!(found["question"]["api_group"], json!(null));
    assert_eq!(asked("applications.argoproj.io")["rows"].as_array().unwrap().len(), 1);
    assert!(asked("applications.example.com")["rows"].as_array().unwrap().is_empty());
    let counts = counted(&case, "hour", &["--resource", "applications"]);
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [[1, 1, 0, 0, 1]]);
}
