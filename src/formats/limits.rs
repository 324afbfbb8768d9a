//! Bounds on what evidence may make of us. A small archive can unpack to more than any disk holds; one
//! budget is shared by everything that comes out of one file, however deeply it is packed, and is
//! measured against the bytes read from that file.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bounds. Logs shrink twenty- to sixtyfold, rarely a few hundredfold: every event carries an audit ID of
/// sixteen random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes unpacked for each byte read, judged beyond `floor`.
    pub ratio: u64,
    /// Bytes that may be unpacked whatever the ratio.
    pub floor: u64,
    /// Bytes unpacked from one file in all.
    pub total: u64,
    /// Bytes of a line or joined record; longer ones are rejects.
    pub line: usize,
    /// Bytes from which on CSV, or a document that is a list of records, is taken apart while it is read.
    pub long: usize,
    /// Members of one archive.
    pub members: u64,
    /// Bytes of a member that must be held in memory: documents, CSV.
    pub buffered: u64,
    /// Layers of compression in each other.
    pub depth: u32,
}

impl Limits {
    /// For reading again what was imported under limits of its own.
    pub fn none() -> Self {
        Self { ratio: u64::MAX, total: u64::MAX, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ratio: 1000,
            floor: 64 << 20,
            total: 4 << 40,
            line: super::blocks::MAX_LINE,
            long: super::stretches::LONG,
            members: 1_000_000,
            buffered: 2 << 30,
            depth: 6,
        }
    }
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// [`Limits::ratio`].
    Ratio,
    /// [`Limits::total`].
    Total,
    /// [`Limits::members`].
    Members,
}

/// Unpacking reached a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// Which.
    pub bound: Bound,
    /// Bytes unpacked.
    pub produced: u64,
    /// Bytes read.
    pub consumed: u64,
    /// Bytes allowed.
    pub allowed: u64,
}

impl std::error::Error for LimitExceeded {}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { produced, consumed, allowed, .. } = self;
        match self.bound {
            Bound::Ratio => write!(
                f,
                "unpacking stopped at {produced} bytes out of {consumed}: expected at most {allowed}, as from a log; \
                 where the file is trusted, --max-ratio allows more"
            ),
            Bound::Total => write!(
                f,
                "unpacking stopped at {produced} bytes: expected at most {allowed} from one file; \
                 --max-decompressed allows more"
            ),
            Bound::Members => write!(
                f,
                "unpacking stopped at {allowed} members: no more are read of one archive; unpack it and import the folder"
            ),
        }
    }
}

impl LimitExceeded {
    /// The limit behind an error, if that is what ended reading.
    pub fn behind(error: &io::Error) -> Option<&Self> {
        let mut source: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|e| e as _);
        while let Some(e) = source {
            if let Some(found) = e.downcast_ref::<Self>() {
                return Some(found);
            }
            source = match e.downcast_ref::<io::Error>() {
                Some(inner) => inner.get_ref().map(|e| e as _),
                None => e.source(),
            };
        }
        None
    }
}

/// The budget of one file.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    consumed: Arc<AtomicU64>,
    produced: Arc<AtomicU64>,
}

impl Budget {
    /// Nothing read and nothing unpacked yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, consumed: Arc::default(), produced: Arc::default() }
    }

    /// The bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts bytes unpacked.
    fn spend(&self, bytes: u64) -> Result<(), LimitExceeded> {
        self.produced.fetch_add(bytes, Ordering::Relaxed);
        self.spent().map_or(Ok(()), Err)
    }

    /// The limit that was reached, if one was.
    pub fn spent(&self) -> Option<LimitExceeded> {
        let (produced, consumed) = (self.produced.load(Ordering::Relaxed), self.consumed.load(Ordering::Relaxed));
        let by_ratio = consumed.saturating_mul(self.limits.ratio).max(self.limits.floor);
        let (bound, allowed) =
            if by_ratio < self.limits.total { (Bound::Ratio, by_ratio) } else { (Bound::Total, self.limits.total) };
        (produced > allowed).then_some(LimitExceeded { bound, produced, consumed, allowed })
    }

    /// Counts the bytes read from the file itself.
    pub fn metered<R: Read>(&self, inner: R) -> Metered<R> {
        Metered { inner, consumed: Arc::clone(&self.consumed) }
    }

    /// Bounds the bytes a decoder gives.
    pub fn bounded<R: Read>(&self, inner: R) -> Bounded<R> {
        Bounded { inner, budget: self.clone() }
    }
}

/// Counts what is read from the file.
pub struct Metered<R> {
    inner: R,
    consumed: Arc<AtomicU64>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.consumed.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

impl<R: io::Seek> io::Seek for Metered<R> {
    fn seek(&mut self, pos: io::SeekFrom) -> io::Result<u64> {
        self.inner.seek(pos)
    }
}

/// Ends with [`LimitExceeded`] where the budget does.
pub struct Bounded<R> {
    inner: R,
    budget: Budget,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.budget.spend(n as u64).map_err(io::Error::other)?;
        Ok(n)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_shared_by_all_layers_of_a_file() {
        let budget = Budget::new(Limits { ratio: 10, floor: 50, ..Limits::default() });
        let mut sink = Vec::new();
        budget.metered(&[0_u8; 6][..]).read_to_end(&mut sink).unwrap();
        budget.bounded(io::repeat(0).take(40)).read_to_end(&mut sink).unwrap();
        let error = budget.bounded(io::repeat(0).take(40)).read_to_end(&mut sink).unwrap_err();
        assert_eq!(LimitExceeded::behind(&error).map(|e| (e.consumed, e.allowed)), Some((6, 60)));
        let wrapped = io::Error::other(error);
        assert!(LimitExceeded::behind(&wrapped).is_some());
        assert!(LimitExceeded::behind(&io::Error::other("x")).is_none());
    }
}
