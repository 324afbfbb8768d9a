//! What follows a piece of JSON: the steps of [`super::cursor`]. `None` where something else stands. Control characters
//! are not looked for: the cursor does that once, for the whole text.

/// Values nested deeper are left to the general parser.
const DEEPEST: u32 = 100;

/// What follows one value.
pub(super) fn skip(mut rest: &[u8]) -> Option<&[u8]> {
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
pub(super) fn blank(mut rest: &[u8]) -> &[u8] {
    while let [b' ', next @ ..] = rest {
        rest = next;
    }
    rest
}

/// What follows a byte that must stand here.
#[inline]
pub(super) fn after(rest: &[u8], byte: u8) -> Option<&[u8]> {
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
pub(super) fn string_rest(mut rest: &[u8]) -> Option<&[u8]> {
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
pub(super) fn digits(rest: &[u8]) -> Option<&[u8]> {
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

/// What follows from the first quote or backslash on. Most strings are short: eight bytes are looked at together,
/// without a call.
#[inline]
pub(super) fn special(mut rest: &[u8]) -> Option<&[u8]> {
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
            "\"\\u00e4\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"\\\"\\\\\"",
            "\"ü\"",
            "\"long text, over eight\"",
            "\"",
            "\\",
        ]);
        proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
    }

    fn skips(text: &str) -> bool {
        skip(text.as_bytes()).is_some_and(|rest| blank(rest).is_empty())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        /// What is shallow is skipped exactly where it is JSON.
        #[test]
        fn what_is_skipped_is_json(text in text()) {
            prop_assert_eq!(skips(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        }
    }

    #[test]
    fn what_is_deep_is_left() {
        let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert!(skips(&deep(100)) && !skips(&deep(101)) && !skips(&deep(100_000)));
    }
}
