//! CSV (RFC 4180): a header, CRLF at the end of each record, quotes where needed. A list is a JSON array in
//! its cell, because user names and URLs may hold any separator. CSV cannot tell a missing value from an empty
//! text: both are empty; who needs the difference takes JSON or Parquet.
//!
//! Texts that a spreadsheet would run are changed, see [`super::escape::csv_cell`], and so are characters that
//! a terminal would obey or nobody can see, see [`super::escape::csv_text`]; the caller is told how many, so
//! that the change is never silent. Our own numbers and times are not texts and stay.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::answer::{Answer, Value};

use super::{RenderReport, escape, value};

/// Header and rows.
pub(super) fn write(answer: &Answer, out: &mut dyn Write) -> io::Result<RenderReport> {
    let mut report = RenderReport::default();
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    for column in &answer.columns {
        writer.write_field(safe_text(&column.name, &mut report).as_bytes()).map_err(io_error)?;
    }
    writer.write_record(None::<&[u8]>).map_err(io_error)?;
    for row in &answer.rows {
        for cell in row {
            let text = match cell {
                Value::Text(text) => safe_text(text, &mut report),
                other => value::exact(other),
            };
            writer.write_field(text.as_bytes()).map_err(io_error)?;
        }
        // Ends the record.
        writer.write_record(None::<&[u8]>).map_err(io_error)?;
    }
    writer.flush()?;
    Ok(report)
}

fn safe_text<'a>(text: &'a str, report: &mut RenderReport) -> Cow<'a, str> {
    let visible = escape::csv_text(text);
    if matches!(visible, Cow::Owned(_)) {
        report.csv_cells_escaped = report.csv_cells_escaped.saturating_add(1);
    }
    match escape::csv_cell(&visible) {
        Cow::Borrowed(_) => visible,
        Cow::Owned(safe) => {
            report.csv_cells_neutralised = report.csv_cells_neutralised.saturating_add(1);
            Cow::Owned(safe)
        }
    }
}

fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(inner) => inner,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::answer::{AnswerColumn, column};
    use crate::render::Format;
    use crate::render::testing::{any_answer, rendered, sample, undo_csv_cell};
    use proptest::prelude::*;

    #[test]
    fn header_and_rows_as_rfc_4180_has_them() {
        assert_eq!(
            rendered(&sample(), Format::Csv),
            concat!(
                "subject,via,valid_from,valid_to,count\r\n",
                "user alice,\"[\"\"ClusterRoleBinding/a\"\",\"\"ClusterRole/b\"\"]\",2026-11-01T00:00:00Z,,3\r\n",
                "group 管理者,[],,,-1\r\n"
            )
        );
        assert_eq!(
            rendered(&Answer { rows: vec![], ..sample() }, Format::Csv),
            "subject,via,valid_from,valid_to,count\r\n"
        );
    }

    #[test]
    fn changed_cells_are_counted_and_numbers_are_not_changed() {
        let answer = Answer {
            columns: vec![column("user"), column("count")],
            rows: vec![
                vec!["=HYPERLINK(\"http://x\")".into(), Value::Int(-5)],
                vec!["-1+1".into(), Value::Float(-0.5)],
                vec!["a,\"b\"\r\nc".into(), Value::Null],
            ],
            ..sample()
        };
        let mut bytes = Vec::new();
        assert_eq!(write(&answer, &mut bytes).unwrap().csv_cells_neutralised, 2);
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            "user,count\r\n\"'=HYPERLINK(\"\"http://x\"\")\",-5\r\n'-1+1,-0.5\r\n\"a,\"\"b\"\"\r\nc\",\r\n"
        );
    }

    #[test]
    fn the_name_of_a_column_may_come_from_sql_and_is_guarded_too() {
        let name = AnswerColumn { name: "=1,2\u{1b}".to_owned().into(), narrow: true };
        let answer = Answer { columns: vec![name], rows: vec![vec![Value::Int(3)]], ..sample() };
        let mut bytes = Vec::new();
        let report = write(&answer, &mut bytes).unwrap();
        assert_eq!((report.csv_cells_neutralised, report.csv_cells_escaped), (1, 1));
        assert_eq!(String::from_utf8(bytes).unwrap(), "\"'=1,2\\x1b\"\r\n3\r\n");
        assert!(rendered(&answer, Format::Table).starts_with("=1,2\\x1b\n3\n"));
        assert_eq!(rendered(&answer, Format::Jsonl), "{\"=1,2\\u001b\":3}\n");
    }

    proptest! {
        #[test]
        fn what_is_read_back_is_what_was_said(answer in any_answer()) {
            let text = rendered(&answer, Format::Csv);
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let names: Vec<&str> = answer.columns.iter().map(|c| c.name.as_ref()).collect();
            prop_assert_eq!(reader.headers().unwrap(), &csv::StringRecord::from(names));
            let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(records.len(), answer.rows.len());
            for (record, row) in records.iter().zip(&answer.rows) {
                for (cell, value) in record.iter().zip(row) {
                    match value {
                        Value::Text(text) => {
                            let visible = escape::csv_text(text);
                            prop_assert_eq!(undo_csv_cell(cell), visible.as_ref());
                        }
                        other => prop_assert_eq!(cell, value::exact(other)),
                    }
                }
            }
        }
    }
}
