//! `check`: the authorizer's own words in the audit log, held against the rebuilt RBAC.
//!
//! Every event says how it was decided (`authorization.k8s.io/decision`) and by which binding
//! (`authorization.k8s.io/reason`). That is a witness independent of snapshots and of the bodies in the log: where the two
//! contradict each other, one of them is incomplete or false. Every event lands in exactly one row, so the counts add up.
//!
//! The log says when a request was received and when a stage was reached, not when it was decided; and the API server
//! decides by its own watch of the RBAC objects, which lags behind their writes. So agreement at any moment around the
//! decision counts, and is counted apart.
//!
//! Source: `staging/src/k8s.io/apiserver/pkg/endpoints/filters/authorization.go`, `plugin/pkg/auth/authorizer/rbac/rbac.go`.

mod causes;
mod judge;
mod request;
mod requests;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::{Answer, AnswerColumn, AsOf, Value, Verdict, column, wide};
use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::history::state::RbacTimeline;
use crate::model::finding::Severity;
use crate::model::progress::Progress;
use crate::model::time::{Interval, Timestamp};
use crate::tables::{events, sources};

use judge::{Judged, Witness};
use request::Request;
use requests::Seen;

/// How an event and the rebuilt RBAC stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// Allowed, and at no moment around it would RBAC have allowed it.
    AllowedAgainstRbac,
    /// Forbidden, and at all moments around it RBAC would have allowed it.
    ForbiddenAgainstRbac,
    /// RBAC would have allowed it, but not by the binding named, which was there and gave something else.
    NamedGrantDiffers,
    /// RBAC would have allowed it, but not by the binding named, which was not there.
    NamedGrantAbsent,
    /// RBAC would have allowed it; whether by the binding named, the evidence cannot tell.
    NamedGrantUnknown,
    /// The evidence cannot tell what RBAC would have said.
    CannotTell,
    /// RBAC did not decide it, or the event does not say how it was decided.
    NotComparable,
    /// Both say the same, but only shortly before or after the request was received.
    AgreeNearAChange,
    /// Both say the same.
    Agree,
}

impl Outcome {
    /// The code used in answers.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::AllowedAgainstRbac => "allowed-against-rbac",
            Self::ForbiddenAgainstRbac => "forbidden-against-rbac",
            Self::NamedGrantDiffers => "named-grant-differs",
            Self::NamedGrantAbsent => "named-grant-absent",
            Self::NamedGrantUnknown => "named-grant-unknown",
            Self::CannotTell => "cannot-tell",
            Self::NotComparable => "not-comparable",
            Self::AgreeNearAChange => "agree-near-a-change",
            Self::Agree => "agree",
        }
    }

    const fn severity(self) -> Severity {
        match self {
            Self::AllowedAgainstRbac => Severity::High,
            Self::ForbiddenAgainstRbac | Self::NamedGrantDiffers | Self::NamedGrantAbsent => Severity::Medium,
            Self::NamedGrantUnknown | Self::CannotTell => Severity::Low,
            Self::NotComparable | Self::AgreeNearAChange | Self::Agree => Severity::Info,
        }
    }

    /// Whether the two witnesses contradict each other.
    const fn disagrees(self) -> bool {
        matches!(
            self,
            Self::AllowedAgainstRbac | Self::ForbiddenAgainstRbac | Self::NamedGrantDiffers | Self::NamedGrantAbsent
        )
    }
}

/// What events of one row have in common. What is not told apart is `None`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    outcome: Outcome,
    /// Why it is not comparable.
    why: Option<String>,
    user: Option<String>,
    verb: Option<String>,
    target: Option<String>,
    namespace: Option<String>,
    decision: Option<String>,
    reason: Option<String>,
}

