//! One observed or derived state of an object, with the stretch in which it held.

use std::sync::Arc;

use crate::model::basis::Basis;
use crate::model::finding::Finding;
use crate::model::object::{ObjectKey, Provenance};
use crate::model::time::Interval;

use super::state::KnownSet;

/// Whether the object was there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It existed; this is its whole JSON.
    Present(Arc<str>),
    /// Only some of it is known.
    Partial {
        /// Whether it surely existed; otherwise: if it existed, then so.
        existed: bool,
        /// The known parts as a JSON object of the kind. A top-level field that is missing here is not
        /// known; a known empty list is written out.
        known: Arc<str>,
        /// What cannot be told, naming the event or gap.
        reason: Arc<str>,
    },
    /// It may have existed, in a state the evidence cannot tell. The reason names the event or gap.
    Unknown(Arc<str>),
}

/// One version of one object. Versions of one object do not overlap; a stretch without a version is
/// absence where the set of its kind is known, and silence of the evidence elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    /// Which object.
    pub key: ObjectKey,
    /// `metadata.uid`, where known: a new uid under one name is another object.
    pub uid: Option<String>,
    /// `metadata.resourceVersion` of this state.
    pub resource_version: Option<String>,
    /// When it held.
    pub held: Interval,
    /// How it is known.
    pub basis: Basis,
    /// What is known.
    pub presence: Presence,
    /// What began this version: `create`, `update`, `patch`, `snapshot`, ... as known.
    pub began_with: String,
    /// Who made the change that began it; `None` when only a snapshot shows it.
    pub actor: Option<String>,
    /// The audit ID of that change.
    pub audit_id: Option<String>,
    /// Who ended it, and with which request; `None` while it lasts or when unseen.
    pub ended_by: Option<(String, String)>,
    /// The record the state was read from.
    pub from: Provenance,
}

/// What rebuilding gives.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// All versions, sorted by key, then time.
    pub versions: Vec<ObjectVersion>,
    /// Where the set of RBAC objects is known.
    pub known_sets: Vec<KnownSet>,
    /// Contradictions and gaps.
    pub findings: Vec<Finding>,
}
