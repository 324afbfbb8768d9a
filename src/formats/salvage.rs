//! Reads what can still be read of a cut or damaged event: audit ID, user and verb, from the part that
//! is whole. Nothing found here becomes a row; it goes into the reason of the reject, so that a reviewer
//! knows which request was lost.

use std::fmt;

use crate::model::text::Text;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Salvaged {
    audit_id: Option<String>,
    username: Option<String>,
    verb: Option<String>,
}

impl fmt::Display for Salvaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("auditID", &self.audit_id), ("user", &self.username), ("verb", &self.verb)];
        let mut first = true;
        for (name, value) in parts.iter().filter_map(|(n, v)| Some((n, v.as_ref()?))) {
            write!(f, "{}{name} `{value}`", if first { "" } else { ", " })?;
            first = false;
        }
        Ok(())
    }
}

/// Longest value that is repeated in a reason.
const MAX_VALUE: usize = 256;

/// What the start of a broken event says; `None` when that is nothing.
pub(super) fn of(text: &str) -> Option<Salvaged> {
    let mut found = Salvaged::default();
    let mut scan = Scan { rest: text.trim_start() };
    scan.object(&mut |key, scan| match key {
        "auditID" => found.audit_id = scan.string(),
        "verb" => found.verb = scan.string(),
        "user" if scan.rest.starts_with('{') => {
            scan.object(&mut |key, scan| {
                if key == "username" {
                    found.username = scan.string();
                } else {
                    scan.skip();
                }
            });
        }
        _ => scan.skip(),
    });
    (found != Salvaged::default()).then_some(found)
}

/// Reads JSON as far as it goes.
struct Scan<'t> {
    rest: &'t str,
}

impl<'t> Scan<'t> {
    /// Calls `member` at each value of an object; it must consume the value. Ends at the end of the
    /// object or where the text breaks.
    fn object(&mut self, member: &mut dyn FnMut(&str, &mut Self)) {
        if !self.eat('{') {
            return;
        }
        while let Some(key) = self.string() {
            if !self.eat(':') {
                return;
            }
            self.rest = self.rest.trim_start();
            let before = self.rest.len();
            member(&key, self);
            if self.rest.len() == before || !self.eat(',') {
                break;
            }
        }
        self.eat('}');
    }

    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.rest.trim_start();
        let found = rest.strip_prefix(wanted);
        self.rest = found.unwrap_or(rest);
        found.is_some()
    }

    /// A whole string.
    fn string(&mut self) -> Option<String> {
        let rest = self.rest.trim_start();
        let end = string_end(rest)?;
        let (literal, after) = rest.split_at_checked(end)?;
        let value: Text<'_> = serde_json::from_str(literal).ok()?;
        self.rest = after;
        Some(value.chars().take(MAX_VALUE).collect())
    }

    /// Passes one value.
    fn skip(&mut self) {
        let mut depth = 0_u32;
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.as_bytes().first() {
                None => return,
                Some(b'"') => match string_end(self.rest) {
                    Some(end) => self.rest = self.rest.get(end..).unwrap_or_default(),
                    None => self.rest = "",
                },
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.advance();
                    continue;
                }
                Some(b'}' | b']') if depth > 0 => {
                    depth -= 1;
                    self.advance();
                }
                Some(b'}' | b']' | b',') if depth == 0 => return,
                Some(_) => self.advance(),
            }
            if depth == 0 && self.rest.trim_start().starts_with([',', '}', ']']) {
                return;
            }
        }
    }

    fn advance(&mut self) {
        let mut chars = self.rest.chars();
        chars.next();
        self.rest = chars.as_str();
    }
}

/// Length of the string literal a text starts with, quotes included.
fn string_end(text: &str) -> Option<usize> {
    let body = text.strip_prefix('"')?.as_bytes();
    let mut at = 0;
    loop {
        let i = memchr::memchr2(b'"', b'\\', body.get(at..)?)?;
        if body.get(at + i) == Some(&b'"') {
            return Some(at + i + 2);
        }
        at += i + 2;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_whole_part_of_a_cut_event_is_told() {
        let event = r#"{"kind":"Event","level":"Request","auditID":"a-1","x":[{"auditID":"no"},3],"verb":"create","user":{"groups":["g","}"],"username":"bob\u0040x"},"requestObject":{"auditID":"fake","k":"v"#;
        assert_eq!(of(event).unwrap().to_string(), "auditID `a-1`, user `bob@x`, verb `create`");
        assert_eq!(of(event.get(..60).unwrap()).unwrap().to_string(), "auditID `a-1`");
        assert_eq!(of(r#"{"kind":"Ev"#), None);
        assert_eq!(of("nothing"), None);
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "[{}\\[\\]\",:a\\\\1 ]{0,80}") {
            let _ = of(&text);
        }
    }
}
