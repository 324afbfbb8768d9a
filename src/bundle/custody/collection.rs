//! The first entries of a new bundle's log: what its collection record says of who, when and what.

use std::path::{Path, PathBuf};

use super::super::copy::absolute;
use super::super::format::Collection;
use super::super::sign::SigningKey;
use super::super::source_path::SourcePath;
use super::super::{BundleError, SIGNATURE_FILE, Sha256Digest, companions, sign_later};
use super::{Action, Actor, Deed};

/// Begins the log of the bundle that was just sealed at `bundle`; gives its place. `key` is the one that signed.
///
/// # Errors
/// [`BundleError::Custody`], [`BundleError::Io`].
pub(in crate::bundle) fn begin_for(
    bundle: &Path,
    collection: &Collection,
    seal: Sha256Digest,
    key: Option<&SigningKey>,
) -> Result<PathBuf, BundleError> {
    let log = companions::custody_log_of(bundle)?;
    let info = &collection.collection;
    let files = collection.entries.len();
    let made = SourcePath::from_os(absolute(bundle));
    let deed = |at, action, seal, from, result| Deed {
        at,
        action,
        seal,
        from,
        to: Some(made.clone()),
        continues: None,
        key: None,
        result,
    };
    let asked = info.arguments.iter().map(|a| SourcePath::from(a.as_str())).collect();
    let came = format!("{files} files, {} not collected", collection.not_collected.len());
    let mut deeds = vec![
        deed(info.started, Action::Collect, None, asked, came),
        deed(info.ended, Action::Seal, Some(seal), Vec::new(), format!("{files} files")),
    ];
    if let Some(key) = key {
        let file = bundle.join(SIGNATURE_FILE);
        deeds.push(sign_later::deed(info.ended, Some(seal), bundle, &file, key.fingerprint()));
    }
    let actor = Actor { user: info.user.clone(), host: info.host.clone(), version: info.version.clone() };
    super::begin(&log, &deeds, &actor, key)?;
    Ok(log)
}
