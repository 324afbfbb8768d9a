//! Bytes that the case has already, of files and of members of archives.

use super::Run;
use crate::import::copies::What;
use crate::import::discover::Input;
use crate::import::error::ImportError;
use crate::import::parse::Parsed;
use crate::import::read_ahead::Ahead;
use crate::import::read_source::{sha256_of, sha256_of_bytes};
use crate::import::same_bytes::{self, HELD, Place};
use crate::import::source_rows::SourceRow;

impl Run {
    /// Whether these very bytes are in the case. Only files of equal size are hashed beforehand.
    pub(super) fn known_already(&mut self, input: &Input, ahead: Option<&Ahead>) -> Result<bool, ImportError> {
        let unreadable = |source| ImportError::Unreadable { path: input.path.clone(), source };
        let place = Place { path: &input.path, size: input.size, observed: input.observed };
        let digest = || match ahead {
            Some(ahead) => Ok(ahead.sha256().to_owned()),
            None => sha256_of(input).map(|(sha256, _)| sha256),
        };
        let found = match same_bytes::twin(&self.sources, &self.sizes, place, digest) {
            Ok(found) => found.cloned(),
            // Damage of a bundle is told when the file is read.
            Err(_) if input.bundle.is_some() => None,
            Err(e) => return Err(unreadable(e)),
        };
        Ok(found.is_some_and(|twin| self.was_known(input, &input.path, &twin)))
    }

    /// The same for a member of an archive, which counts as a file of its own.
    pub(super) fn known_member(&mut self, input: &Input, path: &str, bytes: &[u8]) -> bool {
        let place = Place { path, size: bytes.len() as u64, observed: input.observed_at(path) };
        let found =
            same_bytes::twin(&self.sources, &self.sizes, place, || Ok(sha256_of_bytes(bytes))).ok().flatten().cloned();
        let known = found.is_some_and(|twin| self.was_known(input, path, &twin));
        self.already += u64::from(known);
        known
    }

    /// A member too large to be held was read before its digest was known. When the case has its bytes,
    /// what it shows counts as copies.
    pub(super) fn count_as_copy(&mut self, number: usize, input: &Input) -> Result<(), ImportError> {
        let Some(source) = self.sources.get(number).filter(|s| s.path != input.path && s.size >= HELD) else {
            return Ok(());
        };
        let place = Place { path: &source.path, size: source.size, observed: input.observed_at(&source.path) };
        let before = self.sources.get(..number).unwrap_or_default();
        let Some(twin) =
            same_bytes::twin(before, &self.sizes, place, || Ok(source.sha256.clone())).ok().flatten().cloned()
        else {
            return Ok(());
        };
        let own = |(n, _): &(usize, Parsed)| *n == number;
        let shown: usize = self.snapshots.iter().filter(|s| own(s)).map(|(_, p)| p.shown()).sum();
        self.snapshots.retain(|s| !own(s));
        self.findings.push(same_bytes::finding(&source.path.clone(), &twin));
        let Some(source) = self.sources.get_mut(number) else { return Ok(()) };
        source.rows = source.rows.saturating_sub(shown as u64);
        (0..shown).for_each(|_| source.duplicate(&twin.source_id));
        (0..shown).try_for_each(|_| self.copies.push(&source.source_id, &twin.source_id, What::Shown))
    }

    pub(super) fn was_known(&mut self, input: &Input, path: &str, twin: &SourceRow) -> bool {
        if twin.path != path {
            self.findings.push(same_bytes::finding(path, twin));
            self.known_elsewhere.push((input.bundle.clone(), path.to_owned()));
        }
        true
    }
}
