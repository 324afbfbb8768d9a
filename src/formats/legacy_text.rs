//! The text lines of `--audit-log-format=legacy`.
//!
//! Since Kubernetes 1.7 a line is one event. Before, a request and its response are two lines that share
//! an id; they come here together, with a newline between (see [`super::join`]). `ip` is the *first*
//! source address, the one a client can forge. `<none>`, `<self>` and the like mean that there is no value.

use super::format::Format;
use super::go_quote;
use super::open::{Around, Opener};
use super::warnings;
use crate::model::audit::{AuditEvent, ObjectReference, ResponseStatus, UserInfo};
use crate::model::event_times::EventTimes;
use crate::model::text::Text;
use crate::model::time::Timestamp;

const MARK: &str = " AUDIT: id=\"";

/// Whether a line is one.
pub(super) fn recognises(text: &str) -> bool {
    text.split_once(MARK).is_some_and(|(time, _)| Timestamp::parse_rfc3339(time).is_some())
}

/// Which half of a request a line of before 1.7 is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half<'l> {
    /// A request of this id.
    Request(&'l str),
    /// A response to it.
    Response(&'l str),
}

impl<'l> Half<'l> {
    /// `None` for lines of 1.7 and later, and for other text.
    pub(super) fn of(text: &'l str) -> Option<Self> {
        let (time, rest) = text.split_once(MARK)?;
        Timestamp::parse_rfc3339(time)?;
        let (id, rest) = rest.split_once('"')?;
        // Inside quotes a quote is escaped, so these words are keys.
        match (rest.contains(" stage=\""), rest.contains(" uri=\"")) {
            (true, _) => None,
            (false, true) => Some(Self::Request(id)),
            (false, false) => rest.contains(" response=\"").then_some(Self::Response(id)),
        }
    }
}

/// A line taken apart.
struct Line {
    time: Timestamp,
    pairs: Vec<(String, String)>,
}

impl Line {
    fn read(text: &str) -> Option<Self> {
        let (time, rest) = text.split_once(" AUDIT: ")?;
        let mut line = Self { time: Timestamp::parse_rfc3339(time)?, pairs: Vec::new() };
        let mut rest = rest.trim();
        while !rest.is_empty() {
            let (key, after) = rest.split_once('=')?;
            let (quoted, after) = go_quote::split(after)?;
            // Two lines run together give keys that are none, or twice.
            let known =
                key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && line.pairs.iter().all(|(k, _)| k != key);
            known.then_some(())?;
            line.pairs.push((key.to_owned(), go_quote::unquote(quoted)?));
            rest = after.trim_start();
        }
        Some(line)
    }

    /// A value; the markers of absence are none.
    fn get(&self, key: &str) -> Option<&str> {
        let value = self.pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())?;
        (!matches!(value, "<none>" | "<self>" | "<lookup>" | "<unknown>" | "<deferred>" | "")).then_some(value)
    }

    fn text(&self, key: &str) -> Option<Text<'_>> {
        self.get(key).map(Text::from)
    }

    /// A list of quoted texts with commas between.
    fn list(&self, key: &str) -> Option<Vec<Text<'_>>> {
        let mut rest = self.get(key)?;
        let mut found = Vec::new();
        while let Some((quoted, after)) = go_quote::split(rest.trim_start()) {
            found.push(go_quote::unquote(quoted)?.into());
            rest = after.trim_start().trim_start_matches(',');
        }
        // Not quoted after all: the text is the one value.
        if found.is_empty() { Some(vec![rest.into()]) } else { Some(found) }
    }

    fn user(&self, name: &str, groups: &str) -> Option<UserInfo<'_>> {
        let (username, groups) = (self.text(name), self.list(groups));
        (username.is_some() || groups.is_some()).then(|| UserInfo { username, groups, ..UserInfo::default() })
    }

    fn status(&self) -> Option<ResponseStatus<'_>> {
        let code = self.get("response")?.parse().ok()?;
        Some(ResponseStatus { code: Some(code), ..ResponseStatus::default() })
    }
}

