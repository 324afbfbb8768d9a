//! Sets of fields, as `metadata.managedFields` holds them (`fieldsV1`), and what objects say in their terms.
//!
//! A set is a tree: each step is `f:field`, `k:{keys}` of a list's item, or `v:value` of a set's. The
//! functions follow `sigs.k8s.io/structured-merge-diff` (tofieldset, remove, compare), from which the API
//! server's ownership rules come.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::schema::{Spot, key_default};

/// A set of field paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    steps: BTreeMap<String, Step>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Step {
    /// Whether the path that ends here is in the set.
    member: bool,
    below: FieldSet,
}

/// A value inside another, with the step that leads to it.
pub(super) struct Child<'v> {
    pub(super) step: String,
    pub(super) value: &'v Value,
    pub(super) spot: Spot,
    /// Whether it is a field of a type, not data of a map or list.
    pub(super) named: bool,
}

/// What is inside a value; `None` when it is owned as a whole.
/// Items of a list that lack a key, and second items of the same name, are left out.
pub(super) fn children<'v>(value: &'v Value, spot: Spot, top: bool) -> Option<Vec<Child<'v>>> {
    if spot.is_atomic(value) {
        return None;
    }
    match value {
        Value::Object(fields) => Some(
            fields
                .iter()
                .map(|(name, value)| Child {
                    step: format!("f:{name}"),
                    value,
                    spot: spot.field(name, top),
                    named: !spot.is_map(),
                })
                .collect(),
        ),
        Value::Array(items) => {
            let mut seen = std::collections::HashSet::new();
            let named = items.iter().filter_map(|item| Some((item_step(item, spot.keys())?, item)));
            let once = named.filter(|(step, _)| seen.insert(step.clone()));
            Some(once.map(|(step, value)| Child { step, value, spot: spot.item(), named: false }).collect())
        }
        _ => None,
    }
}

/// The step to an item of a list: by its keys, or by its value when there are none.
pub(super) fn item_step(item: &Value, keys: &[&str]) -> Option<String> {
    if keys.is_empty() {
        return (!item.is_object() && !item.is_array()).then(|| format!("v:{item}"));
    }
    let fields = item.as_object()?;
    let known: BTreeMap<&str, Value> = keys
        .iter()
        .filter_map(|key| {
            Some((*key, fields.get(*key).filter(|v| !v.is_null()).cloned().or_else(|| key_default(key))?))
        })
        .collect();
    (!known.is_empty()).then(|| format!("k:{}", serde_json::to_string(&known).unwrap_or_default()))
}

impl FieldSet {
    /// Reads `fieldsV1`; steps of an unknown form are kept as they are, so that they compare to themselves.
    pub(super) fn parse(fields: &Value) -> Self {
        let mut set = Self::default();
        let Value::Object(fields) = fields else { return set };
        for (step, below) in fields {
            if step == "." {
                continue;
            }
            let inner = Self::parse(below);
            let member = below.get(".").is_some() || inner.is_empty();
            set.steps.insert(canonical(step), Step { member, below: inner });
        }
        set
    }

    /// Writes `fieldsV1`.
    pub(super) fn to_json(&self) -> Value {
        let mut out = Map::new();
        for (name, step) in &self.steps {
            let mut below = step.below.to_json();
            if let (Value::Object(below), true, false) = (&mut below, step.member, step.below.is_empty()) {
                below.insert(".".to_owned(), Value::Object(Map::new()));
            }
            out.insert(name.clone(), below);
        }
        Value::Object(out)
    }

    /// All paths of an object.
    pub(super) fn of(value: &Value, spot: Spot, top: bool) -> Self {
        let mut set = Self::default();
        for child in children(value, spot, top).into_iter().flatten() {
            let whole = is_whole(&child);
            let below = if whole { Self::default() } else { Self::of(child.value, child.spot, false) };
            let member = whole || !child.named;
            if member || !below.is_empty() {
                set.steps.insert(child.step, Step { member, below });
            }
        }
        set
    }

    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether the path of this one step is in the set.
    pub(super) fn has(&self, step: &str) -> bool {
        self.steps.get(step).is_some_and(|s| s.member)
    }

