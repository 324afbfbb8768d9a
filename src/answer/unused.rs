//! `unused`: what was held in a stretch of time and, as far as the audit log shows, never used in it.
//!
//! A grant counts as used when it would have allowed some request that was allowed while it held, whichever
//! binding the API server named for it: taking it away may still be safe where another grant allows the same,
//! but leaving it out of this list is the error that costs nobody their access. Requests of `system:masters`
//! use no grant, because RBAC is not asked for them.

use std::collections::{BTreeMap, HashMap};

use super::rights::{entries, gives, rule_index};
use super::subject::{Wanted, implied_members};
use super::uses::{LogView, Moment, Outcome, Requests, Shape, UseIndex, Uses};
use super::who_can::{namespace, scope, unknowns};
use super::{Answer, AnswerColumn, AsOf, Value, Verdict, column, wide};
use crate::authz::matching::{ALL, matched_entries, resource_matches, rule_allows, url_matches};
use crate::authz::{Authorizer, Gives, GrantScope, Right, SubjectKind, When};
use crate::model::identity::{MASTERS, service_account_user};
use crate::model::rbac::PolicyRule;
use crate::model::review::{Action, Target};
use crate::model::time::Interval;

/// How long an authorizer may still act on a state that has ended: it reads RBAC objects through a cache.
const CACHE_LAG: i64 = 10_000_000;

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
}

/// What the log shows of one grant.
#[derive(Clone, Debug, Default)]
struct Use {
    requests: usize,
    last: Option<Moment>,
    /// Which entries of `verbs` and `resources` (or URLs) were of use.
    verbs: Vec<bool>,
    whats: Vec<bool>,
}

/// The grants with their use.
struct Search<'a> {
    uses: &'a Uses,
    index: UseIndex<'a>,
    /// For a question about one identity: its user name. Others' use of the same groups does not count.
    only: Option<String>,
    within: Interval,
    shapes: Vec<Action>,
    logged: HashMap<PolicyRule, bool>,
}

/// Answers; `members` are the users that events show in each group.
pub fn answer(
    authorizer: &Authorizer,
    question: &Question<'_>,
    uses: &Uses,
    log: &LogView,
    members: &BTreeMap<String, Vec<String>>,
) -> Answer {
    let found = question.wanted.rights(authorizer, question.kind, When::During(question.within));
    let mut search = Search::new(question, uses);
    let mut rows = Vec::new();
    let (mut unlogged, mut unused, mut grants) = (0_usize, 0_usize, 0_usize);
    let same = |a: &Right, b: &Right| (&a.subject, &a.binding, &a.role) == (&b.subject, &b.binding, &b.role);
    let held = unbroken(&found.rows);
    for (bound, right) in held.chunk_by(same).flat_map(|chunk| chunk.iter().map(move |right| (chunk, right))) {
        let Some(rule) = gives(right).1 else { continue };
        grants += 1;
        let used = search.of(right, rule, bound);
        let logged = used.requests > 0 || search.logged(rule);
        unused += usize::from(used.requests == 0);
        unlogged += usize::from(!logged);
        if question.all || used.requests == 0 {
            rows.push(row(right, rule, &used, logged, log.spans.is_some()));
        }
    }
    let mut notes = question.wanted.notes(members);
    notes.extend(log.notes(uses));
    notes.extend(search.notes(&held, grants, unlogged));
    notes.extend(unknowns(&found.unknown));
    let verdict = match (log.spans.is_some(), grants, unused) {
        (_, 0, _) if found.unknown.is_empty() => Verdict::No,
        (false, ..) | (_, 0, _) => Verdict::Unknown,
        (true, _, 0) => Verdict::No,
        (true, ..) => Verdict::Yes,
    };
    Answer {
        question: describe(question),
        as_of: AsOf::Stretch(question.within),
        basis: Some(found.basis),
        notes,
        columns: columns(),
        rows,
        verdict,
    }
}

/// Rows that differ only in how well they are known are one grant, held as long as all of them together.
fn unbroken(rows: &[Right]) -> Vec<Right> {
    let same = |a: &Right, b: &Right| {
        (&a.subject, &a.binding, &a.role) == (&b.subject, &b.binding, &b.role)
            && (&a.gives, a.reach) == (&b.gives, b.reach)
    };
    let mut whole: Vec<Right> = Vec::new();
    for right in rows {
        match whole.last_mut().filter(|last| same(last, right)) {
            Some(last) => last.basis = last.basis.weakest(right.basis),
            None => whole.push(Right { held: right.reach, ..right.clone() }),
        }
    }
    whole
}

fn describe(question: &Question<'_>) -> Vec<(&'static str, Value)> {
    vec![
        ("subject", Value::text(question.typed)),
        ("kind", Value::text(question.kind)),
        ("all", Value::Bool(question.all)),
    ]
}

impl<'a> Search<'a> {
    fn new(question: &Question<'_>, uses: &'a Uses) -> Self {
        let index = uses.index(|requests, identity| requests.outcome == Outcome::Allowed && !identity.is_master());
        Self {
            uses,
            index,
            only: question.wanted.full_identity().map(|(user, _)| user),
            within: question.within,
            shapes: uses.shapes().iter().map(Shape::action).collect(),
            logged: HashMap::new(),
        }
    }

