//! What held between two neighbouring points of a line: the heart of "exact or unknown".
//!
//! Where the log covers the whole stretch nothing can have happened in it, so what is known on either side holds
//! throughout, and a disagreement is a finding. Where it does not, each side reaches as far as its own coverage;
//! in the middle an agreement is assumed to have lasted and a disagreement leaves the state unknown, except as far
//! back as `creationTimestamp` and `managedFields[].time` of the later sighting reach.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::finding::{Finding, Severity};
use crate::model::object::{ObjectKey, Provenance};
use crate::model::time::Timestamp;

use super::body::{Parts, SECOND};
use super::fold::Kindred;
use super::know::{Before, Here, Life, Origin, State, What, revision};
use super::line::{Mark, Point, contradiction};
use super::step::revived;

/// A stretch in which one state held.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) state: Arc<State>,
    pub(super) basis: Basis,
    /// The change that ended it.
    pub(super) ended: Option<Arc<Origin>>,
}

/// Creations under names that the log does not show.
pub(super) trait Unnamed {
    /// Whether one of them can have created this name within the second; if so it is accounted for.
    fn created(&mut self, name: &str, second: Timestamp) -> bool;
}

/// Fills the gaps of one line.
pub(super) struct Gaps<'a> {
    pub(super) key: &'a ObjectKey,
    pub(super) kin: Kindred<'a>,
    /// The beginning of all evidence.
    pub(super) dawn: Timestamp,
    pub(super) unnamed: &'a mut dyn Unnamed,
    pub(super) spans: Vec<Span>,
    pub(super) findings: &'a mut Vec<Finding>,
}

/// The object that is there at the end of a gap.
struct Arrival<'a> {
    seen: Option<&'a Arc<State>>,
    state: Arc<State>,
    point: &'a Point,
}

impl Arrival<'_> {
    /// The end of the second in which RBAC's part was last written.
    fn written(&self, gaps: &Gaps<'_>) -> Option<Timestamp> {
        match &self.seen?.what {
            What::Whole(body) => body.written_by(gaps.kin.kind.rbac?),
            What::Parts(_) => None,
        }
    }
}

/// One gap: its ends, how far the log covers from each, and whether it covers all.
#[derive(Clone, Copy)]
struct Reach {
    floor: Timestamp,
    from: Timestamp,
    to: Timestamp,
    /// Covered from the beginning up to here.
    onwards: Timestamp,
    /// Covered from here to the end.
    backwards: Timestamp,
    full: bool,
}

enum Relation {
    Same,
    Differs,
    /// The earlier state is not known well enough to compare.
    Open,
}

