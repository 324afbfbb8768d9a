//! Known answers about single objects: one small story per rule, and what the rebuilt history must say of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod history_support;

use history_support::*;
use kubesleuth::history::evidence::Change;
use kubesleuth::history::version::Presence;
use kubesleuth::model::basis::Basis;
use kubesleuth::model::object::ObjectKey;
use kubesleuth::model::time::Interval;
use serde_json::json;

fn r() -> ObjectKey {
    key("ClusterRole", "", "r")
}

fn b() -> ObjectKey {
    key("ClusterRoleBinding", "", "b")
}

#[test]
fn a_body_in_the_log_is_the_state() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), role("get"));
    sim.after(100).update(&r(), role("list"));
    sim.after(100).patch(&r(), json!({"rules": rules("watch")}));
    sim.after(100).delete(&r());
    sim.after(100);
    for level in [Level::RequestResponse, Level::Request] {
        let history = history(&sim.evidence(level));
        let patched = if level == Level::Request { "derived" } else { "observed" };
        assert_eq!(
            show(&history, &r()),
            [
                "10010..10110 observed get".to_owned(),
                "10110..10210 observed list".into(),
                format!("10210..10310 {patched} watch")
            ],
            "{level:?}"
        );
        assert_eq!(codes(&history), [""; 0]);
        let last = history.versions.iter().rfind(|v| v.key == r()).unwrap();
        assert_eq!((last.began_with.as_str(), last.actor.as_deref()), ("patch", Some("alice")));
        assert_eq!(last.ended_by, Some(("alice".into(), "audit-5".into())));
    }
    let history = history(&sim.evidence(Level::Metadata));
    assert_eq!(show(&history, &r()), ["10010..10110 unknown ?", "10110..10210 unknown ?", "10210..10310 unknown ?"]);
    let Presence::Unknown(why) = &history.versions[1].presence else { panic!("{:?}", history.versions[1]) };
    assert!(why.contains("`create` by `alice` at") && why.contains("audit ID audit-2"), "{why}");
}

#[test]
fn a_log_without_bodies_still_knows_what_a_binding_gives() {
    let mut sim = Sim::with_genesis();
    sim.create(b(), binding("view", "ann"));
    sim.after(100).snapshot();
    sim.after(100).patch(&b(), json!({"subjects": binding("view", "eve")["subjects"]}));
    sim.after(100).delete(&b());
    sim.after(100);
    let history = history(&sim.evidence(Level::Metadata));
    assert_eq!(
        show(&history, &b()),
        ["10010..10210 observed view>ann", "10210..10310 unknown part view>?"],
        "a roleRef cannot be changed, so only the subjects are unknown"
    );
}

#[test]
fn failed_and_dry_run_requests_change_nothing() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), role("get"));
    let mut failed = sim.after(100).change("delete", &r(), 403);
    failed.response_body = Some(text(&json!({"kind": "Status", "status": "Failure"})));
    let mut dry = sim.after(100).change("update", &r(), 200);
    dry.request_uri.push_str("?dryRun=All");
    dry.request_body = Some(text(&role("*")));
    sim.changes.extend([failed, dry]);
    sim.after(100);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(show(&history, &r()), ["10010..10310.001 observed get", "10310.001..+ assumed get"]);
}

#[test]
fn a_request_whose_end_is_not_in_the_log_leaves_doubt() {
    let mut sim = Sim::with_genesis();
    sim.create(b(), binding("view", "ann"));
    let mut cut = sim.after(100).change("delete", &b(), 200);
    cut.stage = Some("RequestReceived".into());
    cut.code = None;
    sim.changes.push(cut);
    sim.after(100);
    let open = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(show(&open, &b()), ["10010..10110 observed view>ann", "10110..+ unknown maybe view>ann"]);
    // Seen again: it was not deleted after all, and nothing else happened.
    sim.snapshot();
    sim.after(100);
    let seen = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(show(&seen, &b()), ["10010..10310.001 observed view>ann", "10310.001..+ assumed view>ann"]);
}

#[test]
fn a_panicked_update_may_have_been_written() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), role("get"));
    let mut panic = sim.after(100).change("update", &r(), 500);
    panic.stage = Some("Panic".into());
    panic.request_body = Some(text(&role("*")));
    sim.changes.push(panic);
    sim.after(100);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(show(&history, &r()), ["10010..10110 observed get", "10110..+ unknown ?"]);
}

