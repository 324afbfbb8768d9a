//! The authorizer against a slow one written row by row from the specification, on generated RBAC
//! through time: unknown and doubtful versions, gaps in what is known, dangling references. And the
//! lists against the single answers: allowed ⇔ listed by who-can ⇔ covered by rights and grants.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use std::sync::Arc;

use kubesleuth::authz::{
    Authorizer, Decision, Gives, Grant, GrantScope, RbacWrite, Row, Scope, Source, SubjectRef, SubjectSelector, Via,
    When, WriteVerb, Written,
};
use kubesleuth::history::state::{BindingState, BindingVersion, KnownSet, RbacTimeline, RoleState, RoleVersion};
use kubesleuth::model::basis::Basis;
use kubesleuth::model::rbac::{PolicyRule, RbacKind, RoleRef, Subject};
use kubesleuth::model::review::{AccessReview, Action, ResourceTarget, Target};
use kubesleuth::model::time::{Interval, Timestamp};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::TestCaseError;

const LAST: i64 = 12;
const BASES: [Basis; 3] = [Basis::Observed, Basis::Derived, Basis::Assumed];
const NAMESPACES: [&str; 2] = ["a", "b"];
const ROLE_NAMES: [&str; 3] = ["x", "y", "z"];
const VERBS: [&str; 4] = ["get", "list", "bind", "*"];
const GROUPS: [&str; 3] = ["", "apps", "*"];
const RESOURCES: [&str; 7] = ["pods", "pods/log", "*/log", "pods/*", "namespaces", "clusterroles", "*"];
const NAMES: [&str; 3] = ["a", "p", ""];
const URLS: [&str; 4] = ["/healthz", "/healthz/*", "/h*", "*"];
const USERS: [&str; 3] = ["ann", "system:serviceaccount:a:bot", "system:serviceaccount:b:bot"];
const MEMBERSHIPS: [&str; 3] = ["dev", "ops", "system:authenticated"];

// ---------------------------------------------------------------- the slow authorizer

/// What the specification says of one question at one instant, looking at every row.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    allowed: Option<bool>,
    basis: Basis,
    /// Binding kind, namespace, name, place of the rule and of the subject.
    via: Vec<(RbacKind, String, String, usize)>,
    errors: Vec<String>,
}

/// What one binding adds to the answer.
enum Step {
    Nothing,
    Allows(Basis, usize),
    Doubt,
    Rests(Basis),
    Fails(Basis, String),
}

fn expected(t: &RbacTimeline, review: &AccessReview, at: Timestamp) -> Expected {
    let (mut chains, mut errors, mut doubt, mut basis) = (Vec::new(), Vec::new(), false, Basis::Observed);
    for b in bindings_in_reach(t, review, at) {
        match step(t, b, review, at) {
            Step::Nothing => {}
            Step::Allows(known, rule) => {
                chains.push((known, (b.kind, b.namespace.to_string(), b.name.to_string(), rule)));
            }
            Step::Doubt => doubt = true,
            Step::Rests(known) => basis = basis.max(known),
            Step::Fails(known, error) => {
                basis = basis.max(known);
                if !errors.contains(&error) {
                    errors.push(error);
                }
            }
        }
    }
    if !chains.is_empty() {
        let basis = chains.iter().map(|(basis, _)| *basis).min().unwrap();
        let via = chains.into_iter().map(|(_, via)| via).collect();
        return Expected { allowed: Some(true), basis, via, errors: Vec::new() };
    }
    let namespace = review.action.namespace();
    for (kind, namespace) in [(RbacKind::ClusterRoleBinding, ""), (RbacKind::RoleBinding, namespace)] {
        if kind == RbacKind::ClusterRoleBinding || !namespace.is_empty() {
            match set_basis(t, kind, namespace, at) {
                Some(known) => basis = basis.max(known),
                None => doubt = true,
            }
        }
    }
    if doubt {
        return Expected { allowed: None, basis: Basis::Unknown, via: Vec::new(), errors: Vec::new() };
    }
    Expected { allowed: Some(false), basis, via: Vec::new(), errors }
}

