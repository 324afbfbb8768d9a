//! Reading a case: every table as a polars LazyFrame, with predicates and projections reaching the
//! Parquet scan, and SQL over all of them.

use std::sync::Arc;

use polars::io::HiveOptions;
use polars::prelude::*;
use polars::sql::SQLContext;

use super::count_rows::count_once;
use super::refuse::refuse;
use super::{Case, CaseError};
use crate::tables;
use crate::tables::schema::{ColumnType, Table};

impl Case {
    /// A table as a LazyFrame, with the partition column `cluster` (and `date`).
    ///
    /// # Errors
    /// When the files cannot be listed or scanned.
    pub fn table(&self, table: &Table, cluster: Option<&str>) -> Result<LazyFrame, CaseError> {
        self.scan(table, self.files(table, cluster)?, ParallelStrategy::Auto)
    }

    /// A table file by file, for whoever walks more rows than fit in memory. `events` has at most some hundred thousand
    /// rows in a file.
    ///
    /// # Errors
    /// When the files cannot be listed or scanned.
    pub fn parts(&self, table: &Table, cluster: Option<&str>) -> Result<Vec<LazyFrame>, CaseError> {
        self.files(table, cluster)?
            .into_iter()
            .map(|file| self.scan(table, vec![file], ParallelStrategy::Auto))
            .collect()
    }

    fn scan(
        &self,
        table: &Table,
        files: Vec<std::path::PathBuf>,
        parallel: ParallelStrategy,
    ) -> Result<LazyFrame, CaseError> {
        if files.is_empty() {
            return Ok(empty(table));
        }
        let root_depth = self.dir().components().count();
        let options = HiveOptions {
            enabled: Some(true),
            hive_start_idx: hive_start(&files, root_depth, table),
            schema: Some(Arc::new(partition_schema(table))),
            try_parse_dates: true,
        };
        let args = ScanArgsParquet { hive_options: options, glob: false, parallel, ..Default::default() };
        LazyFrame::scan_parquet_files(files.into(), args).map_err(|e| damaged(table, &e))
    }

    /// Runs a SQL query over the tables of the case, of one cluster or of all.
    ///
    /// The scan reads columns beside one another and not the columns of the predicate first: that way polars 0.46 gives
    /// the partition columns the length they had before the filter, and a query with `cluster` fails or panics.
    /// Statistics still skip row groups, and the predicate still drops rows inside the scan.
    ///
    /// # Errors
    /// When the query is wrong, or a table cannot be read.
    pub fn sql(&self, query: &str, cluster: Option<&str>) -> Result<DataFrame, CaseError> {
        let mut context = SQLContext::new();
        for table in tables::ALL {
            let frame = self.scan(table, self.files(table, cluster)?, ParallelStrategy::Columns)?;
            context.register(table.name, frame);
        }
        let failed = |e: PolarsError| {
            CaseError::Query(format!("the query failed: {e}; `kubesleuth tables` lists tables and columns"))
        };
        let frame = context.execute(query).map_err(failed)?;
        refuse(&frame.logical_plan)?;
        count_once(frame).collect().map_err(failed)
    }
}

/// A table without rows.
pub fn empty(table: &Table) -> LazyFrame {
    DataFrame::empty_with_schema(&full_schema(table)).lazy()
}

/// A read error of one table.
pub fn damaged(table: &Table, error: &PolarsError) -> CaseError {
    CaseError::Table { table: table.name.to_owned(), reason: error.to_string() }
}

/// Byte position in the first path where the partition folders begin.
fn hive_start(files: &[std::path::PathBuf], root_depth: usize, table: &Table) -> usize {
    let Some(first) = files.first() else { return 0 };
    let prefix: std::path::PathBuf = first.components().take(root_depth).collect();
    prefix.as_os_str().len() + 1 + table.name.len() + 1
}

fn partition_schema(table: &Table) -> Schema {
    let mut schema = Schema::default();
    schema.with_column("cluster".into(), DataType::String);
    if table.by_date {
        schema.with_column("date".into(), DataType::Date);
    }
    schema
}

fn full_schema(table: &Table) -> Schema {
    let mut schema = Schema::default();
    for column in table.columns {
        schema.with_column(column.name.into(), polars_type(column.kind));
    }
    for (name, kind) in partition_schema(table) {
        schema.with_column(name, kind);
    }
    schema
}

fn polars_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Text => DataType::String,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Time => DataType::Datetime(TimeUnit::Microseconds, Some("UTC".into())),
        ColumnType::TextList => DataType::List(Box::new(DataType::String)),
    }
}
