//! The import from end to end.

use std::path::PathBuf;

use polars::prelude::LazyFrame;

use super::chunks::Chunks;
use super::copies::{self, Copies};
use super::coverage::NOT_COLLECTED;
use super::dedup::Seen;
use super::discover::{Found, discover};
use super::error::ImportError;
use super::materialise::{self, Tables, materialise};
use super::notes::Notes;
use super::read_ahead;
use super::resolve_copies::{self, Resolved};
use super::room::Room;
use super::run::Run;
use super::settle::COLLISION;
use super::source_rows::SourceRow;
use super::staged::{SnapshotRows, Staged};
use super::summary::Summary;
use crate::bundle;
use crate::case::Case;
use crate::case::commit::Staging;
use crate::case::manifest::{ImportRecord, Manifest};
use crate::formats::limits::Limits;
use crate::model::finding::{Finding, Severity};
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
