//! Long lists of records, taken off the start of a source.

use std::io::Read;

use arrow::buffer::Buffer;

use super::buffer::Buffered;
use super::head::{self, Head, blank};
use super::placed::{Form, Stretch};
use super::{Bounds, Rest, Taken};
use crate::formats::cloudwatch::log_event;
use crate::formats::spanning::{ValueEnd, value_end};
use crate::formats::{Reject, repair, units};

/// Stretches by which one may grow for a message that goes on.
const OPEN: usize = 16;
/// Bytes of a line that show whether it starts a record.
const NEXT: usize = 256;
/// Bytes that show how a record starts.
const LIKE: usize = 64;
/// Bytes at the start of a document that show what it is.
const SHOWN: usize = 64 << 10;

/// Takes long lists off the start of a source.
pub(in crate::formats) struct LongLists<R> {
    /// From a document's first byte, or from a list's next record.
    source: Buffered<R>,
    bounds: Bounds,
    cut_record: bool,
    list: Option<List>,
}

/// A list that is being taken apart.
struct List {
    head: Head,
    text: Vec<u8>,
    document: (u64, u64),
    /// It lies on one line of a source of lines.
    is_line: bool,
    /// How the last record that was taken starts: a damaged one may stand first in its stretch.
    like: Vec<u8>,
}

/// The next thing in a list.
enum Next {
    /// A record ends here.
    Record(usize),
    /// More has to be read to tell.
    Unknown,
    /// Something else stands here.
    Damage(usize),
}

impl<R: Read> LongLists<R> {
    pub(in crate::formats) fn new(inner: R, bounds: Bounds) -> Self {
        Self { source: Buffered::new(inner), bounds, cut_record: false, list: None }
    }

    /// What is next; `None` where no long list begins.
    pub(in crate::formats) fn next(&mut self) -> Option<Taken> {
        if self.list.is_none() && !self.begin() {
            return None;
        }
        let list = self.list.take()?;
        Some(self.take_from(list))
    }

    /// What was not taken.
    pub(in crate::formats) fn into_rest(self) -> Rest<R> {
        self.source.into_rest(self.cut_record)
    }

    /// Whether a long list begins here.
    fn begin(&mut self) -> bool {
        self.source.fill(SHOWN);
        let Some(head) = head::find(&self.source.bytes) else { return false };
        let Bounds { long, lines, .. } = self.bounds;
        let start = blank(&self.source.bytes, 0);
        let pretty = self.source.bytes.get(start..head.length).is_some_and(|h| h.contains(&b'\n'));
        let mut to = SHOWN;
        // Seldom more than once for a long document; short ones end soon.
        while self.source.bytes.len() < long && !self.source.ended {
            if let ValueEnd::At(_) = value_end(self.source.bytes.get(start..).unwrap_or_default()) {
                return false;
            }
            to = to.saturating_mul(8);
            self.source.fill(to.min(long));
        }
        match value_end(self.source.bytes.get(start..).unwrap_or_default()) {
            ValueEnd::At(end) if end < long => return false,
            // What follows a damaged document among lines must not be taken for its own.
            ValueEnd::Never if lines && pretty => return false,
            _ if self.source.bytes.len() < long => return false,
            _ => {}
        }
        let (text, document) =
            (self.source.bytes.get(..head.length).unwrap_or_default().to_vec(), (self.source.offset, self.source.line));
        self.source.pass(head.length);
        self.list = Some(List { head, text, document, is_line: lines && !pretty, like: Vec::new() });
        true
    }

