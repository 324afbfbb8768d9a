//! `coverage`: what the evidence can and cannot show: when the log runs and where it has gaps, at which level each
//! resource was logged, where all RBAC objects are known, what snapshots listed, and what is damaged or missing. Every
//! "none" rests on this. Most of it stands in the table `coverage`; known sets, lists and findings have tables of their own.

use polars::prelude::*;

use super::{Answer, AnswerColumn, AsOf, Value, Verdict, column, known, load, wide};
use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::model::rbac::RbacKind;
use crate::model::time::Timestamp;
use crate::tables::{self, findings, sightings};

/// Findings that limit what can be concluded, besides those that are rows of the table.
const LIMITING: [&str; 4] = ["list-not-whole", "rbac-changes-not-logged", "change-without-name", "bundle-damaged"];

/// One row of the answer.
#[derive(Default)]
struct Row {
    about: String,
    severity: Option<String>,
    what: String,
    namespace: Option<String>,
    level: Option<String>,
    verbs: Vec<String>,
    only_at_metadata: Vec<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    events: Option<i64>,
    refused: Option<i64>,
    truncated: Option<i64>,
    basis: Option<String>,
    sources: Vec<String>,
    details: String,
}

impl Row {
    fn of(about: &str) -> Self {
        Self { about: about.to_owned(), severity: Some("info".to_owned()), ..Self::default() }
    }

    fn cells(self) -> Vec<Value> {
        let time = |t: Option<Timestamp>| t.map_or(Value::Null, Value::bound);
        let count = |n: Option<i64>| n.map_or(Value::Null, Value::Int);
        let list = |l: Vec<String>| if l.is_empty() { Value::Null } else { Value::texts(l) };
        vec![
            self.about.into(),
            Value::text(self.severity),
            self.what.into(),
            Value::text(self.namespace),
            Value::text(self.level),
            list(self.verbs),
            list(self.only_at_metadata),
            time(self.from),
            time(self.to),
            count(self.events),
            count(self.refused),
            count(self.truncated),
            Value::text(self.basis),
            list(self.sources),
            if self.details.is_empty() { Value::Null } else { self.details.into() },
        ]
    }
}

fn columns() -> Vec<AnswerColumn> {
    vec![
        column("about"),
        column("severity"),
        column("what"),
        column("namespace"),
        column("level"),
        column("verbs"),
        wide("only_at_metadata"),
        column("from"),
        column("to"),
        column("events"),
        column("refused"),
        column("truncated"),
        column("basis"),
        wide("sources"),
        column("details"),
    ]
}

/// Answers for one cluster.
///
/// # Errors
/// When a table cannot be read.
pub fn answer(case: &Case, cluster: &str) -> Result<Answer, CaseError> {
    let mut rows = table_rows(case, cluster)?;
    let notes = notes(&rows);
    let files = rows.iter().position(|r| r.about == "source").unwrap_or(rows.len());
    let files = rows.split_off(files);
    rows.extend(set_rows(case, cluster)?);
    rows.extend(listing_rows(case, cluster)?);
    rows.extend(files);
    rows.extend(finding_rows(case, cluster)?);
    Ok(Answer {
        question: Vec::new(),
        as_of: AsOf::Everything,
        basis: None,
        notes,
        columns: columns(),
        verdict: if rows.is_empty() { Verdict::No } else { Verdict::Yes },
        rows: rows.into_iter().map(Row::cells).collect(),
    })
}

/// What the table says, in its order.
fn table_rows(case: &Case, cluster: &str) -> Result<Vec<Row>, CaseError> {
    let frame = Frame::collect(case.table(&tables::coverage::TABLE, Some(cluster))?, "coverage")?;
    let names = ["about", "severity", "what", "namespace", "level", "details"];
    let [about, severity, what, namespace, level, details] = names.map(|name| frame.text(name));
    let (about, severity, what) = (about?, severity?, what?);
    let (namespace, level, details) = (namespace?, level?, details?);
    let (from, to) = (frame.time("time_from")?, frame.time("time_to")?);
    let (events, refused, truncated) = (frame.int("events")?, frame.int("refused")?, frame.int("truncated")?);
    let (verbs, only) = (frame.list("verbs")?, frame.list("only_at_metadata")?);
    let sources = frame.list("sources")?;
    let owned = |c: &StringChunked, row: usize| c.get(row).map(str::to_owned);
    let rows = (0..frame.height()).map(|row| Row {
        about: owned(about, row).unwrap_or_default(),
        severity: owned(severity, row),
        what: owned(what, row).unwrap_or_default(),
        namespace: owned(namespace, row),
        level: owned(level, row),
        verbs: verbs.get(row).unwrap_or_default(),
        only_at_metadata: only.get(row).unwrap_or_default(),
        from: from.get(row),
        to: to.get(row),
        events: events.get(row),
        refused: refused.get(row),
        truncated: truncated.get(row),
        basis: None,
        sources: sources.get(row).unwrap_or_default(),
        details: owned(details, row).unwrap_or_default(),
    });
    Ok(rows.collect())
}

