//! Evidence bundles: BagIt bags (RFC 8493) that say what was collected, when, by whom, and what was not.
//!
//! A standard container was chosen over one of our own so that a court's or another team's tools can check a
//! bundle without this program (`sha256sum -c`, any BagIt validator). The price: BagIt says nothing of where a
//! file came from, so that part lies in one tag file of ours, `collection.json`, which other tools hash and
//! otherwise ignore. The layout is written down in `docs/bundle-format.md`.

mod allowed_signers;
mod companions;
mod copy;
pub mod custody;
mod digest;
mod error;
mod format;
mod inventory;
mod magic;
mod manifest;
mod names;
mod openssh_key;
mod reader;
mod seal;
mod sign;
mod sign_later;
mod signature;
mod source_path;
mod store;
mod tags;
mod tar_index;
mod trust;
mod verify;
mod writer;

pub use allowed_signers::{AllowedSigners, LocalTime};
pub use companions::{custody_log_of, is_companion};
pub use copy::{Copied, CopyError, copy};
pub use digest::{ParseDigestError, Sha256Digest};
pub use error::BundleError;
pub use format::{Collection, CollectionInfo, Encoding, Entry, FormatVersion, NotCollected};
pub use names::Folder;
pub use reader::{Bundle, EntryReader};
pub use sign::{BUNDLE_NAMESPACE, CUSTODY_NAMESPACE, Passphrase, SignError, SigningKey};
pub use sign_later::{SignLaterError, sign};
pub use source_path::SourcePath;
pub use trust::{BundleSignature, Trust};
pub use verify::{Verification, verify, verify_trusted};
pub use writer::{AddError, BundleWriter, NewEntry, Sealed};

use crate::model::finding::{Finding, Severity};

/// Name of the tag file that holds the collection record.
const COLLECTION_FILE: &str = "collection.json";
/// Name of the bag declaration, RFC 8493 section 2.1.1.
const BAGIT_FILE: &str = "bagit.txt";
/// Name of the bag's own metadata, RFC 8493 section 2.2.2.
const BAG_INFO_FILE: &str = "bag-info.txt";
/// Name of the payload manifest that we write, RFC 8493 section 2.1.3.
const MANIFEST_FILE: &str = "manifest-sha256.txt";
/// Name of the tag manifest that we write, RFC 8493 section 2.2.1: its digest is the seal.
const TAG_MANIFEST_FILE: &str = "tagmanifest-sha256.txt";
/// Name of the signature of the tag manifest: the one file that no manifest lists.
const SIGNATURE_FILE: &str = "tagmanifest-sha256.txt.sig";
/// Where the payload lies, RFC 8493 section 2.1.2.
const PAYLOAD: &str = "data";
/// The largest tag file read into memory: a manifest line takes about 150 bytes, so this is over a million files.
const MAX_TAG_FILE: u64 = 256 << 20;
/// The block that files are read in.
const BLOCK: usize = 128 << 10;

/// Whether a path inside a bag is that of a payload file.
fn is_payload(path: &str) -> bool {
    path.strip_prefix(PAYLOAD).is_some_and(|rest| rest.starts_with('/'))
}

/// A finding about a bundle: no records of a case witness it, the message names the file.
fn finding(severity: Severity, code: &'static str, message: String) -> Finding {
    Finding { severity, code, message, at: None, witnesses: Vec::new() }
}
