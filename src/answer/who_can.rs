//! `who-can`: every subject that may do something, as of an instant or during a stretch.

use std::collections::BTreeMap;

use super::load::Standing;
use super::question::{Question, describe};
use super::{Answer, AsOf, Value, Verdict, column, wide};
use crate::authz::{Authorizer, GrantScope, Row, Source, When};
use crate::model::time::{Interval, Timestamp};

/// Unknown things named in the notes; more are counted.
const NAMED: usize = 10;

/// Answers.
pub fn answer(
    authorizer: &Authorizer,
    question: &Question,
    when: When,
    as_of: AsOf,
    members: &BTreeMap<String, Vec<String>>,
    standing: Option<&Standing>,
) -> Answer {
    let mut found = authorizer.who_can(&question.action, &question.scope, question.cluster_scoped, when);
    // An authorizer of one instant does not know how long its versions' content stood.
    if let Some(standing) = standing {
        found.rows.iter_mut().chain(&mut found.named_only).for_each(|row| stretch(row, standing));
    }
    let listed = whole_grants(&found.rows);
    let mut notes = question.notes.clone();
    notes.extend(named_only(&whole_grants(&found.named_only), when));
    notes.extend(unknowns(&found.unknown));
    if found.rows.iter().any(|r| matches!(r.source, Source::PrivilegedGroup)) {
        notes.push("group system:masters is allowed everything before RBAC is asked; it needs no binding".to_owned());
    }
    let bound = found.rows.iter().any(|r| !matches!(r.source, Source::PrivilegedGroup));
    let verdict = match (bound, found.unknown.is_empty()) {
        (true, _) => Verdict::Yes,
        (false, false) => Verdict::Unknown,
        // The privileged group always can; alone it still answers the question.
        (false, true) if !found.rows.is_empty() => Verdict::Yes,
        (false, true) => Verdict::No,
    };
    Answer {
        question: describe(question),
        as_of,
        basis: Some(found.basis),
        notes,
        columns: vec![
            column("subject_kind"),
            column("subject_namespace"),
            column("subject_name"),
            column("scope"),
            column("verb"),
            column("resource"),
            column("binding"),
            column("role"),
            column("valid_from"),
            column("valid_to"),
            column("basis"),
            wide("binding_kind"),
            wide("binding_namespace"),
            wide("role_kind"),
            wide("api_group"),
            wide("resource_names"),
            wide("rule_index"),
            wide("members_seen"),
        ],
        rows: listed.iter().map(|r| row(r, members)).collect(),
        verdict,
    }
}

/// One row for each grant: the stretches of one grant that are known in different ways are made one, as good as the
/// weakest of them.
fn whole_grants(rows: &[Row]) -> Vec<Row> {
    let mut grants: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match grants.last_mut() {
            Some(last) if same_grant(last, row) => last.basis = last.basis.weakest(row.basis),
            _ => grants.push(row.clone()),
        }
    }
    grants
}

fn stretch(row: &mut Row, standing: &Standing) {
    if let Source::Binding { binding, role, rule } = &row.source
        && let Some(reach) = standing.reach(binding, &row.subject, role, rule.index())
    {
        row.reach = reach;
    }
}

fn same_grant(a: &Row, b: &Row) -> bool {
    (a.reach, &a.subject, &a.scope, &a.source) == (b.reach, &b.subject, &b.scope, &b.source)
        && (&a.verb, &a.api_group, &a.resource) == (&b.verb, &b.api_group, &b.resource)
}

fn row(r: &Row, members: &BTreeMap<String, Vec<String>>) -> Vec<Value> {
    let [binding, role, binding_kind, binding_namespace, role_kind, rule_index] = source(&r.source);
    let is_group = r.subject.kind.as_str() == "Group";
    let seen = is_group.then(|| members.get(&*r.subject.name)).flatten().cloned().unwrap_or_default();
    vec![
        r.subject.kind.as_str().into(),
        namespace(&r.subject.namespace),
        (&*r.subject.name).into(),
        scope(&r.scope),
        (&*r.verb).into(),
        (&*r.resource).into(),
        binding,
        role,
        Value::bound(r.reach.from),
        Value::bound(r.reach.to),
        r.basis.as_str().into(),
        binding_kind,
        binding_namespace,
        role_kind,
        (&*r.api_group).into(),
        Value::texts(r.resource_names()),
        rule_index,
        Value::texts(seen),
    ]
}

fn source(source: &Source) -> [Value; 6] {
    match source {
        Source::PrivilegedGroup => [Value::Null, Value::Null, Value::Null, Value::Null, Value::Null, Value::Null],
        Source::Binding { binding, role, rule } => [
            (&*binding.name).into(),
            (&*role.name).into(),
            binding.kind.as_str().into(),
            namespace(&binding.namespace),
            role.kind.as_str().into(),
            Value::Int(i64::try_from(rule.index()).unwrap_or(i64::MAX)),
        ],
    }
}

/// A namespace, missing for what has none.
pub(super) fn namespace(name: &str) -> Value {
    if name.is_empty() { Value::Null } else { name.into() }
}

/// The scope of a grant: a namespace, or `cluster-wide`.
pub(super) fn scope(scope: &GrantScope) -> Value {
    match scope {
        GrantScope::Cluster => "cluster-wide".into(),
        GrantScope::Namespace(ns) => (&**ns).into(),
    }
}

fn named_only(rows: &[Row], when: When) -> Vec<String> {
    let mut notes: Vec<String> = rows
        .iter()
        .map(|r| {
            let names = if r.resource_names().is_empty() {
                r.scope.namespace().to_owned()
            } else {
                r.resource_names().join(", ")
            };
            let via = match &r.source {
                Source::Binding { binding, .. } => format!(" through {binding}"),
                Source::PrivilegedGroup => String::new(),
            };
            let place = match &r.scope {
                GrantScope::Cluster => String::new(),
                GrantScope::Namespace(ns) => format!(" in namespace `{ns}`"),
            };
            let held = match when {
                When::At(_) => String::new(),
                When::During(_) => format!(", {}", spoken(r.reach)),
            };
            format!("only for objects named {names}{place}: {}{via}{held}", r.subject)
        })
        .collect();
    notes.dedup();
    notes
}

/// A stretch of time in words.
pub(super) fn spoken(held: Interval) -> String {
    match (held.from == Timestamp::MIN, held.to == Timestamp::MAX) {
        (true, true) => "at all times".to_owned(),
        (true, false) => format!("until {}", held.to),
        (false, true) => format!("from {} on", held.from),
        (false, false) => format!("from {} until {}", held.from, held.to),
    }
}

/// Unknown things in words.
pub(super) fn unknowns(unknown: &[crate::authz::Unknown]) -> Vec<String> {
    let mut notes: Vec<String> =
        unknown.iter().take(NAMED).map(|u| format!("the list may be incomplete: {u}")).collect();
    if unknown.len() > NAMED {
        notes.push(format!("the list may be incomplete: {} more things are unknown", unknown.len() - NAMED));
    }
    notes
}

/// One moment as the time of an answer.
pub fn at(t: Timestamp) -> (When, AsOf) {
    (When::At(t), AsOf::Moment(t))
}
