//! Something the evidence shows that a person should look at: damage, gaps, contradictions.

use std::fmt;

use super::object::Provenance;
use super::time::Timestamp;

/// How much a finding matters, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Limits what can be concluded.
    Low,
    /// An answer may be incomplete because of it.
    Medium,
    /// Evidence is damaged, forged or contradicts itself.
    High,
}

impl Severity {
    /// The word used in tables and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Info, Self::Low, Self::Medium, Self::High].into_iter().find(|s| s.as_str() == word)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One finding, with the places in the evidence that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// A stable kebab-case code, such as `snapshot-contradicts-log`.
    pub code: &'static str,
    /// What was found, in words, values as they are (renderers escape).
    pub message: String,
    /// When it concerns, if a moment can be named.
    pub at: Option<Timestamp>,
    /// The records that show it; two for a contradiction.
    pub witnesses: Vec<Provenance>,
}
