//! Opens the units a source is cut into: lines, records that were put together of several lines, and
//! buffers of JSON documents. Damage costs the record it lies in and no other.

use super::blocks::Block;
use super::documents::{Broken, Cutter, Piece};
use super::join::{Joiner, Record};
use super::open::{Around, Opener};
use super::recognise::{BOM, starts_json};
use super::repair::repair;
use super::sink::Span;
use super::spot::Spot;
use super::{Reject, salvage, text_lines, warnings};

/// A record of this many openers may be too deep; counting stops here.
pub(super) const MAX_NESTING: usize = 1000;

impl Opener<'_> {
    /// Opens the lines of a block.
    pub(super) fn block(&mut self, block: &Block) {
        let mut done = 0;
        for line in block.lines().filter(|l| !l.bytes.is_empty()) {
            if line.offset < done {
                continue;
            }
            let unit = Unit { offset: line.offset, line: line.number, length: None, ended: line.ended };
            if self.unit(line.bytes, unit) {
                continue;
            }
            let start = usize::try_from(line.offset - block.offset).unwrap_or(usize::MAX);
            let (torn, ended) = torn(block.bytes.get(start..).unwrap_or(line.bytes), line.bytes.len());
            done = line.offset + torn.len() as u64;
            self.documents(torn, unit.offset, unit.line, ended);
        }
    }

    /// Opens records that were put together.
    pub(super) fn records(&mut self, records: &[Record]) {
        for r in records {
            let unit = Unit { offset: r.offset, line: r.line, length: r.joined.then_some(r.length), ended: r.ended };
            if self.unit(&r.bytes, unit) {
                continue;
            }
            if r.joined {
                // Its bytes are no slice of the source.
                self.reject_bytes(&r.bytes, "expected a JSON document, put together of several lines", unit);
            } else {
                self.documents(&r.bytes, r.offset, r.line, r.ended);
            }
        }
    }

    /// Opens one line or record; false, and nothing opened, when it is JSON and not one whole value.
    fn unit(&mut self, bytes: &[u8], mut unit: Unit) -> bool {
        let mut bytes = bytes;
        if unit.offset == 0
            && let Some(rest) = bytes.strip_prefix(BOM)
        {
            bytes = rest;
            unit.offset += BOM.len() as u64;
        }
        // Files that were being written when copied end in zeros.
        let blank = bytes.iter().take_while(|b| b.is_ascii_whitespace() || **b == 0).count();
        let trimmed = bytes.get(blank..).unwrap_or_default();
        let end = trimmed.iter().rposition(|b| !b.is_ascii_whitespace() && *b != 0).map_or(0, |i| i + 1);
        let trimmed = trimmed.get(..end).unwrap_or_default();
        unit.offset += blank as u64;
        trimmed.is_empty() || self.trimmed(trimmed, unit)
    }

    fn trimmed(&mut self, bytes: &[u8], unit: Unit) -> bool {
        let json = starts_json(bytes);
        // Zeros in front of a record are a hole, or the end of a block that lies in the file by mistake.
        if !json
            && unit.length.is_none()
            && let Some(at) = memchr::memmem::find(bytes, b"\0{\"")
        {
            let (torn, rest) = bytes.split_at(at + 1);
            self.reject_bytes(torn, "expected a log record, found other bytes", Unit { ended: true, ..unit });
            let offset = unit.offset + torn.len() as u64;
            if !self.trimmed(rest, Unit { offset, ..unit }) {
                self.documents(rest, offset, unit.line, unit.ended);
            }
            return true;
        }
        let Ok(text) = simdutf8::basic::from_utf8(bytes) else {
            if !json {
                self.reject_bytes(bytes, "invalid UTF-8", unit);
            }
            return !json;
        };
        let spot = match unit.length {
            // What was put together is no slice of the source.
            Some(length) => Spot::decoded(Span { offset: unit.offset, line: unit.line, length }),
            None => Spot::verbatim(unit.offset, unit.line, text.len()),
        };
        let around = Around::source(self.ctx, spot, bytes, unit.ended);
        if !json {
            text_lines::open(self, text, around);
        } else if self.native(text, around) {
            return true;
        } else if too_deep(bytes) {
            self.reject_bytes(bytes, &format!("JSON nested deeper than {MAX_NESTING}"), unit);
        } else {
            return self.json(text, around).is_ok();
        }
        true
    }

    /// Opens a buffer of JSON documents.
    pub(super) fn documents(&mut self, bytes: &[u8], offset: u64, line: u64, ended: bool) {
        let mark = bytes.strip_prefix(BOM).filter(|_| offset == 0);
        let offset = offset + mark.map_or(0, |_| BOM.len() as u64);
        let bytes = mark.unwrap_or(bytes);
        let end = offset + bytes.len() as u64;
        for piece in Cutter::new(bytes, offset, line) {
            match piece {
                Piece::Document(d) => {
                    let around = Around::source(
                        self.ctx,
                        Spot::verbatim(d.offset, d.line, d.text.len()),
                        d.text.as_bytes(),
                        true,
                    );
                    let unit = Unit { offset: d.offset, line: d.line, length: None, ended: true };
                    if too_deep(d.text.as_bytes()) {
                        self.reject_bytes(d.text.as_bytes(), &format!("JSON nested deeper than {MAX_NESTING}"), unit);
                    } else if !d.text.starts_with(['{', '[']) {
                        self.reject_bytes(d.text.as_bytes(), "expected a JSON object or list", unit);
                    } else if let Err(e) = self.json(d.text, around) {
                        self.broken(d.text, &e, around, warnings::REJECTED_LINE);
                    }
                }
                Piece::Broken(b) => {
                    let last = !ended && b.offset + b.bytes.len() as u64 == end;
                    self.broken_document(&b, last);
                }
            }
        }
    }

    /// Saves what can be saved of a broken document; the rest is rejects.
    fn broken_document(&mut self, broken: &Broken<'_>, last: bool) {
        if super::refusals::all_messages(broken.bytes) {
            let text = String::from_utf8_lossy(broken.bytes);
            for (n, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
                let span = Span { offset: broken.offset, line: broken.line + n as u64, length: line.len() as u64 };
                super::refusals::message(self, line, span);
            }
            return;
        }
        if self.lines_behind(broken) {
            return;
        }
        let Some(repaired) = repair(broken.bytes) else { return self.reject_document(broken, broken.bytes, last) };
        // Closing what broke off can make the text longer than the source is.
        let original = broken.bytes.get(..repaired.text.len()).unwrap_or(broken.bytes);
        let spot = Spot::verbatim(broken.offset, broken.line, original.len());
        let around = Around::source(self.ctx, spot, original, true);
        self.damaged = true;
        let opened = self.json(&repaired.text, around);
        self.damaged = false;
        if opened.is_err() {
            return self.reject_document(broken, broken.bytes, last);
        }
        let lines = |to: usize| memchr::memchr_iter(b'\n', broken.bytes.get(..to).unwrap_or_default()).count() as u64;
        let rest = repaired.consumed..broken.bytes.len();
        let garbage = broken.bytes.get(rest.clone()).is_some_and(|b| !b.trim_ascii().is_empty());
        let garbage = garbage.then(|| (rest, "expected a JSON document".to_owned()));
        for (range, why) in repaired.cuts.into_iter().chain(garbage) {
            let cut_end = last && range.end == broken.bytes.len();
            let (at, start) = (broken.offset + range.start as u64, lines(range.start));
            let bytes = broken.bytes.get(range).unwrap_or_default();
            let why = format!("damaged in the middle of a document: {why}");
            self.reject_at(bytes, &with_salvage(&why, bytes), at, broken.line + start, cut_end);
        }
    }

    /// Opens lines of a log that stand between or behind documents; false when they are none.
    fn lines_behind(&mut self, broken: &Broken<'_>) -> bool {
        let first = broken.bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        if matches!(first.first(), Some(b'{' | b'[')) || !text_lines::is_log_start(first) {
            return false;
        }
        let block = Block { bytes: broken.bytes.to_vec().into(), offset: broken.offset, first_line: broken.line };
        let mut joiner = Joiner::default();
        let joined = joiner.push(&block);
        match joined {
            None => self.block(&block),
            Some(records) => self.records(&records),
        }
        self.records(&joiner.finish());
        true
    }

    fn reject_document(&mut self, broken: &Broken<'_>, bytes: &[u8], last: bool) {
        self.reject_at(bytes.trim_ascii_end(), &with_salvage(&broken.reason, bytes), broken.offset, broken.line, last);
    }

    fn reject_bytes(&mut self, bytes: &[u8], why: &str, unit: Unit) {
        self.reject_at(bytes, why, unit.offset, unit.line, !unit.ended);
    }

    fn reject_at(&mut self, bytes: &[u8], why: &str, offset: u64, line: u64, last: bool) {
        let why = if last { format!("last record is cut off: {why}") } else { why.to_owned() };
        self.sink.reject(Reject::new(offset, line, bytes, why));
        self.sink.warn(if last { warnings::PARTIAL_LAST_LINE } else { warnings::REJECTED_LINE });
    }
}

