//! Walks all lines of one kind in one namespace forwards together, so that a request that deletes many can be
//! weighed against what was there at that moment.
//!
//! Only lines that are alive are looked at, and a deletion without selectors ends every line it looks at, so the
//! work is linear. Selectors may look at many and take none: that is bounded, and beyond the bound all is doubted.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::time::Timestamp;

use super::act::Deed;
use super::fold::{Kindred, Run};
use super::gather::{Bucket, Sweep};
use super::know::{Before, Here, Origin, State, What};
use super::line::{Line, Mark, Point};
use super::spaces::Ending;

/// Selectors are tried on objects at most this often for one kind and namespace.
const TRIALS: usize = 5_000_000;

/// A request that may have deleted many.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    /// It can have deleted from here on; what came to be after that may have escaped it.
    pub(super) begun: Timestamp,
    pub(super) when: Timestamp,
    pub(super) reach: Reaches,
    /// Until when objects in its reach may have existed that no evidence names; `None` when there can be none.
    pub(super) unseen_until: Option<Timestamp>,
    pub(super) origin: Arc<Origin>,
}

/// What a turn has in its reach.
#[derive(Clone, Debug)]
pub(super) enum Reaches {
    Selected(Box<Sweep>),
    /// All, surely.
    All,
    /// All, and what is still there when it comes was not there before: it is not in the response's list.
    Emptied,
    /// All, perhaps: a namespace is going, or went, without the log showing what became of what it held.
    Perhaps(&'static str),
}

/// The turns that concern a bucket, in order.
pub(super) fn turns(bucket: &Bucket, endings: &[Ending]) -> Vec<Turn> {
    let mut turns: Vec<Turn> = Vec::new();
    for sweep in &bucket.sweeps {
        let all = sweep.select.all() && sweep.open.is_none();
        let reach = match (all, sweep.listed) {
            (true, true) => Reaches::Emptied,
            (true, false) => Reaches::All,
            (false, _) => Reaches::Selected(Box::new(sweep.clone())),
        };
        let unseen_until = Some(sweep.when).filter(|_| sweep.select.only_name().is_none() && !sweep.listed);
        turns.push(Turn { begun: sweep.begun, when: sweep.when, reach, unseen_until, origin: Arc::clone(&sweep.origin) });
    }
    for ending in endings {
        end_of_space(&mut turns, ending, is_emptied(bucket, ending));
    }
    turns.sort_by(|a, b| (a.when, &a.origin.from).cmp(&(b.when, &b.origin.from)));
    turns
}

fn end_of_space(turns: &mut Vec<Turn>, ending: &Ending, emptied: bool) {
    let by_controller = ending.gone.as_ref().is_some_and(|(_, by_controller)| *by_controller);
    let sure = emptied || by_controller;
    // What is gone for sure is gone by then; anything else may last until a list shows that it does not.
    let until = ending.gone.as_ref().map(|(gone, _)| gone.when).filter(|_| sure).unwrap_or(Timestamp::MAX);
    if let Some(going) = ending.going.as_ref().filter(|_| !emptied) {
        turns.push(Turn {
            begun: going.begun,
            when: going.when,
            reach: Reaches::Perhaps("its namespace was being deleted"),
            unseen_until: Some(until),
            origin: Arc::clone(&going.origin),
        });
    }
    if let Some((gone, _)) = &ending.gone {
        let why = "its namespace was removed without the log showing that it was emptied";
        turns.push(Turn {
            begun: gone.when,
            when: gone.when,
            reach: if sure { Reaches::All } else { Reaches::Perhaps(why) },
            unseen_until: Some(until).filter(|_| ending.going.is_none()),
            origin: Arc::clone(&gone.origin),
        });
    }
}

/// Whether the log shows the controller (or anybody) empty the bucket while its namespace was going.
fn is_emptied(bucket: &Bucket, ending: &Ending) -> bool {
    let from = ending.going.as_ref().map_or(Timestamp::MIN, |g| g.begun);
    let to = ending.gone.as_ref().map_or(Timestamp::MAX, |(g, _)| g.when);
    ending.going.is_some() && bucket.emptied.iter().any(|t| from <= *t && *t <= to)
}

struct Walk<'a> {
    kin: Kindred<'a>,
    lines: Vec<Line>,
    runs: Vec<Run>,
    points: Vec<Vec<Point>>,
    /// Lines whose object exists or may exist, and those of them where it surely does.
    live: BTreeSet<usize>,
    sure: BTreeSet<usize>,
    /// The last time that all was surely deleted.
    cleared: Option<(Timestamp, Arc<Origin>)>,
    /// The last time that anything alive may have been deleted.
    blanket: Option<(Timestamp, Arc<Origin>)>,
    trials: usize,
}

