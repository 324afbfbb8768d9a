//! Server-side apply: merge the configuration in, then take out what its manager applied last time, leaves
//! out now, and nobody else owns.
//!
//! Source: `structured-merge-diff` (`merge/update.go`, `typed/merge.go`).

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::fields::{self, FieldSet};
use super::ownership::{self, Actor, Entry};
use super::schema::{Shape, Spot};
use super::strategic::Refused;

/// What a configuration is applied to.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// The object, without `managedFields`.
    pub(super) live: &'a Value,
    /// Its type.
    pub(super) root: Spot,
    /// Subresource, `""` for none.
    pub(super) subresource: &'a str,
    /// Whether all its lists' rules are known.
    pub(super) builtin: bool,
}

/// What applying gives.
pub(super) struct Applied {
    /// The object; further ones when it is not known what the manager owned, or which lists merge.
    pub(super) objects: Vec<Value>,
    /// What the configuration holds, for the manager's entry.
    pub(super) set: FieldSet,
}

/// Applies a configuration. `known` are the owners and who applies, if both are known.
///
/// # Errors
/// Says why the API server would refuse it.
pub(super) fn apply(
    target: &Target<'_>,
    config: &Value,
    known: Option<(&[Entry], &Actor)>,
) -> Result<Applied, Refused> {
    let root = target.root;
    let mut config = config.clone();
    if let Some(metadata) = config.get_mut("metadata").and_then(Value::as_object_mut) {
        match metadata.remove("managedFields") {
            None | Some(Value::Null) => {}
            Some(Value::Array(list)) if list.is_empty() => {}
            Some(_) => return Err("an applied configuration must not set `metadata.managedFields`"),
        }
    }
    check_items(&config, root, true)?;
    let mut set = FieldSet::of(&config, root, true);
    ownership::strip(&mut set, target.subresource);
    let owners = known.map(|(entries, _)| entries.iter().fold(FieldSet::default(), |all, e| all.union(&e.set)));
    let mut objects = Vec::new();
    let lists = if target.builtin { &[Lists::Replace][..] } else { &[Lists::Replace, Lists::Unite] };
    for lists in lists {
        let mut merged = target.live.clone();
        Merge { lists: *lists }.merge(&mut merged, &config, root, true, owners.as_ref());
        let own = |entry: &&Entry, actor: &Actor| entry.is_of(actor);
        match known {
            None => {
                let mut everything = FieldSet::of(&merged, root, true);
                ownership::strip(&mut everything, target.subresource);
                objects.extend([merged.clone(), prune(merged, &everything, &set, root)]);
            }
            Some((entries, actor)) => match entries.iter().find(|entry| own(entry, actor)) {
                None => objects.push(merged),
                Some(last) => {
                    let others = entries.iter().filter(|entry| !own(entry, actor));
                    let owned = others.fold(set.clone(), |owned, entry| owned.union(&entry.set));
                    objects.push(prune(merged, &last.set, &owned, root));
                }
            },
        }
    }
    Ok(Applied { objects, set })
}

/// Items of a keyed list must have a key, and no two the same.
fn check_items(config: &Value, spot: Spot, top: bool) -> Result<(), Refused> {
    if let (Value::Array(items), false) = (config, spot.is_atomic(config)) {
        let mut seen = HashSet::new();
        for item in items {
            let step = fields::item_step(item, spot.keys()).ok_or("an item of an applied list has no key")?;
            if !seen.insert(step) {
                return Err("an applied list names an item twice");
            }
        }
    }
    fields::children(config, spot, top)
        .into_iter()
        .flatten()
        .try_for_each(|child| check_items(child.value, child.spot, false))
}

/// What becomes of lists whose rule is not known: a definition of custom resources may say either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lists {
    Replace,
    Unite,
}

struct Merge {
    lists: Lists,
}

