//! Searching texts in a Parquet file: only their columns are read, and no text is copied or checked on the way. Bodies
//! are most of what a case holds, so this is most of the time of a search.

use std::fs::File;
use std::path::Path;

use memchr::memmem::Finder;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader as _, RowGroupReader, SerializedFileReader};

/// Texts that are looked at together.
const BATCH: usize = 4096;

/// For each row of a file, whether one of the columns holds the text there.
///
/// # Errors
/// When the file cannot be read, or a column is no flat column of texts.
pub(super) fn rows(file: &Path, columns: &[&str], text: &str) -> Result<Vec<bool>> {
    let file = SerializedFileReader::new(File::open(file)?)?;
    let finder = Finder::new(text);
    let mut rows = Vec::new();
    for number in 0..file.num_row_groups() {
        let group = file.get_row_group(number)?;
        let count = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
        let mut holds = vec![false; count];
        for column in columns {
            search(group.as_ref(), column, &finder, &mut holds)?;
        }
        rows.append(&mut holds);
    }
    Ok(rows)
}

fn search(group: &dyn RowGroupReader, name: &str, finder: &Finder<'_>, holds: &mut [bool]) -> Result<()> {
    let Some(at) = group.metadata().columns().iter().position(|c| c.column_path().string() == name) else {
        return Ok(());
    };
    let level = group.metadata().column(at).column_descr().max_def_level();
    let ColumnReader::ByteArrayColumnReader(mut reader) = group.get_column_reader(at)? else {
        return Err(ParquetError::General(format!("column `{name}` holds no texts")));
    };
    let mut rows = holds.iter_mut();
    let mut batch = Batch::default();
    while batch.read(&mut reader)? {
        let mut texts = batch.texts.iter();
        for row in 0..batch.records {
            let missing = batch.levels.get(row).is_some_and(|l| *l < level);
            let text = if missing { None } else { texts.next() };
            let Some(holds) = rows.next() else {
                return Err(ParquetError::General(format!("column `{name}` has more rows than its row group")));
            };
            *holds |= text.is_some_and(|t| finder.find(t.data()).is_some());
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
    fn read(&mut self, reader: &mut ColumnReaderImpl<ByteArrayType>) -> Result<bool> {
        self.levels.clear();
        self.texts.clear();
        (self.records, _, _) = reader.read_records(BATCH, Some(&mut self.levels), None, &mut self.texts)?;
        Ok(self.records > 0)
    }
}
