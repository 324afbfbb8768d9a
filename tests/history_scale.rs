//! Size and hostility: work must stay linear whatever the evidence looks like. There is no clock here: at these sizes
//! quadratic work would not end, and what is asserted is that nothing is lost on the way.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod history_support;

use history_support::*;
use kubesleuth::history::evidence::Evidence;
use kubesleuth::history::version::History;
use serde_json::json;

/// The history, with as many versions of RBAC objects as its timeline shows.
fn rebuilt(what: &str, evidence: &Evidence) -> (History, usize) {
    let history = history(evidence);
    let timeline = rbac(&history);
    let versions = timeline.roles.len() + timeline.bindings.len();
    assert!(versions > 0, "{what}: {} changes gave no version", evidence.changes.len());
    (history, versions)
}

#[test]
fn a_hundred_thousand_changes_of_many_objects() {
    let mut sim = Sim::with_genesis();
    let spaces: Vec<String> = (0..50).map(|n| format!("ns-{n}")).collect();
    for space in &spaces {
        sim.create(key("Namespace", "", space), json!({"spec": {"finalizers": ["kubernetes"]}}));
    }
    for n in 0..100_000_usize {
        let key = key("RoleBinding", &spaces[n % 50], &format!("rb-{}", n / 50 % 400));
        sim.after(70);
        match (sim.objects.contains_key(&key), n % 7) {
            (false, _) => sim.create(key, binding("view", "ann")),
            (true, 0) => sim.delete(&key),
            (true, 1..4) => sim.patch(&key, json!({"subjects": binding("view", "bob")["subjects"]})),
            (true, _) => sim.update(&key, binding("view", "eve")),
        }
        if n % 20_000 == 0 {
            sim.snapshot();
        }
    }
    for level in [Level::RequestResponse, Level::Request, Level::Metadata] {
        let (history, _) = rebuilt(&format!("{level:?}"), &sim.evidence(level));
        assert_eq!(codes(&history), [""; 0]);
    }
}

#[test]
fn one_object_changed_without_end() {
    let mut sim = Sim::with_genesis();
    let key = key("ClusterRole", "", "r");
    sim.create(key.clone(), role("get"));
    for n in 0..20_000 {
        sim.after(10).update(&key, role(if n % 2 == 0 { "list" } else { "get" }));
    }
    for level in [Level::RequestResponse, Level::Request, Level::Metadata] {
        let (_, versions) = rebuilt("one object", &sim.evidence(level));
        // Each update made another state of it; at Metadata level the unknown ones may run together.
        assert!(versions > if level == Level::Metadata { 0 } else { 20_000 }, "{level:?}: {versions}");
    }
}

#[test]
fn deletions_of_many_that_take_nothing() {
    let mut sim = Sim::with_genesis();
    for n in 0..10_000 {
        let mut body = binding("view", "ann");
        body["metadata"] = json!({"labels": {"app": format!("a{n}")}});
        sim.after(1).create(key("RoleBinding", "ns", &format!("rb-{n}")), body);
    }
    for n in 0..10_000 {
        let query = if n % 2 == 0 { "labelSelector=app%3Dnone" } else { "labelSelector=app%3E5" };
        sim.after(1).delete_collection("RoleBinding", "ns", query, |_| false);
    }
    rebuilt("selectors", &sim.evidence(Level::Request));
    rebuilt("selectors", &sim.evidence(Level::Metadata));
}

#[test]
fn namespaces_ending_over_and_over() {
    let mut sim = Sim::with_genesis();
    for n in 0..1_000 {
        let space = format!("ns-{}", n % 10);
        sim.after(5).create(key("Namespace", "", &space), json!({"spec": {"finalizers": ["kubernetes"]}}));
        for i in 0..20 {
            sim.after(1).create(key("RoleBinding", &space, &format!("rb-{i}")), binding("view", "ann"));
        }
        sim.after(5).end_namespace(&space);
    }
    for level in [Level::RequestResponse, Level::Metadata] {
        let (history, _) = rebuilt("namespaces", &sim.evidence(level));
        assert_eq!(codes(&history), [""; 0]);
    }
    // The controller's own deletions left out, as some policies do.
    let mut evidence = sim.evidence(Level::Request);
    evidence.changes.retain(|c| c.verb != "deletecollection");
    rebuilt("namespaces, not seen emptied", &evidence);
}

#[test]
fn many_snapshots_without_a_log() {
    let mut sim = Sim::new();
    for n in 0..500 {
        sim.create(key("ClusterRole", "", &format!("r{n}")), role("get"));
    }
    for _ in 0..100 {
        sim.after(3_600_000).snapshot();
    }
    rebuilt("snapshots", &sim.evidence_of(Level::RequestResponse, Vec::new()));
}

#[test]
fn forged_evidence_cannot_make_it_hang() {
    let mut sim = Sim::with_genesis();
    let key = key("ClusterRole", "", "r");
    sim.create(key.clone(), role("get"));
    for n in 0..30_000 {
        sim.update(&key, role(&format!("v{n}")));
        let last = sim.changes.last_mut().unwrap();
        last.audit_id = "same".into();
    }
    let mut evidence = sim.evidence(Level::RequestResponse);
    // A snapshot that says it took for ever, many times over.
    sim.after(10).snapshot();
    for sighting in sim.sightings.iter().chain(&sim.sightings).cycle().take(3_000) {
        let mut sighting = sighting.clone();
        sighting.observed.from = ms(0);
        sighting.observed.to = ms(1_000_000_000);
        evidence.sightings.push(sighting);
    }
    let deep = format!(
        "{{\"kind\":\"ClusterRole\",\"metadata\":{{}},\"rules\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    evidence.changes[5].response_body = Some(deep.as_str().into());
    evidence.changes[6].response_body = Some("{\"kind\":".into());
    rebuilt("forged", &evidence);
}
