//! Object versions as questions about time read them: loaded from the table, neighbours that are one state made one.

use std::cmp::Ordering;

use polars::prelude::*;

use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::model::basis::Basis;
use crate::model::time::{Interval, Timestamp};
use crate::tables::object_versions;

/// How much of a version is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It existed, with this body.
    Present,
    /// It existed; the body holds what is known of it.
    Partial,
    /// If it existed, then with what the body holds.
    Maybe,
    /// It may have existed, in a state that cannot be told.
    Unknown,
}

impl Presence {
    const ALL: [Self; 4] = [Self::Present, Self::Partial, Self::Maybe, Self::Unknown];

    /// The word used in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Partial => "partial",
            Self::Maybe => "maybe",
            Self::Unknown => "unknown",
        }
    }

    fn from_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|p| p.as_str() == word).unwrap_or(Self::Unknown)
    }
}

/// One row of `object_versions`, or several that are one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// API group, `""` is core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace, `""` for none.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `metadata.uid`.
    pub uid: Option<String>,
    /// `metadata.resourceVersion`.
    pub resource_version: Option<String>,
    /// When it held.
    pub held: Interval,
    /// How much is known.
    pub presence: Presence,
    /// What cannot be told.
    pub reason: Option<String>,
    /// What began it: a verb, or `snapshot`.
    pub began_with: String,
    /// Who began it.
    pub actor: Option<String>,
    /// The audit ID of that request.
    pub audit_id: Option<String>,
    /// Who ended it.
    pub ended_by: Option<String>,
    /// The audit ID of that request.
    pub ended_by_audit_id: Option<String>,
    /// The object, JSON.
    pub body: Option<String>,
    /// Where its state was read, as `show` takes it.
    pub place: String,
    /// The stretches it is made of, each with how it is known.
    pub pieces: Vec<(Interval, Basis)>,
}

impl Version {
    /// How well it is known within a stretch, as the weakest of its pieces there; where none lies there, of all.
    pub fn basis(&self, within: Interval) -> Basis {
        let inside = self.pieces.iter().filter(|(held, _)| held.overlaps(within)).map(|(_, basis)| *basis).max();
        inside.or_else(|| self.pieces.iter().map(|(_, basis)| *basis).max()).unwrap_or(Basis::Unknown)
    }

    fn key(&self) -> (&str, &str, &str, &str) {
        (&self.group, &self.kind, &self.namespace, &self.name)
    }

