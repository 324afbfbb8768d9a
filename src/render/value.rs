//! Values as text, in the two ways that the renderers share: exact, for files, and visible, for eyes.

use std::borrow::Cow;

use crate::answer::Value;
use crate::model::time::Timestamp;

use super::{escape, json};

/// Whether a value is missing; an open end of time counts as missing.
pub(super) fn is_missing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Time(Timestamp::MIN | Timestamp::MAX))
}

/// The value exactly as it is: missing is empty, a list is a JSON array (its values may hold any separator).
pub(super) fn exact(value: &Value) -> Cow<'_, str> {
    match value {
        missing if is_missing(missing) => Cow::Borrowed(""),
        Value::Null => Cow::Borrowed(""),
        Value::Text(text) => Cow::Borrowed(text),
        Value::Int(number) => Cow::Owned(number.to_string()),
        // `{:?}` is the shortest text that reads back as the same number, also for very large ones.
        Value::Float(number) => Cow::Owned(format!("{number:?}")),
        Value::Bool(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
        Value::Time(time) => Cow::Owned(time.to_string()),
        Value::List(_) => Cow::Owned(json::compact(value)),
    }
}

/// The value for a reader at a terminal. Missing is `-`, an empty text `""`, an empty list `[]`: the three
/// say different things and none leaves a hole in the line.
pub(super) fn visible(value: &Value) -> Cow<'_, str> {
    match value {
        missing if is_missing(missing) => Cow::Borrowed("-"),
        Value::Text(text) if text.is_empty() => Cow::Borrowed("\"\""),
        Value::Text(text) => escape::terminal(text),
        Value::List(values) if values.is_empty() => Cow::Borrowed("[]"),
        Value::List(values) => Cow::Owned(values.iter().map(visible).collect::<Vec<_>>().join(",")),
        other => exact(other),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_value_has_one_exact_and_one_visible_text() {
        let time = "2026-11-24T00:41:20.5Z".parse().unwrap();
        for (value, file, eye) in [
            (Value::Null, "", "-"),
            (Value::Time(Timestamp::MIN), "", "-"),
            (Value::Time(Timestamp::MAX), "", "-"),
            (Value::from(""), "", "\"\""),
            (Value::from("a\u{1b}b"), "a\u{1b}b", r"a\x1bb"),
            (Value::Int(i64::MIN), "-9223372036854775808", "-9223372036854775808"),
            (Value::Float(1e300), "1e300", "1e300"),
            (Value::Float(0.1), "0.1", "0.1"),
            (Value::Float(2.0), "2.0", "2.0"),
            (Value::Float(f64::NAN), "NaN", "NaN"),
            (Value::Bool(true), "true", "true"),
            (Value::Time(time), "2026-11-24T00:41:20.500Z", "2026-11-24T00:41:20.500Z"),
            (Value::List(vec![]), "[]", "[]"),
            (Value::texts(["get", "list"]), r#"["get","list"]"#, "get,list"),
            (Value::texts(["", "a,b", "\n"]), r#"["","a,b","\n"]"#, r#""",a,b,\n"#),
            (Value::List(vec![Value::Null, Value::Int(1)]), "[null,1]", "-,1"),
        ] {
            assert_eq!(exact(&value), file, "{value:?}");
            assert_eq!(visible(&value), eye, "{value:?}");
        }
    }
}