#[test]
fn repeated_records_count_once_and_two_requests_under_one_id_twice() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), role("get"));
    sim.after(100).update(&r(), role("list"));
    let mut evidence = sim.evidence(Level::RequestResponse);
    let mut copy = evidence.changes[2].clone();
    copy.from.line = 900;
    evidence.changes.push(copy);
    evidence.changes[2].audit_id = evidence.changes[1].audit_id.clone();
    evidence.changes[3].audit_id = evidence.changes[1].audit_id.clone();
    let history = history(&evidence);
    assert_eq!(show(&history, &r())[..2], ["10010..10110 observed get", "10110..10110.001 observed list"]);
}

/// Two API servers: the clock of the second runs 700 ms behind.
#[test]
fn resource_versions_win_over_clocks() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), role("get"));
    sim.after(500).update(&r(), role("list"));
    sim.after(500).update(&r(), role("watch"));
    let mut evidence = sim.evidence(Level::RequestResponse);
    let behind = |c: &mut Change| {
        c.staged = c.staged.plus_micros(-700_000);
        c.received = Some(c.staged);
    };
    behind(&mut evidence.changes[2]);
    evidence.log[0].from = ms(0);
    let history = history(&evidence);
    assert_eq!(
        show(&history, &r()),
        ["10010..11010 observed list", "11010..11010.001 observed watch", "11010.001..+ assumed watch"],
        "the creation comes first, and leaves no time before the update"
    );
    let finding = history.findings.iter().find(|f| f.code == "clock-skew").unwrap();
    assert_eq!(finding.witnesses.len(), 2);
}

#[test]
fn a_delete_that_finalizers_hold_ends_with_the_last_finalizer() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), json!({"metadata": {"finalizers": ["example.com/keep"]}, "rules": rules("get")}));
    let mut held = sim.objects[&r()].clone();
    held["metadata"]["deletionTimestamp"] = json!(second(sim.t()));
    held["metadata"]["resourceVersion"] = json!("77");
    let mut delete = sim.after(100).change("delete", &r(), 200);
    delete.response_body = Some(text(&held));
    sim.changes.push(delete);
    let mut free = sim.after(100).change("patch", &r(), 200);
    free.request_body = Some(text(&json!({"metadata": {"finalizers": null}})));
    held["metadata"].as_object_mut().unwrap().remove("finalizers");
    held["metadata"]["resourceVersion"] = json!("78");
    free.response_body = Some(text(&held));
    sim.changes.push(free);
    sim.after(100).snapshot();
    sim.listings.last_mut().unwrap();
    sim.sightings.clear();
    for level in [Level::RequestResponse, Level::Request] {
        let history = history(&sim.evidence(level));
        assert_eq!(codes(&history), [""; 0], "{level:?}");
        let shown = show(&history, &r());
        assert!(shown.last().unwrap().starts_with("10110..10210 observed get"), "{level:?} {shown:?}");
    }
}

#[test]
fn a_foreground_delete_waits_for_the_collector() {
    let mut sim = Sim::with_genesis();
    sim.create(b(), binding("view", "ann"));
    let mut delete = sim.after(100).change("delete", &b(), 200);
    delete.request_body = Some(text(&json!({"kind": "DeleteOptions", "propagationPolicy": "Foreground"})));
    sim.changes.push(delete);
    let mut free = sim.after(100).change("patch", &b(), 200);
    free.request_uri.push_str("?fieldManager=gc");
    free.request_body = Some(text(&json!({"metadata": {"uid": "uid-2", "finalizers": []}})));
    sim.changes.push(free);
    sim.after(100);
    let history = history(&sim.evidence(Level::Request));
    assert_eq!(show(&history, &b()), ["10010..10110 observed view>ann", "10110..10210 observed view>ann"]);
}

#[test]
fn an_update_after_a_delete_shows_that_the_delete_was_pending() {
    let mut sim = Sim::with_genesis();
    sim.create(b(), binding("view", "ann"));
    sim.after(100).snapshot();
    let delete = sim.after(100).change("delete", &b(), 200);
    sim.changes.push(delete);
    sim.after(100).update(&b(), binding("view", "ann"));
    sim.after(100);
    let history = history(&sim.evidence(Level::Metadata));
    assert_eq!(codes(&history), [""; 0]);
    assert_eq!(
        show(&history, &b())[..3],
        ["10010..10210 observed view>ann", "10210..10310 observed view>ann", "10310..+ unknown part view>?"]
    );
}

