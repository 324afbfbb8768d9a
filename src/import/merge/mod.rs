//! Merges cases into one, without reading their evidence again.
//!
//! A log that outgrows one machine is imported in parts: each part is an ordinary case, made anywhere. The merged case
//! is the one that a single import of all the evidence would have made. What was decided by looking at more than one
//! source is decided anew: which files and events are copies, how sources are counted through, what is missing, what
//! snapshots show of a time. Then history is rebuilt from the merged tables, and everything that follows from it is
//! written as at the end of an import.
//!
//! Traded for it: the events of all parts are written once more, since the source of each has a new id. Parts are only
//! read, batch by batch, and kept from being changed meanwhile.

mod carried;
mod columns;
mod discovery;
mod echoes;
mod error;
mod events;
mod kept;
mod logged;
mod numbering;
mod parts;
mod record;
mod sources;
mod streams;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

pub use error::MergeError;

use numbering::Numbered;
use parts::Part;

use crate::case::commit::Staging;
use crate::case::manifest::ImportRecord;
use crate::import::ImportError;
use crate::import::copies::Copies;
use crate::import::dedup::{Keying, Seen};
use crate::import::notes::Notes;
use crate::import::pipeline::{Shown, conclude};
use crate::import::resolve_copies::{self, Resolved};
use crate::import::room::Room;
use crate::import::source_rows::SourceRow;
use crate::import::staged::{Staged, read_sources};
use crate::model::progress::Progress;
use crate::tables::{events as event_table, rejects, sightings};

/// What to merge, and how.
#[derive(Clone, Debug)]
pub struct MergeOptions {
    /// The case to be made: a path that does not exist, or an empty folder.
    pub case_dir: PathBuf,
    /// The parts: folders of cases.
    pub parts: Vec<PathBuf>,
    /// The cluster to file all evidence under; `None`: clusters keep their names.
    pub cluster: Option<String>,
}

/// What a merge did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeSummary {
    /// Cases that were merged.
    pub parts: u64,
    /// Clusters of the merged case, sorted.
    pub clusters: Vec<String>,
    /// Its sources.
    pub sources: u64,
    /// Sources of parts whose bytes another source has; they are not in it.
    pub left_out: u64,
    /// Rows of `events`.
    pub events: u64,
    /// Records that say the same as one that is kept, by all sources.
    pub duplicates: u64,
    /// Records that could not be read, by all sources.
    pub rejects: u64,
    /// Findings by severity, from the highest.
    pub findings: Vec<(String, u64)>,
}

/// Merges cases; the new case is made whole or not at all, and the parts stay as they are. The order of the parts
/// tells nothing, and cases may be merged in steps: `merge(merge(a, b), c)` holds the rows of `merge(a, b, c)`.
///
/// # Errors
/// When a part is no case, is being changed or was written by a newer program, when there is a case already where the
/// new one is to be, or when something cannot be read or written.
pub fn merge(options: &MergeOptions, progress: &dyn Progress) -> Result<MergeSummary, MergeError> {
    let parts = parts::open(&options.parts, &options.case_dir, options.cluster.as_deref())?;
    let clusters: BTreeSet<&str> = parts.iter().flat_map(|p| &p.clusters).map(|(_, filed)| filed.as_str()).collect();
    if clusters.is_empty() {
        return Err(MergeError::Empty(parts.iter().map(|p| format!("`{}`", p.name())).collect()));
    }
    let mut staging = Staging::begin(&options.case_dir)?;
    progress.begin("merge", Some(bytes(&parts)?));
    let mut done = Done::default();
    for cluster in &clusters {
        let those: Vec<(&Part, &str)> = parts
            .iter()
            .flat_map(|p| {
                p.clusters.iter().filter(|(_, filed)| filed == cluster).map(move |(own, _)| (p, own.as_str()))
            })
            .collect();
        done.cluster(&mut staging, cluster, &those, progress)?;
    }
    progress.finish();
    record::keep_custody(&parts, &mut staging)?;
    staging.commit(&record::manifest(done.imports).to_text())?;
    done.summary.parts = parts.len() as u64;
    done.summary.clusters = clusters.into_iter().map(str::to_owned).collect();
    Ok(done.summary)
}

