//! Where a bundle's bytes go while it is written: a temporary folder or tar file beside the output, which takes
//! the output's name only when everything is on the disk. A crash leaves a `.kubesleuth-*.partial` behind, never
//! half a bundle under the name that was asked for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};
use walkdir::WalkDir;

use crate::model::time::Timestamp;

use super::BLOCK;
use super::error::BundleError;
use super::names::portable;

/// An output in the making.
pub(super) struct Store {
    out: PathBuf,
    kind: Kind,
}

enum Kind {
    Dir(TempDir),
    Tar(Box<TarStore>),
}

struct TarStore {
    file: NamedTempFile,
    tar: tar::Builder<File>,
    /// The bag's folder inside the tar.
    root: String,
    /// Modification time of every member, so that the same collection gives the same bytes.
    mtime: u64,
}

/// A fill that failed: because of what it read, or because of where it was written.
pub(super) enum FillError<E> {
    /// The caller's own reason.
    Source(E),
    /// The output cannot be written.
    Write(io::Error),
}

impl<E> From<io::Error> for FillError<E> {
    fn from(e: io::Error) -> Self {
        Self::Write(e)
    }
}

impl Store {
    /// Begins an output: a folder, or a tar file when `out` ends in `.tar`.
    ///
    /// # Errors
    /// [`BundleError::OutputExists`], [`BundleError::NoOutputFolder`], [`BundleError::Io`].
    pub(super) fn create(out: &Path, mtime: Timestamp) -> Result<Self, BundleError> {
        refuse_existing(out)?;
        let folder = parent(out);
        if !folder.is_dir() {
            return Err(BundleError::NoOutputFolder(out.to_owned()));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".kubesleuth-").suffix(".partial");
        let kind = if is_tar_name(out) {
            let file = builder.tempfile_in(folder).map_err(BundleError::io("write", out))?;
            let handle = file.reopen().map_err(BundleError::io("write", out))?;
            let stem = out.file_stem().filter(|_| out.extension().is_some()).unwrap_or("bundle".as_ref());
            let mtime = u64::try_from(mtime.as_micros().div_euclid(1_000_000)).unwrap_or(0);
            let root = portable(stem.as_encoded_bytes());
            Kind::Tar(Box::new(TarStore { file, tar: tar::Builder::new(handle), root, mtime }))
        } else {
            Kind::Dir(private_folder(&mut builder, folder).map_err(BundleError::io("write", out))?)
        };
        Ok(Self { out: out.to_owned(), kind })
    }

    /// Where the bundle will be.
    pub(super) fn out(&self) -> &Path {
        &self.out
    }

    /// Adds the file `path`, with what `fill` writes. When `fill` fails, nothing of the file stays.
    pub(super) fn add<T, E>(
        &mut self,
        path: &str,
        fill: impl FnOnce(&mut dyn Write) -> Result<T, FillError<E>>,
    ) -> Result<T, FillError<E>> {
        match &mut self.kind {
            Kind::Dir(dir) => add_to_dir(dir.path(), path, fill),
            Kind::Tar(store) => store.add(path, fill),
        }
    }

    /// Adds a whole small file.
    pub(super) fn add_bytes(&mut self, path: &str, bytes: &[u8]) -> Result<(), BundleError> {
        let out = self.out.clone();
        self.add::<_, std::convert::Infallible>(path, |writer| Ok(writer.write_all(bytes)?)).map_err(|e| match e {
            FillError::Source(never) => match never {},
            FillError::Write(source) => BundleError::Io { action: "write", path: out, source },
        })
    }

    /// Brings everything to the disk and gives it its name.
    pub(super) fn finish(self) -> Result<(), BundleError> {
        let Self { out, kind } = self;
        refuse_existing(&out)?;
        match kind {
            Kind::Dir(dir) => {
                sync_tree(dir.path())
                    .and_then(|()| fs::rename(dir.path(), &out))
                    .map_err(BundleError::io("write", &out))?;
                // The folder has left; there is nothing to remove.
                let _ = dir.keep();
            }
            Kind::Tar(store) => {
                let TarStore { file, tar, .. } = *store;
                tar.into_inner().and_then(|f| f.sync_all()).map_err(BundleError::io("write", &out))?;
                file.persist_noclobber(&out).map_err(|e| BundleError::io("write", &out)(e.error))?;
            }
        }
        sync_folder(parent(&out)).map_err(BundleError::io("write", &out))
    }
}

impl TarStore {
    fn add<T, E>(
        &mut self,
        path: &str,
        fill: impl FnOnce(&mut dyn Write) -> Result<T, FillError<E>>,
    ) -> Result<T, FillError<E>> {
        let start = self.tar.get_mut().stream_position()?;
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.mtime);
        let name = format!("{}/{path}", self.root);
        let filled = {
            let mut entry = self.tar.append_writer(&mut header, name)?;
            let mut writer = BufWriter::with_capacity(BLOCK, &mut entry);
            let filled = fill(&mut writer).and_then(|value| Ok(writer.flush().map(|()| value)?));
            drop(writer);
            filled.and_then(|value| Ok(entry.finish().map(|()| value)?))
        };
        if filled.is_err() {
            let file = self.tar.get_mut();
            file.set_len(start)?;
            file.seek(SeekFrom::Start(start))?;
        }
        filled
    }
}

fn add_to_dir<T, E>(
    root: &Path,
    path: &str,
    fill: impl FnOnce(&mut dyn Write) -> Result<T, FillError<E>>,
) -> Result<T, FillError<E>> {
    let target = root.join(path);
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).open(&target)?;
    let mut writer = BufWriter::with_capacity(BLOCK, file);
    let filled = fill(&mut writer).and_then(|value| Ok(writer.flush().map(|()| value)?));
    if filled.is_err() {
        drop(writer.into_parts());
        fs::remove_file(&target)?;
        // Folders made for this file alone go too; removing stops at the first that holds something.
        let above = target.ancestors().skip(1).take_while(|folder| *folder != root);
        above.map(fs::remove_dir).take_while(Result::is_ok).for_each(drop);
    }
    filled
}

/// Whether a bundle of this name is one tar file.
pub(super) fn is_tar_name(out: &Path) -> bool {
    out.as_os_str().as_encoded_bytes().ends_with(b".tar")
}

/// An output that is there already is never overwritten, nor followed when it is a link.
pub(super) fn refuse_existing(out: &Path) -> Result<(), BundleError> {
    match fs::symlink_metadata(out) {
        Ok(_) => Err(BundleError::OutputExists(out.to_owned())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(BundleError::io("write", out)(e)),
    }
}

/// The folder that a path lies in; `.` for a bare name.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Brings all files below a folder to the disk.
pub(super) fn sync_tree(root: &Path) -> io::Result<()> {
    for entry in WalkDir::new(root) {
        let entry = entry?;
        if entry.file_type().is_dir() { sync_folder(entry.path())? } else { File::open(entry.path())?.sync_all()? }
    }
    Ok(())
}

/// Only Unix lets a folder be opened and synced.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// A temporary folder. Evidence may hold secrets: like the tar file, it is for its owner only until they decide
/// otherwise.
pub(super) fn private_folder(builder: &mut tempfile::Builder<'_, '_>, folder: &Path) -> io::Result<TempDir> {
    make_private(builder);
    builder.tempdir_in(folder)
}

#[cfg(unix)]
fn make_private(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o700));
}

#[cfg(not(unix))]
fn make_private(_builder: &mut tempfile::Builder<'_, '_>) {}
