//! From a user and groups to the binding versions that speak of them, at an instant. Users and
//! groups are found by hash (the standard keyed one: names come from the attacker), then the
//! cluster's list and that of one namespace are asked for the instant.

use std::collections::HashMap;

use crate::model::time::Interval;

use super::index::{Given, Index};
use super::stab::Stabs;
use super::subjects::{SubjectKey, subject_key};
use crate::model::rbac::RbacKind;

/// A version of a binding and its first subject that matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hit {
    /// Place of the binding version.
    pub(super) version: usize,
    /// Place of the subject in it.
    pub(super) subject: usize,
}

/// Finds binding versions by subject, and those that may speak of anybody by scope.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup {
    namespaces: HashMap<Box<str>, usize>,
    users: HashMap<Box<str>, Scoped<Hit>>,
    groups: HashMap<Box<str>, Scoped<Hit>>,
    /// Versions that may speak of anybody.
    open: Scoped<usize>,
}

/// Stretches of the cluster's bindings, and of those in each namespace.
#[derive(Clone, Debug)]
struct Scoped<T> {
    cluster: Stabs<T>,
    /// Sorted by the namespace's number.
    spaces: Box<[(usize, Stabs<T>)]>,
}

impl<T> Default for Scoped<T> {
    fn default() -> Self {
        Self { cluster: Stabs::default(), spaces: Box::default() }
    }
}

type Raw<T> = HashMap<Option<usize>, Vec<(Interval, T)>>;

impl Lookup {
    pub(super) fn new(index: &Index) -> Self {
        let mut namespaces: HashMap<Box<str>, usize> = HashMap::new();
        let mut users: HashMap<Box<str>, Raw<Hit>> = HashMap::new();
        let mut groups: HashMap<Box<str>, Raw<Hit>> = HashMap::new();
        let mut open: Raw<usize> = Raw::new();
        for binding in &index.bindings {
            let object = &binding.object;
            let space = (object.kind == RbacKind::RoleBinding).then(|| {
                let next = namespaces.len();
                *namespaces.entry(Box::from(&*object.namespace)).or_insert(next)
            });
            for (version, stretch) in binding.versions.clone().zip(index.versions_of(binding)) {
                let Given::Role { subjects: Some(subjects), .. } = &stretch.state else {
                    open.entry(space).or_default().push((stretch.held, version));
                    continue;
                };
                for (subject, one) in subjects.iter().enumerate() {
                    let (names, name) = match subject_key(one) {
                        Some(SubjectKey::User(name)) => (&mut users, name),
                        Some(SubjectKey::Group(name)) => (&mut groups, name),
                        None => continue,
                    };
                    let list = names.entry(name).or_default().entry(space).or_default();
                    // A subject listed twice counts where it stands first.
                    if list.last().is_none_or(|(_, hit)| hit.version != version) {
                        list.push((stretch.held, Hit { version, subject }));
                    }
                }
            }
        }
        let scoped = |raw: HashMap<Box<str>, Raw<Hit>>| raw.into_iter().map(|(n, r)| (n, Scoped::new(r))).collect();
        Self { namespaces, users: scoped(users), groups: scoped(groups), open: Scoped::new(open) }
    }

    /// Calls `f` for the versions at `window` that speak of the user or a group, in the cluster and in the
    /// namespace (none when `""`). A version is named once for every name that it matches by.
    pub(super) fn matching(
        &self,
        user: &str,
        groups: &[String],
        namespace: &str,
        window: Interval,
        mut f: impl FnMut(Hit),
    ) {
        let space = self.space(namespace);
        if let Some(own) = self.users.get(user) {
            own.visit(space, window, &mut f);
        }
        for own in groups.iter().filter_map(|group| self.groups.get(group.as_str())) {
            own.visit(space, window, &mut f);
        }
    }

    /// Calls `f` for the binding versions at `window` that may speak of anybody, because their subjects cannot
    /// be told, in the cluster and in the namespace.
    pub(super) fn open(&self, namespace: &str, window: Interval, mut f: impl FnMut(usize)) {
        self.open.visit(self.space(namespace), window, &mut f);
    }

    fn space(&self, namespace: &str) -> Option<usize> {
        if namespace.is_empty() { None } else { self.namespaces.get(namespace).copied() }
    }
}

impl<T: Copy> Scoped<T> {
    fn new(raw: Raw<T>) -> Self {
        let mut scoped = Self::default();
        let mut spaces = Vec::new();
        for (space, stretches) in raw {
            match space {
                Some(space) => spaces.push((space, Stabs::new(stretches))),
                None => scoped.cluster = Stabs::new(stretches),
            }
        }
        spaces.sort_unstable_by_key(|(space, _)| *space);
        scoped.spaces = spaces.into_boxed_slice();
        scoped
    }

    fn visit(&self, space: Option<usize>, window: Interval, f: &mut impl FnMut(T)) {
        self.cluster.overlapping(window, |_, value| f(*value));
        let own = space.and_then(|space| self.spaces.binary_search_by_key(&space, |(s, _)| *s).ok());
        if let Some((_, stabs)) = own.and_then(|place| self.spaces.get(place)) {
            stabs.overlapping(window, |_, value| f(*value));
        }
    }
}