pub(super) fn open(opener: &mut Opener<'_>, text: &str, around: Around<'_>) {
    let lines: Option<Vec<Line>> = text.split('\n').map(Line::read).collect();
    let lines = lines.unwrap_or_default();
    match lines.as_slice() {
        [line] if line.get("stage").is_some() => since_17(opener, line, text, around),
        [line] => before_17(opener, Some(line).filter(|l| l.get("uri").is_some()), Some(line), text, around),
        [request, response] => before_17(opener, Some(request), Some(response), text, around),
        _ => {
            let code =
                if around.depth == 0 && !around.ended { warnings::PARTIAL_LAST_LINE } else { warnings::REJECTED_LINE };
            opener.reject(text, "expected an audit line of the legacy format", around.of(Format::LegacyText), code);
        }
    }
}

fn since_17(opener: &mut Opener<'_>, line: &Line, text: &str, around: Around<'_>) {
    let event = AuditEvent {
        verb: line.text("method"),
        stage: line.text("stage"),
        user_agent: line.text("user-agent"),
        ..common(line)
    };
    let times = EventTimes { stage: None, received: Some(line.time) };
    opener.event(&event, times, text, around.of(Format::LegacyText));
}

/// What all versions say.
fn common(line: &Line) -> AuditEvent<'_> {
    AuditEvent {
        audit_id: line.text("id"),
        request_uri: line.text("uri"),
        user: line.user("user", "groups"),
        impersonated_user: line.user("as", "asgroups"),
        source_ips: line.text("ip").map(|ip| vec![ip]),
        object_ref: line.text("namespace").map(|ns| ObjectReference { namespace: Some(ns), ..Default::default() }),
        response_status: line.status(),
        ..AuditEvent::default()
    }
}

fn before_17(opener: &mut Opener<'_>, request: Option<&Line>, response: Option<&Line>, text: &str, around: Around<'_>) {
    let answered = response.filter(|l| l.get("response").is_some());
    let Some(any) = request.or(response) else { return };
    if request.is_none() {
        opener.sink.warn(warnings::RESPONSE_WITHOUT_REQUEST);
    }
    let mut event = common(any);
    event.response_status = answered.and_then(Line::status);
    // The request line's time is when it was received, the response line's when it was answered.
    let times = EventTimes { stage: answered.map(|l| l.time), received: request.map(|l| l.time) };
    let mut around = around.of(Format::LegacyTextPre17);
    around.envelope.http_method = any.get("method");
    opener.event(&event, times, text, around);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn values_are_unquoted_and_markers_are_absent() {
        let text = r#"2026-11-24T00:41:25.30592Z AUDIT: id="9b" stage="ResponseComplete" ip="10.0.0.1" method="list" user="b\u00e9 stage=\"x\"" groups="\"dev\",\"a\\\"b\"" as="<self>" asgroups="<lookup>" user-agent="k" namespace="<none>" uri="/api" response="<deferred>""#;
        let line = Line::read(text).unwrap();
        assert_eq!(
            (line.get("user"), line.get("as"), line.get("namespace"), line.status().is_some()),
            (Some("b\u{e9} stage=\"x\""), None, None, false)
        );
        assert_eq!(line.list("groups").unwrap().iter().map(|g| g.to_string()).collect::<Vec<_>>(), ["dev", "a\"b"]);
        assert_eq!(Half::of(text), None);
    }

    #[test]
    fn halves_are_told_by_their_keys_not_by_values() {
        let request = r#"2026-11-24T00:41:01Z AUDIT: id="a" ip="1.1.1.1" method="GET" user="x response=\"200\"" uri="/api?stage=\"no\"""#;
        assert_eq!(Half::of(request), Some(Half::Request("a")));
        assert_eq!(Half::of(r#"2026-11-24T00:41:01Z AUDIT: id="a" response="200""#), Some(Half::Response("a")));
        assert_eq!(Half::of(r#"x AUDIT: id="a" response="200""#), None);
    }
}
