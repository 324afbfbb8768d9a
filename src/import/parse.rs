//! Turns a batch of a source into rows and the facts needed to place them.
//! Runs on many threads at once; everything here depends on the bytes alone.

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::error::ArrowError;
use serde_json::Value;

use super::dedup::{Key, Keying};
use super::logged_identity::LoggedIdentity;
use crate::formats::authenticator::AuthenticatorRecord;
use crate::formats::completeness::SourceFacts;
use crate::formats::layout::Context;
use crate::formats::objects::{self, ListRecord, ObjectRecord};
use crate::formats::sink::{EventRecord, Fact, JsonDocument, Sink, Skipped, Span};
use crate::formats::source::{Batch, open_batch};
use crate::formats::{Reject, warnings, yaml};
use crate::model::resource::{self, Discovery};
use crate::model::time::Timestamp;
use crate::tables::event_builder::{EventBuilder, Place};

/// An object with its place in the source.
#[derive(Clone, Debug)]
pub struct PlacedObject {
    /// The object.
    pub object: ObjectRecord,
    /// Byte offset in the source.
    pub offset: u64,
    /// Line, from 1.
    pub line: u64,
}

/// What came out of some bytes of a source.
#[derive(Default)]
pub struct Parsed {
    /// Events.
    pub events: Option<RecordBatch>,
    /// Bytes of the block that the events' texts point into.
    pub held: usize,
    /// For each event: what tells copies, where it has an audit ID.
    pub keys: Vec<Option<Key>>,
    /// For each event: when it is filed under.
    pub filed: Vec<Option<Timestamp>>,
    /// Objects.
    pub objects: Vec<PlacedObject>,
    /// Lists.
    pub lists: Vec<ListRecord>,
    /// Discovery data.
    pub discovery: Vec<Discovery>,
    /// What could not be read.
    pub rejects: Vec<Reject>,
    /// Readable records of other kinds.
    pub skipped: u64,
    /// Records of aws-iam-authenticator.
    pub identities: Vec<LoggedIdentity>,
    /// Formats, clusters, accounts, pages, warnings.
    pub facts: SourceFacts,
    /// Warnings that are not of one record (`gzip-truncated`).
    pub failure: Option<String>,
    /// A must-gather listing.
    pub listing: Option<Vec<u8>>,
}

impl Parsed {
    /// Records read, of the kinds a case holds.
    pub fn records(&self) -> u64 {
        (self.filed.len() + self.objects.len() + self.rejects.len()) as u64
    }

    /// Records that snapshots show: objects and resources.
    pub fn shown(&self) -> usize {
        self.objects.len() + self.discovery.iter().map(|d| d.resources.len()).sum::<usize>()
    }
}

/// Parses batches of one source.
pub struct Parser<'s> {
    source_id: &'s str,
    keying: &'s Keying,
    events: EventBuilder,
    out: Parsed,
}

/// Parses a batch.
///
/// # Errors
/// Only when the event table's description is broken.
pub fn parse(batch: &Batch, source_id: &str, ctx: &Context, keying: &Keying) -> Result<Parsed, ArrowError> {
    let block = match batch {
        Batch::Lines(block) => block.bytes.clone(),
        _ => Buffer::default(),
    };
    let mut parser = Parser { source_id, keying, events: EventBuilder::new(&block), out: Parsed::default() };
    parser.out.held = block.len();
    match batch {
        Batch::Yaml(bytes) => parser.yaml(bytes),
        Batch::ApiResources(bytes) => parser.api_resources(bytes),
        Batch::Listing(bytes) => parser.out.listing = Some(bytes.clone()),
        _ => open_batch(batch, ctx, &mut parser),
    }
    if let Batch::Failed { code, .. } = batch {
        parser.out.failure = Some(code.clone());
    }
    parser.finish()
}

