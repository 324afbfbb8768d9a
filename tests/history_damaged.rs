//! Records that lost parts: what is left of a request may be one that other evidence shows the effect of, and leaves
//! doubt, never a contradiction or a wrong state.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod history_support;

use history_support::*;
use kubesleuth::model::basis::Basis;
use kubesleuth::model::object::{ObjectKey, ObservedAt};
use kubesleuth::model::rbac::RbacKind;
use kubesleuth::model::time::Interval;

fn b() -> ObjectKey {
    key("ClusterRoleBinding", "", "b")
}

/// Of the last request only the first stage is left; a creation then shows no name.
fn cut(sim: &mut Sim) {
    let change = sim.changes.last_mut().unwrap();
    change.stage = Some("RequestReceived".into());
    change.code = None;
    (change.request_body, change.response_body) = (None, None);
    if change.verb == "create" {
        change.name.clear();
    }
}

/// A snapshot of the bindings that shows them as they are now, and took from before to after now.
fn slow(sim: &mut Sim, before: i64, after: i64) {
    let observed = ObservedAt { from: ms(sim.now - before), to: ms(sim.now + after) };
    sim.read(RbacKind::ClusterRoleBinding, observed);
}

fn bindings(sim: &mut Sim) {
    slow(sim, 0, 0);
}

#[test]
fn a_slow_snapshot_may_have_read_what_a_cut_record_created_meanwhile() {
    let mut sim = Sim::with_genesis();
    sim.after(100).create(b(), binding("view", "ann"));
    cut(&mut sim);
    slow(&mut sim, 20, 40);
    sim.after(20).update(&b(), binding("view", "eve"));
    sim.after(100);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(codes(&history), [""; 0], "{:?}", history.findings);
    assert!(matches!(ask(&rbac(&history), &b(), ms(10_135)), Answer::Present(_, Basis::Observed)), "what followed");
}

/// What is there now is not the one that a cut delete may have left, and came to be when a request without a name
/// was made, not at the beginning of the second that it tells.
#[test]
fn the_next_object_of_a_name_may_be_of_a_cut_creation() {
    let mut sim = Sim::with_genesis();
    sim.create(b(), binding("view", "ann"));
    sim.after(1_500).delete(&b());
    cut(&mut sim);
    sim.after(1_000).create(b(), binding("view", "ann"));
    cut(&mut sim);
    let born = sim.now;
    bindings(sim.after(10));
    sim.after(100);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(codes(&history), [""; 0], "{:?}", history.findings);
    let timeline = rbac(&history);
    assert!(!matches!(ask(&timeline, &b(), ms(born - 1)), Answer::Present(..)), "{:?}", show(&history, &b()));
    assert!(matches!(ask(&timeline, &b(), ms(born)), Answer::Present(_, Basis::Observed)));
}

/// A binding that was deleted where the log has a gap, and created again while a later snapshot was taken.
#[test]
fn after_a_gap_a_snapshot_may_show_what_a_cut_record_created_meanwhile() {
    let mut sim = Sim::new();
    sim.anonymous = true;
    sim.create(b(), binding("view", "ann"));
    sim.after(3_000).delete(&b());
    sim.after(5_000).create(b(), binding("view", "ann"));
    cut(&mut sim);
    let born = sim.now;
    slow(&mut sim, 20, 20);
    sim.after(100);
    let end = sim.t();
    let evidence = sim.evidence_of(
        Level::RequestResponse,
        vec![Interval::new(ms(9_990), ms(12_000)), Interval::new(ms(15_000), end)],
    );
    let history = history(&evidence);
    let timeline = rbac(&history);
    for t in [15_000, born - 20, born - 1] {
        let answer = ask(&timeline, &b(), ms(t));
        assert!(!matches!(answer, Answer::Present(_, Basis::Observed | Basis::Derived)), "{t}: {answer:?}");
    }
    assert!(matches!(ask(&timeline, &b(), ms(born)), Answer::Present(_, Basis::Observed)));
}

/// A deletion of many between two changes of the name: which life a snapshot shows does not follow from the first.
#[test]
fn a_cut_deletion_of_many_leaves_open_which_life_a_snapshot_shows() {
    let mut sim = Sim::with_genesis();
    sim.create(b(), binding("view", "ann"));
    sim.after(10).delete_collection("ClusterRoleBinding", "", "", |_| true);
    cut(&mut sim);
    sim.after(10).create(b(), binding("view", "ann"));
    cut(&mut sim);
    sim.after(10).update(&b(), binding("view", "ann"));
    cut(&mut sim);
    sim.after(10);
    slow(&mut sim, 5, 20);
    sim.after(10).update(&b(), binding("view", "eve"));
    cut(&mut sim);
    bindings(sim.after(20));
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(codes(&history), [""; 0], "{:?}", history.findings);
}

