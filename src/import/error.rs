//! What stops an import. The case is then as it was.

use std::io;

use crate::bundle;
use crate::case::CaseError;

/// Why an import did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Paths that do not exist.
    #[error("no such file or folder: {}; check the spelling", quoted(.0))]
    MissingPaths(Vec<String>),
    /// There is nothing under the paths.
    #[error("nothing to import under {}: the folder is empty; name the folder that holds the audit logs or object dumps", quoted(.0))]
    Empty(Vec<String>),
    /// There are files, but none is evidence.
    #[error(
        "none of the {files} files under {} is evidence that kubesleuth knows (first: `{first}`){}: expected Kubernetes audit logs, or objects as JSON or YAML",
        quoted(.paths), because(.why)
    )]
    NothingRecognised {
        /// What was named.
        paths: Vec<String>,
        /// How many files there were.
        files: usize,
        /// One of them.
        first: String,
        /// Why a file of them could not be read, and which.
        why: Option<(String, String)>,
    },
    /// A file cannot be read.
    #[error(
        "cannot read `{path}`: {source}; nothing was imported: make it readable, or leave it out and import the rest"
    )]
    Unreadable {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A bundle cannot be opened.
    #[error(transparent)]
    Bundle(#[from] bundle::BundleError),
    /// A bundle is not whole.
    #[error(
        "bundle `{path}` is damaged: {first}{}; nothing was imported: `kubesleuth verify {path}` lists all findings, --accept-damaged imports it all the same",
        more(*.findings)
    )]
    DamagedBundle {
        /// The bundle.
        path: String,
        /// How many findings.
        findings: usize,
        /// The first.
        first: String,
    },
    /// The evidence names several clusters.
    #[error("the evidence names several clusters ({}): import them one by one, each with --cluster NAME", .0.join(", "))]
    SeveralClusters(Vec<String>),
    /// The case cannot be changed.
    #[error(transparent)]
    Case(#[from] CaseError),
    /// A table cannot be built or written.
    #[error("cannot write the case: {0}")]
    Write(String),
}

impl ImportError {
    /// Room beside the case could not be used.
    pub(super) fn aside(e: io::Error) -> Self {
        Self::Write(format!("cannot put ids aside beside the case: {e}; make room on that disk and try again"))
    }
}

impl From<arrow::error::ArrowError> for ImportError {
    fn from(e: arrow::error::ArrowError) -> Self {
        Self::Write(e.to_string())
    }
}

impl From<parquet::errors::ParquetError> for ImportError {
    fn from(e: parquet::errors::ParquetError) -> Self {
        Self::Write(e.to_string())
    }
}

fn quoted(paths: &[String]) -> String {
    paths.iter().map(|p| format!("`{p}`")).collect::<Vec<_>>().join(", ")
}

fn because(why: &Option<(String, String)>) -> String {
    why.as_ref().map(|(path, why)| format!("; `{path}` could not be read: {why}")).unwrap_or_default()
}

fn more(findings: usize) -> String {
    if findings > 1 { format!(" (and {} more)", findings - 1) } else { String::new() }
}
