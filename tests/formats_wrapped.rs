//! Events in wrappings that are no format of their own, and messages that CloudWatch split.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod formats_support;

use formats_support::{All, Folder, folders, read_folder};
use serde_json::{Value, json};

fn lines() -> Vec<String> {
    let log = folders().remove("native-jsonl").unwrap().remove("audit.log").unwrap();
    String::from_utf8(log).unwrap().lines().take(20).map(str::to_owned).collect()
}

fn read(text: impl Into<Vec<u8>>) -> All {
    read_folder(&Folder::from([("x".to_owned(), text.into())]))
}

/// The events without what an envelope adds.
fn bare(all: &All) -> Vec<Value> {
    let strip = |e: &formats_support::Kept| {
        let mut content = e.content.clone();
        for name in ["node", "api_server", "log_stream", "envelope_time", "api_version"] {
            content.remove(name);
        }
        json!([e.audit_id, e.stage, content])
    };
    let mut all: Vec<Value> = all.events().map(strip).collect();
    all.sort_by_key(Value::to_string);
    all
}

fn each(lines: &[String], wrap: impl Fn(usize, &str) -> String) -> String {
    lines.iter().enumerate().map(|(i, l)| wrap(i, l) + "\n").collect()
}

#[test]
fn a_wrapping_of_no_format_hides_no_event() {
    let lines = lines();
    let native = bare(&read(each(&lines, |_, l| l.to_owned())));
    let value = |l: &str| serde_json::from_str::<Value>(l).unwrap();
    let untyped = |l: &str| {
        let mut v = value(l);
        let map = v.as_object_mut().unwrap();
        map.remove("kind");
        map.remove("apiVersion");
        v.to_string()
    };
    let all: Vec<Value> = lines.iter().map(|l| Value::from(l.as_str())).collect();
    for (what, text) in [
        ("oc adm node-logs", each(&lines, |_, l| format!("master-0.lab.example.com {l}"))),
        ("kubectl logs --prefix", each(&lines, |_, l| format!("[pod/kube-apiserver-cp-1/kube-apiserver] {l}"))),
        ("stern", each(&lines, |_, l| format!("kube-apiserver-cp-1 kube-apiserver {l}"))),
        ("grep -n", each(&lines, |i, l| format!("/var/log/audit.log:{}:{l}", i + 1))),
        ("syslog", each(&lines, |_, l| format!("Nov 24 00:41:02 cp-1 kube-apiserver[11]: {l}"))),
        ("syslog with version", each(&lines, |_, l| format!("<134>1 2026-11-24T00:41:02.025Z cp-1 x 11 - - {l}"))),
        ("aws logs tail", each(&lines, |_, l| format!("2026-11-24T00:41:02.025000+00:00 kube-apiserver-audit-3f {l}"))),
        (
            "fluentd stdout",
            each(&lines, |_, l| format!("2026-11-24 00:41:02.025000000 +0000 kube.audit: {}", json!({"message": l}))),
        ),
        ("list of texts", Value::from(all.clone()).to_string()),
        ("pretty list of texts", serde_json::to_string_pretty(&all).unwrap()),
        ("items of a batch", each(&lines, |_, l| untyped(l))),
        (
            "own key",
            each(&lines, |_, l| {
                json!({"date": 1.5, "log_processed": value(l), "kubernetes": {"pod_name": "x"}}).to_string()
            }),
        ),
        ("graylog", each(&lines, |_, l| json!({"version": "1.1", "host": "cp-1", "short_message": l}).to_string())),
        (
            "a search service",
            json!({"data": lines.iter().map(|l| json!({"attributes": {"message": l}})).collect::<Vec<_>>()})
                .to_string(),
        ),
        (
            "a query of Log Analytics",
            json!(lines.iter().map(|l| json!({"Category": "kube-audit", "log_s": l})).collect::<Vec<_>>()).to_string(),
        ),
    ] {
        let found = read(text);
        assert_eq!(found.rejects().len() + found.skipped(), 0, "{what}: {:?}", found.rejects());
        assert!(bare(&found) == native, "{what}: {} events", found.events().count());
    }
    let named = read(each(&lines, |_, l| format!("master-0.lab.example.com {l}")));
    assert!(named.events().all(|e| e.content["node"] == "master-0.lab.example.com"));
    let pod = read(each(&lines, |_, l| format!("[pod/kube-apiserver-cp-1/kube-apiserver] {l}")));
    assert!(pod.events().all(|e| e.content["api_server"] == "kube-apiserver-cp-1"));
    let tail = read(each(&lines, |_, l| format!("2026-11-24T00:41:02.025000+00:00 kube-apiserver-audit-3f {l}")));
    assert!(tail.events().all(|e| e.content["log_stream"] == "kube-apiserver-audit-3f"));
}

