//! Strings as Go quotes them (`strconv.Quote`): legacy audit lines and logfmt use it.

/// Splits a text that starts with a quote behind the closing one.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let body = text.strip_prefix('"')?.as_bytes();
    let mut at = 0;
    loop {
        let i = memchr::memchr2(b'"', b'\\', body.get(at..)?)?;
        if body.get(at + i) == Some(&b'"') {
            return text.split_at_checked(at + i + 2);
        }
        at += i + 2;
    }
}

/// The meaning of a quoted string. Bytes that are no UTF-8 stay as the escapes they were written in.
pub(super) fn unquote(quoted: &str) -> Option<String> {
    let body = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if !body.contains('\\') {
        return Some(body.to_owned());
    }
    let mut out = String::with_capacity(body.len());
    let mut raw: Vec<u8> = Vec::new();
    let mut rest = body;
    while let Some(i) = rest.find('\\') {
        let (plain, escape) = rest.split_at(i);
        if !plain.is_empty() {
            flush(&mut raw, &mut out);
            out.push_str(plain);
        }
        let (meaning, after) = escaped(escape)?;
        match meaning {
            Meaning::Byte(b) => raw.push(b),
            Meaning::Char(c) => {
                flush(&mut raw, &mut out);
                out.push(c);
            }
        }
        rest = after;
    }
    flush(&mut raw, &mut out);
    out.push_str(rest);
    Some(out)
}

enum Meaning {
    Byte(u8),
    Char(char),
}

/// One escape, and what follows it.
fn escaped(text: &str) -> Option<(Meaning, &str)> {
    let mut chars = text.strip_prefix('\\')?.chars();
    let kind = chars.next()?;
    let rest = chars.as_str();
    let simple = |c| Some((Meaning::Char(c), rest));
    match kind {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' | '"' | '\'' => simple(kind),
        'x' => number(rest, 2, 16).and_then(|(n, r)| Some((Meaning::Byte(u8::try_from(n).ok()?), r))),
        'u' => number(rest, 4, 16).and_then(|(n, r)| Some((Meaning::Char(char::from_u32(n)?), r))),
        'U' => number(rest, 8, 16).and_then(|(n, r)| Some((Meaning::Char(char::from_u32(n)?), r))),
        '0'..='7' => number(text.get(1..)?, 3, 8).and_then(|(n, r)| Some((Meaning::Byte(u8::try_from(n).ok()?), r))),
        _ => None,
    }
}

fn number(text: &str, digits: usize, base: u32) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    // A sign would pass for a digit.
    let plain = number.bytes().all(|b| b.is_ascii_hexdigit());
    Some((u32::from_str_radix(number, base).ok().filter(|_| plain)?, rest))
}

/// Bytes written one by one: text where they are UTF-8, else their escapes.
fn flush(raw: &mut Vec<u8>, out: &mut String) {
    for chunk in raw.utf8_chunks() {
        out.push_str(chunk.valid());
        for b in chunk.invalid() {
            out.push_str(&format!("\\x{b:02x}"));
        }
    }
    raw.clear();
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_have_gos_meaning() {
        assert_eq!(unquote(r#""a\"b\\\n\u00e9\x1b\U0001F600\101""#).unwrap(), "a\"b\\\n\u{e9}\u{1b}\u{1F600}A");
        assert_eq!(unquote(r#""\xc3\xa9 \xff""#).unwrap(), "\u{e9} \\xff");
        for bad in [r#""\q""#, r#""\x1""#, r#""\u12""#, r#""\ud800""#, "\"", "", r#""\x+1""#] {
            assert_eq!(unquote(bad), None, "{bad}");
        }
        assert_eq!(split(r#""a\"b" rest"#), Some((r#""a\"b""#, " rest")));
        assert_eq!(split(r#""a\"#), None);
    }

    proptest! {
        #[test]
        fn plain_text_round_trips(text in "[ -~\u{e9}]{0,20}") {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            prop_assert_eq!(unquote(&quoted), Some(text));
            prop_assert_eq!(split(&quoted), Some((quoted.as_str(), "")));
        }

        #[test]
        fn any_text_ends(text in "[\"\\\\xuU0-9a-f]{0,20}") {
            let _ = (split(&text), unquote(&text));
        }
    }
}
