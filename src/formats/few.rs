//! Keeps the rejects of one batch few. A file of a hundred million broken lines must not become a hundred
//! million rows in memory; behind the first thousands, one reject stands for the rest of its batch.

use std::ops::Range;

use super::Reject;
use super::authenticator::AuthenticatorRecord;
use super::sink::{EventRecord, Fact, JsonDocument, Sink, Skipped, Span};

/// Rejects of one batch (a mebibyte of lines, or a whole document) that are kept one by one.
const MOST: usize = 2000;

/// Hands everything on, but for rejects beyond the first.
pub(super) struct Few<'s> {
    sink: &'s mut dyn Sink,
    seen: usize,
    rest: Option<Rest>,
}

/// Rejects that become one.
struct Rest {
    first: Reject,
    end: u64,
    last_line: u64,
    count: u64,
}

impl<'s> Few<'s> {
    pub(super) fn new(sink: &'s mut dyn Sink) -> Self {
        Self { sink, seen: 0, rest: None }
    }

    /// Hands on the one reject that stands for many; `bytes` gives a stretch of the source.
    pub(super) fn finish(self, bytes: impl FnOnce(Range<u64>) -> Vec<u8>) {
        let Some(Rest { first, end, last_line, count }) = self.rest else { return };
        if count == 1 {
            return self.sink.reject(first);
        }
        let reason = format!(
            "{count} records up to line {last_line} could not be read, the first of them: {}; what is readable between them was read",
            first.reason
        );
        self.sink.reject(Reject::new(first.offset, first.line, &bytes(first.offset..end), reason));
    }
}

impl Sink for Few<'_> {
    fn event(&mut self, record: EventRecord<'_>) {
        self.sink.event(record);
    }

    fn json(&mut self, document: JsonDocument<'_>) {
        self.sink.json(document);
    }

    fn authenticator(&mut self, record: &AuthenticatorRecord<'_>, span: Span, log_stream: Option<&str>) {
        self.sink.authenticator(record, span, log_stream);
    }

    fn skip(&mut self, what: Skipped, span: Span) {
        self.sink.skip(what, span);
    }

    fn reject(&mut self, reject: Reject) {
        self.seen += 1;
        if self.seen <= MOST {
            return self.sink.reject(reject);
        }
        let (end, line) = (reject.offset.saturating_add(reject.length), reject.line);
        let rest = self.rest.get_or_insert(Rest { first: reject, end, last_line: line, count: 0 });
        rest.end = rest.end.max(end);
        rest.last_line = rest.last_line.max(line);
        rest.count += 1;
    }

    fn warn(&mut self, code: &'static str) {
        self.sink.warn(code);
    }

    fn fact(&mut self, fact: Fact<'_>) {
        self.sink.fact(fact);
    }
}
