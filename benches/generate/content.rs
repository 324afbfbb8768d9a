//! What generated roles and bindings hold, and how it changes: rules of many shapes, subjects of all kinds,
//! references to roles that do not exist.

use std::collections::BTreeMap;

use super::bootstrap::AGGREGATE;
use super::cluster::Cluster;
use super::json::Json;
use super::kinds::{Kind, Subject};
use super::names;
use super::objects::{Content, Thing};
use super::people::{GROUPS, People};
use super::rng::Rng;
use super::rules::{CLUSTER_WIDE, COVERED, Rule, UNCOVERED};

/// The label that the ClusterRole `monitoring-all` gathers.
pub(crate) const GATHER_MONITORING: &str = "rbac.example.com/aggregate-to-monitoring";
/// ClusterRoles whose rules never allow a change of RBAC; only they are bound to everybody.
const HARMLESS: [&str; 4] = ["view", "system:discovery", "system:basic-user", "system:public-info-viewer"];

/// How the content of an object changed, as a JSON patch would say it.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// An item was added at the end of `rules` or `subjects`.
    Added(Json),
    /// The item at this place went away.
    Removed(usize),
    /// One list of the rule at this place was replaced.
    Replaced(usize, &'static str, Json),
}

/// Draws content for the cluster as it stands.
pub(crate) struct Author<'a> {
    pub(crate) rng: &'a mut Rng,
    pub(crate) cluster: &'a Cluster,
    pub(crate) people: &'a People,
}

