//! Walks one line forwards: what is known right after each point.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::time::Timestamp;

use super::act::Act;
use super::births::Births;
use super::body::SECOND;
use super::cover::Cover;
use super::know::{Here, State};
use super::line::{Mark, Point};
use super::step::{KindOf, clash, revived, step};

/// How far apart the clocks of two API servers may be. Where the log contradicts itself, changes of the same
/// object within this time may have happened in another order, and their results are not believed.
pub(super) const CLOCKS_APART: i64 = 60 * SECOND;

/// What stays the same for all objects of a kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kindred<'a> {
    pub(super) kind: &'a KindOf,
    /// Where the log would show changes of the kind.
    pub(super) cover: &'a Cover,
    /// Creations under names that the log does not show.
    pub(super) births: &'a Births,
    /// When requests may have deleted many, sorted.
    pub(super) turns: &'a [Timestamp],
}

impl Kindred<'_> {
    /// Whether a request that may have deleted many came between the two times.
    pub(super) fn disturbed(&self, from: Timestamp, to: Timestamp) -> bool {
        self.turns.get(self.turns.partition_point(|turn| *turn < from)).is_some_and(|turn| *turn <= to)
    }
}

/// The walk: what is known now.
#[derive(Clone, Debug)]
pub(super) struct Run {
    name: Arc<str>,
    pub(super) here: Here,
    pub(super) at: Timestamp,
    /// Whether the log can tell from `at` on: not after evidence that took time which the log does not cover.
    firm: bool,
    /// Changes up to here are not believed to be in order.
    suspect: Option<Timestamp>,
}

impl Run {
    pub(super) fn new(name: &str, here: Here, at: Timestamp) -> Self {
        Self { name: Arc::from(name), here, at, firm: true, suspect: None }
    }

    /// Whether nothing can have happened unseen between `at` and `t`.
    pub(super) fn covers(&self, t: Timestamp, kin: Kindred<'_>) -> bool {
        self.firm && kin.cover.full(self.at, t) && !self.nameless(t, kin)
    }

    /// Whether a creation under a name that the log does not show, between `at` and `t`, may have been of this one.
    pub(super) fn nameless(&self, t: Timestamp, kin: Kindred<'_>) -> bool {
        !self.here.surely() && kin.births.between(&self.name, self.at, t).is_some()
    }

    /// Whether a request that may have deleted many came between `at` and `t`.
    pub(super) fn disturbed(&self, t: Timestamp, kin: Kindred<'_>) -> bool {
        kin.disturbed(self.at, t)
    }

    /// Takes the next point where deletions of many are not among the points: of what one of them may have taken
    /// nothing is known any more, not even by later changes of the name.
    pub(super) fn pass(&mut self, point: &Point, exact: bool, kin: Kindred<'_>) {
        if let Some(state) = self.here.object().filter(|_| self.disturbed(point.lo, kin)) {
            let why = "a deletion of many may have taken it";
            self.here = Here::Object(Arc::new(State::blank(&state.origin, false, why)));
        }
        self.advance(point, exact, kin);
    }

    /// What is known right before a point that says `point.before()` of it.
    pub(super) fn until(&self, point: &Point, kin: Kindred<'_>) -> Here {
        let covered = self.covers(point.lo, kin);
        let here = revived(&self.here, &point.before(), self.at, covered).unwrap_or_else(|| self.here.clone());
        if covered { here } else { weakened(here) }
    }

    /// What is known at `t`, where no point of this line stands.
    pub(super) fn carried(&self, t: Timestamp, kin: Kindred<'_>) -> Here {
        if self.covers(t, kin) { self.here.clone() } else { weakened(self.here.clone()) }
    }

    /// Takes the next point.
    pub(super) fn advance(&mut self, point: &Point, exact: bool, kin: Kindred<'_>) {
        let here = self.until(point, kin);
        if !exact && self.covers(point.lo, kin) && clash(&here, &point.before()) {
            self.suspect = Some(point.lo.plus_micros(CLOCKS_APART));
        }
        self.here = match &point.mark {
            Mark::Act(act) => {
                let after = step(&here, act, kin.kind);
                if self.suspect.is_some_and(|until| act.when <= until) { disbelieved(act) } else { after }
            }
            Mark::Seen(state) => Here::Object(Arc::clone(state)),
            Mark::Unseen(_) => Here::Absent(None),
            Mark::Swept { after, .. } => after.clone(),
        };
        if !matches!(point.mark, Mark::Act(_)) {
            self.suspect = None;
        }
        self.at = point.hi;
        self.firm = point.is_firm(kin.cover);
    }
}

/// Over a stretch that the log does not cover a state is only assumed to hold.
fn weakened(here: Here) -> Here {
    match here {
        Here::Object(state) => Here::Object(Arc::new(state.at_best(Basis::Assumed))),
        other => other,
    }
}

fn disbelieved(act: &Act) -> Here {
    let why = format!(
        "{} contradicts what the log shows of this object within a minute; their order is not certain",
        act.origin
    );
    Here::Object(Arc::new(State::blank(&act.origin, false, why)))
}
