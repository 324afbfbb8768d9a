//! Fluent Bit, and Docker's `json-file` log, whose shape it passes on: the line is the text `log`. With
//! `Merge_Log` the event's own keys lie beside the collector's. `kubernetes` describes the pod the line
//! came from, never the audited object.

use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::warnings;
use crate::model::text::Text;
use crate::model::time::Timestamp;

pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    fields.get("log").is_some_and(|l| l.get().starts_with('"'))
        && ["kubernetes", "stream", "date", "time", "_p", "tag"].iter().any(|key| fields.has(key))
}

pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    let fields = &doc.fields;
    let collector = ["kubernetes", "date", "_p", "tag"].iter().any(|key| fields.has(key));
    let format = if collector { Format::FluentBit } else { Format::DockerJsonFile };
    opener.met(format);
    let host = host(fields);
    let mut envelope = around.envelope;
    envelope.time = time(fields);
    envelope.node = host.as_deref().or(envelope.node);
    let around = Around { envelope, ..around.of(format) };
    match fields.text("log") {
        Some(log) => opener.inner(&log, around),
        None => opener.reject(doc.text, "expected a text in `log`", around, warnings::REJECTED_LINE),
    }
}

/// What surrounds an event beside whose keys a collector wrote its own; unchanged where it did not.
pub(super) fn merged<'e>(fields: &Fields<'_>, around: Around<'e>) -> Around<'e> {
    if !fields.has("kubernetes") && !fields.has("date") {
        return around;
    }
    let mut around = around.of(Format::FluentBit);
    around.envelope.time = time(fields);
    around
}

/// The node of the pod.
fn host<'a>(fields: &Fields<'a>) -> Option<Text<'a>> {
    fields.object("kubernetes")?.text("host")
}

/// `time` as the runtime wrote it, or `date` as the collector saw it (seconds, or RFC 3339).
fn time(fields: &Fields<'_>) -> Option<Timestamp> {
    fields.time("time").or_else(|| fields.time("date")).or_else(|| seconds(fields.get("date")?.get()))
}

/// Seconds with a fraction, read as digits: a float would lose microseconds.
fn seconds(number: &str) -> Option<Timestamp> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut micros = 0_i64;
    let mut digits = fraction.bytes().chain(std::iter::repeat(b'0'));
    for digit in digits.by_ref().take(6) {
        micros = micros * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    let seconds: i64 = whole.parse().ok().filter(|s| *s >= 0)?;
    seconds.checked_mul(1_000_000)?.checked_add(micros).map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_keep_their_microseconds() {
        assert_eq!(seconds("1795480862.225568").map(Timestamp::as_micros), Some(1_795_480_862_225_568));
        assert_eq!(seconds("1795480862.2255689").map(Timestamp::as_micros), Some(1_795_480_862_225_568));
        assert_eq!(seconds("1795480862").map(Timestamp::as_micros), Some(1_795_480_862_000_000));
        for bad in ["", "x", "1e9", "-1", "1.x", "99999999999999999999"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
