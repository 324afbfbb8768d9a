//! Lines and messages that are not JSON: each pattern is told by its start.

use super::format::Format;
use super::open::{Around, Opener};
use super::sink::Skipped;
use super::{authenticator, cri, fluentd, legacy_text, refusals, warnings};
use crate::model::time::Timestamp;

/// Opens text that does not start with `{` or `[`.
pub(super) fn open(opener: &mut Opener<'_>, text: &str, around: Around<'_>) {
    if let Some(line) = cri::Line::of(text) {
        return cri::open(opener, &line, around);
    }
    if legacy_text::recognises(text) {
        return legacy_text::open(opener, text, around);
    }
    if let Some((time, rest)) = timed(text) {
        return open_timed(opener, time, text, rest, around);
    }
    if let Some(line) = fluentd::Line::of(text) {
        return fluentd::open(opener, &line, around);
    }
    if let Some(record) = authenticator::parse(text) {
        return authenticator::open(opener, &record, around);
    }
    if is_klog(text) {
        return opener.sink.skip(Skipped::Text, around.span());
    }
    if around.depth == 0 && refusals::of_line(text).is_some() {
        return refusals::message(opener, text, around.span());
    }
    other(opener, text, around);
}

/// A time, a space, and a message: `2026-11-24T00:41:02.025Z {…}`. Exports of CloudWatch Logs write
/// milliseconds; `kubectl logs --timestamps` and others write more digits.
fn timed(text: &str) -> Option<(Timestamp, &str)> {
    let (time, rest) = text.split_once(' ')?;
    if time.len() < 20 || !time.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some((Timestamp::parse_rfc3339(time)?, rest))
}

/// Whether a line is of a kind that is read.
pub(super) fn is_log_line(line: &[u8]) -> bool {
    is_log_start(line) || looks_like_audit(&String::from_utf8_lossy(line))
}

/// Whether a record that is no JSON starts here.
pub(super) fn is_log_start(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    timed(text).is_some() || fluentd::Line::of(text).is_some() || authenticator::parse(text).is_some() || is_klog(text)
}

fn open_timed(opener: &mut Opener<'_>, time: Timestamp, text: &str, rest: &str, around: Around<'_>) {
    let millis = text.split_once(' ').is_some_and(|(t, _)| t.len() == 24 && t.ends_with('Z'));
    let format = if millis { Format::CloudwatchS3Export } else { Format::TimestampedLines };
    opener.met(format);
    let mut around = around.of(format);
    around.envelope.time = Some(time);
    around.expect_event = is_audit_stream(around.envelope.log_stream);
    opener.inner(rest, around);
}

/// Whether a CloudWatch stream of EKS holds audit events and nothing else. `kube-apiserver-` alone is
/// the server's own log.
pub(super) fn is_audit_stream(stream: Option<&str>) -> bool {
    stream.is_some_and(|s| s.starts_with("kube-apiserver-audit"))
}

/// Text of no known pattern: inside an envelope a component's log, unless it must be an event.
fn other(opener: &mut Opener<'_>, text: &str, around: Around<'_>) {
    if let Some((prefix, event)) = super::wrapped::prefixed(text) {
        return super::wrapped::open_prefixed(opener, prefix, event, around);
    }
    if around.depth > 0 && !around.expect_event && !looks_like_audit(text) {
        return opener.sink.skip(Skipped::Text, around.span());
    }
    let code = if around.depth == 0 && !around.ended { warnings::PARTIAL_LAST_LINE } else { warnings::REJECTED_LINE };
    opener.reject(text, "expected a log record, found other text", around, code);
}

/// Whether damaged text was an audit event: losing one silently would be worse than a false alarm.
pub(super) fn looks_like_audit(text: &str) -> bool {
    let has = |word: &str| memchr::memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    let json = ["\"auditID\"", "\\\"auditID\\\"", "\"audit.k8s.io/v", "\\\"audit.k8s.io/v"];
    json.iter().any(|word| has(word)) || has("id=\"") && (has(" uri=\"") || has(" response=\""))
}

/// Whether a line is what Kubernetes components log: `I1124 00:41:02.025568      11 file.go:1] …`.
pub(super) fn is_klog(text: &str) -> bool {
    let Some((head, _)) = text.as_bytes().split_at_checked(9) else { return false };
    let [b'I' | b'W' | b'E' | b'F', m0, m1, d0, d1, b' ', h0, h1, b':'] = head else { return false };
    [m0, m1, d0, d1, h0, h1].iter().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn klog_lines_and_timed_lines_are_told() {
        assert!(is_klog("I1124 00:41:02.025568      11 controller.go:615] x"));
        assert!(!is_klog("Info") && !is_klog("X1124 00:41:02.025568") && !is_klog(""));
        let is_timed = |text| timed(text).is_some();
        assert!(is_timed("2026-11-24T00:41:02.025Z x") && is_timed("2026-11-24T00:41:02.025+08:00 x"));
        assert!(!is_timed("2026-11-24 00:41:02 x") && !is_timed("noon x") && !is_timed("2026-11-24T00:41:02.025Z"));
    }
}
