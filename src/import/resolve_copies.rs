//! Compares the events that share an identity but not their bytes, once all are written.
//!
//! Copies that only look different (another key order, a truncated body) are dropped, the fullest
//! kept; events that say different things are all kept and become a finding, because a client may give
//! many requests one audit ID.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde_json::Value;

use super::ImportError;
use super::dedup::{Content, Relation, compare, identity};
use super::source_rows::SourceRow;
use super::staged::Staged;
use crate::case::{CaseError, parquet_file};
use crate::model::finding::{Finding, Severity};
use crate::model::object::Provenance;
use crate::model::time::Timestamp;
use crate::tables::events;

/// Columns that say where a record was found, or that are taken out of other columns.
const NOT_CONTENT: [&str; 20] = [
    "source_id",
    "offset",
    "line",
    "length",
    "component",
    "node",
    "log_stream",
    "envelope_time",
    "grpc_code",
    "api_server",
    "http_method",
    "operation_part",
    "resource_name",
    "api_version",
    "user_credential_id",
    "user_pod_name",
    "user_node_name",
    "authorization_decision",
    "authorization_reason",
    "issued_credential_id",
];
/// Columns that hold JSON.
const JSON: [&str; 5] = ["user_extra", "impersonated_user_extra", "request_object", "response_object", "annotations"];

/// A row by the number of its file and its number in it. Events that one record quotes share their
/// place in the source, so a place does not tell rows apart.
type RowId = (usize, usize);

/// One row in question.
struct Rival {
    place: Provenance,
    row: RowId,
    at: Option<Timestamp>,
    content: Content,
}

/// Drops copies among the conflicting rows, counts them in `sources`, and reports collisions.
///
/// # Errors
/// When a part cannot be read or written.
pub fn resolve(
    staged: &mut Staged<'_>,
    conflicts: &BTreeSet<[u8; 16]>,
    sources: &mut [SourceRow],
) -> Result<Vec<Finding>, ImportError> {
    let mut groups: BTreeMap<[u8; 16], Vec<Rival>> = BTreeMap::new();
    let files = staged.event_files()?;
    for (number, file) in files.iter().enumerate() {
        let mut first = 0;
        for batch in reader(file)? {
            let batch = batch?;
            collect_rivals(&batch, (number, first), conflicts, &mut groups);
            first += batch.num_rows();
        }
    }
    let mut dropped = BTreeSet::new();
    let mut findings = Vec::new();
    for rivals in groups.into_values() {
        findings.extend(settle(rivals, &mut dropped, sources));
    }
    if !dropped.is_empty() {
        files.iter().enumerate().try_for_each(|(n, file)| rewrite_without(staged, file, n, &dropped))?;
    }
    Ok(findings)
}

fn reader(file: &Path) -> Result<ParquetRecordBatchReader, ImportError> {
    let open = File::open(file).map_err(|e| CaseError::io(file, e))?;
    Ok(ParquetRecordBatchReaderBuilder::try_new(open)?.build()?)
}

fn collect_rivals(
    batch: &RecordBatch,
    first: RowId,
    conflicts: &BTreeSet<[u8; 16]>,
    groups: &mut BTreeMap<[u8; 16], Vec<Rival>>,
) {
    for row in 0..batch.num_rows() {
        let text = |name| text_at(batch, name, row);
        let Some(id) = text("audit_id").filter(|i| !i.is_empty()) else { continue };
        let key = identity(text("component"), id, text("stage"), text("operation_part"));
        if conflicts.contains(&key) {
            groups.entry(key).or_default().push(rival(batch, row, (first.0, first.1 + row)));
        }
    }
}

fn rival(batch: &RecordBatch, row: usize, id: RowId) -> Rival {
    let mut content = Content::new();
    for column in events::TABLE.columns.iter().filter(|c| !NOT_CONTENT.contains(&c.name)) {
        let value = value_at(batch, column.name, row);
        if !value.is_null() {
            content.insert(column.name.to_owned(), value);
        }
    }
    let number = |name| int_at(batch, name, row).and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    Rival {
        place: Provenance {
            source_id: text_at(batch, "source_id", row).unwrap_or_default().to_owned(),
            offset: number("offset"),
            line: number("line"),
            length: number("length"),
        },
        row: id,
        at: content.get("stage_timestamp").and_then(Value::as_i64).map(Timestamp::from_micros),
        content,
    }
}

fn text_at<'b>(batch: &'b RecordBatch, name: &str, row: usize) -> Option<&'b str> {
    let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
    column.is_valid(row).then(|| column.value(row))
}

fn int_at(batch: &RecordBatch, name: &str, row: usize) -> Option<i64> {
    let column = batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
    column.is_valid(row).then(|| column.value(row))
}

