//! History rebuilt share by share is the history rebuilt all at once: whatever lies in which share, in memory or in the
//! file, and whatever was done to many objects at a time.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod history_support;

use std::collections::BTreeSet;

use history_support::*;
use kubesleuth::history::evidence::Evidence;
use kubesleuth::history::version::ObjectVersion;
use kubesleuth::history::{Beyond, Noted, Stage, is_core_object, is_core_resource};
use kubesleuth::import::changes::ChangeRow;
use kubesleuth::import::put_aside::{CORE_PLACES, PutAside};
use kubesleuth::model::finding::Finding;
use kubesleuth::model::object::{ObjectKey, ObservedAt, Provenance};
use proptest::prelude::*;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
struct Op {
    what: u8,
    which: usize,
    content: usize,
    wait: i64,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = (0..16_u8, 0..24_usize, 0..3_usize, prop_oneof![1..40_i64, 400..1200_i64]);
    prop::collection::vec(op.prop_map(|(what, which, content, wait)| Op { what, which, content, wait }), 1..60)
}

/// Objects of known kinds, of a kind that only bodies name, and of RBAC.
fn keys() -> Vec<ObjectKey> {
    let mut keys = Vec::new();
    for kind in ["Pod", "ServiceAccount", "Gadget", "RoleBinding"] {
        for namespace in ["a", "b"] {
            keys.extend(["one", "two", "three"].map(|name| key(kind, namespace, name)));
        }
    }
    keys
}

fn body(key: &ObjectKey, content: usize) -> Value {
    let tier = ["x", "y", "z"][content];
    let mut body = if key.kind == "RoleBinding" { binding("one", tier) } else { json!({"spec": {"size": content}}) };
    body["metadata"] = json!({"labels": {"tier": tier}});
    body
}

fn one(sim: &mut Sim, key: &ObjectKey, op: &Op) {
    let space = history_support::key("Namespace", "", &key.namespace);
    if !sim.objects.contains_key(&space) {
        sim.create(space, json!({"spec": {"finalizers": ["kubernetes"]}}));
    }
    match (op.what, sim.objects.contains_key(key)) {
        (0..4, true) => sim.patch(key, json!({"spec": {"size": op.content}})),
        (4..8, true) => sim.delete(key),
        (_, true) => sim.update(key, body(key, op.content)),
        (what, false) => {
            sim.create(key.clone(), body(key, op.content));
            if what % 2 == 0 {
                // The server named it: the record says no name, the answer does.
                let last = sim.changes.last_mut().unwrap();
                last.name.clear();
                let mut begun = last.clone();
                begun.stage = Some("RequestReceived".into());
                (begun.code, begun.response_body, begun.request_body) = (None, None, None);
                sim.changes.push(begun);
            }
        }
    }
}

fn play(ops: &[Op]) -> Sim {
    let mut sim = Sim::with_genesis();
    let keys = keys();
    for op in ops {
        sim.now += op.wait;
        let key = &keys[op.which];
        let tier = ["x", "y", "z"][op.content];
        match op.what {
            0..11 => one(&mut sim, key, op),
            11 => {
                let query = format!("labelSelector=tier%3D{tier}");
                sim.delete_collection(&key.kind, &key.namespace, &query, |v| v["metadata"]["labels"]["tier"] == tier);
            }
            12 => sim.delete_collection(&key.kind, &key.namespace, "", |_| true),
            13 if sim.objects.contains_key(&history_support::key("Namespace", "", &key.namespace)) => {
                sim.end_namespace(&key.namespace);
            }
            _ => {
                sim.snapshot();
                let observed = ObservedAt { from: sim.t(), to: sim.t() };
                let seen: Vec<(ObjectKey, Value)> = sim.objects.clone().into_iter().collect();
                let others = seen.iter().filter(|(k, _)| k.group.is_empty());
                let record = |n: usize| Provenance { source_id: "seen".into(), offset: n as u64, line: 1, length: 1 };
                sim.sightings.extend(others.enumerate().map(|(n, (k, v))| sighting(k, v, observed, record(n))));
            }
        }
    }
    sim.now += 500;
    sim
}

