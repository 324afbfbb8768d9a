//! Documents that are one long list of records, such as `aws logs filter-log-events` prints for a whole day: taken apart
//! while they are read, so that an export of any size takes little memory and is parsed on all cores. Each stretch of
//! the list becomes a document of its own ([`Stretch`]), which is opened like any other.
//!
//! Traded for it: every value of such a list is passed over once more, on the thread that reads. Short documents and
//! all others do not come through here.

mod head;
mod placed;

use std::io::{self, Read};

use arrow::buffer::Buffer;

use self::head::{Head, blank};
use super::blocks::STEP;
use super::cloudwatch::log_event;
use super::repair;
use super::spanning::{ValueEnd, value_end};
use super::{Reject, units};

pub(super) use self::placed::Placed;
#[allow(unreachable_pub)] // A batch of a source may be one.
pub use self::placed::Stretch;

/// Bytes from which on a document is long. What a log service gives in one page is shorter.
pub(super) const LONG: usize = 8 << 20;
/// A stretch is a part of a long document, and may grow by so many for a message that goes on.
const STRETCHES: usize = 8;
const OPEN: usize = 16;
/// Bytes of a line that show whether it starts a record.
const NEXT: usize = 256;
/// Bytes that show how a record starts.
const LIKE: usize = 64;
/// Bytes at the start of a document that show what it is.
const SHOWN: usize = 64 << 10;

/// What was taken off a source.
#[derive(Debug)]
pub(super) enum Taken {
    /// Some records of a list.
    Stretch(Stretch),
    /// The rest of a damaged list is too long to be held; reading ends with it.
    TooLong(Reject),
}

/// What is not read yet.
pub(super) struct Rest<R> {
    /// Bytes that were read and not taken.
    pub(super) read: Vec<u8>,
    /// Where they lie.
    pub(super) offset: u64,
    /// Their line.
    pub(super) line: u64,
    /// An error that was met behind them.
    pub(super) failure: Option<io::Error>,
    /// The record that it cut off has been told.
    pub(super) cut_record: bool,
    /// What follows.
    pub(super) inner: R,
}

/// How far to go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Bytes from which on a document is taken apart.
    pub(super) long: usize,
    /// Bytes of one record.
    pub(super) record: usize,
    /// Bytes that are held of a damaged list.
    pub(super) damaged: u64,
    /// The source is one of lines: what is damaged on one of them ends with it.
    pub(super) lines: bool,
}

impl Bounds {
    /// Bytes of a stretch.
    fn stretch(self) -> usize {
        self.long / STRETCHES
    }
}

/// Takes long lists off the start of a source.
pub(super) struct LongLists<R> {
    inner: R,
    bounds: Bounds,
    /// What was read and not taken: from a document's first byte, or from a list's next record.
    buffer: Vec<u8>,
    offset: u64,
    line: u64,
    ended: bool,
    failure: Option<io::Error>,
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
    pub(super) fn new(inner: R, bounds: Bounds) -> Self {
        Self {
            inner,
            bounds,
            buffer: Vec::new(),
            offset: 0,
            line: 1,
            ended: false,
            failure: None,
            cut_record: false,
            list: None,
        }
    }

    /// What is next; `None` where no long list begins.
    pub(super) fn next(&mut self) -> Option<Taken> {
        if self.list.is_none() && !self.begin() {
            return None;
        }
        let list = self.list.take()?;
        Some(self.take_from(list))
    }

    /// What was not taken.
    pub(super) fn into_rest(self) -> Rest<R> {
        let Self { buffer: read, offset, line, failure, cut_record, inner, .. } = self;
        Rest { read, offset, line, failure, cut_record, inner }
    }

