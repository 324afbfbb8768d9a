//! The tables that are kept in the order of their sources (rejects, what snapshots show): the files of all parts are
//! read side by side, and rows go on in the order in which a single import would have written them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};

use super::MergeError;
use super::columns::{conform, count, instant, places, replace, texts};
use super::numbering::{Numbered, Place, Places};
use super::parts::Part;
use crate::case::{CaseError, parquet_file, partition};
use crate::import::source_rows::SourceRow;
use crate::import::staged::Staged;
use crate::tables::schema::Table;

/// Rows that all files together hold in memory at one time, about.
const ROWS: usize = 16_384;

/// Rows that were read.
#[derive(Default)]
pub(super) struct Told {
    /// Rows of each source of each part.
    pub(super) counted: Vec<BTreeMap<String, u64>>,
    /// Rows that were left out of sources that stay but show nothing, by the number of the source.
    pub(super) hidden: BTreeMap<usize, u64>,
}

/// One file, read on as rows are taken.
struct Stream<'s> {
    file: PathBuf,
    part: usize,
    table: &'static Table,
    reader: ParquetRecordBatchReader,
    known: &'s Places,
    batch: Option<RecordBatch>,
    places: Vec<Place>,
    row: usize,
}

/// Writes a table of the merged case, and gives the path of its file inside it. `shown`: its rows are what snapshots
/// show, and carry the time of their source where it has one.
pub(super) fn write(
    staged: &mut Staged<'_>,
    table: &'static Table,
    parts: &[(&Part, &str)],
    numbered: &Numbered,
    shown: bool,
) -> Result<(PathBuf, Told), MergeError> {
    let mut told = Told { counted: parts.iter().map(|_| BTreeMap::new()).collect(), hidden: BTreeMap::new() };
    let relative = Path::new(table.name).join(partition("cluster", staged.cluster)).join("part-00001.parquet");
    let path = staged.staging.create(&relative)?;
    let mut writer = parquet_file::PartWriter::create(&path, table.schema())?;
    let mut streams = open(table, parts, numbered)?;
    loop {
        let mut first: Option<(usize, usize)> = None;
        for (n, stream) in streams.iter_mut().enumerate() {
            if let Some(number) = stream.next(shown, &mut told)? {
                first = Some(first.map_or((number, n), |f| f.min((number, n))));
            }
        }
        let Some((number, n)) = first else { break };
        let (Some(stream), Some(source)) = (streams.get_mut(n), numbered.sources.get(number)) else { break };
        if let Some(rows) = stream.take(number) {
            writer.write(&renamed(&rows, source, shown)?)?;
        }
    }
    writer.close()?;
    Ok((relative, told))
}

fn open<'s>(
    table: &'static Table,
    parts: &[(&Part, &str)],
    numbered: &'s Numbered,
) -> Result<Vec<Stream<'s>>, MergeError> {
    let mut builders = Vec::new();
    for (part, ((from, own), known)) in parts.iter().zip(&numbered.places).enumerate() {
        for file in from.files(table, own)? {
            let open = File::open(&file).map_err(|e| CaseError::io(&file, e))?;
            let builder = ParquetRecordBatchReaderBuilder::try_new(open)?;
            if builder.metadata().file_metadata().num_rows() > 0 {
                builders.push((part, known, file, builder));
            }
        }
    }
    let rows = (ROWS / builders.len().max(1)).clamp(16, 1024);
    let stream = |(part, known, file, builder): (usize, &'s Places, PathBuf, ParquetRecordBatchReaderBuilder<File>)| {
        let reader = builder.with_batch_size(rows).build()?;
        Ok(Stream { file, part, table, reader, known, batch: None, places: Vec::new(), row: 0 })
    };
    builders.into_iter().map(stream).collect()
}

impl Stream<'_> {
    /// The source of the next row that stays; rows before it that do not stay are passed over.
    fn next(&mut self, shown: bool, told: &mut Told) -> Result<Option<usize>, MergeError> {
        loop {
            while let Some(place) = self.places.get(self.row) {
                if place.keeps && (place.shows || !shown) {
                    return Ok(Some(place.number));
                }
                if place.keeps {
                    *told.hidden.entry(place.number).or_default() += 1;
                }
                self.row += 1;
            }
            let Some(batch) = self.reader.next() else {
                self.batch = None;
                self.places.clear();
                return Ok(None);
            };
            let batch = conform(&batch?, self.table, &self.file)?;
            self.places = places(&batch, self.known, &self.file)?;
            self.row = 0;
            if let Some(counts) = told.counted.get_mut(self.part) {
                count(&batch, counts);
            }
            self.batch = Some(batch);
        }
    }

    /// The rows of this source that lie next to one another.
    fn take(&mut self, number: usize) -> Option<RecordBatch> {
        let rest = self.places.get(self.row..)?;
        let rows = rest.iter().take_while(|p| p.keeps && p.number == number).count().max(1);
        let taken = self.batch.as_ref()?.slice(self.row, rows);
        self.row += rows;
        Some(taken)
    }
}

fn renamed(rows: &RecordBatch, source: &SourceRow, shown: bool) -> Result<RecordBatch, MergeError> {
    let count = rows.num_rows();
    let named = replace(rows, "source_id", texts((0..count).map(|_| Some(source.source_id.as_str()))))?;
    match source.observed.filter(|_| shown) {
        None => Ok(named),
        Some(at) => {
            let from = replace(&named, "observed_from", instant(at.from, count))?;
            replace(&from, "observed_to", instant(at.to, count))
        }
    }
}
