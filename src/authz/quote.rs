//! Go's `%q`: the API server quotes names in its reasons with it, and those reasons must be
//! reproduced letter by letter.
//!
//! Source: `strconv.Quote` of the Go standard library.

use std::fmt::Write as _;

/// The text as a double-quoted Go string literal.
pub fn go_quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    push_quoted(&mut out, text);
    out
}

/// Appends the text as a double-quoted Go string literal.
pub fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            // Writing to a String cannot fail.
            '\0'..='\u{7f}' => drop(write!(out, "\\x{:02x}", u32::from(c))),
            _ if is_print(c) => out.push(c),
            '\u{80}'..='\u{ffff}' => drop(write!(out, "\\u{:04x}", u32::from(c))),
            _ => drop(write!(out, "\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
}

/// Go's `unicode.IsPrint` for characters beyond ASCII: all but the categories `C*` and `Z*`. The
/// standard library escapes the very same categories in `escape_debug`; a leading letter keeps it from
/// also escaping combining marks. Only characters newer than either Unicode table can differ.
fn is_print(c: char) -> bool {
    let pair: String = ['a', c].into_iter().collect();
    pair.escape_debug().nth(1) == Some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_only_wrapped() {
        assert_eq!(go_quote("system:serviceaccounts:ci"), r#""system:serviceaccounts:ci""#);
        assert_eq!(go_quote(""), r#""""#);
        assert_eq!(go_quote("O=Père 'Noël' `x`"), "\"O=Père 'Noël' `x`\"");
    }

    /// Known answers of Go's `strconv.Quote`.
    #[test]
    fn escapes_are_those_of_go() {
        for (text, quoted) in [
            ("a\"b\\c", r#""a\"b\\c""#),
            ("\u{7}\u{8}\u{c}\n\r\t\u{b}", r#""\a\b\f\n\r\t\v""#),
            ("\0\u{1}\u{1b}\u{7f}", r#""\x00\x01\x1b\x7f""#),
            ("\u{85}\u{a0}\u{ad}", r#""\u0085\u00a0\u00ad""#),
            ("\u{200b}\u{2028}\u{202e}\u{3000}\u{feff}", r#""\u200b\u2028\u202e\u3000\ufeff""#),
            ("\u{e000}\u{ffff}\u{10ffff}\u{e0001}", r#""\ue000\uffff\U0010ffff\U000e0001""#),
            ("e\u{301}\u{301}☺😀\u{fffd}日本", "\"e\u{301}\u{301}☺😀\u{fffd}日本\""),
            ("\u{301}", "\"\u{301}\""),
        ] {
            assert_eq!(go_quote(text), quoted);
        }
    }
}
