//! The import from end to end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use polars::prelude::LazyFrame;

use super::chunks::Chunks;
use super::completeness::{self, Read};
use super::copies::{self, Copies, What};
use super::coverage::NOT_COLLECTED;
use super::dedup::{Keying, Seen, Verdict};
use super::discover::{Found, Input, ObservedBasis, discover};
use super::error::ImportError;
use super::identities::Logged;
use super::in_order::{Jobs, in_order};
use super::inside::SNAPSHOT_FILE;
use super::materialise::{self, Tables, materialise};
use super::notes::Notes;
use super::parse::Parsed;
use super::read_ahead::{self, Ahead};
use super::read_source::{Consumer, FileFacts, read_source, sha256_of, sha256_of_bytes};
use super::resolve_copies::{self, Resolved};
use super::room::Room;
use super::same_bytes::{self, BySize, HELD, Place};
use super::settle::COLLISION;
use super::source_rows::SourceRow;
use super::staged::{SnapshotRows, Staged};
use super::summary::Summary;
use crate::bundle;
use crate::case::Case;
use crate::case::commit::Staging;
use crate::case::manifest::{ImportRecord, Manifest};
use crate::formats::completeness::SourceFacts;
use crate::formats::decode::Content;
use crate::formats::limits::Limits;
use crate::formats::recognise::Cut;
use crate::formats::warnings;
use crate::model::finding::{Finding, Severity};
use crate::model::object::ObservedAt;
use crate::model::progress::Progress;
use crate::model::time::Timestamp;

/// What an event takes in a log, about.
const EVENT_BYTES: u64 = 2048;

/// What to import, and how.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The case.
    pub case_dir: PathBuf,
    /// Files, folders and bundles.
    pub paths: Vec<PathBuf>,
    /// The cluster to file it under, when the evidence does not say or says otherwise.
    pub cluster: Option<String>,
    /// When snapshots were taken, when the evidence does not say.
    pub observed_at: Option<Timestamp>,
    /// What evidence may unpack to.
    pub limits: Limits,
    /// How much memory may be taken.
    pub room: Room,
    /// Import bundles that are not whole.
    pub accept_damaged: bool,
    /// The time now, for the import log.
    pub now: Timestamp,
}

/// Imports evidence into a case; the case is changed whole or not at all.
///
/// # Errors
/// When a path is missing or unreadable, nothing is recognised, a bundle is damaged, or the case cannot be changed.
pub fn import(options: &ImportOptions, progress: &dyn Progress) -> Result<Summary, ImportError> {
    let found = discover(&options.paths, options.observed_at)?;
    let mut findings = check_bundles(&found, options, progress)?;
    if found.inputs.is_empty() {
        return Err(ImportError::Empty(options.paths.iter().map(|p| p.display().to_string()).collect()));
    }
    let open = || match Case::open(&options.case_dir) {
        Ok(case) => Ok(Some(case)),
        Err(crate::case::CaseError::Missing(_)) => Ok(None),
        Err(e) => Err(e),
    };
    // Once before anything is touched, and again when nobody else can change it any more.
    open()?;
    let mut staging = Staging::begin(&options.case_dir)?;
    let existing = open()?;
    let cluster = choose_cluster(options, &found, existing.as_ref())?;
    let mut run = Run::new(existing.as_ref(), &cluster, staging.dir(), options.room)?;
    let import_number = existing.as_ref().map_or(0, |c| c.manifest().imports.len()) + 1;
    let mut chunks =
        Chunks::new(&mut staging, &cluster, u32::try_from(import_number).unwrap_or(u32::MAX), options.room.chunk);
    let size: u64 = found.inputs.iter().map(|input| input.size).sum();
    progress.begin("import", Some(size));
    run.seen.expect(usize::try_from(size / EVENT_BYTES).unwrap_or(usize::MAX));
    for stretch in read_ahead::stretches(&found.inputs) {
        run.read_stretch(stretch, options, &mut chunks, progress)?;
    }
    progress.finish();
    let (parts, notes) = chunks.finish()?;
    run.check_recognised(options, &found)?;
    if run.new_sources().next().is_none() {
        return Ok(run.summary(&cluster, false));
    }
    findings.append(&mut run.findings);
    run.unite_file_times();
    run.complete_warnings();
    let staged = Staged { case: existing.as_ref(), staging: &mut staging, cluster: &cluster, parts };
    let (mut summary, manifest) = finish(run, staged, notes, findings, options)?;
    staging.commit(&manifest)?;
    summary.bundles = found.bundles.into_iter().map(|(path, _)| path).collect();
    Ok(summary)
}