/// Folds the lines, adding points where a turn changed something.
pub(super) fn fold(mut lines: Vec<Line>, turns: &[Turn], start: impl Fn(&Line) -> Run, kin: Kindred<'_>) -> Vec<Line> {
    let runs: Vec<Run> = lines.iter().map(start).collect();
    if turns.is_empty() {
        for (line, run) in lines.iter_mut().zip(runs) {
            refold(line, run, kin);
        }
        return lines;
    }
    let mut queue: Vec<(Timestamp, usize, Point)> = Vec::new();
    for (i, line) in lines.iter_mut().enumerate() {
        queue.extend(line.points.drain(..).map(|p| (p.lo, i, p)));
    }
    queue.sort_by_key(|(lo, i, _)| (*lo, *i));
    let points = lines.iter().map(|_| Vec::new()).collect();
    let (live, sure) = (BTreeSet::new(), BTreeSet::new());
    let mut walk = Walk { kin, lines, runs, points, live, sure, cleared: None, blanket: None, trials: TRIALS };
    let names = walk.names(turns);
    let mut turns = turns.iter().peekable();
    for (lo, line, point) in queue {
        while let Some(turn) = turns.next_if(|t| t.when < lo) {
            walk.turn(turn, &names);
        }
        walk.point(line, point);
    }
    turns.for_each(|turn| walk.turn(turn, &names));
    walk.finish()
}

/// Takes out deletions in doubt that later evidence of the same life proves not to have been carried out.
pub(super) fn acquit(line: &mut Line, run: Run, kin: Kindred<'_>) {
    let mut kept: Vec<Point> = Vec::with_capacity(line.points.len());
    let before = line.points.len();
    for (point, after) in line.points.drain(..).zip(&line.after).rev() {
        if !survived(&point, after, kept.last(), kin) {
            kept.push(point);
        }
    }
    kept.reverse();
    line.points = kept;
    if line.points.len() < before {
        refold(line, run, kin);
    }
}

fn survived(point: &Point, after: &Here, next: Option<&Point>, kin: Kindred<'_>) -> bool {
    let doubted = match &point.mark {
        Mark::Swept { .. } => true,
        Mark::Act(act) => act.open.is_some() && matches!(act.deed, Deed::Delete | Deed::Mark | Deed::Drop),
        Mark::Seen(_) | Mark::Unseen(_) => false,
    };
    let (Here::Object(state), Some(next), true) = (after, next, doubted) else { return false };
    let life = match next.before() {
        Before::Exists(life) => life,
        Before::Seen(seen) => seen.life(),
        Before::Nothing | Before::Perhaps | Before::Absent => return false,
    };
    let same = life.uid.is_some() && life.uid == state.uid;
    let newer = life.created.is_some_and(|c| c > point.hi);
    same || !newer && kin.cover.full(point.hi, next.lo) && life.may_be(state.uid.as_ref(), state.created)
}

/// Computes again what is known after each point of one line.
pub(super) fn refold(line: &mut Line, mut run: Run, kin: Kindred<'_>) {
    line.after.clear();
    for point in &line.points {
        run.advance(point, line.exact, kin);
        line.after.push(run.here.clone());
    }
}

