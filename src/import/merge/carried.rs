//! Findings of the parts that no rebuilding finds again, under the new ids. Collisions are not among them: all
//! events are compared anew.

use super::MergeError;
use super::numbering::Numbered;
use super::parts::Part;
use crate::formats::warnings::MEMBER_REFUSED;
use crate::import::coverage::NOT_COLLECTED;
use crate::import::materialise::earlier_findings;
use crate::import::same_bytes;
use crate::import::source_rows::SourceRow;
use crate::model::finding::Finding;
use crate::tables::findings::TABLE;

const SAME_BYTES: &str = "same-bytes";
const CODES: [&str; 5] = [SAME_BYTES, "bundle-damaged", "cluster-name-differs", MEMBER_REFUSED, NOT_COLLECTED];

/// Adds the findings of a part (by its place among them) to those of the numbering. `rows` are its sources as it has
/// them.
pub(super) fn carry(
    numbered: &mut Numbered,
    at: usize,
    (part, own): (&Part, &str),
    rows: &[SourceRow],
) -> Result<(), MergeError> {
    let table = part.case.table(&TABLE, Some(own))?;
    for finding in earlier_findings(table, &CODES).map_err(MergeError::from)? {
        match finding.code {
            SAME_BYTES => same(numbered, at, finding, rows),
            MEMBER_REFUSED => refused(numbered, at, finding, rows),
            _ => numbered.findings.push(finding),
        }
    }
    Ok(())
}

/// A path that was not read again: it has the bytes of what has them in the merged case.
fn same(numbered: &mut Numbered, at: usize, finding: Finding, rows: &[SourceRow]) {
    let told = || {
        let (rest, id) = finding.message.strip_suffix(") and does not count again")?.rsplit_once(" (")?;
        let old = rows.iter().find(|s| s.source_id == id)?;
        let path = rest.strip_suffix(&format!("` has the same bytes as `{}`", old.path))?.strip_prefix('`')?;
        Some((path.to_owned(), old, numbered.places.get(at)?.get(id)?.number))
    };
    let Some((path, old, number)) = told() else {
        numbered.findings.push(finding);
        return;
    };
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
