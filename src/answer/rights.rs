//! `rights`: the roles and rules of a user, group or service account, or of all subjects that match.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::load::Standing;
use super::subject::{Wanted, implied_members};
use super::who_can::{namespace, scope, unknowns};
use super::{Answer, AnswerColumn, AsOf, Value, Verdict, column, wide};
use crate::authz::{Authorizer, Gives, ObjectRef, Right, SubjectKind, SubjectRef, When};
use crate::model::basis::Basis;
use crate::model::rbac::{PolicyRule, RbacKind};
use crate::model::time::Interval;

/// What a row is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Per {
    /// One rule.
    #[default]
    Rule,
    /// One binding.
    Role,
}

/// A question about rights.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The subject as typed, if any.
    pub typed: Option<&'a str>,
    /// The subject as understood.
    pub wanted: &'a Wanted,
    /// Only this kind of subject.
    pub kind: Option<&'a str>,
    /// What a row is.
    pub per: Per,
    /// When.
    pub when: When,
    /// The same, for the answer.
    pub as_of: AsOf,
}

/// What an answer shows beside the rights themselves.
#[derive(Clone, Copy)]
pub struct Beside<'a> {
    /// The users that events show in each group.
    pub members: &'a BTreeMap<String, Vec<String>>,
    /// How long rules and subjects stood, also beyond the time asked about.
    pub standing: &'a Standing,
}

/// Answers.
pub fn answer(authorizer: &Authorizer, question: &Question<'_>, beside: Beside<'_>) -> Answer {
    let members = beside.members;
    let found = question.wanted.rights(authorizer, question.kind, question.when);
    let mut notes = question.wanted.notes(members);
    let is_group = |r: &&Right| r.subject.kind == SubjectKind::Group;
    for note in implied_members(found.rows.iter().filter(is_group).map(|r| &*r.subject.name)) {
        let said = question.wanted.is_master() && note.contains("system:masters");
        if !said && !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes.extend(unknowns(&found.unknown));
    let verdict = match (found.rows.is_empty() && !question.wanted.is_master(), found.unknown.is_empty()) {
        (false, _) => Verdict::Yes,
        (true, true) => Verdict::No,
        (true, false) => Verdict::Unknown,
    };
    let (columns, rows) = match question.per {
        Per::Rule => (rule_columns(), found.rows.iter().map(|r| rule_row(r, beside)).collect()),
        Per::Role => (role_columns(), by_binding(&found.rows).iter().map(|r| role_row(r, beside)).collect()),
    };
    Answer {
        question: vec![("subject", Value::text(question.typed)), ("kind", Value::text(question.kind))],
        as_of: question.as_of,
        basis: Some(found.basis),
        notes,
        columns,
        rows,
        verdict,
    }
}

fn rule_columns() -> Vec<AnswerColumn> {
    vec![
        column("subject_kind"),
        column("subject_namespace"),
        column("subject_name"),
        column("scope"),
        column("role"),
        column("verbs"),
        column("api_groups"),
        column("resources"),
        column("resource_names"),
        column("non_resource_urls"),
        column("gives"),
        wide("role_kind"),
        wide("role_namespace"),
        wide("binding_kind"),
        wide("binding_namespace"),
        wide("binding"),
        wide("rule_index"),
        wide("valid_from"),
        wide("valid_to"),
        wide("basis"),
        wide("reason"),
        wide("members_seen"),
    ]
}

/// What a right comes to, in words, with its rule and its reason where it has them.
pub(super) fn gives(right: &Right) -> (&'static str, Option<&PolicyRule>, Option<&str>) {
    match &right.gives {
        Gives::Rule(rule) => ("rule", Some(rule.rule()), None),
        Gives::MaybeRule(rule, why) => ("rule, if it existed", Some(rule.rule()), Some(why)),
        Gives::NoRules => ("nothing: the role has no rules", None, None),
        Gives::Dangling => ("nothing: there is no such role", None, None),
        Gives::UnknownRules(why) => ("unknown rules", None, Some(why)),
        Gives::UnseenRole => ("unknown: the role was never seen", None, None),
        Gives::Nobody => ("nothing: the subject stands for nobody", None, None),
    }
}

/// The place of a right's rule in its role.
pub(super) fn rule_index(right: &Right) -> Value {
    match &right.gives {
        Gives::Rule(rule) | Gives::MaybeRule(rule, _) => Value::Int(i64::try_from(rule.index()).unwrap_or(i64::MAX)),
        _ => Value::Null,
    }
}

/// A list of a rule. An empty API group is the core group; it is shown as people write it in rules.
pub(super) fn entries(rule: Option<&PolicyRule>, pick: fn(&PolicyRule) -> &Vec<String>) -> Value {
    match rule {
        Some(rule) => Value::texts(pick(rule).iter().map(|v| if v.is_empty() { "\"\"" } else { v })),
        None => Value::Null,
    }
}

/// The users that events show in a group; missing for other subjects.
pub(super) fn members_seen(subject: &SubjectRef, members: &BTreeMap<String, Vec<String>>) -> Value {
    match subject.kind {
        SubjectKind::Group => Value::texts(members.get(&*subject.name).into_iter().flatten()),
        _ => Value::Null,
    }
}

/// How long a right stood; what gives nothing stood as long as the binding named the subject.
fn stood(right: &Right, standing: &Standing) -> Interval {
    let stood = match &right.gives {
        Gives::Rule(rule) | Gives::MaybeRule(rule, _) => RbacKind::from_kind(&right.role.kind).and_then(|kind| {
            let role = ObjectRef::new(kind, Arc::clone(&right.role.namespace), Arc::clone(&right.role.name));
            standing.reach(&right.binding, &right.subject, &role, rule.index())
        }),
        _ => standing.named(&right.binding, &right.subject),
    };
    stood.unwrap_or(right.reach)
}

fn rule_row(r: &Right, beside: Beside<'_>) -> Vec<Value> {
    let (word, rule, reason) = gives(r);
    let stood = stood(r, beside.standing);
    vec![
        r.subject.kind.as_str().into(),
        namespace(&r.subject.namespace),
        (&*r.subject.name).into(),
        scope(&r.scope),
        (&*r.role.name).into(),
        entries(rule, |x| &x.verbs),
        entries(rule, |x| &x.api_groups),
        entries(rule, |x| &x.resources),
        entries(rule, |x| &x.resource_names),
        entries(rule, |x| &x.non_resource_urls),
        word.into(),
        (&*r.role.kind).into(),
        namespace(&r.role.namespace),
        r.binding.kind.as_str().into(),
        namespace(&r.binding.namespace),
        (&*r.binding.name).into(),
        rule_index(r),
        Value::bound(stood.from),
        Value::bound(stood.to),
        r.basis.as_str().into(),
        Value::text(reason),
        members_seen(&r.subject, beside.members),
    ]
}

/// All that one binding gives one subject.
struct Bound<'a> {
    first: &'a Right,
    /// Rules, known or possible.
    rules: usize,
    basis: Basis,
}

