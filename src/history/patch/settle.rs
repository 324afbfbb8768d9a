//! What the API server does with a patched object before it stores it: it keeps what a patch cannot change,
//! drops what the endpoint used does not write, and drops fields that are no fields.
//!
//! Source: `apiserver/pkg/registry/rest/update.go` (BeforeUpdate), `apimachinery/pkg/api/validation`
//! (ValidateObjectMetaUpdate), and the update strategies of the kinds.

use serde_json::{Map, Value};

use super::reading::is_directive;
use super::schema::{Spot, is_builtin_group};
use super::strategic::Refused;

/// Metadata that an update must not change once set.
const FIXED: [&str; 5] = ["name", "namespace", "uid", "deletionTimestamp", "deletionGracePeriodSeconds"];
/// Metadata that an update cannot change; a change is passed over.
const KEPT: [&str; 3] = ["creationTimestamp", "selfLink", "generation"];

/// Where the patch was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint<'a> {
    /// API group of the kind.
    pub(super) group: &'a str,
    /// Subresource, `""` for none.
    pub(super) subresource: &'a str,
}

/// Subresources whose patches can be told.
pub(super) fn is_known(subresource: &str) -> bool {
    matches!(subresource, "" | "status" | "ephemeralcontainers" | "approval")
}

/// The stored object, and another possible one where the kind's own code decides and is not known here.
///
/// # Errors
/// Says why the API server would refuse the object, so that the patch cannot have been this one.
pub(super) fn settle(
    prior: &Value,
    mut patched: Value,
    root: Spot,
    endpoint: Endpoint<'_>,
) -> Result<Vec<Value>, Refused> {
    if is_builtin_group(endpoint.group) {
        clean(&mut patched, Some(prior), root, true)?;
    }
    for field in ["apiVersion", "kind"] {
        if prior.get(field).is_some() && prior.get(field) != patched.get(field) {
            return Err("it would change `apiVersion` or `kind`");
        }
    }
    keep_metadata(prior, &mut patched)?;
    let mut variants = Vec::new();
    for object in scope(prior, patched, endpoint) {
        let object = settle_version(prior, object);
        if !variants.contains(&object) {
            variants.push(object);
        }
    }
    Ok(variants)
}

/// Drops nulls and directives, as decoding into the kind's own type does. A null that was there before stays:
/// some fields are written even when they are empty. Keys of maps are data: a directive among them would fail
/// the map's validation.
fn clean(value: &mut Value, old: Option<&Value>, spot: Spot, top: bool) -> Result<(), Refused> {
    match value {
        Value::Object(fields) => {
            if spot.is_map() && fields.keys().any(|name| is_directive(name)) {
                return Err("a directive would become the key of a map");
            }
            let before = |name: &str| old.and_then(|old| old.get(name));
            fields.retain(|name, field| (!field.is_null() || before(name) == Some(field)) && !is_directive(name));
            fields.iter_mut().try_for_each(|(name, field)| clean(field, before(name), spot.field(name, top), false))
        }
        Value::Array(items) => items
            .iter_mut()
            .enumerate()
            .try_for_each(|(at, item)| clean(item, old.and_then(|old| old.get(at)), spot.item(), false)),
        _ => Ok(()),
    }
}

fn keep_metadata(prior: &Value, patched: &mut Value) -> Result<(), Refused> {
    let old = prior.get("metadata").and_then(Value::as_object);
    let Some(patched) = patched.as_object_mut() else { return Err("it would leave no object") };
    let new = patched.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(new) = new else { return Err("`metadata` would be no object") };
    let given = |value: Option<&Value>| value.filter(|v| !v.is_null() && *v != "").cloned();
    for field in FIXED {
        match (given(old.and_then(|m| m.get(field))), given(new.get(field))) {
            (Some(old), None) => {
                new.insert(field.to_owned(), old);
            }
            (Some(old), Some(new)) if old != new => return Err("it would change metadata that is fixed"),
            (None, Some(_)) if field.starts_with("deletion") => return Err("it would set a deletion time"),
            _ => {}
        }
    }
    for field in KEPT {
        match given(old.and_then(|m| m.get(field))) {
            Some(old) => new.insert(field.to_owned(), old),
            None => new.remove(field),
        };
    }
    // a version in the patch is a condition; it held, since the request succeeded
    let condition = given(new.get("resourceVersion")).filter(|v| v != "0");
    match (given(old.and_then(|m| m.get("resourceVersion"))), condition) {
        (Some(old), Some(condition)) if old != condition => Err("its `resourceVersion` is not that of the known state"),
        _ => Ok(()),
    }
}

/// Limits a patched object to what its endpoint writes.
fn scope(prior: &Value, patched: Value, endpoint: Endpoint<'_>) -> Vec<Value> {
    let builtin = is_builtin_group(endpoint.group);
    let with = |base: &Value, from: &Value, path: &[&str]| {
        let mut object = base.clone();
        copy_path(&mut object, from, path);
        object
    };
    match endpoint.subresource {
        // custom resources may or may not have their status apart
        "" if builtin => vec![with(&patched, prior, &["status"])],
        "" => vec![with(&patched, prior, &["status"]), patched],
        "status" => {
            let status = with(prior, &patched, &["status"]);
            // some built-in kinds take metadata through this endpoint, others do not
            if builtin { vec![with(&status, &patched, &["metadata"]), status] } else { vec![status] }
        }
        "ephemeralcontainers" => vec![with(prior, &patched, &["spec", "ephemeralContainers"])],
        "approval" => vec![with(prior, &patched, &["status", "conditions"])],
        _ => vec![patched],
    }
}

/// Makes the value at a path of `object` what it is in `from`, absence included.
fn copy_path(object: &mut Value, from: &Value, path: &[&str]) {
    let Some((last, parents)) = path.split_last() else { return };
    let value = path.iter().try_fold(from, |at, field| at.get(field)).cloned();
    let mut at = object;
    for field in parents {
        let Some(fields) = at.as_object_mut() else { return };
        at = fields.entry(*field).or_insert_with(|| Value::Object(Map::new()));
    }
    let Some(fields) = at.as_object_mut() else { return };
    match value {
        Some(value) => {
            fields.insert((*last).to_owned(), value);
        }
        None => {
            fields.remove(*last);
        }
    }
}

/// A changed object has a new `resourceVersion`, and a new `generation` when more than metadata and status
/// changed. Neither can be told from the request, so both are left out.
pub(super) fn settle_version(prior: &Value, mut object: Value) -> Value {
    let old_version = prior.get("metadata").and_then(|m| m.get("resourceVersion")).cloned();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        metadata.extend(old_version.map(|version| ("resourceVersion".to_owned(), version)));
    }
    if object == *prior {
        return object;
    }
    let spec_of = |object: &Value| {
        let mut rest = object.as_object().cloned().unwrap_or_default();
        rest.retain(|name, _| name != "metadata" && name != "status");
        rest
    };
    let same_spec = spec_of(prior) == spec_of(&object);
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        if !same_spec {
            metadata.remove("generation");
        }
    }
    object
}
