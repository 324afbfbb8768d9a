//! What a change wrote and removed, in the terms of field sets.
//!
//! Source: `structured-merge-diff/typed/merge.go`, Compare.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fields::{Child, FieldSet, children, is_whole};
use super::schema::Spot;

/// What differs between two states of an object.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// Paths that are new, or whose value is.
    pub(super) written: FieldSet,
    /// Paths that are gone.
    pub(super) removed: FieldSet,
}

impl Difference {
    /// Compares two states.
    pub(super) fn between(old: &Value, new: &Value, spot: Spot, top: bool) -> Self {
        let mut difference = Self::default();
        let (Some(before), Some(after)) = (children(old, spot, top), children(new, spot, top)) else {
            return difference;
        };
        let before: BTreeMap<String, Child<'_>> = before.into_iter().map(|c| (c.step.clone(), c)).collect();
        let after: BTreeMap<String, Child<'_>> = after.into_iter().map(|c| (c.step.clone(), c)).collect();
        for (step, child) in &before {
            if !after.contains_key(step) {
                add_all(&mut difference.removed, child);
            }
        }
        for (step, child) in &after {
            match before.get(step) {
                None => add_all(&mut difference.written, child),
                Some(old) => difference.compare(step, old, child),
            }
        }
        difference
    }

    /// Compares two values at the same step.
    fn compare(&mut self, step: &str, old: &Child<'_>, new: &Child<'_>) {
        if old.value == new.value {
            return;
        }
        if is_whole(old) && is_whole(new) {
            self.written.insert(step);
            return;
        }
        let inner = Self::between(old.value, new.value, new.spot, false);
        self.written.insert_below(step, inner.written);
        self.removed.insert_below(step, inner.removed);
    }
}

/// A child that only one state has: its own path and all below.
fn add_all(set: &mut FieldSet, child: &Child<'_>) {
    set.insert(&child.step);
    set.insert_below(&child.step, all(child.value, child.spot));
}

fn all(value: &Value, spot: Spot) -> FieldSet {
    let mut set = FieldSet::default();
    for child in children(value, spot, false).into_iter().flatten() {
        add_all(&mut set, &child);
    }
    set
}
