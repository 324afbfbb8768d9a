//! What stops a merge. Nothing is changed then, neither the parts nor the case to be made.

use crate::case::CaseError;
use crate::import::ImportError;

/// Why cases were not merged.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// A part is named twice.
    #[error("part `{0}` is named twice (as `{1}`): name each part once")]
    Twice(String, String),
    /// The case to be made is one of the parts, or lies inside one.
    #[error("`{case}` lies in part `{part}`: parts are only read, name another folder with --case")]
    IntoPart {
        /// The case to be made.
        case: String,
        /// The part.
        part: String,
    },
    /// There is a case already.
    #[error(
        "`{0}` is a case already, a merge makes a new one: name a new or empty folder with --case, and this case among the parts if it is to be in it"
    )]
    Exists(String),
    /// The parts hold nothing.
    #[error("the parts hold no evidence: {}; import evidence into them first", .0.join(", "))]
    Empty(Vec<String>),
    /// One name was given for the evidence of several clusters.
    #[error("part `{part}` holds {} clusters ({}): leave --cluster out, clusters keep their names then", .clusters.len(), .clusters.join(", "))]
    SeveralClusters {
        /// The part.
        part: String,
        /// What it holds.
        clusters: Vec<String>,
    },
    /// A table of a part has columns that this program does not know.
    #[error(
        "table `{table}` of part `{part}` has a column `{column}` that {problem}: merge with the kubesleuth that wrote it, or import its evidence again"
    )]
    Column {
        /// The part's file.
        part: String,
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A row names a source that the part does not have.
    #[error("`{file}`: a row names the source `{source_id}`, which the part does not have: import its evidence again")]
    StraySource {
        /// The file.
        file: String,
        /// The id.
        source_id: String,
    },
    /// A part cannot be read, or the case cannot be written.
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl From<CaseError> for MergeError {
    fn from(e: CaseError) -> Self {
        Self::Import(e.into())
    }
}

impl From<arrow::error::ArrowError> for MergeError {
    fn from(e: arrow::error::ArrowError) -> Self {
        Self::Import(e.into())
    }
}

impl From<parquet::errors::ParquetError> for MergeError {
    fn from(e: parquet::errors::ParquetError) -> Self {
        Self::Import(e.into())
    }
}
