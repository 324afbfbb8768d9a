//! Copying a bundle so that it can be shown later that the copy is what the source was: the source is verified,
//! copied byte for byte, the copy is verified and must have the same seal, and the custody log says so at both ends.
//! What the log and the signatures beside the bundle say comes along.
//!
//! A damaged bundle is not copied here: `cp` does that, and vouches for nothing.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::model::finding::{Finding, Severity};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;

use super::custody::{self, Action, Actor, CustodyError, Deed, LogState};
use super::digest::Sha256Digest;
use super::error::BundleError;
use super::inventory::Inventory;
use super::source_path::SourcePath;
use super::store::{parent, private_folder, refuse_existing, sync_folder, sync_tree};
use super::verify::{Verification, verify};
use super::{BLOCK, companions, finding};

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The seal of both.
    pub seal: Option<Sha256Digest>,
    /// Number of payload files.
    pub files: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// The copy's custody log.
    pub log: PathBuf,
    /// What a person should know, such as a source whose log cannot be written.
    pub findings: Vec<Finding>,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The source cannot be read or the copy not written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The source is not whole.
    #[error(
        "`{}` was not copied: it is not whole ({findings} findings, the first: {first}); `kubesleuth verify` lists them",
        path.display()
    )]
    Damaged {
        /// The source.
        path: PathBuf,
        /// How many findings.
        findings: usize,
        /// The first.
        first: String,
    },
    /// What was written is not what was read.
    #[error("the copy of `{}` is not what the source is and was removed: {why}", path.display())]
    CopyDiffers {
        /// The source.
        path: PathBuf,
        /// The first difference.
        why: String,
    },
    /// The copy would lie in its source.
    #[error("`{}` lies inside the bundle that is to be copied: name a place outside of it", .0.display())]
    Inside(PathBuf),
    /// The custody log.
    #[error(transparent)]
    Custody(#[from] CustodyError),
}

/// The copy under a name of its own, until it is known to be good.
enum Partial {
    Folder(TempDir),
    File(NamedTempFile),
}

/// Copies the bundle `from` to `to`, which must not exist.
///
/// # Errors
/// [`CopyError`]. A copy that is not verified never gets its name; one whose log or signatures cannot be written beside
/// it stays, and the error says which.
pub fn copy(
    from: &Path,
    to: &Path,
    at: Timestamp,
    actor: &Actor,
    progress: &dyn Progress,
) -> Result<Copied, CopyError> {
    let log_from = companions::custody_log_of(from)?;
    let log_to = refuse_places(from, to)?;
    let source = whole(from, progress)?;
    let before = custody::state_of_bundle(&log_from, source.seal)?;
    let partial = write(from, to, progress)?;
    let copy = verify(partial.path(), progress)?;
    if let Some(why) = difference(&source, &copy) {
        return Err(CopyError::CopyDiffers { path: from.to_owned(), why });
    }
    partial.publish(to)?;
    copy_signatures(from, to)?;
    let deed = Deed {
        at,
        action: Action::Copy,
        seal: source.seal,
        from: vec![SourcePath::from_os(absolute(from))],
        to: Some(SourcePath::from_os(absolute(to))),
        continues: None,
        key: None,
        result: format!("{} files, {} bytes, verified before and after", source.files, source.bytes),
    };
    let findings = record(&log_from, &log_to, before.as_ref(), &deed, actor)?;
    Ok(Copied { seal: source.seal, files: source.files, bytes: source.bytes, log: log_to, findings })
}

/// A path that means the same from everywhere.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The bundle's own check: an error unless it is whole.
pub(super) fn whole(path: &Path, progress: &dyn Progress) -> Result<Verification, CopyError> {
    let check = verify(path, progress)?;
    let wrong: Vec<&Finding> = check.findings.iter().filter(|f| f.severity > Severity::Info).collect();
    match wrong.first() {
        None => Ok(check),
        Some(first) => {
            Err(CopyError::Damaged { path: path.to_owned(), findings: wrong.len(), first: first.message.clone() })
        }
    }
}

/// Nothing may be where the copy, its log and its signatures go. Gives the place of the log.
fn refuse_places(from: &Path, to: &Path) -> Result<PathBuf, CopyError> {
    refuse_existing(to)?;
    if !parent(to).is_dir() {
        return Err(BundleError::NoOutputFolder(to.to_owned()).into());
    }
    let inside = |from: PathBuf| parent(to).canonicalize().is_ok_and(|folder| folder.starts_with(from));
    if from.is_dir() && from.canonicalize().is_ok_and(inside) {
        return Err(CopyError::Inside(to.to_owned()));
    }
    Ok(companions::refuse_left(to)?)
}

