//! What gathers while sources are read: which they are, what they hold, and what was left out of them.

mod describe;
mod known;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch};

use crate::case::Case;
use crate::formats::completeness::SourceFacts;
use crate::formats::warnings;
use crate::import::chunks::Chunks;
use crate::import::copies::{Copies, What};
use crate::import::dedup::{Keying, Seen, Verdict};
use crate::import::discover::Input;
use crate::import::error::ImportError;
use crate::import::identities::Logged;
use crate::import::in_order::{Jobs, in_order};
use crate::import::parse::Parsed;
use crate::import::pipeline::ImportOptions;
use crate::import::read_ahead::{self, Ahead};
use crate::import::read_source::{Consumer, FileFacts, read_source, sha256_of};
use crate::import::resolve_copies;
use crate::import::room::Room;
use crate::import::same_bytes::{self, BySize, Place};
use crate::import::source_rows::SourceRow;
use crate::model::finding::{Finding, Severity};
use crate::model::progress::Progress;

/// What gathers while sources are read.
pub(super) struct Run {
    pub(super) keying: Arc<Keying>,
    pub(super) seen: Seen,
    pub(super) sources: Vec<SourceRow>,
    sizes: BySize,
    /// How many of `sources` the case had before.
    earlier: usize,
    /// How many sources the case has of other clusters: ids are counted through.
    others: usize,
    already: u64,
    pub(super) rejects: Vec<(String, crate::formats::Reject)>,
    snapshots: Vec<(usize, Parsed)>,
    folders: BTreeMap<usize, (Option<String>, String)>,
    pub(super) findings: Vec<Finding>,
    /// What the records of each new source say of it as a whole.
    facts: BTreeMap<usize, SourceFacts>,
    /// must-gather listings.
    listed: Vec<(usize, Vec<u8>)>,
    /// Paths that were not read, since the case has their bytes under another path.
    known_elsewhere: Vec<(Option<String>, String)>,
    /// Records of aws-iam-authenticator.
    pub(super) logged: Logged,
    /// What was left out while sources were read.
    pub(super) copies: Copies,
}

/// One file being read: what is found goes to the run.
struct Reading<'r, 'c> {
    run: &'r mut Run,
    input: &'r Input,
    chunks: &'r mut Chunks<'c>,
    progress: &'r dyn Progress,
}

impl Consumer for Reading<'_, '_> {
    fn begin(&mut self, path: &str) -> (usize, String) {
        self.run.begin(self.input, path)
    }

    fn known(&mut self, path: &str, bytes: &[u8]) -> bool {
        self.run.known_member(self.input, path, bytes)
    }

    fn take(&mut self, number: usize, parsed: Parsed) -> Result<(), ImportError> {
        self.run.take(number, parsed, self.chunks, self.progress)
    }

    fn refused(&mut self, number: usize, member: &str, why: &str) {
        self.run.refused(number, member, why);
    }

    fn end(&mut self, number: usize, facts: &FileFacts) -> Result<(), ImportError> {
        self.run.describe(number, self.input, facts);
        self.run.count_as_copy(number, self.input)
    }
}

impl Run {
    pub(super) fn new(existing: Option<&Case>, cluster: &str, dir: &Path, room: Room) -> Result<Self, ImportError> {
        let (sources, others) =
            existing.map(|c| super::staged::read_sources(c, cluster)).transpose()?.unwrap_or_default();
        let (keying, mut seen) = (Arc::new(Keying::new()), Seen::with_limit(dir, room.remembered));
        let logged = existing.map(|c| Logged::of_case(c, cluster, &sources)).transpose()?.unwrap_or_default();
        if let Some(case) = existing {
            super::staged::register_earlier(case, cluster, &keying, &mut seen)?;
        }
        Ok(Self {
            keying,
            seen,
            earlier: sources.len(),
            sizes: BySize::of(&sources),
            sources,
            others,
            already: 0,
            rejects: Vec::new(),
            snapshots: Vec::new(),
            folders: BTreeMap::new(),
            findings: Vec::new(),
            facts: BTreeMap::new(),
            listed: Vec::new(),
            known_elsewhere: Vec::new(),
            logged,
            copies: Copies::new(dir, "copies-early"),
        })
    }

    pub(super) fn new_sources(&self) -> impl Iterator<Item = &SourceRow> {
        self.sources.iter().skip(self.earlier)
    }

    /// Reads files that follow one another: several at once, if they are small.
    pub(super) fn read_stretch(
        &mut self,
        inputs: &[Input],
        options: &ImportOptions,
        chunks: &mut Chunks<'_>,
        progress: &dyn Progress,
    ) -> Result<(), ImportError> {
        if let [one] = inputs {
            return self.read(one, None, options, chunks, progress);
        }
        let keying = Arc::clone(&self.keying);
        let (earlier, sizes) = (self.sources.clone(), self.sizes.clone());
        // What was there before is not parsed; its turn tells it.
        let known = |input: &Input| {
            let place = Place { path: &input.path, size: input.size, observed: input.observed };
            let digest = || sha256_of(input).map(|(sha256, _)| sha256);
            same_bytes::twin(&earlier, &sizes, place, digest).is_ok_and(|twin| twin.is_some())
        };
        let mut rest = inputs.iter();
        in_order(
            Jobs { next: || rest.next(), weight: |input: &&Input| read_ahead::weight(input), room: options.room.ahead },
            |input| {
                let read = || read_ahead::read(input, options.limits, options.room, &keying);
                (input, (!known(input)).then(read).flatten())
            },
            |(input, ahead)| self.read(input, ahead, options, chunks, progress),
        )
    }

