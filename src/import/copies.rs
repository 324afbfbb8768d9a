//! Which records were left out, and which sources hold what they say.
//!
//! A copy is told against what was read before it; the row it was told by may later turn out to be a copy itself, of a
//! fuller record or of one in another part of a merge. Then `sources.duplicate_of` must name the source that is kept in
//! the end. So each copy is written down when it is told, and all are gone through once more when everything is known.
//! Traded for it: about 16 bytes on disk for each copy.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::ImportError;
use super::dedup::Keying;
use super::source_rows::SourceRow;
use super::staged::Staged;
use crate::case::{CaseError, parquet_file, partition};
use crate::tables::build::{Cell, TableBuilder};
use crate::tables::copies::TABLE;

/// Rows that are held before they are written.
const AT_ONCE: usize = 65_536;
/// Steps from one source to the next that holds a record; more would be a circle.
const STEPS: usize = 64;

/// What was left out.
#[derive(Clone, Copy, Debug)]
pub enum What<'w> {
    /// An event, by component, audit ID, stage and part of the operation.
    Event([Option<&'w str>; 4]),
    /// A line of the authenticator's log, by all it says.
    Line(&'w str),
    /// What a snapshot shows.
    Shown,
}

/// Copies on their way to a file.
pub struct Copies {
    path: PathBuf,
    file: Option<parquet_file::PartWriter>,
    rows: TableBuilder,
}

impl Copies {
    /// None yet; a file of this name is made in `dir` once there are some.
    pub fn new(dir: &Path, name: &str) -> Self {
        Self { path: dir.join(name), file: None, rows: TableBuilder::new(&TABLE) }
    }

    /// Writes down a copy: read from `source`, kept in `kept`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn push(&mut self, source: &str, kept: &str, what: What<'_>) -> Result<(), ImportError> {
        let ([component, id, stage, part], line) = match what {
            What::Event(words) => (words, None),
            What::Line(key) => ([None; 4], Some(key)),
            What::Shown => ([None; 4], None),
        };
        let words = [component, id, stage, part, line].map(Cell::text);
        let [component, id, stage, part, line] = words;
        self.rows.push([Cell::Text(source), Cell::Text(kept), component, id, stage, part, line])?;
        if self.rows.len() >= AT_ONCE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ImportError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::replace(&mut self.rows, TableBuilder::new(&TABLE)).finish()?;
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(parquet_file::PartWriter::create(&self.path, TABLE.schema())?),
        };
        Ok(file.write(&rows)?)
    }

    /// Completes the file; `None` when there were none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close(mut self) -> Result<Option<PathBuf>, ImportError> {
        self.flush()?;
        let Some(file) = self.file else { return Ok(None) };
        file.close()?;
        Ok(Some(self.path))
    }
}

/// Events that went from one source to another when rows were compared: by identity and the number of the source that
/// had the row, the number of the one that keeps it.
#[derive(Default)]
pub struct Moved(HashMap<(u64, usize), usize>);

impl Moved {
    /// An event went. Of several that went from one source, the first source tells.
    pub fn went(&mut self, identity: u64, from: usize, to: usize) {
        self.0.entry((identity, from)).and_modify(|known| *known = (*known).min(to)).or_insert(to);
    }

    /// The source that keeps an event.
    fn keeper(&self, identity: u64, mut source: usize) -> usize {
        for _ in 0..STEPS {
            match self.0.get(&(identity, source)) {
                Some(next) if *next != source => source = *next,
                _ => break,
            }
        }
        source
    }
}

/// What a source's id in a file stands for.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// The number of the source.
    pub number: usize,
    /// Whether copies that were read from it are told.
    pub keeps: bool,
}

/// A file of copies.
pub struct Feed<'f> {
    /// Where it is.
    pub file: PathBuf,
    /// Its sources.
    pub names: &'f HashMap<String, Named>,
    /// Whether its rows were told before all rows were compared.
    pub early: bool,
}

/// What is known when all rows are compared.
pub struct Known<'k> {
    /// Makes identities.
    pub keying: &'k Keying,
    /// Events that went from one source to another.
    pub moved: &'k Moved,
    /// Lines of the authenticator's log by their keys, with the first source that has each; where they were compared
    /// anew.
    pub lines: HashMap<String, usize>,
}

/// One row of a file of copies.
struct Row<'r> {
    source: Named,
    kept: usize,
    event: [Option<&'r str>; 4],
    line: Option<&'r str>,
}

