//! `journalctl -o json`. `MESSAGE` is text, a list of bytes when it holds control characters, a list of
//! texts when the field was given twice, or null when it was larger than the export allowed (no `--all`):
//! then the event is lost.

use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::sink::Skipped;
use super::warnings;
use crate::model::text::Text;
use crate::model::time::Timestamp;

pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    fields.has("__REALTIME_TIMESTAMP") && fields.has("MESSAGE")
}

pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::Journal);
    let around = around.of(Format::Journal);
    let fields = &doc.fields;
    let host = fields.text("_HOSTNAME");
    let micros = fields.text("__REALTIME_TIMESTAMP").and_then(|t| t.parse().ok());
    let mut envelope = around.envelope;
    envelope.time = micros.map(Timestamp::from_micros);
    envelope.node = host.as_deref().or(envelope.node);
    let around = Around { envelope, ..around };
    let Some(message) = fields.get("MESSAGE") else {
        if !may_be_api_server(fields) {
            return opener.sink.skip(Skipped::Text, around.span());
        }
        let why = "the journal left out a message that was too large; export it with `journalctl --all`";
        return opener.reject(doc.text, why, around, warnings::JOURNAL_NULL_MESSAGE);
    };
    if let Some(text) = super::fields::text(message) {
        opener.inner(&text, around);
    } else if let Ok(texts) = serde_json::from_str::<Vec<Text<'_>>>(message.get()) {
        texts.iter().for_each(|text| opener.inner(text, around));
    } else {
        match serde_json::from_str::<Vec<u8>>(message.get()).map(String::from_utf8) {
            Ok(Ok(text)) => opener.inner(&text, around),
            Ok(Err(e)) => {
                let at = e.utf8_error().valid_up_to();
                opener.reject(
                    doc.text,
                    &format!("invalid UTF-8 at byte {at} of `MESSAGE`"),
                    around,
                    warnings::REJECTED_LINE,
                );
            }
            Err(_) => opener.reject(doc.text, "expected a text or bytes in `MESSAGE`", around, warnings::REJECTED_LINE),
        }
    }
}

/// Whether a message without content may have been an audit event: not when another program wrote it.
fn may_be_api_server(fields: &Fields<'_>) -> bool {
    let names = [fields.text("SYSLOG_IDENTIFIER"), fields.text("_SYSTEMD_UNIT")];
    let mut known = names.iter().flatten().peekable();
    known.peek().is_none()
        || known.any(|n| ["apiserver", "k3s", "rke2", "k0s", "microk8s"].iter().any(|w| n.contains(w)))
}
