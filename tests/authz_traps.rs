//! Mistakes that who-can tools make, one test each. The answers are those of the Kubernetes authorizer.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use std::sync::Arc;

use kubesleuth::authz::aggregation::{AggregatedRole, sync};
use kubesleuth::authz::{
    Authorizer, Decision, Gives, GrantScope, Pass, RbacWrite, Row, Scope, Source, SubjectRef, SubjectSelector, Via,
    When, WhoCan, WriteVerb, Written,
};
use kubesleuth::history::state::{BindingState, BindingVersion, KnownSet, RbacTimeline, RoleState, RoleVersion};
use kubesleuth::model::basis::Basis;
use kubesleuth::model::rbac::{PolicyRule, RbacKind, RoleRef, Subject};
use kubesleuth::model::review::{AccessReview, Action, ResourceTarget, Target};
use kubesleuth::model::time::{Interval, Timestamp};
use serde_json::json;

fn t(n: i64) -> Timestamp {
    Timestamp::from_micros(n)
}

/// A cluster in which everything is known, filled by hand.
#[derive(Clone)]
struct Cluster(RbacTimeline);

impl Cluster {
    fn new() -> Self {
        let known = |kind| KnownSet { kind, namespace: None, held: Interval::ALWAYS, basis: Basis::Observed };
        Self(RbacTimeline { known_sets: RbacKind::ALL.map(known).to_vec(), ..RbacTimeline::default() })
    }

    fn role_during(mut self, place: &str, held: Interval, state: RoleState) -> Self {
        let (kind, namespace, name) = place_of(place, RbacKind::Role, RbacKind::ClusterRole);
        self.0.roles.push(RoleVersion { kind, namespace, name, held, basis: Basis::Observed, state });
        self
    }

    /// `ns/name` is a Role, `name` a ClusterRole; rules as in YAML.
    fn role(self, place: &str, rules: serde_json::Value) -> Self {
        self.role_during(place, Interval::ALWAYS, rules_state(rules))
    }

    fn binding_during(mut self, place: &str, held: Interval, state: BindingState) -> Self {
        let (kind, namespace, name) = place_of(place, RbacKind::RoleBinding, RbacKind::ClusterRoleBinding);
        self.0.bindings.push(BindingVersion { kind, namespace, name, held, basis: Basis::Observed, state });
        self
    }

    /// `ns/name` is a RoleBinding, `name` a ClusterRoleBinding; the role is `Kind/name`.
    fn binding(self, place: &str, role: &str, subjects: &[Subject]) -> Self {
        self.binding_during(place, Interval::ALWAYS, gives(role, subjects))
    }

    fn build(self) -> Authorizer {
        Authorizer::new(self.0)
    }
}

fn place_of(place: &str, namespaced: RbacKind, cluster: RbacKind) -> (RbacKind, Arc<str>, Arc<str>) {
    match place.split_once('/') {
        Some((namespace, name)) => (namespaced, Arc::from(namespace), Arc::from(name)),
        None => (cluster, Arc::from(""), Arc::from(place)),
    }
}

fn rules_state(rules: serde_json::Value) -> RoleState {
    RoleState::Rules(serde_json::from_value::<Vec<PolicyRule>>(rules).unwrap().into())
}

fn gives(role: &str, subjects: &[Subject]) -> BindingState {
    let (kind, name) = role.split_once('/').unwrap();
    let role_ref = RoleRef { kind: kind.into(), name: name.into(), ..RoleRef::default() };
    BindingState::Known { role_ref, subjects: subjects.to_vec().into() }
}

fn user(name: &str) -> Subject {
    Subject { kind: "User".into(), name: name.into(), ..Subject::default() }
}

fn group(name: &str) -> Subject {
    Subject { kind: "Group".into(), name: name.into(), ..Subject::default() }
}

fn account(namespace: &str, name: &str) -> Subject {
    Subject { kind: "ServiceAccount".into(), namespace: namespace.into(), name: name.into(), ..Subject::default() }
}

fn pods(verbs: &[&str]) -> serde_json::Value {
    json!([{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}])
}

/// `[group:]resource[/subresource][=name]`, or a URL.
fn action(verb: &str, what: &str, namespace: &str) -> Action {
    let target = if what.starts_with('/') {
        Target::NonResource { path: what.into() }
    } else {
        let (group, rest) = what.split_once(':').unwrap_or(("", what));
        let (rest, name) = rest.split_once('=').unwrap_or((rest, ""));
        let (resource, subresource) = rest.split_once('/').unwrap_or((rest, ""));
        let [group, resource, subresource, namespace, name] =
            [group, resource, subresource, namespace, name].map(str::to_owned);
        Target::Resource(ResourceTarget { group, resource, subresource, namespace, name })
    };
    Action { verb: verb.into(), target }
}

fn ask(authorizer: &Authorizer, user: &str, groups: &[&str], verb: &str, what: &str, namespace: &str) -> Decision {
    let groups = groups.iter().map(|g| (*g).to_owned()).collect();
    let review = AccessReview { user: user.into(), groups, action: action(verb, what, namespace) };
    authorizer.review_api_server(&review, t(0))
}

fn can(authorizer: &Authorizer, user: &str, verb: &str, what: &str, namespace: &str) -> bool {
    ask(authorizer, user, &[], verb, what, namespace).allowed.unwrap()
}

fn who(authorizer: &Authorizer, verb: &str, what: &str, scope: &Scope, cluster_scoped: bool) -> WhoCan {
    authorizer.who_can(&action(verb, what, ""), scope, cluster_scoped, When::At(t(0)))
}

