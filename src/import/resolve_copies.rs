//! Compares the events that share an identity but not their bytes, once all are written.
//!
//! Copies that only look different (another key order, a truncated body, a format that carries less) are dropped,
//! the fullest kept; events that say different things are all kept and become a finding, because a client may give
//! many requests one audit ID. The rows in question are found by their ids alone and then read some thousand at a
//! time, so that memory does not grow with their number.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection};
use serde_json::Value;

use super::ImportError;
use super::agree::Content;
use super::copies::{Copies, Moved};
use super::dedup::Keying;
use super::settle::{Rival, Sources, settle};
use super::source_rows::SourceRow;
use super::staged::Staged;
use crate::case::{CaseError, parquet_file};
use crate::model::finding::Finding;
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

/// Columns that make up an identity.
pub(super) const IDENTITY: [&str; 4] = ["component", "audit_id", "stage", "operation_part"];
/// Identities whose rows are looked for at one time: an export that holds a whole log again shares them all.
const IDENTITIES: usize = 1 << 20;
/// Rows that are compared at one time, unless one identity has more.
const AT_ONCE: usize = 4096;

/// A row by the number of its file and its number in it. Events that one record quotes share their
/// place in the source, so a place does not tell rows apart.
pub(super) type RowId = (usize, usize);

/// What came of comparing rows.
#[derive(Default)]
pub struct Resolved {
    /// Collisions.
    pub findings: Vec<Finding>,
    /// Events that went from one source to another.
    pub moved: Moved,
}

