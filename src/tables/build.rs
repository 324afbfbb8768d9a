//! Builds record batches of the small tables, row by row, checked against the table's columns.
//! `events` has a builder of its own: it is the one that has to be fast.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Int32Builder, Int64Builder, ListBuilder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field};
use arrow::error::ArrowError;

use super::schema::{ColumnType, Table};
use crate::model::time::Timestamp;

/// One value of a row.
#[derive(Clone, Debug)]
pub enum Cell<'a> {
    /// Missing.
    Null,
    /// Text.
    Text(&'a str),
    /// Text made for this row.
    Owned(String),
    /// Integer of either width.
    Int(i64),
    /// true or false.
    Bool(bool),
    /// Instant.
    Time(Timestamp),
    /// List of texts.
    List(&'a [String]),
}

impl<'a> Cell<'a> {
    /// Text, or missing.
    pub fn text(value: Option<&'a str>) -> Self {
        value.map_or(Self::Null, Self::Text)
    }

    /// An instant; the open ends of time are missing.
    pub fn bound(value: Timestamp) -> Self {
        if value == Timestamp::MIN || value == Timestamp::MAX { Self::Null } else { Self::Time(value) }
    }

    /// An instant, or missing.
    pub fn time(value: Option<Timestamp>) -> Self {
        value.map_or(Self::Null, Self::Time)
    }

    /// A number of bytes, rows or lines.
    pub fn count(value: u64) -> Self {
        Self::Int(i64::try_from(value).unwrap_or(i64::MAX))
    }
}

enum Builder {
    Text(StringBuilder),
    Int64(Int64Builder),
    Int32(Int32Builder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder),
    List(ListBuilder<StringBuilder>),
}

/// Rows that a builder has room for when nothing is known of them.
const ROWS: usize = 1024;

/// A list builder whose field is named as in [`ColumnType::arrow`], with room for some rows.
pub(super) fn list_builder(rows: usize) -> ListBuilder<StringBuilder> {
    let texts = StringBuilder::with_capacity(rows.saturating_mul(2), rows.saturating_mul(32));
    ListBuilder::with_capacity(texts, rows).with_field(Field::new("element", DataType::Utf8, true))
}

/// A builder of instants in UTC, with room for some rows.
pub(super) fn time_builder(rows: usize) -> TimestampMicrosecondBuilder {
    TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC")
}

/// Rows of one table on their way to a record batch.
pub struct TableBuilder {
    table: &'static Table,
    columns: Vec<Builder>,
    rows: usize,
}

impl TableBuilder {
    /// No rows yet.
    pub fn new(table: &'static Table) -> Self {
        let columns = table.columns.iter().map(|c| Builder::new(c.kind)).collect();
        Self { table, columns, rows: 0 }
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds a row, its cells in the table's order.
    ///
    /// # Errors
    /// When the cells do not fit the table's columns.
    pub fn push<const N: usize>(&mut self, cells: [Cell<'_>; N]) -> Result<(), ArrowError> {
        if N != self.columns.len() {
            return Err(misfit(self.table, format!("{} columns, row of {N} cells", self.columns.len())));
        }
        for ((builder, column), cell) in self.columns.iter_mut().zip(self.table.columns).zip(cells) {
            if !builder.append(&cell) {
                return Err(misfit(
                    self.table,
                    format!("column `{}` is {}, got {cell:?}", column.name, column.kind.label()),
                ));
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// The rows as a record batch.
    ///
    /// # Errors
    /// When a column that must have a value lacks one.
    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let arrays: Vec<ArrayRef> = self.columns.iter_mut().map(Builder::finish).collect();
        RecordBatch::try_new(self.table.schema(), arrays)
    }
}

fn misfit(table: &Table, what: String) -> ArrowError {
    ArrowError::SchemaError(format!("table `{}`: {what}", table.name))
}

impl Builder {
    fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Text => Self::Text(StringBuilder::new()),
            ColumnType::Int64 => Self::Int64(Int64Builder::new()),
            ColumnType::Int32 => Self::Int32(Int32Builder::new()),
            ColumnType::Bool => Self::Bool(BooleanBuilder::new()),
            ColumnType::Time => Self::Time(time_builder(ROWS)),
            ColumnType::TextList => Self::List(list_builder(ROWS)),
        }
    }

    /// False when the cell is of another type.
    fn append(&mut self, cell: &Cell<'_>) -> bool {
        match (self, cell) {
            (Self::Text(b), Cell::Null) => b.append_null(),
            (Self::Text(b), Cell::Text(v)) => b.append_value(v),
            (Self::Text(b), Cell::Owned(v)) => b.append_value(v),
            (Self::Int64(b), Cell::Null) => b.append_null(),
            (Self::Int64(b), Cell::Int(v)) => b.append_value(*v),
            (Self::Int32(b), Cell::Null) => b.append_null(),
            (Self::Int32(b), Cell::Int(v)) => b.append_option(i32::try_from(*v).ok()),
            (Self::Bool(b), Cell::Null) => b.append_null(),
            (Self::Bool(b), Cell::Bool(v)) => b.append_value(*v),
            (Self::Time(b), Cell::Null) => b.append_null(),
            (Self::Time(b), Cell::Time(v)) => b.append_value(v.as_micros()),
            (Self::List(b), Cell::Null) => b.append_null(),
            (Self::List(b), Cell::List(v)) => b.append_value(v.iter().map(Some)),
            _ => return false,
        }
        true
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(b) => Arc::new(b.finish()),
            Self::Int64(b) => Arc::new(b.finish()),
            Self::Int32(b) => Arc::new(b.finish()),
            Self::Bool(b) => Arc::new(b.finish()),
            Self::Time(b) => Arc::new(b.finish()),
            Self::List(b) => Arc::new(b.finish()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::tables::known_sets;

    #[test]
    fn a_row_of_the_wrong_shape_is_refused() {
        let mut b = TableBuilder::new(&known_sets::TABLE);
        assert!(b.push([Cell::Null]).is_err());
        assert!(b.push([Cell::Int(1), Cell::Null, Cell::Null, Cell::Null, Cell::Null]).is_err());
    }

    #[test]
    fn the_open_ends_of_time_are_missing_values() {
        let mut b = TableBuilder::new(&known_sets::TABLE);
        b.push([
            Cell::Text("Role"),
            Cell::Null,
            Cell::bound(Timestamp::MIN),
            Cell::bound(Timestamp::from_micros(5)),
            Cell::Text("observed"),
        ])
        .unwrap();
        let batch = b.finish().unwrap();
        assert_eq!(batch.num_rows(), 1);
        assert_eq!((batch.column(2).null_count(), batch.column(3).null_count()), (1, 0));
    }
}
