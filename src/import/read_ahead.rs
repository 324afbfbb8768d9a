//! Small files, read and parsed side by side ahead of their turn: one alone keeps one core busy. What came out of each
//! is then taken in order, as if it had been read in its turn, so the result does not depend on it.
//!
//! Archives are left to their turn, since what their members hold decides what is read of them.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use arrow::error::ArrowError;

use super::ImportError;
use super::dedup::Keying;
use super::discover::Input;
use super::parse::Parsed;
use super::read_source::{Consumer, FileFacts, read_source};
use super::room::Room;
use crate::formats::limits::Limits;
use crate::model::progress::Silent;

/// A file up to this size is small.
const SMALL: u64 = 1 << 20;
/// What a file takes in memory besides its bytes, once it is parsed.
const FILE_BYTES: usize = 64 << 10;

/// Bytes that a file takes once it is read ahead, about.
pub fn weight(input: &Input) -> usize {
    // Its texts point into it or are copied, and its rows have columns.
    usize::try_from(input.size).unwrap_or(usize::MAX).saturating_mul(2).saturating_add(FILE_BYTES)
}

/// What came out of a file, before its turn.
pub struct Ahead {
    taken: Vec<Parsed>,
    facts: FileFacts,
}

/// Files in their order, cut into stretches: small ones that follow one another, or any other alone.
pub fn stretches(inputs: &[Input]) -> impl Iterator<Item = &[Input]> {
    inputs.chunk_by(|a, b| a.size <= SMALL && b.size <= SMALL)
}

/// Reads a file; nothing when it has to be read in its turn.
pub fn read(input: &Input, limits: Limits, room: Room, keying: &Keying) -> Option<Ahead> {
    let mut recorder = Recorder { taken: Vec::new(), facts: None, sources: 0, plain: true };
    // What fails here fails in its turn, too.
    read_source(input, limits, room, keying, &Silent, &mut recorder).ok()?;
    let facts = recorder.facts.filter(|_| recorder.plain && recorder.sources == 1)?;
    Some(Ahead { taken: recorder.taken, facts })
}

impl Ahead {
    /// SHA-256 of the file, hex.
    pub fn sha256(&self) -> &str {
        &self.facts.sha256
    }

    /// Hands on what came out.
    ///
    /// # Errors
    /// Those of the consumer.
    pub fn take(self, path: &str, consumer: &mut dyn Consumer) -> Result<(), ImportError> {
        let (number, id) = consumer.begin(path);
        for mut parsed in self.taken {
            parsed.events = parsed.events.map(|events| of_source(&events, &id)).transpose()?;
            consumer.take(number, parsed)?;
        }
        consumer.end(number, &self.facts)
    }
}

/// The rows with the source's id, which was not known when they were made.
fn of_source(events: &RecordBatch, id: &str) -> Result<RecordBatch, ArrowError> {
    let schema = events.schema();
    let place = schema.index_of("source_id")?;
    let ids: ArrayRef = Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(id, events.num_rows())));
    let columns = events.columns().iter().enumerate().map(|(n, c)| if n == place { &ids } else { c }).cloned();
    RecordBatch::try_new(schema, columns.collect())
}

struct Recorder {
    taken: Vec<Parsed>,
    facts: Option<FileFacts>,
    sources: usize,
    plain: bool,
}

impl Consumer for Recorder {
    fn begin(&mut self, _: &str) -> (usize, String) {
        self.sources += 1;
        (0, String::new())
    }

    fn known(&mut self, _: &str, _: &[u8]) -> bool {
        // A member: the archive has to wait, and nothing of it is read now.
        self.plain = false;
        true
    }

    fn take(&mut self, _: usize, parsed: Parsed) -> Result<(), ImportError> {
        self.taken.push(parsed);
        Ok(())
    }

    fn refused(&mut self, _: usize, _: &str, _: &str) {
        self.plain = false;
    }

    fn end(&mut self, _: usize, facts: &FileFacts) -> Result<(), ImportError> {
        self.facts = Some(facts.clone());
        Ok(())
    }
}
