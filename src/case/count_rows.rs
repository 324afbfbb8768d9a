//! `SELECT COUNT(*) FROM t`, as SQL has it: one row.
//!
//! polars takes a projection that names no column for a literal and repeats it for every row of `t`; a count of no rows
//! then vanishes altogether. With ORDER BY it repeats any aggregation. And it answers several counts under UNION ALL
//! with their sum. The plans it makes of these are unmistakable, so they are put right there: without parsing SQL a
//! second time, and inside subqueries as well.

use std::sync::Arc;

use polars::prelude::*;

/// The plan with every such count made an aggregation.
pub(super) fn count_once(mut frame: LazyFrame) -> LazyFrame {
    frame.logical_plan = put_right(frame.logical_plan);
    frame
}

fn put_right(plan: DslPlan) -> DslPlan {
    match plan {
        DslPlan::Select { expr, input, options } => {
            DslPlan::Select { expr, input: Arc::new(select_of(child(&input))), options }
        }
        DslPlan::Filter { input, predicate } => DslPlan::Filter { input: below(&input), predicate },
        DslPlan::Cache { input, id } => DslPlan::Cache { input: below(&input), id },
        DslPlan::GroupBy { input, keys, aggs, maintain_order, options, apply } => {
            DslPlan::GroupBy { input: below(&input), keys, aggs, maintain_order, options, apply }
        }
        DslPlan::Join { input_left, input_right, left_on, right_on, predicates, options } => {
            let (input_left, input_right) = (below(&input_left), below(&input_right));
            DslPlan::Join { input_left, input_right, left_on, right_on, predicates, options }
        }
        DslPlan::HStack { input, exprs, options } => DslPlan::HStack { input: below(&input), exprs, options },
        DslPlan::Distinct { input, options } => DslPlan::Distinct { input: below(&input), options },
        DslPlan::Sort { input, by_column, slice, sort_options } => {
            DslPlan::Sort { input: below(&input), by_column, slice, sort_options }
        }
        DslPlan::Slice { input, offset, len } => DslPlan::Slice { input: below(&input), offset, len },
        DslPlan::MapFunction { input, function } => DslPlan::MapFunction { input: below(&input), function },
        DslPlan::Union { inputs, args } => {
            DslPlan::Union { inputs: inputs.into_iter().map(|input| plainly_counted(put_right(input))).collect(), args }
        }
        DslPlan::HConcat { inputs, options } => {
            DslPlan::HConcat { inputs: inputs.into_iter().map(put_right).collect(), options }
        }
        // What polars converted on the way to learn a schema; made again from what it was converted from.
        DslPlan::IR { dsl, .. } => put_right(child(&dsl)),
        other => other,
    }
}

fn child(plan: &Arc<DslPlan>) -> DslPlan {
    plan.as_ref().clone()
}

fn below(plan: &Arc<DslPlan>) -> Arc<DslPlan> {
    Arc::new(put_right(child(plan)))
}

/// What lies under a projection: when all columns added there are aggregations, they are the whole answer.
fn select_of(plan: DslPlan) -> DslPlan {
    match plan {
        DslPlan::HStack { input, exprs, options }
            if exprs.iter().any(aggregates) && !exprs.iter().any(varies_by_row) =>
        {
            DslPlan::Select { expr: exprs, input: below(&input), options }
        }
        DslPlan::Sort { input, by_column, slice, sort_options } => {
            DslPlan::Sort { input: Arc::new(select_of(child(&input))), by_column, slice, sort_options }
        }
        DslPlan::IR { dsl, .. } => select_of(child(&dsl)),
        other => put_right(other),
    }
}

/// A count that polars' shortcut for counts does not see: under a union it would take the sum for the answer.
fn plainly_counted(plan: DslPlan) -> DslPlan {
    match plan {
        DslPlan::Select { expr, input, options } => {
            let expr = expr.into_iter().map(|e| match e {
                Expr::Len => Expr::Len + lit(0),
                Expr::Alias(inner, name) if matches!(*inner, Expr::Len) => (Expr::Len + lit(0)).alias(name),
                other => other,
            });
            DslPlan::Select { expr: expr.collect(), input: Arc::new(plainly_counted(child(&input))), options }
        }
        other => other,
    }
}

