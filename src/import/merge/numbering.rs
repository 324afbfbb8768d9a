//! Puts the sources of all parts in the order in which a single import would have read them, leaves out those
//! whose bytes it would not have read again, and numbers the rest.
//!
//! A single import reads files sorted by bundle and path, an archive before its members, and members in the order of
//! the archive. Of two parts that hold the same bytes under one path or two, the first in that order stays.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use crate::import::discover::ObservedBasis;
use crate::import::read_source::MEMBER;
use crate::import::same_bytes::{self, HELD};
use crate::import::source_rows::SourceRow;
use crate::model::finding::Finding;

/// What became of a source of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its number in the merged case, or that of the source with the same bytes.
    pub(super) number: usize,
    /// Whether its rows stay.
    pub(super) keeps: bool,
    /// Whether what it shows (objects, lists, resources) stays.
    pub(super) shows: bool,
}

/// What became of all sources of a part, by their ids there.
pub(super) type Places = HashMap<String, Place>;

/// The sources of a cluster, numbered.
#[derive(Default)]
pub(super) struct Numbered {
    /// In the order of a single import, their ids new; what they say is still as their parts say it.
    pub(super) sources: Vec<SourceRow>,
    /// The part that each of them comes from.
    pub(super) origins: Vec<usize>,
    /// What became of the sources of each part.
    pub(super) places: Vec<Places>,
    /// What was not read again.
    pub(super) findings: Vec<Finding>,
    /// Paths (with their bundle) that are left out since another path has their bytes.
    pub(super) elsewhere: Vec<(Option<String>, String)>,
    /// What was left out of each part, by bundle and path: members of these are not looked at.
    gone: Vec<BTreeSet<(Option<String>, String)>>,
    /// Members too large to be held whose bytes an earlier source has: what they show counts as copies of it.
    pub(super) copies: Vec<(usize, usize)>,
    /// Sources by digest and size, in their order.
    by_bytes: HashMap<(String, u64), Vec<usize>>,
    /// How many sources the case has of other clusters.
    others: usize,
}

/// A file with the members of the archive it is.
struct Group {
    part: usize,
    rows: Vec<SourceRow>,
}

/// Numbers the sources of one cluster. `parts` gives those of each part in the order in which they were read, `others`
/// how many the merged case has of clusters before this one.
pub(super) fn number(parts: Vec<Vec<SourceRow>>, others: usize) -> Numbered {
    let mut done = Numbered { others, ..Numbered::default() };
    done.places.resize_with(parts.len(), Places::new);
    done.gone.resize_with(parts.len(), BTreeSet::new);
    let mut groups: Vec<Group> = parts.into_iter().enumerate().flat_map(|(part, rows)| group(part, rows)).collect();
    groups.sort_by_cached_key(|g| {
        let top = g.rows.first();
        let named = top.map(|t| (t.bundle.clone(), t.path.clone(), t.sha256.clone(), t.observed));
        // Of the same file in two parts, the fuller one.
        (named, Reverse(top.map(|t| t.rows)), g.part)
    });
    for group in groups {
        done.take(group);
    }
    done
}

/// Sources with those of their members.
fn group(part: usize, rows: Vec<SourceRow>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let archive = groups.last_mut().filter(|g| g.rows.first().is_some_and(|top| is_member(&row, top)));
        match archive {
            Some(archive) => archive.rows.push(row),
            None => groups.push(Group { part, rows: vec![row] }),
        }
    }
    groups
}

fn is_member(row: &SourceRow, of: &SourceRow) -> bool {
    let archive = matches!(of.format.as_str(), "tar" | "zip") && row.bundle == of.bundle;
    archive && row.path.strip_prefix(of.path.as_str()).is_some_and(|rest| rest.starts_with(MEMBER))
}

