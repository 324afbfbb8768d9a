//! `case.json`: the schema version, the tool that wrote it, and the log of imports.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::CaseError;
use crate::model::time::Timestamp;

/// Version of the tables' layout. Raised when a table or column changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchemaVersion(u32);

impl SchemaVersion {
    /// What this program writes.
    pub const CURRENT: Self = Self(1);

    /// The bare number.
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// One import into a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRecord {
    /// Counted from 1.
    pub number: u32,
    /// The cluster it was filed under.
    pub cluster: String,
    /// The program's version.
    pub tool_version: String,
    /// When it ran.
    pub at: Timestamp,
    /// What was named on the command line.
    pub paths: Vec<String>,
    /// The sources it added.
    pub source_ids: Vec<String>,
}

/// What `case.json` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout.
    pub schema_version: SchemaVersion,
    /// The program that wrote it last.
    pub tool: String,
    /// All imports, oldest first.
    pub imports: Vec<ImportRecord>,
}

/// Only the version, so that a newer manifest of unknown shape is still refused by its number.
#[derive(Deserialize)]
struct VersionOnly {
    schema_version: SchemaVersion,
}

impl Manifest {
    /// A manifest without imports.
    pub fn new() -> Self {
        Self {
            schema_version: SchemaVersion::CURRENT,
            tool: concat!("kubesleuth ", env!("CARGO_PKG_VERSION")).to_owned(),
            imports: Vec::new(),
        }
    }

    /// The clusters of the case, sorted.
    pub fn clusters(&self) -> Vec<String> {
        let mut names: Vec<String> = self.imports.iter().map(|i| i.cluster.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// When the file cannot be read or is no manifest.
    pub fn read(path: &Path) -> Result<Self, CaseError> {
        let text = fs::read_to_string(path).map_err(|e| CaseError::io(path, e))?;
        let damaged =
            |e: serde_json::Error| CaseError::Manifest { path: path.display().to_string(), reason: e.to_string() };
        let version: VersionOnly = serde_json::from_str(&text).map_err(damaged)?;
        if version.schema_version > SchemaVersion::CURRENT {
            return Ok(Self { schema_version: version.schema_version, ..Self::new() });
        }
        serde_json::from_str(&text).map_err(damaged)
    }

    /// The text of `case.json`.
    pub fn to_text(&self) -> String {
        // The manifest is plain data: serialising it cannot fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl Default for Manifest {
    fn default() -> Self {
        Self::new()
    }
}
