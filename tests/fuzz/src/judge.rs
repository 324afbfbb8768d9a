//! A sink that holds every record against the source it should lie in.

use crate::formats::Reject;
use crate::formats::authenticator::AuthenticatorRecord;
use crate::formats::blocks::Block;
use crate::formats::completeness::SourceFacts;
use crate::formats::decode::{Content, Peeled};
use crate::formats::layout::Context;
use crate::formats::limits::{Budget, Limits};
use crate::formats::recognise::Cut;
use crate::formats::sink::{EventRecord, Fact, JsonDocument, Sink, Skipped, Span};
use crate::formats::source::{Batch, Source, open_batch};
use crate::formats::yaml;

/// Longest text given to a parser; more only slows the search.
pub const MAX: usize = 1 << 16;
/// Documents of this length are long here: a few records.
const LONG: usize = 1 << 10;

/// What was handed on, checked.
pub struct Judge<'b> {
    source: &'b [u8],
    pub events: u64,
    pub rejects: u64,
    pub skipped: u64,
    pub others: u64,
    pub facts: SourceFacts,
    covered: Vec<(u64, u64)>,
}

impl<'b> Judge<'b> {
    pub fn new(source: &'b [u8]) -> Self {
        Self { source, events: 0, rejects: 0, skipped: 0, others: 0, facts: SourceFacts::default(), covered: vec![] }
    }

    pub fn records(&self) -> u64 {
        self.events + self.rejects + self.skipped + self.others
    }

    fn lies_inside(&mut self, offset: u64, line: u64, length: u64) {
        let end = offset.checked_add(length).expect("a place beyond all numbers");
        assert!(end <= self.source.len() as u64, "{offset}+{length} lies behind the end at {}", self.source.len());
        let before = self.source.get(..offset as usize).unwrap_or_default();
        let expected = 1 + before.iter().filter(|b| **b == b'\n').count() as u64;
        // Where nothing but a line end stands between two elements of a list, the missing comma takes its place.
        let no_comma = |w: &[u8]| matches!(w, [b'}' | b']', b'\n', b'{' | b'[' | b'\n']);
        let lost = self.source.windows(3).filter(|w| no_comma(w)).count() as u64;
        assert!(
            (expected - lost.min(expected)..=expected).contains(&line),
            "line {line} of offset {offset}, {expected}"
        );
        self.covered.push((offset, end));
    }

    /// Every line that is not JSON is a record of some kind, or lies inside one. The inner lines of a whole value
    /// are JSON as its first is: an envelope's records are what it holds, and what a writer put beside them
    /// (`"nextToken": …`) is no record, however it is broken into lines. Nor are the commas and closing brackets
    /// of a damaged list that stand on lines of their own.
    pub fn nothing_is_lost(&mut self) {
        self.covered.sort_unstable();
        let mut start = 0;
        let mut document = 0;
        for raw in self.source.split_inclusive(|b| *b == b'\n') {
            let (from, to) = (start, start + raw.len() as u64);
            start = to;
            let text = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
            let blank = |b: &u8| b.is_ascii_whitespace() || *b == 0;
            let first = text.iter().find(|b| !blank(b));
            if first.is_none_or(|b| matches!(b, b'{' | b'[')) {
                document = document.max(self.whole_values(document.max(from), to));
                continue;
            }
            let behind = self.source.get(document.max(from) as usize..to.max(document) as usize).unwrap_or_default();
            if behind.iter().all(|b| b.is_ascii_whitespace() || matches!(b, b',' | b']' | b'}')) {
                continue;
            }
            let met = self.covered.iter().any(|(a, b)| *a < to && from < *b || *a >= from && *a < to);
            assert!(met, "line at {from} is no record: {:?}", String::from_utf8_lossy(raw));
        }
    }
}