    /// The next stretch of a list. What is read stands behind its `[` or a comma.
    fn take_from(&mut self, list: List) -> Taken {
        let mut records: Vec<(usize, usize)> = Vec::new();
        let mut least = self.bounds.stretch();
        loop {
            let behind = records.last().map_or(0, |(_, end)| *end);
            match self.next_record(behind, !records.is_empty()) {
                Next::Record(end) => {
                    let from = if records.is_empty() { 0 } else { blank(&self.source.bytes, behind) + 1 };
                    let start = blank(&self.source.bytes, from);
                    records.push((start, end));
                    match self.source.bytes.get(blank(&self.source.bytes, end)) {
                        Some(b']') => match self.list_end(&list, blank(&self.source.bytes, end) + 1) {
                            Next::Record(end) => return self.last(&list, end),
                            Next::Unknown => {
                                records.pop();
                                if !self.source.more(self.bounds.stretch()) {
                                    return self.rest(&list);
                                }
                            }
                            Next::Damage(_) => return self.rest(&list),
                        },
                        Some(b',') if end >= least => {
                            if self.ends_open(&list, &records) {
                                // Looked at again when more is there: it takes a while.
                                least = end + self.bounds.stretch() / 4;
                                continue;
                            }
                            let comma = blank(&self.source.bytes, end) + 1;
                            return self.cut(List { like: self.shown(start), ..list }, end, comma);
                        }
                        _ => {}
                    }
                }
                Next::Unknown if self.source.more(self.bounds.stretch()) => {}
                // What does not end before the source does is damage too, and records may stand in it.
                Next::Unknown => return self.pass_damage(list, &records, self.next_start(behind)),
                Next::Damage(at) => return self.pass_damage(list, &records, at),
            }
        }
    }

    /// The record behind `at`, where a comma stands in between if `comma`. A record counts once what follows is known.
    fn next_record(&self, at: usize, comma: bool) -> Next {
        let mut at = blank(&self.source.bytes, at);
        if comma {
            match self.source.bytes.get(at) {
                Some(b',') => at = blank(&self.source.bytes, at + 1),
                Some(_) => return Next::Damage(at),
                None => return Next::Unknown,
            }
        }
        match value_end(self.source.bytes.get(at..).unwrap_or_default()) {
            ValueEnd::At(end) => match self.source.bytes.get(blank(&self.source.bytes, at + end)) {
                Some(b',' | b']') => Next::Record(at + end),
                Some(_) => Next::Damage(at),
                None => Next::Unknown,
            },
            ValueEnd::Beyond => Next::Unknown,
            ValueEnd::Never => Next::Damage(at),
        }
    }

    /// The end of the document whose list ended before `at`.
    fn list_end(&self, list: &List, mut at: usize) -> Next {
        let mut open = list.head.around;
        let value = |at: usize| {
            let at = blank(&self.source.bytes, at);
            match value_end(self.source.bytes.get(at..).unwrap_or_default()) {
                ValueEnd::At(end) => Next::Record(at + end),
                ValueEnd::Beyond => Next::Unknown,
                ValueEnd::Never => Next::Damage(at),
            }
        };
        while open > 0 {
            at = blank(&self.source.bytes, at);
            match self.source.bytes.get(at) {
                Some(b'}') => {
                    open -= 1;
                    at += 1;
                }
                Some(b',' | b':') => match value(at + 1) {
                    Next::Record(end) => at = end,
                    other => return other,
                },
                Some(_) => return Next::Damage(at),
                None => return Next::Unknown,
            }
        }
        Next::Record(at)
    }

    /// Whether a message goes on behind these records, as far as that is waited for.
    fn ends_open(&self, list: &List, records: &[(usize, usize)]) -> bool {
        let long = records.last().is_some_and(|(_, end)| *end >= OPEN.saturating_mul(self.bounds.stretch()));
        if !list.head.log_events || long {
            return false;
        }
        let near = records.get(records.len().saturating_sub(log_event::NEAR)..).unwrap_or_default();
        let text = |(from, to): &(usize, usize)| std::str::from_utf8(self.source.bytes.get(*from..*to)?).ok();
        log_event::end_open(&near.iter().filter_map(text).collect::<Vec<_>>())
    }

    /// Where what follows `behind` starts: behind a comma, where there is one.
    fn next_start(&self, behind: usize) -> usize {
        let at = blank(&self.source.bytes, behind);
        if self.source.bytes.get(at) == Some(&b',') { blank(&self.source.bytes, at + 1) } else { at }
    }