/// The log sets in while a snapshot is being taken: what it shows may have gone before the log's first record.
#[test]
fn a_snapshot_that_began_before_the_log_may_show_an_earlier_life() {
    let mut sim = Sim::new();
    sim.create(b(), binding("view", "ann"));
    sim.after(3_000);
    slow(&mut sim, 5, 30);
    sim.after(10).delete(&b());
    sim.after(10).create(b(), binding("view", "eve"));
    sim.after(5_000);
    slow(&mut sim, 5, 30);
    sim.after(100);
    let log = vec![Interval::new(ms(13_015), sim.t())];
    let history = history(&sim.evidence_of(Level::Request, log));
    assert_eq!(codes(&history), [""; 0], "{:?}", history.findings);
    assert!(matches!(ask(&rbac(&history), &b(), ms(14_000)), Answer::Present(_, Basis::Observed)));
}

/// Seen after a gap in the log, and created before it: what it was in between is not known.
#[test]
fn what_a_cut_record_created_before_a_gap_may_have_been_changed_in_it() {
    let mut sim = Sim::new();
    bindings(&mut sim);
    sim.after(1_020).create(b(), binding("view", "eve"));
    cut(&mut sim);
    let born = sim.now;
    sim.after(5_000).update(&b(), binding("view", "ann"));
    bindings(sim.after(3_000));
    sim.after(100);
    let end = sim.t();
    let log = vec![Interval::new(ms(9_990), ms(born + 16)), Interval::new(ms(born + 6_000), end)];
    let history = history(&sim.evidence_of(Level::RequestResponse, log));
    let timeline = rbac(&history);
    assert_eq!(ask(&timeline, &b(), ms(born + 5)), Answer::Unknown, "{:?}", show(&history, &b()));
    assert!(matches!(ask(&timeline, &b(), ms(born + 7_000)), Answer::Present(_, Basis::Observed)));
}

/// Created while a list was being read and before the log set in, and taken by a request that does not say what it
/// took: no evidence names it, and the list does not show that it was not there.
#[test]
fn a_list_that_the_log_does_not_cover_leaves_room_for_what_a_cut_deletion_took() {
    let mut sim = Sim::new();
    sim.after(1_000);
    slow(&mut sim, 10, 40);
    sim.after(10).create(b(), binding("view", "ann"));
    let logged = sim.now + 5;
    sim.after(5_000).delete_collection("ClusterRoleBinding", "", "labelSelector=tier%3Dx", |_| true);
    cut(&mut sim);
    bindings(sim.after(1_000));
    sim.after(100);
    let history = history(&sim.evidence_of(Level::RequestResponse, vec![Interval::new(ms(logged), sim.t())]));
    assert_eq!(ask(&rbac(&history), &b(), ms(logged + 1)), Answer::Unknown);
}

/// It may have been deleted, and then another one may have been created in its place.
#[test]
fn after_a_cut_deletion_and_a_cut_creation_nothing_is_known_of_the_content() {
    let mut sim = Sim::new();
    sim.create(b(), binding("view", "ann"));
    bindings(sim.after(100));
    sim.after(100).delete(&b());
    cut(&mut sim);
    sim.after(100).create(b(), binding("view", "eve"));
    cut(&mut sim);
    sim.after(100);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(
        show(&history, &b()),
        ["10000..10200 observed view>ann", "10200..10300 unknown maybe view>ann", "10300..+ unknown ?"]
    );
}

/// Two requests may have deleted it, and between them another one may have been created.
#[test]
fn between_two_cut_deletions_of_many_another_life_may_have_begun() {
    let mut sim = Sim::with_genesis();
    sim.create(b(), binding("view", "ann"));
    sim.after(10).delete_collection("ClusterRoleBinding", "", "", |_| true);
    cut(&mut sim);
    sim.after(10).create(b(), binding("view", "eve"));
    cut(&mut sim);
    sim.after(10).delete_collection("ClusterRoleBinding", "", "labelSelector=tier%3Dx", |_| false);
    cut(&mut sim);
    bindings(sim.after(10));
    sim.after(100);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(codes(&history), [""; 0], "{:?}", history.findings);
    assert!(matches!(ask(&rbac(&history), &b(), ms(10_045)), Answer::Present(_, Basis::Observed)));
}

/// Within the second that its creation is known to, an earlier life that no evidence shows may have been deleted.
#[test]
fn a_cut_deletion_of_many_may_have_taken_an_earlier_life_of_the_same_second() {
    let mut sim = Sim::new();
    sim.create(b(), binding("view", "ann"));
    let logged = sim.after(1_000).now;
    sim.after(1_500).delete_collection("ClusterRoleBinding", "", "", |_| true);
    cut(&mut sim);
    sim.after(20).create(b(), binding("view", "eve"));
    cut(&mut sim);
    let born = sim.now;
    bindings(sim.after(10));
    sim.after(100);
    let history = history(&sim.evidence_of(Level::RequestResponse, vec![Interval::new(ms(logged), sim.t())]));
    let timeline = rbac(&history);
    assert_eq!(ask(&timeline, &b(), ms(12_505)), Answer::Unknown, "{:?}", show(&history, &b()));
    assert!(matches!(ask(&timeline, &b(), ms(born)), Answer::Present(_, Basis::Observed)));
}