/// Bytes of events that are read.
fn bytes(parts: &[Part]) -> Result<u64, MergeError> {
    let mut sum = 0_u64;
    for part in parts {
        for file in part.case.files(&event_table::TABLE, None)? {
            sum = sum.saturating_add(std::fs::metadata(&file).map_or(0, |m| m.len()));
        }
    }
    Ok(sum)
}

/// A part, and its own name of the cluster that is read.
type Reading<'p> = (&'p Part, &'p str);

/// What is done so far.
#[derive(Default)]
struct Done {
    summary: MergeSummary,
    imports: Vec<ImportRecord>,
}

impl Done {
    /// Merges one cluster.
    fn cluster(
        &mut self,
        staging: &mut Staging,
        cluster: &str,
        parts: &[(&Part, &str)],
        progress: &dyn Progress,
    ) -> Result<(), MergeError> {
        let read = |(part, own): &(&Part, &str)| read_sources(&part.case, own).map(|(rows, _)| rows);
        let mut rows: Vec<Vec<SourceRow>> = parts.iter().map(read).collect::<Result<_, _>>()?;
        let dated = sources::date_snapshots(&mut rows);
        let echoes = echoes::find(parts, &rows, &dated)?;
        let others = usize::try_from(self.summary.sources).unwrap_or(usize::MAX);
        let all = rows.iter().chain(echoes.iter().map(|e| &e.rows)).cloned().collect();
        let mut numbered = numbering::number(all, others);
        echoes::leave_out_others(&mut numbered, parts.len(), &echoes);
        sources::rename_duplicates(&mut numbered);
        for (at, (part, rows)) in parts.iter().zip(&rows).enumerate() {
            let again = echoes.iter().filter(|e| e.part == at).flat_map(|e| &e.rows);
            carried::carry(&mut numbered, at, *part, rows, &again.map(|s| s.path.as_str()).collect())?;
        }
        // Parts that are read a second time come after all others.
        let again = echoes.iter().filter_map(|e| parts.get(e.part));
        let readings: Vec<(&Part, &str)> = parts.iter().chain(again).copied().collect();
        sources::unite_file_times(&mut numbered.sources);
        sources::complete(&mut numbered);

        let mut staged = Staged { case: None, staging, cluster, parts: Vec::new() };
        let (keying, mut seen) = (Keying::new(), Seen::with_limit(staged.staging.dir(), Room::default().remembered));
        let counted = events::write(&mut staged, parts, &numbered, (&keying, &mut seen), progress)?;
        let mut settled = Copies::new(staged.staging.dir(), "copies-settled");
        let (shown, lines) =
            write_rows(&mut staged, (parts, &readings), &rows, &mut numbered, (&counted, &mut settled))?;
        let written: u64 = rows_kept(&counted, &numbered);
        let before = duplicates(&numbered.sources);
        let mut resolved = Resolved::default();
        let shared = seen.shared().map_err(ImportError::aside)?;
        if !shared.is_empty() {
            resolved = resolve_copies::resolve(&mut staged, &keying, &shared, &mut numbered.sources, &mut settled)?;
            numbered.findings.append(&mut resolved.findings);
        }
        let copies = duplicates(&numbered.sources).saturating_sub(before);
        kept::conclude(&mut staged, parts, &mut numbered, settled, (&keying, resolved.moved, lines))?;
        let Numbered { sources, findings, places, .. } = numbered;
        let mut notes = Notes::new(staged.staging.dir());
        staged.event_files()?.iter().try_for_each(|file| notes.take_file(file))?;
        let findings = conclude(staged, shown, (notes, Room::default()), &sources, findings)?;

        self.summary.events += written.saturating_sub(copies);
        let (first, again) = places.split_at_checked(parts.len()).unwrap_or((&places, &[]));
        self.count(&sources, first, &findings);
        for (at, ((part, own), places)) in parts.iter().zip(first).enumerate() {
            let again = echoes.iter().zip(again).filter(|(e, _)| e.part == at).map(|(_, places)| places);
            let places: Vec<&numbering::Places> = std::iter::once(places).chain(again).collect();
            self.imports.extend(record::imports(part, (*own, cluster), &places, &sources));
        }
        Ok(())
    }

