//! Finds the evidence files under the paths given: plain files, folders (links not followed), and the
//! payload of bundles. Sorted, so that the same evidence gives the same case.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde::Deserialize;

use super::ImportError;
use super::inside::{self, SNAPSHOT_FILE};
use crate::bundle::{Bundle, Encoding, Entry, is_companion};
use crate::model::object::ObservedAt;
use crate::model::time::Timestamp;

/// Where a file's bytes come from.
#[derive(Clone)]
enum Origin {
    File(PathBuf),
    Bundle(Arc<Bundle>, Box<Entry>),
}

/// Where the time of a snapshot comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObservedBasis {
    /// The bundle's collector says when it read.
    Collector,
    /// `--observed-at`.
    Flag,
    /// A `snapshot.json` beside the file.
    SnapshotFile,
    /// The file's modification time.
    Modified,
}

impl ObservedBasis {
    /// The word used in `sources`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collector => "collector",
            Self::Flag => "--observed-at",
            Self::SnapshotFile => "snapshot.json",
            Self::Modified => "modification time",
        }
    }
}

/// One evidence file.
#[derive(Clone)]
pub struct Input {
    /// Its path as given, or inside its bundle.
    pub path: String,
    /// Its own name, without the suffix a bundle adds.
    pub file_name: String,
    /// What it lies beside: the folder in the file system or in the bundle.
    pub folder: String,
    /// The bundle it lies in.
    pub bundle: Option<String>,
    /// Size in bytes as collected.
    pub size: u64,
    /// If it holds a snapshot: when that was taken, and how this is known.
    pub observed: Option<(ObservedAt, ObservedBasis)>,
    /// If it is an archive: the times of snapshots inside, by their folder (`<archive>!/<folder>`).
    pub inside: BTreeMap<String, ObservedAt>,
    origin: Origin,
}

/// Everything found.
pub struct Found {
    /// The files, sorted by path.
    pub inputs: Vec<Input>,
    /// Cluster names that bundles and `snapshot.json` files give.
    pub clusters: Vec<String>,
    /// Bundles, opened.
    pub bundles: Vec<(PathBuf, Arc<Bundle>)>,
}

/// A `snapshot.json`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct SnapshotFile {
    #[serde(default)]
    pub(super) cluster: Option<String>,
    observed_from: Timestamp,
    observed_to: Timestamp,
}

impl SnapshotFile {
    fn observed(&self) -> ObservedAt {
        ObservedAt { from: self.observed_from, to: self.observed_to.max(self.observed_from) }
    }
}

impl Input {
    /// The original bytes, as they were collected.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        match &self.origin {
            Origin::File(path) => Ok(Box::new(File::open(path)?)),
            Origin::Bundle(bundle, entry) => Ok(Box::new(bundle.open_original(entry).map_err(io::Error::other)?)),
        }
    }

    /// When the snapshot at `path` was taken: this file, or a member of the archive it is.
    pub fn observed_at(&self, path: &str) -> Option<(ObservedAt, ObservedBasis)> {
        self.inside.get(inside::folder(path)).map(|at| (*at, ObservedBasis::SnapshotFile)).or(self.observed)
    }
}

