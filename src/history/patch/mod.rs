//! The state of an object after a patch, told from its state before and the request's body.
//!
//! The audit log does not say which of Kubernetes' four kinds of patch a body was. So every kind that the
//! API server would have accepted is applied; where they agree, the answer is certain, and where they do not,
//! all answers are given and marked. What is traded away is admission: webhooks and defaults may have changed
//! the object further, and no request body shows that.

mod apply;
mod difference;
mod fields;
mod json_patch;
mod last_applied;
mod limits;
mod merge;
mod order;
mod outcomes;
mod ownership;
mod reading;
mod scale;
mod schema;
mod schema_rows;
mod settle;
mod strategic;

use serde_json::Value;
use thiserror::Error;

use crate::model::object::split_api_version;
use crate::model::request_info::{RequestInfo, query_param};

use difference::Difference;
use fields::FieldSet;
use outcomes::Outcomes;
use ownership::Actor;
use schema::Spot;
use settle::Endpoint;

/// The kinds of patch that the API server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PatchKind {
    /// JSON Patch, RFC 6902.
    Json,
    /// JSON merge patch, RFC 7386.
    Merge,
    /// Kubernetes' strategic merge patch.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl PatchKind {
    /// The name used in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "JSON patch",
            Self::Merge => "merge patch",
            Self::Strategic => "strategic merge patch",
            Self::Apply => "server-side apply",
        }
    }
}

/// What is known of the request besides its body.
#[derive(Clone, Copy, Debug, Default)]
pub struct PatchContext<'a> {
    /// API group of the object, `""` is core.
    pub group: &'a str,
    /// Kind of the object.
    pub kind: &'a str,
    /// The request URI with its query.
    pub request_uri: &'a str,
    /// What the client called itself. Names the field manager when the URI does not.
    pub user_agent: Option<&'a str>,
}

/// The object after a patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Patched {
    /// The object; the likeliest, when `certain` is false. Without `metadata.resourceVersion`,
    /// `metadata.generation` and `metadata.managedFields` where the request does not tell them.
    pub object: Value,
    /// The kind of patch that gives it.
    pub patch_kind: PatchKind,
    /// Whether every reading of the patch gives this object (but for `managedFields`).
    pub certain: bool,
    /// The other objects that are possible, none equal to `object`, each with the kind of patch that gives it.
    pub alternatives: Vec<(PatchKind, Value)>,
}

/// Why the object after a patch cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatchError {
    /// A body that no patch has.
    #[error("the request body is neither an object nor a list, so it is no patch")]
    NoPatch,
    /// The prior state is no object.
    #[error("the known state is no JSON object")]
    NoPrior,
    /// A dry run changes nothing.
    #[error("the request was a dry run (`dryRun={0}`), so the object stayed as it was")]
    DryRun(String),
    /// The patch speaks another version of the API than the known state.
    #[error("the patch is in `{patch}`, the known state in `{prior}`; converting between them needs the API server")]
    OtherVersion {
        /// `group/version` of the request.
        patch: String,
        /// `group/version` of the known state.
        prior: String,
    },
    /// The patch went to a subresource whose effect on the object is not known.
    #[error("what a patch of subresource `{0}` does to the object is not known")]
    Subresource(String),
    /// An operation of a JSON patch does not apply.
    #[error(
        "operation {index} of the JSON patch does not apply: {why}; the known state is not the one it was sent for"
    )]
    Operation {
        /// Which, counted from 0.
        index: usize,
        /// Why not.
        why: &'static str,
    },
    /// No reading of the body is a patch that the API server accepts on the known state.
    #[error("as {}, the patch would be refused: {why}; the known state is not the one it was sent for", kind.as_str())]
    Refused {
        /// The likeliest kind.
        kind: PatchKind,
        /// Why it would be refused.
        why: &'static str,
    },
    /// Deeper nesting than any real object has.
    #[error("the {what} is nested deeper than {limit} levels")]
    TooDeep {
        /// `known state` or `patch`.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// More work than any real patch needs.
    #[error("not worked out: {0}")]
    TooMuch(&'static str),
}

/// Applies a patch of unknown kind to a known state.
///
/// # Errors
/// [`PatchError`] when no object can be told: then the state after the patch is unknown.
pub fn apply(prior: &Value, patch: &Value, context: &PatchContext<'_>) -> Result<Patched, PatchError> {
    limits::check(prior, "known state")?;
    limits::check(patch, "patch")?;
    if !prior.is_object() {
        return Err(PatchError::NoPrior);
    }
    if let Some(run) = query_param(context.request_uri, "dryRun").filter(|run| !run.is_empty()) {
        return Err(PatchError::DryRun(run));
    }
    let info = RequestInfo::new("PATCH", context.request_uri);
    if info.subresource == "scale" {
        return scale::apply(prior, patch, context);
    }
    if !settle::is_known(&info.subresource) {
        return Err(PatchError::Subresource(info.subresource));
    }
    let request = Request::new(prior, context, &info)?;
    let mut prior = prior.clone();
    let stored_version = request.speak_its_version(&mut prior);
    let mut outcomes = Outcomes::default();
    for kind in reading::readings(patch, context)? {
        match request.run(kind, &prior, patch) {
            Ok(objects) => outcomes.found.extend(objects.into_iter().map(|object| (kind, object))),
            Err(error) => outcomes.first_error = outcomes.first_error.or(Some(error)),
        }
    }
    outcomes.settle(|object| {
        if let (Some(version), Some(fields)) = (&stored_version, object.as_object_mut()) {
            fields.insert("apiVersion".to_owned(), version.clone());
        }
    })
}

/// One request, as far as it does not depend on the reading of its body.
struct Request<'a> {
    root: Spot,
    endpoint: Endpoint<'a>,
    /// `group/version` of the request.
    api_version: String,
    /// The field manager; `None` when neither URI nor user agent name one.
    manager: Option<String>,
}

