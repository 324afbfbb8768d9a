//! Where two JSON objects differ, in words, without what changes by itself. Values of Secrets are never told.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::words;

/// Differences below one top-level field that are told one by one; of more, the number is told.
const MOST_IN_FIELD: usize = 12;
/// Lines of a text that are told.
const MOST_LINES: usize = 8;
/// Bytes of a value that are shown.
const MOST_SHOWN: usize = 80;

/// Fields that change without anybody meaning it.
const BOOKKEEPING: [&[&str]; 9] = [
    &["apiVersion"],
    &["kind"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
    &["metadata", "generation"],
    &["metadata", "uid"],
    &["metadata", "selfLink"],
    &["metadata", "creationTimestamp"],
    &["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"],
];

/// Goes through two JSON trees and collects where they differ.
pub(super) struct Walk {
    /// The object is a Secret: no values.
    secret: bool,
    /// Top-level field, and what is to be said.
    found: Vec<(String, String)>,
}

impl Walk {
    /// Differences between two objects in words, but for the fields that `skip` names.
    pub(super) fn differences(
        old: &serde_json::Map<String, Json>,
        new: &serde_json::Map<String, Json>,
        secret: bool,
        skip: &dyn Fn(&str) -> bool,
    ) -> Vec<String> {
        let mut walk = Self { secret, found: Vec::new() };
        walk.fields(old, new, &mut Vec::new(), skip);
        walk.summed_up()
    }

    fn fields(
        &mut self,
        old: &serde_json::Map<String, Json>,
        new: &serde_json::Map<String, Json>,
        path: &mut Vec<String>,
        skip: &dyn Fn(&str) -> bool,
    ) {
        let mut keys: Vec<&String> = old.keys().chain(new.keys().filter(|k| !old.contains_key(*k))).collect();
        keys.sort();
        for key in keys {
            path.push(key.clone());
            let bookkeeping = BOOKKEEPING.iter().any(|b| b.iter().eq(path.iter()));
            let skipped = path.len() == 1 && skip(key);
            if !bookkeeping && !skipped {
                self.pair(old.get(key), new.get(key), path);
            }
            path.pop();
        }
    }

    fn pair(&mut self, old: Option<&Json>, new: Option<&Json>, path: &mut Vec<String>) {
        match (old, new) {
            (Some(Json::Object(a)), Some(Json::Object(b))) => self.fields(a, b, path, &|_| false),
            (Some(Json::Array(a)), Some(Json::Array(b))) => self.items(a, b, path),
            (a, b) if a == b => {}
            // An empty object is as good as none: go in, so that each field is told.
            (None, Some(Json::Object(b))) if !b.is_empty() && path.len() < 3 => {
                self.fields(&serde_json::Map::new(), b, path, &|_| false)
            }
            (Some(Json::Object(a)), None) if !a.is_empty() && path.len() < 3 => {
                self.fields(a, &serde_json::Map::new(), path, &|_| false)
            }
            (None, Some(b)) => self.say(path, &format!("added: {}", self.shown(b, path))),
            (Some(a), None) => self.say(path, &format!("removed: {}", self.shown(a, path))),
            (Some(_), Some(_)) if self.hides(path) => self.say(path, "changed"),
            (Some(Json::String(a)), Some(Json::String(b))) if a.contains('\n') || b.contains('\n') => {
                self.lines(a, b, path)
            }
            (Some(a), Some(b)) => {
                self.say(path, &format!("changed from {} to {}", self.shown(a, path), self.shown(b, path)))
            }
            (None, None) => {}
        }
    }

    fn items(&mut self, old: &[Json], new: &[Json], path: &mut Vec<String>) {
        if let (Some(a), Some(b)) = (by_name(old), by_name(new)) {
            for name in a.keys().chain(b.keys().filter(|n| !a.contains_key(*n))) {
                path.push((*name).to_owned());
                self.pair(a.get(name).copied(), b.get(name).copied(), path);
                path.pop();
            }
            return;
        }
        for place in 0..old.len().max(new.len()) {
            path.push(place.to_string());
            self.pair(old.get(place), new.get(place), path);
            path.pop();
        }
    }

    /// Texts of several lines, such as a file in a ConfigMap: the lines that came and went.
    fn lines(&mut self, old: &str, new: &str, path: &[String]) {
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for (text, by) in [(old, -1), (new, 1)] {
            for line in text.lines() {
                *counts.entry(line).or_default() += by;
            }
        }
        let before = self.found.len();
        // Told in the order of the texts.
        for (text, sign, verb) in [(old, -1, "removed"), (new, 1, "added")] {
            let mut told: Vec<String> = Vec::new();
            for line in text.lines() {
                if let Some(count) = counts.get_mut(line).filter(|c| c.signum() == sign) {
                    *count -= sign;
                    told.push(self.shown(&Json::from(line.trim()), path));
                }
            }
            if !told.is_empty() {
                self.say(path, &format!("lines {verb}: {}", words::some(&told, MOST_LINES, " | ")));
            }
        }
        if self.found.len() == before {
            self.say(path, "changed in the order or the ends of its lines");
        }
    }

    fn hides(&self, path: &[String]) -> bool {
        self.secret && matches!(path.first().map(String::as_str), Some("data" | "stringData"))
    }

    fn shown(&self, value: &Json, path: &[String]) -> String {
        if self.hides(path) {
            return "a value".to_owned();
        }
        let text = match value {
            Json::String(s) if !s.is_empty() => s.clone(),
            other => other.to_string(),
        };
        match value {
            _ if text.len() <= MOST_SHOWN => text,
            Json::Array(items) => format!("{} items", items.len()),
            Json::Object(fields) => format!("{} fields", fields.len()),
            _ => format!("a text of {} bytes", text.len()),
        }
    }

    fn say(&mut self, path: &[String], what: &str) {
        let field = path.first().cloned().unwrap_or_default();
        self.found.push((field, format!("{} {what}", written(path))));
    }

    /// What was found; a field with many differences is only counted.
    fn summed_up(self) -> Vec<String> {
        let mut fields: BTreeMap<&str, usize> = BTreeMap::new();
        for (field, _) in &self.found {
            *fields.entry(field).or_default() += 1;
        }
        let many: Vec<(&str, usize)> = fields.into_iter().filter(|(_, n)| *n > MOST_IN_FIELD).collect();
        let counted = many.iter().map(|(field, n)| format!("{field}: {n} differences"));
        let told =
            self.found.iter().filter(|(field, _)| !many.iter().any(|(f, _)| f == field)).map(|(_, text)| text.clone());
        told.chain(counted).collect()
    }
}

/// Items of a list by their `name`, if each has one of its own.
fn by_name(items: &[Json]) -> Option<BTreeMap<&str, &Json>> {
    let named: BTreeMap<&str, &Json> =
        items.iter().filter_map(|item| Some((item.as_object()?.get("name")?.as_str()?, item))).collect();
    (named.len() == items.len()).then_some(named)
}

/// `spec.containers[web].image`; keys that are not plain words stand in brackets.
fn written(path: &[String]) -> String {
    let mut text = String::new();
    for key in path {
        let plain =
            key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !key.chars().all(|c| c.is_ascii_digit());
        match (plain, text.is_empty()) {
            (true, true) => text.push_str(key),
            (true, false) => text.push_str(&format!(".{key}")),
            (false, _) => text.push_str(&format!("[{key}]")),
        }
    }
    text
}
