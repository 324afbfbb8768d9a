//! Holes between the files of a rotated log. The API server writes `audit.log` and renames it when it is
//! full: `audit-<time of rotation>.log`, maybe compressed afterwards. So each file begins where the one
//! before was rotated, and a later beginning means that a file between them is missing. Old files are
//! removed by number and age, so what lies before the oldest is not known.

use std::collections::BTreeMap;

use super::Row;
use super::seconds::{self, Tick, Writer};
use crate::import::inside::folder;
use crate::import::source_rows::SourceRow;
use crate::model::finding::{Finding, Severity};
use crate::model::object::Provenance;
use crate::model::time::{Interval, Timestamp};

/// What rows about holes are called.
pub(super) const HOLE: &str = "rotation gap";
/// The shortest hole that is told.
const SHORTEST: i64 = 2_000_000;
/// Endings that compression adds.
const PACKED: [&str; 4] = [".gz", ".zst", ".bz2", ".xz"];
/// `2026-11-24T00-41-13.128`
const STAMP: usize = 23;

/// What is missing of a rotated log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The set of files: folder and name without time.
    pub family: String,
    /// The stretch.
    pub held: Interval,
    /// Whether a stretch between files is missing; otherwise an open end.
    pub between: bool,
    /// What it is, in words.
    pub why: String,
    /// The sources on both sides.
    pub sources: Vec<String>,
}

/// One file of a set.
#[derive(Clone, Debug)]
struct File<'s> {
    source: &'s SourceRow,
    /// When it was rotated; `None`: it is the live one.
    rotated: Option<Timestamp>,
}

/// The set of files that a source belongs to, and when it was rotated.
pub(super) fn family(source: &SourceRow) -> (String, Option<Timestamp>) {
    let mut name = source.path.rsplit('/').next().unwrap_or_default();
    while let Some(rest) = PACKED.iter().find_map(|p| name.strip_suffix(p)) {
        name = rest;
    }
    let (stem, ending) = name.rsplit_once('.').map_or((name, ""), |(s, e)| (s, e));
    let place = |base: &str| {
        let bundle = source.bundle.as_deref().map(|b| format!("{b}: ")).unwrap_or_default();
        let folder = folder(&source.path);
        let slash = if folder.is_empty() { "" } else { "/" };
        let dot = if ending.is_empty() { "" } else { "." };
        format!("{bundle}{folder}{slash}{base}{dot}{ending}")
    };
    let cut = stem.len().checked_sub(STAMP).filter(|at| stem.is_char_boundary(*at));
    if let Some((base, stamp)) = cut.map(|at| stem.split_at(at))
        && let (Some(base), Some(time)) = (base.strip_suffix('-'), rotation_time(stamp))
    {
        return (place(base), Some(time));
    }
    (place(stem), None)
}

/// `2026-11-24T00-41-13.128`, in UTC.
fn rotation_time(stamp: &str) -> Option<Timestamp> {
    let (date, time) = stamp.split_once('T')?;
    Timestamp::parse_rfc3339(&format!("{date}T{}Z", time.replace('-', ":")))
}

pub(super) fn gaps(series: &BTreeMap<Writer, Vec<Tick>>, sources: &[SourceRow]) -> Vec<Gap> {
    let mut families: BTreeMap<String, Vec<File<'_>>> = BTreeMap::new();
    for source in sources.iter().filter(|s| s.first_time.is_some() && s.observed.is_none()) {
        let (name, rotated) = family(source);
        families.entry(name).or_default().push(File { source, rotated });
    }
    families.retain(|_, files| files.iter().any(|f| f.rotated.is_some()));
    if families.is_empty() {
        return Vec::new();
    }
    let mut by_source: BTreeMap<&str, Vec<Tick>> = BTreeMap::new();
    for (writer, series) in series {
        by_source.entry(&writer.source).or_default().extend(series);
    }
    let mut found = Vec::new();
    for (name, mut files) in families {
        files.sort_by_key(|f| (f.rotated.unwrap_or(Timestamp::MAX), f.source.path.clone()));
        let series = files.iter().filter_map(|f| by_source.get(f.source.source_id.as_str())).flatten().copied();
        let pause = seconds::usual_pause(&seconds::unite(series));
        found.extend(of_family(&name, &files, SHORTEST.max(pause.saturating_mul(4))));
    }
    found
}