    /// The records before the damage at `at`, and it.
    fn pass_damage(&mut self, list: List, records: &[(usize, usize)], at: usize) -> Taken {
        let Some((next, like)) = self.behind_damage(&list, records, at) else { return self.rest(&list) };
        let end = self.source.bytes.get(..next).unwrap_or_default().trim_ascii_end();
        let end = end.strip_suffix(b",").unwrap_or(end).len();
        self.cut(List { like, ..list }, end, next)
    }

    /// Where the list goes on behind damage, and how its records start.
    fn behind_damage(&mut self, list: &List, records: &[(usize, usize)], at: usize) -> Option<(usize, Vec<u8>)> {
        let like = match records.last() {
            Some((start, _)) => self.shown(*start),
            None if list.like.is_empty() => self.shown(at),
            None => list.like.clone(),
        };
        loop {
            let to = if list.is_line {
                self.line_end(at).unwrap_or(self.source.bytes.len())
            } else {
                self.source.bytes.len()
            };
            let known = self.source.bytes.get(..to).unwrap_or_default();
            if let Some(next) = repair::next_element(known, at, &like) {
                return Some((next, like));
            }
            if to < self.source.bytes.len() || to - at > self.bounds.record || !self.source.more(self.bounds.stretch())
            {
                return None;
            }
        }
    }

    /// How what lies at `at` starts.
    fn shown(&self, at: usize) -> Vec<u8> {
        self.source.bytes.get(at..).unwrap_or_default().iter().take(LIKE).copied().collect()
    }

    /// Behind the line that `at` lies on, with those that a stray line end tore from it; `None` where that is not read.
    fn line_end(&self, at: usize) -> Option<usize> {
        let first = at + memchr::memchr(b'\n', self.source.bytes.get(at..)?)?;
        let end = units::torn(&self.source.bytes, first).0.len();
        let known = self.source.ended || end + NEXT <= self.source.bytes.len();
        known.then_some((end + 1).min(self.source.bytes.len()))
    }

    /// The records up to `end`; the list goes on at `next`.
    fn cut(&mut self, list: List, end: usize, next: usize) -> Taken {
        let stretch = self.stretch(&list, end, &list.head.closing());
        self.source.pass(next);
        self.list = Some(list);
        Taken::Stretch(Stretch { goes_on: true, ..stretch })
    }

    /// The last records, up to the document's end.
    fn last(&mut self, list: &List, end: usize) -> Taken {
        let stretch = self.stretch(list, end, b"");
        self.source.pass(end);
        Taken::Stretch(stretch)
    }

    /// Everything that is left, as it is: damage is for whoever opens it.
    fn rest(&mut self, list: &List) -> Taken {
        let at = (self.source.offset, self.source.line);
        let mut searched = 0;
        while self.source.bytes.len() as u64 <= self.bounds.damaged {
            if let Some(end) = self.line_end(searched).filter(|_| list.is_line) {
                return self.last(list, end);
            }
            searched = self.source.bytes.len().saturating_sub(NEXT);
            if !self.source.more(self.bounds.stretch()) {
                break;
            }
        }
        self.cut_record = true;
        if self.source.bytes.len() as u64 > self.bounds.damaged {
            let reason = format!(
                "more than {} bytes of a damaged list in one piece: nothing in them was read",
                self.bounds.damaged
            );
            let shown = self.source.bytes.get(..SHOWN).unwrap_or(&self.source.bytes);
            return Taken::TooLong(Reject::new(at.0, at.1, shown, reason));
        }
        let stretch = self.stretch(list, self.source.bytes.len(), b"");
        self.source.pass(self.source.bytes.len());
        Taken::Stretch(stretch)
    }

    fn stretch(&self, list: &List, end: usize, closing: &[u8]) -> Stretch {
        let records = self.source.bytes.get(..end).unwrap_or(&self.source.bytes);
        let text = [list.text.as_slice(), records, closing].concat();
        Stretch {
            text: Buffer::from_vec(text),
            head: list.text.len(),
            closing: closing.len(),
            document: list.document,
            records: (self.source.offset, self.source.line),
            goes_on: false,
            form: Form::Json,
        }
    }
}