/// Lines that a stray line end may have torn from one record.
const MAX_TORN: usize = 16;

/// A broken record with the lines behind it that start nothing of their own, and whether a line end
/// follows. `bytes` start with the record, whose first line has `length` bytes.
pub(super) fn torn(bytes: &[u8], length: usize) -> (&[u8], bool) {
    let mut end = length;
    for _ in 0..MAX_TORN {
        let Some(rest) = bytes.get(end..).filter(|r| !r.is_empty()) else { break };
        let skip = memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1);
        let next = rest.get(skip..).unwrap_or_default().split(|b| *b == b'\n').next().unwrap_or_default();
        let starts = next.trim_ascii().is_empty()
            || matches!(next.trim_ascii().first(), Some(b'{' | b'['))
            || text_lines::is_log_start(next);
        if starts {
            break;
        }
        end += skip + next.len();
    }
    let torn = bytes.get(..end).unwrap_or(bytes);
    (torn, end < bytes.len())
}

/// Where a unit lies.
#[derive(Clone, Copy)]
struct Unit {
    offset: u64,
    line: u64,
    /// Length in the source, when the bytes are not those of the source.
    length: Option<u64>,
    ended: bool,
}

fn with_salvage(why: &str, bytes: &[u8]) -> String {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(bytes.get(..e.valid_up_to()).unwrap_or_default()).unwrap_or_default(),
    };
    match salvage::of(valid) {
        Some(found) => format!("{why}; salvaged {found}"),
        None => why.to_owned(),
    }
}

/// Whether JSON is nested so deep that no one writes it but to harm its reader. Values that become
/// columns are kept verbatim, so nothing here recurses; what reads them later does.
pub(super) fn too_deep(json: &[u8]) -> bool {
    if json.len() <= 2 * MAX_NESTING || memchr::memchr2_iter(b'{', b'[', json).nth(MAX_NESTING).is_none() {
        return false;
    }
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for b in json {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_strings_only() {
        let deep = |n: usize| format!("{{\"s\":\"{}\",\"a\":{}{}}}", "[".repeat(5000), "[".repeat(n), "]".repeat(n));
        assert!(!too_deep(deep(900).as_bytes()));
        assert!(too_deep(deep(1000).as_bytes()) && too_deep(deep(100_000).as_bytes()));
        let wide = format!("[{}0]", "[1],".repeat(5000));
        assert!(!too_deep(wide.as_bytes()));
    }
}
