//! What was read of a source and not taken yet, with its place.

use std::io::{self, Read};

use super::Rest;
use crate::formats::blocks::STEP;

/// A source with a buffer.
pub(super) struct Buffered<R> {
    inner: R,
    /// What was read and not taken.
    pub(super) bytes: Vec<u8>,
    /// Where it lies.
    pub(super) offset: u64,
    /// Its line.
    pub(super) line: u64,
    /// Nothing follows.
    pub(super) ended: bool,
    failure: Option<io::Error>,
}

impl<R: Read> Buffered<R> {
    /// Nothing read yet.
    pub(super) fn new(inner: R) -> Self {
        Self { inner, bytes: Vec::new(), offset: 0, line: 1, ended: false, failure: None }
    }

    /// What was not taken.
    pub(super) fn into_rest(self, cut_record: bool) -> Rest<R> {
        let Self { inner, bytes: read, offset, line, failure, .. } = self;
        Rest { read, offset, line, failure, cut_record, inner }
    }

    /// Takes bytes off.
    pub(super) fn pass(&mut self, bytes: usize) {
        let passed = self.bytes.get(..bytes).unwrap_or(&self.bytes);
        self.offset += passed.len() as u64;
        self.line += memchr::memchr_iter(b'\n', passed).count() as u64;
        self.bytes.drain(..bytes.min(self.bytes.len()));
    }

    /// Reads about as much again as there is, `least` at least; false when nothing is left.
    pub(super) fn more(&mut self, least: usize) -> bool {
        let before = self.bytes.len();
        self.fill(before.saturating_mul(2).max(before.saturating_add(least)));
        self.bytes.len() > before
    }

    /// Reads until there are `to` bytes, in steps that stay in the cache while they are hashed.
    pub(super) fn fill(&mut self, to: usize) {
        self.bytes.reserve(to.saturating_sub(self.bytes.len()));
        while self.bytes.len() < to && !self.ended {
            let start = self.bytes.len();
            self.bytes.resize(to.min(start + STEP), 0);
            let read = self.inner.read(self.bytes.get_mut(start..).unwrap_or_default());
            self.bytes.truncate(start + read.as_ref().copied().unwrap_or_default());
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
