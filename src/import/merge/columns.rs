//! Batches of a part's files in the form that tables have now, their source ids replaced.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array};

use super::MergeError;
use super::numbering::{Place, Places};
use crate::model::time::Timestamp;
use crate::tables::schema::Table;

/// The batch with exactly the columns of the table: earlier versions lack some that may be missing.
pub(super) fn conform(batch: &RecordBatch, table: &'static Table, file: &Path) -> Result<RecordBatch, MergeError> {
    let wrong = |column: &str, problem| MergeError::Column {
        part: file.display().to_string(),
        table: table.name,
        column: column.to_owned(),
        problem,
    };
    let known = |name: &str| table.columns.iter().any(|c| c.name == name);
    if let Some(field) = batch.schema_ref().fields().iter().find(|f| !known(f.name())) {
        return Err(wrong(field.name(), "this program does not know"));
    }
    let schema = table.schema();
    let column = |field: &Arc<arrow::datatypes::Field>| match batch.column_by_name(field.name()) {
        Some(values) if values.data_type() == field.data_type() => Ok(Arc::clone(values)),
        Some(_) => Err(wrong(field.name(), "is of another type")),
        None if field.is_nullable() => Ok(new_null_array(field.data_type(), batch.num_rows())),
        None => Err(wrong(field.name(), "is missing")),
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<ArrayRef>, _>>()?;
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// Counts rows by the source that they name.
pub(super) fn count(batch: &RecordBatch, counts: &mut BTreeMap<String, u64>) {
    let ids = batch.column_by_name("source_id").and_then(|c| c.as_string_opt::<i32>());
    for id in ids.into_iter().flatten().flatten() {
        match counts.get_mut(id) {
            Some(rows) => *rows += 1,
            None => drop(counts.insert(id.to_owned(), 1)),
        }
    }
}

/// What became of the source of each row.
pub(super) fn places(batch: &RecordBatch, places: &Places, file: &Path) -> Result<Vec<Place>, MergeError> {
    let ids = batch.column_by_name("source_id").and_then(|c| c.as_string_opt::<i32>());
    let mut found = Vec::with_capacity(batch.num_rows());
    let mut last: Option<(&str, Place)> = None;
    for id in ids.into_iter().flatten().map(Option::unwrap_or_default) {
        let place = match last {
            Some((known, place)) if known == id => place,
            _ => *places.get(id).ok_or_else(|| MergeError::StraySource {
                file: file.display().to_string(),
                source_id: id.to_owned(),
            })?,
        };
        last = Some((id, place));
        found.push(place);
    }
    Ok(found)
}

/// The batch with another column of this name.
pub(super) fn replace(batch: &RecordBatch, name: &str, values: ArrayRef) -> Result<RecordBatch, MergeError> {
    let schema = batch.schema();
    let mut columns = batch.columns().to_vec();
    if let Some(column) = schema.index_of(name).ok().and_then(|n| columns.get_mut(n)) {
        *column = values;
    }
    Ok(RecordBatch::try_new(schema, columns)?)
}

/// A column of texts.
pub(super) fn texts<'t>(values: impl Iterator<Item = Option<&'t str>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

/// A column with one instant.
pub(super) fn instant(at: Timestamp, rows: usize) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(vec![at.as_micros(); rows]).with_timezone("UTC"))
}
