//! When each server and file logged, second by second: enough to see silence, and small for any log.

use std::collections::BTreeMap;

use polars::prelude::*;

use crate::case::CaseError;
use crate::case::frame::Frame;

/// Who wrote events, as far as the evidence says.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Writer {
    /// `kube-apiserver`, ...
    pub(super) component: Option<String>,
    /// Pod, node or log stream.
    pub(super) instance: Option<String>,
    /// The source.
    pub(super) source: String,
}

/// What one second holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Second {
    /// First event, microseconds.
    pub(super) first: i64,
    /// Last event, microseconds.
    pub(super) last: i64,
    /// Events.
    pub(super) events: i64,
}

/// The seconds in which each writer logged, by time.
pub(super) fn of(events: &LazyFrame) -> Result<BTreeMap<Writer, Vec<Second>>, CaseError> {
    let lazy = events
        .clone()
        .select([
            col("component"),
            col("api_server").fill_null(col("node")).fill_null(col("log_stream")).alias("instance"),
            col("source_id"),
            col("stage_timestamp").fill_null(col("request_received_timestamp")).cast(DataType::Int64).alias("t"),
        ])
        .filter(col("t").is_not_null())
        .with_columns([col("t").floor_div(lit(1_000_000_i64)).alias("second")])
        .group_by([col("component"), col("instance"), col("source_id"), col("second")])
        .agg([
            col("t").min().alias("first"),
            col("t").max().alias("last"),
            len().cast(DataType::Int64).alias("events"),
        ]);
    let frame = Frame::collect(lazy, "events")?;
    let (component, instance, source) = (frame.text("component")?, frame.text("instance")?, frame.text("source_id")?);
    let (first, last, count) = (frame.int("first")?, frame.int("last")?, frame.int("events")?);
    let mut found: BTreeMap<Writer, Vec<Second>> = BTreeMap::new();
    for row in 0..frame.height() {
        let (Some(first), Some(last), Some(events)) = (first.get(row), last.get(row), count.get(row)) else { continue };
        let owned = |c: &StringChunked| c.get(row).map(str::to_owned);
        let writer = Writer {
            component: owned(component),
            instance: owned(instance),
            source: owned(source).unwrap_or_default(),
        };
        found.entry(writer).or_default().push(Second { first, last, events });
    }
    Ok(found)
}

/// Several series as one, by time; seconds that overlap are one.
pub(super) fn unite(parts: impl IntoIterator<Item = Second>) -> Vec<Second> {
    let mut all: Vec<Second> = parts.into_iter().collect();
    all.sort_by_key(|s| (s.first, s.last));
    let mut united: Vec<Second> = Vec::new();
    for s in all {
        match united.last_mut() {
            Some(last) if s.first <= last.last => {
                last.last = last.last.max(s.last);
                last.events = last.events.saturating_add(s.events);
            }
            _ => united.push(s),
        }
    }
    united
}

/// The pause that 99 of 100 do not exceed, in microseconds.
pub(super) fn usual_pause(series: &[Second]) -> i64 {
    let mut pauses: Vec<i64> =
        series.iter().zip(series.iter().skip(1)).map(|(a, b)| b.first.saturating_sub(a.last)).collect();
    pauses.sort_unstable();
    pauses.get(pauses.len().saturating_mul(99) / 100).or(pauses.last()).copied().unwrap_or_default()
}