impl<'a> Request<'a> {
    fn new(prior: &Value, context: &PatchContext<'a>, info: &'a RequestInfo) -> Result<Self, PatchError> {
        let known = prior.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        let (_, known_version) = split_api_version(known);
        let version = if info.version.is_empty() { known_version } else { &info.version };
        let api_version =
            if context.group.is_empty() { version.to_owned() } else { format!("{}/{version}", context.group) };
        if !known.is_empty() && known != api_version && !same_shape(context.group, version, known) {
            return Err(PatchError::OtherVersion { patch: api_version, prior: known.to_owned() });
        }
        let named = query_param(context.request_uri, "fieldManager").filter(|name| !name.is_empty());
        // the API server falls back on the user agent up to its first slash
        let claimed = || context.user_agent.and_then(|agent| agent.split('/').next()).map(str::to_owned);
        let manager = named.or_else(claimed).filter(|name| !name.is_empty());
        let endpoint = Endpoint { group: context.group, subresource: &info.subresource };
        Ok(Self { root: Spot::root(context.group, version, context.kind), endpoint, api_version, manager })
    }

    /// Puts the object into the request's version; gives the version to put it back into afterwards.
    fn speak_its_version(&self, object: &mut Value) -> Option<Value> {
        let known = object.as_object_mut()?.get_mut("apiVersion").filter(|known| **known != *self.api_version)?;
        Some(std::mem::replace(known, Value::from(self.api_version.as_str())))
    }

    /// Applies the patch as one kind. More than one object only where something unknown decides.
    fn run(&self, kind: PatchKind, prior: &Value, patch: &Value) -> Result<Vec<Value>, PatchError> {
        let actor = self.manager.as_ref().map(|manager| Actor {
            manager: manager.clone(),
            applies: kind == PatchKind::Apply,
            api_version: self.api_version.clone(),
            subresource: self.endpoint.subresource.to_owned(),
        });
        let mut bare = prior.clone();
        ownership::write(&mut bare, None);
        let patched = self.patch(kind, prior, patch, actor.as_ref())?;
        let mut stored = Vec::new();
        for Step { mut object, entries, applied } in patched {
            limits::check(&object, "patched object")?;
            ownership::write(&mut object, None);
            let settled = settle::settle(&bare, object, self.root, self.endpoint);
            for mut object in settled.map_err(|why| PatchError::Refused { kind, why })? {
                let after = entries.as_ref().zip(actor.as_ref()).map(|(entries, actor)| {
                    let change = Difference::between(&bare, &object, self.root, true);
                    ownership::bring_forward(entries.clone(), actor, &change, applied.as_ref())
                });
                ownership::write(&mut object, after.as_deref());
                stored.push(object);
            }
        }
        Ok(stored)
    }

    /// The patch alone, before the API server's own rules for stored objects.
    fn patch(
        &self,
        kind: PatchKind,
        prior: &Value,
        patch: &Value,
        actor: Option<&Actor>,
    ) -> Result<Vec<Step>, PatchError> {
        let refused = |why| PatchError::Refused { kind, why };
        let mut object = prior.clone();
        match (kind, patch) {
            (PatchKind::Apply, _) => {
                ownership::write(&mut object, None);
                let entries = ownership::read(prior).zip(actor);
                let entries = entries.map(|(e, actor)| ownership::before_apply(e, &object, self.root, actor));
                let known = entries.as_deref().zip(actor);
                let builtin = schema::is_builtin_group(self.endpoint.group);
                let target =
                    apply::Target { live: &object, root: self.root, subresource: self.endpoint.subresource, builtin };
                let apply::Applied { objects, set } = apply::apply(&target, patch, known).map_err(refused)?;
                let step = |object| Step { object, entries: entries.clone(), applied: Some(set.clone()) };
                return Ok(objects.into_iter().map(step).collect());
            }
            (PatchKind::Json, Value::Array(operations)) => json_patch::apply(&mut object, operations)?,
            (PatchKind::Strategic, _) => strategic::apply(&mut object, patch, self.root).map_err(refused)?,
            _ => merge::apply(&mut object, patch),
        }
        let entries = self.entries_after_write(prior, &object);
        Ok(vec![Step { object, entries, applied: None }])
    }

    /// The entries that a patch other than apply leaves to start from: it may set them itself.
    fn entries_after_write(&self, prior: &Value, patched: &Value) -> Option<Vec<ownership::Entry>> {
        if !self.endpoint.subresource.is_empty() {
            return ownership::read(prior);
        }
        if ownership::asks_for_reset(patched) {
            return Some(Vec::new());
        }
        ownership::read(patched).filter(|entries| !entries.is_empty()).or_else(|| ownership::read(prior))
    }
}

/// A patched object, not yet as it is stored.
struct Step {
    object: Value,
    /// The owners to start from, if known.
    entries: Option<Vec<ownership::Entry>>,
    /// What an applied configuration holds.
    applied: Option<FieldSet>,
}

/// Versions of a group that spell the same objects alike.
fn same_shape(group: &str, version: &str, known: &str) -> bool {
    let (known_group, known_version) = split_api_version(known);
    let alike = |version: &str| matches!(version, "v1" | "v1beta1");
    group == "rbac.authorization.k8s.io" && known_group == group && alike(version) && alike(known_version)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests;
