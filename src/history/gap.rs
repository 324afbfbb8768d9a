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

use super::body::SECOND;
use super::fold::Kindred;
use super::know::{Before, Here, Life, Origin, State, What};
use super::line::{Mark, Point, contradiction};
use super::parts::Parts;
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

/// Fills the gaps of one line.
pub(super) struct Gaps<'a> {
    pub(super) key: &'a ObjectKey,
    pub(super) kin: Kindred<'a>,
    /// The beginning of all evidence.
    pub(super) dawn: Timestamp,
    /// Set while the sighting at the end of a gap is known to be there only from some time on.
    pub(super) since: Option<Timestamp>,
    /// From when on what may be there may be another one, created under a name that the log does not show.
    pub(super) other: Option<Timestamp>,
    pub(super) spans: Vec<Span>,
    pub(super) findings: &'a mut Vec<Finding>,
}

/// The object that is there at the end of a gap.
pub(super) struct Arrival<'a> {
    pub(super) seen: Option<&'a Arc<State>>,
    pub(super) state: Arc<State>,
    pub(super) point: &'a Point,
}

impl Arrival<'_> {
    /// The end of the second in which RBAC's part was last written.
    pub(super) fn written(&self, gaps: &Gaps<'_>) -> Option<Timestamp> {
        match &self.seen?.what {
            What::Whole(body) => body.written_by(gaps.kin.kind.rbac?),
            What::Parts(_) => None,
        }
    }
}

/// One gap: its ends, how far the log covers from each, and whether it covers all.
#[derive(Clone, Copy)]
pub(super) struct Reach {
    /// Where the evidence for the beginning begins: earlier, when it took time to read.
    pub(super) floor: Timestamp,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Covered from the beginning up to here.
    pub(super) onwards: Timestamp,
    /// Covered from here to the end.
    pub(super) backwards: Timestamp,
    pub(super) full: bool,
    /// When it may last have been created under a name that the log does not show.
    pub(super) nameless: Option<Timestamp>,
}

