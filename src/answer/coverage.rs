//! `coverage`: what the evidence can and cannot show: when the log runs, at which level each resource was logged, where
//! all RBAC objects are known, what snapshots listed, and what is damaged or missing. Every "none" rests on this.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;

use super::{Answer, AnswerColumn, AsOf, Value, Verdict, column, known, load};
use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::import::evidence;
use crate::model::audit::MUTATING_VERBS;
use crate::model::rbac::RbacKind;
use crate::model::time::{Interval, Timestamp};
use crate::tables::{events, findings, sightings, sources};

/// Findings that limit what can be concluded.
const LIMITING: [&str; 5] =
    ["not-collected", "list-not-whole", "rbac-changes-not-logged", "change-without-name", "bundle-damaged"];

/// One row of the answer.
#[derive(Default)]
struct Row {
    about: &'static str,
    what: String,
    namespace: Option<String>,
    level: Option<String>,
    verbs: Vec<String>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    events: Option<i64>,
    refused: Option<i64>,
    truncated: Option<i64>,
    basis: Option<String>,
    details: String,
}

impl Row {
    fn cells(self) -> Vec<Value> {
        let time = |t: Option<Timestamp>| t.map_or(Value::Null, Value::bound);
        let count = |n: Option<i64>| n.map_or(Value::Null, Value::Int);
        vec![
            self.about.into(),
            self.what.into(),
            Value::text(self.namespace),
            Value::text(self.level),
            if self.verbs.is_empty() { Value::Null } else { Value::texts(self.verbs) },
            time(self.from),
            time(self.to),
            count(self.events),
            count(self.refused),
            count(self.truncated),
            Value::text(self.basis),
            if self.details.is_empty() { Value::Null } else { self.details.into() },
        ]
    }
}

fn columns() -> Vec<AnswerColumn> {
    vec![
        column("about"),
        column("what"),
        column("namespace"),
        column("level"),
        column("verbs"),
        column("from"),
        column("to"),
        column("events"),
        column("refused"),
        column("truncated"),
        column("basis"),
        column("details"),
    ]
}

