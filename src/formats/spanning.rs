//! JSON documents that span lines in a file that is read by lines: a pretty-printed page behind a log,
//! or white space wherever a writer liked it. Such a document is taken out of its block and opened whole.
//!
//! Every line passes here in order, so a line is judged by its first and last byte alone; only where one
//! opens what it does not close is it scanned. The scan knows JSON's grammar, so that a line cut by damage
//! ends it at once and takes no other record with it.

use super::blocks::{Block, Line};
use super::skip;

/// The deepest nesting that is followed.
const DEEPEST: usize = 10_000;
/// A text or number that is longer, and still not whole, is taken for damage where a value is looked for.
const SCALAR: usize = 64 << 10;

/// A part of a source that is read by lines.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Lines that stand for themselves.
    Lines(Block),
    /// Whole documents that span lines.
    Documents(Block),
}

/// A document whose bytes are still being put together.
struct Begun {
    bytes: Vec<u8>,
    offset: u64,
    first_line: u64,
}

impl From<Block> for Begun {
    fn from(block: Block) -> Self {
        Self { bytes: block.bytes.to_vec(), offset: block.offset, first_line: block.first_line }
    }
}

impl From<Begun> for Block {
    fn from(begun: Begun) -> Self {
        Self { bytes: begun.bytes.into(), offset: begun.offset, first_line: begun.first_line }
    }
}

/// Takes documents that span lines out of blocks.
pub(super) struct Spanning {
    /// A document that has not ended yet, with what was read of it.
    open: Option<(Begun, Scan)>,
    limit: u64,
}

impl Spanning {
    /// Documents of up to `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        Self { open: None, limit }
    }

    /// Takes the next block apart.
    pub(super) fn push(&mut self, block: Block) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest = block;
        if let Some((mut begun, mut scan)) = self.open.take() {
            let end = match scan.feed(&rest.bytes) {
                Seen::More if (begun.bytes.len() + rest.bytes.len()) as u64 <= self.limit => {
                    begun.bytes.extend_from_slice(&rest.bytes);
                    self.open = Some((begun, scan));
                    return parts;
                }
                Seen::More => rest.bytes.len(),
                // The line it broke in may open something itself.
                Seen::Broken(at) => line_start(&rest.bytes, at),
                Seen::Done(end) => end,
            };
            let whole = scan.is_done();
            let (head, tail) = cut(rest, end);
            begun.bytes.extend_from_slice(&head.bytes);
            parts.push(if whole { Part::Documents(begun.into()) } else { Part::Lines(begun.into()) });
            rest = tail;
        }
        while let Some((start, found)) = first_span(&rest) {
            let (before, document) = cut(rest, start);
            if !before.bytes.is_empty() {
                parts.push(Part::Lines(before));
            }
            match found {
                Found::Whole(length) => {
                    let (document, tail) = cut(document, length);
                    parts.push(Part::Documents(document));
                    rest = tail;
                }
                Found::Begun(scan) => {
                    self.open = Some((document.into(), scan));
                    return parts;
                }
            }
        }
        if !rest.bytes.is_empty() {
            parts.push(Part::Lines(rest));
        }
        parts
    }

    /// What the source's end cut off, or ended without a line end.
    pub(super) fn finish(&mut self) -> Option<Part> {
        self.open.take().map(|(begun, _)| Part::Documents(begun.into()))
    }
}

enum Found {
    /// It ends here, this many bytes after its start.
    Whole(usize),
    /// It goes on in the next block.
    Begun(Scan),
}

