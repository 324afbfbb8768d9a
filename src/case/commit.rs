//! Changing a case whole or not at all.
//!
//! A change is a staging folder with the new files in the case's own layout and a list of files to
//! remove. For a new case the staging folder itself is renamed to the case. For an existing one, or an
//! empty folder (which may be a mount point, or somebody's working directory), it is renamed to
//! `.commit`, which is the point of no return: from then on whoever opens the case moves the files into
//! place first (moving is idempotent). Before that point the staging folder is litter that the next
//! import removes.
//!
//! Two imports at once exclude each other by a lock on the empty file `.lock`. A new case is born with
//! it, locked from the first moment, so that the next import can tell a folder that is being filled from
//! one that was left behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{CaseError, MANIFEST};

const STAGING_PREFIX: &str = ".staging-";
const PENDING: &str = ".commit";
const JOURNAL: &str = "journal.json";
const LOCK: &str = ".lock";

#[derive(Serialize, Deserialize, Default)]
struct Journal {
    /// Files of the case to remove, relative paths.
    remove: Vec<PathBuf>,
    /// Files of the change, relative paths, `case.json` last.
    add: Vec<PathBuf>,
}

/// A change being prepared.
pub struct Staging {
    case_dir: PathBuf,
    dir: PathBuf,
    /// Whether the staging folder lies beside the case and becomes it.
    beside: bool,
    /// Folders made on the way to a new case, innermost first.
    made: Vec<PathBuf>,
    journal: Journal,
    _lock: File,
}

impl Staging {
    /// Begins a change of the case in `case_dir`, which may not exist yet or be an empty folder.
    ///
    /// # Errors
    /// When the folder cannot be written, holds something else, or another import is changing it.
    pub fn begin(case_dir: &Path) -> Result<Self, CaseError> {
        let begun = |dir, beside, made, lock| Self {
            case_dir: case_dir.to_owned(),
            dir,
            beside,
            made,
            journal: Journal::default(),
            _lock: lock,
        };
        if !case_dir.is_dir() {
            remove_siblings(case_dir);
            let dir = sibling(case_dir);
            let made = missing_parents(case_dir);
            let lock = lock_new(&dir)?;
            return Ok(begun(dir, true, made, lock));
        }
        if !case_dir.join(MANIFEST).is_file() && !case_dir.join(PENDING).is_dir() && !is_blank(case_dir)? {
            return Err(CaseError::NotACase(case_dir.display().to_string()));
        }
        let lock = lock(case_dir)?;
        complete_pending_locked(case_dir)?;
        remove_litter(case_dir)?;
        let dir = case_dir.join(format!("{STAGING_PREFIX}{}", std::process::id()));
        fs::create_dir(&dir).map_err(|e| CaseError::io(&dir, e))?;
        Ok(begun(dir, false, Vec::new(), lock))
    }

    /// Where the new files go, in the case's own layout.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The path of a new file, its folder made.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn create(&mut self, relative: &Path) -> Result<PathBuf, CaseError> {
        let path = self.dir.join(relative);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| CaseError::io(parent, e))?;
        }
        self.journal.add.push(relative.to_owned());
        Ok(path)
    }

    /// Marks a file of the case for removal. A new file of the same name replaces it without this.
    pub fn remove(&mut self, relative: PathBuf) {
        self.journal.remove.push(relative);
    }

    /// Makes the change real.
    ///
    /// # Errors
    /// When a file cannot be written or moved. The case is then as before, or the change is completed
    /// when it is opened next.
    pub fn commit(mut self, manifest: &str) -> Result<(), CaseError> {
        let path = self.create(Path::new(MANIFEST))?;
        write_synced(&path, manifest.as_bytes())?;
        for file in &self.journal.add {
            sync(&self.dir.join(file))?;
        }
        if self.beside {
            return self.commit_new();
        }
        let journal = serde_json::to_vec(&self.journal).map_err(|e| CaseError::io(&self.dir, e.into()))?;
        write_synced(&self.dir.join(JOURNAL), &journal)?;
        let pending = self.case_dir.join(PENDING);
        fs::rename(&self.dir, &pending).map_err(|e| CaseError::io(&pending, e))?;
        sync(&self.case_dir)?;
        complete_pending_locked(&self.case_dir)
    }

    fn commit_new(&self) -> Result<(), CaseError> {
        if self.case_dir.exists() {
            return Err(CaseError::Locked(self.case_dir.display().to_string()));
        }
        fs::rename(&self.dir, &self.case_dir).map_err(|e| CaseError::io(&self.case_dir, e))?;
        match self.case_dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
            _ => Ok(()),
        }
    }
}

