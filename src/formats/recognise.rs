//! Tells what kind of file lies before us from its first bytes.

use super::{csv_source, refusals, text_lines};
use crate::model::resource;

/// How a file is to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// JSON, one value a line, as far as the head shows.
    JsonLines,
    /// JSON documents that span lines.
    JsonDocuments,
    /// YAML documents.
    Yaml,
    /// The table `kubectl api-resources` prints.
    ApiResources,
    /// Nothing known.
    Unknown,
}

/// A byte order mark in front of UTF-8.
pub const BOM: &[u8] = b"\xef\xbb\xbf";

/// Whether text is meant as JSON. Logs have brackets too: `[pod/x/y] …`.
pub(super) fn starts_json(text: &[u8]) -> bool {
    match text {
        [b'{', ..] => true,
        [b'[', rest @ ..] => {
            let word = ["true", "false", "null"].iter().any(|w| rest.starts_with(w.as_bytes()));
            word || !rest.first().is_some_and(u8::is_ascii_alphabetic)
        }
        _ => false,
    }
}

/// Told by the head of the decompressed file. `whole` says that the head is all of it.
pub fn shape(head: &[u8], whole: bool) -> Shape {
    let head = head.strip_prefix(BOM).unwrap_or(head);
    let Some(start) = head.iter().position(|b| !b.is_ascii_whitespace() && *b != 0) else { return Shape::Unknown };
    if starts_json(head.get(start..).unwrap_or_default()) { json_shape(head, whole) } else { text_shape(head) }
}

fn json_shape(head: &[u8], whole: bool) -> Shape {
    let line = head.split(|b| *b == b'\n').find(|l| !l.iter().all(u8::is_ascii_whitespace)).unwrap_or_default();
    let ended = whole || line.len() < head.len();
    // A first line that closes its value is a line format. A first line longer than the head is
    // taken for one too: a pretty-printed document breaks its first line early. So is a first line
    // of some length that fails to parse: damage in a log, not the start of a document.
    let closes = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    let opens = line.trim_ascii().len() <= 2
        || line.trim_ascii().ends_with(b"{")
        || line.trim_ascii().ends_with(b"[")
        || line.trim_ascii().ends_with(b",");
    if closes || !ended || !opens { Shape::JsonLines } else { Shape::JsonDocuments }
}

fn text_shape(head: &[u8]) -> Shape {
    let text = String::from_utf8_lossy(head);
    if resource::looks_like_api_resources_text(&text) {
        return Shape::ApiResources;
    }
    let yaml = text.lines().any(|l| l.starts_with("apiVersion:") || l.starts_with("- apiVersion:"))
        || (text.trim_start().starts_with("---") && text.lines().any(|l| l.starts_with("kind:")));
    if yaml { Shape::Yaml } else { Shape::Unknown }
}

/// How a file is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Line by line.
    Lines,
    /// As JSON documents that span lines.
    Documents,
    /// As CSV.
    Csv,
    /// As YAML documents.
    Yaml,
    /// As the table `kubectl api-resources` prints.
    ApiResources,
    /// A must-gather listing of log files.
    Listing,
    /// What `kubectl` wrote to its error output.
    Messages,
    /// The permission check that an export to S3 writes first. It holds no record.
    ExportMarker,
    /// Nothing known.
    Unknown,
}

/// Lines of a head that are looked at.
const LINES: usize = 200;

/// Told by the head of the decompressed file. `whole` says that the head is all of it.
pub fn cut(head: &[u8], whole: bool) -> Cut {
    match shape(head, whole) {
        Shape::JsonLines => return Cut::Lines,
        Shape::JsonDocuments => return Cut::Documents,
        Shape::Yaml => return Cut::Yaml,
        Shape::ApiResources => return Cut::ApiResources,
        Shape::Unknown => {}
    }
    let head = head.strip_prefix(BOM).unwrap_or(head);
    if whole && head.trim_ascii() == b"Permission Check Successful" {
        Cut::ExportMarker
    } else if refusals::begins(head) {
        Cut::Messages
    } else if csv_source::recognises(head) {
        Cut::Csv
    } else if head.split(|b| *b == b'\n').take(LINES).any(text_lines::is_log_line) {
        Cut::Lines
    } else {
        Cut::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_by_content() {
        assert_eq!(shape(b"{\"a\":1}\n{\"a\":2}\n", true), Shape::JsonLines);
        assert_eq!(shape(b"\xef\xbb\xbf\r\n{\"a\":1}", true), Shape::JsonLines);
        assert_eq!(shape(b"{\n  \"a\": 1\n}\n", true), Shape::JsonDocuments);
        assert_eq!(shape(b"[\n  {\"a\": 1},\n", false), Shape::JsonDocuments);
        assert_eq!(shape(b"{\"a\":{\"b\":", false), Shape::JsonLines);
        assert_eq!(shape(b"{\"a\": tru\n{\"a\":2}\n", true), Shape::JsonLines);
        assert_eq!(shape(b"# roles\napiVersion: v1\nkind: Role\n", true), Shape::Yaml);
        assert_eq!(shape(b"Dear all,\n", true), Shape::Unknown);
        assert_eq!(shape(b"", true), Shape::Unknown);
    }

    #[test]
    fn text_formats_are_told_by_content() {
        for (head, expected) in [
            ("I1124 00:41:02.025568      11 x.go:1] y\n", Cut::Lines),
            ("2026-11-24T00:41:02.026568944Z stdout F {}\n", Cut::Lines),
            ("2026-11-24T00:41:02.025Z {\"a\":1}\n", Cut::Lines),
            ("2026-11-24T00:41:01Z AUDIT: id=\"a\" response=\"200\"\n", Cut::Lines),
            ("2026-11-24T00:41:03+00:00\ttag\t{}\n", Cut::Lines),
            ("time=\"2026-11-24T00:41:02Z\" level=info msg=x\n", Cut::Lines),
            ("x{\"kind\":\n{\"kind\":\"Event\",\"auditID\":\"a\"}\n", Cut::Lines),
            ("\u{feff}TenantId,AuditId,RequestUri,ObjectRef\n", Cut::Csv),
            ("\"_time\",\"_raw\"\n", Cut::Csv),
            ("Permission Check Successful\n", Cut::ExportMarker),
            ("\nError from server (Forbidden): roles is forbidden\n", Cut::Messages),
            ("Dear all,\nError from server (Forbidden): roles is forbidden\n", Cut::Unknown),
            ("Dear all,\n", Cut::Unknown),
            ("a,b\n1,2\n", Cut::Unknown),
            ("2026-11-24 00:50:01.120 +0000 UTC m=+0.081\n", Cut::Unknown),
        ] {
            assert_eq!(cut(head.as_bytes(), true), expected, "{head}");
        }
    }
}