/// Subject and scope of each row that rests on a binding.
fn names(rows: &[Row]) -> Vec<(String, String)> {
    let bound = rows.iter().filter(|row| row.source != Source::PrivilegedGroup);
    bound.map(|row| (row.subject.name.to_string(), row.scope.namespace().to_owned())).collect()
}

fn pair(name: &str, scope: &str) -> (String, String) {
    (name.into(), scope.into())
}

fn in_namespace(namespace: &str) -> Scope {
    Scope::Namespace(namespace.into())
}

#[test]
fn all_namespaces_neither_drops_role_bindings_nor_takes_them_for_cluster_wide() {
    let a = Cluster::new()
        .role("reader", pods(&["list"]))
        .binding("everywhere", "ClusterRole/reader", &[user("root")])
        .binding("a/here", "ClusterRole/reader", &[user("ann")])
        .binding("b/there", "ClusterRole/reader", &[user("ann")])
        .build();
    let all = who(&a, "list", "pods", &Scope::All, false);
    assert_eq!(names(&all.rows), [pair("ann", "a"), pair("ann", "b"), pair("root", "")]);
    assert_eq!(names(&who(&a, "list", "pods", &Scope::Cluster, false).rows), [pair("root", "")]);
    assert_eq!(names(&who(&a, "list", "pods", &in_namespace("b"), false).rows), [pair("ann", "b"), pair("root", "")]);
    assert!(!can(&a, "ann", "list", "pods", ""), "two namespaces do not add up to all of them");
    assert!(!can(&a, "ann", "list", "pods", "*"), "a star is an odd namespace");
}

#[test]
fn a_star_inside_a_resource_is_no_glob_but_star_slash_subresource_is() {
    let rules = json!([{"apiGroups": ["*"], "resources": ["pods/*", "*/*", "*/scale"], "verbs": ["get"]}]);
    let a = Cluster::new().role("r", rules).binding("b", "ClusterRole/r", &[user("ann")]).build();
    for (what, allowed) in [
        ("pods/log", false),
        ("pods", false),
        ("pods/*", true),
        ("nodes/*", true),
        ("apps:deployments/scale", true),
        ("apps:deployments", false),
        ("apps:deployments/status", false),
    ] {
        assert_eq!(can(&a, "ann", "get", what, ""), allowed, "{what}");
    }
    assert_eq!(&*who(&a, "get", "apps:deployments/scale", &Scope::Cluster, false).rows[1].resource, "*/scale");
}

#[test]
fn star_covers_subresources_and_a_resource_does_not_cover_its_own() {
    let a = Cluster::new()
        .role("all", json!([{"apiGroups": [""], "resources": ["*"], "verbs": ["create"]}]))
        .role("pods", pods(&["create"]))
        .binding("all", "ClusterRole/all", &[user("ann")])
        .binding("pods", "ClusterRole/pods", &[user("bob")])
        .build();
    assert!(can(&a, "ann", "create", "pods/exec", "x"));
    assert!(!can(&a, "bob", "create", "pods/exec", "x"));
    assert!(can(&a, "bob", "create", "pods", "x"));
}

#[test]
fn urls_are_prefixes_only_with_a_trailing_star_and_never_come_through_a_role_binding() {
    let url = |url: &str| json!([{"nonResourceURLs": [url], "verbs": ["get"]}]);
    let a = Cluster::new()
        .role("foo-star", url("/foo*"))
        .role("foo-below", url("/foo/*"))
        .role("all", url("*"))
        .role("ns/urls", url("*"))
        .binding("1", "ClusterRole/foo-star", &[user("star")])
        .binding("2", "ClusterRole/foo-below", &[user("below")])
        .binding("ns/3", "ClusterRole/all", &[user("bound")])
        .binding("ns/4", "Role/urls", &[user("bound")])
        .build();
    for (path, star, below) in
        [("/foo", true, false), ("/foobar", true, false), ("/foo/x", true, true), ("/fo", false, false)]
    {
        assert_eq!((can(&a, "star", "get", path, ""), can(&a, "below", "get", path, "")), (star, below), "{path}");
    }
    assert!(!can(&a, "bound", "get", "/foo", ""));
    assert_eq!(names(&who(&a, "get", "/foo", &Scope::All, false).rows), [pair("star", "")]);
    assert!(a.grants().all(|grant| *grant.subject.name != *"bound"), "a URL in a namespace grants nothing");
}

#[test]
fn the_api_group_must_match_and_core_is_the_empty_one() {
    let rule =
        |groups: serde_json::Value| json!([{"apiGroups": groups, "resources": ["deployments"], "verbs": ["get"]}]);
    let a = Cluster::new()
        .role("apps", rule(json!(["apps"])))
        .role("none", json!([{"resources": ["deployments"], "verbs": ["get"]}]))
        .role("core", rule(json!(["core"])))
        .role("any", rule(json!(["*"])))
        .binding("1", "ClusterRole/apps", &[user("apps")])
        .binding("2", "ClusterRole/none", &[user("none")])
        .binding("3", "ClusterRole/core", &[user("core")])
        .binding("4", "ClusterRole/any", &[user("any")])
        .build();
    let who_may = |what: &str| names(&who(&a, "get", what, &Scope::Cluster, false).rows);
    assert_eq!(who_may("apps:deployments"), [pair("any", ""), pair("apps", "")]);
    assert_eq!(who_may("extensions:deployments"), [pair("any", "")]);
    assert_eq!(who_may("deployments"), [pair("any", "")]);
}