    fn count(
        &mut self,
        sources: &[SourceRow],
        places: &[numbering::Places],
        findings: &[crate::model::finding::Finding],
    ) {
        let summary = &mut self.summary;
        summary.sources += sources.len() as u64;
        summary.left_out += places.iter().flat_map(|p| p.values()).filter(|p| !p.keeps).count() as u64;
        summary.duplicates += duplicates(sources);
        summary.rejects += sources.iter().map(|s| s.rejects).sum::<u64>();
        let mut counted =
            crate::import::Summary { findings: std::mem::take(&mut summary.findings), ..Default::default() };
        counted.count_findings(findings);
        summary.findings = counted.findings;
        summary.findings.sort_by_key(|(word, _)| std::cmp::Reverse(crate::model::finding::Severity::from_word(word)));
    }
}

/// Events that were written.
fn rows_kept(counted: &events::Counted, numbered: &Numbered) -> u64 {
    let stays = |places: &numbering::Places, id: &String| places.get(id).is_some_and(|p| p.keeps);
    let of_part = |(counts, places): (&BTreeMap<String, u64>, &numbering::Places)| {
        counts.iter().filter(|(id, _)| stays(places, id)).map(|(_, n)| *n).sum::<u64>()
    };
    counted.iter().zip(&numbered.places).map(of_part).sum()
}

fn duplicates(sources: &[SourceRow]) -> u64 {
    sources.iter().map(|s| s.duplicates).sum()
}

/// Writes the other tables that hold rows of the evidence; gives the first source of each line of the authenticator's
/// log, too.
fn write_rows(
    staged: &mut Staged<'_>,
    (parts, readings): (&[Reading<'_>], &[Reading<'_>]),
    rows: &[Vec<SourceRow>],
    numbered: &mut Numbered,
    (events, settled): (&events::Counted, &mut Copies),
) -> Result<(Shown, HashMap<String, usize>), MergeError> {
    let (seen, mut told) = streams::write(staged, &sightings::SIGHTINGS, readings, numbered, true)?;
    let (listed, _) = streams::write(staged, &sightings::LISTINGS, readings, numbered, true)?;
    streams::write(staged, &rejects::TABLE, readings, numbered, false)?;
    let logged::Gathered { mut logged, counted, first } = logged::gather(parts, numbered, settled)?;
    let counts = told.counted.iter().zip(&counted).zip(events);
    let shares: Vec<_> = rows
        .iter()
        .zip(counts)
        .map(|(rows, ((seen, lines), events))| discovery::shares(rows, &[seen, lines, events]))
        .collect();
    let (resources, hidden) = discovery::write(staged, parts, numbered, &shares)?;
    for (number, rows) in hidden {
        *told.hidden.entry(number).or_default() += rows;
    }
    sources::count_hidden(numbered, &told.hidden, settled)?;
    staged.append_identities(logged.rows(&numbered.sources)?)?;
    let shown = Shown {
        sightings: vec![staged.with_files(&sightings::SIGHTINGS, &[seen])?],
        listings: staged.with_files(&sightings::LISTINGS, &[listed])?,
        discovery: staged.with_files(&crate::tables::api_resources::TABLE, &[resources])?,
    };
    Ok((shown, first))
}
