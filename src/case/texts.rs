//! Searching texts in a Parquet file: only their columns are read, and no text is copied or checked on the way. Bodies
//! are most of what a case holds, so this is most of the time of a search.

use std::fs::File;
use std::sync::Arc;

use arrow::buffer::BooleanBuffer;
use memchr::memmem::Finder;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::RowGroupReader;
use parquet::file::serialized_reader::SerializedRowGroupReader;

use super::part::Rows;

/// Texts that are looked at together.
const BATCH: usize = 4096;

/// For each row of a row group, whether it is wanted and one of the columns holds the text there.
///
/// # Errors
/// When the file cannot be read, or a column is no flat column of texts.
pub(super) fn search(
    file: File,
    (metadata, number): (&ParquetMetaData, usize),
    columns: &[&str],
    text: &str,
    rows: &Rows,
) -> Result<BooleanBuffer> {
    let (of_group, pages) = (metadata.row_group(number), metadata.page_index_for_row_group(number));
    let count = usize::try_from(of_group.num_rows()).unwrap_or_default();
    let properties = Arc::new(ReaderProperties::builder().build());
    let group = SerializedRowGroupReader::new(Arc::new(file), of_group, pages, properties)?;
    let runs = runs(rows, count);
    let finder = Finder::new(text);
    let mut holds = vec![false; count];
    for column in columns {
        search_column(&group, column, &finder, &runs, &mut holds)?;
    }
    Ok(holds.into_iter().collect())
}

/// The wanted rows as stretches: first row, and the one after the last.
fn runs(rows: &Rows, count: usize) -> Vec<(usize, usize)> {
    match rows {
        Rows::None => Vec::new(),
        Rows::All => vec![(0, count)],
        Rows::Some(bits) => bits.set_slices().collect(),
    }
}

fn search_column(
    group: &dyn RowGroupReader,
    name: &str,
    finder: &Finder<'_>,
    runs: &[(usize, usize)],
    holds: &mut [bool],
) -> Result<()> {
    let Some(at) = group.metadata().columns().iter().position(|c| c.column_path().string() == name) else {
        return Ok(());
    };
    let level = group.metadata().column(at).column_descr().max_def_level();
    let ColumnReader::ByteArrayColumnReader(mut reader) = group.get_column_reader(at)? else {
        return Err(ParquetError::General(format!("column `{name}` holds no texts")));
    };
    let mut batch = Batch::default();
    let mut next = 0;
    for &(first, end) in runs {
        reader.skip_records(first.saturating_sub(next))?;
        next = first;
        while next < end && batch.read(&mut reader, BATCH.min(end.saturating_sub(next)))? {
            let mut texts = batch.texts.iter();
            for (row, holds) in holds.iter_mut().skip(next).take(batch.records).enumerate() {
                let missing = batch.levels.get(row).is_some_and(|l| *l < level);
                let text = if missing { None } else { texts.next() };
                *holds |= text.is_some_and(|t| finder.find(t.data()).is_some());
            }
            next = next.saturating_add(batch.records);
        }
    }
    Ok(())
}

/// Rows read together: their levels, and the texts of those that have one.
#[derive(Default)]
struct Batch {
    records: usize,
    levels: Vec<i16>,
    texts: Vec<ByteArray>,
}

impl Batch {
    /// Whether there were more.
    fn read(&mut self, reader: &mut ColumnReaderImpl<ByteArrayType>, most: usize) -> Result<bool> {
        self.levels.clear();
        self.texts.clear();
        (self.records, _, _) = reader.read_records(most, Some(&mut self.levels), None, &mut self.texts)?;
        Ok(self.records > 0)
    }
}