fn of_family(name: &str, files: &[File<'_>], longest: i64) -> Vec<Gap> {
    let gap = |held: Interval, between: bool, why: &str, sources: &[&SourceRow]| Gap {
        family: name.to_owned(),
        held,
        between,
        why: why.to_owned(),
        sources: sources.iter().map(|s| s.source_id.clone()).collect(),
    };
    let mut found = Vec::new();
    if let Some((File { source, .. }, first)) = files.first().and_then(|f| Some((f, f.source.first_time?))) {
        let why =
            "the oldest file begins here: older ones may have been removed (number or age of files), or not collected";
        found.push(gap(Interval::new(Timestamp::MIN, first), false, why, &[*source]));
    }
    // The log is known up to here.
    let mut known: Option<(Timestamp, &SourceRow)> = None;
    for file in files {
        let (Some(first), Some(last)) = (file.source.first_time, file.source.last_time) else { continue };
        if let Some((until, before)) = known
            && first.as_micros().saturating_sub(until.as_micros()) > longest
        {
            let why = "no events: a file rotated in between is missing, or nothing was logged";
            found.push(gap(Interval::new(until, first), true, why, &[before, file.source]));
        }
        let end = last.plus_micros(1);
        if let Some(rotated) = file.rotated
            && rotated.as_micros().saturating_sub(end.as_micros()) > longest
        {
            let why = "no events: the file ends before it was rotated";
            found.push(gap(Interval::new(end, rotated), true, why, &[file.source]));
        }
        let until = end.max(file.rotated.unwrap_or(end));
        known = Some(known.filter(|(t, _)| *t > until).unwrap_or((until, file.source)));
    }
    if let Some((File { source, rotated: Some(rotated) }, _)) = files.last().zip(known) {
        let why = "the file that was being written is not there: what came after the newest rotation is missing";
        found.push(gap(Interval::new(*rotated, Timestamp::MAX), false, why, &[*source]));
    }
    found
}

/// The stretches of a log without its holes.
pub fn without(stretches: &[Interval], holes: impl IntoIterator<Item = Interval>) -> Vec<Interval> {
    let mut left = stretches.to_vec();
    for hole in holes {
        left = left
            .into_iter()
            .flat_map(|s| {
                let before = Interval::new(s.from, s.to.min(hole.from));
                let after = Interval::new(s.from.max(hole.to), s.to);
                if s.overlaps(hole) { vec![before, after] } else { vec![s] }
            })
            .filter(|s| !s.is_empty())
            .collect();
    }
    left
}

pub(super) fn rows(gaps: &[Gap]) -> Vec<Row> {
    gaps.iter()
        .map(|g| {
            let (about, severity) = match (g.between, g.held.to == Timestamp::MAX) {
                (true, _) | (false, true) => (HOLE, Severity::Medium),
                (false, false) => ("rotation start", Severity::Info),
            };
            let row = Row::new(about, severity, g.family.clone()).over(g.held);
            Row { sources: g.sources.clone(), details: g.why.clone(), ..row }
        })
        .collect()
}

pub(super) fn findings(gaps: &[Gap]) -> Vec<Finding> {
    gaps.iter()
        .filter(|g| g.between)
        .map(|g| Finding {
            severity: Severity::Medium,
            code: "rotation-gap",
            message: format!("log `{}` from {} to {}: {}", g.family, g.held.from, g.held.to, g.why),
            at: Some(g.held.from),
            witnesses: g
                .sources
                .iter()
                .map(|id| Provenance { source_id: id.clone(), line: 1, ..Provenance::default() })
                .collect(),
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn source(path: &str, first: &str, last: &str) -> SourceRow {
        let time = |t: &str| Timestamp::parse_rfc3339(&format!("2026-11-24T{t}Z"));
        SourceRow {
            source_id: path.to_owned(),
            path: path.to_owned(),
            first_time: time(first),
            last_time: time(last),
            ..SourceRow::default()
        }
    }

    fn told(sources: &[SourceRow]) -> Vec<(String, String, bool)> {
        let mut files: Vec<File<'_>> = sources.iter().map(|s| File { source: s, rotated: family(s).1 }).collect();
        files.sort_by_key(|f| f.rotated.unwrap_or(Timestamp::MAX));
        let word = |t: Timestamp| t.to_string().get(11..19).unwrap_or("-").to_owned();
        let bound = |t: Timestamp| if t == Timestamp::MIN || t == Timestamp::MAX { "-".to_owned() } else { word(t) };
        of_family("x", &files, SHORTEST).iter().map(|g| (bound(g.held.from), bound(g.held.to), g.between)).collect()
    }

    #[test]
    fn names_tell_the_set_and_the_time() {
        for (path, name, rotated) in [
            ("/var/log/audit-2026-11-24T00-41-13.128.log.gz", "/var/log/audit.log", Some("2026-11-24T00:41:13.128Z")),
            ("/var/log/audit.log", "/var/log/audit.log", None),
            ("m/master-0-audit-2026-11-24T00-41-31.025.log", "m/master-0-audit.log", Some("2026-11-24T00:41:31.025Z")),
            ("a.tar!/x/audit.log.zst", "a.tar!/x/audit.log", None),
            ("audit-2026-13-24T00-41-13.128.log", "audit-2026-13-24T00-41-13.128.log", None),
            ("é", "é", None),
        ] {
            let found = family(&source(path, "00:00:00", "00:00:00"));
            assert_eq!((found.0.as_str(), found.1.map(|t| t.to_string()).as_deref()), (name, rotated), "{path}");
        }
    }

    #[test]
    fn a_missing_file_and_a_cut_file_are_holes() {
        let a = source("audit-2026-11-24T00-10-00.000.log", "00:00:00", "00:09:59");
        let b = source("audit-2026-11-24T00-20-00.000.log.gz", "00:10:01", "00:20:00");
        let live = source("audit.log", "00:20:01", "00:25:00");
        let open = ("-".to_owned(), "00:00:00".to_owned(), false);
        assert_eq!(told(&[live.clone(), b.clone(), a.clone()]), std::slice::from_ref(&open));
        assert_eq!(
            told(&[a.clone(), live.clone()]),
            [open.clone(), ("00:10:00".to_owned(), "00:20:01".to_owned(), true)]
        );
        let cut = source("audit-2026-11-24T00-20-00.000.log.gz", "00:10:01", "00:15:00");
        assert_eq!(told(&[a.clone(), cut, live]), [open.clone(), ("00:15:00".to_owned(), "00:20:00".to_owned(), true)]);
        assert_eq!(told(&[a, b]), [open, ("00:20:00".to_owned(), "-".to_owned(), false)]);
    }

    #[test]
    fn holes_are_taken_out_of_stretches() {
        let t = Timestamp::from_micros;
        let hole = |a, b| Interval::new(t(a), t(b));
        let left = without(&[Interval::new(t(0), t(10)), Interval::new(t(20), t(30))], [hole(3, 5), hole(8, 22)]);
        assert_eq!(left, [(0, 3), (5, 8), (22, 30)].map(|(a, b)| Interval::new(t(a), t(b))));
    }
}