/// The first document of a block that spans lines, and where it starts.
fn first_span(block: &Block) -> Option<(usize, Found)> {
    let mut before: Option<Line<'_>> = None;
    // Lines that were scanned are not looked at again.
    let mut scanned = 0;
    for line in block.lines() {
        let at = usize::try_from(line.offset - block.offset).unwrap_or(usize::MAX);
        let start = match before.replace(line) {
            _ if at < scanned => continue,
            _ if opens(line.bytes) && !closes(line.bytes) => at,
            Some(last) if continues(line.bytes) && opens(last.bytes) => {
                usize::try_from(last.offset - block.offset).unwrap_or(usize::MAX)
            }
            // What follows the last line is not seen from here.
            _ if opens(line.bytes) && at + line.bytes.len() + 2 >= block.bytes.len() => at,
            _ => continue,
        };
        let bytes = block.bytes.get(start..).unwrap_or_default();
        let mut scan = Scan::default();
        match scan.feed(bytes) {
            // A last line that lacks its end is the reader's to judge.
            Seen::More if memchr::memchr(b'\n', bytes).is_none() => return None,
            Seen::More => return Some((start, Found::Begun(scan))),
            Seen::Done(end)
                if memchr::memchr(b'\n', bytes.get(..end.saturating_sub(1)).unwrap_or_default()).is_some() =>
            {
                return Some((start, Found::Whole(end)));
            }
            Seen::Done(end) => scanned = start + end,
            Seen::Broken(to) => scanned = start + line_start(bytes, to).max(1),
        }
    }
    None
}

fn opens(line: &[u8]) -> bool {
    let line = line.strip_prefix(super::recognise::BOM).unwrap_or(line);
    matches!(line.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn closes(line: &[u8]) -> bool {
    matches!(line.trim_ascii_end().last(), Some(b'}' | b']'))
}

/// Whether a line can only go on with what another began.
fn continues(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start().first(), Some(b',' | b':' | b'"' | b'}' | b']'))
}

fn line_start(bytes: &[u8], at: usize) -> usize {
    memchr::memrchr(b'\n', bytes.get(..at).unwrap_or_default()).map_or(0, |i| i + 1)
}

/// Cuts a block in two.
fn cut(mut block: Block, at: usize) -> (Block, Block) {
    let at = at.min(block.bytes.len());
    let tail = block.bytes.slice(at);
    block.bytes = block.bytes.slice_with_length(0, at);
    let lines = memchr::memchr_iter(b'\n', &block.bytes).count() as u64;
    let rest =
        Block { offset: block.offset + block.bytes.len() as u64, first_line: block.first_line + lines, bytes: tail };
    (block, rest)
}

/// Where the value that bytes start with ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueEnd {
    /// Behind so many bytes.
    At(usize),
    /// Not in these bytes.
    Beyond,
    /// It is no JSON.
    Never,
}

/// Finds the end of the value that `bytes` start with.
pub(super) fn value_end(bytes: &[u8]) -> ValueEnd {
    match skip::skip(bytes) {
        // More digits may follow.
        Some([]) if !matches!(bytes.first(), Some(b'{' | b'[' | b'"')) => return ValueEnd::Beyond,
        Some(rest) => {
            let end = bytes.len() - rest.len();
            // A line end that was passed over lies in a text, where none may be.
            if memchr::memchr(b'\n', bytes.get(..end).unwrap_or_default()).is_none() {
                return ValueEnd::At(end);
            }
        }
        None => {}
    }
    match bytes.first() {
        Some(b'{' | b'[') => match Scan::default().run(bytes, true) {
            Seen::Done(end) => ValueEnd::At(end),
            Seen::More => ValueEnd::Beyond,
            Seen::Broken(_) => ValueEnd::Never,
        },
        Some(b'"') if memchr::memchr(b'\n', bytes).is_some() => ValueEnd::Never,
        Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') if bytes.len() < SCALAR => ValueEnd::Beyond,
        Some(_) => ValueEnd::Never,
        None => ValueEnd::Beyond,
    }
}

/// What a scan has seen.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// A document is open.
    More,
    /// All documents are closed, and their line ends here.
    Done(usize),
    /// No JSON from here on.
    Broken(usize),
}

/// What may come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expect {
    /// A document, or the end of its line.
    #[default]
    Document,
    Value,
    /// A value, or the end of the list.
    ValueOrEnd,
    Key,
    /// A key, or the end of the object.
    KeyOrEnd,
    Colon,
    /// A comma, or the end.
    Comma,
    /// The rest of a string; whether it is a key.
    Text(bool),
    /// The byte behind a backslash.
    Escaped(bool),
    /// The rest of a number or word.
    Word,
}

