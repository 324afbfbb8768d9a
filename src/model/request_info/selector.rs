//! List options of a query: whether it is a watch, and which one object its field selector names.
//!
//! The name counts only when *all* options parse, so label selectors are checked in full, too.
//! Source: `apimachinery/pkg/{fields,labels}/selector.go`, `apimachinery/pkg/runtime/conversion.go`.

use super::uri;

/// What list options say about verb and name.
#[derive(Debug, Default)]
pub(super) struct ListOptions {
    /// A watch, not a list.
    pub(super) watch: bool,
    /// The one name that the field selector asks for.
    pub(super) name: Option<String>,
}

/// Reads the options of a list request from its raw query.
pub(super) fn list_options(query: &str) -> ListOptions {
    let pairs: Vec<(String, String)> = uri::pairs(query).collect();
    let first = |key: &str| pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
    let watch = first("watch").is_some_and(uri::is_true);
    let number = |key: &str| first(key).is_none_or(|value| value.parse::<i64>().is_ok());
    let sound = number("limit") && number("timeoutSeconds") && labels_parse(first("labelSelector").unwrap_or_default());
    let name = if sound { named(first("fieldSelector").unwrap_or_default()) } else { None };
    ListOptions { watch, name: name.filter(|name| is_path_segment(name)) }
}

/// Whether a name can be a segment of a path.
fn is_path_segment(name: &str) -> bool {
    name != "." && name != ".." && !name.contains(['/', '%'])
}

/// The value that a field selector requires of `metadata.name`; `None` when it requires none or does
/// not parse. Terms are sorted first: that decides between two of them.
fn named(selector: &str) -> Option<String> {
    let mut terms = split_terms(selector);
    terms.sort_unstable();
    let mut name = None;
    for term in terms.into_iter().filter(|term| !term.is_empty()) {
        let (field, value, equal) = split_term(term)?;
        let value = unescape(value)?;
        if equal && field == "metadata.name" && name.is_none() {
            name = Some(value);
        }
    }
    name
}

/// Splits at commas that no backslash escapes.
fn split_terms(selector: &str) -> Vec<&str> {
    let mut escaped = false;
    selector
        .split(|c| {
            let splits = c == ',' && !escaped;
            escaped = c == '\\' && !escaped;
            splits
        })
        .collect()
}

/// Field, raw value, and whether the operator asks for equality, split at the first operator.
fn split_term(term: &str) -> Option<(&str, &str, bool)> {
    let (field, rest) = term.char_indices().find_map(|(at, _)| {
        let (field, rest) = term.split_at_checked(at)?;
        (rest.starts_with("!=") || rest.starts_with('=')).then_some((field, rest))
    })?;
    if let Some(value) = rest.strip_prefix("!=") {
        return Some((field, value, false));
    }
    let value = rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?;
    Some((field, value, true))
}

/// Undoes `\\`, `\,` and `\=`. Other escapes, and a bare `,` or `=`, are errors.
fn unescape(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => out.push(rest.next().filter(|c| matches!(c, '\\' | ',' | '='))?),
            ',' | '=' => return None,
            other => out.push(other),
        }
    }
    Some(out)
}

/// A word of a label selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Not,
    Compare,
    Order,
    Comma,
    Open,
    Close,
    End,
}

const SPECIAL: [u8; 7] = *b"=!(),><";
const BLANK: [u8; 4] = *b" \t\r\n";

/// Takes the next word off `text`. A NUL byte behind a word is skipped, one in its place ends the selector.
fn next_token<'a>(text: &mut &'a str) -> Token<'a> {
    *text = text.trim_start_matches(|c: char| BLANK.iter().any(|b| c == char::from(*b)));
    let Some(first) = text.bytes().next().filter(|b| *b != 0) else {
        *text = text.get(1..).unwrap_or_default();
        return Token::End;
    };
    let (length, token) = match first {
        b'=' if text.starts_with("==") => (2, Token::Compare),
        b'!' if text.starts_with("!=") => (2, Token::Compare),
        b'=' => (1, Token::Compare),
        b'!' => (1, Token::Not),
        b'>' | b'<' => (1, Token::Order),
        b',' => (1, Token::Comma),
        b'(' => (1, Token::Open),
        b')' => (1, Token::Close),
        _ => {
            let end = text.bytes().position(|b| b == 0 || SPECIAL.contains(&b) || BLANK.contains(&b));
            let word = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
            (word.len(), Token::Word(word))
        }
    };
    let rest = text.get(length..).unwrap_or_default();
    *text = rest.strip_prefix('\0').unwrap_or(rest);
    token
}

