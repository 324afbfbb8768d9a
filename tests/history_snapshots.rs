//! Known answers about snapshots: how far a sighting reaches, and what it means when snapshot and log disagree.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod history_support;

use history_support::*;
use kubesleuth::history::evidence::{Evidence, Listing};
use kubesleuth::history::version::History;
use kubesleuth::model::basis::Basis;
use kubesleuth::model::finding::Severity;
use kubesleuth::model::object::{ObjectKey, ObservedAt};
use kubesleuth::model::rbac::RBAC_GROUP;
use kubesleuth::model::time::{Interval, Timestamp};
use serde_json::json;

fn r() -> ObjectKey {
    key("ClusterRole", "", "r")
}

fn b() -> ObjectKey {
    key("ClusterRoleBinding", "", "b")
}

fn no_log(sim: &Sim) -> Evidence {
    sim.evidence_of(Level::RequestResponse, Vec::new())
}

fn at(history: &History, key: &ObjectKey, n: i64) -> Answer {
    ask(&rbac(history), key, ms(n))
}

#[test]
fn one_snapshot_alone_is_seen_at_its_time_and_assumed_around_it() {
    let mut sim = Sim::new();
    sim.create(r(), role("get"));
    sim.after(50_000).snapshot();
    let history = history(&no_log(&sim));
    assert_eq!(
        show(&history, &r()),
        [
            "10000..11000 unknown maybe get",
            "11000..60000 assumed get",
            "60000..60000.001 observed get",
            "60000.001..+ assumed get",
        ],
        "its creation is known to the second"
    );
    let other = key("ClusterRole", "", "other");
    assert_eq!(at(&history, &other, 60_000), Answer::Absent(Basis::Observed));
    assert_eq!(at(&history, &other, 70_000), Answer::Absent(Basis::Assumed));
    assert_eq!(at(&history, &other, 59_000), Answer::Unknown, "before the first evidence nothing tells of absence");
}

#[test]
fn managed_fields_bound_how_far_a_state_reaches_back() {
    let mut sim = Sim::new();
    sim.managed_fields = true;
    sim.create(b(), binding("view", "ann"));
    sim.after(20_500).update(&b(), binding("view", "eve"));
    // A label changes nothing that RBAC reads, and nothing of who wrote the subjects last.
    sim.after(10_000).patch(&b(), json!({"metadata": {"labels": {"a": "b"}}}));
    sim.after(10_000).snapshot();
    let history = history(&no_log(&sim));
    assert_eq!(
        show(&history, &b()),
        [
            "10000..11000 unknown maybe view>?",
            "11000..31000 unknown part view>?",
            "31000..50500.001 observed view>eve",
            "50500.001..+ assumed view>eve",
        ]
    );
}

#[test]
fn emptied_subjects_leave_no_time_of_writing() {
    let mut sim = Sim::new();
    sim.managed_fields = true;
    sim.create(b(), binding("view", "ann"));
    sim.after(20_000).update(&b(), json!({"roleRef": binding("view", "ann")["roleRef"]}));
    let mut body = sim.objects[&b()].clone();
    body["metadata"]["managedFields"][0]["time"] = json!(second(ms(10_000)));
    sim.set(&b(), Some(body));
    sim.after(20_000).snapshot();
    let history = history(&no_log(&sim));
    assert_eq!(show(&history, &b())[1], "11000..50000 assumed view>", "whoever empties a list owns nothing of it");
}

#[test]
fn two_snapshots_that_agree_or_not() {
    let mut sim = Sim::new();
    sim.create(r(), role("get"));
    sim.create(b(), binding("view", "ann"));
    let k = key("ClusterRoleBinding", "", "gone");
    sim.create(k.clone(), binding("view", "ann"));
    sim.after(20_000).snapshot();
    sim.after(10_000).update(&b(), binding("view", "eve"));
    sim.delete(&k);
    sim.after(10_000).snapshot();
    let history = history(&no_log(&sim));
    assert_eq!(
        show(&history, &r())[1..],
        ["11000..30000 assumed get", "30000..50000.001 observed get", "50000.001..+ assumed get"],
        "one uid and one resourceVersion: nothing was changed in between"
    );
    assert_eq!(
        show(&history, &b())[2..],
        [
            "30000..30000.001 observed view>ann",
            "30000.001..50000 unknown part view>?",
            "50000..50000.001 observed view>eve",
            "50000.001..+ assumed view>eve",
        ]
    );
    assert_eq!(
        show(&history, &k)[2..],
        ["30000..30000.001 observed view>ann", "30000.001..50000 unknown maybe view>ann"]
    );
    assert_eq!(at(&history, &k, 50_000), Answer::Absent(Basis::Observed));
    assert_eq!(codes(&history), [""; 0], "without a log nothing is contradicted");
}

