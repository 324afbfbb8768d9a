//! The cluster as the first snapshot shows it: the defaults of Kubernetes, the platform, and years of teams' own roles.

use super::bootstrap::{
    AGGREGATE, AGGREGATED, CLUSTER_BINDINGS, CLUSTER_ROLES, CONTROLLERS, NAMESPACES, PLATFORM, ROLES,
};
use super::clock::{DAY, HOUR, SECOND, START};
use super::content::GATHER_MONITORING;
use super::kinds::{Kind, Subject};
use super::lifecycle::{labels, owners, style};
use super::names;
use super::objects::{Content, Style, Thing};
use super::people::People;
use super::rng::Rng;
use super::world::OWNERS;
use super::{cluster::Cluster, content::Author};
use std::collections::BTreeMap;

/// When the cluster was made.
const BIRTH: i64 = START - 900 * DAY;

/// How many objects of each kind there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) cluster_roles: usize,
    pub(crate) cluster_role_bindings: usize,
    pub(crate) roles: usize,
    pub(crate) role_bindings: usize,
    pub(crate) accounts: usize,
    pub(crate) namespaces: usize,
    pub(crate) people: usize,
}

impl Sizes {
    /// The full size times `scale`, never less than the defaults of Kubernetes and a few more need.
    pub(crate) fn scaled(scale: f64) -> Self {
        let times = |full: f64, least: usize| ((full * scale).round() as usize).max(least);
        Self {
            cluster_roles: times(700.0, 70),
            cluster_role_bindings: times(700.0, 60),
            roles: times(1400.0, 40),
            role_bindings: times(5000.0, 80),
            accounts: times(20_000.0, 100),
            namespaces: times(420.0, 16),
            people: times(1500.0, 30),
        }
    }

    /// The number wanted of a kind.
    pub(crate) fn of(&self, kind: Kind) -> usize {
        match kind {
            Kind::ClusterRole => self.cluster_roles,
            Kind::ClusterRoleBinding => self.cluster_role_bindings,
            Kind::Role => self.roles,
            Kind::RoleBinding => self.role_bindings,
            Kind::ServiceAccount => self.accounts,
            Kind::Namespace => self.namespaces,
        }
    }
}

/// The cluster being filled.
pub(crate) struct Filling {
    pub(crate) rng: Rng,
    pub(crate) cluster: Cluster,
    pub(crate) people: People,
    /// The team that owns a namespace.
    pub(crate) owners: BTreeMap<String, String>,
    /// The last resourceVersion given out.
    pub(crate) version: u64,
}

impl Filling {
    /// Fills a cluster.
    pub(crate) fn new(seed: u64, sizes: &Sizes) -> Self {
        let mut rng = Rng::new(seed, "population");
        let own = sizes.namespaces.saturating_sub(NAMESPACES.len());
        let teams: Vec<String> = (0..own.div_ceil(4).max(1)).map(names::team).collect();
        let people = People::new(&mut rng, sizes.people, &teams);
        let mut filling = Self { rng, cluster: Cluster::default(), people, owners: BTreeMap::new(), version: 0 };
        filling.namespaces(own);
        filling.defaults();
        filling.platform();
        filling.fill(sizes);
        while let Some((name, rules)) = filling.cluster.stale() {
            filling.gather(&name, rules);
        }
        filling.number();
        filling
    }

    fn put(&mut self, thing: Thing) {
        self.cluster.of_mut(thing.kind).put(thing);
    }

    fn account(&mut self, namespace: &str, name: &str, style: Style) {
        self.put(Thing::new(Kind::ServiceAccount, namespace, name, Content::Account, style));
    }

    fn namespaces(&mut self, own: usize) {
        let teams = (0..own).map(names::namespace);
        let system = NAMESPACES.iter().map(|n| ((*n).to_owned(), String::new()));
        for (name, team) in system.chain(teams).collect::<Vec<_>>() {
            let mut namespace = Thing::new(Kind::Namespace, "", &name, Content::Namespace(None), Style::Kubectl);
            namespace.labels.insert("kubernetes.io/metadata.name".to_owned(), name.clone());
            self.put(namespace);
            self.account(&name, "default", Style::Fixed);
            if !team.is_empty() {
                self.put(Thing::new(Kind::RoleBinding, &name, OWNERS, owners(&team), Style::Fixed));
                self.owners.insert(name, team);
            }
        }
    }

