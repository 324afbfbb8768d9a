//! Native audit events: `audit.k8s.io/v1` and its older versions, one JSON object each.

use serde::Deserialize;

use crate::model::audit::AuditEvent;
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
    let times = times(&event).map_err(NotAnEvent::Broken)?;
    Ok((event, times))
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