fn by_shares(evidence: &Evidence, size: usize) -> (Vec<ObjectVersion>, Vec<Finding>, usize) {
    let dir = tempfile::tempdir().unwrap();
    let (mut aside, mut beyond) = (PutAside::new(dir.path()), Beyond::default());
    for change in &evidence.changes {
        beyond.change(Noted::of(change), kind_of(&change.group, &change.resource).is_some());
        let row = ChangeRow::of_change(change);
        if is_core_resource(&change.group, &change.resource) { aside.core(row) } else { aside.change(row) }.unwrap();
    }
    let mut core = evidence.clone();
    core.sightings.retain(|s| is_core_object(&s.key));
    for sighting in &evidence.sightings {
        beyond.sighting(sighting);
        if !is_core_object(&sighting.key) {
            aside.sighting(sighting).unwrap();
        }
    }
    let shares = aside.shares(size);
    core.changes.clear();
    let pieces = (0..CORE_PLACES).map(|place| shares.core(place));
    let (stage, mut core) = Stage::set(core, pieces, beyond, &kind_of).unwrap();
    let mut versions = Vec::new();
    while let Some(more) = stage.core(&mut core, size) {
        versions.extend(more);
    }
    assert!(versions.is_sorted_by(|a, b| (&a.key, a.held) <= (&b.key, b.held)));
    let (known_sets, mut findings) = stage.known(core);
    for number in 0..shares.len() {
        let share = shares.load(number).unwrap();
        let (more, found) = stage.part(&share.sightings, &share.changes, &|g, ns, n| share.has(g, ns, n));
        versions.extend(more);
        findings.extend(found);
    }
    versions.sort_by(|a, b| (&a.key, a.held, &a.from).cmp(&(&b.key, b.held, &b.from)));
    findings.sort_by(|a, b| (a.at, a.code, &a.message).cmp(&(b.at, b.code, &b.message)));
    findings.dedup();
    assert_eq!(known_sets, history(evidence).known_sets);
    (versions, findings, shares.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn shares_give_the_history_of_the_whole(ops in ops(), level in prop_oneof![
        Just(Level::RequestResponse), Just(Level::Request), Just(Level::Metadata),
    ], size in prop_oneof![Just(1_usize), Just(2000), Just(1 << 20)]) {
        let evidence = play(&ops).evidence(level);
        let whole = history(&evidence);
        let (versions, findings, shares) = by_shares(&evidence, size);
        prop_assert_eq!(&versions, &whole.versions);
        prop_assert_eq!(findings, whole.findings);
        prop_assert!(shares == 1 || size < 1 << 20);
        let kinds: BTreeSet<&str> = versions.iter().map(|v| &*v.key.kind).collect();
        prop_assert!(kinds.contains("Namespace"));
    }
}

#[test]
fn what_does_not_fit_into_memory_comes_back_from_the_file_in_its_order() {
    let mut sim = Sim::with_genesis();
    sim.create(key("Namespace", "", "a"), json!({"spec": {"finalizers": ["kubernetes"]}}));
    let pods: Vec<ObjectKey> = (0..40).map(|n| key("Pod", "a", &format!("pod-{n}"))).collect();
    for pod in &pods {
        sim.now += 1;
        sim.create(pod.clone(), json!({"spec": {"text": "x".repeat(20_000)}}));
    }
    for round in 0..5 {
        for pod in &pods {
            sim.now += 1;
            sim.update(pod, json!({"spec": {"text": format!("{round}").repeat(30_000)}}));
        }
    }
    let evidence = sim.evidence(Level::RequestResponse);
    let (versions, _, shares) = by_shares(&evidence, 100_000);
    assert_eq!(versions, history(&evidence).versions);
    let states: BTreeSet<_> =
        versions.iter().filter(|v| v.key.kind == "Pod").map(|v| (&v.key, &v.resource_version)).collect();
    assert_eq!(states.len(), 40 * 6);
    assert!(shares > 10);
}
