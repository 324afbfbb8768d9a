//! What whole lists say by leaving a name out.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::model::object::{ObjectKey, Provenance};
use crate::model::time::Timestamp;

use super::cover::Cover;
use super::evidence::{Evidence, Listing};
use super::line::{Mark, Point};

/// Lists that took other times than a gap allows are skipped this often before giving up.
const SKIPPED: usize = 32;

/// One list of a kind.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) supposed: bool,
    pub(super) record: Provenance,
}

/// The whole lists of one kind, by the namespace they are whole for; `None` is all.
#[derive(Debug, Default)]
pub(super) struct Lists {
    spaces: HashMap<Option<Arc<str>>, Vec<List>>,
}

/// All whole lists, by group and kind.
pub(super) type AllLists = HashMap<(Arc<str>, Arc<str>), Lists>;

/// Sorts the whole lists. A list that is only supposed to be whole is dropped, and named, when other evidence names
/// an object of its scope that no evidence shows.
pub(super) fn sort(evidence: &Evidence, known: impl Fn(&ObjectKey) -> bool) -> (AllLists, Vec<&Listing>) {
    let missing: Vec<&ObjectKey> = evidence.named_elsewhere.iter().filter(|key| !known(key)).collect();
    let mut unseen: HashSet<(&str, &str, Option<&str>)> = HashSet::new();
    for key in missing {
        unseen.insert((&key.group, &key.kind, None));
        unseen.insert((&key.group, &key.kind, Some(&key.namespace)));
    }
    let mut all = AllLists::new();
    let mut refused = Vec::new();
    for listing in evidence.listings.iter().filter(|l| l.whole) {
        if listing.supposed && unseen.contains(&(&*listing.group, &*listing.kind, listing.namespace.as_deref())) {
            refused.push(listing);
            continue;
        }
        let lists = all.entry((Arc::from(&*listing.group), Arc::from(&*listing.kind))).or_default();
        lists.spaces.entry(listing.namespace.as_deref().map(Arc::from)).or_default().push(List {
            from: listing.observed.from,
            to: listing.observed.to.max(listing.observed.from),
            supposed: listing.supposed,
            record: listing.from.clone(),
        });
    }
    for list in all.values_mut().flat_map(|lists| lists.spaces.values_mut()) {
        list.sort_by(|a, b| (a.from, a.to, &a.record).cmp(&(b.from, b.to, &b.record)));
    }
    (all, refused)
}

impl Lists {
    /// All lists with their scope.
    pub(super) fn scopes(&self) -> impl Iterator<Item = (Option<&Arc<str>>, &[List])> {
        self.spaces.iter().map(|(space, lists)| (space.as_ref(), lists.as_slice()))
    }

    /// The lists that speak for a namespace.
    fn of<'a>(&'a self, namespace: &str) -> impl Iterator<Item = &'a [List]> {
        [None, Some(Arc::from(namespace))].into_iter().filter_map(|scope| self.spaces.get(&scope).map(Vec::as_slice))
    }

    /// The earliest list that lies between the two times and passes the test.
    pub(super) fn first(
        &self,
        namespace: &str,
        after: Timestamp,
        before: Timestamp,
        test: impl Fn(&List) -> bool,
    ) -> Option<&List> {
        let first = |lists: &'_ [List]| {
            let start = lists.partition_point(|l| l.from < after);
            let later = lists.get(start..).unwrap_or_default().iter().take(SKIPPED).take_while(|l| l.from <= before);
            later.filter(|l| l.to <= before && test(l)).map(|l| (l.from, l.to)).next()
        };
        let best = self.of(namespace).filter_map(first).min()?;
        self.of(namespace).find_map(|lists| find(lists, best))
    }

    /// The latest list that lies between the two times and passes the test.
    pub(super) fn last(
        &self,
        namespace: &str,
        after: Timestamp,
        before: Timestamp,
        test: impl Fn(&List) -> bool,
    ) -> Option<&List> {
        let last = |lists: &'_ [List]| {
            let end = lists.partition_point(|l| l.from <= before);
            let earlier =
                lists.get(..end).unwrap_or_default().iter().rev().take(SKIPPED).take_while(|l| l.from >= after);
            earlier.filter(|l| l.to <= before && test(l)).map(|l| (l.from, l.to)).next()
        };
        let best = self.of(namespace).filter_map(last).max()?;
        self.of(namespace).find_map(|lists| find(lists, best))
    }

    /// Adds to a line the absences that matter: in each gap the first and the last list without the name.
    pub(super) fn absences(
        &self,
        points: Vec<Point>,
        namespace: &str,
        seen: &HashSet<(Timestamp, Timestamp)>,
        flights: &Flights,
        cover: &Cover,
    ) -> Vec<Point> {
        let mut line = Vec::with_capacity(points.len().saturating_add(1));
        let mut since = None;
        for point in points {
            // A list made while a change was under way may lie on either side of it.
            let until = match &point.mark {
                Mark::Act(act) => act.begun.min(point.lo).plus_micros(-1),
                _ => point.lo,
            };
            let after = since.unwrap_or(Timestamp::MIN);
            let test = |l: &List| speaks(l, seen, flights) && !(l.supposed && cover.full(after, l.from));
            let first = since.and_then(|s| self.first(namespace, s, until, test));
            let last = self.last(namespace, after, until, test);
            line.extend(first.map(absent));
            line.extend(last.filter(|l| first.is_none_or(|f| f.to <= l.from && f.record != l.record)).map(absent));
            since = Some(point.hi);
            line.push(point);
        }
        if let Some(since) = since {
            let test = |l: &List| speaks(l, seen, flights) && !(l.supposed && cover.full(since, l.from));
            line.extend(self.first(namespace, since, Timestamp::MAX, test).map(absent));
        }
        line
    }
}

/// Whether a list tells of an absence: the name is not in it, and no deletion of many was under way.
fn speaks(list: &List, seen: &HashSet<(Timestamp, Timestamp)>, flights: &Flights) -> bool {
    !seen.contains(&(list.from, list.to)) && !flights.meet(list.from, list.to)
}

/// Stretches in which deletions of many were under way, by beginning, each with the latest end up to there.
#[derive(Debug, Default)]
pub(super) struct Flights(Vec<(Timestamp, Timestamp)>);

impl Flights {
    pub(super) fn new(mut stretches: Vec<(Timestamp, Timestamp)>) -> Self {
        stretches.sort_unstable();
        let mut latest = Timestamp::MIN;
        for (_, end) in &mut stretches {
            latest = latest.max(*end);
            *end = latest;
        }
        Self(stretches)
    }

    fn meet(&self, from: Timestamp, to: Timestamp) -> bool {
        let begun = self.0.partition_point(|(begin, _)| *begin <= to);
        begun.checked_sub(1).and_then(|i| self.0.get(i)).is_some_and(|(_, latest)| *latest > from)
    }
}

fn find(lists: &[List], (from, to): (Timestamp, Timestamp)) -> Option<&List> {
    let start = lists.partition_point(|l| (l.from, l.to) < (from, to));
    lists.get(start).filter(|l| (l.from, l.to) == (from, to))
}

fn absent(list: &List) -> Point {
    Point { lo: list.from, hi: list.to, mark: Mark::Unseen(list.record.clone()) }
}
