//! The JSON of one object, read once for what the reasoning needs: identity, times, finalizers.
//!
//! Evidence may hold anything where Kubernetes has a string, so every field is taken leniently: a field of a
//! wrong type counts as missing. What RBAC reads is parsed again on demand, because most bodies are only
//! carried along and a hundred thousand of them must not be taken apart twice.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::rbac::RbacKind;
use crate::model::time::Timestamp;

use super::parts::{Parts, Reads, is_role};

/// One second: the resolution of `creationTimestamp` and `managedFields[].time`.
pub(super) const SECOND: i64 = 1_000_000;

/// A body and its head.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) text: Arc<str>,
    pub(super) uid: Option<Arc<str>>,
    pub(super) resource_version: Option<Arc<str>>,
    pub(super) created: Option<Timestamp>,
    /// `metadata.deletionTimestamp` is set.
    pub(super) deleting: bool,
    /// Finalizers (a namespace's own ones included) or a grace period keep a deleted object alive.
    pub(super) held_back: bool,
    /// Set when the kind's name is one of the four RBAC kinds.
    pub(super) rbac: Option<RbacKind>,
    /// Labels, once they were asked for.
    labels: OnceLock<Option<Labels>>,
}

/// Labels of an object.
pub(super) type Labels = BTreeMap<String, String>;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Top<'a> {
    #[serde(borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Meta<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    generate_name: Option<&'a RawValue>,
    #[serde(borrow)]
    uid: Option<&'a RawValue>,
    #[serde(borrow)]
    resource_version: Option<&'a RawValue>,
    #[serde(borrow)]
    creation_timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    deletion_timestamp: Option<&'a RawValue>,
    #[serde(borrow)]
    deletion_grace_period_seconds: Option<&'a RawValue>,
    #[serde(borrow)]
    finalizers: Option<&'a RawValue>,
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
    #[serde(borrow)]
    managed_fields: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec<'a> {
    #[serde(borrow)]
    finalizers: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Manager<'a> {
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow, rename = "fieldsV1")]
    fields: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Owned<'a> {
    #[serde(borrow, rename = "f:rules")]
    rules: Option<&'a RawValue>,
    #[serde(borrow, rename = "f:subjects")]
    subjects: Option<&'a RawValue>,
}

fn lenient<T: DeserializeOwned>(raw: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

fn text(raw: Option<&RawValue>) -> Option<Arc<str>> {
    lenient::<String>(raw).filter(|t| !t.is_empty()).map(Arc::from)
}

fn time(raw: Option<&RawValue>) -> Option<Timestamp> {
    lenient::<String>(raw).and_then(|t| Timestamp::parse_rfc3339(&t))
}

fn meta<'a>(raw: Option<&'a RawValue>) -> Meta<'a> {
    raw.and_then(|m| serde_json::from_str(m.get()).ok()).unwrap_or_default()
}

/// What a JSON text turns out to be.
#[derive(Debug)]
pub(super) enum Read {
    /// An object of the wanted kind.
    Object(Arc<Body>),
    /// Only an object's metadata: a `PartialObjectMetadata`, which metadata clients are answered with.
    MetadataOnly(Arc<Body>),
    /// A list; its items' texts.
    List(Vec<Arc<str>>),
    /// Something else: a `Status`, a table, options, another kind, or nothing readable.
    Other,
}

/// Reads a body that should be an object of `kind`. A missing `kind` field is taken as the wanted one,
/// because items of a list carry none.
pub(super) fn read(json: &Arc<str>, kind: &str) -> Read {
    let Ok(top) = serde_json::from_str::<Top<'_>>(json) else { return Read::Other };
    let found: Option<String> = lenient(top.kind);
    match found.as_deref() {
        Some("PartialObjectMetadata") => Read::MetadataOnly(Arc::new(head(json, &top, kind))),
        Some(k) if k == kind => Read::Object(Arc::new(head(json, &top, kind))),
        Some(k) if k.ends_with("List") => items(&top),
        Some(_) => Read::Other,
        None if top.items.is_some() => items(&top),
        None if top.metadata.is_some() => Read::Object(Arc::new(head(json, &top, kind))),
        None => Read::Other,
    }
}

fn items(top: &Top<'_>) -> Read {
    let items: Option<Vec<&RawValue>> = top.items.and_then(|i| serde_json::from_str(i.get()).ok());
    items.map_or(Read::Other, |i| Read::List(i.into_iter().map(|raw| Arc::from(raw.get())).collect()))
}

