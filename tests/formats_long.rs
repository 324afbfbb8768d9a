//! Long lists of records are taken apart while they are read. What is read is the same as from the whole document: the
//! simple way, which holds it, is the model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod formats_support;

use std::collections::BTreeMap;
use std::io::Read;

use formats_support::{All, folders, read_bytes};
use kubesleuth::formats::decode::peel;
use kubesleuth::formats::limits::{Budget, Limits};
use kubesleuth::formats::source::{Batch, Source};
use serde_json::{Value, json};

fn apart(long: usize) -> Limits {
    Limits { long, ..Limits::default() }
}

/// Stretches that a source is taken apart into.
fn stretches(bytes: &[u8], limits: Limits) -> usize {
    let budget = Budget::new(limits);
    let peeled = peel(Box::new(budget.metered(bytes)), &budget).unwrap();
    let mut source = Source::open(peeled, "x.json", &budget);
    std::iter::from_fn(|| source.next_batch()).filter(|b| matches!(b, Batch::Stretch(_))).count()
}

/// All that was told of a source.
fn told(all: &All) -> Vec<String> {
    let events = all.events().map(|e| format!("{:?} {:?} {} {:?}", e.span, e.format, json!(e.content), e.component));
    let rejects = all.rejects().into_iter().map(|r| format!("{r:?}"));
    let others = all.sources.iter().flat_map(|s| s.json.iter().map(|j| format!("{j:?}")));
    let skipped = all.sources.iter().map(|s| format!("{:?} {:?}", s.skipped, s.facts));
    let warnings = all.warnings().into_iter();
    events.chain(rejects).chain(others).chain(skipped).chain(warnings).collect()
}

fn same(name: &str, bytes: &[u8]) -> usize {
    let whole = told(&read_bytes("x.json", bytes, Limits::default()));
    let mut most = 0;
    for long in [700, 5_000, 60_000] {
        let found = stretches(bytes, apart(long));
        let parts = told(&read_bytes("x.json", bytes, apart(long)));
        let differs = whole.iter().zip(&parts).find(|(a, b)| a != b);
        assert_eq!((whole.len(), None), (parts.len(), differs), "{name}, {long}, {found} stretches");
        most = most.max(found);
    }
    most
}

#[test]
fn every_recorded_export_reads_the_same_whole_and_taken_apart() {
    let mut taken_apart = 0;
    for (name, folder) in folders() {
        for (path, bytes) in &folder {
            let mut plain = Vec::new();
            let budget = Budget::new(Limits::default());
            let Ok(mut peeled) = peel(Box::new(budget.metered(bytes.as_slice())), &budget) else { continue };
            if peeled.reader.read_to_end(&mut plain).is_ok() {
                taken_apart += usize::from(same(&format!("{name}/{path}"), &plain) > 1);
            }
        }
    }
    assert!(taken_apart >= 5, "only {taken_apart} exports were taken apart");
}

fn event(n: usize) -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Request", "stage": "ResponseComplete",
        "auditID": format!("00000000-0000-4000-8000-{n:012}"), "requestURI": "/api/v1/pods", "verb": "create",
        "user": {"username": "jane"}, "requestReceivedTimestamp": "2026-06-01T00:00:00.000000Z",
        "stageTimestamp": "2026-06-01T00:00:01.000000Z",
        "requestObject": {"kind": "Pod", "items": [{"n": n, "events": [{"message": "]}\\\"", "timestamp": 1}]}]}
    })
}

fn log_event(n: usize, message: &str) -> Value {
    json!({"logStreamName": "kube-apiserver-audit-1", "timestamp": 1_780_000_000_000_u64 + n as u64, "message": message})
}

/// One document of each kind that is taken apart, with `n` records.
fn documents(n: usize) -> BTreeMap<&'static str, (String, String)> {
    let events: Vec<Value> = (0..n).map(event).collect();
    let log: Vec<Value> = events.iter().enumerate().map(|(n, e)| log_event(n, &e.to_string())).collect();
    let hits: Vec<Value> = events
        .iter()
        .map(|e| json!({"_id": "1", "_source": {"@timestamp": "2026-06-01T00:00:00Z", "message": e.to_string()}}))
        .collect();
    let both = |v: Value| (v.to_string(), serde_json::to_string_pretty(&v).unwrap());
    // The API server tells the kind first.
    let (list, pretty_list) = both(json!({"items": events, "metadata": {}}));
    let told = r#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","#;
    BTreeMap::from([
        ("list", both(json!(events))),
        ("event list", (format!("{told}{}", &list[1..]), format!("{told}{}", &pretty_list[1..]))),
        ("log events", both(json!({"events": log, "nextToken": "t", "searchedLogStreams": []}))),
        ("hits", both(json!({"hits": {"hits": hits, "total": {"value": n + 1}}, "took": 1}))),
    ])
}

#[test]
fn long_lists_of_every_kind_read_the_same_in_any_writing() {
    for (name, (compact, pretty)) in documents(120) {
        let nulls = pretty.replacen("[\n", "[\n null,\n", 1);
        for (writing, text) in [
            ("compact", compact.clone()),
            ("pretty", pretty.clone()),
            ("two", format!("{compact}{pretty}\n{compact}\n")),
            ("a mark", format!("\u{feff} \n{pretty}")),
            ("behind a log line", format!("{}\n{compact}\n", event(999))),
            ("before log lines", format!("{compact}\n{}\n{}\n", event(998), event(999))),
        ] {
            let found = same(&format!("{name}, {writing}"), text.as_bytes());
            assert_eq!(found > 2, writing != "behind a log line", "{name}, {writing}: {found} stretches");
        }
        assert_eq!(same(name, nulls.as_bytes()), 0, "a list that begins with null is read whole");
    }
}

