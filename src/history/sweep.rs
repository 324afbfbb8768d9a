//! Walks all lines of one kind in one namespace forwards together, so that a request that deletes many can be
//! weighed against what was there at that moment.
//!
//! Only lines that are alive are looked at, and a deletion without selectors ends every line it looks at, so the
//! work is linear. Selectors may look at many and take none: that is bounded, and beyond the bound all is doubted.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::time::Timestamp;

use super::fold::{CLOCKS_APART, Kindred, Run};
use super::know::{Before, Here, Origin, State, What};
use super::line::{Line, Mark, Point};
use super::turns::{Reaches, Turn};

/// Selectors are tried on objects at most this often for one kind and namespace.
const TRIALS: usize = 5_000_000;

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
        let older = |when: Timestamp| matches!(point.before(), Before::Seen(s) if s.created.is_some_and(|c| c < when));
        if let Some((when, origin)) = self.cleared.clone().filter(|(t, _)| first && nothing && !older(*t)) {
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
        let Some(run) = self.runs.get_mut(i) else { return };
        // Of what was created meanwhile under a name that the log does not show nothing else is known.
        let nameless = run.nameless(when, self.kin);
        if let (Some(Point { hi, mark: Mark::Swept { .. }, .. }), false) = (last, nameless) {
            *hi = when;
            run.at = when;
            return;
        }
        let after = match (run.here.object(), nameless) {
            (Some(state), true) => Here::Object(Arc::new(State::blank(origin, false, state.reason()))),
            _ => run.here.clone(),
        };
        let mark = Mark::Swept { before: Before::Nothing, after, origin: Arc::clone(origin) };
        self.put(i, Point { lo: when, hi: when, mark });
    }

    fn put(&mut self, i: usize, point: Point) {
        let (Some(line), Some(run), Some(points)) =
            (self.lines.get_mut(i), self.runs.get_mut(i), self.points.get_mut(i))
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
        // It is known to be there, and the list lacks it: within what clocks may differ it can have come after.
        let after = listed && here.object().is_some_and(|s| s.surely && s.trusted());
        let escaped = escaped || after && turn.when <= run.at.plus_micros(CLOCKS_APART);
        let verdict = self.verdict(&name, here.object(), turn).filter(|taken| !taken || !escaped);
        let (before, after) = match (verdict, here) {
            (Some(false), _) => return,
            (Some(true), Here::Object(_)) if matches!(turn.reach, Reaches::Emptied) => {
                (Before::Absent, Here::Absent(None))
            }
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
                sweep.select.takes(name, labels).filter(|taken| !taken || sweep.open.is_none())
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
        Reaches::Selected(sweep) if sweep.open.is_some() => {
            format!("{}: {}", turn.origin, sweep.open.unwrap_or_default())
        }
        _ => format!("{} may have taken it: its selectors cannot be weighed against what is known", turn.origin),
    };
    Here::Object(Arc::new(state.questioned(&turn.origin, why)))
}