impl Drop for Staging {
    /// Leaves nothing of a change that was not made. After a commit there is nothing to do.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
        if self.beside {
            for folder in self.made.iter().take_while(|_| !self.case_dir.exists()) {
                let _ = fs::remove_dir(folder);
            }
        } else if !self.case_dir.join(MANIFEST).exists() {
            let _ = fs::remove_file(self.case_dir.join(LOCK));
        }
    }
}

/// Whether a folder holds nothing, or only what an import into it left behind.
///
/// # Errors
/// When it cannot be listed.
pub fn is_blank(dir: &Path) -> Result<bool, CaseError> {
    let entries = fs::read_dir(dir).map_err(|e| CaseError::io(dir, e))?;
    Ok(entries.flatten().all(|e| {
        let name = e.file_name();
        name == LOCK || name.to_string_lossy().starts_with(STAGING_PREFIX)
    }))
}

/// The folders above `path` that do not exist yet, innermost first.
fn missing_parents(path: &Path) -> Vec<PathBuf> {
    let above = path.ancestors().skip(1).filter(|p| !p.as_os_str().is_empty());
    above.take_while(|p| !p.exists()).map(Path::to_owned).collect()
}

/// Whether a change was cut off after its point of no return and is still to be completed.
pub fn is_pending(case_dir: &Path) -> bool {
    case_dir.join(PENDING).is_dir()
}

/// Keeps a case from being changed for as long as the file is held. Nothing is written: a case on a medium that cannot
/// be written is held, too, and one without a lock file cannot be changed there.
///
/// # Errors
/// When an import is changing it right now.
pub fn hold(case_dir: &Path) -> Result<Option<File>, CaseError> {
    let path = case_dir.join(LOCK);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(CaseError::io(&path, e)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Err(CaseError::Locked(case_dir.display().to_string())),
        // Some file systems have no locks; nobody can change a case there either.
        Err(fs::TryLockError::Error(_)) => Ok(None),
    }
}

/// Completes a change that was cut off after its point of no return.
///
/// # Errors
/// When a file cannot be moved, or another import is doing it right now.
pub fn complete_pending(case_dir: &Path) -> Result<(), CaseError> {
    if !case_dir.join(PENDING).is_dir() {
        return Ok(());
    }
    let _lock = lock(case_dir)?;
    complete_pending_locked(case_dir)
}

