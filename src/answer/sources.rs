//! `sources`, `tables`, `sql`: what the case holds.

use polars::prelude::*;

use super::{Answer, AsOf, Value, Verdict, column, frame, wide};
use crate::case::{Case, CaseError};
use crate::tables;

/// Columns of `sources` shown in narrow tables.
const NARROW: [&str; 11] = [
    "source_id",
    "path",
    "format",
    "records",
    "rows",
    "duplicates",
    "rejects",
    "skipped",
    "first_time",
    "last_time",
    "warnings",
];

/// Every evidence file of the case, with its counts.
///
/// # Errors
/// When the table cannot be read.
pub fn sources(case: &Case, cluster: Option<&str>) -> Result<Answer, CaseError> {
    let data = case
        .table(&tables::sources::TABLE, cluster)?
        .with_column(col("source_id").str().len_bytes().alias("__length"))
        .sort(["cluster", "__length", "source_id"], SortMultipleOptions::default())
        .drop(["__length"])
        .collect()
        .map_err(|e| crate::case::read::damaged(&tables::sources::TABLE, &e))?;
    let mut answer = frame::answer(vec![("cluster", Value::text(cluster))], &data);
    for column in &mut answer.columns {
        column.narrow = NARROW.contains(&&*column.name);
    }
    Ok(answer)
}

/// Every table of the case with its columns and rows.
///
/// # Errors
/// When a table cannot be read.
pub fn tables(case: &Case) -> Result<Answer, CaseError> {
    let mut rows = Vec::new();
    for table in tables::ALL {
        let count = case
            .table(table, None)?
            .select([len().cast(DataType::Int64).alias("n")])
            .collect()
            .and_then(|d| d.column("n")?.i64().map(|c| c.get(0).unwrap_or(0)))
            .map_err(|e| crate::case::read::damaged(table, &e))?;
        rows.push(vec![
            table.name.into(),
            Value::Int(count),
            Value::Int(i64::try_from(case.files(table, None)?.len()).unwrap_or(i64::MAX)),
            table.doc.into(),
            Value::texts(table.columns.iter().map(|c| c.name)),
        ]);
    }
    Ok(Answer {
        question: Vec::new(),
        as_of: AsOf::Everything,
        basis: None,
        notes: Vec::new(),
        columns: vec![column("table"), column("rows"), column("files"), column("a_row_is"), wide("columns")],
        rows,
        verdict: Verdict::Yes,
    })
}

/// The rows of a SQL query over one cluster, or over all of a case.
///
/// # Errors
/// When the query is wrong, or a table cannot be read.
pub fn sql(case: &Case, cluster: Option<&str>, query: &str) -> Result<Answer, CaseError> {
    Ok(frame::answer(vec![("sql", query.into())], &case.sql(query, cluster)?))
}