fn bindings_in_reach<'a>(t: &'a RbacTimeline, review: &AccessReview, at: Timestamp) -> Vec<&'a BindingVersion> {
    let namespace = review.action.namespace();
    let mut bindings: Vec<&BindingVersion> = t.bindings.iter().filter(|b| b.held.contains(at)).collect();
    bindings.retain(|b| match b.kind {
        RbacKind::ClusterRoleBinding => true,
        _ => !namespace.is_empty() && *b.namespace == *namespace,
    });
    bindings.sort_by_key(|b| (b.kind != RbacKind::ClusterRoleBinding, b.name.clone()));
    bindings
}

fn step(t: &RbacTimeline, b: &BindingVersion, review: &AccessReview, at: Timestamp) -> Step {
    let (role_ref, subjects, sure) = match &b.state {
        BindingState::Unknown(_) => return Step::Doubt,
        BindingState::Known { role_ref, subjects } => (role_ref, Some(subjects), true),
        BindingState::Maybe { role_ref, subjects, .. } => (role_ref, subjects.as_ref(), false),
    };
    if subjects.is_some_and(|s| !s.iter().any(|s| speaks_of(s, b, review))) {
        return Step::Nothing;
    }
    let fails = |basis, error| if sure { Step::Fails(basis, error) } else { Step::Rests(basis) };
    let missing = |kind: &str| format!("{kind}.rbac.authorization.k8s.io \"{}\" not found", role_ref.name);
    let (kind, namespace) = match (role_ref.kind.as_str(), b.kind) {
        ("ClusterRole", _) => (RbacKind::ClusterRole, ""),
        ("Role", RbacKind::RoleBinding) => (RbacKind::Role, &*b.namespace),
        ("Role", _) => return fails(b.basis, missing("role")),
        (kind, _) => return fails(b.basis, format!("unsupported role reference kind: \"{kind}\"")),
    };
    let same = |r: &&RoleVersion| {
        r.held.contains(at) && r.kind == kind && *r.namespace == *namespace && *r.name == *role_ref.name
    };
    let Some(role) = t.roles.iter().find(same) else {
        return match set_basis(t, kind, namespace, at) {
            None => Step::Doubt,
            Some(known) => {
                fails(b.basis.max(known), missing(if namespace.is_empty() { "clusterrole" } else { "role" }))
            }
        };
    };
    let (rules, role_is_sure) = match &role.state {
        RoleState::Unknown(_) => return Step::Doubt,
        RoleState::Rules(rules) => (rules, true),
        RoleState::Maybe { rules, .. } => (rules, false),
    };
    match rules.iter().position(|rule| allows(rule, &review.action)) {
        Some(rule) if sure && role_is_sure => Step::Allows(b.basis.max(role.basis), rule),
        Some(_) => Step::Doubt,
        None => Step::Rests(b.basis.max(role.basis)),
    }
}

fn set_basis(t: &RbacTimeline, kind: RbacKind, namespace: &str, at: Timestamp) -> Option<Basis> {
    t.known_sets.iter().filter(|s| s.covers(kind, namespace, at)).map(|s| s.basis).min()
}

fn speaks_of(subject: &Subject, binding: &BindingVersion, review: &AccessReview) -> bool {
    match subject.kind.as_str() {
        "User" => subject.name == review.user,
        "Group" => review.groups.contains(&subject.name),
        "ServiceAccount" => {
            let own =
                if subject.namespace.is_empty() { binding.namespace.to_string() } else { subject.namespace.clone() };
            !own.is_empty() && review.user == format!("system:serviceaccount:{own}:{}", subject.name)
        }
        _ => false,
    }
}

fn allows(rule: &PolicyRule, action: &Action) -> bool {
    let has = |list: &[String], wanted: &str| list.iter().any(|e| e == "*" || e == wanted);
    let on_target = match &action.target {
        Target::Resource(r) => {
            let combined = [r.resource.as_str(), r.subresource.as_str()].join("/");
            let combined = combined.strip_suffix('/').unwrap_or(&combined);
            let below = |e: &String| !r.subresource.is_empty() && *e == format!("*/{}", r.subresource);
            has(&rule.api_groups, &r.group)
                && (has(&rule.resources, combined) || rule.resources.iter().any(below))
                && (rule.resource_names.is_empty() || rule.resource_names.contains(&r.name))
        }
        Target::NonResource { path } => rule
            .non_resource_urls
            .iter()
            .any(|e| e == "*" || e == path || (e.ends_with('*') && path.starts_with(e.trim_end_matches('*')))),
    };
    has(&rule.verbs, &action.verb) && on_target
}

