//! JSON: the whole answer as one object, or one row a line. Keys stand in the order of the answer.
//!
//! The text is also safe to look at: what [`super::escape::terminal`] would show is written as `\uXXXX`,
//! which every JSON reader turns back into the same character (RFC 8259, section 7). JSON has no word
//! for a number that is not finite; such a number becomes `null`.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use crate::answer::{Answer, AnswerColumn, AsOf, Value};
use crate::model::time::{Interval, Timestamp};

use super::escape::is_hidden;
use super::value::is_missing;

/// One pretty-printed object and a newline.
pub(super) fn whole(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    write_with(&Whole { answer, rows: true }, PrettyFormatter::new(), out)?;
    out.write_all(b"\n")
}

/// One object for each row, one row a line.
pub(super) fn lines(answer: &Answer, out: &mut dyn Write) -> io::Result<()> {
    for values in &answer.rows {
        write_with(&Row { columns: &answer.columns, values }, CompactFormatter, out)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// The answer without its rows, on one line: what a file of rows carries along.
pub(super) fn head(answer: &Answer) -> String {
    to_text(&Whole { answer, rows: false })
}

/// A value on one line.
pub(super) fn compact(value: &Value) -> String {
    to_text(&Json(value))
}

/// Any JSON document, pretty-printed or on one line.
pub fn document(value: &serde_json::Value, pretty: bool) -> String {
    if !pretty {
        return to_text(value);
    }
    let mut bytes = Vec::new();
    // As for `to_text`, nothing here can fail.
    let _ = write_with(value, PrettyFormatter::new(), &mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}

/// Writes JSON that was made elsewhere, its hidden characters as `\uXXXX`. Each write must hold whole characters.
pub struct VisibleJson<W>(pub W);

impl<W: Write> Write for VisibleJson<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let plain = bytes.iter().all(|b| matches!(b, b'\n' | b' '..=b'~'));
        match std::str::from_utf8(bytes) {
            Ok(text) if !plain => {
                // Line ends stand between values, never in them.
                for line in text.split_inclusive('\n') {
                    let (line, end) = line.strip_suffix('\n').map_or((line, ""), |l| (l, "\n"));
                    Visible(CompactFormatter).write_string_fragment(&mut self.0, line)?;
                    self.0.write_all(end.as_bytes())?;
                }
            }
            _ => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn to_text(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    // Neither writing to memory nor these types' serialisation can fail, and JSON text is UTF-8.
    let _ = write_with(value, CompactFormatter, &mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}

fn write_with<F: Formatter>(value: &impl Serialize, formatter: F, out: &mut dyn Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(out, Visible(formatter));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

struct Whole<'a> {
    answer: &'a Answer,
    rows: bool,
}

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let answer = self.answer;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("question", &Question(&answer.question))?;
        map.serialize_entry("as_of", &When(answer.as_of))?;
        map.serialize_entry("basis", &answer.basis.map(|b| b.as_str()))?;
        map.serialize_entry("notes", &answer.notes)?;
        if self.rows {
            map.serialize_entry("rows", &Rows(answer))?;
        }
        map.end()
    }
}

struct Question<'a>(&'a [(&'static str, Value)]);

impl Serialize for Question<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, Json(value))))
    }
}

struct When(AsOf);

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let end = |t: Timestamp| (t != Timestamp::MIN && t != Timestamp::MAX).then_some(t);
        match self.0 {
            AsOf::Everything => serializer.serialize_none(),
            AsOf::Moment(t) => end(t).serialize(serializer),
            AsOf::Stretch(Interval { from, to }) => serializer.collect_map([("from", end(from)), ("to", end(to))]),
        }
    }
}

struct Rows<'a>(&'a Answer);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows.iter().map(|values| Row { columns: &self.0.columns, values }))
    }
}

struct Row<'a> {
    columns: &'a [AnswerColumn],
    values: &'a [Value],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().zip(self.values).map(|(column, value)| (&column.name, Json(value))))
    }
}

struct Json<'a>(&'a Value);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            missing if is_missing(missing) => serializer.serialize_none(),
            Value::Null => serializer.serialize_none(),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Int(number) => serializer.serialize_i64(*number),
            // serde_json writes `null` for NaN and the infinities.
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Time(time) => time.serialize(serializer),
            Value::List(values) => serializer.collect_seq(values.iter().map(Json)),
        }
    }
}

/// A formatter that writes hidden characters as `\uXXXX`, in UTF-16 units as JSON wants them.
struct Visible<F>(F);

/// Hands these calls on to the inner formatter; the methods left out do the same in all formatters.
macro_rules! hand_on {
    ($($method:ident($($argument:ident: $kind:ty),*);)*) => {$(
        fn $method<W: ?Sized + Write>(&mut self, writer: &mut W, $($argument: $kind),*) -> io::Result<()> {
            self.0.$method(writer, $($argument),*)
        }
    )*};
}

