//! The common record, read fast: one event of `audit.k8s.io/v1` as the API server writes it. Its keys are known and
//! come once each, so nothing is looked up and nothing is read twice. Whatever is not of this shape is left to
//! [`super::audit`], which decides what it is; the two never differ in what both take.

use super::audit;
use super::cursor::{Cursor, Spelling};
use crate::model::annotations::Annotations;
use crate::model::audit::{AuditEvent, ObjectReference, ResponseStatus, UserInfo};
use crate::model::event_times::EventTimes;
use crate::model::text::Text;

/// Reads an event into `event`, which must be empty; `None` leaves the record to the general parser.
pub(super) fn read<'a>(text: &'a str, event: &mut AuditEvent<'a>) -> Option<EventTimes> {
    let mut cursor = Cursor::new(text)?;
    let mut seen = Seen::default();
    cursor.object(|c, key| member(c, key, event, &mut seen))?;
    let whole = cursor.is_done() && event.kind.as_deref() == Some("Event");
    (whole && event.api_version.as_deref() == Some("audit.k8s.io/v1")).then_some(())?;
    audit::times(event).ok()
}

/// Keys that were met.
#[derive(Default)]
struct Seen(u32);

impl Seen {
    /// A key given twice is no matter for this parser.
    fn once(&mut self, number: u32) -> Option<()> {
        let bit = 1 << number;
        let first = self.0 & bit == 0;
        self.0 |= bit;
        first.then_some(())
    }
}

fn member<'a>(c: &mut Cursor<'a>, key: &str, event: &mut AuditEvent<'a>, seen: &mut Seen) -> Option<()> {
    let (number, place) = match key {
        "kind" => (0, &mut event.kind),
        "apiVersion" => (1, &mut event.api_version),
        "level" => (2, &mut event.level),
        "auditID" => (3, &mut event.audit_id),
        "stage" => (4, &mut event.stage),
        "requestURI" => (5, &mut event.request_uri),
        "verb" => (6, &mut event.verb),
        "userAgent" => (7, &mut event.user_agent),
        "requestReceivedTimestamp" => (8, &mut event.request_received_timestamp),
        "stageTimestamp" => (9, &mut event.stage_timestamp),
        _ => return structured(c, key, event, seen),
    };
    seen.once(number)?;
    *place = c.text()?;
    Some(())
}

fn structured<'a>(c: &mut Cursor<'a>, key: &str, event: &mut AuditEvent<'a>, seen: &mut Seen) -> Option<()> {
    match key {
        "user" => {
            seen.once(10)?;
            event.user = user(c)?;
        }
        "impersonatedUser" => {
            seen.once(11)?;
            event.impersonated_user = user(c)?;
        }
        "sourceIPs" => {
            seen.once(12)?;
            event.source_ips = texts(c)?;
        }
        "objectRef" => {
            seen.once(13)?;
            event.object_ref = object_ref(c)?;
        }
        "responseStatus" => {
            seen.once(14)?;
            event.response_status = status(c)?;
        }
        "requestObject" => {
            seen.once(15)?;
            event.request_object = c.json()?;
        }
        "responseObject" => {
            seen.once(16)?;
            event.response_object = c.json()?;
        }
        "annotations" => {
            seen.once(17)?;
            event.annotations = annotations(c)?;
        }
        // Rare, or a collector's.
        "authenticationMetadata" | "kubernetes" | "date" => return None,
        _ => c.skip()?,
    }
    Some(())
}

fn user<'a>(c: &mut Cursor<'a>) -> Option<Option<UserInfo<'a>>> {
    if c.null()? {
        return Some(None);
    }
    let (mut user, mut seen) = (UserInfo::default(), Seen::default());
    c.object(|c, key| {
        match key {
            "username" => {
                seen.once(0)?;
                user.username = c.text()?;
            }
            "uid" => {
                seen.once(1)?;
                user.uid = c.text()?;
            }
            "groups" => {
                seen.once(2)?;
                user.groups = texts(c)?;
            }
            "extra" => {
                seen.once(3)?;
                user.extra = c.json()?;
            }
            _ => c.skip()?,
        }
        Some(())
    })?;
    Some(Some(user))
}

fn texts<'a>(c: &mut Cursor<'a>) -> Option<Option<Vec<Text<'a>>>> {
    if c.null()? {
        return Some(None);
    }
    let mut texts = Vec::new();
    c.list(|c| {
        texts.push(c.string()?);
        Some(())
    })?;
    Some(Some(texts))
}

fn object_ref<'a>(c: &mut Cursor<'a>) -> Option<Option<ObjectReference<'a>>> {
    if c.null()? {
        return Some(None);
    }
    let (mut object, mut seen) = (ObjectReference::default(), Seen::default());
    c.object(|c, key| {
        let (number, place) = match key {
            "resource" => (0, &mut object.resource),
            "namespace" => (1, &mut object.namespace),
            "name" => (2, &mut object.name),
            "uid" => (3, &mut object.uid),
            "apiGroup" => (4, &mut object.api_group),
            "apiVersion" => (5, &mut object.api_version),
            "resourceVersion" => (6, &mut object.resource_version),
            "subresource" => (7, &mut object.subresource),
            _ => return c.skip(),
        };
        seen.once(number)?;
        *place = c.text()?;
        Some(())
    })?;
    Some(Some(object))
}