#[test]
fn groups_are_taken_as_given_and_a_user_subject_in_account_form_is_that_account() {
    let a = Cluster::new()
        .role("r", pods(&["get"]))
        .binding("1", "ClusterRole/r", &[group("system:serviceaccounts:ci")])
        .binding("ns/2", "ClusterRole/r", &[user("system:serviceaccount:ci:bot")])
        .binding("ns/3", "ClusterRole/r", &[user("ci:other")])
        .build();
    assert!(!can(&a, "system:serviceaccount:ci:x", "get", "pods", "ns"), "the authorizer derives no groups");
    let with_groups = ask(&a, "system:serviceaccount:ci:x", &["system:serviceaccounts:ci"], "get", "pods", "ns");
    assert_eq!(with_groups.allowed, Some(true));
    assert!(can(&a, "system:serviceaccount:ci:bot", "get", "pods", "ns"));
    assert!(!can(&a, "system:serviceaccount:ci:other", "get", "pods", "ns"));
}

#[test]
fn a_cluster_scoped_resource_is_not_given_by_a_role_binding_except_the_namespace_itself() {
    let rules =
        json!([{"apiGroups": [""], "resources": ["nodes", "namespaces", "namespaces/finalize"], "verbs": ["*"]}]);
    let a = Cluster::new()
        .role("r", rules)
        .binding("prod/b", "ClusterRole/r", &[user("ann")])
        .binding("test/b", "ClusterRole/r", &[user("bob")])
        .build();
    let list = |verb: &str, what: &str, scope: &Scope| who(&a, verb, what, scope, true);
    assert!(names(&list("get", "nodes=n1", &Scope::All).rows).is_empty());
    for verb in ["get", "update", "patch", "delete"] {
        assert_eq!(names(&list(verb, "namespaces=prod", &Scope::Cluster).rows), [pair("ann", "prod")], "{verb}");
        assert!(can(&a, "ann", verb, "namespaces=prod", "prod"));
    }
    assert_eq!(names(&list("update", "namespaces/finalize=prod", &Scope::All).rows), [pair("ann", "prod")]);
    for verb in ["create", "list", "watch", "deletecollection"] {
        assert!(names(&list(verb, "namespaces=prod", &Scope::All).rows).is_empty(), "{verb}");
    }
    let any = list("delete", "namespaces", &Scope::All);
    assert!(names(&any.rows).is_empty());
    assert_eq!(names(&any.named_only), [pair("ann", "prod"), pair("bob", "test")]);
}

