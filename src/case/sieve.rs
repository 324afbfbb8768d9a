//! Rows of a table that few pass, file by file.
//!
//! polars reads all columns of many files and filters then. Here the columns of the predicate are read first, the others
//! only where a row passed, and what passed lets go of the pages that it lay in: a question that finds some hundred of
//! ten million events holds those and a few files. Traded for it: every file is planned by itself, and the partition
//! columns are not there, since with this way of reading polars 0.46 gives them the length they had before the filter.

use std::path::Path;

use memchr::memmem::Finder;
use polars::io::HiveOptions;
use polars::prelude::*;
use rayon::prelude::*;

use super::read::{damaged, empty};
use super::{Case, CaseError, texts};
use crate::model::time::Interval;
use crate::tables::schema::Table;

/// Which rows and columns are wanted.
pub struct Sieve<'s> {
    /// Files of other days are left out. Which of their rows lie in the stretch is for the predicate to say.
    pub within: Interval,
    /// What must be true of a row; nothing: all pass.
    pub predicate: Option<Expr>,
    /// Columns of texts, and what one of them must hold. They are read last, or alone.
    pub text: Option<(&'s [&'s str], &'s str)>,
    /// The columns to be had, in this order.
    pub columns: &'s [&'s str],
}

impl Case {
    /// The rows that pass, in the order of the files.
    ///
    /// # Errors
    /// When the files cannot be listed or read.
    pub fn sift(&self, table: &Table, cluster: &str, sieve: &Sieve<'_>) -> Result<DataFrame, CaseError> {
        let files = self.files_within(table, Some(cluster), sieve.within)?;
        let failed = |e: PolarsError| damaged(table, &e);
        let passed: Vec<DataFrame> = files
            .par_iter()
            .filter_map(|file| sieve.file(table, file).transpose())
            .collect::<Result<_, CaseError>>()?;
        let mut frames = passed.into_iter();
        let Some(mut all) = frames.next() else {
            return empty(table).select(sieve.kept()).collect().map_err(failed);
        };
        for frame in frames {
            all.vstack_mut(&frame).map_err(failed)?;
        }
        all.as_single_chunk_par();
        Ok(all)
    }
}

impl Sieve<'_> {
    fn kept(&self) -> Vec<Expr> {
        self.columns.iter().map(|name| col(*name)).collect()
    }

    /// What passes of a file, if anything does.
    fn file(&self, table: &Table, file: &Path) -> Result<Option<DataFrame>, CaseError> {
        let failed = |e: PolarsError| damaged(table, &e);
        let passed = match (&self.predicate, self.text) {
            (Some(predicate), text) => self.some(scan(file).map_err(failed)?, predicate.clone(), text),
            (None, Some((columns, text))) => {
                let rows = texts::rows(file, columns, text)
                    .map_err(|e| CaseError::Table { table: table.name.to_owned(), reason: e.to_string() })?;
                if !rows.contains(&true) {
                    return Ok(None);
                }
                let all = scan(file).map_err(failed)?.select(self.kept()).collect();
                all.and_then(|all| all.filter(&rows.into_iter().collect()))
            }
            (None, None) => scan(file).map_err(failed)?.select(self.kept()).collect(),
        };
        let passed = passed.map_err(failed)?;
        if passed.height() == 0 {
            return Ok(None);
        }
        let filtered = self.predicate.is_some() || self.text.is_some();
        Ok(Some(if filtered { let_go(&passed).map_err(failed)? } else { passed }))
    }

    /// What passes the predicate, and then holds the text.
    fn some(&self, scan: LazyFrame, predicate: Expr, text: Option<(&[&str], &str)>) -> PolarsResult<DataFrame> {
        let searched = text.map(|(columns, _)| columns).unwrap_or_default();
        let more = searched.iter().filter(|c| !self.columns.contains(c)).map(|c| col(*c));
        let read: Vec<Expr> = self.kept().into_iter().chain(more).collect();
        let frame = scan.filter(predicate).select(read).collect()?;
        let Some((columns, text)) = text else { return Ok(frame) };
        let finder = Finder::new(text);
        let mut holds = vec![false; frame.height()];
        for column in columns {
            for (holds, text) in holds.iter_mut().zip(frame.column(column)?.str()?) {
                *holds |= text.is_some_and(|t| finder.find(t.as_bytes()).is_some());
            }
        }
        frame.select(self.columns.iter().copied())?.filter(&holds.into_iter().collect())
    }
}

