//! Signing a bundle that is sealed already: by a second person, or by the first who had no key at hand. The bundle is
//! verified first, for a signature under a damaged one would say that it was seen whole. It lies beside the bundle,
//! one file for each key; inside, nothing changes.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::model::progress::Progress;
use crate::model::time::Timestamp;

use super::copy::{CopyError, absolute, whole};
use super::custody::{self, Action, Actor, CustodyError, Deed};
use super::error::BundleError;
use super::inventory::Inventory;
use super::sign::{BUNDLE_NAMESPACE, SignError, SigningKey};
use super::source_path::SourcePath;
use super::store::parent;
use super::{TAG_MANIFEST_FILE, companions};

/// Why a bundle was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignLaterError {
    /// It cannot be read, or the signature not written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It is not whole.
    #[error(
        "`{}` was not signed: it is not whole ({findings} findings, the first: {first}); `kubesleuth verify` lists them",
        path.display()
    )]
    Damaged {
        /// The bundle.
        path: PathBuf,
        /// How many findings.
        findings: usize,
        /// The first.
        first: String,
    },
    /// This key has signed it.
    #[error("`{}` was not signed again: this key has signed it before, in `{}`", bundle.display(), file.display())]
    AlreadySigned {
        /// The bundle.
        bundle: PathBuf,
        /// The signature.
        file: PathBuf,
    },
    /// The key.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The custody log.
    #[error(transparent)]
    Custody(#[from] CustodyError),
}

/// Signs the bundle at `bundle`; gives the file that the signature is in. The custody log gets an entry, and is begun
/// with it where there is none.
///
/// # Errors
/// [`SignLaterError`].
pub fn sign(
    bundle: &Path,
    key: &SigningKey,
    at: Timestamp,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<PathBuf, SignLaterError> {
    let fingerprint = key.fingerprint();
    let out = companions::signature_of(bundle, &fingerprint)?;
    if out.symlink_metadata().is_ok() {
        return Err(SignLaterError::AlreadySigned { bundle: bundle.to_owned(), file: out });
    }
    let check = whole(bundle, progress).map_err(|e| match e {
        CopyError::Damaged { path, findings, first } => SignLaterError::Damaged { path, findings, first },
        CopyError::Bundle(e) => e.into(),
        other => BundleError::NotABundle { path: bundle.to_owned(), why: other.to_string() }.into(),
    })?;
    let log = companions::custody_log_of(bundle)?;
    let before = custody::state_of_bundle(&log, check.seal)?;
    let message = Inventory::read(bundle)?.tag_file(TAG_MANIFEST_FILE)?;
    let message = message.filter(|bytes| check.seal == Some(super::Sha256Digest::of(bytes))).ok_or_else(|| {
        let why = format!("it holds no `{TAG_MANIFEST_FILE}` to sign, or that was changed meanwhile");
        BundleError::NotABundle { path: bundle.to_owned(), why }
    })?;
    write(&out, &key.sign(BUNDLE_NAMESPACE, &message)?)?;
    let deed = deed(at, check.seal, bundle, &out, fingerprint);
    match before {
        None => custody::begin(&log, &[deed], actor, Some(key))?,
        Some(_) => custody::append(&log, &deed, actor, Some(key)).map(drop)?,
    }
    Ok(out)
}

/// The entry about a signature.
pub(super) fn deed(
    at: Timestamp,
    seal: Option<super::Sha256Digest>,
    bundle: &Path,
    signature: &Path,
    fingerprint: String,
) -> Deed {
    Deed {
        at,
        action: Action::Sign,
        seal,
        from: vec![SourcePath::from_os(absolute(bundle))],
        to: Some(SourcePath::from_os(absolute(signature))),
        continues: None,
        key: Some(fingerprint),
        result: "signed".to_owned(),
    }
}

fn write(out: &Path, text: &str) -> Result<(), BundleError> {
    let cannot = || BundleError::io("write", out);
    let mut builder = tempfile::Builder::new();
    let mut file = builder.prefix(".kubesleuth-").suffix(".partial").tempfile_in(parent(out)).map_err(cannot())?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(cannot())?;
    file.persist_noclobber(out).map_err(|e| cannot()(e.error)).map(drop)
}
