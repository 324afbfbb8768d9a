//! Logs Insights: query results as JSON (lists of `{field, value}`) and as CSV. A query stops at its
//! limit without a word; `statistics` betrays it, the CSV has none.

use chrono::NaiveDateTime;
use serde_json::value::RawValue;

use crate::formats::fields::Fields;
use crate::formats::format::Format;
use crate::formats::open::{Around, Doc, Opener};
use crate::formats::spot::Placer;
use crate::formats::text_lines::is_audit_stream;
use crate::formats::warnings;
use crate::model::text::Text;
use crate::model::time::Timestamp;

use super::about_group;

/// Default and greatest limit of a query: exactly so many rows are a cut result.
const LIMITS: [u64; 2] = [1000, 10_000];

pub(in crate::formats) fn recognises(fields: &Fields<'_>) -> bool {
    let Some(rows) = fields.list("results") else { return false };
    let first = rows.iter().find(|r| r.get() != "null");
    match first {
        Some(row) => crate::formats::fields::list(row).is_some_and(|r| is_row(&r)),
        None => fields.has("statistics") && fields.has("status"),
    }
}

/// Whether a list is one result row.
pub(in crate::formats) fn is_row(elements: &[&RawValue]) -> bool {
    elements.first().is_some_and(|e| {
        e.get().starts_with('{') && Fields::of(e.get()).is_ok_and(|f| f.has("field") && f.has("value"))
    })
}

pub(in crate::formats) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::CloudwatchInsights);
    let around = around.of(Format::CloudwatchInsights);
    let rows = doc.fields.list("results").unwrap_or_default();
    let mut placer = Placer::new(doc.text, around.spot);
    for text in rows.iter().map(|r| r.get()).filter(|t| *t != "null") {
        row(opener, text, around.element(placer.spot(text), text));
    }
    let matched = doc.fields.object("statistics").and_then(|s| s.integer("recordsMatched"));
    let count = rows.len() as u64;
    if matched.is_some_and(|m| u64::try_from(m).is_ok_and(|m| m > count)) {
        opener.sink.warn(warnings::RESULT_LIMIT);
    }
    check_limit(opener, count);
    if doc.fields.text("status").is_some_and(|s| &*s != "Complete") {
        opener.sink.warn(warnings::QUERY_NOT_COMPLETE);
    }
}

/// A number of rows that is one of the service's limits is a sign.
pub(in crate::formats) fn check_limit(opener: &mut Opener<'_>, rows: u64) {
    if LIMITS.contains(&rows) {
        opener.sink.warn(warnings::RESULT_LIMIT);
    }
}

#[derive(serde::Deserialize)]
struct Cell<'a> {
    #[serde(borrow)]
    field: Text<'a>,
    #[serde(borrow, default)]
    value: Option<Text<'a>>,
}

/// Opens one row, a list of `{field, value}`.
pub(in crate::formats) fn row(opener: &mut Opener<'_>, text: &str, around: Around<'_>) {
    let around = around.of(Format::CloudwatchInsights);
    let cells: Vec<Cell<'_>> = match serde_json::from_str(text) {
        Ok(cells) => cells,
        Err(e) => return opener.broken(text, &e, around, warnings::REJECTED_LINE),
    };
    let get = |name: &str| cells.iter().find(|c| &*c.field == name).and_then(|c| c.value.as_deref());
    message(opener, text, &get, around);
}

/// Opens a row by its fields, whatever it was read from.
pub(in crate::formats) fn message<'v>(
    opener: &mut Opener<'_>,
    text: &str,
    get: &dyn Fn(&str) -> Option<&'v str>,
    around: Around<'_>,
) {
    let mut envelope = around.envelope;
    envelope.time = get("@timestamp").and_then(time);
    envelope.log_stream = get("@logStream").or(envelope.log_stream);
    if let Some(log) = get("@log") {
        about_group(opener.sink, log);
    }
    let around = Around { envelope, expect_event: is_audit_stream(envelope.log_stream), ..around };
    match get("@message") {
        Some(message) => opener.inner(message, around),
        None => opener.reject(text, "expected the field `@message`", around, warnings::REJECTED_LINE),
    }
}

/// `2026-11-24 00:43:16.331`; the service writes UTC.
fn time(text: &str) -> Option<Timestamp> {
    let parsed = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(Timestamp::from_micros(parsed.and_utc().timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_service_are_utc() {
        assert_eq!(time("2026-11-24 00:43:16.331").map(|t| t.to_string()), Some("2026-11-24T00:43:16.331Z".to_owned()));
        assert_eq!(time("11/24/2026"), None);
    }
}
