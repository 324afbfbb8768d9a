//! Which API resources there are, and what people mean when they type `deploy` or `crb.rbac`.
//!
//! A catalogue starts from a built-in table and learns from the discovery data in the evidence, which takes
//! precedence. Names are resolved as kubectl does it. What the catalogue does not know is taken to the letter
//! and said to be so: a permission question about an unknown resource is still a question. Lookup by typed
//! name walks all rows; a cluster has a few hundred, and a person types one.

mod builtin;
mod discovery;
mod resolve;
mod table_text;

use std::collections::{BTreeMap, BTreeSet};

pub use discovery::{Discovery, DiscoveryError, Skipped, looks_like_discovery, parse_discovery};
pub use resolve::{ResolveError, Resolved, split_type_name};
pub use table_text::{looks_like_api_resources_text, parse_api_resources_text};

/// One API resource, as discovery describes it (`meta/v1` APIResource).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiResource {
    /// Plural name, as in URLs and rules: `deployments`.
    pub plural: String,
    /// Singular name; `""` when discovery leaves it out.
    pub singular: String,
    /// Short names: `deploy`.
    pub short_names: Vec<String>,
    /// API group, `""` is core.
    pub group: String,
    /// Version without the group; the preferred one where several are known.
    pub version: String,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Kind: `Deployment`.
    pub kind: String,
    /// Verbs the resource supports; empty when not known.
    pub verbs: Vec<String>,
    /// Categories such as `all`; empty when none are known.
    pub categories: Vec<String>,
}

/// Where a row of the catalogue comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    /// Discovery data of the evidence.
    Discovered,
    /// The built-in table.
    BuiltIn,
    /// The built-in table, but a current API server does not serve it by itself.
    NotServed,
}

#[derive(Clone, Debug)]
struct Row {
    resource: ApiResource,
    origin: Origin,
}

/// All resources known for one cluster.
#[derive(Clone, Debug)]
pub struct Catalogue {
    rows: Vec<Row>,
    /// group → plural → place in `rows`.
    by_plural: BTreeMap<String, BTreeMap<String, usize>>,
    /// group → kind → place in `rows`.
    by_kind: BTreeMap<String, BTreeMap<String, usize>>,
    /// (group, plural) → subresources.
    subresources: BTreeMap<(String, String), BTreeSet<String>>,
    /// Whether some discovery data claims to list all groups.
    all_groups_listed: bool,
    /// Groups that discovery data lists in full.
    listed_groups: BTreeSet<String>,
    /// Groups in the cluster's own order, as far as the evidence shows it.
    group_order: Vec<String>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self::new()
    }
}

impl Catalogue {
    /// The built-in table alone.
    pub fn new() -> Self {
        let mut catalogue = Self {
            rows: Vec::new(),
            by_plural: BTreeMap::new(),
            by_kind: BTreeMap::new(),
            subresources: BTreeMap::new(),
            all_groups_listed: false,
            listed_groups: BTreeSet::new(),
            group_order: Vec::new(),
        };
        for (resource, served) in builtin::rows() {
            catalogue.put(Row { resource, origin: if served { Origin::BuiltIn } else { Origin::NotServed } });
        }
        catalogue
    }

    /// Takes in discovery data. It outranks the built-in table; what two pieces of it say differently is
    /// decided for the newer API version, then for the piece that came first.
    pub fn add(&mut self, discovery: Discovery) {
        for resource in discovery.resources {
            match resource.plural.split_once('/') {
                Some((plural, subresource)) => {
                    let key = (resource.group, plural.to_owned());
                    self.subresources.entry(key).or_default().insert(subresource.to_owned());
                }
                None => self.put(Row { resource, origin: Origin::Discovered }),
            }
        }
        self.all_groups_listed |= discovery.lists_all_groups;
        self.listed_groups.extend(discovery.listed_groups);
        for group in discovery.group_order {
            if !self.group_order.contains(&group) {
                self.group_order.push(group);
            }
        }
    }

    /// Adds a row, or replaces the one of the same group and plural where the new one knows better.
    fn put(&mut self, row: Row) {
        let known = self.by_plural.get(&row.resource.group).and_then(|g| g.get(&row.resource.plural)).copied();
        let place = known.unwrap_or(self.rows.len());
        match self.rows.get_mut(place) {
            Some(old) if !outranks(&row, old) => return,
            Some(old) => *old = row.clone(),
            None => self.rows.push(row.clone()),
        }
        let ApiResource { group, plural, kind, .. } = row.resource;
        self.by_plural.entry(group.clone()).or_default().insert(plural, place);
        let kinds = self.by_kind.entry(group).or_default();
        // two resources may share a kind; discovery's comes first, then the first seen
        let holder = kinds.get(&kind).and_then(|at| self.rows.get(*at));
        if holder.is_none_or(|holder| row.origin < holder.origin) {
            kinds.insert(kind, place);
        }
    }

