//! Everything the evidence says of one name, as points on a line of time.

use std::sync::Arc;

use crate::model::finding::{Finding, Severity};
use crate::model::object::{ObjectKey, Provenance};
use crate::model::time::Timestamp;

use super::act::Act;
use super::cover::Cover;
use super::know::{Before, Here, Origin, State};

/// What stands at a point.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// A request that concerns this name.
    Act(Box<Act>),
    /// The object was seen.
    Seen(Arc<State>),
    /// A whole list did not hold it.
    Unseen(Provenance),
    /// A deletion of many had it in its reach.
    Swept { before: Before, after: Here, origin: Arc<Origin> },
}

/// A point: something known of an instant between `lo` and `hi`. A change has taken effect at `lo == hi`.
#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) lo: Timestamp,
    pub(super) hi: Timestamp,
    pub(super) mark: Mark,
}

/// One name and its points, in order.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) key: ObjectKey,
    pub(super) points: Vec<Point>,
    /// What is known right after each point; as long as `points` once folded.
    pub(super) after: Vec<Here>,
    /// Whether every change has a place given by identity and resourceVersion, so that clocks do not matter.
    pub(super) exact: bool,
}

impl Point {
    pub(super) fn act(act: Act) -> Self {
        Self { lo: act.when, hi: act.when, mark: Mark::Act(Box::new(act)) }
    }

    /// What this says of the instant before it.
    pub(super) fn before(&self) -> Before {
        match &self.mark {
            Mark::Act(act) => act.before(),
            Mark::Seen(state) => Before::Seen(Arc::clone(state)),
            Mark::Unseen(_) => Before::Absent,
            Mark::Swept { before, .. } => before.clone(),
        }
    }

    /// Whether nothing can have happened unseen while it was read: it took no time, or the log covers that time.
    pub(super) fn is_firm(&self, cover: &Cover) -> bool {
        match self.mark {
            Mark::Seen(_) | Mark::Unseen(_) => self.lo >= self.hi || cover.full(self.lo, self.hi),
            Mark::Act(_) | Mark::Swept { .. } => true,
        }
    }

    /// The change that stands here.
    pub(super) fn origin(&self) -> Option<&Arc<Origin>> {
        match &self.mark {
            Mark::Act(act) => Some(&act.origin),
            Mark::Swept { origin, .. } => Some(origin),
            Mark::Seen(_) | Mark::Unseen(_) => None,
        }
    }

    /// The record that says it.
    pub(super) fn from(&self) -> &Provenance {
        match &self.mark {
            Mark::Act(act) => &act.origin.from,
            Mark::Swept { origin, .. } => &origin.from,
            Mark::Seen(state) => &state.origin.from,
            Mark::Unseen(from) => from,
        }
    }
}

/// A finding with its two witnesses.
pub(super) fn contradiction(
    severity: Severity,
    code: &'static str,
    message: String,
    at: Timestamp,
    witnesses: [&Provenance; 2],
) -> Finding {
    Finding { severity, code, message, at: Some(at), witnesses: witnesses.into_iter().cloned().collect() }
}
