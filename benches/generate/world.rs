//! The generated cluster in motion: its state, its people, its log.

use std::collections::BTreeMap;

use super::clock::SECOND;
use super::cluster::Cluster;
use super::content::{Author, covered};
use super::event::{Actor, Journal, Target};
use super::kinds::{Kind, Subject};
use super::objects::{Content, Style, Thing};
use super::people::{People, account, component, reason, root};
use super::rng::Rng;

/// What the log holds, for the record of what was generated.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// RBAC objects created, changed and deleted.
    pub(crate) changes: u64,
    /// The same by `verb resource`.
    pub(crate) by: BTreeMap<String, u64>,
}

/// Everything that the generation of one history needs.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) cluster: Cluster,
    pub(crate) people: People,
    /// The team that owns a namespace.
    pub(crate) owners: BTreeMap<String, String>,
    pub(crate) journal: Journal,
    pub(crate) version: u64,
    pub(crate) counts: Counts,
    pub(crate) actors: Actors,
}

/// Those who act again and again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Actors {
    pub(crate) root: Actor,
    pub(crate) delivery: Actor,
    pub(crate) operator: Actor,
    pub(crate) prometheus: Actor,
    pub(crate) aggregation: Actor,
    pub(crate) namespaces: Actor,
    pub(crate) accounts: Actor,
    pub(crate) manager: Actor,
}

impl Actors {
    /// Reads them, and what lets them through, from the cluster.
    pub(crate) fn new(rng: &mut Rng, cluster: &Cluster) -> Self {
        let mut by_binding = |binding: &str, agent: &str| -> Actor {
            let Some(binding) = cluster.of(Kind::ClusterRoleBinding).get("", binding) else { return Actor::default() };
            let Some(subject) = binding.subjects().first() else { return Actor::default() };
            let reason = reason(binding, subject);
            match cluster.of(Kind::ServiceAccount).get(&subject.namespace, &subject.name) {
                Some(thing) => account(rng, thing, agent, reason),
                None => component(&subject.name, reason),
            }
        };
        let mut controller = |name: &str| {
            let agent = format!(
                "kube-controller-manager/v1.36.1 (linux/amd64) kubernetes/5b0a2f1/system:serviceaccount:kube-system:{name}"
            );
            Actor { ips: vec!["10.0.0.11".to_owned()], ..by_binding(&format!("system:controller:{name}"), &agent) }
        };
        Self {
            root: root(),
            aggregation: controller("clusterrole-aggregation-controller"),
            namespaces: controller("namespace-controller"),
            accounts: controller("service-account-controller"),
            delivery: by_binding("argocd-application-controller", "argocd-application-controller/v3.1"),
            operator: by_binding("tenant-operator", "tenant-operator/v2.8.0 (linux/amd64) kubernetes/5b0a2f1"),
            prometheus: by_binding("prometheus", "Prometheus/3.5.0"),
            manager: by_binding("system:kube-controller-manager", ""),
        }
    }
}

impl World {
    /// The next resourceVersion; other writes of the cluster take some in between.
    pub(crate) fn next_version(&mut self) -> u64 {
        self.version = self.version.saturating_add(1).saturating_add(self.rng.below(30));
        self.version
    }

    /// Draws content for the cluster as it stands.
    pub(crate) fn author(&mut self) -> Author<'_> {
        Author { rng: &mut self.rng, cluster: &self.cluster, people: &self.people }
    }

    /// Counts a change of an RBAC object.
    pub(crate) fn count(&mut self, verb: &str, kind: Kind, objects: u64) {
        if Kind::RBAC.contains(&kind) {
            self.counts.changes = self.counts.changes.saturating_add(objects);
        }
        let number = self.counts.by.entry(format!("{verb} {}", kind.plural())).or_default();
        *number = number.saturating_add(objects);
    }

    /// Who changes this object, whose content will be `after`; and on whose behalf.
    pub(crate) fn actor_for(&mut self, thing: &Thing, after: &Content) -> (Actor, Option<Actor>) {
        match thing.style {
            Style::Delivery => return (self.actors.delivery.clone(), None),
            Style::Operator => return (self.actors.operator.clone(), None),
            Style::Fixed | Style::Kubectl => {}
        }
        if thing.kind.namespaced()
            && self.rng.per_mille(600)
            && self.covered(&thing.namespace, after)
            && let Some(owner) = self.owner(&thing.namespace)
        {
            return (owner, None);
        }
        match self.rng.below(10) {
            0..3 => (self.actors.root.clone(), None),
            // What the impersonator's own credential says is not said of whom it acts for.
            3 => (self.actors.root.clone(), self.platform_admin().map(|a| Actor { extra: Vec::new(), ..a })),
            _ => (self.platform_admin().unwrap_or_else(root), None),
        }
    }

    /// Whether the owner of a namespace may write this without escalation.
    fn covered(&self, namespace: &str, content: &Content) -> bool {
        match content {
            Content::Rules(rules, _) => covered(rules),
            Content::Binding(Kind::Role, role, _) => {
                self.cluster.of(Kind::Role).get(namespace, role).is_some_and(|r| covered(r.rules()))
            }
            Content::Binding(_, role, _) => ["view", "edit", "admin"].contains(&role.as_str()),
            Content::Account => true,
            Content::Namespace(_) => false,
        }
    }

    /// Somebody of the team that owns a namespace.
    pub(crate) fn owner(&mut self, namespace: &str) -> Option<Actor> {
        let group = super::names::team_group(self.owners.get(namespace)?);
        let binding = self.cluster.of(Kind::RoleBinding).get(namespace, OWNERS)?;
        let reason = reason(binding, &Subject::group(&group));
        Some(self.people.of_group(&mut self.rng, &group)?.actor(reason))
    }

    /// Somebody of the platform team.
    pub(crate) fn platform_admin(&mut self) -> Option<Actor> {
        let binding = self.cluster.of(Kind::ClusterRoleBinding).get("", "platform-admins")?;
        let reason = reason(binding, &Subject::group("platform-admins"));
        Some(self.people.of_group(&mut self.rng, "platform-admins")?.actor(reason))
    }

    /// A moment later, as when one request follows from another.
    pub(crate) fn moment(&mut self) {
        let span = self.rng.range(SECOND / 50, SECOND / 4);
        self.journal.wait(span);
    }
}

/// The RoleBinding that makes a team the owner of its namespace. Nobody changes it.
pub(crate) const OWNERS: &str = "owners";

/// What a request on this object names.
pub(crate) fn target(thing: &Thing) -> Target {
    let namespace = if thing.kind == Kind::Namespace { &thing.name } else { &thing.namespace };
    Target {
        resource: thing.kind.plural().to_owned(),
        namespace: namespace.clone(),
        name: thing.name.clone(),
        group: thing.kind.group().to_owned(),
        version: "v1",
        ..Target::default()
    }
}
