//! The JSON of one object, read once for what the reasoning needs: identity, times, finalizers.
//!
//! Evidence may hold anything where Kubernetes has a string, so every field is taken leniently: a field of a
//! wrong type counts as missing. What RBAC reads is parsed again on demand, because most bodies are only
//! carried along and a hundred thousand of them must not be taken apart twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::model::rbac::{PolicyRule, RbacKind, RoleRef, Subject};
use crate::model::time::Timestamp;

/// One second: the resolution of `creationTimestamp` and `managedFields[].time`.
pub(super) const SECOND: i64 = 1_000_000;

/// Whether a kind holds rules; the others hold subjects and a roleRef.
pub(super) const fn is_role(kind: RbacKind) -> bool {
    matches!(kind, RbacKind::Role | RbacKind::ClusterRole)
}

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
}

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

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct RbacFields<'a> {
    #[serde(borrow)]
    rules: Option<&'a RawValue>,
    #[serde(borrow)]
    role_ref: Option<&'a RawValue>,
    #[serde(borrow)]
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
        Some("PartialObjectMetadata") => Read::MetadataOnly(Arc::new(head(json, &top))),
        Some(k) if k == kind => Read::Object(Arc::new(head(json, &top))),
        Some(k) if k.ends_with("List") => items(&top),
        Some(_) => Read::Other,
        None if top.items.is_some() => items(&top),
        None if top.metadata.is_some() => Read::Object(Arc::new(head(json, &top))),
        None => Read::Other,
    }
}

fn items(top: &Top<'_>) -> Read {
    let items: Option<Vec<&RawValue>> = top.items.and_then(|i| serde_json::from_str(i.get()).ok());
    items.map_or(Read::Other, |i| Read::List(i.into_iter().map(|raw| Arc::from(raw.get())).collect()))
}

fn head(json: &Arc<str>, top: &Top<'_>) -> Body {
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
    }
}

/// The kind, name and generateName that a body claims.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) kind: Option<String>,
    pub(super) name: Option<String>,
    pub(super) generate_name: Option<String>,
}

/// Reads only who the body speaks of.
pub(super) fn names(json: &str) -> Names {
    let top: Top<'_> = serde_json::from_str(json).unwrap_or_default();
    let meta = meta(top.metadata);
    let filled = |raw| lenient::<String>(raw).filter(|t| !t.is_empty());
    Names { kind: filled(top.kind), name: filled(meta.name), generate_name: filled(meta.generate_name) }
}

/// What the authorizer reads of an object.
#[derive(Debug, PartialEq)]
pub(super) enum Reads {
    Rules(Vec<PolicyRule>),
    /// Role kind and name, and each subject's kind, name and namespace: `apiGroup` is not read.
    Gives((String, String), Vec<(String, String, String)>),
}

impl Body {
    /// What RBAC reads, or nothing when it cannot be decoded.
    pub(super) fn reads(&self, kind: RbacKind) -> Option<Reads> {
        Parts::of(self)?.reads(kind)
    }

    /// Labels; empty when there are none, nothing when they cannot be decoded.
    pub(super) fn labels(&self) -> Option<BTreeMap<String, String>> {
        let top: Top<'_> = serde_json::from_str(&self.text).ok()?;
        let meta: Meta<'_> = serde_json::from_str(top.metadata?.get()).ok()?;
        let labels = meta.labels.map(|l| serde_json::from_str::<Option<BTreeMap<String, String>>>(l.get()));
        labels.map_or(Some(BTreeMap::new()), |l| l.ok().map(Option::unwrap_or_default))
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

/// The parts of an object that RBAC reads, as JSON texts; a part that is missing is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) rules: Option<Arc<str>>,
    pub(super) role_ref: Option<Arc<str>>,
    pub(super) subjects: Option<Arc<str>>,
}

impl Parts {
    /// All parts of a whole body; what is absent is known to be empty. Nothing when it cannot be decoded.
    pub(super) fn of(body: &Body) -> Option<Self> {
        let fields: RbacFields<'_> = serde_json::from_str(&body.text).ok()?;
        let part = |raw: Option<&RawValue>, empty| Some(Arc::from(raw.map_or(empty, RawValue::get)));
        Some(Self {
            rules: part(fields.rules, "[]"),
            role_ref: part(fields.role_ref, "{}"),
            subjects: part(fields.subjects, "[]"),
        })
    }

    /// Only what cannot change while the object lives.
    pub(super) fn immutable(&self) -> Self {
        Self { role_ref: self.role_ref.clone(), ..Self::default() }
    }

    /// Whether all that RBAC reads of the kind is known.
    pub(super) fn complete(&self, kind: RbacKind) -> bool {
        if is_role(kind) { self.rules.is_some() } else { self.role_ref.is_some() && self.subjects.is_some() }
    }

    /// What RBAC reads, when complete and decodable.
    pub(super) fn reads(&self, kind: RbacKind) -> Option<Reads> {
        if is_role(kind) {
            return self.rules().map(Reads::Rules);
        }
        let subjects = self.subjects()?.into_iter().map(|s| (s.kind, s.name, s.namespace)).collect();
        Some(Reads::Gives(self.given()?, subjects))
    }

    fn rules(&self) -> Option<Vec<PolicyRule>> {
        serde_json::from_str::<Option<Vec<PolicyRule>>>(self.rules.as_ref()?).ok().map(Option::unwrap_or_default)
    }

    fn subjects(&self) -> Option<Vec<Subject>> {
        serde_json::from_str::<Option<Vec<Subject>>>(self.subjects.as_ref()?).ok().map(Option::unwrap_or_default)
    }

    /// Kind and name of the role given, when known and decodable.
    pub(super) fn given(&self) -> Option<(String, String)> {
        let role: RoleRef = serde_json::from_str(self.role_ref.as_ref()?).ok()?;
        Some((role.kind, role.name))
    }
}
