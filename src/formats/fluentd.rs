//! Fluentd's `out_file`: time, tag and a JSON record, with tabs between. The record holds the line as
//! `message` or `log`, or is the event itself.

use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Opener};
use super::warnings;
use crate::model::time::Timestamp;

/// One line taken apart.
pub(super) struct Line<'l> {
    time: Option<Timestamp>,
    record: &'l str,
}

impl<'l> Line<'l> {
    pub(super) fn of(text: &'l str) -> Option<Self> {
        let mut parts = text.splitn(3, '\t');
        let (time, _tag, record) = (parts.next()?, parts.next()?, parts.next()?);
        let dated = time.starts_with(|c: char| c.is_ascii_digit()) && time.len() >= 19;
        (dated && record.starts_with('{')).then(|| Self { time: Timestamp::parse_rfc3339(time), record })
    }
}

pub(super) fn open(opener: &mut Opener<'_>, line: &Line<'_>, around: Around<'_>) {
    opener.met(Format::Fluentd);
    let around = around.of(Format::Fluentd);
    let mut envelope = around.envelope;
    envelope.time = line.time;
    let fields = match Fields::of(line.record) {
        Ok(fields) => fields,
        Err(e) => {
            let cut = around.depth == 0 && !around.ended;
            let code = if cut { warnings::PARTIAL_LAST_LINE } else { warnings::REJECTED_LINE };
            return opener.broken(line.record, &e, around, code);
        }
    };
    let host = ["hostname", "host"].iter().find_map(|k| fields.text(k));
    envelope.node = host.as_deref().or(envelope.node);
    let around = Around { envelope, ..around };
    let message = fields.text("message").or_else(|| fields.text("log"));
    match message {
        Some(message) => opener.inner(&message, around),
        None => opener.inner(line.record, around),
    }
}
