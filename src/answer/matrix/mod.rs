//! `matrix`: what a subject could do, resource by resource and verb by verb, as of an instant. Every cell is the
//! authorizer's own answer for the full identity, groups included, so that it says what `can` says.

mod resources;
mod standing;

use std::collections::BTreeMap;

use super::subject::Wanted;
use super::who_can::{namespace as shown_namespace, unknowns};
use super::{Answer, AnswerColumn, AsOf, Value, Verdict, column, wide};
use crate::authz::Authorizer;
use crate::model::basis::Basis;
use crate::model::resource::Catalogue;
use crate::model::time::Timestamp;

use resources::{Line, lines};
use standing::Standing;

/// The columns, in the order that people know from `rakkess`.
const VERBS: [&str; 8] = ["list", "create", "update", "patch", "delete", "deletecollection", "get", "watch"];

/// A question for a matrix.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The subject as typed.
    pub typed: &'a str,
    /// The subject as understood: an identity or a group.
    pub wanted: &'a Wanted,
    /// In this namespace; `None` is cluster-wide.
    pub namespace: Option<&'a str>,
    /// Leave out resources to which nothing can be done.
    pub granted: bool,
    /// When.
    pub at: Timestamp,
}

/// What a cell says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Yes,
    No,
    NamesOnly,
    Unknown,
    /// The resource does not serve the verb.
    NotServed,
}

impl Cell {
    fn value(self) -> Value {
        match self {
            Self::Yes => "yes".into(),
            Self::No => "no".into(),
            Self::NamesOnly => "names only".into(),
            Self::Unknown => "?".into(),
            Self::NotServed => Value::Null,
        }
    }
}

/// Answers; `None` when the subject is neither an identity nor a group.
pub fn answer(
    authorizer: &Authorizer,
    catalogue: &Catalogue,
    question: &Question<'_>,
    members: &BTreeMap<String, Vec<String>>,
) -> Option<Answer> {
    let (user, groups) = match question.wanted {
        // No user is named so, and none can be: only the group's own grants count.
        Wanted::Group(group) => ("\0".to_owned(), vec![group.clone()]),
        wanted => wanted.full_identity()?,
    };
    let standing = Standing::new(authorizer, user, groups, question.namespace, question.at);
    let (lines, hidden) = lines(catalogue, &standing);
    let mut seen = Seen::default();
    let mut rows = Vec::new();
    for line in &lines {
        let cells = VERBS.map(|verb| standing.cell(line, verb, &mut seen.basis));
        let other = standing.other_verbs(line);
        let nothing = other.is_empty() && cells.iter().all(|c| matches!(c, Cell::No | Cell::NotServed));
        seen.take(&cells, &other);
        if !(question.granted && nothing) {
            rows.push(row(line, cells, &other, &standing));
        }
    }
    Some(Answer {
        question: vec![("subject", question.typed.into()), ("namespace", Value::text(question.namespace))],
        as_of: AsOf::Moment(question.at),
        basis: Some(seen.basis.unwrap_or(Basis::Unknown)),
        notes: notes(question, catalogue, &standing, (hidden, lines.iter().filter(|l| !l.known).count()), members),
        columns: columns(),
        rows,
        verdict: seen.verdict(),
    })
}

/// What all cells come to.
#[derive(Default)]
struct Seen {
    basis: Option<Basis>,
    any: bool,
    unknown: bool,
}

impl Seen {
    fn take(&mut self, cells: &[Cell], other: &[String]) {
        self.any |= !other.is_empty() || cells.iter().any(|c| matches!(c, Cell::Yes | Cell::NamesOnly));
        self.unknown |= cells.contains(&Cell::Unknown);
    }

    fn verdict(&self) -> Verdict {
        match (self.any, self.unknown) {
            (true, _) => Verdict::Yes,
            (false, true) => Verdict::Unknown,
            (false, false) => Verdict::No,
        }
    }
}

fn columns() -> Vec<AnswerColumn> {
    let mut columns = vec![column("resource")];
    columns.extend(VERBS.map(column));
    columns.extend([column("other"), wide("api_group"), wide("namespace"), wide("known"), wide("names")]);
    columns
}

fn row(line: &Line, cells: [Cell; VERBS.len()], other: &[String], standing: &Standing<'_>) -> Vec<Value> {
    let mut row = vec![line.to_string().into()];
    row.extend(cells.map(Cell::value));
    row.extend([
        Value::texts(other),
        line.group.as_str().into(),
        shown_namespace(standing.namespace(line)),
        Value::Bool(line.known),
        Value::texts(standing.names(line)),
    ]);
    row
}

fn notes(
    question: &Question<'_>,
    catalogue: &Catalogue,
    standing: &Standing<'_>,
    (hidden, unserved): (usize, usize),
    members: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let mut notes = question.wanted.notes(members);
    notes.push(match question.namespace {
        Some(namespace) => {
            format!("asked in namespace `{namespace}`; cluster-scoped resources are asked without a namespace")
        }
        None => "asked cluster-wide, where RoleBindings do not count; -n NAMESPACE asks in one namespace".to_owned(),
    });
    if !catalogue.has_discovery() {
        notes.push("the evidence has no discovery data: the resources are those of a current Kubernetes, and those named in rules".to_owned());
    }
    if unserved > 0 {
        notes.push(format!("{unserved} resources and subresources are named in rules only: whether the cluster serves them is not known (column `known`)"));
    }
    if hidden > 0 {
        notes.push(format!("{hidden} more resources are named in rules and not shown"));
    }
    if standing.is_node() {
        notes.push("the Node authorizer, which decides by the pods of a node, may allow kubelets more than RBAC does: such cells say `?`".to_owned());
    }
    notes.extend(unknowns(standing.unknown()));
    notes
}
