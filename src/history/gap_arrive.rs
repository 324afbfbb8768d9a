//! Gaps at whose end an object is there that was not there before, or was another one: how far back it reaches.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::finding::{Finding, Severity};
use crate::model::time::Timestamp;

use super::body::SECOND;
use super::gap::{Arrival, Gaps, Reach, later_write, name_of, origin_of};
use super::know::{Life, State, What};
use super::line::{Mark, Point, contradiction};
use super::parts::Parts;

/// Whether the log's silence tells how long an object was there already.
#[derive(Clone, Copy)]
enum Trust {
    /// It has missed the object's creation.
    Not,
    /// It does, but not beyond a creation under a name that it does not show.
    Until(Option<Timestamp>),
}

impl Gaps<'_> {
    /// Another life of the name is there, and the end of the old one was not logged.
    pub(super) fn replaced(&mut self, old: &Arc<State>, reach: Reach, arrival: &Arrival<'_>) {
        let born = arrival.state.created;
        let missed = reach.full || born.is_some_and(|b| b.plus_micros(SECOND) <= reach.onwards);
        if missed {
            let message = format!(
                "{} is there with another identity at {} than the one known from {}, and the log shows no deletion",
                self.key, reach.to, old.origin
            );
            self.report(&old.origin.from, arrival.point, message, reach.to);
        }
        let known = if reach.full { reach.from } else { reach.onwards };
        let end = born.unwrap_or(if reach.full { reach.to } else { reach.backwards }).max(known).min(reach.to);
        let why = format!("it was deleted and created again before {}, where the log does not show it", reach.to);
        self.emit(reach.from, known.min(end), old, Basis::Observed);
        match born {
            Some(_) => self.emit(known, end, &Arc::new(old.doubted(why)), Basis::Unknown),
            None => self.emit(known, end, &Arc::new(State::blank(&old.origin, false, why)), Basis::Unknown),
        }
        // The new one may be what a request created under a name that the log does not show.
        let nameless = || match born {
            Some(born) => self.named(born, reach.to),
            None => self.kin.births.between(&self.key.name, known, arrival.point.hi),
        };
        let trust = if missed { Trust::Not } else { Trust::Until(nameless()) };
        self.arrive(end, reach.to, arrival, trust);
    }

    /// When a request that names no object may have created this one, which was born in the second given.
    fn named(&self, born: Timestamp, to: Timestamp) -> Option<Timestamp> {
        let there = self.kin.cover.full(born, born.plus_micros(SECOND).min(to));
        self.kin.births.created(&self.key.name, born, there)
    }

    /// It existed when other evidence says it did not.
    pub(super) fn denied(&mut self, reach: Reach, arrival: &Arrival<'_>) {
        let message = format!(
            "{} at {} is older than {}, when it was not there: evidence contradicts itself",
            self.key, reach.to, reach.from
        );
        self.report(arrival.point.from(), arrival.point, message.clone(), reach.to);
        let doubted = Arc::new(State::blank(&arrival.state.origin, false, message));
        let known = if reach.full { reach.to } else { reach.backwards };
        self.emit(reach.from, known, &doubted, Basis::Unknown);
        self.emit(known, reach.to, &arrival.state, Basis::Observed);
    }

    /// It is there for the first time that the evidence shows.
    pub(super) fn appeared(&mut self, absent: bool, reach: Reach, arrival: &Arrival<'_>) {
        let new = &arrival.state;
        if let Some(born) = new.created {
            let second = born.plus_micros(SECOND);
            // Its creation lies where the log would show it, with a second to spare for the answer.
            let shown = self.kin.cover.full(born, second.plus_micros(SECOND));
            let nameless = self.named(born, reach.to);
            let missing = shown && nameless.is_none();
            if missing && self.kin.kind.rbac.is_some() {
                let message = format!("{} was created at {born}, where the log shows no such creation", self.key);
                let finding =
                    contradiction(Severity::Medium, "unlogged-object", message, born, [arrival.point.from(); 2]);
                self.findings.push(Finding { witnesses: vec![arrival.point.from().clone()], ..finding });
            }
            // As far as the log covers it was still absent.
            let covered = absent && !missing && reach.onwards > reach.from;
            let since = if covered { reach.onwards } else { reach.floor };
            let trust = if missing { Trust::Not } else { Trust::Until(nameless) };
            return self.arrive(born.max(since), reach.to, arrival, trust);
        }
        self.unborn(absent, reach, arrival);
    }

    /// It is there for the first time, and nothing tells since when.
    fn unborn(&mut self, absent: bool, reach: Reach, arrival: &Arrival<'_>) {
        let why = "when it was created is not known";
        let doubted = Arc::new(State::blank(&arrival.state.origin, false, why));
        let nameless = self.kin.births.between(&self.key.name, reach.floor, arrival.point.hi);
        if absent && reach.full {
            if nameless.is_none() {
                let (key, to, from) = (self.key, reach.to, reach.from);
                let message = format!("{key} is there at {to}, and the log shows no creation after {from}");
                self.report(arrival.point.from(), arrival.point, message, to);
            }
            self.since = nameless;
            return self.emit(reach.from, reach.to, &doubted, Basis::Unknown);
        }
        let since = if absent { reach.onwards } else { reach.from };
        let known = match arrival.seen {
            Some(_) if !absent => self.dawn.max(since).min(reach.to),
            _ => reach.backwards,
        };
        // It may be the one that a request created under a name that the log does not show.
        let known = known.max(nameless.unwrap_or(known)).min(reach.to);
        self.emit(since, known, &doubted, Basis::Unknown);
        self.arrive(known, reach.to, arrival, Trust::Until(nameless));
    }

    /// The object from its creation (or from where else it is known to be there) to the end of the gap.
    fn arrive(&mut self, from: Timestamp, to: Timestamp, arrival: &Arrival<'_>, trust: Trust) {
        let new = &arrival.state;
        // Created in a stretch of the log that ends before it was seen, it may have been changed since.
        let over_hole = matches!(trust, Trust::Until(Some(at)) if !self.kin.cover.full(at, to));
        let (trusted, nameless) = match trust {
            Trust::Not => (false, to),
            Trust::Until(nameless) => (true, nameless.unwrap_or(Timestamp::MIN)),
        };
        self.since = Some(nameless).filter(|_| trusted);
        let firm = trusted && arrival.point.is_firm(self.kin.cover);
        let reached = if firm { self.kin.cover.backwards(to).max(from).max(nameless).min(to) } else { to };
        // Where the log shows no creation it was there already.
        let sure = new.created.map_or(from, |b| b.plus_micros(SECOND)).max(from).min(reached);
        let written = arrival.written(self);
        let covered = reached.max(sure);
        let missed = trusted && covered < to && later_write(written, covered);
        if missed {
            let message =
                format!("{} was changed at {}, where the log shows no such change", self.key, written.unwrap_or(to));
            self.report(arrival.point.from(), arrival.point, message, to);
        }
        let held = written.unwrap_or(covered).max(sure).min(to);
        let held = if missed || arrival.seen.is_none() { held } else { held.min(covered) };
        let changed = later_write(written, new.created.unwrap_or(Timestamp::MAX));
        let why = format!("it was changed before {held}, and what it was before is not known");
        let before = Arc::new(new.changed(&new.origin, why));
        // A log that missed the creation may have missed changes as well.
        let doubtful = changed || !trusted || missed;
        let early = if over_hole || doubtful && held > sure { &before } else { new };
        let why = "its creation is known to the second only";
        // A deletion of many in that second may have taken another one, which no evidence shows.
        let early =
            if self.kin.disturbed(from, sure) { State::blank(&new.origin, false, why) } else { early.doubted(why) };
        self.emit(from, sure, &Arc::new(early), Basis::Unknown);
        match arrival.seen {
            None => return self.emit(sure, to, new, Basis::Observed),
            Some(_) if changed => self.emit(sure, held, &before, Basis::Unknown),
            Some(_) => self.emit(sure, held, new, Basis::Assumed),
        }
        self.emit(held, to, new, Basis::Observed);
    }

    /// An object that is known to be there, and of which only its identity is known.
    pub(super) fn unread(&self, life: &Life, point: &Point) -> Arc<State> {
        let why = format!("it existed before the evidence, and what it was before {} is not known", name_of(point));
        let mut state = State::blank(&origin_of(point), true, why);
        state.uid = life.uid.clone();
        state.created = life.created;
        let shown = match &point.mark {
            Mark::Act(act) => act.role_ref(),
            _ => None,
        };
        state.what = What::Parts(Parts { role_ref: shown.or_else(|| life.role_ref.clone()), ..Parts::default() });
        Arc::new(state)
    }
}