impl Numbered {
    fn take(&mut self, group: Group) {
        let mut whole: Option<String> = None;
        for (at, row) in group.rows.into_iter().enumerate() {
            let within = |path: &String| row.path.strip_prefix(path.as_str()).is_some_and(|r| r.starts_with(MEMBER));
            let twin = self.twin(&row);
            // Members of what is not read again are not even looked at.
            if whole.as_ref().is_some_and(within) {
                self.leave_out(group.part, &row, twin, false);
                continue;
            }
            match twin {
                Some(twin) if at == 0 || row.size < HELD => {
                    whole = Some(row.path.clone());
                    self.leave_out(group.part, &row, Some(twin), true);
                }
                Some(twin) => {
                    let number = self.keep(group.part, row, false);
                    self.copies.push((number, twin));
                }
                None => drop(self.keep(group.part, row, true)),
            }
        }
    }

    /// The first source that has the bytes of this one, seen at the same time where both times are really known.
    fn twin(&self, row: &SourceRow) -> Option<usize> {
        let weak = row.observed.is_none() || row.observed_basis.as_deref() == Some(ObservedBasis::Modified.as_str());
        let known = self.by_bytes.get(&(row.sha256.clone(), row.size)).filter(|_| !row.sha256.is_empty())?;
        let same = |s: &SourceRow| s.observed.is_none() || weak || s.observed == row.observed;
        known.iter().copied().find(|n| self.sources.get(*n).is_some_and(same))
    }

    fn keep(&mut self, part: usize, mut row: SourceRow, shows: bool) -> usize {
        let number = self.sources.len();
        self.place(part, &row.source_id, Place { number, keeps: true, shows });
        row.source_id = format!("s{}", self.others + number + 1);
        self.by_bytes.entry((row.sha256.clone(), row.size)).or_default().push(number);
        self.sources.push(row);
        self.origins.push(part);
        number
    }

    fn leave_out(&mut self, part: usize, row: &SourceRow, twin: Option<usize>, told: bool) {
        // A member of an archive that is left out has its like among those of the other.
        let Some(number) = twin.or_else(|| self.sources.len().checked_sub(1)) else { return };
        self.place(part, &row.source_id, Place { number, keeps: false, shows: false });
        if let Some(gone) = self.gone.get_mut(part) {
            gone.insert((row.bundle.clone(), row.path.clone()));
        }
        if let Some(twin) = self.sources.get(number).filter(|twin| told && twin.path != row.path) {
            self.findings.push(same_bytes::finding(&row.path, twin));
            self.elsewhere.push((row.bundle.clone(), row.path.clone()));
        }
    }

    fn place(&mut self, part: usize, id: &str, place: Place) {
        if let Some(places) = self.places.get_mut(part) {
            places.insert(id.to_owned(), place);
        }
    }

    /// Whether a path lies in an archive of the part that was left out.
    pub(super) fn lies_in_gone(&self, part: usize, bundle: &Option<String>, path: &str) -> bool {
        let archives = path.match_indices(MEMBER).filter_map(|(at, _)| path.get(..at));
        let gone =
            |archive: &str| self.gone.get(part).is_some_and(|g| g.contains(&(bundle.clone(), archive.to_owned())));
        archives.into_iter().any(gone)
    }