/// The events of one row.
#[derive(Clone, Debug)]
struct Tally {
    events: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// The first event, to show.
    example: Seen,
    /// What the rebuilt RBAC says to it.
    rebuilt: String,
    causes: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.events = self.events.saturating_add(other.events);
        self.first = earlier(self.first, other.first);
        self.last = self.last.max(other.last);
        if other.example < self.example {
            self.example = other.example;
            self.rebuilt = other.rebuilt;
            self.causes = other.causes;
        }
    }
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    a.into_iter().chain(b).min()
}

/// All rows so far.
#[derive(Clone, Debug, Default)]
struct Summary(BTreeMap<Group, Tally>);

impl Summary {
    fn add(&mut self, group: Group, tally: Tally) {
        match self.0.entry(group) {
            Entry::Occupied(mut there) => there.get_mut().add(tally),
            Entry::Vacant(free) => drop(free.insert(tally)),
        }
    }

    fn merge(mut self, other: Self) -> Self {
        for (group, tally) in other.0 {
            self.add(group, tally);
        }
        self
    }

    fn events(&self, holds: impl Fn(Outcome) -> bool) -> u64 {
        self.0.iter().filter(|(g, _)| holds(g.outcome)).fold(0, |sum, (_, t)| sum.saturating_add(t.events))
    }
}

/// Answers from the events of one cluster, received within a stretch if one is given. The answer is the same for any
/// number of threads.
///
/// # Errors
/// When a table cannot be read.
pub fn answer(
    case: &Case,
    cluster: &str,
    timeline: RbacTimeline,
    within: Option<Interval>,
    progress: &dyn Progress,
) -> Result<Answer, CaseError> {
    let witness = Witness::new(timeline);
    let parts = case.parts(&events::TABLE, Some(cluster))?;
    let hiding = hiding_impersonation(case, cluster)?;
    progress.begin("holding decisions against the rebuilt RBAC", None);
    let summary = parts
        .into_par_iter()
        .map(|part| {
            let frame = Frame::collect(part.select(requests::columns()), "events")?;
            progress.rows(frame.height() as u64);
            summary_of(&frame, &witness, within, &hiding)
        })
        .try_reduce(Summary::default, |a, b| Ok(a.merge(b)))?;
    progress.finish();
    Ok(shown(&summary, within))
}

/// The sources whose format cannot say whom a request was made as.
fn hiding_impersonation(case: &Case, cluster: &str) -> Result<BTreeSet<String>, CaseError> {
    let frame = Frame::collect(case.table(&sources::TABLE, Some(cluster))?, "sources")?;
    let (id, absent) = (frame.text("source_id")?, frame.list("absent_fields")?);
    let hides = |row: &usize| absent.get(*row).is_some_and(|a| a.iter().any(|f| f == "impersonated_user_username"));
    Ok((0..frame.height()).filter(hides).filter_map(|row| id.get(row).map(str::to_owned)).collect())
}

/// One part of the events. Events that ask the same in the same stretch between changes are judged once.
fn summary_of(
    frame: &Frame,
    witness: &Witness,
    within: Option<Interval>,
    hiding: &BTreeSet<String>,
) -> Result<Summary, CaseError> {
    let mut summary = Summary::default();
    for (request, seen) in requests::read(frame, witness.turns(), within, hiding)? {
        let judged = witness.judge(&request, seen.first_seen.moment());
        let (group, tally) = row_of(&request, judged, seen);
        summary.add(group, tally);
    }
    Ok(summary)
}

fn row_of(request: &Request<'_>, judged: Judged, seen: requests::Sightings) -> (Group, Tally) {
    let Judged { outcome, why, rebuilt, causes } = judged;
    let one_by_one = outcome.disagrees() || outcome == Outcome::NamedGrantUnknown;
    let by_namespace = one_by_one || outcome == Outcome::CannotTell;
    let told = |text: Option<&str>| text.filter(|_| one_by_one).map(str::to_owned);
    let group = Group {
        outcome,
        why: why.filter(|_| outcome == Outcome::NotComparable),
        user: told(request.user),
        verb: told(request.verb),
        target: one_by_one.then(|| request.target()).flatten(),
        namespace: request.namespace.filter(|_| by_namespace).map(str::to_owned),
        decision: told(request.decision),
        reason: told(request.reason),
    };
    let tally =
        Tally { events: seen.events, first: seen.first, last: seen.last, example: seen.first_seen, rebuilt, causes };
    (group, tally)
}