fn complete_pending_locked(case_dir: &Path) -> Result<(), CaseError> {
    let pending = case_dir.join(PENDING);
    if !pending.is_dir() {
        return Ok(());
    }
    let path = pending.join(JOURNAL);
    let bytes = fs::read(&path).map_err(|e| CaseError::io(&path, e))?;
    let journal: Journal = serde_json::from_slice(&bytes).map_err(|e| CaseError::io(&path, e.into()))?;
    for file in &journal.remove {
        ignore_missing(fs::remove_file(case_dir.join(file))).map_err(|e| CaseError::io(file, e))?;
    }
    for file in &journal.add {
        let to = case_dir.join(file);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(|e| CaseError::io(parent, e))?;
        }
        ignore_missing(fs::rename(pending.join(file), &to)).map_err(|e| CaseError::io(&to, e))?;
    }
    // Under a name of litter first: a removal cut off half-way must not look like a change without its journal.
    let done = case_dir.join(format!("{STAGING_PREFIX}done-{}", std::process::id()));
    fs::rename(&pending, &done).map_err(|e| CaseError::io(&pending, e))?;
    fs::remove_dir_all(&done).map_err(|e| CaseError::io(&done, e))
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn lock(case_dir: &Path) -> Result<File, CaseError> {
    let path = case_dir.join(LOCK);
    // Never truncated: a case that is only looked at keeps even the time of its lock file.
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(|e| CaseError::io(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(CaseError::Locked(case_dir.display().to_string())),
        Err(fs::TryLockError::Error(e)) => Err(CaseError::io(&path, e)),
    }
}

/// Makes a folder and locks it. Another import may take the folder for litter while it is empty still, and remove it.
fn lock_new(dir: &Path) -> Result<File, CaseError> {
    const TIMES: u32 = 100;
    for _ in 0..TIMES {
        fs::create_dir_all(dir).map_err(|e| CaseError::io(dir, e))?;
        match lock(dir) {
            Err(CaseError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            locked => return locked,
        }
    }
    lock(dir)
}

/// Removes what killed imports left in a case: staging folders, and a custody log that was being begun.
fn remove_litter(case_dir: &Path) -> Result<(), CaseError> {
    let unlocked = |path: &Path| File::open(path).is_ok_and(|file| file.try_lock().is_ok());
    for entry in fs::read_dir(case_dir).map_err(|e| CaseError::io(case_dir, e))?.flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_string_lossy();
        if name.starts_with(STAGING_PREFIX) {
            fs::remove_dir_all(&path).map_err(|e| CaseError::io(&path, e))?;
        } else if name.starts_with(".kubesleuth-") && name.ends_with(".partial") && unlocked(&path) {
            fs::remove_file(&path).map_err(|e| CaseError::io(&path, e))?;
        }
    }
    Ok(())
}

/// A folder beside a case that does not exist yet; hidden, so that nobody takes it for one.
fn sibling(case_dir: &Path) -> PathBuf {
    case_dir.with_file_name(format!("{}{}", sibling_prefix(case_dir), std::process::id()))
}

fn sibling_prefix(case_dir: &Path) -> String {
    format!(".{}.importing-", case_dir.file_name().unwrap_or_default().to_string_lossy())
}

/// Removes what killed imports of the same new case left beside it. Whether it goes or not, the import
/// can go on, so nothing here is an error.
fn remove_siblings(case_dir: &Path) {
    let parent = case_dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = sibling_prefix(case_dir);
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(&prefix) {
            continue;
        }
        match File::open(entry.path().join(LOCK)) {
            Ok(file) if file.try_lock().is_ok() => drop(fs::remove_dir_all(entry.path())),
            Ok(_) => {}
            // Killed before it locked anything; one that is about to is not empty any more.
            Err(_) => drop(fs::remove_dir(entry.path())),
        }
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), CaseError> {
    let mut file = File::create(path).map_err(|e| CaseError::io(path, e))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|e| CaseError::io(path, e))
}

