//! Cuts a stream into blocks of whole lines, so that lines can be parsed in parallel and still know
//! their offset and line number.
//!
//! A line longer than the limit is not kept: its length and hash are taken on the way and it becomes
//! a reject, so memory stays bounded whatever the input holds.

use std::io::{self, Read};

use arrow::buffer::Buffer;
use sha2::{Digest as _, Sha256};

use super::{Reject, hex};

/// The longest line that is read; longer ones are rejects.
pub const MAX_LINE: usize = 256 << 20;

/// Bytes read at a time.
pub(super) const STEP: usize = 128 << 10;

/// Whole lines that follow one another in a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The bytes, line ends included. Shared, so that columns can point into them.
    pub bytes: Buffer,
    /// Offset of the first byte in the source.
    pub offset: u64,
    /// Number of the first line, from 1.
    pub first_line: u64,
}

/// One line of a block, without its line end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'b> {
    /// The bytes without `\n` or `\r\n`.
    pub bytes: &'b [u8],
    /// Offset in the source.
    pub offset: u64,
    /// Line number, from 1.
    pub number: u64,
    /// Whether a line end followed; false only for a last line that lacks one.
    pub ended: bool,
}

impl Block {
    /// The lines, blank ones included.
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let (mut offset, mut number, mut rest) = (self.offset, self.first_line, self.bytes.as_slice());
        std::iter::from_fn(move || {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1);
            let (raw, after) = rest.split_at_checked(end).filter(|(raw, _)| !raw.is_empty())?;
            let bytes = raw.strip_suffix(b"\n");
            let ended = bytes.is_some();
            let bytes = bytes.unwrap_or(raw);
            let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            let line = Line { bytes, offset, number, ended };
            offset += raw.len() as u64;
            number += 1;
            rest = after;
            Some(line)
        })
    }
}

/// What a [`BlockReader`] yields.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Whole lines.
    Lines(Block),
    /// A line over the limit.
    TooLong(Reject),
}

/// Reads blocks of whole lines.
pub struct BlockReader<R> {
    inner: R,
    block_size: usize,
    max_line: usize,
    carried: Vec<u8>,
    /// As many of the carried bytes hold no line end.
    searched: usize,
    offset: u64,
    line: u64,
    ended: bool,
    /// A read error met after good bytes; reported once they are used up.
    failure: Option<io::Error>,
}

impl<R: Read> BlockReader<R> {
    /// Blocks of about `block_size` bytes, lines of up to [`MAX_LINE`].
    pub fn new(inner: R, block_size: usize) -> Self {
        Self::with_max_line(inner, block_size, MAX_LINE)
    }

    /// As [`BlockReader::new`] with another limit on lines.
    pub fn with_max_line(inner: R, block_size: usize, max_line: usize) -> Self {
        Self {
            inner,
            block_size,
            max_line,
            carried: Vec::new(),
            searched: 0,
            offset: 0,
            line: 1,
            ended: false,
            failure: None,
        }
    }

    /// What it reads begins at this offset and line of the source.
    pub fn beginning_at(self, offset: u64, line: u64) -> Self {
        Self { offset, line, ..self }
    }

    /// Where reading stands: offset and line of the next byte.
    pub fn position(&self) -> (u64, u64) {
        (self.offset, self.line)
    }

    /// The error that ended reading early, once all good bytes are yielded.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// The next piece, or `None` at the end (or before the damage: see [`BlockReader::take_failure`]).
    pub fn next_piece(&mut self) -> Option<Piece> {
        loop {
            if let Some(end) = self.block_end() {
                return Some(self.piece(end));
            }
            if self.ended {
                let rest = self.carried.len();
                return (rest > 0).then(|| self.piece(rest));
            }
            if self.carried.len() > self.max_line && memchr::memchr(b'\n', &self.carried).is_none() {
                return Some(Piece::TooLong(self.skip_long_line()));
            }
            self.fill();
        }
    }

    /// Where the carried bytes may be cut: behind the last line end, once there is a block's worth.
    fn block_end(&mut self) -> Option<usize> {
        if self.carried.len() < self.block_size && !self.ended {
            return None;
        }
        let fresh = self.carried.get(self.searched..).unwrap_or_default();
        let end = memchr::memrchr(b'\n', fresh).map(|i| self.searched + i + 1);
        self.searched = self.carried.len();
        end
    }

    /// Whole lines up to `end`, or up to the first that is too long, or that one.
    fn piece(&mut self, end: usize) -> Piece {
        let mut start = 0;
        let lines = self.carried.get(..end).filter(|b| b.len() > self.max_line).unwrap_or_default();
        for line in lines.split_inclusive(|b| *b == b'\n') {
            if line.strip_suffix(b"\n").unwrap_or(line).len() > self.max_line {
                return if start == 0 { Piece::TooLong(self.skip_long_line()) } else { Piece::Lines(self.cut(start)) };
            }
            start += line.len();
        }
        Piece::Lines(self.cut(end))
    }

    fn cut(&mut self, end: usize) -> Block {
        self.searched = 0;
        let tail = self.carried.get(end..).unwrap_or_default();
        let mut rest = Vec::with_capacity(tail.len().saturating_add(self.block_size));
        rest.extend_from_slice(tail);
        self.carried.truncate(end);
        if self.carried.len() < self.carried.capacity() / 2 {
            // A small file must not keep the room of a whole block until its rows are written.
            self.carried.shrink_to_fit();
        }
        let bytes = std::mem::replace(&mut self.carried, rest);
        let block = Block { offset: self.offset, first_line: self.line, bytes: Buffer::from_vec(bytes) };
        self.offset += block.bytes.len() as u64;
        self.line += memchr::memchr_iter(b'\n', &block.bytes).count() as u64;
        block
    }

