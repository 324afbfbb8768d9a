//! Known answers about requests that concern many objects or nameless ones, and about aggregated roles.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod history_support;

use history_support::*;
use kubesleuth::history::evidence::Evidence;
use kubesleuth::history::version::History;
use kubesleuth::model::basis::Basis;
use kubesleuth::model::object::ObjectKey;
use kubesleuth::model::time::Interval;
use serde_json::{Value, json};

const BOTH: [Level; 2] = [Level::RequestResponse, Level::Request];

fn at(history: &History, key: &ObjectKey, n: i64) -> Answer {
    ask(&rbac(history), key, ms(n))
}

fn rb(name: &str) -> ObjectKey {
    key("RoleBinding", "ns", name)
}

fn labelled(app: &str) -> Value {
    let mut body = binding("view", "ann");
    body["metadata"] = json!({"labels": {"app": app}});
    body
}

#[test]
fn a_selector_takes_what_it_matches() {
    let mut sim = Sim::with_genesis();
    sim.create(rb("one"), labelled("web"));
    sim.create(rb("two"), labelled("db"));
    sim.create(key("RoleBinding", "other", "one"), labelled("web"));
    sim.after(100).delete_collection("RoleBinding", "ns", "labelSelector=app%20in%20(web,x)", |v| {
        v["metadata"]["labels"]["app"] == "web"
    });
    sim.after(100);
    for level in BOTH {
        let history = history(&sim.evidence(level));
        assert_eq!(show(&history, &rb("one")), ["10010..10110 observed view>ann"], "{level:?}");
        assert_eq!(at(&history, &rb("one"), 10_110), Answer::Absent(Basis::Observed));
        assert_eq!(show(&history, &rb("two"))[0], "10010..10210.001 observed view>ann", "{level:?}");
        assert_eq!(show(&history, &key("RoleBinding", "other", "one"))[0], "10010..10210.001 observed view>ann");
    }
    let history = history(&sim.evidence(Level::Metadata));
    assert_eq!(show(&history, &rb("two")), ["10010..10110 unknown ?", "10110..+ unknown ?"], "labels are not known");
}

#[test]
fn a_field_selector_names_one() {
    let mut sim = Sim::with_genesis();
    sim.create(rb("one"), labelled("web"));
    sim.create(rb("two"), labelled("web"));
    sim.after(100).delete_collection("RoleBinding", "ns", "fieldSelector=metadata.name%3Done", |v| {
        v["metadata"]["name"] == "one"
    });
    sim.after(100);
    let history = history(&sim.evidence(Level::Metadata));
    assert_eq!(at(&history, &rb("one"), 10_150), Answer::Absent(Basis::Observed));
    assert_eq!(show(&history, &rb("two")), ["10010..+ unknown ?"]);
}

#[test]
fn a_first_page_of_a_deletion_leaves_doubt() {
    let mut sim = Sim::with_genesis();
    sim.create(rb("one"), labelled("web"));
    sim.after(100).delete_collection("RoleBinding", "ns", "limit=1", |_| true);
    sim.after(100);
    assert_eq!(show(&history(&sim.evidence(Level::Request)), &rb("one"))[1], "10110..+ unknown maybe view>ann");
    let told = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(at(&told, &rb("one"), 10_110), Answer::Absent(Basis::Observed), "the response lists it");
}

#[test]
fn a_deletion_of_many_that_failed_midway_leaves_doubt() {
    let mut sim = Sim::with_genesis();
    sim.create(rb("one"), labelled("web"));
    sim.after(100).delete_collection("RoleBinding", "ns", "", |_| false);
    let last = sim.changes.last_mut().unwrap();
    last.code = Some(500);
    last.response_body = None;
    sim.after(100);
    assert_eq!(show(&history(&sim.evidence(Level::RequestResponse)), &rb("one"))[1], "10110..+ unknown maybe view>ann");
}

