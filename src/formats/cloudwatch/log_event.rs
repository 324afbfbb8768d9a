//! One CloudWatch log event: an element of `events` or `logEvents`, or standing alone, as
//! `--query 'events[]'` leaves it.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::formats::fields::{Fields, millis};
use crate::formats::format::Format;
use crate::formats::open::{Around, Doc, Opener};
use crate::formats::spot::Placer;
use crate::formats::text_lines::{is_audit_stream, looks_like_audit};
use crate::formats::warnings;
use crate::model::text::Text;
use crate::model::time::Timestamp;

pub(in crate::formats) fn recognises(fields: &Fields<'_>) -> bool {
    let named = fields.has("eventId") || fields.has("logStreamName") || fields.has("ingestionTime");
    named && fields.has("message") && fields.integer("timestamp").is_some()
}

pub(in crate::formats) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::CloudwatchFilter);
    one(opener, doc.text, &doc.fields, None, around.of(Format::CloudwatchFilter));
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
    let events: Vec<&'e str> = events.iter().map(|e| e.get()).filter(|e| *e != "null").collect();
    let mut joined = Joined::of(&events);
    for (number, raw) in events.iter().enumerate() {
        let around = around.element(placer.spot(raw), raw);
        match Fields::of(raw) {
            Ok(fields) => {
                let part = joined.take(number);
                if let Some(t) = one(opener, raw, &fields, part, around) {
                    span = Some(span.map_or((t, t), |(a, b)| (a.min(t), b.max(t))));
                }
            }
            Err(e) => opener.broken(raw, &e, around, warnings::REJECTED_LINE),
        }
    }
    span
}

/// Parts one event may have been split into.
const PARTS: usize = 16;

/// Log events behind a split message among which its other parts are looked for.
pub(in crate::formats) const NEAR: usize = 256;
/// Messages that the service splits are longer.
const SPLIT: usize = 100_000;

/// Whether the message of one of the last of these log events may go on in the log events behind them.
pub(in crate::formats) fn end_open(events: &[&str]) -> bool {
    let last = events.get(events.len().saturating_sub(NEAR)..).unwrap_or_default();
    // A text that ends with a brace is whole, but for long ones cut there by chance.
    let whole = |e: &&str| e.len() < SPLIT && memchr::memmem::find(e.as_bytes(), b"}\"").is_some();
    if last.iter().all(whole) {
        return false;
    }
    let joined = Joined::of(last);
    let open = |(n, e): (usize, &&str)| {
        !whole(e) && !joined.0.contains_key(&n) && parts_of(e).is_some_and(|(_, message)| begins(&message))
    };
    last.iter().enumerate().any(open)
}

/// What a log event of a split message is.
enum Part {
    /// The first, with the whole message.
    First(String),
    /// Another; it has been read.
    Later,
}

/// Messages that the service split because they were larger than it takes. Parts of one message follow
/// one another in their stream; they are joined only where the whole is one JSON value.
#[derive(Default)]
struct Joined(BTreeMap<usize, Part>);

impl Joined {
    fn of(events: &[&str]) -> Self {
        let mut joined = Self::default();
        for (number, raw) in events.iter().enumerate() {
            let Some((stream, message)) = parts_of(raw) else { continue };
            if joined.0.contains_key(&number) || !begins(&message) {
                continue;
            }
            let mut whole = message.to_string();
            let mut taken = Vec::new();
            for (later, raw) in events.iter().enumerate().skip(number + 1) {
                let Some((_, more)) = parts_of(raw).filter(|(s, _)| *s == stream) else { continue };
                if taken.len() >= PARTS || is_whole(&more) {
                    break;
                }
                whole.push_str(&more);
                taken.push(later);
                if is_whole(&whole) {
                    joined.0.extend(taken.into_iter().map(|n| (n, Part::Later)));
                    joined.0.insert(number, Part::First(whole));
                    break;
                }
            }
        }
        joined
    }

    fn take(&mut self, number: usize) -> Option<Part> {
        self.0.remove(&number)
    }
}

/// The stream and the message of a log event.
fn parts_of(raw: &str) -> Option<(Option<Text<'_>>, Text<'_>)> {
    let fields = Fields::of(raw).ok()?;
    Some((fields.text("logStreamName"), fields.text("message")?))
}

/// Whether a message begins JSON that it does not end.
fn begins(message: &str) -> bool {
    message.starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(message).is_err_and(|e| e.is_eof())
        && looks_like_audit(message)
}

fn is_whole(text: &str) -> bool {
    text.starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn one(
    opener: &mut Opener<'_>,
    text: &str,
    fields: &Fields<'_>,
    part: Option<Part>,
    around: Around<'_>,
) -> Option<Timestamp> {
    let time = fields.integer("timestamp").and_then(millis);
    let stream = fields.text("logStreamName");
    let mut envelope = around.envelope;
    envelope.time = time;
    envelope.log_stream = stream.as_deref().or(envelope.log_stream);
    let around = Around { envelope, expect_event: is_audit_stream(envelope.log_stream), ..around };
    match (part, fields.text("message")) {
        (Some(Part::First(whole)), _) => opener.inner(&whole, around),
        (Some(Part::Later), _) => {}
        (None, Some(message)) => opener.inner(&message, around),
        (None, None) => {
            opener.reject(text, "expected a log event with a text in `message`", around, warnings::REJECTED_LINE)
        }
    }
    time
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_stream_are_joined_where_the_whole_is_json() {
        let event = |stream: &str, message: &str| {
            serde_json::json!({"logStreamName": stream, "message": message, "timestamp": 1}).to_string()
        };
        let whole = r#"{"kind":"Event","auditID":"a","verb":"get","userAgent":"x"}"#;
        let events =
            [event("a", &whole[..30]), event("b", whole), event("a", &whole[30..40]), event("a", &whole[40..])];
        let texts: Vec<&str> = events.iter().map(String::as_str).collect();
        let mut joined = Joined::of(&texts);
        assert!(matches!(joined.take(0), Some(Part::First(text)) if text == whole));
        assert!(joined.take(1).is_none());
        assert!(matches!((joined.take(2), joined.take(3)), (Some(Part::Later), Some(Part::Later))));
        // A cut event whose rest is not there stays what it is.
        assert!(Joined::of(&[texts[0], texts[1]]).0.is_empty());
        assert!(Joined::of(&[texts[0], &event("a", whole), texts[2], texts[3]]).0.is_empty());
    }
}