/// Writes what follows from the rows; gives the summary and the new manifest.
fn finish(
    mut run: Run,
    mut staged: Staged<'_>,
    mut notes: Notes,
    mut findings: Vec<Finding>,
    options: &ImportOptions,
) -> Result<(Summary, String), ImportError> {
    if let Some(case) = staged.case {
        let table = case.table(&crate::tables::findings::TABLE, Some(staged.cluster))?;
        findings.extend(materialise::earlier_findings(
            table,
            &[&[COLLISION], materialise::OF_READING.as_slice()].concat(),
        )?);
    }
    let mut manifest = staged.case.map_or_else(Manifest::new, |c| c.manifest().clone());
    let shared = std::mem::replace(&mut run.seen, Seen::with_limit(staged.staging.dir(), 1)).shared();
    let shared = shared.map_err(ImportError::aside)?;
    let mut settled = Copies::new(staged.staging.dir(), "copies-settled");
    let mut resolved = Resolved::default();
    let mut unread = staged.earlier_event_files()?;
    if !shared.is_empty() {
        resolved = resolve_copies::resolve(&mut staged, &run.keying, &shared, &mut run.sources, &mut settled)?;
        findings.append(&mut resolved.findings);
        // Rows that were noted may be gone.
        notes = Notes::new(staged.staging.dir());
        unread = staged.event_files()?;
    }
    unread.iter().try_for_each(|file| notes.take_file(file))?;
    let early = std::mem::replace(&mut run.copies, Copies::new(staged.staging.dir(), "copies-early"));
    copies::after_import(&mut staged, (early, settled), (&run.keying, &resolved.moved), &mut run.sources)?;
    let SnapshotRows { sightings, listings, discovery } = run.snapshot_rows()?;
    let (sightings, listings, discovery) =
        (staged.append_sightings(sightings)?, staged.append_listings(listings)?, staged.append_discovery(discovery)?);
    staged.append_rejects(&run.rejects)?;
    staged.append_identities(run.logged.rows(&run.sources)?)?;
    let cluster = staged.cluster.to_owned();
    let shown = Shown { sightings, listings, discovery };
    let findings = conclude(staged, shown, (notes, options.room), &run.sources, findings)?;
    manifest.tool = Manifest::new().tool;
    manifest.imports.push(ImportRecord {
        number: u32::try_from(manifest.imports.len() + 1).unwrap_or(u32::MAX),
        cluster: cluster.clone(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        at: options.now,
        paths: options.paths.iter().map(|p| p.display().to_string()).collect(),
        source_ids: run.new_sources().map(|s| s.source_id.clone()).collect(),
    });
    let mut summary = run.summary(&cluster, true);
    summary.count_findings(&findings);
    Ok((summary, manifest.to_text()))
}

/// What snapshots of a cluster show, all of it.
pub(super) struct Shown {
    /// `object_sightings`, file by file.
    pub(super) sightings: Vec<LazyFrame>,
    /// `listings`.
    pub(super) listings: LazyFrame,
    /// `api_resources`.
    pub(super) discovery: LazyFrame,
}

/// The end of every import: writes `sources` and all tables that follow from the rows; gives every finding.
pub(super) fn conclude(
    mut staged: Staged<'_>,
    shown: Shown,
    (notes, room): (Notes, Room),
    sources: &[SourceRow],
    findings: Vec<Finding>,
) -> Result<Vec<Finding>, ImportError> {
    staged.write_sources(sources)?;
    let Shown { sightings, listings, discovery } = shown;
    let tables = Tables { notes, sightings, listings, share: room.share };
    let catalogue = staged.catalogue(discovery)?;
    materialise(staged.staging, staged.cluster, tables, &catalogue, sources, findings)
}

fn check_bundles(found: &Found, options: &ImportOptions, progress: &dyn Progress) -> Result<Vec<Finding>, ImportError> {
    let mut findings = Vec::new();
    for (path, bundle) in &found.bundles {
        findings.extend(bundle.not_collected().iter().map(|lacking| Finding {
            severity: if lacking.reason == "it holds no files" { Severity::Info } else { Severity::Low },
            code: NOT_COLLECTED,
            message: format!(
                "`{}` was not collected into bundle `{}`: {}",
                lacking.path,
                path.display(),
                lacking.reason
            ),
            at: bundle.info().map(|i| i.started),
            witnesses: Vec::new(),
        }));
        let check = bundle::verify(path, progress)?;
        if check.is_whole() {
            continue;
        }
        let worst: Vec<&Finding> = check.findings.iter().filter(|f| f.severity > Severity::Info).collect();
        let path = path.display().to_string();
        if !options.accept_damaged {
            let first = worst.first().map(|f| f.message.clone()).unwrap_or_default();
            return Err(ImportError::DamagedBundle { path, findings: worst.len(), first });
        }
        findings.extend(worst.iter().map(|f| Finding {
            severity: f.severity,
            code: "bundle-damaged",
            message: format!("bundle `{path}` was imported although it is damaged: {}", f.message),
            at: None,
            witnesses: Vec::new(),
        }));
    }
    Ok(findings)
}

fn choose_cluster(options: &ImportOptions, found: &Found, existing: Option<&Case>) -> Result<String, ImportError> {
    if let Some(name) = &options.cluster {
        return Ok(name.clone());
    }
    match found.clusters.as_slice() {
        [one] => Ok(one.clone()),
        [] => match existing.map(|c| c.manifest().clusters()).unwrap_or_default().as_slice() {
            [one] => Ok(one.clone()),
            _ => Ok("default".to_owned()),
        },
        many => Err(ImportError::SeveralClusters(many.to_vec())),
    }
}

/// What gathers while sources are read.
struct Run {
    keying: Arc<Keying>,
    seen: Seen,
    sources: Vec<SourceRow>,
    sizes: BySize,
    /// How many of `sources` the case had before.
    earlier: usize,
    /// How many sources the case has of other clusters: ids are counted through.
    others: usize,
    already: u64,
    rejects: Vec<(String, crate::formats::Reject)>,
    snapshots: Vec<(usize, Parsed)>,
    folders: BTreeMap<usize, (Option<String>, String)>,
    findings: Vec<Finding>,
    /// What the records of each new source say of it as a whole.
    facts: BTreeMap<usize, SourceFacts>,
    /// must-gather listings.
    listed: Vec<(usize, Vec<u8>)>,
    /// Paths that were not read, since the case has their bytes under another path.
    known_elsewhere: Vec<(Option<String>, String)>,
    /// Records of aws-iam-authenticator.
    logged: Logged,
    /// What was left out while sources were read.
    copies: Copies,
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
    fn new(existing: Option<&Case>, cluster: &str, dir: &Path, room: Room) -> Result<Self, ImportError> {
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

    fn new_sources(&self) -> impl Iterator<Item = &SourceRow> {
        self.sources.iter().skip(self.earlier)
    }

    /// Reads files that follow one another: several at once, if they are small.
    fn read_stretch(
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

    /// Whether these very bytes are in the case. Only files of equal size are hashed beforehand.
    fn known_already(&mut self, input: &Input, ahead: Option<&Ahead>) -> Result<bool, ImportError> {
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
    fn known_member(&mut self, input: &Input, path: &str, bytes: &[u8]) -> bool {
        let place = Place { path, size: bytes.len() as u64, observed: input.observed_at(path) };
        let found =
            same_bytes::twin(&self.sources, &self.sizes, place, || Ok(sha256_of_bytes(bytes))).ok().flatten().cloned();
        let known = found.is_some_and(|twin| self.was_known(input, path, &twin));
        self.already += u64::from(known);
        known
    }

    /// A member too large to be held was read before its digest was known. When the case has its bytes,
    /// what it shows counts as copies.
    fn count_as_copy(&mut self, number: usize, input: &Input) -> Result<(), ImportError> {
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

    fn was_known(&mut self, input: &Input, path: &str, twin: &SourceRow) -> bool {
        if twin.path != path {
            self.findings.push(same_bytes::finding(path, twin));
            self.known_elsewhere.push((input.bundle.clone(), path.to_owned()));
        }
        true
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

    fn describe(&mut self, number: usize, input: &Input, facts: &FileFacts) {
        let mine = || self.snapshots.iter().filter(|(n, _)| *n == number).map(|(_, p)| p);
        let empty = self.facts.get(&number).is_some_and(|f| f.warnings.contains(warnings::EMPTY_LIST));
        let objects = empty || mine().any(|p| !p.objects.is_empty() || !p.lists.is_empty());
        let discovery = mine().any(|p| !p.discovery.is_empty());
        let said = self.facts.get(&number).and_then(SourceFacts::format_name);
        let Some(source) = self.sources.get_mut(number) else { return };
        let observed = input.observed_at(&source.path);
        let name = source.path.rsplit('/').next().filter(|_| source.path != input.path).unwrap_or(&input.file_name);
        let snapshot_info = name == SNAPSHOT_FILE && observed.is_some_and(|o| o.1 == ObservedBasis::SnapshotFile);
        source.sha256.clone_from(&facts.sha256);
        source.size = facts.size;
        self.sizes.add(facts.size, number);
        source.compression.clone_from(&facts.compression);
        source.warnings.extend(facts.warnings.iter().cloned());
        let format = match (said, objects, discovery, facts.cut) {
            (Some(name), false, _, _) => name,
            (Some(name), true, _, _) => format!("{name}+objects"),
            (_, true, _, Cut::Yaml) => "objects-yaml".to_owned(),
            (_, true, _, _) => "objects-json".to_owned(),
            (_, _, true, Cut::ApiResources) => "api-resources".to_owned(),
            (_, _, true, _) => "discovery".to_owned(),
            (_, _, _, Cut::Listing) => "must-gather-listing".to_owned(),
            _ if facts.content == Content::Tar => "tar".to_owned(),
            _ if facts.content == Content::Zip => "zip".to_owned(),
            _ if snapshot_info => "snapshot-info".to_owned(),
            _ if source.rejects > 0 => "unreadable".to_owned(),
            _ => "unrecognised".to_owned(),
        };
        source.format = format;
        if snapshot_info && !objects && source.format == "snapshot-info" {
            // What lies beside it may come in another part of a merge.
            source.observed = observed.map(|o| o.0);
            source.observed_basis = observed.map(|o| o.1.as_str().to_owned());
        }
        if objects {
            source.observed = observed.map(|o| o.0);
            source.observed_basis = observed.map(|o| o.1.as_str().to_owned());
            if let Some(at) = source.observed {
                source.saw(at.from);
                source.saw(at.to);
            }
        }
    }

    /// Modification times of files that lie together are one observation: the export took that long.
    fn unite_file_times(&mut self) {
        let word = Some(ObservedBasis::Modified.as_str().to_owned());
        let mut spans: BTreeMap<(Option<String>, String), ObservedAt> = BTreeMap::new();
        let dated = |s: &SourceRow| s.observed.filter(|_| s.observed_basis == word);
        for (n, source) in self.sources.iter().enumerate().skip(self.earlier) {
            let (Some(at), Some(folder)) = (dated(source), self.folders.get(&n)) else { continue };
            let span = spans.entry(folder.clone()).or_insert(at);
            *span = ObservedAt { from: span.from.min(at.from), to: span.to.max(at.to) };
        }
        for (n, source) in self.sources.iter_mut().enumerate().skip(self.earlier) {
            if let (Some(_), Some(span)) = (dated(source), self.folders.get(&n).and_then(|f| spans.get(f))) {
                source.observed = Some(*span);
                source.saw(span.from);
                source.saw(span.to);
            }
        }
    }

    /// What the sources say of their own completeness, once all are read: pages answer one another, and
    /// listings name files beside them.
    fn complete_warnings(&mut self) {
        let read = Read {
            earlier: self.earlier,
            facts: &self.facts,
            listings: &self.listed,
            known_elsewhere: &self.known_elsewhere,
        };
        completeness::complete(&mut self.sources, &read);
    }

    fn check_recognised(&self, options: &ImportOptions, found: &Found) -> Result<(), ImportError> {
        // A list of nothing is evidence too.
        let known = |f: &SourceFacts| !f.formats.is_empty() || f.warnings.contains(warnings::EMPTY_LIST);
        let known = self.facts.values().any(known) || self.new_sources().any(|s| s.format.starts_with("objects"));
        if self.already > 0 || known || self.new_sources().any(|s| s.rows > 0 || s.duplicates > 0) {
            return Ok(());
        }
        let paths = options.paths.iter().map(|p| p.display().to_string()).collect();
        let first = found.inputs.first().map(|i| i.path.clone()).unwrap_or_default();
        let path_of = |id: &str| self.sources.iter().find(|s| s.source_id == id).map(|s| s.path.clone());
        let why = self.rejects.first().and_then(|(id, reject)| Some((path_of(id)?, reject.reason.clone())));
        Err(ImportError::NothingRecognised { paths, files: found.inputs.len(), first, why })
    }

    fn snapshot_rows(&mut self) -> Result<SnapshotRows, ImportError> {
        SnapshotRows::build(&self.sources, &self.snapshots)
    }

    fn summary(&self, cluster: &str, changed: bool) -> Summary {
        let mut summary = Summary { cluster: cluster.to_owned(), already: self.already, changed, ..Default::default() };
        for s in self.new_sources() {
            summary.add(s);
        }
        summary
    }
}
