//! Renderers: an answer in, text or bytes out, one file for each output format. They decide nothing about
//! the answer; they only keep it whole and harmless. Evidence is escaped here and nowhere earlier, so that
//! the machine formats still carry it exactly.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::str::FromStr;

use crate::answer::Answer;

mod csv_rows;
pub mod escape;
pub mod json;
mod parquet_rows;
mod table;
mod value;
pub mod yaml;

#[cfg(test)]
mod testing;

/// An output format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, without the wide ones
    #[default]
    Table,
    /// Aligned columns, all of them
    Wide,
    /// One JSON object: question, time, basis, notes and rows
    Json,
    /// One JSON object for each row, one a line
    Jsonl,
    /// CSV with a header (RFC 4180)
    Csv,
    /// The rows as one Parquet file
    Parquet,
}

/// A word that names no output format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an output format: use table, wide, json, jsonl, csv or parquet")]
pub struct UnknownFormat(String);

impl Format {
    /// Every format, in the order of the help.
    pub const ALL: [Self; 6] = [Self::Table, Self::Wide, Self::Json, Self::Jsonl, Self::Csv, Self::Parquet];

    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Wide => "wide",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// Whether programs read it: it may then carry what would bury a table, such as object bodies.
    pub const fn is_for_machines(self) -> bool {
        !matches!(self, Self::Table | Self::Wide)
    }

    /// Whether the output carries notes, time and basis beside the rows where a reader sees them; for the other
    /// formats the caller should say them elsewhere.
    pub const fn shows_notes(self) -> bool {
        matches!(self, Self::Table | Self::Wide | Self::Json)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|f| f.as_str() == word).ok_or_else(|| UnknownFormat(word.to_owned()))
    }
}

/// What the place of output allows. Only `table` and `wide` look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether ANSI styles may be used.
    pub color: bool,
    /// Columns of the terminal, when it is one: notes are broken at spaces to fit. Values are never broken.
    pub width: Option<usize>,
}

/// What had to be done to the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RenderReport {
    /// CSV cells that got an apostrophe, see [`escape::csv_cell`].
    pub csv_cells_neutralised: u64,
    /// CSV cells whose control or invisible characters are written as escapes.
    pub csv_cells_escaped: u64,
}

/// Why an answer could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The output took no more.
    #[error("cannot write the output: {0}")]
    Write(#[from] io::Error),
    /// The rows did not go into a Parquet file.
    #[error("cannot make a Parquet file of the rows: {0}; use `-o jsonl`, which takes every row")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A row does not fit the columns: a fault of the question's code, never shown as a shorter row.
    #[error("row {row} of the answer has {found} values, expected {expected}; please report this")]
    Ragged {
        /// The row, counted from 1.
        row: usize,
        /// How many columns the answer has.
        expected: usize,
        /// How many values the row has.
        found: usize,
    },
}

impl RenderError {
    /// Whether the reader went away, as `head` does: no reason to complain.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write(e) if e.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Writes an answer in a format. The same answer gives the same bytes.
///
/// # Errors
/// When `out` fails, when a row is longer or shorter than the columns, or when Parquet cannot hold a value.
pub fn render(
    answer: &Answer,
    format: Format,
    style: &Style,
    out: &mut dyn Write,
) -> Result<RenderReport, RenderError> {
    let expected = answer.columns.len();
    if let Some((i, row)) = answer.rows.iter().enumerate().find(|(_, row)| row.len() != expected) {
        return Err(RenderError::Ragged { row: i.saturating_add(1), expected, found: row.len() });
    }
    let mut out = BufWriter::new(out);
    let mut report = RenderReport::default();
    match format {
        Format::Table => table::write(answer, false, style, &mut out)?,
        Format::Wide => table::write(answer, true, style, &mut out)?,
        Format::Json => json::whole(answer, &mut out)?,
        Format::Jsonl => json::lines(answer, &mut out)?,
        Format::Csv => report = csv_rows::write(answer, &mut out)?,
        Format::Parquet => out.write_all(&parquet_rows::file(answer)?)?,
    }
    out.flush()?;
    Ok(report)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::answer::Value;
    use crate::render::testing::{any_answer, sample};
    use clap::ValueEnum;
    use proptest::prelude::*;

    #[test]
    fn every_format_is_named_alike_for_clap_and_for_parse() {
        assert_eq!(Format::value_variants(), Format::ALL);
        for format in Format::ALL {
            assert_eq!(format.to_possible_value().unwrap().get_name(), format.as_str());
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        let err = "yaml".parse::<Format>().unwrap_err();
        assert!(err.to_string().starts_with("`yaml` is not an output format: use table"));
    }

    /// Takes some bytes, then fails.
    struct Closed(usize, io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(self.1.into());
            }
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_told_from_a_full_disk_in_every_format() {
        let mut answer = sample();
        answer.rows = answer.rows.iter().cycle().take(2000).cloned().collect();
        for format in Format::ALL {
            for room in [0, 100, 20_000] {
                let fail = |kind| match render(&answer, format, &Style::default(), &mut Closed(room, kind)) {
                    // A small file may fit.
                    Ok(_) => None,
                    Err(e) => Some(e.is_broken_pipe()),
                };
                assert_ne!(fail(io::ErrorKind::BrokenPipe), Some(false), "{format} {room}");
                assert_ne!(fail(io::ErrorKind::StorageFull), Some(true), "{format} {room}");
                assert!(room > 100 || fail(io::ErrorKind::StorageFull) == Some(false), "{format} {room}");
            }
        }
    }

    #[test]
    fn a_row_that_does_not_fit_is_refused_in_every_format() {
        let mut answer = sample();
        answer.rows[1].push(Value::Null);
        for format in Format::ALL {
            let mut out = Vec::new();
            let err = render(&answer, format, &Style::default(), &mut out).unwrap_err();
            assert_eq!(err.to_string(), "row 2 of the answer has 6 values, expected 5; please report this");
            assert!(out.is_empty());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn the_same_answer_gives_the_same_bytes(answer in any_answer()) {
            for format in Format::ALL {
                let bytes = || {
                    let mut out = Vec::new();
                    render(&answer, format, &Style::default(), &mut out).unwrap();
                    out
                };
                prop_assert_eq!(bytes(), bytes());
            }
        }
    }
}
