//! Batches of the audit webhook: `EventList` of `audit.k8s.io`. Items usually have no kind and version
//! of their own and take those of the list. A batch may be sent twice.

use super::audit;
use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::spot::Placer;
use super::warnings;

pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    let version = fields.text("apiVersion");
    fields.is("kind", "EventList") && version.is_some_and(|v| v.starts_with("audit.k8s.io/"))
}

pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::EventList);
    let version = doc.fields.text("apiVersion");
    let version = version.as_deref().unwrap_or_default();
    let around = around.of(Format::EventList);
    let Some(items) = doc.fields.list("items") else {
        if doc.fields.get("items").is_some() {
            opener.reject(doc.text, "expected a list in `items`", around, warnings::REJECTED_LINE);
        }
        return;
    };
    let mut placer = Placer::new(doc.text, around.spot);
    for item in items {
        let text = item.get();
        if text == "null" {
            continue;
        }
        let around = around.element(placer.spot(text), text);
        match audit::parse_item(text, version) {
            Ok((event, times)) => opener.event(&event, times, text, around),
            Err(why) => opener.reject(text, &why, around, warnings::REJECTED_LINE),
        }
    }
}
