//! A stretch of a long file, made a file of its own: what stands before all records, some of these, and what closes
//! them. What is read in it is told at the places where it lies in the source.

use arrow::buffer::Buffer;

use crate::formats::Reject;
use crate::formats::authenticator::AuthenticatorRecord;
use crate::formats::sink::{EventRecord, Fact, JsonDocument, Sink, Skipped, Span};

/// What a file is that was taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::formats) enum Form {
    /// A JSON document.
    Json,
    /// CSV.
    Csv,
}

/// Some records of a long file.
#[derive(Debug, PartialEq, Eq)]
pub struct Stretch {
    /// What it is.
    pub(super) form: Form,
    /// The file made of them.
    pub(super) text: Buffer,
    /// Bytes of it that stand before the records.
    pub(super) head: usize,
    /// Bytes of it that close them and are not in the source.
    pub(super) closing: usize,
    /// Offset and line of the file or document that was taken apart.
    pub(super) document: (u64, u64),
    /// Offset and line of the records.
    pub(super) records: (u64, u64),
    /// More records follow.
    pub(super) goes_on: bool,
}

impl Stretch {
    /// What it is.
    pub(in crate::formats) fn form(&self) -> Form {
        self.form
    }

    /// The file.
    pub(in crate::formats) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether more records follow.
    pub(in crate::formats) fn goes_on(&self) -> bool {
        self.goes_on
    }

    /// Whether a line end follows its last record.
    pub(in crate::formats) fn ended(&self) -> bool {
        self.closing > 0 || self.text.ends_with(b"\n")
    }

    /// Bytes of the source that lie in it.
    pub(in crate::formats) fn source_bytes(&self) -> &[u8] {
        self.text.get(self.head..self.end()).unwrap_or_default()
    }

    /// Offset of these bytes.
    pub(in crate::formats) fn offset(&self) -> u64 {
        self.records.0
    }

    fn end(&self) -> usize {
        self.text.len() - self.closing
    }

    /// Hands on to `sink` what is read in it.
    pub(in crate::formats) fn placed<'s>(&'s self, sink: &'s mut dyn Sink) -> Placed<'s> {
        Placed { sink, stretch: self, lines_before: self.lines_before() }
    }

    /// Lines that end in the head.
    fn lines_before(&self) -> u64 {
        memchr::memchr_iter(b'\n', self.text.get(..self.head).unwrap_or_default()).count() as u64
    }

    /// The place in the source of what lies at `span` in the document, in whose head `lines_before` lines end.
    fn place(&self, span: Span, lines_before: u64) -> Span {
        let (head, end) = (self.head as u64, self.end() as u64);
        let to = span.offset.saturating_add(span.length).min(end);
        if span.offset >= head {
            return Span {
                offset: self.records.0 + (span.offset.min(end) - head),
                line: self.records.1 + span.line.saturating_sub(1 + lines_before),
                length: to.saturating_sub(span.offset),
            };
        }
        if to > head {
            // The whole stretch, say: its head was told before.
            return Span { offset: self.records.0, line: self.records.1, length: to - head };
        }
        Span { offset: self.document.0 + span.offset, line: self.document.1 + span.line - 1, length: span.length }
    }
}

/// Hands on what is read in a stretch.
pub(in crate::formats) struct Placed<'s> {
    sink: &'s mut dyn Sink,
    stretch: &'s Stretch,
    lines_before: u64,
}

impl Placed<'_> {
    fn place(&self, span: Span) -> Span {
        self.stretch.place(span, self.lines_before)
    }
}

impl Sink for Placed<'_> {
    fn event(&mut self, record: EventRecord<'_>) {
        let span = self.place(record.span);
        self.sink.event(EventRecord { span, ..record });
    }

    fn json(&mut self, document: JsonDocument<'_>) {
        let span = self.place(document.span);
        self.sink.json(JsonDocument { span, ..document });
    }

    fn authenticator(&mut self, record: &AuthenticatorRecord<'_>, span: Span, log_stream: Option<&str>) {
        self.sink.authenticator(record, self.place(span), log_stream);
    }

    fn skip(&mut self, what: Skipped, span: Span) {
        self.sink.skip(what, self.place(span));
    }

    fn reject(&mut self, reject: Reject) {
        let Reject { offset, line, length, .. } = reject;
        // What closes the list behind damage, which has been told, is not in the source.
        if offset >= self.stretch.end() as u64 {
            return;
        }
        let span = self.place(Span { offset, line, length });
        if span.length == length {
            return self.sink.reject(Reject { offset: span.offset, line: span.line, ..reject });
        }
        // It holds bytes that are not of this place.
        let from = usize::try_from(span.offset.saturating_sub(self.stretch.offset())).unwrap_or(usize::MAX);
        let bytes = self.stretch.source_bytes().get(from..).unwrap_or_default();
        let bytes = bytes.get(..usize::try_from(span.length).unwrap_or(usize::MAX)).unwrap_or(bytes);
        self.sink.reject(Reject::new(span.offset, span.line, bytes.trim_ascii_end(), reject.reason));
    }

    fn warn(&mut self, code: &'static str) {
        self.sink.warn(code);
    }

    fn fact(&mut self, fact: Fact<'_>) {
        self.sink.fact(fact);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_the_made_document_are_places_in_the_source() {
        // A head of two lines at 100; the records begin at 5000, line 70.
        let text = Buffer::from(b"{\n\"events\":[\n{\"a\":1},\n{\"b\":2}\n]}".as_slice());
        let stretch = Stretch {
            form: Form::Json,
            text,
            head: 12,
            closing: 3,
            document: (100, 5),
            records: (5000, 70),
            goes_on: true,
        };
        let place = |offset, line, length| {
            let s = stretch.place(Span { offset, line, length }, stretch.lines_before());
            (s.offset, s.line, s.length)
        };
        assert_eq!(stretch.source_bytes(), b"\n{\"a\":1},\n{\"b\":2}");
        assert_eq!(place(13, 3, 7), (5001, 71, 7));
        assert_eq!(place(22, 4, 7), (5010, 72, 7));
        assert_eq!(place(2, 2, 8), (102, 6, 8));
        assert_eq!(place(0, 1, 32), (5000, 70, 17));
        assert_eq!(place(22, 4, 10), (5010, 72, 7));
    }
}
