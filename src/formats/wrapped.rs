//! Audit events in wrappings of no format: behind a prefix on their line (`oc adm node-logs`,
//! `kubectl logs --prefix`, `grep`, syslog), as a text or an object under any key of a shipper's JSON, in
//! a list of texts, and items of a batch without their type. An event that is whole is never passed over
//! because of what stands around it; nothing is concluded from keys whose meaning is not known.

use serde_json::value::RawValue;

use super::audit;
use super::fields::{Fields, text};
use super::format::Format;
use super::open::{Around, Doc, MAX_DEPTH, Opener};
use super::spot::Placer;
use super::text_lines::{is_audit_stream, looks_like_audit};
use super::warnings;

/// Brackets of a line that are tried for the start of its event.
const TRIES: usize = 4;
/// The longest prefix.
const LONGEST: usize = 256;

/// The event on a line and what stands before it.
pub(super) fn prefixed(line: &str) -> Option<(&str, &str)> {
    if !looks_like_audit(line) {
        return None;
    }
    let starts = memchr::memchr_iter(b'{', line.as_bytes()).take(TRIES);
    starts.filter_map(|at| line.split_at_checked(at)).find(|(prefix, event)| {
        is_prefix(prefix) && serde_json::from_str::<serde::de::IgnoredAny>(event).is_ok() && looks_like_audit(event)
    })
}

/// Whether text may be what a tool puts in front of a line. The end of a torn record is not.
fn is_prefix(text: &str) -> bool {
    text.len() <= LONGEST && !text.contains(['"', '}', ',']) && text.ends_with([' ', '\t', ':', '='])
}

/// Opens an event behind a prefix. One word in front names the node, or the stream of a log service;
/// `[pod/<name>/<container>]` names the pod.
pub(super) fn open_prefixed(opener: &mut Opener<'_>, prefix: &str, event: &str, around: Around<'_>) {
    opener.met(around.format.unwrap_or(Format::PrefixedLines));
    let mut around = around.of(Format::PrefixedLines);
    let word = prefix.trim();
    let pod = word.strip_prefix("[pod/").and_then(|p| p.strip_suffix(']')).and_then(|p| p.split('/').next());
    if let Some(pod) = pod {
        around.envelope.api_server = Some(pod);
    } else if is_audit_stream(Some(word)) && is_name(word) {
        around.envelope.log_stream = Some(word);
    } else if is_name(word) {
        around.envelope.node = around.envelope.node.or(Some(word));
    }
    opener.inner(event, around);
}

/// Whether a word can be the name of a node: no path, no place in a file, no sentence.
fn is_name(word: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    ends(word.chars().next())
        && ends(word.chars().last())
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
}

/// Whether an object is an item of a batch without its type.
pub(super) fn is_untyped(fields: &Fields<'_>) -> bool {
    !fields.has("kind")
        && !fields.has("apiVersion")
        && ["auditID", "stage", "level", "verb", "requestURI"].iter().all(|k| fields.has(k))
}

/// Opens an item without its type; its version is not known.
pub(super) fn untyped(opener: &mut Opener<'_>, text: &str, around: Around<'_>) {
    match audit::parse_item(text, "audit.k8s.io/v1") {
        Ok((mut event, times)) => {
            event.api_version = None;
            opener.event(&event, times, text, around.of(Format::EventList));
        }
        Err(why) => opener.reject(text, &why, around, warnings::REJECTED_LINE),
    }
}

/// Opens the events inside an object of no known kind; false, and nothing opened, when there are none.
pub(super) fn in_object(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) -> bool {
    // Kubernetes objects may quote anything.
    let object = doc.fields.has("kind") || doc.fields.has("apiVersion");
    if object || around.depth >= MAX_DEPTH || !looks_like_audit(doc.text) {
        return false;
    }
    let values: Vec<&RawValue> = doc.fields.iter().map(|(_, value)| value).collect();
    open_values(opener, doc.text, &values, around)
}

/// Opens the events in a list of texts; false, and nothing opened, when there are none.
pub(super) fn in_list(opener: &mut Opener<'_>, list: &str, elements: &[&RawValue], around: Around<'_>) -> bool {
    around.depth < MAX_DEPTH && looks_like_audit(list) && open_values(opener, list, elements, around)
}

fn open_values(opener: &mut Opener<'_>, whole: &str, values: &[&RawValue], around: Around<'_>) -> bool {
    let telling: Vec<&&RawValue> = values.iter().filter(|v| holds_event(v.get())).collect();
    if telling.is_empty() {
        return false;
    }
    opener.met(around.format.unwrap_or(Format::JsonEnvelope));
    let around = Around { depth: around.depth + 1, ..around.of(Format::JsonEnvelope) };
    let mut placer = Placer::new(whole, around.spot);
    // As in other envelopes, an object around one text is its record: where the text is damaged, the time
    // that a shipper wrote beside it is evidence too.
    let alone = telling.len() == 1 && whole.starts_with('{');
    for value in telling {
        match text(value) {
            Some(quoted) if alone => opener.inner(&quoted, around),
            Some(quoted) => {
                let around = around.element(placer.spot(value.get()), value.get());
                opener.inner(&quoted, around);
            }
            None => opener.element(value, &mut placer, around),
        }
    }
    true
}

/// Whether a value is, quotes or holds an event.
fn holds_event(value: &str) -> bool {
    value.starts_with(['{', '[', '"']) && looks_like_audit(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_told_from_the_event() {
        let event = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a"}"#;
        for prefix in ["m0.example.com ", "[pod/a/b] ", "audit.log:7:", "Nov 24 00:41:02 cp-1 kube[1]: "] {
            let line = format!("{prefix}{event}");
            assert_eq!(prefixed(&line), Some((prefix, event)));
        }
        for other in [event, "x {\"a\":1}", &format!("x {}", &event[..40])] {
            assert_eq!(prefixed(other), None, "{other}");
        }
        assert!(is_name("m0.example.com") && !is_name("audit.log:7:") && !is_name("a b") && !is_name("-"));
    }
}
