//! How a state is known. An answer is as good as the weakest thing it rests on.

use std::fmt;

/// How a state is known, from the strongest to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Seen in a snapshot or in a full body.
    Observed,
    /// A patch applied to a known state.
    Derived,
    /// Nothing contradicts it, but the log does not cover the whole stretch.
    Assumed,
    /// The evidence cannot tell.
    Unknown,
}

impl Basis {
    /// The word used in tables and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Derived => "derived",
            Self::Assumed => "assumed",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Observed, Self::Derived, Self::Assumed, Self::Unknown].into_iter().find(|b| b.as_str() == word)
    }

    /// The weaker of two.
    #[must_use]
    pub fn weakest(self, other: Self) -> Self {
        self.max(other)
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
