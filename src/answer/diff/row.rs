//! The rows of `diff`: one shape for what happened to objects and for what became of grants.

use crate::answer::net_grants::Name;
use crate::answer::who_can::namespace;
use crate::answer::{AnswerColumn, Value, column, wide};
use crate::model::basis::Basis;
use crate::model::time::Timestamp;

/// One row of the answer.
#[derive(Default)]
pub(super) struct Row {
    pub(super) about: &'static str,
    pub(super) time: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) change: &'static str,
    pub(super) what: String,
    pub(super) details: String,
    pub(super) by: Option<String>,
    pub(super) audit_id: Option<String>,
    pub(super) ended_by: Option<String>,
    pub(super) ended_by_audit_id: Option<String>,
    pub(super) matters: Option<bool>,
    pub(super) basis: Option<Basis>,
    pub(super) object: Name,
    pub(super) verb: Option<String>,
    pub(super) subject: Option<Name>,
    pub(super) scope: Option<String>,
    pub(super) binding: Option<String>,
    pub(super) role: Option<String>,
    pub(super) rules: Vec<String>,
    pub(super) cause: Option<String>,
    pub(super) source: Option<String>,
}

/// The columns of all rows.
pub(super) fn columns() -> Vec<AnswerColumn> {
    vec![
        column("about"),
        column("time"),
        column("until"),
        column("change"),
        column("what"),
        column("details"),
        column("by"),
        column("audit_id"),
        column("ended_by"),
        column("could_not_otherwise"),
        column("basis"),
        wide("ended_by_audit_id"),
        wide("cause"),
        wide("verb"),
        wide("kind"),
        wide("namespace"),
        wide("name"),
        wide("subject_kind"),
        wide("subject_namespace"),
        wide("subject_name"),
        wide("scope"),
        wide("binding"),
        wide("role"),
        wide("rules"),
        wide("source"),
    ]
}

impl Row {
    /// The values, in the order of the columns.
    pub(super) fn cells(self) -> Vec<Value> {
        let time = |t: Option<Timestamp>| t.map_or(Value::Null, Value::bound);
        let grant = self.about == GRANT;
        let (kind, space, name) = self.object;
        let text = |t: String| if t.is_empty() { Value::Null } else { t.into() };
        let (subject_kind, subject_namespace, subject_name) = match self.subject {
            Some((kind, space, name)) => (kind.into(), namespace(&space), name.into()),
            None => (Value::Null, Value::Null, Value::Null),
        };
        vec![
            self.about.into(),
            time(self.time),
            time(self.until),
            self.change.into(),
            self.what.into(),
            text(self.details),
            Value::text(self.by),
            Value::text(self.audit_id),
            Value::text(self.ended_by),
            self.matters.map_or(Value::Null, Value::Bool),
            Value::text(self.basis.map(Basis::as_str)),
            Value::text(self.ended_by_audit_id),
            Value::text(self.cause),
            Value::text(self.verb),
            text(kind),
            namespace(&space),
            text(name),
            subject_kind,
            subject_namespace,
            subject_name,
            if grant { self.scope.map_or("cluster-wide".into(), Value::from) } else { Value::Null },
            Value::text(self.binding),
            Value::text(self.role),
            if grant { Value::texts(self.rules) } else { Value::Null },
            Value::text(self.source),
        ]
    }
}

/// A row about an object.
pub(super) const OBJECT: &str = "object";
/// A row about a grant.
pub(super) const GRANT: &str = "grant";