fn status<'a>(c: &mut Cursor<'a>) -> Option<Option<ResponseStatus<'a>>> {
    if c.null()? {
        return Some(None);
    }
    let (mut status, mut seen) = (ResponseStatus::default(), Seen::default());
    c.object(|c, key| {
        let (number, place) = match key {
            "status" => (0, &mut status.status),
            "message" => (1, &mut status.message),
            "reason" => (2, &mut status.reason),
            "code" => {
                seen.once(3)?;
                status.code = c.number()?;
                return Some(());
            }
            _ => return c.skip(),
        };
        seen.once(number)?;
        *place = c.text()?;
        Some(())
    })?;
    Some(Some(status))
}

fn annotations<'a>(c: &mut Cursor<'a>) -> Option<Option<Annotations<'a>>> {
    if c.null()? {
        return Some(None);
    }
    let start = c.position();
    let mut pairs = Vec::with_capacity(4);
    let (mut plain, mut length) = (true, 2);
    c.object(|c, key| {
        let value_start = c.position();
        let (value, spelling) = c.spelt_string()?;
        plain &= spelling == Spelling::Plain;
        // Quotes, colon and comma.
        length += key.len() + 4 + c.since(value_start)?.len();
        pairs.push((Text::from(key), value));
        Some(())
    })?;
    let json = c.since(start)?;
    // Anything longer holds white space.
    plain &= json.len() + usize::from(!pairs.is_empty()) == length;
    Some(Some(Annotations::spelt(pairs, json, plain)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FULL: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"RequestResponse","auditID":"f92cd8f1","stage":"ResponseComplete","requestURI":"/apis/apps/v1?a=b","verb":"update","user":{"username":"system:serviceaccount:a:b","uid":"b37622f3","groups":["system:serviceaccounts","système"],"extra":{"authentication.kubernetes.io/credential-id":["JTI=1"],"x":[]}},"impersonatedUser":{"username":"\"q\"","groups":[]},"sourceIPs":["10.0.0.1","::1"],"userAgent":"a/b (c) \u003cd\u003e","objectRef":{"resource":"deployments","namespace":"n","name":"m","uid":"u","apiGroup":"apps","apiVersion":"v1","resourceVersion":"1","subresource":"status"},"responseStatus":{"metadata":{},"status":"Failure","message":"no \"x\"","reason":"NotFound","code":404},"requestObject":{"a":[1,-0.5e+3,true,null,{"b":{}}]},"responseObject":"text","requestReceivedTimestamp":"2026-06-03T13:01:30.000001Z","stageTimestamp":"2026-06-03T13:01:30.5Z","annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed by ClusterRoleBinding \"x\""}}"#;

    /// All that is read of an event, and how the annotations are written.
    fn told(event: &AuditEvent<'_>, times: &EventTimes) -> String {
        let mut room = Vec::new();
        let annotations = event.annotations.as_ref().map(|a| a.json(&mut room).unwrap().to_owned());
        let pairs: Option<Vec<_>> = event.annotations.as_ref().map(|a| a.iter().collect());
        let plain = AuditEvent { annotations: None, ..event.clone() };
        format!("{plain:?} {pairs:?} {annotations:?} {times:?}")
    }

    /// What this parser takes, the general one takes and reads alike; gives whether it was taken.
    fn agrees(text: &str) -> bool {
        let mut event = AuditEvent::default();
        let Some(times) = read(text, &mut event) else { return false };
        let (general, general_times) = audit::parse(text.as_bytes()).expect(text);
        assert_eq!(told(&event, &times), told(&general, &general_times), "{text}");
        true
    }

    #[test]
    fn a_full_event_is_taken_and_read_alike() {
        assert!(agrees(FULL));
        for (from, to) in [
            (",\"level\"", ", \"level\""),
            ("\"allow\",", "\"allow\" ,"),
            ("{\"authorization.k8s.io/decision\":\"allow\",", "{\"z\":\"1\",\"z\":\"\\u0041\","),
            ("\"allow\"", "\"al\\/low\""),
            ("\"groups\":[]", "\"groups\":null"),
            ("\"code\":404", "\"code\":null"),
            ("\"requestObject\":{", "\"other\":[{}],\"requestObject\":{"),
        ] {
            let text = FULL.replace(from, to);
            assert!(text != FULL && agrees(&text), "{text}");
        }
    }

    #[test]
    fn what_is_another_or_damaged_is_left() {
        for (from, to) in [
            ("\"kind\":\"Event\"", "\"kind\":\"Events\""),
            ("k8s.io/v1\"", "k8s.io/v1beta1\""),
            ("\"stage\":", "\"level\":"),
            ("\"code\":404", "\"code\":404.0"),
            ("\"uid\":\"u\"", "\"uid\":7"),
            ("\"sourceIPs\":[", "\"sourceIPs\":[null,"),
            ("13:01:30.5Z", "noon"),
            ("\"verb\":", "\"kubernetes\":{},\"verb\":"),
            ("[1,", "[01,"),
            ("système", "syst\u{1}me"),
        ] {
            let text = FULL.replacen(from, to, 1);
            assert!(text != FULL && !agrees(&text), "{text}");
        }
        assert!(!agrees(&FULL[..FULL.len() - 1]) && !agrees(&format!("{FULL} ")) && !agrees(&format!("{FULL}{{}}")));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn no_mutation_is_read_otherwise(at in 0..FULL.len(), length in 0_usize..6, new in "[{}\\[\\]\":,\\\\nul0-9e.a \n]{0,4}") {
            let end = (at + length).min(FULL.len());
            prop_assume!(FULL.is_char_boundary(at) && FULL.is_char_boundary(end));
            agrees(&format!("{}{new}{}", &FULL[..at], &FULL[end..]));
        }
    }
}