/// Brings the rows of each subject and binding together; they lie beside each other.
fn by_binding(rows: &[Right]) -> Vec<Bound<'_>> {
    let key = |r: &Right| (r.subject.clone(), r.binding.clone(), r.role.clone());
    let chunks = rows.chunk_by(|a, b| key(a) == key(b));
    chunks
        .filter_map(|chunk| {
            let first = chunk.first()?;
            let mut bound = Bound { first, rules: 0, basis: first.basis };
            for right in chunk {
                bound.rules += usize::from(gives(right).1.is_some());
                bound.basis = bound.basis.weakest(right.basis);
            }
            Some(bound)
        })
        .collect()
}

fn role_columns() -> Vec<AnswerColumn> {
    vec![
        column("subject"),
        column("scope"),
        column("role"),
        column("source"),
        column("gives"),
        wide("binding_namespace"),
        wide("valid_from"),
        wide("valid_to"),
        wide("basis"),
        wide("members_seen"),
    ]
}

fn role_row(b: &Bound<'_>, beside: Beside<'_>) -> Vec<Value> {
    let r = b.first;
    let named = beside.standing.named(&r.binding, &r.subject).unwrap_or(r.reach);
    let word = match (gives(r).0, b.rules) {
        ("rule", 1) => "1 rule".to_owned(),
        ("rule", n) => format!("{n} rules"),
        ("rule, if it existed", n) => format!("{n} rules, if they existed"),
        (other, _) => other.to_owned(),
    };
    vec![
        subject_name(&r.subject).into(),
        scope(&r.scope),
        format!("{}/{}", r.role.kind, r.role.name).into(),
        format!("{}/{}", r.binding.kind, r.binding.name).into(),
        word.into(),
        namespace(&r.binding.namespace),
        Value::bound(named.from),
        Value::bound(named.to),
        b.basis.as_str().into(),
        members_seen(&r.subject, beside.members),
    ]
}

/// `Kind/name`, for service accounts `ServiceAccount/namespace:name`.
fn subject_name(subject: &SubjectRef) -> String {
    match subject.kind {
        SubjectKind::ServiceAccount => format!("ServiceAccount/{}:{}", subject.namespace, subject.name),
        _ => format!("{}/{}", subject.kind, subject.name),
    }
}
