//! Parameters of a query: literals with a marking comment before them, and other values in their place.
//!
//! A value is written as a literal of SQL and goes nowhere else, so that no value can become a part of the statement:
//! text in single quotes with each quote doubled, times checked and written anew, numbers as numbers.

use std::ops::Range;

use super::{Kind, Query, QueryError, shipped};
use crate::model::time::Timestamp;

/// A marked literal in a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The parameter.
    pub name: String,
    /// The literal's place in the text.
    pub literal: Range<usize>,
    /// The value it has.
    pub value: String,
    /// The line, from 1.
    pub line: usize,
}

/// All marked literals, in their order.
///
/// # Errors
/// With the line and what is wrong: a marker without a literal after it, or text or a comment that does not end.
pub fn markers(sql: &str) -> Result<Vec<Marker>, (usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = sql.get(at..).filter(|r| !r.is_empty()) {
        let line = || sql.get(..at).unwrap_or_default().matches('\n').count() + 1;
        let unended = |what: &str| (line(), format!("{what} that does not end"));
        at += if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            let comment = rest.find("*/").ok_or_else(|| unended("a comment"))? + 2;
            match rest.get(..comment).and_then(marked) {
                None => comment,
                Some(name) => {
                    let start = at + comment;
                    let marker = marker(sql, start, name, line())?;
                    let end = marker.literal.end;
                    found.push(marker);
                    end.saturating_sub(at)
                }
            }
        } else if rest.starts_with(['\'', '"', '`']) {
            quoted(rest).ok_or_else(|| unended("a quoted text"))?
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
    }
    Ok(found)
}

/// The name in `/*:name*/`.
fn marked(comment: &str) -> Option<&str> {
    let name = comment.strip_prefix("/*:")?.strip_suffix("*/")?;
    is_name(name).then_some(name)
}

/// Whether a word can name a parameter or a query.
pub(super) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Length of the quoted text that the text begins with; a doubled quote stands for itself.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut rest = text.char_indices().skip(1).peekable();
    while let Some((i, c)) = rest.next() {
        if c != quote {
            continue;
        }
        if rest.next_if(|(_, c)| *c == quote).is_none() {
            return Some(i + 1);
        }
    }
    None
}

fn marker(sql: &str, after: usize, name: &str, line: usize) -> Result<Marker, (usize, String)> {
    let rest = sql.get(after..).unwrap_or_default();
    let start = after + (rest.len() - rest.trim_start().len());
    let literal = rest.trim_start();
    let length = if literal.starts_with('\'') {
        quoted(literal)
    } else {
        let sign = usize::from(literal.starts_with('-'));
        let digits = literal.get(sign..).unwrap_or_default().chars().take_while(char::is_ascii_digit).count();
        (digits > 0).then_some(sign + digits)
    };
    let Some(length) = length else {
        return Err((line, format!("expected a text in single quotes or a number after the marker /*:{name}*/")));
    };
    let written = literal.get(..length).unwrap_or_default();
    let value = match written.strip_prefix('\'').and_then(|w| w.strip_suffix('\'')) {
        Some(text) => text.replace("''", "'"),
        None => written.to_owned(),
    };
    Ok(Marker { name: name.to_owned(), literal: start..start + length, value, line })
}

/// The query's text with values in place of its own.
///
/// # Errors
/// When a value names no parameter, is given twice or does not fit, or a required one is missing.
pub fn bound(query: &Query, values: &[(String, String)]) -> Result<String, QueryError> {
    check_names(query, values)?;
    let mut text = String::with_capacity(query.sql.len());
    let mut copied = 0;
    let wrong = |(line, what)| QueryError::File { query: query.name.clone(), line, what };
    for marker in markers(&query.sql).map_err(wrong)? {
        let Some((_, value)) = values.iter().find(|(name, _)| *name == marker.name) else { continue };
        let Some(parameter) = query.parameters.iter().find(|p| p.name == marker.name) else { continue };
        text.push_str(query.sql.get(copied..marker.literal.start).unwrap_or_default());
        text.push_str(&literal(&parameter.name, parameter.kind, value)?);
        copied = marker.literal.end;
    }
    text.push_str(query.sql.get(copied..).unwrap_or_default());
    Ok(text)
}

fn check_names(query: &Query, values: &[(String, String)]) -> Result<(), QueryError> {
    let have = || query.parameters.iter().map(|p| p.name.clone()).collect::<Vec<_>>();
    for (i, (name, _)) in values.iter().enumerate() {
        if !query.parameters.iter().any(|p| p.name == *name) {
            let near = shipped::near(name, &have());
            return Err(QueryError::UnknownParameter {
                query: query.name.clone(),
                name: name.clone(),
                near,
                have: have(),
            });
        }
        if values.iter().take(i).any(|(earlier, _)| earlier == name) {
            return Err(QueryError::Twice(name.clone()));
        }
    }
    match query.parameters.iter().find(|p| p.required && !values.iter().any(|(name, _)| *name == p.name)) {
        None => Ok(()),
        Some(p) => Err(QueryError::MissingParameter {
            query: query.name.clone(),
            name: p.name.clone(),
            kind: p.kind,
            doc: p.doc.clone(),
        }),
    }
}

