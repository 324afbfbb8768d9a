//! `who-did`: the requests that were made, each counted once however many stages were logged.

mod columns;
mod count;
mod filter;
mod identity;
mod once;
mod shared;
mod tally;

pub use count::{Unit, counts};
pub use filter::Filter;

use arrow::array::{Array as _, Int32Array, Int64Array, ListArray, RecordBatch, StringArray};

use super::{Answer, AnswerColumn, AsOf, Value, Verdict, column, wide};
use crate::case::rows::{Batch, list_at, text_at};
use crate::case::{Case, CaseError};
use crate::tables::events;
use once::{Request, once};

/// What is shown of a request besides its identity, as its last stage has it.
const SHOWN: [&str; 15] = [
    "stage_timestamp",
    "impersonated_user_username",
    "object_ref_resource",
    "object_ref_subresource",
    "object_ref_namespace",
    "object_ref_name",
    "object_ref_api_group",
    "response_status_code",
    "authorization_decision",
    "authorization_reason",
    "user_agent",
    "level",
    "stage",
    "user_credential_id",
    "line",
];

/// Answers from the events of one cluster.
///
/// # Errors
/// When the table cannot be read.
pub fn answer(case: &Case, cluster: &str, filter: &Filter) -> Result<Answer, CaseError> {
    let read: Vec<&str> = identity::SHARED.into_iter().chain(identity::OWN).chain(SHOWN).collect();
    let batches = case.sift(&events::TABLE, cluster, &filter.sieve(), &read)?;
    let mut requests = once(&batches)?;
    let notes = shorten(&mut requests, filter.limit, "requests");
    let shown: Vec<Shown<'_>> = batches.iter().map(Shown::of).collect::<Result<_, _>>()?;
    let rows: Vec<Vec<Value>> =
        requests.iter().filter_map(|request| Some(shown.get(request.batch)?.row(request))).collect();
    Ok(Answer {
        question: filter.describe(None),
        as_of: filter.within.map_or(AsOf::Everything, AsOf::Stretch),
        basis: None,
        notes,
        columns: columns(),
        verdict: if rows.is_empty() { Verdict::No } else { Verdict::Yes },
        rows,
    })
}

/// Leaves out rows past the limit, and says so.
fn shorten<T>(rows: &mut Vec<T>, limit: Option<u32>, what: &str) -> Vec<String> {
    let total = rows.len();
    match limit {
        Some(limit) if total > limit as usize => {
            rows.truncate(limit as usize);
            vec![format!("{total} {what}; the first {limit} are shown")]
        }
        _ => Vec::new(),
    }
}

fn columns() -> Vec<AnswerColumn> {
    vec![
        column("time"),
        column("user"),
        column("verb"),
        column("resource"),
        column("namespace"),
        column("name"),
        column("code"),
        column("source"),
        column("audit_id"),
        wide("impersonated_user"),
        wide("subresource"),
        wide("api_group"),
        wide("decision"),
        wide("reason"),
        wide("source_ips"),
        wide("user_agent"),
        wide("request_uri"),
        wide("level"),
        wide("stage"),
        wide("stages"),
        wide("credential_id"),
    ]
}

/// The columns of a batch that are shown.
struct Shown<'b> {
    user: &'b StringArray,
    verb: &'b StringArray,
    resource: &'b StringArray,
    namespace: &'b StringArray,
    name: &'b StringArray,
    audit_id: &'b StringArray,
    impersonated: &'b StringArray,
    subresource: &'b StringArray,
    api_group: &'b StringArray,
    decision: &'b StringArray,
    reason: &'b StringArray,
    agent: &'b StringArray,
    uri: &'b StringArray,
    level: &'b StringArray,
    stage: &'b StringArray,
    credential: &'b StringArray,
    source: &'b StringArray,
    code: &'b Int32Array,
    line: &'b Int64Array,
    addresses: &'b ListArray,
}

impl<'b> Shown<'b> {
    fn of(batch: &'b RecordBatch) -> Result<Self, CaseError> {
        let batch = Batch(batch);
        Ok(Self {
            user: batch.text("user_username")?,
            verb: batch.text("verb")?,
            resource: batch.text("object_ref_resource")?,
            namespace: batch.text("object_ref_namespace")?,
            name: batch.text("object_ref_name")?,
            audit_id: batch.text("audit_id")?,
            impersonated: batch.text("impersonated_user_username")?,
            subresource: batch.text("object_ref_subresource")?,
            api_group: batch.text("object_ref_api_group")?,
            decision: batch.text("authorization_decision")?,
            reason: batch.text("authorization_reason")?,
            agent: batch.text("user_agent")?,
            uri: batch.text("request_uri")?,
            level: batch.text("level")?,
            stage: batch.text("stage")?,
            credential: batch.text("user_credential_id")?,
            source: batch.text("source_id")?,
            code: batch.int32("response_status_code")?,
            line: batch.int("line")?,
            addresses: batch.list("source_ips")?,
        })
    }

    fn row(&self, request: &Request<'_>) -> Vec<Value> {
        let row = request.row;
        let text = |column: &StringArray| Value::text(text_at(column, row));
        let resource = match (text_at(self.resource, row), text_at(self.subresource, row)) {
            (Some(resource), Some(sub)) => Value::from(format!("{resource}/{sub}")),
            (Some(resource), None) => resource.into(),
            // A request on no resource is known by its path.
            (None, _) => text(self.uri),
        };
        let line = if self.line.is_valid(row) { self.line.value(row) } else { 0 };
        vec![
            request.time.map_or(Value::Null, Value::Time),
            text(self.user),
            text(self.verb),
            resource,
            text(self.namespace),
            text(self.name),
            if self.code.is_valid(row) { Value::Int(i64::from(self.code.value(row))) } else { Value::Null },
            Value::from(format!("{}:{line}", text_at(self.source, row).unwrap_or_default())),
            text(self.audit_id),
            text(self.impersonated),
            text(self.subresource),
            text(self.api_group),
            text(self.decision),
            text(self.reason),
            if self.addresses.is_valid(row) { Value::texts(list_at(self.addresses, row)) } else { Value::Null },
            text(self.agent),
            text(self.uri),
            text(self.level),
            text(self.stage),
            Value::Int(i64::try_from(request.stages).unwrap_or(i64::MAX)),
            text(self.credential),
        ]
    }
}
