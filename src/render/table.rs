//! Tables for eyes, as kubectl prints them: capitals, two spaces between columns, no borders. A value is
//! never wrapped or cut, however long: cut evidence is lost evidence. The rows are gone over twice, for
//! the widths and for the text, instead of being held as text a second time.
//!
//! Below the table stands what a reader must know: the time it speaks of, what it rests on, the notes.

use std::borrow::Cow;
use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::answer::{Answer, AnswerColumn, AsOf, Verdict};
use crate::model::time::{Interval, Timestamp};

use super::{Style, escape, value};

/// The table and what stands below it; `wide` shows all columns.
pub(super) fn write(answer: &Answer, wide: bool, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    if answer.rows.is_empty() {
        out.write_all(no_rows(answer.verdict).as_bytes())?;
    } else {
        rows(answer, wide, style, out)?;
    }
    out.write_all(b"\n")?;
    below(answer, style, out)
}

/// "None" must not be read out of "cannot tell".
const fn no_rows(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Yes | Verdict::No => "no rows\n",
        Verdict::Unknown => "no rows: the evidence cannot tell\n",
    }
}

fn rows(answer: &Answer, wide: bool, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    // A table without a single column would say nothing.
    let all = wide || !answer.columns.iter().any(|c| c.narrow);
    let headers: Vec<String> = shown(answer, all, &answer.columns).map(header).collect();
    let mut widths: Vec<usize> = headers.iter().map(|h| h.width()).collect();
    for row in &answer.rows {
        for (cell, width) in shown(answer, all, row).zip(&mut widths) {
            *width = value::visible(cell).width().max(*width);
        }
    }
    let (bold, plain) = if style.color { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    out.write_all(bold.as_bytes())?;
    line(headers.iter().map(|h| Cow::Borrowed(h.as_str())), &widths, out)?;
    writeln!(out, "{plain}")?;
    for row in &answer.rows {
        line(shown(answer, all, row).map(value::visible), &widths, out)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The items of a row, or of the header, that this table shows.
fn shown<'a, T>(answer: &'a Answer, all: bool, items: &'a [T]) -> impl Iterator<Item = &'a T> {
    answer.columns.iter().zip(items).filter(move |(column, _)| all || column.narrow).map(|(_, item)| item)
}

fn header(column: &AnswerColumn) -> String {
    escape::terminal(&column.name.to_uppercase().replace('_', "-")).into_owned()
}

/// Cells with two spaces between; the last one is not padded.
fn line<'a>(cells: impl Iterator<Item = Cow<'a, str>>, widths: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let mut padding = 0;
    for (cell, &width) in cells.zip(widths) {
        write!(out, "{:padding$}{cell}", "")?;
        padding = width.saturating_sub(cell.width()).saturating_add(2);
    }
    Ok(())
}

fn below(answer: &Answer, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    fact("as of", &as_of(answer.as_of), style, out)?;
    if let Some(basis) = answer.basis {
        fact("basis", basis.as_str(), style, out)?;
    }
    for note in &answer.notes {
        fact("note", note, style, out)?;
    }
    Ok(())
}

fn as_of(when: AsOf) -> String {
    match when {
        AsOf::Moment(t) => t.to_string(),
        AsOf::Everything | AsOf::Stretch(Interval::ALWAYS) => "all that the evidence covers".to_owned(),
        AsOf::Stretch(Interval { from: Timestamp::MIN, to }) => format!("until {to}"),
        AsOf::Stretch(Interval { from, to: Timestamp::MAX }) => format!("from {from}"),
        AsOf::Stretch(Interval { from, to }) => format!("{from} to {to}"),
    }
}

/// `key: text`, broken at spaces where the terminal is narrower; a word is never broken.
fn fact(key: &str, text: &str, style: &Style, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{key}:")?;
    let indent = key.len().saturating_add(1);
    let mut column = indent;
    for word in escape::terminal(text).split(' ') {
        let width = word.width().saturating_add(1);
        let full = style.width.is_some_and(|limit| column.saturating_add(width) > limit);
        if full && column > indent {
            write!(out, "\n{:indent$}", "")?;
            column = indent;
        }
        write!(out, " {word}")?;
        column = column.saturating_add(width);
    }
    out.write_all(b"\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::answer::{Value, column};
    use crate::render::Format;
    use crate::render::testing::{any_answer, hostile_text, rendered, rendered_with, sample};
    use proptest::prelude::*;

    #[test]
    fn a_table_is_aligned_and_followed_by_what_it_rests_on() {
        assert_eq!(
            rendered(&sample(), Format::Table),
            "\
SUBJECT       VALID-FROM            VALID-TO  COUNT
user alice    2026-11-01T00:00:00Z  -         3
group 管理者  -                     -         -1

as of: 2026-11-24T00:41:20Z
basis: derived
note: the log does not cover 2026-11-23
"
        );
    }

    #[test]
    fn wide_shows_every_column() {
        assert_eq!(
            rendered(&sample(), Format::Wide).lines().take(3).collect::<Vec<_>>(),
            [
                "SUBJECT       VIA                                 VALID-FROM            VALID-TO  COUNT",
                "user alice    ClusterRoleBinding/a,ClusterRole/b  2026-11-01T00:00:00Z  -         3",
                "group 管理者  []                                  -                     -         -1",
            ]
        );
    }

    #[test]
    fn no_rows_is_said_and_cannot_tell_is_not_taken_for_none() {
        let none = Answer { rows: vec![], notes: vec![], verdict: Verdict::No, ..sample() };
        assert_eq!(rendered(&none, Format::Table), "no rows\n\nas of: 2026-11-24T00:41:20Z\nbasis: derived\n");
        let unknown = Answer { verdict: Verdict::Unknown, basis: None, as_of: AsOf::Everything, ..none };
        assert_eq!(
            rendered(&unknown, Format::Wide),
            "no rows: the evidence cannot tell\n\nas of: all that the evidence covers\n"
        );
    }

    #[test]
    fn a_stretch_is_told_with_the_ends_it_has() {
        let (a, b) = ("2026-11-01".parse().unwrap(), "2026-11-02".parse().unwrap());
        for (stretch, text) in [
            (Interval::new(a, b), "2026-11-01T00:00:00Z to 2026-11-02T00:00:00Z"),
            (Interval::new(a, Timestamp::MAX), "from 2026-11-01T00:00:00Z"),
            (Interval::new(Timestamp::MIN, b), "until 2026-11-02T00:00:00Z"),
            (Interval::ALWAYS, "all that the evidence covers"),
        ] {
            assert_eq!(as_of(AsOf::Stretch(stretch)), text);
        }
    }

    #[test]
    fn only_the_header_is_bold_and_only_with_color() {
        let style = Style { color: true, width: None };
        let text = rendered_with(&sample(), Format::Table, &style);
        assert!(text.starts_with("\x1b[1mSUBJECT       VALID-FROM            VALID-TO  COUNT\x1b[0m\nuser alice "));
        assert_eq!(text.matches('\x1b').count(), 2);
    }

    #[test]
    fn notes_break_at_spaces_and_values_never() {
        let answer = Answer {
            columns: vec![column("user")],
            rows: vec![vec!["x".repeat(60).into()]],
            notes: vec![format!("one two three {}  end", "y".repeat(30))],
            ..sample()
        };
        let text = rendered_with(&answer, Format::Table, &Style { color: false, width: Some(20) });
        assert!(text.contains(&"x".repeat(60)));
        let note = text.split_once("note:").unwrap().1;
        assert_eq!(note, format!(" one two three\n      {}\n       end\n", "y".repeat(30)));
    }

    #[test]
    fn a_value_cannot_add_lines_columns_or_escapes() {
        let answer = Answer {
            columns: vec![column("user"), column("code")],
            rows: vec![vec!["a\nEVE  200\u{1b}[1A".into(), Value::Int(403)], vec!["".into(), Value::Null]],
            notes: vec!["x\r\nbasis: observed".into()],
            ..sample()
        };
        let text = rendered(&answer, Format::Table);
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "USER                CODE",
                r"a\nEVE  200\x1b[1A  403",
                "\"\"                  -",
                "",
                "as of: 2026-11-24T00:41:20Z",
                "basis: derived",
                r"note: x\r\nbasis: observed"
            ]
        );
    }

    proptest! {
        #[test]
        fn a_table_has_one_line_a_row_and_shows_every_value_whole(answer in any_answer()) {
            let text = rendered(&answer, Format::Wide);
            prop_assert!(!text.chars().any(|c| c != '\n' && escape::is_hidden(c)));
            let facts = 1 + usize::from(answer.basis.is_some()) + answer.notes.len();
            prop_assert_eq!(text.lines().count(), 1 + answer.rows.len() + 1 + facts);
            for (line, row) in text.lines().skip(1).zip(&answer.rows) {
                for cell in row {
                    prop_assert!(line.contains(value::visible(cell).as_ref()));
                }
            }
        }

        #[test]
        fn breaking_a_note_loses_nothing(note in hostile_text(), width in 0_usize..60) {
            let text = |width| {
                let mut bytes = Vec::new();
                fact("note", &note, &Style { color: false, width }, &mut bytes).unwrap();
                String::from_utf8(bytes).unwrap()
            };
            prop_assert_eq!(text(Some(width)).replace("\n      ", " ").replace('\n', ""), text(None).replace('\n', ""));
        }
    }
}
