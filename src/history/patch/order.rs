//! The order of merged lists: the patch's (or `$setElementOrder`'s) items keep their order, the server's
//! keep theirs, and the two are woven together by where the server had them.
//!
//! Source: `apimachinery/pkg/util/strategicpatch/patch.go`, normalizeElementOrder and mergeSortedSlice.

use std::collections::HashMap;

use serde_json::Value;

use super::strategic::Refused;

/// Where the items of a list stand, by merge key, or by value for scalars. Of twins the first counts.
pub(super) struct Places<'k> {
    key: Option<&'k str>,
    known: HashMap<String, usize>,
}

impl<'k> Places<'k> {
    /// Notes where the items of a list stand.
    pub(super) fn new(items: &[Value], key: Option<&'k str>) -> Self {
        let mut places = Self { key, known: HashMap::with_capacity(items.len()) };
        for (at, item) in items.iter().enumerate() {
            places.add(item, at);
        }
        places
    }

    /// Notes one more item.
    pub(super) fn add(&mut self, item: &Value, at: usize) {
        if let Some(name) = self.name(item) {
            self.known.entry(name).or_insert(at);
        }
    }

    /// Where the item known by the same key or value stands.
    pub(super) fn of(&self, item: &Value) -> Option<usize> {
        self.known.get(&self.name(item)?).copied()
    }

    fn name(&self, item: &Value) -> Option<String> {
        match self.key {
            Some(key) => item.get(key).map(Value::to_string),
            None => Some(item.to_string()),
        }
    }
}

/// Whether the items are objects (`true`) or scalars of one type (`false`).
pub(super) fn kind_of_items<'v>(items: impl Iterator<Item = &'v Value>) -> Result<bool, Refused> {
    let type_of = |item: &Value| match item {
        Value::Null => Err("a list holds null"),
        Value::Array(_) => Err("a list holds lists"),
        Value::Object(_) => Ok(0_u8),
        Value::String(_) => Ok(1),
        Value::Bool(_) => Ok(2),
        Value::Number(number) => Ok(if number.is_f64() { 3 } else { 4 }),
    };
    let mut first = None;
    for item in items {
        let this = type_of(item)?;
        if *first.get_or_insert(this) != this {
            return Err("a list holds items of several types");
        }
    }
    first.map(|kind| kind == 0).ok_or("neither of two lists holds an item")
}

/// Whether the patch's items appear in the wanted order. Items that delete are not looked at; items with
/// another directive only count when nothing is left of the wanted order.
pub(super) fn follows(patch: &[Value], wanted: &[Value], key: Option<&str>) -> Result<(), Refused> {
    if patch.is_empty() || wanted.is_empty() {
        return Ok(());
    }
    let name = |item: &Value| match key {
        Some(key) => item.get(key).cloned(),
        None => Some(item.clone()),
    };
    let deletes = |item: &&Value| key.is_some() && item.get("$patch").is_some_and(|directive| directive == "delete");
    let mut rest = patch.iter().filter(|item| !deletes(item)).peekable();
    for item in wanted {
        while rest.next_if(|next| next.get("$patch").is_some()).is_some() {}
        rest.next_if(|next| name(next) == name(item));
    }
    if rest.peek().is_some() { Err("the patch's list does not follow its own `$setElementOrder`") } else { Ok(()) }
}

/// Puts merged items in order: those that `wanted` names by it, the others as the server had them.
pub(super) fn arrange(
    merged: Vec<Value>,
    wanted: &[Value],
    server: &[Value],
    key: Option<&str>,
) -> Result<Vec<Value>, Refused> {
    if key.is_some_and(|key| merged.iter().chain(wanted).any(|item| item.get(key).is_none())) {
        return Err("an item lacks its merge key");
    }
    let wanted = Places::new(wanted, key);
    let server = Places::new(server, key);
    let (mut named, mut others): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|item| wanted.of(item).is_some());
    named.sort_by_key(|item| wanted.of(item));
    others.sort_by_key(|item| server.of(item));
    let mut out = Vec::with_capacity(named.len().saturating_add(others.len()));
    let (mut named, mut others) = (named.into_iter().peekable(), others.into_iter().peekable());
    while let (Some(right), Some(left)) = (named.peek(), others.peek()) {
        let before = matches!((server.of(left), server.of(right)), (Some(left), Some(right)) if left < right);
        out.extend(if before { others.next() } else { named.next() });
    }
    out.extend(named);
    out.extend(others);
    Ok(out)
}
