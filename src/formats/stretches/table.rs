//! Long CSV, taken off a source a stretch of rows at a time. Rows are told apart exactly as where a whole file is opened,
//! damaged ones too: a cell that lost its closing quote swallows what follows, up to where that shows.

use std::io::Read;

use arrow::buffer::Buffer;

use super::buffer::Buffered;
use super::placed::{Form, Stretch};
use super::{Bounds, Rest, Taken};
use crate::formats::csv_source::Table;
use crate::formats::recognise::BOM;

/// Takes stretches off a CSV file.
pub(in crate::formats) struct LongTable<R> {
    source: Buffered<R>,
    bounds: Bounds,
    /// The header, once the file is known to be long.
    header: Option<(Table, Vec<u8>)>,
}

impl<R: Read> LongTable<R> {
    /// Nothing read yet.
    pub(in crate::formats) fn new(inner: R, bounds: Bounds) -> Self {
        Self { source: Buffered::new(inner), bounds, header: None }
    }

    /// What is next; `None` where the file is short, or of a kind that is counted whole, and at its end.
    pub(in crate::formats) fn next(&mut self) -> Option<Taken> {
        let (table, header) = match self.header.take() {
            Some(header) => header,
            None => self.begin()?,
        };
        loop {
            let (bytes, ended) = (self.source.bytes.as_slice(), self.source.ended);
            if bytes.is_empty() && ended {
                return None;
            }
            let end = if ended && bytes.len() <= self.bounds.stretch() {
                Some(bytes.len())
            } else {
                table.rows_end(bytes, self.bounds.stretch(), ended || bytes.len() > self.bounds.record)
            };
            if let Some(end) = end {
                let stretch = self.stretch(&header, end);
                self.source.pass(end);
                self.header = Some((table, header));
                return Some(Taken::Stretch(stretch));
            }
            self.source.more(self.bounds.stretch());
        }
    }

    /// What was not taken.
    pub(in crate::formats) fn into_rest(self) -> Rest<R> {
        self.source.into_rest(false)
    }

    /// The header of a long file.
    fn begin(&mut self) -> Option<(Table, Vec<u8>)> {
        self.source.fill(self.bounds.long);
        let bytes = self.source.bytes.as_slice();
        if bytes.len() < self.bounds.long {
            return None;
        }
        let mark = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        let (table, length) = Table::of(bytes.get(mark..)?)?;
        if table.is_counted() {
            return None;
        }
        let header = bytes.get(..mark + length)?.to_vec();
        self.source.pass(header.len());
        Some((table, header))
    }

    fn stretch(&self, header: &[u8], end: usize) -> Stretch {
        let rows = self.source.bytes.get(..end).unwrap_or_default();
        Stretch {
            form: Form::Csv,
            text: Buffer::from_vec([header, rows].concat()),
            head: header.len(),
            closing: 0,
            document: (0, 1),
            records: (self.source.offset, self.source.line),
            goes_on: end < self.source.bytes.len() || !self.source.ended,
        }
    }
}
