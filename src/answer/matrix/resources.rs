//! The lines of a matrix: the resources that the cluster served, their subresources as far as known, and what
//! else the subject's rules name.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use super::standing::Standing;
use crate::authz::matching::ALL;
use crate::model::rbac::PolicyRule;
use crate::model::resource::Catalogue;

/// Lines that rules may add; a rule made to hang the reader names more.
const MOST_ADDED: usize = 500;

/// Subresources that every current API server has and that matter to what somebody can do, with the verbs they
/// serve. Discovery as text does not list any. Source: `api/discovery/` of Kubernetes.
const SUBRESOURCES: &[(&str, &str, &str, &[&str])] = &[
    ("", "namespaces", "finalize", &["update"]),
    ("", "nodes", "proxy", &["create", "delete", "get", "patch", "update"]),
    ("", "pods", "attach", &["create", "get"]),
    ("", "pods", "binding", &["create"]),
    ("", "pods", "ephemeralcontainers", &["get", "patch", "update"]),
    ("", "pods", "eviction", &["create"]),
    ("", "pods", "exec", &["create", "get"]),
    ("", "pods", "log", &["get"]),
    ("", "pods", "portforward", &["create", "get"]),
    ("", "pods", "proxy", &["create", "delete", "get", "patch", "update"]),
    ("", "pods", "resize", &["get", "patch", "update"]),
    ("", "replicationcontrollers", "scale", &["get", "patch", "update"]),
    ("", "serviceaccounts", "token", &["create"]),
    ("", "services", "proxy", &["create", "delete", "get", "patch", "update"]),
    ("apps", "deployments", "scale", &["get", "patch", "update"]),
    ("apps", "replicasets", "scale", &["get", "patch", "update"]),
    ("apps", "statefulsets", "scale", &["get", "patch", "update"]),
    ("certificates.k8s.io", "certificatesigningrequests", "approval", &["get", "patch", "update"]),
    ("certificates.k8s.io", "certificatesigningrequests", "status", &["get", "patch", "update"]),
];

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// API group.
    pub(super) group: String,
    /// Plural name.
    pub(super) resource: String,
    /// Subresource, or `""`.
    pub(super) subresource: String,
    /// Whether its objects live in a namespace, where known.
    pub(super) namespaced: Option<bool>,
    /// The verbs it serves; empty where not known.
    pub(super) verbs: Vec<String>,
    /// Whether the cluster is known to serve it; otherwise only a rule names it.
    pub(super) known: bool,
}

impl fmt::Display for Line {
    /// `deployments.apps/scale`, as people type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if self.subresource.is_empty() { Ok(()) } else { write!(f, "/{}", self.subresource) }
    }
}

/// The lines, and how many more the rules name.
pub(super) fn lines(catalogue: &Catalogue, standing: &Standing<'_>) -> (Vec<Line>, usize) {
    let mut lines = Vec::new();
    for served in catalogue.served() {
        let line = |subresource: &str, verbs: Vec<String>| Line {
            group: served.group.clone(),
            resource: served.plural.clone(),
            subresource: subresource.to_owned(),
            namespaced: Some(served.namespaced),
            verbs,
            known: true,
        };
        lines.push(line("", served.verbs.clone()));
        let fixed =
            SUBRESOURCES.iter().filter(|(group, resource, ..)| *group == served.group && *resource == served.plural);
        let mut below: BTreeSet<&str> = catalogue.subresources(&served.group, &served.plural).collect();
        for (.., subresource, verbs) in fixed {
            below.remove(subresource);
            lines.push(line(subresource, verbs.iter().map(|v| (*v).to_owned()).collect()));
        }
        lines.extend(below.into_iter().map(|subresource| line(subresource, usual_verbs(subresource))));
    }
    let hidden = add_named(&mut lines, catalogue, standing);
    beside_parents(&mut lines);
    (lines, hidden)
}

/// Puts subresources below their resource, wherever they came from.
fn beside_parents(lines: &mut [Line]) {
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for line in lines.iter() {
        let next = places.len();
        places.entry((line.group.clone(), line.resource.clone())).or_insert(next);
    }
    lines.sort_by_cached_key(|line| {
        (places.get(&(line.group.clone(), line.resource.clone())).copied(), line.subresource.clone())
    });
}

/// What a subresource serves on every resource that has it; empty where not known.
fn usual_verbs(subresource: &str) -> Vec<String> {
    match subresource {
        "status" | "scale" => ["get", "patch", "update"].map(str::to_owned).to_vec(),
        _ => Vec::new(),
    }
}

/// Adds what only rules name, sorted; says how many did not go in.
fn add_named(lines: &mut Vec<Line>, catalogue: &Catalogue, standing: &Standing<'_>) -> usize {
    let have: BTreeSet<(&str, &str, &str)> =
        lines.iter().map(|l| (l.group.as_str(), l.resource.as_str(), l.subresource.as_str())).collect();
    let named: BTreeSet<(&str, &str, &str)> = standing.rules().flat_map(named).collect();
    let plurals: BTreeSet<(&str, &str)> = have.iter().map(|(_, resource, sub)| (*resource, *sub)).collect();
    // A rule for every group names nothing new where some group has the resource.
    let new = |(group, resource, sub): &(&str, &str, &str)| {
        !(have.contains(&(*group, *resource, *sub)) || *group == ALL && plurals.contains(&(*resource, *sub)))
    };
    let new: Vec<Line> = named
        .into_iter()
        .filter(new)
        .map(|(group, resource, subresource)| Line {
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            namespaced: catalogue.is_namespaced(group, resource),
            verbs: usual_verbs(subresource),
            known: false,
        })
        .collect();
    let hidden = new.len().saturating_sub(MOST_ADDED);
    lines.extend(new.into_iter().take(MOST_ADDED));
    hidden
}

/// The resources that a rule names, wildcards aside.
fn named(rule: &PolicyRule) -> Vec<(&str, &str, &str)> {
    let mut all = Vec::new();
    for entry in
        rule.resources.iter().filter(|e| !e.starts_with(ALL) && !e.is_empty()).take(MOST_ADDED.saturating_mul(2))
    {
        let (resource, subresource) = entry.split_once('/').unwrap_or((entry, ""));
        all.extend(rule.api_groups.iter().take(MOST_ADDED).map(|group| (group.as_str(), resource, subresource)));
    }
    all
}
