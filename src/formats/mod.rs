//! Reading evidence files, recognised by content, never by name.
//!
//! A file is peeled of its compression and archives ([`decode`], [`archive`]) and cut into batches
//! ([`source`]): blocks of lines, records put together of several lines, whole documents, stretches of long ones, CSV. A batch is
//! opened on any thread by what it holds, and every record goes to a [`sink::Sink`]: an audit event
//! ([`audit`] and one file for each export format), Kubernetes objects ([`objects`], [`yaml`]), or
//! something that is skipped. What cannot be read becomes a reject with its place and reason; reading
//! goes on behind it. Signs of incompleteness are gathered by [`completeness`].

mod aks;
pub mod archive;
pub mod audit;
pub mod authenticator;
pub mod blocks;
mod cloudwatch;
pub mod completeness;
mod cri;
mod csv_rows;
mod csv_source;
pub(crate) mod cursor;
mod damaged;
pub mod decode;
pub mod documents;
mod elasticsearch;
mod event_list;
mod few;
mod fields;
mod fluent_bit;
mod fluentd;
pub mod format;
mod gke;
mod go_quote;
mod inflate;
pub mod join;
mod journal;
mod json_formats;
pub mod layout;
mod legacy_text;
pub mod limits;
mod log_analytics;
mod loki;
pub(crate) mod members;
mod native;
pub mod objects;
mod open;
mod rancher;
pub mod recognise;
pub mod refusals;
mod repair;
mod salvage;
pub mod sink;
mod skip;
pub mod source;
mod spanning;
mod splunk;
mod spot;
mod stretches;
mod tar_reader;
mod text_lines;
mod units;
mod vector;
pub mod warnings;
mod wrapped;
pub mod yaml;
mod zip_reader;

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
