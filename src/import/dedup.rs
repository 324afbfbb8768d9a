//! Telling copies of one event from different events under one audit ID.
//!
//! The API server takes a client's `Audit-ID` as it is, so equal ids prove nothing. A record is dropped
//! on the way only when it has the same identity *and* the very same bytes as one already kept. Equal
//! identities with other bytes are kept for now and compared field by field at the end ([`super::agree`]).
//!
//! Digests are 64-bit XXH3 under a secret drawn for this run: whoever wrote the evidence cannot have chosen
//! collisions under it, a copy must agree in both digests, and what only one digest brings together is compared
//! in full. Memory is bounded: of the events kept, so many are remembered; the identities of all others lie in
//! files, and copies among them are found at the end.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64_with_secret;

use super::spill::Spill;
use crate::model::audit::AuditEvent;

/// What tells copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Digest of (component, auditID, stage, part of the operation).
    pub identity: u64,
    /// Digest of the record's bytes.
    pub content: u64,
}

/// Makes digests under a secret of this run.
pub struct Keying {
    secret: [u8; 192],
}

impl Default for Keying {
    fn default() -> Self {
        Self::new()
    }
}

impl Keying {
    /// A new secret.
    pub fn new() -> Self {
        let random = RandomState::new();
        let mut secret = [0_u8; 192];
        for (number, chunk) in secret.chunks_exact_mut(8).enumerate() {
            let mut hasher = random.build_hasher();
            hasher.write_usize(number);
            chunk.copy_from_slice(&hasher.finish().to_le_bytes());
        }
        Self { secret }
    }

    /// The key of an event; `None` without an audit ID, since nothing then tells copies.
    pub fn key_of(
        &self,
        event: &AuditEvent<'_>,
        component: Option<&str>,
        part: Option<&str>,
        bytes: &[u8],
    ) -> Option<Key> {
        let id = event.audit_id.as_deref().filter(|id| !id.is_empty())?;
        let identity = self.identity(component, id, event.stage.as_deref(), part);
        Some(Key { identity, content: self.content(bytes) })
    }

    /// Digest of (component, auditID, stage, part of the operation). Exports that name no server hold the
    /// log of `kube-apiserver`, so the one and the other are equal. Two entries of one long-running
    /// operation may differ in nothing but their part.
    pub fn identity(&self, component: Option<&str>, audit_id: &str, stage: Option<&str>, part: Option<&str>) -> u64 {
        let fields =
            [component.unwrap_or("kube-apiserver"), audit_id, stage.unwrap_or_default(), part.unwrap_or_default()];
        let mut bytes = Vec::with_capacity(128);
        for field in fields {
            // Lengths go in too: a field may hold any byte.
            bytes.extend_from_slice(&(field.len() as u64).to_le_bytes());
            bytes.extend_from_slice(field.as_bytes());
        }
        self.content(&bytes)
    }

    /// Digest of bytes.
    pub fn content(&self, bytes: &[u8]) -> u64 {
        xxh3_64_with_secret(bytes, &self.secret)
    }
}

/// What to do with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not known to be a copy: keep it.
    Keep,
    /// The same bytes are kept already, from this source.
    Copy {
        /// Index of the source of the kept one.
        of: u32,
    },
}

#[derive(Clone, Copy)]
struct Kept {
    content: u64,
    /// `u32::MAX`: a row of the case from an earlier import, whose bytes are not at hand.
    source: u32,
}

const EARLIER: u32 = u32::MAX;

/// The events kept so far.
pub struct Seen {
    limit: usize,
    kept: HashMap<u64, Kept, ahash::RandomState>,
    /// Further contents under an identity that has several.
    others: HashMap<u64, Vec<Kept>>,
    further: usize,
    spill: Spill,
}

impl Seen {
    /// No events yet. At most `limit` are remembered; files with what cannot be are made in `dir`, nameless.
    pub fn with_limit(dir: &Path, limit: usize) -> Self {
        let (kept, others) = Default::default();
        Self { limit, kept, others, further: 0, spill: Spill::new(dir) }
    }

    /// Makes room for `events` more, if so many may be remembered: growing bit by bit would move all of them again and
    /// again.
    pub fn expect(&mut self, events: usize) {
        self.kept.reserve(events.min(self.limit.saturating_sub(self.kept.len())));
    }

