//! Kubernetes objects as YAML, one or many documents. Each document is turned into JSON; offsets and
//! lines are those of the document, since YAML gives no cheap place for what lies inside it.

use super::Reject;

/// One YAML document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlDocument {
    /// Its content as JSON.
    pub json: String,
    /// Offset of its first byte.
    pub offset: u64,
    /// Its first line, from 1.
    pub line: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// Cuts a YAML stream into documents and turns each into JSON.
pub fn split(bytes: &[u8]) -> (Vec<YamlDocument>, Vec<Reject>) {
    let mut documents = Vec::new();
    let mut rejects = Vec::new();
    for (offset, line, part) in parts(bytes) {
        let content = std::str::from_utf8(part);
        let text = match content {
            Ok(text) => text,
            Err(e) => {
                rejects.push(Reject::new(offset, line, part, format!("invalid UTF-8 at byte {}", e.valid_up_to())));
                continue;
            }
        };
        if is_blank(text) {
            continue;
        }
        match serde_saphyr::from_str::<serde_json::Value>(text) {
            Ok(value) => {
                documents.push(YamlDocument { json: value.to_string(), offset, line, length: part.len() as u64 });
            }
            Err(e) => {
                let why = e.to_string();
                let first = why.lines().next().unwrap_or_default();
                rejects.push(Reject::new(offset, line, part, format!("expected a YAML document: {first}")));
            }
        }
    }
    (documents, rejects)
}

fn is_blank(text: &str) -> bool {
    text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#') || l.trim() == "...")
}

/// The stretches between `---` lines: offset, first line, bytes.
fn parts(bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    let mut parts = Vec::new();
    let (mut start, mut at, mut start_line, mut line) = (0_usize, 0_usize, 1_u64, 1_u64);
    for raw in bytes.split_inclusive(|b| *b == b'\n') {
        let end = at + raw.len();
        line += 1;
        let marker = raw.strip_prefix(b"---").is_some_and(|r| r.first().is_none_or(u8::is_ascii_whitespace));
        if marker {
            parts.push((start as u64, start_line, bytes.get(start..at).unwrap_or_default()));
            (start, start_line) = (end, line);
        }
        at = end;
    }
    parts.push((start as u64, start_line, bytes.get(start..).unwrap_or_default()));
    parts
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_cut_at_their_markers_and_keep_their_place() {
        let text = b"# c\napiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\n---\nkind: Role\nmetadata:\n  name: \"on\"\n";
        let (docs, rejects) = split(text);
        assert!(rejects.is_empty());
        assert_eq!(docs.iter().map(|d| (d.line, d.offset)).collect::<Vec<_>>(), [(1, 0), (7, 63)]);
        assert_eq!(docs[1].json, r#"{"kind":"Role","metadata":{"name":"on"}}"#);
    }

    #[test]
    fn a_broken_document_is_a_reject_and_the_others_are_read() {
        let (docs, rejects) = split(b"a: [1\n---\nkind: Role\n");
        assert_eq!((docs.len(), rejects.len(), rejects[0].line), (1, 1, 1));
    }

    #[test]
    fn an_alias_bomb_is_a_reject() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..12 {
            let refs = vec![format!("*a{}", i - 1); 10].join(",");
            text.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
        }
        let (docs, rejects) = split(text.as_bytes());
        assert_eq!((docs.len(), rejects.len()), (0, 1));
    }
}
