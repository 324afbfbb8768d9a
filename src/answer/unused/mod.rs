//! `unused`: what was held in a stretch of time and, as far as the audit log shows, never used in it.
//!
//! A grant counts as used when it would have allowed some request that was allowed while it held, whichever
//! binding the API server named for it: taking it away may still be safe where another grant allows the same,
//! but leaving it out of this list is the error that costs nobody their access. Requests of `system:masters`
//! use no grant, because RBAC is not asked for them.

mod search;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use super::rights::{entries, gives, rule_index};
use super::subject::{Wanted, implied_members};
use super::uses::{LogView, Uses};
use super::who_can::{namespace, scope, unknowns};
use super::{Answer, AnswerColumn, AsOf, Value, Verdict, column, wide};
use crate::authz::{Authorizer, Gives, GrantScope, Right, SubjectKind, SubjectRef, When};
use crate::model::identity::MASTERS;
use crate::model::rbac::PolicyRule;
use crate::model::time::Interval;

use search::{Search, Use, whats};

/// A question about unused grants.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The subject as typed, if any.
    pub typed: Option<&'a str>,
    /// The subject as understood.
    pub wanted: &'a Wanted,
    /// Only this kind of subject.
    pub kind: Option<&'a str>,
    /// Used grants as well.
    pub all: bool,
    /// In which stretch.
    pub within: Interval,
    /// At most so many rows.
    pub limit: usize,
}

/// Answers; `members` are the users that events show in each group.
pub fn answer(
    authorizer: &Authorizer,
    question: &Question<'_>,
    uses: &Uses,
    log: &LogView,
    members: &BTreeMap<String, Vec<String>>,
) -> Answer {
    let mut search = Search::new(question, uses);
    let mut tally = Tally::default();
    let (unknown, basis) =
        question.wanted.rights_by_binding(authorizer, question.kind, When::During(question.within), |bound| {
            tally.take(&unbroken(&bound), &mut search, question, log.spans.is_some())
        });
    let mut notes = question.wanted.notes(members);
    notes.extend(log.notes(uses));
    notes.extend(self::notes(search.only.as_deref(), uses, &tally));
    notes.extend(unknowns(&unknown));
    let verdict = match (log.spans.is_some(), tally.grants, tally.unused) {
        (_, 0, _) if unknown.is_empty() => Verdict::No,
        (false, ..) | (_, 0, _) => Verdict::Unknown,
        (true, _, 0) => Verdict::No,
        (true, ..) => Verdict::Yes,
    };
    tally.rows.sort_by(|a, b| a.0.cmp(&b.0));
    Answer {
        question: describe(question),
        as_of: AsOf::Stretch(question.within),
        basis: Some(basis),
        notes,
        columns: columns(),
        rows: tally.rows.into_iter().map(|(_, row)| row).collect(),
        verdict,
    }
}

/// The rows to be shown, and what all grants come to.
#[derive(Default)]
struct Tally {
    /// With what they are sorted by; those of one binding and subject come in order.
    rows: Vec<((SubjectRef, GrantScope), Vec<Value>)>,
    /// Groups that grants go to.
    groups: BTreeSet<Arc<str>>,
    grants: usize,
    unused: usize,
    /// Bindings of subjects that grant nothing.
    lifeless: usize,
    /// Grants of a kind that the log shows no use of by anybody.
    unlogged: usize,
    /// Rows beyond the limit.
    hidden: usize,
}

impl Tally {
    /// Takes in all that one binding gave one subject.
    fn take(&mut self, bound: &[Right], search: &mut Search<'_>, question: &Question<'_>, any_log: bool) {
        for right in bound {
            if right.subject.kind == SubjectKind::Group {
                self.groups.insert(Arc::clone(&right.subject.name));
            }
            let Some(rule) = gives(right).1 else {
                self.lifeless += usize::from(matches!(right.gives, Gives::NoRules | Gives::Dangling | Gives::Nobody));
                continue;
            };
            let used = search.of(right, rule, bound);
            let logged = used.requests > 0 || search.logged(rule);
            self.grants += 1;
            self.unused += usize::from(used.requests == 0);
            self.unlogged += usize::from(!logged);
            if !question.all && used.requests > 0 {
                continue;
            }
            if self.rows.len() < question.limit {
                let key = (right.subject.clone(), right.scope.clone());
                self.rows.push((key, row(right, rule, &used, logged, any_log)));
            } else {
                self.hidden += 1;
            }
        }
    }
}

/// Brings together what is one grant: rows that differ only in how well they are known, or in the rule's place in
/// its role, and follow each other without a break. A grant holds as long as all its rows together. The rows are
/// all that one binding gave one subject.
fn unbroken(bound: &[Right]) -> Vec<Right> {
    let mut alike: Vec<Vec<&Right>> = Vec::new();
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    for right in bound {
        let found = places.entry(content_hash(right)).or_default();
        let own = found.iter().find(|place| {
            alike.get(**place).and_then(|list| list.first()).is_some_and(|first| same_content(first, right))
        });
        match own.and_then(|place| alike.get_mut(*place)) {
            Some(list) => list.push(right),
            None => {
                found.push(alike.len());
                alike.push(vec![right]);
            }
        }
    }
    alike.into_iter().flat_map(joined).collect()
}

