//! At which level each resource was logged, and which of its verbs at no more than Metadata.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ahash::RandomState;

use super::Row;
use crate::import::event_rows::EventRows;
use crate::model::audit::MUTATING_VERBS;
use crate::model::finding::Severity;
use crate::model::rbac::RBAC_GROUP;
use crate::model::time::Timestamp;

/// Requests that are about no resource.
const URLS: &str = "URLs outside the API";

/// A resource at one level.
#[derive(Default)]
struct Level {
    verbs: BTreeSet<String>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    events: i64,
    refused: i64,
    truncated: i64,
    sources: BTreeSet<String>,
}

type Levels = BTreeMap<(String, Option<String>), Level>;

/// What one combination of resource, level and verb was seen with.
#[derive(Default)]
struct Seen {
    level: Option<String>,
    verb: Option<String>,
    what: String,
    counts: Level,
    /// Sources, by their place among all.
    sources: BTreeSet<u32>,
}

/// Levels, noted event by event.
#[derive(Default)]
pub(super) struct LevelNotes {
    places: HashMap<Vec<u8>, usize, RandomState>,
    seen: Vec<Seen>,
    key: Vec<u8>,
    sources: Vec<String>,
    source_places: HashMap<String, u32>,
    /// The source of the last event, which most often is that of the next.
    source: u32,
}

impl LevelNotes {
    /// Notes the event of a row.
    pub(super) fn take(&mut self, rows: &EventRows<'_>, row: usize) {
        let group = rows.object_ref_api_group.get(row);
        let (resource, sub) = (rows.object_ref_resource.get(row), rows.object_ref_subresource.get(row));
        let (level, verb) = (rows.level.get(row), rows.verb.get(row));
        key_of(&mut self.key, [group, resource, sub, level, verb]);
        let place = match self.places.get(&self.key) {
            Some(place) => *place,
            None => {
                let owned = |text: Option<&str>| text.map(str::to_owned);
                let what = what(group, resource, sub);
                self.seen.push(Seen { level: owned(level), verb: owned(verb), what, ..Seen::default() });
                self.places.insert(self.key.clone(), self.seen.len() - 1);
                self.seen.len() - 1
            }
        };
        let source = rows.source_id.get(row).map(|id| self.source(id));
        if let Some(seen) = self.seen.get_mut(place) {
            seen.count(rows, row);
            seen.sources.extend(source);
        }
    }

    /// The place of a source among all.
    fn source(&mut self, id: &str) -> u32 {
        if self.sources.get(self.source as usize).is_none_or(|last| last != id) {
            self.source = match self.source_places.get(id) {
                Some(place) => *place,
                None => {
                    let place = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
                    self.sources.push(id.to_owned());
                    self.source_places.insert(id.to_owned(), place);
                    place
                }
            };
        }
        self.source
    }

    /// The rows.
    pub(super) fn rows(self) -> Vec<Row> {
        let mut found = Levels::new();
        for seen in self.seen {
            let all = found.entry((seen.what, seen.level)).or_default();
            all.verbs.extend(seen.verb);
            all.first = seen.counts.first.into_iter().chain(all.first).min();
            all.last = all.last.max(seen.counts.last);
            all.events += seen.counts.events;
            all.refused += seen.counts.refused;
            all.truncated += seen.counts.truncated;
            all.sources.extend(seen.sources.iter().filter_map(|place| self.sources.get(*place as usize).cloned()));
        }
        with_details(found)
    }
}

impl Seen {
    fn count(&mut self, rows: &EventRows<'_>, row: usize) {
        let counts = &mut self.counts;
        if let Some(at) = rows.received(row) {
            counts.first = Some(counts.first.map_or(at, |first| first.min(at)));
            // The stretch is half-open.
            counts.last = counts.last.max(Some(at.plus_micros(1)));
        }
        counts.events += 1;
        counts.refused += i64::from(rows.response_status_code.get(row) == Some(403));
        counts.truncated += i64::from(rows.truncated.get(row) == Some(true));
    }
}

/// Texts as one key; a missing one is not an empty one.
fn key_of<const N: usize>(key: &mut Vec<u8>, texts: [Option<&str>; N]) {
    key.clear();
    texts.into_iter().for_each(|text| add_to_key(key, text));
}

