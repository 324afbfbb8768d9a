//! Server-side apply: merge the configuration in, then take out what its manager applied last time, leaves
//! out now, and nobody else owns.
//!
//! Source: `structured-merge-diff` (`merge/update.go`, `typed/merge.go`).

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::fields::{self, FieldSet};
use super::last_applied;
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
    let config = without_owners(config)?;
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
    if let Some((_, actor)) = known {
        objects.iter_mut().for_each(|object| last_applied::sync(object, &config, &actor.manager));
    }
    Ok(Applied { objects, set })
}

/// A configuration must not say who owns what.
fn without_owners(config: &Value) -> Result<Value, Refused> {
    let mut config = config.clone();
    let metadata = config.get_mut("metadata").and_then(Value::as_object_mut);
    match metadata.and_then(|metadata| metadata.remove("managedFields")) {
        None | Some(Value::Null) => Ok(config),
        Some(Value::Array(list)) if list.is_empty() => Ok(config),
        Some(_) => Err("an applied configuration must not set `metadata.managedFields`"),
    }
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

    /// Merges two lists whose items are known by keys or by value.
    fn merge_items(&self, old: Vec<Value>, wanted: &[Value], spot: Spot) -> Vec<Value> {
        let step = |item: &Value| fields::item_step(item, spot.keys());
        let places: HashMap<String, usize> =
            wanted.iter().enumerate().filter_map(|(at, item)| Some((step(item)?, at))).collect();
        let counterparts: Vec<Option<usize>> =
            old.iter().map(|item| step(item).and_then(|step| places.get(&step).copied())).collect();
        let known: HashMap<usize, &Value> =
            counterparts.iter().zip(&old).filter_map(|(at, item)| Some(((*at)?, item))).collect();
        let item_of = |source: Source| match source {
            Source::Live(at) => old.get(at).cloned(),
            Source::Wanted(at) => {
                let item = wanted.get(at)?;
                let mut out = known.get(&at).map_or_else(|| item.clone(), |live| (*live).clone());
                self.merge(&mut out, item, spot.item(), false, None);
                Some(out)
            }
        };
        weave(&counterparts, wanted.len()).into_iter().filter_map(item_of).collect()
    }
}

/// Where an item of a merged list comes from, by its place there.
#[derive(Clone, Copy)]
enum Source {
    /// Only the live list has it.
    Live(usize),
    /// The configuration has it, and the live list perhaps, too.
    Wanted(usize),
}

/// The order of a merged list. `counterparts` says for each live item where the configuration has it. Both
/// orders are kept where they agree; where not, the configuration's wins, and items that only the live list
/// has stay before the next item they preceded.
fn weave(counterparts: &[Option<usize>], wanted: usize) -> Vec<Source> {
    let known: HashSet<usize> = counterparts.iter().flatten().copied().collect();
    let mut shared = (0..wanted).filter(|at| known.contains(at)).peekable();
    let mut live = counterparts.iter().enumerate().peekable();
    let mut out = Vec::with_capacity(counterparts.len().saturating_add(wanted));
    let mut done = 0;
    while live.peek().is_some() || done < wanted {
        if let Some((place, counterpart)) = live.peek() {
            let Some(at) = **counterpart else {
                out.push(Source::Live(*place));
                live.next();
                continue;
            };
            // an item that the configuration has elsewhere is skipped: its turn comes there
            let skipped = done < wanted && at != done && shared.peek().is_some_and(|next| *next != at);
            if skipped || at <= done {
                live.next();
            }
            if skipped {
                continue;
            }
        }
        if done < wanted {
            out.push(Source::Wanted(done));
            shared.next_if_eq(&done);
            done = done.saturating_add(1);
        }
    }
    out
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