#[test]
fn names_narrow_the_own_namespace_too() {
    let named = json!([{"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["other"], "verbs": ["get"]}]);
    let a = Cluster::new().role("r", named).binding("prod/b", "ClusterRole/r", &[user("ann")]).build();
    assert!(names(&who(&a, "get", "namespaces=prod", &Scope::All, true).rows).is_empty());
    assert!(who(&a, "get", "namespaces", &Scope::All, true).named_only.is_empty());
}

#[test]
fn an_account_without_namespace_is_the_bindings_own_and_nobody_in_a_cluster_role_binding() {
    let a = Cluster::new()
        .role("r", pods(&["get"]))
        .binding("ci/b", "ClusterRole/r", &[account("", "bot")])
        .binding("wide", "ClusterRole/r", &[account("", "lost")])
        .build();
    assert!(can(&a, "system:serviceaccount:ci:bot", "get", "pods", "ci"));
    assert!(!can(&a, "system:serviceaccount:default:bot", "get", "pods", "ci"));
    for namespace in ["", "default"] {
        assert!(!can(&a, &format!("system:serviceaccount:{namespace}:lost"), "get", "pods", ""));
    }
    let rows = who(&a, "get", "pods", &Scope::All, false).rows;
    assert_eq!(names(&rows), [pair("bot", "ci")]);
    assert_eq!(rows[1].subject, SubjectRef::service_account("ci", "bot"));
    let lost = SubjectRef::service_account("", "lost");
    assert_eq!(a.rights(SubjectSelector::Exact(&lost), When::At(t(0))).rows[0].gives, Gives::Nobody);
}

#[test]
fn resource_names_are_literal_and_do_not_let_nameless_requests_through() {
    let rule = json!([{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["db", "*"], "verbs": ["*"]}]);
    let a = Cluster::new().role("r", rule).binding("b", "ClusterRole/r", &[user("ann")]).build();
    assert!(can(&a, "ann", "get", "secrets=db", "x"));
    assert!(!can(&a, "ann", "get", "secrets=other", "x"));
    for verb in ["list", "watch", "create", "deletecollection"] {
        assert!(!can(&a, "ann", verb, "secrets", "x"), "{verb}");
        let answer = who(&a, verb, "secrets", &in_namespace("x"), false);
        assert!(names(&answer.rows).is_empty());
        assert_eq!(answer.named_only[0].resource_names(), ["db", "*"]);
    }
    assert!(can(&a, "ann", "list", "secrets=db", "x"), "a field selector on the name gives the request a name");
    assert!(who(&a, "get", "secrets=other", &in_namespace("x"), false).named_only.is_empty());
    let named = who(&a, "get", "secrets=db", &in_namespace("x"), false);
    assert_eq!(names(&named.rows), [pair("ann", "")]);
    assert!(named.named_only.is_empty());
}

#[test]
fn a_role_and_a_cluster_role_of_one_name_are_two_and_the_role_lies_where_the_binding_does() {
    let a = Cluster::new()
        .role("same", pods(&["get"]))
        .role("a/same", pods(&["list"]))
        .role("b/same", pods(&["watch"]))
        .binding("a/role", "Role/same", &[user("ann")])
        .binding("a/cluster", "ClusterRole/same", &[user("bob")])
        .binding("wide", "Role/same", &[user("eve")])
        .build();
    let verbs = |user: &str| ["get", "list", "watch"].map(|verb| can(&a, user, verb, "pods", "a"));
    assert_eq!(verbs("ann"), [false, true, false]);
    assert_eq!(verbs("bob"), [true, false, false]);
    assert_eq!(verbs("eve"), [false, false, false]);
    let reason = ask(&a, "eve", &[], "get", "pods", "a").reason;
    assert_eq!(reason, r#"RBAC: role.rbac.authorization.k8s.io "same" not found"#);
}

#[test]
fn a_dangling_role_ref_grants_nothing_stops_nothing_and_comes_to_life_later() {
    let from_ten = Interval::new(t(10), Timestamp::MAX);
    let a = Cluster::new()
        .role("reader", pods(&["get"]))
        .role_during("later", from_ten, rules_state(pods(&["delete"])))
        .binding("a/1", "ClusterRole/later", &[user("ann")])
        .binding("a/2", "clusterrole/later", &[user("ann")])
        .binding("a/3", "ClusterRole/reader", &[user("ann")])
        .build();
    assert!(can(&a, "ann", "get", "pods", "a"), "later bindings still count");
    let refused = ask(&a, "ann", &[], "delete", "pods", "a");
    assert_eq!(refused.allowed, Some(false));
    assert_eq!(
        refused.reason,
        r#"RBAC: [clusterrole.rbac.authorization.k8s.io "later" not found, unsupported role reference kind: "clusterrole"]"#
    );
    assert_eq!(ask(&a, "bob", &[], "delete", "pods", "a").reason, "", "only the user's own bindings are resolved");
    let review = AccessReview { user: "ann".into(), groups: vec![], action: action("delete", "pods", "a") };
    assert_eq!(a.review(&review, t(9)).allowed, Some(false));
    assert_eq!(a.review(&review, t(10)).allowed, Some(true));
    let rights = a.rights(SubjectSelector::Exact(&SubjectRef::user("ann")), When::At(t(0))).rows;
    let dangling: Vec<_> = rights.iter().filter(|r| r.gives == Gives::Dangling).map(|r| &*r.binding.name).collect();
    assert_eq!(dangling, ["1", "2"]);
    let held: Vec<_> = a.grants().filter(|g| *g.role.name == *"later").map(|g| g.held).collect();
    assert_eq!(held, [from_ten]);
}

#[test]
fn aggregation_is_not_evaluated_live() {
    let leaf: Vec<PolicyRule> = serde_json::from_value(pods(&["get"])).unwrap();
    let aggregate = AggregatedRole {
        name: "sum".into(),
        aggregation: Some(
            serde_json::from_value(json!({"clusterRoleSelectors": [{"matchLabels": {"to": "sum"}}]})).unwrap(),
        ),
        ..AggregatedRole::default()
    };
    let part = AggregatedRole {
        name: "part".into(),
        labels: [("to".into(), "sum".into())].into(),
        rules: leaf.clone(),
        aggregation: None,
    };
    assert_eq!(sync(&aggregate, &[aggregate.clone(), part]).unwrap(), Some(leaf), "predicted");
    let a = Cluster::new()
        .role("sum", json!([]))
        .role("part", pods(&["get"]))
        .binding("b", "ClusterRole/sum", &[user("ann")])
        .build();
    assert!(!can(&a, "ann", "get", "pods", "x"), "but until it is stored, nothing is granted");
}

#[test]
fn no_verb_implies_another() {
    let verbs = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
    for held in verbs {
        let a = Cluster::new().role("r", pods(&[held])).binding("b", "ClusterRole/r", &[user("ann")]).build();
        for asked in verbs {
            assert_eq!(can(&a, "ann", asked, "pods", "x"), asked == held, "{held} {asked}");
        }
    }
}

#[test]
fn a_star_verb_covers_the_special_verbs_and_asking_for_star_means_star() {
    let a = Cluster::new()
        .role("star", json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]))
        .role("many", json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "ge*"]}]))
        .binding("1", "ClusterRole/star", &[user("ann")])
        .binding("2", "ClusterRole/many", &[user("bob")])
        .build();
    for verb in ["impersonate", "bind", "escalate", "approve", "sign", "attest", "use", "made-up"] {
        assert!(can(&a, "ann", verb, "things", ""));
    }
    assert!(can(&a, "ann", "*", "*:*", ""));
    assert!(!can(&a, "bob", "*", "pods", ""));
    assert!(!can(&a, "bob", "get", "*", ""));
    assert!(can(&a, "bob", "ge*", "pods", ""), "a verb is no pattern, but may hold a star");
    assert!(!can(&a, "bob", "gex", "pods", ""));
}

#[test]
fn the_reason_is_the_api_servers_letter_by_letter() {
    let a = Cluster::new()
        .role("r:x", pods(&["get"]))
        .role("prod/role", pods(&["list"]))
        .binding("wide", "ClusterRole/r:x", &[user("Ann \"A\"\n"), group("O=ops")])
        .binding("prod/b", "Role/role", &[account("", "bot")])
        .binding("prod/a", "Role/role", &[group("dev"), account("ci", "bot")])
        .build();
    let reason = |user: &str, groups: &[&str], verb: &str| ask(&a, user, groups, verb, "pods", "prod").reason;
    assert_eq!(
        reason("Ann \"A\"\n", &["O=ops"], "get"),
        r#"RBAC: allowed by ClusterRoleBinding "wide" of ClusterRole "r:x" to User "Ann \"A\"\n""#
    );
    assert_eq!(
        reason("x", &["O=ops"], "get"),
        r#"RBAC: allowed by ClusterRoleBinding "wide" of ClusterRole "r:x" to Group "O=ops""#
    );
    assert_eq!(
        reason("system:serviceaccount:prod:bot", &[], "list"),
        r#"RBAC: allowed by RoleBinding "b/prod" of Role "role" to ServiceAccount "bot/prod""#
    );
    assert_eq!(
        reason("system:serviceaccount:ci:bot", &[], "list"),
        r#"RBAC: allowed by RoleBinding "a/prod" of Role "role" to ServiceAccount "bot/ci""#
    );
}