/// Drops copies among the rows of these identities, counts them in `sources` and writes them down in `copies`, and
/// reports collisions.
///
/// # Errors
/// When a part cannot be read or written.
pub fn resolve(
    staged: &mut Staged<'_>,
    keying: &Keying,
    shared: &[u64],
    sources: &mut [SourceRow],
    copies: &mut Copies,
) -> Result<Resolved, ImportError> {
    let files = staged.event_files()?;
    let mut sources = Sources::new(sources, copies);
    let mut dropped = BTreeSet::new();
    let mut findings = Vec::new();
    for shared in shared.chunks(IDENTITIES) {
        let groups = find_groups(&files, keying, shared)?;
        let mut rest = groups.as_slice();
        while !rest.is_empty() {
            let mut rows = 0_usize;
            let fits = |g: &&Vec<RowId>| {
                rows = rows.saturating_add(g.len());
                rows <= AT_ONCE
            };
            let (now, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            rest = later;
            for rivals in read_groups(&files, now, keying)? {
                findings.extend(settle(rivals, &mut dropped, &mut sources)?);
            }
        }
    }
    let moved = sources.moved;
    for (number, file) in files.iter().enumerate() {
        if dropped.range((number, 0)..(number + 1, 0)).next().is_some() {
            rewrite_without(staged, file, number, &dropped)?;
        }
    }
    Ok(Resolved { findings, moved })
}

/// The rows of each identity that several rows have, identities in the order of their first rows.
fn find_groups(files: &[PathBuf], keying: &Keying, shared: &[u64]) -> Result<Vec<Vec<RowId>>, ImportError> {
    // By the digest and the very words: a digest may bring strangers together.
    let mut groups: HashMap<(u64, [Option<String>; 4]), Vec<RowId>> = HashMap::new();
    for (number, file) in files.iter().enumerate() {
        let mut first = 0;
        for batch in reader(file, Some(&IDENTITY), None)? {
            let batch = batch?;
            for row in 0..batch.num_rows() {
                let [component, id, stage, part] = IDENTITY.map(|name| text_at(&batch, name, row));
                let Some(id) = id.filter(|i| !i.is_empty()) else { continue };
                let identity = keying.identity(component, id, stage, part);
                if shared.binary_search(&identity).is_ok() {
                    let component = component.or(Some("kube-apiserver"));
                    let words = [component, Some(id), stage, part].map(|word| word.map(str::to_owned));
                    groups.entry((identity, words)).or_default().push((number, first + row));
                }
            }
            first += batch.num_rows();
        }
    }
    let mut groups: Vec<Vec<RowId>> = groups.into_values().filter(|rows| rows.len() > 1).collect();
    groups.sort_unstable();
    Ok(groups)
}

/// Reads the rows of some groups.
fn read_groups(files: &[PathBuf], groups: &[Vec<RowId>], keying: &Keying) -> Result<Vec<Vec<Rival>>, ImportError> {
    let mut wanted: BTreeMap<RowId, usize> = BTreeMap::new();
    for (group, rows) in groups.iter().enumerate() {
        wanted.extend(rows.iter().map(|row| (*row, group)));
    }
    let mut rivals: Vec<Vec<Rival>> = groups.iter().map(|_| Vec::new()).collect();
    // Of very many rows only digests are held: then only equal ones are copies, and all others are kept.
    let whole = |group: usize| groups.get(group).is_some_and(|rows| rows.len() <= AT_ONCE);
    // The names of the columns that are compared, in the table's order.
    let columns: Vec<Option<&str>> =
        events::TABLE.columns.iter().map(|c| Some(c.name).filter(|n| !NOT_CONTENT.contains(n))).collect();
    for (number, file) in files.iter().enumerate() {
        let rows: Vec<(usize, usize)> =
            wanted.range((number, 0)..(number + 1, 0)).map(|((_, row), group)| (*row, *group)).collect();
        if rows.is_empty() {
            continue;
        }
        let mut next = rows.iter();
        let ranges = rows.iter().map(|(row, _)| *row..row + 1).collect();
        for batch in reader(file, None, Some(ranges))? {
            let batch = batch?;
            for (at, (row, group)) in (0..batch.num_rows()).zip(next.by_ref()) {
                if let Some(rivals) = rivals.get_mut(*group) {
                    rivals.push(rival(&batch, at, &columns, (number, *row), whole(*group), keying));
                }
            }
        }
    }
    Ok(rivals)
}

fn reader(
    file: &Path,
    columns: Option<&[&str]>,
    rows: Option<Vec<Range<usize>>>,
) -> Result<ParquetRecordBatchReader, ImportError> {
    let open = File::open(file).map_err(|e| CaseError::io(file, e))?;
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(open)?;
    if let Some(columns) = columns {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    if let Some(rows) = rows {
        let total = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
        builder = builder.with_row_selection(RowSelection::from_consecutive_ranges(rows.into_iter(), total));
    }
    Ok(builder.build()?)
}

fn rival(batch: &RecordBatch, row: usize, columns: &[Option<&str>], id: RowId, whole: bool, keying: &Keying) -> Rival {
    let mut content = Content::new();
    // All columns were read, in the table's order.
    for (name, values) in columns.iter().zip(batch.columns()).filter_map(|(name, values)| Some(((*name)?, values))) {
        let value = value_at(values, name, row);
        if !value.is_null() {
            content.insert(name.to_owned(), value);
        }
    }
    let number = |name| int_at(batch, name, row).and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    let words = IDENTITY.map(|name| text_at(batch, name, row));
    let [component, audit_id, stage, part] = words;
    Rival {
        place: Provenance {
            source_id: text_at(batch, "source_id", row).unwrap_or_default().to_owned(),
            offset: number("offset"),
            line: number("line"),
            length: number("length"),
        },
        row: id,
        at: content.get("stage_timestamp").and_then(Value::as_i64).map(Timestamp::from_micros),
        identity: keying.identity(component, audit_id.unwrap_or_default(), stage, part),
        words: words.map(|word| word.map(str::to_owned)),
        digest: keying.content(Value::Object(content.clone()).to_string().as_bytes()),
        content: whole.then_some(content),
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

fn value_at(column: &ArrayRef, name: &str, row: usize) -> Value {
    if !column.is_valid(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Utf8 => {
            let text = column.as_string_opt::<i32>().map(|c| c.value(row)).unwrap_or_default();
            let parsed = JSON.contains(&name).then(|| serde_json::from_str(text).ok()).flatten();
            parsed.unwrap_or_else(|| text.into())
        }
        DataType::Int64 => column.as_primitive_opt::<Int64Type>().map(|c| c.value(row)).into(),
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

/// Writes a part again without the dropped rows, in the staging folder.
fn rewrite_without(
    staged: &mut Staged<'_>,
    file: &Path,
    number: usize,
    dropped: &BTreeSet<RowId>,
) -> Result<(), ImportError> {
    let path = replacement(staged, file)?;
    // A part may be written over itself: read to the end first.
    let fresh = path.with_extension("rewritten");
    let mut writer = parquet_file::PartWriter::create(&fresh, events::TABLE.schema())?;
    let mut first = 0;
    for batch in reader(file, None, None)? {
        let batch = batch?;
        let mask: Vec<bool> = (0..batch.num_rows()).map(|row| !dropped.contains(&(number, first + row))).collect();
        first += batch.num_rows();
        writer.write(&filter_record_batch(&batch, &BooleanArray::from(mask))?)?;
    }
    writer.close()?;
    Ok(fs::rename(&fresh, &path).map_err(|e| CaseError::io(&path, e))?)
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
