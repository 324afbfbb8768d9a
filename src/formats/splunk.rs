//! Splunk exports: a stream of `{preview, offset, result}` objects, the `results` list of the REST API,
//! and CSV with a column `_raw`. A whole stream ends with `lastrow`; `preview` rows are of a search that
//! was still running.

use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::sink::{Fact, Page};
use super::spot::Placer;
use super::warnings;
use crate::model::time::Timestamp;
use chrono::NaiveDateTime;

pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    fields.object("result").is_some_and(|r| r.has("_raw"))
}

pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::Splunk);
    let is = |key: &str| doc.fields.get(key).is_some_and(|v| v.get() == "true");
    if is("preview") {
        opener.sink.warn(warnings::RESULT_LIMIT);
    }
    // Every row says whether more follows; the last says that none does.
    if doc.fields.has("offset") {
        opener.sink.fact(Fact::Page(Page { more: !is("lastrow"), rows: 1, ..Page::of(Format::Splunk) }));
    }
    let result = doc.fields.object("result").unwrap_or_default();
    fields(opener, doc.text, &result, around);
}

pub(super) fn recognises_results(fields: &Fields<'_>) -> bool {
    let results = fields.list("results").unwrap_or_default();
    results.first().is_some_and(|r| Fields::of(r.get()).is_ok_and(|f| f.has("_raw")))
}

pub(super) fn open_results(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::Splunk);
    if doc.fields.get("preview").is_some_and(|v| v.get() == "true") {
        opener.sink.warn(warnings::RESULT_LIMIT);
    }
    let mut placer = Placer::new(doc.text, around.spot);
    for row in doc.fields.list("results").unwrap_or_default() {
        let text = row.get();
        let around = around.element(placer.spot(text), text);
        match Fields::of(text) {
            Ok(row) => fields(opener, text, &row, around),
            Err(e) => opener.broken(text, &e, around, warnings::REJECTED_LINE),
        }
    }
}

fn fields(opener: &mut Opener<'_>, text: &str, row: &Fields<'_>, around: Around<'_>) {
    let (raw, time, host) = (row.text("_raw"), row.text("_time"), row.text("host"));
    message(opener, text, raw.as_deref(), time.as_deref(), host.as_deref(), around);
}

/// Opens a row, whatever it was read from.
pub(super) fn message(
    opener: &mut Opener<'_>,
    text: &str,
    raw: Option<&str>,
    time: Option<&str>,
    host: Option<&str>,
    around: Around<'_>,
) {
    let around = around.of(Format::Splunk);
    let mut envelope = around.envelope;
    envelope.time = time.and_then(read_time);
    envelope.node = host.or(envelope.node);
    match raw {
        Some(raw) => opener.inner(raw, Around { envelope, ..around }),
        None => opener.reject(text, "expected a text in `_raw`", around, warnings::REJECTED_LINE),
    }
}

/// RFC 3339, or `2026-11-24 00:43:15.506 UTC`. Other zones by name are not understood.
fn read_time(text: &str) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(text).or_else(|| {
        let utc = text.strip_suffix(" UTC")?;
        let parsed = NaiveDateTime::parse_from_str(utc, "%Y-%m-%d %H:%M:%S%.f").ok()?;
        Some(Timestamp::from_micros(parsed.and_utc().timestamp_micros()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_a_known_zone_are_read() {
        for text in ["2026-11-24 00:43:15.506 UTC", "2026-11-24T00:43:15.506+00:00", "2026-11-24T08:43:15.506+08:00"] {
            assert_eq!(read_time(text).map(|t| t.to_string()), Some("2026-11-24T00:43:15.506Z".to_owned()), "{text}");
        }
        assert_eq!(read_time("2026-11-24 00:43:15.506 CET"), None);
    }
}
