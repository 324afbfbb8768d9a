//! What several readings of one patch come to: one object, or several possible ones.

use serde_json::Value;

use super::{PatchError, PatchKind, Patched, ownership};

/// What the readings gave, in their order.
#[derive(Default)]
pub(super) struct Outcomes {
    /// The objects, with the kind of patch that gave each.
    pub(super) found: Vec<(PatchKind, Value)>,
    /// Why the likeliest of the refused readings was refused.
    pub(super) first_error: Option<PatchError>,
}

impl Outcomes {
    /// The first outcome, with those that differ from it. Ownership on which equal objects disagree is not known.
    pub(super) fn settle(self, finish: impl Fn(&mut Value)) -> Result<Patched, PatchError> {
        let bare = |object: &Value| {
            let mut bare = object.clone();
            ownership::write(&mut bare, None);
            bare
        };
        let mut distinct: Vec<(PatchKind, Value, Value)> = Vec::new();
        for (kind, mut object) in self.found {
            finish(&mut object);
            let without = bare(&object);
            match distinct.iter_mut().find(|(_, _, known)| *known == without) {
                Some((_, known, _)) if *known != object => ownership::write(known, None),
                Some(_) => {}
                None => distinct.push((kind, object, without)),
            }
        }
        let mut distinct = distinct.into_iter().map(|(kind, object, _)| (kind, object));
        let Some((patch_kind, object)) = distinct.next() else {
            return Err(self.first_error.unwrap_or(PatchError::NoPatch));
        };
        let alternatives: Vec<(PatchKind, Value)> = distinct.collect();
        Ok(Patched { object, patch_kind, certain: alternatives.is_empty(), alternatives })
    }
}