/// Whether a label selector parses: requirements joined by commas, none at all included.
fn labels_parse(selector: &str) -> bool {
    let mut rest = selector;
    let mut tokens = Vec::new();
    loop {
        let token = next_token(&mut rest);
        tokens.push(token);
        if token == Token::End {
            break;
        }
    }
    let mut tokens = tokens.as_slice();
    if tokens == [Token::End] {
        return true;
    }
    loop {
        let Some(after) = requirement(tokens) else { return false };
        match after {
            [Token::End, ..] => return true,
            [Token::Comma, next @ ..] => tokens = next,
            _ => return false,
        }
    }
}

/// Reads one requirement and gives the words behind it; `None` when it is none.
fn requirement<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<&'t [Token<'a>]> {
    let (negated, tokens) = match tokens {
        [Token::Not, rest @ ..] => (true, rest),
        all => (false, all),
    };
    let [Token::Word(key), rest @ ..] = tokens else { return None };
    if !is_label_key(key) {
        return None;
    }
    match rest {
        [Token::End | Token::Comma, ..] => Some(rest),
        _ if negated => None,
        [Token::Word("in" | "notin"), Token::Open, rest @ ..] => value_list(rest),
        [Token::Compare, rest @ ..] => match rest {
            [Token::End | Token::Comma, ..] => Some(rest),
            [Token::Word(value), rest @ ..] => is_label_value(value).then_some(rest),
            _ => None,
        },
        // the one value must be a number, and there must be one
        [Token::Order, Token::Word(value), rest @ ..] => {
            (is_label_value(value) && value.parse::<i64>().is_ok()).then_some(rest)
        }
        _ => None,
    }
}

/// The values of `in (…)`, up to and with the closing parenthesis. Empty values between commas are allowed,
/// no value at all is not; a pair of commas is taken at once, so it cannot stand before the parenthesis.
fn value_list<'t, 'a>(mut tokens: &'t [Token<'a>]) -> Option<&'t [Token<'a>]> {
    loop {
        let (first, rest) = tokens.split_first()?;
        tokens = match (first, rest.split_first()?) {
            (Token::Word(value), (Token::Close, after)) => return is_label_value(value).then_some(after),
            (Token::Word(value), (Token::Comma, _)) if is_label_value(value) => rest,
            (Token::Comma, (Token::Close, after)) => return Some(after),
            (Token::Comma, (Token::Comma, after)) => after,
            (Token::Comma, (Token::Word(_), _)) => rest,
            _ => return None,
        };
    }
}

/// `[prefix/]name`: the prefix a DNS name, the name up to 63 letters, digits, `-`, `_` and `.`.
fn is_label_key(key: &str) -> bool {
    match key.split_once('/') {
        None => is_label_name(key),
        Some((prefix, name)) => is_dns_name(prefix) && is_label_name(name),
    }
}

fn is_label_name(name: &str) -> bool {
    !name.is_empty() && is_label_value(name)
}

fn is_label_value(value: &str) -> bool {
    let ends = |b: Option<u8>| b.is_none_or(|b| b.is_ascii_alphanumeric());
    value.len() <= 63
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        && ends(value.bytes().next())
        && ends(value.bytes().last())
}

fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn label_selectors_that_parse() {
        for good in [
            "",
            "  ",
            "a",
            "!a",
            "! a",
            "a=b",
            "a==b,c!=d",
            "a=",
            "a=,b",
            "x in (a,,b)",
            "x in (,)",
            "x in (a,)",
            "x notin (a),y",
            "in in (in)",
            "a>1,b<2",
            "example.com/a-b=C_1.x",
            "a\0=b",
            "a\0\0 no longer read (",
            "x in (a,,b,,,c)",
        ] {
            assert!(labels_parse(good), "{good:?}");
        }
    }

    #[test]
    fn label_selectors_that_do_not() {
        let long = "x".repeat(64);
        for bad in [
            ",",
            "a,",
            "a,,b",
            "=b",
            "!a=b",
            "!!a",
            "a b",
            "a in",
            "a in x",
            "a in ()",
            "a in (,,)",
            "a in (b,,)",
            "a in (b",
            "a in (b c)",
            "a=(b)",
            "a>b",
            "a>",
            "a=b=c",
            "a=b c",
            "-a",
            "a=-b",
            "Ex.com/a",
            "/a",
            "a/",
            "a/b/c",
            "a=>b",
            "a!",
            "é=1",
            &long,
        ] {
            assert!(!labels_parse(bad), "{bad:?}");
        }
    }
}
