//! Verifying a bundle, or any BagIt bag: is everything there, is nothing else there, are all bytes as they were
//! when it was sealed. Every problem becomes a finding and the check goes on; only a bundle that cannot be read
//! at all is an error. Each file is read once, in blocks; memory grows with the number of files, not their size.

mod covered;
mod files;
mod manifests;
mod record;

use std::path::Path;

use crate::model::finding::{Finding, Severity};
use crate::model::progress::Progress;

use super::digest::Sha256Digest;
use super::error::BundleError;
use super::format::{Collection, CollectionInfo, NotCollected};
use super::inventory::Inventory;
use super::tags::{self, BagVersion};
use super::trust::{self, BundleSignature, Trust};
use super::{BAG_INFO_FILE, BAGIT_FILE, COLLECTION_FILE, TAG_MANIFEST_FILE, finding, is_payload};

/// What a check of a bundle gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// What was found. Findings of severity `info` do not speak against the bundle.
    pub findings: Vec<Finding>,
    /// Whether every file is as the manifests say, whatever the signatures say.
    pub unchanged: bool,
    /// The signatures that are there.
    pub signatures: Vec<BundleSignature>,
    /// Number of payload files present.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// SHA-256 of `tagmanifest-sha256.txt`, to compare with the one noted when the bundle was sealed.
    pub seal: Option<Sha256Digest>,
    /// Who collected it, when and how, as the bundle says; `None` for a bag of another tool.
    pub info: Option<CollectionInfo>,
    /// What the collector could not collect, as the bundle says.
    pub not_collected: Vec<NotCollected>,
}

impl Verification {
    /// Whether nothing is wrong, with the signatures neither.
    pub fn is_whole(&self) -> bool {
        self.findings.iter().all(|f| f.severity == Severity::Info)
    }
}

/// Checks a bundle: a folder or a tar file. Signatures are checked against the key in them; who that is, is not asked.
///
/// # Errors
/// [`BundleError::Io`] or [`BundleError::NotABundle`] when there is no folder or file to read at `path`.
pub fn verify(path: &Path, progress: &dyn Progress) -> Result<Verification, BundleError> {
    verify_trusted(path, &Trust::default(), progress)
}

/// As [`verify`]; and holds the signatures against those whom the reviewer trusts.
///
/// # Errors
/// As [`verify`].
pub fn verify_trusted(path: &Path, trust: &Trust<'_>, progress: &dyn Progress) -> Result<Verification, BundleError> {
    let mut inventory = Inventory::read(path)?;
    let mut check =
        Check { findings: std::mem::take(&mut inventory.findings), inventory, version: BagVersion::V1, ours: false };
    check.declaration();
    let collection = check.collection();
    check.bag_info();
    let manifests = manifests::load(&mut check);
    manifests::check_lists(&mut check, &manifests);
    let total = check.inventory.files.values().map(|m| m.size).fold(0, u64::saturating_add);
    progress.begin("verify", Some(total));
    files::check_digests(&mut check, &manifests, collection.as_ref(), progress);
    progress.finish();
    if let Some(collection) = &collection {
        record::check_lists(&mut check, collection);
    }
    let unchanged = !check.findings.iter().any(|f| f.severity > Severity::Info);
    let tag_manifest = check.tag_file(TAG_MANIFEST_FILE);
    let sealed = collection.as_ref().map(|c| c.collection.ended);
    let (signatures, found) = trust::judge(&check.inventory, tag_manifest.as_deref(), sealed, trust);
    check.findings.extend(found);
    if !check.ours && signatures.iter().any(|s| s.fingerprint.is_some()) {
        covered::check(&mut check, &manifests);
    }
    let seal = tag_manifest.map(|bytes| Sha256Digest::of(&bytes));
    let (bytes, files) = check.payload();
    let (info, not_collected) = collection.map(|c| (c.collection, c.not_collected)).unzip();
    let not_collected = not_collected.unwrap_or_default();
    Ok(Verification { findings: check.findings, unchanged, signatures, files, bytes, seal, info, not_collected })
}

/// A check under way.
struct Check {
    inventory: Inventory,
    findings: Vec<Finding>,
    version: BagVersion,
    /// Whether the bag has a collection record: then it must look exactly as we write it.
    ours: bool,
}

impl Check {
    fn report(&mut self, severity: Severity, code: &'static str, message: String) {
        self.findings.push(finding(severity, code, message));
    }

    fn high(&mut self, code: &'static str, message: String) {
        self.report(Severity::High, code, message);
    }

    /// A tag file's bytes; one that cannot be read is a finding.
    fn tag_file(&mut self, name: &str) -> Option<Vec<u8>> {
        match self.inventory.tag_file(name) {
            Ok(bytes) => bytes,
            Err(e) => {
                self.high("unreadable-file", e.to_string());
                None
            }
        }
    }

    /// Bytes and number of payload files present.
    fn payload(&self) -> (u64, u64) {
        let sizes = self.inventory.files.iter().filter(|(path, _)| is_payload(path)).map(|(_, m)| m.size);
        sizes.fold((0, 0), |(bytes, files), size| (size.saturating_add(bytes), files.saturating_add(1)))
    }

    fn declaration(&mut self) {
        match self.tag_file(BAGIT_FILE).map(|bytes| tags::parse_bagit(&bytes)) {
            Some(Ok(version)) => self.version = version,
            Some(Err(why)) => self.high("bagit-txt-invalid", format!("`{BAGIT_FILE}` is not a bag declaration: {why}")),
            None => self.high(
                "bagit-txt-missing",
                format!("there is no `{BAGIT_FILE}`: this is not a BagIt bag, or not all of one"),
            ),
        }
        if self.inventory.files.contains_key("fetch.txt") {
            let message =
                "`fetch.txt` is present: parts of this bag lie elsewhere and must be put in place first".to_owned();
            self.report(Severity::Medium, "incomplete-bag", message);
        }
    }

    fn collection(&mut self) -> Option<Collection> {
        self.ours = self.inventory.files.contains_key(COLLECTION_FILE);
        if !self.ours {
            let message = format!(
                "there is no `{COLLECTION_FILE}`: this bag was made by another tool and does not say how it was collected"
            );
            self.report(Severity::Info, "foreign-bag", message);
            return None;
        }
        let bytes = self.tag_file(COLLECTION_FILE)?;
        match Collection::parse(&bytes, &self.inventory.path) {
            Ok(collection) => Some(collection),
            Err(e) => {
                self.high("collection-unreadable", e.to_string());
                None
            }
        }
    }

    fn bag_info(&mut self) {
        let Some(bytes) = self.tag_file(BAG_INFO_FILE) else { return };
        let (fields, bad) = tags::parse_bag_info(&bytes);
        for line in bad {
            self.report(Severity::Medium, "bag-info-invalid", format!("line {line} of `{BAG_INFO_FILE}` has no label"));
        }
        let oxums = fields.iter().filter(|(label, _)| label.eq_ignore_ascii_case("Payload-Oxum"));
        let (bytes, files) = self.payload();
        for (_, value) in oxums {
            let expected = tags::parse_oxum(value);
            if expected != Some((bytes, files)) {
                let message = format!(
                    "`{BAG_INFO_FILE}` says `Payload-Oxum: {value}` (bytes.files), the payload has {bytes}.{files}"
                );
                self.high("payload-oxum-mismatch", message);
            }
        }
    }
}