#[test]
fn a_log_between_snapshots_tells_what_neither_shows() {
    let mut sim = Sim::new();
    sim.create(key("ClusterRole", "", "view"), role("get"));
    sim.after(5_000).snapshot();
    sim.after(5_000).create(b(), binding("cluster-admin", "eve"));
    sim.after(5_000).delete(&b());
    sim.after(5_000).snapshot();
    let mut evidence = sim.evidence(Level::RequestResponse);
    evidence.log = vec![Interval::new(ms(14_000), ms(31_000))];
    evidence.changes.remove(0);
    let history = history(&evidence);
    assert_eq!(show(&history, &b()), ["20000..25000 observed cluster-admin>eve"]);
    assert_eq!(at(&history, &b(), 14_500), Answer::Absent(Basis::Observed));
    assert_eq!(at(&history, &b(), 30_500), Answer::Absent(Basis::Observed));
}

#[test]
fn what_existed_before_the_log_and_was_deleted_in_it_is_unknown_before() {
    let mut sim = Sim::new();
    sim.create(b(), binding("view", "ann"));
    sim.after(20_000).delete(&b());
    sim.after(5_000).snapshot();
    let mut evidence = sim.evidence(Level::RequestResponse);
    evidence.log = vec![Interval::new(ms(25_000), ms(40_000))];
    evidence.changes.remove(0);
    let history = history(&evidence);
    let versions: Vec<_> = history.versions.iter().filter(|v| v.key == b()).collect();
    assert!(versions.iter().all(|v| v.basis == Basis::Unknown));
    assert_eq!(versions.last().unwrap().held.to, ms(30_000));
    assert_eq!(versions[0].held.from, Timestamp::MIN);
    assert_eq!(at(&history, &b(), 26_000), Answer::Unknown, "the list that follows does not make it absent");
    assert_eq!(at(&history, &r(), 26_000), Answer::Absent(Basis::Observed));
}

#[test]
fn a_policy_that_may_not_log_rbac_leaves_assumptions() {
    let mut sim = Sim::new();
    sim.create(key("Namespace", "", "a"), json!({}));
    sim.objects
        .insert(r(), json!({"kind": "ClusterRole", "metadata": {"name": "r", "uid": "u"}, "rules": rules("get")}));
    sim.after(5_000).snapshot();
    sim.after(5_000);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(codes(&history), ["rbac-changes-not-logged"]);
    assert_eq!(
        show(&history, &r())[1..],
        ["0..15000 assumed get", "15000..15000.001 observed get", "15000.001..+ assumed get"]
    );
}

/// A log with one RBAC change of something else, so that its silence counts.
fn logged() -> Sim {
    let mut sim = Sim::new();
    sim.create(key("ClusterRole", "", "else"), role("get"));
    sim
}

#[test]
fn a_snapshot_that_contradicts_the_log_is_a_finding_and_not_an_overwrite() {
    let mut sim = logged();
    sim.managed_fields = true;
    sim.create(b(), binding("view", "ann"));
    // Written past the API server's log.
    sim.after(10_000);
    let forged = sim.stamp(&b(), binding("view", "eve"), Some(&sim.objects[&b()].clone()));
    sim.set(&b(), Some(forged));
    sim.after(10_000).snapshot();
    sim.after(1_000);
    let history = history(&sim.evidence(Level::RequestResponse));
    let finding = &history.findings[0];
    assert_eq!(
        (finding.code, finding.severity, finding.witnesses.len()),
        ("snapshot-contradicts-log", Severity::High, 2)
    );
    assert_eq!(
        show(&history, &b())[..2],
        ["10000..21000 unknown part view>?", "21000..31000.001 observed view>eve"],
        "unknown from the logged state on, as far as the time of writing does not tell"
    );
}

