//! Reads JSON forward, for records whose shape is known beforehand. It takes a part of what JSON allows, and only
//! JSON: where it meets anything else it says `None`, and the general parser decides what the record is. So it never
//! decides that something is broken, and what it takes the general parser would take too.

use std::borrow::Cow;

use super::skip::{after, blank, digits, skip, special, string_rest};
use crate::model::json::Json;
use crate::model::text::Text;

/// A place in a JSON text.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    rest: &'a [u8],
}

/// How a string was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    /// As serde_json writes it.
    Plain,
    /// With escapes that need not be, or in another form.
    Other,
}

impl<'a> Cursor<'a> {
    /// At the start of a text. One with control characters, which no JSON string may hold, is left to the general
    /// parser: strings need not be looked through for them then.
    pub(crate) fn new(text: &'a str) -> Option<Self> {
        // Without a way out in the middle the loop takes many bytes at a time.
        let control = text.bytes().fold(false, |found, byte| found | (byte < b' '));
        (!control).then_some(Self { text, rest: text.as_bytes() })
    }

    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.rest = after(self.rest, byte)?;
        Some(())
    }

    fn take(&mut self, byte: u8) -> bool {
        self.expect(byte).is_some()
    }

    /// Whether nothing is left.
    pub(crate) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// `null`, if it stands here.
    pub(crate) fn null(&mut self) -> Option<bool> {
        self.rest = blank(self.rest);
        if *self.rest.first()? != b'n' {
            return Some(false);
        }
        self.rest = self.rest.strip_prefix(b"null")?;
        Some(true)
    }

    /// Reads an object: `member` is called behind each key, with the key as it is written.
    #[inline]
    pub(crate) fn object(&mut self, mut member: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Some(());
        }
        loop {
            let key = self.key()?;
            member(self, key)?;
            if !self.take(b',') {
                return self.expect(b'}');
            }
        }
    }

    /// A key without escapes, and the colon behind it.
    fn key(&mut self) -> Option<&'a str> {
        self.expect(b'"')?;
        let start = self.at();
        let [b'"', rest @ ..] = special(self.rest)? else { return None };
        self.rest = rest;
        let key = self.text.get(start..self.at() - 1)?;
        self.expect(b':')?;
        Some(key)
    }

    /// Reads a list: `element` is called before each element.
    #[inline]
    pub(crate) fn list(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.expect(b'[')?;
        if self.take(b']') {
            return Some(());
        }
        loop {
            element(self)?;
            if !self.take(b',') {
                return self.expect(b']');
            }
        }
    }

    /// A string.
    pub(crate) fn string(&mut self) -> Option<Text<'a>> {
        self.spelt_string().map(|(text, _)| text)
    }

    /// A string or `null`.
    pub(crate) fn text(&mut self) -> Option<Option<Text<'a>>> {
        if self.null()? { Some(None) } else { self.string().map(Some) }
    }

    /// A string, and how it was written.
    pub(crate) fn spelt_string(&mut self) -> Option<(Text<'a>, Spelling)> {
        self.expect(b'"')?;
        let start = self.at();
        let found = special(self.rest)?;
        let first = self.rest.len() - found.len();
        if let [b'"', rest @ ..] = found {
            self.rest = rest;
            return Some((Text::from(self.text.get(start..start + first)?), Spelling::Plain));
        }
        self.rest = string_rest(found)?;
        let end = self.at();
        match simple_escapes(self.text.get(start..end - 1)?, first) {
            Some(found) => Some(found),
            None => {
                let text: String = serde_json::from_str(self.text.get(start - 1..end)?).ok()?;
                Some((Text(Cow::Owned(text)), Spelling::Other))
            }
        }
    }

    /// A whole number of few digits or `null`.
    pub(crate) fn number(&mut self) -> Option<Option<i32>> {
        if self.null()? {
            return Some(None);
        }
        let start = self.at();
        self.rest = digits(self.rest)?;
        let digits = self.text.get(start..self.at()).filter(|d| d.len() < 10)?;
        // Fractions, exponents and leading zeros are the general parser's.
        let plain =
            (digits == "0" || !digits.starts_with('0')) && !matches!(self.rest.first(), Some(b'.' | b'e' | b'E'));
        digits.parse().ok().filter(|_| plain).map(Some)
    }

    /// A value as it stands, or `None` inside for `null`.
    pub(crate) fn json(&mut self) -> Option<Option<Json<'a>>> {
        self.verbatim().map(|text| text.map(Json::verbatim))
    }

    /// The same as text.
    pub(crate) fn verbatim(&mut self) -> Option<Option<&'a str>> {
        if self.null()? {
            return Some(None);
        }
        let start = self.at();
        self.skip()?;
        self.text.get(start..self.at()).map(Some)
    }

    /// Where it stands, in bytes.
    pub(crate) fn position(&mut self) -> usize {
        self.rest = blank(self.rest);
        self.at()
    }

    /// What was read since a position.
    pub(crate) fn since(&self, position: usize) -> Option<&'a str> {
        self.text.get(position..self.at())
    }

    /// Skips one value, whatever it is.
    pub(crate) fn skip(&mut self) -> Option<()> {
        self.rest = skip(self.rest)?;
        Some(())
    }
}

/// Decodes a string whose escapes are of two characters; the first is at `first`.
fn simple_escapes<'a>(written: &str, first: usize) -> Option<(Text<'a>, Spelling)> {
    let mut text = String::with_capacity(written.len());
    let mut spelling = Spelling::Plain;
    let (start, mut rest) = written.split_at_checked(first)?;
    text.push_str(start);
    while let Some(escaped) = rest.strip_prefix('\\') {
        let (byte, after) = (escaped.as_bytes().first()?, escaped.get(1..)?);
        text.push(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'/' => {
                spelling = Spelling::Other;
                '/'
            }
            _ => return None,
        });
        let end = memchr::memchr(b'\\', after.as_bytes()).unwrap_or(after.len());
        let (plain, next) = after.split_at_checked(end)?;
        text.push_str(plain);
        rest = next;
    }
    Some((Text(Cow::Owned(text)), spelling))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn strings_are_read_as_serde_reads_them(text in "\"[a\\\\\"/nu0d8 ü\n]{0,24}\"") {
            let cursor = Cursor::new(&text);
            let read = cursor.and_then(|mut c| c.spelt_string().filter(|_| c.is_done()));
            let expected: Option<String> = serde_json::from_str(&text).ok();
            prop_assert_eq!(read.as_ref().map(|(t, _)| t.to_string()), expected.clone(), "{}", text);
            if let (Some((_, Spelling::Plain)), Some(value)) = (read, expected) {
                prop_assert_eq!(serde_json::to_string(&value).unwrap(), text);
            }
        }
    }

    #[test]
    fn numbers_are_few_plain_digits() {
        for (text, expected) in [("0", Some(Some(0))), ("200", Some(Some(200))), ("null", Some(None))] {
            assert_eq!(Cursor::new(text).unwrap().number(), expected);
        }
        for text in ["-1", "00", "1.0", "1e2", "9999999999", "\"1\"", "", "nul"] {
            assert_eq!(Cursor::new(text).unwrap().number(), None, "{text}");
        }
    }
}