/// Finds the files under `paths`.
///
/// # Errors
/// When a path is missing or unreadable, or there is nothing.
pub fn discover(paths: &[PathBuf], observed_at: Option<Timestamp>) -> Result<Found, ImportError> {
    let missing: Vec<String> = paths.iter().filter(|p| fs::symlink_metadata(p).is_err()).map(|p| display(p)).collect();
    if !missing.is_empty() {
        return Err(ImportError::MissingPaths(missing));
    }
    let mut found = Found { inputs: Vec::new(), clusters: Vec::new(), bundles: Vec::new() };
    for path in paths {
        add_path(path, &mut found)?;
    }
    found.inputs.sort_by(|a, b| (&a.bundle, &a.path).cmp(&(&b.bundle, &b.path)));
    found.inputs.dedup_by(|a, b| (&a.bundle, &a.path) == (&b.bundle, &b.path));
    date_snapshots(&mut found, observed_at)?;
    found.clusters.sort();
    found.clusters.dedup();
    Ok(found)
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

fn unreadable(path: &Path, source: io::Error) -> ImportError {
    ImportError::Unreadable { path: display(path), source }
}

/// Adds what lies under a path. A bundle is opened as one wherever it lies: its payload taken for plain
/// files would lose its times.
fn add_path(root: &Path, found: &mut Found) -> Result<(), ImportError> {
    let mut walk =
        walkdir::WalkDir::new(root).follow_links(false).follow_root_links(true).sort_by_file_name().into_iter();
    let (mut files, before) = (Vec::new(), found.bundles.len());
    while let Some(entry) = walk.next() {
        let entry = entry.map_err(|e| {
            let path = e.path().unwrap_or(root).to_owned();
            unreadable(&path, e.into_io_error().unwrap_or_else(|| io::Error::other("a loop of links")))
        })?;
        if entry.path_is_symlink() && entry.depth() > 0 {
            continue;
        }
        let is_folder = if entry.depth() == 0 { entry.path().is_dir() } else { entry.file_type().is_dir() };
        if !is_folder {
            files.push(entry.into_path());
        } else if Bundle::is_bundle(entry.path()) {
            let bundle = Arc::new(Bundle::open(entry.path())?);
            add_bundle(entry.path(), &bundle, found);
            found.bundles.push((entry.path().to_owned(), bundle));
            walk.skip_current_dir();
        }
    }
    // Looking into every file waits for the disk.
    let looked: Vec<Option<Looked>> = files.par_iter().map(|path| look(path)).collect::<Result<_, _>>()?;
    for (path, looked) in files.into_iter().zip(looked) {
        match looked {
            Some(Looked::Bundle(bundle)) => {
                add_bundle(&path, &bundle, found);
                found.bundles.push((path, bundle));
            }
            Some(Looked::Plain(input)) => found.inputs.push(*input),
            None => {}
        }
    }
    if let Some(added) = found.bundles.get_mut(before..) {
        added.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    Ok(())
}

/// What a file is.
enum Looked {
    Bundle(Arc<Bundle>),
    Plain(Box<Input>),
}

/// Looks into a file; `None` for what is no evidence: sockets, say, and what lies beside a bundle.
fn look(path: &Path) -> Result<Option<Looked>, ImportError> {
    if Bundle::is_bundle(path) {
        return Ok(Some(Looked::Bundle(Arc::new(Bundle::open(path)?))));
    }
    if !path.is_file() || is_companion(path) {
        return Ok(None);
    }
    let meta = fs::metadata(path).map_err(|e| unreadable(path, e))?;
    let modified = meta
        .modified()
        .ok()
        .map(|t| Timestamp::from_micros(chrono::DateTime::<chrono::Utc>::from(t).timestamp_micros()));
    Ok(Some(Looked::Plain(Box::new(Input {
        path: display(path),
        file_name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        folder: path.parent().map(display).unwrap_or_default(),
        bundle: None,
        size: meta.len(),
        observed: modified.map(|t| (ObservedAt { from: t, to: t }, ObservedBasis::Modified)),
        inside: BTreeMap::new(),
        origin: Origin::File(path.to_owned()),
    }))))
}

fn add_bundle(path: &Path, bundle: &Arc<Bundle>, found: &mut Found) {
    if let Some(cluster) = bundle.info().and_then(|i| i.cluster.clone()) {
        found.clusters.push(cluster);
    }
    for entry in bundle.entries() {
        let collector = entry.observed().map(|at| (at, ObservedBasis::Collector));
        let modified = entry.mtime.map(|t| (ObservedAt { from: t, to: t }, ObservedBasis::Modified));
        found.inputs.push(Input {
            path: entry.original_path.to_string(),
            file_name: original_name(entry),
            folder: folder(&entry.stored_path).to_owned(),
            bundle: Some(display(path)),
            size: entry.original_size,
            observed: collector.or(modified),
            inside: BTreeMap::new(),
            origin: Origin::Bundle(Arc::clone(bundle), Box::new(entry.clone())),
        });
    }
}

/// Gives every file the time of its snapshot: collector, flag, `snapshot.json`, modification time.
fn date_snapshots(found: &mut Found, observed_at: Option<Timestamp>) -> Result<(), ImportError> {
    let mut beside: BTreeMap<(Option<String>, String), SnapshotFile> = BTreeMap::new();
    for input in found.inputs.iter().filter(|i| i.file_name == SNAPSHOT_FILE && i.size < inside::LONGEST) {
        let mut text = String::new();
        let read = input.open().and_then(|mut r| r.read_to_string(&mut text));
        // Damage of a bundle is a finding of its own.
        let damaged = input.bundle.is_some() || read.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::InvalidData);
        if read.is_err() && damaged {
            continue;
        }
        read.map_err(|e| ImportError::Unreadable { path: input.path.clone(), source: e })?;
        if let Some(snapshot) = inside::parse(&text) {
            found.clusters.extend(snapshot.cluster.clone());
            beside.insert((input.bundle.clone(), input.folder.clone()), snapshot);
        }
    }
    // Every file is looked into, which waits for the disk.
    let inside: Vec<_> = found.inputs.par_iter().map(inside::snapshots).collect();
    for (input, inside) in found.inputs.iter_mut().zip(inside) {
        found.clusters.extend(inside.values().filter_map(|s| s.cluster.clone()));
        if matches!(input.observed, Some((_, ObservedBasis::Collector))) {
            continue;
        }
        if let Some(t) = observed_at {
            input.observed = Some((ObservedAt { from: t, to: t }, ObservedBasis::Flag));
            continue;
        }
        input.inside = inside.iter().map(|(folder, s)| (folder.clone(), s.observed())).collect();
        if let Some(s) = beside.get(&(input.bundle.clone(), input.folder.clone())) {
            input.observed = Some((s.observed(), ObservedBasis::SnapshotFile));
        }
    }
    Ok(())
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn original_name(entry: &Entry) -> String {
    let stored = entry.stored_path.rsplit_once('/').map_or(entry.stored_path.as_str(), |(_, name)| name);
    match entry.encoding {
        Encoding::Zstd => stored.strip_suffix(".zst").unwrap_or(stored).to_owned(),
        Encoding::Verbatim => stored.to_owned(),
    }
}