#[test]
fn a_metadata_client_is_answered_without_the_content() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), role("get"));
    let mut patch = sim.after(100).change("patch", &r(), 200);
    patch.request_body = Some(text(&json!({"metadata": {"labels": {"a": "b"}}})));
    let meta = json!({"name": "r", "uid": "uid-2", "resourceVersion": "9", "labels": {"a": "b"}});
    patch.response_body = Some(text(&json!({"kind": "PartialObjectMetadata", "metadata": meta})));
    sim.changes.push(patch);
    sim.after(100);
    let history = history(&sim.evidence(Level::RequestResponse));
    let shown = show(&history, &r());
    assert_eq!(
        shown[..2],
        ["10010..10110 observed get", "10110..10210.001 derived get"],
        "not taken for a role without rules"
    );
}

#[test]
fn a_table_or_status_is_no_state_either() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), role("get"));
    let mut update = sim.after(100).change("update", &r(), 200);
    update.response_body = Some(text(&json!({"kind": "Table", "rows": []})));
    sim.changes.push(update);
    sim.after(100);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(show(&history, &r()), ["10010..10110 observed get", "10110..+ unknown ?"]);
}

#[test]
fn truncated_bodies_are_not_read() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), role("get"));
    sim.after(100).update(&r(), role("list"));
    sim.changes.last_mut().unwrap().truncated = true;
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(show(&history, &r()), ["10010..10110 observed get", "10110..+ unknown ?"]);
}

#[test]
fn a_new_uid_under_one_name_is_another_object() {
    let mut sim = Sim::with_genesis();
    sim.create(b(), binding("view", "ann"));
    sim.after(100).delete(&b());
    sim.after(100).create(b(), binding("admin", "ann"));
    sim.after(100);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(
        show(&history, &b()),
        ["10010..10110 observed view>ann", "10210..10310.001 observed admin>ann", "10310.001..+ assumed admin>ann"]
    );
    let uids: Vec<_> = history.versions.iter().filter(|v| v.key == b()).map(|v| v.uid.clone().unwrap()).collect();
    assert_eq!(uids, ["uid-2", "uid-3", "uid-3"]);
}

#[test]
fn a_patch_may_tell_the_rules_by_itself() {
    let mut sim = Sim::new();
    sim.objects.insert(r(), json!({"kind": "ClusterRole", "rules": rules("*"), "metadata": {"uid": "u"}}));
    sim.after(100).patch(&r(), json!({"rules": rules("get")}));
    sim.after(100).patch(&r(), json!({"metadata": {"annotations": {"a": "b"}}}));
    let mut ops = sim.after(100).change("patch", &r(), 200);
    ops.request_body = Some(text(&json!([{"op": "add", "path": "/rules/0", "value": rules("list")[0]}])));
    sim.changes.push(ops);
    let mut ops = sim.after(100).change("patch", &r(), 200);
    ops.request_body = Some(text(&json!([{"op": "replace", "path": "/rules", "value": rules("watch")}])));
    sim.changes.push(ops);
    let history = history(&sim.evidence(Level::Request));
    assert_eq!(
        show(&history, &r())[1..],
        [
            "0..10100 unknown ?",
            "10100..10200 derived part get",
            "10200..10300 unknown ?",
            "10300..10400 unknown ?",
            "10400..10400.001 derived part watch",
            "10400.001..+ assumed part watch",
        ],
        "the second patch names a field manager, and an apply that leaves rules out may remove them"
    );
}

#[test]
fn a_later_sighting_tells_the_role_of_a_binding_whose_subjects_were_patched() {
    let mut sim = Sim::new();
    let body = sim.stamp(&b(), binding("view", "ann"), None);
    sim.set(&b(), Some(body));
    sim.after(2000).patch(&b(), json!({"subjects": binding("view", "eve")["subjects"]}));
    sim.after(100).patch(&b(), json!({"subjects": binding("view", "bob")["subjects"]}));
    sim.after(100).snapshot();
    let mut evidence = sim.evidence(Level::Request);
    evidence.log[0].from = ms(11_500);
    let history = history(&evidence);
    assert_eq!(
        show(&history, &b()),
        [
            "10000..11000 unknown maybe view>?",
            "11000..12000 unknown part view>?",
            "12000..12100 derived part view>eve",
            "12100..12200.001 observed view>bob",
            "12200.001..+ assumed view>bob",
        ]
    );
}

