//! The manifests: which there are, what their lines say, and whether they list all that is there.

use std::collections::BTreeMap;

use crate::model::finding::Severity;

use super::super::digest::Algorithm;
use super::super::manifest::{self, LineProblem, Manifest};
use super::super::tags::BagVersion;
use super::super::{
    BAG_INFO_FILE, BAGIT_FILE, COLLECTION_FILE, MANIFEST_FILE, SIGNATURE_FILE, TAG_MANIFEST_FILE, is_payload,
};
use super::Check;

/// The tag files of a bundle of ours that its tag manifest lists.
const OURS: [&str; 4] = [BAG_INFO_FILE, BAGIT_FILE, COLLECTION_FILE, MANIFEST_FILE];

/// A manifest of the bag.
pub(super) struct Listing {
    /// Its file name.
    pub(super) name: String,
    /// Whether it lists tag files instead of the payload.
    pub(super) tags: bool,
    pub(super) algorithm: Algorithm,
    pub(super) manifest: Manifest,
}

/// Reads all manifests; what is wrong with their lines becomes findings.
pub(super) fn load(check: &mut Check) -> Vec<Listing> {
    let names: Vec<String> = check.inventory.files.keys().filter(|name| kind(name).is_some()).cloned().collect();
    let mut listings = Vec::new();
    for name in names {
        let Some((tags, algorithm_name)) = kind(&name) else { continue };
        let Some(algorithm) = Algorithm::from_name(algorithm_name) else {
            check.report(
                Severity::Info,
                "manifest-not-checked",
                format!("`{name}` was not checked: kubesleuth checks SHA-256 and SHA-512"),
            );
            continue;
        };
        let Some(bytes) = check.tag_file(&name) else { continue };
        let manifest = manifest::parse(&bytes, algorithm, check.version);
        for problem in &manifest.problems {
            report_line(check, &name, problem);
        }
        let canonical = manifest::render_canonical(&manifest);
        if check.ours && manifest.problems.is_empty() && canonical.as_bytes() != bytes {
            check.high(
                "manifest-rewritten",
                format!("`{name}` is not written as kubesleuth writes it: it was changed after sealing"),
            );
        }
        listings.push(Listing { name, tags, algorithm, manifest });
    }
    listings
}

/// Whether a file is a manifest: of tag files or not, and the name of its algorithm.
pub(super) fn kind(name: &str) -> Option<(bool, &str)> {
    let stem = name.strip_suffix(".txt")?;
    let tags = stem.strip_prefix("tagmanifest-").map(|algorithm| (true, algorithm));
    tags.or_else(|| stem.strip_prefix("manifest-").map(|algorithm| (false, algorithm)))
}

fn report_line(check: &mut Check, name: &str, problem: &LineProblem) {
    match problem {
        LineProblem::Unreadable { line, why } => {
            check.high("manifest-line-unreadable", format!("line {line} of `{name}` cannot be read: {why}"));
        }
        LineProblem::Duplicate { line, path } => {
            check.high("manifest-duplicate", format!("line {line} of `{name}` lists `{path}` again"));
        }
        LineProblem::Unsafe { line, path } => {
            check.high(
                "unsafe-path",
                format!("line {line} of `{name}` lists `{path}`: not a plain path inside the bag"),
            );
        }
    }
}

/// Compares what the manifests list with what is there.
pub(super) fn check_lists(check: &mut Check, listings: &[Listing]) {
    check_manifests_present(check, listings);
    for listing in listings {
        for path in listing.manifest.files.keys() {
            let misplaced =
                listing.tags == is_payload(path) || (listing.tags && kind(path).is_some_and(|(tags, _)| tags));
            if misplaced {
                check.high("manifest-wrong-path", format!("`{}` lists `{path}`, which it may not list", listing.name));
            }
        }
    }
    let missing = missing_files(check, listings);
    for (path, name) in missing {
        check.high("missing-file", format!("`{path}` is listed in `{name}` and is not there"));
    }
    let unlisted: Vec<(Severity, String)> =
        check.inventory.files.keys().filter_map(|path| unlisted(check, listings, path)).collect();
    for (severity, message) in unlisted {
        check.report(severity, "extra-file", message);
    }
}

fn check_manifests_present(check: &mut Check, listings: &[Listing]) {
    let has = |tags: bool, name: &str| listings.iter().any(|l| l.tags == tags && (!check.ours || l.name == name));
    let (payload, tags) = (has(false, MANIFEST_FILE), has(true, TAG_MANIFEST_FILE));
    if !payload {
        let what =
            if check.ours { "`manifest-sha256.txt` is missing" } else { "there is no SHA-256 or SHA-512 manifest" };
        check.high("no-manifest", format!("{what}: the payload cannot be checked"));
    }
    if !tags && check.ours {
        check
            .high("no-tag-manifest", "`tagmanifest-sha256.txt` is missing: the tag files cannot be checked".to_owned());
    } else if !tags {
        let message = "there is no SHA-256 or SHA-512 tag manifest: nothing protects the tag files".to_owned();
        check.report(Severity::Info, "no-tag-manifest", message);
    }
}

/// Listed files that are not there, each once, with the first manifest that lists it.
fn missing_files<'l>(check: &Check, listings: &'l [Listing]) -> BTreeMap<&'l str, &'l str> {
    let mut missing = BTreeMap::new();
    for listing in listings {
        for path in listing.manifest.files.keys().filter(|path| !check.inventory.files.contains_key(*path)) {
            missing.entry(path.as_str()).or_insert(listing.name.as_str());
        }
    }
    missing
}

/// Whether a file that is there is missing from the manifests.
fn unlisted(check: &Check, listings: &[Listing], path: &str) -> Option<(Severity, String)> {
    let payload = is_payload(path);
    if path == SIGNATURE_FILE {
        // It signs the list of the tag files, and so cannot be on it.
        return None;
    }
    if !payload && kind(path).is_some_and(|(tags, algorithm)| tags && (!check.ours || algorithm == "sha256")) {
        return None;
    }
    let of_kind = || listings.iter().filter(|l| l.tags != payload);
    if check.ours && !payload && of_kind().next().is_none() && !OURS.contains(&path) {
        // The list of tag files is gone: what is no name of ours is still one too many.
        return Some((Severity::High, format!("`{path}` is there and is no file of a bundle")));
    }
    let mut without = of_kind().filter(|l| !l.manifest.files.contains_key(path));
    let first = without.next()?;
    let listed_nowhere = of_kind().all(|l| !l.manifest.files.contains_key(path));
    if payload {
        // RFC 8493 section 3: every payload manifest lists every payload file. The drafts before asked for one.
        let wrong = listed_nowhere || check.version >= BagVersion::V1;
        return wrong.then(|| (Severity::High, format!("`{path}` is there and is not listed in `{}`", first.name)));
    }
    // Other tools need not list their tag files; what they leave out can be changed by anyone.
    let severity = match path {
        BAGIT_FILE | BAG_INFO_FILE if !check.ours => Severity::Info,
        _ => Severity::High,
    };
    listed_nowhere.then(|| (severity, format!("`{path}` is there and is not listed in `{}`", first.name)))
}
