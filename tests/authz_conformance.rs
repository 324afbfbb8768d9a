//! Every known answer about the Kubernetes RBAC authorizer, the aggregation controller and the
//! escalation cover check, asked through the public API.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kubesleuth::authz::aggregation::{AggregatedRole, converge, sync};
use kubesleuth::authz::{Authorizer, Via, uncovered};
use kubesleuth::history::state::{BindingState, BindingVersion, KnownSet, RbacTimeline, RoleState, RoleVersion};
use kubesleuth::model::basis::Basis;
use kubesleuth::model::rbac::{AggregationRule, PolicyRule, RbacKind, RoleRef, Subject};
use kubesleuth::model::review::{AccessReview, Action, ResourceTarget, Target};
use kubesleuth::model::time::{Interval, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Deserialize, Default, Clone)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    kind: String,
    metadata: Metadata,
    rules: Option<Vec<PolicyRule>>,
    aggregation_rule: Option<AggregationRule>,
    role_ref: RoleRef,
    subjects: Option<Vec<Subject>>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: String,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    roles: Vec<Object>,
    bindings: Vec<Object>,
    request: Request,
    allowed: bool,
    apiserver_allowed: Option<bool>,
}

#[derive(Deserialize)]
struct Request {
    user: String,
    groups: Vec<String>,
    verb: String,
    path: Option<String>,
    #[serde(default)]
    group: String,
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

impl Request {
    fn review(&self) -> AccessReview {
        let target = match self.path.clone() {
            Some(path) => Target::NonResource { path },
            None => Target::Resource(ResourceTarget {
                group: self.group.clone(),
                resource: self.resource.clone(),
                subresource: self.subresource.clone(),
                namespace: self.namespace.clone(),
                name: self.name.clone(),
            }),
        };
        let action = Action { verb: self.verb.clone(), target };
        AccessReview { user: self.user.clone(), groups: self.groups.clone(), action }
    }
}

fn cases<T: DeserializeOwned>(file: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/conformance/rbac").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

fn timeline(roles: &[Object], bindings: &[Object]) -> RbacTimeline {
    let known = |kind| KnownSet { kind, namespace: None, held: Interval::ALWAYS, basis: Basis::Observed };
    RbacTimeline {
        roles: roles.iter().map(role).collect(),
        bindings: bindings.iter().map(binding).collect(),
        known_sets: RbacKind::ALL.map(known).to_vec(),
    }
}

fn role(object: &Object) -> RoleVersion {
    RoleVersion {
        kind: RbacKind::from_kind(&object.kind).unwrap(),
        namespace: Arc::from(object.metadata.namespace.as_str()),
        name: Arc::from(object.metadata.name.as_str()),
        held: Interval::ALWAYS,
        basis: Basis::Observed,
        state: RoleState::Rules(object.rules.clone().unwrap_or_default().into()),
    }
}

fn binding(object: &Object) -> BindingVersion {
    BindingVersion {
        kind: RbacKind::from_kind(&object.kind).unwrap(),
        namespace: Arc::from(object.metadata.namespace.as_str()),
        name: Arc::from(object.metadata.name.as_str()),
        held: Interval::ALWAYS,
        basis: Basis::Observed,
        state: BindingState::Known {
            role_ref: object.role_ref.clone(),
            subjects: object.subjects.clone().unwrap_or_default().into(),
        },
    }
}

#[test]
fn every_access_review_is_answered_as_the_authorizer_does() {
    let cases: Vec<Case> = cases("cases.jsonl");
    assert!(cases.len() > 300);
    let mut wrong = Vec::new();
    for case in &cases {
        let authorizer = Authorizer::new(timeline(&case.roles, &case.bindings));
        let (review, at) = (case.request.review(), Timestamp::from_micros(0));
        let decision = authorizer.review(&review, at);
        let server = authorizer.review_api_server(&review, at);
        let expected = (Some(case.allowed), Some(case.apiserver_allowed.unwrap_or(case.allowed)));
        if (decision.allowed, server.allowed) != expected || decision.basis != Basis::Observed {
            wrong.push(format!("{}: {decision:?}", case.id));
        }
        if case.allowed {
            let Some(Via::Chain(chain)) = decision.via.first() else { panic!("{}: allowed by nothing", case.id) };
            assert_eq!(decision.reason, format!("RBAC: allowed by {chain}"), "{}", case.id);
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_aggregation_comes_out_as_the_controller_writes_it() {
    #[derive(Deserialize)]
    struct Case {
        id: String,
        clusterroles: Vec<Object>,
        name: String,
        expected_rules: Vec<PolicyRule>,
        expected_rules_fixpoint: Option<Vec<PolicyRule>>,
    }
    let cases: Vec<Case> = cases("aggregation.jsonl");
    assert!(cases.len() >= 25);
    for case in cases {
        let roles: Vec<AggregatedRole> = case
            .clusterroles
            .into_iter()
            .map(|o| AggregatedRole {
                name: o.metadata.name,
                labels: o.metadata.labels,
                rules: o.rules.unwrap_or_default(),
                aggregation: o.aggregation_rule,
            })
            .collect();
        let role = roles.iter().find(|role| role.name == case.name).unwrap();
        let rules = sync(role, &roles).unwrap().unwrap_or_else(|| role.rules.clone());
        assert_eq!(rules, case.expected_rules, "{}", case.id);
        let done = converge(&roles);
        assert!(done.settled, "{}", case.id);
        if let Some(expected) = case.expected_rules_fixpoint {
            let role = done.roles.iter().find(|role| role.name == case.name).unwrap();
            assert_eq!(role.rules, expected, "{}", case.id);
        }
    }
}

#[test]
fn every_cover_check_leaves_what_the_comparator_leaves() {
    #[derive(Deserialize)]
    struct Case {
        id: String,
        owner: Vec<PolicyRule>,
        servant: Vec<PolicyRule>,
        covers: bool,
        uncovered: Vec<PolicyRule>,
    }
    let cases: Vec<Case> = cases("covers.jsonl");
    assert!(cases.len() >= 49);
    for case in cases {
        let owner: Vec<&PolicyRule> = case.owner.iter().collect();
        let left = uncovered(&owner, &case.servant).unwrap();
        assert_eq!(left, case.uncovered, "{}", case.id);
        assert_eq!(left.is_empty(), case.covers, "{}", case.id);
    }
}
