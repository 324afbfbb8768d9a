//! `sql`: ask the tables directly.

use super::Settings;
use crate::answer::sources;
use crate::case::Case;

/// Arguments of `sql`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A SELECT over the tables of the case
    query: String,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let case = Case::open(&settings.case_dir)?;
        let cluster = settings.cluster.as_deref().map(|c| case.cluster(Some(c))).transpose()?;
        settings.show(&sources::sql(&case, cluster.as_deref(), &self.query)?)
    }
}
