//! Documents from Elasticsearch and OpenSearch: search results (`hits.hits`), elasticdump lines, and bare
//! sources as Filebeat writes them. The raw message is preferred; without it `kubernetes.audit` holds the
//! event taken apart, with milliseconds only and dots of annotation keys turned into underscores.

use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::sink::{Fact, Page};
use super::spot::Placer;
use super::{audit, warnings};
use crate::model::annotations::Annotations;
use crate::model::text::Text;

/// Domains of annotation keys that Kubernetes and OpenShift write. A domain holds no underscore, so for
/// these the way back is exact; other keys stay as they were found.
const DOMAINS: [&str; 16] = [
    "apiserver.k8s.io",
    "apiserver.latency.k8s.io",
    "audit.k8s.io",
    "authentication.k8s.io",
    "authentication.kubernetes.io",
    "authentication.openshift.io",
    "authorization.k8s.io",
    "failed-open.mutation.webhook.admission.k8s.io",
    "failed-open.validating.webhook.admission.k8s.io",
    "k8s.io",
    "mutation.webhook.admission.k8s.io",
    "openshift.io",
    "patch.webhook.admission.k8s.io",
    "pod-security.kubernetes.io",
    "validation.policy.admission.k8s.io",
    "mutation.policy.admission.k8s.io",
];

pub(super) fn recognises_hits(fields: &Fields<'_>) -> bool {
    fields.object("hits").is_some_and(|h| h.list("hits").is_some())
}

pub(super) fn open_hits(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::Elasticsearch);
    let outer = doc.fields.object("hits").unwrap_or_default();
    let hits = outer.list("hits").unwrap_or_default();
    let mut placer = Placer::new(doc.text, around.spot);
    hits.iter().for_each(|hit| opener.element(hit, &mut placer, around));
    // Before version 7 the total was a plain number.
    let total = outer.integer("total").or_else(|| outer.object("total")?.integer("value"));
    opener.sink.fact(Fact::Page(Page {
        rows: hits.len() as u64,
        total: total.and_then(|t| u64::try_from(t).ok()),
        goes_on: opener.goes_on,
        ..Page::of(Format::Elasticsearch)
    }));
    if doc.fields.get("timed_out").is_some_and(|v| v.get() == "true") {
        opener.sink.warn(warnings::QUERY_NOT_COMPLETE);
    }
}

pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    fields.object("_source").is_some()
}

pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    let source = doc.fields.object("_source").unwrap_or_default();
    one(opener, doc.text, &source, around);
}

pub(super) fn recognises_source(fields: &Fields<'_>) -> bool {
    fields.has("@timestamp") && (fields.has("message") || raw_message(fields).is_some() || parsed(fields).is_some())
}

pub(super) fn open_source(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    one(opener, doc.text, &doc.fields, around);
}

fn one(opener: &mut Opener<'_>, text: &str, source: &Fields<'_>, around: Around<'_>) {
    let host = source.object("host").and_then(|h| h.text("name")).or_else(|| source.text("host"));
    let mut envelope = around.envelope;
    envelope.time = source.time("@timestamp");
    envelope.node = host.as_deref().or(envelope.node);
    let around = Around { envelope, ..around };
    let event = parsed(source);
    if let Some(message) = raw_message(source).filter(|m| event.is_none() || m.trim_start().starts_with('{')) {
        opener.met(Format::Elasticsearch);
        return opener.inner(&message, around.of(Format::Elasticsearch));
    }
    let Some(event) = event else {
        return opener.sink.skip(super::sink::Skipped::OtherJson, around.span());
    };
    opener.met(Format::ElasticsearchParsed);
    let around = around.of(Format::ElasticsearchParsed);
    match audit::parse_item(event, "audit.k8s.io/v1") {
        Ok((mut event, times)) => {
            restore(&mut event.annotations);
            opener.event(&event, times, text, around);
        }
        Err(why) => opener.reject(text, &why, around, warnings::REJECTED_LINE),
    }
}

/// The raw event: `message`, or `event.original`.
fn raw_message<'a>(source: &Fields<'a>) -> Option<Text<'a>> {
    source
        .text("message")
        .or_else(|| source.object("event")?.text("original"))
        .or_else(|| source.text("event.original"))
}

/// The event taken apart.
fn parsed<'a>(source: &Fields<'a>) -> Option<&'a str> {
    let raw = source.object("kubernetes").and_then(|k| k.get("audit")).or_else(|| source.get("kubernetes.audit"))?;
    raw.get().starts_with('{').then(|| raw.get())
}

/// Adds the true key beside each changed one whose domain is known.
fn restore(annotations: &mut Option<Annotations<'_>>) {
    let Some(all) = annotations else { return };
    let mut found = Vec::new();
    for (key, value) in all.iter() {
        let (domain, name) = key.split_once('/').unwrap_or_default();
        if domain.contains('_')
            && let Some(true_domain) = DOMAINS.iter().find(|d| **d == domain.replace('_', "."))
        {
            found.push((Text::from(format!("{true_domain}/{name}")), value.clone()));
        }
    }
    for (key, value) in found {
        all.or_insert(key, value);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn known_annotation_keys_come_back_and_the_found_ones_stay() {
        let mut all = serde_json::from_str(r#"{"authorization_k8s_io/decision":"allow","my_own_io/key":"x","plain":"y","audit.k8s.io/truncated":"true"}"#).unwrap();
        restore(&mut all);
        let keys: Vec<String> = all.unwrap().iter().map(|(key, _)| key.to_string()).collect();
        assert_eq!(
            keys,
            [
                "audit.k8s.io/truncated",
                "authorization.k8s.io/decision",
                "authorization_k8s_io/decision",
                "my_own_io/key",
                "plain"
            ]
        );
    }
}
