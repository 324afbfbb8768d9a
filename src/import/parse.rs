//! Turns a block of lines, or a whole document file, into rows and the facts needed to place them.
//! Runs on many threads at once; everything here depends on the bytes alone.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use serde_json::Value;

use super::dedup::{Key, key_of};
use crate::formats::audit::{self, NotAnEvent};
use crate::formats::blocks::Block;
use crate::formats::documents::{self, Document};
use crate::formats::objects::{self, ListRecord, ObjectRecord};
use crate::formats::recognise::BOM;
use crate::formats::{Reject, yaml};
use crate::model::resource::{self, Discovery};
use crate::model::time::Timestamp;
use crate::tables::event_builder::{Envelope, EventBuilder, EventTimes, Place};

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
}

impl Parsed {
    /// Records read, of the kinds a case holds.
    pub fn records(&self) -> u64 {
        (self.filed.len() + self.objects.len() + self.rejects.len()) as u64
    }
}

/// Parses with one source's id.
pub struct Parser<'s> {
    source_id: &'s str,
    events: EventBuilder,
    out: Parsed,
}

impl<'s> Parser<'s> {
    /// A parser of records of this source.
    pub fn new(source_id: &'s str) -> Self {
        Self { source_id, events: EventBuilder::new(), out: Parsed::default() }
    }

    /// Parses a block of lines.
    ///
    /// # Errors
    /// Only when the event table's description is broken.
    pub fn block(mut self, block: &Block) -> Result<Parsed, ArrowError> {
        for line in block.lines() {
            let mut bytes = line.bytes;
            let mut offset = line.offset;
            if line.offset == 0
                && let Some(rest) = bytes.strip_prefix(BOM)
            {
                bytes = rest;
                offset += BOM.len() as u64;
            }
            let blank = bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let trimmed = bytes.trim_ascii();
            if !trimmed.is_empty() {
                self.line(trimmed, offset + blank as u64, line.number, line.ended);
            }
        }
        self.finish()
    }

    /// Parses a buffer of JSON documents.
    ///
    /// # Errors
    /// As [`Parser::block`].
    pub fn documents(mut self, bytes: &[u8]) -> Result<Parsed, ArrowError> {
        let (bytes, offset) = match bytes.strip_prefix(BOM) {
            Some(rest) => (rest, BOM.len() as u64),
            None => (bytes, 0),
        };
        let (documents, rejects) = documents::split(bytes, offset, 1);
        for document in &documents {
            self.document(document);
        }
        self.out.rejects.extend(rejects);
        self.finish()
    }

    /// Parses a buffer of YAML documents.
    ///
    /// # Errors
    /// As [`Parser::block`].
    pub fn yaml(mut self, bytes: &[u8]) -> Result<Parsed, ArrowError> {
        let (documents, rejects) = yaml::split(bytes);
        for document in &documents {
            let first = self.out.objects.len();
            self.json(&document.json, document.offset, document.line);
            // Places inside the converted text mean nothing in the file: the document is the place.
            for placed in self.out.objects.iter_mut().skip(first) {
                (placed.offset, placed.line) = (document.offset, document.line);
                placed.object.length = usize::try_from(document.length).unwrap_or(usize::MAX);
            }
        }
        self.out.rejects.extend(rejects);
        self.finish()
    }

    /// Parses what `kubectl api-resources` printed.
    ///
    /// # Errors
    /// As [`Parser::block`].
    pub fn api_resources(mut self, bytes: &[u8]) -> Result<Parsed, ArrowError> {
        match resource::parse_api_resources_text(&String::from_utf8_lossy(bytes)) {
            Ok(found) => self.out.discovery.push(found),
            Err(e) => self.out.rejects.push(Reject::new(0, 1, bytes, e.to_string())),
        }
        self.finish()
    }

    fn line(&mut self, bytes: &[u8], offset: u64, line: u64, ended: bool) {
        match audit::parse(bytes) {
            Ok((event, times)) => self.event(&event, times, bytes, offset, line),
            Err(NotAnEvent::OtherKind) => match std::str::from_utf8(bytes) {
                Ok(text) => self.json(text, offset, line),
                Err(_) => self.out.rejects.push(Reject::new(offset, line, bytes, "invalid UTF-8")),
            },
            Err(NotAnEvent::Broken(reason)) => self.broken_line(bytes, offset, line, ended, reason),
        }
    }

    /// A line that is not one JSON value may be several side by side; otherwise it is one reject.
    fn broken_line(&mut self, bytes: &[u8], offset: u64, line: u64, ended: bool, reason: String) {
        let (documents, rejects) = documents::split(bytes, offset, line);
        if documents.len() + rejects.len() > 1 {
            for document in &documents {
                self.document(document);
            }
            self.out.rejects.extend(rejects);
        } else {
            let reason = if ended { reason } else { format!("last line is cut off: {reason}") };
            self.out.rejects.push(Reject::new(offset, line, bytes, reason));
        }
    }

    fn document(&mut self, document: &Document<'_>) {
        match audit::parse(document.text.as_bytes()) {
            Ok((event, times)) => self.event(&event, times, document.text.as_bytes(), document.offset, document.line),
            Err(NotAnEvent::OtherKind) => self.json(document.text, document.offset, document.line),
            Err(NotAnEvent::Broken(reason)) => {
                self.out.rejects.push(Reject::new(document.offset, document.line, document.text.as_bytes(), reason));
            }
        }
    }

    fn event(
        &mut self,
        event: &crate::model::audit::AuditEvent<'_>,
        times: EventTimes,
        bytes: &[u8],
        offset: u64,
        line: u64,
    ) {
        let place = Place { source_id: self.source_id, offset, line, length: bytes.len() as u64 };
        self.events.push(event, times, &Envelope::default(), place);
        self.out.keys.push(key_of(event, None, bytes));
        self.out.filed.push(times.filed());
    }

    /// JSON that is no audit event: objects, discovery data, or something else.
    fn json(&mut self, text: &str, offset: u64, line: u64) {
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
