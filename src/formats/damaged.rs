//! Items of a list whose head was damaged: the list's kind is gone, the items speak for themselves.

use super::audit;
use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Opener};
use super::spot::Placer;

/// Opens the `items` of a document that has lost its kind; false when there are none.
pub(super) fn open_items(opener: &mut Opener<'_>, text: &str, around: Around<'_>) -> bool {
    let Ok(fields) = Fields::of(text) else { return false };
    let Some(items) = fields.list("items").filter(|_| !fields.has("kind")) else { return false };
    let mut placer = Placer::new(text, around.spot);
    for item in items {
        let untyped = Fields::of(item.get()).is_ok_and(|f| !f.has("kind") && f.has("auditID") && f.has("stage"));
        if untyped && let Ok((event, times)) = audit::parse_item(item.get(), "audit.k8s.io/v1") {
            let around = around.element(placer.spot(item.get()), item.get()).of(Format::EventList);
            opener.event(&event, times, item.get(), around);
        } else {
            opener.element(item, &mut placer, around);
        }
    }
    true
}
