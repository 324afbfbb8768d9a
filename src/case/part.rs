//! A Parquet file of a table, open to be read one row group, a few columns and some rows at a time: for the questions
//! that have to be quick. What the file says of itself is read once, and texts that it holds by dictionary can be had as
//! keys into it, so that a test looks at each different text once. Traded for it: each reading opens the file again,
//! because readers of one open file would move each other's place in it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, RecordBatchReader as _, new_null_array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelectionPolicy,
};
use parquet::basic::Encoding;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use rayon::prelude::*;

use super::{Case, CaseError, texts};
use crate::model::time::Interval;
use crate::tables::schema::Table;

/// Which rows of a row group.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// No row.
    None,
    /// Every row.
    All,
    /// Those whose bit is set; there is a bit for every row of the group.
    Some(BooleanBuffer),
}

impl Rows {
    /// How many there are in a group of so many.
    fn count(&self, all: usize) -> usize {
        match self {
            Self::None => 0,
            Self::All => all,
            Self::Some(bits) => bits.count_set_bits(),
        }
    }

    /// The rows whose bit is set, said as briefly as can be.
    pub fn of(bits: BooleanBuffer) -> Self {
        match bits.count_set_bits() {
            0 => Self::None,
            n if n == bits.len() => Self::All,
            _ => Self::Some(bits),
        }
    }
}

/// How texts are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// One by one, without what no row has.
    Plain,
    /// As keys into the dictionary of the row group, where the file holds them so: quick, but the whole dictionary comes
    /// along.
    Keyed,
}

/// An open file.
struct Part {
    path: PathBuf,
    table: &'static str,
    plain: ArrowReaderMetadata,
    keyed: ArrowReaderMetadata,
}

/// A row group of a table.
pub struct RowGroup {
    part: Arc<Part>,
    number: usize,
    rows: usize,
}

impl Case {
    /// The row groups of a table, in the order of the files, without the files of days that lie outside a stretch of time.
    ///
    /// # Errors
    /// When the files cannot be listed or opened.
    pub fn row_groups(
        &self,
        table: &'static Table,
        cluster: &str,
        within: Interval,
    ) -> std::result::Result<Vec<RowGroup>, CaseError> {
        let files = self.files_within(table, Some(cluster), within)?;
        let parts: Vec<Part> = files
            .par_iter()
            .map(|file| Part::open(file, table.name).map_err(|e| unreadable(table.name, &e)))
            .collect::<std::result::Result<_, _>>()?;
        Ok(parts.into_iter().map(Arc::new).flat_map(|part| RowGroup::all_of(&part)).collect())
    }
}

fn unreadable(table: &str, error: &ParquetError) -> CaseError {
    CaseError::Table { table: table.to_owned(), reason: error.to_string() }
}

impl Part {
    fn open(path: &Path, table: &'static str) -> Result<Self> {
        // The types of Parquet say all that is needed, whatever wrote the file had in memory.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let plain = ArrowReaderMetadata::load(&File::open(path)?, options)?;
        let fields: Vec<Field> = plain.schema().fields().iter().map(|f| keyed(f, plain.metadata())).collect();
        let schema = Schema::new_with_metadata(fields, plain.schema().metadata().clone());
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        let keyed = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options)?;
        Ok(Self { path: path.to_owned(), table, plain, keyed })
    }
}

/// The field with keys for its texts, if every page of it holds keys.
fn keyed(field: &Field, file: &ParquetMetaData) -> Field {
    let all_keys = |chunk: &ColumnChunkMetaData| {
        let pages = chunk.page_encoding_stats_mask();
        let keys = [Encoding::PLAIN_DICTIONARY, Encoding::RLE_DICTIONARY];
        // Where no row has a text there is nothing to save.
        let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
        let some = nulls != u64::try_from(chunk.num_values()).ok();
        some && chunk.dictionary_page_offset().is_some()
            && pages.is_some_and(|p| keys.into_iter().any(|e| p.is_only(e)))
    };
    let has_keys = |group: &RowGroupMetaData| {
        let mut chunks = group.columns().iter();
        chunks.find(|c| c.column_path().parts().first() == Some(field.name())).is_some_and(all_keys)
    };
    let keys = |texts: &DataType| DataType::Dictionary(Box::new(DataType::Int32), Box::new(texts.clone()));
    if !file.row_groups().iter().all(has_keys) {
        return field.clone();
    }
    match field.data_type() {
        DataType::Utf8 => field.clone().with_data_type(keys(&DataType::Utf8)),
        DataType::List(item) if *item.data_type() == DataType::Utf8 => {
            let item = item.as_ref().clone().with_data_type(keys(&DataType::Utf8));
            field.clone().with_data_type(DataType::List(Arc::new(item)))
        }
        _ => field.clone(),
    }
}

