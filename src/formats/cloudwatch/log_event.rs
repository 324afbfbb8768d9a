//! One CloudWatch log event: an element of `events` or `logEvents`, or standing alone, as
//! `--query 'events[]'` leaves it.

use serde_json::value::RawValue;

use crate::formats::fields::{Fields, millis};
use crate::formats::format::Format;
use crate::formats::open::{Around, Doc, Opener};
use crate::formats::spot::Placer;
use crate::formats::text_lines::is_audit_stream;
use crate::formats::warnings;
use crate::model::time::Timestamp;

pub(in crate::formats) fn recognises(fields: &Fields<'_>) -> bool {
    let named = fields.has("eventId") || fields.has("logStreamName") || fields.has("ingestionTime");
    named && fields.has("message") && fields.integer("timestamp").is_some()
}

pub(in crate::formats) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::CloudwatchFilter);
    one(opener, doc.text, &doc.fields, around.of(Format::CloudwatchFilter));
}

/// Whether a list holds log events, by its first one.
pub(super) fn are_log_events(events: &[&RawValue]) -> bool {
    let first = events.iter().find(|e| e.get() != "null");
    first.is_none_or(|e| Fields::of(e.get()).is_ok_and(|f| f.has("message") && f.has("timestamp")))
}

/// Opens the events of a document; gives the earliest and latest time.
pub(super) fn all<'e>(
    opener: &mut Opener<'_>,
    text: &'e str,
    events: &[&'e RawValue],
    around: Around<'e>,
) -> Option<(Timestamp, Timestamp)> {
    let mut placer = Placer::new(text, around.spot);
    let mut span: Option<(Timestamp, Timestamp)> = None;
    for raw in events.iter().map(|e| e.get()).filter(|e| *e != "null") {
        let around = around.element(placer.spot(raw), raw);
        match Fields::of(raw) {
            Ok(fields) => {
                if let Some(t) = one(opener, raw, &fields, around) {
                    span = Some(span.map_or((t, t), |(a, b)| (a.min(t), b.max(t))));
                }
            }
            Err(e) => opener.broken(raw, &e, around, warnings::REJECTED_LINE),
        }
    }
    span
}

fn one(opener: &mut Opener<'_>, text: &str, fields: &Fields<'_>, around: Around<'_>) -> Option<Timestamp> {
    let time = fields.integer("timestamp").and_then(millis);
    let stream = fields.text("logStreamName");
    let mut envelope = around.envelope;
    envelope.time = time;
    envelope.log_stream = stream.as_deref().or(envelope.log_stream);
    let around = Around { envelope, expect_event: is_audit_stream(envelope.log_stream), ..around };
    match fields.text("message") {
        Some(message) => opener.inner(&message, around),
        None => opener.reject(text, "expected a log event with a text in `message`", around, warnings::REJECTED_LINE),
    }
    time
}
