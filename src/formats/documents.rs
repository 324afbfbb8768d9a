//! Cuts a buffer into JSON documents, whatever the white space between and inside them.
//!
//! Traded for it: the buffer holds the whole file. Line formats do not come through here.

use serde_json::value::RawValue;

use super::Reject;

/// One JSON document of a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Document<'b> {
    /// Its text.
    pub text: &'b str,
    /// Offset of its first byte.
    pub offset: u64,
    /// Line of its first byte, from 1.
    pub line: u64,
}

/// A stretch that is no JSON document.
#[derive(Clone, Debug)]
pub(super) struct Broken<'b> {
    /// From where the broken document starts to where cutting goes on.
    pub(super) bytes: &'b [u8],
    /// Offset of its first byte.
    pub(super) offset: u64,
    /// Line of its first byte, from 1.
    pub(super) line: u64,
    /// What was found.
    pub(super) reason: String,
}

/// What a [`Cutter`] yields.
pub(super) enum Piece<'b> {
    Document(Document<'b>),
    Broken(Broken<'b>),
}

/// Cuts `bytes` (which start at `offset`, `line` of the source) into documents. Damage is one reject
/// from where the broken document starts to where the next one does, where cutting goes on.
pub fn split(bytes: &[u8], offset: u64, line: u64) -> (Vec<Document<'_>>, Vec<Reject>) {
    let mut documents = Vec::new();
    let mut rejects = Vec::new();
    for piece in Cutter::new(bytes, offset, line) {
        match piece {
            Piece::Document(document) => documents.push(document),
            Piece::Broken(b) => rejects.push(Reject::new(b.offset, b.line, b.bytes.trim_ascii_end(), b.reason)),
        }
    }
    (documents, rejects)
}

/// Walks over the documents of a buffer.
pub(super) struct Cutter<'b> {
    bytes: &'b [u8],
    text: Utf8<'b>,
    base: u64,
    at: usize,
    line: u64,
}

impl<'b> Cutter<'b> {
    pub(super) fn new(bytes: &'b [u8], offset: u64, line: u64) -> Self {
        Self { bytes, text: Utf8::new(bytes), base: offset, at: 0, line }
    }
}

impl<'b> Iterator for Cutter<'b> {
    type Item = Piece<'b>;

    fn next(&mut self) -> Option<Piece<'b>> {
        let rest = self.bytes.get(self.at..)?;
        // Record separators (RFC 7464) and the zeros of a preallocated file count as white space.
        let blank = rest.iter().take_while(|b| b.is_ascii_whitespace() || matches!(**b, 0x1e | 0)).count();
        self.line += newlines(rest.get(..blank)?);
        self.at += blank;
        let rest = rest.get(blank..).filter(|r| !r.is_empty())?;
        let (offset, line) = (self.base + self.at as u64, self.line);
        let (length, piece) = match self.text.first_value(self.at) {
            Ok(text) => (text.len(), Piece::Document(Document { text, offset, line })),
            Err(reason) => {
                let length = resume(rest);
                let bytes = rest.get(..length).unwrap_or(rest);
                (length, Piece::Broken(Broken { bytes, offset, line, reason }))
            }
        };
        self.line += newlines(rest.get(..length).unwrap_or(rest));
        self.at += length.max(1);
        Some(piece)
    }
}

/// A buffer as text, as far as it is UTF-8. Bytes are checked once, however often it is asked.
pub(super) struct Utf8<'b> {
    bytes: &'b [u8],
    text: &'b str,
    start: usize,
}

impl<'b> Utf8<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, text: valid(bytes), start: 0 }
    }

    /// The text from `at` on, up to the next bytes that are no UTF-8.
    fn from(&mut self, at: usize) -> &'b str {
        let known = at.checked_sub(self.start).filter(|i| *i < self.text.len());
        if let Some(text) = known.and_then(|i| self.text.get(i..)) {
            return text;
        }
        self.start = at;
        self.text = valid(self.bytes.get(at..).unwrap_or_default());
        self.text
    }

    /// The JSON value that starts at `at`.
    pub(super) fn first_value(&mut self, at: usize) -> Result<&'b str, String> {
        let text = self.from(at);
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        match values.next() {
            Some(Ok(raw)) => Ok(raw.get()),
            Some(Err(e)) if at + text.len() < self.bytes.len() && e.is_eof() => {
                Err("invalid UTF-8 inside a JSON document".to_owned())
            }
            Some(Err(e)) => Err(format!("expected a JSON document: {e}")),
            None => Err("expected a JSON document".to_owned()),
        }
    }
}

fn valid(bytes: &[u8]) -> &str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(bytes.get(..e.valid_up_to()).unwrap_or_default()).unwrap_or_default(),
    }
}

/// Documents on one line that are tried behind damage.
const MAX_TRIES: usize = 64;

