//! Reading a bundle: its record, its entries, and the bytes of each. For a tar file the places of the members are
//! found once, then each is read where it lies; nothing is unpacked to disk. Opening does not verify: that is
//! [`super::verify`]. A bundle cut short still opens and gives what is left, with findings that say so.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::model::finding::Finding;

use super::digest::{Algorithm, Sha256Digest};
use super::error::BundleError;
use super::format::{Collection, CollectionInfo, Encoding, Entry, NotCollected};
use super::inventory::{Inventory, MemberReader};
use super::source_path::SourcePath;
use super::{BAGIT_FILE, COLLECTION_FILE, MANIFEST_FILE, PAYLOAD, TAG_MANIFEST_FILE, is_payload, manifest, tags};

/// An opened bundle.
#[derive(Debug)]
pub struct Bundle {
    inventory: Inventory,
    info: Option<CollectionInfo>,
    entries: Vec<Entry>,
    not_collected: Vec<NotCollected>,
}

impl Bundle {
    /// Whether a path is a bag by its content: a folder with `bagit.txt`, or a tar file that holds `bagit.txt` at
    /// the top or in a folder at the top. One that has lost its `bagit.txt` is still known by a payload with a
    /// manifest or a collection record: taken for plain files, its evidence would lose its times and its seal.
    /// What cannot be read is not a bundle.
    pub fn is_bundle(path: &Path) -> bool {
        let Ok(metadata) = path.metadata() else { return false };
        if metadata.is_dir() {
            let record = |name| File::open(path.join(name)).ok();
            return path.join(BAGIT_FILE).is_file()
                || path.join(PAYLOAD).is_dir()
                    && tells_a_bag(path.join(MANIFEST_FILE).is_file(), record(COLLECTION_FILE));
        }
        metadata.is_file() && looks_like_tar(path) && Inventory::read(path).is_ok_and(|i| is_bag(&i))
    }

    /// Opens a bundle: a folder or a tar file.
    ///
    /// # Errors
    /// [`BundleError::NotABundle`] for what [`Bundle::is_bundle`] does not know; [`BundleError::NewerFormat`] and
    /// [`BundleError::Collection`] when the record cannot be understood; [`BundleError::Io`].
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let inventory = Inventory::read(path)?;
        let declaration = inventory.tag_file(BAGIT_FILE)?;
        if declaration.is_none() && !is_bag(&inventory) {
            let damage = inventory.findings.first().map(|f| format!("; {}", f.message)).unwrap_or_default();
            let why = format!("it holds no `{BAGIT_FILE}`{damage}");
            return Err(BundleError::NotABundle { path: path.to_owned(), why });
        }
        match inventory.tag_file(COLLECTION_FILE)? {
            Some(bytes) => {
                let Collection { collection, entries, not_collected, .. } = Collection::parse(&bytes, path)?;
                Ok(Self { inventory, info: Some(collection), entries, not_collected })
            }
            None => {
                let version = declaration.and_then(|d| tags::parse_bagit(&d).ok()).unwrap_or(tags::BagVersion::V1);
                let entries = foreign_entries(&inventory, version)?;
                Ok(Self { inventory, info: None, entries, not_collected: Vec::new() })
            }
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.inventory.path
    }

    /// Who collected it, when and how; `None` for a bag that another tool made.
    pub fn info(&self) -> Option<&CollectionInfo> {
        self.info.as_ref()
    }

    /// The collected files, sorted by their path in the bag. For a bag that another tool made, its payload files.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What the collector could not collect.
    pub fn not_collected(&self) -> &[NotCollected] {
        &self.not_collected
    }

    /// Damage of the container and things in it that are not plain files. An empty list does not mean that the
    /// bundle is whole: no digest was compared.
    pub fn findings(&self) -> &[Finding] {
        &self.inventory.findings
    }

    /// SHA-256 of `tagmanifest-sha256.txt`; `None` when there is none that can be read.
    pub fn seal(&self) -> Option<Sha256Digest> {
        self.inventory.tag_file(TAG_MANIFEST_FILE).ok().flatten().map(|bytes| Sha256Digest::of(&bytes))
    }