fn csv(n: usize) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let rows = (0..n).map(|n| {
        let other = if n % 7 == 0 { "two\nlines, of \"text\"" } else { "plain" };
        format!("{},{},host-1\r\n", quoted(&event(n).to_string()), quoted(other))
    });
    format!("_raw,note,host\r\n{}", rows.collect::<String>())
}

#[test]
fn long_csv_reads_the_same_whole_and_taken_apart() {
    let text = csv(120);
    assert!(same("csv", text.as_bytes()) > 2);
    assert!(same("a mark", format!("\u{feff}{text}").as_bytes()) > 2);
    assert!(same("no line end", text.trim_end().as_bytes()) > 2);
    assert!(same("blank lines", text.replace("host-1\r\n", "host-1\r\n\r\n").as_bytes()) > 2);
    for lost in ["000000000000\"\"", "000000000070\"\"", "000000000119\"\""] {
        let at = text.find(lost).unwrap() + lost.len();
        // The cell's closing quote, and then another that none closes.
        let end = at + text[at..].find("}\",").unwrap() + 1;
        for broken in [format!("{}{}", &text[..end], &text[end + 1..]), format!("{}\"{}", &text[..at], &text[at..])] {
            assert!(same(lost, broken.as_bytes()) > 2);
            let read = read_bytes("x.csv", broken.as_bytes(), apart(5_000));
            // Without its closing quote the event can still be read; what follows it cannot.
            assert!(read.events().count() >= 119 && !read.rejects().is_empty(), "{lost}");
        }
    }
}

#[test]
fn a_message_split_over_log_events_is_whole_wherever_the_list_is_taken_apart() {
    for split in 0..60 {
        let mut events = Vec::new();
        for n in 0..60 {
            let text = event(n).to_string();
            match text.split_at(text.len() / 2) {
                (a, b) if n == split => events.extend([log_event(n, a), log_event(n, b)]),
                _ => events.push(log_event(n, &text)),
            }
        }
        let text = json!({"events": events}).to_string();
        assert!(same(&format!("split {split}"), text.as_bytes()) > 2);
        assert_eq!(read_bytes("x.json", text.as_bytes(), apart(700)).events().count(), 60);
    }
}

#[test]
fn a_broken_record_of_a_long_list_costs_itself_only() {
    for (name, (compact, pretty)) in documents(120) {
        for text in [compact, pretty] {
            let at = text.find("000000000070").unwrap();
            let start = text[..at].rfind("kind").unwrap();
            let broken = [&text.as_bytes()[..start], b"\xff\" :", &text.as_bytes()[start + 3..]].concat();
            let read = read_bytes("x.json", &broken, apart(5_000));
            let ids: Vec<String> = read.events().map(|e| e.audit_id.clone()).collect();
            assert_eq!((ids.len(), read.rejects().len()), (119, 1), "{name}: {:?}", read.rejects());
            let reject = read.rejects()[0].clone();
            assert!(reject.offset as usize <= start && (reject.offset + reject.length) as usize > start, "{reject:?}");
            assert!(reject.length < 5_000, "{name}: {reject:?}");
        }
    }
}

#[test]
fn a_long_list_that_was_cut_off_keeps_its_records() {
    for (name, (compact, pretty)) in documents(120) {
        for text in [compact, pretty] {
            let at = text.find("000000000070").unwrap();
            let read = read_bytes("x.json", &text.as_bytes()[..at], apart(5_000));
            assert_eq!((read.events().count(), read.rejects().len()), (70, 1), "{name}");
        }
    }
}

#[test]
fn a_record_that_lost_its_start_costs_itself_only_wherever_it_lies() {
    let list = |head: &str, tail: &str, record: &dyn Fn(usize) -> String| {
        let damages = ["{000000000}", "00000013}"];
        for (at, damage) in (1..40).flat_map(|at| damages.map(|d| (at, d))) {
            let records: Vec<String> = (0..40).map(|n| if n == at { damage.to_owned() } else { record(n) }).collect();
            let text = format!("{head}{}{tail}", records.join(","));
            // Every stretch holds one record.
            let read = read_bytes("x.json", text.as_bytes(), apart(700));
            assert_eq!((read.events().count(), read.rejects().len()), (39, 1), "{head} {at} {damage}");
            assert!(read.rejects()[0].length < 700, "{head} {at} {damage}: {:?}", read.rejects());
        }
    };
    list("[", "]", &|n| event(n).to_string());
    list("{\"events\":[", "]}", &|n| log_event(n, &event(n).to_string()).to_string());
    list("{\"hits\":{\"hits\":[", "]}}", &|n| {
        json!({"_id": "1", "_source": {"message": event(n).to_string()}}).to_string()
    });
}

#[test]
fn what_closes_a_stretch_is_told_at_no_place() {
    // A line end torn into a record: its rest looks like a document of its own.
    let pretty = documents(20)["log events"].1.clone();
    let (before, behind) = pretty.split_at(pretty.find("000000000010").unwrap());
    let text = format!("{before}{}", behind.replacen("      \"timestamp\"", "\n{   \"timestamp\"", 1));
    assert_ne!(text, pretty);
    let read = read_bytes("x.json", text.as_bytes(), apart(700));
    assert!(!read.rejects().is_empty());
    for reject in read.rejects() {
        let before = &text.as_bytes()[..reject.offset as usize];
        assert_eq!(reject.line, 1 + before.iter().filter(|b| **b == b'\n').count() as u64, "{reject:?}");
        assert!(reject.length > 0 && before.len() as u64 + reject.length <= text.len() as u64, "{reject:?}");
    }
}
