//! Gaps at whose ends the same object is seen: how a known state and a later sighting fit together.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::time::Timestamp;

use super::body::SECOND;
use super::gap::{Arrival, Gaps, Reach, later_write};
use super::know::{Origin, State, What, revision};
use super::parts::Parts;

enum Relation {
    Same,
    Differs,
    /// The earlier state is not known well enough to compare.
    Open,
}

impl Gaps<'_> {
    pub(super) fn seen_again(&mut self, old: &Arc<State>, seen: &Arc<State>, reach: Reach, arrival: &Arrival<'_>) {
        let numbers = revision(old.resource_version.as_ref()).zip(revision(seen.resource_version.as_ref()));
        let relation = self.relation(old, seen);
        let same_number = numbers.is_some_and(|(a, b)| a == b);
        let written = arrival.written(self);
        // Unless it is known to be the same, it may have been created while it was being read.
        let proven = same_number || old.uid.is_some() && old.uid == seen.uid;
        let born = seen.created.map_or(Timestamp::MAX, |c| c.plus_micros(SECOND));
        self.since = reach.nameless.filter(|_| !proven).map(|last| last.min(born));
        if same_number && matches!(relation, Relation::Differs) && self.kin.kind.rbac.is_some() {
            self.forged(old, reach, arrival);
        } else if same_number {
            self.emit(reach.from, reach.to, &Arc::new(joined(old, seen)), Basis::Observed);
        } else if reach.full {
            let later = numbers.is_some_and(|(a, b)| a < b) || later_write(written, reach.from);
            self.seen_in_log(old, seen, reach, arrival, relation, later && self.kin.kind.rbac.is_some());
        } else {
            self.seen_over_hole(old, seen, reach, written, relation);
        }
    }

    /// The log covers the stretch and shows no change in it.
    fn seen_in_log(
        &mut self,
        old: &Arc<State>,
        seen: &Arc<State>,
        reach: Reach,
        arrival: &Arrival<'_>,
        relation: Relation,
        later: bool,
    ) {
        let known = arrival.written(self).map_or(reach.to, |w| w.max(reach.from).min(reach.to));
        match relation {
            // What was only assumed is corrected, not contradicted.
            _ if !old.trusted() && !later => {
                let origin = Origin { from: seen.origin.from.clone(), ..Origin::clone(&old.origin) };
                let state = State { origin: Arc::new(origin), ..State::clone(seen) };
                self.emit(reach.from, reach.to, &Arc::new(state), Basis::Observed);
            }
            Relation::Same | Relation::Open if !later => {
                self.emit(reach.from, reach.to, &Arc::new(joined(old, seen)), Basis::Observed);
            }
            Relation::Differs if self.kin.kind.rbac.is_none() => self.emit(reach.from, reach.to, old, Basis::Assumed),
            Relation::Same => {
                self.unlogged(old, reach, arrival);
                self.emit(reach.from, known, old, Basis::Assumed);
                self.emit(known, reach.to, seen, Basis::Observed);
            }
            Relation::Open | Relation::Differs => {
                let message = self.unlogged(old, reach, arrival);
                self.emit(reach.from, known, &Arc::new(old.changed(&old.origin, message)), Basis::Unknown);
                self.emit(known, reach.to, seen, Basis::Observed);
            }
        }
    }

    /// The log does not cover all of the stretch.
    fn seen_over_hole(
        &mut self,
        old: &Arc<State>,
        seen: &Arc<State>,
        reach: Reach,
        written: Option<Timestamp>,
        relation: Relation,
    ) {
        let held = written.map_or(reach.backwards, |w| w.min(reach.backwards));
        let one_uid = old.uid.is_some() && old.uid == seen.uid;
        match relation {
            Relation::Same if old.surely || one_uid => {
                let both = Arc::new(joined(old, seen));
                let held = held.max(reach.onwards);
                self.emit(reach.from, reach.onwards, &both, Basis::Observed);
                self.emit(reach.onwards, held, &both, Basis::Assumed);
                self.emit(held, reach.to, &both, Basis::Observed);
            }
            Relation::Same | Relation::Open => {
                let held = held.max(reach.from);
                if later_write(written, reach.from) {
                    self.emit(reach.from, held, old, Basis::Unknown);
                } else {
                    self.emit(reach.from, held, &Arc::new(joined(old, seen)), Basis::Assumed);
                }
                self.emit(held, reach.to, seen, Basis::Observed);
            }
            Relation::Differs => {
                let held = if held > reach.onwards { held } else { reach.backwards };
                let why = format!("it was changed between {} and {}, where the log has a gap", reach.onwards, held);
                let between =
                    if one_uid { old.changed(&old.origin, why) } else { State::blank(&old.origin, false, why) };
                self.emit(reach.from, reach.onwards, old, Basis::Observed);
                self.emit(reach.onwards, held, &Arc::new(between), Basis::Unknown);
                self.emit(held, reach.to, seen, Basis::Observed);
            }
        }
    }

    fn relation(&self, old: &State, seen: &State) -> Relation {
        match (&old.what, &seen.what) {
            (What::Whole(a), What::Whole(b)) if a.agrees(b, self.kin.kind.rbac) => Relation::Same,
            (What::Whole(_), What::Whole(_)) => Relation::Differs,
            (What::Parts(_), _) | (_, What::Parts(_)) => self.compare_parts(&old.parts(), &seen.parts()),
        }
    }

    fn compare_parts(&self, old: &Parts, seen: &Parts) -> Relation {
        let Some(kind) = self.kin.kind.rbac else { return Relation::Open };
        if old.given().zip(seen.given()).is_some_and(|(a, b)| a != b) {
            return Relation::Differs;
        }
        match old.reads(kind).zip(seen.reads(kind)) {
            Some((a, b)) if a == b => Relation::Same,
            Some(_) => Relation::Differs,
            None => Relation::Open,
        }
    }

    /// One resourceVersion with two contents.
    fn forged(&mut self, old: &Arc<State>, reach: Reach, arrival: &Arrival<'_>) {
        let message = format!(
            "{} has different content at {} and in {} under one resourceVersion",
            self.key, reach.to, old.origin
        );
        self.report(&old.origin.from, arrival.point, message.clone(), reach.to);
        self.emit(reach.from, reach.to, &Arc::new(old.changed(&old.origin, message)), Basis::Unknown);
    }

    fn unlogged(&mut self, old: &State, reach: Reach, arrival: &Arrival<'_>) -> String {
        let message = format!(
            "{} at {} is not what {} left, and the log shows no change between",
            self.key, reach.to, old.origin
        );
        self.report(&old.origin.from, arrival.point, message.clone(), reach.to);
        message
    }
}

/// One state known twice: begun as the earlier, with the fuller content.
fn joined(old: &State, seen: &State) -> State {
    let server = matches!(old.what, What::Whole(_)) && old.resource_version.is_some() && old.surely;
    if server {
        return old.clone();
    }
    let from = seen.origin.from.clone();
    let origin = Origin { from, ..Origin::clone(&old.origin) };
    State { origin: Arc::new(origin), ..seen.clone() }
}