    /// Whether a long list begins here.
    fn begin(&mut self) -> bool {
        self.fill(SHOWN);
        let Some(head) = head::find(&self.buffer) else { return false };
        let Bounds { long, lines, .. } = self.bounds;
        let start = blank(&self.buffer, 0);
        let pretty = self.buffer.get(start..head.length).is_some_and(|h| h.contains(&b'\n'));
        let mut to = SHOWN;
        // Seldom more than once for a long document; short ones end soon.
        while self.buffer.len() < long && !self.ended {
            if let ValueEnd::At(_) = value_end(self.buffer.get(start..).unwrap_or_default()) {
                return false;
            }
            to = to.saturating_mul(8);
            self.fill(to.min(long));
        }
        match value_end(self.buffer.get(start..).unwrap_or_default()) {
            ValueEnd::At(end) if end < long => return false,
            // What follows a damaged document among lines must not be taken for its own.
            ValueEnd::Never if lines && pretty => return false,
            _ if self.buffer.len() < long => return false,
            _ => {}
        }
        let (text, document) = (self.buffer.get(..head.length).unwrap_or_default().to_vec(), (self.offset, self.line));
        self.pass(head.length);
        self.list = Some(List { head, text, document, is_line: lines && !pretty, like: Vec::new() });
        true
    }

    /// The next stretch of a list. What is read stands behind its `[` or a comma.
    fn take_from(&mut self, list: List) -> Taken {
        let mut records: Vec<(usize, usize)> = Vec::new();
        loop {
            let behind = records.last().map_or(0, |(_, end)| *end);
            match self.next_record(behind, !records.is_empty()) {
                Next::Record(end) => {
                    let from = if records.is_empty() { 0 } else { blank(&self.buffer, behind) + 1 };
                    let start = blank(&self.buffer, from);
                    records.push((start, end));
                    match self.buffer.get(blank(&self.buffer, end)) {
                        Some(b']') => match self.list_end(&list, blank(&self.buffer, end) + 1) {
                            Next::Record(end) => return self.last(&list, end),
                            Next::Unknown => {
                                records.pop();
                                if !self.more() {
                                    return self.rest(&list);
                                }
                            }
                            Next::Damage(_) => return self.rest(&list),
                        },
                        Some(b',') if end >= self.bounds.stretch() && !self.ends_open(&list, &records) => {
                            let comma = blank(&self.buffer, end) + 1;
                            return self.cut(List { like: self.shown(start), ..list }, end, comma);
                        }
                        _ => {}
                    }
                }
                Next::Unknown if self.more() => {}
                // What does not end before the source does is damage too, and records may stand in it.
                Next::Unknown => return self.pass_damage(list, &records, self.next_start(behind)),
                Next::Damage(at) => return self.pass_damage(list, &records, at),
            }
        }
    }

