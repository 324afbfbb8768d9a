//! Native audit events: `audit.k8s.io/v1` and its older versions, one JSON object each.

use std::borrow::Cow;

use serde::Deserialize;

use super::format::Format;
use crate::model::audit::{AuditEvent, ObjectReference};
use crate::model::event_times::EventTimes;
use crate::model::text::Text;
use crate::model::time::Timestamp;

/// Why a document is not an audit event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAnEvent {
    /// It is JSON of another kind: this `kind` and `apiVersion`.
    OtherKind,
    /// It should be one and is broken.
    Broken(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypeMeta<'a> {
    #[serde(borrow, default)]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    api_version: Option<Text<'a>>,
}

/// `kind` and `apiVersion` of a JSON object, where it has them as text.
pub fn type_meta(text: &str) -> Option<(String, String)> {
    let meta: TypeMeta<'_> = serde_json::from_str(text).ok()?;
    Some((meta.kind?.to_string(), meta.api_version.map(|v| v.to_string()).unwrap_or_default()))
}

/// Whether `kind` and `apiVersion` are those of an audit event.
pub fn is_audit_event(kind: &str, api_version: &str) -> bool {
    kind == "Event" && api_version.starts_with("audit.k8s.io/")
}

/// Reads one native audit event.
///
/// # Errors
/// [`NotAnEvent::OtherKind`] for readable JSON of another kind, [`NotAnEvent::Broken`] for the rest.
pub fn parse(bytes: &[u8]) -> Result<(AuditEvent<'_>, EventTimes), NotAnEvent> {
    let text = std::str::from_utf8(bytes)
        .map_err(|e| NotAnEvent::Broken(format!("invalid UTF-8 at byte {}", e.valid_up_to())))?;
    let event: AuditEvent<'_> = match serde_json::from_str(text) {
        Ok(event) => event,
        Err(e) => return Err(classify_error(text, &e)),
    };
    let (Some(kind), Some(version)) = (&event.kind, &event.api_version) else { return Err(NotAnEvent::OtherKind) };
    if !is_audit_event(kind, version) {
        return Err(NotAnEvent::OtherKind);
    }
    complete(event, text).map_err(NotAnEvent::Broken)
}

/// Reads an event that takes its kind and version from the list it lies in.
///
/// # Errors
/// When it is no event.
pub fn parse_item<'a>(text: &'a str, api_version: &str) -> Result<(AuditEvent<'a>, EventTimes), String> {
    let mut event: AuditEvent<'a> = serde_json::from_str(text).map_err(|e| format!("expected an audit event: {e}"))?;
    let version = event.api_version.get_or_insert_with(|| api_version.to_owned().into());
    let kind = event.kind.get_or_insert_with(|| "Event".into());
    if !is_audit_event(kind, version) {
        return Err(format!("expected an audit event, found kind `{kind}` of `{version}`"));
    }
    complete(event, text)
}

/// The format a version of the audit API is.
pub fn format_of(api_version: Option<&str>) -> Format {
    match api_version {
        Some("audit.k8s.io/v1beta1") => Format::NativeV1beta1,
        Some("audit.k8s.io/v1alpha1") => Format::NativeV1alpha1,
        _ => Format::Native,
    }
}

/// Brings what older versions say into today's fields.
fn complete<'a>(mut event: AuditEvent<'a>, text: &str) -> Result<(AuditEvent<'a>, EventTimes), String> {
    let mut times = times(&event)?;
    let format = format_of(event.api_version.as_deref());
    if format == Format::Native {
        return Ok((event, times));
    }
    if let Some(object) = event.object_ref.as_mut().filter(|_| format == Format::NativeV1alpha1) {
        split_group(object);
    }
    if times.received.is_none() {
        // Before 1.8 the only time was `timestamp`: when the request reached the server, in whole seconds.
        let old: OldTimes<'_> = serde_json::from_str(text).map_err(|e| format!("expected an audit event: {e}"))?;
        times.received = time("timestamp", old.timestamp.as_deref())?;
    }
    Ok((event, times))
}

