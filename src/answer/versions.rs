//! Object versions as questions about time read them: loaded from the table, neighbours that are one state made one,
//! and each state told as the step that began it.

use std::cmp::Ordering;

use polars::prelude::*;

use crate::case::frame::Frame;
use crate::case::{Case, CaseError};
use crate::model::basis::Basis;
use crate::model::time::{Interval, Timestamp};
use crate::tables::object_versions;

use super::changes;

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

/// What began a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Began {
    /// The object was created.
    Created,
    /// Another object was created under the name.
    Recreated,
    /// The object was changed.
    Changed,
    /// The evidence speaks of it for the first time.
    FirstSeen,
    /// It is known again after a stretch of not knowing, or of silence.
    KnownAgain,
    /// From here on its state cannot be told, or not whole.
    Unknown,
}

impl Began {
    /// The word used in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Recreated => "created again",
            Self::Changed => "changed",
            Self::FirstSeen => "first seen",
            Self::KnownAgain => "known again",
            Self::Unknown => "cannot be told",
        }
    }
}

/// What ended a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It lasts.
    Not,
    /// Another state of the name follows.
    Replaced,
    /// The object was deleted.
    Deleted,
    /// Later evidence does not show it; who removed it is not known.
    Gone,
}

impl Ended {
    /// The word used in answers; `None` while it lasts.
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Not => None,
            Self::Replaced => Some("changed"),
            Self::Deleted => Some("deleted"),
            Self::Gone => Some("gone"),
        }
    }
}

/// A state with what began it, what is new in it, and what ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The state.
    pub version: Version,
    /// What began it.
    pub began: Began,
    /// What is new, in words.
    pub details: Vec<String>,
    /// What ended it.
    pub ended: Ended,
}

/// The versions that a filter selects, in the order of the table, neighbours that are one state made one.
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
    Ok(states(versions.collect()))
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

/// Tells each state as a step from the one before it. The versions must be sorted as [`load`] gives them, and whole: a
/// state whose predecessor was filtered away looks like the first.
pub fn steps(versions: Vec<Version>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::with_capacity(versions.len());
    let mut versions = versions.into_iter().peekable();
    while let Some(version) = versions.next() {
        let before = steps.last().map(|s| &s.version).filter(|b| b.same_name(&version));
        let ended = match versions.peek().filter(|next| next.same_name(&version)) {
            _ if version.held.to == Timestamp::MAX => Ended::Not,
            Some(next) if next.held.from == version.held.to && !is_another(&version, next) => Ended::Replaced,
            _ if version.ended_by.is_some() => Ended::Deleted,
            _ => Ended::Gone,
        };
        let began = began(before, &version);
        let details = details(before, &version, began);
        steps.push(Step { version, began, details, ended });
    }
    steps
}

/// Whether two states of one name are surely of two objects.
fn is_another(a: &Version, b: &Version) -> bool {
    b.began_with == "create" || matches!((&a.uid, &b.uid), (Some(a), Some(b)) if a != b)
}

fn began(before: Option<&Version>, now: &Version) -> Began {
    if now.presence == Presence::Unknown || now.presence == Presence::Maybe {
        return Began::Unknown;
    }
    let created = now.began_with == "create";
    match before {
        None if created => Began::Created,
        None => Began::FirstSeen,
        Some(before) if is_another(before, now) => Began::Recreated,
        Some(before) if before.held.to == now.held.from && before.is_known() => Began::Changed,
        Some(_) => Began::KnownAgain,
    }
}

fn details(before: Option<&Version>, now: &Version, began: Began) -> Vec<String> {
    let mut told = Vec::new();
    match (began, before.and_then(|b| b.body.as_deref()), now.body.as_deref()) {
        (Began::Created | Began::Recreated | Began::FirstSeen, _, Some(body))
        | (Began::KnownAgain, None, Some(body)) => {
            told = changes::of_new(&now.group, &now.kind, body);
        }
        (Began::Changed | Began::KnownAgain, Some(old), Some(body)) => {
            let whole = before.is_some_and(Version::is_known) && now.is_known();
            told = changes::between(&now.group, &now.kind, old, body, whole);
        }
        _ => {}
    }
    told.extend(now.reason.clone());
    told
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    fn version(from: i64, to: i64, uid: &str, revision: &str, with: &str) -> Version {
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

    #[test]
    fn each_state_is_told_as_a_step() {
        let mut deleted = version(0, 10, "u", "1", "create");
        deleted.ended_by = Some("ann".into());
        let (again, changed) = (version(20, 30, "v", "5", "create"), version(30, -1, "v", "6", "patch"));
        let told = steps(vec![deleted, again, changed]);
        let words: Vec<_> = told.iter().map(|s| (s.began.as_str(), s.ended.as_str())).collect();
        assert_eq!(words, [("created", Some("deleted")), ("created again", Some("changed")), ("changed", None)]);
        assert_eq!(told[2].details, ["spec changed from 5 to 6"]);
    }

    #[test]
    fn a_name_that_changes_hands_without_a_pause_is_another_object() {
        let told = steps(vec![version(0, 10, "u", "1", "create"), version(10, -1, "v", "2", "snapshot")]);
        assert_eq!((told[0].ended, told[1].began), (Ended::Gone, Began::Recreated));
    }
}
