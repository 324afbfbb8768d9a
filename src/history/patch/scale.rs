//! Patches of the `scale` subresource: they speak of a Scale object that stands for the parent's replicas.

use serde_json::Value;

use super::{PatchContext, PatchError, PatchKind, Patched, ownership, settle};

/// Applies a patch of the `scale` subresource.
///
/// # Errors
/// [`PatchError`], among them that the kind is not known to scale.
pub(super) fn apply(prior: &Value, patch: &Value, context: &PatchContext<'_>) -> Result<Patched, PatchError> {
    let scales = matches!(
        (context.group, context.kind),
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet") | ("", "ReplicationController")
    );
    if !scales {
        return Err(PatchError::Subresource("scale".to_owned()));
    }
    let replicas = prior.get("spec").and_then(|spec| spec.get("replicas")).cloned().unwrap_or_else(|| Value::from(1));
    let mut view = serde_json::json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": replicas}});
    let metadata = prior.get("metadata").and_then(Value::as_object);
    let kept = metadata.into_iter().flatten().filter(|(name, _)| {
        ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"].contains(&name.as_str())
    });
    if let Some(view) = view.as_object_mut() {
        view.insert("metadata".to_owned(), Value::Object(kept.map(|(k, v)| (k.clone(), v.clone())).collect()));
    }
    let query = context.request_uri.split_once('?').map_or_else(String::new, |(_, query)| format!("?{query}"));
    let inner =
        PatchContext { group: "autoscaling", kind: "Scale", request_uri: &query, user_agent: context.user_agent };
    let scaled = super::apply(&view, patch, &inner)?;
    let back = |view: &Value| {
        let mut object = prior.clone();
        let wanted = view.get("spec").and_then(|spec| spec.get("replicas")).cloned().unwrap_or_else(|| Value::from(0));
        if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
            spec.insert("replicas".to_owned(), wanted);
        }
        ownership::write(&mut object, None);
        settle::settle_version(prior, object)
    };
    let alternatives: Vec<(PatchKind, Value)> =
        scaled.alternatives.iter().map(|(kind, view)| (*kind, back(view))).collect();
    Ok(Patched { object: back(&scaled.object), patch_kind: scaled.patch_kind, certain: scaled.certain, alternatives })
}