    /// Whether both are versions of objects of one name.
    pub fn same_name(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    /// `Kind namespace/name`.
    pub fn object(&self) -> String {
        if self.namespace.is_empty() {
            format!("{} {}", self.kind, self.name)
        } else {
            format!("{} {}/{}", self.kind, self.namespace, self.name)
        }
    }

    /// Whether the body holds the whole object, for sure.
    pub fn is_known(&self) -> bool {
        self.presence == Presence::Present
    }
}

/// The versions that a filter selects, by object and time, neighbours that are one state made one.
///
/// # Errors
/// When the table cannot be read.
pub fn load(case: &Case, cluster: &str, filter: Expr) -> Result<Vec<Version>, CaseError> {
    read(case.table(&object_versions::TABLE, Some(cluster))?.filter(filter))
}

/// The versions that rows of the table give, as [`load`] does; bodies may have been left out.
///
/// # Errors
/// When the table cannot be read.
pub fn read(rows: LazyFrame) -> Result<Vec<Version>, CaseError> {
    let frame = Frame::collect(rows, "object_versions")?;
    let text = |name: &str| frame.text(name);
    let (group, kind, namespace, name) = (text("api_group")?, text("kind")?, text("namespace")?, text("name")?);
    let (uid, revision, presence, reason) =
        (text("uid")?, text("resource_version")?, text("presence")?, text("unknown_reason")?);
    let (with, actor, id) = (text("began_with")?, text("actor")?, text("audit_id")?);
    let (ender, ender_id, body, basis) = (text("ended_by")?, text("ended_by_audit_id")?, text("body")?, text("basis")?);
    let (from, to) = (frame.time("valid_from")?, frame.time("valid_to")?);
    let (source, line) = (text("source_id")?, frame.int("line")?);
    let owned = |c: &StringChunked, row: usize| c.get(row).unwrap_or_default().to_owned();
    let maybe = |c: &StringChunked, row: usize| c.get(row).filter(|t| !t.is_empty()).map(str::to_owned);
    let versions = (0..frame.height()).map(|row| {
        let held = Interval::new(from.get(row).unwrap_or(Timestamp::MIN), to.get(row).unwrap_or(Timestamp::MAX));
        Version {
            group: owned(group, row),
            kind: owned(kind, row),
            namespace: owned(namespace, row),
            name: owned(name, row),
            uid: maybe(uid, row),
            resource_version: maybe(revision, row),
            held,
            presence: Presence::from_word(presence.get(row).unwrap_or_default()),
            reason: maybe(reason, row),
            began_with: owned(with, row),
            actor: maybe(actor, row),
            audit_id: maybe(id, row),
            ended_by: maybe(ender, row),
            ended_by_audit_id: maybe(ender_id, row),
            body: maybe(body, row),
            place: format!("{}:{}", source.get(row).unwrap_or_default(), line.get(row).unwrap_or_default()),
            pieces: vec![(held, basis.get(row).and_then(Basis::from_word).unwrap_or(Basis::Unknown))],
        }
    });
    let mut versions: Vec<Version> = versions.collect();
    // In the table, objects are sorted within shares only.
    versions.sort_by(|a, b| (a.key(), a.held).cmp(&(b.key(), b.held)));
    Ok(states(versions))
}

/// Makes one of neighbours that are one state known in different ways.
fn states(mut versions: Vec<Version>) -> Vec<Version> {
    versions.sort_by(order);
    let mut joined: Vec<Version> = Vec::with_capacity(versions.len());
    for version in versions {
        match joined.last_mut() {
            Some(last) if is_one_state(last, &version) => {
                last.held.to = version.held.to;
                last.ended_by = version.ended_by;
                last.ended_by_audit_id = version.ended_by_audit_id;
                last.pieces.extend(version.pieces);
            }
            _ => joined.push(version),
        }
    }
    joined
}

fn order(a: &Version, b: &Version) -> Ordering {
    a.key().cmp(&b.key()).then(a.held.cmp(&b.held))
}

fn is_one_state(a: &Version, b: &Version) -> bool {
    let touching = a.held.to == b.held.from && a.same_name(b) && a.uid == b.uid;
    let known_alike = a.presence == b.presence && a.reason == b.reason;
    let same_version = a.uid.is_some() && a.resource_version.is_some() && a.resource_version == b.resource_version;
    let begun_anew = b.audit_id.is_some() && b.audit_id != a.audit_id;
    let same_body = a.body == b.body && (a.body.is_some() || a.presence == Presence::Unknown);
    touching && known_alike && !begun_anew && (same_version || same_body)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
pub(super) mod tests {
    use super::*;

    pub(in crate::answer) fn version(from: i64, to: i64, uid: &str, revision: &str, with: &str) -> Version {
        let end = |t: i64| if t < 0 { Timestamp::MAX } else { Timestamp::from_micros(t) };
        let held = Interval::new(Timestamp::from_micros(from), end(to));
        Version {
            group: "g".into(),
            kind: "K".into(),
            namespace: String::new(),
            name: "n".into(),
            uid: Some(uid.into()),
            resource_version: Some(revision.into()),
            held,
            presence: Presence::Present,
            reason: None,
            began_with: with.into(),
            actor: None,
            audit_id: None,
            ended_by: None,
            ended_by_audit_id: None,
            body: Some(format!(r#"{{"spec": "{revision}"}}"#)),
            place: "s1:1".into(),
            pieces: vec![(held, Basis::Observed)],
        }
    }

    #[test]
    fn the_end_of_the_log_is_no_change() {
        let mut after = version(10, -1, "u", "1", "snapshot");
        after.pieces[0].1 = Basis::Assumed;
        let states = states(vec![after, version(0, 10, "u", "1", "create")]);
        assert_eq!(states.len(), 1);
        assert_eq!((states[0].held.from.as_micros(), states[0].held.to), (0, Timestamp::MAX));
        let within = |to| states[0].basis(Interval::new(Timestamp::from_micros(0), Timestamp::from_micros(to)));
        assert_eq!((within(10), within(11)), (Basis::Observed, Basis::Assumed));
    }
}
