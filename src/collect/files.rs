//! `collect files`: puts files and folders into a bundle, as they are. Originals are opened for reading only.
//!
//! Links are not followed: what they point to may lie outside of what was asked for, or change meanwhile. They are
//! listed as not collected, with their target, so that the collecting person can name it.

use std::fs::{self, File, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use walkdir::{DirEntry, WalkDir};

use crate::bundle::{AddError, BundleWriter, Entry, Folder, NewEntry, SigningKey, SourcePath};
use crate::model::finding::{Finding, Severity};
use crate::model::progress::Progress;
use crate::model::time::Timestamp;

use super::{CollectError, Collected, Origin};

/// The reason given for a folder without files.
const NO_FILES: &str = "it holds no files";

/// What to collect, and where to.
#[derive(Clone, Copy, Debug)]
pub struct FilesRequest<'a> {
    /// Files and folders.
    pub paths: &'a [PathBuf],
    /// The bundle to make; one tar file when it ends in `.tar`.
    pub out: &'a Path,
    /// Who collects.
    pub origin: &'a Origin,
    /// Signs the seal.
    pub sign_key: Option<&'a SigningKey>,
}

/// Collects files and folders into a new bundle. `clock` is asked when it begins and when it ends.
///
/// # Errors
/// [`CollectError`]; no bundle is left behind. A file that cannot be read is not an error but listed.
pub fn collect_files(
    request: &FilesRequest<'_>,
    clock: &dyn Fn() -> Timestamp,
    progress: &dyn Progress,
) -> Result<Collected, CollectError> {
    let started = clock();
    refuse_missing(request.paths)?;
    refuse_output_inside(request)?;
    let mut writer = BundleWriter::create(request.out, started)?;
    let found = find(&mut writer, request.paths);
    progress.begin("collect", Some(found.iter().map(|f| f.metadata.len()).fold(0, u64::saturating_add)));
    let mut findings = Vec::new();
    for file in &found {
        findings.extend(collect(&mut writer, file, progress)?);
    }
    progress.finish();
    if writer.files() == 0 {
        let first = writer.missing().iter().find(|m| m.reason != NO_FILES);
        let first = first.map(|m| format!("`{}` was not collected: {}", m.path, m.reason));
        return Err(CollectError::NothingToCollect { paths: request.paths.to_vec(), first });
    }
    let not_collected = writer.missing().to_vec();
    let sealed = writer.finish_signed(request.origin.info("collect files", started, clock()), request.sign_key)?;
    Ok(Collected { sealed, not_collected, findings })
}

fn refuse_missing(paths: &[PathBuf]) -> Result<(), CollectError> {
    let gone = |path: &&PathBuf| {
        let kind = fs::symlink_metadata(path).err().map(|e| e.kind());
        matches!(kind, Some(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput))
    };
    let missing: Vec<PathBuf> = paths.iter().filter(gone).cloned().collect();
    if missing.is_empty() { Ok(()) } else { Err(CollectError::MissingPaths(missing)) }
}

fn refuse_output_inside(request: &FilesRequest<'_>) -> Result<(), CollectError> {
    let folder = request.out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A folder that is not there is told of when the output is created.
    let Ok(folder) = folder.canonicalize() else { return Ok(()) };
    for input in request.paths {
        let is_folder = fs::symlink_metadata(input).is_ok_and(|m| m.is_dir());
        if is_folder && input.canonicalize().is_ok_and(|input| folder.starts_with(input)) {
            return Err(CollectError::OutputInsideInput { out: request.out.to_owned(), input: input.clone() });
        }
    }
    Ok(())
}

/// A file to collect.
struct Found {
    path: PathBuf,
    folder: Folder,
    name: Vec<u8>,
    metadata: Metadata,
}

/// Lists the files under the paths, sorted; what is not a file is noted as not collected.
fn find(writer: &mut BundleWriter, paths: &[PathBuf]) -> Vec<Found> {
    let mut found = Vec::new();
    for path in paths {
        let before = (found.len(), writer.missing().len());
        // The folders of the payload above the current entry; the last is the one it goes into.
        let mut folders = vec![Folder::top()];
        for entry in WalkDir::new(path).follow_links(false).follow_root_links(false).sort_by_file_name() {
            match entry {
                Ok(entry) => found.extend(place(writer, &mut folders, path, entry)),
                Err(e) => {
                    let at = SourcePath::from_os(e.path().unwrap_or(path));
                    let reason = e.io_error().map_or_else(|| e.to_string(), |e| format!("cannot be read: {e}"));
                    writer.not_collected(at, reason);
                }
            }
        }
        if before == (found.len(), writer.missing().len()) {
            writer.not_collected(SourcePath::from_os(path), NO_FILES.to_owned());
        }
    }
    found
}

