//! From folded lines to versions: gaps filled, equal neighbours joined, partial knowledge written out.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use crate::model::basis::Basis;
use crate::model::object::ObjectKey;
use crate::model::rbac::RbacKind;
use crate::model::time::{Interval, Timestamp};

use super::act::Deed;
use super::body::Body;
use super::fold::{Kindred, Run};
use super::gap::{Gaps, Span};
use super::know::{Before, Here, Life, Origin, State, What};
use super::line::{Line, Mark, Point};
use super::parts::{Parts, is_role};
use super::step::KindOf;
use super::version::{ObjectVersion, Presence};

/// The spans of one line, in order of time, not overlapping.
pub(super) fn spans(line: &Line, start: &Run, mut gaps: Gaps<'_>) -> Vec<Span> {
    let facts = facts(line, gaps.kin);
    let (mut here, mut floor, mut from) = (&start.here, start.at, start.at);
    let nobody = Life::default();
    for (i, point) in line.points.iter().enumerate() {
        gaps.fill(here, floor, from, Some(point), facts.get(i).unwrap_or(&nobody));
        if let Mark::Seen(state) = &point.mark {
            let next = line.points.get(i.saturating_add(1)).map_or(Timestamp::MAX, |p| p.lo);
            let end = point.hi.plus_micros(1).min(next.max(point.hi));
            gaps.window(state, point.lo, end);
            from = end;
        } else {
            // What may have been deleted several times over is in doubt all the while.
            if let (Mark::Swept { .. }, Some(Here::Object(state))) = (&point.mark, line.after.get(i)) {
                gaps.window(state, point.lo, point.hi);
            }
            from = point.hi;
        }
        let took_time = matches!(point.mark, Mark::Seen(_) | Mark::Unseen(_));
        floor = if took_time { point.lo } else { from };
        here = line.after.get(i).unwrap_or(&start.here);
    }
    gaps.fill(here, floor, from, None, &nobody);
    join(gaps.spans)
}

/// For each point, what evidence from there on tells of the life that was there right before it.
fn facts(line: &Line, kin: Kindred<'_>) -> Vec<Life> {
    // Bodies are only looked into where a roleRef is missing somewhere.
    let lacking = |here: &Here| here.object().is_some_and(|s| matches!(s.what, What::Parts(_)));
    let bare = |p: &Point| matches!(&p.mark, Mark::Act(act) if act.deed != Deed::Create && act.shown.is_none());
    let wanted = line.after.iter().any(lacking) || line.points.iter().any(bare);
    // What is only assumed may be another object's: it tells nothing of this life but who it is.
    let life = |state: &State| match wanted && state.trusted() {
        true => state.life(),
        false => Life { uid: state.uid.clone(), created: state.created, role_ref: None },
    };
    let mut known = Life::default();
    let mut facts = Vec::with_capacity(line.points.len());
    let mut later = Timestamp::MAX;
    for (point, after) in line.points.iter().zip(&line.after).rev() {
        let ours = after.object().map(|s| life(s)).unwrap_or_default();
        let nameless = || !after.surely() && kin.births.between(&line.key.name, point.lo, later).is_some();
        let lasting = kin.cover.full(point.lo, later) && !nameless() || ours.uid.is_some() && ours.uid == known.uid;
        let after = if after.object().is_none() {
            Life::default()
        } else if lasting && known.may_be(ours.uid.as_ref(), ours.created) {
            both(ours, known)
        } else {
            ours
        };
        known = match (point.before(), goes_on(point)) {
            (Before::Exists(life), true) if life.may_be(after.uid.as_ref(), after.created) => both(life, after),
            (Before::Nothing | Before::Perhaps, true) => after,
            (Before::Exists(life), _) => life,
            (Before::Seen(state), _) => both(life(&state), after),
            _ => Life::default(),
        };
        facts.push(known.clone());
        later = point.hi;
    }
    facts.reverse();
    facts
}

/// Whether the object after a point is the one before it.
fn goes_on(point: &Point) -> bool {
    match &point.mark {
        Mark::Act(act) => {
            matches!(act.deed, Deed::Change | Deed::Mark) || act.open.is_some() && act.deed != Deed::Create
        }
        Mark::Swept { .. } => true,
        Mark::Seen(_) | Mark::Unseen(_) => false,
    }
}

fn both(one: Life, other: Life) -> Life {
    if !one.may_be(other.uid.as_ref(), other.created) {
        return one;
    }
    Life {
        uid: one.uid.or(other.uid),
        created: one.created.or(other.created),
        role_ref: one.role_ref.or(other.role_ref),
    }
}

/// Joins neighbours that are one state known in one way.
fn join(spans: Vec<Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::with_capacity(spans.len());
    for mut span in spans {
        if let Some(last) = joined.last_mut() {
            // Windows are cut where a neighbour stands; never let versions overlap.
            span.from = span.from.max(last.to);
            if span.from >= span.to {
                continue;
            }
            if last.to == span.from && last.basis == span.basis && same(&last.state, &span.state) {
                last.to = span.to;
                last.ended = span.ended;
                continue;
            }
        }
        joined.push(span);
    }
    joined
}

