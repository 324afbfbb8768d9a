//! Bodies that were removed for size: by the API server (`audit.k8s.io/truncated`) or by an export that
//! put a placeholder in their place.

use std::collections::{BTreeMap, BTreeSet};

use super::{Row, levels};
use crate::import::event_rows::EventRows;
use crate::model::finding::Severity;
use crate::model::time::Timestamp;

/// What Azure puts in place of a body.
const PLACEHOLDER: &str = "\"skipped-too-big-size-object\"";

/// What is noted of removed bodies of one resource.
#[derive(Default)]
struct Removed {
    verbs: BTreeSet<String>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    events: i64,
    sources: BTreeSet<String>,
}

/// Removed bodies, noted event by event.
#[derive(Default)]
pub(super) struct RemovedNotes(BTreeMap<(String, bool), Removed>);

impl RemovedNotes {
    /// Notes the event of a row.
    pub(super) fn take(&mut self, rows: &EventRows<'_>, row: usize) {
        if rows.truncated.get(row) != Some(true) {
            return;
        }
        let what = levels::what(
            rows.object_ref_api_group.get(row),
            rows.object_ref_resource.get(row),
            rows.object_ref_subresource.get(row),
        );
        let by_export = [rows.request_object, rows.response_object].iter().any(|b| b.get(row) == Some(PLACEHOLDER));
        let removed = self.0.entry((what, by_export)).or_default();
        removed.verbs.extend(rows.verb.get(row).map(str::to_owned));
        if let Some(at) = rows.received(row) {
            removed.first = Some(removed.first.map_or(at, |first| first.min(at)));
            removed.last = removed.last.max(Some(at.plus_micros(1)));
        }
        removed.events += 1;
        removed.sources.extend(rows.source_id.get(row).map(str::to_owned));
    }

    /// The rows.
    pub(super) fn rows(self) -> Vec<Row> {
        self.0.into_iter().map(|((what, by_export), removed)| row(what, by_export, removed)).collect()
    }
}

fn row(what: String, by_export: bool, removed: Removed) -> Row {
    let details = if by_export {
        "the export put a placeholder in place of bodies that were too big"
    } else {
        "the API server removed bodies for size; events too big even without them leave no trace"
    };
    Row {
        verbs: removed.verbs.into_iter().collect(),
        from: removed.first,
        to: removed.last,
        events: Some(removed.events),
        truncated: Some(removed.events),
        sources: removed.sources.into_iter().collect(),
        details: details.to_owned(),
        ..Row::new("bodies removed", Severity::Low, what)
    }
}
