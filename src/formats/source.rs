//! One source from its bytes to batches of records.
//!
//! [`Source::next_batch`] runs on one thread: it decompresses, cuts, and puts split records together.
//! [`open_batch`] may run on many: it depends on the batch alone. A source of plain lines costs nothing
//! but the cutting; only documents and CSV are held in memory whole, and long ones only where they are no list of
//! records.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;

use super::blocks::{Block, BlockReader, Piece};
use super::decode::{Compression, Peeled, failure_code};
use super::documents::{self, Cutter};
use super::few::Few;
use super::format::Format;
use super::join::{Joiner, Record};
use super::layout::{Context, LISTING_SUFFIX};
use super::limits::{Budget, LimitExceeded, Limits};
use super::open::Opener;
use super::recognise::{Cut, cut};
use super::sink::{Fact, Sink};
use super::spanning::{Part, Spanning};
use super::stretches::{Bounds, Form, LongLists, LongTable, Rest, Stretch, Taken, begins_list};
use super::{Reject, warnings};

/// Bytes looked at to recognise a file.
const HEAD: usize = 64 << 10;
/// Bytes of lines opened by one thread at a time.
const BLOCK: usize = 1 << 20;

/// Something to be opened.
#[derive(Debug)]
pub enum Batch {
    /// Whole lines that stand for themselves.
    Lines(Block),
    /// Records, some put together of several lines.
    Records(Vec<Record>),
    /// JSON documents: the whole source.
    Documents(Vec<u8>),
    /// JSON documents that span lines, in a source of lines.
    Spanning(Block),
    /// Records of a long list or CSV file.
    Stretch(Stretch),
    /// A CSV file: the whole source.
    Csv(Vec<u8>),
    /// YAML documents: the whole source. Not opened here, see [`super::yaml`].
    Yaml(Vec<u8>),
    /// What `kubectl api-resources` printed. Not opened here.
    ApiResources(Vec<u8>),
    /// A must-gather listing. Not opened here, see [`super::layout::missing_listed_files`].
    Listing(Vec<u8>),
    /// What `kubectl` wrote to its error output: the whole source.
    Messages(Vec<u8>),
    /// The marker of an export to S3.
    ExportMarker,
    /// Reading ended early: the sign for `sources.warnings`, and a reject unless a cut record is one already.
    Failed {
        /// The sign.
        code: String,
        /// What could not be read.
        reject: Option<Reject>,
    },
    /// A line over the limit.
    TooLong(Reject),
}

impl Batch {
    /// Bytes it holds.
    pub fn size(&self) -> usize {
        match self {
            Self::Lines(block) | Self::Spanning(block) => block.bytes.len(),
            Self::Records(records) => records.iter().map(|r| r.bytes.len()).sum(),
            Self::Stretch(stretch) => stretch.text().len(),
            Self::Documents(b)
            | Self::Csv(b)
            | Self::Yaml(b)
            | Self::ApiResources(b)
            | Self::Listing(b)
            | Self::Messages(b) => b.len(),
            Self::ExportMarker | Self::Failed { .. } | Self::TooLong(_) => 0,
        }
    }

    /// Bytes of the source that lie in the batch; of joined records, their own bytes.
    fn stretch(&self, range: Range<u64>) -> Vec<u8> {
        let slice = |bytes: &[u8], start: u64| {
            let at = |offset: u64| usize::try_from(offset.saturating_sub(start)).unwrap_or(usize::MAX).min(bytes.len());
            bytes.get(at(range.start)..at(range.end)).unwrap_or_default().to_vec()
        };
        match self {
            Self::Lines(block) | Self::Spanning(block) => slice(&block.bytes, block.offset),
            Self::Records(records) => {
                records.iter().filter(|r| range.contains(&r.offset)).flat_map(|r| r.bytes.iter().copied()).collect()
            }
            Self::Stretch(stretch) => slice(stretch.source_bytes(), stretch.offset()),
            Self::Documents(b)
            | Self::Csv(b)
            | Self::Yaml(b)
            | Self::ApiResources(b)
            | Self::Listing(b)
            | Self::Messages(b) => slice(b, 0),
            Self::ExportMarker | Self::Failed { .. } | Self::TooLong(_) => Vec::new(),
        }
    }
}