/// Rows of equal content, those that touch in time made one.
fn joined(mut rows: Vec<&Right>) -> Vec<Right> {
    rows.sort_by_key(|right| right.reach);
    let mut whole: Vec<Right> = Vec::new();
    for right in rows {
        match whole.last_mut().filter(|last| right.reach.from <= last.held.to) {
            Some(last) => {
                last.held.to = last.held.to.max(right.reach.to);
                last.basis = last.basis.weakest(right.basis);
            }
            None => whole.push(Right { held: right.reach, ..right.clone() }),
        }
    }
    whole
}

fn content_hash(right: &Right) -> u64 {
    let mut hasher = DefaultHasher::new();
    let (word, rule, _) = gives(right);
    (word, rule).hash(&mut hasher);
    hasher.finish()
}

fn same_content(a: &Right, b: &Right) -> bool {
    let content = |right| {
        let (word, rule, _) = gives(right);
        (word, rule)
    };
    content(a) == content(b)
}

fn describe(question: &Question<'_>) -> Vec<(&'static str, Value)> {
    vec![
        ("subject", Value::text(question.typed)),
        ("kind", Value::text(question.kind)),
        ("all", Value::Bool(question.all)),
    ]
}

/// What must be said of the grants and of whose use counts.
fn notes(only: Option<&str>, uses: &Uses, tally: &Tally) -> Vec<String> {
    let mut notes = Vec::new();
    if tally.hidden > 0 {
        notes.push(format!(
            "{} more grants are not shown: narrow the question by subject or time, or raise --limit",
            tally.hidden
        ));
    }
    if tally.unlogged > 0 {
        notes.push(format!(
            "of {} of {} grants the log shows no use by anybody at all (column `logged`): whether such requests are logged cannot be told",
            tally.unlogged, tally.grants
        ));
    }
    if tally.lifeless > 0 {
        notes.push(format!(
            "{} bindings of subjects grant nothing and are not listed (no such role, no rules, nobody): see `rights`",
            tally.lifeless
        ));
    }
    if let Some(user) = only {
        notes.push(format!("only use by `{user}` counts, also of what comes through groups"));
    }
    let masters = uses.requests.iter().filter(|r| !r.besides && uses.identity(r).is_some_and(|i| i.is_master()));
    let requests: usize = masters.map(|r| r.moments.len()).sum();
    if requests > 0 {
        notes.push(format!(
            "{requests} requests by members of system:masters used no grant: RBAC is not asked for them"
        ));
    }
    notes.extend(implied_members(tally.groups.iter().map(|group| &**group).filter(|group| *group != MASTERS)));
    notes
}

fn columns() -> Vec<AnswerColumn> {
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
        column("requests"),
        column("last_used"),
        column("logged"),
        wide("binding_kind"),
        wide("binding_namespace"),
        wide("binding"),
        wide("role_kind"),
        wide("rule_index"),
        wide("gives"),
        wide("unused_verbs"),
        wide("unused_resources"),
        wide("last_used_source"),
        wide("valid_from"),
        wide("valid_to"),
        wide("basis"),
        wide("reason"),
    ]
}

fn row(r: &Right, rule: &PolicyRule, used: &Use, logged: bool, any_log: bool) -> Vec<Value> {
    let (word, _, reason) = gives(r);
    let told = |value: Value| if any_log { value } else { Value::Null };
    vec![
        r.subject.kind.as_str().into(),
        namespace(&r.subject.namespace),
        (&*r.subject.name).into(),
        scope(&r.scope),
        (&*r.role.name).into(),
        entries(Some(rule), |x| &x.verbs),
        entries(Some(rule), |x| &x.api_groups),
        entries(Some(rule), |x| &x.resources),
        entries(Some(rule), |x| &x.resource_names),
        entries(Some(rule), |x| &x.non_resource_urls),
        told(Value::Int(i64::try_from(used.requests).unwrap_or(i64::MAX))),
        used.last.as_ref().map_or(Value::Null, |m| Value::Time(m.received)),
        told(Value::Bool(logged)),
        r.binding.kind.as_str().into(),
        namespace(&r.binding.namespace),
        (&*r.binding.name).into(),
        (&*r.role.kind).into(),
        rule_index(r),
        word.into(),
        told(left(&rule.verbs, &used.verbs)),
        told(left(whats(rule), &used.whats)),
        used.last.as_ref().map_or(Value::Null, |m| format!("{}:{}", m.source, m.line).into()),
        Value::bound(r.held.from),
        Value::bound(r.held.to),
        r.basis.as_str().into(),
        Value::text(reason),
    ]
}

/// The entries that were of no use.
fn left(entries: &[String], used: &[bool]) -> Value {
    Value::texts(entries.iter().zip(used).filter(|(_, used)| !**used).map(|(entry, _)| entry))
}