impl Judge<'_> {
    /// Where the last of the whole JSON values ends that begin in a stretch of a line: a document in front, or a
    /// value in which something was read.
    fn whole_values(&self, from: u64, to: u64) -> u64 {
        let (mut at, mut end) = (from as usize, from);
        while let Some(opens) = (at..to as usize).find(|i| matches!(self.source.get(*i), Some(b'{' | b'['))) {
            at = opens + 1;
            let rest = self.source.get(opens..).unwrap_or_default();
            let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&serde_json::value::RawValue>();
            let Some(Ok(_)) = values.next() else { continue };
            at = opens + values.byte_offset();
            let before = self.source.get(from as usize..opens).unwrap_or_default();
            let read = |(a, b): &(u64, u64)| *a >= opens as u64 && *b <= at as u64;
            if before.trim_ascii().is_empty() || self.covered.iter().any(read) {
                end = at as u64;
            }
        }
        end
    }
}

impl Sink for Judge<'_> {
    fn event(&mut self, r: EventRecord<'_>) {
        self.events += 1;
        self.lies_inside(r.span.offset, r.span.line, r.span.length);
        self.facts.fact(Fact::Format(r.format));
    }

    fn json(&mut self, d: JsonDocument<'_>) {
        self.others += 1;
        self.lies_inside(d.span.offset, d.span.line, d.span.length);
        if d.damaged {
            // A repaired text is not that of the source.
            return;
        }
        serde_json::from_str::<serde::de::IgnoredAny>(d.text).expect("a document that is no JSON");
    }

    fn authenticator(&mut self, _: &AuthenticatorRecord<'_>, span: Span, _: Option<&str>) {
        self.others += 1;
        self.lies_inside(span.offset, span.line, span.length);
    }

    fn skip(&mut self, _: Skipped, span: Span) {
        self.skipped += 1;
        self.lies_inside(span.offset, span.line, span.length);
    }

    fn reject(&mut self, r: Reject) {
        self.rejects += 1;
        assert!(!r.reason.is_empty());
        self.lies_inside(r.offset, r.line, r.length);
    }

    fn warn(&mut self, code: &'static str) {
        self.facts.warn(code);
    }

    fn fact(&mut self, fact: Fact<'_>) {
        self.facts.fact(fact);
    }
}

/// Reads bytes as a file that is not compressed.
pub fn read<'b>(bytes: &'b [u8], path: &str) -> Judge<'b> {
    read_within(bytes, path, Limits::default())
}

/// Reads bytes with lists of records taken apart, as those of very long documents are.
pub fn read_apart<'b>(bytes: &'b [u8], path: &str) -> Judge<'b> {
    read_within(bytes, path, Limits { long: LONG, ..Limits::default() })
}

fn read_within<'b>(bytes: &'b [u8], path: &str, limits: Limits) -> Judge<'b> {
    let budget = Budget::new(limits);
    let peeled = Peeled { layers: Vec::new(), too_deep: false, content: Content::Plain, reader: Box::new(bytes) };
    let mut source = Source::open(peeled, path, &budget);
    let mut judge = Judge::new(bytes);
    let ctx = Context::of_path(path);
    let mut joined = false;
    while let Some(batch) = source.next_batch() {
        // Lines of a document that spans them are no records of their own.
        joined |= matches!(batch, Batch::Records(_) | Batch::Spanning(_) | Batch::Stretch(_));
        if let Batch::Yaml(text) = &batch {
            read_yaml(text, &mut judge);
        }
        open_batch(&batch, &ctx, &mut judge);
    }
    if source.cut() == Cut::Lines && !joined {
        judge.nothing_is_lost();
    }
    judge
}

/// Reads bytes as lines, whatever they look like.
pub fn lines(bytes: &[u8]) -> Judge<'_> {
    let mut judge = Judge::new(bytes);
    let block = Block { bytes: bytes.to_vec().into(), offset: 0, first_line: 1 };
    open_batch(&Batch::Lines(block), &Context::default(), &mut judge);
    judge.nothing_is_lost();
    judge
}

fn read_yaml(bytes: &[u8], judge: &mut Judge<'_>) {
    let (documents, rejects) = yaml::split(bytes);
    for d in documents {
        judge.others += 1;
        judge.lies_inside(d.offset, d.line, d.length);
        serde_json::from_str::<serde_json::Value>(&d.json).expect("a YAML document that is no JSON");
    }
    rejects.into_iter().for_each(|r| judge.reject(r));
}
