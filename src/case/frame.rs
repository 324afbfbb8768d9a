//! Typed access to the columns of a polars DataFrame, for the few places that walk rows.

use polars::prelude::*;

use super::CaseError;
use crate::model::time::Timestamp;

/// A DataFrame whose columns are asked for by name and type.
pub struct Frame {
    data: DataFrame,
}

impl Frame {
    /// Collects a LazyFrame.
    ///
    /// # Errors
    /// When a file of the case cannot be read.
    pub fn collect(lazy: LazyFrame, table: &str) -> Result<Self, CaseError> {
        let failed = |e: PolarsError| CaseError::Table { table: table.to_owned(), reason: e.to_string() };
        let mut data = lazy.collect().map_err(failed)?;
        data.as_single_chunk_par();
        Ok(Self { data })
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.data.height()
    }

    fn column(&self, name: &str) -> Result<&Column, CaseError> {
        self.data.column(name).map_err(|e| Self::misfit(name, &e))
    }

    fn misfit(name: &str, e: &PolarsError) -> CaseError {
        CaseError::Table { table: format!("column `{name}`"), reason: e.to_string() }
    }

    /// A text column.
    ///
    /// # Errors
    /// When there is none of this name and type.
    pub fn text(&self, name: &str) -> Result<&StringChunked, CaseError> {
        self.column(name)?.str().map_err(|e| Self::misfit(name, &e))
    }

    /// A 64-bit integer column.
    ///
    /// # Errors
    /// As [`Frame::text`].
    pub fn int(&self, name: &str) -> Result<&Int64Chunked, CaseError> {
        self.column(name)?.i64().map_err(|e| Self::misfit(name, &e))
    }

    /// A 32-bit integer column.
    ///
    /// # Errors
    /// As [`Frame::text`].
    pub fn int32(&self, name: &str) -> Result<&Int32Chunked, CaseError> {
        self.column(name)?.i32().map_err(|e| Self::misfit(name, &e))
    }

    /// A boolean column.
    ///
    /// # Errors
    /// As [`Frame::text`].
    pub fn flag(&self, name: &str) -> Result<&BooleanChunked, CaseError> {
        self.column(name)?.bool().map_err(|e| Self::misfit(name, &e))
    }

    /// A column of instants.
    ///
    /// # Errors
    /// As [`Frame::text`].
    pub fn time(&self, name: &str) -> Result<TimeColumn<'_>, CaseError> {
        self.column(name)?.datetime().map(TimeColumn).map_err(|e| Self::misfit(name, &e))
    }

    /// A column of lists of text.
    ///
    /// # Errors
    /// As [`Frame::text`].
    pub fn list(&self, name: &str) -> Result<TextListColumn<'_>, CaseError> {
        self.column(name)?.list().map(TextListColumn).map_err(|e| Self::misfit(name, &e))
    }

    /// A column of lists of 64-bit integers, or of instants in microseconds.
    ///
    /// # Errors
    /// As [`Frame::text`].
    pub fn int_list(&self, name: &str) -> Result<IntListColumn<'_>, CaseError> {
        self.column(name)?.list().map(IntListColumn).map_err(|e| Self::misfit(name, &e))
    }
}

/// Instants.
#[derive(Clone, Copy)]
pub struct TimeColumn<'f>(&'f DatetimeChunked);

impl TimeColumn<'_> {
    /// The instant in a row.
    pub fn get(&self, row: usize) -> Option<Timestamp> {
        self.0.0.get(row).map(Timestamp::from_micros)
    }
}

/// Lists of text.
#[derive(Clone, Copy)]
pub struct TextListColumn<'f>(&'f ListChunked);

impl TextListColumn<'_> {
    /// The texts in a row; `None` where the list is missing.
    pub fn get(&self, row: usize) -> Option<Vec<String>> {
        let series = self.0.get_as_series(row)?;
        let texts = series.str().ok()?;
        Some(texts.into_iter().flatten().map(str::to_owned).collect())
    }
}

/// Lists of integers or instants.
#[derive(Clone, Copy)]
pub struct IntListColumn<'f>(&'f ListChunked);

impl IntListColumn<'_> {
    /// The numbers in a row, a missing one as `None`; nothing where the list itself is missing.
    pub fn get(&self, row: usize) -> Vec<Option<i64>> {
        let Some(series) = self.0.get_as_series(row) else { return Vec::new() };
        let numbers = series.to_physical_repr();
        numbers.i64().map(|numbers| numbers.into_iter().collect()).unwrap_or_default()
    }
}