/// A source being read.
pub struct Source<'r> {
    compression: Vec<Compression>,
    cut: Cut,
    limits: Limits,
    state: State<'r>,
}

type Stream<'r> = Box<dyn Read + Send + 'r>;

enum State<'r> {
    /// Long lists are looked for.
    Lists(Box<LongLists<Stream<'r>>>),
    /// CSV, which may be long.
    Table(Box<LongTable<Stream<'r>>>),
    Lines {
        reader: Box<BlockReader<Stream<'r>>>,
        spanning: Spanning,
        joiner: Box<Joiner>,
        tail: Option<bool>,
        /// Batches that are ready.
        ready: VecDeque<Batch>,
    },
    Whole(Whole<'r>),
    /// One more batch, and what comes behind it.
    Last(Batch, Box<State<'r>>),
    Failed {
        code: String,
        reject: Option<Reject>,
    },
    Done,
}

/// What is read in one piece.
struct Whole<'r> {
    stream: Stream<'r>,
    /// Offset and line it begins at.
    offset: u64,
    line: u64,
    /// A record that was cut off has been told.
    cut_record: bool,
}

/// What becomes of a part: lines may have to be put together.
fn batch_of(part: Part, joiner: &mut Joiner) -> Batch {
    match part {
        Part::Documents(block) => Batch::Spanning(block),
        Part::Lines(block) => match joiner.push(&block) {
            None => Batch::Lines(block),
            Some(records) => Batch::Records(records),
        },
    }
}

impl<'r> Source<'r> {
    /// Recognises a file whose compression was taken off; `path` helps to tell layouts, never formats.
    pub fn open(peeled: Peeled<'r>, path: &str, budget: &Budget) -> Self {
        let Peeled { layers, mut reader, .. } = peeled;
        let mut head = Vec::new();
        let failure = reader.by_ref().take(HEAD as u64).read_to_end(&mut head).err();
        let whole = head.len() < HEAD;
        let mut cut = cut(&head, whole);
        if cut == Cut::Unknown && path.ends_with(LISTING_SUFFIX) {
            cut = Cut::Listing;
        }
        let is_list = matches!(cut, Cut::Lines | Cut::Documents) && begins_list(&head);
        let stream: Stream<'r> = Box::new(io::Cursor::new(head).chain(Failing(failure)).chain(reader));
        let limits = *budget.limits();
        let Limits { long, line: record, buffered: damaged, .. } = limits;
        let bounds = Bounds { long, record, damaged, lines: cut == Cut::Lines };
        let state = match cut {
            _ if is_list => State::Lists(Box::new(LongLists::new(stream, bounds))),
            Cut::Lines => lines(stream, &limits, (0, 1), None),
            Cut::Csv => State::Table(Box::new(LongTable::new(stream, bounds))),
            _ => State::Whole(Whole { stream, offset: 0, line: 1, cut_record: false }),
        };
        Self { compression: layers, cut, limits, state }
    }

    /// How the source is read.
    pub fn cut(&self) -> Cut {
        self.cut
    }

    /// The next batch; `None` at the end.
    pub fn next_batch(&mut self) -> Option<Batch> {
        match &mut self.state {
            State::Lists(lists) => {
                let taken = lists.next();
                self.next_stretch(taken)
            }
            State::Table(table) => {
                let taken = table.next();
                self.next_stretch(taken)
            }
            State::Lines { .. } => self.next_lines(),
            State::Whole(_) => self.read_whole(),
            State::Last(..) => {
                let State::Last(batch, behind) = std::mem::replace(&mut self.state, State::Done) else { return None };
                self.state = *behind;
                Some(batch)
            }
            State::Failed { .. } => {
                let State::Failed { code, reject } = std::mem::replace(&mut self.state, State::Done) else {
                    return None;
                };
                Some(Batch::Failed { code, reject })
            }
            State::Done => None,
        }
    }

    /// A stretch; where none is left, whatever follows.
    fn next_stretch(&mut self, taken: Option<Taken>) -> Option<Batch> {
        match taken {
            Some(Taken::Stretch(stretch)) => return Some(Batch::Stretch(stretch)),
            Some(Taken::TooLong(reject)) => {
                self.state = State::Done;
                return Some(Batch::TooLong(reject));
            }
            None => {}
        }
        let rest = match std::mem::replace(&mut self.state, State::Done) {
            State::Lists(lists) => lists.into_rest(),
            State::Table(table) => table.into_rest(),
            _ => return None,
        };
        self.state = self.behind_stretches(rest);
        self.next_batch()
    }

    /// How what is not taken apart is read.
    fn behind_stretches(&self, rest: Rest<Stream<'r>>) -> State<'r> {
        let Rest { read, offset, line, failure, cut_record, inner } = rest;
        let stream: Stream<'r> = Box::new(io::Cursor::new(read).chain(Failing(failure)).chain(inner));
        if self.cut != Cut::Lines {
            return State::Whole(Whole { stream, offset, line, cut_record });
        }
        lines(stream, &self.limits, (offset, line), cut_record.then_some(false))
    }

    fn next_lines(&mut self) -> Option<Batch> {
        let State::Lines { reader, spanning, joiner, tail, ready } = &mut self.state else { return None };
        loop {
            if let Some(batch) = ready.pop_front() {
                return Some(batch);
            }
            match reader.next_piece() {
                Some(Piece::Lines(block)) => {
                    *tail = unended_tail(&block);
                    ready.extend(spanning.push(block).into_iter().map(|part| batch_of(part, joiner)));
                }
                Some(Piece::TooLong(reject)) => {
                    ready.extend(spanning.finish().map(|part| batch_of(part, joiner)));
                    ready.push_back(Batch::TooLong(reject));
                }
                None => break,
            }
        }
        let unended = spanning.finish().map(|part| batch_of(part, joiner));
        let rest = Some(joiner.finish()).filter(|rest| !rest.is_empty()).map(Batch::Records);
        let mut last: VecDeque<Batch> = unended.into_iter().chain(rest).collect();
        let cut_record = *tail == Some(false);
        let (failure, (offset, line)) = (reader.take_failure(), reader.position());
        self.state = match failure {
            Some(e) => self.failed(&e, offset, line, cut_record),
            None => State::Done,
        };
        let first = last.pop_front();
        if let Some(second) = last.pop_front() {
            self.state = State::Last(second, Box::new(std::mem::replace(&mut self.state, State::Done)));
        }
        first.or_else(|| self.next_batch())
    }

    fn read_whole(&mut self) -> Option<Batch> {
        let State::Whole(whole) = std::mem::replace(&mut self.state, State::Done) else { return None };
        let Whole { stream, offset, line, cut_record } = whole;
        match self.cut {
            Cut::ExportMarker => return Some(Batch::ExportMarker),
            Cut::Unknown => return self.look_further(stream),
            _ => {}
        }
        let mut bytes = Vec::new();
        let limit = self.limits.buffered;
        let read = stream.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        if bytes.len() as u64 > limit {
            let reason = format!("more than {limit} bytes in one piece: export it one object or event a line");
            let reject = Reject::new(offset, line, bytes.get(..HEAD).unwrap_or_default(), reason);
            return Some(Batch::TooLong(reject));
        }
        if let Err(e) = read {
            let cut_record = cut_record || self.cut != Cut::Documents || documents_end_broken(&bytes);
            self.state = self.failed(&e, offset + bytes.len() as u64, line, cut_record);
        }
        Some(match self.cut {
            Cut::Csv => Batch::Csv(bytes),
            Cut::Yaml => Batch::Yaml(bytes),
            Cut::ApiResources => Batch::ApiResources(bytes),
            Cut::Listing => Batch::Listing(bytes),
            Cut::Messages => Batch::Messages(bytes),
            _ if offset > 0 => Batch::Spanning(Block { bytes: bytes.into(), offset, first_line: line }),
            _ => Batch::Documents(bytes),
        })
    }

    /// Unknown content is not read, but where it was packed it is looked at far enough to tell a bomb.
    fn look_further(&mut self, stream: Stream<'r>) -> Option<Batch> {
        if self.compression.is_empty() {
            return None;
        }
        let error = io::copy(&mut stream.take(self.limits.floor.saturating_add(1)), &mut io::sink()).err()?;
        self.state = self.failed(&error, 0, 1, false);
        self.next_batch()
    }

    fn failed(&self, error: &io::Error, offset: u64, line: u64, cut_record: bool) -> State<'r> {
        let code = failure_code(&self.compression, error);
        let limit = LimitExceeded::behind(error);
        let reject = (!cut_record || limit.is_some()).then(|| {
            let reason = match limit {
                Some(limit) => limit.to_string(),
                None => format!("{}: {error}; everything before it was read", code.replace('-', " stream is ")),
            };
            Reject::new(offset, line, b"", reason)
        });
        State::Failed { code, reject }
    }
}

/// Lines from an offset and line on; `tail` says whether what stands before them was a whole record.
fn lines<'r>(stream: Stream<'r>, limits: &Limits, (offset, line): (u64, u64), tail: Option<bool>) -> State<'r> {
    State::Lines {
        reader: Box::new(BlockReader::with_max_line(stream, BLOCK, limits.line).beginning_at(offset, line)),
        spanning: Spanning::new(limits.buffered),
        joiner: Box::new(Joiner::new(limits.line)),
        tail,
        ready: VecDeque::new(),
    }
}