/// A list that follows does not make absent before a deletion what the deletion may have taken.
#[test]
fn a_deletion_that_does_not_say_what_it_took_keeps_absence_open() {
    let mut sim = Sim::new();
    sim.create(rb("known"), labelled("web"));
    sim.after(100).delete_collection("RoleBinding", "ns", "", |_| true);
    sim.after(100).snapshot();
    let told = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(at(&told, &rb("any"), 10_050), Answer::Absent(Basis::Observed));
    let untold = history(&sim.evidence(Level::Request));
    assert_eq!(at(&untold, &rb("any"), 10_050), Answer::Unknown);
    assert_eq!(at(&untold, &rb("any"), 10_150), Answer::Absent(Basis::Observed));
    assert_eq!(at(&untold, &key("RoleBinding", "other", "any"), 10_050), Answer::Absent(Basis::Observed));
    let ghost = untold.versions.iter().find(|v| v.key.name.contains('?')).unwrap();
    assert_eq!((ghost.held.to, ghost.basis), (ms(10_100), Basis::Unknown));
}

/// Roles are looked up by name, so a nameless one has to show in the set itself.
#[test]
fn a_nameless_role_makes_a_hole_in_the_set() {
    let mut sim = Sim::new();
    sim.create(key("Role", "ns", "known"), role("get"));
    sim.create(key("Role", "other", "known"), role("get"));
    sim.after(100).delete_collection("Role", "ns", "", |v| v["metadata"]["namespace"] == "ns");
    sim.after(100).snapshot();
    let timeline = rbac(&history(&sim.evidence(Level::Request)));
    let covers = |namespace, n| {
        let kind = kubesleuth::model::rbac::RbacKind::Role;
        timeline.known_sets.iter().any(|s| s.covers(kind, namespace, ms(n)))
    };
    assert!(!covers("ns", 10_050) && covers("ns", 10_150));
    assert!(covers("other", 10_050), "a hole in one namespace is none in another");
}

fn in_namespace() -> Sim {
    let mut sim = Sim::with_genesis();
    sim.create(key("Namespace", "", "ns"), json!({"spec": {"finalizers": ["kubernetes"]}}));
    sim.create(rb("one"), labelled("web"));
    sim.after(100).end_namespace("ns");
    sim.after(100);
    sim
}

#[test]
fn a_namespace_takes_what_it_held() {
    let sim = in_namespace();
    for level in BOTH {
        let history = history(&sim.evidence(level));
        assert_eq!(
            show(&history, &rb("one")),
            ["10010..10116 observed view>ann"],
            "{level:?}: emptied by the controller"
        );
        assert_eq!(codes(&history), [""; 0]);
        assert_eq!(show(&history, &key("Namespace", "", "ns")).last().unwrap().split(' ').next(), Some("10110..10119"));
    }
}

#[test]
fn a_namespace_that_is_not_seen_emptied_leaves_doubt_until_it_is_gone() {
    let sim = in_namespace();
    for level in [Level::RequestResponse, Level::Metadata] {
        let mut evidence = sim.evidence(level);
        evidence.changes.retain(|c| c.verb != "deletecollection");
        let history = history(&evidence);
        let shown = show(&history, &rb("one"));
        let doubt = if level == Level::Metadata { "?" } else { "maybe view>ann" };
        assert_eq!(shown[1..], [format!("10110..10119 unknown {doubt}")], "{level:?}");
        assert_eq!(at(&history, &rb("one"), 10_119), Answer::Absent(Basis::Observed));
    }
}

#[test]
fn a_namespace_finalized_by_hand_may_leave_orphans() {
    let sim = in_namespace();
    let mut evidence = sim.evidence(Level::RequestResponse);
    evidence.changes.retain(|c| c.verb != "deletecollection");
    evidence.changes.iter_mut().filter(|c| c.subresource == "finalize").for_each(|c| c.actor = "eve".into());
    let history = history(&evidence);
    assert_eq!(show(&history, &rb("one"))[1], "10110..+ unknown maybe view>ann", "what it held goes on being bound");
}

