//! The collection record, `collection.json`: what a bundle holds, where it came from and what is missing.
//! `docs/bundle-format.md` describes it field by field; the two change together.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::model::object::ObservedAt;
use crate::model::time::Timestamp;

use super::digest::Sha256Digest;
use super::error::BundleError;
use super::source_path::SourcePath;

/// The version of the bundle format. It grows when an older reader would misread a bundle; fields that an older
/// reader may ignore do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FormatVersion(u64);

impl FormatVersion {
    /// What this program writes, and the newest it reads.
    pub const CURRENT: Self = Self(1);
}

impl fmt::Display for FormatVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The whole of `collection.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// The format version of the bundle.
    pub format_version: FormatVersion,
    /// Who collected, when, how.
    pub collection: CollectionInfo,
    /// The files collected, sorted by `stored_path`.
    pub entries: Vec<Entry>,
    /// What should have been collected and was not, in the order met.
    pub not_collected: Vec<NotCollected>,
}

/// Who collected the evidence, when and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionInfo {
    /// Which collector: `collect files`, ...
    pub collector: String,
    /// Version of the program.
    pub version: String,
    /// The arguments it was called with.
    pub arguments: Vec<String>,
    /// Name of the machine it ran on.
    pub host: Option<String>,
    /// Name of the user it ran as.
    pub user: Option<String>,
    /// When it began, by that machine's clock.
    pub started: Timestamp,
    /// When it ended, by that machine's clock.
    pub ended: Timestamp,
    /// The cluster the evidence is of, as the collecting person names it.
    pub cluster: Option<String>,
    /// What the collecting person wanted to say.
    pub note: Option<String>,
}

/// How a payload file is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Byte for byte as it was found.
    Verbatim,
    /// As one zstd frame (RFC 8878); the original's digest and size are in the entry.
    Zstd,
}

/// One collected file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it lies in the bag: `data/...`, `/` between the parts.
    pub stored_path: String,
    /// Where it came from, as named to the collector.
    pub original_path: SourcePath,
    /// SHA-256 of the original. `None` only for a foreign bag whose manifests do not tell it.
    pub original_sha256: Option<Sha256Digest>,
    /// Size of the original in bytes.
    pub original_size: u64,
    /// When the original was last changed, by its own file system.
    pub mtime: Option<Timestamp>,
    /// How it is stored.
    pub encoding: Encoding,
    /// Size in the bag in bytes.
    pub stored_size: u64,
    /// When the collector began to read this state from a live system. Collectors of files do not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_from: Option<Timestamp>,
    /// When the collector had read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_to: Option<Timestamp>,
    /// What the collector noticed while reading it, such as a file that changed meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Entry {
    /// When the state in this file was read from a live system, if the collector knows.
    pub fn observed(&self) -> Option<ObservedAt> {
        Some(ObservedAt { from: self.observed_from?, to: self.observed_to? })
    }
}

/// Something that was to be collected and could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotCollected {
    /// What, as named to the collector.
    pub path: SourcePath,
    /// Why not.
    pub reason: String,
}

impl Collection {
    /// The bytes of `collection.json`. Deterministic: fields in the order of the structs.
    pub(super) fn render(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec_pretty(self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads `collection.json` of `bundle`. The version is looked at before anything else is understood.
    ///
    /// # Errors
    /// [`BundleError::NewerFormat`] or [`BundleError::Collection`].
    pub(super) fn parse(bytes: &[u8], bundle: &Path) -> Result<Self, BundleError> {
        #[derive(Deserialize)]
        struct Versioned {
            format_version: FormatVersion,
        }
        let unreadable =
            |e: serde_json::Error| BundleError::Collection { path: bundle.to_owned(), problem: e.to_string() };
        let version = serde_json::from_slice::<Versioned>(bytes).map_err(unreadable)?.format_version;
        if version > FormatVersion::CURRENT {
            return Err(BundleError::NewerFormat { path: bundle.to_owned(), found: version.0 });
        }
        serde_json::from_slice(bytes).map_err(unreadable)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sample() -> Collection {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        Collection {
            format_version: FormatVersion::CURRENT,
            collection: CollectionInfo {
                collector: "collect files".into(),
                version: "0.1.0".into(),
                arguments: vec!["collect".into(), "files".into()],
                host: Some("laptop".into()),
                user: None,
                started: at("2026-11-24T01:00:00Z"),
                ended: at("2026-11-24T01:00:05.5Z"),
                cluster: None,
                note: Some("first\nsecond".into()),
            },
            entries: vec![Entry {
                stored_path: "data/a.log.zst".into(),
                original_path: "a.log".into(),
                original_sha256: Some(Sha256Digest::of(b"a")),
                original_size: 1,
                mtime: Some(at("2026-11-23T00:00:00.000001Z")),
                encoding: Encoding::Zstd,
                stored_size: 14,
                observed_from: None,
                observed_to: None,
                note: None,
            }],
            not_collected: vec![NotCollected { path: "b".into(), reason: "permission denied".into() }],
        }
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let bytes = sample().render().unwrap();
        assert_eq!(Collection::parse(&bytes, Path::new("b")).unwrap(), sample());
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("\"mtime\": \"2026-11-23T00:00:00.000001Z\""), "{text}");
        assert!(!text.contains("observed_from"));
    }

    #[test]
    fn a_newer_version_is_refused_even_when_nothing_else_is_understood() {
        let err = Collection::parse(b"{\"entries\": 7, \"format_version\": 2}", Path::new("case")).unwrap_err();
        assert_eq!(
            err.to_string(),
            "`case` has bundle format version 2, this version reads up to 1: use a newer kubesleuth"
        );
    }

    #[test]
    fn damage_is_told_with_its_place_and_deep_json_does_not_crash() {
        let deep = "[".repeat(200_000);
        let hostile = format!("{{\"format_version\": 1, \"x\": {deep}");
        for text in ["", "{", "[]", "{\"format_version\": -1}", "{\"format_version\": 1}", &hostile] {
            let err = Collection::parse(text.as_bytes(), Path::new("case")).unwrap_err();
            assert!(matches!(err, BundleError::Collection { .. }), "{err}");
        }
    }
}
