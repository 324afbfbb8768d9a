//! Kubernetes' strategic merge patch: lists known to merge by key do, and directives (`$patch`,
//! `$retainKeys`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`) delete, replace and order.
//!
//! Source: `apimachinery/pkg/util/strategicpatch/patch.go` and Kubernetes' "Strategic Merge Patch" document.
//! Items are found through maps of their keys, so a long list does not cost its square.

use serde_json::{Map, Value};

use super::order::{self, kind_of_items};
use super::schema::{ListMerge, Shape, Spot};

const DIRECTIVE: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder";
const DELETE_SCALARS: &str = "$deleteFromPrimitiveList";

/// Why the API server would refuse the patch.
pub(super) type Refused = &'static str;

type Fields = Map<String, Value>;
type List = Option<Vec<Value>>;

/// Applies a strategic merge patch to a whole object.
pub(super) fn apply(target: &mut Value, patch: &Value, root: Spot) -> Result<(), Refused> {
    let (Value::Object(original), Value::Object(patch)) = (target, patch) else {
        return Err("a strategic merge patch is an object");
    };
    merge_object(original, patch.clone(), root, true)
}

/// Merges `patch` into `original`, which is at `spot`.
fn merge_object(original: &mut Fields, mut patch: Fields, spot: Spot, top: bool) -> Result<(), Refused> {
    if let Some(directive) = patch.remove(DIRECTIVE) {
        *original = match directive.as_str() {
            Some("replace") => patch,
            Some("delete") => Map::new(),
            _ => return Err("`$patch` of an object is neither replace nor delete"),
        };
        return Ok(());
    }
    retain_keys(original, &mut patch)?;
    ordered_lists(original, &mut patch, spot, top)?;
    for (name, value) in patch {
        let scalars_go = name.starts_with(DELETE_SCALARS);
        let name = if scalars_go { field_of(&name, DELETE_SCALARS)?.to_owned() } else { name };
        if value.is_null() {
            original.remove(&name);
            continue;
        }
        let place = spot.field(&name, top);
        let fresh = match original.get_mut(&name) {
            Some(old) => merge_field(old, value, place, scalars_go)?,
            None => Some(value),
        };
        if let Some(fresh) = fresh.filter(|_| !scalars_go) {
            original.extend(taken(fresh).map(|value| (name, value)));
        }
    }
    Ok(())
}

/// Merges one field; gives the value back when it is of another type, and so stands against nothing.
fn merge_field(old: &mut Value, new: Value, place: Spot, scalars_go: bool) -> Result<Option<Value>, Refused> {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) if place.shape == Shape::ReplacedObject => *old = new,
        (Value::Object(old), Value::Object(new)) => merge_object(old, new, place, false)?,
        (Value::Array(old), Value::Array(new)) => merge_list(old, new, place, scalars_go)?,
        (old, new) if is_scalar(old) && is_scalar(&new) => *old = new,
        (_, new) => return Ok(Some(new)),
    }
    Ok(None)
}

/// `name` of `$directive/name`.
fn field_of<'k>(key: &'k str, prefix: &str) -> Result<&'k str, Refused> {
    key.split_once('/')
        .filter(|(directive, _)| *directive == prefix)
        .map(|(_, name)| name)
        .ok_or("a directive names no field")
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// A value that nothing stands against: nulls mean nothing in it, and what carries `$patch` is left out.
fn taken(value: Value) -> Option<Value> {
    match value {
        Value::Object(fields) => {
            if fields.contains_key(DIRECTIVE) {
                return None;
            }
            let fields = fields.into_iter().filter(|(_, field)| !field.is_null());
            Some(Value::Object(fields.filter_map(|(name, field)| Some((name, taken(field)?))).collect()))
        }
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(taken).collect())),
        other => Some(other),
    }
}

/// `$retainKeys` lists all fields that stay; those of the patch must be among them.
fn retain_keys(original: &mut Fields, patch: &mut Fields) -> Result<(), Refused> {
    let Some(keys) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let Value::Array(keys) = keys else { return Err("`$retainKeys` is no list") };
    let kept = |name: &str| keys.iter().any(|key| key == name);
    let ordinary = |name: &str| !name.starts_with(DELETE_SCALARS) && !name.starts_with(ORDER);
    if patch.iter().any(|(name, value)| !value.is_null() && ordinary(name) && !kept(name)) {
        return Err("`$retainKeys` leaves out a field of its own patch");
    }
    original.retain(|name, _| kept(name));
    Ok(())
}

/// Handles every `$setElementOrder/…` together with the list it speaks of, and takes both off the patch.
fn ordered_lists(original: &mut Fields, patch: &mut Fields, spot: Spot, top: bool) -> Result<(), Refused> {
    let directives: Vec<String> = patch.keys().filter(|key| key.starts_with(ORDER)).cloned().collect();
    for directive in directives {
        let Some(Value::Array(wanted)) = patch.remove(&directive) else { return Err("`$setElementOrder` is no list") };
        let name = field_of(&directive, ORDER)?;
        let list_of = |value: Option<&Value>| match value {
            Some(Value::Array(items)) => Ok(Some(items.clone())),
            Some(_) => Err("`$setElementOrder` speaks of a field that is no list"),
            None => Ok(None),
        };
        let (old, new) = (list_of(original.get(name))?, list_of(patch.get(name))?);
        if let Some(ordered) = ordered_list(old, new, &wanted, spot.field(name, top))? {
            original.insert(name.to_owned(), Value::Array(ordered));
            patch.remove(name);
        }
    }
    Ok(())
}

