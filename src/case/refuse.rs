//! SQL that polars 0.46 answers wrongly without a word, or not at all, is refused, with words that work.
//!
//! - `HAVING COUNT(*) > 1` is filtered after the groups were counted, and then counts the groups: as a rule, nothing is
//!   found. Every other filter on an aggregation would be as wrong.
//! - `TIMESTAMP '…'` has no time zone in polars, the times of a case have UTC; comparing the two skips whole files.
//! - ORDER BY several columns of which one holds lists ends the program.
//!
//! All are seen in the plan, so that subqueries are looked through as well.

use polars::prelude::*;

use super::CaseError;

/// Looks through a plan.
///
/// # Errors
/// When something of it would be answered wrongly.
pub(super) fn refuse(plan: &DslPlan) -> Result<(), CaseError> {
    let (expressions, inputs) = parts(plan);
    if let DslPlan::Filter { predicate, .. } = plan
        && predicate.into_iter().any(|e| matches!(e, Expr::Len | Expr::Agg(_)))
    {
        return Err(CaseError::Query(
            "HAVING cannot aggregate: name the aggregation in a subquery and filter outside, as in \
             SELECT * FROM (SELECT verb, COUNT(*) AS n FROM events GROUP BY verb) AS x WHERE n > 1"
                .to_owned(),
        ));
    }
    if expressions.iter().any(|e| e.into_iter().any(is_naive_literal)) {
        return Err(CaseError::Query(
            "TIMESTAMP '…' has no time zone, and times of a case are UTC: compare a time with a text, as in \
             stage_timestamp >= '2026-11-24 00:41:00'"
                .to_owned(),
        ));
    }
    if let DslPlan::Sort { input, by_column, .. } = plan
        && let Some(name) = list_among(by_column, input)
    {
        return Err(CaseError::Query(format!("ORDER BY: `{name}` holds lists, which have no order; leave it out")));
    }
    inputs.into_iter().try_for_each(refuse)
}

/// The first column of lists, where there are several to sort by.
fn list_among(by: &[Expr], input: &DslPlan) -> Option<PlSmallStr> {
    if by.len() < 2 {
        return None;
    }
    // A plan without a schema fails by itself when it runs.
    let schema = LazyFrame::from(input.clone()).collect_schema().ok()?;
    let is_list = |name: &PlSmallStr| matches!(schema.get(name), Some(DataType::List(_)));
    by.iter().find_map(|e| match e {
        Expr::Column(name) if is_list(name) => Some(name.clone()),
        _ => None,
    })
}

/// A text made a time without a zone.
fn is_naive_literal(expr: &Expr) -> bool {
    let Expr::Function { input, function: FunctionExpr::StringExpr(StringFunction::Strptime(kind, _)), .. } = expr
    else {
        return false;
    };
    matches!(kind, DataType::Datetime(_, None)) && matches!(input.first(), Some(Expr::Literal(_)))
}

/// The expressions of a step that SQL can write, and the steps before it.
fn parts(plan: &DslPlan) -> (Vec<&Expr>, Vec<&DslPlan>) {
    match plan {
        DslPlan::Filter { input, predicate } => (vec![predicate], vec![input]),
        DslPlan::Select { expr, input, .. } => (expr.iter().collect(), vec![input]),
        DslPlan::HStack { exprs, input, .. } => (exprs.iter().collect(), vec![input]),
        DslPlan::GroupBy { input, keys, aggs, .. } => (keys.iter().chain(aggs).collect(), vec![input]),
        DslPlan::Join { input_left, input_right, .. } => (Vec::new(), vec![input_left, input_right]),
        DslPlan::Sort { input, by_column, .. } => (by_column.iter().collect(), vec![input]),
        DslPlan::Cache { input, .. }
        | DslPlan::Distinct { input, .. }
        | DslPlan::Slice { input, .. }
        | DslPlan::MapFunction { input, .. } => (Vec::new(), vec![input]),
        DslPlan::Union { inputs, .. } | DslPlan::HConcat { inputs, .. } => (Vec::new(), inputs.iter().collect()),
        DslPlan::IR { dsl, .. } => (Vec::new(), vec![dsl]),
        _ => (Vec::new(), Vec::new()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use polars::sql::SQLContext;

    fn said(query: &str) -> Option<String> {
        let times = Column::new("t".into(), [1_i64, 2])
            .cast(&DataType::Datetime(TimeUnit::Microseconds, Some("UTC".into())))
            .unwrap();
        let lists = Column::new("l".into(), [Series::new("".into(), ["p"]), Series::new("".into(), ["q"])]);
        let frame = DataFrame::new(vec![Column::new("a".into(), ["x", "y"]), times, lists]).unwrap();
        let mut context = SQLContext::new();
        context.register("e", frame.lazy());
        refuse(&context.execute(query).unwrap().logical_plan).err().map(|e| e.to_string())
    }

    #[test]
    fn what_would_be_wrong_is_refused() {
        for (query, word) in [
            ("SELECT a, COUNT(*) AS n FROM e GROUP BY a HAVING COUNT(*) > 1", "HAVING"),
            ("SELECT a FROM e GROUP BY a HAVING MAX(t) > '2026-01-01' ORDER BY a", "HAVING"),
            ("SELECT * FROM (SELECT a, SUM(1) AS n FROM e GROUP BY a HAVING SUM(1) > 1) AS x", "HAVING"),
            ("SELECT a FROM e WHERE t >= TIMESTAMP '2026-01-01 00:00:00'", "TIMESTAMP"),
            ("SELECT CASE WHEN t < TIMESTAMP '2026-01-01 00:00:00' THEN 1 ELSE 0 END AS b FROM e", "TIMESTAMP"),
            ("WITH x AS (SELECT a FROM e WHERE t = TIMESTAMP '2026-01-01 00:00:00') SELECT * FROM x", "TIMESTAMP"),
            ("SELECT a FROM e UNION ALL SELECT a FROM e WHERE t > TIMESTAMP '2026-01-01 00:00:00'", "TIMESTAMP"),
            ("SELECT a, l FROM e ORDER BY a, l", "`l` holds lists"),
            (
                "WITH x AS (SELECT l, COUNT(*) AS n FROM e GROUP BY l) SELECT * FROM x ORDER BY n, l DESC",
                "`l` holds lists",
            ),
        ] {
            let told = said(query).unwrap_or_else(|| panic!("{query}"));
            assert!(told.contains(word), "{query}: {told}");
        }
    }

    #[test]
    fn what_is_right_is_not() {
        for query in [
            "SELECT a, COUNT(*) AS n FROM e GROUP BY a HAVING n > 1",
            "SELECT * FROM (SELECT a, COUNT(*) AS n FROM e GROUP BY a) AS x WHERE n > 1 ORDER BY n",
            "SELECT a FROM e WHERE t >= '2026-01-01 00:00:00' AND t BETWEEN '2026-01-01' AND '2026-01-02'",
            "SELECT COUNT(*) AS n, MAX(t) AS t FROM e WHERE a LIKE 'x%'",
            "SELECT a FROM e WHERE a IN (SELECT MAX(a) AS m FROM e)",
            "SELECT a, l FROM e ORDER BY a, t",
            "SELECT l FROM e ORDER BY l",
        ] {
            assert_eq!(said(query), None, "{query}");
        }
    }
}
