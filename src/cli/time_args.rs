//! `--at`: the moment a question is about.

use clap::Args;

use crate::model::time::Timestamp;

/// The moment asked about.
#[derive(Debug, Args)]
pub struct AtArg {
    /// The moment asked about, RFC 3339 or `YYYY-MM-DD[ HH:MM[:SS]]` UTC; default: the end of the evidence
    #[arg(long, value_name = "TIME")]
    pub at: Option<Timestamp>,
}

/// A stretch of time.
#[derive(Debug, Args)]
pub struct StretchArgs {
    /// From this moment on
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Up to, not including, this moment
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
}
