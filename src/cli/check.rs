//! `check`: does the authorizer's own word in the log agree with the rebuilt RBAC?

use super::Settings;
use super::time_args::StretchArgs;
use crate::answer::{check, load};

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    stretch: StretchArgs,
}

impl Args {
    pub(super) fn run(self, settings: &Settings) -> anyhow::Result<u8> {
        let (case, cluster) = settings.open()?;
        let within = match (self.stretch.from, self.stretch.to) {
            (None, None) => None,
            _ => Some(self.stretch.within(&case, &cluster)?),
        };
        let timeline = load::timeline(&case, &cluster)?;
        let bars = settings.bars();
        let answer = check::answer(&case, &cluster, timeline, within, &bars)?;
        drop(bars);
        settings.show(&answer)
    }
}
