//! `who-did`: the requests that were made, each counted once however many stages were logged.

use polars::prelude::*;
use regex::Regex;

use super::{Answer, AsOf, Value, Verdict, column, wide};
use crate::case::frame::Frame;
use crate::case::sieve::Sieve;
use crate::case::{Case, CaseError};
use crate::model::time::{Interval, Timestamp};
use crate::tables::events;

/// What the stages of one request share.
const PARTS: [&str; 6] =
    ["audit_id", "component", "request_received_timestamp", "user_username", "verb", "request_uri"];

/// What else is shown of a request, as its last stage has it.
const KEPT: [&str; 18] = [
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
    "source_ips",
    "user_agent",
    "level",
    "stage",
    "user_credential_id",
    "source_id",
    "offset",
    "line",
];

/// Where `--text` looks.
const BODIES: [&str; 2] = ["request_object", "response_object"];

/// What is asked; empty fields ask nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Verbs, any of them.
    pub verbs: Vec<String>,
    /// API group and plural resource.
    pub resource: Option<(String, String)>,
    /// Subresource.
    pub subresource: Option<String>,
    /// Object name.
    pub name: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
    /// User name pattern, `*` for any text; matches the authenticated and the impersonated user.
    pub user: Option<String>,
    /// A group of the authenticated or impersonated user.
    pub group: Option<String>,
    /// Pattern of the request URI.
    pub uri: Option<String>,
    /// Address, any place in the list.
    pub source_ip: Option<String>,
    /// Pattern of the user agent.
    pub user_agent: Option<String>,
    /// HTTP status codes, any of them.
    pub codes: Vec<i32>,
    /// Only what the authorizer forbade.
    pub denied: bool,
    /// Only requests that change something.
    pub changes: bool,
    /// Credential id.
    pub credential: Option<String>,
    /// Text inside the bodies.
    pub text: Option<String>,
    /// Stretch of time in which a stage was reached.
    pub within: Option<Interval>,
    /// At most so many rows.
    pub limit: Option<u32>,
}

/// Answers from the events of one cluster.
///
/// # Errors
/// When the table cannot be read.
pub fn answer(case: &Case, cluster: &str, filter: &Filter) -> Result<Answer, CaseError> {
    let columns_read: Vec<&str> = PARTS.into_iter().chain(KEPT).collect();
    let sieve = Sieve {
        within: filter.within.unwrap_or(Interval::ALWAYS),
        predicate: predicate(filter),
        text: filter.text.as_deref().map(|text| (BODIES.as_slice(), text)),
        columns: &columns_read,
    };
    let lazy = once(case.sift(&events::TABLE, cluster, &sieve)?.lazy())
        .sort(["time", "source_id", "offset"], SortMultipleOptions::default());
    let frame = Frame::collect(lazy, "events")?;
    let rows = rows(&frame)?;
    let total = rows.len();
    let mut notes = Vec::new();
    let rows: Vec<_> = match filter.limit {
        Some(limit) if total > limit as usize => {
            notes.push(format!("{total} requests; the first {limit} are shown"));
            rows.into_iter().take(limit as usize).collect()
        }
        _ => rows,
    };
    Ok(Answer {
        question: describe(filter),
        as_of: filter.within.map_or(AsOf::Everything, AsOf::Stretch),
        basis: None,
        notes,
        columns: columns(),
        verdict: if rows.is_empty() { Verdict::No } else { Verdict::Yes },
        rows,
    })
}

