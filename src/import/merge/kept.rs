//! Which sources hold what was left out, over all parts: what each part wrote down, under the new ids and with what was
//! found since.

use std::collections::{BTreeSet, HashMap};

use super::MergeError;
use super::numbering::{Numbered, Places};
use super::parts::Part;
use crate::case::CaseError;
use crate::import::copies::{Copies, Feed, Known, Moved, Named, conclude as conclude_copies, left_by, own_names};
use crate::import::dedup::Keying;
use crate::import::staged::Staged;
use crate::tables::copies::TABLE;

/// Writes the copies of all parts, and gives `duplicate_of` of the sources.
pub(super) fn conclude(
    staged: &mut Staged<'_>,
    parts: &[(&Part, &str)],
    numbered: &mut Numbered,
    settled: Copies,
    (keying, mut moved, lines): (&Keying, Moved, HashMap<String, usize>),
) -> Result<(), MergeError> {
    let names: Vec<HashMap<String, Named>> = numbered.places.iter().map(named).collect();
    let mut feeds = Vec::new();
    for ((part, own), names) in parts.iter().zip(&names) {
        feeds.extend(part.files(&TABLE, own)?.into_iter().map(|file| Feed { file, names, early: true }));
    }
    // Where another part has the bytes of a source, what that one left to others is not there either.
    let places = numbered.places.iter().take(parts.len()).flat_map(|p| p.values());
    let stand_in: BTreeSet<usize> = places.filter(|p| !p.keeps).map(|p| p.number).collect();
    if !stand_in.is_empty() {
        feeds.iter().try_for_each(|feed| left_by(feed, &stand_in, keying, &mut moved))?;
    }
    let settled = settled.close()?;
    let own = own_names(&numbered.sources);
    feeds.extend(settled.clone().map(|file| Feed { file, names: &own, early: false }));
    let known = Known { keying, moved: &moved, lines };
    conclude_copies(staged, &feeds, &known, &mut numbered.sources)?;
    // The folder it lies in becomes the case.
    match settled {
        Some(file) => Ok(std::fs::remove_file(&file).map_err(|e| CaseError::io(&file, e))?),
        None => Ok(()),
    }
}

fn named(places: &Places) -> HashMap<String, Named> {
    places.iter().map(|(id, p)| (id.clone(), Named { number: p.number, keeps: p.keeps })).collect()
}
