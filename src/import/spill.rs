//! Numbers put aside in files, to find those that occur more than once. Files are nameless: nothing is left
//! behind, however the import ends.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

/// Files; a number's highest bits choose its own, so that each can be sorted in memory.
const FILES: usize = 64;

/// Numbers in files.
pub struct Spill {
    dir: PathBuf,
    files: Vec<BufWriter<File>>,
}

impl Spill {
    /// No numbers yet; files are made in `dir` once they are needed.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), files: Vec::new() }
    }

    /// Whether nothing was put aside.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Puts a number aside.
    ///
    /// # Errors
    /// When a file cannot be made or written.
    pub fn push(&mut self, number: u64) -> io::Result<()> {
        if self.files.is_empty() {
            let made = (0..FILES).map(|_| tempfile::tempfile_in(&self.dir).map(BufWriter::new));
            self.files = made.collect::<io::Result<_>>()?;
        }
        let file = usize::try_from(number >> 58).unwrap_or_default();
        match self.files.get_mut(file) {
            Some(file) => file.write_all(&number.to_le_bytes()),
            None => Ok(()),
        }
    }

    /// The numbers that were put aside more than once, each once, in order.
    ///
    /// # Errors
    /// When a file cannot be written or read.
    pub fn repeated(self) -> io::Result<Vec<u64>> {
        let mut repeated = Vec::new();
        for file in self.files {
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let mut numbers: Vec<u64> =
                bytes.chunks_exact(8).filter_map(|c| c.try_into().ok()).map(u64::from_le_bytes).collect();
            drop(bytes);
            numbers.sort_unstable();
            let first = repeated.len();
            for pair in numbers.windows(2) {
                if let [a, b] = pair
                    && a == b
                    && repeated.get(first..).and_then(|r| r.last()) != Some(a)
                {
                    repeated.push(*a);
                }
            }
        }
        Ok(repeated)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn repeated_numbers_are_told_once_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut spill = Spill::new(dir.path());
        assert!(spill.is_empty());
        for n in [u64::MAX, 5, 9, 5, u64::MAX, 0, 5, 1 << 60] {
            spill.push(n).unwrap();
        }
        assert_eq!(spill.repeated().unwrap(), [5, u64::MAX]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "files have no names");
    }
}
