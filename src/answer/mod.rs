//! Answers to questions. One file for each question; every answer is rows with typed columns, the
//! question as it was understood, and what it rests on. Renderers turn answers into text.

pub mod can;
mod changes;
pub mod check;
pub mod coverage;
pub mod diff;
pub mod findings;
pub mod frame;
pub mod history;
mod json_changes;
mod known;
pub mod load;
pub mod matrix;
mod net_grants;
pub mod query;
pub mod question;
pub mod reviews;
pub mod rights;
pub mod show;
pub mod sources;
pub mod steps;
pub mod subject;
pub mod suggest;
pub mod unused;
pub mod uses;
pub mod versions;
pub mod who_can;
pub mod who_did;
mod words;

use std::borrow::Cow;

use crate::model::basis::Basis;
use crate::model::time::{Interval, Timestamp};

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Missing.
    Null,
    /// Text, as the evidence has it; renderers escape.
    Text(String),
    /// Number.
    Int(i64),
    /// Real number (SQL only).
    Float(f64),
    /// true or false.
    Bool(bool),
    /// Instant.
    Time(Timestamp),
    /// Several values.
    List(Vec<Value>),
}

impl Value {
    /// Text, or missing.
    pub fn text(value: Option<impl Into<String>>) -> Self {
        value.map_or(Self::Null, |v| Self::Text(v.into()))
    }

    /// An instant; the open ends of time are missing.
    pub fn bound(value: Timestamp) -> Self {
        if value == Timestamp::MIN || value == Timestamp::MAX { Self::Null } else { Self::Time(value) }
    }

    /// Several texts.
    pub fn texts<T: ToString>(values: impl IntoIterator<Item = T>) -> Self {
        Self::List(values.into_iter().map(|v| Self::Text(v.to_string())).collect())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerColumn {
    /// Its name, in snake case: the key in JSON and CSV; tables show it in capitals.
    pub name: Cow<'static, str>,
    /// Shown by `-o table`; the others only by `wide` and the machine formats.
    pub narrow: bool,
}

/// What moment or stretch an answer speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// One moment.
    Moment(Timestamp),
    /// A stretch of time.
    Stretch(Interval),
    /// All that the evidence covers.
    Everything,
}

/// Whether a question was answered: decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Found, or yes.
    Yes,
    /// None, or no.
    No,
    /// The evidence cannot tell.
    Unknown,
}

/// An answer, ready to be rendered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The question as understood, key by key, in order.
    pub question: Vec<(&'static str, Value)>,
    /// What time it speaks of.
    pub as_of: AsOf,
    /// What it rests on; `None` where a basis has no meaning (events, sources).
    pub basis: Option<Basis>,
    /// What a reader must know: assumptions, coverage, what was added to the question.
    pub notes: Vec<String>,
    /// The columns.
    pub columns: Vec<AnswerColumn>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
    /// Found, none, or cannot tell.
    pub verdict: Verdict,
}

/// A column of every output.
pub const fn column(name: &'static str) -> AnswerColumn {
    AnswerColumn { name: Cow::Borrowed(name), narrow: true }
}

/// A column left out of narrow tables.
pub const fn wide(name: &'static str) -> AnswerColumn {
    AnswerColumn { name: Cow::Borrowed(name), narrow: false }
}
