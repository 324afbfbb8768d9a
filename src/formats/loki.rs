//! Grafana Loki: what `logcli -o jsonl` prints and what `query_range` answers. Neither says that the
//! query's limit was reached; as many entries as a limit in use is the only sign.

use serde_json::value::RawValue;

use super::fields::{Fields, text};
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::sink::{Fact, Page};
use super::spot::Placer;
use super::warnings;
use crate::model::text::Text;
use crate::model::time::Timestamp;

/// Default limits of the API and of Grafana, and the server's cap.
const LIMITS: [u64; 3] = [100, 1000, 5000];

pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    fields.object("labels").is_some() && fields.has("line") && fields.has("timestamp")
}

pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::Loki);
    opener.sink.fact(Fact::Page(Page { rows: 1, ..Page::of(Format::Loki) }));
    let labels = doc.fields.object("labels").unwrap_or_default();
    let line = doc.fields.text("line");
    let time = doc.fields.time("timestamp");
    one(opener, doc.text, line.as_deref(), time, &labels, around);
}

pub(super) fn recognises_range(fields: &Fields<'_>) -> bool {
    fields.object("data").is_some_and(|d| d.is("resultType", "streams") && d.list("result").is_some())
}

pub(super) fn open_range(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::Loki);
    let streams = doc.fields.object("data").and_then(|d| d.list("result")).unwrap_or_default();
    let mut placer = Placer::new(doc.text, around.spot);
    let mut rows = 0_u64;
    for stream in streams {
        let Ok(fields) = Fields::of(stream.get()) else {
            let around = around.element(placer.spot(stream.get()), stream.get());
            opener.reject(stream.get(), "expected a stream with labels and values", around, warnings::REJECTED_LINE);
            continue;
        };
        let labels = fields.object("stream").unwrap_or_default();
        for value in fields.list("values").unwrap_or_default() {
            let text = value.get();
            let around = around.element(placer.spot(text), text);
            rows += u64::from(text != "null");
            if text != "null" {
                let elements = super::fields::list(value).unwrap_or_default();
                values(opener, text, &elements, &labels, around);
            }
        }
    }
    if LIMITS.contains(&rows) {
        opener.sink.warn(warnings::RESULT_LIMIT);
    }
}

/// Whether a list is one entry: `["<nanoseconds>", "<line>"]`.
pub(super) fn is_entry(elements: &[&RawValue]) -> bool {
    matches!(elements, [time, line, ..] if line.get().starts_with('"') && nanos(time).is_some())
}

/// Opens an entry that stands alone.
pub(super) fn entry(opener: &mut Opener<'_>, raw: &str, elements: &[&RawValue], around: Around<'_>) {
    opener.met(Format::Loki);
    values(opener, raw, elements, &Fields::default(), around);
}

fn values(opener: &mut Opener<'_>, raw: &str, elements: &[&RawValue], labels: &Fields<'_>, around: Around<'_>) {
    let time = elements.first().and_then(|t| nanos(t));
    let line = elements.get(1).and_then(|l| text(l));
    one(opener, raw, line.as_deref(), time, labels, around);
}

fn one(
    opener: &mut Opener<'_>,
    raw: &str,
    line: Option<&str>,
    time: Option<Timestamp>,
    labels: &Fields<'_>,
    around: Around<'_>,
) {
    let around = around.of(Format::Loki);
    let node: Option<Text<'_>> = ["node", "node_name", "hostname", "host"].iter().find_map(|k| labels.text(k));
    if let Some(cluster) = labels.text("cluster") {
        opener.sink.fact(Fact::Cluster(&cluster));
    }
    let mut envelope = around.envelope;
    envelope.time = time;
    envelope.node = node.as_deref().or(envelope.node);
    match line {
        Some(line) => opener.inner(line, Around { envelope, ..around }),
        None => opener.reject(raw, "expected a time and a line", around, warnings::REJECTED_LINE),
    }
}

/// Nanoseconds since the epoch, in quotes.
fn nanos(raw: &RawValue) -> Option<Timestamp> {
    let digits = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    let ns: i64 = digits.parse().ok().filter(|_| digits.len() >= 16)?;
    Some(Timestamp::from_micros(ns.div_euclid(1000)))
}
