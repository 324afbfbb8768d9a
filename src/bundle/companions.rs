//! What lies beside a bundle: the custody log and the signatures of those who signed later. A sealed bundle is never
//! written again, so whatever comes after the seal has its place here, the same for a folder and a tar file.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::error::BundleError;
use super::store::parent;

/// What the name of a bundle's custody log ends in.
const CUSTODY_SUFFIX: &str = ".custody.jsonl";
/// What stands between the bundle's name and the mark of the key in the name of a later signature.
const SIGNED: &str = ".signed-";
/// What the name of a signature ends in.
const SIG: &str = ".sig";
/// How many characters of the fingerprint the name of a signature has.
const MARK: usize = 16;

/// The custody log of the bundle at `bundle`, which need not exist yet.
///
/// # Errors
/// [`BundleError::Io`] when the place of the bundle cannot be told.
pub fn custody_log_of(bundle: &Path) -> Result<PathBuf, BundleError> {
    beside(bundle, CUSTODY_SUFFIX)
}

/// The bundle's name, from that of its custody log.
pub(super) fn bundle_name(log: &Path) -> String {
    let name = log.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(CUSTODY_SUFFIX).unwrap_or(&name).to_owned()
}

/// Whether a file belongs to a bundle that lies beside it: no evidence of its own.
pub fn is_companion(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else { return false };
    let of = name.strip_suffix(CUSTODY_SUFFIX).or_else(|| {
        let (bundle, mark) = name.strip_suffix(SIG)?.rsplit_once(SIGNED)?;
        is_mark(mark).then_some(bundle)
    });
    of.is_some_and(|bundle| !bundle.is_empty() && super::Bundle::is_bundle(&path.with_file_name(bundle)))
}

/// Refuses a place beside which a log or signatures lie already: a new bundle would seem to be what they speak of.
/// Gives the place of its log.
pub(super) fn refuse_left(bundle: &Path) -> Result<PathBuf, BundleError> {
    let log = custody_log_of(bundle)?;
    let left = signatures_of(bundle).into_iter().chain([log.clone()]).find(|p| p.symlink_metadata().is_ok());
    left.map_or(Ok(log), |path| Err(BundleError::LeftBeside(path)))
}

/// Where the signature of a key goes that signs later. Two keys with one mark would take one name: the second is
/// then refused, as every existing file is.
pub(super) fn signature_of(bundle: &Path, fingerprint: &str) -> Result<PathBuf, BundleError> {
    let digits = fingerprint.strip_prefix("SHA256:").unwrap_or(fingerprint);
    // Base64 holds `/` and `+`, which have no place in names.
    let mark = digits.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(MARK);
    beside(bundle, &format!("{SIGNED}{}{SIG}", mark.collect::<String>()))
}

/// The signatures beside a bundle, sorted; none where the folder cannot be listed.
pub(super) fn signatures_of(bundle: &Path) -> Vec<PathBuf> {
    let Ok(place) = beside(bundle, SIGNED) else { return Vec::new() };
    let Some(prefix) = place.file_name() else { return Vec::new() };
    let is_one = |name: &OsStr| {
        let rest = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes());
        let mark = rest.and_then(|rest| rest.strip_suffix(SIG.as_bytes()));
        mark.and_then(|mark| std::str::from_utf8(mark).ok()).is_some_and(is_mark)
    };
    let names = fs::read_dir(parent(&place)).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let mut found: Vec<PathBuf> = names.filter(|name| is_one(name)).map(|name| place.with_file_name(name)).collect();
    found.sort();
    found
}

fn is_mark(mark: &str) -> bool {
    mark.len() == MARK && mark.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// A file beside a bundle. A path through a link, or one like `.`, means the folder or file that it leads to.
fn beside(bundle: &Path, suffix: &str) -> Result<PathBuf, BundleError> {
    // Without a slash at the end, which would hide that it is a link.
    let plain: PathBuf = bundle.components().collect();
    let place = match plain.file_name() {
        Some(_) if !plain.is_symlink() => plain,
        _ => bundle.canonicalize().map_err(BundleError::io("find", bundle))?,
    };
    let mut name = place.file_name().map(OsString::from).unwrap_or_default();
    name.push(suffix);
    Ok(place.with_file_name(name))
}