    fn default_object(&mut self, kind: Kind, namespace: &str, name: &str, label: &str, content: Content) {
        let mut thing = Thing::new(kind, namespace, name, content, Style::Fixed);
        thing.labels.insert("kubernetes.io/bootstrapping".to_owned(), "rbac-defaults".to_owned());
        thing.annotations.insert("rbac.authorization.kubernetes.io/autoupdate".to_owned(), "true".to_owned());
        if !label.is_empty() {
            thing.labels.insert(format!("{AGGREGATE}{label}"), "true".to_owned());
        }
        self.put(thing);
    }

    fn defaults(&mut self) {
        for (name, label, rules) in CLUSTER_ROLES {
            self.default_object(Kind::ClusterRole, "", name, label, own_rules(rules));
        }
        for (name, label, gathers) in AGGREGATED {
            let content = Content::Rules(Vec::new(), format!("{AGGREGATE}{gathers}"));
            self.default_object(Kind::ClusterRole, "", name, label, content);
        }
        for (name, subjects) in CLUSTER_BINDINGS {
            let subjects = subjects.split_whitespace().map(Subject::parse).collect();
            let content = Content::Binding(Kind::ClusterRole, name.to_owned(), subjects);
            self.default_object(Kind::ClusterRoleBinding, "", name, "", content);
        }
        for (name, rules) in CONTROLLERS {
            let role = format!("system:controller:{name}");
            let subjects = vec![Subject::account("kube-system", name)];
            self.default_object(Kind::ClusterRole, "", &role, "", own_rules(rules));
            let content = Content::Binding(Kind::ClusterRole, role.clone(), subjects);
            self.default_object(Kind::ClusterRoleBinding, "", &role, "", content);
            self.account("kube-system", name, Style::Fixed);
        }
        for (namespace, role, rules, binding, subjects) in ROLES {
            self.default_object(Kind::Role, namespace, role, "", own_rules(rules));
            let subjects = subjects.split_whitespace().map(Subject::parse).collect();
            let content = Content::Binding(Kind::Role, role.to_owned(), subjects);
            self.default_object(Kind::RoleBinding, namespace, binding, "", content);
        }
    }

    fn platform(&mut self) {
        for (name, rules, subject) in PLATFORM {
            let subject = Subject::parse(subject);
            if subject.kind == "ServiceAccount" {
                self.account(&subject.namespace, &subject.name, Style::Fixed);
            }
            let role = if rules.is_empty() { "cluster-admin" } else { name };
            if !rules.is_empty() {
                self.put(Thing::new(Kind::ClusterRole, "", name, own_rules(rules), Style::Fixed));
            }
            let content = Content::Binding(Kind::ClusterRole, role.to_owned(), vec![subject]);
            self.put(Thing::new(Kind::ClusterRoleBinding, "", name, content, Style::Fixed));
        }
        let gathering = Content::Rules(Vec::new(), GATHER_MONITORING.to_owned());
        self.put(Thing::new(Kind::ClusterRole, "", "monitoring-all", gathering, Style::Fixed));
    }

    /// Random objects up to the numbers wanted: accounts and roles first, so that bindings find them.
    fn fill(&mut self, sizes: &Sizes) {
        for kind in [Kind::ServiceAccount, Kind::ClusterRole, Kind::Role, Kind::ClusterRoleBinding, Kind::RoleBinding] {
            while self.cluster.of(kind).len() < sizes.of(kind) {
                self.one(kind);
            }
        }
    }