    /// Reads one file, unless the case has its bytes already, or takes what was read of it ahead.
    fn read(
        &mut self,
        input: &Input,
        ahead: Option<Ahead>,
        options: &ImportOptions,
        chunks: &mut Chunks<'_>,
        progress: &dyn Progress,
    ) -> Result<(), ImportError> {
        if self.known_already(input, ahead.as_ref())? {
            self.already += 1;
            progress.advance(input.size);
            return Ok(());
        }
        if let Some(ahead) = ahead {
            progress.advance(input.size);
            return ahead.take(&input.path, &mut Reading { run: self, input, chunks, progress });
        }
        let keying = Arc::clone(&self.keying);
        read_source(
            input,
            options.limits,
            options.room,
            &keying,
            progress,
            &mut Reading { run: self, input, chunks, progress },
        )
    }

    /// A source begins: the file, or a member of the archive it is.
    fn begin(&mut self, input: &Input, path: &str) -> (usize, String) {
        let number = self.sources.len();
        let id = format!("s{}", self.others + number + 1);
        let folder = match path.strip_prefix(input.path.as_str()).filter(|member| !member.is_empty()) {
            Some(member) => format!("{}{}", input.path, member.rsplit_once('/').map_or("", |(folder, _)| folder)),
            None => input.folder.clone(),
        };
        self.sources.push(SourceRow {
            source_id: id.clone(),
            path: path.to_owned(),
            bundle: input.bundle.clone(),
            ..Default::default()
        });
        self.folders.insert(number, (input.bundle.clone(), folder));
        (number, id)
    }

    fn refused(&mut self, number: usize, member: &str, why: &str) {
        let Some(source) = self.sources.get(number) else { return };
        self.findings.push(Finding {
            severity: Severity::Medium,
            code: warnings::MEMBER_REFUSED,
            message: format!(
                "member `{member}` of archive `{}` ({}) was not read: {why}",
                source.path, source.source_id
            ),
            at: None,
            witnesses: Vec::new(),
        });
    }

    /// Takes what was parsed: drops copies, hands events on, keeps the rest for the end.
    fn take(
        &mut self,
        number: usize,
        mut parsed: Parsed,
        chunks: &mut Chunks<'_>,
        progress: &dyn Progress,
    ) -> Result<(), ImportError> {
        let records = parsed.records();
        if let Some(source) = self.sources.get_mut(number) {
            // Of copies too: what a file spans does not depend on what was read before.
            parsed.filed.iter().flatten().for_each(|t| source.saw(*t));
        }
        let index = u32::try_from(number).unwrap_or(u32::MAX);
        let mut keep = vec![true; parsed.filed.len()];
        let mut copies = Vec::new();
        for (row, (key, keep)) in parsed.keys.iter().zip(&mut keep).enumerate() {
            let Some(key) = key else { continue };
            if let Verdict::Copy { of } = self.seen.judge(*key, index).map_err(ImportError::aside)? {
                *keep = false;
                copies.push((row, of));
            }
        }
        let ids = self.write_copies(number, &copies, parsed.events.as_ref())?;
        if let Some(batch) = parsed.events.take() {
            let rows = keep.iter().filter(|keep| **keep).count() as u64;
            self.count_events(number, rows);
            progress.rows(rows);
            chunks.push(batch, &parsed.filed, &keep, parsed.held)?;
        }
        self.facts.entry(number).or_default().merge(std::mem::take(&mut parsed.facts));
        self.listed.extend(parsed.listing.take().map(|listing| (number, listing)));
        let Some(source) = self.sources.get_mut(number) else { return Ok(()) };
        source.warnings.extend(parsed.failure.take());
        source.records += records;
        source.rejects += parsed.rejects.len() as u64;
        source.rows += parsed.objects.len() as u64;
        source.skipped += parsed.skipped;
        ids.iter().for_each(|id| source.duplicate(id));
        for found in &parsed.discovery {
            source.records += found.resources.len() as u64;
            source.rows += found.resources.len() as u64;
            source.skipped += found.skipped.len() as u64;
        }
        let id = source.source_id.clone();
        self.rejects.extend(parsed.rejects.drain(..).map(|r| (id.clone(), r)));
        let identities = std::mem::take(&mut parsed.identities);
        self.logged.take(number, identities, &mut self.sources, &mut self.copies)?;
        if !(parsed.objects.is_empty() && parsed.lists.is_empty() && parsed.discovery.is_empty()) {
            parsed.keys.clear();
            self.snapshots.push((number, parsed));
        }
        Ok(())
    }

    /// Writes down copies, each with its row in the batch and the number of the source that has it; gives the ids of
    /// these sources.
    fn write_copies(
        &mut self,
        number: usize,
        copies: &[(usize, u32)],
        batch: Option<&RecordBatch>,
    ) -> Result<Vec<String>, ImportError> {
        let id = |n: usize| self.sources.get(n).map(|s| s.source_id.as_str()).unwrap_or_default();
        let columns = resolve_copies::IDENTITY
            .map(|name| batch.and_then(|b| b.column_by_name(name)).and_then(|c| c.as_string_view_opt()));
        for (row, of) in copies {
            let words = columns.map(|c| c.filter(|c| c.is_valid(*row)).map(|c| c.value(*row)));
            self.copies.push(id(number), id(*of as usize), What::Event(words))?;
        }
        Ok(copies.iter().map(|(_, of)| id(*of as usize).to_owned()).collect())
    }

    /// Counts the rows that a source gave.
    fn count_events(&mut self, number: usize, rows: u64) {
        if let Some(source) = self.sources.get_mut(number) {
            source.rows += rows;
        }
    }
}
