//! A case on disk: a folder of Parquet tables and `case.json`.
//!
//! A case is changed whole or not at all. A change is first written completely beside the tables
//! and then put in place through a journal ([`commit`]), so that a killed import leaves either the
//! old case or the new one. Traded for it: an import needs room for its new files twice over in names,
//! not in bytes.

pub mod commit;
pub mod condition;
mod count_rows;
pub mod frame;
pub mod keyed;
pub mod manifest;
pub mod parquet_columns;
pub mod parquet_file;
pub mod part;
pub mod pattern;
pub mod read;
mod refuse;
pub mod rows;
pub mod sieve;
mod texts;

use std::io;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use manifest::{Manifest, SchemaVersion};

use crate::model::time::{Interval, Timestamp};
use crate::tables::schema::Table;

/// Name of the manifest inside a case.
pub const MANIFEST: &str = "case.json";

/// What can be wrong with a case.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// There is no case at the path.
    #[error("no case at `{0}`: make one with `kubesleuth import PATH --case {0}`, or name another with --case")]
    Missing(String),
    /// The folder holds something else.
    #[error("`{0}` is not a case: it has files but no case.json; name an empty or new folder with --case")]
    NotACase(String),
    /// There is a file where the folder should be.
    #[error("`{0}` is a file, a case is a folder: name a folder, or one that does not exist yet, with --case")]
    NotAFolder(String),
    /// A newer program wrote it.
    #[error(
        "case `{path}` has schema version {found}, this program reads up to {supported}: use the kubesleuth that wrote it, or a newer one"
    )]
    Newer {
        /// The case.
        path: String,
        /// Its version.
        found: u32,
        /// The newest version known here.
        supported: u32,
    },
    /// `case.json` cannot be read.
    #[error("`{path}` is damaged: expected a case manifest, {reason}; import the evidence again into a new case")]
    Manifest {
        /// The file.
        path: String,
        /// What the parser says.
        reason: String,
    },
    /// Another import is under way.
    #[error("case `{0}` is being changed by another import: wait for it to end, then try again")]
    Locked(String),
    /// The question does not say which cluster, and there are several.
    #[error("the case holds {} clusters ({}): choose one with --cluster", .0.len(), .0.join(", "))]
    WhichCluster(Vec<String>),
    /// The cluster asked for is not there.
    #[error("the case holds no cluster `{wanted}`: it has {}", .have.join(", "))]
    NoSuchCluster {
        /// What was asked.
        wanted: String,
        /// What there is.
        have: Vec<String>,
    },
    /// A file of the case cannot be read or written.
    #[error("`{path}`: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A table cannot be read.
    #[error(
        "table `{table}` cannot be read: {reason}; the case may be damaged: import the evidence again into a new case"
    )]
    Table {
        /// The table.
        table: String,
        /// What the reader says.
        reason: String,
    },
    /// A query is wrong.
    #[error("{0}")]
    Query(String),
}

impl CaseError {
    /// An I/O error with its path.
    pub fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.display().to_string(), source }
    }
}

/// An opened case.
#[derive(Clone, Debug)]
pub struct Case {
    dir: PathBuf,
    manifest: Manifest,
}

impl Case {
    /// Opens a case for questions. A change that was cut off after its point of no return is completed first.
    ///
    /// # Errors
    /// When there is no case, it is damaged, or a newer program wrote it.
    pub fn open(dir: &Path) -> Result<Self, CaseError> {
        let name = dir.display().to_string();
        if !dir.is_dir() {
            return Err(if dir.exists() { CaseError::NotAFolder(name) } else { CaseError::Missing(name) });
        }
        commit::complete_pending(dir)?;
        let path = dir.join(MANIFEST);
        if !path.is_file() {
            return Err(if commit::is_blank(dir)? { CaseError::Missing(name) } else { CaseError::NotACase(name) });
        }
        let manifest = Manifest::read(&path)?;
        if manifest.schema_version > SchemaVersion::CURRENT {
            return Err(CaseError::Newer {
                path: name,
                found: manifest.schema_version.number(),
                supported: SchemaVersion::CURRENT.number(),
            });
        }
        Ok(Self { dir: dir.to_owned(), manifest })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What `case.json` says.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The cluster a question is about: the one named, or the only one.
    ///
    /// # Errors
    /// When the case holds several and none is named, or the named one is not there.
    pub fn cluster(&self, wanted: Option<&str>) -> Result<String, CaseError> {
        let have: Vec<String> = self.manifest.clusters();
        match (wanted, have.as_slice()) {
            (Some(w), _) if have.iter().any(|c| c == w) => Ok(w.to_owned()),
            (Some(w), _) => Err(CaseError::NoSuchCluster { wanted: w.to_owned(), have }),
            (None, [only]) => Ok(only.clone()),
            (None, _) => Err(CaseError::WhichCluster(have)),
        }
    }

    /// The Parquet files of a table for one cluster (or all), in the order of their names.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn files(&self, table: &Table, cluster: Option<&str>) -> Result<Vec<PathBuf>, CaseError> {
        self.list(table, cluster, |_| true)
    }

    /// As [`Case::files`], without the files of days that lie outside a stretch of time. What is filed under no day,
    /// or under one that cannot be told, is among them.
    ///
    /// # Errors
    /// As [`Case::files`].
    pub fn files_within(
        &self,
        table: &Table,
        cluster: Option<&str>,
        within: Interval,
    ) -> Result<Vec<PathBuf>, CaseError> {
        let day = |name: &str| NaiveDate::parse_from_str(name.strip_prefix("date=")?, "%Y-%m-%d").ok();
        let limit = |t: Timestamp| NaiveDate::parse_from_str(&t.date(), "%Y-%m-%d").ok();
        let (from, to) = (limit(within.from), limit(within.to));
        self.list(table, cluster, |folder| {
            day(folder).is_none_or(|d| from.is_none_or(|from| from <= d) && to.is_none_or(|to| d <= to))
        })
    }

    /// The Parquet files in folders whose names are `wanted`.
    fn list(
        &self,
        table: &Table,
        cluster: Option<&str>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<PathBuf>, CaseError> {
        let mut root = self.dir.join(table.name);
        if let Some(cluster) = cluster {
            root.push(partition("cluster", cluster));
        }
        let mut found = Vec::new();
        let walk = walkdir::WalkDir::new(&root).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|e| !e.file_type().is_dir() || e.file_name().to_str().is_none_or(&wanted)) {
            match entry {
                Ok(e) if e.path().extension().is_some_and(|x| x == "parquet") => found.push(e.into_path()),
                Ok(_) => {}
                Err(e) if e.io_error().is_some_and(|i| i.kind() == io::ErrorKind::NotFound) => {}
                Err(e) => return Err(CaseError::io(&root, e.into())),
            }
        }
        Ok(found)
    }
}

/// The folder name of one partition value, with the characters escaped that Hive escapes.
pub fn partition(key: &str, value: &str) -> String {
    let mut name = format!("{key}=");
    for c in value.chars() {
        if c.is_control() || "\"#%'*/:=?\\{}[]^".contains(c) {
            let mut buffer = [0_u8; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                name.push_str(&format!("%{byte:02X}"));
            }
        } else {
            name.push(c);
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_names_are_safe_in_paths() {
        assert_eq!(partition("cluster", "lab-a"), "cluster=lab-a");
        assert_eq!(partition("cluster", "../x"), "cluster=..%2Fx");
        assert_eq!(partition("cluster", "arn:aws:eks"), "cluster=arn%3Aaws%3Aeks");
    }
}