    /// The new id of a source of a part, or that of the source with its bytes.
    pub(super) fn id_of(&self, part: usize, id: &str) -> Option<&str> {
        let place = self.places.get(part)?.get(id)?;
        self.sources.get(place.number).map(|s| s.source_id.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::model::object::ObservedAt;
    use crate::model::time::Timestamp;

    fn row(id: &str, path: &str, bytes: &str, format: &str) -> SourceRow {
        SourceRow {
            source_id: id.to_owned(),
            path: path.to_owned(),
            sha256: bytes.to_owned(),
            size: 5,
            format: format.to_owned(),
            ..SourceRow::default()
        }
    }

    fn told(n: &Numbered) -> Vec<(String, String)> {
        n.sources.iter().map(|s| (s.source_id.clone(), s.path.clone())).collect()
    }

    fn pairs(wanted: &[(&str, &str)]) -> Vec<(String, String)> {
        wanted.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn files_are_sorted_by_path_and_members_stay_with_their_archive() {
        let first =
            vec![row("s1", "b.tar", "1", "tar"), row("s2", "b.tar!/z", "2", "x"), row("s3", "b.tar!/a", "3", "x")];
        let second = vec![row("s1", "a", "4", "x"), row("s2", "b.tar!", "5", "x"), row("s3", "c", "6", "x")];
        let wanted = pairs(&[
            ("s3", "a"),
            ("s4", "b.tar"),
            ("s5", "b.tar!/z"),
            ("s6", "b.tar!/a"),
            ("s7", "b.tar!"),
            ("s8", "c"),
        ]);
        let one = number(vec![first.clone(), second.clone()], 2);
        let other = number(vec![second, first], 2);
        assert_eq!((told(&one), told(&other)), (wanted.clone(), wanted));
        assert_eq!((one.id_of(0, "s2"), one.id_of(1, "s1"), one.id_of(1, "s9")), (Some("s5"), Some("s3"), None));
    }

    #[test]
    fn the_same_bytes_are_taken_once_and_told_where_the_path_differs() {
        let parts = vec![vec![row("s1", "x", "1", "f")], vec![row("s1", "x", "1", "f"), row("s2", "y", "1", "f")]];
        let n = number(parts, 0);
        assert_eq!(told(&n), pairs(&[("s1", "x")]));
        let said: Vec<&str> = n.findings.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(said, ["`y` has the same bytes as `x` (s1) and does not count again"]);
        assert_eq!(n.places[1]["s2"], Place { number: 0, keeps: false, shows: false });
    }

    #[test]
    fn an_archive_that_is_known_is_left_out_with_its_members_and_one_finding() {
        let archive = |path: &str| {
            vec![
                row("s1", path, "1", "tar"),
                row("s2", &format!("{path}!/m"), "2", "x"),
                row("s3", &format!("{path}!/n"), "3", "x"),
            ]
        };
        let n = number(vec![archive("p/a.tar"), archive("q/a.tar")], 0);
        assert_eq!(told(&n), pairs(&[("s1", "p/a.tar"), ("s2", "p/a.tar!/m"), ("s3", "p/a.tar!/n")]));
        assert_eq!(n.findings.len(), 1);
        assert_eq!((n.id_of(1, "s2"), n.id_of(1, "s3")), (Some("s2"), Some("s3")));
    }

    #[test]
    fn the_same_snapshot_at_two_times_that_are_known_is_two() {
        let at = |id: &str, path: &str, t: i64, basis: &str| SourceRow {
            observed: Some(ObservedAt { from: Timestamp::from_micros(t), to: Timestamp::from_micros(t) }),
            observed_basis: Some(basis.to_owned()),
            ..row(id, path, "1", "objects-json")
        };
        let two =
            |basis: &str| number(vec![vec![at("s1", "a", 1, basis)], vec![at("s1", "b", 2, basis)]], 0).sources.len();
        assert_eq!([two("snapshot.json"), two("modification time")], [2, 1]);
    }

    #[test]
    fn a_large_member_whose_bytes_are_known_stays_and_shows_nothing() {
        let large = |id: &str, path: &str| SourceRow { size: HELD, ..row(id, path, "2", "objects-json") };
        let parts = vec![vec![large("s1", "a")], vec![row("s1", "b.tar", "1", "tar"), large("s2", "b.tar!/m")]];
        let n = number(parts, 0);
        assert_eq!(told(&n), pairs(&[("s1", "a"), ("s2", "b.tar"), ("s3", "b.tar!/m")]));
        assert_eq!(n.places[1]["s2"], Place { number: 2, keeps: true, shows: false });
        assert_eq!(n.copies, [(2, 0)]);
    }
}
