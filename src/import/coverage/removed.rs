//! Bodies that were removed for size: by the API server (`audit.k8s.io/truncated`) or by an export that
//! put a placeholder in their place.

use std::collections::BTreeMap;

use polars::prelude::*;

use super::{Row, levels};
use crate::case::CaseError;
use crate::case::frame::Frame;
use crate::model::finding::Severity;
use crate::model::time::Timestamp;

/// What Azure puts in place of a body.
const PLACEHOLDER: &str = "\"skipped-too-big-size-object\"";

pub(super) fn rows(events: &LazyFrame) -> Result<Vec<Row>, CaseError> {
    let keys = ["object_ref_api_group", "object_ref_resource", "object_ref_subresource"];
    let is_placeholder = |body: &str| col(body).eq(lit(PLACEHOLDER)).fill_null(lit(false));
    let at = || col("request_received_timestamp").fill_null(col("stage_timestamp"));
    let lazy = events
        .clone()
        .filter(col("truncated").fill_null(lit(false)))
        .with_columns([is_placeholder("request_object").or(is_placeholder("response_object")).alias("placeholder")])
        .group_by([col(keys[0]), col(keys[1]), col(keys[2]), col("placeholder")])
        .agg([
            len().cast(DataType::Int64).alias("events"),
            at().min().alias("first"),
            at().max().alias("last"),
            col("source_id").unique().alias("sources"),
            col("verb").unique().alias("verbs"),
        ]);
    let frame = Frame::collect(lazy, "events")?;
    let [group, resource, sub] = keys.map(|name| frame.text(name));
    let (group, resource, sub) = (group?, resource?, sub?);
    let (placeholder, events) = (frame.flag("placeholder")?, frame.int("events")?);
    let (first, last) = (frame.time("first")?, frame.time("last")?);
    let (sources, verbs) = (frame.list("sources")?, frame.list("verbs")?);
    let mut found: BTreeMap<(String, bool), Row> = BTreeMap::new();
    for row in 0..frame.height() {
        let what = levels::what(group.get(row), resource.get(row), sub.get(row));
        let by_export = placeholder.get(row).unwrap_or_default();
        let sorted = |list: Option<Vec<String>>| {
            let mut list = list.unwrap_or_default();
            list.sort();
            list
        };
        let details = if by_export {
            "the export put a placeholder in place of bodies that were too big"
        } else {
            "the API server removed bodies for size; events too big even without them leave no trace"
        };
        let new = Row::new("bodies removed", Severity::Low, what.clone());
        found.insert(
            (what, by_export),
            Row {
                verbs: sorted(verbs.get(row)),
                from: first.get(row),
                to: last.get(row).map(|t: Timestamp| t.plus_micros(1)),
                events: events.get(row),
                truncated: events.get(row),
                sources: sorted(sources.get(row)),
                details: details.to_owned(),
                ..new
            },
        );
    }
    Ok(found.into_values().collect())
}
