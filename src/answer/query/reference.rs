//! The reference of all queries, as `docs/queries.md` holds it: made from the headers.

use std::fmt::Write as _;

use super::{Query, QueryError, shipped};

const INTRODUCTION: &str = "\
# Queries

Questions to a case in plain SQL: one file each in `queries/`, all of them also inside the program.

    kubesleuth query                                          # what there is
    kubesleuth query secret-reads --describe                  # what it shows, what it cannot, parameters, columns
    kubesleuth query secret-reads --param namespace=payments  # ask
    kubesleuth query mine.sql -o csv                          # a file of your own
    kubesleuth query secret-reads --show-sql                  # the text, with the parameters put in

`-o`, `--case` and `--cluster` are those of every subcommand; without `--cluster` a query answers for all clusters of the
case. Exit codes: 0 rows, 1 none, 2 wrong usage. Narrow tables leave out the columns marked `wide`. A request is counted
once, however many of its stages were logged: a request is what has the same audit ID, server, time of receipt, user,
verb, URI and addresses, because a client may choose its audit ID. Time is UTC.

## The same files in DuckDB and Spark

The files run as they are wherever the tables of a case are views of their Parquet folders; CI runs every query with
polars (the program), DuckDB and Spark, and compares all rows and all tables (`tests/engines/compare.py`).

DuckDB: `SET TimeZone = 'UTC'`, then for each table

    CREATE VIEW events AS SELECT * FROM read_parquet('CASE/events/**/*.parquet', hive_partitioning = true,
      hive_types = {'cluster': VARCHAR, 'date': DATE}, union_by_name = true);

(`date` only for `events`). Spark, with Java 17: set `spark.sql.session.timeZone` to `UTC` and
`spark.sql.sources.partitionColumnTypeInference.enabled` to `false`, so that a cluster called `007` stays text, then
`spark.read.parquet(\"CASE/events\").createOrReplaceTempView(\"events\")`, with `date` cast to a date.

## Parameters

A parameter is a literal with a marking comment before it, so that the file is plain SQL and the literal is its default:

    WHERE user_username LIKE /*:user*/ '%'

To give it another value, replace the literal after each of its markers. `kubesleuth query` and the comparing script do
it by the same rules, under which no value can leave its literal:

| kind | value | literal |
|---|---|---|
| `text` | any text, compared letter by letter | in single quotes, each quote doubled |
| `pattern` | text for LIKE: `%` stands for any text, `_` for any character | the same |
| `time` | RFC 3339 or `YYYY-MM-DD[ HH:MM[:SS]]`, UTC | `'YYYY-MM-DD HH:MM:SS[.ffffff]'` |
| `integer` | a whole number of 64 bits | its digits |

Spark alone reads a backslash as an escape: there, double each one in `text`, and write it fourfold in a `pattern`.

The header of a file is comments: `title`, `shows`, `limits`, `attack` (technique of the ATT&CK Containers matrix, or
`none`), then `parameter: NAME KIND [required] | meaning` and `column: NAME [wide] | meaning`. An entry goes on in lines
that are indented by four more spaces. A file of your own needs a header only for its parameters.

## SQL that all three read alike

What differs from engine to engine is silent where it hurts, so queries for all of them keep to this:

- Times are compared with texts, `stage_timestamp >= '2026-11-24 00:41:00'`, on a plain column. The program refuses
  `TIMESTAMP '…'`, which polars would not compare with an instant.
- No HAVING: count in a CTE and filter outside (the program refuses HAVING with an aggregation). No ORDER BY after UNION
  ALL: put the union into a CTE (polars sorts each part by itself).
- Every ORDER BY is total and says NULLS FIRST or NULLS LAST; no lists in it. `cluster` comes first in ORDER BY, GROUP BY
  and SELECT (elsewhere polars reads CLUSTER BY); GROUP BY names columns, no expressions; joins are equalities of
  qualified columns.
- Literal search in text: `REPLACE(body, 'x', '') <> body` or LIKE. POSITION and STRPOS
  read a regular expression in polars, so only plain words are safe there.
- In lists: `array_contains`. Lists can be grouped and counted by, but not indexed, measured or taken apart alike.
- `CAST(x AS STRING)`, `CAST(t AS DATE)`, `EXTRACT(HOUR FROM t)`, `CONCAT`, `COALESCE`, `CASE`, `COUNT(DISTINCT x)`,
  `IS NOT DISTINCT FROM` are the same. `offset` must be qualified (`e.offset`).
";

/// The whole reference.
///
/// # Errors
/// Never with the files as they are; a test reads them all.
pub fn reference() -> Result<String, QueryError> {
    let mut text = String::from(INTRODUCTION);
    let queries = shipped::all()?;
    text.push_str("\n## The queries\n\nThis part is made from the headers (`kubesleuth query --reference`); a test holds the two together.\n\n");
    text.push_str("| query | question | ATT&CK |\n|---|---|---|\n");
    for q in &queries {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| [`{0}`](#{0}) | {1} | {2} |", q.name, q.title, q.attack.join(", "));
    }
    for query in &queries {
        section(query, &mut text);
    }
    Ok(text)
}

fn section(query: &Query, text: &mut String) {
    let _ = writeln!(text, "\n### {}\n\n**{}.** {}\n\nLimits: {}", query.name, query.title, query.shows, query.limits);
    if !query.parameters.is_empty() {
        text.push_str("\n| parameter | kind | default | meaning |\n|---|---|---|---|\n");
        for p in &query.parameters {
            let default = if p.required { "required".to_owned() } else { format!("`{}`", p.default) };
            let _ = writeln!(text, "| `{}` | {} | {default} | {} |", p.name, p.kind.word(), cell(&p.doc));
        }
    }
    text.push_str("\n| column | meaning |\n|---|---|\n");
    for c in &query.columns {
        let wide = if c.wide { " (wide)" } else { "" };
        let _ = writeln!(text, "| `{}`{wide} | {} |", c.name, cell(&c.doc));
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
