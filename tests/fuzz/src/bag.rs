//! The manifest of a bundle, whose reader is private to its module: taken in once more, alone.

#[path = "../../../src/bundle/digest.rs"]
mod digest;
#[path = "../../../src/bundle/manifest.rs"]
mod manifest;
#[path = "../../../src/bundle/tags.rs"]
mod tags;

use digest::Algorithm;
use tags::BagVersion;

/// Reads a manifest and holds what was read against what it says when written out and read again.
pub fn check_manifest(bytes: &[u8]) {
    let read = manifest::parse(bytes, Algorithm::Sha256, BagVersion::V1);
    let lines = bytes.iter().filter(|b| matches!(b, b'\n' | b'\r')).count() + 1;
    assert!(read.files.len() + read.problems.len() <= lines, "more entries than lines");
    for (path, digest) in &read.files {
        assert!(manifest::is_safe(path), "`{path}` leads outside");
        assert_eq!(digest.len(), 64);
    }
    // A path that begins like the marks in front of one cannot be written apart from them.
    if read.files.keys().any(|p| p.starts_with([' ', '\t', '*']) || p.starts_with("./")) {
        return;
    }
    let written = manifest::render_canonical(&read);
    let again = manifest::parse(written.as_bytes(), Algorithm::Sha256, BagVersion::V1);
    assert_eq!(again.files, read.files, "a manifest changes by being written and read");
    assert!(again.problems.is_empty(), "{:?}", again.problems);
    let _ = tags::parse_bagit(bytes);
}