impl Gaps<'_> {
    /// Fills the gap from `from`, where `before` was known, to `point` (or for ever).
    ///
    /// `floor` is where the evidence for `before` begins: earlier than `from` when it is a list that took time.
    /// `facts` is what later evidence tells of the life at the end of the gap.
    pub(super) fn fill(
        &mut self,
        before: &Here,
        floor: Timestamp,
        from: Timestamp,
        point: Option<&Point>,
        facts: &Life,
    ) {
        let to = point.map_or(Timestamp::MAX, |p| p.lo);
        let mut reach = self.reach(floor, from, point, to);
        // Where it may not have been there, it may have been created under a name that the log does not show.
        let until = point.map_or(Timestamp::MAX, |p| p.hi);
        let nameless = self.kin.births.between(&self.key.name, floor, until);
        self.other = self.kin.births.first(&self.key.name, floor, until).filter(|_| !before.surely());
        let lasted = |last: &Timestamp| before.surely() && (reach.full || *last <= reach.onwards);
        if let Some(last) = nameless.filter(|last| !lasted(last)) {
            let onwards = if before.surely() { reach.onwards } else { reach.from };
            let backwards = reach.backwards.max(last).min(reach.to);
            reach = Reach { full: false, onwards, backwards, nameless: Some(last), ..reach };
        }
        let claim = point.map_or(Before::Nothing, Point::before);
        let here = revived(before, &claim, from, reach.full).unwrap_or_else(|| before.clone());
        let here = fill_in(here, facts, reach.full);
        let done = self.spans.len();
        self.since = None;
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

    /// The stretch in which a sighting was made counts as seen, unless the log covers some of it and not all: then a
    /// part is better known than the rest.
    pub(super) fn window(&mut self, state: &Arc<State>, from: Timestamp, to: Timestamp) {
        let cover = self.kin.cover;
        let seen = from >= to || cover.full(from, to) || !cover.touches(from, to);
        let since = self.since.take().unwrap_or(from).max(from).min(to);
        self.emit(from, since, &Arc::new(state.doubted("when it was created is not known")), Basis::Unknown);
        self.emit(since, to, state, if seen { Basis::Observed } else { Basis::Assumed });
    }

    /// Evidence that took time to read is only as good as the log of that time: at its ends it says nothing firm.
    fn reach(&self, floor: Timestamp, from: Timestamp, point: Option<&Point>, to: Timestamp) -> Reach {
        let cover = self.kin.cover;
        let firm = floor >= from || cover.full(floor, from);
        let firm_end = point.is_none_or(|p| p.is_firm(cover));
        let full = firm && firm_end && cover.full(from, to);
        let onwards = if firm { cover.onwards(from).min(to) } else { from };
        let backwards =
            if firm_end && to < Timestamp::MAX { cover.backwards(to).max(if firm { from } else { floor }) } else { to };
        Reach { floor, from, to, onwards, backwards, full, nameless: None }
    }

    pub(super) fn emit(&mut self, from: Timestamp, to: Timestamp, state: &Arc<State>, at_best: Basis) {
        if from >= to {
            return;
        }
        if let Some(other) = self.other.filter(|other| !state.surely && *other < to) {
            let other = other.max(from);
            self.span(from, other, state, at_best);
            let blank = Arc::new(State::blank(&state.origin, false, state.reason()));
            return self.span(other, to, &blank, at_best);
        }
        self.span(from, to, state, at_best);
    }

    fn span(&mut self, from: Timestamp, to: Timestamp, state: &Arc<State>, at_best: Basis) {
        if from >= to {
            return;
        }
        let basis = if state.settled(self.kin.kind.rbac) { state.basis.weakest(at_best) } else { Basis::Unknown };
        self.spans.push(Span { from, to, state: Arc::clone(state), basis, ended: None });
    }

    fn keep(&mut self, state: &Arc<State>, reach: Reach) {
        self.emit(reach.from, reach.onwards, state, Basis::Observed);
        self.suppose(state, reach);
    }

    /// Where the log does not reach from the beginning on, a known state is assumed to have lasted. What is known in
    /// part only cannot be marked so: once the log sets in again, where absence is known, nothing is left of it,
    /// because another object may stand in its place.
    fn suppose(&mut self, state: &Arc<State>, reach: Reach) {
        if state.settled(self.kin.kind.rbac) {
            return self.emit(reach.onwards, reach.to, state, Basis::Assumed);
        }
        let again = reach.backwards.max(reach.onwards);
        self.emit(reach.onwards, again, state, Basis::Assumed);
        let why = format!("{}, and the log does not cover what became of it before {again}", state.reason());
        self.emit(again, reach.to, &Arc::new(State::blank(&state.origin, false, why)), Basis::Unknown);
    }

    /// It was there, and then it was not, with no deletion between.
    fn vanished(&mut self, state: &Arc<State>, reach: Reach, point: &Point) {
        if !reach.full {
            self.emit(reach.from, reach.onwards, state, Basis::Observed);
            let why = format!("it was gone by {}, and the log does not cover when it went", reach.to);
            // A list takes its time; without a log the object may have gone while it was being read.
            let listed = matches!(point.mark, Mark::Unseen(_)) && !point.is_firm(self.kin.cover);
            let gone = if listed { point.hi } else { reach.backwards };
            self.emit(reach.onwards, gone.min(reach.to), &Arc::new(state.doubted(why.clone())), Basis::Unknown);
            // While the list was being read another may have taken its place for a while.
            let other = State::blank(&state.origin, false, why);
            self.emit(reach.to, gone, &Arc::new(other), Basis::Unknown);
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

    /// It may have been there: then a request changed it, or took it away.
    fn perhaps(&mut self, here: &Here, reach: Reach, point: &Point) {
        let from = if matches!(here, Here::Nothing) { reach.from } else { reach.onwards };
        let why = format!("it may have existed before {}", name_of(point));
        let state = Arc::new(State::blank(&origin_of(point), false, why));
        self.emit(from, reach.to, &state, Basis::Unknown);
    }

    fn meets(&mut self, here: &Here, reach: Reach, arrival: &Arrival<'_>) {
        let new = &arrival.state;
        match here {
            Here::Object(old) => {
                let newer = old.created.is_none() && old.uid.is_none() && new.created.is_some_and(|c| c > reach.from);
                if newer || !new.may_be(old.uid.as_ref(), old.created) {
                    self.replaced(old, reach, arrival);
                } else if let Some(seen) = arrival.seen {
                    self.seen_again(old, seen, reach, arrival);
                } else {
                    self.lived_on(old, new, reach);
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
    fn lived_on(&mut self, old: &Arc<State>, new: &State, reach: Reach) {
        let sure = Arc::new(confirmed(old));
        self.emit(reach.from, reach.onwards, if reach.full { &sure } else { old }, Basis::Observed);
        if old.uid.is_some() && old.uid == new.uid {
            self.emit(reach.onwards, reach.to, &sure, Basis::Assumed);
        } else {
            self.suppose(&sure, reach);
        }
    }

    pub(super) fn report(&mut self, witness: &Provenance, point: &Point, message: String, at: Timestamp) {
        let finding = match point.mark {
            Mark::Seen(_) | Mark::Unseen(_) => (Severity::High, "snapshot-contradicts-log"),
            Mark::Act(_) | Mark::Swept { .. } => (Severity::Medium, "log-contradicts-itself"),
        };
        if self.kin.kind.rbac.is_some() {
            self.findings.push(contradiction(finding.0, finding.1, message, at, [witness, point.from()]));
        }
    }
}

pub(super) fn name_of(point: &Point) -> String {
    point.origin().map_or_else(|| "a snapshot".to_owned(), |o| o.to_string())
}

/// Where nothing tells what began a state, only the record that shows it can be named.
pub(super) fn origin_of(point: &Point) -> Arc<Origin> {
    Arc::new(Origin { with: "unknown".to_owned(), at: point.lo, from: point.from().clone(), ..Origin::default() })
}

/// Whether the last write lies surely after `t`.
pub(super) fn later_write(written: Option<Timestamp>, t: Timestamp) -> bool {
    written.is_some_and(|w| w.plus_micros(-SECOND) > t.plus_micros(SECOND))
}

/// Existence no longer in doubt.
fn confirmed(state: &State) -> State {
    let why = if matches!(state.what, What::Whole(_)) { None } else { state.why.clone() };
    State { surely: true, why, ..state.clone() }
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
    let lacking = |parts: &Parts| parts.role_ref.is_none() && facts.role_ref.is_some();
    let lacks = matches!(&state.what, What::Parts(parts) if lacking(parts));
    if state.uid.is_some() && state.created.is_some() && !lacks {
        return here;
    }
    let mut filled = State::clone(state);
    filled.uid = filled.uid.or_else(|| facts.uid.clone());
    filled.created = filled.created.or(facts.created);
    if let What::Parts(parts) = &mut filled.what {
        parts.role_ref = parts.role_ref.take().or_else(|| facts.role_ref.clone());
    }
    Here::Object(Arc::new(filled))
}
