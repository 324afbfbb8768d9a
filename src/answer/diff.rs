//! `diff`: what became of RBAC between two moments: which objects changed, by whom, and what subjects gained and lost
//! by it, also what they held only in between.

mod causes;
mod pieces;
mod row;

use std::collections::BTreeMap;

use polars::prelude::*;

use super::net_grants::{self, Change, Name, Net};
use super::steps::{self, Began, Ended, Step};
use super::versions::{self, Presence};
use super::{Answer, AsOf, Value, Verdict, known, load, words};
use crate::case::{Case, CaseError};
use crate::history::state::KnownSet;
use crate::model::basis::Basis;
use crate::model::rbac::{RBAC_GROUP, RbacKind};
use crate::model::time::{Interval, Timestamp};
use crate::tables::object_versions;

use causes::{Cause, Causes};
use pieces::pieces;
use row::{GRANT, OBJECT, Row, columns};

/// Rules that are told one by one in a row for people.
const MOST_RULES: usize = 3;
/// Holes in what the evidence lists that are named.
const MOST_HOLES: usize = 10;

/// Answers for the time after `window.from` up to and including `window.to`.
///
/// # Errors
/// When a table cannot be read.
pub fn answer(case: &Case, cluster: &str, window: Interval) -> Result<Answer, CaseError> {
    let steps = steps::steps(rbac_versions(case, cluster, window)?);
    let causes = Causes::new(&steps);
    let changes = net_grants::between(pieces(case, cluster, window)?, window.from, window.to);
    // Both ends belong to the states compared.
    let closed = Interval::new(window.from, window.to.plus_micros(1));
    let mut rows = object_rows(&steps, window);
    rows.extend(changes.iter().map(|c| grant_row(c, &causes)));
    let doubtful = unknown_rows(&steps, closed);
    let changed = !rows.is_empty();
    let sets = load::known_sets(case, cluster)?;
    let holes = holes(&sets, closed);
    let basis = basis(&steps, &sets, closed);
    let unknown = !doubtful.is_empty() || !holes.is_empty();
    rows.extend(doubtful);
    Ok(Answer {
        question: vec![("from", Value::bound(window.from)), ("to", Value::bound(window.to))],
        as_of: AsOf::Stretch(window),
        basis: Some(basis),
        notes: notes(&changes, holes),
        columns: columns(),
        rows: rows.into_iter().map(Row::cells).collect(),
        verdict: match (changed, unknown) {
            (true, _) => Verdict::Yes,
            (false, true) => Verdict::Unknown,
            (false, false) => Verdict::No,
        },
    })
}

/// All versions of RBAC objects; bodies only of those that a change in the window may need.
fn rbac_versions(case: &Case, cluster: &str, window: Interval) -> Result<Vec<versions::Version>, CaseError> {
    let kinds = Series::new("kinds".into(), RbacKind::ALL.map(RbacKind::as_str));
    let filter = col("api_group").eq(lit(RBAC_GROUP)).and(col("kind").is_in(lit(kinds)));
    let lazy = case
        .table(&object_versions::TABLE, Some(cluster))?
        .filter(filter)
        .with_column(when(touches(window)).then(col("body")).otherwise(lit(NULL).cast(DataType::String)).alias("body"));
    versions::read(lazy)
}

/// Whether a row with `valid_from` and `valid_to` has an instant in the window, or ends where it begins.
fn touches(window: Interval) -> Expr {
    let time = |t: Timestamp| lit(t.as_micros()).cast(DataType::Datetime(TimeUnit::Microseconds, Some("UTC".into())));
    let mut all = lit(true);
    if window.from != Timestamp::MIN {
        all = all.and(col("valid_to").is_null().or(col("valid_to").gt_eq(time(window.from))));
    }
    if window.to != Timestamp::MAX {
        all = all.and(col("valid_from").is_null().or(col("valid_from").lt_eq(time(window.to))));
    }
    all
}

/// What happened to objects in the window, by time.
fn object_rows(steps: &[Step], window: Interval) -> Vec<Row> {
    let inside = |t: Timestamp| window.from < t && t <= window.to;
    let mut rows = Vec::new();
    for step in steps.iter().filter(|s| s.began != Began::Unknown) {
        let v = &step.version;
        let row = Row {
            about: OBJECT,
            what: v.object(),
            basis: Some(v.basis(Interval::new(window.from, window.to.plus_micros(1)))),
            object: (v.kind.clone(), v.namespace.clone(), v.name.clone()),
            source: Some(v.place.clone()),
            ..Row::default()
        };
        if inside(v.held.to) && matches!(step.ended, Ended::Deleted | Ended::Gone) {
            rows.push(Row {
                time: Some(v.held.to),
                change: step.ended.as_str().unwrap_or_default(),
                details: v
                    .body
                    .as_deref()
                    .map(|b| was(super::changes::of_new(&v.group, &v.kind, b)))
                    .unwrap_or_default(),
                by: v.ended_by.clone(),
                audit_id: v.ended_by_audit_id.clone(),
                basis: row.basis,
                what: row.what.clone(),
                object: row.object.clone(),
                about: OBJECT,
                ..Row::default()
            });
        }
        if inside(v.held.from) {
            let silent = step.details.is_empty() && step.began == Began::Changed;
            rows.push(Row {
                time: Some(v.held.from),
                change: step.began.as_str(),
                details: if silent { "nothing but bookkeeping".to_owned() } else { step.details.join("; ") },
                by: v.actor.clone(),
                audit_id: v.audit_id.clone(),
                verb: Some(v.began_with.clone()),
                ..row
            });
        }
    }
    rows.sort_by(|a, b| (a.time, &a.object, a.change).cmp(&(b.time, &b.object, b.change)));
    rows
}

