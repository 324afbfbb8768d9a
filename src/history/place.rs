//! Puts sightings between the changes of an object.
//!
//! A resourceVersion gives a sighting its place whatever the clocks say. Without one, time does; and a change that
//! happened while the snapshot was being taken may or may not be in it. Then the place must follow from what is
//! known on either side; where it does not, the sighting is left out: it would be true of one side only.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::finding::{Finding, Severity};
use crate::model::object::ObjectKey;
use crate::model::time::Timestamp;

use super::act::Act;
use super::fold::{Kindred, Run};
use super::know::{Before, Here, State, What, revision};
use super::line::{Mark, Point, contradiction};

/// More changes than this inside one snapshot's window are not tried out.
const TRIED: usize = 64;

/// One sighting, ready to be placed.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) state: Arc<State>,
}

/// Drops repeated sightings; those that show different content under one resourceVersion are not believed.
pub(super) fn settle(seen: &mut Vec<Sight>, key: &ObjectKey, kin: Kindred<'_>, findings: &mut Vec<Finding>) {
    by_time(seen);
    seen.dedup_by(|b, a| (a.from, a.to) == (b.from, b.to) && same_text(&a.state, &b.state));
    let mut first: HashMap<(Arc<str>, Arc<str>), Arc<State>> = HashMap::new();
    for sight in seen {
        let (Some(uid), Some(version)) = (&sight.state.uid, &sight.state.resource_version) else { continue };
        let known = first.entry((Arc::clone(uid), Arc::clone(version))).or_insert_with(|| Arc::clone(&sight.state));
        if kin.kind.rbac.is_some() && disagree(known, &sight.state, kin) {
            let message = format!("two snapshots show {key} with resourceVersion {version} and different content");
            let witnesses = [&known.origin.from, &sight.state.origin.from];
            findings.push(contradiction(Severity::High, "snapshots-disagree", message.clone(), sight.from, witnesses));
            sight.state = Arc::new(sight.state.changed(&sight.state.origin, message));
        }
    }
}

fn by_time(seen: &mut [Sight]) {
    let number = |s: &Sight| revision(s.state.resource_version.as_ref());
    seen.sort_by(|a, b| {
        (a.from, a.to, number(a), &a.state.origin.from).cmp(&(b.from, b.to, number(b), &b.state.origin.from))
    });
}

fn same_text(a: &State, b: &State) -> bool {
    matches!((&a.what, &b.what), (What::Whole(a), What::Whole(b)) if a.text == b.text)
}

fn disagree(a: &State, b: &State, kin: Kindred<'_>) -> bool {
    matches!((&a.what, &b.what), (What::Whole(a), What::Whole(b)) if !a.agrees(b, kin.kind.rbac))
}

/// The points of one object: its changes in order, with its sightings in between.
pub(super) fn weave(
    acts: Vec<Act>,
    seen: Vec<Sight>,
    exact: bool,
    start: &Run,
    key: &ObjectKey,
    kin: Kindred<'_>,
    findings: &mut Vec<Finding>,
) -> Vec<Point> {
    let numbers: Vec<(u64, usize)> = acts.iter().enumerate().filter_map(|(i, a)| Some((a.revision?, i))).collect();
    let mut placed: Vec<Vec<Sight>> = Vec::new();
    placed.resize_with(acts.len().saturating_add(1), Vec::new);
    let mut open: Vec<(usize, usize, Sight)> = Vec::new();
    for sight in seen {
        let Some((lo, hi)) = range(&sight, &acts, &numbers, key, findings) else { continue };
        match placed.get_mut(lo) {
            Some(place) if lo == hi => place.push(sight),
            _ => open.push((lo, hi, sight)),
        }
    }
    let points: Vec<Point> = acts.into_iter().map(Point::act).collect();
    if !open.is_empty() {
        try_places(&points, open, &mut placed, exact, start, kin);
        placed.iter_mut().for_each(|place| by_time(place));
    }
    thread(points, placed)
}

/// The places where a sighting can stand: before the change of the index given, from the first to the last.
/// Nothing when there are too many to try.
fn range(
    sight: &Sight,
    acts: &[Act],
    numbers: &[(u64, usize)],
    key: &ObjectKey,
    findings: &mut Vec<Finding>,
) -> Option<(usize, usize)> {
    let lo = acts.partition_point(|a| a.when <= sight.from);
    let within = acts.iter().skip(lo).take(TRIED.saturating_add(1)).take_while(|a| a.begun <= sight.to).count();
    let hi = lo.saturating_add(within);
    let (mut first, mut last) = (0, acts.len());
    if let Some(number) = revision(sight.state.resource_version.as_ref()) {
        let place = numbers.partition_point(|(n, _)| *n <= number);
        first = place.checked_sub(1).and_then(|p| numbers.get(p)).map_or(0, |(_, i)| i.saturating_add(1));
        last = numbers.get(place).map_or(acts.len(), |(_, i)| *i);
    }
    let (after, before) = (first.checked_sub(1).filter(|_| hi < first), Some(last).filter(|_| lo > last));
    if let Some(act) = after.or(before).and_then(|i| acts.get(i)) {
        let message = format!(
            "the snapshot of {key} and {} stand in another order by resourceVersion than by time: \
             the clocks differ, or the snapshot is older than it says",
            act.origin
        );
        let witnesses = [&sight.state.origin.from, &act.origin.from];
        findings.push(contradiction(Severity::Low, "clock-skew", message, sight.from, witnesses));
    }
    let range = (lo.max(first).min(last), hi.max(first).min(last));
    (range.1.saturating_sub(range.0) <= TRIED).then_some(range)
}

