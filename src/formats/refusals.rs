//! What a collector was refused: `kubectl`'s error lines in a dump, and `Status` objects that an API
//! server answered in place of a list. They are no records; they say what the evidence lacks.

use serde::{Deserialize, Serialize};

use super::fields::Fields;
use super::format::Format;
use super::open::{Around, Doc, Opener};
use super::sink::{Fact, Skipped, Span};

/// Characters of a message that are kept.
const SHOWN: usize = 400;

/// One request of a collector that gave no objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refusal {
    /// HTTP status, where it is given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<u16>,
    /// `Forbidden`, `NotFound`, `Unauthorized`, ...
    pub reason: String,
    /// The verb that was refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verb: Option<String>,
    /// `<plural>[.<group>]`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resource: Option<String>,
    /// The namespace asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub namespace: Option<String>,
    /// The message, cut.
    pub message: String,
}

impl Refusal {
    /// Whether the server refused it to the collector (403), and not for another reason.
    pub fn is_forbidden(&self) -> bool {
        self.code == Some(403) || self.reason == "Forbidden"
    }
}

/// Reads a line that `kubectl` writes when a request fails.
pub fn of_line(line: &str) -> Option<Refusal> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("Error from server") {
        let (reason, message) = match rest.strip_prefix(" (").and_then(|r| r.split_once("): ")) {
            Some((reason, message)) => (reason, message),
            None => ("", rest.strip_prefix(": ")?),
        };
        return Some(of_message(reason, message));
    }
    let reason = if line.starts_with("error: You must be logged in to the server") {
        "Unauthorized"
    } else if line.starts_with("error: the server doesn't have a resource type") {
        "NotFound"
    } else if line.starts_with("Unable to connect to the server:") || line.starts_with("The connection to the server ")
    {
        "Unreachable"
    } else {
        return None;
    };
    Some(of_message(reason, line))
}

/// From an API server's words: `… cannot list resource "roles" in API group "g" in the namespace "n"`.
fn of_message(reason: &str, message: &str) -> Refusal {
    let quoted = |before: &str| {
        let rest = message.split_once(before)?.1;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let resource = quoted(" resource \"").or_else(|| quoted("resource type \""));
    let group = quoted(" in API group \"").filter(|g| !g.is_empty());
    let verb = message.split_once(" cannot ").and_then(|(_, rest)| rest.split(' ').next()).map(str::to_owned);
    Refusal {
        code: code_of(reason),
        reason: if reason.is_empty() { "Unknown".to_owned() } else { reason.to_owned() },
        verb: verb.filter(|_| resource.is_some()),
        resource: resource.map(|r| group.map_or_else(|| r.clone(), |g| format!("{r}.{g}"))),
        namespace: quoted(" in the namespace \""),
        message: message.chars().take(SHOWN).collect(),
    }
}

fn code_of(reason: &str) -> Option<u16> {
    match reason {
        "Forbidden" => Some(403),
        "NotFound" => Some(404),
        "Unauthorized" => Some(401),
        _ => None,
    }
}

/// Whether a document is a failure `Status`.
pub(super) fn recognises(fields: &Fields<'_>) -> bool {
    fields.is("kind", "Status") && fields.is("apiVersion", "v1") && fields.is("status", "Failure")
}

/// Opens a `Status`.
pub(super) fn open(opener: &mut Opener<'_>, doc: &Doc<'_>, around: Around<'_>) {
    if around.depth > 0 {
        return opener.other_json(doc.text, around);
    }
    opener.met(Format::ApiStatus);
    let fields = &doc.fields;
    let reason = fields.text("reason").map(|r| r.to_string()).unwrap_or_default();
    let message = fields.text("message").map(|m| m.to_string()).unwrap_or_default();
    let mut refusal = of_message(&reason, &message);
    refusal.code = fields.integer("code").and_then(|c| u16::try_from(c).ok()).or(refusal.code);
    if refusal.resource.is_none()
        && let Some(details) = fields.object("details")
        && let Some(kind) = details.text("kind")
    {
        let group = details.text("group").filter(|g| !g.is_empty());
        refusal.resource = Some(group.map_or_else(|| kind.to_string(), |g| format!("{kind}.{g}")));
    }
    opener.sink.fact(Fact::Refused(&refusal));
    opener.sink.skip(Skipped::OtherJson, around.span());
}

/// Whether a file is what `kubectl` wrote to its error output, told by its first line.
pub(super) fn begins(head: &[u8]) -> bool {
    let first = head.split(|b| *b == b'\n').find(|l| !l.trim_ascii().is_empty()).unwrap_or_default();
    is_message(&String::from_utf8_lossy(first))
}

/// Whether a line is one of `kubectl`'s messages.
fn is_message(line: &str) -> bool {
    let line = line.trim();
    of_line(line).is_some() || line.starts_with("No resources found") || line.starts_with("Warning: ")
}

/// Whether all of a stretch is `kubectl`'s messages.
pub(super) fn all_messages(bytes: &[u8]) -> bool {
    // Most damage is not of this kind, and it may be large.
    if !matches!(bytes.trim_ascii_start().first(), Some(b'E' | b'e' | b'U' | b'T' | b'N' | b'W')) {
        return false;
    }
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().filter(|l| !l.trim().is_empty()).peekable();
    lines.peek().is_some() && lines.all(is_message)
}

/// Opens what `kubectl` wrote: messages, and maybe JSON behind them when both outputs went to one file.
pub(super) fn open_file(opener: &mut Opener<'_>, bytes: &[u8]) {
    let mut at = 0;
    for (number, line) in (1..).zip(bytes.split_inclusive(|b| *b == b'\n')) {
        let text = line.trim_ascii();
        if matches!(text.first(), Some(b'{' | b'[')) {
            let rest = bytes.get(at..).unwrap_or_default();
            return opener.documents(rest, at as u64, number, rest.ends_with(b"\n"));
        }
        if !text.is_empty() {
            let span = Span { offset: at as u64, line: number, length: text.len() as u64 };
            message(opener, &String::from_utf8_lossy(text), span);
        }
        at += line.len();
    }
}

/// Takes one line of `kubectl`'s messages.
pub(super) fn message(opener: &mut Opener<'_>, line: &str, span: Span) {
    opener.met(Format::KubectlError);
    if let Some(refusal) = of_line(line) {
        opener.sink.fact(Fact::Refused(&refusal));
    }
    opener.sink.skip(Skipped::Text, span);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_was_refused() {
        let r = of_line(r#"Error from server (Forbidden): roles.rbac.authorization.k8s.io is forbidden: User "ir" cannot list resource "roles" in API group "rbac.authorization.k8s.io" in the namespace "pay""#).unwrap();
        assert_eq!(
            (r.code, r.verb.as_deref(), r.resource.as_deref(), r.namespace.as_deref()),
            (Some(403), Some("list"), Some("roles.rbac.authorization.k8s.io"), Some("pay"))
        );
        let r = of_line(r#"Error from server (Forbidden): secrets is forbidden: User "ir" cannot list resource "secrets" in API group "" at the cluster scope"#).unwrap();
        assert_eq!((r.resource.as_deref(), r.namespace), (Some("secrets"), None));
        let r = of_line("error: the server doesn't have a resource type \"routes\"").unwrap();
        assert_eq!((r.code, r.resource.as_deref(), r.is_forbidden()), (Some(404), Some("routes"), false));
        assert!(of_line("Error from server: etcdserver: request timed out").is_some());
        for other in ["", "Error", "Error from serverless", "the connection to the server"] {
            assert_eq!(of_line(other), None, "{other}");
        }
    }
}
