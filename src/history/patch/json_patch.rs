//! JSON Patch, RFC 6902, in the API server's dialect.
//!
//! The API server's library allows negative array indexes, ignores what stands before a path's first slash,
//! takes only `test` and `replace` on the whole document, and lets `replace` create a missing field. A library that keeps
//! to the RFC would refuse patches that truly succeeded, so this is written out. Hostile patches (copies of
//! copies, long shuffles of long arrays) end at a budget.

use serde_json::Value;

use super::PatchError;
use super::limits::{MAX_OPERATIONS, MAX_OUTPUT_BYTES, MAX_SHIFTS, weight};

/// What one patch may still cost.
struct Budget {
    /// Bytes that copies may still add.
    bytes: usize,
    /// Array items that inserting and removing may still move.
    shifts: usize,
}

/// Applies the operations in order.
///
/// # Errors
/// [`PatchError::Operation`] names the first operation that does not apply; the target is then half changed.
pub(super) fn apply(target: &mut Value, operations: &[Value]) -> Result<(), PatchError> {
    if operations.len() > MAX_OPERATIONS {
        return Err(PatchError::TooMuch("more operations than the API server takes"));
    }
    let mut budget = Budget { bytes: MAX_OUTPUT_BYTES, shifts: MAX_SHIFTS };
    for (index, operation) in operations.iter().enumerate() {
        run(target, operation, &mut budget).map_err(|why| match why {
            Why::Over => PatchError::TooMuch("JSON patch grows or moves more than any object may hold"),
            Why::Not(why) => PatchError::Operation { index, why },
        })?;
    }
    Ok(())
}

/// Why an operation does not apply.
enum Why {
    Not(&'static str),
    Over,
}

const NO_PLACE: Why = Why::Not("its path leads nowhere in the known state");

fn run(target: &mut Value, operation: &Value, budget: &mut Budget) -> Result<(), Why> {
    let text = |field: &str| operation.get(field).and_then(Value::as_str);
    let path = text("path").ok_or(Why::Not("it has no `path`"))?;
    let value = || operation.get("value").cloned().unwrap_or(Value::Null);
    let from = || text("from").ok_or(Why::Not("it has no `from`"));
    match text("op") {
        Some("add") => add(target, path, value(), budget),
        Some("remove") => remove(target, path, budget).map(|_| ()),
        Some("replace") => replace(target, path, value()),
        Some("move") => {
            let moved = remove(target, from()?, budget)?;
            add(target, path, moved, budget)
        }
        Some("copy") => {
            let copied = get(target, from()?)?.cloned().unwrap_or(Value::Null);
            budget.bytes = budget.bytes.checked_sub(weight(&copied)).ok_or(Why::Over)?;
            add(target, path, copied, budget)
        }
        Some("test") => {
            let found = if path.is_empty() { &*target } else { get(target, path)?.unwrap_or(&Value::Null) };
            if operation.get("value") == Some(found) {
                Ok(())
            } else {
                Err(Why::Not("its test fails on the known state"))
            }
        }
        _ => Err(Why::Not("its `op` is none of add, remove, replace, move, copy, test")),
    }
}

/// Undoes the escapes of a path segment.
fn decoded(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// Splits a path into its parents and its last segment. What stands before the first slash is ignored.
fn parents(path: &str) -> Result<(impl Iterator<Item = String>, String), Why> {
    let (_, path) = path.split_once('/').ok_or(Why::Not("its path names the whole document"))?;
    let (parents, last) = path.rsplit_once('/').map_or((None, path), |(parents, last)| (Some(parents), last));
    Ok((parents.into_iter().flat_map(|p| p.split('/')).map(decoded), decoded(last)))
}

fn container<'v>(target: &'v mut Value, path: &str) -> Result<(&'v mut Value, String), Why> {
    let (parents, last) = parents(path)?;
    let mut at = target;
    for segment in parents {
        at = match at {
            Value::Object(fields) => fields.get_mut(&segment),
            Value::Array(items) => index(&segment, items.len()).and_then(|i| items.get_mut(i)),
            _ => None,
        }
        .ok_or(NO_PLACE)?;
    }
    if at.is_object() || at.is_array() { Ok((at, last)) } else { Err(NO_PLACE) }
}

/// The index of an existing item. Negative ones count from the end.
fn index(segment: &str, length: usize) -> Option<usize> {
    let number: i64 = segment.parse().ok()?;
    let length = i64::try_from(length).ok()?;
    let place = if number < 0 { number.checked_add(length)? } else { number };
    usize::try_from(place).ok().filter(|_| place < length)
}

fn get<'v>(target: &'v mut Value, path: &str) -> Result<Option<&'v Value>, Why> {
    let (container, last) = container(target, path)?;
    match container {
        Value::Object(fields) => Ok(fields.get(&last)),
        Value::Array(items) => index(&last, items.len()).and_then(|i| items.get(i)).map(Some).ok_or(NO_PLACE),
        _ => Err(NO_PLACE),
    }
}

fn add(target: &mut Value, path: &str, value: Value, budget: &mut Budget) -> Result<(), Why> {
    let (container, last) = container(target, path)?;
    match container {
        Value::Object(fields) => {
            fields.insert(last, value);
        }
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            let place = index(&last, items.len().saturating_add(1)).ok_or(NO_PLACE)?;
            charge(budget, items.len().saturating_sub(place))?;
            items.insert(place, value);
        }
        _ => return Err(NO_PLACE),
    }
    Ok(())
}

fn remove(target: &mut Value, path: &str, budget: &mut Budget) -> Result<Value, Why> {
    let (container, last) = container(target, path)?;
    match container {
        Value::Object(fields) => fields.remove(&last).ok_or(NO_PLACE),
        Value::Array(items) => {
            let place = index(&last, items.len()).ok_or(NO_PLACE)?;
            charge(budget, items.len().saturating_sub(place))?;
            Ok(items.remove(place))
        }
        _ => Err(NO_PLACE),
    }
}

fn replace(target: &mut Value, path: &str, value: Value) -> Result<(), Why> {
    if path.is_empty() {
        // of the whole document, anything but an object or a list is passed over in silence
        if value.is_object() || value.is_array() {
            *target = value;
        }
        return Ok(());
    }
    let (container, last) = container(target, path)?;
    match container {
        Value::Object(fields) => {
            fields.insert(last, value);
        }
        Value::Array(items) => {
            let place = index(&last, items.len()).ok_or(NO_PLACE)?;
            *items.get_mut(place).ok_or(NO_PLACE)? = value;
        }
        _ => return Err(NO_PLACE),
    }
    Ok(())
}

fn charge(budget: &mut Budget, shifts: usize) -> Result<(), Why> {
    budget.shifts = budget.shifts.checked_sub(shifts).ok_or(Why::Over)?;
    Ok(())
}
