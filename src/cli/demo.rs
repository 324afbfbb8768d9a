//! `demo`: the main job on the sample.

use super::Settings;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    pub(super) fn run(self, _settings: &Settings) -> anyhow::Result<u8> {
        anyhow::bail!("not yet")
    }
}