impl RowGroup {
    fn all_of(part: &Arc<Part>) -> Vec<Self> {
        let groups = part.plain.metadata().row_groups().iter().enumerate();
        groups
            .map(|(number, group)| Self {
                part: Arc::clone(part),
                number,
                rows: usize::try_from(group.num_rows()).unwrap_or_default(),
            })
            .collect()
    }

    /// Its rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What the file says of a column's values here.
    pub(super) fn statistics(&self, column: &str) -> Option<&Statistics> {
        let group = self.part.plain.metadata().row_groups().get(self.number)?;
        group.columns().iter().find(|c| c.column_path().string() == column)?.statistics()
    }

    /// Whether a row may lack a value of a flat column.
    pub fn may_lack(&self, column: &str) -> bool {
        self.statistics(column).and_then(Statistics::null_count_opt) != Some(0)
    }

    /// Columns of some rows, in this order; as many rows as were asked for.
    ///
    /// # Errors
    /// When the file cannot be read, or lacks a column.
    pub fn read(&self, columns: &[&str], rows: &Rows, given: Given) -> std::result::Result<RecordBatch, CaseError> {
        self.try_read(columns, rows, given).map_err(|e| unreadable(self.part.table, &e))
    }

    fn try_read(&self, columns: &[&str], rows: &Rows, given: Given) -> Result<RecordBatch> {
        let schema = if given == Given::Keyed { self.part.keyed.schema() } else { self.part.plain.schema() };
        let (mut fields, mut ways): (Vec<Field>, [Vec<&str>; 3]) = Default::default();
        for column in columns {
            let field = schema.field_with_name(column).map_err(|_| {
                ParquetError::General(format!("no column `{column}` in `{}`", self.part.path.display()))
            })?;
            let [empty, plain, keyed] = &mut ways;
            match field.data_type() {
                _ if self.lacks_all(column) => empty.push(column),
                DataType::Utf8 => plain.push(column),
                _ if given == Given::Plain => plain.push(column),
                _ => keyed.push(column),
            }
            fields.push(field.clone());
        }
        let [_, plain, keyed] = ways;
        // Long texts are skipped one by one; keys are quicker unpacked than skipped.
        let plain = self.read_one_way(&plain, rows, &self.part.plain, RowSelectionPolicy::default())?;
        let keyed = self.read_one_way(&keyed, rows, &self.part.keyed, RowSelectionPolicy::Mask)?;
        let count = rows.count(self.rows);
        let column = |field: &Field| {
            let found = [&plain, &keyed].into_iter().flatten().find_map(|batch| batch.column_by_name(field.name()));
            found.map_or_else(|| new_null_array(field.data_type(), count), Arc::clone)
        };
        let columns = fields.iter().map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
    }

    /// Whether no row has a value of a flat column.
    pub(super) fn lacks_all(&self, column: &str) -> bool {
        let nulls = self.statistics(column).and_then(Statistics::null_count_opt);
        nulls.is_some() && nulls == u64::try_from(self.rows).ok()
    }

    fn read_one_way(
        &self,
        columns: &[&str],
        rows: &Rows,
        metadata: &ArrowReaderMetadata,
        policy: RowSelectionPolicy,
    ) -> Result<Option<RecordBatch>> {
        if columns.is_empty() || *rows == Rows::None {
            return Ok(None);
        }
        let mask = ProjectionMask::columns(metadata.parquet_schema(), columns.iter().copied());
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(self.file()?, metadata.clone())
            .with_row_groups(vec![self.number])
            .with_projection(mask)
            // One batch, and room for no more: few rows of many groups are kept.
            .with_batch_size(rows.count(self.rows).max(1));
        if let Rows::Some(bits) = rows {
            let selection = RowSelection::from_boolean_buffer(bits.clone());
            builder = builder.with_row_selection(selection).with_row_selection_policy(policy);
        }
        let reader = builder.build()?;
        let schema = reader.schema();
        let mut batches = reader.collect::<std::result::Result<Vec<_>, ArrowError>>()?;
        Ok(Some(match batches.len() {
            1 => batches.swap_remove(0),
            _ => concat_batches(&schema, &batches)?,
        }))
    }

    /// Which of some rows hold a text in one of these columns.
    pub(super) fn search(&self, columns: &[&str], text: &str, rows: &Rows) -> std::result::Result<Rows, CaseError> {
        let searched = || texts::search(self.file()?, (self.part.plain.metadata(), self.number), columns, text, rows);
        searched().map(Rows::of).map_err(|e| unreadable(self.part.table, &e))
    }

    fn file(&self) -> Result<File> {
        File::open(&self.part.path).map_err(|e| ParquetError::General(format!("`{}`: {e}", self.part.path.display())))
    }
}
