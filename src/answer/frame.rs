//! Rows of a polars DataFrame as an answer: for SQL and for tables shown as they are.

use std::borrow::Cow;

use polars::prelude::*;

use super::{Answer, AnswerColumn, AsOf, Value, Verdict};
use crate::model::time::Timestamp;

/// The rows of a frame, all columns shown.
pub fn answer(question: Vec<(&'static str, Value)>, data: &DataFrame) -> Answer {
    let columns: Vec<AnswerColumn> = data
        .get_column_names()
        .iter()
        .map(|n| AnswerColumn { name: Cow::Owned(n.to_string()), narrow: true })
        .collect();
    let series: Vec<&Series> = data.get_columns().iter().map(Column::as_materialized_series).collect();
    let rows: Vec<Vec<Value>> = (0..data.height())
        .map(|row| series.iter().map(|s| s.get(row).map_or(Value::Null, |v| value(&v))).collect())
        .collect();
    let verdict = if rows.is_empty() { Verdict::No } else { Verdict::Yes };
    Answer { question, as_of: AsOf::Everything, basis: None, notes: Vec::new(), columns, rows, verdict }
}

fn value(any: &AnyValue<'_>) -> Value {
    match any {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(b) => Value::Bool(*b),
        AnyValue::String(s) => Value::from(*s),
        AnyValue::StringOwned(s) => Value::from(s.as_str()),
        AnyValue::Float32(f) => Value::Float(f64::from(*f)),
        AnyValue::Float64(f) => Value::Float(*f),
        AnyValue::Datetime(t, unit, _) => Value::Time(instant(*t, *unit)),
        AnyValue::DatetimeOwned(t, unit, _) => Value::Time(instant(*t, *unit)),
        AnyValue::Date(days) => Value::from(Timestamp::from_micros(i64::from(*days) * 86_400_000_000).date()),
        AnyValue::List(items) => Value::List(items.iter().map(|v| value(&v)).collect()),
        other => match other.extract::<i64>() {
            Some(n) => Value::Int(n),
            None => Value::from(other.to_string()),
        },
    }
}

fn instant(t: i64, unit: TimeUnit) -> Timestamp {
    Timestamp::from_micros(match unit {
        TimeUnit::Nanoseconds => t.div_euclid(1000),
        TimeUnit::Microseconds => t,
        TimeUnit::Milliseconds => t.saturating_mul(1000),
    })
}
