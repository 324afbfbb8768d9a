//! How a table is described: one list of columns, from which the Arrow schema, the builder's order
//! and the reference in `docs/tables.md` all follow.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// The types that tables use. Few on purpose: every engine reads them alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// 64-bit signed integer.
    Int64,
    /// 32-bit signed integer.
    Int32,
    /// true or false.
    Bool,
    /// Instant, microseconds, UTC.
    Time,
    /// List of UTF-8 texts.
    TextList,
}

impl ColumnType {
    /// The Arrow type.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Int64 => DataType::Int64,
            Self::Int32 => DataType::Int32,
            Self::Bool => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::TextList => DataType::List(Arc::new(Field::new("element", DataType::Utf8, true))),
        }
    }

    /// The name used in the reference.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int64 => "int64",
            Self::Int32 => "int32",
            Self::Bool => "bool",
            Self::Time => "timestamp(µs, UTC)",
            Self::TextList => "list of text",
        }
    }
}

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: ColumnType,
    /// Whether a value may be missing.
    pub nullable: bool,
    /// What it holds, for the reference.
    pub doc: &'static str,
}

/// A column that always has a value.
pub const fn required(name: &'static str, kind: ColumnType, doc: &'static str) -> Column {
    Column { name, kind, nullable: false, doc }
}

/// A column whose value may be missing.
pub const fn optional(name: &'static str, kind: ColumnType, doc: &'static str) -> Column {
    Column { name, kind, nullable: true, doc }
}

/// A table of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name: a folder of the case, and the name in SQL.
    pub name: &'static str,
    /// What a row is.
    pub doc: &'static str,
    /// The order of the rows.
    pub sorted_by: &'static str,
    /// The columns stored in the files, in order.
    pub columns: &'static [Column],
    /// Whether it is cut by date besides by cluster.
    pub by_date: bool,
}

impl Table {
    /// The Arrow schema of its files.
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self.columns.iter().map(|c| Field::new(c.name, c.kind.arrow(), c.nullable)).collect();
        Arc::new(Schema::new(fields))
    }

    /// The same with texts as views, which point into the bytes that were read: for rows on their way to a file.
    pub fn view_schema(&self) -> SchemaRef {
        let viewed = |c: &Column| match c.kind {
            ColumnType::Text => DataType::Utf8View,
            kind => kind.arrow(),
        };
        let fields: Vec<Field> = self.columns.iter().map(|c| Field::new(c.name, viewed(c), c.nullable)).collect();
        Arc::new(Schema::new(fields))
    }

    /// Its section of the reference, in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let partitions = if self.by_date { "`cluster`, `date`" } else { "`cluster`" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "## `{}`\n\n{}\n", self.name, self.doc);
        let _ = writeln!(text, "Sorted by {}; partitioned by {partitions}.\n", self.sorted_by);
        let _ = writeln!(text, "| column | type | null | meaning |\n|---|---|---|---|");
        for c in self.columns {
            let null = if c.nullable { "yes" } else { "" };
            let _ = writeln!(text, "| `{}` | {} | {null} | {} |", c.name, c.kind.label(), c.doc.replace('|', "\\|"));
        }
        text
    }
}
