//! A patch applied to what was known. The whole object where the object before is known; else the parts that
//! the patch sets by itself: `rules` and `subjects` are atomic lists, so whoever sets one sets all of it.
//!
//! Source: `+listType=atomic` on `rules` and `subjects` in `staging/src/k8s.io/api/rbac/v1/types.go`.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::model::basis::Basis;
use crate::model::rbac::RbacKind;

use super::act::{Act, Deed};
use super::body::{Body, Read, read};
use super::know::{State, What};
use super::parts::{Parts, is_role};
use super::patch::{PatchContext, apply};
use super::step::{KindOf, unreadable};

/// The state after a patch whose text the log holds. `base` is the state before, as far as known or assumed; `same`
/// is it only where it is surely the same object.
pub(super) fn patched(
    base: Option<&Arc<State>>,
    same: Option<&Arc<State>>,
    patch: &Arc<str>,
    act: &Act,
    kind: &KindOf,
) -> State {
    if act.deed == Deed::Create {
        return created(patch, act, kind);
    }
    let Ok(value) = serde_json::from_str::<Value>(patch) else {
        return unreadable(same, &act.origin, format!("the patch of {} is not readable JSON", act.origin));
    };
    // What the patch sets by itself is better than a whole that rests on an assumption.
    let alone = kind.rbac.map(|k| onto_parts(&Parts::default(), &value, k, act)).unwrap_or_default();
    let assumed = base.is_some_and(|b| !b.trusted());
    let sufficient = kind.rbac.is_some_and(|k| alone.complete(k));
    if let Some(base) = base.filter(|_| !(assumed && sufficient))
        && let What::Whole(prior) = &base.what
        && let Some(state) = onto_whole(prior, &value, act, kind)
    {
        return state.at_best(base.basis);
    }
    let why = format!("{} patched an object of which the state before is not known", act.origin);
    let mut state = unreadable(same, &act.origin, why);
    if sufficient {
        state.what = What::Parts(alone);
        state.basis = Basis::Derived;
        state.why = Some(Arc::from(format!("all but what {} shows is not known", act.origin)));
        return state;
    }
    let known = same.map(|b| b.parts()).unwrap_or_default();
    state.what = What::Parts(kind.rbac.map(|k| onto_parts(&known, &value, k, act)).unwrap_or_default());
    state.basis = Basis::Derived;
    state
}

/// Only a server-side apply creates, and then what was applied is the object.
fn created(patch: &Arc<str>, act: &Act, kind: &KindOf) -> State {
    match read(patch, &kind.kind) {
        Read::Object(body) => State { resource_version: None, ..State::whole(&body, &act.origin) },
        _ => State::blank(&act.origin, true, format!("the body of {} is no {}", act.origin, kind.kind)),
    }
}

/// The patch applied to a whole object. Nothing when it does not apply.
fn onto_whole(prior: &Body, patch: &Value, act: &Act, kind: &KindOf) -> Option<State> {
    let prior: Value = serde_json::from_str(&prior.text).ok()?;
    let context = PatchContext {
        group: &kind.group,
        kind: &kind.kind,
        request_uri: &act.hints.request_uri,
        user_agent: Some(act.hints.user_agent.as_str()).filter(|agent| !agent.is_empty()),
    };
    let result = apply(&prior, patch, &context).ok()?;
    let body = body_of(&result.object, kind)?;
    let others = result.alternatives.iter().map(|(_, object)| body_of(object, kind)).collect::<Option<Vec<_>>>()?;
    let alike = |other: &Arc<Body>| body.agrees(other, kind.rbac) && body.labels() == other.labels();
    if others.iter().all(alike) {
        return Some(derived(&body, act));
    }
    let why = format!("{} is a patch that can be read in several ways, with different results", act.origin);
    let mut state = State::blank(&act.origin, true, why);
    state.basis = Basis::Derived;
    if kind.rbac.is_some() {
        let shared =
            others.iter().try_fold(Parts::of(&body)?, |shared, other| Some(common(shared, Parts::of(other)?)))?;
        state.what = What::Parts(shared);
    }
    Some(state)
}

/// What both hold alike.
fn common(one: Parts, two: Parts) -> Parts {
    let same = |a: Option<Arc<str>>, b: Option<Arc<str>>| a.filter(|a| b.is_some_and(|b| *a == b));
    Parts {
        rules: same(one.rules, two.rules),
        role_ref: same(one.role_ref, two.role_ref),
        subjects: same(one.subjects, two.subjects),
    }
}

fn derived(body: &Arc<Body>, act: &Act) -> State {
    State::whole(body, &act.origin).at_best(Basis::Derived)
}

fn body_of(object: &Value, kind: &KindOf) -> Option<Arc<Body>> {
    let text: Arc<str> = Arc::from(serde_json::to_string(object).ok()?);
    match read(&text, &kind.kind) {
        Read::Object(body) => Some(body),
        _ => None,
    }
}

/// What is known of the parts after a patch, when only parts were known before.
fn onto_parts(before: &Parts, patch: &Value, kind: RbacKind, act: &Act) -> Parts {
    let field = if is_role(kind) { "rules" } else { "subjects" };
    let held = if is_role(kind) { &before.rules } else { &before.subjects };
    let after = match patch {
        Value::Object(fields) => from_merge(fields, field, held.as_ref(), act),
        Value::Array(ops) => from_ops(ops, field, held.as_ref()),
        _ => None,
    };
    let mut parts = before.immutable();
    if is_role(kind) {
        parts.rules = after;
    } else {
        parts.subjects = after;
    }
    parts
}

/// A merge patch, a strategic one or an apply. Directives (`$patch` and the like) are not followed.
fn from_merge(fields: &Map<String, Value>, field: &str, held: Option<&Arc<str>>, act: &Act) -> Option<Arc<str>> {
    if fields.keys().any(|k| k.starts_with('$')) {
        return None;
    }
    match fields.get(field) {
        Some(list) => set(list),
        // An apply that leaves out a field it once set removes it.
        None if looks_applied(fields, act) => None,
        None => held.cloned(),
    }
}

/// Server-side apply sends a whole object, with its kind, and must name its field manager.
fn looks_applied(fields: &Map<String, Value>, act: &Act) -> bool {
    fields.contains_key("kind") || act.hints.request_uri.contains("fieldManager=")
}

/// A list that replaces what was there, as text.
fn set(list: &Value) -> Option<Arc<str>> {
    let plain = |v: &Value| v.as_object().is_some_and(|o| !o.keys().any(|k| k.starts_with('$')));
    let items = list.as_array()?;
    items.iter().all(plain).then(|| Arc::from(list.to_string()))
}

/// A JSON patch, as far as it replaces the list whole or leaves it alone.
fn from_ops(ops: &[Value], field: &str, held: Option<&Arc<str>>) -> Option<Arc<str>> {
    let mut known = held.cloned();
    for op in ops {
        let text = |key| op.get(key).and_then(Value::as_str);
        let path = text("path")?;
        match text("op")? {
            "test" => {}
            "add" | "replace" if names(path, field) => known = op.get("value").and_then(set),
            "remove" if names(path, field) => known = Some(Arc::from("[]")),
            _ if touches(path, field) || text("from").is_some_and(|f| touches(f, field)) => known = None,
            _ => {}
        }
    }
    known
}

fn names(pointer: &str, field: &str) -> bool {
    pointer.strip_prefix('/') == Some(field)
}

/// Whether a pointer lies in the field, or above it.
fn touches(pointer: &str, field: &str) -> bool {
    pointer.is_empty() || pointer.strip_prefix('/').and_then(|p| p.split('/').next()) == Some(field)
}