/// Repeats an error at its place in a stream.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// The last line of a block, when no line end follows it: whether it is a whole record all the same.
fn unended_tail(block: &Block) -> Option<bool> {
    let start = memchr::memrchr(b'\n', &block.bytes).map_or(0, |i| i + 1);
    let last = block.bytes.get(start..).filter(|last| !last.trim_ascii().is_empty())?;
    let last = last.strip_suffix(b"\r").unwrap_or(last);
    Some(serde_json::from_slice::<serde::de::IgnoredAny>(last).is_ok())
}

fn documents_end_broken(bytes: &[u8]) -> bool {
    matches!(Cutter::new(bytes, 0, 1).last(), Some(documents::Piece::Broken(_)))
}

/// Opens a batch. Yaml, tables and listings are left to the caller. Where thousands of records of one batch
/// cannot be read, one reject stands for those behind the first two thousand, and says how many they are.
pub fn open_batch(batch: &Batch, ctx: &Context, sink: &mut dyn Sink) {
    let mut few = Few::new(sink);
    open(batch, &mut Opener { ctx, sink: &mut few, damaged: false, goes_on: false });
    few.finish(|range| batch.stretch(range));
}

fn open(batch: &Batch, opener: &mut Opener<'_>) {
    match batch {
        Batch::Lines(block) => opener.block(block),
        Batch::Records(records) => opener.records(records),
        Batch::Documents(bytes) => {
            opener.documents(bytes, 0, 1, bytes.ends_with(b"\n"));
        }
        Batch::Spanning(block) => {
            opener.documents(&block.bytes, block.offset, block.first_line, block.bytes.ends_with(b"\n"));
        }
        Batch::Stretch(stretch) => {
            let sink = &mut stretch.placed(&mut *opener.sink);
            let mut inside = Opener { ctx: opener.ctx, sink, damaged: false, goes_on: stretch.goes_on() };
            match stretch.form() {
                Form::Json => inside.documents(stretch.text(), 0, 1, stretch.ended()),
                Form::Csv => inside.csv(stretch.text()),
            }
        }
        Batch::Csv(bytes) => opener.csv(bytes),
        Batch::Messages(bytes) => super::refusals::open_file(opener, bytes),
        Batch::ExportMarker => {
            opener.sink.fact(Fact::Format(Format::CloudwatchS3Export));
        }
        Batch::Failed { reject, .. } => {
            if let Some(reject) = reject {
                opener.sink.reject(reject.clone());
            }
        }
        Batch::TooLong(reject) => {
            opener.sink.reject(reject.clone());
            opener.sink.warn(warnings::REJECTED_LINE);
        }
        Batch::Yaml(_) | Batch::ApiResources(_) | Batch::Listing(_) => {}
    }
}