#[test]
fn one_resource_version_with_two_contents_is_forged() {
    let mut sim = logged();
    sim.create(b(), binding("view", "ann"));
    let mut forged = sim.objects[&b()].clone();
    forged["subjects"][0]["name"] = json!("eve");
    sim.objects.insert(b(), forged);
    sim.after(5_000).snapshot();
    sim.after(1_000);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(codes(&history), ["snapshot-contradicts-log"]);
    assert_eq!(
        show(&history, &b()),
        ["10000..15000 unknown part view>?", "15000..16000.001 observed view>eve", "16000.001..+ assumed view>eve"]
    );
}

#[test]
fn two_snapshots_with_one_version_and_two_contents_are_not_believed() {
    let mut sim = Sim::new();
    sim.create(b(), binding("view", "ann"));
    sim.after(5_000).snapshot();
    let mut forged = sim.objects[&b()].clone();
    forged["subjects"][0]["name"] = json!("eve");
    sim.objects.insert(b(), forged);
    sim.after(5_000).snapshot();
    let history = history(&no_log(&sim));
    assert_eq!(codes(&history), ["snapshots-disagree"]);
    let last = show(&history, &b()).pop().unwrap();
    assert!(last.ends_with("unknown part view>?"), "{last}");
}

#[test]
fn an_object_that_the_log_shows_and_a_whole_list_lacks() {
    let mut sim = logged();
    sim.create(b(), binding("view", "ann"));
    sim.objects.remove(&b());
    sim.after(5_000).snapshot();
    sim.after(1_000);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(codes(&history), ["snapshot-contradicts-log"]);
    assert_eq!(show(&history, &b()), ["10000..15000 unknown maybe view>ann"]);
    assert_eq!(at(&history, &b(), 15_000), Answer::Absent(Basis::Observed));
}

#[test]
fn an_object_whose_creation_the_log_should_show() {
    let mut sim = logged();
    sim.after(5_300);
    let body = sim.stamp(&b(), binding("view", "eve"), None);
    sim.set(&b(), Some(body));
    sim.after(10_000).snapshot();
    sim.after(1_000);
    let history = history(&sim.evidence(Level::RequestResponse));
    let finding = &history.findings[0];
    assert_eq!((finding.code, finding.severity), ("unlogged-object", Severity::Medium));
    assert_eq!(
        show(&history, &b()),
        [
            "15000..16000 unknown maybe view>?",
            "16000..25300 assumed view>eve",
            "25300..26300.001 observed view>eve",
            "26300.001..+ assumed view>eve",
        ]
    );
}

#[test]
fn another_uid_than_the_logged_one() {
    let mut sim = logged();
    sim.create(b(), binding("view", "ann"));
    sim.after(5_300);
    let body = sim.stamp(&b(), binding("admin", "eve"), None);
    sim.set(&b(), Some(body));
    sim.after(10_000).snapshot();
    let history = history(&sim.evidence(Level::RequestResponse));
    assert!(codes(&history).contains(&"snapshot-contradicts-log"));
    let shown = show(&history, &b());
    assert_eq!(shown[0], "10000..15000 unknown maybe view>ann");
    assert_eq!(shown[1..3], ["15000..16000 unknown maybe admin>?", "16000..25300 assumed admin>eve"]);
}

#[test]
fn what_changes_while_a_snapshot_is_taken_contradicts_nothing() {
    for (seen_before, identified) in [(true, true), (false, true), (true, false), (false, false)] {
        let mut sim = logged();
        sim.anonymous = !identified;
        sim.create(b(), binding("view", "ann"));
        sim.after(5_000);
        let observed = ObservedAt { from: sim.t(), to: ms(sim.now + 1_000) };
        if seen_before {
            kubesleuth::model::rbac::RbacKind::ALL.iter().for_each(|k| sim.read(*k, observed));
        }
        sim.after(500).update(&b(), binding("view", "eve"));
        if !seen_before {
            kubesleuth::model::rbac::RbacKind::ALL.iter().for_each(|k| sim.read(*k, observed));
        }
        sim.after(2_000);
        for level in [Level::RequestResponse, Level::Request] {
            let history = history(&sim.evidence(level));
            assert_eq!(codes(&history), [""; 0], "{seen_before} {identified} {level:?}");
            for (n, user) in [(15_499, "ann"), (15_500, "eve"), (17_000, "eve")] {
                let Answer::Present(content, Basis::Observed) = at(&history, &b(), n) else { panic!("{n}") };
                assert_eq!(content[1][0]["name"], user, "{seen_before} {identified} {level:?}");
            }
        }
        // Without bodies only an identified sighting can be placed, and only by what is known around it.
        let history = history(&sim.evidence(Level::Metadata));
        assert_eq!(codes(&history), [""; 0]);
    }
}

