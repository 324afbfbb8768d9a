//! Decides which of the rows of one identity are copies of others.

use std::collections::{BTreeSet, HashMap};

use super::ImportError;
use super::agree::{Content, Relation, Side, compare, may_be_poorer};
use super::copies::{Copies, Moved, What};
use super::resolve_copies::RowId;
use super::source_rows::SourceRow;
use crate::model::finding::{Finding, Severity};
use crate::model::object::Provenance;
use crate::model::time::Timestamp;

/// Code of findings about different events under one audit ID.
pub(super) const COLLISION: &str = "audit-id-collision";

/// Comparisons of rows of one identity, beyond which all that are left are kept.
const COMPARISONS: usize = 1_000_000;

/// Places that a finding names; the ID leads to the others.
const WITNESSES: usize = 100;

/// One row in question.
pub(super) struct Rival {
    pub(super) place: Provenance,
    pub(super) row: RowId,
    pub(super) at: Option<Timestamp>,
    pub(super) identity: u64,
    /// Component, audit ID, stage, part of the operation.
    pub(super) words: [Option<String>; 4],
    /// Digest of the content.
    pub(super) digest: u64,
    /// `None` where the identity has too many rows to hold them all.
    pub(super) content: Option<Content>,
}

/// The sources, by their ids.
pub(super) struct Sources<'s> {
    rows: &'s mut [SourceRow],
    places: HashMap<String, usize>,
    /// Rows that went from one source to another.
    pub(super) moved: Moved,
    /// Writes down what is dropped.
    copies: &'s mut Copies,
}

impl<'s> Sources<'s> {
    pub(super) fn new(rows: &'s mut [SourceRow], copies: &'s mut Copies) -> Self {
        let places = rows.iter().enumerate().map(|(n, s)| (s.source_id.clone(), n)).collect();
        Self { rows, places, moved: Moved::default(), copies }
    }

    /// What a row says, and what its source cannot say.
    fn side<'a>(&'a self, rival: &'a Rival) -> Option<Side<'a>> {
        let source = self.places.get(&rival.place.source_id).and_then(|n| self.rows.get(*n));
        let absent = source.map(|s| s.absent_fields.as_slice()).unwrap_or_default();
        rival.content.as_ref().map(|content| Side { content, absent })
    }

    /// Counts a row that goes; `whole`: nothing under its identity is left of its source.
    fn drop_row(&mut self, cut: &Rival, kept: &str, whole: bool) -> Result<(), ImportError> {
        let own = cut.place.source_id.as_str();
        if let Some(source) = self.places.get(own).and_then(|n| self.rows.get_mut(*n)) {
            source.rows = source.rows.saturating_sub(1);
            source.duplicate(kept);
        }
        if let (true, Some(from), Some(to)) = (whole, self.places.get(own), self.places.get(kept)) {
            self.moved.went(cut.identity, *from, *to);
        }
        self.copies.push(own, kept, What::Event(cut.words.each_ref().map(Option::as_deref)))
    }
}

/// Rows that go, each with the row it went for, which may go in turn.
#[derive(Default)]
struct Cuts {
    rows: Vec<(Rival, RowId)>,
}

impl Cuts {
    fn cut(&mut self, mut rival: Rival, by: RowId) {
        rival.content = None;
        self.rows.push((rival, by));
    }

    /// Counts them at the sources of the rows that are kept in the end.
    fn count(
        self,
        kept: &[Rival],
        dropped: &mut BTreeSet<RowId>,
        sources: &mut Sources<'_>,
    ) -> Result<(), ImportError> {
        let kept: HashMap<RowId, &str> = kept.iter().map(|k| (k.row, k.place.source_id.as_str())).collect();
        let staying: BTreeSet<&str> = kept.values().copied().collect();
        let next: HashMap<RowId, RowId> = self.rows.iter().map(|(rival, by)| (rival.row, *by)).collect();
        for (rival, by) in &self.rows {
            let mut last = by;
            while let Some(by) = next.get(last) {
                last = by;
            }
            if let Some(source) = kept.get(last) {
                sources.drop_row(rival, source, !staying.contains(rival.place.source_id.as_str()))?;
            }
            dropped.insert(rival.row);
        }
        Ok(())
    }
}