fn write(from: &Path, to: &Path, progress: &dyn Progress) -> Result<Partial, BundleError> {
    let inventory = Inventory::read(from)?;
    let cannot = || BundleError::io("write", to);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".kubesleuth-").suffix(".partial");
    if !from.is_dir() {
        let mut target = builder.tempfile_in(parent(to)).map_err(cannot())?;
        let mut source = File::open(from).map_err(BundleError::io("read", from))?;
        progress.begin("copy", source.metadata().ok().map(|m| m.len()));
        pour(&mut source, target.as_file_mut(), progress)
            .and_then(|()| target.as_file().sync_all())
            .map_err(cannot())?;
        progress.finish();
        return Ok(Partial::File(target));
    }
    let target = private_folder(&mut builder, parent(to)).map_err(cannot())?;
    progress.begin("copy", Some(inventory.files.values().map(|m| m.size).fold(0, u64::saturating_add)));
    for (name, member) in &inventory.files {
        let mut source = inventory.open(member).map_err(BundleError::io("read", &from.join(name)))?;
        let path = target.path().join(name);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| File::create_new(&path));
        made.and_then(|mut file| pour(&mut source, &mut file, progress)).map_err(cannot())?;
    }
    sync_tree(target.path()).map_err(cannot())?;
    progress.finish();
    Ok(Partial::Folder(target))
}

fn pour(source: &mut impl Read, target: &mut impl Write, progress: &dyn Progress) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        match source.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(n) => {
                target.write_all(block.get(..n).unwrap_or_default())?;
                progress.advance(n as u64);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// What tells a copy from its source; `None` when nothing does.
fn difference(source: &Verification, copy: &Verification) -> Option<String> {
    if let Some(finding) = copy.findings.iter().find(|f| f.severity > Severity::Info) {
        return Some(finding.message.clone());
    }
    let facts = |v: &Verification| (v.seal, v.files, v.bytes);
    (facts(source) != facts(copy)).then(|| "it has another seal: the source was changed meanwhile".to_owned())
}

impl Partial {
    fn path(&self) -> &Path {
        match self {
            Self::Folder(dir) => dir.path(),
            Self::File(file) => file.path(),
        }
    }

    /// Gives the copy its name.
    fn publish(self, to: &Path) -> Result<(), BundleError> {
        refuse_existing(to)?;
        match self {
            Self::Folder(dir) => {
                fs::rename(dir.path(), to).map_err(BundleError::io("write", to))?;
                // The folder has left; there is nothing to remove.
                let _ = dir.keep();
            }
            Self::File(file) => {
                file.persist_noclobber(to).map_err(|e| BundleError::io("write", to)(e.error))?;
            }
        }
        sync_folder(parent(to)).map_err(BundleError::io("write", to))
    }
}

/// The signatures that lie beside.
fn copy_signatures(from: &Path, to: &Path) -> Result<(), BundleError> {
    let name = |bundle: &Path| companions::custody_log_of(bundle).map(|log| companions::bundle_name(&log));
    let (old, new) = (name(from)?, name(to)?);
    for signature in companions::signatures_of(from) {
        let cannot = || BundleError::io("copy", &signature);
        let rest = signature.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix(old.as_str()));
        let target = companions::custody_log_of(to)?.with_file_name(format!("{new}{}", rest.unwrap_or_default()));
        let mut source = File::open(&signature).map_err(cannot())?;
        let mut file = File::create_new(&target).map_err(cannot())?;
        io::copy(&mut source, &mut file).and_then(|_| file.sync_all()).map_err(cannot())?;
    }
    Ok(())
}

/// Writes the copy into both logs. The source may lie on a medium that cannot be written.
fn record(
    log_from: &Path,
    log_to: &Path,
    before: Option<&LogState>,
    deed: &Deed,
    actor: &Actor,
) -> Result<Vec<Finding>, CustodyError> {
    let deeds = std::slice::from_ref(deed);
    if before.is_none() {
        custody::begin(log_to, deeds, actor, None)?;
        let message = format!("there is no custody log `{}`: the copy's begins with this copy", log_from.display());
        return Ok(vec![finding(Severity::Info, "custody-log-missing", message)]);
    }
    match custody::append(log_from, deed, actor, None) {
        Ok((state, _)) => custody::begin_with(log_to, Some(&state), deeds, actor, None).map(|_| Vec::new()),
        Err(e) => {
            custody::begin_with(log_to, before, deeds, actor, None)?;
            let message = format!("the copy is recorded in its own custody log only: {e}");
            Ok(vec![finding(Severity::Info, "custody-log-not-written", message)])
        }
    }
}
