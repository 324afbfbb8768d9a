//! The output of `kubectl api-resources`, plain or wide, from any kubectl.
//!
//! Cells are cut at the header's columns, since SHORTNAMES and (before 1.20) APIGROUP may be blank. A line
//! that was re-wrapped or pasted with single spaces is read by its words instead, around the `true` or
//! `false` that every line has. Messages of kubectl between the lines are skipped and told.

use super::ApiResource;
use super::discovery::{Discovery, DiscoveryError, Skipped};
use crate::model::object::split_api_version;

const COLUMNS: [&str; 8] =
    ["NAME", "SHORTNAMES", "APIVERSION", "APIGROUP", "NAMESPACED", "KIND", "VERBS", "CATEGORIES"];

/// Whether a text is the output of `kubectl api-resources` with its header.
pub fn looks_like_api_resources_text(text: &str) -> bool {
    text.lines()
        .map(|line| line.trim_start_matches('\u{feff}'))
        .find(|line| !line.trim().is_empty())
        .is_some_and(is_header)
}

fn is_header(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.first() == Some(&"NAME")
        && words.len() <= COLUMNS.len()
        && words.iter().all(|word| COLUMNS.contains(word))
        && ["NAMESPACED", "KIND"].iter().all(|column| words.contains(column))
        && (words.contains(&"APIVERSION") || words.contains(&"APIGROUP"))
}

/// Reads the text; a header is not required.
///
/// # Errors
/// [`DiscoveryError::NoTable`] when not one line can be read.
pub fn parse_api_resources_text(text: &str) -> Result<Discovery, DiscoveryError> {
    let mut found = Discovery { lists_all_groups: true, ..Discovery::default() };
    let mut columns: Vec<(&str, usize)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_start_matches('\u{feff}').trim_end();
        if line.is_empty() {
            continue;
        }
        if is_header(line) {
            columns = header_columns(line);
            continue;
        }
        let cells = Cells::cut(line, &columns).or_else(|| Cells::from_words(line, &columns));
        match cells {
            Some(cells) => found.resources.push(cells.into_resource()),
            None => {
                // a group that kubectl could not reach is missing from the list
                found.lists_all_groups = false;
                let why = "no word `true` or `false` with a kind behind it and an API version before it";
                found.skipped.push(Skipped { place: number.saturating_add(1), why: why.to_owned() });
            }
        }
    }
    if found.resources.is_empty() { Err(DiscoveryError::NoTable) } else { Ok(found) }
}

/// The columns of a header with the character at which each starts.
fn header_columns(header: &str) -> Vec<(&str, usize)> {
    let mut columns: Vec<(&str, usize)> =
        header.split_whitespace().filter_map(|word| Some((word, column_start(header, word)?))).collect();
    columns.sort_by_key(|(_, start)| *start);
    columns
}

/// Where a whole word starts, in characters.
fn column_start(header: &str, word: &str) -> Option<usize> {
    let chars: Vec<char> = header.chars().collect();
    let wanted: Vec<char> = word.chars().collect();
    let blank = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_none_or(|c| c.is_whitespace());
    (0..chars.len()).find(|&start| {
        let end = start.saturating_add(wanted.len());
        chars.get(start..end) == Some(wanted.as_slice()) && blank(start.checked_sub(1)) && blank(Some(end))
    })
}

/// The cells of one line.
#[derive(Debug, Default)]
struct Cells {
    name: String,
    short_names: String,
    group_version: String,
    namespaced: bool,
    kind: String,
    verbs: String,
    categories: String,
}

impl Cells {
    /// Cuts a line at the header's columns. `None` when a cell runs over its edge or a needed one is wrong.
    fn cut(line: &str, columns: &[(&str, usize)]) -> Option<Self> {
        let chars: Vec<char> = line.chars().collect();
        let mut cells = Self::default();
        let mut namespaced = None;
        for (place, (column, start)) in columns.iter().enumerate() {
            let end = columns.get(place.saturating_add(1)).map_or(chars.len(), |(_, next)| *next);
            let runs_over = |edge: usize| {
                let before = edge.checked_sub(1).and_then(|at| chars.get(at));
                before.is_some_and(|c| !c.is_whitespace())
            };
            if runs_over(*start) {
                return None;
            }
            let cell: String = chars.get(*start..end.min(chars.len())).unwrap_or_default().iter().collect();
            let cell = cell.trim().to_owned();
            match *column {
                "NAME" => cells.name = cell,
                "SHORTNAMES" => cells.short_names = cell,
                "APIVERSION" => cells.group_version = cell,
                "APIGROUP" => cells.group_version = group_only(&cell),
                "NAMESPACED" => namespaced = truth(&cell),
                "KIND" => cells.kind = cell,
                "VERBS" => cells.verbs = cell,
                _ => cells.categories = cell,
            }
        }
        cells.namespaced = namespaced?;
        let one_word = |cell: &str| cell.split_whitespace().count() == 1;
        let by_group = columns.iter().any(|(column, _)| *column == "APIGROUP");
        let placed = one_word(&cells.group_version) || by_group && cells.group_version.is_empty();
        (one_word(&cells.name) && one_word(&cells.kind) && placed).then_some(cells)
    }

    /// Reads a line by its words: `name [short] version true|false kind [verbs [categories]]`. Of a group
    /// column that may be blank, a word with a dot, or one that is no short name's place, is the group.
    fn from_words(line: &str, columns: &[(&str, usize)]) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let anchor = words.iter().position(|word| truth(word).is_some())?;
        let (before, after) = words.split_at_checked(anchor)?;
        let [namespaced, kind, rest @ ..] = after else { return None };
        let by_group = columns.iter().any(|(column, _)| *column == "APIGROUP");
        let (name, short_names, group_version) = match before {
            [name, short, version] => {
                (name, *short, if by_group { group_only(version) } else { (*version).to_owned() })
            }
            [name, version] if !by_group => (name, "", (*version).to_owned()),
            [name, group] if group.contains('.') => (name, "", group_only(group)),
            _ => return None,
        };
        // verbs of an old kubectl stand in brackets, separated by blanks
        let (verbs, categories) = match rest.iter().position(|word| word.ends_with(']')) {
            Some(end) => rest.split_at_checked(end.saturating_add(1))?,
            None => rest.split_at_checked(1).unwrap_or((rest, &[])),
        };
        Some(Self {
            name: (*name).to_owned(),
            short_names: short_names.to_owned(),
            group_version,
            namespaced: truth(namespaced)?,
            kind: (*kind).to_owned(),
            verbs: verbs.join(" "),
            categories: categories.join(" "),
        })
    }

    fn into_resource(self) -> ApiResource {
        let (group, version) = split_api_version(&self.group_version);
        ApiResource {
            singular: String::new(),
            short_names: words(&self.short_names),
            group: group.to_owned(),
            version: version.to_owned(),
            namespaced: self.namespaced,
            verbs: words(&self.verbs),
            categories: words(&self.categories),
            plural: self.name,
            kind: self.kind,
        }
    }
}

/// A group without version, in the form of an `apiVersion`.
fn group_only(group: &str) -> String {
    if group.is_empty() { String::new() } else { format!("{group}/") }
}

fn truth(word: &str) -> Option<bool> {
    word.parse().ok()
}

/// Words separated by commas or blanks, with or without brackets around them.
fn words(cell: &str) -> Vec<String> {
    let inner = cell.trim_start_matches('[').trim_end_matches(']');
    inner.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