impl Merge {
    /// Merges a configuration into an object. A null takes a plain or atomic value away, and says nothing about
    /// a list or object that merges. `owners` show which lists are owned whole.
    fn merge(&self, live: &mut Value, config: &Value, spot: Spot, top: bool, owners: Option<&FieldSet>) {
        match (&mut *live, config) {
            (Value::Object(fields), Value::Object(wanted)) if !spot.is_atomic(config) => {
                for (name, value) in wanted {
                    let inner = spot.field(name, top);
                    let step = format!("f:{name}");
                    let whole = owners.is_some_and(|o| o.has(&step) && o.below(&step).is_none_or(FieldSet::is_empty));
                    if let (Some(Value::Array(old)), Value::Array(new), Lists::Unite, false) =
                        (fields.get_mut(name), value, self.lists, whole || inner.shape != Shape::Plain)
                    {
                        let known: HashSet<String> = old.iter().map(Value::to_string).collect();
                    old.extend(new.iter().filter(|item| !known.contains(&item.to_string())).cloned());
                    continue;
                    }
                    let below = owners.and_then(|owners| owners.below(&step));
                    match fields.get_mut(name) {
                        Some(old) if value.is_null() && !inner.is_atomic(old) => {}
                        Some(_) if value.is_null() => {
                            fields.remove(name);
                        }
                        Some(old) => self.merge(old, value, inner, false, below),
                        None if value.is_null() => {}
                        None => {
                            fields.insert(name.clone(), value.clone());
                        }
                    }
                }
            }
            (Value::Array(items), Value::Array(wanted)) if !spot.is_atomic(config) => {
                let old = std::mem::take(items);
                *items = self.merge_items(old, wanted, spot);
            }
            (live, config) => *live = config.clone(),
        }
    }

    /// Merges two keyed lists. Both orders are kept where they agree; where not, the configuration's wins, and
    /// items that only the live list has stay before the next item they preceded.
    fn merge_items(&self, old: Vec<Value>, wanted: &[Value], spot: Spot) -> Vec<Value> {
        let step = |item: &Value| fields::item_step(item, spot.keys());
        let wanted: Vec<(Option<String>, &Value)> = wanted.iter().map(|item| (step(item), item)).collect();
        let places: HashMap<&str, usize> =
            wanted.iter().enumerate().filter_map(|(at, (s, _))| Some((s.as_deref()?, at))).collect();
        let old: Vec<(Option<usize>, Value)> =
            old.into_iter().map(|item| (step(&item).and_then(|s| places.get(s.as_str()).copied()), item)).collect();
        let mut known: HashMap<usize, &Value> = HashMap::new();
        for (at, item) in &old {
            at.and_then(|at| known.insert(at, item));
        }
        let merged = |at: usize| {
            let (_, item) = wanted.get(at)?;
            let mut out = known.get(&at).map_or_else(|| (*item).clone(), |live| (*live).clone());
            self.merge(&mut out, item, spot.item(), false, None);
            Some(out)
        };
        let mut shared = (0..wanted.len()).filter(|at| known.contains_key(at)).peekable();
        let mut out = Vec::with_capacity(old.len().saturating_add(wanted.len()));
        let mut done = 0;
        let mut left = old.iter().peekable();
        while left.peek().is_some() || done < wanted.len() {
            if let Some((at, item)) = left.peek() {
                let in_turn = *at == Some(done);
                if at.is_none() {
                    out.push(item.clone());
                    left.next();
                    continue;
                }
                // an item that the configuration has, too, but not here: skipped, its turn comes with the configuration
                let out_of_order =
                    done < wanted.len() && !in_turn && shared.peek().is_some_and(|next| Some(*next) != *at);
                if in_turn || out_of_order || at.is_some_and(|at| at < done) {
                    left.next();
                }
                if out_of_order {
                    continue;
                }
            }
            if done < wanted.len() {
                out.extend(merged(done));
                shared.next_if_eq(&done);
                done = done.saturating_add(1);
            }
        }
        out
    }
}

/// Takes out of a merged object what `last` holds and `owned` does not.
fn prune(merged: Value, last: &FieldSet, owned: &FieldSet, root: Spot) -> Value {
    let all = |value: &Value| FieldSet::of(value, root, true).with_named(root, true);
    let last = last.with_named(root, true);
    let owned = owned.with_named(root, true);
    let before = all(&merged);
    let mut pruned = merged.clone();
    fields::remove(&mut pruned, &last, root, true);
    let unwanted = before.difference(&all(&pruned).union(&owned));
    let mut pruned = merged.clone();
    fields::remove(&mut pruned, &unwanted, root, true);
    let gone = before.difference(&all(&pruned)).intersection(&last);
    let mut out = merged;
    fields::remove(&mut out, &gone, root, true);
    out
}
