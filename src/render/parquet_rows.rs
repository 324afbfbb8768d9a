//! The rows as one Parquet file, for notebooks and other engines. The type of a column is that of its values;
//! a column that holds several types, or none, is text. The file also carries the rest of the answer, as JSON
//! under the key `kubesleuth.answer`, so that a file passed on still says what it rests on.
//!
//! The file is made in memory, because the writer wants an output that may change threads; the rows are
//! there already, and the file is smaller.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::answer::{Answer, Value};

use super::{json, value};

/// The key under which question, time, basis and notes stand in the file.
const ANSWER_KEY: &str = "kubesleuth.answer";

/// Most rows of a batch.
const BATCH_ROWS: usize = 65_536;

/// Most bytes of text in a batch: an Arrow text column holds less than 2 GiB, and a list written as JSON text
/// may grow sixfold.
const BATCH_BYTES: usize = 256 << 20;

/// The bytes of the file.
pub(super) fn file(answer: &Answer) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(concat!("kubesleuth ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let types: Vec<Type> = (0..answer.columns.len()).map(|i| Type::of(&answer.rows, i)).collect();
    let fields: Vec<Field> = answer
        .columns
        .iter()
        .zip(&types)
        .map(|(column, kind)| Field::new(column.name.as_ref(), kind.arrow(), true))
        .collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))?;
    let mut rest = answer.rows.as_slice();
    while !rest.is_empty() {
        let (rows, after) = rest.split_at(batch_len(rest));
        let arrays = types.iter().enumerate().map(|(i, kind)| kind.array(rows, i)).collect();
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), arrays)?)?;
        rest = after;
    }
    writer.append_key_value_metadata(KeyValue::new(ANSWER_KEY.to_owned(), json::head(answer)));
    writer.into_inner()
}

/// How many of the rows make the next batch; at least one.
fn batch_len(rows: &[Vec<Value>]) -> usize {
    let mut bytes = 0_usize;
    let fitting = rows.iter().take(BATCH_ROWS).take_while(|row| {
        bytes = row.iter().map(text_bytes).fold(bytes, usize::saturating_add);
        bytes <= BATCH_BYTES
    });
    fitting.count().clamp(1, rows.len().max(1))
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(values) => values.iter().map(text_bytes).fold(0, usize::saturating_add),
        _ => 0,
    }
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Int,
    Float,
    Bool,
    Time,
    Texts,
}

impl Type {
    /// What all values of a column are.
    fn of(rows: &[Vec<Value>], column: usize) -> Self {
        let mut types = present(rows, column).flatten().map(|value| match value {
            Value::Null | Value::Text(_) => Self::Text,
            Value::Int(_) => Self::Int,
            Value::Float(_) => Self::Float,
            Value::Bool(_) => Self::Bool,
            Value::Time(_) => Self::Time,
            Value::List(_) => Self::Texts,
        });
        let first = types.next().unwrap_or(Self::Text);
        if types.all(|other| other == first) { first } else { Self::Text }
    }

    fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Texts => DataType::List(element()),
        }
    }

    /// The column of a batch. [`Type::of`] saw every value, so each `None` made below stands for a missing one.
    fn array(self, rows: &[Vec<Value>], column: usize) -> ArrayRef {
        let values = present(rows, column);
        match self {
            Self::Text => Arc::new(values.map(|v| v.map(value::exact)).collect::<StringArray>()),
            Self::Int => {
                let int = |v: Option<&Value>| if let Some(Value::Int(number)) = v { Some(*number) } else { None };
                Arc::new(values.map(int).collect::<Int64Array>())
            }
            Self::Float => {
                let float = |v: Option<&Value>| if let Some(Value::Float(number)) = v { Some(*number) } else { None };
                Arc::new(values.map(float).collect::<Float64Array>())
            }
            Self::Bool => {
                let truth = |v: Option<&Value>| if let Some(Value::Bool(truth)) = v { Some(*truth) } else { None };
                Arc::new(values.map(truth).collect::<BooleanArray>())
            }
            Self::Time => {
                let micros =
                    |v: Option<&Value>| if let Some(Value::Time(time)) = v { Some(time.as_micros()) } else { None };
                Arc::new(values.map(micros).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
            }
            Self::Texts => lists(values),
        }
    }
}

/// The values of a column; missing ones are `None`.
fn present(rows: &[Vec<Value>], column: usize) -> impl Iterator<Item = Option<&Value>> {
    rows.iter().map(move |row| row.get(column).filter(|v| !value::is_missing(v)))
}

/// The name of the item in the tables of a case, too.
fn element() -> FieldRef {
    Arc::new(Field::new("element", DataType::Utf8, true))
}

