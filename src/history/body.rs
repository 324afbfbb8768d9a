//! The JSON of one object, read once for what the reasoning needs: identity, times, finalizers.
//!
//! Evidence may hold anything where Kubernetes has a string, so every field is taken leniently: a field of a
//! wrong type counts as missing. What RBAC reads is parsed again on demand, because most bodies are only
//! carried along and a hundred thousand of them must not be taken apart twice.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::formats::members::members;
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

/// The members of a body, verbatim.
#[derive(Default)]
struct Top<'a> {
    kind: Option<&'a str>,
    metadata: Option<&'a str>,
    spec: Option<&'a str>,
    items: Option<&'a str>,
}

impl<'a> Top<'a> {
    fn of(json: &'a str) -> Option<Self> {
        let [kind, metadata, spec, items] = members(json, ["kind", "metadata", "spec", "items"])?;
        Some(Self { kind, metadata, spec, items })
    }
}

/// The members of `metadata`, verbatim.
#[derive(Default)]
struct Meta<'a> {
    uid: Option<&'a str>,
    resource_version: Option<&'a str>,
    creation_timestamp: Option<&'a str>,
    deletion_timestamp: Option<&'a str>,
    grace: Option<&'a str>,
    finalizers: Option<&'a str>,
}

impl<'a> Meta<'a> {
    fn of(metadata: Option<&'a str>) -> Self {
        let names = [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "finalizers",
        ];
        let Some(found) = metadata.and_then(|m| members(m, names)) else { return Self::default() };
        let [uid, resource_version, creation_timestamp, deletion_timestamp, grace, finalizers] = found;
        Self { uid, resource_version, creation_timestamp, deletion_timestamp, grace, finalizers }
    }
}

fn lenient<T: DeserializeOwned>(raw: Option<&str>) -> Option<T> {
    serde_json::from_str(raw?).ok()
}

fn text(raw: Option<&str>) -> Option<Arc<str>> {
    lenient::<String>(raw).filter(|t| !t.is_empty()).map(Arc::from)
}

fn time(raw: Option<&str>) -> Option<Timestamp> {
    lenient::<String>(raw).and_then(|t| Timestamp::parse_rfc3339(&t))
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
    let Some(top) = Top::of(json) else { return Read::Other };
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
    let items: Option<Vec<&RawValue>> = top.items.and_then(|i| serde_json::from_str(i).ok());
    items.map_or(Read::Other, |i| Read::List(i.into_iter().map(|raw| Arc::from(raw.get())).collect()))
}

fn head(json: &Arc<str>, top: &Top<'_>, kind: &str) -> Body {
    let meta = Meta::of(top.metadata);
    let [spec_finalizers] = top.spec.and_then(|s| members(s, ["finalizers"])).unwrap_or_default();
    let any = |raw| lenient::<Vec<String>>(raw).is_some_and(|f| !f.is_empty());
    let grace = lenient::<i64>(meta.grace).is_some_and(|s| s > 0);
    Body {
        text: Arc::clone(json),
        uid: text(meta.uid),
        resource_version: text(meta.resource_version),
        created: time(meta.creation_timestamp),
        deleting: text(meta.deletion_timestamp).is_some(),
        held_back: any(meta.finalizers) || any(spec_finalizers) || grace,
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
    let top = Top::of(json).unwrap_or_default();
    let [name, generate_name] = top.metadata.and_then(|m| members(m, ["name", "generateName"])).unwrap_or_default();
    let filled = |raw| lenient::<String>(raw).filter(|t| !t.is_empty());
    Names { kind: filled(top.kind), name: filled(name), generate_name: filled(generate_name) }
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
        let [labels] = members(Top::of(&self.text)?.metadata?, ["labels"])?;
        let labels = labels.map(serde_json::from_str::<Option<Labels>>);
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
        let [managers] = members(Top::of(&self.text)?.metadata?, ["managedFields"])?;
        let managers: Vec<&RawValue> = serde_json::from_str(managers?).ok()?;
        let times = managers.into_iter().filter_map(|m| {
            let [written, fields] = members(m.get(), ["time", "fieldsV1"])?;
            let [owned] = members(fields?, [if is_role(kind) { "f:rules" } else { "f:subjects" }])?;
            // An owner without a readable time could be the last writer: then nothing can be said.
            owned.is_some().then(|| time(written).unwrap_or(Timestamp::MAX))
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
