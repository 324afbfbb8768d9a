//! Azure diagnostic settings of AKS: one object a line in blobs, `records[]` in Event Hub messages. The
//! event is text inside the text `properties.log`. The service cuts that text at 16 KiB while the
//! envelope stays whole, and leaves out reads in the category `kube-audit-admin`.

use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::sink::{Fact, Skipped};
use super::spot::Placer;
use super::warnings;

pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    fields.has("category") && fields.object("properties").is_some_and(|p| p.has("log"))
}

pub(super) fn recognises_records(fields: &Fields<'_>) -> bool {
    let Some(records) = fields.list("records") else { return false };
    records.iter().take(10).any(|r| Fields::of(r.get()).is_ok_and(|f| recognises(&f)))
}

pub(super) fn open_records(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::AksDiagnostics);
    let mut placer = Placer::new(doc.text, around.spot);
    for record in doc.fields.list("records").unwrap_or_default() {
        opener.element(record, &mut placer, around.of(Format::AksDiagnostics));
    }
}

pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::AksDiagnostics);
    let category = doc.fields.text("category");
    let category = category.as_deref().unwrap_or_default();
    opener.sink.fact(Fact::Category(category));
    if let Some(id) = doc.fields.text("resourceId") {
        about_resource(opener, &id);
    }
    let around = around.of(Format::AksDiagnostics);
    if !matches!(category, "kube-audit" | "kube-audit-admin") {
        return opener.sink.skip(Skipped::OtherLog, around.span());
    }
    let properties = doc.fields.object("properties").unwrap_or_default();
    let pod = properties.text("pod");
    let mut envelope = around.envelope;
    envelope.time = doc.fields.time("time");
    envelope.api_server = pod.as_deref().or(envelope.api_server);
    let around = Around { envelope, expect_event: true, ..around };
    match properties.text("log") {
        Some(log) => opener.inner(&log, around),
        None => opener.reject(doc.text, "expected a text in `properties.log`", around, warnings::REJECTED_LINE),
    }
}

/// `/SUBSCRIPTIONS/<id>/RESOURCEGROUPS/<group>/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/<cluster>`
pub(super) fn about_resource(opener: &mut Opener<'_>, id: &str) {
    let parts: Vec<&str> = id.split('/').collect();
    let after = |word: &str| {
        parts
            .windows(2)
            .find(|w| w.first().is_some_and(|p| p.eq_ignore_ascii_case(word)))
            .and_then(|w| w.last().copied())
    };
    if let Some(subscription) = after("subscriptions") {
        opener.sink.fact(Fact::Account(subscription));
    }
    if let Some(cluster) = after("managedclusters") {
        opener.sink.fact(Fact::Cluster(cluster));
    }
}
