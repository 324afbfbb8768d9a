//! The state of the generated cluster: objects by kind and name, drawn at random in constant time.

use std::collections::BTreeMap;

use super::kinds::{Kind, Subject};
use super::objects::{Content, Style, Thing};
use super::rng::Rng;
use super::rules::{Ask, Rule};

/// All objects of one kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    items: Vec<Thing>,
    places: BTreeMap<(String, String), usize>,
}

impl Table {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// All, in no particular order, but in the same one for a seed.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Thing> {
        self.items.iter()
    }

    /// One at random.
    pub(crate) fn pick(&self, rng: &mut Rng) -> Option<&Thing> {
        rng.pick(&self.items)
    }

    /// One at random, some much more often than others.
    pub(crate) fn pick_uneven(&self, rng: &mut Rng) -> Option<&Thing> {
        self.items.get(rng.low_index(self.items.len()))
    }

    /// The one of this name.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<&Thing> {
        let place = self.places.get(&(namespace.to_owned(), name.to_owned()))?;
        self.items.get(*place)
    }

    /// Those of a namespace, by name.
    pub(crate) fn of_namespace<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Thing> {
        let from = (namespace.to_owned(), String::new());
        self.places.range(from..).take_while(move |(key, _)| key.0 == namespace).filter_map(|(_, p)| self.items.get(*p))
    }

    /// Adds it, or replaces the one of its name.
    pub(crate) fn put(&mut self, thing: Thing) {
        let key = (thing.namespace.clone(), thing.name.clone());
        match self.places.get(&key).and_then(|p| self.items.get_mut(*p)) {
            Some(place) => *place = thing,
            None => {
                self.places.insert(key, self.items.len());
                self.items.push(thing);
            }
        }
    }

    /// Takes it out.
    pub(crate) fn take(&mut self, namespace: &str, name: &str) -> Option<Thing> {
        let place = self.places.remove(&(namespace.to_owned(), name.to_owned()))?;
        let taken = self.items.swap_remove(place);
        if let Some(moved) = self.items.get(place) {
            self.places.insert((moved.namespace.clone(), moved.name.clone()), place);
        }
        Some(taken)
    }
}

/// The whole state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    tables: [Table; 6],
}

impl Cluster {
    /// The objects of a kind.
    pub(crate) fn of(&self, kind: Kind) -> &Table {
        let [a, b, c, d, e, f] = &self.tables;
        match kind {
            Kind::ClusterRole => a,
            Kind::ClusterRoleBinding => b,
            Kind::Role => c,
            Kind::RoleBinding => d,
            Kind::ServiceAccount => e,
            Kind::Namespace => f,
        }
    }

    /// The same, to be changed.
    pub(crate) fn of_mut(&mut self, kind: Kind) -> &mut Table {
        let [a, b, c, d, e, f] = &mut self.tables;
        match kind {
            Kind::ClusterRole => a,
            Kind::ClusterRoleBinding => b,
            Kind::Role => c,
            Kind::RoleBinding => d,
            Kind::ServiceAccount => e,
            Kind::Namespace => f,
        }
    }

    /// Whether there is an object of this name.
    pub(crate) fn has(&self, kind: Kind, namespace: &str, name: &str) -> bool {
        self.of(kind).get(namespace, name).is_some()
    }

    /// The role that a binding names, if it exists.
    pub(crate) fn role_of(&self, binding: &Thing) -> Option<&Thing> {
        let Content::Binding(kind, role, _) = &binding.content else { return None };
        let namespace = if *kind == Kind::Role { binding.namespace.as_str() } else { "" };
        self.of(*kind).get(namespace, role)
    }

    /// Whether RBAC allows it. Looks at every binding, as the real authorizer does.
    pub(crate) fn allows(&self, user: &str, groups: &[String], ask: &Ask) -> bool {
        if groups.iter().any(|g| g == "system:masters") {
            return true;
        }
        let inside = self
            .of(Kind::RoleBinding)
            .of_namespace(&ask.namespace)
            .filter(|_| !ask.namespace.is_empty() && ask.path.is_empty());
        self.of(Kind::ClusterRoleBinding)
            .iter()
            .chain(inside)
            .filter(|b| b.subjects().iter().any(|s| is_subject(s, &b.namespace, user, groups)))
            .filter_map(|b| self.role_of(b))
            .any(|role| role.rules().iter().any(|r| r.allows(ask)))
    }

    /// The rules an aggregated ClusterRole should have: those of the ClusterRoles with its label, by name, each once.
    pub(crate) fn gathered(&self, role: &Thing) -> Option<Vec<Rule>> {
        let Content::Rules(_, label) = &role.content else { return None };
        let mut sources: Vec<&Thing> = self.of(Kind::ClusterRole).iter().collect();
        sources.retain(|r| r.name != role.name && r.labels.get(label).is_some_and(|v| v == "true"));
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        let mut rules: Vec<Rule> = Vec::new();
        for rule in sources.iter().flat_map(|r| r.rules()) {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
        }
        (!label.is_empty()).then_some(rules)
    }

    /// The first aggregated ClusterRole, by name, whose rules are not what they should be, and those rules.
    pub(crate) fn stale(&self) -> Option<(String, Vec<Rule>)> {
        let gathers = |r: &&Thing| matches!(&r.content, Content::Rules(_, label) if !label.is_empty());
        let mut roles: Vec<&Thing> = self.of(Kind::ClusterRole).iter().filter(gathers).collect();
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        roles.into_iter().find_map(|role| {
            let rules = self.gathered(role)?;
            (rules != role.rules()).then(|| (role.name.clone(), rules))
        })
    }

    /// One object of a kind that may be changed.
    pub(crate) fn pick_changeable(&self, kind: Kind, rng: &mut Rng) -> Option<&Thing> {
        let table = self.of(kind);
        let mut draw = || if rng.per_mille(700) { table.pick_uneven(rng) } else { table.pick(rng) };
        (0..64).filter_map(|_| draw()).find(|t| t.style != Style::Fixed)
    }
}

/// Whether a subject of a binding means this user. A service account is known by its user name.
fn is_subject(subject: &Subject, binding_namespace: &str, user: &str, groups: &[String]) -> bool {
    match subject.kind {
        "User" => subject.name == user,
        "Group" => groups.contains(&subject.name),
        _ => {
            let namespace = if subject.namespace.is_empty() { binding_namespace } else { &subject.namespace };
            let rest = user.strip_prefix("system:serviceaccount:").and_then(|r| r.strip_prefix(namespace));
            !namespace.is_empty() && rest.and_then(|r| r.strip_prefix(':')) == Some(subject.name.as_str())
        }
    }
}
