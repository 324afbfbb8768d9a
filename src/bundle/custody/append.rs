//! Writing a custody log: new ones appear whole, and to one that is there a single line is added under a lock, so
//! that two who append at once neither tear a line nor both follow the same entry. Nothing is ever added to a log
//! that cannot be read to its end: the new entry would vouch for what it follows.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::super::digest::Sha256Digest;
use super::super::sign::{SignError, SigningKey};
use super::super::store::parent;
use super::{Actor, Deed, Entry, Line, MAX_LOG};

/// Why nothing was added to a log.
#[derive(Debug, thiserror::Error)]
pub enum CustodyError {
    /// The system refused.
    #[error("cannot {action} the custody log `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The log.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A log of that name is there already.
    #[error("`{}` exists already: it is the custody log of another bundle, move it away or choose another name", .0.display())]
    Exists(PathBuf),
    /// The log cannot be continued.
    #[error("the custody log `{}` is damaged: {why}; nothing was added to it", path.display())]
    Damaged {
        /// The log.
        path: PathBuf,
        /// Where and what.
        why: String,
    },
    /// The log speaks of another bundle.
    #[error("the custody log `{}` is of another bundle, with the seal {found}; nothing was added to it", path.display())]
    OtherBundle {
        /// The log.
        path: PathBuf,
        /// The seal it speaks of.
        found: Sha256Digest,
    },
    /// The entry was to be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl CustodyError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// Where a log stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    /// All its bytes.
    pub bytes: Vec<u8>,
    /// Its last line.
    pub last: Line,
    /// The seals that its entries speak of: one, in the log of a bundle.
    seals: BTreeSet<Sha256Digest>,
}

/// Where the log of the bundle with this seal stands; `None` when there is none.
///
/// # Errors
/// As [`state`]; [`CustodyError::OtherBundle`] too.
pub fn state_of_bundle(path: &Path, seal: Option<Sha256Digest>) -> Result<Option<LogState>, CustodyError> {
    let state = state(path)?;
    let other = state.as_ref().and_then(|s| s.seals.iter().find(|found| Some(**found) != seal));
    match other {
        Some(found) => Err(CustodyError::OtherBundle { path: path.to_owned(), found: *found }),
        None => Ok(state),
    }
}

/// Where a log stands; `None` when there is none.
///
/// # Errors
/// [`CustodyError::Io`]; [`CustodyError::Damaged`] when it cannot be continued.
pub fn state(path: &Path) -> Result<Option<LogState>, CustodyError> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(CustodyError::io("read", path)(e)),
        Ok(metadata) if !metadata.is_file() => return Err(not_plain(path)),
        Ok(_) => {}
    }
    let mut file = File::open(path).map_err(CustodyError::io("read", path))?;
    let _ = file.lock_shared();
    read(&mut file, path).map(Some)
}

/// Begins a log with these entries. `key` signs the last.
///
/// # Errors
/// [`CustodyError::Exists`], [`CustodyError::Io`], [`CustodyError::Sign`].
pub fn begin(path: &Path, deeds: &[Deed], actor: &Actor, key: Option<&SigningKey>) -> Result<(), CustodyError> {
    begin_with(path, None, deeds, actor, key).map(drop)
}

/// Begins a log that goes on from where another stands, with these entries. Gives all its bytes.
///
/// # Errors
/// As [`begin`].
pub fn begin_with(
    path: &Path,
    before: Option<&LogState>,
    deeds: &[Deed],
    actor: &Actor,
    key: Option<&SigningKey>,
) -> Result<Vec<u8>, CustodyError> {
    let mut bytes = before.map(|b| b.bytes.clone()).unwrap_or_default();
    let mut last = before.map(|b| b.last.clone());
    for (at, deed) in (1..).zip(deeds) {
        let key = key.filter(|_| at == deeds.len());
        let (text, line) = Entry::after(last.as_ref(), deed, actor).render(key)?;
        bytes.extend(text.into_bytes());
        last = Some(line);
    }
    let cannot = || CustodyError::io("write", path);
    let mut builder = tempfile::Builder::new();
    let mut file = builder.prefix(".kubesleuth-").suffix(".partial").tempfile_in(parent(path)).map_err(cannot())?;
    // Whoever finds it unlocked may take it for what a killed program left.
    let _ = file.as_file().try_lock();
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).map_err(cannot())?;
    file.persist_noclobber(path).map_err(|e| match e.error.kind() {
        io::ErrorKind::AlreadyExists => CustodyError::Exists(path.to_owned()),
        _ => cannot()(e.error),
    })?;
    Ok(bytes)
}

/// Adds an entry to a log that is there; `deed` is told where the log stands. Gives the log as it stood before, and
/// the new line.
///
/// # Errors
/// [`CustodyError`]; a log that does not exist is [`CustodyError::Io`].
pub fn append(
    path: &Path,
    deed: &Deed,
    actor: &Actor,
    key: Option<&SigningKey>,
) -> Result<(LogState, Line), CustodyError> {
    let cannot = || CustodyError::io("write", path);
    if !fs::symlink_metadata(path).map_err(cannot())?.is_file() {
        return Err(not_plain(path));
    }
    let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(cannot())?;
    file.lock().map_err(cannot())?;
    let before = read(&mut file, path)?;
    let (text, line) = Entry::after(Some(&before.last), deed, actor).render(key)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(cannot())?;
    Ok((before, line))
}

fn not_plain(path: &Path) -> CustodyError {
    CustodyError::Damaged { path: path.to_owned(), why: "it is not a plain file".to_owned() }
}

/// Reads a log whose chain holds up to its last line.
fn read(file: &mut File, path: &Path) -> Result<LogState, CustodyError> {
    let damaged = |why: String| CustodyError::Damaged { path: path.to_owned(), why };
    let mut bytes = Vec::new();
    file.take(MAX_LOG.saturating_add(1)).read_to_end(&mut bytes).map_err(CustodyError::io("read", path))?;
    if bytes.len() as u64 > MAX_LOG {
        return Err(damaged(format!("it is longer than {MAX_LOG} bytes")));
    }
    let (lines, problems) = super::check::read_chain(&bytes);
    let seals = lines.iter().filter_map(|(_, line)| line.entry.seal).collect();
    match (problems.into_iter().next(), lines.into_iter().next_back()) {
        (Some(problem), _) => Err(damaged(problem.message)),
        (None, None) => Err(damaged("it holds no entry".to_owned())),
        (None, Some((_, last))) => Ok(LogState { bytes, last, seals }),
    }
}