#[test]
fn everything_that_allows_is_named_cluster_role_bindings_first() {
    let a = Cluster::new()
        .role("r", pods(&["get"]))
        .binding("x/a", "ClusterRole/r", &[user("ann")])
        .binding("z", "ClusterRole/r", &[group("dev")])
        .binding("y", "ClusterRole/r", &[group("dev"), user("ann")])
        .build();
    let via: Vec<String> = ask(&a, "ann", &["dev"], "get", "pods", "x").via.iter().map(Via::to_string).collect();
    assert_eq!(
        via,
        [
            r#"ClusterRoleBinding "y" of ClusterRole "r" to Group "dev""#,
            r#"ClusterRoleBinding "z" of ClusterRole "r" to Group "dev""#,
            r#"RoleBinding "a/x" of ClusterRole "r" to User "ann""#,
        ]
    );
}

#[test]
fn binding_and_role_are_taken_of_one_instant_and_a_new_role_ref_is_another_binding() {
    let [early, late] = [Interval::new(Timestamp::MIN, t(10)), Interval::new(t(10), Timestamp::MAX)];
    let a = Cluster::new()
        .role_during("r", early, rules_state(pods(&["get"])))
        .role_during("r", late, rules_state(pods(&["list"])))
        .role("admin", pods(&["*"]))
        .binding_during("b", Interval::new(t(5), t(20)), gives("ClusterRole/r", &[user("ann")]))
        .binding_during("b", Interval::new(t(30), Timestamp::MAX), gives("ClusterRole/admin", &[user("ann")]))
        .build();
    let at = |verb: &str, n: i64| {
        let review = AccessReview { user: "ann".into(), groups: vec![], action: action(verb, "pods", "x") };
        a.review(&review, t(n)).allowed.unwrap()
    };
    assert_eq!([4, 5, 9, 10, 19, 20, 30].map(|n| at("get", n)), [false, true, true, false, false, false, true]);
    assert_eq!([9, 10, 19, 20, 29, 30].map(|n| at("list", n)), [false, true, true, false, false, true]);
    let during = When::During(Interval::new(t(0), t(100)));
    let rows = a.who_can(&action("get", "pods", ""), &Scope::Cluster, false, during).rows;
    let held: Vec<_> = rows.iter().skip(1).map(|row| (row.held.from, row.held.to)).collect();
    assert_eq!(held, [(t(30), Timestamp::MAX), (t(5), t(10))], "sorted by role, then time");
}

#[test]
fn a_row_is_not_cut_where_nothing_in_it_changes() {
    let cut = |from, to| Interval::new(t(from), t(to));
    let both = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}, {"nonResourceURLs": ["/x"], "verbs": ["get"]}]);
    let a = Cluster::new()
        .role_during("r", cut(0, 10), rules_state(pods(&["get"])))
        .role_during("r", cut(10, 90), rules_state(both))
        .binding_during("b", cut(1, 5), gives("ClusterRole/r", &[user("ann")]))
        .binding_during("b", cut(5, 80), gives("ClusterRole/r", &[user("bob"), user("ann")]))
        .build();
    let rows = a.who_can(&action("get", "pods", ""), &Scope::All, false, When::At(t(3))).rows;
    let held: Vec<_> = rows.iter().skip(1).map(|row| (&*row.subject.name, row.held)).collect();
    assert_eq!(held, [("ann", cut(1, 80))], "bob is not bound yet");
    let grants: Vec<_> = a.grants().map(|g| (g.subject.name.to_string(), g.rule.index(), g.held)).collect();
    let expected = [("ann", 0, cut(1, 80)), ("ann", 1, cut(10, 80)), ("bob", 0, cut(5, 80)), ("bob", 1, cut(10, 80))];
    assert_eq!(grants, expected.map(|(name, rule, held)| (name.to_owned(), rule, held)));
}

#[test]
fn system_masters_needs_no_binding_and_rbac_alone_does_not_know_it() {
    let a = Cluster::new().build();
    let masters = ask(&a, "kubernetes-admin", &["system:masters"], "delete", "nodes=n1", "");
    assert_eq!((masters.allowed, masters.reason.as_str(), masters.via), (Some(true), "", vec![Via::PrivilegedGroup]));
    let review =
        AccessReview { user: "x".into(), groups: vec!["system:masters".into()], action: action("get", "pods", "") };
    assert_eq!(a.review(&review, t(0)).allowed, Some(false));
    let rows = who(&a, "delete", "nodes", &Scope::Cluster, true).rows;
    assert_eq!((rows.len(), &rows[0].source, &rows[0].subject), (1, &Source::PrivilegedGroup, &SubjectRef::masters()));
}

