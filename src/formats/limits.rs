//! Bounds on what evidence may make of us. A small archive can unpack to more than any disk holds; one
//! budget is shared by everything that comes out of one file, however deeply it is packed, and is
//! measured against the bytes read from that file.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The bounds. The defaults are far above what logs reach (they shrink twenty- to sixtyfold).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes unpacked for each byte read.
    pub ratio: u64,
    /// Bytes that may be unpacked whatever the ratio.
    pub floor: u64,
    /// Bytes unpacked from one file in all.
    pub total: u64,
    /// Members of one archive.
    pub members: u64,
    /// Bytes of a member that must be held in memory: an archive inside an archive, documents, CSV.
    pub buffered: u64,
    /// Layers of compression and archives in each other.
    pub depth: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { ratio: 300, floor: 64 << 20, total: 4 << 40, members: 1_000_000, buffered: 2 << 30, depth: 6 }
    }
}

/// Unpacking reached a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unpacking stopped at {produced} bytes out of {consumed}: expected at most {allowed}; raise the limit if the file is trusted"
)]
pub struct LimitExceeded {
    /// Bytes unpacked.
    pub produced: u64,
    /// Bytes read.
    pub consumed: u64,
    /// Bytes allowed.
    pub allowed: u64,
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
        let produced = self.produced.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let consumed = self.consumed.load(Ordering::Relaxed);
        let allowed = consumed.saturating_mul(self.limits.ratio).max(self.limits.floor).min(self.limits.total);
        if produced > allowed { Err(LimitExceeded { produced, consumed, allowed }) } else { Ok(()) }
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
