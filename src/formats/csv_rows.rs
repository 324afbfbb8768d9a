//! CSV (RFC 4180) with the places of its rows. A cell that lost its closing quote swallows what follows;
//! [`Rows::restart`] goes on behind its first line, so that damage costs one row.

use std::borrow::Cow;
use std::ops::Range;

/// Columns of one row that are read; more are an attack.
const MAX_CELLS: usize = 4096;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row<'b> {
    /// Its cells, quotes removed.
    pub(super) cells: Vec<Cow<'b, [u8]>>,
    /// Its bytes in the buffer, without the line end.
    pub(super) range: Range<usize>,
    /// Its first line, from 0.
    pub(super) line: u64,
    /// A quoted cell ran into the end of the buffer.
    pub(super) open: bool,
    /// A line end followed.
    pub(super) ended: bool,
}

/// Walks over rows.
pub(super) struct Rows<'b> {
    bytes: &'b [u8],
    at: usize,
    line: u64,
}

impl<'b> Rows<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0, line: 0 }
    }

    /// Goes on behind the first line of a row that was read.
    pub(super) fn restart(&mut self, row: &Row<'_>) {
        let rest = self.bytes.get(row.range.start..).unwrap_or_default();
        self.at = memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |i| row.range.start + i + 1);
        self.line = row.line + 1;
    }

    fn cell(&mut self) -> (Cow<'b, [u8]>, bool) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(quoted) = rest.strip_prefix(b"\"") else {
            let end = memchr::memchr3(b',', b'\n', b'\r', rest).unwrap_or(rest.len());
            self.at += end;
            return (Cow::Borrowed(rest.get(..end).unwrap_or_default()), false);
        };
        let mut from = 0;
        let mut joined: Vec<u8> = Vec::new();
        loop {
            let tail = quoted.get(from..).unwrap_or_default();
            let Some(quote) = memchr::memchr(b'"', tail) else {
                self.at = self.bytes.len();
                joined.extend_from_slice(tail);
                return (Cow::Owned(joined), true);
            };
            let end = from + quote;
            let doubled = quoted.get(end + 1) == Some(&b'"');
            if !doubled {
                self.at += end + 2;
                let last = quoted.get(from..end).unwrap_or_default();
                if joined.is_empty() {
                    return (Cow::Borrowed(last), false);
                }
                joined.extend_from_slice(last);
                return (Cow::Owned(joined), false);
            }
            joined.extend_from_slice(quoted.get(from..=end).unwrap_or_default());
            from = end + 2;
        }
    }

    /// Passes text between a closing quote and the next comma or line end: no CSV, but seen.
    fn stray(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += memchr::memchr3(b',', b'\n', b'\r', rest).unwrap_or(rest.len());
    }
}

impl<'b> Iterator for Rows<'b> {
    type Item = Row<'b>;

    fn next(&mut self) -> Option<Row<'b>> {
        // Blank lines are no rows.
        while let Some(b @ (b'\n' | b'\r')) = self.bytes.get(self.at) {
            self.line += u64::from(*b == b'\n');
            self.at += 1;
        }
        let start = self.at;
        if start >= self.bytes.len() {
            return None;
        }
        let (line, mut cells, mut open) = (self.line, Vec::new(), false);
        loop {
            let (cell, unclosed) = self.cell();
            open |= unclosed;
            if cells.len() < MAX_CELLS {
                cells.push(cell);
            }
            self.stray();
            if self.bytes.get(self.at) != Some(&b',') {
                break;
            }
            self.at += 1;
        }
        let range = start..self.at;
        let ended = self.at < self.bytes.len();
        if self.bytes.get(self.at) == Some(&b'\r') {
            self.at += 1;
        }
        if self.bytes.get(self.at) == Some(&b'\n') {
            self.at += 1;
        }
        let passed = self.bytes.get(start..self.at).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        Some(Row { cells, range, line, open, ended })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(row: &Row<'_>) -> Vec<String> {
        row.cells.iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect()
    }

    #[test]
    fn quotes_commas_and_line_ends_inside_cells() {
        let rows: Vec<_> = Rows::new(b"a,\"b,\"\"x\"\"\",c\r\n\r\n\"l1\nl2\",,\nlast,\"\"").collect();
        assert_eq!(
            rows.iter().map(texts).collect::<Vec<_>>(),
            [vec!["a", "b,\"x\"", "c"], vec!["l1\nl2", "", ""], vec!["last", ""]]
        );
        assert_eq!(
            rows.iter().map(|r| (r.line, r.range.start, r.ended)).collect::<Vec<_>>(),
            [(0, 0, true), (2, 17, true), (4, 27, false)]
        );
    }

    #[test]
    fn an_open_quote_can_be_left_behind() {
        let text = b"a,\"b\nc,d\ne,f\n";
        let mut rows = Rows::new(text);
        let first = rows.next().unwrap();
        assert!(first.open && rows.next().is_none());
        rows.restart(&first);
        assert_eq!(
            rows.map(|r| (texts(&r).concat(), r.line)).collect::<Vec<_>>(),
            [("cd".to_owned(), 1), ("ef".to_owned(), 2)]
        );
    }

    proptest! {
        #[test]
        fn written_rows_read_back(rows in proptest::collection::vec(proptest::collection::vec("[a,\"\n\r]{0,4}", 1..4), 1..5)) {
            // A row of one empty unquoted cell is a blank line, so everything is quoted.
            let quote = |c: &String| format!("\"{}\"", c.replace('"', "\"\""));
            let text: String = rows.iter().map(|r| r.iter().map(quote).collect::<Vec<_>>().join(",") + "\n").collect();
            prop_assert_eq!(Rows::new(text.as_bytes()).map(|r| texts(&r)).collect::<Vec<_>>(), rows);
        }

        #[test]
        fn any_bytes_end(text in "[a,\"\n]{0,40}") {
            let mut last = 0;
            for row in Rows::new(text.as_bytes()) {
                prop_assert!(row.range.start >= last && row.range.end <= text.len());
                last = row.range.end;
            }
        }
    }
}
