//! Where the set of all RBAC objects of a kind is known, so that absence means absence.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::rbac::{RBAC_GROUP, RbacKind};
use crate::model::time::{Interval, Timestamp};

use super::cover::Cover;
use super::listings::{AllLists, List, Lists};
use super::state::KnownSet;

/// What sets are known from.
#[derive(Debug)]
pub(super) struct Sets<'a> {
    pub(super) cover: &'a Cover,
    /// The stretch of log that begins with an empty cluster.
    pub(super) genesis: Option<Interval>,
    pub(super) lists: &'a AllLists,
    /// The beginning of all evidence.
    pub(super) dawn: Timestamp,
}

impl Sets<'_> {
    fn lists(&self, kind: RbacKind) -> Option<&Lists> {
        self.lists.get(&(Arc::from(RBAC_GROUP), Arc::from(kind.as_str())))
    }

    /// How far the log carries a list. A list that took time which the log does not cover stands for that time alone.
    fn reach(&self, list: &List) -> Interval {
        let (from, to) = (list.from, list.to);
        if self.firm(list) {
            Interval::new(self.cover.backwards(from), self.cover.onwards(to))
        } else {
            Interval::new(from, to)
        }
    }

    fn firm(&self, list: &List) -> bool {
        list.from >= list.to || self.cover.full(list.from, list.to)
    }

    /// Since when objects may have existed at `t` that no evidence names; `None` when all are known.
    pub(super) fn unknown_since(&self, kind: RbacKind, namespace: &str, t: Timestamp) -> Option<Timestamp> {
        let mut since = Timestamp::MIN;
        if let Some(genesis) = self.genesis {
            if t <= genesis.to {
                return None;
            }
            since = genesis.to;
        }
        let list = self.lists(kind).and_then(|l| l.last(namespace, Timestamp::MIN, t, |l| !l.supposed));
        if let Some(list) = list {
            // While a list was read that the log does not cover, objects may have come to be that it lacks.
            let known = if self.firm(list) { self.reach(list).to } else { list.from };
            if known >= t {
                return None;
            }
            since = since.max(known);
        }
        Some(since)
    }

    /// When the first list after `t` was complete, which shows what there is by its real name.
    pub(super) fn shown_by(&self, kind: RbacKind, namespace: &str, t: Timestamp) -> Option<Timestamp> {
        let list = self.lists(kind)?.first(namespace, t.plus_micros(1), Timestamp::MAX, |l| !l.supposed)?;
        Some(list.to)
    }

    /// All stretches, sorted, without the holes: stretches in which an object of the kind may have had any name.
    /// `namespaces` are those that the evidence speaks of: a hole in one is none in the others.
    pub(super) fn known(&self, holes: &[Hole], namespaces: &BTreeSet<Arc<str>>) -> Vec<KnownSet> {
        let mut known = Vec::new();
        for kind in RbacKind::ALL {
            if let Some(genesis) = self.genesis {
                let set = |held, basis| KnownSet { kind, namespace: None, held, basis };
                known.push(set(Interval::new(Timestamp::MIN, genesis.to), Basis::Observed));
                known.push(set(Interval::new(genesis.to, Timestamp::MAX), Basis::Assumed));
            }
            for (space, lists) in self.lists(kind).into_iter().flat_map(Lists::scopes) {
                let set = |held, basis| KnownSet { kind, namespace: space.cloned(), held, basis };
                known.push(set(Interval::new(self.dawn, Timestamp::MAX), Basis::Assumed));
                let partly = |l: &List| !self.firm(l) && self.cover.touches(l.from, l.to);
                let exact = lists.iter().filter(|l| !l.supposed && !partly(l)).map(|l| {
                    let reach = self.reach(l);
                    Interval::new(reach.from, reach.to.max(l.to.plus_micros(1)))
                });
                known.extend(Cover::new(&exact.collect::<Vec<_>>()).stretches().map(|held| set(held, Basis::Observed)));
            }
        }
        let holes = Holes::new(holes);
        let mut known: Vec<KnownSet> = known.into_iter().flat_map(|set| holes.around(set, namespaces)).collect();
        known.sort_by(|a, b| (a.kind, &a.namespace, a.held, a.basis).cmp(&(b.kind, &b.namespace, b.held, b.basis)));
        known.dedup();
        known
    }
}

/// A stretch in which an object of a kind, in a namespace, may have had any name.
pub(super) type Hole = (RbacKind, Arc<str>, Interval);

/// Holes by what they are holes in: one namespace, or all.
struct Holes(HashMap<(RbacKind, Option<Arc<str>>), Cover>);

impl Holes {
    fn new(holes: &[Hole]) -> Self {
        let mut raw: HashMap<(RbacKind, Option<Arc<str>>), Vec<Interval>> = HashMap::new();
        for (kind, namespace, held) in holes {
            raw.entry((*kind, None)).or_default().push(*held);
            raw.entry((*kind, Some(Arc::clone(namespace)))).or_default().push(*held);
        }
        Self(raw.into_iter().map(|(key, stretches)| (key, Cover::new(&stretches))).collect())
    }

    /// The set without its holes; where it speaks for all namespaces and has holes, each namespace without its own.
    fn around(&self, set: KnownSet, namespaces: &BTreeSet<Arc<str>>) -> Vec<KnownSet> {
        let mut pieces = self.cut(set.clone());
        let whole = pieces.iter().any(|p| p.held == set.held);
        if set.namespace.is_none() && set.kind.namespaced() && !whole {
            let own = namespaces.iter().map(|n| KnownSet { namespace: Some(Arc::clone(n)), ..set.clone() });
            pieces.extend(own.flat_map(|s| self.cut(s)));
        }
        pieces
    }

    fn cut(&self, set: KnownSet) -> Vec<KnownSet> {
        let mut from = set.held.from;
        let mut pieces = Vec::new();
        for hole in self.0.get(&(set.kind, set.namespace.clone())).into_iter().flat_map(Cover::stretches) {
            pieces.push(Interval::new(from, hole.from.min(set.held.to)));
            from = from.max(hole.to);
        }
        pieces.push(Interval::new(from, set.held.to));
        pieces.into_iter().filter(|p| !p.is_empty()).map(|held| KnownSet { held, ..set.clone() }).collect()
    }
}