impl Gaps<'_> {
    /// Fills the gap from `from`, where `before` was known, to `point` (or for ever).
    ///
    /// `floor` is where the evidence for `before` begins: earlier than `from` when it is a list that took time.
    /// `facts` is what later evidence tells of the life at the end of the gap.
    pub(super) fn fill(&mut self, before: &Here, floor: Timestamp, from: Timestamp, point: Option<&Point>, facts: &Life) {
        let to = point.map_or(Timestamp::MAX, |p| p.lo);
        let reach = self.reach(floor, from, to);
        let claim = point.map_or(Before::Nothing, Point::before);
        let here = revived(before, &claim, from, reach.full).unwrap_or_else(|| before.clone());
        let here = fill_in(here, facts, reach.full);
        let done = self.spans.len();
        match (&here, &claim, point) {
            (Here::Object(state), Before::Nothing | Before::Perhaps, _) | (Here::Object(state), _, None) => {
                self.keep(state, reach);
            }
            (Here::Object(state), Before::Absent, Some(point)) => self.vanished(state, reach, point),
            (_, Before::Exists(life), Some(point)) => {
                let state = self.unread(&with(life, facts), point);
                self.meets(&here, reach, &Arrival { seen: None, state, point });
            }
            (_, Before::Seen(seen), Some(point)) => {
                self.meets(&here, reach, &Arrival { seen: Some(seen), state: Arc::clone(seen), point });
            }
            (_, Before::Perhaps, Some(point)) => self.perhaps(&here, reach, point),
            (Here::Nothing | Here::Absent(_), _, _) => {}
        }
        let ended = point.and_then(Point::origin);
        if let Some(last) = self.spans.get_mut(done..).and_then(<[Span]>::last_mut).filter(|s| s.to == to) {
            last.ended = ended.cloned();
        }
    }

    /// The stretch in which a sighting was made.
    pub(super) fn window(&mut self, state: &Arc<State>, from: Timestamp, to: Timestamp) {
        self.emit(from, to, state, Basis::Observed);
    }

    fn reach(&self, floor: Timestamp, from: Timestamp, to: Timestamp) -> Reach {
        let cover = self.kin.cover;
        let full = cover.full(from, to);
        let onwards = cover.onwards(from).min(to);
        let backwards = if to == Timestamp::MAX { to } else { cover.backwards(to).max(from) };
        Reach { floor, from, to, onwards, backwards, full }
    }

    fn emit(&mut self, from: Timestamp, to: Timestamp, state: &Arc<State>, at_best: Basis) {
        if from >= to {
            return;
        }
        let basis = if state.settled(self.kin.kind.rbac) { state.basis.weakest(at_best) } else { Basis::Unknown };
        self.spans.push(Span { from, to, state: Arc::clone(state), basis, ended: None });
    }

    fn keep(&mut self, state: &Arc<State>, reach: Reach) {
        self.emit(reach.from, reach.onwards, state, Basis::Observed);
        self.emit(reach.onwards, reach.to, state, Basis::Assumed);
    }

    /// It was there, and then it was not, with no deletion between.
    fn vanished(&mut self, state: &Arc<State>, reach: Reach, point: &Point) {
        if !reach.full {
            self.emit(reach.from, reach.onwards, state, Basis::Observed);
            let why = format!("it was gone by {}, and the log does not cover when it went", reach.to);
            // A list takes its time; without a log the object may have gone while it was being read.
            let listed = matches!(point.mark, Mark::Unseen(_)) && reach.backwards == reach.to;
            let gone = if listed { point.hi } else { reach.backwards };
            self.emit(reach.onwards, gone, &Arc::new(state.doubted(why)), Basis::Unknown);
            return;
        }
        if !state.surely {
            return;
        }
        let message = format!(
            "{} shows {} there from {}, and at {} it is not there, although the log shows no deletion",
            state.origin, self.key, reach.from, reach.to
        );
        if !state.deleting {
            self.report(&state.origin.from, point, message.clone(), reach.to);
        }
        self.emit(reach.from, reach.to, &Arc::new(state.doubted(message)), Basis::Unknown);
    }

    /// A deletion of many may have taken it, if it was there.
    fn perhaps(&mut self, here: &Here, reach: Reach, point: &Point) {
        let from = if matches!(here, Here::Nothing) { reach.from } else { reach.onwards };
        let why = format!("it may have existed before {} took all that there was", name_of(point));
        let state = Arc::new(State::blank(&origin_of(point), false, why));
        self.emit(from, reach.to, &state, Basis::Unknown);
    }

    fn meets(&mut self, here: &Here, reach: Reach, arrival: &Arrival<'_>) {
        let new = &arrival.state;
        match here {
            Here::Object(old) => {
                let newer = old.created.is_none() && old.uid.is_none() && new.created.is_some_and(|c| c > reach.from);
                if newer || !new.life().may_be(old.uid.as_ref(), old.created) {
                    self.replaced(old, reach, arrival);
                } else if let Some(seen) = arrival.seen {
                    self.seen_again(old, seen, reach, arrival);
                } else {
                    self.lived_on(old, reach);
                }
            }
            Here::Absent(_) if new.created.is_some_and(|c| c.plus_micros(SECOND) <= reach.floor) => {
                self.denied(reach, arrival);
            }
            Here::Absent(_) => self.appeared(true, reach, arrival),
            Here::Nothing => self.appeared(false, reach, arrival),
        }
    }

    /// The same object, still there; what it held is known from before only.
    fn lived_on(&mut self, old: &Arc<State>, reach: Reach) {
        let sure = Arc::new(confirmed(old));
        self.emit(reach.from, reach.onwards, if reach.full { &sure } else { old }, Basis::Observed);
        self.emit(reach.onwards, reach.to, &sure, Basis::Assumed);
    }

    fn seen_again(&mut self, old: &Arc<State>, seen: &Arc<State>, reach: Reach, arrival: &Arrival<'_>) {
        let numbers = revision(old.resource_version.as_ref()).zip(revision(seen.resource_version.as_ref()));
        let relation = self.relation(old, seen);
        let same_number = numbers.is_some_and(|(a, b)| a == b);
        let written = arrival.written(self);
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
        let proven = old.surely || old.uid.is_some() && old.uid == seen.uid;
        match relation {
            Relation::Same if proven => {
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
                let between = if old.uid.is_some() && old.uid == seen.uid {
                    old.changed(&old.origin, why)
                } else {
                    State::blank(&old.origin, false, why)
                };
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

    /// Another life of the name is there, and the end of the old one was not logged.
    fn replaced(&mut self, old: &Arc<State>, reach: Reach, arrival: &Arrival<'_>) {
        let born = arrival.state.created;
        if reach.full || born.is_some_and(|b| b.plus_micros(SECOND) <= reach.onwards) {
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
        self.arrive(end, reach.to, arrival, true);
    }

    /// It existed when other evidence says it did not.
    fn denied(&mut self, reach: Reach, arrival: &Arrival<'_>) {
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
    fn appeared(&mut self, absent: bool, reach: Reach, arrival: &Arrival<'_>) {
        let new = &arrival.state;
        if let Some(born) = new.created {
            let second = born.plus_micros(SECOND);
            // Its creation lies where the log would show it, with a second to spare for the answer.
            let shown = self.kin.cover.full(born, second.plus_micros(SECOND));
            let missing = shown && !self.unnamed.created(&self.key.name, born);
            if missing && self.kin.kind.rbac.is_some() {
                let message = format!("{} was created at {born}, where the log shows no such creation", self.key);
                let finding = contradiction(Severity::Medium, "unlogged-object", message, born, [arrival.point.from(); 2]);
                self.findings.push(Finding { witnesses: vec![arrival.point.from().clone()], ..finding });
            }
            // As far as the log covers it was still absent.
            let covered = absent && !missing && reach.onwards > reach.from;
            let since = if covered { reach.onwards } else { reach.floor };
            return self.arrive(born.max(since), reach.to, arrival, !missing);
        }
        let doubted = Arc::new(State::blank(&new.origin, false, "when it was created is not known"));
        if absent && reach.full {
            let message = format!("{} is there at {}, and the log shows no creation after {}", self.key, reach.to, reach.from);
            self.report(arrival.point.from(), arrival.point, message, reach.to);
            return self.emit(reach.from, reach.to, &doubted, Basis::Unknown);
        }
        let since = if absent { reach.onwards } else { reach.from };
        let known = match arrival.seen {
            Some(_) if !absent => self.dawn.max(since).min(reach.to),
            _ => reach.backwards,
        };
        self.emit(since, known, &doubted, Basis::Unknown);
        self.arrive(known, reach.to, arrival, true);
    }

    /// The object from its creation (or from where else it is known to be there) to the end of the gap.
    fn arrive(&mut self, from: Timestamp, to: Timestamp, arrival: &Arrival<'_>, trusted: bool) {
        let new = &arrival.state;
        let reached = if trusted { self.kin.cover.backwards(to).max(from) } else { to };
        // Where the log shows no creation it was there already.
        let sure = new.created.map_or(from, |b| b.plus_micros(SECOND)).max(from).min(reached);
        let written = arrival.written(self);
        let covered = reached.max(sure);
        let missed = trusted && covered < to && later_write(written, covered);
        if missed {
            let message = format!("{} was changed at {}, where the log shows no such change", self.key, written.unwrap_or(to));
            self.report(arrival.point.from(), arrival.point, message, to);
        }
        let held = written.unwrap_or(covered).max(sure).min(to);
        let held = if missed || arrival.seen.is_none() { held } else { held.min(covered) };
        let changed = later_write(written, new.created.unwrap_or(Timestamp::MAX));
        let why = format!("it was changed before {held}, and what it was before is not known");
        let before = Arc::new(new.changed(&new.origin, why));
        // A log that missed the creation may have missed changes as well.
        let doubtful = changed || !trusted || missed;
        let early = if doubtful && held > sure { &before } else { new };
        self.emit(from, sure, &Arc::new(early.doubted("its creation is known to the second only")), Basis::Unknown);
        match arrival.seen {
            None => return self.emit(sure, to, new, Basis::Observed),
            Some(_) if changed => self.emit(sure, held, &before, Basis::Unknown),
            Some(_) => self.emit(sure, held, new, Basis::Assumed),
        }
        self.emit(held, to, new, Basis::Observed);
    }

    /// One resourceVersion with two contents.
    fn forged(&mut self, old: &Arc<State>, reach: Reach, arrival: &Arrival<'_>) {
        let message = format!("{} has different content at {} and in {} under one resourceVersion", self.key, reach.to, old.origin);
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

    fn report(&mut self, witness: &Provenance, point: &Point, message: String, at: Timestamp) {
        let finding = match point.mark {
            Mark::Seen(_) | Mark::Unseen(_) => (Severity::High, "snapshot-contradicts-log"),
            Mark::Act(_) | Mark::Swept { .. } => (Severity::Medium, "log-contradicts-itself"),
        };
        if self.kin.kind.rbac.is_some() {
            self.findings.push(contradiction(finding.0, finding.1, message, at, [witness, point.from()]));
        }
    }

    /// An object that is known to be there, and of which only its identity is known.
    fn unread(&self, life: &Life, point: &Point) -> Arc<State> {
        let why = format!("it existed before the evidence, and what it was before {} is not known", name_of(point));
        let mut state = State::blank(&origin_of(point), true, why);
        state.uid = life.uid.clone();
        state.created = life.created;
        state.what = What::Parts(Parts { role_ref: life.role_ref.clone(), ..Parts::default() });
        Arc::new(state)
    }
}

fn name_of(point: &Point) -> String {
    point.origin().map_or_else(|| "a snapshot".to_owned(), |o| o.to_string())
}

/// Where nothing tells what began a state, only the record that shows it can be named.
fn origin_of(point: &Point) -> Arc<Origin> {
    Arc::new(Origin { with: "unknown".to_owned(), at: point.lo, from: point.from().clone(), ..Origin::default() })
}

/// Whether the last write lies surely after `t`.
fn later_write(written: Option<Timestamp>, t: Timestamp) -> bool {
    written.is_some_and(|w| w.plus_micros(-SECOND) > t.plus_micros(SECOND))
}

/// Existence no longer in doubt.
fn confirmed(state: &State) -> State {
    let why = if matches!(state.what, What::Whole(_)) { None } else { state.why.clone() };
    State { surely: true, why, ..state.clone() }
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

fn with(life: &Life, facts: &Life) -> Life {
    if !life.may_be(facts.uid.as_ref(), facts.created) {
        return life.clone();
    }
    Life {
        uid: life.uid.clone().or_else(|| facts.uid.clone()),
        created: life.created.or(facts.created),
        role_ref: life.role_ref.clone().or_else(|| facts.role_ref.clone()),
    }
}

/// Adds what later evidence of the same life tells and cannot have changed. Without a log between the two, only
/// an equal uid shows that the life is the same.
fn fill_in(here: Here, facts: &Life, covered: bool) -> Here {
    let Here::Object(state) = &here else { return here };
    let same = covered || state.uid.is_some() && state.uid == facts.uid;
    if !same || !facts.may_be(state.uid.as_ref(), state.created) {
        return here;
    }
    let life = with(&state.life(), facts);
    let mut filled = State { uid: life.uid, created: life.created, ..State::clone(state) };
    if let What::Parts(parts) = &mut filled.what {
        parts.role_ref = life.role_ref;
    }
    Here::Object(Arc::new(filled))
}
