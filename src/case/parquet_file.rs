//! Writing the Parquet files of a case: zstd, statistics and dictionaries, nothing that depends on
//! the clock or the machine, so that the same rows give the same bytes.

use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

/// Rows of a row group: small enough for a time or user predicate to skip much, large enough to compress.
pub const ROW_GROUP_ROWS: usize = 65_536;

/// Columns whose texts are long and nearly unique; a dictionary would only cost time.
const NO_DICTIONARY: [&str; 4] = ["audit_id", "request_object", "response_object", "body"];

fn properties() -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(concat!("kubesleuth ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(64));
    for column in NO_DICTIONARY {
        builder = builder.set_column_dictionary_enabled(ColumnPath::from(column), false);
    }
    Ok(builder.build())
}

/// Writes batches of one schema into one file.
///
/// # Errors
/// When the file cannot be written, or a batch has another schema.
pub fn write(path: &Path, schema: SchemaRef, batches: &[RecordBatch]) -> Result<(), ParquetError> {
    let file = File::create(path).map_err(|e| ParquetError::General(format!("`{}`: {e}", path.display())))?;
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties()?))?;
    for batch in batches {
        writer.write(batch)?;
    }
    writer.close()?;
    Ok(())
}
