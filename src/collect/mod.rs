//! Collectors: what fills a bundle. One file for each; they read the evidence, [`crate::bundle`] stores it.
//!
//! A collector asks neither the clock nor the system who it is: both are handed in, so that the same evidence gives
//! the same bundle to the byte and a test can say which.

mod files;

use std::path::PathBuf;

use crate::bundle::{BundleError, CollectionInfo, NotCollected, Sealed};
use crate::model::finding::Finding;
use crate::model::time::Timestamp;

pub use files::{FilesRequest, collect_files};

/// Who collects, where, and what they want to say: kept in the bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Version of the program.
    pub version: String,
    /// The arguments it was called with.
    pub arguments: Vec<String>,
    /// Name of the machine.
    pub host: Option<String>,
    /// Name of the user.
    pub user: Option<String>,
    /// The cluster that the evidence is of.
    pub cluster: Option<String>,
    /// A remark.
    pub note: Option<String>,
}

impl Origin {
    /// The record of a collection.
    fn info(&self, collector: &str, started: Timestamp, ended: Timestamp) -> CollectionInfo {
        CollectionInfo {
            collector: collector.to_owned(),
            version: self.version.clone(),
            arguments: self.arguments.clone(),
            host: self.host.clone(),
            user: self.user.clone(),
            started,
            ended,
            cluster: self.cluster.clone(),
            note: self.note.clone(),
        }
    }
}

/// What a collector did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// The bundle made.
    pub sealed: Sealed,
    /// What could not be collected, and why; it is in the bundle too.
    pub not_collected: Vec<NotCollected>,
    /// What a person should look at, such as files that changed while they were read.
    pub findings: Vec<Finding>,
}

/// Why nothing was collected. No bundle is left behind.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// Paths that do not exist; all of them.
    #[error("there is no {}: check the spelling, nothing was collected", list(.0))]
    MissingPaths(Vec<PathBuf>),
    /// The bundle would lie in what it collects.
    #[error(
        "the output `{}` lies inside the input `{}`: choose an --out outside of it",
        out.display(), input.display()
    )]
    OutputInsideInput {
        /// The output.
        out: PathBuf,
        /// The input that holds it.
        input: PathBuf,
    },
    /// The paths hold no file that can be read.
    #[error("nothing to collect under {}{}", list(paths), first.as_ref().map(|f| format!(": {f}")).unwrap_or_default())]
    NothingToCollect {
        /// All paths given.
        paths: Vec<PathBuf>,
        /// The first thing that was there and could not be collected, with the reason.
        first: Option<String>,
    },
    /// The bundle cannot be written.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

/// Paths in backticks, with commas.
fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}