fn columns() -> Vec<AnswerColumn> {
    vec![
        column("severity"),
        column("outcome"),
        column("events"),
        column("first_time"),
        column("last_time"),
        column("user"),
        column("verb"),
        column("resource"),
        column("namespace"),
        column("decision"),
        column("reason"),
        column("rebuilt_rbac"),
        column("likely_causes"),
        column("source"),
        wide("audit_id"),
        wide("name"),
        wide("groups"),
    ]
}

fn row(group: &Group, tally: &Tally) -> Vec<Value> {
    let text = |t: &Option<String>| Value::text(t.as_deref());
    let agree = matches!(group.outcome, Outcome::Agree | Outcome::AgreeNearAChange);
    let example = |t: Option<String>| if agree { Value::Null } else { Value::text(t) };
    let or_null = |t: &str| if t.is_empty() { Value::Null } else { t.into() };
    let reason = if group.outcome == Outcome::NotComparable { &group.why } else { &group.reason };
    vec![
        group.outcome.severity().as_str().into(),
        group.outcome.as_str().into(),
        Value::Int(i64::try_from(tally.events).unwrap_or(i64::MAX)),
        tally.first.map_or(Value::Null, Value::Time),
        tally.last.map_or(Value::Null, Value::Time),
        text(&group.user),
        text(&group.verb),
        text(&group.target),
        text(&group.namespace),
        text(&group.decision),
        text(reason),
        or_null(&tally.rebuilt),
        or_null(&tally.causes.join("; ")),
        example(Some(tally.example.place())),
        example(tally.example.audit_id.clone()),
        example(tally.example.name.clone()),
        match &tally.example.groups {
            Some(groups) if !agree => Value::texts(groups.iter()),
            _ => Value::Null,
        },
    ]
}

fn shown(summary: &Summary, within: Option<Interval>) -> Answer {
    let mut rows: Vec<(&Group, &Tally)> = summary.0.iter().collect();
    rows.sort_by(|(a, x), (b, y)| (a.outcome, y.events, x.first, *a).cmp(&(b.outcome, x.events, y.first, *b)));
    let disagree = summary.events(Outcome::disagrees);
    let agree = summary.events(|o| matches!(o, Outcome::Agree | Outcome::AgreeNearAChange));
    Answer {
        question: vec![],
        as_of: within.map_or(AsOf::Everything, AsOf::Stretch),
        basis: None,
        notes: notes(summary, disagree),
        columns: columns(),
        rows: rows.into_iter().map(|(group, tally)| row(group, tally)).collect(),
        verdict: match (disagree, agree) {
            (0, 0) => Verdict::Unknown,
            (0, _) => Verdict::Yes,
            _ => Verdict::No,
        },
    }
}

fn notes(summary: &Summary, disagree: u64) -> Vec<String> {
    let count = |outcome: Outcome| summary.events(|o| o == outcome);
    let told = [
        (count(Outcome::Agree), "agree"),
        (count(Outcome::AgreeNearAChange), "agree near a change"),
        (count(Outcome::NotComparable), "not comparable"),
        (count(Outcome::CannotTell) + count(Outcome::NamedGrantUnknown), "the evidence cannot tell"),
        (disagree, "disagree"),
    ];
    let all = summary.events(|_| true);
    let counts: Vec<String> = told.iter().map(|(n, what)| format!("{n} {what}")).collect();
    let mut notes = vec![format!("{all} events: {}", counts.join(", "))];
    if disagree > 0 {
        notes.push(
            "where log and rebuilt RBAC contradict each other, one of them is incomplete or false; causes are likely ones, \
             the most likely first"
                .to_owned(),
        );
    }
    notes
}
