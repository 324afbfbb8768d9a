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
        if self.null()? {
            return Some(None);
        }
        let start = self.at();
        self.skip()?;
        Some(Some(Json::verbatim(self.text.get(start..self.at())?)))
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

/// What follows one value.
fn skip(mut rest: &[u8]) -> Option<&[u8]> {
    // Bits say what is open, the innermost last: an object or a list.
    let (mut objects, mut depth) = (0_u128, 0_u32);
    loop {
        rest = match blank(rest) {
            [b'"', inside @ ..] => string_rest(inside)?,
            [open @ (b'{' | b'['), inside @ ..] => {
                let object = *open == b'{';
                match after(inside, if object { b'}' } else { b']' }) {
                    Some(rest) => rest,
                    None if depth < DEEPEST => {
                        depth += 1;
                        objects = objects << 1 | u128::from(object);
                        rest = if object { key_rest(inside)? } else { inside };
                        continue;
                    }
                    None => return None,
                }
            }
            [b't', inside @ ..] => inside.strip_prefix(b"rue")?,
            [b'f', inside @ ..] => inside.strip_prefix(b"alse")?,
            [b'n', inside @ ..] => inside.strip_prefix(b"ull")?,
            number => number_rest(number)?,
        };
        // Behind a value: what is open ends or goes on.
        loop {
            if depth == 0 {
                return Some(rest);
            }
            match (blank(rest), objects & 1 == 1) {
                ([b',', next @ ..], true) => {
                    rest = key_rest(next)?;
                    break;
                }
                ([b',', next @ ..], false) => {
                    rest = next;
                    break;
                }
                ([b'}', next @ ..], true) | ([b']', next @ ..], false) => rest = next,
                _ => return None,
            }
            objects >>= 1;
            depth -= 1;
        }
    }
}

/// What follows blanks. Other white space is left to the general parser.
#[inline]
fn blank(mut rest: &[u8]) -> &[u8] {
    while let [b' ', next @ ..] = rest {
        rest = next;
    }
    rest
}

/// What follows a byte that must stand here.
#[inline]
fn after(rest: &[u8], byte: u8) -> Option<&[u8]> {
    match blank(rest) {
        [first, next @ ..] if *first == byte => Some(next),
        _ => None,
    }
}

/// What follows a key and its colon.
#[inline]
fn key_rest(rest: &[u8]) -> Option<&[u8]> {
    after(string_rest(after(rest, b'"')?)?, b':')
}

/// What follows the rest of a string.
#[inline]
fn string_rest(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match special(rest)? {
            [b'"', next @ ..] => return Some(next),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', next @ ..] => next,
            [b'\\', b'u', a, b, c, d, next @ ..] if [a, b, c, d].iter().all(|x| x.is_ascii_hexdigit()) => next,
            _ => return None,
        }
    }
}

/// What follows at least one digit.
fn digits(rest: &[u8]) -> Option<&[u8]> {
    let [b'0'..=b'9', rest @ ..] = rest else { return None };
    let mut rest = rest;
    while let [b'0'..=b'9', next @ ..] = rest {
        rest = next;
    }
    Some(rest)
}

/// What follows a number.
fn number_rest(rest: &[u8]) -> Option<&[u8]> {
    let whole = rest.strip_prefix(b"-").unwrap_or(rest);
    let mut rest = digits(whole)?;
    if whole.first() == Some(&b'0') && rest.len() + 1 < whole.len() {
        return None;
    }
    if let [b'.', fraction @ ..] = rest {
        rest = digits(fraction)?;
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        rest = digits(if let [b'+' | b'-', digits @ ..] = exponent { digits } else { exponent })?;
    }
    Some(rest)
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

/// What follows from the first quote or backslash on. Most strings are short: eight bytes are looked at together,
/// without a call.
#[inline]
fn special(mut rest: &[u8]) -> Option<&[u8]> {
    const ONES: u64 = u64::MAX / 255;
    const QUOTES: u64 = ONES * b'"' as u64;
    const SLASHES: u64 = ONES * b'\\' as u64;
    while let Some((chunk, next)) = rest.split_first_chunk::<8>() {
        let word = u64::from_le_bytes(*chunk);
        let (quote, slash) = (word ^ QUOTES, word ^ SLASHES);
        // Borrows run upwards only, so the lowest mark is always true.
        let marks = (quote.wrapping_sub(ONES) & !quote | slash.wrapping_sub(ONES) & !slash) & ONES << 7;
        if marks != 0 {
            return rest.get(marks.trailing_zeros() as usize / 8..);
        }
        rest = next;
    }
    let found = rest.iter().position(|b| matches!(b, b'"' | b'\\'))?;
    rest.get(found..)
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
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"a\":",
            "\"k\"",
            "\"\"",
            "1",
            "-0",
            "01",
            "1.5",
            "1e9",
            "1.",
            "-",
            "e+",
            "true",
            "nul",
            "null",
            "false",
            " ",
            "\n",
            "\"\\u00e4\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"\\\"\\\\\"",
            "\"ü\u{1f}\"",
            "\"long text, over eight\"",
            "\u{b}",
            "\"",
            "\\",
        ]);
        proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
    }

    fn skips(text: &str) -> bool {
        let Some(mut cursor) = Cursor::new(text) else { return false };
        cursor.skip().is_some() && blank(cursor.rest).is_empty()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        /// What is shallow is skipped exactly where it is JSON.
        #[test]
        fn what_is_skipped_is_json(text in text()) {
            let plain = !text.bytes().any(|b| b < b' ');
            prop_assert_eq!(skips(&text), plain && serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        }

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

    #[test]
    fn what_is_deep_is_left() {
        let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert!(skips(&deep(100)) && !skips(&deep(101)) && !skips(&deep(100_000)));
    }
}
