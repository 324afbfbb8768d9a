//! The states of an object told as steps: what began each, what is new in it, and what ended it.

use crate::model::time::Timestamp;

use super::changes;
use super::versions::{Presence, Version};

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
    use super::super::versions::tests::version;
    use super::*;

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
