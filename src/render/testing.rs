//! What the renderers' tests share: one answer with known values, and answers full of hostile ones.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use proptest::collection::vec;
use proptest::prelude::*;

use crate::answer::{Answer, AnswerColumn, AsOf, Value, Verdict, column, wide};
use crate::model::basis::Basis;
use crate::model::time::{Interval, Timestamp};

use super::{Format, Style, escape, render};

/// Two rows, five columns, one of them wide.
pub(super) fn sample() -> Answer {
    let from = "2026-11-01".parse().unwrap();
    Answer {
        question: vec![("verb", "get".into()), ("resource", "secrets".into()), ("namespace", Value::Null)],
        as_of: AsOf::Moment("2026-11-24T00:41:20Z".parse().unwrap()),
        basis: Some(Basis::Derived),
        notes: vec!["the log does not cover 2026-11-23".to_owned()],
        columns: vec![column("subject"), wide("via"), column("valid_from"), column("valid_to"), column("count")],
        rows: vec![
            vec![
                "user alice".into(),
                Value::texts(["ClusterRoleBinding/a", "ClusterRole/b"]),
                Value::Time(from),
                Value::Null,
                Value::Int(3),
            ],
            vec![
                "group 管理者".into(),
                Value::List(vec![]),
                Value::bound(Timestamp::MIN),
                Value::bound(Timestamp::MAX),
                Value::Int(-1),
            ],
        ],
        verdict: Verdict::Yes,
    }
}

/// The rendered text, without style.
pub(super) fn rendered(answer: &Answer, format: Format) -> String {
    rendered_with(answer, format, &Style::default())
}

/// The rendered text.
pub(super) fn rendered_with(answer: &Answer, format: Format, style: &Style) -> String {
    let mut bytes = Vec::new();
    render(answer, format, style, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The inverse that the documentation of [`escape::csv_cell`] gives.
pub(super) fn undo_csv_cell(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if escape::csv_cell(rest) != rest => rest,
        _ => cell,
    }
}

/// Text of any characters, the troublesome ones often.
pub(super) fn hostile_text() -> impl Strategy<Value = String> {
    let odd: Vec<char> =
        "\0\t\n\r\u{1b}\u{7f}\u{85}\u{9b}\u{a0}\u{ad}\u{61c}\u{200b}\u{200d}\u{200e}\u{2028}\u{202e}\u{2069}\u{feff}\u{e0041}=+-@＝'\"\\,;<>&{} 管😀é"
            .chars()
            .collect();
    vec(prop_oneof![2 => prop::sample::select(odd), 1 => any::<char>(), 1 => prop::char::range(' ', '~')], 0..12)
        .prop_map(|chars| chars.into_iter().collect())
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => (-62_135_596_800_000_000_i64..253_402_300_799_999_999).prop_map(Timestamp::from_micros),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        hostile_text().prop_map(Value::Text),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        any::<bool>().prop_map(Value::Bool),
        any_time().prop_map(Value::Time),
        vec(prop_oneof![1 => Just(Value::Null), 4 => hostile_text().prop_map(Value::Text)], 0..4).prop_map(Value::List),
    ]
}

/// A value of the column's own type or none at all; the last column mixes all types.
fn any_row() -> impl Strategy<Value = Vec<Value>> {
    let or_null = |s: BoxedStrategy<Value>| prop_oneof![1 => Just(Value::Null), 3 => s];
    (
        or_null(hostile_text().prop_map(Value::Text).boxed()),
        or_null(any::<i64>().prop_map(Value::Int).boxed()),
        or_null(any::<f64>().prop_map(Value::Float).boxed()),
        or_null(any::<bool>().prop_map(Value::Bool).boxed()),
        or_null(any_time().prop_map(Value::Time).boxed()),
        or_null(vec(hostile_text(), 0..4).prop_map(Value::texts).boxed()),
        any_value(),
    )
        .prop_map(|(a, b, c, d, e, f, g)| vec![a, b, c, d, e, f, g])
}

/// The columns of [`any_answer`].
pub(super) fn columns() -> Vec<AnswerColumn> {
    vec![column("text"), column("int"), wide("real"), column("truth"), column("at"), wide("many"), column("mixed")]
}

/// An answer of one to five rows.
pub(super) fn any_answer() -> impl Strategy<Value = Answer> {
    let as_of = prop_oneof![
        Just(AsOf::Everything),
        any_time().prop_map(AsOf::Moment),
        (any_time(), any_time()).prop_map(|(from, to)| AsOf::Stretch(Interval::new(from, to))),
    ];
    (vec(any_row(), 1..6), vec(hostile_text(), 0..3), as_of, any::<bool>()).prop_map(|(rows, notes, as_of, based)| {
        let basis = based.then_some(Basis::Assumed);
        let question = vec![("name", rows[0][0].clone())];
        Answer { question, as_of, basis, notes, columns: columns(), rows, verdict: Verdict::Yes }
    })
}