/// Writes the table of the case from these files, and gives `duplicate_of` of the sources.
///
/// # Errors
/// When a file cannot be read or written.
pub fn conclude(
    staged: &mut Staged<'_>,
    feeds: &[Feed<'_>],
    known: &Known<'_>,
    sources: &mut [SourceRow],
) -> Result<(), ImportError> {
    if feeds.is_empty() {
        return Ok(());
    }
    let folder = Path::new(TABLE.name).join(partition("cluster", staged.cluster));
    let path = staged.staging.create(&folder.join("part-00000.parquet"))?;
    let ids: Vec<String> = sources.iter().map(|s| s.source_id.clone()).collect();
    let mut held: Vec<(u64, BTreeSet<usize>)> = sources.iter().map(|_| Default::default()).collect();
    let id = |n: usize| ids.get(n).map(String::as_str).unwrap_or_default();
    // Not over a file that is read.
    let fresh = path.with_extension("rewritten");
    let mut out = Copies { path: fresh.clone(), file: None, rows: TableBuilder::new(&TABLE) };
    for feed in feeds {
        each(feed, &mut |row: Row<'_>| {
            let kept = known.keeper(&row, feed.early);
            let what = match row.line {
                Some(line) => What::Line(line),
                None if row.event.iter().any(Option::is_some) => What::Event(row.event),
                None => What::Shown,
            };
            if let Some((times, of)) = held.get_mut(row.source.number) {
                *times += 1;
                of.insert(kept);
            }
            out.push(id(row.source.number), id(kept), what)
        })?;
    }
    match out.close()? {
        Some(fresh) => fs::rename(&fresh, &path).map_err(|e| CaseError::io(&path, e))?,
        None => parquet_file::write(&path, TABLE.schema(), &[])?,
    }
    for (source, (times, of)) in sources.iter_mut().zip(held) {
        let mut all: BTreeSet<String> = of.into_iter().map(|n| id(n).to_owned()).collect();
        // Cases of earlier versions did not write copies down.
        if times != source.duplicates {
            all.extend(std::mem::take(&mut source.duplicate_of));
        }
        source.duplicate_of = all.into_iter().collect();
    }
    Ok(())
}

/// The same at the end of an import: from what the case has, what was told while files were read (`early`), and what
/// was told when rows were compared (`settled`).
///
/// # Errors
/// When a file cannot be read, written or removed.
pub fn after_import(
    staged: &mut Staged<'_>,
    (early, settled): (Copies, Copies),
    (keying, moved): (&Keying, &Moved),
    sources: &mut [SourceRow],
) -> Result<(), ImportError> {
    let (early, settled) = (early.close()?, settled.close()?);
    let before = staged.case.map(|c| c.files(&TABLE, Some(staged.cluster))).transpose()?.unwrap_or_default();
    let names = own_names(sources);
    let feed = |file: &PathBuf, early| Feed { file: file.clone(), names: &names, early };
    let told_early = before.iter().chain(&early).map(|file| feed(file, true));
    let feeds: Vec<Feed<'_>> = told_early.chain(settled.iter().map(|file| feed(file, false))).collect();
    conclude(staged, &feeds, &Known { keying, moved, lines: HashMap::new() }, sources)?;
    // The folder they lie in becomes part of the case.
    early.iter().chain(&settled).try_for_each(|file| Ok(fs::remove_file(file).map_err(|e| CaseError::io(file, e))?))
}

impl Known<'_> {
    fn keeper(&self, row: &Row<'_>, early: bool) -> usize {
        match (row.line, row.event) {
            (Some(line), _) => self.lines.get(line).copied().unwrap_or(row.kept),
            (None, [component, Some(id), stage, part]) if early => {
                self.moved.keeper(self.keying.identity(component, id, stage, part), row.kept)
            }
            _ => row.kept,
        }
    }
}

/// Registers the events that these sources left to others, by their numbers.
///
/// # Errors
/// When the file cannot be read.
pub fn left_by(
    feed: &Feed<'_>,
    wanted: &BTreeSet<usize>,
    keying: &Keying,
    moved: &mut Moved,
) -> Result<(), ImportError> {
    each(feed, &mut |row: Row<'_>| {
        if let ([component, Some(id), stage, part], true) = (row.event, wanted.contains(&row.source.number)) {
            moved.went(keying.identity(component, id, stage, part), row.source.number, row.kept);
        }
        Ok(())
    })
}

