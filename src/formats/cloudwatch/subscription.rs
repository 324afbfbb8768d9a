//! What a subscription filter delivers: `DATA_MESSAGE` with log events, and `CONTROL_MESSAGE`, which
//! only tests the destination. Firehose sets the documents side by side without a newline.

use crate::formats::fields::Fields;
use crate::formats::format::Format;
use crate::formats::open::{Around, Doc, Opener};
use crate::formats::sink::{Fact, Skipped};
use crate::formats::warnings;

use super::{about_group, log_event};

pub(in crate::formats) fn recognises(fields: &Fields<'_>) -> bool {
    fields.has("logEvents") && (fields.is("messageType", "DATA_MESSAGE") || fields.is("messageType", "CONTROL_MESSAGE"))
}

pub(in crate::formats) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::CloudwatchSubscription);
    if doc.fields.is("messageType", "CONTROL_MESSAGE") {
        return opener.sink.skip(Skipped::Control, around.span());
    }
    let owner = doc.fields.text("owner");
    if let Some(owner) = &owner {
        opener.sink.fact(Fact::Account(owner));
    }
    if let Some(group) = doc.fields.text("logGroup") {
        about_group(opener.sink, &group);
    }
    let stream = doc.fields.text("logStream");
    let mut around = around.of(Format::CloudwatchSubscription);
    around.envelope.log_stream = stream.as_deref().or(around.envelope.log_stream);
    match doc.fields.list("logEvents") {
        Some(events) => {
            log_event::all(opener, doc.text, &events, around);
        }
        None => opener.reject(doc.text, "expected a list in `logEvents`", around, warnings::REJECTED_LINE),
    }
}
