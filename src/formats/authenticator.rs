//! The log of aws-iam-authenticator on EKS: logfmt lines that say which AWS identity was given which
//! Kubernetes name. They are no audit events but a record type of their own; the identity tables join
//! the two. Lines of the same program about its own work (calls of the EC2 API) are skipped.

use super::format::Format;
use super::open::{Around, Opener};
use super::sink::Skipped;
use crate::model::time::Timestamp;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatorRecord<'l> {
    /// When, in whole seconds.
    pub time: Option<Timestamp>,
    /// `info`, `warning`, ...
    pub level: &'l str,
    /// What happened: `access granted`, `access denied`, `STS response`, `mapping IAM user`, ...
    pub msg: String,
    /// The other keys with their values, unquoted, in the order of the line.
    pub fields: Vec<(&'l str, String)>,
}

impl AuthenticatorRecord<'_> {
    /// The value of a key that is not empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(k, _)| *k == key).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// The groups of a grant: `[a b]`.
    pub fn groups(&self) -> Vec<&str> {
        let list = self.get("groups").unwrap_or_default();
        list.trim_start_matches('[').trim_end_matches(']').split_whitespace().collect()
    }

    /// Whether it speaks of an identity or of the mapping, not of the program's own work.
    pub fn is_about_access(&self) -> bool {
        let known = ["access granted", "access denied", "STS response", "reconfigured access"];
        known.contains(&self.msg.as_str())
            || self.msg.starts_with("mapping IAM")
            || ["arn", "accesskeyid", "username"].iter().any(|k| self.get(k).is_some())
    }
}

/// Takes a logfmt line apart; `None` when it is none, or lacks `time`, `level` or `msg`.
pub fn parse(line: &str) -> Option<AuthenticatorRecord<'_>> {
    if !line.starts_with("time=") {
        return None;
    }
    let (mut time, mut level, mut msg, mut fields) = (None, None, None, Vec::new());
    let mut rest = line;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/')) {
            return None;
        }
        let (raw, value, after) = value(after)?;
        match key {
            "time" => time = Some(value),
            "level" => level = Some(raw),
            "msg" => msg = Some(value),
            _ => fields.push((key, value)),
        }
        rest = after.trim_start_matches(' ');
    }
    Some(AuthenticatorRecord { time: Timestamp::parse_rfc3339(&time?), level: level?, msg: msg?, fields })
}

/// A value, quoted as Go quotes or bare up to the next space: as written, its meaning, what follows.
fn value(text: &str) -> Option<(&str, String, &str)> {
    if !text.starts_with('"') {
        let (bare, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
        return Some((bare, bare.to_owned(), rest));
    }
    let (quoted, rest) = super::go_quote::split(text)?;
    Some((quoted, super::go_quote::unquote(quoted)?, rest))
}

pub(super) fn open(opener: &mut Opener<'_>, record: &AuthenticatorRecord<'_>, around: Around<'_>) {
    if !record.is_about_access() {
        return opener.sink.skip(Skipped::Text, around.span());
    }
    opener.met(around.format.unwrap_or(Format::EksAuthenticator));
    opener.sink.authenticator(record, around.span(), around.envelope.log_stream);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn quoted_and_bare_values_are_read() {
        let line = r#"time="2026-11-24T00:41:30Z" level=warning msg="access denied" client="127.0.0.1:50990" error="got 403. Body: {\"Error\"}" method=POST path=/authenticate session="#;
        let r = parse(line).unwrap();
        assert_eq!(
            (r.msg.as_str(), r.level, r.get("error"), r.get("session")),
            ("access denied", "warning", Some("got 403. Body: {\"Error\"}"), None)
        );
        assert_eq!(r.time.unwrap().to_string(), "2026-11-24T00:41:30Z");
        let r = parse(
            r#"time="2026-11-24T00:41:24Z" level=info msg="access granted" groups="[platform-team sre]" username=a"#,
        )
        .unwrap();
        assert_eq!(r.groups(), ["platform-team", "sre"]);
    }

    #[test]
    fn other_lines_are_none() {
        for other in [
            "",
            "time=",
            "time=x level=info",
            "time=\"x",
            "time=x level=info msg",
            "time=x =",
            "I1124 00:41:02 x=y",
            "time=x le vel=y msg=z",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
