//! The header of a query: comments at its head that say what it is.
//!
//! ```text
//! -- title: Requests of a user
//! -- shows: what the rows are
//! -- limits: what they cannot show
//! -- attack: T1078 Valid Accounts, or `none`
//! -- parameter: user pattern required | what it means
//! -- column: request_uri wide | what it means
//! ```
//!
//! An entry goes on in lines that are indented further. Other comments are left alone, so that any SQL file is a query.

use super::bind::{is_name, markers};
use super::{ColumnDoc, Kind, Parameter, Query, QueryError};

/// The keys of entries.
const KEYS: [&str; 6] = ["title", "shows", "limits", "attack", "parameter", "column"];

struct Entry<'a> {
    key: &'a str,
    text: String,
    line: usize,
}

/// Takes a file apart.
///
/// # Errors
/// When an entry is not as described, or the parameters of the header and the marked literals are not the same.
pub fn parse(name: &str, sql: &str) -> Result<Query, QueryError> {
    let wrong = |line: usize, what: String| QueryError::File { query: name.to_owned(), line, what };
    let mut query = Query {
        name: name.to_owned(),
        title: String::new(),
        shows: String::new(),
        limits: String::new(),
        attack: Vec::new(),
        parameters: Vec::new(),
        columns: Vec::new(),
        sql: sql.to_owned(),
    };
    for entry in entries(sql) {
        let line = entry.line;
        match entry.key {
            "title" => query.title = entry.text,
            "shows" => query.shows = entry.text,
            "limits" => query.limits = entry.text,
            "attack" if entry.text == "none" => {}
            "attack" => query.attack = entry.text.split(", ").map(str::to_owned).collect(),
            "parameter" => query.parameters.push(parameter(&entry.text).map_err(|what| wrong(line, what))?),
            _ => query.columns.push(column(&entry.text).map_err(|what| wrong(line, what))?),
        }
    }
    defaults(&mut query).map_err(|(line, what)| wrong(line, what))?;
    Ok(query)
}

/// The entries of the comments at the head.
fn entries(sql: &str) -> Vec<Entry<'_>> {
    let mut found: Vec<Entry<'_>> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(sql.lines()) {
        let Some(comment) = line.strip_prefix("--") else {
            if line.trim().is_empty() {
                open = false;
                continue;
            }
            break;
        };
        if open && comment.starts_with("    ") {
            if let Some(last) = found.last_mut() {
                last.text.push(' ');
                last.text.push_str(comment.trim());
            }
            continue;
        }
        let entry = comment.trim_start().split_once(':').filter(|(key, _)| KEYS.contains(key));
        open = entry.is_some();
        found.extend(entry.map(|(key, text)| Entry { key, text: text.trim().to_owned(), line: number }));
    }
    found
}

fn parameter(text: &str) -> Result<Parameter, String> {
    let expected =
        || format!("expected `-- parameter: NAME text|pattern|time|integer [required] | MEANING`, found `{text}`");
    let (head, doc) = text.split_once(" | ").ok_or_else(expected)?;
    let words: Vec<&str> = head.split(' ').collect();
    let (name, kind, required) = match words.as_slice() {
        [name, kind] => (name, kind, false),
        [name, kind, "required"] => (name, kind, true),
        _ => return Err(expected()),
    };
    let kind = Kind::ALL.into_iter().find(|k| k.word() == *kind).ok_or_else(expected)?;
    if !is_name(name) {
        return Err(expected());
    }
    Ok(Parameter { name: (*name).to_owned(), kind, required, doc: doc.to_owned(), default: String::new() })
}

fn column(text: &str) -> Result<ColumnDoc, String> {
    let expected = || format!("expected `-- column: NAME [wide] | MEANING`, found `{text}`");
    let (head, doc) = text.split_once(" | ").ok_or_else(expected)?;
    let (name, wide) = match head.split(' ').collect::<Vec<_>>().as_slice() {
        [name] => ((*name).to_owned(), false),
        [name, "wide"] => ((*name).to_owned(), true),
        _ => return Err(expected()),
    };
    Ok(ColumnDoc { name, wide, doc: doc.to_owned() })
}

/// Takes the defaults from the marked literals, which must all be described, and agree where one stands twice.
fn defaults(query: &mut Query) -> Result<(), (usize, String)> {
    let markers = markers(&query.sql)?;
    for marker in &markers {
        if !query.parameters.iter().any(|p| p.name == marker.name) {
            let what = format!("parameter `{0}` is not described: add `-- parameter: {0} KIND | MEANING`", marker.name);
            return Err((marker.line, what));
        }
    }
    for (i, parameter) in query.parameters.iter_mut().enumerate() {
        let mut own = markers.iter().filter(|m| m.name == parameter.name);
        let Some(first) = own.next() else {
            return Err((
                i + 1,
                format!("parameter `{0}` stands nowhere: mark its literal with /*:{0}*/", parameter.name),
            ));
        };
        if let Some(other) = own.find(|m| m.value != first.value) {
            let what = format!(
                "parameter `{}` is `{}` here and `{}` on line {}: a default is one",
                parameter.name, other.value, first.value, first.line
            );
            return Err((other.line, what));
        }
        parameter.default.clone_from(&first.value);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_with_its_long_entries() {
        let text = "-- title: One\n-- shows: first\n--     second: half\n-- a remark\n--     of two lines\n-- attack: T1 A, T2.3 B\n\
                    -- parameter: user pattern required | who: `%`\n-- column: a | x\n-- column: b wide | y | z\n\nSELECT /*:user*/ 'x' -- title: no\n";
        let q = parse("one", text).unwrap();
        assert_eq!((q.title.as_str(), q.shows.as_str(), q.limits.as_str()), ("One", "first second: half", ""));
        assert_eq!(q.attack, ["T1 A", "T2.3 B"]);
        let p = &q.parameters[0];
        assert_eq!((p.name.as_str(), p.kind, p.required, p.default.as_str()), ("user", Kind::Pattern, true, "x"));
        assert_eq!((q.columns[1].wide, q.columns[1].doc.as_str()), (true, "y | z"));
    }

    #[test]
    fn any_sql_is_a_query() {
        let q = parse("mine", "-- note: mine\nSELECT 1").unwrap();
        assert!(q.title.is_empty() && q.parameters.is_empty() && q.columns.is_empty());
        assert!(parse("empty", "").unwrap().sql.is_empty());
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_line() {
        for (text, said) in [
            ("-- parameter: user\n", "line 1: expected `-- parameter:"),
            ("-- parameter: user word | x\n", "expected `-- parameter:"),
            ("-- parameter: User text | x\nSELECT 1", "expected `-- parameter:"),
            ("-- title: x\n-- column: a\n", "line 2: expected `-- column:"),
            ("SELECT\n/*:who*/ 'x'", "line 2: parameter `who` is not described"),
            ("-- parameter: who text | x\nSELECT 1", "`who` stands nowhere"),
            (
                "-- parameter: who text | x\nSELECT /*:who*/ 'a',\n/*:who*/ 'b'",
                "line 3: parameter `who` is `b` here and `a` on line 2",
            ),
        ] {
            let error = parse("q", text).unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