/// Says where in the payload an entry goes; only plain files give something to collect.
fn place(writer: &mut BundleWriter, folders: &mut Vec<Folder>, path: &Path, entry: DirEntry) -> Option<Found> {
    folders.truncate(entry.depth().saturating_add(1));
    let folder = folders.last().cloned().unwrap_or_else(Folder::top);
    let name = if entry.depth() == 0 { base_name(path) } else { entry.file_name().as_encoded_bytes().to_vec() };
    let kind = entry.file_type();
    if kind.is_dir() {
        folders.push(writer.folder(&folder, &name));
        return None;
    }
    if !kind.is_file() {
        writer.not_collected(SourcePath::from_os(entry.path()), not_a_file(kind, entry.path()));
        return None;
    }
    match entry.metadata() {
        Ok(metadata) => Some(Found { path: entry.into_path(), folder, name, metadata }),
        Err(e) => {
            writer.not_collected(SourcePath::from_os(entry.path()), format!("cannot be read: {e}"));
            None
        }
    }
}

/// The last part of a path as typed; for `.`, `..` and the like, that of the folder meant.
fn base_name(path: &Path) -> Vec<u8> {
    let name = |p: &Path| p.file_name().map(|n| n.as_encoded_bytes().to_vec());
    name(path).or_else(|| name(&path.canonicalize().ok()?)).unwrap_or_else(|| b"root".to_vec())
}

fn not_a_file(kind: FileType, path: &Path) -> String {
    if kind.is_symlink() {
        let target = fs::read_link(path).map(|t| format!(" to `{}`", t.display())).unwrap_or_default();
        return format!("it is a symbolic link{target}; links are not followed");
    }
    format!("it is {}, not a file", special(kind))
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match () {
        () if kind.is_socket() => "a socket",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_block_device() => "a block device",
        () if kind.is_char_device() => "a character device",
        () => "something special",
    }
}

#[cfg(not(unix))]
fn special(_kind: FileType) -> &'static str {
    "something special"
}

/// Puts one file into the bundle, or notes why not. A file that changed meanwhile gives a finding.
fn collect(writer: &mut BundleWriter, found: &Found, progress: &dyn Progress) -> Result<Option<Finding>, CollectError> {
    let original = SourcePath::from_os(&found.path);
    let (mut file, before) = match open(found) {
        Ok(opened) => opened,
        Err(reason) => {
            writer.not_collected(original, reason);
            return Ok(None);
        }
    };
    let new = NewEntry {
        folder: &found.folder,
        name: &found.name,
        original_path: original.clone(),
        mtime: before.modified().ok().and_then(timestamp),
        observed: None,
    };
    match writer.add(new, &mut file, progress) {
        Ok(entry) => Ok(note_change(entry, &before, file.metadata())),
        Err(AddError::Source(e)) => {
            writer.not_collected(original, format!("cannot be read to its end: {e}"));
            Ok(None)
        }
        Err(AddError::Bundle(e)) => Err(e.into()),
    }
}

/// Opens a file and makes sure that it is still the one that was listed, not a link or a pipe put in its place.
fn open(found: &Found) -> Result<(File, Metadata), String> {
    let cannot = |e: io::Error| format!("cannot be read: {e}");
    let file = File::open(&found.path).map_err(cannot)?;
    let metadata = file.metadata().map_err(cannot)?;
    if metadata.is_file() && is_same(&metadata, &found.metadata) {
        Ok((file, metadata))
    } else {
        Err("it was replaced by another file during the collection".to_owned())
    }
}

#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn is_same(_a: &Metadata, _b: &Metadata) -> bool {
    true
}

/// What was read of a file that is being written is kept, and said to be so.
fn note_change(entry: &mut Entry, before: &Metadata, after: io::Result<Metadata>) -> Option<Finding> {
    let note = match after {
        Err(e) => format!("whether it changed while it was read cannot be told: {e}"),
        Ok(after) => {
            let (size, later) = (before.len(), after.len());
            let same_time = before.modified().ok() == after.modified().ok();
            if same_time && size == later && size == entry.original_size {
                return None;
            }
            let time = if same_time { "" } else { ", and its time of change moved" };
            let read = entry.original_size;
            format!("it may have changed while it was read: {size} bytes before, {later} after, {read} read{time}")
        }
    };
    let message = format!("`{}`: {note}", entry.original_path);
    entry.note = Some(note);
    Some(Finding { severity: Severity::Low, code: "changed-while-collected", message, at: None, witnesses: Vec::new() })
}

/// A file's time, cut to microseconds towards the past; `None` when RFC 3339 cannot write it.
fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let micros = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).ok()?,
        Err(before) => i64::try_from(before.duration().as_nanos().div_ceil(1000)).ok()?.checked_neg()?,
    };
    let timestamp = Timestamp::from_micros(micros);
    (Timestamp::parse_rfc3339(&timestamp.to_string()) == Some(timestamp)).then_some(timestamp)
}

#[cfg(test)]
mod tests;