#[test]
fn null_lists_and_invalid_rules_load_and_grant_what_the_evaluator_grants() {
    let a = Cluster::new()
        .role(
            "odd",
            json!([
                {"verbs": null, "apiGroups": null, "resources": null, "resourceNames": null, "nonResourceURLs": null},
                {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "nonResourceURLs": ["/both"]},
                {},
            ]),
        )
        .binding("b", "ClusterRole/odd", &[user("ann"), Subject::default()])
        .build();
    assert!(can(&a, "ann", "get", "pods", "x"));
    assert!(can(&a, "ann", "get", "/both", ""));
    assert!(!can(&a, "", "get", "pods", "x"));
    assert_eq!(a.grants().count(), 1);
}

#[test]
fn a_role_binding_outside_every_namespace_grants_nothing() {
    let mut cluster = Cluster::new().role("r", pods(&["get"])).binding("a/b", "ClusterRole/r", &[user("ann")]);
    cluster.0.bindings[0].namespace = Arc::from("");
    let a = cluster.build();
    assert!(!can(&a, "ann", "get", "pods", ""));
    assert!(names(&who(&a, "get", "pods", &Scope::All, false).rows).is_empty());
    assert_eq!(a.grants().count(), 0);
}

// ---------------------------------------------------------------- what cannot be told

/// Forgets that a set is known.
fn forget(mut cluster: Cluster, kind: RbacKind) -> Cluster {
    cluster.0.known_sets.retain(|set| set.kind != kind);
    cluster
}

fn unknown_role() -> RoleState {
    RoleState::Unknown(Arc::from("event 7 patched it at level Metadata"))
}

#[test]
fn absence_is_no_only_where_the_set_is_known() {
    let full = Cluster::new().role("r", pods(&["get"])).binding("a/b", "ClusterRole/r", &[user("ann")]);
    let no_bindings = forget(full.clone(), RbacKind::RoleBinding).build();
    assert_eq!(ask(&no_bindings, "ann", &[], "get", "pods", "a").allowed, Some(true), "a known chain is a yes");
    let unknown = ask(&no_bindings, "bob", &[], "get", "pods", "a");
    assert_eq!((unknown.allowed, unknown.basis), (None, Basis::Unknown));
    assert_eq!(
        unknown.reason,
        "there may be bindings that were not seen: no complete list of RoleBindings in namespace `a` holds at 1970-01-01T00:00:00Z"
    );
    assert_eq!(
        ask(&no_bindings, "bob", &[], "get", "nodes", "").allowed,
        Some(false),
        "a RoleBinding would not matter"
    );
    assert_eq!(ask(&no_bindings, "bob", &[], "get", "/x", "").allowed, Some(false));
    let no_cluster = forget(full, RbacKind::ClusterRoleBinding).build();
    assert_eq!(ask(&no_cluster, "bob", &[], "get", "/x", "").allowed, None);
}

#[test]
fn a_dangling_ref_is_no_only_where_the_roles_are_known() {
    let cluster = Cluster::new().binding("a/b", "Role/gone", &[user("ann")]);
    assert_eq!(ask(&cluster.clone().build(), "ann", &[], "get", "pods", "a").allowed, Some(false));
    let a = forget(cluster, RbacKind::Role).build();
    let unknown = ask(&a, "ann", &[], "get", "pods", "a");
    assert_eq!(unknown.allowed, None);
    assert!(
        unknown.reason.starts_with("Role `a/gone`, given by RoleBinding `a/b`, was not seen"),
        "{}",
        unknown.reason
    );
    assert_eq!(ask(&a, "bob", &[], "get", "pods", "a").allowed, Some(false), "it is not bound to bob");
    assert_eq!(who(&a, "get", "pods", &Scope::All, false).unknown.len(), 1);
}

#[test]
fn an_unknown_role_matters_to_its_subjects_only() {
    let a = Cluster::new()
        .role_during("r", Interval::new(t(-5), t(5)), unknown_role())
        .binding("b", "ClusterRole/r", &[user("ann")])
        .build();
    let unknown = ask(&a, "ann", &[], "get", "pods", "a");
    assert_eq!(
        unknown.reason,
        "the rules of ClusterRole `r`, given by ClusterRoleBinding `b`, are unknown from 1969-12-31T23:59:59.999995Z \
         to 1970-01-01T00:00:00.000005Z: event 7 patched it at level Metadata"
    );
    assert_eq!(ask(&a, "bob", &[], "get", "pods", "a").allowed, Some(false));
}

#[test]
fn an_unknown_binding_matters_to_everybody_in_its_reach() {
    let unknown = |place: &str| {
        Cluster::new().binding_during(place, Interval::ALWAYS, BindingState::Unknown(Arc::from("why"))).build()
    };
    let (wide, narrow) = (unknown("b"), unknown("a/b"));
    assert_eq!(ask(&wide, "ann", &[], "get", "pods", "x").allowed, None);
    assert_eq!(ask(&wide, "ann", &[], "get", "/x", "").reason, "ClusterRoleBinding `b` is unknown at any time: why");
    assert_eq!(ask(&narrow, "ann", &[], "get", "pods", "a").allowed, None);
    assert_eq!(ask(&narrow, "ann", &[], "get", "pods", "b").allowed, Some(false));
    assert_eq!(ask(&narrow, "ann", &[], "get", "pods", "").allowed, Some(false));
}