#[test]
fn a_snapshot_older_than_it_says_is_placed_by_its_resource_version() {
    let mut sim = logged();
    sim.create(b(), binding("view", "ann"));
    sim.snapshot();
    sim.after(5_000).update(&b(), binding("view", "eve"));
    sim.after(5_000);
    let mut evidence = sim.evidence(Level::RequestResponse);
    for sighting in &mut evidence.sightings {
        sighting.observed = ObservedAt { from: ms(18_000), to: ms(18_000) };
    }
    for listing in &mut evidence.listings {
        listing.observed = ObservedAt { from: ms(18_000), to: ms(18_000) };
    }
    let history = history(&evidence);
    assert_eq!(codes(&history), ["clock-skew"]);
    assert_eq!(show(&history, &b())[..2], ["10000..15000 observed view>ann", "15000..20000.001 observed view>eve"]);
}

fn listing(kind: &str, namespace: Option<&str>, supposed: bool, n: i64) -> Listing {
    Listing {
        group: RBAC_GROUP.into(),
        kind: kind.into(),
        namespace: namespace.map(str::to_owned),
        observed: ObservedAt { from: ms(n), to: ms(n) },
        whole: true,
        supposed,
        from: kubesleuth::model::object::Provenance::default(),
    }
}

#[test]
fn a_list_speaks_for_what_it_lists() {
    let mut evidence = Evidence::default();
    evidence.listings.push(listing("RoleBinding", Some("a"), false, 10));
    let mut partial = listing("ClusterRole", None, false, 10);
    partial.whole = false;
    evidence.listings.push(partial);
    let history = history(&evidence);
    assert_eq!(at(&history, &key("RoleBinding", "a", "x"), 10), Answer::Absent(Basis::Observed));
    assert_eq!(at(&history, &key("RoleBinding", "b", "x"), 10), Answer::Unknown);
    assert_eq!(at(&history, &key("ClusterRole", "", "x"), 10), Answer::Unknown, "a page is no list");
}

#[test]
fn a_supposed_list_is_assumed_and_refused_when_something_is_missing_from_it() {
    let mut evidence = Evidence::default();
    evidence.listings.push(listing("ClusterRoleBinding", None, true, 10));
    assert_eq!(at(&history(&evidence), &b(), 10), Answer::Absent(Basis::Assumed));
    evidence.named_elsewhere.push(key("ClusterRoleBinding", "", "never-seen"));
    let refused = history(&evidence);
    assert_eq!(codes(&refused), ["list-not-whole"]);
    assert_eq!(at(&refused, &b(), 10), Answer::Unknown);
    // Whole lists are not doubted: what was named may have been deleted before.
    evidence.listings.push(listing("ClusterRoleBinding", None, false, 10));
    assert_eq!(at(&history(&evidence), &b(), 10), Answer::Absent(Basis::Observed));
}

#[test]
fn a_cluster_is_born_once() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), role("get"));
    sim.after(1_000);
    let known = history(&sim.evidence(Level::RequestResponse));
    for n in [-1_000_000, 0, 10_500] {
        assert_eq!(at(&known, &b(), n), Answer::Absent(Basis::Observed), "{n}");
    }
    assert_eq!(at(&known, &b(), 20_000), Answer::Absent(Basis::Assumed));
    let mut failed = sim.evidence(Level::RequestResponse);
    failed.changes[0].code = Some(409);
    assert_eq!(at(&history(&failed), &b(), 10_500), Answer::Unknown, "the one that failed is not the first");
}

#[test]
fn an_update_of_what_a_whole_log_never_created() {
    let mut sim = Sim::with_genesis();
    sim.objects.insert(r(), json!({"kind": "ClusterRole", "rules": [], "metadata": {}}));
    sim.after(5_000).update(&r(), role("*"));
    let mut evidence = sim.evidence(Level::Metadata);
    evidence.changes[1].level = Some("Metadata".into());
    let history = history(&evidence);
    assert_eq!(codes(&history), ["log-contradicts-itself"]);
    assert_eq!(at(&history, &r(), 12_000), Answer::Unknown);
}
