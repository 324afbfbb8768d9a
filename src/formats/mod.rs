//! Reading evidence files, recognised by content, never by name.
//!
//! A file is peeled of its compression ([`decode`]), cut into lines or documents ([`blocks`],
//! [`documents`]) and each of those is opened by what it holds: an audit event ([`audit`]), Kubernetes
//! objects ([`objects`], [`yaml`]), or discovery data. What cannot be read becomes a reject with its
//! place and reason; reading goes on behind it.

pub mod audit;
pub mod blocks;
pub mod decode;
pub mod documents;
pub mod objects;
pub mod recognise;
pub mod yaml;

/// A stretch of bytes that should be a record and could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Byte offset in the decompressed source.
    pub offset: u64,
    /// Line, from 1.
    pub line: u64,
    /// Length in bytes.
    pub length: u64,
    /// What was expected and what was found.
    pub reason: String,
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
    /// The first bytes, invalid UTF-8 replaced.
    pub first_bytes: String,
}

/// Bytes of a reject that are shown.
const SHOWN: usize = 200;

impl Reject {
    /// A reject for these bytes.
    pub fn new(offset: u64, line: u64, bytes: &[u8], reason: impl Into<String>) -> Self {
        use sha2::{Digest as _, Sha256};
        let shown = bytes.get(..SHOWN).unwrap_or(bytes);
        Self {
            offset,
            line,
            length: bytes.len() as u64,
            reason: reason.into(),
            sha256: hex(&Sha256::digest(bytes)),
            first_bytes: String::from_utf8_lossy(shown).into_owned(),
        }
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}