#[test]
fn what_may_not_have_existed_is_no_yes_and_hides_only_what_it_would_give() {
    let (role_ref, subjects) = match gives("ClusterRole/r", &[user("ann")]) {
        BindingState::Known { role_ref, subjects } => (role_ref, Some(subjects)),
        _ => unreachable!(),
    };
    let maybe = |subjects| BindingState::Maybe { role_ref: role_ref.clone(), subjects, reason: Arc::from("why") };
    let cluster =
        |state| Cluster::new().role("r", pods(&["get"])).binding_during("a/b", Interval::ALWAYS, state).build();
    let named = cluster(maybe(subjects));
    assert_eq!(ask(&named, "ann", &[], "get", "pods", "a").allowed, None);
    assert_eq!(ask(&named, "ann", &[], "list", "pods", "a").allowed, Some(false));
    assert_eq!(ask(&named, "bob", &[], "get", "pods", "a").allowed, Some(false));
    assert_eq!(named.grants().count(), 0);
    let rights = named.rights(SubjectSelector::Exact(&SubjectRef::user("ann")), When::At(t(0)));
    assert!(matches!(rights.rows[0].gives, Gives::MaybeRule(..)) && rights.rows[0].basis == Basis::Unknown);
    let anybody = cluster(maybe(None));
    assert_eq!(ask(&anybody, "bob", &[], "get", "pods", "a").allowed, None);
    assert_eq!(ask(&anybody, "bob", &[], "list", "pods", "a").allowed, Some(false));
    assert_eq!(who(&anybody, "get", "pods", &Scope::All, false).unknown.len(), 1);
    assert!(who(&anybody, "list", "pods", &Scope::All, false).unknown.is_empty());
}

#[test]
fn an_answer_is_as_good_as_its_strongest_chain_and_a_chain_as_its_weakest_link() {
    let mut cluster = Cluster::new()
        .role("seen", pods(&["get"]))
        .role("guessed", pods(&["get", "list"]))
        .binding("1", "ClusterRole/seen", &[user("ann")])
        .binding("2", "ClusterRole/guessed", &[user("ann")]);
    cluster.0.roles[1].basis = Basis::Assumed;
    cluster.0.bindings[0].basis = Basis::Derived;
    let a = cluster.build();
    assert_eq!(ask(&a, "ann", &[], "get", "pods", "").basis, Basis::Derived);
    assert_eq!(ask(&a, "ann", &[], "list", "pods", "").basis, Basis::Assumed);
    assert_eq!(ask(&a, "ann", &[], "watch", "pods", "").basis, Basis::Assumed, "a no rests on all that was looked at");
    assert_eq!(ask(&a, "bob", &[], "watch", "pods", "").basis, Basis::Observed);
}

#[test]
fn a_state_of_unknown_basis_is_no_known_state() {
    let mut cluster = Cluster::new().role("r", pods(&["get"])).binding("b", "ClusterRole/r", &[user("ann")]);
    cluster.0.roles[0].basis = Basis::Unknown;
    assert_eq!(ask(&cluster.clone().build(), "ann", &[], "get", "pods", "").allowed, None);
    assert_eq!(ask(&cluster.clone().build(), "bob", &[], "get", "pods", "").allowed, Some(false));
    cluster.0.bindings[0].basis = Basis::Unknown;
    assert_eq!(ask(&cluster.build(), "bob", &[], "get", "pods", "").allowed, None);
}

#[test]
fn an_empty_stretch_is_not_answered_with_nobody() {
    let a = Cluster::new().build();
    let answer = a.who_can(&action("get", "pods", ""), &Scope::All, false, When::During(Interval::new(t(5), t(5))));
    assert_eq!((answer.basis, answer.unknown.len(), answer.rows.len()), (Basis::Unknown, 1, 0));
}

// ---------------------------------------------------------------- writing RBAC objects

fn write<'a>(user: &'a str, groups: &'a [String], object: Written<'a>) -> RbacWrite<'a> {
    RbacWrite { user, groups, verb: WriteVerb::Create, object, housekeeping: false }
}

/// ann may create any RBAC object and read pods; bob also holds `bind` on one role and `escalate` on roles.
fn writers() -> Cluster {
    let rbac = |rules: serde_json::Value| {
        let mut all = vec![
            json!({"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["*"], "verbs": ["create", "update"]}),
        ];
        all.extend(rules.as_array().unwrap().clone());
        json!(all)
    };
    let bob = json!([
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "resourceNames": ["admin"], "verbs": ["bind"]},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"]},
    ]);
    Cluster::new()
        .role("ann", rbac(pods(&["get", "list"])))
        .role("bob", rbac(bob))
        .role("admin", json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]))
        .role("reader", pods(&["get"]))
        .binding("ann", "ClusterRole/ann", &[user("ann")])
        .binding("prod/bob", "ClusterRole/bob", &[user("bob")])
}

fn reference(name: &str) -> RoleRef {
    RoleRef { api_group: String::new(), kind: "ClusterRole".into(), name: name.into() }
}

#[test]
fn nobody_hands_out_more_than_they_hold() {
    let a = writers().build();
    let held: Vec<PolicyRule> = serde_json::from_value(pods(&["get", "list"])).unwrap();
    let more: Vec<PolicyRule> = serde_json::from_value(pods(&["get", "delete"])).unwrap();
    let role = |rules| Written::Role { namespace: "prod", name: "new", rules };
    let fine = a.may_write(&write("ann", &[], role(&held)), t(0));
    assert_eq!((fine.allowed, fine.check.by), (Some(true), Some(Pass::Cover)));
    let refused = a.may_write(&write("ann", &[], role(&more)), t(0));
    assert_eq!((refused.plain.allowed, refused.allowed), (Some(true), Some(false)));
    assert_eq!(refused.check.uncovered, serde_json::from_value::<Vec<PolicyRule>>(pods(&["delete"])).unwrap());
    let masters = ["system:masters".to_owned()];
    assert_eq!(a.may_write(&write("x", &masters, role(&more)), t(0)).check.by, Some(Pass::PrivilegedGroup));
    let housekeeping = RbacWrite { verb: WriteVerb::Update, housekeeping: true, ..write("ann", &[], role(&more)) };
    assert_eq!(a.may_write(&housekeeping, t(0)).check.by, Some(Pass::Housekeeping));
}

