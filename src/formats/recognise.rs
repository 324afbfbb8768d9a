//! Tells what kind of file lies before us from its first bytes.

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

/// Told by the head of the decompressed file. `whole` says that the head is all of it.
pub fn shape(head: &[u8], whole: bool) -> Shape {
    let head = head.strip_prefix(BOM).unwrap_or(head);
    let Some(first) = head.iter().find(|b| !b.is_ascii_whitespace()) else { return Shape::Unknown };
    match first {
        b'{' | b'[' => json_shape(head, whole),
        _ => text_shape(head),
    }
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
}
