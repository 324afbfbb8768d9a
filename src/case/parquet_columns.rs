//! Writes one Parquet file with its columns encoded side by side. Same properties, and so the same bytes, whatever
//! the number of threads: columns are put into the file in their order.

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::error::ArrowError;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use rayon::prelude::*;

use super::parquet_file::{ROW_GROUP_ROWS, is_long, properties};
use crate::tables::schema::Table;

/// Writes `rows` rows of `table`. `column` gives the values of one column (by its place) in a range of rows; it is
/// called on several threads, and a column is dropped as soon as it is encoded.
///
/// # Errors
/// When the file cannot be written, or a column has another type.
pub fn write_columns(
    path: &Path,
    table: &Table,
    rows: usize,
    column: impl Fn(usize, Range<usize>) -> Result<ArrayRef, ArrowError> + Sync,
) -> Result<(), ParquetError> {
    let file = File::create(path).map_err(|e| ParquetError::General(format!("`{}`: {e}", path.display())))?;
    let (schema, viewed) = (table.schema(), table.view_schema());
    let mut properties = properties()?;
    add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
    let parquet = ArrowSchemaConverter::new().convert(&schema)?;
    let mut writer = SerializedFileWriter::new(file, parquet.root_schema_ptr(), Arc::new(properties))?;
    let factory = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(&viewed));
    for (number, first) in (0..rows).step_by(ROW_GROUP_ROWS).enumerate() {
        let range = first..rows.min(first + ROW_GROUP_ROWS);
        let mut leaves = factory.create_column_writers(number)?.into_iter();
        let mut jobs: Vec<(usize, ArrowColumnWriter)> = (0..viewed.fields().len()).zip(leaves.by_ref()).collect();
        // The largest first, else one thread ends with it while the others have nothing left to do.
        jobs.sort_by_key(|(place, _)| !viewed.fields().get(*place).is_some_and(|field| is_long(field.name())));
        let encode = |(place, mut writer): (usize, ArrowColumnWriter)| {
            let field = viewed.fields().get(place).ok_or_else(|| ParquetError::General("no such column".to_owned()))?;
            for leaf in compute_leaves(field, &column(place, range.clone())?)? {
                writer.write(&leaf)?;
            }
            Ok((place, writer.close()?))
        };
        let mut chunks: Vec<(usize, ArrowColumnChunk)> =
            jobs.into_par_iter().map(encode).collect::<Result<_, ParquetError>>()?;
        chunks.sort_by_key(|(place, _)| *place);
        let mut group = writer.next_row_group()?;
        chunks.into_iter().try_for_each(|(_, chunk)| chunk.append_to_row_group(&mut group))?;
        group.close()?;
    }
    writer.close().map(|_| ())
}