#[test]
fn escalate_and_bind_let_one_hand_out_what_one_does_not_hold() {
    let a = writers().build();
    let admin: Vec<PolicyRule> =
        serde_json::from_value(json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])).unwrap();
    let role = |namespace| Written::Role { namespace, name: "new", rules: &admin };
    assert_eq!(a.may_write(&write("bob", &[], role("prod")), t(0)).check.by, Some(Pass::Verb));
    assert_eq!(a.may_write(&write("bob", &[], role("test")), t(0)).allowed, Some(false), "only in that namespace");
    let (admin, reader, gone) = (reference("admin"), reference("reader"), reference("gone"));
    let binding = |user: &'static str, role_ref| {
        a.may_write(&write(user, &[], Written::RoleBinding { namespace: "prod", name: "n", role_ref }), t(0))
    };
    assert_eq!(binding("bob", &admin).check.by, Some(Pass::Verb));
    assert_eq!(binding("bob", &reader).allowed, Some(false), "bind is given on one role only");
    assert_eq!(binding("ann", &reader).check.by, Some(Pass::Cover));
    assert_eq!(binding("ann", &admin).allowed, Some(false));
    let dangling = binding("ann", &gone);
    assert_eq!(dangling.check.reason, r#"clusterrole.rbac.authorization.k8s.io "gone" not found"#);
    let wide = Written::ClusterRoleBinding { name: "n", role_ref: &admin };
    assert_eq!(
        a.may_write(&write("bob", &[], wide), t(0)).allowed,
        Some(false),
        "bob's bind does not reach the cluster"
    );
}

#[test]
fn a_passed_check_is_as_good_as_the_best_rules_that_suffice() {
    let mut cluster = writers().role("guessed", pods(&["delete"])).binding("g", "ClusterRole/guessed", &[user("ann")]);
    cluster.0.roles.last_mut().unwrap().basis = Basis::Assumed;
    let a = cluster.build();
    let check = |verbs: &[&str]| {
        let rules: Vec<PolicyRule> = serde_json::from_value(pods(verbs)).unwrap();
        a.may_write(&write("ann", &[], Written::Role { namespace: "prod", name: "new", rules: &rules }), t(0)).check
    };
    let found = [&["get"][..], &["get", "delete"], &["watch"]].map(|verbs| {
        let check = check(verbs);
        (check.passed, check.basis)
    });
    let expected = [(true, Basis::Observed), (true, Basis::Assumed), (false, Basis::Assumed)];
    assert_eq!(found, expected.map(|(passed, basis)| (Some(passed), basis)));
}

#[test]
fn a_binding_that_matches_twice_gives_its_rules_once() {
    let a = Cluster::new()
        .role("r", pods(&["get"]))
        .binding("b", "ClusterRole/r", &[group("dev"), user("ann"), group("ops")])
        .binding("gone", "ClusterRole/gone", &[user("ann"), group("dev")])
        .build();
    let own = a.rules_for("ann", &["ops".to_owned(), "dev".to_owned()], "", t(0));
    assert_eq!((own.rules.len(), own.basis), (1, Basis::Observed));
    assert_eq!(own.rules[0].subject, SubjectRef::group("dev"), "the first that matches");
    assert_eq!(own.errors, [r#"clusterrole.rbac.authorization.k8s.io "gone" not found"#]);
}

#[test]
fn an_aggregation_rule_demands_everything() {
    let cluster = writers().role(
        "root",
        json!([
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
            {"nonResourceURLs": ["*"], "verbs": ["*"]},
        ]),
    );
    let a = cluster.binding("root", "ClusterRole/root", &[user("root")]).build();
    let role = |aggregated| Written::ClusterRole { name: "new", rules: &[], aggregated };
    assert_eq!(a.may_write(&write("ann", &[], role(false)), t(0)).allowed, Some(true));
    assert_eq!(a.may_write(&write("ann", &[], role(true)), t(0)).check.uncovered.len(), 2);
    assert_eq!(a.may_write(&write("root", &[], role(true)), t(0)).allowed, Some(true));
}

#[test]
fn a_write_whose_role_cannot_be_told_is_unknown_unless_bind_is_held() {
    let a = writers().role_during("dark", Interval::ALWAYS, unknown_role()).build();
    let dark = reference("dark");
    let binding = Written::RoleBinding { namespace: "prod", name: "n", role_ref: &dark };
    let verdict = a.may_write(&write("ann", &[], binding), t(0));
    assert_eq!((verdict.allowed, verdict.basis), (None, Basis::Unknown));
    assert!(verdict.check.reason.contains("event 7"), "{}", verdict.check.reason);
    let nobody = a.may_write(&write("eve", &[], binding), t(0));
    assert_eq!(nobody.allowed, Some(false), "without the plain right it does not matter");
}

#[test]
fn the_scope_of_a_row_is_the_bindings_not_the_roles() {
    let a = Cluster::new().role("r", pods(&["get"])).binding("a/b", "ClusterRole/r", &[user("ann")]).build();
    let row = &a.rights(SubjectSelector::Exact(&SubjectRef::user("ann")), When::At(t(0))).rows[0];
    assert_eq!(
        (&row.scope, &*row.role.kind, &*row.role.namespace),
        (&GrantScope::Namespace(Arc::from("a")), "ClusterRole", "")
    );
}
