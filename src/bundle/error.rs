//! What can go wrong with a bundle as a whole. Damage inside one is not an error but a finding of [`super::verify`].

use std::io;
use std::path::{Path, PathBuf};

use super::custody::CustodyError;
use super::format::FormatVersion;
use super::sign::SignError;

/// Why a bundle could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as in "cannot read".
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The output is there already.
    #[error("`{}` exists already: a bundle is never overwritten, choose another name", .0.display())]
    OutputExists(PathBuf),
    /// Beside the output lies what belongs to a bundle of its name.
    #[error(
        "`{}` exists already: it belongs to an earlier bundle of that name, move it away or choose another name",
        .0.display()
    )]
    LeftBeside(PathBuf),
    /// The folder that the output should lie in is missing.
    #[error("cannot write `{}`: its folder does not exist, create it first", .0.display())]
    NoOutputFolder(PathBuf),
    /// Nothing was put into a bundle.
    #[error("`{}` was not written: nothing was collected", .0.display())]
    Empty(PathBuf),
    /// What was opened is not a bag.
    #[error("`{}` is not an evidence bundle: {why}", path.display())]
    NotABundle {
        /// What was opened.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// The bundle was written by a newer version of this program.
    #[error(
        "`{}` has bundle format version {found}, this version reads up to {}: use a newer kubesleuth",
        path.display(), FormatVersion::CURRENT
    )]
    NewerFormat {
        /// The bundle.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// The collection record cannot be understood.
    #[error(
        "`collection.json` of `{}` cannot be read: {problem}; `kubesleuth verify` shows what else is damaged",
        path.display()
    )]
    Collection {
        /// The bundle.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that should be in the bundle is not.
    #[error("`{}` holds no file `{member}`: run `kubesleuth verify` on it", bundle.display())]
    NoSuchFile {
        /// The bundle.
        bundle: PathBuf,
        /// The file's path inside the bag.
        member: String,
    },
    /// The bundle was to be signed and is not there.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The bundle is sealed and there; its custody log is not.
    #[error("the bundle is sealed, but {0}")]
    Custody(#[from] CustodyError),
    /// A tag file is larger than anything sensible.
    #[error("`{member}` of `{}` is {size} bytes long: tag files are read up to {max} bytes", bundle.display())]
    TagFileTooLarge {
        /// The bundle.
        bundle: PathBuf,
        /// The tag file's path inside the bag.
        member: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        max: u64,
    },
}

impl BundleError {
    /// Wraps an error of the operating system: `map_err(BundleError::io("read", path))`.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
