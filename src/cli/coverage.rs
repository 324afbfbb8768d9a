//! `coverage`: what the evidence can and cannot show.

use super::Settings;
use crate::answer::coverage;

/// Arguments of `coverage`.
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        settings.show(&coverage::answer(&case, &cluster)?)
    }
}
