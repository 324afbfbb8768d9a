//! The parts of a merge, opened and held: none may change while it is read.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::MergeError;
use crate::case::commit::{self, hold};
use crate::case::{Case, CaseError, MANIFEST};

/// A case that is merged into another.
pub(super) struct Part {
    pub(super) case: Case,
    /// The name of the cluster in the part, and the one it is filed under.
    pub(super) clusters: Vec<(String, String)>,
    _held: Option<File>,
}

/// Opens the parts, in the order of their paths, so that the order in which they are named tells nothing.
pub(super) fn open(paths: &[PathBuf], out: &Path, cluster: Option<&str>) -> Result<Vec<Part>, MergeError> {
    let mut named: Vec<(PathBuf, &Path)> = paths.iter().map(|p| (real(p), p.as_path())).collect();
    named.sort();
    for pair in named.windows(2) {
        if let [(a, first), (b, second)] = pair
            && a == b
        {
            return Err(MergeError::Twice(first.display().to_string(), second.display().to_string()));
        }
    }
    let target = real(out);
    if let Some((_, part)) = named.iter().find(|(part, _)| target.starts_with(part)) {
        return Err(MergeError::IntoPart { case: out.display().to_string(), part: part.display().to_string() });
    }
    if out.join(MANIFEST).exists() || commit::is_pending(out) {
        return Err(MergeError::Exists(out.display().to_string()));
    }
    named.into_iter().map(|(_, path)| part(path, cluster)).collect()
}

fn part(path: &Path, cluster: Option<&str>) -> Result<Part, MergeError> {
    // Once to say what is wrong with the path, and again when nobody can change it any more.
    Case::open(path)?;
    let held = hold(path)?;
    let case = Case::open(path)?;
    let own = case.manifest().clusters();
    if own.len() > 1 && cluster.is_some() {
        return Err(MergeError::SeveralClusters { part: path.display().to_string(), clusters: own });
    }
    let filed = |name: String| (name.clone(), cluster.map_or(name, str::to_owned));
    Ok(Part { case, clusters: own.into_iter().map(filed).collect(), _held: held })
}

/// A path without links and dots, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let known = absolute.ancestors().find_map(|a| Some((a, a.canonicalize().ok()?)));
    match known {
        Some((known, real)) => match absolute.strip_prefix(known) {
            Ok(rest) if !rest.as_os_str().is_empty() => real.join(rest),
            _ => real,
        },
        None => absolute,
    }
}

impl Part {
    /// How messages name it.
    pub(super) fn name(&self) -> String {
        self.case.dir().display().to_string()
    }

    /// The files of a table of one of its own clusters.
    pub(super) fn files(&self, table: &crate::tables::schema::Table, own: &str) -> Result<Vec<PathBuf>, CaseError> {
        self.case.files(table, Some(own))
    }
}
