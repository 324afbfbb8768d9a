//! The collection record against the payload: an entry for every file, a file for every entry.

use std::collections::BTreeSet;

use super::super::format::Collection;
use super::super::{COLLECTION_FILE, is_payload};
use super::Check;

/// Compares the entries with the payload files that are there.
pub(super) fn check_lists(check: &mut Check, collection: &Collection) {
    let mut described = BTreeSet::new();
    for entry in &collection.entries {
        let path = entry.stored_path.as_str();
        if !described.insert(path) {
            check.high("duplicate-entry", format!("`{COLLECTION_FILE}` describes `{path}` more than once"));
        } else if !is_payload(path) || !check.inventory.files.contains_key(path) {
            check.high(
                "entry-without-file",
                format!("`{COLLECTION_FILE}` describes `{path}`, which is not in the payload"),
            );
        }
    }
    let bare: Vec<String> = check
        .inventory
        .files
        .keys()
        .filter(|path| is_payload(path) && !described.contains(path.as_str()))
        .cloned()
        .collect();
    for path in bare {
        check.high("file-without-entry", format!("`{path}` is not described in `{COLLECTION_FILE}`"));
    }
}
