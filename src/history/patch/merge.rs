//! JSON merge patch, RFC 7386: objects merge, null removes, everything else replaces.
//!
//! The API server's library goes one step further: objects inside a list of the patch lose their null fields.

use serde_json::{Map, Value};

/// Applies a merge patch. Recursion ends with the patch's depth, which the caller has bounded.
pub(super) fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = without_null_fields(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in fields {
        match (value, target.get_mut(name)) {
            (Value::Null, _) => {
                target.remove(name);
            }
            (value, Some(old)) => apply(old, value),
            (value, None) => {
                let mut new = Value::Null;
                apply(&mut new, value);
                target.insert(name.clone(), new);
            }
        }
    }
}

/// A copy in which no object at any depth has a null field. Nulls that are items of a list stay.
fn without_null_fields(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(without_null_fields).collect()),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, field)| !field.is_null());
            Value::Object(fields.map(|(name, field)| (name.clone(), without_null_fields(field))).collect())
        }
        other => other.clone(),
    }
}
