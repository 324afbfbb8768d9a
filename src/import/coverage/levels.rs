//! At which level each resource was logged, and which of its verbs at no more than Metadata.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;

use super::Row;
use crate::case::CaseError;
use crate::case::frame::Frame;
use crate::model::audit::MUTATING_VERBS;
use crate::model::finding::Severity;
use crate::model::rbac::RBAC_GROUP;
use crate::model::time::Timestamp;

/// Requests that are about no resource.
const URLS: &str = "URLs outside the API";

/// A resource at one level.
#[derive(Default)]
struct Level {
    verbs: BTreeSet<String>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    events: i64,
    refused: i64,
    truncated: i64,
    sources: BTreeSet<String>,
}

type Levels = BTreeMap<(String, Option<String>), Level>;

pub(super) fn rows(events: &LazyFrame) -> Result<Vec<Row>, CaseError> {
    let at = || col("request_received_timestamp").fill_null(col("stage_timestamp"));
    let keys = ["object_ref_api_group", "object_ref_resource", "object_ref_subresource", "level", "verb"];
    let counted = |holds: Expr, name: &str| holds.fill_null(lit(false)).cast(DataType::Int64).sum().alias(name);
    let lazy = events.clone().group_by(keys.map(col).as_slice()).agg([
        len().cast(DataType::Int64).alias("events"),
        at().min().alias("first"),
        at().max().alias("last"),
        counted(col("response_status_code").eq(lit(403)), "refused"),
        counted(col("truncated"), "truncated"),
        col("source_id").unique().alias("sources"),
    ]);
    let frame = Frame::collect(lazy, "events")?;
    let [group, resource, sub, level, verb] = keys.map(|name| frame.text(name));
    let (group, resource, sub, level, verb) = (group?, resource?, sub?, level?, verb?);
    let (number, refused, truncated) = (frame.int("events")?, frame.int("refused")?, frame.int("truncated")?);
    let (first, last, sources) = (frame.time("first")?, frame.time("last")?, frame.list("sources")?);
    let mut found = Levels::new();
    for row in 0..frame.height() {
        let what = what(group.get(row), resource.get(row), sub.get(row));
        let seen = found.entry((what, level.get(row).map(str::to_owned))).or_default();
        seen.verbs.extend(verb.get(row).map(str::to_owned));
        seen.first = first.get(row).into_iter().chain(seen.first).min();
        // The stretch is half-open.
        seen.last = seen.last.max(last.get(row).map(|t| t.plus_micros(1)));
        seen.events += number.get(row).unwrap_or_default();
        seen.refused += refused.get(row).unwrap_or_default();
        seen.truncated += truncated.get(row).unwrap_or_default();
        seen.sources.extend(sources.get(row).unwrap_or_default());
    }
    Ok(with_details(found))
}

/// A resource in words: `<plural>[/<subresource>][.<group>]`.
pub(super) fn what(group: Option<&str>, resource: Option<&str>, subresource: Option<&str>) -> String {
    let Some(resource) = resource else { return URLS.to_owned() };
    let path = subresource.map_or_else(|| resource.to_owned(), |s| format!("{resource}/{s}"));
    group.filter(|g| !g.is_empty()).map_or_else(|| path.clone(), |g| format!("{path}.{g}"))
}

fn changes(verbs: &BTreeSet<String>) -> bool {
    verbs.iter().any(|v| MUTATING_VERBS.contains(&v.as_str()))
}

fn with_details(found: Levels) -> Vec<Row> {
    let mut with_bodies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for ((what, level), seen) in &found {
        if matches!(level.as_deref(), Some("Request" | "RequestResponse")) {
            with_bodies.entry(what.clone()).or_default().extend(seen.verbs.iter().cloned());
        }
    }
    found.into_iter().map(|((what, level), seen)| row(what, level, seen, &with_bodies)).collect()
}

fn row(what: String, level: Option<String>, seen: Level, with_bodies: &BTreeMap<String, BTreeSet<String>>) -> Row {
    let changed = what != URLS && changes(&seen.verbs);
    let higher = with_bodies.get(&what);
    let metadata = level.as_deref() == Some("Metadata");
    let only: BTreeSet<String> = if metadata {
        seen.verbs.iter().filter(|v| higher.is_none_or(|h| !h.contains(*v))).cloned().collect()
    } else {
        BTreeSet::new()
    };
    let blind = what != URLS && changes(&only);
    let mut details = Vec::new();
    match level.as_deref() {
        Some("Metadata") if changed && higher.is_none() => {
            details.push("only at Metadata: that it changed is known, not to what");
        }
        Some("Metadata") if changed => details.push("some changes at Metadata only: to what is not known"),
        Some("Request") if changed => details.push("without responses: states follow from requests"),
        None => details.push("the format does not say the level"),
        _ => {}
    }
    if seen.refused == seen.events {
        details.push("every request was refused (403)");
    }
    if seen.truncated > 0 {
        details.push("bodies were removed for size");
    }
    let rbac = what.ends_with(&format!(".{RBAC_GROUP}"));
    let severity = match (blind || metadata && changed, rbac) {
        (true, true) => Severity::Medium,
        (true, false) => Severity::Low,
        _ => Severity::Info,
    };
    Row {
        level,
        verbs: seen.verbs.into_iter().collect(),
        only_at_metadata: only.into_iter().collect(),
        from: seen.first,
        to: seen.last,
        events: Some(seen.events),
        refused: Some(seen.refused),
        truncated: Some(seen.truncated),
        sources: seen.sources.into_iter().collect(),
        details: details.join("; "),
        ..Row::new("audit level", severity, what)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_that_only_metadata_shows_is_called_so() {
        let level = |verbs: &[&str]| Level {
            verbs: verbs.iter().map(|v| (*v).to_owned()).collect(),
            events: 1,
            ..Level::default()
        };
        let at = |what: &str, l: &str| (what.to_owned(), Some(l.to_owned()));
        let roles = "roles.rbac.authorization.k8s.io";
        let rows = with_details(BTreeMap::from([
            (at("secrets", "Metadata"), level(&["get", "patch"])),
            (at("pods", "Metadata"), level(&["list"])),
            (at(roles, "Metadata"), level(&["update", "delete", "get"])),
            (at(roles, "RequestResponse"), level(&["update", "create"])),
        ]));
        let told: Vec<_> = rows
            .iter()
            .map(|r| (r.what.as_str(), r.severity, r.only_at_metadata.join(" "), r.details.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("pods", Severity::Info, "list".to_owned(), ""),
                (
                    roles,
                    Severity::Medium,
                    "delete get".to_owned(),
                    "some changes at Metadata only: to what is not known"
                ),
                (roles, Severity::Info, String::new(), ""),
                (
                    "secrets",
                    Severity::Low,
                    "get patch".to_owned(),
                    "only at Metadata: that it changed is known, not to what"
                ),
            ]
        );
    }
}
