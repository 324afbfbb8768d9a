//! Reads JSON forward, for records whose shape is known beforehand. It takes a part of what JSON allows, and only
//! JSON: where it meets anything else it says `None`, and the general parser decides what the record is. So it never
//! decides that something is broken, and what it takes the general parser would take too.

use std::borrow::Cow;

use crate::model::json::Json;
use crate::model::text::Text;

/// Values nested deeper are left to the general parser.
const DEEPEST: u32 = 100;

/// A place in a JSON text.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
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
    /// At the start of a text.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    /// Skips white space; gives the next byte.
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.next() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let there = self.bytes().get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        there.then_some(())
    }

    /// Whether nothing is left.
    pub(crate) fn is_done(&self) -> bool {
        self.at == self.text.len()
    }

    /// `null`, if it stands here.
    pub(crate) fn null(&mut self) -> Option<bool> {
        if self.next()? != b'n' {
            return Some(false);
        }
        self.word("null").map(|()| true)
    }

    /// Reads an object: `member` is called behind each key, with the key as it is written.
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
        let end = special(self.bytes(), self.at)?;
        let key = self.text.get(self.at..end).filter(|_| self.bytes().get(end) == Some(&b'"'))?;
        self.at = end + 1;
        self.expect(b':')?;
        Some(key)
    }

    /// Reads a list: `element` is called before each element.
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
        let start = self.at;
        let end = special(self.bytes(), start)?;
        if self.bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return Some((Text::from(self.text.get(start..end)?), Spelling::Plain));
        }
        self.string_rest()?;
        let written = self.text.get(start..self.at - 1)?;
        match simple_escapes(written, end - start) {
            Some(found) => Some(found),
            None => {
                let text: String = serde_json::from_str(self.text.get(start - 1..self.at)?).ok()?;
                Some((Text(Cow::Owned(text)), Spelling::Other))
            }
        }
    }

    /// A whole number of few digits or `null`.
    pub(crate) fn number(&mut self) -> Option<Option<i32>> {
        if self.null()? {
            return Some(None);
        }
        let start = self.at;
        self.digits()?;
        let digits = self.text.get(start..self.at).filter(|d| d.len() < 10)?;
        // Fractions, exponents and leading zeros are the general parser's.
        let plain = (digits == "0" || !digits.starts_with('0')) && !matches!(self.peek(), Some(b'.' | b'e' | b'E'));
        digits.parse().ok().filter(|_| plain).map(Some)
    }

    /// A value as it stands, or `None` inside for `null`.
    pub(crate) fn json(&mut self) -> Option<Option<Json<'a>>> {
        if self.null()? {
            return Some(None);
        }
        let start = self.at;
        self.skip()?;
        Some(Some(Json::verbatim(self.text.get(start..self.at)?)))
    }

    /// Where it stands, in bytes.
    pub(crate) fn position(&mut self) -> usize {
        self.next();
        self.at
    }

    /// What was read since a position.
    pub(crate) fn since(&self, position: usize) -> Option<&'a str> {
        self.text.get(position..self.at)
    }

    /// Skips one value, whatever it is.
    pub(crate) fn skip(&mut self) -> Option<()> {
        // Bits say what is open, the innermost last: an object or a list.
        let (mut objects, mut depth) = (0_u128, 0_u32);
        loop {
            match self.next()? {
                b'"' => {
                    self.at += 1;
                    self.string_rest()?;
                }
                open @ (b'{' | b'[') => {
                    let object = open == b'{';
                    self.at += 1;
                    if !self.take(if object { b'}' } else { b']' }) {
                        depth += 1;
                        objects = objects << 1 | u128::from(object);
                        if depth > DEEPEST {
                            return None;
                        }
                        if object {
                            self.skip_key()?;
                        }
                        continue;
                    }
                }
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                _ => self.skip_number()?,
            }
            loop {
                if depth == 0 {
                    return Some(());
                }
                let object = objects & 1 == 1;
                match self.next()? {
                    b',' if object => {
                        self.at += 1;
                        self.skip_key()?;
                        break;
                    }
                    b',' => {
                        self.at += 1;
                        break;
                    }
                    b'}' if object => {}
                    b']' if !object => {}
                    _ => return None,
                }
                self.at += 1;
                objects >>= 1;
                depth -= 1;
            }
        }
    }

    fn skip_key(&mut self) -> Option<()> {
        self.expect(b'"')?;
        self.string_rest()?;
        self.expect(b':')
    }

    /// The rest of a string and its closing quote.
    fn string_rest(&mut self) -> Option<()> {
        loop {
            self.at = special(self.bytes(), self.at)?;
            match self.bytes().get(self.at..)? {
                [b'"', ..] => {
                    self.at += 1;
                    return Some(());
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
                [b'\\', b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|x| x.is_ascii_hexdigit()) => self.at += 6,
                _ => return None,
            }
        }
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.bytes().get(self.at..)?;
        let count = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(())
    }

    fn skip_number(&mut self) -> Option<()> {
        self.at += usize::from(self.peek() == Some(b'-'));
        let zero = self.peek() == Some(b'0');
        let start = self.at;
        self.digits()?;
        if zero && self.at > start + 1 {
            return None;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
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

/// The first quote, backslash or control character from `at` on.
#[inline]
fn special(bytes: &[u8], mut at: usize) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let mut rest = bytes.get(at..)?;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let (quote, slash) = (word ^ ONES * b'"' as u64, word ^ ONES * b'\\' as u64);
        // Borrows run upwards only, so the lowest mark is always true.
        let marks = word.wrapping_sub(ONES * 0x20) & !word
            | quote.wrapping_sub(ONES) & !quote
            | slash.wrapping_sub(ONES) & !slash;
        if marks & HIGH != 0 {
            return Some(at + (marks & HIGH).trailing_zeros() as usize / 8);
        }
        at += 8;
        rest = after;
    }
    let found = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..0x20))?;
    Some(at + found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    /// Pieces of JSON and of what is none, so that random texts are often nearly whole.
    fn text() -> impl Strategy<Value = String> {
        let piece = proptest::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"a\":", "\"k\"", "\"\"", "1", "-0", "01", "1.5", "1e9", "1.", "-", "e+", "true", "nul",
            "null", "false", " ", "\n", "\"\\u00e4\"", "\"\\ud800\"", "\"\\x\"", "\"\\\"\\\\\"", "\"ü\u{1f}\"", "\"long text, over eight\"",
            "\u{b}", "\"", "\\",
        ]);
        proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
    }

    fn skips(text: &str) -> bool {
        let mut cursor = Cursor::new(text);
        cursor.skip().is_some() && (cursor.next().is_none() || cursor.is_done())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        /// What is shallow is skipped exactly where it is JSON.
        #[test]
        fn what_is_skipped_is_json(text in text()) {
            prop_assert_eq!(skips(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        }

        #[test]
        fn strings_are_read_as_serde_reads_them(text in "\"[a\\\\\"/nu0d8 ü\n]{0,24}\"") {
            let mut cursor = Cursor::new(&text);
            let read = cursor.spelt_string().filter(|_| cursor.is_done());
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
            assert_eq!(Cursor::new(text).number(), expected);
        }
        for text in ["-1", "00", "1.0", "1e2", "9999999999", "\"1\"", "", "nul"] {
            assert_eq!(Cursor::new(text).number(), None, "{text}");
        }
    }

    #[test]
    fn what_is_deep_is_left() {
        let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert!(skips(&deep(100)) && !skips(&deep(101)) && !skips(&deep(100_000)));
    }
}
