//! Rancher's API audit log: a schema of its own about requests to Rancher's API, not to a cluster's.
//! Older servers write two lines a request, the second without URI; newer ones one line. Users and
//! groups are Rancher's; groups are not put into the cluster's column.

use chrono::DateTime;
use serde_json::value::RawValue;

use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::warnings;
use crate::model::audit::{AuditEvent, ResponseStatus, UserInfo};
use crate::model::event_times::EventTimes;
use crate::model::text::Text;
use crate::model::time::Timestamp;

pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    if !fields.has("auditID") || fields.has("kind") || fields.has("level") {
        return false;
    }
    let user = fields.object("user").unwrap_or_default();
    let own = ["requestBody", "responseBody", "remoteAddr"].iter().any(|k| fields.has(k));
    own || user.has("name")
        || user.has("group")
        || (fields.has("method") && fields.has("requestTimestamp"))
        || fields.text("responseStatus").is_some()
}

pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    opener.met(Format::RancherApiAudit);
    let fields = &doc.fields;
    let mut around = around.of(Format::RancherApiAudit);
    let times = match (time(fields, &["stageTimestamp", "responseTimestamp"]), time(fields, &["requestTimestamp"])) {
        (Ok(stage), Ok(received)) => EventTimes { stage, received },
        (Err(why), _) | (_, Err(why)) => return opener.reject(doc.text, &why, around, warnings::REJECTED_LINE),
    };
    let headers = fields.object("requestHeader").unwrap_or_default();
    let code = fields.integer("responseCode").or_else(|| fields.text("responseStatus")?.parse().ok());
    let event = AuditEvent {
        audit_id: fields.text("auditID"),
        stage: fields.text("stage"),
        request_uri: fields.text("requestURI"),
        user: user(fields),
        source_ips: addresses(fields, &headers),
        user_agent: header(&headers, "user-agent").into_iter().next(),
        response_status: code
            .and_then(|c| i32::try_from(c).ok())
            .map(|c| ResponseStatus { code: Some(c), ..Default::default() }),
        request_object: fields.get("requestBody").map(Into::into),
        response_object: fields.get("responseBody").map(Into::into),
        ..AuditEvent::default()
    };
    let method = fields.text("method").or_else(|| fields.text("verb"));
    around.envelope.http_method = method.as_deref();
    around.envelope.component = Some("rancher");
    opener.event(&event, times, doc.text, around);
}

fn user<'a>(fields: &Fields<'a>) -> Option<UserInfo<'a>> {
    let user = fields.object("user")?;
    let extra: Option<&'a RawValue> = user.get("extra");
    Some(UserInfo { username: user.text("name"), extra: extra.map(Into::into), ..UserInfo::default() })
}

/// Addresses as the API server orders them: what the client forwards first, the peer last.
fn addresses<'a>(fields: &Fields<'a>, headers: &Fields<'a>) -> Option<Vec<Text<'a>>> {
    if let Some(known) = fields.list("sourceIPs") {
        return known.into_iter().map(super::fields::text).collect();
    }
    let peer = fields.text("remoteAddr")?;
    let mut all: Vec<Text<'a>> = Vec::new();
    for forwarded in header(headers, "x-forwarded-for") {
        all.extend(forwarded.split(',').map(|a| Text::from(a.trim().to_owned())).filter(|a| !a.is_empty()));
    }
    let ip = peer.rsplit_once(':').map_or(&*peer, |(ip, _)| ip).trim_matches(['[', ']']).to_owned();
    all.push(ip.into());
    Some(all)
}

/// The values of a header, whatever the case of its name.
fn header<'a>(headers: &Fields<'a>, name: &str) -> Vec<Text<'a>> {
    let found = headers.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v);
    let Some(raw) = found else { return Vec::new() };
    serde_json::from_str(raw.get()).unwrap_or_else(|_| super::fields::text(raw).into_iter().collect())
}

/// RFC 3339, or local time with its offset: `2026-11-24 08:41:03 +0800`.
fn time(fields: &Fields<'_>, keys: &[&str]) -> Result<Option<Timestamp>, String> {
    let Some(text) = keys.iter().find_map(|k| fields.text(k)) else { return Ok(None) };
    let local = || {
        DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S %z")
            .ok()
            .map(|t| Timestamp::from_micros(t.timestamp_micros()))
    };
    let found = Timestamp::parse_rfc3339(&text).or_else(local);
    found.map(Some).ok_or_else(|| format!("expected a time with its offset, found `{}`", &*text))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn local_times_are_brought_to_utc() {
        let f = Fields::of(r#"{"stageTimestamp":"2026-11-24 08:41:03 +0800","bad":"2026-11-24 08:41:03"}"#).unwrap();
        assert_eq!(time(&f, &["stageTimestamp"]).unwrap().unwrap().to_string(), "2026-11-24T00:41:03Z");
        assert!(time(&f, &["bad"]).is_err());
    }

    #[test]
    fn the_peer_comes_last_behind_what_the_client_forwards() {
        let f =
            Fields::of(r#"{"remoteAddr":"[::1]:51544","h":{"x-Forwarded-For":["203.0.113.66, 10.1.1.1"]}}"#).unwrap();
        let all = addresses(&f, &f.object("h").unwrap()).unwrap();
        assert_eq!(all.iter().map(|a| a.to_string()).collect::<Vec<_>>(), ["203.0.113.66", "10.1.1.1", "::1"]);
    }
}
