//! What lies in a bundle, whether it is a folder or a tar file: the plain files by their path inside the bag.
//! Only files listed here are ever opened, so a path in a manifest or in the collection record cannot lead out
//! of the bag; links and other oddities are findings and are never followed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::model::finding::{Finding, Severity};

use super::error::BundleError;
use super::tar_index::{self, MemberKind, TarMember};
use super::{BAGIT_FILE, MAX_TAG_FILE, finding, manifest};

/// The files of a bundle.
#[derive(Debug)]
pub(super) struct Inventory {
    /// The bundle.
    pub(super) path: PathBuf,
    /// Plain files by their path inside the bag.
    pub(super) files: BTreeMap<String, Member>,
    /// Everything that is not a plain file inside the bag, and damage of the container.
    pub(super) findings: Vec<Finding>,
}

/// One plain file.
#[derive(Debug)]
pub(super) struct Member {
    /// Its size in bytes.
    pub(super) size: u64,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A file of its own.
    File(PathBuf),
    /// Inside the tar file, from this byte on.
    Slice(u64),
}

impl Inventory {
    /// Lists a bundle: a folder, or else a tar file.
    ///
    /// # Errors
    /// [`BundleError::Io`] when it cannot be read at all; [`BundleError::NotABundle`] for a pipe and the like.
    pub(super) fn read(path: &Path) -> Result<Self, BundleError> {
        let mut inventory = Self { path: path.to_owned(), files: BTreeMap::new(), findings: Vec::new() };
        let metadata = path.metadata().map_err(BundleError::io("read", path))?;
        if metadata.is_dir() {
            inventory.list_folder();
        } else if !metadata.is_file() {
            let why = "it is neither a folder nor a file".to_owned();
            return Err(BundleError::NotABundle { path: path.to_owned(), why });
        } else {
            inventory.list_tar().map_err(BundleError::io("read", path))?;
        }
        Ok(inventory)
    }

    /// Opens a file of the bundle. A file that is shorter than it was when listed gives an error, not an end.
    pub(super) fn open(&self, member: &Member) -> io::Result<MemberReader> {
        let file = match &member.place {
            Place::File(path) => File::open(path)?,
            Place::Slice(offset) => {
                let mut file = File::open(&self.path)?;
                file.seek(SeekFrom::Start(*offset))?;
                file
            }
        };
        Ok(MemberReader { inner: file.take(member.size) })
    }

    /// Reads a tag file into memory; `None` when there is none of that name.
    ///
    /// # Errors
    /// [`BundleError::TagFileTooLarge`], [`BundleError::Io`].
    pub(super) fn tag_file(&self, name: &str) -> Result<Option<Vec<u8>>, BundleError> {
        let Some(member) = self.files.get(name) else { return Ok(None) };
        if member.size > MAX_TAG_FILE {
            let (bundle, member_name, size) = (self.path.clone(), name.to_owned(), member.size);
            return Err(BundleError::TagFileTooLarge { bundle, member: member_name, size, max: MAX_TAG_FILE });
        }
        let mut bytes = Vec::new();
        let read = self.open(member).and_then(|mut reader| reader.read_to_end(&mut bytes));
        read.map_err(BundleError::io("read", &self.path.join(name)))?;
        Ok(Some(bytes))
    }

    fn report(&mut self, code: &'static str, message: String) {
        self.findings.push(finding(Severity::High, code, message));
    }

