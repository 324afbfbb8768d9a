//! Rows of the Log Analytics tables `AKSAudit` and `AKSAuditAdmin`: CSV, or JSON as `az monitor
//! log-analytics query` prints it. Dynamic columns are JSON text; an empty cell is an absent field. There
//! is no column for the impersonated user: impersonation cannot be seen here.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use serde_json::value::RawValue;

use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::{aks, warnings};
use crate::model::audit::AuditEvent;
use crate::model::event_times::EventTimes;
use crate::model::text::Text;
use crate::model::time::Timestamp;

pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    is_header(&|name| fields.has(name))
}

/// Whether these columns are those of the table.
pub(super) fn is_header(has: &dyn Fn(&str) -> bool) -> bool {
    ["AuditId", "RequestUri", "ObjectRef"].iter().all(|name| has(name))
}

pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    let mut cells: BTreeMap<&str, Text<'_>> = BTreeMap::new();
    for (name, raw) in doc.fields.iter() {
        // Dynamic columns come as text or as the JSON itself, depending on the client.
        let text = match raw.get() {
            "null" => continue,
            quoted if quoted.starts_with('"') => super::fields::text(raw),
            verbatim => Some(Text::from(verbatim)),
        };
        if let Some(text) = text {
            cells.insert(name, text);
        }
    }
    row(opener, doc.text, &|name| cells.get(name).map(|t| &**t), around);
}

/// Opens one row; `cell` gives a column's text.
pub(super) fn row<'c>(opener: &mut Opener<'_>, text: &str, cell: &dyn Fn(&str) -> Option<&'c str>, around: Around<'_>) {
    let get = |name: &str| cell(name).filter(|c| !c.is_empty());
    let clock = Clock::default();
    let times =
        EventTimes { stage: clock.read(&get, "StageReceivedTime"), received: clock.read(&get, "RequestReceivedTime") };
    let logged = clock.read(&get, "TimeGenerated");
    let format = if clock.portal.get() { Format::AksLogAnalyticsPortal } else { Format::AksLogAnalytics };
    opener.met(format);
    let mut around = around.of(format);
    around.envelope.time = logged;
    around.envelope.api_server = get("PodName").or(around.envelope.api_server);
    if let Some(id) = get("_ResourceId") {
        aks::about_resource(opener, id);
    }
    if clock.zoneless.get() {
        opener.sink.warn(warnings::TIME_WITHOUT_ZONE);
    }
    if let Some(bad) = clock.bad.take() {
        return opener.reject(text, &bad, around, warnings::REJECTED_LINE);
    }
    let (request, response) = (get("RequestObject").map(body), get("ResponseObject").map(body));
    match event(&get, request.as_ref().map(Body::raw), response.as_ref().map(Body::raw)) {
        Ok(event) => opener.event(&event, times, text, around),
        Err(why) => opener.reject(text, &why, around, warnings::REJECTED_LINE),
    }
}

fn event<'c>(
    get: &dyn Fn(&str) -> Option<&'c str>,
    request: Option<&'c RawValue>,
    response: Option<&'c RawValue>,
) -> Result<AuditEvent<'c>, String> {
    let plain = |name: &str| get(name).map(Text::from);
    if get("AuditId").is_none() {
        return Err("expected the column `AuditId`".to_owned());
    }
    Ok(AuditEvent {
        level: plain("Level"),
        audit_id: plain("AuditId"),
        stage: plain("Stage"),
        request_uri: plain("RequestUri"),
        verb: plain("Verb"),
        user: dynamic(get, "User")?,
        source_ips: dynamic(get, "SourceIps")?,
        user_agent: plain("UserAgent"),
        object_ref: dynamic(get, "ObjectRef")?,
        response_status: dynamic(get, "ResponseStatus")?,
        request_object: request.map(Into::into),
        response_object: response.map(Into::into),
        annotations: dynamic(get, "Annotations")?,
        ..AuditEvent::default()
    })
}

fn dynamic<'c, T: serde::Deserialize<'c>>(
    get: &dyn Fn(&str) -> Option<&'c str>,
    name: &str,
) -> Result<Option<T>, String> {
    let Some(text) = get(name) else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|e| format!("expected JSON in column `{name}`: {e}"))
}

/// A body: JSON as it stands, or other text (a placeholder) as a JSON string.
enum Body<'c> {
    Verbatim(&'c RawValue),
    Quoted(Box<RawValue>),
}

impl Body<'_> {
    fn raw(&self) -> &RawValue {
        match self {
            Self::Verbatim(raw) => raw,
            Self::Quoted(raw) => raw,
        }
    }
}

fn body(text: &str) -> Body<'_> {
    match serde_json::from_str(text) {
        Ok(raw) => Body::Verbatim(raw),
        Err(_) => {
            let quoted = serde_json::Value::from(text).to_string();
            RawValue::from_string(quoted).map_or(Body::Verbatim(RawValue::NULL), Body::Quoted)
        }
    }
}

/// Reads the time columns, whose names and style depend on who exported them.
#[derive(Default)]
struct Clock {
    portal: std::cell::Cell<bool>,
    zoneless: std::cell::Cell<bool>,
    bad: std::cell::Cell<Option<String>>,
}

impl Clock {
    fn read<'c>(&self, get: &dyn Fn(&str) -> Option<&'c str>, name: &str) -> Option<Timestamp> {
        let utc = get(&format!("{name} [UTC]"));
        let text = utc.or_else(|| get(name)).or_else(|| get(&format!("{name} [Local Time]")))?;
        if let Some(t) = Timestamp::parse_rfc3339(text) {
            return Some(t);
        }
        let Some(t) = portal_time(text) else {
            self.bad.set(Some(format!("expected a time in column `{name}`, found `{text}`")));
            return None;
        };
        self.portal.set(true);
        // A column that does not say UTC is in the reader's own zone, which nobody wrote down.
        self.zoneless.set(self.zoneless.get() || utc.is_none());
        utc.map(|_| t)
    }
}

/// `11/24/2026, 12:41:02.025 AM`, as if it were UTC.
fn portal_time(text: &str) -> Option<Timestamp> {
    let parsed = NaiveDateTime::parse_from_str(text, "%m/%d/%Y, %I:%M:%S%.f %p").ok()?;
    Some(Timestamp::from_micros(parsed.and_utc().timestamp_micros()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portal_writes_twelve_hour_times_to_the_millisecond() {
        let shown = |t: &str| portal_time(t).map(|t| t.to_string());
        assert_eq!(shown("11/24/2026, 12:41:02.025 AM"), Some("2026-11-24T00:41:02.025Z".to_owned()));
        assert_eq!(shown("1/2/2026, 12:00:00 PM"), Some("2026-01-02T12:00:00Z".to_owned()));
        assert_eq!(shown("24/11/2026, 12:41:02.025 AM"), None);
    }

    #[test]
    fn a_time_without_a_zone_is_left_out() {
        let clock = Clock::default();
        let get = |name: &str| (name == "T").then_some("1/2/2026, 12:00:00 PM");
        assert_eq!((clock.read(&get, "T"), clock.zoneless.get()), (None, true));
    }
}
