//! Just enough of JSON merge patch (RFC 7396) and JSON patch (RFC 6902) to verify the patches in a generated log.
//! Lists of roles and bindings are atomic, so a strategic merge patch of them is a merge patch.

use serde_json::{Map, Value};

/// Applies whatever a `patch` event carries. Server-side apply replaces what it names.
pub(crate) fn apply(object: &Value, patch: &Value) -> Result<Value, String> {
    let mut result = object.clone();
    match patch {
        Value::Array(operations) => operations.iter().try_for_each(|o| operate(&mut result, o))?,
        _ => merge(&mut result, patch),
    }
    Ok(result)
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(into) = target else { return };
    for (key, value) in members {
        match value {
            Value::Null => {
                into.remove(key);
            }
            value => merge(into.entry(key.clone()).or_insert(Value::Null), value),
        }
    }
}

fn operate(target: &mut Value, operation: &Value) -> Result<(), String> {
    let wrong = || format!("cannot carry out {operation}");
    let path = operation.get("path").and_then(Value::as_str).ok_or_else(wrong)?;
    let value = operation.get("value").cloned().unwrap_or(Value::Null);
    let (parent, last) = path.rsplit_once('/').ok_or_else(wrong)?;
    let parent = target.pointer_mut(parent).ok_or_else(wrong)?;
    match (operation.get("op").and_then(Value::as_str), parent) {
        (Some("add"), Value::Array(items)) if last == "-" => items.push(value),
        (Some("add" | "replace"), Value::Object(members)) => {
            members.insert(last.to_owned(), value);
        }
        (Some("remove"), Value::Array(items)) => {
            let place = last.parse::<usize>().ok().filter(|p| *p < items.len()).ok_or_else(wrong)?;
            items.remove(place);
        }
        _ => return Err(wrong()),
    }
    Ok(())
}
