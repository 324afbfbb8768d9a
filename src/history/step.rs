//! One change applied to what was known before it.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::rbac::RbacKind;
use crate::model::time::Timestamp;

use super::act::{Act, Deed};
use super::body::Body;
use super::know::{Before, Here, Origin, State, What};
use super::patching;

/// The kind of the objects in hand.
#[derive(Clone, Debug)]
pub(super) struct KindOf {
    pub(super) group: Arc<str>,
    pub(super) kind: Arc<str>,
    /// Set when it is one of the four RBAC kinds.
    pub(super) rbac: Option<RbacKind>,
}

/// What is known right after an act, given what was known right before it.
pub(super) fn step(before: &Here, act: &Act, kind: &KindOf) -> Here {
    if let Some(why) = act.open {
        return perhaps(before, act, why);
    }
    match act.deed {
        Deed::Delete | Deed::Mark | Deed::Drop => delete(before, act),
        Deed::Create | Deed::Change | Deed::Write => write(before, act, kind),
    }
}

/// What was there before and goes on living: the same object, by all that is known.
fn base<'a>(before: &'a Here, act: &Act) -> Option<&'a Arc<State>> {
    let state = before.object().filter(|_| act.deed != Deed::Create)?;
    state.may_be(act.uid.as_ref(), act.created).then_some(state)
}

/// The base, when it is surely the same object: over a stretch without a log it may have been another one.
fn same<'a>(base: Option<&'a Arc<State>>, act: &Act) -> Option<&'a Arc<State>> {
    base.filter(|b| b.trusted() || act.uid.is_some() && act.uid == b.uid)
}

fn write(before: &Here, act: &Act, kind: &KindOf) -> Here {
    let base = base(before, act);
    let same = same(base, act);
    let mut state = content(base, act, kind);
    state.surely = true;
    state.uid = act.uid.clone().or_else(|| same.and_then(|b| b.uid.clone()));
    state.created = act.created.or_else(|| same.and_then(|b| b.created));
    state.deleting = act.deed != Deed::Create && (state.deleting || same.is_some_and(|b| b.deleting));
    if let What::Whole(body) = &state.what {
        state.held_back = Some(body.held_back);
    }
    state.resource_version = act.shown.as_ref().and_then(|b| b.resource_version.clone()).or_else(|| revision(act));
    // The last finalizer is gone: the object goes with it.
    if state.deleting && state.held_back == Some(false) { Here::Absent(None) } else { Here::Object(Arc::new(state)) }
}

fn revision(act: &Act) -> Option<Arc<str>> {
    act.revision.map(|r| Arc::from(r.to_string()))
}

fn content(base: Option<&Arc<State>>, act: &Act, kind: &KindOf) -> State {
    if let Some(body) = &act.shown {
        return State::whole(body, &act.origin);
    }
    if let Some(body) = &act.asked {
        // For RBAC a request says all that is read later. Other kinds are filled in by the server.
        let basis = if kind.rbac.is_some() { Basis::Observed } else { Basis::Derived };
        return State { resource_version: None, ..State::whole(body, &act.origin) }.at_best(basis);
    }
    if let Some(patch) = &act.patch {
        return patching::patched(base, same(base, act), patch, act, kind);
    }
    if let Some(body) = &act.recomputed {
        return State::whole(body, &act.origin).at_best(Basis::Assumed);
    }
    let why = format!("{} left no body in the log", act.origin);
    unreadable(same(base, act), &act.origin, why)
}

/// A change of which only the fact is known.
pub(super) fn unreadable(base: Option<&Arc<State>>, origin: &Arc<Origin>, why: String) -> State {
    match base {
        Some(state) => state.changed(origin, why),
        None => State::blank(origin, true, why),
    }
}

fn delete(before: &Here, act: &Act) -> Here {
    let base = base(before, act);
    let held = same(base, act).and_then(|b| b.held_back);
    match (act.deed, held) {
        (Deed::Mark, _) | (Deed::Drop, Some(true)) => Here::Object(Arc::new(marked(base, act))),
        (Deed::Delete, _) => Here::Absent(None),
        _ => Here::Absent(base.cloned()),
    }
}

/// Deletion was asked for; finalizers hold the object.
fn marked(base: Option<&Arc<State>>, act: &Act) -> State {
    let mut state = match (base, &act.shown) {
        (_, Some(body)) => State::whole(body, &act.origin),
        (Some(base), None) => State { origin: Arc::clone(&act.origin), ..State::clone(base) },
        (None, None) => State::blank(&act.origin, true, format!("{} left no body in the log", act.origin)),
    };
    if same(base, act).is_none() {
        state.uid = act.uid.clone();
        state.created = act.created;
    }
    state.deleting = true;
    state.held_back = Some(true);
    state
}

/// A request that may or may not have been carried out.
fn perhaps(before: &Here, act: &Act, why: &str) -> Here {
    let why: Arc<str> = Arc::from(format!("{}: {why}", act.origin));
    match (act.deed, before) {
        // It cannot have succeeded, or there was nothing to delete.
        (Deed::Create, Here::Object(state)) if state.surely => before.clone(),
        (Deed::Delete | Deed::Mark | Deed::Drop, Here::Absent(_)) => before.clone(),
        (Deed::Delete | Deed::Mark | Deed::Drop, Here::Object(state)) => {
            Here::Object(Arc::new(state.questioned(&act.origin, why)))
        }
        (Deed::Change | Deed::Write, Here::Object(state)) if state.surely && state.trusted() => {
            Here::Object(Arc::new(state.changed(&act.origin, why)))
        }
        (Deed::Create, Here::Absent(None)) => Here::Object(Arc::new(asked_for(act.asked.as_ref(), act, &why))),
        _ => Here::Object(Arc::new(State::blank(&act.origin, false, why))),
    }
}

fn asked_for(asked: Option<&Arc<Body>>, act: &Act, why: &Arc<str>) -> State {
    match asked {
        Some(body) => {
            State { resource_version: None, uid: None, ..State::whole(body, &act.origin) }.doubted(Arc::clone(why))
        }
        None => State::blank(&act.origin, false, Arc::clone(why)),
    }
}

/// A delete whose effect the log does not show did not take the object away, as later evidence of the same
/// life proves: finalizers held it, or the delete was a dry run. Then what was there before it went on.
/// Over a stretch without a log only an equal uid proves it.
pub(super) fn revived(here: &Here, next: &Before, since: Timestamp, covered: bool) -> Option<Here> {
    let Here::Absent(Some(prior)) = here else { return None };
    let (uid, created) = match next {
        Before::Exists(life) => (&life.uid, life.created),
        Before::Seen(state) => (&state.uid, state.created),
        _ => return None,
    };
    let newer = created.is_some_and(|c| c > since);
    let equal = prior.trusted() && uid.is_some() && *uid == prior.uid;
    let same = equal || covered && prior.may_be(uid.as_ref(), created);
    let held = State { deleting: true, held_back: None, ..State::clone(prior) };
    (same && !newer).then(|| Here::Object(Arc::new(held)))
}

/// Whether the log contradicts itself: an act needs what cannot have been there.
pub(super) fn clash(here: &Here, next: &Before) -> bool {
    match (here, next) {
        (Here::Object(state), Before::Absent) => state.surely && !state.deleting,
        (Here::Object(state), Before::Exists(life)) => !life.may_be(state.uid.as_ref(), state.created),
        (Here::Object(state), Before::Seen(seen)) => !seen.may_be(state.uid.as_ref(), state.created),
        (Here::Absent(_), Before::Exists(_) | Before::Seen(_)) => true,
        _ => false,
    }
}