/// The same for one text behind others.
pub(in crate::import) fn add_to_key(key: &mut Vec<u8>, text: Option<&str>) {
    let length = text.map_or(u32::MAX, |t| u32::try_from(t.len()).unwrap_or(u32::MAX - 1));
    key.extend_from_slice(&length.to_le_bytes());
    key.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// A resource in words: `<plural>[/<subresource>][.<group>]`.
pub(super) fn what(group: Option<&str>, resource: Option<&str>, subresource: Option<&str>) -> String {
    let Some(resource) = resource else { return URLS.to_owned() };
    let path = subresource.map_or_else(|| resource.to_owned(), |s| format!("{resource}/{s}"));
    group.filter(|g| !g.is_empty()).map_or_else(|| path.clone(), |g| format!("{path}.{g}"))
}

fn changes(verbs: &BTreeSet<String>) -> bool {
    verbs.iter().any(|v| MUTATING_VERBS.contains(&v.as_str()))
}

fn with_details(found: Levels) -> Vec<Row> {
    let mut with_bodies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for ((what, level), seen) in &found {
        if matches!(level.as_deref(), Some("Request" | "RequestResponse")) {
            with_bodies.entry(what.clone()).or_default().extend(seen.verbs.iter().cloned());
        }
    }
    found.into_iter().map(|((what, level), seen)| row(what, level, seen, &with_bodies)).collect()
}

fn row(what: String, level: Option<String>, seen: Level, with_bodies: &BTreeMap<String, BTreeSet<String>>) -> Row {
    let changed = what != URLS && changes(&seen.verbs);
    let higher = with_bodies.get(&what);
    let metadata = level.as_deref() == Some("Metadata");
    let only: BTreeSet<String> = if metadata {
        seen.verbs.iter().filter(|v| higher.is_none_or(|h| !h.contains(*v))).cloned().collect()
    } else {
        BTreeSet::new()
    };
    let blind = what != URLS && changes(&only);
    let mut details = Vec::new();
    match level.as_deref() {
        Some("Metadata") if changed && higher.is_none() => {
            details.push("only at Metadata: that it changed is known, not to what");
        }
        Some("Metadata") if changed => details.push("some changes at Metadata only: to what is not known"),
        Some("Request") if changed => details.push("without responses: states follow from requests"),
        None => details.push("the format does not say the level"),
        _ => {}
    }
    if seen.refused == seen.events {
        details.push("every request was refused (403)");
    }
    if seen.truncated > 0 {
        details.push("bodies were removed for size");
    }
    let rbac = what.ends_with(&format!(".{RBAC_GROUP}"));
    let severity = match (blind || metadata && changed, rbac) {
        (true, true) => Severity::Medium,
        (true, false) => Severity::Low,
        _ => Severity::Info,
    };
    Row {
        level,
        verbs: seen.verbs.into_iter().collect(),
        only_at_metadata: only.into_iter().collect(),
        from: seen.first,
        to: seen.last,
        events: Some(seen.events),
        refused: Some(seen.refused),
        truncated: Some(seen.truncated),
        sources: seen.sources.into_iter().collect(),
        details: details.join("; "),
        ..Row::new("audit level", severity, what)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_that_only_metadata_shows_is_called_so() {
        let level = |verbs: &[&str]| Level {
            verbs: verbs.iter().map(|v| (*v).to_owned()).collect(),
            events: 1,
            ..Level::default()
        };
        let at = |what: &str, l: &str| (what.to_owned(), Some(l.to_owned()));
        let roles = "roles.rbac.authorization.k8s.io";
        let rows = with_details(BTreeMap::from([
            (at("secrets", "Metadata"), level(&["get", "patch"])),
            (at("pods", "Metadata"), level(&["list"])),
            (at(roles, "Metadata"), level(&["update", "delete", "get"])),
            (at(roles, "RequestResponse"), level(&["update", "create"])),
        ]));
        let told: Vec<_> = rows
            .iter()
            .map(|r| (r.what.as_str(), r.severity, r.only_at_metadata.join(" "), r.details.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                ("pods", Severity::Info, "list".to_owned(), ""),
                (
                    roles,
                    Severity::Medium,
                    "delete get".to_owned(),
                    "some changes at Metadata only: to what is not known"
                ),
                (roles, Severity::Info, String::new(), ""),
                (
                    "secrets",
                    Severity::Low,
                    "get patch".to_owned(),
                    "only at Metadata: that it changed is known, not to what"
                ),
            ]
        );
    }
}