/// What a deleted object had given.
fn was(told: Vec<String>) -> String {
    if told.is_empty() { String::new() } else { format!("was: {}", told.join("; ")) }
}

/// Objects whose state cannot be told, or not whole, at some time in the window.
fn unknown_rows(steps: &[Step], window: Interval) -> Vec<Row> {
    let weak = steps.iter().filter(|s| s.version.presence != Presence::Present && s.version.held.overlaps(window));
    weak.map(|step| {
        let v = &step.version;
        Row {
            about: OBJECT,
            time: Some(v.held.from),
            until: Some(v.held.to),
            change: if v.presence == Presence::Partial { "known in part" } else { Began::Unknown.as_str() },
            what: v.object(),
            details: v.reason.clone().unwrap_or_default(),
            by: v.actor.clone(),
            audit_id: v.audit_id.clone(),
            ended_by: v.ended_by.clone(),
            ended_by_audit_id: v.ended_by_audit_id.clone(),
            basis: Some(Basis::Unknown),
            object: (v.kind.clone(), v.namespace.clone(), v.name.clone()),
            verb: Some(v.began_with.clone()),
            source: Some(v.place.clone()),
            ..Row::default()
        }
    })
    .collect()
}

fn grant_row(change: &Change, causes: &Causes<'_>) -> Row {
    let chain = &change.chain;
    let gives = change.net != Net::LostForAWhile;
    let begin = change.began.map(|t| causes.at(chain, t, gives)).unwrap_or_default();
    let end = change.ended.map(|t| causes.at(chain, t, !gives)).unwrap_or_default();
    // Of what was lost, the loss is the change that is told.
    let (first, last) = if change.began.is_some() { (begin, end) } else { (end, Cause::default()) };
    let words: Vec<String> = change.rules.iter().map(words::rule).collect();
    let (binding, role) = (spoken(&chain.binding), spoken(&chain.role));
    let scope = chain.scope.as_ref().map_or_else(|| "cluster-wide".to_owned(), |n| format!("in {n}"));
    let what = match words.len() {
        n if n > MOST_RULES => format!("{n} rules of {role}"),
        _ => words.join("; "),
    };
    let cause =
        [&first.words, &last.words].into_iter().filter(|w| !w.is_empty()).cloned().collect::<Vec<_>>().join(", then ");
    Row {
        about: GRANT,
        time: change.began.or(change.ended),
        until: change.began.and(change.ended),
        change: change.net.as_str(),
        what: spoken(&chain.subject),
        details: format!("{scope}: {what} (through {binding}, {role})"),
        by: first.by,
        audit_id: first.audit_id,
        ended_by: last.by,
        ended_by_audit_id: last.audit_id,
        matters: change.matters,
        basis: Some(change.basis),
        subject: Some(chain.subject.clone()),
        scope: chain.scope.clone(),
        binding: Some(binding),
        role: Some(role),
        rules: words,
        cause: (!cause.is_empty()).then_some(cause),
        ..Row::default()
    }
}

/// `Kind namespace/name`.
fn spoken((kind, namespace, name): &Name) -> String {
    if namespace.is_empty() { format!("{kind} {name}") } else { format!("{kind} {namespace}/{name}") }
}

fn holes(sets: &[KnownSet], window: Interval) -> Vec<String> {
    let holes = RbacKind::ALL.into_iter().flat_map(|kind| {
        known::holes(sets, kind, None, window).into_iter().map(move |hole| known::spoken_hole(kind, None, hole))
    });
    holes.collect()
}

/// How well the two states and what lies between are known, at the worst.
fn basis(steps: &[Step], sets: &[KnownSet], window: Interval) -> Basis {
    let listed = RbacKind::ALL.map(|kind| known::basis(sets, kind, None, window));
    let held = steps.iter().filter(|s| s.version.held.overlaps(window)).map(|s| match s.version.presence {
        Presence::Present => s.version.basis(window),
        _ => Basis::Unknown,
    });
    listed.into_iter().chain(held).max().unwrap_or(Basis::Unknown)
}

fn notes(changes: &[Change], mut holes: Vec<String>) -> Vec<String> {
    let mut counts: BTreeMap<Net, usize> = BTreeMap::new();
    for change in changes {
        *counts.entry(change.net).or_default() += 1;
    }
    let mut notes: Vec<String> = Vec::new();
    if !counts.is_empty() {
        let told: Vec<String> = counts.iter().map(|(net, n)| format!("{n} {}", net.as_str())).collect();
        notes.push(format!(
            "grants: {}; each is told for the subject as bindings name it, groups are not taken apart",
            told.join(", ")
        ));
    }
    let more = holes.len().saturating_sub(MOST_HOLES);
    holes.truncate(MOST_HOLES);
    notes.extend(holes.into_iter().map(|h| format!("the list may be incomplete: {h}")));
    if more > 0 {
        notes.push(format!("the list may be incomplete: {more} more stretches are unknown"));
    }
    notes
}