    /// The record behind `at`, where a comma stands in between if `comma`. A record counts once what follows is known.
    fn next_record(&self, at: usize, comma: bool) -> Next {
        let mut at = blank(&self.buffer, at);
        if comma {
            match self.buffer.get(at) {
                Some(b',') => at = blank(&self.buffer, at + 1),
                Some(_) => return Next::Damage(at),
                None => return Next::Unknown,
            }
        }
        match value_end(self.buffer.get(at..).unwrap_or_default()) {
            ValueEnd::At(end) => match self.buffer.get(blank(&self.buffer, at + end)) {
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
            let at = blank(&self.buffer, at);
            match value_end(self.buffer.get(at..).unwrap_or_default()) {
                ValueEnd::At(end) => Next::Record(at + end),
                ValueEnd::Beyond => Next::Unknown,
                ValueEnd::Never => Next::Damage(at),
            }
        };
        while open > 0 {
            at = blank(&self.buffer, at);
            match self.buffer.get(at) {
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
        let text = |(from, to): &(usize, usize)| std::str::from_utf8(self.buffer.get(*from..*to)?).ok();
        log_event::end_open(&near.iter().filter_map(text).collect::<Vec<_>>())
    }

    /// Where what follows `behind` starts: behind a comma, where there is one.
    fn next_start(&self, behind: usize) -> usize {
        let at = blank(&self.buffer, behind);
        if self.buffer.get(at) == Some(&b',') { blank(&self.buffer, at + 1) } else { at }
    }

    /// The records before the damage at `at`, and it.
    fn pass_damage(&mut self, list: List, records: &[(usize, usize)], at: usize) -> Taken {
        let Some((next, like)) = self.behind_damage(&list, records, at) else { return self.rest(&list) };
        let end = self.buffer.get(..next).unwrap_or_default().trim_ascii_end();
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
            let to = if list.is_line { self.line_end(at).unwrap_or(self.buffer.len()) } else { self.buffer.len() };
            let known = self.buffer.get(..to).unwrap_or_default();
            if let Some(next) = repair::next_element(known, at, &like) {
                return Some((next, like));
            }
            if to < self.buffer.len() || to - at > self.bounds.record || !self.more() {
                return None;
            }
        }
    }

    /// How what lies at `at` starts.
    fn shown(&self, at: usize) -> Vec<u8> {
        self.buffer.get(at..).unwrap_or_default().iter().take(LIKE).copied().collect()
    }

    /// Behind the line that `at` lies on, with those that a stray line end tore from it; `None` where that is not read.
    fn line_end(&self, at: usize) -> Option<usize> {
        let first = at + memchr::memchr(b'\n', self.buffer.get(at..)?)?;
        let end = units::torn(&self.buffer, first).0.len();
        let known = self.ended || end + NEXT <= self.buffer.len();
        known.then_some((end + 1).min(self.buffer.len()))
    }

    /// The records up to `end`; the list goes on at `next`.
    fn cut(&mut self, list: List, end: usize, next: usize) -> Taken {
        let stretch = self.stretch(&list, end, &list.head.closing());
        self.pass(next);
        self.list = Some(list);
        Taken::Stretch(Stretch { goes_on: true, ..stretch })
    }

    /// The last records, up to the document's end.
    fn last(&mut self, list: &List, end: usize) -> Taken {
        let stretch = self.stretch(list, end, b"");
        self.pass(end);
        Taken::Stretch(stretch)
    }

    /// Everything that is left, as it is: damage is for whoever opens it.
    fn rest(&mut self, list: &List) -> Taken {
        let at = (self.offset, self.line);
        let mut searched = 0;
        while self.buffer.len() as u64 <= self.bounds.damaged {
            if let Some(end) = self.line_end(searched).filter(|_| list.is_line) {
                return self.last(list, end);
            }
            searched = self.buffer.len().saturating_sub(NEXT);
            if !self.more() {
                break;
            }
        }
        self.cut_record = true;
        if self.buffer.len() as u64 > self.bounds.damaged {
            let reason = format!(
                "more than {} bytes of a damaged list in one piece: nothing in them was read",
                self.bounds.damaged
            );
            let shown = self.buffer.get(..SHOWN).unwrap_or(&self.buffer);
            return Taken::TooLong(Reject::new(at.0, at.1, shown, reason));
        }
        let stretch = self.stretch(list, self.buffer.len(), b"");
        self.pass(self.buffer.len());
        Taken::Stretch(stretch)
    }

    fn stretch(&self, list: &List, end: usize, closing: &[u8]) -> Stretch {
        let records = self.buffer.get(..end).unwrap_or(&self.buffer);
        let text = [list.text.as_slice(), records, closing].concat();
        Stretch {
            text: Buffer::from_vec(text),
            head: list.text.len(),
            closing: closing.len(),
            document: list.document,
            records: (self.offset, self.line),
            goes_on: false,
        }
    }

    /// Takes bytes off the buffer.
    fn pass(&mut self, bytes: usize) {
        let passed = self.buffer.get(..bytes).unwrap_or(&self.buffer);
        self.offset += passed.len() as u64;
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.buffer.drain(..bytes.min(self.buffer.len()));
    }

    /// Reads about as much again as there is; false when nothing is left.
    fn more(&mut self) -> bool {
        let before = self.buffer.len();
        self.fill(before.saturating_mul(2).max(before + self.bounds.stretch()));
        self.buffer.len() > before
    }

    /// Reads until the buffer holds `to` bytes, in steps that stay in the cache while they are hashed.
    fn fill(&mut self, to: usize) {
        self.buffer.reserve(to.saturating_sub(self.buffer.len()));
        while self.buffer.len() < to && !self.ended {
            let start = self.buffer.len();
            self.buffer.resize(to.min(start + STEP), 0);
            let read = self.inner.read(self.buffer.get_mut(start..).unwrap_or_default());
            self.buffer.truncate(start + read.as_ref().copied().unwrap_or_default());
            match read {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    self.failure = Some(e);
                    self.ended = true;
                }
                Ok(n) => self.ended = n == 0,
            }
        }
    }
}