#[test]
fn undecodable_bodies_are_unknown_with_the_reason() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), json!({"rules": [{"verbs": "get"}]}));
    sim.create(b(), json!({"roleRef": 7}));
    let history = history(&sim.evidence(Level::RequestResponse));
    let timeline = rbac(&history);
    let kubesleuth::history::state::RoleState::Unknown(why) = &timeline.roles[0].state else { panic!() };
    assert!(why.contains("cannot be decoded"), "{why}");
    assert_eq!(timeline.roles[0].basis, Basis::Unknown);
    assert!(matches!(timeline.bindings[0].state, kubesleuth::history::state::BindingState::Unknown(_)));
}

#[test]
fn other_kinds_have_versions_too() {
    let mut sim = Sim::with_genesis();
    let account = key("ServiceAccount", "ci", "deployer");
    sim.create(account.clone(), json!({}));
    let mut token = sim.after(50).change("create", &account, 201);
    token.subresource = "token".into();
    sim.changes.push(token);
    sim.after(50).delete(&account);
    sim.after(100);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(show(&history, &account), ["10010..10110 observed object"], "a subresource changes nothing");
    assert_eq!(codes(&history), ["rbac-changes-not-logged"]);
}

#[test]
fn nothing_is_lost_in_rows() {
    let mut sim = Sim::with_genesis();
    sim.create(b(), binding("view", "ann"));
    sim.create(r(), json!({"rules": []}));
    sim.after(100).snapshot();
    sim.after(100).patch(&b(), json!({"subjects": []}));
    sim.after(100).update(&r(), json!({"rules": [rules("get")[0], rules("list")[0]]}));
    for level in [Level::RequestResponse, Level::Metadata] {
        let timeline = rbac(&history(&sim.evidence(level)));
        let mut roles = kubesleuth::history::rows::role_rules(&timeline);
        let mut bindings = kubesleuth::history::rows::binding_subjects(&timeline);
        roles.reverse();
        bindings.reverse();
        let again = kubesleuth::history::rows::from_rows(roles, bindings, timeline.known_sets.clone());
        assert_eq!(again, timeline, "{level:?}");
    }
}

#[test]
fn the_end_of_the_log_is_not_the_end_of_a_state() {
    let mut sim = Sim::with_genesis();
    sim.create(r(), role("get"));
    let mut evidence = sim.evidence(Level::RequestResponse);
    evidence.log = vec![Interval::new(ms(9_000), ms(12_000))];
    assert_eq!(show(&history(&evidence), &r()), ["10010..12000 observed get", "12000..+ assumed get"]);
}

/// Some formats carry no status code: then an update may have been what created the object, or not.
#[test]
fn without_a_code_an_update_leaves_open_whether_there_was_something_before() {
    let mut sim = Sim::new();
    sim.objects.insert(b(), json!({"kind": "ClusterRoleBinding", "metadata": {}, "roleRef": {}}));
    sim.after(5_000).update(&b(), binding("view", "ann"));
    sim.changes[0].code = None;
    sim.changes[0].response_body = None;
    sim.after(1_000).delete(&b());
    sim.after(1_000).snapshot();
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(show(&history, &b()), ["-..15000 unknown ?", "15000..16000 observed view>ann"]);
}

/// A delete that may have been carried out, of something never seen: a list that follows does not show that there
/// was nothing before.
#[test]
fn a_deletion_in_doubt_keeps_open_what_was_before() {
    let mut sim = Sim::new();
    sim.create(r(), role("get"));
    let mut cut = sim.after(5_000).change("delete", &b(), 200);
    cut.stage = Some("RequestReceived".into());
    cut.code = None;
    sim.changes.push(cut);
    sim.after(1_000).snapshot();
    sim.after(10);
    let history = history(&sim.evidence(Level::RequestResponse));
    assert_eq!(show(&history, &b())[0], "-..15000 unknown ?");
    assert_eq!(ask(&rbac(&history), &b(), ms(15_500)), Answer::Absent(Basis::Observed));
}