fn columns() -> Vec<super::AnswerColumn> {
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

/// Keeps the last stage of each request. One audit ID may stand for several requests, so what else a
/// stage shares with the others of its request is part of the key.
fn once(lazy: LazyFrame) -> LazyFrame {
    let rank = when(col("stage").eq(lit("RequestReceived")))
        .then(lit(0))
        .when(col("stage").eq(lit("ResponseStarted")))
        .then(lit(1))
        .when(col("stage").eq(lit("Panic")))
        .then(lit(3))
        .otherwise(lit(2));
    // Without an audit ID nothing ties stages together: the record stands for itself.
    let own = concat_str([col("source_id"), col("offset").cast(DataType::String)], ":", true);
    let key = when(col("audit_id").is_null()).then(own).otherwise(lit(NULL).cast(DataType::String)).alias("__own");
    let last = |name: &str| col(name).sort_by([col("__rank")], SortMultipleOptions::default()).last();
    let mut aggregates: Vec<Expr> = KEPT.iter().map(|n| last(n)).collect();
    aggregates.push(len().cast(DataType::Int64).alias("stages"));
    lazy.with_columns([rank.alias("__rank"), key])
        .group_by(PARTS.into_iter().chain(["__own"]).map(col).collect::<Vec<_>>())
        .agg(aggregates)
        .with_column(col("request_received_timestamp").fill_null(col("stage_timestamp")).alias("time"))
}

fn rows(frame: &Frame) -> Result<Vec<Vec<Value>>, CaseError> {
    let text = |name: &str| frame.text(name);
    let (user, verb, resource) = (text("user_username")?, text("verb")?, text("object_ref_resource")?);
    let (namespace, name, sub) =
        (text("object_ref_namespace")?, text("object_ref_name")?, text("object_ref_subresource")?);
    let (group, other, id) = (text("object_ref_api_group")?, text("impersonated_user_username")?, text("audit_id")?);
    let (decision, reason, agent) =
        (text("authorization_decision")?, text("authorization_reason")?, text("user_agent")?);
    let (uri, level, stage) = (text("request_uri")?, text("level")?, text("stage")?);
    let (credential, source) = (text("user_credential_id")?, text("source_id")?);
    let (time, code) = (frame.time("time")?, frame.int32("response_status_code")?);
    let (line, stages, ips) = (frame.int("line")?, frame.int("stages")?, frame.list("source_ips")?);
    let cell = |c: &StringChunked, row: usize| Value::text(c.get(row));
    Ok((0..frame.height())
        .map(|row| {
            let shown = match (resource.get(row), sub.get(row)) {
                (Some(r), Some(s)) => Value::from(format!("{r}/{s}")),
                (Some(r), None) => r.into(),
                // A request on no resource is known by its path.
                (None, _) => Value::text(uri.get(row)),
            };
            vec![
                time.get(row).map_or(Value::Null, Value::Time),
                cell(user, row),
                cell(verb, row),
                shown,
                cell(namespace, row),
                cell(name, row),
                code.get(row).map_or(Value::Null, |c| Value::Int(i64::from(c))),
                Value::from(format!("{}:{}", source.get(row).unwrap_or_default(), line.get(row).unwrap_or_default())),
                cell(id, row),
                cell(other, row),
                cell(sub, row),
                cell(group, row),
                cell(decision, row),
                cell(reason, row),
                ips.get(row).map_or(Value::Null, Value::texts),
                cell(agent, row),
                cell(uri, row),
                cell(level, row),
                cell(stage, row),
                Value::Int(stages.get(row).unwrap_or_default()),
                cell(credential, row),
            ]
        })
        .collect())
}

/// `*` stands for any text; everything else is itself.
fn pattern(column: &str, glob: &str) -> Expr {
    if !glob.contains('*') {
        return col(column).eq(lit(glob));
    }
    let parts: Vec<String> = glob.split('*').map(regex::escape).collect();
    let text = format!("(?s)^{}$", parts.join(".*"));
    // Escaped parts always make a valid expression.
    debug_assert!(Regex::new(&text).is_ok());
    col(column).str().contains(lit(text), true)
}

/// Whether an event lies in a stretch of time: events are filed under the time that counts here.
fn inside(within: Interval) -> Vec<Expr> {
    let time = |t: Timestamp| lit(LiteralValue::DateTime(t.as_micros(), TimeUnit::Microseconds, Some("UTC".into())));
    let filed = || col("stage_timestamp").fill_null(col("request_received_timestamp"));
    // Says less than the comparison of `filed`, but the smallest and largest values of a file can refute it.
    let unread = || col("stage_timestamp").is_null();
    let mut all = Vec::new();
    if within.from != Timestamp::MIN {
        all.push(col("stage_timestamp").gt_eq(time(within.from)).or(unread()));
        all.push(filed().gt_eq(time(within.from)));
    }
    if within.to != Timestamp::MAX {
        all.push(col("stage_timestamp").lt(time(within.to)).or(unread()));
        all.push(filed().lt(time(within.to)));
    }
    all
}

/// What must hold of an event besides its bodies; a row for which it is unknown does not pass.
fn predicate(f: &Filter) -> Option<Expr> {
    let mut all = f.within.map(inside).unwrap_or_default();
    if !f.verbs.is_empty() {
        all.push(col("verb").is_in(lit(Series::new("v".into(), &f.verbs))));
    }
    if let Some((group, resource)) = &f.resource {
        all.push(col("object_ref_resource").eq(lit(resource.as_str())));
        all.push(col("object_ref_api_group").fill_null(lit("")).eq(lit(group.as_str())));
    }
    for (column, value) in [
        ("object_ref_subresource", &f.subresource),
        ("object_ref_name", &f.name),
        ("object_ref_namespace", &f.namespace),
        ("user_credential_id", &f.credential),
        ("request_uri", &f.uri),
        ("user_agent", &f.user_agent),
    ] {
        all.extend(value.as_ref().map(|value| pattern(column, value)));
    }
    if let Some(user) = &f.user {
        all.push(pattern("user_username", user).or(pattern("impersonated_user_username", user)));
    }
    if let Some(group) = &f.group {
        let has = |c: &str| col(c).list().contains(lit(group.as_str()));
        all.push(has("user_groups").or(has("impersonated_user_groups")));
    }
    if let Some(ip) = &f.source_ip {
        all.push(col("source_ips").list().contains(lit(ip.as_str())));
    }
    if !f.codes.is_empty() {
        all.push(col("response_status_code").is_in(lit(Series::new("c".into(), &f.codes))));
    }
    if f.denied {
        all.push(col("authorization_decision").eq(lit("forbid")));
    }
    if f.changes {
        all.push(col("verb").is_in(lit(Series::new("m".into(), crate::model::audit::MUTATING_VERBS))));
    }
    all.into_iter().reduce(Expr::and)
}

fn describe(f: &Filter) -> Vec<(&'static str, Value)> {
    let mut keys = Vec::new();
    let mut add = |key: &'static str, value: Option<Value>| keys.extend(value.map(|v| (key, v)));
    let text = |v: &Option<String>| v.as_deref().map(Value::from);
    add("verbs", (!f.verbs.is_empty()).then(|| Value::texts(&f.verbs)));
    add("api_group", f.resource.as_ref().map(|r| r.0.as_str().into()));
    add("resource", f.resource.as_ref().map(|r| r.1.as_str().into()));
    add("subresource", text(&f.subresource));
    add("name", text(&f.name));
    add("namespace", text(&f.namespace));
    add("user", text(&f.user));
    add("group", text(&f.group));
    add("uri", text(&f.uri));
    add("source_ip", text(&f.source_ip));
    add("user_agent", text(&f.user_agent));
    add(
        "codes",
        (!f.codes.is_empty()).then(|| Value::List(f.codes.iter().map(|c| Value::Int(i64::from(*c))).collect())),
    );
    add("denied", f.denied.then_some(Value::Bool(true)));
    add("changes", f.changes.then_some(Value::Bool(true)));
    add("credential", text(&f.credential));
    add("text", text(&f.text));
    keys
}