    /// The paths below a step.
    pub(super) fn below(&self, step: &str) -> Option<&Self> {
        self.steps.get(step).map(|s| &s.below)
    }

    pub(super) fn insert(&mut self, step: &str) {
        self.steps.entry(step.to_owned()).or_default().member = true;
    }

    /// Adds a whole set below a step.
    pub(super) fn insert_below(&mut self, step: &str, below: Self) {
        if !below.is_empty() {
            let old = self.steps.entry(step.to_owned()).or_default();
            old.below = old.below.union(&below);
        }
    }

    /// Takes a step with all below it out.
    pub(super) fn cut(&mut self, step: &str) {
        self.steps.remove(step);
    }

    /// Keeps only these steps with all below them.
    pub(super) fn keep(&mut self, wanted: impl Fn(&str) -> bool) {
        self.steps.retain(|step, _| wanted(step));
    }

    /// Paths in either.
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut out = self.clone();
        for (name, step) in &other.steps {
            let mine = out.steps.entry(name.clone()).or_default();
            mine.member |= step.member;
            mine.below = mine.below.union(&step.below);
        }
        out
    }

    /// Paths in both.
    pub(super) fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a && b, Self::intersection)
    }

    /// Paths in the first and not in the second.
    pub(super) fn difference(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a && !b, Self::difference)
    }

    fn combine(&self, other: &Self, member: fn(bool, bool) -> bool, below: fn(&Self, &Self) -> Self) -> Self {
        let none = Step::default();
        let mut out = Self::default();
        for (name, mine) in &self.steps {
            let theirs = other.steps.get(name).unwrap_or(&none);
            let step = Step { member: member(mine.member, theirs.member), below: below(&mine.below, &theirs.below) };
            if step.member || !step.below.is_empty() {
                out.steps.insert(name.clone(), step);
            }
        }
        out
    }

    /// The set with every named field that leads to a path made a member, too.
    pub(super) fn with_named(&self, spot: Spot, top: bool) -> Self {
        let mut out = Self::default();
        for (name, step) in &self.steps {
            let (inner, named) = match name.strip_prefix("f:") {
                Some(field) => (spot.field(field, top), !spot.is_map()),
                None => (spot.item(), false),
            };
            let below = step.below.with_named(inner, false);
            let member = step.member || named && !below.is_empty();
            out.steps.insert(name.clone(), Step { member, below });
        }
        out
    }
}

/// Whether the value a child holds counts as one path: scalars, atomic values, nulls and empty objects.
pub(super) fn is_whole(child: &Child<'_>) -> bool {
    child.spot.is_atomic(child.value) || child.value.as_object().is_some_and(Map::is_empty)
}

/// One spelling for each step: the JSON in it is parsed and written again.
fn canonical(step: &str) -> String {
    let Some((kind @ ("k" | "v"), json)) = step.split_once(':') else { return step.to_owned() };
    match serde_json::from_str::<BTreeMap<String, Value>>(json) {
        Ok(keys) => format!("{kind}:{}", serde_json::to_string(&keys).unwrap_or_default()),
        Err(_) => {
            serde_json::from_str::<Value>(json).map_or_else(|_| step.to_owned(), |value| format!("{kind}:{value}"))
        }
    }
}

/// Takes the paths of a set out of an object. What is left without any content goes, too.
pub(super) fn remove(value: &mut Value, set: &FieldSet, spot: Spot, top: bool) {
    if set.is_empty() || spot.is_atomic(value) {
        return;
    }
    match value {
        Value::Object(fields) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            for name in names {
                let step = format!("f:{name}");
                let inner = spot.field(&name, top);
                let (Some(below), Some(field)) = (set.below(&step), fields.get_mut(&name)) else { continue };
                let had_content = !is_hollow(field);
                if !set.has(&step) {
                    remove(field, below, inner, false);
                }
                if set.has(&step) || had_content && is_hollow(field) {
                    fields.remove(&name);
                }
            }
        }
        Value::Array(items) => {
            let keys = spot.keys();
            items.retain_mut(|item| {
                let Some(step) = item_step(item, keys) else { return true };
                if let Some(below) = set.below(&step).filter(|_| !set.has(&step)) {
                    remove(item, below, spot.item(), false);
                }
                !set.has(&step)
            });
        }
        _ => {}
    }
}

fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