/// A value as a literal of SQL.
///
/// # Errors
/// When it is none of its kind.
pub fn literal(name: &str, kind: Kind, value: &str) -> Result<String, QueryError> {
    let misfit = |expected| QueryError::Value { name: name.to_owned(), expected, found: value.to_owned() };
    match kind {
        Kind::Text | Kind::Pattern => Ok(format!("'{}'", value.replace('\'', "''"))),
        Kind::Integer => {
            value.parse::<i64>().map(|n| n.to_string()).map_err(|_| misfit("a whole number of at most 64 bits"))
        }
        Kind::Time => {
            let expected = "a time of the years 1 to 9999, RFC 3339 or `YYYY-MM-DD[ HH:MM[:SS]]` UTC";
            let time = value.parse::<Timestamp>().map_err(|_| misfit(expected))?;
            let text = time.to_string().replacen('T', " ", 1);
            let text = text.strip_suffix('Z').filter(|t| t.len() >= 19 && t.starts_with(|c: char| c.is_ascii_digit()));
            text.filter(|t| !t.starts_with("0000")).map(|t| format!("'{t}'")).ok_or_else(|| misfit(expected))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::answer::query::header::parse;

    fn query(sql: &str) -> Query {
        let head = "-- title: t\n-- parameter: who pattern | w\n-- parameter: what text | w\n-- parameter: since time | s\n-- parameter: most integer | m\n";
        parse("q", &format!("{head}\n{sql}")).unwrap()
    }

    const ALL: &str = "SELECT /*:who*/ 'a%', /*:what*/'it''s', /*:since*/ '2026-01-01 00:00:00', /*:most*/ -5";

    fn given(values: &[(&str, &str)]) -> Vec<(String, String)> {
        values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    fn body(query: &Query, values: &[(&str, &str)]) -> String {
        bound(query, &given(values)).unwrap().lines().last().unwrap().to_owned()
    }

    #[test]
    fn without_values_the_text_is_the_file() {
        let q = query(ALL);
        assert_eq!(bound(&q, &[]).unwrap(), q.sql);
        let defaults: Vec<&str> = q.parameters.iter().map(|p| p.default.as_str()).collect();
        assert_eq!(defaults, ["a%", "it's", "2026-01-01 00:00:00", "-5"]);
    }

    #[test]
    fn values_become_literals_and_nothing_else() {
        let q = query(ALL);
        let hostile = "x' OR '1'='1' -- /*:most*/ 7 \\";
        assert_eq!(
            body(&q, &[("who", hostile), ("since", "2026-11-24"), ("most", "12")]),
            "SELECT /*:who*/ 'x'' OR ''1''=''1'' -- /*:most*/ 7 \\', /*:what*/'it''s', /*:since*/ '2026-11-24 00:00:00', /*:most*/ 12"
        );
        // Read again, every value is what was given, and there are as many literals as before.
        for value in [hostile, "", "'", "''", "\\'", "'; DROP TABLE events; --", "*/ '", "a\nb", "日本'"] {
            let text = bound(&q, &given(&[("what", value)])).unwrap();
            let found = markers(&text).unwrap();
            assert_eq!(found.len(), 4, "{text}");
            assert_eq!(found[1].value, value);
        }
    }

    #[test]
    fn a_parameter_that_stands_twice_is_replaced_twice() {
        let q =
            query("SELECT /*:who*/ 'a' || /*:who*/ 'a', /*:what*/ '', /*:since*/ '2026-01-01 00:00:00', /*:most*/ 1");
        assert!(body(&q, &[("who", "b")]).starts_with("SELECT /*:who*/ 'b' || /*:who*/ 'b',"));
    }

    #[test]
    fn times_are_written_alike_however_they_are_given() {
        for (given, written) in [
            ("2026-11-24", "'2026-11-24 00:00:00'"),
            ("2026-11-24 00:41", "'2026-11-24 00:41:00'"),
            ("2026-11-24T01:41:41.5+01:00", "'2026-11-24 00:41:41.500'"),
            ("2026-11-24T00:41:41.001317Z", "'2026-11-24 00:41:41.001317'"),
        ] {
            assert_eq!(literal("t", Kind::Time, given).unwrap(), written);
        }
        for wrong in ["noon", "", "2026-13-01", "+12026-01-01T00:00:00Z", "' OR 1", "-0001-01-01T00:00:00Z"] {
            let said = literal("t", Kind::Time, wrong).unwrap_err().to_string();
            assert!(said.contains("expected a time"), "{said}");
        }
    }

    #[test]
    fn numbers_are_numbers() {
        assert_eq!(literal("n", Kind::Integer, "-12").unwrap(), "-12");
        for wrong in ["", "1.5", "1 OR 1=1", "9223372036854775808", "0x10"] {
            assert!(literal("n", Kind::Integer, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn markers_inside_texts_and_comments_are_none() {
        let sql = "SELECT '/*:who*/ ''x''', \"/*:who*/\" -- /*:who*/ 'x'\n, /* /*:who*/ 1";
        assert_eq!(markers(sql).unwrap(), []);
        assert_eq!(markers("SELECT 1 /* two */ + /*:n*/\n 2").unwrap()[0].line, 1);
    }

    #[test]
    fn what_does_not_end_or_marks_nothing_is_told_with_its_line() {
        for (sql, line, what) in [
            ("SELECT\n'a", 2, "does not end"),
            ("/* x", 1, "does not end"),
            ("SELECT\n\n/*:who*/ name", 3, "after the marker"),
            ("/*:who*/ ", 1, "after the marker"),
            ("/*:who*/ -", 1, "after the marker"),
            ("/*:who*/ 'a", 1, "after the marker"),
        ] {
            let (at, said) = markers(sql).unwrap_err();
            assert!(at == line && said.contains(what), "{sql}: {at} {said}");
        }
    }

    #[test]
    fn wrong_names_are_refused_with_those_that_look_alike() {
        let q = query(ALL);
        let said = bound(&q, &given(&[("whom", "x")])).unwrap_err().to_string();
        assert_eq!(said, "query `q` has no parameter `whom`, did you mean `who`: it takes who, what, since, most");
        let said = bound(&q, &given(&[("who", "x"), ("who", "y")])).unwrap_err().to_string();
        assert!(said.contains("twice"), "{said}");
    }
}