impl<F: Formatter> Formatter for Visible<F> {
    hand_on! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, hidden)) = rest.char_indices().find(|&(_, c)| is_hidden(c)) {
            let (before, after) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            for unit in hidden.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after.get(hidden.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::render::Format;
    use crate::render::testing::{any_answer, rendered, sample};
    use proptest::prelude::*;

    /// What a reader of the JSON should find.
    fn expected(value: &Value) -> serde_json::Value {
        match value {
            Value::Null | Value::Time(Timestamp::MIN | Timestamp::MAX) => serde_json::Value::Null,
            Value::Text(t) => t.clone().into(),
            Value::Int(n) => (*n).into(),
            // This reader is not exact in the last digit; that the written text is exact is tested below.
            Value::Float(_) => serde_json::from_str(&compact(value)).unwrap(),
            Value::Bool(b) => (*b).into(),
            Value::Time(t) => t.to_string().into(),
            Value::List(l) => l.iter().map(expected).collect::<Vec<_>>().into(),
        }
    }

    #[test]
    fn the_whole_answer_is_one_object_with_its_keys_in_order() {
        let text = rendered(&sample(), Format::Json);
        assert_eq!(
            text,
            r#"{
  "question": {
    "verb": "get",
    "resource": "secrets",
    "namespace": null
  },
  "as_of": "2026-11-24T00:41:20Z",
  "basis": "derived",
  "notes": [
    "the log does not cover 2026-11-23"
  ],
  "rows": [
    {
      "subject": "user alice",
      "via": [
        "ClusterRoleBinding/a",
        "ClusterRole/b"
      ],
      "valid_from": "2026-11-01T00:00:00Z",
      "valid_to": null,
      "count": 3
    },
    {
      "subject": "group 管理者",
      "via": [],
      "valid_from": null,
      "valid_to": null,
      "count": -1
    }
  ]
}
"#
        );
    }

    #[test]
    fn one_row_a_line_without_a_wrapper() {
        assert_eq!(
            rendered(&sample(), Format::Jsonl),
            concat!(
                r#"{"subject":"user alice","via":["ClusterRoleBinding/a","ClusterRole/b"],"valid_from":"2026-11-01T00:00:00Z","valid_to":null,"count":3}"#,
                "\n",
                r#"{"subject":"group 管理者","via":[],"valid_from":null,"valid_to":null,"count":-1}"#,
                "\n"
            )
        );
        let none = Answer { rows: vec![], ..sample() };
        assert_eq!(rendered(&none, Format::Jsonl), "");
        assert!(rendered(&none, Format::Json).contains("\"rows\": []"));
    }

    #[test]
    fn a_stretch_has_two_ends_and_an_open_end_is_null() {
        let from = "2026-11-24".parse().unwrap();
        let part = Answer { as_of: AsOf::Stretch(Interval::new(from, Timestamp::MAX)), basis: None, ..sample() };
        assert!(head(&part).contains(r#""as_of":{"from":"2026-11-24T00:00:00Z","to":null},"basis":null,"#));
        let all = Answer { as_of: AsOf::Everything, ..sample() };
        assert!(head(&all).contains(r#""as_of":null,"#));
    }

    #[test]
    fn hidden_characters_are_escaped_and_read_back_the_same() {
        let evil = "\u{1b}[2J\"\\\u{7f}\u{9b}\u{202e}\u{2028}\u{feff}\u{e0041}é";
        let text = compact(&Value::from(evil));
        assert_eq!(text, r#""\u001b[2J\"\\\u007f\u009b\u202e\u2028\ufeff\udb40\udc41é""#);
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), evil);
    }

    #[test]
    fn numbers_that_are_not_finite_are_null() {
        let list =
            Value::List(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5].into_iter().map(Value::Float).collect());
        assert_eq!(compact(&list), "[null,null,null,1.5]");
    }

    proptest! {
        #[test]
        fn a_real_number_is_written_exactly(number in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            prop_assert_eq!(compact(&Value::Float(number)).parse(), Ok(number));
        }

        #[test]
        fn what_is_read_back_is_what_was_said(answer in any_answer()) {
            let text = rendered(&answer, Format::Json);
            prop_assert!(!text.chars().any(|c| c != '\n' && is_hidden(c)));
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&read["notes"], &serde_json::Value::from(answer.notes.clone()));
            let lines = rendered(&answer, Format::Jsonl);
            let mut line = lines.lines();
            for (i, row) in answer.rows.iter().enumerate() {
                let same: serde_json::Value = serde_json::from_str(line.next().unwrap()).unwrap();
                prop_assert_eq!(&same, &read["rows"][i]);
                for (column, value) in answer.columns.iter().zip(row) {
                    prop_assert_eq!(&same[column.name.as_ref()], &expected(value));
                }
            }
            prop_assert_eq!(line.next(), None);
        }
    }
}
