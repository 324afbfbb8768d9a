//! Who owns which fields: `metadata.managedFields`, read, brought forward over a change, and written.
//!
//! Only with ownership can a later server-side apply be told exactly, so every patch brings it forward.
//! The time of an entry that this changes is left out: the request does not tell it.
//! Source: `apimachinery/pkg/util/managedfields`, `structured-merge-diff/merge/update.go`.

use serde_json::{Map, Value, json};

use super::difference::Difference;
use super::fields::FieldSet;
use super::schema::Spot;

/// Fields that nobody owns: the API server sets them.
const UNOWNED: [&str; 2] = ["f:apiVersion", "f:kind"];
const UNOWNED_METADATA: [&str; 9] = [
    "f:name",
    "f:namespace",
    "f:creationTimestamp",
    "f:selfLink",
    "f:uid",
    "f:clusterName",
    "f:generation",
    "f:managedFields",
    "f:resourceVersion",
];

/// Who makes a change, in the terms of `managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Actor {
    /// Name of the field manager.
    pub(super) manager: String,
    /// Whether by server-side apply.
    pub(super) applies: bool,
    /// `group/version` of the request.
    pub(super) api_version: String,
    /// Subresource, `""` for none.
    pub(super) subresource: String,
}

/// One entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    actor: Actor,
    pub(super) set: FieldSet,
    /// As it was read; what is not changed is written back from here.
    read: Map<String, Value>,
}

impl Entry {
    /// Whether the entry is the actor's own. An applier is the same in every version.
    pub(super) fn is_of(&self, actor: &Actor) -> bool {
        let same_version = actor.applies || self.actor.api_version == actor.api_version;
        let same =
            |e: &Actor| e.manager == actor.manager && e.applies == actor.applies && e.subresource == actor.subresource;
        same(&self.actor) && same_version
    }

    fn parse(value: &Value) -> Option<Self> {
        let read = value.as_object()?;
        let text = |field: &str| read.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let applies = match read.get("operation").and_then(Value::as_str)? {
            "Apply" => true,
            "Update" => false,
            _ => return None,
        };
        let actor = Actor {
            manager: text("manager"),
            applies,
            api_version: text("apiVersion"),
            subresource: text("subresource"),
        };
        Some(Self { actor, set: FieldSet::parse(read.get("fieldsV1")?), read: read.clone() })
    }

    fn to_json(&self) -> Value {
        let mut out = self.read.clone();
        out.insert("fieldsV1".to_owned(), self.set.to_json());
        Value::Object(out)
    }

    fn of(actor: &Actor, set: FieldSet) -> Self {
        let operation = if actor.applies { "Apply" } else { "Update" };
        let mut read = Map::new();
        for (field, value) in [
            ("manager", actor.manager.as_str()),
            ("operation", operation),
            ("apiVersion", &actor.api_version),
            ("fieldsType", "FieldsV1"),
        ] {
            read.insert(field.to_owned(), json!(value));
        }
        if !actor.subresource.is_empty() {
            read.insert("subresource".to_owned(), json!(actor.subresource));
        }
        Self { actor: actor.clone(), set, read }
    }
}

/// The entries of an object; `None` when it has none or they do not read, so that ownership is not known.
/// An empty list, which no API server prints, is how [`write`] says that nobody owns anything.
pub(super) fn read(object: &Value) -> Option<Vec<Entry>> {
    object.get("metadata")?.get("managedFields")?.as_array()?.iter().map(Entry::parse).collect()
}

/// The owners that an apply finds: if there are none yet, all there is goes to an entry of its own.
pub(super) fn before_apply(entries: Vec<Entry>, live: &Value, root: Spot, actor: &Actor) -> Vec<Entry> {
    if !entries.is_empty() {
        return entries;
    }
    let first = Actor { manager: "before-first-apply".to_owned(), applies: false, ..actor.clone() };
    let mut set = Difference::between(&Value::Object(Map::new()), live, root, true).written;
    strip(&mut set, "");
    vec![Entry::of(&first, set)]
}

/// Whether the object asks for ownership to be forgotten: one empty entry.
pub(super) fn asks_for_reset(object: &Value) -> bool {
    let list = object.get("metadata").and_then(|m| m.get("managedFields")).and_then(Value::as_array);
    list.is_some_and(|list| matches!(list.as_slice(), [Value::Object(only)] if only.is_empty()))
}

/// Writes the entries into an object, or takes `managedFields` off it when they are not known.
pub(super) fn write(object: &mut Value, entries: Option<&[Entry]>) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    metadata.remove("managedFields");
    if let Some(entries) = entries {
        metadata.insert("managedFields".to_owned(), entries.iter().map(Entry::to_json).collect());
    }
}

/// Brings entries forward over a change. `applied` is what an applier's configuration holds; for others the
/// actor owns what they wrote. Everybody else loses what was written and what is gone.
pub(super) fn bring_forward(
    mut entries: Vec<Entry>,
    actor: &Actor,
    change: &Difference,
    applied: Option<&FieldSet>,
) -> Vec<Entry> {
    // an object that nobody owns stays so until something is applied to it
    if entries.is_empty() && applied.is_none() {
        return entries;
    }
    let lost = change.written.union(&change.removed);
    let mut own = None;
    for (place, entry) in entries.iter_mut().enumerate() {
        if entry.is_of(actor) {
            own = Some(place);
        } else {
            entry.set = entry.set.difference(&lost);
        }
    }
    let before = own.and_then(|place| entries.get(place)).map(|entry| entry.set.clone()).unwrap_or_default();
    let mut after = match applied {
        Some(applied) => applied.clone(),
        None => before.difference(&change.removed).union(&change.written),
    };
    strip(&mut after, &actor.subresource);
    match own.and_then(|place| entries.get_mut(place)) {
        Some(entry) if entry.set == after => {}
        Some(entry) => *entry = Entry::of(actor, after),
        None => entries.push(Entry::of(actor, after)),
    }
    entries.retain(|entry| !entry.set.is_empty());
    entries
}

/// Takes out what nobody owns, and what the endpoint used does not write.
pub(super) fn strip(set: &mut FieldSet, subresource: &str) {
    for step in UNOWNED {
        set.cut(step);
    }
    let mut metadata = set.below("f:metadata").cloned().unwrap_or_default();
    for step in UNOWNED_METADATA {
        metadata.cut(step);
    }
    set.cut("f:metadata");
    set.insert_below("f:metadata", metadata);
    match subresource {
        "" => set.cut("f:status"),
        "status" => set.keep(|step| step == "f:status" || step == "f:metadata"),
        _ => {}
    }
}