impl Rival {
    /// Ids are counted, so `s10` comes after `s9`.
    fn order(&self) -> (usize, &str, u64, RowId) {
        (self.place.source_id.len(), &self.place.source_id, self.place.offset, self.row)
    }
}

/// Decides about the rows of one identity: marks copies as dropped, counts them in `sources`, and tells a collision.
pub(super) fn settle(
    mut rivals: Vec<Rival>,
    dropped: &mut BTreeSet<RowId>,
    sources: &mut Sources<'_>,
) -> Result<Option<Finding>, ImportError> {
    rivals.sort_by(|a, b| a.order().cmp(&b.order()));
    let mut cuts = Cuts::default();
    let distinct = without_equal(rivals, &mut cuts);
    let kept = without_poorer(distinct, &mut cuts, sources);
    cuts.count(&kept, dropped, sources)?;
    let Some(first) = kept.first().filter(|_| kept.len() > 1) else { return Ok(None) };
    Ok(Some(Finding {
        severity: Severity::High,
        code: COLLISION,
        message: format!(
            "{} events that say different things share audit ID `{}` and stage: a client may have chosen it; all are kept",
            kept.len(),
            first.words.get(1).and_then(Option::as_deref).unwrap_or_default()
        ),
        at: first.at,
        witnesses: kept.iter().take(WITNESSES).map(|k| k.place.clone()).collect(),
    }))
}

/// Of rows that say the very same, the first.
fn without_equal(rivals: Vec<Rival>, cuts: &mut Cuts) -> Vec<Rival> {
    let mut first: HashMap<u64, usize> = HashMap::new();
    let mut kept: Vec<Rival> = Vec::new();
    for rival in rivals {
        let twin = first.get(&rival.digest).and_then(|n| kept.get(*n)).filter(|k| k.content == rival.content);
        match twin.map(|twin| twin.row) {
            Some(twin) => cuts.cut(rival, twin),
            None => {
                first.entry(rival.digest).or_insert(kept.len());
                kept.push(rival);
            }
        }
    }
    kept
}

/// Of rows that agree in all that both can say, the fullest.
fn without_poorer(rivals: Vec<Rival>, cuts: &mut Cuts, sources: &Sources<'_>) -> Vec<Rival> {
    let mut left = COMPARISONS;
    let mut kept: Vec<Rival> = Vec::new();
    // Two that lack nothing and are not equal are two events: only those that may lack something are compared.
    let mut poor: Vec<usize> = Vec::new();
    for rival in rivals {
        let may_lack = sources.side(&rival).is_some_and(may_be_poorer);
        let candidates: Box<dyn Iterator<Item = usize>> =
            if may_lack { Box::new(0..kept.len()) } else { Box::new(poor.iter().copied()) };
        let twin = candidates.take(left).find_map(|n| {
            left = left.saturating_sub(1);
            let relation = compare(sources.side(kept.get(n)?)?, sources.side(&rival)?);
            (relation != Relation::Different).then_some((n, relation))
        });
        match twin.and_then(|(n, relation)| Some((n, kept.get_mut(n)?, relation))) {
            None => {
                poor.extend(may_lack.then_some(kept.len()));
                kept.push(rival);
            }
            Some((n, k, Relation::FirstIsPoorer)) => {
                let by = rival.row;
                cuts.cut(std::mem::replace(k, rival), by);
                poor.retain(|p| *p != n);
                poor.extend(may_lack.then_some(n));
            }
            Some((_, k, _)) => cuts.cut(rival, k.row),
        }
    }
    kept
}
