//! Recorded evidence of a real control plane: a binding that neither snapshot shows, and what the log tells of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod history_support;

use history_support::{Answer, Level, ask, at_level, codes, history, key, rbac, text};
use kubesleuth::history::evidence::{Change, Evidence, Listing, Sighting};
use kubesleuth::model::basis::Basis;
use kubesleuth::model::object::{ObjectKey, ObservedAt, Provenance};
use kubesleuth::model::rbac::{RBAC_GROUP, RbacKind};
use kubesleuth::model::time::{Interval, Timestamp};
use serde_json::Value;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn change(event: &Value, line: u64, level: Level) -> Change {
    let object = &event["objectRef"];
    let body = |field: &str| event.get(field).map(text);
    let change = Change {
        audit_id: of(&event["auditID"]),
        verb: of(&event["verb"]),
        level: Some(of(&event["level"])),
        stage: Some(of(&event["stage"])),
        code: event["responseStatus"]["code"].as_i64().and_then(|c| c.try_into().ok()),
        group: of(&object["apiGroup"]),
        resource: of(&object["resource"]),
        subresource: of(&object["subresource"]),
        namespace: of(&object["namespace"]),
        name: of(&object["name"]),
        uid: object["uid"].as_str().map(str::to_owned),
        request_uri: of(&event["requestURI"]),
        actor: of(&event["user"]["username"]),
        user_agent: of(&event["userAgent"]),
        received: event["requestReceivedTimestamp"].as_str().map(time),
        staged: time(event["stageTimestamp"].as_str().unwrap()),
        request_body: body("requestObject"),
        response_body: body("responseObject"),
        truncated: false,
        from: Provenance { source_id: "audit".into(), offset: 0, line, length: 0 },
    };
    at_level(&change, level)
}

fn evidence(level: Level) -> Evidence {
    let mut evidence = Evidence {
        log: vec![Interval::new(time("2026-11-24T00:41:02.0Z"), time("2026-11-24T00:42:06Z"))],
        ..Evidence::default()
    };
    for (n, line) in include_str!("data/history/incident.jsonl").lines().enumerate() {
        let record: Value = serde_json::from_str(line).unwrap();
        let line = n as u64 + 1;
        if let Some(event) = record.get("event") {
            evidence.changes.push(change(event, line, level));
            continue;
        }
        let kind = RbacKind::from_resource(record["list"].as_str().unwrap()).unwrap();
        let at = |n: usize| time(record["observed"][n].as_str().unwrap());
        let observed = ObservedAt { from: at(0), to: at(1) };
        let from = Provenance { source_id: "snapshot".into(), offset: 0, line, length: 0 };
        evidence.listings.push(Listing {
            group: RBAC_GROUP.into(),
            kind: kind.as_str().into(),
            namespace: None,
            observed,
            whole: true,
            supposed: false,
            from: from.clone(),
        });
        for item in record["items"].as_array().unwrap() {
            let meta = &item["metadata"];
            let key =
                key(kind.as_str(), meta["namespace"].as_str().unwrap_or_default(), meta["name"].as_str().unwrap());
            evidence.sightings.push(Sighting {
                key,
                uid: Some(of(&meta["uid"])),
                resource_version: Some(of(&meta["resourceVersion"])),
                observed,
                body: text(item),
                from: from.clone(),
            });
        }
    }
    evidence
}

fn backdoor() -> ObjectKey {
    key("ClusterRoleBinding", "", "system:node-proxier-sync")
}

fn deployer() -> ObjectKey {
    key("ClusterRole", "", "ci-deployer")
}

#[test]
fn the_log_agrees_with_both_snapshots_at_every_level() {
    for level in [Level::RequestResponse, Level::Request, Level::Metadata] {
        assert_eq!(codes(&history(&evidence(level))), [""; 0], "{level:?}");
    }
}

#[test]
fn the_backdoor_that_no_snapshot_shows() {
    for level in [Level::RequestResponse, Level::Request] {
        let timeline = rbac(&history(&evidence(level)));
        let at = |t: &str| ask(&timeline, &backdoor(), time(t));
        assert_eq!(at("2026-11-24T00:41:41.2Z"), Answer::Absent(Basis::Observed));
        for t in ["2026-11-24T00:41:41.201117Z", "2026-11-24T00:41:43Z", "2026-11-24T00:41:57.110935Z"] {
            let Answer::Present(content, Basis::Observed) = at(t) else { panic!("{t}") };
            assert_eq!(content[0], "cluster-admin");
            assert_eq!(content[1][0]["name"], "metrics-sync");
        }
        assert_eq!(at("2026-11-24T00:41:57.110936Z"), Answer::Absent(Basis::Observed));
    }
    let timeline = rbac(&history(&evidence(Level::Metadata)));
    assert_eq!(ask(&timeline, &backdoor(), time("2026-11-24T00:41:43Z")), Answer::Unknown);
    assert_eq!(ask(&timeline, &backdoor(), time("2026-11-24T00:41:58Z")), Answer::Absent(Basis::Observed));
}

/// The intruder used the aggregation controller's token; its patch carries rules that are not the role's.
#[test]
fn the_escalation_of_a_role_under_the_controllers_name() {
    let wide = "2026-11-24T00:41:41.2Z";
    for (level, basis) in [(Level::RequestResponse, Basis::Observed), (Level::Request, Basis::Derived)] {
        let history = history(&evidence(level));
        let timeline = rbac(&history);
        let Answer::Present(rules, found) = ask(&timeline, &deployer(), time(wide)) else { panic!("{level:?}") };
        let all =
            |rule: &Value| rule["verbs"] == serde_json::json!(["*"]) && rule["resources"] == serde_json::json!(["*"]);
        assert!(rules[0].as_array().unwrap().iter().any(all), "{level:?} {rules}");
        assert_eq!(found, basis, "{level:?}");
        let version = history.versions.iter().find(|v| v.key == deployer() && v.held.contains(time(wide))).unwrap();
        let controller = "system:serviceaccount:kube-system:clusterrole-aggregation-controller";
        assert_eq!(version.actor.as_deref(), Some(controller));
        let before = ask(&timeline, &deployer(), time("2026-11-24T00:41:30Z"));
        let after = ask(&timeline, &deployer(), time("2026-11-24T00:41:45Z"));
        let (Answer::Present(before, _), Answer::Present(after, _)) = (before, after) else { panic!() };
        assert_eq!(before, after, "restored to hide it");
    }
    let timeline = rbac(&history(&evidence(Level::Metadata)));
    assert_eq!(ask(&timeline, &deployer(), time(wide)), Answer::Unknown, "not recomputed: it gathers nothing");
}

#[test]
fn the_cluster_began_empty() {
    let timeline = rbac(&history(&evidence(Level::RequestResponse)));
    let admin = key("ClusterRole", "", "cluster-admin");
    assert_eq!(ask(&timeline, &admin, time("2026-11-24T00:41:02.5Z")), Answer::Absent(Basis::Observed));
    assert!(matches!(ask(&timeline, &admin, time("2026-11-24T00:41:03Z")), Answer::Present(_, Basis::Observed)));
}
