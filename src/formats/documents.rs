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

/// Cuts `bytes` (which start at `offset`, `line` of the source) into documents. Damage is one reject
/// from where the broken document starts to the next line that starts a value, where cutting goes on.
pub fn split(bytes: &[u8], offset: u64, line: u64) -> (Vec<Document<'_>>, Vec<Reject>) {
    let mut documents = Vec::new();
    let mut rejects = Vec::new();
    let mut at = 0_usize;
    let mut line = line;
    while let Some(rest) = bytes.get(at..) {
        let blank = rest.iter().take_while(|b| b.is_ascii_whitespace() || **b == 0x1e).count();
        let (Some(space), Some(rest)) = (bytes.get(at..at + blank), bytes.get(at + blank..)) else { break };
        line += newlines(space);
        at += blank;
        if rest.is_empty() {
            break;
        }
        let here = offset + at as u64;
        match first_value(rest) {
            Ok(text) => {
                documents.push(Document { text, offset: here, line });
                line += newlines(text.as_bytes());
                at += text.len();
            }
            Err(reason) => {
                let length = resume(rest);
                let broken = rest.get(..length).unwrap_or(rest);
                rejects.push(Reject::new(here, line, broken.trim_ascii_end(), reason));
                line += newlines(broken);
                at += length;
            }
        }
    }
    (documents, rejects)
}

/// The first JSON value of `bytes`, which starts with it.
fn first_value(bytes: &[u8]) -> Result<&str, String> {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(bytes.get(..e.valid_up_to()).unwrap_or_default()).unwrap_or_default(),
    };
    let mut values = serde_json::Deserializer::from_str(valid).into_iter::<&RawValue>();
    match values.next() {
        Some(Ok(raw)) => Ok(raw.get()),
        Some(Err(e)) if valid.len() < bytes.len() && e.is_eof() => {
            Err("invalid UTF-8 inside a JSON document".to_owned())
        }
        Some(Err(e)) => Err(format!("expected a JSON document: {e}")),
        None => Err("expected a JSON document".to_owned()),
    }
}

/// How far to go on after damage: to the next line that starts with `{` or `[`.
fn resume(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes)
        .map(|i| i + 1)
        .find(|i| matches!(bytes.get(*i), Some(b'{' | b'[')))
        .unwrap_or(bytes.len())
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
    fn a_hundred_thousand_open_brackets_do_not_overflow_the_stack() {
        let deep = "[".repeat(100_000);
        let (docs, rejects) = split(deep.as_bytes(), 0, 1);
        assert_eq!((docs.len(), rejects.len()), (0, 1));
    }
}
