//! Creations under names that the log does not show: `generateName` without a response body.

use std::cell::Cell;

use crate::model::time::Timestamp;

use super::body::SECOND;
use super::bucket::Birth;

/// More nameless creations than this are not weighed: any of them may be the one.
const TRIED: usize = 64;

/// Creations under names that the log does not show, by time, each with the number of objects that it may account for.
#[derive(Debug, Default)]
pub(super) struct Births(Vec<(Birth, Cell<usize>)>);

impl Births {
    pub(super) fn new(mut births: Vec<Birth>) -> Self {
        births.sort_by(|a, b| (a.when, &a.origin.from).cmp(&(b.when, &b.origin.from)));
        Self(births.into_iter().map(|b| (b, Cell::new(0))).collect())
    }

    /// Those that no single object accounts for.
    pub(super) fn left(&self) -> impl Iterator<Item = &Birth> {
        let told = |b: &Birth, claims: usize| claims == 1 && !b.prefix.is_empty() && !b.open;
        self.0.iter().filter(move |(b, claims)| !told(b, claims.get())).map(|(birth, _)| birth)
    }
}

impl Births {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the last of them that can have created this name within the second did so. `surely`: nothing else can
    /// have, so that it is accounted for.
    pub(super) fn created(&self, name: &str, second: Timestamp, surely: bool) -> Option<Timestamp> {
        let from = self.0.partition_point(|(b, _)| b.when < second.plus_micros(-SECOND));
        let until = second.plus_micros(3 * SECOND);
        let near = self.0.iter().enumerate().skip(from).take(TRIED).take_while(|(_, (b, _))| b.when <= until);
        let fits: Vec<usize> = near.filter(|(_, (b, _))| name.starts_with(&b.prefix)).map(|(i, _)| i).collect();
        if let ([only], true) = (fits.as_slice(), surely)
            && let Some((_, claims)) = self.0.get(*only)
        {
            claims.set(claims.get().saturating_add(1));
        }
        if self.0.get(from.saturating_add(TRIED)).is_some_and(|(b, _)| b.when <= until) {
            return Some(until);
        }
        fits.last().and_then(|i| self.0.get(*i)).map(|(b, _)| b.when)
    }

    /// When the first of them, between the two times, that can have created this name did so.
    pub(super) fn first(&self, name: &str, from: Timestamp, to: Timestamp) -> Option<Timestamp> {
        let before = self.0.partition_point(|(b, _)| b.when < from);
        let later = self.0.get(before..).unwrap_or_default().iter().take_while(|(b, _)| b.when <= to);
        let found = later.enumerate().find(|(n, (b, _))| *n >= TRIED || name.starts_with(&b.prefix));
        found.map(|(_, (b, _))| b.when)
    }

    /// When the last of them, between the two times, that can have created this name did so.
    pub(super) fn between(&self, name: &str, from: Timestamp, to: Timestamp) -> Option<Timestamp> {
        let after = self.0.partition_point(|(b, _)| b.when <= to);
        let earlier = self.0.get(..after).unwrap_or_default().iter().rev().take_while(|(b, _)| b.when >= from);
        let mut counted = earlier.enumerate();
        let found = counted.find(|(n, (b, _))| *n >= TRIED || name.starts_with(&b.prefix));
        found.map(|(_, (b, _))| b.when)
    }
}
