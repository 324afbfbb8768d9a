//! What sources say once they stand beside those of other parts: whose copies they hold, when snapshots that lie
//! together were taken, and what is still missing.

use std::collections::{BTreeMap, BTreeSet};

use super::MergeError;
use super::numbering::Numbered;
use crate::import::completeness::{self, Read};
use crate::import::copies::{Copies, What};
use crate::import::discover::ObservedBasis;
use crate::import::inside::folder;
use crate::import::source_rows::SourceRow;
use crate::model::object::ObservedAt;

/// Gives `duplicate_of` the new ids.
pub(super) fn rename_duplicates(numbered: &mut Numbered) {
    let renamed: Vec<Vec<String>> = numbered
        .sources
        .iter()
        .zip(&numbered.origins)
        .map(|(source, part)| {
            let new: BTreeSet<&str> = source.duplicate_of.iter().filter_map(|id| numbered.id_of(*part, id)).collect();
            new.into_iter().map(str::to_owned).collect()
        })
        .collect();
    for (source, renamed) in numbered.sources.iter_mut().zip(renamed) {
        source.duplicate_of = renamed;
    }
}

/// Modification times of files that lie together are one observation, whichever parts they came in. A bundle comes
/// whole, so its times are united already. A folder in which a path occurs twice was collected more than once: its
/// files are left as their parts have them.
pub(super) fn unite_file_times(sources: &mut [SourceRow]) {
    let dated = |s: &SourceRow| {
        let basis = s.observed_basis.as_deref() == Some(ObservedBasis::Modified.as_str());
        s.observed.filter(|_| basis && s.bundle.is_none())
    };
    let mut spans: BTreeMap<String, Option<ObservedAt>> = BTreeMap::new();
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    for source in sources.iter() {
        let Some(at) = dated(source) else { continue };
        let again = !paths.insert(&source.path);
        let span = spans.entry(folder(&source.path).to_owned()).or_insert(Some(at));
        let united = span.map(|s| ObservedAt { from: s.from.min(at.from), to: s.to.max(at.to) });
        *span = united.filter(|_| !again);
    }
    for source in sources {
        if let (Some(_), Some(Some(span))) = (dated(source), spans.get(folder(&source.path))) {
            source.observed = Some(*span);
            source.saw(span.from);
            source.saw(span.to);
        }
    }
}

/// Pages answer one another, and listings name files, over parts.
pub(super) fn complete(numbered: &mut Numbered) {
    let read = Read {
        earlier: numbered.sources.len(),
        facts: &BTreeMap::new(),
        listings: &[],
        known_elsewhere: &numbered.elsewhere,
    };
    completeness::complete(&mut numbered.sources, &read);
}

/// Counts what is shown a second time as copies.
pub(super) fn count_hidden(
    numbered: &mut Numbered,
    hidden: &BTreeMap<usize, u64>,
    settled: &mut Copies,
) -> Result<(), MergeError> {
    for (number, twin) in &numbered.copies {
        let of = numbered.sources.get(*twin).map(|s| s.source_id.clone()).unwrap_or_default();
        if let (Some(rows), Some(source)) = (hidden.get(number), numbered.sources.get_mut(*number)) {
            source.rows = source.rows.saturating_sub(*rows);
            for _ in 0..*rows {
                source.duplicate(&of);
                settled.push(&source.source_id, &of, What::Shown)?;
            }
        }
    }
    Ok(())
}

/// When the snapshots in folders were taken, as a `snapshot.json` there says; nothing where two say different things.
pub(super) type Dated = BTreeMap<String, Option<ObservedAt>>;

/// Gives files beside a `snapshot.json` that came in another part the time that it tells, as an import of both would
/// have; and tells what such files say.
pub(super) fn date_snapshots(parts: &mut [Vec<SourceRow>]) -> Dated {
    let mut told = Dated::new();
    for s in parts.iter().flatten().filter(|s| s.format == "snapshot-info" && s.bundle.is_none()) {
        let Some(at) = s.observed else { continue };
        // Two that say different things: each part knows its own.
        let known = told.entry(folder(&s.path).to_owned()).or_insert(Some(at));
        *known = known.filter(|known| *known == at);
    }
    for s in parts.iter_mut().flatten().filter(|s| s.bundle.is_none()) {
        let modified = s.observed_basis.as_deref() == Some(ObservedBasis::Modified.as_str());
        if let (true, Some(Some(at))) = (modified, told.get(folder(&s.path))) {
            // What an import of the file alone took for its time is no time of what it holds.
            s.observed = Some(*at);
            s.observed_basis = Some(ObservedBasis::SnapshotFile.as_str().to_owned());
            if s.format.starts_with("objects") {
                (s.first_time, s.last_time) = (None, None);
            }
            s.saw(at.from);
            s.saw(at.to);
        }
    }
    told
}
