//! The events of all parts under their new source ids, file by file: what is held is some batches, however large the
//! parts are. Identities are registered on the way, so that copies over parts are found as copies over imports are.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rayon::prelude::*;

use super::MergeError;
use super::columns::{conform, count, places, replace, texts};
use super::numbering::{Numbered, Places};
use super::parts::Part;
use crate::case::{CaseError, parquet_file, partition};
use crate::import::ImportError;
use crate::import::dedup::{Keying, Seen};
use crate::import::staged::Staged;
use crate::model::progress::Progress;
use crate::tables::events::TABLE;

/// A file of a part, and where its rows go.
struct Job<'j> {
    from: PathBuf,
    part: usize,
    places: &'j Places,
    to: PathBuf,
}

/// What came out of a file.
struct Done {
    rows: u64,
    identities: Vec<u64>,
    /// Rows by the sources of the part.
    counted: BTreeMap<String, u64>,
}

/// Rows of each source as its part has them.
pub(super) type Counted = Vec<BTreeMap<String, u64>>;

/// Writes the events of a cluster into the staging folder and registers them in `seen`. `parts` are those that hold
/// the cluster, with their own name of it; gives how many rows each source of each part has.
pub(super) fn write(
    staged: &mut Staged<'_>,
    parts: &[(&Part, &str)],
    numbered: &Numbered,
    (keying, seen): (&Keying, &mut Seen),
    progress: &dyn Progress,
) -> Result<Counted, MergeError> {
    let mut counted: Counted = parts.iter().map(|_| BTreeMap::new()).collect();
    let jobs = jobs(staged.cluster, parts, numbered)?;
    let room = staged.staging.dir().to_owned();
    let ids: Vec<&str> = numbered.sources.iter().map(|s| s.source_id.as_str()).collect();
    for some in jobs.chunks(rayon::current_num_threads().max(1)) {
        let run = |job: &Job<'_>| job.run(&room, &ids, keying, progress);
        let done: Vec<Done> = some.par_iter().map(run).collect::<Result<_, _>>()?;
        for (job, done) in some.iter().zip(done) {
            for identity in done.identities {
                seen.earlier(identity).map_err(ImportError::aside)?;
            }
            if done.rows > 0 {
                staged.staging.create(&job.to)?;
                staged.parts.push(job.to.clone());
            }
            for (id, rows) in done.counted {
                if let Some(counts) = counted.get_mut(job.part) {
                    *counts.entry(id).or_default() += rows;
                }
            }
        }
    }
    Ok(counted)
}

/// All files, numbered through: rows stay with those that they were written with, in the folder of their day.
fn jobs<'j>(cluster: &str, parts: &[(&Part, &str)], numbered: &'j Numbered) -> Result<Vec<Job<'j>>, MergeError> {
    let mut jobs = Vec::new();
    for (part, ((from, own), places)) in parts.iter().zip(&numbered.places).enumerate() {
        for file in from.files(&TABLE, own)? {
            let day = file.parent().and_then(Path::file_name).unwrap_or_default();
            let to = Path::new(TABLE.name)
                .join(partition("cluster", cluster))
                .join(day)
                .join(format!("part-00001-{:05}.parquet", jobs.len()));
            jobs.push(Job { from: file, part, places, to });
        }
    }
    Ok(jobs)
}

impl Job<'_> {
    fn run(&self, room: &Path, ids: &[&str], keying: &Keying, progress: &dyn Progress) -> Result<Done, MergeError> {
        let mut done = Done { rows: 0, identities: Vec::new(), counted: BTreeMap::new() };
        let open = File::open(&self.from).map_err(|e| CaseError::io(&self.from, e))?;
        let size = open.metadata().map_or(0, |m| m.len());
        let mut writer: Option<parquet_file::PartWriter> = None;
        for batch in ParquetRecordBatchReaderBuilder::try_new(open)?.build()? {
            let batch = self.rewrite(&conform(&batch?, &TABLE, &self.from)?, ids, &mut done)?;
            if batch.num_rows() == 0 {
                continue;
            }
            register(&batch, keying, &mut done.identities);
            let to = match &mut writer {
                Some(writer) => writer,
                None => writer.insert(create(&room.join(&self.to))?),
            };
            to.write(&batch)?;
            done.rows += batch.num_rows() as u64;
            progress.rows(batch.num_rows() as u64);
        }
        if let Some(writer) = writer {
            writer.close()?;
        }
        progress.advance(size);
        Ok(done)
    }

    /// The rows that stay, under their new ids.
    fn rewrite(&self, batch: &RecordBatch, ids: &[&str], done: &mut Done) -> Result<RecordBatch, MergeError> {
        let places = places(batch, self.places, &self.from)?;
        count(batch, &mut done.counted);
        let new = texts(places.iter().map(|p| ids.get(p.number).copied()));
        let batch = replace(batch, "source_id", new)?;
        if places.iter().all(|p| p.keeps) {
            return Ok(batch);
        }
        let mask: BooleanArray = places.iter().map(|p| Some(p.keeps)).collect();
        Ok(filter_record_batch(&batch, &mask)?)
    }
}

fn create(path: &Path) -> Result<parquet_file::PartWriter, MergeError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| CaseError::io(folder, e))?;
    }
    Ok(parquet_file::PartWriter::create(path, TABLE.schema())?)
}

fn register(batch: &RecordBatch, keying: &Keying, identities: &mut Vec<u64>) {
    let column = |name| batch.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
    let text = |name, row| column(name).filter(|c| c.is_valid(row)).map(|c| c.value(row));
    for row in 0..batch.num_rows() {
        if let Some(id) = text("audit_id", row).filter(|id| !id.is_empty()) {
            let [component, stage, part] = ["component", "stage", "operation_part"].map(|name| text(name, row));
            identities.push(keying.identity(component, id, stage, part));
        }
    }
}