#[test]
fn a_namespace_made_again_was_gone_before() {
    let mut sim = in_namespace();
    sim.create(key("Namespace", "", "ns"), json!({"spec": {"finalizers": ["kubernetes"]}}));
    sim.after(100);
    let mut evidence = sim.evidence(Level::Request);
    evidence.changes.retain(|c| c.verb != "deletecollection" && c.subresource.is_empty());
    let history = history(&evidence);
    assert_eq!(show(&history, &rb("one"))[1..], ["10110..10219 unknown maybe view>ann"]);
}

fn generated(sim: &mut Sim, name: &str) {
    let mut body = labelled("web");
    body["metadata"]["generateName"] = json!("rb-");
    sim.create(rb(name), body);
    let change = sim.changes.last_mut().unwrap();
    change.name.clear();
    let mut asked: Value = serde_json::from_str(change.request_body.as_ref().unwrap()).unwrap();
    asked["metadata"].as_object_mut().unwrap().remove("name");
    change.request_body = Some(text(&asked));
}

#[test]
fn a_generated_name_is_in_the_response_or_nowhere() {
    let mut sim = Sim::with_genesis();
    generated(&mut sim, "rb-x7k2p");
    sim.after(100);
    let told = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(show(&told, &rb("rb-x7k2p"))[0], "10010..10110.001 observed view>ann");
    let untold = history(&sim.evidence(Level::Request));
    let ghost = rb("rb-? (create audit-2)");
    assert_eq!(show(&untold, &ghost), ["10010..+ unknown ?"]);
    assert_eq!(at(&untold, &rb("rb-x7k2p"), 10_050), Answer::Unknown, "not claimed absent");
    sim.snapshot();
    sim.after(100);
    let seen = history(&sim.evidence(Level::Request));
    assert_eq!(codes(&seen), [""; 0], "its creation is accounted for");
    assert_eq!(show(&seen, &ghost), [""; 0]);
    let shown = show(&seen, &rb("rb-x7k2p"));
    assert!(shown.last().unwrap().contains("view>ann"), "{shown:?}");
}

#[test]
fn a_list_bounds_what_a_generated_name_may_be() {
    let mut sim = Sim::with_genesis();
    generated(&mut sim, "rb-x7k2p");
    sim.objects.remove(&rb("rb-x7k2p"));
    sim.after(5_000).snapshot();
    sim.after(100);
    let history = history(&sim.evidence(Level::Metadata));
    assert_eq!(show(&history, &rb("? (create audit-2)")), ["10010..15010 unknown ?"]);
}

fn part(verb: &str, label: &str) -> Value {
    json!({"metadata": {"labels": {"aggregate": label}}, "rules": rules(verb)})
}

fn whole() -> Value {
    let selector = json!([{"matchLabels": {"aggregate": "view"}}]);
    json!({"aggregationRule": {"clusterRoleSelectors": selector}, "rules": []})
}

/// The controller's patch, as a policy logs it that keeps no bodies of system users.
fn sync(sim: &mut Sim, name: &str, rules: Value) {
    let key = key("ClusterRole", "", name);
    sim.patch(&key, json!({"rules": rules}));
    let change = sim.changes.last_mut().unwrap();
    change.actor = "system:serviceaccount:kube-system:clusterrole-aggregation-controller".into();
    change.request_body = None;
    change.response_body = None;
}

#[test]
fn aggregated_rules_are_recomputed_where_the_controller_left_no_body() {
    let mut sim = Sim::with_genesis();
    let view = key("ClusterRole", "", "view");
    sim.create(view.clone(), whole());
    sim.create(key("ClusterRole", "", "b-part"), part("list", "view"));
    sim.create(key("ClusterRole", "", "a-part"), part("get", "view"));
    sim.create(key("ClusterRole", "", "other"), part("delete", "edit"));
    sim.after(20);
    sync(&mut sim, "view", rules("list"));
    sim.after(20);
    sync(&mut sim, "view", json!([rules("get")[0], rules("list")[0]]));
    sim.after(5_000).update(&key("ClusterRole", "", "a-part"), part("get", "none"));
    sim.after(20);
    sync(&mut sim, "view", rules("list"));
    sim.after(2_000);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(
        show(&history, &view),
        ["10010..10030 observed ", "10030..10050 unknown ?", "10050..15070 assumed get,list", "15070..+ assumed list",],
        "the first of a burst may not have seen all parts; the rest is computed, in order of names"
    );
    assert_eq!(sim.true_content(&view, ms(15_070)), Some(json!([rules("list")])));
}

