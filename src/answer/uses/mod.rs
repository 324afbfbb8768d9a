//! What was really asked of the API server, each distinct request once with all its moments: the material
//! of every question about used and unused rights.
//!
//! Whoever a request was made as is its user. What a request took besides its own verb (impersonation, the
//! second check of an update that creates) is listed as a request of its own, because the log does not show
//! it as one. Traded away: checks that leave no trace at all, such as `bind` and `escalate`.

mod action;
mod impersonation;
mod log;
mod moments;
mod read;

pub use action::{Shape, action_of};
pub use log::LogView;
pub use moments::{Moment, Moments};
pub use read::read;

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::identity::MASTERS;
use crate::model::reason::NamedGrant;
use crate::model::review::Action;

/// How the authorizer decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It let the request through, whatever became of it afterwards.
    Allowed,
    /// It refused.
    Denied,
    /// The record does not tell.
    Unclear,
}

/// A user with the groups the request was authorized with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identity {
    /// The user name.
    pub user: String,
    /// The groups; `None` when the export does not carry them.
    pub groups: Option<Vec<String>>,
}

impl Identity {
    /// Whether it is let through before RBAC is asked.
    pub fn is_master(&self) -> bool {
        self.in_group(MASTERS)
    }

    /// Whether it was in the group.
    pub fn in_group(&self, group: &str) -> bool {
        self.groups.iter().flatten().any(|g| g == group)
    }
}

/// All requests that are alike: same identity, action and outcome.
#[derive(Clone, Debug)]
pub struct Requests {
    /// Place of the identity in [`Uses::identities`].
    pub identity: usize,
    /// What was asked.
    pub action: Action,
    /// What came of it.
    pub outcome: Outcome,
    /// The grant that the API server named, of many that may have allowed it.
    pub named: Option<NamedGrant>,
    /// Whether this is a check that the request took besides its own.
    pub besides: bool,
    /// When.
    pub moments: Arc<Moments>,
}

/// What was asked in a stretch of time.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    /// Who asked.
    pub identities: Vec<Identity>,
    /// What was asked, sorted.
    pub requests: Vec<Requests>,
    /// Requests whose user or action cannot be told.
    pub unreadable: u64,
}

impl Uses {
    /// The identity of a request.
    pub fn identity(&self, requests: &Requests) -> Option<&Identity> {
        self.identities.get(requests.identity)
    }

    /// How many requests (not counting the checks besides) have this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.requests.iter().filter(|r| r.outcome == outcome && !r.besides).map(|r| r.moments.len()).sum()
    }

    /// Every verb on every kind of thing that anybody asked for, whatever came of it, each once.
    pub fn shapes(&self) -> Vec<Shape> {
        let mut shapes: Vec<Shape> = self.requests.iter().map(|r| Shape::of(&r.action)).collect();
        shapes.sort_unstable();
        shapes.dedup();
        shapes
    }

    /// Places of the requests, by user name and by group.
    pub fn index(&self, counts: impl Fn(&Requests, &Identity) -> bool) -> UseIndex<'_> {
        let mut index = UseIndex::default();
        for (place, requests) in self.requests.iter().enumerate() {
            let Some(identity) = self.identity(requests).filter(|i| counts(requests, i)) else { continue };
            let namespace = requests.action.namespace();
            index.users.entry(&identity.user).or_default().push(namespace, place);
            let mut groups: Vec<&str> = identity.groups.iter().flatten().map(String::as_str).collect();
            groups.sort_unstable();
            groups.dedup();
            for group in groups {
                index.groups.entry(group).or_default().push(namespace, place);
            }
        }
        index
    }
}

/// Places of requests by who made them.
#[derive(Clone, Debug, Default)]
pub struct UseIndex<'a> {
    users: HashMap<&'a str, Places<'a>>,
    groups: HashMap<&'a str, Places<'a>>,
}

/// Places of requests, all of them and by namespace.
#[derive(Clone, Debug, Default)]
struct Places<'a> {
    all: Vec<usize>,
    namespaces: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Places<'a> {
    fn push(&mut self, namespace: &'a str, place: usize) {
        self.all.push(place);
        self.namespaces.entry(namespace).or_default().push(place);
    }

    fn within(&self, namespace: Option<&str>) -> &[usize] {
        match namespace {
            None => &self.all,
            Some(namespace) => self.namespaces.get(namespace).map_or(&[], Vec::as_slice),
        }
    }
}

impl UseIndex<'_> {
    /// Requests of a user, in one namespace or all.
    pub fn of_user(&self, user: &str, namespace: Option<&str>) -> &[usize] {
        self.users.get(user).map_or(&[], |places| places.within(namespace))
    }

    /// Requests of the members of a group, in one namespace or all.
    pub fn of_group(&self, group: &str, namespace: Option<&str>) -> &[usize] {
        self.groups.get(group).map_or(&[], |places| places.within(namespace))
    }
}