/// Merges the patch's list, if any, into the old one, if any, and puts the items in the wanted order.
fn ordered_list(old: List, new: List, wanted: &[Value], place: Spot) -> Result<List, Refused> {
    let key = match place.list_merge() {
        ListMerge::ByKey(key) => Some(key),
        _ => None,
    };
    let all = || old.iter().chain(&new).flatten();
    if key.is_none() && wanted.iter().chain(all()).any(Value::is_object) {
        return Err("`$setElementOrder` speaks of a list of objects without a merge key");
    }
    if let Some(new) = &new {
        order::follows(new, wanted, key)?;
    }
    let server = server_order(old.as_deref().unwrap_or_default(), new.as_deref().unwrap_or_default(), key);
    let items = kind_of_items(all());
    let merged = match (old, new) {
        (None, None) => return Ok(None),
        (Some(old), None) => old,
        (None, Some(new)) => new.into_iter().filter_map(taken).collect(),
        (Some(mut old), Some(new)) => {
            merge_list(&mut old, new, place, false)?;
            old
        }
    };
    items?;
    order::arrange(merged, wanted, &server, key).map(Some)
}

/// The server's order that `$setElementOrder` works with: the old list, in which items that the patch adds have
/// moved up to the places that its deletions freed.
fn server_order(old: &[Value], new: &[Value], key: Option<&str>) -> Vec<Value> {
    let directive = |item: &Value, word: &str| item.get(DIRECTIVE).is_some_and(|d| d == word);
    let gone: Vec<Value> = new.iter().filter(|item| directive(item, "delete")).cloned().collect();
    if key.is_none() || gone.is_empty() || new.iter().any(|item| directive(item, "replace")) {
        return old.to_vec();
    }
    let gone = order::Places::new(&gone, key);
    let mut kept: Vec<Value> = old.iter().filter(|item| gone.of(item).is_none()).cloned().collect();
    let places = order::Places::new(&kept, key);
    let added = new.iter().filter(|item| item.get(DIRECTIVE).is_none() && places.of(item).is_none());
    kept.extend(added.take(old.len().saturating_sub(kept.len())).cloned());
    kept
}

/// Merges one list into another, as the field's rule says.
fn merge_list(old: &mut Vec<Value>, new: Vec<Value>, place: Spot, scalars_go: bool) -> Result<(), Refused> {
    let rule = place.list_merge();
    if rule == ListMerge::Replace && !scalars_go {
        *old = new;
        return Ok(());
    }
    if old.is_empty() && new.is_empty() {
        return Ok(());
    }
    let objects = kind_of_items(old.iter().chain(&new))?;
    let key = match rule {
        ListMerge::ByKey(key) => Some(key),
        _ => None,
    };
    if !objects {
        if scalars_go {
            let gone = order::Places::new(&new, None);
            old.retain(|item| gone.of(item).is_none());
            return Ok(());
        }
        let server = std::mem::take(old);
        *old = order::arrange(distinct(server.iter().chain(&new)), &new, &server, key)?;
        return Ok(());
    }
    let key = key.ok_or("a list of objects without a merge key")?;
    let new = special_items(old, new, key)?;
    let server = old.clone();
    merge_items(old, new.clone(), key, place.item())?;
    *old = order::arrange(std::mem::take(old), &new, &server, Some(key))?;
    Ok(())
}

/// Scalars, each once, in the order they first appear.
fn distinct<'v>(items: impl Iterator<Item = &'v Value>) -> Vec<Value> {
    let mut seen = std::collections::HashSet::new();
    items.filter(|item| seen.insert(item.to_string())).cloned().collect()
}

/// Carries out items that delete or replace, and gives the ordinary ones.
fn special_items(old: &mut Vec<Value>, new: Vec<Value>, key: &str) -> Result<Vec<Value>, Refused> {
    let mut ordinary = Vec::new();
    let mut gone = Vec::new();
    let mut replace = false;
    for item in new {
        match item.get(DIRECTIVE) {
            None => ordinary.push(item),
            Some(directive) if directive == "delete" => {
                gone.push(item.get(key).ok_or("an item to delete lacks its merge key")?.clone());
            }
            Some(directive) if directive == "replace" => replace = true,
            Some(_) => return Err("`$patch` of a list's item is neither delete nor replace"),
        }
    }
    if replace {
        *old = std::mem::take(&mut ordinary);
    } else if !gone.is_empty() {
        let gone = order::Places::new(&gone, None);
        old.retain(|item| item.get(key).is_none_or(|value| gone.of(value).is_none()));
    }
    Ok(ordinary)
}

/// Merges items into those of the same key; appends the others.
fn merge_items(old: &mut Vec<Value>, new: Vec<Value>, key: &str, spot: Spot) -> Result<(), Refused> {
    let mut places = order::Places::new(old, Some(key));
    for item in new {
        let (Value::Object(item), place) = (&item, places.of(&item)) else {
            return Err("a list of objects holds something else");
        };
        if !item.get(key).is_some_and(is_scalar) {
            return Err("an item lacks its merge key");
        }
        match place.and_then(|at| old.get_mut(at)) {
            Some(Value::Object(known)) => merge_object(known, item.clone(), spot, false)?,
            _ => {
                let item = Value::Object(item.clone());
                places.add(&item, old.len());
                old.push(item);
            }
        }
    }
    Ok(())
}