/// Decides between several places by what is known at each.
fn try_places(
    points: &[Point],
    open: Vec<(usize, usize, Sight)>,
    placed: &mut [Vec<Sight>],
    exact: bool,
    start: &Run,
    kin: Kindred<'_>,
) {
    let mut run = start.clone();
    let mut done = 0;
    let mut open = open;
    open.sort_by_key(|(lo, hi, s)| (*lo, *hi, s.from));
    for (lo, hi, sight) in open {
        while done < lo {
            for sight in placed.get(done).into_iter().flatten() {
                run.pass(&point(sight, sight.from, sight.to), exact, kin);
            }
            if let Some(next) = points.get(done) {
                run.pass(next, exact, kin);
            }
            done = done.saturating_add(1);
        }
        if let Some(place) = choose(points, lo, hi, &sight, run.clone(), exact, kin)
            && let Some(place) = placed.get_mut(place)
        {
            place.push(sight);
        }
    }
}

/// The only place that a sighting can have; the last, when it contradicts all of them. Where it fits several it
/// is true of one of them only, identity and resourceVersion at least, and is left out.
fn choose(
    points: &[Point],
    lo: usize,
    hi: usize,
    sight: &Sight,
    mut run: Run,
    exact: bool,
    kin: Kindred<'_>,
) -> Option<usize> {
    let mut fits: Vec<usize> = Vec::new();
    for place in lo..=hi {
        // What comes after the window says nothing: a deletion of many may lie between.
        if fits_in(&run, points.get(place).filter(|_| place < hi), sight, kin) {
            fits.push(place);
        }
        if let Some(next) = points.get(place) {
            run.pass(next, exact, kin);
        }
    }
    match fits.as_slice() {
        [] => Some(hi),
        [only] => Some(*only),
        _ => None,
    }
}

/// Whether a sighting can stand between what is known and the next change inside its window.
fn fits_in(run: &Run, next: Option<&Point>, sight: &Sight, kin: Kindred<'_>) -> bool {
    let seen = &sight.state;
    let from = sight.from.max(run.at);
    // What the next change says of the instant before it holds for the snapshot where nothing else lies between.
    let silent = |n: &&Point| kin.cover.full(from, n.lo) && !run.disturbed(n.lo, kin);
    let follows = match next.filter(silent).map(Point::before) {
        Some(Before::Absent) => false,
        Some(Before::Exists(life)) => life.may_be(seen.uid.as_ref(), seen.created),
        Some(Before::Seen(state)) => state.may_be(seen.uid.as_ref(), seen.created),
        Some(Before::Nothing | Before::Perhaps) | None => true,
    };
    // Up to the next change, or the end of the window, the snapshot may have read it.
    let until = next.map_or(sight.to, |n| n.lo.min(sight.to));
    // Without a log anything may have happened in between; deletions of many are weighed later.
    let covered = run.covers(from, kin) && !run.nameless(until, kin);
    if !follows || !covered || run.disturbed(sight.to, kin) {
        return follows;
    }
    match &run.here {
        Here::Absent(None) => false,
        Here::Nothing | Here::Absent(Some(_)) => true,
        Here::Object(state) => {
            let same = state.may_be(seen.uid.as_ref(), seen.created);
            let numbers = revision(state.resource_version.as_ref()).zip(revision(seen.resource_version.as_ref()));
            let known = state.trusted() && state.settled(kin.kind.rbac) && matches!(state.what, What::Whole(_));
            same && numbers.is_none_or(|(a, b)| a == b) && !(known && disagree(state, seen, kin))
        }
    }
}

fn point(sight: &Sight, lo: Timestamp, hi: Timestamp) -> Point {
    Point { lo, hi, mark: Mark::Seen(Arc::clone(&sight.state)) }
}

/// Puts changes and placed sightings on one line; windows are cut where a neighbour stands.
fn thread(points: Vec<Point>, placed: Vec<Vec<Sight>>) -> Vec<Point> {
    let mut line: Vec<Point> = Vec::with_capacity(points.len());
    let mut changes = points.into_iter().peekable();
    let mut floor = Timestamp::MIN;
    for sights in placed {
        let ceiling = changes.peek().map_or(Timestamp::MAX, |next| next.lo);
        for sight in sights {
            let lo = sight.from.max(floor).min(ceiling);
            let hi = sight.to.min(ceiling).max(lo);
            floor = hi;
            line.push(point(&sight, lo, hi));
        }
        if let Some(change) = changes.next() {
            floor = change.hi;
            line.push(change);
        }
    }
    line
}