    /// The requests of those that a right's subject stands for.
    fn requests(&self, right: &Right) -> impl Iterator<Item = &'a Requests> {
        let name = &right.subject.name;
        let places = match right.subject.kind {
            SubjectKind::User => self.index.of_user(name),
            SubjectKind::ServiceAccount => self.index.of_user(&service_account_user(&right.subject.namespace, name)),
            SubjectKind::Group => self.index.of_group(name),
            SubjectKind::Other(_) => &[],
        };
        let uses = self.uses;
        let mine = |r: &&Requests| match &self.only {
            Some(user) => uses.identity(r).is_some_and(|i| i.user == *user),
            None => true,
        };
        places.iter().filter_map(|place| uses.requests.get(*place)).filter(mine)
    }

    /// What use the log shows of a grant; `bound` is all that its binding ever gave its subject.
    fn of(&self, right: &Right, rule: &PolicyRule, bound: &[Right]) -> Use {
        let mut used =
            Use { verbs: vec![false; rule.verbs.len()], whats: vec![false; whats(rule).len()], ..Use::default() };
        let held = right.held.intersect(self.within);
        for requests in self.requests(right) {
            if !reaches(&right.scope, &requests.action) || !rule_allows(rule, &requests.action) {
                continue;
            }
            let mut count = requests.moments.count_within(held);
            let mut last = requests.moments.last_within(held);
            if names(right, requests) {
                let late = late(requests, held, bound);
                count = count.saturating_add(late.len());
                last = last.max(late.first().copied());
            }
            if count > 0 {
                used.requests = used.requests.saturating_add(count);
                used.last = used.last.max(last.cloned());
                used.mark(rule, &requests.action);
            }
        }
        used
    }

    /// Whether the log shows any request at all of the kind that a rule allows, by anybody, whatever came of it.
    fn logged(&mut self, rule: &PolicyRule) -> bool {
        if let Some(known) = self.logged.get(rule) {
            return *known;
        }
        let seen = self.shapes.iter().any(|shape| matched_entries(rule, shape).is_some());
        self.logged.insert(rule.clone(), seen);
        seen
    }

    fn notes(&self, rows: &[Right], grants: usize, unlogged: usize) -> Vec<String> {
        let mut notes = Vec::new();
        if unlogged > 0 {
            notes.push(format!(
                "of {unlogged} of {grants} grants the log shows no use by anybody at all (column `logged`): whether such requests are logged cannot be told"
            ));
        }
        let lifeless =
            rows.iter().filter(|r| matches!(r.gives, Gives::NoRules | Gives::Dangling | Gives::Nobody)).count();
        if lifeless > 0 {
            notes.push(format!("{lifeless} bindings of subjects grant nothing and are not listed (no such role, no rules, nobody): see `rights`"));
        }
        if let Some(user) = &self.only {
            notes.push(format!("only use by `{user}` counts, also of what comes through groups"));
        }
        let masters =
            self.uses.requests.iter().filter(|r| !r.besides && self.uses.identity(r).is_some_and(|i| i.is_master()));
        let requests: usize = masters.map(|r| r.moments.len()).sum();
        if requests > 0 {
            notes.push(format!(
                "{requests} requests by members of system:masters used no grant: RBAC is not asked for them"
            ));
        }
        let group = |r: &&Right| r.subject.kind == SubjectKind::Group && *r.subject.name != *MASTERS;
        notes.extend(implied_members(rows.iter().filter(group).map(|r| &*r.subject.name)));
        notes
    }
}

impl Use {
    /// Marks the entries of the rule that match an action which the rule allows. Each list is matched for itself.
    fn mark(&mut self, rule: &PolicyRule, action: &Action) {
        for (verb, used) in rule.verbs.iter().zip(&mut self.verbs) {
            *used |= verb == ALL || *verb == action.verb;
        }
        for (what, used) in whats(rule).iter().zip(&mut self.whats) {
            *used |= match &action.target {
                Target::Resource(target) => resource_matches(what, target),
                Target::NonResource { path } => rule.resources.is_empty() && url_matches(what, path),
            };
        }
    }
}

/// What a rule is about: resources, or URLs.
fn whats(rule: &PolicyRule) -> &[String] {
    if rule.resources.is_empty() { &rule.non_resource_urls } else { &rule.resources }
}

/// Whether a grant of this scope can allow the action at all.
fn reaches(scope: &GrantScope, action: &Action) -> bool {
    match scope {
        GrantScope::Cluster => true,
        GrantScope::Namespace(namespace) => {
            matches!(action.target, Target::Resource(_)) && action.namespace() == &**namespace
        }
    }
}

/// Whether the API server named this very binding and role.
fn names(right: &Right, requests: &Requests) -> bool {
    requests.named.as_ref().is_some_and(|named| {
        named.binding_kind == right.binding.kind
            && *named.binding == *right.binding.name
            && *named.binding_namespace == *right.binding.namespace
            && *named.role == *right.role.name
    })
}

/// Requests that the API server allowed by a grant shortly before or after it held, the last first. They count
/// only where nothing that the same binding gave at that moment explains them.
fn late<'r>(requests: &'r Requests, held: Interval, bound: &[Right]) -> Vec<&'r Moment> {
    let lagging = Interval::new(held.from.plus_micros(-CACHE_LAG), held.to.plus_micros(CACHE_LAG));
    if held.is_empty() || requests.moments.count_within(lagging) == requests.moments.count_within(held) {
        return Vec::new();
    }
    let allows = |right: &&Right| gives(right).1.is_some_and(|rule| rule_allows(rule, &requests.action));
    let explained = |m: &Moment| bound.iter().filter(allows).any(|right| m.may_lie_in(right.held));
    requests.moments.within(lagging).filter(|m| !explained(m)).collect()
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