/// `v1alpha1` wrote group and version as one (`rbac.authorization.k8s.io/v1`).
fn split_group(object: &mut ObjectReference<'_>) {
    if object.api_group.is_some() {
        return;
    }
    let Some(Text(both)) = object.api_version.take() else { return };
    let Some((group, version)) = both.split_once('/').map(|(g, v)| (g.len(), v.len())) else {
        object.api_version = Some(Text(both));
        return;
    };
    let (group, version) = match both {
        Cow::Borrowed(b) => (
            Cow::Borrowed(b.get(..group).unwrap_or_default()),
            Cow::Borrowed(b.get(b.len() - version..).unwrap_or_default()),
        ),
        Cow::Owned(b) => {
            let (g, v) = b.split_once('/').unwrap_or_default();
            (Cow::Owned(g.to_owned()), Cow::Owned(v.to_owned()))
        }
    };
    (object.api_group, object.api_version) = (Some(Text(group)), Some(Text(version)));
}

#[derive(Deserialize)]
struct OldTimes<'a> {
    #[serde(borrow, default)]
    timestamp: Option<Text<'a>>,
}

/// JSON that is whole but of another shape is another kind; everything else is a broken record.
fn classify_error(text: &str, error: &serde_json::Error) -> NotAnEvent {
    match (error.classify(), type_meta(text)) {
        (serde_json::error::Category::Data, Some((kind, version))) if !is_audit_event(&kind, &version) => {
            NotAnEvent::OtherKind
        }
        (serde_json::error::Category::Data, None) if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => {
            NotAnEvent::OtherKind
        }
        _ => NotAnEvent::Broken(format!("expected an audit event: {error}")),
    }
}

/// The times of an event.
///
/// # Errors
/// When a time is there and is none.
pub fn times(event: &AuditEvent<'_>) -> Result<EventTimes, String> {
    Ok(EventTimes {
        stage: time("stageTimestamp", event.stage_timestamp.as_deref())?,
        received: time("requestReceivedTimestamp", event.request_received_timestamp.as_deref())?,
    })
}

fn time(field: &str, value: Option<&str>) -> Result<Option<Timestamp>, String> {
    let Some(text) = value else { return Ok(None) };
    Timestamp::parse_rfc3339(text)
        .map(Some)
        .ok_or_else(|| format!("expected an RFC 3339 time in {field}, found `{text}`"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn strings_without_escapes_are_borrowed() {
        let line = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","user":{"username":"x"},"stageTimestamp":"2026-11-24T00:00:00.5Z"}"#;
        let (event, times) = parse(line).unwrap();
        assert!(matches!(event.audit_id.unwrap().0, std::borrow::Cow::Borrowed("a")));
        assert!(matches!(event.user.unwrap().username.unwrap().0, std::borrow::Cow::Borrowed("x")));
        assert_eq!(times.stage.unwrap().to_string(), "2026-11-24T00:00:00.500Z");
    }

    #[test]
    fn old_versions_keep_their_exact_times_and_give_their_only_one() {
        let both = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1beta1","timestamp":"2026-11-24T00:41:01Z","requestReceivedTimestamp":"2026-11-24T00:41:01.993132Z"}"#;
        assert_eq!(parse(both).unwrap().1.received.unwrap().to_string(), "2026-11-24T00:41:01.993132Z");
        let old = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1alpha1","timestamp":"2017-07-01T00:00:01Z","objectRef":{"resource":"roles","apiVersion":"rbac.authorization.k8s.io/v1beta1"}}"#;
        let (event, times) = parse(old).unwrap();
        assert_eq!((times.stage, times.received.unwrap().to_string()), (None, "2017-07-01T00:00:01Z".to_owned()));
        let object = event.object_ref.unwrap();
        assert_eq!(
            (object.api_group.as_deref(), object.api_version.as_deref()),
            (Some("rbac.authorization.k8s.io"), Some("v1beta1"))
        );
    }

    #[test]
    fn other_json_is_another_kind_and_broken_json_is_broken() {
        for other in [
            "{}",
            "[1]",
            "3",
            r#"{"kind":"Role","apiVersion":"rbac.authorization.k8s.io/v1","user":7}"#,
            r#"{"user":7}"#,
        ] {
            assert_eq!(parse(other.as_bytes()).unwrap_err(), NotAnEvent::OtherKind, "{other}");
        }
        for broken in [
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"#,
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":7}"#,
            r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","stageTimestamp":"noon"}"#,
        ] {
            assert!(matches!(parse(broken.as_bytes()), Err(NotAnEvent::Broken(_))), "{broken}");
        }
    }
}