    fn one(&mut self, kind: Kind) {
        let namespace = match kind.namespaced() {
            true => self.cluster.of(Kind::Namespace).pick(&mut self.rng).map(|n| n.name.clone()).unwrap_or_default(),
            false => String::new(),
        };
        if kind == Kind::ServiceAccount {
            let name = format!("{}-{}", names::app(&mut self.rng), self.rng.below(30));
            let style = if self.rng.per_mille(500) { Style::Kubectl } else { Style::Delivery };
            return self.account(&namespace, &name, style);
        }
        let mut name = names::duty(&mut self.rng, !kind.namespaced());
        if self.cluster.has(kind, &namespace, &name) {
            name = format!("{name}-{}", self.rng.hex(4));
        }
        let labels = labels(&mut self.rng, kind);
        let mut author = Author { rng: &mut self.rng, cluster: &self.cluster, people: &self.people };
        let content = author.content(kind, &namespace, &labels);
        let mut thing = Thing { labels, ..Thing::new(kind, &namespace, &name, content, style(&mut self.rng)) };
        if thing.style == Style::Kubectl && self.rng.per_mille(650) {
            thing.note_applied();
        }
        self.put(thing);
    }

    fn gather(&mut self, name: &str, rules: Vec<super::rules::Rule>) {
        if let Some(role) = self.cluster.of(Kind::ClusterRole).get("", name).cloned()
            && let Content::Rules(_, gathers) = &role.content
        {
            let content = Content::Rules(rules, gathers.clone());
            self.put(Thing { content, ..role });
        }
    }

    /// Gives every object its identity, its birthday and the resourceVersion of its last change.
    fn number(&mut self) {
        let kinds = [
            Kind::Namespace,
            Kind::ServiceAccount,
            Kind::ClusterRole,
            Kind::ClusterRoleBinding,
            Kind::Role,
            Kind::RoleBinding,
        ];
        let mut all: Vec<Thing> = kinds.iter().flat_map(|k| self.cluster.of(*k).iter().cloned()).collect();
        let mut namespaces: BTreeMap<String, i64> = BTreeMap::new();
        let mut changed: Vec<(i64, usize)> = Vec::new();
        for (place, thing) in all.iter_mut().enumerate() {
            thing.uid = self.rng.uuid();
            let first_day = thing.style == Style::Fixed || NAMESPACES.contains(&thing.name.as_str());
            let since = namespaces.get(&thing.namespace).copied().unwrap_or(BIRTH);
            let latest = if first_day { since + 10 * SECOND } else { (since + DAY).max(BIRTH + 850 * DAY) };
            thing.created = self.rng.range(since + SECOND, latest);
            if thing.kind == Kind::Namespace {
                namespaces.insert(thing.name.clone(), thing.created);
            }
            let last = self.last_change(thing, first_day);
            sign(thing, last);
            changed.push((last, place));
        }
        changed.sort_unstable();
        for (_, place) in changed {
            self.version += 1 + self.rng.below(1500);
            if let Some(thing) = all.get_mut(place) {
                thing.version = self.version;
                self.cluster.of_mut(thing.kind).put(thing.clone());
            }
        }
    }

    fn last_change(&mut self, thing: &Thing, first_day: bool) -> i64 {
        let gathered = matches!(&thing.content, Content::Rules(_, gathers) if !gathers.is_empty());
        let never = matches!(thing.kind, Kind::Namespace | Kind::ServiceAccount) || (first_day && !gathered);
        if never || self.rng.per_mille(400) { thing.created } else { self.rng.range(thing.created, START - HOUR) }
    }
}

fn own_rules(text: &str) -> Content {
    Content::Rules(super::rules::Rule::table(text), String::new())
}

/// Notes who made the object, and who changed it last.
fn sign(thing: &mut Thing, last: i64) {
    let gathers = matches!(&thing.content, Content::Rules(_, label) if !label.is_empty());
    if thing.kind == Kind::ServiceAccount && thing.name == "default" {
        return;
    }
    let (name, applies) = match thing.style {
        Style::Fixed => ("kube-apiserver", false),
        Style::Delivery => ("argocd-controller", true),
        Style::Operator => ("tenant-operator", false),
        Style::Kubectl if thing.annotations.is_empty() => ("kubectl-create", false),
        Style::Kubectl => ("kubectl-client-side-apply", false),
    };
    let created = thing.created;
    thing.managed(name, applies, if gathers { created } else { last }, true, true);
    if gathers {
        thing.managed("clusterrole-aggregation-controller", true, last, false, true);
    }
}