fn value_at(batch: &RecordBatch, name: &str, row: usize) -> Value {
    let Some(column) = batch.column_by_name(name).filter(|c| c.is_valid(row)) else { return Value::Null };
    match column.data_type() {
        DataType::Utf8 => {
            let text = text_at(batch, name, row).unwrap_or_default();
            let parsed = JSON.contains(&name).then(|| serde_json::from_str(text).ok()).flatten();
            parsed.unwrap_or_else(|| text.into())
        }
        DataType::Int64 => int_at(batch, name, row).into(),
        DataType::Int32 => column.as_primitive_opt::<Int32Type>().map(|c| c.value(row)).into(),
        DataType::Boolean => column.as_boolean_opt().map(|c| c.value(row)).into(),
        DataType::Timestamp(..) => column.as_primitive_opt::<TimestampMicrosecondType>().map(|c| c.value(row)).into(),
        DataType::List(_) => {
            let items = column.as_list_opt::<i32>().map(|c| c.value(row));
            let texts = items.as_ref().and_then(|i| i.as_string_opt::<i32>());
            texts.map(|t| t.iter().flatten().map(Value::from).collect()).unwrap_or_default()
        }
        _ => Value::Null,
    }
}

/// Decides about the rows of one identity.
fn settle(mut rivals: Vec<Rival>, dropped: &mut BTreeSet<RowId>, sources: &mut [SourceRow]) -> Option<Finding> {
    rivals.sort_by(|a, b| source_order(&a.place).cmp(&source_order(&b.place)));
    let mut kept: Vec<Rival> = Vec::new();
    for rival in rivals {
        let twin = kept.iter_mut().find_map(|k| match compare(&k.content, &rival.content) {
            Relation::Different => None,
            relation => Some((k, relation)),
        });
        match twin {
            None => kept.push(rival),
            Some((k, Relation::FirstIsTruncated)) => {
                let cut = std::mem::replace(k, rival);
                drop_row(&cut, &k.place, dropped, sources);
            }
            Some((k, _)) => drop_row(&rival, &k.place, dropped, sources),
        }
    }
    let first = kept.first()?;
    if kept.len() < 2 {
        return None;
    }
    let id = first.content.get("audit_id").and_then(Value::as_str).unwrap_or_default();
    Some(Finding {
        severity: Severity::High,
        code: "audit-id-collision",
        message: format!(
            "{} events that say different things share audit ID `{id}` and stage: a client may have chosen it; all are kept",
            kept.len()
        ),
        at: first.at,
        witnesses: kept.iter().map(|k| k.place.clone()).collect(),
    })
}

/// Ids are counted, so `s10` comes after `s9`.
fn source_order(p: &Provenance) -> (usize, &str, u64) {
    (p.source_id.len(), &p.source_id, p.offset)
}

fn drop_row(cut: &Rival, kept: &Provenance, dropped: &mut BTreeSet<RowId>, sources: &mut [SourceRow]) {
    if let Some(source) = sources.iter_mut().find(|s| s.source_id == cut.place.source_id) {
        source.rows = source.rows.saturating_sub(1);
        source.duplicate(&kept.source_id);
    }
    dropped.insert(cut.row);
}

/// Writes a part again without the dropped rows, in the staging folder. Untouched parts stay.
fn rewrite_without(
    staged: &mut Staged<'_>,
    file: &Path,
    number: usize,
    dropped: &BTreeSet<RowId>,
) -> Result<(), ImportError> {
    let all = reader(file)?.collect::<Result<Vec<RecordBatch>, ArrowError>>()?;
    let mut changed = false;
    let mut left = Vec::new();
    let mut first = 0;
    for batch in &all {
        let mask: Vec<bool> = (0..batch.num_rows()).map(|row| !dropped.contains(&(number, first + row))).collect();
        first += batch.num_rows();
        changed |= mask.contains(&false);
        left.push(filter_record_batch(batch, &BooleanArray::from(mask))?);
    }
    if !changed {
        return Ok(());
    }
    let path = replacement(staged, file)?;
    Ok(parquet_file::write(&path, events::TABLE.schema(), &left)?)
}

/// Where the new form of a part goes: over itself when it is new, else beside the case's own.
fn replacement(staged: &mut Staged<'_>, file: &Path) -> Result<PathBuf, ImportError> {
    let Some(relative) =
        staged.case.and_then(|c| file.strip_prefix(c.dir()).ok()).filter(|_| !file.starts_with(staged.staging.dir()))
    else {
        return Ok(file.to_owned());
    };
    let relative = relative.to_owned();
    staged.parts.push(relative.clone());
    Ok(staged.staging.create(&relative)?)
}
