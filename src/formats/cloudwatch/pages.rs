//! Pages of `filter-log-events` and `get-log-events`. The first say by `nextToken` that more follows;
//! the tokens of the second are always there and say nothing.

use crate::formats::fields::Fields;
use crate::formats::format::Format;
use crate::formats::open::{Around, Doc, Opener};
use crate::formats::sink::{Fact, Page};

use super::log_event;

/// What the document is; `None` for lists of `events` that are no log events.
fn format(fields: &Fields<'_>) -> Option<Format> {
    if fields.has("nextForwardToken") || fields.has("nextBackwardToken") {
        return fields.has("events").then_some(Format::CloudwatchGet);
    }
    let events = fields.list("events")?;
    let known = fields.has("searchedLogStreams") || !events.is_empty();
    (known && log_event::are_log_events(&events)).then_some(Format::CloudwatchFilter)
}

pub(in crate::formats) fn recognises(fields: &Fields<'_>) -> bool {
    format(fields).is_some()
}

pub(in crate::formats) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    let Some(format) = format(&doc.fields) else { return };
    opener.met(format);
    let events = doc.fields.list("events").unwrap_or_default();
    let span = log_event::all(opener, doc.text, &events, around.of(format));
    if format == Format::CloudwatchFilter {
        let token = doc.fields.text("nextToken").is_some_and(|t| !t.is_empty());
        opener.sink.fact(Fact::Page(Page {
            more: token || unsearched(&doc.fields),
            rows: events.len() as u64,
            first: span.map(|s| s.0),
            last: span.map(|s| s.1),
            goes_on: opener.goes_on,
            ..Page::of(format)
        }));
    }
}

/// Whether a stream was not searched to its end.
fn unsearched(fields: &Fields<'_>) -> bool {
    let streams = fields.list("searchedLogStreams").unwrap_or_default();
    streams
        .iter()
        .filter_map(|s| Fields::of(s.get()).ok())
        .any(|s| s.get("searchedCompletely").is_some_and(|v| v.get() == "false"))
}