fn each(feed: &Feed<'_>, take: &mut dyn FnMut(Row<'_>) -> Result<(), ImportError>) -> Result<(), ImportError> {
    let open = File::open(&feed.file).map_err(|e| CaseError::io(&feed.file, e))?;
    for batch in ParquetRecordBatchReaderBuilder::try_new(open)?.with_batch_size(8192).build()? {
        let batch = batch?;
        let column = |name| texts(&batch, name);
        let (source, kept, line) = (column("source_id"), column("kept_source_id"), column("line_key"));
        let words = ["component", "audit_id", "stage", "operation_part"].map(column);
        for row in 0..batch.num_rows() {
            let named = |c: Option<&StringArray>| feed.names.get(at(c, row)?).copied();
            let (Some(source), Some(kept)) = (named(source), named(kept)) else { continue };
            if source.keeps {
                let event = words.map(|c| at(c, row));
                take(Row { source, kept: kept.number, event, line: at(line, row) })?;
            }
        }
    }
    Ok(())
}

fn texts<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}

fn at(column: Option<&StringArray>, row: usize) -> Option<&str> {
    column.filter(|c| c.is_valid(row)).map(|c| c.value(row))
}

/// The names of sources in files of the case itself.
pub fn own_names(sources: &[SourceRow]) -> HashMap<String, Named> {
    sources.iter().enumerate().map(|(number, s)| (s.source_id.clone(), Named { number, keeps: true })).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::case::commit::Staging;

    fn source(id: &str, duplicates: u64) -> SourceRow {
        SourceRow { source_id: id.to_owned(), duplicates, ..SourceRow::default() }
    }

    #[test]
    fn what_went_is_followed_to_its_end_and_never_in_circles() {
        let mut moved = Moved::default();
        moved.went(1, 5, 4);
        moved.went(1, 4, 2);
        moved.went(1, 4, 3);
        assert_eq!([moved.keeper(1, 5), moved.keeper(1, 4), moved.keeper(1, 2), moved.keeper(2, 5)], [2, 2, 2, 5]);
        moved.went(7, 1, 2);
        moved.went(7, 2, 1);
        assert!([1, 2].contains(&moved.keeper(7, 1)));
    }

    #[test]
    fn copies_name_the_source_that_keeps_the_row_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let mut staging = Staging::begin(&dir.path().join("case")).unwrap();
        let keying = Keying::new();
        let event = |id| [None, Some(id), Some("ResponseComplete"), None];
        let mut early = Copies::new(staging.dir(), "early");
        early.push("s3", "s2", What::Event(event("a"))).unwrap();
        early.push("s3", "s2", What::Event(event("b"))).unwrap();
        early.push("s4", "s2", What::Line("line")).unwrap();
        early.push("s4", "s3", What::Shown).unwrap();
        early.push("s9", "s2", What::Event(event("a"))).unwrap();
        let early = early.close().unwrap().unwrap();
        let mut settled = Copies::new(staging.dir(), "settled");
        settled.push("s2", "s1", What::Event(event("a"))).unwrap();
        let settled = settled.close().unwrap().unwrap();
        assert_eq!(Copies::new(staging.dir(), "none").close().unwrap(), None);

        let mut sources = vec![source("s1", 0), source("s2", 1), source("s3", 2), source("s4", 2), source("s5", 3)];
        sources[4].duplicate_of = vec!["s1".to_owned()];
        let names = own_names(&sources);
        let feeds =
            [Feed { file: early, names: &names, early: true }, Feed { file: settled, names: &names, early: false }];
        let mut moved = Moved::default();
        moved.went(keying.identity(Some("kube-apiserver"), "a", Some("ResponseComplete"), None), 1, 0);
        let known = Known { keying: &keying, moved: &moved, lines: HashMap::from([("line".to_owned(), 0)]) };
        let mut staged = Staged { case: None, staging: &mut staging, cluster: "c", parts: Vec::new() };
        conclude(&mut staged, &feeds, &known, &mut sources).unwrap();
        let told: Vec<String> = sources.iter().map(|s| s.duplicate_of.join(" ")).collect();
        // The last was counted by a version that wrote nothing down.
        assert_eq!(told, ["", "s1", "s1 s2", "s1 s3", "s1"]);
    }
}