impl Walk<'_> {
    fn names(&self, turns: &[Turn]) -> HashMap<String, usize> {
        let named = |t: &Turn| matches!(&t.reach, Reaches::Selected(s) if s.select.only_name().is_some());
        if !turns.iter().any(named) {
            return HashMap::new();
        }
        self.lines.iter().enumerate().map(|(i, l)| (l.key.name.clone(), i)).collect()
    }

    fn point(&mut self, i: usize, point: Point) {
        let first = self.points.get(i).is_some_and(Vec::is_empty);
        let nothing = self.runs.get(i).is_some_and(|r| matches!(r.here, Here::Nothing));
        if let Some((when, origin)) = self.cleared.clone().filter(|_| first && nothing) {
            let mark = Mark::Swept { before: Before::Nothing, after: Here::Absent(None), origin };
            self.put(i, Point { lo: when, hi: when, mark });
        }
        self.doubt_again(i);
        self.put(i, point);
    }

    /// A deletion of all, perhaps, passes over what is in doubt already; it counts when the next point comes.
    fn doubt_again(&mut self, i: usize) {
        let Some((when, origin)) = self.blanket.clone() else { return };
        let unsure = self.live.contains(&i) && !self.sure.contains(&i);
        if unsure && self.runs.get(i).is_some_and(|r| r.at < when) {
            self.extend(i, when, &origin);
        }
    }

    /// Notes that what is in doubt may also have been deleted by a later request.
    fn extend(&mut self, i: usize, when: Timestamp, origin: &Arc<Origin>) {
        let last = self.points.get_mut(i).and_then(|p| p.last_mut());
        let run = self.runs.get_mut(i);
        if let (Some(Point { hi, mark: Mark::Swept { .. }, .. }), Some(run)) = (last, run) {
            *hi = when;
            run.at = when;
            return;
        }
        let here = self.runs.get(i).map(|r| r.here.clone());
        let Some(after) = here else { return };
        let mark = Mark::Swept { before: Before::Nothing, after, origin: Arc::clone(origin) };
        self.put(i, Point { lo: when, hi: when, mark });
    }

    fn put(&mut self, i: usize, point: Point) {
        let (Some(line), Some(run), Some(points)) = (self.lines.get_mut(i), self.runs.get_mut(i), self.points.get_mut(i))
        else {
            return;
        };
        run.advance(&point, line.exact, self.kin);
        line.after.push(run.here.clone());
        points.push(point);
        let alive = run.here.object();
        keep(&mut self.live, i, alive.is_some());
        keep(&mut self.sure, i, alive.is_some_and(|s| s.surely));
    }

    fn turn(&mut self, turn: &Turn, names: &HashMap<String, usize>) {
        let lines: Vec<usize> = match &turn.reach {
            Reaches::All | Reaches::Emptied => {
                self.cleared = Some((turn.when, Arc::clone(&turn.origin)));
                self.live.iter().copied().collect()
            }
            Reaches::Perhaps(_) => self.blanket(turn),
            Reaches::Selected(sweep) => match sweep.select.only_name() {
                Some(name) => names.get(name).copied().into_iter().collect(),
                None if self.trials == 0 => self.blanket(turn),
                None => self.live.iter().copied().collect(),
            },
        };
        for i in lines {
            self.reach(i, turn);
        }
    }

    fn blanket(&mut self, turn: &Turn) -> Vec<usize> {
        self.blanket = Some((turn.when, Arc::clone(&turn.origin)));
        self.sure.iter().copied().collect()
    }

    fn reach(&mut self, i: usize, turn: &Turn) {
        let (Some(line), Some(run)) = (self.lines.get(i), self.runs.get(i)) else { return };
        let here = run.carried(turn.when, self.kin);
        let name = line.key.name.clone();
        let listed = matches!(turn.reach, Reaches::Emptied);
        let escaped = run.at >= turn.begun && (turn.begun < turn.when || listed);
        let verdict = self.verdict(&name, here.object(), turn).filter(|taken| !taken || !escaped);
        let (before, after) = match (verdict, here) {
            (Some(false), _) => return,
            (Some(true), Here::Object(_)) if matches!(turn.reach, Reaches::Emptied) => (Before::Absent, Here::Absent(None)),
            (Some(true), Here::Object(state)) => (Before::Nothing, taken(&state, turn)),
            (Some(true), Here::Nothing) => (Before::Perhaps, Here::Absent(None)),
            (None, Here::Object(state)) if state.surely => (Before::Nothing, doubted(&state, turn)),
            (None, Here::Object(_)) => return self.extend(i, turn.when, &turn.origin),
            (_, Here::Absent(_)) | (None, Here::Nothing) => return,
        };
        let origin = Arc::clone(&turn.origin);
        self.put(i, Point { lo: turn.when, hi: turn.when, mark: Mark::Swept { before, after, origin } });
    }

    /// Whether the turn took the object; nothing when that cannot be told.
    fn verdict(&mut self, name: &str, state: Option<&Arc<State>>, turn: &Turn) -> Option<bool> {
        match &turn.reach {
            Reaches::All | Reaches::Emptied => Some(true),
            Reaches::Perhaps(_) => None,
            Reaches::Selected(_) if self.trials == 0 => None,
            Reaches::Selected(sweep) => {
                self.trials = self.trials.saturating_sub(1);
                let labels = state.filter(|s| s.trusted()).and_then(|s| match &s.what {
                    What::Whole(body) => body.labels(),
                    What::Parts(_) => None,
                });
                sweep.select.takes(name, labels.as_ref()).filter(|taken| !taken || sweep.open.is_none())
            }
        }
    }

    fn finish(mut self) -> Vec<Line> {
        for i in 0..self.lines.len() {
            self.doubt_again(i);
        }
        for (line, points) in self.lines.iter_mut().zip(self.points) {
            line.points = points;
        }
        self.lines
    }
}

fn keep(set: &mut BTreeSet<usize>, i: usize, wanted: bool) {
    if wanted {
        set.insert(i);
    } else {
        set.remove(&i);
    }
}

/// Deleted; finalizers may still hold it, unless its namespace is gone.
fn taken(state: &Arc<State>, turn: &Turn) -> Here {
    if state.held_back == Some(true) && matches!(turn.reach, Reaches::Selected(_)) {
        return Here::Object(Arc::new(State { deleting: true, ..State::clone(state) }));
    }
    Here::Absent(Some(Arc::clone(state)))
}

fn doubted(state: &Arc<State>, turn: &Turn) -> Here {
    let why = match &turn.reach {
        Reaches::Perhaps(why) => format!("{}: {why}", turn.origin),
        Reaches::Selected(sweep) if sweep.open.is_some() => format!("{}: {}", turn.origin, sweep.open.unwrap_or_default()),
        _ => format!("{} may have taken it: its selectors cannot be weighed against what is known", turn.origin),
    };
    Here::Object(Arc::new(state.questioned(&turn.origin, why)))
}