    /// Registers a row of an earlier import.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn earlier(&mut self, identity: u64) -> io::Result<()> {
        self.keep(identity, Kept { content: 0, source: EARLIER })
    }

    /// Decides about a record of source number `source`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn judge(&mut self, key: Key, source: u32) -> io::Result<Verdict> {
        if let Some(first) = self.kept.get(&key.identity) {
            let others = self.others.get(&key.identity).map(Vec::as_slice).unwrap_or_default();
            let same = |k: &&Kept| k.content == key.content && k.source != EARLIER;
            if let Some(same) = std::iter::once(first).chain(others).find(same) {
                return Ok(Verdict::Copy { of: same.source });
            }
        }
        self.keep(key.identity, Kept { content: key.content, source })?;
        Ok(Verdict::Keep)
    }

    fn keep(&mut self, identity: u64, new: Kept) -> io::Result<()> {
        if self.kept.len().saturating_add(self.further) >= self.limit {
            self.forget()?;
        }
        match self.kept.entry(identity) {
            std::collections::hash_map::Entry::Vacant(v) => {
                v.insert(new);
            }
            std::collections::hash_map::Entry::Occupied(_) => {
                self.others.entry(identity).or_default().push(new);
                self.further += 1;
            }
        }
        Ok(())
    }

    /// Writes the identities of all that is remembered to files.
    fn forget(&mut self) -> io::Result<()> {
        for identity in self.kept.drain().map(|(identity, _)| identity) {
            self.spill.push(identity)?;
        }
        for (identity, more) in self.others.drain() {
            more.iter().try_for_each(|_| self.spill.push(identity))?;
        }
        self.further = 0;
        Ok(())
    }

    /// The identities that several of the kept rows have, in order.
    ///
    /// # Errors
    /// When a file cannot be written or read.
    pub fn shared(mut self) -> io::Result<Vec<u64>> {
        if self.spill.is_empty() {
            let mut shared: Vec<u64> = self.others.into_keys().collect();
            shared.sort_unstable();
            return Ok(shared);
        }
        self.forget()?;
        self.spill.repeated()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_missing_component_is_the_api_server_and_parts_are_told_apart() {
        let keying = Keying::new();
        let of = |c, p| keying.identity(c, "id", Some("ResponseComplete"), p);
        assert_eq!(of(None, None), of(Some("kube-apiserver"), None));
        assert_ne!(of(None, None), of(Some("openshift-apiserver"), None));
        assert_ne!(of(None, Some("first")), of(None, Some("last")));
        assert_ne!(keying.identity(None, "a", Some("b\0"), None), keying.identity(None, "a", Some("b"), Some("\0")));
        assert_ne!(Keying::new().content(b"x"), keying.content(b"x"), "each run has a secret of its own");
    }

    #[test]
    fn one_identity_may_hold_many_contents() {
        let dir = tempfile::tempdir().unwrap();
        let mut seen = Seen::with_limit(dir.path(), 1000);
        let mut judge = |content, source| seen.judge(Key { identity: 7, content }, source).unwrap();
        assert_eq!(judge(1, 0), Verdict::Keep);
        assert_eq!(judge(2, 1), Verdict::Keep);
        assert_eq!(judge(1, 2), Verdict::Copy { of: 0 });
        assert_eq!(judge(2, 2), Verdict::Copy { of: 1 });
        assert_eq!(judge(3, 2), Verdict::Keep);
        assert_eq!(seen.shared().unwrap(), [7]);
    }

    #[test]
    fn rows_of_earlier_imports_are_compared_not_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let mut seen = Seen::with_limit(dir.path(), 1000);
        seen.earlier(7).unwrap();
        assert_eq!(seen.judge(Key { identity: 7, content: 0 }, 0).unwrap(), Verdict::Keep);
        assert_eq!(seen.shared().unwrap(), [7]);
    }

    proptest! {
        /// However little is remembered: what is dropped has an equal among the kept, and every identity that
        /// several kept rows have is told.
        #[test]
        fn what_was_forgotten_is_found_at_the_end(
            records in proptest::collection::vec((0_u64..12, 0_u64..3), 0..200),
            limit in 1_usize..40,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let mut seen = Seen::with_limit(dir.path(), limit);
            let mut kept: Vec<(u64, u64, u32)> = Vec::new();
            for (number, (identity, content)) in records.into_iter().enumerate() {
                let number = u32::try_from(number).unwrap();
                match seen.judge(Key { identity, content }, number).unwrap() {
                    Verdict::Keep => kept.push((identity, content, number)),
                    Verdict::Copy { of } => prop_assert!(kept.contains(&(identity, content, of))),
                }
            }
            let times = |id: u64| kept.iter().filter(|k| k.0 == id).count();
            let expected: Vec<u64> = (0..12).filter(|id| times(*id) > 1).collect();
            prop_assert_eq!(seen.shared().unwrap(), expected);
        }
    }
}