impl Author<'_> {
    /// Content for a new object.
    pub(crate) fn content(&mut self, kind: Kind, namespace: &str, labels: &BTreeMap<String, String>) -> Content {
        if kind.is_role() {
            let count = if self.rng.per_mille(30) { self.rng.range(15, 40) } else { self.rng.range(1, 5) };
            return Content::Rules((0..count).map(|_| self.rule(kind, labels)).collect(), String::new());
        }
        let (role_kind, role) = self.role_ref(kind, namespace);
        let count = match self.rng.below(100) {
            0..2 => 0,
            2..5 => self.rng.range(15, 60),
            _ => self.rng.range(1, 4),
        };
        let mut subjects: Vec<Subject> = Vec::new();
        for _ in 0..count {
            let subject = self.subject(namespace, &role);
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        Content::Binding(role_kind, role, subjects)
    }

    /// One rule, fit for a role with these labels: what others gather must not hand out RBAC itself.
    fn rule(&mut self, kind: Kind, labels: &BTreeMap<String, String>) -> Rule {
        if !labels.is_empty() && labels.keys().any(|l| l.starts_with(AGGREGATE) || l == GATHER_MONITORING) {
            return self.custom_rule(!labels.contains_key(&format!("{AGGREGATE}edit")));
        }
        match self.rng.below(100) {
            0..20 => self.custom_rule(false),
            20..60 => Rule::parse(self.rng.word(&COVERED)),
            60..80 if kind == Kind::ClusterRole => Rule::parse(self.rng.word(&CLUSTER_WIDE)),
            60..64 => Rule::parse(self.rng.word(&UNCOVERED)),
            64..80 => Rule::parse(self.rng.word(&COVERED)),
            _ => Rule::parse(UNCOVERED.get(3 + self.rng.index(UNCOVERED.len() - 3)).copied().unwrap_or_default()),
        }
    }

    /// A rule about custom resources.
    fn custom_rule(&mut self, only_reads: bool) -> Rule {
        let group = format!("{}.example.com", names::team(self.rng.index(32)));
        let kinds = [
            "widgets",
            "policies",
            "jobs",
            "tenants",
            "backups",
            "routes",
            "clusters",
            "clusters/status",
            "routes/scale",
        ];
        let verbs: &[&str] = if only_reads {
            &["get", "list", "watch"]
        } else {
            &["get", "list", "watch", "create", "update", "patch", "delete"]
        };
        let (resources, count) = (1 + self.rng.index(3), if only_reads { 3 } else { 1 + self.rng.index(7) });
        let own = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
        let names = if self.rng.per_mille(150) { vec![names::app(self.rng)] } else { Vec::new() };
        Rule {
            verbs: own(self.rng.some(verbs, count)),
            groups: vec![group],
            resources: own(self.rng.some(&kinds, resources)),
            names,
            urls: Vec::new(),
        }
    }

    fn role_ref(&mut self, kind: Kind, namespace: &str) -> (Kind, String) {
        let missing = self.rng.per_mille(30);
        if kind == Kind::RoleBinding && self.rng.per_mille(450) {
            let roles: Vec<&Thing> = self.cluster.of(Kind::Role).of_namespace(namespace).collect();
            let role = self.rng.pick(&roles).filter(|_| !missing).map(|r| r.name.clone());
            return (Kind::Role, role.unwrap_or_else(|| format!("{}-removed", names::duty(self.rng, false))));
        }
        let usual = self.rng.word(&[
            "view",
            "view",
            "view",
            "edit",
            "edit",
            "admin",
            "system:discovery",
            "system:auth-delegator",
            "cluster-admin",
        ]);
        let own = self.cluster.of(Kind::ClusterRole).pick_uneven(self.rng).map(|r| r.name.clone());
        let name = match own {
            _ if missing => format!("{}-removed", names::duty(self.rng, true)),
            Some(name) if kind == Kind::ClusterRoleBinding || self.rng.per_mille(500) => name,
            _ => usual.to_owned(),
        };
        (Kind::ClusterRole, name)
    }

    /// One subject for a binding in this namespace.
    fn subject(&mut self, namespace: &str, role: &str) -> Subject {
        match self.rng.below(100) {
            0..30 => Subject::user(self.people.pick(self.rng).map_or("nobody@example.com", |p| p.name.as_str())),
            30..50 => {
                let groups = self.people.groups();
                Subject::group(self.rng.pick(&groups).map_or("nobody", String::as_str))
            }
            50..53 => Subject::group(self.rng.word(&GROUPS)),
            53..56 if HARMLESS.contains(&role) => Subject::group(self.rng.word(&[
                "system:authenticated",
                "system:serviceaccounts",
                "system:unauthenticated",
            ])),
            56..60 => {
                let of = self.namespaces(namespace);
                Subject::group(&format!(
                    "system:serviceaccounts:{}",
                    self.rng.pick(&of).map_or("default", String::as_str)
                ))
            }
            60..63 => Subject::account(namespace_or(namespace, "default"), &format!("{}-gone", names::app(self.rng))),
            _ => self.account(namespace),
        }
    }

    fn namespaces(&mut self, own: &str) -> Vec<String> {
        let other = self.cluster.of(Kind::Namespace).pick(self.rng).map(|n| n.name.clone());
        other.into_iter().chain((!own.is_empty()).then(|| own.to_owned())).collect()
    }

    /// A service account, most often of the binding's namespace.
    fn account(&mut self, namespace: &str) -> Subject {
        let accounts = self.cluster.of(Kind::ServiceAccount);
        let inside: Vec<&Thing> =
            if self.rng.per_mille(850) { accounts.of_namespace(namespace).collect() } else { Vec::new() };
        let one = self.rng.pick(&inside).copied();
        let one = one.or_else(|| accounts.pick(self.rng));
        one.map_or(Subject::group("nobody"), |a| Subject::account(&a.namespace, &a.name))
    }

    /// Changes the content a little. `None` when that kind of change cannot be made to it.
    pub(crate) fn step(&mut self, thing: &Thing) -> Option<(Content, Step)> {
        match &thing.content {
            Content::Rules(rules, gathers) => {
                let (rules, step) = self.rules_step(thing, rules)?;
                Some((Content::Rules(rules, gathers.clone()), step))
            }
            Content::Binding(kind, role, subjects) => {
                let mut subjects = subjects.clone();
                let grow = subjects.len() < 2 || (subjects.len() < 80 && self.rng.per_mille(530));
                let step = if grow && !(subjects.len() == 1 && self.rng.per_mille(60)) {
                    let subject = self.subject(&thing.namespace, role);
                    if subjects.contains(&subject) {
                        return None;
                    }
                    subjects.push(subject.clone());
                    Step::Added(subject.json())
                } else {
                    let place = self.rng.index(subjects.len());
                    subjects.remove(place);
                    Step::Removed(place)
                };
                Some((Content::Binding(*kind, role.clone(), subjects), step))
            }
            _ => None,
        }
    }

    fn rules_step(&mut self, thing: &Thing, rules: &[Rule]) -> Option<(Vec<Rule>, Step)> {
        let mut rules = rules.to_vec();
        let fresh = self.rule(thing.kind, &thing.labels);
        let place = self.rng.index(rules.len());
        let step = match self.rng.below(10) {
            0..5 if rules.len() < 45 => {
                if rules.contains(&fresh) {
                    return None;
                }
                rules.push(fresh.clone());
                Step::Added(fresh.json())
            }
            5..8 if rules.len() > 1 => {
                rules.remove(place);
                Step::Removed(place)
            }
            _ => {
                let rule = rules.get_mut(place)?;
                if rule.verbs.len() == 1 || fresh.verbs == rule.verbs || !rule.urls.is_empty() {
                    return None;
                }
                // Fewer of its own verbs: what a role may do must still follow from the tables of rules.
                rule.verbs.remove(self.rng.index(rule.verbs.len()));
                Step::Replaced(place, "verbs", Json::from(rule.verbs.as_slice()))
            }
        };
        Some((rules, step))
    }
}

fn namespace_or<'a>(namespace: &'a str, other: &'a str) -> &'a str {
    if namespace.is_empty() { other } else { namespace }
}

/// Whether holders of `admin` hold every one of these rules: each is one of the table, perhaps with fewer verbs.
pub(crate) fn covered(rules: &[Rule]) -> bool {
    let table: Vec<Rule> = COVERED.iter().map(|t| Rule::parse(t)).collect();
    let within = |rule: &Rule| {
        table.iter().any(|known| {
            let verbs = rule.verbs.iter().all(|v| known.verbs.contains(v));
            verbs && known.groups == rule.groups && known.resources == rule.resources && known.names == rule.names
        })
    };
    rules.iter().all(within)
}
