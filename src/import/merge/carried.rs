//! Findings of the parts that no rebuilding finds again, under the new ids. Collisions are not among them: all
//! events are compared anew.

use std::collections::BTreeSet;

use super::MergeError;
use super::numbering::Numbered;
use super::parts::Part;
use crate::formats::warnings::MEMBER_REFUSED;
use crate::import::materialise::{OF_READING, earlier_findings};
use crate::import::same_bytes::{self, SAME_BYTES};
use crate::import::source_rows::SourceRow;
use crate::model::finding::Finding;
use crate::tables::findings::TABLE;

/// The paths that a part did not read again, each with the id of the source that has its bytes.
pub(super) fn same_bytes_of(
    (part, own): &(&Part, &str),
    rows: &[SourceRow],
) -> Result<Vec<(String, String)>, MergeError> {
    let table = part.case.table(&TABLE, Some(own))?;
    let findings = earlier_findings(table, &[SAME_BYTES])?;
    let told = findings.iter().filter_map(|f| told(&f.message, rows));
    Ok(told.map(|(path, old)| (path, old.source_id.clone())).collect())
}

/// The path that a finding tells of, and the source that has its bytes.
fn told<'r>(message: &str, rows: &'r [SourceRow]) -> Option<(String, &'r SourceRow)> {
    let (rest, id) = message.strip_suffix(") and does not count again")?.rsplit_once(" (")?;
    let old = rows.iter().find(|s| s.source_id == id)?;
    let path = rest.strip_suffix(&format!("` has the same bytes as `{}`", old.path))?.strip_prefix('`')?;
    Some((path.to_owned(), old))
}

/// Adds the findings of a part (by its place among them) to those of the numbering. `rows` are its sources as it has
/// them, `echoes` the paths that are read after all.
pub(super) fn carry(
    numbered: &mut Numbered,
    at: usize,
    (part, own): (&Part, &str),
    rows: &[SourceRow],
    echoes: &BTreeSet<&str>,
) -> Result<(), MergeError> {
    let table = part.case.table(&TABLE, Some(own))?;
    for finding in earlier_findings(table, &OF_READING)? {
        match finding.code {
            SAME_BYTES => same(numbered, at, finding, (rows, echoes)),
            MEMBER_REFUSED => refused(numbered, at, finding, rows),
            _ => other(numbered, at, finding),
        }
    }
    Ok(())
}

/// Any other finding: its witnesses under their new ids.
fn other(numbered: &mut Numbered, at: usize, mut finding: Finding) {
    for witness in &mut finding.witnesses {
        if let Some(id) = numbered.id_of(at, &witness.source_id) {
            witness.source_id = id.to_owned();
        }
    }
    numbered.findings.push(finding);
}

/// A path that was not read again: it has the bytes of what has them in the merged case.
fn same(numbered: &mut Numbered, at: usize, finding: Finding, (rows, echoes): (&[SourceRow], &BTreeSet<&str>)) {
    let place = |old: &SourceRow| numbered.places.get(at)?.get(&old.source_id).map(|p| p.number);
    let Some((path, old, number)) = told(&finding.message, rows).and_then(|(path, old)| Some((path, old, place(old)?)))
    else {
        numbered.findings.push(finding);
        return;
    };
    if echoes.contains(path.as_str()) {
        return;
    }
    if numbered.lies_in_gone(at, &old.bundle, &path) {
        return;
    }
    numbered.elsewhere.push((old.bundle.clone(), path.clone()));
    if let Some(twin) = numbered.sources.get(number).filter(|twin| twin.path != path) {
        numbered.findings.push(same_bytes::finding(&path, twin));
    }
}

/// A member that was not read: told of the archive that stays.
fn refused(numbered: &mut Numbered, at: usize, mut finding: Finding, rows: &[SourceRow]) {
    let archives = rows.iter().filter(|s| s.warnings.iter().any(|w| w == MEMBER_REFUSED));
    let place = |s: &SourceRow| format!("` of archive `{}` ({}) was not read: ", s.path, s.source_id);
    // The member's name may hold anything; what stands last is the program's own.
    let found = archives.filter_map(|s| Some((finding.message.rfind(&place(s))?, s))).max_by_key(|(at, _)| *at);
    if let Some((start, old)) = found {
        let Some(place_now) = numbered.places.get(at).and_then(|p| p.get(&old.source_id)).filter(|p| p.keeps) else {
            return;
        };
        let Some(new) = numbered.sources.get(place_now.number) else { return };
        let (before, rest) = finding.message.split_at(start);
        let after = rest.strip_prefix(&place(old)).unwrap_or_default();
        finding.message = format!("{before}{}{after}", place(new));
    }
    numbered.findings.push(finding);
}