    /// All resources known, in the order of their groups as kubectl prefers them, then by plural.
    pub fn resources(&self) -> Vec<&ApiResource> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| (self.rank(&row.resource.group), row.resource.plural.clone()));
        rows.into_iter().map(|row| &row.resource).collect()
    }

    /// The resources that the cluster serves as far as is known, in the same order: without those that the
    /// discovery data of the evidence does not list, and those of older releases.
    pub fn served(&self) -> Vec<&ApiResource> {
        let served = |r: &&ApiResource| self.row(&r.group, &r.plural).is_some_and(|row| !self.doubtful(row));
        self.resources().into_iter().filter(served).collect()
    }

    /// Whether the evidence brought discovery data.
    pub fn has_discovery(&self) -> bool {
        self.all_groups_listed || !self.listed_groups.is_empty()
    }

    /// The row of a group and a plural name, both to the letter.
    pub fn get(&self, group: &str, resource: &str) -> Option<&ApiResource> {
        self.row(group, resource).map(|row| &row.resource)
    }

    fn row(&self, group: &str, resource: &str) -> Option<&Row> {
        self.by_plural.get(group)?.get(resource).and_then(|at| self.rows.get(*at))
    }

    /// The kind of a resource, both group and plural to the letter.
    pub fn kind_of(&self, group: &str, resource: &str) -> Option<&str> {
        self.get(group, resource).map(|r| r.kind.as_str())
    }

    /// The plural name of a kind, both group and kind to the letter.
    pub fn resource_of(&self, group: &str, kind: &str) -> Option<&str> {
        let at = self.by_kind.get(group)?.get(kind)?;
        self.rows.get(*at).map(|row| row.resource.plural.as_str())
    }

    /// Whether objects of a resource live in a namespace; `None` when the resource is not known.
    pub fn is_namespaced(&self, group: &str, resource: &str) -> Option<bool> {
        self.get(group, resource).map(|r| r.namespaced)
    }

    /// The subresources that discovery shows for a resource. None shown does not mean that there are none.
    pub fn subresources(&self, group: &str, resource: &str) -> impl Iterator<Item = &str> {
        let key = (group.to_owned(), resource.to_owned());
        self.subresources.get(&key).into_iter().flatten().map(String::as_str)
    }

    /// Whether the evidence's discovery data contradicts the row, or nothing but its being known speaks for it.
    fn doubtful(&self, row: &Row) -> bool {
        match row.origin {
            Origin::Discovered => false,
            Origin::NotServed => true,
            Origin::BuiltIn => self.all_groups_listed || self.listed_groups.contains(&row.resource.group),
        }
    }

    /// Where a group stands in kubectl's preference: core, the cluster's own order, then priorities of the
    /// groups that Kubernetes knows, with custom resources in their place by name.
    fn rank(&self, group: &str) -> (usize, usize, String) {
        if group.is_empty() {
            return (0, 0, String::new());
        }
        if let Some(place) = self.group_order.iter().position(|g| g == group) {
            return (1, place, String::new());
        }
        match builtin::GROUP_ORDER.iter().position(|g| *g == group) {
            Some(place) if place < builtin::BEFORE_CUSTOM => (2, place, String::new()),
            Some(place) => (4, place, String::new()),
            None => (3, 0, group.to_owned()),
        }
    }
}

/// Whether a row says more than the one already there.
fn outranks(new: &Row, old: &Row) -> bool {
    new.origin < old.origin
        || new.origin == old.origin && version_rank(&new.resource.version) > version_rank(&old.resource.version)
}

/// Kubernetes' order of versions: `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`, then anything else.
fn version_rank(version: &str) -> (u8, u32, u32) {
    let parsed = version.strip_prefix('v').and_then(|rest| {
        let (major, rest) = leading_number(rest)?;
        let stage = |name: &str| rest.strip_prefix(name).and_then(leading_number).filter(|(_, rest)| rest.is_empty());
        match (rest.is_empty(), stage("beta"), stage("alpha")) {
            (true, ..) => Some((3, major, 0)),
            (_, Some((minor, _)), _) => Some((2, major, minor)),
            (_, _, Some((minor, _))) => Some((1, major, minor)),
            _ => None,
        }
    });
    parsed.unwrap_or_default()
}

fn leading_number(text: &str) -> Option<(u32, &str)> {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    digits.parse().ok().map(|number| (number, rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests;
