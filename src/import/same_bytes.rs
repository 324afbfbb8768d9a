//! Telling whether the bytes of a file, or of an archive member, are in the case already. They are then
//! not read again: events would only be dropped one by one, but what snapshots show would count twice.

use std::collections::BTreeSet;
use std::io::{self, Read};

use super::discover::ObservedBasis;
use super::source_rows::SourceRow;
use crate::model::finding::{Finding, Severity};
use crate::model::object::ObservedAt;

/// Members up to this size are held in memory until it is known whether the case has them.
pub const HELD: u64 = 32 << 20;

/// A place whose bytes may be known.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    /// Its path.
    pub path: &'p str,
    /// Its size in bytes.
    pub size: u64,
    /// If it holds a snapshot: when that was taken.
    pub observed: Option<(ObservedAt, ObservedBasis)>,
}

/// The places of sources in their list, by size.
#[derive(Clone, Debug, Default)]
pub struct BySize(BTreeSet<(u64, usize)>);

impl BySize {
    /// Of these sources.
    pub fn of(sources: &[SourceRow]) -> Self {
        Self(sources.iter().enumerate().map(|(place, s)| (s.size, place)).collect())
    }

    /// Adds the source at `place`, once its size is known.
    pub fn add(&mut self, size: u64, place: usize) {
        self.0.insert((size, place));
    }

    /// Those of this size, first ones first.
    fn with<'s>(&self, sources: &'s [SourceRow], size: u64) -> impl Iterator<Item = &'s SourceRow> {
        self.0.range((size, 0)..=(size, usize::MAX)).filter_map(move |(_, place)| sources.get(*place))
    }
}

/// The source that has these very bytes. `digest` is asked only where the size makes it possible.
///
/// # Errors
/// Those of `digest`.
pub fn twin<'s>(
    sources: &'s [SourceRow],
    sizes: &BySize,
    place: Place<'_>,
    digest: impl FnOnce() -> io::Result<String>,
) -> io::Result<Option<&'s SourceRow>> {
    if !sizes.with(sources, place.size).any(|s| !s.sha256.is_empty()) {
        return Ok(None);
    }
    let sha256 = digest()?;
    // The same bytes seen at another time are another observation, when that time is really known.
    let weak = matches!(place.observed, None | Some((_, ObservedBasis::Modified)));
    Ok(sizes
        .with(sources, place.size)
        .find(|s| s.sha256 == sha256 && (s.observed.is_none() || weak || s.observed == place.observed.map(|o| o.0))))
}

/// Code of findings about places that were not read again.
pub const SAME_BYTES: &str = "same-bytes";

/// Says that a place was not read again.
pub fn finding(path: &str, twin: &SourceRow) -> Finding {
    Finding {
        severity: Severity::Info,
        code: SAME_BYTES,
        message: format!(
            "`{path}` has the same bytes as `{}` ({}) and does not count again",
            twin.path, twin.source_id
        ),
        at: None,
        witnesses: Vec::new(),
    }
}

/// A stream of which the beginning was read.
pub struct Begun {
    /// The beginning: all of it, when `whole`.
    pub head: Vec<u8>,
    /// Whether the stream ended without an error within it.
    pub whole: bool,
    failure: Option<io::Error>,
}

impl Begun {
    /// Reads the beginning.
    pub fn read(content: &mut dyn Read) -> Self {
        let mut head = Vec::new();
        let failure = content.take(HELD).read_to_end(&mut head).err();
        let whole = failure.is_none() && (head.len() as u64) < HELD;
        Self { head, whole, failure }
    }

    /// The stream from its start again; a failure comes at its place.
    pub fn stream<'c>(self, rest: &'c mut (dyn Read + Send)) -> Box<dyn Read + Send + 'c> {
        let head = io::Cursor::new(self.head);
        match self.failure {
            Some(e) => Box::new(head.chain(Failing(Some(e)))),
            None => Box::new(head.chain(rest)),
        }
    }
}

/// Repeats an error.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
