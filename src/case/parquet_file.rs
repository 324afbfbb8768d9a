//! Writing the Parquet files of a case: zstd, statistics and dictionaries, nothing that depends on
//! the clock or the machine, so that the same rows give the same bytes.

use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

/// Rows of a row group: small enough for a time or user predicate to skip much, large enough to compress.
pub const ROW_GROUP_ROWS: usize = 65_536;

/// Columns whose texts are long and nearly unique; a dictionary would only cost time.
const NO_DICTIONARY: [&str; 4] = ["audit_id", "request_object", "response_object", "body"];

/// Times and places, which grow from row to row: differences are small, values are all different.
const GROWING: [&str; 5] = ["stage_timestamp", "request_received_timestamp", "envelope_time", "offset", "line"];

/// Columns whose least and greatest value would skip nothing, since every row group holds texts of all kinds or questions
/// ask for pieces of them; comparing every value takes a twentieth of an import.
const NO_STATISTICS: [&str; 23] = [
    "audit_id",
    "stage",
    "level",
    "request_uri",
    "user_uid",
    "user_groups.list.element",
    "user_extra",
    "user_pod_name",
    "user_node_name",
    "source_ips.list.element",
    "user_agent",
    "object_ref_uid",
    "object_ref_api_version",
    "object_ref_resource_version",
    "response_status_status",
    "response_status_message",
    "response_status_reason",
    "request_object",
    "response_object",
    "annotations",
    "authorization_reason",
    "api_version",
    "body",
];

/// Bytes of a page: bodies are alike, and compress the better the more of them lie together.
const PAGE: usize = 4 << 20;

/// Whether a column holds long texts.
pub(super) fn is_long(column: &str) -> bool {
    NO_DICTIONARY.contains(&column)
}

/// How every file is written.
///
/// # Errors
/// Never: the compression level is a constant.
pub(super) fn properties() -> Result<WriterProperties, ParquetError> {
    let mut builder = WriterProperties::builder()
        // Pages of the second version are compressed where they lie; the first copies each of them once more.
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_encoding(Encoding::PLAIN)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_created_by(concat!("kubesleuth ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(64))
        .set_data_page_size_limit(PAGE);
    for column in GROWING {
        let column = path(column);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
    }
    for column in NO_DICTIONARY {
        builder = builder.set_column_dictionary_enabled(path(column), false);
    }
    for column in NO_STATISTICS {
        builder = builder.set_column_statistics_enabled(path(column), EnabledStatistics::None);
    }
    Ok(builder.build())
}

/// The path of a leaf: names from the root, with dots between them.
fn path(column: &str) -> ColumnPath {
    ColumnPath::new(column.split('.').map(str::to_owned).collect())
}

/// A Parquet file that grows batch by batch.
pub struct PartWriter(ArrowWriter<File>);

impl PartWriter {
    /// Begins a file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path, schema: SchemaRef) -> Result<Self, ParquetError> {
        let file = File::create(path).map_err(|e| ParquetError::General(format!("`{}`: {e}", path.display())))?;
        Ok(Self(ArrowWriter::try_new(file, schema, Some(properties()?))?))
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When they cannot be written, or have another schema.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        self.0.write(batch)
    }

    /// Ends the row group.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> Result<(), ParquetError> {
        self.0.flush()
    }

    /// Completes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close(self) -> Result<(), ParquetError> {
        self.0.close().map(|_| ())
    }
}

/// Writes batches of one schema into one file.
///
/// # Errors
/// When the file cannot be written, or a batch has another schema.
pub fn write(path: &Path, schema: SchemaRef, batches: &[RecordBatch]) -> Result<(), ParquetError> {
    let mut writer = PartWriter::create(path, schema)?;
    batches.iter().try_for_each(|batch| writer.write(batch))?;
    writer.close()
}