    fn list_folder(&mut self) {
        let root = self.path.clone();
        for entry in WalkDir::new(&root).min_depth(1).sort_by_file_name() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(e) => {
                    let path = e.path().unwrap_or(&root).display().to_string();
                    self.report("unreadable-file", format!("`{path}` cannot be read: {e}"));
                    continue;
                }
            };
            if entry.file_type().is_dir() {
                continue;
            }
            let parts: Option<Vec<&str>> =
                entry.path().strip_prefix(&root).ok().and_then(|p| p.iter().map(|part| part.to_str()).collect());
            let shown = entry.path().display().to_string();
            match (parts, entry.metadata()) {
                (None, _) => self
                    .report("extra-file", format!("`{shown}` has a name that is not UTF-8: no manifest can list it")),
                (_, Err(e)) => self.report("unreadable-file", format!("`{shown}` cannot be read: {e}")),
                (Some(parts), Ok(metadata)) if metadata.is_file() => {
                    let place = Place::File(entry.path().to_owned());
                    self.files.insert(parts.join("/"), Member { size: metadata.len(), place });
                }
                (Some(parts), Ok(metadata)) => {
                    let what = if metadata.is_symlink() { "a symbolic link" } else { "neither a file nor a folder" };
                    self.report(
                        "not-a-plain-file",
                        format!("`{}` is {what}: a bundle holds plain files only", parts.join("/")),
                    );
                }
            }
        }
    }

    fn list_tar(&mut self) -> io::Result<()> {
        let file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        let index = tar_index::index(&mut BufReader::with_capacity(4096, file), length)?;
        for damage in index.damage {
            self.report(damage.code, damage.message);
        }
        let mut named = Vec::new();
        for member in index.members {
            match safe_name(&member.name) {
                Ok(name) => named.push((name, member)),
                Err(why) => {
                    let shown = String::from_utf8_lossy(&member.name).into_owned();
                    self.report("unsafe-path", format!("the tar member `{shown}` {why}"));
                }
            }
        }
        let root = bag_root(&named);
        for (name, member) in named {
            self.add_member(&name, &member, root.as_deref());
        }
        self.report_conflicts();
        Ok(())
    }

    fn add_member(&mut self, name: &str, member: &TarMember, root: Option<&str>) {
        let inside = match root {
            Some(root) if name == root => Some(""),
            Some(root) => name.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')),
            None => Some(name),
        };
        match (inside, member.kind) {
            (_, MemberKind::Other(what)) => {
                self.report(
                    "not-a-plain-file",
                    format!("the tar member `{name}` is {what}: a bundle holds plain files only"),
                );
            }
            (_, MemberKind::Folder) => {}
            (None | Some(""), MemberKind::File) => {
                self.report("extra-file", format!("the tar member `{name}` lies outside the bag's folder"));
            }
            (Some(path), MemberKind::File) if self.files.contains_key(path) => {
                self.report(
                    "duplicate-member",
                    format!("the tar file holds `{path}` more than once; the first counts here"),
                );
            }
            (Some(path), MemberKind::File) => {
                let place = Place::Slice(member.offset);
                self.files.insert(path.to_owned(), Member { size: member.size, place });
            }
        }
    }

    /// A file that other files lie below could not be unpacked.
    fn report_conflicts(&mut self) {
        let holds_files = |path: &str| {
            let below = format!("{path}/");
            self.files.range(below.clone()..).next().is_some_and(|(other, _)| other.starts_with(&below))
        };
        let both: Vec<String> = self.files.keys().filter(|path| holds_files(path)).cloned().collect();
        for path in both {
            self.report("duplicate-member", format!("the tar file holds `{path}` both as a file and as a folder"));
        }
    }
}

/// The name of a tar member without `./` and a slash at the end, or why it is refused.
fn safe_name(bytes: &[u8]) -> Result<String, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "has a name that is not UTF-8: no manifest can list it")?;
    if text.starts_with('/') {
        return Err("has an absolute path");
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err("has a path with `..`");
    }
    let name = parts.join("/");
    if name.is_empty() || manifest::is_safe(&name) { Ok(name) } else { Err("has a path that leads out of the bag") }
}

/// The folder of the tar file that is the bag; `None` when the bag lies at the top. Where there is no `bagit.txt`,
/// it is the one folder that everything lies in, so that the rest can still be checked.
fn bag_root(members: &[(String, TarMember)]) -> Option<String> {
    let files = || members.iter().filter(|(_, m)| m.kind == MemberKind::File).map(|(name, _)| name.as_str());
    if files().any(|name| name == BAGIT_FILE) {
        return None;
    }
    let declared = files().filter_map(|name| name.split_once('/')).filter(|(_, rest)| *rest == BAGIT_FILE);
    if let Some(root) = declared.map(|(root, _)| root).min() {
        return Some(root.to_owned());
    }
    let mut tops = files().map(|name| name.split_once('/').map(|(top, _)| top));
    let first = tops.next()??;
    tops.all(|top| top == Some(first)).then(|| first.to_owned())
}

/// The bytes of one file of a bundle.
#[derive(Debug)]
pub(super) struct MemberReader {
    inner: io::Take<File>,
}

impl Read for MemberReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        if n == 0 && !buf.is_empty() && self.inner.limit() > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was read"));
        }
        Ok(n)
    }
}
