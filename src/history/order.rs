//! The order in which the changes of one object happened.
//!
//! Records come from several API servers whose clocks differ. Where an object's resourceVersions tell the order,
//! they win; time decides the rest, and boundaries are clamped so that they never run backwards.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::finding::{Finding, Severity};
use crate::model::object::{ObjectKey, Provenance};
use crate::model::time::Timestamp;

use super::act::{Act, Deed};
use super::line::contradiction;

/// Sorts changes, and tells whether their order is exact: every change has an identity and, unless it is a
/// delete, a resourceVersion, so that clocks play no part.
pub(super) fn sort(acts: &mut [Act]) -> bool {
    acts.sort_by(|a, b| (a.when, a.begun, &a.origin.from).cmp(&(b.when, b.begun, &b.origin.from)));
    let exact = acts.iter().all(|a| a.uid.is_some() && (a.revision.is_some() || ends(a))) && by_life(acts);
    if !exact {
        within_slots(acts);
    }
    exact
}

fn ends(act: &Act) -> bool {
    matches!(act.deed, Deed::Delete | Deed::Mark | Deed::Drop)
}

/// The numbered changes of one life: by time, each with the highest number up to there.
type Numbered = Vec<(Timestamp, u64)>;

/// One life after the other, each in order of its resourceVersions, a delete last. A delete that may have left
/// the object there stands where time puts it within its life. False, and nothing done, when a life has no number.
fn by_life(acts: &mut [Act]) -> bool {
    let mut lives: HashMap<Arc<str>, (u64, Numbered)> = HashMap::new();
    for act in acts.iter() {
        let (Some(uid), Some(revision)) = (&act.uid, act.revision) else { continue };
        let (first, numbered) = lives.entry(Arc::clone(uid)).or_insert((revision, Vec::new()));
        *first = revision.min(*first);
        let highest = numbered.last().map_or(revision, |(_, r)| revision.max(*r));
        numbered.push((act.when, highest));
    }
    let life = |act: &Act| act.uid.as_ref().and_then(|u| lives.get(u));
    if acts.iter().any(|a| life(a).is_none()) {
        return false;
    }
    acts.sort_by_cached_key(|a| {
        let (first, numbered) = life(a).map_or((0, None), |(first, numbered)| (*first, Some(numbered)));
        let number = match (a.revision, a.deed) {
            (Some(revision), _) => revision,
            (None, Deed::Delete) => u64::MAX,
            (None, _) => number_at(numbered, a.when).max(first),
        };
        (first, number, a.revision.is_none(), a.when)
    });
    true
}

fn number_at(numbered: Option<&Numbered>, when: Timestamp) -> u64 {
    let Some(numbered) = numbered else { return 0 };
    let before = numbered.partition_point(|(t, _)| *t <= when);
    before.checked_sub(1).and_then(|i| numbered.get(i)).map_or(0, |(_, r)| *r)
}

/// Those with a resourceVersion take, among the places that such changes hold, the ones their numbers give.
fn within_slots(acts: &mut [Act]) {
    let slots: Vec<usize> = acts.iter().enumerate().filter(|(_, a)| a.revision.is_some()).map(|(i, _)| i).collect();
    let mut numbered: Vec<Act> = slots.iter().filter_map(|i| acts.get(*i).cloned()).collect();
    if numbered.is_sorted_by_key(|a| a.revision) {
        return;
    }
    numbered.sort_by_key(|a| a.revision);
    for (slot, act) in slots.into_iter().zip(numbered) {
        if let Some(place) = acts.get_mut(slot) {
            *place = act;
        }
    }
}

/// Makes times run forwards in the order given, and reports the worst place where they did not.
pub(super) fn clamp(acts: &mut [Act], key: &ObjectKey) -> Option<Finding> {
    let mut worst: Option<(i64, Finding)> = None;
    let mut latest = Timestamp::MIN;
    let mut from = None;
    for act in acts {
        if act.when < latest {
            let skew = latest.as_micros().saturating_sub(act.when.as_micros());
            if let Some(before) = &from
                && worst.as_ref().is_none_or(|(w, _)| *w < skew)
            {
                worst = Some((skew, skewed(key, skew, act, before)));
            }
            act.when = latest;
        } else {
            latest = act.when;
            from = Some(act.origin.from.clone());
        }
    }
    worst.map(|(_, finding)| finding)
}

fn skewed(key: &ObjectKey, skew: i64, act: &Act, before: &Provenance) -> Finding {
    let message = format!(
        "changes of {key} carry times against their order by resourceVersion, by up to {skew} µs: \
         the clocks of the API servers differ; order of events closer than that is not certain"
    );
    contradiction(Severity::Low, "clock-skew", message, act.when, [before, &act.origin.from])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::super::evidence::Change;
    use super::super::request::fold;
    use super::*;

    /// A change at a time, of a uid and with a resulting resourceVersion (0: none).
    fn act(verb: &str, when: i64, uid: &str, revision: u64) -> Act {
        let change = Change {
            audit_id: format!("{verb}-{when}"),
            verb: verb.into(),
            code: Some(200),
            staged: Timestamp::from_micros(when),
            uid: Some(uid.to_owned()).filter(|u| !u.is_empty()),
            response_body: (verb == "delete").then(|| Arc::from(r#"{"kind":"Status","status":"Success"}"#)),
            ..Change::default()
        };
        let request = fold(std::slice::from_ref(&change)).pop().unwrap();
        let origin = super::super::act::origin(request.change);
        let mut act = Act::new(&request, "Role", &origin);
        act.revision = Some(revision).filter(|r| *r > 0);
        act
    }

    fn order(acts: &mut [Act]) -> (bool, Vec<String>) {
        let exact = sort(acts);
        (exact, acts.iter().map(|a| a.origin.audit_id.clone().unwrap()).collect())
    }

    #[test]
    fn lives_follow_each_other_whatever_the_clocks_say() {
        let mut acts =
            [act("update", 5, "b", 9), act("delete", 1, "a", 0), act("create", 3, "a", 4), act("create", 2, "b", 7)];
        assert_eq!(order(&mut acts), (true, ["create-3", "delete-1", "create-2", "update-5"].map(String::from).into()));
        let key = ObjectKey::default();
        let finding = clamp(&mut acts, &key).unwrap();
        assert_eq!((finding.code, finding.witnesses.len()), ("clock-skew", 2));
        assert!(acts.is_sorted_by_key(|a| a.when));
    }

    #[test]
    fn without_identity_numbers_order_only_what_has_them() {
        let mut acts = [act("update", 1, "", 8), act("delete", 2, "", 0), act("update", 3, "", 6)];
        assert_eq!(order(&mut acts), (false, ["update-3", "delete-2", "update-1"].map(String::from).into()));
    }

    #[test]
    fn a_deletion_of_an_unknown_life_stays_where_time_puts_it() {
        let mut acts = [act("create", 4, "b", 7), act("delete", 1, "a", 0)];
        assert_eq!(order(&mut acts), (false, ["delete-1", "create-4"].map(String::from).into()));
    }
}
