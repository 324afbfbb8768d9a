//! `query`: the questions of the folder `queries/`, each one file of plain SQL with a header.
//!
//! The files run unchanged in polars (here), DuckDB and Spark. So they hold no template language: a parameter is an
//! ordinary literal with a marking comment before it, `/*:user*/ '%'`, and stands for its default until another value
//! is put in its place ([`bind`]). Traded for it: only literals can be parameters, not names of tables or columns.

pub mod bind;
pub mod header;
pub mod reference;
pub mod shipped;

use crate::case::{Case, CaseError};
use crate::model::time::{Interval, Timestamp};

use super::{Answer, AsOf, Value, Verdict, column, frame, wide};

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, compared letter by letter.
    Text,
    /// Text for LIKE: `%` stands for any text, `_` for any character.
    Pattern,
    /// A moment.
    Time,
    /// A whole number.
    Integer,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Text, Self::Pattern, Self::Time, Self::Integer];

    /// The word in headers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Pattern => "pattern",
            Self::Time => "time",
            Self::Integer => "integer",
        }
    }
}

/// A parameter, as the header describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub kind: Kind,
    /// Whether it must be given; the literal in the file is then an example.
    pub required: bool,
    /// What it means.
    pub doc: String,
    /// The value in the file.
    pub default: String,
}

/// A column of the result, as the header describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDoc {
    /// Its name.
    pub name: String,
    /// Left out of narrow tables.
    pub wide: bool,
    /// What it means.
    pub doc: String,
}

/// One file of SQL with its header taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The file's name without `.sql`.
    pub name: String,
    /// The question, in a few words.
    pub title: String,
    /// What the rows are.
    pub shows: String,
    /// What they cannot show, or not prove.
    pub limits: String,
    /// ATT&CK techniques of the Containers matrix, as `T1609 Container Administration Command`; empty where none fits.
    pub attack: Vec<String>,
    /// The parameters, in the order of the header.
    pub parameters: Vec<Parameter>,
    /// The columns, in the order of the result.
    pub columns: Vec<ColumnDoc>,
    /// The whole file.
    pub sql: String,
}

/// What can be wrong with a query, or with how it is asked.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// There is none of this name.
    #[error("no query `{name}`{}: `kubesleuth query` lists them; a file of your own ends in .sql", shipped::meant(.near))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Names that look like it.
        near: Vec<String>,
    },
    /// The query has no such parameter.
    #[error("query `{query}` has no parameter `{name}`{}: {}", shipped::meant(.near), taken(.have))]
    UnknownParameter {
        /// The query.
        query: String,
        /// What was given.
        name: String,
        /// Names that look like it.
        near: Vec<String>,
        /// The names there are.
        have: Vec<String>,
    },
    /// A required parameter is missing.
    #[error("query `{query}` needs --param {name}={}: {doc}", .kind.word().to_uppercase())]
    MissingParameter {
        /// The query.
        query: String,
        /// The parameter.
        name: String,
        /// What it takes.
        kind: Kind,
        /// What it means.
        doc: String,
    },
    /// A parameter was given twice.
    #[error("parameter `{0}` is given twice: give it once")]
    Twice(String),
    /// A value does not fit.
    #[error("parameter `{name}`: expected {expected}, found `{found}`")]
    Value {
        /// The parameter.
        name: String,
        /// What it takes.
        expected: &'static str,
        /// What was given.
        found: String,
    },
    /// The file is wrong.
    #[error("query `{query}`, line {line}: {what}")]
    File {
        /// The query.
        query: String,
        /// The line, from 1.
        line: usize,
        /// What was expected and what was found.
        what: String,
    },
    /// The case cannot be read, or the SQL is wrong.
    #[error(transparent)]
    Case(#[from] CaseError),
}

fn taken(have: &[String]) -> String {
    if have.is_empty() { "it takes none".to_owned() } else { format!("it takes {}", have.join(", ")) }
}

/// Runs a query over one cluster, or over all of a case.
///
/// # Errors
/// When a parameter is unknown, missing or does not fit, when the SQL is wrong, or when a table cannot be read.
pub fn answer(
    case: &Case,
    cluster: Option<&str>,
    query: &Query,
    values: &[(String, String)],
) -> Result<Answer, QueryError> {
    let sql = bind::bound(query, values)?;
    let mut question = vec![("query", Value::from(query.name.as_str()))];
    if !values.is_empty() {
        question.push(("parameters", Value::texts(values.iter().map(|(name, value)| format!("{name}={value}")))));
    }
    if let Some(cluster) = cluster {
        question.push(("cluster", cluster.into()));
    }
    let mut answer = frame::answer(question, &case.sql(&sql, cluster)?);
    answer.as_of = stretch(query, values);
    for column in &mut answer.columns {
        column.narrow = !query.columns.iter().any(|c| c.wide && c.name == column.name);
    }
    if !query.limits.is_empty() {
        answer.notes.push(format!("limits: {}", query.limits));
    }
    Ok(answer)
}

/// The stretch of time asked about, where the query takes one and an end was given.
fn stretch(query: &Query, values: &[(String, String)]) -> AsOf {
    let end = |name: &str| -> Option<Timestamp> {
        let known = query.parameters.iter().any(|p| p.name == name && p.kind == Kind::Time);
        values.iter().find(|(n, _)| known && n == name).and_then(|(_, v)| v.parse().ok())
    };
    match (end("from"), end("to")) {
        (None, None) => AsOf::Everything,
        (from, to) => AsOf::Stretch(Interval::new(from.unwrap_or(Timestamp::MIN), to.unwrap_or(Timestamp::MAX))),
    }
}

/// Every query that comes with the program.
///
/// # Errors
/// Never with the files as they are; a test reads them all.
pub fn list() -> Result<Answer, QueryError> {
    let mut rows = Vec::new();
    for query in shipped::all()? {
        rows.push(vec![
            query.name.into(),
            query.title.into(),
            Value::texts(query.attack.iter().map(|t| t.split(' ').next().unwrap_or_default().to_owned())),
            Value::texts(query.parameters.iter().map(|p| p.name.clone())),
            query.shows.into(),
            query.limits.into(),
        ]);
    }
    Ok(Answer {
        question: Vec::new(),
        as_of: AsOf::Everything,
        basis: None,
        notes: vec!["`kubesleuth query NAME --describe` tells more of one".to_owned()],
        columns: vec![
            column("query"),
            column("title"),
            column("attack"),
            column("parameters"),
            wide("shows"),
            wide("limits"),
        ],
        rows,
        verdict: Verdict::Yes,
    })
}
