//! What a signature covers in a bag that another tool made. In ours the tag manifest lists all there is; another bag
//! may have several manifests, and one that was added later can list what was added with it. A signature is of
//! `tagmanifest-sha256.txt` alone: only what that leads to was signed.

use std::collections::BTreeSet;

use super::super::{SIGNATURE_FILE, TAG_MANIFEST_FILE, is_payload};
use super::Check;
use super::manifests::{Listing, kind};

/// Reports every file that some manifest lists but the signed tag manifest does not lead to.
pub(super) fn check(check: &mut Check, listings: &[Listing]) {
    let signed = listings.iter().find(|l| l.name == TAG_MANIFEST_FILE);
    let tags: BTreeSet<&str> = signed.iter().flat_map(|l| l.manifest.files.keys()).map(String::as_str).collect();
    let covers = |path: &str| {
        let manifests = listings.iter().filter(|l| !l.tags && tags.contains(l.name.as_str()));
        tags.contains(path) || is_payload(path) && manifests.into_iter().any(|l| l.manifest.files.contains_key(path))
    };
    // Other tag manifests cannot be listed, and can only add to what is demanded.
    let exempt =
        |path: &str| [TAG_MANIFEST_FILE, SIGNATURE_FILE].contains(&path) || kind(path).is_some_and(|(tags, _)| tags);
    // What no manifest lists is reported as that already.
    let listed = |path: &str| listings.iter().any(|l| l.manifest.files.contains_key(path));
    let bare = check.inventory.files.keys().filter(|path| listed(path) && !covers(path) && !exempt(path));
    let bare: Vec<String> = bare.cloned().collect();
    for path in bare {
        let message = format!("`{path}` is not covered by the signature: `{TAG_MANIFEST_FILE}` does not lead to it");
        check.high("not-signed", message);
    }
}