/// Where all RBAC objects of a kind are known.
fn set_rows(case: &Case, cluster: &str) -> Result<Vec<Row>, CaseError> {
    let sets = load::known_sets(case, cluster)?;
    let mut scopes: Vec<(RbacKind, Option<&str>)> = sets.iter().map(|s| (s.kind, s.namespace.as_deref())).collect();
    scopes.sort();
    scopes.dedup();
    let mut rows = Vec::new();
    for (kind, namespace) in scopes {
        rows.extend(known::stretches(&sets, kind, namespace).into_iter().map(|(held, basis)| Row {
            what: format!("{kind}s"),
            namespace: namespace.map(str::to_owned),
            from: Some(held.from),
            to: Some(held.to),
            basis: Some(basis.as_str().to_owned()),
            details: "one that is not seen was not there".to_owned(),
            ..Row::of("known set")
        }));
    }
    Ok(rows)
}

/// What snapshots listed.
fn listing_rows(case: &Case, cluster: &str) -> Result<Vec<Row>, CaseError> {
    let order = ["observed_from", "api_group", "kind", "namespace", "source_id"];
    let lazy = case.table(&sightings::LISTINGS, Some(cluster))?.sort(order, SortMultipleOptions::default());
    let frame = Frame::collect(lazy, "listings")?;
    let (group, kind, namespace) = (frame.text("api_group")?, frame.text("kind")?, frame.text("namespace")?);
    let (from, to) = (frame.time("observed_from")?, frame.time("observed_to")?);
    let source = frame.text("source_id")?;
    let (whole, supposed, items) = (frame.flag("whole")?, frame.flag("supposed")?, frame.int("items")?);
    let rows = (0..frame.height()).map(|row| {
        let said = match (whole.get(row), supposed.get(row)) {
            (Some(true), Some(true)) => "whole, as far as can be supposed: the export does not say what was asked for",
            (Some(true), _) => "whole",
            _ => "not whole: more pages exist",
        };
        let kind = kind.get(row).unwrap_or_default();
        Row {
            what: group.get(row).filter(|g| !g.is_empty()).map_or_else(|| kind.to_owned(), |g| format!("{kind}.{g}")),
            namespace: namespace.get(row).map(str::to_owned),
            from: from.get(row),
            to: to.get(row),
            sources: source.get(row).map(str::to_owned).into_iter().collect(),
            details: format!("{} objects; {said}", items.get(row).unwrap_or_default()),
            ..Row::of("listed")
        }
    });
    Ok(rows.collect())
}

/// Findings that limit what can be concluded.
fn finding_rows(case: &Case, cluster: &str) -> Result<Vec<Row>, CaseError> {
    let limiting = Series::new("codes".into(), LIMITING);
    let lazy = case.table(&findings::TABLE, Some(cluster))?.filter(col("code").is_in(lit(limiting)));
    let frame = Frame::collect(lazy.sort(["code", "at", "message"], SortMultipleOptions::default()), "findings")?;
    let severity = frame.text("severity")?;
    let (code, message, at) = (frame.text("code")?, frame.text("message")?, frame.time("at")?);
    let rows = (0..frame.height()).map(|row| Row {
        severity: severity.get(row).map(str::to_owned),
        what: code.get(row).unwrap_or_default().to_owned(),
        from: at.get(row),
        details: message.get(row).unwrap_or_default().to_owned(),
        ..Row::of("finding")
    });
    Ok(rows.collect())
}

fn notes(rows: &[Row]) -> Vec<String> {
    let of = |about: &'static str| rows.iter().filter(move |r| r.about == about);
    let mut notes = Vec::new();
    match (of("log gap").count(), of("log").count()) {
        (_, 0) => notes.push("the case holds no audit event: only snapshots speak".to_owned()),
        (0, _) => {}
        (gaps, _) => notes.push(format!("the log has {gaps} gaps: what happened in them is not known")),
    }
    let told = [
        ("rotation gap", "a rotated log has holes: what happened in them is not known"),
        ("server silent", "an API server is silent while others log: its requests may be missing"),
        ("refused", "a collector was refused some resources: they are not in the evidence"),
    ];
    notes.extend(told.iter().filter(|(about, _)| of(about).next().is_some()).map(|(_, note)| (*note).to_owned()));
    let blind: Vec<&str> =
        of("audit level").filter(|r| r.details.starts_with("only at Metadata")).map(|r| r.what.as_str()).collect();
    if !blind.is_empty() {
        notes.push(format!("changed, but only logged at Metadata: {}", blind.join(", ")));
    }
    notes
}