fn same(a: &State, b: &State) -> bool {
    if a.surely != b.surely || a.deleting != b.deleting || a.uid != b.uid {
        return false;
    }
    match (&a.what, &b.what) {
        (What::Whole(one), What::Whole(two)) => {
            let version = a.resource_version.is_some() && a.resource_version == b.resource_version;
            (version && a.uid.is_some()) || Arc::ptr_eq(one, two) || one.text == two.text && a.why == b.why
        }
        (What::Parts(one), What::Parts(two)) => one == two && a.why == b.why,
        _ => false,
    }
}

/// Turns spans into versions.
pub(super) fn versions<'a>(
    key: &'a ObjectKey,
    kind: &'a KindOf,
    spans: Vec<Span>,
) -> impl Iterator<Item = ObjectVersion> + 'a {
    spans.into_iter().map(move |span| version(key, kind, span))
}

fn version(key: &ObjectKey, kind: &KindOf, span: Span) -> ObjectVersion {
    let state = &span.state;
    let origin = &state.origin;
    ObjectVersion {
        key: key.clone(),
        uid: state.uid.as_deref().map(str::to_owned),
        resource_version: state.resource_version.as_deref().map(str::to_owned),
        held: Interval::new(span.from, span.to),
        basis: span.basis,
        presence: presence(key, kind, state),
        began_with: origin.with.clone(),
        actor: origin.actor.clone(),
        audit_id: origin.audit_id.clone(),
        ended_by: span.ended.map(|o| (o.actor.clone().unwrap_or_default(), o.audit_id.clone().unwrap_or_default())),
        from: origin.from.clone(),
    }
}

/// A version of an object that is known by its traces only.
pub(super) fn ghost(key: ObjectKey, held: Interval, origin: &Origin, why: String) -> ObjectVersion {
    ObjectVersion {
        key,
        uid: None,
        resource_version: None,
        held,
        basis: Basis::Unknown,
        presence: Presence::Unknown(Arc::from(why)),
        began_with: origin.with.clone(),
        actor: origin.actor.clone(),
        audit_id: origin.audit_id.clone(),
        ended_by: None,
        from: origin.from.clone(),
    }
}

fn presence(key: &ObjectKey, kind: &KindOf, state: &State) -> Presence {
    let known = match (&state.what, kind.rbac) {
        (What::Whole(body), _) if state.surely => return Presence::Present(Arc::clone(&body.text)),
        (What::Whole(body), Some(rbac)) => spelled_out(body, rbac).unwrap_or_else(|| Arc::clone(&body.text)),
        (What::Whole(body), None) => Arc::clone(&body.text),
        (What::Parts(parts), _) if *parts == Parts::default() => return Presence::Unknown(state.reason()),
        (What::Parts(parts), _) => written(key, state, parts),
    };
    Presence::Partial { existed: state.surely, known, reason: state.reason() }
}

/// A whole body with its empty lists written out, because in partial knowledge a missing field is not known.
fn spelled_out(body: &Body, kind: RbacKind) -> Option<Arc<str>> {
    let mut fields: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&body.text).ok()?;
    let parts = Parts::of(body)?;
    let wanted = if is_role(kind) {
        vec![("rules", parts.rules)]
    } else {
        vec![("roleRef", parts.role_ref), ("subjects", parts.subjects)]
    };
    for (field, text) in wanted {
        if !fields.contains_key(field) {
            fields.insert(field.to_owned(), RawValue::from_string(text?.to_string()).ok()?);
        }
    }
    serde_json::to_string(&fields).ok().map(Arc::from)
}

/// The known parts as an object of the kind.
fn written(key: &ObjectKey, state: &State, parts: &Parts) -> Arc<str> {
    let mut meta = serde_json::Map::new();
    meta.insert("name".to_owned(), key.name.clone().into());
    if !key.namespace.is_empty() {
        meta.insert("namespace".to_owned(), key.namespace.clone().into());
    }
    if let Some(uid) = &state.uid {
        meta.insert("uid".to_owned(), uid.to_string().into());
    }
    let kind = serde_json::Value::from(key.kind.clone());
    let mut text = format!("{{\"kind\":{kind},\"metadata\":{}", serde_json::Value::Object(meta));
    for (field, part) in [("roleRef", &parts.role_ref), ("rules", &parts.rules), ("subjects", &parts.subjects)] {
        if let Some(part) = part {
            text.push_str(&format!(",\"{field}\":{part}"));
        }
    }
    text.push('}');
    Arc::from(text)
}

/// Where the walk along a line begins: with nothing known, or with an empty cluster.
pub(super) fn start(line: &Line, genesis: Option<Interval>) -> Run {
    let first = line.points.first().map(|p| p.lo);
    match genesis.filter(|g| first.is_none_or(|lo| g.from <= lo)) {
        Some(genesis) => Run::new(&line.key.name, Here::Absent(None), genesis.from),
        None => Run::new(&line.key.name, Here::Nothing, Timestamp::MIN),
    }
}
