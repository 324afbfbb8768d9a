//! Files that a part did not read again, and a single import would have read.
//!
//! Of two equal object dumps an import keeps one, unless each has a time of its own. Where the `snapshot.json` that
//! gives one its time came in another part, the part could not know. Its rows are those of the equal file, so they are
//! taken from there: each such file is a source of a part that is read a second time, for these rows alone.

use std::collections::BTreeMap;

use super::carried::same_bytes_of;
use super::numbering::{Place, Places};
use super::parts::Part;
use super::sources::Dated;
use super::{MergeError, numbering::Numbered};
use crate::import::discover::ObservedBasis;
use crate::import::inside::folder;
use crate::import::source_rows::SourceRow;

/// Files of one part, each with the row of its own that it is to have; the ids are those of the equal files, each once.
pub(super) struct Echo {
    /// The part, by its place among the parts.
    pub(super) part: usize,
    /// The sources.
    pub(super) rows: Vec<SourceRow>,
}

/// Finds them. `rows` are the sources of all parts, dated.
pub(super) fn find(parts: &[(&Part, &str)], rows: &[Vec<SourceRow>], dated: &Dated) -> Result<Vec<Echo>, MergeError> {
    let mut found = Vec::new();
    for (part, (case, rows)) in parts.iter().zip(rows).enumerate() {
        // The first echo of each source, the second, and so on: one reading gives each source's rows once.
        let mut levels: Vec<Vec<SourceRow>> = Vec::new();
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        for (path, id) in same_bytes_of(case, rows)? {
            let old = rows.iter().find(|s| s.source_id == id);
            let Some(row) = old.and_then(|old| echo(old, &path, dated)) else { continue };
            let level = times.entry(id).or_default();
            *level += 1;
            levels.resize_with(levels.len().max(*level), Vec::new);
            if let Some(rows) = levels.get_mut(*level - 1) {
                rows.push(row);
            }
        }
        found.extend(levels.into_iter().map(|rows| Echo { part, rows }));
    }
    Ok(found)
}

fn echo(old: &SourceRow, path: &str, dated: &Dated) -> Option<SourceRow> {
    let at = dated.get(folder(path)).copied().flatten()?;
    if old.bundle.is_some() || !old.format.starts_with("objects") || old.observed.is_none_or(|own| own == at) {
        return None;
    }
    let mut row = SourceRow {
        path: path.to_owned(),
        observed: Some(at),
        observed_basis: Some(ObservedBasis::SnapshotFile.as_str().to_owned()),
        first_time: None,
        last_time: None,
        ..old.clone()
    };
    row.saw(at.from);
    row.saw(at.to);
    Some(row)
}

/// What became of the other sources of the part in its second reading: nothing of them is taken.
pub(super) fn leave_out_others(numbered: &mut Numbered, first: usize, echoes: &[Echo]) {
    for (n, echo) in echoes.iter().enumerate() {
        let others: Vec<String> =
            numbered.places.get(echo.part).map(Places::keys).into_iter().flatten().cloned().collect();
        if let Some(places) = numbered.places.get_mut(first + n) {
            for id in others {
                places.entry(id).or_insert(Place { number: 0, keeps: false, shows: false });
            }
        }
    }
}