fn head(json: &Arc<str>, top: &Top<'_>, kind: &str) -> Body {
    let meta = meta(top.metadata);
    let spec: Spec<'_> = top.spec.and_then(|s| serde_json::from_str(s.get()).ok()).unwrap_or_default();
    let any = |raw| lenient::<Vec<String>>(raw).is_some_and(|f| !f.is_empty());
    let grace = lenient::<i64>(meta.deletion_grace_period_seconds).is_some_and(|s| s > 0);
    Body {
        text: Arc::clone(json),
        uid: text(meta.uid),
        resource_version: text(meta.resource_version),
        created: time(meta.creation_timestamp),
        deleting: text(meta.deletion_timestamp).is_some(),
        held_back: any(meta.finalizers) || any(spec.finalizers) || grace,
        rbac: RbacKind::from_kind(kind),
        labels: OnceLock::new(),
    }
}

/// The kind, name and generateName that a body claims.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
    pub(super) generate_name: Option<String>,
}

/// The name of the object that a body claims to be.
pub fn name_in(json: &str) -> Option<String> {
    names(json).name
}

/// Reads only who the body speaks of.
pub(super) fn names(json: &str) -> Names {
    let top: Top<'_> = serde_json::from_str(json).unwrap_or_default();
    let meta = meta(top.metadata);
    let filled = |raw| lenient::<String>(raw).filter(|t| !t.is_empty());
    Names { kind: filled(top.kind), name: filled(meta.name), generate_name: filled(meta.generate_name) }
}

impl Body {
    /// What RBAC reads, or nothing when it cannot be decoded.
    pub(super) fn reads(&self, kind: RbacKind) -> Option<Reads> {
        Parts::of(self)?.reads(kind)
    }

    /// Labels; empty when there are none, nothing when they cannot be decoded.
    pub(super) fn labels(&self) -> Option<&Labels> {
        self.labels.get_or_init(|| self.read_labels()).as_ref()
    }

    fn read_labels(&self) -> Option<Labels> {
        let top: Top<'_> = serde_json::from_str(&self.text).ok()?;
        let meta: Meta<'_> = serde_json::from_str(top.metadata?.get()).ok()?;
        let labels = meta.labels.map(|l| serde_json::from_str::<Option<Labels>>(l.get()));
        labels.map_or(Some(Labels::new()), |l| l.ok().map(Option::unwrap_or_default))
    }

    /// The end of the second in which the part that RBAC reads was last written: the latest time of a manager
    /// that owns it. Only where that part is not empty, because emptying a field leaves no owner and no time.
    ///
    /// Source: `staging/src/k8s.io/apimachinery/pkg/util/managedfields/internal/managedfieldsupdater.go`.
    pub(super) fn written_by(&self, kind: RbacKind) -> Option<Timestamp> {
        match self.reads(kind)? {
            Reads::Rules(rules) if rules.is_empty() => return None,
            Reads::Gives(_, subjects) if subjects.is_empty() => return None,
            _ => {}
        }
        let top: Top<'_> = serde_json::from_str(&self.text).ok()?;
        let managers: Vec<&RawValue> = serde_json::from_str(meta(top.metadata).managed_fields?.get()).ok()?;
        let times = managers.into_iter().filter_map(|m| {
            let manager: Manager<'_> = serde_json::from_str(m.get()).ok()?;
            let owned: Owned<'_> = serde_json::from_str(manager.fields?.get()).ok()?;
            let owns = if is_role(kind) { owned.rules } else { owned.subjects }.is_some();
            // An owner without a readable time could be the last writer: then nothing can be said.
            owns.then(|| time(manager.time).unwrap_or(Timestamp::MAX))
        });
        times.max().filter(|t| *t < Timestamp::MAX).map(|t| t.plus_micros(SECOND))
    }

    /// Whether two bodies say the same: what RBAC reads for its kinds, everything but bookkeeping and status
    /// for others.
    pub(super) fn agrees(&self, other: &Self, kind: Option<RbacKind>) -> bool {
        if self.text == other.text {
            return true;
        }
        match kind {
            Some(kind) => self.reads(kind).is_some_and(|mine| other.reads(kind).is_some_and(|theirs| mine == theirs)),
            None => essence(&self.text).is_some_and(|mine| essence(&other.text).is_some_and(|theirs| mine == theirs)),
        }
    }
}

fn essence(json: &str) -> Option<Value> {
    let mut value: Value = serde_json::from_str(json).ok()?;
    let object = value.as_object_mut()?;
    for field in ["apiVersion", "kind", "status"] {
        object.remove(field);
    }
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["managedFields", "resourceVersion", "generation", "selfLink"] {
            meta.remove(field);
        }
    }
    Some(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests;
