//! How much a patch may cost. Values come from files and may be deeper than any parser would make them, so
//! measuring walks without recursion.

use serde_json::Value;

use super::PatchError;

/// Deepest nesting worked on; the API server itself stops at 10 000 levels, real objects at about 30.
pub(super) const MAX_DEPTH: usize = 512;
/// Largest growth by copies, and largest result, in bytes of JSON. The API server stores 1.5 MiB at most.
pub(super) const MAX_OUTPUT_BYTES: usize = 8 * 1024 * 1024;
/// Operations of a JSON patch: the API server's own limit.
pub(super) const MAX_OPERATIONS: usize = 10_000;
/// Array items moved by a JSON patch.
pub(super) const MAX_SHIFTS: usize = 64 * 1024 * 1024;

/// Refuses a value that is deeper or larger than any real object. `what` names it in the message.
pub(super) fn check(value: &Value, what: &'static str) -> Result<(), PatchError> {
    let mut open: Vec<(&Value, usize)> = vec![(value, 1)];
    let mut bytes = 0_usize;
    while let Some((value, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(PatchError::TooDeep { what, limit: MAX_DEPTH });
        }
        bytes = bytes.saturating_add(own_weight(value));
        if bytes > MAX_OUTPUT_BYTES {
            return Err(PatchError::TooMuch("an object is larger than 8 MiB"));
        }
        let below = depth.saturating_add(1);
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, below))),
            Value::Object(fields) => open.extend(fields.values().map(|field| (field, below))),
            _ => {}
        }
    }
    Ok(())
}

/// About how many bytes of JSON a value is.
pub(super) fn weight(value: &Value) -> usize {
    let mut open = vec![value];
    let mut bytes = 0_usize;
    while let Some(value) = open.pop() {
        bytes = bytes.saturating_add(own_weight(value));
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
    }
    bytes
}

/// A value without what is inside it: quotes, brackets, separators and an object's keys counted.
fn own_weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len().saturating_add(3),
        Value::Object(fields) => fields.keys().fold(2, |sum, key| sum.saturating_add(key.len()).saturating_add(4)),
        Value::Array(items) => items.len().saturating_add(2),
        _ => 5,
    }
}