/// How far to go on after damage: to the next line that starts with `{` or `[`, or to the next whole
/// document on the same line.
fn resume(bytes: &[u8]) -> usize {
    let next_line =
        memchr::memchr_iter(b'\n', bytes).map(|i| i + 1).find(|i| opens(bytes.get(*i..).unwrap_or_default()));
    let limit = next_line.unwrap_or(bytes.len());
    same_line(bytes.get(..limit).unwrap_or(bytes)).unwrap_or(limit)
}

/// Whether a document may start here: damage can hold brackets too.
fn opens(bytes: &[u8]) -> bool {
    let mut rest = bytes.iter().filter(|b| !b.is_ascii_whitespace());
    match bytes.first() {
        Some(b'{') => matches!(rest.nth(1), Some(b'"' | b'}')),
        Some(b'[') => matches!(rest.nth(1), Some(b'"' | b'{' | b'[' | b']' | b'0'..=b'9')),
        _ => false,
    }
}

/// A document further on in a broken stretch. A body can hold what looks like a document, so one counts
/// only where it could not be a part of another: behind a closed one and with the same first key as the
/// broken one, or as an audit event that ends where its line ends.
fn same_line(bytes: &[u8]) -> Option<usize> {
    let key_end = memchr::memchr(b':', bytes).filter(|i| *i <= 64)? + 1;
    let mut pattern = b"}".to_vec();
    pattern.extend_from_slice(bytes.get(..key_end)?);
    let whole = |at: &usize| bytes.get(*at..).is_some_and(|b| Utf8::new(b).first_value(0).is_ok());
    let beside = memchr::memmem::find_iter(bytes, &pattern).map(|i| i + 1).take(MAX_TRIES).find(whole);
    beside.or_else(|| {
        let event = b"{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/";
        let to_line_end = |at: &usize| {
            let rest = bytes.get(*at..).unwrap_or_default();
            let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
            serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
        };
        memchr::memmem::find_iter(bytes, event).filter(|i| *i > 0).take(MAX_TRIES).find(to_line_end)
    })
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn documents_side_by_side_pretty_and_by_line_are_all_found() {
        let (docs, rejects) = split(b" {\"a\":1}{\"b\":\n2}\n\n[3]\n", 100, 7);
        assert!(rejects.is_empty());
        let found: Vec<_> = docs.iter().map(|d| (d.text, d.offset, d.line)).collect();
        assert_eq!(found, [("{\"a\":1}", 101, 7), ("{\"b\":\n2}", 108, 7), ("[3]", 118, 10)]);
    }

    #[test]
    fn damage_is_one_reject_and_cutting_goes_on_behind_it() {
        let (docs, rejects) = split(b"{\"a\": nonsense\n  more\n{\"b\":2}\n", 0, 1);
        assert_eq!(docs.len(), 1);
        assert_eq!((docs[0].text, docs[0].line), ("{\"b\":2}", 3));
        assert_eq!((rejects.len(), rejects[0].offset, rejects[0].length), (1, 0, 21));
    }

    #[test]
    fn a_document_behind_damage_on_its_line_is_found() {
        let (docs, rejects) = split(b"{\"m\":1,\"x\":}{\"m\":2}{\"m\":3}", 0, 1);
        assert_eq!(docs.iter().map(|d| d.text).collect::<Vec<_>>(), ["{\"m\":2}", "{\"m\":3}"]);
        assert_eq!((rejects.len(), rejects[0].length), (1, 12));
    }

    #[test]
    fn an_event_inside_a_damaged_body_is_not_taken_for_one() {
        let event = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"fake"}"#;
        let broken = format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"verb\":x,\"requestObject\":{event}}}\n{{\"b\":1}}\n"
        );
        let (docs, rejects) = split(broken.as_bytes(), 0, 1);
        assert_eq!((docs.len(), docs[0].text, rejects.len()), (1, "{\"b\":1}", 1));
        let torn = format!("{{\"kind\":\"Event\",\"apiVersion\":\"aud{event}\n");
        let (docs, rejects) = split(torn.as_bytes(), 0, 1);
        assert_eq!((docs.len(), docs[0].text, rejects.len()), (1, event, 1));
    }

    #[test]
    fn bad_bytes_break_one_document_only() {
        let (docs, rejects) = split(b"{\"a\":1}\n{\"a\":\"\xff\"}\n{\"a\":3}\n{\"a\":4}\n", 0, 1);
        assert_eq!((docs.len(), rejects.len(), rejects[0].line), (3, 1, 2));
        assert_eq!(docs[2].line, 4);
    }

    #[test]
    fn a_hundred_thousand_open_brackets_do_not_overflow_the_stack() {
        let deep = "[".repeat(100_000);
        let (docs, rejects) = split(deep.as_bytes(), 0, 1);
        assert_eq!((docs.len(), rejects.len()), (0, 1));
    }
}
