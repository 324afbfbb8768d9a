//! A random true history, the evidence that some of it leaves, and the rebuilt history held against the truth at
//! every instant: never a wrong "was there", never a wrong "was not there", unknown only where it has to be.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod history_support;

use history_support::*;
use kubesleuth::history::evidence::Evidence;
use kubesleuth::history::state::RbacTimeline;
use kubesleuth::model::basis::Basis;
use kubesleuth::model::object::{ObjectKey, ObservedAt};
use kubesleuth::model::rbac::{RBAC_GROUP, RbacKind};
use kubesleuth::model::time::{Interval, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
struct Op {
    what: u8,
    which: usize,
    content: usize,
    wait: i64,
}

fn ops(len: usize) -> impl Strategy<Value = Vec<Op>> {
    let wait = prop_oneof![1..40_i64, 400..1200_i64, 2500..9000_i64];
    let op = (0..16_u8, 0..10_usize, 0..3_usize, wait);
    prop::collection::vec(op.prop_map(|(what, which, content, wait)| Op { what, which, content, wait }), 1..len)
}

fn keys() -> Vec<ObjectKey> {
    let mut keys = Vec::new();
    for name in ["one", "two"] {
        keys.push(key("ClusterRole", "", name));
        keys.push(key("ClusterRoleBinding", "", name));
        keys.push(key("Role", "a", name));
        keys.push(key("RoleBinding", "a", name));
        keys.push(key("RoleBinding", "b", name));
    }
    keys
}

fn body(key: &ObjectKey, content: usize) -> Value {
    let label = json!({"labels": {"tier": (["x", "y", "z"][content])}});
    let mut body = match RbacKind::from_kind(&key.kind).unwrap() {
        RbacKind::Role | RbacKind::ClusterRole => role(["get", "list", "watch"][content]),
        _ => binding("one", ["ann", "bob", "eve"][content]),
    };
    body["metadata"] = label;
    body
}

fn play(sim: &mut Sim, ops: &[Op], slow: bool) {
    let keys = keys();
    for (n, op) in ops.iter().enumerate() {
        sim.now += op.wait;
        let key = &keys[op.which];
        match op.what {
            0..11 => one(sim, key, op),
            11 => {
                let tier = ["x", "y", "z"][op.content];
                let query = format!("labelSelector=tier%3D{tier}");
                sim.delete_collection(&key.kind, &key.namespace, &query, |v| v["metadata"]["labels"]["tier"] == tier);
            }
            12 => sim.delete_collection(&key.kind, &key.namespace, "", |_| true),
            13 if sim.objects.contains_key(&history_support::key("Namespace", "", &key.namespace)) => {
                sim.end_namespace(&key.namespace);
            }
            _ if slow => {
                // Things happen while the snapshot is being read, before and after each kind.
                let observed = ObservedAt { from: sim.t(), to: ms(sim.now + 40) };
                for (i, kind) in RbacKind::ALL.into_iter().enumerate() {
                    sim.now += 5;
                    sim.read(kind, observed);
                    sim.now += 5;
                    if let Some(next) = ops.get(n + i) {
                        one(sim, &keys[(next.which + i) % keys.len()], next);
                    }
                }
            }
            _ => sim.snapshot(),
        }
    }
    sim.now += 500;
}

/// A change of one object.
fn one(sim: &mut Sim, key: &ObjectKey, op: &Op) {
    let space = history_support::key("Namespace", "", &key.namespace);
    if !key.namespace.is_empty() && !sim.objects.contains_key(&space) {
        sim.create(space, json!({"spec": {"finalizers": ["kubernetes"]}}));
        sim.now += 1;
    }
    let exists = sim.objects.contains_key(key);
    match op.what {
        5..8 if exists => {
            let new = body(key, op.content);
            let field = if new.get("rules").is_some() { "rules" } else { "subjects" };
            sim.patch(key, json!({field: new[field]}));
        }
        8..11 if exists => sim.delete(key),
        _ if !exists => {
            // A name may come back with another role.
            let mut body = body(key, op.content);
            if op.which % 2 == 1 && body.get("roleRef").is_some() {
                body["roleRef"]["name"] = Value::from(["one", "two", "one"][op.content]);
            }
            sim.create(key.clone(), body);
        }
        _ => {
            let mut new = body(key, op.content);
            if new.get("roleRef").is_some() {
                new["roleRef"] = sim.objects[key]["roleRef"].clone();
            }
            sim.update(key, new);
        }
    }
}

fn instants(sim: &Sim, evidence: &Evidence) -> Vec<Timestamp> {
    let mut all: Vec<Timestamp> = sim.truth.values().flatten().map(|(t, _)| *t).collect();
    all.extend(sim.listings.iter().map(|l| l.observed.from));
    all.extend(evidence.log.iter().flat_map(|s| [s.from, s.to]));
    let around = |t: &Timestamp| [-700_000, -1, 0, 1, 2_500_000].map(|d| t.plus_micros(d));
    let mut all: Vec<Timestamp> = all.iter().flat_map(around).collect();
    all.sort();
    all.dedup();
    all
}

/// What must be known: the slow and simple model.
fn must_know(sim: &Sim, evidence: &Evidence, level: Level, key: &ObjectKey, t: Timestamp, genesis: bool) -> bool {
    let Some(stretch) = evidence.log.iter().find(|s| s.contains(t)) else { return false };
    if !evidence.changes.iter().any(|c| c.group == RBAC_GROUP) {
        return false;
    }
    let empty = Vec::new();
    let turns = sim.truth.get(key).unwrap_or(&empty);
    let before = turns.iter().rev().find(|(at, _)| stretch.from <= *at && *at <= t);
    let since = before.map_or(stretch.from, |(at, _)| *at);
    let until = turns.iter().map(|(at, _)| *at).find(|at| *at > t).unwrap_or(Timestamp::MAX).min(stretch.to);
    let seen = sim.listings.iter().any(|l| since <= l.observed.from && l.observed.to < until);
    let listed = sim.listings.iter().any(|l| stretch.contains(l.observed.from) && stretch.contains(l.observed.to));
    let from_birth = genesis && stretch.from <= ms(10_000);
    // A snapshot in the very stretch, or an empty beginning, tells of absence; and so does every sighting of presence.
    let set_known = listed || from_birth;
    let absent = sim.true_content(key, t).is_none();
    // A role of any name may have been deleted in another namespace; what is not in it is told by namespace, for
    // those that the evidence speaks of.
    let spoken_of = evidence.changes.iter().any(|c| c.namespace == key.namespace && c.group == RBAC_GROUP)
        || evidence.sightings.iter().any(|s| s.key.namespace == key.namespace);
    if absent && key.kind == "Role" && !spoken_of {
        return false;
    }
    // From the request to delete its namespace on, the log must show when it was taken.
    let going = |c: &kubesleuth::history::evidence::Change| {
        c.resource == "namespaces"
            && c.verb == "delete"
            && c.name == key.namespace
            && since <= c.staged
            && c.staged <= t
    };
    if evidence.changes.iter().any(going) && !from_birth {
        return false;
    }
    match before {
        _ if absent && swept_later(sim, evidence, key, t, *stretch, level, from_birth) => false,
        // Which of two deletions of many took it does not always follow.
        _ if absent && vague_removal(evidence, key, since, level) && swept_after(evidence, key, t) => false,
        _ if seen => true,
        None => from_birth,
        Some((_, None)) => set_known && !vague_removal(evidence, key, since, level),
        // A patch tells no labels, so a selector cannot be weighed.
        Some(_) if level == Level::Request && swept_between(evidence, key, since, t) => false,
        Some((at, Some(_))) => match level {
            Level::RequestResponse => true,
            Level::Metadata => false,
            Level::Request => {
                let change = evidence.changes.iter().find(|c| c.staged == *at && c.name == key.name);
                change.is_some_and(|c| c.verb != "patch" || key.kind.ends_with("Role"))
            }
        },
    }
}

/// Later in the stretch a request removed some without saying what, and until then no list tells what there was.
fn swept_later(
    sim: &Sim,
    evidence: &Evidence,
    key: &ObjectKey,
    t: Timestamp,
    stretch: Interval,
    level: Level,
    from_birth: bool,
) -> bool {
    let resource = RbacKind::from_kind(&key.kind).unwrap().resource();
    let listed = |at| sim.listings.iter().any(|l| stretch.from <= l.observed.from && l.observed.to <= at);
    // The end of a namespace whose emptying lies before the log: nothing says what was in it.
    let half_ended = evidence.changes.iter().any(|c| {
        let emptied = |d: &kubesleuth::history::evidence::Change| {
            let near = c.staged.plus_micros(-10_000) <= d.staged && d.staged <= c.staged;
            d.verb == "deletecollection" && d.resource == resource && d.namespace == key.namespace && near
        };
        let ends = c.subresource == "finalize" && c.name == key.namespace && stretch.contains(c.staged) && t < c.staged;
        ends && !(evidence.changes.iter().any(emptied) && evidence.changes.iter().any(|d| going(d, key, c)))
    });
    let half_begun = evidence.changes.iter().any(|c| {
        let emptied = |d: &kubesleuth::history::evidence::Change| {
            let near = c.staged <= d.staged && d.staged <= c.staged.plus_micros(10_000);
            d.verb == "deletecollection" && d.resource == resource && d.namespace == key.namespace && near
        };
        let begins = c.resource == "namespaces" && c.verb == "delete" && c.name == key.namespace;
        begins && !evidence.changes.iter().any(emptied)
    });
    if (half_ended || half_begun) && !from_birth && !listed(t) {
        return true;
    }
    level != Level::RequestResponse
        && !from_birth
        && evidence.changes.iter().any(|c| {
            let same = c.verb == "deletecollection" && c.resource == resource && c.namespace == key.namespace;
            same && stretch.contains(c.staged) && t < c.staged && !listed(c.staged)
        })
}

/// The delete request that a namespace's last step belongs to.
fn going(
    change: &kubesleuth::history::evidence::Change,
    key: &ObjectKey,
    end: &kubesleuth::history::evidence::Change,
) -> bool {
    let near = end.staged.plus_micros(-10_000) <= change.staged && change.staged <= end.staged;
    change.resource == "namespaces" && change.verb == "delete" && change.name == key.namespace && near
}

fn swept_between(evidence: &Evidence, key: &ObjectKey, since: Timestamp, t: Timestamp) -> bool {
    let swept =
        |c: &kubesleuth::history::evidence::Change| c.verb == "deletecollection" && c.namespace == key.namespace;
    evidence.changes.iter().any(|c| since <= c.staged && c.staged <= t && swept(c))
}

fn swept_after(evidence: &Evidence, key: &ObjectKey, t: Timestamp) -> bool {
    evidence.changes.iter().any(|c| c.staged > t && c.verb == "deletecollection" && c.namespace == key.namespace)
}

/// Removed by a request that does not say what it removed, while what it was is not known.
fn vague_removal(evidence: &Evidence, key: &ObjectKey, at: Timestamp, level: Level) -> bool {
    let collection = |c: &&kubesleuth::history::evidence::Change| c.staged == at && c.verb == "deletecollection";
    level != Level::RequestResponse && evidence.changes.iter().filter(collection).any(|c| c.namespace == key.namespace)
}

fn check(sim: &Sim, evidence: &Evidence, level: Level, genesis: bool, whole: bool) -> Result<(), TestCaseError> {
    let history = history(evidence);
    let timeline = rbac(&history);
    for finding in &history.findings {
        prop_assert_eq!(finding.code, "rbac-changes-not-logged", "{}", finding.message);
    }
    let complete = whole && genesis && evidence.log.len() == 1 && evidence.log[0].from <= ms(10_000);
    for t in instants(sim, evidence) {
        let logged = evidence.changes.iter().any(|c| c.group == RBAC_GROUP);
        let covered = logged && evidence.log.iter().any(|s| s.contains(t));
        // What a snapshot shows counts for all the time it took; only a log can tell better.
        if !covered
            && sim
                .listings
                .iter()
                .any(|l| l.observed.from <= t && t <= l.observed.to && l.observed.from < l.observed.to)
        {
            continue;
        }
        for key in keys() {
            let truth = sim.true_content(&key, t);
            let answer = ask(&timeline, &key, t);
            let case = format!(
                "{key} at {t} ({}): {answer:?}, truth {truth:?}\n{:#?}",
                t.as_micros() - BASE,
                show(&history, &key)
            );
            match &answer {
                Answer::Present(content, Basis::Observed | Basis::Derived) => {
                    prop_assert_eq!(Some(content), truth.as_ref(), "{}", case);
                }
                Answer::Absent(Basis::Observed | Basis::Derived) => prop_assert!(truth.is_none(), "{}", case),
                // Elsewhere every "no" rests on an assumed set, and is marked so.
                Answer::Maybe(one, two) if set_is_known(&timeline, &key, t) => {
                    if let Some(truth) = &truth {
                        let fits = if key.kind.ends_with("Role") {
                            truth[0] == *one
                        } else {
                            truth[0] == *one && (two.is_null() || truth[1] == *two)
                        };
                        prop_assert!(fits, "{}", case);
                    }
                }
                _ => {}
            }
            let known = matches!(
                answer,
                Answer::Present(_, Basis::Observed | Basis::Derived) | Answer::Absent(Basis::Observed | Basis::Derived)
            );
            let half_covered = |l: &kubesleuth::history::evidence::Listing| {
                let within = evidence.log.iter().any(|s| s.from <= l.observed.from && l.observed.to < s.to);
                l.observed.from <= t && t <= l.observed.to && !within
            };
            if whole && !sim.listings.iter().any(half_covered) && must_know(sim, evidence, level, &key, t, genesis) {
                prop_assert!(known, "has to be known: {}", case);
            }
            if complete && level != Level::Metadata && covered {
                prop_assert!(known, "a whole log leaves nothing open: {}", case);
            }
        }
    }
    Ok(())
}

fn set_is_known(timeline: &RbacTimeline, key: &ObjectKey, t: Timestamp) -> bool {
    let kind = RbacKind::from_kind(&key.kind).unwrap();
    timeline.known_sets.iter().any(|s| s.covers(kind, &key.namespace, t) && s.basis < Basis::Assumed)
}

fn shuffle(evidence: &mut Evidence, seed: u64) {
    let mut state = seed | 1;
    let mut next = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (n as u64)).unwrap()
    };
    for i in (1..evidence.changes.len()).rev() {
        evidence.changes.swap(i, next(i + 1));
    }
    for i in (1..evidence.sightings.len()).rev() {
        evidence.sightings.swap(i, next(i + 1));
    }
    evidence.listings.reverse();
}