/// Answers for one cluster.
///
/// # Errors
/// When a table cannot be read.
pub fn answer(case: &Case, cluster: &str) -> Result<Answer, CaseError> {
    let mut rows = log_rows(&evidence::log_stretches(case.table(&events::TABLE, Some(cluster))?)?);
    let levels = level_rows(case, cluster)?;
    let notes = notes(&rows, &levels);
    rows.extend(levels);
    rows.extend(set_rows(case, cluster)?);
    rows.extend(listing_rows(case, cluster)?);
    rows.extend(source_rows(case, cluster)?);
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

/// When the log runs, and the gaps in between.
fn log_rows(stretches: &[Interval]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (place, held) in stretches.iter().enumerate() {
        if let Some(last) = place.checked_sub(1).and_then(|p| stretches.get(p)) {
            rows.push(Row {
                about: "log gap",
                what: "audit log".to_owned(),
                from: Some(last.to),
                to: Some(held.from),
                details: "no event: the log was off, or a part of it is missing".to_owned(),
                ..Row::default()
            });
        }
        let (from, to) = (Some(held.from), Some(held.to));
        rows.push(Row { about: "log", what: "audit log".to_owned(), from, to, ..Row::default() });
    }
    rows
}

/// At which level each resource was logged.
fn level_rows(case: &Case, cluster: &str) -> Result<Vec<Row>, CaseError> {
    let at = || col("request_received_timestamp").fill_null(col("stage_timestamp"));
    let keys = ["object_ref_api_group", "object_ref_resource", "object_ref_subresource", "level", "verb"];
    let counted = |holds: Expr, name: &str| holds.fill_null(lit(false)).cast(DataType::Int64).sum().alias(name);
    let lazy = case.table(&events::TABLE, Some(cluster))?.group_by(keys.map(col).as_slice()).agg([
        len().cast(DataType::Int64).alias("events"),
        at().min().alias("first"),
        at().max().alias("last"),
        counted(col("response_status_code").eq(lit(403)), "refused"),
        counted(col("truncated"), "truncated"),
    ]);
    let frame = Frame::collect(lazy, "events")?;
    let text = |name: &str| frame.text(name);
    let [group, resource, sub, level, verb] =
        [text(keys[0])?, text(keys[1])?, text(keys[2])?, text(keys[3])?, text(keys[4])?];
    let (number, refused, truncated) = (frame.int("events")?, frame.int("refused")?, frame.int("truncated")?);
    let (first, last) = (frame.time("first")?, frame.time("last")?);
    let mut found: BTreeMap<(String, Option<String>), Level> = BTreeMap::new();
    for row in 0..frame.height() {
        let what = what(group.get(row), resource.get(row), sub.get(row));
        let seen = found.entry((what, level.get(row).map(str::to_owned))).or_default();
        seen.verbs.extend(verb.get(row).map(str::to_owned));
        seen.first = first.get(row).into_iter().chain(seen.first).min();
        seen.last = seen.last.max(last.get(row));
        seen.events += number.get(row).unwrap_or_default();
        seen.refused += refused.get(row).unwrap_or_default();
        seen.truncated += truncated.get(row).unwrap_or_default();
    }
    Ok(with_details(found))
}

/// A resource at one level.
#[derive(Default)]
struct Level {
    verbs: BTreeSet<String>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    events: i64,
    refused: i64,
    truncated: i64,
}

const URLS: &str = "URLs outside the API";

fn what(group: Option<&str>, resource: Option<&str>, subresource: Option<&str>) -> String {
    let Some(resource) = resource else { return URLS.to_owned() };
    let path = subresource.map_or_else(|| resource.to_owned(), |s| format!("{resource}/{s}"));
    group.filter(|g| !g.is_empty()).map_or_else(|| path.clone(), |g| format!("{path}.{g}"))
}

fn with_details(found: BTreeMap<(String, Option<String>), Level>) -> Vec<Row> {
    let with_bodies: BTreeSet<String> = found
        .keys()
        .filter(|(_, level)| matches!(level.as_deref(), Some("Request" | "RequestResponse")))
        .map(|(what, _)| what.clone())
        .collect();
    let rows = found.into_iter().map(|((what, level), seen)| {
        let changes = what != URLS && seen.verbs.iter().any(|v| MUTATING_VERBS.contains(&v.as_str()));
        let mut details = Vec::new();
        match level.as_deref() {
            Some("Metadata") if changes && !with_bodies.contains(&what) => {
                details.push("only at Metadata: that it changed is known, not to what");
            }
            Some("Metadata") if changes => details.push("some changes at Metadata only: to what is not known"),
            Some("Request") if changes => details.push("without responses: states follow from requests"),
            None => details.push("the format does not say the level"),
            _ => {}
        }
        if seen.refused == seen.events {
            details.push("every request was refused (403)");
        }
        if seen.truncated > 0 {
            details.push("bodies were removed for size");
        }
        Row {
            about: "audit level",
            what,
            level,
            verbs: seen.verbs.into_iter().collect(),
            from: seen.first,
            to: seen.last,
            events: Some(seen.events),
            refused: Some(seen.refused),
            truncated: Some(seen.truncated),
            details: details.join("; "),
            ..Row::default()
        }
    });
    rows.collect()
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
            about: "known set",
            what: format!("{kind}s"),
            namespace: namespace.map(str::to_owned),
            from: Some(held.from),
            to: Some(held.to),
            basis: Some(basis.as_str().to_owned()),
            details: "one that is not seen was not there".to_owned(),
            ..Row::default()
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
    let (whole, supposed, items) = (frame.flag("whole")?, frame.flag("supposed")?, frame.int("items")?);
    let rows = (0..frame.height()).map(|row| {
        let said = match (whole.get(row), supposed.get(row)) {
            (Some(true), Some(true)) => "whole, as far as can be supposed: the export does not say what was asked for",
            (Some(true), _) => "whole",
            _ => "not whole: more pages exist",
        };
        let kind = kind.get(row).unwrap_or_default();
        Row {
            about: "listed",
            what: group.get(row).filter(|g| !g.is_empty()).map_or_else(|| kind.to_owned(), |g| format!("{kind}.{g}")),
            namespace: namespace.get(row).map(str::to_owned),
            from: from.get(row),
            to: to.get(row),
            details: format!("{} objects; {said}", items.get(row).unwrap_or_default()),
            ..Row::default()
        }
    });
    Ok(rows.collect())
}

/// Evidence files that show signs of incompleteness, or of a format that cannot carry everything.
fn source_rows(case: &Case, cluster: &str) -> Result<Vec<Row>, CaseError> {
    let lazy = case.table(&sources::TABLE, Some(cluster))?.sort(["path", "source_id"], SortMultipleOptions::default());
    let frame = Frame::collect(lazy, "sources")?;
    let (path, rejects) = (frame.text("path")?, frame.int("rejects")?);
    let (warnings, absent) = (frame.list("warnings")?, frame.list("absent_fields")?);
    let (first, last) = (frame.time("first_time")?, frame.time("last_time")?);
    let mut rows = Vec::new();
    for row in 0..frame.height() {
        let mut details = warnings.get(row).unwrap_or_default();
        let absent = absent.get(row).unwrap_or_default();
        if !absent.is_empty() {
            details.push(format!("its format cannot carry {}", absent.join(", ")));
        }
        match rejects.get(row).unwrap_or_default() {
            0 => {}
            n => details.push(format!("{n} records could not be read: see table `rejects`")),
        }
        if !details.is_empty() {
            rows.push(Row {
                about: "source",
                what: path.get(row).unwrap_or_default().to_owned(),
                from: first.get(row),
                to: last.get(row),
                details: details.join("; "),
                ..Row::default()
            });
        }
    }
    Ok(rows)
}

/// Findings that limit what can be concluded.
fn finding_rows(case: &Case, cluster: &str) -> Result<Vec<Row>, CaseError> {
    let limiting = Series::new("codes".into(), LIMITING);
    let lazy = case.table(&findings::TABLE, Some(cluster))?.filter(col("code").is_in(lit(limiting)));
    let frame = Frame::collect(lazy.sort(["code", "at", "message"], SortMultipleOptions::default()), "findings")?;
    let (code, message, at) = (frame.text("code")?, frame.text("message")?, frame.time("at")?);
    let rows = (0..frame.height()).map(|row| Row {
        about: "finding",
        what: code.get(row).unwrap_or_default().to_owned(),
        from: at.get(row),
        details: message.get(row).unwrap_or_default().to_owned(),
        ..Row::default()
    });
    Ok(rows.collect())
}

fn notes(log: &[Row], levels: &[Row]) -> Vec<String> {
    let mut notes = Vec::new();
    match (log.iter().filter(|r| r.about == "log gap").count(), log.is_empty()) {
        (_, true) => notes.push("the case holds no audit event: only snapshots speak".to_owned()),
        (0, _) => {}
        (gaps, _) => notes.push(format!("the log has {gaps} gaps: what happened in them is not known")),
    }
    let blind: Vec<&str> =
        levels.iter().filter(|r| r.details.starts_with("only at Metadata")).map(|r| r.what.as_str()).collect();
    if !blind.is_empty() {
        notes.push(format!("changed, but only logged at Metadata: {}", blind.join(", ")));
    }
    notes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn gaps_lie_between_stretches() {
        let t = Timestamp::from_micros;
        let rows = log_rows(&[Interval::new(t(0), t(5)), Interval::new(t(9), t(12))]);
        let told: Vec<_> =
            rows.iter().map(|r| (r.about, r.from.unwrap().as_micros(), r.to.unwrap().as_micros())).collect();
        assert_eq!(told, [("log", 0, 5), ("log gap", 5, 9), ("log", 9, 12)]);
        assert!(log_rows(&[]).is_empty());
    }

    #[test]
    fn a_resource_that_only_metadata_shows_is_called_so() {
        let level = |verbs: &[&str]| Level {
            verbs: verbs.iter().map(|v| (*v).to_owned()).collect(),
            events: 1,
            ..Level::default()
        };
        let at = |what: &str, l: &str| (what.to_owned(), Some(l.to_owned()));
        let rows = with_details(BTreeMap::from([
            (at("secrets", "Metadata"), level(&["get", "patch"])),
            (at("pods", "Metadata"), level(&["list"])),
            (at("roles", "Metadata"), level(&["update"])),
            (at("roles", "RequestResponse"), level(&["update"])),
        ]));
        let told: Vec<_> = rows.iter().map(|r| (r.what.as_str(), r.details.as_str())).collect();
        assert_eq!(
            told,
            [
                ("pods", ""),
                ("roles", "some changes at Metadata only: to what is not known"),
                ("roles", ""),
                ("secrets", "only at Metadata: that it changed is known, not to what"),
            ]
        );
    }
}
