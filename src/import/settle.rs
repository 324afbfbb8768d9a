//! Decides which of the rows of one identity are copies of others.

use std::collections::{BTreeSet, HashMap};

use super::agree::{Content, Relation, Side, compare, may_be_poorer};
use super::resolve_copies::RowId;
use super::source_rows::SourceRow;
use crate::model::finding::{Finding, Severity};
use crate::model::object::Provenance;
use crate::model::time::Timestamp;

/// Comparisons of rows of one identity, beyond which all that are left are kept.
const COMPARISONS: usize = 1_000_000;

/// One row in question.
#[derive(Clone)]
pub(super) struct Rival {
    pub(super) place: Provenance,
    pub(super) row: RowId,
    pub(super) at: Option<Timestamp>,
    pub(super) audit_id: String,
    /// Digest of the content.
    pub(super) digest: u64,
    /// `None` where the identity has too many rows to hold them all.
    pub(super) content: Option<Content>,
}

impl Rival {
    fn side<'a>(&'a self, sources: &'a [SourceRow]) -> Option<Side<'a>> {
        let source = sources.iter().find(|s| s.source_id == self.place.source_id);
        let absent = source.map(|s| s.absent_fields.as_slice()).unwrap_or_default();
        self.content.as_ref().map(|content| Side { content, absent })
    }

    /// Ids are counted, so `s10` comes after `s9`.
    fn order(&self) -> (usize, &str, u64, RowId) {
        (self.place.source_id.len(), &self.place.source_id, self.place.offset, self.row)
    }
}

/// Decides about the rows of one identity: marks copies as dropped, counts them in `sources`, and tells a collision.
pub(super) fn settle(
    mut rivals: Vec<Rival>,
    dropped: &mut BTreeSet<RowId>,
    sources: &mut [SourceRow],
) -> Option<Finding> {
    rivals.sort_by(|a, b| a.order().cmp(&b.order()));
    let kept = without_poorer(without_equal(rivals, dropped, sources), dropped, sources);
    let first = kept.first()?;
    if kept.len() < 2 {
        return None;
    }
    Some(Finding {
        severity: Severity::High,
        code: "audit-id-collision",
        message: format!(
            "{} events that say different things share audit ID `{}` and stage: a client may have chosen it; all are kept",
            kept.len(),
            first.audit_id
        ),
        at: first.at,
        witnesses: kept.iter().map(|k| k.place.clone()).collect(),
    })
}

/// Of rows that say the very same, the first.
fn without_equal(rivals: Vec<Rival>, dropped: &mut BTreeSet<RowId>, sources: &mut [SourceRow]) -> Vec<Rival> {
    let mut first: HashMap<u64, usize> = HashMap::new();
    let mut kept: Vec<Rival> = Vec::new();
    for rival in rivals {
        let twin = first.get(&rival.digest).and_then(|n| kept.get(*n)).filter(|k| k.content == rival.content);
        match twin {
            Some(twin) => drop_row(&rival, &twin.place, dropped, sources),
            None => {
                first.entry(rival.digest).or_insert(kept.len());
                kept.push(rival);
            }
        }
    }
    kept
}

/// Of rows that agree in all that both can say, the fullest.
fn without_poorer(rivals: Vec<Rival>, dropped: &mut BTreeSet<RowId>, sources: &mut [SourceRow]) -> Vec<Rival> {
    let may_lack = |r: &Rival, sources: &[SourceRow]| r.side(sources).is_some_and(may_be_poorer);
    let mut left = COMPARISONS;
    let mut kept: Vec<(Rival, bool)> = Vec::new();
    for rival in rivals {
        let poor = may_lack(&rival, sources);
        // Two that lack nothing and are not equal are two events.
        let relation = |kept: &Rival| match (kept.side(sources), rival.side(sources)) {
            (Some(a), Some(b)) => compare(a, b),
            _ => Relation::Different,
        };
        let twin = kept.iter().enumerate().filter(|(_, (_, other))| poor || *other).find_map(|(n, (k, _))| {
            left = left.checked_sub(1)?;
            Some((n, relation(k))).filter(|(_, r)| *r != Relation::Different)
        });
        match twin.and_then(|(n, relation)| Some((kept.get_mut(n)?, relation))) {
            None => kept.push((rival, poor)),
            Some((k, Relation::FirstIsPoorer)) => {
                let cut = std::mem::replace(k, (rival, poor)).0;
                drop_row(&cut, &k.0.place, dropped, sources);
            }
            Some((k, _)) => drop_row(&rival, &k.0.place, dropped, sources),
        }
    }
    kept.into_iter().map(|(rival, _)| rival).collect()
}

fn drop_row(cut: &Rival, kept: &Provenance, dropped: &mut BTreeSet<RowId>, sources: &mut [SourceRow]) {
    if let Some(source) = sources.iter_mut().find(|s| s.source_id == cut.place.source_id) {
        source.rows = source.rows.saturating_sub(1);
        source.duplicate(&kept.source_id);
    }
    dropped.insert(cut.row);
}
