//! Vector: `message` with the name of its source.

use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::warnings;

pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    fields.has("source_type") && fields.has("message")
}

pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::Vector);
    let around = around.of(Format::Vector);
    let host = doc.fields.text("host");
    let mut envelope = around.envelope;
    envelope.time = doc.fields.time("timestamp");
    envelope.node = host.as_deref().or(envelope.node);
    match doc.fields.text("message") {
        Some(message) => opener.inner(&message, Around { envelope, ..around }),
        None => opener.reject(doc.text, "expected a text in `message`", around, warnings::REJECTED_LINE),
    }
}