impl Sink for Parser<'_> {
    fn event(&mut self, r: EventRecord<'_>) {
        let place =
            Place { source_id: self.source_id, offset: r.span.offset, line: r.span.line, length: r.span.length };
        self.events.push(r.event, r.times, &r.envelope, place);
        // Two entries of one long-running request differ in nothing but their part.
        self.out.keys.push(self.keying.key_of(r.event, r.envelope.component, r.envelope.operation_part, r.raw));
        self.out.filed.push(r.times.filed());
        self.out.facts.fact(Fact::Format(r.format));
    }

    fn json(&mut self, document: JsonDocument<'_>) {
        let lists = self.out.lists.len();
        self.document(document.text, document.span.offset, document.span.line);
        if document.damaged {
            // Items are missing: absence from a damaged list proves nothing.
            self.out.lists.iter_mut().skip(lists).for_each(|l| l.whole = false);
        }
    }

    fn authenticator(&mut self, record: &AuthenticatorRecord<'_>, span: Span, log_stream: Option<&str>) {
        self.out.identities.push(LoggedIdentity::of(record, span, log_stream));
    }

    fn skip(&mut self, _: Skipped, _: Span) {
        self.out.skipped += 1;
    }

    fn reject(&mut self, reject: Reject) {
        self.out.rejects.push(reject);
    }

    fn warn(&mut self, code: &'static str) {
        self.out.facts.warn(code);
    }

    fn fact(&mut self, fact: Fact<'_>) {
        self.out.facts.fact(fact);
    }
}

impl Parser<'_> {
    fn yaml(&mut self, bytes: &[u8]) {
        let (documents, rejects) = yaml::split(bytes);
        for document in &documents {
            let first = self.out.objects.len();
            self.document(&document.json, document.offset, document.line);
            for placed in self.out.objects.iter_mut().skip(first) {
                (placed.offset, placed.line) = (document.offset, document.line);
                placed.object.length = usize::try_from(document.length).unwrap_or(usize::MAX);
            }
        }
        if !rejects.is_empty() {
            self.out.facts.warn(warnings::REJECTED_LINE);
        }
        self.out.rejects.extend(rejects);
    }

    fn api_resources(&mut self, bytes: &[u8]) {
        match resource::parse_api_resources_text(&String::from_utf8_lossy(bytes)) {
            Ok(found) => self.out.discovery.push(found),
            Err(e) => self.out.rejects.push(Reject::new(0, 1, bytes, e.to_string())),
        }
    }

    /// JSON that is no audit event: objects, discovery data, or something else.
    fn document(&mut self, text: &str, offset: u64, line: u64) {
        let contents = objects::read(text);
        let held = contents.is_some();
        // Definitions of custom resources are both objects and discovery data.
        if (!held || text.contains("CustomResourceDefinition"))
            && let Ok(value) = serde_json::from_str::<Value>(text)
            && resource::looks_like_discovery(&value)
        {
            match resource::parse_discovery(&value) {
                Ok(found) => self.out.discovery.push(found),
                Err(e) => self.out.rejects.push(Reject::new(offset, line, text.as_bytes(), e.to_string())),
            }
        } else if !held {
            self.out.skipped += 1;
        }
        if let Some(contents) = contents {
            if contents.is_empty() {
                self.out.facts.warn(warnings::EMPTY_LIST);
            }
            self.objects(contents, text, offset, line);
        }
    }

    fn objects(&mut self, contents: objects::Contents, text: &str, offset: u64, line: u64) {
        for object in contents.objects {
            let (o, l) = (offset + object.offset as u64, line + object.lines);
            self.out.objects.push(PlacedObject { object, offset: o, line: l });
        }
        for (at, length, reason) in contents.broken {
            let bytes = text.as_bytes().get(at..at + length).unwrap_or_default();
            self.out.rejects.push(Reject::new(offset + at as u64, line, bytes, reason));
        }
        self.out.lists.extend(contents.lists);
        self.out.skipped += contents.skipped;
    }

    fn finish(mut self) -> Result<Parsed, ArrowError> {
        if !self.events.is_empty() {
            self.out.events = Some(self.events.finish()?);
        }
        Ok(self.out)
    }
}