fn level() -> impl Strategy<Value = Level> {
    prop_oneof![Just(Level::RequestResponse), Just(Level::Request), Just(Level::Metadata)]
}

/// Which part of the log is there: tenths of the whole, as stretches.
fn cut() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop_oneof![
        2 => Just(vec![(0, 100)]),
        1 => Just(Vec::new()),
        2 => (0..100_i64, 0..100_i64).prop_map(|(a, b)| vec![(a.min(b), a.max(b))]),
        2 => (0..40_i64, 40..60_i64, 60..100_i64).prop_map(|(a, b, c)| vec![(a, b), (c, 100)]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1500), max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn the_rebuilt_history_is_never_wrong(
        ops in ops(24),
        level in level(),
        cut in cut(),
        genesis in any::<bool>(),
        managed_fields in any::<bool>(),
        no_snapshots in prop::bool::weighted(0.2),
        (slow, anonymous) in (any::<bool>(), prop::bool::weighted(0.2)),
        seed in any::<u64>(),
    ) {
        let mut sim = if genesis { Sim::with_genesis() } else { Sim::new() };
        sim.managed_fields = managed_fields;
        sim.anonymous = anonymous;
        play(&mut sim, &ops, slow);
        if no_snapshots {
            sim.listings.clear();
            sim.sightings.clear();
        }
        let from = 9_990;
        let length = sim.now - from;
        let log = cut.iter()
            .map(|(a, b)| Interval::new(ms(from + a * length / 100), ms(from + b * length / 100)))
            .filter(|s| !s.is_empty())
            .collect();
        let mut evidence = sim.evidence_of(level, log);
        shuffle(&mut evidence, seed);
        check(&sim, &evidence, level, genesis, true)?;
    }
}