fn lists<'a>(values: impl Iterator<Item = Option<&'a Value>>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(element());
    for value in values {
        if let Some(Value::List(items)) = value {
            for item in items {
                builder.values().append_option((!value::is_missing(item)).then(|| value::exact(item)));
            }
            builder.append(true);
        } else {
            builder.append(false);
        }
    }
    Arc::new(builder.finish())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::answer::column;
    use crate::model::time::Timestamp;
    use crate::render::testing::{any_answer, sample};
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use proptest::prelude::*;

    /// Reads a file back, value by value, with the parquet crate's own reader.
    fn read(bytes: Vec<u8>) -> (SchemaRef, Vec<Vec<Value>>) {
        let builder = ParquetRecordBatchReaderBuilder::try_new(parquet_bytes(bytes)).unwrap();
        let schema = Arc::clone(builder.schema());
        let mut rows = Vec::new();
        for batch in builder.build().unwrap() {
            let batch = batch.unwrap();
            for i in 0..batch.num_rows() {
                rows.push(batch.columns().iter().map(|c| value_at(c, i)).collect());
            }
        }
        (schema, rows)
    }

    fn parquet_bytes(bytes: Vec<u8>) -> std::fs::File {
        use std::io::{Seek, Write};
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    fn value_at(array: &ArrayRef, i: usize) -> Value {
        if array.is_null(i) {
            return Value::Null;
        }
        match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value(i).into(),
            DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(i)),
            DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(i)),
            DataType::Boolean => Value::Bool(array.as_boolean().value(i)),
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if zone.as_ref() == "UTC" => {
                Value::Time(Timestamp::from_micros(array.as_primitive::<TimestampMicrosecondType>().value(i)))
            }
            DataType::List(_) => {
                let items = array.as_list::<i32>().value(i);
                Value::List((0..items.len()).map(|k| value_at(&items, k)).collect())
            }
            other => panic!("unexpected type {other}"),
        }
    }

    #[test]
    fn types_follow_the_values_and_an_empty_column_is_text() {
        let (schema, rows) = read(file(&sample()).unwrap());
        let types: Vec<(&str, &DataType)> =
            schema.fields().iter().map(|f| (f.name().as_str(), f.data_type())).collect();
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        assert_eq!(
            types,
            [
                ("subject", &DataType::Utf8),
                ("via", &DataType::List(element())),
                ("valid_from", &time),
                ("valid_to", &DataType::Utf8),
                ("count", &DataType::Int64),
            ]
        );
        assert!(schema.fields().iter().all(|f| f.is_nullable()));
        assert_eq!(rows, sample().rows);
    }

    #[test]
    fn the_file_names_its_maker_and_carries_the_rest_of_the_answer() {
        let reader = SerializedFileReader::new(parquet_bytes(file(&sample()).unwrap())).unwrap();
        let meta = reader.metadata().file_metadata();
        assert_eq!(meta.created_by(), Some(concat!("kubesleuth ", env!("CARGO_PKG_VERSION"))));
        let kept = meta.key_value_metadata().unwrap().iter().find(|kv| kv.key == ANSWER_KEY).unwrap();
        let head: serde_json::Value = serde_json::from_str(kept.value.as_deref().unwrap()).unwrap();
        assert_eq!(head["basis"], "derived");
        assert_eq!(head["question"]["resource"], "secrets");
        assert_eq!(head["notes"][0], "the log does not cover 2026-11-23");
        assert_eq!(head.get("rows"), None);
    }

    #[test]
    fn no_rows_still_make_a_file_with_the_columns() {
        let (schema, rows) = read(file(&Answer { rows: vec![], ..sample() }).unwrap());
        assert_eq!(schema.fields().len(), 5);
        assert!(rows.is_empty());
    }

    #[test]
    fn a_column_of_several_types_is_text() {
        let rows = vec![vec![Value::Int(1)], vec!["x".into()], vec![Value::texts(["a,b"])], vec![Value::Null]];
        let (_, read) = read(file(&Answer { columns: vec![column("mixed")], rows, ..sample() }).unwrap());
        assert_eq!(read, [vec!["1".into()], vec!["x".into()], vec![r#"["a,b"]"#.into()], vec![Value::Null]]);
    }

    #[test]
    fn batches_are_cut_by_rows_and_by_bytes_and_never_empty() {
        let short = vec![vec![Value::Int(1)]; BATCH_ROWS + 10];
        assert_eq!(batch_len(&short), BATCH_ROWS);
        assert_eq!(batch_len(&short[..7]), 7);
        let long = vec![vec![Value::Text("x".repeat(BATCH_BYTES / 2))]; 3];
        assert_eq!(batch_len(&long), 2);
        assert_eq!(batch_len(&[vec![Value::Text("x".repeat(BATCH_BYTES + 1))]]), 1);
        let (_, rows) = read(file(&Answer { columns: vec![column("n")], rows: short.clone(), ..sample() }).unwrap());
        assert_eq!(rows, short);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_read_back_is_what_was_said(answer in any_answer()) {
            let (schema, rows) = read(file(&answer).unwrap());
            prop_assert_eq!(rows.len(), answer.rows.len());
            for (row, said) in rows.iter().zip(&answer.rows) {
                for ((got, value), field) in row.iter().zip(said).zip(schema.fields()) {
                    if value::is_missing(value) {
                        prop_assert_eq!(got, &Value::Null);
                    } else if field.data_type() == &DataType::Utf8 {
                        prop_assert_eq!(got, &Value::Text(value::exact(value).into_owned()));
                    } else {
                        // Debug text, because NaN is not equal to itself.
                        prop_assert_eq!(format!("{got:?}"), format!("{value:?}"));
                    }
                }
            }
        }
    }
}