    /// The bytes of an entry as they are stored; [`Entry::encoding`] says in which form.
    ///
    /// # Errors
    /// [`BundleError::NoSuchFile`], [`BundleError::Io`].
    pub fn open_entry(&self, entry: &Entry) -> Result<EntryReader, BundleError> {
        self.open_stored(entry).map(|stored| EntryReader(Inner::Stored(stored)))
    }

    /// The bytes of an entry as they were collected. More or fewer bytes than [`Entry::original_size`]
    /// are an error.
    ///
    /// # Errors
    /// As [`Bundle::open_entry`]; damage inside shows while reading.
    pub fn open_original(&self, entry: &Entry) -> Result<EntryReader, BundleError> {
        let stored = self.open_stored(entry)?;
        match entry.encoding {
            Encoding::Verbatim => Ok(EntryReader(Inner::Stored(stored))),
            Encoding::Zstd => {
                let path = self.stored_location(entry);
                let inner = zstd::Decoder::new(stored).map_err(BundleError::io("decompress", &path))?;
                Ok(EntryReader(Inner::Zstd { inner: Box::new(inner), left: entry.original_size }))
            }
        }
    }

    fn open_stored(&self, entry: &Entry) -> Result<MemberReader, BundleError> {
        let member = self.inventory.files.get(&entry.stored_path).filter(|_| is_payload(&entry.stored_path));
        let member = member.ok_or_else(|| BundleError::NoSuchFile {
            bundle: self.path().to_owned(),
            member: entry.stored_path.clone(),
        })?;
        self.inventory.open(member).map_err(BundleError::io("read", &self.stored_location(entry)))
    }

    /// For messages only.
    fn stored_location(&self, entry: &Entry) -> PathBuf {
        self.path().join(&entry.stored_path)
    }
}

/// The bytes of one entry.
pub struct EntryReader(Inner);

enum Inner {
    Stored(MemberReader),
    Zstd { inner: Box<zstd::Decoder<'static, io::BufReader<MemberReader>>>, left: u64 },
}

impl Read for EntryReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::Stored(reader) => reader.read(buf),
            Inner::Zstd { inner, left } => {
                let n = inner.read(buf)?;
                let wrong = |how| {
                    io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("it holds {how} bytes than the collection record says"),
                    )
                };
                *left = left.checked_sub(n as u64).ok_or_else(|| wrong("more"))?;
                if n == 0 && *left > 0 && !buf.is_empty() { Err(wrong("fewer")) } else { Ok(n) }
            }
        }
    }
}

/// Entries for a bag without a collection record: what lies in the payload, stored as it is.
fn foreign_entries(inventory: &Inventory, version: tags::BagVersion) -> Result<Vec<Entry>, BundleError> {
    let digests = match inventory.tag_file(MANIFEST_FILE)? {
        Some(bytes) => manifest::parse(&bytes, Algorithm::Sha256, version).files,
        None => Default::default(),
    };
    let payload = inventory.files.iter().filter(|(path, _)| is_payload(path));
    Ok(payload
        .map(|(path, member)| Entry {
            stored_path: path.clone(),
            original_path: SourcePath::from(path.as_str()),
            original_sha256: digests.get(path).and_then(|digest| digest.parse().ok()),
            original_size: member.size,
            mtime: None,
            encoding: Encoding::Verbatim,
            stored_size: member.size,
            observed_from: None,
            observed_to: None,
            note: None,
        })
        .collect())
}

/// Whether the files are those of a bag.
fn is_bag(inventory: &Inventory) -> bool {
    let files = &inventory.files;
    let record = || files.get(COLLECTION_FILE).and_then(|member| inventory.open(member).ok());
    files.contains_key(BAGIT_FILE)
        || files.keys().any(|name| is_payload(name)) && tells_a_bag(files.contains_key(MANIFEST_FILE), record())
}

/// Whether what lies beside a payload is that of a bag: a manifest, or a collection record as we write it.
fn tells_a_bag(manifest: bool, record: Option<impl Read>) -> bool {
    let mut head = Vec::new();
    manifest
        || record.is_some_and(|r| r.take(64).read_to_end(&mut head).is_ok())
            && String::from_utf8_lossy(&head).contains("\"format_version\"")
}

/// Whether the first header says `ustar`: every tar that a BagIt tool of this century wrote does.
fn looks_like_tar(path: &Path) -> bool {
    let mut header = [0; 512];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header.get(257..262) == Some(b"ustar".as_slice())
}
