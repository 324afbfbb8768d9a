//! Gathers what history is rebuilt from out of the tables of a case: sightings and listings of
//! snapshots. The requests in `events` that may have changed objects are in the notes ([`super::notes`]).
//!
//! It reads tables, not files: evidence of earlier imports counts the same as that of this one.

use std::collections::BTreeMap;
use std::sync::Arc;

use polars::prelude::*;

use super::ImportError;
use super::coverage::KindsSeen;
use super::notes::Notes;
use crate::case::CaseError;
use crate::case::frame::Frame;
use crate::history::evidence::{Evidence, Listing, Sighting};
use crate::history::{Beyond, is_core_object};
use crate::model::object::{ObjectKey, ObservedAt, Provenance};
use crate::model::rbac::{RBAC_GROUP, RbacKind};

/// Where each row was read.
pub(super) struct Places<'f> {
    source: &'f StringChunked,
    offset: &'f Int64Chunked,
    line: &'f Int64Chunked,
    length: &'f Int64Chunked,
}

impl<'f> Places<'f> {
    /// The columns of `frame`.
    pub(super) fn of(frame: &'f Frame) -> Result<Self, CaseError> {
        Ok(Self {
            source: frame.text("source_id")?,
            offset: frame.int("offset")?,
            line: frame.int("line")?,
            length: frame.int("length")?,
        })
    }

    /// Where a row was read.
    pub(super) fn get(&self, row: usize) -> Provenance {
        let number = |c: &Int64Chunked| c.get(row).and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        Provenance {
            source_id: self.source.get(row).unwrap_or_default().to_owned(),
            offset: number(self.offset),
            line: number(self.line),
            length: number(self.length),
        }
    }
}

/// The objects that snapshots show.
///
/// # Errors
/// When the table cannot be read.
pub fn sightings(table: LazyFrame) -> Result<Vec<Sighting>, CaseError> {
    let frame = Frame::collect(table, "object_sightings")?;
    let (group, kind, namespace, name) =
        (frame.text("api_group")?, frame.text("kind")?, frame.text("namespace")?, frame.text("name")?);
    let (uid, version, body) = (frame.text("uid")?, frame.text("resource_version")?, frame.text("body")?);
    let (from, to) = (frame.time("observed_from")?, frame.time("observed_to")?);
    let places = Places::of(&frame)?;
    let owned = |c: &StringChunked, row: usize| c.get(row).unwrap_or_default().to_owned();
    Ok((0..frame.height())
        .filter_map(|row| {
            Some(Sighting {
                key: ObjectKey {
                    group: owned(group, row),
                    kind: owned(kind, row),
                    namespace: owned(namespace, row),
                    name: owned(name, row),
                },
                uid: uid.get(row).map(str::to_owned),
                resource_version: version.get(row).map(str::to_owned),
                observed: ObservedAt { from: from.get(row)?, to: to.get(row)? },
                body: Arc::from(body.get(row)?),
                from: places.get(row),
            })
        })
        .collect())
}

/// The lists that snapshots hold.
///
/// # Errors
/// When the table cannot be read.
pub fn listings(table: LazyFrame) -> Result<Vec<Listing>, CaseError> {
    let frame = Frame::collect(table, "listings")?;
    let (group, kind, namespace) = (frame.text("api_group")?, frame.text("kind")?, frame.text("namespace")?);
    let (from, to) = (frame.time("observed_from")?, frame.time("observed_to")?);
    let (whole, supposed, source) = (frame.flag("whole")?, frame.flag("supposed")?, frame.text("source_id")?);
    Ok((0..frame.height())
        .filter_map(|row| {
            Some(Listing {
                group: group.get(row)?.to_owned(),
                kind: kind.get(row)?.to_owned(),
                namespace: namespace.get(row).map(str::to_owned),
                observed: ObservedAt { from: from.get(row)?, to: to.get(row)? },
                whole: whole.get(row)?,
                supposed: supposed.get(row)?,
                from: Provenance { source_id: source.get(row)?.to_owned(), line: 1, ..Default::default() },
            })
        })
        .collect())
}

