//! `sources`: the evidence files of the case.

use super::Settings;
use crate::answer::sources;
use crate::case::Case;

/// Arguments of `sources`.
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let case = Case::open(&settings.case_dir)?;
        settings.show(&sources::sources(&case, settings.cluster.as_deref())?)
    }
}