/// The contents that an object went through, each with whether it was there.
fn passed(states: impl Iterator<Item = Option<Value>>) -> Vec<Option<Value>> {
    let mut passed: Vec<Option<Value>> = Vec::new();
    for state in states {
        if passed.last() != Some(&state) {
            passed.push(state);
        }
    }
    passed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(500), ..ProptestConfig::default() })]

    /// Two API servers, one of which is late: whatever the clocks say, no state is invented and the last one is right.
    #[test]
    fn clocks_that_differ_do_not_change_what_happened(
        ops in ops(24),
        servers in prop::collection::vec(any::<bool>(), 200),
        late in 1..900_i64,
        seed in any::<u64>(),
    ) {
        let mut sim = Sim::with_genesis();
        let single: Vec<Op> = ops.into_iter().filter(|op| op.what < 11).collect();
        play(&mut sim, &single, false);
        sim.now += 2_000;
        let mut evidence = sim.evidence(Level::RequestResponse);
        for (change, second) in evidence.changes.iter_mut().zip(servers) {
            if second && change.name != "kube-system" {
                change.staged = change.staged.plus_micros(-late * 1_000);
                change.received = Some(change.staged);
            }
        }
        shuffle(&mut evidence, seed);
        let history = history(&evidence);
        for finding in &history.findings {
            prop_assert!(["clock-skew", "rbac-changes-not-logged"].contains(&finding.code), "{}", finding.message);
        }
        let timeline = rbac(&history);
        for key in keys().into_iter().filter(|k| sim.truth.contains_key(k)) {
            let truth = passed(sim.truth[&key].iter().map(|(_, body)| body.as_ref().map(history_support::content)));
            let times = history.versions.iter().filter(|v| v.key == key).flat_map(|v| [v.held.from, v.held.to]);
            let times: Vec<Timestamp> = times.filter(|t| *t < sim.t()).collect();
            let answers = times.iter().map(|t| match ask(&timeline, &key, *t) {
                Answer::Present(content, _) => Some(content),
                Answer::Absent(_) => None,
                other => panic!("{other:?}"),
            });
            let found = passed(answers);
            // States that lasted less than the clocks differ may have no time left for them.
            let mut rest = truth.iter();
            prop_assert!(found.iter().all(|f| rest.any(|t| t == f)), "{key}: {found:?} in {truth:?}");
            let last = ask(&timeline, &key, sim.t().plus_micros(-1));
            let content = match last {
                Answer::Present(content, _) => Some(content),
                Answer::Absent(_) => None,
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(&content, truth.last().unwrap(), "{} ends wrong", key);
        }
    }
}