#[test]
fn aggregated_rules_stay_unknown_while_a_part_is() {
    let mut sim = Sim::with_genesis();
    let view = key("ClusterRole", "", "view");
    sim.create(view.clone(), whole());
    sim.create(key("ClusterRole", "", "part"), part("list", "view"));
    sim.changes.last_mut().unwrap().response_body = None;
    sim.changes.last_mut().unwrap().request_body = None;
    sim.after(20);
    sync(&mut sim, "view", rules("list"));
    sim.after(2_000);
    assert_eq!(show(&history(&sim.evidence(Level::RequestResponse)), &view)[1], "10030..+ unknown ?");
}

#[test]
fn nested_aggregates_settle() {
    let mut sim = Sim::with_genesis();
    let mut edit = whole();
    edit["aggregationRule"]["clusterRoleSelectors"][0]["matchLabels"]["aggregate"] = json!("edit");
    edit["metadata"] = json!({"labels": {"aggregate": "admin"}});
    let mut admin = whole();
    admin["aggregationRule"]["clusterRoleSelectors"][0]["matchLabels"]["aggregate"] = json!("admin");
    sim.create(key("ClusterRole", "", "admin"), admin);
    sim.create(key("ClusterRole", "", "edit"), edit);
    sim.create(key("ClusterRole", "", "part"), part("list", "edit"));
    sim.after(20);
    sync(&mut sim, "edit", rules("list"));
    sim.after(20);
    sync(&mut sim, "admin", rules("list"));
    sim.after(2_000);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(show(&history, &key("ClusterRole", "", "admin"))[1], "10050..+ assumed list");
}

/// Whoever holds the controller's token can change any role: a role that gathers nothing is not recomputed.
#[test]
fn the_controllers_name_is_not_taken_for_its_work() {
    let mut sim = Sim::with_genesis();
    let plain = key("ClusterRole", "", "ci-deployer");
    sim.create(plain.clone(), role("get"));
    sim.after(100);
    sync(&mut sim, "ci-deployer", rules("*"));
    sim.after(2_000);
    assert_eq!(show(&history(&sim.evidence(Level::RequestResponse)), &plain)[1], "10110..+ unknown ?");
}

#[test]
fn two_servers_with_different_clocks_and_no_versions_are_not_believed() {
    let mut sim = Sim::with_genesis();
    sim.create(rb("one"), labelled("web"));
    sim.after(300).delete(&rb("one"));
    sim.after(120_000);
    let mut evidence: Evidence = sim.evidence(Level::Request);
    // The second server's clock runs 500 ms behind: the deletion seems to come first.
    evidence.changes[2].staged = ms(9_900);
    evidence.changes[2].received = Some(ms(9_900));
    evidence.log = vec![Interval::new(ms(0), ms(130_000))];
    let history = history(&evidence);
    let answer = at(&history, &rb("one"), 20_000);
    assert_eq!(answer, Answer::Unknown, "not claimed to exist: {:#?}", show(&history, &rb("one")));
}

#[test]
fn the_order_of_evidence_does_not_matter() {
    let mut sim = in_namespace();
    sim.snapshot();
    sim.create(rb("two"), labelled("web"));
    let evidence = sim.evidence(Level::RequestResponse);
    let mut turned = evidence.clone();
    turned.changes.reverse();
    turned.sightings.reverse();
    turned.listings.reverse();
    let (one, two) = (history(&evidence), history(&turned));
    assert_eq!((one.versions, one.known_sets, one.findings), (two.versions, two.known_sets, two.findings));
}