fn aggregates(expr: &Expr) -> bool {
    expr.into_iter().any(|e| matches!(e, Expr::Len | Expr::Agg(_)))
}

/// Whether an expression may have another value for each row. What is not known to be one value may.
fn varies_by_row(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_) | Expr::Len | Expr::Agg(_) => false,
        Expr::Alias(inner, _) | Expr::Cast { expr: inner, .. } => varies_by_row(inner),
        Expr::BinaryExpr { left, right, .. } => varies_by_row(left) || varies_by_row(right),
        Expr::Ternary { predicate, truthy, falsy } => [predicate, truthy, falsy].into_iter().any(|e| varies_by_row(e)),
        Expr::Function { function: FunctionExpr::NullCount, .. } => false,
        Expr::Function { input, .. } => input.iter().any(varies_by_row),
        _ => true,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use polars::sql::SQLContext;

    /// The answer to a query over `t`, a file of three rows, and `none`, one of no rows.
    fn ask(query: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let mut context = SQLContext::new();
        for (name, rows) in [("t", vec![3, 1, 2]), ("none", vec![])] {
            let path = dir.path().join(name);
            let mut frame = DataFrame::new(vec![Column::new("a".into(), rows)]).unwrap();
            ParquetWriter::new(std::fs::File::create(&path).unwrap()).finish(&mut frame).unwrap();
            let args = ScanArgsParquet { glob: false, ..Default::default() };
            context.register(name, LazyFrame::scan_parquet_files(vec![path].into(), args).unwrap());
        }
        let rows = count_once(context.execute(query).unwrap()).collect().unwrap();
        let rows: Vec<String> = (0..rows.height())
            .map(|row| rows.get(row).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
            .collect();
        rows.join("; ")
    }

    #[test]
    fn aggregations_without_a_group_give_one_row() {
        for (query, rows) in [
            ("SELECT COUNT(*) FROM t", "3"),
            ("SELECT COUNT(*) FROM none", "0"),
            ("SELECT COUNT(*) FROM t WHERE a > 9", "0"),
            ("SELECT COUNT(*) AS n, 'x' AS x FROM t WHERE a > 1", "2,\"x\""),
            ("SELECT COUNT(*) * 2 + 1 AS n FROM t", "7"),
            ("SELECT COUNT(*) AS n FROM t ORDER BY n", "3"),
            ("SELECT MAX(a) AS n FROM t ORDER BY n DESC LIMIT 2", "3"),
            ("SELECT COUNT(DISTINCT a) AS n FROM t ORDER BY n", "3"),
            ("SELECT COUNT(*) AS n FROM t LIMIT 2", "3"),
            ("WITH c AS (SELECT COUNT(*) AS n FROM t) SELECT n, n + 1 AS m FROM c", "3,4"),
            ("SELECT n FROM (SELECT COUNT(*) AS n FROM none) AS x", "0"),
            (
                "SELECT x.n, y.m FROM (SELECT COUNT(*) AS n FROM t) AS x CROSS JOIN (SELECT MAX(a) AS m FROM t) AS y",
                "3,3",
            ),
            ("SELECT COUNT(*) AS n FROM t UNION ALL SELECT COUNT(*) AS n FROM none", "3; 0"),
            ("SELECT COUNT(*) FROM t UNION ALL SELECT COUNT(*) FROM t", "3; 3"),
        ] {
            assert_eq!(ask(query), rows, "{query}");
        }
    }

    #[test]
    fn what_has_a_value_for_each_row_keeps_its_rows() {
        for (query, rows) in [
            ("SELECT a FROM t ORDER BY a", "1; 2; 3"),
            ("SELECT a, COUNT(*) AS n FROM t GROUP BY a ORDER BY a", "1,1; 2,1; 3,1"),
            ("SELECT 'x' AS x FROM t", "\"x\"; \"x\"; \"x\""),
            ("SELECT a FROM t UNION ALL SELECT a FROM none", "3; 1; 2"),
            ("SELECT a + 1 AS b FROM t ORDER BY b DESC", "4; 3; 2"),
            ("SELECT DISTINCT 1 AS one FROM t", "1"),
        ] {
            assert_eq!(ask(query), rows, "{query}");
        }
    }
}