/// What a log that lost records may do to one of them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    None,
    /// Only the first stage is left.
    Cut,
    /// The format carries no code.
    NoCode,
    /// The bodies were too large.
    Truncated,
    /// A request like it failed, and only its first stage is left.
    Phantom,
}

fn lose(evidence: &mut Evidence, losses: &[Loss]) {
    let mut phantoms = Vec::new();
    for (change, loss) in evidence.changes.iter_mut().zip(losses.iter().cycle()) {
        let cut = |change: &mut kubesleuth::history::evidence::Change| {
            change.stage = Some("RequestReceived".into());
            change.code = None;
            change.request_body = None;
            change.response_body = None;
            if change.verb == "create" {
                change.name.clear();
            }
        };
        if change.resource == "namespaces" {
            continue;
        }
        match loss {
            Loss::None => {}
            Loss::Cut => cut(change),
            Loss::NoCode => change.code = None,
            Loss::Truncated => change.truncated = true,
            Loss::Phantom => {
                let mut phantom = change.clone();
                phantom.audit_id.push_str("-phantom");
                phantom.staged = phantom.staged.plus_micros(300);
                phantom.received = Some(phantom.staged);
                phantom.from.line += 10_000;
                cut(&mut phantom);
                phantoms.push(phantom);
            }
        }
    }
    let inside = |c: &kubesleuth::history::evidence::Change| evidence.log.iter().any(|s| s.contains(c.staged));
    phantoms.retain(inside);
    evidence.changes.extend(phantoms);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(1000), max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    /// However much of each record is lost: doubt is allowed, a wrong answer is not.
    #[test]
    fn damaged_logs_leave_doubt_and_no_wrong_answer(
        ops in ops(24),
        level in level(),
        cut in cut(),
        genesis in any::<bool>(),
        losses in prop::collection::vec(
            prop_oneof![
                4 => Just(Loss::None), 1 => Just(Loss::Cut), 1 => Just(Loss::NoCode),
                1 => Just(Loss::Truncated), 1 => Just(Loss::Phantom),
            ],
            1..40,
        ),
        (slow, anonymous) in (any::<bool>(), prop::bool::weighted(0.2)),
        seed in any::<u64>(),
    ) {
        let mut sim = if genesis { Sim::with_genesis() } else { Sim::new() };
        sim.anonymous = anonymous;
        play(&mut sim, &ops, slow);
        let from = 9_990;
        let length = sim.now - from;
        let log = cut.iter()
            .map(|(a, b)| Interval::new(ms(from + a * length / 100), ms(from + b * length / 100)))
            .filter(|s| !s.is_empty())
            .collect();
        let mut evidence = sim.evidence_of(level, log);
        lose(&mut evidence, &losses);
        shuffle(&mut evidence, seed);
        check(&sim, &evidence, level, genesis, false)?;
    }
}