/// Sightings, as far as they are not put aside.
#[derive(Default)]
pub struct Seen {
    /// RBAC objects and namespaces.
    pub core: Vec<Sighting>,
    /// What all of them show.
    pub kinds: KindsSeen,
}

/// Reads the files of `object_sightings`; what does not belong to the core goes aside.
///
/// # Errors
/// When a file cannot be read, or nothing can be put aside.
pub fn take_sightings(parts: Vec<LazyFrame>, notes: &mut Notes) -> Result<Seen, ImportError> {
    let mut seen = Seen::default();
    for part in parts {
        for sighting in sightings(part)? {
            notes.beyond.sighting(&sighting);
            let key = &sighting.key;
            let kinds = seen.kinds.entry(sighting.observed).or_default();
            if !kinds.iter().any(|(group, kind)| *group == key.group && *kind == key.kind) {
                kinds.insert((key.group.clone(), key.kind.clone()));
            }
            if is_core_object(key) {
                seen.core.push(sighting);
            } else {
                notes.aside.sighting(&sighting).map_err(ImportError::aside)?;
            }
        }
    }
    Ok(seen)
}

/// The label of the objects that every API server makes at its first start.
const BOOTSTRAP_LABEL: &str = "\"kubernetes.io/bootstrapping\":";

/// Every API server makes more than a hundred such objects. A few of them alone are a hand-picked file.
const FEWEST_AT_START: usize = 12;

/// Decides which lists of RBAC kinds may be taken for whole.
///
/// An export does not say what was asked for: one namespace, a label, some names. But a real cluster
/// always has the objects its API server makes at start, two of each kind outside `default`. So where
/// the evidence shows such a cluster, a list of a kind is whole only if it holds some of these; and
/// where it does not (hand-made objects), everything seen at one time is supposed to be all there is.
pub fn judge_listings(evidence: &mut Evidence, beyond: &Beyond) {
    let rbac = |group: &str, kind: &str| (group == RBAC_GROUP).then(|| RbacKind::from_kind(kind)).flatten();
    let mut bootstrap: BTreeMap<(ObservedAt, RbacKind), bool> = BTreeMap::new();
    let mut made: std::collections::BTreeSet<&ObjectKey> = Default::default();
    for s in &evidence.sightings {
        let Some(kind) = rbac(&s.key.group, &s.key.kind) else { continue };
        let made_at_start = s.body.contains(BOOTSTRAP_LABEL) || s.body.contains("\"kubernetes.io/bootstrapping\" :");
        *bootstrap.entry((s.observed, kind)).or_default() |= made_at_start;
        if made_at_start {
            made.insert(&s.key);
        }
    }
    let real = made.len() >= FEWEST_AT_START
        || evidence.named_elsewhere.iter().any(|k| k.name.starts_with("system:"))
        || beyond.made_at_start();
    if real {
        for listing in &mut evidence.listings {
            let Some(kind) = rbac(&listing.group, &listing.kind) else { continue };
            let proven = bootstrap.get(&(listing.observed, kind)).copied().unwrap_or(false);
            if !proven && listing.namespace.is_none() {
                listing.whole = false;
            }
        }
        return;
    }
    let observations: std::collections::BTreeSet<ObservedAt> = bootstrap.keys().map(|(at, _)| *at).collect();
    evidence.listings.retain(|l| rbac(&l.group, &l.kind).is_none());
    for observed in observations {
        let first =
            evidence.sightings.iter().find(|s| s.observed == observed).map(|s| s.from.clone()).unwrap_or_default();
        evidence.listings.extend(RbacKind::ALL.map(|kind| Listing {
            group: RBAC_GROUP.to_owned(),
            kind: kind.as_str().to_owned(),
            namespace: None,
            observed,
            whole: true,
            supposed: true,
            from: first.clone(),
        }));
    }
}
