//! p
use std::path::PathBuf;
pub(crate) struct Options { pub(crate) out: PathBuf, pub(crate) bytes: u64, pub(crate) seed: u64, pub(crate) days: u32, pub(crate) gzip: bool, pub(crate) file_size: u64 }
pub(crate) fn generate(_o: &Options) -> std::io::Result<String> { Ok(String::new()) }
