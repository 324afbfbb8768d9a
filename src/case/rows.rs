//! Reads rows of a table straight into record batches, row groups in parallel, for the questions that
//! have to be quick: starting polars for a few thousand rows costs more than reading them.

use std::fs::File;
use std::path::Path;

use arrow::array::{
    Array as _, ArrayRef, AsArray, BooleanArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::kernels::boolean::{and, or};
use arrow::compute::{is_null, kernels::cmp};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowPredicateFn, ParquetRecordBatchReaderBuilder, RowFilter};
use rayon::prelude::*;

use super::keyed::Texts;
use super::{Case, CaseError};
use crate::model::time::Timestamp;
use crate::tables::schema::Table;

impl Case {
    /// All rows of a table of one cluster; with `at`, only versions that hold at that instant.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn rows(&self, table: &Table, cluster: &str, at: Option<Timestamp>) -> Result<Vec<RecordBatch>, CaseError> {
        let failed = |reason: String| CaseError::Table { table: table.name.to_owned(), reason };
        let mut batches = Vec::new();
        for file in self.files(table, Some(cluster))? {
            let groups = open(&file).map_err(failed)?.metadata().num_row_groups();
            let read: Result<Vec<Vec<RecordBatch>>, String> =
                (0..groups).into_par_iter().map(|group| read_group(&file, group, at)).collect();
            batches.extend(read.map_err(failed)?.into_iter().flatten());
        }
        Ok(batches)
    }
}

fn open(file: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, String> {
    let open = File::open(file).map_err(|e| format!("`{}`: {e}", file.display()))?;
    ParquetRecordBatchReaderBuilder::try_new(open).map_err(|e| e.to_string())
}

fn read_group(file: &Path, group: usize, at: Option<Timestamp>) -> Result<Vec<RecordBatch>, String> {
    let mut builder = open(file)?.with_row_groups(vec![group]).with_batch_size(16_384);
    if let Some(at) = at {
        let mask = ProjectionMask::columns(builder.parquet_schema(), ["valid_from", "valid_to"]);
        let holds = ArrowPredicateFn::new(mask, move |batch| holds_at(&batch, at));
        builder = builder.with_row_filter(RowFilter::new(vec![Box::new(holds)]));
    }
    let reader = builder.build().map_err(|e| e.to_string())?;
    reader.collect::<Result<Vec<_>, ArrowError>>().map_err(|e| e.to_string())
}

/// `valid_from <= at < valid_to`, missing ends being open.
fn holds_at(batch: &RecordBatch, at: Timestamp) -> Result<BooleanArray, ArrowError> {
    let instant = TimestampMicrosecondArray::new_scalar(at.as_micros());
    let column = |name: &str| {
        let found = batch.column_by_name(name).and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
        found
            .map(|c| c.clone().with_timezone_opt(None::<&str>))
            .ok_or_else(|| ArrowError::SchemaError(format!("no time column `{name}`")))
    };
    let (from, to) = (column("valid_from")?, column("valid_to")?);
    let begun = or(&is_null(&from)?, &no_nulls(&cmp::lt_eq(&from, &instant)?))?;
    let lasting = or(&is_null(&to)?, &no_nulls(&cmp::gt(&to, &instant)?))?;
    and(&begun, &lasting)
}

fn no_nulls(mask: &BooleanArray) -> BooleanArray {
    mask.iter().map(|v| Some(v.unwrap_or(false))).collect()
}

/// Columns of one batch by name and type.
pub struct Batch<'b>(pub &'b RecordBatch);

impl<'b> Batch<'b> {
    fn column<T>(&self, name: &str, cast: impl Fn(&'b ArrayRef) -> Option<&'b T>) -> Result<&'b T, CaseError> {
        let found = self.0.column_by_name(name).and_then(cast);
        found.ok_or_else(|| Self::misfit(name))
    }

    fn misfit(name: &str) -> CaseError {
        CaseError::Table { table: format!("column `{name}`"), reason: "missing, or of another type".to_owned() }
    }

    /// A text column, by keys or not.
    ///
    /// # Errors
    /// As [`Batch::text`].
    pub fn texts(&self, name: &str) -> Result<Texts<'b>, CaseError> {
        let found = self.0.column_by_name(name).and_then(Texts::of);
        found.ok_or_else(|| Self::misfit(name))
    }

    /// A text column.
    ///
    /// # Errors
    /// When there is none of this name and type.
    pub fn text(&self, name: &str) -> Result<&'b StringArray, CaseError> {
        self.column(name, |c| c.as_string_opt::<i32>())
    }

    /// A 32-bit integer column.
    ///
    /// # Errors
    /// As [`Batch::text`].
    pub fn int32(&self, name: &str) -> Result<&'b Int32Array, CaseError> {
        self.column(name, |c| c.as_primitive_opt::<Int32Type>())
    }

    /// A 64-bit integer column.
    ///
    /// # Errors
    /// As [`Batch::text`].
    pub fn int(&self, name: &str) -> Result<&'b Int64Array, CaseError> {
        self.column(name, |c| c.as_primitive_opt::<Int64Type>())
    }

    /// A boolean column.
    ///
    /// # Errors
    /// As [`Batch::text`].
    pub fn flag(&self, name: &str) -> Result<&'b BooleanArray, CaseError> {
        self.column(name, |c| c.as_boolean_opt())
    }

    /// A column of instants.
    ///
    /// # Errors
    /// As [`Batch::text`].
    pub fn time(&self, name: &str) -> Result<&'b TimestampMicrosecondArray, CaseError> {
        self.column(name, |c| c.as_primitive_opt::<TimestampMicrosecondType>())
    }

    /// A column of lists of text.
    ///
    /// # Errors
    /// As [`Batch::text`].
    pub fn list(&self, name: &str) -> Result<&'b ListArray, CaseError> {
        self.column(name, |c| c.as_list_opt::<i32>())
    }
}

/// Text in a row, where there is one.
pub fn text_at(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

/// The instant in a row.
pub fn time_at(column: &TimestampMicrosecondArray, row: usize) -> Option<Timestamp> {
    column.is_valid(row).then(|| Timestamp::from_micros(column.value(row)))
}

/// The texts in a row; empty where the list is missing.
pub fn list_at(column: &ListArray, row: usize) -> Vec<String> {
    if column.is_null(row) {
        return Vec::new();
    }
    let items = column.value(row);
    items.as_string_opt::<i32>().map(|t| t.iter().flatten().map(str::to_owned).collect()).unwrap_or_default()
}