/// Follows JSON through pieces of any size. What it takes for JSON need not be: it tells where documents
/// end, and whoever reads them finds what is wrong.
#[derive(Debug, Default)]
struct Scan {
    /// Open objects (true) and lists.
    open: Vec<bool>,
    expect: Expect,
    done: bool,
}

impl Scan {
    fn is_done(&self) -> bool {
        self.done
    }

    fn feed(&mut self, bytes: &[u8]) -> Seen {
        self.run(bytes, false)
    }

    /// Goes through bytes; with `one`, to the end of the first document, whatever follows it.
    fn run(&mut self, bytes: &[u8], one: bool) -> Seen {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match self.expect {
                Expect::Text(_) => {
                    // Strings are most of a document.
                    let rest = bytes.get(at..).unwrap_or_default();
                    let Some(i) = rest.iter().position(|b| matches!(b, b'"' | b'\\' | b'\n')) else {
                        return Seen::More;
                    };
                    at += i;
                    if !self.text(rest.get(i).copied().unwrap_or_default()) {
                        return Seen::Broken(at);
                    }
                    at += 1;
                    continue;
                }
                Expect::Escaped(key) => {
                    self.expect = Expect::Text(key);
                    if *byte == b'\n' {
                        return Seen::Broken(at);
                    }
                    at += 1;
                    continue;
                }
                Expect::Word if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-') => {
                    at += 1;
                    continue;
                }
                Expect::Word => self.expect = Expect::Comma,
                _ => {}
            }
            if *byte == b'\n' && self.expect == Expect::Document {
                self.done = true;
                return Seen::Done(at + 1);
            }
            // As between documents elsewhere: record separators, and the zeros of a preallocated file.
            let blank = byte.is_ascii_whitespace() || matches!(byte, 0 | 0x1e) && self.open.is_empty();
            if !blank && !self.token(*byte) {
                // A byte order mark in front of the first document is none of it.
                if at == 0 && bytes.starts_with(super::recognise::BOM) {
                    at += super::recognise::BOM.len();
                    continue;
                }
                return Seen::Broken(at);
            }
            at += 1;
            if one && !blank && self.expect == Expect::Document {
                return Seen::Done(at);
            }
        }
        Seen::More
    }

    fn text(&mut self, byte: u8) -> bool {
        let Expect::Text(key) = self.expect else { return false };
        self.expect = match byte {
            b'\\' => Expect::Escaped(key),
            b'"' if key => Expect::Colon,
            b'"' => Expect::Comma,
            _ => return false,
        };
        true
    }

    /// Takes a byte that is no white space and in no string; false when it may not stand there.
    fn token(&mut self, byte: u8) -> bool {
        use Expect::{Colon, Comma, Document, Key, KeyOrEnd, Text, Value, ValueOrEnd, Word};
        match (byte, self.expect) {
            (b'{' | b'[', Document | Value | ValueOrEnd) if self.open.len() < DEEPEST => {
                self.open.push(byte == b'{');
                self.expect = if byte == b'{' { KeyOrEnd } else { ValueOrEnd };
            }
            (b'}', KeyOrEnd | Comma) if self.open.last() == Some(&true) => self.close(),
            (b']', ValueOrEnd | Comma) if self.open.last() == Some(&false) => self.close(),
            (b'"', Key | KeyOrEnd) => self.expect = Text(true),
            (b'"', Value | ValueOrEnd) => self.expect = Text(false),
            (b':', Colon) => self.expect = Value,
            (b',', Comma) => self.expect = if self.open.last() == Some(&true) { Key } else { Value },
            (b'-' | b'0'..=b'9' | b't' | b'f' | b'n', Value | ValueOrEnd) => self.expect = Word,
            _ => return false,
        }
        true
    }

    fn close(&mut self) {
        self.open.pop();
        self.expect = if self.open.is_empty() { Expect::Document } else { Expect::Comma };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The parts of a text that comes in blocks cut at these lines.
    fn parts(text: &str, lines_a_block: usize) -> Vec<(bool, String)> {
        let mut spanning = Spanning::new(1 << 20);
        let (mut offset, mut line) = (0, 1);
        let mut found = Vec::new();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for chunk in lines.chunks(lines_a_block.max(1)) {
            let bytes = chunk.concat().into_bytes();
            let block = Block { offset, first_line: line, bytes: bytes.into() };
            offset += block.bytes.len() as u64;
            line += chunk.len() as u64;
            found.extend(spanning.push(block));
        }
        found.extend(spanning.finish());
        let mut at = 0;
        let mut number = 1;
        let mut told = Vec::new();
        for part in found {
            let (whole, block) = match part {
                Part::Documents(b) => (true, b),
                Part::Lines(b) => (false, b),
            };
            assert_eq!((block.offset, block.first_line), (at, number), "{text:?}");
            at += block.bytes.len() as u64;
            number += block.bytes.iter().filter(|b| **b == b'\n').count() as u64;
            told.push((whole, String::from_utf8(block.bytes.to_vec()).unwrap()));
        }
        told
    }

    fn documents(text: &str) -> Vec<String> {
        let all: Vec<Vec<String>> =
            (1..8).map(|n| parts(text, n).into_iter().filter(|p| p.0).map(|p| p.1).collect()).collect();
        assert!(all.windows(2).all(|w| w[0] == w[1]), "{all:?}");
        all.into_iter().next().unwrap()
    }

    #[test]
    fn documents_that_span_lines_are_taken_out() {
        for (text, expected) in [
            ("{\"a\":1}\n{\n \"b\": [1,\n 2]\n}\n{\"c\":3}\n", vec!["{\n \"b\": [1,\n 2]\n}\n"]),
            ("I1124 x\n{\n}\nI1124 y\n", vec!["{\n}\n"]),
            ("[\n{\"a\":\"}\\\"{\"}\n,{}]{\"b\":\n2} \n{}\n", vec!["[\n{\"a\":\"}\\\"{\"}\n,{}]{\"b\":\n2} \n"]),
            ("{\"a\":{}\n,\"b\":1}\n", vec!["{\"a\":{}\n,\"b\":1}\n"]),
            ("{\"a\":{\"b\":1}\n}\n", vec!["{\"a\":{\"b\":1}\n}\n"]),
        ] {
            assert_eq!(documents(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_value_ends_where_it_ends_whatever_follows() {
        for (text, expected) in [
            ("{\"a\": [1,\n {}]}, x", ValueEnd::At(15)),
            ("{\"a\":1}{", ValueEnd::At(7)),
            ("[\"]\"]]", ValueEnd::At(5)),
            ("\"a\"", ValueEnd::At(3)),
            ("null,", ValueEnd::At(4)),
            ("12", ValueEnd::Beyond),
            ("{\"a\":\n", ValueEnd::Beyond),
            ("{\"a", ValueEnd::Beyond),
            ("\"a", ValueEnd::Beyond),
            ("", ValueEnd::Beyond),
            ("{\"a\":x}", ValueEnd::Never),
            ("{\"a\n\":1}", ValueEnd::Never),
            ("]", ValueEnd::Never),
        ] {
            assert_eq!(value_end(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn damage_takes_no_other_line_with_it() {
        for text in [
            "{\"a\":\"x\n{\"b\":1}\n",
            "{\"a\":1,\n{\"b\":1}\n",
            "{\"a\":\n{\"b\":1}\n{\"c\":1}\n",
            "{\"a\":[\n{\"b\":1}\n{\"c\":1}\n",
            "{\"a\":tr\n{\"b\":1}\n",
            "{\"a\":1}\n{\"b\":2}\n",
            "[klog] x\n{\"b\":2}\n",
        ] {
            assert!(documents(text).is_empty(), "{text:?}");
        }
        assert_eq!(documents("{\"a\":1,\n{\n\"b\":1}\n"), ["{\n\"b\":1}\n"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_places_are_right(text in "[\\[{}\\]:,\"a1 \n\\\\]{0,80}", n in 1_usize..5) {
            let all: String = parts(&text, n).into_iter().map(|p| p.1).collect();
            prop_assert_eq!(all, text);
        }
    }
}