fn sync(path: &Path) -> Result<(), CaseError> {
    File::open(path).and_then(|f| f.sync_all()).map_err(|e| CaseError::io(path, e))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::case::manifest::Manifest;

    fn write(staging: &mut Staging, name: &str, text: &str) {
        let path = staging.create(Path::new(name)).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn an_abandoned_change_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let case = dir.path().join("case");
        let mut staging = Staging::begin(&case).unwrap();
        write(&mut staging, "events/a.parquet", "x");
        drop(staging);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_change_cut_off_after_its_point_of_no_return_is_completed_on_open() {
        let dir = tempfile::tempdir().unwrap();
        let case = dir.path().join("case");
        let mut first = Staging::begin(&case).unwrap();
        write(&mut first, "grants/old.parquet", "old");
        first.commit(&Manifest::new().to_text()).unwrap();
        // What a kill between the rename and the moves leaves behind, with one file moved already.
        let pending = case.join(PENDING);
        fs::create_dir_all(pending.join("grants")).unwrap();
        fs::write(case.join("grants/moved.parquet"), "moved").unwrap();
        fs::write(pending.join("grants/new.parquet"), "new").unwrap();
        fs::write(pending.join(MANIFEST), Manifest::new().to_text()).unwrap();
        let journal = Journal {
            remove: vec!["grants/old.parquet".into()],
            add: vec!["grants/moved.parquet".into(), "grants/new.parquet".into(), MANIFEST.into()],
        };
        fs::write(pending.join(JOURNAL), serde_json::to_vec(&journal).unwrap()).unwrap();

        crate::case::Case::open(&case).unwrap();
        assert!(!case.join("grants/old.parquet").exists());
        assert_eq!(fs::read_to_string(case.join("grants/new.parquet")).unwrap(), "new");
        assert_eq!(fs::read_to_string(case.join("grants/moved.parquet")).unwrap(), "moved");
        assert!(!pending.exists());
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn an_abandoned_change_takes_the_folders_it_made_along_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        drop(Staging::begin(&dir.path().join("a/b/case")).unwrap());
        assert_eq!(names(dir.path()), [""; 0]);
        fs::create_dir(dir.path().join("a")).unwrap();
        drop(Staging::begin(&dir.path().join("a/b/case")).unwrap());
        assert_eq!(names(dir.path()), ["a"]);
    }

    #[test]
    fn what_a_killed_import_left_beside_is_removed_and_what_another_fills_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let case = dir.path().join("case");
        let dead = dir.path().join(".case.importing-1");
        fs::create_dir_all(dead.join("events")).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::create_dir(dir.path().join(".case.importing-2")).unwrap();
        let alive = dir.path().join(".case.importing-3");
        fs::create_dir(&alive).unwrap();
        let _held = lock(&alive).unwrap();
        Staging::begin(&case).unwrap().commit(&Manifest::new().to_text()).unwrap();
        assert_eq!(names(dir.path()), [".case.importing-3", "case"]);
    }

    #[test]
    fn an_empty_folder_becomes_a_case_in_its_place_and_stays_empty_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        drop(Staging::begin(dir.path()).unwrap());
        assert_eq!(names(dir.path()), [""; 0]);
        // What a killed import into an empty folder leaves does not make it somebody else's.
        fs::create_dir_all(dir.path().join(".staging-1/events")).unwrap();
        fs::write(dir.path().join(LOCK), "").unwrap();
        assert!(matches!(crate::case::Case::open(dir.path()), Err(CaseError::Missing(_))));
        Staging::begin(dir.path()).unwrap().commit(&Manifest::new().to_text()).unwrap();
        assert_eq!(names(dir.path()), [LOCK, MANIFEST]);
        crate::case::Case::open(dir.path()).unwrap();
    }

    #[test]
    fn a_case_that_appeared_meanwhile_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let case = dir.path().join("case");
        let slow = Staging::begin(&case).unwrap();
        fs::create_dir(&case).unwrap();
        fs::write(case.join("mine"), "x").unwrap();
        assert!(matches!(slow.commit(&Manifest::new().to_text()), Err(CaseError::Locked(_))));
        assert_eq!(names(dir.path()), ["case"]);
        assert_eq!(names(&case), ["mine"]);
    }

    #[test]
    fn two_imports_at_once_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let case = dir.path().join("case");
        Staging::begin(&case).unwrap().commit(&Manifest::new().to_text()).unwrap();
        let _first = Staging::begin(&case).unwrap();
        assert!(matches!(Staging::begin(&case), Err(CaseError::Locked(_))));
    }

    #[test]
    fn a_folder_of_other_files_is_not_taken_for_a_case() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("thesis.txt"), "do not touch").unwrap();
        assert!(matches!(Staging::begin(dir.path()), Err(CaseError::NotACase(_))));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
