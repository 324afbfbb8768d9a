//! Writing a bundle. Collectors hand over what they read, one file after the other; each original is hashed on the
//! same pass that stores it, so that it is read once. Everything is written in one thread with a fixed compression
//! level: the same evidence gives the same bytes.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::model::object::ObservedAt;
use crate::model::progress::Progress;
use crate::model::time::Timestamp;

use super::custody;
use super::digest::Sha256Digest;
use super::error::BundleError;
use super::format::{Collection, CollectionInfo, Encoding, Entry, FormatVersion, NotCollected};
use super::magic::{MAGIC_LEN, is_compressed};
use super::names::{Folder, Names};
use super::seal::{sum, write_tag_files};
use super::sign::SigningKey;
use super::source_path::SourcePath;
use super::store::{FillError, Store};
use super::{BAGIT_FILE, BLOCK, companions, tags};

/// zstd's default: logs shrink twentyfold and compressing keeps up with hashing.
const ZSTD_LEVEL: i32 = 3;

/// A bundle in the making. Dropped before [`BundleWriter::finish`], it leaves nothing behind.
pub struct BundleWriter {
    store: Store,
    names: Names,
    entries: Vec<Entry>,
    digests: Vec<(String, Sha256Digest)>,
    not_collected: Vec<NotCollected>,
}

/// A file to be added.
#[derive(Clone, Debug)]
pub struct NewEntry<'a> {
    /// The folder of the payload it goes into.
    pub folder: &'a Folder,
    /// Its name there, as found; stored in a portable form.
    pub name: &'a [u8],
    /// Where it came from.
    pub original_path: SourcePath,
    /// When it was last changed.
    pub mtime: Option<Timestamp>,
    /// When its state was read from a live system; `None` for files.
    pub observed: Option<ObservedAt>,
}

/// Why a file was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The source could not be read to its end. The bundle is as if it had never been tried.
    #[error(transparent)]
    Source(io::Error),
    /// The bundle cannot be written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// A finished bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Where it lies.
    pub out: PathBuf,
    /// Number of payload files.
    pub files: u64,
    /// Size of the originals in bytes.
    pub original_bytes: u64,
    /// Size of the payload in bytes.
    pub stored_bytes: u64,
    /// Fingerprint of the key that signed the seal.
    pub signed_by: Option<String>,
    /// The custody log that was begun beside it.
    pub custody_log: PathBuf,
    /// SHA-256 of `tagmanifest-sha256.txt`: who notes it elsewhere can later tell this bundle from any other.
    pub seal: Sha256Digest,
}

impl BundleWriter {
    /// Begins a bundle at `out`: a folder, or one tar file when the name ends in `.tar`. `started` is when the
    /// collection began.
    ///
    /// # Errors
    /// [`BundleError::OutputExists`], [`BundleError::LeftBeside`], [`BundleError::NoOutputFolder`], [`BundleError::Io`].
    pub fn create(out: &Path, started: Timestamp) -> Result<Self, BundleError> {
        let mut store = Store::create(out, started)?;
        companions::refuse_left(out)?;
        store.add_bytes(BAGIT_FILE, tags::BAGIT_TXT.as_bytes())?;
        let (entries, digests, not_collected) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { store, names: Names::default(), entries, digests, not_collected })
    }

    /// A new folder of the payload. Every call gives a folder of its own, even for a name given before.
    pub fn folder(&mut self, parent: &Folder, name: &[u8]) -> Folder {
        self.names.folder(parent, name)
    }

    /// Adds one file, reading it to its end. The entry made is returned, for a note to be put on it.
    ///
    /// # Errors
    /// [`AddError::Source`] when the source cannot be read: the bundle goes on without it.
    pub fn add(
        &mut self,
        new: NewEntry<'_>,
        source: &mut dyn Read,
        progress: &dyn Progress,
    ) -> Result<&mut Entry, AddError> {
        let mut block = vec![0; BLOCK];
        let first = fill_block(source, &mut block).map_err(AddError::Source)?;
        let (encoding, extension) = match is_compressed(first.get(..MAGIC_LEN).unwrap_or(first)) {
            true => (Encoding::Verbatim, ""),
            false => (Encoding::Zstd, ".zst"),
        };
        let first = first.len();
        let stored_path = self.names.file(new.folder, new.name, extension);
        let written = self.store.add(&stored_path, |out| pack(source, block, first, encoding, out, progress));
        let packed = written.map_err(|e| match e {
            FillError::Source(source) => AddError::Source(source),
            FillError::Write(source) => BundleError::io("write", self.store.out())(source).into(),
        })?;
        self.digests.push((stored_path.clone(), packed.stored_sha256));
        Ok(self.entries.push_mut(Entry {
            stored_path,
            original_path: new.original_path,
            original_sha256: Some(packed.original_sha256),
            original_size: packed.original_size,
            mtime: new.mtime,
            encoding,
            stored_size: packed.stored_size,
            observed_from: new.observed.map(|o| o.from),
            observed_to: new.observed.map(|o| o.to),
            note: None,
        }))
    }

    /// Notes that something was to be collected and could not be.
    pub fn not_collected(&mut self, path: SourcePath, reason: String) {
        self.not_collected.push(NotCollected { path, reason });
    }

    /// How many files were added so far.
    pub fn files(&self) -> usize {
        self.entries.len()
    }

    /// What could not be collected so far.
    pub fn missing(&self) -> &[NotCollected] {
        &self.not_collected
    }

    /// Writes the tag files, brings everything to the disk, gives the bundle its name and begins its custody log.
    ///
    /// # Errors
    /// As [`BundleWriter::finish_signed`].
    pub fn finish(self, info: CollectionInfo) -> Result<Sealed, BundleError> {
        self.finish_signed(info, None)
    }

    /// As [`BundleWriter::finish`]; a key signs the tag manifest before the bundle gets its name, and the end of the
    /// custody log.
    ///
    /// # Errors
    /// [`BundleError::Empty`] when no file was added; [`BundleError::Sign`], [`BundleError::Custody`] (the bundle is
    /// then sealed, its log missing); otherwise as [`BundleWriter::create`].
    pub fn finish_signed(self, info: CollectionInfo, key: Option<&SigningKey>) -> Result<Sealed, BundleError> {
        let Self { mut store, mut entries, mut digests, not_collected, .. } = self;
        let out = store.out().to_owned();
        if entries.is_empty() {
            return Err(BundleError::Empty(out));
        }
        entries.sort_by(|a, b| a.stored_path.cmp(&b.stored_path));
        digests.sort();
        let format_version = FormatVersion::CURRENT;
        let collection = Collection { format_version, collection: info, entries, not_collected };
        let seal = write_tag_files(&mut store, &digests, &collection, key)?;
        store.finish()?;
        Ok(Sealed {
            files: collection.entries.len() as u64,
            original_bytes: sum(&collection, |e| e.original_size),
            stored_bytes: sum(&collection, |e| e.stored_size),
            signed_by: key.map(SigningKey::fingerprint),
            custody_log: custody::begin_for(&out, &collection, seal, key)?,
            seal,
            out,
        })
    }
}

