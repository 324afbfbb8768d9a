//! Deletions in doubt that turn out not to have happened.

use super::act::Deed;
use super::fold::{Kindred, Run};
use super::know::{Before, Here};
use super::line::{Line, Mark, Point};
use super::sweep::refold;

/// Takes out deletions in doubt that later evidence of the same life proves not to have been carried out.
pub(super) fn acquit(line: &mut Line, run: Run, kin: Kindred<'_>) {
    let mut kept: Vec<Point> = Vec::with_capacity(line.points.len());
    let before = line.points.len();
    for (point, after) in line.points.drain(..).zip(&line.after).rev() {
        if !survived(&line.key.name, &point, after, kept.last(), kin) {
            kept.push(point);
        }
    }
    kept.reverse();
    line.points = kept;
    if line.points.len() < before {
        refold(line, run, kin);
    }
}

fn survived(name: &str, point: &Point, after: &Here, next: Option<&Point>, kin: Kindred<'_>) -> bool {
    let doubted = match &point.mark {
        Mark::Swept { .. } => true,
        Mark::Act(act) => act.open.is_some() && matches!(act.deed, Deed::Delete | Deed::Mark | Deed::Drop),
        Mark::Seen(_) | Mark::Unseen(_) => false,
    };
    let (Here::Object(state), Some(next), true) = (after, next, doubted) else { return false };
    let (uid, created) = match next.before() {
        Before::Exists(life) => (life.uid, life.created),
        Before::Seen(seen) => (seen.uid.clone(), seen.created),
        Before::Nothing | Before::Perhaps | Before::Absent => return false,
    };
    let same = uid.is_some() && uid == state.uid;
    let newer = created.is_some_and(|c| c > point.hi);
    let covered = kin.cover.full(point.hi, next.lo) && kin.births.between(name, point.hi, next.hi).is_none();
    same || !newer && covered && state.may_be(uid.as_ref(), created)
}