// ---------------------------------------------------------------- the generator

fn t(n: i64) -> Timestamp {
    Timestamp::from_micros(n)
}

fn words(from: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<String>> {
    subsequence(from.to_vec(), 0..=most).prop_map(|list| list.into_iter().map(str::to_owned).collect())
}

fn word(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(from).prop_map(str::to_owned)
}

fn rule() -> impl Strategy<Value = PolicyRule> {
    let often_all = |list, most| prop_oneof![2 => Just(vec!["*".to_owned()]), 3 => words(list, most)];
    let names = prop_oneof![4 => Just(Vec::new()), 1 => words(&NAMES, 2)];
    let lists = (often_all(&VERBS, 3), often_all(&GROUPS, 2), often_all(&RESOURCES, 4), names, often_all(&URLS, 2));
    lists.prop_map(|(verbs, api_groups, resources, resource_names, non_resource_urls)| PolicyRule {
        verbs,
        api_groups,
        resources,
        resource_names,
        non_resource_urls,
    })
}

fn subject() -> impl Strategy<Value = Subject> {
    let make = |kind: &str, name: String, namespace: String| Subject {
        kind: kind.into(),
        name,
        namespace,
        ..Subject::default()
    };
    prop_oneof![
        3 => word(&USERS).prop_map(move |name| make("User", name, String::new())),
        2 => word(&MEMBERSHIPS).prop_map(move |name| make("Group", name, "a".into())),
        3 => word(&["", "a", "b"]).prop_map(move |namespace| make("ServiceAccount", "bot".into(), namespace)),
        1 => word(&USERS).prop_map(move |name| make("user", name, String::new())),
    ]
}

fn role_ref() -> impl Strategy<Value = RoleRef> {
    let kind = prop_oneof![12 => Just("ClusterRole"), 6 => Just("Role"), 1 => Just("clusterrole")];
    (kind, word(&ROLE_NAMES)).prop_map(|(kind, name)| RoleRef { kind: kind.into(), name, ..RoleRef::default() })
}

fn role_state() -> impl Strategy<Value = RoleState> {
    let rules = || prop::collection::vec(rule(), 0..4).prop_map(Arc::<[PolicyRule]>::from);
    prop_oneof![
        8 => rules().prop_map(RoleState::Rules),
        1 => rules().prop_map(|rules| RoleState::Maybe { rules, reason: Arc::from("it may be gone") }),
        1 => Just(RoleState::Unknown(Arc::from("patched at level Metadata"))),
    ]
}

fn binding_state() -> impl Strategy<Value = BindingState> {
    let subjects = || prop::collection::vec(subject(), 0..5).prop_map(Arc::<[Subject]>::from);
    let maybe = (role_ref(), prop::option::of(subjects()), Just(Arc::from("maybe")));
    prop_oneof![
        16 => (role_ref(), subjects()).prop_map(|(role_ref, subjects)| BindingState::Known { role_ref, subjects }),
        1 => maybe.prop_map(|(role_ref, subjects, reason)| BindingState::Maybe { role_ref, subjects, reason }),
        1 => Just(BindingState::Unknown(Arc::from("patched at level Metadata"))),
    ]
}

/// Versions of one object: cuts of time, each piece with one of two states or with none.
fn versions<S: Clone + std::fmt::Debug>(
    state: impl Strategy<Value = S>,
) -> impl Strategy<Value = Vec<(Interval, Basis, S)>> {
    let piece = (1..8_i64, select(&BASES[..]), prop::option::weighted(0.9, 0..2_usize));
    let states = prop::collection::vec(state, 2);
    (-3..2_i64, prop::collection::vec(piece, 1..5), states).prop_map(|(start, pieces, states)| {
        let mut since = if start < -1 { Timestamp::MIN } else { t(start) };
        let mut versions = Vec::new();
        let count = pieces.len();
        for (place, (length, basis, state)) in pieces.into_iter().enumerate() {
            let end =
                if place + 1 == count && length > 3 { Timestamp::MAX } else { t(since.as_micros().max(0) + length) };
            versions.extend(state.map(|state| (Interval::new(since, end), basis, states[state].clone())));
            since = end;
        }
        versions
    })
}

fn timeline() -> impl Strategy<Value = RbacTimeline> {
    let place = |namespaced: bool| if namespaced { NAMESPACES.to_vec() } else { vec![""] };
    let roles: Vec<_> = [RbacKind::Role, RbacKind::ClusterRole]
        .into_iter()
        .flat_map(|kind| place(kind.namespaced()).into_iter().map(move |namespace| (kind, namespace)))
        .flat_map(|(kind, namespace)| ROLE_NAMES.map(move |name| (kind, namespace, name)))
        .map(|(kind, namespace, name)| {
            versions(role_state()).prop_map(move |all| {
                let make = |(held, basis, state)| {
                    let (namespace, name) = (Arc::from(namespace), Arc::from(name));
                    RoleVersion { kind, namespace, name, held, basis, state }
                };
                all.into_iter().map(make).collect::<Vec<_>>()
            })
        })
        .collect();
    let bindings: Vec<_> =
        [(RbacKind::ClusterRoleBinding, ""), (RbacKind::RoleBinding, "a"), (RbacKind::RoleBinding, "b")]
            .into_iter()
            .flat_map(|(kind, namespace)| ["k", "l", "m"].map(move |name| (kind, namespace, name)))
            .map(|(kind, namespace, name)| {
                versions(binding_state()).prop_map(move |all| {
                    let make = |(held, basis, state)| {
                        let (namespace, name) = (Arc::from(namespace), Arc::from(name));
                        BindingVersion { kind, namespace, name, held, basis, state }
                    };
                    all.into_iter().map(make).collect::<Vec<_>>()
                })
            })
            .collect();
    (roles, bindings, known_sets()).prop_map(|(roles, bindings, known_sets)| RbacTimeline {
        roles: roles.concat(),
        bindings: bindings.concat(),
        known_sets,
    })
}

/// Mostly everything is known always; sometimes only parts are.
fn known_sets() -> impl Strategy<Value = Vec<KnownSet>> {
    let known = |kind, namespace: Option<&str>, held, basis| KnownSet {
        kind,
        namespace: namespace.map(Arc::from),
        held,
        basis,
    };
    let whole = select(&BASES[..])
        .prop_map(move |basis| RbacKind::ALL.map(|kind| known(kind, None, Interval::ALWAYS, basis)).to_vec());
    let part =
        (select(&RbacKind::ALL[..]), select(&[None, Some("a"), Some("b")][..]), 0..LAST, 1..LAST, select(&BASES[..]));
    let parts = prop::collection::vec(part, 0..12).prop_map(move |parts| {
        let make = |(kind, namespace, from, length, basis)| {
            known(kind, namespace, Interval::new(t(from), t(from + length)), basis)
        };
        parts.into_iter().map(make).collect::<Vec<_>>()
    });
    prop_oneof![4 => whole.clone(), 1 => parts.clone(), 1 => (whole, parts).prop_map(|(mut whole, parts)| {
        whole.truncate(3);
        whole.extend(parts);
        whole
    })]
}

fn review() -> impl Strategy<Value = AccessReview> {
    let resource = (
        word(&["", "apps"]),
        word(&["pods", "namespaces", "clusterroles"]),
        word(&["", "log", "*"]),
        word(&["", "a", "a", "b", "c"]),
        word(&NAMES),
    );
    let target = prop_oneof![
        5 => resource.prop_map(|(group, resource, subresource, namespace, name)| {
            Target::Resource(ResourceTarget { group, resource, subresource, namespace, name })
        }),
        1 => word(&["/healthz", "/healthz/etcd", "/hello", ""]).prop_map(|path| Target::NonResource { path }),
    ];
    (word(&USERS), words(&MEMBERSHIPS, 3), word(&VERBS), target).prop_map(|(user, groups, verb, target)| AccessReview {
        user,
        groups,
        action: Action { verb, target },
    })
}

fn questions() -> impl Strategy<Value = Vec<(AccessReview, i64)>> {
    prop::collection::vec((review(), -2..LAST + 2), 12)
}

// ---------------------------------------------------------------- completing what is unknown

/// The least or the most that the evidence allows at an instant: everything doubtful gone, or everything
/// doubtful there and as generous to the user as it could be.
fn completed(t: &RbacTimeline, user: &str, at: Timestamp, most: bool) -> RbacTimeline {
    let all = || vec!["*".to_owned()];
    let everything: Arc<[PolicyRule]> = vec![PolicyRule {
        verbs: all(),
        api_groups: all(),
        resources: all(),
        resource_names: vec![],
        non_resource_urls: all(),
    }]
    .into();
    let role = |kind, namespace: &Arc<str>, name: &str, rules: &Arc<[PolicyRule]>| RoleVersion {
        kind,
        namespace: namespace.clone(),
        name: Arc::from(name),
        held: Interval::ALWAYS,
        basis: Basis::Observed,
        state: RoleState::Rules(rules.clone()),
    };
    let known = |kind| KnownSet { kind, namespace: None, held: Interval::ALWAYS, basis: Basis::Observed };
    let mut done = RbacTimeline { known_sets: RbacKind::ALL.map(known).to_vec(), ..RbacTimeline::default() };
    for r in t.roles.iter().filter(|r| r.held.contains(at)) {
        match &r.state {
            RoleState::Rules(rules) => done.roles.push(role(r.kind, &r.namespace, &r.name, rules)),
            RoleState::Maybe { rules, .. } if most => done.roles.push(role(r.kind, &r.namespace, &r.name, rules)),
            RoleState::Unknown(_) if most => done.roles.push(role(r.kind, &r.namespace, &r.name, &everything)),
            _ => {}
        }
    }
    let none: Arc<str> = Arc::from("");
    if most {
        for (kind, namespace) in [(RbacKind::ClusterRole, ""), (RbacKind::Role, "a"), (RbacKind::Role, "b")] {
            for name in ROLE_NAMES {
                let seen = t
                    .roles
                    .iter()
                    .any(|r| r.held.contains(at) && (r.kind, &*r.namespace, &*r.name) == (kind, namespace, name));
                if !seen && set_basis(t, kind, namespace, at).is_none() {
                    done.roles.push(role(kind, &Arc::from(namespace), name, &everything));
                }
            }
        }
        done.roles.push(role(RbacKind::ClusterRole, &none, "everything", &everything));
    }
    let to_user =
        |kind: RbacKind, namespace: &Arc<str>, name: &str, role_ref: RoleRef, subjects: Option<&Arc<[Subject]>>| {
            let user = Subject { kind: "User".into(), name: user.into(), ..Subject::default() };
            let subjects = subjects.cloned().unwrap_or_else(|| vec![user].into());
            let state = BindingState::Known { role_ref, subjects };
            BindingVersion {
                kind,
                namespace: namespace.clone(),
                name: Arc::from(name),
                held: Interval::ALWAYS,
                basis: Basis::Observed,
                state,
            }
        };
    let generous = || RoleRef { kind: "ClusterRole".into(), name: "everything".into(), ..RoleRef::default() };
    for b in t.bindings.iter().filter(|b| b.held.contains(at)) {
        done.bindings.extend(match &b.state {
            BindingState::Known { role_ref, subjects } => {
                Some(to_user(b.kind, &b.namespace, &b.name, role_ref.clone(), Some(subjects)))
            }
            BindingState::Maybe { role_ref, subjects, .. } if most => {
                Some(to_user(b.kind, &b.namespace, &b.name, role_ref.clone(), subjects.as_ref()))
            }
            BindingState::Unknown(_) if most => Some(to_user(b.kind, &b.namespace, &b.name, generous(), None)),
            _ => None,
        });
    }
    for (kind, namespace) in [
        (RbacKind::ClusterRoleBinding, ""),
        (RbacKind::RoleBinding, "a"),
        (RbacKind::RoleBinding, "b"),
        (RbacKind::RoleBinding, "c"),
    ] {
        if most && set_basis(t, kind, namespace, at).is_none() {
            done.bindings.push(to_user(kind, &Arc::from(namespace), "unseen", generous(), None));
        }
    }
    done
}

// ---------------------------------------------------------------- the properties

type Checked = Result<(), TestCaseError>;

fn agrees_with_the_slow_one(
    timeline: &RbacTimeline,
    review: &AccessReview,
    at: Timestamp,
    decision: &Decision,
) -> Checked {
    let slow = expected(timeline, review, at);
    prop_assert_eq!((decision.allowed, decision.basis), (slow.allowed, slow.basis), "{:?} {}", review, at);
    let mut via = Vec::new();
    for one in &decision.via {
        let Via::Chain(c) = one else { panic!("RBAC knows no privileged group") };
        prop_assert!(c.held.contains(at) && allows(&c.rule, &review.action));
        prop_assert!(c.subject.applies_to(&review.user, &review.groups));
        via.push((c.binding.kind, c.binding.namespace.to_string(), c.binding.name.to_string(), c.rule.index()));
    }
    prop_assert_eq!(via, slow.via);
    let reason = match (decision.allowed, slow.errors.as_slice()) {
        (Some(true), _) => format!("RBAC: allowed by {}", decision.via[0]),
        (Some(false), []) => String::new(),
        (Some(false), [one]) => format!("RBAC: {one}"),
        (Some(false), many) => format!("RBAC: [{}]", many.join(", ")),
        (None, _) => {
            prop_assert!(!decision.reason.is_empty());
            return Ok(());
        }
    };
    prop_assert_eq!(&decision.reason, &reason);
    Ok(())
}

/// Unknown exactly when the least and the most that the evidence allows answer differently; also for writing
/// a role, whose check asks for many rights at once.
fn is_unknown_exactly_when_open(timeline: &RbacTimeline, review: &AccessReview, at: i64) -> Checked {
    let authorizer = Authorizer::new(timeline.clone());
    let complete = |most| Authorizer::new(completed(timeline, &review.user, t(at), most));
    let bounds = [complete(false), complete(true)];
    let decision = authorizer.review(review, t(at));
    let answers = bounds.each_ref().map(|a| a.review(review, t(at)).allowed.unwrap());
    prop_assert_eq!(answers, decision.allowed.map_or([false, true], |a| [a, a]), "{:?} {}", review, decision.reason);
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect();
    let rules = [PolicyRule {
        verbs: words(&["get", "list"]),
        api_groups: words(&[""]),
        resources: words(&["pods", "pods/log"]),
        ..PolicyRule::default()
    }];
    for object in [
        Written::Role { namespace: "a", name: "new", rules: &rules },
        Written::ClusterRole { name: "new", rules: &rules, aggregated: at % 2 == 0 },
    ] {
        let (user, groups, verb) = (review.user.as_str(), review.groups.as_slice(), WriteVerb::Create);
        let write = RbacWrite { user, groups, verb, object, housekeeping: false };
        let check = authorizer.may_write(&write, t(at)).check;
        let answers = bounds.each_ref().map(|a| a.may_write(&write, t(at)).check.passed.unwrap());
        prop_assert_eq!(answers, check.passed.map_or([false, true], |passed| [passed, passed]), "{:?}", check);
        prop_assert_eq!(check.passed.is_none(), check.basis == Basis::Unknown);
        prop_assert_eq!(check.passed == Some(true), check.reason.is_empty());
    }
    Ok(())
}

/// The weakest thing that a list of all who can rests on, looking at every row; unknown when anything is.
fn basis_of_list(t: &RbacTimeline, action: &Action, at: Timestamp) -> Basis {
    let somebody = AccessReview { user: String::new(), groups: Vec::new(), action: action.clone() };
    let mut basis = set_basis(t, RbacKind::ClusterRoleBinding, "", at).unwrap_or(Basis::Unknown);
    if !action.namespace().is_empty() {
        basis = basis.max(set_basis(t, RbacKind::RoleBinding, action.namespace(), at).unwrap_or(Basis::Unknown));
    }
    for b in bindings_in_reach(t, &somebody, at) {
        let mut b = b.clone();
        if let BindingState::Known { subjects, .. } | BindingState::Maybe { subjects: Some(subjects), .. } =
            &mut b.state
        {
            let own_namespace = !b.namespace.is_empty();
            let matches = |s: &Subject| match s.kind.as_str() {
                "ServiceAccount" => own_namespace || !s.namespace.is_empty(),
                kind => kind == "User" || kind == "Group",
            };
            // Whoever it may be: the question is asked for one of them.
            let one = Subject { kind: "User".into(), ..Subject::default() };
            *subjects = subjects.iter().filter(|s| matches(s)).map(|_| one.clone()).collect();
        }
        let of_binding = if matches!(b.state, BindingState::Unknown(_)) { Basis::Unknown } else { b.basis };
        let of_chain = match step(t, &b, &somebody, at) {
            Step::Nothing => Basis::Observed,
            Step::Doubt => Basis::Unknown,
            Step::Allows(known, _) | Step::Rests(known) | Step::Fails(known, _) => known,
        };
        basis = basis.max(of_binding).max(of_chain);
    }
    basis
}

/// Whether a grant of this scope reaches the action.
fn reaches(scope: &GrantScope, action: &Action) -> bool {
    match scope {
        GrantScope::Cluster => true,
        GrantScope::Namespace(own) => !action.namespace().is_empty() && **own == *action.namespace(),
    }
}

fn who_can_agrees(
    t: &RbacTimeline,
    authorizer: &Authorizer,
    review: &AccessReview,
    at: Timestamp,
    decision: &Decision,
) -> Checked {
    let AccessReview { user, groups, action } = review;
    let namespace = action.namespace();
    let scope = if namespace.is_empty() { Scope::Cluster } else { Scope::Namespace(namespace.to_owned()) };
    let list = authorizer.who_can(action, &scope, false, When::At(at));
    let own = |row: &&Row| row.source != Source::PrivilegedGroup && row.subject.applies_to(user, groups);
    let best = list.rows.iter().filter(own).map(|row| row.basis).min();
    prop_assert_eq!(best, (decision.allowed == Some(true)).then_some(decision.basis));
    prop_assert!(list.rows.iter().all(|row| row.held.contains(at) && reaches(&row.scope, action)));
    prop_assert!(decision.allowed.is_some() || !list.unknown.is_empty());
    prop_assert_eq!(list.unknown.is_empty(), list.basis != Basis::Unknown);
    prop_assert_eq!(list.basis, basis_of_list(t, action, at), "{:?}", list.unknown);
    prop_assert!(decision.allowed != Some(false) || list.basis >= decision.basis);
    let everywhere = authorizer.who_can(action, &Scope::All, false, When::At(at));
    let listed = everywhere.rows.iter().filter(own).any(|row| reaches(&row.scope, action));
    prop_assert_eq!(listed, decision.allowed == Some(true));
    Ok(())
}

fn rights_and_grants_agree(
    authorizer: &Authorizer,
    grants: &[Grant],
    review: &AccessReview,
    at: Timestamp,
    can: bool,
) -> Checked {
    let AccessReview { user, groups, action } = review;
    let rights = authorizer.rights(SubjectSelector::Identity { user, groups }, When::At(at));
    prop_assert!(rights.rows.iter().all(|row| row.held.contains(at)));
    let by_rights = rights.rows.iter().any(|row| match &row.gives {
        Gives::Rule(rule) => reaches(&row.scope, action) && allows(rule, action),
        _ => false,
    });
    prop_assert_eq!(can, by_rights);
    let by_grants = grants.iter().any(|grant| {
        grant.held.contains(at)
            && grant.subject.applies_to(user, groups)
            && reaches(&grant.scope, action)
            && allows(&grant.rule, action)
    });
    prop_assert_eq!(can, by_grants);
    let own = authorizer.rules_for(user, groups, action.namespace(), at);
    prop_assert_eq!(can, own.known().any(|rule| allows(rule, action)));
    Ok(())
}

/// A list over a stretch holds what the lists at its instants hold, and nothing else.
fn stretch_is_its_instants(
    authorizer: &Authorizer,
    action: &Action,
    cluster_scoped: bool,
    from: i64,
    to: i64,
) -> Checked {
    let list = |when| authorizer.who_can(action, &Scope::All, cluster_scoped, when);
    let whole = list(When::During(Interval::new(t(from), t(to))));
    let (mut rows, mut named, mut unknown) = (Vec::new(), Vec::new(), false);
    for at in from..to {
        let one = list(When::At(t(at)));
        prop_assert!(one.rows.iter().chain(&one.named_only).all(|row| row.held.contains(t(at))));
        unknown |= !one.unknown.is_empty();
        rows.extend(one.rows);
        named.extend(one.named_only);
    }
    for (place, one) in whole.rows.iter().enumerate() {
        let apart = |other: &Row| one.held.to < other.held.from || other.held.to < one.held.from;
        let same = |other: &&Row| Row { held: one.held, ..(*other).clone() } == *one;
        prop_assert!(whole.rows[place + 1..].iter().filter(same).all(apart), "{:?}", one);
    }
    for (instants, stretch) in [(&mut rows, whole.rows), (&mut named, whole.named_only)] {
        instants.sort();
        instants.dedup();
        let mut stretch = stretch;
        stretch.sort();
        prop_assert_eq!(&stretch, instants);
    }
    prop_assert_eq!(unknown, !whole.unknown.is_empty());
    Ok(())
}

/// Grants of one chain do not touch: where they could be one, they are.
fn grants_are_apart(grants: &[Grant]) -> Checked {
    for (place, one) in grants.iter().enumerate() {
        prop_assert!(!one.held.is_empty());
        for other in &grants[place + 1..] {
            let same = one.subject == other.subject
                && one.binding == other.binding
                && one.role == other.role
                && one.rule == other.rule
                && one.basis == other.basis;
            prop_assert!(!same || one.held.to < other.held.from || other.held.to < one.held.from);
        }
    }
    Ok(())
}

fn answer_the_same(one: &Authorizer, other: &Authorizer, review: &AccessReview, at: Timestamp) -> Checked {
    prop_assert_eq!(one.review(review, at), other.review(review, at));
    let when = When::During(Interval::ALWAYS);
    let who = |a: &Authorizer| a.who_can(&review.action, &Scope::All, false, when);
    prop_assert_eq!(who(one), who(other));
    let rights = |a: &Authorizer| a.rights(SubjectSelector::Matching(&|_: &SubjectRef| true), when);
    prop_assert_eq!(rights(one), rights(other));
    prop_assert!(one.grants().eq(other.grants()));
    Ok(())
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_answer_is_that_of_the_slow_authorizer(timeline in timeline(), questions in questions()) {
        let authorizer = Authorizer::new(timeline.clone());
        for (review, at) in questions {
            agrees_with_the_slow_one(&timeline, &review, t(at), &authorizer.review(&review, t(at)))?;
        }
    }

    #[test]
    fn unknown_is_said_exactly_when_the_evidence_could_go_either_way(timeline in timeline(), questions in questions()) {
        for (review, at) in questions {
            is_unknown_exactly_when_open(&timeline, &review, at)?;
        }
    }

    #[test]
    fn can_who_can_rights_and_grants_agree(timeline in timeline(), questions in questions()) {
        let authorizer = Authorizer::new(timeline.clone());
        let grants: Vec<Grant> = authorizer.grants().collect();
        for (review, at) in questions {
            let decision = authorizer.review(&review, t(at));
            who_can_agrees(&timeline, &authorizer, &review, t(at), &decision)?;
            rights_and_grants_agree(&authorizer, &grants, &review, t(at), decision.allowed == Some(true))?;
        }
    }

    #[test]
    fn lists_over_a_stretch_are_those_of_its_instants(
        timeline in timeline(),
        review in review(),
        from in 0..LAST,
        length in 1..6_i64,
        cluster_scoped in any::<bool>(),
    ) {
        stretch_is_its_instants(&Authorizer::new(timeline), &review.action, cluster_scoped, from, from + length)?;
    }

    #[test]
    fn grants_are_merged_over_versions(timeline in timeline()) {
        grants_are_apart(&Authorizer::new(timeline).grants().collect::<Vec<_>>())?;
    }

    #[test]
    fn answers_do_not_depend_on_the_order_of_evidence(
        timeline in timeline(),
        review in review(),
        at in 0..LAST,
        turn in any::<Index>(),
    ) {
        let mut turned = timeline.clone();
        let (roles, bindings) = (turned.roles.len().max(1), turned.bindings.len().max(1));
        turned.roles.rotate_left(turn.index(roles));
        turned.bindings.rotate_left(turn.index(bindings));
        turned.known_sets.reverse();
        answer_the_same(&Authorizer::new(timeline), &Authorizer::new(turned), &review, t(at))?;
    }
}