fn scan(file: &Path) -> PolarsResult<LazyFrame> {
    let args = ScanArgsParquet {
        hive_options: HiveOptions { enabled: Some(false), ..HiveOptions::default() },
        glob: false,
        parallel: ParallelStrategy::Prefiltered,
        ..Default::default()
    };
    LazyFrame::scan_parquet_files([file.to_owned()].into(), args)
}

/// A copy of what passed. Few rows have the room of all rows of their file, and their texts keep whole pages.
fn let_go(frame: &DataFrame) -> PolarsResult<DataFrame> {
    let every: IdxCa = (0..IdxSize::try_from(frame.height()).unwrap_or(IdxSize::MAX)).map(Some).collect();
    let compact = |column: Column| {
        let Ok(texts) = column.str() else { return column };
        if !texts.downcast_iter().any(|a| a.total_buffer_len() / 2 > a.total_bytes_len()) {
            return column;
        }
        let chunks = texts.downcast_iter().map(|array| array.clone().gc());
        StringChunked::from_chunk_iter(texts.name().clone(), chunks).into_column()
    };
    Ok(frame.take(&every)?.take_columns().into_iter().map(compact).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    /// A case with a table `rejects` of two days, and what passes of it.
    fn passed(sieve: &Sieve<'_>) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let table = &crate::tables::rejects::TABLE;
        for (day, ids, samples) in [
            ("2026-01-01", ["a", "b", "c"], [Some("x needle y"), None, Some("need")]),
            ("2026-01-02", ["d", "e", "f"], [Some("le"), Some("needle"), Some("")]),
        ] {
            let folder = dir.path().join(format!("{}/cluster=lab/date={day}", table.name));
            std::fs::create_dir_all(&folder).unwrap();
            let columns = vec![
                Column::new("source_id".into(), ids),
                Column::new("reason".into(), samples),
                Column::new("line".into(), [1_i64, 2, 3]),
            ];
            let file = std::fs::File::create(folder.join("part-1.parquet")).unwrap();
            let writer = ParquetWriter::new(file).with_row_group_size(Some(2));
            writer.finish(&mut DataFrame::new(columns).unwrap()).unwrap();
        }
        let case = Case { dir: dir.path().to_owned(), manifest: Default::default() };
        let frame = case.sift(table, "lab", sieve).unwrap();
        assert_eq!(frame.get_column_names(), sieve.columns);
        frame.column("source_id").unwrap().str().unwrap().iter().flatten().map(str::to_owned).collect()
    }

    fn sieve<'s>(predicate: Option<Expr>, text: Option<&'s str>) -> Sieve<'s> {
        let text = text.map(|text| (["reason"].as_slice(), text));
        Sieve { within: Interval::ALWAYS, predicate, text, columns: &["source_id"] }
    }

    #[test]
    fn predicates_and_texts_hold_together_and_alone() {
        let second = || Some(col("line").gt_eq(lit(2)));
        assert_eq!(passed(&sieve(None, None)), ["a", "b", "c", "d", "e", "f"]);
        assert_eq!(passed(&sieve(second(), None)), ["b", "c", "e", "f"]);
        assert_eq!(passed(&sieve(None, Some("needle"))), ["a", "e"]);
        assert_eq!(passed(&sieve(None, Some(""))), ["a", "c", "d", "e", "f"]);
        assert_eq!(passed(&sieve(second(), Some("needle"))), ["e"]);
        assert_eq!(passed(&sieve(second(), Some("need"))), ["c", "e"]);
        assert!(passed(&sieve(None, Some("nowhere"))).is_empty());
    }

    #[test]
    fn other_days_are_not_read() {
        let day = |from: &str, to: &str| Interval::new(from.parse().unwrap(), to.parse().unwrap());
        let within = |within| Sieve { within, ..sieve(None, None) };
        assert_eq!(passed(&within(day("2026-01-02", "2026-01-03"))), ["d", "e", "f"]);
        assert_eq!(passed(&within(day("2025-01-01", "2026-01-01 10:00"))), ["a", "b", "c"]);
        assert!(passed(&within(day("2027-01-01", "2028-01-01"))).is_empty());
    }
}