#[test]
fn objects_that_quote_events_are_no_events_and_torn_records_are_rejects() {
    let line = &lines()[0];
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"e": line}});
    let found = read(map.to_string());
    assert_eq!((found.events().count(), found.sources[0].json.len()), (0, 1));
    let torn = read(format!("\"verb\":\"get\",\"user\":{{\"username\":\"x\"}}{line}\n{line}\n"));
    assert_eq!(torn.rejects().len(), 1);
}

#[test]
fn a_message_that_the_service_split_is_one_event() {
    let lines = lines();
    let event = |stream: &str, message: &str, id: usize| json!({"logStreamName": stream, "timestamp": 1_795_480_862_025_u64, "message": message, "eventId": id.to_string()});
    let stream = "kube-apiserver-audit-3f";
    let (head, tail) = lines[0].split_at(300);
    let whole = json!({"events": [event(stream, head, 1), event("kube-apiserver-audit-a1", &lines[1], 2), event(stream, tail, 3)], "searchedLogStreams": []});
    let found = read(whole.to_string());
    assert_eq!(bare(&found), bare(&read(format!("{}\n{}\n", lines[0], lines[1]))));
    assert!(found.rejects().is_empty() && found.warnings().is_empty());
    // Without its rest it is told with what can be salvaged.
    let cut = json!({"events": [event(stream, head, 1), event(stream, &lines[1], 2)], "searchedLogStreams": []});
    let found = read(cut.to_string());
    assert_eq!((found.events().count(), found.rejects().len()), (1, 1));
    let id = serde_json::from_str::<Value>(&lines[0]).unwrap()["auditID"].as_str().unwrap().to_owned();
    assert!(found.rejects()[0].reason.contains(&id), "{}", found.rejects()[0].reason);
    assert!(found.warnings().contains("inner-json-truncated"));
}

/// A pretty-printed log event that lost its end: what is left of it is an object of no format.
fn of_no_format(message: &str) -> String {
    format!("{{\n  \"timestamp\": 1795480862272,\n  \"message\": {}}}", Value::from(message))
}

#[test]
fn a_damaged_event_in_an_object_is_rejected_with_what_stands_beside_it() {
    let lines = lines();
    let torn = of_no_format(&lines[1][..300]);
    let found = read(format!("{}\n{torn},\"subjects\":[{{\n{}\n", lines[0], lines[2]));
    assert_eq!(found.events().count(), 2);
    let rejects = found.rejects();
    assert_eq!(rejects.len(), 2, "{rejects:?}");
    assert_eq!((rejects[0].offset, rejects[0].line), (lines[0].len() as u64 + 1, 2));
    assert_eq!(rejects[0].length, torn.len() as u64);
    assert!(rejects[0].reason.contains("salvaged auditID"), "{}", rejects[0].reason);
    assert!(rejects[0].first_bytes.contains("1795480862272"), "{}", rejects[0].first_bytes);
}

#[test]
fn an_object_around_one_event_is_its_place_and_of_several_each_text_is() {
    let lines = lines();
    let one = of_no_format(&lines[0]);
    let two = json!({"a": lines[1], "b": lines[2]}).to_string();
    let found = read(format!("{one}\n{two}\n"));
    let places: Vec<(u64, u64)> = found.events().map(|e| (e.span.offset, e.span.length)).collect();
    let before = one.len() as u64 + 1;
    let [first, second] = [&lines[1], &lines[2]].map(|l| Value::from(l.as_str()).to_string().len() as u64);
    let at = |name: &str| before + two.find(name).unwrap() as u64 + 4;
    assert_eq!(places, [(0, one.len() as u64), (at("\"a\":"), first), (at("\"b\":"), second)]);
}
