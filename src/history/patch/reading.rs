//! Which kinds of patch a request body can have been. The audit log does not name the content type.
//!
//! Only what the API server enforces excludes a reading: `force` is refused for all but apply, apply needs
//! a field manager and a whole object's `apiVersion` and `kind` and refuses unknown fields, custom resources
//! know no strategic merge patch. What a client merely claims (user agent, manager's name) only orders them.

use serde_json::Value;

use super::schema::{is_builtin_group, may_be_aggregated};
use super::{PatchContext, PatchError, PatchKind};
use crate::model::request_info::query_param;

/// Field managers that kubectl uses for patches that are not server-side apply.
const NO_APPLIERS: [&str; 9] = [
    "kubectl-client-side-apply",
    "kubectl-patch",
    "kubectl-edit",
    "kubectl-label",
    "kubectl-annotate",
    "kubectl-set",
    "kubectl-scale",
    "kubectl-rollout",
    "kubectl-taint",
];

/// The possible readings, the likeliest first.
///
/// # Errors
/// [`PatchError::NoPatch`] when the body is neither an object nor a list.
pub(super) fn readings(patch: &Value, context: &PatchContext<'_>) -> Result<Vec<PatchKind>, PatchError> {
    let body = match patch {
        Value::Array(_) => return Ok(vec![PatchKind::Json]),
        Value::Object(body) => body,
        _ => return Err(PatchError::NoPatch),
    };
    let builtin = is_builtin_group(context.group);
    let directives = builtin && has_directive(patch);
    let strict = query_param(context.request_uri, "fieldValidation").as_deref() == Some("Strict");
    let manager = query_param(context.request_uri, "fieldManager").unwrap_or_default();
    let text = |field: &str| body.get(field).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    // without a URI, the field manager is not known; with one, apply needs it there
    let managed = !manager.is_empty() || context.request_uri.is_empty();
    let can_apply = managed && text("apiVersion") && text("kind") && !directives;
    if can_apply && query_param(context.request_uri, "force").is_some() {
        return Ok(vec![PatchKind::Apply]);
    }
    let mut readings = Vec::new();
    let likely_apply = can_apply && !NO_APPLIERS.contains(&manager.as_str()) && names_itself(patch);
    if likely_apply {
        readings.push(PatchKind::Apply);
    }
    if builtin {
        readings.push(PatchKind::Strategic);
    }
    // a merge patch would make unknown fields of directives, which strict validation refuses
    if !(directives && strict) {
        readings.push(PatchKind::Merge);
    }
    if !builtin && may_be_aggregated(context.group) {
        readings.push(PatchKind::Strategic);
    }
    if can_apply && !likely_apply {
        readings.push(PatchKind::Apply);
    }
    Ok(readings)
}

/// Whether any field anywhere is a directive of strategic merge patch.
fn has_directive(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter().any(|(name, field)| is_directive(name) || has_directive(field)),
        Value::Array(items) => items.iter().any(has_directive),
        _ => false,
    }
}

/// Whether a field's name is a directive of strategic merge patch.
pub(super) fn is_directive(name: &str) -> bool {
    let prefixes = ["$setElementOrder/", "$deleteFromPrimitiveList/"];
    matches!(name, "$patch" | "$retainKeys") || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// An applied configuration names its object; a patch seldom does.
fn names_itself(patch: &Value) -> bool {
    patch.get("metadata").and_then(|m| m.get("name")).is_some_and(Value::is_string)
}