    fn fill(&mut self) {
        let start = self.carried.len();
        let end = start.saturating_add(self.block_size.max(1 << 16));
        // The whole block at once: growing would copy it. A line longer than a block grows by doubling all the same.
        if start < self.block_size {
            self.carried.reserve_exact(end - start);
        } else {
            self.carried.reserve(end - start);
        }
        while self.carried.len() < end && !self.ended {
            self.read_step(end);
        }
    }

    /// Reads some more, up to `end`, in steps that stay in the cache while they are hashed.
    fn read_step(&mut self, end: usize) {
        let start = self.carried.len();
        self.carried.resize(end.min(start + STEP), 0);
        let read = loop {
            match self.inner.read(self.carried.get_mut(start..).unwrap_or_default()) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.carried.truncate(start + read.as_ref().copied().unwrap_or_default());
        match read {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            Err(e) => {
                self.failure = Some(e);
                self.ended = true;
            }
        }
    }

    /// Consumes a line that is over the limit, up to and with its line end.
    fn skip_long_line(&mut self) -> Reject {
        let (offset, line) = (self.offset, self.line);
        let mut hash = Sha256::new();
        let mut length = 0_u64;
        let mut first = Vec::new();
        loop {
            let end = memchr::memchr(b'\n', &self.carried).map_or(self.carried.len(), |i| i + 1);
            let found = end > 0 && self.carried.get(end - 1) == Some(&b'\n');
            let chunk = self.cut(end);
            let body = chunk.bytes.strip_suffix(b"\n").unwrap_or(&chunk.bytes);
            if first.len() < super::SHOWN {
                first.extend_from_slice(body.get(..super::SHOWN).unwrap_or(body));
            }
            hash.update(body);
            length += body.len() as u64;
            if found || self.ended {
                break;
            }
            self.fill();
        }
        let mut reject = Reject::new(offset, line, &first, "");
        reject.reason = format!("line of {length} bytes: expected at most {}; --max-line allows more", self.max_line);
        reject.length = length;
        reject.sha256 = hex(&hash.finalize());
        reject
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all_lines(text: &[u8], block: usize) -> Vec<(u64, u64, Vec<u8>)> {
        let mut reader = BlockReader::new(text, block);
        let mut lines = Vec::new();
        while let Some(piece) = reader.next_piece() {
            match piece {
                Piece::Lines(b) => lines.extend(b.lines().map(|l| (l.offset, l.number, l.bytes.to_vec()))),
                Piece::TooLong(r) => panic!("{r:?}"),
            }
        }
        lines
    }

    proptest! {
        #[test]
        fn any_block_size_gives_the_lines_of_the_text(text in "[a-c\n\r]{0,200}", block in 1_usize..64) {
            let mut expected = Vec::new();
            let mut offset = 0_u64;
            for (i, raw) in text.split_inclusive('\n').enumerate() {
                let body = raw.strip_suffix('\n').unwrap_or(raw);
                let body = body.strip_suffix('\r').unwrap_or(body);
                expected.push((offset, i as u64 + 1, body.as_bytes().to_vec()));
                offset += raw.len() as u64;
            }
            prop_assert_eq!(all_lines(text.as_bytes(), block), expected);
        }
    }

    #[test]
    fn only_lines_over_the_limit_are_rejects_however_large_the_blocks() {
        let text = b"a\nbbbbbb\nc\n\nddddddd";
        for block in [1, 3, 8, 1 << 16] {
            let mut reader = BlockReader::with_max_line(&text[..], block, 5);
            let (mut lines, mut rejects) = (Vec::new(), Vec::new());
            while let Some(piece) = reader.next_piece() {
                match piece {
                    Piece::Lines(b) => lines.extend(b.lines().map(|l| (l.number, l.bytes.to_vec()))),
                    Piece::TooLong(r) => rejects.push((r.line, r.offset, r.length)),
                }
            }
            assert_eq!(lines, [(1, b"a".to_vec()), (3, b"c".to_vec()), (4, b"".to_vec())], "{block}");
            assert_eq!(rejects, [(2, 2, 6), (5, 12, 7)], "{block}");
        }
    }

    #[test]
    fn a_line_over_the_limit_is_one_reject_and_reading_goes_on() {
        let long = "x".repeat(300_000);
        let text = format!("a\n{long}\nb\n");
        let mut reader = BlockReader::with_max_line(text.as_bytes(), 1024, 100_000);
        let mut lines = Vec::new();
        let mut rejects = Vec::new();
        while let Some(piece) = reader.next_piece() {
            match piece {
                Piece::Lines(b) => lines.extend(b.lines().map(|l| (l.number, l.bytes.to_vec()))),
                Piece::TooLong(r) => rejects.push(r),
            }
        }
        assert_eq!(lines, [(1, b"a".to_vec()), (3, b"b".to_vec())]);
        let [reject] = rejects.as_slice() else { panic!("{rejects:?}") };
        assert_eq!((reject.offset, reject.line, reject.length), (2, 2, 300_000));
        assert_eq!(reject.sha256, hex(&Sha256::digest(long.as_bytes())));
    }
}