/// What storing one file gave.
struct Packed {
    original_sha256: Sha256Digest,
    original_size: u64,
    stored_sha256: Sha256Digest,
    stored_size: u64,
}

/// Stores one file, whose first bytes are in `block` already; both sides are hashed on the way.
fn pack(
    source: &mut dyn Read,
    block: Vec<u8>,
    filled: usize,
    encoding: Encoding,
    out: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<Packed, FillError<io::Error>> {
    let mut stored = HashingWriter { inner: out, hasher: Sha256::new(), length: 0 };
    let (original_sha256, original_size) = match encoding {
        Encoding::Verbatim => copy(source, block, filled, &mut stored, progress)?,
        Encoding::Zstd => {
            let mut encoder = zstd::Encoder::new(&mut stored, ZSTD_LEVEL)?;
            encoder.include_checksum(true)?;
            let original = copy(source, block, filled, &mut encoder, progress)?;
            encoder.finish()?;
            original
        }
    };
    let stored_sha256 = Sha256Digest::from_hasher(stored.hasher);
    Ok(Packed { original_sha256, original_size, stored_sha256, stored_size: stored.length })
}

/// Copies the first `filled` bytes of `block`, then the rest of `source`; gives the digest and size of all.
fn copy(
    source: &mut dyn Read,
    mut block: Vec<u8>,
    mut filled: usize,
    out: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<(Sha256Digest, u64), FillError<io::Error>> {
    let (mut hasher, mut length) = (Sha256::new(), 0_u64);
    while filled > 0 {
        let bytes = block.get(..filled).unwrap_or_default();
        hasher.update(bytes);
        out.write_all(bytes)?;
        length = length.saturating_add(filled as u64);
        progress.advance(filled as u64);
        filled = fill_block(source, &mut block).map_err(FillError::Source)?.len();
    }
    Ok((Sha256Digest::from_hasher(hasher), length))
}

/// Reads until the block is full or the source ends, so that how a source cuts its reads does not matter.
fn fill_block<'b>(source: &mut dyn Read, block: &'b mut [u8]) -> io::Result<&'b [u8]> {
    let mut filled = 0_usize;
    while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match source.read(rest) {
            Ok(0) => break,
            Ok(n) => filled = filled.saturating_add(n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(block.get(..filled).unwrap_or_default())
}

/// Hashes what is written through it.
struct HashingWriter<'a> {
    inner: &'a mut dyn Write,
    hasher: Sha256,
    length: u64,
}

impl Write for HashingWriter<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.hasher.update(buf.get(..n).unwrap_or_default());
        self.length = self.length.saturating_add(n as u64);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
